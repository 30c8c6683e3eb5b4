"""What the picture of learning curves is drawn from: points, and what stands at the axes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningCurve:
    """One curve.

    Attributes
    ----------
    label
        What was trained.
    x, y
        Epochs or updates, and the quantity; shape (n,).
    leaves
        Where the drawing was cut: the true value is beyond y, the next point is not joined to it; shape (n,).
    """

    label: str
    x: Array
    y: Array
    leaves: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """One axis.

    Attributes
    ----------
    column
        Name of its values in tables.
    label
        What stands beside it.
    limits
        Its ends, after division by `unit`.
    unit
        By which values are divided in the picture.
    log
        Whether it is logarithmic.
    ticks
        Values and their names; None for round ones.
    """

    column: str
    label: str
    limits: tuple[float, float]
    unit: float = 1.0
    log: bool = False
    ticks: tuple[tuple[float, ...], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningCurvesResult:
    """Everything that the picture shows.

    Attributes
    ----------
    curves
        One or more.
    x, y
        The axes.
    caption
        What is learned, what the axes do not tell, and where the numbers come from.
    """

    curves: tuple[LearningCurve, ...]
    x: Scale
    y: Scale
    caption: str
