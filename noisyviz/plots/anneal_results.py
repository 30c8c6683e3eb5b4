"""What the picture of annealed descent is drawn from: the runs, and the field in which they move."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array
from noisyviz.engine.runs import Annealing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Field:
    """What drives the trajectories, over x.

    Attributes
    ----------
    x
        Points, shape (n,).
    levels
        Noise levels, falling.
    curves
        One per level, shape (levels, n): the expected drift, or the smoothed landscape.
    bare
        The same without noise, of h itself or of the landscape itself, shape (n,).
    """

    x: Array
    levels: tuple[float, ...]
    curves: Array
    bare: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnnealResult:
    """Everything that the picture shows.

    Attributes
    ----------
    schedules
        Names, one per run.
    runs
        With the same draws.
    field
        Of the first run.
    xlim
        The range of x of the field.
    kind, scale, parameters
        Of the unit, with those parameters (key, value) only that its kind uses; kind "" for landscapes.
    sentences
        What carries the motion, one per run.
    """

    schedules: tuple[str, ...]
    runs: tuple[Annealing, ...]
    field: Field
    xlim: tuple[float, float]
    kind: str
    scale: str
    parameters: tuple[tuple[str, float], ...]
    sentences: tuple[str, ...]

    @property
    def landscape(self) -> bool:
        """Whether a landscape is descended instead of a unit's loss."""
        return self.runs[0].unit is None

    @property
    def among(self) -> bool:
        """Whether several schedules share the picture."""
        return len(self.runs) > 1


def shown_steps(steps: int, *, most: int = 600) -> npt.NDArray[np.intp]:
    """Return steps enough to draw a curve over a linear or a logarithmic axis, both ends included.

    Examples
    --------
    >>> shown_steps(3).tolist(), bool(shown_steps(1_000_000).size < 1200)
    ([0, 1, 2, 3], True)
    """
    if steps <= most:
        return np.arange(steps + 1)
    even = np.linspace(0, steps, most)
    early = np.geomspace(1, steps, most)
    return np.unique(np.concatenate([even, early]).round().astype(np.intp))
