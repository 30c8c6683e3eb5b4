"""`sample` writes real pre-activations that ship with the package; pictures without a name tell what was asked for."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Run

import noisyviz as nv
from noisyviz.cli.sample import FILE


def test_the_sample_is_small_real_and_can_be_written_again(run: Run) -> None:
    for _ in range(2):
        done = run("sample")
        assert (done.exit_code, done.stderr) == (0, "wrote gates.npz\n")
    assert Path("gates.npz").read_bytes() == FILE.read_bytes()
    assert FILE.stat().st_size < 100_000
    original = Path(__file__).parents[1] / "data" / "gates.npz"
    with np.load("gates.npz") as ours, np.load(original) as theirs:
        assert ours.files == theirs.files
        for name in ours.files:  # rounded to half precision
            np.testing.assert_allclose(ours[name], theirs[name], rtol=2.0**-11, atol=1e-7)
            assert nv.profile(ours[name], fn="sigmoid").total.samples == 128
    Path("gates.npz").write_text("mine")
    done = run("sample")
    assert (done.exit_code, Path("gates.npz").read_text()) == (2, "mine")
    assert "use --force to replace it" in done.stderr
    assert run("sample", "-o", "other.npz", "-q").exit_code == 0


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("plot --unit nah --alpha 1.15 --c 0.5", "plot-tanh-nah-a1.15-c0.5.png"),
        ("plot --fn relu,tanh --noise student-t:5 --scale figure --p -2", "plot-relu-tanh-p-2-figure-student-t-5.png"),
        ("plot --fn sigmoid --data in/gates.npz:input_gate", "plot-sigmoid-gates-input_gate.png"),
        ("compare --alpha 0.9,1", "compare-tanh-a0.9-1.png"),
        ("anneal --steps 20 --trajectories 4 --fn tanh --c-start 5 --c-end 0.25", "anneal-tanh-from5-to0.25.png"),
        ("explore --c 1e-3", "explore-tanh-c0.001.html"),
        (f"plot --fn {'+'.join(['tanh(x)'] * 20)}", "plot-" + "tanh-x-plus-" * 7 + "tanh-x-plus"),
    ],
)
def test_pictures_without_a_name_tell_what_was_asked_for(run: Run, words: str, name: str) -> None:
    Path("in").mkdir()
    assert run("sample", "-o", "in/gates.npz", "-q").exit_code == 0
    quick = ("--points", "11", "--samples", "10") if words.startswith(("plot", "compare")) else ()
    done = run(*words.split(), *quick)
    assert done.exit_code == 0, done.stderr
    (found,) = [path.name for path in Path().iterdir() if path.is_file()]
    assert found == name or (len(words) > 100 and found.startswith(name) and len(found) < 120)
