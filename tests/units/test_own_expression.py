"""Expressions of x: values and derivatives as the functions they are, everything else refused in one sentence."""

import builtins
import pickle
from collections.abc import Callable
from pathlib import Path

import mpmath
import numpy as np
import pytest
from conftest import Run

import noisyviz as nv
from noisyviz.errors import InputError
from noisyviz.export.provenance import read_record
from noisyviz.units.activations import ACTIVATIONS
from noisyviz.units.own_expression import read_expression

X = [-7.3, -2.3, -0.61, 0.3, 1.7, 5.2]


# what mpmath computes, with a derivative of its own
@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("0.5*x*(1 + erf(x/sqrt(2)))", lambda x: x * mpmath.ncdf(x)),
        ("x*tanh(log1p(exp(x)))", lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x)))),
        ("2/(1 + e**(-3*x)) - 1", lambda x: mpmath.tanh(1.5 * x)),
        ("-x^2/(1 + x^2)^0.5*cos(pi)", lambda x: x**2 / mpmath.sqrt(1 + x**2)),
        (
            "arcsinh(x) + sin(x)*sinh(0.2*x)/cosh(x)",
            lambda x: mpmath.asinh(x) + mpmath.sin(x) * mpmath.sinh(x / 5) / mpmath.cosh(x),
        ),
        ("2**tanh(x) + expm1(-abs(x))", lambda x: 2 ** mpmath.tanh(x) + mpmath.exp(-abs(x)) - 1),
        ("max(-1, min(1, 0.5*x, 3), -2)", lambda x: max(-1, min(1, x / 2))),
        ("clip(x, -2, exp(x))", lambda x: min(max(x, -2), mpmath.exp(x))),
        ("HardTanh(x - 1) + leaky_relu(x)", lambda x: max(-1, min(1, x - 1)) + max(x, 0.01 * x)),
        ("log(1 + x*x) - swish(x)", lambda x: mpmath.log(1 + x * x) - x / (1 + mpmath.exp(-x))),
    ],
)
def test_values_and_derivatives_are_those_of_the_formula(text: str, formula: Callable[..., mpmath.mpf]) -> None:
    h = nv.activation(text)
    with mpmath.workdps(30):
        values = [float(formula(mpmath.mpf(x))) for x in X]
        slopes = [float(mpmath.diff(formula, x)) for x in X]
    np.testing.assert_allclose(h.h(X), values, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(h.derivative(X), slopes, rtol=1e-11, atol=1e-11)
    chained = read_expression(text, ACTIVATIONS).derivative(np.array(X))  # not checked against anything there
    np.testing.assert_allclose(chained, slopes, rtol=1e-11, atol=1e-11)
    assert not any("derivative" in note for note in h.notes)


def test_an_expression_is_the_unit_that_it_spells() -> None:
    ours = nv.exact(nv.NoisyUnit("max(-1, min(1, x))", kind="nah", alpha=1.15), X)
    theirs = nv.exact(nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15), X)
    np.testing.assert_allclose(ours.grad_mean, theirs.grad_mean, rtol=1e-9)
    np.testing.assert_allclose(ours.std, theirs.std, rtol=1e-9)
    h = nv.activation(" tanh( 2 * x ) ")
    assert (h.name, h.thresholds, pickle.loads(pickle.dumps(h)) == h) == ("tanh(2*x)", (-0.5, 0.5), True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2x", "a product needs its *"),
        ("tanh(y)", "names 'y'"),
        ("tahn(x)", "calls 'tahn', which is no function known here; did you mean 'tanh'"),
        ("foo(x)", "calls 'foo', which is no function known here; 'noisyviz list activations'"),
        ("tanh(x, 2)", "gives tanh 2 arguments; it takes 1"),
        ("3*(4)", "does not depend on x"),
        ("x + 9**9**9", "holds a part that is no finite number"),
        ("x + 1/0", "holds a part that is no finite number"),
        ("x*1j", "holds more than a formula"),
        ("True*x", "holds more than a formula"),
        ("(x).real", "holds more than a formula"),
        ("x if x else -x", "holds more than a formula"),
        ("max(*x)", "holds more than a formula"),
        ("__import__('os')", 'holds "\'"'),
        ("tanh(x)[0]", "holds '['"),
        ("(x\n)", "holds '\\n'"),
        ("x" + "+x" * 249, "at most 200 parts"),
        ("-" * 60 + "x", "nested at most 40 deep"),
        ("+x" * 260, "has 520 letters"),
        ("(" * 240 + "x" + ")" * 240, "cannot be read"),
        (
            "max(x, 0)*(x > 1)",
            "holds '>'; only x, numbers, pi, e, + - * / ** and functions such as tanh are read; max, min",
        ),
        ("1/x", "is not finite at x = 0"),
        ("x**x**x**x", "is not finite at x = 3"),
        ("sqrt(abs(x))", "grows without bound at x = 0"),
    ],
)
def test_everything_else_is_refused_in_one_sentence(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        nv.activation(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_text_is_ever_run(monkeypatch: pytest.MonkeyPatch) -> None:
    nv.activation("tanh(3*x)").h(X)  # what is imported late
    for name in ("eval", "exec"):
        monkeypatch.setattr(builtins, name, None)
    assert nv.activation("tanh(2.25*x)").h(1.0) == np.tanh(2.25)


def test_expressions_serve_every_command(run: Run) -> None:
    np.save("x.npy", np.linspace(-3.0, 3.0, 400).reshape(100, 4))
    np.savez("two.npz", a=np.ones((3, 2)), b=np.ones((3, 2)))
    quick = ("--points", "11", "--samples", "20")
    done = run("plot", *quick, "--fn", "tanh,max(-2, min(2, x))")
    assert (done.exit_code, done.stderr) == (0, "wrote plot-tanh-max-2-and-min-2-and-x.png\n")
    record = read_record("plot-tanh-max-2-and-min-2-and-x.png")
    assert record is not None
    assert record["settings"]["fn"] == ["tanh", "max(-2, min(2, x))"]
    again = run("replay", "plot-tanh-max-2-and-min-2-and-x.png", "-o", "again.png")
    assert (again.exit_code, Path("again.png").read_bytes()) == (
        0,
        Path("plot-tanh-max-2-and-min-2-and-x.png").read_bytes(),
    )
    told = run("calibrate", "x.npy", "--fn", "tanh(2*x)", "--alpha", "1", "--target-grad", "0.1")
    assert "noisyviz plot --fn 'tanh(2*x)' --unit nan" in told.stderr
    assert run("compare", *quick, "--fn", "tanh(2*x)", "--unit", "nan,nani").exit_code == 0
    assert run("profile", "two.npz", "--array", "a=max(0, x)@1,b=tanh(x)").exit_code == 0
    noted = run("estimate", "--fn", "x/(1 + exp(-x))", "--at", "0")
    assert "note: function 'x/(1 + exp(-x))': the function is not monotone" in noted.stderr


@pytest.mark.parametrize("text", ["x/sqrt(1 + x**2)", "(exp(x) - exp(-x))/(exp(x) + exp(-x))"])
def test_rounding_of_a_derivative_far_out_makes_no_turn(text: str) -> None:
    """Both rise everywhere, although the computed derivative has either sign where its terms cancel."""
    h = nv.activation(text)
    assert (h.turns, h.thresholds) == ((), (-1.0, 1.0))


@pytest.mark.parametrize(
    "text", ["x/sqrt(1 + x**2)", "hard-tanh(x)*exp(-x**2)", "max(-1, min(1, x/2))", "x/(1 + abs(x))"]
)
def test_a_bounded_expression_gives_its_values_and_slopes_at_once(text: str) -> None:
    h = nv.activation(text)
    x = np.array([-1e300, -1e6, -2.0, -0.3, 0.0, 1.0, 2.0, 40.0, 1e200, np.nan])
    assert h.pair_function is not None
    value, slope = h.pair_function(x)
    np.testing.assert_array_equal(value, h.h(x))
    np.testing.assert_array_equal(slope, h.derivative(x))
