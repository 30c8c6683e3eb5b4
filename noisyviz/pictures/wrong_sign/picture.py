"""The figure ``wrong-sign``: where in (x, α) the gradient of a noisy unit points the wrong way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from noisyviz.errors import InputError, check_name
from noisyviz.moments.exact import exact
from noisyviz.pictures.overview.picture import FARTHEST, default_xlim
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.units.activations import Array, activation
from noisyviz.units.kinds import KINDS
from noisyviz.units.noise import noise as named_noise
from noisyviz.units.parameters import default
from noisyviz.units.scales import named_scale
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignMap:
    """P(∂φ/∂x has the sign opposite to u′) of one kind."""

    kind: str  # A kind with output noise
    share: Array  # At the centres of the cells, shape (rows of alpha, columns of x); NaN where it is undefined
    flip: tuple[float, float]  # The largest share at α = 1 and just above, where d has flipped, over the x of the map


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WrongSignResult:
    """Everything that the picture shows."""

    # fn, c, p, scale, noise: Settings of the units
    fn: str
    c: float
    p: float
    scale: str
    noise: str
    # xlim, alpha_lim: The outer edges of the cells
    xlim: tuple[float, float]
    alpha_lim: tuple[float, float]
    # x, alpha: Centres of the cells, of shapes (columns,) and (rows,)
    x: Array
    alpha: Array
    maps: tuple[SignMap, ...]  # One per kind
    thresholds: tuple[float, float]  # x_t⁻ and x_t⁺, infinite where there is none


MOST_CELLS: Final = 1000  # along one side
LEAKING: Final = tuple(kind for kind, row in KINDS.items() if "alpha" in row.uses)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongSign(Picture[WrongSignResult]):
    """Settings of the map of wrong gradient signs.

    Parameters
    ----------
    fn
        Name of an activation.
    unit
        Kinds with output noise, those that α changes: ``nan``, ``nah`` or both.
    c, p, scale, noise
        As in `noisyviz.NoisyUnit`.
    xlim
        The range of x; None is 3 beyond the outer thresholds.
    alpha_lim
        The range of α.
    columns, rows
        Cells along x and along α, from 2 to 1,000; the share is computed at their centres.

    Raises
    ------
    InputError
        For a value outside its domain.

    Examples
    --------
    >>> found = WrongSign(columns=8, rows=2, alpha_lim=(0.8, 1.2)).compute()
    >>> [(one.kind, [round(share, 6) for share in one.flip]) for one in found.maps]  # at α = 1 and just above
    [('nan', [0.5, 0.5]), ('nah', [1.0, 0.0])]
    """

    name: ClassVar[str] = "wrong-sign"

    fn: str = "hard-tanh"
    unit: tuple[str, ...] = ("nan", "nah")
    c: float = 0.5
    p: float = default("p")
    scale: str = default("scale")
    noise: str = default("noise")
    xlim: tuple[float, float] | None = None
    alpha_lim: tuple[float, float] = (0.85, 1.15)
    columns: int = 160
    rows: int = 120

    def __post_init__(self) -> None:
        if not self.unit or len(set(self.unit)) < len(self.unit):
            raise InputError(
                f"unit must be distinct kinds, at least one, got {', '.join(self.unit) or 'none'}", parameter="unit"
            )
        for kind in self.unit:
            check_name("unit", kind, LEAKING)
        named_scale(self.scale)
        for key in ("columns", "rows"):
            if not 2 <= getattr(self, key) <= MOST_CELLS:
                raise InputError(f"{key} must be from 2 to {MOST_CELLS:,}, got {getattr(self, key)}", parameter=key)
        for key in ("xlim", "alpha_lim"):
            limits = getattr(self, key)
            if limits is not None and not -FARTHEST <= limits[0] < limits[1] <= FARTHEST:
                raise InputError(
                    f"{key} must be two increasing numbers within ±{FARTHEST:g}, got {limits}", parameter=key
                )

    def numbers(self) -> WrongSignResult:
        """Return every number in the picture."""
        h = activation(self.fn)
        xlim = self.xlim or default_xlim([h])
        x, alpha = _centres(xlim, self.columns), _centres(self.alpha_lim, self.rows)
        noise, maps = named_noise(self.noise), []
        above = float(np.nextafter(1.0, 2.0))
        for kind in self.unit:
            unit = NoisyUnit(h, kind=kind, c=self.c, p=self.p, scale=self.scale, noise=noise)
            maps.append(
                SignMap(
                    kind=kind,
                    share=exact(unit.replace(alpha=alpha[:, None]), x).p_wrong,
                    flip=(_largest(unit.replace(alpha=1.0), x), _largest(unit.replace(alpha=above), x)),
                )
            )
        return WrongSignResult(
            fn=h.name,
            c=float(self.c),
            p=float(self.p),
            scale=self.scale,
            noise=noise.name,
            xlim=xlim,
            alpha_lim=self.alpha_lim,
            x=x,
            alpha=alpha,
            maps=tuple(maps),
            thresholds=h.thresholds,
        )

    def tables(self, result: WrongSignResult) -> Mapping[str, Columns]:
        """Return the map in long form, kind by kind and α by α."""
        kinds, cells = [one.kind for one in result.maps], result.x.size * result.alpha.size
        return {
            "": {
                "unit": np.repeat(kinds, cells),
                "alpha": np.tile(np.repeat(result.alpha, result.x.size), len(kinds)),
                "x": np.tile(result.x, result.alpha.size * len(kinds)),
                "p_wrong": np.concatenate([one.share.ravel() for one in result.maps]),
            }
        }


def _centres(limits: tuple[float, float], count: int) -> Array:
    """Return the centres of `count` equal cells: the jump at α = 1 and thresholds then lie on edges of cells.

    Examples
    --------
    >>> _centres((0.0, 1.0), 4).tolist()
    [0.125, 0.375, 0.625, 0.875]
    """
    low, high = limits
    return np.asarray(low + (high - low) * (np.arange(count) + 0.5) / count)


def _largest(unit: NoisyUnit, x: Array) -> float:
    share = exact(unit, x).p_wrong
    return float(np.max(share[np.isfinite(share)], initial=0.0))
