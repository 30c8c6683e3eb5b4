"""Activation functions made from a few numbers: piecewise-linear ones, and those with parameters behind a colon."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import inf, isfinite, log, sqrt
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.units.activation import Activation, Array
from noisyviz.units.names import FAMILIES, FORMULAS, pattern
from noisyviz.units.special import expm1_less_line

LEAST, MOST = 1e-6, 1e6  # the parameters taken: those above 0 from LEAST on, all others from −MOST on


def piecewise(
    name: str, breaks: tuple[float, ...], pieces: tuple[tuple[float, float], ...], **facts: Any
) -> Activation:
    """Return a piecewise-linear activation; at a break h′ is the smaller |slope|, or what `at_breaks` says."""
    edges, slopes = np.asarray(breaks), np.asarray([b for _, b in pieces])
    intercepts = np.asarray([a for a, _ in pieces])
    smaller = [min(slopes[i], slopes[i + 1], key=abs) for i in range(len(breaks))]
    at_breaks: tuple[float, ...] = facts.pop("at_breaks", smaller)

    def h(x: Array) -> Array:
        piece = np.searchsorted(edges, x)
        return intercepts[piece] + slopes[piece] * x

    def derivative(x: Array) -> Array:
        y = np.where(np.isnan(x), x, slopes[np.searchsorted(edges, x)])
        for z, value in zip(breaks, at_breaks, strict=True):
            y = np.where(x == z, value, y)
        return y

    ends = (-inf, *breaks, inf)
    flat = tuple((ends[i], ends[i + 1]) for i, (_, b) in enumerate(pieces) if b == 0)
    return Activation(
        name=name,
        formula=facts.pop("formula", None) or FORMULAS[name],
        function=facts.pop("function", h),
        slope_function=derivative,
        kinks=breaks,
        breaks=breaks,
        pieces=pieces,
        flat=flat,
        max_slope=float(np.max(np.abs(slopes))),
        **facts,
    )


def clipped_line(name: str, slope: float, low: float, high: float, *, left: float, **facts: Any) -> Activation:
    """Return the line of that slope between the kinks low and high, constant beyond; h(low) is `left`."""
    right = left + slope * (high - low)
    intercept = left - slope * low

    def delta(x: Array) -> Array:
        return slope * (np.maximum(low - x, 0.0) + np.minimum(high - x, 0.0))

    return piecewise(
        name,
        (low, high),
        ((left, 0.0), (intercept, slope), (right, 0.0)),
        slope=slope,
        intercept=intercept,
        left=left,
        right=right,
        thresholds=(low, high),
        saturates=("hard", "hard"),
        kink_note=f"h' = 0 at {low:g} and {high:g}",
        function=lambda x: np.clip(slope * x + intercept, left, right),
        delta_function=delta,
        **facts,
    )


def leaky_relu(name: str, a: float, **facts: Any) -> Activation:
    """Return x for x > 0 and a·x elsewhere."""
    return piecewise(
        name,
        (0.0,),
        ((0.0, a), (0.0, 1.0)),
        at_breaks=(1.0,),
        kink_note="h' = 1 at 0",
        delta_function=lambda x: (a - 1.0) * np.minimum(x, 0.0),
        **facts,
    )


def soft_shrink(name: str, a: float, **facts: Any) -> Activation:
    """Return x − clip(x, −a, a)."""
    return piecewise(
        name,
        (-a, a),
        ((a, 1.0), (0.0, 0.0), (-a, 1.0)),
        slope=0.0,
        kink_note=f"h' = 0 at {-a:g} and {a:g}",
        **facts,
    )


def hard_shrink(name: str, a: float, **facts: Any) -> Activation:
    """Return x where |x| > a and 0 elsewhere; −a itself must fall on the middle piece, so its break is just below."""
    return piecewise(
        name,
        (float(np.nextafter(-a, -inf)), a),
        ((0.0, 1.0), (0.0, 0.0), (0.0, 1.0)),
        slope=0.0,
        at_breaks=(1.0, 0.0),  # the first one lies on the line
        kink_note=f"h jumps by {a:g} at {-a:g} and {a:g}, where h' = 0",
        **facts,
    )


def threshold(name: str, t: float, v: float, **facts: Any) -> Activation:
    """Return x where x > t and v elsewhere."""
    jump = f"h jumps from {v:g} to {t:g} and " if v != t else ""
    return piecewise(
        name,
        (t,),
        ((v, 0.0), (0.0, 1.0)),
        left=v,
        thresholds=(t, inf),
        saturates=("hard", "none"),
        kink_note=f"{jump}h' = 0 at {t:g}",
        delta_function=lambda x: np.where(x > t, 0.0, v - x),
        **facts,
    )


def elu(name: str, a: float, **facts: Any) -> Activation:
    """Return x for x > 0 and a·(exp x − 1) elsewhere."""
    return Activation(
        name=name,
        formula=facts.pop("formula", None) or FORMULAS[name],
        function=lambda x: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0))),
        slope_function=lambda x: np.where(x >= 0, 1.0, np.where(np.isnan(x), x, a * np.exp(np.minimum(x, 0.0)))),
        left=-a,
        thresholds=(-a, inf),
        saturates=("soft", "none"),
        max_slope=max(1.0, a),
        kinks=() if a == 1.0 else (0.0,),
        kink_note="" if a == 1.0 else "h' = 1, the active side's, at 0",
        breaks=(0.0,),
        panels=tuple(np.linspace(-40.0, 0.0, 11).tolist()),
        delta_function=lambda x: a * expm1_less_line(np.minimum(x, 0.0)) + (a - 1.0) * np.minimum(x, 0.0),
        log_slope_function=lambda x: np.where(x >= 0, 0.0, log(a) + np.minimum(x, 0.0)),
        **facts,
    )


def stretched(base: Activation, by: float, name: str, **facts: Any) -> Activation:
    """Return h(by·x)/by, which has the slopes of h; by > 0."""

    def scaled(values: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(value / by for value in values)

    return replace(
        base,
        name=name,
        function=lambda x: base.function(by * x) / by,
        slope_function=lambda x: base.slope_function(by * x),
        intercept=base.intercept / by,
        left=base.left / by,
        right=base.right / by,
        thresholds=(base.thresholds[0] / by, base.thresholds[1] / by),
        breaks=scaled(base.breaks),
        panels=scaled(base.panels),
        strip=base.strip / by,
        pair_function=None,
        delta_function=lambda x: base.finite_delta(by * x) / by,
        log_slope_function=lambda x: base.log_slope(by * x),
        **facts,
    )


_FACTORIES: Final[Mapping[str, Callable[..., Activation]]] = MappingProxyType(
    {
        "leaky-relu": lambda _base, name, a, **facts: leaky_relu(name, a, **facts),
        "elu": lambda _base, name, a, **facts: elu(name, a, **facts),
        "celu": lambda base, name, a, **facts: stretched(base, 1.0 / a, name, **facts),
        "softplus": lambda base, name, b, **facts: stretched(base, b, name, **facts),
        "squareplus": lambda base, name, b, **facts: stretched(base, 2.0 / sqrt(b), name, **facts),
        "hard-sigmoid": lambda _base, name, a, **facts: clipped_line(name, a, -0.5 / a, 0.5 / a, left=0.0, **facts),
        "hard-tanh": lambda _base, name, low, high, **facts: clipped_line(name, 1.0, low, high, left=low, **facts),
        "soft-shrink": lambda _base, name, a, **facts: soft_shrink(name, a, **facts),
        "hard-shrink": lambda _base, name, a, **facts: hard_shrink(name, a, **facts),
        "threshold": lambda _base, name, t, v, **facts: threshold(name, t, v, **facts),
    }
)
_DEFAULTS: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "leaky-relu": (0.01,),
        "elu": (1.0,),
        "celu": (1.0,),
        "softplus": (1.0,),
        "squareplus": (4.0,),
        "hard-sigmoid": (0.25,),
        "hard-tanh": (-1.0, 1.0),
        "soft-shrink": (0.5,),
        "hard-shrink": (0.5,),
    }
)


def parameters_of(name: str) -> tuple[str, tuple[float, ...]]:
    """Return the family and the parameters of a name with parameters, or of the plain name.

    Raises
    ------
    InputError
        When the parameters are not as many numbers as the formula has letters, each in its domain.

    Examples
    --------
    >>> parameters_of("hard-tanh:-2:2"), parameters_of("elu")
    (('hard-tanh', (-2.0, 2.0)), ('elu', (1.0,)))
    """
    family, *texts = name.split(":")
    if not texts and family in _DEFAULTS:
        return family, _DEFAULTS[family]
    letters = FAMILIES[family].letters
    try:
        values = tuple(float(text) + 0.0 for text in texts)  # no -0
    except ValueError:
        values = ()
    limits = [(LEAST if letter.above == 0.0 else -MOST, MOST) for letter in letters]
    fits = len(values) == len(letters)
    fits = fits and all(low <= value <= high for value, (low, high) in zip(values, limits, strict=True))
    if family == "hard-tanh":
        fits = fits and values[0] <= 0.0 <= values[1] and values[0] < values[1]
    if not fits:
        raise InputError(f"fn {pattern(family)} needs {_domain(family)}; got '{name}'", parameter="fn")
    return family, values


def _domain(family: str) -> str:
    """Return what the parameters may be, with an example."""
    letters = FAMILIES[family].letters
    if family == "hard-tanh":
        allowed = f"L <= 0 <= R and L < R, within {MOST:,.0f} of 0"
    else:
        allowed = " and ".join(
            f"{letter.name} from {LEAST:g} to {MOST:,.0f}"
            if letter.above == 0.0
            else f"{letter.name} within {MOST:,.0f} of 0"
            for letter in letters
        )
    return f"{allowed}, as in {FAMILIES[family].example}"


def with_parameters(name: str, base: Mapping[str, Activation]) -> Activation:
    """Return the activation of a name such as ``elu:0.5``; equal names give one object.

    Parameters
    ----------
    name
        Of a family of `FAMILIES`, with its parameters.
    base
        The activations with plain names.

    Raises
    ------
    InputError
        For parameters outside their domain.
    """
    family, values = parameters_of(name)
    if values == _DEFAULTS.get(family):
        return base[family]
    return _made(family, values, base.get(family))


@lru_cache(maxsize=256)
def _made(family: str, values: tuple[float, ...], base: Activation | None) -> Activation:
    texts = [f"{value:g}" if float(f"{value:g}") == value else repr(value) for value in values]
    numbers = dict(zip((letter.name for letter in FAMILIES[family].letters), texts, strict=True))
    formula = re.sub(r"\b[A-Z]\b", lambda found: numbers[found[0]], FAMILIES[family].formula)
    assert all(isfinite(value) for value in values)
    return _FACTORIES[family](base, ":".join([family, *texts]), *values, formula=formula)
