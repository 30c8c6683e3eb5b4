"""Schedules against values worked out by hand, at both ends and beyond them."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisyviz.annealing.schedules import SCHEDULES, schedule
from noisyviz.errors import InputError

REACHING = [name for name in SCHEDULES if name not in ("constant", "paper")]

# name, settings, steps, values worked out by hand; step 6 is beyond the end at 4, step -1 before the start
BY_HAND = [
    ("constant", {"start": 30, "end": 0.5}, [-1, 0, 2, 4, 6], [30, 30, 30, 30, 30]),
    ("linear", {"start": 30, "end": 10}, [-1, 0, 1, 2, 3, 4, 6], [30, 30, 25, 20, 15, 10, 10]),
    ("linear", {"start": 0, "end": 8}, [0, 1, 2, 3, 4], [0, 2, 4, 6, 8]),
    ("exponential", {"start": 16, "end": 1}, [-1, 0, 1, 2, 3, 4, 6], [16, 16, 8, 4, 2, 1, 1]),
    ("exponential", {"start": 1, "end": 16}, [0, 1, 2, 3, 4], [1, 2, 4, 8, 16]),
    ("cosine", {"start": 30, "end": 10}, [-1, 0, 2, 4, 6], [30, 30, 20, 10, 10]),
    ("cosine", {"start": 2, "end": 0}, [1, 3], [1 + sqrt(0.5), 1 - sqrt(0.5)]),
    ("polynomial", {"start": 16, "end": 0}, [-1, 0, 1, 2, 3, 4, 6], [16, 16, 9, 4, 1, 0, 0]),
    ("polynomial", {"start": 64, "end": 0, "power": 3}, [1, 2, 3], [27, 8, 1]),
    ("step", {"start": 8, "end": 1, "stages": 4}, [-1, 0, 0.9, 1, 2, 3, 4, 6], [8, 8, 8, 4, 2, 1, 1, 1]),
    ("step", {"start": 8, "end": 0, "stages": 4}, [0, 1, 2, 3, 4], [8, 4, 2, 0, 0]),
    ("step", {"start": 8, "end": 2, "stages": 2}, [0, 1.9, 2, 4], [8, 8, 2, 2]),
    # w = 1/(1 + 3 tau) = 1, 4/7, 2/5, 4/13, 1/4 and (w - 1/4)*4/3 = 1, 3/7, 1/5, 1/13, 0
    (
        "inverse-time",
        {"start": 91, "end": 0, "rate": 3},
        [-1, 0, 1, 2, 3, 4, 6],
        [91, 91, 39, 18.2, 7, 0, 0],
    ),
    ("paper", {"start": 30, "end": 0.5, "every": 1}, [-1, 0, 3, 4, 6], [30, 30, 15, 30 / sqrt(5), 30 / sqrt(5)]),
    ("paper", {"start": 30, "end": 20, "every": 2}, [0, 1, 2, 3, 4, 9], [30, 30, 30 / sqrt(2), 30 / sqrt(2), 20, 20]),
]


@pytest.mark.parametrize(("name", "settings", "steps", "values"), BY_HAND)
def test_values_by_hand(name: str, settings: dict[str, Any], steps: list[float], values: list[float]) -> None:
    function = schedule(name, steps=4, **settings)
    np.testing.assert_allclose(function(steps), values, rtol=1e-14, atol=1e-300)


def test_the_paper_schedule_as_published() -> None:
    c = schedule("paper", start=30, end=0.5, steps=800_000, every=200)
    assert np.round(c([200, 2_000, 20_000]), 2).tolist() == [21.21, 9.05, 2.99]
    assert f"{c(200):.3g}" == "21.2"
    assert round(c(100_000), 2) == 1.34
    steps = np.arange(719_500, 720_200)
    assert steps[c(steps) <= 0.5][0] == 719_800


@pytest.mark.parametrize("name", SCHEDULES)
def test_scalar_and_array_agree_and_keep_their_shape(name: str) -> None:
    function = schedule(name, start=30, end=0.5, steps=10)
    steps = np.arange(12).reshape(3, 4)
    values = function(steps)
    assert values.shape == steps.shape
    assert values.dtype == np.float64
    np.testing.assert_allclose([function(int(t)) for t in steps.flat], values.ravel(), rtol=1e-15)
    assert isinstance(function(3), float)


@pytest.mark.parametrize("name", REACHING)
@given(start=st.floats(1e-3, 1e3), end=st.floats(1e-3, 1e3), steps=st.integers(1, 10_000))
def test_both_ends_are_met_exactly_and_held(name: str, start: float, end: float, steps: int) -> None:
    function = schedule(name, start=start, end=end, steps=steps)
    assert function([-5, 0, steps, steps + 7]).tolist() == [start, start, end, end]
    inside = function(np.linspace(0, steps, 101))
    low, high = min(start, end), max(start, end)
    assert np.all((inside >= low * (1 - 1e-14)) & (inside <= high * (1 + 1e-14)))
    assert np.all(np.diff(inside) * np.sign(end - start) >= -1e-12 * high)


@pytest.mark.parametrize("name", [name for name in REACHING if name != "exponential"])
def test_an_end_of_zero_is_reached_exactly(name: str) -> None:
    function = schedule(name, start=30, end=0, steps=7)
    assert function(7) == 0.0
    assert function(1) > 0.0


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_steps_and_one_step(name: str) -> None:
    none, one = (schedule(name, start=3, end=1, steps=steps, every=1) for steps in (0, 1))
    assert none(0) == one(0) == 3.0
    last = {"constant": 3.0, "paper": 3 / sqrt(2)}.get(name, 1.0)
    assert one(1) == pytest.approx(last)
    assert none(5) == (3.0 if name in ("constant", "paper") else 1.0)


@pytest.mark.parametrize("ends", [(1e-320, 30.0), (30.0, 1e-320), (1e-200, 1e200)])
def test_extreme_ends_stay_finite(ends: tuple[float, float]) -> None:
    values = schedule("exponential", start=ends[0], end=ends[1], steps=4)(np.arange(5))
    assert np.isfinite(values).all()
    assert values[[0, -1]].tolist() == list(ends)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"name": "cosin"}, "did you mean 'cosine'"),
        ({"name": "exponential", "end": 0}, "use cosine or linear"),
        ({"name": "exponential", "start": 0}, "use cosine or linear"),
        ({"name": "step", "start": 0}, "use cosine or linear"),
        ({"name": "paper", "start": 1, "end": 2}, "at most its start 1, got 2"),
        ({"name": "linear", "start": -1}, "start must be finite and at least 0, got -1"),
        ({"name": "linear", "start": float("nan")}, "got nan"),
        ({"name": "linear", "end": float("inf")}, "end must be finite"),
        ({"name": "linear", "steps": -1}, "steps must be a whole number of at least 0, got -1"),
        ({"name": "linear", "steps": 1.5}, "got 1.5"),
        ({"name": "paper", "every": 0}, "every must be a whole number of at least 1, got 0"),
        ({"name": "polynomial", "power": 0.0}, "power must be finite and above 0"),
        ({"name": "inverse-time", "rate": -1.0}, "rate must be finite and above 0, got -1.0"),
        ({"name": "inverse-time", "rate": float("nan")}, "got nan"),
        ({"name": "step", "stages": 1}, "stages must be a whole number of at least 2, got 1"),
    ],
)
def test_what_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        schedule(**{"start": 30, "end": 0.5, "steps": 10, **settings})
