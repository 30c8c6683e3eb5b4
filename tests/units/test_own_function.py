"""Activations from functions of the user's own, against the same functions written by hand."""

import math
from pathlib import Path

import numpy as np
import pytest

import noisyviz as nv
from noisyviz.units.activation import Activation
from noisyviz.units.own_function import from_function

FUNCTIONS = """
import numpy as np
def ramp(x): return np.clip(x, -1.5, 2.0)
def mish(x): return x * np.tanh(np.logaddexp(0, x))
def scalar(x): return float(x)
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
        ("scalar", "failed on an array"),
        ("first", "into (1,)"),
        ("step", "jumps at x = "),
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


def test_missing_module_is_refused() -> None:
    with pytest.raises(nv.InputError, match="ModuleNotFoundError"):
        nv.activation("no_such_module_anywhere:f")
