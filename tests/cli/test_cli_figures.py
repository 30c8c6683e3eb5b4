"""`figures` fills a folder: every file whole, named in the manifest, the same on every run, and nobody else's."""

import contextlib
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run, Start, wait_for

from noisyviz.export import figures as engine
from noisyviz.export import manifest
from noisyviz.export.integrity import intact
from noisyviz.export.provenance import read_record
from noisyviz.pictures import paper
from noisyviz.pictures.overview.picture import Overview

QUICK: dict[str, Any] = {"points": 11, "samples": 9, "panels": ("sigma",)}
STAND_INS = {
    "1": paper.Figure(shows="", picture="plot", settings=QUICK),
    "2": paper.Figure(shows="", picture="plot", settings=QUICK | {"alpha": 1.1}, scaled=True),
    "extra": paper.Figure(shows="", picture="plot", settings=QUICK | {"fn": ("relu",)}),
}
TABLES = ("", "-bands", "-draws")
EMPTY = hashlib.sha256().hexdigest()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three quick pictures stand in for the paper's, drawn by this process."""
    monkeypatch.setattr(paper, "EDITIONS", {"icml": STAND_INS, "v3": {"10": STAND_INS["1"]}})
    monkeypatch.setattr(engine, "processors", lambda: 1)


def listing(folder: str = "figures") -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def expected(*labels: str, formats: tuple[str, ...] = ("pdf", "svg", "png")) -> list[str]:
    pictures = [f"figure-{label}.{fmt}" for label in labels for fmt in formats]
    return sorted([*pictures, *(f"figure-{label}{suffix}.csv" for label in labels for suffix in TABLES), manifest.NAME])


def document(folder: str = "figures") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / manifest.NAME).read_text())
    return found


def test_every_figure_comes_in_three_formats_with_its_data_and_a_manifest(run: Run) -> None:
    result = run("figures")
    assert (result.exit_code, result.stdout) == (0, "")
    assert listing() == expected("1", "2", "extra")
    lines = result.stderr.splitlines()
    assert sorted(lines) == [f"wrote figures/{name}" for name in listing()]
    assert lines[-1] == "wrote figures/manifest.json"
    with Path("figures/figure-2.csv").open() as file:
        assert file.readline().startswith("fn,x,h,")


def test_the_manifest_tells_the_truth_about_every_file_and_nothing_of_the_user(run: Run, tmp_path: Path) -> None:
    assert run("figures", "-q", "--style", "dark", "--width", "7cm").stderr == ""
    found = document()
    told = {one["file"]: one["sha256"] for one in found["figures"] + found["data"]}
    assert sorted([*told, manifest.NAME]) == listing()
    for name, digest in told.items():
        assert hashlib.sha256((Path("figures") / name).read_bytes()).hexdigest() == digest
    for one in found["figures"]:
        record = read_record(f"figures/{one['file']}")
        assert record is not None
        assert {key: record[key] for key in ("recipe", "settings", "style", "width", "seed")} == {
            key: one[key] for key in ("recipe", "settings", "style", "width", "seed")
        }
        assert (one["style"], one["width"]) == ("dark", "7cm")
    text = (Path("figures") / manifest.NAME).read_text()
    made = {Path(one["file"]).stem: (one["recipe"], one["settings"], one["seed"]) for one in found["figures"]}
    for one in found["data"]:
        stem = Path(one["file"]).stem.removesuffix("-draws").removesuffix("-bands")
        assert (one["recipe"], one["settings"], one["seed"]) == made[stem]
    for private in (str(tmp_path), str(Path.home()), time.strftime("%Y-%m")):
        assert private not in text


def test_two_runs_and_any_number_of_processes_give_the_same_bytes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    png = ("--format", "png", "--dpi", "60")  # of the other formats tests/export holds the same
    wrote = [line.removeprefix("wrote ") for line in run("figures", *png).stderr.splitlines()]
    before = {name: (Path("figures") / name).read_bytes() for name in listing()}
    assert run("figures", *png, "-q").exit_code == 0
    assert {name: (Path("figures") / name).read_bytes() for name in listing()} == before
    monkeypatch.setattr(engine, "processors", lambda: 2)
    told = run("figures", *png, "-o", "others").stderr.replace("others/", "figures/")
    assert told == "".join(f"wrote {path}\n" for path in wrote)
    assert {name: (Path("others") / name).read_bytes() for name in listing("others")} == before


def test_some_figures_formats_and_another_folder_can_be_asked_for(run: Run) -> None:
    assert run("figures", "--only", "extra,1", "--format", "png", "--out", "a").exit_code == 0
    assert listing("a") == expected("extra", "1", formats=("png",))
    assert run("figures", "--edition", "v3", "-o", "b", "--format", "svg,pdf").exit_code == 0
    assert listing("b") == expected("10", formats=("svg", "pdf"))


def test_the_scale_goes_to_the_figures_that_show_it_and_a_seed_to_all_with_draws(run: Run) -> None:
    assert run("figures", "--scale", "eq9", "--format", "png", "--seed", "7", "-q").exit_code == 0
    for label, scale in (("1", "eq9"), ("2", "eq9")):
        record = read_record(f"figures/figure-{label}.png")
        assert record is not None
        assert (record["settings"]["scale"], record["settings"]["seed"]) == (scale, 7)
    assert run("figures", "--only", "2", "--format", "png", "-q").exit_code == 0
    record = read_record("figures/figure-2.png")
    assert record is not None
    assert (record["settings"]["scale"], record["seed"]) == ("figure", 0)
    assert "seed " in run("figures", "--only", "1", "--format", "png", "--seed", "random").stderr


def test_a_later_run_keeps_what_is_still_true_in_the_manifest(run: Run) -> None:
    assert run("figures", "--format", "png", "-q").exit_code == 0
    assert run("plot", "--points", "11", "-o", "figures/mine.png", "-q").exit_code == 0
    Path("figures/figure-1.csv").write_text("changed")
    Path("figures/figure-extra.csv").unlink()
    broken = Path("figures/figure-1.png").read_bytes()[:-9]
    Path("figures/figure-1.png").write_bytes(broken)
    assert run("figures", "--only", "2", "--format", "svg", "-q").exit_code == 0
    found = document()
    assert [one["file"] for one in found["figures"]] == ["figure-2.png", "figure-2.svg", "figure-extra.png", "mine.png"]
    names = [
        *(f"figure-{stem}.csv" for stem in ("1-bands", "1-draws", "2-bands", "2-draws", "2", "extra-bands")),
        "figure-extra-draws.csv",
    ]
    assert [one["file"] for one in found["data"]] == names


def test_pictures_that_data_of_other_settings_now_stand_beside_are_named(run: Run) -> None:
    assert run("figures", "--format", "png,svg", "-q").exit_code == 0
    words = ("figures", "--only", "2", "--format", "svg", "--scale", "eq9")
    assert run(*words).stderr.splitlines()[-1] == (
        "the data files were replaced; drawn earlier with other settings: figure-2.png"
    )
    settings = {one["file"]: one["settings"] for one in document()["data"]}
    assert settings["figure-2.csv"]["scale"] == "eq9"
    assert settings["figure-1.csv"] == next(
        one["settings"] for one in document()["figures"] if one["file"] == "figure-1.png"
    )
    assert "the data beside" not in run("figures", "--only", "1", "--format", "svg").stderr


@pytest.mark.parametrize(
    "old",
    [
        "[]",
        '{"config": {"noisyviz": "1"}, "data": 3}',
        f'{{"config": {{"noisyviz": "1"}}, "data": [{{"file": "../a.csv", "sha256": "{EMPTY}"}}]}}',
        '{"config": {"noisyviz": "1"}, "data": [{"file": ["a"], "sha256": 1}, {"file": "b.csv"}]}',
        '{"config": {"noisyviz": "1"}, "data": ' + "[" * 5000,
    ],
)
def test_an_odd_earlier_manifest_does_no_harm(old: str, run: Run) -> None:
    Path("figures").mkdir()
    Path("a.csv").write_text("")
    Path("figures/manifest.json").write_text(old)
    result = run("figures", "--only", "1", "--format", "png", "-q", "--force")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [one["file"] for one in document()["data"]] == ["figure-1-bands.csv", "figure-1-draws.csv", "figure-1.csv"]


@pytest.mark.parametrize("name", ["figure-2.pdf", "figure-extra.png", "manifest.json"])
def test_a_strangers_picture_stops_the_run_before_any_work(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("figures").mkdir()
    Path("figures", name).write_text("precious")
    monkeypatch.setattr(engine, "perform", lambda _: pytest.fail("it went to work"))
    result = run("figures")
    assert result.exit_code == 2
    assert name in result.stderr
    assert "--force" in result.stderr
    assert listing() == [name]
    assert Path("figures", name).read_text() == "precious"


def test_a_strangers_data_stop_the_run_before_any_file(run: Run) -> None:
    Path("figures").mkdir()
    Path("figures/figure-extra-draws.csv").write_text("precious")
    result = run("figures", "--only", "1,extra", "--format", "png")
    assert result.exit_code == 2
    assert "figure-extra-draws.csv" in result.stderr
    assert listing() == ["figure-extra-draws.csv"]
    assert run("figures", "--only", "1,extra", "--format", "png", "--force").exit_code == 0
    assert listing() == expected("1", "extra", formats=("png",))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--only", "12"], ["--only", "'12'"]),
        (["--only", "extr"], ["--only", "did you mean 'extra'"]),
        (["--only", "1,1"], ["--only", "twice"]),
        (["--edition", "v2"], ["--edition", "icml, v3"]),
        (["--edition", "v3", "--only", "2"], ["--only '2' is in --edition icml, not in v3"]),
        (["--scale", "eq8"], ["--scale", "figure, eq9"]),
        (["--format", "jpg"], ["--format", "pdf"]),
        (["--width", "1cm"], ["--width"]),
        (["--style", "x"], ["--style"]),
        (["--seed", "-1"], ["--seed"]),
        (["-o", "missing/figures"], ["missing"]),
        (["-o", "file"], ["file", "not a folder"]),
        (["-o", "a", "-o", "b"], ["one folder"]),
        (["-o", "-"], ["folder"]),
        (["-o", ""], ["folder"]),
        (["-o", "a.png"], ["name of a folder", "'a.png'", "--format png"]),
    ],
)
def test_bad_values_are_one_line_and_leave_no_file(run: Run, words: list[str], parts: list[str]) -> None:
    Path("file").write_text("")
    result = run("figures", *words)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert [part for part in parts if part not in result.stderr] == []
    assert listing(".") == ["file"]


def test_json_prints_the_data_and_writes_nothing_unless_a_folder_is_named(run: Run) -> None:
    found = json.loads(run("figures", "--json", "--only", "2").stdout)
    assert listing(".") == []
    assert found["config"]["command"] == "figures"
    figure = found["figures"]["2"]
    recipe = Overview(**figure["settings"] | {"fn": ("tanh",), "panels": ("sigma",)})
    table = recipe.tables(recipe.compute())[""]
    np.testing.assert_array_equal(figure["data"]["x"], table["x"])
    assert set(figure) == {"recipe", "settings", "data", "bands", "draws"}
    with_files = json.loads(run("figures", "--json", "--only", "2", "-o", "a", "--format", "png").stdout)
    assert with_files["manifest"] == document("a")


def test_without_tex_pgf_is_refused_before_any_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noisyviz.export.pgf.shutil.which", lambda _: None)
    result = run("figures", "--format", "pdf,pgf")
    assert result.exit_code == 1
    assert "xelatex, lualatex, pdflatex" in result.stderr
    assert result.stderr.count("\n") == 1
    assert listing(".") == []
    assert run("plot", "-o", "a.pgf").exit_code == 1


def stop_after(count: int, error: BaseException) -> Callable[..., None]:
    replace, done = os.replace, iter(range(count))

    def stops(source: str, target: str) -> None:
        if next(done, None) is None:
            raise error
        replace(source, target)

    return stops


@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_a_run_that_breaks_off_leaves_whole_files_and_no_manifest(
    count: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "replace", stop_after(count, KeyboardInterrupt()))
    assert run("figures", "-q", "--format", "png").exit_code == 130
    found = listing()
    assert len(found) == count
    assert set(found) < set(expected("1", "2", "extra", formats=("png",)))
    assert manifest.NAME not in found
    for name in found:
        path = Path("figures", name)
        assert path.suffix == ".csv" or intact(path.read_bytes())


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="only Linux has files without a name")
@pytest.mark.parametrize("count", [2, 9])
def test_a_killed_process_leaves_only_whole_files(count: int, start: Start, tmp_path: Path) -> None:
    script = """
import itertools

from noisyviz.export.saving import write_bytes

for n in itertools.count():
    print(flush=True)
    write_bytes(f"{n % 7}.bin", b"x" * 3_000_000, force=True)
"""
    writer = start(script)
    assert writer.stdout is not None
    for _ in range(count):
        writer.stdout.readline()
    writer.kill()
    writer.wait()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) >= min(count - 1, 7)
    assert set(sizes) == {3_000_000}


SLOW = """
import os
import time
from pathlib import Path

Path(f"starting-{os.getpid()}").touch()  # by the command, and by the processes that draw, which import this file too
from noisyviz.pictures.overview.picture import Overview


def compute(self):
    Path(f"working-{os.getpid()}").touch()
    time.sleep(600)


def watch(pattern, count):
    while len(list(Path().glob(pattern))) < count:
        time.sleep(0.01)
    Path("now").touch()


Overview.compute = compute
if __name__ == "__main__":
    import sys
    import threading

    from noisyviz.cli import main
    from noisyviz.export import figures
    from noisyviz.pictures import paper

    picture = paper.Figure(shows="", picture="plot", settings={})
    paper.EDITIONS = {"icml": {str(n): picture for n in range(4)}}
    figures.processors = lambda: 2
    threading.Thread(target=watch, args=(sys.argv.pop(1), int(sys.argv.pop(1))), daemon=True).start()
    main()
"""


@pytest.mark.skipif(os.name != "posix", reason="needs process groups")
@pytest.mark.parametrize("whole_group", [True, False])
@pytest.mark.parametrize("moment", [("starting-*", "3"), ("working-*", "2")], ids=["starting", "working"])
def test_ctrl_c_ends_every_process_without_a_word(
    whole_group: bool, moment: tuple[str, str], start: Start, tmp_path: Path
) -> None:
    """Once while two processes import what they need, once while both are at work."""
    run = start(SLOW, *moment, "figures", "-o", "out")
    wait_for((tmp_path / "now").exists, run)
    (os.killpg if whole_group else os.kill)(run.pid, signal.SIGINT)
    _, told = run.communicate(timeout=120)
    assert (run.returncode, told) == (130, "")
    assert not (tmp_path / "out").exists()
    deadline = time.monotonic() + 120.0
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(run.pid, 0)
            time.sleep(0.01)
        pytest.fail("a process is left")


def test_processes_start_while_signals_are_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[Any]] = []

    class Pool:
        def __init__(self, *_: object, **__: object) -> None: ...

        def submit(self, perform: Callable[[engine.Job], engine.Done], job: engine.Job) -> "Future[engine.Done]":
            seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
            done: Future[engine.Done] = Future()
            done.set_result(perform(job))
            return done

        def shutdown(self, **_: object) -> None: ...

    monkeypatch.setattr(engine, "ProcessPoolExecutor", Pool)
    before = signal.getsignal(signal.SIGINT)
    job = engine.Job(stem="a", picture=Overview(**QUICK), formats=(), style="paper", width="icml")
    assert len(engine.perform_all([job, job, job], workers=2)) == 3
    assert all({signal.SIGINT, signal.SIGTERM} <= one for one in seen)
    assert len(seen) == 3
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert signal.getsignal(signal.SIGINT) is before
