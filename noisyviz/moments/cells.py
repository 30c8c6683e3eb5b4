"""Gauss rules for the density of ξ on a tree of cells, and how long a cell may be for each.

A cell is measured in units of the distance of the nearest singularity of h, in the metric of `metric`.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from math import inf
from typing import Final

import numpy as np

from noisyviz.units.activation import Array
from noisyviz.units.noise import Noise

COUNTS: Final = (1, 4, 8, 12, 16, 20)  # nodes of the rules of a cell; 1 for what is constant
RATIO: Final = 5.5  # between the cells of the softplus form next to 0
BROKEN: Final = 1e6  # longer than every cell: the length of a kink
_FINE_NODES, _FINE_WEIGHTS = np.polynomial.legendre.leggauss(40)  # what the rules of the smallest cells are made of
_TOLERANCE: Final = 1e-14  # of a rule, for what is of size 1 around a cell of mass 1; its square root counts
_NEAR: Final = 64.0  # cells that reach farther hold no ξ that is 8 times as far as another: weights would lose digits


@dataclass(frozen=True, slots=True)
class Level:
    """Cells of ξ with their edges, and Gauss rules for the density of each of `COUNTS` nodes for every cell.

    Nodes and weights have the shape (cells, nodes). How long a cell may be for each rule, in the metric of `metric`,
    is told by ``bounded`` and ``growing``, shape (counts, cells), for a bounded h and for any other.
    """

    edges: Array
    nodes: list[Array]
    weights: list[Array]
    bounded: Array
    growing: Array


@dataclass(frozen=True, slots=True)
class Tree:
    """Levels of cells, from one cell that holds all down to those between the edges of the noise.

    ``first`` is the number of the first cell of each level in the nodes and weights of all levels together.
    """

    levels: list[Level]
    first: list[int]
    nodes: list[Array]
    weights: list[Array]


@cache
def tree_of(noise: Noise, geometric: bool) -> Tree:
    """Return a tree of cells of ξ.

    Parameters
    ----------
    noise
        The distribution of ξ.
    geometric
        Whether the cells hold ξ ≥ 0 alone and become smaller next to 0, by factors of `RATIO`.
    """
    positive = np.asarray(noise.edges)
    if geometric:
        positive = np.concatenate([[0.0], positive[1] * RATIO ** np.arange(-3.0, 0.0), positive[1:]])
    cells = 2 ** ((positive.size - 2).bit_length())
    positive = np.concatenate([positive, np.full(cells + 1 - positive.size, positive[-1])])
    half = 0.5 * np.diff(positive)[:, None]
    nodes = 0.5 * (positive[1:] + positive[:-1])[:, None] + half * _FINE_NODES
    weights = half * _FINE_WEIGHTS * noise.density(nodes)
    levels = [_level(positive, nodes, weights)]
    while levels[0].edges.size > 2:
        levels.insert(0, _parents(levels[0]))
    if not geometric:
        levels = [_mirrored(level) for level in levels]
        levels.insert(0, _parents(levels[0]))
    first = np.cumsum([0, *(level.edges.size - 1 for level in levels[:-1])]).tolist()
    rules = (
        [np.concatenate(parts).T.copy() for parts in zip(*(getattr(level, name) for level in levels), strict=True)]
        for name in ("nodes", "weights")
    )
    return Tree(levels, first, *rules)


def _parents(level: Level) -> Level:
    edges = level.edges[::2]
    return _level(edges, *(part[-1].reshape(edges.size - 1, -1) for part in (level.nodes, level.weights)))


def _mirrored(right: Level) -> Level:
    """Return the cells of both signs."""
    return Level(
        np.concatenate([-right.edges[:0:-1], right.edges]),
        [np.concatenate([-nodes[::-1, ::-1], nodes]) for nodes in right.nodes],
        [np.concatenate([weights[::-1, ::-1], weights]) for weights in right.weights],
        np.hstack([right.bounded[:, ::-1], right.bounded]),
        np.hstack([right.growing[:, ::-1], right.growing]),
    )


def _level(edges: Array, nodes: Array, weights: Array) -> Level:
    """Return cells with Gauss rules that have fewer nodes than the given rules of shape (cells, k)."""
    middle, half = 0.5 * (edges[1:] + edges[:-1])[:, None], 0.5 * np.diff(edges)[:, None]
    mass = np.sum(weights, axis=1)
    matrix = _jacobi((nodes - middle) / np.where(half > 0.0, half, 1.0), weights)
    rules = [np.linalg.eigh(matrix[:, :count, :count]) for count in COUNTS]  # Golub and Welsch
    size = np.sqrt(mass), np.sqrt(np.sum(weights * nodes * nodes, axis=1))
    lengths = _lengths(middle, half, mass, matrix, *size)
    near, far = np.sort(np.abs([edges[:-1], edges[1:]]), axis=0)
    for one in lengths:  # what holds ξ that are much farther than others
        one[:, (far > _NEAR) & ((far > 8.0 * near) | (edges[1:] * edges[:-1] < 0.0))] = -1.0
    return Level(
        edges,
        [middle + half * found for found, _ in rules],
        [mass[:, None] * vectors[:, 0, :] ** 2 for _, vectors in rules],
        *lengths,
    )


def _jacobi(place: Array, weights: Array) -> Array:
    """Return the Jacobi matrices of the orthonormal polynomials of discrete measures, by Lanczos.

    Their shape is (m, k + 1, k + 1), with k the nodes of the largest rule.
    """
    count, mass = COUNTS[-1], np.sum(weights, axis=1, keepdims=True)
    basis = np.zeros((mass.size, count + 1, place.shape[1]))
    basis[:, 0] = np.sqrt(weights / np.where(mass > 0.0, mass, 1.0))
    matrix = np.zeros((mass.size, count + 1, count + 1))
    for k in range(count):
        following, known = place * basis[:, k], basis[:, : k + 1]
        matrix[:, k, k] = np.vecdot(following, basis[:, k])
        for _ in range(2):  # once is not enough where weights differ by many orders
            following = following - ((known @ following[:, :, None]).swapaxes(1, 2) @ known)[:, 0]
        norm = np.linalg.norm(following, axis=1)
        matrix[:, k, k + 1] = matrix[:, k + 1, k] = norm
        basis[:, k + 1] = following / np.where(norm > 0.0, norm, 1.0)[:, None]
    return matrix


@np.errstate(divide="ignore", over="ignore", invalid="ignore")
def _lengths(middle: Array, half: Array, mass: Array, matrix: Array, size: Array, reach: Array) -> tuple[Array, Array]:
    """Return how long cells may be so that their Gauss rules are exact enough, shape (counts, cells).

    A rule's error for what is analytic and at most 1 on a curve around the cell is at most about 1/abs p(z)² of the
    least z on the curve, p being the orthonormal polynomial of the rule's degree (Gautschi 2004, section 2.4). On a
    cell of a given length, singularities may lie at every z from which the cell has that length.
    """
    base = np.array([-1.0, -1.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.0, 1.0])[:, None]
    turn = np.array([-1.0 + 1e-9j, -1.0 + 1.0j, 1j, 1j, 1j, 1j, 1j, 1.0 + 1.0j, 1.0 + 1e-9j])[:, None]
    z = base + turn * np.geomspace(8.0, 0.05, 32)
    length = np.arcsinh((1.0 + z.real) / z.imag) + np.arcsinh((1.0 - z.real) / z.imag)
    length[:, 0] = 0.0
    growth = np.maximum(np.abs(middle[..., None] + half[..., None] * z), 1.0) ** 2
    before, now = np.zeros(growth.shape, dtype=complex), 1.0 / np.sqrt(mass)[:, None, None] + 0j * growth
    found: list[list[Array]] = [[], []]
    for k in range(COUNTS[-1]):
        diagonal, back, beside = (matrix[:, k, j, None, None] for j in (k, k - 1, k + 1))
        before, now = now, ((z - diagonal) * now - (back if k else 0.0) * before) / beside
        if k + 1 in COUNTS:
            square = now.real**2 + now.imag**2
            enough = matrix[:, k, k + 1] < 1e-9  # the given rule has no more nodes
            for one, least in zip(
                found, (1.0 / size[:, None, None], growth / np.maximum(size, reach)[:, None, None]), strict=True
            ):
                far = square * _TOLERANCE >= least
                far[..., :-1] &= far[..., 1:]  # the last one before those that are too near is left out as well
                longest = np.min(np.where(far, inf, length), axis=(1, 2))
                one.append(np.where(enough, one[-1], longest) if one else longest)
    for one in found:
        one[0][:] = -0.5  # one node is for what is constant
    bounded, growing = (np.minimum(np.stack(one), 0.5 * BROKEN) for one in found)
    return bounded, growing


@lru_cache(maxsize=64)
def metric(panels: tuple[float, ...], clear: float) -> tuple[Array, Array]:
    """Return places z and their coordinates: lengths in units of the distance of the nearest singularity of h.

    Parameters
    ----------
    panels
        Those of h, see `Activation`.
    clear
        No singularity of h is nearer to a panel than its width times this.

    Returns
    -------
    tuple of ndarray
        Increasing z and coordinates of one shape, to interpolate in; a single 0 each where h has no panels.
    """
    if not panels:
        return np.zeros(1), np.zeros(1)
    edges = np.asarray(panels)
    width = np.diff(edges)
    z = np.append((edges[:-1, None] + width[:, None] * np.arange(8) / 8.0).ravel(), edges[-1])
    middle, of = 0.5 * (z[1:] + z[:-1]), np.repeat(np.arange(width.size), 8)
    own = clear * width
    before = np.minimum.accumulate(np.append(inf, own - edges[1:]))[of]
    behind = np.minimum.accumulate(np.append(inf, (own + edges[:-1])[::-1]))[-2::-1][of]
    distance = np.minimum(own[of], np.minimum(middle + before, behind - middle))
    return z, np.concatenate([[0.0], np.cumsum(np.diff(z) / distance)])
