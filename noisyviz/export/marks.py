"""By what noisyviz knows a file of its own again, and that nobody has changed it since.

Pictures, films, NPZ archives and manifests carry a seal, see `noisyviz.export.integrity`. CSV and JSON have no place
for one that their readers pass over, so the digest of such a table is kept beside the content, as an extended attribute
of the file. Where a system has none (macOS and Windows from Python, some file systems), a table counts as ours when it
is written in just the form of noisyviz: weaker, for a table typed in by hand in this form passes too.
"""

import contextlib
import errno
import hashlib
import io
import os
from pathlib import Path
from typing import IO, Final

from noisyviz.export.integrity import intact

ATTRIBUTE: Final = "user.noisyviz.sha256"
JSON_BEGINNING: Final = '{"config": {'
LARGEST: Final = 1 << 28  # bytes of a file in which a seal is looked for


def made_by_noisyviz(path: str | os.PathLike[str], *, header: str | None = None) -> bool:
    """Tell whether noisyviz wrote a file, and whether it is as noisyviz wrote it.

    Parameters
    ----------
    path
        An existing regular file.
    header
        How the CSV or JSON file begins that would take its place, None for a file of another kind.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with Path(path).open("rb") as file:
        held, kept = _attribute(file.fileno())
        if held:
            return held == hashlib.file_digest(file, "sha256").hexdigest()
        if os.fstat(file.fileno()).st_size > LARGEST:
            return False
        payload = file.read(LARGEST)
    if intact(payload):
        return True
    return header is not None and not kept and _as_written(payload, header)


def mark(file: IO[bytes]) -> None:
    """Keep the digest of a table, open for reading and writing, beside its content, where the system can do that."""
    if hasattr(os, "setxattr"):
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file that can be read
        with contextlib.suppress(OSError):
            os.setxattr(file.fileno(), ATTRIBUTE, digest.encode("ascii"))


def _attribute(file: int) -> tuple[str, bool]:
    """Return the digest beside a file, empty for none, and whether the file system keeps such attributes."""
    if not hasattr(os, "getxattr"):
        return "", False
    try:
        return os.getxattr(file, ATTRIBUTE).decode("latin-1"), True
    except OSError as error:
        return "", error.errno == errno.ENODATA


def _as_written(payload: bytes, header: str) -> bool:
    """Tell whether a text is a table that begins so, every number in the form that noisyviz writes."""
    if header == JSON_BEGINNING:
        return payload.startswith(header.encode()) and payload.endswith(b"}\n") and payload.count(b"\n") == 1
    stream = io.BytesIO(payload)
    if stream.readline() != header.encode(errors="backslashreplace") + b"\n" or not payload.endswith(b"\n"):
        return False
    width = header.count(",")
    while line := stream.readline():
        cells = line.removesuffix(b"\n").split(b",", width + 1)
        if len(cells) != width + 1 or not all(map(_is_written, cells)):
            return False
    return True


def _is_written(cell: bytes) -> bool:
    """Tell whether a cell is a name, or a number as Python writes it."""
    try:
        number = float(cell)
    except ValueError:
        return cell == cell.strip()
    return cell == repr(number).encode() or cell.removeprefix(b"-").isdigit()
