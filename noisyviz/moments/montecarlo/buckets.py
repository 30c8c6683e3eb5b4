"""Draws put into buckets: how many lie below each of many thresholds, and sums of their powers.

Shares such as p_wrong are decided draw by draw in floating point. Every such decision turns at one number, a "wall";
draws counted between the walls of all x give the counts of the plain evaluation. No draws are sorted: a large number
added to a draw leaves its cell of an equal grid in the last bits of the sum, and a comparison with the wall in this
cell tells the side. Only draws beyond the grid, and in cells that hold several walls, are looked up.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.units.activation import Array

Index = npt.NDArray[np.int64]

LEVELS: Final = 13  # the cells of a grid are halved so often
REACH: Final = 8.0  # draws beyond are rare
_PACK: Final = 2.0**17  # in cells; places of fewer draws than this add up to less than half of it
_FEW: Final = 3  # walls that are counted one by one
_NEAR: Final = (
    2.0**-20
)  # of a cell: walls as near as this to the first in it count as one, and draws there are looked up


class Buckets:
    """Sums over draws: a bucket begins at each wall, and at the lower edge of each cell of the grid.

    Parameters
    ----------
    walls
        Any shapes, ±inf allowed.
    powers
        How many powers of the draws are summed, the counts as power 0 among them.
    reach
        The grid goes from −reach to reach; a power of 2.
    levels
        It has 2**levels cells.
    from_walls
        Whether powers are of the distance from the wall that a draw has passed on its way from 0, from 0 itself where
        it has passed none; else of the place in the cell, from −½ to ½.
    packed
        Whether draws are counted by adding a large number to each place, so that counts and sums of places are one sum:
        less work, but the sums of places are right to 1e-10 of a cell only.

    Attributes
    ----------
    walls
        The finite ones, each once, increasing.
    cells
        The first bucket of each cell; the first cell is what lies below the grid, the last one what lies above.
    at_walls
        The first bucket above each wall.
    width
        Of a cell.
    shape
        (powers, columns), of what `add` fills and `collected` makes buckets of.
    """

    def __init__(
        self,
        *walls: Array,
        powers: int = 1,
        reach: float = REACH,
        levels: int = LEVELS,
        from_walls: bool = False,
        packed: bool = False,
    ) -> None:
        every = np.concatenate([np.ravel(part) for part in walls])
        self.walls = np.unique(every[np.isfinite(every)])
        self.reach, self.levels, self.width = reach, levels, 2.0 * reach / 2**levels
        self._count = 2**levels + 2
        self._large = 1.5 * 2.0**52 * self.width  # numbers of this size are a cell apart
        self._first = int(np.float64(self._large).view(np.int64)) - 2 ** (levels - 1) - 1
        self.shape = (powers, 0)
        of_walls = self._everywhere(self.walls)[0]
        held = np.bincount(of_walls, minlength=self._count)
        before = np.cumsum(held) - held
        self.cells, self.at_walls = np.arange(self._count) + before, of_walls + np.arange(self.walls.size) + 1
        some = np.flatnonzero(held)
        first, last = self.walls[before[some]], self.walls[(before + held)[some] - 1]
        self._wall = np.full(self._count, np.inf)
        self._wall[some] = np.where(last - first > _NEAR * self.width, np.nan, first)
        # columns: the cells, with walls inside the grid both sides of each; one for draws that are looked up, and one
        # that stays empty; the buckets of the cells with walls and of those beyond the grid
        self._sides = 2 if held[1:-1].any() else 1
        self._columns = self._sides * self._count
        apart = held > 0
        apart[[0, -1]] = True
        self._rank: Index = np.cumsum(apart) - apart
        size = np.where(apart, held + 1, 0)
        self._apart = np.repeat(self.cells - (np.cumsum(size) - size), size) + np.arange(size.sum())
        self._column_of_walls = np.append(0, np.arange(1, self.walls.size + 1) + self._rank[of_walls])
        self.shape = (powers, self._columns + 2 + self._apart.size)
        self._columns_of = np.full(self._count + self.walls.size, self._columns + 1)
        if self._sides == 2:
            self._columns_of[self.cells + held] = 2 * np.arange(self._count) + 1
        self._columns_of[self.cells] = self._sides * np.arange(self._count)
        self._pack = _PACK * self.width if packed else 0.0
        self._origins = self._column_origins = None
        if from_walls:
            zero = int(np.searchsorted(self.walls, 0.0, side="right"))
            self._origins = np.insert(self.walls, zero, 0.0)  # of the draws above 0, 1, … walls
            sides = np.stack([before, before + held], axis=1)[:, : self._sides]
            self._column_origins = self._origins[np.append(sides.ravel(), zero)]

    @property
    def grid(self) -> Array:
        """Return the edges of the cells, shape (2**levels + 1,)."""
        return np.linspace(-self.reach, self.reach, 2**self.levels + 1)

    def _placed(self, xi: Array, pack: float = 0.0) -> tuple[Index, Array]:
        """Return the cells of draws in the grid, and `pack` more than how far these lie above the middle of it."""
        place = xi - 0.5 * self.width
        middle = place + self._large
        cell = middle.view(np.int64) - self._first
        if self.shape[0] > 1:
            middle -= self._large + pack
            place -= middle
        return cell, place

    def _everywhere(self, xi: Array) -> tuple[Index, Array]:
        cell, place = self._placed(xi)
        return np.where(xi < -self.reach, 0, np.where(xi < self.reach, cell, self._count - 1)), place

    def add(self, found: Array, xi: Array) -> Index:
        """Add draws to sums of the shape `shape`; return which of them lie beyond the grid."""
        if not xi.size:
            return np.zeros(0, dtype=np.int64)
        low, high = xi.min(), xi.max()
        inside = -self.reach <= low and high < self.reach
        outside = np.flatnonzero((xi < -self.reach) | (xi >= self.reach)) if not inside else np.zeros(0, dtype=np.int64)
        if self.shape[0] == 1:
            first, last = np.searchsorted(self.walls, (low, high), side="right")
            if last - first <= _FEW:
                below = [0, *(np.count_nonzero(xi < wall) for wall in self.walls[first:last]), xi.size]
                columns = self._columns + 2 + self._column_of_walls[first : last + 1]
                found[0, columns] += np.diff(np.asarray(below, dtype=np.float64))
                return outside
        pack = self._pack if xi.size < _PACK else 0.0
        column, place = self._placed(xi, pack)
        apart = outside
        column[apart] = 0
        if self._sides == 2:
            beyond = self._wall[column]
            np.subtract(xi, beyond, out=beyond)
            column += column
            column += beyond >= 0.0
            np.abs(beyond, out=beyond)
            beyond[apart] = 0.0
            if not beyond.min() > _NEAR * self.width:
                apart = np.flatnonzero(~(beyond > _NEAR * self.width))
        if apart.size:
            self._look_up(found, xi[apart])
            column[apart] = self._columns
        if self._column_origins is not None:
            np.subtract(xi, self._column_origins[column], out=place)
        _add_powers(found[:, : self._columns + 1], column, place, pack)
        return outside

    def _look_up(self, found: Array, xi: Array) -> None:
        """Add draws by their buckets."""
        xi.sort()
        cell, place = self._everywhere(xi)
        if xi.size > self.walls.size:
            below = np.searchsorted(xi, self.walls)
            passed = np.repeat(np.arange(self.walls.size + 1), np.diff(below, prepend=0, append=xi.size))
        else:
            passed = np.searchsorted(self.walls, xi, side="right")
        if self._origins is not None:
            place = xi - self._origins[passed]
        _add_powers(found[:, self._columns + 2 :], self._rank[cell] + passed, place)

    def collected(self, found: Array) -> Array:
        """Return the sums by bucket, shape (…, powers, buckets), from those of `add`, shape (…, powers, columns)."""
        buckets = found.take(self._columns_of, axis=-1)
        buckets[..., self._apart] += found[..., self._columns + 2 :]
        if self._origins is None:
            buckets *= self.width ** -np.arange(self.shape[0], dtype=np.float64)[:, None]
        return buckets

    def by_cells(self, buckets: Array) -> Array:
        """Return the sums by cell of the grid, shape (…, 2**levels), from those by bucket."""
        if not self.walls.size:
            return buckets[..., 1:-1]
        return np.asarray(np.add.reduceat(buckets[..., : self.cells[-1]], self.cells[1:-1], axis=-1))

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
        total = np.concatenate([np.zeros((counts.shape[0], 1)), np.cumsum(counts, axis=1)], axis=1)
        places = np.concatenate([[0], self.at_walls, [counts.shape[1]]])
        return [total[:, places[self.rank(row)]] for row in thresholds]

    def rank(self, threshold: Array) -> Index:
        """Return how many of −inf and the walls lie below thresholds: 0 for −inf, 1 for the first wall."""
        return np.where(threshold == -np.inf, 0, np.searchsorted(self.walls, threshold) + 1)


def _add_powers(found: Array, column: Index, place: Array, pack: float = 0.0) -> None:
    """Add 1, place, place² … to columns of sums, shape (powers, columns); the places are given with `pack` added."""
    columns = found.shape[1]
    if pack:
        total = np.bincount(column, weights=place, minlength=columns)
        count = np.rint(total / pack)
        found[0] += count
        count *= pack
        found[1] += np.subtract(total, count, out=total)
        place -= pack
    else:
        found[0] += np.bincount(column, minlength=columns)
    power = place
    for k, row in enumerate(found[1:], start=1):
        if k > 1:
            power = power * place
        if k > 1 or not pack:
            row += np.bincount(column, weights=power, minlength=columns)
