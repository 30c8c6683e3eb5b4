"""What is computed at each x: the curves without noise, and the moments of φ, ∂φ/∂x and ∂φ/∂p."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from math import inf
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, check_name
from noisyviz.results import Result, Summary, sampled, told
from noisyviz.units.activation import FAR, LARGE, Activation, Array
from noisyviz.units.special import few_ndtri, stdtrit
from noisyviz.units.unit import NoisyUnit

MOMENTS: Final = (
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
"""The columns of `Moments`, in the order in which they are listed."""


class Columns(Result):
    """A result whose fields are arrays of x's shape."""

    __slots__ = ()
    SHOWN: ClassVar[tuple[str, ...]]

    def summary(self) -> Summary:
        """Return some of the columns at evenly spaced points."""
        columns = {name: np.ravel(getattr(self, name)) for name in self.SHOWN}
        size = next(iter(columns.values())).size
        rows = [(str(k), *(told(values[k]) for values in columns.values())) for k in sampled(size)]
        return Summary(
            title=f"{type(self).__name__} at {size:,} point{'' if size == 1 else 's'}",
            header=("", *columns),
            rows=rows,
        )

    def columns(self) -> dict[str, Any]:
        """Return every array as a column, of more than one axis in C order."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # every result is a dataclass
        return {name: np.ravel(value) for name, value in values.items() if isinstance(value, np.ndarray)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Curves(Columns):
    """The noiseless curves of a unit; every array has x's shape.

    Parameters
    ----------
    x
        The points.
    h, derivative, u, hard, delta
        The activation, h′, its linearisation (Eqs 1, 2), clip(u, L, R) (Eqs 3, 4) and Δ = h − u (Eq 8).
    sigma
        The noise scale (Eq 9); NaN for nanil-softplus.
    d
        The direction of the noise, −sgn(x)·sgn(1−α).
    region
        "left", "linear" or "right" by the thresholds.
    relative_slope
        abs h′ over its largest value.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("x", "h", "derivative", "u", "delta", "sigma", "region")

    x: Array
    h: Array
    derivative: Array
    u: Array
    hard: Array
    delta: Array
    sigma: Array
    d: Array
    region: npt.NDArray[np.str_]
    relative_slope: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Moments(Columns):
    """Expected values over the noise; every array has x's shape and is NaN where the quantity is undefined.

    Parameters
    ----------
    mean, bias, std
        E φ, E φ − h and the standard deviation of one draw of φ.
    p_outside
        P(φ outside [L, R]); NaN where a limit is infinite.
    grad_mean, grad_std, grad_rms
        Mean, standard deviation and root mean square of ∂φ/∂x.
    grad_leak
        ∂φ/∂x at ε = 0.
    grad_cov
        Cov(φ, ∂φ/∂x) = ½·d Var φ/dx: what the curvature of a loss adds to the expected gradient.
    p_zero
        P(∂φ/∂x = 0); a soft h′ that underflows does not count.
    p_wrong
        P(∂φ/∂x has the sign opposite to u′).
    grad_p_mean, grad_p_std
        Mean and standard deviation of ∂φ/∂p.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("mean", "std", "grad_mean", "grad_std", "p_wrong")

    mean: Array
    bias: Array
    std: Array
    p_outside: Array
    grad_mean: Array
    grad_std: Array
    grad_rms: Array
    grad_leak: Array
    grad_cov: Array
    p_zero: Array
    p_wrong: Array
    grad_p_mean: Array
    grad_p_std: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class MonteCarloMoments(Moments):
    """The same by simulation, with the standard error ``*_se`` of every estimate.

    (estimate − truth)/standard error follows Student's t with 15 degrees of freedom where there are 16 replicates,
    which is wider than the normal distribution; `interval` uses it.

    Parameters
    ----------
    mean_se, bias_se, std_se, p_outside_se, grad_mean_se, grad_std_se, grad_rms_se, grad_cov_se, p_zero_se, p_wrong_se
        Standard errors, of x's shape; those of spreads and of the covariance are NaN where the noise has no fourth
        moment, and for two draws.
        A standard error of 0 beside a share of 0 or 1 says that no draw decided otherwise, not that the share is exact.
    grad_p_mean_se, grad_p_std_se
        The same of ∂φ/∂p.
    mean_hits, grad_mean_hits
        About how many draws carry the spread of φ and of ∂φ/∂x, of x's shape: (Σd²)²/Σd⁴ with the deviations d from the
        mean. Below about 20 the estimate rests on a rare event, and standard errors may be many times too small.
    samples
        The number of draws used.
    sampler
        How they were drawn.
    degrees_of_freedom
        Those of Student's t for an estimate's z-score: 15 for 16 replicates, samples − 1 for iid draws.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ("mean", "mean_se", "std", "grad_mean", "grad_mean_se", "grad_std")

    mean_se: Array
    bias_se: Array
    std_se: Array
    p_outside_se: Array
    grad_mean_se: Array
    grad_std_se: Array
    grad_rms_se: Array
    grad_cov_se: Array
    p_zero_se: Array
    p_wrong_se: Array
    grad_p_mean_se: Array
    grad_p_std_se: Array
    mean_hits: Array
    grad_mean_hits: Array
    samples: int
    sampler: str
    degrees_of_freedom: int

    def interval(self, name: str, level: float = 0.95) -> tuple[Array, Array]:
        """Return an interval that holds the true value with a given probability.

        Parameters
        ----------
        name
            Of an estimate, such as "mean".
        level
            The probability, above 0 and below 1.

        Returns
        -------
        tuple of ndarray
            Lower and upper end, of x's shape. NaN where there is no standard error. Shares that no draw, or every draw,
            decided, and all shares of iid draws, have Wilson's interval.

        Raises
        ------
        InputError
            For another name or level.

        Examples
        --------
        >>> from noisyviz import exact, monte_carlo
        >>> unit = NoisyUnit("tanh", kind="nani")
        >>> found = monte_carlo(unit, 0.5, samples=4000, rng=1, sampler="sobol")
        >>> low, high = found.interval("mean")
        >>> bool(low < exact(unit, 0.5).mean < high), round(float((high - low) / found.mean_se), 2)
        (True, 4.26)
        """
        check_name("name", name, [one for one in MOMENTS if one != "grad_leak"])
        if not 0.0 < level < 1.0:
            raise InputError(f"level must be above 0 and below 1, got {level!r}", parameter="level")
        value, error = getattr(self, name), getattr(self, f"{name}_se")
        quantile = float(stdtrit(max(self.degrees_of_freedom, 1), 0.5 + 0.5 * level))
        low, high = value - quantile * error, value + quantile * error
        if not name.startswith("p_"):
            return low, high
        z2 = float(few_ndtri(0.5 + 0.5 * level)) ** 2
        n = self.samples
        centre = (value + 0.5 * z2 / n) / (1.0 + z2 / n)
        half = np.sqrt(z2 * (value * (1.0 - value) + 0.25 * z2 / n) / n) / (1.0 + z2 / n)
        wilson = (value <= 0.0) | (value >= 1.0) | (self.sampler == "iid")
        low, high = np.where(wilson, centre - half, low), np.where(wilson, centre + half, high)
        return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


def curves(unit: NoisyUnit, x: npt.ArrayLike) -> Curves:
    """Return the noiseless curves of a unit.

    Parameters
    ----------
    unit
        The unit; only σ and d depend on more than its activation.
    x
        Any shape; NaN gives NaN, ±inf the limits.

    Returns
    -------
    Curves

    Examples
    --------
    >>> curves(NoisyUnit("hard-tanh"), [-2.0, 0.5]).delta.tolist()
    [1.0, 0.0]
    """
    x = np.asarray(x, dtype=np.float64)
    h = unit.activation
    derivative = h.derivative(x)
    return Curves(
        x=x,
        h=h.h(x),
        derivative=derivative,
        u=h.linear(x),
        hard=h.hard(x),
        delta=h.delta(x),
        sigma=unit.sigma(x),
        d=unit.direction(x),
        region=h.region(x),
        relative_slope=np.abs(derivative) / h.max_slope,
    )


_HELD: Final = 2**21  # numbers in a block
TRAINING: Final = ("response", "pull", "noise")
"""What a unit gives to training, see `training`."""


def training(h: Activation, x: Array, found: Moments) -> dict[str, Array]:
    """Return what a unit gives to training at each x, in units of u′: response, pull and noise.

    Parameters
    ----------
    h
        The unit's activation.
    x
        Points of the shape of the moments.
    found
        Its moments there.

    Returns
    -------
    dict of ndarray
        ``response`` = E[∂φ/∂x]/u′, what an incoming gradient is multiplied with on average; ``pull`` = ±Cov(φ, ∂φ/∂x)/
        abs u′, + right and − left of the thresholds, how far descent on a curved loss moves towards the linear regime,
        NaN where h does not saturate; ``noise`` = std[∂φ/∂x]/abs u′. All are NaN where u′ = 0.

    Examples
    --------
    >>> from noisyviz.moments.exact import exact
    >>> unit, x = NoisyUnit("hard-tanh", alpha=0.9, c=2.0), np.array([0.0, 3.0])
    >>> {name: values.round(3).tolist() for name, values in training(unit.activation, x, exact(unit, x)).items()}
    {'response': [1.0, 0.1], 'pull': [nan, 0.046], 'noise': [0.0, 0.16]}
    """
    slope = h.slope or np.nan
    return {
        "response": found.grad_mean / slope,
        "pull": np.where(h.saturated(x), outward(h, x), np.nan) * found.grad_cov / abs(slope),
        "noise": found.grad_std / abs(slope),
    }


def outward(h: Activation, x: Array) -> Array:
    """Return the side on which a saturated x lies, 1 right and −1 left of the thresholds; elsewhere the nearer one."""
    low, high = h.thresholds
    return np.where(x > 0.5 * (low + high), 1.0, -1.0)


def pointwise(
    unit: NoisyUnit,
    x: npt.ArrayLike,
    *,
    names: Iterable[str],
    block: int,
    compute: Callable[[NoisyUnit, Array], dict[str, Array]],
) -> dict[str, Array]:
    """Compute columns over x in blocks, with NaN passed through and ±inf answered by the limits.

    Parameters
    ----------
    unit
        Its α, c and p may be arrays that broadcast against x.
    x
        Any shape.
    names
        The columns to return.
    block
        The most points at once.
    compute
        From a unit and its finite points, of shape (n,), to the columns, of shape (n,); run without warnings.

    Returns
    -------
    dict of ndarray
        Every column, of the broadcast shape of x and the parameters.
    """
    x = np.asarray(x, dtype=np.float64)
    values = [np.asarray(getattr(unit, name), dtype=np.float64) for name in ("alpha", "c", "p")]
    shape = np.broadcast_shapes(x.shape, *(value.shape for value in values))
    points = np.broadcast_to(x, shape).reshape(-1)
    columns = {name: np.full(points.size, np.nan) for name in names}
    known = np.flatnonzero(~np.isnan(points))
    # Until a block as large as this has been freed, glibc gives memory back at once and gets it anew page by page.
    np.empty(_HELD)
    for start in range(0, known.size, block):
        rows = known[start : start + block]
        parts = [v if v.ndim == 0 else np.broadcast_to(v, shape).reshape(-1)[rows] for v in values]
        part = unit.replace(alpha=parts[0], c=parts[1], p=parts[2])
        far = np.isinf(points[rows])
        with np.errstate(all="ignore"):
            results = compute(part, np.clip(points[rows], -FAR, FAR))
        for name, result in results.items():
            grows = far & (np.abs(result) > LARGE)
            columns[name][rows] = np.where(grows, np.copysign(inf, result), result) + 0.0  # no -0
    return {name: column.reshape(shape) for name, column in columns.items()}


def z_score(estimate: Array, standard_error: Array, exact: Array) -> Array:
    """Return (estimate − exact)/standard error, NaN where the standard error is 0; all of one shape."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(standard_error == 0, np.nan, (estimate - exact) / standard_error)
