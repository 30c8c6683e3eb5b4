"""Tensors in safetensors files: 8 bytes of length, a JSON header, then the numbers, which are mapped."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.networks.array_files import MAX_MEMBERS, Opened, check_regular, check_shape

_MAX_HEADER: Final = 1 << 23  # bytes, enough for all members
_TENSOR_DTYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "F8_E4M3": "u1", "F8_E5M2": "u1"},
        **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"},
    }
)
_NARROW_TENSORS: Final = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3", "F8_E5M2": "float8_e5m2"}


def tensor_header(path: Path) -> tuple[int, dict[str, Any]]:
    """Return where the numbers begin, and the entry of every tensor by its name."""
    check_regular(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size - 8:
            raise InputError("is a damaged or truncated .safetensors file")
        if length > _MAX_HEADER:
            raise InputError(f"has a header of {length:,} bytes, more than {_MAX_HEADER:,}")
        try:
            header = json.loads(file.read(length), object_pairs_hook=_once)
        except (ValueError, RecursionError):
            header = None
    if not isinstance(header, dict):
        raise InputError("is a damaged or truncated .safetensors file")
    header.pop("__metadata__", None)
    if not header:
        raise InputError("holds no array")
    if len(header) > MAX_MEMBERS:
        raise InputError(f"holds {len(header):,} arrays, more than {MAX_MEMBERS:,}")
    _check_apart(header, path_bytes=path.stat().st_size - 8 - length)
    return 8 + length, header


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object whose names stand for one thing each."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice")
    return found


def _check_apart(header: Mapping[str, Any], *, path_bytes: int) -> None:
    """Raise where arrays share bytes, as the format does not allow: a small file would then hold any amount of work."""
    told = 0
    for entry in header.values():
        try:
            low, high = entry["data_offsets"]
            told += max(0, int(high) - int(low))
        except (TypeError, KeyError, ValueError, OverflowError):
            continue  # answered when the array is read
    if told > path_bytes:
        raise InputError("is truncated or damaged: its arrays lie on top of each other or beyond its end")


def tensor(path: Path, start: int, name: str, entry: Any, told: str) -> Opened:
    """Return the map of a tensor; of a narrow type, that of its bits."""
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
    array = np.memmap(path, dtype=dtype, mode="r", offset=start + low, shape=shape)
    return Opened(array=array, kind=told or _NARROW_TENSORS.get(kind, ""))
