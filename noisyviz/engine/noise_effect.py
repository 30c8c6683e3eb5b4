"""What a noisy unit does to real pre-activations: root mean squares of its bias, spread and gradient over the samples.

Kinds with output noise are closed at every sample. The others are computed once for each occupied cell of a fixed grid,
at the mean of the samples in it, apart for saturated ones and the rest. For α, c and p of order one this is off by less
than 1e-5 of each value; a cell that holds equal numbers is exact.
"""

from dataclasses import dataclass
from math import nan, sqrt
from typing import Self

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array
from noisyviz.engine.exact import exact
from noisyviz.engine.grid import Grid, Index
from noisyviz.engine.units import KINDS, NoisyUnit, OutputNoise

Mask = npt.NDArray[np.bool_]
# sums over the samples; n, bias and spread over all of them, then all of it over the saturated ones
_NAMES = ("n", "bias", "std", "n_saturated", "bias_saturated", "std_saturated", "grad", "slope")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseProfile:
    """Root mean squares over samples and draws, NaN where there is no such sample.

    Parameters
    ----------
    bias_rms, std_rms
        Of E φ − h and of the standard deviation of φ, over all samples.
    bias_rms_saturated, std_rms_saturated
        The same over the saturated samples.
    grad_rms_saturated, grad_rms_noiseless_saturated
        Of ∂φ/∂x, and of h′, over the saturated samples.
    """

    bias_rms: float
    std_rms: float
    bias_rms_saturated: float
    std_rms_saturated: float
    grad_rms_saturated: float
    grad_rms_noiseless_saturated: float

    @classmethod
    def of(cls, sums: Array) -> Self:
        """Return the root mean squares of sums of squares, shape (8,)."""
        n, bias, std, n_saturated, bias_saturated, std_saturated, grad, slope = sums.tolist()
        return cls(
            bias_rms=_root(bias, n),
            std_rms=_root(std, n),
            bias_rms_saturated=_root(bias_saturated, n_saturated),
            std_rms_saturated=_root(std_saturated, n_saturated),
            grad_rms_saturated=_root(grad, n_saturated),
            grad_rms_noiseless_saturated=_root(slope, n_saturated),
        )


def _root(total: float, n: float) -> float:
    return sqrt(total / n) if n else nan


@dataclass(slots=True)
class NoiseSums:
    """Sums over samples that are closed at each of them."""

    unit: NoisyUnit
    sums: Array

    def take(self, x: Array, saturated: Mask) -> None:
        """Add finite samples of shape (n,)."""
        bias, std, grad = output_moments(self.unit, x)
        self.sums += squares(self.unit, x, np.ones(x.shape), saturated, (bias, std, grad))

    def totals(self) -> Array:
        """Return the sums of squares, shape (8,)."""
        return self.sums

    def profile(self) -> NoiseProfile:
        """Return the root mean squares."""
        return NoiseProfile.of(self.totals())


@dataclass(slots=True)
class GridNoiseSums(NoiseSums):
    """Counts and sums of x in the cells of a grid; row 1 holds the saturated samples."""

    grid: Grid
    counts: Index
    x_sums: Array

    def take(self, x: Array, saturated: Mask) -> None:
        """Add finite samples of shape (n,)."""
        cell = self.grid.cell(x) + self.grid.cells * saturated
        self.counts += np.bincount(cell, minlength=self.counts.size)
        self.x_sums += np.bincount(cell, weights=x, minlength=self.counts.size)

    def totals(self) -> Array:
        """Return the sums of squares, shape (8,)."""
        nodes, weights, saturated = self.nodes()
        found = exact(self.unit, nodes)
        return squares(self.unit, nodes, weights, saturated, (found.bias, found.std, found.grad_rms))

    def nodes(self) -> tuple[Array, Array, Mask]:
        """Return the mean of x in every occupied cell, the number of samples there, and whether they saturate."""
        held = np.flatnonzero(self.counts)
        weights = self.counts[held].astype(np.float64)
        return self.x_sums[held] / weights, weights, held >= self.grid.cells


def noise_sums(unit: NoisyUnit, grid: Grid, before: NoiseSums | None) -> NoiseSums:
    """Return the sums begun before, or empty ones of the sort that the unit needs."""
    if before is not None:
        return before
    nothing = np.zeros(len(_NAMES))
    if KINDS[unit.kind].output_noise:
        return NoiseSums(unit, nothing)
    size = 2 * grid.cells
    return GridNoiseSums(unit, nothing, grid, np.zeros(size, dtype=np.int64), np.zeros(size))


def output_moments(unit: NoisyUnit, x: Array) -> tuple[Array, Array, Array]:
    """Return bias, std and root-mean-square gradient of a unit with output noise (Eq 12) at finite x of shape (n,)."""
    at = unit.at(x)
    if not isinstance(at, OutputNoise):  # the caller's mistake
        raise TypeError(unit.kind)
    expected = unit.noise.abs_mean if at.half else 0.0
    spread = np.sqrt(1.0 - expected**2)
    grad = np.hypot(at.base_slope + at.amplitude_slope * expected, at.amplitude_slope * spread)
    return at.leak + at.amplitude * expected, np.abs(at.amplitude) * spread, grad


def squares(unit: NoisyUnit, x: Array, weights: Array, saturated: Mask, moments: tuple[Array, Array, Array]) -> Array:
    """Return the sums of squares, shape (8,), of values at samples with weights."""
    bias, std, grad = moments
    inside = weights * saturated
    slope = unit.activation.derivative(x)
    terms = (
        (weights, 1.0),
        (weights, bias),
        (weights, std),
        (inside, 1.0),
        (inside, bias),
        (inside, std),
        (inside, grad),
        (inside, slope),
    )
    return np.array([float(np.sum(weight * value * value)) for weight, value in terms])
