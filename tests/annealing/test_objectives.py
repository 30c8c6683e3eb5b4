"""Landscapes against finite differences and quadrature that know nothing of the engine."""

import numpy as np
import pytest
from scipy import stats

from noisyviz.annealing.objectives import DESATURATE, LANDSCAPES, OBJECTIVES, characteristic, objective
from noisyviz.errors import InputError
from noisyviz.units.activations import ACTIVATIONS
from noisyviz.units.noise import noise

X = np.array([-71.0, -19.2, 0.3, 7.7, 20.0])
LAWS = {
    "normal": stats.norm(),
    "laplace": stats.laplace(scale=np.sqrt(0.5)),
    "uniform": stats.uniform(-np.sqrt(3.0), 2 * np.sqrt(3.0)),
    "student-t:5": stats.t(5, scale=np.sqrt(0.6)),
}


def written_out(name: str, x: np.ndarray) -> np.ndarray:
    """The formulas of the list, typed again."""
    if name == "funnel":
        return x**2 / 200 + 1.5 * (1 - np.cos(np.pi * x / 5))
    if name == "plateau":
        return -np.exp(-(x**2) / 128)
    return x**2 / 2000 - 1.5 * np.exp(-((x + 20) ** 2) / 128) - np.exp(-((x - 20) ** 2) / 128)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_value_and_slope_follow_the_listed_formula(name: str) -> None:
    landscape = LANDSCAPES[name]
    np.testing.assert_allclose(landscape.value(X), written_out(name, X), rtol=1e-13, atol=1e-13)
    step = 1e-5
    slope = (written_out(name, X + step) - written_out(name, X - step)) / (2 * step)
    np.testing.assert_allclose(landscape.slope(X), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", LANDSCAPES)
def test_smoothed_forms_agree_with_quadrature(name: str, law: str) -> None:
    c = 6.0
    value, slope = LANDSCAPES[name].smoothed(X, c=c, noise=noise(law))
    end = {"normal": 9.0, "laplace": 25.0, "uniform": np.sqrt(3.0), "student-t:5": 400.0}[law]
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(-end, end, 2 * int(max(end, 20.0)) + 1)  # at most 1 apart, with an edge at 0
    half = 0.5 * np.diff(edges)[:, None]
    xi = (edges[:-1, None] + half + half * nodes).ravel()
    weight = (half * weights).ravel() * LAWS[law].pdf(xi)
    for x, mean, gradient in zip(X, value, slope, strict=True):
        bent = written_out(name, x + c * xi) - 0.5 * LANDSCAPES[name].curvature * (c * xi) ** 2
        expected = np.sum(weight * bent) + 0.5 * LANDSCAPES[name].curvature * c * c  # E ξ² = 1 under every law
        tolerance = 3e-6 if law == "student-t:5" else 1e-7
        assert mean == pytest.approx(expected, abs=tolerance)
        step = 1e-4
        ends = LANDSCAPES[name].smoothed(np.array([x - step, x + step]), c=c, noise=noise(law))[0]
        assert gradient == pytest.approx((ends[1] - ends[0]) / (2 * step), abs=2e-6)


def test_without_noise_the_smoothed_landscape_is_the_landscape() -> None:
    for landscape in LANDSCAPES.values():
        value, slope = landscape.smoothed(X, c=0.0, noise=noise("normal"))
        np.testing.assert_allclose(value, landscape.value(X), atol=1e-13)
        np.testing.assert_allclose(slope, landscape.slope(X), atol=1e-13)


@pytest.mark.parametrize("name", ["funnel", "double-well"])
def test_basins_end_at_maxima_and_hold_the_lowest_point(name: str) -> None:
    landscape = LANDSCAPES[name]
    for end in landscape.basin:
        if np.isfinite(end):
            assert landscape.slope(end) == pytest.approx(0.0, abs=1e-12)
            assert written_out(name, np.array(end)) > max(written_out(name, np.array([end - 0.01, end + 0.01])))
    x = np.linspace(*landscape.limits, 200_001)
    lowest = x[np.argmin(written_out(name, x))]
    assert landscape.basin[0] < lowest < landscape.basin[1]
    assert not landscape.basin[0] < landscape.x0 < landscape.basin[1]


def test_the_plateau_is_convex_exactly_in_its_basin() -> None:
    curvature = np.diff(written_out("plateau", np.array([7.9, 8.0, 8.1])), 2)[0]
    assert abs(curvature) < 1e-5
    assert LANDSCAPES["plateau"].basin == (-8.0, 8.0)


@pytest.mark.parametrize("t", [1e-9, 0.3, 2.0, 11.0])
@pytest.mark.parametrize("law", [*LAWS, "student-t:2.5", "student-t:80", "student-t:400"])
def test_characteristic_functions(law: str, t: float) -> None:
    rng = np.random.default_rng(5)
    draws = noise(law).draw(rng, 400_000)
    waves = np.cos(t * draws)
    assert abs(characteristic(noise(law), t) - waves.mean()) <= 5 * waves.std() / np.sqrt(draws.size) + 1e-15


def test_starts_lie_three_beyond_the_threshold() -> None:
    assert DESATURATE.start(ACTIVATIONS["hard-tanh"]) == 4.0
    assert DESATURATE.start(ACTIVATIONS["sigmoid"]) == 5.0
    assert DESATURATE.start(ACTIVATIONS["relu"]) == -3.0


@pytest.mark.parametrize("name", ["identity", "gelu", "silu"])
def test_without_a_threshold_there_is_nothing_to_escape_from(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} has none"):
        DESATURATE.region(ACTIVATIONS[name])


def test_unknown_objectives_are_refused_with_the_nearest_name() -> None:
    assert list(OBJECTIVES) == ["desaturate", "funnel", "double-well", "plateau"]
    with pytest.raises(InputError, match="did you mean 'funnel'"):
        objective("funel")
