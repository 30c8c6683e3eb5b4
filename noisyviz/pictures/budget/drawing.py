"""Bias against gradient, a curve for each kind of unit along which the noise level rises."""

from collections.abc import Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.pictures.anneal.panels import equals
from noisyviz.pictures.budget.picture import BudgetCurve, BudgetResult
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import em, number, tall
from noisyviz.pictures.shared.panels import Look
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import KIND_LOOKS, colours
from noisyviz.units.kinds import KINDS

MOST_GRADIENT: Final = 1.2  # in units of u′: beyond it noise makes gradients larger than they are without saturation
ABREAST_EM: Final = 22.0  # of panels side by side
HEIGHT_EM: Final = 13.0
TALLEST_IN: Final = 2.2
MARGIN: Final = 0.03  # of an axis, below 0: curves run along it
SIZES: Final = (2.6, 5.6)  # of the marks, from the lowest noise level to the highest


def size(result: BudgetResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: BudgetResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`; return its axes by the number of the panel."""
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    for index, panel in enumerate(result.panels):
        axes = drawn[str(index)]
        for curve in panel.curves:
            _draw_curve(axes, curve, result.marks, look)
        axes.axvline(1.0, color=look.ink, linewidth=0.5, alpha=0.35, zorder=0.5, label="as without saturation")
    plan.figure_legend(figure, [*_handles(result, look), *_mark_handles(result, look)])
    return drawn


def page(result: BudgetResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    most_x, most_y = _limits(result)
    x = Range(low=-MARGIN * most_x, high=most_x, label=r"rms of $\partial\varphi/\partial x$ where saturated, in $u$′")
    y = Range(low=-MARGIN * most_y, high=most_y, label="rms of bias")
    abreast = max(1, min(len(result.panels), int(width / (ABREAST_EM * em()))))
    height = tall(min(max(HEIGHT_EM * em(), 0.44 * width / abreast), TALLEST_IN))
    panels = [
        Panel(
            key=str(index),
            x=x,
            y=y,
            height=height,
            title=equals(r"\alpha", panel.alpha),
        )
        for index, panel in enumerate(result.panels)
    ]
    rows = [panels[first : first + abreast] for first in range(0, len(panels), abreast)]
    legend = [*_kinds(result), *(equals("c", mark) for mark in result.marks)]
    return sheet(rows, width=width, caption=caption_words(result), legend=legend, slots=[abreast] * len(rows))


def _limits(result: BudgetResult) -> tuple[float, float]:
    """Return the ends of the axes, which show what reaches no more than `MOST_GRADIENT`."""
    curves = [curve for panel in result.panels for curve in panel.curves]
    x = np.concatenate([curve.grad_rms for curve in curves])
    y = np.concatenate([curve.bias_rms[curve.grad_rms <= MOST_GRADIENT] for curve in curves])
    shown = x[np.isfinite(x)]
    most = min(MOST_GRADIENT, 1.05 * float(shown.max(initial=0.0))) or MOST_GRADIENT
    return most, 1.06 * float(y[np.isfinite(y)].max(initial=0.0)) or 1.0


def _kinds(result: BudgetResult) -> list[str]:
    return [curve.kind for curve in result.panels[0].curves]


def _mark_sizes(marks: Sequence[float]) -> list[float]:
    low, high = SIZES
    return [float(one) for one in np.linspace(low, high, len(marks))] if len(marks) > 1 else [high]


def _draw_curve(axes: Axes, curve: BudgetCurve, marks: Sequence[float], look: Look) -> None:
    one, place = KIND_LOOKS[curve.kind], list(KIND_LOOKS).index(curve.kind)
    style: dict[str, Any] = {"color": look.hues[one.hue], "zorder": 3.0 + 0.1 * place}
    axes.plot(curve.grad_rms, curve.bias_rms, linestyle=one.linestyle, linewidth=1.2, label=curve.kind, **style)
    for mark, extent in zip(marks, _mark_sizes(marks), strict=True):
        at = int(np.flatnonzero(curve.c == mark)[0])
        axes.plot(
            [curve.grad_rms[at]],
            [curve.bias_rms[at]],
            marker=one.marker,
            markersize=extent,
            markeredgewidth=0.4,
            markeredgecolor=mpl.rcParams["axes.facecolor"],
            label=f"{curve.kind} c={mark:g}",
            **style,
        )


def _handles(result: BudgetResult, look: Look) -> list[Artist | tuple[Artist, ...]]:
    handles: list[Artist | tuple[Artist, ...]] = []
    for kind in _kinds(result):
        one = KIND_LOOKS[kind]
        style: dict[str, Any] = {"linestyle": one.linestyle, "linewidth": 1.2, "marker": one.marker, "markersize": 4.0}
        handles.append(Line2D([], [], color=look.hues[one.hue], markeredgewidth=0.0, **style))
    return handles


def _mark_handles(result: BudgetResult, look: Look) -> list[Artist]:
    handles: list[Artist] = []
    for extent in _mark_sizes(result.marks):
        dot: dict[str, Any] = {"marker": "o", "markersize": extent, "markeredgewidth": 0.6, "linestyle": "none"}
        handles.append(Line2D([], [], color="none", markeredgecolor=look.ink, **dot))
    return handles


def caption_words(result: BudgetResult) -> list[str]:
    """Return the caption in pieces: the units, the input, and what a curve is."""
    words = ["Along", "a", "curve", "$c$", "rises", "from", "0;", "the", "sizes", "of", "marks", "tell", "it."]
    for kind in _kinds(result):
        words += [f"{kind}:", *f"{KINDS[kind].words};".split(" ")]
    words[-1] = words[-1].removesuffix(";") + "."
    ignoring = [kind for kind in _kinds(result) if "alpha" not in KINDS[kind].uses]
    if len(result.panels) > 1 and ignoring:
        words += ["Input", "noise", "does", "not", "depend", "on", r"$\alpha$."]
    words += ["Rms", "of", r"$\partial\varphi/\partial x$:", "over", "draws", "and", "saturated", "inputs,"]
    words += ["so", "noise", "counts", "as", "gradient;", "the", "line", "at", "1", "is", r"$u$′,", "as", "without"]
    words += ["saturation.", "Bias:", r"$\mathrm{E}\,\varphi-h$,", "over", "all", "inputs."]
    words += [f"{labels.name(result.fn)},", f"{labels.parameter('p', result.p)},", result.noise, r"$\xi$,"]
    words += [*labels.scale_formula(result.scale)]
    share = labels.percent(result.share_saturated).replace(" ", "\N{NO-BREAK SPACE}")
    words[-1] += ";"
    return [
        *words,
        "inputs",
        f"N({number(result.mean)},\N{NO-BREAK SPACE}{number(result.std)}²),",
        f"{share}\N{NO-BREAK SPACE}saturated.",
    ]
