"""Counts for noise on the input: the sign of ∂φ/∂x = h′(z)·factor changes where z crosses an edge of h or the factor 0.

z = x + σξ and the factor are monotone in ξ in floating point too, so that a handful of walls in ξ for each x decides
every draw.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from noisyviz.moments.montecarlo.buckets import Buckets
from noisyviz.moments.montecarlo.power_sums import OUTSIDE, WRONG, ZERO
from noisyviz.moments.montecarlo.thresholds import first_reaching
from noisyviz.moments.samplers import Draws
from noisyviz.units.activation import Activation, Array
from noisyviz.units.unit import InputNoise

_CENTRE: Final = 8.0  # panels from −8 to 8 tell how wide they usually are
_POINT: Final = 1e-4  # of that, panels that stand for one point


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walls:
    """The ξ at which φ of each x has a kink or ∂φ/∂x changes its sign, ±inf where there is none.

    Attributes
    ----------
    kinks
        Where z reaches an edge of h, shape (edges, n).
    turns
        Where the factor changes its sign, shape (turns, n).
    """

    kinks: Array
    turns: Array

    @classmethod
    def of(cls, at: InputNoise) -> "Walls":
        """Return the walls of a unit: the smallest ξ at which the plain evaluation decides anew."""
        starts = np.array(sorted({*first_of_stretches(at.activation), *smooth_panels(at.activation)[2]}))[:, None]
        limits = np.array([[0.0], [np.nextafter(0.0, 1.0)]] if at.sigma_slope.any() else []).reshape(-1, 1)
        return cls(
            kinks=first_reaching(at.x, at.sigma, starts),
            turns=first_reaching(np.sign(at.sigma_slope), np.abs(at.sigma_slope), limits),
        )


def first_of_stretches(h: Activation) -> list[float]:
    """Return the first z of each stretch, but the first, on which h is smooth and h′ has one sign.

    Each edge belongs to the side whose h′ it has.
    """
    found = []
    for edge in sorted({*h.breaks, *h.sign_edges}):
        around = np.array([np.nextafter(edge, -np.inf), edge, np.nextafter(edge, np.inf)])
        sign, change = h.slope_sign(around), np.abs(np.diff(h.slope_function(around)))
        left = sign[0] == sign[1] if sign[0] != sign[2] else change[0] <= change[1]
        alone = sign[1] not in (sign[0], sign[2])  # h′ = 0 at a single z
        found += [edge] if alone or not left else []
        found += [float(around[2])] if alone or left else []
    return found


def smooth_panels(h: Activation) -> tuple[Array, Array, list[float], float]:
    """Return the panels' edges, the widths on whose scale h is smooth, edges that count as kinks, and a tiny width.

    Panels of a function of the user's own that narrow towards one point, down to next to nothing, tell of a jump of a
    higher derivative there: beside it h is as smooth as elsewhere.
    """
    edges = np.asarray(h.panels)
    widths = np.diff(edges)
    near = widths[np.abs(edges[1:]) <= _CENTRE]
    if not near.size:
        return edges, widths, [], 0.0
    usual = float(np.median(near))
    narrow = np.concatenate([[False], widths < usual / 16.0, [False]])
    kinks: list[float] = []
    for first, last in np.flatnonzero(narrow[1:] != narrow[:-1]).reshape(-1, 2):
        run = widths[first:last]
        if run.min() < usual * _POINT and np.count_nonzero(run <= 2.0 * run.min()) <= 4:
            kinks += edges[first : last + 1].tolist()
            beside = (np.abs(edges[:-1] - kinks[-1]) < usual) & (widths > 2.0 * run.min())
            widths = np.where(beside, np.maximum(widths, usual / 8.0), widths)
    return edges, widths, kinks, usual * _POINT


def count_signs(sums: Array, at: InputNoise, walls: Walls, grid: Buckets, counts: Array, draws: Draws) -> None:
    """Fill the counts of zero and wrong gradients.

    Parameters
    ----------
    sums
        Shape (replicates, 19, n).
    grid, counts
        The buckets, whose edges hold all walls, and the draws in each of them, shape (replicates, buckets).
    """
    ends = np.sort(np.concatenate([walls.kinks, walls.turns]), axis=0)
    above = np.concatenate([ends, np.full((1, at.x.size), np.inf)])
    below = np.concatenate([np.full((1, at.x.size), -np.inf), ends])
    # one ξ of each stretch: its first, else its last, else any
    inside = np.where(np.isfinite(below), below, np.where(np.isfinite(above), np.nextafter(above, -np.inf), 0.0))
    sign = at.grad_sign(inside)
    right = np.sign(at.activation.slope)
    passed = [*grid.below(counts, ends), np.full((draws.replicates, at.x.size), float(draws.each))]
    before = np.zeros_like(passed[0])
    sums[:, OUTSIDE] = sums[:, ZERO] = sums[:, WRONG] = 0.0
    for stretch, after in enumerate(passed):
        number = after - before
        sums[:, ZERO] += number * (sign[stretch] == 0)
        sums[:, WRONG] += number * (sign[stretch] * right < 0)
        before = after
