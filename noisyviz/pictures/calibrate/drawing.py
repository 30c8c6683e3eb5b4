"""The picture of a calibration: bias against what was asked for as noise rises, the front, and what was chosen."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from noisyviz.networks.calibration import TARGETS
from noisyviz.pictures.calibrate.picture import CalibrateResult, CalibrateResults, Mark, TradeOff
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import LINE_EM, POINTS_PER_INCH, Box, em, literal, number, tall, text_width
from noisyviz.pictures.shared.panels import SHADE_ALPHA, Look
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.pictures.shared.style import DOTTED, KIND_LOOKS, colours
from noisyviz.units.activation import Array
from noisyviz.units.kinds import KINDS

LOWEST_EM: Final = 12.0  # axes on a slide
SHARE: Final = 0.55  # of the width, for the height
TALLEST_IN: Final = 3.2
ABREAST: Final = 2  # panels of several arrays, where each is as wide as this
NARROWEST_EM: Final = 22.0
MARGIN: Final = 0.03  # of an axis, below 0: curves run along it
ROOMY: Final = 2.4  # of the bound, for the height of its axis
MARKED: Final = (0.0, 0.1, 1.0, 10.0, 100.0)  # noise levels, where these were tried
FEW_MARKED: Final = (1.0, 10.0, 100.0)  # the same in the small panels of several arrays
SIZES: Final = (2.8, 5.6)  # of the marks, from the lowest noise level to the highest
LIFT_PT: Final = 5.0  # from a marked setting to its name
LINES_AWAY: Final = 4  # a name may stand so many lines farther, where that is clear of curves
AWAY: Final = 0.1  # an inch farther weighs as much as so many inches of curve under a name
FAR: Final = 3.0  # a target so many times the largest gradient lies outside the axes
FRONT_PT: Final = 4.5  # width of the pale line under what lies on the front
FRONT_ALPHA: Final = 0.28
FAINT: Final = 0.3  # opacity of what breaks a bound that no axis shows
LEFT: Final = 0.35  # of the axis, at most, for what points the wrong way
LABELS: Final = {
    "response": r"mean response E$\,\partial\varphi/\partial x$ where saturated, in $u$′",
    "pull": r"mean pull Cov$(\varphi,\,\partial\varphi/\partial x)$ where saturated, in $|u$′$|$",
    "rms": r"rms of $\partial\varphi/\partial x$ where saturated, in $u$′",
}
WIDTHS: Final = (0.8, 2.4)  # of the lines of one kind, from its first α to its last
USUAL: Final = 1.3  # of the line of a kind that has one


def size(result: CalibrateResult | CalibrateResults, width: float) -> tuple[float, float]:
    """Return width and height of the picture in inches, by the text sizes in force."""
    return page(result, width).size


def draw(result: CalibrateResult | CalibrateResults, figure: Figure) -> dict[str, Axes]:
    """Draw into a figure that has the size told by `size`; return its axes as ``"trade-off"``, or by array."""
    plan = page(result, float(figure.get_size_inches()[0]))
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    drawn = plan.add(figure)
    for (key, one), axes in zip(_by_key(result).items(), drawn.values(), strict=True):
        _draw_one(axes, one, look, plan.places[key].box, _marked(result))
    plan.figure_legend(figure, _handles(list(_by_key(result).values()), look))
    return drawn


def _marked(result: CalibrateResult | CalibrateResults) -> tuple[float, ...]:
    """Return the noise levels that are marked."""
    return MARKED if isinstance(result, CalibrateResult) else FEW_MARKED


def _by_key(result: CalibrateResult | CalibrateResults) -> dict[str, CalibrateResult]:
    """Return what each panel shows by its key: for several arrays, by their names."""
    if isinstance(result, CalibrateResult):
        return {"trade-off": result}
    return dict(zip(result.names, result.results, strict=True))


def _draw_one(axes: Axes, result: CalibrateResult, look: Look, box: Box, marked: Sequence[float]) -> None:
    _draw_wanted(axes, result, look)
    for index, curve in enumerate(result.curves):
        _draw_front(axes, curve, _style(result.curves, index, look))
    for index, curve in enumerate(result.curves):
        _draw_curve(axes, curve, _style(result.curves, index, look), marked)
    for mark, marker, points, name in _marks(result):
        axes.plot([mark.gradient], [mark.bias], label=name, zorder=5.0, **_shape(marker, points, look))
    _write_levels(axes, result, box)


def page(result: CalibrateResult | CalibrateResults, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    results = _by_key(result)
    abreast = min(len(results), ABREAST) if width >= ABREAST * NARROWEST_EM * em() else 1
    several = isinstance(result, CalibrateResults)
    limits = [_x_limits(one) for one in results.values()]
    ends = min(low for low, _ in limits), max(high for _, high in limits)
    panels = [
        _panel(one, key=key, name=key if several else "", width=width / abreast, ends=ends)
        for key, one in results.items()
    ]
    rows = [panels[k : k + abreast] for k in range(0, len(panels), abreast)]
    listed = list(results.values())
    words = caption_words(listed, list(results) if several else [])
    return sheet(rows, width=width, caption=words, legend=_legend(listed), slots=[abreast] * len(rows))


def _panel(result: CalibrateResult, *, key: str, name: str, width: float, ends: tuple[float, float]) -> Panel:
    most_y = _top(result, ends)
    x = Range(low=ends[0], high=ends[1], label=LABELS[result.by])
    y = Range(low=-MARGIN * most_y, high=most_y, label="rms of bias")
    title = f"{literal(name)}: {_title(result).removeprefix('Best: ')}" if name else _title(result)
    return Panel(key=key, x=x, y=y, height=tall(min(SHARE * width, TALLEST_IN), least=LOWEST_EM), title=title)


def _title(result: CalibrateResult) -> str:
    """Return what was found."""
    if result.best is None:
        return "Nothing reaches what is wanted"
    return f"Best: {_name(result.curves[result.best_curve])}, $c={_bare(result.best.c, digits=3)}$"


def _x_limits(result: CalibrateResult) -> tuple[float, float]:
    """Return the ends of the x axis: what was asked for and what was found, and a little more."""
    marks = [mark for mark in (result.best, result.start) if mark is not None]
    reached = max(float(curve.gradient.max()) for curve in result.curves)
    most = max([1.4 * result.target, *(1.15 * mark.gradient for mark in marks)])
    if not marks and 0.0 < FAR * reached < result.target:
        most = 1.15 * reached
    elif not marks:
        most = max(1.15 * result.target, min(1.05 * reached, 2.0 * result.target))
    least = min(float(curve.gradient.min()) for curve in result.curves)
    return max(min(0.0, least), -LEFT * most) - MARGIN * most, most


def _top(result: CalibrateResult, ends: tuple[float, float]) -> float:
    """Return the upper end of the y axis: the bias where the target is reached, or anywhere if it is not."""
    marks = [mark for mark in (result.best, result.start) if mark is not None]
    least = result.target if result.best is not None else ends[0]
    inside = [curve.bias[(least <= curve.gradient) & (curve.gradient <= ends[1])] for curve in result.curves]
    most = max([float(values.max(initial=0.0)) for values in inside] + [1.5 * (result.bound or 0.0)])
    most = max(most, *(1.3 * mark.bias for mark in marks)) if marks else most
    if result.bound is not None:
        most = min(most, max([ROOMY * result.bound, *(1.3 * mark.bias for mark in marks)]) or most)
    return 1.25 * most or 1.0


def _draw_wanted(axes: Axes, result: CalibrateResult, look: Look) -> None:
    """Shade where gradient and bias are as asked for."""
    right, top = axes.get_xlim()[1], axes.get_ylim()[1]
    bottom = axes.get_ylim()[0]
    height = (top if result.bound is None else min(result.bound, top)) - bottom
    corner = (result.target, bottom)
    axes.add_patch(
        Rectangle(
            corner,
            right - result.target,
            height,
            color=look.ink,
            alpha=2.0 * SHADE_ALPHA,
            linewidth=0.0,
            label="wanted",
        )
    )
    style: dict[str, Any] = {"color": look.ink, "linewidth": 0.7, "linestyle": DOTTED}
    axes.axvline(result.target, label="target", **style)
    if result.bound is not None:
        axes.axhline(result.bound, label="bound", **style)


def _style(curves: Sequence[TradeOff], index: int, look: Look) -> dict[str, Any]:
    """Return how a curve is drawn: colour, line and marker by its kind, width by its α."""
    one = KIND_LOOKS[curves[index].kind]
    alike = [k for k, curve in enumerate(curves) if curve.kind == curves[index].kind]
    width = np.linspace(*WIDTHS, len(alike))[alike.index(index)] if len(alike) > 1 else USUAL
    return {
        "color": look.hues[one.hue],
        "linestyle": one.linestyle,
        "linewidth": float(width),
        "marker": one.marker,
    }


def _draw_front(axes: Axes, curve: TradeOff, style: Mapping[str, Any]) -> None:
    """Draw a pale line, or a dot, under each stretch of a curve that lies on the front."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], curve.front, [False]]).astype(int)))
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        x, y = curve.gradient[first:last], curve.bias[first:last]
        pale: dict[str, Any] = {"color": style["color"], "alpha": FRONT_ALPHA, "zorder": 1.5, "label": "front"}
        pale |= {"linewidth": FRONT_PT, "solid_capstyle": "round"}
        if x.size == 1:
            pale |= {"linestyle": "none", "marker": "o", "markersize": 1.6 * FRONT_PT, "markeredgewidth": 0.0}
        axes.plot(x, y, **pale)


def _draw_curve(axes: Axes, curve: TradeOff, style: Mapping[str, Any], marked: Sequence[float]) -> None:
    """Draw a curve, with marks at some of its noise levels, faint where a bound is broken that no axis shows."""
    line = {**style, "marker": ""}
    if not curve.within.all():
        axes.plot(curve.gradient, curve.bias, label=f"{curve.kind} faint", **line | {"alpha": FAINT})
    axes.plot(curve.gradient, np.where(curve.within, curve.bias, np.nan), label=curve.kind, **line)
    dot = {**style, "linestyle": "none", "markeredgewidth": 0.3, "markeredgecolor": mpl.rcParams["axes.facecolor"]}
    for level, points in zip(MARKED, np.linspace(*SIZES, len(MARKED)), strict=True):
        for at in np.flatnonzero(np.isclose(curve.c, level, rtol=1e-9, atol=0.0)) if level in marked else ():
            x, y = curve.gradient[[at]], curve.bias[[at]]
            look = dot | {"markersize": float(points), "alpha": 1.0 if curve.within[at] else FAINT}
            axes.plot(x, y, label=f"{curve.kind} c={level:g}", zorder=3.0, **look)


def _marks(result: CalibrateResult) -> list[tuple[Mark, str, float, str]]:
    """Return the settings that are marked, with marker, size in points and name, the best last."""
    found = ((result.start, "D", 5.0, "start"), (result.best, "*", 9.0, "best"))
    return [(mark, marker, points, name) for mark, marker, points, name in found if mark is not None]


def _shape(marker: str, points: float, look: Look) -> dict[str, Any]:
    edge = {"markeredgecolor": mpl.rcParams["axes.facecolor"], "markeredgewidth": 0.6}
    return {"marker": marker, "markersize": points, "color": look.ink, "linestyle": "none", **edge}


def _write_levels(axes: Axes, result: CalibrateResult, box: Box) -> None:
    """Write c beside the marks where that covers the least, with a line to the mark from farther away."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    low, inches = np.array([left, bottom]), np.array([box.width / (right - left), box.height / (top - bottom)])
    lines = [np.column_stack([curve.gradient, curve.bias]) for curve in result.curves]
    lines.append(np.array([[result.target, bottom], [result.target, top]]))
    if result.bound is not None:
        lines.append(np.array([[left, result.bound], [right, result.bound]]))
    drawn = np.concatenate([_short_steps((line - low) * inches) for line in lines])
    taken: list[Box] = []
    for mark, _, _, name in reversed(_marks(result)):
        if name == "start" and result.best is not None and mark.c == result.best.c:
            continue
        text = f"${'c' if name == 'best' else 'c_0'}={_bare(mark.c, digits=3)}$"
        place = (np.array([mark.gradient, mark.bias]) - low) * inches
        lifts = [LIFT_PT / POINTS_PER_INCH + LINE_EM * em() * k for k in range(LINES_AWAY + 1)]
        shifts = [(x * lifts[0], y * lift) for lift in lifts for y in (1, -1) for x in (1, -1)]
        names = [_beside(place, text, shift) for shift in shifts]
        costs = [_cost(one, drawn, taken, box) + AWAY * abs(y) for one, (_, y) in zip(names, shifts, strict=True)]
        best = int(np.argmin(costs))
        taken.append(names[best])
        x, y = shifts[best]
        if abs(y) > lifts[0]:
            line = low + np.array([place, place + shifts[best]]) / inches
            axes.plot(*line.T, color=mpl.rcParams["text.color"], linewidth=0.5, zorder=4.5, label=f"{name} leader")
        axes.annotate(
            text,
            (mark.gradient, mark.bias),
            (x * POINTS_PER_INCH, y * POINTS_PER_INCH),
            textcoords="offset points",
            ha="left" if x > 0 else "right",
            va="bottom" if y > 0 else "top",
            bbox={"facecolor": mpl.rcParams["axes.facecolor"], "alpha": 0.75, "linewidth": 0.0, "pad": 0.8},
            zorder=6.0,
            label=f"{name} name",
        )


def _short_steps(line: Array) -> Array:
    """Return a line as short steps, shape (n, 3): where the middle of each is, and its length."""
    at = np.arange(len(line))
    places = np.linspace(0, len(line) - 1, 64 * (len(line) - 1) + 1)
    points = np.column_stack([np.interp(places, at, line[:, k]) for k in (0, 1)])
    steps = np.diff(points, axis=0)
    return np.column_stack([points[:-1] + 0.5 * steps, np.hypot(*steps.T)])


def _beside(place: Array, text: str, shift: tuple[float, float]) -> Box:
    """Return the box of a name, in inches in the axes: its nearest corner is shifted from a place."""
    width, height = text_width(text), LINE_EM * em()
    left, bottom = place + shift - np.where(np.less(shift, 0.0), [width, height], 0.0)
    return Box(left=float(left), bottom=float(bottom), width=width, height=height)


def _cost(name: Box, drawn: Array, taken: Sequence[Box], room: Box) -> float:
    """Return how bad a name would be there: outside the axes, over another name, or by the inches of line under it."""
    right, top = name.left + name.width, name.bottom + name.height
    outside = name.left < 0.0 or name.bottom < 0.0 or right > room.width or top > room.height
    over = any(
        name.left < one.left + one.width
        and one.left < right
        and name.bottom < one.bottom + one.height
        and one.bottom < top
        for one in taken
    )
    x, y, length = drawn.T
    hidden = length[(x > name.left) & (x < right) & (y > name.bottom) & (y < top)].sum()
    return 1e6 * outside + 1e5 * over + float(hidden)


def _legend(results: Sequence[CalibrateResult]) -> tuple[str, ...]:
    extra = ["wanted", *(["best"] if _with_most(results).best else [])]
    extra += ["schedule start"] if _with_most(results).start else []
    broken = [_broken_text(results[0])] if _breaking(results) else []
    return (*(_name(curve) for curve in results[0].curves), *broken, "front", *extra)


def _breaking(results: Sequence[CalibrateResult]) -> bool:
    """Whether anything breaks a bound that no axis shows."""
    return any(not curve.within.all() for one in results for curve in one.curves)


def _broken_text(result: CalibrateResult) -> str:
    """Return the legend text of what is faint."""
    bounds = ((words.removeprefix("a ").removesuffix(" of"), bound) for words, bound in result.more)
    return " or ".join(f"{words} over {number(bound)}" for words, bound in bounds)


def _with_most(results: Sequence[CalibrateResult]) -> CalibrateResult:
    """Return the result with the most marks, whose legend serves all."""
    return max(results, key=lambda one: (one.best is not None) + (one.start is not None))


def _name(curve: TradeOff) -> str:
    return curve.kind if curve.alpha is None else f"{curve.kind}, {labels.parameter('alpha', curve.alpha)}"


def _handles(results: Sequence[CalibrateResult], look: Look) -> list[Artist | tuple[Artist, ...]]:
    handles: list[Artist | tuple[Artist, ...]] = [
        Line2D([], [], markersize=3.4, markeredgewidth=0.0, **_style(results[0].curves, index, look))
        for index in range(len(results[0].curves))
    ]
    if _breaking(results):
        handles.append(Line2D([], [], color=look.ink, alpha=FAINT, linewidth=USUAL))
    handles.append(Line2D([], [], color=look.ink, alpha=FRONT_ALPHA, linewidth=FRONT_PT, solid_capstyle="butt"))
    handles.append(Patch(facecolor=look.ink, alpha=2.0 * SHADE_ALPHA, linewidth=0.0))
    shapes = [_shape(marker, points, look) for _, marker, points, _ in reversed(_marks(_with_most(results)))]
    return handles + [Line2D([], [], **shape) for shape in shapes]


def caption_words(results: Sequence[CalibrateResult], names: Sequence[str] = ()) -> list[str]:
    """Return the caption in pieces: function, inputs, what was asked for, and the answer; of several arrays by name."""
    result = results[0]
    functions = {one.fn: labels.name(one.fn) for one in results}
    for one, name in zip(results, names, strict=False):
        if len(functions) > 1:
            functions[one.fn] += f"{' of' if functions[one.fn] == labels.name(one.fn) else ','} {literal(name)}"
    words = f"{'; '.join(functions.values())}; {literal(result.source)};".split(" ")
    words += [rf"{result.noise} $\xi$."]
    if any(curve.c.size > 1 for curve in result.curves):
        words += ["Along", "a", "curve", "$c$", "rises", "from", "0", "to", "100;", "marks,", "small", "to", "large:"]
        marked = FEW_MARKED if names else MARKED
        words += [*(f"{level:g}," for level in marked[:-1]), f"{marked[-1]:g}."]
    words += ["Front:", "no", "other", "setting", "has", "at", "once", "no", "less"]
    words += [*f"{TARGETS[result.by]},".split(), "no", "more", "bias"]
    words += ["and", "no", "more", "std."]
    words += ["Wanted:", "a", *TARGETS[result.by].split(), "of", "at", "least", f"${_bare(result.target)}\\,u$′"]
    bounds = [*([("a bias of", result.bound)] if result.bound is not None else []), *result.more]
    for place, (quantity, bound) in enumerate(bounds):
        words += ["and" if place else "at", *quantity.split(), "at", "most", number(bound)]
    words[-1] += "."
    if _breaking(results):
        words += ["Faint:", "not", "wanted,", "for", *_broken_text(result).split()]
        words[-1] += "."
    told: set[str] = set()
    for one, begin in zip(results, [f"{literal(name)}:" for name in names] or ["Best:"], strict=True):
        words += _best_words(one, begin, told)
    scales = {"scale" in KINDS[one.curves[one.best_curve].kind].uses for one in results if one.best is not None}
    if True in scales:
        scale = labels.scale_formula(result.scale)
        words += [*scale[:-1], f"{scale[-1]}."]
    return words


def _best_words(result: CalibrateResult, begin: str, told: set[str]) -> list[str]:
    """Return the answer in pieces; a kind is written out where it is not yet among those told."""
    if result.best is None:
        return ["Nothing", "reaches", "it."] if begin == "Best:" else [*begin.split(" "), "nothing", "reaches", "it."]
    chosen = result.curves[result.best_curve]
    words = [*begin.split(" "), *([chosen.kind] if chosen.kind in told else labels.kind_words(chosen.kind)), "with"]
    told.add(chosen.kind)
    words += [f"{labels.parameter('alpha', chosen.alpha)},"] if chosen.alpha is not None else []
    words += [f"$c={_bare(result.best.c)}$,"]
    words += [f"{labels.parameter('p', result.p)},"] if "p" in KINDS[chosen.kind].uses else []
    return [*words, "bias", f"{number(result.best.bias)}."]


def _bare(value: float, *, digits: int = 4) -> str:
    """Return a number to stand inside mathematics."""
    return number(value, digits=digits).strip("$")
