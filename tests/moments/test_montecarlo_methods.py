"""The fast ways of Monte Carlo against the plain evaluation of the very same draws, and what the samplers promise."""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest
from conftest import crossed
from hypothesis import given, settings
from hypothesis import strategies as st

import noisyviz as nv
from noisyviz.moments import montecarlo
from noisyviz.moments.montecarlo import monte_carlo
from noisyviz.moments.montecarlo.analytic import smooth_sums
from noisyviz.moments.montecarlo.buckets import Buckets
from noisyviz.moments.montecarlo.estimates import ESTIMATES
from noisyviz.moments.montecarlo.piecewise_linear import piecewise_sums
from noisyviz.moments.montecarlo.plain import plain_sums
from noisyviz.moments.montecarlo.thresholds import first_reaching
from noisyviz.moments.samplers import SAMPLERS, Draws
from noisyviz.units.kinds import KINDS
from noisyviz.units.noise import noise
from noisyviz.units.own_function import from_function
from noisyviz.units.unit import InputNoise

Array = npt.NDArray[np.float64]

# Kinks, thresholds and their neighbours, both tails, and what is far away or not a number.
FAR: Final = [-math.inf, -1e300, -1e3, -8.0, 40.0, 1e3, math.inf]
NEAR: Final = [-3.2, -2.0, -1.5, -1.0, math.nextafter(-1.0, 0.0), -0.3, 0.0, 1e-9, 0.7, 1.0, 1.0001, 1.4, 2.0, 3.0, 6.0]
X: Final = np.array([math.nan, *FAR, *NEAR])
NOISES: Final = ("normal", "laplace", "uniform", "student-t:5")
SETTINGS: Final = (
    {"alpha": 0.9, "c": 0.5, "p": 1.0},
    {"alpha": 1.0, "c": 4.0, "p": -1.2},
    {"alpha": 1.15, "c": 0.7, "p": 2.0, "scale": "figure"},
)
NOISY: Final = tuple(KINDS)
SPREADS: Final = {"mean": "std", "bias": "std", "grad_mean": "grad_std", "grad_p_mean": "grad_p_std"}
COUNTS: Final = ("p_zero", "p_wrong", "p_outside")


@pytest.fixture(autouse=True, scope="module")
def _few_draws_are_compressed_too() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(montecarlo, "_FEW", 0)
        yield


def both(unit: nv.NoisyUnit, x: Array, *, sampler: str, samples: int = 3000) -> list[nv.MonteCarloMoments]:
    return [
        monte_carlo(unit, x, samples=samples, rng=np.random.default_rng(3), sampler=sampler, method=method)
        for method in ("auto", "plain")
    ]


def nearness(unit: nv.NoisyUnit) -> float:
    """Sums that are only regrouped agree to rounding, compressed ones to 1e-9."""
    regrouped = KINDS[unit.kind].output_noise or (unit.activation.pieces is not None and unit.kind != "nanil-softplus")
    return 2e-12 if regrouped else 1e-9


def check(fast: nv.MonteCarloMoments, plain: nv.MonteCarloMoments, *, near: float) -> None:
    """Equal counts; the rest to `near` of its size, or of a thousandth where it is smaller than that."""
    for name in ESTIMATES:
        for column in (name, f"{name}_se"):
            a, b = getattr(fast, column), getattr(plain, column)
            if name in COUNTS:
                np.testing.assert_array_equal(a, b, err_msg=column)
                continue
            if name == "grad_cov" and X.size == a.size:  # products overflow far away
                a, b = a[np.abs(X) < 1e100], b[np.abs(X) < 1e100]
            np.testing.assert_array_equal(np.isfinite(a), np.isfinite(b), err_msg=column)
            known = np.isfinite(b)
            # errors of spreads are differences of fourth powers, whose last digits the plain sums lose as well
            cancels = column.endswith(("std_se", "rms_se"))
            allowed = near * ((200.0 if near < 1e-9 else 100.0) if cancels else 1.0)
            # draws of either sign cancel in a sum; its rounding is relative to their spread
            size = np.maximum(np.abs(b), getattr(plain, SPREADS[name]) if name in SPREADS else 0.0)
            off = np.abs(a[known] - b[known]) / np.maximum(size[known], 1e-3)
            assert np.all(off <= allowed), (column, off.max())


@pytest.mark.parametrize(("fn", "kind"), crossed(sorted(nv.ACTIVATIONS), NOISY))
def test_regrouped_draws_give_the_sums_of_plain_evaluation(fn: str, kind: str) -> None:
    turn = len(NOISY) * sorted(nv.ACTIVATIONS).index(fn) + NOISY.index(kind)
    every = list(itertools.product(NOISES, SAMPLERS, SETTINGS))
    for law, sampler, setting in every[turn % 38 :: 38]:  # most of every kind, each of every way, over the functions
        unit = nv.NoisyUnit(fn, kind=kind, noise=law, **setting)  # type: ignore[arg-type] # a mixed dictionary
        check(*both(unit, X, sampler=sampler), near=nearness(unit))


def lattice(rng: np.random.Generator, size: int) -> Array:
    """Draws at quarters, so that many of them meet a threshold exactly."""
    return rng.integers(-16, 17, size) / 4.0


@pytest.mark.parametrize("kind", NOISY)
@pytest.mark.parametrize("fn", ["hard-tanh", "relu6", "leaky-relu", "tanh", "silu"])
def test_draws_exactly_on_a_threshold_are_decided_as_in_plain_evaluation(fn: str, kind: str) -> None:
    quarters = dataclasses.replace(noise("normal"), draw_function=lattice)
    for alpha in (1.0, 0.5, 1.5) if kind in ("none", "nan", "nah") else (1.0,):
        unit = nv.NoisyUnit(fn, kind=kind, alpha=alpha, c=0.5, p=1e3, noise=quarters)  # a large p makes σ = c/4
        check(*both(unit, np.arange(-32, 57) / 8.0, sampler="iid"), near=nearness(unit))


@pytest.mark.parametrize("fn", ["hard-tanh", "silu", "elu"])
def test_draws_far_beyond_what_the_noise_leads_to_expect_are_counted_too(fn: str) -> None:
    wide = dataclasses.replace(noise("normal"), draw_function=lambda rng, size: rng.uniform(-90.0, 90.0, size))
    unit = nv.NoisyUnit(fn, kind="nani", c=0.3, noise=wide)
    check(*both(unit, np.array([-3.0, -1.0, 0.2, 2.5]), sampler="iid", samples=400), near=nearness(unit))


@pytest.mark.parametrize(
    ("fn", "kind"),
    [
        ("hard-shrink", "nani"),
        ("threshold:0.1:0.4", "nanil"),
        ("threshold:-1:2", "nanis"),
        ("hard-shrink:0.2", "nanil-softplus"),
        ("elu:0.5", "nanil-softplus"),
        ("leaky-relu:0.2", "nanil-softplus"),
    ],
)
def test_functions_that_jump_and_those_with_parameters_are_regrouped_too(fn: str, kind: str) -> None:
    unit = nv.NoisyUnit(fn, kind=kind, c=0.7)
    draws = Draws(unit.noise, samples=3000, sampler="iid", rng=0)
    assert montecarlo._fast_way(unit, unit.at(X[8:]), draws) is not None
    check(*both(unit, X, sampler="iid"), near=nearness(unit))


@pytest.mark.parametrize("c", [1e-9, 30.0, 300.0])
@pytest.mark.parametrize("fn", ["tanh", "softplus"])
def test_cells_are_as_fine_as_the_noise_is_large(fn: str, c: float) -> None:
    unit = nv.NoisyUnit(fn, kind="nani", c=c)
    check(*both(unit, np.linspace(-3.0, 3.0, 5), sampler="iid", samples=100_000), near=nearness(unit))


@pytest.mark.parametrize("fn", ["hard-tanh", "leaky-relu", "silu"])
def test_a_factor_that_is_zero_for_some_draws_counts_as_a_zero_gradient(fn: str) -> None:
    quarters = dataclasses.replace(noise("normal"), draw_function=lattice)
    unit = nv.NoisyUnit(fn, kind="nanil", noise=quarters)
    x = np.arange(-24, 25) / 8.0
    slopes = np.resize([0.5, -0.25, 0.0, -1.0], x.size)
    at = InputNoise(unit.activation, x, unit.activation.h(x), np.full(x.size, 0.5), slopes, 0.1 * x)
    draws = Draws(quarters, samples=4000, sampler="iid", rng=np.random.default_rng(0))
    with np.errstate(all="ignore"):  # as `monte_carlo` calls them
        plain = plain_sums(unit, at, draws, chunk=512, jobs=1)
        fast = smooth_sums(unit, at, draws, jobs=1) if fn == "silu" else piecewise_sums(at, draws, jobs=1)
    assert plain[:, 12].max() > 50.0
    np.testing.assert_array_equal(fast[:, 12:14], plain[:, 12:14])  # the limits of h may be infinite
    np.testing.assert_allclose(fast[:, :12], plain[:, :12], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("fn", ["hard-tanh", "relu", "leaky-relu", "hard-sigmoid-6"])
def test_the_few_draws_that_just_pass_a_kink_keep_their_digits(fn: str) -> None:
    unit = nv.NoisyUnit(fn, kind="nani", c=0.5, noise="uniform")
    edges = np.array(unit.activation.breaks)
    reach = 0.5 * math.sqrt(3.0)  # of the noise
    x = np.concatenate([edges + side * (reach - gap) for side in (-1, 1) for gap in (1e-3, 1e-2)])
    fast, plain = both(unit, x, sampler="iid", samples=100_000)
    for name in ("std", "grad_std", "grad_rms", "std_se"):
        a, b = getattr(fast, name), getattr(plain, name)
        np.testing.assert_allclose(a, b, rtol=2e-9 if name == "std_se" else 1e-10, atol=1e-30, err_msg=name)


@pytest.mark.parametrize("fn", ["tanh", "sigmoid", "arctan", "erf", "hard-tanh"])
def test_where_nothing_is_added_nothing_spreads(fn: str) -> None:
    """Not even by a rounding: a standard error of 1e-16 would give a z-score to an estimate that is simply h."""
    x = np.array([-0.7, 0.0, 0.3])
    found = monte_carlo(nv.NoisyUnit(fn, kind="nanis", c=2.0), x, samples=50_000, rng=np.random.default_rng(0))
    np.testing.assert_array_equal([found.std, found.grad_std, found.mean_se, found.grad_mean_se], np.zeros((4, 3)))
    np.testing.assert_array_equal(found.mean, nv.activation(fn).h(x))
    np.testing.assert_array_equal(found.grad_mean, nv.activation(fn).derivative(x))


def test_draws_far_out_are_evaluated_as_they_are() -> None:
    unit = nv.NoisyUnit("sigmoid", kind="nani", c=1.0, noise="student-t:2.2")
    draws = Draws(unit.noise, samples=20_000, sampler="iid", rng=np.random.default_rng(3))
    xi = np.concatenate([part for block in draws.blocks() for part in draws.read(block, 4096)])
    assert (xi < -12.0).sum() > 2
    assert (xi > 12.0).sum() > 2
    check(*both(unit, np.array([-9.0, 0.5, 9.0]), sampler="iid", samples=20_000), near=1e-9)


def test_spreads_in_a_deep_tail_keep_their_digits() -> None:
    """At −8 the few draws that carry the sum of fourth powers lie where φ is tiny against its largest nearby."""
    unit = nv.NoisyUnit("gelu-tanh", kind="nanil-softplus", c=4.0, p=-1.2, noise="laplace")
    fast, plain = both(unit, np.array([-8.0]), sampler="iid")
    for name in ("std", "std_se", "grad_std", "grad_std_se", "grad_p_std_se"):
        np.testing.assert_allclose(getattr(fast, name), getattr(plain, name), rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("seed", range(12))
def test_random_cases_agree_as_well(seed: int) -> None:
    rng = np.random.default_rng(seed)
    fn = rng.choice(sorted(nv.ACTIVATIONS))
    x = rng.normal(size=40) * 3.0
    alpha, c, p = rng.normal(1.0, 0.2, 40), rng.exponential(1.0, 40), rng.normal(size=40)
    unit = nv.NoisyUnit(str(fn), kind=NOISY[seed % len(NOISY)], alpha=alpha, c=c, p=p, noise=NOISES[seed % 4])
    fast, plain = both(unit, x, sampler=sorted(SAMPLERS)[seed % 4], samples=int(rng.integers(1, 20_000)))
    check(fast, plain, near=nearness(unit))


@pytest.mark.parametrize(
    ("fn", "kind", "way"),
    [
        ("gelu", "nah", "affine_sums"),
        ("hard-sigmoid", "nanil", "piecewise_sums"),
        ("sigmoid", "nani", "smooth_sums"),
        ("elu", "nani", "compressed_sums"),
        ("tanh", "nanil-softplus", "compressed_sums"),
    ],
)
def test_each_unit_goes_its_way(fn: str, kind: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the comparisons above compare two ways, not one with itself."""

    class Taken(Exception):
        pass

    def taken(*_: object, **__: object) -> Array:
        raise Taken

    monkeypatch.setattr(montecarlo, way, taken)
    with pytest.raises(Taken):
        monte_carlo(nv.NoisyUnit(fn, kind=kind), X, samples=20_000, rng=np.random.default_rng(0))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("fn", "kind"), [("tanh", "nah"), ("hard-tanh", "nani"), ("sigmoid", "nanil"), ("elu", "nani")]
)
def test_the_number_of_threads_changes_no_bit(fn: str, kind: str, sampler: str) -> None:
    unit, x = nv.NoisyUnit(fn, kind=kind, c=2.0), np.array([-3.0, 0.2, 2.5])
    one, three = (
        monte_carlo(unit, x, samples=300_000, rng=np.random.default_rng(8), sampler=sampler, jobs=jobs)
        for jobs in (1, 3)
    )
    for name in ESTIMATES:
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
        np.testing.assert_array_equal(getattr(one, f"{name}_se"), getattr(three, f"{name}_se"))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_blocks_are_the_stream_and_draw_numbers_of_their_own(sampler: str) -> None:
    draws = Draws(noise("normal"), samples=300_000, sampler=sampler, rng=np.random.default_rng(1))
    blocks = list(draws.blocks())
    assert sum(block.stop - block.start for block in blocks) == draws.samples
    parts = [np.concatenate(list(draws.read(block, 5000))) for block in blocks]
    assert [part.size for part in parts] == [block.stop - block.start for block in blocks]
    whole = np.concatenate(parts)
    assert np.unique(np.abs(whole) if sampler == "antithetic" else whole).size >= 0.49 * whole.size
    assert whole.mean() == pytest.approx(0.0, abs=5.0 / math.sqrt(whole.size))
    assert whole.std() == pytest.approx(1.0, abs=5.0 / math.sqrt(whole.size))


OWN: Final = {
    "shrunk": lambda x: np.where(np.abs(x) > 0.5, x - 0.5 * np.sign(x), 0.0),  # two kinks
    "celu": lambda x: np.where(x > 0, x, 2.0 * np.expm1(np.minimum(x, 0.0) / 2.0)),  # a jump of h″
    "mish": lambda x: x * np.tanh(np.logaddexp(0.0, x)),
}


@pytest.mark.parametrize("kind", ["nani", "nanil"])
@pytest.mark.parametrize("name", OWN)
def test_functions_of_ones_own_take_the_fast_way_as_well(name: str, kind: str) -> None:
    unit = nv.NoisyUnit(from_function(name, OWN[name]), kind=kind, c=0.5, p=-3.0)
    check(*both(unit, np.array([-2.0, -0.5, -0.2, 0.0, 0.3, 1.4]), sampler="iid"), near=1e-9)


def test_draws_next_to_0_that_no_grid_holds_count_once() -> None:
    """The largest σ decides which draws are evaluated one by one, for every x."""
    unit = nv.NoisyUnit("tanh(20*x)", kind="nani", c=np.array([100.0, 30.0, 10.0, 5.0, 3.0, 1.0]))
    check(*both(unit, np.array([-2.0, -0.5, -0.2, 0.0, 0.3, 1.4]), sampler="iid"), near=1e-9)


@given(
    fn=st.sampled_from(sorted(nv.ACTIVATIONS)),
    kind=st.sampled_from(NOISY),
    law=st.sampled_from([*NOISES, "student-t:2.5"]),
    sampler=st.sampled_from(sorted(SAMPLERS)),
    c=st.sampled_from([1e-6, 0.5, 4.0, 100.0]),
    p=st.sampled_from([-3.0, 1.0]),
    x=st.lists(st.floats(-6.0, 6.0), min_size=3, max_size=6),
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_every_pair_agrees(fn: str, kind: str, law: str, sampler: str, c: float, p: float, x: list[float]) -> None:
    unit = nv.NoisyUnit(fn, kind=kind, noise=law, c=c, p=p)
    fast, plain = both(unit, np.array(x), sampler=sampler, samples=2500)
    for name in ESTIMATES:
        a, b = getattr(fast, name), getattr(plain, name)
        if name in COUNTS:
            np.testing.assert_array_equal(a, b, err_msg=name)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12 * max(1.0, c), err_msg=name)


def test_draws_of_the_softplus_form_that_are_evaluated_one_by_one_count_once() -> None:
    """At −1.5, z is the kink at 3 for many ξ; at 1e-9, ∂(x + s)/∂x is 0 but for rounding."""
    unit = nv.NoisyUnit("hard-swish", kind="nanil-softplus", noise="uniform", c=0.5, p=8.0)
    check(*both(unit, np.array([-1.5, 1e-9, 0.3]), sampler="stratified"), near=1e-9)


def test_jobs_and_methods_outside_their_domain_are_refused() -> None:
    for wrong in (0, -1, 1.5):
        with pytest.raises(nv.InputError, match="jobs must be a whole number of at least 1"):
            monte_carlo(nv.NoisyUnit("tanh"), 0.0, rng=np.random.default_rng(0), jobs=wrong)  # type: ignore[arg-type] # tested
    with pytest.raises(nv.InputError, match="method must be one of auto, plain, got 'plian'; did you mean 'plain'"):
        monte_carlo(nv.NoisyUnit("tanh"), 0.0, rng=np.random.default_rng(0), method="plian")


def test_a_threshold_is_the_first_number_that_reaches_the_limit() -> None:
    rng = np.random.default_rng(0)
    base, slope = rng.normal(size=500), rng.exponential(size=500) * 10.0 ** rng.integers(-12, 4, 500)
    for limit in (0.75, 0.0, np.nextafter(0.0, 1.0), -1e-9):
        found = first_reaching(base, slope, limit)
        assert (base + slope * found >= limit).all()
        assert not (base + slope * np.nextafter(found, -np.inf) >= limit).any()


def test_a_threshold_far_from_where_it_is_computed_is_found() -> None:
    """base + slope·ξ rounds to the limit over many ξ, of which the first is far from (limit − base)/slope = 0."""
    slope = np.array([1e-20, 1e-8, 1e-17])
    found = first_reaching(np.ones(3), slope, 1.0)
    assert (1.0 + slope * found >= 1.0).all()
    assert not (1.0 + slope * np.nextafter(found, -np.inf) >= 1.0).any()
    np.testing.assert_allclose(found, -(2.0**-54) / slope, rtol=1e-12)  # half of the step below 1, to even


def test_limits_that_every_draw_reaches_or_none() -> None:
    base, slope = np.array([0.0, 0.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0, 1e-40])
    limit = np.array([-np.inf, np.inf, 0.5, 2.0, 1.0])
    np.testing.assert_array_equal(first_reaching(base, slope, limit), [-np.inf, np.inf, -np.inf, np.inf, np.inf])


@pytest.mark.parametrize("powers", [1, 4])
@pytest.mark.parametrize("few", [2, 400])
def test_draws_below_walls_are_counted_one_by_one(few: int, powers: int) -> None:
    rng = np.random.default_rng(few)
    xi = np.concatenate([np.round(rng.normal(size=2000), 2), [-70.0, 9.0, -0.0, -1e-20]])  # many draws on a wall
    near = np.repeat(np.round(rng.normal(size=few), 2), 3) + np.tile([0.0, 1e-13, 1e-9], few)  # several in one cell
    walls = np.concatenate([near[: 2 if few == 2 else None], [-80.0, -9.5, 9.5, 0.0, np.inf, -np.inf]])
    walls = np.append(walls, np.nextafter(near[0], np.inf))
    buckets, sums = _put(xi, walls, powers=powers)
    below = buckets.below(sums[:1], walls[None])[0][0]
    np.testing.assert_array_equal(below, [sum(draw < limit for draw in xi.tolist()) for limit in walls.tolist()])
    assert sums[0].sum() == xi.size


def _put(xi: Array, walls: Array, **chosen: Any) -> tuple[Buckets, Array]:
    """Buckets and their sums, of draws added in three parts."""
    buckets = Buckets(walls, **chosen)
    found = np.zeros(buckets.shape)
    for part in np.array_split(xi, 3):
        buckets.add(found, part)
    return buckets, buckets.collected(found)


def test_powers_are_those_of_the_place_in_the_cell() -> None:
    buckets, sums = _put(np.array([0.3 - 1e-5, 0.3 + 1e-12, 5.0001]), np.array([0.3]), powers=3)
    held, first = np.flatnonzero(sums[0]), buckets.at_walls[0]
    assert held.tolist() == [first - 1, first, buckets.cells[1 + 2**12 + int(5.0001 / buckets.width)]]
    near, far = (z / buckets.width % 1.0 - 0.5 for z in (0.3, 5.0001))
    np.testing.assert_allclose(sums[:, held[1:]].T, [[1.0, near, near**2], [1.0, far, far**2]], rtol=1e-7)
    np.testing.assert_allclose(sums[1, held[0]], near - 1e-5 / buckets.width, rtol=1e-9)


def test_any_number_of_packed_draws_is_counted() -> None:
    buckets = Buckets(np.empty(0), powers=2, packed=True)
    xi = np.full(2**18, 0.49 * buckets.width)
    for size in (1, 1000, xi.size):
        found = np.zeros(buckets.shape)
        buckets.add(found, xi[:size])
        sums = buckets.collected(found)
        np.testing.assert_array_equal(sums[0, np.flatnonzero(sums[0])], [size])
        np.testing.assert_allclose(sums[1].sum(), -0.01 * size, rtol=1e-6)


def test_powers_are_those_of_the_distance_from_the_wall_that_was_passed() -> None:
    walls = np.array([-2.0, -1.0, 0.5, 0.5 + 1e-12, 0.5003, 0.51, 40.0])  # far apart, in one cell, next to each other
    xi = [-3.5, -1.25, 0.25, 0.5 + 5e-13, 0.50025, 0.503, 0.75, 60.0]  # one draw in each bucket
    buckets, sums = _put(np.array(xi), walls, powers=4, from_walls=True)
    between = np.add.reduceat(sums, np.append(0, buckets.at_walls), axis=1)
    passed = [-2.0, -1.0, 0.0, *walls[2:]]
    wanted = [[(draw - wall) ** k for draw, wall in zip(xi, passed, strict=True)] for k in range(4)]
    np.testing.assert_allclose(between, wanted, rtol=1e-14)


SMOOTH: Final = (
    nv.NoisyUnit("tanh", kind="nani", c=0.5),
    nv.NoisyUnit("sigmoid", kind="nani", c=1.0),
    nv.NoisyUnit("tanh", kind="nah", alpha=1.0),
)


def rms_error(unit: nv.NoisyUnit, x: Array, *, samples: int, sampler: str) -> dict[str, float]:
    runs = [
        monte_carlo(unit, x, samples=samples, rng=np.random.default_rng(seed), sampler=sampler) for seed in range(20)
    ]
    exact = nv.exact(unit, x)
    return {
        name: float(np.sqrt(np.mean([(getattr(run, name) - getattr(exact, name)) ** 2 for run in runs])))
        for name in ("mean", "grad_mean")
    }


@pytest.mark.parametrize("sampler", ["stratified", "sobol"])
@pytest.mark.parametrize("unit", SMOOTH, ids=lambda unit: f"{unit.activation.name}-{unit.kind}")
def test_ten_thousand_even_draws_are_as_good_as_a_million_independent_ones(sampler: str, unit: nv.NoisyUnit) -> None:
    x = np.array([0.3, 1.4, 2.5])
    samples = 10_000 if sampler == "stratified" else 8192
    errors, exact = rms_error(unit, x, samples=samples, sampler=sampler), nv.exact(unit, x)
    for name, spread in (("mean", exact.std), ("grad_mean", exact.grad_std)):
        independent = float(np.sqrt(np.mean(np.square(spread)) / 1e6))  # the law of independent draws
        assert errors[name] <= independent, name


@pytest.mark.parametrize("unit", [nv.NoisyUnit("tanh", kind=kind, c=c) for kind in ("nan", "nani") for c in (0.5, 3.0)])
def test_pairs_never_do_worse_than_independent_draws_on_the_mean_of_odd_units(unit: nv.NoisyUnit) -> None:
    x = np.array([-2.0, -0.4, 0.0, 0.9, 3.0])
    pairs = rms_error(unit, x, samples=2000, sampler="antithetic")["mean"]
    independent = float(np.sqrt(np.mean(np.square(nv.exact(unit, x).std)) / 2016))
    assert pairs <= independent
