"""The picture of ``noisyviz profile``: density, saturation of units, and gradients before and after noise."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError
from noisyviz.moments.exact import exact
from noisyviz.networks.array_members import natural
from noisyviz.networks.results import QUANTILES, ArrayProfile, Profile
from noisyviz.networks.saturation import FINE
from noisyviz.networks.value_grid import Grid
from noisyviz.pictures.picture import Columns, DataSource, Picture
from noisyviz.units.activation import Array
from noisyviz.units.activations import activation, rebuilt_by_name
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayView:
    """One array of pre-activations.

    Parameters
    ----------
    name, fn
        Of the array and of its activation.
    units, dead
        How many units it has, and how many of them saturate in at least 99 % of their samples.
    share_left, share_right
        Of all samples.
    non_finite
        How many numbers are left out.
    thresholds
        (x_t⁻, x_t⁺), ∓inf where that side has none.
    h
        The activation at `ProfileResult.x`, shape (points,).
    density
        Between `ProfileResult.edges`, shape (bins,).
    beyond
        Share of the samples outside these edges.
    order
        The units, the most saturated first, shape (units,).
    left, right
        Their shares in this order.
    bars, bar_left, bar_right
        The same for a picture: edges in units, shape (n + 1,), and means of the units between them, shape (n,).
    before, after, noise
        Shares of the samples by the size of the response without and with noise, h′ and E[∂φ/∂x], and by std[∂φ/∂x],
        in units of u′: exactly 0, below the smallest of `ProfileResult.levels`, and between them; shape (levels + 1,).
    backward
        Share of the samples whose response with noise has the sign opposite to u′.
    """

    name: str
    fn: str
    units: int
    dead: int
    share_left: float
    share_right: float
    non_finite: int
    thresholds: tuple[float, float]
    h: Array
    density: Array
    beyond: float
    order: npt.NDArray[np.int64]
    left: Array
    right: Array
    bars: Array
    bar_left: Array
    bar_right: Array
    before: Array
    after: Array
    noise: Array
    backward: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowView:
    """One array of many, in short.

    Parameters
    ----------
    name, array, file
        Its full name, its name inside its file, and the file's part of the name; the last two of several files.
    fn, thresholds, units, dead, share_left, share_right, non_finite
        As in `ArrayView`.
    quantiles
        Of x at `ROW_QUANTILES`.
    worst
        The units that saturate most.
    response_noiseless, response, noise
        Over its saturated samples and in units of u′, NaN where none saturates; see `NoiseProfile`.
    """

    name: str
    array: str
    file: str
    fn: str
    thresholds: tuple[float, float]
    units: int
    dead: int
    share_left: float
    share_right: float
    non_finite: int
    quantiles: Array
    worst: tuple[int, ...]
    response_noiseless: float
    response: float
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Files that are drawn as moments in time.

    Parameters
    ----------
    files
        Their names, in natural order.
    at
        Where each stands on the axis of time, shape (files,).
    label
        What that axis counts.
    """

    files: tuple[str, ...]
    at: Array
    label: str

    def told(self) -> str:
        """Return in a sentence what was taken for time."""
        return f"taken for time: {self.label}, {len(self.files)} files from '{self.files[0]}' to '{self.files[-1]}'"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ProfileResult:
    """All arrays, on the same axes.

    Parameters
    ----------
    arrays
        Those that have panels of their own; none where all are in `rows`.
    rows
        Many arrays, one row for each; or arrays of several files, by array and then by file.
    moments
        The files as moments in time, None where `rows` are rows.
    empty
        The arrays without a finite number, which are left out.
    left_out
        How many more than `MOST_ROWS` there are.
    x, edges
        Where h is drawn, and the edges of the bins of the density.
    levels
        The edges of the bins of gradients, from the smallest that is told apart.
    kind, scale, noise, parameters
        Of the unit, as in captions.
    """

    arrays: tuple[ArrayView, ...]
    rows: tuple[RowView, ...]
    moments: Moments | None
    empty: tuple[str, ...]
    left_out: int
    x: Array
    edges: Array
    levels: Array
    kind: str
    scale: str
    noise: str
    parameters: tuple[tuple[str, float], ...]


MOST_ARRAYS: Final = 8  # with panels of their own
MOST_ROWS: Final = 120
LEAST_MOMENTS: Final = 3  # files that are taken for time
ROW_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS: Final = 96
POINTS: Final = 241
MARGIN: Final = 1.0  # beyond the thresholds and the quantiles that are always shown
FARTHEST: Final = 1e6
SMALLEST: Final = 1e-3  # gradients below are one bin
PER_DECADE: Final = 8
MOST_BARS: Final = 192  # of units in a picture; more units share them
_THIN: Final = Grid(bits=6, octaves=64)  # cells at whose centres the effect of noise is worked out
_SHOWN_QUANTILES: Final = (0, -1)  # of `noisyviz.networks.profile.QUANTILES`: 1 % and 99 %


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePicture(Picture[ProfileResult]):
    """Settings of the picture of a profile.

    The pre-activations themselves are not among them: the picture is made from a `Profile`, see `of`.

    Parameters
    ----------
    fn
        The activation of all arrays but those of `functions`.
    functions
        Pairs of an array's name and its activation.
    unit, alpha, c, p, scale, noise
        As in `noisyviz.NoisyUnit`, where `unit` is called `kind`.
    axis, axes
        The axis of units, and pairs of an array's name and its own.
    files
        The files that were profiled.

    Raises
    ------
    InputError
        For an unknown name or a parameter outside its domain.

    Examples
    --------
    >>> from noisyviz.networks.profile import profile
    >>> picture = ProfilePicture(fn="hard-tanh")
    >>> found = picture.of(profile([[-2.0, 0.0], [0.5, 3.0]], fn="hard-tanh", unit=picture.noisy_unit()))
    >>> found.arrays[0].left.tolist(), float(found.arrays[0].before[0])
    ([0.5, 0.0], 0.5)
    """

    name: ClassVar[str] = "profile"
    earlier: ClassVar[Mapping[str, Any]] = MappingProxyType({"axis": -1, "axes": []})

    fn: str = default("fn")
    functions: tuple[tuple[str, str], ...] = ()
    unit: str = default("unit")
    alpha: float = default("alpha")
    c: float = default("c")
    p: float = default("p")
    scale: str = default("scale")
    noise: str = default("noise")
    axis: int = -1
    axes: tuple[tuple[str, int], ...] = ()
    files: tuple[DataSource, ...] = ()

    def __post_init__(self) -> None:
        self.noisy_unit()

    def noisy_unit(self) -> NoisyUnit:
        """Return the unit whose effect is shown."""
        return NoisyUnit(
            self.fn, kind=self.unit, alpha=self.alpha, c=self.c, p=self.p, scale=self.scale, noise=self.noise
        )

    @classmethod
    def showing(cls, found: Profile) -> Self:
        """Return the settings of the picture of a profile that was made in Python.

        Raises
        ------
        InputError
            When no noisy unit was given, and for an activation that no name stands for.
        """
        unit = found.unit
        if unit is None:
            raise InputError("the picture shows what a noisy unit does: profile with unit=, without shares_only")
        for name in ("alpha", "c", "p"):
            if np.ndim(getattr(unit, name)):
                raise InputError(f"{name} must be one number in a picture, got an array", parameter=name)
        for h in found.activations:
            if not rebuilt_by_name(h):
                raise InputError(f"the picture needs activations by name, and '{h.name}' is not the name of this one")
        return cls(**{**unit.to_dict(), "fn": found.activations[0].name})

    def compute(self, *_data: object, **_progress: object) -> ProfileResult:
        """Refuse: a picture does not hold the pre-activations it was made from.

        Raises
        ------
        InputError
            Always.
        """
        names = ", ".join(f"'{source.file}'" for source in self.files) or "the files"
        raise InputError(f"a picture of a profile holds no data; give {names} again")

    def of(self, found: Profile, *, apart: bool = False) -> ProfileResult:
        """Return every number in the picture of a profile.

        Up to eight arrays have panels of their own, or all where `apart`. Of more, each has a row. Three or more files
        with arrays of the same names, whose own names differ in numbers alone, are taken for moments in time; where the
        arrays have no names, those of the files must also speak of steps, epochs or the like.

        Shares of units and arrays are exact. Densities come from counts in cells no wider than (1 + abs x)/512, and
        take a cell that an edge cuts to be evenly filled. Gradient factors are those of a point at most
        (1 + abs x)/64 away, on the same side of both thresholds where these are edges of cells.

        Raises
        ------
        InputError
            When the profile holds shares alone.
        """
        if found.total.noise is None:
            raise InputError("a picture needs more than shares; leave --shares-only out")
        held = [array for array in found.arrays if array.counts.any()]
        moments = None if apart else _moments(held)
        short = moments is not None or (len(held) > MOST_ARRAYS and not apart)
        rows = _in_time(held, moments) if moments else [] if apart else held[:MOST_ROWS]
        shown = [] if short else held or list(found.arrays[:1])
        low, high = _range(shown)
        x, edges = np.linspace(low, high, POINTS), np.linspace(low, high, BINS + 1)
        unit = self.noisy_unit()
        gradients = [_gradients(array, unit) for array in shown]
        top = max([1.0, *(float(np.abs(values[:, 1:]).max(initial=0.0)) for values in gradients)])
        decades = np.log10(top / SMALLEST)
        levels = SMALLEST * 10.0 ** (np.arange(int(np.ceil(decades * PER_DECADE + 1e-9)) + 1) / PER_DECADE)
        uses = KINDS[self.unit].uses
        parameters = (("alpha", self.alpha), ("c", self.c), ("p", self.p))
        return ProfileResult(
            arrays=tuple(
                _view(array, x=x, edges=edges, levels=levels, gradients=values)
                for array, values in zip(shown, gradients, strict=True)
            ),
            rows=tuple(map(_row, rows)),
            moments=moments,
            empty=tuple(array.name for array in found.arrays if array not in [*held, *shown]),
            left_out=len(held) - len(rows) if short else 0,
            x=x,
            edges=edges,
            levels=levels,
            kind=self.unit,
            scale=self.scale,
            noise=unit.noise.name,
            parameters=tuple((key, float(value)) for key, value in parameters if key in uses),
        )

    def tables(self, result: ProfileResult) -> Mapping[str, Columns]:
        """Return densities (suffix ``-density``), sorted units (``-units``) and gradients (``-gradients``).

        Of a picture of rows or of moments, return what it draws, one row for each array (suffix empty).
        """
        if not result.arrays:
            return {"": _row_columns(result)}
        arrays, bins, levels = result.arrays, result.edges.size - 1, result.levels.size + 1
        names = np.array([array.name for array in arrays])
        low, high = np.concatenate([[0.0, 0.0], result.levels[:-1]]), np.concatenate([[0.0], result.levels])
        return {
            "-density": {
                "array": np.repeat(names, bins),
                "low": np.tile(result.edges[:-1], len(arrays)),
                "high": np.tile(result.edges[1:], len(arrays)),
                "density": np.concatenate([array.density for array in arrays]),
            },
            "-units": {
                "array": np.repeat(names, [array.units for array in arrays]),
                "unit": np.concatenate([array.order for array in arrays]),
                "share_left": np.concatenate([array.left for array in arrays]),
                "share_right": np.concatenate([array.right for array in arrays]),
            },
            "-gradients": {
                "array": np.repeat(names, levels),
                "low": np.tile(low, len(arrays)),
                "high": np.tile(high, len(arrays)),
                "before": np.concatenate([array.before for array in arrays]),
                "after": np.concatenate([array.after for array in arrays]),
                "noise": np.concatenate([array.noise for array in arrays]),
            },
        }


_TIME: Final = r"(epoch|step|iter|update|checkpoint|ckpt|time|batch)[a-z]*[-_. ]*[0-9]"


def _moments(arrays: Sequence[ArrayProfile]) -> Moments | None:
    """Return files of the same arrays as moments in time, None where they are not; see `ProfilePicture.of`."""
    files = sorted({array.file for array in arrays}, key=natural)
    groups = [{array.inner for array in arrays if array.file == file} for file in files]
    if len(files) < LEAST_MOMENTS or len(set.union(*groups)) > MOST_ARRAYS or not set.intersection(*groups):
        return None
    pieces = [re.split(r"([0-9]+)", file) for file in files]
    if len({tuple(parts[::2]) for parts in pieces}) > 1:
        return None
    if groups[0] == {""} and not all(re.search(_TIME, file.lower()) for file in files):
        return None
    differing = [k for k in range(1, len(pieces[0]), 2) if len({parts[k] for parts in pieces}) > 1]
    counted = [int(parts[differing[0]][:15]) for parts in pieces]
    if len(differing) > 1 or len(set(counted)) < len(files):
        return Moments(files=tuple(files), at=np.arange(1.0, len(files) + 1.0), label="files in natural order")
    pattern = "".join("N" if k in differing else part for k, part in enumerate(pieces[0]))
    return Moments(files=tuple(files), at=np.array(counted, dtype=np.float64), label=f"N of {pattern}")


def _in_time(arrays: Sequence[ArrayProfile], moments: Moments) -> list[ArrayProfile]:
    """Return the arrays of files in the order of time, those of one name together."""
    names = list(dict.fromkeys(array.inner for array in arrays))
    return sorted(arrays, key=lambda array: (names.index(array.inner), moments.files.index(array.file)))


def _row(array: ArrayProfile) -> RowView:
    noise = array.noise
    assert noise is not None
    return RowView(
        name=array.name,
        array=array.inner,
        file=array.file,
        fn=array.fn,
        thresholds=activation(array.fn).thresholds,
        units=array.units,
        dead=array.dead_units,
        share_left=array.share_left,
        share_right=array.share_right,
        non_finite=array.non_finite,
        quantiles=array.quantiles[[QUANTILES.index(level) for level in ROW_QUANTILES]],
        worst=tuple(unit for unit, _, _ in array.worst()),
        response_noiseless=noise.response_noiseless_saturated,
        response=noise.response_saturated,
        noise=noise.noise_rms_saturated,
    )


def _row_columns(result: ProfileResult) -> Columns:
    rows, moments = result.rows, result.moments
    found: dict[str, npt.NDArray[Any]] = {
        name: np.array([getattr(row, name) for row in rows])
        for name in ("name", "fn", "units", "dead", "share_left", "share_right")
    }
    found |= {
        f"q{round(100 * q):02}": np.array([row.quantiles[k] for row in rows]) for k, q in enumerate(ROW_QUANTILES)
    }
    found |= {
        name: np.array([getattr(row, name) for row in rows]) for name in ("response_noiseless", "response", "noise")
    }
    if moments is not None:
        found["time"] = np.array([moments.at[moments.files.index(row.file)] for row in rows])
    return found


def _range(arrays: Sequence[ArrayProfile]) -> tuple[float, float]:
    """Return a range that holds the thresholds and 98 % of every array."""
    ends = [float(array.quantiles[k]) for array in arrays for k in _SHOWN_QUANTILES if array.counts.any()]
    ends += [t for array in arrays for t in activation(array.fn).thresholds if np.isfinite(t)]
    low, high = min(ends, default=-1.0) - MARGIN, max(ends, default=1.0) + MARGIN
    return max(low, -FARTHEST), min(high, FARTHEST)


def _gradients(array: ArrayProfile, unit: NoisyUnit) -> Array:
    """Return occupied cells as rows: samples in them, and in units of u′ h′, E[∂φ/∂x] and std[∂φ/∂x] at centres."""
    edges = FINE.edges()
    held = np.flatnonzero(array.counts)
    h = activation(array.fn)
    centres = 0.5 * (edges[held] + edges[held + 1])
    saturated = h.saturated(centres)
    cell = 2 * _THIN.cell(centres) + saturated
    kept, place = np.unique(cell, return_inverse=True)
    weights = np.bincount(place, weights=array.counts[held], minlength=kept.size)
    x = np.bincount(place, weights=array.counts[held] * centres, minlength=kept.size) / np.maximum(weights, 1.0)
    found, slope = exact(unit.replace(fn=h), x), h.slope or 1.0
    noisy = (found.grad_mean / slope, found.grad_std / abs(slope))
    return np.stack([weights, h.derivative(x) / slope, *noisy], axis=1)


def _view(array: ArrayProfile, *, x: Array, edges: Array, levels: Array, gradients: Array) -> ArrayView:
    rows = array.per_unit
    assert rows is not None
    saturated = np.nan_to_num(rows.share_saturated, nan=-1.0)
    order = np.argsort(-saturated, kind="stable")
    total = max(float(array.counts.sum()), 1.0)
    cells = FINE.edges()
    cumulated = np.concatenate([[0.0], np.cumsum(array.counts)]) / total
    reached = np.interp(edges, cells, cumulated)
    h = activation(array.fn)
    weights, before, after, noise = gradients.T
    left, right = np.nan_to_num(rows.share_left[order]), np.nan_to_num(rows.share_right[order])
    bars = np.unique(np.linspace(0, array.units, min(array.units, MOST_BARS) + 1).round().astype(np.int64))
    return ArrayView(
        name=array.name,
        fn=array.fn,
        units=array.units,
        dead=array.dead_units,
        share_left=array.share_left,
        share_right=array.share_right,
        non_finite=array.non_finite,
        thresholds=h.thresholds,
        h=h.h(x),
        density=np.diff(reached) / np.diff(edges),
        beyond=float(reached[0] + cumulated[-1] - reached[-1]),
        order=order.astype(np.int64),
        left=left,
        right=right,
        bars=bars.astype(np.float64),
        bar_left=np.add.reduceat(left, bars[:-1]) / np.diff(bars),
        bar_right=np.add.reduceat(right, bars[:-1]) / np.diff(bars),
        before=_by_level(np.abs(before), weights, levels),
        after=_by_level(np.abs(after), weights, levels),
        noise=_by_level(noise, weights, levels),
        backward=float(weights[after < 0].sum()) / max(float(weights.sum()), 1.0),
    )


def _by_level(values: Array, weights: Array, levels: Array) -> Array:
    """Return the shares that are 0, below the first level, and between levels; the last takes what lies on it."""
    place = np.where(values == 0, 0, 1 + np.minimum(np.searchsorted(levels, values, side="right"), levels.size - 1))
    return np.bincount(place, weights=weights, minlength=levels.size + 1) / max(float(weights.sum()), 1.0)
