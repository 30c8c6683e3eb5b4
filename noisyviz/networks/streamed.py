"""An array inside an archive that is unpacked piece by piece, because all of it may not fit into memory."""

import math
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, Self

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError

DAMAGED: Final = (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError)
_SLAB: Final = 1 << 20  # numbers in a piece, about
_LARGEST_ENTRY: Final = 1 << 25  # numbers in one entry of the first axis


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Streamed:
    """A member of an NPZ archive in C order; `blocks` reads it like an array.

    Parameters
    ----------
    path, member
        The archive and the name in it.
    shown
        What messages call it.
    dtype, shape
        Of the array.
    offset
        Bytes before the first number.
    packed
        Bytes in the archive.
    axis
        The axis that counts units; slabs have it last.
    """

    path: Path
    member: str
    shown: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int
    packed: int
    axis: int = -1

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of numbers."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The unpacked bytes."""
        return self.size * self.dtype.itemsize

    def along(self, axis: int) -> Self:
        """Return the same array with another axis of units.

        Raises
        ------
        InputError
            For the first of several axes, whose entries lie one behind the other.
        """
        if axis % self.ndim == 0 and self.ndim > 1:
            raise InputError(
                f"'{self.shown}' unpacks {self.packed:,} bytes to {self.nbytes:,}, which is read in blocks of its "
                "first axis; that one cannot be the axis of units, except in an .npy file"
            )
        return replace(self, axis=axis)

    def slabs(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the array in pieces of its first axis, the axis of units last."""
        entry = math.prod(self.shape[1:])
        if entry > _LARGEST_ENTRY:
            raise InputError(f"'{self.shown}' would unpack {self.packed:,} bytes to rows of {entry:,} numbers")
        count = max(1, _SLAB // entry)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as member:
                member.read(self.offset)
                for start in range(0, self.shape[0], count):
                    held = (min(count, self.shape[0] - start), *self.shape[1:])
                    raw = _exactly(member, math.prod(held) * self.dtype.itemsize)
                    slab = np.frombuffer(raw, dtype=self.dtype).reshape(held)
                    yield slab if self.ndim == 1 else np.moveaxis(slab, self.axis, -1)
                member.read(1)  # the end, where the checksum is compared
        except DAMAGED as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"'{self.shown}' is in a damaged or truncated .npz file") from None

    def load(self) -> npt.NDArray[Any]:
        """Return the whole array, as it is in the file."""
        return np.concatenate(list(replace(self, axis=-1).slabs()))


def _exactly(member: IO[bytes], count: int) -> bytes:
    raw = member.read(count)
    if len(raw) != count:
        raise EOFError
    return raw
