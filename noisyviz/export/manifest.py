"""The manifest of a folder of pictures: every file with its digest, and every picture with what made it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from noisyviz import __version__
from noisyviz.export import provenance
from noisyviz.export.seal import intact
from noisyviz.formats import FILM_FORMATS, PICTURE_FORMATS

NAME: Final = "manifest.json"
_LARGEST: Final = 1 << 24  # bytes of a manifest, and so of any that is read
_LARGEST_PICTURE: Final = 1 << 28
_TOLD: Final = ("recipe", "settings", "style", "width", "seed", "noisyviz", "versions")


def manifest_bytes(folder: Path, tables: Iterable[str]) -> bytes:
    """Return the manifest of a folder, to be written into it.

    Parameters
    ----------
    folder
        Where the pictures are.
    tables
        Names of the data files in it that were just written; those of an earlier manifest are kept where they are
        still the same.

    Returns
    -------
    bytes
        JSON: ``config`` and ``versions`` of this installation; ``figures``, a list of ``file``, ``sha256`` and the
        record inside, of every whole picture of noisyviz in the folder; ``data``, a list of ``file`` and ``sha256``.
        No date, no user, no folder.
    """
    pictures = [found for path in _pictures(folder) if (found := _entry(path)) is not None]
    data = {name: _sha256(folder / name) for name in tables}
    for name, old in _earlier_tables(folder / NAME).items():
        path = folder / name
        if name not in data and path.is_file() and not path.is_symlink() and _sha256(path) == old:
            data[name] = old
    document = {
        "config": {"noisyviz": __version__, "command": "figures"},
        "versions": provenance.versions(),
        "figures": pictures,
        "data": [{"file": name, "sha256": data[name]} for name in sorted(data)],
    }
    return (json.dumps(document, allow_nan=False, indent=1) + "\n").encode()


def _pictures(folder: Path) -> list[Path]:
    suffixes = {f".{name}" for name in (*PICTURE_FORMATS, *FILM_FORMATS)}
    found = [path for path in folder.iterdir() if path.suffix.lower() in suffixes]
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def _entry(path: Path) -> dict[str, Any] | None:
    """Return what the manifest says of a picture; None for one that is not ours or not whole."""
    if path.stat().st_size > _LARGEST_PICTURE:
        return None
    payload = path.read_bytes()
    record = provenance.read_record(path)
    if record is None or not intact(payload):
        return None
    told = {key: record.get(key) for key in _TOLD}
    try:
        json.dumps(told, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return {"file": path.name, "sha256": hashlib.sha256(payload).hexdigest(), **told}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _earlier_tables(path: Path) -> dict[str, str]:
    """Return the data files that an earlier manifest names, with their digests."""
    try:
        if path.stat().st_size > _LARGEST:
            return {}
        entries = json.loads(path.read_bytes())["data"]
        return {str(one["file"]): str(one["sha256"]) for one in entries if _is_plain(one)}
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return {}


def _is_plain(entry: Mapping[str, Any]) -> bool:
    name = entry["file"]
    return isinstance(name, str) and name.endswith(".csv") and Path(name).name == name
