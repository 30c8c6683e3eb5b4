"""`compare` draws units side by side and prints a table; the same numbers go to JSON, CSV and NPZ."""

import csv
import io
import json
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

from noisyviz.cli import terminal as output
from noisyviz.export.provenance import PNG_SIGNATURE, read_record

QUICK = ("compare", "--points", "11", "--samples", "20")
AVERAGES = [
    *("bias_rms", "std_rms", "bias_rms_saturated", "std_rms_saturated"),
    *("grad_rms_saturated", "grad_rms_noiseless_saturated", "p_wrong_saturated"),
    *("response_saturated", "response_noiseless_saturated", "pull_saturated"),
    *("noise_rms_saturated", "p_zero_saturated"),
]
SETTINGS = ["fn", "unit", "alpha", "c", "p", "scale", "noise"]


def listing() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def rows(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def settings(path: str) -> dict[str, Any]:
    """The settings inside a picture."""
    record = read_record(path)
    assert record is not None
    found: dict[str, Any] = record["settings"]
    return found


def test_without_o_the_picture_is_named_after_the_activation_and_the_table_printed(run: Run) -> None:
    result = run(*QUICK, "--fn", "hard-tanh", "--unit", "nan,nah,nani,nanil,nanis", "--alpha", "0.9,1.0,1.15")
    name = "compare-hard-tanh-nan-nah-nani-nanil-nanis-a0.9-1-1.15.png"
    assert (result.exit_code, result.stderr) == (0, f"wrote {name}\n")
    assert listing() == [name]
    assert Path(name).read_bytes().startswith(PNG_SIGNATURE)
    table = rows(result.stdout, "\t")
    assert list(table[0]) == SETTINGS + AVERAGES
    assert [(row["unit"], row["alpha"]) for row in table] == [
        *((kind, alpha) for kind in ("nan", "nah") for alpha in ("0.9", "1.0", "1.15")),
        *((kind, "") for kind in ("nani", "nanil", "nanis")),
    ]
    # Where hard-tanh saturates the leak (1 − α)(|x| − 1) is the whole bias of nan, its root mean square √3·|1 − α|.
    assert float(table[0]["bias_rms_saturated"]) == pytest.approx(0.1 * sqrt(3.0), rel=1e-9)
    assert float(table[2]["bias_rms_saturated"]) == pytest.approx(0.15 * sqrt(3.0), rel=1e-9)
    assert float(table[1]["p_wrong_saturated"]) == pytest.approx(0.5, rel=1e-9)  # no leak: the sign is that of the draw


def test_every_option_reaches_the_picture(run: Run) -> None:
    words = ("--fn", "relu", "--unit", "nan,nanil", "--alpha", "0.8", "--c", "0.25", "--c", "1", "--p", "-1")
    more = ("--noise", "laplace", "--scale", "figure", "--xlim", "-4", "5", "--points", "31", "--samples", "7")
    look = ("--seed", "3", "--panels", "activation,sigma", "--style", "dark", "--width", "8.5cm")
    assert run("compare", *words, *more, *look, "-o", "a.png").exit_code == 0
    assert settings("a.png") == {
        **{"fn": ["relu"], "unit": ["nan", "nanil"], "alpha": [0.8], "c": [0.25, 1.0], "p": [-1.0]},
        **{"scale": ["figure"], "noise": ["laplace"], "panels": ["activation", "sigma"]},
        **{"xlim": [-4.0, 5.0], "points": 31, "samples": 7, "seed": 3, "at": None, "heat": ""},
    }
    record = read_record("a.png")
    assert record is not None
    assert (record["recipe"], record["style"], record["width"]) == ("compare", "dark", "8.5cm")


def test_json_holds_every_cell_and_writes_nothing(run: Run) -> None:
    result = run(*QUICK, "--fn", "hard-tanh", "--unit", "nah,nani", "--alpha", "0.9,1.15", "--json")
    assert (result.exit_code, result.stderr, listing()) == (0, "", [])
    found = json.loads(result.stdout)
    assert found["config"]["unit"] == ["nah", "nani"]
    assert {"seed", "noisyviz", "numpy", "scipy", "python", "style", "width", "xlim"} <= set(found["config"])
    assert (found["rows"], found["columns"], found["masked"]) == ("unit", "alpha", 0)
    assert [list(cell) for cell in found["cells"]] == [[*SETTINGS, *AVERAGES, "wrong_sign"]] * 3
    assert [cell["alpha"] for cell in found["cells"]] == [0.9, 1.15, None]
    (left, right) = found["cells"][1]["wrong_sign"]
    assert (left, right) == ([-4.0, pytest.approx(-1.0)], [pytest.approx(1.0), 4.0])


def test_averages_that_do_not_exist_are_null_and_counted(run: Run) -> None:
    found = json.loads(run(*QUICK, "--fn", "identity", "--json").stdout)
    (cell,) = found["cells"]
    missing = [key for key in AVERAGES if cell[key] is None]
    assert missing == AVERAGES[2:]
    assert found["masked"] == len(missing)


def test_tables_hold_the_same_numbers_as_json(run: Run) -> None:
    words = ("--unit", "nan,nani", "--c", "0.25,1", "--noise", "uniform")
    done = run(*QUICK, *words, "-o", "a.csv", "-o", "a.npz", "-o", "a.json", "--json")
    found = json.loads(done.stdout)
    assert json.loads(Path("a.json").read_text()) == found
    table = rows(Path("a.csv").read_text())
    assert [{key: float(row[key]) for key in AVERAGES} for row in table] == [
        {key: cell[key] for key in AVERAGES} for cell in found["cells"]
    ]
    assert [row["alpha"] for row in table] == ["0.9", "0.9", "", ""]
    with np.load("a.npz") as archive:
        assert archive["std_rms"].tolist() == [cell["std_rms"] for cell in found["cells"]]
        assert json.loads(str(archive["config"]))["noise"] == ["uniform"]
    assert run(*QUICK, "-o", "a.csv").exit_code == 0  # a table of our own is replaced
    Path("a.csv").write_text("precious")
    result = run(*QUICK, "-o", "a.csv")
    assert (result.exit_code, Path("a.csv").read_text()) == (2, "precious")


def test_the_table_the_curves_and_the_draws_go_beside_the_picture(run: Run) -> None:
    result = run(*QUICK, "--alpha", "0.9,1", "--with-data", "-o", "a.png", "-o", "a.csv", "-o", "a.svg", "-q")
    assert (result.exit_code, result.stderr) == (0, "")
    assert listing() == ["a-curves.csv", "a-draws.csv", "a.csv", "a.png", "a.svg"]
    curves = rows(Path("a-curves.csv").read_text())
    assert list(curves[0])[:8] == [*SETTINGS, "x"]
    assert {"h", "u", "mean", "std", "grad_mean", "p_wrong"} <= set(curves[0])
    assert len(rows(Path("a-draws.csv").read_text())) == 2 * 20
    assert len(rows(Path("a.csv").read_text())) == 2


def test_the_same_seed_gives_the_same_bytes(run: Run) -> None:
    for name, seed in (("a.png", "4"), ("b.png", "4"), ("c.png", "5")):
        run(*QUICK, "--seed", seed, "-o", name)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes() != Path("c.png").read_bytes()
    result = run(*QUICK, "--seed", "random", "-o", "d.png", "-q")
    assert result.stderr == f"seed {settings('d.png')['seed']}\n"


def test_a_person_reads_what_differs_and_the_averages(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    lines = run(*QUICK, "--unit", "nan,nani", "--alpha", "0.9,1").stdout.splitlines()
    assert lines[0].startswith("Averages over x from -4 to 4")
    assert " ".join(lines[1].split()) == "unit alpha bias std response without pull noise wrong"
    assert [line.split()[:2] for line in lines[2:]] == [["nan", "0.9"], ["nan", "1.0"], ["nani", "any"]]
    (row,) = run(*QUICK, "--fn", "identity").stdout.splitlines()[2:]
    assert row.split() == ["identity", "nan", "0", "0", "-", "-", "-", "-", "-"]


def test_a_list_that_changes_nothing_is_named(run: Run) -> None:
    result = run(*QUICK, "--unit", "nani", "--alpha", "0.9,1", "-o", "a.png")
    assert result.stderr == "--alpha has no effect: nani ignores it\nwrote a.png\n"
    assert len(rows(result.stdout, "\t")) == 1
    assert run(*QUICK, "--unit", "nani", "--alpha", "0.9,1", "-o", "a.png", "-q").stderr == ""


def test_a_picture_on_standard_output_leaves_no_room_for_the_table(run: Run) -> None:
    result = run(*QUICK, "-o", "-", "--format", "png")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout_bytes.startswith(PNG_SIGNATURE)
    assert b"bias_rms" not in result.stdout_bytes
    assert rows(run(*QUICK, "-o", "-", "--format", "csv").stdout)[0]["fn"] == "tanh"


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--unit", "nan,nahh"], ["--unit", "'nahh'", "'nah'"]),
        (["--unit", "nan,,nah"], ["--unit", "empty item"]),
        (["--alpha", "0.9,0.9"], ["--alpha", "'0.9' twice"]),
        (["--alpha", "1,1.0"], ["--alpha", "1.0 twice"]),
        (["--alpha", "0.9,x"], ["--alpha", "'x'", "finite"]),
        (["--c", "0.5,-1"], ["--c", "'-1'", "at least 0"]),
        (["--scale", "eq9,eq8"], ["--scale", "'eq8'", "'eq9'"]),
        (["--noise", "normal,norml"], ["--noise", "'norml'", "'normal'"]),
        (["--fn", "tanh,tahn"], ["--fn", "'tahn'", "'tanh'"]),
        (["--panels", "gradent"], ["--panels", "'gradent'", "'gradient'"]),
        (["--unit", "nan,nah", "--alpha", "0.9,1", "--c", "0.1,0.2"], ["--c", "one value", "unit and alpha"]),
        (["--alpha", "1,2,3,4,5,6,7,8,9", "--c", "1,2,3,4,5,6,7,8"], ["--c", "64", "72"]),
        (["--samples", "2e6"], ["--samples", "'2e6'"]),
        (["--at", "0,1,inf"], ["--at", "finite"]),
        (["--alpha", "0.9,1", "--map", "std_rms"], ["--map", "two of"]),
        (["--alpha", "0.9,1", "--c", "1,2", "--map", "std"], ["--map", "std_rms"]),
        (["--xlim", "-1e9", "1e9"], ["--xlim"]),
        (["--json", "--with-data"], ["--with-data", "-o"]),
        (["-o", "a.csv", "--show"], ["--show", "picture"]),
        (["-o", "a.txt"], [".png", ".csv"]),
    ],
)
def test_bad_values_are_one_line_and_leave_no_file(run: Run, words: list[str], parts: list[str]) -> None:
    result = run("compare", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert [part for part in parts if part not in result.stderr] == []
    assert listing() == []
