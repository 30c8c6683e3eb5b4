"""The least noise that gives saturated units their gradient back at an acceptable bias.

The samples are first gathered in the cells of a fixed grid, at their means; root mean squares change by less than 1e-4
of their value for that, those of the trade-off curve of input noise, from wider cells, by less than 1e-3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.engine.exact import exact
from noisyviz.engine.noise_effect import NoiseProfile, squares
from noisyviz.engine.sample import Sample, gather, normal_input, thinned
from noisyviz.engine.units import KINDS, NoisyUnit
from noisyviz.errors import InputError

__all__ = ["C_MAX", "Calibration", "Sample", "Setting", "calibrate", "effect", "gather", "normal_input"]

C_MAX: Final = 100.0
_LEVELS: Final = np.concatenate([[0.0], np.geomspace(0.01, C_MAX, 61)])
_FEW: Final = 1000  # nodes that are not thinned
_SLACK: Final = 1e-12  # so that a leak of 1 - 0.9 reaches 0.1 in spite of rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setting:
    """A unit, its noise level and what it does to the samples."""

    unit: NoisyUnit
    c: float
    grad_rms_saturated: float
    bias_rms: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """What was found.

    Parameters
    ----------
    best
        The setting with the smallest c, of equal ones that with the smallest bias; None when no setting reaches the
        target.
    found
        The smallest c of every unit that reaches it.
    curve
        Every unit at noise levels from 0 to 100.
    start
        Where a schedule of c for the best unit may start, to end at the best setting: the smallest c from there on
        with `start_factor` times the target gradient, whatever its bias. None where c up to 100 does not reach that.
    """

    best: Setting | None
    found: tuple[Setting, ...]
    curve: tuple[Setting, ...]
    start: Setting | None


def effect(unit: NoisyUnit, sample: Sample) -> NoiseProfile:
    """Return the root mean squares of bias, spread and gradient over the samples, by the exact road."""
    found = exact(unit, sample.x)
    moments = (found.bias, found.std, found.grad_rms)
    return NoiseProfile.of(squares(unit, sample.x, sample.weights, sample.saturated, moments))


def calibrate(
    x: npt.ArrayLike | Sample,
    *,
    units: Sequence[NoisyUnit],
    target_grad: float = 0.25,
    max_bias: float | None = None,
    start_factor: float = 4.0,
) -> Calibration:
    """Return the smallest noise level c with which saturated samples reach a gradient at an acceptable bias.

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
    if not sample.weights[sample.saturated].sum() > 0:
        raise InputError(f"no sample saturates: none lies at or beyond a threshold of {h.name}")
    bound = np.inf if max_bias is None else max_bias
    target = target_grad * abs(h.slope)
    found, curve, searches = [], [], {}
    for unit in units:
        search = _Search(unit, sample)
        root = search.smallest(lambda one: _margin(one, target, bound))
        curve += search.levels
        if root is not None:
            found.append(root)
            searches[root] = search
    best = min(found, key=lambda setting: (setting.c, setting.bias_rms), default=None)
    start = None
    if best is not None:
        wanted = start_factor * target
        start = searches[best].smallest(lambda one: _margin(one, wanted, np.inf), since=best)
    return Calibration(best=best, found=tuple(found), curve=tuple(curve), start=start)


def _margin(setting: Setting, target: float, bound: float) -> float:
    """Return how much is to spare, negative when the target is missed or the bound broken."""
    return min(setting.grad_rms_saturated - target * (1.0 - _SLACK), bound * (1.0 + _SLACK) - setting.bias_rms)


class _Search:
    """The settings of one unit: a curve over all noise levels, and the roots between them."""

    def __init__(self, unit: NoisyUnit, sample: Sample) -> None:
        self.unit, self.sample = unit, sample
        kind = KINDS[unit.kind]
        coarse = sample if kind.output_noise or sample.x.size <= _FEW else thinned(sample)
        self.levels = [_setting(unit, coarse, c) for c in (_LEVELS if "c" in kind.uses else [0.0])]

    def at(self, c: float) -> Setting:
        """Return the setting at a noise level, from all nodes."""
        return _setting(self.unit, self.sample, c)

    def smallest(self, margin: Callable[[Setting], float], *, since: Setting | None = None) -> Setting | None:
        """Return the setting with the smallest c, not below that of another, at which a margin is not negative."""
        from scipy.optimize import brentq

        low = self.at(0.0) if since is None else since
        if margin(low) >= 0:
            return low
        levels = [level for level in self.levels if level.c > low.c]
        near = next((i for i, level in enumerate(levels) if margin(level) >= 0), len(levels) - 1)
        for i in range(max(near - 1, 0), len(levels)):  # the curve may stand on wider cells: so look around
            high = self.at(levels[i].c)
            if margin(high) >= 0:
                break
            low = high
        else:
            return None
        if margin(high) == 0:
            return high
        root = self.at(brentq(lambda c: margin(self.at(c)), low.c, high.c, xtol=1e-12, rtol=1e-10))
        nudged = root if margin(root) >= 0 else self.at(root.c * (1.0 + 1e-9) + 1e-12)
        return nudged if margin(nudged) >= 0 else root


def _setting(unit: NoisyUnit, sample: Sample, c: float) -> Setting:
    noisy = unit.replace(c=float(c))
    found = effect(noisy, sample)
    return Setting(unit=noisy, c=float(c), grad_rms_saturated=found.grad_rms_saturated, bias_rms=found.bias_rms)
