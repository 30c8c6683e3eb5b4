"""The picture of a profile: for each array its density, its units by saturation, and its gradients.

Many arrays, and arrays over time, are drawn by `noisyviz.pictures.profile.rows`.
"""

from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from noisyviz.pictures.profile import rows
from noisyviz.pictures.profile.page import BELOW, ZERO, in_rows, keys, page, short_percent
from noisyviz.pictures.profile.picture import ArrayView, ProfileResult
from noisyviz.pictures.shared.panels import SHADE_ALPHA, Look
from noisyviz.pictures.shared.style import DASH_DOT, DASHED, FILL_ALPHA, QUANTITIES, colours

FILLED: Final = 0.6  # of the height of its axes, for the density


def size(result: ProfileResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return (rows.page if in_rows(result, width) else page)(result, width).size


def draw(result: ProfileResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes by the number of the array behind ``density``, ``units`` and ``gradients``.
    """
    if in_rows(result, float(figure.get_size_inches()[0])):
        return rows.draw(result, figure)
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    for index, array in enumerate(result.arrays):
        _draw_density(drawn[f"density{index}"], array, result, look)
        if f"units{index}" in drawn:
            _draw_units(drawn[f"units{index}"], array, look)
        _draw_gradients(drawn[f"gradients{index}"], array, result, look)
    handles = _handles(look)
    plan.figure_legend(figure, [handles[key] for key in keys(result)])
    return drawn


def _draw_density(axes: Axes, array: ArrayView, result: ProfileResult, look: Look) -> None:
    low, high = axes.get_xlim()
    for start, stop in ((low, array.thresholds[0]), (array.thresholds[1], high)):
        if np.isfinite([start, stop]).all() and start < stop:
            axes.axvspan(start, stop, color=look.ink, alpha=SHADE_ALPHA, linewidth=0.0, zorder=0.0, label="saturated")
    bottom, top = axes.get_ylim()
    peak = float(array.density.max(initial=0.0)) or 1.0
    height = bottom + FILLED * (top - bottom) * array.density / peak
    color = look.hues[QUANTITIES["data"].hue]
    axes.stairs(
        height, result.edges, baseline=bottom, fill=True, color=color, alpha=FILL_ALPHA, linewidth=0.0, zorder=1.0
    )
    axes.stairs(height, result.edges, baseline=bottom, color=color, linewidth=0.7, zorder=1.1, label="density")
    axes.plot(result.x, array.h, label="h", **look.line("h"))
    shares = (array.share_left, array.share_right)
    for place, share, threshold in zip(("left", "right"), shares, array.thresholds, strict=True):
        if np.isfinite([threshold, share]).all():
            _write_share(axes, short_percent(share), place)


def _write_share(axes: Axes, text: str, place: str) -> None:
    """Write a share into the upper corner on its side."""
    right = place == "right"
    axes.annotate(
        text,
        (float(right), 1.0),
        (-2.0 if right else 2.0, -1.0),
        xycoords="axes fraction",
        textcoords="offset points",
        ha=place,
        va="top",
        label=f"share {place}",
    )


def _draw_units(axes: Axes, array: ArrayView, look: Look) -> None:
    both = array.bar_left + array.bar_right
    for value, base, key in ((both, array.bar_left, "right"), (array.bar_left, 0.0, "left")):
        color, alpha = rows.side(look, key)
        axes.stairs(value, array.bars, baseline=base, fill=True, color=color, alpha=alpha, linewidth=0.0, label=key)
    axes.stairs(both, array.bars, color=look.ink, linewidth=0.6, label="share saturated")
    if array.dead:
        style: dict[str, Any] = {"color": look.ink, "linewidth": 2.5, "solid_capstyle": "butt"}
        axes.plot([0.0, array.dead], [1.0, 1.0], clip_on=False, label="dead", **style)


def _draw_gradients(axes: Axes, array: ArrayView, result: ProfileResult, look: Look) -> None:
    log = np.log10(result.levels)
    places = (("", np.concatenate([[log[0] + BELOW], log])), (" at zero", log[0] + np.array(ZERO)))
    color = look.hues[QUANTITIES["gradient"].hue]
    for where, edges in places:
        after, before, noise = (one[:1] if where else one[1:] for one in (array.after, array.before, array.noise))
        axes.stairs(after, edges, fill=True, color=color, alpha=FILL_ALPHA, linewidth=0.0, zorder=1.0)
        axes.stairs(after, edges, color=color, linewidth=1.0, zorder=2.0, label=f"with noise{where}")
        style: dict[str, Any] = {"color": look.ink, "linewidth": 0.9, "linestyle": DASHED, "zorder": 3.0}
        axes.stairs(before, edges, label=f"without noise{where}", **style)
        axes.stairs(noise, edges, label=f"noise{where}", **_noise(look))
    axes.axvline(log[0], color=look.ink, linewidth=0.5, alpha=0.4, zorder=0.5, label="smallest level")


def _noise(look: Look) -> dict[str, Any]:
    return {"color": look.hues[QUANTITIES["sigma"].hue], "linewidth": 1.1, "linestyle": DASH_DOT, "zorder": 2.5}


def _handles(look: Look) -> dict[str, Artist | tuple[Artist, ...]]:
    data, gradient = look.hues[QUANTITIES["data"].hue], look.hues[QUANTITIES["gradient"].hue]
    sides = {key: rows.side(look, key) for key in ("left", "right")}
    return {
        "h": Line2D([], [], **look.line("h")),
        "density": Patch(facecolor=data, alpha=FILL_ALPHA, linewidth=0.0),
        **{key: Patch(facecolor=color, alpha=alpha, linewidth=0.0) for key, (color, alpha) in sides.items()},
        "before": Line2D([], [], color=look.ink, linewidth=0.9, linestyle=DASHED),
        "after": (
            Patch(facecolor=gradient, alpha=FILL_ALPHA, linewidth=0.0),
            Line2D([], [], color=gradient, linewidth=1.0),
        ),
        "noise": Line2D([], [], **_noise(look)),
    }
