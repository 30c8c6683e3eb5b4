"""Saturation of real pre-activations, streamed: which units saturate, and what noise does to their gradients.

Arrays are read in chunks of rows; counts are exact, so that shares and quantiles do not depend on the chunk size at all
and sums only in their last digits.
"""

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Activation, Array
from noisyviz.engine.activations import activation
from noisyviz.engine.grid import Grid, Index
from noisyviz.engine.noise_effect import NoiseProfile, NoiseSums, noise_sums
from noisyviz.engine.units import NoisyUnit
from noisyviz.errors import InputError

CHUNK: Final = 1 << 16  # numbers worked on at once
DEAD: Final = 0.99  # a unit saturated in at least this share of its samples is dead
QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
UNIT_QUANTILES: Final = (0.05, 0.5, 0.95)
MAX_CELLS: Final = 1 << 22  # of all units' counts together; wider arrays get no quantiles per unit
_FINE: Final = Grid(bits=9, octaves=64)
_COARSE: Final = Grid(bits=5, octaves=16)
_KINDS: Final = "fiu"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitProfile:
    """What was found for every unit of an array; arrays of shape (units,), NaN where a unit has no finite sample.

    Parameters
    ----------
    samples
        Finite samples.
    share_left, share_right, share_saturated
        Shares of x at or beyond the thresholds.
    mean_abs_delta, mean_derivative
        Means of abs Δ and of h′.
    dead
        Whether at least 99 % of the samples saturate.
    low, high
        The smallest and the largest finite x.
    quantiles
        Of x at `UNIT_QUANTILES`, shape (units, 3), off by at most (1 + abs x)/32; NaN above 4,096 units.
    """

    samples: Index
    share_left: Array
    share_right: Array
    share_saturated: Array
    mean_abs_delta: Array
    mean_derivative: Array
    dead: npt.NDArray[np.bool_]
    low: Array
    high: Array
    quantiles: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayProfile:
    """What was found for one array, or for all together.

    Parameters
    ----------
    name, fn
        Of the array and of its activation; the total of several activations has an empty one.
    shape
        As given, empty for the total.
    units, samples
        The length of the last axis and the product of the others; an array of one axis is one unit.
    non_finite
        NaN and infinities, which are left out.
    share_left, share_right, share_saturated, mean_abs_delta, mean_derivative
        As in `UnitProfile`, over all finite numbers; NaN where there is none.
    dead_units
        How many units saturate in at least 99 % of their samples.
    quantiles
        Of x at `QUANTILES`, off by at most (1 + abs x)/512.
    noise
        What the noisy unit does here, None without one.
    per_unit
        None for the total.
    """

    name: str
    fn: str
    shape: tuple[int, ...]
    units: int
    samples: int
    non_finite: int
    share_left: float
    share_right: float
    share_saturated: float
    mean_abs_delta: float
    mean_derivative: float
    dead_units: int
    quantiles: Array
    noise: NoiseProfile | None
    per_unit: UnitProfile | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """The profile of every array, and of all their numbers together."""

    arrays: tuple[ArrayProfile, ...]
    total: ArrayProfile


def profile(
    arrays: npt.ArrayLike | Mapping[str, npt.ArrayLike],
    *,
    fn: str | Activation = "tanh",
    functions: Mapping[str, str | Activation] | None = None,
    unit: NoisyUnit | None = None,
    chunk: int = CHUNK,
) -> Profile:
    """Return how far real pre-activations saturate.

    Parameters
    ----------
    arrays
        Real numbers; the last axis counts units, all others samples. Memory maps are read in chunks. Several arrays
        are given by name.
    fn
        The activation that follows.
    functions
        For some arrays another activation, by the array's name.
    unit
        A noisy unit whose effect is to be found; its activation is replaced by that of the array.
    chunk
        How many numbers are worked on at once, at least 1; results do not depend on it.

    Returns
    -------
    Profile

    Raises
    ------
    InputError
        For an array without numbers or not of real ones, and for a name in `functions` that no array has.

    Examples
    --------
    >>> found = profile([[-2.0, 0.0], [0.5, 0.0], [3.0, 0.0], [1.0, 0.0]], fn="hard-tanh").total
    >>> found.share_left, found.share_right, found.units, found.dead_units
    (0.125, 0.25, 2, 0)
    """
    named = dict(arrays) if isinstance(arrays, Mapping) else {"x": arrays}
    stream = Profiler(fn=fn, functions=functions, unit=unit, chunk=chunk)
    for name, values in named.items():
        stream.add(name, values)
    return stream.finish()


class Profiler:
    """Profiles arrays one after the other, so that no two of them need be in memory at once; see `profile`."""

    def __init__(
        self,
        *,
        fn: str | Activation = "tanh",
        functions: Mapping[str, str | Activation] | None = None,
        unit: NoisyUnit | None = None,
        chunk: int = CHUNK,
    ) -> None:
        if chunk < 1:
            raise InputError(f"chunk must be at least 1, got {chunk}", parameter="chunk")
        self._default = _function(fn)
        self._own = {name: _function(given) for name, given in (functions or {}).items()}
        self._unit, self._chunk = unit, chunk
        self._used: set[str] = set()
        self._done: list[ArrayProfile] = []
        self._sums: list[_Sums] = []

    def add(self, name: str, values: npt.ArrayLike, *, alias: str = "") -> ArrayProfile:
        """Profile one array; `functions` may name it by its name or by its alias."""
        array = np.asanyarray(values)
        if array.dtype.kind not in _KINDS:
            raise InputError(f"array '{name}' holds {array.dtype.name} values; real numbers are needed")
        if array.ndim == 0 or array.size == 0:
            kind = "a single number" if array.ndim == 0 else f"an empty array of shape {array.shape}"
            raise InputError(f"array '{name}' is {kind}; pre-activations of at least one sample are needed")
        self._used |= {name, alias}
        h = self._own.get(name, self._own.get(alias, self._default))
        unit = None if self._unit is None else self._unit.replace(fn=h)
        sums = _Sums(units=1 if array.ndim == 1 else array.shape[-1])
        with np.errstate(all="ignore"):
            for block in _blocks(array, self._chunk):
                sums.take(block, h, unit)
            found = sums.profile(name, h.name, array.shape, unit)
        self._done.append(found)
        self._sums.append(sums)
        return found

    def finish(self) -> Profile:
        """Return what was found, once all arrays are there."""
        if not self._done:
            raise InputError("there is no array to profile")
        missing = [name for name in self._own if name not in self._used]
        if missing:
            held = ", ".join(found.name for found in self._done)
            raise InputError(f"there is no array '{missing[0]}'; the arrays are {held}", parameter="array")
        return Profile(arrays=tuple(self._done), total=_total(self._done, self._sums))


def _function(fn: str | Activation) -> Activation:
    return activation(fn) if isinstance(fn, str) else fn


def _blocks(array: npt.NDArray[Any], chunk: int) -> Iterator[Array]:
    """Yield rows of the array as float64 of shape (n, units), at most about `chunk` numbers at once."""
    if array.ndim == 1:
        array = array[:, None]
    elif array.ndim > 2 and array.flags.c_contiguous:
        array = array.reshape(-1, array.shape[-1])
    if array.ndim > 2:  # a reshape would copy all of it
        for part in array:
            yield from _blocks(part, chunk)
        return
    rows = max(1, chunk // array.shape[1])
    for start in range(0, array.shape[0], rows):
        yield np.ascontiguousarray(array[start : start + rows], dtype=np.float64)
        _release(array)


def _release(array: npt.NDArray[Any]) -> None:
    """Give the pages of a memory map back, which the system would otherwise count as ours."""
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


@dataclass(slots=True)
class _Sums:
    """Running counts and sums of one array."""

    units: int
    rows: int = 0
    fine: Index = field(default_factory=lambda: np.zeros(_FINE.cells, dtype=np.int64))
    finite: Index = field(init=False)
    left: Index = field(init=False)
    right: Index = field(init=False)
    delta: Array = field(init=False)
    slope: Array = field(init=False)
    low: Array = field(init=False)
    high: Array = field(init=False)
    coarse: Index | None = field(init=False)
    noise: NoiseSums | None = None

    def __post_init__(self) -> None:
        self.finite, self.left, self.right = (np.zeros(self.units, dtype=np.int64) for _ in range(3))
        self.delta, self.slope = np.zeros(self.units), np.zeros(self.units)
        self.low, self.high = np.full(self.units, np.inf), np.full(self.units, -np.inf)
        cells = self.units * _COARSE.cells
        self.coarse = np.zeros(cells, dtype=np.int64) if cells <= MAX_CELLS else None

    def take(self, x: Array, h: Activation, unit: NoisyUnit | None) -> None:
        """Add a block of shape (n, units)."""
        self.rows += x.shape[0]
        good = np.isfinite(x)
        whole = bool(good.all())
        low, high = h.thresholds
        left = (x <= low) & good & (low > -np.inf)
        right = (x >= high) & good & (high < np.inf)
        self.finite += x.shape[0] if whole else np.count_nonzero(good, axis=0)
        self.left += np.count_nonzero(left, axis=0)
        self.right += np.count_nonzero(right, axis=0)
        self.low = np.minimum(self.low, x.min(axis=0, initial=np.inf, where=good))
        self.high = np.maximum(self.high, x.max(axis=0, initial=-np.inf, where=good))
        filled = x if whole else np.where(good, x, 0.0)
        self.delta += np.abs(h.finite_delta(filled)).sum(axis=0, where=good)
        self.slope += h.slope_function(filled).sum(axis=0, where=good)
        self.count(filled, good, whole=whole)
        if unit is not None:
            keep = slice(None) if whole else good.ravel()
            values, saturated = x.ravel()[keep], (left | right).ravel()[keep]
            self.noise = noise_sums(unit, _FINE, self.noise)
            self.noise.take(values, saturated)

    def count(self, x: Array, good: npt.NDArray[np.bool_], *, whole: bool) -> None:
        """Count samples in the cells of the grids."""
        cell = _FINE.cell(x)
        self.fine += np.bincount(cell.ravel() if whole else cell[good], minlength=_FINE.cells)
        if self.coarse is not None:
            flat = _COARSE.cell(x) + np.arange(self.units) * _COARSE.cells
            np.add.at(self.coarse, flat.ravel() if whole else flat[good], 1)

    def per_unit(self) -> UnitProfile:
        """Return the columns of the units."""
        n = np.where(self.finite == 0, np.nan, self.finite)
        saturated = self.left + self.right
        quantiles = np.full((self.units, len(UNIT_QUANTILES)), np.nan)
        if self.coarse is not None:
            counts = self.coarse.reshape(self.units, -1)
            quantiles = _COARSE.quantiles(counts, np.array(UNIT_QUANTILES), self.low, self.high)
        return UnitProfile(
            samples=self.finite,
            share_left=self.left / n,
            share_right=self.right / n,
            share_saturated=saturated / n,
            mean_abs_delta=self.delta / n,
            mean_derivative=self.slope / n,
            dead=saturated / n >= DEAD,
            low=np.where(self.finite == 0, np.nan, self.low),
            high=np.where(self.finite == 0, np.nan, self.high),
            quantiles=quantiles,
        )

    def profile(self, name: str, fn: str, shape: tuple[int, ...], unit: NoisyUnit | None) -> ArrayProfile:
        """Return the profile of the whole array."""
        per_unit = self.per_unit()
        sums = {key: float(getattr(self, key).sum()) for key in ("left", "right", "delta", "slope")}
        return _array_profile(
            name=name,
            fn=fn,
            shape=shape,
            units=self.units,
            samples=self.rows,
            finite=int(self.finite.sum()),
            non_finite=self.rows * self.units - int(self.finite.sum()),
            sums=sums,
            dead_units=int(per_unit.dead.sum()),
            quantiles=_quantiles(self.fine, self.low, self.high),
            noise=None if unit is None or self.noise is None else self.noise.profile(),
            per_unit=per_unit,
        )


def _quantiles(fine: Index, low: Array, high: Array) -> Array:
    ends = low.min(keepdims=True), high.max(keepdims=True)
    found: Array = _FINE.quantiles(fine[None, :], np.array(QUANTILES), *ends)[0]
    return found


def _array_profile(*, finite: int, sums: Mapping[str, float], **facts: Any) -> ArrayProfile:
    n = finite or np.nan
    return ArrayProfile(
        share_left=sums["left"] / n,
        share_right=sums["right"] / n,
        share_saturated=(sums["left"] + sums["right"]) / n,
        mean_abs_delta=sums["delta"] / n,
        mean_derivative=sums["slope"] / n,
        **facts,
    )


def _total(done: list[ArrayProfile], sums: list[_Sums]) -> ArrayProfile:
    """Return the profile of all numbers together."""
    names = {found.fn for found in done}
    noises = [part.noise for part in sums if part.noise is not None]
    noise = None
    if noises:
        noise = noises[0].totals()
        for other in noises[1:]:
            noise = noise + other.totals()
    return _array_profile(
        name="total",
        fn=names.pop() if len(names) == 1 else "",
        shape=(),
        units=sum(found.units for found in done),
        samples=sum(found.samples for found in done),
        finite=sum(int(part.finite.sum()) for part in sums),
        non_finite=sum(found.non_finite for found in done),
        sums={
            key: float(sum(getattr(part, key).sum() for part in sums)) for key in ("left", "right", "delta", "slope")
        },
        dead_units=sum(found.dead_units for found in done),
        quantiles=_quantiles(
            np.sum([part.fine for part in sums], axis=0),
            np.array([part.low.min() for part in sums]),
            np.array([part.high.max() for part in sums]),
        ),
        noise=None if noise is None else NoiseProfile.of(noise),
        per_unit=None,
    )
