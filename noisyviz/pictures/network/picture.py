"""What the paper's Figures 5 and 6 share: the settings, the trained network, and the draws of each of its units."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.pictures.network import training as small_network
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.units.activation import Array
from noisyviz.units.scales import named_scale
from noisyviz.units.unit import NoisyUnit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer:
    """The units of one layer."""

    p: Array  # Shape (units,)
    # xi, values: The draws ξ and what is shown, ∂φ/∂x or φ, shape (units, n)
    xi: Array
    values: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkResult:
    """Everything that such a picture shows."""

    shows: str  # ``grad`` or ``phi``
    fn: str  # Name of the activation
    x: Array  # Points, shape (n,)
    # centre_x, centre: What is shown is there with ξ = 0, the same for all units, on both sides of every jump;
    # shape (m,)
    centre_x: Array
    centre: Array
    layers: tuple[Layer, ...]  # From the input on
    thresholds: tuple[float, float]  # Between which there is no noise
    ylim: tuple[float, float]  # The range of what is shown
    scale: str  # A key of `noisyviz.units.kinds.SCALES`
    # alpha, c: Of all units
    alpha: float
    c: float
    # steps, accuracy: Of the training, and the share of new points that the network then classifies rightly
    steps: int
    accuracy: float


FN: Final = "hard-tanh"
FARTHEST_ALPHA: Final = 2.0
LARGEST_C: Final = 30.0  # where the paper's annealing starts
MOST_STEPS: Final = 10_000
MOST_POINTS: Final = 10_000
JUDGED: Final = 10_000  # new points that the accuracy is taken from


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPicture(Picture[NetworkResult]):
    """Settings of a picture of every unit of a trained network.

    Parameters
    ----------
    scale
        ``figure`` is σ as the paper draws it, ``eq9`` as its Eq 9 says; both in training and in the picture.
    alpha
        α of all units, from 0 to 2.
    c
        Of all units, from 0 to 30.
    steps
        Of the training, from 0 to 10,000.
    points
        Draws for each unit, one at each of so many equally spaced x, from 2 to 10,000.
    seed
        Of the training and of the draws. Equal seeds give equal networks, whatever is shown of them.

    Raises
    ------
    InputError
        For a value outside its domain.
    """

    scale: str = "figure"
    alpha: float = 1.01
    c: float = 0.5
    steps: int = 400
    points: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        named_scale(self.scale)
        for key, low, high in (
            ("alpha", 0.0, FARTHEST_ALPHA),
            ("c", 0.0, LARGEST_C),
            ("steps", 0, MOST_STEPS),
            ("points", 2, MOST_POINTS),
        ):
            value = getattr(self, key)
            if not low <= value <= high:
                raise InputError(f"{key} must be from {low:g} to {high:,g}, got {value}", parameter=key)

    @property
    @abstractmethod
    def shows(self) -> str:
        """``grad`` or ``phi``: what is shown, and the name of its column."""

    @property
    @abstractmethod
    def xlim(self) -> tuple[float, float]:
        """The range of x."""

    @abstractmethod
    def ylim(self, shown: Array) -> tuple[float, float]:
        """Return the range of what is shown."""

    def numbers(self) -> NetworkResult:
        """Train the network and return every number in the picture."""
        training, judging, drawing = np.random.default_rng(self.seed).spawn(3)
        unit = NoisyUnit(FN, kind="nan", alpha=self.alpha, c=self.c, scale=self.scale)
        trained = small_network.train(self.steps, rng=training, unit=unit).network
        points, labels = small_network.mixture(JUDGED, judging)
        x = np.linspace(*self.xlim, self.points)
        edges = np.asarray(unit.activation.thresholds)
        centre_x = np.sort(np.concatenate([self.xlim, edges, np.nextafter(edges, 0.0)]))
        layers = tuple(self._layer(unit, p, x, drawing) for p in trained.p)
        return NetworkResult(
            shows=self.shows,
            fn=FN,
            x=x,
            centre_x=centre_x,
            centre=self._values(unit, centre_x, np.zeros_like(centre_x)),
            layers=layers,
            thresholds=unit.activation.thresholds,
            ylim=self.ylim(np.concatenate([one.values for one in layers])),
            scale=self.scale,
            alpha=float(self.alpha),
            c=float(self.c),
            steps=self.steps,
            accuracy=float(np.mean(small_network.classify(trained, points, unit=unit) == labels)),
        )

    def _layer(self, unit: NoisyUnit, p: Array, x: Array, rng: np.random.Generator) -> Layer:
        xi = rng.standard_normal((p.size, x.size))
        return Layer(p=p, xi=xi, values=self._values(unit.replace(p=p[:, None]), x, xi))

    def _values(self, unit: NoisyUnit, x: Array, xi: Array) -> Array:
        return unit.grad_x(x, xi) if self.shows == "grad" else unit(x, xi)

    def tables(self, result: NetworkResult) -> Mapping[str, Columns]:
        """Return one row for each layer, unit and x; layers and units are counted from 1."""
        units = [one.p.size for one in result.layers]
        return {
            "": {
                "layer": np.repeat(np.arange(1, len(units) + 1), np.multiply(units, result.x.size)),
                "unit": np.concatenate([np.repeat(np.arange(1, count + 1), result.x.size) for count in units]),
                "p": np.concatenate([np.repeat(one.p, result.x.size) for one in result.layers]),
                "x": np.tile(result.x, sum(units)),
                "xi": np.concatenate([one.xi.ravel() for one in result.layers]),
                result.shows: np.concatenate([one.values.ravel() for one in result.layers]),
            }
        }


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
