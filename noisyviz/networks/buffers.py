"""Arrays that are used again for every block: fresh ones of this size cost a page fault for each of their pages."""

from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt


class Scratch:
    """Arrays by name, made on first use.

    Examples
    --------
    >>> scratch = Scratch()
    >>> first = scratch.array("a", (2, 3), np.float64)
    >>> np.shares_memory(first, scratch.array("a", (1, 3), np.float64))
    True
    """

    def __init__(self) -> None:
        self._held: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any]:
        """Return a contiguous array with whatever was left in it; the last one of that name is overwritten."""
        size = prod(shape)
        held = self._held.get(name)
        if held is None or held.size < size or held.dtype != dtype:
            held = self._held[name] = np.empty(size, dtype=dtype)
        return held[:size].reshape(shape)
