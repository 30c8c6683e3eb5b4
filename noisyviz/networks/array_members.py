"""The arrays in one file, whatever kind it is of: their names, and how each is read."""

import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from noisyviz.errors import InputError, printable, suggestion
from noisyviz.networks.array_files import Opened, Source, archive_of, open_array
from noisyviz.networks.library_files import (
    LIBRARY_SUFFIXES,
    hdf5_array,
    hdf5_names,
    parquet_table,
    tensor_array,
    torch_arrays,
)
from noisyviz.networks.narrow_floats import NARROW
from noisyviz.networks.safetensors_files import tensor, tensor_header
from noisyviz.networks.text_tables import TEXT_SUFFIXES, read_table

SUFFIXES: Final = (".npy", ".npz", ".safetensors", *TEXT_SUFFIXES, *LIBRARY_SUFFIXES)
READ: Final = (
    ".npy, .npz, .safetensors, .csv, .tsv, .txt and .dat (also .gz), and with the extras 'files' and 'torch' "
    ".parquet, .h5 and .pt"
)
"""What is read, for messages."""
# what to say of files of other suffixes
_HOW: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys((".xls", ".xlsx", ".ods"), "save the sheet as .csv"),
        **dict.fromkeys(
            (".pkl", ".pickle", ".joblib"),
            "reading a pickle could run code; load it where you trust it, then numpy.savez('new.npz', name=array)",
        ),
        ".mat": "scipy.io.loadmat reads it in Python, then numpy.savez('new.npz', name=array)",
    }
)
# the first bytes of files that have no suffix, and the suffix that they should have
_BEGINNINGS: Final = {b"PK": ".npz", b"\x93NUMPY": ".npy", b"\x89HDF": ".h5", b"PAR1": ".parquet"}


@dataclass(frozen=True, slots=True)
class Members:
    """The arrays of a file by name, and how to read one; its errors are the end of a sentence."""

    names: Sequence[str]
    read: Callable[[str, str], Opened]


def suffix_of(path: Path) -> str:
    """Return the suffix of a file by its name, of a packed text that of text."""
    suffix = path.suffix.lower()
    return ".csv" if suffix == ".gz" or suffix in TEXT_SUFFIXES else suffix


def suffix_by_content(path: Path) -> str:
    """Return the suffix that a file should have by its first bytes, empty where they do not tell."""
    with path.open("rb") as file:
        start = file.read(9)
    suffix = next((found for begin, found in _BEGINNINGS.items() if start.startswith(begin)), "")
    if suffix == ".npz" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            suffix = ".pt" if any(name.endswith("/data.pkl") for name in archive.namelist()) else suffix
    return suffix or (".safetensors" if start[8:] == b"{" else "")


def members_of(path: Path, folder: Path, shown: str, notes: list[str]) -> Members:
    """Return the arrays of a file by what its suffix, or else its beginning, says that it is."""
    suffix = suffix_of(path)
    if suffix not in SUFFIXES:
        suffix = suffix_by_content(path)
    if suffix in (".npy", ".npz"):
        archive = archive_of(path)

        def read(name: str, kind: str) -> Opened:
            return open_array(Source(path=path, array=name), shown=shown, kind=kind, archive=archive)

        return Members([""] if archive is None else list(archive.members), read)
    if suffix == ".csv":
        return Members([""], lambda _, kind: _table(path, folder, shown, notes, kind))
    if suffix == ".safetensors":
        start, header = tensor_header(path)
        return Members(sorted(header, key=natural), lambda name, kind: tensor(path, start, name, header[name], kind))
    if suffix == ".parquet":
        return Members([""], lambda _, kind: _parquet(path, folder, shown, notes, kind))
    if suffix in (".h5", ".hdf5"):
        return Members(sorted(hdf5_names(path), key=natural), lambda name, _: hdf5_array(path, name, folder))
    if suffix in (".pt", ".pth"):
        held = torch_arrays(path)
        return Members(list(held), lambda name, _: tensor_array(held[name]))
    how = _HOW.get(path.suffix.lower(), "numpy.savez('new.npz', name=array) converts what Python has read")
    raise InputError(f"is no file that noisyviz reads, which are {READ}; {how}")


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return by what names are put in order: layer2 before layer10.

    Examples
    --------
    >>> sorted(["b10", "b9", "a"], key=natural)
    ['a', 'b9', 'b10']
    """
    parts = re.findall(r"([0-9]+)|([^0-9]+)", name)
    return [(int(digits[:300]), "") if digits else (-1, word.lower()) for digits, word in parts], name


def chosen(array: str, names: Sequence[str], path: Path) -> tuple[Sequence[str], str]:
    """Return the names that were asked for, spelled as in the file or as printed, and a narrow type behind them."""
    if not names:
        raise InputError("holds no array")
    if not array:
        return names, ""
    known = {printable(name): name for name in names} | {name: name for name in names}
    if array in known and array:
        return [known[array]], ""
    name, _, kind = array.rpartition(":")
    if kind in NARROW and (not name or name in known):
        return [known[name]] if name else names, kind
    if list(names) == [""]:
        raise InputError(f"is a {path.suffix or 'single'} file, which holds one array and none named '{array}'")
    listed = ", ".join(names[:20]) + (", and more" if len(names) > 20 else "")
    raise InputError(f"has no array '{array}'{suggestion(array, names)}; it holds {listed}")


def _table(path: Path, folder: Path, shown: str, notes: list[str], kind: str) -> Opened:
    _no_kind(kind)
    table = read_table(path, folder)
    notes += [f"'{shown}' {note}" for note in table.notes]
    return Opened(array=table.values, columns=table.columns)


def _parquet(path: Path, folder: Path, shown: str, notes: list[str], kind: str) -> Opened:
    _no_kind(kind)
    opened, told = parquet_table(path, folder)
    notes += [f"'{shown}' {note}" for note in told]
    return opened


def _no_kind(kind: str) -> None:
    if kind:
        raise InputError(f"holds numbers written out, which cannot be {kind}")
