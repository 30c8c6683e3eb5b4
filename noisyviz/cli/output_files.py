"""Where results go: the files that ``-o`` and ``--format`` name, checked before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from noisyviz.cli import terminal as output
from noisyviz.cli.parsing import choice, split_list
from noisyviz.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to write; `path` is None for standard output."""

    path: Path | None
    format: str

    def check(self, *, force: bool, header: str | None = None) -> None:
        """Raise now what writing would raise after the work; `header` is the first line of a CSV file."""
        from noisyviz.export.saving import check_target

        if self.path is None:
            output.refuse_terminal()
        else:
            check_target(self.path, force=force, header=header if self.format == "csv" else None)

    def write(self, payload: bytes, *, force: bool, quiet: bool, header: str | None = None) -> None:
        """Write a whole file or nothing, and name it on standard error."""
        from noisyviz.export.saving import write_bytes

        if self.path is None:
            output.write_bytes(payload)
            return
        write_bytes(self.path, payload, force=force, header=header if self.format == "csv" else None)
        if not quiet:
            output.say(f"wrote {self.path}")


def targets(
    out: Sequence[str] | None,
    *,
    format_name: str | None,
    allowed: Sequence[str],
    json: bool,
    default_stem: str | None = None,
) -> list[Target]:
    """Decide what is written.

    Parameters
    ----------
    out
        Paths as given; "-" is standard output.
    format_name
        The value of ``--format``, which overrides suffixes.
    allowed
        The formats that the command writes, the default one first.
    json
        Whether standard output already carries the JSON document.
    default_stem
        The file name, without suffix, that is written when no path is given; None where nothing is written then.

    Raises
    ------
    InputError
        For a format or suffix that is not allowed, and where two results would go to one place.

    Examples
    --------
    >>> [target.format for target in targets(["a.csv"], format_name=None, allowed=["csv", "npz"], json=False)]
    ['csv']
    """
    given = split_list([format_name], "--format") if format_name is not None else []
    formats = [choice(name, "--format", allowed) for name in given]
    if not out:
        return _without_paths(formats, allowed, json=json, stem=default_stem)
    if len(formats) > 1:
        raise InputError(f"--format takes one format beside -o, got {len(formats)}; repeat -o with suffixes instead")
    twice = [text for position, text in enumerate(out) if text in out[:position]]
    if twice:
        raise InputError(f"-o names '{twice[0]}' twice")
    found = [_target(text, formats, allowed) for text in out]
    if json and any(target.path is None for target in found):
        raise InputError("--json and -o - would both write to standard output; leave one of them out")
    return found


def _without_paths(formats: list[str], allowed: Sequence[str], *, json: bool, stem: str | None) -> list[Target]:
    if formats and (stem is None or json):
        raise InputError("--format needs -o PATH to say where to write; -o - is standard output")
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
