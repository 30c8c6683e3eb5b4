"""What holds for the command line as a whole: help, errors, streams, encodings and exit codes."""

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from conftest import Run

import noisyviz
from noisyviz.cli import app, estimate
from noisyviz.cli import terminal as output
from noisyviz.cli.progress import Bar
from noisyviz.errors import InputError, MissingExtraError, NoisyvizError, NotReachedError

COMMANDS = ["list", "estimate", "plot", "compare", "profile", "calibrate"]


def python(*words: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Run an interpreter of its own."""
    return subprocess.run([sys.executable, *words], capture_output=True, check=False, env=os.environ | environment)


def test_version_is_one_line(run: Run) -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"noisyviz {noisyviz.__version__}\n")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_begins_with_a_runnable_example_and_names_docs_and_issue_tracker(
    run: Run, command: list[str], flag: str
) -> None:
    result = run(*command, flag)
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Usage: noisyviz")
    assert lines[2].startswith("  noisyviz ")
    assert "docs/" in result.stdout
    assert "issue tracker" in result.stdout


@pytest.mark.usefixtures("few_levels")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_the_help_run(run: Run, command: str) -> None:
    lines = run(command, "-h").stdout.splitlines()
    examples = [line.split() for line in lines if line.startswith("  noisyviz ")]
    assert examples
    assert run("sample").exit_code == 0
    for words in examples:
        assert run(*words[1:]).exit_code == 0, words


def test_brackets_in_help_texts_appear_unchanged(run: Run) -> None:
    assert "FILE[:ARRAY]" in run("plot", "-h").stdout
    assert "[default: 401]" in run("estimate", "-h").stdout


def test_no_arguments_print_help_on_stdout_and_exit_2(run: Run) -> None:
    result = run()
    assert (result.exit_code, result.stderr) == (2, "")
    assert result.stdout.startswith("Usage: noisyviz")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["plto"], ["'plto'", "'plot'"]),
        (["estimate", "--fnn", "tanh"], ["--fnn", "'--fn'"]),
        (["plot", "--sylte", "dark"], ["--sylte", "'--style'"]),
        (["estimate", "--fn", "tahn"], ["--fn", "'tahn'", "'tanh'"]),
        (["estimate", "--unit", "nanill"], ["--unit", "'nanill'", "'nanil'"]),
        (["estimate", "--noise", "norml"], ["--noise", "'norml'", "'normal'"]),
        (["estimate", "--sampler", "sobl"], ["--sampler", "'sobl'", "'sobol'"]),
        (["estimate", "--scale", "eq8"], ["--scale", "'eq8'", "'eq9'"]),
        (["list", "unit"], ["GROUP", "'unit'", "'units'"]),
        (["calibrate", "--data", "a.npy"], ["--data; files need none: 'noisyviz calibrate FILE'"]),
        (["plot", "--steps", "9"], ["--steps; it belongs to anneal"]),
    ],
)
def test_a_near_miss_is_answered_with_a_suggestion(run: Run, words: list[str], parts: list[str]) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert [part for part in parts if part not in result.stderr] == []


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--c", "-1"], ["--c", "'-1'", "at least 0"]),
        (["--c", "nan"], ["--c", "'nan'", "finite"]),
        (["--alpha", "inf"], ["--alpha", "'inf'", "finite"]),
        (["--p", "x"], ["--p", "'x'", "finite"]),
        (["--alpha"], ["--alpha needs a value"]),
        (["--points", "1"], ["--points", "'1'", "2 to 1,000,000"]),
        (["--points", "1e7"], ["--points", "'1e7'", "2 to 1,000,000"]),
        (["--samples", "0"], ["--samples", "'0'", "from 1 to 1"]),
        (["--samples", "2e10"], ["--samples", "'2e10'"]),
        (["--xlim", "1", "-1"], ["--xlim", "LO < HI"]),
        (["--xlim", "1"], ["--xlim needs two values"]),
        (["--at", "nan"], ["--at", "'nan'"]),
        (["--noise", "student-t:2"], ["--noise", "2"]),
        (["--seed", "-1"], ["--seed", "'-1'"]),
        (["extra"], ["takes no argument 'extra'", "as in --fn tanh"]),
        (["--p", "1,2"], ["--p takes one value here", "'1,2'"]),
    ],
)
@pytest.mark.parametrize("command", ["estimate", "plot"])
def test_bad_values_name_flag_value_and_range_on_one_line(
    run: Run, command: str, words: list[str], parts: list[str]
) -> None:
    result = run(command, *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert [part for part in parts if part not in result.stderr] == []
    for wording in ("Value error", "Input should be", "Traceback", "pydantic"):
        assert wording not in result.stderr
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("other", [("--points", "7"), ("--xlim", "0", "1")])
def test_a_list_of_points_is_no_range(run: Run, other: tuple[str, ...]) -> None:
    result = run("estimate", "--at", "0", *other)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "--at" in result.stderr
    assert other[0] in result.stderr


def test_control_characters_of_the_user_never_reach_the_terminal(run: Run) -> None:
    result = run("estimate", "--fn", "a\x1b[31m\nb")
    assert result.exit_code == 2
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_exit_codes_are_distinct_and_as_documented() -> None:
    assert (NoisyvizError.exit_code, InputError.exit_code) == (1, 2)
    assert (MissingExtraError.exit_code, NotReachedError.exit_code) == (1, 3)
    assert "130 interrupted" in app.HELP


def test_ctrl_c_exits_130_without_a_word(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(estimate, "compute", interrupted)
    result = run("estimate", "--at", "0")
    assert (result.exit_code, result.stdout) == (130, "")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (ZeroDivisionError("division by zero"), 1, "internal error (ZeroDivisionError: division by zero)"),
        (MemoryError(), 1, "out of memory"),
        (OSError(28, "No space left on device", "a.csv"), 1, "No space left on device: a.csv"),
        (NoisyvizError("no luck"), 1, "no luck"),
        (InputError("c must be at least 0, got -1", parameter="c"), 2, "--c must be at least 0, got -1"),
        (InputError("unknown activation 'x'", parameter="fn"), 2, "--fn: unknown activation 'x'"),
        (InputError("use force to replace it", parameter="output"), 2, "use --force to replace it"),
    ],
)
def test_failures_are_one_sentence_and_debug_adds_the_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, part: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        secret_array = list(range(4321, 4400))
        raise error if secret_array else AssertionError

    monkeypatch.setattr(estimate, "compute", fails)
    result = run("estimate", "--at", "0")
    assert result.exit_code == code
    assert part in result.stderr
    assert result.stderr.count("\n") == 1
    for words in (["--debug", "estimate", "--at", "0"], ["estimate", "--at", "0", "--debug"]):
        result = run(*words)
        assert result.exit_code == code
        assert "Traceback (most recent call last)" in result.stderr
        assert part in result.stderr.splitlines()[-1]
        assert "4322" not in result.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_ends_quietly(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "noisyviz", "list"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "C locale"],
)
def test_a_small_alphabet_never_ends_the_run(environment: dict[str, str]) -> None:
    greek = (
        "from noisyviz.cli import terminal\nterminal.prepare_streams()\n"
        "terminal.write('\\u03b1')\nterminal.say('\\u0394')"
    )
    done = python("-c", greek, **environment)
    assert (done.stdout, done.stderr) == (b"alpha", b"Delta\n")
    done = python("-m", "noisyviz", "list", "activations", **environment)
    assert done.returncode == 0
    assert done.stdout.decode("ascii").startswith("group\tname\tformula\n")
    done = python("-m", "noisyviz", "estimate", "--fn", "täñh", **environment)
    assert done.returncode == 2
    assert done.stderr.decode("ascii").startswith("noisyviz: --fn")


def test_letters_that_a_stream_lacks_are_spelled_out() -> None:
    output.prepare_streams()
    assert "α·σ(Δ) ± ½ → ∞ 語".encode("ascii", errors="noisyviz") == b"alpha*sigma(Delta) +/- 1/2 -> inf ?"


def test_no_colour_leaves_no_escape_byte_on_a_terminal() -> None:
    pty = pytest.importorskip("pty")

    def seen(words: list[str], **environment: str) -> bytes:
        main_end, terminal = pty.openpty()
        settings = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
        subprocess.run(
            [sys.executable, "-m", "noisyviz", *words], stdout=terminal, stderr=terminal, env=settings, check=True
        )
        os.close(terminal)
        text = os.read(main_end, 1 << 16)
        os.close(main_end)
        return text

    assert b"\x1b" in seen(["list", "units"])
    assert b"\x1b" not in seen(["list", "units"], NO_COLOR="1")
    assert b"\x1b" not in seen(["list", "units"], TERM="dumb")
    assert b"\x1b" not in seen(["list", "units", "--no-color"])
    assert b"\x1b" in seen(["list", "units"], TERM="dumb", FORCE_COLOR="1")
    assert b"\x1b" not in seen(["list", "units"], FORCE_COLOR="1", NO_COLOR="1")


def test_force_color_colours_curves_in_a_pipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("uniplot")
    words = ("plot", "--terminal", "--panels", "gradient", "--points", "21", "--samples", "20")
    assert "\x1b" not in run(*words).stdout
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" in run(*words).stdout
    assert "\x1b" not in run(*words, "--no-color").stdout


def test_a_table_wider_than_the_terminal_stands_in_parts_and_breaks_no_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    header = ["array", "share of left", *(f"column{k}" for k in range(5))]
    rows = [["a name that is longer than half the terminal", "0.123456", *(f"{k}.2345678" for k in range(5))]]
    output.print_table("Title", header, rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].strip() == "Title"
    assert max(len(line.rstrip()) for line in lines) <= 40
    words = " ".join(lines).split()
    assert [word for word in words if "." in word] == ["0.123456", *(f"{k}.2345678" for k in range(5))]
    assert words.count("array") == 6  # the name may take half: 20 letters are left, for one number each


@pytest.mark.parametrize(("environ", "wanted"), [("TERM=xterm", True), ("NO_COLOR=1", False), ("TERM=dumb", False)])
def test_a_bar_is_for_terminals_with_colours(environ: str, wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("NO_COLOR=", "TERM=xterm", environ):
        monkeypatch.setenv(*word.split("="))
    monkeypatch.setattr(sys, "stderr", stderr := StringIO())
    assert not Bar("working").wanted
    monkeypatch.setattr(stderr, "isatty", lambda: True)
    assert Bar("working").wanted == wanted


def test_nothing_is_ever_asked(run: Run) -> None:
    for words in ([], ["list"], ["estimate", "--at", "0", "--c", "0"], ["plot", "--json"]):
        assert "?" not in run(*words).stderr
