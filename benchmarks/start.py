"""Whole programs: start-up against bare scripts, and the time of all figures."""

import struct
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

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
        found += again(repeats=repeats)
        return [*found, Row(what=f"`noisyviz figures`, {files} files", value=whole, unit="s", target=20.0)]


def again(*, repeats: int) -> list[Row]:
    """Return the lines about one picture drawn again and again in one process, each time with another c."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from noisyviz.export.render import drawn, rc_settings
    from noisyviz.export.styled import styled
    from noisyviz.pictures.overview.picture import Overview

    times: list[list[float]] = []
    for turn in range(repeats + 2):
        picture = Overview(fn=("tanh",), c=0.5 + 0.01 * turn)
        kept: list[Any] = []
        compute = seconds(lambda picture=picture, kept=kept: kept.append(picture.compute()))  # type: ignore[misc]
        with styled(rc_settings("screen")):
            build = seconds(lambda picture=picture, kept=kept: kept.append(drawn(picture, kept[0], 6.75)))  # type: ignore[misc]
            render = seconds(FigureCanvasAgg(kept[1]).draw)
        times.append([compute, build, render])
    parts = zip(("compute", "build", "render"), *times[2:], strict=True)
    return [
        Row(what=f"`plot` again in one process with another c: {name}", value=1e3 * median(one), unit="ms")
        for name, *one in parts
    ]
