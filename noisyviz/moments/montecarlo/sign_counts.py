"""Counts for noise on the input: the sign of ∂φ/∂x = h′(z)·factor changes where z crosses an edge of h or the factor 0.

z = x + σξ and factor = 1 + σ′ξ are monotone in ξ in floating point too, so that a handful of thresholds for each x
decides every draw.
"""

from dataclasses import dataclass

import numpy as np

from noisyviz.moments.montecarlo.power_sums import OUTSIDE, WRONG, ZERO
from noisyviz.moments.montecarlo.thresholds import first_reaching
from noisyviz.units.activation import Activation, Array
from noisyviz.units.unit import InputNoise


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """The stretches of z on which the sign of h′ stays the same, or, for piecewise-linear h, h′ itself.

    Attributes
    ----------
    starts
        The first z of each stretch but the first, increasing.
    lines
        (intercept, slope) of each stretch, for piecewise-linear h; else None.
    signs
        Of h′ on each stretch, 0 where it is flat.
    """

    starts: tuple[float, ...]
    lines: tuple[tuple[float, float], ...] | None
    signs: tuple[float, ...]

    @classmethod
    def of(cls, h: Activation) -> "Pieces":
        """Return the stretches of an activation; each edge belongs to the side whose h′ it has."""
        edges = h.breaks if h.pieces is not None else h.sign_edges
        starts = []
        for edge in edges:
            around = (np.nextafter(edge, -np.inf), edge, np.nextafter(edge, np.inf))
            before, here, after = (float(h.slope_sign(np.asarray(z))) for z in around)
            same = float(h.slope_function(np.asarray(edge)))
            left = h.pieces is not None and same == float(h.slope_function(np.asarray(np.nextafter(edge, -np.inf))))
            belongs_left = left if h.pieces is not None else here == before
            alone = h.pieces is None and here not in (before, after)  # h′ = 0 at a single z
            starts += [edge] if alone or not belongs_left else []
            starts += [float(around[2])] if alone or belongs_left else []
        inside = [np.nextafter(starts[0], -np.inf), *starts] if starts else [0.0]
        signs = tuple(float(h.slope_sign(np.asarray(z))) for z in inside)
        return cls(starts=tuple(starts), lines=h.pieces, signs=signs)


def z_thresholds(at: InputNoise, pieces: Pieces) -> Array:
    """Return the smallest ξ that takes z into each stretch but the first, or beyond it; shape (stretches − 1, n)."""
    starts = np.array(pieces.starts)[:, None]
    return first_reaching(at.x, at.sigma, starts)


def factor_thresholds(at: InputNoise) -> Array:
    """Return the ξ from which sgn(σ′)·(1 + σ′ξ) is ≥ 0, and > 0; shape (2, n), or (0, n) where no x has a σ′."""
    if not at.sigma_slope.any():
        return np.empty((0, at.x.size))
    limits = np.array([[0.0], [np.nextafter(0.0, 1.0)]])
    return first_reaching(np.sign(at.sigma_slope), np.abs(at.sigma_slope), limits)


def count_signs(
    sums: Array, at: InputNoise, pieces: Pieces, below_z: list[Array], below_factor: list[Array], each: int
) -> None:
    """Fill the counts of zero and wrong gradients, from the numbers of draws below each threshold.

    Parameters
    ----------
    sums
        Shape (replicates, 19, n).
    below_z, below_factor
        Counts below the thresholds of `z_thresholds` and `factor_thresholds`, shape (replicates, n) each.
    each
        Draws of a replicate.
    """
    nothing = np.zeros((sums.shape[0], at.x.size))
    edges = [nothing, *below_z, nothing + each]
    direction = np.sign(at.sigma_slope)
    first, second = below_factor or (nothing, nothing)
    # where σ′ = 0 the factor is 1 for every draw
    first, second = (np.where(direction == 0, 0.0, part) for part in (first, second))
    rising = np.where(direction < 0, -1.0, 1.0)
    right = np.sign(at.activation.slope)
    zero, wrong = nothing.copy(), nothing.copy()
    for sign, start, stop in zip(pieces.signs, edges[:-1], edges[1:], strict=True):
        negative = np.clip(first, start, stop) - start  # sgn(σ′)·factor < 0
        none = np.clip(second, start, stop) - np.clip(first, start, stop)
        positive = stop - np.clip(second, start, stop)
        zero += stop - start if sign == 0 else none
        if sign * right != 0:
            wrong += np.where(rising * sign * right > 0, negative, positive)
    sums[:, ZERO], sums[:, WRONG], sums[:, OUTSIDE] = zero, wrong, 0.0
