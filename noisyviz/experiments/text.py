"""Texts for the tasks words and characters: read, divided into training, validation and test, and numbered."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError

PTB: Final = ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")
END: Final = "<eos>"
UNKNOWN: Final = "<unk>"
LARGEST: Final = 10_000
"""Words in the vocabulary at most, as in Penn Treebank's files; what is rarer is unknown."""
BLOCK: Final = 20
"""Lines that stay together when a text is divided: of ten blocks one is for validation and one for the test."""
MOST_BYTES: Final = 1 << 28
WORD: Final = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
RULE: Final = re.compile(r"\s*(?:[^\w\s]|_)(?:\s*(?:[^\w\s]|_)){2,}\s*|\s*%\s*")
"""A line that only divides, such as ``****``, or the ``%`` between fortunes."""

Split = Callable[[str], list[str]]
Parts = tuple[list[str], list[str], list[str]]
"""Lines for training, validation and test."""


def read_lines(path: Path) -> list[str]:
    r"""Return the lines of a UTF-8 text.

    Raises
    ------
    InputError
        For a file that is too large, and for what is no text, with its line.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path} must hold at most {MOST_BYTES >> 20} MB")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}, line {line}: must be UTF-8 text, got byte 0x{raw[error.start]:02x}") from error
    nought = text.find("\0")
    if nought >= 0:
        line = text.count("\n", 0, nought) + 1
        raise InputError(f"{path}, line {line}: must be plain text, got a character of code 0")
    return text.removeprefix("\ufeff").splitlines()


def read_text(data: str | None) -> tuple[str, Parts, bool]:
    """Return the name of a text, its lines in three parts, and whether words are divided by blanks alone.

    Parameters
    ----------
    data
        A folder with Penn Treebank's three files; a text file; a folder of text files, such as those of ``fortune``,
        whose indices (``.dat``) and links are left out; or None, for the help texts that Python carries.

    Raises
    ------
    InputError
        When there is no such text.
    """
    if data is None:
        try:
            topics: Any = import_module("pydoc_data.topics").topics
        except ImportError as error:
            raise InputError(
                "this Python was installed without its help texts (pydoc_data); name a text file with --data",
                parameter="data",
            ) from error
        return "help texts of Python", divided(line for text in topics.values() for line in text.splitlines()), False
    path = Path(data)
    if path.is_file():
        return data, divided(read_lines(path)), False
    if not path.is_dir():
        raise InputError(f"--data must be a text file or a folder, got '{data}'")
    if any((path / name).is_file() for name in PTB):
        missing = [name for name in PTB if not (path / name).is_file()]
        if missing:
            raise InputError(f"--data must be a folder with {', '.join(PTB)}, but {path} holds no {missing[0]}")
        train, valid, test = (read_lines(path / name) for name in PTB)
        return data, (train, valid, test), True
    files = [one for one in sorted(path.iterdir()) if one.is_file() and not one.is_symlink() and one.suffix != ".dat"]
    if not files:
        raise InputError(f"--data must be a text file, or a folder with {PTB[0]} or with text files, got '{data}'")
    return data, divided(line for one in files for line in read_lines(one)), False


def divided(lines: Iterable[str]) -> Parts:
    """Return a text without empty and dividing lines, in blocks of 20 lines for training, validation and test.

    Examples
    --------
    >>> train, valid, test = divided(f"line {k}" for k in range(400))
    >>> len(train), valid[0], test[-1]
    (320, 'line 160', 'line 399')
    """
    parts: Parts = ([], [], [])
    kept = (line for line in lines if line.strip() and not RULE.fullmatch(line))
    for number, line in enumerate(kept):
        parts[max(0, number // BLOCK % 10 - 7)].append(line)
    return parts


def words_of(line: str) -> list[str]:
    """Return the words of a line of plain text: lower-case, numbers as ``N``, each sign by itself.

    Examples
    --------
    >>> words_of("It isn't 3.14, or is it?")
    ['it', 'isn', "'", 't', 'N', '.', 'N', ',', 'or', 'is', 'it', '?']
    """
    return ["N" if word.isdigit() else word for word in WORD.findall(line.lower())]


def numbered(parts: Parts, split: Split) -> tuple[list[str], tuple[Any, Any, Any]]:
    """Return the vocabulary and the three streams of its numbers, int64, each line closed by ``<eos>``.

    Numbers go by first appearance. What training does not hold, and what is not among its 10,000 most frequent words,
    is ``<unk>``.

    Examples
    --------
    >>> vocabulary, (train, valid, _) = numbered((["a b", "a"], ["b c"], ["a"]), str.split)
    >>> vocabulary, train.tolist(), valid.tolist()
    (['a', 'b', '<eos>', '<unk>'], [0, 1, 2, 0, 2], [1, 3, 2])
    """
    streams = [[word for line in part for word in [*split(line), END]] for part in parts]
    counts = Counter(streams[0])
    known = {word for word, _ in counts.most_common(LARGEST - (UNKNOWN not in counts))}
    number: dict[str, int] = {}
    found = []
    for stream in streams:
        keys = (word if word in known else UNKNOWN for word in stream)
        found.append(np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64))
    return list(number), (found[0], found[1], found[2])


def columns(stream: Any, count: int) -> Any:
    """Return a stream as neighbouring columns of equal length, shape (⌊N/count⌋, count).

    Examples
    --------
    >>> columns(np.arange(8), 3).T.tolist()
    [[0, 1], [3, 4], [5, 6]]
    """
    starts = np.rint(np.arange(count) * len(stream) / count).astype(np.int64)
    return stream[starts + np.arange(len(stream) // count)[:, None]]


def check_lengths(name: str, streams: Sequence[Any], needed: int) -> None:
    """Raise where a stream is too short to train on or to measure with.

    Raises
    ------
    InputError
        With what is needed.
    """
    for part, stream, least in zip(("training", "validation", "test"), streams, (needed, 2, 2), strict=True):
        if len(stream) < least:
            raise InputError(f"{name} must hold at least {least} symbols for {part}, got {len(stream)}")
