"""Noise distributions for ξ: mean 0, variance 1, symmetric, with the partial moments that closed forms need."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from math import gamma, inf, pi, sqrt
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, check_name
from noisyviz.units.activation import Array
from noisyviz.units.special import betainc, ndtri, normal_cdf, stdtrit

Moments3 = tuple[Array, Array, Array]
RandomSource = (
    np.random.Generator
    | np.random.BitGenerator
    | np.random.SeedSequence
    | np.random.RandomState
    | int
    | np.integer[Any]
    | Sequence[int]
    | None
)
"""What `rng` may be: a Generator, or what seeds one."""

NOISES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "normal": "density exp(-xi^2/2)/sqrt(2 pi), E|xi| = sqrt(2/pi)",
        "laplace": "density exp(-sqrt(2)|xi|)/sqrt(2), E|xi| = 1/sqrt(2)",
        "uniform": "density 1/(2 sqrt(3)) on [-sqrt(3), sqrt(3)], E|xi| = sqrt(3)/2",
        "student-t:NU": "Student's t with NU > 2 degrees of freedom times sqrt((NU - 2)/NU); "
        "standard errors of spreads exist for NU > 4",
    }
)
"""Every noise distribution with its formula."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Noise:
    """A symmetric noise distribution with mean 0 and variance 1.

    Equal are those with equal fields, which `noise` returns for equal names; these are pickled by name.

    Parameters
    ----------
    name
        As given on the command line.
    abs_mean
        E|ξ|.
    edges
        Increasing ξ ≥ 0 between which 20 Gauss-Legendre nodes resolve the density; what lies beyond the last one
        is treated by `interval_moments` with h replaced by its asymptote.
    breaks
        The ξ at which the density is not smooth.
    fourth_moment
        Whether E ξ⁴ is finite, so that the standard error of a spread exists.
    draw_function, quantile_function, density
        Draws, the inverse distribution function and the density.
    upper_function
        For a ≥ 0 the triple P(ξ > a), E[ξ; ξ > a], E[ξ²; ξ > a].

    Examples
    --------
    >>> round(noise("normal").abs_mean, 6)
    0.797885
    """

    name: str
    abs_mean: float
    edges: tuple[float, ...]
    breaks: tuple[float, ...] = ()
    fourth_moment: bool = True
    draw_function: Callable[[np.random.Generator, int], Array]
    quantile_function: Callable[[Array], Array]
    density: Callable[[Array], Array]
    upper_function: Callable[[Array], Moments3]

    def __reduce__(self) -> tuple[Any, ...]:
        try:
            named = noise(self.name) is self
        except InputError:
            named = False
        if named:
            return noise, (self.name,)
        return _with_fields, (type(self), {field.name: getattr(self, field.name) for field in fields(self)})

    def __repr__(self) -> str:
        return f"noise({self.name!r})"

    def draw(self, rng: np.random.Generator, size: int) -> Array:
        """Return `size` independent draws of ξ; successive calls continue one stream."""
        return self.draw_function(rng, size)

    def quantile(self, u: npt.ArrayLike) -> Array:
        """Return the ξ with P(noise ≤ ξ) = u, of u's shape."""
        return np.asarray(self.quantile_function(np.asarray(u, dtype=np.float64)), dtype=np.float64)

    def above(self, a: npt.ArrayLike) -> Array:
        """Return P(ξ > a), of a's shape, to full relative accuracy in both tails."""
        return self.interval_moments(a, np.full(np.shape(a), inf))[0]

    def interval_moments(self, a: npt.ArrayLike, b: npt.ArrayLike) -> Moments3:
        """Return P(a < ξ < b), E[ξ; a < ξ < b] and E[ξ²; a < ξ < b] for a ≤ b.

        Parameters
        ----------
        a, b
            Broadcasting arrays, ±inf allowed.

        Returns
        -------
        tuple of ndarray
            The broadcast shape. Intervals on one side of 0 are differences of upper tails, so small probabilities keep
            their digits.
        """
        a, b = np.broadcast_arrays(np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64))
        mirrored = b <= 0
        low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
        straddles = low < 0
        lower, upper = self._upper(np.abs(low)), self._upper(high)
        whole = (1.0, 0.0, 1.0)
        m0, m1, m2 = (
            np.where(straddles, w - s * t - v, t - v)
            for w, s, t, v in zip(whole, (1.0, -1.0, 1.0), lower, upper, strict=True)
        )
        return m0, np.where(mirrored, -m1, m1), m2

    def _upper(self, a: Array) -> Moments3:
        beyond = np.isinf(a)
        if not beyond.any():
            return self.upper_function(a)
        moments = np.zeros((3, *a.shape))
        moments[:, ~beyond] = self.upper_function(a[~beyond])
        return moments[0], moments[1], moments[2]


def _normal_upper(a: Array) -> Moments3:
    a = np.minimum(a, 1e100)
    tail, density = normal_cdf(-a), normal_density(a)
    return tail, density, tail + a * density


def normal_density(xi: Array) -> Array:
    """Return the density of the standard normal distribution."""
    return np.exp(-0.5 * xi * xi) / sqrt(2.0 * pi)


def _laplace_quantile(u: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.where(u < 0.5, np.log(2.0 * u), -np.log(2.0 * (1.0 - u))) / sqrt(2.0)


def _laplace_upper(a: Array) -> Moments3:
    b = 1.0 / sqrt(2.0)
    a = np.minimum(a, 1e4)
    tail = 0.5 * np.exp(-a / b)
    return tail, tail * (a + b), tail * (a * a + 2.0 * a * b + 2.0 * b * b)


def _uniform_upper(a: Array) -> Moments3:
    w = sqrt(3.0)
    rest = np.maximum(w - a, 0.0)
    a = np.minimum(a, w)
    return rest / (2.0 * w), rest * (w + a) / (4.0 * w), rest * (w * w + w * a + a * a) / (6.0 * w)


def _gamma_ratio(z: float) -> float:
    """Return Γ(z + ½)/Γ(z); for large z by its asymptotic series, since differences of log-gammas lose digits."""
    if z < 100.0:
        return gamma(z + 0.5) / gamma(z)
    w = 1.0 / z
    series = 1.0 + w * (-1 / 8 + w * (1 / 128 + w * (5 / 1024 + w * (-21 / 32768 - w * 399 / 262144))))
    return sqrt(z) * series


def _with_fields(kind: type[Noise], values: dict[str, Any]) -> Noise:
    """Return a distribution as it was pickled."""
    return kind(**values)


@cache  # one value for each ν, so that equal names give equal distributions
def _student(nu: float) -> Noise:
    scale, spread = sqrt((nu - 2.0) / nu), nu - 2.0
    norm = sqrt(pi) / _gamma_ratio(nu / 2.0)

    def density(xi: Array) -> Array:
        return np.exp(-0.5 * (nu + 1.0) * np.log1p(xi * xi / spread)) / (sqrt(spread) * norm)

    def upper(a: Array) -> Moments3:
        tail = tail_probability(a)
        t = a / sqrt(spread)  # for ν close to 2 the second moment has not ended at 1e300
        log = np.where(t < 1e100, np.log1p(np.minimum(t, 1e100) ** 2), 2.0 * np.log(np.maximum(t, 1.0)))
        weighted = np.exp(-0.5 * (nu - 1.0) * log) / (sqrt(spread) * norm)  # (1 + ξ²/(ν−2))·density at a
        second = tail + a * weighted
        return tail, spread / (nu - 1.0) * weighted, second

    def tail_probability(a: Array) -> Array:
        w = np.minimum(a / sqrt(spread), 1e150) ** 2
        near = 0.5 - 0.5 * betainc(0.5, nu / 2.0, w / (1.0 + w))  # the other form rounds to ½ near 0
        return np.asarray(np.where(w < 1.0, near, 0.5 * betainc(nu / 2.0, 0.5, 1.0 / (1.0 + w))))

    pitch = min(1.0, sqrt(spread))  # the density has its nearest poles at ±i√(ν−2)
    edges, tail = [0.0], 1.0
    while tail > 1e-24:
        edges.append(edges[-1] + max(pitch, min(1.0, edges[-1]), 0.5 * edges[-1] if edges[-1] > 12 else 0.0))
        tail = float(tail_probability(np.asarray(edges[-1])))
    return Noise(
        name=f"student-t:{nu:g}" if float(f"{nu:g}") == nu else f"student-t:{nu!r}",
        abs_mean=2.0 * sqrt(spread) / ((nu - 1.0) * norm),
        edges=tuple(edges),
        fourth_moment=nu > 4.0,
        draw_function=lambda rng, size: rng.standard_t(nu, size) * scale,
        quantile_function=lambda u: stdtrit(nu, u) * scale,
        density=density,
        upper_function=upper,
    )


_PLAIN: Final = {
    "normal": Noise(
        name="normal",
        abs_mean=sqrt(2.0 / pi),
        edges=(0.0, 2.0, 4.0, 7.0, 12.0),  # P(ξ > 12) = 2e-33
        draw_function=lambda rng, size: rng.standard_normal(size),
        quantile_function=ndtri,
        density=normal_density,
        upper_function=_normal_upper,
    ),
    "laplace": Noise(
        name="laplace",
        abs_mean=1.0 / sqrt(2.0),
        edges=tuple(4.0 * k for k in range(12)),
        draw_function=lambda rng, size: rng.laplace(0.0, 1.0 / sqrt(2.0), size),
        quantile_function=_laplace_quantile,
        density=lambda xi: np.exp(-sqrt(2.0) * np.abs(xi)) / sqrt(2.0),
        breaks=(0.0,),
        upper_function=_laplace_upper,
    ),
    "uniform": Noise(
        name="uniform",
        abs_mean=sqrt(3.0) / 2.0,
        edges=(0.0, sqrt(3.0)),
        draw_function=lambda rng, size: rng.uniform(-sqrt(3.0), sqrt(3.0), size),
        quantile_function=lambda u: sqrt(3.0) * (2.0 * u - 1.0),
        density=lambda xi: np.where(np.abs(xi) <= sqrt(3.0), 1.0 / (2.0 * sqrt(3.0)), 0.0),
        breaks=(-sqrt(3.0), sqrt(3.0)),
        upper_function=_uniform_upper,
    ),
}


def noise(name: str) -> Noise:
    """Return the noise distribution of that name.

    Parameters
    ----------
    name
        "normal", "laplace", "uniform" or "student-t:NU" with NU > 2.

    Returns
    -------
    Noise

    Raises
    ------
    InputError
        If the name is unknown or NU is not a finite number above 2.

    Examples
    --------
    >>> noise("student-t:5").fourth_moment
    True
    """
    family, _, degrees = name.partition(":")
    if family == "student-t":
        try:
            nu = float(degrees)
        except ValueError:
            nu = float("nan")
        if not 2.0 < nu < 1e6:
            raise InputError(
                f"noise student-t needs its degrees of freedom, above 2 and below 1e6, as in student-t:5; got '{name}'",
                parameter="noise",
            )
        return _student(nu)
    check_name("noise", name, NOISES)
    return _PLAIN[name]


def generator(rng: RandomSource) -> np.random.Generator:
    """Return the source of random numbers that a seed or a Generator stands for (SPEC 7).

    Parameters
    ----------
    rng
        A Generator, which is used as it is; a whole number of at least 0 or a sequence of them, a SeedSequence or a
        BitGenerator, which seed a new one; None for a new one with an arbitrary seed.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> float(generator(0).random()) == float(np.random.default_rng(0).random())
    True
    """
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool | str | bytes | float):
        raise _not_random(rng)
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise _not_random(rng) from None


def seed_of(rng: RandomSource) -> int:
    """Return a whole number that stands for a source of random numbers: a seed itself, else one drawn from the source.

    Examples
    --------
    >>> seed_of(7), seed_of(np.random.default_rng(0)) == seed_of(np.random.default_rng(0))
    (7, True)
    """
    source = generator(rng)
    return int(rng) if isinstance(rng, int | np.integer) else int(source.integers(2**63))


def _not_random(given: object) -> InputError:
    return InputError(
        f"rng must be a numpy.random.Generator or a seed, a whole number of at least 0, got {given!r}", parameter="rng"
    )
