"""What a function of a user's own does far out: its limits, or the line or the growth that it follows.

Formulas overflow there: (eˣ − e⁻ˣ)/(eˣ + e⁻ˣ) is NaN beyond 710. Where the values had settled before, they are
continued.
"""

from dataclasses import dataclass
from math import inf
from typing import Final, Literal

import numpy as np

from noisyviz.units.activation import Array, Function
from noisyviz.units.own_calls import DOUBLE, HALF, SINGLE

_PLACES: Final = np.geomspace(0.5, 1e300, 2600)
_SETTLED: Final = 1e-9  # relative, over a run of places
_RUN: Final = 6
# |x| beyond which a change is the formula's failure, by the rounding inside it
_GENUINE: Final = {DOUBLE: 1e30, SINGLE: 1e15, HALF: 128.0}
_FURTHEST: Final = 2.0**53


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What h does on one side.

    Parameters
    ----------
    side
        −1 or 1.
    kind
        "limit", "line", "grows", or "none" for a function that neither settles nor grows.
    limit
        Its limit, ±inf where it has none.
    settled
        |x| from which on the limit is reached to rounding; inf without a limit.
    intercept, slope
        Of the line; slope is NaN where h′ must be worked out.
    stop
        |x| beyond which the formula fails and h is continued; inf where it does not.
    broken
        |x| from which on the formula gives nothing, and nothing continues it.
    """

    side: float
    kind: Literal["limit", "line", "grows", "none"]
    limit: float
    settled: float = inf
    intercept: float = 0.0
    slope: float = np.nan
    stop: float = inf
    broken: float = inf

    @property
    def reach(self) -> float:
        """The farthest x that is looked at."""
        return self.side * min(self.stop, self.broken, _FURTHEST)


@dataclass(frozen=True, slots=True)
class Continued:
    """h, continued where its formula fails."""

    function: Function
    left: End
    right: End

    def __call__(self, x: Array) -> Array:
        """Return h(x), of x's shape."""
        x = np.asarray(x, dtype=np.float64)
        y = self.function(x)
        for end in (self.left, self.right):
            if np.isfinite(end.stop):
                line = end.limit if end.kind == "limit" else end.intercept + end.slope * x
                y = np.where(end.side * x > end.stop, line, y)
        return y


def ends_of(h: Function, precision: float) -> tuple[End, End]:
    """Return what h does on the left and on the right."""
    return _end(h, -1.0, precision), _end(h, 1.0, precision)


def _end(h: Function, side: float, precision: float) -> End:
    x = side * _PLACES
    y = h(x)
    good = np.isfinite(y)
    count = int(np.argmin(good)) if not good.all() else good.size
    x, y = x[:count], y[:count]
    tolerance = max(_SETTLED, 8.0 * precision)
    broken = float(_PLACES[count - 1]) if count < good.size else inf
    if count < _RUN + 1:
        return End(side=side, kind="none", limit=side * inf, broken=broken)
    first, last = _settled(y, tolerance, precision)
    if last > first:
        limit = float(y[last])
        settled = np.flatnonzero(np.abs(y[first : last + 1] - limit) > max(1e-15, precision) * (1.0 + abs(limit)))
        from_on = float(_PLACES[first + int(settled[-1]) + 1]) if settled.size else float(_PLACES[first])
        stop = float(_PLACES[last]) if last < good.size - 1 else inf
        return End(side=side, kind="limit", limit=_tidy(limit, tolerance), settled=from_on, stop=stop)
    with np.errstate(all="ignore"):
        slopes = np.diff(y) / np.diff(x)
    first, last = _settled(slopes, 40.0 * tolerance, precision)
    growth = side * inf if y[-1] == y[0] else float(np.copysign(inf, y[-1]))
    if last > first and abs(slopes[last]) > tolerance:
        slope = float(slopes[last])
        stop = float(_PLACES[last]) if last + 1 < good.size - 1 else inf
        return End(
            side=side, kind="line", limit=growth, intercept=float(y[last] - slope * x[last]), slope=slope, stop=stop
        )
    quarter = 3 * y.size // 4
    rising = np.sign(np.diff(y[y.size // 2 :]))
    if np.abs(y[quarter:]).max() <= 2.0 * np.abs(y[:quarter]).max() and not np.all(rising == rising[0]):
        return End(side=side, kind="none", limit=side * inf, broken=broken)
    return End(side=side, kind="grows", limit=growth, broken=broken)


def _settled(y: Array, tolerance: float, precision: float) -> tuple[int, int]:
    """Return the first and the last place of the last long run of equal values; twice 0 where there is none.

    Runs that begin where squares overflow are what a formula gives when it fails.
    """
    bound = _GENUINE[precision]
    scale = 1.0 + np.abs(y)
    same = np.abs(np.diff(y)) <= tolerance / _RUN * scale[1:]
    found, run, k = (0, 0), 0, 0
    while k < same.size and (_PLACES[k] < bound or run):
        run = run + 1 if same[k] else 0
        if run == _RUN:
            first = k + 1 - _RUN
            if _PLACES[first] > bound:
                break
            ahead = np.flatnonzero(np.abs(y[k:] - y[k]) > 10.0 * tolerance * scale[k])
            last = k + (int(ahead[0]) - 1 if ahead.size else y.size - 1 - k)
            if _PLACES[last] >= 4.0 * _PLACES[first] or last == y.size - 1:
                found = first, last
            k, run = max(k, last), 0
        k += 1
    return found


def _tidy(value: float, tolerance: float) -> float:
    """Return the value rounded where rounding explains what is behind its digits."""
    digits = 9 if tolerance <= _SETTLED else 4
    rounded = round(value, digits)
    return float(rounded if abs(value - rounded) < 0.2 * 10.0**-digits else value) + 0.0
