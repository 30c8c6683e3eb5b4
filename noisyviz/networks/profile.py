"""Saturation of real pre-activations, streamed: which units saturate, and what noise does to their gradients.

Arrays are read in chunks of rows; counts are exact, so that shares and quantiles do not depend on the chunk size at all
and sums only in their last digits.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, printable
from noisyviz.networks.hints import shape_note, threshold_note
from noisyviz.networks.noise_effect import NoiseProfile, UnitNoise
from noisyviz.networks.results import QUANTILES, UNIT_QUANTILES, ArrayProfile, Profile, UnitProfile
from noisyviz.networks.row_blocks import blocks
from noisyviz.networks.saturation import FINE, SaturationSums
from noisyviz.networks.streamed import Streamed
from noisyviz.networks.value_grid import Index
from noisyviz.units.activation import Activation, Array
from noisyviz.units.activations import activation
from noisyviz.units.unit import NoisyUnit

CHUNK: Final = 1 << 15  # numbers worked on at once
QUICK_CHUNK: Final = 1 << 18  # the same for shares alone
MAX_UNITS: Final = 1 << 20  # of all arrays, about 500 bytes each
DEAD: Final = 0.99  # a unit saturated in at least this share of its samples is dead
_SUMMED: Final = ("left", "right", "delta", "slope")
_KINDS: Final = "fiu"


def profile(
    arrays: npt.ArrayLike | Mapping[str, npt.ArrayLike],
    *,
    fn: str | Activation = "tanh",
    functions: Mapping[str, str | Activation] | None = None,
    unit: NoisyUnit | None = None,
    axis: int = -1,
    shares_only: bool = False,
    chunk: int | None = None,
) -> Profile:
    """Return how far real pre-activations saturate.

    Parameters
    ----------
    arrays
        Real numbers; one axis counts units, all others samples. Memory maps are read in chunks. Several arrays are
        given by name. NaN and infinities are left out and counted: put NaN where a batch is padded.
    fn
        The activation that follows.
    functions
        For some arrays another activation, by the array's name.
    unit
        A noisy unit whose effect is to be found; its activation is replaced by that of the array.
    axis
        The axis of units of arrays of two axes or more.
    shares_only
        Whether to find shares, dead units and extremes alone, several times as fast: means and quantiles are NaN
        then, and the unit is left out.
    chunk
        How many numbers are worked on at once, at least 1; results do not depend on it. None for what is fast.

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
    stream = Profiler(fn=fn, functions=functions, unit=unit, axis=axis, shares_only=shares_only, chunk=chunk)
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
        axis: int = -1,
        axes: Mapping[str, int] | None = None,
        shares_only: bool = False,
        chunk: int | None = None,
    ) -> None:
        if chunk is not None and chunk < 1:
            raise InputError(f"chunk must be at least 1, got {chunk}", parameter="chunk")
        self._default = _function(fn)
        self._own = {name: _function(given) for name, given in (functions or {}).items()}
        self._axis, self._axes = axis, dict(axes or {})
        self._unit = None if shares_only else unit
        self._chunk = chunk or (QUICK_CHUNK if shares_only else CHUNK)
        self._shares_only = shares_only
        self._units = 0
        self._used: set[str] = set()
        self._done: list[ArrayProfile] = []
        self._sums: list[SaturationSums] = []
        self._noises: list[Array] = []
        self._notes: list[str] = []

    def add(
        self,
        name: str,
        values: npt.ArrayLike | Streamed,
        *,
        alias: str = "",
        columns: Sequence[str] = (),
        file: str = "",
    ) -> ArrayProfile:
        """Profile one array.

        `functions` and `axes` may name it by its name or by its alias; columns name its units, `file` is the part of
        its name that tells one of several files.
        """
        array = values if isinstance(values, Streamed) else np.asanyarray(values)
        called, name = {name, alias, printable(name), printable(alias)} - {""}, printable(name)
        if array.dtype.kind not in _KINDS or array.dtype.itemsize > 8:
            raise InputError(f"array '{name}' holds {array.dtype.name} values; real numbers are needed")
        if array.ndim == 0 or array.size == 0:
            kind = "a single number" if array.ndim == 0 else f"an empty array of shape {array.shape}"
            raise InputError(f"array '{name}' is {kind}; pre-activations of at least one sample are needed")
        self._used |= called
        h = next((self._own[key] for key in self._own if key in called), self._default)
        axis = next((self._axes[key] for key in self._axes if key in called), self._axis)
        shape, array = array.shape, _along(array, axis, name, own=bool(called & set(self._axes)))
        units = 1 if array.ndim == 1 else shape[axis]
        self._units += units
        if self._units > MAX_UNITS:
            raise InputError(
                f"array '{name}' of shape {shape} has {units:,} units along axis {axis}, and no more than "
                f"{MAX_UNITS:,} are profiled together; name the axis of units",
                parameter="axis",
            )
        sums = SaturationSums(
            units=units,
            size=array.size,
            dtype=array.dtype,
            activation=h,
            unit=None if self._unit is None else self._unit.replace(fn=h),
            shares_only=self._shares_only,
        )
        with np.errstate(all="ignore"):
            for block in blocks(array, self._chunk):
                sums.take(block)
            noise = sums.noise() if self._unit is not None else None
            names = (
                tuple(map(printable, columns))
                if len(columns) == sums.units and axis % len(shape) + 1 == len(shape)
                else ()
            )
            found = _profile(sums, noise, name=name, file=file, shape=shape, axis=axis, unit_names=names)
        self._notes += [note for note in (shape_note(name, shape, axis), threshold_note(h)) if note]
        fewest = int(sums.finite.min())
        self._notes += sums.hints.tell(name, samples=fewest, units=sums.units, dead=found.dead_units)
        self._done.append(found)
        self._sums.append(sums)
        if noise is not None:
            self._noises.append(noise[0])
        return found

    def finish(self, notes: Sequence[str] = ()) -> Profile:
        """Return what was found, once all arrays are there; `notes` come before those on the arrays."""
        if not self._done:
            raise InputError("there is no array to profile")
        missing = [name for name in (*self._own, *self._axes) if name not in self._used]
        if missing:
            held = ", ".join(found.name for found in self._done)
            raise InputError(f"there is no array '{missing[0]}'; the arrays are {held}", parameter="array")
        return Profile(
            arrays=tuple(self._done),
            total=_total(self._done, self._sums, self._noises),
            unit=self._unit,
            activations=tuple(sums.activation for sums in self._sums),
            notes=tuple(dict.fromkeys([*notes, *self._notes])),
        )


def _along(array: npt.NDArray[Any] | Streamed, axis: int, name: str, *, own: bool) -> npt.NDArray[Any] | Streamed:
    """Return an array with its axis of units last; own is one that was asked for this array alone."""
    if array.ndim == 1:
        return array
    if not -array.ndim <= axis < array.ndim:
        if own:
            raise InputError(
                f"array '{name}@{axis}' asks for an axis of units, which must be from {-array.ndim} to "
                f"{array.ndim - 1} for shape {array.shape}; for single units, write their table with -o units.csv",
                parameter="array",
            )
        raise InputError(
            f"axis must be from {-array.ndim} to {array.ndim - 1} for '{name}' of shape {array.shape}, got {axis}",
            parameter="axis",
        )
    if axis % array.ndim == array.ndim - 1:
        return array
    return array.along(axis) if isinstance(array, Streamed) else np.moveaxis(array, axis, -1)


def _function(fn: str | Activation) -> Activation:
    return activation(fn) if isinstance(fn, str) else fn


def _per_unit(sums: SaturationSums, noise: Array | None) -> UnitProfile:
    """Return the columns of the units."""
    n = np.where(sums.finite == 0, np.nan, sums.finite)
    saturated = sums.left + sums.right
    wanted = np.array(UNIT_QUANTILES)
    columns = sums.columns
    return UnitProfile(
        samples=sums.finite,
        share_left=sums.left / n,
        share_right=sums.right / n,
        share_saturated=saturated / n,
        mean_abs_delta=sums.delta / n,
        mean_derivative=sums.slope / n,
        dead=saturated / n >= DEAD,
        flat=np.full(sums.units, np.nan) if sums.shares_only else sums.flat / n >= DEAD,
        low=np.where(sums.finite == 0, np.nan, sums.low),
        high=np.where(sums.finite == 0, np.nan, sums.high),
        quantiles=np.full((sums.units, wanted.size), np.nan)
        if columns is None
        else columns.quantiles(wanted, sums.low, sums.high),
        quantile_error=None if columns is None else 0.5**columns.grid.bits,
        noise=None if noise is None else UnitNoise.of(noise),
    )


def _profile(sums: SaturationSums, noise: tuple[Array, Array | None] | None, **facts: Any) -> ArrayProfile:
    """Return the profile of a whole array."""
    per_unit = _per_unit(sums, noise[1] if noise else None)
    return _array_profile(
        **facts,
        fn=sums.activation.name,
        thresholds=sums.activation.thresholds,
        units=sums.units,
        samples=sums.rows,
        finite=int(sums.finite.sum()),
        non_finite=sums.rows * sums.units - int(sums.finite.sum()),
        sums={key: float(getattr(sums, key).sum()) for key in _SUMMED},
        dead_units=int(per_unit.dead.sum()),
        flat_units=np.nan if sums.shares_only else int(per_unit.flat.sum()),
        counts=sums.cells.counts(),
        low=sums.low.min(),
        high=sums.high.max(),
        noise=NoiseProfile.of(noise[0]) if noise else None,
        per_unit=per_unit,
    )


def _array_profile(
    *, finite: int, sums: Mapping[str, float], counts: Index, low: float, high: float, **facts: Any
) -> ArrayProfile:
    n = finite or np.nan
    ends = np.array([low]), np.array([high])
    return ArrayProfile(
        counts=counts,
        quantiles=FINE.quantiles(counts[None, :], np.array(QUANTILES), *ends)[0],
        share_left=sums["left"] / n,
        share_right=sums["right"] / n,
        share_saturated=(sums["left"] + sums["right"]) / n,
        mean_abs_delta=sums["delta"] / n,
        mean_derivative=sums["slope"] / n,
        **facts,
    )


def _total(done: list[ArrayProfile], sums: list[SaturationSums], noises: list[Array]) -> ArrayProfile:
    """Return the profile of all numbers together."""
    names = {found.fn for found in done}
    return _array_profile(
        name="total",
        file="",
        fn=names.pop() if len(names) == 1 else "",
        shape=(),
        axis=-1,
        unit_names=(),
        thresholds=(),
        units=sum(found.units for found in done),
        samples=sum(found.samples for found in done),
        finite=sum(int(part.finite.sum()) for part in sums),
        non_finite=sum(found.non_finite for found in done),
        sums={key: float(sum(getattr(part, key).sum() for part in sums)) for key in _SUMMED},
        dead_units=sum(found.dead_units for found in done),
        flat_units=sum(found.flat_units for found in done),
        counts=np.sum([found.counts for found in done], axis=0),
        low=min(part.low.min() for part in sums),
        high=max(part.high.max() for part in sums),
        noise=NoiseProfile.of(np.sum(noises, axis=0)) if noises else None,
        per_unit=None,
    )
