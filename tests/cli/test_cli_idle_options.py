"""An option that changes nothing is said to."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Run

PLOT = ("plot", "--points", "9", "--samples", "5", "-o", "a.png", "--force")
ONE_PANEL = (*PLOT, "--panels", "activation")
ESTIMATE = ("estimate", "--at", "0,2", "--samples", "10")
MAP = ("compare", "--map", "bias_rms", "--alpha", "1,0.9", "--c", "1,2", "--points", "9", "-o", "m.png", "--force")
ANNEAL = ("anneal", "--steps", "3", "--trajectories", "4", "--json")


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        ((*ESTIMATE, "--unit", "nani", "--p", "2", "--scale", "figure"), ["--p has no effect: nani ignores it"]),
        ((*ESTIMATE, "--unit", "nanis", "--scale", "figure"), ["--scale has no effect: nanis ignores it"]),
        (
            (*ESTIMATE, "--unit", "nah", "--p", "2", "--scale", "own.py:sigma"),
            ["--p has no effect: nah with a scale of your own ignores it"],
        ),
        ((*ESTIMATE, "--unit", "add", "--p", "2"), ["--p has no effect: add ignores it"]),
        ((*ESTIMATE, "--unit", "none", "--c", "2"), ["--c has no effect: none ignores it"]),
        ((*ESTIMATE, "--unit", "none", "--noise", "laplace"), ["--noise has no effect: none ignores it"]),
        ((*ESTIMATE, "--unit", "nanil-softplus", "--scale", "eq9"), ["--scale has no effect: nanil-softplus"]),
        ((*ONE_PANEL, "--unit", "nanil", "--alpha", "1.1"), ["--alpha has no effect: nanil ignores it"]),
        (("compare", "--unit", "nani,nanis", "--p", "2", "--json"), ["--p has no effect: these kinds ignore it"]),
        (("compare", "--unit", "nani", "--p", "1,2", "--json"), ["--p has no effect: nani ignores it"]),
        (("profile", "a.npy", "--unit", "nani", "--p", "2"), ["--p has no effect: nani ignores it"]),
        (("profile", "a.npy", "--shares-only", "--c", "2"), ["--c has no effect: --shares-only computes no noise"]),
        (
            ("calibrate", "a.npy", "--by", "rms", "--unit", "nani", "--scale", "eq9"),
            ["--scale has no effect: nani ignores it"],
        ),
        ((*ANNEAL, "--every", "3"), ["--every has no effect: only the schedule 'paper' falls in steps"]),
        ((*ANNEAL, "--unit", "nani", "--alpha", "1"), ["--alpha has no effect: nani ignores it"]),
        ((*ANNEAL, "--style", "dark"), ["--style has no effect: no picture is written"]),
        (("plot", "--json", "--width", "icml"), ["--width has no effect: no picture is written"]),
        (("plot", "--json", "--panels", "sigma"), ["--panels has no effect: no picture is written"]),
        (("profile", "a.npy", "--style", "dark"), ["--style has no effect: no picture is written"]),
        (("figures", "--only", "1", "--json", "--format", "png"), ["--format has no effect: no picture is written"]),
        ((*ONE_PANEL, "--svg-text"), ["--svg-text has no effect: no SVG is written"]),
        (("plot", "--json", "--force"), ["--force has no effect: nothing is written"]),
        ((*PLOT, "--panels", "delta"), ["--samples has no effect: only the panel 'activation' shows draws"]),
        ((*PLOT[:3], "--panels", "delta", "-o", "b.png", "--seed", "3"), ["--seed has no effect: only the panel"]),
        (("figures", "--only", "7", "--json", "--scale", "eq9"), ["--scale has no effect: no figure of 7 shows sigma"]),
        (
            ("figures", "--only", "1", "--json", "--seed", "4"),
            ["--seed has no effect: no figure of 1 has random draws"],
        ),
        (
            (*MAP, "--samples", "5", "--seed", "1", "--panels", "sigma"),
            ["--samples has no effect: --map", "--seed has no effect: --map", "--panels has no effect: --map"],
        ),
        ((*MAP, "--samples", "5", "--with-data"), []),
        (("figures", "--only", "4", "--json", "--scale", "eq9", "--seed", "4"), []),
        ((*PLOT[:-3], "--svg-text", "-o", "a.svg", "--force", "--panels", "activation"), []),
        ((*ESTIMATE, "--unit", "nan", "--alpha", "1", "--c", "1", "--p", "1", "--scale", "eq9"), []),
        ((*ANNEAL, "--every", "3", "--schedule", "paper,linear"), []),
        ((*ANNEAL, "--style", "dark", "--animate", "a.gif"), []),
        ((*ONE_PANEL, "--style", "dark", "--width", "icml"), []),
    ],
)
def test_an_option_that_does_nothing_is_said(words: tuple[str, ...], idle: list[str], run: Run, folder: Path) -> None:
    np.save(folder / "a.npy", np.linspace(-3.0, 3.0, 400).reshape(100, 4))
    (folder / "own.py").write_text("import numpy as np\n\n\ndef sigma(x):\n    return np.exp(-np.asarray(x) ** 2)\n")
    told = run(*words)
    assert told.exit_code == 0, told.stderr
    notes = [line for line in told.stderr.splitlines() if "has no effect" in line]
    for note in idle:
        assert any(line.startswith(note) for line in notes), told.stderr
    assert bool(notes) is bool(idle)
    assert len(set(notes)) == len(notes)
    if "list" not in words:
        assert "has no effect" not in run(*words, "-q").stderr
