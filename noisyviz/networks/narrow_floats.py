"""Floating-point types that NumPy does not have: bfloat16 and the 8-bit types E4M3 and E5M2, widened to float32."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError

_PART: Final = 1 << 20  # numbers widened at once


@dataclass(frozen=True, slots=True, kw_only=True)
class NarrowFloat:
    """A type: bytes, bits of the exponent and of the fraction, and whether its highest exponent means infinity."""

    itemsize: int
    exponent: int
    fraction: int
    infinities: bool = True

    def values(self) -> npt.NDArray[np.float32]:
        """Return the values of all bit patterns of an 8-bit type in order.

        Examples
        --------
        >>> NARROW["float8_e4m3"].values()[[0x38, 0x7E, 0x81]].tolist()
        [1.0, 448.0, -0.001953125]
        """
        code = np.arange(256)
        top = (1 << self.exponent) - 1
        bias = top >> 1
        power, part = (code >> self.fraction) & top, code & ((1 << self.fraction) - 1)
        steps = np.where(power == 0, part, part + (1 << self.fraction))
        value = np.ldexp(steps.astype(np.float64), np.maximum(power, 1) - bias - self.fraction)
        highest = power == top
        if self.infinities:
            value[highest] = np.where(part[highest] == 0, np.inf, np.nan)
        else:
            value[highest & (part == (1 << self.fraction) - 1)] = np.nan
        found: npt.NDArray[np.float32] = np.where(code >= 128, -value, value).astype(np.float32)
        return found


NARROW: Final[Mapping[str, NarrowFloat]] = MappingProxyType(
    {
        "bfloat16": NarrowFloat(itemsize=2, exponent=8, fraction=7),
        "float8_e4m3": NarrowFloat(itemsize=1, exponent=4, fraction=3, infinities=False),
        "float8_e5m2": NarrowFloat(itemsize=1, exponent=5, fraction=2),
    }
)
"""The types by the names that may follow the name of a file or an array."""


def holds(kind: str, dtype: np.dtype[Any]) -> bool:
    """Whether numbers of a narrow type may be stored as this one: raw bytes or integers of their size."""
    return dtype.kind in "Viu" and dtype.names is None and dtype.itemsize == NARROW[kind].itemsize


def unnamed_type(dtype: np.dtype[Any]) -> InputError:
    """Return what to say of raw bytes, whose type must be told."""
    kinds = [f"FILE:{kind}" for kind, narrow in NARROW.items() if narrow.itemsize == dtype.itemsize]
    hint = f"; if they are floating-point numbers, name their type: {' or '.join(kinds)}" if kinds else ""
    return InputError(f"holds {dtype.name} values, which are raw bytes{hint}")


def widened(raw: npt.NDArray[Any], kind: str, folder: Path) -> npt.NDArray[np.float32]:
    """Return a map of the float32 numbers of a narrow type, written into a temporary file in the folder."""
    if not holds(kind, raw.dtype):
        raise InputError(f"holds {raw.dtype.name} values, which cannot be {kind}")
    order: Literal["F", "C"] = "F" if raw.flags.f_contiguous and not raw.flags.c_contiguous else "C"
    flat = raw.reshape(-1, order=order)
    table = NARROW[kind].values() if NARROW[kind].itemsize == 1 else None
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        for start in range(0, flat.size, _PART):
            part = np.ascontiguousarray(flat[start : start + _PART])
            if table is not None:
                file.write(table[part.view(np.uint8)].tobytes())
            else:
                bits = part.view(np.dtype(np.uint16).newbyteorder(raw.dtype.byteorder))
                file.write((bits.astype(np.uint32) << 16).tobytes())
    return np.memmap(file.name, dtype=np.float32, mode="r", shape=raw.shape, order=order)
