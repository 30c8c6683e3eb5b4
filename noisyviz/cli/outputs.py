"""Where results go: the files that ``-o`` and ``--format`` name, checked before anything is computed."""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import typer

from noisyviz.cli import terminal
from noisyviz.cli.environment import has_display
from noisyviz.cli.options import FINISH, Given
from noisyviz.cli.parsing import choice, split_list
from noisyviz.errors import InputError, NoisyvizError

if TYPE_CHECKING:
    from noisyviz.pictures.picture import Columns, Picture
    from noisyviz.pictures.shared.finish import Finish

_IN_NAMES: Final = {
    **{"fn": "", "unit": "", "alpha": "a", "c": "c", "p": "p", "scale": "", "noise": "", "objective": ""},
    **{"schedule": "", "c_start": "from", "c_end": "to", "data": ""},
}
"""The options that the name of a picture tells, and what stands before their value there."""
_SIGNS: Final = {"**": "to-the", "^": "to-the", "*": "times", "/": "over", "+": "plus", ",": "and"}
_LONGEST_STEM: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to write; `path` is None for standard output."""

    path: Path | None
    format: str

    def check(self, *, force: bool, header: str | None = None) -> None:
        """Raise now what writing would raise after the work; `header` is the first line of a CSV file."""
        from noisyviz.export.pgf import tex_system
        from noisyviz.export.saving import check_target

        if self.path is None:
            terminal.refuse_terminal()
        else:
            check_target(self.path, force=force, header=self.beginning(header))
        if self.format == "pgf":
            tex_system()

    def beginning(self, header: str | None) -> str | None:
        """Return how a table of this format begins; None for a file that carries its digest inside."""
        from noisyviz.export.marks import JSON_BEGINNING

        return {"csv": header, "json": JSON_BEGINNING}.get(self.format)

    def write(self, payload: bytes, *, force: bool, quiet: bool) -> None:
        """Write a whole file or nothing, and name it on standard error."""
        from noisyviz.export.saving import write_bytes

        if self.path is None:
            terminal.write_bytes(payload)
            return
        write_bytes(self.path, payload, force=force)
        if not quiet:
            terminal.say(f"wrote {self.path}")

    def write_table(self, table: "Table", *, force: bool, quiet: bool, header: str | None) -> None:
        """Write a table, block by block, whole or not at all, and name it on standard error."""
        from noisyviz.export.integrity import seal_file
        from noisyviz.export.saving import write_file

        if self.path is None:
            with tempfile.TemporaryFile() as file:
                table.fill(file, self.format)
                if self.format == "npz":
                    seal_file(file)
                file.seek(0)
                while part := file.read(1 << 20):
                    terminal.write_bytes(part)
            return
        write_file(
            self.path,
            lambda file: table.fill(file, self.format),
            force=force,
            header=self.beginning(header),
            seal=self.format == "npz",
        )
        if not quiet:
            terminal.say(f"wrote {self.path}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A result as a file without a picture: one document as JSON, flat columns as CSV and NPZ."""

    document: Callable[[], Mapping[str, Any]]
    columns: "Callable[[], Columns]"
    config: Mapping[str, Any]

    def fill(self, file: IO[bytes], fmt: str) -> None:
        """Write the content into an open file."""
        from noisyviz.export.tables import fill_json, fill_table

        if fmt == "json":
            fill_json(file, self.document())
        else:
            fill_table(file, self.columns(), self.config, fmt=fmt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What a command writes, and how; every target was checked."""

    targets: tuple[Target, ...]
    header: str | None
    style: str
    width: str
    finish: "Finish"
    with_data: bool
    json: bool
    show: bool
    quiet: bool
    force: bool
    inputs: tuple[Path, ...] = ()

    @property
    def pictures(self) -> tuple[Target, ...]:
        """The targets that are pictures."""
        from noisyviz.export.formats import PICTURE_FORMATS

        return tuple(target for target in self.targets if target.format in PICTURE_FORMATS)

    @property
    def viewable(self) -> tuple[Path, ...]:
        """The files that a viewer can open: pictures and pages."""
        from noisyviz.export.formats import PAGE_FORMATS, PICTURE_FORMATS

        return tuple(one.path for one in self.targets if one.path and one.format in (*PICTURE_FORMATS, *PAGE_FORMATS))

    @property
    def to_stdout(self) -> bool:
        """Whether a file goes to standard output, so that nothing else may."""
        return any(target.path is None for target in self.targets)

    def save(self, picture: "Picture[Any] | None" = None, result: Any = None, *, table: Table | None = None) -> None:
        """Render and write every picture, the data beside it, and every table."""
        from noisyviz.cli.environment import load_matplotlib

        if self.pictures:
            load_matplotlib()
        from noisyviz.export.render import caption_of, picture_bytes
        from noisyviz.export.write import data_paths, write_data

        pictures = self.pictures
        stems = {target.path.with_suffix(""): target.path for target in pictures if target.path and self.with_data}
        if picture is not None:
            data = [beside for path in stems.values() for beside in data_paths(picture, result, path)]
            names = {os.path.abspath(path) for path in (*data, *(one.path for one in self.targets if one.path))}
            places = [os.path.realpath(name) for name in names]
            if len(set(places)) < len(places):
                raise InputError("two results would go to one file; give -o another name")
            for path in data:
                refuse_input(path, self.inputs)
            for path in stems.values():  # before the pictures: a stranger's file in the way then stops the whole run
                for written in write_data(picture, result, path, force=self.force):
                    if not self.quiet:
                        terminal.say(f"wrote {written}")
        for target in self.targets:
            if picture is not None and target in pictures:
                payload = picture_bytes(
                    picture, result, fmt=target.format, style=self.style, width=self.width, finish=self.finish
                )
                target.write(payload, force=self.force, quiet=self.quiet)
            else:
                assert table is not None
                target.write_table(table, force=self.force, quiet=self.quiet, header=self.header)
        if pictures and picture is not None and not self.finish.caption:
            tell = terminal.say if self.json or self.to_stdout else terminal.write
            tell(caption_of(picture, result, style=self.style, width=self.width) + "\n" * (tell is terminal.write))
        if pictures and not self.quiet:
            tell_missing_glyphs()

    def open_viewer(self) -> None:
        """Open the first written picture in the system's viewer, where that was asked for."""
        if self.show:
            path = self.viewable[0]
            if not has_display():
                raise NoisyvizError(
                    f"{path} is written, but there is no display: neither DISPLAY nor WAYLAND_DISPLAY is set"
                )
            if typer.launch(str(path)) != 0:
                raise NoisyvizError(f"{path} is written, but no viewer could be started")


def tell_missing_glyphs() -> None:
    """Say which characters were drawn as boxes."""
    from noisyviz.export.styled import take_missing

    missing = take_missing()
    if missing:
        shown = "".join(missing[:20]) + ("…" if len(missing) > 20 else "")
        terminal.say(f"note: the fonts of the picture lack {len(missing)} characters, drawn as boxes: {shown}")


def outputs(given: Given, *, formats: Sequence[str], stem: str | None = None, header: str | None = None) -> Outputs:
    """Decide what is written, and check that it can be.

    Parameters
    ----------
    given
        The options; those that a command does not take count as not given.
    formats
        What the command writes, the default one first.
    stem
        The file name, without suffix, that is written when no path is given; None where nothing is written then.
    header
        The first line of its CSV files.

    Raises
    ------
    InputError
        For a style, width, format or suffix that is not allowed, where two results would go to one place, for a
        file that must not be replaced, and for an option that needs a picture in a file where none is written.
    """
    found = Outputs(
        targets=tuple(targets(given["output"], given["format"], allowed=formats, json=given.has("json"), stem=stem)),
        header=header,
        with_data=given.has("with_data"),
        json=given.has("json"),
        show=given.has("show"),
        quiet=given["quiet"],
        force=given["force"],
        inputs=tuple(_inputs(given)),
        **look(given),
    )
    if found.with_data and not any(target.path for target in found.pictures):
        raise InputError("--with-data needs a picture in a file; name one with -o PATH")
    if found.show and not found.viewable:
        raise InputError("--show needs a picture in a file; name one with -o PATH")
    for target in found.targets:
        if target.path is not None:
            refuse_input(target.path, found.inputs)
        target.check(force=found.force, header=header)
    if given.has("svg_text") and found.pictures and not found.quiet and all(t.format != "svg" for t in found.pictures):
        terminal.say("--svg-text has no effect: no SVG is written")
    if found.force and not found.targets and not found.quiet and not _animated(given):
        terminal.say("--force has no effect: nothing is written")
    if not (found.pictures or found.quiet):
        for name in ("style", "width", "panels", *(option.name for option in FINISH)):
            if given.takes(name) and given[name] and not (name in ("style", "width") and _animated(given)):
                terminal.say(f"--{name.replace('_', '-')} has no effect: no picture is written")
    return found


def _inputs(given: Given) -> Iterator[Path]:
    """Yield the files of numbers that are read."""
    for name in ("files", "data"):
        if given.takes(name) and given[name]:
            from noisyviz.networks.array_files import split_source
            from noisyviz.networks.array_members import SUFFIXES, suffix_of

            texts = [given[name]] if isinstance(given[name], str) else given[name]
            for path in (split_source(text).path for text in texts):
                folder = sorted(path.iterdir()) if os.path.isdir(path) else ()
                yield from (one for one in folder if suffix_of(one) in SUFFIXES)
                if not folder:
                    yield path


def refuse_input(path: Path, inputs: Sequence[Path]) -> None:
    """Raise where a file to be written is one that is read, by whatever name."""
    for read in inputs:
        same = False
        with contextlib.suppress(OSError, ValueError):  # none is there, or no file has such a name
            same = os.path.samefile(path, read)
        if same:
            raise InputError(
                f"output '{path}' is a file that is read; give the output another name", parameter="output"
            )


def _animated(given: Given) -> bool:
    return given.takes("animate") and given["animate"] is not None


def look(given: Given) -> dict[str, Any]:
    """Return style, width and finish, checked; empty texts for a command that draws nothing."""
    from noisyviz.pictures.shared.finish import Finish

    if not given.takes("style"):
        return {"style": "", "width": "", "finish": Finish()}
    from noisyviz.pictures.shared.style import width_in

    width_in(given.value("width"))
    told: dict[str, Any] = {name: given.value(name) for name in ("legend", "font_size", "dpi")}
    told |= {name: given.has(name) for name in ("letters", "transparent", "svg_text")}
    finish = Finish(caption=not given.has("no_caption"), **told)
    return {"style": given.value("style"), "width": given.value("width"), "finish": finish}


def file_stem(command: str, given: Given, names: Sequence[str] = ()) -> str:
    """Return the name, without suffix, of a picture that nobody named: it tells what was asked for.

    Parameters
    ----------
    command
        The first word.
    given
        The options; those in `_IN_NAMES` that were given follow, each with its short name.
    names
        The functions, where they always stand in the name.
    """
    words = [command, *map(_spelled, names)]
    for name, short in _IN_NAMES.items():
        if not given.takes(name) or given[name] is None or (name == "fn" and names):
            continue
        values = [given.value(name)] if isinstance(given[name], str) else given.values(name)
        if name == "data":
            values = [re.sub(r"^[^:]*/", "", values[0])]
        words.append(short + "-".join(f"{v:.12g}" if isinstance(v, float) else _spelled(str(v)) for v in values))
    stem = re.sub(r"[^A-Za-z0-9._]+", "-", "-".join(words)).strip("-.")
    if len(stem) <= _LONGEST_STEM:
        return stem
    return f"{stem[:_LONGEST_STEM]}-{hashlib.sha256('-'.join(words).encode()).hexdigest()[:8]}"


def _spelled(name: str) -> str:
    """Return the name of a function, or of data, with operators as words and without suffixes of files.

    Examples
    --------
    >>> _spelled("tanh(2*x)"), _spelled("gates.npz:input_gate"), _spelled("own/mine.py:bent")
    ('tanh-2-times-x', 'gates-input_gate', 'own-mine-bent')
    """
    if ":" not in name:
        for sign, word in _SIGNS.items():
            name = name.replace(sign, f"-{word}-")
    name = re.sub(r"\.(py|np[yz]|[ct]sv|txt|dat|gz|safetensors|parquet|h5|pt)(?=[:.]|$)", "", name)
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")


def targets(
    out: Sequence[str] | None, format_name: str | None, *, allowed: Sequence[str], json: bool, stem: str | None = None
) -> list[Target]:
    """Return what ``-o`` and ``--format`` name; see `outputs`.

    Examples
    --------
    >>> [target.format for target in targets(["a.csv"], None, allowed=["csv", "npz"], json=False)]
    ['csv']
    """
    given = split_list([format_name], "--format") if format_name is not None else []
    formats = [choice(name, "--format", allowed) for name in given]
    if not out:
        return _without_paths(formats, allowed, json=json, stem=stem)
    if len(formats) > 1:
        raise InputError(f"--format takes one format with -o, got {len(formats)}; repeat -o with suffixes instead")
    places = [text if text == "-" else os.path.realpath(text) for text in out]
    twice = [text for position, text in enumerate(out) if places[position] in places[:position]]
    if twice:
        raise InputError(f"-o names '{twice[0]}' twice")
    found = [_target(text, formats, allowed) for text in out]
    if json and any(target.path is None for target in found):
        raise InputError("--json and -o - both write to standard output; use only one of them")
    return found


def _without_paths(formats: list[str], allowed: Sequence[str], *, json: bool, stem: str | None) -> list[Target]:
    if formats and (stem is None or json):
        raise InputError("--format needs -o PATH here; -o - is standard output")
    if stem is None or json:
        return []
    return [Target(path=Path(f"{stem}.{name}"), format=name) for name in formats or allowed[:1]]


def _target(text: str, formats: Sequence[str], allowed: Sequence[str]) -> Target:
    from noisyviz.export.formats import format_of

    if text != "-":
        return Target(path=Path(text), format=format_of(text, given=formats[0] if formats else None, allowed=allowed))
    if not formats:
        raise InputError(f"-o - needs --format, one of {', '.join(allowed)}")
    return Target(path=None, format=formats[0])
