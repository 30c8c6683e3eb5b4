"""Figure 1: derivatives by their closed forms, jumps drawn upright, and the ranges of the paper."""

from math import exp
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisyviz.errors import InputError
from noisyviz.export.render import rc_settings
from noisyviz.pictures.derivatives import drawing as derivatives
from noisyviz.pictures.derivatives.drawing import caption_words
from noisyviz.pictures.derivatives.picture import Derivatives
from noisyviz.pictures.stored import stored_picture


def drawn(width: float = 3.25, **given: Any) -> tuple[Figure, Axes]:
    recipe = Derivatives(**given)
    result = recipe.compute()
    with mpl.rc_context(rc_settings("paper")):
        figure = Figure(figsize=recipe.size(result, width))
        axes = derivatives.draw(result, figure)
        figure.draw_without_rendering()
    return figure, axes


def closed_form(fn: str, x: float) -> float:
    """h′ written out; at a kink that is a threshold the saturated side counts."""
    return {
        "hard-tanh": 1.0 if abs(x) < 1.0 else 0.0,
        "hard-sigmoid": 0.25 if abs(x) < 2.0 else 0.0,
        "tanh": 4.0 / (exp(x) + exp(-x)) ** 2,
        "sigmoid": 1.0 / (exp(x / 2.0) + exp(-x / 2.0)) ** 2,
    }[fn]


def test_the_curves_are_the_derivatives_at_250_points_of_the_papers_range() -> None:
    _, axes = drawn()
    curves = {line.get_label(): line.get_xydata() for line in axes.lines if not str(line.get_label()).startswith("_")}
    assert list(curves) == ["hard-tanh", "tanh", "sigmoid", "hard-sigmoid"]
    for fn, curve in curves.items():
        x, y = np.asarray(curve).T
        assert set(np.linspace(-4.0, 4.0, 250)) <= set(x)
        np.testing.assert_allclose(y, [closed_form(str(fn), value) for value in x], rtol=1e-13)
    assert axes.get_xlim() == (-4.0, 4.0)
    assert axes.get_ylim() == (-0.2, 1.2)


@pytest.mark.parametrize(("fn", "threshold", "height"), [("hard-tanh", 1.0, 1.0), ("hard-sigmoid", 2.0, 0.25)])
def test_jumps_are_upright(fn: str, threshold: float, height: float) -> None:
    one = Derivatives(fn=(fn,)).compute().slopes[0]
    for kink in (-threshold, threshold):
        near = np.abs(one.x - kink) < 1e-7
        assert sorted(set(one.derivative[near])) == [0.0, height]


def test_every_line_has_its_entry_and_a_style_of_its_own() -> None:
    _, axes = drawn()
    lines = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [line.get_label() for line in lines]
    for handle, line in zip(legend.legend_handles, lines, strict=True):
        assert isinstance(handle, mpl.lines.Line2D)
        assert handle.get_color() == line.get_color()
    assert len({line.get_color() for line in lines}) == len(lines)
    assert len({str(line._dash_pattern) for line in lines}) == len(lines)  # type: ignore[attr-defined]  # dashes as drawn


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_nothing_leaves_the_page_and_the_legend_stands_clear(width: float) -> None:
    figure, axes = drawn(width)
    wide, high = figure.get_size_inches() * figure.dpi
    assert figure.get_size_inches()[0] == width
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1
    for box in (legend.get_window_extent(), axes.get_tightbbox(), *(text.get_window_extent() for text in figure.texts)):
        assert box is not None
        assert box.x0 >= -0.5
        assert box.y0 >= -0.5
        assert box.x1 <= wide + 0.5
        assert box.y1 <= high + 0.5


def test_the_caption_says_which_derivatives_are_0_and_which_only_tend_to_it() -> None:
    def caption(*fn: str) -> str:
        return " ".join(caption_words(Derivatives(fn=fn).compute())).replace("$", "").replace(r"\mathbf", "")

    assert (
        caption("hard-tanh", "tanh")
        == "The derivative is 0 from |x|=1 on for {hard}-{tanh}; only tends to 0 for {tanh}."
    )
    assert caption("relu6") == "The derivative is 0 up to x=0 and from 6 on for {relu6}."
    assert caption("sigmoid", "tanh") == "The derivative only tends to 0 for {sigmoid}, {tanh}."
    assert caption("relu", "identity") == ""


def test_a_larger_derivative_widens_the_range() -> None:
    assert Derivatives(fn=("selu", "hard-swish")).compute().ylim[1] > 1.7
    assert Derivatives(fn=("selu", "hard-swish")).compute().ylim[0] < -0.5


def test_the_table_has_one_row_for_each_function_and_x() -> None:
    recipe = Derivatives(points=9)
    table = recipe.tables(recipe.compute())[""]
    assert list(table) == ["fn", "x", "derivative"]
    assert [int(np.sum(table["fn"] == fn)) for fn in recipe.fn] == [13, 9, 9, 13]
    np.testing.assert_allclose(
        table["derivative"], [closed_form(fn, x) for fn, x in zip(table["fn"], table["x"], strict=True)], rtol=1e-13
    )


def test_settings_make_the_recipe_again() -> None:
    recipe = Derivatives(fn=("relu", "tanh"), xlim=(-2.0, 3.0), points=7)
    assert stored_picture(Derivatives.name, recipe.settings()) == recipe


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"fn": ()}, "fn"),
        ({"fn": ("tanh",) * 8}, "fn"),
        ({"points": 1}, "points"),
        ({"xlim": (1.0, 1.0)}, "xlim"),
        ({"xlim": (0.0, float("nan"))}, "xlim"),
    ],
)
def test_settings_outside_their_domain_are_refused(given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InputError, match=parameter) as caught:
        Derivatives(**given)
    assert caught.value.parameter == parameter


def test_data_are_refused() -> None:
    with pytest.raises(InputError, match="no data"):
        Derivatives().compute(np.ones(3))
