"""What every test shares: no display, and ways to run the command line and to read what it leaves behind."""

import contextlib
import csv
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer.main
from typer.testing import CliRunner, Result

os.environ["MPLBACKEND"] = "Agg"

Run = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]
Read = Callable[..., dict[str, Any]]

# As if started from a shell: signals are heard, even where the tests themselves run under nohup.
HEARING = """\
if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
"""


@pytest.fixture(autouse=True, scope="session")
def hearing() -> None:
    """Hear Ctrl-C, also where the tests run under nohup or as a background job."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _built_once() -> Iterator[None]:
    """Build the commands once in a process, as a command line does: Typer's runner builds them anew for every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.testing._get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(autouse=True, scope="session")
def _formulas_parsed_once() -> Iterator[None]:
    """Keep what Matplotlib parses for the whole process, not for one picture: a quarter of the time of all drawing."""
    import matplotlib as mpl
    from matplotlib.mathtext import MathTextParser

    parser: Any = MathTextParser
    parse = getattr(getattr(parser, "_parse_cached", None), "__wrapped__", None)  # private: it may go
    if parse is None:
        yield
        return
    names = [name for name in mpl.rcParams if name.startswith(("font.", "mathtext.", "text."))]

    @lru_cache(10_000)
    def parsed(output: str, _rc: tuple[str, ...], *formula: Any) -> Any:
        return parse(parser(output), *formula)

    def kept(self: Any, *formula: Any) -> Any:
        output = {"vector": "path", "raster": "agg"}[self._output_type]
        return parsed(output, tuple(str(mpl.rcParams[name]) for name in names), *formula)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parser, "_parse_cached", kept)
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with no settings of a terminal."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS"):
        monkeypatch.setenv(name, "")  # so that what a run sets is undone, as --no-color does
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a fifth of the dots per inch unless a test asks for some; tests/export hold those of the styles."""
    from noisyviz.pictures.shared import style

    fewer = {name: {**rc, "savefig.dpi": rc["savefig.dpi"] / 5.0} for name, rc in style.STYLES.items()}
    monkeypatch.setattr(style, "STYLES", fewer)


@pytest.fixture
def few_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calibrate by a sixth of the noise levels, for commands of which only the end is asked."""
    from noisyviz.networks import calibrate

    monkeypatch.setattr(calibrate, "_LEVELS", calibrate._LEVELS[::6])


@pytest.fixture
def run(folder: Path, coarse: None) -> Run:  # noqa: ARG001  # entered, not read
    """Run a command line, given as words, in an empty folder."""
    from noisyviz.cli.app import app
    from noisyviz.export.styled import take_missing

    take_missing()  # letters without a font, in pictures of other tests

    def invoke(*words: str) -> Result:
        return CliRunner().invoke(app, words)

    return invoke


@pytest.fixture
def document(run: Run) -> Read:
    """Run a command line with ``--json`` and return its document, which holds neither NaN nor Infinity."""

    def read(*words: str, code: int = 0) -> dict[str, Any]:
        result = run(*words, "--json")
        assert result.exit_code == code, result.stderr
        return strict_json(result.stdout)

    return read


class Seen(NamedTuple):
    """What a person sees of a run."""

    exit_code: int
    stdout: str
    stderr: str


class Screen(io.TextIOWrapper):
    """A stream that calls itself a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Seen]:  # noqa: ARG001  # entered, not read
    """Run a command line with a terminal without colours, as wide as asked for, on both streams."""
    from noisyviz.cli.app import app

    def invoke(*words: str, width: int = 80) -> Seen:
        out, err = (Screen(io.BytesIO(), encoding="utf-8") for _ in range(2))
        code: Any = 0
        with monkeypatch.context() as patch:
            patch.setenv("COLUMNS", str(width))
            patch.setenv("NO_COLOR", "1")
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            try:
                app(list(words))
            except SystemExit as end:
                code = end.code or 0
        told = []
        for stream in (out, err):
            stream.flush()
            told.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]  # of a BytesIO
        return Seen(int(code), *told)

    return invoke


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start interpreters that hear interrupts, each the head of a process group that is gone after the test."""
    started: list[subprocess.Popen[str]] = []

    def launch(script: str, *words: str, **options: Any) -> "subprocess.Popen[str]":
        path = tmp_path.with_name(f"{tmp_path.name}-{len(started)}.py")
        path.write_text(HEARING + script)
        defaults: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": tmp_path}
        process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, str(path), *words], start_new_session=True, **defaults | options
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


@cache
def computed(picture: Any) -> Any:
    """Return the numbers of a picture, computed once in a process; nobody changes them."""
    return picture.compute()


def wait_for(happened: Callable[[], bool], process: "subprocess.Popen[str]", *, patience_s: float = 120.0) -> None:
    """Return once something has happened; fail when the process ends before, or after a patience beyond any load."""
    deadline = time.monotonic() + patience_s
    while not happened():
        if process.poll() is not None:
            pytest.fail(f"the process ended with {process.returncode}")
        if time.monotonic() > deadline:
            pytest.fail(f"nothing happened for {patience_s} s")
        time.sleep(0.01)


def crossed(*ways: Iterable[Any], keep: int = 3) -> list[Any]:
    """Return all combinations of some parameters, of which one in `keep` runs by default and the rest is a sweep.

    What is kept holds every value of each, and, of three with at least `keep` values, every pair of two.
    """
    numbered = (enumerate(way) for way in ways)
    return [
        pytest.param(*(value for _, value in one), marks=[pytest.mark.sweep] if sum(k for k, _ in one) % keep else [])
        for one in itertools.product(*numbered)
    ]


def refuse(constant: str) -> float:
    """Answer what JSON has no number for."""
    raise AssertionError(f"{constant} is no JSON")


def strict_json(text: str) -> dict[str, Any]:
    """Read one JSON object without NaN and Infinity."""
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found


def listing(folder: str = ".") -> list[str]:
    """Return the names in a folder, in order."""
    return sorted(path.name for path in Path(folder).iterdir())


def settings(path: str) -> dict[str, Any]:
    """Return the settings inside a picture."""
    from noisyviz.export.provenance import read_record

    record = read_record(path)
    assert record is not None
    found: dict[str, Any] = record["settings"]
    return found


def rows(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the rows of a table, each by the names of its columns."""
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
