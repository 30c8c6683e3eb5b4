"""All arrays in files, folders and standard input, one after the other: NPY, NPZ, CSV and safetensors.

NPY and safetensors files are mapped, members of archives are read one at a time; `noisyviz.networks.array_files` says
what is refused. bfloat16 arrays are widened in a temporary file.
"""

import hashlib
import json
import math
import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, suggestion
from noisyviz.networks.array_files import (
    Source,
    arrays_in,
    check_regular,
    check_shape,
    naming,
    split_source,
)
from noisyviz.networks.digests import Digests
from noisyviz.networks.row_blocks import blocks

SUFFIXES: Final = (".csv", ".npy", ".npz", ".safetensors")
STDIN: Final = "-"
_MAX_TENSOR_HEADER: Final = 1 << 23  # bytes, enough for 50,000 tensors
_LONGEST_LINE: Final = 1 << 22  # bytes of a row of a table
_FIRST_LINE: Final = 1 << 24
_PART: Final = 1 << 20
_TENSOR_DTYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"},
        **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """An array and what it is called.

    Parameters
    ----------
    name
        The array's name in its file, or the file's; FILE:ARRAY when there are several files, FILE with as much of its
        folder as tells it from others of that name.
    alias
        The array's name in its file, empty where it has none.
    array
        Real numbers, perhaps a memory map.
    """

    name: str
    alias: str
    array: npt.NDArray[Any]


def arrays_of(
    texts: Sequence[str], *, stdin: IO[bytes] | None = None, digests: Digests | None = None
) -> Iterator[Found]:
    """Yield every array of the sources.

    Parameters
    ----------
    texts
        Files, FILE:ARRAY, folders, and "-" for standard input.
    stdin
        Where standard input is read from; None where there is none to read.
    digests
        Takes up every file that is read, whole folders file by file.

    Raises
    ------
    InputError
        When a source is missing, damaged, empty, of another kind, or not of real numbers.
    """
    places = [place for text in texts for place in _places(text)]
    paths = [source.path for source, _ in places]
    with tempfile.TemporaryDirectory(prefix="noisyviz-") as folder:
        for source, shown in places:
            if shown == STDIN:
                held, sha256 = _kept(stdin, Path(folder), source.array)
                if digests is not None:
                    digests.told(STDIN, source.array, sha256)
            else:
                held = source
            label = "stdin" if shown == STDIN else _label(source.path, paths)
            begun = shown == STDIN or digests is None
            for name, array in _arrays(held, shown, Path(folder)):
                if not begun and digests is not None:  # not before: the file is known to be a regular one now
                    digests.begin(held.path, held.array)
                    begun = True
                full = f"{label}:{name}" if name else label
                yield Found(name=name or label if len(places) == 1 else full, alias=name, array=array)


def _label(path: Path, others: Sequence[Path]) -> str:
    """Return the end of a path that tells it from others.

    Examples
    --------
    >>> _label(Path("a/x.npy"), [Path("a/x.npy"), Path("b/x.npy"), Path("b/y.npy")])
    'a/x.npy'
    """
    parts = path.parts
    rivals = [other.parts for other in others if other != path]
    known = next((k for k in range(1, len(parts)) if all(rival[-k:] != parts[-k:] for rival in rivals)), len(parts))
    return Path(*parts[-known:]).as_posix()


def _places(text: str) -> list[tuple[Source, str]]:
    if not text:
        raise InputError("FILE must not be empty, got ''")
    if text == STDIN:
        return [(Source(path=Path(STDIN), array=""), STDIN)]
    if not os.path.isdir(text):
        source = split_source(text)
        if Path(text).suffix.lower() in SUFFIXES:
            source = Source(path=Path(text), array="")
        return [(source, text)]
    files = sorted(path for path in Path(text).iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"'{text}' holds no file that ends in {', '.join(SUFFIXES)}")
    return [(Source(path=path, array=""), str(path)) for path in files]


def _kept(stdin: IO[bytes] | None, folder: Path, array: str) -> tuple[Source, str]:
    """Write standard input to a file, because archives and maps need one; return it and its SHA-256."""
    if stdin is None or stdin.isatty():
        state = "is closed here" if stdin is None else "is a terminal here"
        raise InputError(f"'-' reads standard input, which {state}; redirect a file or a pipe to it")
    path = folder / "stdin"
    digest = hashlib.sha256()
    # A read of several system calls would not hear a signal between two of them.
    read = getattr(stdin, "read1", stdin.read)
    with path.open("wb") as file:
        while part := read(_PART):
            digest.update(part)
            file.write(part)
    with path.open("rb") as file:
        start = file.read(9)
    if not start.startswith((b"PK", b"\x93NUMPY")):
        path = path.rename(path.with_suffix(".safetensors" if start[8:] == b"{" else ".csv"))
    return Source(path=path, array=array), digest.hexdigest()


def _arrays(source: Source, shown: str, folder: Path) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    suffix = source.path.suffix.lower()
    if suffix == ".safetensors":
        yield from _tensors(source, shown, folder)
    elif suffix == ".csv":
        if source.array:
            raise InputError(f"'{shown}' is a .csv file, which holds one array and none named '{source.array}'")
        yield "", _table(source.path, shown)
    else:
        yield from arrays_in(source, shown=shown)


def _table(path: Path, shown: str) -> npt.NDArray[np.float64]:
    """Read numbers apart by commas, semicolons, tabs or spaces, with or without a line of names."""
    with naming(shown):
        check_regular(path)
        try:
            _check_lines(path)
            with path.open(encoding="utf-8-sig") as file:
                first = file.readline(_FIRST_LINE)
            delimiter = next((mark for mark in ",;\t" if mark in first), None)
            cells = first.strip().split(delimiter)
            named = bool(first.strip()) and not any(_is_number(cell) for cell in cells)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about files without data, which are answered below
                table = np.loadtxt(
                    path,
                    delimiter=delimiter,
                    skiprows=int(named),
                    ndmin=2,
                    comments=None,
                    dtype=np.float64,
                    encoding="utf-8-sig",
                )
        except UnicodeDecodeError:
            raise InputError("is not a text file, as a .csv file must be") from None
        except ValueError as error:
            reason = re.sub(
                r"(float64 at row) (\d+)", lambda found: f"{found[1]} {int(found[2]) + 1}", str(error)
            )  # from 0 there
            reason = reason.split("; ")[0].split("\n")[0].rstrip(".")
            raise InputError(f"is not a table of numbers: {reason[:200]}") from None
        if table.size == 0:
            raise InputError("holds no numbers")
        return table


def _check_lines(path: Path) -> None:
    """Raise for a row so long that its cells would fill the memory."""
    with path.open("rb") as file:
        while line := file.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:
                raise InputError(f"is not a table of numbers: a row is longer than {_LONGEST_LINE:,} bytes")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _tensors(source: Source, shown: str, folder: Path) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Map the tensors of a safetensors file: 8 bytes of length, a JSON header, then the numbers."""
    with naming(shown):
        start, header = _tensor_header(source.path)
        names = [source.array] if source.array else list(header)
        if names[0] not in header:
            hint = suggestion(names[0], header)
            raise InputError(f"has no array '{names[0]}'{hint}; it holds {', '.join(list(header)[:20])}")
        _check_apart(header, path_bytes=source.path.stat().st_size - start)
        for name in names:
            array, wide = _tensor(source.path, start, name, header[name])
            yield name, _widened(array, folder) if wide else array


def _tensor_header(path: Path) -> tuple[int, dict[str, Any]]:
    check_regular(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size - 8:
            raise InputError("is a damaged or truncated .safetensors file")
        if length > _MAX_TENSOR_HEADER:
            raise InputError(f"has a header of {length:,} bytes, more than {_MAX_TENSOR_HEADER:,}")
        try:
            header = json.loads(file.read(length))
        except (ValueError, RecursionError):
            header = None
    if not isinstance(header, dict):
        raise InputError("is a damaged or truncated .safetensors file")
    header.pop("__metadata__", None)
    if not header:
        raise InputError("holds no array")
    return 8 + length, header


def _check_apart(header: Mapping[str, Any], *, path_bytes: int) -> None:
    """Raise where arrays share bytes, as the format does not allow: a small file would then hold any amount of work."""
    told = 0
    for entry in header.values():
        try:
            low, high = entry["data_offsets"]
            told += max(0, int(high) - int(low))
        except (TypeError, KeyError, ValueError):
            continue  # answered when the array is read
    if told > path_bytes:
        raise InputError("is truncated or damaged: its arrays lie on top of each other or beyond its end")


def _widened(bits: npt.NDArray[np.uint16], folder: Path) -> npt.NDArray[np.float32]:
    """Return a map of float32 numbers, of which the bits of bfloat16 are the upper half."""
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        for block in blocks(bits, _PART):
            file.write((block.astype(np.uint32) << 16).tobytes())
    return np.memmap(file.name, dtype=np.float32, mode="r", shape=bits.shape)


def _tensor(path: Path, start: int, name: str, entry: Any) -> tuple[npt.NDArray[Any], bool]:
    """Return the map of a tensor, and whether it is of bfloat16, whose bits are mapped."""
    try:
        kind, shape = entry["dtype"], tuple(entry["shape"])
        low, high = entry["data_offsets"]
        if not isinstance(kind, str) or any(type(end) is not int for end in (low, high, *shape)):
            raise TypeError
    except (TypeError, KeyError, ValueError):
        raise InputError(f"is damaged: its header does not describe array '{name}'") from None
    check_shape(shape)
    if kind not in _TENSOR_DTYPES:
        raise InputError(
            f"holds {kind} values in '{name}'; real numbers are needed, one of {', '.join(_TENSOR_DTYPES)}"
        )
    dtype = np.dtype(_TENSOR_DTYPES[kind])
    promised = dtype.itemsize * math.prod(shape)
    if min((*shape, low)) < 0 or high - low != promised or start + high > path.stat().st_size:
        raise InputError(f"is truncated or damaged: array '{name}' declares {promised:,} bytes that it does not hold")
    if not shape:
        raise InputError(f"holds a single number in '{name}', not an array")
    if promised == 0:
        raise InputError(f"holds an empty array of shape {shape} in '{name}'")
    return np.memmap(path, dtype=dtype, mode="r", offset=start + low, shape=shape), kind == "BF16"
