"""Files that ask for far more time or memory than they are large, and odd ones: one sentence, in bounds."""

import gzip
import io
import json
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from matplotlib.textpath import text_to_path

from noisyviz.errors import InputError
from noisyviz.networks import array_files, array_sources, values
from noisyviz.networks.array_sources import arrays_of
from noisyviz.networks.streamed import Streamed

Header = dict[str, Any]


def tensors(header: Header, data: bytes = b"\0" * 16) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def one(**changes: Any) -> Header:
    return {"x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | changes}


def npy(shape: str, *, version: bytes = b"\x01\x00", count: int = 4) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + b"\0" * (4 * count)


def npz(change: Any = None, **arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    payload = bytearray(stream.getvalue())
    if change is not None:
        change(payload)
    return bytes(payload)


def encrypted(payload: bytearray) -> None:
    payload[6] |= 1
    payload[payload.rfind(b"PK\x01\x02") + 8] |= 1


def overlapping(copies: int) -> bytes:
    """Many names for the bytes of one member."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        with archive.open("a.npy", "w") as member:
            np.lib.format.write_array(member, np.zeros(100))
        (first,) = archive.infolist()
        for number in range(copies):
            other = zipfile.ZipInfo(f"{number}.npy")
            for key in ("CRC", "compress_size", "file_size", "header_offset", "flag_bits"):
                setattr(other, key, getattr(first, key))
            archive.filelist.append(other)
            archive.NameToInfo[other.filename] = other
        archive._didModify = True  # type: ignore[attr-defined]  # writes the list
    return stream.getvalue()


def twice() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("a", "b"):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.ones(3))
    return stream.getvalue().replace(b"b.npy", b"a.npy")


def packed_by(method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive, archive.open("a.npy", "w") as member:
        np.lib.format.write_array(member, np.ones(3))
    return stream.getvalue()


LONG = 10**4000
CASES: dict[str, tuple[bytes | Callable[[], bytes], str]] = {  # large files are made where they are read
    "many axes.safetensors": (tensors(one(shape=[LONG] * 900)), "900 axes, more than 32"),
    "long lengths.safetensors": (tensors(one(shape=[LONG] * 30)), "a length that is no whole number"),
    "fraction.safetensors": (tensors(one(shape=[4.9])), "does not describe array 'x'"),
    "truth.safetensors": (tensors(one(shape=[True, 4])), "does not describe array 'x'"),
    "text.safetensors": (tensors(one(shape=["4"])), "does not describe array 'x'"),
    "half an offset.safetensors": (tensors(one(data_offsets=[0, 16.5])), "does not describe array 'x'"),
    "shared.safetensors": (
        tensors({f"x{n}": one()["x"] for n in range(50)}),
        "lie on top of each other",
    ),
    "long header.safetensors": (lambda: b"\xff\xff\xff\x00" + b"\0" * 4 + b" " * (1 << 24), "more than 8,388,608"),
    "a table.safetensors": (b"1.0 2.0\n" * 40, "is a damaged or truncated"),
    "no end.safetensors": (tensors(one(data_offsets=[0, 1])).replace(b"[0, 1]", b"[0, 1e999]"), "damaged"),
    "no length.safetensors": (tensors(one(shape=[2, float("nan")])), "does not describe array 'x'"),
    "name twice.safetensors": (tensors({"x": one()["x"], "y": one()["x"]}).replace(b'"y"', b'"x"'), "is a damaged"),
    "many.safetensors": (lambda: tensors({str(n): {} for n in range(10_001)}), "holds 10,001 arrays, more than 10,000"),
    "long double.npy": (npy("(1,) ").replace(b"<f4'", b"<f16'").replace(b") ", b")"), "to 64 bits"),
    "units.npy": (
        lambda: npy(f"(4, {(1 << 20) + 1})", count=4 * ((1 << 20) + 1)),
        "1,048,577 units along axis -1, and no more",
    ),
    "version 9.npy": (npy("(4,)", version=b"\x09\x00"), "version 9.0, which is unknown"),
    "long lengths.npy": (npy(f"({LONG}, {LONG}, {LONG})"), "a length that is no whole number"),
    "encrypted.npz": (npz(encrypted, x=np.ones(4)), "is encrypted: 'x.npy' has a password"),
    "overlapping.npz": (lambda: overlapping(300), "lie on top of each other"),
    "twice.npz": (twice(), "two arrays named 'a'"),
    "lzma.npz": (packed_by(zipfile.ZIP_LZMA), "packed in a way that NumPy does not use"),
    "bzip2.npz": (packed_by(zipfile.ZIP_BZIP2), "packed in a way that NumPy does not use"),
    "wide row.csv": (lambda: b"1," * (1 << 22) + b"1\n", "a row is longer than 4,194,304 characters"),
    "columns.csv": (lambda: b"1," * (1 << 18) + b"1\n", "262,145 columns, more than 262,144"),
    "long quote.csv": (lambda: b'"' + (b"x" * (1 << 16) + b"\n") * 65, "a row is longer than 4,194,304 characters"),
    "comments.csv.gz": (lambda: gzip.compress(b"#\n" * 250_000), "most of its lines are comments or empty"),
    "bomb.csv.gz": (lambda: gzip.compress(b"1\n" * (1 << 26)), "looks like a zip bomb"),
    "wide second row.csv": (lambda: b"1,2\n" + b"1," * (1 << 22) + b"1\n", "a row is longer than 4,194,304 characters"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_file_is_one_sentence(name: str, run: Run) -> None:
    payload, said = CASES[name]
    Path(name).write_bytes(payload() if callable(payload) else payload)
    result = run("profile", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 400


def test_an_archive_of_too_many_members_is_refused_before_they_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(npz(**{f"x{n}": np.ones(1) for n in range(20)}))
    monkeypatch.setattr(array_files, "MAX_MEMBERS", 19)
    with pytest.raises(InputError, match="holds 20 members, more than 19"):
        list(arrays_of([str(path)]))
    monkeypatch.setattr(array_files, "MAX_DIRECTORY", 300)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(InputError, match="holds more than 19 members"):
        list(arrays_of([str(path)]))


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_member_is_unpacked_in_blocks_where_its_order_allows_it(
    order: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = np.asarray(np.random.default_rng(0).normal(size=(30, 40)), order=order)
    path = tmp_path / "a.npz"
    path.write_bytes(npz(x=held, y=np.ones(3)))
    monkeypatch.setattr(array_files, "FREE_BYTES", 1000)
    found = {one.name: one.array for one in arrays_of([str(path)])}
    assert isinstance(found["x"], Streamed) == (order == "C")
    assert isinstance(found["y"], np.ndarray)
    read = found["x"].load() if isinstance(found["x"], Streamed) else found["x"]
    np.testing.assert_array_equal(read, held)


def test_an_array_too_large_to_hold_is_refused_where_it_must_be_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", np.ones(11))
    monkeypatch.setattr(values, "MAX_VALUES", 10)
    with pytest.raises(InputError, match="11 numbers, more than the 10 that are read at once; use profile"):
        values.read_values(str(tmp_path / "a.npy"))


@pytest.mark.parametrize("command", [["profile"], ["plot", "--data"], ["calibrate"]])
def test_a_name_too_long_for_the_system_has_one_code(command: list[str], run: Run) -> None:
    for name in ("x" * 300 + ".npz", "x" * 300 + ".npz:a", "y" * 5000):
        result = run(*command, name)
        assert result.exit_code == 2, name[:5]
        assert "name too long" in result.stderr


def test_standard_input_that_is_closed_is_said() -> None:
    with pytest.raises(InputError, match="which is closed here"):
        list(arrays_of([array_sources.STDIN], stdin=None))


def test_the_list_of_members_is_read_once_however_many_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(npz(**{f"x{n}": np.ones(1) for n in range(20)}))
    read: list[int] = []
    checked = array_files._members

    def counted(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
        read.append(1)
        return checked(archive)

    monkeypatch.setattr(array_files, "_members", counted)
    assert len(list(arrays_of([str(path)]))) == 20
    assert len(read) == 1


def test_a_long_name_is_short_in_pictures(run: Run) -> None:
    arrays: dict[str, Any] = {"n" * 60_000: np.arange(6.0).reshape(2, 3)}
    np.savez("a.npz", **arrays)
    measured: list[int] = []
    real = text_to_path.get_text_width_height_descent

    def measuring(text: str, *rest: Any, **named: Any) -> Any:
        measured.append(len(text))
        return real(text, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_to_path, "get_text_width_height_descent", measuring)
        assert run("profile", "a.npz", "-o", "a.svg").exit_code == 0
    assert 20 < max(measured) < 1000


@pytest.mark.parametrize("kind", ["unwritten", "external", "virtual", "deep"])
def test_an_hdf5_file_is_refused_for_what_it_does_not_hold(kind: str, run: Run) -> None:
    h5py = pytest.importorskip("h5py")
    Path("secret").write_bytes(b"1234")
    with h5py.File("other.h5", "w") as file:
        file["x"] = np.ones(4)
    with h5py.File("a.h5", "w") as file:
        if kind == "unwritten":
            file.create_dataset("x", shape=(10**9, 10**6), dtype="f8", chunks=(1024, 1024))
        elif kind == "external":
            file.create_dataset("x", shape=(4,), dtype="u1", external=[("secret", 0, 4)])
        elif kind == "virtual":
            virtual = h5py.VirtualLayout((4,), "f8")
            virtual[:] = h5py.VirtualSource("other.h5", "x", (4,))
            file.create_virtual_dataset("x", virtual)
        else:
            file["/".join("g" * 40)] = np.ones(4)
    result = run("profile", "a.h5")
    said = {"unwritten": "looks like a zip bomb", "deep": "more than 32 deep"}
    assert (result.exit_code, result.stdout) == (2, "")
    assert said.get(kind, "in other files, which are not read") in result.stderr


def test_a_parquet_file_of_one_number_repeated_is_refused(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(array_files, "FREE_BYTES", 1000)
    parquet.write_table(pyarrow.table({"x": np.zeros(1_000_000)}), "a.parquet")
    result = run("profile", "a.parquet")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "looks like a zip bomb" in result.stderr


@pytest.mark.parametrize("kind", ["expanded", "itself", "copies", "code", "script"])
def test_a_pytorch_file_is_refused_for_what_has_no_end_or_is_code(kind: str, run: Run) -> None:
    torch = pytest.importorskip("torch")
    held: Any = torch.zeros(1).expand(10**6, 10**5) if kind == "expanded" else torch.nn.Linear(2, 2)
    if kind in ("itself", "copies"):
        held = []
        held.append(held)
        for _ in range(40 * (kind == "copies")):
            held = [held, held]
    if kind == "script":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.save(torch.jit.script(held), "a.pt")
    else:
        torch.save(held, "a.pt")
    result = run("profile", "a.pt")
    said = {"expanded": "looks like a zip bomb", "code": "could run code", "script": "could run code"}
    assert (result.exit_code, result.stdout) == (2, "")
    assert said.get(kind, "more than 100,000 parts") in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_number_whose_cube_overflows_is_refused_by_calibrate(run: Run, folder: Path) -> None:
    np.save(folder / "x.npy", np.array([1.7976931348623157e308, -1e308, 5e-324, 0.0]))
    result = run("calibrate", "x.npy")
    assert result.exit_code == 2
    assert result.stderr == "noisyviz: pre-activations must lie between -1e+100 and 1e+100 here, got 1.8e+308\n"
    np.save(folder / "x.npy", np.array([1e100, -1e100, 0.0, 1.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert run("calibrate", "x.npy", "--target-grad", "0.05").exit_code in (0, 3)


def test_a_folder_has_as_many_files_as_an_archive_members(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(array_sources, "MAX_MEMBERS", 3)
    for number in range(4):
        (folder / f"{number}.csv").write_text("1,2.5\n")
    result = run("profile", ".", "--shares-only")
    assert (result.exit_code, result.stderr) == (2, "noisyviz: '.' holds 4 files, more than 3\n")


def test_standard_input_is_refused_by_its_beginning_and_by_its_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Endless(io.RawIOBase):
        def __init__(self, part: bytes) -> None:
            self.part = part

        def read1(self, _most: int) -> bytes:
            return self.part

    monkeypatch.setattr(
        "noisyviz.networks.array_sources.shutil.disk_usage", lambda _: type("Usage", (), {"free": 1 << 16})()
    )
    for part, told in (
        (b"\0" * 4096, "is no file that noisyviz reads"),
        (b"1,2\n" * 1024, "is longer than 32,768 bytes"),
        (npy("(3,)").ljust(4096, b"\0"), "is longer than"),
        (gzip.compress(b"1\n") + b"\1" * 4096, "is longer than"),
    ):
        with pytest.raises(InputError, match=told):
            list(arrays_of(["-"], stdin=Endless(part)))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="can be named once"):
        list(arrays_of(["-", "-"], stdin=io.BytesIO(b"1\n")))


def test_a_name_too_long_for_a_file_names_what_was_given(run: Run) -> None:
    for words in (
        ("profile", "n" * 5000),
        ("figures", "--only", "1", "-o", "n" * 300),
        ("train", "unique", "-o", "n" * 300),
    ):
        result = run(*words)
        assert result.exit_code == 2, words
        assert "'nnn" in result.stderr or "--output" in result.stderr, words
        assert "file name too long" in result.stderr, words
        assert len(result.stderr) < 1100
