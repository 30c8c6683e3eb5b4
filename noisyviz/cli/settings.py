"""The noisy unit and the points x that the options ask for."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from noisyviz import __version__
from noisyviz.cli.options import Given
from noisyviz.cli.parsing import points_at
from noisyviz.errors import InputError
from noisyviz.units.parameters import PARAMETERS

if TYPE_CHECKING:
    from noisyviz.units.activations import Activation, Array
    from noisyviz.units.unit import NoisyUnit


def unit_settings(given: Given) -> dict[str, Any]:
    """Return the checked parameters of one unit by name; ``fn`` is a tuple, which may hold several activations."""
    return {"fn": given.values("fn")} | {name: given.value(name) for name in PARAMETERS if name != "fn"}


def idle_notes(given: Given, kinds: Sequence[str]) -> Iterator[str]:
    """Say which parameters were given although none of these kinds of unit uses them."""
    from noisyviz.units.kinds import KINDS

    own = given.takes("scale") and bool(given["scale"]) and all(":" in text for text in given["scale"])
    used = {
        name
        for kind in kinds
        for name in KINDS[kind].uses
        if not (own and name == "p" and "scale" in KINDS[kind].uses)  # p is in eq9 and figure alone
    }
    if any(kind != "none" for kind in kinds):
        used.add("noise")
    scale = " with a scale of your own" if own else ""
    ignore = f"{kinds[0]}{scale} ignores" if len(set(kinds)) == 1 else f"these kinds{scale} ignore"
    for name in ("alpha", "c", "p", "scale", "noise"):
        if given.takes(name) and given[name] is not None and name not in used:
            yield f"--{name} has no effect: {ignore} it"


def idle_draws(given: Given, why: str) -> Iterator[str]:
    """Say that options of random draws have no effect, where none are drawn, unless they are written as data."""
    for name in ("samples", "seed"):
        if given[name] is not None and not given.has("with_data"):
            yield f"--{name} has no effect: {why}"


def build(settings: dict[str, Any]) -> "list[NoisyUnit]":
    """Return one noisy unit for each activation of `unit_settings`."""
    from noisyviz.units.unit import NoisyUnit

    parameters = {("kind" if name == "unit" else name): value for name, value in settings.items() if name != "fn"}
    return [NoisyUnit(fn, **parameters) for fn in settings["fn"]]


def unit_config(settings: dict[str, Any]) -> dict[str, Any]:
    """Return `unit_settings` as JSON values: a lone activation as text."""
    fn = settings["fn"]
    return settings | {"fn": fn[0] if len(fn) == 1 else list(fn)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSettings:
    """The points that were asked for: a list, or a range with a number of points."""

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

    def curve(self) -> dict[str, Any]:
        """Return ``xlim``, ``points`` and the points ``at`` that are marked on a curve."""
        infinite = [x for x in self.at or () if not math.isfinite(x)]
        if infinite:
            raise InputError(f"--at takes finite points on a curve, got {infinite[0]:g}; estimate accepts any points")
        return {"xlim": self.xlim, "points": self.points, "at": self.at}

    def config(self, activations: "Sequence[Activation]") -> dict[str, object]:
        """Return the options as JSON values; infinite points are spelled out."""
        if self.at is not None:
            return {"at": [x if math.isfinite(x) else str(x) for x in self.at]}
        return {"xlim": list(self.limits(activations)), "points": self.points}


def point_settings(given: Given, *, drawn: bool = False) -> PointSettings:
    """Check the options that say where to evaluate; points on drawn curves go together with a range."""
    if given["at"] is not None and not drawn and (given["xlim"] is not None or given["points"] is not None):
        other = "--xlim" if given["xlim"] is not None else "--points"
        raise InputError(f"--at lists the points and cannot be combined with {other}")
    return PointSettings(
        at=tuple(points_at(given["at"])) if given["at"] is not None else None,
        xlim=given.value("xlim"),
        points=given.value("points"),
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
