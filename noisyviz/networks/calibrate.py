"""The least noise that gives saturated units their gradient back, at a bounded price in bias, spread and wrong signs.

The samples are first gathered at the means of narrow cells; for input noise these are thinned to a few hundred nodes,
by moments, as narrow as the noise level asks for. Root mean squares change by less than 1e-4 of their value for that,
those of the trade-off curve by less than 1e-3.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, check_name
from noisyviz.moments.exact import exact
from noisyviz.networks.calibration import TARGETS, Calibration, Setting, fronts
from noisyviz.networks.hints import why_none
from noisyviz.networks.moment_table import corners, effects, width
from noisyviz.networks.noise_effect import NoiseProfile, effect_sums, output_effects
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
    """Return the averages of bias, spread and gradient over the samples, computed exactly."""
    if KINDS[unit.kind].output_noise:
        found = output_effects(unit, sample.x, sample.saturated)
    else:
        found = effects(unit.activation, sample.x, exact(unit, sample.x))
    return NoiseProfile.of(effect_sums(unit, sample.x, sample.weights, sample.saturated, found))


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
    by: str = "response",
    target_grad: float = 0.25,
    max_bias: float | None = None,
    max_wrong: float | None = None,
    max_std: float | None = None,
    start_factor: float = 4.0,
) -> Calibration:
    """Return the smallest noise level c with which saturated samples reach a gradient at an acceptable price.

    The c of different kinds mean different things, so units are compared by what they do to the output.

    Parameters
    ----------
    x
        Pre-activations, of any shape; what is not finite is left out. Or a `Sample`, see `gather` and `normal_input`.
    units
        The units on offer, all with one activation; their c is searched between 0 and 100.
    by
        What is to be reached on the saturated samples, in units of u′: ``response``, the mean of E[∂φ/∂x]; ``pull``,
        the mean of ±Cov(φ, ∂φ/∂x); or ``rms``, the root mean square of ∂φ/∂x over draws and samples.
    target_grad
        How much of it, above 0.
    max_bias, max_std
        Largest root mean squares of E φ − h and of the standard deviation of φ over all samples, at least 0; None for
        no bound.
    max_wrong
        Largest mean of P(∂φ/∂x has the sign opposite to u′) over the saturated samples, at least 0.
    start_factor
        How many times the target is reached where a schedule starts, at least 1; no bound holds there.

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
    check_name("by", by, TARGETS)
    bounds = {"max_bias": max_bias, "max_wrong": max_wrong, "max_std": max_std}
    for name, bound in bounds.items():
        if bound is not None and not bound >= 0:
            raise InputError(f"{name} must be at least 0, got {bound}", parameter=name)
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
        raise InputError(f"no sample saturates: {why_none(h)}")
    wanted = _Wanted(by, target_grad, {name: bound for name, bound in bounds.items() if bound is not None})
    searches = [_Search(unit, sample) for unit in units]
    roots = [(search.smallest(wanted), search) for search in searches]
    found = [(root, search) for root, search in roots if root is not None]
    best, search = min(found, key=lambda pair: (pair[0].price, pair[0].c), default=(None, None))
    start = None
    if best is not None and search is not None:
        start = search.smallest(_Wanted(by, start_factor * target_grad, {}), since=best)
    levels = [level for search in searches for level in search.levels]
    curve = _prices(levels, by)
    rivals = np.concatenate([curve, _prices([root for root, _ in found], by)]) if found else curve

    def marked(setting: Setting) -> Setting:
        return replace(setting, on_front=bool(fronts(_prices([setting], by), rivals)[0]))

    return Calibration(
        best=None if best is None else marked(best),
        found=tuple(marked(root) for root, _ in found),
        curve=tuple(
            replace(level, on_front=bool(here)) for level, here in zip(levels, fronts(curve, curve), strict=True)
        ),
        start=None if start is None else marked(start),
        by=by,
        target_grad=target_grad,
        **bounds,
        start_factor=start_factor,
    )


def _prices(settings: Sequence[Setting], by: str) -> Array:
    """Return what is the better the smaller: the target missing, bias and std; shape (settings, 3)."""
    return np.array([[-one.of(by), one.bias_rms, one.std_rms] for one in settings])


_BOUNDED: Final = {"max_bias": "bias_rms", "max_wrong": "p_wrong", "max_std": "std_rms"}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a setting must keep to: so much of what is asked for, in units of u′, and bounds by their names."""

    by: str
    target: float
    bounds: Mapping[str, float]

    def margins(self, setting: Setting) -> Array:
        """Return how much is to spare of each, negative where it is not kept."""
        spare = [setting.of(self.by) - self.target * (1.0 - _SLACK)]
        spare += [bound * (1.0 + _SLACK) - getattr(setting, _BOUNDED[name]) for name, bound in self.bounds.items()]
        return np.array(spare)

    def kept(self, setting: Setting) -> bool:
        """Return whether all is kept."""
        return bool((self.margins(setting) >= 0).all())

    def near(self, low: Setting, high: Setting) -> bool:
        """Return whether each is kept at one of two settings, or nearly so."""
        reach = _NEAR * np.array([self.target, *self.bounds.values()])
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
        """Yield where a bound is crossed, for telling how near a search in vain came."""
        for k in range(1, 1 + len(wanted.bounds)):
            spare = [wanted.margins(level)[k] for level in self.levels]
            for (low, high), (before, after) in zip(pairwise(self.levels), pairwise(spare), strict=True):
                if min(before, after) < 0.0 <= max(before, after):
                    ends = [wanted.margins(self.at(one.c))[k] for one in (low, high)]  # levels may stand on wider cells
                    if min(ends) < 0.0 <= max(ends):
                        yield self.at(self._root(wanted, k, low.c, high.c))

    def _turns(self, wanted: _Wanted) -> Iterator[Setting]:
        """Yield where something turns round between levels, if it may be kept, or not, there alone."""
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
        response=found.response_saturated,
        pull=found.pull_saturated,
        noise=found.noise_rms_saturated,
        p_wrong=found.p_wrong_saturated,
        std_rms=found.std_rms,
    )
