"""``noisyviz figures``: the paper's figures, each with its data, in one folder with a manifest."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import look
from noisyviz.cli.parsing import choice, distinct, member
from noisyviz.cli.progress import Bar
from noisyviz.cli.settings import versions
from noisyviz.errors import InputError
from noisyviz.export.formats import PICTURE_FORMATS

if TYPE_CHECKING:
    from noisyviz.export.figures import Done, Job
    from noisyviz.pictures.picture import Picture

SUMMARY: Final = "Redraw the figures of the paper, each with its data."
HELP: Final = """\
\b
noisyviz figures
noisyviz figures --only 4,wrong-sign --format pdf -o paper
noisyviz figures --edition v3 --scale eq9 --style screen --width 12cm
noisyviz figures --only 7,8 --runs runs

Redraw the figures of the paper (ICML 2016: 1 to 9; --edition v3, arXiv: 1 to 11)
and two further ones, wrong-sign and budget, at ICML column width. Each is written
as, for example, figure-4.pdf, .svg and .png, with its data in figure-4.csv.
manifest.json lists every file with its sha256 and every picture with its settings.

--scale selects the noise scale in figures 4 to 6 (v3: 4, 6, 7): as drawn in the
paper (figure), or by its Eq 9 (eq9).

--runs RUNS draws the curves of one's own runs of noisyviz train beside the paper's
learning curves (figures 7, 8 and 9; v3: 5, 8, 9, 10 and 11).

Without -o, files go to the folder 'figures' in the current folder; a missing
folder is created. With --json and no -o nothing is written and the data are
printed.
"""
FOLDER: Final = "figures"
OPTIONS: Final = (
    Option("only", "LIST", "Figures to draw, such as 4,wrong-sign.", told="all", type=list[str]),
    Option(
        "edition",
        "NAME",
        "Edition of the paper: icml (proceedings) or v3 (arXiv).",
        default="icml",
        read=partial(member, registry="noisyviz.pictures.paper:EDITIONS"),
    ),
    Option(
        "scale",
        "NAME",
        "How sigma grows with saturation: figure or eq9.",
        default="figure",
        read=partial(member, registry="noisyviz.pictures.paper:SCALES"),
    ),
    Option(
        "format",
        "LIST",
        "Formats to write: pdf, svg, png, pgf.",
        default="pdf,svg,png",
        read=partial(choice, allowed=PICTURE_FORMATS),
        type=list[str],
    ),
    Option("runs", "RUNS", "Folder of own runs, drawn beside the paper's learning curves."),
    Option("output", "FOLDER", "Folder to write into.", also=("-o", "--out"), told=FOLDER, type=list[str]),
    *opt.changed(
        (opt.SEED, opt.STYLE, opt.WIDTH),
        seed={
            "help": "Random seed of all figures; 'random' picks one and reports it.",
            "default": None,
            "told": "each figure's own",
        },
        width={"default": "icml"},
    ),
    *opt.FINISH,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Draw the figures and write them."""
    from noisyviz.export.figures import check_folder, of_other_settings, perform_all, processors, write_all

    folder = output_folder(given["output"], json=given["json"])
    seed, quiet, force = given.value("seed"), given["quiet"], given["force"]
    found = jobs(given, seed)
    if folder is None:
        found = [without_pictures(job) for job in found]
        for name in () if quiet else ("style", "width", "format", *(option.name for option in opt.FINISH)):
            if given[name]:
                terminal.say(f"--{name.replace('_', '-')} has no effect: no picture is written")
    else:
        check_folder(folder, found, force=force)
    for note in () if quiet else idle(given, seed):
        terminal.say(note)
    if given["seed"] == "random":
        terminal.say(f"seed {seed}")
    with Bar("drawing") as bar:
        done = perform_all(found, workers=processors(), progress=bar.show)
    if folder is not None:
        for path in write_all(folder, done, force=force):
            if not quiet:
                terminal.say(f"wrote {path}")
        for one in done:
            if one.caption:
                tell = terminal.say if given["json"] else terminal.write
                tell(f"{one.job.stem}: {one.caption}" + "\n" * (tell is terminal.write))
        old = [] if quiet else of_other_settings(folder, done)
        if old:
            terminal.say(f"the data files were replaced; drawn earlier with other settings: {', '.join(old)}")
    if given["json"]:
        terminal.print_json(document(done, folder))


def idle(given: Given, seed: int | None) -> Iterator[str]:
    """Say which options change none of the figures."""
    from noisyviz.pictures.paper import EDITIONS, paper_figures

    edition, scale = given.value("edition"), given.value("scale")
    labels = distinct(given["only"], "--only", list(EDITIONS[edition]))
    scales = [paper_figures(edition, name, only=labels) for name in ("figure", "eq9")]
    if given["scale"] and scales[0] == scales[1]:
        yield f"--scale has no effect: no figure of {', '.join(labels)} shows sigma"
    if seed is not None and paper_figures(edition, scale, only=labels, seed=seed) == paper_figures(
        edition, scale, only=labels, seed=seed + 1
    ):
        yield f"--seed has no effect: no figure of {', '.join(labels)} has random draws"


def output_folder(out: Sequence[str] | None, *, json: bool) -> Path | None:
    """Return the folder to write into, None when nothing is written."""
    if out is None:
        return None if json else Path(FOLDER)
    if len(out) > 1:
        raise InputError(f"--output takes one folder here, got {len(out)}: {', '.join(out)}")
    if out[0] in ("", "-"):
        raise InputError(f"--output must be the name of a folder here, got '{out[0]}'")
    folder = Path(out[0])
    if folder.suffix.lstrip(".") in PICTURE_FORMATS and not folder.is_dir():
        raise InputError(
            f"--output must be the name of a folder here, got '{folder}'; --format {folder.suffix.lstrip('.')} says "
            "what is written into it"
        )
    return folder


def jobs(given: Given, seed: int | None) -> "list[Job]":
    """Check the options and return what is to be drawn."""
    from noisyviz.export.figures import Job
    from noisyviz.export.pgf import tex_system
    from noisyviz.pictures.paper import EDITIONS, paper_figures

    formats = given.values("format")
    if "pgf" in formats:
        tex_system()
    edition = given.value("edition")
    asked = distinct(given["only"], "--only", list(EDITIONS[edition]))
    for label in asked:
        for other in EDITIONS:
            if label not in EDITIONS[edition] and label in EDITIONS[other]:
                raise InputError(f"--only '{label}' is in --edition {other}, not in {edition}")
    labels = [choice(label, "--only", EDITIONS[edition]) for label in asked]
    found = paper_figures(edition, given.value("scale"), only=labels, seed=seed)
    if given["runs"] is not None:
        found = with_runs(found, Path(given["runs"]))
    return [
        Job(stem=f"figure-{label}", picture=picture, formats=formats, **look(given)) for label, picture in found.items()
    ]


def with_runs(pictures: "dict[str, Picture[Any]]", folder: Path) -> "dict[str, Picture[Any]]":
    """Return the pictures, with own runs beside the paper's learning curves."""
    from noisyviz.cli.run_pictures import OF_THE_PAPER, beside_the_paper, read, tasks_of
    from noisyviz.pictures.learning_curves.picture import LearningCurves

    runs = read(folder)
    wanted = {OF_THE_PAPER[one.experiment][0] for one in pictures.values() if isinstance(one, LearningCurves)}
    if not wanted & set(tasks_of(runs)):
        tasks = f"runs of {', '.join(sorted(wanted))}" if wanted else "a figure of learning curves"
        raise InputError(f"--runs needs {tasks}, and {folder} holds runs of {', '.join(tasks_of(runs))}")
    return {
        label: beside_the_paper(one, runs) if isinstance(one, LearningCurves) else one
        for label, one in pictures.items()
    }


def without_pictures(job: "Job") -> "Job":
    """Return a job that only computes."""
    from dataclasses import replace

    return replace(job, formats=())


def document(done: "Sequence[Done]", folder: Path | None) -> dict[str, Any]:
    """Return the numbers behind the figures as JSON values, and what was written; what is not finite is null."""
    import json

    from noisyviz.cli.estimate_columns import not_finite
    from noisyviz.export.manifest import NAME

    look = {"style": done[0].job.style, "width": done[0].job.width}
    found: dict[str, Any] = {"config": {"command": "figures", **look} | versions(), "figures": {}}
    masked = 0
    for one in done:
        tables: dict[str, Any] = {}
        for suffix, columns in one.tables.items():
            table = tables.setdefault(suffix.lstrip("-") or "data", {})
            for name, values in columns.items():
                table[name] = values
                masked += not_finite(values)
        picture: Any = one.job.picture
        label = one.job.stem.removeprefix("figure-")
        found["figures"][label] = {"recipe": picture.name, "settings": picture.settings(), **tables}
    if folder is not None:
        found["manifest"] = json.loads((folder / NAME).read_bytes())
    return found | {"masked": masked}
