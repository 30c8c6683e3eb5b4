"""What can be written, and which of it a path asks for."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from noisyviz.errors import InputError, suggestion

PICTURE_FORMATS: Final = ("png", "svg", "pdf", "pgf")
FILM_FORMATS: Final = ("gif", "webp")
TABLE_FORMATS: Final = ("csv", "npz", "json")
PAGE_FORMATS: Final = ("html",)


def format_of(
    path: str | os.PathLike[str], *, given: str | None = None, allowed: Sequence[str] = PICTURE_FORMATS
) -> str:
    """Return the format of an output: the one given, else the one its suffix names.

    Raises
    ------
    InputError
        When neither names a format of `allowed`.

    Examples
    --------
    >>> format_of("a.PDF"), format_of("a.dat", given="svg")
    ('pdf', 'svg')
    """
    if given is not None:
        if given not in allowed:
            hint = suggestion(given, allowed)
            raise InputError(f"format must be one of {', '.join(allowed)}, got {given!r}{hint}", parameter="format")
        return given
    suffix = Path(path).suffix
    if suffix.lower().removeprefix(".") not in allowed:
        wanted = ", ".join(f".{name}" for name in allowed)
        shown = f"suffix {suffix!r}" if suffix else "no suffix"
        raise InputError(f"output {os.fspath(path)!r} has {shown}; it must end in {wanted}", parameter="output")
    return suffix.lower().removeprefix(".")
