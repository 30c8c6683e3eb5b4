"""The picture of plot: all that a noisy unit does."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Shown(NamedTuple):
    """What a panel shows first of all.

    Parameters
    ----------
    column
        Its main curve: a quantity of `noisyviz.moments.quantities.Moments` or `Curves`.
    title
        Of a chart on the terminal.
    """

    column: str
    title: str


PANELS: Final[Mapping[str, Shown]] = MappingProxyType(
    {
        "activation": Shown(column="mean", title="Expected output E φ"),
        "delta": Shown(column="delta", title="Saturation Δ = h − u"),
        "sigma": Shown(column="sigma", title="Noise scale σ(x)"),
        "gradient": Shown(column="grad_mean", title="Expected gradient E ∂φ/∂x"),
    }
)
"""Every panel of `plot` and `compare`; how it is drawn is in `noisyviz.pictures.shared.panels`."""

DRAWN: Final = ("activation", "delta", "sigma", "gradient")
"""The panels of `plot` where none are named, in this order."""
