"""Sums for input noise on an analytic h: the draws are compressed first, into bins with their moments.

Within a bin, φ and its gradients are so smooth in ξ that interpolation at 16 Chebyshev nodes is exact to 1e-10 of their
size: with half-width a and the nearest pole of h at distance ρ in z, the error falls like (ρ/a + √(1 + ρ²/a²))⁻¹⁶, and
a = ρ/6. Sums of Chebyshev polynomials over the draws of a bin become weights at its nodes; φ is evaluated only there.
"""

from math import ceil
from typing import Final

import numpy as np

from noisyviz.engine.activation import Array
from noisyviz.engine.montecarlo.plain import add_plainly
from noisyviz.engine.montecarlo.signs import Pieces, count_signs, factor_thresholds, z_thresholds
from noisyviz.engine.montecarlo.sums import ROWS, over_blocks, powers
from noisyviz.engine.montecarlo.thresholds import Counter
from noisyviz.engine.samplers import Block, Draws
from noisyviz.engine.units import InputNoise, NoisyUnit

CHUNK: Final = 2**15  # draws worked on at once, with the Chebyshev polynomials at them in the cache
_NODES: Final = 16
_SHARE: Final = 1.0 / 6.0  # half-width of a bin over the distance of the nearest pole
_WIDEST: Final = 2.0  # half-width of a bin in ξ
_REACH: Final = 12.0  # draws beyond are rare and evaluated as they are
_MOST_BINS: Final = 2**13
_ELEMENTS: Final = 2**16  # nodes × points evaluated at once
_PLAIN_CHUNK: Final = 64

_ANGLES: Final = np.pi * (np.arange(_NODES) + 0.5) / _NODES
_T: Final = np.cos(_ANGLES)
# Sums of the Chebyshev polynomials T_0 … T_15 over the draws, times this, are weights at the nodes.
_WEIGHTS: Final = (
    np.where(np.arange(_NODES) == 0, 1.0, 2.0)[:, None] * np.cos(np.outer(np.arange(_NODES), _ANGLES)) / _NODES
)


def bins_needed(at: InputNoise) -> int:
    """Return into how many bins the draws would go on either side of 0."""
    largest = float(np.max(at.sigma, initial=0.0))
    half = min(_SHARE * at.activation.strip / largest, _WIDEST) if largest > 0 else _WIDEST
    return ceil(min(_REACH / (2.0 * half), 1e9))


def pays(at: InputNoise, draws: Draws) -> bool:
    """Tell whether compressing is less work than evaluating every draw."""
    bins = bins_needed(at)
    return bins <= _MOST_BINS and _NODES * min(2 * bins, draws.each) < draws.samples


def smooth_sums(unit: NoisyUnit, at: InputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.engine.montecarlo.sums`."""
    pieces = Pieces.of(at.activation)
    edges, turns = z_thresholds(at, pieces), factor_thresholds(at)
    counter = Counter(np.empty(0), *edges, *turns)
    side = bins_needed(at)
    walls = np.linspace(-_REACH, _REACH, 2 * side + 1)
    leak = at.grad_x(np.zeros(()))
    moments, counts = 2 * side * _NODES, counter.sorted.size

    def work(block: Block) -> Array:
        found = np.zeros(moments + counts + ROWS * at.x.size)
        rare = found[moments + counts :].reshape(ROWS, -1)
        for xi in draws.read(block, chunk):
            if draws.sampler != "stratified":
                xi.sort()
            low, high = np.searchsorted(xi, (-_REACH, _REACH))
            add_moments(found[:moments].reshape(2 * side, _NODES), xi[low:high], walls)
            found[moments : moments + counts] += counter.below(xi, ordered=True)
            outer = np.concatenate([xi[:low], xi[high:]])
            with np.errstate(all="ignore"):
                for start in range(0, outer.size, _PLAIN_CHUNK):
                    add_plainly(rare, unit, at, leak, outer[start : start + _PLAIN_CHUNK])
        return found

    found = over_blocks(draws, work, jobs=jobs)
    sums = found[:, moments + counts :].reshape(draws.replicates, ROWS, -1).copy()
    weights = found[:, :moments].reshape(draws.replicates, 2 * side, _NODES) @ _WEIGHTS
    used = np.flatnonzero(found[:, :moments].reshape(draws.replicates, 2 * side, _NODES)[:, :, 0].any(axis=0))
    nodes = (0.5 * (walls[used] + walls[used + 1]))[:, None] + 0.5 * (walls[1] - walls[0]) * _T
    _evaluate(sums, at, leak, nodes.ravel(), weights[:, used].reshape(draws.replicates, -1))
    below = np.concatenate([np.zeros((draws.replicates, 1)), found[:, moments : moments + counts]], axis=1)
    below = np.concatenate([below, np.full((draws.replicates, 1), float(draws.each))], axis=1)
    below_z, below_turns = ([below[:, counter.place(edge)] for edge in part] for part in (edges, turns))
    count_signs(sums, at, pieces, below_z, below_turns, draws.each)
    return sums


def add_moments(found: Array, xi: Array, walls: Array) -> None:
    """Add sorted draws to the Chebyshev moments of the bins between `walls`, each taken from −1 to 1.

    Parameters
    ----------
    found
        Shape (bins, moments), moment 0 first.
    xi
        Sorted draws between the outer walls.
    walls
        Equally spaced, shape (bins + 1,).
    """
    if xi.size == 0:
        return
    first, last = np.searchsorted(walls, (xi[0], xi[-1]), side="right") - 1
    passed = np.searchsorted(xi, walls[first + 1 : last + 1])
    starts, stops = np.concatenate([[0], passed]), np.concatenate([passed, [xi.size]])
    filled = np.flatnonzero(stops > starts)
    half = 0.5 * (walls[1] - walls[0])
    centres = walls[first : last + 1] + half
    scaled = (xi - np.repeat(centres, stops - starts)) / half
    rows = found[first : last + 1]
    rows[:, 0] += stops - starts
    previous, current = np.ones_like(scaled), scaled.copy()
    twice = 2.0 * scaled
    for k in range(1, found.shape[1]):
        rows[filled, k] += np.add.reduceat(current, starts[filled])
        previous, current = current, np.subtract(twice * current, previous, out=previous)


def _evaluate(sums: Array, at: InputNoise, leak: Array, nodes: Array, weights: Array) -> None:
    """Add the powers of φ − φ₀, of ∂φ/∂x − leak and of ∂φ/∂p at weighted nodes, in blocks of points."""
    step = max(1, _ELEMENTS // max(nodes.size, 1))
    learned = bool(at.sigma_p.any())
    rows = np.empty((4, min(step, at.x.size), nodes.size))
    for start in range(0, at.x.size, step):
        cut = slice(start, start + step)
        part = at.part((cut, np.newaxis))
        values = [part.deviation(nodes), part.grad_x(nodes) - leak[cut, None]]
        values += [part.grad_p(nodes)] if learned else []
        for row, value in zip((0, 4, 8), values, strict=False):
            sums[:, row : row + 4, cut] += np.moveaxis(powers(value, rows[:, : value.shape[0]]) @ weights.T, 2, 0)
