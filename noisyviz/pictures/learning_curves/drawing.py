"""The picture of learning curves: one panel, one line for each training run."""

from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.pictures.learning_curves.picture import LearningCurve, LearningCurvesResult, Scale
from noisyviz.pictures.runs.drawing import draw_lines, placed
from noisyviz.pictures.runs.drawing import handles as run_handles
from noisyviz.pictures.runs.lines import labels_of
from noisyviz.pictures.shared.layout import literal, tall
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import DASH_DOT, DASHED, DOTTED, KIND_LOOKS, LONG_DASHED, SERIES, colours

SHARE: Final = 0.5  # height of the axes by the width of the picture
TALLEST_IN: Final = 2.6
PANEL: Final = "curves"
OWN: Final = "runs"
WIDE_IN: Final = 5.0  # from which on own runs stand beside the paper's, not below
MARKED: Final = 20  # points at most that get marks
DOT_ALPHA: Final = 0.6
CROWDED: Final = 150  # points from which on lines are thinner

# Curves that are not of one kind of unit: hue, line style, line width in points and place in the pile.
LOOKS: Final[dict[str, tuple[str, Any, float, float]]] = {
    "reference": ("black", "-", 1.0, 3.0),
    "noisy": ("blue", "-", 1.5, 3.1),
    "tanh": ("black", "-", 1.2, 3.0),
    "hard-tanh": ("vermillion", DASHED, 1.4, 3.1),
    "Laplace": ("green", DASH_DOT, 1.4, 3.2),
    "normal without p": ("purple", LONG_DASHED, 1.4, 3.3),
    "half-normal": ("orange", "-", 1.6, 3.4),
    "normal": ("blue", DOTTED, 1.4, 3.5),
}


def _look(label: str) -> tuple[str, Any, float, float]:
    """Return how a curve is drawn: a kind of unit as everywhere."""
    if label in KIND_LOOKS:
        return KIND_LOOKS[label].hue, KIND_LOOKS[label].linestyle, 1.5, 3.1
    return LOOKS[label]


def size(result: LearningCurvesResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: LearningCurvesResult, figure: Figure) -> Axes:
    """Draw into a figure that has the size told by `size`, and return the axes."""
    plan = page(result, float(figure.get_size_inches()[0]))
    hues = colours(background=to_hex(figure.get_facecolor()))
    drawn = plan.add(figure)
    axes = drawn[PANEL]
    thinner = 0.65 if max(one.x.size for one in result.curves) > CROWDED else 1.0
    marked = max(one.x.size for one in result.curves) <= MARKED
    handles = []
    for index, one in enumerate(result.curves):
        hue, dashes, width, order = _look(one.label)
        style: dict[str, Any] = {"color": hues[hue], "linestyle": dashes, "linewidth": thinner * width}
        if marked:
            style |= {"marker": SERIES[index][1], "markersize": 3.2, "markeredgewidth": 0.0}
        x, y = broken(one)
        if paired(one):
            style |= {"marker": SERIES[index][1], "markersize": 1.8, "markeredgewidth": 0.0}
            line = {"linestyle": dashes, "marker": "", "alpha": 1.0}
            axes.plot(*means(one), label=f"{one.label} mean", zorder=order, **style | line)
            axes.plot(x, y, label=one.label, zorder=order - 1.0, **style | {"linestyle": "none", "alpha": DOT_ALPHA})
        else:
            axes.plot(x / result.x.unit, y / result.y.unit, label=one.label, zorder=order, **style)
        handles.append(Line2D([], [], **style | {"linewidth": width}))
    plan.legend(drawn, PANEL, handles)
    if result.runs is not None:
        labels = labels_of([result.runs])
        draw_lines(drawn[OWN], result.runs, labels, hues)
        plan.legend(drawn, OWN, run_handles(labels, hues))
    return axes


def paired(curve: LearningCurve) -> bool:
    """Whether some x have more than one point: joined, these would make square waves."""
    return np.unique(curve.x).size < curve.x.size


def means(curve: LearningCurve) -> tuple[Any, Any]:
    """Return the x of a curve and the mean of its points at each, without points that leave the drawing."""
    kept = ~curve.leaves
    x, places = np.unique(curve.x[kept], return_inverse=True)
    return x, np.bincount(places, weights=curve.y[kept]) / np.bincount(places)


def broken(curve: LearningCurve) -> tuple[Any, Any]:
    """Return the points of a curve with a gap after every one where it leaves the drawing."""
    after = np.flatnonzero(curve.leaves) + 1
    return np.insert(curve.x, after, np.nan), np.insert(curve.y, after, np.nan)


def page(result: LearningCurvesResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    panel = Panel(
        key=PANEL,
        x=_range(result.x),
        y=_range(result.y),
        height=tall(min(SHARE * width, TALLEST_IN)),
        legend=tuple(literal(one.label) for one in result.curves),
        title="paper" if result.runs is not None else "",
    )
    rows = [[panel]]
    if result.runs is not None:
        own = placed(OWN, result.runs, height=panel.height, legend=list(map(literal, labels_of([result.runs]))))
        rows = [[panel, own]] if width >= WIDE_IN else [[panel], [own]]
    return sheet(rows, width=width, caption=result.caption.split(" "))


def _range(scale: Scale) -> Range:
    low, high = scale.limits
    return Range(low=low, high=high, label=scale.label, log=scale.log, ticks=scale.ticks)
