"""The picture of a unit: h, u and hard with mean, quantiles and draws of φ, then Δ, σ and the gradients."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.markers import TICKDOWN
from matplotlib.transforms import ScaledTranslation

from noisyviz.pictures.compare import drawing as compare
from noisyviz.pictures.compare.picture import CompareCell, CompareResult
from noisyviz.pictures.overview.captions import caption_words
from noisyviz.pictures.overview.page import EDGE_EM, X_TICKS, Cell, Page, legend_labels, page, series_names, yticks
from noisyviz.pictures.overview.picture import Density, OverviewResult
from noisyviz.pictures.shared import finish, panels
from noisyviz.pictures.shared.layout import (
    LINE_EM,
    em,
    legend_above,
    legend_columns,
    number,
    set_ticks,
    text_width,
    ticks_across,
)
from noisyviz.pictures.shared.panels import PANELS, Look
from noisyviz.pictures.shared.style import FILL_ALPHA, QUANTITIES, SERIES, colours
from noisyviz.units.kinds import KINDS

MANY: Final = 3  # functions, from which on each has a row of its own
THRESHOLD_SIGNS: Final = ("$x_t^{-}$", "$x_t^{+}$")


def size(result: OverviewResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    if multiples(result):
        return compare.size(_rows(result), width, caption=caption_words(result))
    return width, page(result.drawn(), width).height


def draw(result: OverviewResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes by panel; those of the data are under ``"data"``.
    """
    if multiples(result):
        return compare.draw(_rows(result), figure, caption=caption_words(result))
    result = result.drawn()
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn: dict[str, Axes] = {}
    for cell in plan.cells:
        axes = lowest = cell.axes.add(figure)
        drawn[cell.key] = axes
        _draw_panel(axes, cell, result, look, margin=plan.margin)
        if cell.strip is not None and result.density is not None:
            drawn["data"] = lowest = cell.strip.add(figure)
            _finish_x(axes, replace(cell, outer=False), result)
            _draw_density(lowest, result.density, look)
            panels.shade(lowest, result.series, look, xlim=result.xlim)
        _finish_x(lowest, cell, result)
    _write_caption(figure, plan)
    if result.among and finish.in_force().legend != "none":
        _series_legend(figure, plan, result, look)
    return drawn


def multiples(result: OverviewResult) -> bool:
    """Whether every function has a row of its own: three or more in one panel hide each other."""
    return len(result.series) >= MANY and result.density is None


def _rows(result: OverviewResult) -> CompareResult:
    """Return the same as small multiples, a row for each function."""
    parameters: dict[str, Any] = dict.fromkeys(("alpha", "c", "p")) | dict(result.parameters)
    uses = KINDS[result.kind].uses
    parameters |= {"scale": result.scale if "scale" in uses else None, "noise": result.noise}
    marks = result.marks or (None,) * len(result.series)
    cells = [
        CompareCell(fn=one.name, unit=result.kind, series=one, marks=marked, effect=None, **parameters)
        for one, marked in zip(result.series, marks, strict=True)
    ]
    return CompareResult(
        grid=tuple((cell,) for cell in cells),
        row_option="fn",
        column_option="",
        panels=result.panels,
        xlim=result.xlim,
    )


def _draw_panel(axes: Axes, cell: Cell, result: OverviewResult, look: Look, *, margin: float) -> None:
    panel = PANELS[cell.key]
    axes.set_xlim(*result.xlim)
    axes.set_ylim(*panel.limits(result.series))
    set_ticks(axes.yaxis, *yticks(result, cell.key))
    axes.set_ylabel("std of $s$" if "spread" in cell.entries else panel.ylabel)
    axes.yaxis.set_label_coords((EDGE_EM * em() - margin) / cell.axes.width, 0.5)
    axes.yaxis.label.set_verticalalignment("top")
    panels.shade(axes, result.series, look, xlim=result.xlim)
    for index, one in enumerate(result.series):
        if result.among:
            panel.draw_among(axes, one, look, index)
        else:
            panel.draw(axes, one, look)
        if result.marks:
            color = look.hues[SERIES[index][0]] if result.among else look.line(panel.main)["color"]
            panels.draw_marks(axes, cell.key, result.marks[index], color)
    if cell.key == result.panels[0]:
        _name_thresholds(axes, cell, result)
    handles = [panels.handle(key, look, among=result.among) for key in cell.entries]
    texts, indent = legend_labels(cell.entries), cell.legend_indent
    legend_above(axes, handles, texts, width=cell.legend_width, lift=cell.lift, indent=indent)


def _name_thresholds(axes: Axes, cell: Cell, result: OverviewResult) -> None:
    """Write the thresholds above the axes; without their values where these would collide."""
    marks = panels.shared_thresholds(result.series, xlim=result.xlim)
    if not marks:
        return
    per_unit = cell.axes.width / (result.xlim[1] - result.xlim[0])
    places = [(x - result.xlim[0]) * per_unit for x, _ in marks]
    signs = [THRESHOLD_SIGNS[side] for _, side in marks]
    names = [f"{sign[:-1]}={number(x, digits=3).strip('$')}$" for sign, (x, _) in zip(signs, marks, strict=True)]
    if not _fit(places, names, room=cell.axes.width):
        names = signs
    alignments = ["center"] * len(names) if _fit(places, names, room=cell.axes.width) else ["right", "left"]
    if len(names) == 1 and alignments[0] != "center":
        alignments = ["left" if places[0] < 0.5 * cell.axes.width else "right"]
    figure = axes.get_figure(root=True)
    above = ScaledTranslation(0.0, 0.35 * em(), figure.dpi_scale_trans) if figure is not None else None
    transform = axes.get_xaxis_transform() if above is None else axes.get_xaxis_transform() + above
    for (x, _), name, alignment in zip(marks, names, alignments, strict=True):
        axes.text(x, 1.0, name, transform=transform, ha=alignment, va="bottom", label="threshold name")


def _fit(places: list[float], names: list[str], *, room: float) -> bool:
    """Tell whether texts centred at these places stay inside the room and apart."""
    halves = [0.5 * text_width(name) for name in names]
    edges = [(place - half, place + half) for place, half in zip(places, halves, strict=True)]
    apart = all(b[0] - a[1] > 0.5 * em() for a, b in pairwise(edges))
    return apart and edges[0][0] >= 0.0 and edges[-1][1] <= room


def _finish_x(axes: Axes, cell: Cell, result: OverviewResult) -> None:
    values, names = ticks_across(*result.xlim, most=X_TICKS, width=cell.axes.width)
    if cell.outer:
        set_ticks(axes.xaxis, values, names)
        axes.set_xlabel("$x$")
        return
    # One line of marks: real ticks without labels cost as much time as those with.
    set_ticks(axes.xaxis, [], [])
    rc = mpl.rcParams
    axes.plot(
        values,
        [0.0] * len(values),
        transform=axes.get_xaxis_transform(),
        color=rc["xtick.color"],
        linestyle="none",
        marker=TICKDOWN,
        markersize=rc["xtick.major.size"],
        markeredgewidth=rc["xtick.major.width"],
        clip_on=False,
        label="tick marks",
    )


def _draw_density(axes: Axes, density: Density, look: Look) -> None:
    color = look.hues[QUANTITIES["data"].hue]
    axes.stairs(density.height, density.edges, fill=True, color=color, alpha=FILL_ALPHA, linewidth=0.0, zorder=1.0)
    axes.stairs(density.height, density.edges, color=color, linewidth=0.8, zorder=1.1, label="data")
    axes.set_xlim(density.edges[0], density.edges[-1])
    top = float(np.max(density.height, initial=0.0))
    axes.set_ylim(0.0, 1.08 * top or 1.0)
    set_ticks(axes.yaxis, [0.5 * (1.08 * top or 1.0)], ["data"])
    axes.tick_params(axis="y", length=0.0)
    axes.spines["left"].set_visible(False)


def _write_caption(figure: Figure, plan: Page) -> None:
    x, step = EDGE_EM * em() / plan.width, LINE_EM * em() / plan.height
    start = 0.75 * EDGE_EM * em() / plan.height
    for position, line in enumerate(reversed(plan.caption)):
        figure.text(x, start + (position + 0.25) * step, line, va="baseline", ha="left", label="caption")


def _series_legend(figure: Figure, plan: Page, result: OverviewResult, look: Look) -> None:
    names = series_names(result)
    handles = [panels.series_handle(index, look) for index in range(len(names))]
    width = plan.width - plan.margin - EDGE_EM * em()
    figure.legend(
        handles,
        names,
        ncols=legend_columns(names, width=width),
        loc="lower left",
        bbox_to_anchor=(plan.margin / plan.width, plan.series_bottom / plan.height),
    )
