"""What a run of annealed descent answers: the runs side by side, with their shares and intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, sqrt
from typing import Any, Final

import numpy as np

from noisyviz.annealing.objectives import Objective
from noisyviz.annealing.schedules import Schedule
from noisyviz.results import Drawable, Result, Summary
from noisyviz.units.activation import Array
from noisyviz.units.noise import Noise
from noisyviz.units.unit import NoisyUnit

LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are kept at every step of the run with the schedule; of the constant run, the median alone."""

QUANTILES: Final = ("q05", "q25", "q50", "q75", "q95")
"""The names of these columns in tables."""

Z_95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class NoisyRun(Result):
    """Many trajectories under one course of c.

    Attributes
    ----------
    c
        c_t, shape (steps + 1,).
    quantiles
        Of x_t at `LEVELS`, or the median alone, shape (steps + 1, 5 or 1); ±inf where that many have diverged.
    paths
        x_t of the first few trajectories, shape (kept, steps + 1); ±inf from where one diverges.
    x_final
        x_T, shape (trajectories,); ±inf for the diverged.
    first_passage
        First step strictly inside the region of success, inf for never, shape (trajectories,).
    share_success, share_success_ci
        Share inside the region after the last step, with its Wilson interval at 95 %.
    share_within_5_percent
        Share inside the region widened at each end by 5 % of that threshold.
    median_first_passage
        Over all trajectories, inf when most never come in.
    loss_mean_final
        Mean noiseless loss at x_T.
    diverged
        How many trajectories left the finite numbers; they stay where they are from then on.
    inward
        Mean distance by which each term of the gradient moved a trajectory towards the region, until its first
        passage or the end: term to distance; empty for landscapes.
    tracked
        Over how many trajectories `inward` is taken.
    """

    c: Array
    quantiles: Array
    paths: Array
    x_final: Array
    first_passage: Array
    share_success: float
    share_success_ci: tuple[float, float]
    share_within_5_percent: float
    median_first_passage: float
    loss_mean_final: float
    diverged: int
    inward: dict[str, float]
    tracked: int

    def plain(self) -> dict[str, Any]:
        """Return what became of the trajectories."""
        ends = np.sort(self.x_final)
        places = {level: (ends.size - 1) * level for level in (0.05, 0.5, 0.95)}
        return {
            "share_success": self.share_success,
            "share_success_ci": list(self.share_success_ci),
            "share_within_5_percent": self.share_within_5_percent,
            "median_first_passage": self.median_first_passage,
            "loss_mean_final": self.loss_mean_final,
            "diverged": self.diverged,
            "x_quantiles_final": {f"{level:g}": _between(ends, place) for level, place in places.items()},
            "inward": self.inward,
        }

    def columns(self) -> dict[str, Any]:
        """Return c and the quantiles of x at every step."""
        names = QUANTILES if self.quantiles.shape[1] == len(QUANTILES) else ("q50",)
        return {"step": np.arange(self.c.size), "c": self.c, **dict(zip(names, self.quantiles.T, strict=True))}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class LoneRun(Result):
    """A run without random numbers.

    Attributes
    ----------
    x
        x_t, shape (steps + 1,).
    first_passage
        First step inside the region of success, inf for never.
    share_success
        1 when x_T is inside, else 0.
    loss_final
        Noiseless loss at x_T.
    """

    x: Array
    first_passage: float
    share_success: float
    loss_final: float

    def plain(self) -> dict[str, Any]:
        """Return what became of it."""
        return {
            "share_success": self.share_success,
            "first_passage": self.first_passage,
            "x_final": float(self.x[-1]),
            "loss_final": self.loss_final,
        }

    def columns(self) -> dict[str, Any]:
        """Return x at every step."""
        return {"step": np.arange(self.x.size), "x": self.x}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Annealing(Drawable):
    """The runs side by side.

    Attributes
    ----------
    objective, unit, noise
        What was descended; `unit` is None for landscapes.
    steps, trajectories, x0, lr, target
        How; `target` is None for landscapes.
    region
        The open interval of success.
    schedule
        c_t as it was given.
    noisy, constant
        c by the schedule, and c held at `c_constant`.
    leak
        The same unit with c = 0; None for landscapes, which have no leak.
    noiseless
        h itself, or the landscape itself.
    """

    objective: Objective
    unit: NoisyUnit | None
    noise: Noise
    steps: int
    trajectories: int
    x0: float
    lr: float
    target: float | None
    region: tuple[float, float]
    c_constant: float
    schedule: Schedule
    noisy: NoisyRun
    constant: NoisyRun
    leak: LoneRun | None
    noiseless: LoneRun

    def summary(self) -> Summary:
        """Return one row per run."""
        what = self.objective.name if self.unit is None else f"{self.unit.activation.name}, {self.unit.kind}"
        return Summary(
            title=f"Annealing of {what}: {self.steps:,} steps, {self.trajectories:,} trajectories",
            header=RUN_HEADER,
            rows=run_rows([("annealed", self)]),
        )

    def plain(self) -> dict[str, Any]:
        """Return the runs and the sentence that says what moved them."""
        from noisyviz.annealing.explanation import verdict

        return {
            "steps": self.steps,
            "schedule": self.noisy.c.tolist(),
            "noisy": self.noisy.plain(),
            "constant": self.constant.plain(),
            "leak": None if self.leak is None else self.leak.plain(),
            "noiseless": self.noiseless.plain(),
            "verdict": verdict(self),
        }

    def columns(self) -> dict[str, Any]:
        """Return what happens at every step, as the command's CSV file does; a landscape has no leak: NaN."""
        leak = np.full(self.steps + 1, np.nan) if self.leak is None else self.leak.x
        alone = {"noiseless": self.noiseless.x, "leak": leak, "constant_q50": self.constant.quantiles[:, 0]}
        return self.noisy.columns() | alone


RUN_HEADER: Final = ("run", "c", "share inside", "95 % interval", "first passage", "final loss", "diverged")


def run_rows(runs: Sequence[tuple[str, Annealing]]) -> list[list[str]]:
    """Return one row per run: those with a schedule under their names, then those that all have in common."""
    first = runs[0][1]
    rows = [_noisy_row(name, f"{one.noisy.c[0]:.4g} to {one.noisy.c[-1]:.4g}", one.noisy) for name, one in runs]
    rows.append(_noisy_row("constant", f"{first.c_constant:g}", first.constant))
    if first.leak is not None:
        rows.append(_lone_row("leak", "0", first.leak))
    return [*rows, _lone_row("noiseless", "none", first.noiseless)]


def _noisy_row(name: str, c: str, run: NoisyRun) -> list[str]:
    low, high = run.share_success_ci
    passage = _passage(run.median_first_passage)
    ends = f"{low:.3f} to {high:.3f}"
    return [name, c, f"{run.share_success:.4g}", ends, passage, f"{run.loss_mean_final:.3g}", str(run.diverged)]


def _lone_row(name: str, c: str, run: LoneRun) -> list[str]:
    gone = "0" if isfinite(float(run.x[-1])) else "1"
    return [name, c, f"{run.share_success:g}", "", _passage(run.first_passage), f"{run.loss_final:.3g}", gone]


def _passage(step: float) -> str:
    return f"{step:g}" if isfinite(step) else "never"


def _between(ordered: Array, place: float) -> float:
    low, high = float(ordered[floor(place)]), float(ordered[ceil(place)])
    share = place - floor(place)
    return low + share * (high - low) if isfinite(high - low) else (low if share < 0.5 else high)


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's score.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22 (1927) 209.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(10, 10)]
    [0.7225, 1.0]
    """
    share, square = successes / trials, Z_95 * Z_95
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = Z_95 / (1 + square / trials) * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    low = 0.0 if successes == 0 else centre - half
    return low, 1.0 if successes == trials else centre + half
