"""Tables as CSV, NPZ and JSON: every digit, and the same bytes on every run."""

import csv
import json
import zipfile
from collections.abc import Mapping
from io import BytesIO, StringIO
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz import __version__
from noisyviz.export import provenance
from noisyviz.export.formats import TABLE_FORMATS, format_of
from noisyviz.pictures.picture import Columns

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive can hold


def table_bytes(columns: Columns, config: Mapping[str, Any], *, fmt: str) -> bytes:
    r"""Return a table as CSV, NPZ or JSON.

    Parameters
    ----------
    columns
        Name to array of shape (rows,), all of one length.
    config
        What made the numbers, JSON values; kept by NPZ (member ``config``, a JSON text) and JSON.
    fmt
        ``csv``, ``npz`` or ``json``.

    Returns
    -------
    bytes
        In JSON what is not finite is null, and counted in ``masked``; in CSV it is nan or inf.

    Examples
    --------
    >>> table_bytes({"x": np.array([0.0, 0.1])}, {}, fmt="csv")
    b'x\n0.0\n0.1\n'
    """
    fmt = format_of("", given=fmt, allowed=TABLE_FORMATS)
    config = {"noisyviz": __version__, **config}
    match fmt:
        case "csv":
            return _csv(columns)
        case "npz":
            return _npz({"config": np.array(json.dumps(config, allow_nan=False)), **columns})
        case _:
            lists = {name: _nulled(np.asarray(values)) for name, values in columns.items()}
            masked = sum(values.count(None) for values in lists.values())
            return json_bytes({"config": config, **lists, "masked": masked})


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as one line of JSON; with ``config`` first it is recognised as ours.

    Raises
    ------
    ValueError
        When a number in it is not finite.
    """
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def _csv(columns: Columns) -> bytes:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    text.write(provenance.header_line(columns) + "\n")
    writer.writerows(zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True))
    return text.getvalue().encode()


def _npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return an NPZ archive; np.savez would stamp it with the time."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return stream.getvalue()


def _nulled(values: npt.NDArray[Any]) -> list[Any]:
    if values.dtype.kind != "f":
        return list(values.tolist())
    return [value if np.isfinite(value) else None for value in values.tolist()]
