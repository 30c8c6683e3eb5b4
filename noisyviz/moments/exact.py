"""Exact `Moments`: closed forms wherever they exist, else quadrature split at kinks.

- Output noise is affine in ε: closed for every noise distribution.
- Input noise on piecewise-linear h: truncated moments of ξ between the pre-images of the kinks.
- Otherwise quadrature. Gauss rules for the density of ξ on a tree of cells serve every x. Each x takes the largest
  cells that hold no kink and that a rule can bear: the length of a cell counts in units of the distance of the nearest
  singularity of h, and every rule has a longest one. Of the rules it takes the one with the fewest nodes. What remains
  of the smallest cells is cut into Gauss-Legendre panels. Beyond the last edge of the noise h is its asymptote, whose
  moments are closed. Variances are central moments of φ − h(x): a variance formed as E φ² − (E φ)² would lose half of
  its digits.

Probabilities are sums of P(a < ξ < b) over the intervals between the ξ at which a sign can change.
"""

from collections.abc import Iterator
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.moments.cells import BROKEN, COUNTS, RATIO, metric, tree_of
from noisyviz.moments.quantities import MOMENTS, Moments, pointwise
from noisyviz.units.activation import Activation, Array
from noisyviz.units.noise import Moments3, Noise
from noisyviz.units.unit import InputNoise, NoisyUnit, OutputNoise, SoftplusNoise

Rows = npt.NDArray[np.intp]
Group = tuple[Rows, Array, Array]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_PANEL_NODES, _PANEL_WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANEL: Final = 1.6  # the length that a panel may have
_CLEAR: Final = (0.64, 0.35)  # of a panel's width no singularity is nearer: for named functions, and for the user's own
_SETTLED: Final = 0.025  # below this share of its reach, s of the softplus form is next to nothing
_FEW: Final = 16  # for so few points, one rule for all is less work than the least rule for each
_VALUES: Final = 8192  # nodes worked on at once: what is made of them stays in the cache
_BLOCK: Final = 1024  # points worked on at once


def exact(unit: NoisyUnit, x: npt.ArrayLike) -> Moments:
    """Return the moments of a unit by closed forms and quadrature.

    Parameters
    ----------
    unit
        The unit.
    x
        Any shape that broadcasts with the unit's parameters; NaN gives NaN, ±inf the limits.

    Returns
    -------
    Moments
        Arrays of the broadcast shape. Absolute error at most 1e-10, relative 1e-12 above 1.

    References
    ----------
    Gulcehre et al. 2016, Eqs 9, 12, 14 and 15; ∂φ/∂x is pathwise, per draw.

    Examples
    --------
    >>> moments = exact(NoisyUnit("hard-tanh", kind="nan", alpha=1.0), [0.0, 3.0])
    >>> moments.mean.tolist(), moments.p_zero.tolist()
    ([0.0, 1.0], [0.0, 0.0])
    """
    return Moments(**pointwise(unit, x, names=MOMENTS, block=_BLOCK, compute=_moments))


def _moments(unit: NoisyUnit, x: Array) -> dict[str, Array]:
    """Return every column at finite x of shape (n,)."""
    at = unit.at(x)
    columns = _output_noise(unit, at, x) if isinstance(at, OutputNoise) else _input_noise(unit.noise, at)
    columns["bias"] = columns.pop("deviation")
    columns["grad_rms"] = np.hypot(columns["grad_mean"], columns["grad_std"])
    columns["grad_leak"] = at.grad_x(np.zeros(()))
    return columns


def _output_noise(unit: NoisyUnit, at: OutputNoise, x: Array) -> dict[str, Array]:
    """Return the closed forms for φ = base + amplitude·ε (Eq 12), for any noise distribution."""
    noise, h = unit.noise, unit.activation
    expected = noise.abs_mean if at.half else 0.0
    spread = np.sqrt(1.0 - expected**2)
    zero = (at.sign_base == 0) & (at.sign_slope == 0)
    columns = {
        "mean": at.base + at.amplitude * expected,
        "deviation": at.leak + at.amplitude * expected,
        "std": np.abs(at.amplitude) * spread,
        "p_outside": np.full(at.base.shape, np.nan),
        "grad_mean": at.base_slope + at.amplitude_slope * expected,
        "grad_std": np.abs(at.amplitude_slope) * spread,
        "grad_cov": at.amplitude * at.amplitude_slope * (1.0 - expected**2),
        "p_zero": zero.astype(np.float64),
        "p_wrong": np.broadcast_to(output_noise_wrong(noise, at, h, slice(None)), at.base.shape),
        "grad_p_mean": at.amplitude_p * expected,
        "grad_p_std": np.abs(at.amplitude_p) * spread,
    }
    if np.isfinite(h.left) and np.isfinite(h.right):
        low, high = h.bounds
        value = h.function(x)  # not the base, in which a small leak is rounded away
        below = _affine_below(noise, (value - low) + at.leak, at.amplitude, at.half)
        columns["p_outside"] = below + _affine_below(noise, (high - value) - at.leak, -at.amplitude, at.half)
    return columns


def output_noise_wrong(
    noise: Noise, at: OutputNoise, h: Activation, where: slice | npt.NDArray[np.bool_]
) -> Array | float:
    """Return P(∂φ/∂x has the sign opposite to u′) of a unit with output noise at some of its points; NaN for u′ = 0."""
    if h.slope == 0:
        return np.nan
    side = np.sign(h.slope)
    return _affine_below(noise, side * at.sign_base[where], side * at.sign_slope[where], at.half)


def _affine_below(noise: Noise, a: Array, b: Array, half: bool) -> Array:
    """Return P(a + b·ε < 0) for ε = ξ or abs ξ, elementwise."""
    t = -a / np.where(b == 0, 1.0, b)
    if half:
        t = np.maximum(t, 0.0)
        less, more = noise.interval_moments(-t, t)[0], 2.0 * noise.above(t)
    else:
        less, more = noise.above(-t), noise.above(t)
    return np.where(b == 0, np.where(a < 0, 1.0, 0.0), np.where(b > 0, less, more))


def _input_noise(noise: Noise, at: InputNoise) -> dict[str, Array]:
    """Return every column for φ = h(x + s)."""
    closed = at.activation.pieces is not None and not isinstance(at, SoftplusNoise)
    columns = _piecewise(noise, at) if closed else _quadrature(noise, at)
    still = at.sigma == 0  # no noise at this x: the values at ξ = 0, kinks by their stated derivative
    zero = np.zeros(())
    certain = {"deviation": zero, "grad_mean": at.grad_x(zero), "grad_p_mean": zero}
    for name in ("deviation", "std", "grad_mean", "grad_std", "grad_cov", "grad_p_mean", "grad_p_std"):
        columns[name] = np.where(still, certain.get(name, zero), columns[name])
    columns["mean"] = at.base + columns["deviation"]
    columns.update(_probabilities(noise, at))
    return columns


def preimages(at: InputNoise, z: tuple[float, ...]) -> Array:
    """Return the ξ with x + s(ξ) = z, shape (n, len(z)), increasing in z; ±inf where there is none."""
    gap = np.asarray(z)[None, :] - at.x[:, None]
    return _columns(at).reaching(gap)


def _probabilities(noise: Noise, at: InputNoise) -> dict[str, Array]:
    """Return p_zero, p_wrong and p_outside from the intervals between the ξ where a sign can change."""
    h = at.activation
    ends = tuple(z for interval in h.excursions for z in interval if abs(z) < inf)
    edges = [preimages(at, (*h.sign_edges, *ends)), _factor_zeros(at)]
    both = [np.full((at.x.size, 1), value) for value in (-inf, inf)]
    still = at.sigma[:, None] == 0  # no ξ changes a sign there, and at a kink 0/0 would be asked for
    edge = np.sort(np.concatenate([*(np.where(still, inf, one) for one in edges), *both], axis=1), axis=1)
    weight = noise.interval_moments(edge[:, :-1], edge[:, 1:])[0]
    middle = 0.5 * (np.maximum(edge[:, :-1], -1e12) + np.minimum(edge[:, 1:], 1e12))
    middle = np.where(still, 0.0, middle)
    columns = _columns(at)
    sign = columns.grad_sign(middle)
    z = columns.x + columns.shift(middle)
    outside = np.zeros(z.shape, dtype=np.bool_)
    for low, high in h.excursions:
        outside |= (z > low) & (z < high)
    finite = np.isfinite(h.left) and np.isfinite(h.right)
    return {
        "p_zero": np.sum(weight * (sign == 0), axis=1),
        "p_wrong": np.sum(weight * (sign * np.sign(h.slope) < 0), axis=1)
        if h.slope != 0
        else np.full(at.x.size, np.nan),
        "p_outside": np.sum(weight * outside, axis=1) if finite else np.full(at.x.size, np.nan),
    }


def _factor_zeros(at: InputNoise) -> Array:
    """Return the ξ at which ∂(x + s)/∂x changes its sign, and for the softplus form the jump at 0; inf where none."""
    slope = at.sigma_slope
    if not isinstance(at, SoftplusNoise):
        return np.where(slope == 0, inf, -1.0 / slope)[:, None]
    gate = 1.0 / np.abs(slope)
    r = at.reach / np.log(gate / (1.0 - gate))
    xi = np.where(r > 0, -np.sign(slope) * r, inf)
    return np.stack([xi, np.zeros(at.x.shape)], axis=1)


def _columns(at: InputNoise) -> InputNoise:
    """Return the unit with every array as a column, to meet several ξ at each point."""
    return at.part((slice(None), None))


def _piecewise(noise: Noise, at: InputNoise) -> dict[str, Array]:
    """Return the moments for piecewise-linear h by truncated moments of ξ between the pre-images of the kinks."""
    h = at.activation
    assert h.pieces is not None
    intercept, slope = np.asarray(h.pieces).T
    cut = preimages(at, h.breaks)
    edge = np.concatenate([np.full((at.x.size, 1), -inf), cut, np.full((at.x.size, 1), inf)], axis=1)
    centre, moments = _centred_moments(noise, edge[:, :-1], edge[:, 1:])
    own = np.searchsorted(np.asarray(h.breaks), at.x)
    x = at.x[:, None]
    offset = np.where(
        np.arange(slope.size) == own[:, None],
        0.0,
        intercept + slope * x - (intercept[own] + slope[own] * at.x)[:, None],
    )
    flat = np.broadcast_to(slope, offset.shape)
    parts = {
        "deviation": (offset, slope * at.sigma[:, None]),
        "grad": (flat, slope * at.sigma_slope[:, None]),
        "grad_p": (0.0 * flat, slope * at.sigma_p[:, None]),
    }
    means, stds, lines = {}, {}, {}
    for name, (intercepts, b) in parts.items():
        a = intercepts + b * centre
        means[name] = np.sum(_affine_mean(a, b, moments), axis=1)
        lines[name] = a - means[name][:, None], b
        stds[name] = np.sqrt(np.maximum(np.sum(_affine_product(lines[name], lines[name], moments), axis=1), 0.0))
    return _named(means, stds, np.sum(_affine_product(lines["deviation"], lines["grad"], moments), axis=1))


def _centred_moments(noise: Noise, low: Array, high: Array) -> tuple[Array, Moments3]:
    """Return a centre of every interval of ξ and the partial moments of ξ − centre.

    Narrow intervals are integrated: their closed moments are small differences, which a large σ² would blow up.
    """
    narrow = high - low <= min(1.0, noise.edges[1])
    centre = np.where(narrow, 0.5 * (low + high), 0.0)
    closed = noise.interval_moments(low, high)
    rows = np.nonzero(narrow)
    cuts = [low[rows], *(np.clip(cut, low[rows], high[rows]) for cut in noise.breaks), high[rows]]
    edge = np.stack(cuts, axis=-1)
    half = 0.5 * np.diff(edge, axis=-1)[..., None]
    xi = 0.5 * (edge[:, 1:] + edge[:, :-1])[..., None] + half * _NODES
    weight = half * _WEIGHTS * noise.density(xi)
    away = xi - centre[rows][:, None, None]
    moments = []
    for power, moment in enumerate(closed):
        moment[rows] = np.sum(weight * away**power, axis=(1, 2))
        moments.append(moment)
    return centre, (moments[0], moments[1], moments[2])


def _affine_mean(a: Array, b: Array, moments: Moments3) -> Array:
    """Return E[a + bξ] over intervals with the given partial moments; empty intervals count 0 whatever a is."""
    m0, m1, _ = moments
    return np.where(m0 == 0, 0.0, a * m0 + b * m1)


def _affine_product(first: tuple[Array, Array], second: tuple[Array, Array], moments: Moments3) -> Array:
    """Return E[(a + bξ)·(e + fξ)] over intervals with the given partial moments."""
    (a, b), (e, f), (m0, m1, m2) = first, second, moments
    return np.where(m0 == 0, 0.0, a * e * m0 + (a * f + b * e) * m1 + b * f * m2)


def _named(means: dict[str, Array], stds: dict[str, Array], grad_cov: Array) -> dict[str, Array]:
    return {
        "deviation": means["deviation"],
        "std": stds["deviation"],
        "grad_mean": means["grad"],
        "grad_std": stds["grad"],
        "grad_cov": grad_cov,
        "grad_p_mean": means["grad_p"],
        "grad_p_std": stds["grad_p"],
    }


def _quadrature(noise: Noise, at: InputNoise) -> dict[str, Array]:
    """Return the moments by Gauss rules, and by h's asymptote beyond the last edge of the noise.

    Second moments are taken about the mean of each cell and then, of these means, about the mean of all.
    """
    names = ("deviation", "grad", "grad_p") if at.sigma_p.any() else ("deviation", "grad")
    pairs = ((0, 1), *((k, k) for k in range(len(names))))
    found = []
    for rows, weight, values in _values(noise, at, learned=len(names) == 3):
        mass = np.sum(weight, axis=0)
        centres = []
        for value in values:
            centres.append(_integral(weight, value) / np.maximum(mass, 1e-300))
            value -= centres[-1]
        weighted = [weight * value for value in values]
        found.append((rows, mass, *centres, *(_integral(weighted[one], values[other]) for one, other in pairs)))
    rows, mass, *parts = (np.concatenate(part) for part in zip(*found, strict=True))
    centres, products = parts[: len(names)], parts[len(names) :]

    def total(values: Array) -> Array:
        return np.zeros(at.x.size) + np.bincount(rows, weights=values, minlength=at.x.size)

    tails = _tails(noise, at)
    means, stds = ({"grad_p": np.zeros(at.x.size)} for _ in range(2))
    for name, centre in zip(names, centres, strict=True):
        means[name] = total(mass * centre) + sum(_affine_mean(a, b, moments) for a, b, moments in tails[name])
        centre -= means[name][rows]
    covariances = []
    for (one, other), product in zip(pairs, products, strict=True):
        covariance = total(product + mass * centres[one] * centres[other])
        first, second = names[one], names[other]
        for (a, b, moments), (e, f, _) in zip(tails[first], tails[second], strict=True):
            covariance += _affine_product((a - means[first], b), (e - means[second], f), moments)
        covariances.append(covariance)
    stds |= {name: np.sqrt(variance) for name, variance in zip(names, covariances[1:], strict=True)}
    return _named(means, stds, covariances[0])


def _integral(weight: Array, value: Array) -> Array:
    """Return the sums over the nodes, the first axis."""
    sums: Array = np.einsum("ij,ij->j", weight, value)
    return sums


def _values(noise: Noise, at: InputNoise, *, learned: bool) -> Iterator[tuple[Rows, Array, list[Array]]]:
    """Yield rows of points with weights and values, see `InputNoise.values`, of shape (nodes, m), a few at a time."""
    for rows, xi, weight in _rules(noise, at):
        part = at.part(rows)
        shift, gain = part.shift_and_gain(xi)
        yield rows, weight, part.values_of(shift, gain, learned=learned, one_piece=True)
        if isinstance(at, SoftplusNoise):  # s is odd: what holds for ξ > 0 serves both sides
            yield rows, weight, part.values_of(-shift, -gain, learned=learned, one_piece=True)


def error_slope(noise: Noise, at: InputNoise, *, target: float) -> Array:
    """Return E[(φ − target)·∂φ/∂x] for a unit with input noise at finite x, of shape (n,)."""
    total = np.zeros(at.x.size)
    for rows, weight, (deviation, grad) in _values(noise, at, learned=False):
        deviation += at.base[rows] - target
        total += np.bincount(rows, weights=_integral(weight, deviation * grad), minlength=total.size)
    tails = _tails(noise, at)
    for (a, b, moments), (s, q, _) in zip(tails["deviation"], tails["grad"], strict=True):
        a, (m0, m1, m2) = a + at.base - target, moments
        total += np.where(m0 == 0, 0.0, a * s * m0 + (a * q + b * s) * m1 + b * q * m2)
    return total


def _metric(h: Activation) -> tuple[Array, Array]:
    """Return `metric` for h."""
    return metric(h.panels, _CLEAR[h.own])


def _places(at: InputNoise, rows: Rows, xi: Array) -> tuple[Array, Array]:
    """Return the coordinates of x + s as start and as end of a cell: they differ at breaks of h.

    Their shape is (m,), for the softplus form (2, m) with x − s behind.
    """
    h, part = at.activation, at.part(rows)
    shift = part.shift(xi)
    z = part.x + (np.stack([shift, -shift]) if isinstance(at, SoftplusNoise) else shift)
    place: Array = np.interp(z, *_metric(h))
    if not h.breaks:
        return place, place
    breaks = np.asarray(h.breaks)
    return (
        place + BROKEN * np.searchsorted(breaks, z, side="right"),
        place + BROKEN * np.searchsorted(breaks, z, side="left"),
    )


def _length(at: InputNoise, low: tuple[Array, Array], high: tuple[Array, Array]) -> Array:
    """Return the lengths of cells for h, shape (m,), from the `_places` of their ends; of both sides the larger one."""
    if not isinstance(at, SoftplusNoise):
        return high[1] - low[0]
    length: Array = np.maximum(high[1][0] - low[0][0], low[1][1] - high[0][1])
    return length


def _softplus_length(at: SoftplusNoise, low: Array, high: Array) -> Array:
    """Return the lengths of cells of ξ ≥ 0, shape (m,), for the shift s, −1 where it is constant.

    Its singularities lie at 0 and, with abs ξ < abs reach/π, on the imaginary axis; towards 0 it dies out.
    """
    reach = np.abs(at.reach)
    left = 1.0 - _SETTLED * reach / high  # the share of its digits that still changes
    length = np.where(low >= 1e15 * reach, 0.0, np.log(high / low) * left)
    length[left <= 0.0] = -1.0
    length[_on_kink(at) & (low <= reach)] = inf
    return length


def _on_kink(at: InputNoise) -> npt.NDArray[np.bool_]:
    """Return whether x is a kink of h or one of its neighbours: an s below rounding then decides where x + s lies."""
    breaks = np.asarray(at.activation.breaks)
    found: npt.NDArray[np.bool_] = (np.abs(at.x[:, None] - breaks) <= 2.0 * np.spacing(np.abs(breaks))).any(axis=1)
    return found


def _rules(noise: Noise, at: InputNoise) -> Iterator[Group]:
    """Yield quadrature rules that make up the integral: the rows of the points, nodes and weights.

    For the softplus form they make up the integral over ξ > 0.
    """
    tree = tree_of(noise, isinstance(at, SoftplusNoise))
    bounded = np.isfinite(at.activation.left) and np.isfinite(at.activation.right)
    fewest = 0 if at.x.size > _FEW else len(COUNTS) - 1
    rows, cells = np.arange(at.x.size), np.zeros(at.x.size, dtype=np.intp)
    start, stop = (_places(at, rows, np.full(rows.shape, end)) for end in tree.levels[0].edges)
    chosen: list[list[tuple[Rows, Rows]]] = [[] for _ in COUNTS]
    for level, first in zip(tree.levels, tree.first, strict=True):
        if first:
            middle = _places(at, rows, level.edges[2 * cells + 1])
            rows, cells = np.repeat(rows, 2), (2 * cells[:, None] + np.arange(2)).ravel()
            start, stop = (_alternating(*pair) for pair in ((start, middle), (middle, stop)))
        low, high = level.edges[cells], level.edges[cells + 1]
        length = _length(at, start, stop)
        if isinstance(at, SoftplusNoise):
            own = _softplus_length(at.part(rows), low, high)
            length = np.where(length > 0.0, np.maximum(length, own), own)
        limits = (level.bounded if bounded else level.growing)[fewest:, cells]
        which = fewest + np.sum(length > limits, axis=0)
        which[low == high] = -1
        for k, found in enumerate(chosen[fewest:], fewest):
            mine = np.flatnonzero(which == k)
            found.append((rows[mine], first + cells[mine]))
        left = np.flatnonzero(which == len(COUNTS))
        rows, cells, low, high = rows[left], cells[left], low[left], high[left]
        start, stop = ((one[..., left], other[..., left]) for one, other in (start, stop))
    for found, nodes, weights in list(zip(chosen, tree.nodes, tree.weights, strict=True))[fewest:]:
        rows_of, cells_of = (np.concatenate(parts) for parts in zip(*found, strict=True))
        for some in _slices(rows_of.size, nodes.shape[0]):
            yield rows_of[some], nodes[:, cells_of[some]], weights[:, cells_of[some]]
    rows, low, high = _panels(at, rows, low, high)
    for some in _slices(rows.size, _PANEL_NODES.size):
        half = 0.5 * (high[some] - low[some])
        xi = 0.5 * (high[some] + low[some]) + _PANEL_NODES[:, None] * half
        yield rows[some], xi, _PANEL_WEIGHTS[:, None] * half * noise.density(xi)


def _alternating(first: tuple[Array, Array], second: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return pairs of arrays with the elements of two in turn along the last axis."""
    one, other = (np.stack(pair, axis=-1).reshape(*pair[0].shape[:-1], -1) for pair in zip(first, second, strict=True))
    return one, other


def _slices(rows: int, nodes: int) -> list[slice]:
    """Return slices of so many rows with so many nodes each."""
    size = max(_VALUES // nodes, 1)
    return [slice(start, start + size) for start in range(0, rows, size)]


def _panels(at: InputNoise, rows: Rows, low: Array, high: Array) -> Group:
    """Return panels that make up cells of ξ, shape (m,): the row of the point, and the lower and upper end."""
    part, h = at.part(rows), at.activation
    inner = [preimages(part, h.breaks)]
    if isinstance(part, SoftplusNoise):  # softplus(t) has poles at abs ξ = p·abs Δ/(iπ(2k+1)): geometric panels
        bends = np.abs(part.reach)[:, None] * (_SETTLED * RATIO ** np.arange(16.0))
        still = np.full((rows.size, 1), inf)
        own = np.flatnonzero(_on_kink(part))
        if own.size:  # nearer to 0, x + s is rounded to one number
            kinked = part.part(own)
            bit = np.spacing(np.maximum(np.abs(kinked.x), kinked.sigma * np.maximum(kinked.reach, 0.0)))
            still[own, 0] = kinked.distance(0.5 * bit / kinked.sigma)
        inner = [np.abs(inner[0]), bends, still]
    found = np.concatenate(inner, axis=1)
    owner, column = np.nonzero((found > low[:, None]) & (found < high[:, None]))
    rows, low, high = _cut(rows, low, high, owner, found[owner, column])
    if not h.panels:
        return rows, low, high

    part, (places, lengths) = at.part(rows), _metric(h)
    ends = part.shift(np.stack([low, high]))
    owners, cuts = [], []
    for side in (1.0, -1.0)[: 2 if isinstance(at, SoftplusNoise) else 1]:
        start, stop = np.interp(part.x + side * ends, places, lengths)
        count = np.ceil(np.abs(stop - start) / _PANEL).astype(np.intp)
        owner = np.repeat(np.arange(rows.size), np.maximum(count - 1, 0))
        turn = 1 + np.arange(owner.size) - np.searchsorted(owner, owner)
        z = np.interp(start[owner] + (stop - start)[owner] * turn / count[owner], lengths, places)
        owners.append(owner)
        cuts.append(np.clip(side * at.part(rows[owner]).reaching(z - part.x[owner]), low[owner], high[owner]))
    return _cut(rows, low, high, np.concatenate(owners), np.concatenate(cuts))


def _cut(rows: Rows, low: Array, high: Array, owner: Rows, cuts: Array) -> Group:
    """Return the parts of intervals, shape (m,), that are cut at some places: the row, and the lower and upper end."""
    if not owner.size:
        return rows, low, high
    own = np.arange(rows.size)
    owner, edge = np.concatenate([own, own, owner]), np.concatenate([low, high, cuts])
    order = np.lexsort((edge, owner))
    owner, edge = owner[order], edge[order]
    held = np.flatnonzero((owner[1:] == owner[:-1]) & (edge[1:] > edge[:-1]))
    return rows[owner[held]], edge[held], edge[held + 1]


def _tails(noise: Noise, at: InputNoise) -> dict[str, list[tuple[Array, Array, Moments3]]]:
    """Return what lies beyond the last edges of the noise, where h is taken as the line that `_line_beyond` returns.

    For each tail of ξ the intercept and the slope in ξ of φ − h(x), ∂φ/∂x and ∂φ/∂p, and the partial moments.
    """
    end = noise.edges[-1]
    tails: dict[str, list[tuple[Array, Array, Moments3]]] = {"deviation": [], "grad": [], "grad_p": []}
    for side in (-1.0, 1.0):
        moments = noise.interval_moments(end, inf) if side > 0 else noise.interval_moments(-inf, -end)
        offset, slope = _line_beyond(at, at.shift(np.asarray(side * end)))
        if isinstance(at, SoftplusNoise):  # s tends to c(ξ·log 2 + sgn ξ·p·abs Δ/2)
            pairs = (
                (offset + slope * side * at.sigma * 0.5 * at.reach, slope * at.sigma * np.log(2.0)),
                (slope * (1.0 + 0.5 * side * at.sigma_slope), 0.0 * at.x),
                (slope * 0.5 * side * at.sigma_p, 0.0 * at.x),
            )
        else:
            pairs = ((offset, slope * at.sigma), (slope, slope * at.sigma_slope), (0.0 * at.x, slope * at.sigma_p))
        for name, (a, b) in zip(tails, pairs, strict=True):
            tails[name].append((a, b, moments))
    return tails


def _line_beyond(at: InputNoise, shift: Array) -> tuple[Array, Array]:
    """Return (line at x) − h(x) and the slope of the line for h beyond x + shift, each of x's shape.

    It is the asymptote of h, or, where the noise is so small that x + shift is far from that, the tangent.
    """
    h, z = at.activation, at.x + shift
    (a0, b0), (a1, b1) = h.asymptotes
    intercept, slope = np.where(z > 0, a1, a0), np.where(z > 0, b1, b0)
    is_u = (slope == h.slope) & (intercept == h.intercept)
    offset = np.where(is_u, -h.finite_delta(at.x), intercept + slope * at.x - at.base)
    tangent, deviation = h.slope_function(z), at.change(shift)
    near = np.abs(tangent * shift) < 0.5 * np.abs(offset + slope * shift - deviation)
    return np.where(near, deviation - tangent * shift, offset), np.where(near, tangent, slope)
