"""What an activation is: h with its derivative, linearisation u, limits and thresholds (Eqs 1 to 4 and 8)."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import inf, isfinite
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from noisyviz.results import Summary

Array = npt.NDArray[np.float64]
Function = Callable[[Array], Array]
Saturation = Literal["hard", "soft", "none"]

FAR: Final = 1e300  # stands in for infinity: every member reaches its limit there
LARGE: Final = 1e150  # a value beyond this at ±FAR grows without bound


def limits_at_infinity(function: Function, x: npt.ArrayLike) -> Array:
    """Evaluate a function of x, with ±inf answered by its limit and no warning.

    Parameters
    ----------
    function
        Elementwise function, exact at |x| = 1e300.
    x
        Any shape.

    Returns
    -------
    ndarray
        float64, of x's shape.
    """
    x = np.asarray(x, dtype=np.float64)
    infinite = np.isinf(x)
    with np.errstate(all="ignore"):
        if not infinite.any():
            return np.asarray(function(x), dtype=np.float64)
        y = np.asarray(function(np.clip(x, -FAR, FAR)), dtype=np.float64)
        return np.where(infinite & (np.abs(y) > LARGE), np.copysign(inf, y), y)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Activation:
    """An activation function h and all that the noisy units need to know of it.

    Equal are activations with equal fields; functions are equal when they are one object. Members of the registry and
    functions named ``module:function`` are pickled by name, others field by field.

    Parameters
    ----------
    name, formula
        The registry name and h as plain text.
    function, slope_function
        h and h′ for finite float64 arrays.
    slope, intercept
        u(x) = intercept + slope·x.
    left, right
        Limits L and R of h at −inf and +inf; ∓inf where infinite.
    thresholds
        (x_t⁻, x_t⁺), where u meets L and R; ∓inf where that side has none.
    saturates
        How each side saturates (Defs 2.2, 2.3): "hard", "soft" or "none".
    max_slope
        The largest abs h′.
    kinks
        Where h′ jumps.
    kink_note
        What h′ is at the kinks.
    breaks
        Where h is not analytic: the kinks, and jumps of higher derivatives.
    pieces
        For piecewise-linear h the (intercept, slope) between the breaks, one more than breaks; else None.
    flat
        Closed intervals on which h′ = 0.
    turns
        Where h′ changes its sign without a kink.
    excursions
        Open intervals on which h lies outside [L, R], for finite L and R.
    panels
        Edges between which 20 Gauss-Legendre nodes resolve h and h′ to rounding; outside them h is its asymptote.
    strip
        How far from the real axis h is analytic and of moderate size: the distance of its nearest pole, or for entire h
        where it is about three times as large as on the axis; 0 where h is not analytic.
    pair_function
        h and h′ at once, in new arrays, for a bounded h where that is much less work: the same h′, and h to rounding.
    delta_function
        h − u where the difference would lose its digits.
    log_slope_function
        log|h′| where h′ underflows.
    lines
        The lines (intercept, slope) that h approaches at −inf and +inf, where they are neither limits nor u.
    notes
        For a function of the user's own: what could not be found.

    Examples
    --------
    >>> from noisyviz.units.activations import activation
    >>> tanh = activation("tanh")
    >>> tanh.thresholds, tanh.slope
    ((-1.0, 1.0), 1.0)
    >>> tanh.region([-2.0, 0.0, 1.0]).tolist()
    ['left', 'linear', 'right']
    """

    name: str
    formula: str
    function: Function
    slope_function: Function
    slope: float = 1.0
    intercept: float = 0.0
    left: float = -inf
    right: float = inf
    thresholds: tuple[float, float] = (-inf, inf)
    saturates: tuple[Saturation, Saturation] = ("none", "none")
    max_slope: float = 1.0
    kinks: tuple[float, ...] = ()
    kink_note: str = ""
    breaks: tuple[float, ...] = ()
    pieces: tuple[tuple[float, float], ...] | None = None
    flat: tuple[tuple[float, float], ...] = ()
    turns: tuple[float, ...] = ()
    excursions: tuple[tuple[float, float], ...] = ()
    panels: tuple[float, ...] = ()
    strip: float = 0.0
    pair_function: Callable[[Array], tuple[Array, Array]] | None = None
    delta_function: Function | None = None
    log_slope_function: Function | None = None
    lines: tuple[tuple[float, float], tuple[float, float]] | None = None
    notes: tuple[str, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        from noisyviz.units.activations import activation, rebuilt_by_name

        if rebuilt_by_name(self):
            return activation, (self.name,)
        return _with_fields, (type(self), {field.name: getattr(self, field.name) for field in fields(self)})

    def __repr__(self) -> str:
        return f"activation({self.name!r})"

    def _repr_html_(self) -> str:
        ends = [f"{x:.4g}" if isfinite(x) else "none" for x in (*self.thresholds, self.left, self.right)]
        rows = [
            ("h", self.formula),
            ("u", f"{self.intercept:.4g} + {self.slope:.4g}·x"),
            ("thresholds", f"{ends[0]}, {ends[1]}"),
            ("limits", f"{ends[2]}, {ends[3]}"),
            ("saturation", ", ".join(self.saturates)),
        ]
        return Summary(title=self.name, header=("", ""), rows=rows).html()

    def h(self, x: npt.ArrayLike) -> Array:
        """Return h(x), of x's shape."""
        return limits_at_infinity(self.function, x)

    def derivative(self, x: npt.ArrayLike) -> Array:
        """Return h′(x), of x's shape; at kinks as stated in `kink_note`."""
        return limits_at_infinity(self.slope_function, x)

    def linear(self, x: npt.ArrayLike) -> Array:
        """Return the linearisation u(x) (Eqs 1, 2), of x's shape."""
        x = np.asarray(x, dtype=np.float64)
        if self.slope == 0.0:  # times inf is nothing
            return np.where(np.isnan(x), x, self.intercept)
        return np.asarray(self.intercept + self.slope * x, dtype=np.float64)

    def delta(self, x: npt.ArrayLike) -> Array:
        """Return Δ(x) = h(x) − u(x) (Eq 8), of x's shape; its absolute value is the magnitude of saturation."""
        return limits_at_infinity(self.finite_delta, x)

    def finite_delta(self, x: Array) -> Array:
        """Return Δ(x) for finite x, without guards."""
        if self.delta_function is not None:
            return self.delta_function(x)
        delta: Array = self.function(x) - (self.intercept + self.slope * x)
        return delta

    def hard(self, x: npt.ArrayLike) -> Array:
        """Return clip(u(x), L, R) over the finite limits (Eqs 3, 4), of x's shape."""
        return np.clip(self.linear(x), *self.bounds)

    def log_slope(self, x: Array) -> Array:
        """Return log|h′(x)| for finite x, −inf where h′ = 0."""
        if self.log_slope_function is not None:
            return self.log_slope_function(x)
        return np.log(np.abs(self.slope_function(x)))

    def slope_sign(self, x: Array) -> Array:
        """Return the sign of h′(x) for finite x; an h′ that underflows keeps its sign, + where u has no slope."""
        slope = self.slope_function(x)
        lost = (slope == 0) & ~self.is_flat(x)
        turns = len(self.turns) - np.searchsorted(np.asarray(self.turns), x)
        return np.where(lost, (np.sign(self.slope) or 1.0) * (-1.0) ** turns, np.sign(slope))

    def is_flat(self, x: Array) -> npt.NDArray[np.bool_]:
        """Return whether h′ = 0 in exact arithmetic on an interval around x."""
        inside = np.zeros(np.shape(x), dtype=np.bool_)
        for low, high in self.flat:
            inside |= (x >= low) & (x <= high)
        return inside

    def saturated(self, x: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return x <= x_t⁻ or x >= x_t⁺, of x's shape; infinite thresholds are never met."""
        x = np.asarray(x, dtype=np.float64)
        low, high = self.thresholds
        return ((x <= low) & (low > -inf)) | ((x >= high) & (high < inf))

    def region(self, x: npt.ArrayLike) -> npt.NDArray[np.str_]:
        """Return "left", "linear" or "right" by the thresholds, of x's shape ("" for NaN)."""
        x = np.asarray(x, dtype=np.float64)
        low, high = self.thresholds
        left, right = (x <= low) & (low > -inf), (x >= high) & (high < inf)
        return np.where(np.isnan(x), "", np.where(left, "left", np.where(right, "right", "linear")))

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the lower and the upper of the limits, −inf or inf where a limit is infinite."""
        return min(self.left, self.right), max(self.left, self.right)

    @property
    def own(self) -> bool:
        """Tell whether it is a function of the user's own, whose formula is its name."""
        return self.formula == self.name

    @property
    def corners(self) -> tuple[float, ...]:
        """Return the finite thresholds and breaks, increasing: where a little noise acts; (0,) where there is none."""
        return tuple(sorted({x for x in (*self.thresholds, *self.breaks) if abs(x) < inf})) or (0.0,)

    @property
    def jumps(self) -> tuple[float, ...]:
        """Return the breaks at which a piecewise-linear h jumps; every other h is continuous."""
        between = zip(self.breaks, self.pieces or (), (self.pieces or ())[1:], strict=False)
        gaps = ((z, abs((a - c) + (b - d) * z)) for z, (a, b), (c, d) in between)
        return tuple(z for z, gap in gaps if gap > 1e-12 * (1.0 + abs(z)))

    @property
    def sign_edges(self) -> tuple[float, ...]:
        """Return every finite z at which the sign of h′ may change."""
        ends = (end for interval in self.flat for end in interval)
        return tuple(sorted({z for z in (*ends, *self.turns) if abs(z) < inf}))

    @property
    def asymptotes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the lines (intercept, slope) that h approaches at −inf and +inf."""
        if self.pieces is not None:
            return self.pieces[0], self.pieces[-1]
        if self.lines is not None:
            return self.lines
        line = (self.intercept, self.slope)
        left = line if np.isinf(self.left) else (self.left, 0.0)
        right = line if np.isinf(self.right) else (self.right, 0.0)
        return left, right


def on_side(activation: Activation, x: Array, saturated: npt.NDArray[np.bool_]) -> Array:
    """Return x, moved to a threshold or just short of it where rounding took it across.

    Parameters
    ----------
    activation
        h.
    x
        Finite.
    saturated
        Whether each x lies at or beyond a threshold, of x's shape.
    """
    wrong = activation.saturated(x) != saturated
    if not wrong.any():
        return x
    low, high = activation.thresholds
    upper = np.abs(x - high) <= np.abs(x - low)
    inner = np.where(upper, np.nextafter(high, -inf), np.nextafter(low, inf))
    return np.where(wrong, np.where(saturated, np.where(upper, high, low), inner), x)


def _with_fields(kind: type[Activation], values: dict[str, Any]) -> Activation:
    """Return an activation as it was pickled."""
    return kind(**values)
