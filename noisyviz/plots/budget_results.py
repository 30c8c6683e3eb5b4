"""What the picture of bias against gradient is drawn from."""

from dataclasses import dataclass

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetCurve:
    """One unit at rising noise levels.

    Attributes
    ----------
    kind
        Of the unit.
    c
        Noise levels, rising, shape (n,).
    grad_rms, bias_rms
        Root mean squares of ∂φ/∂x over draws and saturated inputs, in units of u′, and of E φ − h over all inputs,
        shape (n,).
    """

    kind: str
    c: Array
    grad_rms: Array
    bias_rms: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetPanel:
    """All kinds at one α."""

    alpha: float
    curves: tuple[BudgetCurve, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BudgetResult:
    """Everything that the picture shows.

    Attributes
    ----------
    fn, p, scale, noise
        Settings of the units.
    mean, std
        Of the normal input.
    share_saturated
        Share of the inputs at or beyond a threshold.
    panels
        One per α.
    marks
        Noise levels that are marked on the curves, rising; each is one of every curve's.
    """

    fn: str
    p: float
    scale: str
    noise: str
    mean: float
    std: float
    share_saturated: float
    panels: tuple[BudgetPanel, ...]
    marks: tuple[float, ...]
