"""Small multiples of noisy units: rows and columns of them, each with the same panels on the same axes.

The panels of a unit stand one above the other where its row holds several units, side by side where it holds one.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from noisyviz.pictures.compare import heat
from noisyviz.pictures.compare.picture import CompareCell, CompareResult, Value
from noisyviz.pictures.shared import labels, panels
from noisyviz.pictures.shared.layout import LONGEST, em, literal, lowered, tall, text_width, ticks_across
from noisyviz.pictures.shared.panels import PANELS, Look
from noisyviz.pictures.shared.sheet import X_TICKS, Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import QUANTITIES, colours
from noisyviz.units.kinds import KINDS

NARROWEST_EM: Final = 7.0  # of the panels of several units in a row, with their gaps
TIGHT_EM: Final = 4.5  # the same where more than two lines of units would be needed otherwise
ABREAST_EM: Final = 11.0  # of the panels of one unit side by side
TALLEST_IN: Final = 0.9
LOWEST_EM: Final = 6.0
LOWEST_LOWERED_EM: Final = 4.2  # on a slide that they would not fit otherwise
SIDES_EM: Final = 5.0  # headings and labels left of a row, about
MOST_DOTS: Final = 1000  # draws that stay vectors
BAR: Final = 0.075  # share of a gradient panel that the bar of wrong signs takes

_Spot = tuple[int, str, str]  # number of the unit, key of the panel, title

# In panels of both, one entry of the legend stands for h and h′, one for both means, one for both noise scales.
TWINS: Final[Mapping[str, tuple[str, str]]] = {
    "derivative": ("h", "$h$, $h$′"),
    "gradient": ("mean", "mean"),
    "spread": ("sigma", r"$\sigma(x)$, std of $s$"),
}


def size(result: CompareResult, width: float, *, caption: Sequence[str] | None = None) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    if result.heat:
        return heat.page(result, width, caption=caption_words(result)).size
    return page(result.drawn(), width, caption=caption).size


def draw(result: CompareResult, figure: Figure, *, caption: Sequence[str] | None = None) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`, with a caption of its own unless one is given.

    Returns
    -------
    dict
        Axes by number of the unit and panel, such as ``"0.activation"``; of a map by ``"map"`` and ``"bar"``.
    """
    if result.heat:
        return heat.draw(result, figure, caption=caption_words(result))
    result = result.drawn()
    plan = page(result, float(figure.get_size_inches()[0]), caption=caption)
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    for index, cell in enumerate(result.cells):
        for key in result.panels:
            axes = drawn[f"{index}.{key}"]
            panels.shade(axes, [cell.series], look, xlim=result.xlim)
            if key == "activation":
                cloud = panels.draw_dots if cell.series.cloud_x.size <= MOST_DOTS else panels.draw_cloud
                panels.draw_activation(axes, cell.series, look, lines=("mean", "h", "u"), cloud=cloud)
            else:
                PANELS[key].draw(axes, cell.series, look)
            if cell.marks is not None:
                panels.draw_marks(axes, key, cell.marks, look.line(PANELS[key].main)["color"])
    plan.figure_legend(figure, [panels.handle(key, look, among=False) for key in entries(result)])
    return drawn


def page(result: CompareResult, width: float, *, caption: Sequence[str] | None = None) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    room = width - SIDES_EM * em()
    abreast, columns = int(room / (ABREAST_EM * em())), int(room / _narrowest(result))
    height = _height(result, room=room)
    y = {key: _range(result, key) for key in result.panels}
    rows: list[list[Panel]] = []
    headings: list[str] = []
    slots: list[int] = []
    start = 0
    told: list[tuple[Value, ...]] = []
    for cells in result.grid:
        several = len(cells) > 1
        few = columns if ceil(len(cells) / max(columns, 1)) <= 2 else int(room / _narrowest(result, least=TIGHT_EM))
        count = _even(len(cells), most=few) if several else _even(len(result.panels), most=abreast)
        together = several and lowered() and len(cells) * len(result.panels) <= int(room / _narrowest(result))
        count = len(cells) * len(result.panels) if together else count
        places, names = ticks_across(*result.xlim, most=X_TICKS, width=0.8 * room / count)
        x = Range(low=result.xlim[0], high=result.xlim[1], label="$x$", ticks=(tuple(places), tuple(names)))
        lines = list(_several(result, cells, start, count) if several else _single(result, start, count))
        lines = [_together(result, cells, start)] if together else lines
        values = tuple(cell.value(result.column_option) for cell in cells) if result.column_option else ()
        if (
            several and values in told and (together or len(lines) == len(result.panels))
        ):  # the titles of the columns stand above the first row
            lines = [[(index, key, "") for index, key, _ in line] for line in lines]
        told.append(values)
        for line in lines:
            named = ((f"{index}.{key}", y[key], title) for index, key, title in line)
            rows.append([Panel(key=key, x=x, y=shown, height=height, title=title) for key, shown, title in named])
        if result.row_option:
            headings += [_heading(result, cells[0], room=len(lines) * height)] * len(lines)
        slots += [count] * len(lines)
        start += len(cells)
    legend = [entry_label(result, key) for key in entries(result)]
    words = caption_words(result) if caption is None else caption
    return sheet(rows, width=width, caption=words, legend=legend, headings=headings, slots=slots)


def entries(result: CompareResult) -> list[str]:
    """Return the keys of the legend, without those that another one stands for."""
    series = [cell.series for cell in result.cells]
    found = ["saturated"] if any(panels.saturated_regions([one], xlim=result.xlim) for one in series) else []
    for key in result.panels:
        for one in series:
            found += PANELS[key].entries([one])
    order = [key for key in QUANTITIES if key in found and key not in ("hard", "threshold")]
    return [key for key in order if key not in TWINS or TWINS[key][0] not in order]


def entry_label(result: CompareResult, key: str) -> str:
    """Return the legend text of an entry."""
    shown = {
        entry for panel in result.panels for cell in result.cells for entry in PANELS[panel].entries([cell.series])
    }
    shared = [text for twin, (first, text) in TWINS.items() if first == key and twin in shown]
    return shared[0] if shared else QUANTITIES[key].label


def caption_words(result: CompareResult) -> list[str]:
    """Return the caption in pieces: what all units have in common, and the formulas of their kinds."""
    cells = result.cells
    words: list[str] = []
    for key in ("fn", "alpha", "c", "p", "noise"):
        values = list(dict.fromkeys(cell.value(key) for cell in cells if cell.value(key) is not None))
        if len(values) == 1 and key not in (result.row_option, result.column_option):
            text = labels.name(str(values[0])) if key == "fn" else _setting(key, values[0])
            words += [text, r"$\xi$,"] if key == "noise" else [f"{text},"]
    words = [*words[:-1], words[-1].removesuffix(",") + "."] if words else []
    kinds = list(dict.fromkeys(cell.unit for cell in cells))
    for kind in kinds:
        formula = KINDS[kind].drawn
        words += [*labels.kind_words(kind, ":"), *formula[:-1], f"{formula[-1]}{'.' if kind == kinds[-1] else ';'}"]
    scales = list(dict.fromkeys(cell.scale for cell in cells if cell.scale is not None))
    for scale in scales:
        formula = labels.scale_formula(scale)
        words += [*([f"{scale}:"] if len(scales) > 1 else []), *formula[:-1], f"{formula[-1]}."]
    return words


def _several(result: CompareResult, cells: Sequence[CompareCell], start: int, count: int) -> Iterator[list[_Spot]]:
    """Yield rows of panels of units beside each other, at most `count` in a row."""
    option = result.column_option
    for first in range(0, len(cells), count):
        line = list(enumerate(cells[first : first + count], start + first))
        for key in result.panels:
            top = key == result.panels[0]
            yield [(index, key, _setting(option, cell.value(option)) if top else "") for index, cell in line]


def _together(result: CompareResult, cells: Sequence[CompareCell], start: int) -> list[_Spot]:
    """Return one row with all panels of units that usually stand in several."""
    titles = [_setting(result.column_option, cell.value(result.column_option)) for cell in cells]
    return [(start + k, key, title) for key in result.panels for k, title in enumerate(titles)]


def _single(result: CompareResult, index: int, count: int) -> Iterator[list[_Spot]]:
    """Yield rows of panels of one unit, which stand beside each other, at most `count` in a row."""
    title = f"the same for every {_option(result.column_option)}" if result.column_option else ""
    for first in range(0, len(result.panels), count):
        keys = result.panels[first : first + count]
        yield [(index, key, title if key == result.panels[0] else "") for key in keys]


def _even(count: int, *, most: int) -> int:
    """Return how many go into a line, so that as few lines as possible are filled evenly.

    Examples
    --------
    >>> _even(7, most=4), _even(3, most=4), _even(2, most=0)
    (4, 3, 1)
    """
    return ceil(count / ceil(count / max(most, 1)))


def _height(result: CompareResult, *, room: float) -> float:
    """Return the height of all panels in inches: equal, so that equal heights mean equal values."""
    widest = max(len(row) for row in result.grid)
    wide = room / min(max(widest, 2), 4)
    return tall(
        max(min(0.45 * wide, TALLEST_IN), LOWEST_EM * em()), least=LOWEST_LOWERED_EM if lowered() else LOWEST_EM
    )


def _narrowest(result: CompareResult, *, least: float = NARROWEST_EM) -> float:
    """Return the least width in inches of one of several units in a row: its title must fit."""
    values = [cell.value(result.column_option) for row in result.grid if len(row) > 1 for cell in row]
    titles = [text_width(_setting(result.column_option, value)) for value in values]
    return max([least * em(), *(width + em() for width in titles)])


def _range(result: CompareResult, key: str) -> Range:
    """Return the axis of a panel, which holds what all units show."""
    bounds = [PANELS[key].limits([cell.series]) for cell in result.cells]
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    if key == "gradient" and any(cell.series.wrong for cell in result.cells):
        low = min(low, -BAR * (high - low))
    return Range(low=low, high=high, label=PANELS[key].ylabel)


def _heading(result: CompareResult, cell: CompareCell, *, room: float) -> str:
    option, value = result.row_option, cell.value(result.row_option)
    text = labels.name(str(value)) if option in ("fn", "unit") else _setting(option, value)
    return text if text_width(text) <= room else _cut(str(value), room=room)


def _setting(option: str, value: Value) -> str:
    """Return a setting as it stands in titles."""
    return labels.parameter(option, value) if isinstance(value, float) else literal(str(value))


def _option(option: str) -> str:
    return f"${labels.PARAMETERS[option]}$" if option in labels.PARAMETERS else option


def _cut(text: str, *, room: float) -> str:
    """Return the end of a text that fits the room in inches, such as the function in ``package.module:function``."""
    shown = literal(text)
    text = text[-LONGEST:]
    while len(text) > 1 and text_width(shown) > room:
        text = text[1:]
        shown = literal(f"…{text}")
    return shown
