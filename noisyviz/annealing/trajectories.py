"""Many trajectories on their way: quantiles, first passages, divergence and what moved them, kept while running."""

from collections.abc import Callable, Sequence
from math import inf, isfinite
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.annealing.descent import Descent
from noisyviz.units.activation import Array
from noisyviz.units.noise import Noise

TRACKED: Final = 256  # so many trajectories are asked which term of the gradient moves them


class Swarm:
    """Trajectories that start together and follow one course of c.

    Parameters
    ----------
    rule
        How they move.
    c
        c_t, shape (steps + 1,).
    x0
        Where they start.
    region
        The open interval in which they have arrived.
    trajectories, block
        How many there are, and at most in one block.
    levels
        The quantiles to keep at every step: several, or the median alone, which costs less.
    keep
        How many whole trajectories to keep.
    """

    def __init__(
        self,
        rule: Descent,
        *,
        c: Array,
        x0: float,
        region: tuple[float, float],
        trajectories: int,
        block: int,
        levels: Sequence[float],
        keep: int,
    ) -> None:
        self.rule, self.c, self.region = rule, c, region
        self.x = np.full(trajectories, x0)
        self.inside = np.empty(trajectories, dtype=np.bool_)
        self.spare = np.empty(trajectories, dtype=np.bool_)
        self.first_passage = np.full(trajectories, inf)
        self.waiting = np.ones(trajectories, dtype=np.bool_)
        self.lost: npt.NDArray[np.intp] = np.zeros(0, dtype=np.intp)
        self.exits = np.zeros(0)
        self.paths = np.empty((keep, c.size))
        self.quantiles = np.empty((c.size, len(levels)))
        self.order = _Order(trajectories, levels)
        self.tracked = min(trajectories, block, TRACKED)
        self.travelled = np.zeros((len(rule.terms), self.tracked))
        self.told = np.empty_like(self.travelled)
        self.tracking = self.travelled.size > 0
        self.record(0)

    def move(self, block: slice, xi: Array, t: int) -> None:
        """Take step t with the trajectories of one block."""
        c = float(self.c[t])
        told = self.told if self.tracking and block.start == 0 else None
        way = None if told is None else self._towards()
        self.rule.move(self.x[block], self.inside[block], xi, c, told)
        if told is not None and way is not None:
            told *= way
            self.travelled += told

    def record(self, t: int) -> None:
        """Take stock after a step that leads to x_t."""
        if not isfinite(self.x.sum()):
            self._part_with_the_lost()
        low, high = self.region
        np.greater(self.x, low, out=self.inside)
        np.less(self.x, high, out=self.spare)
        np.logical_and(self.inside, self.spare, out=self.inside)
        np.logical_and(self.inside, self.waiting, out=self.spare)
        if self.spare.any():
            self.first_passage[self.spare] = t
            np.logical_xor(self.waiting, self.spare, out=self.waiting)
            self.tracking = self.tracking and bool(self.waiting[: self.tracked].any())
        self.order.of(self.x, out=self.quantiles[t])
        if self.paths.size:
            self.paths[:, t] = self.x[: len(self.paths)]

    def _towards(self) -> Array:
        """Return +1 or −1, the way to the region, for tracked trajectories that never were inside, 0 for the others."""
        x = self.x[: self.tracked]
        way = np.where(x >= self.region[1], -1.0, 1.0)
        way *= self.waiting[: self.tracked]
        if self.lost.size:
            way[~np.isfinite(x)] = 0.0
        return way

    def _part_with_the_lost(self) -> None:
        """Hold trajectories that have left the finite numbers at ±inf for ever."""
        self.x[self.lost] = self.exits
        gone = ~np.isfinite(self.x)
        if np.count_nonzero(gone) > self.lost.size:
            self.x[np.isnan(self.x)] = inf  # inf − inf on the way out: the side is not known
            self.lost = np.flatnonzero(gone)
            self.exits = self.x[self.lost]


class _Order:
    """Quantiles by linear interpolation between order statistics, as they are needed at every step."""

    def __init__(self, size: int, levels: Sequence[float]) -> None:
        position = (size - 1) * np.asarray(levels)
        self.low = np.floor(position).astype(np.intp)
        self.high = np.minimum(self.low + 1, size - 1)
        self.share = position - self.low
        self.work = np.empty(size)

    def of(self, x: Array, *, out: Array) -> None:
        """Fill the quantiles of x; next to ±inf they are the nearer order statistic."""
        np.copyto(self.work, x)
        if self.low.size == 1:
            k, share = int(self.low[0]), float(self.share[0])
            self.work.partition(k)
            low = float(self.work[k])
            high = float(self.work[k + 1 :].min()) if share else low
            out[0] = low + share * (high - low) if isfinite(high - low) else (low if share < 0.5 else high)
            return
        self.work.sort()
        low_values, high_values = self.work[self.low], self.work[self.high]
        np.subtract(high_values, low_values, out=out)
        out *= self.share
        out += low_values
        if not isfinite(self.work[-1] - self.work[0]):
            nearer = np.where(self.share < 0.5, low_values, high_values)
            out[:] = np.where(np.isfinite(high_values - low_values), out, nearer)


def run(
    swarms: Sequence[Swarm],
    *,
    noise: Noise,
    rng: np.random.Generator,
    steps: int,
    block: int,
    progress: Callable[[int], None] | None,
) -> None:
    """Take every swarm through all steps, all with the same draws.

    A step draws for its trajectories in their order, so that the size of a block does not matter.
    """
    trajectories = swarms[0].x.size
    blocks = [slice(start, min(start + block, trajectories)) for start in range(0, trajectories, block)]
    pause = max(1, steps // 100)
    for t in range(steps):
        for part in blocks:
            xi = noise.draw(rng, part.stop - part.start)
            for swarm in swarms:
                swarm.move(part, xi, t)
        for swarm in swarms:
            swarm.record(t + 1)
        if progress is not None and (t + 1) % pause == 0:
            progress(t + 1)


def walk(rule: Descent, *, steps: int, x0: float, region: tuple[float, float]) -> Array:
    """Return x_t of one trajectory without noise, shape (steps + 1,); it rests once a step does not move it."""
    low, high = region
    path = np.full(steps + 1, x0)
    x, still = np.array([x0]), np.zeros(1)
    for t in range(steps):
        before = float(x[0])
        rule.move(x, (x > low) & (x < high), still, 0.0)
        after = inf if np.isnan(x[0]) else float(x[0])
        path[t + 1 :] = after
        if after == before or not isfinite(after):
            break
    return path
