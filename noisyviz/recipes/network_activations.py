"""The recipe of the paper's Figure 6: φ of every unit of a trained network."""

from dataclasses import dataclass
from typing import ClassVar, Final

from noisyviz.engine.activation import Array
from noisyviz.recipes.network import NetworkPicture

ROOM: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkActivations(NetworkPicture):
    """Settings of the picture of activations, see `NetworkPicture`.

    References
    ----------
    Gulcehre et al. 2016, Figure 6 (7 in arXiv:1603.00391v3): 600 points from −3 to 3.

    Examples
    --------
    >>> result = NetworkActivations(points=7, steps=3).compute()
    >>> result.layers[0].values[0, 2:5].tolist()  # h at ±1 and at 0
    [-1.0, 0.0, 1.0]
    """

    name: ClassVar[str] = "network-activations"

    points: int = 600

    @property
    def shows(self) -> str:
        """``phi``: φ is shown."""
        return "phi"

    @property
    def xlim(self) -> tuple[float, float]:
        """The paper's range of x."""
        return -3.0, 3.0

    def ylim(self, shown: Array) -> tuple[float, float]:
        """Return the range of φ: all draws, and h with some room."""
        return min(-1.5, float(shown.min()) - ROOM), max(1.5, float(shown.max()) + ROOM)
