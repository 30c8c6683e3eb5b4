"""Whole programs: start-up against bare scripts, and the time of all figures."""

import struct
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import Row, medians, program, seconds

HERE = Path(__file__).parent


def rows(*, quick: bool) -> list[Row]:
    """Return the lines about whole programs."""
    noisyviz = Path(sys.executable).with_name("noisyviz")
    repeats = 5 if quick else 15
    with tempfile.TemporaryDirectory() as folder:
        words = {"_NOISYVIZ_COMPLETE": "complete_bash", "COMP_WORDS": "noisyviz\nplot\n--fn\nta", "COMP_CWORD": "3"}
        helping, completing, typer = medians(
            [
                program(str(noisyviz), "--help", folder=folder),
                program("env", *(f"{key}={value}" for key, value in words.items()), str(noisyviz), folder=folder),
                program(sys.executable, "-c", "import typer", folder=folder),
            ],
            repeats=repeats,
        )
        draw = program(str(noisyviz), "plot", "--fn", "tanh", "-o", "a.png", folder=folder)
        draw()
        width, height = struct.unpack(">II", (Path(folder) / "a.png").read_bytes()[16:24])
        size = [str(width / 300), str(height / 300), "300"]
        bare = program(sys.executable, str(HERE / "bare_plot.py"), *size, folder=folder)
        ours, theirs = medians([draw, bare], repeats=repeats)
        found = [
            Row(
                what="`noisyviz --help` against `python -c 'import typer'`",
                value=helping / typer,
                target=1.6,
                note=f"{1e3 * helping:.0f} ms",
            ),
            Row(
                what="completing `--fn ta` against `python -c 'import typer'`",
                value=completing / typer,
                target=1.0,
                note=f"{1e3 * completing:.0f} ms",
            ),
            Row(
                what=f"`noisyviz plot --fn tanh -o a.png` against a bare Matplotlib script, {width} × {height} px",
                value=ours / theirs,
                target=1.6,
                note=f"{1e3 * ours:.0f} ms",
            ),
        ]
        whole = seconds(program(str(noisyviz), "figures", "-q", "--out", "figures", folder=folder))
        files = sum(1 for _ in (Path(folder) / "figures").iterdir())
        return [*found, Row(what=f"`noisyviz figures`, {files} files", value=whole, unit="s", target=20.0)]
