"""Thresholds among the draws: where a line in ξ reaches a limit, to the last bit.

A share such as p_wrong is decided draw by draw in floating point. Every such decision turns at one number; with that
number known exactly, draws need only be counted below it and the count is that of the plain evaluation.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.units.activation import Array

Index = npt.NDArray[np.int64]

FARTHEST: Final = 1e30  # farther than any draw, and its fourth power is finite
_NEXT: Final = 3  # steps of the last bit within which most thresholds lie from where they are computed
_NEAR: Final = 2**10  # and within which nearly all do


def first_reaching(base: npt.ArrayLike, slope: npt.ArrayLike, limit: npt.ArrayLike) -> Array:
    """Return the smallest ξ with base + slope·ξ ≥ limit in floating point, elementwise.

    Parameters
    ----------
    base, slope, limit
        Broadcasting arrays; slope ≥ 0. For "> limit" give the next number above it. NaN is answered by inf.

    Returns
    -------
    ndarray
        The broadcast shape; −inf where every ξ reaches the limit, inf where none does.

    Examples
    --------
    >>> first_reaching(np.array([1.0, 0.5]), np.array([0.1, 0.0]), 0.0).tolist()
    [-10.0, -inf]
    """
    line = np.broadcast_arrays(base, slope, limit)
    with np.errstate(all="ignore"):
        # base + slope·ξ is rounded up to the limit from halfway between it and the number before
        guess = (line[2] - line[0] - 0.5 * (line[2] - np.nextafter(line[2], -np.inf))) / line[1]
        found = np.where(np.isnan(guess), np.where(line[0] >= line[2], -np.inf, np.inf), guess)
        asked = np.isfinite(guess)
        line = tuple(part[asked] for part in line)
        centre = _rank(np.clip(guess[asked], -FARTHEST, FARTHEST))
        reached = _reaches(centre + np.arange(-_NEXT, _NEXT + 1)[:, None], line)
        first = centre - _NEXT + np.count_nonzero(~reached, axis=0)
        missed = reached[0] | ~reached[-1]
        if missed.any():
            first[missed] = _search(centre[missed], *(part[missed] for part in line))
        found[asked] = _value(first)
    return np.where(np.abs(found) > FARTHEST, np.copysign(np.inf, found), found)


def _reaches(rank: Index, line: Sequence[Array]) -> npt.NDArray[np.bool_]:
    base, slope, limit = line
    reached: npt.NDArray[np.bool_] = base + slope * _value(rank) >= limit
    return reached


def _search(centre: Index, *line: Array) -> Index:
    """Return the ranks of the thresholds by bisection: near where they are computed, else anywhere."""
    end = _rank(np.full(centre.size, 2.0 * FARTHEST))
    low, high = centre - _NEAR, centre + _NEAR
    low, high = np.where(_reaches(low, line), -end, low), np.where(_reaches(high, line), high, end)
    while (high > low + 1).any():
        middle = low // 2 + high // 2 + (low & high & 1)
        reached = _reaches(middle, line)
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
    return np.where(_reaches(-end, line), -end, high)


def _rank(x: Array) -> Index:
    """Return whole numbers in the order of the floating-point numbers, neighbours one apart."""
    bits = np.ascontiguousarray(x, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, -(bits & np.int64(2**63 - 1)), bits)


def _value(rank: Index) -> Array:
    magnitude = np.abs(rank).view(np.float64)
    return np.where(rank < 0, -magnitude, magnitude)
