"""``noisyviz train`` and ``noisyviz runs``."""

import json
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from conftest import Read, Run, listing, rows

from noisyviz.cli.train import read_anneal, read_seeds
from noisyviz.errors import InputError

SHORT = ("unique", "--updates", "3")


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work with a small test set."""
    if find_spec("torch") is not None:
        monkeypatch.setattr("noisyviz.experiments.unique.TESTED", 300)


def need_torch() -> Any:
    return pytest.importorskip("torch", reason="PyTorch is an extra")


def test_training_and_comparing(run: Run, document: Read) -> None:
    need_torch()
    result = run("train", *SHORT, "--activation", "soft,leak,nan", "--seeds", "1-2", "--c", "0.7")
    assert result.exit_code == 0, result.stderr
    table = rows(result.stdout, "\t")
    assert [(row["unit"], row["seed"]) for row in table[::2]] == [
        ("soft", "1"),
        ("leak-a1.15", "1"),
        ("nan-a1.15-c0.7", "1"),
    ]
    assert {row["state"] for row in table} == {"done"}
    assert "update 3 of 3" in result.stderr
    assert "paper: test error 33.28 %" in result.stderr
    assert listing("runs/unique/soft/seed-1") == ["best.pt", "checkpoint.pt", "curve.csv", "run.json", "units.csv"]
    found = document("runs", "runs")
    assert [(group["label"], group["seeds"]) for group in found["groups"]] == [
        ("soft", 2),
        ("leak-a1.15", 2),
        ("nan-a1.15-c0.7", 2),
    ]
    noisy, soft = found["groups"][2], found["groups"][0]
    gap = sum(noisy["values"][seed] - soft["values"][seed] for seed in "12") / 2
    assert noisy["minus"]["soft"]["mean"] == pytest.approx(gap)
    assert noisy["minus"]["hard"] is None
    told = rows(run("runs", "runs").stdout, "\t")
    assert [row["minus hard"] for row in told] == ["", "", ""]
    assert "±" in told[2]["minus leak"]


def test_the_document_names_metric_settings_data_and_paper(document: Read) -> None:
    need_torch()
    (one,) = document("train", *SHORT, "-q")["runs"]
    assert one == json.loads(Path("runs/unique/soft/seed-1/run.json").read_text())
    assert {"task", "activation", "seed", "settings", "metrics", "paper", "data", "seconds", "versions"} <= set(one)
    assert one["settings"]["options"]["updates"] == 3
    assert len(one["data"]["sha256"]) == 64


def test_a_run_that_exists_is_kept_without_force(run: Run) -> None:
    need_torch()
    assert run("train", *SHORT).exit_code == 0
    result = run("train", *SHORT)
    assert (result.exit_code, "holds a run" in result.stderr) == (2, True)
    assert run("train", *SHORT, "--force").exit_code == 0


def test_ctrl_c_saves_says_how_to_go_on_and_exits_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    need_torch()
    from noisyviz.experiments import loop

    honest = loop.Run.update

    def interrupted(self: Any) -> bool:
        if self.step == 1:
            signal.raise_signal(signal.SIGINT)
        return honest(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "update", interrupted)
        result = run("train", *SHORT)
    assert (result.exit_code, result.stdout) == (130, "")
    assert "stopped at update 2 of 3; noisyviz train --resume runs" in result.stderr
    again = run("train", "--resume", os.path.join("runs", "unique", "soft", "seed-1"))
    assert again.exit_code == 0, again.stderr
    assert rows(again.stdout, "\t")[0]["updates"] == "3"
    done = run("train", "--resume", "runs/unique/soft/seed-1")
    assert (done.exit_code, "nothing is left" in done.stderr) == (2, True)


def test_a_time_that_is_over_stops_every_run_and_runs_leaves_them_out(run: Run) -> None:
    need_torch()
    result = run("train", *SHORT, "--seeds", "1,2", "--minutes", "1e-9")
    assert result.exit_code == 0
    assert [row["state"] for row in rows(result.stdout, "\t")] == ["stopped", "stopped"]
    assert "2 unfinished" in run("runs", "runs").stderr


def test_a_loss_that_is_no_number_is_a_sentence_and_exit_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = need_torch()
    from noisyviz.experiments.unique import Unique

    monkeypatch.setattr(Unique, "loss", lambda *_: torch.tensor(float("nan"), requires_grad=True))
    result = run("train", *SHORT)
    assert result.exit_code == 1
    assert "loss or gradient of update 1 is not finite" in result.stderr
    several = run("train", *SHORT, "--seeds", "2,3")
    assert several.exit_code == 1
    assert "2 of 2 runs ended" in several.stderr


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ([], ["TASK", "unique"]),
        (["unqiue"], ["TASK", "'unqiue'", "'unique'"]),
        (["unique", "--activation", "softt"], ["--activation", "'softt'", "'soft'"]),
        (["unique", "--alpha", "1.1"], ["--alpha", "no effect", "soft"]),
        (["unique", "--activation", "leak", "--c", "1"], ["--c", "no effect", "leak"]),
        (["unique", "--activation", "nan", "--anneal", "30"], ["--anneal", "START:END", "'30'"]),
        (["unique", "--activation", "nan", "--anneal", "3:1:papr"], ["--anneal", "'papr'", "'paper'"]),
        (["unique", "--activation", "nan", "--anneal", "3:1", "--c", "1"], ["--c", "schedule"]),
        (["unique", "--seeds", "3-1"], ["--seeds", "from the lower", "'3-1'"]),
        (["unique", "--seeds", "1,1-2"], ["--seeds", "twice"]),
        (["unique", "--updates", "0"], ["--updates", "'0'"]),
        (["unique", "--minutes", "0"], ["--minutes", "above 0"]),
        (["unique", "--strategy", "mix"], ["--strategy", "unique"]),
        (["execute", "--curriculum"], ["--curriculum", "execute"]),
        (["unique", "--preset", "paper"], ["--preset", "unique"]),
        (["words", "--data", "nowhere"], ["--data", "'nowhere'", "text file", "folder"]),
        (["unique", "--data", "nowhere"], ["--data", "unique"]),
        (["--resume", "nowhere"], ["--resume", "nowhere"]),
        (["unique", "--resume", "nowhere"], ["--resume", "TASK"]),
        (["--resume", "nowhere", "--seeds", "2"], ["--resume", "--seeds"]),
    ],
)
def test_bad_options_are_one_sentence(run: Run, words: list[str], parts: list[str]) -> None:
    need_torch()
    result = run("train", *words)
    assert result.exit_code == 2, result.stderr
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr
    assert listing() == []


@pytest.mark.parametrize("words", [["train", "unique"], ["train", "--resume", "run"]])
def test_without_pytorch_one_sentence_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torch"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = run(*words)
    assert result.exit_code == 1
    assert result.stderr == "noisyviz: noisyviz train needs PyTorch; install it with pip install 'noisyviz[train]'\n"
    assert listing() == []


def test_a_folder_without_runs_and_a_record_that_is_none(run: Run) -> None:
    assert "holds none" in run("runs", ".").stderr
    Path("run.json").write_text('{"task": "unique"}')
    result = run("runs", ".")
    assert (result.exit_code, "no record" in result.stderr) == (2, True)


@pytest.mark.parametrize(("text", "seeds"), [("1", (1,)), ("1-3,7", (1, 2, 3, 7)), ("0,5-5", (0, 5))])
def test_seeds_are_numbers_and_ranges(text: str, seeds: tuple[int, ...]) -> None:
    assert read_seeds(text) == seeds


def test_too_many_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="at most 1000"):
        read_seeds("1-2000")


def test_a_schedule_is_that_of_the_paper_unless_named() -> None:
    assert read_anneal("30:0.5", "--anneal") == (30.0, 0.5, "paper")
    assert read_anneal("3:0:cosine", "--anneal") == (3.0, 0.0, "cosine")


def test_the_examples_of_the_help_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    need_torch()
    monkeypatch.setattr("noisyviz.experiments.execute.TESTED_ROWS", 151)
    examples = [line.split() for name in ("train", "runs") for line in run(name, "-h").stdout.splitlines()]
    examples = [words for words in examples if words[:1] == ["noisyviz"]]
    assert len(examples) == 6
    for words in examples:
        short = [*words[1:], *(["--updates", "1"] if "train" in words else [])]
        assert run(*short).exit_code == 0, words
