"""`estimate` prints and writes the numbers of both roads under the documented names."""

import csv
import json
import math
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

import noisyviz as nv
from noisyviz.cli import terminal as output
from noisyviz.pictures.overview.picture import default_xlim

MOMENTS = (
    *("mean", "bias", "std", "p_outside", "grad_mean", "grad_std", "grad_rms"),
    *("grad_leak", "grad_cov", "p_zero", "p_wrong", "grad_p_mean", "grad_p_std"),
)
CURVES = ("x", "h", "derivative", "u", "hard", "delta", "sigma", "region")
QUICK = ("--samples", "1000")


def refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")


def document(run: Run, *words: str) -> dict[str, Any]:
    result = run("estimate", *QUICK, *words, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout, parse_constant=refuse)
    return found


def test_what_was_not_found_of_an_own_function_is_said_by_every_command(run: Run) -> None:
    Path("mine_for_notes.py").write_text("import numpy as np\ndef wave(x): return x * np.tanh(np.logaddexp(0, x))\n")
    np.save("a.npy", np.ones((3, 2)))
    own = ["--fn", "mine_for_notes.py:wave"]
    for words in (["estimate", "--at", "0", "--samples", "100"], ["plot", "--points", "20"], ["profile", "a.npy"]):
        result = run(*words, *own)
        assert result.exit_code == 0, result.stderr
        assert "function 'mine_for_notes.py:wave': the function is not monotone" in result.stderr
    assert "not monotone" not in run("profile", "a.npy", *own, "-q").stderr


HITS = {"mean_hits", "grad_mean_hits"}


def test_json_is_one_document_with_the_documented_keys(run: Run) -> None:
    found = document(run, "--at", "-2:2:0.5")
    assert set(CURVES) | {"config", "exact", "monte_carlo", "z", "masked"} <= set(found)
    assert set(found["exact"]) == set(MOMENTS)
    assert set(found["training"]) == {"response", "pull", "noise"}
    errors = {f"{name}_se" for name in MOMENTS if name != "grad_leak"}
    assert set(found["monte_carlo"]) == {*MOMENTS, *errors, *HITS, "samples", "sampler", "degrees_of_freedom"}
    assert set(found["z"]) == {"mean", "grad_mean"}
    columns = [found[name] for name in CURVES] + list(found["exact"].values()) + list(found["z"].values())
    columns += [column for column in found["monte_carlo"].values() if isinstance(column, list)]
    assert {len(column) for column in columns} == {9}


def test_the_config_holds_all_options_the_seed_and_the_versions(run: Run) -> None:
    words = ("--fn", "relu", "--unit", "nanil", "--alpha", "0.8", "--c", "0.25", "--p", "-1", "--noise", "laplace")
    config = document(run, *words, "--scale", "figure", "--sampler", "stratified", "--seed", "5", "--points", "3")[
        "config"
    ]
    expected = {
        **{"fn": "relu", "unit": "nanil", "alpha": 0.8, "c": 0.25, "p": -1.0, "noise": "laplace", "scale": "figure"},
        **{"sampler": "stratified", "samples": 1000, "seed": 5, "xlim": [-3.0, 3.0], "points": 3},
        **{"noisyviz": nv.__version__, "numpy": np.__version__},
    }
    assert {name: config[name] for name in expected} == expected
    assert {"scipy", "python"} <= set(config)


@pytest.mark.parametrize(
    ("fn", "limits"),
    [("tanh", (-4.0, 4.0)), ("sigmoid", (-5.0, 5.0)), ("relu", (-3.0, 3.0)), ("relu6", (-3.0, 9.0))],
)
def test_x_goes_by_default_from_3_below_to_3_above_the_thresholds(
    run: Run, fn: str, limits: tuple[float, float]
) -> None:
    x = document(run, "--fn", fn)["x"]
    assert (x[0], x[-1], len(x)) == (*limits, 401)


def test_a_side_without_a_threshold_mirrors_the_other_one() -> None:
    hard_swish = nv.activation("hard-swish")
    assert hard_swish.thresholds == (-3.0, math.inf)
    assert default_xlim([hard_swish]) == (-6.0, 6.0)
    assert default_xlim([replace(hard_swish, thresholds=(-math.inf, 2.0))]) == (-5.0, 5.0)
    assert default_xlim([nv.activation("identity"), nv.activation("tanh")]) == (-4.0, 4.0)


def test_known_values_of_the_paper_come_out(run: Run) -> None:
    """At alpha = 1 nan has mean h; nah adds d·σ·√(2/π), with σ = c(g(pΔ) − ½)² by Eq 9."""
    found = document(run, "--at", "3", "--fn", "hard-tanh", "--alpha", "1", "--c", "0.5")
    assert found["exact"]["mean"] == [1.0]
    sigma = 0.5 * (1 / (1 + math.exp(2.0)) - 0.5) ** 2
    assert found["sigma"] == pytest.approx([sigma], rel=1e-14)
    found = document(run, "--at", "3", "--fn", "hard-tanh", "--alpha", "1", "--c", "0.5", "--unit", "nah")
    assert found["exact"]["mean"] == pytest.approx([1.0 - sigma * math.sqrt(2 / math.pi)], rel=1e-14)


def test_what_is_not_finite_is_null_and_counted(run: Run) -> None:
    found = document(run, "--fn", "relu", "--unit", "nanil-softplus", "--at", "-inf,0")

    def nulls(value: object) -> int:
        if isinstance(value, dict):
            return sum(nulls(inner) for inner in value.values())
        return value.count(None) if isinstance(value, list) else int(value is None)

    assert found["x"] == [None, 0.0]
    assert found["sigma"] == [None, None]
    assert found["exact"]["p_outside"] == [None, None]
    assert found["masked"] == nulls(found) > 5


def test_z_is_null_where_the_standard_error_is_0(run: Run) -> None:
    found = document(run, "--fn", "hard-tanh", "--at", "0,2")
    assert found["monte_carlo"]["mean_se"][0] == 0.0
    assert found["z"]["mean"][0] is None
    assert abs(found["z"]["mean"][1]) < 5


def test_the_same_seed_gives_the_same_numbers(run: Run) -> None:
    first, second, other = (
        document(run, "--at", "2", "--seed", seed)["monte_carlo"]["mean"] for seed in ("1", "1", "2")
    )
    assert first == second != other


def test_a_random_seed_is_reported_even_when_quiet_and_reproduces_the_numbers(run: Run) -> None:
    result = run("estimate", *QUICK, "--at", "2", "--seed", "random", "--json", "-q")
    found = json.loads(result.stdout)
    seed = found["config"]["seed"]
    assert result.stderr == f"seed {seed}\n"
    assert document(run, "--at", "2", "--seed", str(seed))["monte_carlo"] == found["monte_carlo"]


def test_numbers_may_be_written_with_an_exponent_and_points_may_be_negative(run: Run) -> None:
    found = document(run, "--samples", "2e3", "--at", "-3,0,2.5", "--alpha", "9e-1")
    assert found["monte_carlo"]["samples"] == 2000
    assert found["x"] == [-3.0, 0.0, 2.5]
    assert document(run, "--at=-1:1:0.1")["x"][10] == 0.0
    assert document(run, "--xlim", "-1", "1", "--points", "3")["x"] == [-1.0, 0.0, 1.0]
    assert document(run, "--at", "-1", "--at", "0,1")["x"] == [-1.0, 0.0, 1.0]


def test_c_0_is_a_defined_answer(run: Run) -> None:
    found = document(run, "--c", "0", "--at", "-2,2")
    assert found["exact"]["std"] == found["monte_carlo"]["std"] == [0.0, 0.0]


def test_several_activations_are_refused_with_the_flag(run: Run) -> None:
    result = run("estimate", "--fn", "tanh,relu")
    assert result.exit_code == 2
    assert "--fn takes one value here" in result.stderr


def test_a_piped_table_is_complete_and_reads_back_exactly(run: Run) -> None:
    words = ("--at", "-2:2:0.5", *QUICK)
    rows = [line.split("\t") for line in run("estimate", *words).stdout.splitlines()]
    found = document(run, "--at", "-2:2:0.5")
    assert len(rows) == 10
    column = rows[0].index("monte_carlo.mean_se")
    assert [float(row[column]) for row in rows[1:]] == found["monte_carlo"]["mean_se"]
    assert {len(row) for row in rows} == {len(rows[0])}


def test_a_person_sees_a_short_table_and_is_told_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    result = run("estimate", *QUICK)
    assert result.stdout.splitlines()[1].split()[-5:] == ["response", "pull", "noise", "p", "wrong"]
    assert len(result.stdout.splitlines()) < 25
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "21 of 401 points shown" in result.stderr
    short = run("estimate", *QUICK, "--at", "0,1.3", "--fn", "softsign", "--unit", "nani")
    assert "shown" not in short.stderr
    title, _, at_0, at_1 = short.stdout.splitlines()
    assert title.rstrip() == "nani of softsign, c 0.5, normal noise"
    assert at_0.split()[:2] == ["0", "0"]  # E φ(0) = 0, of which quadrature leaves 5e-17
    assert [len(cell.replace(".", "").lstrip("-0")) for cell in at_1.split()] == [2, 4, 4, 2, 2, 4, 2, 2, 0]  # digits


def test_estimates_that_rest_on_few_draws_are_named(run: Run) -> None:
    """Of 2,000 draws about 3 bring x = 4 back below 1 at c = 1: P(ξ < −3) = 1.35e-3."""
    words = ("--fn", "hard-tanh", "--unit", "nani", "--c", "1", "--samples", "2000")
    rare = run("estimate", *words, "--at", "0,4").stderr
    assert "at 1 of 2 points fewer than 20 draws decide mean and grad_mean and p_zero" in rare
    assert "fewer than" not in run("estimate", *words, "--at", "0,1").stderr
    assert "fewer than" not in run("estimate", *words, "--at", "0,4", "-q").stderr


def test_csv_npz_and_json_files_hold_the_same_numbers(run: Run) -> None:
    words = ("--fn", "relu", "--at", "-2:2:0.5")
    result = run("estimate", *QUICK, *words, "-o", "a.csv", "-o", "a.npz", "-o", "a.json")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.endswith("wrote a.csv\nwrote a.npz\nwrote a.json\n")
    found = document(run, *words)
    assert json.loads(Path("a.json").read_text()) == found
    rows = list(csv.DictReader(StringIO(Path("a.csv").read_text())))
    assert [float(row["exact.mean"]) for row in rows] == found["exact"]["mean"]
    assert rows[0]["exact.p_outside"] == ""
    with np.load("a.npz", allow_pickle=False) as arrays:
        assert arrays["monte_carlo.mean_se"].tolist() == found["monte_carlo"]["mean_se"]
        assert arrays["region"].tolist() == found["region"]
        assert json.loads(str(arrays["config"])) == found["config"]
        assert [name for name in arrays.files if name != "config"] == list(rows[0])


def test_the_format_follows_the_suffix_and_format_overrides(run: Run) -> None:
    assert run("estimate", *QUICK, "--at", "0", "-o", "a.dat", "--format", "json").exit_code == 0
    assert json.loads(Path("a.dat").read_text())["x"] == [0.0]
    result = run("estimate", *QUICK, "--at", "0", "-o", "a.xlsx")
    assert result.exit_code == 2
    assert [part for part in ("--output", "'a.xlsx'", ".csv, .npz, .json") if part not in result.stderr] == []
    result = run("estimate", *QUICK, "--at", "0", "-o", "a.csv", "--format", "cvs")
    assert result.exit_code == 2
    assert "did you mean 'csv'" in result.stderr
    assert "--format needs -o" in run("estimate", "--format", "csv").stderr


def test_dash_writes_raw_bytes_and_nothing_else(run: Run) -> None:
    result = run("estimate", *QUICK, "--at", "0,1", "-o", "-", "--format", "npz")
    assert (result.exit_code, result.stderr) == (0, "")
    with np.load(BytesIO(result.stdout_bytes)) as arrays:
        assert arrays["x"].tolist() == [0.0, 1.0]
    assert "-o - needs --format" in run("estimate", "-o", "-").stderr
    assert "--json and -o -" in run("estimate", "-o", "-", "--format", "csv", "--json").stderr


def test_dash_is_refused_on_a_terminal_before_any_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from noisyviz.cli import estimate

    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setattr(estimate, "compute", lambda *_: pytest.fail("worked"))
    result = run("estimate", "-o", "-", "--format", "npz")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "terminal" in result.stderr


def test_quiet_silences_the_names_of_files(run: Run) -> None:
    assert run("estimate", *QUICK, "--at", "0", "-o", "a.csv", "-q").stderr == ""


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.json"])
def test_only_files_of_our_own_are_replaced_without_force(run: Run, name: str) -> None:
    words = ("estimate", *QUICK, "--at", "0", "-o", name)
    assert run(*words).exit_code == run(*words).exit_code == 0
    Path(name).write_text("precious")
    result = run(*words)
    assert result.exit_code == 2
    assert [part for part in ("--output", name, "--force") if part not in result.stderr] == []
    assert Path(name).read_text() == "precious"
    assert run(*words, "--force").exit_code == 0
    assert Path(name).read_bytes() != b"precious"


def test_a_missing_folder_is_one_line_before_any_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from noisyviz.cli import estimate

    monkeypatch.setattr(estimate, "compute", lambda *_: pytest.fail("worked"))
    result = run("estimate", "-o", "nowhere/a.csv")
    assert result.exit_code == 2
    assert [part for part in ("--output", "nowhere") if part not in result.stderr] == []
    assert result.stderr.count("\n") == 1


def test_one_path_cannot_be_written_twice(run: Run) -> None:
    assert "-o names 'a.csv' twice" in run("estimate", "-o", "a.csv", "-o", "a.csv").stderr


@pytest.mark.parametrize("unit", ["nah", "nani"])
def test_antithetic_pairs_that_double_the_variance_are_pointed_out(run: Run, unit: str) -> None:
    words = ("estimate", *QUICK, "--at", "0", "--unit", unit, "--sampler")
    note = run(*words, "antithetic").stderr
    assert "double the variance" in note
    assert "stratified" in note
    assert "double" not in run(*words, "stratified").stderr
    assert "double" not in run("estimate", *QUICK, "--at", "0", "--sampler", "antithetic").stderr


def test_a_rounded_number_of_samples_is_reported(run: Run) -> None:
    result = run("estimate", "--samples", "1001", "--at", "0", "--sampler", "sobol", "--json")
    used = json.loads(result.stdout)["monte_carlo"]["samples"]
    assert used > 1001
    assert f"rounded up to {used:,} samples" in result.stderr


def test_the_number_of_jobs_changes_no_byte(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given, real = [], nv.monte_carlo

    def simulate(*args: Any, **kwargs: Any) -> nv.MonteCarloMoments:
        given.append(kwargs["jobs"])
        return real(*args, **kwargs)

    monkeypatch.setattr("noisyviz.moments.montecarlo.monte_carlo", simulate)
    words = ("estimate", "--fn", "hard-tanh", "--unit", "nani", "--samples", "3e5", "--at", "-1.5,0.4,2", "--json")
    results = [run(*words, *more).stdout for more in ((), ("--jobs", "1"), ("--jobs", "3"))]
    assert results[0] == results[1] == results[2]
    assert given[0] >= 1
    assert given[1:] == [1, 3]


@pytest.mark.parametrize("jobs", ["0", "-1", "1.5", "many", "1e9"])
def test_a_number_of_jobs_outside_its_domain_is_refused(run: Run, jobs: str) -> None:
    result = run("estimate", *QUICK, "--jobs", jobs)
    assert result.exit_code == 2
    assert f"--jobs must be a whole number from 1 to 1,024, got '{jobs}'" in " ".join(result.stderr.split())
