"""Draws put into buckets by whole-number indices: how many lie below each of many thresholds, and sums of their powers.

Shares such as p_wrong are decided draw by draw in floating point. Every such decision turns at one number, a "wall";
draws counted between the walls of all x give the counts of the plain evaluation. No draws are sorted: the place of a
draw on an equal grid is a whole number, which a table turns into the bucket; only where a cell of the grid holds
several walls are its draws looked up one by one.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.units.activation import Array

Index = npt.NDArray[np.int64]

LEVELS: Final = 13  # the cells of a grid are halved so often
REACH: Final = 8.0  # draws beyond are rare
_FINEST: Final = 17  # halvings down to the cells of the table
_CROWDED: Final = 0.02  # of the draws may lie in cells of the table with several walls
_FEW: Final = 3  # walls that are counted one by one


class Buckets:
    """Sums over the draws between neighbouring walls.

    Parameters
    ----------
    walls
        Any shape, ±inf allowed.
    powers
        How many powers of the draws are summed: 1 for counts alone, without a grid.
    reach
        The grid goes from −reach to reach and its edges are walls as well; a power of 2.
    levels
        It has 2**levels cells.

    Attributes
    ----------
    edges
        All walls, increasing. Bucket j lies from edge j − 1 up to edge j, without it.
    shape
        (powers, buckets), of the sums.
    width
        Of a cell.
    """

    def __init__(self, *walls: Array, powers: int = 1, reach: float = REACH, levels: int = LEVELS) -> None:
        own = np.concatenate([np.ravel(part) for part in walls])
        self.own = np.unique(own[np.isfinite(own)])
        self.reach, self.levels, self.width = reach, levels, 2.0 * reach / 2**levels
        self.edges = np.union1d(self.own, self.grid) if powers > 1 else self.own
        self.shape = (powers, self.edges.size + 1)
        for fine in range(levels, max(levels, _FINEST) + 1):
            if self._tabled(2 ** (fine - 1)) <= _CROWDED:
                break

    def _tabled(self, half: int) -> float:
        """Make the table of so many cells on either side of 0; return about which share of draws it leaves open."""
        self._half, self._scale = half, half / self.reach
        cells = np.arange(-half, half + 1)
        # The edges in cell k, above its lower end and below its upper one, and those at or below its lower end.
        place = self.edges[np.abs(self.edges) <= self.reach] * self._scale
        within = np.bincount(np.floor(place[place != np.floor(place)]).astype(np.intp) + half, minlength=2 * half)
        upto = np.cumsum(np.bincount(np.ceil(place).astype(np.intp) + half, minlength=2 * half + 1))[:-1]
        below = np.count_nonzero(self.edges < -self.reach)
        first = below + upto
        following = np.append(self.edges, np.inf)[first]
        outside = [-2 if below else 0, -2 if self.edges.size > below + place.size else self.edges.size]
        self._first = np.concatenate([outside[:1], np.where(within > 1, -2, first), outside[1:]])
        self._following = np.concatenate([[np.inf], np.where(within > 0, following, np.inf), [np.inf]])
        crowded = (cells[:-1] / self._scale)[within > 1]
        return float(np.exp(-0.5 * crowded**2).sum() / self._scale / np.sqrt(2.0 * np.pi))

    @property
    def grid(self) -> Array:
        """Return the edges of the cells, shape (2**levels + 1,)."""
        return np.linspace(-self.reach, self.reach, 2**self.levels + 1)

    def add(self, found: Array, xi: Array) -> None:
        """Add draws to the sums of powers 0, 1, … of y, the place in the cell from −½ to ½."""
        if self.shape[0] == 1 and xi.size:
            first, last = np.searchsorted(self.own, (xi.min(), xi.max()), side="right")
            if last - first <= _FEW:
                below = [0, *(np.count_nonzero(xi < wall) for wall in self.own[first:last]), xi.size]
                found[0, first : last + 1] += np.diff(np.asarray(below, dtype=np.float64))
                return
        if not xi.size:
            return
        place = xi * self._scale
        corner = np.floor(place)
        y = place - corner if self._scale * self.width == 1.0 else None
        np.maximum(corner, -self._half - 1, out=corner)
        np.minimum(corner, self._half, out=corner)
        corner += self._half + 1
        bucket = cell = corner.astype(np.intp)
        if self.own.size or self._scale * self.width != 1.0:
            bucket = self._first[cell]
            bucket += xi >= self._following[cell]
            several = np.flatnonzero(bucket < 0)
            if several.size:
                bucket[several] = np.searchsorted(self.edges, xi[several], side="right")
        buckets = found.shape[1]
        found[0] += np.bincount(bucket, minlength=buckets)
        if self.shape[0] == 1:
            return
        if y is None:
            y = np.multiply(xi, 1.0 / self.width, out=place)
            y -= np.floor(y)
        y -= 0.5
        power = y.copy()
        for k, row in enumerate(found[1:], start=1):
            if k > 1:
                power *= y
            row += np.bincount(bucket, weights=power, minlength=buckets)

    def below(self, counts: Array, thresholds: Array) -> list[Array]:
        """Return how many draws lie below thresholds.

        Parameters
        ----------
        counts
            Of the draws in each bucket, shape (replicates, buckets).
        thresholds
            Some of the walls, or ±inf, shape (rows, n).

        Returns
        -------
        list of ndarray
            For each row the counts, shape (replicates, n).
        """
        total = np.cumsum(counts, axis=1)
        columns = np.concatenate([np.zeros((total.shape[0], 1)), total], axis=1)
        return [columns[:, self.place(row)] for row in thresholds]

    def place(self, threshold: Array) -> Index:
        """Return how many buckets lie below walls."""
        place = np.searchsorted(self.edges, threshold) + 1
        return np.where(threshold == -np.inf, 0, np.minimum(place, self.edges.size + 1))
