"""Sums for output noise: φ and both gradients are affine in ε, so that four power sums of the draws serve every x."""

from collections.abc import Sequence

import numpy as np

from noisyviz.moments.montecarlo.buckets import Buckets
from noisyviz.moments.montecarlo.power_sums import (
    CHUNK,
    EXPONENTS,
    OUTSIDE,
    PRODUCTS,
    ROWS,
    WRONG,
    ZERO,
    over_blocks,
    powers,
)
from noisyviz.moments.montecarlo.thresholds import first_reaching
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Array
from noisyviz.units.unit import NoisyUnit, OutputNoise


def affine_sums(unit: NoisyUnit, at: OutputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.moments.montecarlo.power_sums`."""
    edges = _thresholds(at, unit.activation.bounds)
    grid = Buckets(edges)

    def work(block: Block) -> Array:
        found = np.zeros(4 + grid.shape[1])
        rows = np.empty((4, min(chunk, block.stop - block.start)))
        for xi in draws.read(block, chunk):
            epsilon = at.epsilon(xi)
            found[:4] += powers(epsilon, rows[:, : xi.size]).sum(axis=1)
            grid.add(found[None, 4:], epsilon)
        return found

    found = over_blocks(draws, work, jobs=jobs)
    sums = np.empty((draws.replicates, ROWS, at.base.size))
    for row, factor in ((0, at.amplitude), (4, at.amplitude_slope), (8, at.amplitude_p)):
        power = factor
        for k in range(4):
            sums[:, row + k] = power * found[:, k, None]
            power = power * factor
    for row, (i, j) in enumerate(EXPONENTS, start=PRODUCTS):
        sums[:, row] = at.amplitude**i * at.amplitude_slope**j * found[:, i + j - 1, None]
    below = grid.below(grid.collected(found[:, None, 4:])[:, 0], edges)
    _count_signs(sums, unit, at, below, draws.each)
    sums[:, OUTSIDE] = below[2] + draws.each - below[3]
    return sums


def _thresholds(at: OutputNoise, bounds: tuple[float, float]) -> Array:
    """Return the ε at which a sign or a side changes, shape (4, n).

    From the first two on, sign_base + sign_slope·ε, mirrored where it falls in ε, is ≥ 0, and > 0. From the others on,
    φ, mirrored likewise, is ≥ its lower limit, and > its upper one.
    """
    direction = np.where(at.sign_slope < 0, -1.0, 1.0)
    rising = at.amplitude > 0
    low, high = (np.where(rising, a, -b) for a, b in (bounds, bounds[::-1]))
    sign_base, base = direction * at.sign_base, np.where(rising, at.base, -at.base)
    zero = np.zeros_like(low)
    return first_reaching(
        np.stack([sign_base, sign_base, base, base]),
        np.abs(np.stack([at.sign_slope, at.sign_slope, at.amplitude, at.amplitude])),
        np.stack([zero, np.nextafter(zero, 1.0), low, np.nextafter(high, np.inf)]),
    )


def _count_signs(sums: Array, unit: NoisyUnit, at: OutputNoise, below: Sequence[Array], each: int) -> None:
    """Fill the counts of zero gradients and of wrong signs, from the counts below the two sign thresholds."""
    before, zero, after = below[0], below[1] - below[0], each - below[1]
    right = np.sign(unit.activation.slope)
    sums[:, ZERO] = zero
    sums[:, WRONG] = np.where(np.where(at.sign_slope < 0, -right, right) < 0, after, before) if right != 0 else 0.0
