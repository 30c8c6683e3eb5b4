"""The cells of a line of text, and the numbers in them."""

import csv
import re
from collections.abc import Sequence
from typing import Final

from noisyviz.errors import InputError

MISSING: Final = frozenset(
    {"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "nat", "null", "none", "nil", "missing", "-", "?", "."}
    | {"#null!", "#num!", "#value!", "#div/0!", "1.#qnan", "-1.#ind", "1.#inf", "-1.#inf"}
)
"""What stands for a number that is not there, in small letters."""
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


def split_cells(line: str, delimiter: str | None) -> list[str]:
    """Return the cells of a line without the spaces and quotes around them; no delimiter means spaces.

    Examples
    --------
    >>> split_cells('"a, b";1.5; NA', ";")
    ['a, b', '1.5', 'NA']
    """
    if delimiter is None:
        line, delimiter = " ".join(line.split()), " "
    if '"' in line:
        cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    else:
        cells = line.split(delimiter)
    return [cell.strip().strip("'") for cell in cells]


def cell_number(cell: str) -> float | None:
    """Return the number in a cell, NaN where it is missing, None where there is something else.

    Examples
    --------
    >>> cell_number("-1,5"), cell_number("N/A"), cell_number("1d-2"), cell_number("unit 3")
    (-1.5, nan, 0.01, None)
    """
    if cell.lower() in MISSING:
        return float("nan")
    text = cell.replace("−", "-")
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    text = re.sub(r"(?<=[\d.])[dD](?=[+-]?\d)", "e", text)  # as Fortran writes them
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def is_word(cell: str) -> bool:
    """Whether a cell holds neither a number nor a sign that one is missing."""
    return cell_number(cell) is None


def counts_up(cells: Sequence[str]) -> bool:
    """Whether cells count 0, 1, 2, … or 1, 2, 3, ….

    Examples
    --------
    >>> counts_up(["1", "2", "3"]), counts_up(["0", "2"])
    (True, False)
    """
    return list(cells) in [[str(k + first) for k in range(len(cells))] for first in (0, 1)]


def line_numbers(line: str, delimiter: str | None, kept: Sequence[int], *, width: int, number: int) -> list[float]:
    """Return the numbers in the kept columns of a line.

    Raises
    ------
    InputError
        For a line of another number of cells, and for a kept cell that holds something else.
    """
    cells = split_cells(line, delimiter)
    if len(cells) != width:
        raise InputError(f"is not a table of numbers: columns changed from {width} to {len(cells)} in line {number}")
    found = []
    for column in kept:
        value = cell_number(cells[column])
        place = f"'{cells[column][:40]}' in line {number}, column {column + 1}"
        if value is None:
            raise InputError(f"is not a table of numbers: {place}")
        if (delimiter == "," and _THOUSANDS.fullmatch(cells[column])) or (delimiter is None and "," in cells[column]):
            raise InputError(f"is not clear: the comma in {place} may separate decimals, thousands or cells")
        found.append(value)
    return found
