"""The page of a profile: where its panels stand, and their titles, by the sizes of the texts.

In a wide picture density, units and gradients stand in one row for each array. In a narrow one the density of a single
array has a row of its own; of two, panels of one kind stand side by side; more arrays are drawn as many are, by
`noisyviz.pictures.profile.rows`. Where no unit of any array saturates, the panels of units are left out.
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Final

import numpy as np

from noisyviz.pictures.profile.picture import ProfileResult
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import LONGEST, em, literal, lowered, number, tall, text_width
from noisyviz.pictures.shared.sheet import Panel, Range, Sheet, sheet
from noisyviz.units.kinds import KINDS

NARROW_EM: Final = 42.0
NARROWEST_EM: Final = 26.0  # up to this width every panel has a row of its own
PAIR: Final = 2  # arrays that have panels of their own in a narrow picture; of more, each has a row there
HEIGHT_EM: Final = 8.0
ROOM: Final = 0.08  # above and below h
STRIP_EM: Final = 1.3  # above h, for the shares
ZERO: Final = (-2.3, -1.5)  # where gradients of exactly 0 stand, in decades from the smallest level
BELOW: Final = -1.0  # where the bin of all other gradients below that level begins
FEW: Final = 4  # units, of which every one has its tick
WORST: Final = 3  # units named as those that saturate most
LITTLE: Final = 5e-4  # share of samples beyond the range that goes without saying
LEGEND: Final = {
    "h": "$h$",
    "density": "pre-activations",
    "left": "beyond $x_t^{-}$",
    "right": "beyond $x_t^{+}$",
    "before": "response without noise",
    "after": "response with noise",
    "noise": "noise of the gradient",
}


def in_rows(result: ProfileResult, width: float) -> bool:
    """Return whether every array has a row, or is drawn over time, instead of panels of its own."""
    many = bool(result.rows) and len(result.arrays) > PAIR
    return not result.arrays or (many and (width <= NARROW_EM * em() or lowered()))


def page(result: ProfileResult, width: float) -> Sheet:
    """Lay the picture out at a width in inches, by the text sizes in force."""
    rough = _laid_out(result, width, {})
    return _laid_out(result, width, {key: place.box.width for key, place in rough.places.items()})


def _laid_out(result: ProfileResult, width: float, rooms: Mapping[str, float]) -> Sheet:
    """Lay the picture out with titles that fit axes of these widths in inches, by default those of the picture."""
    narrow, count = width <= NARROW_EM * em(), len(result.arrays)
    named = narrow and count > 1
    given = [array.name for array in result.arrays]
    room = min((rooms.get(f"density{k}", width) for k in range(count)), default=width)
    density = [_density(result, k, name) for k, name in enumerate(names(given, room=room))]
    units = [_units(result, k, room=rooms.get(f"units{k}", width), named=named) for k in range(count)]
    units = units if saturating(result) else []
    gradients = [_gradients(result, k, room=rooms.get(f"gradients{k}", width), named=named) for k in range(count)]
    rows: list[Sequence[Panel]]
    if not narrow:
        rows = list(zip(*(panels for panels in (density, units, gradients) if panels), strict=True))
    elif width <= NARROWEST_EM * em():
        rows = [[panel] for panels in (density, units, gradients) for panel in panels]
    elif named:
        rows = [panels[k : k + 2] for panels in (density, units, gradients) if panels for k in range(0, count, 2)]
    else:
        rows = [density, [*units, *gradients]]
    slots = [2] * len(rows) if named and width > NARROWEST_EM * em() else ()
    return sheet(
        rows, width=width, caption=caption_words(result), legend=[LEGEND[key] for key in keys(result)], slots=slots
    )


def saturating(result: ProfileResult) -> bool:
    """Return whether any unit of any array saturates."""
    return any(bool(np.any(array.left + array.right > 0.0)) for array in result.arrays)


def keys(result: ProfileResult) -> list[str]:
    """Return the entries of the legend by their keys."""
    return [key for key in LEGEND if key not in ("left", "right") or saturating(result)]


def _density(result: ProfileResult, index: int, name: str) -> Panel:
    array, height = result.arrays[index], tall(HEIGHT_EM * em())
    low, high = float(array.h.min()), float(array.h.max())
    room = ROOM * max(high - low, 1e-9)
    top = low - room + (high - low + 2.0 * room) / (1.0 - STRIP_EM * em() / height)
    label = f"$h$, {fitting(array.fn, height - text_width('$h$, '))}"
    return Panel(
        key=f"density{index}",
        x=Range(low=float(result.x[0]), high=float(result.x[-1]), label="$x$"),
        y=Range(low=low - room, high=top, label=label),
        height=height,
        title=name if array.density.any() else f"{name}: no finite sample",
    )


def _units(result: ProfileResult, index: int, *, room: float, named: bool) -> Panel:
    array = result.arrays[index]
    counted = array.share_left + array.share_right
    dead = f", {array.dead:,}\N{NO-BREAK SPACE}dead" if array.dead or not named else ""
    text = f"{short_percent(counted)} saturated{dead}"
    few = tuple(range(array.units + 1)) if array.units <= FEW else None
    ticks = None if few is None else (tuple(map(float, few)), tuple(map(str, few)))
    return Panel(
        key=f"units{index}",
        x=Range(low=0.0, high=float(array.units), label="units, sorted", ticks=ticks),
        y=Range(low=0.0, high=1.0, label="share saturated"),
        height=tall(HEIGHT_EM * em()),
        title=_title(result, index, text, room=room, named=named),
    )


def _gradients(result: ProfileResult, index: int, *, room: float, named: bool) -> Panel:
    array = result.arrays[index]
    smallest, last = float(np.log10(result.levels[0])), float(np.log10(result.levels[-1]))
    most = max(float(np.concatenate([one.before, one.after, one.noise]).max()) for one in result.arrays)
    before, after = (short_percent(float(one[:2].sum())) for one in (array.before, array.after))
    text = f"response < {result.levels[0]:g}: {before} → {after}"
    low = smallest + ZERO[0] - 0.2
    return Panel(
        key=f"gradients{index}",
        x=Range(
            low=low,
            high=last,
            label="response and noise, in $u$′",
            ticks=_decades(smallest, last, per=room / (last - low)),
        ),
        y=Range(low=0.0, high=1.05 * most or 1.0, label="share of samples"),
        height=tall(HEIGHT_EM * em()),
        title=_title(result, index, text, room=room, named=named),
    )


def _decades(smallest: float, last: float, *, per: float) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Return the place of 0 and the decades with their names, as far as these stay apart at `per` inches a decade."""
    decades = range(round(smallest), int(np.floor(last + 1e-9)) + 1)
    named: dict[int, str] = {}
    zero = smallest + 0.5 * sum(ZERO)
    for k in sorted(decades, key=lambda k: (k not in (0, round(smallest)), -k)):
        name = f"{10.0**k:g}"
        if (k - zero) * per < 0.5 * (text_width(name) + text_width("0")) + 0.4 * em():
            continue
        apart = (0.5 * (text_width(name) + text_width(named[other])) + 0.4 * em() for other in named)
        if all(abs(k - other) * per >= gap for other, gap in zip(named, apart, strict=True)):
            named[k] = name
    return (zero, *map(float, decades)), ("0", *(named.get(k, "") for k in decades))


def _title(result: ProfileResult, index: int, text: str, *, room: float, named: bool) -> str:
    """Return a title, where asked for with the name of the array before it, cut to a line of this room in inches."""
    given = [array.name for array in result.arrays]
    return f"{names(given, room=room - text_width(': '))[index]}: {text}" if named else text


def short_percent(share: float) -> str:
    """Return a share in per cent.

    Examples
    --------
    >>> short_percent(0.531), short_percent(1e-5), short_percent(1 - 1e-5)
    ('53 %', '<0.1 %', '>99.9 %')
    """
    return labels.percent(share).replace("under ", "<").replace("over ", ">")


def names(given: Sequence[str], *, room: float) -> list[str]:
    """Return names that are no wider than the room in inches: cut, and where that makes them equal, cut elsewhere.

    Examples
    --------
    >>> names(["encoder.layer1.gate", "encoder.layer2.gate"], room=0.9)
    ['…1.gate', '…2.gate']
    """
    cut = [fitting(name, room) for name in given]
    if len(set(cut)) == len(set(given)):
        return cut
    shared = len(list(takewhile(lambda letters: len(set(letters)) == 1, zip(*given, strict=False))))
    return [fitting(f"…{name[shared:]}", room, end=True) for name in given]


def fitting(text: str, room: float, *, end: bool = False) -> str:
    """Return a name, cut in its middle or at its end where it is wider than the room in inches."""
    shown, kept = text, min(len(text), LONGEST + 1)
    while kept > 2 and (len(shown) > LONGEST or text_width(literal(shown)) > room):
        kept -= 1
        tail = 0 if end else kept // 2
        shown = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
    return literal(shown)


def _worst_words(result: ProfileResult) -> list[str]:
    """Name the units that saturate most; where only some arrays have several units, those of these."""
    told = []
    for array in result.arrays:
        shares = (array.left + array.right)[:WORST]
        units = [f"{unit:,}" for unit, share in zip(array.order.tolist(), shares.tolist(), strict=False) if share > 0.0]
        if units and array.units > 1:
            told.append(([literal(array.name)] if len(result.arrays) > 1 else []) + [", ".join(units)])
    if not told:
        return []
    *before, last = (" ".join(words) for words in told)
    return ["Most", "saturated", "units:", *" ".join([*(f"{words};" for words in before), f"{last}."]).split()]


def unit_words(result: ProfileResult) -> list[str]:
    """Return the beginning of a caption in pieces: the unit, its formula and its parameters."""
    formula = KINDS[result.kind].drawn
    if "scale" in KINDS[result.kind].uses:
        formula = (*formula[:-1], f"{formula[-1]},", *labels.scale_formula(result.scale))
    more = [*(f"{labels.parameter(key, value)}," for key, value in result.parameters), rf"{result.noise} $\xi$."]
    noisy = result.kind != "none"
    return [
        "Unit",
        *labels.kind_words(result.kind, ":"),
        *formula[:-1],
        formula[-1] + (";" if noisy else "."),
        *(more if noisy else ()),
    ]


def left_out_words(result: ProfileResult) -> list[str]:
    """Return the end of a caption in pieces: what is not drawn."""
    words = []
    non_finite = sum(one.non_finite for one in result.arrays or result.rows)
    if non_finite:
        words += [f"{non_finite:,}", "numbers", "that", "are", "not", "finite", "are", "left", "out."]
    if result.empty:
        words += ["Without", "a", "finite", "number:", *literal(f"{', '.join(result.empty)}.").split(" ")]
    if result.left_out:
        words += [number(result.left_out), "more", "arrays", "are", "left", "out."]
    return words


def dead_words(mark: str) -> list[str]:
    """Return what dead units are in pieces, with the mark they have."""
    return f"Dead {mark}: saturated in 99\N{NO-BREAK SPACE}% of samples or more.".split(" ")


def caption_words(result: ProfileResult) -> list[str]:
    """Return the caption in pieces: the unit, and what the numbers above the panels are."""
    words = unit_words(result)
    written = dict.fromkeys(array.fn for array in result.arrays if "(" in array.fn)  # too long for the labels of axes
    words += [word for fn in written for word in ("$h$", f"= {literal(fn)}.")]
    words += ["Shaded:", "saturated."]
    if saturating(result):
        words += dead_words("(bar on top)")
    elif any(array.density.any() for array in result.arrays):
        words += ["No", "unit", "saturates."]
    words += ["Response:", r"$h$′", "without", "and", r"$\mathrm{E}\,\partial\varphi/\partial x$", "with", "noise;"]
    words += ["noise:", "std", "of", r"$\partial\varphi/\partial x$;", "exact", "zeros", "stand", "apart."]
    words += [f"Response\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}{result.levels[0]:g}:", "share", "of", "samples,"]
    words += ["without", "→", "with", "noise."]
    backward = max(array.backward for array in result.arrays)
    if backward >= LITTLE:
        words += ["With", "noise,", "up", "to", labels.percent(backward), "of", "samples"]
        words += ["respond", "the", "wrong", "way", "on", "average."]
    shared = max(array.units / array.bar_left.size for array in result.arrays)
    if shared > 1.0:
        words += ["A", "bar", "is", "the", "mean", "of", "up", "to", f"{int(np.ceil(shared)):,}", "units."]
    words += _worst_words(result)
    beyond = max(array.beyond for array in result.arrays)
    if beyond >= LITTLE:
        words += ["Up", "to", labels.percent(beyond), "of", "samples", "lie", "beyond", "the", "range."]
    return words + left_out_words(result)
