"""Noisy units draw by draw: the formulas against plain loops over the definition, gradients, broadcasting, refusals."""

import math
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import crossed
from reference import KINDS, MP, OUTPUT_KINDS, WITH_PARAMETERS, Case, draw, noise_scale

import noisyviz as nv

XS = (-4.0, -1.3, -0.4, 0.0, 0.8, 2.6)
XIS = (-1.7, -0.3, 0.0, 0.9, 2.4)
SETTINGS: tuple[dict[str, Any], ...] = (
    {"alpha": 0.9, "c": 0.5, "p": 1.0},
    {"alpha": 1.0, "c": 2.0, "p": -0.7},
    {"alpha": 1.15, "c": 30.0, "p": 2.5},
    {"alpha": 0.0, "c": 0.0, "p": 0.0},
)
OWN_SCALE = """
import numpy as np


def bell(x):
    return np.exp(-np.asarray(x) ** 2 / 2)


def line(x):
    return np.asarray(x) * 1.0


def step(x):
    return np.where(np.asarray(x) > 1.0, 1.0, 0.0)
"""
SAMPLE = ("tanh", "hard-sigmoid", "relu", "selu", "hard-swish", "gelu", "softsign")


def case_of(fn: str, kind: str, scale: str, x: float, setting: dict[str, Any]) -> Case:
    return Case(fn=fn, kind=kind, scale=scale, x=x, **setting)


def unit_of(case: Case) -> nv.NoisyUnit:
    return nv.NoisyUnit(case.fn, kind=case.kind, alpha=case.alpha, c=case.c, p=case.p, scale=case.scale)


@pytest.mark.parametrize(("fn", "kind"), crossed([*sorted(nv.ACTIVATIONS), *WITH_PARAMETERS], KINDS))
def test_phi_and_its_gradients_follow_the_formulas(fn: str, kind: str) -> None:
    for turn, setting in enumerate(SETTINGS):
        scale = ("eq9", "figure")[turn % 2] if fn in SAMPLE else "eq9"
        unit = nv.NoisyUnit(fn, kind=kind, scale=scale, **setting)
        got = [np.asarray(f(np.array(XS)[:, None], np.array(XIS))) for f in (unit, unit.grad_x, unit.grad_p)]
        for i, x in enumerate(XS):
            for j, xi in list(enumerate(XIS))[(i + turn) % 3 :: 3]:  # each x meets each ξ at some setting
                want = draw(case_of(fn, kind, scale, x, setting), xi)
                values = [float(want.phi), float(want.grad_x), float(want.grad_p)]
                assert [g[i, j] for g in got] == pytest.approx(values, rel=1e-12, abs=1e-13), (setting, scale, x, xi)


@pytest.mark.parametrize("scale", ["eq9", "figure"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_phi(kind: str, scale: str) -> None:
    """Central differences of the unit's own φ in double precision, away from kinks and thresholds."""
    step = 1e-6
    for fn in SAMPLE:
        unit = nv.NoisyUnit(fn, kind=kind, scale=scale, alpha=1.1, c=0.8, p=0.9)
        for x in (-3.7, -0.55, 1.45):
            for xi in (-0.9, 0.35):
                by_x = (float(unit(x + step, xi)) - float(unit(x - step, xi))) / (2 * step)
                up, down = unit.replace(p=0.9 + step), unit.replace(p=0.9 - step)
                by_p = (float(up(x, xi)) - float(down(x, xi))) / (2 * step)
                assert float(unit.grad_x(x, xi)) == pytest.approx(by_x, abs=2e-8)
                assert float(unit.grad_p(x, xi)) == pytest.approx(by_p, abs=2e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fn", SAMPLE)
def test_sigma_follows_the_formulas(fn: str, kind: str) -> None:
    for scale in nv.SCALES:
        for setting in SETTINGS:
            unit = nv.NoisyUnit(fn, kind=kind, scale=scale, **setting)
            for x in XS:
                sigma = float(unit.sigma(x))
                if kind == "nanil-softplus":
                    assert math.isnan(sigma)
                else:
                    want = abs(float(noise_scale(case_of(fn, kind, scale, x, setting)).sigma))  # of mult it is c·h
                    assert sigma == pytest.approx(want, rel=1e-12, abs=1e-16)


def test_sigma_and_its_slope_keep_their_digits_in_both_tails() -> None:
    # K·p·Δ′ with v = pΔ: (g − ½) cancels for tiny v and g(1 − g) for large v
    for x, p in ((1e-5, 1.0), (1.0 + 1e-9, 1.0), (300.0, 1.0), (20.0, -4.0), (-650.0, 1.0)):
        for fn in ("softsign", "hard-tanh"):
            case = Case(fn=fn, kind="nan", alpha=1.0, c=1.0, p=p, x=x)
            want = draw(case, 1.0).grad_x - draw(case, 0.0).grad_x
            unit = unit_of(case)
            if fn == "hard-tanh" and abs(x) > 1:  # h′ = 0 at α = 1, so the slope is d·σ′·ξ alone
                assert float(unit.grad_x(x, 1.0)) == pytest.approx(float(want), rel=1e-11, abs=1e-300)
            assert float(unit.sigma(x)) == pytest.approx(float(noise_scale(case).sigma), rel=1e-9, abs=1e-300)


def test_direction_has_sign_of_zero_plus_one() -> None:
    x = np.array([-2.0, -0.0, 0.0, 3.0])
    want = {0.5: [1, -1, -1, -1], 1.0: [1, -1, -1, -1], 1.2: [-1, 1, 1, 1]}
    for alpha, directions in want.items():
        assert nv.NoisyUnit("tanh", alpha=alpha).direction(x).tolist() == directions
    assert math.isnan(float(nv.NoisyUnit("tanh").direction(math.nan)))


def test_softplus_at_a_draw_of_zero_has_its_limit() -> None:
    # s = c·max(p·|Δ|, 0) at ξ = 0; hard-tanh at x = 3 has |Δ| = 2
    relu = nv.NoisyUnit("relu", kind="nanil-softplus", c=0.5, p=1.0)
    assert float(relu(-3.0, 0.0)) == 0.0  # |Δ| = 3, so s = 1.5 and h(−1.5) = 0
    soft = nv.NoisyUnit("sigmoid", kind="nanil-softplus", c=0.5, p=2.0)
    delta = 1 / (1 + math.exp(-3.0)) - 1.25
    assert float(soft(3.0, 0.0)) == pytest.approx(1 / (1 + math.exp(-(3.0 + 0.5 * 2.0 * abs(delta)))), rel=1e-15)
    assert float(soft.replace(p=-2.0)(3.0, 0.0)) == pytest.approx(1 / (1 + math.exp(-3.0)), rel=1e-15)
    for xi in (1e-12, 0.0):  # the limit from the right
        assert float(soft(3.0, xi)) == pytest.approx(float(soft(3.0, 1e-9)), abs=1e-9)


def test_test_time_puts_the_expected_size_for_the_noise() -> None:
    for noise, size in (("normal", math.sqrt(2 / math.pi)), ("uniform", math.sqrt(3) / 2)):
        unit = nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.0, noise=noise)
        sigma = 0.5 * (1 / (1 + math.exp(2.0)) - 0.5) ** 2  # Δ = −2 at x = 3
        assert float(unit.test_time(3.0)) == pytest.approx(1.0 - sigma * size, rel=1e-15)
    for kind in ("none", "nan", "nani", "nanil", "nanis", "nanil-softplus"):
        unit = nv.NoisyUnit("tanh", kind=kind)
        assert float(unit.test_time(2.0)) == float(unit(2.0, 0.0))


def test_points_draws_and_parameters_broadcast() -> None:
    x, xi, c = np.linspace(-3, 3, 5)[:, None], np.linspace(-2, 2, 4), np.array([[0.1], [0.5], [1.0], [2.0], [3.0]])
    alpha, p = np.array([0.9, 1.0, 1.1, 1.2]), np.array([[-1.0], [0.0], [0.5], [1.0], [2.0]])
    for kind in KINDS:
        unit = nv.NoisyUnit("sigmoid", kind=kind, alpha=alpha, c=c, p=p)
        for method in (unit, unit.grad_x, unit.grad_p):
            values = np.asarray(method(x, xi))
            assert values.shape == (5, 4)
            assert values.dtype == np.float64
        together = unit.grad_x(x, xi)
        for i in range(5):
            for j in range(4):
                alone = nv.NoisyUnit(
                    "sigmoid", kind=kind, alpha=float(alpha[j]), c=float(c[i, 0]), p=float(p[i, 0])
                ).grad_x(float(x[i, 0]), float(xi[j]))
                assert together[i, j] == pytest.approx(float(alone), rel=1e-14, abs=1e-300)
    assert np.shape(nv.NoisyUnit("tanh")(0.5, np.zeros(7))) == (7,)
    assert np.shape(nv.NoisyUnit("tanh").sigma(np.zeros((2, 3)))) == (2, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_replaced_parameters_are_checked_and_others_kept(kind: str) -> None:
    unit = nv.NoisyUnit("relu6", kind=kind, alpha=1.1, c=0.7, p=-2.0, scale="figure", noise="laplace")
    changed = unit.replace(c=3.0)
    assert (changed.c, changed.alpha, changed.p) == (3.0, 1.1, -2.0)
    assert (changed.kind, changed.scale) == (kind, "figure")
    assert (changed.activation.name, changed.noise.name) == ("relu6", "laplace")
    assert unit.c == 0.7
    with pytest.raises(nv.InputError, match="c must be"):
        unit.replace(c=-1.0)


@pytest.mark.parametrize(
    ("parameter", "value", "shown", "allowed"),
    [
        ("c", -0.5, "-0.5", "at least 0"),
        ("c", math.nan, "nan", "finite"),
        ("c", math.inf, "inf", "finite"),
        ("c", np.array([0.5, -3.0]), "-3", "at least 0"),
        ("alpha", math.nan, "nan", "finite"),
        ("alpha", -math.inf, "-inf", "finite"),
        ("p", math.inf, "inf", "finite"),
        ("p", np.array([1.0, math.nan]), "nan", "finite"),
        ("kind", "nam", "nam", "did you mean 'nan'"),
        ("scale", "eq8", "eq8", "did you mean 'eq9'"),
        ("noise", "normall", "normall", "did you mean 'normal'"),
        ("fn", "sigmiod", "sigmiod", "did you mean 'sigmoid'"),
    ],
)
def test_a_value_outside_its_domain_is_refused(parameter: str, value: Any, shown: str, allowed: str) -> None:
    options: dict[str, Any] = {"fn": "tanh", parameter: value}
    with pytest.raises(nv.InputError) as caught:
        nv.NoisyUnit(**options)
    message = str(caught.value)
    assert caught.value.parameter == parameter
    assert shown in message
    assert allowed in message
    assert "\n" not in message
    assert isinstance(caught.value, ValueError)


def test_an_array_that_breaks_the_domain_shows_the_value_at_fault() -> None:
    with pytest.raises(nv.InputError, match=r"alpha must be finite, got nan"):
        nv.NoisyUnit("tanh", alpha=np.array([-0.5, math.nan]))


def test_an_activation_may_be_given_itself() -> None:
    tanh = nv.activation("tanh")
    assert float(nv.NoisyUnit(tanh, kind="none")(0.3, 0.0)) == math.tanh(0.3)


def test_units_cannot_be_changed() -> None:
    unit = nv.NoisyUnit("tanh")
    with pytest.raises(AttributeError):
        unit.c = 2.0  # type: ignore[misc] # frozen is what is tested


def test_every_kind_says_what_it_uses() -> None:
    """A parameter that a kind does not list changes nothing; one that it lists does."""
    assert set(nv.KINDS) == set(KINDS)
    other = {"alpha": 1.3, "c": 1.9, "p": -2.2, "scale": "figure"}
    for kind, row in nv.KINDS.items():
        unit = nv.NoisyUnit("sigmoid", kind=kind)
        assert row.formula
        assert row.output_noise == (kind in OUTPUT_KINDS)
        for name, value in other.items():
            changed = unit.replace(**{name: value})
            same = float(unit(3.3, -0.8)) == float(changed(3.3, -0.8))
            assert same == (name not in row.uses), (kind, name)


def test_the_slope_of_an_input_unit_may_be_taken_by_complex_step() -> None:
    """tanh(x + σ(x)ξ) is analytic: Im f(x + ih)/h with h = 1e-30 has no cancellation."""
    x, xi, c, p, h = 1.7, -1.1, 0.9, 1.4, 1e-30
    z = complex(x, h)
    v = p * (np.tanh(z) - z)
    sigma = c * (1 / (1 + np.exp(-v)) - 0.5) ** 2
    want = float(np.tanh(z + sigma * xi).imag) / h
    got = float(nv.NoisyUnit("tanh", kind="nanil", c=c, p=p).grad_x(x, xi))
    assert got == pytest.approx(want, rel=1e-13)


def test_the_definition_used_here_is_even_in_p() -> None:
    case = Case(fn="tanh", kind="nanil", c=0.7, p=1.3, x=2.0)
    assert MP.almosteq(noise_scale(case).sigma, noise_scale(replace(case, p=-1.3)).sigma)


@pytest.fixture
def own_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_scale_for_test.py").write_text(OWN_SCALE)
    monkeypatch.chdir(tmp_path)
    return "own_scale_for_test:bell"


@pytest.mark.parametrize("kind", ["nan", "nah", "nanil"])
def test_a_scale_of_ones_own_is_c_times_the_function(kind: str, own_scale: str) -> None:
    unit = nv.NoisyUnit("tanh", kind=kind, alpha=0.9, c=0.7, p=3.0, scale=own_scale)
    x, xi = np.array([-1.5, -0.2, 0.6, 2.0])[:, None], np.array([-1.2, 0.5])
    sigma, slope = 0.7 * np.exp(-(x**2) / 2), -0.7 * x * np.exp(-(x**2) / 2)
    np.testing.assert_allclose(unit.sigma(x), sigma, rtol=1e-14)
    if kind == "nanil":
        want = np.tanh(x + sigma * xi)
        by_x = (1 + slope * xi) / np.cosh(x + sigma * xi) ** 2
    else:
        epsilon, d = np.abs(xi) if kind == "nah" else xi, -np.sign(x)
        want = 0.9 * np.tanh(x) + 0.1 * x + d * sigma * epsilon
        by_x = 0.9 / np.cosh(x) ** 2 + 0.1 + d * slope * epsilon
    np.testing.assert_allclose(unit(x, xi), want, rtol=1e-13)
    np.testing.assert_allclose(unit.grad_x(x, xi), by_x, rtol=1e-10)
    assert not np.any(unit.grad_p(x, xi))
    assert unit.to_dict()["scale"] == own_scale
    assert unit.replace(c=0.7) == pickle.loads(pickle.dumps(unit)) == unit != unit.replace(scale="eq9")


def test_what_cannot_be_a_scale_is_refused(own_scale: str) -> None:  # noqa: ARG001
    for name, told in (
        ("own_scale_for_test:line", "must be at least 0 everywhere, got -1e+06 at x = -1e+06"),
        ("own_scale_for_test:step", "jumps at x = 1"),
        ("own_scale_for_test:none", "could not be loaded"),
        ("elu:0.5", "must be one of eq9, figure, module:function"),
    ):
        with pytest.raises(nv.InputError, match=re.escape(told)) as caught:
            nv.NoisyUnit("tanh", scale=name)
        assert caught.value.parameter == "scale"
