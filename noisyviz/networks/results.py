"""What a profile of pre-activations answers: for every array and every unit, as values and as tables."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.networks.noise_effect import NoiseProfile, UnitNoise
from noisyviz.networks.value_grid import Index
from noisyviz.results import Drawable, Result, Summary, told
from noisyviz.units.activation import Activation, Array
from noisyviz.units.unit import NoisyUnit

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
UNIT_QUANTILES: Final = (0.05, 0.5, 0.95)
MOST_WORST: Final = 5
"""Units that are named as those that saturate most."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class UnitProfile(Result):
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
    flat
        Whether abs h′ is below a thousandth of its largest value in at least 99 % of the samples; NaN with
        `shares_only`.
    low, high
        The smallest and the largest finite x.
    quantiles
        Of x at `UNIT_QUANTILES`, shape (units, 3), off by at most `quantile_error`·(1 + abs x) within ±65,535.
    quantile_error
        1/512 for few units, 1/32 at 4,096, more above; None, and NaN in place of the quantiles, for so many units
        that their cells would fill the memory, from 131,073 on.
    noise
        What the noisy unit does to each, off by less than 1e-3 of each value where the array holds more than four
        million numbers or the noise is on the input; None without a noisy unit, and for too many units for that.
    """

    samples: Index
    share_left: Array
    share_right: Array
    share_saturated: Array
    mean_abs_delta: Array
    mean_derivative: Array
    dead: npt.NDArray[np.bool_]
    flat: npt.NDArray[np.bool_] | Array
    low: Array
    high: Array
    quantiles: Array
    quantile_error: float | None
    noise: UnitNoise | None

    def columns(self) -> dict[str, Any]:
        """Return one row for every unit, in the order of `UNIT_COLUMNS`; NaN for the noise where there is none."""
        values = {name: getattr(self, name) for name in UNIT_COLUMNS if hasattr(self, name)}
        values |= dict(zip(("q05", "q50", "q95"), self.quantiles.T, strict=True))
        unknown = np.full(self.low.size, np.nan)
        effect = ("noise." + field.name for field in fields(UnitNoise))
        values |= {name: unknown if self.noise is None else getattr(self.noise, name[6:]) for name in effect}
        return {name: values[name] for name in UNIT_COLUMNS if name in values}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ArrayProfile(Result):
    """What was found for one array, or for all together.

    Parameters
    ----------
    name, fn
        Of the array and of its activation; the total of several activations has an empty one.
    file
        The part of the name that tells one of several files, empty where there is one or none.
    shape
        As given, empty for the total.
    axis
        Which axis counts units.
    units, samples
        The length of that axis and the product of the others; an array of one axis is one unit.
    unit_names
        Names of the units, empty where there are none.
    thresholds
        (x_t⁻, x_t⁺), ∓inf where that side has none; empty for the total.
    non_finite
        NaN and infinities, which are left out.
    share_left, share_right, share_saturated, mean_abs_delta, mean_derivative
        As in `UnitProfile`, over all finite numbers; NaN where there is none.
    dead_units
        How many units saturate in at least 99 % of their samples.
    flat_units
        How many units have an abs h′ below a thousandth of its largest value in at least 99 % of their samples, which
        tells of functions without a threshold too; NaN with `shares_only`.
    quantiles
        Of x at `QUANTILES`, off by at most (1 + abs x)/512.
    counts
        Samples in the cells of `noisyviz.networks.saturation.FINE`, for densities.
    noise
        What the noisy unit does here, None without one.
    per_unit
        None for the total.
    """

    name: str
    file: str
    fn: str
    shape: tuple[int, ...]
    axis: int
    unit_names: tuple[str, ...]
    thresholds: tuple[float, ...]
    units: int
    samples: int
    non_finite: int
    share_left: float
    share_right: float
    share_saturated: float
    mean_abs_delta: float
    mean_derivative: float
    dead_units: int
    flat_units: float
    quantiles: Array
    counts: Index
    noise: NoiseProfile | None
    per_unit: UnitProfile | None

    @property
    def inner(self) -> str:
        """The name of the array inside its file, empty where it has none there."""
        return self.name.removeprefix(self.file).removeprefix(":") if self.file else self.name

    def worst(self, most: int = MOST_WORST) -> list[tuple[int, str, float]]:
        """Return the units that saturate most: place, name and saturated share, the highest share first."""
        if self.per_unit is None or self.units == 1:
            return []
        shares = np.nan_to_num(self.per_unit.share_saturated)
        order = np.argsort(-shares, kind="stable")[:most].tolist()
        named = self.unit_names or ("",) * self.units
        return [(unit, named[unit], float(shares[unit])) for unit in order if shares[unit] > 0.0]

    def plain(self) -> dict[str, Any]:
        """Return the facts about the array, its quantiles, its worst units, and what the noisy unit does."""
        found: dict[str, Any] = {name: getattr(self, name) for name in ARRAY_FIELDS}
        found["axis"] = self.axis
        found["thresholds"] = [x if np.isfinite(x) else None for x in self.thresholds]
        found["quantiles"] = {f"{q:g}": v for q, v in zip(QUANTILES, self.quantiles.tolist(), strict=True)}
        if self.per_unit is not None:
            found["unit_quantile_error"] = self.per_unit.quantile_error
            found["worst_units"] = [
                dict(zip(("unit", "name", "share_saturated"), one, strict=True)) for one in self.worst()
            ]
        if self.noise is not None:
            found["noise"] = self.noise.plain()
        return found

    def columns(self) -> dict[str, Any]:
        """Return one row for every unit of the array; none for the total."""
        return unit_columns([self])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Profile(Drawable):
    """The profile of every array, and of all their numbers together.

    Parameters
    ----------
    arrays, total
        One for each array, and one for all.
    unit
        The noisy unit whose effect was found, None without one; on every array with the array's activation.
    activations
        The activation of every array.
    notes
        What is odd about the arrays, in sentences.
    """

    arrays: tuple[ArrayProfile, ...]
    total: ArrayProfile
    unit: NoisyUnit | None
    activations: tuple[Activation, ...]
    notes: tuple[str, ...] = ()

    def summary(self) -> Summary:
        """Return the main facts, one row per array, and of all together where there are several."""
        rows = [*self.arrays, *([self.total] if len(self.arrays) > 1 else [])]
        names = SHOWN if self.total.noise is not None else {key: SHOWN[key] for key in SHARES_SHOWN}
        if not self.total.non_finite:
            names = {key: name for key, name in names.items() if name != "non_finite"}
        cells = [[_cell(row, name) for name in names.values()] for row in rows]
        title = "Saturation" if self.unit is None else f"Saturation, and what {self.unit!r} does"
        return Summary(title=title, header=tuple(names), rows=cells)

    def plain(self) -> dict[str, Any]:
        """Return what was found for every array, and for all together."""
        total = {name: value for name, value in self.total.plain().items() if name not in _ONLY_OF_ARRAYS}
        return {"arrays": [array.plain() for array in self.arrays], "total": total, "notes": list(self.notes)}

    def columns(self) -> dict[str, Any]:
        """Return one row for every unit of every array, as the command's CSV file does."""
        return unit_columns(self.arrays)


ARRAY_FIELDS: Final = (
    *("name", "fn", "shape", "units", "samples", "non_finite", "share_left", "share_right", "share_saturated"),
    *("mean_abs_delta", "mean_derivative", "dead_units", "flat_units"),
)
"""What is told of an array beside its quantiles and the noise."""

UNIT_COLUMNS: Final = (
    *("array", "fn", "unit", "unit_name", "samples", "share_left", "share_right", "share_saturated", "mean_abs_delta"),
    *("mean_derivative", "dead", "flat", "low", "q05", "q50", "q95", "high"),
    *("noise.bias_rms", "noise.std_rms", "noise.bias_rms_saturated", "noise.std_rms_saturated"),
    *("noise.grad_rms_saturated", "noise.grad_rms_noiseless_saturated"),
    *("noise.response_saturated", "noise.response_noiseless_saturated", "noise.pull_saturated"),
    *("noise.noise_rms_saturated", "noise.p_wrong_saturated", "noise.p_zero_saturated"),
)
"""The columns of a table of units."""

_WORST_SHOWN: Final = 3
_ONLY_OF_ARRAYS: Final = ("name", "shape", "axis", "thresholds")
SHOWN: Final = {
    "array": "name",
    "fn": "fn",
    "units": "units",
    "left": "share_left",
    "right": "share_right",
    "dead": "dead_units",
    "flat": "flat_units",
    "bias": "noise.bias_rms",
    "response": "noise.response_saturated",
    "without": "noise.response_noiseless_saturated",
    "pull": "noise.pull_saturated",
    "noise": "noise.noise_rms_saturated",
    "non-finite": "non_finite",
    "worst units": "worst",
}
"""The columns of a short table of arrays by their headings."""
SHARES_SHOWN: Final = ("array", "fn", "units", "left", "right", "dead", "non-finite", "worst units")


def unit_columns(arrays: Sequence[ArrayProfile]) -> dict[str, Any]:
    """Return one row for every unit of some arrays, under the names of `UNIT_COLUMNS`."""
    tables = []
    for array in arrays:
        if array.per_unit is not None:  # only the total has none
            names = np.array(array.unit_names or [""] * array.units)
            facts: dict[str, Any] = {
                "array": array.name,
                "fn": array.fn,
                "unit": np.arange(array.units),
                "unit_name": names,
            }
            facts |= array.per_unit.columns()
            tables.append({name: np.broadcast_to(value, (array.units,)) for name, value in facts.items()})
    return {name: np.concatenate([table[name] for table in tables]) if tables else np.zeros(0) for name in UNIT_COLUMNS}


def _cell(row: ArrayProfile, name: str) -> str:
    """Return a fact as text; a share beyond a threshold that the function does not have is told as none."""
    if name == "worst":
        return ", ".join(f"{called or unit}" for unit, called, _ in row.worst(_WORST_SHOWN))
    sides = dict(zip(("share_left", "share_right"), row.thresholds, strict=False))
    return "none" if np.isinf(sides.get(name, 0.0)) else told(fact(row, name))


def fact(row: ArrayProfile, name: str) -> Any:
    """Return a fact about an array, one about the noise by ``noise.NAME``."""
    group, dot, key = name.partition(".")
    return getattr(row.noise, key) if dot else getattr(row, group)
