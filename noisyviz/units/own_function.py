"""Activations from a function of the user's own: derivative, limits, kinks and u found numerically and checked.

The function maps a float64 array to an array of the same shape. It is looked at on [−50, 50]; what cannot be found
there (a limit, a linear active side, a threshold) is left out and said in `Activation.notes`.
"""

import importlib
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.units.activation import FAR, LARGE, Activation, Array, Function, Saturation

_END: Final = 50.0
_GRID: Final = np.linspace(-_END, _END, 4001) + 0.0031  # off the round numbers at which kinks tend to be
_STEP: Final = 0.02
_NOISE: Final = 1e-10  # slopes below this share of the largest are rounding


def load_activation(name: str) -> Activation:
    """Return the activation of a function named ``package.module:function``, looked up in the current folder first.

    Parameters
    ----------
    name
        Importing the module runs its code, as any import does.

    Raises
    ------
    InputError
        If the module or function cannot be loaded, or the function is not a continuous elementwise map of arrays.
    """
    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        value: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (Exception, SystemExit) as error:
        raise _refused(name, f"could not be loaded ({type(error).__name__}: {error})") from error
    finally:
        sys.path.remove(here)
    if not callable(value):
        raise _refused(name, f"is a {type(value).__name__}, not a function")
    return from_function(name, value)


def from_function(name: str, function: Any) -> Activation:
    """Return the activation of a function of arrays.

    Parameters
    ----------
    name
        What to call it.
    function
        Array in, same shape out, continuous, finite at finite x.

    Returns
    -------
    Activation
        Accuracies: derivative about 1e-10, kinks about 1e-9.

    Raises
    ------
    InputError
        If the function fails, changes the shape, jumps, or gives NaN or complex numbers.

    Examples
    --------
    >>> ramp = from_function("ramp", lambda x: np.clip(x, -1.0, 1.0))
    >>> ramp.kinks, ramp.thresholds, ramp.saturates
    ((-1.0, 1.0), (-1.0, 1.0), ('hard', 'hard'))
    """
    h = _checked(name, function)
    values = h(_GRID)
    scale = float(np.max(np.abs(np.diff(values)))) / float(_GRID[1] - _GRID[0]) or 1.0
    kinks = _find_kinks(name, h, scale)
    breaks = tuple(sorted({*kinks, *_find_bends(h, kinks, scale)}))
    slopes = _Slopes(h, breaks)
    derivative = slopes(_GRID)
    top = float(np.max(np.abs(derivative)))
    left, right = _limit(h, -1.0), _limit(h, 1.0)
    notes: list[str] = []
    doubt = np.abs(derivative - _Slopes(h, breaks, step=0.5 * _STEP)(_GRID))
    if doubt.max() > 1e-7 * top:
        notes.append(f"h' is uncertain by up to {doubt.max():.1g} near x = {_GRID[int(np.argmax(doubt))]:.3g}")
    slope, intercept = _line(h, slopes, left, right, notes)
    flat = _flat(kinks, derivative, top)
    turns = _crossings(slopes, kinks, derivative, _NOISE * top)
    monotone = _is_monotone(derivative, _NOISE * top)
    thresholds = _thresholds(slope, intercept, left, right, monotone, notes)
    sides = tuple(
        _saturation(limit, any(end in interval for interval in flat)) for limit, end in ((left, -inf), (right, inf))
    )
    slopes.settle(top, thresholds)
    return Activation(
        name=name,
        formula=name,
        function=h,
        slope_function=slopes,
        slope=slope,
        intercept=intercept,
        left=left,
        right=right,
        thresholds=thresholds,
        saturates=(sides[0], sides[1]),
        max_slope=top if top > 0 else 1.0,
        kinks=kinks,
        kink_note="h' of the saturated side at thresholds, else the steeper side's",
        breaks=breaks,
        flat=flat,
        turns=turns,
        excursions=_excursions(h, left, right),
        panels=tuple(np.linspace(-40.0, 40.0, 161).tolist()),
        notes=tuple(notes),
    )


def _refused(name: str, why: str) -> InputError:
    return InputError(
        f"function '{name}' {why}; it must be module:function and map an array to one of the same shape",
        parameter="fn",
    )


def _failed(name: str, x: Array, error: BaseException) -> InputError:
    if isinstance(error, MemoryError):
        raise error
    return _refused(name, f"failed on an array of shape {x.shape} ({type(error).__name__}: {error})")


@dataclass(frozen=True, slots=True)
class _Own:
    """A user's function as one of float64 arrays; equal where it is the same function."""

    function: Any
    name: str = field(default="", compare=False)

    def __call__(self, x: Array) -> Array:
        given = np.asarray(x, dtype=np.float64)
        try:
            with np.errstate(all="ignore"):
                y = np.asarray(self.function(given))
        except (Exception, SystemExit) as error:
            raise _failed(self.name, given, error) from error
        return y.astype(np.float64) if y.dtype != np.float64 else y


def _checked(name: str, function: Any) -> Function:
    for probe in (_GRID.copy(), np.zeros((2, 3)), np.zeros((0,))):
        try:
            with np.errstate(all="ignore"):
                y = np.asarray(function(probe))
        except (Exception, SystemExit) as error:
            raise _failed(name, probe, error) from error
        if y.shape != probe.shape:
            raise _refused(name, f"turned shape {probe.shape} into {y.shape}")
        if y.dtype.kind not in "fiub":
            raise _refused(name, f"returned {y.dtype} values, not real numbers")
        if not np.isfinite(y.astype(np.float64)).all():
            raise _refused(name, f"is not finite at x = {probe[~np.isfinite(y)].flat[0]:.6g}")
    return _Own(function, name)


def _zoom(h: Function, order: int, stop: float, scale: float) -> list[tuple[float, float]]:
    """Return (low, high) around every point where the differences of that order peak, narrowed to about `stop`."""
    bend = np.abs(np.diff(h(_GRID), order))
    peaks = np.flatnonzero((bend >= np.roll(bend, 1)) & (bend >= np.roll(bend, -1)) & (bend > 1e-9 * scale))
    ranges = []
    for peak in peaks:
        low, high = float(_GRID[peak]), float(_GRID[peak + order])
        while high - low > stop:
            x = np.linspace(low, high, 17)
            first = int(np.argmax(np.abs(np.diff(h(x), order))))
            low, high = float(x[first]), float(x[first + order])
        ranges.append((low, high))
    return ranges


def _find_kinks(name: str, h: Function, scale: float) -> tuple[float, ...]:
    """Return where h′ jumps: second differences that shrink with the step and not with its square."""
    found: list[float] = []
    for low, high in _zoom(h, 2, 1e-8, scale):
        kink, step = 0.5 * (low + high), 0.5 * (high - low)
        below, at, above = (float(v) for v in h(np.array([low, kink, high])))
        if abs(above - below) > 1e-4 * scale:
            raise _refused(name, f"jumps at x = {kink:.6g}")
        if abs(above - 2.0 * at + below) / step > 1e-3 * scale and not any(abs(kink - k) < 1e-6 for k in found):
            found.append(_tidy(kink, 6))
    return tuple(sorted(found))


def _find_bends(h: Function, kinks: tuple[float, ...], scale: float) -> tuple[float, ...]:
    """Return where h″ jumps, to about 1e-4: third differences that shrink with the square of the step."""
    found: list[float] = []
    for low, high in _zoom(h, 3, 1e-3, scale):
        bend, step = 0.5 * (low + high), (high - low) / 3.0
        jump = abs(float(np.diff(h(np.linspace(low, high, 4)), 3)[0])) / step**2
        if jump > 2e-2 * scale and not any(abs(bend - k) < 0.01 for k in (*kinks, *found)):
            found.append(_tidy(bend, 2))
    return tuple(sorted(found))


@dataclass(slots=True, unsafe_hash=True)  # nothing changes once `settle` has run
class _Slopes:
    """h′ by nine-point stencils that never reach across a kink."""

    h: Function
    kinks: tuple[float, ...]
    step: float = _STEP
    floor: float = 0.0
    at_kinks: tuple[float, ...] = ()

    def __call__(self, x: Array) -> Array:
        x = np.asarray(x, dtype=np.float64)
        gaps = np.diff(np.asarray(self.kinks))
        step = min(self.step, float(gaps.min()) / 9.0) if gaps.size else self.step
        shift = np.zeros(x.shape)  # of the stencil's centre, in steps
        for kink in self.kinks:
            near = np.abs(x - kink) < 4.0 * step
            shift = np.where(near, np.where(x >= kink, 4.0, -4.0), shift)
        slope = np.zeros(x.shape)
        for centre, weights in _STENCILS.items():
            chosen = shift == centre
            if chosen.any():
                nodes = np.clip(x[chosen], -1e15, 1e15)[:, None] + step * (np.arange(-4.0, 5.0) + centre)
                slope[chosen] = self.h(nodes) @ weights / step
        slope = np.where(np.abs(slope) < self.floor, 0.0, slope)
        for kink, value in zip(self.kinks, self.at_kinks, strict=False):
            slope = np.where(x == kink, value, slope)
        return np.where(np.isnan(x), np.nan, slope)

    def one_sided(self, kink: float) -> tuple[float, float]:
        """Return h′ just left and just right of a kink."""
        left = self(np.array([np.nextafter(kink, -inf)]))[0]
        return float(left), float(self(np.array([kink]))[0])

    def settle(self, top: float, thresholds: tuple[float, float]) -> None:
        """Fix the values at kinks, and take slopes at the level of rounding for 0."""
        values = []
        for kink in self.kinks:
            left, right = self.one_sided(kink)
            saturated = {thresholds[0]: left, thresholds[1]: right}.get(kink)
            values.append(max(left, right, key=abs) if saturated is None else saturated)
        self.floor = _NOISE * top
        self.at_kinks = tuple(0.0 if abs(v) < self.floor else v for v in values)


def _stencil(centre: float) -> Array:
    nodes = np.arange(-4.0, 5.0) + centre
    powers = np.vander(nodes, increasing=True).T
    return np.asarray(np.linalg.solve(powers, np.eye(9)[1]), dtype=np.float64)


_STENCILS: Final = {centre: _stencil(centre) for centre in (-4.0, 0.0, 4.0)}


def _limit(h: Function, side: float) -> float:
    """Return the limit of h on one side, ±inf where it grows, by values that no longer change far out."""
    for far in (FAR, 1e100, 1e15):
        a, b = (float(v) for v in h(side * np.array([far, np.sqrt(far)])))
        if np.isfinite(a) and np.isfinite(b):
            return a if abs(a) < LARGE and abs(a - b) < 1e-6 * (1.0 + abs(a)) else float(np.copysign(inf, a))
    return float(np.copysign(inf, h(np.array([side * _END]))[0]))


def _line(h: Function, slopes: _Slopes, left: float, right: float, notes: list[str]) -> tuple[float, float]:
    """Return slope and intercept of u: the line of the active side for one-sided functions, else the tangent at 0."""
    if np.isfinite(left) != np.isfinite(right):
        far = np.array([40.0, 50.0]) * (1.0 if np.isfinite(left) else -1.0)
        slope = slopes(far)
        intercept = h(far) - slope * far
        if abs(slope[1] - slope[0]) < 1e-6 * abs(slope[0]) and abs(intercept[1] - intercept[0]) < 1e-5:
            return _tidy(float(slope[1])), _tidy(float(intercept[1]))
        notes.append("the side without a limit is not a straight line, so u is the tangent at 0")
    zero = np.zeros(1)
    return _tidy(float(slopes(zero)[0])), _tidy(float(h(zero)[0]))


def _tidy(value: float, digits: int = 9) -> float:
    """Return the value rounded to so many digits where it is within a fifth of the last of them."""
    rounded = round(value, digits)
    return float(rounded if abs(value - rounded) < 0.2 * 10.0**-digits else value) + 0.0


def _flat(kinks: tuple[float, ...], derivative: Array, top: float) -> tuple[tuple[float, float], ...]:
    ends = (-inf, *kinks, inf)
    found = []
    for low, high in pairwise(ends):
        inside = derivative[(low + 0.1 < _GRID) & (high - 0.1 > _GRID)]
        if len(kinks) > 0 and inside.size and np.all(np.abs(inside) <= _NOISE * top):
            found.append((low, high))
    return tuple(found)


def _crossings(slopes: _Slopes, kinks: tuple[float, ...], derivative: Array, floor: float) -> tuple[float, ...]:
    """Return where h′ changes its sign, kinks included."""
    from scipy.optimize import brentq

    clear = np.flatnonzero(np.abs(derivative) > floor)
    found = []
    for i, j in pairwise(clear):
        if derivative[i] * derivative[j] < 0:
            between = [kink for kink in kinks if _GRID[i] < kink < _GRID[j]]
            root = between[0] if between else brentq(lambda z: float(slopes(np.array([z]))[0]), _GRID[i], _GRID[j])
            found.append(float(root))
    return tuple(found)


def _is_monotone(derivative: Array, floor: float) -> bool:
    return bool(np.all(derivative > -floor) or np.all(derivative < floor))


def _thresholds(
    slope: float, intercept: float, left: float, right: float, monotone: bool, notes: list[str]
) -> tuple[float, float]:
    """Return where u meets the limits; a side without a limit, or of a function that is not monotone, has none."""
    if not monotone:
        notes.append("the function is not monotone, so no side has a threshold")
        return -inf, inf
    if slope == 0:
        notes.append("the slope of u is 0, so no side has a threshold")
        return -inf, inf
    low = _tidy((left - intercept) / slope) if np.isfinite(left) else -inf
    high = _tidy((right - intercept) / slope) if np.isfinite(right) else inf
    for limit, side in ((left, "left"), (right, "right")):
        if not np.isfinite(limit):
            notes.append(f"no finite limit on the {side}, so that side has no threshold")
    if low >= high:
        notes.append("u meets the limits in the wrong order, so no side has a threshold")
        return -inf, inf
    return low, high


def _saturation(limit: float, flat_to_infinity: bool) -> Saturation:
    if not np.isfinite(limit):
        return "none"
    return "hard" if flat_to_infinity else "soft"


def _excursions(h: Function, left: float, right: float) -> tuple[tuple[float, float], ...]:
    """Return the intervals on which h lies outside [L, R], to the accuracy of a root search."""
    if not (np.isfinite(left) and np.isfinite(right)):
        return ()
    from scipy.optimize import brentq

    low, high = min(left, right), max(left, right)
    slack = 1e-12 * (1.0 + abs(low) + abs(high))

    def excess(z: float) -> float:
        y = float(h(np.array([z]))[0])
        return max(low - y, y - high) - slack

    over = np.maximum(low - h(_GRID), h(_GRID) - high) > slack
    edges = np.flatnonzero(over[1:] != over[:-1])
    roots = [float(brentq(excess, _GRID[i], _GRID[i + 1])) for i in edges]
    ends = [*([-inf] if over[0] else []), *roots, *([inf] if over[-1] else [])]
    return tuple(zip(ends[::2], ends[1::2], strict=True))
