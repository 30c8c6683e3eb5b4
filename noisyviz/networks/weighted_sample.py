"""Pre-activations gathered at nodes: the cells of a fixed grid at their means, or a quadrature of a normal input.

A little noise acts within a few c of the thresholds and kinks alone. So cells and panels narrow towards these in
proportion to the distance, whatever c will be asked about.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError
from noisyviz.networks.row_blocks import blocks
from noisyviz.networks.streamed import Streamed
from noisyviz.networks.value_grid import MANTISSA, ONE, Index
from noisyviz.units.activation import Activation, Array, on_side

Mask = npt.NDArray[np.bool_]

_BITS: Final = 7  # cells are at most 2^-7 of their distance from the nearest threshold or kink
_LEAST: Final = -26  # what lies closer than 2^-26 shares a cell
_OCTAVES: Final = 88
_BLOCK: Final = 1 << 16  # numbers gathered at once
LARGEST: Final = 1e100  # of pre-activations: their cubes are finite
_REACH: Final = 9.0  # standard deviations of a normal input
_NARROWING: Final = 2.0 ** np.arange(-20.0, 24.0, 0.25)  # edges of its panels, as distances
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Pre-activations gathered at nodes.

    Parameters
    ----------
    x, weights
        Where samples lie and how many, shape (n,).
    saturated
        Whether those at a node lie at or beyond a threshold.
    normal
        Mean and standard deviation of the normal input that the nodes stand for; None for samples.
    """

    x: Array
    weights: Array
    saturated: Mask
    normal: tuple[float, float] | None = None


def gather(arrays: Iterable[npt.ArrayLike | Streamed], activation: Activation) -> Sample:
    """Gather the finite numbers of arrays of any shape, those that saturate apart from the others.

    Raises
    ------
    InputError
        For a number beyond `LARGEST`, whose cell has no finite moments.
    """
    cells = _Cells(activation, activation.corners, start=2.0**_LEAST, bits=_BITS, moments=1)
    for values in arrays:
        with np.errstate(all="ignore"):
            for block in blocks(values if isinstance(values, Streamed) else np.asanyarray(values), _BLOCK):
                x = block[np.isfinite(block)].astype(np.float64, copy=False)
                if x.size and max(x.max(), -x.min()) > LARGEST:
                    worst = x[np.argmax(np.abs(x))]
                    raise InputError(
                        f"pre-activations must lie between -{LARGEST:g} and {LARGEST:g} here, got {worst:.3g}"
                    )
                cells.take(x, activation.saturated(x))
    held, weights, (mean,) = cells.held()
    return cells.sample(held, mean, weights)


def thinned(sample: Sample, activation: Activation, *, corners: Sequence[float], width: float, bits: int) -> Sample:
    """Return the same samples at fewer nodes for moments that change over a width close to some corners.

    Two nodes in a cell have its weight, mean, variance and third moment: they are Gauss's, so they lie in the cell.

    Parameters
    ----------
    sample
        Many nodes.
    activation
        h.
    corners
        Increasing; the finite thresholds and kinks of h at least.
    width, bits
        Cells are at most 2^-bits of the width, or of the distance from the nearest corner if that is larger.
    """
    cells = _Cells(activation, corners, start=width, bits=bits, moments=3)
    cells.take(sample.x, sample.saturated, sample.weights)
    held, weights, (mean, second, third) = cells.held()
    variance = second - mean * mean
    spread = np.sqrt(np.maximum(variance, 0.0))
    two = spread > 1e-6  # of the width of the cell: otherwise one sample, or equal ones
    mean_, spread_ = mean[two], spread[two]
    half = 0.5 * (third[two] - mean_**3 - 3.0 * mean_ * variance[two]) / spread_**3  # of the skewness
    root = np.sqrt(half * half + 1.0)
    upper = 0.5 * (1.0 - half / root)  # the share of the upper node
    lower_at, upper_at = (mean_ + spread_ * (half + side * root) for side in (-1.0, 1.0))
    one = cells.sample(held[~two], mean[~two], weights[~two])
    low = cells.sample(held[two], lower_at, weights[two] * (1.0 - upper))
    high = cells.sample(held[two], upper_at, weights[two] * upper)
    x, mass, saturated = (
        np.concatenate([getattr(part, name) for part in (one, low, high)]) for name in ("x", "weights", "saturated")
    )
    return Sample(x=x, weights=mass, saturated=saturated)


class _Cells:
    """Weights and moments of samples in cells that narrow towards thresholds and kinks.

    A cell is the leading bits of 1 + (distance from the nearest of these)/start, on one side of it, saturated or not;
    places in a cell are shares of its width.
    """

    def __init__(
        self, activation: Activation, corners: Sequence[float], *, start: float, bits: int, moments: int
    ) -> None:
        self.activation, self.start, self.bits = activation, start, bits
        self.corners = np.array(corners)
        self.middles = 0.5 * (self.corners[1:] + self.corners[:-1])
        self.side = _OCTAVES << bits
        self.sums = np.zeros((1 + moments, 4 * self.corners.size * self.side))
        shift = MANTISSA - bits
        self.edges = (((ONE >> shift) + np.arange(self.side + 1)) << shift).view(np.float64)

    def take(self, x: Array, saturated: Mask, weights: Array | None = None) -> None:
        """Add finite samples of shape (n,)."""
        nearest = np.searchsorted(self.middles, x) if self.middles.size != 1 else (x > self.middles[0]).astype(np.int64)
        offset = x - self.corners[nearest]
        magnitude = np.abs(offset)
        magnitude *= 1.0 / self.start
        magnitude += 1.0
        shift = MANTISSA - self.bits
        code: Index = magnitude.view(np.int64)
        step = (code >> shift) - (ONE >> shift)
        place: Array = (code & ((1 << shift) - 1)).astype(np.float64) * 0.5**shift
        beyond = step >= self.side
        if beyond.any():
            step[beyond] = self.side - 1
            low, high = self._ends(step[beyond])
            place[beyond] = (magnitude[beyond] - low) / (high - low)
        nearest *= 2
        nearest += offset < 0
        nearest *= 2
        nearest += saturated
        nearest *= self.side
        nearest += step
        self._add(nearest, place, weights)

    def _add(self, cell: Index, place: Array, weights: Array | None) -> None:
        term: Array | None = weights
        for total in self.sums:
            found = np.bincount(cell, weights=term)
            total[: found.size] += found
            term = place if term is None else term * place

    def _ends(self, step: Index) -> tuple[Array, Array]:
        """Return the ends of cells in units of start, from 1 on."""
        return self.edges[step], self.edges[step + 1]

    def held(self) -> tuple[Index, Array, Array]:
        """Return the cells with samples, their weights and the moments of places in them, shape (moments, n)."""
        held = np.flatnonzero(self.sums[0])
        weights = self.sums[0, held]
        return held, weights, self.sums[1:, held] / weights

    def sample(self, cells: Index, place: Array, weights: Array) -> Sample:
        """Return nodes at places in cells."""
        group, step = np.divmod(cells, self.side)
        nearest, side, saturated = group // 4, np.where(group % 4 >= 2, -1.0, 1.0), group % 2 == 1
        low, high = self._ends(step)
        away = ((low - 1.0) + place * (high - low)) * self.start
        x = on_side(self.activation, self.corners[nearest] + side * away, saturated)
        return Sample(x=x, weights=weights, saturated=saturated)


def normal_input(mean: float, std: float, activation: Activation, *, corners: Sequence[float] | None = None) -> Sample:
    """Return nodes and weights of a normal input; Gauss-Legendre panels narrow towards thresholds and kinks.

    Parameters
    ----------
    mean, std
        Finite, std > 0; what lies beyond nine standard deviations is left out.
    activation
        h.
    corners
        Where panels narrow; the thresholds and kinks of h where nothing is given.

    Raises
    ------
    InputError
        For another mean or standard deviation.
    """
    if not (np.isfinite([mean, std]).all() and std > 0):
        raise InputError(f"input must be a normal distribution of finite mean and std > 0, got {mean:g}, {std:g}")
    low, high = mean - _REACH * std, mean + _REACH * std
    wide = np.linspace(low, high, 193)
    away = _NARROWING[: np.searchsorted(_NARROWING, wide[1] - wide[0])]
    inner = np.concatenate([[x, *(x - away), *(x + away)] for x in corners or activation.corners])
    edges = np.unique([*wide, *inner[(inner > low) & (inner < high)]])
    half = 0.5 * np.diff(edges)[:, None]
    x = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * _NODES).ravel()
    weights = (half * _WEIGHTS).ravel() * np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2.0 * np.pi))
    return Sample(x=x, weights=weights, saturated=activation.saturated(x), normal=(mean, std))
