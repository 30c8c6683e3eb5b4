"""``noisyviz anneal``: noisy descent under a schedule, against constant noise, the leak alone and no noise."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal, text_charts
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import Table, file_stem, outputs
from noisyviz.cli.parsing import member, number, whole
from noisyviz.cli.progress import Bar
from noisyviz.cli.settings import idle_notes, versions
from noisyviz.errors import InputError
from noisyviz.export.formats import PICTURE_FORMATS, TABLE_FORMATS
from noisyviz.results import masked_document

if TYPE_CHECKING:
    from noisyviz.pictures.anneal.picture import Anneal, AnnealResult

SUMMARY: Final = "Simulate gradient descent under an annealed noise schedule."
HELP: Final = """\
\b
noisyviz anneal --steps 500
noisyviz anneal --fn tanh --unit nah --schedule cosine,linear,paper -o schedules.pdf
noisyviz anneal --objective funnel --trajectories 1000 --animate funnel.gif

Simulate many trajectories of gradient descent on the loss of a saturated noisy
unit while the noise level c falls from --c-start to --c-end. For comparison, the
same descent is run with c fixed at --c-end, with the leak alone (c = 0) and
without noise. Draws the schedule, the trajectories, the expected drift, the final
positions and the first-passage times. Prints the success rate with its 95 %
interval, the median first-passage time, the final loss, and the term of the
gradient that drives the motion.

The objectives funnel, double-well and plateau are landscapes f with a noisy
input; they take no unit. Several --schedule values are compared on the same
draws. Without -o the picture is saved as anneal.png in the current folder, with
the options of the unit, --objective, --schedule, --c-start and --c-end given in
its name; with --json and no -o nothing is written. -o also writes csv, npz and
json.
"""
BY_DESIGN: Final = ("median_first_passage", "first_passage")  # null means never
UNIT_OPTIONS: Final = ("fn", "unit", "alpha", "p", "scale")

_COUNT: Final = partial(whole, low=0, high=1_000_000)
_LEVEL: Final = partial(number, at_least=0.0)
DESCENT: Final = (
    Option(
        "objective",
        "NAME",
        "Objective: desaturate, funnel, double-well or plateau.",
        default="desaturate",
        read=partial(member, registry="noisyviz.annealing.objectives:OBJECTIVES"),
    ),
    Option(
        "schedule",
        "LIST",
        "Schedule of c; several are compared.",
        default="exponential",
        read=partial(member, registry="noisyviz.annealing.schedules:SCHEDULES"),
        type=list[str],
    ),
    Option("c_start", "NUMBER", "c at step 0.", told="30", read=_LEVEL),
    Option("c_end", "NUMBER", "c at step T, and of the runs with constant noise.", told="0.5", read=_LEVEL),
    Option("every", "N", "Steps between two drops of the 'paper' schedule.", told="200", read=partial(_COUNT, low=1)),
    Option("steps", "T", "Number of steps, 0 to 1e6.", told="2000", read=_COUNT),
    Option("trajectories", "N", "Number of trajectories, 1 to 1e6.", told="256", read=partial(_COUNT, low=1)),
    Option("lr", "NUMBER", "Learning rate.", told="0.1; each landscape has its own", read=_LEVEL),
    Option("x0", "NUMBER", "Starting point.", told="3 beyond the threshold", read=number),
    Option("target", "NUMBER", "Target output of the unit.", told="0.5", read=number),
)
ANIMATE: Final = Option("animate", "FILE", "Write an animation, .gif or .webp.")
OPTIONS: Final = (
    *opt.changed(
        opt.UNIT,
        fn={"default": "hard-tanh"},
        c={"refused": "follows a schedule here; use --c-start and --c-end"},
    ),
    *DESCENT,
    opt.SEED,
    *opt.FILES,
    ANIMATE,
    *opt.PICTURE,
    opt.TERMINAL,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Run annealed descent, draw it, and sum it up."""
    from noisyviz.pictures.anneal.picture import series

    picture, animate, in_text = anneal(given), given["animate"], text_charts.wanted(given)
    stem = file_stem("anneal", given) if (animate is None and not in_text) or given["format"] is not None else None
    formats = (*PICTURE_FORMATS, *TABLE_FORMATS)
    out = outputs(given, formats=formats, stem=stem, header=csv_header(picture))
    if animate is not None:
        check_film(animate, force=out.force)
    with Bar("annealing") as bar:
        result = picture.compute(progress=bar.show)
    for note in () if out.quiet else idle(given, picture):
        terminal.say(note)
    if given["seed"] == "random":
        terminal.say(f"seed {picture.seed}")
    table = Table(
        document=lambda: document(picture, result),
        columns=lambda: series(result),
        config={"command": "anneal", **picture.settings()},
    )
    out.save(picture, result, table=table)
    if in_text:
        text_charts.show(text_charts.of_annealing(picture, result))
    if animate is not None:
        write_film(Path(animate), picture, result, style=given["style"], quiet=out.quiet, force=out.force)
    if given["json"]:
        terminal.print_json(table.document())
    elif not out.to_stdout:
        show_summary(result)
    out.open_viewer()


def anneal(given: Given) -> "Anneal":
    """Check every option and return the picture."""
    from noisyviz.annealing.objectives import LANDSCAPES
    from noisyviz.pictures.anneal.picture import Anneal

    aim = given.value("objective")
    settings: dict[str, Any] = {"objective": aim, "schedule": given.values("schedule"), "noise": given.value("noise")}
    if aim in LANDSCAPES:
        for name in (*UNIT_OPTIONS, "target"):
            if given[name] is not None:
                raise InputError(f"--{name} belongs to the objective desaturate; {aim} is a landscape without a unit")
    else:
        settings |= {name: given.value(name) for name in UNIT_OPTIONS} | {"target": 0.5}
    numbers = [option.name for option in DESCENT if option.name not in ("objective", "schedule")]
    settings |= {name: given.value(name) for name in numbers if given[name] is not None}
    return Anneal(**settings, seed=given.value("seed"))


def idle(given: Given, picture: "Anneal") -> Iterator[str]:
    """Say which options change nothing."""
    if picture.unit is not None:
        yield from idle_notes(given, [picture.unit])
    if given["every"] is not None and "paper" not in picture.schedule:
        yield "--every has no effect: only the schedule 'paper' falls in steps"


def check_film(path: str, *, force: bool) -> None:
    """Raise now what writing a moving picture would raise after the work."""
    from noisyviz.export.film import film_format
    from noisyviz.export.saving import check_target

    film_format(path)
    check_target(path, force=force)


def csv_header(picture: "Anneal") -> str:
    """Return the first line of every CSV file of these schedules, by which it is recognised."""
    from noisyviz.export.provenance import header_line
    from noisyviz.pictures.anneal.picture import series_names

    return header_line(series_names(picture.schedule))


def write_film(
    path: Path, picture: "Anneal", result: "AnnealResult", *, style: str | None, quiet: bool, force: bool
) -> None:
    """Write the moving picture, whole or not at all."""
    from noisyviz.export.film import film_bytes, film_format
    from noisyviz.export.saving import write_bytes

    write_bytes(path, film_bytes(picture, result, fmt=film_format(path), style=style or "screen"), force=force)
    if not quiet:
        terminal.say(f"wrote {path}")


def document(picture: "Anneal", result: "AnnealResult") -> dict[str, Any]:
    """Return the summary as JSON values; what is not finite is null and counted, but for passages that never come."""
    first = result.runs[0]
    asked = picture.settings() | {"lr": first.lr, "x0": first.x0, "target": first.target}
    asked["schedule"] = list(result.schedules) if result.among else result.schedules[0]
    config = {"command": "anneal", **asked, "interval": "Wilson, 95 %"}
    found: dict[str, Any] = {"config": config | versions(), "steps": first.steps}
    if result.among:
        found |= {name: value for name, value in first.plain().items() if name in ("constant", "leak", "noiseless")}
        found["schedules"] = {
            name: {"schedule": one.noisy.c.tolist(), "noisy": one.noisy.plain(), "verdict": sentence}
            for name, one, sentence in zip(result.schedules, result.runs, result.sentences, strict=True)
        }
    else:
        found |= first.plain()
    masked, count = masked_document(found, by_design=BY_DESIGN)
    return {**masked, "masked": count}


def show_summary(result: "AnnealResult") -> None:
    """Print the table of the runs and the sentence: below the table for a person, beside it for a pipe."""
    from noisyviz.annealing.results import RUN_HEADER

    table = summary_rows(result)
    if terminal.on_terminal():
        terminal.print_table("", RUN_HEADER, table)
        for sentence in sentences(result):
            terminal.write(f"\n{sentence}\n")
    else:
        terminal.print_tsv(RUN_HEADER, table)
        for sentence in sentences(result):
            terminal.say(sentence)


def sentences(result: "AnnealResult") -> list[str]:
    """Return what carries the motion, with the schedule's name where there are several."""
    if not result.among:
        return [result.sentences[0]]
    return [f"{name}: {sentence}" for name, sentence in zip(result.schedules, result.sentences, strict=True)]


def summary_rows(result: "AnnealResult") -> list[list[str]]:
    """Return one row per run."""
    from noisyviz.annealing.results import run_rows

    names = result.schedules if result.among else ("annealed",)
    return run_rows(list(zip(names, result.runs, strict=True)))
