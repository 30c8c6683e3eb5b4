"""A function of a user's own as Chebyshev polynomials on panels that its values decide, and where it is not smooth.

Panels are halved until the polynomial is down to the rounding of the values, so that they are narrow where the function
is steep and wide where it is not, wherever that is. What stays unresolved down to tiny panels is a kink, a bend or a
jump; the panels are then made again with their edges there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from noisyviz.units.activation import Array

_COUNT: Final = 33  # nodes of a panel
_T: Final = np.cos(np.pi * (np.arange(_COUNT) + 0.5) / _COUNT)[::-1].copy()
_TAIL: Final = 4  # coefficients that must be down to rounding
_TINY: Final = 2e-10  # of 1 + abs x: panels of this width are not halved
_MOST: Final = 96  # panels of an octave; what needs more is not followed further out
_MOST_IN_CENTRE: Final = 8192
_ROUGH_LEVEL: Final = 5  # halvings after which rounding of values near 0 is allowed everywhere
_CENTRE: Final = 8.0  # within it panels begin narrow
_START: Final = 0.5
_START_WIDE: Final = 4.0
_START_ROUGH: Final = 2.0  # in lower precision, whose rounding narrow panels would blow up
_SHIFT: Final = 0.48317  # of the first panels: round numbers, where kinks tend to be, lie well inside of them
_FARTHEST: Final = 53  # octaves
_TO_COEFFICIENTS: Final = np.cos(np.outer(np.arange(_COUNT), np.arccos(_T))) * (
    np.where(np.arange(_COUNT) == 0, 1.0, 2.0)[:, None] / _COUNT
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """Polynomials on panels.

    Parameters
    ----------
    edges
        Increasing, shape (panels + 1,).
    wide
        The edges of as few panels as hold h.
    slopes
        Chebyshev coefficients of h′, shape (panels, 33).
    doubt
        About how far h′ may be off, shape (panels,).
    """

    edges: Array
    wide: Array
    slopes: Array
    doubt: Array

    def slope(self, x: Array) -> Array:
        """Return h′ at x of any shape inside the panels; at an edge that of the panel to its right."""
        panel = self.panel(x)
        low, high = self.edges[panel], self.edges[panel + 1]
        t = (2.0 * x - low - high) / (high - low)
        coefficients = self.slopes[panel]
        later = np.zeros(x.shape)
        latest = np.zeros(x.shape)
        for k in range(_COUNT - 1, 0, -1):
            later, latest = 2.0 * t * later - latest + coefficients[..., k], later
        return np.asarray(t * later - latest + coefficients[..., 0], dtype=np.float64)

    def panel(self, x: Array) -> "np.ndarray[tuple[int, ...], np.dtype[np.intp]]":
        """Return the panel of every x."""
        return np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, self.doubt.size - 1)

    def nodes(self) -> Array:
        """Return points inside all panels, increasing."""
        half = 0.5 * np.diff(self.edges)[:, None]
        return np.asarray((self.edges[:-1, None] + half + half * _T[::4]).ravel(), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Singular:
    """Where a function is not smooth: by how much h jumps there, 0 where it does not, and what h′ does."""

    x: float
    jump: float
    kink: bool
    unbounded: bool


@dataclass(frozen=True, slots=True)
class _Panel:
    low: float
    high: float
    coefficients: Array
    rounding: float
    noise: float


def resolve(
    h: Callable[[Array], Array], *, precision: float, reach: tuple[float, float]
) -> tuple[Pieces, list[Singular], tuple[float, float]]:
    """Return polynomials of h, where it is not smooth, and the range that they cover.

    Parameters
    ----------
    h
        float64 in, float64 out.
    precision
        Relative rounding of its values.
    reach
        Where it is looked at, at most.
    """
    first = _Search(h, precision)
    panels = first.outward(reach, ())
    found = _singular(panels, first.loose, precision)
    reach, inner = (panels[0].low, panels[-1].high), [one.x for one in found]
    if any(one.jump for one in found):
        return _pieces(panels, panels), found, reach
    if found:
        panels = _Search(h, precision).outward(reach, inner)
    return _pieces(panels, _Search(h, precision).widened(panels, inner)), found, reach


class TooRoughError(Exception):
    """The function changes too wildly between 8 and −8 for polynomials on panels."""


class _Search:
    """Halves panels until each holds a polynomial."""

    def __init__(self, h: Callable[[Array], Array], precision: float) -> None:
        self.h, self.precision = h, precision
        self.start = _START if precision < 1e-12 else _START_ROUGH
        self.shift = _SHIFT * self.start
        self.size = float(np.abs(h(_T)).max())  # near 0, by which what is cancelled elsewhere is measured
        self.loose: list[_Panel] = []

    def outward(self, reach: tuple[float, float], inner: Sequence[float]) -> list[_Panel]:
        """Return panels from the middle outwards, as far as few of them will do."""
        panels = self.between(_cut(self._middle(self.start), reach, inner), _MOST_IN_CENTRE)
        if panels is None:
            raise TooRoughError
        for side in (-1.0, 1.0):
            for octave in range(3, _FARTHEST):
                ends = np.sort(side * np.array([2.0**octave, 2.0 ** (octave + 1)])) + self.shift
                edges = _cut(ends, reach, inner)
                if edges.size < 2:
                    break
                loose = len(self.loose)
                more = self.between(edges, _MOST)
                if more is None:
                    del self.loose[loose:]
                    break
                panels = more + panels if side < 0 else panels + more
        return panels

    def widened(self, panels: Sequence[_Panel], inner: Sequence[float]) -> list[_Panel]:
        """Return panels as wide as will do in the middle, too, where kinks were looked for in narrow ones."""
        edges = self._middle(_START_WIDE)
        middle = self.between(_cut(edges, (panels[0].low, panels[-1].high), inner), _MOST_IN_CENTRE)
        if not middle:
            return list(panels)
        low, high = middle[0].low, middle[-1].high
        return [*(one for one in panels if one.high <= low), *middle, *(one for one in panels if one.low >= high)]

    def _middle(self, pitch: float) -> Array:
        return np.linspace(-_CENTRE, _CENTRE, round(2 * _CENTRE / pitch) + 1) + self.shift

    def between(self, edges: Array, most: int) -> list[_Panel] | None:
        """Return resolved panels, increasing; None where there would be too many."""
        waiting = list(pairwise(edges.tolist()))
        done: list[_Panel] = []
        for level in range(60):
            if not waiting:
                break
            if len(done) + len(waiting) > most:
                return None
            following = []
            for panel in self._fitted(waiting):
                tail = float(np.abs(panel.coefficients[-_TAIL:]).max())
                if tail <= panel.rounding:
                    done.append(panel)
                elif level >= _ROUGH_LEVEL and tail <= 4.0 * self.precision * self.size:
                    done.append(replace(panel, rounding=2.0 * tail, noise=2.0 * tail))
                elif panel.high - panel.low <= _TINY * (1.0 + abs(panel.low)):
                    done.append(panel)
                    self.loose.append(panel)
                else:
                    middle = 0.5 * (panel.low + panel.high)
                    following += [(panel.low, middle), (middle, panel.high)]
            waiting = following
        return sorted(done, key=lambda panel: panel.low)

    def _fitted(self, ranges: Sequence[tuple[float, float]]) -> list[_Panel]:
        ends = np.array(ranges)
        half, centre = 0.5 * np.diff(ends, axis=1), ends.mean(axis=1)[:, None]
        x = centre + half * _T
        nudge = 1e-6 * half
        y = self.h(np.stack([x, x - nudge, x + nudge]))
        values = y[0]
        uneven = np.median(np.abs(y[1] - 2.0 * y[0] + y[2]), axis=1)
        size = np.abs(values).max(axis=1)
        steepness = np.ptp(values, axis=1) / (2.0 * half[:, 0])
        noise = self.precision * (size + np.abs(ends).max(axis=1) * steepness) + uneven
        rounding = 8.0 * self.precision * (size + np.abs(ends).max(axis=1) * steepness) + 8.0 * uneven
        middle = values[:, _COUNT // 2 :][:, :1]
        coefficients = (values - middle) @ _TO_COEFFICIENTS.T  # so that constants stay exact
        coefficients[:, :1] += middle
        return [
            _Panel(low, high, coefficients[k], float(rounding[k]), float(noise[k]))
            for k, (low, high) in enumerate(ranges)
        ]


def _cut(edges: Array, reach: tuple[float, float], inner: Sequence[float]) -> Array:
    """Return the edges within reach, its ends and those of kinks between them among them."""
    low, high = max(edges[0], reach[0]), min(edges[-1], reach[1])
    if not low < high:
        return np.zeros(0)
    points = [low, *(x for x in (*edges, *inner) if low < x < high), high]
    return np.unique(points)


def _pieces(panels: Sequence[_Panel], wide: Sequence[_Panel]) -> Pieces:
    slopes = np.zeros((len(panels), _COUNT))
    doubt = np.zeros(len(panels))
    for k, panel in enumerate(panels):
        coefficients = panel.coefficients.copy()
        small = np.abs(coefficients) <= panel.noise
        degree = int(np.flatnonzero(~small)[-1]) if not small.all() else 0
        coefficients[degree + 1 :] = 0.0
        half = 0.5 * (panel.high - panel.low)
        if degree:
            slopes[k, :-1] = np.polynomial.chebyshev.chebder(coefficients) / half
            doubt[k] = panel.noise * max(1, degree) ** 2 / half / 2.0
    edges, few = (np.array([part[0].low, *(panel.high for panel in part)]) for part in (panels, wide))
    return Pieces(edges=edges, wide=few, slopes=slopes, doubt=doubt)


def _singular(panels: Sequence[_Panel], loose: Sequence[_Panel], precision: float) -> list[Singular]:
    """Return one place for every run of panels that stayed unresolved."""
    ends = sorted((panel.low, panel.high) for panel in loose)
    runs: list[list[float]] = []
    for low, high in ends:
        if runs and low - runs[-1][1] <= 8.0 * _TINY * (1.0 + abs(low)):
            runs[-1][1] = high
        else:
            runs.append([low, high])
    tiny = {id(panel) for panel in loose}
    good = [panel for panel in panels if id(panel) not in tiny]
    found = []
    borders = [-np.inf, *(end for run in runs for end in run), np.inf]
    for k, (low, high) in enumerate(runs):
        place = 0.5 * (low + high)
        wide = 1e-4 * (1.0 + abs(place))
        before = [p for p in good if max(borders[2 * k], place - 64.0 * wide) <= p.low and p.high <= low]
        after = [p for p in good if high <= p.low and p.high <= min(borders[2 * k + 3], place + 64.0 * wide)]
        before = before or [p for p in good if p.high <= low][-1:]
        after = after or [p for p in good if p.low >= high][:1]
        if before and after:
            left, right = _wide(before[::-1], wide), _wide(after, wide)
            unbounded = any(_steepens(near, p, place) for near, p in ((before[-1], left), (after[0], right)))
            found.append(_met(left, right, low, high, precision, unbounded=unbounded))
    return found


def _wide(panels: Sequence[_Panel], wanted: float) -> _Panel:
    """Return the first panel that is wide enough for its slope to be right, else the widest."""
    return next((p for p in panels if p.high - p.low >= wanted), max(panels, key=lambda p: p.high - p.low))


def _steepens(near: _Panel, far: _Panel, place: float) -> bool:
    """Tell whether h′ at a place grows like a power of the distance from it."""
    if far.high - far.low < 100.0 * (near.high - near.low):
        return False
    slopes = [abs(_at(panel, 0.5 * (panel.low + panel.high))[1]) for panel in (near, far)]
    noise = near.noise / (near.high - near.low)
    return slopes[0] > 3.0 * slopes[1] + 100.0 * noise and near.low != place


def _met(left: _Panel, right: _Panel, low: float, high: float, precision: float, *, unbounded: bool) -> Singular:
    """Return what happens between two smooth panels."""
    place = 0.5 * (low + high)
    (below, down), (above, up) = (_at(panel, place) for panel in (left, right))
    step = max(abs(down), abs(up))
    size = abs(below) + abs(above)
    jump = above - below
    floor = 1e-3 if precision > 1e-12 else 1e-8
    away = max(low - left.high, right.low - high, 0.0) + high - low  # what lies between, in which h may be steep
    if abs(jump) <= 20.0 * away * step + 100.0 * (left.rounding + right.rounding) + floor * size:
        jump = 0.0
    kink = abs(up - down) > max(1e-5, 1e4 * precision) * step + 1e3 * (left.noise + right.noise)
    if kink and jump == 0.0:
        meeting = place - (above - below) / (up - down)
        place = meeting if abs(meeting - place) <= 4.0 * (high - low) + 1e-9 else place
    return Singular(
        x=_tidy(place, 4 if precision > 1e-12 else 8 if kink else 5), jump=jump, kink=kink, unbounded=unbounded
    )


def _tidy(value: float, digits: int) -> float:
    """Return the value rounded to so many digits where it is within a fifth of the last of them."""
    rounded = round(value, digits)
    return float(rounded if abs(value - rounded) < 0.2 * 10.0**-digits else value) + 0.0


def _at(panel: _Panel, x: float) -> tuple[float, float]:
    """Return value and slope of a panel's polynomial, also just outside of it."""
    half = 0.5 * (panel.high - panel.low)
    t = (x - 0.5 * (panel.low + panel.high)) / half
    coefficients = np.where(np.abs(panel.coefficients) > panel.rounding, panel.coefficients, 0.0)
    slopes = np.polynomial.chebyshev.chebder(coefficients)
    value, slope = (float(np.polynomial.chebyshev.chebval(t, c)) for c in (coefficients, slopes))
    return value, slope / half
