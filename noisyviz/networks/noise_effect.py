"""What a noisy unit does to real pre-activations: root mean squares of its bias, spread and gradient over the samples.

Noise that acts over less than the cells of a fixed grid resolve is looked at sample by sample: output noise is closed,
input noise is read from a table. So is all output noise in arrays of up to four million numbers. The rest is computed
once for each occupied cell, at the mean of the samples in it, apart for saturated ones and the others. For single
units the values of these cells are interpolated at the means of coarser ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import nan, sqrt
from typing import Final, Self

import numpy as np

from noisyviz.moments.exact import exact
from noisyviz.networks.histogram import Mask, Nodes, Tally
from noisyviz.networks.moment_table import MomentTable, width
from noisyviz.networks.row_blocks import over_rows
from noisyviz.results import Result
from noisyviz.units.activation import Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.unit import NoisyUnit, OutputNoise

CLOSED: Final = 1 << 22  # numbers in an array of which each is looked at, for output noise
WIDE: Final = 0.25  # noise that acts over less, as a share of 1 + abs x, is looked at sample by sample in any array
# sums over the samples; n, bias and spread over all of them, then all of it over the saturated ones
_NAMES = ("n", "bias", "std", "n_saturated", "bias_saturated", "std_saturated", "grad", "slope")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NoiseProfile(Result):
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class UnitNoise(Result):
    """The columns of `NoiseProfile` for every unit of an array, shape (units,) each."""

    bias_rms: Array
    std_rms: Array
    bias_rms_saturated: Array
    std_rms_saturated: Array
    grad_rms_saturated: Array
    grad_rms_noiseless_saturated: Array

    def columns(self) -> dict[str, Array]:
        """Return one row for every unit."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, sums: Array) -> Self:
        """Return the root mean squares of sums of squares, shape (8, units)."""
        names = [field.name for field in fields(cls)]
        with np.errstate(all="ignore"):
            all_samples = np.sqrt(sums[1:3] / sums[0])
            saturated = np.sqrt(sums[4:8] / sums[3])
        return cls(**dict(zip(names, [*all_samples, *saturated], strict=True)))


def _root(total: float, n: float) -> float:
    return sqrt(total / n) if n else nan


@dataclass(slots=True)
class ClosedSums:
    """Sums of squares over samples that are looked at one by one, by unit."""

    unit: NoisyUnit
    sums: Array
    table: MomentTable | None

    @classmethod
    def begin(cls, unit: NoisyUnit, units: int) -> Self:
        """Return empty sums."""
        table = None if KINDS[unit.kind].output_noise else MomentTable(unit)
        return cls(unit, np.zeros((len(_NAMES), units)), table)

    def take(self, x: Array, saturated: Mask, good: Mask | None) -> None:
        """Add finite samples of shape (n, units)."""
        if self.table is None:
            moments = [value * value for value in output_moments(self.unit, x)]
        else:
            moments = list(self.table(x, saturated))
        weights = np.ones(x.shape) if good is None else good.astype(np.float64)
        for row, term in zip(self.sums, _terms(self.unit, x, weights, saturated, moments), strict=True):
            row += over_rows(np.add, np.ascontiguousarray(term))


def closes(unit: NoisyUnit, size: int) -> bool:
    """Tell whether every number of an array is looked at: few closed ones, or any where cells are too wide."""
    if KINDS[unit.kind].output_noise and size <= CLOSED:
        return True
    return width(unit) < WIDE * (1.0 + max(abs(x) for x in unit.activation.corners))


def output_moments(unit: NoisyUnit, x: Array) -> tuple[Array, Array, Array]:
    """Return bias, std and root-mean-square gradient of a unit with output noise (Eq 12) at finite x of any shape."""
    at = unit.at(x)
    if not isinstance(at, OutputNoise):  # the caller's mistake
        raise TypeError(unit.kind)
    expected = unit.noise.abs_mean if at.half else 0.0
    spread = np.sqrt(1.0 - expected**2)
    grad = np.hypot(at.base_slope + at.amplitude_slope * expected, at.amplitude_slope * spread)
    return at.leak + at.amplitude * expected, np.abs(at.amplitude) * spread, grad


def squares(unit: NoisyUnit, x: Array, weights: Array, saturated: Mask, moments: tuple[Array, Array, Array]) -> Array:
    """Return the sums of squares, shape (8,), of values at samples with weights."""
    values = [value * value for value in moments]
    return np.array([float(np.sum(term)) for term in _terms(unit, x, weights, saturated, values)])


def _terms(unit: NoisyUnit, x: Array, weights: Array, saturated: Mask, moments: Sequence[Array]) -> tuple[Array, ...]:
    """Return what is summed, in the order of `_NAMES`, of x's shape each; the moments are bias², std² and grad²."""
    bias, std, grad = moments
    slope = unit.activation.derivative(x)
    inside = weights * saturated
    return (
        *(weights, weights * bias, weights * std, inside, inside * bias, inside * std),
        *(inside * grad, inside * slope * slope),
    )


def grid_sums(unit: NoisyUnit, cells: Tally, columns: Tally | None) -> tuple[Array, Array | None]:
    """Return the sums of squares of an array, shape (8,), and of each of its units, shape (8, units).

    Parameters
    ----------
    unit
        The noisy unit.
    cells
        All samples together.
    columns
        The samples of every unit, on a coarser grid; None where there is none.
    """
    apart = None if columns is None else np.zeros((len(_NAMES), columns.groups))
    parts = list(cells.nodes(unit.activation))
    x, weights, saturated = (np.concatenate([getattr(n, key) for n in parts]) for key in ("x", "weights", "saturated"))
    found = exact(unit, x)
    moments = (found.bias, found.std, found.grad_rms)
    total = squares(unit, x, weights, saturated, moments)
    if columns is not None and apart is not None:
        values = np.stack([*(value * value for value in moments), unit.activation.derivative(x) ** 2])
        for nodes in columns.nodes(unit.activation):
            _add_units(apart, nodes, x, values, saturated)
    return total, apart


def _add_units(sums: Array, nodes: Nodes, x: Array, values: Array, saturated: Mask) -> None:
    """Interpolate bias², std², grad² and h′² at the nodes of units, between known nodes on the same side."""
    at = np.zeros((len(values), nodes.x.size))
    for side in (True, False):
        known, wanted = np.flatnonzero(saturated == side), nodes.saturated == side
        order = known[np.argsort(x[known], kind="stable")]
        if order.size and wanted.any():
            for row, value in zip(at, values, strict=True):
                row[wanted] = np.interp(nodes.x[wanted], x[order], value[order])
    inside = nodes.weights * nodes.saturated
    bias, std, grad, slope = at
    terms = (
        *(nodes.weights, nodes.weights * bias, nodes.weights * std),
        *(inside, inside * bias, inside * std, inside * grad, inside * slope),
    )
    for row, term in zip(sums, terms, strict=True):
        row += np.bincount(nodes.group, weights=term, minlength=row.size)
