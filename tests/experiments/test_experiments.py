"""The experiments: their data against Python itself, training that goes on after any end, files that stay whole."""

import contextlib
import csv
import doctest
import gzip
import io
import json
import math
import os
import signal
import struct
import subprocess
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Start, wait_for

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

import noisyviz as nv  # noqa: E402
from noisyviz.cli.runs import entry  # noqa: E402
from noisyviz.errors import InputError  # noqa: E402
from noisyviz.experiments import digits, execute, loop, make_task, programs, recall, unique  # noqa: E402
from noisyviz.experiments.checkpoint import read_checkpoint, write_whole  # noqa: E402
from noisyviz.experiments.comparison import compared, grouped  # noqa: E402
from noisyviz.experiments.settings import ACTIVATIONS, PRESETS, Settings  # noqa: E402
from noisyviz.experiments.unique import sequences  # noqa: E402

SIZES: dict[str, dict[str, Any]] = {
    "unique": {"updates": 40, "hidden": 16, "batch": 32, "every": 10},
    "execute": {"updates": 40, "hidden": 24, "batch": 8, "rows": 251, "every": 10},
    "words": {"updates": 40, "hidden": 12, "layers": 1, "batch": 4, "window": 8, "every": 10},
    "characters": {"updates": 40, "hidden": 12, "batch": 4, "window": 8, "lr": 0.02, "every": 10},
    "recall": {
        **{"updates": 40, "bits": 2, "vectors": 1, "most": 2, "hidden": 16, "rows": 4, "width": 5, "batch": 16},
        **{"lr": 0.05, "every": 10},
    },
    "digits": {"updates": 40, "hidden": 16, "batch": 16, "every": 10},
}


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread and a small test set: these tests ask for equality, not for good numbers."""
    torch.set_num_threads(1)
    monkeypatch.setattr(unique, "TESTED", 300)
    monkeypatch.setattr(execute, "TESTED_ROWS", 151)
    monkeypatch.setattr(recall, "TESTED", 20)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Made-up images in MNIST's format: each digit is a bright row of its own, under noise."""
    rng, folder = np.random.default_rng(0), tmp_path / "mnist"
    folder.mkdir()
    for name, count in (("train", 200), ("t10k", 50)):
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = rng.integers(0, 60, (count, 10, 10)).astype(np.uint8)
        images[np.arange(count), labels] += 150
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">ii", 0x0801, count) + labels.tobytes())
        head = struct.pack(">iiii", 0x0803, count, 10, 10)
        (folder / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + images.tobytes()))
    return folder


@pytest.fixture
def ptb(tmp_path: Path) -> Path:
    """A made-up folder in the form of Penn Treebank's."""
    folder = tmp_path / "ptb"
    folder.mkdir()
    for name, count in (("train", 30), ("valid", 3), ("test", 3)):
        (folder / f"ptb.{name}.txt").write_text(" a dog sees N cats \n the <unk> sleeps \n" * count)
    return folder


Make = Callable[..., Settings]


@pytest.fixture
def small(mnist: Path, ptb: Path) -> Make:
    """Return settings of a run of a second."""

    def settings(task: str, activation: str = "nan", **changes: Any) -> Settings:
        own = {"data": str(mnist if task == "digits" else ptb)} if "data" in PRESETS[task]["small"] else {}
        sizes = SIZES[task] | own | changes.pop("options", {})
        return Settings(task=task, activation=activation, seed=changes.pop("seed", 3), options=sizes, **changes)

    return settings


def weights(run: loop.Run) -> dict[str, Any]:
    return {name: value.clone() for name, value in run.task.model.state_dict().items()}


def same(first: loop.Run, second: loop.Run) -> None:
    """Two runs came to the same weights and the same curve, bit for bit."""
    left, right = weights(first), weights(second)
    assert list(left) == list(right)
    for name, value in left.items():
        assert torch.equal(value, right[name]), name
    untimed = [[{**row, "seconds": 0.0} for row in run.rows] for run in (first, second)]
    assert untimed[0] == untimed[1]
    assert {**first.final, "seconds": 0.0} == {**second.final, "seconds": 0.0}
    assert first.profiles
    assert str(first.profiles) == str(second.profiles)  # as text, for NaN


# Data.


def printed(program: str) -> str:
    """What Python prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program.replace("#", "\n"), "program", "exec"), {})
    return out.getvalue().strip()


@pytest.mark.parametrize(("length", "nesting"), [(1, 1), (6, 3)])
def test_a_thousand_programs_print_what_the_generator_says(length: int, nesting: int) -> None:
    rng, seen = np.random.default_rng(length), set()
    for _ in range(1000):
        text = programs.program(rng, lambda: length, nesting)
        seen |= set(text)
        program, _, answer = text.partition("@")
        assert answer == printed(program) + ".", text
    assert seen <= set(programs.CHARACTERS)
    if nesting == 3:
        assert seen == set(programs.CHARACTERS)
        assert len(seen) == 42


def test_every_operation_comes_equally_often() -> None:
    rng = np.random.default_rng(0)
    texts = [programs.program(rng, lambda: 1, 1) for _ in range(3000)]
    shares = [np.mean([mark in text for text in texts]) for mark in ("for", " if ", ";", "*")]
    assert np.allclose(shares, 1 / 6, atol=0.03)  # four standard errors of a share of 3,000


@pytest.mark.parametrize("split", programs.SPLITS)
def test_columns_hold_whole_programs_of_one_split_and_mark_their_answers(split: str) -> None:
    draw = programs.strategy("mix", np.random.default_rng(1), (1, 1), (3, 2))
    text, answer = programs.matrix(np.random.default_rng(2), draw, split=split, rows=301, columns=6)
    for column in range(6):
        line = "".join(programs.CHARACTERS[k] for k in text[:, column])
        found = line.rstrip(" ").split(".")
        assert found.pop() == ""
        assert len(found) > 3
        marks = ""
        for one in found:
            assert programs.split_of(one + ".") == split
            program, _, result = one.partition("@")
            assert printed(program) == result
            marks += "0" * (len(program) + 1) + "1" * (len(result) + 1)
        assert marks.ljust(301, "0") == "".join(str(int(x)) for x in answer[:, column])


@pytest.mark.parametrize(
    ("name", "lengths", "nestings"),
    [
        ("baseline", [0, 0, 0, 1], [0, 0, 1]),
        ("naive", [0, 1, 0, 0], [1, 0, 0]),
        ("mix", [1 / 4] * 4, [1 / 3] * 3),
        ("blend", [1 / 20, 17 / 20, 1 / 20, 1 / 20], [13 / 15, 1 / 15, 1 / 15]),
    ],
)
def test_strategies_draw_as_described(name: str, lengths: list[float], nestings: list[float]) -> None:
    draw: Any = programs.strategy(name, np.random.default_rng(5), (2, 1), (4, 3))
    for axis, expected in ((0, lengths), (1, nestings)):
        drawn = np.bincount([draw(axis) for _ in range(4000)], minlength=len(expected) + 1)[1:] / 4000
        assert np.allclose(drawn, expected, atol=0.03)


def test_the_label_of_a_sequence_is_its_number_of_distinct_integers() -> None:
    x, distinct = sequences(np.random.default_rng(0), 500)
    assert x.shape == (500, 26)
    assert (x.min(), x.max()) == (0, 10)
    assert distinct.tolist() == [len(set(row)) for row in x.tolist()]


def test_the_curriculum_begins_with_two_integers_and_ends_with_all(small: Make) -> None:
    task: Any = make_task(small("unique", options={"curriculum": True}))
    assert [task.length(step) for step in (0, 59, 60, 1439, 1440, 9000)] == [2, 2, 3, 25, 26, 26]
    plain: Any = make_task(small("unique"))
    assert plain.length(0) == 26


@pytest.mark.parametrize("name", ["comparison", "programs", "settings", "text", "unique"])
def test_the_examples_of_a_module_are_so(name: str) -> None:
    found = doctest.testmod(import_module(f"noisyviz.experiments.{name}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 0
    assert found.failed == 0


# Models.


@pytest.mark.parametrize("task", SIZES)
def test_runs_of_one_seed_start_from_the_same_weights_and_see_the_same_data(small: Make, task: str) -> None:
    made = [make_task(small(task, name)) for name in ACTIVATIONS]
    soft = dict(made[0].model.named_parameters())
    for one in made[1:]:
        own = dict(one.model.named_parameters())
        assert all(name.rpartition(".")[2] in ("p", "p_l0", "p_l1") for name in own if name not in soft)
        assert all(torch.equal(value, own[name]) for name, value in soft.items())
        assert one.facts["sha256"] == made[0].facts["sha256"]
    other = dict(make_task(small(task, "soft", seed=4)).model.named_parameters())
    assert not all(torch.equal(value, other[name]) for name, value in soft.items())


@pytest.mark.parametrize(("task", "classes"), [("unique", 11), ("digits", 10)])
def test_an_untrained_model_is_at_chance(small: Make, task: str, classes: int) -> None:
    found = make_task(small(task, "soft")).measure()
    assert found["test_nll"] == pytest.approx(math.log(classes), abs=0.25)


def test_an_untrained_reader_is_at_chance_and_its_loss_is_summed_over_the_answers(small: Make) -> None:
    task: Any = make_task(small("execute", "soft"))
    loss = float(task.loss(0).detach())
    logits, _ = task.model(torch.from_numpy(task.text[:50]), None)
    total = 0.0
    for row in range(50):
        for column in range(8):
            if task.answer[row + 1, column]:
                p = np.exp(logits[row, column].detach().numpy().astype(np.float64))
                total -= math.log(p[task.text[row + 1, column]] / p.sum())
    assert loss == pytest.approx(total / 8, rel=1e-5)
    assert total / task.answer[1:51].sum() == pytest.approx(math.log(42), abs=0.1)


@pytest.mark.parametrize(("preset", "largest"), [("small", 3.0), ("paper", 0.08)])
def test_weights_start_as_the_preset_says(preset: str, largest: float) -> None:
    task = make_task(Settings(task="execute", preset=preset, options={"hidden": 8, "rows": 51, "batch": 2}))
    for name, weight in task.model.named_parameters():
        top = float(weight.detach().abs().max())
        bound = largest if name == "embedding.weight" else 0.08
        assert 0.6 * bound < top < 2.0 * bound, name


def test_programs_get_harder_when_nothing_is_gained_and_then_the_rate_falls(small: Make) -> None:
    task: Any = make_task(small("execute", "soft"))
    assert isinstance(task, execute.Execute)

    def told(train: float, valid: float) -> tuple[tuple[int, int], float]:
        task.observe({"train_accuracy": train, "valid_accuracy": valid})
        return task.current, round(task.optimizer.param_groups[0]["lr"], 6)

    for accuracy in (0.5, 0.4, 0.3, 0.2, 0.1):
        assert told(accuracy, 0.9) == ((1, 1), 0.005)
    assert told(0.49, 0.9) == ((2, 1), 0.005)  # below its value five evaluations ago
    assert told(0.1, 0.96) == ((2, 1), 0.004)  # good enough, and at the target
    for _ in range(7):
        assert not task.finished
        told(0.1, 0.96)
    assert task.finished


# Training.


@pytest.mark.parametrize("activation", ["soft", "nah"])
@pytest.mark.parametrize("task", SIZES)
def test_a_few_updates_lower_the_loss(small: Make, tmp_path: Path, task: str, activation: str) -> None:
    run = loop.begin(small(task, activation), tmp_path / "run")
    assert run.go() == "done"
    losses = [row["loss"] for row in run.rows]
    assert len(losses) == 4
    assert losses[-1] < 0.95 * losses[0]
    with (tmp_path / "run" / "curve.csv").open() as file:
        curve = list(csv.DictReader(file))
    assert [float(row["step"]) for row in curve] == [10, 20, 30, 40]
    assert [float(row["loss"]) for row in curve] == pytest.approx(losses)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["state"], record["updates"]) == ("done", 40)
    assert record["metrics"][run.task.metric] == run.rows[-1][run.task.metric]


def test_annealing_follows_the_schedule_of_the_paper(small: Make, tmp_path: Path) -> None:
    run = loop.begin(small("unique", anneal=(30.0, 0.5, "paper")), tmp_path / "run")
    model: Any = run.task.model
    assert float(model.lstm.c) == 30.0
    run.go()
    assert [row["c"] for row in run.rows] == pytest.approx([30 / math.sqrt(t + 1) for t in (10, 20, 30, 40)])
    assert float(model.lstm.c) == pytest.approx(30 / math.sqrt(41))


def test_the_leak_is_the_noisy_unit_without_noise(small: Make) -> None:
    leak: Any = make_task(small("unique", "leak")).model.train()
    x = torch.from_numpy(sequences(np.random.default_rng(0), 4)[0])
    assert torch.equal(leak(x), leak(x))
    assert (leak.lstm.kind, float(leak.lstm.c), leak.lstm.alpha, leak.lstm.alpha_sigmoid) == ("nan", 0.0, 1.15, 1.1)


@pytest.mark.parametrize("moment", [0, 13])
@pytest.mark.parametrize("task", SIZES)
def test_a_run_after_ctrl_c_is_the_run_without_it(small: Make, tmp_path: Path, task: str, moment: int) -> None:
    settings = small(task, anneal=(2.0, 0.1, "linear"))
    whole = loop.begin(settings, tmp_path / "whole")
    whole.go()
    run = loop.begin(settings, tmp_path / "run")

    def interrupt(_: float) -> None:
        if run.step > moment:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run.go(show=interrupt)
    assert signal.getsignal(signal.SIGINT) is before
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "stopped"
    again = loop.resume(tmp_path / "run")
    assert again.step == moment + 1
    assert again.go() == "done"
    same(whole, again)


KILLED = """
import sys, time
import torch
torch.set_num_threads(1)
from pathlib import Path
from noisyviz.experiments import execute, loop
from noisyviz.experiments.settings import Settings

execute.TESTED_ROWS = 151

def tell(line):
    if "update 30 " in line:  # evaluated, not yet saved
        Path("waits").touch()
        time.sleep(600)

options = {"updates": 40, "hidden": 24, "batch": 8, "rows": 251, "every": 10}
settings = Settings(task="execute", activation="nan", seed=3, anneal=(2.0, 0.1, "linear"), options=options)
loop.begin(settings, Path("run")).go(tell=tell)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system knows no SIGKILL")
def test_a_killed_run_goes_on_bit_for_bit(small: Make, tmp_path: Path, start: Start) -> None:
    whole = loop.begin(small("execute", anneal=(2.0, 0.1, "linear")), tmp_path / "whole")
    whole.go()
    process = start(KILLED, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for((tmp_path / "waits").exists, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = loop.resume(tmp_path / "run")
    assert again.step == 20
    again.go()
    same(whole, again)


def test_a_time_limit_stops_and_reports(small: Make, tmp_path: Path) -> None:
    run = loop.begin(small("unique"), tmp_path / "run")
    assert run.go(limit_s=0.0) == "stopped"
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["state"], record["updates"]) == ("stopped", 0)
    assert 0.0 <= record["metrics"]["test_error"] <= 100.0
    assert loop.resume(tmp_path / "run").go() == "done"


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(small: Make, tmp_path: Path) -> None:
    run = loop.begin(small("unique"), tmp_path / "run")
    honest = run.task.loss
    run.task.loss = lambda step: honest(step) + (math.nan if step == 24 else 0.0)  # type: ignore[method-assign]
    with pytest.raises(loop.DivergedError, match="update 25 is not finite"):
        run.go()
    assert json.loads((tmp_path / "run" / "run.json").read_text())["state"] == "diverged"
    kept = read_checkpoint(tmp_path / "run")
    assert kept["step"] == 20
    assert all(bool(torch.isfinite(value).all()) for value in kept["model"].values())


def test_a_gradient_that_is_no_number_leaves_the_weights(small: Make, tmp_path: Path) -> None:
    run = loop.begin(small("unique"), tmp_path / "run")
    before = weights(run)
    next(iter(run.task.model.parameters())).register_hook(lambda gradient: gradient * math.inf)
    assert not run.update()
    assert all(torch.equal(value, before[name]) for name, value in weights(run).items())


# Files.


def test_damaged_and_foreign_checkpoints_are_one_sentence(small: Make, tmp_path: Path) -> None:
    folder, path = tmp_path / "run", tmp_path / "run" / "checkpoint.pt"
    loop.begin(small("unique"), folder)
    whole = path.read_bytes()
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError, match="damaged"):
            loop.resume(folder)
    path.write_bytes(whole)
    content = read_checkpoint(folder)
    for change, told in (
        ({"format": 99}, "format 99"),
        ({"sha256": "0"}, "other data"),
        ({"state": "done"}, "nothing is left"),
        ({"model": {}}, "does not fit"),
        ({"versions": "x"}, "does not fit"),
        ({"model": []}, "does not fit"),
        ({"settings": {**content["settings"], "activation": "soft"}}, "does not fit"),
    ):
        torch.save({**content, **change}, path)
        with pytest.raises(InputError, match=told):
            loop.resume(folder)
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="no checkpoint"):
        loop.resume(folder)
    with pytest.raises(InputError, match="holds no checkpoint"):
        loop.resume(tmp_path)


class Evil:
    """Runs code where it is unpickled without care."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


def test_a_checkpoint_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "evil": Evil()}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match="damaged"):
        loop.resume(tmp_path)
    assert not Path("evil").exists()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_images_and_labels_are_read_as_written(mnist: Path) -> None:
    (x, y), (test, labels) = digits.read_idx(str(mnist))
    raw = (mnist / "train-labels-idx1-ubyte").read_bytes()[8:]
    assert y.tolist() == list(raw)
    assert (x.shape, test.shape, labels.shape) == ((200, 100), (50, 100), (50,))
    bright = x.reshape(200, 10, 10).mean(axis=2).argmax(axis=1)
    assert bright.tolist() == y.tolist()
    assert 0.0 <= x.min() < x.max() <= 1.0


@pytest.mark.parametrize(
    ("name", "payload", "told"),
    [
        ("train-labels-idx1-ubyte", None, "holds no train-labels"),
        ("train-labels-idx1-ubyte", b"", "no IDX file"),
        ("train-labels-idx1-ubyte", struct.pack(">ii", 0x0803, 200) + bytes(200), "no IDX file"),
        ("train-labels-idx1-ubyte", struct.pack(">ii", 0x0801, 200) + bytes(199), "must hold 200 bytes"),
        ("train-labels-idx1-ubyte", struct.pack(">ii", 0x0801, 199) + bytes(199), "199 for 200 images"),
        ("train-labels-idx1-ubyte", struct.pack(">ii", 0x0801, 200) + bytes([10] * 200), "from 0 to 9, got 10"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(b"abc" * 99, mtime=0)[:-9], "no complete gzip file"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(b"abc" * 99, mtime=0)[:10] + b"\xff" * 9, "no complete gzip file"),
        ("t10k-images-idx3-ubyte.gz", gzip.compress(bytes(70 << 20), mtime=0), "must hold at most 67108864 bytes"),
    ],
)
def test_bad_images_are_one_sentence(mnist: Path, name: str, payload: bytes | None, told: str) -> None:
    (mnist / name).unlink()
    if payload is not None:
        (mnist / name).write_bytes(payload)
    with pytest.raises(InputError, match=told):
        digits.read_idx(str(mnist))


def table_of_images(path: Path, *rows: str) -> str:
    with gzip.open(path, "wt") as file:
        file.write("\n".join(rows) + "\n")
    return str(path)


@pytest.mark.parametrize("named", [False, True])
def test_digits_read_a_table_of_images(tmp_path: Path, named: bool) -> None:
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (20, 9)), np.arange(20) % 10
    rows = [
        ",".join(map(str, [label, *own] if named else [*own, label])) for own, label in zip(pixels, labels, strict=True)
    ]
    head = [",".join(["label", *(f"pixel{at}" for at in range(9))])] if named else []
    (x, y), (test, test_labels) = digits.read_images(table_of_images(tmp_path / "images.csv.gz", *head, *rows))
    assert (x.shape, test.shape, x.dtype, y.dtype) == ((16, 9), (4, 9), np.float32, np.int64)
    both = np.column_stack([np.concatenate([x, test]) * 255.0, np.concatenate([y, test_labels])]).round().astype(int)
    assert sorted(both.tolist()) == sorted(np.column_stack([pixels, labels]).tolist())


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["0,256,1", *["0,9,2"] * 9], "pixels that are whole numbers from 0 to 255"),
        (["0,0.5,1", *["0,9,2"] * 9], "pixels that are whole"),
        (["0,,1", *["0,9,2"] * 9], "pixels that are whole"),
        (["0,5,10", *["0,9,2"] * 9], "labels that are whole numbers from 0 to 9"),
        (["5,9,0"] * 9, "different labels"),
        (["5,9,0", "5,9,1"], "five images"),
        (["5,9,0,cat", "5,9,1,dog", *["5,9,1,dog"] * 9], "alone"),
        (["no table at all"], "images.csv.gz"),
    ],
)
def test_tables_that_hold_no_images_are_refused(tmp_path: Path, rows: list[str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        digits.read_images(table_of_images(tmp_path / "images.csv.gz", *rows))


def test_the_small_digits_are_those_of_scikit_learn() -> None:
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is an extra")
    (x, y), (test, labels) = digits.small_digits()
    found = datasets.load_digits()
    assert (len(x), len(test)) == (1438, 359)
    pixels = np.concatenate([x, test]) * 16.0
    both = sorted(zip(pixels.tolist(), np.concatenate([y, labels]).tolist(), strict=True))
    assert both == sorted(zip(found.data.tolist(), found.target.tolist(), strict=True))


# Comparison.


def record(activation: str, seed: int, value: float, **changes: Any) -> dict[str, Any]:
    settings = Settings(task="unique", activation=activation, seed=seed, **changes.pop("settings", {}))
    return {
        **{"task": "unique", "activation": activation, "label": settings.label, "seed": seed, "state": "done"},
        **{"metric": "test_error", "lower_is_better": True, "metrics": {"test_error": value}, "seconds": 2.0},
        **{"data": {"sha256": "a"}, "settings": settings.plain(), **changes},
    }


def test_differences_are_paired_by_seed_and_have_the_interval_of_student() -> None:
    records = [record("soft", seed, value) for seed, value in ((1, 30.0), (2, 40.0), (3, 50.0), (4, 99.0))]
    records += [record("nan", seed, value) for seed, value in ((1, 29.0), (2, 38.0), (3, 47.0))]
    records += [record("leak", 1, 20.0), record("leak", 9, 0.0), record("hard", 8, 1.0)]
    records += [record("leak", 1, 5.0, settings={"alpha": 1.0}), record("nan", 4, 1.0, state="diverged")]
    found = {group.label: gaps for group, gaps in compared(grouped(records))}
    assert list(found)[:2] == ["soft", "hard"]
    gaps = found["nan-a1.15-c0.5"]
    assert gaps["hard"] is None  # no seed in common
    assert gaps["leak"] == (1, (9.0, None))
    assert gaps["soft"] is not None
    pairs, (mean, half) = gaps["soft"]
    assert (pairs, mean) == (3, -2.0)
    assert half == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)  # t of 2 degrees of freedom; deviation 1
    assert half is not None
    told = next(entry(group, gaps) for group, gaps in compared(grouped(records)) if group.activation == "nan")
    assert told["minus"]["soft"] == {"seeds": 3, "mean": -2.0, "interval": pytest.approx([-2.0 - half, -2.0 + half])}


def test_runs_of_other_sizes_are_not_compared() -> None:
    records = [record("soft", 1, 1.0), record("nan", 1, 2.0, settings={"options": {"updates": 5}})]
    records.append(record("hard", 1, 3.0, data={"sha256": "b"}))
    assert all(gap is None for _, gaps in compared(grouped(records)) for gap in gaps.values())


def test_settings_survive_as_plain_values() -> None:
    one = Settings(task="execute", activation="nan", anneal=(30.0, 0.5, "paper"), p=0.5, options={"updates": 7})
    assert Settings.read(json.loads(json.dumps(one.plain()))) == one
    schedule = one.schedule()
    assert schedule == nv.schedule("paper", start=30.0, end=0.5, steps=7, every=1)


def test_labels_tell_units_apart() -> None:
    units: list[dict[str, Any]] = [
        *({"activation": name} for name in ACTIVATIONS),
        {"activation": "nan", "alpha": 1.0},
        {"activation": "nan", "alpha_sigmoid": 1.0},
        {"activation": "nan", "c": 1.0},
        {"activation": "nan", "p": "scalar"},
        {"activation": "nan", "p": 1.0},
        {"activation": "nan", "anneal": (30.0, 0.5, "paper")},
        {"activation": "nan", "anneal": (30.0, 0.5, "linear")},
    ]
    labels = sorted(Settings(task="unique", **unit).label for unit in units)
    assert all(first != second for first, second in pairwise(labels))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"activation": "soft", "alpha": 1.1}, "alpha has no effect on the activation soft"),
        ({"activation": "leak", "c": 1.1}, "c has no effect on the activation leak"),
        ({"activation": "hard", "anneal": (1.0, 0.0, "linear")}, "anneal has no effect"),
        ({"activation": "nan", "c": 1.0, "anneal": (1.0, 0.0, "linear")}, "leave one of them out"),
        ({"activation": "nan", "anneal": (0.5, 30.0, "paper")}, "only decreases"),
        ({"preset": "paper"}, "preset must be small for unique"),
        ({"options": {"strategy": "mix"}}, "strategy is no option of the task unique"),
        ({"task": "unqiue"}, "did you mean 'unique'"),
    ],
)
def test_settings_without_effect_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        Settings(**{"task": "unique", **changes})


@pytest.mark.skipif(os.name == "nt", reason="no locks there")
def test_a_folder_belongs_to_one_process_at_a_time(tmp_path: Path, small: Make) -> None:
    run = loop.begin(small("unique"), tmp_path / "run")
    for again in (lambda: loop.begin(small("unique"), tmp_path / "run"), lambda: loop.resume(tmp_path / "run")):
        with pytest.raises(InputError, match="is being written by another process"):
            again()
    assert run.held is not None
    run.held.close()
    assert loop.resume(tmp_path / "run").step == 0
