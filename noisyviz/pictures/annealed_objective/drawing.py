"""The annealed objective: a landscape, what noise makes of it, and trajectories that go down as the noise falls.

Colour tells the noise level everywhere: of the smoothed landscapes and along the trajectories.
"""

from math import log
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.pictures.anneal.panels import equals
from noisyviz.pictures.annealed_objective.picture import AnnealedObjectiveResult, Descents
from noisyviz.pictures.shared.labels import percent
from noisyviz.pictures.shared.layout import em, number, tall
from noisyviz.pictures.shared.panels import Look
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import colours
from noisyviz.units.activation import Array

SHARE: Final = 0.52  # of the width, that the panel is high
TALLEST_IN: Final = 2.4
BELOW_EM: Final = 1.9  # room under the lowest value, for x*
ABOVE: Final = 0.03
BALL: Final = 4.0
BALLS: Final = 40  # along a trajectory, about


def size(result: AnnealedObjectiveResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: AnnealedObjectiveResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`; return its axes, whose key is ``"objective"``."""
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    axes = drawn["objective"]
    norm, scale = _norm(result), _scale()
    for level, curve in zip(result.levels, result.smoothed, strict=True):
        axes.plot(result.x, curve, color=scale(norm(level)), linewidth=1.0, zorder=2.5, label=f"smoothed {level:g}")
    axes.plot(result.x, result.value, color=look.ink, linewidth=1.0, zorder=2.6, label="f")
    for index, one in enumerate(result.descents):
        for x, height in zip(one.x, one.height, strict=True):
            _draw_path(axes, one, x, height, look, norm=norm, scale=scale, label=f"trajectory {index}")
        _draw_stuck(axes, one, result, look)
    _draw_minimum(axes, result, look)
    _draw_words(axes, result)
    plan.legend(drawn, "objective", _handles(result, look, norm=norm, scale=scale))
    return drawn


def page(result: AnnealedObjectiveResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    height = tall(min(SHARE * width, TALLEST_IN))
    low, high = result.limits
    bottom, top = float(result.value.min()), float(max(result.value.max(), result.smoothed.max()))
    top += ABOVE * (top - bottom)
    bottom -= (top - bottom) * BELOW_EM * em() / (height - BELOW_EM * em())
    panel = Panel(
        key="objective",
        x=Range(low=low, high=high, label="$x$"),
        y=Range(low=bottom, high=top, label="objective"),
        height=height,
        legend=tuple(_texts(result)),
    )
    return sheet([[panel]], width=width, caption=caption_words(result))


def caption_words(result: AnnealedObjectiveResult) -> list[str]:
    """Return the caption in pieces: how the noise falls, and how many trajectories reach the basin of x*."""
    found = [one.found for one in result.descents]
    total = sum(run.trajectories for run in found)
    annealed = sum(run.noisy.share_success * run.trajectories for run in found) / total
    constant = sum(run.constant.share_success * run.trajectories for run in found) / total
    lone = sum(run.noiseless.share_success for run in found) / len(found)
    c = found[0].noisy.c
    steps = found[0].steps
    words = ["Balls", "go", "down", "as", "the", "noise", "falls", "from", equals("c", float(c[0])), "to"]
    words += [f"{number(float(c[-1]))}", "in", f"{steps:,}", "steps,", "one", "every", f"{_every(steps):,}."]
    words += ["Of", f"{total:,}", "trajectories", _share(annealed), "end", "in", "the", "basin", "of"]
    words += ["$x^{*}$;", "with", equals("c", found[0].c_constant), "throughout", f"{_share(constant)},"]
    return [*words, "without", "noise", f"{_share(lone)}."]


def _share(value: float) -> str:
    return percent(value).replace(" ", "\N{NO-BREAK SPACE}")


def _texts(result: AnnealedObjectiveResult) -> list[str]:
    names = [equals("c", level) for level in result.levels]
    names[0] = rf"$\mathrm{{E}}\,f(x+c\,\xi)$, {names[0]}"
    return [*names, "$f(x)$", "annealed", "no noise"]


def _handles(
    result: AnnealedObjectiveResult, look: Look, *, norm: Normalize, scale: Colormap
) -> list[Artist | tuple[Artist, ...]]:
    handles: list[Artist | tuple[Artist, ...]] = [
        Line2D([], [], color=scale(norm(level)), linewidth=1.0) for level in result.levels
    ]
    c = result.descents[0].found.noisy.c
    colour = scale(norm(float(np.sqrt(c[0] * max(c[-1], norm.vmin or c[-1])))))
    ball = Line2D([], [], color=colour, linewidth=0.8, marker="o", markersize=BALL, markeredgewidth=0.5)
    ball.set_markeredgecolor(look.ink)
    return [*handles, Line2D([], [], color=look.ink, linewidth=1.0), ball, Line2D([], [], **_cross(look))]


def _cross(look: Look) -> dict[str, Any]:
    style = {"marker": "X", "markersize": 5.0, "markeredgewidth": 0.5, "markeredgecolor": look.ink}
    return style | {"color": look.hues["vermillion"], "linestyle": "none", "zorder": 5.0}


def _norm(result: AnnealedObjectiveResult) -> Normalize:
    """Return the places of noise levels on the colour scale, 0 for the highest."""
    c = np.concatenate([*(one.c for one in result.descents), result.levels])
    c = c[c > 0]
    return LogNorm(vmin=float(c.min()), vmax=float(c.max() if c.max() > c.min() else 2.0 * c.min()), clip=True)


def _scale() -> Colormap:
    """Return colours for rising noise, from faint to strong against the background."""
    dark = to_hex(mpl.rcParams["figure.facecolor"]) != "#ffffff"
    ends = (0.35, 0.98) if dark else (0.82, 0.0)
    return ListedColormap(mpl.colormaps["viridis"](np.linspace(*ends, 256)))


def _draw_path(
    axes: Axes, one: Descents, x: Array, height: Array, look: Look, *, norm: Normalize, scale: Colormap, label: str
) -> None:
    """Draw a trajectory on the landscape that it sees, with balls at equal distances of time."""
    points = np.stack([x, height], axis=1)
    segments = LineCollection(
        list(np.stack([points[:-1], points[1:]], axis=1)),
        colors=scale(norm(one.c[:-1])),
        linewidths=0.7,
        zorder=3.0,
        label=label,
    )
    axes.add_collection(segments, autolim=False)
    balls = np.flatnonzero(one.steps % _every(one.found.steps) == 0)
    axes.scatter(
        x[balls],
        height[balls],
        s=BALL**2,
        c=scale(norm(one.c[balls])),
        edgecolors=look.ink,
        linewidths=0.5,
        zorder=4.0,
        label=f"{label} balls",
    )


def _every(steps: int) -> int:
    return max(1, steps // BALLS)


def _draw_stuck(axes: Axes, one: Descents, result: AnnealedObjectiveResult, look: Look) -> None:
    """Mark where the descent without noise ends."""
    x = float(one.found.noiseless.x[-1])
    axes.plot([x], [np.interp(x, result.x, result.value)], label="noiseless", **_cross(look))


def _draw_minimum(axes: Axes, result: AnnealedObjectiveResult, look: Look) -> None:
    """Mark x* under the lowest point."""
    lowest = float(np.interp(result.minimum, result.x, result.value))
    bottom = axes.get_ylim()[0]
    axes.plot(
        [result.minimum] * 2, [bottom, lowest], color=look.ink, linewidth=0.6, linestyle=(0.0, (1.0, 1.4)), label="x*"
    )
    axes.annotate(
        "$x^{*}$",
        (result.minimum, bottom),
        (0.35, 0.25),
        textcoords="offset fontsize",
        ha="left",
        va="bottom",
        label="minimum",
    )


def _draw_words(axes: Axes, result: AnnealedObjectiveResult) -> None:
    """Say where the noise is large and where it is small, in the room that the curves leave above them."""
    c = result.descents[0].found.noisy.c
    if not (c[-1] < c[0] and log(c[0] / max(c[-1], 1e-9)) > 1.0):
        return
    for one in result.descents:
        right = one.found.x0 > result.minimum
        axes.annotate(
            r"$|\xi|\to\infty$",
            (one.x[0, 0], one.height[0, 0]),
            (-0.9 if right else 0.9, 0.0),
            textcoords="offset fontsize",
            ha="right" if right else "left",
            va="center",
            label="large noise",
        )
    ceiling = np.maximum(result.value, result.smoothed.max(axis=0))
    middle = float(np.interp(result.minimum, result.x, ceiling))
    axes.annotate(
        r"$|\xi|\to 0$",
        (result.minimum, middle),
        (0.0, 0.6),
        textcoords="offset fontsize",
        ha="center",
        va="bottom",
        label="small noise",
    )
