"""What annealing is said to do, against a plain simulation that shares no code with the engine."""

import math
from typing import Any

import numpy as np
import pytest

import noisyviz as nv


def plain(alpha: float, levels: Any, trajectories: int, seed: int) -> tuple[float, float]:
    """Return (share inside, median first step inside) of hard-tanh with nan noise, target 0.5, η = 0.1, from x = 4."""
    rng = np.random.default_rng(seed)
    x, first = np.full(trajectories, 4.0), np.full(trajectories, math.inf)
    for step, c in enumerate(levels, start=1):
        xi, g = rng.standard_normal(trajectories), 1 / (1 + np.exp(-(np.clip(x, -1, 1) - x)))
        saturated = np.abs(x) >= 1
        d = -np.where(x >= 0, 1, -1) * (1 if alpha <= 1 else -1)
        phi = alpha * np.clip(x, -1, 1) + (1 - alpha) * x + d * c * (g - 0.5) ** 2 * xi
        sigma_slope = np.where(saturated, -2 * c * (g - 0.5) * g * (1 - g), 0.0)
        x = x - 0.1 * (phi - 0.5) * (alpha * ~saturated + (1 - alpha) + d * sigma_slope * xi)
        first = np.where((np.abs(x) < 1) & np.isinf(first), step, first)
    return float(np.mean(np.abs(x) < 1)), float(np.median(first))


def run(alpha: float, start: float, end: float, trajectories: int = 500) -> Any:
    schedule = nv.schedule("exponential", start=start, end=end, steps=2000)
    unit = nv.NoisyUnit("hard-tanh", alpha=alpha)
    rng = np.random.default_rng(0)
    return nv.anneal(unit, objective="desaturate", schedule=schedule, steps=2000, trajectories=trajectories, rng=rng)


def test_default_runs_succeed_fast_with_noise_slowly_by_the_leak_and_never_without() -> None:
    result = run(0.9, 30.0, 0.5)
    share, passage = plain(0.9, 30 * (0.5 / 30) ** (np.arange(2000) / 2000), 1000, 7)
    assert share >= 0.99
    assert result.noisy.share_success >= 0.99
    assert result.noisy.median_first_passage == pytest.approx(passage, abs=2.0)
    assert result.noisy.median_first_passage <= 20
    assert plain(0.9, np.zeros(2000), 1, 0)[1] == 470
    assert (result.leak.share_success, result.leak.first_passage) == (1.0, 470)
    assert result.noiseless.share_success == 0.0


@pytest.mark.parametrize("alpha", [1.0, 1.15])
def test_without_an_inward_leak_small_noise_never_and_annealed_noise_half_the_time_succeeds(alpha: float) -> None:
    assert run(alpha, 0.5, 0.5).noisy.share_success == 0.0
    assert plain(alpha, np.full(2000, 0.5), 200, 3)[0] == 0.0
    share, _ = plain(alpha, 30 * (0.5 / 30) ** (np.arange(2000) / 2000), 1000, 7)
    assert run(alpha, 30.0, 0.5).noisy.share_success == pytest.approx(share, abs=5 * math.sqrt(0.5 / 1000))


def test_annealed_noise_finds_the_funnel_where_constant_noise_and_none_do_not() -> None:
    schedule = nv.schedule("exponential", start=30.0, end=0.5, steps=2000)
    rng = np.random.default_rng(0)
    result = nv.anneal(None, objective="funnel", schedule=schedule, steps=2000, trajectories=1000, rng=rng)
    assert result.noisy.share_success_ci[0] > result.constant.share_success_ci[1] + 0.5
    assert result.noiseless.share_success == 0.0
