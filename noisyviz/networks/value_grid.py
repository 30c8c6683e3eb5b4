"""A fixed grid over all real numbers on which samples are counted, for quantiles and for averages of smooth functions.

Cells are the leading bits of 1 + abs x: their width is (1 + abs x)/2^bits at most, ±1 and ±3 are edges, and finding the
cell of a number costs no transcendental function.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.units.activation import Array

MANTISSA: Final = 52
ONE: Final = int(np.float64(1.0).view(np.int64))

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A grid symmetric about 0; the outermost cells hold everything beyond.

    Parameters
    ----------
    bits
        Each octave of 1 + abs x is cut into 2^bits cells.
    octaves
        How many octaves there are on each side.

    Examples
    --------
    >>> grid = Grid(bits=2, octaves=3)
    >>> grid.cell(np.array([-7.0, -0.1, 0.0, 0.3, 1e300])).tolist()
    [0, 11, 12, 13, 23]
    """

    bits: int
    octaves: int

    @property
    def side(self) -> int:
        """Return the number of cells on each side of 0."""
        return self.octaves << self.bits

    @property
    def cells(self) -> int:
        """Return the number of cells."""
        return 2 * self.side

    def cell(self, x: Array) -> Index:
        """Return the cell of every finite x, of x's shape."""
        magnitude = np.abs(x) + 1.0
        k = (magnitude.view(np.int64) - ONE) >> (MANTISSA - self.bits)
        np.minimum(k, self.side - 1, out=k)
        return np.where(x < 0, self.side - 1 - k, self.side + k)

    def edges(self) -> Array:
        """Return the edges between cells, increasing, shape (cells + 1,)."""
        positive = self.positive_edges()
        return np.concatenate([-positive[:0:-1], positive])

    def positive_edges(self) -> Array:
        """Return the edges from 0 on, shape (side + 1,)."""
        k = np.arange(self.side + 1, dtype=np.int64)
        return ((k << (MANTISSA - self.bits)) + ONE).view(np.float64) - 1.0

    def separates(self, threshold: float) -> bool:
        """Tell whether each cell lies wholly on one side of a threshold; 0 itself belongs to the cell above it."""
        cell = int(np.float64(1.0 + abs(threshold)).view(np.int64)) - ONE
        return threshold != 0 and (np.isinf(threshold) or cell % (1 << (MANTISSA - self.bits)) == 0)

    def quantiles(self, counts: Index, q: Array, low: Array, high: Array) -> Array:
        """Return quantiles of counted samples, linear inside a cell and never beyond the extremes.

        Parameters
        ----------
        counts
            Samples in each cell, shape (n, cells).
        q
            Probabilities, shape (m,).
        low, high
            The extremes of each row, shape (n,).

        Returns
        -------
        ndarray
            Shape (n, m), off by at most one cell, NaN for rows without samples.
        """
        edges = self.edges()
        cumulated = np.cumsum(counts, axis=1)
        total = cumulated[:, -1:]
        found = np.empty((counts.shape[0], q.size))
        rows = np.arange(counts.shape[0])
        for column, wanted in enumerate(q.tolist()):
            target = wanted * total[:, 0]
            cell = np.minimum(np.count_nonzero(cumulated < target[:, None], axis=1), self.cells - 1)
            inside = counts[rows, cell]
            part = (target - (cumulated[rows, cell] - inside)) / np.maximum(inside, 1)
            value = edges[cell] + part * (edges[cell + 1] - edges[cell])
            found[:, column] = np.clip(value, low, high)
        found[total[:, 0] == 0] = np.nan
        return found
