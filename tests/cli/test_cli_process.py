"""Signals end a command in order and leave nothing behind, and closed standard streams change no result."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run, Start, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals and numbered streams")

QUICK_PLOT = ("plot", "--points", "9", "--samples", "5", "--panels", "sigma", "--force", "-o", "a.png")
QUICK_TABLE = ("estimate", "--at", "0", "--samples", "10", "-o", "a.csv")


def shell(redirection: str, *words: str) -> "subprocess.CompletedProcess[str]":
    command = f'exec "$0" -m noisyviz "$@" {redirection}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable, *words], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(
    ("redirection", "words", "code", "said"),
    [
        ("<&- >&- 2>&-", QUICK_TABLE, 0, ""),
        ("2>&-", QUICK_TABLE, 0, ""),
        (">&-", QUICK_PLOT, 0, "wrote a.png\n"),
        ("2>/dev/full", QUICK_TABLE, 0, ""),
        ("2>&-", ("estimate", "--at", "0", "--c", "-1"), 2, ""),
        ("<&-", ("profile", "-"), 2, "standard input, which is closed here"),
        (">&-", ("plot", "-o", "-", "--format", "png"), 2, "standard output is closed"),
        (">&-", ("list", "units"), 0, ""),
        (">/dev/full", ("list", "units"), 1, "standard output cannot be written: no space left on device"),
        (">/dev/full", ("--help",), 1, "noisyviz: standard output cannot be written: no space left on device\n"),
    ],
)
def test_a_closed_or_full_stream_changes_no_result(
    redirection: str, words: tuple[str, ...], code: int, said: str, folder: Path
) -> None:
    done = shell(redirection, *words)
    assert done.returncode == code
    assert said in done.stderr
    assert (done.stderr == "") is (said == "")
    assert done.stdout == ""
    if words in (QUICK_PLOT, QUICK_TABLE):
        assert [path.name for path in folder.iterdir()] == [words[-1]]


def test_the_number_of_a_closed_stream_goes_to_no_file(folder: Path) -> None:
    """What is written to standard output by number must not end up in a file that was opened later."""
    script = (
        "import os\nfrom noisyviz.cli.process import open_streams\nopen_streams()\n"
        "file = open('a.txt', 'w')\nassert file.fileno() > 2\nos.write(1, b'lost')\nprint('lost too')\n"
    )
    (folder / "a.py").write_text(script)
    done = subprocess.run(["sh", "-c", 'exec "$0" a.py <&- >&- 2>&-', sys.executable], check=False, timeout=120)
    assert done.returncode == 0
    assert (folder / "a.txt").read_text() == ""


WAITING = """
if __name__ == "__main__":
    from noisyviz.cli import main

    main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_takes_the_copy_of_standard_input_along(number: int, code: int, start: Start, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = start(WAITING, "profile", "-", stdin=subprocess.PIPE, text=False, env=os.environ | {"TMPDIR": str(scratch)})
    assert run.stdin is not None
    run.stdin.write(b"1,2\n" * 1_000_000)  # type: ignore[arg-type]  # bytes here
    wait_for(lambda: any(scratch.glob("*/*")), run)
    run.send_signal(number)
    assert run.wait(timeout=30) == code
    assert run.stderr is not None
    assert run.stderr.read() == b""  # type: ignore[comparison-overlap]
    assert list(scratch.iterdir()) == []


DRAWING = """
import os
import time
from pathlib import Path

from noisyviz.pictures.overview.picture import Overview


def compute(self):
    Path(f"working-{os.getpid()}").touch()
    time.sleep(600)


Overview.compute = compute
if __name__ == "__main__":
    from noisyviz.cli import main
    from noisyviz.export import figures
    from noisyviz.pictures import paper

    picture = paper.Figure(shows="", picture="plot", settings={})
    paper.EDITIONS = {"icml": {str(n): picture for n in range(4)}}
    figures.processors = lambda: 2
    main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_processes_that_draw_end_with_their_parent(number: int, code: int, start: Start, tmp_path: Path) -> None:
    run = start(DRAWING, "figures", "-o", "out")
    wait_for(lambda: len(list(tmp_path.glob("working-*"))) == 2, run)
    run.send_signal(number)
    assert run.wait(timeout=120) == code
    deadline = time.monotonic() + 120.0
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(run.pid, 0)  # the group: processes that draw, and the one that tracks their resources
            time.sleep(0.01)
        pytest.fail("a process is left")
    assert not (tmp_path / "out").exists()
    if number == signal.SIGTERM:  # after a kill, Python's own tracker of resources says what it cleared up
        assert run.stderr is not None
        assert run.stderr.read() == ""


def test_an_interrupt_while_modules_load_prints_nothing(start: Start, tmp_path: Path) -> None:
    script = """
import sys
import time
from pathlib import Path


class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "noisyviz.cli.app":
            Path("loading").touch()
            time.sleep(600)


if __name__ == "__main__":
    from noisyviz.cli import main

    sys.meta_path.insert(0, Slow())
    main()
"""
    run = start(script, "list")
    wait_for((tmp_path / "loading").exists, run)
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=120) == ("", "")
    assert run.returncode == 130


def test_what_the_parent_ignores_stays_ignored(start: Start, tmp_path: Path) -> None:
    script = """
import os
import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    from noisyviz.cli import estimate, main

    def compute(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGHUP)
        raise SystemExit("still here")

    estimate.compute = compute
    main()
"""
    run = start(script, "estimate", "--at", "0")
    _, told = run.communicate(timeout=120)
    assert run.returncode == 2
    assert "sys.exit('still here')" in told
    assert list(tmp_path.iterdir()) == []


def test_an_end_that_python_would_swallow_is_kept() -> None:
    script = (
        "import sys\nfrom noisyviz.cli.process import Ended, _unraisable\nsys.unraisablehook = _unraisable\n"
        "class Swallows:\n    def __del__(self):\n        raise Ended(15)\n"
        "one = Swallows()\ndel one\nprint('went on')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_a_function_that_leaves_the_program_does_not_end_it_in_success(run: Run, folder: Path) -> None:
    for place, body in {"first": "sys.exit(0)", "later": "sys.exit(0) if x.size == 9 else None\n    return x"}.items():
        (folder / f"leaving_{place}.py").write_text(f"import sys\n\ndef f(x):\n    {body}\n")
        result = run("plot", "--fn", f"leaving_{place}:f", *QUICK_PLOT[1:])
        assert result.exit_code == 2, place
        assert "SystemExit" in result.stderr or "sys.exit(0)" in result.stderr
        assert not (folder / "a.png").exists()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            r"class E(BaseException): pass" + "\n" + r'def f(x): raise E("\x1b[31mred\nlines\x07")',
            r"E: \x1b[31mred\nlines\x07",
        ),
        ("def f(x): raise GeneratorExit", "GeneratorExit"),
        ("class E(Exception):\n  def __str__(self): raise RuntimeError\ndef f(x): raise E", "its text fails"),
        ("def f(x): raise ValueError('long ' * 9999)", "ValueError: long long"),
        ("def f(x):\n  if x.size == 9: raise ValueError('late')\n  return x", "ValueError: late"),
        ("raise GeneratorExit", "could not be loaded (GeneratorExit)"),
    ],
)
def test_whatever_an_own_function_raises_is_one_sentence(run: Run, folder: Path, body: str, told: str) -> None:
    (folder / "own.py").write_text(body + "\n")
    result = run("estimate", "--fn", "own.py:f", "--points", "9", "--xlim", "0", "1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.rstrip("\n").isprintable()
    assert len(result.stderr) < 600


def test_an_interrupt_in_an_own_function_stays_one(start: Start, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("def f(x): raise KeyboardInterrupt\n")
    run = start("from noisyviz.cli import main\nmain()\n", "estimate", "--fn", "own.py:f", "--at", "0")
    run.communicate(timeout=120)
    assert run.returncode == 130


def test_what_an_own_function_prints_is_not_in_the_document(run: Run, folder: Path) -> None:
    (folder / "own.py").write_text("print('loading')\ndef f(x):\n  print('called')\n  return x / (1 + abs(x))\n")
    result = run("estimate", "--fn", "own.py:f", "--at", "0", "--json", "--samples", "100")
    assert json.loads(result.stdout)["config"]["fn"] == "own.py:f"
    assert "loading" in result.stderr
    assert "called" in result.stderr


@pytest.mark.parametrize("words", ["plot", "train unique"])  # PyTorch's libraries end a process there
def test_a_current_folder_that_is_gone_is_said(words: str, tmp_path: Path) -> None:
    script = f'mkdir gone && cd gone && rmdir ../gone && exec "$0" -m noisyviz {words}'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (
        2,
        "noisyviz: the current folder does not exist any more; go to one that does\n",
    )
