"""Sums for input noise on an analytic h: the draws are compressed first, into weights at a few nodes.

Within a bin, φ and its gradients are so smooth in ξ that interpolation at 24 Chebyshev nodes is exact to 1e-10 of their
size: with half-width a and the nearest pole of h at distance ρ in z, the error falls like (ρ/a + √(1 + ρ²/a²))⁻²⁴,
and a = ρ/2.5. In a cell, a 32nd of a bin, 7 nodes suffice. So the draws of a cell are summed as powers 0 to 6, which
become weights at the nodes of the cell, those of all cells of a bin become weights at its nodes, and φ is evaluated
only there.
"""

from math import ceil
from typing import Final

import numpy as np

from noisyviz.moments.montecarlo.plain import add_plainly
from noisyviz.moments.montecarlo.power_sums import CHUNK, PRODUCTS, ROWS, over_blocks, powers, products
from noisyviz.moments.montecarlo.sign_counts import Pieces, count_signs, factor_thresholds, z_thresholds
from noisyviz.moments.montecarlo.thresholds import Counter
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Array
from noisyviz.units.unit import InputNoise, NoisyUnit

_NODES: Final = 24
_SHARE: Final = 0.4  # half-width of a bin over the distance of the nearest pole
_CELLS: Final = 32  # of a bin
_POWERS: Final = 7  # of a cell
_REACH: Final = 12.0  # draws beyond are rare and evaluated as they are
_MOST_BINS: Final = 2**13
_ELEMENTS: Final = 2**15  # nodes × points evaluated at once
_PLAIN_CHUNK: Final = 64


def chebyshev(count: int) -> Array:
    """Return Chebyshev nodes between −1 and 1, shape (count,)."""
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def interpolation(nodes: Array, places: Array) -> Array:
    """Return the matrix from values at Chebyshev nodes to their polynomial at places, shape (places, nodes)."""
    degrees = np.arange(nodes.size)
    weights = np.where(degrees == 0, 1.0, 2.0) / nodes.size
    angles = np.multiply.outer(np.arccos(places), degrees)
    found: Array = (np.cos(angles) * weights) @ np.cos(np.multiply.outer(degrees, np.arccos(nodes)))
    return found


_T: Final = chebyshev(_NODES)
_CELL_T: Final = chebyshev(_POWERS)
# Sums of the powers 0 … 6 over the draws of a cell, taken from −1 to 1, times this, are weights at its nodes.
_FROM_POWERS: Final = np.linalg.inv(_CELL_T ** np.arange(_POWERS)[:, None]).T
# Weights at the nodes of all cells of a bin, times this, are weights at its nodes.
_FROM_CELLS: Final = interpolation(
    _T, ((2.0 * np.arange(_CELLS) + 1.0)[:, None] / _CELLS - 1.0 + _CELL_T / _CELLS).ravel()
)


def bins_needed(at: InputNoise) -> int:
    """Return into how many bins the draws would go on either side of 0."""
    largest = float(np.max(at.sigma, initial=0.0))
    return max(ceil(min(0.5 * _REACH * largest / (_SHARE * at.activation.strip), 1e9)), 1)


def pays(at: InputNoise, draws: Draws) -> bool:
    """Tell whether compressing is less work than evaluating every draw."""
    bins = bins_needed(at)
    return bins <= _MOST_BINS and _NODES * min(2 * bins, draws.each) < draws.samples


def smooth_sums(unit: NoisyUnit, at: InputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.moments.montecarlo.power_sums`."""
    pieces = Pieces.of(at.activation)
    edges, turns = z_thresholds(at, pieces), factor_thresholds(at)
    counter = Counter(np.empty(0), *edges, *turns)
    side = bins_needed(at)
    cells = np.linspace(-_REACH, _REACH, 2 * side * _CELLS + 1)
    leak = at.grad_x(np.zeros(()))
    sizes = (2 * side * _CELLS * _POWERS, counter.sorted.size, ROWS * at.x.size)

    def work(block: Block) -> Array:
        found = np.zeros(sum(sizes))
        sums, counts, rare = np.split(found, np.cumsum(sizes[:-1]))
        for xi in draws.read(block, chunk):
            if draws.sampler != "stratified":
                xi.sort()
            low, high = np.searchsorted(xi, (-_REACH, _REACH))
            add_powers(sums.reshape(_POWERS, -1), xi[low:high], cells)
            counts += counter.below(xi, ordered=True)
            outer = np.concatenate([xi[:low], xi[high:]])
            with np.errstate(all="ignore"):
                for start in range(0, outer.size, _PLAIN_CHUNK):
                    add_plainly(rare.reshape(ROWS, -1), unit, at, leak, outer[start : start + _PLAIN_CHUNK])
        return found

    powers_of_cells, counts, rare = np.split(over_blocks(draws, work, jobs=jobs), np.cumsum(sizes[:-1]), axis=1)
    sums = rare.reshape(draws.replicates, ROWS, -1).copy()
    of_cells = np.moveaxis(powers_of_cells.reshape(draws.replicates, _POWERS, 2 * side, _CELLS), 1, 3) @ _FROM_POWERS
    used = np.flatnonzero(powers_of_cells[:, : 2 * side * _CELLS].reshape(-1, 2 * side, _CELLS).any(axis=(0, 2)))
    weights = of_cells[:, used].reshape(draws.replicates, used.size, -1) @ _FROM_CELLS
    half = _REACH / (2 * side)
    nodes = (2.0 * half * (used - side) + half)[:, None] + half * _T
    _evaluate(sums, at, leak, nodes.ravel(), weights.reshape(draws.replicates, -1))
    below_z, below_turns = (counter.looked_up(counts, draws.each, part) for part in (edges, turns))
    count_signs(sums, at, pieces, below_z, below_turns, draws.each)
    return sums


def add_powers(found: Array, xi: Array, cells: Array) -> None:
    """Add sorted draws to the sums over cells of the powers of their place in it, from −1 to 1.

    Parameters
    ----------
    found
        Shape (powers, cells), power 0 first.
    xi
        Sorted draws between the outer edges.
    cells
        Their edges, equally spaced, shape (cells + 1,).
    """
    if xi.size == 0:
        return
    first, last = np.searchsorted(cells, (xi[0], xi[-1]), side="right") - 1
    passed = np.searchsorted(xi, cells[first + 1 : last + 1])
    starts, stops = np.concatenate([[0], passed]), np.concatenate([passed, [xi.size]])
    filled = np.flatnonzero(stops > starts)
    half = 0.5 * (cells[1] - cells[0])
    place = xi - np.repeat(cells[first : last + 1] + half, stops - starts)
    place *= 1.0 / half
    rows = found[:, first : last + 1]
    rows[0] += stops - starts
    starts, power = starts[filled], place.copy()
    for k in range(1, found.shape[0]):
        if k > 1:
            power *= place
        rows[k, filled] += np.add.reduceat(power, starts)


def _evaluate(sums: Array, at: InputNoise, leak: Array, nodes: Array, weights: Array) -> None:
    """Add powers and products of φ − φ₀, of ∂φ/∂x − leak and of ∂φ/∂p at weighted nodes, in blocks of points."""
    step, learned = max(1, _ELEMENTS // max(nodes.size, 1)), bool(at.sigma_p.any())
    rows = np.empty((4, min(step, at.x.size), nodes.size))
    for start in range(0, at.x.size, step):
        cut = slice(start, start + step)
        part = at.part((cut, np.newaxis))
        values = part.values(nodes, learned=learned)
        values[1] -= leak[cut, None]
        room = rows[:, : part.x.size]
        for row, value in zip((0, 4, 8), values, strict=False):
            sums[:, row : row + 4, cut] += np.moveaxis(powers(value, room) @ weights.T, 2, 0)
        sums[:, PRODUCTS:, cut] += np.moveaxis(products(values[0], values[1], room) @ weights.T, 2, 0)
