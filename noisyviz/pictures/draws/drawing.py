"""The picture of draws of φ, one panel for each α on the same axes."""

from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from noisyviz.pictures.draws.picture import DrawsResult
from noisyviz.pictures.shared import labels, panels
from noisyviz.pictures.shared.dots import dots
from noisyviz.pictures.shared.layout import tall
from noisyviz.pictures.shared.panels import Look
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import DASHED, QUANTITIES, colours
from noisyviz.units.kinds import KINDS

NARROW_IN: Final = 4.5
HEIGHT_IN: Final = 1.05
DOT_PT: Final = 1.1
LEGEND: Final = (QUANTITIES["h"].label, r"$\alpha h+(1-\alpha)u$", QUANTITIES["cloud"].label)


def size(result: DrawsResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: DrawsResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes by the number of the α, ``"0"`` the first.
    """
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    h, base = look.line("h") | {"linewidth": 1.6}, look.line("mean") | {"linewidth": 1.1, "linestyle": DASHED}
    drawn = plan.add(figure)
    for index, cloud in enumerate(result.clouds):
        axes = drawn[str(index)]
        axes.axhline(0.0, color=look.ink, alpha=0.25, linewidth=0.5, zorder=0.5)
        style = look.line("cloud")
        dots(axes, result.x, cloud.phi, diameter=DOT_PT, color=style["color"], zorder=style["zorder"], label="phi")
        axes.plot(result.x, result.h, label="h", **h)
        axes.plot(result.x, cloud.base, label="base", **base | {"zorder": h["zorder"] + 0.1})
    handles = [Line2D([], [], **h), Line2D([], [], **base), panels.handle("cloud", look, among=False)]
    plan.figure_legend(figure, handles)
    return drawn


def page(result: DrawsResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    count = min(2 if width <= NARROW_IN else 4, len(result.clouds))
    x = Range(low=float(result.x[0]), high=float(result.x[-1]), label="$x$")
    y = Range(low=result.ylim[0], high=result.ylim[1], label=r"$\varphi(x,\xi)$")
    made = [
        Panel(key=str(index), x=x, y=y, height=tall(HEIGHT_IN), title=title(cloud.alpha))
        for index, cloud in enumerate(result.clouds)
    ]
    rows = [made[first : first + count] for first in range(0, len(made), count)]
    return sheet(rows, width=width, caption=caption_words(result), legend=LEGEND, slots=[count] * len(rows))


def title(alpha: float) -> str:
    """Return the title of a panel: α, and to which side its noise points."""
    return f"{labels.parameter('alpha', alpha)}: {'inward' if alpha <= 1.0 else 'outward'}"


def caption_words(result: DrawsResult) -> list[str]:
    """Return the caption in pieces: function, formulas, parameters, and what the titles mean."""
    formula, scale = KINDS["nah"].drawn, labels.scale_formula(result.scale)
    c = labels.parameter("c", result.c)
    words = [
        f"{labels.name(result.fn)},",
        "unit",
        *labels.kind_words("nah", ":"),
        *formula[:-1],
        f"{formula[-1]},",
        *scale[:-1],
    ]
    words += [f"{scale[-1]};", rf"{c[:-1]}\,\alpha$," if result.by_alpha else f"{c},"]
    words += [f"{labels.parameter('p', result.p)};", f"{result.x.size:,}", "draws", "each,", "same"]
    return [
        *words,
        r"normal $\xi$.",
        "Noise",
        "inward:",
        "against",
        "the",
        "sign",
        "of",
        "$x$;",
        "outward:",
        "with",
        "it.",
    ]
