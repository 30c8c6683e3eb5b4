"""What a run of annealed descent answers: the runs side by side, with their shares and intervals."""

from dataclasses import dataclass
from math import sqrt
from typing import Final

from noisyviz.annealing.objectives import Objective
from noisyviz.units.activation import Array
from noisyviz.units.noise import Noise
from noisyviz.units.unit import NoisyUnit

LEVELS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The quantiles that are kept at every step of the run with the schedule; of the constant run, the median alone."""

Z_95: Final = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoisyRun:
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoneRun:
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Annealing:
    """The runs side by side.

    Attributes
    ----------
    objective, unit, noise
        What was descended; `unit` is None for landscapes.
    steps, trajectories, x0, lr, target
        How; `target` is None for landscapes.
    region
        The open interval of success.
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
    noisy: NoisyRun
    constant: NoisyRun
    leak: LoneRun | None
    noiseless: LoneRun


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
