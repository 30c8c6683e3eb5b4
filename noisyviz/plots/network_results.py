"""What the pictures of a network are drawn from: ∂φ/∂x or φ of each of its units over x."""

from dataclasses import dataclass

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """The units of one layer.

    Attributes
    ----------
    p
        Shape (units,).
    xi, values
        The draws ξ and what is shown, ∂φ/∂x or φ, shape (units, n).
    """

    p: Array
    xi: Array
    values: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkResult:
    """Everything that such a picture shows.

    Attributes
    ----------
    shows
        ``grad`` or ``phi``.
    fn
        Name of the activation.
    x
        Points, shape (n,).
    centre_x, centre
        What is shown is there with ξ = 0, the same for all units, on both sides of every jump; shape (m,).
    layers
        From the input on.
    thresholds
        Between which there is no noise.
    ylim
        The range of what is shown.
    scale
        A key of `noisyviz.engine.units.SCALES`.
    alpha, c
        Of all units.
    steps, accuracy
        Of the training, and the share of new points that the network then classifies rightly.
    """

    shows: str
    fn: str
    x: Array
    centre_x: Array
    centre: Array
    layers: tuple[Layer, ...]
    thresholds: tuple[float, float]
    ylim: tuple[float, float]
    scale: str
    alpha: float
    c: float
    steps: int
    accuracy: float
