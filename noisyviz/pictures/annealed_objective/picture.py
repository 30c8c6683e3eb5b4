"""The paper's Figure 2: a non-convex objective that annealed noise smooths, and descents on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from noisyviz.annealing.anneal import anneal
from noisyviz.annealing.objectives import LANDSCAPES, Landscape
from noisyviz.annealing.results import Annealing
from noisyviz.annealing.schedules import schedule
from noisyviz.errors import InputError, check_name
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.units.activation import Array
from noisyviz.units.noise import Noise
from noisyviz.units.noise import noise as named_noise
from noisyviz.units.parameters import default


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descents:
    """The trajectories that are drawn, from one start."""

    found: Annealing  # All trajectories from that start, and those with constant noise and without
    steps: npt.NDArray[np.intp]  # Which steps are kept, shape (n,)
    c: Array  # c_t at these, shape (n,)
    x: Array  # x_t, shape (trajectories, n)
    height: Array  # E f(x_t + c_t·ξ): what the descent sees, shape (trajectories, n)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnnealedObjectiveResult:
    """Everything that the picture shows."""

    x: Array  # Points, shape (n,)
    value: Array  # f(x), shape (n,)
    # levels, smoothed: Falling noise levels, and E f(x + cξ) at each, shape (levels, n)
    levels: tuple[float, ...]
    smoothed: Array
    descents: tuple[Descents, ...]  # One for each start
    minimum: float  # x*, where f is least

    @property
    def limits(self) -> tuple[float, float]:
        """Return the range of x."""
        return float(self.x[0]), float(self.x[-1])


POINTS: Final = 1201
KEPT_STEPS: Final = 400  # of a drawn trajectory, about
MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnealedObjective(Picture[AnnealedObjectiveResult]):
    """Settings of the picture of the annealed objective.

    Parameters
    ----------
    objective
        A key of `noisyviz.annealing.objectives.LANDSCAPES`.
    schedule
        A key of `noisyviz.annealing.schedules.SCHEDULES`.
    c_start, c_end, every
        Ends of the schedule, and the updates between two falls of ``paper``; c_end also is the constant noise.
    levels
        Noise levels whose smoothed landscapes are drawn, one to four, falling.
    x0
        Starts; None is the objective's own and its mirror image.
    steps, trajectories
        How many, from each start.
    shown
        How many of the trajectories from each start are drawn, from 1 to 20.
    lr
        Learning rate; None takes that of the objective.
    noise
        Distribution of the draws.
    seed
        Of the draws.

    Raises
    ------
    InputError
        For a value outside its domain.

    References
    ----------
    Gulcehre et al. 2016, Figure 2.

    Examples
    --------
    >>> result = AnnealedObjective(steps=20, trajectories=4).compute()
    >>> result.minimum, [descents.found.x0 for descents in result.descents]
    (0.0, [75.0, -75.0])
    """

    name: ClassVar[str] = "annealed-objective"

    objective: str = "funnel"
    schedule: str = "exponential"
    c_start: float = 30.0
    c_end: float = 0.5
    every: int = 200
    levels: tuple[float, ...] = (30.0, 3.0)
    x0: tuple[float, ...] | None = None
    steps: int = 2000
    trajectories: int = 256
    shown: int = 1
    lr: float | None = None
    noise: str = default("noise")
    seed: int = 0

    def __post_init__(self) -> None:
        check_name("objective", self.objective, LANDSCAPES)
        if not 1 <= len(self.levels) <= 4:
            raise InputError(f"levels must be 1 to 4 noise levels, got {len(self.levels)}", parameter="levels")
        falling = all(a > b for a, b in zip(self.levels, self.levels[1:], strict=False))
        if not (falling and isfinite(self.levels[0]) and self.levels[-1] > 0):
            shown = ", ".join(f"{level:g}" for level in self.levels)
            raise InputError(f"levels must be finite, above 0 and falling, got {shown}", parameter="levels")
        if not 1 <= self.shown <= min(MOST_SHOWN, self.trajectories):
            most = min(MOST_SHOWN, self.trajectories)
            raise InputError(f"shown must be from 1 to {most}, got {self.shown}", parameter="shown")
        low, high = LANDSCAPES[self.objective].limits
        if self.x0 is not None and not (self.x0 and all(low <= x0 <= high for x0 in self.x0)):
            raise InputError(
                f"x0 must be starts from {low:g} to {high:g}, got {', '.join(map(str, self.x0)) or 'none'}",
                parameter="x0",
            )

    def numbers(self) -> AnnealedObjectiveResult:
        """Return every number in the picture."""
        landscape, noise = LANDSCAPES[self.objective], named_noise(self.noise)
        x = np.linspace(*landscape.limits, POINTS)
        starts = self.x0 or (landscape.x0, -landscape.x0)
        children = np.random.default_rng(self.seed).spawn(len(starts))
        runs = [self._run(x0, rng, noise) for x0, rng in zip(starts, children, strict=True)]
        return AnnealedObjectiveResult(
            x=x,
            value=landscape.value(x),
            levels=self.levels,
            smoothed=np.stack([landscape.smoothed(x, c=level, noise=noise)[0] for level in self.levels]),
            descents=tuple(_descents(found, landscape, noise) for found in runs),
            minimum=_minimum(landscape, x),
        )

    def _run(self, x0: float, rng: np.random.Generator, noise: Noise) -> Annealing:
        course = schedule(self.schedule, start=self.c_start, end=self.c_end, steps=self.steps, every=self.every)
        return anneal(
            objective=self.objective,
            schedule=course,
            steps=self.steps,
            trajectories=self.trajectories,
            rng=rng,
            lr=self.lr,
            x0=x0,
            c_constant=self.c_end,
            noise=noise,
            keep=self.shown,
        )

    def tables(self, result: AnnealedObjectiveResult) -> Mapping[str, Columns]:
        """Return the drawn trajectories (suffix empty), the landscapes (``-landscape``) and all ends (``-final``)."""
        drawn = [(one, path, height) for one in result.descents for path, height in zip(one.x, one.height, strict=True)]
        sizes = [one.steps.size for one, _, _ in drawn]
        levels = (0.0, *result.levels[::-1])
        values = [result.value, *result.smoothed[::-1]]
        ends = [one.found for one in result.descents]
        return {
            "": {
                "trajectory": np.repeat(np.arange(len(drawn)), sizes),
                "step": np.concatenate([one.steps for one, _, _ in drawn]),
                "c": np.concatenate([one.c for one, _, _ in drawn]),
                "x": np.concatenate([path for _, path, _ in drawn]),
                "expected": np.concatenate([height for _, _, height in drawn]),
            },
            "-landscape": {
                "c": np.repeat(levels, result.x.size),
                "x": np.tile(result.x, len(levels)),
                "expected": np.concatenate(values),
            },
            "-final": {
                "x0": np.repeat([found.x0 for found in ends], [found.trajectories for found in ends]),
                "x_final": np.concatenate([found.noisy.x_final for found in ends]),
                "first_passage": np.concatenate([found.noisy.first_passage for found in ends]),
                "constant.x_final": np.concatenate([found.constant.x_final for found in ends]),
            },
        }


def _descents(found: Annealing, landscape: Landscape, noise: Noise) -> Descents:
    """Return the kept trajectories at some steps, with the smoothed landscape under each."""
    steps = np.arange(0, found.steps + 1, max(1, found.steps // KEPT_STEPS))
    c, x = found.noisy.c[steps], found.noisy.paths[:, steps]
    x = np.where(np.isfinite(x), x, np.nan)  # those that diverged leave the picture
    height = np.empty_like(x)
    for column, level in enumerate(c):
        height[:, column] = landscape.smoothed(x[:, column], c=float(level), noise=noise)[0]
    return Descents(found=found, steps=steps, c=c, x=x, height=height)


def _minimum(landscape: Landscape, x: Array) -> float:
    """Return x*: the best of the points, moved by Newton's method to where the slope is 0."""
    best = float(x[np.argmin(landscape.value(x))])
    step = 1e-4
    for _ in range(20):
        slope = float(landscape.slope(best))
        bend = float(landscape.slope(best + step) - landscape.slope(best - step)) / (2.0 * step)
        best -= slope / bend
    return round(best, 9) + 0.0
