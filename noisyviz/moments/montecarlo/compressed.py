"""Sums for input noise: the draws of an equal grid of cells in ξ become weights at a few nodes of ever larger cells.

In a cell on which φ is smooth, polynomials through a few Chebyshev nodes stand for φ, its gradients and their powers,
and the draws of the cell for weights at these nodes. The smallest cells take them from the sums of the first powers of
the draws, larger ones from their halves. Each x then looks for the largest cells on which its φ is smooth: halved are
those in which h has a kink or a jump of a higher derivative, and those that cover more than one panel of h
(`Activation.panels`). A smallest cell with a kink is cut at the kink itself. The softplus form bends at every scale of
ξ: its cells lie on one side of 0, within a factor of 2 of each other.

The polynomials are exact to about 1e-11 of the largest value on a cell, those of the larger cells to 1e-14. Where the
draws lie in what is small on a cell, that is too coarse for the sum of their fourth powers: such cells are halved too.
"""

from functools import cache
from itertools import pairwise
from math import ceil, log
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.moments.montecarlo.analytic import chebyshev, from_powers, interpolation
from noisyviz.moments.montecarlo.buckets import LEVELS, REACH, Buckets, Index
from noisyviz.moments.montecarlo.plain import PLAIN_CHUNK, add_few, plain_sums
from noisyviz.moments.montecarlo.power_sums import CHUNK, PRODUCTS, ROWS, over_blocks, products
from noisyviz.moments.montecarlo.power_sums import powers as powers_of
from noisyviz.moments.montecarlo.walls import Walls, count_signs, smooth_panels
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Array
from noisyviz.units.unit import InputNoise, NoisyUnit, SoftplusNoise

_NODES: Final = 36  # hold φ and its powers over one panel of h
_FEWEST: Final = 5  # hold the fourth power of a line
_NEAREST: Final = 3.43  # (ρ + √(ρ² + a²))/a for panels of half-width a, with singularities at a distance ρ = 1.57 a
_ELEMENTS: Final = 2**13  # values at once
_SOFT: Final = 16  # nodes that hold the softplus form between ξ and 2ξ
_OCTAVE: Final = 2.0**-5  # of ξ, the most that a smallest cell may cover for the softplus form
_SETTLED: Final = 0.03125  # below this share of its reach, s of the softplus form is a constant
_RARE: Final = 64  # draws beyond a grid are evaluated as they are, more of them put into a wider one
_STEEP: Final = 0.15  # of a panel of h, the most that a smallest cell may cover
_FAR: Final = 1e100  # farther x, and ±inf, are evaluated plainly: powers would overflow
_SMALL: Final = 1e-5  # of the largest fourth power on a cell, the least mean over its draws that keeps its digits
_FEW_CELLS: Final = 16  # that pairs share: one product of matrices each
_THIN: Final = 1e-5  # of a smallest cell: a part that is narrower is one point


@cache
def _halves(count: int, of_half: int) -> Array:
    """Return the matrix from weights at the nodes of both halves of a cell to weights at its own."""
    nodes, finer = chebyshev(count), chebyshev(of_half)
    return np.concatenate([interpolation(nodes, 0.5 * (finer + side)) for side in (-1.0, 1.0)])


def _needed(share: float, digits: float, most: int) -> int:
    """Return how many nodes a cell needs that is this share of a panel of h."""
    return min(max(ceil(digits * log(10.0) / log(_NEAREST / min(max(share, 1e-30), 1.0))), 0) + _FEWEST - 1, most)


class _Smooth:
    """Where the φ of each x is smooth.

    Attributes
    ----------
    kinks
        Its kinks in ξ, shape (kinks, n).
    bands
        Where each kink may lie, shape (2, bands, n); what is inside is evaluated plainly.
    soft
        Whether s is that of the softplus form.
    steepest
        The most panels of h that ξ passes by 1.
    """

    def __init__(self, at: InputNoise, walls: Walls) -> None:
        h = at.activation
        self._at, self.kinks, self.bands = at, walls.kinks[walls.bends], walls.bands
        self.soft = isinstance(at, SoftplusNoise)
        self._panels, widths, _, self._point = smooth_panels(h)
        self._widths = np.concatenate([[np.inf], widths, [np.inf]])
        self.steepest = float(np.max(at.sigma, initial=0.0)) / float(self._widths[self._widths > self._point].min())

    def accepted(
        self, rows: Index, low: Array, high: Array, share: float, *, smallest: bool
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return on which cells, of shape (m,), φ is smooth, and which lie in a band: these need no looking at.

        Smooth ones cover at most this share of a panel of h.
        """
        kinks = self.kinks[:, rows]
        good = np.asarray(~((kinks > low) & (kinks < high)).any(axis=0))
        if isinstance(self._at, SoftplusNoise):  # s has its singularities at 0 and on the imaginary axis, up to abs R/π
            far, reach = np.maximum(np.abs(low), np.abs(high)), np.abs(self._at.reach[rows])
            octave = _OCTAVE if smallest else 0.5
            good &= (low * high >= 0.0) & ((high - low <= octave * far) | (far < _SETTLED * reach) | (reach == 0.0))
        some = np.flatnonzero(good)
        at, low_, high_ = self._at.part(rows[some]), low[some], high[some]
        inner = 1e-9 * (high_ - low_)
        z = [at.x + at.shift(xi) for xi in (low_ + inner, high_ - inner)]
        first, last = np.searchsorted(self._panels, z[0], side="right"), np.searchsorted(self._panels, z[1])
        room = np.minimum(self._widths[first], self._widths[np.maximum(last, first)])
        across = z[1] - z[0]
        inside = np.isinf(room) | (across <= share * room)
        if smallest:
            inside |= (across <= room) & (room <= self._point)  # next to nothing
        good[some] = (last - first <= 1) & inside
        bands = self.bands[:, :, rows]
        doubtful = np.asarray(((bands[0] <= low) & (high <= bands[1])).any(axis=0))
        return good & ~doubtful, doubtful


def _grids(smooth: _Smooth, draws: Draws, walls: Walls) -> tuple[list[Buckets], float]:
    """Return the grids from the innermost to the outermost, and how near to 0 draws are rare enough for plain sums.

    Inner ones are there for what happens near 0, an outer one for many draws beyond.
    """
    levels = LEVELS if draws.replicates == 1 else LEVELS - 1
    sizes, hole = [(REACH, levels)], 0.0
    while smooth.soft or smooth.steepest * 2.0 * sizes[0][0] / 2 ** sizes[0][1] > _STEEP:
        reach, levels = sizes[0]
        inner = reach / (2.0**levels * _OCTAVE / 2.0 if smooth.soft else 2.0 ** (levels - 3))
        if 2.0 * draws.samples * inner * float(draws.noise.density(np.zeros(()))) <= _RARE:
            hole = inner
            break
        sizes.insert(0, (inner, LEVELS - 3 if smooth.soft else levels))
    if 2.0 * draws.samples * float(draws.noise.above(REACH)) > _RARE:
        sizes.append((8.0 * REACH, LEVELS - 2))
    found = []
    for reach, levels in sizes:
        powers = _needed(min(smooth.steepest * 2.0 * reach / 2**levels, _STEEP), 11.5, 99) - _FEWEST + 1
        powers = max(powers, 5 if smooth.soft else 4)
        own = [walls.kinks, walls.turns] if reach >= REACH else [walls.kinks[np.abs(walls.kinks) <= reach]]
        # without kinks no part of a cell is looked at by itself
        packed = not smooth.kinks.size
        found.append(Buckets(*own, powers=powers, reach=reach, levels=levels, packed=packed))
    return found, hole


def compressed_sums(unit: NoisyUnit, at: InputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.moments.montecarlo.power_sums`."""
    walls = Walls.of(at)
    smooth = _Smooth(at, walls)
    grids, hole = _grids(smooth, draws, walls)
    main, held = [grid.reach for grid in grids].index(REACH), (hole, grids[-1].reach)
    finer = grids[main - 1].reach if main else hole
    leak = at.grad_x(np.zeros(()))
    cuts = np.cumsum([grid.shape[0] * grid.shape[1] for grid in grids])

    def work(block: Block) -> Array:
        found = np.zeros(cuts[-1] + ROWS * at.x.size)
        *parts, rare = np.split(found, cuts)
        parts = [part.reshape(grid.shape) for grid, part in zip(grids, parts, strict=True)]
        inner_pieces, outer_pieces = [], []
        for xi in draws.read(block, chunk):
            outer_pieces.append(xi[grids[main].add(parts[main], xi)])
            if finer:
                inner_pieces.append(xi[np.abs(xi) <= finer])
        inner, outer = (np.concatenate([np.empty(0), *pieces]) for pieces in (inner_pieces, outer_pieces))
        for grid, part in zip(grids[:main][::-1], parts[:main][::-1], strict=True):
            inner = inner[(inner >= -grid.reach) & (inner < grid.reach)]
            grid.add(part, inner)
        for grid, part in zip(grids[main + 1 :], parts[main + 1 :], strict=True):
            outer = outer[grid.add(part, outer)]
        few = np.concatenate([inner[(inner >= -hole) & (inner < hole)], outer])
        add_few(rare.reshape(ROWS, -1), unit, at, leak, few)
        return found

    *parts, rare = np.split(over_blocks(draws, work, jobs=jobs), cuts, axis=1)
    sums = rare.reshape(draws.replicates, ROWS, -1).copy()
    open_rows = ~(np.abs(at.x) < _FAR)
    collected = [
        grid.collected(part.reshape(draws.replicates, *grid.shape)) for grid, part in zip(grids, parts, strict=True)
    ]
    for grid, moments in zip(grids, collected, strict=True):
        _Cells(grid, moments, smooth, hole).add(sums, at, leak, open_rows)
        hole = grid.reach
    count_signs(sums, unit, at, walls, grids[main], collected[main][:, 0], draws, held=held)
    for row in np.flatnonzero(open_rows):
        cut = slice(row, row + 1)
        sums[:, :, cut] = plain_sums(unit, at.part(cut), draws, chunk=PLAIN_CHUNK, jobs=jobs)
    return sums


class _Cells:
    """The draws of a grid as weights at the nodes of its cells, on every level from the whole grid down."""

    def __init__(self, grid: Buckets, moments: Array, smooth: _Smooth, hole: float) -> None:
        self._grid, self._moments, self._smooth = grid, moments, smooth
        count = moments.shape[1]
        of_cells = grid.by_cells(moments).copy()
        of_cells[:, :, np.abs(grid.grid[:-1] + 0.5 * grid.width) < hole] = 0.0  # a finer grid has them
        weights = np.moveaxis(of_cells, 1, 2) @ from_powers(count)
        self._levels = [(min(smooth.steepest * grid.width, _STEEP), chebyshev(count), weights)]
        for level in range(grid.levels - 1, -1, -1):
            parts = 2 ** (grid.levels - level)
            share = min(smooth.steepest * grid.width * parts, _STEEP * parts, 1.0)
            nodes = chebyshev(max(_needed(share, 15.0, _NODES), _SOFT if smooth.soft else 0))
            _, finer, weights = self._levels[0]
            merged = weights.reshape(weights.shape[0], 2**level, -1) @ _halves(nodes.size, finer.size)
            self._levels.insert(0, (share, nodes, merged))

    def add(self, sums: Array, at: InputNoise, leak: Array, open_rows: npt.NDArray[np.bool_]) -> None:
        """Add the powers of φ − φ₀, of ∂φ/∂x − leak and of ∂φ/∂p; mark the points for which a cell is too large."""
        rows, cells = np.arange(at.x.size), np.zeros(at.x.size, dtype=np.int64)
        for level, (share, nodes, weights) in enumerate(self._levels):
            used = np.asarray(weights.any(axis=(0, 2)))
            rows, cells = rows[used[cells]], cells[used[cells]]
            if not rows.size:
                return
            width = 2.0 * self._grid.reach / 2**level
            low = cells * width - self._grid.reach
            good, doubtful = self._smooth.accepted(rows, low, low + width, share, smallest=level == self._grid.levels)
            some = np.flatnonzero(good)
            half = np.full(some.size, 0.5 * width)
            args = (rows[some], low[some] + half, half, nodes, weights, cells[some])
            coarse = _evaluate(sums, at, leak, *args, least=_SMALL if level < self._grid.levels else 0.0)
            good[some[coarse]] = False
            left = ~(good | doubtful)
            rows, cells = rows[left], cells[left]
            if level < self._grid.levels:
                rows, cells = np.repeat(rows, 2), (2 * cells[:, None] + np.arange(2)).ravel()
        if rows.size:
            self._cut(sums, at, leak, rows, cells, open_rows)

    def _cut(
        self, sums: Array, at: InputNoise, leak: Array, rows: Index, cells: Index, open_rows: npt.NDArray[np.bool_]
    ) -> None:
        """Add the smallest cells that hold a kink of their x, each part between kinks by itself."""
        low = cells * self._grid.width - self._grid.reach
        high = low + self._grid.width
        ends = np.sort(np.clip(self._smooth.kinks[:, rows], low, high), axis=0)
        at_kinks = np.append(self._grid.at_walls, 0)[np.searchsorted(self._grid.walls, ends)]
        whole = self._grid.cells[cells + 1], self._grid.cells[cells + 2]  # the first cell is what lies below the grid
        buckets = np.where(ends == low, whole[0], np.where(ends == high, whole[1], np.clip(at_kinks, *whole)))
        ends = np.concatenate([low[None], ends, high[None]])
        buckets = np.concatenate([whole[0][None], buckets, whole[1][None]])
        allowed, nodes, _ = self._levels[-1]
        for (start, stop), between in zip(pairwise(ends), pairwise(buckets), strict=True):
            some = np.flatnonzero(between[1] > between[0])
            args = rows[some], start[some], stop[some]
            good, doubtful = self._smooth.accepted(*args, allowed, smallest=True)
            open_rows[rows[some][~(good | doubtful)]] = True
            some = some[~doubtful]
            if not some.size:
                continue
            start, stop = start[some], stop[some]
            moments = np.add.reduceat(self._moments, np.stack(between, axis=1)[some].ravel(), axis=2)[:, :, ::2]
            centre, half = 0.5 * (start + stop), 0.5 * (stop - start)
            from_middle = (centre - (low[some] + 0.5 * self._grid.width)) / self._grid.width
            share = 2.0 * half / self._grid.width
            wide = np.where(share > _THIN, share, np.inf)
            moved = _moved(moments, -from_middle) / wide ** np.arange(nodes.size)[:, None]
            weights = np.moveaxis(moved, 1, 2) @ from_powers(nodes.size)
            _evaluate(sums, at, leak, rows[some], centre, half, nodes, weights, np.arange(some.size), least=0.0)


def _moved(moments: Array, by: Array) -> Array:
    """Return the sums of powers of y + by from those of y; shapes (replicates, powers, m) and (m,)."""
    found = moments.copy()
    for lowest in range(1, moments.shape[1]):
        for k in range(moments.shape[1] - 1, lowest - 1, -1):
            found[:, k] += by * found[:, k - 1]
    return found


def _evaluate(
    sums: Array,
    at: InputNoise,
    leak: Array,
    rows: Index,
    centre: Array,
    half: Array,
    nodes: Array,
    weights: Array,
    cells: Index,
    *,
    least: float,
) -> npt.NDArray[np.bool_]:
    """Add the powers at weighted nodes, for pairs of a point and a cell in the order of the points.

    Parameters
    ----------
    sums
        Shape (replicates, ROWS, n).
    rows, centre, half
        The points, and centre and half-width of the cells, shape (m,).
    nodes
        From −1 to 1, shape (k,).
    weights
        Of some cells, shape (replicates, cells, k).
    cells
        Which of these belong to the pairs, shape (m,).
    least
        Pairs are left out whose mean fourth power is less than so much of the largest at a node.

    Returns
    -------
    ndarray
        Which pairs were left out, shape (m,).
    """
    step, learned = max(1, _ELEMENTS // nodes.size), bool(at.sigma_p.any())
    powers = np.empty((4, nodes.size, step))  # the nodes first: sums over them then go over long rows
    coarse, drawn = np.zeros(rows.size, dtype=np.bool_), weights.sum(axis=(0, 2))
    # with replicates, a cell that many points use takes one product of matrices, and has each point once
    shared = np.unique(cells) if weights.shape[0] > 1 else cells
    apart = weights.shape[0] > 1 and shared.size <= _FEW_CELLS
    parts = [np.flatnonzero(cells == cell) for cell in shared] if apart else [np.arange(rows.size)]
    for pairs in parts:
        for begin in range(0, pairs.size, step):
            cut = pairs[begin : begin + step]
            row, cell, left = rows[cut], cells[cut], np.zeros(cut.size, dtype=np.bool_)
            part = at.part((None, row))
            values = part.values(centre[cut] + half[cut] * nodes[:, None], learned=learned)
            values[1] -= leak[row]
            room = powers[:, :, : row.size]
            weight = weights[:, cell[0]] if apart else np.moveaxis(weights[:, cell], 1, 2)
            found = []
            for first, value in zip((0, 4, 8), values, strict=False):
                found.append((first, _weighted(powers_of(value, room), weight)))
                if least:
                    enough = least * drawn[cell] * room[3].max(axis=0)
                    left |= found[-1][1][:, 3].sum(axis=0) < enough
            found.append((PRODUCTS, _weighted(products(values[0], values[1], room), weight)))
            coarse[cut] = left
            firsts = np.flatnonzero(np.diff(row, prepend=-1))  # of each point
            points: Index | slice = row[firsts]
            if row[-1] - row[0] == firsts.size - 1:  # all from the first to the last: a slice is faster
                points = slice(row[0], row[-1] + 1)
            for first, total in found:
                total[:, :, left] = 0.0
                sums[:, first : first + 4, points] += total if apart else np.add.reduceat(total, firsts, axis=2)
    return coarse


def _weighted(values: Array, weights: Array) -> Array:
    """Return the sums over the nodes of values, shape (4, k, m), times weights, as (replicates, 4, m).

    The weights have the shape (replicates, k), or (replicates, k, m).
    """
    if weights.ndim == 2:
        return np.moveaxis(weights @ values, 1, 0)
    return np.stack([np.einsum("jkm,km->jm", values, of_replicate) for of_replicate in weights])
