"""Texts are measured, lines broken, and ticks are round and few."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from noisyviz.pictures.shared.layout import (
    balanced,
    legend_columns,
    letter,
    literal,
    number,
    stretched,
    tall,
    text_width,
    tick_labels,
    ticks,
    ticks_across,
    wrap,
)
from noisyviz.pictures.shared.style import style


@pytest.fixture(autouse=True)
def _paper() -> Iterator[None]:
    with mpl.rc_context(style("paper")):
        yield


@pytest.mark.parametrize("text", ["saturated", r"$\mathrm{E}[\varphi]\pm$std", "$h$′", "a b", r"0.5\$"])
def test_texts_are_as_wide_as_matplotlib_draws_them(text: str) -> None:
    figure = Figure(dpi=300)
    box = figure.text(0.0, 0.0, text).get_window_extent()
    assert text_width(text) == pytest.approx(box.width / 300, abs=0.012)


@given(
    low=st.floats(-1e6, 1e6),
    span=st.floats(1e-3, 1e6),
    most=st.integers(2, 9),
)
def test_ticks_are_few_equally_spaced_and_inside(low: float, span: float, most: int) -> None:
    high = low + span
    values, names = ticks(low, high, most=most)
    assert 1 <= len(values) == len(names) <= most + 1
    assert low - 1e-6 * span <= values[0] <= values[-1] <= high + 1e-6 * span
    steps = np.diff(values)
    assert np.allclose(steps, steps[:1].sum(), rtol=1e-6)
    assert len(set(names)) == len(names) or span < 1e-2 * abs(low)


def test_tick_labels_have_a_true_minus_and_one_number_of_decimals() -> None:
    assert tick_labels([-0.5, 0.0, 0.5, 1.0]) == ["−0.5", "0", "0.5", "1.0"]
    assert tick_labels([-2e-5, 0.0, 2e-5]) == [r"$−2\times10^{−5}$", "0", r"$2\times10^{−5}$"]
    assert tick_labels([]) == []


def test_labels_of_a_narrow_axis_stay_apart() -> None:
    values, names = ticks_across(-1000.0, 2000.0, most=8, width=1.5)
    pitch = 1.5 * (values[1] - values[0]) / 3000.0
    assert max(map(text_width, names)) < pitch
    assert len(names) >= 3


def test_lines_are_no_wider_than_asked_and_lose_no_word() -> None:
    words = ["word", r"$\alpha=0.9$,", "another", "ab" * 60, "end."]
    for width in np.linspace(0.7, 3.0, 20):
        lines = wrap(words * 4, width=float(width))
        assert all(text_width(line) <= width + 0.01 for line in lines)
        assert "".join(lines).replace(" ", "") == "".join(words * 4)
    assert wrap([], width=1.0) == []
    assert wrap(["a", "b"], width=9.0) == ["a b"]


def test_a_long_name_is_not_broken_inside_an_escape() -> None:
    for width in np.linspace(0.5, 1.0, 20):
        for line in wrap([literal("$a" * 40)], width=float(width)):
            assert "\\" not in line.replace(r"\$", "")


def test_names_start_neither_mathematics_nor_a_hidden_legend_entry() -> None:
    assert literal("a$b$\nc") == r"a\$b\$ c"
    assert not literal("_hidden").startswith("_")


def test_a_legend_takes_as_many_columns_as_fit() -> None:
    labels = ["aa", "bb", "cc", "dd"]
    assert legend_columns(labels, width=9.0) == 4
    assert legend_columns(labels, width=0.9) == 2
    assert legend_columns(labels, width=0.1) == 1


def test_a_legend_fills_its_rows_evenly() -> None:
    """Four of these fit into rows of three, but two rows of two hold them as well."""
    labels = ["aa", "bb", "cc", "dd"]
    fits = [width for width in np.linspace(0.3, 2.0, 200) if legend_columns(labels, width=float(width)) == 3]
    assert fits == []
    assert legend_columns([*labels, "ee"], width=1.5) == 3


def test_numbers_in_text() -> None:
    assert number(-1.5) == "−1.5"
    assert number(1e-9) == r"$1\times10^{−9}$"
    assert number(123456.0, digits=3) == r"$1.23\times10^{5}$"


@pytest.mark.parametrize(
    ("height", "axes"),
    [(4.0, 3.0), (12.0, 11.0), (7.0, 6.0), (None, 6.0), (1.2, 6.0), (99.0, 6.0)],
    ids=["lower", "higher", "as it is", "not asked", "too low", "too high"],
)
def test_axes_are_stretched_until_a_picture_has_its_height(height: float | None, axes: float) -> None:
    with stretched(height, lambda: 1.0 + tall(6.0)):
        assert tall(6.0) == pytest.approx(axes, abs=2e-3)
    assert tall(6.0) == 6.0


def test_axes_stay_high_enough_for_their_numbers() -> None:
    least = 5.0 * 8.0 / 72.0  # em of 8 points
    with stretched(6.0, lambda: 1.0 + 2.0 * tall(6.0, least=0.0)):
        assert tall(0.7, least=5.0) == pytest.approx(least)
        assert tall(0.3, least=5.0) == 0.3


def test_a_letter_stands_on_the_first_line_of_a_title() -> None:
    figure = Figure(figsize=(4.0, 3.0))
    panels = [figure.add_axes(box) for box in ((0.15, 0.1, 0.3, 0.6), (0.6, 0.1, 0.3, 0.6))]
    panels[0].annotate("a title\nof three\nlines", (0.0, 1.0), xycoords="axes fraction", va="bottom", label="title")
    panels[1].legend([panels[1].plot([0, 1])[0]], ["one"], loc="lower left", bbox_to_anchor=(0.0, 1.0))
    letter(figure, panels)
    tops = [panels[0].texts[0].get_window_extent().y1, panels[1].get_legend().get_window_extent().y1]
    for text, top in zip(figure.texts, tops, strict=True):
        assert text.get_window_extent().y1 == pytest.approx(top, abs=3.0)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three four five", ["one two three", "four five"]),
        ("short", ["short"]),
        (r"mean of $a + b$ at $c$", [r"mean of", r"$a + b$ at $c$"]),
        ("incomprehensibilities are", ["incomprehensibilities", "are"]),
    ],
)
def test_lines_of_a_title_are_even(text: str, lines: list[str]) -> None:
    longest = max(map(text_width, lines)) + 0.45
    assert balanced(text, width=longest) == (lines if text_width(text) > longest else [text])


def test_letters_follow_the_order_of_reading_and_stay_on_the_page() -> None:
    figure = Figure(figsize=(4.0, 3.0))
    panels = [figure.add_axes(box) for box in ((0.1, 0.1, 0.3, 0.3), (0.6, 0.7, 0.3, 0.3), (0.1, 0.698, 0.3, 0.3))]
    letter(figure, panels)
    told = {text.get_text(): text.get_position() for text in figure.texts}
    for name, (left, upper) in {"a": (0.1, True), "b": (0.6, True), "c": (0.1, False)}.items():
        x, y = told[name]
        assert left - 0.08 < x < left - 0.02  # over the numbers of the axis
        assert (y > 0.5) == upper
    assert all(y < 1.0 - 0.02 for _, y in told.values())
    alone = Figure(figsize=(4.0, 3.0))
    letter(alone, [alone.add_axes((0.1, 0.1, 0.8, 0.8))])
    assert alone.texts == []
