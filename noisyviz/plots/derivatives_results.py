"""What the picture of derivatives is drawn from: h′ of several functions."""

from dataclasses import dataclass

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slope:
    """The derivative of one function.

    Attributes
    ----------
    fn
        Name of the activation.
    x, derivative
        Points, with both sides of every jump, and h′(x); shape (n,).
    thresholds
        (x_t⁻, x_t⁺), infinite where there is none.
    saturates
        ``hard`` where h′ = 0 from both thresholds on (Def 2.3), ``soft`` where it tends to 0 on both sides, else empty.
    """

    fn: str
    x: Array
    derivative: Array
    thresholds: tuple[float, float]
    saturates: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DerivativesResult:
    """Everything that the picture shows: the functions, and the ranges of x and h′."""

    slopes: tuple[Slope, ...]
    xlim: tuple[float, float]
    ylim: tuple[float, float]
