"""Sums for output noise: φ and both gradients are affine in ε, so that four power sums of the draws serve every x."""

import numpy as np

from noisyviz.engine.activation import Array
from noisyviz.engine.montecarlo.sums import CHUNK, OUTSIDE, ROWS, WRONG, ZERO, over_blocks, powers
from noisyviz.engine.montecarlo.thresholds import Counter, first_reaching
from noisyviz.engine.samplers import Block, Draws
from noisyviz.engine.units import NoisyUnit, OutputNoise


def affine_sums(unit: NoisyUnit, at: OutputNoise, draws: Draws, *, chunk: int = CHUNK, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.engine.montecarlo.sums`."""
    edges = _thresholds(at, unit.activation.bounds)
    counter = Counter(*edges)

    def work(block: Block) -> Array:
        found = np.zeros(4 + counter.sorted.size)
        rows = np.empty((4, min(chunk, block.stop - block.start)))
        for xi in draws.read(block, chunk):
            epsilon = at.epsilon(xi)
            found[:4] += powers(epsilon, rows[:, : xi.size]).sum(axis=1)
            found[4:] += counter.below(epsilon)
        return found

    found = over_blocks(draws, work, jobs=jobs)
    sums = np.empty((draws.replicates, ROWS, at.base.size))
    for row, factor in ((0, at.amplitude), (4, at.amplitude_slope), (8, at.amplitude_p)):
        power = factor
        for k in range(4):
            sums[:, row + k] = power * found[:, k, None]
            power = power * factor
    columns = np.concatenate([np.zeros((draws.replicates, 1)), found[:, 4:]], axis=1)
    columns = np.concatenate([columns, np.full((draws.replicates, 1), float(draws.each))], axis=1)
    below = [columns[:, counter.place(edge)] for edge in edges]
    _count_signs(sums, unit, at, below, draws.each)
    low, high = unit.activation.bounds
    beyond = (at.base < low) | (at.base > high)
    fixed = np.where(beyond, float(draws.each), 0.0)
    sums[:, OUTSIDE] = np.where(at.amplitude == 0, fixed, below[2] + draws.each - below[3])
    return sums


def _thresholds(at: OutputNoise, bounds: tuple[float, float]) -> Array:
    """Return the ε at which a sign or a side changes, shape (4, n).

    From the first two on, sgn(slope)·(sign_base + sign_slope·ε) is ≥ 0, and > 0; meant where sign_slope ≠ 0. From the
    others on, φ, mirrored where it falls in ε, is ≥ its lower limit, and > its upper one.
    """
    direction = np.sign(at.sign_slope)
    rising = at.amplitude > 0
    low, high = (np.where(rising, a, -b) for a, b in (bounds, bounds[::-1]))
    sign_base, base = direction * at.sign_base, np.where(rising, at.base, -at.base)
    zero = np.zeros_like(low)
    return first_reaching(
        np.stack([sign_base, sign_base, base, base]),
        np.abs(np.stack([at.sign_slope, at.sign_slope, at.amplitude, at.amplitude])),
        np.stack([zero, np.nextafter(zero, 1.0), low, np.nextafter(high, np.inf)]),
    )


def _count_signs(sums: Array, unit: NoisyUnit, at: OutputNoise, below: list[Array], each: int) -> None:
    """Fill the counts of zero gradients and of wrong signs, from the counts below the two sign thresholds."""
    before, zero, after = below[0], below[1] - below[0], each - below[1]
    fixed = np.sign(at.sign_base)
    still = at.sign_slope == 0
    sums[:, ZERO] = np.where(still, np.where(fixed == 0, float(each), 0.0), zero)
    right = np.sign(unit.activation.slope)
    wrong = np.where(np.sign(at.sign_slope) * right < 0, after, before) if right != 0 else np.zeros_like(after)
    sums[:, WRONG] = np.where(still, np.where(fixed * right < 0, float(each), 0.0), wrong)
