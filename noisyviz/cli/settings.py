"""The noisy unit and the points x that the options ask for."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noisyviz import __version__
from noisyviz.cli import options as opt
from noisyviz.cli.parsing import MAX_POINTS, choice, distinct, interval, number, points_at, single, whole
from noisyviz.errors import InputError

if TYPE_CHECKING:
    from noisyviz.units.activations import Activation, Array
    from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSettings:
    """The unit options, checked; `fn` may name several activations."""

    fn: tuple[str, ...]
    unit: str
    alpha: float
    c: float
    p: float
    scale: str
    noise: str

    def build(self) -> "list[NoisyUnit]":
        """Return one noisy unit per activation."""
        from noisyviz.units.unit import NoisyUnit

        return [
            NoisyUnit(fn, kind=self.unit, alpha=self.alpha, c=self.c, p=self.p, scale=self.scale, noise=self.noise)
            for fn in self.fn
        ]

    def config(self) -> dict[str, object]:
        """Return the options as JSON values."""
        fn: str | list[str] = self.fn[0] if len(self.fn) == 1 else list(self.fn)
        return {
            "fn": fn,
            "unit": self.unit,
            "alpha": self.alpha,
            "c": self.c,
            "p": self.p,
            "scale": self.scale,
            "noise": self.noise,
        }


def unit_settings(
    *,
    fn: Sequence[str] | None,
    unit: Sequence[str] | None,
    alpha: Sequence[str] | None,
    c: Sequence[str] | None,
    p: Sequence[str] | None,
    scale: Sequence[str] | None,
    noise: Sequence[str] | None,
) -> UnitSettings:
    """Check the unit options of a command that draws or computes one unit for each ``--fn``."""
    from noisyviz.units.unit import KINDS, SCALES

    return UnitSettings(
        fn=tuple(distinct(fn, "--fn", [opt.DEFAULT_FN])),
        unit=choice(single(unit, "--unit", opt.DEFAULT_UNIT), "--unit", KINDS),
        alpha=number(single(alpha, "--alpha", opt.DEFAULT_ALPHA), "--alpha"),
        c=number(single(c, "--c", opt.DEFAULT_C), "--c", at_least=0.0),
        p=number(single(p, "--p", opt.DEFAULT_P), "--p"),
        scale=choice(single(scale, "--scale", opt.DEFAULT_SCALE), "--scale", SCALES),
        noise=single(noise, "--noise", opt.DEFAULT_NOISE),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSettings:
    """The points as they were asked for: a list, or a range with a number of points."""

    at: tuple[float, ...] | None
    xlim: tuple[float, float] | None
    points: int

    def limits(self, activations: "Sequence[Activation]") -> tuple[float, float]:
        """Return the range of x, by default 3 beyond the outermost thresholds."""
        from noisyviz.pictures.overview.picture import default_xlim

        return self.xlim or default_xlim(list(activations))

    def x(self, activations: "Sequence[Activation]") -> "Array":
        """Return the points, shape (n,)."""
        import numpy as np

        if self.at is not None:
            return np.array(self.at, dtype=np.float64)
        return np.linspace(*self.limits(activations), self.points)

    def even(self) -> tuple[tuple[float, float] | None, int]:
        """Return the range and the number of points of a curve; a list must be evenly spaced and rising."""
        if self.at is None:
            return self.xlim, self.points
        low, high, count = self.at[0], self.at[-1], len(self.at)
        if not (count > 1 and math.isfinite(low) and low < high):
            raise InputError("--at needs at least two finite, rising points for a curve; estimate takes any")
        pitch = (high - low) / (count - 1)
        if any(abs(low + pitch * k - x) > 1e-6 * pitch for k, x in enumerate(self.at)):
            raise InputError("--at must be evenly spaced for a curve, such as -4:4:0.1; estimate takes any points")
        return (low, high), count

    def config(self, activations: "Sequence[Activation]") -> dict[str, object]:
        """Return the options as JSON values; infinite points are spelled out."""
        if self.at is not None:
            return {"at": [x if math.isfinite(x) else str(x) for x in self.at]}
        return {"xlim": list(self.limits(activations)), "points": self.points}


def point_settings(*, at: Sequence[str] | None, xlim: tuple[str, str] | None, points: str | None) -> PointSettings:
    """Check the options that say where to evaluate."""
    if at is not None and (xlim is not None or points is not None):
        other = "--xlim" if xlim is not None else "--points"
        raise InputError(f"--at lists the points itself and cannot be joined with {other}")
    return PointSettings(
        at=tuple(points_at(at)) if at is not None else None,
        xlim=interval(xlim) if xlim is not None else None,
        points=whole(points or opt.DEFAULT_POINTS, "--points", low=2, high=MAX_POINTS),
    )


def versions() -> dict[str, object]:
    """Return the versions that a result depends on."""
    import platform

    import numpy
    import scipy

    return {
        "noisyviz": __version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "python": platform.python_version(),
    }
