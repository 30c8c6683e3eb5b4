"""Formulas and sentences as they stand in a picture, without LaTeX.

A formula is a tuple of pieces; a line may break between them.
"""

import re
from collections.abc import Mapping, Sequence
from math import floor, log10
from types import MappingProxyType
from typing import Final

from noisyviz.pictures.shared.layout import literal, number
from noisyviz.units.kinds import KINDS

SCALE_FORMULAS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "eq9": (r"$\sigma=c\,(g(p\Delta)-1/2)^2$",),
        "figure": (r"$\sigma=c\,(g(p\delta^2)-1/2)^2$,", r"$\delta$ beyond $x_t$"),
    }
)
"""Every noise scale as drawn in captions."""


def scale_formula(scale: str) -> tuple[str, ...]:
    """Return a noise scale as drawn in captions, also one of a user's own."""
    return SCALE_FORMULAS.get(scale, (r"$\sigma=c\,f(x)$,", f"$f$ = {literal(scale)}"))


PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({"alpha": r"\alpha", "c": "c", "p": "p"})


def name(text: str) -> str:
    r"""Return the name of a function in bold, or plain where it holds more than letters, digits and hyphens.

    Examples
    --------
    >>> name("hard-tanh")
    '$\\mathbf{hard}$-$\\mathbf{tanh}$'
    """
    if re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", text) is None:
        return literal(text)
    return "-".join(rf"$\mathbf{{{part}}}$" for part in text.split("-"))


def kind_words(kind: str, end: str = "") -> list[str]:
    """Return a kind with what it stands for, in pieces, as it stands at its first mention.

    Examples
    --------
    >>> " ".join(kind_words("nan"))
    'nan (normal noise on the output)'
    """
    return f"{kind} ({KINDS[kind].words}){end}".split(" ")


def parameter(key: str, value: float) -> str:
    r"""Return one parameter with its value.

    Examples
    --------
    >>> parameter("alpha", 0.9)
    '$\\alpha=0.9$'
    """
    shown = number(value, digits=6)
    return rf"${PARAMETERS[key]}={shown.strip('$')}$"


def percent(share: float) -> str:
    """Return a share in per cent, with one decimal where it is small or nearly all.

    Examples
    --------
    >>> percent(0.531), percent(0.004), percent(1.0), percent(0.0)
    ('53 %', '0.4 %', '100 %', '0 %')
    """
    value = 100.0 * share
    if 0.0 < value < 0.05:
        return "under 0.1 %"
    if 99.95 <= value < 100.0:
        return "over 99.9 %"
    decimals = 1 if (value < 9.95 or value > 99.0) and value not in (0.0, 100.0) else 0
    return f"{value:.{decimals}f} %"


def where_wrong(intervals: Sequence[tuple[float, float]], *, xlim: tuple[float, float]) -> str:
    """Say where the gradient points the wrong way more often than not, nothing for no interval.

    Parameters
    ----------
    intervals
        Disjoint, in increasing order, inside `xlim`.
    xlim
        The range looked at; an interval that reaches its end is taken to go on.

    Examples
    --------
    >>> where_wrong([(-4.0, -1.67), (1.67, 4.0)], xlim=(-4.0, 4.0))
    'from $|x|=1.67$ on'
    >>> where_wrong([(2.0, 3.5)], xlim=(-4.0, 4.0))
    'for $2<x<3.5$'
    """
    low, high = xlim
    near = 2e-3 * (high - low)
    decimals = 3 - floor(log10(high - low))
    intervals = [(round(a, decimals) + 0.0, round(b, decimals) + 0.0) for a, b in intervals]
    if len(intervals) == 1 and intervals[0][0] <= low + near and intervals[0][1] >= high - near:
        return "everywhere in this range"
    mirrored = [(-b, -a) for a, b in reversed(intervals)]
    both = zip(intervals, mirrored, strict=True)
    if len(intervals) > 1 and all(abs(a - c) + abs(b - d) <= near for (a, b), (c, d) in both):
        right = [(max(a, 0.0), b) for a, b in intervals if b > near]
        parts = [_stretch("|x|", a, b, end=min(high, -low) - near) for a, b in right]
    else:
        parts = [
            f"up to $x={_bare(b)}$" if a <= low + near else _stretch("x", a, b, end=high - near) for a, b in intervals
        ]
    return " and ".join(parts)


def _stretch(variable: str, start: float, stop: float, *, end: float) -> str:
    if stop >= end:
        return f"from ${variable}={_bare(start)}$ on"
    return f"for ${_bare(start)}<{variable}<{_bare(stop)}$"


def _bare(value: float) -> str:
    """Return a number to stand inside mathematics."""
    return number(value, digits=3).strip("$")
