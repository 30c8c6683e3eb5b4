"""The manifest of a folder of pictures: every file with its digest, and every picture with what made it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from noisyviz import __version__
from noisyviz.export import provenance
from noisyviz.export.formats import FILM_FORMATS, PICTURE_FORMATS
from noisyviz.export.integrity import UNSEALED, intact, sealed

NAME: Final = "manifest.json"
_LARGEST: Final = 1 << 24  # bytes of a manifest, and so of any that is read
_LARGEST_PICTURE: Final = 1 << 28
_MADE: Final = ("recipe", "settings", "seed")
_TOLD: Final = ("recipe", "settings", "style", "width", "seed", "noisyviz", "versions")


def manifest_bytes(folder: Path, tables: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Return the manifest of a folder, to be written into it.

    Parameters
    ----------
    folder
        Where the pictures are.
    tables
        The data files in it that were just written, by name, and what made each, JSON values; those of an earlier
        manifest are kept where they are still the same.

    Returns
    -------
    bytes
        JSON: ``config`` and ``versions`` of this installation; ``figures``, a list of ``file``, ``sha256`` and the
        record inside, of every whole picture of noisyviz in the folder; ``data``, a list of ``file``, ``sha256``,
        ``recipe``, ``settings`` and ``seed``. No date, no user, no folder.
    """
    pictures = [found for path in _pictures(folder) if (found := _entry(path)) is not None]
    data = {name: {"file": name, "sha256": _sha256(folder / name), **made} for name, made in tables.items()}
    for name, entry in _earlier_tables(folder / NAME).items():
        path = folder / name
        if name not in data and path.is_file() and not path.is_symlink() and _sha256(path) == entry["sha256"]:
            data[name] = entry
    document = {
        "config": {"noisyviz": __version__, "sha256": UNSEALED, "command": "figures"},
        "versions": provenance.versions(),
        "figures": pictures,
        "data": [data[name] for name in sorted(data)],
    }
    return sealed((json.dumps(document, allow_nan=False, indent=1) + "\n").encode())


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
    entry = {"file": path.name, "sha256": hashlib.sha256(payload).hexdigest(), **told}
    return entry if _is_json(entry) else None


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _earlier_tables(path: Path) -> dict[str, dict[str, Any]]:
    """Return what an earlier manifest says of data files, by their names."""
    try:
        if path.stat().st_size > _LARGEST:
            return {}
        entries = json.loads(path.read_bytes())["data"]
        plain = [one for one in entries if _is_plain(one) and _is_json(one)]
        return {one["file"]: {key: one[key] for key in ("file", "sha256", *_MADE) if key in one} for one in plain}
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return {}


def _is_plain(entry: Mapping[str, Any]) -> bool:
    name = entry["file"]
    return (
        isinstance(entry["sha256"], str) and isinstance(name, str) and name.endswith(".csv") and Path(name).name == name
    )
