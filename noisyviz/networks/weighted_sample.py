"""Pre-activations gathered at nodes: the cells of a fixed grid at their means, or a quadrature of a normal input."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError
from noisyviz.networks.buffers import Scratch
from noisyviz.networks.histogram import Mask, Places, Tally
from noisyviz.networks.row_blocks import Block, blocks
from noisyviz.networks.streamed import Streamed
from noisyviz.networks.value_grid import Grid
from noisyviz.units.activation import Activation, Array

_GRID: Final = Grid(bits=8, octaves=64)
_THIN: Final = Grid(bits=6, octaves=64)
_BLOCK: Final = 1 << 15  # numbers gathered at once
_REACH: Final = 9.0  # standard deviations of a normal input
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(5)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Pre-activations gathered at nodes.

    Parameters
    ----------
    x, weights
        Where samples lie and how many, shape (n,).
    saturated
        Whether those at a node lie at or beyond a threshold.
    """

    x: Array
    weights: Array
    saturated: Mask


def gather(arrays: Iterable[npt.ArrayLike | Streamed], activation: Activation) -> Sample:
    """Gather the finite numbers of arrays of any shape, those that saturate apart from the others."""
    tally, scratch = Tally(grid=_GRID), Scratch()
    for values in arrays:
        with np.errstate(all="ignore"):
            for block in blocks(values if isinstance(values, Streamed) else np.asanyarray(values), _BLOCK):
                _gather(tally, block, activation, scratch)
    nodes = list(tally.nodes(activation))
    x, weights, saturated = (np.concatenate([getattr(n, key) for n in nodes]) for key in ("x", "weights", "saturated"))
    return Sample(x=x, weights=weights, saturated=saturated)


def _gather(tally: Tally, block: Block, activation: Activation, scratch: Scratch) -> None:
    x = block.astype(np.float64, copy=False)
    good = np.isfinite(x)
    x = np.where(good, x, 0.0)
    peak = float(np.abs(x).max())
    tally.take(Places.of(x, activation.saturated(x), good=good, peak=peak, scratch=scratch))


def normal_input(mean: float, std: float, activation: Activation) -> Sample:
    """Return nodes and weights of a normal input; the thresholds are edges of the Gauss-Legendre panels."""
    if not (np.isfinite([mean, std]).all() and std > 0):
        raise InputError(f"input must be a normal distribution of finite mean and std > 0, got {mean:g}, {std:g}")
    low, high = mean - _REACH * std, mean + _REACH * std
    inner = [t for t in activation.thresholds if low < t < high]
    edges = np.unique([*np.linspace(low, high, 97), *inner])
    half = 0.5 * np.diff(edges)[:, None]
    x = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * _NODES).ravel()
    weights = (half * _WEIGHTS).ravel() * np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2.0 * np.pi))
    return Sample(x=x, weights=weights, saturated=activation.saturated(x))


def thinned(sample: Sample) -> Sample:
    """Return the same samples at fewer nodes, for what need not be as near."""
    cell = _THIN.cell(sample.x) + _THIN.cells * sample.saturated
    _, position = np.unique(cell, return_inverse=True)
    weights = np.bincount(position, weights=sample.weights).astype(np.float64, copy=False)
    x = np.bincount(position, weights=sample.weights * sample.x)
    saturated = np.bincount(position, weights=sample.saturated) > 0
    return Sample(x=x / weights, weights=weights, saturated=saturated)
