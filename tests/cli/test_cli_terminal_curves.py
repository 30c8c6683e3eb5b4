"""Curves as text: where their marks stand, and that they fit 80 × 24 without colour and in any encoding."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Run, Seen, listing

from noisyviz.cli import text_charts
from noisyviz.cli.text_charts import HEIGHT, Chart, text
from noisyviz.errors import MissingExtraError

pytest.importorskip("uniplot", reason="uniplot is not installed; the extra 'terminal' holds it")

COMMANDS = {
    "plot": (("--fn", "hard-tanh", "--unit", "nah"), ("E φ", "h", "u", "5 %", "95 %")),
    "compare": (("--unit", "nan,nah", "--alpha", "0.9,1.15"), ("nan, alpha 0.9", "nah, alpha 1.15")),
    "anneal": (("--steps", "20", "--trajectories", "16"), ("annealed", "constant c", "no noise", "leak alone")),
    "profile": (("gates.npz",), ("one", "two")),
}


def box(chart: str) -> list[str]:
    """The rows inside the frame."""
    return [line[1 : line.rindex("│")] for line in chart.split("\n") if line.startswith("│")]


def marked(chart: str, mark: str) -> list[tuple[float, float]]:
    """Where a mark stands inside the frame, as shares of its width and height from the lower left."""
    rows = box(chart)
    return [
        ((k + 0.5) / len(row), 1.0 - (number + 0.5) / len(rows))
        for number, row in enumerate(rows)
        for k, letter in enumerate(row)
        if letter == mark
    ]


def test_marks_stand_where_the_curve_runs() -> None:
    x = np.linspace(-2.0, 3.0, 301)
    chart = text(Chart(title="A parabola", curves={"square": (x, x * x), "line": (x, 2.0 * x)}), width=80)
    for mark, curve in (("o", x * x), ("+", 2.0 * x)):
        places = marked(chart, mark)
        assert len(places) > 20
        for across, up in places:
            at = -2.0 + 5.0 * across
            low, high = -4.0 - 0.05 * 13.0, 9.0 + 0.05 * 13.0
            near = curve[np.abs(x - at) < 0.1]
            pitch = (high - low) / HEIGHT
            assert near.min() - pitch <= low + up * (high - low) <= near.max() + pitch
    assert "oo square   ++ line" in chart


def test_what_is_not_finite_is_a_gap() -> None:
    x = np.linspace(-1.0, 1.0, 200)
    y = np.where(np.abs(x) < 0.5, np.nan, np.where(x > 0.8, np.inf, x))
    places = [across for across, _ in marked(text(Chart(title="t", curves={"y": (x, y)}), width=80), "o")]
    assert min(places) < 0.05
    assert not any(0.27 < across < 0.73 for across in places)
    assert max(places) < 0.92
    nothing = Chart(title="t", curves={"y": (x, np.full(200, np.nan))})
    assert text(nothing, width=80) == "t: no finite number"


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    x = np.linspace(-1.0, 1.0, 50)
    curves = {f"a rather long name of curve {k}": (1e-9 * x, 1e12 + 1e9 * k * x) for k in range(6)}
    chart = text(
        Chart(title="A title that is far longer than a narrow terminal is wide" * 2, curves=curves), width=width
    )
    assert max(len(line) for line in chart.split("\n")) <= width


def test_flat_curves_have_an_axis() -> None:
    x = np.linspace(-1.0, 1.0, 50)
    for level in (0.0, 3.0, -1e-3):
        assert len(marked(text(Chart(title="t", curves={"y": (x, np.full(50, level))}), width=80), "o")) > 50


@pytest.fixture
def gates(folder: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(folder / "gates.npz", one=rng.normal(size=(200, 3)), two=rng.normal(2.0, 0.5, size=(200, 3)))


@pytest.mark.usefixtures("gates")
@pytest.mark.parametrize("command", COMMANDS)
def test_charts_fit_a_small_terminal_and_no_file_is_written(terminal: Callable[..., Seen], command: str) -> None:
    words, labels = COMMANDS[command]
    seen = terminal(command, *words, "--terminal", width=80)
    assert seen.exit_code == 0, seen.stderr
    assert "\x1b" not in seen.stdout
    pattern = r"^ .*\n┌─+┐\n(?:│.*\n)+└─+┘\n.*\n(?: *(?P<mark>[o+x*#@])(?P=mark) .*\n)+"
    charts = [found[0] for found in re.finditer(pattern, seen.stdout, flags=re.MULTILINE)]
    assert len(charts) == seen.stdout.count("┌")
    for chart in charts:
        assert chart.count("\n") <= 22
        assert max(map(len, chart.split("\n"))) <= 80
    legend = " ".join(charts[0].split("┘")[1].split())
    assert all(label in legend for label in labels)
    marks = re.findall(r"([o+x*#@])\1 ", legend)
    assert len(marks) == len(set(marks)) >= len(labels)
    assert b"?" not in seen.stdout.encode("ascii", errors="noisyviz")  # what an ASCII stream gets, see the next test
    assert listing() == ["gates.npz"]


def test_an_ascii_locale_gets_ascii() -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    words = [sys.executable, "-m", "noisyviz", "plot", *COMMANDS["plot"][0], "--terminal", "-q"]
    done = subprocess.run(words, capture_output=True, env=environment, check=True)
    assert max(done.stdout) < 128
    assert b"?" not in done.stdout
    assert b"+-----" in done.stdout


def test_a_file_is_written_where_one_is_named(run: Run) -> None:
    result = run("plot", "--terminal", "-o", "a.svg", "--panels", "sigma", "--points", "21")
    assert (result.exit_code, result.stderr) == (0, "wrote a.svg\n")
    assert result.stdout.count("┌") == 1


def test_several_functions_share_a_chart(run: Run) -> None:
    chart = run("plot", "--fn", "tanh,relu", "--unit", "none", "--terminal", "--panels", "activation").stdout
    assert "oo tanh   ++ relu" in chart
    assert max(up for _, up in marked(chart, "+")) > max(up for _, up in marked(chart, "o"))


def test_many_units_are_divided_among_charts(run: Run) -> None:
    words = ("--alpha", "0.9,1,1.1,1.2", "--c", "0.1,0.5", "--panels", "activation", "--terminal", "--points", "21")
    assert re.findall(r"\((\d of \d)\)", run("compare", *words).stdout) == ["1 of 2", "2 of 2"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("plot", "--terminal", "--json"), "--json and --terminal both write to standard output"),
        (("plot", "--terminal", "-o", "-", "--format", "svg"), "-o - and --terminal both write to standard output"),
        (
            ("profile", "gates.npz", "--terminal", "--shares-only"),
            "--shares-only omits the numbers that --terminal shows",
        ),
        (("plot", "--terminal", "--show"), "--show needs a picture in a file"),
    ],
)
@pytest.mark.usefixtures("gates")
def test_what_cannot_go_together_is_refused(run: Run, words: tuple[str, ...], told: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert listing() == ["gates.npz"]


def test_without_uniplot_the_extra_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(text_charts, "find_spec", lambda name: None if name == "uniplot" else found(name))
    result = run("plot", "--terminal")
    assert result.exit_code == MissingExtraError.exit_code == 1
    assert "pip install 'noisyviz[terminal]'" in result.stderr
    assert listing() == []
