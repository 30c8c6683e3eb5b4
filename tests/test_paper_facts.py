"""What the paper says of its units, each fact with its place (Gulcehre et al., ICML 2016, arXiv:1603.00391)."""

import math

import numpy as np
import pytest

import noisyviz as nv

HARD = ("hard-tanh", "hard-sigmoid", "hard-sigmoid-6", "relu", "relu6")
SATURATING = [name for name, h in nv.ACTIVATIONS.items() if h.saturates != ("none", "none")]
ALPHAS = (0.0, 0.9, 1.0, 1.15, 3.0)


def g(v: float) -> float:
    return 1 / (1 + math.exp(-v))


def test_thresholds_of_the_hard_functions() -> None:
    """Section 2: x_t = 2 for the hard-sigmoid, 1 for the hard-tanh; Eqs 1 and 2 give u, Eqs 3 and 4 the clips."""
    assert nv.activation("hard-sigmoid").thresholds == (-2.0, 2.0)
    assert nv.activation("hard-tanh").thresholds == (-1.0, 1.0)
    for x in (-3.0, -1.5, 0.0, 0.4, 2.5):
        assert float(nv.activation("hard-sigmoid").h(x)) == max(min(0.25 * x + 0.5, 1.0), 0.0)
        assert float(nv.activation("hard-tanh").h(x)) == max(min(x, 1.0), -1.0)
        assert float(nv.activation("sigmoid").linear(x)) == 0.25 * x + 0.5
        assert float(nv.activation("tanh").linear(x)) == x


def test_noise_is_on_at_alpha_1() -> None:
    """Below Eq 10, sgn(0) is defined as +1, so d = −sgn(x)·sgn(1 − α) does not vanish at α = 1."""
    for kind in ("nan", "nah"):
        unit = nv.NoisyUnit("hard-tanh", kind=kind, alpha=1.0)
        assert np.all(nv.exact(unit, [-3.0, 3.0]).std > 0.01)
        assert unit.direction(3.0) == -1.0
        assert unit.direction(-3.0) == 1.0
        assert unit.direction(0.0) == -1.0
        assert float(unit(3.0, 1.0)) != float(unit(3.0, 0.0))


@pytest.mark.parametrize("alpha", [0.9, 1.0, 1.15])
def test_half_normal_noise_points_inward_up_to_alpha_1_and_outward_beyond(alpha: float) -> None:
    unit = nv.NoisyUnit("hard-tanh", kind="nah", alpha=alpha)
    inward = float(unit(3.0, 0.7)) < float(unit(3.0, 0.0)), float(unit(-3.0, 0.7)) > float(unit(-3.0, 0.0))
    assert inward == ((True, True) if alpha <= 1 else (False, False))


@pytest.mark.parametrize("fn", sorted(nv.ACTIVATIONS))
def test_sigma_is_even_in_p(fn: str) -> None:
    """Eq 9 squares an odd function of p: the sign of p changes neither σ nor ∂φ/∂x, and p = 0 is a stationary point."""
    x = np.linspace(-6.0, 6.0, 25)
    for scale in nv.SCALES:
        for kind in ("nan", "nah", "nanil"):
            unit, mirrored = (nv.NoisyUnit(fn, kind=kind, p=p, scale=scale) for p in (1.7, -1.7))
            np.testing.assert_array_equal(unit.sigma(x), mirrored.sigma(x))
            np.testing.assert_array_equal(unit.grad_x(x, 0.8), mirrored.grad_x(x, 0.8))
            np.testing.assert_array_equal(unit.grad_p(x, 0.8), -mirrored.grad_p(x, 0.8))
            still = unit.replace(p=0.0)
            np.testing.assert_array_equal(still.sigma(x), 0.0)
            np.testing.assert_array_equal(still.grad_p(x, 0.8), 0.0)


@pytest.mark.parametrize("kind", ["nan", "nah", "nanil", "nanis"])
@pytest.mark.parametrize("fn", HARD)
def test_no_noise_in_the_linear_regime_of_the_hard_functions(fn: str, kind: str) -> None:
    """Section 4: Δ = 0 for |x| ≤ x_t, so φ = u = h whatever the draw."""
    h = nv.activation(fn)
    low, high = (t if math.isfinite(t) else 9.0 for t in h.thresholds)
    x = np.linspace(low, high, 41)[1:-1]
    for alpha in ALPHAS:
        for scale in nv.SCALES:
            unit = nv.NoisyUnit(fn, kind=kind, alpha=alpha, c=30.0, p=-2.0, scale=scale)
            np.testing.assert_array_equal(unit.sigma(x), 0.0)
            np.testing.assert_allclose(unit(x, 2.3), h.linear(x), rtol=1e-15, atol=1e-15)
            moments = nv.exact(unit, x)
            np.testing.assert_array_equal(moments.std, 0.0)
            np.testing.assert_array_equal(moments.grad_std, 0.0)
            np.testing.assert_allclose(moments.mean, h.h(x), rtol=1e-15, atol=1e-15)
            np.testing.assert_allclose(moments.grad_mean, h.slope, rtol=1e-15)


def test_the_authors_softplus_form_has_noise_in_the_linear_regime() -> None:
    """At Δ = 0 the shift is c·log 2·ξ, unlike in Eq 14."""
    moments = nv.exact(nv.NoisyUnit("hard-tanh", kind="nanil-softplus", c=0.01), 0.0)
    assert float(moments.std) == pytest.approx(0.01 * math.log(2), rel=1e-12)


@pytest.mark.parametrize("fn", sorted(nv.ACTIVATIONS))
def test_the_mean_of_nan_at_alpha_1_is_h(fn: str) -> None:
    """Eq 7: E φ = h for zero-mean noise."""
    x = np.linspace(-6, 6, 49)
    for noise in ("normal", "laplace", "student-t:5"):
        moments = nv.exact(nv.NoisyUnit(fn, kind="nan", alpha=1.0, noise=noise), x)
        np.testing.assert_allclose(moments.mean, nv.activation(fn).h(x), rtol=1e-14, atol=1e-15)
        np.testing.assert_allclose(moments.bias, 0.0, atol=1e-15)
        np.testing.assert_allclose(moments.grad_mean, nv.activation(fn).derivative(x), rtol=1e-14, atol=1e-15)


def test_the_mean_of_nah_at_alpha_1_is_off_by_the_expected_noise() -> None:
    """E φ = h − sgn(x)·σ·√(2/π) (Eqs 11, 13): half-normal noise does not meet Eq 7."""
    for x in (-4.0, -1.2, 1.2, 4.0):
        sigma = 0.5 * (g(1.0 - abs(x)) - 0.5) ** 2
        moments = nv.exact(nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.0), x)
        want = math.copysign(1.0, x) * (1.0 - sigma * math.sqrt(2 / math.pi))
        assert float(moments.mean) == pytest.approx(want, rel=1e-15)
        assert float(moments.std) == pytest.approx(sigma * math.sqrt(1 - 2 / math.pi), rel=1e-13)


@pytest.mark.parametrize("fn", sorted(nv.ACTIVATIONS))
def test_the_test_time_unit_is_the_expected_unit(fn: str) -> None:
    """Eq 13: ε becomes E ε, which is 0 for normal and √(2/π) = 0.797885 for half-normal noise."""
    assert math.sqrt(2 / math.pi) == pytest.approx(0.797885, abs=5e-7)
    h = nv.activation(fn)
    for alpha in ALPHAS:
        for x in (-3.3, 0.0, 2.7):
            delta = float(h.h(x) - h.linear(x))
            sigma = 0.5 * (g(delta) - 0.5) ** 2
            d = -(1 if x >= 0 else -1) * (1 if alpha <= 1 else -1)
            leak = alpha * float(h.h(x)) + (1 - alpha) * float(h.linear(x))
            nan, nah = (nv.NoisyUnit(fn, kind=kind, alpha=alpha) for kind in ("nan", "nah"))
            assert float(nan.test_time(x)) == pytest.approx(leak, rel=1e-14, abs=1e-15)
            assert float(nah.test_time(x)) == pytest.approx(leak + d * sigma * math.sqrt(2 / math.pi), rel=1e-14)
            for unit in (nan, nah):
                assert float(unit.test_time(x)) == pytest.approx(float(nv.exact(unit, x).mean), rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("fn", SATURATING)
def test_equations_11_and_12_are_the_same(fn: str) -> None:
    """u + αΔ + dσε = αh + (1 − α)u + dσε, and Algorithm 1 with |ξ|."""
    h = nv.activation(fn)
    for x in (-2.5, -0.5, 0.0, 1.0, 3.0):
        for alpha in ALPHAS:
            unit = nv.NoisyUnit(fn, kind="nah", alpha=alpha, c=0.8, p=1.3)
            noise = float(unit.direction(x)) * float(unit.sigma(x)) * 1.4
            eleven = float(h.linear(x)) + alpha * float(h.delta(x)) + noise
            assert float(unit(x, -1.4)) == pytest.approx(eleven, rel=1e-13, abs=1e-14)
            assert float(unit(x, 1.4)) == float(unit(x, -1.4))


def test_in_saturation_the_gradient_of_a_hard_unit_is_the_noise_alone() -> None:
    """Eq 10: φ′ = σ′(x)·ξ for |x| > x_t at α = 1; σ′ = 2c·p·(g − ½)g(1 − g)·Δ′ with Δ′ = −u′."""
    for x in (1.3, 2.0, 5.0):
        v = 1.0 - x
        slope = 2 * 0.5 * (g(v) - 0.5) * g(v) * (1 - g(v)) * -1.0
        unit = nv.NoisyUnit("hard-tanh", kind="nan", alpha=1.0)
        assert float(unit.grad_x(x, -0.9)) == pytest.approx(-slope * -0.9, rel=1e-13)
        assert float(unit.grad_x(x, 0.0)) == 0.0
        moments = nv.exact(unit, x)
        assert float(moments.grad_std) == pytest.approx(abs(slope), rel=1e-13)
        assert (float(moments.p_zero), float(moments.p_wrong)) == (0.0, 0.5)


def test_the_noise_in_the_gradient_is_a_bump() -> None:
    """σ′ vanishes at the threshold and deep in saturation: the noise does not grow without end."""
    moments = nv.exact(nv.NoisyUnit("hard-tanh", kind="nan", alpha=1.0), [1.0, 2.3, 40.0])
    assert float(moments.grad_std[0]) == 0.0
    assert float(moments.grad_std[1]) > 0.02
    assert 0.0 < float(moments.grad_std[2]) < 1e-15


def test_noise_on_the_input_only_when_saturated() -> None:
    """Eq 15 with |x| ≥ x_t: the threshold itself belongs to saturation."""
    unit = nv.NoisyUnit("hard-sigmoid", kind="nanis", c=0.3)
    assert unit.sigma([-2.0, -1.999, 0.0, 1.999, 2.0]).tolist() == [0.3, 0.0, 0.0, 0.0, 0.3]
    one_sided = nv.NoisyUnit("relu", kind="nanis", c=0.3)
    assert one_sided.sigma([-1.0, 0.0, 0.1, 1e300]).tolist() == [0.3, 0.3, 0.0, 0.0]


def test_noise_is_not_clipped() -> None:
    """The paper's figures exceed ±1: outward noise at α > 1 leaves the range of h (Figure 4)."""
    unit = nv.NoisyUnit("tanh", kind="nah", alpha=1.2, c=30.0)
    assert float(unit(4.0, 2.0)) > 1.0
    assert float(nv.exact(unit, 4.0).p_outside) > 0.5


@pytest.mark.parametrize("delta", [0.1, 0.5, 1.0, 2.0, 3.0])
def test_the_figure_scale_against_equation_9(delta: float) -> None:
    """The authors' δ² inside the sigmoid against Eq 9 at p = 1: ratios 0.01, 0.26, 1, 1.60, 1.22 (hard-tanh)."""
    ratios = {0.1: 0.01, 0.5: 0.26, 1.0: 1.0, 2.0: 1.60, 3.0: 1.22}
    figure, printed = (nv.NoisyUnit("hard-tanh", scale=scale).sigma(1.0 + delta) for scale in ("figure", "eq9"))
    assert float(figure / printed) == pytest.approx(ratios[delta], abs=0.006)
    assert float(figure) == pytest.approx(0.5 * (g(delta**2) - 0.5) ** 2, rel=1e-12)


def test_fixed_points_of_the_activations() -> None:
    """Iterating hard-sigmoid settles at 2/3, sigmoid at 0.659, and every point of [−1, 1] is fixed under hard-tanh."""
    for name, fixed in (("hard-sigmoid", 2 / 3), ("sigmoid", 0.659)):
        x = np.array(0.1)
        for _ in range(200):
            x = nv.activation(name).h(x)
        assert float(x) == pytest.approx(fixed, abs=5e-4)
    inside = np.linspace(-1, 1, 21)
    np.testing.assert_array_equal(nv.activation("hard-tanh").h(inside), inside)
