"""Quantiles of φ and of ∂φ/∂x: against distribution functions worked out by hand, and against plain draws."""

from math import erf, sqrt
from typing import Any, Final

import numpy as np
import pytest
from scipy import stats

import noisyviz as nv
from noisyviz.moments.quantiles import quantiles

LEVELS = (0.05, 0.25, 0.75, 0.95)
Z = {0.05: -1.6448536269514722, 0.25: -0.6744897501960817, 0.75: 0.6744897501960817, 0.95: 1.6448536269514722}
HALF = {0.05: 0.06270677794321385, 0.25: 0.31863936396437514, 0.75: 1.1503493803760079, 0.95: 1.959963984540054}

RIGHT: Final = 1e-4  # what levels are right to
T3: Final = stats.t(3, scale=sqrt(1.0 / 3.0))


def normal_cdf(z: float) -> float:
    return 0.5 * (1.0 + erf(z / sqrt(2.0)))


@pytest.mark.parametrize(("kind", "alpha"), [("nan", 0.9), ("nan", 1.15), ("nah", 0.9), ("nah", 1.15)])
def test_output_noise_is_affine_in_the_draw(kind: str, alpha: float) -> None:
    """Eq 12 by hand at a saturated x of hard-tanh: base + d·σ·ε, with σ = c(g(pΔ) − ½)²."""
    x, c = 3.0, 2.0
    g = 1.0 / (1.0 + np.exp(-(1.0 - x)))
    sigma, slope = c * (g - 0.5) ** 2, -2.0 * c * (g - 0.5) * g * (1.0 - g)
    d = -1.0 if alpha <= 1.0 else 1.0
    points = HALF if kind == "nah" else Z

    def of(base: float, factor: float) -> list[float]:
        return [base + factor * points[q if factor > 0 else round(1.0 - q, 2)] for q in LEVELS]

    phi, grad = of(alpha + (1 - alpha) * x, d * sigma), of(1 - alpha, d * slope)
    found = quantiles(nv.NoisyUnit("hard-tanh", kind=kind, alpha=alpha, c=c), x, LEVELS)
    np.testing.assert_allclose(found.phi, phi, rtol=1e-12)
    np.testing.assert_allclose(found.grad, grad, rtol=1e-12)


def test_a_monotone_function_of_noisy_input_takes_its_values_at_the_quantiles() -> None:
    x = np.array([-2.0, 0.3, 4.0])
    found = quantiles(nv.NoisyUnit("tanh", kind="nani", c=0.8), x, LEVELS)
    np.testing.assert_allclose(found.phi, [np.tanh(x + 0.8 * Z[q]) for q in LEVELS], rtol=1e-14)


@pytest.mark.parametrize(("x", "c"), [(0.0, 0.5), (1.5, 0.3), (2.28, 1.0), (-2.0, 6.0), (3.0, 40.0)])
def test_the_gradient_of_tanh_by_its_distribution_function(x: float, c: float) -> None:
    """P(1 − tanh²(x + cξ) ≤ y) = P(|x + cξ| ≥ artanh √(1 − y)), in closed form; artanh √(1 − y) = arsech √y."""
    found = quantiles(nv.NoisyUnit("tanh", kind="nani", c=c), x, LEVELS).grad
    for level, y in zip(LEVELS, found, strict=True):
        z = np.arccosh(1.0 / np.sqrt(y))
        share = 1.0 - normal_cdf((z - x) / c) + normal_cdf((-z - x) / c)
        assert share == pytest.approx(level, abs=RIGHT)


@pytest.mark.parametrize(("x", "c", "p"), [(2.0, 6.0, 1.0), (1.4, 40.0, -1.5), (-3.0, 3.0, 2.0)])
def test_the_gradient_of_hard_tanh_with_learned_noise(x: float, c: float, p: float) -> None:
    """1 + σ′ξ where |x + σξ| < 1, an atom at 0 elsewhere (Eqs 9 and 14), by hand."""
    delta, side = np.clip(x, -1.0, 1.0) - x, -1.0
    g = 1.0 / (1.0 + np.exp(-p * delta))
    sigma, slope = c * (g - 0.5) ** 2, 2.0 * c * (g - 0.5) * g * (1.0 - g) * p * side
    low, high = (-1.0 - x) / sigma, (1.0 - x) / sigma
    outside = 1.0 - normal_cdf(high) + normal_cdf(low)

    def below(y: float, atom: bool) -> float:
        cut = (y - 1.0) / slope
        start, stop = (low, min(high, cut)) if slope > 0 else (max(low, cut), high)
        return max(normal_cdf(stop) - normal_cdf(start), 0.0) + (outside if atom else 0.0)

    found = quantiles(nv.NoisyUnit("hard-tanh", kind="nanil", c=c, p=p), x, LEVELS).grad
    for level, y in zip(LEVELS, found, strict=True):
        assert below(y, y > 0.0) - RIGHT <= level <= below(y, y >= 0.0) + RIGHT


def test_hard_gradients_are_0_or_1_by_their_shares() -> None:
    """h′ of hard-tanh is 1 within ±1: a quantile is 0 up to the share of draws outside, then 1."""
    x, c = np.array([0.0, 0.5, 1.2, 2.0]), 1.0
    found = quantiles(nv.NoisyUnit("hard-tanh", kind="nani", c=c), x, LEVELS).grad
    outside = np.array([1.0 - normal_cdf((1.0 - at) / c) + normal_cdf((-1.0 - at) / c) for at in x])
    np.testing.assert_array_equal(found, np.array(LEVELS)[:, None] > outside)


@pytest.mark.parametrize(
    ("fn", "kind", "c", "noise"),
    [
        ("gelu", "nani", 8.0, T3),  # both sides of 1, where most of the probability is
        ("mish", "nanil", 1.5, T3),  # a minimum far out in the tail
        ("sin(3*x)*exp(-abs(x))", "nani", 1.5, T3),  # waves out there
        ("sin(3*x)*exp(-abs(x))", "nani", 1.5, stats.norm),  # a wave that a value just touches
        ("elu", "nanil", 1.5, stats.laplace(scale=sqrt(0.5))),
        ("hard-sigmoid", "nanil-softplus", 1.5, stats.norm),
        ("hard-swish", "nanis", 0.3, stats.uniform(-sqrt(3.0), 2.0 * sqrt(3.0))),
        ("tanh", "nanil-softplus", 6.0, stats.norm),
        ("tanh(2*x)", "nani", 0.5, stats.norm),
    ],
)
def test_the_share_below_a_quantile_is_its_level(fn: str, kind: str, c: float, noise: Any) -> None:
    """Over ξ spread evenly by probability."""
    names = {"norm": "normal", "laplace": "laplace", "uniform": "uniform", "t": "student-t:3"}
    unit = nv.NoisyUnit(fn, kind=kind, c=c, p=1.3, noise=names[getattr(noise, "dist", noise).name])
    x = np.array([-3.84, -2.803, -0.6, 0.0, 1.14, 2.45, 4.3])
    xi = noise.ppf((np.arange(50_000) + 0.5) / 50_000)[:, None]
    found = quantiles(unit, x, LEVELS)
    for draws, ends in ((unit(x, xi), found.phi), (unit.grad_x(x, xi), found.grad)):
        for level, y in zip(LEVELS, ends, strict=True):
            near = 1e-9 * (1e-3 + np.abs(y))
            at_most, less = np.mean(draws <= y + near, axis=0), np.mean(draws < y - near, axis=0)
            assert np.all(less <= level + RIGHT), (level, less)
            assert np.all(at_most >= level - RIGHT), (level, at_most)


def test_no_quantile_leaves_what_the_unit_can_reach() -> None:
    """Mean plus standard deviation of hard-tanh with noisy input is above 1, and that of its gradient below 0."""
    x = np.linspace(-4.0, 4.0, 81)
    found = quantiles(nv.NoisyUnit("hard-tanh", kind="nani", c=0.5), x, LEVELS)
    assert np.abs(found.phi).max() <= 1.0
    assert found.grad.min() >= 0.0
    assert np.all(np.diff(found.phi, axis=0) >= 0.0)
