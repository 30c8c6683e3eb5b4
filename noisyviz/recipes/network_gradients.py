"""The recipe of the paper's Figure 5: ∂φ/∂x of every unit of a trained network."""

from dataclasses import dataclass
from typing import ClassVar, Final

from noisyviz.engine.activation import Array
from noisyviz.recipes.network import NetworkPicture

ROOM: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkGradients(NetworkPicture):
    """Settings of the picture of gradients, see `NetworkPicture`.

    References
    ----------
    Gulcehre et al. 2016, Figure 5 (6 in arXiv:1603.00391v3): 200 points from −4 to 4.

    Examples
    --------
    >>> result = NetworkGradients(points=9, steps=3).compute()
    >>> [one.values.shape for one in result.layers]
    [(8, 9), (8, 9), (8, 9)]
    >>> [round(float(slope), 2) for slope in result.layers[0].values[0, 3:6]]  # no noise between the thresholds
    [-0.01, 1.0, -0.01]
    """

    name: ClassVar[str] = "network-gradients"

    @property
    def shows(self) -> str:
        """``grad``: ∂φ/∂x is shown."""
        return "grad"

    @property
    def xlim(self) -> tuple[float, float]:
        """The paper's range of x."""
        return -4.0, 4.0

    def ylim(self, shown: Array) -> tuple[float, float]:
        """Return the range of ∂φ/∂x: all draws, and 1 with some room."""
        return min(-0.2, float(shown.min()) - ROOM), max(1.1, float(shown.max()) + ROOM)
