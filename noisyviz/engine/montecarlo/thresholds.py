"""Thresholds among the draws: where a monotone test on ξ turns true, to the last bit, and what lies below.

A share such as p_wrong is decided draw by draw in floating point. Every such decision turns at one number; with that
number known exactly, draws need only be counted below it and the count is that of the plain evaluation.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array

Test = Callable[..., npt.NDArray[np.bool_]]
Index = npt.NDArray[np.int64]

FARTHEST: Final = 1e30  # farther than any draw, and its fourth power is finite
_NEAR: Final = 2**10  # steps of the last bit within which a threshold mostly lies from where it is computed
_FEW: Final = 8  # thresholds that are counted one by one


def first_true(test: Test, guess: Array, *given: Array) -> Array:
    """Return the smallest ξ at which a test is true, elementwise.

    Parameters
    ----------
    test
        From ξ and `given`, all of shape (n,), to truth values that rise with ξ from false to true at most once.
    guess
        About where: ±inf where the test is true for every ξ or for none, NaN where the answer does not matter.
    given
        More arguments of the test, shape (n,).

    Returns
    -------
    ndarray
        Shape (n,); −inf where the test is true everywhere, inf where nowhere.

    Examples
    --------
    >>> float(first_true(lambda xi, a: 1.0 + a * xi >= 0.0, np.array([0.0]), np.array([0.1]))[0])
    -10.0
    """
    found = np.where(np.isnan(guess), np.inf, guess)
    asked = np.flatnonzero(np.isfinite(guess))
    with np.errstate(all="ignore"):
        part = tuple(values[asked] for values in given)
        centre = _rank(np.clip(guess[asked], -FARTHEST, FARTHEST))
        low, high = centre - _NEAR, centre + _NEAR
        found[asked] = _bisect(test, low, high, part)
        missed = np.flatnonzero(test(_value(low), *part) | ~test(_value(high), *part))
        if missed.size:
            part = tuple(values[missed] for values in part)
            end = np.full(missed.size, FARTHEST)
            rest = _bisect(test, _rank(-end), _rank(end), part)
            found[asked[missed]] = np.where(test(-end, *part), -np.inf, np.where(test(end, *part), rest, np.inf))
    return found


def _bisect(test: Test, low: Index, high: Index, given: Sequence[Array]) -> Array:
    """Return the first number above `low` at which the test is true, given that it is at `high`."""
    while (high > low + 1).any():
        middle = low // 2 + high // 2 + (low & high & 1)
        true = test(_value(middle), *given)
        high, low = np.where(true, middle, high), np.where(true, low, middle)
    return _value(high)


def _rank(x: Array) -> Index:
    """Return whole numbers in the order of the floating-point numbers, neighbours one apart."""
    bits = np.ascontiguousarray(x, dtype=np.float64).view(np.int64)
    return np.where(bits < 0, -(bits & np.int64(2**63 - 1)), bits)


def _value(rank: Index) -> Array:
    magnitude = np.abs(rank).view(np.float64)
    return np.where(rank < 0, -magnitude, magnitude)


class Counter:
    """Counts draws below many thresholds.

    Parameters
    ----------
    thresholds
        Arrays of any shapes, ±inf allowed.

    Attributes
    ----------
    sorted
        The distinct finite thresholds, increasing, shape (m,).
    """

    def __init__(self, *thresholds: Array) -> None:
        every = np.concatenate([np.ravel(part) for part in thresholds])
        self.sorted = np.unique(every[np.isfinite(every)])

    def below(self, xi: Array, *, ordered: bool = False) -> Index:
        """Return how many draws lie below each of the sorted thresholds; sorts `xi` in place where that pays."""
        first, last = np.searchsorted(self.sorted, (xi.min(), xi.max()), side="right")
        counts = np.zeros(self.sorted.size, dtype=np.int64)
        counts[last:] = xi.size
        if last - first <= _FEW and not ordered:
            for place in range(first, last):
                counts[place] = np.count_nonzero(xi < self.sorted[place])
        else:
            if not ordered:
                xi.sort()
            counts[first:last] = np.searchsorted(xi, self.sorted[first:last], side="left")
        return counts

    def place(self, threshold: Array) -> Index:
        """Return where thresholds stand in columns with one entry before, and one after, the sorted ones."""
        rank = np.searchsorted(self.sorted, threshold) + 1
        return np.where(threshold == -np.inf, 0, np.where(threshold == np.inf, self.sorted.size + 1, rank))
