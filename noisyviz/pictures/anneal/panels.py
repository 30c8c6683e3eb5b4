"""The panels of annealed descent: schedule, trajectories, final positions, the field and the arrivals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from types import MappingProxyType
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from noisyviz.annealing.results import Annealing, LoneRun, NoisyRun
from noisyviz.pictures.anneal.picture import AnnealResult, shown_steps
from noisyviz.pictures.shared.labels import percent
from noisyviz.pictures.shared.layout import em, number, text_width, ticks, ticks_across
from noisyviz.pictures.shared.panels import SHADE_ALPHA, Look
from noisyviz.pictures.shared.style import DASH_DOT, DASHED, DOTTED, SERIES, Quantity
from noisyviz.units.activation import Array

RUNS: Final[Mapping[str, Quantity]] = MappingProxyType(
    {
        "noisy": Quantity(label="annealed", hue="blue", linewidth=1.8, zorder=4.0),
        "constant": Quantity(label="constant noise", hue="vermillion", linestyle=DASHED, linewidth=1.4, zorder=4.2),
        "leak": Quantity(label="leak alone", hue="green", linestyle=DASH_DOT, linewidth=1.4, zorder=4.1),
        "noiseless": Quantity(label="noiseless", hue="black", linestyle=DOTTED, linewidth=1.5, zorder=4.3),
    }
)
"""The four runs: how each looks and is called in every panel."""

DASHES: Final = ("-", DASHED, DASH_DOT, DOTTED, (0.0, (7.0, 1.5)), (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0)), "-")
OUTER_ALPHA: Final = 0.24
INNER_ALPHA: Final = 0.3
PATHS_SHOWN: Final = 12
LOG_STEPS: Final = 40  # from so many steps on the axis of the steps is logarithmic
BINS: Final = 48
LOWEST_NUMBER_EM: Final = 0.4  # above the lower end of an axis, beside numbers below it
LEAST_PITCH_EM: Final = 1.05  # of numbers at a y axis
FEW: Final = 0.5  # share of arrivals up to which its axis ends earlier than at 1
APART: Final = 0.07  # of the height of a landscape: how far its smoothed forms stand apart
MOST_BANDS: Final = 3  # of several schedules


def equals(sign: str, value: float, *, digits: int = 4) -> str:
    """Return a sign with its value as mathematics.

    Examples
    --------
    >>> equals("c", 0.5)
    '$c=0.5$'
    """
    return f"${sign}={number(value, digits=digits).strip('$')}$"


def line(key: str, look: Look) -> dict[str, Any]:
    """Return how a run is drawn."""
    run = RUNS[key]
    return {
        "color": look.hues[run.hue],
        "linestyle": run.linestyle,
        "linewidth": run.linewidth,
        "zorder": run.zorder,
    }


def reference(key: str, result: AnnealResult, look: Look) -> dict[str, Any]:
    """Return how a run that others are measured by is drawn; among several schedules, whose are the colours, in ink."""
    if result.among:
        ink = {"color": look.ink, "linewidth": 1.0, "alpha": 0.75, "zorder": 3.5}
        return ink | {"linestyle": RUNS[key].linestyle}
    return line(key, look)


def schedule_line(index: int, look: Look) -> dict[str, Any]:
    """Return how one of several schedules is drawn."""
    return {"color": look.hues[SERIES[index][0]], "linestyle": DASHES[index], "linewidth": 1.6, "zorder": 4.0}


def dot(steps: int) -> dict[str, Any]:
    """Return a marker for curves that are a single point because no step was taken."""
    return {"marker": "o", "markersize": 3.0, "markeredgewidth": 0.0, "clip_on": False} if steps == 0 else {}


def lone_runs(found: Annealing) -> list[tuple[str, LoneRun]]:
    """Return the runs without random numbers that there are."""
    leak = [] if found.leak is None else [("leak", found.leak)]
    return [*leak, ("noiseless", found.noiseless)]


def entries(result: AnnealResult, look: Look) -> list[tuple[Artist | tuple[Artist, ...], str]]:
    """Return handles and texts of the legend of the runs."""
    found = result.runs[0]
    if result.among:
        shown: list[tuple[Artist | tuple[Artist, ...], str]] = [
            (Line2D([], [], **schedule_line(index, look)), name) for index, name in enumerate(result.schedules)
        ]
    else:
        noisy = line("noisy", look)
        band: dict[str, Any] = {"facecolor": noisy["color"], "linewidth": 0.0}
        shown = [
            (Line2D([], [], **noisy), "annealed, median"),
            (Patch(alpha=OUTER_ALPHA + INNER_ALPHA, **band), "25–75 %"),
            (Patch(alpha=OUTER_ALPHA, **band), "5–95 %"),
        ]
    shown.append((Line2D([], [], **reference("constant", result, look)), f"{equals('c', found.c_constant)} throughout"))
    shown += [(Line2D([], [], **reference(key, result, look)), RUNS[key].label) for key, _ in lone_runs(found)]
    return shown


def banded(result: AnnealResult) -> bool:
    """Whether the bands of several schedules are drawn: of many they would hide each other."""
    return len(result.runs) <= MOST_BANDS


def even_axis(axes: Axes, steps: int, *, width: float) -> None:
    """Make an axis of the steps on which all are equally wide; `width` in inches keeps its labels apart."""
    axes.set_xlim(0.0, max(steps, 1))
    axes.set_xticks(*ticks_across(0.0, float(max(steps, 1)), most=max(1, min(8, steps)), width=width))


def step_axis(axes: Axes, steps: int, *, labelled: bool) -> None:
    """Make the axis of the steps: logarithmic from 1 on where there are many."""
    if steps > LOG_STEPS:
        axes.set_xscale("symlog", linthresh=1.0, linscale=0.25, subs=np.arange(2, 10))
        axes.set_xlim(0.0, steps)
        places = [0.0, *(10.0**k for k in range(int(np.log10(steps)) + 1))]
        names = ["0", "1", "10", *(f"$10^{{{k}}}$" for k in range(2, len(places)))][: len(places)]
    else:
        axes.set_xlim(0.0, max(steps, 1))
        most = max(1, min(8, steps))
        places, names = ticks(0.0, float(max(steps, 1)), most=most)
    axes.set_xticks(places, _apart(axes, places, names) if labelled else [""] * len(places))
    if labelled:
        axes.set_xlabel("step $t$")


def _apart(axes: Axes, places: Sequence[float], names: Sequence[str]) -> list[str]:
    """Return the names of ticks along an axis of the figure, empty where one would touch its neighbour on the left."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    at = axes.transData.transform([(place, 0.0) for place in places])[:, 0] / figure.dpi
    kept, end = [], -np.inf
    for place, name in zip(at, names, strict=True):
        half = 0.5 * text_width(name)
        fits = place - half >= end
        kept.append(name if fits else "")
        end = place + half + 0.4 * em() if fits else end
    return kept


def draw_schedule(axes: Axes, result: AnnealResult, look: Look) -> list[Artist]:
    """Draw c_t, and the level of the constant run."""
    found = result.runs[0]
    shown = shown_steps(found.steps)
    drawn: list[Artist] = []
    for index, one in enumerate(result.runs):
        style = schedule_line(index, look) if result.among else line("noisy", look)
        drawn += axes.plot(shown, one.noisy.c[shown], label="c", **style, **dot(one.steps))
    drawn.append(axes.axhline(found.c_constant, label="c constant", **reference("constant", result, look)))
    every = np.concatenate([*(one.noisy.c for one in result.runs), [found.c_constant]])
    low, high = float(every.min()), float(every.max())
    if low > 0 and high >= 20 * low:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.35, high * 1.35)
        decades = range(int(np.ceil(np.log10(low / 1.35))), int(np.floor(np.log10(high * 1.35))) + 1)
        places = [10.0**k for k in list(decades)[:: 1 + len(decades) // 4]]
        axes.set_yticks(places, [_power_of_ten(place) for place in places])
        axes.yaxis.set_minor_formatter("")
    else:
        room = 0.12 * (high - low) or 0.5 * max(high, 1.0)
        low, high = (low - room, high + room)
        axes.set_ylim(low, high)
        axes.set_yticks(*ticks(low, high, most=3))
    axes.set_ylabel("$c_t$")
    return drawn


def positions(result: AnnealResult) -> tuple[float, float]:
    """Return the range of x of the trajectories: what most of them visit, and the region of success."""
    found = result.runs[0]
    low, high = result.xlim
    span = high - low
    shown = [np.array([found.x0, *(end for end in found.region if isfinite(end))])]
    shown += [one.noisy.quantiles.ravel() for one in result.runs]
    shown += [found.constant.quantiles.ravel(), *(run.x for _, run in lone_runs(found))]
    values = np.concatenate(shown)
    values = np.clip(values[np.isfinite(values)], low - span, high + span)
    bottom, top = float(values.min()), float(values.max())
    room = 0.07 * (top - bottom) or 1.0
    return bottom - room, top + room


def position_names(result: AnnealResult) -> list[str]:
    """Return the texts at the axis of the trajectories."""
    return ticks(*positions(result), most=7)[1]


def draw_paths(axes: Axes, result: AnnealResult, look: Look) -> list[Artist]:
    """Draw bands, medians and single trajectories; what diverges leaves the axes."""
    found = result.runs[0]
    shown = shown_steps(found.steps)
    bottom, top = positions(result)
    drawn: list[Artist] = []
    if result.among:
        for index, one in enumerate(result.runs):
            style = schedule_line(index, look)
            band = _finite(one.noisy.quantiles[shown], bottom, top)
            if banded(result):
                look_of: dict[str, Any] = {"color": style["color"], "alpha": OUTER_ALPHA, "linewidth": 0.0}
                drawn.append(axes.fill_between(shown, band[:, 1], band[:, 3], zorder=2.0, **look_of))
            drawn += axes.plot(shown, band[:, 2], label="median", **style, **dot(one.steps))
    else:
        drawn += _draw_swarm(axes, found.noisy, shown, look, (bottom, top))
    constant = _finite(found.constant.quantiles[shown, 0], bottom, top)
    drawn += axes.plot(shown, constant, label="constant", **reference("constant", result, look))
    for key, run in lone_runs(found):
        drawn += axes.plot(shown, _finite(run.x[shown], bottom, top), label=key, **reference(key, result, look))
    axes.set_ylim(bottom, top)
    axes.set_yticks(*ticks(bottom, top, most=7))
    axes.set_ylabel("$x_t$")
    mark_region(axes, found, look, vertical=True)
    return drawn


def _draw_swarm(
    axes: Axes, run: NoisyRun, shown: npt.NDArray[np.intp], look: Look, limits: tuple[float, float]
) -> list[Artist]:
    style = line("noisy", look)
    band = _finite(run.quantiles[shown], *limits)
    drawn: list[Artist] = [
        axes.fill_between(shown, band[:, a], band[:, b], color=style["color"], alpha=alpha, linewidth=0.0, zorder=2.0)
        for a, b, alpha in ((0, 4, OUTER_ALPHA), (1, 3, INNER_ALPHA))
    ]
    for path in run.paths[:PATHS_SHOWN]:
        values = _finite(path, *limits)[shown]
        drawn += axes.plot(shown, values, color=style["color"], linewidth=0.45, alpha=0.75, zorder=2.5, label="path")
    return [*drawn, *axes.plot(shown, band[:, 2], label="median", **style, **dot(int(shown[-1])))]


def _finite(values: Array, low: float, high: float) -> Array:
    """Put ±inf far outside the axes, so that a curve is seen to leave them."""
    far = 10.0 * (high - low)
    return np.clip(values, low - far, high + far)


def mark_region(axes: Axes, found: Annealing, look: Look, *, vertical: bool) -> list[Artist]:
    """Shade what lies outside the region of success, and draw its ends."""
    low, high = axes.get_ylim() if vertical else axes.get_xlim()
    span, rule = (axes.axhspan, axes.axhline) if vertical else (axes.axvspan, axes.axvline)
    left, right = found.region
    drawn: list[Artist] = []
    for start, stop in ((low, min(left, high)), (max(right, low), high)):
        if start < stop:
            drawn.append(
                span(start, stop, color=look.ink, alpha=SHADE_ALPHA, linewidth=0.0, zorder=0.0, label="outside")
            )
    for end in (left, right):
        if low < end < high:
            drawn.append(rule(end, color=look.ink, linestyle=DOTTED, linewidth=0.7, alpha=0.7, zorder=0.6, label="end"))
    if vertical:
        axes.set_ylim(low, high)
    else:
        axes.set_xlim(low, high)
    return drawn


def draw_final(axes: Axes, result: AnnealResult, look: Look) -> list[Artist]:
    """Draw where the trajectories ended, sideways beside them, as shares in bins of equal width."""
    found = result.runs[0]
    bottom, top = positions(result)
    edges = _bins(bottom, top, centre=float(found.noisy.quantiles[-1, 2]))
    drawn: list[Artist] = []
    highest = 0.0
    for key, run, face in (("noisy", found.noisy, INNER_ALPHA), ("constant", found.constant, 0.0)):
        style = line(key, look)
        share = np.histogram(run.x_final[np.isfinite(run.x_final)], bins=edges)[0] / run.x_final.size
        highest = max(highest, float(share.max()))
        held = np.flatnonzero(share)
        drawn += axes.barh(
            edges[held],
            share[held],
            height=edges[1] - edges[0],
            align="edge",
            facecolor=(style["color"], face),
            edgecolor=style["color"],
            linestyle=style["linestyle"],
            linewidth=0.9,
            zorder=style["zorder"],
            label=[f"final {key}"] * held.size,
        )
    axes.set_ylim(bottom, top)
    axes.set_yticks(ticks(bottom, top, most=7)[0], [])
    axes.set_xlim(0.0, 1.1 * highest if highest else 1.0)
    mark_region(axes, found, look, vertical=True)
    end = axes.get_xlim()[1]
    for key, lone in lone_runs(found):
        if bottom < lone.x[-1] < top:
            drawn += axes.plot([0.8 * end, end], [lone.x[-1]] * 2, label=f"final {key}", **reference(key, result, look))
    places, names = ticks(0.0, end, most=2)
    axes.set_xticks(places, _apart(axes, places, names))
    axes.set_xlabel("share at $T$")
    return drawn


def _bins(low: float, high: float, *, centre: float) -> Array:
    """Return edges of equal bins that cover a range, `centre` in the middle of one."""
    width = (high - low) / BINS
    start = centre - 0.5 * width if low < centre < high else low
    first = int(np.ceil((start - low) / width))
    edges: Array = start + width * np.arange(-first, BINS - first + 2, dtype=np.float64)
    return edges


def level_colours(count: int, look: Look) -> list[str]:
    """Return colours for falling noise levels, from strong to faint against the background."""
    dark = to_hex(mpl.rcParams["figure.facecolor"]) != "#ffffff"
    scale = mpl.colormaps["viridis"]
    places = np.linspace(0.98, 0.3, count) if dark else np.linspace(0.0, 0.8, count)
    return [to_hex(scale(place)) for place in places] if count > 1 else [look.hues["blue"]]


def titles(result: AnnealResult) -> dict[str, str]:
    """Return what is seen in the lower panels, by panel."""
    return {"field": _field_title(result), "outcomes": _outcomes_title(result), "arrivals": _arrivals_title(result)}


def _field_title(result: AnnealResult) -> str:
    field, level = result.field, equals("c", result.field.levels[0], digits=3)
    if result.landscape:
        without, smoothed = _minima(field.bare), _minima(field.curves[0])
        return f"{without} {'minimum' if without == 1 else 'minima'} without noise, {smoothed} at {level}"
    noisy, bare = (float(np.interp(result.runs[0].x0, field.x, curve)) + 0.0 for curve in (field.curves[0], field.bare))
    return f"Mean drift at the start: {number(noisy, digits=2)} at {level}, {number(bare, digits=2)} without noise"


def _minima(curve: Array) -> int:
    """Return how often a curve falls and then rises."""
    rising = np.diff(curve) > 0.0
    return int(np.sum(~rising[:-1] & rising[1:]))


def _outcomes_title(result: AnnealResult) -> str:
    shares = [one.noisy.share_success for one in result.runs]
    most = max(shares)
    best = [name for name, share in zip(result.schedules, shares, strict=True) if share == most]
    if len(best) == len(shares) > 1:
        return f"Inside at the end: {percent(most)} under every schedule"
    return f"Most inside at the end: {' and '.join(best)}, {percent(most)}"


def _arrivals_title(result: AnnealResult) -> str:
    passages = [one.noisy.median_first_passage for one in result.runs]
    first = min(passages)
    if not result.among:
        if isfinite(first):
            return f"Half of the annealed runs arrive by step {first:,.5g}"
        share = float(np.isfinite(result.runs[0].noisy.first_passage).mean())
        return f"{percent(share) if share else 'None'} of the annealed runs arrive{'' if share else 's'}"
    if not isfinite(first):
        return "Fewer than half arrive under every schedule"
    return f"Half arrive soonest under {result.schedules[passages.index(first)]}: step {first:,.5g}"


def level_names(result: AnnealResult) -> list[str]:
    """Return the legend texts of the field."""
    names = [equals("c", level, digits=3) for level in result.field.levels]
    if not result.landscape and result.field.levels[-1] == 0.0:
        names[-1] = "$c=0$ (leak)"
    return [*names, "$f(x)$" if result.landscape else "noiseless"]


def level_handles(result: AnnealResult, look: Look) -> list[Artist]:
    """Return the legend handles of the field."""
    widths = np.linspace(2.0, 1.0, len(result.field.levels))
    colours = level_colours(len(result.field.levels), look)
    handles: list[Artist] = [
        Line2D([], [], color=colour, linewidth=float(width)) for colour, width in zip(colours, widths, strict=True)
    ]
    return [*handles, Line2D([], [], **line("noiseless", look))]


def draw_field(axes: Axes, result: AnnealResult, look: Look) -> list[Artist]:
    """Draw the expected drift, or the smoothed landscapes, at several noise levels."""
    field, found = result.field, result.runs[0]
    curves, bare = field.curves, field.bare
    if result.landscape:
        bare = bare - bare.min()
        curves = _stacked(curves, bare)
    drawn: list[Artist] = []
    widths = np.linspace(2.0, 1.0, len(field.levels))
    for curve, colour, width in zip(curves, level_colours(len(field.levels), look), widths, strict=True):
        drawn += axes.plot(field.x, curve, color=colour, linewidth=float(width), label="field", zorder=3.0)
    drawn += axes.plot(field.x, bare, label="bare", **(line("noiseless", look) | {"linewidth": 1.2}))
    axes.set_xlim(*result.xlim)
    axes.set_xlabel("$x$")
    axes.set_xticks(*ticks_across(*result.xlim, most=8, width=_width(axes)))
    if result.landscape:
        top = float(max(curves.max(), bare.max()))
        axes.set_ylim(-0.06 * top, 1.08 * top)
        axes.set_yticks(*ticks(-0.06 * top, 1.08 * top, most=5))
        axes.set_ylabel(r"$\mathrm{E}\,f(x+c\,\xi)$, shifted")
    else:
        scale = signed_axis(result)
        axes.set_yscale("symlog", linthresh=scale.threshold, linscale=0.7, subs=np.arange(2, 10))
        axes.set_ylim(*scale.limits)
        axes.set_yticks(scale.places, _clear(axes, scale.places, scale.names))
        axes.axhline(0.0, color=look.ink, alpha=0.25, linewidth=0.5, zorder=0.5)
        axes.set_ylabel(r"$\mathrm{E}[-\partial\ell/\partial x]$")
    mark_region(axes, found, look, vertical=False)
    return drawn


def _clear(axes: Axes, places: Sequence[float], names: Sequence[str]) -> list[str]:
    """Return the names of ticks up an axis, empty where one would touch another or a number below the axes.

    The ends and 0 come first.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    at = axes.transData.transform([(1.0, place) for place in places])[:, 1] / figure.dpi
    bottom = axes.get_position().y0 * figure.get_size_inches()[1]
    kept: list[int] = []
    ends = (0, len(places) - 1)
    for k in sorted(range(len(places)), key=lambda k: (k not in ends, places[k] != 0.0, -abs(places[k]))):
        if places[k] < 0.0 and at[k] < bottom + LOWEST_NUMBER_EM * em():
            continue
        if all(abs(at[k] - at[other]) >= LEAST_PITCH_EM * em() for other in kept):
            kept.append(k)
    return [name if k in kept else "" for k, name in enumerate(names)]


def _width(axes: Axes) -> float:
    figure = axes.get_figure(root=True)
    assert figure is not None
    return float(axes.get_position().width * figure.get_size_inches()[0])


def _stacked(curves: Array, bare: Array) -> Array:
    """Shift curves upwards so that none crosses the next: the last stands above `bare`, the first on top."""
    apart = APART * float(np.ptp(bare))
    stacked, below = np.empty_like(curves), bare
    for index in range(len(curves) - 1, -1, -1):
        below = curves[index] + (apart + float(np.max(below - curves[index])))
        stacked[index] = below
    return stacked


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAxis:
    """A scale for drifts of very different size: linear within ±threshold, logarithmic beyond."""

    threshold: float
    limits: tuple[float, float]
    places: tuple[float, ...]
    names: tuple[str, ...]


def signed_axis(result: AnnealResult) -> SignedAxis:
    """Return the scale of the expected drift."""
    low = float(min(result.field.curves.min(), result.field.bare.min()))
    high = float(max(result.field.curves.max(), result.field.bare.max()))
    largest = max(-low, high) or 1.0
    decade = float(10.0 ** np.floor(np.log10(largest) + 1e-9))
    threshold = 1e-2 * decade
    bottom = low * 1.6 if low < -threshold else -1.3 * threshold
    top = high * 1.6 if high > threshold else 1.3 * threshold
    signed = [sign * decade * 10.0**-k for sign in (-1.0, 1.0) for k in (0, 1, 2)]
    places = tuple(sorted(place for place in [*signed, 0.0] if bottom <= place <= top))
    names = tuple(_power_of_ten(place) for place in places)
    return SignedAxis(threshold=threshold, limits=(bottom, top), places=places, names=names)


def _power_of_ten(value: float) -> str:
    if value == 0.0 or 1e-3 < abs(value) < 1e4:
        return number(value, digits=2)
    return f"${'−' if value < 0 else ''}10^{{{round(np.log10(abs(value)))}}}$".replace("{-", "{−")


def arriving(result: AnnealResult) -> bool:
    """Return whether any trajectory arrives."""
    found = result.runs[0]
    firsts = [np.min(run.first_passage) for run in (found.constant, *(one.noisy for one in result.runs))]
    return bool(np.isfinite([*firsts, *(lone.first_passage for _, lone in lone_runs(found))]).any())


def draw_arrivals(axes: Axes, result: AnnealResult, look: Look) -> list[Artist]:
    """Draw the share of trajectories that have been inside by every step."""
    found = result.runs[0]
    drawn: list[Artist] = []
    swarms = [
        (one.noisy, schedule_line(index, look) if result.among else line("noisy", look), result.schedules[index])
        for index, one in enumerate(result.runs)
    ]
    for run, style, name in [*swarms, (found.constant, reference("constant", result, look), "constant")]:
        times = np.sort(run.first_passage[np.isfinite(run.first_passage)])
        share = np.arange(1, times.size + 1) / run.first_passage.size
        last = share[-1] if times.size else 0.0
        steps = np.concatenate([[0.0], times, [float(found.steps)]])
        heights = np.concatenate([[0.0], share, [last]])
        keep = _thinned(steps)
        drawn += axes.plot(
            steps[keep],
            heights[keep],
            drawstyle="steps-post",
            label=f"arrivals {name}",
            **(style | {"clip_on": False} | dot(found.steps)),
        )
    for key, lone in lone_runs(found):
        at = min(lone.first_passage, inf)
        steps_of = [0.0, at, at, float(found.steps)] if isfinite(at) else [0.0, float(found.steps)]
        heights_of = [0.0, 0.0, 1.0, 1.0] if isfinite(at) else [0.0, 0.0]
        drawn += axes.plot(steps_of, heights_of, label=f"arrivals {key}", clip_on=False, **reference(key, result, look))
    most = max(float(line.get_ydata().max()) for line in drawn)  # type: ignore[attr-defined]  # all are lines
    top = 1.0 if most > FEW else min(1.0, 1.25 * most)
    axes.set_ylim(-0.03 * top, 1.03 * top)
    if top == 1.0:
        places = [0.0, 0.25, 0.5, 0.75, 1.0]
        axes.set_yticks(places, _clear(axes, places, ["0", "0.25", "0.5", "0.75", "1"]))
    else:
        axes.set_yticks(*ticks(0.0, top, most=4))
    axes.set_ylabel("share arrived")
    return drawn


def _thinned(steps: Array) -> npt.NDArray[np.intp]:
    """Return the last of the rows with equal steps, and at most about a thousand in all."""
    last = np.flatnonzero(np.append(np.diff(steps) > 0, True))
    keep: npt.NDArray[np.intp] = (
        last if last.size <= 1000 else last[np.unique(np.linspace(0, last.size - 1, 1000).astype(np.intp))]
    )
    return keep


def draw_outcomes(axes: Axes, result: AnnealResult, look: Look) -> list[Artist]:
    """Draw the share of success of every schedule and of constant noise, with its 95 % interval."""
    found = result.runs[0]
    rows: list[tuple[str, NoisyRun, dict[str, Any]]] = [
        (name, one.noisy, schedule_line(index, look))
        for index, (name, one) in enumerate(zip(result.schedules, result.runs, strict=True))
    ]
    rows.append((equals("c", found.c_constant), found.constant, reference("constant", result, look)))
    drawn: list[Artist] = []
    for place, (_, run, style) in enumerate(rows):
        low, high = run.share_success_ci
        drawn += axes.plot([low, high], [place] * 2, color=style["color"], linewidth=1.6, label="interval")
        marker = SERIES[place][1] if place < len(rows) - 1 else "X"
        drawn += axes.plot(
            [run.share_success],
            [place],
            marker=marker,
            markersize=5.0,
            markeredgewidth=0.0,
            color=style["color"],
            linestyle="none",
            clip_on=False,
            label="share",
            zorder=5.0,
        )
        passage = run.median_first_passage
        text = f"step {passage:,.5g}" if isfinite(passage) else "never"
        right = 1.0 - high >= low
        drawn.append(
            axes.annotate(
                text,
                (high if right else low, place),
                xytext=(0.8 if right else -0.8, 0.0),
                textcoords="offset fontsize",
                ha="left" if right else "right",
                va="center",
                label="median first passage",
            )
        )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.tick_params(axis="y", length=0.0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_xlabel("share, 95 % interval")
    return drawn


def outcome_names(result: AnnealResult) -> Sequence[str]:
    """Return the texts at the rows of the outcomes."""
    return [*result.schedules, equals("c", result.runs[0].c_constant)]
