"""What the picture of a profile shows, as plain numbers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayView:
    """One array of pre-activations.

    Parameters
    ----------
    name, fn
        Of the array and of its activation.
    units, dead
        How many units it has, and how many of them saturate in at least 99 % of their samples.
    share_left, share_right
        Of all samples.
    non_finite
        How many numbers are left out.
    thresholds
        (x_t⁻, x_t⁺), ∓inf where that side has none.
    h
        The activation at `ProfileResult.x`, shape (points,).
    density
        Between `ProfileResult.edges`, shape (bins,).
    beyond
        Share of the samples outside these edges.
    order
        The units, the most saturated first, shape (units,).
    left, right
        Their shares in this order.
    bars, bar_left, bar_right
        The same for a picture: edges in units, shape (n + 1,), and means of the units between them, shape (n,).
    before, after
        Shares of the samples by abs h′ and by the root mean square of ∂φ/∂x over the draws: exactly 0, below the
        smallest of `ProfileResult.levels`, and between them; shape (levels + 1,).
    """

    name: str
    fn: str
    units: int
    dead: int
    share_left: float
    share_right: float
    non_finite: int
    thresholds: tuple[float, float]
    h: Array
    density: Array
    beyond: float
    order: npt.NDArray[np.int64]
    left: Array
    right: Array
    bars: Array
    bar_left: Array
    bar_right: Array
    before: Array
    after: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProfileResult:
    """All arrays, on the same axes.

    Parameters
    ----------
    arrays
        Those that are drawn.
    left_out
        How many more there are.
    x, edges
        Where h is drawn, and the edges of the bins of the density.
    levels
        The edges of the bins of gradients, from the smallest that is told apart.
    kind, scale, noise, parameters
        Of the unit, as in captions.
    """

    arrays: tuple[ArrayView, ...]
    left_out: int
    x: Array
    edges: Array
    levels: Array
    kind: str
    scale: str
    noise: str
    parameters: tuple[tuple[str, float], ...]
