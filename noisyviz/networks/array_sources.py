"""All arrays in files, folders and standard input, one after the other.

NPY and safetensors files are mapped, large members of archives are unpacked in blocks, tables of text and what other
libraries read go through a temporary file; `noisyviz.networks.array_files` says what is refused. What cannot be read
beside what can is left out and told; asked for by name it is an error.
"""

import hashlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, MissingExtraError, printable
from noisyviz.networks.array_files import MAX_MEMBERS, Opened, Source, check_regular, naming, split_source
from noisyviz.networks.array_members import READ, SUFFIXES, chosen, members_of, natural, suffix_by_content, suffix_of
from noisyviz.networks.digests import Digests
from noisyviz.networks.narrow_floats import widened
from noisyviz.networks.streamed import Streamed
from noisyviz.networks.text_tables import is_text

STDIN: Final = "-"
_PART: Final = 1 << 20
_BEGINNING: Final = 1 << 12  # bytes of standard input that tell whether it can be read
_TOLD: Final = 10  # names in a note


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """An array and what it is called.

    Parameters
    ----------
    name
        The array's name in its file, or the file's; FILE:ARRAY when there are several files, FILE with as much of its
        folder as tells it from others of that name. Control characters are spelled out.
    alias
        The array's name in its file, empty where it has none.
    array
        Real numbers, perhaps a memory map, or an array that is unpacked in blocks.
    columns
        Names of the last axis, empty where the file has none.
    file
        The file's part of the name where there are several, empty for one.
    """

    name: str
    alias: str
    array: npt.NDArray[Any] | Streamed
    columns: tuple[str, ...] = ()
    file: str = ""


def arrays_of(
    texts: Sequence[str],
    *,
    stdin: IO[bytes] | None = None,
    digests: Digests | None = None,
    notes: list[str] | None = None,
) -> Iterator[Found]:
    """Yield every array of the sources.

    Parameters
    ----------
    texts
        Files, FILE:ARRAY, folders, and "-" for standard input.
    stdin
        Where standard input is read from; None where there is none to read.
    digests
        Takes up every file that is read, whole folders file by file.
    notes
        Takes up what was left out, and what was only likely, in sentences.

    Raises
    ------
    InputError
        When a source is missing, damaged, empty, of another kind, or not of real numbers.
    MissingExtraError
        When a package that reads it is not installed.
    """
    told: list[str] = [] if notes is None else notes
    groups = [_places(text, told) for text in texts]
    paths = [source.path for group in groups for source in group.sources]
    if paths.count(Path(STDIN)) > 1:
        raise InputError("standard input, '-', can be named once, for it can be read only once")
    labels = _labels(paths)
    with tempfile.TemporaryDirectory(prefix="noisyviz-") as folder:
        for group in groups:
            left: dict[str, InputError | MissingExtraError] = {}
            for source in group.sources:
                try:
                    yield from _found(source, labels, len(paths) == 1, Path(folder), stdin, digests, told)
                except (InputError, MissingExtraError) as error:
                    if group.folder is None:
                        raise
                    left[str(source.path)] = error
            if len(left) == len(group.sources):
                raise next(iter(left.values()))
            reasons = {Path(path).name: str(error).removeprefix(f"'{path}' ") for path, error in left.items()}
            _tell_left(told, reasons, len(group.sources), f"files of '{group.folder}'")


@dataclass(frozen=True, slots=True)
class _Places:
    """The files that one text names, and the folder that they are in where it names that."""

    sources: list[Source]
    folder: str | None = None


def _places(text: str, notes: list[str]) -> _Places:
    if not text:
        raise InputError("FILE must not be empty, got ''")
    if text == STDIN or text.startswith(f"{STDIN}:"):
        return _Places([Source(path=Path(STDIN), array=text[2:])])
    if not os.path.isdir(text):
        source = split_source(text)
        if not os.path.exists(source.path) and suffix_of(Path(text)) in SUFFIXES:
            source = Source(path=Path(text), array="")
        return _Places([source])
    entries = sorted(Path(text).iterdir(), key=lambda path: natural(path.name))
    named = [path for path in entries if suffix_of(path) in SUFFIXES and not path.is_dir()]
    files = [path for path in named if not path.name.startswith((".", "~$"))]
    if not files:
        raise InputError(f"'{text}' holds no file that ends in {', '.join(SUFFIXES)}")
    if len(files) > MAX_MEMBERS:
        raise InputError(f"'{text}' holds {len(files):,} files, more than {MAX_MEMBERS:,}")
    if len(files) < len(named):
        notes.append(f"passed over {len(named) - len(files)} hidden files of '{text}'")
    return _Places([Source(path=path, array="") for path in files], text)


def _found(
    source: Source,
    labels: Mapping[Path, str],
    alone: bool,
    folder: Path,
    stdin: IO[bytes] | None,
    digests: Digests | None,
    notes: list[str],
) -> Iterator[Found]:
    """Yield the arrays of one file under the names by which they are told apart."""
    standard = source.path == Path(STDIN)
    shown = STDIN if standard else str(source.path)
    held = source
    if standard:
        held, sha256 = _kept(stdin, folder, source.array)
        if digests is not None:
            digests.told(STDIN, source.array, sha256)
    label = "stdin" if standard else printable(labels[source.path])
    begun = standard or digests is None
    for name, opened in _arrays(held, shown, folder, notes):
        if not begun and digests is not None:  # not before: the file is known to be a regular one now
            digests.begin(held.path, held.array)
            begun = True
        clear = printable(name)
        full = f"{label}:{clear}" if name else label
        columns = tuple(printable(column) for column in opened.columns)
        own = {"name": clear or label} if alone else {"name": full, "file": label}
        yield Found(**own, alias=name, array=opened.array, columns=columns)


def _labels(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the end of each path that tells it from the others.

    Examples
    --------
    >>> sorted(_labels([Path("a/x.npy"), Path("b/x.npy"), Path("b/y.npy")]).values())
    ['a/x.npy', 'b/x.npy', 'y.npy']
    """
    found: dict[Path, str] = {}
    unknown, length = list(dict.fromkeys(paths)), 1
    while unknown:
        shared = Counter(path.parts[-length:] for path in dict.fromkeys(paths))
        for path in unknown:
            if shared[path.parts[-length:]] == 1 or length >= len(path.parts):
                found[path] = Path(*path.parts[-length:]).as_posix()
        unknown, length = [path for path in unknown if path not in found], length + 1
    return found


def _kept(stdin: IO[bytes] | None, folder: Path, array: str) -> tuple[Source, str]:
    """Write standard input to a file, because archives and maps need one; return it and its SHA-256."""
    if stdin is None or stdin.isatty():
        state = "is closed here" if stdin is None else "is a terminal here"
        raise InputError(f"'-' reads standard input, which {state}; redirect a file or a pipe to it")
    path, known = folder / "stdin", False
    digest = hashlib.sha256()
    # A read of several system calls would not hear a signal between two of them.
    read = getattr(stdin, "read1", stdin.read)
    most, size = shutil.disk_usage(folder).free // 2, 0
    with path.open("wb") as file:
        while part := read(_PART):
            digest.update(part)
            file.write(part)
            size += len(part)
            if size > most:
                raise InputError(
                    f"'-' is longer than {most:,} bytes, half of what is free in the folder of temporary files; "
                    "save it to a file and name that"
                )
            if not known and size >= _BEGINNING:
                file.flush()
                known = bool(suffix_by_content(path)) or is_text(path)
                if not known:
                    raise InputError(f"'-' is no file that noisyviz reads, which are {READ}")
    path = path.rename(path.with_suffix(suffix_by_content(path) or ".csv"))
    return Source(path=path, array=array), digest.hexdigest()


def _arrays(source: Source, shown: str, folder: Path, notes: list[str]) -> Iterator[tuple[str, Opened]]:
    """Yield the arrays that were asked for by name, or all that can be read."""
    with naming(shown):
        check_regular(source.path)
        members = members_of(source.path, folder, shown, notes)
        names, kind = chosen(source.array, members.names, source.path)
    left: dict[str, str] = {}
    for name in names:
        label = f"{shown}:{name}" if name and len(members.names) > 1 and not source.array else shown
        try:
            with naming(label):
                opened = members.read(name, kind)
                if opened.kind and isinstance(opened.array, np.ndarray):
                    opened = Opened(array=widened(opened.array, opened.kind, folder), columns=opened.columns)
        except InputError as error:
            if len(names) == 1:
                raise
            left[name] = str(error).removeprefix(f"'{label}' ")
            continue
        yield name, opened
    if len(left) == len(names):
        listed = ", ".join(f"{name} ({_short(reason)})" for name, reason in list(left.items())[:_TOLD])
        raise InputError(f"'{shown}' holds no array of real numbers, but {listed}")
    _tell_left(notes, left, len(names), f"arrays of '{shown}'")


def _tell_left(notes: list[str], left: Mapping[str, str], count: int, what: str) -> None:
    if left:
        listed = ", ".join(f"'{name}' ({_short(reason)})" for name, reason in list(left.items())[:_TOLD])
        more = ", and more" if len(left) > _TOLD else ""
        notes.append(f"left out {len(left)} of {count} {what}: {listed}{more}")


def _short(reason: str) -> str:
    return reason.partition("; ")[0].removeprefix("holds ")
