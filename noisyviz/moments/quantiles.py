"""Quantiles of one draw of φ and of ∂φ/∂x at every x.

- Where the quantity is affine in ε (output noise) or rises or falls with ξ (φ of a monotone h under input noise) its
  quantiles are its values at quantiles of the noise: closed.
- Otherwise its distribution function is summed over cells of ξ: `CELLS` of equal probability, more in the tails, split
  where h′ jumps and at the edges of h's panels. Cells that may hold the value at a level are parted twice, and in what
  remains the quantity is taken as linear in the probability. The level of what is returned, atoms included, is off by
  at most 1e-4; where the quantity is piecewise linear, by rounding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
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

CELLS: Final = 128
_TAIL: Final = 0.2 ** np.arange(6.0, 0.0, -1.0)  # places in the outermost half cells; beyond them nothing changes
_MOST_PANELS: Final = 256  # of h, whose edges are places too
_PARTS: Final = 8  # of a cell that may hold the value at a level
_ROUNDS: Final = 2
_HIGHEST: Final = 1.0 - 1e-12  # level; sums of probabilities may end below 1
_BLOCK: Final = 256  # points worked on at once
_BESIDE: Final = 1e-9  # of ξ, on either side of a jump
Index = npt.NDArray[np.intp]


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

    Returns
    -------
    Quantiles
        Arrays of shape (levels, *x.shape): values with P(quantity < value) ≤ level ≤ P(quantity ≤ value), the levels
        right to 1e-4.

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
    h, n = at.activation, at.x.size
    tail = 0.5 / CELLS * _TAIL
    middles = np.concatenate([tail, (np.arange(CELLS) + 0.5) / CELLS, 1.0 - tail[::-1]])
    xi = noise.quantile(middles)
    jumps = preimages(at, tuple(sorted({*h.kinks, *h.breaks})))
    panels = [preimages(at, h.panels[:: 1 + len(h.panels) // _MOST_PANELS])]
    if isinstance(at, SoftplusNoise):
        jumps = np.concatenate([jumps, np.zeros((n, 1))], axis=1)
        panels += [side * np.abs(at.reach)[:, None] * 2.0 ** np.arange(-4.0, 4.0) for side in (-1.0, 1.0)]
    jumps, between = (np.clip(one, xi[0], xi[-1]) for one in (jumps, np.concatenate(panels, axis=1)))
    beside = _BESIDE * (1.0 + np.abs(jumps))
    places = np.concatenate([np.broadcast_to(xi, (n, xi.size)), jumps - beside, jumps + beside, between], axis=1)
    below = 1.0 - noise.above(jumps)
    shares = np.concatenate([np.broadcast_to(middles, (n, xi.size)), below, below, 1.0 - noise.above(between)], axis=1)
    order = np.argsort(places, axis=1, kind="stable")
    places, shares = (np.take_along_axis(one, order, axis=1) for one in (places, shares))
    shares[:, 0], shares[:, -1] = 0.0, 1.0
    grad = _inverted(InputNoise.grad_x, noise, at, places, shares, levels)
    side = _direction(h)
    if side == 0.0:
        return _inverted(InputNoise.phi, noise, at, places, shares, levels), grad
    at_levels = _of_levels(noise, levels if side > 0.0 else 1.0 - levels)
    return _columns(at).phi(at_levels).T, grad


def _direction(h: Activation) -> float:
    """Return 1 where h never falls, −1 where it never rises, else 0."""
    edges = np.array(sorted({*h.sign_edges, *h.kinks, 0.0}))
    middles = np.concatenate([[edges[0] - 1.0], 0.5 * (edges[1:] + edges[:-1]), [edges[-1] + 1.0]])
    signs = h.slope_sign(middles)
    return 1.0 if np.all(signs >= 0) else -1.0 if np.all(signs <= 0) else 0.0


def _columns(at: InputNoise) -> InputNoise:
    return at.part((slice(None), None))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cells:
    """Cells of ξ, any number of them for each owner; all arrays have shape (cells,).

    Parameters
    ----------
    owner
        The x, or the x at one of the levels, to which a cell belongs.
    start, stop
        P(noise ≤ ξ) at its ends.
    first, last
        The quantity at its ends.
    bend
        How far beyond these it may reach: more than 0 beside a maximum or minimum.
    """

    owner: Index
    start: Array
    stop: Array
    first: Array
    last: Array
    bend: Array

    @classmethod
    def between(cls, owner: Index, shares: Array, values: Array, *, bent: Array) -> "_Cells":
        """Return the cells between places in the order of ξ, shape (owners, places); bent ones may turn at the ends."""
        step = np.diff(values, axis=1)
        side = np.where(bent > 0.0, -1.0, 1.0)[:, None]
        before = np.concatenate([side * step[:, :1], step[:, :-1]], axis=1)
        after = np.concatenate([step[:, 1:], side * step[:, -1:]], axis=1)
        most = np.maximum(np.maximum(np.abs(before), np.abs(after)), np.abs(step))
        bend = np.where((before * step < 0.0) | (after * step < 0.0), 0.5 * most, 0.0)
        row, column = np.nonzero(np.diff(shares, axis=1) > 0.0)
        ends = [one[row, column + k] for one in (shares, values) for k in (0, 1)]
        return cls(owner=owner[row], start=ends[0], stop=ends[1], first=ends[2], last=ends[3], bend=bend[row, column])

    @classmethod
    def together(cls, parts: Sequence["_Cells"]) -> "_Cells":
        return cls(**{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)})

    def take(self, chosen: npt.NDArray[np.bool_]) -> "_Cells":
        return _Cells(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})

    @property
    def weight(self) -> Array:
        return self.stop - self.start

    @property
    def low(self) -> Array:
        return np.minimum(self.first, self.last)

    @property
    def high(self) -> Array:
        return np.maximum(self.first, self.last)


def _inverted(
    quantity: Callable[[InputNoise, Array], Array],
    noise: Noise,
    at: InputNoise,
    places: Array,
    shares: Array,
    levels: Array,
) -> Array:
    """Return where the distribution function of a quantity meets each level, shape (levels, n).

    Parameters
    ----------
    quantity
        `InputNoise.phi` or `InputNoise.grad_x`.
    places, shares
        Increasing ξ, shape (n, m), and P(noise ≤ ξ) there, from 0 to 1.
    """
    n = at.x.size
    cells = _Cells.between(np.arange(n), shares, quantity(_columns(at), places), bent=np.zeros(n))
    found = _Found(level=np.broadcast_to(levels[:, None], (levels.size, n)))
    for left in range(_ROUNDS, -1, -1):
        cells = found.narrow(cells)
        if left:
            cells = _parted(cells, lambda owner, xi: quantity(at.part((owner % n, None)), xi), noise)
    return found.interpolate(cells).reshape(levels.size, n)


def _parted(cells: _Cells, quantity: Callable[[Index, Array], Array], noise: Noise) -> _Cells:
    """Return every cell in which the quantity changes as several of equal probability."""
    changes = (cells.first != cells.last) | (cells.bend > 0.0)
    whole, rest = cells.take(changes), cells.take(~changes)
    shares = whole.start[:, None] + whole.weight[:, None] * (np.arange(_PARTS + 1) / _PARTS)
    inner = quantity(whole.owner, noise.quantile(shares[:, 1:-1]))
    values = np.concatenate([whole.first[:, None], inner, whole.last[:, None]], axis=1)
    parts = _Cells.between(whole.owner, shares, values, bent=whole.bend)
    return _Cells.together([parts, rest])


class _Found:
    """Bounds of the quantiles, shape (levels, owners), and P(quantity ≤ its lower bound) in cells that are settled."""

    def __init__(self, level: Array) -> None:
        self.level = np.minimum(level, _HIGHEST)
        self.least: Array = np.full(level.shape, -inf)
        self.most: Array = np.full(level.shape, inf)
        self.base: Array = np.zeros(level.shape[1])

    def narrow(self, cells: _Cells) -> _Cells:
        """Bring the bounds nearer and return the cells that reach between them, each level of an owner a new owner.

        The share below y is least if every cell lies at its highest value, and most if each lies at its lowest.
        """
        weight, count = cells.weight, self.base.size
        low, high = cells.low - cells.bend, cells.high + cells.bend
        wanted = 2.0 * np.arange(count) + (self.level - self.base)  # shares of one owner after another on one axis
        bounds: list[Array] = []
        for values, bound in ((low, self.least), (high, self.most)):
            order = _sorted(cells.owner, values, count)
            owner, summed = cells.owner[order], np.concatenate([[0.0], np.cumsum(weight[order])])
            begin = np.searchsorted(owner, np.arange(count + 1))
            met = np.searchsorted(2.0 * owner + (summed[1:] - summed[begin[owner]]), wanted)
            held = (begin[:-1] <= met) & (met < begin[1:])
            nearer = np.clip(np.append(values[order], 0.0)[met], self.least, self.most)
            bounds.append(np.where(held, nearer, bound))
        self.least, self.most = bounds[0], bounds[1]
        kept, base = [], []
        for k, (least, most) in enumerate(zip(self.least, self.most, strict=True)):
            done = high <= least[cells.owner]
            base.append(self.base + np.bincount(cells.owner, weights=weight * done, minlength=count))
            part = cells.take(~done & (low < most[cells.owner]) & (least < most)[cells.owner])
            kept.append(replace(part, owner=part.owner + k * count))
        self.base = np.concatenate(base)
        self.level = self.level.reshape(1, -1)
        self.least, self.most = (np.reshape(one, (1, -1)) for one in (self.least, self.most))
        return _Cells.together(kept)

    def interpolate(self, cells: _Cells) -> Array:
        """Return the quantiles, with the quantity taken as linear in the probability in every cell."""
        level, least, most, count = self.level[0], self.least[0], self.most[0], self.base.size
        weight, low, high, owner = cells.weight, cells.low, cells.high, cells.owner
        wide = np.where(high > low, high - low, 1.0)

        def below(y: Array, *, strictly: bool = False) -> Array:
            """Return P(quantity ≤ y), or P(quantity < y)."""
            y = y[owner]
            whole = (high < y) | ((high == y) & (low < y)) if strictly else high <= y
            part = np.where(low < y, (y - low) / wide, 0.0)
            return np.asarray(self.base + np.bincount(owner, weight * np.where(whole, 1.0, part), minlength=count))

        asked = np.arange(count)
        knots, owners = np.concatenate([least, low, high, most]), np.concatenate([asked, owner, owner, asked])
        inside = (knots >= least[owners]) & (knots <= most[owners])
        knots, owners = knots[inside], owners[inside]
        order = _sorted(owners, knots, count)
        knots = knots[order]
        begin = np.searchsorted(owners[order], np.arange(count + 1))
        first, last = begin[:-1].copy(), begin[1:] - 1
        while np.any(last - first > 1):  # last: where at least this share lies at or below; first: where less does
            middle = (first + last) // 2
            enough = below(knots[middle]) >= level
            open_ = last - first > 1
            last, first = np.where(open_ & enough, middle, last), np.where(open_ & ~enough, middle, first)
        lower, upper = knots[first], knots[last]
        start, stop = below(lower), below(upper, strictly=True)
        share = np.where(stop > level, (level - start) / np.where(stop > start, stop - start, inf), 1.0)
        return np.asarray(np.where(start >= level, lower, lower + np.clip(share, 0.0, 1.0) * (upper - lower)))


def _sorted(owner: Index, values: Array, count: int) -> Index:
    """Return the order by owner, and by value for each."""
    order = np.argsort(values)
    return order[np.argsort(owner[order].astype(np.min_scalar_type(count)), kind="stable")]
