"""The front of all exports: render a picture or a table and write it, with the data beside it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noisyviz.export import provenance
from noisyviz.export.formats import PICTURE_FORMATS, TABLE_FORMATS, format_of
from noisyviz.export.render import picture_bytes, rc_settings
from noisyviz.export.saving import PathLike, check_target, write_bytes, write_file
from noisyviz.export.tables import beginning, fill_table, json_bytes, table_bytes
from noisyviz.pictures.picture import Columns, Picture, Result

__all__ = [
    "PICTURE_FORMATS",
    "TABLE_FORMATS",
    "check_target",
    "data_paths",
    "format_of",
    "json_bytes",
    "picture_bytes",
    "rc_settings",
    "table_bytes",
    "write_bytes",
    "write_data",
    "write_picture",
    "write_table",
]


def write_picture(
    picture: Picture[Result],
    result: Result,
    path: PathLike,
    *,
    fmt: str | None = None,
    style: str = "paper",
    width: str = "icml-page",
    force: bool = False,
) -> Path:
    """Render a picture and write it, see `picture_bytes` and `write_bytes`."""
    fmt = format_of(path, given=fmt)
    check_target(path, force=force)
    return write_bytes(path, picture_bytes(picture, result, fmt=fmt, style=style, width=width), force=force)


def data_paths(picture: Picture[Result], result: Result, path: PathLike) -> dict[Path, Columns]:
    """Return the CSV files that go beside a picture, ``a.csv`` beside ``a.png``, and their columns."""
    stem = Path(path).with_suffix("")
    return {stem.with_name(f"{stem.name}{suffix}.csv"): columns for suffix, columns in picture.tables(result).items()}


def write_data(picture: Picture[Result], result: Result, path: PathLike, *, force: bool = False) -> list[Path]:
    """Write the data behind a picture as CSV beside it, and return the paths."""
    files = data_paths(picture, result, path)
    for path, columns in files.items():
        check_target(path, force=force, header=provenance.header_line(columns))
    return [write_table(path, columns, {}, force=force) for path, columns in files.items()]


def write_table(
    path: PathLike,
    columns: Columns,
    config: Mapping[str, Any],
    *,
    fmt: str | None = None,
    force: bool = False,
) -> Path:
    """Write a table, see `fill_table` and `write_file`."""
    fmt = format_of(path, given=fmt, allowed=TABLE_FORMATS)
    return write_file(
        path,
        lambda file: fill_table(file, columns, config, fmt=fmt),
        force=force,
        header=beginning(columns, fmt=fmt),
        seal=fmt == "npz",
    )
