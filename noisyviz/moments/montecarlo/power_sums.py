"""What every way of summing shares: the rows of the sums, and draws read block by block on one or more threads.

The sums over the draws have shape (replicates, 19, n): the powers 1 to 4 of D = φ − φ₀, of G = ∂φ/∂x − its value at
ε = 0 and of ∂φ/∂p, then the counts of zero gradients, of wrong signs and of φ outside [L, R], and the products DG, D²G,
DG² and D²G². Blocks are added in their order, so that the number of threads changes no bit of the result.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Final

import numpy as np

from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.activation import Array

ROWS: Final = 19
ZERO, WRONG, OUTSIDE = 12, 13, 14
PRODUCTS: Final = 15  # the first of the rows of products
EXPONENTS: Final = ((1, 1), (2, 1), (1, 2), (2, 2))  # of D and G in them
# Draws worked on at once by the fast ways: they stay in the cache while they are put into buckets.
CHUNK: Final = 2**16


def over_blocks(draws: Draws, work: Callable[[Block], Array], *, jobs: int) -> Array:
    """Return the sums of `work` over the blocks of each replicate, its shape behind that of the replicates."""
    total: Array | None = None
    for block, part in _parts(draws, work, jobs=jobs):
        if total is None:
            total = np.zeros((draws.replicates, *part.shape))
        total[block.replicate] += part
        draws.progress((block.stop - block.start) / draws.each / draws.replicates)
    assert total is not None
    return total


def _parts(draws: Draws, work: Callable[[Block], Array], *, jobs: int) -> Iterator[tuple[Block, Array]]:
    blocks = draws.blocks()
    if jobs == 1:
        for block in blocks:
            yield block, work(block)
        return
    with ThreadPoolExecutor(jobs) as pool:
        while wave := list(islice(blocks, 2 * jobs)):  # as many as keep all threads busy, and no more in memory
            yield from zip(wave, pool.map(work, wave), strict=True)


def powers(value: Array, out: Array) -> Array:
    """Return value, value², value³ and value⁴ in the rows of `out`."""
    out[0] = value
    np.multiply(value, value, out=out[1])
    np.multiply(out[1], value, out=out[2])
    np.multiply(out[1], out[1], out=out[3])
    return out


def products(deviation: Array, slope: Array, out: Array) -> Array:
    """Return DG, D²G, DG² and D²G² in the rows of `out`."""
    np.multiply(deviation, slope, out=out[0])
    np.multiply(out[0], deviation, out=out[1])
    np.multiply(out[0], slope, out=out[2])
    np.multiply(out[0], out[0], out=out[3])
    return out
