"""Maps over (x, α) of the probability that a gradient points the wrong way, with a bar of colours."""

import warnings
from math import isfinite
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import em, number, tall
from noisyviz.pictures.shared.panels import Look
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import DASHED, DOTTED, colours
from noisyviz.pictures.wrong_sign.picture import SignMap, WrongSignResult

HEIGHT_EM: Final = 13.0
BAR_EM: Final = 0.8
BAR_STEPS: Final = 256
HALF: Final = 0.5


def size(result: WrongSignResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: WrongSignResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes by kind, and of the bar of colours by ``"bar"``.
    """
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    for one in result.maps:
        _draw_map(drawn[one.kind], one, result, look)
    _draw_bar(drawn["bar"], plan, result)
    plan.figure_legend(figure, _handles(result, look))
    return drawn


def page(result: WrongSignResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    x = Range(low=result.xlim[0], high=result.xlim[1], label="$x$")
    alpha = Range(low=result.alpha_lim[0], high=result.alpha_lim[1], label=r"$\alpha$")
    panels = [
        Panel(key=one.kind, x=x, y=alpha, height=tall(HEIGHT_EM * em()), title=_title(one)) for one in result.maps
    ]
    quarters = (0.0, 0.25, 0.5, 0.75, 1.0)
    bar = Panel(
        key="bar",
        x=Range(low=0.0, high=1.0, label=BAR_LABEL, ticks=(quarters, ("0", "0.25", "0.5", "0.75", "1"))),
        y=Range(low=0.0, high=1.0, ticks=((), ())),
        height=BAR_EM * em(),
    )
    return sheet([panels, [bar]], width=width, caption=caption_words(result), legend=_texts(result))


def _title(one: SignMap) -> str:
    """Return what is found of a kind: the largest share of wrong signs in its map."""
    most = float(np.nanmax(one.share)) if np.isfinite(one.share).any() else 0.0
    return f"{labels.name(one.kind)}: up to {labels.percent(round(most, 6))} wrong signs"


BAR_LABEL: Final = r"$\mathrm{P}(\partial\varphi/\partial x$ points the wrong way$)$"


def caption_words(result: WrongSignResult) -> list[str]:
    """Return the caption in pieces: the unit, and what the flip of d does."""
    words = [f"{labels.name(result.fn)},", *(f"{labels.parameter(key, getattr(result, key))}," for key in ("c", "p"))]
    words += [result.noise, r"$\xi$,", *labels.scale_formula(result.scale)]
    words[-1] += "."
    for one in result.maps:
        words += labels.kind_words(one.kind, ";")
    words[-1] = words[-1].removesuffix(";") + "."
    if result.alpha_lim[0] <= 1.0 < result.alpha_lim[1]:
        at, above = (
            [f"{one.kind}\N{NO-BREAK SPACE}{_short(one.flip[side])}" for one in result.maps] for side in (0, 1)
        )
        words += ["At", r"$\alpha=1$", "P", "is", "at", "most:", *_listed(at, ";")]
        words += ["just", "above,", "where", "$d$", "has", "flipped:", *_listed(above, ".")]
    if any(np.isnan(one.share).any() for one in result.maps):
        words += ["Blank:", "undefined,", "for", "$u$′", "is", "0."]
    return words


def _short(value: float) -> str:
    return number(round(value, 6), digits=2)


def _listed(items: list[str], end: str) -> list[str]:
    """Return words of items in a row, none of which is broken."""
    return [f"{item}," for item in items[:-1]] + [items[-1] + end]


def _texts(result: WrongSignResult) -> list[str]:
    texts = ["P = ½", "$x_t$"]
    return texts[: 1 + any(map(isfinite, result.thresholds))] + _flip_text(result)


def _flip_text(result: WrongSignResult) -> list[str]:
    return [r"$\alpha=1$, $d$ flips"] if result.alpha_lim[0] < 1.0 < result.alpha_lim[1] else []


def _handles(result: WrongSignResult, look: Look) -> list[Artist | tuple[Artist, ...]]:
    outer, inner = _half_lines(look)
    handles: list[Artist | tuple[Artist, ...]] = [(Line2D([], [], **outer), Line2D([], [], **inner))]
    if any(map(isfinite, result.thresholds)):
        handles.append(Line2D([], [], color=look.ink, linestyle=DOTTED, linewidth=0.9))
    if _flip_text(result):
        handles.append(Line2D([], [], color=look.ink, linestyle=DASHED, linewidth=0.7))
    return handles


def _half_lines(look: Look) -> list[dict[str, Any]]:
    """Return the two lines of the contour: light in dark, to be seen on every colour."""
    return [{"color": look.hues["blue"], "linewidth": 2.2}, {"color": "#FFFFFF", "linewidth": 0.8}]


def scale() -> Colormap:
    """Return the colours of shares: that of 0 is the one nearest to the background."""
    dark = to_hex(mpl.rcParams["figure.facecolor"]) != "#ffffff"
    return mpl.colormaps["magma" if dark else "magma_r"]


def _draw_map(axes: Axes, one: SignMap, result: WrongSignResult, look: Look) -> None:
    axes.imshow(
        one.share,
        cmap=scale(),
        vmin=0.0,
        vmax=1.0,
        extent=(*result.xlim, *result.alpha_lim),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        zorder=1.0,
        label="share",
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No contour levels")  # a map that is ½ nowhere
        for style in _half_lines(look):
            colour, width = [style["color"]], style["linewidth"]
            axes.contour(result.x, result.alpha, one.share, [HALF], colors=colour, linewidths=width, zorder=3.0)
    for threshold in result.thresholds:
        if result.xlim[0] < threshold < result.xlim[1]:
            axes.axvline(threshold, color=look.ink, linestyle=DOTTED, linewidth=0.9, zorder=2.0, label="threshold")
    if _flip_text(result):
        axes.axhline(1.0, color=look.ink, linestyle=DASHED, linewidth=0.7, zorder=2.0, label="flip")


def _draw_bar(axes: Axes, plan: Sheet, result: WrongSignResult) -> None:
    """Draw the bar of colours as wide as the maps above it."""
    first, last = plan.places[result.maps[0].kind].box, plan.places[result.maps[-1].kind].box
    box = axes.get_position()
    left, right = first.left / plan.width, (last.left + last.width) / plan.width
    axes.set_position((left, box.y0, right - left, box.height))
    axes.imshow(
        np.linspace(0.0, 1.0, BAR_STEPS)[None, :],
        cmap=scale(),
        extent=(0.0, 1.0, 0.0, 1.0),
        aspect="auto",
        interpolation="nearest",
        label="bar",
    )
    axes.axvline(HALF, color=mpl.rcParams["figure.facecolor"], linewidth=1.0, label="half")
