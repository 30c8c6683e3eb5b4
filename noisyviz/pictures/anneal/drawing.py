"""The picture of annealed descent: where its panels stand, by the sizes of their texts, and what is written below.

In a narrow picture the field and the arrivals stand one above the other, in a wide one side by side.
"""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from noisyviz.annealing.results import NoisyRun
from noisyviz.pictures.anneal import panels
from noisyviz.pictures.anneal.panels import equals
from noisyviz.pictures.anneal.picture import AnnealResult
from noisyviz.pictures.shared import finish, labels
from noisyviz.pictures.shared.layout import (
    LEGEND_GAP_EM,
    LINE_EM,
    LINE_SPACING,
    POINTS_PER_INCH,
    TITLE_EM,
    Box,
    balanced,
    caption_lines,
    em,
    legend_above,
    legend_height,
    legend_start,
    literal,
    lowered,
    number,
    tall,
    text_width,
)
from noisyviz.pictures.shared.panels import Look
from noisyviz.pictures.shared.style import colours
from noisyviz.units.kinds import KINDS

# Distances in units of the text size.
NARROW_EM: Final = 46.0  # up to this width of the picture the lower panels stand one above the other
EDGE_EM: Final = 0.4
LIFT_EM: Final = 0.5
YLABEL_EM: Final = 1.7
YTICKS_EM: Final = 2.9  # room for the numbers at a y axis
XTICKS_EM: Final = 1.7
XLABEL_EM: Final = 1.3
GAP_EM: Final = 0.9
BESIDE_EM: Final = 1.8  # between the trajectories and their ends
SCHEDULE_EM: Final = 5.2
LOWEST_ROW_EM: Final = 1.5  # of the outcomes
HIGHEST_ROW_EM: Final = 2.6
LOWEST_EM: Final = 4.0  # axes on a slide


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where everything stands, in inches."""

    width: float
    height: float
    margin: float
    boxes: dict[str, Box]
    caption: tuple[str, ...]
    # legend_start, legend_width: Of the legend of the runs
    legend_start: float
    legend_width: float


def size(result: AnnealResult, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return width, _plan(result, width).height


def draw(result: AnnealResult, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`.

    Returns
    -------
    dict
        Axes by panel: schedule, paths, final, field (for several schedules outcomes) and, if any trajectory arrives,
        arrivals.
    """
    plan = _plan(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    steps = result.runs[0].steps
    axes = {name: box.add(figure) for name, box in plan.boxes.items()}
    panels.draw_schedule(axes["schedule"], result, look)
    panels.even_axis(axes["schedule"], steps, width=plan.boxes["schedule"].width)
    handles, texts = zip(*panels.entries(result, look), strict=True)
    indent = plan.legend_start - plan.margin
    legend_above(axes["schedule"], handles, texts, width=plan.legend_width, lift=LIFT_EM * em(), indent=indent)
    panels.draw_paths(axes["paths"], result, look)
    panels.step_axis(axes["paths"], steps, labelled=True)
    if "final" in axes:
        panels.draw_final(axes["final"], result, look)
    if "field" in axes:
        panels.draw_field(axes["field"], result, look)
        legend_above(
            axes["field"],
            panels.level_handles(result, look),
            panels.level_names(result),
            width=plan.boxes["field"].width,
            lift=(LIFT_EM + LEGEND_GAP_EM) * em() + _title_height(result, "field", plan.boxes["field"]),
        )
    else:
        panels.draw_outcomes(axes["outcomes"], result, look)
    if "arrivals" in axes:
        panels.draw_arrivals(axes["arrivals"], result, look)
        panels.step_axis(axes["arrivals"], steps, labelled=True)
    for name in panels.titles(result).keys() & axes.keys():
        _write_title(axes[name], _title(result, name, plan.boxes[name]))
    for name in ("schedule", "paths", "field", "arrivals"):
        if name in axes:
            _place_label(axes[name], plan.boxes[name], plan.margin)
    _write_caption(figure, plan)
    return axes


def _title(result: AnnealResult, name: str, box: Box) -> list[str]:
    """Return the title of a panel in lines that are no wider than its axes."""
    return balanced(panels.titles(result)[name], width=box.width)


def _title_height(result: AnnealResult, name: str, box: Box) -> float:
    return TITLE_EM * em() * len(_title(result, name, box))


def _write_title(axes: Axes, lines: list[str]) -> None:
    axes.annotate(
        "\n".join(lines),
        (0.0, 1.0),
        (0.0, LIFT_EM * em() * POINTS_PER_INCH),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="left",
        va="bottom",
        annotation_clip=False,
        linespacing=LINE_SPACING,
        label="title",
    )


def _place_label(axes: Axes, box: Box, margin: float) -> None:
    axes.yaxis.set_label_coords((EDGE_EM * em() - margin) / box.width, 0.5)
    axes.yaxis.label.set_verticalalignment("top")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """Where panels may stand, in inches: the left edge and the width, labels included, and the room for these."""

    left: float
    width: float
    margin: float
    right: float


def _plan(result: AnnealResult, width: float) -> Plan:
    unit = em()
    narrow = width <= NARROW_EM * unit
    names = [*panels.position_names(result), *([] if result.landscape else panels.signed_axis(result).names)]
    numbers = max(map(text_width, names), default=0.0) + 0.9 * unit
    margin = (EDGE_EM + YLABEL_EM) * unit + max(YTICKS_EM * unit, numbers)
    right = max(0.9 * unit, 0.5 * text_width(f"{result.runs[0].steps:,}") + EDGE_EM * unit)
    caption = caption_lines(caption_words(result), width=width - 2 * EDGE_EM * unit)
    boxes: dict[str, Box] = {}
    y = (len(caption) * LINE_EM + 2.0 * EDGE_EM) * unit
    beside = lowered() and not narrow
    texts = [text for _, text in panels.entries(result, Look(hues=colours(background="#ffffff"), ink="#000000"))]
    reach = 0.5 * width if beside else width
    start = margin  # a letter stands left of it
    if not finish.in_force().letters:
        start = legend_start(texts, width=reach, margin=margin, edge=EDGE_EM * unit)
    room = reach - start - EDGE_EM * unit
    legend = LIFT_EM * unit + legend_height(texts, width=room)
    if beside:
        left, other = (_Column(left=at, width=reach, margin=margin, right=right) for at in (0.0, reach))
        top = _add_lower(result, boxes, other, y=y, stacked=True)
        y = _add_upper(result, boxes, left, y=y, narrow=True, top=top - legend)
    else:
        whole = _Column(left=0.0, width=width, margin=margin, right=right)
        y = _add_lower(result, boxes, whole, y=y, stacked=narrow) + GAP_EM * unit
        y = _add_upper(result, boxes, whole, y=y, narrow=narrow)
    return Plan(
        width=width,
        height=y + legend + EDGE_EM * unit,
        margin=margin,
        boxes=boxes,
        caption=tuple(caption),
        legend_start=start,
        legend_width=room,
    )


def _add_lower(result: AnnealResult, boxes: dict[str, Box], column: _Column, *, y: float, stacked: bool) -> float:
    """Add the boxes of the field, or of the outcomes, and of the arrivals; return where their titles end."""
    unit, width, arriving = em(), column.width, panels.arriving(result)
    foot = (XTICKS_EM + XLABEL_EM) * unit
    lower = "outcomes" if result.among else "field"
    indent = max(column.margin, (EDGE_EM + 0.8) * unit + max(map(text_width, panels.outcome_names(result))))
    left = indent if result.among else column.margin
    y += foot
    if stacked or not arriving:
        if arriving:
            high = tall(0.42 * width, least=LOWEST_EM)
            at, room = column.left + column.margin, width - column.margin - column.right
            boxes["arrivals"] = Box(left=at, bottom=y, width=room, height=high)
            y += high + LIFT_EM * unit + _title_height(result, "arrivals", boxes["arrivals"]) + GAP_EM * unit + foot
        usual = tall((0.45 if stacked else 0.26) * width, least=LOWEST_EM)
        room = width - left - column.right
        boxes[lower] = Box(left=column.left + left, bottom=y, width=room, height=_lower(result, usual))
    else:
        half, high = 0.5 * width, _lower(result, tall(0.26 * width))
        boxes[lower] = Box(left=column.left + left, bottom=y, width=half - left - column.right, height=high)
        at, room = column.left + half + column.margin, half - column.margin - column.right
        boxes["arrivals"] = Box(left=at, bottom=y, width=room, height=high)
    head = _title_height(result, lower, boxes[lower])
    if not result.among:
        levels = legend_height(panels.level_names(result), width=boxes[lower].width)
        head += levels + (LEGEND_GAP_EM * unit if levels else 0.0)
    if not stacked and arriving:
        head = max(head, _title_height(result, "arrivals", boxes["arrivals"]))
    return y + boxes[lower].height + LIFT_EM * unit + head


def _add_upper(
    result: AnnealResult, boxes: dict[str, Box], column: _Column, *, y: float, narrow: bool, top: float = 0.0
) -> float:
    """Add the boxes of the trajectories, their ends and the schedule, which end at `top` at least; return where."""
    unit, width = em(), column.width
    final = 0.0 if result.among else (0.2 if narrow else 0.16) * width
    main = width - column.margin - column.right - (final + BESIDE_EM * unit if final else 0.0)
    course = tall(SCHEDULE_EM * unit, least=4.0)
    y += (XTICKS_EM + XLABEL_EM) * unit
    between = (GAP_EM + XTICKS_EM) * unit
    high = max(tall((0.55 if narrow else 0.3) * width), top - y - between - course)
    boxes["paths"] = Box(left=column.left + column.margin, bottom=y, width=main, height=high)
    if final:
        end = column.left + width - column.right
        boxes["final"] = Box(left=end - final, bottom=y, width=final, height=high)
    y += high + between
    boxes["schedule"] = Box(left=column.left + column.margin, bottom=y, width=main, height=course)
    return y + course


def _lower(result: AnnealResult, usual: float) -> float:
    rows = (len(result.runs) + 1) * em()
    return min(max(usual, LOWEST_ROW_EM * rows), HIGHEST_ROW_EM * rows) if result.among else usual


def caption_words(result: AnnealResult) -> list[str]:
    """Return the caption in pieces: what was descended, and what came of it."""
    found = result.runs[0]
    if found.unit is not None:
        formula = KINDS[result.kind].drawn
        if found.unit.kind in ("nan", "nah", "nanil"):
            formula = (*formula[:-1], f"{formula[-1]},", *labels.scale_formula(result.scale))
        words = [
            f"{labels.name(found.unit.activation.name)},",
            "unit",
            *labels.kind_words(result.kind, ":"),
            *formula[:-1],
        ]
        words += [f"{formula[-1]};", *(f"{labels.parameter(key, value)}," for key, value in result.parameters)]
        assert found.target is not None
        words += [r"$\ell=(\varphi-y)^2/2$,", f"{equals('y', found.target)},"]
    else:
        words = [*f"Objective {found.objective.name}:".split(), r"$\ell=f(x+c_t\,\xi)$,"]
    words += [equals(r"\eta", found.lr) + ",", f"{found.trajectories:,}", "trajectories", "from"]
    words += [f"{equals('x_0', found.x0)},", rf"{literal(found.noise.name)} $\xi$."]
    if result.among:
        bands = ["with", "bands", "25–75 %"] if panels.banded(result) else []
        words += ["Trajectories:", "medians", *bands]
        words[-1] += "."
        return [*words, *["Numbers", "beside", "the", "shares:", "median", "first", "passage."]]
    ends = f"from {equals('c', float(found.noisy.c[0]))} to {number(float(found.noisy.c[-1]), digits=3)}"
    words += _outcome(f"{result.schedules[0].capitalize()} {ends}:", found.noisy, found.steps)
    words += _outcome(f"{equals('c', found.c_constant)} throughout:", found.constant, found.steps)
    return words + _as_mathematics(result.sentences[0]).split(" ")


def _as_mathematics(sentence: str) -> str:
    """Set the letters and values of a sentence as mathematics."""
    signs = {"σσ′": r"$\sigma\sigma$′", "σ′ε": r"$\sigma$′$\varepsilon$", "σ′ξ": r"$\sigma$′$\xi$"}
    for plain, sign in (signs | {"σε": r"$\sigma\varepsilon$", "h′": "$h$′"}).items():
        sentence = sentence.replace(plain, sign)
    sentence = re.sub(r"(\d+(?:\.\d+)?)e-0*(\d+)", r"$\1\\times10^{−\2}$", sentence)
    sentence = sentence.replace("alpha = ", r"\alpha = ")
    return re.sub(
        r"(?<!\S)(c|x|\\alpha) = (-?[0-9.]*[0-9])", lambda found: f"${found[1]}={found[2].replace('-', '−')}$", sentence
    )


def _outcome(head: str, run: NoisyRun, steps: int) -> list[str]:
    low, high = (labels.percent(end).removesuffix(" %") for end in run.share_success_ci)
    share = labels.percent(run.share_success).replace(" ", "\N{NO-BREAK SPACE}")
    median = f"{run.median_first_passage:,.5g}" if isfinite(run.median_first_passage) else "never"
    words = [*head.split(" "), share, "inside", "at", equals("T", steps, digits=7), f"({low}–{high}),"]
    words += ["median", "first", "passage", f"{median}{';' if run.diverged else '.'}"]
    return words + ([f"{run.diverged:,}", "diverged."] if run.diverged else [])


def _write_caption(figure: Figure, plan: Plan) -> None:
    x, step = EDGE_EM * em() / plan.width, LINE_EM * em() / plan.height
    start = 0.75 * EDGE_EM * em() / plan.height
    for position, line in enumerate(reversed(plan.caption)):
        figure.text(x, start + (position + 0.25) * step, line, va="baseline", ha="left", label="caption")
