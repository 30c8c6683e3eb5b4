"""The Monte-Carlo road: estimates within 5 exact standard errors, and error bars that cover as they promise.

Seeds are fixed. Exact values come from the exact road, which tests/test_exact.py holds against 30 digits.
"""

import math
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from conftest import crossed
from reference import KINDS

import noisyviz as nv
from noisyviz.moments.quantities import z_score
from noisyviz.moments.samplers import Draws
from noisyviz.units.noise import noise as named_noise

Array = npt.NDArray[np.float64]

SAMPLERS: Final = ("iid", "antithetic", "stratified", "sobol")
NOISES: Final = ("normal", "laplace", "uniform", "student-t:5", "student-t:3")
ESTIMATES: Final = (
    "mean",
    "bias",
    "std",
    "p_outside",
    "grad_mean",
    "grad_std",
    "grad_rms",
    "grad_cov",
    "p_zero",
    "p_wrong",
    "grad_p_mean",
    "grad_p_std",
)
MEANS: Final = {"mean": "std", "bias": "std", "grad_mean": "grad_std", "grad_p_mean": "grad_p_std"}
SHARES: Final = ("p_outside", "p_zero", "p_wrong")
X: Final = np.array([-3.2, -1.0, -0.3, 0.0, 1.4, 2.5])


def estimate(unit: nv.NoisyUnit, x: npt.ArrayLike, samples: int, sampler: str, seed: int) -> nv.MonteCarloMoments:
    return nv.monte_carlo(unit, x, samples=samples, rng=np.random.default_rng(seed), sampler=sampler)


def jumps(unit: nv.NoisyUnit) -> dict[str, float]:
    """Return the range of one draw of φ and of ∂φ/∂x where noise enters a bounded h; 0 where draws have tails."""
    h = unit.activation
    if unit.kind not in ("nani", "nanis"):
        return {"mean": 0.0, "bias": 0.0, "grad_mean": 0.0, "grad_p_mean": 0.0}
    height = h.right - h.left if math.isfinite(h.right - h.left) else 0.0
    return {"mean": height, "bias": height, "grad_mean": 2 * h.max_slope, "grad_p_mean": 0.0}


@pytest.mark.parametrize(("kind", "sampler", "noise"), crossed(KINDS, SAMPLERS, NOISES))
def test_estimates_are_within_five_exact_standard_errors(kind: str, sampler: str, noise: str) -> None:
    turn = KINDS.index(kind) + 7 * SAMPLERS.index(sampler) + 28 * NOISES.index(noise)
    names = sorted(nv.ACTIVATIONS)
    for fn in (("hard-tanh", "sigmoid")[turn % 2], names[turn % len(names)]):
        unit = nv.NoisyUnit(fn, kind=kind, alpha=(0.9, 1.0, 1.15)[turn % 3], c=1.5, p=-1.2, noise=noise)
        got, exact = estimate(unit, X, 4000, sampler, 100 + turn), nv.exact(unit, X)
        # pairs ±ξ double the variance of what is even in ξ, and never more
        n = got.samples / (2 if sampler == "antithetic" else 1)
        for name, spread in MEANS.items():
            allowed = 5 * getattr(exact, spread) / math.sqrt(n) + 5 * jumps(unit)[name] / n
            error = np.abs(getattr(got, name) - getattr(exact, name))
            assert np.all(error <= allowed + 1e-13), (fn, name, error / np.maximum(allowed, 1e-300))
        for name in SHARES:
            share = getattr(exact, name)
            allowed = 5 * np.sqrt(np.clip(share * (1 - share), 0, None) / n) + 5 / n
            allowed = np.where((share == 0) | (share == 1), 0.0, allowed)
            error = np.abs(getattr(got, name) - share)
            assert np.all((error <= allowed + 1e-13) | np.isnan(share)), (fn, name)
            assert np.array_equal(np.isnan(getattr(got, name)), np.isnan(share))
        np.testing.assert_allclose(got.grad_leak, exact.grad_leak, rtol=1e-14, atol=1e-16)
        _check_spreads(got, exact, noise)


def _check_spreads(got: nv.MonteCarloMoments, exact: nv.Moments, noise: str) -> None:
    if noise.startswith("student-t"):  # no eighth moment: the reported error bars of spreads have no law of their own
        return
    for name in ("std", "grad_std", "grad_rms", "grad_p_std"):
        truth = getattr(exact, name)
        common = truth >= max(0.1 * truth.max(), 0.02)  # elsewhere the spread hangs on a few rare draws
        error = np.abs(getattr(got, name) - truth)
        allowed = 6 * getattr(got, f"{name}_se") + 0.02 * truth + 1e-13
        assert np.all((error <= allowed)[common]), (name, error, allowed)


COVERED: Final = {
    "nah": nv.NoisyUnit("tanh", kind="nah", alpha=1.0, c=4.0),
    "nani": nv.NoisyUnit("hard-tanh", kind="nani", c=0.9),
    "nanil": nv.NoisyUnit("sigmoid", kind="nanil", c=20.0, p=2.0),
}
POINTS: Final = np.array([0.6, 1.7, 2.4])
SEEDS: Final = 200


@cache
def repeat(kind: str, sampler: str, samples: int) -> list[nv.MonteCarloMoments]:
    return [estimate(COVERED[kind], POINTS, samples, sampler, seed) for seed in range(SEEDS)]


# each sampler and each kind: error bars come from the sums of the replicates, whatever made the sums
@pytest.mark.parametrize(
    ("sampler", "kind"),
    [
        ("iid", "nani"),
        pytest.param("iid", "nah", marks=pytest.mark.sweep),
        ("antithetic", "nah"),
        pytest.param("antithetic", "nanil", marks=pytest.mark.sweep),
        ("stratified", "nanil"),
        ("sobol", "nani"),
    ],
)
def test_error_bars_cover_and_have_the_right_size(sampler: str, kind: str) -> None:
    """95 % intervals over many seeds: Student's quantile with 15 degrees for the 16 replicates.

    Coverage of 200 seeds has a standard deviation of 1.5 %, the ratio of the spreads one of 5 %.
    """
    unit, samples = COVERED[kind], 1600
    exact, runs = nv.exact(unit, POINTS), repeat(kind, sampler, samples)
    quantile = 1.960 if sampler == "iid" else 2.131
    checked = 0
    for name in ESTIMATES:
        truth = getattr(exact, name)
        values = np.array([getattr(run, name) for run in runs])
        errors = np.array([getattr(run, f"{name}_se") for run in runs])
        for i in range(POINTS.size):
            spread = values[:, i].std()
            rare = name in SHARES and min(truth[i], 1 - truth[i]) * samples < 60
            counted = name in SHARES or (kind == "nani" and name.startswith("grad"))
            lattice = counted and sampler in ("stratified", "sobol")  # counts that hardly vary: not normal
            if not spread > 1e-12 or rare or lattice:
                continue
            cover = np.mean(np.abs(values[:, i] - truth[i]) <= quantile * errors[:, i])
            ratio = math.sqrt(np.mean(errors[:, i] ** 2)) / spread
            assert 0.88 <= cover <= 0.99, (name, i, cover, ratio)
            assert 0.8 <= ratio <= 1.25, (name, i, cover, ratio)
            checked += 1
    assert checked >= 8


@pytest.mark.parametrize("sampler", ["stratified", "sobol"])
def test_error_bars_of_shares_are_never_too_small(sampler: str) -> None:
    """Counts of even draws hardly vary: a standard error is at least a part of one draw in each replicate."""
    unit, each = COVERED["nani"], 100 if sampler == "stratified" else 128
    exact, runs = nv.exact(unit, POINTS), repeat("nani", sampler, 1600)
    values = np.array([run.p_zero for run in runs])
    errors = np.array([run.p_zero_se for run in runs])
    assert np.all(np.abs(values - exact.p_zero).max(axis=0) <= 2 / each)
    assert np.all(np.mean(np.abs(values - exact.p_zero) <= 2.131 * errors, axis=0) >= 0.92)
    spread, size = values.std(axis=0), np.sqrt(np.mean(errors**2, axis=0))
    assert np.all(size >= 0.8 * spread)
    assert np.all((size <= 1.25 * spread) | (size <= 0.15 / each))


def test_a_share_that_all_replicates_count_alike_is_not_exact() -> None:
    """P(wrong sign) = 0.3592966 lies between 46/128 and 47/128: most seeds count 46 in each of 16 replicates."""
    unit = nv.NoisyUnit("tanh", kind="nah", alpha=1.15, c=2.0, p=1.3)
    v = 1.3 * (math.tanh(-2.3) + 2.3)
    g = 1.0 / (1.0 + math.exp(-v))
    slope = 4.0 * (g - 0.5) * g * (1.0 - g) * 1.3 * -(math.tanh(-2.3) ** 2)  # σ′; d = +1 · −1 · −1 = −1 at x < 0, α > 1
    drift = 1.15 / math.cosh(2.3) ** 2 - 0.15
    true = math.erf(-drift / abs(slope) / math.sqrt(2.0)) if drift < 0 else math.erfc(drift / abs(slope) / math.sqrt(2))
    known = float(nv.exact(unit, -2.3).p_wrong)
    assert known == pytest.approx(0.3592966, abs=1e-7)
    assert true == pytest.approx(known, abs=1e-12)
    seen = 0
    for seed in range(40):
        found = estimate(unit, -2.3, 2048, "sobol", seed)
        seen += float(found.p_wrong) == 46 / 128
        assert abs(float(found.p_wrong) - true) < 2.2 * float(found.p_wrong_se)
    assert seen > 20


def test_intervals_cover_by_students_t_and_hold_rare_shares() -> None:
    unit, runs = COVERED["nani"], 300
    for sampler, quantile in (("iid", 1.9614), ("stratified", 2.1314)):
        found = estimate(unit, POINTS, 1600, sampler, 0)
        low, high = found.interval("mean")
        np.testing.assert_allclose(high - low, 2.0 * quantile * found.mean_se, rtol=2e-4)
        assert found.degrees_of_freedom == (1599 if sampler == "iid" else 15)
        with pytest.raises(nv.InputError, match="level must be above 0"):
            found.interval("mean", 1.0)
        with pytest.raises(nv.InputError, match="name must be one of"):
            found.interval("grad_leak")
    rare = nv.NoisyUnit("hard-tanh", kind="nani", c=1.0)
    share = 0.5 * math.erfc(3.0 / math.sqrt(2.0)) - 0.5 * math.erfc(5.0 / math.sqrt(2.0))  # P(ξ < −3) at x = 4: 1.3e-3
    inside = []
    for seed in range(runs):
        low, high = estimate(rare, 4.0, 800, "iid", seed).interval("p_zero")
        inside.append(low <= 1.0 - share <= high)
    assert np.mean(inside) >= 0.92
    assert all(np.isnan(estimate(nv.NoisyUnit("tanh"), X, 1, "iid", 3).interval("mean")[0]))


def test_hits_count_the_draws_behind_a_rare_event() -> None:
    """On hard-tanh at x = 4, ∂φ/∂x is 1 where −5 < ξ < −3 and else 0: k such draws among n have (Σd²)²/Σd⁴ ≈ k."""
    unit = nv.NoisyUnit("hard-tanh", kind="nani", c=1.0)
    found = estimate(unit, 4.0, 10_000, "iid", 2)
    reached = round(float(found.grad_mean) * 10_000)
    assert 3 <= reached <= 30
    assert float(found.grad_mean_hits) == pytest.approx(reached, rel=0.02)
    assert float(found.mean_hits) <= reached * 1.01
    plain = estimate(nv.NoisyUnit("identity", kind="nani", c=1.0), 0.0, 90_000, "iid", 0)
    assert float(plain.mean_hits) == pytest.approx(30_000, rel=0.05)  # E ξ⁴ = 3


@pytest.mark.parametrize(("sampler", "low", "high"), [("iid", -0.6, -0.4), ("stratified", -1.7, -1.2)])
def test_errors_fall_with_the_number_of_samples_as_they_should(sampler: str, low: float, high: float) -> None:
    """Slope −1/2 for independent draws; n^(−3/2) for one draw per stratum of a smooth function."""
    unit, sizes = nv.NoisyUnit("tanh", kind="nani", c=0.5), [256, 1024, 4096, 16384]
    exact = float(nv.exact(unit, 0.7).mean)
    errors, reported = [], []
    for samples in sizes:
        runs = [estimate(unit, 0.7, samples, sampler, seed) for seed in range(60)]
        errors.append(math.sqrt(np.mean([(float(run.mean) - exact) ** 2 for run in runs])))
        reported.append(math.sqrt(np.mean([float(run.mean_se) ** 2 for run in runs])))
    for series in (errors, reported):
        slope = np.polyfit(np.log(sizes), np.log(series), 1)[0]
        assert low <= slope <= high


def test_pairs_double_the_variance_of_what_is_even_in_the_draw() -> None:
    unit = nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.0)
    plain, pairs = (np.mean([estimate(unit, 3.0, 1600, s, k).mean_se ** 2 for k in range(60)]) for s in SAMPLERS[:2])
    assert pairs / plain == pytest.approx(2.0, rel=0.3)
    odd = estimate(unit.replace(kind="nan"), 3.0, 1600, "antithetic", 1)
    assert float(odd.mean_se) == 0.0
    assert float(odd.mean) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_gives_the_same_result_whatever_the_chunk(sampler: str) -> None:
    for kind in ("nah", "nani", "nanil-softplus"):
        unit = nv.NoisyUnit("selu", kind=kind)
        first, *others = (
            nv.monte_carlo(unit, X, samples=1200, rng=np.random.default_rng(9), sampler=sampler, chunk=chunk)
            for chunk in (None, 2, 7, 64, 1024, 100_000)
        )
        again = estimate(unit, X, 1200, sampler, 9)
        different = estimate(unit, X, 1200, sampler, 10)
        assert not np.array_equal(first.std, different.std)
        for name in ESTIMATES:
            np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
            for other in others:
                for column in (name, f"{name}_se"):
                    np.testing.assert_allclose(
                        getattr(other, column), getattr(first, column), rtol=1e-9, atol=1e-14, err_msg=column
                    )


def test_samples_are_rounded_up_to_what_the_sampler_needs() -> None:
    used = {
        sampler: [estimate(nv.NoisyUnit("tanh"), 0.0, n, sampler, 0).samples for n in (1, 16, 17, 1000, 4096)]
        for sampler in SAMPLERS
    }
    assert used == {
        "iid": [1, 16, 17, 1000, 4096],
        "antithetic": [32, 32, 32, 1024, 4096],  # 16 replicates of pairs
        "stratified": [16, 16, 32, 1008, 4096],  # 16 replicates
        "sobol": [16, 16, 32, 1024, 4096],  # 16 replicates of a power of two
    }
    assert estimate(nv.NoisyUnit("tanh"), 0.0, 50, "sobol", 0).sampler == "sobol"
    assert set(nv.SAMPLERS) == set(SAMPLERS)


@pytest.mark.parametrize("samples", [0, -5, 2.5, math.nan, 2e10])
def test_an_impossible_number_of_samples_is_refused(samples: float) -> None:
    with pytest.raises(nv.InputError, match="samples must be") as caught:
        nv.monte_carlo(nv.NoisyUnit("tanh"), 0.0, samples=samples, rng=np.random.default_rng(0))  # type: ignore[arg-type] # what is tested
    assert str(samples) in str(caught.value) or f"{samples:g}" in str(caught.value)
    assert caught.value.parameter == "samples"


def test_an_unknown_sampler_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(nv.InputError, match="did you mean 'stratified'"):
        estimate(nv.NoisyUnit("tanh"), 0.0, 10, "stratfied", 0)


def test_one_draw_is_an_estimate_without_an_error_bar() -> None:
    one = estimate(nv.NoisyUnit("tanh", kind="nani"), X, 1, "iid", 3)
    assert np.all(np.isfinite(one.mean))
    np.testing.assert_array_equal(one.std, 0.0)
    assert np.all(np.isnan(one.mean_se))
    xi = (math.atanh(float(one.mean[3])) - X[3]) / 0.5
    np.testing.assert_allclose(one.mean, np.tanh(X + 0.5 * xi), rtol=1e-12)


@pytest.mark.parametrize("samples", [2, 5])
def test_the_error_bar_of_few_draws_counts_one_degree_of_freedom_less(samples: int) -> None:
    """s/√n with s² = Σ(φ − mean)²/(n − 1): of the population's spread it is the part 1/√(n − 1)."""
    found = estimate(nv.NoisyUnit("identity", kind="nani", c=1.0), [0.0], samples, "iid", 0)
    assert np.isnan(found.std_se[0]) == (samples == 2)  # two draws are equally far from their mean
    assert found.mean_se[0] == pytest.approx(found.std[0] / math.sqrt(samples - 1), rel=1e-12)


@pytest.mark.parametrize("sampler", SAMPLERS[1:])
def test_the_error_bar_of_replicates_is_that_of_their_means(sampler: str) -> None:
    draws = Draws(named_noise("normal"), samples=640, sampler=sampler, rng=np.random.default_rng(0))
    parts: list[list[float]] = [[] for _ in range(16)]
    for block in draws.blocks():
        for xi in draws.read(block, 4096):
            parts[block.replicate] += np.maximum(xi, 0.0).tolist()
    means = [math.fsum(part) / len(part) for part in parts]
    centre = math.fsum(means) / 16
    error = math.sqrt(math.fsum((mean - centre) ** 2 for mean in means) / 15 / 16)
    found = estimate(nv.NoisyUnit("relu", kind="nani", c=1.0), [0.0], 640, sampler, 0)
    assert found.mean[0] == pytest.approx(centre, rel=1e-12)
    assert found.mean_se[0] == pytest.approx(error, rel=1e-9)


def test_without_noise_estimates_are_exact_and_errors_are_zero() -> None:
    for sampler in SAMPLERS:
        for unit in (
            nv.NoisyUnit("sigmoid", kind="none"),
            nv.NoisyUnit("hard-tanh", kind="nani", c=0.0),
            nv.NoisyUnit("tanh", kind="nanil", p=0.0),
        ):
            got, exact = estimate(unit, X, 500, sampler, 4), nv.exact(unit, X)
            for name in ESTIMATES:
                np.testing.assert_allclose(getattr(got, name), getattr(exact, name), rtol=1e-13, atol=1e-15)
                np.testing.assert_array_equal(getattr(got, f"{name}_se"), 0.0)


def test_z_scores_are_null_where_nothing_varies() -> None:
    estimates, errors = np.array([1.0, 2.0, 5.0, 1.5]), np.array([0.0, 0.5, math.nan, 0.0])
    z = z_score(estimates, errors, np.array([1.0, 1.0, 5.0, 1.0]))
    assert np.isnan(z[[0, 2, 3]]).all()
    assert z[1] == 2.0


def test_error_bars_of_spreads_need_a_fourth_moment() -> None:
    spreads = ("std", "grad_std", "grad_rms", "grad_p_std")
    for noise, known in (("student-t:3", False), ("student-t:4", False), ("student-t:5", True), ("normal", True)):
        for sampler in ("iid", "stratified"):
            got = estimate(nv.NoisyUnit("tanh", kind="nah", noise=noise), X[:2], 200, sampler, 0)
            for name in spreads:
                assert np.isfinite(getattr(got, f"{name}_se")).all() == known
            assert np.isfinite(got.mean_se).all()


def test_nan_and_infinities_are_answered() -> None:
    x = np.array([math.nan, -math.inf, math.inf, -1e300, 1e300, 1.0])
    for kind in KINDS:
        for fn in ("tanh", "relu", "hard-sigmoid", "softplus"):
            unit = nv.NoisyUnit(fn, kind=kind, alpha=1.0)
            got, exact = estimate(unit, x, 2000, "stratified", 0), nv.exact(unit, x)
            for name in ESTIMATES:
                value, want = getattr(got, name), getattr(exact, name)
                assert np.isnan(value[0])
                assert np.array_equal(np.isnan(value), np.isnan(want)), (kind, fn, name, value, want)
            np.testing.assert_allclose(got.mean[1:], exact.mean[1:], rtol=0.1, atol=0.1)


def test_arrays_of_parameters_and_any_shape_of_x() -> None:
    c = np.array([0.0, 0.5, 2.0])
    unit = nv.NoisyUnit("tanh", kind="nani", c=c)
    got = estimate(unit, np.array([[0.5], [1.5]]), 1000, "iid", 6)
    assert got.mean.shape == got.p_zero_se.shape == (2, 3)
    for j in range(3):
        alone = estimate(unit.replace(c=float(c[j])), 1.5, 1000, "iid", 6)
        assert float(got.mean[1, j]) == pytest.approx(float(alone.mean), rel=1e-12)
    assert estimate(nv.NoisyUnit("tanh"), np.zeros((0,)), 10, "iid", 0).mean.shape == (0,)


def test_shares_of_zero_and_wrong_gradients_count_draws() -> None:
    """At x = 0 of a hard-tanh, h′(cξ) = 0 where |ξ| ≥ 1/c; outside [L, R] is nothing that h can reach."""
    got = estimate(nv.NoisyUnit("hard-tanh", kind="nani", c=1.0), 0.0, 16_000, "stratified", 0)
    assert float(got.p_zero) == pytest.approx(math.erfc(1 / math.sqrt(2)), abs=2e-3)
    assert float(got.p_wrong) == float(got.p_outside) == 0.0
    # tanh + σξ with α = 1 at x = 40: half of the draws leave [−1, 1], half of the gradients point the wrong way
    out = estimate(nv.NoisyUnit("hard-tanh", kind="nan", alpha=1.0), 3.0, 16_000, "stratified", 0)
    assert float(out.p_outside) == pytest.approx(0.5, abs=1e-3)
    assert float(out.p_wrong) == pytest.approx(0.5, abs=1e-3)
    soft = estimate(nv.NoisyUnit("tanh", kind="nani"), [-1000.0, 1000.0], 100, "iid", 0)
    assert soft.p_zero.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("kind", "method", "sampler", "jobs"),
    [("nan", "auto", "iid", 1), ("nani", "plain", "iid", 2), ("nani", "auto", "sobol", 1)],
)
def test_progress_rises_to_the_whole(kind: str, method: str, sampler: str, jobs: int) -> None:
    told: list[float] = []
    unit, x = nv.NoisyUnit("hard-tanh", kind=kind), np.append(np.linspace(-2.0, 2.0, 39), np.inf)
    words = {"samples": 300_000, "method": method, "sampler": sampler, "jobs": jobs}
    nv.monte_carlo(unit, x, rng=0, progress=told.append, **words)  # type: ignore[arg-type]
    assert told == sorted(set(told))
    assert len(told) > 2
    assert told[0] < 0.7
    assert told[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fn", "kind"), [("tanh", "nah"), ("hard-tanh", "nanil"), ("sigmoid", "nani"), ("elu", "nani")]
)
def test_the_covariance_and_its_error_are_those_of_the_draws(fn: str, kind: str) -> None:
    unit, x, samples = nv.NoisyUnit(fn, kind=kind, alpha=1.1, c=2.0, p=1.3), np.array([-1.7, 0.4, 2.2]), 3000
    found = estimate(unit, x, samples, "iid", 5)
    draws = Draws(unit.noise, samples=samples, sampler="iid", rng=np.random.default_rng(5))
    xi = np.concatenate([part for block in draws.blocks() for part in draws.read(block, 512)])[:, None]
    phi, slope = unit(x, xi), unit.grad_x(x, xi)
    product = (phi - phi.mean(axis=0)) * (slope - slope.mean(axis=0))
    np.testing.assert_allclose(found.grad_cov, product.mean(axis=0), rtol=1e-8, atol=1e-12)
    error = product.std(axis=0) / math.sqrt(samples - 1)
    np.testing.assert_allclose(found.grad_cov_se, error, rtol=1e-6, atol=1e-12)
