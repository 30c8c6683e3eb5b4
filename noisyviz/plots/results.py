"""What pictures are drawn from: numbers, all computed beforehand."""

from dataclasses import dataclass

import numpy as np

from noisyviz.engine.activations import Array
from noisyviz.engine.moments import Curves, Moments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One unit, computed; arrays of shape (n,) unless said otherwise.

    Attributes
    ----------
    name
        Of the activation.
    curves, moments
        The noiseless curves and the exact moments at x.
    spread
        σ(x), or the standard deviation of the input noise where the unit has no σ(x).
    cloud_x, cloud_xi, cloud_phi
        Draws of φ, shape (samples,).
    thresholds
        (x_t⁻, x_t⁺), infinite where there is none.
    wrong
        Intervals of x where P(∂φ/∂x has the wrong sign) > ½.
    """

    name: str
    curves: Curves
    moments: Moments
    spread: Array
    cloud_x: Array
    cloud_xi: Array
    cloud_phi: Array
    thresholds: tuple[float, float]
    wrong: tuple[tuple[float, float], ...]

    @property
    def noisy(self) -> bool:
        """Whether φ is random anywhere in the range."""
        return bool(np.any(self.moments.std > 0.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Density:
    """The distribution of real pre-activations.

    Attributes
    ----------
    label
        Name of the data.
    edges, height
        Histogram over the range of x, shapes (bins + 1,) and (bins,).
    values
        How many finite values there are.
    beyond
        Share of them outside the range of x.
    saturated
        Per series the shares at or beyond the left and the right threshold.
    """

    label: str
    edges: Array
    height: Array
    values: int
    beyond: float
    saturated: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OverviewResult:
    """Everything that the picture shows.

    Attributes
    ----------
    series
        One per activation.
    kind, scale, noise, parameters
        Of all the units; of the parameters (key, value) only those that the kind uses.
    panels
        Keys of `noisyviz.plots.panels.PANELS`.
    xlim
        The range of x.
    density
        Real pre-activations, or None.
    """

    series: tuple[Series, ...]
    kind: str
    scale: str
    noise: str
    parameters: tuple[tuple[str, float], ...]
    panels: tuple[str, ...]
    xlim: tuple[float, float]
    density: Density | None

    @property
    def among(self) -> bool:
        """Whether several units share the picture."""
        return len(self.series) > 1
