"""Differences of trained units to the controls: for each task and unit a mean over seeds with its 95 % interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.pictures.picture import Columns, Picture, check_caption

VERDICTS: Final = ("better", "worse", "no difference seen", "one seed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One unit of one task against one control, over the seeds that both have.

    Attributes
    ----------
    task, metric, lower
        What was trained, by what it is measured, and whether less of it is better.
    unit, control
        The two; the control is soft, hard or leak.
    seeds
        How many pairs there are.
    mean, half
        Of unit minus control, and half the width of its 95 % interval; None for one pair.
    """

    task: str
    metric: str
    lower: bool
    unit: str
    control: str
    seeds: int
    mean: float
    half: float | None

    @property
    def gain(self) -> float:
        """The mean with the sign by which more is better."""
        return -self.mean if self.lower else self.mean

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`: an interval that holds 0 shows no difference."""
        if self.half is None:
            return VERDICTS[3]
        if abs(self.mean) <= self.half:
            return VERDICTS[2]
        return VERDICTS[0] if self.gain > 0 else VERDICTS[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunDifferencesResult:
    """Everything that the picture shows."""

    rows: tuple[Difference, ...]
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifferences(Picture[RunDifferencesResult]):
    """Settings of the picture of differences; they hold its numbers.

    Parameters
    ----------
    rows
        By task.
    caption
        What stands below.

    Raises
    ------
    InputError
        For no row.
    """

    name: ClassVar[str] = "run-differences"

    rows: tuple[Difference, ...]
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError("rows must hold at least one difference")
        check_caption(self.caption)

    def numbers(self) -> RunDifferencesResult:
        """Return every number in the picture."""
        return RunDifferencesResult(rows=self.rows, caption=self.caption)

    def tables(self, result: RunDifferencesResult) -> Mapping[str, Columns]:
        """Return one row for each difference; NaN where one pair has no interval."""
        halves = np.array([np.nan if one.half is None else one.half for one in result.rows])
        means = np.array([one.mean for one in result.rows])
        return {
            "": {
                **{key: np.array([getattr(one, key) for one in result.rows]) for key in ("task", "metric")},
                "better": np.array(["lower" if one.lower else "higher" for one in result.rows]),
                **{key: np.array([getattr(one, key) for one in result.rows]) for key in ("unit", "control", "seeds")},
                "difference": means,
                "low": means - halves,
                "high": means + halves,
                "verdict": np.array([one.verdict for one in result.rows]),
            }
        }
