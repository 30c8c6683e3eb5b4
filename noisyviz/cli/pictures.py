"""What every command that draws has in common: style and width, data beside the picture, and the viewer."""

from dataclasses import dataclass
from typing import Annotated

import typer

from noisyviz.cli import options as opt
from noisyviz.cli.targets import Target
from noisyviz.cli.values import choice
from noisyviz.errors import InputError, NoisyvizError

WithData = Annotated[bool, typer.Option("--with-data", help="Write the numbers behind each picture as CSV beside it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Style and width, checked."""

    style: str
    width: str


def look_settings(*, style: str | None, width: str | None) -> Look:
    """Check the options of the look."""
    from noisyviz.plots.style import STYLES, width_in

    look = Look(style=choice(style or opt.DEFAULT_STYLE, "--style", STYLES), width=width or opt.DEFAULT_WIDTH)
    width_in(look.width)
    return look


def refuse_contradictions(files: list[Target], *, with_data: bool, show: bool) -> None:
    """Refuse what needs a picture in a file where none is written."""
    for flag, wanted in (("--with-data", with_data), ("--show", show)):
        if wanted and not any(target.path for target in files):
            raise InputError(f"{flag} needs a picture in a file; name one with -o PATH")


def launch(files: list[Target]) -> None:
    """Open the first written picture in the system's viewer."""
    path = next(target.path for target in files if target.path)
    if typer.launch(str(path)) != 0:
        raise NoisyvizError(f"{path} is written, but no viewer could be started for it")
