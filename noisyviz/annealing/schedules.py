"""Schedules of the noise level: c_t as a pure function of the step t.

Every factory returns a function of a step or of an array of steps. All are held at both ends: before step 0 they
keep the value of step 0, after the last step the value of the last step. With τ = t/T clipped to [0, 1] they run
from ``start`` at t = 0 to exactly ``end`` at t = T; ``constant`` holds its start and ``paper`` need not arrive. A
schedule of 0 steps is at its start at t = 0 and at its end afterwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from inspect import signature
from math import isfinite
from types import MappingProxyType
from typing import Any, Final, ParamSpec, Protocol, overload

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, check_name

Array = npt.NDArray[np.float64]
P = ParamSpec("P")


class Schedule(Protocol):
    """A pure function of the step: a number for a number, an array of the same shape for an array."""

    @overload
    def __call__(self, t: float, /) -> float: ...
    @overload
    def __call__(self, t: npt.NDArray[Any] | list[int] | list[float], /) -> Array: ...


SCHEDULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "constant": "c_0",
        "linear": "c_0 + (c_T - c_0)*tau, tau = t/T",
        "exponential": "c_0*(c_T/c_0)^tau, for ends above 0",
        "cosine": "c_T + (c_0 - c_T)*(1 + cos(pi*tau))/2",
        "polynomial": "c_T + (c_0 - c_T)*(1 - tau)^power",
        "step": "falls by one factor at the start of each of so many equal stages, the first at c_0, the last at c_T",
        "inverse-time": "c_T + (c_0 - c_T)*(w(tau) - w(1))/(1 - w(1)), w = 1/(1 + rate*tau)",
        "paper": "c_0/sqrt(k + 1), k = floor(t/every), not below c_T",
    }
)
"""Every schedule with its formula, in the order in which they are listed."""


@dataclass(frozen=True, slots=True, repr=False)
class NamedSchedule:
    """A schedule of `SCHEDULES`: a value, equal to others of the same name and settings, that can be pickled.

    Parameters
    ----------
    name
        A key of `SCHEDULES`.
    settings
        Its settings as pairs (name, value).
    course
        c_t as a function of the step.
    """

    name: str
    settings: tuple[tuple[str, float], ...]
    course: Schedule = field(compare=False)

    @overload
    def __call__(self, t: float, /) -> float: ...
    @overload
    def __call__(self, t: npt.NDArray[Any] | list[int] | list[float], /) -> Array: ...
    def __call__(self, t: Any, /) -> Any:
        """Return c_t, a number for a number and an array of the same shape for an array."""
        return self.course(t)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.name, dict(self.settings))

    def __repr__(self) -> str:
        return f"schedule({', '.join([repr(self.name), *(f'{key}={value!r}' for key, value in self.settings)])})"


def _named(name: str) -> Callable[[Callable[P, Schedule]], Callable[P, NamedSchedule]]:
    """Make the functions that a factory returns into values that know their name and settings."""

    def named(factory: Callable[P, Schedule]) -> Callable[P, NamedSchedule]:
        defaults = {key: one.default for key, one in signature(factory).parameters.items()}

        @wraps(factory)
        def made(*args: P.args, **given: P.kwargs) -> NamedSchedule:
            settings: dict[str, Any] = defaults | given
            return NamedSchedule(name, tuple(settings.items()), factory(*args, **given))

        _FACTORIES[name] = made
        return made

    return named


_FACTORIES: Final[dict[str, Callable[..., NamedSchedule]]] = {}


def _again(name: str, settings: dict[str, float]) -> NamedSchedule:
    """Return a schedule as it was pickled."""
    return _FACTORIES[name](**settings)


@_named("constant")
def constant(*, start: float) -> Schedule:
    """Return the schedule that holds c_t = start: at step 0, at the last step and after it.

    Examples
    --------
    >>> constant(start=0.5)(1000)
    0.5
    """
    return _of_step(lambda t: np.full(t.shape, start))


@_named("linear")
def linear(*, start: float, end: float, steps: int) -> Schedule:
    """Return c_t = start + (end − start)·τ: start at step 0, end at step T and after it.

    Examples
    --------
    >>> linear(start=30.0, end=10.0, steps=4)([0, 1, 2, 4, 9]).tolist()
    [30.0, 25.0, 20.0, 10.0, 10.0]
    """
    return _of_progress(steps, start, end, lambda tau: start + (end - start) * tau)


@_named("exponential")
def exponential(*, start: float, end: float, steps: int) -> Schedule:
    """Return c_t = start·(end/start)^τ: start at step 0, end at step T and after it.

    Raises
    ------
    InputError
        When an end is 0, which no geometric fall reaches; cosine and linear do.

    Examples
    --------
    >>> exponential(start=32.0, end=2.0, steps=4)([0, 1, 2, 4]).tolist()
    [32.0, 16.0, 8.0, 2.0]
    """
    _refuse_zero("exponential", start, end)
    return _of_progress(steps, start, end, lambda tau: _geometric(start, end, tau))


@_named("cosine")
def cosine(*, start: float, end: float, steps: int) -> Schedule:
    """Return c_t = end + (start − end)·(1 + cos πτ)/2: start at step 0, end at step T and after it.

    Examples
    --------
    >>> cosine(start=30.0, end=10.0, steps=2)([0, 1, 2]).tolist()
    [30.0, 20.0, 10.0]
    """
    return _of_progress(steps, start, end, lambda tau: end + (start - end) * 0.5 * (1.0 + np.cos(np.pi * tau)))


@_named("polynomial")
def polynomial(*, start: float, end: float, steps: int, power: float = 2.0) -> Schedule:
    """Return c_t = end + (start − end)·(1 − τ)^power: start at step 0, end at step T and after it.

    Parameters
    ----------
    power
        Above 0; 1 is linear.

    Examples
    --------
    >>> polynomial(start=16.0, end=0.0, steps=4)([0, 2, 3, 4]).tolist()
    [16.0, 4.0, 1.0, 0.0]
    """
    _check_positive("power", power)
    return _of_progress(steps, start, end, lambda tau: end + (start - end) * (1.0 - tau) ** power)


@_named("step")
def step(*, start: float, end: float, steps: int, stages: int = 5) -> Schedule:
    """Return c_t constant in equal stages: start in the first, from step 0 on, end in the last and after step T.

    From stage to stage c is multiplied by (end/start)^(1/(stages − 1)). With an end of 0, c is halved, and 0 in
    the last stage.

    Parameters
    ----------
    stages
        A whole number of at least 2.

    Examples
    --------
    >>> step(start=16.0, end=1.0, steps=30, stages=3)([0, 9, 10, 19, 20, 30]).tolist()
    [16.0, 16.0, 4.0, 4.0, 1.0, 1.0]
    """
    if isinstance(stages, bool) or int(stages) != stages or stages < 2:
        raise InputError(f"stages must be a whole number of at least 2, got {stages}", parameter="stages")
    if end > 0:
        _refuse_zero("step", start, end)
    stage = np.arange(int(stages), dtype=np.float64)
    levels: Array = _geometric(start, end, stage / (stages - 1.0)) if end > 0 else start * 0.5**stage
    levels[0], levels[-1] = start, end

    def level(tau: Array) -> Array:
        found: Array = levels[np.minimum((tau * stages).astype(np.intp), stages - 1)]
        return found

    return _of_progress(steps, start, end, level)


@_named("inverse-time")
def inverse_time(*, start: float, end: float, steps: int, rate: float = 10.0) -> Schedule:
    """Return c_t falling as w = 1/(1 + rate·τ), stretched: start at step 0, end at step T and after it.

    c_t = end + (start − end)·(w(τ) − w(1))/(1 − w(1)).

    Parameters
    ----------
    rate
        Above 0; the larger, the steeper at the start.

    Examples
    --------
    >>> inverse_time(start=30.0, end=0.0, steps=2, rate=1.0)([0, 1, 2]).tolist()
    [30.0, 10.0, 0.0]
    """
    _check_positive("rate", rate)

    def value(tau: Array) -> Array:
        # (w(τ) − w(1))/(1 − w(1)) without the differences, which lose digits for small rates
        return end + (start - end) * (1.0 - tau) / (1.0 + rate * tau)

    return _of_progress(steps, start, end, value)


@_named("paper")
def paper(*, start: float, end: float, steps: int, every: int = 200) -> Schedule:
    """Return c_t = start/√(k + 1) with k = ⌊t/every⌋, not below end: start at step 0, the value of step T after it.

    At step T it may still be above end: from 30 to 0.5 takes 719,800 updates with ``every=200``.

    Parameters
    ----------
    every
        Updates between two falls, a whole number of at least 1.

    Raises
    ------
    InputError
        When the end lies above the start, since this schedule only falls.

    References
    ----------
    Gulcehre et al. 2016, section 6.6.

    Examples
    --------
    >>> paper(start=30.0, end=0.5, steps=800_000)([0, 199, 600, 719_799, 719_800]).round(4).tolist()
    [30.0, 30.0, 15.0, 0.5001, 0.5]
    """
    if isinstance(every, bool) or int(every) != every or every < 1:
        raise InputError(f"every must be a whole number of at least 1, got {every}", parameter="every")
    if end > start:
        raise InputError(
            f"the paper schedule only decreases: its end must be at most its start {start:g}, got {end:g}; "
            "linear and cosine can increase",
            parameter="end",
        )
    return _of_step(lambda t: np.maximum(start / np.sqrt(np.clip(t, 0, steps) // every + 1.0), end))


def schedule(
    name: str,
    *,
    start: float = 30.0,
    end: float = 0.5,
    steps: int = 2000,
    every: int = 200,
    power: float = 2.0,
    stages: int = 5,
    rate: float = 10.0,
) -> NamedSchedule:
    """Return the schedule of that name.

    Parameters
    ----------
    name
        A key of `SCHEDULES`.
    start, end
        c_0 and c_T, finite and at least 0; c may rise.
    steps
        T, a whole number of at least 0.
    every, power, stages, rate
        Used by `paper`, `polynomial`, `step` and `inverse_time`.

    Returns
    -------
    NamedSchedule
        A function of a step or of an array of steps, in float64; equal to others of the same name and settings.

    Raises
    ------
    InputError
        For an unknown name or a value outside its domain.

    Examples
    --------
    >>> schedule("paper", start=30, end=0.5, steps=800_000, every=200)([200, 2000, 20_000, 100_000]).round(2).tolist()
    [21.21, 9.05, 2.99, 1.34]
    """
    check_name("schedule", name, SCHEDULES)
    for parameter, value in (("start", start), ("end", end)):
        if not (isfinite(value) and value >= 0):
            raise InputError(f"{parameter} must be finite and at least 0, got {value}", parameter=parameter)
    if isinstance(steps, bool) or int(steps) != steps or steps < 0:
        raise InputError(f"steps must be a whole number of at least 0, got {steps}", parameter="steps")
    given: dict[str, Any] = {"start": float(start), "end": float(end), "steps": int(steps)}
    given |= {"every": every, "power": power, "stages": stages, "rate": rate}
    factory = _FACTORIES[name]
    return factory(**{key: given[key] for key in signature(factory).parameters})


def _of_step(value: Callable[[Array], Array]) -> Schedule:
    """Make a function of a step or of steps from one of arrays."""

    def at(t: Any, /) -> Any:
        c = value(np.asarray(t, dtype=np.float64))
        return c if np.ndim(t) else float(c)

    return at


def _of_progress(steps: int, start: float, end: float, value: Callable[[Array], Array]) -> Schedule:
    """Make a schedule from a function of τ, with both ends met to the last digit."""

    def at(t: Array) -> Array:
        tau = np.clip(t / steps if steps else np.where(t > 0, 1.0, 0.0), 0.0, 1.0)
        return np.where(tau <= 0.0, start, np.where(tau >= 1.0, end, value(tau)))

    return _of_step(at)


def _geometric(start: float, end: float, tau: Array) -> Array:
    """Return start·(end/start)^τ for ends above 0, by logarithms where the ratio is no float."""
    if max(start, end) < 1e300 * min(start, end, 1.0):
        return start * (end / start) ** tau
    values: Array = np.exp(np.log(start) + (np.log(end) - np.log(start)) * tau)
    return values


def _refuse_zero(name: str, start: float, end: float) -> None:
    for parameter, value in (("end", end), ("start", start)):
        if value == 0:
            raise InputError(
                f"the {name} schedule multiplies c by factors, so its {parameter} must be above 0, got 0; "
                "use cosine or linear",
                parameter=parameter,
            )


def _check_positive(parameter: str, value: float) -> None:
    if not (isfinite(value) and value > 0):
        raise InputError(f"{parameter} must be finite and above 0, got {value}", parameter=parameter)
