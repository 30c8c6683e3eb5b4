"""From the text of an option to a checked value, or a sentence that names the option."""

import math
import os
import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Final

from noisyviz.errors import InputError, suggestion

if TYPE_CHECKING:
    from fractions import Fraction

MAX_POINTS: Final = 1_000_000
MAX_SAMPLES: Final = 10_000_000_000
_SEED_BYTES: Final = 4
_SEED_BITS: Final = 1000  # as a picture can store
_LONGEST: Final = 1000  # digits that are read exactly


def split_list(texts: Sequence[str], flag: str) -> list[str]:
    """Split every text at its commas, but for those between parentheses.

    Examples
    --------
    >>> split_list(["tanh,max(x, 0)", "sigmoid"], "--fn")
    ['tanh', 'max(x, 0)', 'sigmoid']
    """
    items = [item.strip() for text in texts for item in _parts(text)]
    if "" in items:
        raise InputError(f"{flag} has an empty item in '{','.join(texts)}'; separate values with single commas")
    return items


def _parts(text: str) -> list[str]:
    """Return the parts of a text between its commas; where parentheses do not match, they are letters like others."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts if depth == 0 else text.split(",")


def single(texts: Sequence[str] | None, flag: str, default: str | None) -> str | None:
    """Return the only value of an option that other commands take as a list.

    Examples
    --------
    >>> single(None, "--fn", "tanh")
    'tanh'
    """
    if texts is None:
        return default
    items = split_list(texts, flag)
    if len(items) > 1:
        raise InputError(f"{flag} takes one value here, got the {len(items)} values '{','.join(items)}'")
    return items[0]


def distinct(texts: Sequence[str] | None, flag: str, default: Sequence[str]) -> list[str]:
    """Return the values of a list option, none of them twice.

    Examples
    --------
    >>> distinct(["tanh,relu"], "--fn", ["tanh"])
    ['tanh', 'relu']
    """
    items = list(default) if texts is None else split_list(texts, flag)
    twice = [item for position, item in enumerate(items) if item in items[:position]]
    if twice:
        raise InputError(f"{flag} names '{twice[0]}' twice; give each value once")
    return items


def number(text: str, flag: str, *, at_least: float | None = None) -> float:
    """Read a finite number.

    Examples
    --------
    >>> number("1e-3", "--c", at_least=0)
    0.001
    """
    allowed = "a finite number" if at_least is None else f"a finite number of at least {at_least:g}"
    value = _float(text, flag, allowed)
    if not math.isfinite(value) or (at_least is not None and value < at_least):
        raise InputError(f"{flag} must be {allowed}, got '{text}'")
    return value


def whole(text: str, flag: str, *, low: int, high: int | None = None) -> int:
    """Read a whole number, which may be written as ``1e6``.

    Examples
    --------
    >>> whole("1e6", "--samples", low=1)
    1000000
    """
    allowed = f"a whole number of at least {low:,}" if high is None else f"a whole number from {low:,} to {high:,}"
    try:
        value = int(text)
    except ValueError:
        near = _float(text, flag, allowed)
        if not math.isfinite(near) or near != int(near):
            raise InputError(f"{flag} must be {allowed}, got '{text}'") from None
        value = int(near)
    if value < low or (high is not None and value > high):
        raise InputError(f"{flag} must be {allowed}, got '{text}'")
    return value


def seed_from(text: str, flag: str = "--seed") -> int:
    """Read a seed; ``random`` draws one.

    Examples
    --------
    >>> seed_from("17")
    17
    """
    if text == "random":
        return int.from_bytes(os.urandom(_SEED_BYTES))
    try:
        value = whole(text, flag, low=0)
    except InputError:
        raise InputError(f"{flag} must be a whole number of at least 0, or 'random', got '{text}'") from None
    if value.bit_length() > _SEED_BITS:
        raise InputError(f"{flag} must be below 2^{_SEED_BITS}, got '{text}'")
    return value


def interval(bounds: tuple[str, str], flag: str = "--xlim") -> tuple[float, float]:
    """Read the two ends of a range.

    Examples
    --------
    >>> interval(("-4", "4"))
    (-4.0, 4.0)
    """
    low, high = number(bounds[0], flag), number(bounds[1], flag)
    if not low < high:
        raise InputError(f"{flag} needs LO < HI, got {bounds[0]} {bounds[1]}")
    if not math.isfinite(high - low):
        raise InputError(f"{flag} is too wide, got {bounds[0]} {bounds[1]}; HI - LO must be finite")
    return low, high


def points_at(texts: Sequence[str]) -> list[float]:
    """Read the points of ``--at``: numbers, ±inf, and ranges ``LO:HI:STEP`` that include their end.

    Examples
    --------
    >>> points_at(["-3,0,2.5"])
    [-3.0, 0.0, 2.5]
    >>> points_at(["0:0.3:0.1", "inf"])
    [0.0, 0.1, 0.2, 0.3, inf]
    """
    points: list[float] = []
    for item in split_list(texts, "--at"):
        if ":" in item:
            points += _steps(item)
        else:
            points.append(_float(item, "--at", "finite numbers, inf, -inf or LO:HI:STEP"))
            if math.isinf(points[-1]) and any(map(str.isdigit, item)):
                raise InputError(f"--at takes numbers up to 1.8e308, inf and -inf, got '{item}'")
        if len(points) > MAX_POINTS:
            raise InputError(f"--at may hold up to {MAX_POINTS:,} points, got more with '{item}'")
    if any(math.isnan(point) for point in points):
        raise InputError("--at takes finite numbers, inf and -inf, got 'nan'")
    return points


def choice(word: str, flag: str, allowed: Iterable[str]) -> str:
    """Check a word against those allowed.

    Examples
    --------
    >>> choice("dark", "--style", ["paper", "dark"])
    'dark'
    """
    words = list(allowed)
    if word not in words:
        raise InputError(f"{flag} must be one of {', '.join(words)}, got '{word}'{suggestion(word, words)}")
    return word


def member(word: str, flag: str, *, registry: str) -> str:
    """Check a word against the names in a registry, ``module:NAME``, which is imported here.

    Examples
    --------
    >>> member("nah", "--unit", registry="noisyviz.units.kinds:KINDS")
    'nah'
    """
    module, _, name = registry.partition(":")
    return choice(word, flag, getattr(import_module(module), name))


def _float(text: str, flag: str, allowed: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{flag} must be {allowed}, got '{text}'") from None


def _steps(item: str) -> list[float]:
    """Return the points of ``LO:HI:STEP``, counted in whole steps of exact fractions: nothing drifts."""
    parts = item.split(":")
    if len(parts) != 3:
        raise InputError(f"--at ranges are written LO:HI:STEP, got '{item}'")
    low, high, step = (_fraction(part, item) for part in parts)
    if step == 0 or (high - low) / step < 0:
        raise InputError(f"--at needs a step that leads from LO to HI, got '{item}'")
    steps = (high - low) // step
    if steps >= MAX_POINTS:
        raise InputError(f"--at may hold up to {MAX_POINTS:,} points, got more with '{item}'")
    scale = math.lcm(low.denominator, step.denominator)
    start, stride = int(low * scale), int(step * scale)
    return [(start + count * stride) / scale for count in range(int(steps) + 1)]


def _fraction(text: str, item: str) -> "Fraction":
    """Return the exact value of a decimal text, where that does not take for ever to write out."""
    from fractions import Fraction

    value = _float(text.strip(), "--at", "finite numbers, inf, -inf or LO:HI:STEP")
    if not math.isfinite(value):
        raise InputError(f"--at ranges need finite ends and step, got '{item}'")
    exponent = re.search(r"[eE]([+-]?\d+)$", text.strip())
    if len(text) > _LONGEST or (exponent and abs(int(exponent[1])) > 400):
        return Fraction(value)
    return Fraction(text.strip())
