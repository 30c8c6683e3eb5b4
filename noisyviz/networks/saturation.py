"""Running counts and sums of one array of pre-activations: shares, extremes, means and the cells of its samples.

Shares are counted by comparisons in the array's own precision, whose answer is that of exact arithmetic; Δ and h′ are
evaluated in double precision at every sample.
"""

from typing import Any, Final

import numpy as np

from noisyviz.networks.buffers import Scratch
from noisyviz.networks.hints import Hints
from noisyviz.networks.histogram import Mask, Places, Tally
from noisyviz.networks.noise_effect import ClosedSums, closes, grid_sums
from noisyviz.networks.row_blocks import Block, count_rows, over_rows, working_dtype
from noisyviz.networks.value_grid import Grid
from noisyviz.units.activation import Activation, Array
from noisyviz.units.activations import ACTIVATIONS
from noisyviz.units.special import correct_small_tanh
from noisyviz.units.unit import NoisyUnit

FINE: Final = Grid(bits=9, octaves=64)
FLAT: Final = 1e-3  # share of the largest abs h' below which a sample has no gradient worth the name
SMALL: Final = 0.5  # a unit whose samples are all below in size needs every digit of Δ near 0
OCTAVES: Final = 16  # of the grid of single units; beyond 65,535 only the mean is kept
QUICK_CELLS: Final = 1 << 20  # of all units together, that stay in a processor's cache
MOST_CELLS: Final = 1 << 23  # of all units together
_USUAL_BITS: Final = 5
# A and B of h(x) = A·tanh(B·x) + const
_SCALED_TANH: Final = {"tanh": (1.0, 1.0), "sigmoid": (0.5, 0.5), "lecun-tanh": (1.7159, 2.0 / 3.0)}


class SaturationSums:
    """Counts and sums of one array.

    Parameters
    ----------
    units
        The length of the array's last axis.
    size
        How many numbers it holds.
    dtype
        As given; what is compared is `working_dtype` of it.
    activation
        h.
    unit
        The noisy unit on it, or None.
    shares_only
        Whether to leave out all but counts and extremes; the rest stays NaN.
    """

    def __init__(
        self,
        *,
        units: int,
        size: int,
        dtype: np.dtype[Any],
        activation: Activation,
        unit: NoisyUnit | None,
        shares_only: bool = False,
    ) -> None:
        self.units, self.rows = units, 0
        self.activation, self.unit = activation, unit
        self._scratch = Scratch()
        self.finite, self.left, self.right, self.flat = (np.zeros(units, dtype=np.int64) for _ in range(4))
        self.hints = Hints(activation)
        self.shares_only = shares_only
        self.delta, self.slope = (np.full(units, np.nan if shares_only else 0.0) for _ in range(2))
        self.low, self.high = np.full(units, np.inf), np.full(units, -np.inf)
        double = working_dtype(dtype) == np.float64
        means = unit is not None
        self.cells = Tally(grid=FINE, split=double or not _separated(FINE, activation), means=means)
        self.columns = None if shares_only else _columns(units, activation, double=double, means=means)
        self.closed = ClosedSums.begin(unit, units) if unit is not None and closes(unit, size) else None

    def take(self, x: Block) -> None:
        """Add a contiguous block of shape (n, units)."""
        self.rows += x.shape[0]
        given = x
        low, high = over_rows(np.minimum, x), over_rows(np.maximum, x)
        good: Mask | None = None
        if not (np.isfinite(low).all() and np.isfinite(high).all()):  # NaN spreads into both
            good = np.isfinite(x)
            low, high = x.min(axis=0, initial=np.inf, where=good), x.max(axis=0, initial=-np.inf, where=good)
            x = np.where(good, x, x.dtype.type(0))
        self.hints.take(given, low.min(), high.max())
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        self.finite += x.shape[0] if good is None else count_rows(good)
        saturated = self._count(x, good)
        if self.shares_only:
            return
        wide: Array = self._scratch.array("wide", x.shape, np.float64)
        np.copyto(wide, x)
        small = bool((np.maximum(-low, high) < SMALL).any())
        delta, slope = magnitudes(self.activation, wide, self._scratch, small=small)
        flat: Mask = self._scratch.array("flat", x.shape, np.bool_)
        np.less(slope if slope.min() >= 0.0 else np.abs(slope), FLAT * self.activation.max_slope, out=flat)
        if good is not None:
            delta, slope = delta * good, slope * good
            flat &= good
        self.flat += count_rows(flat)
        self.delta += over_rows(np.add, delta)
        self.slope += over_rows(np.add, slope)
        peak = float(max(-low.min(), high.max()))
        places = Places.of(wide, saturated, good=good, peak=peak, scratch=self._scratch)
        self.cells.take(places)
        if self.columns is not None:
            self.columns.take(places)
        if self.closed is not None:
            self.closed.take(wide, saturated, good)

    def _count(self, x: Block, good: Mask | None) -> Mask:
        """Count what lies at or beyond the thresholds, and return which samples do."""
        below, above = at_most(self.activation.thresholds[0], x.dtype), at_least(self.activation.thresholds[1], x.dtype)
        left: Mask = self._scratch.array("left", x.shape, np.bool_)
        right: Mask = self._scratch.array("right", x.shape, np.bool_)
        np.less_equal(x, below, out=left)
        np.greater_equal(x, above, out=right)
        if good is not None:
            left &= good
            right &= good
        self.left += count_rows(left)
        self.right += count_rows(right)
        return left if self.shares_only else np.logical_or(left, right, out=left)

    def noise(self) -> tuple[Array, Array | None]:
        """Return the sums of squares of the array and of every unit; see `noise_effect`."""
        if self.unit is None:  # the caller's mistake
            raise TypeError("there is no noisy unit")
        if self.closed is not None:
            return self.closed.sums.sum(axis=1), self.closed.sums
        telling = self.columns is not None and self.columns.grid.bits >= _USUAL_BITS
        return grid_sums(self.unit, self.cells, self.columns if telling else None)


def _separated(grid: Grid, activation: Activation) -> bool:
    return all(grid.separates(threshold) for threshold in activation.thresholds)


def _columns(units: int, activation: Activation, *, double: bool, means: bool) -> Tally | None:
    """Return a tally of single units on the finest grid that keeps within bounds, or None for too many units."""
    for bits in range(FINE.bits, -1, -1):
        grid = Grid(bits=bits, octaves=OCTAVES)
        split = double or not _separated(grid, activation)
        most = QUICK_CELLS if bits > _USUAL_BITS else MOST_CELLS
        if units * grid.cells * (1 + split) <= most:
            return Tally(grid=grid, groups=units, split=split, means=means)
    return None


def at_most(threshold: float, dtype: np.dtype[Any]) -> Any:
    """Return the largest number of a dtype that does not exceed a threshold: x ≤ both or neither.

    Examples
    --------
    >>> float(at_most(0.1, np.dtype("float32"))) <= 0.1 < float(at_least(0.1, np.dtype("float32")))
    True
    """
    near = dtype.type(threshold)
    return np.nextafter(near, dtype.type(-np.inf)) if float(near) > threshold else near


def at_least(threshold: float, dtype: np.dtype[Any]) -> Any:
    """Return the smallest number of a dtype that is not below a threshold; see `at_most`."""
    return -at_most(-threshold, dtype)


def magnitudes(activation: Activation, x: Array, scratch: Scratch, *, small: bool = True) -> tuple[Array, Array]:
    """Return abs Δ and h′ at finite x, of x's shape.

    One exponential serves both where h is a scaled tanh: h′ keeps its digits in both tails, Δ is right to 3e-16.
    """
    if activation is not ACTIVATIONS.get(activation.name) or activation.name not in _SCALED_TANH:
        return np.abs(activation.finite_delta(x)), activation.slope_function(x)
    height, rate = _SCALED_TANH[activation.name]
    delta, slope, s = (scratch.array(name, x.shape, np.float64) for name in ("delta", "slope", "e"))
    np.abs(x, out=delta)
    if rate != 1.0:
        delta *= rate
    y = np.array(delta) if small else delta
    np.multiply(delta, 2.0, out=s)
    np.exp(s, out=s)
    s += 1.0
    np.divide(2.0, s, out=s)  # 1 − tanh of the magnitude; tanh′ is s(2 − s)
    np.subtract(2.0, s, out=slope)
    slope *= s
    if height * rate != 1.0:
        slope *= height * rate
    delta += s
    delta -= 1.0
    if small:
        correct_small_tanh(y, delta)
    if height != 1.0:
        delta *= height
    return delta, slope
