"""What the trajectories descend: the output of a unit pulled to a target, or a landscape blurred by noise.

`Desaturate` is the loss ½(φ(x, ξ) − target)² of a noisy unit. A `Landscape` is a function f whose input is noisy,
ℓ = f(x + cξ), so that descent sees E f(x + cξ), the landscape smoothed at the width c.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isfinite, pi, sqrt
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import gamma, kv

from noisyviz.errors import InputError, check_name
from noisyviz.moments.exact import exact
from noisyviz.units.activation import Activation, Array
from noisyviz.units.noise import Noise
from noisyviz.units.unit import NoisyUnit

BEYOND: Final = 3.0  # how far beyond a threshold the trajectories of `desaturate` start


@dataclass(frozen=True, slots=True, kw_only=True)
class Desaturate:
    """The loss ℓ = ½(φ − target)² of a noisy unit; success is x strictly between the thresholds.

    Attributes
    ----------
    lr, target
        Defaults of the learning rate and the target.
    """

    name: str = "desaturate"
    formula: str = "(phi(x, xi) - target)^2/2, success is x strictly between the thresholds"
    lr: float = 0.1
    target: float = 0.5

    def start(self, activation: Activation) -> float:
        """Return the default start: 3 beyond x_t⁺, or beyond x_t⁻ where only the left side has a threshold."""
        left, right = self.region(activation)
        return right + BEYOND if isfinite(right) else left - BEYOND

    def region(self, activation: Activation) -> tuple[float, float]:
        """Return the thresholds, between which a trajectory has succeeded; ∓inf on a side without one.

        Raises
        ------
        InputError
            When the activation has no threshold, so that nothing is there to escape from.

        Examples
        --------
        >>> from noisyviz.units.activations import activation
        >>> Desaturate().region(activation("relu"))
        (0.0, inf)
        """
        left, right = activation.thresholds
        if not (isfinite(left) or isfinite(right)):
            raise InputError(
                f"objective desaturate needs an activation with a saturation threshold; {activation.name} has none",
                parameter="objective",
            )
        return left, right


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """A function f(x) = curvature·x²/2 + ripple·(1 − cos kx) − Σ depth·exp(−(x − centre)²/(2·width²)).

    Every part has a smoothed form E f(x + cξ): closed for the first two under every noise, and computed by `exact`
    for the wells.

    Attributes
    ----------
    name, formula
        For lists.
    curvature, ripple, wave_number
        Of the bowl and of the ripples, k in radians.
    wells
        (depth, centre, width) of each.
    basin
        The open interval of x that counts as the global basin.
    x0, lr
        Defaults of the start and the learning rate.
    limits
        The range of x that shows all of it.
    """

    name: str
    formula: str
    curvature: float = 0.0
    ripple: float = 0.0
    wave_number: float = 0.0
    wells: tuple[tuple[float, float, float], ...] = ()
    basin: tuple[float, float]
    x0: float
    lr: float
    limits: tuple[float, float]

    def value(self, x: npt.ArrayLike) -> Array:
        """Return f(x), of x's shape."""
        x = np.asarray(x, dtype=np.float64)
        y = 0.5 * self.curvature * x * x + self.ripple * (1.0 - np.cos(self.wave_number * x))
        for depth, centre, width in self.wells:
            y = y - depth * np.exp(-0.5 * ((x - centre) / width) ** 2)
        return np.asarray(y)

    def slope(self, x: npt.ArrayLike) -> Array:
        """Return f′(x), of x's shape."""
        x = np.asarray(x, dtype=np.float64)
        y = self.curvature * x
        if self.ripple:
            y = y + self.ripple * self.wave_number * np.sin(self.wave_number * x)
        for depth, centre, width in self.wells:
            z = (x - centre) / width
            y = y + depth / width * z * np.exp(-0.5 * z * z)
        return np.asarray(y)

    def smoothed(self, x: npt.ArrayLike, *, c: float, noise: Noise) -> tuple[Array, Array]:
        """Return E f(x + cξ) and its derivative E f′(x + cξ), both of x's shape.

        Parameters
        ----------
        x
            Points.
        c
            Noise level, at least 0.
        noise
            The distribution of ξ.

        Examples
        --------
        >>> from noisyviz.units.noise import noise
        >>> value, slope = LANDSCAPES["funnel"].smoothed([10.0], c=30.0, noise=noise("normal"))
        >>> value.round(6).tolist(), slope.round(6).tolist()  # the bowl alone, lifted by its spread and the ripples
        ([6.5], [0.1])
        """
        x = np.asarray(x, dtype=np.float64)
        kept = characteristic(noise, self.wave_number * c) if self.ripple else 0.0
        mean = 0.5 * self.curvature * (x * x + c * c) + self.ripple * (1.0 - kept * np.cos(self.wave_number * x))
        slope = self.curvature * x + kept * self.ripple * self.wave_number * np.sin(self.wave_number * x)
        for depth, centre, width in self.wells:
            bump = exact(NoisyUnit(_BUMP, kind="nani", c=c / width, noise=noise), (x - centre) / width)
            mean = mean - depth * bump.mean
            slope = slope - depth / width * bump.grad_mean
        return np.asarray(mean), np.asarray(slope)


# The well's shape as an activation, so that `exact` can smooth it: exp(−x²/2), flat far out.
_BUMP: Final = Activation(
    name="bump",
    formula="exp(-x^2/2)",
    function=lambda x: np.exp(-0.5 * x * x),
    slope_function=lambda x: -x * np.exp(-0.5 * x * x),
    slope=0.0,
    left=0.0,
    right=0.0,
    panels=tuple(np.linspace(-12.0, 12.0, 13).tolist()),
)


def characteristic(noise: Noise, t: float) -> float:
    """Return E cos(tξ), what is left of a ripple of wave number 1 after smoothing at the width t.

    Parameters
    ----------
    noise
        The distribution of ξ, symmetric with variance 1.
    t
        Any finite number.

    Examples
    --------
    >>> from noisyviz.units.noise import noise
    >>> round(characteristic(noise("laplace"), 2.0), 6)  # 1/(1 + t²/2)
    0.333333
    """
    if t == 0:
        return 1.0
    family, _, degrees = noise.name.partition(":")
    if family == "normal":
        return float(np.exp(-0.5 * t * t))
    if family == "laplace":
        return 1.0 / (1.0 + 0.5 * t * t)
    if family == "uniform":
        return float(np.sinc(sqrt(3.0) * t / pi))
    nu = float(degrees)
    z = sqrt(nu - 2.0) * abs(t)
    if nu > 100.0:  # gamma(ν/2) overflows from 340 on; the density is smooth enough to sum up
        xi = np.arange(-12.0, 12.0 + 1e-9, min(0.05, 0.2 / abs(t))) if abs(t) < 40.0 else np.zeros(0)
        return float(np.sum(noise.density(xi) * np.cos(t * xi)) * (xi[1] - xi[0])) if xi.size else 0.0
    bessel = kv(0.5 * nu, z)  # overflows where t is so small that two terms of the series are exact
    return float(2.0 * (0.5 * z) ** (0.5 * nu) * bessel / gamma(0.5 * nu)) if bessel < inf else 1.0 - 0.5 * t * t


DESATURATE: Final = Desaturate()

LANDSCAPES: Final[Mapping[str, Landscape]] = MappingProxyType(
    {
        "funnel": Landscape(
            name="funnel",
            formula="x^2/200 + 1.5*(1 - cos(pi*x/5)), the global basin is |x| < 5.086",
            curvature=0.01,
            ripple=1.5,
            wave_number=pi / 5.0,
            basin=(-5.085927097284989, 5.085927097284989),
            x0=75.0,
            lr=0.5,
            limits=(-85.0, 85.0),
        ),
        "double-well": Landscape(
            name="double-well",
            formula="x^2/2000 - 1.5*exp(-(x + 20)^2/128) - exp(-(x - 20)^2/128), the global basin is x < 0.872",
            curvature=0.001,
            wells=((1.5, -20.0, 8.0), (1.0, 20.0, 8.0)),
            basin=(-inf, 0.8718452226652561),
            x0=30.0,
            lr=5.0,
            limits=(-50.0, 50.0),
        ),
        "plateau": Landscape(
            name="plateau",
            formula="-exp(-x^2/128), flat but for one well, whose convex part |x| < 8 is the global basin",
            wells=((1.0, 0.0, 8.0),),
            basin=(-8.0, 8.0),
            x0=60.0,
            lr=50.0,
            limits=(-85.0, 85.0),
        ),
    }
)
"""The landscapes, in the order in which they are listed."""

Objective = Desaturate | Landscape

OBJECTIVES: Final[Mapping[str, Objective]] = MappingProxyType({"desaturate": DESATURATE, **LANDSCAPES})
"""Every objective, in the order in which they are listed."""


def objective(name: str) -> Objective:
    """Return the objective of that name.

    Raises
    ------
    InputError
        When there is none.

    Examples
    --------
    >>> objective("funnel").lr
    0.5
    """
    check_name("objective", name, OBJECTIVES)
    return OBJECTIVES[name]
