"""Sums for input noise on an analytic h: the draws are compressed first, into weights at a few nodes.

Within a bin, φ and its gradients are so smooth in ξ that interpolation at 24 Chebyshev nodes is exact to 1e-10 of their
size: with half-width a and the nearest pole of h at distance ρ in z, the error falls like (ρ/a + √(1 + ρ²/a²))⁻²⁴. In a
cell of a fine grid, 3 or a few more nodes suffice. So the draws of a cell are summed as powers of their place, which
become weights at the nodes of the cell, those of all cells of a bin become weights at its nodes, and φ is evaluated
only there.
"""

from math import ceil, log
from typing import Final

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from noisyviz.moments.montecarlo.buckets import LEVELS, REACH, Buckets
from noisyviz.moments.montecarlo.plain import add_few
from noisyviz.moments.montecarlo.power_sums import CHUNK, PRODUCTS, ROWS, over_blocks, powers, products
from noisyviz.moments.montecarlo.sign_counts import Pieces, count_signs, factor_thresholds, z_thresholds
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Array
from noisyviz.units.unit import InputNoise, NoisyUnit

_NODES: Final = 24
_SHARE: Final = 0.5  # half-width of a bin over the distance of the nearest pole
_GROUP: Final = 16  # cells that become one with 8 nodes first, if a bin has many
_EXACT: Final = 8e-12  # of the largest value, the error of a cell
_MOST_POWERS: Final = 8
_FARTHEST: Final = 64.0  # draws beyond are evaluated as they are
_RARE: Final = 64  # and as many as this nearer by
_ELEMENTS: Final = 2**14  # nodes × points evaluated at once


def chebyshev(count: int) -> Array:
    """Return Chebyshev nodes between −1 and 1, shape (count,)."""
    return np.cos(np.pi * (np.arange(count) + 0.5) / count)


def interpolation(nodes: Array, places: Array) -> Array:
    """Return the matrix from values at Chebyshev nodes to their polynomial at places, shape (places, nodes)."""
    degrees = np.arange(nodes.size)
    weights = np.where(degrees == 0, 1.0, 2.0) / nodes.size
    found: Array = (chebvander(places, nodes.size - 1) * weights) @ chebvander(nodes, nodes.size - 1).T
    return found


def from_powers(count: int) -> Array:
    """Return the matrix from sums of the powers 0, 1, … of places from −½ to ½ to weights at Chebyshev nodes."""
    found = np.linalg.inv((0.5 * chebyshev(count)) ** np.arange(count)[:, None]).T
    return np.asarray(found, dtype=np.float64)


def _steepness(at: InputNoise) -> float:
    """Return how many distances of the nearest pole ξ passes by 1, at most."""
    return float(np.max(at.sigma, initial=0.0)) / at.activation.strip


def _grid(at: InputNoise, draws: Draws) -> tuple[float, int, int]:
    """Return how far the grid reaches, how often it is halved, and how many powers its cells need."""
    reach = REACH
    while reach < _FARTHEST and 2.0 * draws.samples * float(draws.noise.above(reach)) > _RARE:
        reach *= 2.0
    levels = LEVELS + 1 - (len(at.activation.sign_edges) > 0) - (draws.replicates > 1)
    # half a cell over half the distance of the pole, where h still is of moderate size
    share = 2.0 * reach / 2**levels * _steepness(at)
    fewest = log(2.0 / _EXACT) / log(2.0 / min(max(share, 1e-300), 1.0))
    return reach, levels, max(ceil(fewest), 3 if levels > LEVELS else 4)


def pays(at: InputNoise, draws: Draws) -> bool:
    """Tell whether compressing is less work than evaluating every draw."""
    reach, _, count = _grid(at, draws)
    bins = reach * _steepness(at) / _SHARE + 1.0
    return count <= _MOST_POWERS and _NODES * bins < draws.samples


def smooth_sums(unit: NoisyUnit, at: InputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.moments.montecarlo.power_sums`."""
    pieces = Pieces.of(at.activation)
    edges, turns = z_thresholds(at, pieces), factor_thresholds(at)
    reach, levels, count = _grid(at, draws)
    grid = Buckets(edges, turns, powers=count, reach=reach, levels=levels, packed=True)
    leak = at.grad_x(np.zeros(()))
    size = grid.shape[0] * grid.shape[1]

    def work(block: Block) -> Array:
        found = np.zeros(size + ROWS * at.x.size)
        for xi in draws.read(block, chunk):
            outer = xi[grid.add(found[:size].reshape(grid.shape), xi)]
            add_few(found[size:].reshape(ROWS, -1), unit, at, leak, outer)
        return found

    found = over_blocks(draws, work, jobs=jobs)
    sums = found[:, size:].reshape(draws.replicates, ROWS, -1).copy()
    buckets = grid.collected(found[:, :size].reshape(draws.replicates, *grid.shape))
    nodes, weights = _nodes(grid.by_cells(buckets), grid, _steepness(at))
    _evaluate(sums, at, leak, nodes, weights)
    below_z, below_turns = (grid.below(buckets[:, 0], part) for part in (edges, turns))
    count_signs(sums, at, pieces, below_z, below_turns, draws.each)
    return sums


def _nodes(cells: Array, grid: Buckets, steepness: float) -> tuple[Array, Array]:
    """Return nodes in ξ, shape (nodes,), and their weights, shape (replicates, nodes).

    Parameters
    ----------
    cells
        Sums of the powers of the draws of each cell, shape (replicates, powers, cells).
    grid
        Where the cells are.
    steepness
        The poles' distances that ξ passes by 1.
    """
    filled = np.flatnonzero(cells[:, 0].any(axis=0))
    if not filled.size:
        return np.zeros(0), np.zeros((cells.shape[0], 0))
    start, span = filled[0], filled[-1] + 1 - filled[0]
    bins = max(ceil(0.5 * span * grid.width * steepness / _SHARE), 1)
    group = _GROUP if span > bins * _GROUP**2 else 1
    each = -(-span // (bins * group)) * group  # cells of a bin
    held = np.zeros((*cells.shape[:2], bins * each))
    held[:, :, :span] = cells[:, :, start : start + span]
    of_cell = chebyshev(cells.shape[1])
    weights = np.moveaxis(held, 1, 2) @ from_powers(of_cell.size)
    if group > 1:
        weights = _merged(weights, group, 8)
    weights = _merged(weights, each // group, _NODES)
    width = each * grid.width
    places = (np.arange(bins)[:, None] + 0.5 + 0.5 * chebyshev(_NODES)) * width + (start * grid.width - grid.reach)
    return places.ravel(), weights.reshape(cells.shape[0], -1)


def _merged(weights: Array, count: int, nodes: int) -> Array:
    """Return weights at the nodes of so many neighbouring cells together, shape (replicates, cells/count, nodes)."""
    of_cell = chebyshev(weights.shape[2])
    middles = (2.0 * np.arange(count) + 1.0)[:, None] / count - 1.0
    matrix = interpolation(chebyshev(nodes), (middles + of_cell / count).ravel())
    return np.asarray(weights.reshape(weights.shape[0], -1, matrix.shape[0]) @ matrix)


def _evaluate(sums: Array, at: InputNoise, leak: Array, nodes: Array, weights: Array) -> None:
    """Add powers and products of φ − φ₀, of ∂φ/∂x − leak and of ∂φ/∂p at weighted nodes, in blocks of points."""
    step, learned = max(1, _ELEMENTS // max(nodes.size, 1)), bool(at.sigma_p.any())
    rows = np.empty((4, nodes.size, min(step, at.x.size)))  # the nodes first: points lie side by side
    for start in range(0, at.x.size, step):
        cut = slice(start, start + step)
        part = at.part((None, cut))
        values = part.values(nodes[:, None], learned=learned)
        values[1] -= leak[cut]
        room = rows[:, :, : part.x.size]
        for row, value in zip((0, 4, 8), values, strict=False):
            sums[:, row : row + 4, cut] += np.moveaxis(weights @ powers(value, room), 1, 0)
        sums[:, PRODUCTS:, cut] += np.moveaxis(weights @ products(values[0], values[1], room), 1, 0)
