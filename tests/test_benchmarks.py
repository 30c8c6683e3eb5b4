"""What the benchmarks compare computes the same; how long it takes is never tested."""

import numpy as np
import pytest

import noisyviz as nv
from benchmarks import rivals
from benchmarks.timing import Row, exponent, medians, peak_mib

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
