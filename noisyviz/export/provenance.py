"""What a file of noisyviz says about its making, and how that is read back in bounded time and memory."""

import html
import json
import os
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Final

import numpy as np

from noisyviz import __version__
from noisyviz.export.integrity import PNG_KEY, UNSEALED
from noisyviz.export.integrity import PNG_SIGNATURE as PNG_SIGNATURE

COMMENT: Final = b"% noisyviz "  # how a PGF file begins
HTML_HEAD: Final = 1 << 14  # characters within which the record of a page stands
RECORD_LIMIT: Final = 1 << 20  # bytes looked at for a record, at either end of a file
EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
_KEYWORDS: Final = b"/Keywords ("


def record(
    *,
    recipe: str,
    settings: Mapping[str, Any],
    style: str,
    width: str,
    seed: int | None,
    finish: Mapping[str, Any] = EMPTY,
) -> dict[str, Any]:
    """Return what a picture carries: all that makes it again, and no date, user or folder.

    Its first two entries have to stay the first, see `noisyviz.export.integrity`.

    Examples
    --------
    >>> made = record(recipe="plot", settings={"fn": ["tanh"]}, style="paper", width="icml", seed=0)
    >>> list(made)
    ['noisyviz', 'sha256', 'recipe', 'settings', 'style', 'width', 'seed', 'versions']
    """
    return {
        "noisyviz": __version__,
        "sha256": UNSEALED,
        "recipe": recipe,
        "settings": dict(settings),
        "style": style,
        "width": width,
        **({"finish": dict(finish)} if finish else {}),
        "seed": seed,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide a picture's bytes."""
    import matplotlib
    import PIL
    import scipy

    return {
        "matplotlib": matplotlib.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "scipy": scipy.__version__,
    }


def title(made: Mapping[str, Any]) -> str:
    """Return the title of a picture: what it is and of which units.

    Examples
    --------
    >>> title({"recipe": "plot", "settings": {"fn": ["tanh"], "unit": "nan", "alpha": 0.9}})
    'plot of tanh, nan'
    """
    found = [made["settings"].get(key) for key in ("fn", "unit", "experiment")]
    names = [name for value in found for name in (value if isinstance(value, list | tuple) else [value])]
    told = ", ".join(name for name in names if isinstance(name, str))
    recipe = str(made["recipe"]).replace("-", " ")
    return f"{recipe} of {told}" if told else recipe


def embedded(made: Mapping[str, Any], *, fmt: str, told: str = "") -> dict[str, Any]:
    """Return a record as the metadata argument of matplotlib's writer for png, svg or pdf.

    Parameters
    ----------
    made
        The record.
    fmt
        ``png``, ``svg`` or ``pdf``.
    told
        What the picture shows, as its caption says.
    """
    text = as_text(made)
    name, software = title(made), f"noisyviz {made['noisyviz']}"
    match fmt:
        case "png":
            return {"Title": name, "Description": told, "Software": software, PNG_KEY: text}
        case "svg":
            return {"Title": name, "Creator": [software], "Description": text, "Date": None}
        case _:
            return {"Title": name, "Subject": told, "Creator": software, "Keywords": text, "CreationDate": None}


def comment(made: Mapping[str, Any]) -> bytes:
    """Return a record as the first line of a PGF file."""
    return COMMENT + as_text(made).encode("ascii") + b"\n"


def as_text(made: Mapping[str, Any]) -> str:
    """Return a record as one line of ASCII."""
    return json.dumps(made, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def read_record(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Return the record inside a PNG, SVG, PDF, PGF, GIF or WebP file, or None when it holds none.

    The kind of file is told from its first bytes, not from its name. At most a few MiB are read, and nothing
    found there is executed.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with Path(path).open("rb") as file:
        text = _record_text(file)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("noisyviz"), str) else None


def header_line(names: Iterable[str]) -> str:
    """Return the first line of a CSV file with these columns."""
    return ",".join(names)


def _record_text(file: BinaryIO) -> str | None:
    start = file.read(len(COMMENT))
    file.seek(0)
    if start == COMMENT:
        return file.readline(RECORD_LIMIT)[len(COMMENT) :].decode("latin-1")
    if start.startswith(PNG_SIGNATURE):
        return _png_text(file)
    if start.startswith(b"%PDF-"):
        return _pdf_text(file)
    if start.startswith(b"GIF8"):
        return _gif_text(file.read(RECORD_LIMIT))
    if start.startswith(b"RIFF"):
        return _webp_text(file)
    head = file.read(RECORD_LIMIT)
    text = head[:HTML_HEAD].decode("utf-8", errors="replace")
    if text.startswith("<!doctype html>"):
        found = re.search(r'<script type="application/json" id="record">(.*?)</script>', text)
        return found[1] if found else None
    return _svg_text(head)


def _svg_text(head: bytes) -> str | None:
    """Read the first description; by searches that pass over every byte once."""
    opening, closing = b"<dc:description>", b"</dc:description>"
    start = head.find(opening)
    end = head.find(closing, start)
    if b"<svg" not in head or start < 0 or end < 0:
        return None
    return html.unescape(head[start + len(opening) : end].decode("utf-8", errors="replace"))


def _png_text(file: BinaryIO) -> str | None:
    """Walk the chunks up to the image data; lengths come from the file, so every read is capped."""
    file.seek(len(PNG_SIGNATURE))
    for _ in range(64):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind in (b"IDAT", b"IEND") or length > 1 << 31:
            return None
        if kind == b"tEXt" and length <= RECORD_LIMIT:
            body = file.read(length)
            whole = file.read(4) == zlib.crc32(kind + body).to_bytes(4, "big")
            key, _, value = body.partition(b"\0")
            if whole and key == PNG_KEY.encode():
                return value.decode("latin-1")
        else:
            file.seek(length + 4, os.SEEK_CUR)
    return None


def _pdf_text(file: BinaryIO) -> str | None:
    """Read the last Keywords of the document information, which matplotlib writes uncompressed near the end."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - RECORD_LIMIT))
    tail = file.read(RECORD_LIMIT)
    start = tail.rfind(_KEYWORDS)
    found = re.compile(rb"(?:[^()\\]|\\.)*", flags=re.DOTALL).match(tail, start + len(_KEYWORDS))
    if start < 0 or found is None or tail[found.end() : found.end() + 1] != b")":
        return None
    return re.sub(rb"\\([()\\])", rb"\1", found[0]).decode("latin-1")


def _gif_text(head: bytes) -> str | None:
    """Read the first comment before the first frame."""
    if len(head) < 13:
        return None
    place = 13 + (3 * 2 ** ((head[10] & 7) + 1) if head[10] & 0x80 else 0)
    while head[place : place + 1] == b"!":
        label, place, parts = head[place + 1 : place + 2], place + 2, []
        while (length := int.from_bytes(head[place : place + 1])) > 0:
            parts.append(head[place + 1 : place + 1 + length])
            place += 1 + length
        if label == b"\xfe":
            return b"".join(parts).decode("latin-1")
        place += 1
    return None


def _webp_text(file: BinaryIO) -> str | None:
    """Walk the chunks to the EXIF data and cut the record out of them."""
    file.seek(12)
    for _ in range(100_000):
        head = file.read(8)
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8:
            return None
        if head[:4] == b"EXIF":
            told = file.read(min(length, RECORD_LIMIT))
            start, end = told.find(b'{"noisyviz"'), told.rfind(b"}")
            return told[start : end + 1].decode("latin-1") if 0 <= start < end else None
        file.seek(length + length % 2, os.SEEK_CUR)
    return None
