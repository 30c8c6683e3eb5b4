"""The least that annealing and a profile need in NumPy: their arithmetic alone, with nothing checked or kept."""

from pathlib import Path

import numpy as np


def descent(trajectories: int, steps: int) -> None:
    """Take two swarms outside the thresholds of hard-tanh through all steps at α = 1, with their quantiles.

    x ← x − lr·(h − target + dσε)·dσ′ε of Eq 9: one exponential, and each step's draws serve both swarms. One swarm is
    sorted for its quantiles at every step, of the other the median is found.
    """
    rng = np.random.default_rng(0)
    xi, t, tilt, push, gap, work = np.empty((6, trajectories))
    swarms, middle = np.full((2, trajectories), 4.0), trajectories // 2
    for _ in range(steps):
        rng.standard_normal(out=xi)
        for swarm in swarms:
            np.clip(swarm, -1.0, 1.0, out=gap)
            np.subtract(swarm, gap, out=t)
            np.exp(t, out=t)
            t += 1.0
            np.divide(1.0, t, out=t)
            t -= 0.5
            np.abs(t, out=tilt)
            tilt *= xi
            tilt *= 0.5
            np.multiply(tilt, t, out=push)
            t *= t
            t -= 0.25
            tilt *= t
            gap += push
            gap *= tilt
            gap *= 1e-9
            swarm -= gap
        for swarm, sort in zip(swarms, (True, False), strict=True):
            np.copyto(work, swarm)
            if sort:
                work.sort()
            else:
                work.partition(middle)


def profile(path: Path) -> None:
    """Count float32 samples in cells, of the array and of each of its columns, and sum Δ and h′ of tanh.

    Cells are the leading bits of 1 + abs x; one exponential gives tanh and its derivative.
    """
    values = np.load(path, mmap_mode="r")
    columns, side = values.shape[1], 6 << 6
    cells, sums = np.zeros(columns * 2 * side, dtype=np.int64), np.zeros((2, columns))
    whole = np.zeros(2 * side, dtype=np.int64)
    offsets = np.arange(columns, dtype=np.int64) * 2 * side
    rows = 256
    wide, size, e, slope = np.empty((4, rows, columns))
    cell, one = np.empty((rows, columns), dtype=np.int64), np.ones(rows * columns, dtype=np.int64)
    for start in range(0, values.shape[0] - rows + 1, rows):
        x = values[start : start + rows]
        x.min(axis=0), x.max(axis=0), (x <= -1.0).sum(axis=0), (x >= 1.0).sum(axis=0)
        np.copyto(wide, x)
        np.abs(wide, out=size)
        np.multiply(size, 2.0, out=e)
        np.exp(e, out=e)
        e += 1.0
        np.divide(2.0, e, out=e)
        np.subtract(2.0, e, out=slope)
        slope *= e
        sums[0] += slope.sum(axis=0)
        e += size
        e -= 1.0
        sums[1] += e.sum(axis=0)
        size += 1.0
        np.right_shift(size.view(np.int64), 46, out=cell)
        cell -= 1023 << 6
        np.minimum(cell, side - 1, out=cell)
        cell ^= np.right_shift(wide.view(np.int64), 63)
        cell += side
        np.add.at(whole, cell.ravel(), one)
        cell += offsets
        np.add.at(cells, cell.ravel(), one)
