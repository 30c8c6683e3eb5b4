"""What a calibration answers: settings, the best of them, and the commands that show it."""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from noisyviz.results import Drawable, Result, Summary, told
from noisyviz.units.activation import Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.unit import NoisyUnit

COLUMNS: Final = (
    *("fn", "unit", "alpha", "c", "p", "grad_rms_saturated", "bias_rms", "std_rms"),
    *("response", "pull", "noise", "p_wrong", "on_front"),
)
"""What is told of a setting."""
SHOWN: Final = ("unit", "alpha", "c", "response", "pull", "noise", "p_wrong", "bias_rms", "std_rms", "on_front")
"""What a short table tells."""
_SAME: Final = 1e-8  # relative
TARGETS: Final = MappingProxyType({"response": "response", "pull": "pull", "rms": "root-mean-square gradient"})
"""What `calibrate` can be asked for, in words."""
ASKED: Final = ("by", "target_grad", "max_bias", "max_wrong", "max_std", "start_factor")
"""The arguments of `calibrate` that say what is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Setting(Result):
    """A unit, its noise level and what it does to the samples.

    Parameters
    ----------
    unit, c
        The unit with its noise level.
    grad_rms_saturated
        Root mean square of ∂φ/∂x over draws and saturated samples.
    bias_rms, std_rms
        Root mean squares of E φ − h and of the standard deviation of φ over all samples.
    response, pull, noise, p_wrong
        Over the saturated samples and in units of u′: means of E[∂φ/∂x] and of Cov(φ, ∂φ/∂x), root mean square of
        std[∂φ/∂x], and the mean of P(wrong sign); see `noisyviz.networks.noise_effect.NoiseProfile`.
    on_front
        Whether no setting on the curve has at once no less of the target, no more bias and no more std, and is better
        in one of them.
    """

    unit: NoisyUnit
    c: float
    grad_rms_saturated: float
    bias_rms: float
    std_rms: float
    response: float
    pull: float
    noise: float
    p_wrong: float
    on_front: bool = False

    @property
    def price(self) -> float:
        """The root mean square of φ − h over draws and samples: what the gradient costs in output."""
        return math.hypot(self.bias_rms, self.std_rms)

    def of(self, by: str) -> float:
        """Return how much there is of one of `TARGETS`, in units of u′."""
        found: float = self.grad_rms_saturated / (abs(self.unit.activation.slope) or 1.0)
        return found if by == "rms" else float(getattr(self, by))

    def plain(self) -> dict[str, Any]:
        """Return the setting under the names of `COLUMNS`; α is None for a kind that ignores it."""
        return {
            "fn": self.unit.activation.name,
            "unit": self.unit.kind,
            "alpha": float(self.unit.alpha) if _takes_alpha(self.unit) else None,
            "c": self.c,
            "p": float(self.unit.p),
            **{name: getattr(self, name) for name in COLUMNS[5:]},
        }

    def columns(self) -> dict[str, Any]:
        """Return the setting as one row."""
        return {name: np.array([_number(value)]) for name, value in self.plain().items()}

    def command(self) -> str:
        """Return the command that draws the unit."""
        return _words("plot", self.unit, f"--c {self.c!r}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Calibration(Drawable):
    """What was found.

    Parameters
    ----------
    best
        The setting of `found` with the smallest `price`: none of them has both less bias and less spread. None when no
        setting reaches the target.
    found
        The smallest c of every unit that reaches it.
    curve
        Every unit at noise levels from 0 to 100; also where gradient or bias turn round close to what is wanted, and,
        where that is never reached, at the bound.
    start
        Where a schedule of c for the best unit may start, to end at the best setting: the smallest c from there on
        with `start_factor` times the target gradient, whatever its bias. None where c up to 100 does not reach that.
    by, target_grad, max_bias, max_wrong, max_std, start_factor
        What was asked for, see `noisyviz.calibrate`.
    """

    best: Setting | None
    found: tuple[Setting, ...]
    curve: tuple[Setting, ...]
    start: Setting | None
    by: str
    target_grad: float
    max_bias: float | None
    max_wrong: float | None
    max_std: float | None
    start_factor: float

    def ranked(self) -> list[Setting]:
        """Return what every unit needs, the best first."""
        return sorted(self.found, key=lambda setting: (setting.price, setting.c))

    def summary(self) -> Summary:
        """Return what every unit needs, the least price first."""
        rows = [one.plain() for one in self.ranked()]
        cells = [["" if row[name] is None else told(row[name]) for name in SHOWN] for row in rows]
        wanted = f"a {TARGETS[self.by]} of {self.target_grad:g}"
        least = f"The smallest c with {wanted}, the least change of output first"
        return Summary(title=least if cells else f"No setting reaches {wanted}", header=SHOWN, rows=cells)

    def plain(self) -> dict[str, Any]:
        """Return the best setting with the command that draws it, a schedule that ends there, and the trade-off."""
        best = self.best
        return {
            "reached": best is not None,
            "best": None if best is None else {**best.plain(), "command": best.command()},
            "schedule": self._schedule(),
            "found": [one.plain() for one in self.ranked()],
            "curve": [one.plain() for one in self.curve],
        }

    def columns(self) -> dict[str, Any]:
        """Return the trade-off, one row for each setting that was tried."""
        rows = [one.plain() for one in self.curve]
        return {name: np.array([_number(row[name]) for row in rows]) for name in COLUMNS}

    def _schedule(self) -> dict[str, Any] | None:
        """Return the end points of a schedule, None without a best setting."""
        if self.best is None:
            return None
        start = self.start
        return {
            "c_start": None if start is None else start.c,
            "c_end": self.best.c,
            "grad_rms_saturated_start": None if start is None else start.grad_rms_saturated,
            "bias_rms_start": None if start is None else start.bias_rms,
            "command": None if start is None else anneal_command(start, self.best),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Calibrations(Result):
    """What was found for each of several arrays.

    Parameters
    ----------
    by_array
        The answers by the names of the arrays, at least one.
    """

    by_array: Mapping[str, Calibration]

    def summary(self) -> Summary:
        """Return the best setting for every array."""
        wanted = next(iter(self.by_array.values()))
        cells = []
        for name, found in self.by_array.items():
            row = {} if found.best is None else found.best.plain()
            fn = found.curve[0].unit.activation.name
            cells.append([name, fn, *("" if row.get(key) is None else told(row[key]) for key in SHOWN)])
        what = f"a {TARGETS[wanted.by]} of {wanted.target_grad:g}"
        title = f"For every array the least change of output with {what}; empty where nothing reaches it"
        return Summary(title=title, header=("array", "fn", *SHOWN), rows=cells)

    def plain(self) -> dict[str, Any]:
        """Return the answers, each with the name of its array."""
        return {"arrays": [{"array": name, **found.plain()} for name, found in self.by_array.items()]}

    def columns(self) -> dict[str, Any]:
        """Return the trade-offs of all arrays one below the other."""
        parts = [(name, found.columns()) for name, found in self.by_array.items()]
        sizes = [part["c"].size for _, part in parts]
        names = np.repeat(np.array([name for name, _ in parts]), sizes)
        return {"array": names} | {key: np.concatenate([part[key] for _, part in parts]) for key in COLUMNS}


def fronts(points: Array, among: Array) -> Array:
    """Return which points none of others dominates, shape (n,).

    Parameters
    ----------
    points, among
        Shape (n, k) and (m, k); less is better in every column. One dominates another if it is nowhere worse and
        somewhere better; numbers that differ by less than 1e-8 of them, as two roots do, count as equal.

    Examples
    --------
    >>> fronts(np.array([[0.0, 2.0], [1.0, 1.0], [1.0, 2.0]]), np.array([[0.0, 2.0], [1.0, 1.0]])).tolist()
    [True, True, False]
    """

    def dominated(one: Array) -> bool:
        slack = _SAME * np.abs(one)
        return bool(((among <= one + slack).all(axis=1) & (among < one - slack).any(axis=1)).any())

    return np.array([not dominated(one) for one in points], dtype=bool)


def anneal_command(start: Setting, end: Setting) -> str:
    """Return the command that anneals from one setting to another; the usual schedule cannot end at 0."""
    form = "" if end.c > 0 else " --schedule cosine"
    return _words("anneal", end.unit, f"--c-start {start.c!r} --c-end {end.c!r}{form}")


def _takes_alpha(unit: NoisyUnit) -> bool:
    return "alpha" in KINDS[unit.kind].uses


def _number(value: Any) -> Any:
    return np.nan if value is None else value


def _words(name: str, unit: NoisyUnit, level: str) -> str:
    words = f"noisyviz {name} --fn {shlex.quote(unit.activation.name)} --unit {unit.kind}"
    words += f" --alpha {float(unit.alpha)!r}" if _takes_alpha(unit) else ""
    words += f" {level} --p {float(unit.p)!r}"
    if unit.scale != default("scale"):
        words += f" --scale {unit.scale}"
    return words if unit.noise.name == default("noise") else f"{words} --noise {unit.noise.name}"
