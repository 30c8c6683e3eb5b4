"""Lines of training runs, as they are stored in a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np

from noisyviz.pictures.picture import Columns
from noisyviz.units.activation import Array

MOST: Final = 200
"""Points of a line at most; of longer ones every n-th is kept, and the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One quantity of one run.

    Attributes
    ----------
    label, seed
        Of the run.
    x, y
        Updates and the quantity; as many of both, all finite.
    """

    label: str
    seed: int
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPanel:
    """One panel.

    Attributes
    ----------
    title, y
        What stands above it and beside its vertical axis.
    lines
        One or more with points.
    log
        Whether the vertical axis is logarithmic; all y are above 0 then.
    """

    title: str
    y: str
    lines: tuple[RunLine, ...]
    log: bool = False


def line(label: str, seed: int, points: Iterable[tuple[float, float]]) -> RunLine | None:
    """Return a line through the finite points, None where there is none."""
    kept = [(float(x), float(f"{y:.6g}")) for x, y in points if isfinite(x) and isfinite(y)]
    if not kept:
        return None
    step = -(-len(kept) // MOST)
    kept = kept[::step] + ([] if (len(kept) - 1) % step == 0 else kept[-1:])
    return RunLine(label=label, seed=seed, x=tuple(x for x, _ in kept), y=tuple(y for _, y in kept))


def labels_of(panels: Sequence[RunPanel]) -> tuple[str, ...]:
    """Return the labels of all lines in the order in which they come."""
    return tuple(dict.fromkeys(one.label for panel in panels for one in panel.lines))


def mean_line(lines: Sequence[RunLine]) -> tuple[Array, Array]:
    """Return the mean over lines at the x that all have; a single line is its own mean.

    Examples
    --------
    >>> a = RunLine(label="soft", seed=1, x=(0.0, 1.0), y=(1.0, 2.0))
    >>> b = RunLine(label="soft", seed=2, x=(1.0, 2.0), y=(4.0, 5.0))
    >>> mean_line([a, b])
    (array([1.]), array([3.]))
    """
    shared = sorted(set.intersection(*(set(one.x) for one in lines)))
    values = [[dict(zip(one.x, one.y, strict=True))[x] for x in shared] for one in lines]
    return np.array(shared), np.mean(values, axis=0) if shared else np.zeros(0)


def columns(panels: Sequence[RunPanel]) -> Columns:
    """Return all points, one row each."""
    rows = [(panel, one, k) for panel in panels for one in panel.lines for k in range(len(one.x))]
    return {
        "panel": np.array([panel.title or panel.y for panel, _, _ in rows]),
        "quantity": np.array([panel.y for panel, _, _ in rows]),
        "unit": np.array([one.label for _, one, _ in rows]),
        "seed": np.array([one.seed for _, one, _ in rows]),
        "updates": np.array([one.x[k] for _, one, k in rows]),
        "value": np.array([one.y[k] for _, one, k in rows]),
    }
