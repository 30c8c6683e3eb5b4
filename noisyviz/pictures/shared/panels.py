"""The panels of the overview: what each one shows, how far its axis reaches, and how it is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from noisyviz.pictures.overview import PANELS as SHOWN
from noisyviz.pictures.overview.picture import Marks, Series, quantity
from noisyviz.pictures.shared.dots import dots
from noisyviz.pictures.shared.style import DASHED, QUANTITIES, SERIES
from noisyviz.units.activations import Array

BAND_ALPHA: Final = 0.2
OUTER_ALPHA: Final = 0.24  # of the band from the 5 % to the 95 % quantile
INNER_ALPHA: Final = 0.28  # of that from 25 % to 75 %, on top of it
SHADE_ALPHA: Final = 0.07
CLOUD_ALPHA: Final = 0.55
CLOUD_POINTS: Final = 1.5  # diameter of a draw
MARKERS_PER_CURVE: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Colours by hue, and the ink that suits the background."""

    hues: Mapping[str, str]
    ink: str

    def line(self, key: str) -> dict[str, Any]:
        """Return how the curve of a quantity is drawn."""
        quantity = QUANTITIES[key]
        return {
            "color": self.hues[quantity.hue],
            "linestyle": quantity.linestyle,
            "linewidth": quantity.linewidth,
            "zorder": quantity.zorder,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel."""

    ylabel: str  # What the vertical axis shows
    main: str  # Key of `QUANTITIES` of its main curve, whose colour the marked points take
    entries: Callable[[Sequence[Series]], list[str]]  # Keys of the legend for one series, or for several
    limits: Callable[[Sequence[Series]], tuple[float, float]]  # The range of y for all series
    draw: Callable[[Axes, Series, Look], list[Artist]]  # Draws one series
    # Draws one of several series; its number decides colour and marker
    draw_among: Callable[[Axes, Series, Look, int], list[Artist]]


# In a picture of several functions colour tells the function, so the style of the line tells the quantity.
AMONG: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "h": {"linestyle": DASHED, "linewidth": 1.0},
        "derivative": {"linestyle": DASHED, "linewidth": 1.0},
        "wrong": {"linewidth": 3.0},
    }
)
MAIN_AMONG: Final[Mapping[str, Any]] = MappingProxyType({"linewidth": 1.6})  # of every other quantity


def handle(key: str, look: Look, *, among: bool) -> Artist | tuple[Artist, ...]:
    """Return what stands before the legend text of an entry."""
    if among and key == "threshold":
        return Line2D([], [], **look.line(key))
    if key == "saturated":
        return Patch(facecolor=look.ink, alpha=2.0 * SHADE_ALPHA, linewidth=0.0)
    if key in ("outer", "inner"):
        color = look.ink if among else look.hues[QUANTITIES["mean"].hue]
        return Patch(facecolor=color, alpha=OUTER_ALPHA + (INNER_ALPHA if key == "inner" else 0.0), linewidth=0.0)
    if key == "cloud":
        size: dict[str, Any] = {"marker": "o", "markersize": 2.0, "markeredgewidth": 0.0, "linestyle": "none"}
        return Line2D([0.15, 0.5, 0.85], [0.3, 0.75, 0.4], color=look.hues[QUANTITIES[key].hue], **size)
    if among:
        return Line2D([], [], color=look.ink, **AMONG.get(key, MAIN_AMONG))
    style = look.line(key)
    return Line2D([], [], **style)


def series_handle(index: int, look: Look) -> Line2D:
    """Return the legend handle of one of several series."""
    hue, marker = SERIES[index]
    return Line2D([], [], color=look.hues[hue], linewidth=1.6, marker=marker, markersize=3.4, markeredgewidth=0.0)


def shared_thresholds(series: Sequence[Series], *, xlim: tuple[float, float]) -> list[tuple[float, int]]:
    """Return the thresholds inside the range, with 0 for the left and 1 for the right one, if all series have them."""
    common = series[0].thresholds
    if any(one.thresholds != common for one in series):
        return []
    return [(x, side) for side, x in enumerate(common) if xlim[0] < x < xlim[1]]


def unlike_thresholds(series: Sequence[Series], *, xlim: tuple[float, float]) -> list[tuple[float, int]]:
    """Return the thresholds inside the range, with the number of their series, if not all series share them."""
    if all(one.thresholds == series[0].thresholds for one in series):
        return []
    return [(x, index) for index, one in enumerate(series) for x in one.thresholds if xlim[0] < x < xlim[1]]


def saturated_regions(series: Sequence[Series], *, xlim: tuple[float, float]) -> list[tuple[float, float]]:
    """Return the intervals to be shaded: the saturated sides, where all series share their thresholds."""
    left, right = series[0].thresholds
    if any(one.thresholds != (left, right) for one in series):
        return []
    low, high = xlim
    sides = [(low, min(left, high)), (max(right, low), high)]
    return [(start, stop) for start, stop in sides if start < stop]


def shade(axes: Axes, series: Sequence[Series], look: Look, *, xlim: tuple[float, float]) -> None:
    """Shade the saturated sides and draw a line at every threshold; for unlike thresholds in the series' colour."""
    axes.axhline(0.0, color=look.ink, alpha=0.25, linewidth=0.5, zorder=0.5)
    for start, stop in saturated_regions(series, xlim=xlim):
        axes.axvspan(start, stop, color=look.ink, alpha=SHADE_ALPHA, linewidth=0.0, zorder=0.0, label="saturated")
    marks = [(x, look.ink) for x, _ in shared_thresholds(series, xlim=xlim)]
    marks += [(x, look.hues[SERIES[index][0]]) for x, index in unlike_thresholds(series, xlim=xlim)]
    for x, color in marks:
        axes.axvline(x, **{**look.line("threshold"), "color": color}, alpha=0.7, label="threshold")


def _band(axes: Axes, x: Array, ends: Array, color: str) -> list[Artist]:
    """Draw the outer and the inner band between quantiles, shape (4, n); edges of the outer one as lines."""
    edge: dict[str, Any] = {"color": color, "linewidth": 0.5, "alpha": 0.7, "zorder": 2.5, "label": "band"}
    face: dict[str, Any] = {"color": color, "linewidth": 0.0, "zorder": 1.5}
    return [
        axes.fill_between(x, ends[0], ends[3], alpha=OUTER_ALPHA, label="5–95 %", **face),
        axes.fill_between(x, ends[1], ends[2], alpha=INNER_ALPHA, label="25–75 %", **face),
        *axes.plot(x, ends[0], **edge),
        *axes.plot(x, ends[3], **edge),
    ]


def draw_activation(
    axes: Axes,
    one: Series,
    look: Look,
    lines: Sequence[str] = ("mean", "h", "u", "hard"),
    cloud: Callable[[Axes, Series, Look], list[Artist]] | None = None,
) -> list[Artist]:
    """Draw the spread and draws of φ, and some of its mean, h, u and the hard version."""
    curves, moments, x = one.curves, one.moments, one.curves.x
    artists: list[Artist] = []
    if one.noisy:
        artists += _band(axes, one.band_x, one.bands.phi, look.line("mean")["color"])
        artists += (cloud or draw_cloud)(axes, one, look)
    shown = {"mean": moments.mean, "h": curves.h, "u": curves.u, "hard": curves.hard}
    for key in lines:
        artists += axes.plot(x, shown[key], label=key, **look.line(key))
    return artists


def draw_cloud(axes: Axes, one: Series, look: Look) -> list[Artist]:
    """Draw thousands of draws of φ, as one image in a vector format."""
    style = _cloud_style(look) | {"marker": "o", "markersize": CLOUD_POINTS, "markeredgewidth": 0.0}
    return list(axes.plot(one.cloud_x, one.cloud_phi, linestyle="none", rasterized=True, **style))


def draw_dots(axes: Axes, one: Series, look: Look) -> list[Artist]:
    """Draw some hundred draws of φ, which stay vectors: an image for each of many axes costs a canvas of the page."""
    return [dots(axes, one.cloud_x, one.cloud_phi, diameter=CLOUD_POINTS, **_cloud_style(look))]


def _cloud_style(look: Look) -> dict[str, Any]:
    quantity = QUANTITIES["cloud"]
    return {"color": look.hues[quantity.hue], "zorder": quantity.zorder, "alpha": CLOUD_ALPHA, "label": "cloud"}


def _draw_delta(axes: Axes, one: Series, look: Look) -> list[Artist]:
    x, delta = one.curves.x, one.curves.delta
    return [
        *axes.plot(x, delta, label="delta", **look.line("delta")),
    ]


def _draw_sigma(axes: Axes, one: Series, look: Look) -> list[Artist]:
    style = look.line("sigma")
    return [
        axes.fill_between(one.curves.x, 0.0, one.spread, color=style["color"], alpha=BAND_ALPHA, linewidth=0.0),
        *axes.plot(one.curves.x, one.spread, label="sigma", **style),
    ]


def _draw_gradient(axes: Axes, one: Series, look: Look) -> list[Artist]:
    x, moments = one.curves.x, one.moments
    return [
        *_band(axes, one.band_x, one.bands.grad, look.line("gradient")["color"]),
        *axes.plot(x, moments.grad_mean, label="gradient", **look.line("gradient")),
        *axes.plot(x, one.curves.derivative, label="derivative", **look.line("derivative")),
        *_wrong_bars(axes, one, look.line("wrong")["color"], row=0),
    ]


def draw_marks(axes: Axes, key: str, marks: Marks, color: str) -> list[Artist]:
    """Mark points on the main curve of a panel."""
    style: dict[str, Any] = {"color": color, "linestyle": "none", "markeredgewidth": 0.6, "zorder": 4.0}
    edge = {"markeredgecolor": mpl.rcParams["axes.facecolor"], "marker": "o", "markersize": 4.5, "clip_on": False}
    return list(axes.plot(marks.curves.x, quantity(marks, SHOWN[key].column), label="marked", **style, **edge))


def _wrong_bars(axes: Axes, one: Series, color: str, *, row: int) -> list[Artist]:
    """Mark, along the lower edge, where the gradient points the wrong way more often than not."""
    height = 0.03 + 0.055 * row
    bars: list[Artist] = []
    for start, stop in one.wrong:
        bars += axes.plot(
            [start, stop],
            [height, height],
            transform=axes.get_xaxis_transform(),
            color=color,
            linewidth=QUANTITIES["wrong"].linewidth,
            solid_capstyle="butt",
            label="wrong",
        )
    return bars


def _line_among(
    axes: Axes, x: Array, values: Array, look: Look, *, key: str, index: int, marked: bool = False
) -> list[Artist]:
    hue, marker = SERIES[index]
    style: dict[str, Any] = dict(AMONG.get(key, MAIN_AMONG)) | {"color": look.hues[hue], "label": key}
    if marked:
        every = max(1, x.size // MARKERS_PER_CURVE)
        style |= {
            "marker": marker,
            "markersize": 3.0,
            "markeredgewidth": 0.0,
            "markevery": ((2 * index + 1) * every // (2 * len(SERIES)), every),
        }
    return list(axes.plot(x, values, **style))


def _activation_among(axes: Axes, one: Series, look: Look, index: int) -> list[Artist]:
    x, color = one.curves.x, look.hues[SERIES[index][0]]
    artists = _band(axes, one.band_x, one.bands.phi, color) if one.noisy else []
    return [
        *artists,
        *_line_among(axes, x, one.curves.h, look, key="h", index=index),
        *_line_among(axes, x, one.moments.mean, look, key="mean", index=index, marked=True),
    ]


def _delta_among(axes: Axes, one: Series, look: Look, index: int) -> list[Artist]:
    x, delta = one.curves.x, one.curves.delta
    return [
        *_line_among(axes, x, delta, look, key="delta", index=index, marked=True),
    ]


def _sigma_among(axes: Axes, one: Series, look: Look, index: int) -> list[Artist]:
    return _line_among(axes, one.curves.x, one.spread, look, key="sigma", index=index, marked=True)


def _gradient_among(axes: Axes, one: Series, look: Look, index: int) -> list[Artist]:
    x, moments, color = one.curves.x, one.moments, look.hues[SERIES[index][0]]
    return [
        *_band(axes, one.band_x, one.bands.grad, color),
        *_line_among(axes, x, one.curves.derivative, look, key="derivative", index=index),
        *_line_among(axes, x, moments.grad_mean, look, key="gradient", index=index, marked=True),
        *_wrong_bars(
            axes, one, color, row=len({line.get_color() for line in axes.get_lines() if line.get_label() == "wrong"})
        ),
    ]


def _activation_entries(series: Sequence[Series]) -> list[str]:
    noisy = any(one.noisy for one in series)
    if len(series) > 1:
        return ["mean", "h", *(["inner", "outer"] if noisy else [])]
    return ["h", "u", "hard", "mean", *(["inner", "outer", "cloud"] if noisy else [])]


def _gradient_entries(series: Sequence[Series]) -> list[str]:
    noisy = any(np.any(one.moments.grad_std > 0.0) for one in series)
    bands = ["inner", "outer"] if noisy else []
    return ["derivative", "gradient", *bands, *(["wrong"] if any(one.wrong for one in series) else [])]


def _sigma_entries(series: Sequence[Series]) -> list[str]:
    return ["spread" if any(np.isnan(one.curves.sigma).all() for one in series) else "sigma"]


def _activation_limits(series: Sequence[Series]) -> tuple[float, float]:
    shown: list[Array] = []
    for one in series:
        shown += [one.curves.h, one.moments.mean, one.bands.phi]
        if len(series) == 1 and one.noisy and one.cloud_phi.size:
            shown.append(np.nanpercentile(one.cloud_phi, [0.5, 99.5]))
    return _padded(shown, below=0.06, above=0.06)


def _delta_limits(series: Sequence[Series]) -> tuple[float, float]:
    return _padded([one.curves.delta for one in series])


def _sigma_limits(series: Sequence[Series]) -> tuple[float, float]:
    _, high = _padded([one.spread for one in series] + [np.zeros(1)])
    return -0.04 * high, high


def _gradient_limits(series: Sequence[Series]) -> tuple[float, float]:
    shown = [np.zeros(1)]
    for one in series:
        shown += [one.curves.derivative, one.moments.grad_mean, one.bands.grad]
    rows = sum(1 for one in series if one.wrong)
    return _padded(shown, below=0.06 + 0.075 * rows)


def _padded(shown: Sequence[Array], *, below: float = 0.06, above: float = 0.06) -> tuple[float, float]:
    """Return a range around all finite values, with margins as shares of it; never empty."""
    values = np.concatenate([np.ravel(array) for array in shown])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-3):
        half = max(0.5, 0.5 * abs(low))
        low, high = low - half, high + half
    return low - below * (high - low), high + above * (high - low)


PANELS: Final[Mapping[str, Panel]] = MappingProxyType(
    {
        "activation": Panel(
            ylabel=r"$\varphi(x,\xi)$",
            main="mean",
            entries=_activation_entries,
            limits=_activation_limits,
            draw=draw_activation,
            draw_among=_activation_among,
        ),
        "delta": Panel(
            ylabel=r"$\Delta(x)$",
            main="delta",
            entries=lambda series: ["delta"],  # noqa: ARG005
            limits=_delta_limits,
            draw=_draw_delta,
            draw_among=_delta_among,
        ),
        "sigma": Panel(
            ylabel=r"$\sigma(x)$",
            main="sigma",
            entries=_sigma_entries,
            limits=_sigma_limits,
            draw=_draw_sigma,
            draw_among=_sigma_among,
        ),
        "gradient": Panel(
            ylabel=r"$\partial\varphi/\partial x$",
            main="gradient",
            entries=_gradient_entries,
            limits=_gradient_limits,
            draw=_draw_gradient,
            draw_among=_gradient_among,
        ),
    }
)
"""The panels of the overview, in the order in which they are drawn."""
