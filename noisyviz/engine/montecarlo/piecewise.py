"""Sums for input noise on a piecewise-linear h: the draws between the thresholds of all x are summed once.

For one x, φ and its gradients are linear in ξ between the pre-images of the kinks. Sorted draws are summed over the
buckets between the sorted thresholds of all x, as powers 0 to 4 of their distance from the threshold beside them, and
the buckets are cumulated from the outer ends with the distances moved along: sums of terms of one sign, so that the few
draws that just pass a kink keep their digits.
"""

from math import comb
from typing import Final

import numpy as np

from noisyviz.engine.activation import Array
from noisyviz.engine.montecarlo.signs import Pieces, count_signs, factor_thresholds, z_thresholds
from noisyviz.engine.montecarlo.sums import CHUNK, ROWS, over_blocks, powers
from noisyviz.engine.montecarlo.thresholds import Counter, Index
from noisyviz.engine.samplers import Block, Draws
from noisyviz.engine.units import InputNoise

_GROUP: Final = 16  # buckets cumulated one after the other, groups of them side by side


def piecewise_sums(at: InputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.engine.montecarlo.sums`."""
    pieces = Pieces.of(at.activation)
    edges, turns = z_thresholds(at, pieces), factor_thresholds(at)
    counter = Counter(np.empty(0), *edges, *turns)
    walls = counter.sorted
    ordered = draws.sampler == "stratified"

    def work(block: Block) -> Array:
        found = np.zeros((3, 5, walls.size + 2))  # below each wall, above each wall, and about 0 in the first column
        rows = np.empty((4, min(chunk, block.stop - block.start)))
        for xi in draws.read(block, chunk):
            if not ordered:
                xi.sort()
            add_buckets(found, xi, walls, counter.below(xi, ordered=True), rows)
        return found

    found = over_blocks(draws, work, jobs=jobs)
    lower, upper, whole = found[:, 0], found[:, 1], found[:, 2, :, :1]
    lower[:, :, 1:-1] = _behind(lower[:, :, -2:0:-1], -walls[::-1])[:, :, ::-1]
    upper[:, :, 1:-1] = _behind(upper[:, :, 1:-1], walls)
    sums = np.zeros((draws.replicates, ROWS, at.x.size))
    lines = _Lines(at, pieces, [counter.place(edge) for edge in edges], edges, lower, upper, whole)
    for piece in range(len(pieces.signs)):
        lines.add(sums, piece)
    below_z, below_turns = ([_below(found, whole, counter.place(edge)) for edge in part] for part in (edges, turns))
    count_signs(sums, at, pieces, below_z, below_turns, draws.each)
    return sums


def _below(found: Array, whole: Array, place: Index) -> Array:
    """Return how many draws lie below walls, from their places; all of them below the place behind the last."""
    counts = found[:, 0, 0]
    counts[:, -1] = whole[:, 0, 0]
    return counts[:, place]


def add_buckets(found: Array, xi: Array, walls: Array, below: Index, rows: Array) -> None:
    """Add sorted draws to the sums of powers 0 to 4 of their distance from the wall above, the wall below, and 0.

    Parameters
    ----------
    found
        Shape (3, 5, m + 2); of the walls in columns 1 to m, about 0 in column 0.
    xi
        Sorted, shape (n,).
    walls
        Sorted, shape (m,).
    below
        How many of the draws lie below each wall, shape (m,).
    rows
        Room for four rows of n numbers.
    """
    _add_powers(found[2], xi, np.array([0]), np.array([xi.size]), np.array([0]), rows)
    if walls.size == 0:
        return
    starts, stops = np.concatenate([[0], below[:-1]]), below
    columns = np.arange(1, walls.size + 1)
    _add_powers(found[0], np.repeat(walls, stops - starts) - xi[: below[-1]], starts, stops, columns, rows)
    starts, stops = below, np.concatenate([below[1:], [xi.size]])
    rest = xi[below[0] :] - np.repeat(walls, stops - starts)
    _add_powers(found[1], rest, starts - below[0], stops - below[0], columns, rows)


def _add_powers(found: Array, distance: Array, starts: Index, stops: Index, columns: Index, rows: Array) -> None:
    found[0, columns] += stops - starts
    filled = np.flatnonzero(stops > starts)
    if filled.size:
        for k, power in enumerate(powers(distance, rows[:, : distance.size]), start=1):
            found[k, columns[filled]] += np.add.reduceat(power, starts[filled])


def moves(by: Array) -> Array:
    """Return the matrices that take sums of D⁰ … D⁴ to those of (D + by)⁰ … (D + by)⁴, shape (*by.shape, 5, 5).

    Examples
    --------
    >>> (moves(np.array(1.0)) @ [2.0, 3.0, 5.0, 9.0, 17.0]).tolist()  # of D = 1 and 2, to 2 and 3
    [2.0, 5.0, 13.0, 35.0, 97.0]
    """
    matrix = np.zeros((*by.shape, 5, 5))
    power = np.ones_like(by)
    for step in range(5):
        for j in range(5 - step):
            matrix[..., j + step, j] = comb(j + step, j) * power
        power = power * by
    return matrix


def cumulated(buckets: Array, walls: Array) -> Array:
    """Return for each wall the sums over its own bucket and all behind it, of distances from this wall.

    Parameters
    ----------
    buckets
        Sums of powers 0 to 4 of distances from the wall of the bucket, shape (m, 5, replicates).
    walls
        Increasing, shape (m,).

    Examples
    --------
    >>> two = np.array([[1.0, 0.5, 0.25, 0.125, 0.0625], [1.0, 0.25, 0.0625, 0.015625, 0.00390625]])[:, :, None]
    >>> cumulated(two, np.array([2.0, 3.0]))[:, 1, 0].tolist()  # 2.5 and 3.25 from 2; 3.25 from 3
    [1.75, 0.25]
    """
    m = walls.size
    if m <= _GROUP:
        found = buckets.copy()
        steps = moves(np.diff(walls))
        for j in range(m - 2, -1, -1):
            found[j] += steps[j] @ found[j + 1]
        return found
    spare = -m % _GROUP
    inner = np.concatenate([buckets, np.zeros((spare, *buckets.shape[1:]))]).reshape(-1, _GROUP, *buckets.shape[1:])
    groups = np.concatenate([walls, np.full(spare, walls[-1])]).reshape(-1, _GROUP)
    steps = moves(np.diff(groups))
    for j in range(_GROUP - 2, -1, -1):
        inner[:, j] += steps[:, j] @ inner[:, j + 1]
    behind = cumulated(inner[:, 0], groups[:, 0])[1:]
    inner[:-1] += moves(groups[1:, :1] - groups[:-1]) @ behind[:, None]
    return inner.reshape(-1, *buckets.shape[1:])[:m]


def _behind(buckets: Array, walls: Array) -> Array:
    """Return `cumulated` for arrays of shape (replicates, 5, m)."""
    return np.moveaxis(cumulated(np.moveaxis(buckets, (0, 1, 2), (2, 1, 0)), walls), (0, 1, 2), (2, 1, 0))


class _Lines:
    """φ and its gradients on every stretch as lines in the distance from the edge that faces x."""

    def __init__(
        self,
        at: InputNoise,
        pieces: Pieces,
        places: list[Index],
        edges: list[Array],
        lower: Array,
        upper: Array,
        whole: Array,
    ) -> None:
        assert pieces.lines is not None
        self.at, self.places, self.edges = at, places, edges
        self.lower, self.upper, self.whole = lower, upper, whole
        self.slopes = np.array([slope for _, slope in pieces.lines])
        self.home = np.searchsorted(np.array(pieces.starts), at.x, side="right")
        self.starts = np.array(at.activation.breaks)
        self.leak = at.activation.slope_function(at.x)

    def add(self, sums: Array, piece: int) -> None:
        """Add the powers of φ − φ₀, of ∂φ/∂x − leak and of ∂φ/∂p over the draws that reach one stretch."""
        at, slope, home = self.at, self.slopes[piece], self.home
        beyond = np.where(home > piece, self._from_above(piece), self._from_below(piece))
        part = np.where(home == piece, self._about_zero(piece), beyond)
        side = np.where(home == piece, 0.0, np.where(home > piece, self._edge(piece), self._edge(piece - 1)))
        sign = np.where(home > piece, -1.0, 1.0)  # distances below an edge grow as ξ falls
        for row, offset, factor in (
            (0, self._rise(piece), slope * at.sigma),
            (4, slope - self.leak + _times(slope * at.sigma_slope, side), slope * at.sigma_slope),
            (8, _times(slope * at.sigma_p, side), slope * at.sigma_p),
        ):
            if not (offset.any() or factor.any()):
                continue
            offsets, factors = ([np.ones_like(value)] for value in (offset, factor))
            for _ in range(4):
                offsets.append(offsets[-1] * offset)
                factors.append(factors[-1] * (sign * factor))
            for k in range(1, 5):
                for j in range(k + 1):
                    sums[:, row + k - 1] += _times(comb(k, j) * offsets[k - j] * factors[j], part[:, j])

    def _edge(self, index: int) -> Array:
        return self.edges[index] if 0 <= index < len(self.edges) else np.zeros_like(self.at.x)

    def _rise(self, piece: int) -> Array:
        """Return φ − φ₀ at the edge of a stretch that faces x, from kink to kink so that nothing cancels."""
        rise = np.zeros_like(self.at.x)
        for between in range(len(self.slopes)):
            low = self.starts[between - 1] if between else -np.inf
            high = self.starts[between] if between < self.starts.size else np.inf
            left = (between > piece) & (between <= self.home)  # crossed on the way down
            right = (between < piece) & (between >= self.home)
            slope = self.slopes[between]
            if slope == 0.0:
                continue
            rise = np.where(left, rise - slope * (np.minimum(self.at.x, high) - low), rise)
            rise = np.where(right, rise + slope * (high - np.maximum(self.at.x, low)), rise)
        return rise

    def _from_above(self, piece: int) -> Array:
        """Return the sums over a stretch of distances below its upper edge."""
        if piece >= len(self.edges):
            return np.zeros((*self.lower.shape[:2], self.at.x.size))
        found = self.lower[:, :, self.places[piece]]
        if piece == 0:
            return found
        gap = self.edges[piece] - self.edges[piece - 1]
        return found - _moved(self.lower[:, :, self.places[piece - 1]], gap)

    def _from_below(self, piece: int) -> Array:
        """Return the sums over a stretch of distances above its lower edge."""
        if piece == 0:
            return np.zeros((*self.upper.shape[:2], self.at.x.size))
        found = self.upper[:, :, self.places[piece - 1]]
        if piece >= len(self.edges):
            return found
        gap = self.edges[piece] - self.edges[piece - 1]
        return found - _moved(self.upper[:, :, self.places[piece]], gap)

    def _about_zero(self, piece: int) -> Array:
        """Return the sums over a stretch of the powers of ξ: all draws but those below and above it."""
        found = self.whole + np.zeros((1, 1, self.at.x.size))
        signs = np.array([1.0, -1.0, 1.0, -1.0, 1.0])[:, None]
        if piece > 0:
            found -= signs * _moved(self.lower[:, :, self.places[piece - 1]], -self.edges[piece - 1])
        if piece < len(self.edges):
            found -= _moved(self.upper[:, :, self.places[piece]], self.edges[piece])
        return found


def _moved(sums: Array, by: Array) -> Array:
    """Return sums of shape (replicates, 5, n) with every distance longer by `by`, shape (n,); `by` may be infinite."""
    few = np.where((sums[:, 0] != 0.0).any(axis=0), by, 0.0)
    moved: Array = np.moveaxis(moves(few) @ np.moveaxis(sums, (0, 1, 2), (2, 1, 0)), (0, 1, 2), (2, 1, 0))
    return moved


def _times(factor: Array, sums: Array) -> Array:
    """Return their product, 0 where there is nothing to sum even if the factor overflows."""
    return np.where(sums == 0.0, 0.0, factor * sums)
