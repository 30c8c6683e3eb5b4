"""Sums for input noise on a piecewise-linear h: the draws between the thresholds of all x are summed once.

For one x, φ and its gradients are linear in ξ between the pre-images of the kinks. Draws are summed over the buckets
between the thresholds ("walls") of all x, as powers 0 to 4 of their distance from the wall that they have passed on
their way from 0, and the buckets are cumulated from the outer ends with the distances moved along: sums of terms of one
sign, so that the few draws that just pass a kink keep their digits.
"""

from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np

from noisyviz.moments.montecarlo.buckets import LEVELS, Buckets, Index
from noisyviz.moments.montecarlo.power_sums import CHUNK, EXPONENTS, PRODUCTS, ROWS, over_blocks
from noisyviz.moments.montecarlo.sign_counts import Pieces, count_signs, factor_thresholds, z_thresholds
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Array
from noisyviz.units.unit import InputNoise

_GROUP: Final = 16  # buckets cumulated one after the other, groups of them side by side


def piecewise_sums(at: InputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.moments.montecarlo.power_sums`."""
    pieces = Pieces.of(at.activation)
    edges, turns = z_thresholds(at, pieces), factor_thresholds(at)
    grid = Buckets(edges, turns, powers=5, levels=LEVELS - (draws.replicates > 1), from_walls=True)

    def work(block: Block) -> Array:
        found = np.zeros(grid.shape)
        for xi in draws.read(block, chunk):
            grid.add(found, xi)
        return found

    buckets = grid.collected(over_blocks(draws, work, jobs=jobs))
    walls = grid.walls
    left = int(np.searchsorted(walls, 0.0, side="right"))  # walls that are passed on the way down
    between = np.add.reduceat(buckets, np.append(0, grid.at_walls), axis=2)
    between[:, 1::2, :left] *= -1.0  # distances below a wall
    passed = np.zeros((draws.replicates, 5, walls.size + 2))
    passed[:, :, left:0:-1] = _behind(between[:, :, :left][:, :, ::-1], -walls[:left][::-1])
    passed[:, :, left + 1 : -1] = _behind(between[:, :, left + 1 :], walls[left:])
    whole = between[:, :, left : left + 1].copy()
    for column, mirror in ((left, -1.0), (left + 1, 1.0)):
        if 0 < column <= walls.size:
            moved = moves(np.abs(walls[column - 1])) @ passed[:, :, column, None]
            whole += mirror ** np.arange(5)[:, None] * moved
    sums = np.zeros((draws.replicates, ROWS, at.x.size))
    leak, columns = at.activation.slope_function(at.x), grid.rank(edges)
    _Lines(at=at, pieces=pieces, edges=edges, columns=columns, whole=whole, leak=leak, passed=passed).add(sums)
    below_z, below_turns = (grid.below(buckets[:, 0], part) for part in (edges, turns))
    count_signs(sums, at, pieces, below_z, below_turns, draws.each)
    return sums


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lines:
    """φ and its gradients on every stretch as lines in the distance from the edge that faces x.

    Attributes
    ----------
    at, pieces
        The unit, and the stretches of z.
    edges
        The ξ at which each x enters each stretch but the first, shape (stretches − 1, n).
    columns
        Where these stand in `passed`, of the same shape.
    whole
        Sums of powers 0 to 4 of all draws, shape (replicates, 5, 1).
    leak
        h′ at each x, shape (n,).
    passed
        Sums of powers 0 to 4 of distances from a wall, over all draws that have passed it from 0; shape
        (replicates, 5, m + 2), the first and the last column for walls at ∓inf.
    """

    at: InputNoise
    pieces: Pieces
    edges: Array
    columns: Index
    whole: Array
    leak: Array
    passed: Array

    def add(self, sums: Array) -> None:
        """Add powers and products of φ − φ₀, of ∂φ/∂x − leak and of ∂φ/∂p over the draws."""
        home = np.searchsorted(np.array(self.pieces.starts), self.at.x, side="right")
        for piece in range(len(self.pieces.signs)):
            for chosen, sign, part in (
                (home == piece, 1.0, self._about_zero),
                (home > piece, -1.0, self._from_above),  # distances below an edge grow as ξ falls
                (home < piece, 1.0, self._from_below),
            ):
                points = np.flatnonzero(chosen)
                if points.size:
                    self._add_stretch(sums, piece, points, part(piece, points), sign=sign, home=home[points])

    def _add_stretch(self, sums: Array, piece: int, points: Index, part: Array, *, sign: float, home: Index) -> None:
        assert self.pieces.lines is not None
        at, slope = self.at, self.pieces.lines[piece][1]
        x, sigma, sigma_slope, sigma_p = (v[points] for v in (at.x, at.sigma, at.sigma_slope, at.sigma_p))
        side = np.zeros(points.size)
        if home[0] != piece:
            side = self.edges[piece if home[0] > piece else piece - 1, points]
        change = slope - self.leak[points]
        lines = (
            (self._rise(piece, x, home), sign * slope * sigma),
            (change + slope * sigma_slope * side, sign * slope * sigma_slope),
            (slope * sigma_p * side, sign * slope * sigma_p),
        )
        totals = [_powers_of_line(*line, part) if line[0].any() or line[1].any() else None for line in lines]
        for row, total in enumerate(totals):
            if total is not None:
                for k, power in enumerate(total, start=4 * row):
                    sums[:, k, points] += power
        if totals[0] is not None and totals[1] is not None:
            # often the gradient is the same for all draws of the stretch
            steady = not lines[1][1].any() and np.isfinite(lines[1][0]).all()
            for row, (i, j) in enumerate(EXPONENTS, start=PRODUCTS):
                if steady:
                    sums[:, row, points] += lines[1][0] ** j * totals[0][i - 1]
                else:
                    sums[:, row, points] += _summed(_product_of_lines(lines[0], lines[1], i, j), part)

    def _rise(self, piece: int, x: Array, home: Index) -> Array:
        """Return φ − φ₀ at the edge of a stretch that faces x, from kink to kink so that nothing cancels."""
        assert self.pieces.lines is not None
        rise, kinks, lines = np.zeros_like(x), [-np.inf, *self.at.activation.breaks, np.inf], self.pieces.lines
        for between, (_, slope) in enumerate(lines):
            low, high = kinks[between : between + 2]
            if slope == 0.0:
                continue
            if between > piece:  # crossed on the way down
                rise = np.where(between <= home, rise - slope * (np.minimum(x, high) - low), rise)
            elif between < piece:
                rise = np.where(between >= home, rise + slope * (high - np.maximum(x, low)), rise)
        for z in self.at.activation.jumps:
            after = kinks.index(z)
            (a, b), (c, d) = lines[after - 1], lines[after]
            jump = (c - a) + (d - b) * z
            rise = rise + np.where((home < after) & (after <= piece), jump, 0.0)
            rise = rise - np.where((piece < after) & (after <= home), jump, 0.0)
        return rise

    def _about_zero(self, piece: int, points: Index) -> Array:
        """Return the sums over a stretch of the powers of ξ: all draws but those below and above it."""
        found = self.whole + np.zeros((1, 1, points.size))
        if piece > 0:
            mirrored = np.array([1.0, -1.0, 1.0, -1.0, 1.0])[:, None]
            found -= mirrored * self._beyond(piece - 1, points, -self.edges[piece - 1, points])
        if piece < len(self.edges):
            found -= self._beyond(piece, points, self.edges[piece, points])
        return found

    def _from_above(self, piece: int, points: Index) -> Array:
        """Return the sums over a stretch of distances below its upper edge."""
        found = self._beyond(piece, points)
        if piece == 0:
            return found
        return found - self._beyond(piece - 1, points, self.edges[piece, points] - self.edges[piece - 1, points])

    def _from_below(self, piece: int, points: Index) -> Array:
        """Return the sums over a stretch of distances above its lower edge."""
        found = self._beyond(piece - 1, points)
        if piece == len(self.edges):
            return found
        return found - self._beyond(piece, points, self.edges[piece, points] - self.edges[piece - 1, points])

    def _beyond(self, edge: int, points: Index, farther: Array | None = None) -> Array:
        """Return the sums of distances from an edge over the draws beyond it, each distance longer by `farther`."""
        found: Array = self.passed[:, :, self.columns[edge, points]]
        if farther is None:
            return found
        shift = np.where((found[:, 0] != 0.0).any(axis=0), farther, 0.0)  # may be infinite where there is nothing
        moved: Array = np.moveaxis(moves(shift) @ np.moveaxis(found, (0, 1, 2), (2, 1, 0)), (0, 1, 2), (2, 1, 0))
        return moved


def _powers_of_line(offset: Array, factor: Array, part: Array) -> list[Array]:
    """Return the sums of (offset + factor·D)¹ … (offset + factor·D)⁴ from those of D⁰ … D⁴.

    Parameters
    ----------
    offset, factor
        Shape (n,); where they overflow, what has nothing to sum is 0.
    part
        Shape (replicates, 5, n).

    Returns
    -------
    list of ndarray
        Four of shape (replicates, n).
    """
    steps = 4 if factor.any() else 0
    offsets, factors = (np.cumprod([np.ones_like(v), v, v, v, v], axis=0) for v in (offset, factor))
    found = []
    for k in range(1, 5):
        terms = range(min(k, steps) + 1)
        found.append(_summed(np.array([comb(k, j) * offsets[k - j] * factors[j] for j in terms]), part))
    return found


def _product_of_lines(one: tuple[Array, Array], other: tuple[Array, Array], i: int, j: int) -> Array:
    """Return the coefficients by D⁰, D¹ … of the i-th power of one line times the j-th of another."""
    found = np.ones((1, one[0].size))
    for offset, factor in (one,) * i + (other,) * j:
        found = np.concatenate([offset * found, np.zeros_like(found[:1])]) + np.concatenate(
            [np.zeros_like(found[:1]), factor * found]
        )
    return found


def _summed(weights: Array, part: Array) -> Array:
    """Return the sums of a polynomial from those of D⁰ … D⁴; where it overflows, what has nothing to sum is 0."""
    part = part[:, : len(weights)]
    if np.isfinite(weights).all():
        return np.asarray(np.einsum("jn,rjn->rn", weights, part))
    return np.asarray(np.where(part == 0.0, 0.0, weights * part).sum(axis=1))
