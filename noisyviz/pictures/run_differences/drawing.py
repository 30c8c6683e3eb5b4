"""The picture of differences between units: a row of panels for each task, a column for each control."""

from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from noisyviz.pictures.run_differences.picture import RunDifferencesResult
from noisyviz.pictures.shared.layout import literal
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import colours

ROW_IN: Final = 0.17  # of height for each unit
HUES: Final = {"better": ("blue", "o"), "worse": ("vermillion", "s"), "no difference seen": ("black", "D")}
"""Colour and mark by verdict; what shows nothing is hollow."""


def size(result: RunDifferencesResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: RunDifferencesResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`; return the axes by ``task/control``."""
    drawn = page(result, float(figure.get_size_inches()[0])).add(figure)
    hues = colours(background=to_hex(figure.get_facecolor()))
    ink, paper = mpl.rcParams["text.color"], mpl.rcParams["axes.facecolor"]
    for key, axes in drawn.items():
        axes.axvline(0.0, color=ink, linewidth=0.6, zorder=1.0, label="no difference")
        units = _units(result, key.partition("/")[0])
        for one in result.rows:
            if f"{one.task}/{one.control}" != key:
                continue
            hue, mark = HUES.get(one.verdict, ("black", "D"))
            style: dict[str, Any] = {"color": hues[hue], "marker": mark, "linestyle": "none", "markersize": 3.6}
            style |= {"markeredgewidth": 0.8, "zorder": 3.0}
            if one.verdict not in ("better", "worse"):
                style["markerfacecolor"] = paper
            y = float(len(units) - 1 - units.index(one.unit))
            if one.half is not None:
                ends = [one.gain - one.half, one.gain + one.half]
                axes.plot(ends, [y, y], color=hues[hue], linewidth=1.0, zorder=2.0, label=f"{one.unit} interval")
            axes.plot([one.gain], [y], label=one.unit, **style)
        axes.tick_params(axis="y", length=0.0)
    return drawn


def page(result: RunDifferencesResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    controls = [name for name in ("soft", "hard", "leak") if any(one.control == name for one in result.rows)]
    rows = []
    for task in dict.fromkeys(one.task for one in result.rows):
        own = [one for one in result.rows if one.task == task]
        units = _units(result, task)
        reach = max(max(abs(one.gain - (one.half or 0.0)), abs(one.gain + (one.half or 0.0))) for one in own) or 1.0
        names = tuple(literal(unit) for unit in reversed(units))
        y = Range(low=-0.6, high=len(units) - 0.4, ticks=(tuple(float(k) for k in range(len(units))), names))
        # names differ from task to task, so that no axis is taken for that of a neighbour
        gained = f"{'drop' if own[0].lower else 'gain'} in {literal(own[0].metric)}"
        x = Range(low=-1.08 * reach, high=1.08 * reach, label=gained)
        rows.append(
            [
                Panel(
                    key=f"{task}/{control}",
                    x=x,
                    y=y,
                    height=ROW_IN * (len(units) + 0.6),
                    title=f"{task}: over {control}",
                )
                for control in controls
            ]
        )
    words = literal(result.caption).split(" ") if result.caption else ()
    return sheet(rows, width=width, caption=words)


def _units(result: RunDifferencesResult, task: str) -> list[str]:
    return list(dict.fromkeys(one.unit for one in result.rows if one.task == task))
