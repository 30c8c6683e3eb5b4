"""What the paper's Figures 5 and 6 share: the settings, the trained network, and the draws of each of its units."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from noisyviz.engine import network
from noisyviz.engine.activation import Array
from noisyviz.engine.units import SCALES, NoisyUnit
from noisyviz.errors import InputError, check_name
from noisyviz.plots.network_results import Layer, NetworkResult
from noisyviz.recipes.base import Columns, Stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FN: Final = "hard-tanh"
FARTHEST_ALPHA: Final = 2.0
LARGEST_C: Final = 30.0  # where the paper's annealing starts
MOST_STEPS: Final = 10_000
MOST_POINTS: Final = 10_000
JUDGED: Final = 10_000  # new points that the accuracy is taken from


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkPicture(Stored):
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
        check_name("scale", self.scale, SCALES)
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

    def compute(self, data: Array | None = None) -> NetworkResult:
        """Train the network and return every number in the picture.

        Parameters
        ----------
        data
            Must be None: this picture shows no data.

        Raises
        ------
        InputError
            For data.
        """
        if data is not None:
            raise InputError("this picture takes no data", parameter="data")
        training, judging, drawing = np.random.default_rng(self.seed).spawn(3)
        unit = NoisyUnit(FN, kind="nan", alpha=self.alpha, c=self.c, scale=self.scale)
        trained = network.train(self.steps, rng=training, unit=unit).network
        points, labels = network.mixture(JUDGED, judging)
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
            accuracy=float(np.mean(network.classify(trained, points, unit=unit) == labels)),
        )

    def _layer(self, unit: NoisyUnit, p: Array, x: Array, rng: np.random.Generator) -> Layer:
        xi = rng.standard_normal((p.size, x.size))
        return Layer(p=p, xi=xi, values=self._values(unit.replace(p=p[:, None]), x, xi))

    def _values(self, unit: NoisyUnit, x: Array, xi: Array) -> Array:
        return unit.grad_x(x, xi) if self.shows == "grad" else unit(x, xi)

    def size(self, result: NetworkResult, width_in: float) -> tuple[float, float]:
        """Return width and height in inches, by the text sizes in force."""
        from noisyviz.plots import network as plot

        return plot.size(result, width_in)

    def draw(self, result: NetworkResult, figure: "Figure") -> None:
        """Draw into a figure of that size."""
        from noisyviz.plots import network as plot

        plot.draw(result, figure)

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
