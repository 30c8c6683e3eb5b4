"""The picture of noise at a saturated point: h, u, the density of φ there, and Δ as an arrow from u to h."""

from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from noisyviz.pictures.saturated_noise.picture import SaturatedNoiseResult
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import Box, em, literal, number, tall, text_width
from noisyviz.pictures.shared.panels import BAND_ALPHA, SHADE_ALPHA, Look
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import QUANTITIES, colours

SHARE: Final = 0.56  # height of the axes by the width of the picture
TALLEST_IN: Final = 2.8
PANEL: Final = "noise"
WIDEST: Final = 0.42  # the density's peak by the room between the point and the edge
TOO_CLOSE: Final = 0.07  # for two names under the axis, as a share of it
NAMED_AT: Final = 0.75  # where u is named, as a share of the way from the point to the edge
NEAR_EM: Final = 0.35  # between a thing and its name


def size(result: SaturatedNoiseResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: SaturatedNoiseResult, figure: Figure) -> Axes:
    """Draw into a figure that has the size told by `size`, and return the axes."""
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    axes = plan.add(figure)[PANEL]
    low, high = result.x[0], result.x[-1]
    for start, stop in ((low, result.thresholds[0]), (result.thresholds[1], high)):
        axes.axvspan(start, stop, color=look.ink, alpha=SHADE_ALPHA, linewidth=0.0, zorder=0.0, label="saturated")
    axes.axhline(0.0, color=look.ink, alpha=0.25, linewidth=0.5, zorder=0.5)
    axes.plot([result.at] * 2, [axes.get_ylim()[0], result.u_at], label="point", **look.line("threshold"))
    axes.plot(result.x, result.u, label="u", **look.line("u"))
    axes.plot(result.x, result.h, label="h", **look.line("h") | {"linewidth": 2.2})
    _draw_density(axes, result, look)
    _draw_delta(axes, result, look)
    _name(axes, result, look, plan.places[PANEL].box)
    return axes


def page(result: SaturatedNoiseResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    left, right = result.thresholds
    names = ("$-x_t$", "$x_t$") if left == -right else ("$x_t^-$", "$x_t^+$")
    room = TOO_CLOSE * float(result.x[-1] - result.x[0])
    marked = [(x, name) for x, name in zip((left, right), names, strict=True) if abs(x - result.at) > room]
    marked = sorted([*marked, (result.at, "$x$")])
    height = tall(min(SHARE * width, TALLEST_IN))
    low, high = _ylim(result)
    panel = Panel(
        key=PANEL,
        x=Range(
            low=float(result.x[0]),
            high=float(result.x[-1]),
            ticks=(tuple(value for value, _ in marked), tuple(name for _, name in marked)),
        ),
        y=Range(low=low, high=high, label=r"$\varphi(x,\xi)$"),
        height=height,
    )
    return sheet([[panel]], width=width, caption=caption_words(result))


def caption_words(result: SaturatedNoiseResult) -> list[str]:
    """Return the caption in pieces: function, formulas, parameters, and the numbers at the point."""
    scale = labels.scale_formula(result.scale)
    left, right = result.thresholds
    x_t = left if _side(result) < 0 and left != -right else right
    words = [
        f"{labels.name(result.fn)},",
        _equation("x_t", x_t, ";"),
        r"$\varphi=h+\sigma\,\xi$,",
        literal(result.noise),
    ]
    words += [r"$\xi$,", *scale[:-1], f"{scale[-1]},", f"{labels.parameter('c', result.c)},"]
    words += [f"{labels.parameter('p', result.p)}.", "At", _equation("x", result.at, ":")]
    words += [_equation("h", result.h_at, ","), _equation("u", result.u_at, ",")]
    words += [_equation(r"\Delta", result.delta, ","), _equation(r"\sigma", result.sigma, ".")]
    return [*words, "Shaded:", "saturated;", "density", "not", "to", "scale."]


def _equation(symbol: str, value: float, end: str) -> str:
    return f"${symbol}={number(value, digits=3).strip('$')}${end}"


def _ylim(result: SaturatedNoiseResult) -> tuple[float, float]:
    low = min(float(result.h.min()), result.u_at, float(result.phi.min()))
    high = max(float(result.h.max()), result.u_at, float(result.phi.max()))
    room = 0.14 * (high - low)
    return low - room, high + room


def _side(result: SaturatedNoiseResult) -> int:
    """Return 1 for a point beyond the right threshold and −1 for one beyond the left."""
    return 1 if result.at > result.thresholds[1] else -1


def _draw_density(axes: Axes, result: SaturatedNoiseResult, look: Look) -> None:
    color = look.hues["blue"]
    edge = axes.get_xlim()[_side(result) > 0]
    width = WIDEST * (edge - result.at) / float(np.max(result.density))
    x = result.at + width * result.density
    axes.fill_betweenx(result.phi, result.at, x, color=color, alpha=BAND_ALPHA, linewidth=0.0, zorder=2.0)
    axes.plot(x, result.phi, color=color, linewidth=1.6, zorder=3.5, label="density")


def _draw_delta(axes: Axes, result: SaturatedNoiseResult, look: Look) -> None:
    quantity = QUANTITIES["delta"]
    axes.annotate(
        "",
        (result.at, result.h_at),
        (result.at, result.u_at),
        arrowprops={
            "arrowstyle": "-|>,head_length=0.45,head_width=0.2",
            "color": look.hues[quantity.hue],
            "linewidth": quantity.linewidth,
            "shrinkA": 0.0,
            "shrinkB": 0.0,
        },
        zorder=4.0,
        label="delta",
    )


def _name(axes: Axes, result: SaturatedNoiseResult, look: Look, box: Box) -> None:
    """Write the name of each thing beside it."""
    side = _side(result)
    up = 1 if result.delta < 0 else -1  # where u goes, seen from h
    near = NEAR_EM * em() * 72.0
    inner, outer = ("right", "left") if side > 0 else ("left", "right")
    above, below = ("bottom", "top") if up > 0 else ("top", "bottom")
    edge = axes.get_xlim()[side > 0]
    crest, (low, high) = result.at + WIDEST * (edge - result.at), axes.get_xlim()
    delta = (result.at, 0.5 * (result.u_at + result.h_at))
    u = _along_u(axes, result)
    h = (edge, float(result.h[-1 if side > 0 else 0]))
    density = r"$N(h,\sigma^2)$" if result.noise == "normal" else "density"
    crest = side * min(side * crest, side * edge - text_width(density) * (high - low) / box.width)
    names = (
        (r"$\Delta$", delta, (-side * near, 0.0), inner, "center", look.hues["purple"]),
        ("$u$", u, (side * near, -0.5 * up * near), outer, below, look.hues["vermillion"]),
        ("$h$", h, (-side * near, up * near), inner, above, look.ink),
        (density, (crest, result.h_at), (0.0, -2.0 * up * near), outer, below, look.hues["blue"]),
    )
    for text, at, offset, ha, va, color in names:
        axes.annotate(text, at, offset, textcoords="offset points", ha=ha, va=va, color=color, zorder=5.0, label="name")


def _along_u(axes: Axes, result: SaturatedNoiseResult) -> tuple[float, float]:
    """Return where u is named: between the point and where u leaves the axes."""
    beyond = result.x >= result.at if _side(result) > 0 else result.x <= result.at
    low, high = axes.get_ylim()
    inside = beyond & (result.u > low) & (result.u < high)
    x, u = result.x[inside], result.u[inside]
    index = int(NAMED_AT * x.size) if _side(result) > 0 else int((1.0 - NAMED_AT) * x.size)
    return float(x[index]), float(u[index])
