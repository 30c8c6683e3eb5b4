"""Reading an array in blocks of rows, whatever its size, order and dtype, and reductions over the rows of a block."""

import math
import mmap
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.networks.streamed import Streamed

MOST: Final = 1 << 22  # numbers in a block, whatever is asked for
_RELEASE: Final = 1 << 26  # bytes of a memory map that are looked at before they are given back
_WIDE: Final = 1024  # narrower blocks are folded to about this width, for the inner loops run along a row
_SINGLE: Final = frozenset({"f2", "f4", "i1", "u1", "i2", "u2"})  # all their values are float32 values

Block = npt.NDArray[np.floating[Any]]


def blocks(array: npt.NDArray[Any] | Streamed, chunk: int) -> Iterator[Block]:
    """Yield all rows of an array, the last axis counting columns.

    Parameters
    ----------
    array
        Real numbers, at least one axis; one axis is one column. Or one that is unpacked in blocks.
    chunk
        About how many numbers a block holds, at least one row.

    Yields
    ------
    ndarray
        Contiguous, shape (n, columns); float32 where that holds every value of the array's dtype, else float64.
    """
    if isinstance(array, Streamed):
        for slab in array.slabs():
            yield from blocks(slab, chunk)
        return
    dtype = working_dtype(array.dtype)
    seen = 0
    for part in _parts(array, chunk):
        rows = max(1, min(chunk, MOST) // part.shape[1])
        for start in range(0, part.shape[0], rows):
            block = part[start : start + rows]
            yield np.ascontiguousarray(block, dtype=dtype)
            seen += block.nbytes
            if seen >= _RELEASE:
                _release(array)
                seen = 0
    _release(array)


def working_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32 where it holds every value of a dtype, else float64.

    Examples
    --------
    >>> working_dtype(np.dtype("int16")), working_dtype(np.dtype("int32"))
    (dtype('float32'), dtype('float64'))
    """
    return np.dtype(np.float32 if dtype.str[1:] in _SINGLE else np.float64)


def _parts(array: npt.NDArray[Any], chunk: int) -> Iterator[npt.NDArray[Any]]:
    """Yield two-dimensional views that together are the array."""
    array = np.asarray(array)  # a memory map's own class makes every slice slow
    if array.ndim == 1:
        yield array[:, None]
    elif array.ndim == 2:
        yield array
    elif array.flags.c_contiguous:
        yield array.reshape(-1, array.shape[-1])
    elif math.prod(array.shape[1:]) > chunk:  # a reshape would copy all of it
        for part in array:
            yield from _parts(part, chunk)
    else:
        step = max(1, chunk // math.prod(array.shape[1:]))
        for start in range(0, array.shape[0], step):
            yield array[start : start + step].reshape(-1, array.shape[-1])


def _release(array: npt.NDArray[Any]) -> None:
    """Give the pages of a memory map back, which the system would otherwise count as ours."""
    base: Any = array
    while base is not None and not isinstance(base, mmap.mmap):
        base = getattr(base, "base", None)
    if base is not None and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)


def over_rows(reduce: np.ufunc, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the reduction over axis 0 of a contiguous array, shape (columns,)."""
    folded, rest = _folded(values)
    found = reduce.reduce(reduce.reduce(folded, axis=0).reshape(-1, values.shape[1]), axis=0)
    return np.asarray(reduce(found, reduce.reduce(rest, axis=0)) if rest.size else found)


def count_rows(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return how many rows are true, shape (columns,): sums of bytes, which cannot overflow below 256 rows."""
    folded, rest = _folded(mask.view(np.uint8))
    found = np.zeros(folded.shape[1], dtype=np.int64)
    for start in range(0, folded.shape[0], 255):
        found += np.add.reduce(folded[start : start + 255], axis=0, dtype=np.uint8)
    total: npt.NDArray[np.int64] = found.reshape(-1, mask.shape[1]).sum(axis=0)
    total += rest.sum(axis=0, dtype=np.int64)
    return total


def _folded(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Lay several rows beside each other; the second array holds the rows that are left over."""
    rows, columns = values.shape
    fold = max(1, min(rows, _WIDE // columns))
    whole = rows - rows % fold
    return values[:whole].reshape(-1, fold * columns), values[whole:]
