"""What the picture of a calibration shows, as plain numbers."""

from dataclasses import dataclass

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TradeOff:
    """One unit at all noise levels.

    Parameters
    ----------
    kind, alpha
        Of the unit; α is None for kinds without it.
    c, gradient, bias
        The noise level, the root mean square of ∂φ/∂x on saturated samples in units of u′, and that of E φ − h over
        all samples; shape (levels,).
    """

    kind: str
    alpha: float | None
    c: Array
    gradient: Array
    bias: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A setting that is marked: its noise level, gradient (in units of u′) and bias."""

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
    target, bound
        The least gradient, in units of u′, and the largest bias or None.
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
    target: float
    bound: float | None
    best: Mark | None
    best_curve: int
    start: Mark | None
    scale: str
    noise: str
    p: float
