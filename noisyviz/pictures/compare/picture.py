"""The picture of ``noisyviz compare``: units side by side, two options of which span rows and columns."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from noisyviz.errors import InputError, check_name
from noisyviz.pictures.overview import PANELS
from noisyviz.pictures.overview.picture import (
    FARTHEST,
    MOST_DRAWS,
    Marks,
    Series,
    around,
    check_at,
    check_total,
    default_xlim,
    series_of,
)
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.units.activations import Activation, Array, activation
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.scales import named_scale
from noisyviz.units.unit import NoisyUnit

if TYPE_CHECKING:
    from noisyviz.networks.noise_effect import NoiseProfile

Value = str | float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompareCell:
    """One unit."""

    # fn, unit: Names of the activation and of the kind
    fn: str
    unit: str
    # alpha, c, p, scale, noise: Its other settings, None for those that the kind ignores
    alpha: float | None
    c: float | None
    p: float | None
    scale: str | None
    noise: str | None
    series: Series  # Curves, exact moments and draws
    marks: Marks | None  # The points that are marked, None for none
    effect: "NoiseProfile | None"  # Averages over the range of x; None where the picture has no table

    def value(self, option: str) -> Value:
        """Return one of the settings by its name."""
        found: Value = getattr(self, option)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompareResult:
    """Everything that the picture shows."""

    # Rows of units; a row holds a single one where its kind ignores what spans the columns
    grid: tuple[tuple[CompareCell, ...], ...]
    # row_option, column_option: The options that span rows and columns, empty for none
    row_option: str
    column_option: str
    panels: tuple[str, ...]  # Keys of `noisyviz.pictures.shared.panels.PANELS`
    xlim: tuple[float, float]  # The range of x
    heat: str = ""  # The average that a map of colours shows instead of the panels, a member of `SUMMARY`

    @property
    def cells(self) -> tuple[CompareCell, ...]:
        """Return all units, row by row."""
        return tuple(cell for row in self.grid for cell in row)

    def drawn(self) -> "CompareResult":
        """Return what a page can show, see `Series.drawn`."""
        return replace(
            self, grid=tuple(tuple(replace(cell, series=cell.series.drawn()) for cell in row) for row in self.grid)
        )


OPTIONS: Final = ("fn", "unit", "alpha", "c", "p", "scale", "noise")
MOST_CELLS: Final = 64
SUMMARY: Final = (
    *("bias_rms", "std_rms", "bias_rms_saturated", "std_rms_saturated"),
    *("grad_rms_saturated", "grad_rms_noiseless_saturated", "p_wrong_saturated"),
    *(
        "response_saturated",
        "response_noiseless_saturated",
        "pull_saturated",
        "noise_rms_saturated",
        "p_zero_saturated",
    ),
)
"""The averages of a unit over x, see `noisyviz.networks.noise_effect.NoiseProfile`."""

_CURVES: Final = ("x", "h", "derivative", "u", "hard", "delta", "sigma")
_MOMENTS: Final = ("mean", "std", "p_outside", "grad_mean", "grad_std", "p_zero", "p_wrong")
_TEXTS: Final = ("fn", "unit", "scale", "noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compare(Picture[CompareResult]):
    """Settings of the small multiples.

    Of the unit options, in the order in which they stand here, the first with several values that change a unit spans
    the rows and the second one the columns; a third is refused. A kind that ignores what spans the columns has one
    unit in its row.

    Parameters
    ----------
    fn, unit, alpha, c, p, scale, noise
        Values as in `noisyviz.NoisyUnit`, where `unit` is called `kind`; none of them twice.
    panels
        Some of ``activation``, ``delta``, ``sigma`` and ``gradient``, drawn for every unit in this order.
    xlim
        The range of x; None is 3 beyond the outer thresholds of all functions.
    points
        How many equally spaced x, from 2 to 1,000,000.
    samples
        Draws in the cloud of each unit, from 1 to 1,000,000; all units get the same ones.
    seed
        Of the draws.
    at
        Points x to be marked on the curves of every unit.
    heat
        A member of `SUMMARY` that a map of colours shows over two of α, c and p, in place of all panels; empty for
        panels.

    Raises
    ------
    InputError
        For a value outside its domain.

    Examples
    --------
    >>> picture = Compare(fn=("hard-tanh",), unit=("nan", "nani"), alpha=(0.9, 1.0), points=9, samples=5)
    >>> [[(cell.unit, cell.alpha) for cell in row] for row in picture.compute().grid]
    [[('nan', 0.9), ('nan', 1.0)], [('nani', None)]]
    """

    name: ClassVar[str] = "compare"
    earlier: ClassVar[Mapping[str, Any]] = MappingProxyType({"at": None, "heat": ""})

    fn: tuple[str, ...] = (default("fn"),)
    unit: tuple[str, ...] = (default("unit"),)
    alpha: tuple[float, ...] = (default("alpha"),)
    c: tuple[float, ...] = (default("c"),)
    p: tuple[float, ...] = (default("p"),)
    scale: tuple[str, ...] = (default("scale"),)
    noise: tuple[str, ...] = (default("noise"),)
    panels: tuple[str, ...] = ("activation", "gradient")
    xlim: tuple[float, float] | None = None
    points: int = 401
    samples: int = 400
    seed: int = 0
    at: tuple[float, ...] | None = None
    heat: str = ""

    def __post_init__(self) -> None:
        for key in (*OPTIONS, "panels"):
            _check_list(key, getattr(self, key))
        for kind in self.unit:
            check_name("unit", kind, KINDS)
        for scale in self.scale:
            named_scale(scale)
        for panel in self.panels:
            check_name("panels", panel, PANELS)
        for key, value, low, most in (("points", self.points, 2, 1_000_000), ("samples", self.samples, 1, MOST_DRAWS)):
            if not low <= value <= most:
                raise InputError(f"{key} must be from {low} to {most:,} in a picture, got {value:,}", parameter=key)
        if self.xlim is not None and not -FARTHEST <= self.xlim[0] < self.xlim[1] <= FARTHEST:
            raise InputError(
                f"xlim must be two increasing numbers within ±{FARTHEST:g} in a picture, got {self.xlim}",
                parameter="xlim",
            )
        check_at(self.at or ())
        self._check_span()
        if self.heat:
            check_name("map", self.heat, SUMMARY)
            if len(self.span()) != 2 or not set(self.span()) <= {"alpha", "c", "p"}:
                raise InputError(
                    "map needs several values of two of alpha, c and p, which the unit uses, and of nothing else",
                    parameter="map",
                )

    def _check_span(self) -> None:
        """Refuse what is not a grid, or is too large a one."""
        span = self.span()
        if len(span) > 2:
            raise InputError(
                f"{span[2]} must be one value here, got {len(getattr(self, span[2]))}: a grid has rows and columns, "
                f"which {span[0]} and {span[1]} span",
                parameter=span[2],
            )
        cells = 1
        for key in span:
            cells *= len(getattr(self, key))
        if cells > MOST_CELLS:
            several = " and ".join(f"{len(getattr(self, key))} of {key}" for key in span)
            raise InputError(f"compare draws up to {MOST_CELLS} units, got {cells}: {several}", parameter=span[-1])
        check_total(cells, points=self.points, samples=self.samples)

    def span(self) -> list[str]:
        """Return the options with several values that change some unit, in their order."""
        return [key for key in OPTIONS if len(getattr(self, key)) > 1 and any(changes(kind, key) for kind in self.unit)]

    def numbers(self) -> CompareResult:
        """Return every number in the picture."""
        functions = {fn: activation(fn) for fn in self.fn}
        xlim = self.xlim or around(default_xlim(list(functions.values())), self.at or ())
        row_option, column_option = (*self.span(), "", "")[:2]
        grid = []
        for row in self._values(row_option):
            kind = row.get("unit", self.unit[0])
            columns = self._values(column_option if changes(kind, column_option) else "")
            grid.append(tuple(self._cell(functions, row | column, xlim=xlim) for column in columns))
        return CompareResult(
            grid=tuple(grid),
            row_option=row_option,
            column_option=column_option,
            panels=self.panels,
            xlim=xlim,
            heat=self.heat,
        )

    def _values(self, option: str) -> list[dict[str, Any]]:
        return [{option: value} for value in getattr(self, option)] if option else [{}]

    def _cell(
        self, functions: Mapping[str, Activation], chosen: Mapping[str, Any], *, xlim: tuple[float, float]
    ) -> CompareCell:
        from noisyviz.networks.uniform_input import uniform_effect  # not needed by `plot`, which draws cells too

        given = {key: chosen.get(key, getattr(self, key)[0]) for key in OPTIONS}
        fn, kind = given.pop("fn"), given.pop("unit")
        unit = NoisyUnit(functions[fn], kind=kind, **given)
        rng = np.random.default_rng(self.seed)  # the same draws for all units, so that clouds differ by the unit alone
        return CompareCell(
            fn=fn,
            unit=kind,
            **{key: value if changes(kind, key) else None for key, value in given.items()},
            series=series_of(unit, rng, xlim=xlim, points=self.points, samples=self.samples),
            marks=Marks.of(unit, self.at) if self.at else None,
            effect=uniform_effect(unit, *xlim),
        )

    def tables(self, result: CompareResult) -> Mapping[str, Columns]:
        """Return the averages, one row per unit, the curves (``-curves``) and the draws (``-draws``)."""
        cells = result.cells
        heads = [settings_of(cell) for cell in cells]
        curves = {key: [getattr(cell.series.curves, key) for cell in cells] for key in _CURVES}
        moments = {key: [getattr(cell.series.moments, key) for cell in cells] for key in _MOMENTS}
        draws = {
            "x": [cell.series.cloud_x for cell in cells],
            "xi": [cell.series.cloud_xi for cell in cells],
            "phi": [cell.series.cloud_phi for cell in cells],
        }
        effects = [summary(cell) for cell in cells]
        return {
            "": _stack(heads, {key: [np.array([effect[key]]) for effect in effects] for key in SUMMARY}),
            "-curves": _stack(heads, curves | moments),
            "-draws": _stack(heads, draws),
        }


def changes(kind: str, option: str) -> bool:
    """Tell whether an option changes the units of a kind.

    Examples
    --------
    >>> changes("nan", "alpha"), changes("nani", "alpha"), changes("nani", "noise"), changes("none", "noise")
    (True, False, True, False)
    """
    return option in ("fn", "unit", *KINDS[kind].uses) or (option == "noise" and kind != "none")


def settings_of(cell: CompareCell) -> dict[str, Value]:
    """Return the unit options of a cell, None for those that its kind ignores."""
    return {key: cell.value(key) for key in OPTIONS}


def summary(cell: CompareCell) -> dict[str, float]:
    """Return the averages of a cell over x by the names of `SUMMARY`."""
    assert cell.effect is not None
    return {key: getattr(cell.effect, key) for key in SUMMARY}


def _check_list(key: str, values: tuple[Any, ...]) -> None:
    if not values:
        raise InputError(f"{key} must be at least one value, got none", parameter=key)
    twice = [value for position, value in enumerate(values) if value in values[:position]]
    if twice:
        raise InputError(f"{key} must be distinct values, got {twice[0]} twice", parameter=key)


def _stack(heads: list[dict[str, Value]], parts: Mapping[str, list[Array]]) -> Columns:
    """Return columns of all cells one below the other, with their settings in front."""
    sizes = [part.size for part in next(iter(parts.values()))]
    settings = {
        key: np.repeat(
            np.array([("" if head[key] is None else head[key]) for head in heads])
            if key in _TEXTS
            else np.array([np.nan if head[key] is None else head[key] for head in heads], dtype=np.float64),
            sizes,
        )
        for key in OPTIONS
    }
    return settings | {key: np.concatenate(values) for key, values in parts.items()}
