"""How runs end: by a signal, on a full disk, at weights that are no numbers; and the best model, which they keep."""

import json
import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from conftest import Run, Start, rows

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from noisyviz.experiments import loop, unique  # noqa: E402
from noisyviz.experiments.checkpoint import read_checkpoint  # noqa: E402
from noisyviz.experiments.settings import Settings  # noqa: E402


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(unique, "TESTED", 50)


def begun(folder: Path, updates: int = 40) -> loop.Run:
    sizes = {"updates": updates, "hidden": 8, "batch": 8, "every": 10}
    return loop.begin(Settings(task="unique", seed=3, options=sizes), folder)


def measured(run: loop.Run, errors: list[float], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Let a run measure these errors, and return a list that takes its weights each time."""
    seen: list[dict[str, Any]] = []

    def measure() -> dict[str, float]:
        seen.append({name: value.clone() for name, value in run.task.model.state_dict().items()})
        return {"test_error": errors[len(seen) - 1]}

    monkeypatch.setattr(run.task, "measure", measure)
    return seen


TERMINATED = """
import signal
from noisyviz.experiments import loop, unique

unique.TESTED = 50
honest = loop.Run.update

def interrupted(self):
    if self.step == 1:
        signal.raise_signal(signal.SIGTERM)
    return honest(self)

loop.Run.update = interrupted
from noisyviz.cli.process import run
run()
"""


@pytest.mark.skipif(os.name == "nt", reason="this system ends processes without a word")
def test_a_signal_saves_and_ends_with_its_code(start: Start, run: Run, tmp_path: Path) -> None:
    process = start(TERMINATED, "train", "unique", "--updates", "3")
    out, told = process.communicate(timeout=120)
    assert (process.returncode, out) == (143, ""), told
    assert "stopped at update 2 of 3; noisyviz train --resume runs" in told
    folder = tmp_path / "runs" / "unique" / "soft" / "seed-1"
    record = json.loads((folder / "run.json").read_text())
    assert (record["state"], record["updates"]) == ("stopped", 2)
    assert 0.0 <= record["metrics"]["test_error"] <= 100.0
    assert rows(run("train", "--resume", str(folder)).stdout, "\t")[0]["updates"] == "3"


def test_a_second_signal_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(tmp_path / "run")
    honest = run.task.loss

    def twice(step: int) -> Any:
        signal.raise_signal(signal.SIGINT)
        if step == 0:
            signal.raise_signal(signal.SIGINT)
        return honest(step)

    monkeypatch.setattr(run.task, "loss", twice)
    with pytest.raises(KeyboardInterrupt):
        run.go()
    assert run.step == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_best_model_is_kept_with_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(tmp_path / "run")
    seen = measured(run, [30.0, 20.0, 20.0, 25.0], monkeypatch)
    run.go()
    kept = torch.load(tmp_path / "run" / "best.pt", weights_only=True)
    assert (kept["row"]["step"], kept["row"]["test_error"]) == (20, 20.0)
    assert all(torch.equal(value, seen[1][name]) for name, value in kept["model"].items())
    assert not all(torch.equal(value, seen[3][name]) for name, value in kept["model"].items())
    assert json.loads((tmp_path / "run" / "run.json").read_text())["best"] == {"updates": 20, "test_error": 20.0}
    begun(tmp_path / "run")
    assert not (tmp_path / "run" / "best.pt").exists()


@pytest.mark.parametrize("free", [True, False])
def test_a_full_disk_does_not_end_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: bool) -> None:
    run = begun(tmp_path / "run")
    told: list[str] = []
    seen = measured(run, [30.0, 20.0, 25.0, 25.0], monkeypatch)
    synced = os.fsync

    def full(descriptor: int) -> None:
        if run.step < 40 or not free:
            raise OSError(28, "No space left on device")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    if free:
        assert run.go(tell=told.append) == "done"
    else:
        with pytest.raises(OSError, match="No space left"):
            run.go(tell=told.append)
    assert run.step == 40
    assert "cannot be saved now (No space left on device); training goes on" in told[1]
    monkeypatch.undo()
    assert read_checkpoint(tmp_path / "run")["step"] == (40 if free else 0)
    assert (tmp_path / "run" / "best.pt").exists() is free
    if free:
        kept = torch.load(tmp_path / "run" / "best.pt", weights_only=True)["model"]
        assert all(torch.equal(value, seen[1][name]) for name, value in kept.items())
    assert sorted(path.suffix for path in (tmp_path / "run").iterdir() if path.name.startswith(".")) == []


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    honest = run.task.optimizer.step

    def broken() -> None:
        honest()
        if run.step == 19:
            with torch.no_grad():
                next(iter(run.task.model.parameters())).view(-1)[0] = math.inf

    run.task.optimizer.step = broken
    with pytest.raises(loop.DivergedError, match="a weight after update 20 is not finite"):
        run.go()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "diverged"
    assert read_checkpoint(tmp_path / "run")["step"] == 10


def test_time_is_kept_for_the_evaluation_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, now = begun(tmp_path / "run"), [0.0]
    honest, update = run.task.measure, run.update

    def measure() -> dict[str, float]:
        now[0] += 5.0
        return honest()

    def second() -> bool:
        now[0] += 1.0
        return update()

    monkeypatch.setattr("noisyviz.experiments.loop.time.monotonic", lambda: now[0])
    monkeypatch.setattr(run.task, "measure", measure)
    monkeypatch.setattr(run, "update", second)
    assert run.go(limit_s=28.0) == "stopped"
    assert now[0] == 28.0  # 18 updates, an evaluation after the tenth, and one at the end
    assert run.step == 18
