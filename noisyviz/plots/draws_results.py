"""What the picture of draws is drawn from: draws of φ for several α."""

from dataclasses import dataclass

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cloud:
    """Draws of one unit, one at each x.

    Attributes
    ----------
    alpha
        α.
    base
        αh + (1−α)u, shape (n,).
    xi, phi
        The draws ξ and φ(x, ξ), shape (n,).
    """

    alpha: float
    base: Array
    xi: Array
    phi: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawsResult:
    """Everything that the picture shows.

    Attributes
    ----------
    fn
        Name of the activation.
    x, h
        Points and h(x), shape (n,).
    clouds
        One for each α.
    scale
        A key of `noisyviz.engine.units.SCALES`.
    c, p
        Of σ.
    by_alpha
        Whether σ has the factor α besides.
    ylim
        The range of φ.
    """

    fn: str
    x: Array
    h: Array
    clouds: tuple[Cloud, ...]
    scale: str
    c: float
    p: float
    by_alpha: bool
    ylim: tuple[float, float]
