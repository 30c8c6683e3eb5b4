"""The figure ``budget``: what each kind of unit pays in bias for the gradient that it gives."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Final

import numpy as np

from noisyviz.errors import InputError, check_name
from noisyviz.networks.calibrate import Sample, effect, for_noise, normal_input
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.units.activations import Activation, Array, activation
from noisyviz.units.kinds import KINDS
from noisyviz.units.parameters import default
from noisyviz.units.scales import named_scale
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetCurve:
    """One unit at rising noise levels."""

    kind: str  # Of the unit
    c: Array  # Noise levels, rising, shape (n,)
    # grad_rms, bias_rms: Root mean squares of ∂φ/∂x over draws and saturated inputs, in units of u′, and of E φ −
    # h over all inputs, shape (n,)
    grad_rms: Array
    bias_rms: Array
    # response, pull, noise: Over the saturated inputs, in units of u′, see `NoiseProfile`; shape (n,)
    response: Array
    pull: Array
    noise: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetPanel:
    """All kinds at one α."""

    alpha: float
    curves: tuple[BudgetCurve, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetResult:
    """Everything that the picture shows."""

    # fn, p, scale, noise: Settings of the units
    fn: str
    p: float
    scale: str
    noise: str
    # mean, std: Of the normal input
    mean: float
    std: float
    share_saturated: float  # Share of the inputs at or beyond a threshold
    panels: tuple[BudgetPanel, ...]  # One per α
    marks: tuple[float, ...]  # Noise levels that are marked on the curves, rising; each is one of every curve's


NOISY: Final = ("nan", "nah", "nani", "nanil", "nanis", "nanil-softplus")  # the paper's, and its authors'
MOST_LEVELS: Final = 1000
_BITS: Final = 3  # cells of the input, as shares of the width over which the noise acts


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget(Picture[BudgetResult]):
    """Settings of the picture of bias against gradient.

    Parameters
    ----------
    fn
        Name of an activation with a threshold.
    unit
        Noisy kinds, none twice.
    alpha
        One panel for each value, one to four.
    p, scale, noise
        As in `noisyviz.NoisyUnit`.
    mean, std
        Of the normal input.
    c_min, c_max, levels
        Noise levels, geometrically from `c_min` to `c_max`, from 2 to 1,000 of them; 0 comes before them.
    marks
        Levels that are marked on the curves, one to six.

    Raises
    ------
    InputError
        For a value outside its domain.

    Examples
    --------
    >>> found = Budget(unit=("nani",), alpha=(1.0,), levels=2, marks=(0.5,)).compute()
    >>> found.panels[0].curves[0].c.tolist(), float(found.panels[0].curves[0].bias_rms[0])
    ([0.0, 0.02, 0.5, 30.0], 0.0)
    """

    name: ClassVar[str] = "budget"

    fn: str = "hard-tanh"
    unit: tuple[str, ...] = NOISY
    alpha: tuple[float, ...] = (0.9, 1.0)
    p: float = default("p")
    scale: str = default("scale")
    noise: str = default("noise")
    mean: float = 0.0
    std: float = 2.0
    c_min: float = 0.02
    c_max: float = 30.0
    levels: int = 49
    marks: tuple[float, ...] = (0.1, 1.0, 10.0)

    def __post_init__(self) -> None:
        for key, most in (("unit", len(NOISY)), ("alpha", 4), ("marks", 6)):
            values = getattr(self, key)
            if not 1 <= len(values) <= most or len(set(values)) < len(values):
                raise InputError(
                    f"{key} must be 1 to {most} distinct values, got {', '.join(map(str, values)) or 'none'}",
                    parameter=key,
                )
        for kind in self.unit:
            check_name("unit", kind, NOISY)
        named_scale(self.scale)
        if not (isfinite(self.mean) and 0 < self.std <= 1e6):
            raise InputError(
                f"std must be above 0, at most 1e6, and mean finite, got {self.std:g} and {self.mean:g}",
                parameter="std",
            )
        if not 0 < self.c_min < self.c_max <= 1e6:
            raise InputError(
                f"c_min must be above 0 and below c_max, at most 1e6, got {self.c_min:g} and {self.c_max:g}",
                parameter="c_min",
            )
        if not 2 <= self.levels <= MOST_LEVELS:
            raise InputError(f"levels must be from 2 to {MOST_LEVELS:,}, got {self.levels}", parameter="levels")
        if not all(self.c_min <= mark <= self.c_max for mark in self.marks):
            raise InputError(
                f"marks must lie from c_min to c_max, got {', '.join(f'{mark:g}' for mark in self.marks)}",
                parameter="marks",
            )

    def numbers(self) -> BudgetResult:
        """Return every number in the picture."""
        h = activation(self.fn)
        sample = normal_input(self.mean, self.std, h)
        share = float(sample.weights[sample.saturated].sum() / sample.weights.sum())
        if not share > 0:
            raise InputError(f"no input saturates: none lies at or beyond a threshold of {h.name}", parameter="fn")
        c = np.unique([0.0, *np.geomspace(self.c_min, self.c_max, self.levels), *self.marks])
        found: dict[tuple[str, float], BudgetCurve] = {}
        panels = []
        for alpha in self.alpha:
            curves = []
            for kind in self.unit:
                key = (kind, alpha if "alpha" in KINDS[kind].uses else self.alpha[0])
                if key not in found:
                    found[key] = self._curve(h, kind, key[1], c, sample)
                curves.append(found[key])
            panels.append(BudgetPanel(alpha=float(alpha), curves=tuple(curves)))
        return BudgetResult(
            fn=h.name,
            p=float(self.p),
            scale=self.scale,
            noise=self.noise,
            mean=float(self.mean),
            std=float(self.std),
            share_saturated=share,
            panels=tuple(panels),
            marks=tuple(sorted(self.marks)),
        )

    def _curve(self, h: Activation, kind: str, alpha: float, c: Array, sample: Sample) -> BudgetCurve:
        unit = NoisyUnit(h, kind=kind, alpha=alpha, p=self.p, scale=self.scale, noise=self.noise)
        noisy = [unit.replace(c=float(level)) for level in c]
        effects = [effect(one, for_noise(one, sample, bits=_BITS)) for one in noisy]
        slope = abs(h.slope) or 1.0
        return BudgetCurve(
            kind=kind,
            c=c,
            grad_rms=np.array([one.grad_rms_saturated / slope for one in effects]),
            bias_rms=np.array([one.bias_rms for one in effects]),
            response=np.array([one.response_saturated for one in effects]),
            pull=np.array([one.pull_saturated for one in effects]),
            noise=np.array([one.noise_rms_saturated for one in effects]),
        )

    def tables(self, result: BudgetResult) -> Mapping[str, Columns]:
        """Return the curves in long form, α by α and kind by kind; those that ignore α repeat."""
        rows = [(panel.alpha, curve) for panel in result.panels for curve in panel.curves]
        sizes = [curve.c.size for _, curve in rows]
        return {
            "": {
                "alpha": np.repeat([alpha for alpha, _ in rows], sizes),
                "unit": np.repeat([curve.kind for _, curve in rows], sizes),
                "c": np.concatenate([curve.c for _, curve in rows]),
                "grad_rms_saturated": np.concatenate([curve.grad_rms for _, curve in rows]),
                "bias_rms": np.concatenate([curve.bias_rms for _, curve in rows]),
                **{
                    name: np.concatenate([getattr(curve, name) for _, curve in rows])
                    for name in ("response", "pull", "noise")
                },
            }
        }
