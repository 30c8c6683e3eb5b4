"""Counts for noise on the input: the sign of ∂φ/∂x = h′(z)·factor changes where z crosses an edge of h or the factor 0.

z = x + s(ξ) and the factor are monotone in ξ, for s = σξ in floating point too, so that a handful of walls in ξ for
each x decides every draw. For the softplus form rounding may decide either way next to a wall: there it has two walls,
and draws between them are evaluated one by one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.moments.montecarlo.buckets import Buckets
from noisyviz.moments.montecarlo.plain import add_plainly
from noisyviz.moments.montecarlo.power_sums import CHUNK, OUTSIDE, ROWS, WRONG, ZERO, over_blocks
from noisyviz.moments.montecarlo.thresholds import first_reaching
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Activation, Array
from noisyviz.units.unit import InputNoise, NoisyUnit, SoftplusNoise

_BAND: Final = 1e-10  # of ξ, on either side of a wall of the softplus form
_TINY: Final = 1e-300  # of ξ, where a wall is 0: products with less underflow
_CENTRE: Final = 8.0  # panels from −8 to 8 tell how wide they usually are
_POINT: Final = 1e-4  # of that, panels that stand for one point
_ROUNDING: Final = 1e-15  # of z


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walls:
    """The ξ at which φ of each x has a kink or ∂φ/∂x changes its sign, ±inf where there is none.

    Attributes
    ----------
    kinks
        Where z reaches an edge of h, shape (edges, n).
    bends
        At which of them h is not smooth, shape (edges,); at the others h′ only changes its sign.
    turns
        Where the factor changes its sign, shape (turns, n).
    bands
        From where to where rounding may decide on which side of a kink z lies, shape (2, bands, n).
    turn_bands
        The same for the sign of the factor.
    """

    kinks: Array
    bends: npt.NDArray[np.bool_]
    turns: Array
    bands: Array
    turn_bands: Array

    @classmethod
    def of(cls, at: InputNoise) -> "Walls":
        """Return the walls of a unit; but for bands, the smallest ξ at which the plain evaluation decides anew."""
        h, narrow = at.activation, smooth_panels(at.activation)[2]
        starts = np.array(sorted({*first_of_stretches(h), *narrow}))[:, None]
        if isinstance(at, SoftplusNoise):
            room = _ROUNDING * (np.abs(at.x) + np.abs(starts))
            kinks = _band(*(at.reaching(starts - at.x + side * room) for side in (-1.0, 1.0)))
            turns = _band(*_turns(at))
            zero = np.zeros((1, at.x.size))
            return cls(
                kinks=kinks.reshape(-1, at.x.size),
                bends=np.ones(2 * starts.size, dtype=np.bool_),
                turns=np.concatenate([*turns, zero]),
                bands=kinks,
                turn_bands=turns,
            )
        limits = np.array([[0.0], [np.nextafter(0.0, 1.0)]] if at.sigma_slope.any() else []).reshape(-1, 1)
        return cls(
            kinks=first_reaching(at.x, at.sigma, starts),
            bends=np.isin(starts[:, 0], [*narrow, *h.breaks, *np.nextafter(h.breaks, np.inf)]),
            turns=first_reaching(np.sign(at.sigma_slope), np.abs(at.sigma_slope), limits),
            bands=np.empty((2, 0, at.x.size)),
            turn_bands=np.empty((2, 0, at.x.size)),
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
    near = np.sort(widths[np.abs(edges[1:]) <= _CENTRE])
    if not near.size:
        return edges, widths, [], 0.0
    usual = float(near[np.searchsorted(np.cumsum(near), 0.5 * near.sum())])  # half of the way goes through wider ones
    narrow = np.concatenate([[False], widths < usual / 64.0, [False]])
    kinks: list[float] = []
    for first, last in np.flatnonzero(narrow[1:] != narrow[:-1]).reshape(-1, 2):
        run = widths[first:last]
        if run.min() < usual * _POINT and np.count_nonzero(run <= 2.0 * run.min()) <= 4:
            kinks += edges[first : last + 1].tolist()
            beside = (np.abs(edges[:-1] - kinks[-1]) < usual) & (widths > 2.0 * run.min())
            widths = np.where(beside, np.maximum(widths, usual / 8.0), widths)
    return edges, widths, kinks, usual * _POINT


def _turns(at: SoftplusNoise) -> tuple[Array, Array]:
    """Return between which ξ 1 + c·p·sgn Δ·Δ′·g(R/abs ξ)·sgn ξ is 0 but for rounding, shape (1, n) each."""
    gate = (1.0 + 4.0 * _ROUNDING * np.array([[-1.0], [1.0]])) / np.abs(at.sigma_slope)
    r = at.reach / np.log(gate / (1.0 - gate))
    r = np.sort(np.where(r > 0.0, r, np.inf), axis=0)
    low, high = np.where(at.sigma_slope > 0.0, -r[::-1], r)
    return low[None], high[None]


def _band(low: Array, high: Array) -> Array:
    return np.stack([low - _BAND * np.abs(low) - _TINY, high + _BAND * np.abs(high) + _TINY])


def count_signs(
    sums: Array,
    unit: NoisyUnit,
    at: InputNoise,
    walls: Walls,
    grid: Buckets,
    counts: Array,
    draws: Draws,
    *,
    held: tuple[float, float],
) -> None:
    """Fill the counts of zero and wrong gradients; add what else there is of the draws in bands.

    Parameters
    ----------
    sums
        Shape (replicates, 19, n), without the draws in bands.
    grid, counts
        The buckets, whose edges hold all walls, and the draws in each of them, shape (replicates, buckets).
    held
        Draws less far from 0 than the first, or as far as the second, are in the sums already, in bands too.
    """
    ends = np.sort(np.concatenate([walls.kinks, walls.turns]), axis=0)
    above = np.concatenate([ends, np.full((1, at.x.size), np.inf)])
    below = np.concatenate([np.full((1, at.x.size), -np.inf), ends])
    # one ξ of each stretch: its first, else its last, else any
    inside = np.where(np.isfinite(below), below, np.where(np.isfinite(above), np.nextafter(above, -np.inf), 0.0))
    sign = at.grad_sign(inside)
    right = np.sign(at.activation.slope)
    kink, turn = (
        np.asarray(((bands[0, :, None] <= inside) & (inside < bands[1, :, None])).any(axis=0))
        for bands in (walls.bands, walls.turn_bands)
    )
    passed = [*grid.below(counts, ends), np.full((draws.replicates, at.x.size), float(draws.each))]
    before = np.zeros_like(passed[0])
    sums[:, OUTSIDE] = sums[:, ZERO] = sums[:, WRONG] = 0.0
    left = []
    for stretch, after in enumerate(passed):
        doubtful = kink[stretch] | turn[stretch]
        number = np.where(doubtful, 0.0, after - before)
        sums[:, ZERO] += number * (sign[stretch] == 0)
        sums[:, WRONG] += number * (sign[stretch] * right < 0)
        for point in np.flatnonzero(doubtful & (after > before).any(axis=0)).tolist():
            rows = slice(None) if kink[stretch, point] else slice(ZERO, WRONG + 1)
            left.append((point, float(below[stretch, point]), float(above[stretch, point]), rows))
        before = after
    if left:
        _add_bands(sums, unit, at, left, draws, held)


def _add_bands(
    sums: Array,
    unit: NoisyUnit,
    at: InputNoise,
    left: list[tuple[int, float, float, slice]],
    draws: Draws,
    held: tuple[float, float],
) -> None:
    """Add to rows of the sums of some points, draw by draw, the draws from a lower up to an upper end."""
    points = [at.part(slice(point, point + 1)) for point, *_ in left]
    leaks = [here.grad_x(np.zeros(())) for here in points]

    def work(block: Block) -> Array:
        found = np.zeros((len(left), ROWS, 1))
        with np.errstate(all="ignore"):
            for xi in draws.read(block, CHUNK):
                for sum_, here, leak, (_, low, high, _) in zip(found, points, leaks, left, strict=True):
                    within = xi[(low <= xi) & (xi < high)]
                    known = ((within >= -held[0]) & (within < held[0])) | (within < -held[1]) | (within >= held[1])
                    add_plainly(sum_, unit, here, leak, within[~known])
                    counts = np.zeros((ROWS, 1))
                    add_plainly(counts, unit, here, leak, within[known])
                    sum_[ZERO : WRONG + 1] += counts[ZERO : WRONG + 1]
        return found

    for found, (point, _, _, rows) in zip(np.moveaxis(over_blocks(draws, work, jobs=1), 1, 0), left, strict=True):
        sums[:, rows, point] += found[:, rows, 0]
