"""The picture of every unit of a network: one panel for each layer, the colour of a unit tells its abs p."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.plots import labels
from noisyviz.plots.dots import dots
from noisyviz.plots.layout import em, number
from noisyviz.plots.network_results import Layer, NetworkResult
from noisyviz.plots.sheet import Panel, Range, Sheet, sheet
from noisyviz.plots.style import luminance

NARROW_IN: Final = 4.5
HEIGHT_IN: Final = 1.05
DOT_PT: Final = 1.2
BAR: Final = "bar"
BAR_EM: Final = 0.7
BAR_STEPS: Final = 128
LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {"grad": r"$\partial\varphi/\partial x$", "phi": r"$\varphi(x,\xi)$"}
)
CENTRES: Final[Mapping[str, str]] = MappingProxyType({"grad": "slope for $\\xi=0$", "phi": r"$\alpha h+(1-\alpha)u$"})

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
    drawn[BAR].imshow(
        np.linspace(0.0, 1.0, BAR_STEPS)[None, :],
        cmap=scale,
        extent=(0.0, reach, 0.0, 1.0),
        aspect="auto",
        interpolation="nearest",
        label="bar",
    )
    handles: list[Artist | tuple[Artist, ...]] = [Line2D([], [], color=ink, linewidth=1.0)]
    plan.figure_legend(figure, handles)
    return drawn


def page(result: NetworkResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    x = Range(low=float(result.x[0]), high=float(result.x[-1]), label="$x$")
    y = Range(low=result.ylim[0], high=result.ylim[1], label=LABELS[result.shows])
    panels = [
        Panel(key=str(index), x=x, y=y, height=HEIGHT_IN, title=title(index, layer))
        for index, layer in enumerate(result.layers, start=1)
    ]
    bar = Panel(
        key=BAR,
        x=Range(low=0.0, high=largest_p(result), label="$|p|$ of the unit"),
        y=Range(low=0.0, high=1.0, ticks=((), ())),
        height=BAR_EM * em(),
    )
    rows = [[one] for one in panels] if width <= NARROW_IN else [panels]
    return sheet([*rows, [bar]], width=width, caption=caption_words(result), legend=[CENTRES[result.shows]])


def title(index: int, layer: Layer) -> str:
    """Return the title of a panel: the layer and the range of abs p among its units."""
    sizes = np.abs(layer.p)
    return f"layer {index}: {sizes.size} units, $|p|$ from {_short(sizes.min())} to {_short(sizes.max())}"


def caption_words(result: NetworkResult) -> list[str]:
    """Return the caption in pieces: unit, formulas, parameters, network and its training."""
    formula, scale = labels.KIND_FORMULAS["nan"], labels.SCALE_FORMULAS[result.scale]
    words = [f"{labels.name(result.fn)},", "unit", "nan:", *formula[:-1], f"{formula[-1]},", *scale[:-1]]
    words += [f"{scale[-1]};", f"{labels.parameter('alpha', result.alpha)},", f"{labels.parameter('c', result.c)};"]
    words += ["$p$", "of", "each", "unit", "learned", "on", "three", "Gaussians:", f"{result.steps:,}", "steps,"]
    return [*words, *labels.percent(result.accuracy).split(), "right.", f"{result.x.size:,}", "draws", "for", "each."]


def largest_p(result: NetworkResult) -> float:
    """Return where the bar of colours ends."""
    return max(float(np.abs(layer.p).max()) for layer in result.layers)


def colours_of_p(background: str) -> LinearSegmentedColormap:
    """Return colours from p = 0 to the largest abs p: luminance changes one way, away from the background's at 0."""
    start, stop = PARTS["dark" if luminance(background) < 0.2 else "light"]
    steps = mpl.colormaps["magma"](np.linspace(start, stop, BAR_STEPS))
    return LinearSegmentedColormap.from_list("p", [tuple(one) for one in steps], N=BAR_STEPS)


def _draw_layer(
    axes: Axes, layer: Layer, result: NetworkResult, scale: LinearSegmentedColormap, share: Normalize, ink: str
) -> None:
    """Draw the units with most noise first, and where no unit has noise a line in place of all."""
    axes.axhline(0.0, color=ink, alpha=0.25, linewidth=0.5, zorder=0.5)
    low, high = result.thresholds
    noisy = (result.x <= low) | (result.x >= high)
    for order, unit in enumerate(np.argsort(-np.abs(layer.p))):
        dots(
            axes,
            result.x[noisy],
            layer.values[unit, noisy],
            diameter=DOT_PT,
            color=to_hex(scale(share(abs(layer.p[unit])))),
            zorder=2.0 + 0.01 * order,
            label=f"unit {unit + 1}",
        )
    axes.plot(result.centre_x, result.centre, color=ink, linewidth=1.0, zorder=1.9, label="centre")


def _short(value: float) -> str:
    return number(round(float(value), 2))
