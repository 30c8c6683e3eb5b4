"""``noisyviz replay``: a picture again, from the settings inside it."""

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.options import option
from noisyviz.cli.output_files import Target, targets
from noisyviz.cli.parsing import split_list
from noisyviz.cli.picture_output import launch, refuse_contradictions
from noisyviz.cli.progress import Bar
from noisyviz.cli.settings import versions

if TYPE_CHECKING:
    from noisyviz.export.replay import PictureFile

SUMMARY: Final = "Make a picture again from the settings inside it."
HELP: Final = """\
\b
noisyviz replay plot-tanh.png
noisyviz replay unit.svg -o unit.pdf
noisyviz replay gates.png --data gates.npz:input_gate --json

Make a picture of noisyviz again from the settings that it carries, and say
whether the bytes are the same; where they need not be, the versions that differ
are named. Pictures (png, svg, pdf, pgf) and films (gif, webp) can be replayed.

Nothing in the file is run. Data are not stored in a picture: give them again
with --data; they are compared by their sha256. Functions of your own are
imported only when you name them again with --fn.

Without -o PLOT.png becomes PLOT-replay.png in the current folder; with --json
and no -o nothing is written, and the picture is only compared.
"""

File = Annotated[str, typer.Argument(metavar="PICTURE", help="A file that noisyviz wrote.", show_default=False)]
Data = Annotated[
    str | None, option("--data", metavar="FILE[:ARRAY]", help="The data that the picture shows, where it shows any.")
]
Fn = Annotated[
    list[str] | None,
    option("--fn", metavar="NAME", help="The functions of your own in the picture, as module:function."),
]


def replay(
    picture: File,
    data: Data = None,
    fn: Fn = None,
    out: opt.Output = None,
    format_name: opt.Format = None,
    show: opt.Show = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    force: opt.Force = False,
) -> None:
    """Read a picture, compute it again, write it and compare."""
    from noisyviz.export.replay import changes, computed, drawn, given_data, read_picture

    found = read_picture(picture, functions=split_list(fn, "--fn") if fn is not None else ())
    files = output_files(found, out, format_name, json=json)
    refuse_contradictions(files, with_data=False, show=show)
    for target in files:
        target.check(force=force)
    values = given_data(found, data)
    with Bar("replaying") as bar:
        result = computed(found, values, progress=bar.show)
    made = {target.format: b"" for target in files} or {found.format: b""}
    for fmt in made:
        made[fmt] = drawn(found, result, fmt)
    for target in files:
        target.write(made[target.format], force=force, quiet=quiet)
    same = made[found.format] == found.payload if found.format in made else None
    differing = {name: pair for fmt in made for name, pair in changes(found, fmt).items()}
    note = verdict(found, same, differing)
    if note and (differing or not same or not quiet):
        output.say(note)
    if json:
        output.print_json(document(found, same, differing))
    if show:
        launch(files)


def output_files(found: "PictureFile", out: list[str] | None, format_name: str | None, *, json: bool) -> list[Target]:
    """Decide what is written; a picture keeps its format unless told otherwise."""
    from pathlib import Path

    stem = f"{Path(found.name).stem}-replay"
    return targets(out, format_name=format_name, allowed=found.formats, json=json, default_stem=stem)


def verdict(found: "PictureFile", same: bool | None, differing: dict[str, tuple[str | None, str | None]]) -> str:
    """Say whether the bytes are the same, and what may have changed them; nothing where there is nothing to say."""
    told = ", ".join(f"{name} {there or 'none'} (here {here or 'none'})" for name, (there, here) in differing.items())
    made = f"{found.name} was made with {told}"
    if same:
        return f"the bytes are those of {found.name}" + (f", although it was made with {told}" if told else "")
    if same is None:
        return made if told else ""
    return f"the bytes are not those of {found.name}: " + (
        f"it was made with {told}" if told else "all versions are the same, the machine may differ"
    )


def document(
    found: "PictureFile", same: bool | None, differing: dict[str, tuple[str | None, str | None]]
) -> dict[str, Any]:
    """Return what the picture holds and what became of it, as JSON values."""
    from pathlib import Path

    stored = {"recipe": found.picture.name, "settings": found.picture.settings()}
    config = {"command": "replay", "picture": Path(found.name).name, **stored}
    return {
        "config": config | {"style": found.style, "width": found.width} | versions(),
        "versions": dict(found.versions),
        "differing": {name: {"picture": there, "here": here} for name, (there, here) in differing.items()},
        "identical": same,
    }
