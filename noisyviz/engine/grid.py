"""A fixed grid over all real numbers on which samples are counted, for quantiles and for averages of smooth functions.

Cells are the leading bits of 1 + abs x: their width is (1 + abs x)/2^bits at most, ±1 and ±3 are edges, and finding the
cell of a number costs no transcendental function.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array

_MANTISSA = 52
_ONE = int(np.float64(1.0).view(np.int64))

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
        k = (magnitude.view(np.int64) - _ONE) >> (_MANTISSA - self.bits)
        np.minimum(k, self.side - 1, out=k)
        return np.where(x < 0, self.side - 1 - k, self.side + k)

    def edges(self) -> Array:
        """Return the edges between cells, increasing, shape (cells + 1,)."""
        k = np.arange(self.side + 1, dtype=np.int64)
        positive = ((k << (_MANTISSA - self.bits)) + _ONE).view(np.float64) - 1.0
        return np.concatenate([-positive[:0:-1], positive])

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
        found = np.full((counts.shape[0], q.size), np.nan)
        for row, row_counts in enumerate(counts):
            cumulated = np.cumsum(row_counts)
            total = cumulated[-1]
            if total == 0:
                continue
            cell = np.minimum(np.searchsorted(cumulated, q * total), self.cells - 1)
            inside = np.maximum(row_counts[cell], 1)
            part = (q * total - (cumulated[cell] - row_counts[cell])) / inside
            value = edges[cell] + part * (edges[cell + 1] - edges[cell])
            found[row] = np.clip(value, low[row], high[row])
        return found
