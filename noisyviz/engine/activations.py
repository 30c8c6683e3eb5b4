"""Activation functions h with derivative, linearisation u, limits and thresholds (Eqs 1 to 4 and 8).

Every member of `ACTIVATIONS` obeys the same contract, for x of any shape:

- ``h`` and ``derivative`` map float64 to float64 of the same shape; NaN gives NaN, ±inf gives the limit.
- ``linear`` is u(x) = intercept + slope·x. Two-sided functions take the tangent at 0 (Eqs 1, 2); functions that
  saturate on one side only take the line of the active side: no noise where there is nothing to escape.
- ``thresholds`` are where u meets the limits of h; saturation is x <= left threshold or x >= right threshold.
- At a kink that is a threshold the derivative is that of the saturated side; `Activation.kink_note` states each one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import erf as _erf
from math import exp, inf, pi, sqrt
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import erf, erfcx, expit, ndtr

from noisyviz.errors import InputError, suggestion

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activation:
    """An activation function h and all that the noisy units need to know of it.

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
        The largest |h′|.
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
    delta_function
        h − u where the difference would lose its digits.
    log_slope_function
        log|h′| where h′ underflows.
    notes
        For a function of the user's own: what could not be found.

    Examples
    --------
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
    delta_function: Function | None = None
    log_slope_function: Function | None = None
    notes: tuple[str, ...] = ()

    def h(self, x: npt.ArrayLike) -> Array:
        """Return h(x), of x's shape."""
        return limits_at_infinity(self.function, x)

    def derivative(self, x: npt.ArrayLike) -> Array:
        """Return h′(x), of x's shape; at kinks as stated in `kink_note`."""
        return limits_at_infinity(self.slope_function, x)

    def linear(self, x: npt.ArrayLike) -> Array:
        """Return the linearisation u(x) (Eqs 1, 2), of x's shape."""
        return self.intercept + self.slope * np.asarray(x, dtype=np.float64)

    def delta(self, x: npt.ArrayLike) -> Array:
        """Return Δ(x) = h(x) − u(x) (Eq 8), of x's shape; |Δ| is the magnitude of saturation."""
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
        """Return the sign of h′(x) for finite x; an h′ that underflows keeps its sign."""
        slope = self.slope_function(x)
        sign = np.sign(slope)
        lost = (slope == 0) & ~self.is_flat(x)
        if lost.any():
            turns = np.searchsorted(np.asarray(self.turns), x[lost])
            sign[lost] = np.sign(self.slope) * (-1.0) ** (len(self.turns) - turns)
        return sign

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
    def sign_edges(self) -> tuple[float, ...]:
        """Return every finite z at which the sign of h′ may change."""
        ends = (end for interval in self.flat for end in interval)
        return tuple(sorted({z for z in (*ends, *self.turns) if abs(z) < inf}))

    @property
    def asymptotes(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the lines (intercept, slope) that h approaches at −inf and +inf."""
        if self.pieces is not None:
            return self.pieces[0], self.pieces[-1]
        line = (self.intercept, self.slope)
        left = line if np.isinf(self.left) else (self.left, 0.0)
        right = line if np.isinf(self.right) else (self.right, 0.0)
        return left, right


def _spread(end: float, pitch: float) -> tuple[float, ...]:
    """Return panel edges from −end to end, at most pitch apart."""
    count = 2 * int(np.ceil(end / pitch)) + 1
    return tuple(np.linspace(-end, end, count).tolist())


def _growing(first: float, ratio: float, end: float) -> tuple[float, ...]:
    """Return panel edges 0, ±first, ±first·ratio, … up to ±end, for functions with algebraic tails."""
    steps = int(np.ceil(np.log(end / first) / np.log(ratio)))
    positive = [first * ratio**k for k in range(steps + 1)]
    return (*(-z for z in reversed(positive)), 0.0, *positive)


def _sech2(x: Array) -> Array:
    e: Array = np.exp(-2.0 * np.abs(x))
    sech2: Array = 4.0 * e / (1.0 + e) ** 2
    return sech2


def _log_sech2(x: Array) -> Array:
    r: Array = 2.0 * np.abs(x)
    log_sech2: Array = np.log(4.0) - r - 2.0 * np.log1p(np.exp(-r))
    return log_sech2


def _normal_density(x: Array) -> Array:
    return np.exp(-0.5 * x * x) / sqrt(2.0 * pi)


def _piecewise(
    name: str, formula: str, breaks: tuple[float, ...], pieces: tuple[tuple[float, float], ...], **facts: Any
) -> Activation:
    """Build a piecewise-linear activation; at a break h′ is the smaller |slope| unless `upper` lists it."""
    upper: tuple[float, ...] = facts.pop("upper", ())
    edges, slopes = np.asarray(breaks), np.asarray([b for _, b in pieces])
    intercepts = np.asarray([a for a, _ in pieces])
    at_break = [(max if z in upper else min)(slopes[i], slopes[i + 1], key=abs) for i, z in enumerate(breaks)]

    def h(x: Array) -> Array:
        piece = np.searchsorted(edges, x)
        return intercepts[piece] + slopes[piece] * x

    def derivative(x: Array) -> Array:
        y = np.where(np.isnan(x), x, slopes[np.searchsorted(edges, x)])
        for z, value in zip(breaks, at_break, strict=True):
            y = np.where(x == z, value, y)
        return y

    ends = (-inf, *breaks, inf)
    flat = tuple((ends[i], ends[i + 1]) for i, (_, b) in enumerate(pieces) if b == 0)
    return Activation(
        name=name,
        formula=formula,
        function=facts.pop("function", h),
        slope_function=derivative,
        kinks=breaks,
        breaks=breaks,
        pieces=pieces,
        flat=flat,
        max_slope=float(np.max(np.abs(slopes))),
        **facts,
    )


_SELU_SCALE: Final = 1.0507009873554805  # λ and α of Klambauer et al. 2017, eq 14
_SELU_ALPHA: Final = 1.6732632423543772
_LECUN_SLOPE: Final = 1.7159 * 2.0 / 3.0
_ONE_SIDED: Final = "u is the line of the active side"


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


def _elu_slope(x: Array) -> Array:
    return np.exp(np.minimum(x, 0.0))


def _selu(x: Array) -> Array:
    return _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0.0)))


def _selu_slope(x: Array) -> Array:
    return _SELU_SCALE * np.where(x >= 0, 1.0, _SELU_ALPHA * np.exp(np.minimum(x, 0.0)))


def _hard_swish(x: Array) -> Array:
    return np.where(x <= -3.0, 0.0, np.where(x >= 3.0, x, x * (x + 3.0) / 6.0))


def _hard_swish_slope(x: Array) -> Array:
    return np.where(x <= -3.0, 0.0, np.where(x >= 3.0, 1.0, (2.0 * x + 3.0) / 6.0))


def _hard_swish_delta(x: Array) -> Array:
    return np.where(x <= -3.0, -x, np.where(x >= 3.0, 0.0, x * (x - 3.0) / 6.0))


def _silu_slope(x: Array) -> Array:
    return np.asarray(expit(x) * (1.0 + x * expit(-x)))


def _silu_log_slope(x: Array) -> Array:
    return np.asarray(np.log(np.abs(1.0 + x * expit(-x))) - np.logaddexp(0.0, -x))


def _gelu_slope(x: Array) -> Array:
    return np.asarray(ndtr(x) + x * _normal_density(x))


def _gelu_log_slope(x: Array) -> Array:
    mills = sqrt(pi / 2.0) * erfcx(-np.minimum(x, 0.0) / sqrt(2.0))  # Φ(x)/φ(x) for x <= 0
    left = -0.5 * x * x - 0.5 * np.log(2.0 * pi) + np.log(np.abs(mills + x))
    return np.where(x < 0.0, left, np.log(np.maximum(_gelu_slope(x), 0.5)))


_MEMBERS: Final = (
    Activation(
        name="tanh",
        formula="tanh(x)",
        function=np.tanh,
        slope_function=_sech2,
        left=-1.0,
        right=1.0,
        thresholds=(-1.0, 1.0),
        saturates=("soft", "soft"),
        panels=_spread(20.0, 2.0),
        log_slope_function=_log_sech2,
    ),
    Activation(
        name="sigmoid",
        formula="1/(1 + exp(-x))",
        function=expit,
        slope_function=lambda x: expit(x) * expit(-x),
        slope=0.25,
        intercept=0.5,
        left=0.0,
        right=1.0,
        thresholds=(-2.0, 2.0),
        saturates=("soft", "soft"),
        max_slope=0.25,
        panels=_spread(40.0, 4.0),
        log_slope_function=lambda x: _log_sech2(0.5 * x) - np.log(4.0),
    ),
    _piecewise(
        "hard-tanh",
        "max(min(x, 1), -1)",
        (-1.0, 1.0),
        ((-1.0, 0.0), (0.0, 1.0), (1.0, 0.0)),
        left=-1.0,
        right=1.0,
        thresholds=(-1.0, 1.0),
        saturates=("hard", "hard"),
        kink_note="h' = 0 at -1 and 1",
        function=lambda x: np.clip(x, -1.0, 1.0),
    ),
    _piecewise(
        "hard-sigmoid",
        "max(min(0.25*x + 0.5, 1), 0)",
        (-2.0, 2.0),
        ((0.0, 0.0), (0.5, 0.25), (1.0, 0.0)),
        slope=0.25,
        intercept=0.5,
        left=0.0,
        right=1.0,
        thresholds=(-2.0, 2.0),
        saturates=("hard", "hard"),
        kink_note="h' = 0 at -2 and 2",
        function=lambda x: np.clip(0.25 * x + 0.5, 0.0, 1.0),
    ),
    _piecewise(
        "relu",
        "max(x, 0)",
        (0.0,),
        ((0.0, 0.0), (0.0, 1.0)),
        left=0.0,
        thresholds=(0.0, inf),
        saturates=("hard", "none"),
        kink_note="h' = 0 at 0",
        function=lambda x: np.maximum(x, 0.0),
        delta_function=lambda x: np.maximum(-x, 0.0),
    ),
    _piecewise(
        "relu6",
        "max(min(x, 6), 0)",
        (0.0, 6.0),
        ((0.0, 0.0), (0.0, 1.0), (6.0, 0.0)),
        left=0.0,
        right=6.0,
        thresholds=(0.0, 6.0),
        saturates=("hard", "hard"),
        kink_note="h' = 0 at 0 and 6",
        function=lambda x: np.clip(x, 0.0, 6.0),
    ),
    _piecewise(
        "hard-sigmoid-6",
        "max(min(x/6 + 0.5, 1), 0)",
        (-3.0, 3.0),
        ((0.0, 0.0), (0.5, 1.0 / 6.0), (1.0, 0.0)),
        slope=1.0 / 6.0,
        intercept=0.5,
        left=0.0,
        right=1.0,
        thresholds=(-3.0, 3.0),
        saturates=("hard", "hard"),
        kink_note="h' = 0 at -3 and 3",
        function=lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    ),
    Activation(
        name="hard-swish",
        formula="x*max(min(x/6 + 0.5, 1), 0)",
        function=_hard_swish,
        slope_function=_hard_swish_slope,
        left=0.0,
        thresholds=(-3.0, inf),
        saturates=("hard", "none"),
        max_slope=1.5,
        kinks=(-3.0, 3.0),
        kink_note="h' = 0 at -3 and 1 at 3",
        breaks=(-3.0, 3.0),
        flat=((-inf, -3.0),),
        turns=(-1.5,),
        panels=(-3.0, 3.0),
        delta_function=_hard_swish_delta,
    ),
    _piecewise(
        "leaky-relu",
        "max(x, 0.01*x)",
        (0.0,),
        ((0.0, 0.01), (0.0, 1.0)),
        upper=(0.0,),
        kink_note="h' = 1 at 0",
        delta_function=lambda x: -0.99 * np.minimum(x, 0.0),
    ),
    Activation(
        name="elu",
        formula="x if x > 0 else exp(x) - 1",
        function=_elu,
        slope_function=_elu_slope,
        left=-1.0,
        thresholds=(-1.0, inf),
        saturates=("soft", "none"),
        breaks=(0.0,),
        panels=_spread(40.0, 4.0)[:11],
        delta_function=lambda x: np.expm1(np.minimum(x, 0.0)) - np.minimum(x, 0.0),
        log_slope_function=lambda x: np.minimum(x, 0.0),
    ),
    Activation(
        name="selu",
        formula="1.0507*(x if x > 0 else 1.6733*(exp(x) - 1))",
        function=_selu,
        slope_function=_selu_slope,
        slope=_SELU_SCALE,
        left=-_SELU_SCALE * _SELU_ALPHA,
        thresholds=(-_SELU_ALPHA, inf),
        saturates=("soft", "none"),
        max_slope=_SELU_SCALE * _SELU_ALPHA,
        kinks=(0.0,),
        kink_note="h' = 1.0507, the active side's, at 0",
        breaks=(0.0,),
        panels=_spread(40.0, 4.0)[:11],
        delta_function=lambda x: _SELU_SCALE * (_SELU_ALPHA * np.expm1(np.minimum(x, 0.0)) - np.minimum(x, 0.0)),
        log_slope_function=lambda x: (
            np.where(x >= 0, 0.0, np.log(_SELU_ALPHA) + np.minimum(x, 0.0)) + np.log(_SELU_SCALE)
        ),
    ),
    Activation(
        name="softplus",
        formula="log(1 + exp(x))",
        function=lambda x: np.logaddexp(0.0, x),
        slope_function=expit,
        left=0.0,
        thresholds=(0.0, inf),
        saturates=("soft", "none"),
        panels=_spread(40.0, 4.0),
        delta_function=lambda x: np.logaddexp(0.0, -x),
        log_slope_function=lambda x: -np.logaddexp(0.0, -x),
    ),
    Activation(
        name="softsign",
        formula="x/(1 + |x|)",
        function=lambda x: x / (1.0 + np.abs(x)),
        slope_function=lambda x: 1.0 / (1.0 + np.abs(x)) ** 2,
        left=-1.0,
        right=1.0,
        thresholds=(-1.0, 1.0),
        saturates=("soft", "soft"),
        breaks=(0.0,),
        panels=_growing(1.0, 2.0, 1e16),
        log_slope_function=lambda x: -2.0 * np.log1p(np.abs(x)),
    ),
    Activation(
        name="arctan",
        formula="arctan(x)",
        function=np.arctan,
        slope_function=lambda x: 1.0 / (1.0 + x * x),
        left=-pi / 2,
        right=pi / 2,
        thresholds=(-pi / 2, pi / 2),
        saturates=("soft", "soft"),
        panels=_growing(0.8, 1.8, 1e16),
        log_slope_function=lambda x: -2.0 * np.log(np.hypot(1.0, x)),
    ),
    Activation(
        name="erf",
        formula="erf(x)",
        function=erf,
        slope_function=lambda x: np.exp(-x * x) * (2.0 / sqrt(pi)),
        slope=2.0 / sqrt(pi),
        left=-1.0,
        right=1.0,
        thresholds=(-sqrt(pi) / 2, sqrt(pi) / 2),
        saturates=("soft", "soft"),
        max_slope=2.0 / sqrt(pi),
        panels=_spread(7.0, 1.0),
        log_slope_function=lambda x: np.log(2.0 / sqrt(pi)) - x * x,
    ),
    Activation(
        name="gelu",
        formula="x*Phi(x)",
        function=lambda x: x * ndtr(x),
        slope_function=_gelu_slope,
        left=0.0,
        saturates=("soft", "none"),
        max_slope=0.5 * (1.0 + _erf(1.0)) + sqrt(2.0) * exp(-1.0) / sqrt(2.0 * pi),
        turns=(-0.7517915246935645,),
        panels=_spread(10.5, 1.5),
        delta_function=lambda x: -x * ndtr(-x),
        log_slope_function=_gelu_log_slope,
    ),
    Activation(
        name="silu",
        formula="x/(1 + exp(-x))",
        function=lambda x: x * expit(x),
        slope_function=_silu_slope,
        left=0.0,
        saturates=("soft", "none"),
        max_slope=1.0998393201288669,
        turns=(-1.2784645427610738,),
        panels=_spread(48.0, 4.0),
        delta_function=lambda x: -x * expit(-x),
        log_slope_function=_silu_log_slope,
    ),
    Activation(
        name="lecun-tanh",
        formula="1.7159*tanh(2*x/3)",
        function=lambda x: 1.7159 * np.tanh(x * (2.0 / 3.0)),
        slope_function=lambda x: _LECUN_SLOPE * _sech2(x * (2.0 / 3.0)),
        slope=_LECUN_SLOPE,
        left=-1.7159,
        right=1.7159,
        thresholds=(-1.5, 1.5),
        saturates=("soft", "soft"),
        max_slope=_LECUN_SLOPE,
        panels=_spread(30.0, 3.0),
        log_slope_function=lambda x: np.log(_LECUN_SLOPE) + _log_sech2(x * (2.0 / 3.0)),
    ),
    _piecewise("identity", "x", (), ((0.0, 1.0),), function=lambda x: x + 0.0, delta_function=lambda x: 0.0 * x),
)

ACTIVATIONS: Final[Mapping[str, Activation]] = MappingProxyType({member.name: member for member in _MEMBERS})
"""Every named activation, in the order in which they are listed."""


def activation(name: str) -> Activation:
    """Return the activation of that name, or build one from a function of the user's own.

    Parameters
    ----------
    name
        A key of `ACTIVATIONS`, or ``package.module:function``, looked up in the current folder first.

    Returns
    -------
    Activation

    Raises
    ------
    InputError
        If there is no such name, or the user's function is not one that can be analysed.

    Examples
    --------
    >>> float(activation("hard-sigmoid").h(1.0))
    0.75
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    if ":" in name:
        from noisyviz.engine.custom import load_activation

        return load_activation(name)
    raise InputError(
        f"unknown activation '{name}'; allowed are {', '.join(ACTIVATIONS)} and module:function"
        f"{suggestion(name, ACTIVATIONS)}",
        parameter="fn",
    )
