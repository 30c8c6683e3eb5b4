"""What every command that draws has in common: style and width, data beside the picture, and the viewer."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.output_files import Target
from noisyviz.cli.parsing import choice
from noisyviz.errors import InputError, NoisyvizError

if TYPE_CHECKING:
    from noisyviz.pictures.picture import Picture, Result

WithData = Annotated[bool, typer.Option("--with-data", help="Write the numbers behind each picture as CSV beside it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Style and width, checked."""

    style: str
    width: str


def look_settings(*, style: str | None, width: str | None) -> Look:
    """Check the options of the look."""
    from noisyviz.pictures.shared.style import STYLES, width_in

    look = Look(style=choice(style or opt.DEFAULT_STYLE, "--style", STYLES), width=width or opt.DEFAULT_WIDTH)
    width_in(look.width)
    return look


def file_stem(command: str, names: Sequence[str]) -> str:
    """Return the name, without suffix, of a picture that nobody named.

    Examples
    --------
    >>> file_stem("plot", ["tanh", "mine:bent"])
    'plot-tanh-mine-bent'
    """
    return f"{command}-" + re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(names))


def pictures(files: Sequence[Target]) -> list[Target]:
    """Return the targets that are pictures."""
    from noisyviz.export.formats import PICTURE_FORMATS

    return [target for target in files if target.format in PICTURE_FORMATS]


def save(
    files: Sequence[Target],
    picture: "Picture[Result]",
    result: "Result",
    *,
    look: Look,
    with_data: bool,
    quiet: bool,
    force: bool,
    table: Callable[[str], bytes] | None = None,
    header: str | None = None,
) -> None:
    """Render and write every picture, the data beside it, and every table.

    Parameters
    ----------
    files
        What is written.
    recipe, result
        What is drawn.
    look, with_data, quiet, force
        As the options say.
    table
        From the format of a table to its bytes, where a command writes tables too.
    header
        The first line of its CSV files.
    """
    from noisyviz.export.render import picture_bytes
    from noisyviz.export.write import write_data

    drawn = pictures(files)
    stems = {target.path.with_suffix(""): target.path for target in drawn if target.path and with_data}
    for path in stems.values():  # before the pictures: a stranger's file in the way then stops the whole run
        for written in write_data(picture, result, path, force=force):
            if not quiet:
                output.say(f"wrote {written}")
    for target in files:
        if table is None or target in drawn:
            payload = picture_bytes(picture, result, fmt=target.format, style=look.style, width=look.width)
        else:
            payload = table(target.format)
        target.write(payload, force=force, quiet=quiet, header=header)


def refuse_contradictions(files: Sequence[Target], *, with_data: bool, show: bool) -> None:
    """Refuse what needs a picture in a file where none is written."""
    for flag, wanted in (("--with-data", with_data), ("--show", show)):
        if wanted and not any(target.path for target in pictures(files)):
            raise InputError(f"{flag} needs a picture in a file; name one with -o PATH")


def launch(files: Sequence[Target]) -> None:
    """Open the first written picture in the system's viewer."""
    path = next(target.path for target in pictures(files) if target.path)
    if typer.launch(str(path)) != 0:
        raise NoisyvizError(f"{path} is written, but no viewer could be started for it")
