"""Samplers: how the draws of ξ are made, and what their standard errors may be computed from.

Plain iid draws are one replicate. The others use 16 independent replicates of equal size, because draws within one
depend on each other: their standard errors come from the replicates, never from the iid formula.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from noisyviz.errors import InputError, check_name
from noisyviz.units.activation import Array
from noisyviz.units.noise import Noise, RandomSource, generator

REPLICATES: Final = 16

SAMPLERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "iid": "independent draws; standard errors from their spread",
        "antithetic": "16 replicates of pairs xi, -xi; doubles the variance of what is even in xi",
        "stratified": "16 replicates with one draw in each of n equally likely strata",
        "sobol": "16 replicates of a scrambled Sobol sequence of 2^m points",
    }
)
"""Every sampler with what it does."""

MAX_SAMPLES: Final = 10**10
_BLOCK: Final = 2**17  # draws of one block; a Sobol sequence is one block


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of the stream with random numbers of its own, so that parts can be read in any order or at once.

    Attributes
    ----------
    replicate
        To which replicate it belongs.
    start, stop
        Its place among the draws of the replicate.
    """

    replicate: int
    start: int
    stop: int


class Draws:
    """A reproducible stream of draws that can be read more than once, and in parts at once.

    Parameters
    ----------
    noise
        The distribution of ξ.
    samples
        The number of draws asked for, 1 … 1e10; rounded up to what the sampler needs, see `samples`.
    sampler
        A key of `SAMPLERS`.
    rng
        A Generator or a seed; gives the seed of the stream, and a Generator is advanced by one small draw.

    Attributes
    ----------
    samples
        The number of draws in the stream.
    replicates
        1 for iid, else 16.
    progress
        Called with the share of the draws in a block whenever one has been worked on.

    Raises
    ------
    InputError
        For an unknown sampler or a number of samples outside 1 … 1e10.

    Examples
    --------
    >>> from noisyviz.units.noise import noise
    >>> draws = Draws(noise("normal"), samples=100, sampler="antithetic", rng=np.random.default_rng(0))
    >>> draws.samples, draws.replicates
    (128, 16)
    """

    def __init__(self, noise: Noise, *, samples: int, sampler: str, rng: RandomSource) -> None:
        check_name("sampler", sampler, SAMPLERS)
        if not 1 <= samples <= MAX_SAMPLES or samples != int(samples):
            raise InputError(f"samples must be a whole number from 1 to 1e10, got {samples}", parameter="samples")
        self.noise = noise
        self.sampler = sampler
        self.replicates = 1 if sampler == "iid" else REPLICATES
        each = -(-int(samples) // self.replicates)
        if sampler == "antithetic":
            each += each % 2
        elif sampler == "sobol":
            each = 1 << (each - 1).bit_length()
        self.each = each
        self.samples = each * self.replicates
        self.progress: Callable[[float], None] = lambda _share: None
        self._key = generator(rng).integers(0, 2**32, size=4, dtype=np.uint32)

    def blocks(self) -> Iterator[Block]:
        """Yield the parts of the stream, in order; they depend on nothing but its length."""
        step = self.each if self.sampler == "sobol" else _BLOCK
        for replicate in range(self.replicates):
            for start in range(0, self.each, step):
                yield Block(replicate=replicate, start=start, stop=min(start + step, self.each))

    def read(self, block: Block, chunk: int) -> Iterator[Array]:
        """Yield the ξ of a block in pieces of at most `chunk` draws; the same numbers at every reading.

        Parameters
        ----------
        block
            One of `blocks`.
        chunk
            The most draws at once, at least 2.
        """
        # The stream is keyed by the place of the block. SFC64 draws normals a fifth faster than PCG64.
        seed = np.random.SeedSequence(self._key.tolist(), spawn_key=(block.replicate, block.start))
        yield from getattr(self, f"_{self.sampler}")(np.random.Generator(np.random.SFC64(seed)), block, chunk)

    def _iid(self, rng: np.random.Generator, block: Block, chunk: int) -> Iterator[Array]:
        for start in range(block.start, block.stop, chunk):
            yield self.noise.draw(rng, min(chunk, block.stop - start))

    def _antithetic(self, rng: np.random.Generator, block: Block, chunk: int) -> Iterator[Array]:
        pairs, half = (block.stop - block.start) // 2, max(chunk // 2, 1)
        for start in range(0, pairs, half):
            xi = self.noise.draw(rng, min(half, pairs - start))
            yield np.concatenate([xi, -xi])

    def _stratified(self, rng: np.random.Generator, block: Block, chunk: int) -> Iterator[Array]:
        for start in range(block.start, block.stop, chunk):
            stratum = np.arange(start, min(start + chunk, block.stop), dtype=np.float64)
            stratum += rng.random(stratum.size)
            stratum /= self.each
            yield self._quantile(stratum)

    def _sobol(self, rng: np.random.Generator, block: Block, chunk: int) -> Iterator[Array]:
        from scipy.stats import qmc

        piece = min(block.stop, 1 << (chunk.bit_length() - 1))
        engine = qmc.Sobol(d=1, scramble=True, bits=52, rng=rng)
        for _ in range(block.stop // piece):
            yield self._quantile(engine.random(piece)[:, 0] + 2.0**-53)

    def _quantile(self, u: Array) -> Array:
        return self.noise.quantile(np.clip(u, 2.0**-60, 1.0 - 2.0**-53, out=u))
