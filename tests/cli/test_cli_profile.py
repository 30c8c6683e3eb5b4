"""`profile` reads what networks leave behind, prints and writes it under the documented names, and refuses the rest."""

import contextlib
import csv
import hashlib
import io
import json
import os
import re
import shutil
import struct
import sys
import xml.etree.ElementTree
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import Run

import noisyviz as nv
from noisyviz.cli import terminal as output
from noisyviz.networks.array_sources import arrays_of
from noisyviz.networks.digests import Digests
from noisyviz.networks.results import UNIT_COLUMNS
from noisyviz.pictures.profile.page import caption_words
from noisyviz.pictures.profile.picture import ProfilePicture

DATA = Path(__file__).parents[1] / "data"
DIGITS, GATES = str(DATA / "digits.npz"), str(DATA / "gates.npz")
KEYS = {
    *("name", "shape", "units", "samples", "non_finite", "share_left", "share_right", "share_saturated"),
    *("mean_abs_delta", "mean_derivative", "dead_units", "noise"),
}
NOISE_KEYS = {
    *("bias_rms", "std_rms", "bias_rms_saturated", "std_rms_saturated"),
    *("grad_rms_saturated", "grad_rms_noiseless_saturated"),
    *("response_saturated", "response_noiseless_saturated", "pull_saturated"),
    *("noise_rms_saturated", "p_wrong_saturated", "p_zero_saturated"),
}


def document(run: Run, *words: str) -> dict[str, Any]:
    result = run("profile", *words, "--json")
    assert result.exit_code == 0, result.stderr

    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    found: dict[str, Any] = json.loads(result.stdout, parse_constant=refuse)
    return found


def names(run: Run, *words: str) -> list[str]:
    return [array["name"] for array in document(run, *words)["arrays"]]


def test_json_is_one_document_with_the_documented_keys(run: Run) -> None:
    found = document(run, GATES, "--fn", "sigmoid", "--array", "cell_candidate=tanh")
    assert set(found) == {"config", "arrays", "total", "masked", "notes"}
    for array in found["arrays"]:
        assert set(array) >= KEYS
        assert set(array["noise"]) == NOISE_KEYS
        assert array["shape"] == [128, 96]
    assert KEYS - {"name", "shape"} <= set(found["total"])
    with np.load(GATES) as archive:
        for array in found["arrays"]:
            threshold = 1.0 if array["name"] == "cell_candidate" else 2.0
            assert array["share_saturated"] == np.mean(np.abs(archive[array["name"]]) >= threshold)
    digest = hashlib.sha256(Path(GATES).read_bytes()).hexdigest()
    assert found["config"]["files"] == [{"file": "gates.npz", "array": "", "sha256": digest}]


def test_every_file_that_was_read_is_recorded_without_its_folder(run: Run) -> None:
    Path("saved").mkdir()
    np.save("saved/b.npy", np.ones(3))
    np.savez("saved/a.npz", x=np.ones(3), y=np.ones(3))
    digest = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path("saved").iterdir()}
    found = document(run, "saved", "saved/a.npz:y")["config"]["files"]
    assert [(one["file"], one["array"]) for one in found] == [("a.npz", ""), ("b.npy", ""), ("a.npz", "y")]
    assert [one["sha256"] for one in found] == [digest[name] for name in ("a.npz", "b.npy", "a.npz")]
    assert run("profile", "saved", "-o", "units.json").exit_code == 0
    assert json.loads(Path("units.json").read_text())["config"]["files"] == found[:2]
    content = Path("saved/b.npy").read_bytes()
    with Digests() as digests:
        assert len(list(arrays_of(["-"], stdin=io.BytesIO(content), digests=digests))) == 1
        assert digests.records() == [{"file": "-", "array": "", "sha256": digest["b.npy"]}]


def test_what_is_not_finite_is_null_and_counted(run: Run) -> None:
    np.save("a.npy", np.full((2, 2), np.nan))
    found = document(run, "a.npy")
    assert found["arrays"][0]["share_saturated"] is None
    assert found["arrays"][0]["non_finite"] == 4
    assert found["masked"] > 0


def test_every_kind_of_file_gives_the_same_numbers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    x = (np.arange(24, dtype=np.float32).reshape(8, 3) - 12) / 4
    np.save("a.npy", x)
    np.savez("a.npz", x=x)
    np.savetxt("plain.csv", x, delimiter=",")
    np.savetxt("named.csv", x, delimiter=";", header="first;second;third", comments="")
    half = (x.view(np.uint32) >> 16).astype("<u2")  # quarters up to 3 keep all their bits in bfloat16
    Path("a.safetensors").write_bytes(tensors({"x": ("F32", x), "half": ("BF16", half)}))
    expected = document(run, "a.npy")["total"]
    for name in ("a.npz", "plain.csv", "named.csv", "a.safetensors:x", "a.safetensors:half"):
        assert document(run, name)["total"] == expected, name
    for name in ("a.npy", "a.npz", "plain.csv"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path(name).read_bytes())))
        with_stdin = list(arrays_of(["-"], stdin=io.BytesIO(Path(name).read_bytes())))
        np.testing.assert_allclose(np.asarray(with_stdin[0].array), x)


def tensors(arrays: dict[str, tuple[str, npt.NDArray[Any]]], *, cut: int = 0) -> bytes:
    """A safetensors file of our own making."""
    header, body = {}, b""
    for name, (kind, array) in arrays.items():
        begin = len(body)
        body += array.tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [begin, len(body)]}
    text = json.dumps({"__metadata__": {"made": "here"}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + body[: len(body) - cut]


def test_bfloat16_is_widened_block_by_block_into_a_map(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("noisyviz.networks.array_sources._PART", 8)
    x = np.array([[0.5, -1.25, 3.0], [np.inf, -0.0, 2.0**-130]] * 7, dtype=np.float32)
    half = (x.view(np.uint32) >> 16).astype("<u2")
    Path("a.safetensors").write_bytes(tensors({"x": ("BF16", half), "y": ("BF16", half[:1])}))
    found = list(arrays_of(["a.safetensors"]))
    assert [type(one.array) for one in found] == [np.memmap, np.memmap]
    np.testing.assert_array_equal(found[0].array, x)
    assert np.signbit(np.asarray(found[0].array)[1, 1])
    np.testing.assert_array_equal(found[1].array, x[:1])


def test_files_of_one_name_are_told_apart_by_their_folders(run: Run) -> None:
    for folder in ("runs/a", "runs/b"):
        Path(folder).mkdir(parents=True)
        np.savez(f"{folder}/x.npz", h=np.ones(3))
    np.save("runs/y.npy", np.ones(3))
    assert names(run, "runs/a/x.npz", "runs/b", "runs/y.npy") == ["a/x.npz:h", "b/x.npz:h", "y.npy"]


def test_a_folder_and_several_files_name_their_arrays_with_the_file(run: Run) -> None:
    Path("saved").mkdir()
    np.save("saved/b.npy", np.ones(3))
    np.savez("saved/a.npz", x=np.ones(3), y=np.ones(3))
    Path("saved/notes.txt").write_text("nothing")
    assert names(run, "saved") == ["a.npz:x", "a.npz:y", "b.npy"]
    assert names(run, "saved/a.npz", "saved/b.npy") == ["a.npz:x", "a.npz:y", "b.npy"]
    assert names(run, "saved/a.npz:y") == ["y"]
    found = document(run, "saved", "--array", "y=sigmoid", "--array", "b.npy=relu")
    assert [array["fn"] for array in found["arrays"]] == ["tanh", "sigmoid", "relu"]


def test_the_table_of_units_is_written_as_csv(run: Run) -> None:
    result = run("profile", DIGITS, "-o", "units.csv")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "wrote units.csv\n")
    with Path("units.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == UNIT_COLUMNS
    assert len(rows) == 96 + 64 + 32
    with np.load(DIGITS) as archive:
        share = np.mean(archive["layer2"] >= 1.0, axis=0)
    assert [float(row["share_right"]) for row in rows if row["array"] == "layer2"] == share.tolist()
    assert run("profile", DIGITS, "-o", "units.csv").exit_code == 0
    Path("mine.csv").write_text("1,2\n")
    assert run("profile", DIGITS, "-o", "mine.csv").exit_code == 2


def test_names_of_columns_reach_the_table_of_units(run: Run) -> None:
    Path("a.csv").write_text(",first,second\n0,0.5,0.2\n1,3,-0.4\n")
    result = run("profile", "a.csv", "-o", "units.csv")
    assert (result.exit_code, result.stderr.count("\n")) == (0, 2)
    assert result.stderr.startswith("'a.csv' has an index column")
    with Path("units.csv").open(newline="") as file:
        assert [row["unit_name"] for row in csv.DictReader(file)] == ["first", "second"]
    assert run("profile", "a.csv", "-o", "units.csv", "-q").stderr == ""


def test_axis_and_array_options_choose_the_axis_of_units(run: Run) -> None:
    x = np.linspace(-0.9, 0.9, 24).reshape(4, 3, 2)
    np.savez("a.npz", conv=x, other=x)
    found = document(run, "a.npz", "--axis", "1", "--array", "conv=sigmoid@0,other=tanh")
    assert [(array["fn"], array["units"], array["axis"]) for array in found["arrays"]] == [
        ("sigmoid", 4, 0),
        ("tanh", 3, 1),
    ]
    assert [note.split(":")[0] for note in found["notes"]] == [
        "'conv' has shape (4, 3, 2)",
        "'other' has shape (4, 3, 2)",
    ]
    assert (found["config"]["axis"], found["config"]["axes"]) == (1, {"conv": 0})
    result = run("profile", "a.npz", "--axis", "3")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "noisyviz: --axis must be from -3 to 2 for 'conv' of shape (4, 3, 2), got 3\n"
    asked = "noisyviz: --array 'conv@7' asks for an axis of units, which must be from -3 to 2"
    assert run("profile", "a.npz", "--array", "conv@7").stderr.startswith(asked)
    assert document(run, "a.npz:conv", "--array", "conv@1")["arrays"][0]["units"] == 3


def test_control_characters_in_names_reach_no_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(0, 2, (50, 3))
    np.savez("a.npz", **{"a\nb": x, "\x1b[31mred": x, "t\tab": x, "[bold]w[/]": x, "e\ufffe": x})  # type: ignore[arg-type]
    lines = run("profile", "a.npz").stdout.splitlines()
    assert [line.split("\t")[0] for line in lines[1:-1]] == [
        r"a\nb",
        r"\x1b[31mred",
        r"t\tab",
        "[bold]w[/]",
        r"e\ufffe",
    ]
    assert len({line.count("\t") for line in lines}) == 1
    assert run("profile", "a.npz", "-o", "a.svg", "-o", "a.pdf", "-o", "a.csv").exit_code == 0
    xml.etree.ElementTree.parse("a.svg")
    for path in ("a.svg", "a.csv"):
        assert not re.search("[\x00-\x08\x0e-\x1f\ufffe]", Path(path).read_text(encoding="utf-8"))
    shown = run("plot", "--points", "21", "--data", r"a.npz:\x1b[31mred", "-o", "b.svg")
    assert (shown.exit_code, shown.stderr.count("\x1b")) == (0, 0)
    assert r"\x1b[31mred of a.npz" in shown.stderr
    xml.etree.ElementTree.parse("b.svg")
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    assert "\x1b[31m" not in run("profile", "a.npz").stdout


def test_the_noise_of_every_unit_is_in_the_table(run: Run) -> None:
    assert run("profile", f"{DIGITS}:layer2", "--c", "0.8", "-o", "units.csv").exit_code == 0
    with Path("units.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with np.load(DIGITS) as archive:
        x = archive["layer2"].astype(np.float64)
    bias = np.sqrt(np.mean((0.1 * (x - np.tanh(x))) ** 2, axis=0))
    np.testing.assert_allclose([float(row["noise.bias_rms"]) for row in rows], bias, rtol=1e-12)


def test_shares_alone_leave_the_rest_null_and_nobody_wondering(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, full = document(run, DIGITS, "--shares-only"), document(run, DIGITS)
    assert quick["config"]["shares_only"] is True
    assert quick["total"]["share_saturated"] == full["total"]["share_saturated"]
    assert quick["total"]["mean_derivative"] is None
    assert "noise" not in quick["total"]
    result = run("profile", DIGITS, "--shares-only", "-o", "units.csv")
    assert (result.exit_code, result.stderr) == (0, "wrote units.csv\n")
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    shown = run("profile", DIGITS, "--shares-only")
    assert shown.exit_code == 0
    assert "bias" not in shown.stdout


def test_what_wide_arrays_lack_is_said(run: Run) -> None:
    np.save("wide.npy", np.zeros((1, 300_000), dtype=np.int8))
    result = run("profile", "wide.npy", "--unit", "nani", "--format", "npz", "-o", "units.npz")
    assert result.exit_code == 0
    assert "have no quantiles and no noise columns" in result.stderr
    assert document(run, "wide.npy")["arrays"][0]["unit_quantile_error"] is None


def test_piped_tables_are_complete(run: Run) -> None:
    lines = [line.split("\t") for line in run("profile", DIGITS).stdout.splitlines()]
    assert [line[0] for line in lines] == ["name", "layer1", "layer2", "layer3", "total"]
    assert {f"noise.{key}" for key in NOISE_KEYS} <= set(lines[0])
    assert {len(line) for line in lines} == {len(lines[0])}


@pytest.fixture(scope="module")
def bad_inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that cannot be read, made once; what works in it writes nothing."""
    folder = tmp_path_factory.mktemp("bad")
    with contextlib.chdir(folder):
        make_bad_inputs()
    return folder


def make_bad_inputs() -> None:
    content = Path(DIGITS).read_bytes()
    Path("cut.npz").write_bytes(content[:20_000])
    Path("text.npy").write_text("1.0 2.0\n")
    np.save("number.npy", np.array(1.0))
    np.save("empty.npy", np.zeros((0, 3)))
    np.save("objects.npy", np.array([None, 1], dtype=object), allow_pickle=True)
    Path("mixed.csv").write_text("1,2\n3,three\n")
    Path("ragged.csv").write_text("1,2\n3\n")
    Path("binary.csv").write_bytes(b"\xff\x00\xfe\x01")
    Path("empty.csv").write_text("")
    Path("names.csv").write_text("a,b\n")
    x = np.ones((2, 2), dtype=np.float32)
    Path("cut.safetensors").write_bytes(tensors({"x": ("F32", x)}, cut=4))
    Path("short.safetensors").write_bytes(b"\xff" * 8)
    Path("bool.safetensors").write_bytes(tensors({"x": ("BOOL", x)}))
    Path("wrong.safetensors").write_bytes(tensors({"x": ("F64", x)}))
    many = (1,) * 70
    with Path("axes.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": many})
        file.write(b"\0" * 8)
    good = tensors({"x": ("F32", x)})
    for name, shape in (("axes", str([2, 2, *many[2:]])), ("endless", "[Infinity]")):
        header = good[8:-16].replace(b"[2, 2]", shape.encode())
        Path(f"{name}.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + good[-16:])
    Path("nothing").mkdir()
    os.mkfifo("pipe.npy")
    os.mkfifo("pipe.csv")
    with zipfile.ZipFile("none.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    shutil.copy(DIGITS, "ok.npz")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["cut.npz"], "damaged or truncated .npz"),
        (["text.npy"], "neither an .npy nor an .npz"),
        (["number.npy"], "single number"),
        (["empty.npy"], "empty array of shape (0, 3)"),
        (["objects.npy"], "Python objects"),
        (["mixed.csv"], "'three' in line 2, column 2"),
        (["ragged.csv"], "columns changed from 2 to 1"),
        (["binary.csv"], "not a text file"),
        (["empty.csv"], "holds no numbers"),
        (["names.csv"], "holds no numbers"),
        (["cut.safetensors"], "truncated or damaged"),
        (["short.safetensors"], "damaged or truncated .safetensors"),
        (["bool.safetensors"], "BOOL values"),
        (["wrong.safetensors"], "declares 32 bytes"),
        (["axes.npy"], "70 axes, more than 32"),
        (["axes.safetensors"], "70 axes, more than 32"),
        (["endless.safetensors"], "header does not describe array 'x'"),
        ([""], "FILE must not be empty"),
        (["nothing"], "holds no file"),
        (["none.npz"], "holds no array"),
        (["pipe.npy"], "not a regular file"),
        (["pipe.csv"], "not a regular file"),
        (["missing.npy"], "no such file"),
        (["ok.npz:layr1"], "did you mean 'layer1'?"),
        (["mixed.csv:a"], "none named 'a'"),
        (["ok.npz", "--array", "layr1=tanh"], "no array 'layr1'"),
        (["ok.npz", "--array", "layer1"], "NAME=FN"),
        (["ok.npz", "--array", "layer1=tahn"], "--array: fn must be one of"),
        (["ok.npz", "--array", "layer1=tanh,layer1=relu"], "'layer1' twice"),
        (["ok.npz", "--fn", "tanh,relu"], "one value"),
        (["ok.npz", "--c", "-1"], "at least 0"),
        ([], "FILE"),
    ],
)
def test_bad_input_is_answered_by_one_line_and_exit_2(run: Run, bad_inputs: Path, words: list[str], part: str) -> None:
    os.chdir(bad_inputs)
    result = run("profile", *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert part in result.stderr


def test_a_terminal_is_not_waited_for() -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(ValueError, match="terminal"):
        list(arrays_of(["-"], stdin=Terminal()))


def test_a_file_larger_than_the_bound_is_mapped_and_streamed(run: Run) -> None:
    """A header may promise much, a sparse file may hold it: neither is taken into memory."""
    import tracemalloc

    np.lib.format.open_memmap("big.npy", mode="w+", dtype=np.float32, shape=(400_000, 50)).flush()
    tracemalloc.start()
    assert run("profile", "big.npy").exit_code == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 35e6  # of 80


def test_the_units_that_saturate_most_are_named(run: Run) -> None:
    x = np.zeros((10, 4))
    x[:9, 2], x[:7, 0], x[:2, 3], x[0, 1] = 3.0, -3.0, 3.0, np.nan
    Path("x.csv").write_text("a,b,c,d\n" + "\n".join(",".join(map(str, row)) for row in x) + "\n")
    found = json.loads(run("profile", "x.csv", "--json").stdout)
    assert found["arrays"][0]["worst_units"] == [
        {"unit": 2, "name": "c", "share_saturated": 0.9},
        {"unit": 0, "name": "a", "share_saturated": 0.7},
        {"unit": 3, "name": "d", "share_saturated": 0.2},
    ]
    assert "worst_units" not in found["total"]
    array = nv.profile(x, unit=nv.NoisyUnit("tanh"))
    shown = dict(zip(array.summary().header, array.summary().rows[0], strict=True))
    assert (shown["non-finite"], shown["worst units"]) == ("1", "2, 0, 3")
    picture = ProfilePicture()
    assert "Most saturated units: 2, 0, 3." in " ".join(caption_words(picture.of(array)))


def test_arrays_of_a_file_come_in_natural_order(run: Run) -> None:
    x = np.zeros((2, 1), dtype=np.float32)
    Path("a.safetensors").write_bytes(tensors(dict.fromkeys(("layer1", "layer10", "layer2"), ("F32", x))))
    rows = run("profile", "a.safetensors").stdout.splitlines()
    assert [row.split("\t")[0] for row in rows[1:4]] == ["layer1", "layer2", "layer10"]
