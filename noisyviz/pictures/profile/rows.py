"""Many arrays in one picture: one row for each, or, where several files hold the same arrays, each over time.

Both show the same three things: where the pre-activations lie, how many saturate, and, over the saturated samples, the
response without and with noise and the noise of the gradient. What is empty for all arrays is left out.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from noisyviz.pictures.profile.page import (
    HEIGHT_EM,
    WORST,
    dead_words,
    fitting,
    left_out_words,
    names,
    short_percent,
    unit_words,
)
from noisyviz.pictures.profile.picture import Moments, ProfileResult, RowView
from noisyviz.pictures.shared.layout import em, literal, number, tall, text_width
from noisyviz.pictures.shared.panels import Look
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import DASH_DOT, DASHED, DOTTED, QUANTITIES, colours
from noisyviz.units.activation import Array

ROW_EM: Final = 1.5  # height of a row
NARROWEST_EM: Final = 9.0  # of panels that stand side by side
NAME_EM: Final = 14.0  # of the names of rows, at most
BAR: Final = 0.66  # of a row
WIDE: Final = 100.0  # from the first moment to the last, on a logarithmic axis
MIDDLE: Final = 2  # the median among `ROW_QUANTILES`
LEGEND: Final = {
    "median": "median",
    "inner": "25–75 %",
    "outer": "5–95 %",
    "threshold": "$x_t$",
    "left": "beyond $x_t^{-}$",
    "right": "beyond $x_t^{+}$",
    "dead": "dead units",
    "before": "response without noise",
    "after": "response with noise",
    "noise": "noise of the gradient",
}
_OF_SHARES: Final = ("left", "right", "dead")
_OF_GRADIENTS: Final = ("before", "after", "noise")


def page(result: ProfileResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    panels = _of_moments(result, result.moments, width) if result.moments else _of_rows(result, width)
    kinds = len(panels[0])
    abreast = width / kinds - (NAME_EM / kinds if result.moments is None else 4.0) * em() >= NARROWEST_EM * em()
    if not abreast and result.moments is None:
        panels = _of_rows(result, width, room=width - (NAME_EM + NARROWEST_EM) * em())
    rows: list[Sequence[Panel]] = (
        list(panels) if abreast else [[one] for k in range(kinds) for one in _column(panels, k)]
    )
    legend = [LEGEND[key] for key in _keys(result)]
    return sheet(rows, width=width, caption=caption_words(result), legend=legend)


def _column(panels: Sequence[Sequence[Panel]], k: int) -> list[Panel]:
    return [row[k] for row in panels]


def draw(result: ProfileResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes ``x``, ``shares`` and ``gradients``, behind each the number of the array where it is drawn over time.
    """
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    if result.moments is None:
        for key, one in _ROWS.items():
            if key in drawn:
                one(drawn[key], result.rows, look)
    else:
        for index, rows in enumerate(_groups(result.rows)):
            at = np.array([result.moments.at[result.moments.files.index(row.file)] for row in rows])
            for key, over_time in _MOMENTS.items():
                if f"{key}{index}" in drawn:
                    over_time(drawn[f"{key}{index}"], at, rows, look)
    handles = _row_handles(look) if result.moments is None else _moment_handles(look)
    plan.figure_legend(figure, [handles[key] for key in _keys(result)])
    return drawn


def _groups(rows: Sequence[RowView]) -> list[list[RowView]]:
    """Return the rows of each array together."""
    return [list(group) for _, group in groupby(rows, key=lambda row: row.array)]


def _keys(result: ProfileResult) -> list[str]:
    """Return the entries of the legend by their keys: what is nowhere drawn has none."""
    absent = [*(() if _saturating(result.rows) else _OF_SHARES), *(() if _graded(result.rows) else _OF_GRADIENTS)]
    if not any(row.dead for row in result.rows):
        absent.append("dead")
    if not any(np.isfinite(row.thresholds).any() for row in result.rows):
        absent.append("threshold")
    return [key for key in LEGEND if key not in absent]


def _saturating(rows: Sequence[RowView]) -> bool:
    return any(row.share_left + row.share_right > 0.0 for row in rows)


def _graded(rows: Sequence[RowView]) -> bool:
    return any(np.isfinite([row.response_noiseless, row.response, row.noise]).any() for row in rows)


def _x_range(rows: Sequence[RowView], label: str) -> Range:
    """Return the axis of pre-activations: all quantiles, and the thresholds near them."""
    ends = np.concatenate([row.quantiles for row in rows])
    ends = ends[np.isfinite(ends)]
    near = [t for row in rows for t in row.thresholds if np.isfinite(t)]
    low, high = min([float(ends.min()), *near]), max([float(ends.max()), *near])
    room = 0.04 * (high - low) or 0.5
    return Range(low=low - room, high=high + room, label=label)


def _gradient_range(rows: Sequence[RowView], label: str) -> Range:
    values = np.array([[row.response_noiseless, row.response, row.noise] for row in rows])
    values = values[np.isfinite(values)]
    low, high = min(0.0, float(values.min(initial=0.0))), max(0.0, float(values.max(initial=0.0)))
    room = 0.05 * (high - low) or 0.05
    return Range(low=low - room, high=high + room, label=label)


def _of_rows(result: ProfileResult, width: float, *, room: float = 0.0) -> list[list[Panel]]:
    """Return the panels in which every array has a row; names in titles have `room` inches, or little."""
    rows, count = result.rows, len(result.rows)
    shown = names([row.name for row in rows], room=min(NAME_EM * em(), 0.4 * width))
    ticks = (tuple(float(count - 1 - k) for k in range(count)), tuple(shown))
    y = Range(low=-0.7, high=count - 0.3, ticks=ticks)
    height = tall(count * ROW_EM * em(), least=count * ROW_EM)

    room = max(room, 0.9 * NARROWEST_EM * em()) - text_width(f", {short_percent(1.0)}")  # a number follows the name
    short = names([row.name for row in rows], room=room)

    def named(row: RowView) -> str:
        return short[rows.index(row)]

    widest = max(rows, key=lambda row: float(row.quantiles[-1] - row.quantiles[0]))
    panels = [Panel(key="x", x=_x_range(rows, "$x$"), y=y, height=height, title=f"most spread out: {named(widest)}")]
    if _saturating(rows):
        most = max(rows, key=lambda row: row.share_left + row.share_right)
        title = f"most saturated: {named(most)}, {short_percent(most.share_left + most.share_right)}"
        x = Range(low=0.0, high=1.0, label="share saturated")
        panels.append(Panel(key="shares", x=x, y=y, height=height, title=title))
    if _graded(rows):
        least = min(rows, key=lambda row: row.response if np.isfinite(row.response) else np.inf)
        told = {number(row.response, digits=2) for row in rows}
        title = f"smallest response: {named(least)}, {number(least.response, digits=2)}"
        title = f"response {told.pop()} in all arrays" if len(told) == 1 < count else title
        x = _gradient_range(rows, "gradient where saturated, in $u$′")
        panels.append(Panel(key="gradients", x=x, y=y, height=height, title=title))
    return [panels]


def _of_moments(result: ProfileResult, moments: Moments, width: float) -> list[list[Panel]]:
    """Return the panels in which every array is drawn over time, one row for each."""
    first, last = float(moments.at[0]), float(moments.at[-1])
    log, label = 0.0 < WIDE * first <= last, fitting(moments.label, 0.8 * width)
    reach = (last / first) ** 0.03 if log else 0.03 * (last - first)
    low, high = (first / reach, last * reach) if log else (first - reach, last + reach)
    time = Range(low=low, high=high, label=label, log=log)
    height = tall(HEIGHT_EM * em())
    several = len(_groups(result.rows)) > 1
    found = []
    for index, rows in enumerate(_groups(result.rows)):
        name = f"{fitting(rows[0].array, max(0.2 * width, 7.0 * em()))}: " if several and rows[0].array else ""
        medians = [float(row.quantiles[MIDDLE]) for row in (rows[0], rows[-1])]
        title = f"{name}median {number(medians[0], digits=2)} to {number(medians[1], digits=2)}"
        panels = [Panel(key=f"x{index}", x=time, y=_x_range(rows, "$x$"), height=height, title=title)]
        if _saturating(result.rows):
            shares = [short_percent(row.share_left + row.share_right) for row in (rows[0], rows[-1])]
            y = Range(low=0.0, high=1.0, label="share saturated")
            title = f"{name}{shares[0]} to {shares[1]} saturated"
            panels.append(Panel(key=f"shares{index}", x=time, y=y, height=height, title=title))
        if _graded(result.rows):
            responses = [row.response for row in (rows[0], rows[-1])]
            told = [number(one, digits=2) if np.isfinite(one) else "none" for one in responses]
            y = _gradient_range(rows, "gradient, in $u$′")
            title = (
                f"{name}response {told[0]} throughout" if told[0] == told[1] else f"{name}response {' to '.join(told)}"
            )
            panels.append(Panel(key=f"gradients{index}", x=time, y=y, height=height, title=title))
        found.append(panels)
    return found


def _places(rows: Sequence[RowView]) -> Array:
    return np.arange(len(rows), dtype=np.float64)[::-1]


def _row_x(axes: Axes, rows: Sequence[RowView], look: Look) -> None:
    y, q = _places(rows), np.array([row.quantiles for row in rows]).T
    style = _of_data(look)
    axes.hlines(y, q[0], q[-1], linewidth=1.0, label="outer", **style)
    axes.hlines(y, q[1], q[-2], linewidth=3.4, label="inner", **style)
    axes.plot(q[MIDDLE], y, label="median", **_dot(look))
    for side in (0, 1):
        ends = np.array([row.thresholds[side] for row in rows])
        held = np.isfinite(ends)
        axes.vlines(ends[held], y[held] - 0.45, y[held] + 0.45, label="threshold", **_of_threshold(look))


def _row_shares(axes: Axes, rows: Sequence[RowView], look: Look) -> None:
    y, left = _places(rows), np.array([row.share_left for row in rows])
    right = np.array([row.share_right for row in rows])
    for key, start, share in (("left", np.zeros(len(rows)), left), ("right", left, right)):
        color, alpha = side(look, key)
        axes.barh(y, share, BAR, left=start, color=color, alpha=alpha, linewidth=0.0, label=key)
    dead = np.array([row.dead / row.units for row in rows])
    if dead.any():
        axes.plot(dead[dead > 0.0], y[dead > 0.0], label="dead", clip_on=False, **_dead(look))


def _row_gradients(axes: Axes, rows: Sequence[RowView], look: Look) -> None:
    y = _places(rows)
    before, after, noise = (
        np.array([getattr(row, name) for row in rows]) for name in ("response_noiseless", "response", "noise")
    )
    axes.hlines(y, before, after, color=look.hues["blue"], linewidth=1.0, zorder=1.5, label="change")
    for key, values in (("before", before), ("noise", noise), ("after", after)):
        axes.plot(values, y, label=key, **_gradient_dots(look)[key])
    axes.axvline(0.0, color=look.ink, linewidth=0.5, alpha=0.4, zorder=0.5, label="0")


def _time_x(axes: Axes, at: Array, rows: Sequence[RowView], look: Look) -> None:
    q = np.array([row.quantiles for row in rows]).T
    color = look.hues[QUANTITIES["data"].hue]
    axes.fill_between(at, q[0], q[-1], color=color, alpha=0.25, linewidth=0.0, label="outer")
    axes.fill_between(at, q[1], q[-2], color=color, alpha=0.45, linewidth=0.0, label="inner")
    axes.plot(at, q[MIDDLE], color=look.ink, linewidth=1.2, marker="o", markersize=2.4, label="median")
    for side in (0, 1):
        axes.plot(at, [row.thresholds[side] for row in rows], label="threshold", **_of_threshold(look))


def _time_shares(axes: Axes, at: Array, rows: Sequence[RowView], look: Look) -> None:
    left = np.array([row.share_left for row in rows])
    both = left + np.array([row.share_right for row in rows])
    for key, low, high in (("left", 0.0 * left, left), ("right", left, both)):
        color, alpha = side(look, key)
        axes.fill_between(at, low, high, color=color, alpha=alpha, linewidth=0.0, label=key)
    axes.plot(at, both, color=look.ink, linewidth=0.6, marker="o", markersize=2.0, label="share saturated")
    dead = np.array([row.dead / row.units for row in rows])
    if dead.any():
        axes.plot(at, dead, label="dead", clip_on=False, **_dead(look))


def _time_gradients(axes: Axes, at: Array, rows: Sequence[RowView], look: Look) -> None:
    styles = _gradient_lines(look)
    for key, name in (("before", "response_noiseless"), ("noise", "noise"), ("after", "response")):
        axes.plot(at, [getattr(row, name) for row in rows], label=key, **styles[key])
    axes.axhline(0.0, color=look.ink, linewidth=0.5, alpha=0.4, zorder=0.5, label="0")


_ROWS: Final[dict[str, Callable[[Axes, Sequence[RowView], Look], None]]] = {
    "x": _row_x,
    "shares": _row_shares,
    "gradients": _row_gradients,
}
_MOMENTS: Final[dict[str, Callable[[Axes, Array, Sequence[RowView], Look], None]]] = {
    "x": _time_x,
    "shares": _time_shares,
    "gradients": _time_gradients,
}


def _of_data(look: Look) -> dict[str, Any]:
    return {"color": look.hues[QUANTITIES["data"].hue]}


def _dot(look: Look) -> dict[str, Any]:
    return {"color": look.ink, "linestyle": "none", "marker": "o", "markersize": 3.2, "markeredgewidth": 0.0}


def _of_threshold(look: Look) -> dict[str, Any]:
    return {"color": look.ink, "linewidth": 0.8, "linestyle": DOTTED}


def side(look: Look, key: str) -> tuple[str, float]:
    """Return colour and opacity of a side; apart in grey as well."""
    return (look.hues["blue"], 0.85) if key == "left" else (look.hues["orange"], 0.55)


def _dead(look: Look) -> dict[str, Any]:
    face = mpl.rcParams["axes.facecolor"]
    return {"color": look.ink, "linestyle": "none", "marker": "X", "markersize": 4.6, "markeredgecolor": face} | {
        "markeredgewidth": 0.5
    }


def _gradient_dots(look: Look) -> dict[str, dict[str, Any]]:
    plain: dict[str, Any] = {"linestyle": "none", "zorder": 3.0}
    face = mpl.rcParams["axes.facecolor"]
    return {
        "before": plain | {"marker": "o", "markersize": 4.2, "markerfacecolor": face, "markeredgecolor": look.ink},
        "after": plain | {"marker": "o", "markersize": 3.6, "color": look.hues["blue"], "zorder": 4.0},
        "noise": plain | {"marker": "D", "markersize": 2.8, "color": look.hues[QUANTITIES["sigma"].hue]},
    }


def _gradient_lines(look: Look) -> dict[str, dict[str, Any]]:
    hue = look.hues[QUANTITIES["sigma"].hue]
    return {
        "before": {"color": look.ink, "linewidth": 0.9, "linestyle": DASHED},
        "after": {"color": look.hues["blue"], "linewidth": 1.5, "marker": "o", "markersize": 2.4},
        "noise": {"color": hue, "linewidth": 1.1, "linestyle": DASH_DOT, "marker": "D", "markersize": 2.0},
    }


def _row_handles(look: Look) -> dict[str, Artist]:
    return {
        "median": Line2D([], [], **_dot(look)),
        "inner": Line2D([], [], linewidth=3.4, **_of_data(look)),
        "outer": Line2D([], [], linewidth=1.0, **_of_data(look)),
        **_shared_handles(look),
        **{key: Line2D([], [], **style) for key, style in _gradient_dots(look).items()},
    }


def _moment_handles(look: Look) -> dict[str, Artist]:
    color = look.hues[QUANTITIES["data"].hue]
    return {
        "median": Line2D([], [], color=look.ink, linewidth=1.2, marker="o", markersize=2.4),
        "inner": Patch(facecolor=color, alpha=0.6, linewidth=0.0),
        "outer": Patch(facecolor=color, alpha=0.25, linewidth=0.0),
        **_shared_handles(look),
        **{key: Line2D([], [], **style) for key, style in _gradient_lines(look).items()},
    }


def _shared_handles(look: Look) -> dict[str, Artist]:
    sides = {key: side(look, key) for key in ("left", "right")}
    return {
        "threshold": Line2D([], [], **_of_threshold(look)),
        **{key: Patch(facecolor=color, alpha=alpha, linewidth=0.0) for key, (color, alpha) in sides.items()},
        "dead": Line2D([], [], **_dead(look)),
    }


def caption_words(result: ProfileResult) -> list[str]:
    """Return the caption in pieces: the unit, what is drawn, the units that saturate most, and what is left out."""
    rows, words = result.rows, unit_words(result)
    fns = dict.fromkeys(row.fn for row in rows)
    of = {fn: ", ".join(dict.fromkeys(row.array for row in rows if row.fn == fn)) for fn in fns}
    told = "; ".join(fn if len(fns) == 1 else f"{fn} of {of[fn]}" for fn in fns)
    words += ["$h$", *literal(f"= {told}.").split(" ")]
    if result.moments is not None:
        told = result.moments.told()
        words += literal(f"{told[0].upper()}{told[1:]}.").split(" ")
    if any(row.dead for row in rows):
        words += dead_words("units (their share)")
    elif not _saturating(rows):
        words += ["No", "unit", "saturates."]
    if _graded(rows):
        words += ["Response:", "mean", "of", r"$h$′", "without", "and", r"$\mathrm{E}\,\partial\varphi/\partial x$"]
        words += ["with", "noise;", "noise:", "rms", "of", "std", r"of $\partial\varphi/\partial x$;"]
        words += ["both", "over", "saturated", "samples."]
    most = sorted(rows, key=lambda row: -(row.share_left + row.share_right))[:WORST]
    worst = [f"{row.name} {', '.join(f'{unit:,}' for unit in row.worst[:WORST])}" for row in most if row.worst]
    if worst:
        words += ["Most", "saturated", "units:", *literal(f"{'; '.join(worst)}.").split(" ")]
    return words + left_out_words(result)
