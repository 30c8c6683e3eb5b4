"""The exact road against the 30-digit reference: every activation, every kind, random parameters and hard corners."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference import (
    COLUMNS,
    FUNCTIONS,
    KINDS,
    MP,
    OUTPUT_KINDS,
    WITH_PARAMETERS,
    Case,
    Real,
    draw,
    engine_columns,
    excess,
    keep,
    kept,
    key,
    known,
    law,
    random_case,
    reference,
)

import noisyviz as nv

NAMES = sorted(FUNCTIONS)
CASES = 2  # for each activation and kind; `python tests/reference.py --cases N` runs more
NOISES = ("laplace", "uniform", "student-t:5", "student-t:2.5")
INPUT_KINDS = ("nani", "nanil", "nanis", "nanil-softplus")


THRESHOLDS = ("hard-tanh", "hard-sigmoid", "relu", "hard-swish", "tanh", "softsign")


def check(case: Case) -> None:
    """Compare every column with the reference: 1e-10, and 1e-12 of the value where that is larger."""
    want, got = known(case), engine_columns(case)
    wrong = [
        f"{name}: got {got[name]!r}, want {MP.nstr(want[name], 20)}"
        for name in COLUMNS
        if not excess(got[name], want[name]) <= 1
    ]
    assert not wrong, f"{case}\n" + "\n".join(wrong)


def at_random_parameters(fn: str, kind: str) -> list[Case]:
    rng = np.random.default_rng([20160301, NAMES.index(fn), KINDS.index(kind)])
    several = kind.startswith("nani") and fn in ("tanh", "hard-tanh", "elu", "gelu")
    return [random_case(rng, fn, kind) for _ in range(CASES if several else 1)]


def of_functions_with_parameters(fn: str) -> list[Case]:
    turn = list(WITH_PARAMETERS).index(fn)
    rng = np.random.default_rng([17, turn])
    return [random_case(rng, fn, kind) for kind in ("nanil", KINDS[turn % len(KINDS)])]


def under_other_noises(fn: str) -> list[Case]:
    turn = NAMES.index(fn)  # more than 16 activations: every noise meets every kind with noise on the input
    rng = np.random.default_rng([7, turn])
    return [
        random_case(rng, fn, INPUT_KINDS[turn // 4 % 4], NOISES[turn % 4]),
        random_case(rng, fn, "nan", NOISES[turn % 4]),
        random_case(rng, fn, "nah", NOISES[(turn + 1) % 4]),
    ]


def at_the_thresholds(fn: str, kind: str) -> list[Case]:
    cases = []
    for threshold in (FUNCTIONS[fn].low, FUNCTIONS[fn].high):
        if MP.isfinite(threshold):
            x = float(threshold)
            for side in (x, float(np.nextafter(x, -9)), float(np.nextafter(x, 9))):
                cases.append(Case(fn=fn, kind=kind, alpha=1.0, c=0.5, p=1.5, x=side))
            cases.append(Case(fn=fn, kind=kind, alpha=1.15, c=1.5, p=-0.5, x=x, scale="figure"))
    return cases


def test_what_is_kept_of_the_reference_is_what_it_computes() -> None:
    """Of every kind and noise one case; `python tests/moments/test_exact.py` computes all of them anew."""
    of = {(text.split()[1], text.split()[-1]): text for text in sorted(kept())}
    cases = {key(case): case for case in every_case()}
    assert set(kept()) == set(cases)
    for kind in KINDS:
        chosen = [text for (of_kind, noise), text in of.items() if of_kind == kind and noise != "student-t:2.5"]
        for text in chosen[:: 1 if kind in OUTPUT_KINDS else 2]:
            computed = reference(cases[text])
            for name, value in known(cases[text]).items():
                assert (MP.isnan(value) and MP.isnan(computed[name])) or MP.almosteq(value, computed[name], 1e-24), text


def test_the_reference_knows_every_activation_and_every_kind() -> None:
    assert set(nv.ACTIVATIONS) == set(FUNCTIONS)
    assert set(nv.KINDS) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fn", NAMES)
def test_every_moment_at_random_parameters(fn: str, kind: str) -> None:
    for case in at_random_parameters(fn, kind):
        check(case)


@pytest.mark.parametrize("fn", WITH_PARAMETERS)
def test_every_moment_of_functions_with_parameters(fn: str) -> None:
    for case in of_functions_with_parameters(fn):
        check(case)


@pytest.mark.parametrize("fn", NAMES)
def test_every_moment_under_other_noises(fn: str) -> None:
    for case in under_other_noises(fn):
        check(case)


@pytest.mark.parametrize("kind", ["nah", "nanil", "nanis"])
@pytest.mark.parametrize("fn", THRESHOLDS)
def test_every_moment_at_the_thresholds(fn: str, kind: str) -> None:
    for case in at_the_thresholds(fn, kind):
        check(case)


CORNERS = {
    "tiny noise on an input": Case(fn="tanh", kind="nani", c=1e-9, x=0.3),
    "tiny noise on a kink": Case(fn="hard-tanh", kind="nani", c=1e-9, x=1.0),
    "tiny noise beside a kink": Case(fn="selu", kind="nani", c=1e-9, x=5e-10),
    "tiny scale": Case(fn="sigmoid", kind="nanil", c=1e-9, p=3.0, x=4.0),
    "p = 0": Case(fn="tanh", kind="nah", p=0.0, x=2.0),
    "p = 0 on the input": Case(fn="tanh", kind="nanil", p=0.0, x=2.0),
    "p = 0 in the softplus": Case(fn="hard-tanh", kind="nanil-softplus", p=0.0, x=2.0),
    "c = 0": Case(fn="hard-tanh", kind="nanil-softplus", c=0.0, x=0.4),
    "c = 0 at a kink": Case(fn="hard-tanh", kind="nani", c=0.0, x=1.0),
    "far left": Case(fn="tanh", kind="nani", c=3.0, x=-40.0),
    "far right of an unbounded h": Case(fn="softplus", kind="nani", c=30.0, x=40.0),
    "far left of a gelu": Case(fn="gelu", kind="nani", c=2.0, x=-40.0),
    "huge noise": Case(fn="tanh", kind="nani", c=1000.0, x=0.3),
    "huge noise on a clip": Case(fn="hard-sigmoid", kind="nani", c=1000.0, x=0.3),
    "huger noise on a clip": Case(fn="hard-tanh", kind="nani", c=1e5, x=0.25),
    "huge noise, heavy tails": Case(fn="hard-tanh", kind="nani", c=1000.0, x=0.25, noise="student-t:30"),
    "huge noise, heavier tails": Case(fn="hard-tanh", kind="nanis", c=1000.0, x=-2.0, noise="student-t:2.5"),
    "huge noise on an algebraic tail": Case(fn="arctan", kind="nani", c=1000.0, x=-3.0),
    "heavy tails on an algebraic tail": Case(fn="softsign", kind="nani", c=30.0, x=1.0, noise="student-t:3"),
    "heavy tails on an unbounded h": Case(fn="silu", kind="nani", c=2.0, x=-1.0, noise="student-t:3"),
    "a strong learned scale": Case(fn="tanh", kind="nanil", c=30.0, p=1.0, x=2.5),
    "a steep learned scale": Case(fn="erf", kind="nanil", c=4.0, p=-10.0, x=1.5),
    "figure scale": Case(fn="tanh", kind="nanil", c=0.5, p=0.835, x=-2.0, scale="figure"),
    "softplus with a small reach": Case(fn="sigmoid", kind="nanil-softplus", c=0.43, p=-1.0, x=-0.12),
    "softplus with a small positive reach": Case(fn="sigmoid", kind="nanil-softplus", c=19.0, p=1.0, x=0.0742),
    "softplus with a tiny reach": Case(fn="relu", kind="nanil-softplus", c=1000.0, p=-1.937, x=-2.569e-10),
    "softplus with a tiny reach, laplace": Case(
        fn="selu", kind="nanil-softplus", c=1000.0, p=1.4956, x=-2.1976e-10, noise="laplace"
    ),
    "softplus with a large reach": Case(fn="hard-tanh", kind="nanil-softplus", c=0.25, p=8.0, x=4.0),
    "at a jump": Case(fn="hard-shrink", kind="nani", c=0.7, x=0.5),
    "at a jump from below": Case(fn="hard-shrink", kind="nani", c=0.7, x=-0.5),
    "a jump under heavy tails": Case(fn="threshold:0.25:-2", kind="nani", c=3.0, x=0.25, noise="student-t:3"),
    "heavy tails on lines that are not u": Case(fn="tanh-shrink", kind="nani", c=30.0, x=-1.5, noise="student-t:3"),
    "an algebraic tail far out": Case(fn="squareplus", kind="nani", c=30.0, x=-40.0, noise="student-t:2.5"),
    "softplus that dies out": Case(fn="tanh", kind="nanil-softplus", c=0.25, p=-3.0, x=4.0),
}


def every_case() -> list[Case]:
    """Return the cases whose columns are kept."""
    found = [*CORNERS.values()]
    for fn in NAMES:
        found += under_other_noises(fn)
        for kind in KINDS:
            found += at_random_parameters(fn, kind)
    for fn in WITH_PARAMETERS:
        found += of_functions_with_parameters(fn)
    for fn in THRESHOLDS:
        for kind in ("nah", "nanil", "nanis"):
            found += at_the_thresholds(fn, kind)
    return found


@pytest.mark.parametrize("corner", CORNERS)
def test_every_moment_in_a_corner(corner: str) -> None:
    check(CORNERS[corner])


def test_probabilities_survive_underflow_of_the_slope() -> None:
    for fn in ("tanh", "sigmoid", "softplus", "silu", "gelu", "erf", "lecun-tanh", "elu"):
        far = nv.exact(nv.NoisyUnit(fn, kind="nani", c=0.5), [-1000.0, 1000.0])
        assert far.p_zero.tolist() == [0.0, 0.0]
    # at α = 1, h′ = sech²(1000) ~ e⁻²⁰⁰⁰ meets d·σ′·ξ ~ e⁻⁹⁹⁹: mpmath has the exponents for both
    for kind in ("nan", "nah"):
        for x in (-1000.0, 30.0, 1000.0):
            check(Case(fn="tanh", kind=kind, alpha=1.0, x=x))
            check(Case(fn="tanh", kind=kind, alpha=1.0, x=x, p=2.0))  # here h′ and σ′ decay alike
            check(Case(fn="tanh", kind=kind, alpha=1.0, x=x, p=4.0))
            check(Case(fn="hard-tanh", kind=kind, alpha=1.0, x=x))
            check(Case(fn="softplus", kind=kind, alpha=1.0, x=-abs(x)))
    hard = nv.exact(nv.NoisyUnit("hard-tanh", kind="nan", alpha=1.0), 1000.0)
    assert (float(hard.p_zero), float(hard.p_wrong)) == (0.0, 0.5)


def test_nan_and_infinities_are_answered() -> None:
    x = np.array([math.nan, -math.inf, math.inf])
    for kind in KINDS:
        moments = nv.exact(nv.NoisyUnit("tanh", kind=kind, alpha=1.0), x)
        assert all(np.isnan(getattr(moments, name)[0]) for name in COLUMNS)
        if kind in ("none", "nani", "nanil", "nanis"):
            np.testing.assert_allclose(moments.mean[1:], [-1.0, 1.0], rtol=1e-15)
            np.testing.assert_allclose(moments.std[1:], 0.0, atol=1e-15)
            np.testing.assert_allclose(moments.grad_mean[1:], 0.0, atol=1e-15)
    # σ → c/4 for |Δ| → ∞ (Eq 9): E φ = h − sgn(x)·σ·√(2/π) for half-normal noise at α = 1
    half = nv.exact(nv.NoisyUnit("tanh", kind="nah", alpha=1.0, c=0.5), x)
    np.testing.assert_allclose(half.mean[1:], np.array([-1.0, 1.0]) * (1 - 0.125 * math.sqrt(2 / math.pi)), rtol=1e-15)
    np.testing.assert_allclose(half.std[1:], 0.125 * math.sqrt(1 - 2 / math.pi), rtol=1e-14)
    unbounded = nv.exact(nv.NoisyUnit("relu", kind="nani", c=0.5), x)
    assert unbounded.mean[1:].tolist() == [0.0, math.inf]
    np.testing.assert_allclose(unbounded.std[1:], [0.0, 0.5], rtol=1e-14)


def test_what_has_no_meaning_is_nan() -> None:
    assert np.isnan(nv.exact(nv.NoisyUnit("relu", kind="nan"), 1.0).p_outside)
    assert not np.isnan(nv.exact(nv.NoisyUnit("relu6", kind="nan"), 1.0).p_outside)


def test_arrays_of_parameters_answer_like_one_at_a_time() -> None:
    x, c, p = np.array([[-2.0], [0.5], [3.0]]), np.array([0.1, 2.0]), np.array([1.0, -3.0])
    for kind in KINDS:
        together = nv.exact(nv.NoisyUnit("sigmoid", kind=kind, alpha=1.1, c=c, p=p), x)
        for i in range(3):
            for j in range(2):
                unit = nv.NoisyUnit("sigmoid", kind=kind, alpha=1.1, c=float(c[j]), p=float(p[j]))
                alone = nv.exact(unit, float(x[i, 0]))
                for name in COLUMNS:
                    assert getattr(together, name).shape == (3, 2)
                    assert float(getattr(together, name)[i, j]) == pytest.approx(
                        float(getattr(alone, name)), rel=1e-13, abs=1e-15, nan_ok=True
                    )


def test_shapes_are_those_of_x() -> None:
    for shape in ((), (0,), (3,), (2, 3), (600,)):
        moments = nv.exact(nv.NoisyUnit("tanh", kind="nani"), np.zeros(shape))
        assert all(np.shape(getattr(moments, name)) == shape for name in COLUMNS)


def test_the_reference_agrees_with_adaptive_quadrature() -> None:
    """The reference's own sums against mpmath's adaptive rule over the whole line."""
    for case in (
        Case(fn="selu", kind="nanil", c=3.0, p=1.5, x=-2.5),
        Case(fn="sigmoid", kind="nanil-softplus", c=0.8, p=0.7, x=3.0),
    ):
        ell, ends = law(case.noise), [-14, -4, -1, 0, 1, 4, 14]
        f, x = FUNCTIONS[case.fn], MP.mpf(case.x)
        kinks = [] if case.kind == "nanil-softplus" else [(z - x) / _sigma(case) for z in f.breaks]
        points = sorted({*ends, *kinks})
        drawn = cache(lambda xi, case=case: draw(case, xi))  # six integrals with the same nodes

        def expected(
            value: str, power: int, about: Real, drawn: Any = drawn, points: list[Real] = points, ell: Real = ell
        ) -> Real:
            def integrand(xi: Real) -> Real:
                return (getattr(drawn(xi), value) - about) ** power * ell.density(xi)

            return MP.quad(integrand, points)

        want = reference(case)
        for value, name in (("phi", ""), ("grad_x", "grad_"), ("grad_p", "grad_p_")):
            mean = expected(value, 1, 0)
            assert float(abs(mean - want[f"{name}mean"])) < 1e-13
            assert float(abs(MP.sqrt(expected(value, 2, mean)) - want[f"{name}std"])) < 1e-13


def _sigma(case: Case) -> Real:
    from reference import noise_scale

    return noise_scale(case).sigma


def test_the_reference_has_the_right_gradients() -> None:
    """∂φ/∂x and ∂φ/∂p of the reference against differences of its φ."""
    for fn in ("tanh", "selu", "hard-sigmoid", "silu"):
        for kind in KINDS:
            for scale in ("eq9", "figure"):
                case = Case(fn=fn, kind=kind, alpha=1.1, c=0.8, p=0.9, x=-2.7, scale=scale)
                for xi in (-1.3, 0.4):
                    got = draw(case, xi)
                    by_x = MP.diff(lambda x, case=case, xi=xi: _phi(case, "x", x, xi), MP.mpf(case.x))
                    by_p = MP.diff(lambda p, case=case, xi=xi: _phi(case, "p", p, xi), MP.mpf(case.p))
                    assert float(abs(by_x - got.grad_x)) < 1e-15
                    assert float(abs(by_p - got.grad_p)) < 1e-15


def _phi(case: Case, name: str, value: Real, xi: float) -> Real:
    return draw(replace(case, **{name: value}), xi).phi


@pytest.mark.parametrize("x", [3.3, 5.7, -2.9])
@pytest.mark.parametrize("kind", ["nan", "nah"])
def test_a_leak_below_the_last_digits_of_h_decides_what_lies_outside(x: float, kind: str) -> None:
    """Beyond its thresholds hard-tanh is 1 in size: P(outside) = P(leak + d·σ·ε > 0), without either limit."""
    alpha, c = 1.0 - 1e-14, 1e-13
    found = float(nv.exact(nv.NoisyUnit("hard-tanh", kind=kind, alpha=alpha, c=c), x).p_outside)
    size = abs(x) - 1.0
    ratio = (1.0 - alpha) * size / (0.25 * c * math.tanh(0.5 * size) ** 2)
    below = 0.5 * math.erfc(-ratio / math.sqrt(2.0))
    assert found == pytest.approx(below if kind == "nan" else 2.0 * below - 1.0, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fn", NAMES)
def test_the_covariance_is_half_the_slope_of_the_variance(fn: str, kind: str) -> None:
    """By five points each, away from thresholds and kinks, where the variance has no corner."""
    x, step = np.array([-2.6, -0.7, 0.4, 1.75]), 5e-3
    unit = nv.NoisyUnit(fn, kind=kind, alpha=1.1, c=0.8, p=1.3)
    if unit.activation.jumps and not nv.KINDS[kind].output_noise:
        return  # a jump is left out of the gradient, not of the variance
    away = x[:, None] + step * np.array([-2.0, -1.0, 1.0, 2.0])
    slope = nv.exact(unit, away).std ** 2 @ np.array([1.0, -8.0, 8.0, -1.0]) / (12.0 * step)
    np.testing.assert_allclose(nv.exact(unit, x).grad_cov, 0.5 * slope, rtol=1e-6, atol=1e-8)


def test_input_noise_pushes_outward_and_output_noise_pulls_inward() -> None:
    """σσ′·Var ε for output noise; the draws' own covariance for nani on tanh."""
    z = 1.7 + 1.5 * np.random.default_rng(0).standard_normal(400_000)
    phi = np.tanh(z)
    drawn = np.cov(phi, 1.0 - phi**2)[0, 1]
    assert float(nv.exact(nv.NoisyUnit("tanh", kind="nani", c=1.5), 1.7).grad_cov) == pytest.approx(drawn, abs=1e-3)
    assert drawn == pytest.approx(-0.11, abs=2e-3)
    v = np.tanh(1.7) - 1.7
    g = 1.0 / (1.0 + np.exp(-v))
    sigma, slope = 2.0 * (g - 0.5) ** 2, 4.0 * (g - 0.5) * g * (1.0 - g) * -(np.tanh(1.7) ** 2)
    for kind, variance in (("nan", 1.0), ("nah", 1.0 - 2.0 / np.pi)):
        for alpha in (0.9, 1.1):
            found = nv.exact(nv.NoisyUnit("tanh", kind=kind, alpha=alpha, c=2.0), [-1.7, 1.7]).grad_cov
            np.testing.assert_allclose(found, sigma * slope * variance * np.array([-1.0, 1.0]), rtol=1e-12)
            assert found[1] > 0


def test_a_scale_of_ones_own_enters_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the trapezoid rule on ξ, which is exact to rounding for tanh and normal noise."""
    (tmp_path / "scale_for_test_exact.py").write_text(
        "import numpy as np\n\n\ndef dip(x):\n    return 1 / (1 + np.asarray(x) ** 2)\n"
    )
    monkeypatch.chdir(tmp_path)
    x, c, step = np.array([-1.5, 0.3, 2.0]), 0.8, 0.05
    xi = np.arange(-12.0, 12.0, step)
    weight = step * np.exp(-(xi**2) / 2) / math.sqrt(2 * math.pi)
    sigma, slope = (c / (1 + x**2))[:, None], (-2 * c * x / (1 + x**2) ** 2)[:, None]
    phi = np.tanh(x[:, None] + sigma * xi)
    grad = (1 - phi**2) * (1 + slope * xi)
    found = nv.exact(nv.NoisyUnit("tanh", kind="nanil", c=c, scale="scale_for_test_exact:dip"), x)
    np.testing.assert_allclose(found.mean, phi @ weight, atol=1e-12)
    np.testing.assert_allclose(found.std, np.sqrt(phi**2 @ weight - (phi @ weight) ** 2), atol=1e-12)
    np.testing.assert_allclose(found.grad_mean, grad @ weight, atol=1e-10)
    assert not found.grad_p_std.any()


def dense(unit: nv.NoisyUnit, x: float, *, end: float, step: float, cuts: Any = ()) -> dict[str, float]:
    """Return moments by 24 Gauss-Legendre nodes on each of many short panels of ξ, from the unit's own φ and ∂φ/∂x."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    edges = np.unique(np.concatenate([np.arange(-end, end + step / 2, step), [0.0], np.asarray(cuts, dtype=float)]))
    half = np.diff(edges)[:, None] / 2
    xi = ((edges[1:] + edges[:-1])[:, None] / 2 + half * nodes).ravel()
    weight = (half * weights).ravel() * unit.noise.density(xi)
    phi, grad = unit(x, xi), unit.grad_x(x, xi)
    mean, grad_mean = weight @ phi, weight @ grad
    return {
        "mean": float(mean),
        "std": math.sqrt(weight @ (phi - mean) ** 2),
        "grad_mean": float(grad_mean),
        "grad_std": math.sqrt(weight @ (grad - grad_mean) ** 2),
        "grad_cov": float(weight @ ((phi - mean) * (grad - grad_mean))),
    }


@pytest.mark.parametrize(
    ("fn", "kind", "noise", "c", "x", "kinks"),
    [
        ("exp(-x**2)", "nani", "laplace", 5.0, 0.706, ()),
        ("exp(-x**2)", "nanil-softplus", "laplace", 0.03, 0.0, ()),
        ("min(x, tanh(x) + 0.1)", "nani", "normal", 0.7, 0.2, ((0.7118115548653057 - 0.2) / 0.7,)),
        ("gelu-tanh", "nani", "normal", 2.0, 5.0, ()),
        ("softplus", "nanil-softplus", "laplace", 1000.0, 1.05, ()),
    ],
)
def test_wide_panels_and_large_noise(fn: str, kind: str, noise: str, c: float, x: float, kinks: Any) -> None:
    """Where a rule for a cell, or a panel, that is too long shows first."""
    unit = nv.NoisyUnit(fn, kind=kind, noise=noise, c=c, p=-0.48)
    fine = [side * 10.0 ** (-k / 8) for k in range(96) for side in (-1, 1)] if kind == "nanil-softplus" else []
    want = dense(unit, x, end=12.0 if noise == "normal" else 26.0, step=0.01, cuts=[*kinks, *fine])
    found = nv.exact(unit, x)
    for name, value in want.items():
        assert float(getattr(found, name)) == pytest.approx(value, rel=1e-12, abs=1e-11), name


@pytest.mark.parametrize("noise", ["normal", "student-t:2.5"])
@pytest.mark.parametrize("kind", ["nani", "nanil-softplus"])
@pytest.mark.parametrize("fn", ["tanh", "elu"])
def test_many_points_answer_like_one_at_a_time(fn: str, kind: str, noise: str) -> None:
    """For many points each cell has the rule with the fewest nodes, for few the one with the most."""
    unit = nv.NoisyUnit(fn, kind=kind, noise=noise, c=0.6, p=1.2)
    x = np.linspace(-4.0, 4.0, 18)
    together, alone = nv.exact(unit, x), [nv.exact(unit, value) for value in x]
    for name in COLUMNS:
        one_by_one = [float(getattr(one, name)) for one in alone]
        np.testing.assert_allclose(getattr(together, name), one_by_one, rtol=1e-12, atol=1e-12, err_msg=name)


def test_where_the_shift_is_lost_in_rounding_the_kink_itself_counts() -> None:
    """Near ξ = 0 the softplus form adds less than the last bit of x; against the midpoint rule in floating point."""
    x, c, p, end = -3.0, 0.5, -3.0, math.sqrt(3.0)  # hard-swish has a kink there, Δ = 3 and Δ′ = −1
    xi = end * (2.0 * (np.arange(400_000) + 0.5) / 400_000 - 1.0)
    size = np.abs(xi)
    e = np.exp(3.0 * p / size)
    z = x + c * np.sign(xi) * size * np.log1p(e)
    slope = np.where(z <= -3.0, 0.0, (2.0 * z + 3.0) / 6.0)
    grad = slope * (1.0 - c * p * np.sign(xi) * e / (1.0 + e))
    found = nv.exact(nv.NoisyUnit("hard-swish", kind="nanil-softplus", c=c, p=p, noise="uniform"), x)
    assert float(found.grad_mean) == pytest.approx(grad.mean(), abs=1e-5)
    assert float(found.grad_std) == pytest.approx(grad.std(), abs=1e-5)


@pytest.mark.parametrize("c", [5e-324, 3e-308, 1e-300, 1e-200])
def test_softplus_noise_too_small_to_move_x_leaves_the_sign_of_the_slope(c: float) -> None:
    """Where σ is so small that ξ would have to be beyond all numbers to reach a kink, the kink is not reached."""
    x = np.array([-3.5, -0.5, 0.75, 4.0])
    found = nv.exact(nv.NoisyUnit("hard-tanh", kind="nanil-softplus", c=c), x)
    np.testing.assert_array_equal(found.p_zero, [1.0, 0.0, 0.0, 1.0])
    np.testing.assert_array_equal(found.p_wrong, np.zeros(4))


if __name__ == "__main__":
    keep(every_case())


@pytest.mark.parametrize("law", ["normal", "laplace", "student-t:5", "student-t:2.5"])
@pytest.mark.parametrize(("fn", "slope"), [("arctan", 1.0), ("softsign", 1.0), ("erf", 2.0 / math.sqrt(math.pi))])
def test_noise_too_small_to_leave_the_linear_regime_has_the_spread_of_a_line(fn: str, slope: float, law: str) -> None:
    """The tails of the noise, in which h was once taken as saturated, spread more than all the rest."""
    c = 1e-13
    found = nv.exact(nv.NoisyUnit(fn, kind="nani", c=c, noise=law), 0.0)
    np.testing.assert_allclose([found.std, found.grad_mean], [slope * c, slope], rtol=1e-7)
