"""What the small multiples of `compare` are drawn from: units in a grid, each with its curves and its averages."""

from dataclasses import dataclass

from noisyviz.engine.uniform import UniformEffect
from noisyviz.plots.results import Series

Value = str | float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompareCell:
    """One unit.

    Attributes
    ----------
    fn, unit
        Names of the activation and of the kind.
    alpha, c, p, scale, noise
        Its other settings, None for those that the kind ignores.
    series
        Curves, exact moments and draws.
    effect
        Averages over the range of x.
    """

    fn: str
    unit: str
    alpha: float | None
    c: float | None
    p: float | None
    scale: str | None
    noise: str | None
    series: Series
    effect: UniformEffect

    def value(self, option: str) -> Value:
        """Return one of the settings by its name."""
        found: Value = getattr(self, option)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompareResult:
    """Everything that the picture shows.

    Attributes
    ----------
    grid
        Rows of units; a row holds a single one where its kind ignores what spans the columns.
    row_option, column_option
        The options that span rows and columns, empty for none.
    panels
        Keys of `noisyviz.plots.panels.PANELS`.
    xlim
        The range of x.
    """

    grid: tuple[tuple[CompareCell, ...], ...]
    row_option: str
    column_option: str
    panels: tuple[str, ...]
    xlim: tuple[float, float]

    @property
    def cells(self) -> tuple[CompareCell, ...]:
        """Return all units, row by row."""
        return tuple(cell for row in self.grid for cell in row)
