"""Pairs of sentences for `translate`: number words, files of parallel text with dictionaries, message catalogues."""

import gzip
import io
import json
import pickle
import pickletools
import re
import struct
import zlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError, printable
from noisyviz.experiments.task import EVALUATE, stream

END: Final = 0
UNKNOWN: Final = 1
FIRST_WORD: Final = 2
SPLITS: Final = ("train", "valid", "test")
SIDES: Final = ("src", "tgt")
TESTED: Final = 250
"""Sentences of the validation set and of the test set, where data come without them."""
GENERATED: Final = 2000
TIMES: Final = 20
UNPACKED: Final = 1 << 26
"""A packed file may have so many bytes unpacked, or be so many times as large, whichever is more."""
MOST_LINES: Final = 1 << 24
DICTIONARY: Final = 1 << 24
"""Bytes of a dictionary in JSON or pickled."""

Sentence = list[str]
Pairs = list[tuple[Sentence, Sentence]]
Dictionary = dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Pairs of each split, and dictionaries, which are None where they come from the training set."""

    source: str
    pairs: dict[str, Pairs]
    dictionaries: tuple[Dictionary | None, Dictionary | None] = (None, None)


# Number words.


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ENGLISH: Final = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
ENGLISH_TENS: Final = _words("twenty thirty forty fifty sixty seventy eighty ninety")
FRENCH: Final = _words("zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize")
FRENCH_TENS: Final = _words("vingt trente quarante cinquante soixante")


def english(number: int) -> Sentence:
    """Return a number below a million in words, hyphens split.

    Examples
    --------
    >>> " ".join(english(200_041))
    'two hundred thousand and forty one'
    """
    if number < 20:
        return [ENGLISH[number]]
    if number < 100:
        tens, rest = divmod(number, 10)
        return [ENGLISH_TENS[tens - 2], *(english(rest) if rest else [])]
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return [ENGLISH[hundreds], "hundred", *(["and", *english(rest)] if rest else [])]
    thousands, rest = divmod(number, 1000)
    link = ["and"] if 0 < rest < 100 else []
    return [*english(thousands), "thousand", *link, *(english(rest) if rest else [])]


def french(number: int, *, last: bool = True) -> Sentence:
    """Return a number below a million in words, hyphens split; vingt and cent take an s at the end alone.

    Examples
    --------
    >>> " ".join(french(280_071)), " ".join(french(80)), " ".join(french(300))
    ('deux cent quatre vingt mille soixante et onze', 'quatre vingts', 'trois cents')
    """
    if number < 17:
        return [FRENCH[number]]
    if number < 20:
        return ["dix", FRENCH[number - 10]]
    if number < 70:
        tens, rest = divmod(number, 10)
        link = ["et"] if rest == 1 else []
        return [FRENCH_TENS[tens - 2], *link, *([FRENCH[rest]] if rest else [])]
    if number < 80:
        return ["soixante", *(["et"] if number == 71 else []), *french(number - 60)]
    if number < 100:
        return ["quatre", "vingts"] if number == 80 and last else ["quatre", "vingt", *_rest(number - 80, last=last)]
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        many = [FRENCH[hundreds]] if hundreds > 1 else []
        return [*many, "cents" if many and not rest and last else "cent", *_rest(rest, last=last)]
    thousands, rest = divmod(number, 1000)
    return [*(french(thousands, last=False) if thousands > 1 else []), "mille", *_rest(rest, last=True)]


def _rest(number: int, *, last: bool) -> Sentence:
    return french(number, last=last) if number else []


def number_words() -> Corpus:
    """Return English and French numbers of one to six digits, each length equally often; none is in two splits."""
    rng = stream(0, EVALUATE)

    def drawn() -> int:
        digits = int(rng.integers(1, 7))
        return int(rng.integers(0 if digits == 1 else 10 ** (digits - 1), 10**digits))

    train = [drawn() for _ in range(GENERATED)]
    taken = set(train)
    rest: list[int] = []
    while len(rest) < 2 * TESTED:
        number = drawn()
        if number not in taken:
            taken.add(number)
            rest.append(number)
    split = {"train": train, "valid": rest[:TESTED], "test": rest[TESTED:]}
    pairs = {name: [(english(k), french(k)) for k in numbers] for name, numbers in split.items()}
    return Corpus(source="generated", pairs=pairs)


# Files.


def read_corpus(folder: str) -> Corpus:
    """Return the pairs in a folder with parallel text, or with message catalogues.

    Raises
    ------
    InputError
        For a folder with neither, and for files that do not fit; it names file and line.
    """
    place = Path(folder)
    if any((place / f"train.src{end}").is_file() for end in ("", ".gz")):
        return parallel_text(place)
    if place.is_dir() and (found := sorted(place.glob("*.mo"))):
        return catalogues(place, found)
    raise InputError(
        f"--data must be a folder with train.src, train.tgt, valid.src, … (plain or .gz), or with .mo files, got "
        f"{folder}"
    )


def parallel_text(folder: Path) -> Corpus:
    """Return pairs of lines, one tokenised sentence each, and the dictionaries where they are there."""
    pairs = {}
    for split in SPLITS:
        names = [f"{split}.{side}" for side in SIDES]
        source, target = (lines(_find(folder, name)) for name in names)
        if len(source) != len(target):
            raise InputError(
                f"{folder / names[1]} must have a line for each of {names[0]}, got {len(target)} for {len(source)}"
            )
        if not source:
            raise InputError(f"{folder / names[0]} must hold at least one sentence, got none")
        pairs[split] = list(zip(source, target, strict=True))
    first, second = (_dictionary(folder, side) for side in SIDES)
    return Corpus(source=str(folder), pairs=pairs, dictionaries=(first, second))


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"--data must be a folder with {name} or {name}.gz, but {folder} holds neither")


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """Return the content of a file, unpacked where its name ends in ``.gz``.

    Raises
    ------
    InputError
        For a damaged archive, and for a file that is too large.
    """
    packed = path.suffix == ".gz"
    limit = max(UNPACKED, TIMES * path.stat().st_size) if packed else most
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            raw: bytes = file.read() if limit is None else file.read(limit + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is no complete gzip file") from error
    if limit is not None and len(raw) > limit:
        raise InputError(f"{path} must hold at most {limit} bytes")
    return raw


def text_lines(path: Path) -> list[str]:
    """Return the lines of a file in UTF-8, without their ends.

    Raises
    ------
    InputError
        For a line that is no UTF-8.
    """
    raw, found = read_bytes(path), []
    if raw.count(b"\n") > MOST_LINES:
        raise InputError(f"{path} must hold at most {MOST_LINES} lines")
    for number, line in enumerate(raw.removesuffix(b"\n").split(b"\n"), 1):
        try:
            found.append(line.decode("utf-8").removesuffix("\r"))
        except UnicodeDecodeError as error:
            raise InputError(f"{path}, line {number}: must be text in UTF-8") from error
    return [] if found == [""] else found


def lines(path: Path) -> list[Sentence]:
    """Return the words of each line, split at white space."""
    return [line.split() for line in text_lines(path)]


# Dictionaries.


def built(sentences: Iterable[Sentence]) -> Dictionary:
    """Return ids from 2 by falling frequency, then by the word.

    Examples
    --------
    >>> built([["b", "a"], ["c", "b"]])
    {'b': 2, 'a': 3, 'c': 4}
    """
    counts = Counter(word for one in sentences for word in one)
    return {word: FIRST_WORD + k for k, word in enumerate(sorted(counts, key=lambda word: (-counts[word], word)))}


def encode(sentence: Sentence, dictionary: Dictionary, size: int) -> list[int]:
    """Return ids; 1 for words that are not among the first `size` of the dictionary."""
    found = (dictionary.get(word, UNKNOWN) for word in sentence)
    return [k if k < size else UNKNOWN for k in found]


def _dictionary(folder: Path, side: str) -> Dictionary | None:
    readers = {"pkl": from_pickle, "json": from_json, "txt": from_text}
    found = [(folder / f"dict.{side}.{end}", read) for end, read in readers.items()]
    found = [(path, read) for path, read in found if path.is_file()]
    if len(found) > 1:
        raise InputError(f"{folder} must hold one dictionary for {side}, got {found[0][0].name} and {found[1][0].name}")
    return checked(found[0][0], found[0][1](found[0][0])) if found else None


def checked(path: Path, found: Any) -> Dictionary:
    """Return a dictionary of words and ids as the authors write it: eos 0, UNK 1, every other id once."""
    if not isinstance(found, dict) or not found:
        raise InputError(f"{path} must hold a dictionary of words and ids")
    for word, number in found.items():
        if not isinstance(word, str) or type(number) is not int or not 0 <= number < 1 << 31:
            raise InputError(f"{path} must give each word an id from 0, got {number!r:.40} for {word!r:.40}")
    special = {"eos": END, "UNK": UNKNOWN}
    for word, number in found.items():
        if number < FIRST_WORD and special.get(word) != number:
            raise InputError(f"{path} must keep the ids 0 and 1 for eos and UNK, got {number} for {word!r:.40}")
    if len(set(found.values())) < len(found):
        raise InputError(f"{path} must give each id to one word")
    return {word: number for word, number in found.items() if number >= FIRST_WORD}


def from_text(path: Path) -> Dictionary:
    """Return ids of one word a line, from 2 on."""
    found: Dictionary = {}
    for number, line in enumerate(text_lines(path), 1):
        word = line.strip()
        if not word or len(word.split()) > 1 or word in found:
            raise InputError(f"{path}, line {number}: must be one word that is not there yet, got '{printable(word)}'")
        found[word] = FIRST_WORD + number - 1
    return found


def from_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    try:
        return json.loads(read_bytes(path, DICTIONARY))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} must hold a JSON object of words and ids ({error})") from error


PLAIN_OPCODES: Final = _words(
    "PROTO FRAME STOP MARK POP POP_MARK EMPTY_DICT DICT SETITEM SETITEMS EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE "
    "TUPLE TUPLE1 TUPLE2 TUPLE3 INT BININT BININT1 BININT2 LONG LONG1 STRING BINSTRING SHORT_BINSTRING UNICODE "
    "BINUNICODE SHORT_BINUNICODE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET MEMOIZE GLOBAL STACK_GLOBAL REDUCE"
)
"""What a pickled dictionary of words and numbers needs."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"it asks for {printable(f'{module}.{name}')}")


def from_pickle(path: Path) -> Any:
    """Return a pickled dict or OrderedDict of words and numbers, Python 2's too; nothing else is ever made or called.

    Raises
    ------
    InputError
        For a pickle that holds or wants anything else.
    """
    raw = read_bytes(path, DICTIONARY)
    try:
        calls = 0
        for opcode, argument, _ in pickletools.genops(raw):
            if opcode.name not in PLAIN_OPCODES:
                raise pickle.UnpicklingError(f"it uses {opcode.name}")
            if opcode.name in ("PUT", "LONG_BINPUT") and not 0 <= int(argument or 0) <= len(raw):
                raise pickle.UnpicklingError("it asks for more memory than it can use")
            calls += opcode.name == "REDUCE"
        if calls > 1:
            raise pickle.UnpicklingError("it makes more than one object")
        return _Unpickler(io.BytesIO(raw), encoding="utf-8").load()
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to ask for
        raise InputError(
            f"{path} must be a pickled dictionary of words and ids and nothing else: {printable(str(error)):.200}"
        ) from error


# Message catalogues.

MAGIC: Final = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}
SHORTEST, LONGEST = 3, 15
"""Words of a message that is taken."""


def catalogue(path: Path) -> list[tuple[str, str]]:
    """Return messages and translations of a compiled catalogue; plural forms are left out.

    Raises
    ------
    InputError
        For a file that is none, or is damaged.
    """
    raw = read_bytes(path)
    order = MAGIC.get(raw[:4])
    if order is None or len(raw) < 20:
        raise InputError(f"{path} is no compiled message catalogue")
    count, *tables = struct.unpack(f"{order}3I", raw[8:20])
    if any(start + 8 * count > len(raw) for start in tables):
        raise InputError(f"{path} is no complete message catalogue: its tables end beyond the file")
    texts = []
    for start in tables:
        spans = np.frombuffer(raw, dtype=f"{order}u4", count=2 * count, offset=start).reshape(-1, 2).astype(np.int64)
        if len(spans) and int(spans.sum(1).max()) > len(raw):
            raise InputError(f"{path} is no complete message catalogue: a text ends beyond the file")
        if int(spans[:, 0].sum()) > len(raw):  # would take memory without end
            raise InputError(f"{path} is no message catalogue: its texts lie on top of each other")
        texts.append([raw[at : at + length] for length, at in spans.tolist()])
    head = dict(zip(*texts, strict=True)).get(b"", b"").decode("ascii", "replace")
    charset = re.search(r"charset=([\w.:-]+)", head)
    try:
        decoded = [[text.decode(charset[1] if charset else "utf-8") for text in side] for side in texts]
    except (UnicodeError, LookupError) as error:
        raise InputError(f"{path} must hold text in the charset that it names ({error})") from error
    both = zip(*decoded, strict=True)
    return [(one.rpartition("\x04")[2], other) for one, other in both if one and "\0" not in one]


def catalogues(folder: Path, paths: Sequence[Path]) -> Corpus:
    """Return messages of 3 to 15 words without placeholders, each once, a part of them for validation and test."""
    seen: dict[tuple[str, ...], Sentence] = {}
    for path in paths:
        for one, other in catalogue(path):
            if not re.search(r"[%{}<>\n\t]", one + other):
                pair = [re.findall(r"\w+|[^\w\s]", re.sub(r"[_&](?=\w)", "", text)) for text in (one, other)]
                if all(SHORTEST <= len(side) <= LONGEST for side in pair):
                    seen.setdefault(tuple(pair[0]), pair[1])
    pairs = [(list(one), other) for one, other in seen.items()]
    tested = min(TESTED, len(pairs) // 10)
    if not tested:
        raise InputError(f"{folder} must hold at least 10 messages of {SHORTEST} to {LONGEST} words, got {len(pairs)}")
    mixed = [pairs[k] for k in stream(0, EVALUATE).permutation(len(pairs))]
    split = {"train": mixed[2 * tested :], "valid": mixed[:tested], "test": mixed[tested : 2 * tested]}
    return Corpus(source=f"{len(paths)} message catalogues", pairs=split)
