"""Counting samples in the cells of a grid, each with its place in the cell, so that the mean of a cell is known.

A count and a sum of places share one 64-bit integer: one pass over the samples serves both, and since integers are
added, nothing depends on the order in which samples come.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from noisyviz.networks.buffers import Scratch
from noisyviz.networks.value_grid import MANTISSA, ONE, Grid, Index
from noisyviz.units.activation import Activation, Array, on_side

Mask = npt.NDArray[np.bool_]
_PLACE: Final = 14  # bits of a sample's place in its cell
_COUNT: Final = 24  # bits of the count: this many samples of a group may come before the packed numbers are spilled
_SHIFT: Final = _PLACE + _COUNT
_SLICE: Final = 1 << 20  # cells looked at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where finite samples of shape (n, columns) lie.

    Parameters
    ----------
    bits
        The bits of 1 + abs x above those of 1.
    negative
        −1 for negative x, else 0.
    saturated
        Whether x is beyond a threshold.
    good
        Which samples count; None for all.
    x
        The samples.
    peak
        The largest abs x.
    scratch
        Room for what is worked out from these.
    """

    bits: Index
    negative: Index
    saturated: Mask
    good: Mask | None
    x: Array
    peak: float
    scratch: Scratch

    @classmethod
    def of(cls, x: Array, saturated: Mask, *, good: Mask | None = None, peak: float, scratch: Scratch) -> Self:
        """Return the places of contiguous float64 samples; they hold until the scratch is used again."""
        magnitude = np.abs(x, out=scratch.array("magnitude", x.shape, np.float64))
        magnitude += 1.0
        bits = magnitude.view(np.int64)
        bits -= ONE
        negative = np.right_shift(x.view(np.int64), 63, out=scratch.array("negative", x.shape, np.int64))
        return cls(bits=bits, negative=negative, saturated=saturated, good=good, x=x, peak=peak, scratch=scratch)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nodes:
    """Occupied cells, shape (n,): their column, the mean of their samples, how many, and whether these saturate."""

    group: Index
    x: Array
    weights: Array
    saturated: Mask


@dataclass(slots=True)
class Tally:
    """Samples in the cells of a grid, apart by column or all together, apart by saturation or not.

    Parameters
    ----------
    grid
        The cells.
    groups
        The number of columns that are counted apart, or 1 for all together.
    split
        Whether saturated samples are counted apart from the others in the same cell.
    means
        Whether the means of cells are wanted, as `nodes` needs them; else samples are counted alone.
    """

    grid: Grid
    groups: int = 1
    split: bool = True
    means: bool = True
    packed: Index = field(init=False)
    spilled: tuple[Index, Index] | None = field(init=False, default=None)
    beyond: dict[int, float] = field(init=False, default_factory=dict)
    pending: int = field(init=False, default=0)
    offsets: Index = field(init=False)

    def __post_init__(self) -> None:
        stride = self.grid.cells * (1 + self.split)
        self.packed = np.zeros(self.groups * stride, dtype=np.int64)
        self.offsets = np.arange(self.groups, dtype=np.int64) * stride + self.grid.side

    def take(self, places: Places) -> None:
        """Add samples of shape (n, columns)."""
        shift = MANTISSA - self.grid.bits
        bits, scratch = places.bits, places.scratch
        cell = np.right_shift(bits, shift, out=scratch.array("cell", bits.shape, np.int64))
        weight = scratch.array("weight", bits.shape, np.int64)
        if self.means:
            np.right_shift(bits, shift - _PLACE, out=weight)
            weight &= (1 << _PLACE) - 1
            weight |= 1 << _SHIFT
        else:
            weight.fill(1 << _SHIFT)
        outside: Mask | None = None
        if places.peak + 1.0 >= 2.0**self.grid.octaves:
            outside = cell >= self.grid.side
            weight[outside] = 1 << _SHIFT
            np.minimum(cell, self.grid.side - 1, out=cell)
        cell ^= places.negative
        cell += self.offsets
        if self.split:
            cell += np.multiply(
                places.saturated, self.grid.cells, out=scratch.array("apart", bits.shape, np.int64), casting="unsafe"
            )
        if places.good is not None:
            weight *= places.good
        if outside is not None and self.means:
            edge = 2.0**self.grid.octaves * (1.0 - 0.5 ** (self.grid.bits + 1)) - 1.0
            self._remember(cell[outside], np.abs(places.x[outside]) - edge)
        self._add(cell.ravel(), weight.ravel())

    def _add(self, cell: Index, weight: Index) -> None:
        most = (1 << _COUNT) * self.groups
        for start in range(0, cell.size, most):
            part = slice(start, start + most)
            step = -(-cell[part].size // self.groups)
            if self.pending + step > 1 << _COUNT:
                self._spill()
            self.pending += step
            np.add.at(self.packed, cell[part], weight[part])

    def _remember(self, cells: Index, excess: Array) -> None:
        """Keep by how much samples lie beyond the inner edge of the outermost cells."""
        found, position = np.unique(cells, return_inverse=True)
        for cell, value in zip(found.tolist(), np.bincount(position, weights=excess).tolist(), strict=True):
            self.beyond[cell] = self.beyond.get(cell, 0.0) + value

    def _spill(self) -> None:
        counts, places = self.packed >> _SHIFT, self.packed & ((1 << _SHIFT) - 1)
        if self.spilled is None:
            self.spilled = counts, places
        else:
            self.spilled[0][:] += counts
            self.spilled[1][:] += places
        self.packed[:] = 0
        self.pending = 0

    def _unpacked(self, part: slice) -> tuple[Index, Index]:
        """Return counts and sums of places."""
        packed = self.packed[part]
        counts, places = packed >> _SHIFT, packed & ((1 << _SHIFT) - 1)
        if self.spilled is not None:
            counts, places = counts + self.spilled[0][part], places + self.spilled[1][part]
        return counts, places

    def _slices(self) -> Iterator[tuple[int, slice]]:
        """Cut the groups so that few cells are unpacked at once; yield the first group and the cells."""
        stride = self.packed.size // self.groups
        step = max(1, _SLICE // stride)
        for first in range(0, self.groups, step):
            yield first, slice(first * stride, (first + step) * stride)

    def nodes(self, activation: Activation) -> Iterator[Nodes]:
        """Yield the occupied cells; where saturated samples are not apart, cells must not contain a threshold."""
        edges = self.grid.positive_edges()
        width = np.diff(edges) / (1 << _PLACE)
        far, excesses = (
            np.array(sorted(self.beyond), dtype=np.int64),
            [self.beyond[cell] for cell in sorted(self.beyond)],
        )
        stride = self.packed.size // self.groups
        for _, part in self._slices():
            counts, places = self._unpacked(part)
            held = np.flatnonzero(counts)
            cell = held + part.start
            weights = counts[held].astype(np.float64)
            excess = np.zeros(cell.size)
            within = (far >= part.start) & (far < part.stop)
            excess[np.searchsorted(cell, far[within])] = np.array(excesses)[within]
            place = cell % self.grid.cells
            negative = place < self.grid.side
            side = np.where(negative, self.grid.side - 1 - place, place - self.grid.side)
            magnitude = edges[side] + (places[held] * width[side] + excess) / weights
            x = np.where(negative, -magnitude, magnitude)
            saturated = cell % stride >= self.grid.cells if self.split else activation.saturated(x)
            yield Nodes(group=cell // stride, x=on_side(activation, x, saturated), weights=weights, saturated=saturated)

    def quantiles(self, q: Array, low: Array, high: Array) -> Array:
        """Return the quantiles of every group, shape (groups, m); see `Grid.quantiles`."""
        found = []
        for first, part in self._slices():
            counts = self._unpacked(part)[0].reshape(-1, 1 + self.split, self.grid.cells).sum(axis=1)
            ends = slice(first, first + counts.shape[0])
            found.append(self.grid.quantiles(counts, q, low[ends], high[ends]))
        return np.concatenate(found)

    def counts(self) -> Index:
        """Return how many samples of the only group lie in each cell, shape (cells,)."""
        total: Index = self._unpacked(slice(None))[0].reshape(-1, self.grid.cells).sum(axis=0)
        return total
