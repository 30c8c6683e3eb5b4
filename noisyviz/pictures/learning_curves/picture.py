"""The paper's learning curves: its own numbers, decoded from its drawings.

Nothing is trained here. `noisyviz/pictures/learning_curves/curves.json` holds the points and says where they come from.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import check_name
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.pictures.runs.lines import RunPanel, columns
from noisyviz.units.activation import Array


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningCurve:
    """One curve."""

    label: str  # What was trained
    # x, y: Epochs or updates, and the quantity; shape (n,)
    x: Array
    y: Array
    # Where the drawing was cut: the true value is beyond y, the next point is not joined to it; shape (n,)
    leaves: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """One axis."""

    column: str  # Name of its values in tables
    label: str  # What stands beside it
    limits: tuple[float, float]  # Its ends, after division by `unit`
    unit: float = 1.0  # By which values are divided in the picture
    log: bool = False  # Whether it is logarithmic
    ticks: tuple[tuple[float, ...], tuple[str, ...]] | None = None  # Values and their names; None for round ones


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LearningCurvesResult:
    """Everything that the picture shows."""

    curves: tuple[LearningCurve, ...]  # One or more
    # x, y: The axes
    x: Scale
    y: Scale
    caption: str  # What is learned, what the axes do not tell, and where the numbers come from
    runs: RunPanel | None = None  # Curves of a user's own runs, beside the paper's


NOWHERE: Final = -np.inf


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Experiment:
    """One experiment of the paper."""

    task: str  # What is learned, for the caption
    figure: str  # Number of the figure and edition of the paper whose drawing was decoded
    # x, y: The axes
    x: Scale
    y: Scale
    cut: float = NOWHERE  # At or below this y a decoded point lies on the edge of the drawing
    power: bool = False  # Whether the paper plots the common logarithm of y


def _named(*ticks: float, decimals: int) -> tuple[tuple[float, ...], tuple[str, ...]]:
    return ticks, tuple(f"{tick:.{decimals}f}" for tick in ticks)


EXPERIMENTS: Final[Mapping[str, Experiment]] = MappingProxyType(
    {
        "ptb-words": Experiment(
            task="Word-level LSTM on Penn Treebank.",
            figure="Figure 7, Gulcehre et al. 2016, ICML (Figure 9 in arXiv v3)",
            x=Scale(column="epoch", label="epoch", limits=(0.5, 13.5)),
            y=Scale(column="validation_perplexity", label="validation perplexity", limits=(105.0, 200.0)),
        ),
        "learning-to-execute": Experiment(
            task="Learning to Execute; dots: two points in most epochs; line: their mean.",
            figure="Figure 8, Gulcehre et al. 2016, ICML (Figure 10 in arXiv v3)",
            x=Scale(column="epoch", label="epoch", limits=(60.0, 180.0)),
            y=Scale(
                column="training_accuracy_percent",
                label="training accuracy (%)",
                limits=(46.299, 51.0),
                ticks=_named(*(47.0 + 0.5 * k for k in range(9)), decimals=1),
            ),
            cut=46.3,
        ),
        "associative-recall": Experiment(
            task="Neural Turing machine, associative recall of 2 to 16 items; noise in its controller.",
            figure="Figure 9, Gulcehre et al. 2016, ICML (Figure 11 in arXiv v3)",
            x=Scale(column="updates", label="updates (×1,000)", limits=(0.0, 100.0), unit=1000.0),
            y=Scale(column="validation_nll", label="validation NLL", limits=(-0.06, 2.4)),
        ),
        "mnist": Experiment(
            task="Single-layer network on MNIST; tanh and hard-tanh are without noise.",
            figure="Figure 5, Gulcehre et al. 2016, arXiv:1603.00391v3",
            x=Scale(column="epoch", label="epoch", limits=(0.0, 100.0)),
            y=Scale(column="training_nll", label="training NLL", limits=(0.0075, 0.5), log=True),
        ),
        "ptb-characters": Experiment(
            task=r"Character-level GRU on Penn Treebank. The paper plots $\log_{10}$ of BPC; "
            "here BPC stands on a logarithmic axis.",
            figure="Figure 8, Gulcehre et al. 2016, arXiv:1603.00391v3",
            x=Scale(column="updates", label="updates (×400)", limits=(0.0, 100.0), unit=400.0),
            y=Scale(
                column="training_bpc",
                label="training BPC",
                limits=(1.1, 6.0),
                log=True,
                ticks=_named(1.2, 1.5, 2.0, 3.0, 4.0, 5.0, decimals=1),
            ),
            power=True,
        ),
    }
)
"""The experiments whose curves the paper shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningCurves(Picture[LearningCurvesResult]):
    """Settings of the picture of learning curves.

    Parameters
    ----------
    experiment
        A key of `EXPERIMENTS`.
    runs
        Curves of one's own runs, which have axes of their own, or None.

    Raises
    ------
    InputError
        For an unknown experiment.

    References
    ----------
    Gulcehre et al. 2016, Figures 7, 8 and 9; arXiv:1603.00391v3, Figures 5 and 8.

    Examples
    --------
    >>> result = LearningCurves(experiment="ptb-words").compute()
    >>> [(one.label, float(one.y[-1])) for one in result.curves]
    [('reference', 119.4), ('nah', 112.6), ('nan', 111.6)]
    """

    name: ClassVar[str] = "learning-curves"
    earlier: ClassVar[Mapping[str, Any]] = MappingProxyType({"runs": None})

    experiment: str
    runs: RunPanel | None = None

    def __post_init__(self) -> None:
        check_name("experiment", self.experiment, EXPERIMENTS)

    def numbers(self) -> LearningCurvesResult:
        """Return every number in the picture."""
        one = EXPERIMENTS[self.experiment]
        curves = tuple(_curve(label, points, one) for label, points in decoded(self.experiment).items())
        where = one.figure.replace("Figure ", "Figure\N{NO-BREAK SPACE}").replace(" v3", "\N{NO-BREAK SPACE}v3")
        caption = f"{one.task} Data: decoded from the vector drawing of {where}."
        if self.runs is not None:
            caption = f"Paper: {caption} Own runs: other data and sizes; seeds thin, means thick."
        return LearningCurvesResult(curves=curves, x=one.x, y=one.y, caption=caption, runs=self.runs)

    def tables(self, result: LearningCurvesResult) -> Mapping[str, Columns]:
        """Return the points, one row each, without those where a line leaves the paper's drawing; own runs apart."""
        shown = [~one.leaves for one in result.curves]
        pairs = list(zip(result.curves, shown, strict=True))
        return {
            "": {
                "curve": np.repeat([one.label for one in result.curves], [int(keep.sum()) for keep in shown]),
                result.x.column: np.concatenate([one.x[keep] for one, keep in pairs]),
                result.y.column: np.concatenate([one.y[keep] for one, keep in pairs]),
            },
            **({} if result.runs is None else {"-runs": columns([result.runs])}),
        }


def decoded(experiment: str) -> dict[str, dict[str, list[float]]]:
    """Return the points as plotted: for each curve ``x`` and ``y``.

    Parameters
    ----------
    experiment
        A key of `EXPERIMENTS`.
    """
    text = resources.files("noisyviz.pictures.learning_curves").joinpath("curves.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    curves: dict[str, dict[str, list[float]]] = found[experiment]
    return curves


def _curve(label: str, points: Mapping[str, list[float]], experiment: Experiment) -> LearningCurve:
    x, y = np.asarray(points["x"], dtype=np.float64), np.asarray(points["y"], dtype=np.float64)
    leaves = y <= experiment.cut
    return LearningCurve(label=label, x=x, y=10.0**y if experiment.power else y, leaves=leaves)
