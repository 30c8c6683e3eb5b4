"""The least noise that gives saturated units their gradient back at an acceptable bias.

The samples are first gathered at the means of narrow cells; for input noise these are thinned to a few hundred nodes,
by moments, as narrow as the noise level asks for. Root mean squares change by less than 1e-4 of their value for that,
those of the trade-off curve by less than 1e-3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError
from noisyviz.moments.exact import exact
from noisyviz.networks.calibration import Calibration, Setting
from noisyviz.networks.moment_table import corners, width
from noisyviz.networks.noise_effect import NoiseProfile, output_moments, squares
from noisyviz.networks.weighted_sample import Sample, gather, normal_input, thinned
from noisyviz.units.activation import Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.unit import NoisyUnit

__all__ = ["C_MAX", "Sample", "calibrate", "effect", "gather", "normal_input"]

C_MAX: Final = 100.0
_LEVELS: Final = np.concatenate([[0.0], np.geomspace(0.01, C_MAX, 61)])
_CURVE_BITS: Final = 3  # cells of the trade-off curve, as shares of the width over which the noise acts
_BITS: Final = 5  # the same for all else
_NEAR: Final = 2e-3  # of target and bound: a curve on thinned nodes may be off by half as much
_SLACK: Final = 1e-12  # so that a leak of 1 - 0.9 reaches 0.1 in spite of rounding


def effect(unit: NoisyUnit, sample: Sample) -> NoiseProfile:
    """Return the root mean squares of bias, spread and gradient over the samples, computed exactly."""
    if KINDS[unit.kind].output_noise:
        moments = output_moments(unit, sample.x)
    else:
        found = exact(unit, sample.x)
        moments = (found.bias, found.std, found.grad_rms)
    return NoiseProfile.of(squares(unit, sample.x, sample.weights, sample.saturated, moments))


def for_noise(unit: NoisyUnit, sample: Sample, *, bits: int = _BITS) -> Sample:
    """Return the same samples at nodes that are as few as the noise of a unit allows; see `thinned`."""
    if KINDS[unit.kind].output_noise:
        return sample
    near = corners(unit)
    if sample.normal is not None and near != unit.activation.corners:
        sample = normal_input(*sample.normal, unit.activation, corners=near)
    few = thinned(sample, unit.activation, corners=near, width=width(unit), bits=bits)
    return few if few.x.size < sample.x.size else sample


def calibrate(
    x: npt.ArrayLike | Sample,
    *,
    units: Sequence[NoisyUnit],
    target_grad: float = 0.25,
    max_bias: float | None = None,
    start_factor: float = 4.0,
) -> Calibration:
    """Return the smallest noise level c with which saturated samples reach a gradient at an acceptable bias.

    The c of different kinds mean different things, so units are compared by what they do to the output.

    Parameters
    ----------
    x
        Pre-activations, of any shape; what is not finite is left out. Or a `Sample`, see `gather` and `normal_input`.
    units
        The units on offer, all with one activation; their c is searched between 0 and 100.
    target_grad
        Least root mean square of ∂φ/∂x over draws and saturated samples, in units of u′; above 0.
    max_bias
        Largest root mean square of E φ − h over all samples, at least 0; None for no bound.
    start_factor
        How many times the target the gradient is where a schedule starts, at least 1; the bound does not hold there.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        When a number is outside its domain, or no sample saturates.

    Examples
    --------
    >>> unit = NoisyUnit("hard-tanh", kind="nan", alpha=0.9)
    >>> calibrate([-3.0, 0.0, 3.0], units=[unit], target_grad=0.1).best.c
    0.0
    """
    if not (np.isfinite(target_grad) and target_grad > 0):
        raise InputError(f"target_grad must be a finite number above 0, got {target_grad}", parameter="target_grad")
    if max_bias is not None and not max_bias >= 0:
        raise InputError(f"max_bias must be at least 0, got {max_bias}", parameter="max_bias")
    if not (np.isfinite(start_factor) and start_factor >= 1):
        raise InputError(
            f"start_factor must be a finite number of at least 1, got {start_factor}", parameter="start_factor"
        )
    if not units:
        raise InputError("units must hold at least one unit", parameter="unit")
    h = units[0].activation
    sample = x if isinstance(x, Sample) else gather([np.asarray(x)], h)
    if not sample.weights.sum() > 0:
        raise InputError("the pre-activations hold no finite number")
    if not sample.weights[sample.saturated].sum() > 0:
        raise InputError(f"no sample saturates: none lies at or beyond a threshold of {h.name}")
    target = target_grad * abs(h.slope)
    searches = [_Search(unit, sample) for unit in units]
    roots = [(search.smallest(_Wanted(target, max_bias)), search) for search in searches]
    found = [(root, search) for root, search in roots if root is not None]
    best, search = min(found, key=lambda pair: (pair[0].price, pair[0].c), default=(None, None))
    start = None
    if best is not None and search is not None:
        start = search.smallest(_Wanted(start_factor * target, None), since=best)
    curve = [level for search in searches for level in search.levels]
    return Calibration(
        best=best,
        found=tuple(root for root, _ in found),
        curve=tuple(curve),
        start=start,
        target_grad=target_grad,
        max_bias=max_bias,
        start_factor=start_factor,
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a setting must keep to: a gradient in units of x and, where there is a bound, a bias."""

    target: float
    bound: float | None

    def margins(self, setting: Setting) -> Array:
        """Return how much is to spare of each, negative where it is not kept."""
        spare = [setting.grad_rms_saturated - self.target * (1.0 - _SLACK)]
        if self.bound is not None:
            spare.append(self.bound * (1.0 + _SLACK) - setting.bias_rms)
        return np.array(spare)

    def kept(self, setting: Setting) -> bool:
        """Return whether both are kept."""
        return bool((self.margins(setting) >= 0).all())

    def near(self, low: Setting, high: Setting) -> bool:
        """Return whether each is kept at one of two settings, or nearly so."""
        reach = _NEAR * np.array([self.target, *([] if self.bound is None else [self.bound])])
        return bool((np.maximum(self.margins(low), self.margins(high)) >= -reach).all())


class _Search:
    """The settings of one unit: a curve over all noise levels, and the smallest c along it at which all is kept."""

    def __init__(self, unit: NoisyUnit, sample: Sample) -> None:
        self.unit, self.sample = unit, sample
        levels = _LEVELS if "c" in KINDS[unit.kind].uses else [0.0]
        self.levels = [_setting(unit, sample, c, bits=_CURVE_BITS) for c in levels]

    def at(self, c: float) -> Setting:
        """Return the setting at a noise level, from more nodes."""
        return _setting(self.unit, self.sample, c, bits=_BITS)

    def smallest(self, wanted: _Wanted, *, since: Setting | None = None) -> Setting | None:
        """Return the setting with the smallest c, not below that of another, at which all is kept."""
        first = self.at(0.0) if since is None else since
        if wanted.kept(first):
            return first
        self.levels = sorted([*self.levels, *self._turns(wanted)], key=lambda level: level.c)
        for low, high in pairwise([first, *(level for level in self.levels if level.c > first.c)]):
            if wanted.near(low, high):
                found = self._between(self.at(low.c), self.at(high.c), wanted)
                if found is not None:
                    return found
        self.levels = sorted([*self.levels, *self._edges(wanted)], key=lambda level: level.c)
        return None

    def _edges(self, wanted: _Wanted) -> Iterator[Setting]:
        """Yield where the bias crosses its bound, for telling how near a search in vain came."""
        if wanted.bound is None:
            return
        spare = [wanted.margins(level)[-1] for level in self.levels]
        for (low, high), (before, after) in zip(pairwise(self.levels), pairwise(spare), strict=True):
            if min(before, after) < 0.0 <= max(before, after):
                ends = [wanted.margins(self.at(one.c))[-1] for one in (low, high)]  # levels may stand on wider cells
                if min(ends) < 0.0 <= max(ends):
                    yield self.at(self._root(wanted, -1, low.c, high.c))

    def _turns(self, wanted: _Wanted) -> Iterator[Setting]:
        """Yield where gradient or bias turn round between levels, if something may be kept, or not, there alone."""
        from scipy.optimize import minimize_scalar

        for k, spare in enumerate(np.transpose([wanted.margins(level) for level in self.levels])):
            steps = np.diff(spare)
            for i in np.flatnonzero(steps[:-1] * steps[1:] < 0.0) + 1:
                top = steps[i - 1] > 0.0
                if top == (spare[i] < 0.0) and abs(spare[i]) < np.abs(steps[i - 1 : i + 1]).max():
                    sign, ends = (-1.0 if top else 1.0), (self.levels[i - 1].c, self.levels[i + 1].c)
                    turn = minimize_scalar(
                        lambda c, k=k, sign=sign: sign * wanted.margins(self.at(c))[k],
                        bounds=ends,
                        method="bounded",
                        options={"xatol": 1e-7 * ends[1]},
                    )
                    yield self.at(turn.x)

    def _root(self, wanted: _Wanted, k: int, low: float, high: float) -> float:
        """Return the c at which a margin of other sign at low than at high is 0."""
        from scipy.optimize import brentq

        return float(brentq(lambda c: wanted.margins(self.at(c))[k], low, high, xtol=1e-12, rtol=1e-10))

    def _between(self, low: Setting, high: Setting, wanted: _Wanted) -> Setting | None:
        """Return the first setting from low to high at which all is kept, if each margin only rises or falls."""
        begins = [low, high]
        for k in np.flatnonzero((wanted.margins(low) < 0.0) & (wanted.margins(high) >= 0.0)):
            root = self._root(wanted, int(k), low.c, high.c)
            begins += [self.at(root), self.at(root * (1.0 + 1e-9) + 1e-12)]  # the root may lie short by its last digits
        return next((one for one in sorted(begins, key=lambda one: one.c) if wanted.kept(one)), None)


def _setting(unit: NoisyUnit, sample: Sample, c: float, *, bits: int) -> Setting:
    noisy = unit.replace(c=float(c))
    found = effect(noisy, for_noise(noisy, sample, bits=bits))
    return Setting(
        unit=noisy,
        c=float(c),
        grad_rms_saturated=found.grad_rms_saturated,
        bias_rms=found.bias_rms,
        std_rms=found.std_rms,
    )
