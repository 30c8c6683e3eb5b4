"""Small multiples: what each cell shows, axes shared and labelled once, nothing that overlaps."""

import copy
import itertools
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from conftest import computed
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from noisyviz.export.render import rc_settings
from noisyviz.pictures.compare import drawing as compare
from noisyviz.pictures.compare import heat
from noisyviz.pictures.compare.picture import SUMMARY, Compare, CompareResult
from noisyviz.pictures.shared.style import OKABE_ITO
from noisyviz.units import kinds

KINDS = ("none", "nan", "nah", "nani", "nanil", "nanis", "nanil-softplus")
ISSUE = {"fn": ("hard-tanh",), "unit": ("nan", "nah", "nani", "nanil", "nanis"), "alpha": (0.9, 1.0, 1.15)}
CASES: dict[str, dict[str, Any]] = {
    "five kinds": ISSUE,
    "one": {},
    "a row each": {"alpha": (0.9, 1.0, 1.15)},
    "functions": {"fn": ("tanh", "relu"), "unit": ("nan", "nani")},
    "many columns": {"fn": ("tanh", "hard-tanh"), "unit": KINDS},
    "even columns": {"unit": ("nani", "nan"), "alpha": (0.9, 1.15), "xlim": (-20.0, 35.0)},
    "noises": {"unit": ("none", "nan"), "noise": ("normal", "laplace", "student-t:3.25", "uniform")},
    "all panels": {"unit": ("nan", "nanil-softplus"), "panels": ("activation", "delta", "sigma", "gradient")},
    "no saturation": {"fn": ("identity",), "unit": ("nan", "none"), "c": (0.25, 0.5)},
}
WIDE = ("five kinds", "many columns", "all panels")


def compared(**given: Any) -> CompareResult:
    result: CompareResult = computed(Compare(**{"points": 41, "samples": 30} | given))
    return result


def drawn(result: CompareResult, *, width: float = 6.75, style: str = "paper") -> tuple[Figure, dict[str, Axes]]:
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=compare.size(result, width))
        axes = compare.draw(result, figure)
        figure.draw_without_rendering()
    return figure, axes


@pytest.fixture(scope="module")
def five() -> tuple[CompareResult, Figure, dict[str, Axes]]:
    result = compared(**ISSUE)
    return result, *drawn(result)


def boxes(figure: Figure) -> dict[str, Bbox]:
    """Every axes with its labels and title, the legend, headings and the lines of the caption."""
    found = {f"axes {k}": axes.get_tightbbox(for_layout_only=True) for k, axes in enumerate(figure.axes)}
    found |= {f"legend {k}": legend.get_window_extent() for k, legend in enumerate(figure.legends)}
    found |= {f"{text.get_label()} {k}": text.get_window_extent() for k, text in enumerate(figure.texts)}
    return {key: box for key, box in found.items() if box is not None}


@pytest.mark.parametrize(  # large letters for the width, where it is hardest, and small ones
    ("case", "style", "width"), [*((case, "dark", 3.25) for case in CASES), *((case, "paper", 6.75) for case in WIDE)]
)
def test_nothing_overlaps_and_nothing_leaves_the_page(case: str, style: str, width: float) -> None:
    figure, _ = drawn(compared(**CASES[case]), width=width, style=style)
    assert figure.get_size_inches()[0] == width
    right, top = figure.get_size_inches() * figure.dpi
    found = boxes(figure)
    for name, box in found.items():
        assert min(box.x0, box.y0) >= -0.5, name
        assert box.x1 <= right + 0.5, name
        assert box.y1 <= top + 0.5, name
    for axes in figure.axes:
        assert not axes.get_xlabel() or len(axes.get_xticklabels()) >= 2
    for (one, first), (other, second) in itertools.combinations(found.items(), 2):
        overlap = Bbox.intersection(first, second)
        assert overlap is None or min(overlap.width, overlap.height) <= 1.0, (one, other)


def test_every_cell_shows_response_and_gradient_of_its_unit(
    five: tuple[CompareResult, Figure, dict[str, Axes]],
) -> None:
    result, _, axes = five
    assert set(axes) == {f"{k}.{panel}" for k in range(9) for panel in ("activation", "gradient")}
    for k, cell in enumerate(result.cells):
        moments, curves = cell.series.moments, cell.series.curves
        shown = {line.get_label(): line for line in axes[f"{k}.activation"].get_lines()}
        np.testing.assert_array_equal(shown["mean"].get_ydata(), moments.mean)
        np.testing.assert_array_equal(shown["h"].get_ydata(), curves.h)
        np.testing.assert_array_equal(shown["u"].get_ydata(), curves.u)
        np.testing.assert_array_equal(shown["cloud"].get_ydata(), cell.series.cloud_phi)
        assert "hard" not in shown
        shown = {line.get_label(): line for line in axes[f"{k}.gradient"].get_lines()}
        np.testing.assert_array_equal(shown["gradient"].get_ydata(), moments.grad_mean)
        np.testing.assert_array_equal(shown["derivative"].get_ydata(), curves.derivative)
        assert ("wrong" in shown) == bool(cell.series.wrong)
        thresholds = [line for line in axes[f"{k}.gradient"].get_lines() if line.get_label() == "threshold"]
        assert [line.get_xdata()[0] for line in thresholds] == [-1.0, 1.0]  # type: ignore[index]  # a list of two
        assert sum(patch.get_label() == "saturated" for patch in axes[f"{k}.activation"].patches) == 2


def test_axes_are_shared_and_labelled_once(
    five: tuple[CompareResult, Figure, dict[str, Axes]],
) -> None:
    *_, axes = five
    for panel in ("activation", "gradient"):
        same = [one for key, one in axes.items() if key.endswith(panel)]
        assert len({(one.get_xlim(), one.get_ylim()) for one in same}) == 1
    heights = {round(one.get_position().height, 9) for one in axes.values()}
    assert len(heights) == 1
    across = [key for key, one in axes.items() if one.get_xlabel()]
    assert sorted(across) == ["3.gradient", "4.gradient", "5.gradient", "8.activation", "8.gradient"]
    upright = [key for key, one in axes.items() if one.get_ylabel()]
    assert sorted(upright) == [f"{k}.{panel}" for k in (0, 3, 6, 7, 8) for panel in ("activation", "gradient")]


def test_titles_tell_columns_and_headings_rows(five: tuple[CompareResult, Figure, dict[str, Axes]]) -> None:
    _, figure, axes = five
    titles = {key: [text.get_text() for text in one.texts if text.get_label() == "title"] for key, one in axes.items()}
    assert [titles[f"{k}.activation"] for k in range(3)] == [[r"$\alpha=0.9$"], [r"$\alpha=1$"], [r"$\alpha=1.15$"]]
    assert [titles[f"{k}.activation"] for k in (6, 7, 8)] == [[r"the same for every $\alpha$"]] * 3
    assert all(titles[f"{k}.gradient"] == [] for k in range(9))
    assert all(titles[f"{k}.activation"] == [] for k in (3, 4, 5))  # those of the first row stand above them
    headings = [text for text in figure.texts if text.get_label() == "heading"]
    assert [text.get_text() for text in headings] == [rf"$\mathbf{{{kind}}}$" for kind in ISSUE["unit"]]
    assert len({text.get_position()[1] for text in headings}) == 5


def test_a_kind_without_alpha_stands_once_with_its_panels_side_by_side(
    five: tuple[CompareResult, Figure, dict[str, Axes]],
) -> None:
    *_, axes = five
    several = [axes[f"{k}.{panel}"].get_position() for k in (0, 1) for panel in ("activation", "gradient")]
    assert several[0].x0 == several[1].x0
    assert several[0].y0 > several[1].y1
    assert several[2].y0 == several[0].y0
    alone = [axes[f"6.{panel}"].get_position() for panel in ("activation", "gradient")]
    assert alone[0].y0 == alone[1].y0
    assert alone[0].x1 < alone[1].x0
    assert alone[1].x1 == pytest.approx(axes["2.activation"].get_position().x1)


@pytest.mark.parametrize(("count", "lines"), [(4, [0, 0, 1, 1]), (5, [0, 0, 0, 1, 1])])
def test_columns_that_do_not_fit_break_into_even_lines(count: int, lines: list[int]) -> None:
    result = compared(fn=("tanh", "relu"), unit=KINDS[:count])
    _, wide = drawn(result)
    assert len({wide[f"{k}.activation"].get_position().y0 for k in range(count)}) == 1
    _, narrow = drawn(result, width=3.25)
    places = [narrow[f"{k}.activation"].get_position() for k in range(count)]
    heights = sorted({place.y0 for place in places}, reverse=True)
    assert [heights.index(place.y0) for place in places] == lines
    second = lines.index(1)
    for k in range(second, count):
        assert (places[k].x0, places[k].width) == pytest.approx((places[k - second].x0, places[0].width))


def test_one_legend_stands_for_all_cells() -> None:
    def texts(**given: Any) -> list[str]:
        figure, axes = drawn(compared(**given))
        assert all(one.get_legend() is None for one in axes.values())
        (legend,) = figure.legends
        return [text.get_text() for text in legend.get_texts()]

    assert texts(**ISSUE) == [
        *("$h$, $h$′", "$u$", "mean", "25–75 %", "5–95 %", "draws", "P(wrong) > ½", "saturated"),
    ]
    assert texts(fn=("identity",)) == ["$h$, $h$′", "$u$", "mean"]
    assert texts(panels=("gradient",)) == ["25–75 %", "5–95 %", "$h$′", "mean", "saturated"]
    both = texts(panels=("sigma",), unit=("nan", "nanil-softplus"))
    assert both == [r"$\sigma(x)$, std of $s$", "saturated"]
    assert texts(panels=("sigma",), unit=("nanil-softplus",)) == ["std of noise $s$", "saturated"]


def test_the_caption_tells_what_all_cells_share_and_every_formula() -> None:
    def caption(**given: Any) -> str:
        figure, _ = drawn(compared(**given))
        return " ".join(text.get_text() for text in reversed(figure.texts) if text.get_label() == "caption")

    told = caption(**ISSUE)
    assert told.startswith(
        r"$\mathbf{hard}$-$\mathbf{tanh}$, $c=0.5$, $p=1$, normal $\xi$. nan (normal noise on the output):"
    )
    assert all(f"{kind} ({kinds.KINDS[str(kind)].words}): $" in told for kind in ISSUE["unit"])
    assert r"$\alpha=" not in told.partition("nan (")[0]
    assert caption(unit=("none",)) == r"$\mathbf{tanh}$. none (no noise): $\varphi=h(x)$."
    scales = caption(scale=("eq9", "figure"))
    assert "eq9: $" in scales
    assert "figure: $" in scales


def test_bars_of_the_wrong_sign_cover_no_curve(
    five: tuple[CompareResult, Figure, dict[str, Axes]],
) -> None:
    result, _, axes = five
    for k, cell in enumerate(result.cells):
        if cell.series.wrong:
            one = axes[f"{k}.gradient"]
            low, high = one.get_ylim()
            lowest = np.min(cell.series.moments.grad_mean - cell.series.moments.grad_std)
            assert (lowest - low) / (high - low) > 0.05


def test_colours_suit_the_background_and_no_id_repeats() -> None:
    for style, light in (("paper", True), ("dark", False)):
        figure, axes = drawn(compared(), style=style)
        mean = next(line for line in axes["0.activation"].get_lines() if line.get_label() == "mean")
        assert (to_hex(mean.get_color()).upper() == OKABE_ITO["blue"]) == light
        assert all(artist.get_gid() is None for artist in figure.findobj())


@pytest.mark.parametrize(("samples", "image"), [(1000, False), (1001, True)])
def test_few_draws_stay_vectors(samples: int, image: bool) -> None:
    _, axes = drawn(compared(samples=samples, panels=("activation",)))
    (cloud,) = (line for line in axes["0.activation"].get_lines() if line.get_label() == "cloud")
    assert np.asarray(cloud.get_xdata()).size == samples
    assert bool(cloud.get_rasterized()) == image


def test_a_long_name_of_a_function_is_cut_to_its_end() -> None:
    result = copy.deepcopy(compared(fn=("tanh", "relu")))
    long = "some.package.of.mine:" + "a_very_long_name_" * 4
    object.__setattr__(result.grid[0][0], "fn", long)
    figure, axes = drawn(result, width=3.25)
    heading = next(text for text in figure.texts if text.get_label() == "heading")
    assert heading.get_text().startswith("…")
    assert heading.get_text().endswith("name_")
    extent = heading.get_window_extent()
    box = axes["0.activation"].get_window_extent()
    assert extent.height <= box.height + 1.0


def test_every_average_has_a_name_in_maps() -> None:
    assert set(heat.NAMES) == set(SUMMARY)


def test_the_colours_of_a_map_reach_down_to_negative_values() -> None:
    assert heat.limits(np.array([[0.5, -0.25], [np.nan, 0.1]])) == (-0.25, 0.5)
    assert heat.limits(np.array([[0.5, 0.25]])) == (0.0, 0.5)
