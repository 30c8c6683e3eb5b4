"""Quantiles of one draw of φ and of ∂φ/∂x at every x.

- Where the quantity is affine in ε (output noise) or rises or falls with ξ (φ of a monotone h under input noise) its
  quantiles are its values at quantiles of the noise: closed.
- Otherwise its distribution function is summed over `CELLS` cells of ξ of equal probability, split where h′ jumps; in
  a cell the quantity is taken as linear in the probability. The level of what is returned is then off by less than
  1/`CELLS`, and by far less where the quantity bends little within a cell; where it is piecewise linear, by rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.moments.exact import preimages
from noisyviz.moments.quantities import pointwise
from noisyviz.units.activation import Activation, Array
from noisyviz.units.noise import Noise
from noisyviz.units.special import few_ndtri
from noisyviz.units.unit import InputNoise, NoisyUnit, OutputNoise, SoftplusNoise

CELLS: Final = 256
_BLOCK: Final = 256  # points worked on at once
_BESIDE: Final = 1e-9  # of ξ, on either side of a jump


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantiles:
    """Quantiles of φ and ∂φ/∂x, one after another along the first axis."""

    levels: tuple[float, ...]  # Increasing, between 0 and 1
    phi: Array
    grad: Array


def quantiles(unit: NoisyUnit, x: npt.ArrayLike, levels: Sequence[float]) -> Quantiles:
    """Return the quantiles of one draw of φ and of ∂φ/∂x.

    Parameters
    ----------
    unit
        The unit.
    x
        Any shape that broadcasts with the unit's parameters; NaN gives NaN.
    levels
        Probabilities, increasing, each above 0 and below 1.

    Examples
    --------
    >>> found = quantiles(NoisyUnit("hard-tanh", kind="nani", c=1.0), [0.0, 3.0], [0.05, 0.95])
    >>> found.phi.tolist(), found.grad.tolist()
    ([[-1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 0.0]])
    """
    asked = np.asarray(levels, dtype=np.float64)
    names = [f"{name}{k}" for name in ("phi", "grad") for k in range(asked.size)]

    def compute(part: NoisyUnit, points: Array) -> dict[str, Array]:
        at = part.at(points)
        found = _affine(part.noise, at, asked) if isinstance(at, OutputNoise) else _input(part.noise, at, asked)
        return dict(zip(names, np.concatenate(found), strict=True))

    columns = pointwise(unit, x, names=names, block=_BLOCK, compute=compute)
    phi, grad = (np.stack([columns[f"{name}{k}"] for k in range(asked.size)]) for name in ("phi", "grad"))
    return Quantiles(levels=tuple(map(float, asked)), phi=phi, grad=grad)


def _affine(noise: Noise, at: OutputNoise, levels: Array) -> tuple[Array, Array]:
    """Return the quantiles of a + b·ε, for ε = ξ or abs ξ, of φ and of ∂φ/∂x."""
    rising, falling = (
        _of_levels(noise, 0.5 + 0.5 * level if at.half else level)[:, None] for level in (levels, 1.0 - levels)
    )

    def of(a: Array, b: Array) -> Array:
        return np.asarray(a + b * np.where(b >= 0, rising, falling))

    return of(at.base, at.amplitude), of(at.base_slope, at.amplitude_slope)


def _of_levels(noise: Noise, levels: Array) -> Array:
    return few_ndtri(levels) if noise.name == "normal" else noise.quantile(levels)


def _input(noise: Noise, at: InputNoise, levels: Array) -> tuple[Array, Array]:
    """Return the quantiles of φ = h(x + s), in which s rises with ξ, and of ∂φ/∂x."""
    h = at.activation
    middles = (np.arange(CELLS) + 0.5) / CELLS
    xi = noise.quantile(middles)
    jumps = np.clip(preimages(at, tuple(sorted({*h.kinks, *h.breaks}))), xi[0], xi[-1])
    if isinstance(at, SoftplusNoise):
        jumps = np.concatenate([jumps, np.zeros((at.x.size, 1))], axis=1)
    beside = _BESIDE * (1.0 + np.abs(jumps))
    places = np.concatenate([np.broadcast_to(xi, (at.x.size, CELLS)), jumps - beside, jumps + beside], axis=1)
    below = 1.0 - noise.above(jumps)
    shares = np.concatenate([np.broadcast_to(middles, (at.x.size, CELLS)), below, below], axis=1)
    order = np.argsort(places, axis=1, kind="stable")
    places, shares = (np.take_along_axis(one, order, axis=1) for one in (places, shares))
    column = _columns(at)
    grad = _inverted(column.grad_x(places), shares, levels)
    side = _direction(h)
    if side == 0.0:
        return _inverted(column.phi(places), shares, levels), grad
    at_levels = _of_levels(noise, levels if side > 0.0 else 1.0 - levels)
    return column.phi(at_levels).T, grad


def _direction(h: Activation) -> float:
    """Return 1 where h never falls, −1 where it never rises, else 0."""
    edges = np.array(sorted({*h.sign_edges, *h.kinks, 0.0}))
    middles = np.concatenate([[edges[0] - 1.0], 0.5 * (edges[1:] + edges[:-1]), [edges[-1] + 1.0]])
    signs = h.slope_sign(middles)
    return 1.0 if np.all(signs >= 0) else -1.0 if np.all(signs <= 0) else 0.0


def _columns(at: InputNoise) -> InputNoise:
    return at.part((slice(None), None))


def _inverted(values: Array, shares: Array, levels: Array) -> Array:
    """Return where the distribution function of a quantity meets each level, shape (levels, n).

    Parameters
    ----------
    values
        The quantity at increasing ξ, shape (n, m).
    shares
        P(noise ≤ ξ) there; between neighbours the quantity is linear in it, beyond the ends constant.
    """
    ends = [values[:, :1], values, values[:, -1:]]
    padded = np.concatenate(ends, axis=1)
    weight = np.diff(np.concatenate([0.0 * shares[:, :1], shares, 0.0 * shares[:, :1] + 1.0], axis=1), axis=1)
    low, high = np.minimum(padded[:, 1:], padded[:, :-1]), np.maximum(padded[:, 1:], padded[:, :-1])
    wide = np.where(high > low, high - low, 1.0)
    steps = np.sort(values, axis=1)
    rows = np.arange(len(values))

    def below(y: Array, *, strictly: bool = False) -> Array:
        """Return P(quantity ≤ y), or P(quantity < y)."""
        y = y[:, None]
        whole = (high < y) | ((high == y) & (low < y)) if strictly else high <= y
        part = np.where(low < y, (y - low) / wide, 0.0)
        return np.asarray(np.sum(weight * np.where(whole, 1.0, part), axis=1))

    found = []
    for level in levels:
        first, last = np.full(len(values), -1), np.full(len(values), values.shape[1] - 1)
        while np.any(last - first > 1):  # last: where at least this share lies at or below; first: where less does
            middle = (first + last) // 2
            enough = below(steps[rows, np.maximum(middle, 0)]) >= level
            open_ = last - first > 1
            last, first = np.where(open_ & enough, middle, last), np.where(open_ & ~enough, middle, first)
        lower, upper = steps[rows, np.maximum(first, 0)], steps[rows, last]
        start, stop = np.where(first < 0, 0.0, below(lower)), below(upper, strictly=True)
        share = np.where(stop > level, (level - start) / np.where(stop > start, stop - start, inf), 1.0)
        found.append(lower + share * (upper - lower))
    return np.stack(found)
