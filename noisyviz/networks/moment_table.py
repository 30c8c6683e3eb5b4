"""What a noisy unit does as functions of x (`effects`), tabulated once and read at every sample.

The table holds polynomials on panels whose edges include the thresholds and kinks of the activation. Panels grow
geometrically from there, starting at the width over which the noise acts, and are halved until the polynomial gives
the exact moments between its nodes. So some thousand evaluations of the exact moments serve any number of samples.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.moments.exact import exact
from noisyviz.moments.quantities import Moments, outward
from noisyviz.units.activation import Activation, Array, on_side
from noisyviz.units.kinds import KINDS
from noisyviz.units.unit import NoisyUnit

Mask = npt.NDArray[np.bool_]

EFFECTS: Final = ("bias", "std", "grad", "response", "pull", "noise", "wrong", "zero")
"""What is averaged over samples: squares of bias, std and rms gradient; in units of u′ response, pull and the square of
the noise; P(wrong sign) and P(zero)."""
_SQUARES: Final = [EFFECTS.index(name) for name in ("bias", "std", "grad", "noise")]
FAR: Final = 2.0**20  # what lies farther out is evaluated one by one
_NODES: Final = np.cos(np.pi * (np.arange(8) + 0.5) / 8)[::-1]  # all inside a panel: a jump at an edge does no harm
_CHECKS: Final = np.array([-0.93, -0.3, 0.5, 0.97])
_POWERS: Final = np.linalg.inv(np.vander(_NODES, increasing=True))  # from values at the nodes to coefficients
_AT_CHECKS: Final = np.vander(_CHECKS, _NODES.size, increasing=True) @ _POWERS
_RELATIVE: Final = 2e-6
_RELATIVE_SOFTPLUS: Final = 2e-5  # whose moments take a hundred times as long
_ABSOLUTE: Final = 1e-20  # of a square; the moments themselves are exact to 1e-10
_SHARE: Final = 1e-6  # absolute, of probabilities
_BEYOND: Final = 50.0  # how far beyond the thresholds the ends of the gradient are looked for
_SEARCHED: Final = 4001  # points between which they are
_HALVINGS: Final = 50
_AT_KINK: Final = 1e-6
_ROUNDS: Final = 30
_MOST: Final = 4096  # panels that are halved at once


def width(unit: NoisyUnit) -> float:
    """Return the width in x over which the moments of a unit change close to thresholds and kinks, at most 1.

    Fixed noise acts over c where h has a kink. The scale of learned noise turns over 1/p; where it is steep, x + s
    crosses a threshold from about 16/(cp²) beyond it (nanil) or 1/(cp) (nanil-softplus).

    Examples
    --------
    >>> width(NoisyUnit("hard-tanh", kind="nani", c=0.01)), width(NoisyUnit("tanh", kind="nani", c=0.01))
    (0.01, 1.0)
    """
    h, uses = unit.activation, KINDS[unit.kind].uses
    c, p = float(unit.c), abs(float(unit.p))
    widths = [1.0, 1.0 / h.max_slope if h.max_slope > 0 else 1.0]
    if "c" in uses and not KINDS[unit.kind].output_noise and h.breaks:
        widths.append(c)
    if "p" in uses and p > 0:
        widths.append(1.0 / p)
        widths += {"nanil": [4.0 / (c * p * p)], "nanil-softplus": [0.5 / (c * p)]}.get(unit.kind, []) if c > 0 else []
    return max(min(one for one in widths if one > 0.0), 1e-12)


def corners(unit: NoisyUnit) -> tuple[float, ...]:
    """Return the x close to which the moments of a unit change fast, increasing.

    These are the thresholds and kinks of h and, for nanil-softplus, the `gradient_ends`.
    """
    own = unit.activation.corners
    if unit.kind != "nanil-softplus":
        return own
    ends = gradient_ends(unit, own[0] - _BEYOND, own[-1] + _BEYOND).tolist()
    return tuple(sorted([*own, *(end for end in ends if min(abs(end - x) for x in own) > _AT_KINK)]))


def gradient_ends(unit: NoisyUnit, low: float, high: float) -> Array:
    """Return the x, between two ends, at which the least noise reaches just to a kink on either side.

    The noise of nanil-softplus, s = c·softplus(p·abs Δ/abs ξ)·ξ, is never smaller than c·p·abs Δ. So there may be an x
    beyond which no draw leaves x + s on the near side of a kink: of a hard unit, no draw brings it back between the
    thresholds, and there is no gradient at all. For hard-tanh these x lie 2/(cp − 1) beyond the thresholds, where
    cp > 1.

    Examples
    --------
    >>> unit = NoisyUnit("hard-tanh", kind="nanil-softplus", c=3.0, p=1.0)
    >>> gradient_ends(unit, -12.0, 12.0).round(9).tolist()
    [-2.0, 2.0]
    """
    found = [_reached(unit, kink, np.linspace(low, high, _SEARCHED)) for kink in unit.activation.breaks]
    return np.unique(np.concatenate([np.empty(0), *found]))


def _reached(unit: NoisyUnit, kink: float, x: Array) -> Array:
    """Return where the least noise equals the distance from a kink, but for the kink itself, between increasing x."""

    def inside(x: Array) -> Mask:
        least = float(unit.c) * np.maximum(float(unit.p) * np.abs(unit.activation.finite_delta(x)), 0.0)
        return least < np.abs(x - kink)

    short = inside(x)
    at = np.flatnonzero(short[1:] != short[:-1])
    start, end, first = x[at], x[at + 1], short[at]
    for _ in range(_HALVINGS):
        middle = 0.5 * (start + end)
        same = inside(middle) == first
        start, end = np.where(same, middle, start), np.where(same, end, middle)
    return np.asarray(end[np.abs(end - kink) > _AT_KINK], dtype=np.float64)


def effects(h: Activation, x: Array, found: Moments) -> Array:
    """Return the rows of `EFFECTS` from the moments at x, shape (8, *x.shape).

    Those from response on are for x that saturate, and those in units of u′ are NaN where it is 0.
    """
    slope = h.slope or np.nan
    with np.errstate(over="ignore", invalid="ignore"):
        return np.stack(
            [
                *(found.bias**2, found.std**2, found.grad_rms**2, found.grad_mean / slope),
                *(outward(h, x) * found.grad_cov / abs(slope), (found.grad_std / slope) ** 2),
                *(found.p_wrong, found.p_zero),
            ]
        )


class MomentTable:
    """The `effects` of one unit, tabulated as far out as samples ask for.

    Parameters
    ----------
    unit
        With scalar α, c and p.

    Examples
    --------
    >>> unit = NoisyUnit("hard-tanh", kind="nani", c=0.01)
    >>> x = np.array([-3.0, 0.995, 1.005])
    >>> found = MomentTable(unit)(x, unit.activation.saturated(x))
    >>> bool(np.allclose(found[2], exact(unit, x).grad_rms ** 2, rtol=1e-5, atol=0.0))
    True
    """

    def __init__(self, unit: NoisyUnit) -> None:
        self.unit = unit
        self._corners = np.array([x for x in corners(unit) if abs(x) < FAR] or [0.0])
        self._low = self._high = float(self._corners[0])
        self._edges = np.empty(0)
        self._coefficients = np.empty((len(EFFECTS), _NODES.size, 0))

    def __call__(self, x: Array, saturated: Mask) -> Array:
        """Return the effects at finite x, shape (8, *x.shape).

        Parameters
        ----------
        x
            Any shape.
        saturated
            Whether each x lies at or beyond a threshold, of x's shape; decides where rounding has moved it across.
        """
        found = np.empty((len(EFFECTS), x.size))
        place = on_side(self.unit.activation, x.ravel(), saturated.ravel())
        near = np.abs(place) < FAR
        if near.all():
            self._read(place, found)
        else:
            inside = np.empty((len(EFFECTS), np.count_nonzero(near)))
            self._read(place[near], inside)
            found[:, near] = inside
            found[:, ~near] = _effects(self.unit, place[~near])
        return found.reshape(len(EFFECTS), *x.shape)

    def _read(self, x: Array, found: Array) -> None:
        if x.size == 0:
            return
        self._reach(float(x.min()), float(x.max()))
        low, _ = self.unit.activation.thresholds
        sought = np.where(self._edges == low, np.nextafter(low, np.inf), self._edges)  # the threshold x_t⁻ saturates
        panel = np.clip(np.searchsorted(sought, x, side="right") - 1, 0, self._edges.size - 2)
        start, end = self._edges[:-1], self._edges[1:]
        t = (x - (0.5 * (start + end))[panel]) * (2.0 / (end - start))[panel]
        for row, coefficients in zip(found, self._coefficients, strict=True):
            value = coefficients[-1][panel]
            for one in coefficients[-2::-1]:
                value *= t
                value += one[panel]
            row[:] = value
        found[_SQUARES] = np.maximum(found[_SQUARES], 0.0)

    def _reach(self, low: float, high: float) -> None:
        """Make the table reach from low to high."""
        if self._edges.size and self._edges[0] < low and high < self._edges[-1]:
            return
        edges = self._first_edges(min(low, self._low), max(high, self._high))
        self._low, self._high = float(edges[0]), float(edges[-1])
        start, coefficients = _fitted(self.unit, edges)
        self._edges = np.append(start, edges[-1])
        self._coefficients = coefficients

    def _first_edges(self, low: float, high: float) -> Array:
        """Return corners and what grows from them, halfway to the next one and outward until low and high are in."""
        steps = width(self.unit) * 2.0 ** np.arange(0.0, 64.0)
        near = self._corners
        middles = 0.5 * (near[1:] + near[:-1])
        ends = np.concatenate([[-4.0 * FAR], middles, [4.0 * FAR]])
        parts = [near, middles]
        for corner, first, last in zip(near, ends[:-1], ends[1:], strict=True):
            up, down = corner + steps, corner - steps
            parts += [down[down > first], up[up < last]]
        edges = np.unique(np.concatenate(parts))
        first = max(int(np.searchsorted(edges, low, side="left")) - 1, 0)  # both sides of what lies on an edge
        last = min(int(np.searchsorted(edges, high, side="right")), edges.size - 1)
        return edges[min(first, edges.size - 2) : max(last, first + 1) + 1]


def _effects(unit: NoisyUnit, x: Array) -> Array:
    return effects(unit.activation, x, exact(unit, x))


def _allowed(values: Array, relative: float, *, saturated: Mask, slope: float) -> Array:
    """Return by how much a polynomial may be off: rows from response on count where x saturates alone.

    Parameters
    ----------
    values
        Effects, shape (8, panels, checks).
    relative
        Of the squares; response and pull by the sizes that they cannot exceed.
    saturated
        Of each panel.
    slope
        u′.
    """
    _, std, grad, _, _, noise, wrong, _ = values
    response, pull = np.sqrt(grad) / abs(slope or np.nan), np.sqrt(std * noise)
    share = np.full(wrong.shape, _SHARE / relative)
    bounds = np.stack([*values[:3], response, pull, noise, share, share])
    bounds[3:, ~saturated] = np.inf
    return relative * bounds + _ABSOLUTE


def _fitted(unit: NoisyUnit, edges: Array) -> tuple[Array, Array]:
    """Return the lower ends of all panels, increasing, and their coefficients, shape (8, nodes, panels)."""
    low, high = edges[:-1], edges[1:]
    relative = _RELATIVE_SOFTPLUS if unit.kind == "nanil-softplus" else _RELATIVE
    starts, fits = [], []
    offsets = np.concatenate([_NODES, _CHECKS])
    for round_ in range(_ROUNDS):
        x = 0.5 * (low + high)[:, None] + 0.5 * (high - low)[:, None] * offsets
        values = _effects(unit, x.ravel()).reshape(-1, *x.shape)
        saturated = unit.activation.saturated(0.5 * (low + high))
        nodes, checks = values[:, :, : _NODES.size], values[:, :, _NODES.size :]
        with np.errstate(invalid="ignore", over="ignore"):
            off = np.abs(nodes @ _AT_CHECKS.T - checks)
            allowed = _allowed(checks, relative, saturated=saturated, slope=unit.activation.slope)
            rough = (off > allowed).any(axis=(0, 2))
        if round_ == _ROUNDS - 1 or np.count_nonzero(rough) > _MOST:
            rough[:] = False
        starts.append(low[~rough])
        fits.append(nodes[:, ~rough] @ _POWERS.T)
        if not rough.any():
            break
        middle = 0.5 * (low + high)[rough]
        low, high = np.concatenate([low[rough], middle]), np.concatenate([middle, high[rough]])
    start = np.concatenate(starts)
    order = np.argsort(start)
    return start[order], np.ascontiguousarray(np.concatenate(fits, axis=1)[:, order].transpose(0, 2, 1))
