"""Reading arrays that others wrote: nothing in them is executed, and no header can make us take much memory.

NPY files are mapped, not loaded. Members of an NPZ archive are read only when the size that their header promises is
the size that the archive holds, and when that is in proportion to the file.
"""

import contextlib
import hashlib
import io
import math
import stat
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, suggestion

MAX_INFLATION: Final = 200  # unpacked bytes per packed byte; trained arrays reach about 10, constant ones 1,000
FREE_BYTES: Final = 1 << 26  # an archive may always unpack to 64 MiB
MAX_HEADER: Final = 1 << 16
MAX_AXES: Final = 32
_KINDS: Final = "fiu"  # float, signed and unsigned integers
_DAMAGED: Final = (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, and the array in it; an empty name means the only one."""

    path: Path
    array: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """The finite numbers of an array.

    Parameters
    ----------
    finite
        float64, shape (n,), n ≥ 1.
    shape
        Of the array in the file.
    non_finite
        How many NaN and infinities were left out.
    path
        The file.
    array
        The name of the array, empty for an NPY file.
    """

    finite: npt.NDArray[np.float64]
    shape: tuple[int, ...]
    non_finite: int
    path: Path
    array: str

    @property
    def sha256(self) -> str:
        """The hexadecimal digest of the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def split_source(text: str) -> Source:
    """Split ``FILE[:ARRAY]``; a file of exactly that name wins over the split.

    Examples
    --------
    >>> split_source("gates.npz:input_gate").array
    'input_gate'
    """
    path, colon, array = text.rpartition(":")
    if not colon or not path or Path(text).exists() or Path(text).suffix.lower() in (".npy", ".npz"):
        return Source(path=Path(text), array="")
    return Source(path=Path(path), array=array)


def read_values(text: str, *, parameter: str = "data") -> Values:
    """Read the finite numbers of ``FILE[:ARRAY]``, an NPY or NPZ file.

    Parameters
    ----------
    text
        Path, and after a colon the name of the array.
    parameter
        What errors call the option that named the file.

    Raises
    ------
    InputError
        When the file is missing, damaged, of another kind, or holds no such array, or one that is empty, has no
        dimension, or is not of real numbers; and when it would unpack to far more than its size.
    """
    source = split_source(text)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # old writers, longer floats: no reason to say anything
            array, name = _open(source)
            values = np.asarray(array, dtype=np.float64).ravel()
    except InputError as error:
        raise InputError(f"{parameter} '{text}' {error}", parameter=parameter) from None
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise InputError(f"{parameter} '{text}' cannot be read: {reason.lower()}", parameter=parameter) from None
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        raise InputError(f"{parameter} '{text}' holds no finite number", parameter=parameter)
    return Values(finite=finite, shape=array.shape, non_finite=values.size - finite.size, path=source.path, array=name)


def open_array(source: Source, *, shown: str) -> npt.NDArray[Any]:
    """Return a checked array of an NPY file, mapped, or of an NPZ file; errors begin with `shown`.

    Raises
    ------
    InputError
        As `read_values`, except that an array without a finite number is no error.
    """
    with naming(shown), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _open(source)[0]


def array_names(path: Path, *, shown: str) -> list[str]:
    """Return the names of the arrays of an NPZ file, or one empty name for a file of another kind."""
    with naming(shown):
        check_regular(path)
        with path.open("rb") as file:
            if not file.read(8).startswith(b"PK"):
                return [""]
            try:
                with zipfile.ZipFile(file) as archive:
                    names = [i.filename.removesuffix(".npy") for i in archive.infolist() if _is_array(i)]
            except _DAMAGED:
                raise InputError("is a damaged or truncated .npz file") from None
        if not names:
            raise InputError("holds no array")
        return names


def check_axes(count: int) -> None:
    """Raise for more axes than every version of NumPy can hold."""
    if count > MAX_AXES:
        raise InputError(f"holds an array of {count} axes, more than {MAX_AXES}")


def check_regular(path: Path) -> None:
    """Raise for a folder, a pipe or a device, on which reading might never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise InputError("is not a regular file")


@contextlib.contextmanager
def naming(shown: str) -> Iterator[None]:
    """Put the name of a file in front of what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"'{shown}' {error}") from None
    except OSError as error:
        raise InputError(f"'{shown}' cannot be read: {(error.strerror or 'it is damaged').lower()}") from None


def _open(source: Source) -> tuple[npt.NDArray[Any], str]:
    """Return the checked array and its name; the InputErrors are the end of a sentence about the file."""
    check_regular(source.path)
    with source.path.open("rb") as file:
        start = file.read(8)
        if start.startswith(b"PK"):
            return _from_archive(file, source)
        if not start.startswith(b"\x93NUMPY"):
            raise InputError("is neither an .npy nor an .npz file")
        if source.array:
            raise InputError(f"is an .npy file, which holds one array and none named '{source.array}'")
        file.seek(0)
        dtype, shape = _header(file)
        _check(dtype, shape)
        held, promised = source.path.stat().st_size - file.tell(), dtype.itemsize * math.prod(shape)
    if held < promised:
        raise InputError(f"is truncated: its header declares {promised:,} bytes, but it holds {held:,}")
    return np.load(source.path, mmap_mode="r", allow_pickle=False), ""


def _from_archive(file: IO[bytes], source: Source) -> tuple[npt.NDArray[Any], str]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = {i.filename.removesuffix(".npy"): i for i in archive.infolist() if _is_array(i)}
            info = members[_chosen(source.array, list(members))]
            packed = min(info.compress_size, source.path.stat().st_size)
            if info.file_size > max(FREE_BYTES, MAX_INFLATION * packed):
                raise InputError(
                    f"would unpack {packed:,} bytes to {info.file_size:,}, which looks like a zip bomb; "
                    "an .npy file may have any size"
                )
            with archive.open(info) as member:
                dtype, shape = _header(member)
                _check(dtype, shape)
                promised = dtype.itemsize * math.prod(shape)
                held = info.file_size - member.tell()
                if held != promised:
                    raise InputError(
                        f"is damaged: array '{info.filename}' declares {promised:,} bytes, but holds {held:,}"
                    )
            with archive.open(info) as member:
                raw = io.BytesIO(member.read(info.file_size + 1))
            return np.lib.format.read_array(raw, allow_pickle=False), info.filename.removesuffix(".npy")
    except InputError:
        raise
    except _DAMAGED:
        raise InputError("is a damaged or truncated .npz file") from None


def _is_array(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(".npy") and info.file_size > 0


def _chosen(array: str, names: list[str]) -> str:
    if not names:
        raise InputError("holds no array")
    listed = ", ".join(names[:20]) + (", and more" if len(names) > 20 else "")
    if array:
        if array not in names:
            raise InputError(f"has no array '{array}'{suggestion(array, names)}; it holds {listed}")
        return array
    if len(names) > 1:
        raise InputError(f"holds {len(names)} arrays; name one as FILE:ARRAY, of {listed}")
    return names[0]


def _header(file: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Read the header of an NPY stream, without evaluating more than a literal of bounded length."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file, max_header_size=MAX_HEADER)
    except Exception:  # whatever NumPy's parser makes of a text that is no header
        raise InputError("has a damaged .npy header") from None
    if any(length < 0 for length in shape):
        raise InputError("has a damaged .npy header")
    return dtype, shape


def _check(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype.hasobject:
        raise InputError("holds Python objects, which are not read because loading them could run code")
    if dtype.kind not in _KINDS:
        raise InputError(f"holds {dtype.name} values; real numbers are needed (float or integer)")
    check_axes(len(shape))
    if not shape:
        raise InputError("holds a single number, not an array")
    if 0 in shape:
        raise InputError(f"holds an empty array of shape {shape}")
