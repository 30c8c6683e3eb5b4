"""The picture of ``noisyviz plot``: one picture of all that a noisy unit does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import isfinite
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

import numpy as np

from noisyviz.errors import InputError, printable, suggestion
from noisyviz.moments.exact import exact
from noisyviz.moments.quantiles import Quantiles, quantiles
from noisyviz.moments.quantities import Curves, Moments, curves
from noisyviz.pictures.overview import DRAWN, PANELS
from noisyviz.pictures.picture import Columns, DataSource, Picture
from noisyviz.pictures.shared.style import SERIES
from noisyviz.units.activations import Activation, Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.unit import InputNoise, NoisyUnit

Picked = TypeVar("Picked", Curves, Moments)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One unit, computed; arrays of shape (n,) unless said otherwise."""

    name: str  # Of the activation
    # curves, moments: The noiseless curves and the exact moments at x
    curves: Curves
    moments: Moments
    # band_x, bands: Where the quantiles of φ and ∂φ/∂x at `BANDS` are known, shape (m,), and these
    band_x: Array
    bands: Quantiles
    spread: Array  # σ(x), or the standard deviation of the input noise where the unit has no σ(x)
    # cloud_x, cloud_xi, cloud_phi: Draws of φ, shape (samples,)
    cloud_x: Array
    cloud_xi: Array
    cloud_phi: Array
    thresholds: tuple[float, float]  # (x_t⁻, x_t⁺), infinite where there is none
    wrong: tuple[tuple[float, float], ...]  # Intervals of x where P(∂φ/∂x has the wrong sign) > ½

    @property
    def noisy(self) -> bool:
        """Whether φ is random anywhere in the range."""
        return bool(np.any(self.moments.std > 0.0))

    def drawn(self) -> "Series":
        """Return the series at no more x than a page can show; both sides of every jump stay."""
        x = self.curves.x
        if x.size <= MOST_DRAWN:
            return self
        kept = _kept(x, most=MOST_DRAWN)
        return replace(
            self, curves=_picked(self.curves, kept), moments=_picked(self.moments, kept), spread=self.spread[kept]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Density:
    """The distribution of real pre-activations."""

    label: str  # Name of the data
    # edges, height: Histogram over the range of x, shapes (bins + 1,) and (bins,)
    edges: Array
    height: Array
    values: int  # How many finite values there are
    beyond: float  # Share of them outside the range of x
    saturated: tuple[tuple[float, float], ...]  # Per series the shares at or beyond the left and the right threshold


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Marks:
    """The points that were asked for one by one, of one unit."""

    curves: Curves
    moments: Moments

    @classmethod
    def of(cls, unit: NoisyUnit, at: Sequence[float]) -> "Marks":
        """Return the numbers of a unit at points."""
        x = np.asarray(at, dtype=np.float64)
        return cls(curves=curves(unit, x), moments=exact(unit, x))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OverviewResult:
    """Everything that the picture shows."""

    series: tuple[Series, ...]  # One per activation
    marks: tuple[Marks, ...]  # One per activation, none where no point is marked
    # kind, scale, noise, parameters: Of all the units; of the parameters (key, value) only those that the kind
    # uses
    kind: str
    scale: str
    noise: str
    parameters: tuple[tuple[str, float], ...]
    panels: tuple[str, ...]  # Keys of `noisyviz.pictures.shared.panels.PANELS`
    xlim: tuple[float, float]  # The range of x
    density: Density | None  # Real pre-activations, or None

    @property
    def among(self) -> bool:
        """Whether several units share the picture."""
        return len(self.series) > 1

    def drawn(self) -> "OverviewResult":
        """Return what a page can show, see `Series.drawn`."""
        return replace(self, series=tuple(one.drawn() for one in self.series))


BANDS: Final = (0.05, 0.25, 0.75, 0.95)  # quantiles that end the outer and the inner band
MOST_BAND: Final = 2_000  # x of a band, one per dot of a wide page
MARGIN: Final = 3.0  # how far beyond the outer thresholds x goes
MOST_MARKED: Final = 10_000  # points x on the curves
FARTHEST: Final = 1e6  # the largest |x| that a picture can show
MOST_DRAWS: Final = 1_000_000
MOST_DRAWN: Final = 20_000  # x of a curve that are drawn, ten per dot of the widest page
BINS: Final = 96
NODES: Final = 512  # for the standard deviation of an input noise without σ(x)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview(Picture[OverviewResult]):
    """Settings of the overview picture.

    Parameters
    ----------
    fn
        Names of activations, one to seven; several share the picture.
    unit, alpha, c, p, scale, noise
        As in `noisyviz.NoisyUnit`, where `unit` is called `kind`.
    panels
        Some of ``activation``, ``delta``, ``sigma`` and ``gradient``, in this order; a Δ or σ that is 0 throughout is
        left out beside other panels.
    xlim
        The range of x; None is 3 beyond the outer thresholds.
    points
        How many equally spaced x, from 2 to 1,000,000.
    samples
        Draws in the cloud of each function, from 1 to 1,000,000.
    seed
        Of the draws.
    at
        Points x to be marked on the curves; a range that is not given reaches beyond them.
    data
        Where the real pre-activations come from whose density is shown, or None.

    Raises
    ------
    InputError
        For a value outside its domain.

    Examples
    --------
    >>> result = Overview(fn=("hard-tanh",), points=9, samples=5).compute()
    >>> result.xlim, result.series[0].thresholds
    ((-4.0, 4.0), (-1.0, 1.0))
    """

    name: ClassVar[str] = "plot"
    earlier: ClassVar[Mapping[str, Any]] = MappingProxyType({"at": None})

    fn: tuple[str, ...] = (default("fn"),)
    unit: str = default("unit")
    alpha: float = default("alpha")
    c: float = default("c")
    p: float = default("p")
    scale: str = default("scale")
    noise: str = default("noise")
    panels: tuple[str, ...] = DRAWN
    xlim: tuple[float, float] | None = None
    points: int = 401
    samples: int = 2000
    seed: int = 0
    at: tuple[float, ...] | None = None
    data: DataSource | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.fn) <= len(SERIES):
            raise InputError(f"fn takes 1 to {len(SERIES)} functions, got {len(self.fn)}", parameter="fn")
        if not self.panels:
            raise InputError(f"panels must name some of {', '.join(PANELS)}, got none", parameter="panels")
        for panel in self.panels:
            if panel not in PANELS:
                hint = suggestion(panel, PANELS)
                raise InputError(f"panels must be of {', '.join(PANELS)}, got {panel!r}{hint}", parameter="panels")
        if len(set(self.panels)) < len(self.panels):
            raise InputError(f"panels must be distinct, got {', '.join(self.panels)}", parameter="panels")
        for key, value, low, most in (("points", self.points, 2, 1_000_000), ("samples", self.samples, 1, MOST_DRAWS)):
            if not low <= value <= most:
                raise InputError(f"{key} must be from {low} to {most:,} in a picture, got {value:,}", parameter=key)
        check_total(len(self.fn), points=self.points, samples=self.samples)
        check_at(self.at or ())
        if self.xlim is not None and not -FARTHEST <= self.xlim[0] < self.xlim[1] <= FARTHEST:
            raise InputError(
                f"xlim must be two increasing numbers within ±{FARTHEST:g} in a picture, got {self.xlim}",
                parameter="xlim",
            )

    def compute(
        self,
        data: Array | None = None,
        *,
        progress: Callable[[float], None] | None = None,  # noqa: ARG002  # it does not take long
    ) -> OverviewResult:
        """Return every number in the picture; `data` are finite pre-activations of any shape."""
        if (data is None) != (self.data is None):
            raise InputError("data and their source must be given together", parameter="data")
        units = [
            NoisyUnit(fn, kind=self.unit, alpha=self.alpha, c=self.c, p=self.p, scale=self.scale, noise=self.noise)
            for fn in self.fn
        ]
        return self.of(units, data)

    def of(self, units: Sequence[NoisyUnit], data: Array | None = None) -> OverviewResult:
        """Return every number in the picture of units that differ in nothing but their activation.

        The settings that make a unit are taken from the units, all others from the picture.
        """
        first = units[0]
        xlim = self.xlim or around(default_xlim([unit.activation for unit in units]), self.at or ())
        children = np.random.default_rng(self.seed).spawn(len(units))
        uses = KINDS[first.kind].uses
        parameters = (("alpha", first.alpha), ("c", first.c), ("p", first.p))
        series = tuple(
            series_of(unit, rng, xlim=xlim, points=self.points, samples=self.samples)
            for unit, rng in zip(units, children, strict=True)
        )
        return OverviewResult(
            series=series,
            marks=tuple(Marks.of(unit, self.at) for unit in units) if self.at else (),
            kind=first.kind,
            scale=first.scale,
            noise=first.noise.name,
            parameters=tuple((key, float(value)) for key, value in parameters if key in uses),
            panels=_not_empty(self.panels, series),
            xlim=xlim,
            density=_density(self.data, data, units, xlim=xlim) if self.data and data is not None else None,
        )

    def tables(self, result: OverviewResult) -> Mapping[str, Columns]:
        """Return the curves (suffix empty), quantiles (``-bands``) and draws (``-draws``), one row per function and x.

        The marked points have a table of their own (``-points``).
        """
        names = [one.name for one in result.series]

        def stack(pick: "Mapping[str, list[Array]]") -> Columns:
            first = next(iter(pick.values()))
            fn = np.repeat(np.array(names), [values.size for values in first])
            return {"fn": fn} | {key: np.concatenate(values) for key, values in pick.items()}

        bare = ("x", "h", "derivative", "u", "hard", "delta", "sigma")
        moments = ("mean", "std", "p_outside", "grad_mean", "grad_std", "p_zero", "p_wrong")
        curve = {key: [getattr(one.curves, key) for one in result.series] for key in bare}
        noisy = {key: [getattr(one.moments, key) for one in result.series] for key in moments}
        draws = {
            "x": [one.cloud_x for one in result.series],
            "xi": [one.cloud_xi for one in result.series],
            "phi": [one.cloud_phi for one in result.series],
        }
        bands = {"x": [one.band_x for one in result.series]} | {
            f"{name}_q{round(100 * level):02}": [getattr(one.bands, name)[k] for one in result.series]
            for name in ("phi", "grad")
            for k, level in enumerate(BANDS)
        }
        found = {"": stack(curve | noisy), "-bands": stack(bands), "-draws": stack(draws)}
        if result.marks:
            at = {key: [getattr(one.curves, key) for one in result.marks] for key in bare}
            found["-points"] = stack(at | {key: [getattr(one.moments, key) for one in result.marks] for key in moments})
        return found


def quantity(one: Series | Marks, column: str) -> Array:
    """Return a quantity of a unit, of its curves or its moments, by its name."""
    values: Array = getattr(one.curves if hasattr(one.curves, column) else one.moments, column)
    return values


def check_at(at: Sequence[float]) -> None:
    """Raise where the points to be marked are too many or too far away."""
    if len(at) > MOST_MARKED or not all(abs(x) <= FARTHEST for x in at):
        raise InputError(
            f"at must be at most {MOST_MARKED:,} numbers within ±{FARTHEST:g} in a picture, got "
            f"{len(at):,} from {min(at):g} to {max(at):g}",
            parameter="at",
        )


def check_total(units: int, **counts: int) -> None:
    """Raise where the points or the draws of all units together are more than a picture takes.

    Raises
    ------
    InputError
        With how many each unit may have.
    """
    for key, value in counts.items():
        if units * value > MOST_DRAWS:
            raise InputError(
                f"{key} must be at most {MOST_DRAWS // units:,} for each of {units} units in a picture, got {value:,}",
                parameter=key,
            )


def _picked(columns: Picked, kept: "np.typing.NDArray[np.intp]") -> Picked:
    changes = {field.name: getattr(columns, field.name)[kept] for field in fields(columns)}
    return replace(columns, **changes)


def _kept(x: Array, *, most: int) -> "np.typing.NDArray[np.intp]":
    """Return which of increasing x stay so that there are about `most`, and both sides of every jump."""
    if x.size <= most:
        return np.arange(x.size)
    beside = np.flatnonzero(np.diff(x) < 0.1 * (x[-1] - x[0]) / x.size)
    even = np.linspace(0, x.size - 1, most).round().astype(np.intp)
    return np.unique(np.concatenate([even, beside, beside + 1]))


def default_xlim(activations: list[Activation]) -> tuple[float, float]:
    """Return the range from 3 below the left threshold to 3 above the right one, of all functions together.

    A side without a threshold mirrors the other one; a function without any has its margin around 0.

    Examples
    --------
    >>> from noisyviz.units.activations import activation
    >>> default_xlim([activation("sigmoid")]), default_xlim([activation("relu")])
    ((-5.0, 5.0), (-3.0, 3.0))
    """
    lows, highs = [], []
    for one in activations:
        left, right = one.thresholds
        lows.append(left if isfinite(left) else -right if isfinite(right) else 0.0)
        highs.append(right if isfinite(right) else -left if isfinite(left) else 0.0)
    return min(lows) - MARGIN, max(highs) + MARGIN


def around(xlim: tuple[float, float], at: Sequence[float]) -> tuple[float, float]:
    """Return a range that holds points as well.

    Examples
    --------
    >>> around((-4.0, 4.0), [0.0, 6.0])
    (-4.0, 6.5)
    """
    low, high = min([xlim[0], *at]), max([xlim[1], *at])
    room = 0.05 * (high - low)
    return low - room * (low < xlim[0]), high + room * (high > xlim[1])


def _not_empty(panels: Sequence[str], series: Sequence[Series]) -> tuple[str, ...]:
    """Return panels without those of a Δ or σ that is 0 throughout, or all of them where none would be left."""
    shown = {"delta": [one.curves.delta for one in series], "sigma": [one.spread for one in series]}
    left = tuple(key for key in panels if key not in shown or any(np.any(values != 0.0) for values in shown[key]))
    return left or tuple(panels)


def wrong_intervals(x: Array, p_wrong: Array) -> tuple[tuple[float, float], ...]:
    """Return where p_wrong > ½, its edges by linear interpolation.

    Parameters
    ----------
    x, p_wrong
        Shape (n,), x increasing; NaN counts as not wrong.

    Examples
    --------
    >>> wrong_intervals(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.25, 0.75, 1.0]))
    ((1.5, 3.0),)
    """
    excess = np.where(np.isnan(p_wrong), -0.5, p_wrong - 0.5)
    wrong = np.concatenate([[False], excess > 0.0, [False]])
    intervals = []
    for start, stop in np.flatnonzero(wrong[1:] != wrong[:-1]).reshape(-1, 2):
        left = x[0] if start == 0 else _crossing(x, excess, start - 1)
        right = x[-1] if stop == x.size else _crossing(x, excess, stop - 1)
        intervals.append((float(left), float(right)))
    return tuple(intervals)


def _crossing(x: Array, excess: Array, i: int) -> float:
    a, b = excess[i], excess[i + 1]
    return float(x[i] + (x[i + 1] - x[i]) * a / (a - b))


def series_of(
    unit: NoisyUnit, rng: np.random.Generator, *, xlim: tuple[float, float], points: int, samples: int
) -> Series:
    """Return the curves of a unit over a range, its exact moments, and draws of φ at equally spaced x."""
    x = _grid(unit.activation, xlim=xlim, points=points)
    moments = exact(unit, x)
    cloud_x = np.linspace(*xlim, samples)
    cloud_xi = unit.noise.draw(rng, samples)
    bare = curves(unit, x)
    band_x = x[_kept(x, most=MOST_BAND)]
    return Series(
        name=unit.activation.name,
        curves=bare,
        moments=moments,
        band_x=band_x,
        bands=quantiles(unit, band_x, BANDS),
        spread=_input_spread(unit, x) if unit.kind == "nanil-softplus" else bare.sigma,
        cloud_x=cloud_x,
        cloud_xi=cloud_xi,
        cloud_phi=unit(cloud_x, cloud_xi),
        thresholds=unit.activation.thresholds,
        wrong=wrong_intervals(x, moments.p_wrong),
    )


def _grid(activation: Activation, *, xlim: tuple[float, float], points: int) -> Array:
    """Return equally spaced x, with both sides of every jump added so that it is drawn upright."""
    jumps = [x for x in (*activation.kinks, *activation.thresholds) if xlim[0] < x < xlim[1]]
    near = 1e-9 * (xlim[1] - xlim[0])
    beside = [x + side for x in jumps for side in (-near, near)]
    return np.unique(np.concatenate([np.linspace(*xlim, points), jumps, beside]))


def _input_spread(unit: NoisyUnit, x: Array) -> Array:
    """Return the standard deviation of s at every x, by the midpoint rule on the quantiles of ξ."""
    xi = unit.noise.quantile((np.arange(NODES) + 0.5) / NODES)
    at = unit.at(x[:, None])
    assert isinstance(at, InputNoise)
    shift = at.shift(np.broadcast_to(xi, (x.size, NODES)))
    return np.asarray(np.sqrt(np.mean(shift * shift, axis=1)))


def _density(source: DataSource, data: Array, units: Sequence[NoisyUnit], *, xlim: tuple[float, float]) -> Density:
    values = np.ravel(np.asarray(data, dtype=np.float64))
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise InputError(f"data of {source.file!r} hold no finite number", parameter="data")
    counts, edges = np.histogram(values, bins=BINS, range=xlim)
    shares = []
    for unit in units:
        left, right = unit.activation.thresholds
        shares.append((float(np.mean(values <= left)), float(np.mean(values >= right))))
    return Density(
        label=printable(f"{source.array} of {source.file}" if source.array else source.file),
        edges=edges,
        height=counts / (values.size * (edges[1] - edges[0])),
        values=values.size,
        beyond=float(np.mean((values < xlim[0]) | (values > xlim[1]))),
        saturated=tuple(shares),
    )
