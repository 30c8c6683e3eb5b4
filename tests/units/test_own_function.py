"""Activations from functions of the user's own, against the same functions written by hand."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noisyviz as nv
from noisyviz.units.activation import Activation, Array
from noisyviz.units.own_function import from_function

FUNCTIONS = """
import numpy as np
def ramp(x): return np.clip(x, -1.5, 2.0)
def mish(x): return x * np.tanh(np.logaddexp(0, x))
def broken(x): return {}[0]
def first(x): return x[:1]
def step(x): return (x > 0) * 1.0
def pole(x): return 1.0 / x
def words(x): return np.full(x.shape, "a")
value = 3
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_functions_for_test.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_piecewise_linear_function_is_found_with_its_kinks_and_thresholds() -> None:
    ramp = nv.activation("my_functions_for_test:ramp")
    assert ramp.kinks == (-1.5, 2.0)
    assert ramp.thresholds == (-1.5, 2.0)
    assert (ramp.left, ramp.right, ramp.slope, ramp.intercept) == (-1.5, 2.0, 1.0, 0.0)
    assert ramp.saturates == ("hard", "hard")
    assert ramp.derivative([-2.0, -1.5, 0.0, 2.0, 3.0]) == pytest.approx([0, 0, 1, 0, 0], abs=1e-11)


@pytest.mark.usefixtures("here")
def test_function_that_is_not_monotone_has_no_threshold_and_says_so() -> None:
    mish = nv.activation("my_functions_for_test:mish")
    assert mish.thresholds == (-math.inf, math.inf)
    assert any("not monotone" in note for note in mish.notes)
    assert mish.left == 0
    assert mish.right == math.inf
    x = 0.7
    softplus = math.log1p(math.exp(x))
    slope = math.tanh(softplus) + x / math.cosh(softplus) ** 2 / (1 + math.exp(-x))
    assert mish.derivative(x) == pytest.approx(slope, abs=1e-10)
    assert mish.linear(3.0) == pytest.approx(3.0)  # the line of the active side


@pytest.mark.parametrize("member", ["tanh", "hard-tanh", "relu", "softplus", "elu", "softsign", "selu", "hard-sigmoid"])
@pytest.mark.parametrize("kind", ["nan", "nani", "nanil"])
def test_same_function_as_a_member_gives_the_same_moments(member: str, kind: str) -> None:
    known = nv.activation(member)
    own = from_function(f"own-{member}", known.function)
    x = np.array([-4.0, -1.3, -0.2, 0.45, 1.9, 3.7])
    assert own.thresholds == pytest.approx(known.thresholds, abs=1e-7)
    ours, theirs = (nv.exact(nv.NoisyUnit(h, kind=kind, alpha=1.1, c=0.7), x) for h in (own, known))
    for name in ("mean", "std", "grad_mean", "grad_std", "p_zero", "p_wrong", "p_outside"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), atol=2e-7, err_msg=name)


def test_decreasing_function_keeps_its_bounds_in_order() -> None:
    down = from_function("down", lambda x: -np.tanh(x))
    assert (down.left, down.right, down.slope) == pytest.approx((1.0, -1.0, -1.0), abs=1e-9)
    assert down.hard([-5.0, 0.5, 5.0]) == pytest.approx([1.0, -0.5, -1.0])
    moments = nv.exact(nv.NoisyUnit(down, kind="nan", alpha=1.0, c=4.0), [3.0])
    up = nv.exact(nv.NoisyUnit("tanh", kind="nan", alpha=1.0, c=4.0), [3.0])
    assert moments.p_outside == pytest.approx(up.p_outside, abs=1e-8)
    assert moments.p_wrong == pytest.approx(up.p_wrong, abs=1e-8)


def test_excursions_beyond_the_limits_are_counted() -> None:
    overshoot: Activation = from_function("overshoot", lambda x: np.tanh(x) * (1 + 4 * np.exp(-((x - 2) ** 2))))
    assert len(overshoot.excursions) == 1
    unit = nv.NoisyUnit(overshoot, kind="nani", c=1.0)
    xi = np.random.default_rng(5).standard_normal(200_000)
    share = np.mean(np.tanh(1 + xi) * (1 + 4 * np.exp(-((xi - 1) ** 2))) > 1)
    assert nv.exact(unit, [1.0]).p_outside[0] == pytest.approx(share, abs=5 * math.sqrt(share * (1 - share) / 200_000))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", "failed on an array of shape (104,) (KeyError"),
        ("first", "into (1,)"),
        ("step", "jumps at x = 0, by 1; it must be continuous"),
        ("pole", "is not finite at x = 0"),
        ("words", "not real numbers"),
        ("value", "is a int, not a function"),
        ("absent", "could not be loaded (AttributeError"),
    ],
)
def test_what_cannot_be_analysed_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(nv.InputError, match=name) as caught:
        nv.activation(f"my_functions_for_test:{name}")
    assert reason in str(caught.value)
    assert caught.value.parameter == "fn"


def exp_tanh(x: Array) -> Array:
    return np.asarray((np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)))


def isru(x: Array) -> Array:
    return np.asarray(x / np.sqrt(1 + x * x))


def exp_sigmoid_by_squares(x: Array) -> Array:
    return np.asarray(np.exp(x) ** 2 / (1 + np.exp(x) ** 2))


def gudermann(x: Array) -> Array:
    return np.asarray(np.arctan(np.sinh(x)) * 2 / math.pi)


@pytest.mark.parametrize(
    ("function", "limits", "thresholds"),
    [
        (exp_tanh, (-1, 1), (-1, 1)),
        (isru, (-1, 1), (-1, 1)),
        (exp_sigmoid_by_squares, (0, 1), (-1, 1)),
        (gudermann, (-1, 1), (-math.pi / 2, math.pi / 2)),
        (lambda x: np.tanh(x.astype(np.float32)), (-1, 1), (-1, 1)),
        (lambda x: np.tanh(1.5 * x.astype(np.float32)).astype(float) * 2, (-2, 2), (-2 / 3, 2 / 3)),
        (lambda x: np.clip(x.astype(np.float16), -2, 2), (-2, 2), (-2, 2)),
    ],
)
def test_limits_of_formulas_that_overflow_or_round(
    function: Callable[[Array], Array], limits: tuple[float, float], thresholds: tuple[float, float]
) -> None:
    own = from_function("own", function)
    assert (own.left, own.right) == pytest.approx(limits, abs=1e-8)
    assert own.thresholds == pytest.approx(thresholds, rel=1e-4)
    far = np.array([-np.inf, -1e300, -1e4, 1e4, 1e300, np.inf])
    assert own.h(far).tolist() == pytest.approx([limits[0]] * 3 + [limits[1]] * 3, abs=1e-7)
    rough = any("precision" in note for note in own.notes)
    x = np.array([-2.5, -0.7, 0.1, 1.6])
    wide = np.float32(0.01) if rough else 1e-5
    differences = (function(x + wide) - function(x - wide)).astype(float) / (2 * wide)
    assert own.derivative(x) == pytest.approx(differences, abs=0.2 if "half" in str(own.notes) else 1e-3)


def test_a_line_goes_on_where_the_formula_of_a_function_overflows() -> None:
    softplus = from_function("own", lambda x: np.log(1 + np.exp(x)))
    assert softplus.h([800.0, 1e5, 1e300]).tolist() == pytest.approx([800.0, 1e5, 1e300], rel=1e-12)
    assert (softplus.slope, softplus.intercept, softplus.thresholds) == (1.0, 0.0, (0.0, math.inf))


@pytest.mark.parametrize(
    ("function", "rate"),
    [(np.exp, 1.0), (np.expm1, 1.0), (lambda x: np.exp(x / 2), 0.5), (lambda x: 3 * 2**x, math.log(2))],
)
def test_functions_that_grow_exponentially_keep_their_gradient(function: Callable[[Array], Array], rate: float) -> None:
    unit = nv.NoisyUnit(from_function("own", function), kind="nani", c=0.5)
    size = float(function(np.array([1.0]))[0] - function(np.array([0.0]))[0]) / math.expm1(rate)
    x = np.array([-2.0, 0.0, 1.0, 5.0])
    expected = size * rate * np.exp(rate * x + 0.5 * (rate * 0.5) ** 2)  # the mean of a log-normal
    assert nv.exact(unit, x).grad_mean == pytest.approx(expected, rel=1e-9)
    estimate = nv.monte_carlo(unit, x, samples=20_000, rng=0, sampler="stratified")
    assert estimate.grad_mean == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("scale", [0.001, 0.02, 70.0, 3000.0])
@pytest.mark.parametrize("centre", [0.37, -90.0])
def test_steep_flat_and_far_functions_are_right_at_their_own_scale(scale: float, centre: float) -> None:
    own = from_function("own", lambda x: np.tanh((x - centre) / scale))
    x = centre + scale * np.array([-3.0, -1.2, -0.01, 0.4, 2.0, 6.0])
    slope = 1 / np.cosh((x - centre) / scale) ** 2 / scale
    assert own.derivative(x) * scale == pytest.approx(slope * scale, abs=1e-8)
    assert (own.left, own.right) == (-1.0, 1.0)
    hinge = from_function("own", lambda x: np.clip((x - centre) / scale, -1, 1))
    assert hinge.kinks == pytest.approx((centre - scale, centre + scale), rel=1e-8, abs=1e-8)
    unit = nv.NoisyUnit(hinge, kind="nani", c=0.5 * scale)
    share = 0.5 * (math.erf(2.5 / math.sqrt(2)) + math.erf(1.5 / math.sqrt(2)))  # P(-1 < 0.25 + 0.5 xi < 1)
    assert nv.exact(unit, [centre + 0.25 * scale]).grad_mean * scale == pytest.approx(share, abs=1e-7)


def test_a_function_that_writes_into_its_argument_works_on_a_copy() -> None:
    def relu(x: Array) -> Array:
        x[x < 0] = 0
        return x

    def leaky(x: Array) -> Array:
        x *= np.where(x < 0, 0.125, 1.0)
        return x

    x = np.array([-2.0, 3.0])
    for function, low in ((relu, 0.0), (leaky, 0.125)):
        own = from_function("own", function)
        assert own.h(x).tolist() == [-2.0 * low, 3.0]
        assert own.derivative(x).tolist() == pytest.approx([low, 1.0], abs=1e-12)
    assert x.tolist() == [-2.0, 3.0]


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (lambda x: np.exp(x) / np.exp(x).sum(), "is not elementwise"),
        (lambda x: (x - x.mean()) / (x.std() + 1e-5), "is not elementwise"),
        (lambda x: np.sort(x, axis=None).reshape(x.shape), "is not elementwise"),
        (lambda x: x - x.max(axis=-1, keepdims=True), "is not elementwise"),
        (lambda x: x + np.random.default_rng().normal(size=x.shape), "is random"),
        (lambda x: x * (np.random.default_rng().random(x.shape) < 0.5), "is random"),
        (np.floor, "jumps at x = "),
        (lambda x: np.where(x > 1.25, x + 1, x), "jumps at x = 1.25, by 1"),
        (np.sqrt, "is not finite at x = -"),
        (lambda x: x[:-1], r"turned shape \(104,\) into \(103,\); it must map"),
        (lambda x: x + 1j, "returned complex128 values"),
    ],
)
def test_what_is_no_activation_is_refused_with_the_true_cause(function: Callable[[Array], Array], cause: str) -> None:
    with pytest.raises(nv.InputError, match=f"function 'own' {cause}") as caught:
        from_function("own", function)
    assert ("shape" in str(caught.value)) == ("shape" in cause)


@pytest.mark.parametrize(
    "function", [lambda x: max(0.0, x), math.tanh, lambda x: 1 / (1 + math.exp(-x)), lambda x: x if x > 0 else x / 8]
)
def test_functions_of_one_number_are_called_for_each_and_that_is_said(function: Callable[[float], float]) -> None:
    own = from_function("own", function)
    x = np.array([[-2.0, 0.5], [1.0, 4.0]])
    assert own.h(x).tolist() == [[function(-2.0), function(0.5)], [function(1.0), function(4.0)]]
    assert any("one number at a time" in note for note in own.notes)


def test_oscillating_functions_have_no_limits_and_all_their_turns() -> None:
    own = from_function("own", np.sin)
    assert (own.left, own.right) == (-math.inf, math.inf)
    near = [turn for turn in own.turns if abs(turn) < 8]
    assert near == pytest.approx([(k + 0.5) * math.pi for k in range(-3, 3)], abs=1e-9)
    assert sum("neither settles nor grows" in note for note in own.notes) == 2
    assert nv.exact(nv.NoisyUnit(own, kind="nani", c=0.7), [0.3]).mean == pytest.approx(
        math.sin(0.3) * math.exp(-0.245)
    )


def test_a_derivative_that_is_wrong_fails_the_check_that_needs_none() -> None:
    own = from_function("own", np.tanh)
    from noisyviz.units.own_function import _Slopes, _stein_agrees

    slopes = own.slope_function
    assert isinstance(slopes, _Slopes)
    assert _stein_agrees(own.function, slopes, own.thresholds, 2.0**-52)
    for wrong in (lambda x: 0.0 * x, lambda x: 1.02 / np.cosh(x) ** 2, lambda x: 1 / np.cosh(x - 0.1) ** 2):
        assert not _stein_agrees(own.function, wrong, own.thresholds, 2.0**-52)  # type: ignore[arg-type]


@pytest.mark.usefixtures("here")
def test_a_file_may_be_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "beside.py").write_text("FACTOR = 2.0\n")
    (tmp_path / "sub" / "own.py").write_text(
        "import numpy as np\nfrom beside import FACTOR\ndef f(x): return np.tanh(FACTOR * x)\n"
    )
    for name in ("sub/own.py:f", f"{tmp_path}/sub/own.py:f"):
        own = nv.activation(name)
        assert own.thresholds == (-0.5, 0.5)
        assert nv.activation(name) == own
    with pytest.raises(nv.InputError, match=r"there is no file sub/none\.py"):
        nv.activation("sub/none.py:f")


def test_pytorch_functions_bring_their_derivative() -> None:
    torch = pytest.importorskip("torch")
    x = np.array([-20.0, -3.0, -0.5, 0.2, 4.0])
    for function in (torch.tanh, torch.nn.Tanh(), torch.nn.Tanh, lambda x: 2 * torch.sigmoid(2 * x) - 1):
        own = from_function("own", function)
        assert own.derivative(x) == pytest.approx(
            1 / np.cosh(x) ** 2, rel=1e-9
        )  # 1.7e-17 at −20, which no difference gives
        assert own.thresholds == (-1.0, 1.0)
    relu = from_function("own", torch.nn.ReLU(inplace=True))
    assert (relu.kinks, relu.derivative([-1.0, 2.0]).tolist()) == ((0.0,), [0.0, 1.0])
    with pytest.raises(nv.InputError, match="is not elementwise"):
        from_function("own", torch.nn.Softmax(dim=-1))
    with pytest.raises(nv.InputError, match="is a class that needs arguments"):
        from_function("own", torch.nn.Threshold)

    class Through(torch.autograd.Function):  # type: ignore[name-defined, misc]
        @staticmethod
        def forward(_: Any, x: Any) -> Any:
            return x.clamp(-1, 1)

        @staticmethod
        def backward(_: Any, grad: Any) -> Any:
            return grad

    through = from_function("own", Through.apply)
    assert through.derivative([-2.0, 0.0, 2.0]).tolist() == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)
    assert any("its own gradient is not its derivative" in note for note in through.notes)


def test_jax_functions_bring_their_derivative() -> None:
    jax = pytest.importorskip("jax")
    x = np.array([-20.0, -3.0, 0.2, 4.0])
    for function in (jax.numpy.tanh, jax.jit(lambda x: jax.nn.sigmoid(2 * x) * 2 - 1)):
        assert from_function("own", function).derivative(x) == pytest.approx(1 / np.cosh(x) ** 2, rel=1e-9)


def test_missing_module_is_refused() -> None:
    with pytest.raises(nv.InputError, match="ModuleNotFoundError"):
        nv.activation("no_such_module_anywhere:f")
