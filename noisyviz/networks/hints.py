"""What is odd about an array of pre-activations, in sentences: mistakes that people make before they profile."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from noisyviz.networks.row_blocks import Block
from noisyviz.units.activation import Activation

FEW: Final = 100  # samples on which a count of dead units says little
_PILED: Final = 0.05  # share of the samples close to the limits of h from which on they look like outputs
_CLOSE: Final = 0.01  # of the range of h
_ROUNDING: Final = 1e-6  # by which outputs in single precision may exceed a limit
_REPEATED: Final = 0.1  # share of the rows that equal the one before
_FEWEST_REPEATED: Final = 5


@dataclass(slots=True)
class Hints:
    """Counts by which an array that is read in blocks of rows is found odd.

    Parameters
    ----------
    activation
        h.
    """

    activation: Activation
    within: bool = True
    piled: int = 0
    numbers: int = 0
    repeated: int = 0
    rows: int = 0
    last: Block | None = field(default=None)

    def take(self, x: Block, low: float, high: float) -> None:
        """Take a block of shape (n, units) up, with its extremes; what is not finite counts as absent."""
        if self.within:
            self._pile(x, low, high)
        self._repeat(x)

    def _pile(self, x: Block, low: float, high: float) -> None:
        bottom, top = self.activation.bounds
        finite = np.isfinite([bottom, top])
        width = top - bottom if finite.all() else 1.0
        slack = _ROUNDING * width
        if not finite.any() or low < bottom - slack or high > top + slack:
            self.within = False
            return
        close = _CLOSE * width if finite.all() else 0.0
        self.numbers += x.size
        self.piled += int(np.count_nonzero(x <= bottom + close)) + int(np.count_nonzero(x >= top - close))

    def _repeat(self, x: Block) -> None:
        """Count the rows that equal the one before, over the boundary of blocks too."""
        places = np.flatnonzero(x[1:, 0] == x[:-1, 0])
        if places.size:
            self.repeated += int((x[places] == x[places + 1]).all(axis=1).sum())
        if self.last is not None:
            self.repeated += bool((x[0] == self.last).all())
        self.rows += x.shape[0]
        self.last = x[-1].copy()

    def tell(self, name: str, *, samples: int, units: int, dead: int) -> Iterator[str]:
        """Yield a sentence for everything that is odd."""
        h = self.activation
        bottom, top = h.bounds
        if self.within and self.numbers and self.piled >= _PILED * self.numbers:
            told = " and ".join(f"{limit:.4g}" for limit in (bottom, top) if np.isfinite(limit))
            share = f"{self.piled / self.numbers:.0%}"
            yield (
                f"all values of '{name}' lie within the limits of {h.name} ({told}), {share} of them close to these: "
                "are they outputs of the activation, saved in place of its inputs?"
            )
        if units > 1 and self.repeated >= max(_FEWEST_REPEATED, _REPEATED * self.rows):
            yield (
                f"{self.repeated:,} of the {self.rows:,} rows of '{name}' equal the row before: if that is padding, "
                "replace it with NaN, which is left out"
            )
        fresh = samples - (self.repeated if units > 1 else 0)
        if dead and fresh < FEW:
            different = "different " if fresh < samples else ""
            told = f"1 dead unit in '{name}' rests" if dead == 1 else f"{dead:,} dead units in '{name}' rest"
            yield f"{told} on {fresh:,} {different}sample{'' if fresh == 1 else 's'} only, fewer than {FEW}"


def shape_note(name: str, shape: tuple[int, ...], axis: int) -> str | None:
    """Say which axis of an array of three axes or more counts units."""
    if len(shape) < 3:
        return None
    place = axis % len(shape)
    which = "the last" if place == len(shape) - 1 else f"axis {place}"
    return (
        f"'{name}' has shape {shape}: {which} ({shape[place]:,}) was taken as the axis of units; "
        f"--axis N or --array {name}@N takes another"
    )


def why_none(h: Activation) -> str:
    """Say why no sample saturates."""
    if np.isinf(h.thresholds).all():
        return f"{h.name} has no threshold beyond which it saturates, so no sample can"
    return f"none lies at or beyond a threshold of {h.name}"


def threshold_note(h: Activation) -> str | None:
    """Say on which side a function that flattens has no threshold, so that nothing there counts as saturated."""
    if not np.isinf(h.thresholds).any():
        return None
    lacking = [
        side
        for side, threshold, how in zip(("left", "right"), h.thresholds, h.saturates, strict=True)
        if np.isinf(threshold) and how != "none"
    ]
    if not lacking and np.isfinite(h.thresholds).any():
        return None
    where = f"on the {' and the '.join(lacking)}" if lacking and np.isfinite(h.thresholds).any() else "on either side"
    return f"{h.name} has no threshold {where}: no sample counts as saturated there; flat units are told by their h'"
