"""`anneal` prints a summary, writes pictures, tables and moving pictures, and refuses what makes no sense."""

import contextlib
import csv
import itertools
import json
import os
import pty
import signal
from pathlib import Path

import numpy as np
import pytest
from conftest import Read, Run, Start, listing

from noisyviz.annealing.schedules import SCHEDULES, schedule
from noisyviz.export.marks import made_by_noisyviz
from noisyviz.export.provenance import PNG_SIGNATURE, read_record

QUICK = ("anneal", "--steps", "30", "--trajectories", "20")
SUMMARY_KEYS = {
    *("share_success", "share_success_ci", "share_within_5_percent", "median_first_passage"),
    *("loss_mean_final", "diverged", "x_quantiles_final"),
}


def rows(text: str) -> dict[str, list[str]]:
    return {line.split("\t")[0]: line.split("\t") for line in text.splitlines()}


def test_json_of_the_defaults(document: Read) -> None:
    found = document("anneal")
    assert listing() == []
    assert set(found["noisy"]) >= SUMMARY_KEYS
    assert set(found["constant"]) >= SUMMARY_KEYS
    assert set(found["leak"]) == set(found["noiseless"]) == {"share_success", "first_passage", "x_final", "loss_final"}
    assert (found["steps"], len(found["schedule"]), found["masked"]) == (2000, 2001, 0)
    assert found["schedule"][0] == 30.0
    assert found["schedule"][-1] == 0.5
    assert found["noiseless"] == {"share_success": 0.0, "first_passage": None, "x_final": 4.0, "loss_final": 0.125}
    assert (found["leak"]["share_success"], found["leak"]["first_passage"]) == (1.0, 470.0)
    assert found["noisy"]["share_success"] >= 0.99
    assert found["noisy"]["median_first_passage"] <= 20
    low, high = found["noisy"]["share_success_ci"]
    assert 0.98 < low < high == 1.0
    assert set(found["noisy"]["x_quantiles_final"]) == {"0.05", "0.5", "0.95"}
    assert "kick size" in found["verdict"]
    asked = {"fn": "hard-tanh", "unit": "nan", "alpha": 0.9, "p": 1.0, "seed": 0, "trajectories": 256, "lr": 0.1}
    assert {name: found["config"][name] for name in asked} == asked
    assert found["config"]["schedule"] == "exponential"
    assert {"noisyviz", "numpy", "python"} <= set(found["config"])


@pytest.mark.parametrize(("alpha", "low", "high"), [("1", 0.4, 0.6), ("1.15", 0.4, 0.6)])
def test_without_a_leak_large_noise_frees_about_half(document: Read, alpha: str, low: float, high: float) -> None:
    held = document("anneal", "--alpha", alpha, "--c-start", "0.5", "--c-end", "0.5")
    assert held["noisy"]["share_success"] == held["constant"]["share_success"] == 0.0
    assert held["noisy"]["median_first_passage"] is None
    assert held["masked"] == 0
    falling = document("anneal", "--alpha", alpha)
    assert low < falling["noisy"]["share_success"] < high
    assert falling["noisy"]["share_success_ci"][0] > held["noisy"]["share_success_ci"][1]
    assert falling["leak"]["first_passage"] is None


def test_the_funnel_with_its_intervals(document: Read) -> None:
    found = document("anneal", "--objective", "funnel", "--trajectories", "1000")
    assert found["noisy"]["share_success_ci"][0] > found["constant"]["share_success_ci"][1]
    assert found["noiseless"]["share_success"] == 0.0
    assert found["leak"] is None
    assert (found["config"]["fn"], found["config"]["x0"], found["config"]["lr"]) == (None, 75.0, 0.5)


def test_the_summary_for_a_pipe(run: Run) -> None:
    result = run("anneal", "--steps", "500")
    assert result.exit_code == 0
    assert listing() == ["anneal.png"]
    assert Path("anneal.png").read_bytes().startswith(PNG_SIGNATURE)
    table = rows(result.stdout)
    assert list(table) == ["run", "annealed", "constant", "leak", "noiseless"]
    assert table["leak"][2:5] == ["1", "", "470"]
    assert table["noiseless"][2:5] == ["0", "", "never"]
    assert table["annealed"][1:4] == ["30 to 0.5", "1", "0.985 to 1.000"]
    assert "wrote anneal.png\n" in result.stderr
    assert "kick size" in result.stderr
    record = read_record("anneal.png")
    assert record is not None
    assert (record["recipe"], record["settings"]["steps"], record["seed"]) == ("anneal", 500, 0)


def test_tables_hold_every_step_under_the_documented_names(run: Run) -> None:
    assert run(*QUICK, "-o", "a.csv", "-o", "a.npz", "-o", "a.json", "-q").exit_code == 0
    with open("a.csv", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert ",".join(lines[0]) == "step,c,q05,q25,q50,q75,q95,noiseless,leak,constant_q50"
    assert [line[0] for line in lines[1:]] == [str(t) for t in range(31)]
    np.testing.assert_allclose(
        [float(line[1]) for line in lines[1:]], 30 * (1 / 60) ** (np.arange(31) / 30), rtol=1e-12
    )
    with np.load("a.npz") as archive:
        assert set(archive.files) == {"config", *lines[0]}
        assert [float(line[4]) for line in lines[1:]] == archive["q50"].tolist()
        assert json.loads(str(archive["config"]))["steps"] == 30
    assert json.loads(Path("a.json").read_text())["steps"] == 30
    assert run(*QUICK, "-o", "a.csv", "-o", "a.npz", "-o", "a.json").exit_code == 0  # its own files are replaced


def test_data_beside_the_picture(run: Run) -> None:
    assert run(*QUICK, "-o", "b.svg", "--with-data").exit_code == 0
    assert listing() == ["b-field.csv", "b-final.csv", "b.csv", "b.svg"]


def test_several_schedules_are_compared_on_the_same_draws(document: Read, run: Run) -> None:
    found = document(*QUICK, "--schedule", "linear,cosine", "--schedule", "paper")
    assert list(found["schedules"]) == ["linear", "cosine", "paper"]
    for name, part in found["schedules"].items():
        c = schedule(name, start=30, end=0.5, steps=30)(np.arange(31))
        np.testing.assert_allclose(part["schedule"], c)
        assert set(part["noisy"]) >= SUMMARY_KEYS
    alone = document(*QUICK, "--schedule", "cosine")
    assert alone["noisy"] == found["schedules"]["cosine"]["noisy"]
    assert alone["constant"] == found["constant"]
    result = run(*QUICK, "--schedule", "linear,cosine", "-o", "both.csv", "-o", "both.png")
    assert list(rows(result.stdout)) == ["run", "linear", "cosine", "constant", "leak", "noiseless"]
    header = Path("both.csv").read_text().splitlines()[0]
    assert header.startswith("step,linear.c,linear.q05")
    assert "cosine.q95,noiseless,leak,constant_q50" in header


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_runs(document: Read, name: str) -> None:
    assert len(document(*QUICK, "--schedule", name)["schedule"]) == 31


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_moving_pictures_carry_their_settings_and_are_replaced(run: Run, suffix: str) -> None:
    words = ("anneal", "--steps", "3", "--trajectories", "4", "--animate", f"a.{suffix}")
    assert run(*words).exit_code == 0
    assert listing() == [f"a.{suffix}"]
    assert made_by_noisyviz(f"a.{suffix}")
    record = read_record(f"a.{suffix}")
    assert record is not None
    assert record["settings"]["steps"] == 3
    before = Path(f"a.{suffix}").read_bytes()
    again = run(*words)
    assert (again.exit_code, Path(f"a.{suffix}").read_bytes()) == (0, before)


def test_an_image_of_a_stranger_is_kept(run: Run) -> None:
    from PIL import Image

    for name in ("a.gif", "a.webp"):
        Image.new("RGB", (4, 4)).save(name)
        result = run(*QUICK, "--animate", name)
        assert result.exit_code == 2
        assert "was not made by noisyviz" in result.stderr
        assert run("anneal", "--steps", "2", "--animate", name, "--force").exit_code == 0


def test_no_step_and_one_step(document: Read, run: Run) -> None:
    none = document("anneal", "--steps", "0")
    assert (none["schedule"], none["noisy"]["x_quantiles_final"]["0.5"]) == ([30.0], 4.0)
    one = document("anneal", "--steps", "1")
    assert one["schedule"] == [30.0, 0.5]
    for steps in ("0", "1"):
        assert run("anneal", "--steps", steps, "--force", "--animate", "a.gif", "-o", "a.png").exit_code == 0


def test_c_may_rise(document: Read) -> None:
    found = document(*QUICK, "--c-start", "0.5", "--c-end", "30")
    assert (found["schedule"][0], found["schedule"][-1]) == (0.5, 30.0)


def test_divergence_is_reported_and_counted(document: Read, run: Run) -> None:
    found = document(*QUICK, "--fn", "relu", "--lr", "1e150")
    assert found["noisy"]["diverged"] > 0
    assert found["noisy"]["loss_mean_final"] is None
    assert found["masked"] > 0
    result = run(*QUICK, "--fn", "relu", "--lr", "1e150")
    assert result.exit_code == 0
    assert int(rows(result.stdout)["annealed"][6]) == found["noisy"]["diverged"]


def test_the_same_seed_gives_the_same_numbers_and_random_ones_are_told(document: Read, run: Run) -> None:
    assert document(*QUICK, "--seed", "3") == document(*QUICK, "--seed", "3")
    assert document(*QUICK, "--seed", "3")["noisy"] != document(*QUICK, "--seed", "4")["noisy"]
    drawn = run(*QUICK, "--seed", "random", "--json")
    assert f"seed {json.loads(drawn.stdout)['config']['seed']}\n" in drawn.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--c", "0.5"], "--c follows a schedule here; use --c-start and --c-end"),
        (["--objective", "funnel", "--alpha", "1"], "--alpha belongs to the objective desaturate"),
        (["--objective", "funnel", "--fn", "tanh"], "--fn belongs to the objective desaturate"),
        (["--objective", "funnel", "--target", "1"], "--target belongs to the objective desaturate"),
        (["--objective", "tunnel"], "did you mean 'funnel'?"),
        (["--schedule", "cosin"], "did you mean 'cosine'?"),
        (["--schedule", "linear,linear"], "--schedule names 'linear' twice"),
        (["--c-end", "0"], "use cosine or linear"),
        (["--c-start", "-1"], "--c-start must be a finite number of at least 0"),
        (["--schedule", "paper", "--c-start", "1", "--c-end", "2"], "the paper schedule only decreases"),
        (["--lr", "-0.1"], "--lr must be a finite number of at least 0, got '-0.1'"),
        (["--lr", "nan"], "--lr must be a finite number of at least 0, got 'nan'"),
        (["--lr", "inf"], "--lr must be a finite number"),
        (["--x0", "nan"], "--x0 must be a finite number, got 'nan'"),
        (["--x0", ""], "--x0 must be a finite number, got ''"),
        (["--trajectories", ""], "--trajectories must be a whole number from 1 to 1,000,000, got ''"),
        (["--steps", "-1"], "--steps must be a whole number from 0 to 1,000,000"),
        (["--steps", "1.5"], "--steps must be a whole number"),
        (["--trajectories", "0"], "--trajectories must be a whole number from 1"),
        (["--every", "0"], "--every must be a whole number from 1"),
        (["--fn", "gelu"], "gelu has none"),
        (["--fn", "tahn"], "did you mean 'tanh'?"),
        (["--noise", "gauss"], "--noise"),
        (["--animate", "a.mp4"], "--animate writes moving pictures that end in .gif or .webp, got 'a.mp4'"),
        (["--animate", "a"], "with no suffix"),
        (["--steps", "1", "-o", "a.png", "--animate", "a.avi"], "end in .gif or .webp"),
        (["--steps", "1", "-o", "a.png", "--animate", "missing/a.gif"], "'missing' does not exist"),
        (["--animate", "missing/a.gif"], "'missing' does not exist"),
        (["-o", "a.txt"], "must end in .png"),
    ],
)
def test_what_is_refused(run: Run, words: list[str], said: str) -> None:
    result = run("anneal", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert listing() == []


def test_units_are_refused_for_landscapes_but_noise_is_theirs(document: Read) -> None:
    one = document(*QUICK, "--objective", "plateau", "--noise", "laplace")
    assert one["config"]["noise"] == "laplace"


LONG = """
from noisyviz.cli import main

main()
"""


def test_a_person_sees_a_bar_after_a_second_and_an_interrupt_ends_cleanly_and_leaves_nothing(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    ours, theirs = pty.openpty()
    words = ("anneal", "--steps", "1000000", "--trajectories", "2000", "-o", "a.png", "-o", "a.csv")
    process = start(LONG, *words, stderr=theirs)
    os.close(theirs)
    told = b""
    while b"annealing" not in told:
        told += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # Linux ends a pseudo-terminal with an error
        while part := os.read(ours, 4096):
            told += part
    os.close(ours)
    assert process.wait(timeout=120) == 130
    assert b"Traceback" not in told
    assert listing(str(tmp_path)) == []


def test_no_bar_goes_to_a_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()  # so that the work takes longer than anyone is patient
    monkeypatch.setattr("time.monotonic", lambda: 10.0 * next(seconds))
    assert run(*QUICK, "--json").stderr == ""
