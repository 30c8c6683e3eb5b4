"""The picture of a calibration: bias against gradient as the noise level rises, and the setting that was chosen."""

from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from noisyviz.engine.units import KINDS
from noisyviz.plots import labels
from noisyviz.plots.calibrate_results import CalibrateResult, Mark, TradeOff
from noisyviz.plots.layout import literal, number, text_width
from noisyviz.plots.panels import SHADE_ALPHA, Look
from noisyviz.plots.sheet import Panel, Range, Sheet, sheet
from noisyviz.plots.style import DASH_DOT, DASHED, DOTTED, SERIES, colours

SHARE: Final = 0.55  # of the width, for the height
TALLEST_IN: Final = 3.2
MARGIN: Final = 0.03  # of an axis, below 0: curves run along it
LINES: Final = ("-", DASHED, DASH_DOT, DOTTED)


def size(result: CalibrateResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: CalibrateResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`; return its axes as ``"trade-off"``."""
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    axes = drawn["trade-off"]
    _draw_wanted(axes, result, look)
    for index, curve in enumerate(result.curves):
        inside = curve.gradient <= 1.5 * axes.get_xlim()[1]
        last = int(np.argmin(inside)) + 1 if not inside.all() else inside.size
        axes.plot(curve.gradient[:last], curve.bias[:last], label=curve.kind, **_style(index, look))
        axes.plot(curve.gradient[:1], curve.bias[:1], label="c = 0", clip_on=False, **_dot(index, look))
    for mark, marker, name in ((result.start, "D", "start"), (result.best, "*", "best")):
        if mark is not None and mark.gradient <= axes.get_xlim()[1] and mark.bias <= axes.get_ylim()[1]:
            _draw_mark(axes, mark, marker, name, look, width=plan.places["trade-off"].box.width)
    plan.figure_legend(figure, _handles(result, look))
    return drawn


def page(result: CalibrateResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    most_x, most_y = _limits(result)
    x = Range(low=-MARGIN * most_x, high=most_x, label=r"rms of $\partial\varphi/\partial x$ where saturated, in $u$′")
    y = Range(low=-MARGIN * most_y, high=most_y, label="rms of bias")
    panel = Panel(key="trade-off", x=x, y=y, height=min(SHARE * width, TALLEST_IN))
    return sheet([[panel]], width=width, caption=caption_words(result), legend=_legend(result))


def _limits(result: CalibrateResult) -> tuple[float, float]:
    """Return the ends of the axes: what was asked for and what was found, and a little more."""
    marks = [mark for mark in (result.best, result.start) if mark is not None]
    reached = max(float(curve.gradient.max()) for curve in result.curves)
    most_x = max([1.4 * result.target, *(1.15 * mark.gradient for mark in marks)])
    if not marks:
        most_x = max(1.15 * result.target, min(1.05 * reached, 2.0 * result.target))
    inside = [curve.bias[curve.gradient <= most_x] for curve in result.curves]
    most_y = max([float(values.max(initial=0.0)) for values in inside] + [1.5 * (result.bound or 0.0)])
    if result.bound is not None:
        most_y = min(most_y, max([4.0 * result.bound, *(1.3 * mark.bias for mark in marks)]) or most_y)
    return most_x, 1.25 * most_y or 1.0


def _draw_wanted(axes: Axes, result: CalibrateResult, look: Look) -> None:
    """Shade where gradient and bias are as asked for."""
    right, top = axes.get_xlim()[1], axes.get_ylim()[1]
    bottom = axes.get_ylim()[0]
    height = (top if result.bound is None else min(result.bound, top)) - bottom
    corner = (result.target, bottom)
    axes.add_patch(
        Rectangle(
            corner,
            right - result.target,
            height,
            color=look.ink,
            alpha=2.0 * SHADE_ALPHA,
            linewidth=0.0,
            label="wanted",
        )
    )
    style: dict[str, Any] = {"color": look.ink, "linewidth": 0.7, "linestyle": DOTTED}
    axes.axvline(result.target, label="target", **style)
    if result.bound is not None:
        axes.axhline(result.bound, label="bound", **style)


def _style(index: int, look: Look) -> dict[str, Any]:
    hue = look.hues[SERIES[index % len(SERIES)][0]]
    line = LINES[(index + index // len(SERIES)) % len(LINES)]
    return {"color": hue, "linestyle": line, "linewidth": 1.3}


def _dot(index: int, look: Look) -> dict[str, Any]:
    hue, marker = SERIES[index % len(SERIES)]
    return {"color": look.hues[hue], "marker": marker, "markersize": 3.4, "markeredgewidth": 0.0, "linestyle": "none"}


def _draw_mark(axes: Axes, mark: Mark, marker: str, name: str, look: Look, *, width: float) -> None:
    size = 9.0 if marker == "*" else 5.0
    axes.plot(
        [mark.gradient],
        [mark.bias],
        marker=marker,
        markersize=size,
        markerfacecolor=look.ink,
        markeredgecolor=mpl.rcParams["axes.facecolor"],
        markeredgewidth=0.6,
        linestyle="none",
        zorder=5.0,
        label=name,
    )
    low, high = axes.get_xlim()
    text = f"${'c' if name == 'best' else 'c_0'}={number(mark.c, digits=3).strip('$')}$"
    place = (mark.gradient - low) / (high - low) * width
    left = place + text_width(text) + 0.12 > width
    axes.annotate(
        text,
        (mark.gradient, mark.bias),
        (-5.0 if left else 5.0, 5.0 if name == "best" else -5.0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="bottom" if name == "best" else "top",
        bbox={"facecolor": mpl.rcParams["axes.facecolor"], "alpha": 0.75, "linewidth": 0.0, "pad": 0.8},
        zorder=6.0,
        label=f"{name} name",
    )


def _legend(result: CalibrateResult) -> tuple[str, ...]:
    extra = ["wanted", *(["best"] if result.best else []), *(["start of a schedule"] if result.start else [])]
    return (*(_name(curve) for curve in result.curves), *extra)


def _name(curve: TradeOff) -> str:
    return curve.kind if curve.alpha is None else f"{curve.kind}, {labels.parameter('alpha', curve.alpha)}"


def _handles(result: CalibrateResult, look: Look) -> list[Artist | tuple[Artist, ...]]:
    handles: list[Artist | tuple[Artist, ...]] = [
        (Line2D([], [], **_style(index, look)), Line2D([0.0], [0.0], **_dot(index, look)))
        for index in range(len(result.curves))
    ]
    handles.append(Patch(facecolor=look.ink, alpha=2.0 * SHADE_ALPHA, linewidth=0.0))
    for mark, marker, points in ((result.best, "*", 8.0), (result.start, "D", 4.5)):
        if mark is not None:
            handles.append(Line2D([], [], color=look.ink, marker=marker, markersize=points, linestyle="none"))
    return handles


def caption_words(result: CalibrateResult) -> list[str]:
    """Return the caption in pieces: function, inputs, what was asked for, and the answer."""
    words = [f"{labels.name(result.fn)},", *literal(result.source).split(" ")]
    words[-1] += ";"
    words += ["along", "a", "curve", "$c$", "rises", "from", "0."]
    words += ["Wanted:", "a", "gradient", "of", "at", "least", f"${_bare(result.target)}\\,u$′"]
    words += ["at", "a", "bias", "of", "at", "most", f"{number(result.bound)}."] if result.bound is not None else []
    words[-1] = words[-1].removesuffix(".") + "."
    if result.best is None:
        return [*words, "Nothing", "reaches", "it."]
    chosen = result.curves[result.best_curve]
    words += ["Best:", f"{chosen.kind}", "with"]
    words += [f"{labels.parameter('alpha', chosen.alpha)},"] if chosen.alpha is not None else []
    words += [
        f"$c={_bare(result.best.c)}$,",
        labels.parameter("p", result.p) + ";",
        "bias",
        f"{_bare(result.best.bias)}.",
    ]
    if "scale" in KINDS[chosen.kind].uses:
        scale = labels.SCALE_FORMULAS[result.scale]
        words += [*scale[:-1], f"{scale[-1]}."]
    return words


def _bare(value: float) -> str:
    return number(value).strip("$")
