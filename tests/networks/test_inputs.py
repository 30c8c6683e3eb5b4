"""Files as people have them: what is read, what is left out and said, and what a name that was printed finds again."""

import json
import re
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from noisyviz.errors import InputError, MissingExtraError
from noisyviz.networks.array_sources import arrays_of
from noisyviz.networks.profile import Profiler
from noisyviz.networks.results import Profile

Floats = npt.NDArray[np.float32]
NAMES = [f"u{k}" for k in range(6)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def a() -> Floats:
    return np.random.default_rng(1).normal(0, 1.5, (200, 6)).astype("f4")


def seen(*texts: str, fn: str = "tanh", **options: Any) -> Profile:
    notes: list[str] = []
    profiler = Profiler(fn=fn, **options)
    for found in arrays_of(texts, notes=notes):
        profiler.add(found.name, found.array, alias=found.alias, columns=found.columns)
    return profiler.finish(notes)


def tensors(arrays: dict[str, tuple[str, npt.NDArray[Any]]]) -> bytes:
    header, body = {}, b""
    for name, (kind, array) in arrays.items():
        begin = len(body)
        body += array.tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [begin, len(body)]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def rows(x: Floats, mark: str = ",") -> str:
    return "".join(mark.join(map(str, row)) + "\n" for row in x.tolist())


def check_a(found: Profile, a: Floats, notes: int = 0, non_finite: int = 0) -> None:
    """The numbers of `a` themselves, by NumPy."""
    x = a.astype(np.float64)
    assert found.total.units == 6
    assert found.total.non_finite == non_finite
    assert found.total.share_saturated == pytest.approx(np.mean(np.abs(x) >= 1), abs=2e-3 if non_finite else 1e-15)
    assert found.total.mean_abs_delta == pytest.approx(
        np.mean(np.abs(x - np.tanh(x))), rel=3e-3 if non_finite else 1e-12
    )
    assert len(found.notes) == notes


def test_an_index_column_is_no_unit_and_that_is_said(a: Floats) -> None:
    body = "".join(f"{k},{row}" for k, row in enumerate(rows(a).splitlines(keepends=True)))
    Path("index.csv").write_text("," + ",".join(NAMES) + "\n" + body)
    Path("row.csv").write_text("row," + ",".join(NAMES) + "\n" + body)  # two more of the kind
    Path("bare.csv").write_text(body)
    for name in ("index.csv", "row.csv", "bare.csv"):
        found = seen(name)
        check_a(found, a, notes=1)
        assert name in found.notes[0]
        assert "index column" in found.notes[0]
    assert seen("index.csv").arrays[0].unit_names == tuple(NAMES)


@pytest.mark.parametrize("gap", ["", "NA", "N/A", "null", "None"])
def test_gaps_count_as_not_finite(a: Floats, gap: str) -> None:
    lines = rows(a).split("\n")
    cells = lines[3].split(",")
    cells[2] = gap
    lines[3] = ",".join(cells)
    Path("gap.csv").write_text(",".join(NAMES) + "\n" + "\n".join(lines))
    check_a(seen("gap.csv"), a, non_finite=1)


def test_quotes_comments_tabs_and_more_are_read(a: Floats) -> None:
    quoted = [
        ",".join(f'"{cell}"' for cell in line.split(",")) for line in [",".join(NAMES), *rows(a).split("\n")[:-1]]
    ]
    Path("quoted.csv").write_text("\n".join(quoted))
    Path("comment.csv").write_text("# saved by a script\n" + rows(a))
    Path("plain.tsv").write_text("\t".join(NAMES) + "\n" + rows(a, "\t"))
    Path("spaces.txt").write_text(rows(a, " "))
    np.savetxt("saved.dat.gz", a, header=" ".join(NAMES))
    for name in ("quoted.csv", "comment.csv", "plain.tsv", "spaces.txt", "saved.dat.gz"):
        check_a(seen(name), a)
    for name in ("quoted.csv", "plain.tsv", "saved.dat.gz"):
        assert seen(name).arrays[0].unit_names == tuple(NAMES)


def convolution() -> Floats:
    x = np.random.default_rng(2).normal(0.3, 1, (16, 8, 5, 7)).astype("f4")
    x[:, 3] = -abs(x[:, 3]) - 0.5
    return x


@pytest.mark.parametrize("axis", [1, -3])
def test_the_axis_of_units_is_an_option_and_the_shape_is_told(axis: int) -> None:
    np.savez("channels_first.npz", conv1=convolution())
    blind = seen("channels_first.npz", fn="relu")
    assert (blind.total.units, blind.total.dead_units) == (7, 0)
    assert re.search(r"'conv1' has shape \(16, 8, 5, 7\): the last \(7\) was taken", blind.notes[0])
    found = seen("channels_first.npz", fn="relu", axis=axis)
    assert (found.total.units, found.total.dead_units, found.total.samples) == (8, 1, 16 * 5 * 7)
    assert found.arrays[0].per_unit is not None
    share = np.mean(convolution() <= 0, axis=(0, 2, 3))
    assert found.arrays[0].per_unit.share_left.tolist() == share.tolist()
    assert "axis 1 (8) was taken" in found.notes[0]
    own = seen("channels_first.npz", fn="relu", axes={"conv1": axis})
    assert own.total.dead_units == 1
    np.savez("channels_last.npz", conv1=np.moveaxis(convolution(), 1, -1).copy())
    assert seen("channels_last.npz", fn="relu").total.dead_units == 1
    np.save(
        "columns.npy", np.asfortranarray(convolution())
    )  # two more of the kind: order of columns, few and large axes
    assert seen("columns.npy", fn="relu", axis=axis).arrays[0].plain() == own.arrays[0].plain() | {
        "name": "columns.npy"
    }
    with pytest.raises(InputError, match="axis must be from -4 to 3 for 'conv1'"):
        seen("channels_first.npz", axis=4)


def test_blocks_of_an_array_whose_axes_were_swapped_are_those_of_a_copy() -> None:
    x = np.random.default_rng(3).normal(size=(3, 4, 300, 500))
    ours, copied = (Profiler(axis=-1) for _ in range(2))
    ours.add("x", np.moveaxis(x, 1, -1))
    copied.add("x", np.moveaxis(x, 1, -1).copy())
    assert ours.finish().total.share_saturated == copied.finish().total.share_saturated


def test_members_that_are_no_real_arrays_are_left_out_counted_and_named(a: Floats) -> None:
    np.savez("scalar.npz", fc1=a, epoch=3)
    np.savez("mask.npz", fc1=a, mask=a > 0)
    np.savez("more.npz", words=np.array(["a"]), none=np.zeros((0, 3)), fc1=a, z=np.ones(2, dtype=complex))
    np.savez("objects.npz", fc1=a, o=np.array([None, 1], dtype=object))
    Path("mask.safetensors").write_bytes(tensors({"fc1": ("F32", a), "mask": ("BOOL", a > 0), "no": ("F32", a[:0])}))
    told = {
        "scalar.npz": "1 of 2 arrays of 'scalar.npz': 'epoch' (a single number, not an array)",
        "mask.npz": "1 of 2 arrays of 'mask.npz': 'mask' (bool values)",
        "more.npz": "3 of 4 arrays of 'more.npz': 'words' (str32 values), 'none' (an empty array of shape (0, 3)), 'z'",
        "objects.npz": "1 of 2 arrays of 'objects.npz': 'o' (Python objects",
        "mask.safetensors": "2 of 3 arrays of 'mask.safetensors': 'mask' (BOOL values in 'mask'), 'no' (an empty",
    }
    for name, words in told.items():
        found = seen(name)
        check_a(found, a, notes=1)
        assert words in found.notes[0]
    for text, words in {"mask.npz:mask": "holds bool values", "mask.safetensors:mask": "holds BOOL values"}.items():
        with pytest.raises(InputError, match=words):
            seen(text)
    np.savez("nothing.npz", mask=a > 0, epoch=3)
    with pytest.raises(InputError, match=r"no array of real numbers, but mask \(bool values\), epoch"):
        seen("nothing.npz")


def test_narrow_floats_are_read_where_their_type_is_told(a: Floats) -> None:
    bits = (a.view("u4") >> 16).astype("<u2")
    half = (bits.astype("u4") << 16).view("f4")
    np.save("bfloat16.npy", bits.view("V2").reshape(a.shape))  # what numpy.save makes of an array of bfloat16
    np.savez("bfloat16.npz", x=bits.view("V2").reshape(a.shape), y=bits)
    with pytest.raises(
        InputError, match="raw bytes; if they are floating-point numbers, name their type: FILE:bfloat16"
    ):
        seen("bfloat16.npy")
    for text in ("bfloat16.npy:bfloat16", "bfloat16.npz:x:bfloat16", "bfloat16.npz:y:bfloat16"):
        check_a(seen(text), half)
    assert len(seen("bfloat16.npz:bfloat16").arrays) == 2
    np.save("columns.npy", np.asfortranarray(bits.view("V2").reshape(a.shape)))
    check_a(seen("columns.npy:bfloat16"), half)
    np.save("float.npy", a)
    with pytest.raises(InputError, match="holds float32 values, which cannot be bfloat16"):
        seen("float.npy:bfloat16")


def eight_bits(code: int, exponent: int, fraction: int) -> float:
    """The value of an 8-bit number, bit by bit."""
    bias, part = 2 ** (exponent - 1) - 1, code % 2**fraction
    power = code // 2**fraction % 2**exponent
    size = (part / 2**fraction + (power > 0)) * 2.0 ** (max(power, 1) - bias)
    return float(-size if code >= 128 else size)


@pytest.mark.parametrize(("kind", "exponent", "fraction", "most"), [("E4M3", 4, 3, 126), ("E5M2", 5, 2, 123)])
def test_float8_is_read_in_every_file(kind: str, exponent: int, fraction: int, most: int) -> None:
    codes = np.array([k for k in range(256) if k % 128 <= most], dtype="u1")
    expected = np.array([eight_bits(int(k), exponent, fraction) for k in codes])
    assert expected.max() == {"E4M3": 448.0, "E5M2": 57344.0}[kind]
    Path("f.safetensors").write_bytes(tensors({"x": (f"F8_{kind}", codes)}))
    np.save("f.npy", codes.view("V1"))
    name = f"float8_{kind.lower()}"
    for text in ("f.safetensors", f"f.npy:{name}"):
        (found,) = arrays_of([text])
        np.testing.assert_array_equal(np.asarray(found.array), expected)
    if kind == "E5M2":  # the only type that is saved under a name that NumPy cannot read
        Path("f.npy").write_bytes(Path("f.npy").read_bytes().replace(b"'|V1'", b"'<f1'"))
        (found,) = arrays_of(["f.npy"])
        np.testing.assert_array_equal(np.asarray(found.array), expected)


@pytest.mark.parametrize("pack", [np.save, lambda name, x: np.savez(name.replace("npy", "npz"), x=x)])
def test_records_of_one_type_are_columns(pack: Callable[[str, Any], None], a: Floats) -> None:
    record = np.zeros(200, dtype=[(name, "f4") for name in NAMES])
    for k, name in enumerate(NAMES):
        record[name] = a[:, k]
    pack("record.npy", record)
    found = seen(*(str(path) for path in Path().glob("record.*")))
    check_a(found, a)
    assert found.arrays[0].unit_names == tuple(NAMES)


NASTY = [
    "dense/kernel:0",
    "dense/bias:0",
    "a\nb",
    "\x1b[31mred",
    "[bold]w[/]",
    "层.1",
    "a,b",
    "x@1",
    "k=v",
    "\u202egnp",
]


def test_every_name_that_is_printed_can_be_given_back(a: Floats) -> None:
    np.savez("names.npz", **dict.fromkeys(NASTY, a))  # type: ignore[arg-type]  # its stub takes no dictionary
    found = [array.name for array in seen("names.npz").arrays]
    assert len(found) == len(NASTY)
    assert all(name.isprintable() for name in found)
    assert found[:3] == ["dense/kernel:0", "dense/bias:0", r"a\nb"]
    for name in found:
        again = seen(f"names.npz:{name}", functions={name: "sigmoid"}).arrays
        assert [(one.name, one.fn) for one in again] == [(name, "sigmoid")]
    Path("run:1").mkdir()
    np.savez("run:1/a:b.npz", **{"c:d": a})  # type: ignore[arg-type]
    assert [one.name for one in seen("run:1/a:b.npz:c:d").arrays] == ["c:d"]


def test_a_constant_array_is_read_in_blocks_in_little_memory() -> None:
    np.savez_compressed("dead.npz", fc1=np.full((3000, 6000), -1.0, "f4"))
    assert Path("dead.npz").stat().st_size < 100_000
    tracemalloc.start()
    found = seen("dead.npz", fn="relu", shares_only=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # of 72
    assert (found.total.units, found.total.dead_units, found.total.samples) == (6000, 6000, 3000)
    with pytest.raises(InputError, match=r"cannot be the axis of units, except in an \.npy file"):
        seen("dead.npz", axis=0)


def test_a_large_array_in_blocks_has_the_numbers_of_the_array() -> None:
    x = np.random.default_rng(4).normal(size=(30, 700, 1000)).astype("f4")
    np.savez("large.npz", x=x)
    for axis in (-1, 1):
        found = seen("large.npz", shares_only=True, axis=axis).arrays[0]
        assert found.per_unit is not None
        others = tuple(k for k in range(3) if k != axis % 3)
        assert found.per_unit.share_saturated.tolist() == np.mean(np.abs(x) >= 1, axis=others).tolist()
    content = bytearray(Path("large.npz").read_bytes())
    content[-2000] ^= 0xFF
    Path("large.npz").write_bytes(content)
    with pytest.raises(InputError, match="damaged or truncated"):
        seen("large.npz", shares_only=True)


def hint(fn: str, x: npt.ArrayLike) -> list[str]:
    profiler = Profiler(fn=fn)
    profiler.add("x", np.asarray(x))
    return list(profiler.finish().notes)


def test_outputs_in_place_of_inputs_are_suspected(a: Floats) -> None:
    z = a.astype(np.float64)
    outputs = {"tanh": np.tanh(3 * z), "sigmoid": 1 / (1 + np.exp(-5 * z)), "relu": np.maximum(z, 0)}
    outputs["hard-tanh"] = np.clip(z, -1, 1)
    for fn, y in outputs.items():
        (note,) = hint(fn, y.astype("f4"))
        assert "are they outputs of the activation" in note
        assert hint(fn, z) == []
    (note,) = hint("tanh", np.tanh(z))  # an eighth of them beyond ±0.98
    assert "12% of them" in note or "13% of them" in note
    assert hint("tanh", 0.2 * z / np.abs(z).max()) == []  # small inputs are not outputs
    assert hint("tanh", np.random.default_rng(0).uniform(-1, 1, (500, 2))) == []


def test_units_without_gradient_are_counted_where_there_is_no_threshold() -> None:
    np.save("dead_gelu.npy", np.random.default_rng(0).normal(-9, 1, (200, 8)))
    found = seen("dead_gelu.npy", fn="gelu")
    assert (found.total.dead_units, found.total.flat_units) == (0, 8)
    assert any("gelu has no threshold" in note for note in found.notes)
    assert seen("dead_gelu.npy", fn="silu").total.flat_units == 8 - 8 * (9 * np.exp(-9) > 1e-3)
    x = np.random.default_rng(0).normal(0, 1, (200, 8))
    x[:, 5] = 9.0
    np.save("one.npy", x)
    per_unit = seen("one.npy", fn="tanh").arrays[0].per_unit
    assert per_unit is not None
    assert per_unit.flat.tolist() == [k == 5 for k in range(8)]
    assert seen("one.npy", fn="leaky-relu").total.flat_units == 0
    assert any("leaky-relu has no threshold on either side" in note for note in seen("one.npy", fn="leaky-relu").notes)
    assert seen("one.npy", fn="relu").notes == ()  # its right side never flattens


def test_padding_is_suspected_and_few_samples_are_said() -> None:
    padded = np.random.default_rng(5).normal(0, 1, (400, 64)).astype("f4")
    padded[3:] = -1.0
    np.save("padded.npy", padded)
    found = seen("padded.npy", fn="tanh")
    assert found.total.dead_units == 64
    assert (
        "396 of the 400 rows of 'padded.npy' equal the row before: if that is padding, replace it with NaN"
        in found.notes[0]
    )
    assert "64 dead units in 'padded.npy' rest on 4 different samples only" in found.notes[1]
    np.save("one.npy", np.array([[-1.0], [-1.1]]))
    assert "1 dead unit in 'one.npy' rests on 2 samples only, fewer than 100" in seen("one.npy", fn="tanh").notes
    padded[3:] = np.nan
    np.save("padded.npy", padded)
    assert seen("padded.npy", fn="tanh").total.samples == 400
    assert not any("equal" in note for note in seen("padded.npy", fn="tanh").notes)
    few = np.full((20, 3), 5.0) + np.arange(60.0).reshape(20, 3)
    assert ["rest on 20 samples only" in note for note in hint("tanh", few)] == [True]


def test_folders_are_read_in_natural_order_and_say_what_is_left(a: Floats) -> None:
    Path("runs").mkdir()
    for k in (10, 9, 1):
        np.save(f"runs/layer{k}.npy", a)
    np.save("runs/labels.npy", a[:, 0] > 0)
    Path("runs/._layer1.npy").write_bytes(b"sidecar")
    Path("runs/notes.txt").write_text("nothing but words\n")
    Path("runs/readme.md").write_text("words\n")
    found = seen("runs")
    assert [one.name for one in found.arrays] == ["layer1.npy", "layer9.npy", "layer10.npy"]
    assert "passed over 1 hidden file" in found.notes[0]
    assert "left out 2 of 5 files of 'runs': 'labels.npy' (bool values), 'notes.txt'" in found.notes[1]


@pytest.mark.parametrize("suffix", ["xlsx", "mat", "pkl", "json", ""])
def test_other_files_are_answered_by_what_is_read_and_how_to_convert(suffix: str) -> None:
    name = f"a.{suffix}" if suffix else "a"
    Path(name).write_bytes(b"{}")
    how = {"xlsx": "save the sheet as .csv", "mat": "scipy.io.loadmat"}.get(suffix, "numpy.savez")
    with pytest.raises(
        InputError, match=rf"'{name}' is no file that noisyviz reads, which are \.npy.*{re.escape(how)}"
    ):
        seen(name)


def test_a_file_without_suffix_is_told_by_its_beginning(a: Floats) -> None:
    np.savez("a.npz", x=a)
    Path("run1").write_bytes(Path("a.npz").read_bytes())
    check_a(seen("run1"), a)
    check_a(seen("run1:x"), a)


def test_parquet_columns_of_numbers_are_units(a: Floats) -> None:
    pandas, _ = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(a, columns=NAMES, index=[f"s{k}" for k in range(200)])
    frame.to_parquet("a.parquet")
    found = seen("a.parquet")
    check_a(found, a, notes=1)
    assert "index column" in found.notes[0]
    assert found.arrays[0].unit_names == tuple(NAMES)
    frame.assign(kind="cat").reset_index(drop=True).to_parquet("b.parquet")
    found = seen("b.parquet")
    check_a(found, a, notes=1)
    assert "1 of 7 columns without numbers, which were left out: 'kind'" in found.notes[0]
    Path("c.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(InputError, match=r"'c.parquet' is no .parquet file that pyarrow reads"):
        seen("c.parquet")


def test_hdf5_datasets_are_arrays(a: Floats) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File("a.h5", "w") as file:
        file.create_dataset("dense/kernel:0", data=a, compression="gzip")
        file["dense/step"] = 3
        file["names"] = np.array([b"x", b"y"])
    found = seen("a.h5")
    check_a(found, a, notes=1)
    assert [one.name for one in found.arrays] == ["dense/kernel:0"]
    assert "left out 2 of 3 arrays of 'a.h5': 'dense/step' (a single number, not an array), 'names'" in found.notes[0]
    check_a(seen("a.h5:dense/kernel:0"), a)


def test_pytorch_files_are_read_without_running_code(a: Floats) -> None:
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(a)
    torch.save({"fc1": x, "epoch": 3, "layers": [x.bfloat16()]}, "a.pt")
    found = seen("a.pt")
    assert [one.name for one in found.arrays] == ["fc1", "layers.0"]
    assert "left out 1 of 3 arrays of 'a.pt': 'epoch'" in found.notes[0]
    check_a(seen("a.pt:fc1"), a)
    check_a(seen("a.pt:layers.0"), x.bfloat16().float().numpy())
    torch.save(torch.nn.Linear(2, 2), "module.pt")
    with pytest.raises(InputError, match=r"'module.pt' is no \.pt file that is read: .* more than tensors"):
        seen("module.pt")


@pytest.mark.parametrize(("name", "package"), [("a.parquet", "pyarrow"), ("a.h5", "h5py"), ("a.pt", "torch")])
def test_without_the_package_one_sentence_tells_the_extra(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(wanted: str) -> object:
        raise ImportError(wanted)

    monkeypatch.setattr("noisyviz.networks.library_files.importlib.import_module", missing)
    Path(name).write_bytes(b"x")
    with pytest.raises(
        MissingExtraError, match=rf"'{name}' is a .*{package} reads.*pip install 'noisyviz\[.*numpy.savez"
    ):
        seen(name)
