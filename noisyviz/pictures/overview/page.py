"""The page of an overview: which panel stands where, by the sizes of its texts.

Up to 4.5 in wide the panels stand in one column, above that two by two; they share the range of x.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from noisyviz.pictures.overview.captions import caption_words
from noisyviz.pictures.overview.picture import OverviewResult
from noisyviz.pictures.shared import finish, panels
from noisyviz.pictures.shared.layout import (
    LINE_EM,
    Box,
    caption_lines,
    em,
    legend_height,
    legend_start,
    literal,
    tall,
    text_width,
    ticks,
)
from noisyviz.pictures.shared.panels import PANELS
from noisyviz.pictures.shared.style import QUANTITIES

NARROW_IN: Final = 4.5
X_TICKS: Final = 8  # intervals between the ticks of x, at most

# Distances in units of the text size.
EDGE_EM: Final = 0.4  # between text and the edge of the picture
LIFT_EM: Final = 0.5  # between axes and the legend above them
THRESHOLD_EM: Final = 1.45  # the row that names the thresholds
YLABEL_EM: Final = 1.7  # a rotated label with its distance from the ticks
TICK_EM: Final = 0.65  # a tick mark and the distance to its label
XTICKS_EM: Final = 1.7  # labels of the x ticks
XLABEL_EM: Final = 1.2
GAP_EM: Final = 0.8  # between rows
STRIP_EM: Final = 2.6  # the density of real data
STRIP_GAP_EM: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One panel in its place."""

    key: str  # Of the panel
    axes: Box  # Where its axes go
    strip: Box | None  # Where the density of real data goes, below them; or None
    outer: bool  # Whether the x axis is labelled here
    entries: tuple[str, ...]  # Keys of its legend
    lift: float  # Distance of the legend from the axes, in inches
    legend_width: float  # The room of its legend, which is above the whole row in the first panel
    legend_indent: float = 0.0  # How far right of its axes the legend begins, in inches; negative at the edge


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole page, in inches."""

    # width, height: Of the picture
    width: float
    height: float
    margin: float  # From the left edge of a column to its axes
    cells: tuple[Cell, ...]  # The panels
    caption: tuple[str, ...]  # Lines of text at the bottom
    series_bottom: float  # Lower edge of the legend of several series


def page(result: OverviewResult, width: float) -> Page:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    size = em()
    left, right = _margins(result)
    caption = caption_lines(caption_words(result), width=width - 2 * EDGE_EM * size)
    rows = _rows(result.panels, columns=1 if width <= NARROW_IN else 2)
    y = (len(caption) * LINE_EM + 1.5 * EDGE_EM) * size
    cells: list[Cell] = []
    for row in reversed(rows):
        outer = not cells or len(row) != len(rows[-1])
        pitch = width / len(row)
        drafts = [_draft(result, key, room=pitch - left - right, wide=width > NARROW_IN) for key in row]
        if len(row) > 1 and row[0] == result.panels[0]:
            heads = [draft.lift + _head(draft) for draft in drafts[1:]]
            lift = max([drafts[0].lift, *heads])
            drafts[0] = replace(drafts[0], lift=lift)
        if row[0] == result.panels[0] and not finish.in_force().letters:
            texts = legend_labels(drafts[0].entries)
            start = legend_start(texts, width=width, margin=left, edge=EDGE_EM * size)
            room = width - start - (right if start == left else EDGE_EM * size)
            drafts[0] = replace(drafts[0], legend_width=room, legend_indent=start - left)
        elif row[0] == result.panels[0]:
            drafts[0] = replace(drafts[0], legend_width=width - left - right)
        y += (XTICKS_EM + XLABEL_EM if outer else GAP_EM) * size
        tall = max(draft.axes.height + _strip_height(draft) for draft in drafts)
        for column, draft in enumerate(drafts):
            cells.append(_placed(draft, left=column * pitch + left, bottom=y, tall=tall, outer=outer))
        y += tall + max(draft.lift + _head(draft) for draft in drafts)
    series_bottom = y + 0.6 * size
    if result.among and finish.in_force().legend != "none":
        y = series_bottom + legend_height(series_names(result), width=width - left - EDGE_EM * size)
    cells.sort(key=lambda cell: result.panels.index(cell.key))
    return Page(
        width=width,
        height=y + EDGE_EM * size,
        margin=left,
        cells=tuple(cells),
        caption=tuple(caption),
        series_bottom=series_bottom,
    )


def yticks(result: OverviewResult, key: str) -> tuple[list[float], list[str]]:
    """Return the ticks of a panel's y axis and their labels."""
    room = int(tall(7.0 * em()) / (1.15 * em()))  # fewer where a slide makes the panels low
    return ticks(*PANELS[key].limits(result.series), most=min(6 if key == "activation" else 5, room))


def series_names(result: OverviewResult) -> list[str]:
    """Return the names of the functions as legend texts."""
    return [literal(one.name) for one in result.series]


def legend_labels(entries: Sequence[str]) -> list[str]:
    """Return the texts of a legend."""
    return [QUANTITIES[key].label for key in entries]


def _rows(keys: Sequence[str], *, columns: int) -> list[list[str]]:
    """Split panels into rows; an odd one out stands first and takes the whole width."""
    if columns == 1 or len(keys) == 1:
        return [[key] for key in keys]
    odd = len(keys) % 2
    return [list(keys[:odd])] * odd + [list(keys[i : i + 2]) for i in range(odd, len(keys), 2)]


def _margins(result: OverviewResult) -> tuple[float, float]:
    """Return the room left and right of all axes: labels, and the overhang of the outer x ticks."""
    size = em()
    names = [name for key in result.panels for name in yticks(result, key)[1]]
    names += ["data"] if result.density is not None else []
    widest = max(map(text_width, names), default=0.0)
    overhang = 0.5 * max(map(text_width, ticks(*result.xlim, most=X_TICKS)[1]), default=0.0)
    left = max((EDGE_EM + YLABEL_EM + TICK_EM) * size + widest, overhang + EDGE_EM * size)
    return left, max(overhang + 0.15 * size, 0.7 * size)


def _draft(result: OverviewResult, key: str, *, room: float, wide: bool) -> Cell:
    """Return a panel with its sizes; its place is still the origin."""
    size = em()
    first = key == result.panels[0]
    shaded = panels.saturated_regions(result.series, xlim=result.xlim)
    named = first and bool(panels.shared_thresholds(result.series, xlim=result.xlim))
    unlike = bool(panels.unlike_thresholds(result.series, xlim=result.xlim))
    extra = ["saturated"] * bool(shaded) + ["threshold"] * unlike
    share = (0.62 if wide else 0.6) if key == "activation" else (0.5 if wide else 0.33)
    box = Box(left=0.0, bottom=0.0, width=room, height=tall(max(share * min(room, 4.5), 7.0 * size)))
    return Cell(
        key=key,
        axes=box,
        strip=replace(box, height=STRIP_EM * size) if first and result.density is not None else None,
        outer=False,
        entries=(*_entries(result, key), *(extra if first else [])),
        lift=(LIFT_EM + (THRESHOLD_EM if named else 0.0)) * size,
        legend_width=room,
    )


def _entries(result: OverviewResult, key: str) -> list[str]:
    """Return the legend of a panel, without the bands that the legend of an earlier one explains."""
    explained = {
        one for other in result.panels[: result.panels.index(key)] for one in PANELS[other].entries(result.series)
    }
    return [one for one in PANELS[key].entries(result.series) if one not in explained or one not in ("inner", "outer")]


def _strip_height(cell: Cell) -> float:
    return 0.0 if cell.strip is None else cell.strip.height + STRIP_GAP_EM * em()


def _head(cell: Cell) -> float:
    return legend_height(legend_labels(cell.entries), width=cell.legend_width)


def _placed(draft: Cell, *, left: float, bottom: float, tall: float, outer: bool) -> Cell:
    """Return a panel that fills its row of height `tall`, its strip at the foot."""
    foot = _strip_height(draft)
    strip = None if draft.strip is None else replace(draft.strip, left=left, bottom=bottom)
    axes = replace(draft.axes, left=left, bottom=bottom + foot, height=tall - foot)
    return replace(draft, axes=axes, strip=strip, outer=outer)
