"""Sums for input noise on a piecewise-linear h: the draws between the thresholds of all x are summed once.

For one x, φ and its gradients are linear in ξ between the pre-images of the kinks. Sorted draws are summed, as ξ⁰ … ξ⁴,
over the buckets between the sorted thresholds of all x, and the buckets cumulated from the outer ends, where few draws
must not drown among many.
"""

from math import comb

import numpy as np

from noisyviz.engine.activation import Array
from noisyviz.engine.montecarlo.signs import Pieces, count_signs, factor_thresholds, z_thresholds
from noisyviz.engine.montecarlo.sums import CHUNK, ROWS, over_blocks, powers
from noisyviz.engine.montecarlo.thresholds import Counter, Index
from noisyviz.engine.samplers import Block, Draws
from noisyviz.engine.units import InputNoise


def piecewise_sums(at: InputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.engine.montecarlo.sums`."""
    pieces = Pieces.of(at.activation)
    edges, turns = z_thresholds(at, pieces), factor_thresholds(at)
    counter = Counter(np.empty(0), *edges, *turns)
    ordered = draws.sampler == "stratified"

    def work(block: Block) -> Array:
        found = np.zeros((5, counter.sorted.size + 1))
        rows = np.empty((4, min(chunk, block.stop - block.start)))
        for xi in draws.read(block, chunk):
            if not ordered:
                xi.sort()
            add_buckets(found, xi, counter.below(xi, ordered=True), rows[:, : xi.size])
        return found

    buckets = over_blocks(draws, work, jobs=jobs)
    left = np.concatenate([np.zeros((*buckets.shape[:2], 1)), buckets], axis=2).cumsum(axis=2)
    right = np.concatenate([buckets, np.zeros((*buckets.shape[:2], 1))], axis=2)[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    sums = np.zeros((draws.replicates, ROWS, at.x.size))
    stops = [np.full(at.x.shape, -np.inf), *edges, np.full(at.x.shape, np.inf)]
    for piece in range(len(pieces.signs)):
        start, stop = stops[piece], stops[piece + 1]
        add_piece(sums, at, pieces, piece, _between(left, right, counter, start, stop))
    below_z, below_turns = ([left[:, 0, counter.place(edge)] for edge in part] for part in (edges, turns))
    count_signs(sums, at, pieces, below_z, below_turns, draws.each)
    return sums


def add_buckets(found: Array, xi: Array, below: Index, rows: Array) -> None:
    """Add sorted draws to the sums of ξ⁰ … ξ⁴ over the buckets that begin where `below` draws have passed."""
    starts, stops = np.concatenate([[0], below]), np.concatenate([below, [xi.size]])
    filled = np.flatnonzero(stops > starts)
    found[0] += stops - starts
    for row, power in enumerate(powers(xi, rows), start=1):
        found[row, filled] += np.add.reduceat(power, starts[filled])


def _between(left: Array, right: Array, counter: Counter, start: Array, stop: Array) -> Array:
    """Return the sums of ξ⁰ … ξ⁴ over start ≤ ξ < stop, shape (replicates, 5, n)."""
    first, last = counter.place(start), counter.place(stop)
    lower = left[:, :, last] - left[:, :, first]
    upper = right[:, :, first] - right[:, :, last]
    found: Array = np.where(stop <= 0.0, lower, upper)
    across = left[:, :, -1:] - left[:, :, first] - right[:, :, last]
    return np.where((start < 0.0) & (stop > 0.0), across, found)


def add_piece(sums: Array, at: InputNoise, pieces: Pieces, piece: int, part: Array) -> None:
    """Add the powers of φ − φ₀, of ∂φ/∂x − leak and of ∂φ/∂p over the draws that reach one stretch."""
    assert pieces.lines is not None
    intercepts, slopes = np.array(pieces.lines).T
    home = np.searchsorted(np.array(pieces.starts), at.x, side="right")
    intercept, slope = pieces.lines[piece]
    offset = (slope - slopes[home]) * at.x + (intercept - intercepts[home])
    leak = at.activation.slope_function(at.x)
    for row, a, b in (
        (0, offset, slope * at.sigma),
        (4, slope - leak, slope * at.sigma_slope),
        (8, np.zeros_like(at.x), slope * at.sigma_p),
    ):
        for k in range(1, 5):
            total = sum(comb(k, j) * _times(a ** (k - j) * b**j, part[:, j]) for j in range(k + 1))
            sums[:, row + k - 1] += total


def _times(factor: Array, sums: Array) -> Array:
    """Return their product, 0 where there is nothing to sum even if the factor overflows."""
    return np.where(sums == 0.0, 0.0, factor * sums)
