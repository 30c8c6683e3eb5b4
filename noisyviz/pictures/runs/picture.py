"""The picture of training runs: panels of curves over the updates, one look for each unit, thin lines for seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from noisyviz.errors import InputError
from noisyviz.pictures.picture import Columns, Picture, check_caption
from noisyviz.pictures.runs.lines import RunPanel, columns, labels_of

MOST_ACROSS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingRunsResult:
    """Everything that the picture shows."""

    rows: tuple[tuple[RunPanel, ...], ...]  # From the top
    labels: tuple[str, ...]  # Of the units, in the order of the legend
    caption: str
    same_x: bool = False  # Whether all horizontal axes are as long as the longest


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRuns(Picture[TrainingRunsResult]):
    """Settings of the picture of training runs; they hold the curves, so that it can be drawn again anywhere.

    Parameters
    ----------
    panels
        Row by row.
    across
        Panels in a row.
    same_x
        Whether all horizontal axes are as long as the longest.
    caption
        What stands below.

    Raises
    ------
    InputError
        For no panel, no panel in a row, and a panel without a line.
    """

    name: ClassVar[str] = "runs"

    panels: tuple[RunPanel, ...]
    across: int = 2
    same_x: bool = False
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.panels or not 1 <= self.across <= MOST_ACROSS or not all(panel.lines for panel in self.panels):
            raise InputError(f"panels must be one or more, each with a line, and 1 to {MOST_ACROSS} in a row")
        check_caption(self.caption)
        for one in (line for panel in self.panels for line in panel.lines):
            if not one.x or len(one.x) != len(one.y):
                raise InputError("panels must hold lines with as many x as y, at least one")

    def numbers(self) -> TrainingRunsResult:
        """Return every number in the picture."""
        rows = [self.panels[k : k + self.across] for k in range(0, len(self.panels), self.across)]
        return TrainingRunsResult(
            rows=tuple(rows), labels=labels_of(self.panels), caption=self.caption, same_x=self.same_x
        )

    def tables(self, result: TrainingRunsResult) -> Mapping[str, Columns]:
        """Return all points."""
        return {"": columns([panel for row in result.rows for panel in row])}
