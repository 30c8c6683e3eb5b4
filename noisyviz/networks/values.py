"""The finite numbers of one array, for what needs all of them at once: the density of real pre-activations."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, MissingExtraError
from noisyviz.networks.array_files import MAX_VALUES, check_inflation, naming, split_source
from noisyviz.networks.array_sources import Found, arrays_of
from noisyviz.networks.streamed import Streamed


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
        The name of the array, empty for a file of one without a name.
    notes
        What was left out of the file, in sentences.
    """

    finite: npt.NDArray[np.float64]
    shape: tuple[int, ...]
    non_finite: int
    path: Path
    array: str
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """The hexadecimal digest of the file's bytes."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def read_values(text: str, *, parameter: str = "data") -> Values:
    """Read the finite numbers of ``FILE[:ARRAY]``, any file that `arrays_of` reads.

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
        dimension, or is not of real numbers; when it holds several arrays and none is named; and when it would unpack
        to far more than its size.
    MissingExtraError
        When a package that reads it is not installed.
    """
    notes: list[str] = []
    try:
        with np.errstate(all="ignore"):
            if text and Path(text).is_dir():
                raise InputError(f"'{text}' is not a regular file")
            stream = arrays_of([text], notes=notes)
            found = _only(next(stream), stream, text)
            with naming(text):
                if found.array.size > MAX_VALUES:
                    raise InputError(
                        f"holds {found.array.size:,} numbers, more than the {MAX_VALUES:,} that are read at once; "
                        "use profile, or save a part of them"
                    )
                if isinstance(found.array, Streamed):
                    check_inflation(found.array.nbytes, found.array.packed)
            array = found.array.load() if isinstance(found.array, Streamed) else found.array
            values = np.asarray(array, dtype=np.float64).ravel()
    except InputError as error:
        raise InputError(f"{parameter} {error}", parameter=parameter) from None
    except MissingExtraError as error:
        raise MissingExtraError(f"{parameter} {error}") from None
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        raise InputError(f"{parameter} '{text}' holds no finite number", parameter=parameter)
    return Values(
        finite=finite,
        shape=array.shape,
        non_finite=values.size - finite.size,
        path=split_source(text).path,
        array=found.alias,
        notes=tuple(notes),
    )


def _only(first: Found, rest: Iterator[Found], text: str) -> Found:
    more = [found.alias for found in rest]
    if more:
        names = [first.alias, *more]
        listed = ", ".join(names[:20]) + (", and more" if len(names) > 20 else "")
        raise InputError(f"'{text}' holds {len(names)} arrays; name one as FILE:ARRAY, of {listed}")
    return first
