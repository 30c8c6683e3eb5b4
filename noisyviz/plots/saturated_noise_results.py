"""What the picture of noise at a saturated point is drawn from: h, u, and the density of φ there."""

from dataclasses import dataclass

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SaturatedNoiseResult:
    """Everything that the picture shows.

    Attributes
    ----------
    fn
        Name of the activation.
    thresholds
        (x_t⁻, x_t⁺).
    x, h, u
        The curves, shape (n,).
    at
        The saturated point.
    h_at, u_at, delta, sigma, slope
        h, u, Δ, σ and h′ there.
    phi, density
        Values of φ = h + σξ at the saturated point and their density, shape (m,).
    scale, c, p, noise
        Of the unit.
    """

    fn: str
    thresholds: tuple[float, float]
    x: Array
    h: Array
    u: Array
    at: float
    h_at: float
    u_at: float
    delta: float
    sigma: float
    slope: float
    phi: Array
    density: Array
    scale: str
    c: float
    p: float
    noise: str
