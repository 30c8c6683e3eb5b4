"""The samplers: what each promises about its draws, and the error it reaches.

Seeds are fixed. Strata are read from uniform noise, whose distribution function is a straight line.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest

import noisyviz as nv
from noisyviz.moments.samplers import Block, Draws
from noisyviz.units.noise import noise

Array = npt.NDArray[np.float64]

SAMPLERS: Final = ("iid", "antithetic", "stratified", "sobol")
LONG: Final = 400_000  # iid draws, more than one block


def stream(sampler: str, *, samples: int, seed: int = 5, law: str = "normal") -> Draws:
    return Draws(noise(law), samples=samples, sampler=sampler, rng=np.random.default_rng(seed))


def whole(draws: Draws, blocks: Sequence[Block], *, chunk: int = 2**14) -> dict[tuple[int, int], Array]:
    return {(block.replicate, block.start): np.concatenate(list(draws.read(block, chunk))) for block in blocks}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("samples", [1, 17, 5000, LONG * 16])
def test_blocks_hold_every_draw_of_every_replicate_once(sampler: str, samples: int) -> None:
    draws = stream(sampler, samples=samples)
    blocks = list(draws.blocks())
    for replicate in range(draws.replicates):
        own = [block for block in blocks if block.replicate == replicate]
        assert [block.start for block in own] == [0, *(block.stop for block in own[:-1])]
        assert own[-1].stop == draws.each
    assert draws.each * draws.replicates == draws.samples >= samples


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_block_holds_the_same_draws_whenever_and_in_whatever_pieces_it_is_read(sampler: str) -> None:
    draws = stream(sampler, samples=LONG if sampler == "iid" else 3000)
    blocks = list(draws.blocks())[:4]
    forward, backward = whole(draws, blocks), whole(draws, blocks[::-1])
    for place, block in zip(forward, blocks, strict=True):
        assert forward[place].size == block.stop - block.start
        np.testing.assert_array_equal(forward[place], backward[place])
    for chunk in (2, 7, 100_000):
        pieces = whole(draws, blocks[-1:], chunk=chunk)
        for place, xi in pieces.items():
            # pairs stand behind each other within a piece
            np.testing.assert_array_equal(np.sort(xi), np.sort(forward[place]))
        assert all(xi.size <= chunk for xi in draws.read(blocks[-1], chunk))


def test_blocks_and_replicates_are_independent() -> None:
    draws = stream("iid", samples=LONG)
    first, second, third = list(whole(draws, list(draws.blocks())).values())[:3]
    n = min(first.size, second.size, third.size)
    for a, b in ((first, second), (second, third)):
        assert abs(np.corrcoef(a[:n], b[:n])[0, 1]) < 5 / math.sqrt(n)
    pairs = stream("antithetic", samples=16 * 2000)
    halves = [xi[: xi.size // 2] for xi in whole(pairs, list(pairs.blocks())).values()]
    table = np.corrcoef(halves)
    assert np.abs(table - np.eye(16)).max() < 5.5 / math.sqrt(1000)


@pytest.mark.parametrize("law", ["normal", "laplace", "uniform", "student-t:5"])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_draws_follow_their_distribution(sampler: str, law: str) -> None:
    """The largest distance of the distribution functions stays below 2/√n, passed once in 1,500 times by iid draws."""
    draws = stream(sampler, samples=40_000, law=law)
    xi = np.sort(np.concatenate(list(whole(draws, list(draws.blocks())).values())))
    below = 1.0 - draws.noise.above(xi)
    n = xi.size / (2 if sampler == "antithetic" else 1)
    assert np.abs(below - (np.arange(xi.size) + 0.5) / xi.size).max() < 2.0 / math.sqrt(n)


def test_strata_hold_one_draw_each_and_pairs_cancel() -> None:
    for sampler in ("stratified", "sobol"):
        draws = stream(sampler, samples=16 * 1000, law="uniform")
        for xi in whole(draws, list(draws.blocks())).values():
            share = (xi / math.sqrt(3.0) + 1.0) / 2.0
            np.testing.assert_array_equal(np.sort(np.floor(share * draws.each)), np.arange(draws.each))
    draws = stream("antithetic", samples=16 * 1000, law="laplace")
    for xi in whole(draws, list(draws.blocks())).values():
        np.testing.assert_array_equal(np.sort(xi), np.sort(-xi))


NEAR: Final = np.array([-1.7, -1.3, 0.0, 0.4, 1.7])
FAR: Final = np.array([-3.0, 2.5, 3.0])  # where the outermost strata carry most of the error
SEEDS: Final = 50


def error(unit: nv.NoisyUnit, x: Array, sampler: str, samples: int) -> Array:
    """Return the root-mean-square error of the mean over the seeds, at each x."""
    truth = nv.exact(unit, x).mean
    runs = [
        nv.monte_carlo(unit, x, samples=samples, rng=np.random.default_rng(seed), sampler=sampler)
        for seed in range(SEEDS)
    ]
    assert all(run.samples <= 10_000 for run in runs)
    found: Array = np.sqrt(np.mean([(run.mean - truth) ** 2 for run in runs], axis=0))
    return found


@pytest.mark.parametrize(("kind", "c"), [("nani", 0.5), ("nanil", 4.0)])
@pytest.mark.parametrize(("sampler", "samples"), [("stratified", 10_000), ("sobol", 8192)])
def test_draws_in_strata_are_worth_a_million_at_each_x_and_fewer_in_the_tails(
    sampler: str, samples: int, kind: str, c: float
) -> None:
    """The error of n independent draws is the exact std/√n; where h is nearly flat, 1e5 of them are matched."""
    unit, x = nv.NoisyUnit("tanh", kind=kind, c=c), np.concatenate([NEAR, FAR])
    allowed = nv.exact(unit, x).std / np.sqrt(np.repeat([1e6, 1e5], [NEAR.size, FAR.size]))
    found = error(unit, x, sampler, samples)
    assert np.all(found <= allowed + 1e-15), found / allowed


@pytest.mark.parametrize(
    ("kind", "fn"), [("nan", "softsign"), ("nani", "hard-tanh"), ("nani", "identity"), ("nanil", "softsign")]
)
def test_pairs_never_do_worse_than_independent_draws_at_any_x(kind: str, fn: str) -> None:
    """φ is monotone in ξ, so pairs cannot vary more; 1.3 is three standard deviations of the spread of 50 seeds."""
    unit, x = nv.NoisyUnit(fn, kind=kind, c=1.5), np.concatenate([NEAR, FAR])
    independent = nv.exact(unit, x).std / math.sqrt(2048)
    found = error(unit, x, "antithetic", 2048)
    assert np.all(found <= 1.3 * independent + 1e-15), found / independent
