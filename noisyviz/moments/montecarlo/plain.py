"""Plain sums: φ and its gradients are evaluated at every draw and every x. What the other ways are tested against."""

from typing import Final

import numpy as np

from noisyviz.moments.montecarlo.power_sums import OUTSIDE, PRODUCTS, ROWS, WRONG, ZERO, over_blocks, products
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Array
from noisyviz.units.unit import InputNoise, NoisyUnit, OutputNoise

PLAIN_CHUNK: Final = 2048  # draws evaluated at once
_AT_ONCE: Final = 64  # of draws that a grid leaves out, at all x


def plain_sums(unit: NoisyUnit, at: OutputNoise | InputNoise, draws: Draws, *, chunk: int, jobs: int) -> Array:
    """Return the sums over the draws, see `noisyviz.moments.montecarlo.power_sums`."""
    leak = at.grad_x(np.zeros(()))

    def work(block: Block) -> Array:
        sums = np.zeros((ROWS, at.base.size))
        with np.errstate(all="ignore"):
            for xi in draws.read(block, chunk):
                add_plainly(sums, unit, at, leak, xi)
        return sums

    return over_blocks(draws, work, jobs=jobs)


def add_plainly(sums: Array, unit: NoisyUnit, at: OutputNoise | InputNoise, leak: Array, xi: Array) -> None:
    """Add draws of shape (m,) to the sums, shape (19, n), with m × n numbers in memory."""
    h = unit.activation
    low, high = h.bounds
    xi = xi[:, None]
    row = 0
    deviation, slope = at.deviation(xi), at.grad_x(xi) - leak
    for value in (deviation, slope, at.grad_p(xi)):
        power = value
        for _ in range(4):
            sums[row] += power.sum(axis=0)
            power = power * value
            row += 1
    sums[PRODUCTS:] += products(deviation, slope, np.empty((4, *deviation.shape))).sum(axis=1)
    sign = at.grad_sign(xi)
    phi = at.phi(xi)
    sums[ZERO] += (sign == 0).sum(axis=0)
    sums[WRONG] += (sign * np.sign(h.slope) < 0).sum(axis=0)
    sums[OUTSIDE] += ((phi < low) | (phi > high)).sum(axis=0)


def add_few(sums: Array, unit: NoisyUnit, at: OutputNoise | InputNoise, leak: Array, xi: Array) -> None:
    """Add draws that no grid holds to the sums, shape (19, n), a few at a time."""
    with np.errstate(all="ignore"):
        for start in range(0, xi.size, _AT_ONCE):
            add_plainly(sums, unit, at, leak, xi[start : start + _AT_ONCE])
