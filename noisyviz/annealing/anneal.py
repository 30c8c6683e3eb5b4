"""Annealed descent of many trajectories, beside the same descent with constant noise, with the leak alone and without.

All trajectories start at one point and take x ← x − η·∂ℓ/∂x with one fresh draw per trajectory and step. The run with
the schedule and the run with constant noise meet the same draws (common random numbers), so what differs between them
is c alone. Draws are taken step by step and, within a step, in the order of the trajectories: results do not depend on
how many trajectories are worked on at once. Quantiles, first passages and divergence are kept while running.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from typing import Final

import numpy as np

from noisyviz.annealing.descent import Descent, LandscapeDescent, descent
from noisyviz.annealing.objectives import Landscape, Objective
from noisyviz.annealing.objectives import objective as named_objective
from noisyviz.annealing.results import LEVELS, Annealing, LoneRun, NoisyRun, wilson
from noisyviz.annealing.schedules import Schedule
from noisyviz.annealing.trajectories import Swarm, run, walk
from noisyviz.errors import InputError
from noisyviz.units.activation import Array
from noisyviz.units.noise import Noise, RandomSource, generator
from noisyviz.units.noise import noise as named_noise
from noisyviz.units.unit import NoisyUnit

MEDIAN: Final = (0.5,)
NEAR: Final = 0.05  # "within 5 percent" of a threshold
MAX_STEPS: Final = 1_000_000
MAX_TRAJECTORIES: Final = 1_000_000
CHUNK: Final = 1 << 14


def anneal(
    unit: NoisyUnit | None = None,
    *,
    objective: str = "desaturate",
    schedule: Schedule,
    steps: int = 2000,
    trajectories: int = 256,
    rng: RandomSource,
    lr: float | None = None,
    x0: float | None = None,
    target: float | None = None,
    c_constant: float | None = None,
    noise: str | Noise = "normal",
    keep: int = 0,
    chunk: int = CHUNK,
    progress: Callable[[int], None] | None = None,
) -> Annealing:
    """Run annealed descent, and beside it constant noise, the leak alone and no noise.

    Parameters
    ----------
    unit
        The noisy unit that ``desaturate`` trains, with scalar parameters (its own c is not used); None for landscapes.
    objective
        A key of `noisyviz.annealing.objectives.OBJECTIVES`.
    schedule
        c_t as a function of an array of steps.
    steps
        T, from 0 to a million; step t uses c_t, t = 0 … T−1.
    trajectories
        From 1 to a million.
    rng
        A seed or a Generator, the source of the draws.
    lr, x0, target
        Learning rate η, start and target; by default those of the objective.
    c_constant
        c of the run with constant noise, by default c_T.
    noise
        Distribution of ξ for landscapes; a unit brings its own.
    keep
        How many whole trajectories to return for each noisy run; memory grows with keep × steps only.
    chunk
        How many trajectories are worked on at once; no result depends on it.
    progress
        Called about a hundred times with the number of steps done.

    Returns
    -------
    Annealing

    Raises
    ------
    InputError
        For a value outside its domain, or a unit where none is wanted.

    References
    ----------
    Gulcehre et al. 2016, sections 3 and 6.6.

    Examples
    --------
    >>> from noisyviz.annealing.schedules import exponential
    >>> fall = exponential(start=30.0, end=0.5, steps=500)
    >>> found = anneal(NoisyUnit("hard-tanh"), schedule=fall, steps=500, rng=0)
    >>> found.noisy.share_success, found.noiseless.share_success, found.leak.first_passage
    (1.0, 0.0, 470.0)
    """
    task = _task(unit, objective, noise=noise, lr=lr, x0=x0, target=target)
    _check_whole("steps", steps, low=0, high=MAX_STEPS)
    _check_whole("trajectories", trajectories, low=1, high=MAX_TRAJECTORIES)
    _check_whole("keep", keep, low=0, high=MAX_TRAJECTORIES)
    _check_whole("chunk", chunk, low=1, high=MAX_TRAJECTORIES)
    c, level = _courses(schedule, steps, c_constant)
    block, source = min(trajectories, chunk), generator(rng)
    with np.errstate(all="ignore"):
        rule = task.rule(block)  # one work space for both, which stays in the cache
        swarms = [
            Swarm(
                rule,
                c=course,
                x0=task.x0,
                region=task.region,
                trajectories=trajectories,
                block=block,
                levels=levels,
                keep=min(keep, trajectories),
            )
            for course, levels in ((c, LEVELS), (np.full(steps + 1, level), MEDIAN))
        ]
        run(swarms, noise=task.noise, rng=source, steps=steps, block=block, progress=progress)
        noisy, constant = (_noisy_run(swarm, task) for swarm in swarms)
        leak = None if task.unit is None else _lone_run(task, task.unit, steps)
        noiseless = _lone_run(task, None if task.unit is None else task.unit.replace(kind="none"), steps)
    return Annealing(
        objective=task.objective,
        unit=task.unit,
        noise=task.noise,
        steps=steps,
        trajectories=trajectories,
        x0=task.x0,
        lr=task.lr,
        target=task.target,
        region=task.region,
        c_constant=level,
        schedule=schedule,
        noisy=noisy,
        constant=constant,
        leak=leak,
        noiseless=noiseless,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    """What is descended, with every default filled in and checked."""

    objective: Objective
    unit: NoisyUnit | None
    noise: Noise
    lr: float
    x0: float
    target: float | None
    region: tuple[float, float]

    def rule(self, size: int) -> Descent:
        return self.rule_of(self.unit, size)

    def rule_of(self, unit: NoisyUnit | None, size: int) -> Descent:
        if isinstance(self.objective, Landscape):
            return LandscapeDescent(self.objective, lr=self.lr)
        assert unit is not None
        assert self.target is not None
        return descent(unit, lr=self.lr, target=self.target, size=size)

    def loss(self, x: Array) -> Array:
        """Return the noiseless loss at x."""
        if isinstance(self.objective, Landscape):
            return self.objective.value(x)
        assert self.unit is not None
        assert self.target is not None
        return np.asarray(0.5 * (self.unit.activation.h(x) - self.target) ** 2)


def _task(
    unit: NoisyUnit | None,
    objective: str,
    *,
    noise: str | Noise,
    lr: float | None,
    x0: float | None,
    target: float | None,
) -> _Task:
    aim = named_objective(objective)
    for name, value in (("lr", lr), ("x0", x0), ("target", target)):
        if value is not None and not (isfinite(value) and (name != "lr" or value >= 0)):
            allowed = "finite and at least 0" if name == "lr" else "finite"
            raise InputError(f"{name} must be {allowed}, got {value}", parameter=name)
    rate = aim.lr if lr is None else float(lr)
    if isinstance(aim, Landscape):
        if unit is not None:
            raise InputError(
                f"objective {aim.name} is a landscape without a unit; give its noise instead", parameter="unit"
            )
        if target is not None:
            raise InputError(f"objective {aim.name} is a landscape without a target", parameter="target")
        source = named_noise(noise) if isinstance(noise, str) else noise
        start = aim.x0 if x0 is None else float(x0)
        return _Task(objective=aim, unit=None, noise=source, lr=rate, x0=start, target=None, region=aim.basin)
    if unit is None:
        raise InputError("objective desaturate needs a unit", parameter="unit")
    for name in ("alpha", "p"):
        if np.ndim(getattr(unit, name)):
            raise InputError(f"{name} must be one number here, got an array", parameter=name)
    return _Task(
        objective=aim,
        unit=unit.replace(c=0.0),
        noise=unit.noise,
        lr=rate,
        x0=aim.start(unit.activation) if x0 is None else float(x0),
        target=aim.target if target is None else float(target),
        region=aim.region(unit.activation),
    )


def _courses(schedule: Schedule, steps: int, c_constant: float | None) -> tuple[Array, float]:
    """Return c_t of the noisy run, shape (steps + 1,), and c of the constant one."""
    c = np.asarray(schedule(np.arange(steps + 1)), dtype=np.float64)
    if c.shape != (steps + 1,) or not (np.isfinite(c) & (c >= 0)).all():
        raise InputError("schedule must give one finite c of at least 0 for every step", parameter="schedule")
    level = float(c[-1]) if c_constant is None else float(c_constant)
    if not (isfinite(level) and level >= 0):
        raise InputError(f"c_constant must be finite and at least 0, got {level}", parameter="c_constant")
    return c, level


def _noisy_run(swarm: Swarm, task: _Task) -> NoisyRun:
    inside = int(np.count_nonzero(swarm.inside))
    low, high = (end + side * NEAR * abs(end) for end, side in zip(task.region, (-1.0, 1.0), strict=True))
    travelled = np.where(np.isfinite(swarm.travelled), swarm.travelled, np.nan).mean(axis=1)
    return NoisyRun(
        c=swarm.c,
        quantiles=swarm.quantiles,
        paths=swarm.paths,
        x_final=swarm.x,
        first_passage=swarm.first_passage,
        share_success=inside / swarm.x.size,
        share_success_ci=wilson(inside, swarm.x.size),
        share_within_5_percent=float(np.mean((swarm.x > low) & (swarm.x < high))),
        median_first_passage=float(np.median(swarm.first_passage)),
        loss_mean_final=float(np.mean(task.loss(swarm.x))),
        diverged=swarm.lost.size,
        inward=dict(zip(swarm.rule.terms, travelled.tolist(), strict=True)),
        tracked=swarm.tracked,
    )


def _lone_run(task: _Task, unit: NoisyUnit | None, steps: int) -> LoneRun:
    low, high = task.region
    x = walk(task.rule_of(unit, 1), steps=steps, x0=task.x0, region=task.region)
    inside = (x > low) & (x < high)
    return LoneRun(
        x=x,
        first_passage=float(np.argmax(inside)) if inside.any() else inf,
        share_success=float(inside[-1]),
        loss_final=float(task.loss(x[-1])),
    )


def _check_whole(name: str, value: int, *, low: int, high: int) -> None:
    if isinstance(value, bool) or int(value) != value or not low <= value <= high:
        raise InputError(f"{name} must be a whole number from {low:,} to {high:,}, got {value}", parameter=name)
