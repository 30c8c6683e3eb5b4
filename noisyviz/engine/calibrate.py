"""The least noise that gives saturated units their gradient back at an acceptable bias.

The samples are first gathered in the cells of a fixed grid, at their means; root mean squares change by less than 1e-3
of their value for that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Activation, Array
from noisyviz.engine.blocks import Block, blocks
from noisyviz.engine.exact import exact
from noisyviz.engine.grid import Grid
from noisyviz.engine.noise_effect import NoiseProfile, squares
from noisyviz.engine.scratch import Scratch
from noisyviz.engine.tally import Mask, Places, Tally
from noisyviz.engine.units import KINDS, NoisyUnit
from noisyviz.errors import InputError

C_MAX: Final = 100.0
_LEVELS: Final = np.concatenate([[0.0], np.geomspace(0.01, C_MAX, 41)])
_GRID: Final = Grid(bits=6, octaves=64)
_BLOCK: Final = 1 << 15  # numbers gathered at once
_SLACK: Final = 1e-12  # so that a leak of 1 - 0.9 reaches 0.1 in spite of rounding
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
    """

    best: Setting | None
    found: tuple[Setting, ...]
    curve: tuple[Setting, ...]


def gather(arrays: Iterable[npt.ArrayLike], activation: Activation) -> Sample:
    """Gather the finite numbers of arrays of any shape, those that saturate apart from the others."""
    tally, scratch = Tally(grid=_GRID), Scratch()
    for values in arrays:
        with np.errstate(all="ignore"):
            for block in blocks(np.asanyarray(values), _BLOCK):
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
    if not units:
        raise InputError("units must hold at least one unit", parameter="unit")
    h = units[0].activation
    sample = x if isinstance(x, Sample) else gather([np.asarray(x)], h)
    if not sample.weights[sample.saturated].sum() > 0:
        raise InputError(f"no sample saturates: none lies at or beyond a threshold of {h.name}")
    bound = np.inf if max_bias is None else max_bias
    found, curve = [], []
    for unit in units:
        settings = [_setting(unit, sample, c) for c in (_LEVELS if "c" in KINDS[unit.kind].uses else [0.0])]
        curve += settings
        root = _smallest(unit, sample, settings, target_grad * abs(h.slope), bound)
        found += [] if root is None else [root]
    best = min(found, key=lambda setting: (setting.c, setting.bias_rms), default=None)
    return Calibration(best=best, found=tuple(found), curve=tuple(curve))


def _setting(unit: NoisyUnit, sample: Sample, c: float) -> Setting:
    noisy = unit.replace(c=float(c))
    found = effect(noisy, sample)
    return Setting(unit=noisy, c=float(c), grad_rms_saturated=found.grad_rms_saturated, bias_rms=found.bias_rms)


def _margin(setting: Setting, target: float, bound: float) -> float:
    """Return how much is to spare, negative when the target is missed or the bound broken."""
    return min(setting.grad_rms_saturated - target * (1.0 - _SLACK), bound * (1.0 + _SLACK) - setting.bias_rms)


def _smallest(
    unit: NoisyUnit, sample: Sample, settings: Sequence[Setting], target: float, bound: float
) -> Setting | None:
    """Return the setting at the first crossing into what is wanted."""
    from scipy.optimize import brentq

    margins = [_margin(setting, target, bound) for setting in settings]
    first = next((position for position, margin in enumerate(margins) if margin >= 0), None)
    if first is None:
        return None
    if first == 0 or margins[first] == 0:
        return settings[first]

    def margin(c: float) -> float:
        return _margin(_setting(unit, sample, c), target, bound)

    low, high = settings[first - 1].c, settings[first].c
    root = _setting(unit, sample, brentq(margin, low, high, xtol=1e-12, rtol=1e-10))
    nudged = root if _margin(root, target, bound) >= 0 else _setting(unit, sample, root.c * (1.0 + 1e-9) + 1e-12)
    return nudged if _margin(nudged, target, bound) >= 0 else root
