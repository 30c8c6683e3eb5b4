"""Numbers in the docs that no other test of a page reads: each against a simulation or an integral of its own."""

import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import quad

import noisyviz as nv

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return " ".join((DOCS / name).read_text(encoding="utf-8").split())


def number(pattern: str, name: str) -> float:
    found = re.search(pattern, page(name))
    assert found is not None, pattern
    return float(found.group(1))


def test_the_forces_at_the_start_of_annealing() -> None:
    """At x = 4, α = 0.9, c = 30 on hard-tanh: σ = c(g − ½)² with g = 1/(1 + e³), the leak 0.1·(0.1·3 + 1 − 0.5)."""
    g = 1.0 / (1.0 + math.exp(3.0))
    kick = 30.0 * (g - 0.5) ** 2 * -2.0 * 30.0 * (g - 0.5) * g * (1.0 - g)
    assert number(r"pull σσ′ one of ([0-9.]+):", "annealing.md") == pytest.approx(kick, abs=0.05)
    leak = 0.1 * (0.1 * 3.0 + 0.5)
    assert number(r"contributes a force of ([0-9.]+) and", "annealing.md") == pytest.approx(leak, abs=0.005)


def test_the_share_of_runs_that_cross_within_ten_steps() -> None:
    """hard-tanh, nan, α = 1, target 0.5, η = 0.1, c from 30 to 0.5 in 2,000 steps, x₀ = 4, in plain NumPy."""
    rng, x = np.random.default_rng(5), np.full(100_000, 4.0)
    crossed = np.zeros(x.size, dtype=bool)
    for step in range(10):
        c, xi = 30.0 * (0.5 / 30.0) ** (step / 2000), rng.standard_normal(x.size)
        h, side, saturated = np.clip(x, -1.0, 1.0), np.where(x >= 0, -1.0, 1.0), np.abs(x) >= 1.0
        g = 1.0 / (1.0 + np.exp(x - h))
        phi = h + side * c * (g - 0.5) ** 2 * xi
        slope = np.where(saturated, side * -2.0 * c * (g - 0.5) * g * (1.0 - g) * xi, 1.0)
        x = x - 0.1 * (phi - 0.5) * slope
        crossed |= np.abs(x) < 1.0
    stated = number(r"cross early: ([0-9]+) % of all runs within the first ten steps", "annealing.md")
    assert stated == pytest.approx(100.0 * crossed.mean(), abs=1.0)


def test_the_share_of_funnel_runs_at_a_quarter() -> None:
    """x ← x − η·f′(x + cξ) with f = x²/200 + 1.5(1 − cos(πx/5)), from 75; 4,000 runs."""
    rng, x = np.random.default_rng(3), np.full(4000, 75.0)
    for step in range(2000):
        z = x + 30.0 * (0.5 / 30.0) ** (step / 2000) * rng.standard_normal(x.size)
        x = x - 0.25 * (z / 100.0 + 0.3 * np.pi * np.sin(np.pi * z / 5.0))
    plain = float(np.mean(np.abs(x) < 5.086))
    stated = number(r"and ([0-9.]+) of them arrive", "annealing.md")
    assert stated == pytest.approx(plain, abs=4.0 * math.sqrt(0.5 / 4000))
    low, high = (
        number(rf"arrive {pattern}", "annealing.md") for pattern in (r"\(([0-9.]+) to", r"\([0-9.]+ to ([0-9.]+)\)")
    )
    assert low < stated < high
    assert high - low == pytest.approx(2.0 * 1.96 * math.sqrt(stated * (1.0 - stated) / 4000), rel=0.02)


def independent(x: float, c: float) -> tuple[float, float]:
    """Standard errors of mean and standard deviation of tanh(x + cξ) from 10⁶ independent draws, by integrals."""

    def moment(power: int, centre: float) -> float:
        def integrand(t: float) -> float:
            return float((math.tanh(x + c * t) - centre) ** power * math.exp(-0.5 * t * t) / math.sqrt(2.0 * math.pi))

        return float(sum(quad(integrand, a, b, epsabs=1e-16)[0] for a, b in pairwise((-12.0, -4.0, 0.0, 4.0, 12.0))))

    mean = moment(1, 0.0)
    variance, fourth = moment(2, mean), moment(4, mean)
    return math.sqrt(variance / 1e6), math.sqrt((fourth - variance**2) / (4.0 * variance * 1e6))


def test_what_ten_thousand_stratified_draws_are_worth() -> None:
    x, seeds = np.array([0.3, 1.5, 2.0, 3.0]), 150
    unit = nv.NoisyUnit("tanh", kind="nani", c=0.5)
    runs = [nv.monte_carlo(unit, x, samples=10_000, rng=seed, sampler="stratified") for seed in range(seeds)]

    def ratio(name: str, column: int) -> npt.NDArray[np.float64]:
        values = np.array([getattr(run, name) for run in runs])
        errors = np.sqrt(np.mean((values - truth[name]) ** 2, axis=0))
        return np.asarray(errors / np.array([independent(at, 0.5)[column] for at in x]))

    exact = nv.exact(unit, x)
    truth = {"mean": exact.mean, "std": exact.std}
    mean, std = ratio("mean", 0), ratio("std", 1)
    near = 0.3  # the errors have heavy tails: 150 seeds know them to 10 or 15 %
    assert number(r"error of the \*mean\* is ([0-9.]+) to", "theory.md") == pytest.approx(mean[0], rel=near)
    assert number(r"error of the \*mean\* is [0-9.]+ to ([0-9.]+) of", "theory.md") == pytest.approx(mean[1], rel=near)
    assert number(r"draws, ([0-9.]+) of it at \|x\| = 2", "theory.md") == pytest.approx(mean[2], rel=near)
    assert number(r"and ([0-9.]+) times as large at 3", "theory.md") == pytest.approx(mean[3], rel=near)
    assert number(r"outermost strata: ([0-9.]+) of it at 0.3", "theory.md") == pytest.approx(std[0], rel=near)
    assert number(r"at 0.3, ([0-9.]+) times as large at 2", "theory.md") == pytest.approx(std[2], rel=near)
    assert number(r"as large at 2 and ([0-9.]+) times at 3", "theory.md") == pytest.approx(std[3], rel=near)
