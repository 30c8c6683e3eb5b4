"""Activations from a function of the user's own: derivative, limits, kinks and u found numerically and checked.

`own_calls` calls the function, `own_pieces` finds h′ and where h is not smooth, at the scale of the function itself;
what cannot be found (a limit, a linear active side, a threshold) is left out and said in `Activation.notes`.
"""

import importlib
import importlib.util
import sys
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import inf
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.units.activation import Activation, Array, Function, Saturation
from noisyviz.units.own_calls import DOUBLE, SINGLE, Call, OwnCodeError, UnfitError, adapted, own_code, precision_of
from noisyviz.units.own_expression import Expression
from noisyviz.units.own_pieces import Pieces, TooRoughError, resolve
from noisyviz.units.own_tails import Continued, End, ends_of

_NEAR: Final = 8.0  # |x| within which the largest h′ of a function is looked for that grows faster than a line
_WIDE: Final = 50.0  # standard deviations of noise up to which h' is checked
_FAR: Final = 1e4  # |x| beyond which nobody looks
_TOLD: Final = 1e-7  # of the largest h′: an uncertainty that is said


def load_activation(name: str) -> Activation:
    """Return the activation of a function named ``package.module:function`` or ``path/file.py:function``.

    Parameters
    ----------
    name
        Modules are looked up in the current folder first. Importing one runs its code, as any import does.

    Raises
    ------
    InputError
        If the module or function cannot be loaded, or the function is not a continuous elementwise map of arrays.
    """
    module_name, _, attribute = name.rpartition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        with own_code():
            value: Any = _module(module_name)
            for part in attribute.split("."):
                value = getattr(value, part)
    except OwnCodeError as error:
        raise _refused(name, f"could not be loaded ({error})") from error.__cause__
    finally:
        sys.path.remove(here)
    if not callable(value):
        raise _refused(name, f"is a {type(value).__name__}, not a function")
    try:
        return analysed(name, value)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return from_function(name, value)


@lru_cache(maxsize=64)
def analysed(name: str, value: Any) -> Activation:
    """Return `from_function` of a function that can be hashed, looked at once."""
    return from_function(name, value)


_FILES: dict[tuple[str, float], ModuleType] = {}


def _module(name: str) -> ModuleType:
    """Import a module by its name, or a file by its path."""
    if not (name.endswith(".py") or "/" in name or "\\" in name):
        return importlib.import_module(name)
    path = Path(name).expanduser().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {name}")
    key = str(path), path.stat().st_mtime
    if key not in _FILES:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{name} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(path.parent))
        try:
            spec.loader.exec_module(module)
        finally:
            sys.path.remove(str(path.parent))
        _FILES[key] = module
    return _FILES[key]


def from_function(name: str, function: Any) -> Activation:
    """Return the activation of a function of arrays.

    Parameters
    ----------
    name
        What to call it.
    function
        Array in, same shape out, elementwise and continuous, finite at finite x; of NumPy, PyTorch or JAX, or of one
        number.

    Returns
    -------
    Activation
        For smooth functions in double precision h′ is right to about 1e-12 of its size at the function's own scale,
        kinks to about 1e-9.

    Raises
    ------
    InputError
        If the function fails, changes the shape, is random or not elementwise, jumps, or gives NaN or complex numbers.

    Examples
    --------
    >>> ramp = from_function("ramp", lambda x: np.clip(x, -1.0, 1.0))
    >>> ramp.kinks, ramp.thresholds, ramp.saturates
    ((-1.0, 1.0), (-1.0, 1.0), ('hard', 'hard'))
    """
    try:
        call, notes = adapted(function)
        return _activation(name, call, notes)
    except UnfitError as error:
        raise _refused(name, str(error)) from error.__cause__


def _refused(name: str, why: str) -> InputError:
    return InputError(f"function '{name}' {why}", parameter="fn")


def _activation(name: str, call: Call, notes: list[str]) -> Activation:
    precision = precision_of(call)
    left, right = ends_of(call, precision)
    h = Continued(call, left, right)
    try:
        pieces, singular, reach = resolve(h, precision=precision, reach=(left.reach, right.reach))
    except TooRoughError:
        raise UnfitError("changes too wildly to be analysed between -8 and 8") from None
    for one in singular:
        if one.unbounded and abs(one.jump) < 1e-3:
            raise UnfitError(f"has a derivative that grows without bound at x = {one.x:.6g}")
        if one.jump:
            raise UnfitError(f"jumps at x = {one.x:.6g}, by {one.jump:.3g}; it must be continuous")
    kinks = tuple(one.x for one in singular if one.kink)
    slopes = _Slopes(h, kinks, pieces, _ends(left, right, reach))
    x = pieces.nodes()
    derivative, doubt = slopes(x), pieces.doubt[pieces.panel(x)]
    if _automatic_agrees(call, derivative, x, notes):
        slopes = slopes.by(call)
        derivative = slopes(x)
    grows = any(end.kind == "grows" for end in (left, right))
    near = np.abs(x) <= _NEAR if grows else np.abs(x) < inf
    top = float(np.max(np.abs(derivative[near])))
    limits = left.limit, right.limit
    _tell(notes, left, right, reach, x, np.where(near, doubt, 0.0), top)
    slope, intercept = _line(h, slopes, left, right, precision, notes)
    clear = np.abs(derivative) > np.maximum(10.0 * doubt, precision * top)  # a smaller one may be rounding alone
    monotone = bool((derivative[clear] > 0).all() or (derivative[clear] < 0).all())
    thresholds = _thresholds(slope, intercept, *limits, monotone, notes)
    flat = _flat(kinks, x, derivative, (left, right))
    slopes = slopes.settled(thresholds)
    if not _stein_agrees(h, slopes, thresholds, precision):
        notes.append(
            "its derivative fails an independent check (E[h(x + c*xi)*xi] = c*E[h'(x + c*xi)]), "
            "so gradients may be wrong"
        )
    sides = tuple(
        _saturation(limit, any(end in interval for interval in flat))
        for limit, end in zip(limits, (-inf, inf), strict=True)
    )
    bounded = isinstance(call.function, Expression) and bool(np.isfinite(limits).all())
    return Activation(
        name=name,
        formula=name,
        function=h,
        slope_function=slopes,
        slope=slope,
        intercept=intercept,
        left=limits[0],
        right=limits[1],
        thresholds=thresholds,
        saturates=(sides[0], sides[1]),
        max_slope=top if top > 0 else 1.0,
        kinks=kinks,
        kink_note="h' of the saturated side at thresholds, else the steeper side's",
        breaks=tuple(one.x for one in singular),
        flat=flat,
        turns=_crossings(slopes, kinks, x, np.where(clear, derivative, 0.0)),
        excursions=_excursions(h, x, *limits, precision),
        panels=tuple(pieces.wide.tolist()),
        pair_function=_Pair(call.function, slopes) if slopes.automatic and bounded else None,
        notes=tuple(notes),
    )


def _ends(left: End, right: End, reach: tuple[float, float]) -> tuple[float, float]:
    """Return h′ beyond the panels on either side; NaN where it must be worked out."""
    found = []
    for end, edge in ((left, reach[0]), (right, reach[1])):
        found.append(0.0 if np.isfinite(end.limit) and abs(edge) >= end.settled else end.slope)
    return found[0], found[1]


@dataclass(frozen=True, slots=True, unsafe_hash=True)
class _Slopes:
    """h′: the library's own where there is one, else that of the polynomials; equal where h is the same function."""

    h: Function
    kinks: tuple[float, ...]
    pieces: Pieces = field(compare=False)
    beyond: tuple[float, float] = field(compare=False)
    automatic: Call | None = None
    at_kinks: tuple[float, ...] = field(default=(), compare=False)

    def by(self, call: Call) -> "_Slopes":
        """Return the same with the derivative of the library."""
        return _Slopes(self.h, self.kinks, self.pieces, self.beyond, call, self.at_kinks)

    def __call__(self, x: Array) -> Array:
        x = np.asarray(x, dtype=np.float64)
        found = self.automatic.derivative(self._near(x)) if self.automatic is not None and x.size else None
        return self._put_right(x, found)

    def _near(self, x: Array) -> Array:
        return np.clip(x, float(self.pieces.edges[0]), float(self.pieces.edges[-1]))

    def _put_right(self, x: Array, found: Array | None) -> Array:
        """Return h′ from that of the library, which may fail, where h was looked at."""
        low, high = float(self.pieces.edges[0]), float(self.pieces.edges[-1])
        slope = np.full(x.shape, np.nan) if found is None else np.array(found, dtype=np.float64)
        missing = ~np.isfinite(slope)
        if missing.any():
            there = self._near(x[missing])
            of_pieces = self.pieces.slope(there)
            slope[missing] = np.where(np.abs(of_pieces) < self.pieces.doubt[self.pieces.panel(there)], 0.0, of_pieces)
        for outside, value in ((x < low, self.beyond[0]), (x > high, self.beyond[1])):
            if outside.any():
                slope[outside] = self._far(x[outside]) if np.isnan(value) else value
        for kink, value in zip(self.kinks, self.at_kinks, strict=False):
            slope = np.where(x == kink, value, slope)
        return np.where(np.isnan(x), np.nan, slope)

    def with_value(self, x: Array, expression: Expression) -> tuple[Array, Array]:
        """Return h and h′ of an expression at once, in new arrays."""
        near = self._near(x)
        value, slope = expression.with_derivative(near)
        away = x != near
        if away.any():
            value[away] = self.h(x[away])
        return value, self._put_right(x, slope)

    def _far(self, x: Array) -> Array:
        """Return difference quotients where h was not looked at."""
        step = 1e-5 * np.abs(x)
        found: Array = (self.h(x + step) - self.h(x - step)) / (2.0 * step)
        return np.where(np.isfinite(found), found, 0.0)

    def settled(self, thresholds: tuple[float, float]) -> "_Slopes":
        """Return the same with values at kinks: that of the saturated side at thresholds, else the steeper one."""
        values = []
        for kink in self.kinks:
            step = 1e-9 * (1.0 + abs(kink))
            left, right = (float(v) for v in self(np.array([kink - step, kink + step])))
            saturated = {thresholds[0]: left, thresholds[1]: right}.get(kink)
            values.append(max(left, right, key=abs) if saturated is None else saturated)
        return _Slopes(self.h, self.kinks, self.pieces, self.beyond, self.automatic, tuple(values))


@dataclass(frozen=True, slots=True)
class _Pair:
    """h and h′ of an expression at once."""

    expression: Expression
    slopes: _Slopes

    def __call__(self, x: Array) -> tuple[Array, Array]:
        return self.slopes.with_value(x, self.expression)


def _automatic_agrees(call: Call, derivative: Array, x: Array, notes: list[str]) -> bool:
    """Tell whether a library's own derivative is that of its function, and say where it is not."""
    found = call.derivative(x)
    if found is None:
        return False
    inside = np.isfinite(found) & (np.abs(x) <= _NEAR)
    top = max(float(np.abs(derivative[inside]).max(initial=0.0)), 1e-300)
    wrong = np.abs(found - derivative)[inside] > 1e-3 * top
    if wrong.mean() > 0.02:
        place = x[inside][wrong][0]
        notes.append(
            f"its own gradient is not its derivative, for instance at x = {place:.3g}; the derivative is taken"
        )
        return False
    return True


def _tell(
    notes: list[str],
    left: End,
    right: End,
    reach: tuple[float, float],
    x: Array,
    doubt: Array,
    top: float,
) -> None:
    """Say what is uncertain, and where h was not looked at."""
    if doubt.max() > _TOLD * top:
        place = x[int(np.argmax(doubt))]
        notes.append(f"h' is uncertain by up to {doubt.max():.1g} near x = {place:.3g}")
    for end, edge in ((left, reach[0]), (right, reach[1])):
        where = "left" if end.side < 0 else "right"
        if end.broken < _FAR:
            notes.append(f"its formula gives no number beyond x = {end.side * end.broken:.3g}")
        elif end.kind == "none":
            notes.append(f"on the {where} it neither settles nor grows, so it has no limit there")
        if abs(edge) < 0.5 * abs(end.reach) and abs(edge) < _FAR and end.settled > abs(edge):
            notes.append(f"its derivative is only approximate beyond x = {edge:.4g}")


def _line(
    h: Function, slopes: _Slopes, left: End, right: End, precision: float, notes: list[str]
) -> tuple[float, float]:
    """Return slope and intercept of u: the line of the active side for one-sided functions, else the tangent at 0."""
    if np.isfinite(left.limit) != np.isfinite(right.limit):
        active = right if np.isfinite(left.limit) else left
        if active.kind == "line":
            slope = _tidy(active.slope)
            at = active.side * min(active.stop, 1e6)
            intercept = _tidy(float(h(np.array([at]))[0]) - slope * at, 5)
            return slope, intercept
        notes.append("the side without a limit is not a straight line, so u is the tangent at 0")
    zero = np.zeros(1)
    digits = 9 if precision == DOUBLE else 4 if precision == SINGLE else 2
    return _tidy(float(slopes(zero)[0]), digits), _tidy(float(h(zero)[0]), digits)


def _tidy(value: float, digits: int = 9) -> float:
    """Return the value rounded to so many digits where it is within a fifth of the last of them."""
    rounded = round(value, digits)
    return float(rounded if abs(value - rounded) < 0.2 * 10.0**-digits else value) + 0.0


def _flat(
    kinks: tuple[float, ...], x: Array, derivative: Array, ends: tuple[End, End]
) -> tuple[tuple[float, float], ...]:
    """Return the intervals between kinks on which h′ is 0 throughout."""
    found = []
    for low, high in pairwise((-inf, *kinks, inf)):
        inside = derivative[(low < x) & (high > x)]
        if not kinks or not inside.size or inside.any():
            continue
        if (low > -inf or ends[0].kind == "limit") and (high < inf or ends[1].kind == "limit"):
            found.append((low, high))
    return tuple(found)


def _crossings(slopes: _Slopes, kinks: tuple[float, ...], x: Array, derivative: Array) -> tuple[float, ...]:
    """Return where h′ changes its sign, kinks included."""
    clear = np.flatnonzero(derivative)
    changes = np.flatnonzero(np.diff(np.sign(derivative[clear])) != 0)
    found: list[float] = []
    smooth: list[tuple[float, float]] = []
    for i, j in zip(clear[changes].tolist(), clear[changes + 1].tolist(), strict=True):
        between = [kink for kink in kinks if x[i] < kink < x[j]]
        if between:
            found.append(between[0])
        else:
            smooth.append((float(x[i]), float(x[j])))
    ends = np.array(smooth).reshape(-1, 2)
    sign = np.sign(slopes(ends[:, 0]))
    for _ in range(80):  # halvings of all intervals at once
        middle = ends.mean(axis=1)
        same = np.sign(slopes(middle)) == sign
        ends = np.where(np.stack([same, ~same], axis=1), middle[:, None], ends)
    return tuple(sorted([*found, *ends.mean(axis=1).tolist()]))


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


def _excursions(h: Function, x: Array, left: float, right: float, precision: float) -> tuple[tuple[float, float], ...]:
    """Return the intervals on which h lies outside [L, R], to the accuracy of a root search."""
    if not (np.isfinite(left) and np.isfinite(right)):
        return ()
    from scipy.optimize import brentq

    low, high = min(left, right), max(left, right)
    slack = max(1e-12, 16.0 * precision * (precision > DOUBLE)) * (1.0 + abs(low) + abs(high))

    def excess(z: float) -> float:
        y = float(h(np.array([z]))[0])
        return max(low - y, y - high) - slack

    y = h(x)
    over = np.maximum(low - y, y - high) > slack
    edges = np.flatnonzero(over[1:] != over[:-1])
    roots = [float(brentq(excess, x[i], x[i + 1])) for i in edges]
    ends = [*([-inf] if over[0] else []), *roots, *([inf] if over[-1] else [])]
    return tuple(zip(ends[::2], ends[1::2], strict=True))


def _stein_agrees(h: Function, slopes: _Slopes, thresholds: tuple[float, float], precision: float) -> bool:
    """Check h′ by what needs no derivative: E[h(x + cξ)ξ] = c·E[h′(x + cξ)] for normal ξ (Stein)."""
    xi = np.linspace(-_NEAR, _NEAR, 4001)
    weight = np.exp(-0.5 * xi * xi) * (xi[1] - xi[0]) / np.sqrt(2.0 * np.pi)
    inner = [t for t in thresholds if np.isfinite(t)]
    unit = min(max([1.0, *map(abs, inner)]), _WIDE)
    for c in (0.3 * unit, 1.0 * unit):
        for x in (-2.0 * unit, -unit, 0.0, unit, 2.0 * unit, *(t for t in inner if abs(t) < 1e3)):
            z = x + c * xi
            y, slope = h(z), slopes(z)
            level = float(h(np.array([x]))[0])
            ours, theirs = float(weight @ slope), float(weight @ ((y - level) * xi)) / c
            size = float(np.sqrt(weight @ slope**2)) + abs(theirs)
            if (
                not np.isfinite([ours, theirs, size]).all()
                or abs(ours - theirs) > (5e-3 + 20.0 * precision) * size + 1e-12
            ):
                return bool(not np.isfinite(theirs))
    return True
