"""The picture of ``noisyviz anneal``: noisy descent under a schedule, beside constant noise, the leak and no noise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from noisyviz.annealing.anneal import anneal
from noisyviz.annealing.drift import expected_drift
from noisyviz.annealing.explanation import verdict
from noisyviz.annealing.objectives import Landscape, objective
from noisyviz.annealing.results import QUANTILES, Annealing
from noisyviz.annealing.schedules import Schedule, schedule
from noisyviz.errors import InputError
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.pictures.shared.style import SERIES
from noisyviz.units.activation import Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """What drives the trajectories, over x."""

    x: Array  # Points, shape (n,)
    levels: tuple[float, ...]  # Noise levels, falling
    curves: Array  # One per level, shape (levels, n): the expected drift, or the smoothed landscape
    bare: Array  # The same without noise, of h itself or of the landscape itself, shape (n,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnnealResult:
    """Everything that the picture shows."""

    schedules: tuple[str, ...]  # Names, one per run
    runs: tuple[Annealing, ...]  # With the same draws
    field: Field  # Of the first run
    xlim: tuple[float, float]  # The range of x of the field
    # kind, scale, parameters: Of the unit, with those parameters (key, value) only that its kind uses; kind ""
    # for landscapes
    kind: str
    scale: str
    parameters: tuple[tuple[str, float], ...]
    sentences: tuple[str, ...]  # What carries the motion, one per run

    @property
    def landscape(self) -> bool:
        """Whether a landscape is descended instead of a unit's loss."""
        return self.runs[0].unit is None

    @property
    def among(self) -> bool:
        """Whether several schedules share the picture."""
        return len(self.runs) > 1


def shown_steps(steps: int, *, most: int = 600) -> npt.NDArray[np.intp]:
    """Return steps enough to draw a curve over a linear or a logarithmic axis, both ends included.

    Examples
    --------
    >>> shown_steps(3).tolist(), bool(shown_steps(1_000_000).size < 1200)
    ([0, 1, 2, 3], True)
    """
    if steps <= most:
        return np.arange(steps + 1)
    even = np.linspace(0, steps, most)
    early = np.geomspace(1, steps, most)
    return np.unique(np.concatenate([even, early]).round().astype(np.intp))


DEFAULT_FN: Final = "hard-tanh"
POINTS: Final = 601  # of the field
LEVELS: Final = 4  # noise levels of the field
KEPT: Final = 40  # whole trajectories kept for drawing
KEPT_NUMBERS: Final = 4_000_000  # at most so many of their positions
LARGEST: Final = 1e9  # the largest parameter whose course a picture can show
UNIT_OPTIONS: Final = ("fn", "unit", "alpha", "p", "scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anneal(Picture[AnnealResult]):
    """Settings of the picture of annealed descent.

    Parameters
    ----------
    schedule
        Names of `noisyviz.annealing.schedules.SCHEDULES`, one to seven; several are compared on the same draws.
    objective
        A key of `noisyviz.annealing.objectives.OBJECTIVES`.
    fn, unit, alpha, p, scale
        The noisy unit, by default hard-tanh, nan, 0.9, 1 and eq9; must be None for landscapes.
    noise
        Distribution of the draws.
    steps, trajectories
        How many.
    lr, x0, target
        Learning rate, start and target; None takes those of the objective.
    c_start, c_end, every
        Ends of the schedule, and the updates between two falls of ``paper``; c_end also is the constant noise.
    seed
        Of the draws.

    Raises
    ------
    InputError
        For a value outside its domain, or unit options beside a landscape.

    Examples
    --------
    >>> result = Anneal(steps=20, trajectories=8).compute()
    >>> result.runs[0].noisy.quantiles.shape, result.runs[0].noiseless.share_success
    ((21, 5), 0.0)
    """

    name: ClassVar[str] = "anneal"

    schedule: tuple[str, ...] = ("exponential",)
    objective: str = "desaturate"
    fn: str | None = None
    unit: str | None = None
    alpha: float | None = None
    p: float | None = None
    scale: str | None = None
    noise: str = default("noise")
    steps: int = 2000
    trajectories: int = 256
    lr: float | None = None
    x0: float | None = None
    target: float | None = None
    c_start: float = 30.0
    c_end: float = 0.5
    every: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= len(self.schedule) <= len(SERIES):
            raise InputError(f"schedule takes 1 to {len(SERIES)} names, got {len(self.schedule)}", parameter="schedule")
        if len(set(self.schedule)) < len(self.schedule):
            raise InputError(f"schedule must name each once, got {', '.join(self.schedule)}", parameter="schedule")
        for key in ("alpha", "p", "x0", "target", "c_start", "c_end"):
            value = getattr(self, key)
            if value is not None and not abs(value) <= LARGEST:
                raise InputError(f"{key} must lie within ±{LARGEST:g} in a picture, got {value}", parameter=key)
        if isinstance(objective(self.objective), Landscape):
            for key in (*UNIT_OPTIONS, "target"):
                if getattr(self, key) is not None:
                    raise InputError(
                        f"{key} belongs to the objective desaturate; {self.objective} is a landscape without a unit",
                        parameter=key,
                    )

    def noisy_unit(self) -> NoisyUnit | None:
        """Return the unit, None for landscapes."""
        if isinstance(objective(self.objective), Landscape):
            return None
        return NoisyUnit(
            self.fn or DEFAULT_FN,
            kind=self.unit or default("unit"),
            alpha=default("alpha") if self.alpha is None else self.alpha,
            p=default("p") if self.p is None else self.p,
            scale=self.scale or default("scale"),
            noise=self.noise,
        )

    def courses(self) -> list[Schedule]:
        """Return c_t of every schedule, checked."""
        ends: dict[str, Any] = {"start": self.c_start, "end": self.c_end, "steps": self.steps, "every": self.every}
        try:
            return [schedule(name, **ends) for name in self.schedule]
        except InputError as error:
            raise _renamed(error) from None

    def compute(self, data: Array | None = None, *, progress: Callable[[float], None] | None = None) -> AnnealResult:
        """Return every number in the picture.

        Parameters
        ----------
        data
            Must be None: this picture shows no data.
        progress
            Called with the share of the work that is done.

        Raises
        ------
        InputError
            For a value outside its domain.
        """
        if data is not None:
            raise InputError("this picture takes no data", parameter="data")
        courses, unit, runs = self.courses(), self.noisy_unit(), []
        for index, course in enumerate(courses):
            runs.append(self._run(unit, course, progress=_part(progress, index, len(courses), self.steps)))
        return result_of(self.schedule, runs)

    def _run(self, unit: NoisyUnit | None, course: Schedule, *, progress: Callable[[int], None] | None) -> Annealing:
        return anneal(
            unit,
            objective=self.objective,
            schedule=course,
            steps=self.steps,
            trajectories=self.trajectories,
            rng=np.random.default_rng(self.seed),
            lr=self.lr,
            x0=self.x0,
            target=self.target,
            c_constant=self.c_end,
            noise=self.noise,
            keep=min(KEPT, self.trajectories, max(4, KEPT_NUMBERS // (self.steps + 1) // 2)),
            progress=progress,
        )

    def tables(self, result: AnnealResult) -> Mapping[str, Columns]:
        """Return the series over the steps (suffix empty), the field (``-field``) and the ends (``-final``)."""
        levels = {f"c={level:g}": curve for level, curve in zip(result.field.levels, result.field.curves, strict=True)}
        final: dict[str, Array] = {}
        for name, found in zip(result.schedules, result.runs, strict=True):
            prefix = f"{name}." if result.among else ""
            final[f"{prefix}x_final"] = found.noisy.x_final
            final[f"{prefix}first_passage"] = found.noisy.first_passage
        final["constant.x_final"] = result.runs[0].constant.x_final
        final["constant.first_passage"] = result.runs[0].constant.first_passage
        return {
            "": series(result),
            "-field": {"x": result.field.x, **levels, "noiseless": result.field.bare},
            "-final": final,
        }


def result_of(schedules: Sequence[str], runs: Sequence[Annealing]) -> AnnealResult:
    """Return every number in the picture of runs, all of one unit or of one landscape, and of their schedules."""
    unit = runs[0].unit
    uses = KINDS[unit.kind].uses if unit is not None else ()
    parameters = (("alpha", unit.alpha), ("p", unit.p)) if unit is not None else ()
    xlim = field_limits(runs[0])
    return AnnealResult(
        schedules=tuple(schedules),
        runs=tuple(runs),
        field=_field(runs[0], unit, xlim),
        xlim=xlim,
        kind="" if unit is None else unit.kind,
        scale="" if unit is None else unit.scale,
        parameters=tuple((key, float(value)) for key, value in parameters if key in uses),
        sentences=tuple(verdict(found) for found in runs),
    )


def series_names(schedules: Sequence[str]) -> list[str]:
    """Return the columns of `series`.

    Examples
    --------
    >>> ",".join(series_names(["linear"]))
    'step,c,q05,q25,q50,q75,q95,noiseless,leak,constant_q50'
    """
    prefixes = [f"{name}." for name in schedules] if len(schedules) > 1 else [""]
    own = [f"{prefix}{name}" for prefix in prefixes for name in ("c", *QUANTILES)]
    return ["step", *own, "noiseless", "leak", "constant_q50"]


def series(result: AnnealResult) -> dict[str, npt.NDArray[Any]]:
    """Return what happens at every step, as columns of shape (steps + 1,).

    One schedule gives ``step, c, q05 … q95, noiseless, leak, constant_q50``; several prefix c and quantiles with
    their names. A landscape has no leak: NaN.
    """
    if not result.among:
        return result.runs[0].columns()
    runs = [found.columns() for found in result.runs]
    own = [run[name] for run in runs for name in ("c", *QUANTILES)]
    common = [runs[0][name] for name in ("noiseless", "leak", "constant_q50")]
    return dict(zip(series_names(result.schedules), [runs[0]["step"], *own, *common], strict=True))


def field_limits(found: Annealing) -> tuple[float, float]:
    """Return the range of x that shows both sides of the region of success and the start."""
    if isinstance(found.objective, Landscape):
        low, high = found.objective.limits
    else:
        left, right = found.region
        reach = 3.0
        low = (left if isfinite(left) else min(-right, 0.0)) - reach
        high = (right if isfinite(right) else max(-left, 0.0)) + reach
    span = high - low
    return min(low, found.x0 - 0.05 * span), max(high, found.x0 + 0.05 * span)


def noise_levels(c: Array) -> tuple[float, ...]:
    """Return up to four noise levels of a course, falling: its extremes and what it passes between, geometrically.

    Examples
    --------
    >>> noise_levels(np.array([8.0, 4.0, 1.0]))
    (8.0, 4.0, 2.0, 1.0)
    >>> noise_levels(np.array([0.5, 0.5])), noise_levels(np.array([9.0, 0.0]))
    ((0.5,), (9.0, 6.0, 3.0, 0.0))
    """
    high, low = float(np.max(c)), float(np.min(c))
    if high == low:
        return (high,)
    between = np.geomspace(high, low, LEVELS) if low > 1e-3 * high else np.linspace(high, low, LEVELS)
    return (high, *(float(f"{level:.2g}") for level in between[1:-1]), low)


def _field(found: Annealing, unit: NoisyUnit | None, xlim: tuple[float, float]) -> Field:
    x = np.linspace(*xlim, POINTS)
    levels = noise_levels(found.noisy.c)
    if isinstance(found.objective, Landscape):
        landscape = found.objective
        curves = [landscape.smoothed(x, c=level, noise=found.noise)[0] for level in levels]
        return Field(x=x, levels=levels, curves=np.array(curves), bare=landscape.value(x))
    assert unit is not None
    assert found.target is not None
    near = 1e-9 * (xlim[1] - xlim[0])
    jumps = [z + side for z in unit.activation.kinks if xlim[0] < z < xlim[1] for side in (-near, near)]
    x = np.unique(np.concatenate([x, jumps]))
    if 0.0 not in levels:
        levels = (*levels, 0.0)
    curves = [expected_drift(unit.replace(c=level), x, target=found.target) for level in levels]
    bare = expected_drift(unit.replace(kind="none"), x, target=found.target)
    return Field(x=x, levels=levels, curves=np.array(curves), bare=bare)


def _part(progress: Callable[[float], None] | None, index: int, runs: int, steps: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    return lambda done: progress((index + done / max(1, steps)) / runs)


def _renamed(error: InputError) -> InputError:
    """Return an error of a schedule with the names of this picture for its ends."""
    names = {"start": "c_start", "end": "c_end"}
    parameter = names.get(error.parameter or "", error.parameter)
    message = str(error)
    first, _, rest = message.partition(" ")
    return InputError(f"{names[first]} {rest}" if first in names else message, parameter=parameter)
