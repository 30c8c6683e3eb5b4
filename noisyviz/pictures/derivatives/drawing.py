"""The picture of derivatives: one panel, one line for each function."""

from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.pictures.derivatives.picture import DerivativesResult, Slope
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import literal, number, tall
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import DASH_DOT, DASHED, DOTTED, SERIES, colours

SHARE: Final = 0.5  # height of the axes by the width of the picture
TALLEST_IN: Final = 2.6
PANEL: Final = "derivative"
LINES: Final = (
    {"linestyle": "-", "linewidth": 1.6},
    {"linestyle": DASHED, "linewidth": 1.4},
    {"linestyle": DASH_DOT, "linewidth": 1.4},
    {"linestyle": DOTTED, "linewidth": 1.8},
)


def size(result: DerivativesResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: DerivativesResult, figure: Figure) -> Axes:
    """Draw into a figure that has the size told by `size`, and return the axes."""
    plan = page(result, float(figure.get_size_inches()[0]))
    hues = colours(background=to_hex(figure.get_facecolor()))
    drawn = plan.add(figure)
    axes = drawn[PANEL]
    axes.axhline(0.0, color=mpl.rcParams["text.color"], alpha=0.25, linewidth=0.5, zorder=0.5)
    handles = []
    for index, one in enumerate(result.slopes):
        style: dict[str, Any] = {**LINES[index % len(LINES)], "color": hues[SERIES[index][0]], "zorder": 3.0}
        axes.plot(one.x, one.derivative, label=one.fn, **style)
        handles.append(Line2D([], [], **style))
    plan.legend(drawn, PANEL, handles)
    return axes


def page(result: DerivativesResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    panel = Panel(
        key=PANEL,
        x=Range(low=result.xlim[0], high=result.xlim[1], label="$x$"),
        y=Range(low=result.ylim[0], high=result.ylim[1], label="$h$′$(x)$"),
        height=tall(min(SHARE * width, TALLEST_IN)),
        legend=tuple(literal(one.fn) for one in result.slopes),
    )
    return sheet([[panel]], width=width, caption=caption_words(result))


def caption_words(result: DerivativesResult) -> list[str]:
    """Return the caption in pieces: which derivatives are 0, and from where on, and which only tend to it."""
    hard = [one for one in result.slopes if one.saturates == "hard"]
    soft = [one for one in result.slopes if one.saturates == "soft"]
    parts = []
    if hard:
        where = [[*_where(one), "for", f"{labels.name(one.fn)},"] for one in hard]
        parts.append(["is", "0", *(word for words in where for word in words)])
    if soft:
        parts.append(["only", "tends", "to", "0", "for", *(f"{labels.name(one.fn)}," for one in soft)])
    for part, end in zip(parts, (";", ".")[-len(parts) :], strict=True) if parts else ():
        part[-1] = part[-1].removesuffix(",") + end
    return ["The", "derivative", *(word for part in parts for word in part)] if parts else []


def _where(one: Slope) -> list[str]:
    left, right = (number(x).strip("$") for x in one.thresholds)
    if one.thresholds[0] == -one.thresholds[1]:
        return ["from", f"$|x|={right}$", "on"]
    return ["up", "to", f"$x={left}$", "and", "from", f"${right}$", "on"]
