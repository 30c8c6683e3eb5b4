"""Arrays of others are read without running their code, without taking their word for sizes, and with clear errors."""

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from noisyviz.errors import InputError
from noisyviz.networks.array_files import FREE_BYTES, split_source
from noisyviz.networks.array_sources import arrays_of
from noisyviz.networks.streamed import Streamed
from noisyviz.networks.values import read_values


def npy_bytes(header: str, body: bytes = b"") -> bytes:
    """An NPY file with a header of our own making."""
    text = header.encode("latin1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def saved(path: Path, array: npt.ArrayLike) -> str:
    np.save(path, np.asarray(array))
    return str(path)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i1", "u2", "i8"])
def test_any_real_dtype_is_read_as_float64(tmp_path: Path, dtype: str) -> None:
    values = read_values(saved(tmp_path / "a.npy", np.array([[1, 2], [3, 4]], dtype=dtype)))
    assert values.finite.tolist() == [1.0, 2.0, 3.0, 4.0]
    assert values.finite.dtype == np.float64
    assert values.shape == (2, 2)
    assert values.non_finite == 0


def test_non_finite_numbers_are_left_out_and_counted(tmp_path: Path) -> None:
    values = read_values(saved(tmp_path / "a.npy", [1.0, np.nan, np.inf, -np.inf, 2.0]))
    assert values.finite.tolist() == [1.0, 2.0]
    assert values.non_finite == 3


def test_a_named_array_of_an_archive_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, first=np.zeros(3), second=np.ones((2, 2)))
    values = read_values(f"{path}:second")
    assert values.finite.tolist() == [1.0] * 4
    assert values.array == "second"


def test_the_only_array_of_an_archive_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, only=np.arange(3.0))
    assert read_values(str(path)).array == "only"


def test_a_file_whose_name_holds_a_colon_wins_over_the_split(tmp_path: Path) -> None:
    path = tmp_path / "run:1"
    path.write_bytes(Path(saved(tmp_path / "a.npy", [5.0])).read_bytes())
    assert split_source(str(path)).array == ""
    assert read_values(str(path)).finite.tolist() == [5.0]
    assert split_source(r"C:\data\gates.npz").array == ""
    assert split_source(r"C:\data\gates.npz:layer1").array == "layer1"


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_file_is_mapped_not_loaded(tmp_path: Path, order: Literal["C", "F"]) -> None:
    x = np.arange(6.0).reshape(2, 3)
    (found,) = arrays_of([saved(tmp_path / "a.npy", np.array(x, order=order))])
    assert isinstance(found.array, np.memmap)
    assert not found.array.flags.writeable
    np.testing.assert_array_equal(found.array, x)


class Bomb:
    """Leaves a trace if it is ever unpickled."""

    trace = ""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.trace,)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_object_arrays_are_refused_and_never_unpickled(tmp_path: Path, suffix: str) -> None:
    bomb = Bomb()
    bomb.trace = str(tmp_path / "ran")
    path = tmp_path / f"a{suffix}"
    array = np.array([bomb, bomb], dtype=object)
    if suffix == ".npy":
        np.save(path, array, allow_pickle=True)
    else:
        np.savez(path, array)
    with pytest.raises(InputError, match="Python objects"):
        read_values(str(path))
    assert not (tmp_path / "ran").exists()


BAD_CONTENT = {
    "text": (b"1.0 2.0\n3.0 4.0\n", "neither an .npy nor an .npz"),
    "nothing": (b"", "neither an .npy nor an .npz"),
    "magic only": (b"\x93NUMPY", "damaged .npy header"),
    "broken header": (npy_bytes("{'descr': '<f8', 'fortran"), "damaged .npy header"),
    "code in the header": (npy_bytes("__import__('os').mkdir('ran')"), "damaged .npy header"),
    "negative length": (
        npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}", b"\0" * 8),
        "damaged .npy header",
    ),
    "cut data": (
        npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", b"\0" * 8),
        "declares 24 bytes, but it holds 8",
    ),
    "huge promise": (
        npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", b"\0" * 8),
        "declares 8,000,000,000,000 bytes",
    ),
    "no archive": (b"PK\x03\x04 and nothing more", "damaged or truncated .npz"),
}


@pytest.mark.parametrize("name", BAD_CONTENT)
def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    content, message = BAD_CONTENT[name]
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_values(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.parameter == "data"


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(1000.0))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"damaged or truncated \.npz"):
        read_values(str(path))


def test_a_member_with_flipped_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(1000.0))
    content = bytearray(path.read_bytes())
    content[4000] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged or truncated \.npz"):
        read_values(str(path))


BAD_ARRAYS: dict[str, tuple[npt.NDArray[Any], str]] = {
    "empty": (np.zeros((0, 3)), "empty array"),
    "single number": (np.array(1.0), "single number"),
    "complex": (np.ones(2, dtype=complex), "complex128 values"),
    "text": (np.array(["a", "b"]), "real numbers are needed"),
    "booleans": (np.array([True]), "bool values"),
    "only nan": (np.full(3, np.nan), "no finite number"),
    "records": (np.zeros(2, dtype=[("a", "f8"), ("b", "i4")]), "records of 'a' float64, 'b' int32; real numbers are"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_that_are_no_pre_activations_are_refused(tmp_path: Path, name: str, suffix: str) -> None:
    array, message = BAD_ARRAYS[name]
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, array)
    else:
        np.savez(path, a=array)
    with pytest.raises(InputError, match=message):
        read_values(str(path))


def test_an_archive_of_several_arrays_asks_for_a_name_and_suggests_one(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, layer1=np.ones(2), layer2=np.ones(2))
    with pytest.raises(InputError, match="layer1, layer2"):
        read_values(str(path))
    with pytest.raises(InputError, match=r"did you mean 'layer1'.*layer1, layer2"):
        read_values(f"{path}:layr1")
    with pytest.raises(InputError, match="holds one array and none named"):
        read_values(saved(tmp_path / "b.npy", [1.0]) + ":layer1")


def test_an_archive_without_arrays_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    with pytest.raises(InputError, match="holds no array"):
        read_values(str(path))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    length = 2 * FREE_BYTES // 8
    np.savez_compressed(path, a=np.zeros(length))
    assert path.stat().st_size < FREE_BYTES // 100
    monkeypatch.setattr(Streamed, "slabs", lambda _: pytest.fail("unpacked"))
    with pytest.raises(InputError, match="looks like a zip bomb"):
        read_values(str(path))


def test_a_member_whose_header_promises_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", npy_bytes(header, b"\0" * 8))
    with pytest.raises(InputError, match="declares 8,000,000,000,000 bytes, but holds 8"):
        read_values(str(path))


def test_missing_files_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_values(str(tmp_path / "a.npy"))
    with pytest.raises(InputError, match="not a regular file"):
        read_values(str(tmp_path))
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(InputError, match="not a regular file"):
        read_values(str(tmp_path / "pipe.npy"))


def test_the_digest_is_that_of_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", b"\0" * 8))
    # sha256sum of these very bytes
    assert read_values(str(path)).sha256 == "c5bb16b73e75e5c40c4ca049194e093adb56557a8f06905ddb43b6dfabd1a455"
