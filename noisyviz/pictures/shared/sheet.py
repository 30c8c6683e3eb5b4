"""A sheet of panels in rows: where axes, labels, titles, legends and caption stand, by the sizes of their texts.

Neighbours with equal ranges are labelled once: the left one of a row carries the y axis, the lowest of a column the
x axis. All distances are in inches, so that a column width is met exactly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil, log10
from typing import Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from noisyviz.pictures.shared import finish
from noisyviz.pictures.shared.layout import (
    LEGEND_GAP_EM,
    LINE_EM,
    LINE_SPACING,
    TITLE_EM,
    Box,
    balanced,
    caption_lines,
    em,
    legend_above,
    legend_columns,
    legend_height,
    legend_start,
    set_ticks,
    text_width,
    ticks,
    ticks_across,
)

X_TICKS: Final = 8  # intervals at most
Y_TICKS: Final = 5

# Distances in units of the text size.
EDGE_EM: Final = 0.4  # between text and the edge of the picture
LIFT_EM: Final = 0.5  # between axes and what stands above them
YLABEL_EM: Final = 1.7  # a rotated label with its distance from the ticks
TICK_EM: Final = 0.65  # a tick mark and the distance to its label
XTICKS_EM: Final = 1.7  # labels of the x ticks
XLABEL_EM: Final = 1.25
GAP_EM: Final = 0.9  # between neighbours
APART_EM: Final = 0.5  # between a label of x and what stands above the axes below it
LEAST_PITCH_EM: Final = 1.05  # of numbers at a y axis
HEADING_EM: Final = 1.5  # a rotated heading of rows, left of everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """One axis of a panel."""

    # low, high: Its ends, low < high; above 0 on a logarithmic axis
    low: float
    high: float
    label: str = ""  # What stands beside it; empty for nothing
    log: bool = False  # Whether it is logarithmic
    ticks: tuple[tuple[float, ...], tuple[str, ...]] | None = None  # Values and their names; None for round ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel before it has a place."""

    key: str  # By which its axes are found
    # x, y: Its axes
    x: Range
    y: Range
    height: float  # Of the axes, in inches
    title: str = ""  # Above the axes, in as many lines as it takes not to be wider than they are
    legend: tuple[str, ...] = ()  # Texts of a legend above the axes, whose handles `Sheet.legend` takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A panel in its place; `bare_x` and `bare_y` tell that a neighbour carries the labels of that axis."""

    panel: Panel
    box: Box
    margin: float
    bare_x: bool
    bare_y: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands upright left of some rows; in inches from the lower edge of the picture."""

    text: str
    bottom: float
    top: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The whole page, in inches."""

    # width, height: Of the picture
    width: float
    height: float
    places: Mapping[str, Place]  # The panels by key
    caption: tuple[str, ...]  # Lines of text at the bottom
    # legend_texts, legend_box: The legend of the whole picture, at its top
    legend_texts: tuple[str, ...]
    legend_box: Box
    headings: tuple[Heading, ...] = ()  # Of rows, from the top
    size: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", (self.width, self.height))

    def add(self, figure: Figure) -> dict[str, Axes]:
        """Return new axes by key, with limits, ticks, labels and titles; write the caption."""
        drawn = {key: place.box.add(figure) for key, place in self.places.items()}
        for key, axes in drawn.items():
            _furnish(axes, self.places[key])
        x, step = EDGE_EM * em() / self.width, LINE_EM * em() / self.height
        start = 0.75 * EDGE_EM * em() / self.height
        for position, line in enumerate(reversed(self.caption)):
            figure.text(x, start + (position + 0.25) * step, line, va="baseline", ha="left", label="caption")
        for one in self.headings:
            y = 0.5 * (one.bottom + one.top) / self.height
            figure.text(x, y, one.text, rotation=90.0, va="center", ha="left", label="heading")
        return drawn

    def legend(
        self, axes: Mapping[str, Axes], key: str, handles: Sequence[Artist | tuple[Artist, ...]]
    ) -> Legend | None:
        """Put the legend of a panel above its axes."""
        place = self.places[key]
        lift = LIFT_EM * em() + _title_height(place.panel, width=place.box.width) + _legend_gap(place.panel)
        return legend_above(axes[key], handles, place.panel.legend, width=place.box.width, lift=lift)

    def figure_legend(self, figure: Figure, handles: Sequence[Artist | tuple[Artist, ...]]) -> Legend | None:
        """Put the legend of the whole picture at its top, unless legends are left out."""
        if finish.in_force().legend == "none":
            return None
        legend: Legend = figure.legend(  # type: ignore[call-overload]  # its hints leave out tuples of artists
            list(handles),
            list(self.legend_texts),
            ncols=legend_columns(self.legend_texts, width=self.legend_box.width),
            loc="lower left",
            bbox_to_anchor=(self.legend_box.left / self.width, self.legend_box.bottom / self.height),
        )
        return legend


def sheet(
    rows: Sequence[Sequence[Panel]],
    *,
    width: float,
    caption: Sequence[str] = (),
    legend: Sequence[str] = (),
    headings: Sequence[str] = (),
    slots: Sequence[int] = (),
) -> Sheet:
    """Lay out rows of panels, by the text sizes in force.

    Parameters
    ----------
    rows
        From the top; the panels of a row share its width equally, in `slots` parts.
    width
        Of the picture in inches.
    caption
        Words of the caption, see `noisyviz.pictures.shared.layout.wrap`.
    legend
        Texts of a legend of the whole picture.
    headings
        For each row what stands upright left of it; equal neighbours have one. Empty for none.
    slots
        Into how many parts each row is divided, at least its number of panels, which stand on the left; by default
        that number.
    """
    size = em()
    parts = list(slots) or [len(row) for row in rows]
    aside = HEADING_EM * size if headings else 0.0
    lines = caption_lines(caption, width=width - 2 * EDGE_EM * size)
    y = (len(lines) * LINE_EM + (1.5 if lines else 0.5) * EDGE_EM) * size
    places: list[dict[str, Place]] = []
    margin = 0.0
    spans: list[tuple[float, float]] = []
    for index in range(len(rows) - 1, -1, -1):
        row, count = rows[index], parts[index]
        below = rows[index + 1] if index + 1 < len(rows) and parts[index + 1] == count else []
        bare_x = [k < len(below) and panel.x == below[k].x for k, panel in enumerate(row)]
        bare_y = [k > 0 and panel.y == row[k - 1].y for k, panel in enumerate(row)]
        margins = _margins(rows, parts, count=count)
        right = max(0.5 * _last_label(row[-1].x, width=width / count) + 0.3 * size, EDGE_EM * size)
        room = (width - aside - sum(margins) - right) / count
        y += max(_foot(panel, bare=bare, width=room) for panel, bare in zip(row, bare_x, strict=True))
        if not all(bare_x) and any(panel.title or panel.legend for panel in next(iter(rows[index + 1 :]), [])):
            y += APART_EM * size
        left = aside
        here: dict[str, Place] = {}
        for k, panel in enumerate(row):
            left += margins[k]
            box = Box(left=left, bottom=y, width=room, height=panel.height)
            here[panel.key] = Place(panel=panel, box=box, margin=margins[k], bare_x=bare_x[k], bare_y=bare_y[k])
            left += room
        places.append(here)
        margin = aside + margins[0]
        bottom, y = y, y + max(panel.height + _head(panel, width=room) for panel in row)
        spans.append((bottom, bottom + max(panel.height for panel in row)))
    start = legend_start(legend, width=width, margin=margin, edge=EDGE_EM * size)
    top = Box(left=start, bottom=y + GAP_EM * size, width=width - start - EDGE_EM * size, height=0.0)
    if legend and finish.in_force().legend != "none":
        y = top.bottom + legend_height(legend, width=top.width)
    return Sheet(
        width=width,
        height=y + EDGE_EM * size,
        places={key: place for here in reversed(places) for key, place in here.items()},
        caption=tuple(lines),
        legend_texts=tuple(legend),
        legend_box=top,
        headings=_headings(headings, spans[::-1]),
    )


def _headings(texts: Sequence[str], spans: Sequence[tuple[float, float]]) -> tuple[Heading, ...]:
    """Return one heading for each run of equal texts; `spans` are the lower and upper edges of the rows' axes."""
    found: list[Heading] = []
    for _, run in groupby(zip(texts, spans, strict=bool(texts)), key=lambda pair: pair[0]):
        rows = list(run)
        found.append(Heading(text=rows[0][0], bottom=rows[-1][1][0], top=rows[0][1][1]))
    return tuple(found)


def _margins(rows: Sequence[Sequence[Panel]], parts: Sequence[int], *, count: int) -> list[float]:
    """Return the room left of each of `count` axes in a row, the same in all rows that are divided so."""
    alike = [row for row, divided in zip(rows, parts, strict=True) if divided == count]
    margins = [max(_margin(row[0], bare=False) for row in rows)]
    for k in range(1, count):
        here = [_margin(row[k], bare=row[k].y == row[k - 1].y) for row in alike if k < len(row)]
        margins.append(max(here, default=_margin(alike[0][0], bare=True)))
    return margins


def _foot(panel: Panel, *, bare: bool, width: float) -> float:
    """Return the room below axes of this width in inches: numbers and label, or the gap to the neighbour."""
    lines = len(_lines(panel.x.label, width=width))
    label = XLABEL_EM + LINE_EM * (lines - 1) if lines else 0.0
    return (GAP_EM if bare else XTICKS_EM + label + 0.2 * GAP_EM) * em()


def _head(panel: Panel, *, width: float) -> float:
    """Return the room above axes: title, and legend."""
    legend = legend_height(panel.legend, width=width)
    return LIFT_EM * em() + _title_height(panel, width=width) + legend + (_legend_gap(panel) if legend else 0.0)


def _legend_gap(panel: Panel) -> float:
    return LEGEND_GAP_EM * em() if panel.title else 0.0


def _title_height(panel: Panel, *, width: float) -> float:
    return TITLE_EM * em() * len(_lines(panel.title, width=width))


def _lines(text: str, *, width: float) -> list[str]:
    """Return the lines of a title or label that has this width in inches."""
    return balanced(text, width=width)


def _margin(panel: Panel, *, bare: bool) -> float:
    """Return the room left of axes: tick labels and label, or the gap to the neighbour."""
    _, names = yticks(panel.y, height=panel.height)
    overhang = 0.5 * max(map(text_width, _round(panel.x, most=X_TICKS)[1]), default=0.0)
    if bare:
        return max(GAP_EM * em(), 2.0 * overhang + 0.5 * em())
    label = YLABEL_EM if panel.y.label else 0.3
    return max((EDGE_EM + label + TICK_EM) * em() + max(map(text_width, names), default=0.0), overhang)


def _last_label(x: Range, *, width: float) -> float:
    return text_width(xticks(x, width=width)[1][-1]) if xticks(x, width=width)[1] else 0.0


def xticks(x: Range, *, width: float) -> tuple[list[float], list[str]]:
    """Return ticks and their names for a horizontal axis of this width in inches."""
    if x.ticks is None and not x.log:
        return ticks_across(x.low, x.high, most=X_TICKS, width=width)
    if x.ticks is None:
        for most in range(X_TICKS, 0, -1):
            values, names = log_ticks(x.low, x.high, most=most)
            at = [width * log10(value / x.low) / log10(x.high / x.low) for value in values]
            halves = [0.5 * text_width(name) for name in names]
            if all(at[k] - at[k - 1] >= halves[k] + halves[k - 1] + 0.6 * em() for k in range(1, len(at))):
                return values, names
    return _round(x, most=X_TICKS)


def yticks(y: Range, *, height: float) -> tuple[list[float], list[str]]:
    """Return ticks and their names for a vertical axis of this height in inches."""
    values, names = _round(y, most=max(2, min(Y_TICKS, int(height / (1.8 * em())))))
    if y.ticks is not None and not y.log and len(values) > 1:
        pitch = height * abs(values[1] - values[0]) / (y.high - y.low)
        every = ceil(LEAST_PITCH_EM * em() / pitch)
        values, names = values[::every], names[::every]
    return values, names


def _round(axis: Range, *, most: int) -> tuple[list[float], list[str]]:
    if axis.ticks is not None:
        return list(axis.ticks[0]), list(axis.ticks[1])
    if axis.log:
        return log_ticks(axis.low, axis.high, most=most)
    return ticks(axis.low, axis.high, most=most)


def log_ticks(low: float, high: float, *, most: int) -> tuple[list[float], list[str]]:
    r"""Return powers of ten inside a range, or 1, 2 and 5 of every decade where that leaves too few.

    Examples
    --------
    >>> log_ticks(0.008, 0.4, most=5)
    ([0.01, 0.02, 0.05, 0.1, 0.2], ['0.01', '0.02', '0.05', '0.1', '0.2'])
    >>> log_ticks(0.5, 2e6, most=4)[1]
    ['1', '100', '$10^{4}$', '$10^{6}$']
    """
    decades = range(int(log10(low)) - 1, int(log10(high)) + 2)
    values: list[float] = []
    for mantissas in ((1, 2, 5), (1, 3), (1,)):
        values = [value for k in decades for m in mantissas if low <= (value := float(f"{m}e{k}")) <= high]
        if len(values) <= most + 1:
            break
    values = values[:: -(-len(values) // (most + 1)) or 1]
    return values, [_decimal(value) for value in values]


def _decimal(value: float) -> str:
    return f"{value:g}" if 1e-3 <= value < 1e4 else rf"$10^{{{round(log10(value))}}}$".replace("-", "−")


def _furnish(axes: Axes, place: Place) -> None:
    """Set limits, ticks, labels and title."""
    panel = place.panel
    axes.set_xscale("log" if panel.x.log else "linear")
    axes.set_yscale("log" if panel.y.log else "linear")
    axes.set_xlim(panel.x.low, panel.x.high)
    axes.set_ylim(panel.y.low, panel.y.high)
    values, names = xticks(panel.x, width=place.box.width)
    set_ticks(axes.xaxis, values, [""] * len(names) if place.bare_x else names)
    if not place.bare_x:
        axes.set_xlabel("\n".join(_lines(panel.x.label, width=place.box.width)), linespacing=LINE_SPACING)
    values, names = yticks(panel.y, height=place.box.height)
    set_ticks(axes.yaxis, values, [""] * len(names) if place.bare_y else names)
    if not place.bare_y and panel.y.label:
        axes.set_ylabel(panel.y.label)
        axes.yaxis.set_label_coords((EDGE_EM * em() - place.margin) / place.box.width, 0.5)
        axes.yaxis.label.set_verticalalignment("top")
    axes.minorticks_off()
    if panel.title:
        axes.annotate(
            "\n".join(_lines(panel.title, width=place.box.width)),
            (0.0, 1.0),
            (0.0, LIFT_EM * em() * 72.0),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="left",
            va="bottom",
            annotation_clip=False,
            linespacing=LINE_SPACING,
            label="title",
        )
