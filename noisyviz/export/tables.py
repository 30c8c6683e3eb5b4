"""Tables as CSV, NPZ and JSON: every digit, and the same bytes on every run."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz import __version__
from noisyviz.export import provenance
from noisyviz.export.formats import TABLE_FORMATS, format_of
from noisyviz.export.integrity import UNSEALED, sealed
from noisyviz.export.marks import JSON_BEGINNING
from noisyviz.pictures.picture import Columns
from noisyviz.results import json_parts, rows_of

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive can hold


def table_bytes(columns: Columns, config: Mapping[str, Any], *, fmt: str) -> bytes:
    r"""Return a table as CSV, NPZ or JSON, see `fill_table`.

    Examples
    --------
    >>> table_bytes({"x": np.array([0.0, 0.1])}, {}, fmt="csv")
    b'x\n0.0\n0.1\n'
    """
    stream = BytesIO()
    fill_table(stream, columns, config, fmt=fmt)
    return sealed(stream.getvalue()) if fmt == "npz" else stream.getvalue()


def fill_table(file: IO[bytes], columns: Columns, config: Mapping[str, Any], *, fmt: str) -> None:
    """Write a table as CSV, NPZ or JSON, in blocks of rows; NPZ still without its digest.

    Parameters
    ----------
    file
        Open for writing.
    columns
        Name to array of shape (rows,), all of one length.
    config
        What made the numbers, JSON values; kept by NPZ (member ``config``, a JSON text) and JSON.
    fmt
        ``csv``, ``npz`` or ``json``. In JSON what is not finite is null, and counted in ``masked``; in CSV NaN is an
        empty cell and an infinity inf.
    """
    fmt = format_of("", given=fmt, allowed=TABLE_FORMATS)
    config = {"noisyviz": __version__, **config}
    match fmt:
        case "csv":
            _fill_csv(file, columns)
        case "npz":
            _fill_npz(file, {"config": np.array(json.dumps(config, allow_nan=False)), **columns})
        case _:
            arrays = {name: np.asarray(values) for name, values in columns.items()}
            masked = sum(int(np.sum(~np.isfinite(values))) for values in arrays.values() if values.dtype.kind == "f")
            fill_json(file, {"config": config, **arrays, "masked": masked})


def fill_json(file: IO[bytes], document: Mapping[str, Any]) -> None:
    """Write a document, ``config`` first, as one line of JSON.

    Raises
    ------
    ValueError
        When a number in it is not finite, but for those in arrays.
    """
    for part in json_parts(document):
        file.write(part.encode("ascii"))
    file.write(b"\n")


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as one line of JSON, see `fill_json`."""
    stream = BytesIO()
    fill_json(stream, document)
    return stream.getvalue()


def beginning(columns: Iterable[str], *, fmt: str) -> str | None:
    """Return how a table that carries no seal begins: the first line of CSV, the first key of JSON; None for NPZ."""
    return {"csv": provenance.header_line(columns), "json": JSON_BEGINNING}.get(fmt)


def _fill_csv(file: IO[bytes], columns: Columns) -> None:
    # A name may hold what UTF-8 does not encode: a byte of a file name, half of a surrogate pair.
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    text.write(provenance.header_line(columns) + "\n")
    csv.writer(text, lineterminator="\n").writerows(
        rows_of({name: np.asarray(values) for name, values in columns.items()})
    )
    text.detach()


def _fill_npz(file: IO[bytes], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write an NPZ archive; np.savez would stamp it with the time."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=values.nbytes > 1 << 31) as member:
                np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
        archive.comment = json.dumps({"noisyviz": __version__, "sha256": UNSEALED}).encode("ascii")
