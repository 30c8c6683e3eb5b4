"""Properties that hold for every activation, kind and noise, searched by hypothesis."""

import math
import warnings
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import noisyviz as nv
from noisyviz.moments.quantities import MOMENTS

FEW: Final = settings(derandomize=True, deadline=None, max_examples=15, database=None)
NAMES: Final = sorted(nv.ACTIVATIONS)
KINDS: Final = sorted(nv.KINDS)
SHRINKING: Final = ("tanh-shrink", "soft-shrink", "hard-shrink")
ODD: Final = ("tanh", "hard-tanh", "softsign", "arctan", "erf", "lecun-tanh", "identity", *SHRINKING)
POINT_SYMMETRIC: Final = ("sigmoid", "hard-sigmoid", "hard-sigmoid-6", "sparse-sigmoid")  # h(−x) = 1 − h(x)
NOT_MONOTONE: Final = ("gelu", "gelu-tanh", "silu", "mish", "hard-swish")
FAR: Final = (-math.inf, -1e300, -1e154, -1000.0, 1000.0, 1e154, 1e300, math.inf)

points = st.one_of(
    st.floats(-8, 8), st.floats(-60, 60), st.sampled_from([-6.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 6.0])
)
draws = st.floats(-6, 6)
names = st.sampled_from(NAMES)
noises = st.sampled_from(["normal", "laplace", "uniform", "student-t:3", "student-t:5"])
parameters = st.fixed_dictionaries(
    {
        "alpha": st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 3)),
        "c": st.one_of(st.sampled_from([0.0, 1e-9, 30.0, 1000.0]), st.floats(0, 5)),
        "p": st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-6, 6)),
        "scale": st.sampled_from(["eq9", "figure"]),
    }
)


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(x=points, y=points)
def test_activations(name: str, x: float, y: float) -> None:
    h = nv.activation(name)
    value, slope = float(h.h(x)), float(h.derivative(x))
    assert h.left - 1e-15 <= value <= h.right + 1e-15 or name in NOT_MONOTONE
    assert abs(slope) <= h.max_slope * (1 + 1e-15)
    assert h.jumps or abs(float(h.h(y)) - value) <= h.max_slope * abs(y - x) * (1 + 1e-12) + 1e-13
    assert float(h.delta(x)) == pytest.approx(value - float(h.linear(x)), abs=1e-14 * max(1.0, abs(x)))
    assert h.left <= float(h.hard(x)) <= h.right
    if name in ODD:
        assert float(h.h(-x)) == -value
        assert float(h.derivative(-x)) == slope
    if name in POINT_SYMMETRIC:
        assert float(h.h(-x)) == pytest.approx(1.0 - value, abs=1e-15)
    if name not in NOT_MONOTONE:
        assert slope >= 0
        assert (float(h.h(y)) - value) * (y - x) >= 0 or abs(y - x) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
@settings(FEW, max_examples=3 * len(NAMES))
@given(name=names, x=points, xi=draws, setting=parameters)
def test_units(kind: str, name: str, x: float, xi: float, setting: dict[str, Any]) -> None:
    unit = nv.NoisyUnit(name, kind=kind, **setting)
    h = unit.activation
    sigma, d = float(unit.sigma(x)), float(unit.direction(x))
    phi, still = float(unit(x, xi)), float(unit(x, 0.0))
    assert d in (-1.0, 1.0)
    if kind == "mult":
        assert sigma == setting["c"] * abs(float(h.h(x)))
    assert kind in ("nanil-softplus", "mult") or 0.0 <= sigma <= max(setting["c"], 0.25 * setting["c"])
    assert np.isfinite([phi, float(unit.grad_x(x, xi)), float(unit.grad_p(x, xi))]).all()
    if kind in ("nan", "nah", "nanil"):
        assert sigma <= 0.25 * setting["c"]
    if kind == "none" or setting["c"] == 0.0:
        assert phi == still
    if kind == "nah":
        assert phi == float(unit(x, -xi))
        assert (phi - still) * d >= 0
    if kind == "nan":
        assert phi + float(unit(x, -xi)) == pytest.approx(2 * still, rel=1e-12, abs=1e-12)
    if kind.startswith("nani") and name not in NOT_MONOTONE:
        assert h.left - 1e-15 <= phi <= h.right + 1e-15
    if name in ODD and x != 0 and kind in ("nan", "nani", "nanil", "nanis"):
        mirrored = float(unit(-x, xi if kind == "nan" else -xi))
        assert mirrored == pytest.approx(-phi, rel=1e-12, abs=1e-12)
    if name in ODD and x != 0 and kind == "nah":
        assert float(unit(-x, xi)) == pytest.approx(-phi, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@settings(FEW, max_examples=2 * len(NAMES))
@given(name=names, x=points, noise=noises, setting=parameters)
def test_exact_moments(kind: str, name: str, x: float, noise: str, setting: dict[str, Any]) -> None:
    unit = nv.NoisyUnit(name, kind=kind, noise=noise, **setting)
    m = nv.exact(unit, x)
    h = unit.activation
    value = {column: float(getattr(m, column)) for column in MOMENTS}
    assert all(value[column] >= 0 for column in ("std", "grad_std", "grad_rms", "grad_p_std"))
    for share in ("p_zero", "p_wrong", "p_outside"):
        assert math.isnan(value[share]) or -1e-15 <= value[share] <= 1 + 1e-15
    assert math.isnan(value["p_outside"]) == math.isinf(h.right - h.left)
    assert math.isnan(value["p_wrong"]) == (h.slope == 0)
    assert h.slope == 0 or value["p_zero"] + value["p_wrong"] <= 1 + 1e-14
    assert value["grad_rms"] ** 2 == pytest.approx(value["grad_mean"] ** 2 + value["grad_std"] ** 2, rel=1e-12)
    assert value["mean"] - float(h.h(x)) == pytest.approx(value["bias"], abs=1e-13 * max(1.0, abs(value["mean"])))
    assert value["grad_leak"] == pytest.approx(float(unit.grad_x(x, 0.0)), rel=1e-13, abs=1e-300)
    assert abs(value["grad_cov"]) <= value["std"] * value["grad_std"] * (1.0 + 1e-9) + 1e-12  # Cauchy and Schwarz
    if kind.startswith("nani") and name not in NOT_MONOTONE:
        assert h.left - 1e-12 <= value["mean"] <= h.right + 1e-12
        if math.isfinite(h.right - h.left):
            assert value["std"] <= 0.5 * (h.right - h.left) * (1 + 1e-12)  # Popoviciu
            assert value["p_outside"] == 0.0
    if kind in ("nani", "nanis"):  # h has slopes up to max_slope, ξ has variance 1
        assert h.jumps or value["std"] <= h.max_slope * setting["c"] * (1 + 1e-10) + 1e-12
        assert value["grad_rms"] <= h.max_slope * (1 + 1e-12)
    if name in ODD and x != 0:
        mirror = nv.exact(unit, -x)
        assert float(mirror.mean) == pytest.approx(-value["mean"], rel=1e-10, abs=1e-11)
        assert float(mirror.grad_mean) == pytest.approx(value["grad_mean"], rel=1e-10, abs=1e-11)
        assert float(mirror.std) == pytest.approx(value["std"], rel=1e-9, abs=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@settings(FEW, max_examples=2 * len(NAMES))
@given(name=names, noise=noises, setting=parameters)
def test_far_points_and_nan(kind: str, name: str, noise: str, setting: dict[str, Any]) -> None:
    """±inf, |x| = 1e300 and NaN: stated limits, no NaN where x is none, and no warning."""
    unit = nv.NoisyUnit(name, kind=kind, noise=noise, **setting)
    h, x = unit.activation, np.array([*FAR, math.nan])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        m = nv.exact(unit, x)
        sampled = nv.monte_carlo(unit, x, samples=40, rng=np.random.default_rng(0))
        rows = [unit(x, 0.7), unit.grad_x(x, 0.7), unit.grad_p(x, 0.7), unit.test_time(x), h.h(x), h.delta(x)]
    for values in rows:
        assert np.isnan(values[-1])
        assert not np.isnan(values[:-1]).any()
    undefined = ({"p_outside"} if math.isinf(h.right - h.left) else set()) | ({"p_wrong"} if h.slope == 0 else set())
    for result in (m, sampled):
        for column in MOMENTS:
            values = getattr(result, column)
            assert np.isnan(values[-1])
            assert np.isnan(values[:-1]).any() == (column in undefined), (column, values)
    if kind == "none" or (kind in ("nani", "nanis") and setting["c"] <= 30):
        for i, limit in ((0, h.left), (1, h.left), (-3, h.right), (-2, h.right)):
            if math.isfinite(limit):
                assert float(m.mean[i]) == pytest.approx(limit, abs=1e-15)
                assert float(m.grad_mean[i]) == pytest.approx(0.0, abs=1e-15)
            else:
                assert abs(float(m.mean[i])) >= 1e297


@pytest.mark.parametrize("sampler", sorted(nv.SAMPLERS))
@settings(FEW, max_examples=10)
@given(
    name=st.sampled_from(NAMES),
    kind=st.sampled_from(KINDS),
    x=points,
    noise=noises,
    setting=parameters,
    samples=st.integers(1, 80),
    seed=st.integers(0, 2**63),
)
def test_monte_carlo(
    sampler: str, name: str, kind: str, x: float, noise: str, setting: dict[str, Any], samples: int, seed: int
) -> None:
    unit = nv.NoisyUnit(name, kind=kind, noise=noise, **setting)
    m = nv.monte_carlo(unit, x, samples=samples, rng=np.random.default_rng(seed), sampler=sampler)
    again = nv.monte_carlo(unit, x, samples=samples, rng=np.random.default_rng(seed), sampler=sampler)
    assert m.samples >= samples
    assert m.samples == samples or sampler != "iid"
    assert float(m.mean) == float(again.mean)
    for column in ("std", "grad_std", "grad_rms", "grad_p_std"):
        assert float(getattr(m, column)) >= 0
    for share in ("p_zero", "p_wrong", "p_outside"):
        value = float(getattr(m, share))
        assert math.isnan(value) or 0 <= value <= 1
        assert math.isnan(value) or value * m.samples == pytest.approx(round(value * m.samples), abs=1e-9)
    for column in MOMENTS:
        if column != "grad_leak":
            error = float(getattr(m, f"{column}_se"))
            assert math.isnan(error) or error >= 0
    assert float(m.grad_rms) ** 2 == pytest.approx(
        float(m.grad_mean) ** 2 + float(m.grad_std) ** 2, rel=1e-9, abs=1e-18
    )
