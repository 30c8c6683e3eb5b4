"""The moments of every noisy unit to 30 digits, written from the formulas alone with mpmath.

Nothing here comes from the package except in `main`, which compares. Integrals are Gauss-Legendre sums between the
kinks, their pre-images and a geometric net of other edges, in arithmetic of 40 digits; variances are central moments.
The columns of the cases of `tests/moments/test_exact.py` are kept in `tests/data/reference.json`, because they take two
minutes. After a change here, or of those cases:

    PYTHONPATH=tests python tests/moments/test_exact.py

More cases than the test suite has time for:

    python tests/reference.py --cases 20
"""

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import mpmath
import numpy as np
from mpmath.calculus.quadrature import GaussLegendre

MP: Final = mpmath.MPContext()
MP.dps = 40
mpf: Final = MP.mpf
INF: Final = MP.inf
Real = Any  # an mpf of MP; mpmath is untyped

COLUMNS: Final = (
    "mean",
    "bias",
    "std",
    "p_outside",
    "grad_mean",
    "grad_std",
    "grad_rms",
    "grad_leak",
    "grad_cov",
    "p_zero",
    "p_wrong",
    "grad_p_mean",
    "grad_p_std",
)
KINDS: Final = ("none", "nan", "nah", "nani", "nanil", "nanis", "nanil-softplus", "add", "mult")
OUTPUT_KINDS: Final = ("none", "nan", "nah", "add", "mult")


@dataclass(frozen=True, kw_only=True)
class Function:
    """An activation by its definition; `flat` holds the intervals with h′ = 0, `turns` where h′ changes its sign."""

    h: Callable[[Real], Real]
    dh: Callable[[Real], Real]
    slope: Real = 1
    intercept: Real = 0
    left: Real = -INF
    right: Real = INF
    low: Real = -INF
    high: Real = INF
    breaks: tuple[Real, ...] = ()
    flat: tuple[tuple[Real, Real], ...] = ()
    turns: tuple[Real, ...] = ()
    algebraic: bool = False

    def u(self, x: Real) -> Real:
        return self.intercept + self.slope * x

    def saturated(self, x: Real) -> bool:
        """Return whether x is at or beyond a threshold, which for a unit is the nearest double."""
        low = MP.isfinite(self.low) and x <= float(self.low)
        high = MP.isfinite(self.high) and x >= float(self.high)
        return bool(low or high)


def logistic(x: Real) -> Real:
    return 1 / (1 + MP.exp(-x))


def logistic_slope(x: Real) -> Real:
    return 1 / (4 * MP.cosh(x / 2) ** 2)


def sech2(x: Real) -> Real:
    return 1 / MP.cosh(x) ** 2


def normal_cdf(x: Real) -> Real:
    if abs(x) > 10**20:  # e^(-10^40) is nothing, and erfc overflows further out
        return mpf(int(x > 0))
    return MP.erfc(-x / MP.sqrt(2)) / 2


def normal_density(x: Real) -> Real:
    return MP.exp(-x * x / 2) / MP.sqrt(2 * MP.pi)


def clipped(slope: Real, intercept: Real, left: Real, right: Real) -> Function:
    """Return the straight line between two limits; h′ at both kinks is that of the saturated side."""
    low, high = (left - intercept) / slope, (right - intercept) / slope
    return Function(
        h=lambda x: max(min(intercept + slope * x, right), left),
        dh=lambda x: slope if low < x < high else mpf(0),
        slope=slope,
        intercept=intercept,
        left=left,
        right=right,
        low=low,
        high=high,
        breaks=tuple(z for z in (low, high) if MP.isfinite(z)),
        flat=tuple(piece for piece in ((-INF, low), (high, INF)) if piece[0] < piece[1]),
    )


def _selu() -> Function:
    """Build selu from the fixed-point equations' solution (Klambauer et al. 2017, eq 14)."""
    e, pi, r = MP.e, MP.pi, MP.erfc(1 / MP.sqrt(2))
    a = -MP.sqrt(2 / pi) / (r * MP.sqrt(e) - 1)
    inner = 2 * MP.erfc(MP.sqrt(2)) * e**2 + pi * r**2 * e - 2 * (2 + pi) * r * MP.sqrt(e) + pi + 2
    scale = (1 - r * MP.sqrt(e)) * MP.sqrt(2 * pi) / MP.sqrt(inner)
    return Function(
        h=lambda x: scale * x if x > 0 else scale * a * MP.expm1(x),
        dh=lambda x: scale if x >= 0 else scale * a * MP.exp(x),
        slope=scale,
        left=-scale * a,
        low=-a,
        breaks=(mpf(0),),
    )


def elu(a: Real, *, rate: Real = 1) -> Function:
    """Return x, and a·(exp(rate·x) − 1) below 0."""
    return Function(
        h=lambda x: x if x > 0 else a * MP.expm1(rate * x),
        dh=lambda x: mpf(1) if x >= 0 else a * rate * MP.exp(rate * x),
        left=-a,
        low=-a,
        breaks=(mpf(0),),
    )


def leaky_relu(a: Real) -> Function:
    return Function(h=lambda x: x if x >= 0 else a * x, dh=lambda x: mpf(1) if x >= 0 else a, breaks=(mpf(0),))


def softplus(b: Real) -> Function:
    return Function(
        h=lambda x: max(x, mpf(0)) + MP.log1p(MP.exp(-abs(b * x))) / b,
        dh=lambda x: logistic(b * x),
        left=mpf(0),
        low=mpf(0),
    )


def squareplus(b: Real) -> Function:
    def root(x: Real) -> Real:
        return MP.sqrt(x * x + b)

    def h(x: Real) -> Real:
        return (x + root(x)) / 2 if x > 0 else b / 2 / (root(x) - x)

    return Function(h=h, dh=lambda x: h(x) / root(x), left=mpf(0), low=mpf(0), algebraic=True)


def soft_shrink(a: Real) -> Function:
    return Function(
        h=lambda x: x - max(min(x, a), -a),
        dh=lambda x: mpf(abs(x) > a),
        slope=0,
        breaks=(-a, a),
        flat=((-a, a),),
    )


def hard_shrink(a: Real) -> Function:
    return Function(
        h=lambda x: x if abs(x) > a else mpf(0),
        dh=lambda x: mpf(abs(x) > a),
        slope=0,
        breaks=(-a, a),
        flat=((-a, a),),
    )


def threshold(t: Real, v: Real) -> Function:
    return Function(
        h=lambda x: x if x > t else v,
        dh=lambda x: mpf(x > t),
        left=v,
        low=t,
        breaks=(t,),
        flat=((-INF, t),),
    )


def _functions() -> dict[str, Function]:
    half, one, zero, six = mpf(1) / 2, mpf(1), mpf(0), mpf(6)
    scale, rate = mpf("1.7159"), mpf(2) / 3
    silu_slope = lambda x: logistic(x) + x * logistic_slope(x)  # noqa: E731
    gelu_slope = lambda x: normal_cdf(x) + x * normal_density(x)  # noqa: E731
    root_pi, rate_of_gelu, cube = MP.sqrt(MP.pi), 2 * MP.sqrt(2 / MP.pi), mpf("0.044715")
    gelu_inner: Callable[[Real], Real] = lambda x: rate_of_gelu * (x + cube * x**3)  # noqa: E731
    gelu_tanh_slope = lambda x: (  # noqa: E731
        logistic(gelu_inner(x)) + x * logistic_slope(gelu_inner(x)) * rate_of_gelu * (1 + 3 * cube * x * x)
    )
    smooth_relu: Callable[[Real], Real] = softplus(one).h
    mish_slope = lambda x: MP.tanh(smooth_relu(x)) + x * sech2(smooth_relu(x)) * logistic(x)  # noqa: E731
    return {
        "tanh": Function(h=MP.tanh, dh=sech2, left=-one, right=one, low=-one, high=one),
        "sigmoid": Function(
            h=logistic,
            dh=logistic_slope,
            slope=mpf("0.25"),
            intercept=half,
            left=zero,
            right=one,
            low=mpf(-2),
            high=mpf(2),
        ),
        "hard-tanh": clipped(one, zero, -one, one),
        "hard-sigmoid": clipped(mpf("0.25"), half, zero, one),
        "relu": replace(clipped(one, zero, zero, INF), flat=((-INF, zero),)),
        "relu6": clipped(one, zero, zero, six),
        "hard-sigmoid-6": clipped(one / 6, half, zero, one),
        "hard-swish": Function(
            h=lambda x: x * min(max(x + 3, 0), 6) / 6,
            dh=lambda x: zero if x <= -3 else (one if x >= 3 else (2 * x + 3) / 6),
            left=zero,
            low=mpf(-3),
            breaks=(mpf(-3), mpf(3)),
            flat=((-INF, mpf(-3)),),
            turns=(mpf("-1.5"),),
        ),
        "leaky-relu": leaky_relu(one / 100),
        "elu": elu(one),
        "selu": _selu(),
        "celu": elu(one),
        "softplus": softplus(one),
        "log-sigmoid": Function(h=lambda x: -smooth_relu(-x), dh=lambda x: logistic(-x), right=zero, high=zero),
        "squareplus": squareplus(mpf(4)),
        "sparse-plus": Function(
            h=lambda x: zero if x <= -1 else (x if x >= 1 else (x + 1) ** 2 / 4),
            dh=lambda x: zero if x <= -1 else (one if x >= 1 else (x + 1) / 2),
            left=zero,
            low=zero,
            breaks=(-one, one),
            flat=((-INF, -one),),
        ),
        "sparse-sigmoid": clipped(half, half, zero, one),
        "gelu-tanh": Function(
            h=lambda x: x * logistic(gelu_inner(x)),
            dh=gelu_tanh_slope,
            left=zero,
            turns=(MP.findroot(gelu_tanh_slope, -0.75),),
        ),
        "mish": Function(
            h=lambda x: x * MP.tanh(smooth_relu(x)),
            dh=mish_slope,
            left=zero,
            turns=(MP.findroot(mish_slope, -1.2),),
        ),
        "tanh-shrink": Function(h=lambda x: x - MP.tanh(x), dh=lambda x: MP.tanh(x) ** 2, slope=0),
        "soft-shrink": soft_shrink(half),
        "hard-shrink": hard_shrink(half),
        "softsign": Function(
            h=lambda x: x / (1 + abs(x)),
            dh=lambda x: 1 / (1 + abs(x)) ** 2,
            left=-one,
            right=one,
            low=-one,
            high=one,
            breaks=(zero,),
            algebraic=True,
        ),
        "arctan": Function(
            h=MP.atan,
            dh=lambda x: 1 / (1 + x * x),
            left=-MP.pi / 2,
            right=MP.pi / 2,
            low=-MP.pi / 2,
            high=MP.pi / 2,
            algebraic=True,
        ),
        "erf": Function(
            h=MP.erf,
            dh=lambda x: 2 / root_pi * MP.exp(-x * x),
            slope=2 / root_pi,
            left=-one,
            right=one,
            low=-root_pi / 2,
            high=root_pi / 2,
        ),
        "gelu": Function(
            h=lambda x: x * normal_cdf(x), dh=gelu_slope, left=zero, turns=(MP.findroot(gelu_slope, -0.75),)
        ),
        "silu": Function(
            h=lambda x: x * logistic(x), dh=silu_slope, left=zero, turns=(MP.findroot(silu_slope, -1.28),)
        ),
        "lecun-tanh": Function(
            h=lambda x: scale * MP.tanh(rate * x),
            dh=lambda x: scale * rate * sech2(rate * x),
            slope=scale * rate,
            left=-scale,
            right=scale,
            low=mpf("-1.5"),
            high=mpf("1.5"),
        ),
        "identity": Function(h=lambda x: x, dh=lambda x: one),  # noqa: ARG005
    }


FUNCTIONS: Final = _functions()
WITH_PARAMETERS: Final = {  # parameters that are doubles, so that kinks and limits are the same numbers
    "leaky-relu:0.25": leaky_relu(mpf("0.25")),
    "elu:0.5": elu(mpf("0.5")),
    "celu:2": elu(mpf(2), rate=mpf("0.5")),
    "softplus:2": softplus(mpf(2)),
    "squareplus:0.25": squareplus(mpf("0.25")),
    "hard-sigmoid:0.125": clipped(mpf("0.125"), mpf("0.5"), mpf(0), mpf(1)),
    "hard-tanh:-0.5:2": clipped(mpf(1), mpf(0), mpf("-0.5"), mpf(2)),
    "soft-shrink:1.5": soft_shrink(mpf("1.5")),
    "hard-shrink:1.5": hard_shrink(mpf("1.5")),
    "threshold:0.25:-2": threshold(mpf("0.25"), mpf(-2)),
    "threshold:-1:-1": threshold(mpf(-1), mpf(-1)),
}
"""Of every family one member or two."""


@dataclass(frozen=True, kw_only=True)
class Law:
    """A noise distribution: density, upper tail probability for a ≥ 0, E abs ξ, and edges for its integrals."""

    density: Callable[[Real], Real]
    tail: Callable[[Real], Real]
    abs_mean: Real
    edges: tuple[Real, ...]

    def below(self, a: Real) -> Real:
        """Return P(ξ < a)."""
        return 1 - self.tail(a) if a >= 0 else self.tail(-a)

    def between(self, a: Real, b: Real) -> Real:
        """Return P(a < ξ < b) for a ≤ b, without cancellation in the tails."""
        return self.tail(a) - self.tail(b) if a >= 0 else self.below(b) - self.below(a)


@cache
def law(name: str) -> Law:
    """Return the distribution of that name."""
    if name == "normal":
        return Law(
            density=normal_density,
            tail=lambda a: normal_cdf(-a),
            abs_mean=MP.sqrt(2 / MP.pi),
            edges=tuple(mpf(k) for k in range(0, 17, 2)),
        )
    if name == "laplace":
        root = MP.sqrt(2)
        return Law(
            density=lambda v: MP.exp(-root * abs(v)) / root,
            tail=lambda a: MP.exp(-root * a) / 2,
            abs_mean=1 / root,
            edges=tuple(mpf(k) for k in range(0, 69, 4)),
        )
    if name == "uniform":
        w = MP.sqrt(3)
        return Law(
            density=lambda v: 1 / (2 * w) if abs(v) <= w else mpf(0),
            tail=lambda a: max(w - a, mpf(0)) / (2 * w),
            abs_mean=w / 2,
            edges=(mpf(0), w),
        )
    return _student(mpf(name.partition(":")[2]))


def _student(nu: Real) -> Law:
    spread = nu - 2  # ξ = T·√((ν−2)/ν), so T²/ν = ξ²/(ν−2)
    norm = MP.gamma((nu + 1) / 2) / (MP.sqrt(MP.pi * spread) * MP.gamma(nu / 2))
    edges, end = [mpf(0)], 10 ** (mpf(26) / spread)
    while edges[-1] < max(end, 20) and not (edges[-1] > 20 and density_tail(edges[-1], nu) < mpf(10) ** -45):
        edges.append(edges[-1] + min(max(edges[-1], MP.sqrt(spread) / 2), max(edges[-1] / 2, 1)))
    return Law(
        density=lambda v: norm * (1 + v * v / spread) ** (-(nu + 1) / 2),
        tail=lambda a: (
            mpf(0) if MP.isinf(a) else MP.betainc(nu / 2, mpf(1) / 2, 0, 1 / (1 + a * a / spread), regularized=True) / 2
        ),
        abs_mean=2 * MP.sqrt(nu - 2) * MP.gamma((nu + 1) / 2) / ((nu - 1) * MP.sqrt(MP.pi) * MP.gamma(nu / 2)),
        edges=tuple(edges),
    )


def density_tail(a: Real, nu: Real) -> Real:
    return (1 + a * a / (nu - 2)) ** (-(nu + 1) / 2) * a**3


@dataclass(frozen=True, kw_only=True)
class Case:
    """A unit at one point."""

    fn: str
    kind: str
    alpha: float = 0.9
    c: float = 0.5
    p: float = 1.0
    x: float = 0.0
    scale: str = "eq9"
    noise: str = "normal"

    @property
    def function(self) -> Function:
        return FUNCTIONS.get(self.fn) or WITH_PARAMETERS[self.fn]


def sign(x: Real) -> int:
    """Return the sign with sgn(0) = +1."""
    return -1 if x < 0 else 1


def direction(x: Real, alpha: Real) -> int:
    return -sign(x) * sign(1 - alpha)


@dataclass(frozen=True)
class Scale:
    """σ with ∂σ/∂x and ∂σ/∂p."""

    sigma: Real
    by_x: Real
    by_p: Real


@cache
def noise_scale(case: Case) -> Scale:
    """Return what multiplies ξ or ε at x, and its derivatives."""
    f, x, c, p = case.function, mpf(case.x), mpf(case.c), mpf(case.p)
    zero = mpf(0)
    if case.kind == "none":
        return Scale(zero, zero, zero)
    if case.kind in ("nani", "add"):
        return Scale(c, zero, zero)
    if case.kind == "mult":  # signed: what multiplies ξ
        return Scale(c * f.h(x), c * f.dh(x), zero)
    if case.kind == "nanis":
        return Scale(c if f.saturated(x) else zero, zero, zero)
    if case.scale == "eq9":
        inner, inner_x = f.h(x) - f.u(x), f.dh(x) - f.slope
    else:
        gap = max(x - f.high, f.low - x, zero)
        inner, inner_x = gap**2, 2 * gap * (1 if x > f.high else -1)
    v = p * inner
    g = logistic(v)
    half = MP.tanh(v / 2) / 2  # g − ½
    k = 2 * c * half * logistic_slope(v)
    assert abs(g - mpf(1) / 2 - half) < mpf(10) ** -38
    return Scale(c * half**2, k * p * inner_x, k * inner)


@dataclass(frozen=True)
class Draw:
    """φ, ∂φ/∂x and ∂φ/∂p at one ξ."""

    phi: Real
    grad_x: Real
    grad_p: Real


def draw(case: Case, xi: Real) -> Draw:
    """Return φ and its pathwise gradients for one raw draw, straight from the table of units."""
    f, x, alpha, xi = case.function, mpf(case.x), mpf(case.alpha), mpf(xi)
    if case.kind == "nanil-softplus":
        s, factor, by_p = Softplus(case).shift(xi)
        return Draw(f.h(x + s), f.dh(x + s) * factor, f.dh(x + s) * by_p)
    scale = noise_scale(case)
    if case.kind in ("add", "mult"):
        return Draw(f.h(x) + scale.sigma * xi, f.dh(x) + scale.by_x * xi, mpf(0))
    if case.kind in ("none", "nan", "nah"):
        epsilon = abs(xi) if case.kind == "nah" else xi
        keep = mpf(1) if case.kind == "none" else alpha
        d = direction(x, alpha)
        return Draw(
            keep * f.h(x) + (1 - keep) * f.u(x) + d * scale.sigma * epsilon,
            keep * f.dh(x) + (1 - keep) * f.slope + d * scale.by_x * epsilon,
            d * scale.by_p * epsilon,
        )
    z = x + scale.sigma * xi
    return Draw(f.h(z), f.dh(z) * (1 + scale.by_x * xi), f.dh(z) * scale.by_p * xi)


class Softplus:
    """The shift s = c·softplus(p·abs Δ/abs ξ)·ξ of the authors' code."""

    def __init__(self, case: Case) -> None:
        f, x = case.function, mpf(case.x)
        delta = f.h(x) - f.u(x)
        self.c, self.size = mpf(case.c), abs(delta)
        self.a = mpf(case.p) * self.size
        self.rate = self.c * mpf(case.p) * MP.sign(delta) * (f.dh(x) - f.slope)

    def size_of_shift(self, r: Real) -> Real:
        t = self.a / r
        return self.c * r * (max(t, mpf(0)) + MP.log1p(MP.exp(-abs(t))))

    def shift(self, xi: Real) -> tuple[Real, Real, Real]:
        """Return s, ∂(x + s)/∂x and ∂s/∂p."""
        if xi == 0:
            gate = mpf(1) if self.a > 0 else (mpf(1) / 2 if self.a == 0 else mpf(0))
            return self.c * max(self.a, mpf(0)), 1 + self.rate * gate, self.c * self.size * gate
        side, gate = MP.sign(xi), logistic(self.a / abs(xi))
        return side * self.size_of_shift(abs(xi)), 1 + self.rate * gate * side, side * self.c * self.size * gate

    def preimage(self, gap: Real) -> Real | None:
        """Return the ξ with s(ξ) = gap, or None where no draw reaches it."""
        target = abs(gap)
        if self.c == 0 or target <= self.c * max(self.a, mpf(0)):
            return None
        low, high = mpf(0), mpf(1)
        while self.size_of_shift(high) < target:
            low, high = high, 2 * high
        while low == 0 and high > mpf(10) ** -60 and self.size_of_shift(high / 2) > target:
            high /= 2
        low = low or high / 2
        root = MP.findroot(
            lambda r: self.size_of_shift(r) - target, (low, high), solver="anderson", tol=mpf(10) ** -70, verify=False
        )
        return sign(gap) * root

    def edges(self) -> Iterable[Real]:
        """Return where s bends: abs ξ near p·abs Δ, whose poles reach up to abs ξ = 1 in a geometric net."""
        edge = abs(self.a) / 256
        while 0 < edge < max(4, 256 * abs(self.a)):
            yield from (edge, -edge)
            edge *= 2

    def factor_zeros(self) -> Iterable[Real]:
        """Return the ξ at which ∂(x + s)/∂x changes its sign."""
        yield mpf(0)
        if self.rate != 0 and abs(self.rate) > 1:
            gate = 1 / abs(self.rate)
            r = self.a / MP.log(gate / (1 - gate)) if gate != mpf(1) / 2 else mpf(0)
            if r > 0:
                yield -MP.sign(self.rate) * r


KEPT: Final = Path(__file__).with_name("data") / "reference.json"
DIGITS: Final = 25


@cache
def kept() -> dict[str, list[str]]:
    """Return the columns that are kept, in the order of `COLUMNS`, by the case as text."""
    found: dict[str, list[str]] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


def key(case: Case) -> str:
    """Return a case as text, with every digit of its numbers."""
    return " ".join(str(value) for value in astuple(case))


def known(case: Case) -> dict[str, Real]:
    """Return the columns of a case as they are kept, or compute them."""
    if key(case) in kept():
        return dict(zip(COLUMNS, map(mpf, kept()[key(case)]), strict=True))
    return reference(case)


def keep(cases: Iterable[Case]) -> None:
    """Compute the columns of these cases anew and keep them in place of all others."""
    found = {}
    for case in cases:
        columns = reference(case)
        found[key(case)] = [MP.nstr(columns[name], DIGITS) for name in COLUMNS]
    KEPT.write_text(json.dumps(found, indent=0) + "\n", encoding="utf-8")


def reference(case: Case, *, degree: int = 4) -> dict[str, Real]:
    """Return every column of the case; NaN where a quantity is undefined.

    `degree` sets the number of nodes between two edges, 3·2^(degree − 1).
    """
    columns = _output(case) if case.kind in OUTPUT_KINDS else _input(case, degree)
    if case.function.slope == 0:  # no way to point
        columns["p_wrong"] = MP.nan
    columns["bias"] = columns["mean"] - case.function.h(mpf(case.x))
    columns["grad_rms"] = MP.sqrt(columns["grad_mean"] ** 2 + columns["grad_std"] ** 2)
    columns["grad_leak"] = draw(case, mpf(0)).grad_x
    return columns


def _output(case: Case) -> dict[str, Real]:
    """φ = a + b·ε: every column is closed."""
    f, ell = case.function, law(case.noise)
    at_zero, at_one = draw(case, 0), draw(case, 1)
    expected = ell.abs_mean if case.kind == "nah" else mpf(0)
    spread = MP.sqrt(1 - expected**2)

    def less(a: Real, b: Real, level: Real) -> Real:
        """Return P(a + bε < level)."""
        if b == 0:
            return mpf(int(a < level))
        t = (level - a) / b
        if case.kind == "nah":
            inside = ell.between(-t, t) if t > 0 else mpf(0)
            outside = 2 * ell.tail(t) if t > 0 else mpf(1)
            return inside if b > 0 else outside
        return ell.below(t) if b > 0 else ell.below(-t)

    # the differences in 40 digits would lose d·σ beside αh + (1−α)u
    scale = noise_scale(case)
    d = 1 if case.kind in ("add", "mult") else direction(case.x, case.alpha)
    a, slope = at_zero.phi, at_zero.grad_x
    b, b_x, b_p = d * scale.sigma, d * scale.by_x, d * scale.by_p
    assert abs(a + b - at_one.phi) <= mpf(10) ** -30 * (1 + abs(a) + abs(b))
    outside = less(a, b, f.left) + less(-a, -b, -f.right) if _bounded(f) else MP.nan
    side = sign(f.slope)
    return {
        "mean": a + b * expected,
        "std": abs(b) * spread,
        "p_outside": outside,
        "grad_mean": slope + b_x * expected,
        "grad_std": abs(b_x) * spread,
        "grad_cov": b * b_x * (1 - expected**2),
        "p_zero": mpf(int(slope == 0 and b_x == 0)),
        "p_wrong": less(side * slope, side * b_x, mpf(0)),
        "grad_p_mean": b_p * expected,
        "grad_p_std": abs(b_p) * spread,
    }


def _bounded(f: Function) -> bool:
    return bool(MP.isfinite(f.left) and MP.isfinite(f.right))


_NET: Final = tuple(mpf(z) for z in (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128))


def _net(f: Function, reach: Real) -> list[Real]:
    """Return points between which h is smooth: its kinks and a geometric net, up to ±reach where h needs it."""
    net = list(_NET)
    while f.algebraic and net[-1] < reach:
        net.append(2 * net[-1])
    return [*f.breaks, *net, *(-z for z in net)]


def _input(case: Case, degree: int) -> dict[str, Real]:
    """φ = h(x + s): sums over panels for the moments, distribution functions for the probabilities."""
    f, x, ell = case.function, mpf(case.x), law(case.noise)
    softplus = Softplus(case) if case.kind == "nanil-softplus" else None
    scale = noise_scale(replace(case, scale="eq9")) if softplus else noise_scale(case)
    end = ell.edges[-1]
    if (softplus.c if softplus else scale.sigma) == 0:
        return _still(case)

    def preimages(points: Iterable[Real]) -> list[Real]:
        if softplus is None:
            return [(z - x) / scale.sigma for z in points]
        found = (softplus.preimage(z - x) for z in points)
        return [xi for xi in found if xi is not None]

    reach = abs(x) + end * (softplus.c + softplus.c * abs(softplus.a) if softplus else scale.sigma)
    edges = [*ell.edges, *(-e for e in ell.edges), *preimages(_net(f, reach))]
    factor_zeros = [] if scale.by_x == 0 else [-1 / scale.by_x]
    if softplus is not None:
        edges += softplus.edges()
        factor_zeros = list(softplus.factor_zeros())
    columns = _sums(case, sorted({e for e in edges if abs(e) <= end}), degree)
    finite = [z for interval in f.flat for z in interval if MP.isfinite(z)]
    cuts = sorted({-INF, INF, *factor_zeros, *preimages([*finite, *f.turns])})
    side = sign(f.slope)
    columns |= {"p_zero": mpf(0), "p_wrong": mpf(0), "p_outside": mpf(0) if _bounded(f) else MP.nan}
    for a, b in itertools.pairwise(cuts):
        middle = (max(a, min(b, mpf(0)) - 10) + min(b, max(a, mpf(0)) + 10)) / 2
        slope = draw(case, middle).grad_x
        if slope == 0:
            columns["p_zero"] += ell.between(a, b)
        elif side * slope < 0:
            columns["p_wrong"] += ell.between(a, b)
    return columns


def _still(case: Case) -> dict[str, Real]:
    """No noise at this x: everything is its value at ξ = 0."""
    value, zero, side = draw(case, 0), mpf(0), sign(case.function.slope)
    return {
        "mean": value.phi,
        "std": zero,
        "p_outside": zero if _bounded(case.function) else MP.nan,
        "grad_mean": value.grad_x,
        "grad_std": zero,
        "grad_cov": zero,
        "p_zero": mpf(int(value.grad_x == 0)),
        "p_wrong": mpf(int(side * value.grad_x < 0)),
        "grad_p_mean": zero,
        "grad_p_std": zero,
    }


@cache
def _nodes(degree: int) -> tuple[tuple[Real, Real], ...]:
    return tuple(GaussLegendre(MP).calc_nodes(degree, MP.prec))


def _sums(case: Case, edges: list[Real], degree: int) -> dict[str, Real]:
    f, x, ell = case.function, mpf(case.x), law(case.noise)
    softplus = Softplus(case) if case.kind == "nanil-softplus" else None
    scale = noise_scale(case) if softplus is None else None
    h = f.h(x)
    rows = []
    for a, b in itertools.pairwise(edges):
        half, centre = (b - a) / 2, (a + b) / 2
        for node, weight in _nodes(degree):
            xi = centre + half * node
            if softplus is not None:
                s, factor, by_p = softplus.shift(xi)
            else:
                assert scale is not None
                s, factor, by_p = scale.sigma * xi, 1 + scale.by_x * xi, scale.by_p * xi
            slope = f.dh(x + s)
            rows.append((half * weight * ell.density(xi), f.h(x + s) - h, slope * factor, slope * by_p))
    columns = {}
    for index, name in enumerate(("phi", "grad", "grad_p"), start=1):
        mean = MP.fsum(row[0] * row[index] for row in rows)
        columns[name] = mean, MP.sqrt(MP.fsum(row[0] * (row[index] - mean) ** 2 for row in rows))
    return {
        "mean": h + columns["phi"][0],
        "std": columns["phi"][1],
        "grad_mean": columns["grad"][0],
        "grad_std": columns["grad"][1],
        "grad_cov": MP.fsum(row[0] * (row[1] - columns["phi"][0]) * (row[2] - columns["grad"][0]) for row in rows),
        "grad_p_mean": columns["grad_p"][0],
        "grad_p_std": columns["grad_p"][1],
    }


_ODDS: Final = (0.55, 0.1, 0.1, 0.1, 0.15)


def random_case(rng: np.random.Generator, fn: str, kind: str, noise: str = "normal") -> Case:
    """Return a case: mostly ordinary values, now and then thresholds, tails, tiny and huge noise."""
    f = Case(fn=fn, kind=kind).function
    special = [float(z) for z in (f.low, f.high, *f.breaks, mpf(0)) if MP.isfinite(z)]
    x = rng.choice(
        [rng.uniform(-5, 5), rng.choice(special), rng.uniform(-1e-9, 1e-9), rng.uniform(-2, 2), 0.0], p=_ODDS
    )
    if x == 0.0:
        x = rng.uniform(-40, 40)
    c = rng.choice([rng.uniform(0, 2), 30.0, 1000.0, 1e-9, rng.uniform(2, 30)], p=_ODDS)
    p = rng.choice([rng.uniform(-2, 2), 0.0, 1.0, -1.0, rng.uniform(-10, 10)], p=_ODDS)
    if kind == "nanil-softplus" and p < 0 and x in special:
        x += 0.01  # at a kink itself shifts below the rounding of x decide; doubles cannot hold them
    alpha = rng.choice([rng.uniform(0, 3), 1.0, 0.0, 0.9, rng.uniform(0.8, 1.2)], p=_ODDS)
    scale = "figure" if rng.uniform() < 0.3 else "eq9"
    return Case(fn=fn, kind=kind, alpha=float(alpha), c=float(c), p=float(p), x=float(x), scale=scale, noise=noise)


def excess(got: float, want: Real) -> float:
    """Return the error over what is allowed: 1e-10, and 1e-12 of the value where that is above 1."""
    if MP.isnan(want):
        return 0.0 if np.isnan(got) else float("inf")
    if np.isnan(got):
        return float("inf")
    allowed = mpf("1e-10") if abs(want) <= 1 else max(mpf("1e-10"), mpf("1e-12") * abs(want))
    return float(abs(mpf(got) - want) / allowed)


def engine_columns(case: Case) -> dict[str, float]:
    """Return what the package answers for the same case."""
    import noisyviz as nv

    unit = nv.NoisyUnit(
        case.fn, kind=case.kind, alpha=case.alpha, c=case.c, p=case.p, scale=case.scale, noise=case.noise
    )
    moments = nv.exact(unit, case.x)
    return {name: float(getattr(moments, name)) for name in COLUMNS}


def main() -> None:
    """Compare the package with the reference on random cases and print the worst of every column."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cases", type=int, default=5, help="per activation, kind and noise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fn", nargs="*", default=[*FUNCTIONS, *WITH_PARAMETERS])
    parser.add_argument("--kind", nargs="*", default=list(KINDS))
    parser.add_argument("--noise", nargs="*", default=["normal"])
    parser.add_argument("--nodes", action="store_true", help="also compare the reference with twice its nodes")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    worst = dict.fromkeys(COLUMNS, (0.0, ""))
    nodes = 0.0
    for fn, kind, noise in itertools.product(options.fn, options.kind, options.noise):
        for _ in range(options.cases):
            case = random_case(rng, fn, kind, noise)
            want, got = reference(case), engine_columns(case)
            for name in COLUMNS:
                error = excess(got[name], want[name])
                if error > 1:
                    sys.stdout.write(f"{name}: got {got[name]!r}, want {MP.nstr(want[name], 20)} in {case}\n")
                if error > worst[name][0]:
                    worst[name] = error, f"got {got[name]!r}, want {MP.nstr(want[name], 20)} in {case}"
            if options.nodes:
                finer = reference(case, degree=5)
                nodes = max(nodes, *(float(abs(finer[n] - want[n])) for n in COLUMNS if not MP.isnan(want[n])))
    for name, (error, where) in worst.items():
        sys.stdout.write(f"{name:12s} {error:.2e} of what is allowed: {where}\n")
    if options.nodes:
        sys.stdout.write(f"reference against itself with twice the nodes: {nodes:.1e}\n")


if __name__ == "__main__":
    main()
