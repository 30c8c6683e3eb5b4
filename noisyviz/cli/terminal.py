"""Results go to standard output, messages to standard error; both stay readable in any encoding."""

import codecs
import contextlib
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Final, TextIO

from noisyviz.errors import InputError, NoisyvizError, printable, shortened
from noisyviz.results import json_parts

_ASCII: Final = {
    **{"α": "alpha", "β": "beta", "δ": "delta", "ε": "eps", "η": "eta", "λ": "lambda", "μ": "mu", "ν": "nu"},
    **{"ξ": "xi", "π": "pi", "σ": "sigma", "τ": "tau", "φ": "phi", "ϕ": "phi", "Γ": "Gamma", "Δ": "Delta"},
    **{"∂": "d", "√": "sqrt", "·": "*", "×": "x", "−": "-", "–": "-", "—": "-", "±": "+/-", "∓": "-/+"},
    **{"≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∞": "inf", "½": "1/2", "¼": "1/4", "′": "'", "’": "'"},
    **{"─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "┤": "|", "├": "|", "┬": "-", "┴": "-", "┼": "+"},
    **{"…": "...", "¹": "^1", "²": "^2", "³": "^3", "⁴": "^4", "⁺": "+", "⁻": "-", "→": "->", "₀": "_0"},
}


_held: list[TextIO] = []  # standard output, while what is printed goes elsewhere


def _stdout() -> TextIO:
    return _held[-1] if _held else sys.stdout


@contextlib.contextmanager
def prints_apart() -> Iterator[None]:
    """Send what functions of a user's own print to standard error, for standard output is a document."""
    _held.append(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _held.pop()


def _spell_out(error: UnicodeError) -> tuple[str, int]:
    """Spell what the stream's encoding lacks: α becomes alpha, an unknown letter a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letters = error.object[error.start : error.end]
    return "".join(_ASCII.get(letter, "?") for letter in letters), error.end


def prepare_streams() -> None:
    """Make sure that no message or table can fail on a stream with a small alphabet."""
    codecs.register_error("noisyviz", _spell_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="noisyviz")


def forget_stdout() -> None:
    """Send what is still to be flushed nowhere, because standard output takes no more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), _stdout().fileno())


def standard_input() -> IO[bytes] | None:
    """Return standard input, None where it is closed."""
    return None if sys.stdin is None else sys.stdin.buffer


def say(message: str) -> None:
    """Write one line to standard error, control characters spelled out; that nobody can read it is no failure."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(shortened(printable(message), 4000) + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def to_stdout() -> Iterator[None]:
    """Say of failures of standard output that they are its own, but for a pipe that nobody reads any more."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise NoisyvizError(f"standard output cannot be written: {(error.strerror or str(error)).lower()}") from error


def write(text: str) -> None:
    """Write text to standard output."""
    with to_stdout():
        _stdout().write(text)


def refuse_terminal() -> None:
    """Raise when raw bytes would go to a terminal, or nowhere."""
    if sys.__stdout__ is None:
        raise InputError("-o - writes raw bytes, but standard output is closed; redirect it to a file or a pipe")
    if on_terminal():
        raise InputError("-o - writes raw bytes, but standard output is a terminal; redirect it to a file or a pipe")


def write_bytes(data: bytes) -> None:
    """Write raw bytes to standard output."""
    with to_stdout():
        _stdout().flush()
        _stdout().buffer.write(data)


def print_json(document: Mapping[str, object]) -> None:
    """Print one JSON document; numbers outside of arrays that are not finite must have been masked before."""
    for part in json_parts(document):
        write(part)
    write("\n")


def on_terminal() -> bool:
    """Whether a person reads standard output."""
    return _stdout().isatty()


def print_tsv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a complete table for other programs, one line per row, cells apart by tabs."""
    write("\t".join(header) + "\n")
    for row in rows:
        write("\t".join(row) + "\n")


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table for a person: aligned; in parts that begin with the same column where the terminal is narrow."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(
        file=_stdout(), color_system=None if _plain() else "standard" if _forced() else "auto", highlight=False
    )
    cells = list(rows)
    words = [[*name.split(), *(row[k] for row in cells)] for k, name in enumerate(header)]
    widths = [max((len(word) for word in column), default=0) for column in words]
    widths[0] = min(widths[0], console.width // 2)
    for number, columns in enumerate(_parts(widths, console.width)):
        head = Text(title, style="bold") if number == 0 else None
        table = Table(box=None, title=head, title_justify="left", pad_edge=False)
        for k in columns:
            table.add_column(Text(header[k]), overflow="fold")
        for row in cells:
            table.add_row(*(Text(row[k]) for k in columns))
        console.print(table)


def _parts(widths: Sequence[int], most: int) -> list[list[int]]:
    """Divide columns among tables of a width, two spaces between columns; every table begins with the first.

    Examples
    --------
    >>> _parts([5, 4, 4, 4], 17)
    [[0, 1, 2], [0, 3]]
    """
    parts, free = [[0]], most - widths[0]
    for k, width in enumerate(widths[1:], 1):
        if free < width + 2 and len(parts[-1]) > 1:
            parts.append([0])
            free = most - widths[0]
        parts[-1].append(k)
        free -= width + 2
    return parts


def forbid_color() -> None:
    """Answer ``--no-color``: no escape byte on any stream from here on."""
    os.environ["NO_COLOR"] = "1"


def coloured() -> bool:
    """Whether standard output takes colours: a terminal does, and FORCE_COLOR says so of anything else."""
    return not _plain() and (on_terminal() or _forced())


def uncoloured(text: str) -> str:
    r"""Return a text without its colours.

    Examples
    --------
    >>> uncoloured("a \x1b[31mred\x1b[0m word")
    'a red word'
    """
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _forced() -> bool:
    return os.environ.get("FORCE_COLOR", "") not in ("", "0")


def _plain() -> bool:
    """Whether colours are unwanted: NO_COLOR goes before FORCE_COLOR, and this before what TERM says."""
    return bool(os.environ.get("NO_COLOR")) or (os.environ.get("TERM") in ("dumb", "unknown") and not _forced())
