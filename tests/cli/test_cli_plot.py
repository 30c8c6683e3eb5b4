"""`plot` writes pictures that carry their settings, needs no display, and replaces only its own files."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import Run

import noisyviz as nv
from noisyviz.cli import terminal as output
from noisyviz.export.provenance import PNG_SIGNATURE, read_record

QUICK = ("plot", "--points", "21", "--samples", "50")
ONE_PANEL = (*QUICK, "--panels", "activation")


def settings(path: str) -> dict[str, object]:
    """The settings inside a picture."""
    record = read_record(path)
    assert record is not None
    found: dict[str, object] = record["settings"]
    return found


def listing() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_without_o_the_picture_is_named_after_the_activation(run: Run) -> None:
    result = run("plot", "--fn", "tanh")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "wrote plot-tanh.png\n")
    assert Path("plot-tanh.png").read_bytes().startswith(PNG_SIGNATURE)
    assert listing() == ["plot-tanh.png"]


def test_formats_without_o_give_one_file_each(run: Run) -> None:
    assert run(*ONE_PANEL, "--fn", "relu", "--format", "pdf,svg").exit_code == 0
    assert listing() == ["plot-relu.pdf", "plot-relu.svg"]


def test_the_name_of_a_function_of_the_users_own_becomes_a_plain_file_name(run: Run) -> None:
    Path("mine.py").write_text("import numpy as np\n\n\ndef bent(x):\n    return np.tanh(2 * x)\n")
    assert run(*ONE_PANEL, "--fn", "mine:bent").exit_code == 0
    assert "plot-mine-bent.png" in listing()


def test_every_option_reaches_the_picture(run: Run) -> None:
    words = ("--fn", "relu", "--unit", "nanil", "--alpha", "0.8", "--c", "0.25", "--p", "-1", "--noise", "laplace")
    more = ("--scale", "figure", "--xlim", "-4", "5", "--points", "31", "--samples", "70", "--seed", "3")
    look = ("--panels", "activation", "--panels", "sigma", "--style", "dark", "--width", "8.5cm")
    assert run("plot", *words, *more, *look, "-o", "a.png").exit_code == 0
    expected = {
        **{"fn": ["relu"], "unit": "nanil", "alpha": 0.8, "c": 0.25, "p": -1.0, "noise": "laplace"},
        **{"scale": "figure", "xlim": [-4.0, 5.0], "points": 31, "samples": 70, "seed": 3},
        **{"panels": ["activation", "sigma"], "at": None, "data": None},
    }
    assert settings("a.png") == expected
    record = read_record("a.png")
    assert record is not None
    assert (record["style"], record["width"], record["seed"]) == ("dark", "8.5cm", 3)


def test_a_list_of_activations_is_commas_or_repetition(run: Run) -> None:
    run(*ONE_PANEL, "--fn", "tanh,relu", "-o", "a.png")
    run(*ONE_PANEL, "--fn", "tanh", "--fn", "relu", "-o", "b.png")
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()
    assert settings("a.png")["fn"] == ["tanh", "relu"]
    result = run(*ONE_PANEL, "--fn", "tanh,tanh")
    assert result.exit_code == 2
    assert "'tanh' twice" in result.stderr


def test_points_are_marks_on_whole_curves(run: Run) -> None:
    assert run("plot", "--panels", "activation", "--samples", "9", "--at", "0,1,3", "-o", "a.png").exit_code == 0
    assert (settings("a.png")["at"], settings("a.png")["xlim"], settings("a.png")["points"]) == ([0, 1, 3], None, 401)
    assert (
        run(
            "plot", "--panels", "activation", "--samples", "9", "--at", "0", "--xlim", "-2", "2", "-o", "b.png"
        ).exit_code
        == 0
    )
    for points in ("-inf,inf", "2e6"):
        result = run("plot", "--at", points)
        assert result.exit_code == 2, points
        assert "--at" in result.stderr


def test_the_same_seed_gives_the_same_bytes(run: Run) -> None:
    for name, seed in (("a.png", "4"), ("b.png", "4"), ("c.png", "5")):
        run(*ONE_PANEL, "--seed", seed, "-o", name)
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes() != Path("c.png").read_bytes()


def test_a_random_seed_is_reported_and_kept_in_the_picture(run: Run) -> None:
    result = run(*ONE_PANEL, "--seed", "random", "-o", "a.png", "-q")
    assert result.stderr == f"seed {settings('a.png')['seed']}\n"


def test_json_without_o_writes_nothing_and_holds_the_numbers(run: Run) -> None:
    result = run(*QUICK, "--fn", "hard-tanh", "--alpha", "1.15", "--unit", "nah", "--json")
    assert (result.exit_code, result.stderr, listing()) == (0, "", [])
    found = json.loads(result.stdout)
    assert found["config"]["fn"] == ["hard-tanh"]
    assert {"seed", "noisyviz", "numpy", "scipy", "python", "style", "width"} <= set(found["config"])
    assert set(found["wrong_sign"]) == {"hard-tanh"}
    lengths = {len(column) for column in found["curves"].values()}
    assert lengths == {len(found["curves"]["x"])}
    assert len(found["draws"]["phi"]) == 50
    assert found["masked"] == sum(column.count(None) for name in ("curves", "draws") for column in found[name].values())


def test_dash_writes_raw_bytes_and_is_refused_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(*ONE_PANEL, "-o", "-", "--format", "png")
    assert result.stderr == ""
    assert result.stdout_bytes.startswith(PNG_SIGNATURE)
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    result = run(*ONE_PANEL, "-o", "-", "--format", "png")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf"])
def test_only_pictures_of_our_own_are_replaced_without_force(run: Run, name: str) -> None:
    assert run(*ONE_PANEL, "-o", name).exit_code == 0
    assert run(*ONE_PANEL, "-o", name, "--c", "1").exit_code == 0
    assert settings(name)["c"] == 1.0
    Path(name).write_text("precious")
    result = run(*ONE_PANEL, "-o", name)
    assert result.exit_code == 2
    assert [part for part in ("--output", name, "--force") if part not in result.stderr] == []
    assert Path(name).read_text() == "precious"
    assert run(*ONE_PANEL, "-o", name, "--force", "-q").stderr == ""
    assert settings(name)["c"] == 0.5


def test_unknown_suffixes_and_missing_folders_are_refused_before_any_work(run: Run) -> None:
    for name, parts in (("a.bmp", [".png", ".svg", ".pdf"]), ("nowhere/a.png", ["nowhere"]), ("a", ["no suffix"])):
        result = run(*QUICK, "-o", name)
        assert result.exit_code == 2
        assert [part for part in ("--output", name, *parts) if part not in result.stderr] == []
    assert listing() == []


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--style", "drak"], ["--style", "'drak'", "'dark'"]),
        (["--json", "--width", "99"], ["--width", "'99'", "icml"]),
        (["--panels", "sigm"], ["--panels", "'sigm'", "'sigma'"]),
        (["--panels", "sigma,sigma"], ["--panels", "twice"]),
        (["--fn", "tahn"], ["--fn", "'tahn'", "'tanh'"]),
        (["--samples", "1e7"], ["--samples", "1,000,000"]),
        (["--xlim", "-1e9", "1e9"], ["--xlim"]),
        (["--data", "missing.npz"], ["--data", "'missing.npz'", "no such file"]),
        (["--json", "--show"], ["--show", "-o"]),
        (["--json", "--with-data"], ["--with-data", "-o"]),
    ],
)
def test_bad_values_of_a_picture_are_one_line_and_leave_no_file(run: Run, words: list[str], parts: list[str]) -> None:
    result = run("plot", *words)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert [part for part in parts if part not in result.stderr] == []
    assert listing() == []


def test_real_pre_activations_are_drawn_and_their_saturated_share_is_stated(run: Run) -> None:
    np.savez("gates.npz", gate=np.array([-3.0, 0.0, 0.5, 3.0, np.nan], dtype=np.float32), other=np.zeros(3))
    result = run(*ONE_PANEL, "--data", "gates.npz:gate", "-o", "a.png")
    assert result.exit_code == 0
    assert "50.0% of gate of gates.npz saturated for tanh (left 25.0%, right 25.0%)" in result.stderr
    assert "1 of 5 values left out" in result.stderr
    source = settings("a.png")["data"]
    assert isinstance(source, dict)
    assert (source["file"], source["array"], len(source["sha256"])) == ("gates.npz", "gate", 64)
    found = json.loads(run(*QUICK, "--data", "gates.npz:gate", "--json").stdout)
    assert found["saturated"] == {"tanh": {"left": 0.25, "right": 0.25}}
    assert "gate, other" in run(*QUICK, "--data", "gates.npz").stderr


def test_the_data_behind_the_picture_is_written_beside_it(run: Run) -> None:
    assert run(*ONE_PANEL, "-o", "a.png", "-o", "a.pdf", "--with-data").exit_code == 0
    assert listing() == ["a-bands.csv", "a-draws.csv", "a.csv", "a.pdf", "a.png"]
    with Path("a.csv").open() as file:
        assert {"x", "h", "mean", "grad_mean"} <= set(next(csv.reader(file)))
    Path("b.csv").write_text("precious")
    result = run(*ONE_PANEL, "-o", "b.png", "--with-data")
    assert result.exit_code == 2
    assert "b.csv" in result.stderr
    assert "b.png" not in listing()


def test_show_opens_the_written_file_and_says_when_it_cannot(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    answer = 0

    def viewer(path: str) -> int:
        opened.append(path)
        return answer

    monkeypatch.setattr(typer, "launch", viewer)
    monkeypatch.setenv("DISPLAY", ":0")
    assert run(*ONE_PANEL, "-o", "a.png", "--show").exit_code == 0
    assert opened == ["a.png"]
    answer = 1
    result = run(*ONE_PANEL, "-o", "a.png", "--show")
    assert result.exit_code == 1
    assert "no viewer" in result.stderr
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    result = run(*ONE_PANEL, "-o", "a.png", "--show")
    assert (result.exit_code, len(opened)) == (1, 2)
    assert "a.png is written, but there is no display" in result.stderr


def test_the_backend_of_a_notebook_does_not_matter_and_no_cache_is_one_sentence(tmp_path: Path) -> None:
    environment = os.environ | {"MPLBACKEND": "nbAgg", "MPLCONFIGDIR": "/dev/null/none"}
    words = [sys.executable, "-m", "noisyviz", "plot", "--points", "21", "--panels", "sigma", "-o", "a.png"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    note, wrote = done.stderr.splitlines()
    assert note.startswith("note: Matplotlib cannot write its cache")
    assert wrote == "wrote a.png"


def test_characters_that_no_font_has_are_named_once(run: Run) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    np.savez("a.npz", **{"\u5c42\u4e00": x, "\u5c42\u4e8c": x})  # type: ignore[arg-type]
    result = run("profile", "a.npz", "-o", "a.png")
    assert result.exit_code == 0
    assert (
        result.stderr
        == "wrote a.png\nnote: the fonts of the picture lack 3 characters, drawn as boxes: \u5c42\u4e00\u4e8c\n"
    )
    assert "fonts" not in run("plot", "--points", "21", "--panels", "sigma", "-o", "b.png").stderr


def test_ranges_with_an_equals_sign_and_widths_in_every_unit(run: Run) -> None:
    for words in (["--xlim=-3,3"], ["--xlim", "-3,3"], ["--xlim", "-3", "3"], ["--xlim=-3 3"]):
        result = run("plot", "--points", "3", *words, "--json")
        x = json.loads(result.stdout)["curves"]["x"]
        assert (x[0], x[-1]) == (-3.0, 3.0)
    pixels = set()
    for width in ("12.7cm", "127mm", "5in", "361.35pt"):
        assert run("plot", "--points", "21", "--panels", "sigma", "--width", width, "-o", "a.png").exit_code == 0
        pixels.add(Path("a.png").read_bytes()[16:24])
    assert len(pixels) == 1
    for width in ("2.9cm", "29mm", "1.1in", "85pt", "5ft", "1001mm"):
        result = run("plot", "--width", width, "-o", "b.png")
        assert result.exit_code == 2
        assert f"a length in cm, mm, in or pt from 3cm to 100cm, got '{width}'" in result.stderr


def test_places_that_cannot_be_written_are_refused_before_the_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from noisyviz.pictures.overview.picture import Overview

    monkeypatch.setattr(Overview, "compute", lambda *_, **__: pytest.fail("worked"))
    Path("link.png").symlink_to("nowhere/a.png")
    result = run("plot", "-o", "link.png")
    assert result.exit_code == 2
    assert "it is a link to 'nowhere/a.png', whose folder does not exist" in result.stderr

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "open", refuse)
    result = run("plot", "-o", "a.png")
    assert result.exit_code == 2
    assert "output 'a.png' cannot be written: operation not permitted" in result.stderr


def test_neither_does_one_that_is_unknown_nor_a_missing_display_and_pyplot_is_never_loaded(tmp_path: Path) -> None:
    code = (
        "import atexit, sys\n"
        "heavy = {'matplotlib.pyplot', 'scipy.stats'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules))))\n"
        "from noisyviz.cli import main\n"
        "sys.argv = ['noisyviz', 'plot', '--points', '21', '--panels', 'sigma', '-o', 'a.png']\nmain()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    environment["MPLBACKEND"] = "no_such_backend"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "wrote a.png\n")
    assert (tmp_path / "a.png").read_bytes().startswith(PNG_SIGNATURE)


def test_a_pdf_holds_no_type_3_font(run: Run) -> None:
    assert run("plot", "-o", "a.pdf").exit_code == 0
    content = Path("a.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/FontFile2" in content


def test_noise_that_could_not_be_seen_is_drawn_stronger_unless_c_is_given(run: Run) -> None:
    said = run(*ONE_PANEL, "--fn", "sigmoid", "--unit", "nanil", "-o", "a.png").stderr
    c = settings("a.png")["c"]
    assert isinstance(c, float)
    assert f"c = {c:g} is drawn" in said
    unit = nv.NoisyUnit("sigmoid", kind="nanil", c=c)
    assert 0.03 <= nv.exact(unit, np.linspace(-5.0, 5.0, 41)).std.max() < 0.1
    assert run(*ONE_PANEL, "--fn", "sigmoid", "--unit", "nanil", "--c", "0.5", "-o", "b.png").exit_code == 0
    assert settings("b.png")["c"] == 0.5
    assert "is drawn" not in run(*ONE_PANEL, "--fn", "tanh", "-o", "c.png").stderr
