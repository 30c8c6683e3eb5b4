"""Sheets of panels: measured places, labels once, and nothing that overlaps."""

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from noisyviz.export.render import rc_settings
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, log_ticks, sheet

X = Range(low=-4.0, high=4.0, label="$x$")
Y = Range(low=-1.5, high=1.5, label=r"$\varphi$")
LEGEND = ("one thing", "another thing", "a third and rather long thing")


def made(*, width: float) -> tuple[Sheet, Figure, dict[str, mpl.axes.Axes]]:
    rows = [[Panel(key=f"{i}{j}", x=X, y=Y, height=0.8, title=f"panel {i}{j}") for j in range(2)] for i in range(2)]
    long = Range(low=1.0, high=100.0, log=True, label="epochs")
    rows.append([Panel(key="log", x=long, y=Range(low=0.008, high=0.4, log=True), height=1.0, legend=LEGEND)])
    caption = ["word"] * 60
    plan = sheet(rows, width=width, caption=caption, legend=["all", "of it"])
    figure = Figure(figsize=plan.size)
    axes = plan.add(figure)
    plan.legend(axes, "log", [Line2D([], []) for _ in LEGEND])
    plan.figure_legend(figure, [Line2D([], []) for _ in range(2)])
    return plan, figure, axes


@pytest.fixture(params=[("paper", 3.25), ("paper", 6.75), ("screen", 3.25)])
def drawn(request: pytest.FixtureRequest) -> tuple[Sheet, Figure, dict[str, mpl.axes.Axes]]:
    style, width = request.param
    with mpl.rc_context(rc_settings(style)):
        plan, figure, axes = made(width=width)
        figure.draw_without_rendering()
    return plan, figure, axes


def boxes(figure: Figure) -> dict[str, Bbox]:
    """Every axes with its labels, every legend, and the caption's lines."""
    found = {f"axes {k}": axes.get_tightbbox(for_layout_only=True) for k, axes in enumerate(figure.axes)}
    found |= {f"legend {k}": legend.get_window_extent() for k, legend in enumerate(figure.legends)}
    found |= {f"line {k}": text.get_window_extent() for k, text in enumerate(figure.texts)}
    return {key: box for key, box in found.items() if box is not None}


def test_nothing_overlaps_and_nothing_leaves_the_page(
    drawn: tuple[Sheet, Figure, dict[str, mpl.axes.Axes]],
) -> None:
    _, figure, _ = drawn
    width, height = figure.get_size_inches() * figure.dpi
    found = boxes(figure)
    assert len(found) >= 5 + 1 + 3
    for name, box in found.items():
        assert box.x0 >= -0.5, name
        assert box.y0 >= -0.5, name
        assert box.x1 <= width + 0.5, name
        assert box.y1 <= height + 0.5, name
    for (one, a), (other, b) in itertools.combinations(found.items(), 2):
        shared = Bbox.intersection(a, b)
        assert shared is None or min(shared.width, shared.height) < 1.0, (one, other)


def test_equal_neighbours_are_labelled_once(drawn: tuple[Sheet, Figure, dict[str, mpl.axes.Axes]]) -> None:
    _, _, axes = drawn
    told = {key: (ax.get_xlabel(), ax.get_ylabel()) for key, ax in axes.items()}
    assert told == {
        "00": ("", Y.label),
        "01": ("", ""),
        "10": (X.label, Y.label),
        "11": (X.label, ""),
        "log": ("epochs", ""),
    }
    named = {key: any(text.get_text() for text in ax.get_xticklabels()) for key, ax in axes.items()}
    assert named == {"00": False, "01": False, "10": True, "11": True, "log": True}


def test_axes_of_a_column_stand_above_each_other_and_fill_the_width(
    drawn: tuple[Sheet, Figure, dict[str, mpl.axes.Axes]],
) -> None:
    plan, _, _ = drawn
    left = {key: place.box.left for key, place in plan.places.items()}
    assert left["00"] == left["10"] == pytest.approx(left["log"])
    assert plan.places["01"].box.width == pytest.approx(plan.places["00"].box.width)
    ends = plan.places["11"].box.left + plan.places["11"].box.width
    assert plan.width - 0.25 < ends < plan.width
    heights = [place.box.height for place in plan.places.values()]
    np.testing.assert_allclose(heights, [0.8, 0.8, 0.8, 0.8, 1.0])


@pytest.mark.parametrize(("low", "high"), [(1e-9, 1e9), (0.9, 1.1), (0.3, 30.0), (5.0, 6e4)])
def test_logarithmic_ticks_lie_inside_and_are_few(low: float, high: float) -> None:
    values, names = log_ticks(low, high, most=5)
    assert len(values) == len(names) <= 6
    assert all(low <= value <= high for value in values)
    assert values == sorted(values)
