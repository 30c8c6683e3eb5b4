"""`calibrate` prints and writes its answer under the documented names, and ends with 3 when there is none."""

import csv
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

import noisyviz as nv
from noisyviz.networks.calibration import COLUMNS

DIGITS = str(Path(__file__).parents[1] / "data" / "digits.npz")
NORMAL = ("--input", "normal:0,2", "--by", "rms")
NAN = ("--unit", "nan", "--alpha", "0.9")


def document(run: Run, *words: str, code: int = 0) -> dict[str, Any]:
    result = run("calibrate", *words, "--json")
    assert result.exit_code == code, result.stderr

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    found: dict[str, Any] = json.loads(result.stdout, parse_constant=refuse)
    return found


def test_json_is_one_document_with_the_documented_keys(run: Run) -> None:
    words = ("--by", "rms", "--unit", "nan", "--alpha", "1", "--target-grad", "0.3", "--max-bias", "0.4")
    found = document(run, f"{DIGITS}:layer2", *words)
    assert set(found) == {"config", "reached", "best", "schedule", "found", "curve", "notes"}
    assert found["reached"] is True
    told = {"fn", "unit", "alpha", "c", "p", "grad_rms_saturated", "bias_rms", "std_rms"}
    told |= {"response", "pull", "noise", "p_wrong", "on_front"}
    assert set(found["best"]) == {*told, "command"}
    assert set(found["found"][0]) == told
    assert found["best"]["grad_rms_saturated"] == pytest.approx(0.3, rel=1e-8)
    assert set(found["curve"][0]) == set(COLUMNS)
    with np.load(DIGITS) as archive:
        x = archive["layer2"].astype(np.float64)
    unit = nv.NoisyUnit("tanh", alpha=1.0, c=found["best"]["c"])
    rms = np.sqrt(np.mean(nv.exact(unit, x[np.abs(x) >= 1]).grad_rms ** 2))
    assert rms == pytest.approx(0.3, rel=1e-4)
    digest = hashlib.sha256(Path(DIGITS).read_bytes()).hexdigest()
    assert found["config"]["files"] == [{"file": "digits.npz", "array": "layer2", "sha256": digest}]


@pytest.mark.usefixtures("few_levels")
def test_the_command_of_the_answer_runs(run: Run) -> None:
    words = ("--unit", "nanil", "--scale", "figure", "--noise", "student-t:5", "--target-grad", "0.2")
    best = document(run, *NORMAL, *words)["best"]
    assert "--scale figure" in best["command"]
    assert "--noise student-t:5" in best["command"]
    plain = document(run, *NORMAL, *NAN, "--target-grad", "0.2")["best"]["command"]
    assert run(*plain.split()[1:], "-o", "a.png").exit_code == 0


def test_the_schedule_starts_at_a_multiple_of_the_target_and_its_command_runs(run: Run) -> None:
    words = (*NORMAL, "--unit", "nan", "--alpha", "1", "--target-grad", "0.2", "--max-bias", "0.01")
    found = document(run, *words, "--start-factor", "3")
    schedule = found["schedule"]
    assert schedule["c_end"] == found["best"]["c"]
    assert schedule["grad_rms_saturated_start"] == pytest.approx(0.6, rel=1e-8)
    result = run(*schedule["command"].split()[1:], "--steps", "20", "--trajectories", "8", "--json")
    assert result.exit_code == 0
    config = json.loads(result.stdout)["config"]
    assert (config["c_start"], config["c_end"], config["alpha"]) == (schedule["c_start"], schedule["c_end"], 1.0)
    for more, told in (((), "(--max-bias does not"), (("--max-std", "1"), "(--max-bias and --max-std do not")):
        said = run("calibrate", *words, *more, "--start-factor", "3").stderr
        assert schedule["command"] in said
        assert f"{schedule['bias_rms_start']:.4g} {told} apply there), to {schedule['c_end']:.4g}: " in said


def test_a_schedule_that_ends_without_noise_takes_a_form_that_can(run: Run) -> None:
    words = (*NORMAL, *NAN, "--fn", "hard-tanh", "--target-grad", "0.1")
    schedule = document(run, *words)["schedule"]
    assert schedule["c_end"] == 0.0
    result = run(*schedule["command"].split()[1:], "--steps", "20", "--trajectories", "8", "--json")
    assert result.exit_code == 0, result.stderr
    assert document(run, *words, "--start-factor", "1")["schedule"]["c_start"] == 0.0
    assert "already 1 times the target" in run("calibrate", *words, "--start-factor", "1").stderr


def test_a_start_out_of_reach_is_null_and_said(run: Run) -> None:
    words = (*NORMAL, "--unit", "nani", "--target-grad", "0.3")
    schedule = document(run, *words)["schedule"]
    assert (schedule["c_start"], schedule["command"]) == (None, None)
    assert schedule["c_end"] > 0
    assert "no c up to 100 gives 4 times the target" in run("calibrate", *words).stderr


@pytest.mark.usefixtures("few_levels")
def test_kinds_that_ignore_alpha_are_told_without_one(run: Run) -> None:
    result = run("calibrate", *NORMAL, "--unit", "nani,nanil", "--target-grad", "0.2")
    assert result.exit_code == 0
    assert [line.split("\t")[2] for line in result.stdout.splitlines()] == ["alpha", "", ""]
    assert "--alpha" not in result.stderr
    found = document(run, *NORMAL, "--unit", "nani", "--target-grad", "0.2")
    assert {one["alpha"] for one in (*found["curve"], found["best"])} == {None}


def test_files_without_a_finite_number_are_answered_as_that(run: Run) -> None:
    np.save("a.npy", np.full((3, 2), np.nan))
    np.save("b.npy", np.array([np.inf, -np.inf]))
    for words in (["a.npy"], ["a.npy", "b.npy"]):
        result = run("calibrate", *words)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr == f"noisyviz: '{', '.join(words)}' holds no finite number\n"


@pytest.mark.usefixtures("few_levels")
def test_every_kind_and_alpha_is_tried_and_the_least_change_of_output_wins(run: Run) -> None:
    words = ("--unit", "nan,nani", "--alpha", "0.9,1", "--target-grad", "0.2")
    found = document(run, *NORMAL, *words)
    tried = {(one["unit"], one["alpha"]) for one in found["curve"]}
    assert tried == {("nan", 0.9), ("nan", 1.0), ("nani", None)}
    rows = [line.split("\t") for line in run("calibrate", *NORMAL, *words).stdout.splitlines()]
    assert rows[0] == list(COLUMNS)
    changes = [math.hypot(float(row[6]), float(row[7])) for row in rows[1:]]
    assert changes == sorted(changes)
    assert float(rows[1][3]) == found["best"]["c"]


@pytest.mark.usefixtures("few_levels")
def test_without_a_word_several_kinds_are_tried_each_at_several_alpha(run: Run) -> None:
    tried = {(one["unit"], one["alpha"]) for one in document(run, *NORMAL, "--target-grad", "0.3")["curve"]}
    assert tried == {(kind, alpha) for kind in ("nan", "nah") for alpha in (0.9, 1.0, 1.15)} | {("nani", None)}


def test_the_leak_suffices_only_where_there_is_one(run: Run) -> None:
    for words in (("--unit", "nani"), ("--unit", "nan", "--alpha", "1")):
        said = run("calibrate", "--input", "normal:0,1", *words, "--target-grad", "0.1").stderr
        assert "tanh itself reaches the target on saturated samples: no noise is needed" in said
        assert "leak" not in said
    result = run("calibrate", *NORMAL, *NAN, "--fn", "hard-tanh", "--target-grad", "0.1")
    assert result.exit_code == 0
    assert "the leak alone reaches the target: no noise is needed" in result.stderr
    assert "noisyviz plot --fn hard-tanh --unit nan --alpha 0.9 --c 0.0" in result.stderr


def test_a_leak_of_the_wrong_sign_is_told(run: Run) -> None:
    words = ("--unit", "nah", "--alpha", "1.15", "--fn", "hard-tanh", "--by", "rms", "--target-grad", "0.1")
    said = run("calibrate", *NORMAL, *words).stderr
    assert "the leak alone reaches the target, with a gradient of the wrong sign" in said


def test_no_setting_is_exit_3_with_one_sentence(run: Run) -> None:
    words = (*NORMAL, "--unit", "nani", "--target-grad", "0.9", "--max-bias", "0.1")
    result = run("calibrate", *words)
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
    assert "no setting reaches a root-mean-square gradient of 0.9 with a bias of at most 0.1" in result.stderr
    found = document(run, *words, code=3)
    assert (found["reached"], found["best"], found["schedule"]) == (False, None, None)
    assert found["curve"]


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("--unit", "nani", "--target-grad", "0.9"), "the largest root-mean-square gradient found is 0."),
        (
            ("--unit", "nani", "--target-grad", "0.9", "--max-bias", "0"),
            "with a bias of at most 0; the largest root-mean-square gradient within these limits is 0.",
        ),
        (
            ("--unit", "nah", "--alpha", "0.9", "--max-bias", "1e-6"),
            "at the smallest bias the root-mean-square gradient is 0.",
        ),
    ],
)
def test_the_sentence_says_how_near_it_came_within_the_bound(run: Run, words: tuple[str, ...], near: str) -> None:
    said = run("calibrate", *NORMAL, *words).stderr
    assert near in said
    if "these" in near:
        assert said.endswith("for nani at c = 0 with a bias of 0\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--unit", "nan,none", "--by", "response"), "the response of nan does not depend on c; no noise changes the "),
        (
            ("--unit", "nah", "--alpha", "0.9", "--by", "response", "--target-grad", "0.5"),
            "the response of nah is largest without noise",
        ),
        (("--unit", "nani", "--by", "pull"), "the pull of nani is negative at every c above 0"),
        (
            ("--unit", "nan", "--by", "pull", "--max-std", "0"),
            "largest pull within these limits is 0, for nan at c = 0",
        ),
    ],
)
def test_the_sentence_says_why_noise_does_not_help(run: Run, words: tuple[str, ...], why: str) -> None:
    result = run("calibrate", "--input", "normal:0,2", *words)
    assert result.exit_code == 3
    assert why in result.stderr


def test_the_trade_off_is_written_as_csv(run: Run) -> None:
    assert run("calibrate", *NORMAL, *NAN, "-o", "curve.csv", "-o", "curve.json").exit_code == 0
    with Path("curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[0]["c"]) == 0.0
    levels = [float(row["grad_rms_saturated"]) for row in rows]
    assert levels == sorted(levels)
    assert run("calibrate", *NORMAL, *NAN, "-o", "curve.csv", "-o", "curve.json").exit_code == 0


GATES = {"gate": [[-3.0], [0.5], [3.0]], "cell": [[-1.5], [0.5], [4.0]], "still": [[0.1], [0.2], [math.nan]]}
BY_ARRAY = ("g.npz", "--fn", "sigmoid", "--array", "cell=tanh", "--by", "rms", "--target-grad", "0.2", "--unit", "nan")


@pytest.mark.usefixtures("few_levels")
def test_every_array_has_an_answer_of_its_own_where_one_has_a_function_of_its_own(run: Run) -> None:
    np.savez("g.npz", **GATES)  # type: ignore[arg-type]  # of arrays alone
    found = document(run, *BY_ARRAY)
    assert [one["array"] for one in found["arrays"]] == ["gate", "cell"]
    assert found["config"]["array"] == {"cell": "tanh"}
    why = "no sample saturates: none lies at or beyond a threshold of sigmoid"
    assert found["notes"] == [f"left out 'still': {why}"]
    for one, fn in zip(found["arrays"], ("sigmoid", "tanh"), strict=True):
        alone = document(run, f"g.npz:{one['array']}", "--fn", fn, *BY_ARRAY[5:])
        assert {key: one[key] for key in alone if key not in ("config", "notes")} == {
            key: alone[key] for key in alone if key not in ("config", "notes")
        }
    result = run("calibrate", *BY_ARRAY)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert rows[0] == ["array", *COLUMNS]
    assert [row[:2] for row in rows[1:]] == [["gate", "sigmoid"]] * 3 + [["cell", "tanh"]] * 3
    assert result.stderr.count("gate: draw it with: ") == result.stderr.count("cell: draw it with: ") == 1
    for _ in range(2):  # a table of our own is replaced
        assert run("calibrate", *BY_ARRAY, "-o", "c.csv", "-o", "c.svg", "--with-data").exit_code == 0
    for name, columns in (("c.csv", ("array", *COLUMNS)), ("c-curves.csv", ("array", "unit", "alpha", "c"))):
        with Path(name).open(newline="") as file:
            table = list(csv.DictReader(file))
        assert tuple(table[0])[: len(columns)] == columns
        assert {row["array"] for row in table} == {"gate", "cell"}


def test_noise_larger_than_the_signal_is_told_with_a_bound_that_keeps_it_down(run: Run) -> None:
    """By hand: h of hard-tanh is -1 or 1 on these samples, half each, and varies by 1."""
    np.save("x.npy", [[-1.5], [1.5]])
    words = ("x.npy", "--fn", "hard-tanh", "--unit", "nan", "--alpha", "1", "--by", "pull", "--target-grad")
    found = document(run, *words, "5")
    assert found["best"]["std_rms"] > 1.0
    told = f"phi has a std of {found['best']['std_rms']:.3g}, h varies over these samples by 1 only; bound it with"
    assert f"{told} --max-std 1, within which the most pull is" in run("calibrate", *words, "5").stderr
    assert "larger than the signal" not in run("calibrate", *words, "5", "--max-std", "9").stderr
    np.save("far.npy", [[-3.0], [3.0]])
    assert "--max-std 1, within which the most pull is 0.4" in run("calibrate", "far.npy", *words[1:], "2").stderr
    assert document(run, *words, "0.01")["best"]["std_rms"] < 1.0
    assert "larger than the signal" not in run("calibrate", *words, "0.01").stderr


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "FILE... or --input"),
        ([*NORMAL, "--array", "a=tanh"], "--array needs FILE..."),
        ([DIGITS, "--array", "layer1@1"], "--array is written NAME=FN here, got 'layer1@1'"),
        ([DIGITS, "--array", "layer9=tanh"], "--array: there is no array 'layer9'; the arrays are "),
        ([DIGITS, "--array", "layer1=tahn"], "did you mean 'tanh'?"),
        ([DIGITS, "--fn", "identity", "--array", "layer1=identity"], "no array of"),
        ([DIGITS, *NORMAL], "FILE... or --input"),
        (["--input", "normal:0"], "normal:MEAN,STD"),
        (["--input", "uniform:0,1"], "normal:MEAN,STD"),
        (["--input", "normal:0,-1"], "STD above 0"),
        (["--input", "normal:x,1"], "finite number"),
        (["--input", "normal:1e300,1"], "at most 1e+09"),
        ([*NORMAL, "--target-grad", "0"], "above 0"),
        ([*NORMAL, "--target-grad", "nan"], "finite"),
        ([*NORMAL, "--max-bias", "-1"], "at least 0"),
        ([*NORMAL, "--max-wrong", "-0.1"], "--max-wrong"),
        ([*NORMAL, "--max-std", "-1"], "--max-std"),
        (["--input", "normal:0,2", "--by", "noise"], "--by must be one of response, pull, rms"),
        ([*NORMAL, "--start-factor", "0.5"], "at least 1"),
        ([*NORMAL, "--fn", "identity"], "no sample saturates: identity has no threshold"),
        ([*NORMAL, "--c", "0.5"], "--c is the quantity that calibrate searches for; use --target-grad and --max-bias"),
        ([*NORMAL, "--unit", "nann"], "did you mean 'nan'?"),
        (["missing.npy"], "no such file"),
        ([f"{DIGITS}:layr1"], "did you mean 'layer1'?"),
    ],
)
def test_bad_values_are_answered_by_one_line_and_exit_2(run: Run, words: list[str], part: str) -> None:
    result = run("calibrate", *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert part in result.stderr
