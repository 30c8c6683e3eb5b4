"""What the picture of the annealed objective is drawn from: landscapes, and trajectories on their way down."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array
from noisyviz.engine.runs import Annealing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descents:
    """The trajectories that are drawn, from one start.

    Attributes
    ----------
    found
        All trajectories from that start, and those with constant noise and without.
    steps
        Which steps are kept, shape (n,).
    c
        c_t at these, shape (n,).
    x
        x_t, shape (trajectories, n).
    height
        E f(x_t + c_t·ξ): what the descent sees, shape (trajectories, n).
    """

    found: Annealing
    steps: npt.NDArray[np.intp]
    c: Array
    x: Array
    height: Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnnealedObjectiveResult:
    """Everything that the picture shows.

    Attributes
    ----------
    x
        Points, shape (n,).
    value
        f(x), shape (n,).
    levels, smoothed
        Falling noise levels, and E f(x + cξ) at each, shape (levels, n).
    descents
        One for each start.
    minimum
        x*, where f is least.
    """

    x: Array
    value: Array
    levels: tuple[float, ...]
    smoothed: Array
    descents: tuple[Descents, ...]
    minimum: float

    @property
    def limits(self) -> tuple[float, float]:
        """Return the range of x."""
        return float(self.x[0]), float(self.x[-1])
