"""One average of noisy units as a map of colours over two of their parameters, with its numbers in the cells."""

from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize, to_hex
from matplotlib.figure import Figure

from noisyviz.pictures.compare.picture import CompareResult, summary
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import em, number, tall, text_width, ticks
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import luminance
from noisyviz.units.activation import Array

ROW_EM: Final = 2.0  # height of a row of cells
LEAST_EM: Final = 7.0
BAR_EM: Final = 0.8
BAR_STEPS: Final = 256
LIGHT: Final = 0.35  # luminance of a cell from which on its number is dark
NAMES: Final = {
    "bias_rms": r"rms of the bias $\mathrm{E}[\varphi]-h$",
    "std_rms": r"rms of the spread of $\varphi$",
    "bias_rms_saturated": r"rms of the bias $\mathrm{E}[\varphi]-h$ where saturated",
    "std_rms_saturated": r"rms of the spread of $\varphi$ where saturated",
    "grad_rms_saturated": r"rms of $\partial\varphi/\partial x$ where saturated",
    "grad_rms_noiseless_saturated": "rms of $h$′ where saturated",
    "response_saturated": r"mean response $\mathrm{E}\,\partial\varphi/\partial x$ where saturated, in $u$′",
    "response_noiseless_saturated": "mean of $h$′ where saturated, in $u$′",
    "pull_saturated": r"mean pull Cov$(\varphi,\,\partial\varphi/\partial x)$ where saturated, in $|u$′$|$",
    "noise_rms_saturated": r"rms of the std of $\partial\varphi/\partial x$ where saturated, in $|u$′$|$",
    "p_zero_saturated": r"mean of P($\partial\varphi/\partial x=0$) where saturated",
    "p_wrong_saturated": r"mean of P(wrong sign of $\partial\varphi/\partial x$) where saturated",
}
"""What every average is called."""


def values(result: CompareResult) -> Array:
    """Return the average that is shown, shape (rows, columns)."""
    return np.array([[summary(cell)[result.heat] for cell in row] for row in result.grid])


def page(result: CompareResult, width: float, *, caption: list[str]) -> Sheet:
    """Lay the map out at a width in inches, by the text sizes in force."""
    shown = values(result)
    rows = len(shown)
    names = [
        [number(float(cell.value(option) or 0.0)) for cell in cells]
        for option, cells in (
            (result.column_option, result.grid[0]),
            (result.row_option, [row[0] for row in result.grid]),
        )
    ]
    x, y = (
        Range(
            low=0.0,
            high=float(len(texts)),
            label=f"${labels.PARAMETERS[option]}$",
            ticks=(tuple(k + 0.5 for k in range(len(texts))), tuple(texts)),
        )
        for option, texts in zip((result.column_option, result.row_option), names, strict=True)
    )
    low, high = limits(shown)
    height = tall(max(ROW_EM * rows, LEAST_EM) * em())
    panel = Panel(key="map", x=x, y=y, height=height, title=title(result, shown))
    places, texts = ticks(low, high, most=4)
    bar = Panel(
        key="bar",
        x=Range(low=low, high=high, label=NAMES[result.heat], ticks=(tuple(places), tuple(texts))),
        y=Range(low=0.0, high=1.0, ticks=((), ())),
        height=BAR_EM * em(),
    )
    return sheet([[panel], [bar]], width=width, caption=caption)


def limits(shown: Array) -> tuple[float, float]:
    """Return the ends of the scale of colours: the largest value and 0, or the smallest if it is negative."""
    finite = shown[np.isfinite(shown)]
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    return low, high if high > low else low + 1.0


def title(result: CompareResult, shown: Array) -> str:
    """Return what is found: where the average is largest."""
    if not np.isfinite(shown).any():
        return f"{NAMES[result.heat]}: nowhere defined"
    row, column = np.unravel_index(int(np.nanargmax(shown)), shown.shape)
    cell = result.grid[row][column]
    at = ", ".join(
        labels.parameter(option, float(cell.value(option) or 0.0))
        for option in (result.row_option, result.column_option)
    )
    return f"Largest at {at}: {number(float(shown[row, column]), digits=3)}"


def scale() -> Colormap:
    """Return the colours: that of 0 is the one nearest to the background."""
    return mpl.colormaps["viridis" if to_hex(mpl.rcParams["figure.facecolor"]) != "#ffffff" else "viridis_r"]


def draw(result: CompareResult, figure: Figure, *, caption: list[str]) -> dict[str, Axes]:
    """Draw the map, its numbers and the bar of colours."""
    plan, shown = page(result, float(figure.get_size_inches()[0]), caption=caption), values(result)
    drawn = plan.add(figure)
    axes, box = drawn["map"], plan.places["map"].box
    norm, colours = Normalize(*limits(shown)), scale()
    rows, columns = shown.shape
    axes.imshow(
        shown,
        cmap=colours,
        norm=norm,
        extent=(0.0, columns, 0.0, rows),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        label="map",
    )
    for row in range(rows):
        for column in range(columns):
            text = number(float(shown[row, column]), digits=2) if np.isfinite(shown[row, column]) else "–"
            if text_width(text) + 0.4 * em() > box.width / columns:
                continue
            ink = "#000000" if luminance(to_hex(colours(norm(shown[row, column])))) > LIGHT else "#FFFFFF"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=ink, label="value")
    low, high = limits(shown)
    drawn["bar"].imshow(
        np.linspace(low, high, BAR_STEPS)[None, :],
        cmap=colours,
        norm=norm,
        extent=(low, high, 0.0, 1.0),
        aspect="auto",
        interpolation="nearest",
        label="bar",
    )
    inner = axes.get_position()
    below = drawn["bar"].get_position()
    drawn["bar"].set_position((inner.x0, below.y0, inner.width, below.height))
    return drawn
