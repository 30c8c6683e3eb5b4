"""The contract of every named activation, against its definition in mpmath and the table of limits written by hand."""

import math
import pickle
import re
from math import inf, nan, pi, sqrt
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from reference import FUNCTIONS, MP, WITH_PARAMETERS

import noisyviz as nv
from noisyviz.units.names import ALIASES, FAMILIES

SELU_SCALE, SELU_ALPHA = 1.05070098735548049, 1.67326324235437728  # Klambauer et al. 2017
LECUN_SLOPE = 1.7159 * 2 / 3


class Facts(NamedTuple):
    """u(x) = intercept + slope·x, the limits, where u meets them, and how each side saturates."""

    slope: float
    intercept: float
    left: float
    right: float
    low: float
    high: float
    saturates: tuple[str, str]
    max_slope: float
    at_kinks: dict[float, float]


TRUTH = FUNCTIONS | WITH_PARAMETERS
BOTH_SOFT, BOTH_HARD, NEITHER = ("soft", "soft"), ("hard", "hard"), ("none", "none")
LEFT_SOFT, LEFT_HARD, RIGHT_SOFT = ("soft", "none"), ("hard", "none"), ("none", "soft")

# max h′ of gelu is at √2, where h″ = φ(x)(2 − x²) = 0; of silu at the root of x·tanh(x/2) = 2
GELU_STEEPEST = 0.5 * (1 + math.erf(1.0)) + sqrt(2) * math.exp(-1) / sqrt(2 * pi)
GELU_TANH_STEEPEST = float(TRUTH["gelu-tanh"].dh(MP.findroot(lambda x: MP.diff(TRUTH["gelu-tanh"].dh, x), 1.4)))
MISH_STEEPEST = float(TRUTH["mish"].dh(MP.findroot(lambda x: MP.diff(TRUTH["mish"].dh, x), 1.5)))
SILU_STEEPEST = float(TRUTH["silu"].dh(MP.findroot(lambda x: x * MP.tanh(x / 2) - 2, 2.4)))

FACTS = {
    "tanh": Facts(1, 0, -1, 1, -1, 1, BOTH_SOFT, 1, {}),
    "sigmoid": Facts(0.25, 0.5, 0, 1, -2, 2, BOTH_SOFT, 0.25, {}),
    "hard-tanh": Facts(1, 0, -1, 1, -1, 1, BOTH_HARD, 1, {-1: 0, 1: 0}),
    "hard-sigmoid": Facts(0.25, 0.5, 0, 1, -2, 2, BOTH_HARD, 0.25, {-2: 0, 2: 0}),
    "relu": Facts(1, 0, 0, inf, 0, inf, LEFT_HARD, 1, {0: 0}),
    "relu6": Facts(1, 0, 0, 6, 0, 6, BOTH_HARD, 1, {0: 0, 6: 0}),
    "hard-sigmoid-6": Facts(1 / 6, 0.5, 0, 1, -3, 3, BOTH_HARD, 1 / 6, {-3: 0, 3: 0}),
    "hard-swish": Facts(1, 0, 0, inf, -3, inf, LEFT_HARD, 1.5, {-3: 0, 3: 1}),
    "leaky-relu": Facts(1, 0, -inf, inf, -inf, inf, NEITHER, 1, {0: 1}),
    "elu": Facts(1, 0, -1, inf, -1, inf, LEFT_SOFT, 1, {}),
    "selu": Facts(
        SELU_SCALE,
        0,
        -SELU_SCALE * SELU_ALPHA,
        inf,
        -SELU_ALPHA,
        inf,
        LEFT_SOFT,
        SELU_SCALE * SELU_ALPHA,
        {0: SELU_SCALE},
    ),
    "softplus": Facts(1, 0, 0, inf, 0, inf, LEFT_SOFT, 1, {}),
    "softsign": Facts(1, 0, -1, 1, -1, 1, BOTH_SOFT, 1, {}),
    "arctan": Facts(1, 0, -pi / 2, pi / 2, -pi / 2, pi / 2, BOTH_SOFT, 1, {}),
    "erf": Facts(2 / sqrt(pi), 0, -1, 1, -sqrt(pi) / 2, sqrt(pi) / 2, BOTH_SOFT, 2 / sqrt(pi), {}),
    "gelu": Facts(1, 0, 0, inf, -inf, inf, LEFT_SOFT, GELU_STEEPEST, {}),
    "silu": Facts(1, 0, 0, inf, -inf, inf, LEFT_SOFT, SILU_STEEPEST, {}),
    "lecun-tanh": Facts(LECUN_SLOPE, 0, -1.7159, 1.7159, -1.5, 1.5, BOTH_SOFT, LECUN_SLOPE, {}),
    "identity": Facts(1, 0, -inf, inf, -inf, inf, NEITHER, 1, {}),
    "celu": Facts(1, 0, -1, inf, -1, inf, LEFT_SOFT, 1, {}),
    "log-sigmoid": Facts(1, 0, -inf, 0, -inf, 0, RIGHT_SOFT, 1, {}),
    "squareplus": Facts(1, 0, 0, inf, 0, inf, LEFT_SOFT, 1, {}),
    "sparse-plus": Facts(1, 0, 0, inf, 0, inf, LEFT_HARD, 1, {}),
    "sparse-sigmoid": Facts(0.5, 0.5, 0, 1, -1, 1, BOTH_HARD, 0.5, {-1: 0, 1: 0}),
    "gelu-tanh": Facts(1, 0, 0, inf, -inf, inf, LEFT_SOFT, GELU_TANH_STEEPEST, {}),
    "mish": Facts(1, 0, 0, inf, -inf, inf, LEFT_SOFT, MISH_STEEPEST, {}),
    "tanh-shrink": Facts(0, 0, -inf, inf, -inf, inf, NEITHER, 1, {}),
    "soft-shrink": Facts(0, 0, -inf, inf, -inf, inf, NEITHER, 1, {-0.5: 0, 0.5: 0}),
    "hard-shrink": Facts(0, 0, -inf, inf, -inf, inf, NEITHER, 1, {np.nextafter(-0.5, -1): 1, 0.5: 0}),
    "leaky-relu:0.25": Facts(1, 0, -inf, inf, -inf, inf, NEITHER, 1, {0: 1}),
    "elu:0.5": Facts(1, 0, -0.5, inf, -0.5, inf, LEFT_SOFT, 1, {0: 1}),
    "celu:2": Facts(1, 0, -2, inf, -2, inf, LEFT_SOFT, 1, {}),
    "softplus:2": Facts(1, 0, 0, inf, 0, inf, LEFT_SOFT, 1, {}),
    "squareplus:0.25": Facts(1, 0, 0, inf, 0, inf, LEFT_SOFT, 1, {}),
    "hard-sigmoid:0.125": Facts(0.125, 0.5, 0, 1, -4, 4, BOTH_HARD, 0.125, {-4: 0, 4: 0}),
    "hard-tanh:-0.5:2": Facts(1, 0, -0.5, 2, -0.5, 2, BOTH_HARD, 1, {-0.5: 0, 2: 0}),
    "soft-shrink:1.5": Facts(0, 0, -inf, inf, -inf, inf, NEITHER, 1, {-1.5: 0, 1.5: 0}),
    "hard-shrink:1.5": Facts(0, 0, -inf, inf, -inf, inf, NEITHER, 1, {np.nextafter(-1.5, -2): 1, 1.5: 0}),
    "threshold:0.25:-2": Facts(1, 0, -2, inf, 0.25, inf, LEFT_HARD, 1, {0.25: 0}),
    "threshold:-1:-1": Facts(1, 0, -1, inf, -1, inf, LEFT_HARD, 1, {-1: 0}),
}
NAMES = sorted(FACTS)
GRID = np.concatenate([np.linspace(-12, 12, 97), [-700.0, -40.0, -1e-9, 1e-9, 40.0, 700.0]])


def test_every_activation_of_the_registry_has_facts_and_a_definition() -> None:
    assert set(nv.ACTIVATIONS) == set(FUNCTIONS)
    assert set(FACTS) == set(TRUTH)
    assert {name.partition(":")[0] for name in WITH_PARAMETERS} == set(FAMILIES)
    assert all(name == member.name and member.formula for name, member in nv.ACTIVATIONS.items())


@pytest.mark.parametrize("name", NAMES)
def test_line_limits_thresholds_and_saturation_are_those_of_the_table(name: str) -> None:
    h, facts = nv.activation(name), FACTS[name]
    near = pytest.approx
    assert (h.slope, h.intercept) == near((facts.slope, facts.intercept), rel=1e-15)
    assert (h.left, h.right) == near((facts.left, facts.right), rel=1e-15)
    assert h.thresholds == near((facts.low, facts.high), rel=1e-15)
    assert h.saturates == facts.saturates
    assert h.max_slope == near(facts.max_slope, rel=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_h_and_its_derivative_follow_the_definition(name: str) -> None:
    h, truth = nv.activation(name), TRUTH[name]
    want = np.array([float(truth.h(MP.mpf(x))) for x in GRID])
    slopes = [truth.dh(MP.mpf(x)) for x in GRID]
    want_slope = np.array([float(one) for one in slopes])
    want_log = np.array([float(MP.log(abs(one))) if one else -inf for one in slopes])
    np.testing.assert_allclose(h.h(GRID), want, rtol=4e-15, atol=1e-16)
    np.testing.assert_allclose(h.derivative(GRID), want_slope, rtol=1e-13, atol=1e-16)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(h.log_slope(GRID), want_log, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", [name for name in NAMES if nv.activation(name).pair_function is not None])
def test_both_at_once_are_the_same_derivative_and_h_to_rounding(name: str) -> None:
    h = nv.activation(name)
    assert h.pair_function is not None
    x = np.concatenate([GRID, -GRID, [0.0, -0.0, 1e300, -1e300, nan]])
    with np.errstate(all="ignore"):
        value, slope = h.pair_function(x)
        apart = h.function(x)
        np.testing.assert_array_equal(slope, h.slope_function(x))
    np.testing.assert_allclose(value, apart, rtol=0.0, atol=2.3e-16 * max(1.0, h.right))
    np.testing.assert_array_equal(np.signbit(value[~np.isnan(x)]), np.signbit(apart[~np.isnan(x)]))


@pytest.mark.parametrize("name", NAMES)
def test_the_derivative_is_that_of_h_away_from_kinks(name: str) -> None:
    h, truth = nv.activation(name), TRUTH[name]
    points = np.array([-6.9, -3.3, -1.37, -0.6, -0.01, 0.02, 0.7, 1.2, 2.8, 5.1])
    want = [float(MP.diff(truth.h, MP.mpf(x))) for x in points]
    np.testing.assert_allclose(h.derivative(points), want, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_kinks_are_where_the_derivative_jumps_and_hold_the_stated_side(name: str) -> None:
    h, truth, at_kinks = nv.activation(name), TRUTH[name], FACTS[name].at_kinks
    assert sorted(h.kinks) == sorted(at_kinks)
    for z, slope in at_kinks.items():
        assert float(h.derivative(z)) == pytest.approx(slope, rel=1e-15)
        sides = [
            float(truth.dh(MP.mpf(z) + shift)) for shift in (-1e-15, 1e-15)
        ]  # hard-shrink: a kink is beside its place
        assert abs(sides[1] - sides[0]) > 1e-3
        assert min(abs(slope - side) for side in sides) < 1e-15
    assert bool(h.kink_note) == bool(at_kinks)


@pytest.mark.parametrize("name", NAMES)
def test_the_line_is_the_tangent_at_0_or_that_of_the_active_side(name: str) -> None:
    h, facts = nv.activation(name), FACTS[name]
    x = np.array([-3.0, 0.0, 0.5, 1e6])
    np.testing.assert_allclose(h.linear(x), facts.intercept + facts.slope * x, rtol=1e-15)
    if math.isfinite(facts.left) and math.isfinite(facts.right):
        step = 1e-6  # from the right: relu6 has its threshold at 0 itself
        assert float(h.h(0.0)) == pytest.approx(facts.intercept, abs=1e-16)
        assert float(h.h(step) - h.h(0.0)) / step == pytest.approx(facts.slope, rel=2e-6)
    elif facts.saturates[0] != "none":
        far = 1e14
        assert float(h.delta(far)) == pytest.approx(0.0, abs=1e-12)
        assert float(h.h(far)) == pytest.approx(facts.slope * far, rel=1e-15)
    elif facts.saturates[1] != "none":
        assert float(h.delta(-1e14)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_line_meets_the_limits_at_the_thresholds(name: str) -> None:
    h, facts = nv.activation(name), FACTS[name]
    for threshold, limit in zip(h.thresholds, (facts.left, facts.right), strict=True):
        # the crossing of u and L is no threshold where h is not monotone, except hard-swish's kink, or jumps
        if math.isfinite(threshold) and name not in ("hard-swish", "threshold:0.25:-2"):
            assert float(h.linear(threshold)) == pytest.approx(limit, abs=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_delta_keeps_its_digits_and_hard_is_the_clipped_line(name: str) -> None:
    h, truth, facts = nv.activation(name), TRUTH[name], FACTS[name]
    want = np.array([float(truth.h(MP.mpf(x)) - truth.u(MP.mpf(x))) for x in GRID])
    np.testing.assert_allclose(
        h.delta(GRID), want, rtol=1e-14, atol=4e-15 if facts.intercept or facts.right < inf else 1e-24
    )
    line = facts.intercept + facts.slope * GRID
    clipped = np.array([min(max(v, facts.left), facts.right) for v in line])
    np.testing.assert_allclose(h.hard(GRID), clipped, rtol=1e-15, atol=1e-16)


@pytest.mark.parametrize("name", NAMES)
def test_regions_are_closed_at_the_thresholds(name: str) -> None:
    h = nv.activation(name)
    low, high = h.thresholds
    for x in (-1e300, -7.0, -0.3, 0.0, 0.3, 7.0, 1e300, *(t for t in (low, high) if math.isfinite(t))):
        left, right = math.isfinite(low) and x <= low, math.isfinite(high) and x >= high
        assert str(h.region(x)) == ("left" if left else "right" if right else "linear")
        assert bool(h.saturated(x)) == (left or right)
    if math.isfinite(low):
        assert str(h.region(np.nextafter(low, inf))) == "linear"
    if math.isfinite(high):
        assert str(h.region(np.nextafter(high, -inf))) == "linear"
    assert str(h.region(nan)) == ""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("far", [1e300, inf])
def test_far_out_h_and_its_derivative_have_their_limits(name: str, far: float) -> None:
    h, facts = nv.activation(name), FACTS[name]
    for x, limit, saturates in ((-far, facts.left, facts.saturates[0]), (far, facts.right, facts.saturates[1])):
        if math.isfinite(limit):
            assert float(h.h(x)) == pytest.approx(limit, abs=1e-15)
            assert float(h.hard(x)) == pytest.approx(limit, abs=1e-15)
            assert saturates != "none"
            assert float(h.derivative(x)) == pytest.approx(0.0, abs=1e-15)
        else:
            slope = {"leaky-relu": 0.01, "leaky-relu:0.25": 0.25}.get(name, 1.0) if x < 0 else facts.slope
            slope = 1.0 if "shrink" in name else SELU_SCALE if name == "selu" else slope
            assert float(h.h(x)) == pytest.approx(slope * x, rel=1e-15)
            assert float(h.derivative(x)) == pytest.approx(slope, rel=1e-15)
        assert not math.isnan(float(h.delta(x)))


@pytest.mark.parametrize("name", NAMES)
def test_shapes_types_and_nan_pass_through(name: str) -> None:
    h = nv.activation(name)
    for x in (
        0.5,
        -1e4,
        [0.5],
        np.zeros((2, 3)),
        np.zeros((0,)),
        np.arange(4, dtype=np.int64),
        np.zeros(2, np.float32),
    ):
        for method in (h.h, h.derivative, h.linear, h.delta, h.hard):
            y = method(x)
            assert np.shape(y) == np.shape(x)
            assert np.asarray(y).dtype == np.float64
    for method in (h.h, h.derivative, h.linear, h.delta, h.hard):
        y = np.asarray(method([nan, 0.5, inf]))
        assert np.isnan(y[0])
        assert not np.isnan(y[1:]).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_largest_slope_is_the_largest_slope(name: str) -> None:
    h = nv.activation(name)
    slopes = np.abs(h.derivative(np.linspace(-64, 64, 256001)))
    assert slopes.max() <= h.max_slope * (1 + 1e-15)
    assert slopes.max() >= h.max_slope * (1 - 1e-3)  # selu's is met only as x → 0 from the left


@pytest.mark.parametrize("name", NAMES)
def test_the_sign_of_the_derivative_survives_underflow(name: str) -> None:
    h, truth = nv.activation(name), TRUTH[name]
    points = np.array([-1e4, -1000.0, -50.0, -1.4, -1.0, -0.7, 0.3, 2.0, 50.0, 1000.0, 1e4])
    want = [float(MP.sign(truth.dh(MP.mpf(x)))) for x in points]
    assert h.slope_sign(points).tolist() == want


def test_an_unknown_activation_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(nv.InputError, match="did you mean 'tanh'") as caught:
        nv.activation("tahn")
    assert "tahn" in str(caught.value)
    assert caught.value.parameter == "fn"
    assert all(name in str(caught.value) for name in ("sigmoid", "hard-tanh"))


@pytest.mark.parametrize("name", NAMES)
def test_the_sign_of_the_derivative_is_found_for_a_single_point(name: str) -> None:
    h, truth = nv.activation(name), TRUTH[name]
    for x in (-1000.0, 1000.0):
        want = float(MP.sign(truth.dh(MP.mpf(x))))
        assert float(np.asarray(h.slope_sign(np.asarray(x)))) == want


@pytest.mark.parametrize(
    ("name", "h", "u"),
    [
        ("tanh", mpmath.tanh, lambda x: x),
        ("sigmoid", lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: x / 4 + mpmath.mpf(1) / 2),
        ("softsign", lambda x: x / (1 + abs(x)), lambda x: x),
        ("arctan", mpmath.atan, lambda x: x),
        ("erf", mpmath.erf, lambda x: 2 * x / mpmath.sqrt(mpmath.pi)),
        ("elu", lambda x: x if x > 0 else mpmath.expm1(x), lambda x: x),
    ],
)
def test_delta_keeps_its_digits_near_0(name: str, h: Any, u: Any) -> None:
    x = np.array([-3.0, -0.2, -0.1249, -1e-3, -1e-6, -1e-12, 1e-9, 1e-4, 0.03, 0.1251, 1.0])
    with mpmath.workdps(60):
        expected = [float(h(mpmath.mpf(z)) - u(mpmath.mpf(z))) for z in x.tolist()]
    np.testing.assert_allclose(nv.activation(name).delta(x), expected, rtol=1e-12, atol=0)


def test_a_name_with_the_usual_parameters_is_the_plain_name() -> None:
    for name in ("leaky-relu:0.01", "elu:1", "celu:1.0", "softplus:1", "squareplus:4", "hard-sigmoid:0.25"):
        assert nv.activation(name) is nv.activation(name.partition(":")[0])
    assert nv.activation("hard-tanh:-1:1") is nv.activation("hard-tanh")
    assert nv.activation("soft-shrink:.5") is nv.activation("soft-shrink")


def test_equal_parameters_are_one_function_by_one_name_also_after_pickling() -> None:
    one = nv.activation("elu:0.50")
    assert one is nv.activation("elu:5e-1")
    assert one.name == "elu:0.5"
    assert one.formula == "x if x > 0 else 0.5*(exp(x) - 1)"
    assert pickle.loads(pickle.dumps(nv.NoisyUnit(one))) == nv.NoisyUnit("elu:0.5")


def test_other_names_of_frameworks_are_known() -> None:
    for name, meant in ALIASES.items():
        assert nv.activation(name) is nv.activation(meant)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("elu:x", "A from 1e-06 to 1,000,000, as in elu:0.5; got 'elu:x'"),
        ("elu:0", "got 'elu:0'"),
        ("elu:1:2", "got 'elu:1:2'"),
        ("softplus:inf", "got 'softplus:inf'"),
        ("leaky-relu:nan", "got 'leaky-relu:nan'"),
        ("hard-tanh:2", "L <= 0 <= R and L < R"),
        ("hard-tanh:1:2", "got 'hard-tanh:1:2'"),
        ("threshold", "T within 1,000,000 of 0 and V within 1,000,000 of 0"),
    ],
)
def test_parameters_outside_their_domain_are_refused(name: str, told: str) -> None:
    with pytest.raises(nv.InputError, match=re.escape(told)) as caught:
        nv.activation(name)
    assert caught.value.parameter == "fn"


@pytest.mark.parametrize("name", ["hard-shrink", "threshold:0.25:-2"])
def test_jumps_are_known_and_what_is_left_of_them(name: str) -> None:
    h = nv.activation(name)
    assert h.jumps == h.breaks
    assert nv.activation("soft-shrink").jumps == nv.activation("threshold:2:2").jumps == ()
    value = float(h.h(h.breaks[-1]))  # x > A and x > T are strict
    assert value == {"hard-shrink": 0.0, "threshold:0.25:-2": -2.0}[name]
    assert float(h.h(-0.5)) == {"hard-shrink": 0.0, "threshold:0.25:-2": -2.0}[name]


def test_functions_and_their_slopes_are_those_of_jax() -> None:
    jax = pytest.importorskip("jax")
    of_jax = {
        "elu:0.5": lambda x: jax.nn.elu(x, 0.5),
        "celu:2": lambda x: jax.nn.celu(x, 2.0),
        "leaky-relu:0.2": lambda x: jax.nn.leaky_relu(x, 0.2),
        "squareplus": jax.nn.squareplus,
        "squareplus:0.25": lambda x: jax.nn.squareplus(x, 0.25),
        "sparse-plus": jax.nn.sparse_plus,
        "sparse-sigmoid": jax.nn.sparse_sigmoid,
        "log-sigmoid": jax.nn.log_sigmoid,
        "mish": jax.nn.mish,
        "gelu-tanh": jax.nn.gelu,
        "hard-sigmoid-6": jax.nn.hard_sigmoid,
    }
    x = np.setdiff1d(GRID, [0.0, -1.0, 1.0, -3.0, 3.0])  # kinks, some of which have the other side's slope there
    with jax.enable_x64(True):
        for name, function in of_jax.items():
            h, at = nv.activation(name), jax.numpy.asarray(x)
            np.testing.assert_allclose(h.h(x), np.asarray(function(at)), rtol=1e-13, atol=1e-13, err_msg=name)
            slope = np.asarray(jax.vmap(jax.grad(function))(at))
            np.testing.assert_allclose(h.derivative(x), slope, rtol=1e-12, atol=1e-12, err_msg=name)
