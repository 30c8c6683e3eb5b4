"""Annealed descent against simulations of a few lines that share no code with the engine."""

import re
import tracemalloc
from functools import cache
from math import inf
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from noisyviz.annealing.anneal import anneal
from noisyviz.annealing.descent import ClippedLine, descent
from noisyviz.annealing.drift import expected_drift, landscape_drift
from noisyviz.annealing.explanation import verdict
from noisyviz.annealing.objectives import LANDSCAPES
from noisyviz.annealing.results import Annealing, wilson
from noisyviz.annealing.schedules import Schedule, schedule
from noisyviz.errors import InputError
from noisyviz.units.activations import ACTIVATIONS
from noisyviz.units.kinds import KINDS
from noisyviz.units.noise import noise
from noisyviz.units.unit import NoisyUnit


def fall(steps: int = 2000, start: float = 30.0, end: float = 0.5, name: str = "exponential") -> Schedule:
    return schedule(name, start=start, end=end, steps=steps)


def run(unit: NoisyUnit | None = None, *, seed: int = 0, steps: int = 2000, **options: Any) -> Annealing:
    options.setdefault("schedule", fall(steps))
    return anneal(unit, steps=steps, rng=np.random.default_rng(seed), **options)


@cache
def by_default(alpha: float) -> Annealing:
    """The run with the defaults; nobody changes it."""
    return run(NoisyUnit("hard-tanh", alpha=alpha))


def simulate(
    alpha: float, start: float, end: float, xi: np.ndarray, *, half: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Hard-tanh under Eq 12, straight from the paper: x_T and the first step inside."""
    steps, x = len(xi), np.full(xi.shape[1], 4.0)
    first = np.full(x.size, np.inf)
    for t in range(steps):
        h, inside = np.clip(x, -1, 1), np.abs(x) < 1
        g = 1 / (1 + np.exp(x - h))
        c = start * (end / start) ** (t / steps)
        inward = -np.where(x < 0, -1, 1) * (1 if alpha <= 1 else -1)
        noise_now = inward * (np.abs(xi[t]) if half else xi[t])
        phi = alpha * h + (1 - alpha) * x + c * (g - 0.5) ** 2 * noise_now
        slope = alpha * inside + 1 - alpha + 2 * c * (g - 0.5) * g * (1 - g) * (inside - 1.0) * noise_now
        x = x - 0.1 * (phi - 0.5) * slope
        first[(np.abs(x) < 1) & np.isinf(first)] = t + 1
    return x, first


# share of success and median first passage with c falling, and with c = 0.5 throughout
CASES = {0.9: ((0.99, 1.0), 20.0, (1.0, 1.0)), 1.0: ((0.4, 0.6), inf, (0.0, 0.0)), 1.15: ((0.4, 0.6), inf, (0.0, 0.0))}


@pytest.mark.parametrize("alpha", CASES)
def test_the_defaults_trajectory_by_trajectory(alpha: float) -> None:
    found = by_default(alpha)
    xi = np.random.default_rng(0).standard_normal((2000, 256))
    for start, swarm in ((30.0, found.noisy), (0.5, found.constant)):
        x, first = simulate(alpha, start, 0.5, xi)
        np.testing.assert_allclose(swarm.x_final, x, rtol=1e-7, atol=1e-9)
        assert swarm.first_passage.tolist() == first.tolist()
        assert swarm.share_success == np.mean(np.abs(x) < 1)
        assert swarm.loss_mean_final == pytest.approx(np.mean(0.5 * (np.clip(x, -1, 1) - 0.5) ** 2), abs=1e-9)
    (low, high), passage, constant = CASES[alpha]
    assert low <= found.noisy.share_success <= high
    assert found.noisy.median_first_passage <= passage
    assert constant[0] <= found.constant.share_success <= constant[1]


def test_the_runs_without_random_numbers() -> None:
    found = by_default(0.9)
    x, steps = 4.0, 0
    while x >= 1:
        x, steps = x - 0.1 * (0.9 + 0.1 * x - 0.5) * 0.1, steps + 1
    assert steps == 470
    assert found.leak is not None
    assert (found.leak.first_passage, found.leak.share_success) == (470.0, 1.0)
    assert found.leak.x[470] == pytest.approx(x, abs=1e-12)
    assert (found.noiseless.first_passage, found.noiseless.share_success) == (inf, 0.0)
    assert set(found.noiseless.x) == {4.0}
    assert found.noiseless.loss_final == 0.125


def test_half_normal_noise_trajectory_by_trajectory() -> None:
    found = run(NoisyUnit("hard-tanh", kind="nah"), steps=30, schedule=fall(30))
    x, _ = simulate(0.9, 30.0, 0.5, np.random.default_rng(0).standard_normal((30, 256)), half=True)
    np.testing.assert_allclose(found.noisy.x_final, x, rtol=1e-9)


@pytest.mark.parametrize("scale", ["eq9", "figure"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fn", ["hard-tanh", "hard-sigmoid", "relu", "relu6", "tanh", "elu", "softsign"])
def test_every_rule_is_the_unit_s_own_gradient(fn: str, kind: str, scale: str) -> None:
    for alpha, p in ((0.9, 1.0), (1.15, -0.7)):
        unit = NoisyUnit(fn, kind=kind, alpha=alpha, p=p, c=1.7, scale=scale)
        low, high = unit.activation.thresholds
        x = np.concatenate([np.linspace(-7.0, 9.0, 41), [0.0, -0.0], [z for z in (low, high) if np.isfinite(z)]])
        xi = np.linspace(-2.3, 2.5, x.size)
        moved = x.copy()
        rule = descent(unit.replace(c=0.0), lr=0.3, target=0.2, size=x.size)
        inside = (x > low) & (x < high)
        with np.errstate(all="ignore"):
            parts = np.full((len(rule.terms), x.size - 3), np.nan)
            rule.move(moved, inside, xi, 1.7, parts)
        expected = -0.3 * (unit(x, xi) - 0.2) * unit.grad_x(x, xi)
        np.testing.assert_allclose(moved - x, expected, rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(parts.sum(axis=0), expected[:-3], rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("fn", ["hard-tanh", "hard-sigmoid", "relu"])
def test_a_trajectory_moves_to_the_bit_alike_whoever_else_is_outside(fn: str) -> None:
    unit = NoisyUnit(fn, kind="nah", alpha=0.9)
    low, high = unit.activation.thresholds
    edge = high if np.isfinite(high) else low
    x = np.concatenate([np.linspace(-5.0, 7.0, 64), [edge, np.nextafter(edge, 0.0), np.nextafter(edge, 9.0)]])
    xi = np.random.default_rng(0).normal(size=x.size)
    rule = descent(unit, lr=0.3, target=0.2, size=8 * x.size)
    alone, crowd = x.copy(), np.concatenate([x, np.full(7 * x.size, 0.5 * (edge + np.clip(-edge, low, high)))])
    crowd[-1] = edge
    for many, draws in ((alone, xi), (crowd, np.resize(xi, crowd.size))):
        rule.move(many, (many > low) & (many < high), draws, 2.0)
    assert 2 * np.count_nonzero(~((x > low) & (x < high))) > x.size or fn == "relu"
    np.testing.assert_array_equal(crowd[: x.size], alone)


def test_the_hot_loop_is_taken_where_it_should_be() -> None:
    assert isinstance(descent(NoisyUnit("hard-tanh"), lr=0.1, target=0.5, size=8), ClippedLine)
    assert not isinstance(descent(NoisyUnit("leaky-relu"), lr=0.1, target=0.5, size=8), ClippedLine)


@pytest.mark.parametrize("chunk", [1, 7, 64, 99, 100])
@pytest.mark.parametrize("law", ["normal", "student-t:4", "landscape"])
def test_the_same_seed_gives_the_same_result_whatever_the_chunk(law: str, chunk: int) -> None:
    def part(size: int, seed: int = 0) -> Annealing:
        options: dict[str, Any] = {"trajectories": 100, "keep": 3, "chunk": size, "schedule": fall(30), "steps": 30}
        if law == "landscape":
            return run(objective="plateau", noise="laplace", seed=seed, **options)
        return run(NoisyUnit("hard-tanh", noise=law), seed=seed, **options)

    whole, cut = part(1000), part(chunk)
    for name in ("quantiles", "x_final", "first_passage", "paths"):
        for one, other in ((whole.noisy, cut.noisy), (whole.constant, cut.constant)):
            assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert not np.array_equal(part(1000, seed=1).noisy.x_final, whole.noisy.x_final)


def test_quantiles_paths_and_passages_agree_with_the_whole_trajectories() -> None:
    found = run(NoisyUnit("hard-tanh", alpha=1.0), steps=60, schedule=fall(60), trajectories=50, keep=50)
    paths = found.noisy.paths
    expected = np.quantile(paths, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0).T
    np.testing.assert_allclose(found.noisy.quantiles, expected, rtol=1e-13)
    np.testing.assert_allclose(found.constant.quantiles[:, 0], np.median(found.constant.paths, axis=0), rtol=1e-13)
    assert paths[:, -1].tolist() == found.noisy.x_final.tolist()
    inside = np.abs(paths) < 1
    first = np.where(inside.any(axis=1), inside.argmax(axis=1), np.inf)
    assert found.noisy.first_passage.tolist() == first.tolist()
    assert found.noisy.median_first_passage == np.median(first)
    near = np.mean(np.abs(found.noisy.x_final) < 1.05)
    assert found.noisy.share_within_5_percent == near > found.noisy.share_success


def test_what_moves_a_trajectory_adds_up_to_its_way() -> None:
    found = run(NoisyUnit("hard-tanh", alpha=0.9), steps=200, schedule=fall(200, 0.5, 0.5), trajectories=40, keep=40)
    way = 4.0 - found.noisy.paths[:, -1]  # nobody has arrived by then
    assert found.noisy.median_first_passage == inf
    assert sum(found.noisy.inward.values()) == pytest.approx(way.mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("alpha", "said"),
    [
        (
            0.9,
            [
                "annealed runs are moved by the pull of the noise",
                "c = 0.5 throughout are moved by the leak",
                "leak needs 470 steps",
            ],
        ),
        (
            1.0,
            ["annealed runs are moved by the pull of the noise", "only 0.47", "at alpha = 1 there is no leak"],
        ),
        (
            1.15,
            [
                "annealed runs are moved by the pull of the noise",
                r"beside it the leak [0-9.]+ outward, ",
                "alone the leak drifts outward, to x = 4.33",
            ],
        ),
    ],
)
def test_the_sentence_says_from_the_numbers_what_carries_the_motion(alpha: float, said: list[str]) -> None:
    sentence = verdict(by_default(alpha))
    assert all(re.search(part, sentence) for part in said), sentence
    assert sentence.count(". ") == 0


def test_sentences_of_runs_without_motion() -> None:
    unit = NoisyUnit("hard-tanh")
    assert verdict(run(unit, steps=0)) == "No step was taken, so nothing moved."
    assert "inside the thresholds already" in verdict(run(unit, steps=3, x0=0.2))
    assert "No term moved" in verdict(run(unit.replace(kind="none"), steps=3))
    assert "left the finite numbers" in verdict(run(NoisyUnit("relu"), steps=9, lr=1e300))
    assert "slope of the noise (σ′ξ)" in verdict(run(NoisyUnit("hard-tanh", kind="nanil")))
    assert "has 1 minimum and" in verdict(run(objective="funnel", steps=5))
    assert "it has 17 minima" in verdict(run(objective="funnel", steps=5))


@pytest.mark.parametrize("name", LANDSCAPES)
def test_landscapes_annealed_noise_beats_constant_and_none(name: str) -> None:
    found = run(objective=name, trajectories=1000)
    low, high = found.noisy.share_success_ci
    assert low > found.constant.share_success_ci[1]
    assert low > 0.85
    assert high - low < 0.06
    assert found.noiseless.share_success == 0.0
    assert found.leak is None


def test_the_funnel_trajectory_by_trajectory() -> None:
    found = run(objective="funnel", trajectories=300)
    rng, x = np.random.default_rng(0), np.full(300, 75.0)
    for t in range(2000):
        z = x + 30 * (1 / 60) ** (t / 2000) * rng.standard_normal(300)
        x = x - 0.5 * (z / 100 + 0.3 * np.pi * np.sin(np.pi * z / 5))
    np.testing.assert_allclose(found.noisy.x_final, x, rtol=1e-5, atol=1e-5)
    assert found.noisy.share_success == np.mean(np.abs(x) < 5.0859)


DRIFTING = ("hard-tanh", "tanh", "relu", "elu")
LAWS = ("normal", "laplace", "uniform", "student-t:6")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fn", DRIFTING)
def test_expected_drift_agrees_with_draws(fn: str, kind: str) -> None:
    """Every activation meets every kind, and each of both every distribution."""
    law = LAWS[(DRIFTING.index(fn) + list(KINDS).index(kind)) % 4]
    unit = NoisyUnit(fn, kind=kind, alpha=0.9, c=12.0 if kind == "nanil" else 1.3, noise=law)
    x = np.array([-3.1, -0.4, 0.6, 2.2])
    xi = noise(law).draw(np.random.default_rng(3), 100_000)[:, None]
    moves = -(unit(x, xi) - 0.5) * unit.grad_x(x, xi)
    error = 5 * moves.std(axis=0) / np.sqrt(len(xi)) + 1e-12 * (1 + np.abs(moves.mean(axis=0)))
    assert np.all(np.abs(expected_drift(unit, x, target=0.5) - moves.mean(axis=0)) <= error)


def test_expected_drift_in_closed_form_for_the_plain_cases() -> None:
    unit = NoisyUnit("hard-tanh", c=0.0)
    np.testing.assert_allclose(expected_drift(unit, [4.0, 0.25, -2.0]), [-0.08, 0.25, 0.16], atol=1e-15)
    clipped = NoisyUnit("hard-tanh", kind="nani", c=2.0)
    law, x, y = stats.norm(), 1.5, 0.5
    a, b = (-1 - x) / 2, (1 - x) / 2  # x + 2ξ is linear there: E[(x + 2ξ − y); a < ξ < b]
    expected = -((x - y) * (law.cdf(b) - law.cdf(a)) + 2 * (law.pdf(a) - law.pdf(b)))
    assert expected_drift(clipped, x, target=y) == pytest.approx(expected, abs=1e-13)
    with pytest.raises(InputError, match="x must be finite"):
        expected_drift(unit, [np.nan])


def test_expected_drift_keeps_the_tails_of_heavy_noise() -> None:
    nu, x, y, c = 2.1, -1.5, 0.5, 12.0
    law = stats.t(nu, scale=np.sqrt((nu - 2) / nu))
    t = np.tanh(-x / 2)  # Δ = −x, so σ = (c/4)t² and σ′ = −(c/4)·t·(1 − t²)
    sigma, slope = c / 4 * t * t, -c / 4 * t * (1 - t * t)
    start = -x / sigma
    m0, m1 = law.sf(start), integrate.quad(lambda xi: xi * law.pdf(xi), start, np.inf, epsabs=1e-12, limit=500)[0]
    m2 = 0.5 - integrate.quad(lambda xi: xi * xi * law.pdf(xi), 0, start)[0]  # the variance is 1
    expected = -((x - y) * m0 + ((x - y) * slope + sigma) * m1 + sigma * slope * m2)
    unit = NoisyUnit("relu", kind="nanil", c=c, noise="student-t:2.1")
    assert expected_drift(unit, x, target=y) == pytest.approx(expected, abs=1e-8)


def test_landscape_drift_agrees_with_draws() -> None:
    xi = np.random.default_rng(1).standard_normal(200_000)[:, None]
    x = np.array([-30.0, 2.0, 24.0])
    for name, landscape in LANDSCAPES.items():
        slopes = landscape.slope(x + 3.0 * xi)
        error = 5 * slopes.std(axis=0) / np.sqrt(len(xi))
        drift = landscape_drift(landscape, x, c=3.0, noise=noise("normal"))
        assert np.all(np.abs(drift + slopes.mean(axis=0)) <= error + 1e-12), name


def test_no_step_one_step_and_a_rising_schedule() -> None:
    unit = NoisyUnit("hard-tanh")
    none = run(unit, steps=0, keep=2)
    assert (none.noisy.c.tolist(), none.noisy.quantiles.tolist()) == ([30.0], [[4.0] * 5])
    assert none.noisy.share_success == 0.0
    assert none.noisy.paths.tolist() == [[4.0], [4.0]]
    assert none.leak is not None
    assert none.leak.x.tolist() == [4.0]
    one = run(unit, steps=1, trajectories=4)
    xi = np.random.default_rng(0).standard_normal(4)
    np.testing.assert_allclose(one.noisy.x_final, simulate(0.9, 30.0, 0.5, xi[None])[0], rtol=1e-12)
    up = run(unit, steps=50, schedule=fall(50, 0.5, 30.0, "linear"))
    assert up.noisy.c[[0, -1]].tolist() == [0.5, 30.0]
    assert up.c_constant == 30.0
    assert run(unit, steps=5, x0=0.2).noisy.first_passage.tolist() == [0.0] * 256


@pytest.mark.parametrize("chunk", [5, 1000])
def test_trajectories_that_overflow_are_counted_and_rest_at_infinity(chunk: int) -> None:
    found = run(NoisyUnit("relu"), steps=40, schedule=fall(40), lr=1e120, trajectories=60, keep=60, chunk=chunk)
    gone = np.isinf(found.noisy.x_final)
    assert found.noisy.diverged == gone.sum() > 0
    assert not np.isnan(found.noisy.paths).any()
    assert not np.isnan(found.noisy.quantiles).any()
    for path in found.noisy.paths[gone]:
        start = int(np.argmax(np.isinf(path)))
        assert set(path[start:]) == {path[-1]}
    assert found.noisy.loss_mean_final == inf
    bounded = run(NoisyUnit("hard-tanh"), steps=40, schedule=fall(40), lr=1e200, trajectories=60)
    assert 0 < bounded.noisy.diverged <= 60
    assert np.isfinite(bounded.noisy.loss_mean_final)


@pytest.mark.parametrize("size", [1, 2, 3, 10, 11])
def test_quantiles_among_diverged_trajectories_are_never_nan(size: int) -> None:
    from noisyviz.annealing.trajectories import _Order

    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    for left in range(size + 1):
        for right in range(size + 1 - left):
            x = np.r_[np.full(right, inf), np.arange(size - left - right, dtype=float), np.full(left, -inf)]
            five, median = np.empty(5), np.empty(1)
            with np.errstate(invalid="ignore"):
                _Order(size, levels).of(x, out=five)
                _Order(size, (0.5,)).of(x, out=median)
            assert not np.isnan(five).any()
            assert median[0] == five[2]
            assert five.tolist() == sorted(five)


def test_wilson_intervals_cover_the_true_share() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.277532799862889), abs=1e-12)  # 3.8415/(10 + 3.8415)
    low, high = wilson(7, 20)
    exact = stats.binomtest(7, 20).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lr": -1.0}, "lr must be finite and at least 0, got -1.0"),
        ({"lr": float("nan")}, "lr must be finite"),
        ({"x0": inf}, "x0 must be finite, got inf"),
        ({"target": float("nan")}, "target must be finite"),
        ({"trajectories": 0}, "trajectories must be a whole number from 1 to 1,000,000, got 0"),
        ({"trajectories": 2.5}, "got 2.5"),
        ({"c_constant": -1.0}, "c_constant must be finite and at least 0"),
        ({"schedule": lambda t: 0.0 * t - 1.0}, "schedule must give one finite c of at least 0 for every step"),
        ({"schedule": lambda _: 1.0}, "for every step"),
        ({"objective": "funnel"}, "funnel is a landscape without a unit"),
        ({"objective": "funel"}, "did you mean 'funnel'"),
    ],
)
def test_what_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        run(NoisyUnit("hard-tanh"), **{"steps": 5, **options})


def test_units_that_cannot_be_annealed() -> None:
    with pytest.raises(InputError, match="gelu has none"):
        run(NoisyUnit("gelu"), steps=1)
    with pytest.raises(InputError, match="needs a unit"):
        run(None, steps=1)
    with pytest.raises(InputError, match="alpha must be one number here"):
        run(NoisyUnit("tanh", alpha=np.array([0.9, 1.0])), steps=1)
    with pytest.raises(InputError, match="without a target"):
        run(objective="plateau", target=0.1, steps=1)
    with pytest.raises(InputError, match="steps must be a whole number"):
        anneal(NoisyUnit("tanh"), schedule=fall(), steps=-1, rng=np.random.default_rng(0))


def test_memory_does_not_grow_with_steps_times_trajectories() -> None:
    tracemalloc.start()
    run(NoisyUnit("hard-tanh"), steps=400, schedule=fall(400), trajectories=10_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6  # all positions would be 32 MB
    assert ACTIVATIONS["hard-tanh"].kinks == (-1.0, 1.0)


def test_progress_is_told_about_a_hundred_times() -> None:
    told: list[int] = []
    run(NoisyUnit("hard-tanh"), steps=1000, schedule=fall(1000), trajectories=2, progress=told.append)
    assert len(told) == 100
    assert told[-1] == 1000
