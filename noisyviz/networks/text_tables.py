"""Tables of numbers in text files, as data frames, spreadsheets and R write them, also packed by gzip.

The lines are read in blocks into a temporary file, so that a table of any length takes little memory. Columns of row
names and of text are left out, and that is told; empty and missing cells become NaN.
"""

import codecs
import contextlib
import csv
import gzip
import io
import re
import tempfile
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError
from noisyviz.networks.array_files import check_inflation
from noisyviz.networks.text_cells import counts_up, is_word, line_numbers, split_cells

TEXT_SUFFIXES: Final = (".csv", ".tsv", ".txt", ".dat")
_SAMPLE: Final = 50  # lines from which the layout is told
_BLOCK: Final = 1 << 13  # lines read at once, at most
_CHARACTERS: Final = 1 << 22  # in them, about
_PART: Final = 1 << 20  # bytes unpacked at once
_LINE: Final = 1 << 22  # characters of a row
_COLUMNS: Final = 1 << 18
_BEGINNING: Final = 1 << 12  # bytes that tell whether a file is text
_QUOTED: Final = 1000  # lines that a quoted cell may span
_PASSED: Final = 100_000  # lines without cells
_COMMENTS: Final = ("#", "%")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x19\x1b-\x1f]")
_ERROR_VALUE: Final = re.compile(r"#(n/a|null!|num!|value!|div/0!|ref!)", re.IGNORECASE)  # of a spreadsheet
_NUMERAL: Final = re.compile(r"[+-]?\.?\d")  # how a number begins
_MARKS: Final = ("\t", ";", ",", "|")

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """The numbers of a text file.

    Parameters
    ----------
    values
        float64, shape (rows, columns).
    columns
        Names of the columns, empty where there are none.
    notes
        What was left out, and what was only likely; each is the end of a sentence about the file.
    """

    values: Rows
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def read_table(path: Path, folder: Path) -> Table:
    """Read a table; its numbers go to a temporary file in the folder, which is mapped.

    Raises
    ------
    InputError
        For text that is no table of numbers; the message is the end of a sentence about the file.
    """
    try:
        with _text(path) as file:
            return _read(_Lines(file), folder)
    except UnicodeError:
        raise InputError("is not a text file, as a table must be") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError("is a damaged or truncated .gz file") from None
    except csv.Error as error:
        raise InputError(f"is not a table of numbers: {error}") from None


def is_text(path: Path) -> bool:
    """Whether a file begins as a table of text may, packed or not: without bytes that no text holds."""
    with path.open("rb") as file:
        start = file.read(_BEGINNING)
    if start.startswith((b"\x1f\x8b", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    return not _CONTROL.search(start.decode("latin-1"))


@contextlib.contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    """Open a text file in the encoding that its first bytes tell; other bytes than UTF-8 are kept as they are."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        start = file.read(4)
        file.seek(0)
        if start == b"\x93NUM":
            raise InputError("is an .npy file packed by gzip; unpack it first, or use numpy.savez_compressed")
        if packed:  # first of all, for unpacking alone takes little time beside reading numbers
            seen, size = 0, path.stat().st_size
            while part := file.read(_PART):
                seen += len(part)
                check_inflation(seen, size, more="more than ")
            file.seek(0)
        wide = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        encoding, errors = ("utf-16", "strict") if wide else ("utf-8-sig", "surrogateescape")
        with io.TextIOWrapper(file, encoding=encoding, errors=errors) as text:
            yield text


@dataclass(slots=True)
class _Lines:
    """The lines that hold cells, with their numbers in the file; comments and empty lines are passed over."""

    file: IO[str]
    number: int = 0
    passed: int = 0  # lines without cells
    comment: str = ""

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while line := self._next():
            first = self.number
            for _ in range(_QUOTED):
                if line.count('"') % 2 == 0 or not (more := self._next()):
                    break
                line += more
                _check_length(line)
            line = line.strip(" \r\n")
            if _CONTROL.search(line):
                raise InputError("is not a text file, as a table must be")
            if line.startswith(_COMMENTS) and not _ERROR_VALUE.match(line):
                self.comment = line.lstrip("".join(_COMMENTS)).strip()
            elif line.strip() and not (first == 1 and line.lower().startswith("sep=")):  # which is for spreadsheets
                yield first, line
                continue
            self.passed += 1
            if self.passed > _PASSED + self.number // 2:
                raise InputError("is not a table of numbers: most of its lines are comments or empty")

    def _next(self) -> str:
        line = self.file.readline(_LINE)
        _check_length(line)
        self.number += bool(line)
        return line


def _check_length(line: str) -> None:
    if len(line) >= _LINE:
        raise InputError(f"is not a table of numbers: a row is longer than {_LINE:,} characters")


def _block(lines: Iterator[tuple[int, str]], most: int = _BLOCK) -> list[tuple[int, str]]:
    """Return some of the lines that remain, two at least, for a header needs a row beside it."""
    found: list[tuple[int, str]] = []
    size = 0
    while len(found) < most and (size < _CHARACTERS or len(found) < 2) and (more := next(lines, None)):
        found.append(more)
        size += len(more[1])
    return found


@dataclass(slots=True)
class _Layout:
    """What the first lines tell: delimiter, whether the first line is no row, names, which columns hold numbers."""

    delimiter: str | None
    header: bool
    names: list[str]
    width: int
    kept: list[int]
    notes: list[str] = field(default_factory=list)
    counting: bool = False  # the first line numbers the columns, or is a row
    years: bool = False  # the first line rises by ones from elsewhere, as names such as 2020, 2021, 2022 do


def _read(lines: _Lines, folder: Path) -> Table:
    stream = iter(lines)
    part = _block(stream, _SAMPLE)
    if not part:
        raise InputError("holds no numbers")
    layout = _layout([line for _, line in part], lines.comment)
    part = part[int(layout.header) :]
    rows, counted, whole = 0, len(layout.kept) > 1 and 0 in layout.kept, True
    first: float | None = None  # of the first column, whose next values tell whether it counts the rows
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        while part or rows == 0:
            block = _numbers(part, layout)
            if not part:
                raise InputError("holds no numbers")
            file.write(block.tobytes())
            body = block[1:] if rows == 0 and layout.counting else block
            whole = whole and bool((body == np.floor(body)).all())
            begin = rows + block.shape[0] - body.shape[0]
            if counted and body.size:
                first = float(body[0, 0]) if first is None else first
                ahead = begin - int(layout.counting)
                counted = first in (0.0, 1.0) and bool((body[:, 0] == first + ahead + np.arange(len(body))).all())
            rows += block.shape[0]
            part = _block(stream)
    values: Rows = np.memmap(file.name, dtype=np.float64, mode="r", shape=(rows, len(layout.kept)))
    return _told(values, layout, counted=counted, whole=whole)


def _numbers(part: Sequence[tuple[int, str]], layout: _Layout) -> Rows:
    """Return the numbers of some lines, by NumPy's fast reader where it understands them."""
    if len(layout.kept) == layout.width and part:
        with contextlib.suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("error")
            found: Rows = np.loadtxt(
                [line for _, line in part], delimiter=layout.delimiter, comments=None, quotechar='"', ndmin=2
            )
            if found.shape == (len(part), layout.width):
                return found
    read = [
        line_numbers(line, layout.delimiter, layout.kept, width=layout.width, number=number) for number, line in part
    ]
    return np.array(read, dtype=np.float64).reshape(len(part), len(layout.kept))


def _told(values: Rows, layout: _Layout, *, counted: bool, whole: bool) -> Table:
    """Take what only the whole table tells for names or an index."""
    names, notes = [layout.names[k] if layout.names else "" for k in layout.kept], layout.notes
    shown = ",".join(f"{value:g}" for value in values[0, :3]) + (",…" if values.shape[1] > 3 else "")
    if layout.years and not whole:
        notes.append(f"has a first line {shown} that was taken for numbers, though it may name the columns")
    if layout.counting:
        if whole or values.shape[0] == 1:
            notes.append(f"has a first line {shown} that was taken for numbers, though it may number the columns")
        else:
            names = [f"{value:g}" for value in values[0]]
            values = values[1:]
            notes.append(f"has a first line {shown} that was taken for column numbers and left out")
    if counted and values.shape[0] >= 3:
        told = f"'{names[0]}'" if names[0] else "its first column"
        notes.append(f"has an index column, {told}, which counts the rows and was left out")
        values, names = values[:, 1:], names[1:]
    return Table(values=values, columns=tuple(names) if any(names) else (), notes=tuple(notes))


def _layout(sample: Sequence[str], comment: str) -> _Layout:
    """Tell the layout from the first lines."""
    delimiter = _delimiter(sample)
    columns = 1 + max(line.count(delimiter) if delimiter else len(line.split()) for line in sample)
    if columns > _COLUMNS:
        raise InputError(f"has {columns:,} columns, more than {_COLUMNS:,}; an .npy file may have more")
    rows = [split_cells(line, delimiter) for line in sample]
    head, body = rows[0], rows[1:]
    width = len(body[0]) if body and any(map(is_word, head)) else len(head)
    if delimiter is None and width == 1 and len(head) > 1:
        head = [" ".join(head)]  # the name of an only column
    full = [row for row in body if len(row) == width]
    trailing = width > 1 and bool(full) and all(row[-1] == "" for row in full) and (head[width - 1 :] in ([], [""]))
    text = {k for k in range(width) if _is_text([row[k] for row in full], head[k] if k < len(head) else "")}
    unnamed = len(head) == width - 1 and not trailing  # R leaves out the name of the column of row names
    notes: list[str] = []
    header = unnamed or _is_header(head, text, alone=not body)
    names = [*([""] if unnamed else []), *head] if header else []
    if names:
        names += [""] * (width - len(names)) if trailing else []
        if len(names) != width:
            raise InputError(f"is not a table of numbers: columns changed from {len(head)} to {width}")
        names = [_readable(name) for name in names]
        if any(is_word(cell) and _NUMERAL.match(cell) for cell in head):
            shown = ",".join(head[:3]) + (",…" if len(head) > 3 else "")
            notes = [f"has a first line {shown} that was taken for names"]
    elif comment:
        told = next((cells for mark in (delimiter, None, ",") if len(cells := split_cells(comment, mark)) == width), [])
        names = [_readable(name) for name in told] if all(map(is_word, told)) else []
    layout = _Layout(delimiter, header, names, width, [], notes)
    _leave_out(layout, text, {width - 1} if trailing else set())
    layout.counting = (
        not header and not names and not text and bool(body) and counts_up(head) and (width > 1 or head == ["0"])
    )
    layout.years = not (header or names or text or layout.counting) and len(body) > 1 and _rises_by_ones(head)
    return layout


def _rises_by_ones(cells: Sequence[str]) -> bool:
    """Whether cells are whole numbers of at most nine digits in order, such as years."""
    if len(cells) < 2 or not all(re.fullmatch("[0-9]{1,9}", cell) for cell in cells):
        return False
    return all(int(b) - int(a) == 1 for a, b in pairwise(cells))


def _leave_out(layout: _Layout, text: set[int], empty: set[int]) -> None:
    """Decide which columns are kept, and say which are not."""
    names, index = layout.names if layout.header else [], set()
    for k in range(layout.width):
        if not (k == 0 and 0 in text) and not (names and (names[k] == "" or names[k].startswith("Unnamed: "))):
            break
        index.add(k)
    index -= empty
    if len(index) == layout.width:
        index = set()
    if index:
        told = [f"'{names[k]}'" for k in sorted(index) if names and names[k]]
        shown = ", ".join(told) if told else "without a name" if names else "its first column"
        layout.notes.append(f"has an index column, {shown}, which was left out")
    words = sorted(text - index)
    if words:
        shown = ", ".join(f"'{names[k]}'" if names else f"column {k + 1}" for k in words[:10])
        layout.notes.append(f"has {len(words)} of {layout.width} columns without numbers, which were left out: {shown}")
    left = index | text | empty
    layout.kept = [k for k in range(layout.width) if k not in left]
    if not layout.kept:
        raise InputError("holds no numbers")


def _is_header(head: Sequence[str], text: set[int], *, alone: bool) -> bool:
    """Whether the first line names columns: by words above numbers, or by numbers in order behind an empty cell."""
    words = {k for k, cell in enumerate(head) if is_word(cell)}
    if words - text or (words and (alone or len(words) == len(head))):
        return True
    rest = [cell for cell in head if cell]
    return len(head) > 1 and head[0] == "" and counts_up(rest) and len(rest) >= len(head) - 2


def _is_text(column: Sequence[str], head: str) -> bool:
    """Whether all cells of a column, and that in the first line, hold words or nothing."""
    return any(map(is_word, column)) and all(is_word(cell) or cell == "" for cell in (*column, head))


def _delimiter(sample: Sequence[str]) -> str | None:
    """Return the mark that stands in most lines outside quotes; None for spaces."""
    bare = ["".join(line.split('"')[::2]) for line in sample]
    return next((mark for mark in _MARKS if 2 * sum(mark in line for line in bare) >= len(bare)), None)


def _readable(name: str) -> str:
    """Return a name whose bytes were no UTF-8 by Windows' Latin letters."""
    return name.encode("utf-8", "surrogateescape").decode("cp1252", "replace") if not name.isprintable() else name
