"""The picture of ``noisyviz calibrate``: bias against what was asked for, for every unit on offer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, check_name, printable
from noisyviz.networks.calibrate import calibrate
from noisyviz.networks.calibration import ASKED, TARGETS, Calibration, Calibrations, Setting
from noisyviz.networks.weighted_sample import normal_input
from noisyviz.pictures.picture import Columns, DataSource, Picture
from noisyviz.units.activation import Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeOff:
    """One unit at all noise levels.

    Parameters
    ----------
    kind, alpha
        Of the unit; α is None for kinds without it.
    c, gradient, bias
        The noise level, what was asked for (response, pull or rms gradient on saturated samples, in units of u′), and
        the root mean square of E φ − h over all samples; shape (levels,).
    front
        Whether no other setting has at once no less of what was asked for, no more bias and no more std.
    within
        Whether a setting keeps the bounds that are not on the axes, on P(wrong) and on the std.
    """

    kind: str
    alpha: float | None
    c: Array
    gradient: Array
    bias: Array
    front: npt.NDArray[np.bool_]
    within: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A setting that is marked: its noise level, what it has of what was asked for (in units of u′) and its bias."""

    c: float
    gradient: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrateResult:
    """Bias against gradient for every unit on offer, and what was asked for.

    Parameters
    ----------
    fn, source
        The activation, and where its inputs come from.
    curves
        One for each unit.
    by, target, bound
        What was asked for, how much of it, in units of u′, and the largest bias or None.
    more
        The other bounds, by the words for them.
    best, best_curve
        The answer and which curve it lies on; None and −1 where nothing reaches the target.
    start
        Where a schedule starts, or None.
    scale, noise, p
        Of the units.
    """

    fn: str
    source: str
    curves: tuple[TradeOff, ...]
    by: str
    target: float
    bound: float | None
    more: tuple[tuple[str, float], ...]
    best: Mark | None
    best_curve: int
    start: Mark | None
    scale: str
    noise: str
    p: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibrateResults:
    """The same for each of several arrays: their names and what was found, of the same units."""

    names: tuple[str, ...]
    results: tuple[CalibrateResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratePicture(Picture[CalibrateResult | CalibrateResults]):
    """Settings of the picture of a calibration.

    Parameters
    ----------
    fn
        Name of an activation.
    unit, alpha
        The kinds and the α on offer; a kind without α is offered once.
    p, scale, noise
        As in `noisyviz.NoisyUnit`.
    by, target_grad, max_bias, max_wrong, max_std, start_factor
        As in `noisyviz.calibrate`.
    normal
        Mean and standard deviation of a normal input, or None for files.
    files
        The files whose pre-activations were the input; they are not in the picture.
    functions
        Pairs of an array's name and its activation; where there are some, every array has an answer of its own.

    Raises
    ------
    InputError
        For an unknown name or a parameter outside its domain, and for neither or both of `normal` and `files`.

    Examples
    --------
    >>> result = CalibratePicture(fn="hard-tanh", alpha=(0.9,), by="rms", target_grad=0.15, normal=(0.0, 2.0)).compute()
    >>> len(result.curves), result.best.c > 0.0
    (3, True)
    """

    name: ClassVar[str] = "calibrate"
    earlier: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"by": "rms", "max_wrong": None, "max_std": None, "functions": []}
    )

    fn: str = default("fn")
    unit: tuple[str, ...] = ("nan", "nah", "nani")
    alpha: tuple[float, ...] = (0.9, 1.0, 1.15)
    p: float = default("p")
    scale: str = default("scale")
    noise: str = default("noise")
    by: str = "response"
    target_grad: float = 0.25
    max_bias: float | None = None
    max_wrong: float | None = None
    max_std: float | None = None
    start_factor: float = 4.0
    normal: tuple[float, float] | None = None
    files: tuple[DataSource, ...] = ()
    functions: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.unit or not self.alpha:
            raise InputError("unit and alpha must name at least one value each", parameter="unit")
        check_name("by", self.by, TARGETS)
        self.units()

    @classmethod
    def showing(cls, found: Calibration) -> Self:
        """Return the settings of the picture of a calibration that was made in Python."""
        units = [one.unit for one in found.curve]
        return cls(
            unit=tuple(dict.fromkeys(unit.kind for unit in units)),
            alpha=tuple(dict.fromkeys(float(unit.alpha) for unit in units)),
            p=float(units[0].p),
            scale=units[0].scale,
            noise=units[0].noise.name,
            **{name: getattr(found, name) for name in ASKED},
        )

    def units(self) -> list[NoisyUnit]:
        """Return a unit for every kind and α; a kind without α once."""
        return [
            NoisyUnit(self.fn, kind=kind, alpha=alpha, c=0.0, p=self.p, scale=self.scale, noise=self.noise)
            for kind in self.unit
            for alpha in (self.alpha if kind not in KINDS or "alpha" in KINDS[kind].uses else self.alpha[:1])
        ]

    def numbers(self) -> CalibrateResult | CalibrateResults:
        """Search for a normal input, and return every number in the picture."""
        if self.normal is None:
            names = ", ".join(f"'{source.file}'" for source in self.files) or "the files"
            raise InputError(f"a calibration is not made again from its picture; run 'noisyviz calibrate' on {names}")
        units = self.units()
        found = calibrate(
            normal_input(*self.normal, units[0].activation),
            units=units,
            **{name: getattr(self, name) for name in ASKED},
        )
        return self.of(found)

    def of(self, found: Calibration | Calibrations) -> CalibrateResult | CalibrateResults:
        """Return every number in the picture of what was found."""
        if isinstance(found, Calibration):
            return self._of(found)
        return CalibrateResults(
            names=tuple(found.by_array), results=tuple(self._of(one) for one in found.by_array.values())
        )

    def _of(self, found: Calibration) -> CalibrateResult:
        curves = _curves(found.curve, found.by, max_wrong=self.max_wrong, max_std=self.max_std)
        keys = [(curve.kind, curve.alpha) for curve in curves]
        best = found.best
        return CalibrateResult(
            fn=found.curve[0].unit.activation.name,
            source=self._source(),
            curves=curves,
            by=self.by,
            target=self.target_grad,
            bound=self.max_bias,
            more=tuple(
                (words, bound)
                for words, bound in (("P(wrong) of", self.max_wrong), ("a std of", self.max_std))
                if bound is not None
            ),
            best=None if best is None else _mark(best, found.by),
            best_curve=-1 if best is None else keys.index(_key(best)),
            start=None if found.start is None else _mark(found.start, found.by),
            scale=self.scale,
            noise=found.curve[0].unit.noise.name,
            p=float(self.p),
        )

    def _source(self) -> str:
        if self.normal is not None:
            return f"N({self.normal[0]:g}, {self.normal[1]:g}²)"
        names = list(dict.fromkeys(printable(source.file) for source in self.files))
        if not names:
            return "pre-activations"
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")

    def tables(self, result: CalibrateResult | CalibrateResults) -> Mapping[str, Columns]:
        """Return the curves, one row for each unit and noise level, and of each array where there are several."""
        if isinstance(result, CalibrateResults):
            parts = [self.tables(one)["-curves"] for one in result.results]
            names = np.repeat(np.array(result.names), [part["c"].size for part in parts])
            return {
                "-curves": {"array": names} | {key: np.concatenate([one[key] for one in parts]) for key in parts[0]}
            }
        sizes = [curve.c.size for curve in result.curves]
        alphas = [np.nan if curve.alpha is None else curve.alpha for curve in result.curves]
        return {
            "-curves": {
                "unit": np.repeat([curve.kind for curve in result.curves], sizes),
                "alpha": np.repeat(alphas, sizes),
                "c": np.concatenate([curve.c for curve in result.curves]),
                "gradient": np.concatenate([curve.gradient for curve in result.curves]),
                "bias_rms": np.concatenate([curve.bias for curve in result.curves]),
                "on_front": np.concatenate([curve.front for curve in result.curves]),
            }
        }


def _key(setting: Setting) -> tuple[str, float | None]:
    unit = setting.unit
    return unit.kind, float(unit.alpha) if "alpha" in KINDS[unit.kind].uses else None


def _mark(setting: Setting, by: str) -> Mark:
    return Mark(c=setting.c, gradient=setting.of(by), bias=setting.bias_rms)


def _curves(
    settings: Sequence[Setting], by: str, *, max_wrong: float | None, max_std: float | None
) -> tuple[TradeOff, ...]:
    by_unit: dict[tuple[str, float | None], list[Setting]] = {}
    for setting in settings:
        by_unit.setdefault(_key(setting), []).append(setting)
    return tuple(
        TradeOff(
            kind=kind,
            alpha=alpha,
            c=np.array([one.c for one in levels]),
            gradient=np.array([one.of(by) for one in levels]),
            bias=np.array([one.bias_rms for one in levels]),
            front=np.array([one.on_front for one in levels]),
            within=np.array(
                [
                    (max_wrong is None or one.p_wrong <= max_wrong) and (max_std is None or one.std_rms <= max_std)
                    for one in levels
                ]
            ),
        )
        for (kind, alpha), levels in by_unit.items()
    )
