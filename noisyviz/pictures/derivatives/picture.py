"""The paper's Figure 1: the derivatives of hard and soft activations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.pictures.shared.style import SERIES
from noisyviz.units.activation import Activation, Array
from noisyviz.units.activations import activation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slope:
    """The derivative of one function."""

    fn: str  # Name of the activation
    # x, derivative: Points, with both sides of every jump, and h′(x); shape (n,)
    x: Array
    derivative: Array
    thresholds: tuple[float, float]  # (x_t⁻, x_t⁺), infinite where there is none
    # ``hard`` where h′ = 0 from both thresholds on (Def 2.3), ``soft`` where it tends to 0 on both sides, else
    # empty
    saturates: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DerivativesResult:
    """Everything that the picture shows: the functions, and the ranges of x and h′."""

    slopes: tuple[Slope, ...]
    xlim: tuple[float, float]
    ylim: tuple[float, float]


PAPER_YLIM: Final = (-0.2, 1.2)
MARGIN: Final = 0.2  # above and below derivatives that leave that range
MOST_POINTS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Derivatives(Picture[DerivativesResult]):
    """Settings of the picture of derivatives.

    Parameters
    ----------
    fn
        Names of activations, one to seven.
    xlim
        The range of x.
    points
        How many equally spaced x, from 2 to 1,000,000; both sides of every jump of h′ are added to them.

    Raises
    ------
    InputError
        For a value outside its domain.

    References
    ----------
    Gulcehre et al. 2016, Figure 1 and Eqs 1 to 4.

    Examples
    --------
    >>> result = Derivatives(points=9).compute()
    >>> [(one.fn, float(one.derivative.max())) for one in result.slopes]
    [('hard-tanh', 1.0), ('tanh', 1.0), ('sigmoid', 0.25), ('hard-sigmoid', 0.25)]
    """

    name: ClassVar[str] = "derivatives"

    fn: tuple[str, ...] = ("hard-tanh", "tanh", "sigmoid", "hard-sigmoid")
    xlim: tuple[float, float] = (-4.0, 4.0)
    points: int = 250

    def __post_init__(self) -> None:
        if not 1 <= len(self.fn) <= len(SERIES):
            raise InputError(f"fn takes 1 to {len(SERIES)} functions, got {len(self.fn)}", parameter="fn")
        if not 2 <= self.points <= MOST_POINTS:
            raise InputError(f"points must be from 2 to {MOST_POINTS:,}, got {self.points:,}", parameter="points")
        low, high = self.xlim
        if not -1e6 <= low < high <= 1e6:
            raise InputError(f"xlim must be two increasing numbers within ±1e+06, got {self.xlim}", parameter="xlim")

    def numbers(self) -> DerivativesResult:
        """Return every number in the picture."""
        slopes = tuple(self._slope(activation(fn)) for fn in self.fn)
        values = np.concatenate([one.derivative for one in slopes])
        low, high = PAPER_YLIM
        ylim = (min(low, float(values.min()) - MARGIN), max(high, float(values.max()) + MARGIN))
        return DerivativesResult(slopes=slopes, xlim=self.xlim, ylim=ylim)

    def _slope(self, h: Activation) -> Slope:
        low, high = self.xlim
        near = 1e-9 * (high - low)
        beside = [kink + side for kink in h.kinks if low < kink < high for side in (-near, near)]
        x = np.unique(np.concatenate([np.linspace(low, high, self.points), beside]))
        return Slope(
            fn=h.name,
            x=x,
            derivative=h.derivative(x),
            thresholds=h.thresholds,
            saturates=h.saturates[0] if h.saturates[0] == h.saturates[1] != "none" else "",
        )

    def tables(self, result: DerivativesResult) -> Mapping[str, Columns]:
        """Return the curves, one row for each function and x."""
        slopes = result.slopes
        return {
            "": {
                "fn": np.repeat([one.fn for one in slopes], [one.x.size for one in slopes]),
                "x": np.concatenate([one.x for one in slopes]),
                "derivative": np.concatenate([one.derivative for one in slopes]),
            }
        }
