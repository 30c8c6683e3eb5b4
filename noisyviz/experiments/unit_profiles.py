"""What the units of a model do at a few moments of its training: how they saturate, and what their gradients become.

The pre-activations are those of a training update. Shares and flat units are counts over all of them; response, pull
and noise are exact moments with each unit's own p, over saturated samples.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from torch import Tensor, nn

import noisyviz as nv
from noisyviz.moments.quantities import MOMENTS
from noisyviz.torch.activation import NoisyActivation
from noisyviz.torch.annealing import noisy_modules
from noisyviz.torch.capture import Captured
from noisyviz.units.activation import Array

MOMENTS_OF_A_RUN: Final = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the updates after which the next one is looked at."""
MOST: Final = 4096
"""Saturated samples of an array at most, evenly spaced, whose moments are worked out."""
COVARIANCE: Final = "grad_cov"
SHARES: Final = ("share_left", "share_right", "share_saturated")
EFFECTS: Final = (
    "response_saturated",
    "response_noiseless_saturated",
    "pull_saturated",
    "noise_rms_saturated",
    "p_wrong_saturated",
    "p_zero_saturated",
)

Row = dict[str, Any]


def looked_at(updates: int) -> frozenset[int]:
    """Return the numbers of the updates, from 0, whose pre-activations are looked at.

    Examples
    --------
    >>> sorted(looked_at(100))
    [0, 5, 10, 25, 50, 75, 99]
    """
    return frozenset(min(int(share * updates), updates - 1) for share in MOMENTS_OF_A_RUN)


def profiled(step: int, model: nn.Module, seen: Captured) -> list[Row]:
    """Return a row for each array of noisy units, the same units without noise among them.

    Parameters
    ----------
    step
        Updates done before this one.
    model
        What was captured; activations without noise of their own, such as the ReLU behind it, are left out.
    seen
        Of one update.
    """
    functions, rows = seen.functions, []
    units = {name: (module, p) for name, module, p in _slots(model)}
    arrays = {name: values for name, values in seen.arrays().items() if name in units}
    if not arrays:
        return []
    counted = nv.profile(arrays, functions={name: functions[name] for name in arrays})
    for found in counted.arrays:
        module, p = units[found.name]
        row: Row = {"step": step, "array": found.name, "fn": found.fn, "units": found.units, "samples": found.samples}
        row |= {name: getattr(found, name) for name in SHARES} | {"share_flat": found.flat_units / found.units}
        rows.append(row | _effects(_unit(module, found.fn, p), arrays[found.name]))
    return rows


def _slots(model: nn.Module) -> Iterator[tuple[str, Any, Array]]:
    """Yield what `capture` calls each array of noisy units, its module, and p, a number or one for each unit."""
    modules = {id(module) for module in noisy_modules(model)}
    for name, module in model.named_modules():
        if id(module) not in modules:
            continue
        if isinstance(module, NoisyActivation):
            yield name or "x", module, _numbers(module.p)
            continue
        own: Any = module
        size, before = own.hidden_size, f"{name}." if name else ""
        for key in [key for key, _ in [*own.named_parameters(recurse=False), *own.named_buffers(recurse=False)]]:
            if key != "p" and not key.startswith("p_"):
                continue
            p, suffix = _numbers(getattr(own, key)), key.removeprefix("p") if hasattr(own, "num_layers") else ""
            for index, slot in enumerate(own.SLOTS):
                part = p[index * size : (index + 1) * size] if p.ndim else p
                yield before + slot.name + suffix, own, part


def _numbers(p: Tensor) -> Array:
    return p.detach().cpu().double().numpy()


def _unit(module: Any, fn: str, p: Array) -> nv.NoisyUnit:
    sigmoid = getattr(module, "sigmoid", None) == fn
    alpha = module.alpha_sigmoid if sigmoid else module.alpha
    return nv.NoisyUnit(
        fn, kind=module.kind, alpha=alpha, c=float(module.c), p=p, scale=module.scale, noise=module.noise
    )


def _effects(unit: nv.NoisyUnit, values: Array) -> dict[str, float]:
    """Return means over saturated samples, in units of u′; the noise is a root mean square. NaN without a sample."""
    low, high = unit.activation.thresholds
    where = np.nonzero((values <= low) | (values >= high))
    count = len(where[0])
    if not count:
        return dict.fromkeys(EFFECTS, float("nan"))
    kept = np.unique(np.linspace(0, count - 1, MOST).astype(np.int64)) if count > MOST else slice(None)
    row, column = where[0][kept], where[1][kept]
    x = np.asarray(values[row, column], dtype=np.float64)
    p = np.asarray(unit.p)
    found = nv.exact(unit.replace(p=p[column] if p.ndim else p), x)
    slope, h = unit.activation.slope, unit.activation.derivative(x)
    side = np.where(x >= high, 1.0, -1.0)
    cov = side * getattr(found, COVARIANCE) / abs(slope) if COVARIANCE in MOMENTS else np.full(1, np.nan)
    effects = (
        found.grad_mean.mean() / slope,
        h.mean() / slope,
        cov.mean(),
        np.sqrt(np.mean(found.grad_std**2)) / abs(slope),
        found.p_wrong.mean(),
        found.p_zero.mean(),
    )
    return dict(zip(EFFECTS, map(float, effects), strict=True))
