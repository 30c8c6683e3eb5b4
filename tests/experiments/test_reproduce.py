"""``noisyviz reproduce``, and what runs and figures draw: from tiny runs, and from made-up folders."""

import csv
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Read, Run, listing, rows

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from noisyviz.cli import reproduce as command  # noqa: E402
from noisyviz.cli import run_pictures  # noqa: E402
from noisyviz.experiments import reproduce  # noqa: E402
from noisyviz.experiments.checkpoint import Held  # noqa: E402
from noisyviz.experiments.reproduce import Job, fitted, runs_of  # noqa: E402
from noisyviz.experiments.settings import Settings  # noqa: E402

UNITS = ["soft", "hard", "leak-a1.15", "nan-a1.15-c0.5", "nan-a1.15-c30-0.5-paper"]


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny runs of one task, in this process."""
    sizes = {"unique": {"small": {"updates": 4, "curriculum": False, "hidden": 4, "batch": 4, "every": 2}}}
    monkeypatch.setattr("noisyviz.experiments.settings.PRESETS", sizes)
    monkeypatch.setattr(command, "PRESETS", sizes)
    monkeypatch.setattr("noisyviz.experiments.unique.TESTED", 60)


def begin(run: Run, *words: str) -> Any:
    return run(
        "reproduce", "--workers", "1", "--seeds", "1,2", "--minutes", "5", "--format", "svg", "-o", "out", *words
    )


def test_reproduce_trains_all_units_compares_them_and_goes_on_where_it_was_stopped(run: Run) -> None:
    result = begin(run)
    assert result.exit_code == 0, result.stderr
    assert "10 runs to train, about" in result.stderr
    assert "unique: 10 runs" in result.stderr
    assert "10/10 unique" in result.stderr
    assert "of 2 intervals of 95 %, 0.1 leave out 0 by chance" in result.stderr
    table = rows(result.stdout, "\t")
    assert [row["unit"] for row in table] == UNITS
    assert {row["seeds"] for row in table} == {"2"}
    assert [bool(row["noise"]) for row in table] == [False, False, False, True, True]
    kept = ["curves.csv", "curves.svg", "differences.csv", "differences.svg", "manifest.json", "plan.json", "runs"]
    assert listing("out") == [*kept, "units-unique.csv", "units-unique.svg"]

    values = {
        (unit, seed): json.loads(Path(f"out/runs/unique/{unit}/seed-{seed}/run.json").read_text())["metrics"][
            "test_error"
        ]
        for unit in UNITS
        for seed in (1, 2)
    }
    with Path("out/differences.csv").open() as file:
        told = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(told) == 4 + 4 + 2
    for row in told:
        names = {"nan, c = 0.5": UNITS[3], "nan, c = 30 to 0.5": UNITS[4], "leak": UNITS[2]}
        unit, control = (names.get(row[key], row[key]) for key in ("unit", "control"))
        gaps = [values[unit, seed] - values[control, seed] for seed in (1, 2)]
        assert float(row["difference"]) == pytest.approx(sum(gaps) / 2, abs=1e-9)
        # Student's t with one degree of freedom: 12.7062
        assert float(row["high"]) - float(row["low"]) == pytest.approx(12.7062 * abs(gaps[0] - gaps[1]), abs=1e-3)
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert [one["file"] for one in manifest["figures"]] == ["curves.svg", "differences.svg", "units-unique.svg"]
    for one in manifest["figures"] + manifest["data"]:
        assert hashlib.sha256(Path("out", one["file"]).read_bytes()).hexdigest() == one["sha256"]

    shutil.rmtree("out/runs/unique/soft/seed-2")
    again = begin(run)
    assert "1 runs to train" in again.stderr
    assert "1/1 unique soft seed 2: done after 4 of 4 updates" in again.stderr
    assert again.stdout.splitlines()[0] == result.stdout.splitlines()[0]
    assert [{**row, "seconds": ""} for row in rows(again.stdout, "\t")] == [{**row, "seconds": ""} for row in table]


def test_a_plan_trains_nothing_and_what_does_not_fit_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "trial", lambda _: 27.0)
    result = begin(run, "--plan")
    assert result.exit_code == 0
    assert "10 runs to train, about 4.5 minutes with 1 at a time; 5 minutes are given" in result.stderr
    assert listing("out") == ["plan.json"]
    result = run("reproduce", "--workers", "1", "--minutes", "2", "-o", "out")
    assert result.exit_code == 2
    assert "unique is left out: it would take 11.2 minutes more" in result.stderr
    assert result.stderr.endswith("--minutes must be more for any task to fit: the shortest takes about 11.2 minutes\n")
    result = begin(run, "--updates", "3")
    assert result.exit_code == 2
    assert "was begun with other --updates (those of the presets)" in result.stderr
    Path("out/plan.json").write_text("{}")
    assert "is no plan of noisyviz reproduce" in begin(run).stderr


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_a_folder_belongs_to_one_run_at_a_time(run: Run) -> None:
    Path("out").mkdir()
    held = Held(Path("out"))
    result = begin(run, "--plan")
    assert (result.exit_code, list(Path("out").iterdir())) == (2, [])
    assert "out is being written by another process" in result.stderr
    held.close()
    assert begin(run, "--plan").exit_code == 0


def test_a_task_that_lacks_a_package_is_left_out_and_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "trial", lambda _: "the task needs a package")
    result = begin(run)
    assert result.exit_code == 1
    assert "unique is left out: the task needs a package" in result.stderr
    sizes = {name: {"small": {"updates": 4}} for name in ("digits", "unique", "words")}
    monkeypatch.setattr("noisyviz.experiments.settings.PRESETS", sizes)
    monkeypatch.setattr(command, "PRESETS", sizes)
    monkeypatch.setattr(reproduce, "trial", lambda one: "it lacks a package" if one.task == "unique" else 0.1)
    lines = [line.removeprefix("noisyviz: ").strip() for line in begin(run, "--plan").output.splitlines()]
    assert [line.partition(":")[0] for line in lines if " runs, " in line] == ["digits", "words"]


def test_runs_stop_in_time_and_keep_what_they_did(tmp_path: Path) -> None:
    job = Job(settings=Settings(task="unique"), folder=tmp_path / "run", seconds=1.0, until=0.0)
    assert reproduce.train_one(job) == "unique soft seed 0: not begun, the time is up"
    assert not job.folder.exists()


def test_the_longest_tasks_are_left_out_and_the_rest_goes_seed_by_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "noisyviz.experiments.settings.PRESETS", {name: {"small": {"updates": 1}} for name in ("unique", "a", "b")}
    )
    tasks = {
        name: runs_of(name, tmp_path, {"soft": soft, "noisy": 2.0 * soft}, seeds=None, options={})
        for name, soft in (("unique", 1.0), ("a", 10.0), ("b", 2.0))
    }
    assert [len(jobs) for jobs in tasks.values()] == [25, 15, 15]  # five seeds of unique
    budget = fitted(tasks, limit_s=60.0, workers=2)  # 45 + 270 + 54 seconds of work
    assert budget.left_out == {"a": 270.0}
    assert budget.seconds == pytest.approx((45.0 + 54.0) / 2)
    assert [job.settings.seed for job in budget.jobs] == sorted(job.settings.seed for job in budget.jobs)
    assert {job.settings.task for job in budget.jobs[:10]} == {"unique", "b"}
    assert budget.jobs[0].settings.task == "b"
    for seed in (1, 2):
        folder = tmp_path / "b" / "soft" / f"seed-{seed}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps({"state": "done" if seed == 1 else "stopped"}))
    assert fitted(tasks, limit_s=60.0, workers=2).seconds == pytest.approx((45.0 + 52.0) / 2)


# Made-up runs.


def made_up(folder: Path, task: str, curve: str, units: str = "", **changes: Any) -> None:
    folder.mkdir(parents=True)
    (folder / "curve.csv").write_text(curve)
    if units:
        (folder / "units.csv").write_text(units)
    settings: dict[str, Any] = {
        "activation": "soft",
        "alpha": None,
        "alpha_sigmoid": None,
        "c": None,
        "p": "unit",
        "anneal": None,
    }
    settings |= {"preset": "small", "options": {}}
    record: dict[str, Any] = {
        "task": task,
        "label": "soft",
        "activation": "soft",
        "seed": 1,
        "state": "done",
        "metric": "train_nll",
    }
    record |= {"lower_is_better": True, "metrics": {"train_nll": 0.5}, "settings": settings, "data": {"sha256": "0"}}
    (folder / "run.json").write_text(json.dumps({**record, "seconds": 1.0, **changes}))


CURVE = "step,seconds,c,loss,train_nll\n10,1,0,2.0,1.5\n20,2,0,1.0,0.5\n"


def test_figures_draw_own_runs_beside_the_papers_curves(run: Run, document: Read) -> None:
    made_up(Path("mine/one"), "digits", CURVE)
    found = document("figures", "--edition", "v3", "--only", "5,9", "--runs", "mine")["figures"]
    assert found["5"]["runs"]["value"] == [1.5, 0.5]
    assert found["5"]["runs"]["updates"] == [10.0, 20.0]
    assert "runs" not in found["9"]  # no runs of words
    for words, reason in (
        (("--only", "7"), "--runs needs runs of words, and mine holds runs of digits"),
        (("--only", "1"), "--runs needs a figure of learning curves"),
    ):
        result = run("figures", *words, "--runs", "mine", "-o", "out")
        assert result.exit_code == 2
        assert reason in result.stderr
    assert not Path("out").exists()


def test_runs_are_drawn(run: Run) -> None:
    made_up(Path("mine/one"), "digits", CURVE)
    result = run("runs", "mine", "-o", "a.svg", "--with-data")
    assert result.exit_code == 0, result.stderr
    with Path("a.csv").open() as file:
        told = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [(row["quantity"], float(row["value"])) for row in told] == [
        *(("training loss", 2.0), ("training loss", 1.0), ("train nll", 1.5), ("train nll", 0.5)),
    ]
    for words, reason in (
        (("--draw", "units"), "--draw units needs a run that logged its units, and mine holds none"),
        (("--draw", "differences"), "--draw differences needs two units with a finished run of one seed"),
        (("--task", "unique"), "--task must be one of digits, got 'unique'"),
    ):
        result = run("runs", "mine", "-o", "b.svg", *words)
        assert result.exit_code == 2
        assert reason in result.stderr
    assert not Path("b.svg").exists()


def test_units_are_averaged_over_arrays_by_what_they_are_means_of(tmp_path: Path) -> None:
    head = "step,array,fn,units,samples,share_saturated,share_flat,response_saturated,noise_rms_saturated\n"
    one, two = "0,x,hard-tanh,2,10,0.5,0,0.75,3.0\n", "0,y,hard-tanh,4,10,0.125,0.5,nan,nan\n"
    three = "0,z,hard-tanh,1,20,0.25,0,-0.5,1.0\n"
    made_up(tmp_path / "run", "digits", CURVE, head + one + two + three)
    picture = run_pictures.units(run_pictures.read(tmp_path), "digits")
    assert picture is not None
    values = {panel.y: panel.lines[0].y[0] for panel in picture.panels}
    assert values["saturated (share)"] == pytest.approx((20 * 0.5 + 40 * 0.125 + 20 * 0.25) / 80)
    assert values["flat units (share)"] == pytest.approx(40 * 0.5 / 80)
    assert values["response, sat. (u′)"] == pytest.approx((10 * 0.75 - 5 * 0.5) / 15)
    assert values["noise, sat. (u′)"] == pytest.approx(((10 * 9.0 + 5 * 1.0) / 15) ** 0.5, rel=1e-5)
    assert (picture.panels[0].title, picture.panels[0].y) == ("digits: tanh", "training loss")
