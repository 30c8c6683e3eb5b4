"""Reading arrays that others wrote: nothing in them is executed, and no header can make us take much memory.

NPY files are mapped, not loaded. Members of an NPZ archive are read only when the size that their header promises is
the size that the archive holds, and when all of them together are in proportion to the file; large ones are unpacked
into a file without a name and mapped.
"""

import contextlib
import hashlib
import math
import os
import shutil
import stat
import struct
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, suggestion

MAX_INFLATION: Final = 200  # unpacked bytes per packed byte; trained arrays reach about 10, constant ones 1,000
FREE_BYTES: Final = 1 << 26  # an archive may always unpack to 64 MiB
MAX_MEMBERS: Final = 10_000  # of an archive
MAX_DIRECTORY: Final = 1 << 22  # bytes of the list of members
MAX_VALUES: Final = 1 << 25  # of an array that is held in memory as a whole
MAX_HEADER: Final = 1 << 16
MAX_AXES: Final = 32
MAX_LENGTH: Final = 1 << 62  # of an axis
_KINDS: Final = "fiu"  # float, signed and unsigned integers
_VERSIONS: Final = ((1, 0), (2, 0), (3, 0))
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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


class _Named(InputError):
    """An error that names its file already."""


def split_source(text: str) -> Source:
    """Split ``FILE[:ARRAY]``; a file of exactly that name wins over the split.

    Examples
    --------
    >>> split_source("gates.npz:input_gate").array
    'input_gate'
    """
    path, colon, array = text.rpartition(":")
    if not colon or not path or os.path.exists(text) or Path(text).suffix.lower() in (".npy", ".npz"):
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
        dimension, more than `MAX_VALUES` numbers, or is not of real numbers; and when it would unpack to far more
        than its size.
    """
    source = split_source(text)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # old writers, longer floats: no reason to say anything
            array, name = _open(source)
            if array.size > MAX_VALUES:
                raise InputError(
                    f"holds {array.size:,} numbers, more than the {MAX_VALUES:,} that are read at once; "
                    "use profile, or save a part of them"
                )
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


def arrays_in(source: Source, *, shown: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield name and array of all arrays of an NPZ file, or of the one that is named; of an NPY file the one it holds.

    Raises
    ------
    InputError
        As `open_array`.
    """
    with naming(shown):
        check_regular(source.path)
        with source.path.open("rb") as file:
            packed = file.read(8).startswith(b"PK")
    if source.array or not packed:
        yield source.array, open_array(source, shown=shown)
        return
    with source.path.open("rb") as file, naming(shown), _archive(file) as archive:
        members = _members(archive)
        if not members:
            raise InputError("holds no array")
        for name, info in members.items():
            with naming(f"{shown}:{name}"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                array = _member(archive, info)
            yield name, array


def check_shape(shape: Sequence[object]) -> None:
    """Raise for more axes than every version of NumPy can hold, and for lengths that are none, before any product."""
    if len(shape) > MAX_AXES:
        raise InputError(f"holds an array of {len(shape):,} axes, more than {MAX_AXES}")
    for length in shape:
        if type(length) is not int or not 0 <= length < MAX_LENGTH:
            raise InputError("is damaged: its header names a length that is no whole number from 0 to 2^62")


def check_regular(path: Path) -> None:
    """Raise for a folder, a pipe or a device, on which reading might never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise InputError("is not a regular file")


@contextlib.contextmanager
def naming(shown: str) -> Iterator[None]:
    """Put the name of a file in front of what is wrong with it, once."""
    try:
        yield
    except _Named:
        raise
    except InputError as error:
        raise _Named(f"'{shown}' {error}") from None
    except OSError as error:
        raise _Named(f"'{shown}' cannot be read: {(error.strerror or 'it is damaged').lower()}") from None


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
    try:
        return np.load(source.path, mmap_mode="r", allow_pickle=False), ""
    except (ValueError, TypeError, OverflowError):
        raise InputError("has a damaged .npy header") from None


def _from_archive(file: IO[bytes], source: Source) -> tuple[npt.NDArray[Any], str]:
    with _archive(file) as archive:
        members = _members(archive)
        name = _chosen(source.array, list(members))
        return _member(archive, members[name]), name


@contextlib.contextmanager
def _archive(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """Open an archive whose list of members is of a bounded length."""
    with _damage():
        if _directory_bytes(file) > MAX_DIRECTORY:
            raise InputError(f"holds more than {MAX_MEMBERS:,} members")
        file.seek(0)
        archive = zipfile.ZipFile(file)
    with archive:
        yield archive


@contextlib.contextmanager
def _damage() -> Iterator[None]:
    """Answer whatever a reader of archives makes of bytes that are none; memory and our own sentences pass."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception:
        raise InputError("is a damaged or truncated .npz file") from None


def _directory_bytes(file: IO[bytes]) -> int:
    """Return how long the list of members at the end of an archive is, as `zipfile` will believe it to be."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 22))
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0:
        return 0
    (length,) = struct.unpack_from("<I", tail, place + 12)
    wide = tail.rfind(b"PK\6\6", 0, place)
    return int(length if wide < 0 else max(length % 0xFFFFFFFF, struct.unpack_from("<Q", tail, wide + 40)[0]))


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the arrays of an archive by name, checked together: one name, own bytes, and a bounded whole."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise InputError(f"holds {len(infos):,} members, more than {MAX_MEMBERS:,}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if _is_array(info) and members.setdefault(name, info) is not info:
            raise InputError(f"is damaged: it holds two arrays named '{name}'")
    size = os.fstat(archive.fp.fileno()).st_size  # type: ignore[union-attr]  # open
    packed, unpacked = (sum(getattr(info, key) for info in infos) for key in ("compress_size", "file_size"))
    if packed > size:
        raise InputError("is damaged: its members lie on top of each other")
    if unpacked > max(FREE_BYTES, MAX_INFLATION * size):
        raise InputError(
            f"would unpack {size:,} bytes to {unpacked:,}, which looks like a zip bomb; an .npy file may have any size"
        )
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """Return a checked array of an archive, mapped where it is large."""
    if info.flag_bits & 1:
        raise InputError(f"is encrypted: '{info.filename}' has a password; save it without one")
    if info.compress_type not in _METHODS:
        raise InputError(f"holds '{info.filename}' packed in a way that NumPy does not use; save it by numpy.savez")
    with _damage(), archive.open(info) as member:
        fortran, dtype, shape = _whole_header(member)
        _check(dtype, shape)
        promised = dtype.itemsize * math.prod(shape)
        held = info.file_size - member.tell()
        if held != promised:
            raise InputError(f"is damaged: array '{info.filename}' declares {promised:,} bytes, but holds {held:,}")
        order: Any = "F" if fortran else "C"
        if promised <= FREE_BYTES:
            raw = member.read(promised + 1)
            if len(raw) != promised:
                raise EOFError
            return np.frombuffer(raw, dtype=dtype).reshape(shape, order=order)
        with tempfile.TemporaryFile(prefix="noisyviz-") as file:
            shutil.copyfileobj(member, file, 1 << 20)
            file.flush()
            if file.tell() != promised:
                raise EOFError
            return np.memmap(file, dtype=dtype, mode="r", shape=shape, order=order)


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
    return _whole_header(file)[1:]


def _whole_header(file: IO[bytes]) -> tuple[bool, np.dtype[Any], tuple[int, ...]]:
    """Read the header of an NPY stream, without evaluating more than a literal of bounded length."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in _VERSIONS:
            told = f"is an .npy file of version {version[0]}.{version[1]}, which is unknown; save it again"
            raise InputError(told)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file, max_header_size=MAX_HEADER)
    except InputError:
        raise
    except Exception:  # whatever NumPy's parser makes of a text that is no header
        raise InputError("has a damaged .npy header") from None
    if any(length < 0 for length in shape):
        raise InputError("has a damaged .npy header")
    return bool(fortran), dtype, shape


def _check(dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if dtype.hasobject:
        raise InputError("holds Python objects, which are not read because loading them could run code")
    if dtype.kind not in _KINDS:
        raise InputError(f"holds {dtype.name} values; real numbers are needed (float or integer)")
    check_shape(shape)
    if not shape:
        raise InputError("holds a single number, not an array")
    if 0 in shape:
        raise InputError(f"holds an empty array of shape {shape}")
