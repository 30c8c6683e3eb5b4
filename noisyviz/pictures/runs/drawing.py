"""The picture of training runs."""

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.pictures.runs.lines import RunPanel, mean_line
from noisyviz.pictures.runs.picture import TrainingRunsResult
from noisyviz.pictures.shared.layout import literal
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import DASH_DOT, DASHED, DOTTED, colours

HEIGHT_IN: Final = 1.35
LONG_DASHED: Final = (0.0, (8.0, 1.5))
LOOKS: Final[tuple[tuple[str, Any, float], ...]] = (
    ("black", "-", 1.0),
    ("orange", "-", 1.9),
    ("green", DASH_DOT, 1.5),
    ("blue", DASHED, 1.5),
    ("vermillion", "-", 1.2),
    ("purple", LONG_DASHED, 1.4),
    ("sky", DOTTED, 1.6),
)
"""Hue, line style and width of the units, in the order of the legend: apart in grey too."""
SEEDS_ALPHA: Final = 0.35
MARKED: Final = 12  # points at most that get marks


def size(result: TrainingRunsResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: TrainingRunsResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`, and return the axes by row and column."""
    plan = page(result, float(figure.get_size_inches()[0]))
    hues = colours(background=to_hex(figure.get_facecolor()))
    drawn = plan.add(figure)
    for key, panel in _keyed(result).items():
        draw_lines(drawn[key], panel, result.labels, hues)
    plan.figure_legend(figure, handles(result.labels, hues))
    return drawn


def draw_lines(axes: Axes, panel: RunPanel, labels: Sequence[str], hues: Mapping[str, str]) -> None:
    """Draw the seeds of every unit as thin lines and their mean as a thick one."""
    for place, label in enumerate(labels):
        lines = [one for one in panel.lines if one.label == label]
        if not lines:
            continue
        style = look(place, hues)
        thin = style | {"linewidth": 0.5, "linestyle": "-", "alpha": SEEDS_ALPHA}
        for one in lines if len(lines) > 1 else ():
            axes.plot(one.x, one.y, label=f"{label} seed {one.seed}", zorder=2.0, **thin)
        x, y = mean_line(lines)
        marks: dict[str, Any] = {"marker": "o", "markersize": 2.4, "markeredgewidth": 0.0} if len(x) <= MARKED else {}
        axes.plot(x, y, label=label, zorder=3.0 + 0.1 * place, **style, **marks)


def look(place: int, hues: Mapping[str, str]) -> dict[str, Any]:
    """Return how the line of a unit looks."""
    hue, dashes, width = LOOKS[place % len(LOOKS)]
    return {"color": hues[hue], "linestyle": dashes, "linewidth": width}


def handles(labels: Sequence[str], hues: Mapping[str, str]) -> list[Any]:
    """Return the lines of a legend."""
    return [Line2D([], [], **look(place, hues)) for place in range(len(labels))]


def page(result: TrainingRunsResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    longest = max(one.x[-1] for row in result.rows for panel in row for one in panel.lines)
    least = longest if result.same_x else 0.0
    rows = [
        [
            placed(f"{r}.{c}", panel, least=least, last=result.same_x or _is_last(result, r, c))
            for c, panel in enumerate(row)
        ]
        for r, row in enumerate(result.rows)
    ]
    across = max(len(row) for row in rows)
    return sheet(
        rows,
        width=width,
        caption=literal(result.caption).split(" ") if result.caption else (),
        legend=tuple(literal(label) for label in result.labels),
        slots=[across] * len(rows),
    )


def placed(
    key: str,
    panel: RunPanel,
    *,
    last: bool = True,
    least: float = 0.0,
    height: float = HEIGHT_IN,
    legend: Sequence[str] = (),
) -> Panel:
    """Return a panel before it has a place; `last` gives its horizontal axis a label, `least` its length at least."""
    return Panel(
        key=key,
        x=Range(
            low=0.0, high=1.02 * max(least, *(one.x[-1] for one in panel.lines)) or 1.0, label="updates" if last else ""
        ),
        y=_range(panel),
        height=height,
        title=literal(panel.title),
        legend=tuple(legend),
    )


def _range(panel: RunPanel) -> Range:
    values = [value for one in panel.lines for value in one.y]
    low, high = min(values), max(values)
    if panel.log:
        room = 0.06 * (log10(high) - log10(low)) or 0.1
        return Range(low=low / 10**room, high=high * 10**room, label=literal(panel.y), log=True)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 0.1
    return Range(low=low - room, high=high + room, label=literal(panel.y))


def _is_last(result: TrainingRunsResult, row: int, column: int) -> bool:
    return row + 1 == len(result.rows) or column >= len(result.rows[row + 1])


def _keyed(result: TrainingRunsResult) -> dict[str, RunPanel]:
    return {f"{r}.{c}": panel for r, row in enumerate(result.rows) for c, panel in enumerate(row)}
