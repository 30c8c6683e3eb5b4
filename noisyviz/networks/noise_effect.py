"""What a noisy unit does to real pre-activations: averages of its bias, spread and gradient over the samples.

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

from noisyviz.moments.exact import exact, output_noise_wrong
from noisyviz.moments.quantities import outward
from noisyviz.networks.histogram import Mask, Nodes, Tally
from noisyviz.networks.moment_table import MomentTable, effects, width
from noisyviz.networks.row_blocks import over_rows
from noisyviz.results import Result
from noisyviz.units.activation import Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.unit import NoisyUnit, OutputNoise

CLOSED: Final = 1 << 22  # numbers in an array of which each is looked at, for output noise
WIDE: Final = 0.25  # noise that acts over less, as a share of 1 + abs x, is looked at sample by sample in any array
# sums over the samples; n, bias and spread over all of them, then all of it over the saturated ones
_NAMES: Final = (
    *("n", "bias", "std", "n_saturated", "bias_saturated", "std_saturated", "grad", "slope"),
    *("response", "response_noiseless", "pull", "noise", "wrong", "zero"),
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NoiseProfile(Result):
    """Averages over samples and draws, NaN where there is no such sample.

    Parameters
    ----------
    bias_rms, std_rms
        Of E φ − h and of the standard deviation of φ, over all samples.
    bias_rms_saturated, std_rms_saturated
        The same over the saturated samples.
    grad_rms_saturated, grad_rms_noiseless_saturated
        Of ∂φ/∂x, and of h′, over the saturated samples.
    response_saturated, response_noiseless_saturated
        Means over the saturated samples of E[∂φ/∂x]/u′ and of h′/u′; this and what follows is NaN where u′ = 0.
    pull_saturated
        Mean over the saturated samples of Cov(φ, ∂φ/∂x)/abs u′, positive where descent on a curved loss moves towards
        the linear regime.
    noise_rms_saturated
        Root mean square over the saturated samples of std[∂φ/∂x]/abs u′.
    p_wrong_saturated, p_zero_saturated
        Means over the saturated samples of P(∂φ/∂x has the sign opposite to u′) and of P(∂φ/∂x = 0).
    """

    bias_rms: float
    std_rms: float
    bias_rms_saturated: float
    std_rms_saturated: float
    grad_rms_saturated: float
    grad_rms_noiseless_saturated: float
    response_saturated: float
    response_noiseless_saturated: float
    pull_saturated: float
    noise_rms_saturated: float
    p_wrong_saturated: float
    p_zero_saturated: float

    @classmethod
    def of(cls, sums: Array) -> Self:
        """Return the averages of sums, shape (14,)."""
        n, bias, std, n_saturated, bias_saturated, std_saturated, grad, slope, *signed = sums.tolist()
        response, noiseless, pull, noise, wrong, zero = signed
        return cls(
            bias_rms=_root(bias, n),
            std_rms=_root(std, n),
            bias_rms_saturated=_root(bias_saturated, n_saturated),
            std_rms_saturated=_root(std_saturated, n_saturated),
            grad_rms_saturated=_root(grad, n_saturated),
            grad_rms_noiseless_saturated=_root(slope, n_saturated),
            response_saturated=_mean(response, n_saturated),
            response_noiseless_saturated=_mean(noiseless, n_saturated),
            pull_saturated=_mean(pull, n_saturated),
            noise_rms_saturated=_root(noise, n_saturated),
            p_wrong_saturated=min(_mean(wrong, n_saturated), 1.0),
            p_zero_saturated=min(_mean(zero, n_saturated), 1.0),
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
    response_saturated: Array
    response_noiseless_saturated: Array
    pull_saturated: Array
    noise_rms_saturated: Array
    p_wrong_saturated: Array
    p_zero_saturated: Array

    def columns(self) -> dict[str, Array]:
        """Return one row for every unit."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, sums: Array) -> Self:
        """Return the averages of sums, shape (14, units)."""
        names = [field.name for field in fields(cls)]
        with np.errstate(all="ignore"):
            all_samples, saturated = sums[1:3] / sums[0], sums[4:] / sums[3]
            found = dict(zip(names, [*all_samples, *saturated], strict=True))
            return cls(**{name: np.sqrt(found[name]) if "_rms" in name else found[name] for name in names})


def _root(total: float, n: float) -> float:
    return sqrt(total / n) if n else nan


def _mean(total: float, n: float) -> float:
    return total / n if n else nan


@dataclass(slots=True)
class ClosedSums:
    """Sums over samples that are looked at one by one, by unit."""

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
        found = output_effects(self.unit, x, saturated) if self.table is None else self.table(x, saturated)
        weights = np.ones(x.shape) if good is None else good.astype(np.float64)
        for row, term in zip(self.sums, effect_terms(self.unit, x, weights, saturated, found), strict=True):
            row += over_rows(np.add, np.ascontiguousarray(term))


def closes(unit: NoisyUnit, size: int) -> bool:
    """Tell whether every number of an array is looked at: few closed ones, or any where cells are too wide."""
    if KINDS[unit.kind].output_noise and size <= CLOSED:
        return True
    return width(unit) < WIDE * (1.0 + max(abs(x) for x in unit.activation.corners))


def output_effects(unit: NoisyUnit, x: Array, saturated: Mask) -> Array:
    """Return the `effects` of a unit with output noise (Eq 12) at finite x of any shape, P(wrong) of saturated ones."""
    at = unit.at(x)
    if not isinstance(at, OutputNoise):  # the caller's mistake
        raise TypeError(unit.kind)
    h, slope = unit.activation, unit.activation.slope or nan
    expected = unit.noise.abs_mean if at.half else 0.0
    variance = 1.0 - expected**2
    mean, spread = at.base_slope + at.amplitude_slope * expected, at.amplitude_slope**2 * variance
    wrong = np.zeros(x.shape)
    wrong[saturated] = output_noise_wrong(unit.noise, at, h, saturated)
    return np.stack(
        [
            *((at.leak + at.amplitude * expected) ** 2, at.amplitude**2 * variance, mean**2 + spread, mean / slope),
            *(outward(h, x) * at.amplitude * at.amplitude_slope * (variance / abs(slope)), spread / slope**2),
            *(wrong, (at.sign_base == 0) & (at.sign_slope == 0)),
        ]
    )


def effect_sums(unit: NoisyUnit, x: Array, weights: Array, saturated: Mask, found: Array) -> Array:
    """Return the sums, shape (14,), of the effects at samples with weights."""
    return np.array([float(np.sum(term)) for term in effect_terms(unit, x, weights, saturated, found)])


def effect_terms(unit: NoisyUnit, x: Array, weights: Array, saturated: Mask, found: Array) -> tuple[Array, ...]:
    """Return what is summed, in the order of `_NAMES`, of x's shape each; `found` are the effects."""
    bias, std, grad, *signed = found
    slope = unit.activation.derivative(x)
    return _weighted(weights, weights * saturated, (bias, std, grad, slope * slope), signed, slope / _slope(unit))


def _weighted(
    weights: Array, inside: Array, squares: Sequence[Array], signed: Sequence[Array], noiseless: Array
) -> tuple[Array, ...]:
    bias, std, grad, slope = squares
    response, *rest = signed
    return (
        *(weights, weights * bias, weights * std, inside, inside * bias, inside * std),
        *(inside * grad, inside * slope, inside * response, inside * noiseless),
        *(inside * one for one in rest),
    )


def _slope(unit: NoisyUnit) -> float:
    return unit.activation.slope or nan


def grid_sums(unit: NoisyUnit, cells: Tally, columns: Tally | None) -> tuple[Array, Array | None]:
    """Return the sums of an array, shape (14,), and of each of its units, shape (14, units).

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
    found = effects(unit.activation, x, exact(unit, x))
    total = effect_sums(unit, x, weights, saturated, found)
    if columns is not None and apart is not None:
        slope = unit.activation.derivative(x)
        values = np.stack([*found[:3], slope**2, *found[3:], slope / _slope(unit)])
        for nodes in columns.nodes(unit.activation):
            _add_units(apart, nodes, x, values, saturated)
    return total, apart


def _add_units(total: Array, nodes: Nodes, x: Array, values: Array, saturated: Mask) -> None:
    """Interpolate the effects at the nodes of units, between known nodes on the same side."""
    at = np.zeros((len(values), nodes.x.size))
    for side in (True, False):
        known, wanted = np.flatnonzero(saturated == side), nodes.saturated == side
        order = known[np.argsort(x[known], kind="stable")]
        if order.size and wanted.any():
            for row, value in zip(at, values, strict=True):
                row[wanted] = np.interp(nodes.x[wanted], x[order], value[order])
    terms = _weighted(nodes.weights, nodes.weights * nodes.saturated, list(at[:4]), list(at[4:-1]), at[-1])
    for row, term in zip(total, terms, strict=True):
        row += np.bincount(nodes.group, weights=term, minlength=row.size)
