"""The paper's Figure 4: draws of a noisy unit with half-normal noise, for several α."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from noisyviz.errors import InputError, check_name
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.units.activation import Activation, Array
from noisyviz.units.activations import activation
from noisyviz.units.scales import named_scale
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cloud:
    """Draws of one unit, one at each x."""

    alpha: float  # α
    base: Array  # αh + (1−α)u, shape (n,)
    # xi, phi: The draws ξ and φ(x, ξ), shape (n,)
    xi: Array
    phi: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawsResult:
    """Everything that the picture shows."""

    fn: str  # Name of the activation
    # x, h: Points and h(x), shape (n,)
    x: Array
    h: Array
    clouds: tuple[Cloud, ...]  # One for each α
    scale: str  # A key of `noisyviz.units.kinds.SCALES`
    # c, p: Of σ
    c: float
    p: float
    by_alpha: bool  # Whether σ has the factor α besides
    ylim: tuple[float, float]  # The range of φ


C: Final = 0.5
MOST_PANELS: Final = 12
MOST_POINTS: Final = 100_000
MARGIN: Final = 0.25  # of the range of h, above and below it


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """How an edition of the paper draws σ: p inside the sigmoid, and whether c has the factor α."""

    p: float
    by_alpha: bool


EDITIONS: Final[Mapping[str, Edition]] = MappingProxyType(
    {"icml": Edition(p=0.835, by_alpha=False), "v3": Edition(p=1.0, by_alpha=True)}
)
"""What was measured in the vector drawings of Figure 4: in the proceedings, and in arXiv:1603.00391v3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws(Picture[DrawsResult]):
    """Settings of the picture of draws.

    Parameters
    ----------
    fn
        Name of an activation.
    alpha
        Values of α, 1 to 12, one panel each.
    scale
        ``figure`` is σ as the paper draws it, ``eq9`` as its Eq 9 says.
    edition
        A key of `EDITIONS`; changes the scale ``figure`` only, since Eq 9 is the same in both.
    c
        Of σ; where the edition draws σ in proportion to α, c·α takes its place.
    p
        Of σ; None is that of the edition for ``figure`` and 1 for ``eq9``.
    xlim
        The range of x.
    points
        Draws for each α, one at each of so many equally spaced x, from 2 to 100,000.
    seed
        Of the draws ξ, which are the same for every α, so that panels differ by α alone.

    Raises
    ------
    InputError
        For a value outside its domain.

    References
    ----------
    Gulcehre et al. 2016, Figure 4 and Eq 12 with ε = abs ξ.

    Examples
    --------
    >>> result = Draws(points=9).compute()
    >>> [cloud.alpha for cloud in result.clouds], result.c, result.p
    ([0.9, 1.0, 1.1, 1.2], 0.5, 0.835)
    >>> Draws(points=9, scale="eq9").compute().p
    1.0
    """

    name: ClassVar[str] = "draws"

    fn: str = "hard-tanh"
    alpha: tuple[float, ...] = (0.9, 1.0, 1.1, 1.2)
    scale: str = "figure"
    edition: str = "icml"
    c: float = C
    p: float | None = None
    xlim: tuple[float, float] = (-4.0, 4.0)
    points: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        named_scale(self.scale)
        check_name("edition", self.edition, EDITIONS)
        if not 1 <= len(self.alpha) <= MOST_PANELS:
            raise InputError(f"alpha takes 1 to {MOST_PANELS} values, got {len(self.alpha)}", parameter="alpha")
        if self._by_alpha and min(self.alpha) < 0.0:
            raise InputError(
                f"alpha must be at least 0 where σ is in proportion to it, got {min(self.alpha)}", parameter="alpha"
            )
        if not 2 <= self.points <= MOST_POINTS:
            raise InputError(f"points must be from 2 to {MOST_POINTS:,}, got {self.points:,}", parameter="points")
        low, high = self.xlim
        if not -1e6 <= low < high <= 1e6:
            raise InputError(f"xlim must be two increasing numbers within ±1e+06, got {self.xlim}", parameter="xlim")

    @property
    def _by_alpha(self) -> bool:
        return self.scale == "figure" and EDITIONS[self.edition].by_alpha

    def numbers(self) -> DrawsResult:
        """Return every number in the picture."""
        h = activation(self.fn)
        p = self.p if self.p is not None else EDITIONS[self.edition].p if self.scale == "figure" else 1.0
        x = np.linspace(*self.xlim, self.points)
        xi = np.random.default_rng(self.seed).standard_normal(self.points)
        clouds = tuple(self._cloud(h, alpha, p, x, xi) for alpha in self.alpha)
        return DrawsResult(
            fn=h.name,
            x=x,
            h=h.h(x),
            clouds=clouds,
            scale=self.scale,
            c=self.c,
            p=p,
            by_alpha=self._by_alpha,
            ylim=_ylim(h, [values for cloud in clouds for values in (cloud.base, cloud.phi)]),
        )

    def _cloud(self, h: Activation, alpha: float, p: float, x: Array, xi: Array) -> Cloud:
        c = self.c * alpha if self._by_alpha else self.c
        unit = NoisyUnit(h, kind="nah", alpha=alpha, c=c, p=p, scale=self.scale)
        return Cloud(alpha=alpha, base=unit(x, np.zeros_like(x)), xi=xi, phi=unit(x, xi))

    def tables(self, result: DrawsResult) -> Mapping[str, Columns]:
        """Return the draws, one row for each α and x."""
        clouds = result.clouds
        return {
            "": {
                "alpha": np.repeat([cloud.alpha for cloud in clouds], result.x.size),
                "x": np.tile(result.x, len(clouds)),
                "xi": np.concatenate([cloud.xi for cloud in clouds]),
                "phi": np.concatenate([cloud.phi for cloud in clouds]),
            }
        }


def _ylim(h: Activation, shown: list[Array]) -> tuple[float, float]:
    """Return a range around h, as the paper's −1.5 to 1.5 is around the hard-tanh, that holds all draws."""
    values = np.concatenate(shown)
    low, high = float(values.min()), float(values.max())
    if np.isfinite(h.bounds).all():
        bottom, top = h.bounds
        room = MARGIN * (top - bottom)
        return min(low, bottom - room), max(high, top + room)
    room = 0.05 * max(high - low, 1e-3)
    return low - room, high + room
