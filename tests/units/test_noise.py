"""Noise distributions against mpmath: moments, partial moments, quantiles, and draws tested as distributions."""

import math

import numpy as np
import pytest
import scipy.stats
from reference import INF, MP, Real, law

import noisyviz as nv

NOISES = ("normal", "laplace", "uniform", "student-t:2.5", "student-t:3", "student-t:5", "student-t:30")
ABS_MEANS = {
    "normal": math.sqrt(2 / math.pi),
    "laplace": 1 / math.sqrt(2),
    "uniform": math.sqrt(3) / 2,
    "student-t:3": 2 / math.pi,  # 2·√1·Γ(2)/(2·√π·Γ(3/2)) with Γ(3/2) = √π/2
    "student-t:5": 4 * math.sqrt(3) / (3 * math.pi),  # 2·√3·Γ(3)/(4·√π·Γ(5/2)) with Γ(5/2) = 3√π/4
}


def partial(name: str, power: int, a: float, b: float) -> Real:
    """Return E[ξᵏ; a < ξ < b] by quadrature, split at 0 and geometrically outwards."""
    ell = law(name)
    inner = [s * MP.mpf(z) for z in (0.5, 1, 1.5, 2, 4, 8, 32, 256, 10**4) for s in (-1, 1)]
    low, high = MP.mpf(a), MP.mpf(b)
    if name == "uniform":
        low, high = max(low, -MP.sqrt(3)), min(high, MP.sqrt(3))
    points = [low, *sorted(z for z in {MP.mpf(0), *inner} if low < z < high), high]
    return MP.quad(lambda xi: xi**power * ell.density(xi), points)


def scipy_law(name: str) -> object:
    """Return SciPy's distribution of the same law, scaled to variance 1."""
    family, _, nu = name.partition(":")
    if family == "student-t":
        return scipy.stats.t(float(nu), scale=math.sqrt((float(nu) - 2) / float(nu)))
    return {
        "normal": scipy.stats.norm(),
        "laplace": scipy.stats.laplace(scale=1 / math.sqrt(2)),
        "uniform": scipy.stats.uniform(-math.sqrt(3), 2 * math.sqrt(3)),
    }[family]


@pytest.mark.parametrize("name", ABS_MEANS)
def test_the_mean_size_is_the_exact_one(name: str) -> None:
    assert nv.noise(name).abs_mean == pytest.approx(ABS_MEANS[name], rel=1e-15)


@pytest.mark.parametrize("name", [*NOISES, "student-t:2.01", "student-t:199", "student-t:250", "student-t:99999"])
def test_the_mean_size_follows_the_formula(name: str) -> None:
    assert nv.noise(name).abs_mean == pytest.approx(float(law(name).abs_mean), rel=1e-14)


@pytest.mark.parametrize("name", NOISES)
def test_mean_is_0_and_variance_1(name: str) -> None:
    m0, m1, m2 = nv.noise(name).interval_moments(-math.inf, math.inf)
    assert (float(m0), float(m1), float(m2)) == pytest.approx((1.0, 0.0, 1.0), abs=1e-15)
    if name != "student-t:2.5":  # its variance converges too slowly for a plain quadrature
        assert [float(partial(name, k, -INF, INF)) for k in range(3)] == pytest.approx([1.0, 0.0, 1.0], abs=1e-10)


@pytest.mark.parametrize("name", NOISES)
def test_the_density_is_that_of_the_law(name: str) -> None:
    xi = np.array([-6.0, -1.7, -0.2, 0.0, 0.4, 1.0, 1.7, 9.0])
    inside = xi[np.abs(xi) < math.sqrt(3)] if name == "uniform" else xi
    want = [float(law(name).density(MP.mpf(v))) for v in inside]
    np.testing.assert_allclose(nv.noise(name).density(inside), want, rtol=1e-13)


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize(
    ("a", "b"), [(-0.5, 0.7), (0.3, 0.4), (1.2, math.inf), (-math.inf, -1.0), (-1e-9, 2e-9), (-2.0, -1.5), (0.0, 5.0)]
)
def test_partial_moments_over_an_interval(name: str, a: float, b: float) -> None:
    got = nv.noise(name).interval_moments(a, b)
    for power in range(3):
        if name == "student-t:2.5" and power == 2 and math.isinf(b - a):
            continue
        want = float(partial(name, power, MP.mpf(a), MP.mpf(b)))
        assert float(got[power]) == pytest.approx(want, rel=1e-10, abs=1e-15)


@pytest.mark.parametrize("name", NOISES)
def test_tails_keep_their_digits(name: str) -> None:
    for a in (1e-9, 1e-5, 0.1, 1.7, 5.0, 8.0):
        want = float(law(name).tail(MP.mpf(a)))
        assert float(nv.noise(name).above(a)) == pytest.approx(want, rel=1e-10, abs=1e-300)
        assert float(nv.noise(name).above(-a)) == pytest.approx(float(1 - law(name).tail(MP.mpf(a))), rel=1e-14)


@pytest.mark.parametrize("name", NOISES)
def test_quantiles_invert_the_distribution_function(name: str) -> None:
    u = np.array([1e-9, 0.001, 0.2, 0.4999, 0.5, 0.77, 0.999, 1 - 1e-9])
    xi = nv.noise(name).quantile(u)
    assert xi.shape == u.shape
    assert np.all(np.diff(xi) > 0)
    back = [float(law(name).below(MP.mpf(v))) for v in xi]
    np.testing.assert_allclose(back, u, rtol=1e-9, atol=1e-14)
    assert float(nv.noise(name).quantile(0.5)) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("name", NOISES)
def test_draws_follow_the_law(name: str) -> None:
    draws = nv.noise(name).draw(np.random.default_rng(4711), 20_000)
    result = scipy.stats.kstest(draws, scipy_law(name).cdf)  # type: ignore[attr-defined] # scipy is untyped here
    assert result.pvalue > 1e-3


@pytest.mark.parametrize("name", NOISES)
def test_the_stream_does_not_depend_on_the_batch(name: str) -> None:
    noise, whole = nv.noise(name), nv.noise(name).draw(np.random.default_rng(5), 1000)
    rng = np.random.default_rng(5)
    parts = [noise.draw(rng, size) for size in (1, 9, 490, 500)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_only_more_than_four_degrees_have_a_fourth_moment() -> None:
    assert [nv.noise(f"student-t:{nu}").fourth_moment for nu in ("2.5", "4", "4.1", "9")] == [False, False, True, True]
    assert all(nv.noise(name).fourth_moment for name in ("normal", "laplace", "uniform"))


def test_every_noise_of_the_registry_can_be_made() -> None:
    assert set(nv.NOISES) == {"normal", "laplace", "uniform", "student-t:NU"}
    assert [nv.noise(name.replace("NU", "5")).name for name in nv.NOISES] == [
        "normal",
        "laplace",
        "uniform",
        "student-t:5",
    ]
    assert all(formula for formula in nv.NOISES.values())


@pytest.mark.parametrize(
    "name", ["student-t", "student-t:", "student-t:2", "student-t:1.5", "student-t:nan", "student-t:x"]
)
def test_student_without_more_than_two_degrees_is_refused(name: str) -> None:
    with pytest.raises(nv.InputError, match="above 2") as caught:
        nv.noise(name)
    assert f"'{name}'" in str(caught.value)
    assert caught.value.parameter == "noise"


def test_an_unknown_noise_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(nv.InputError, match="did you mean 'laplace'") as caught:
        nv.noise("laplac")
    assert all(name in str(caught.value) for name in nv.NOISES)


@pytest.mark.parametrize("nu", [2.001, 2.01, 2.05])
def test_the_second_moment_of_a_very_heavy_tail_is_whole(nu: float) -> None:
    """Var ξ = 1 however slowly it converges; by symmetry E max(ξ, 0) = E|ξ|/2 and E max(ξ, 0)² = ½."""
    norm = math.gamma((nu + 1.0) / 2.0) / (math.sqrt(math.pi) * math.gamma(nu / 2.0))
    half = math.sqrt(nu - 2.0) * norm / (nu - 1.0)  # E|ξ|/2

    def std(fn: str) -> float:
        return float(nv.exact(nv.NoisyUnit(fn, kind="nani", c=1.0, noise=f"student-t:{nu}"), 0.0).std)

    assert std("identity") == pytest.approx(1.0, rel=1e-10)
    assert std("relu") == pytest.approx(math.sqrt(0.5 - half**2), rel=1e-10)
    leak = 0.01
    assert std("leaky-relu") == pytest.approx(math.sqrt(0.5 * (1.0 + leak**2) - ((1.0 - leak) * half) ** 2), rel=1e-10)
    # far out E[ξ²; ξ > a] = norm·(ν−2)^(ν/2)·a^(2−ν)/(ν−2), up to a factor 1 + O(a⁻²)
    for a in (1e90, 1e200, 1e300):
        far = norm * math.exp(0.5 * nu * math.log(nu - 2.0) + (2.0 - nu) * math.log(a)) / (nu - 2.0)
        assert float(nv.noise(f"student-t:{nu}").interval_moments(a, math.inf)[2]) == pytest.approx(far, rel=1e-10)
