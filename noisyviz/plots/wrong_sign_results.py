"""What the map of wrong gradient signs is drawn from."""

from dataclasses import dataclass

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignMap:
    """P(∂φ/∂x has the sign opposite to u′) of one kind.

    Attributes
    ----------
    kind
        A kind with output noise.
    share
        At the centres of the cells, shape (rows of alpha, columns of x); NaN where it is undefined.
    flip
        The largest share at α = 1 and just above, where d has flipped, over the x of the map.
    """

    kind: str
    share: Array
    flip: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrongSignResult:
    """Everything that the picture shows.

    Attributes
    ----------
    fn, c, p, scale, noise
        Settings of the units.
    xlim, alpha_lim
        The outer edges of the cells.
    x, alpha
        Centres of the cells, of shapes (columns,) and (rows,).
    maps
        One per kind.
    thresholds
        x_t⁻ and x_t⁺, infinite where there is none.
    """

    fn: str
    c: float
    p: float
    scale: str
    noise: str
    xlim: tuple[float, float]
    alpha_lim: tuple[float, float]
    x: Array
    alpha: Array
    maps: tuple[SignMap, ...]
    thresholds: tuple[float, float]
