"""Exact `Moments`: closed forms wherever they exist, else quadrature split at kinks.

- Output noise is affine in ε: closed for every noise distribution.
- Input noise on piecewise-linear h: truncated moments of ξ between the pre-images of the kinks.
- Otherwise quadrature. Gauss rules for the density of ξ on a tree of cells serve every x: each takes the largest cells
  on which h is smooth and that cover at most one panel of h. What remains of the smallest cells is cut into
  Gauss-Legendre panels at the pre-images of h's kinks and panels. Beyond the last edge of the noise h is its asymptote,
  whose moments are closed. Variances are central moments of φ − h(x): a variance formed as E φ² − (E φ)² would lose
  half of its digits.

Probabilities are sums of P(a < ξ < b) over the intervals between the ξ at which a sign can change.
"""

from dataclasses import dataclass, fields, replace
from functools import cache
from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.moments.quantities import MOMENTS, Moments, pointwise
from noisyviz.units.activation import Activation, Array
from noisyviz.units.noise import Moments3, Noise
from noisyviz.units.unit import InputNoise, NoisyUnit, OutputNoise, SoftplusNoise

Group = tuple[npt.NDArray[np.intp], Array, Array]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_FINE_NODES, _FINE_WEIGHTS = np.polynomial.legendre.leggauss(40)
_GAUSS_NODES, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(16)
_COUNTS: Final = (1, 4, 8, 12, 16, 20)  # nodes of a cell's rules
_TOLERANCE: Final = 3e-14
_CLEAR: Final = 0.45
_PANEL: Final = 1.6
_BROKEN: Final = 1e6
_RATIO: Final = 6.0
_NEAR: Final = 64.0  # cells that reach farther hold no ξ that is 8 times as far as another: weights would lose digits
_SETTLED: Final = 0.025  # below this share of its reach, s of the softplus form is next to nothing
_VALUES: Final = 16384  # nodes worked on at once: what is made of them stays in the cache
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


def _columns(at: InputNoise, rows: npt.NDArray[np.intp] | slice = slice(None)) -> InputNoise:
    """Return the unit at chosen points with every array as a column, to meet several ξ at each."""
    names = [field.name for field in fields(at) if field.name != "activation"]
    return replace(at, **{name: getattr(at, name)[rows, None] for name in names})


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
    """Return the moments by Gauss rules, and by h's asymptote beyond the last edge of the noise."""
    groups = _rules(noise, at)
    names = ("deviation", "grad", "grad_p") if at.sigma_p.any() else ("deviation", "grad")
    values = [_columns(at, rows).values(xi, learned=len(names) == 3) for rows, xi, _ in groups]
    tails = _tails(noise, at)
    nothing = np.zeros(at.x.size)
    means, stds = {"grad_p": nothing}, {"grad_p": nothing}
    for k, name in enumerate(names):
        inside = _total(groups, [value[k] for value in values], at.x.size)
        means[name] = inside + sum(_affine_mean(a, b, moments) for a, b, moments in tails[name])
        for (rows, _, _), value in zip(groups, values, strict=True):
            value[k] -= means[name][rows, None]

    def covariance(one: int, other: int) -> Array:
        inside = _total(groups, [value[one] * value[other] for value in values], at.x.size)
        first, second = names[one], names[other]
        for (a, b, moments), (e, f, _) in zip(tails[first], tails[second], strict=True):
            inside = inside + _affine_product((a - means[first], b), (e - means[second], f), moments)
        return inside

    stds |= {name: np.sqrt(covariance(k, k)) for k, name in enumerate(names)}
    return _named(means, stds, covariance(0, 1))


def _total(groups: list[Group], values: list[Array], size: int) -> Array:
    """Return the integral at each of so many points."""
    total = np.zeros(size)
    for (rows, _, weight), value in zip(groups, values, strict=True):
        total += np.bincount(rows, weights=np.vecdot(weight, value), minlength=size)
    return total


def error_slope(noise: Noise, at: InputNoise, *, target: float) -> Array:
    """Return E[(φ − target)·∂φ/∂x] for a unit with input noise at finite x, of shape (n,)."""
    groups = _rules(noise, at)
    products = []
    for rows, xi, _ in groups:
        deviation, grad = _columns(at, rows).values(xi, learned=False)
        products.append((deviation + (at.base[rows, None] - target)) * grad)
    total = _total(groups, products, at.x.size)
    tails = _tails(noise, at)
    for (a, b, moments), (s, q, _) in zip(tails["deviation"], tails["grad"], strict=True):
        a, (m0, m1, m2) = a + at.base - target, moments
        total += np.where(m0 == 0, 0.0, a * s * m0 + (a * q + b * s) * m1 + b * q * m2)
    return total


@dataclass(frozen=True, slots=True)
class _Level:
    """Cells of ξ, each with Gauss rules for the density of `_COUNTS` nodes.

    ``lengths``, shape (counts, cells), tells how long a cell may be for h, in the metric of `_metric`, for each rule.
    """

    edges: Array
    nodes: list[Array]
    weights: list[Array]
    lengths: Array


@cache
def _tree(noise: Noise, geometric: bool) -> list[_Level]:
    """Return a tree of cells of ξ, from one that holds all down to those between the edges of the noise.

    A geometric tree has smaller cells next to 0.
    """
    positive = np.asarray(noise.edges)
    if geometric:
        positive = np.concatenate([[0.0], positive[1] * _RATIO ** np.arange(-3.0, 0.0), positive[1:]])
    cells = 2 ** ((positive.size - 2).bit_length())
    positive = np.concatenate([positive, np.full(cells + 1 - positive.size, positive[-1])])
    edges = np.concatenate([-positive[:0:-1], positive])
    half = 0.5 * np.diff(edges)[:, None]
    nodes = 0.5 * (edges[1:] + edges[:-1])[:, None] + half * _FINE_NODES
    weights = half * _FINE_WEIGHTS * noise.density(nodes)
    levels: list[_Level] = []
    while True:
        mass, matrix = _recurrence(nodes, weights)
        rules = [_gauss(nodes, mass, matrix[:, :count, :count]) for count in _COUNTS]
        size = np.sqrt(np.sum(weights * np.maximum(nodes * nodes, 1.0), axis=1))
        lengths = _lengths(nodes, mass, matrix, size)
        near, far = np.minimum(np.abs(edges[:-1]), np.abs(edges[1:])), np.maximum(np.abs(edges[:-1]), np.abs(edges[1:]))
        if levels:  # the smallest cells hold no ξ that is much farther than another
            lengths[..., (far > _NEAR) & ((far > 8.0 * near) | (edges[1:] * edges[:-1] < 0.0))] = -1.0
        levels.insert(0, _Level(edges, [nodes for nodes, _ in rules], [weights for _, weights in rules], lengths))
        if edges.size == 2:
            return levels
        edges = edges[::2]
        nodes, weights = (part.reshape(edges.size - 1, -1) for part in rules[-1])


def _recurrence(nodes: Array, weights: Array) -> tuple[Array, Array]:
    """Return the mass of discrete measures, shape (m,), and the Jacobi matrices of their orthonormal polynomials.

    By Lanczos; shape (m, k, k) with one row more than there are nodes in the largest rule. The polynomials are those of
    the place in half-widths from the middle of a cell.
    """
    count = _COUNTS[-1]
    mass = np.sum(weights, axis=1)
    middle, half = _span(nodes)
    place = (nodes - middle) / np.where(half > 0.0, half, 1.0)
    basis = [np.sqrt(weights / np.where(mass > 0.0, mass, 1.0)[:, None])]
    matrix = np.zeros((mass.size, count + 1, count + 1))
    for k in range(count):
        following = place * basis[k]
        matrix[:, k, k] = np.vecdot(following, basis[k])
        for _ in range(2):  # once is not enough where weights differ by many orders
            for one in basis:
                following = following - np.vecdot(following, one)[:, None] * one
        norm = np.linalg.norm(following, axis=1)
        matrix[:, k, k + 1] = matrix[:, k + 1, k] = norm
        basis.append(following / np.where(norm > 0.0, norm, 1.0)[:, None])
    return mass, matrix


def _span(nodes: Array) -> tuple[Array, Array]:
    low, high = nodes.min(axis=1, keepdims=True), nodes.max(axis=1, keepdims=True)
    return 0.5 * (high + low), 0.5 * (high - low)


def _gauss(nodes: Array, mass: Array, matrix: Array) -> tuple[Array, Array]:
    """Return Gauss rules, shape (m, k) each, from their Jacobi matrices (Golub and Welsch)."""
    middle, half = _span(nodes)
    found, vectors = np.linalg.eigh(matrix)
    return middle + half * found, mass[:, None] * vectors[:, 0, :] ** 2


def _lengths(nodes: Array, mass: Array, matrix: Array, size: Array) -> Array:
    """Return how long cells may be for h so that the Gauss rules are exact enough, shape (counts, cells).

    By p, the orthonormal polynomial of the rule's degree, the error of a rule for what is analytic and of size 1 near
    the cell, up to singularities at z, is at most 1/abs p(z)² (Gautschi 2004, section 2.4.1). This is held against
    `_TOLERANCE` times the square root of the cell's share in E ξ². Where a z is too near, the cell is too long.
    """
    base = np.concatenate([np.linspace(-1.0, 1.0, 9), [-1.0, -1.0, 1.0, 1.0]])
    turn = np.concatenate([np.full(9, 1j), [-1.0 + 1e-9j, -1.0 + 1.0j, 1.0 + 1e-9j, 1.0 + 1.0j]])
    z = base[:, None] + turn[:, None] * np.geomspace(8.0, 0.05, 40)
    length = np.arcsinh((1.0 + z.real) / z.imag) + np.arcsinh((1.0 - z.real) / z.imag)
    length[:, 0] = 0.0
    middle, half = _span(nodes)
    growth = np.maximum(np.abs(middle[..., None] + half[..., None] * z), 1.0) ** 2
    before, now = np.zeros((mass.size, *z.shape), dtype=complex), 0.0 * z + 1.0 / np.sqrt(mass)[:, None, None]
    lengths = []
    for k in range(_COUNTS[-1]):
        back = matrix[:, k, k - 1, None, None] if k else 0.0
        before, now = now, ((z - matrix[:, k, k, None, None]) * now - back * before) / matrix[:, k, k + 1, None, None]
        if k + 1 in _COUNTS:
            exact = np.abs(now) ** 2 * (_TOLERANCE * size[:, None, None] ** 1.5)
            few = matrix[:, k, k + 1] < 1e-9  # the measure has no more nodes
            for far in (exact >= 1.0, exact >= growth):
                far[..., :-1] &= far[..., 1:]  # the last one before those that are too near is left out as well
                found = np.where(far, inf, length).min(axis=(1, 2))
                lengths.append(np.where(few, lengths[-2], found) if len(lengths) > 1 else found)
    shaped = np.minimum(np.stack(lengths), 0.5 * _BROKEN).reshape(len(_COUNTS), 2, -1)
    shaped[0] = -0.5
    return np.swapaxes(shaped, 0, 1)


@cache
def _metric(panels: tuple[float, ...], strip: float) -> tuple[Array, Array]:
    """Return places z and their coordinates: lengths in units of the distance of the nearest singularity of h.

    The panels tell that distance: from one of width w it is at least `_CLEAR`·w.
    """
    if not panels:
        return np.zeros(1), np.zeros(1)
    edges = np.asarray(panels)
    width = np.diff(edges)
    z = np.append((edges[:-1, None] + width[:, None] * np.arange(8) / 8.0).ravel(), edges[-1])
    middle = 0.5 * (z[1:] + z[:-1])[:, None]
    away = np.maximum(np.maximum(edges[:-1] - middle, middle - edges[1:]), 0.0)
    step = np.diff(z) / np.min(away + (0.64 if strip else 0.35) * width, axis=1)
    return z, np.concatenate([[0.0], np.cumsum(step)])


def _places(at: InputNoise, rows: npt.NDArray[np.intp] | slice, xi: Array) -> tuple[Array, Array]:
    """Return the coordinates of x + s as start and as end of a cell of ξ: they differ at breaks of h."""
    h, part = at.activation, at.part(rows)
    z = part.x + part.shift(xi)
    place = np.interp(z, *_metric(h.panels, h.strip))
    if not h.breaks:
        return place, place
    breaks = np.asarray(h.breaks)
    return (
        place + _BROKEN * np.searchsorted(breaks, z, side="right"),
        place + _BROKEN * np.searchsorted(breaks, z, side="left"),
    )


def _softplus_length(at: SoftplusNoise, rows: npt.NDArray[np.intp], low: Array, high: Array) -> Array:
    """Return the lengths of cells, shape (m,), for the shift s: its singularities lie at 0 and on the imaginary axis."""
    reach = np.abs(at.reach[rows])
    near, far = np.minimum(np.abs(low), np.abs(high)), np.maximum(np.abs(low), np.abs(high))
    length = np.where((far <= _SETTLED * reach) | (near >= 1e15 * reach), 0.0, np.log(far / near))
    length[far <= _SETTLED * reach] = -1.0
    on_kink = np.isin(at.x, at.activation.breaks)
    if on_kink.any():  # x + s is the kink itself while s is below rounding
        length[on_kink[rows] & (near <= reach)] = inf
    return length


def _rules(noise: Noise, at: InputNoise) -> list[Group]:
    """Return groups of quadrature rules that make up the integral: the rows of the points, nodes and weights."""
    softplus = isinstance(at, SoftplusNoise)
    tree = _tree(noise, softplus)
    end = tree[0].edges[1]
    grows = int(not (np.isfinite(at.activation.left) and np.isfinite(at.activation.right)))
    first = 1 if softplus else 0
    sides = [(-end, -1e-300), (0.0, end)] if softplus else [(-end, end)]  # s may jump at 0
    rows = np.repeat(np.arange(at.x.size), len(sides))
    cells = np.tile(np.arange(len(sides)), at.x.size)
    start, stop = (
        np.stack([_places(at, slice(None), np.full(at.x.size, side[k]))[k] for side in sides], axis=1).ravel()
        for k in range(2)
    )
    groups: list[list[Group]] = [[] for _ in _COUNTS]
    for depth, level in enumerate(tree[first:], first + 1):
        edges = level.edges
        length = stop - start
        if isinstance(at, SoftplusNoise):
            own = _softplus_length(at, rows, edges[cells], edges[cells + 1])
            length = np.where(length > 0.0, np.maximum(length, own), own)
        which = np.sum(length > level.lengths[grows][:, cells], axis=0)
        for k, group in enumerate(groups):
            own = np.flatnonzero(which == k)
            if own.size:
                group.append((rows[own], level.nodes[k][cells[own]], level.weights[k][cells[own]]))
        left = np.flatnonzero(which == len(_COUNTS))
        rows, cells, start, stop = rows[left], cells[left], start[left], stop[left]
        if depth < len(tree):
            cells = 2 * cells
            edges = tree[depth].edges
            middle = _places(at, rows, edges[cells + 1])
            rows, cells = np.repeat(rows, 2), (cells[:, None] + np.arange(2)).ravel()
            start, stop = (np.stack(pair, axis=1).ravel() for pair in ((start, middle[0]), (middle[1], stop)))
            held = np.flatnonzero(edges[cells + 1] > edges[cells])
            rows, cells, start, stop = rows[held], cells[held], start[held], stop[held]
    owners, low, high = _panels(at, rows, edges[cells], edges[cells + 1])
    half = 0.5 * (high - low)[:, None]
    xi = 0.5 * (high + low)[:, None] + half * _GAUSS_NODES
    whole = [tuple(np.concatenate(parts) for parts in zip(*group, strict=True)) for group in groups if group]
    whole.append((owners, xi, half * _GAUSS_WEIGHTS * noise.density(xi)))
    return [
        (rows[begin : begin + size], xi[begin : begin + size], weight[begin : begin + size])
        for rows, xi, weight in whole
        for size in [_VALUES // xi.shape[1]]
        for begin in range(0, rows.size, size)
    ]


def _panels(
    at: InputNoise, rows: npt.NDArray[np.intp], low: Array, high: Array
) -> tuple[npt.NDArray[np.intp], Array, Array]:
    """Return panels that make up cells of ξ, shape (m,): the row of the point, and the lower and upper end."""
    part, h = at.part(rows), at.activation
    inner = [preimages(part, h.breaks)]
    if isinstance(part, SoftplusNoise):  # softplus(t) has poles at abs ξ = p·abs Δ/(iπ(2k+1)): geometric panels
        bends = np.abs(part.reach)[:, None] * (_SETTLED * _RATIO ** np.arange(16.0))
        # nearer to 0, x + s is rounded to one number, which may be a kink
        bit = np.spacing(np.maximum(np.abs(part.x), part.sigma * np.maximum(part.reach, 0.0)))
        still = part.distance(0.5 * bit / part.sigma)[:, None]
        inner += [bends, -bends, still, -still]
    found = np.concatenate(inner, axis=1)
    owner, column = np.nonzero((found > low[:, None]) & (found < high[:, None]))
    cell = np.arange(rows.size)
    owner, edge = np.concatenate([cell, cell, owner]), np.concatenate([low, high, found[owner, column]])
    order = np.lexsort((edge, owner))
    owner, edge = owner[order], edge[order]
    held = np.flatnonzero((owner[1:] == owner[:-1]) & (edge[1:] > edge[:-1]))
    rows, low, high = rows[owner[held]], edge[held], edge[held + 1]

    part, (places, lengths) = at.part(rows), _metric(h.panels, h.strip)
    start, stop = (
        np.interp(part.x + part.shift(end), places, lengths) for end in (low, np.where(high == 0.0, -1e-300, high))
    )
    count = np.maximum(np.ceil((stop - start) / _PANEL), 1.0).astype(np.intp)
    if count.sum() == count.size:
        return rows, low, high
    owner = np.repeat(np.arange(rows.size), count)
    turn = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    cut = np.flatnonzero(turn > 0)
    of = owner[cut]
    z = np.interp(start[of] + (stop - start)[of] * turn[cut] / count[of], lengths, places)
    part = at.part(rows[of])
    low, high, last = low[owner], high[owner], high[owner]
    low[cut] = np.clip(part.reaching(z - part.x), low[cut], high[cut])
    high[cut - 1] = low[cut]
    return rows[owner], low, last if not cut.size else high


def _tails(noise: Noise, at: InputNoise) -> dict[str, list[tuple[Array, Array, Moments3]]]:
    """Return what lies beyond the last edges of the noise, where h is taken as the asymptote that x + s has reached.

    For each tail of ξ the intercept and the slope in ξ of φ − h(x), ∂φ/∂x and ∂φ/∂p, and the partial moments.
    """
    end, far = np.full(at.x.shape, noise.edges[-1]), np.full(at.x.shape, inf)
    tails: dict[str, list[tuple[Array, Array, Moments3]]] = {"deviation": [], "grad": [], "grad_p": []}
    for side in (-1.0, 1.0):
        moments = noise.interval_moments(end, far) if side > 0 else noise.interval_moments(-far, -end)
        offset, slope = _asymptote(at, at.x + at.shift(side * end))
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


def _asymptote(at: InputNoise, z: Array) -> tuple[Array, Array]:
    """Return (line at x) − h(x) and the slope of the asymptote of h on z's side, each of x's shape."""
    h = at.activation
    right = z > 0
    (a0, b0), (a1, b1) = h.asymptotes
    intercept, slope = np.where(right, a1, a0), np.where(right, b1, b0)
    is_u = (slope == h.slope) & (intercept == h.intercept)
    return np.where(is_u, -h.finite_delta(at.x), intercept + slope * at.x - at.base), slope
