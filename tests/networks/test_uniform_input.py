"""Averages over x uniform in a range, against closed forms and integrals by mpmath."""

from math import acosh, pi, sqrt

import mpmath
import numpy as np
import pytest

from noisyviz.errors import InputError
from noisyviz.networks.noise_effect import NoiseProfile
from noisyviz.networks.uniform_input import integrals, uniform_effect
from noisyviz.units.unit import NoisyUnit


def effect(fn: str, *, low: float = -4.0, high: float = 4.0, **unit: object) -> NoiseProfile:
    return uniform_effect(NoisyUnit(fn, **unit), low, high)  # type: ignore[arg-type]  # names as in NoisyUnit


def mean_over(function: object, low: float, high: float) -> float:
    """The mean of a function over a range, with 30 digits."""
    with mpmath.workdps(30):
        edges = list(mpmath.linspace(low, high, 9))
        return float(mpmath.quad(function, edges) / (high - low))


@pytest.mark.parametrize("alpha", [0.9, 1.0, 1.15])
def test_normal_output_noise_on_hard_tanh(alpha: float) -> None:
    c, p = mpmath.mpf("0.7"), mpmath.mpf("1.3")

    def sigma(t: mpmath.mpf) -> mpmath.mpf:
        return c * (1 / (1 + mpmath.exp(p * t)) - mpmath.mpf(1) / 2) ** 2

    def slope(t: mpmath.mpf) -> mpmath.mpf:
        g = 1 / (1 + mpmath.exp(-p * t))
        return 2 * c * (g - mpmath.mpf(1) / 2) * g * (1 - g) * p

    leak = 1 - mpmath.mpf(alpha)
    found = noise = effect("hard-tanh", kind="nan", alpha=alpha, c=0.7, p=1.3)
    spread = sqrt(mean_over(lambda t: sigma(t) ** 2, 0, 3))
    assert noise.bias_rms_saturated == pytest.approx(abs(1 - alpha) * sqrt(3.0), rel=1e-9, abs=1e-12)
    assert noise.bias_rms == pytest.approx(abs(1 - alpha) * 1.5, rel=1e-9, abs=1e-12)  # three quarters saturate
    assert noise.std_rms_saturated == pytest.approx(spread, rel=1e-9)
    assert noise.std_rms == pytest.approx(spread * sqrt(0.75), rel=1e-9)
    grad = sqrt(mean_over(lambda t: leak**2 + slope(t) ** 2, 0, 3))
    assert noise.grad_rms_saturated == pytest.approx(grad, rel=1e-9)
    assert noise.grad_rms_noiseless_saturated == 0.0
    wrong = mean_over(lambda t: mpmath.ncdf(-leak / slope(t)), mpmath.mpf("1e-30"), 3)
    assert found.p_wrong_saturated == pytest.approx(wrong, rel=1e-8)
    assert found.response_saturated == pytest.approx(1.0 - alpha, rel=1e-9, abs=1e-12)
    assert found.response_noiseless_saturated == 0.0
    assert found.noise_rms_saturated == pytest.approx(sqrt(mean_over(lambda t: slope(t) ** 2, 0, 3)), rel=1e-9)
    assert found.pull_saturated == pytest.approx(mean_over(lambda t: sigma(t) * slope(t), 0, 3), rel=1e-9)
    assert found.p_zero_saturated == 0.0


@pytest.mark.parametrize("c", [0.2, 1e-3, 1e-6])
@pytest.mark.parametrize("kind", ["nani", "nanis"])
def test_a_little_input_noise_acts_only_close_to_the_thresholds(kind: str, c: float) -> None:
    # With x = 1 + c·t, φ − h = −max(−ξ − t, 0)·c but for the far side, 10 standard deviations away.
    def tail(t: mpmath.mpf) -> mpmath.mpf:
        return mpmath.ncdf(-t)

    def mean(t: mpmath.mpf) -> mpmath.mpf:
        return mpmath.npdf(t) - t * tail(t)

    def square(t: mpmath.mpf) -> mpmath.mpf:
        return (1 + t * t) * tail(t) - t * mpmath.npdf(t)

    with mpmath.workdps(30):
        bias = float(mpmath.quad(lambda t: mean(t) ** 2, [0, 1, 3, 8, 15]))
        spread = float(mpmath.quad(lambda t: square(t) - mean(t) ** 2, [0, 1, 3, 8, 15]))
    noise = effect("hard-tanh", kind=kind, c=c)
    assert noise.bias_rms_saturated == pytest.approx(sqrt(c**3 * bias / 3.0), rel=1e-7)
    assert noise.std_rms_saturated == pytest.approx(sqrt(c**3 * spread / 3.0), rel=1e-7)
    assert noise.grad_rms_saturated == pytest.approx(sqrt(c / (3.0 * sqrt(2.0 * pi))), rel=1e-8)


def test_a_wide_range_hides_nothing() -> None:
    # Beyond 16 the bias of tanh is below 1e-13: the integral of its square no longer grows.
    near, far = effect("tanh", low=-16.0, high=16.0, kind="nani"), effect("tanh", low=-1e6, high=1e6, kind="nani")
    assert far.bias_rms == pytest.approx(near.bias_rms * sqrt(16.0 / 1e6), rel=1e-9)


def test_a_step_of_the_wrong_sign_share_is_met_where_the_slope_changes_its_sign() -> None:
    # Without noise 1.15·h′ − 0.15 < 0 beyond cosh² x = 1.15/0.15.
    found = effect("tanh", kind="nan", alpha=1.15, c=0.0)
    assert found.p_wrong_saturated == pytest.approx((4.0 - acosh(sqrt(1.15 / 0.15))) / 3.0, rel=1e-9)
    assert found.std_rms == 0.0


def test_the_wrong_sign_share_is_that_of_saturated_x_alone() -> None:
    def wrong(x: mpmath.mpf) -> mpmath.mpf:
        delta, slope = mpmath.tanh(x) - x, mpmath.sech(x) ** 2
        g = 1 / (1 + mpmath.exp(-delta))
        return mpmath.ncdf(-slope / abs(60 * (g - mpmath.mpf(1) / 2) * g * (1 - g) * (slope - 1)))

    found = effect("tanh", kind="nan", alpha=1.0, c=30.0)
    assert found.p_wrong_saturated == pytest.approx(mean_over(wrong, 1, 4), rel=1e-9)


def test_a_range_on_one_side_counts_what_lies_in_it() -> None:
    noise = effect("hard-tanh", low=0.0, high=2.0, kind="nan", alpha=0.5)
    assert noise.bias_rms == pytest.approx(0.5 * sqrt(1.0 / 6.0), rel=1e-9)
    assert noise.bias_rms_saturated == pytest.approx(0.5 * sqrt(1.0 / 3.0), rel=1e-9)


def test_the_noiseless_gradient_of_tanh() -> None:
    expected = sqrt(mean_over(lambda x: mpmath.sech(x) ** 4, 1, 4))
    assert effect("tanh", kind="none").grad_rms_noiseless_saturated == pytest.approx(expected, rel=1e-9)


def test_where_nothing_saturates_the_averages_over_saturated_x_do_not_exist() -> None:
    for found in (effect("identity"), effect("hard-tanh", low=-0.5, high=0.5)):
        assert np.isnan(found.p_wrong_saturated)
        assert np.isnan(found.grad_rms_saturated)
        assert found.bias_rms == 0.0


def test_what_overflows_is_infinite_without_a_warning() -> None:
    noise = effect("tanh", kind="nan", c=1e200)
    assert np.isinf(noise.std_rms)
    assert np.isfinite(noise.bias_rms)


def test_a_step_between_nodes_is_closed_in_upon() -> None:
    place = 1.0 / 3.0 + 1e-3
    found = integrals(lambda x: np.where(x > place, 1.0, 0.0)[:, None], np.array([0.0, 1.0]))
    assert found[0] == pytest.approx(1.0 - place, abs=1e-9)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)])
def test_an_empty_or_infinite_range_is_refused(low: float, high: float) -> None:
    with pytest.raises(InputError, match="increasing"):
        effect("tanh", low=low, high=high)
