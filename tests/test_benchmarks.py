"""What the benchmarks compare computes the same; how long it takes is never tested."""

import re
from pathlib import Path

import numpy as np
import pytest

import noisyviz as nv
from benchmarks import accuracy, rivals
from benchmarks.timing import Row, exponent, medians, peak_mib
from noisyviz.networks.calibrate import effect, for_noise, normal_input

SAMPLES = 200_000
X = np.array([-3.0, -1.5, 0.4, 1.2, 3.5])


@pytest.mark.parametrize(
    ("rival", "unit"),
    [
        (rivals.numpy_output_noise, nv.NoisyUnit("hard-tanh", kind="nan", alpha=0.9, c=0.5, p=1.0)),
        (rivals.numpy_input_noise, nv.NoisyUnit("tanh", kind="nani", c=0.5)),
    ],
)
def test_the_plain_broadcast_estimates_what_the_exact_road_gives(rival: rivals.Rival, unit: nv.NoisyUnit) -> None:
    mean, square, grad, grad_square, zero, wrong = rival(X, SAMPLES, np.random.default_rng(1))
    exact = nv.exact(unit, X)
    near = 5.0 / np.sqrt(SAMPLES)
    assert np.all(np.abs(mean - exact.mean) <= near * exact.std + 1e-12)
    assert np.all(np.abs(grad - exact.grad_mean) <= near * exact.grad_std + 1e-12)
    np.testing.assert_allclose(np.sqrt(np.maximum(square - mean**2, 0.0)), exact.std, rtol=0.02, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(grad_square), exact.grad_rms, rtol=0.02)
    assert np.all(np.abs(zero - exact.p_zero) <= near)
    assert np.all(np.abs(wrong - exact.p_wrong) <= near)


def test_exponents_are_those_of_a_power_law() -> None:
    slope, constant = exponent([10.0, 100.0, 1000.0], [3e-2, 3e-3, 3e-4])
    assert (slope, constant) == pytest.approx((-1.0, 0.3))


def test_verdicts_follow_the_target() -> None:
    assert Row(what="a", value=1.5, target=1.5).verdict == "pass"
    assert Row(what="a", value=1.6, target=1.5).verdict == "fall short"
    assert Row(what="a", value=49.0, target=50.0, at_least=True).verdict == "fall short"
    assert Row(what="a", value=1.0).verdict == ""


def test_pieces_of_work_are_taken_in_turn() -> None:
    calls: list[str] = []
    medians([lambda: calls.append("a"), lambda: calls.append("b")], repeats=2)
    assert calls == ["a", "b", "a", "b", "a", "b"]


def test_peak_memory_sees_what_is_allocated() -> None:
    bare = peak_mib("import numpy as np")
    assert 90.0 <= peak_mib("import numpy as np; a = np.ones(100 * 2**17)") - bare <= 130.0


def test_intervals_hold_the_exact_value_as_often_as_the_docs_say() -> None:
    """300 seeds know a coverage to 2 %; spreads of even draws under heavy tails are the worst of the table."""
    text = (Path(__file__).parents[1] / "docs" / "theory.md").read_text(encoding="utf-8")
    for sampler in ("iid", "stratified"):
        row = re.search(rf"\| {sampler} \|(?: [0-9.]+ to [0-9.]+ \|){{3}} ([0-9.]+) \|", text)
        assert row is not None
        unit = accuracy.UNITS["nan"].replace(noise="student-t:5")
        found = accuracy.covered(unit, sampler, seeds=300)
        assert 100.0 * found["std"].min() == pytest.approx(float(row[1]), abs=7.0)
        assert (found["mean"] >= 0.91).all()


def test_relative_errors_leave_out_what_is_next_to_nothing() -> None:
    assert accuracy.off((1.0, 2.0), (1.0, 2.02)) == pytest.approx(0.01)
    assert accuracy.off((1.0, 1e-9), (1.001, 1.0)) == pytest.approx(0.001)


@pytest.mark.parametrize(("kind", "c"), [("nani", 0.003), ("nanis", 0.1), ("nanil", 8.0), ("nah", 1.0)])
def test_what_is_measured_over_a_normal_input_is_that_of_many_samples(kind: str, c: float) -> None:
    unit = nv.NoisyUnit("hard-tanh", kind=kind, alpha=1.0, c=c)
    known = accuracy.root_mean_squares(unit, *accuracy.dense(unit))
    found = effect(unit, for_noise(unit, normal_input(0.0, 2.0, unit.activation), bits=3))
    assert accuracy.off(known, (found.bias_rms, found.grad_rms_saturated)) <= 1e-3
