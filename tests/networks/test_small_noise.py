"""Little noise acts within a few c of a kink: `profile`, `calibrate` and a normal input against every sample.

On hard-tanh with fixed normal noise, E(∂φ/∂x)² = Φ((1−x)/c) − Φ((−1−x)/c), and E clip(x + cξ) is closed as well.
"""

from collections.abc import Callable
from itertools import pairwise
from math import pi, sqrt

import numpy as np
import numpy.typing as npt
import pytest
from conftest import crossed
from scipy.integrate import quad
from scipy.special import ndtr

import noisyviz as nv
from noisyviz.networks.calibrate import effect, for_noise
from noisyviz.networks.moment_table import MomentTable
from noisyviz.networks.weighted_sample import gather, normal_input, thinned

Array = npt.NDArray[np.float64]
STD = 2.0


def samples(n: int = 40_000) -> Array:
    return np.random.default_rng(0).normal(0.0, STD, n)


def density(t: Array) -> Array:
    return np.exp(-0.5 * t * t) / sqrt(2.0 * pi)


def gradient_square(x: Array, c: float) -> Array:
    """E(∂φ/∂x)² of nani on hard-tanh."""
    return ndtr((1.0 - np.abs(x)) / c) - ndtr((-1.0 - np.abs(x)) / c)  # type: ignore[no-any-return]  # no stubs


def clipped_bias(x: Array, c: float) -> Array:
    """E clip(x + cξ) − clip(x), with E max(z + cξ, 0) = zΦ(z/c) + cφ(z/c) at both kinks."""
    size = np.abs(x)

    def beyond(z: Array) -> Array:
        """E max(z + cξ, 0) − max(z, 0), with its digits."""
        t = np.abs(z) / c
        return c * (density(t) - t * ndtr(-t))  # type: ignore[no-any-return]  # no stubs

    return np.sign(x) * (beyond(size + 1.0) - beyond(size - 1.0))


@pytest.mark.parametrize("target", [0.02, 0.05, 0.25])
def test_a_small_target_is_reached_at_every_sample(target: float) -> None:
    x = samples()
    found = nv.calibrate(x, units=[nv.NoisyUnit("hard-tanh", kind="nani")], by="rms", target_grad=target).best
    assert found is not None
    beyond = x[np.abs(x) >= 1.0]
    assert sqrt(np.mean(gradient_square(beyond, found.c))) == pytest.approx(target, rel=1e-4)
    assert found.bias_rms == pytest.approx(sqrt(np.mean(clipped_bias(x, found.c) ** 2)), rel=1e-4)


@pytest.mark.parametrize("c", [1e-3, 0.01, 0.02, 0.1, 0.3, 1.0, 10.0])
def test_the_profile_is_that_of_every_sample_at_any_noise_level(c: float) -> None:
    x = samples().reshape(-1, 4)
    found = nv.profile(x, fn="hard-tanh", unit=nv.NoisyUnit("hard-tanh", kind="nani", c=c)).arrays[0]
    assert found.noise is not None
    assert found.per_unit is not None
    assert found.per_unit.noise is not None
    saturated = np.abs(x) >= 1.0
    grad, bias = saturated * gradient_square(x, c), clipped_bias(x, c) ** 2
    assert found.noise.grad_rms_saturated == pytest.approx(sqrt(grad.sum() / saturated.sum()), rel=1e-5)
    assert found.noise.bias_rms == pytest.approx(sqrt(bias.mean()), rel=1e-5)
    units = found.per_unit.noise
    np.testing.assert_allclose(units.grad_rms_saturated, np.sqrt(grad.sum(0) / saturated.sum(0)), rtol=1e-3)
    np.testing.assert_allclose(units.bias_rms, np.sqrt(bias.mean(0)), rtol=1e-3)


@pytest.mark.parametrize(
    ("fn", "kind", "c"),
    crossed(["hard-tanh", "selu", "tanh"], ["nani", "nanis", "nanil", "nanil-softplus"], [2e-3, 0.05, 3.0]),
)
def test_samples_in_cells_and_in_a_table_are_those_of_the_exact_moments(fn: str, kind: str, c: float) -> None:
    """Every kind, directly at 300 samples: half of them within a few c of the kinks."""
    unit = nv.NoisyUnit(fn, kind=kind, c=c, p=1.5)
    corners = np.array(unit.activation.corners)
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(0.0, STD, 150), (corners + c * rng.normal(0, 2, (75, corners.size))).ravel()[:150]])
    moments, saturated = nv.exact(unit, x), unit.activation.saturated(x)
    bias, grad = sqrt(np.mean(moments.bias**2)), sqrt(np.mean(moments.grad_rms[saturated] ** 2))
    found = nv.profile(x, fn=fn, unit=unit).total.noise
    assert found is not None
    assert found.bias_rms == pytest.approx(bias, rel=1e-4, abs=1e-10)
    assert found.grad_rms_saturated == pytest.approx(grad, rel=1e-4, abs=1e-10)
    side = np.where(x[saturated] > 0.0, 1.0, -1.0) / abs(unit.activation.slope)
    beyond = {
        name: getattr(moments, name)[saturated] for name in ("grad_mean", "grad_cov", "grad_std", "p_wrong", "p_zero")
    }
    size = grad * sqrt(np.mean(moments.std[saturated] ** 2))  # which the covariance cannot exceed
    assert found.response_saturated == pytest.approx(
        beyond["grad_mean"].mean() / unit.activation.slope, rel=1e-4, abs=1e-10
    )
    assert found.pull_saturated == pytest.approx(np.mean(side * beyond["grad_cov"]), rel=1e-4, abs=1e-4 * size + 1e-12)
    noise = sqrt(np.mean(beyond["grad_std"] ** 2)) / abs(unit.activation.slope)
    assert found.noise_rms_saturated == pytest.approx(noise, rel=1e-4, abs=1e-10)
    assert found.p_wrong_saturated == pytest.approx(beyond["p_wrong"].mean(), abs=1e-5)
    assert found.p_zero_saturated == pytest.approx(beyond["p_zero"].mean(), abs=1e-5)
    few = effect(unit, for_noise(unit, gather([x], unit.activation), bits=3))
    assert few.bias_rms == pytest.approx(bias, rel=1e-3, abs=1e-8)
    assert few.grad_rms_saturated == pytest.approx(grad, rel=5e-3 if kind == "nanil-softplus" else 1e-3, abs=1e-8)


@pytest.mark.parametrize("c", [1e-3, 0.02, 0.5])
def test_a_normal_input_resolves_a_kink_of_any_width(c: float) -> None:
    unit = nv.NoisyUnit("hard-tanh", kind="nani", c=c)
    cuts = [1.0 + c * k for k in (-9, -3, -1, 0, 1, 3, 9) if c * k > -1.0]

    def mean(value: Callable[[Array, float], Array], low: float) -> float:
        def integrand(x: float) -> float:
            at = np.array([x])
            return float(value(at, c)[0] * density(at / STD)[0] / STD)

        edges = [low, *(cut for cut in cuts if cut > low), 1.0 + 20.0 * c, 30.0]
        return float(2.0 * sum(quad(integrand, a, b, epsabs=1e-15, epsrel=1e-11)[0] for a, b in pairwise(edges)))

    grad = sqrt(mean(gradient_square, 1.0) / (2.0 * ndtr(-1.0 / STD)))
    bias = sqrt(mean(lambda x, c: clipped_bias(x, c) ** 2, 0.0))
    found = effect(unit, for_noise(unit, normal_input(0.0, STD, unit.activation)))
    assert found.grad_rms_saturated == pytest.approx(grad, rel=1e-5)
    assert found.bias_rms == pytest.approx(bias, rel=1e-5)


def test_thinning_keeps_the_first_three_moments_of_every_cell() -> None:
    h = nv.activation("hard-tanh")
    sample = gather([samples(5000)], h)
    few = thinned(sample, h, corners=h.corners, width=1.0, bits=3)
    assert few.x.size < sample.x.size / 5
    for side in (True, False):
        for power in range(4):
            kept = np.sum((few.weights * few.x**power)[few.saturated == side])
            held = np.sum((sample.weights * sample.x**power)[sample.saturated == side])
            assert kept == pytest.approx(held, rel=1e-10, abs=1e-8)
    np.testing.assert_array_equal(h.saturated(few.x), few.saturated)


@pytest.mark.parametrize("fn", ["erf", "arctan", "selu"])
@pytest.mark.parametrize("beyond", [0.0, 1e-12, 1e-9, 1e-8])
def test_a_sample_at_a_threshold_that_is_no_short_decimal_keeps_its_noise(fn: str, beyond: float) -> None:
    """nanis has noise from the threshold on: the mean of a cell must not fall short of it."""
    unit = nv.NoisyUnit(fn, kind="nanis", c=0.8)
    x = np.full((6, 3), unit.activation.thresholds[0] - beyond)
    found = nv.profile(x, fn=fn, unit=unit).arrays[0]
    expected = abs(float(nv.exact(unit, x[0, 0]).bias))
    assert expected > 0.05
    assert found.noise is not None
    assert found.per_unit is not None
    assert found.per_unit.noise is not None
    assert found.noise.bias_rms == pytest.approx(expected, rel=1e-6)
    assert found.per_unit.noise.bias_rms == pytest.approx(np.full(3, expected), rel=1e-6)
    assert effect(unit, gather([x], unit.activation)).bias_rms == pytest.approx(expected, rel=1e-6)
    short = x + beyond + 1e-9
    quiet = nv.profile(short, fn=fn, unit=unit).total.noise
    assert quiet is not None
    assert quiet.bias_rms == 0.0


def test_far_and_few_samples_are_read_as_well() -> None:
    unit = nv.NoisyUnit("hard-tanh", kind="nani", c=0.1)
    x = np.array([-3e6, 1.05, 0.0])
    table = MomentTable(unit)
    found = table(x, unit.activation.saturated(x))
    np.testing.assert_allclose(found[2], gradient_square(x, 0.1), rtol=1e-5, atol=1e-15)
    assert table(np.empty(0), np.empty(0, dtype=bool)).shape == (8, 0)


@pytest.mark.parametrize("c", [1.0, 1.5, 2.0, 2.5])
def test_the_least_noise_that_reaches_a_kink_is_no_exception_for_the_profile(c: float) -> None:
    """With nanil-softplus the gradient of hard-tanh ends 2/(c − 1) beyond the thresholds, faster than any power."""
    x = samples(400)
    unit = nv.NoisyUnit("hard-tanh", kind="nanil-softplus", c=c)
    moments, saturated = nv.exact(unit, x), np.abs(x) >= 1.0
    found = nv.profile(x, fn="hard-tanh", unit=unit).total.noise
    assert found is not None
    assert found.bias_rms == pytest.approx(sqrt(np.mean(moments.bias**2)), rel=1e-5)
    assert found.grad_rms_saturated == pytest.approx(sqrt(np.mean(moments.grad_rms[saturated] ** 2)), rel=1e-5)
