"""The commands of README and of the pages run as they are written, in their order, from an empty folder.

Those of docs/cli.md are the examples of the help (tests/cli/test_cli.py); those that need PyTorch are run with its
pages (test_docs_own_network.py, tests/pytorch, tests/experiments); tests/gallery.py makes the figures of the gallery.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import Run

from noisyviz.export import figures

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": 16,
    "docs/start.md": 7,
    "docs/choose.md": 3,
    "docs/explore.md": 2,
    "docs/annealing.md": 1,
    "docs/gallery.md": 3,
    "docs/figure-4.md": 3,
}
"""At least so many commands are there."""
ELSEWHERE = re.compile(r"noisyviz (train|runs|reproduce|--install-completion|list`)|docs/data/|venv|pip install")


def commands(page: str) -> Iterator[str]:
    """The lines of shell blocks and the inline commands that begin with noisyviz."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    inline = re.findall(r"`(noisyviz [a-z][^`]*-[^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [*"".join(blocks).splitlines(), *inline]:
        line = line.removeprefix(".venv/bin/")
        seen = page == "docs/gallery.md" and re.match("noisyviz (figures|calibrate|compare)", line)  # also in choose.md
        if line.startswith("noisyviz ") and not (seen or ELSEWHERE.search(line)):
            yield line


@pytest.mark.usefixtures("few_levels")
@pytest.mark.parametrize("page", PAGES)
def test_commands_run_as_written(run: Run, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.setattr(typer, "launch", lambda _file: 0)
    monkeypatch.setattr(figures, "processors", lambda: 1)  # this one, which keeps what it has parsed
    monkeypatch.setenv("DISPLAY", ":0")
    if page == "README.md":
        assert run("plot", "--fn", "tanh").exit_code == 0  # the end of the first command, which .ci/run runs
    elif page != "docs/start.md":  # which every reader has read
        assert run("sample").exit_code == 0
    rows = np.random.default_rng(0).normal(0.0, 3.0, (40, 3))
    np.savetxt("mine.csv", rows, delimiter=",", header="a,b,c", comments="")
    lines = list(commands(page))
    assert len(lines) >= PAGES[page]
    for line in lines:
        words, _, file = line.partition(" > ")
        done = run(*shlex.split(words, comments=True)[1:])
        assert done.exit_code == 0, f"{line}: {done.stderr}"
        if file:
            Path(file).write_text(done.stdout)
        named = [word for flag, word in zip(words.split(), words.split()[1:], strict=False) if flag == "-o"]
        assert [name for name in named if not Path(name).exists()] == [], line
        for told in re.findall(r"^wrote (.*)$", done.stderr, flags=re.MULTILINE):
            assert Path(told).stat().st_size > 0
