"""``noisyviz replay``: redraw a picture from the settings stored in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import outputs
from noisyviz.cli.parsing import split_list
from noisyviz.cli.progress import Bar
from noisyviz.cli.settings import versions
from noisyviz.errors import InputError

if TYPE_CHECKING:
    from noisyviz.export.replay import PictureFile

SUMMARY: Final = "Redraw a picture from the settings stored in it."
HELP: Final = """\
\b
noisyviz replay plot-tanh.png
noisyviz replay unit.svg -o unit.pdf
noisyviz replay gates.png --data gates.npz --json

Redraw a picture (png, svg, pdf, pgf) or animation (gif, webp) from the settings
stored in it, and report whether the bytes are identical. If they are not, the
package versions that differ are listed.

Nothing stored in the file is executed. Data are not stored: give them again with
--data; they are checked by their sha256. Your own functions are imported only if
you name them again with --fn.

Without -o, PLOT.png is redrawn as PLOT-replay.png in the current folder; with
--json and no -o nothing is written, and the bytes are only compared.
"""
OPTIONS: Final = (
    Option("picture", "PICTURE", "A picture file written by noisyviz.", argument=True, required=True),
    Option(
        "data",
        "FILE[:ARRAY]",
        "The data shown in the picture, if any; of a profile, every FILE, by repeating the option.",
        type=list[str],
    ),
    Option("fn", "NAME", "Your own functions used in the picture, as module:function.", type=list[str]),
    *opt.FILES,
    opt.SHOW,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Read a picture, compute it again, write it and compare."""
    from noisyviz.export.replay import changes, computed, drawn, given_data, profiled, read_picture

    functions = split_list(given["fn"], "--fn") if given["fn"] is not None else ()
    found = read_picture(given["picture"], functions=functions)
    out = outputs(given, formats=found.formats, stem=f"{Path(found.name).stem}-replay")
    data = given["data"] or []
    if found.picture.name == "profile":
        result = profiled(found, data)
    else:
        if len(data) > 1:
            raise InputError(f"--data takes one value here, got the {len(data)} values '{','.join(data)}'")
        values = given_data(found, data[0] if data else None)
        with Bar("replaying") as bar:
            result = computed(found, values, progress=bar.show)
    made = {target.format: b"" for target in out.targets} or {found.format: b""}
    for fmt in made:
        made[fmt] = drawn(found, result, fmt)
    for target in out.targets:
        target.write(made[target.format], force=out.force, quiet=out.quiet)
    same = made[found.format] == found.payload if found.format in made else None
    differing = {name: pair for fmt in made for name, pair in changes(found, fmt).items()}
    note = verdict(found, same, differing)
    if note and (differing or not same or not out.quiet):
        terminal.say(note)
    if given["json"]:
        terminal.print_json(document(found, same, differing))
    out.open_viewer()


def verdict(found: "PictureFile", same: bool | None, differing: dict[str, tuple[str | None, str | None]]) -> str:
    """Say whether the bytes are the same, and what may have changed them; nothing where there is nothing to say."""
    told = ", ".join(f"{name} {there or 'none'} (here {here or 'none'})" for name, (there, here) in differing.items())
    made = f"{found.name} was made with {told}"
    if same:
        return f"the bytes are identical to {found.name}" + (f", although it was made with {told}" if told else "")
    if same is None:
        return made if told else ""
    return f"the bytes differ from {found.name}: " + (
        f"it was made with {told}" if told else "all versions are the same, but the machine may differ"
    )


def document(
    found: "PictureFile", same: bool | None, differing: dict[str, tuple[str | None, str | None]]
) -> dict[str, Any]:
    """Return what the picture holds and what became of it, as JSON values."""
    stored = {"recipe": found.picture.name, "settings": found.picture.settings()}
    config = {"command": "replay", "picture": Path(found.name).name, **stored}
    return {
        "config": config | {"style": found.style, "width": found.width} | versions(),
        "versions": dict(found.versions),
        "differing": {name: {"picture": there, "here": here} for name, (there, here) in differing.items()},
        "identical": same,
    }
