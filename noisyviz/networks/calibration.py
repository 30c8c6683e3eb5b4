"""What a calibration answers: settings, the best of them, and the commands that show it."""

import math
import shlex
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from noisyviz.results import Drawable, Result, Summary, told
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.unit import NoisyUnit

COLUMNS: Final = ("fn", "unit", "alpha", "c", "p", "grad_rms_saturated", "bias_rms", "std_rms")
"""What is told of a setting."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Setting(Result):
    """A unit, its noise level and what it does to the samples."""

    unit: NoisyUnit
    c: float
    grad_rms_saturated: float
    bias_rms: float
    std_rms: float

    @property
    def price(self) -> float:
        """The root mean square of φ − h over draws and samples: what the gradient costs in output."""
        return math.hypot(self.bias_rms, self.std_rms)

    def plain(self) -> dict[str, Any]:
        """Return the setting under the names of `COLUMNS`; α is None for a kind that ignores it."""
        return {
            "fn": self.unit.activation.name,
            "unit": self.unit.kind,
            "alpha": float(self.unit.alpha) if _takes_alpha(self.unit) else None,
            "c": self.c,
            "p": float(self.unit.p),
            "grad_rms_saturated": self.grad_rms_saturated,
            "bias_rms": self.bias_rms,
            "std_rms": self.std_rms,
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
    target_grad, max_bias, start_factor
        What was asked for, see `noisyviz.calibrate`.
    """

    best: Setting | None
    found: tuple[Setting, ...]
    curve: tuple[Setting, ...]
    start: Setting | None
    target_grad: float
    max_bias: float | None
    start_factor: float

    def ranked(self) -> list[Setting]:
        """Return what every unit needs, the best first."""
        return sorted(self.found, key=lambda setting: (setting.price, setting.c))

    def summary(self) -> Summary:
        """Return what every unit needs, the least price first."""
        cells = [["" if value is None else told(value) for value in one.plain().values()] for one in self.ranked()]
        title = (
            "The smallest c that reaches the target, the least change of output first"
            if cells
            else "No setting reaches the target"
        )
        return Summary(title=title, header=COLUMNS, rows=cells)

    def plain(self) -> dict[str, Any]:
        """Return the best setting with the command that draws it, a schedule that ends there, and the trade-off."""
        best = self.best
        return {
            "reached": best is not None,
            "best": None if best is None else {**best.plain(), "command": best.command()},
            "schedule": self._schedule(),
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
