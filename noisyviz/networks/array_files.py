"""Reading arrays that others wrote: nothing in them is executed, and no header can make us take much memory.

NPY files are mapped, not loaded. Members of an NPZ archive are read only when the size that their header promises is
the size that the archive holds; large ones are unpacked in blocks, so that no archive can take much memory.
"""

import contextlib
import errno
import io
import math
import os
import stat
import struct
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, MissingExtraError, suggestion
from noisyviz.networks.narrow_floats import holds, unnamed_type
from noisyviz.networks.streamed import Streamed

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
_E5M2: Final = b"'<f1'"  # as the package ml_dtypes names it


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, and the array in it; an empty name means the only one."""

    path: Path
    array: str


def split_source(text: str) -> Source:
    """Split ``FILE[:ARRAY]`` at the last colon whose left part exists; a file of exactly that name wins.

    Examples
    --------
    >>> split_source("gates.npz:input_gate").array
    'input_gate'
    """
    if _exists(text):
        return Source(path=Path(text), array="")
    for place in reversed([k for k, letter in enumerate(text) if letter == ":"]):
        if place > 0 and _exists(text[:place]):
            return Source(path=Path(text[:place]), array=text[place + 1 :])
    path, colon, array = text.rpartition(":")
    if not colon or not path or Path(text).suffix.lower() in (".npy", ".npz"):
        return Source(path=Path(text), array="")
    return Source(path=Path(path), array=array)


def _exists(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long, or with a character that no name has
        return False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """A checked array of a file.

    Parameters
    ----------
    array
        A map, an array, or one that is unpacked in blocks; real numbers, or those of a narrow type.
    kind
        A key of `NARROW`, whose numbers these are; empty for NumPy's own types.
    columns
        Names of the last axis, where the file has them.
    """

    array: npt.NDArray[Any] | Streamed
    kind: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """An open NPZ file, whose list of members is read and checked once; it closes when nobody needs it."""

    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]


def open_array(source: Source, *, shown: str, kind: str = "", archive: Archive | None = None) -> Opened:
    """Return a checked array of an NPY file, mapped, or of an NPZ file; errors are the end of a sentence about it.

    Parameters
    ----------
    source
        The file, and the name of a member.
    shown
        What errors call it that come up while it is unpacked.
    kind
        A key of `NARROW` for raw bytes and integers that hold its numbers.
    archive
        What `archive_of` found, so that the list of members is not read for each of them.

    Raises
    ------
    InputError
        When the file is missing, damaged, of another kind, or holds no such array, or one that is empty, has no
        dimension, or is not of real numbers.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old writers: no reason to say anything
        opened = _open(source, kind, shown, archive)
        array = opened.array
        if array.dtype.names is not None and not isinstance(array, Streamed):
            from numpy.lib.recfunctions import structured_to_unstructured  # loads much

            flat = structured_to_unstructured(array, copy=False)
            return Opened(array=flat, columns=array.dtype.names)
        return opened


def archive_of(path: Path) -> Archive | None:
    """Return the archive of a file, None for a file of another kind.

    Raises
    ------
    InputError
        For a damaged archive, and for one of too many arrays or of none.
    """
    with path.open("rb") as file:
        if not file.read(8).startswith(b"PK"):
            return None
        with _damage():
            if _directory_bytes(file) > MAX_DIRECTORY:
                raise InputError(f"holds more than {MAX_MEMBERS:,} members")
    with _damage():
        archive = zipfile.ZipFile(path)
    members = _members(archive)
    if not members:
        raise InputError("holds no array")
    return Archive(archive, members)


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
    """Put the name of a file in front of what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"'{shown}' {error}") from None
    except MissingExtraError as error:
        raise MissingExtraError(f"'{shown}' {error}") from None
    except OSError as error:
        if error.errno == errno.ENOSPC:  # of the folder of temporary files
            raise
        raise InputError(f"'{shown}' cannot be read: {(error.strerror or 'it is damaged').lower()}") from None


def _open(source: Source, kind: str, shown: str, archive: Archive | None) -> Opened:
    """Return the checked array; the InputErrors are the end of a sentence about the file."""
    check_regular(source.path)
    archive = archive or archive_of(source.path)
    if archive is not None:
        return _from_archive(archive, source, kind, shown)
    with source.path.open("rb") as file:
        start = file.read(8)
        if not start.startswith(b"\x93NUMPY"):
            raise InputError("is neither an .npy nor an .npz file")
        if source.array:
            raise InputError(f"is an .npy file, which holds one array and none named '{source.array}'")
        file.seek(0)
        header = _header(file)
        _check(header, kind)
        offset = file.tell()
        held, promised = source.path.stat().st_size - offset, header.nbytes
    if held < promised:
        raise InputError(f"is truncated: its header declares {promised:,} bytes, but it holds {held:,}")
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    array = np.memmap(source.path, dtype=header.dtype, mode="r", offset=offset, shape=header.shape, order=order)
    return Opened(array=array, kind=header.kind or kind)


def _from_archive(archive: Archive, source: Source, kind: str, shown: str) -> Opened:
    info = archive.members[_chosen(source.array, list(archive.members))]
    if info.flag_bits & 1:
        raise InputError(f"is encrypted: '{info.filename}' has a password; save it without one")
    if info.compress_type not in _METHODS:
        raise InputError(f"holds '{info.filename}' packed in a way that NumPy does not use; save it by numpy.savez")
    with _damage():
        return _member(archive.file, info, source.path, kind, shown)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, kind: str, shown: str) -> Opened:
    """Return a checked array of an archive; a large one is unpacked later, in blocks."""
    with archive.open(info) as member:
        header = _header(member)
        _check(header, kind)
        offset = member.tell()
    held = info.file_size - offset
    if held != header.nbytes:
        raise InputError(f"is damaged: array '{info.filename}' declares {header.nbytes:,} bytes, but holds {held:,}")
    array = Streamed(
        path=path,
        member=info.filename,
        shown=shown,
        dtype=header.dtype,
        shape=header.shape,
        offset=offset,
        packed=min(info.compress_size, path.stat().st_size),
    )
    kind = header.kind or kind
    if array.nbytes > FREE_BYTES and not (header.fortran or kind or header.dtype.names):
        return Opened(array=array)
    check_inflation(array.nbytes, array.packed)
    with archive.open(info) as member:
        raw = member.read(info.file_size + 1)[offset:]
    order: Literal["F", "C"] = "F" if header.fortran else "C"
    return Opened(array=np.frombuffer(raw, dtype=header.dtype).reshape(header.shape, order=order), kind=kind)


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
    """Return the arrays of an archive by name, checked together: one name each, and bytes of their own."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise InputError(f"holds {len(infos):,} members, more than {MAX_MEMBERS:,}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        name = info.filename.removesuffix(".npy")
        if _is_array(info) and members.setdefault(name, info) is not info:
            raise InputError(f"is damaged: it holds two arrays named '{name}'")
    size = os.fstat(archive.fp.fileno()).st_size  # type: ignore[union-attr]  # open
    if sum(info.compress_size for info in infos) > size:
        raise InputError("is damaged: its members lie on top of each other")
    return members


def check_inflation(unpacked: int, packed: int, *, more: str = "") -> None:
    """Raise for what must be held as a whole, in memory or on the disk, and is much larger than in its file.

    Raises
    ------
    InputError
        The end of a sentence about the file.
    """
    if unpacked > max(FREE_BYTES, MAX_INFLATION * packed):
        raise InputError(
            f"would unpack {packed:,} bytes to {more}{unpacked:,}, which looks like a zip bomb; "
            "an .npy file may have any size"
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """What the header of an NPY stream says."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool
    kind: str

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


def _header(file: IO[bytes]) -> _Header:
    """Read the header of an NPY stream, without evaluating more than a literal of bounded length."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in _VERSIONS:
            raise InputError(f"is an .npy file of version {version[0]}.{version[1]}, which is unknown; save it again")
        short = version == (1, 0)
        size = file.read(2 if short else 4)
        text = file.read(min(int.from_bytes(size, "little"), MAX_HEADER + 1))
        own = text.replace(_E5M2, b"'|V1'")  # the only name that NumPy writes and cannot read
        read = np.lib.format.read_array_header_1_0 if short else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(io.BytesIO(size + own), max_header_size=MAX_HEADER)
    except InputError:
        raise
    except Exception:  # whatever NumPy's parser makes of a text that is no header
        raise InputError("has a damaged .npy header") from None
    if any(length < 0 for length in shape):
        raise InputError("has a damaged .npy header")
    return _Header(dtype=dtype, shape=shape, fortran=fortran, kind="float8_e5m2" if own != text else "")


def _check(header: _Header, kind: str) -> None:
    dtype, shape = header.dtype, header.shape
    if dtype.hasobject:
        raise InputError("holds Python objects, which are not read because loading them could run code")
    check_shape(shape if dtype.names is None else (*shape, len(dtype.names)))
    if dtype.names is not None:
        _check_record(dtype)
    elif kind and not holds(kind, dtype):
        raise InputError(f"holds {dtype.name} values, which cannot be {kind}")
    elif dtype.kind == "V" and not (kind or header.kind):
        raise unnamed_type(dtype)
    elif dtype.kind not in f"{_KINDS}V" or (dtype.kind == "f" and dtype.itemsize > 8):
        raise InputError(f"holds {dtype.name} values; real numbers are needed (float to 64 bits, or integer)")
    if not shape:
        raise InputError("holds a single number, not an array")
    if 0 in shape:
        raise InputError(f"holds an empty array of shape {shape}")


def _check_record(dtype: np.dtype[Any]) -> None:
    """Refuse records, except those of fields of one type, which are columns."""
    fields = [dtype[name] for name in dtype.names or ()]
    if len(set(fields)) != 1 or fields[0].kind not in _KINDS:
        held = ", ".join(f"'{name}' {dtype[name]}" for name in (dtype.names or ())[:10])
        raise InputError(f"holds records of {held}; real numbers are needed (float or integer), all of one type")
