"""The picture of every unit of a network: one panel for each layer, the colour of a unit tells its abs p."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex
from matplotlib.figure import Figure

from noisyviz.pictures.network.picture import Layer, NetworkResult
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.dots import dots
from noisyviz.pictures.shared.layout import POINTS_PER_INCH, em, number, tall
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import luminance
from noisyviz.units.kinds import KINDS

NARROW_IN: Final = 4.5
HEIGHT_IN: Final = 0.95
DOT_PT: Final = 1.2
HIDDEN: Final = 0.25  # of a diameter: a dot so near to one drawn later is left out
BAR: Final = "bar"
BAR_EM: Final = 0.7
BAR_STEPS: Final = 128
LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"grad": r"$\partial\varphi/\partial x$", "phi": r"$\varphi(x,\xi)$"}
)

# Parts of magma, by background: the units with least noise, drawn last, stand out most.
PARTS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType({"light": (0.15, 0.85), "dark": (0.98, 0.4)})


def size(result: NetworkResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: NetworkResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes by the number of the layer, ``"1"`` the first, and of the bar of colours by ``"bar"``.
    """
    plan = page(result, float(figure.get_size_inches()[0]))
    scale, reach = colours_of_p(to_hex(figure.get_facecolor())), largest_p(result)
    drawn = plan.add(figure)
    ink = to_hex(mpl.rcParams["text.color"])
    for index, layer in enumerate(result.layers, start=1):
        _draw_layer(drawn[str(index)], layer, result, scale, Normalize(0.0, reach), ink)
    _draw_bar(drawn[BAR], plan, reach, scale)
    return drawn


def page(result: NetworkResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    x = Range(low=float(result.x[0]), high=float(result.x[-1]), label="$x$")
    y = Range(low=result.ylim[0], high=result.ylim[1], label=LABELS[result.shows])
    panels = [
        Panel(key=str(index), x=x, y=y, height=tall(HEIGHT_IN), title=title(index, layer))
        for index, layer in enumerate(result.layers, start=1)
    ]
    bar = Panel(
        key=BAR,
        x=Range(low=0.0, high=largest_p(result), label="$|p|$ of the unit"),
        y=Range(low=0.0, high=1.0, ticks=((), ())),
        height=BAR_EM * em(),
    )
    rows = [[one] for one in panels] if width <= NARROW_IN else [panels]
    return sheet([*rows, [bar]], width=width, caption=caption_words(result))


def title(index: int, layer: Layer) -> str:
    """Return the title of a panel: the layer and the range of abs p among its units."""
    sizes = np.abs(layer.p)
    return f"layer {index}: {sizes.size} units, $|p|$ from {_short(sizes.min())} to {_short(sizes.max())}"


def caption_words(result: NetworkResult) -> list[str]:
    """Return the caption in pieces: unit, formulas, parameters, network and its training."""
    formula, scale = KINDS["nan"].drawn, labels.scale_formula(result.scale)
    words = [
        f"{labels.name(result.fn)},",
        "unit",
        *labels.kind_words("nan", ":"),
        *formula[:-1],
        f"{formula[-1]},",
        *scale[:-1],
    ]
    words += [f"{scale[-1]};", f"{labels.parameter('alpha', result.alpha)},", f"{labels.parameter('c', result.c)};"]
    words += ["$p$", "of", "each", "unit", "learned", "on", "three", "Gaussians:", f"{result.steps:,}", "steps,"]
    return [
        *words,
        labels.percent(result.accuracy).replace(" ", "\N{NO-BREAK SPACE}"),
        "right.",
        f"{result.x.size:,}",
        "draws",
        "each.",
        "Line:",
        r"$\xi=0$.",
    ]


def largest_p(result: NetworkResult) -> float:
    """Return where the bar of colours ends."""
    return max(float(np.abs(layer.p).max()) for layer in result.layers)


def colours_of_p(background: str) -> LinearSegmentedColormap:
    """Return colours from p = 0 to the largest abs p: luminance changes one way, away from the background's at 0."""
    start, stop = PARTS["dark" if luminance(background) < 0.2 else "light"]
    steps = mpl.colormaps["magma"](np.linspace(start, stop, BAR_STEPS))
    return LinearSegmentedColormap.from_list("p", [tuple(one) for one in steps], N=BAR_STEPS)


def visible(layer: Layer, order: npt.NDArray[np.intp], *, near: float) -> npt.NDArray[np.bool_]:
    """Return which dots are seen when units are drawn in this order: those that no later one all but covers.

    Parameters
    ----------
    layer
        The units.
    order
        Of their drawing, shape (units,).
    near
        Values at the same x that differ by no more are one dot.

    Returns
    -------
    ndarray
        Whether it is seen, shape (units, n), in the order of the layer.
    """
    kept = np.full_like(layer.values, np.nan)
    for unit in reversed(order):
        values = layer.values[unit]
        nearest = np.fmin.reduce(np.abs(values - kept), axis=0)
        kept[unit] = np.where(nearest <= near, np.nan, values)
    return ~np.isnan(kept)


def _draw_layer(
    axes: Axes, layer: Layer, result: NetworkResult, scale: LinearSegmentedColormap, share: Normalize, ink: str
) -> None:
    """Draw the units with most noise first, and a line where all are the same without noise."""
    axes.axhline(0.0, color=ink, alpha=0.25, linewidth=0.5, zorder=0.5)
    order = np.argsort(-np.abs(layer.p), kind="stable")
    per_point = (result.ylim[1] - result.ylim[0]) / (tall(HEIGHT_IN) * POINTS_PER_INCH)
    low, high = result.thresholds
    shown = visible(layer, order, near=HIDDEN * DOT_PT * per_point) & ((result.x <= low) | (result.x >= high))
    for place, unit in enumerate(order):
        x, y = result.x[shown[unit]], layer.values[unit, shown[unit]]
        hue = to_hex(scale(share(abs(layer.p[unit]))))
        dots(axes, x, y, diameter=DOT_PT, color=hue, zorder=2.0 + 0.01 * place, label=f"unit {unit + 1}")
    axes.plot(result.centre_x, result.centre, color=ink, linewidth=1.0, zorder=1.9, label="centre")


def _draw_bar(axes: Axes, plan: Sheet, reach: float, scale: LinearSegmentedColormap) -> None:
    """Draw the bar of colours as wide as the panels above it."""
    boxes = [place.box for key, place in plan.places.items() if key != BAR]
    left = min(one.left for one in boxes) / plan.width
    right = max(one.left + one.width for one in boxes) / plan.width
    box = axes.get_position()
    axes.set_position((left, box.y0, right - left, box.height))
    axes.imshow(
        np.linspace(0.0, 1.0, BAR_STEPS)[None, :],
        cmap=scale,
        extent=(0.0, reach, 0.0, 1.0),
        aspect="auto",
        interpolation="nearest",
        label="bar",
    )


def _short(value: float) -> str:
    return number(round(float(value), 2))
