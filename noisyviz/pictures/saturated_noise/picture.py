"""The paper's Figure 3: h, u, Δ and the density of the noise at a saturated point."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.units.activation import Array
from noisyviz.units.noise import noise as named_noise
from noisyviz.units.parameters import default
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SaturatedNoiseResult:
    """Everything that the picture shows."""

    fn: str  # Name of the activation
    thresholds: tuple[float, float]  # (x_t⁻, x_t⁺)
    # x, h, u: The curves, shape (n,)
    x: Array
    h: Array
    u: Array
    at: float  # The saturated point
    # h_at, u_at, delta, sigma, slope: h, u, Δ, σ and h′ there
    h_at: float
    u_at: float
    delta: float
    sigma: float
    slope: float
    # phi, density: Values of φ = h + σξ at the saturated point and their density, shape (m,)
    phi: Array
    density: Array
    # scale, c, p, noise: Of the unit
    scale: str
    c: float
    p: float
    noise: str


POINTS: Final = 401
REACH: Final = 4.0  # of the density, in σ
BESIDE: Final = 1.1  # room beyond the saturated point, by its distance from the middle of the thresholds
BEYOND: Final = 0.6  # room beyond the other threshold, likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class SaturatedNoise(Picture[SaturatedNoiseResult]):
    """Settings of the picture of noise at a saturated point.

    Parameters
    ----------
    fn
        Name of an activation with finite thresholds and limits.
    x
        The saturated point: beyond a threshold, within 1,000.
    c, p, scale, noise
        As in `noisyviz.NoisyUnit`; the unit is φ = h + σ(x)ξ.

    Raises
    ------
    InputError
        For a value outside its domain.

    References
    ----------
    Gulcehre et al. 2016, Figure 3 and Eqs 6 to 9.

    Examples
    --------
    >>> result = SaturatedNoise().compute()
    >>> result.h_at, result.u_at, result.delta, round(result.sigma, 3)
    (1.0, 2.5, -1.5, 0.252)
    """

    name: ClassVar[str] = "saturated-noise"

    fn: str = "hard-tanh"
    x: float = 2.5
    c: float = 2.5
    p: float = default("p")
    scale: str = default("scale")
    noise: str = default("noise")

    def numbers(self) -> SaturatedNoiseResult:
        """Return every number in the picture."""
        unit = NoisyUnit(self.fn, kind="nan", alpha=1.0, c=self.c, p=self.p, scale=self.scale, noise=self.noise)
        h = unit.activation
        left, right = h.thresholds
        if not all(map(isfinite, (left, right, h.left, h.right))):
            raise InputError(f"fn must saturate on both sides in this picture, got {self.fn!r}", parameter="fn")
        if not (left - 1000.0 <= self.x < left or right < self.x <= right + 1000.0):
            raise InputError(
                f"x must be below {left:g} or above {right:g}, where {h.name} saturates, and within 1,000 of it, "
                f"got {self.x:g}",
                parameter="x",
            )
        sigma = float(unit.sigma(self.x))
        if sigma == 0.0:
            raise InputError(f"there is no noise to be drawn at c = {self.c:g} and p = {self.p:g}", parameter="c")
        middle = 0.5 * (left + right)
        away = abs(self.x - middle)
        ends = (middle - (0.5 * (right - left) + BEYOND * away), middle + (1.0 + BESIDE) * away)
        if self.x < middle:
            ends = (2.0 * middle - ends[1], 2.0 * middle - ends[0])
        x = np.unique(np.concatenate([np.linspace(*ends, POINTS), [left, right]]))
        xi = np.linspace(-REACH, REACH, POINTS)
        at = np.asarray(self.x)
        h_at = float(h.h(at))
        return SaturatedNoiseResult(
            fn=h.name,
            thresholds=h.thresholds,
            x=x,
            h=h.h(x),
            u=h.linear(x),
            at=self.x,
            h_at=h_at,
            u_at=float(h.linear(at)),
            delta=float(h.delta(at)),
            sigma=sigma,
            slope=float(h.derivative(at)),
            phi=h_at + sigma * xi,
            density=named_noise(self.noise).density(xi) / sigma,
            scale=self.scale,
            c=self.c,
            p=self.p,
            noise=unit.noise.name,
        )

    def tables(self, result: SaturatedNoiseResult) -> Mapping[str, Columns]:
        """Return the curves (suffix empty), the density (``-density``) and what holds at the point (``-point``)."""
        point = {
            "x": result.at,
            "h": result.h_at,
            "u": result.u_at,
            "delta": result.delta,
            "sigma": result.sigma,
            "derivative": result.slope,
        }
        return {
            "": {"x": result.x, "h": result.h, "u": result.u},
            "-density": {"phi": result.phi, "density": result.density},
            "-point": {key: np.array([value]) for key, value in point.items()},
        }
