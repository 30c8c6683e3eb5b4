"""Activation functions h with derivative, linearisation u, limits and thresholds (Eqs 1 to 4 and 8).

Every member of `ACTIVATIONS` obeys the same contract, for x of any shape:

- ``h`` and ``derivative`` map float64 to float64 of the same shape; NaN gives NaN, ±inf gives the limit.
- ``linear`` is u(x) = intercept + slope·x. Two-sided functions take the tangent at 0 (Eqs 1, 2); functions that
  saturate on one side only take the line of the active side: no noise where there is nothing to escape.
- ``thresholds`` are where u meets the limits of h; saturation is x <= left threshold or x >= right threshold.
- At a kink that is a threshold the derivative is that of the saturated side; `Activation.kink_note` states each one.
"""

from collections.abc import Mapping
from math import erf as _erf
from math import exp, inf, pi, sqrt
from types import MappingProxyType
from typing import Final

import numpy as np

from noisyviz.errors import InputError, check_name
from noisyviz.units.activation import Activation, Array
from noisyviz.units.families import clipped_line, elu, hard_shrink, leaky_relu, piecewise, soft_shrink, with_parameters
from noisyviz.units.names import ALIASES, FAMILIES, FORMULAS, pattern
from noisyviz.units.noise import normal_density
from noisyviz.units.own_expression import is_expression, read_expression
from noisyviz.units.own_function import analysed, load_activation
from noisyviz.units.special import (
    arctan_less_line,
    erf,
    erf_less_line,
    erfcx,
    expit,
    expm1_less_line,
    ndtr,
    tanh_less_line,
)

__all__ = ["ACTIVATIONS", "Activation", "Array", "activation"]


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
    g = np.reciprocal(e + 1.0)
    return e * g * g * 4.0


def _tanh_and_sech2(x: Array) -> tuple[Array, Array]:
    """Return tanh x, to rounding, and the very numbers of `_sech2`."""
    e: Array = np.abs(x)
    e *= -2.0
    np.exp(e, out=e)
    g = e + 1.0
    np.reciprocal(g, out=g)
    tanh = np.subtract(1.0, e)
    tanh *= g
    e *= g
    e *= g
    e *= 4.0
    return np.copysign(tanh, x, out=tanh), e


def _logistic_slope(x: Array) -> Array:
    e: Array = np.exp(-np.abs(x))
    g = np.reciprocal(e + 1.0)
    return e * g * g


def _logistic_and_slope(x: Array) -> tuple[Array, Array]:
    """Return the logistic function of x, to rounding, and the very numbers of `_logistic_slope`."""
    e: Array = np.abs(x)
    np.negative(e, out=e)
    np.exp(e, out=e)
    g = e + 1.0
    np.reciprocal(g, out=g)
    slope = e * g
    value = np.where(x < 0.0, slope, g)
    slope *= g
    return value, slope


def _log_sech2(x: Array) -> Array:
    r: Array = 2.0 * np.abs(x)
    log_sech2: Array = np.log(4.0) - r - 2.0 * np.log1p(np.exp(-r))
    return log_sech2


_SELU_SCALE: Final = 1.0507009873554805  # λ and α of Klambauer et al. 2017, eq 14
_SELU_ALPHA: Final = 1.6732632423543772
_LECUN_SLOPE: Final = 1.7159 * 2.0 / 3.0


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
    return np.asarray(ndtr(x) + x * normal_density(x))


def _gelu_log_slope(x: Array) -> Array:
    mills = sqrt(pi / 2.0) * erfcx(-np.minimum(x, 0.0) / sqrt(2.0))  # Φ(x)/φ(x) for x <= 0
    left = -0.5 * x * x - 0.5 * np.log(2.0 * pi) + np.log(np.abs(mills + x))
    return np.where(x < 0.0, left, np.log(np.maximum(_gelu_slope(x), 0.5)))


def _mish_shares(x: Array) -> tuple[Array, Array]:
    """Return tanh(softplus x) and 1 less it, each with its digits."""
    w = np.exp(-np.abs(x))
    right = 1.0 + 2.0 * w
    left = w * (w + 2.0)
    below = x < 0
    whole = np.where(below, left + 2.0, right + 2.0 * w * w)
    return np.where(below, left, right) / whole, np.where(below, 2.0, 2.0 * w * w) / whole


def _mish(x: Array) -> Array:
    return np.asarray(x * _mish_shares(x)[0])


def _mish_slope(x: Array) -> Array:
    tanh, rest = _mish_shares(x)
    return np.asarray(tanh + x * rest * (1.0 + tanh) * expit(x))


def _mish_log_slope(x: Array) -> Array:
    w = np.exp(np.minimum(x, 0.0))
    whole = w * (w + 2.0) + 2.0
    left = (w + 2.0) / whole + x * (2.0 / whole) * (1.0 + w * (w + 2.0) / whole) / (1.0 + w)  # h'/exp(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x < 0, x + np.log(np.abs(left)), np.log(np.abs(_mish_slope(x))))


_GELU_RATE: Final = 2.0 * sqrt(2.0 / pi)
_GELU_CUBE: Final = 0.044715  # Hendrycks and Gimpel 2016


def _gelu_tanh_inner(x: Array) -> tuple[Array, Array]:
    """Return y with gelu-tanh = x·g(y), and y′; beyond |x| = 100 they stay, where g has long reached its limits."""
    x = np.clip(x, -100.0, 100.0)
    square = x * x
    return _GELU_RATE * x * (1.0 + _GELU_CUBE * square), _GELU_RATE * (1.0 + 3.0 * _GELU_CUBE * square)


def _gelu_tanh_slope(x: Array) -> Array:
    y, slope = _gelu_tanh_inner(x)
    return np.asarray(expit(y) * (1.0 + np.clip(x, -100.0, 100.0) * slope * expit(-y)))


def _gelu_tanh_log_slope(x: Array) -> Array:
    x = np.clip(x, -1e100, 1e100)  # beyond, both logarithms would be infinite
    y = _GELU_RATE * x * (1.0 + _GELU_CUBE * x * x)
    slope = _GELU_RATE * (1.0 + 3.0 * _GELU_CUBE * x * x)
    return np.asarray(np.log(np.abs(1.0 + x * slope * expit(-y))) - np.logaddexp(0.0, -y))


def _squareplus(x: Array) -> Array:
    r = np.hypot(x, 2.0)
    return np.where(x < 0, 2.0 / (r - np.minimum(x, 0.0)), 0.5 * (x + r))


def _sparse_plus(x: Array) -> Array:
    return np.where(x <= -1.0, 0.0, np.where(x >= 1.0, x, 0.25 * (x + 1.0) ** 2))


def _sparse_plus_delta(x: Array) -> Array:
    return np.where(x <= -1.0, -x, np.where(x >= 1.0, 0.0, 0.25 * (x - 1.0) ** 2))


_MEMBERS: Final = (
    Activation(
        name="tanh",
        formula=FORMULAS["tanh"],
        function=np.tanh,
        slope_function=_sech2,
        left=-1.0,
        right=1.0,
        thresholds=(-1.0, 1.0),
        saturates=("soft", "soft"),
        strip=pi / 2.0,
        pair_function=_tanh_and_sech2,
        panels=_spread(20.0, 2.0),
        delta_function=tanh_less_line,
        log_slope_function=_log_sech2,
    ),
    Activation(
        name="sigmoid",
        formula=FORMULAS["sigmoid"],
        function=expit,
        slope_function=_logistic_slope,
        pair_function=_logistic_and_slope,
        slope=0.25,
        intercept=0.5,
        left=0.0,
        right=1.0,
        thresholds=(-2.0, 2.0),
        saturates=("soft", "soft"),
        max_slope=0.25,
        strip=pi,
        panels=_spread(40.0, 4.0),
        delta_function=lambda x: 0.5 * tanh_less_line(0.5 * x),
        log_slope_function=lambda x: _log_sech2(0.5 * x) - np.log(4.0),
    ),
    piecewise(
        "hard-tanh",
        (-1.0, 1.0),
        ((-1.0, 0.0), (0.0, 1.0), (1.0, 0.0)),
        left=-1.0,
        right=1.0,
        thresholds=(-1.0, 1.0),
        saturates=("hard", "hard"),
        kink_note="h' = 0 at -1 and 1",
        function=lambda x: np.clip(x, -1.0, 1.0),
    ),
    piecewise(
        "hard-sigmoid",
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
        delta_function=lambda x: 0.25 * (np.maximum(-2.0 - x, 0.0) + np.minimum(2.0 - x, 0.0)),
    ),
    piecewise(
        "relu",
        (0.0,),
        ((0.0, 0.0), (0.0, 1.0)),
        left=0.0,
        thresholds=(0.0, inf),
        saturates=("hard", "none"),
        kink_note="h' = 0 at 0",
        function=lambda x: np.maximum(x, 0.0),
        delta_function=lambda x: np.maximum(-x, 0.0),
    ),
    piecewise(
        "relu6",
        (0.0, 6.0),
        ((0.0, 0.0), (0.0, 1.0), (6.0, 0.0)),
        left=0.0,
        right=6.0,
        thresholds=(0.0, 6.0),
        saturates=("hard", "hard"),
        kink_note="h' = 0 at 0 and 6",
        function=lambda x: np.clip(x, 0.0, 6.0),
    ),
    piecewise(
        "hard-sigmoid-6",
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
        delta_function=lambda x: (np.maximum(-3.0 - x, 0.0) + np.minimum(3.0 - x, 0.0)) / 6.0,
    ),
    Activation(
        name="hard-swish",
        formula=FORMULAS["hard-swish"],
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
    leaky_relu("leaky-relu", 0.01),
    elu("elu", 1.0),
    Activation(
        name="selu",
        formula=FORMULAS["selu"],
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
        delta_function=lambda x: (
            _SELU_SCALE * (_SELU_ALPHA * expm1_less_line(np.minimum(x, 0.0)) + (_SELU_ALPHA - 1.0) * np.minimum(x, 0.0))
        ),
        log_slope_function=lambda x: (
            np.where(x >= 0, 0.0, np.log(_SELU_ALPHA) + np.minimum(x, 0.0)) + np.log(_SELU_SCALE)
        ),
    ),
    elu("celu", 1.0),
    Activation(
        name="softplus",
        formula=FORMULAS["softplus"],
        function=lambda x: np.logaddexp(0.0, x),
        slope_function=expit,
        left=0.0,
        thresholds=(0.0, inf),
        saturates=("soft", "none"),
        strip=pi,
        panels=_spread(40.0, 4.0),
        delta_function=lambda x: np.logaddexp(0.0, -x),
        log_slope_function=lambda x: -np.logaddexp(0.0, -x),
    ),
    Activation(
        name="log-sigmoid",
        formula=FORMULAS["log-sigmoid"],
        function=lambda x: -np.logaddexp(0.0, -x),
        slope_function=lambda x: expit(-x),
        right=0.0,
        thresholds=(-inf, 0.0),
        saturates=("none", "soft"),
        strip=pi,
        panels=_spread(40.0, 4.0),
        delta_function=lambda x: -np.logaddexp(0.0, x),
        log_slope_function=lambda x: -np.logaddexp(0.0, x),
    ),
    Activation(
        name="squareplus",
        formula=FORMULAS["squareplus"],
        function=_squareplus,
        slope_function=lambda x: _squareplus(x) / np.hypot(x, 2.0),
        left=0.0,
        thresholds=(0.0, inf),
        saturates=("soft", "none"),
        strip=2.0,
        panels=_growing(1.6, 1.8, 1e16),
        delta_function=lambda x: _squareplus(-x),
        log_slope_function=lambda x: np.log(_squareplus(x)) - np.log(np.hypot(x, 2.0)),
    ),
    Activation(
        name="sparse-plus",
        formula=FORMULAS["sparse-plus"],
        function=_sparse_plus,
        slope_function=lambda x: np.clip(0.5 * (x + 1.0), 0.0, 1.0),
        left=0.0,
        thresholds=(0.0, inf),
        saturates=("hard", "none"),
        breaks=(-1.0, 1.0),
        flat=((-inf, -1.0),),
        panels=(-1.0, 1.0),
        delta_function=_sparse_plus_delta,
    ),
    clipped_line("sparse-sigmoid", 0.5, -1.0, 1.0, left=0.0),
    Activation(
        name="softsign",
        formula=FORMULAS["softsign"],
        function=lambda x: x / (1.0 + np.abs(x)),
        slope_function=lambda x: 1.0 / (1.0 + np.abs(x)) ** 2,
        left=-1.0,
        right=1.0,
        thresholds=(-1.0, 1.0),
        saturates=("soft", "soft"),
        breaks=(0.0,),
        panels=_growing(1.0, 2.0, 1e16),
        delta_function=lambda x: -np.abs(x) * (x / (1.0 + np.abs(x))),
        log_slope_function=lambda x: -2.0 * np.log1p(np.abs(x)),
    ),
    Activation(
        name="arctan",
        formula=FORMULAS["arctan"],
        function=np.arctan,
        slope_function=lambda x: 1.0 / (1.0 + x * x),
        left=-pi / 2,
        right=pi / 2,
        thresholds=(-pi / 2, pi / 2),
        saturates=("soft", "soft"),
        strip=1.0,
        panels=_growing(0.8, 1.8, 1e16),
        delta_function=arctan_less_line,
        log_slope_function=lambda x: -2.0 * np.log(np.hypot(1.0, x)),
    ),
    Activation(
        name="erf",
        formula=FORMULAS["erf"],
        function=erf,
        slope_function=lambda x: np.exp(-x * x) * (2.0 / sqrt(pi)),
        slope=2.0 / sqrt(pi),
        left=-1.0,
        right=1.0,
        thresholds=(-sqrt(pi) / 2, sqrt(pi) / 2),
        saturates=("soft", "soft"),
        max_slope=2.0 / sqrt(pi),
        strip=1.0,
        panels=_spread(7.0, 1.5),
        delta_function=erf_less_line,
        log_slope_function=lambda x: np.log(2.0 / sqrt(pi)) - x * x,
    ),
    Activation(
        name="gelu",
        formula=FORMULAS["gelu"],
        function=lambda x: x * ndtr(x),
        slope_function=_gelu_slope,
        left=0.0,
        saturates=("soft", "none"),
        max_slope=0.5 * (1.0 + _erf(1.0)) + sqrt(2.0) * exp(-1.0) / sqrt(2.0 * pi),
        turns=(-0.7517915246935645,),
        strip=1.5,
        panels=_spread(10.5, 3.0),
        delta_function=lambda x: -x * ndtr(-x),
        log_slope_function=_gelu_log_slope,
    ),
    Activation(
        name="gelu-tanh",
        formula=FORMULAS["gelu-tanh"],
        function=lambda x: x * expit(_gelu_tanh_inner(x)[0]),
        slope_function=_gelu_tanh_slope,
        left=0.0,
        saturates=("soft", "none"),
        max_slope=1.128993068658771765,
        turns=(-0.7524614220710162584,),
        strip=2.7548,
        panels=_spread(10.0, 2.0),
        delta_function=lambda x: -x * expit(-_gelu_tanh_inner(x)[0]),
        log_slope_function=_gelu_tanh_log_slope,
    ),
    Activation(
        name="silu",
        formula=FORMULAS["silu"],
        function=lambda x: x * expit(x),
        slope_function=_silu_slope,
        left=0.0,
        saturates=("soft", "none"),
        max_slope=1.0998393201288669,
        turns=(-1.2784645427610738,),
        strip=pi,
        panels=_spread(48.0, 4.0),
        delta_function=lambda x: -x * expit(-x),
        log_slope_function=_silu_log_slope,
    ),
    Activation(
        name="mish",
        formula=FORMULAS["mish"],
        function=_mish,
        slope_function=_mish_slope,
        left=0.0,
        saturates=("soft", "none"),
        max_slope=1.088498161251727861,
        turns=(-1.192431214515495212,),
        strip=0.75 * pi,
        panels=_spread(48.0, 3.0),
        delta_function=lambda x: -x * _mish_shares(x)[1],
        log_slope_function=_mish_log_slope,
    ),
    Activation(
        name="tanh-shrink",
        formula=FORMULAS["tanh-shrink"],
        function=lambda x: -tanh_less_line(x),
        slope_function=lambda x: np.tanh(x) ** 2,
        slope=0.0,
        flat=((0.0, 0.0),),
        strip=pi / 2.0,
        panels=_spread(20.0, 2.0),
        lines=((1.0, 1.0), (-1.0, 1.0)),
        log_slope_function=lambda x: 2.0 * np.log(np.abs(np.tanh(x))),
    ),
    soft_shrink("soft-shrink", 0.5),
    hard_shrink("hard-shrink", 0.5),
    Activation(
        name="lecun-tanh",
        formula=FORMULAS["lecun-tanh"],
        function=lambda x: 1.7159 * np.tanh(x * (2.0 / 3.0)),
        slope_function=lambda x: _LECUN_SLOPE * _sech2(x * (2.0 / 3.0)),
        slope=_LECUN_SLOPE,
        left=-1.7159,
        right=1.7159,
        thresholds=(-1.5, 1.5),
        saturates=("soft", "soft"),
        max_slope=_LECUN_SLOPE,
        strip=0.75 * pi,
        panels=_spread(30.0, 3.0),
        delta_function=lambda x: 1.7159 * tanh_less_line(x * (2.0 / 3.0)),
        log_slope_function=lambda x: np.log(_LECUN_SLOPE) + _log_sech2(x * (2.0 / 3.0)),
    ),
    piecewise("identity", (), ((0.0, 1.0),), function=lambda x: x + 0.0, delta_function=lambda x: 0.0 * x),
)

_BY_NAME: Final = {member.name: member for member in _MEMBERS}
ACTIVATIONS: Final[Mapping[str, Activation]] = MappingProxyType({name: _BY_NAME[name] for name in FORMULAS})
"""Every named activation, in the order in which they are listed."""


def activation(name: str) -> Activation:
    """Return the activation of that name, or build one from a function of the user's own.

    Parameters
    ----------
    name
        A key of `ACTIVATIONS` or of `ALIASES`, one of `FAMILIES` with its parameters such as ``elu:0.5``,
        ``package.module:function``, looked up in the current folder first, or an expression of x such as
        ``tanh(2*x)``, see `noisyviz.units.own_expression`.

    Returns
    -------
    Activation

    Raises
    ------
    InputError
        If there is no such name, the expression cannot be read, or the user's function cannot be analysed.

    Examples
    --------
    >>> float(activation("hard-sigmoid").h(1.0)), float(activation("leaky-relu:0.2").h(-1.0))
    (0.75, -0.2)
    """
    name = ALIASES.get(name, name)
    if name.partition(":")[0] in FAMILIES and name not in ACTIVATIONS:
        return with_parameters(name, ACTIVATIONS)
    if ":" in name:
        return load_activation(name)
    if is_expression(name):
        expression = read_expression(name, ACTIVATIONS)
        return analysed(expression.text, expression)
    other = ["module:function", "an expression of x such as tanh(2*x)"]
    check_name("fn", name, [*ACTIVATIONS, *ALIASES, *map(pattern, FAMILIES), *other])
    return ACTIVATIONS[name]


def rebuilt_by_name(one: Activation) -> bool:
    """Tell whether `activation` gives an equal one for its name, so that the name may stand for it."""
    if one.name in ACTIVATIONS:
        return ACTIVATIONS[one.name] == one
    try:
        return activation(one.name) == one
    except InputError:
        return False
