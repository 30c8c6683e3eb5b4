"""The picture of a profile: for each array its density, its units by saturation, and its gradients.

In a wide picture the three stand in one row for each array; in a narrow one the density has a row of its own.
"""

from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from noisyviz.engine.units import KINDS
from noisyviz.plots import labels
from noisyviz.plots.layout import em, literal, number, text_width
from noisyviz.plots.panels import SHADE_ALPHA, Look
from noisyviz.plots.profile_results import ArrayView, ProfileResult
from noisyviz.plots.sheet import Panel, Range, Sheet, sheet
from noisyviz.plots.style import DASHED, QUANTITIES, colours

NARROW_EM: Final = 42.0
HEIGHT_EM: Final = 8.0
FILLED: Final = 0.6  # of the height of its axes, for the density
ROOM: Final = 0.08  # above and below h
LEGEND: Final = (
    "$h$",
    "pre-activations",
    "beyond $x_t^{-}$",
    "beyond $x_t^{+}$",
    "without noise: $|h$′$|$",
    r"with noise: rms of $\partial\varphi/\partial x$",
)

EXPLAINED: Final = (
    *("Shaded:", "saturated.", "Dead:", "saturated", "in", "99 %", "of", "samples", "or", "more,", "left", "of", "the"),
    *(
        "dashed",
        "line.",
        "No",
        "gradient,",
        "zero:",
        "samples",
        "where",
        "it",
        "is",
        "0,",
        "without",
        "and",
        "with",
        "noise.",
    ),
)


def size(result: ProfileResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: ProfileResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes by the number of the array behind ``density``, ``units`` and ``gradients``.
    """
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    for index, array in enumerate(result.arrays):
        _draw_density(drawn[f"density{index}"], array, result, look)
        _draw_units(drawn[f"units{index}"], array, look)
        _draw_gradients(drawn[f"gradients{index}"], array, result, look)
    plan.figure_legend(figure, _handles(look))
    return drawn


def page(result: ProfileResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    narrow = width <= NARROW_EM * em()
    rows: list[list[Panel]] = []
    for index, array in enumerate(result.arrays):
        room = 0.75 * width if narrow else 0.2 * width
        density, units, gradients = _panels(result, index, array, room=room, beside=(0.33 if narrow else 0.24) * width)
        rows += [[density], [units, gradients]] if narrow else [[density, units, gradients]]
    return sheet(rows, width=width, caption=caption_words(result), legend=LEGEND)


def _panels(
    result: ProfileResult, index: int, array: ArrayView, *, room: float, beside: float
) -> tuple[Panel, Panel, Panel]:
    height = HEIGHT_EM * em()
    x = Range(low=float(result.x[0]), high=float(result.x[-1]), label="$x$")
    low, high = _reach(array)
    decades = range(-3, int(np.floor(np.log10(result.levels[-1]) + 1e-9)) + 1)
    names = ("<0.001", *("0.01", "0.1", "1"), *(f"{10**k:g}" for k in range(1, decades[-1] + 1)))
    places = (float(np.log10(result.levels[0])) - 0.5, *(float(k) for k in decades[1:]))
    most = max(float(np.concatenate([array.before, array.after]).max()) for array in result.arrays)
    last = float(np.log10(result.levels[-1]))
    share = labels.percent(array.share_left + array.share_right)
    lost = rf"{labels.percent(array.zero_before)} $\rightarrow$ {labels.percent(array.zero_after)}"
    return (
        Panel(
            key=f"density{index}",
            x=x,
            y=Range(low=low, high=high, label=f"$h$, {_fitting(array.fn, 0.6 * height)}"),
            height=height,
            title=_fitting(array.name, room),
        ),
        Panel(
            key=f"units{index}",
            x=Range(low=0.0, high=float(array.units), label="units, sorted"),
            y=Range(low=0.0, high=1.0, label="share saturated"),
            height=height,
            title=_widest(f"{share} saturated, {array.dead:,} dead", f"{share}, {array.dead:,} dead", room=beside),
        ),
        Panel(
            key=f"gradients{index}",
            x=Range(low=places[0] - 0.5, high=last, label="gradient factor", ticks=(places, names[: len(places)])),
            y=Range(low=0.0, high=1.05 * most, label="share of samples"),
            height=height,
            title=_widest(f"no gradient: {lost}", f"zero: {lost}", room=beside),
        ),
    )


def _reach(array: ArrayView) -> tuple[float, float]:
    low, high = float(array.h.min()), float(array.h.max())
    room = ROOM * max(high - low, 1e-9)
    return low - room, high + room


def _widest(*texts: str, room: float) -> str:
    """Return the first text that fits the room in inches, else the last."""
    return next((text for text in texts if text_width(text) <= room), texts[-1])


def _fitting(text: str, room: float) -> str:
    """Return a name, cut in its middle where it is wider than the room in inches."""
    name = literal(text)
    while text_width(name) > room and len(text) > 5:
        half = (len(text) - 2) // 2
        text = (
            f"{text[:half]}…{text[len(text) - half :]}" if "…" not in text else f"{text[: half - 1]}…{text[half + 2 :]}"
        )
        name = literal(text)
    return name


def _draw_density(axes: Axes, array: ArrayView, result: ProfileResult, look: Look) -> None:
    low, high = axes.get_xlim()
    for start, stop in ((low, array.thresholds[0]), (array.thresholds[1], high)):
        if np.isfinite([start, stop]).all() and start < stop:
            axes.axvspan(start, stop, color=look.ink, alpha=SHADE_ALPHA, linewidth=0.0, zorder=0.0, label="saturated")
    bottom, top = axes.get_ylim()
    peak = float(array.density.max(initial=0.0)) or 1.0
    height = bottom + FILLED * (top - bottom) * array.density / peak
    color = look.hues[QUANTITIES["data"].hue]
    axes.stairs(height, result.edges, baseline=bottom, fill=True, color=color, alpha=0.35, linewidth=0.0, zorder=1.0)
    axes.stairs(height, result.edges, baseline=bottom, color=color, linewidth=0.7, zorder=1.1, label="density")
    axes.plot(result.x, array.h, label="h", **look.line("h"))


def _draw_units(axes: Axes, array: ArrayView, look: Look) -> None:
    edges = np.arange(array.units + 1.0)
    both = array.left + array.right
    for value, base, key in ((both, array.left, "right"), (array.left, 0.0, "left")):
        color, alpha = _side(look, key)
        axes.stairs(value, edges, baseline=base, fill=True, color=color, alpha=alpha, linewidth=0.0, label=key)
    axes.stairs(both, edges, color=look.ink, linewidth=0.6, label="share saturated")
    if array.dead:
        axes.axvline(array.dead, color=look.ink, linestyle=DASHED, linewidth=0.7, label="dead")


def _side(look: Look, key: str) -> tuple[str, float]:
    """Return colour and opacity of a side; apart in grey as well."""
    return (look.hues["blue"], 0.85) if key == "left" else (look.hues["orange"], 0.55)


def _draw_gradients(axes: Axes, array: ArrayView, result: ProfileResult, look: Look) -> None:
    log = np.log10(result.levels)
    edges = np.concatenate([[log[0] - 1.0], log])
    color = look.hues[QUANTITIES["gradient"].hue]
    axes.stairs(array.after, edges, fill=True, color=color, alpha=0.35, linewidth=0.0, zorder=1.0)
    axes.stairs(array.after, edges, color=color, linewidth=1.0, zorder=2.0, label="with noise")
    axes.stairs(array.before, edges, color=look.ink, linewidth=0.9, linestyle=DASHED, zorder=3.0, label="without noise")
    axes.axvline(log[0], color=look.ink, linewidth=0.5, alpha=0.4, zorder=0.5, label="smallest level")


def _handles(look: Look) -> list[Artist | tuple[Artist, ...]]:
    data, gradient = look.hues[QUANTITIES["data"].hue], look.hues[QUANTITIES["gradient"].hue]
    sides = [_side(look, key) for key in ("left", "right")]
    return [
        Line2D([], [], **look.line("h")),
        Patch(facecolor=data, alpha=0.35, linewidth=0.0),
        *(Patch(facecolor=color, alpha=alpha, linewidth=0.0) for color, alpha in sides),
        Line2D([], [], color=look.ink, linewidth=0.9, linestyle=DASHED),
        (Patch(facecolor=gradient, alpha=0.35, linewidth=0.0), Line2D([], [], color=gradient, linewidth=1.0)),
    ]


def caption_words(result: ProfileResult) -> list[str]:
    """Return the caption in pieces: the unit, and what the numbers above the panels are."""
    formula = labels.KIND_FORMULAS[result.kind]
    if "scale" in KINDS[result.kind].uses:
        formula = (*formula[:-1], f"{formula[-1]},", *labels.SCALE_FORMULAS[result.scale])
    words = ["Unit", f"{result.kind}:", *formula[:-1], f"{formula[-1]};"]
    words += [f"{labels.parameter(key, value)}," for key, value in result.parameters]
    words += [result.noise, r"$\xi$.", *EXPLAINED]
    beyond = max(array.beyond for array in result.arrays)
    if beyond > 0.0:
        words += ["Up", "to", labels.percent(beyond), "of", "samples", "lie", "beyond", "the", "range."]
    if result.left_out:
        words += [number(result.left_out), "more", "arrays", "are", "left", "out."]
    return words
