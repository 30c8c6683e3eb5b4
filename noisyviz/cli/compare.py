"""``noisyviz compare``: small multiples of noisy units, and a table of their averages over x."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal, text_charts
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import Outputs, Table, file_stem, outputs
from noisyviz.cli.parsing import member
from noisyviz.cli.settings import idle_draws, idle_notes, point_settings, versions
from noisyviz.export.formats import PICTURE_FORMATS, TABLE_FORMATS
from noisyviz.pictures.overview import PANELS
from noisyviz.results import masked_document
from noisyviz.units.parameters import PARAMETERS

if TYPE_CHECKING:
    from noisyviz.pictures.compare.picture import Compare, CompareResult

SUMMARY: Final = "Compare units side by side, with a table of averages."
HELP: Final = """\
\b
noisyviz compare --fn hard-tanh --unit nan,nah,nani,nanil,nanis --alpha 0.9,1.0,1.15
noisyviz compare --unit nan --alpha 1.15 --c 0.25,0.5,1 --p 1,2 -o levels.pdf -o levels.csv
noisyviz compare --unit nah --alpha 0.9,1,1.15 --c 0.5,1,2,5 --map p_wrong_saturated

Draw noisy units side by side on the same axes. Every unit option accepts a list.
In the order --fn --unit --alpha --c --p --scale --noise, the first option with
several values defines the rows and the second the columns; a third is an error.
A kind that ignores the column option gets a single cell in its row.

The table holds exact averages over x, uniform in --xlim: the root mean squares
of the bias E[phi] - h and of the spread of phi, over all x and over saturated x;
and, over saturated x, the root mean squares of the gradient and of h', and the
mean probability that the gradient has the opposite sign to u'. The formulas are
in docs/theory.md.

Without -o the picture is saved as compare-<fn>.png in the current folder, with
the unit options given in its name; with --json and no -o nothing is written. -o
also writes the table as csv, npz or json.
"""
OPTIONS: Final = (
    *opt.UNIT,
    *opt.PLACES,
    *opt.changed(
        (opt.PANELS, opt.SAMPLES),
        panels={
            "help": f"Panels to draw for each unit: {', '.join(PANELS)}.",
            "default": "activation,gradient",
            "read": partial(member, registry="noisyviz.pictures.overview:PANELS"),
        },
        samples={"help": "Number of draws in the cloud of each unit.", "default": "400", "read": opt.CLOUD},
    ),
    Option(
        "map",
        "NAME",
        "Draw one map of this average over two of --alpha, --c and --p instead of panels, such as grad_rms_saturated.",
    ),
    opt.SEED,
    *opt.FILES,
    *opt.PICTURE,
    opt.TERMINAL,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Draw units side by side, and print what they do on average."""
    picture, in_text = compare(given), text_charts.wanted(given)
    stem = None if in_text else file_stem("compare", given, picture.fn)
    formats = (*PICTURE_FORMATS, *TABLE_FORMATS)
    out = outputs(given, formats=formats, stem=stem, header=",".join(columns()))
    result = picture.compute()
    if given["seed"] == "random":
        terminal.say(f"seed {picture.seed}")
    for note in () if out.quiet else notes(picture, given):
        terminal.say(note)
    table = Table(
        document=lambda: document(picture, result, out),
        columns=lambda: picture.tables(result)[""],
        config=config(picture, result, out),
    )
    out.save(picture, result, table=table)
    if in_text:
        text_charts.show(text_charts.of_comparison(picture, result))
    if given["json"]:
        terminal.print_json(table.document())
    elif not out.to_stdout:
        show_table(picture, result)
    out.open_viewer()


def compare(given: Given) -> "Compare":
    """Return the picture; every unit option is a list of distinct values."""
    from noisyviz.pictures.compare.picture import Compare

    lists: dict[str, Any] = {name: given.values(name) for name in PARAMETERS}
    return Compare(
        **lists,
        **point_settings(given, drawn=True).curve(),
        panels=given.values("panels"),
        samples=given.value("samples"),
        seed=given.value("seed"),
        heat=given["map"] or "",
    )


def notes(picture: "Compare", given: Given) -> Iterator[str]:
    """Say which parameters change nothing."""
    from noisyviz.pictures.compare.picture import OPTIONS

    told = list(idle_notes(given, picture.unit))
    yield from told
    if picture.heat:
        yield from idle_draws(given, "--map shows no draws")
        if given["panels"]:
            yield "--panels has no effect: --map takes the place of the panels"
    kinds = picture.unit[0] if len(picture.unit) == 1 else "these kinds"
    for key in OPTIONS:
        if len(getattr(picture, key)) > 1 and key not in picture.span():
            note = f"--{key} has no effect: {kinds} {'ignores' if len(picture.unit) == 1 else 'ignore'} it"
            if note not in told:
                yield note


def columns() -> tuple[str, ...]:
    """Return the names of the columns of the table."""
    from noisyviz.pictures.compare.picture import OPTIONS
    from noisyviz.pictures.compare.picture import SUMMARY as AVERAGES

    return (*OPTIONS, *AVERAGES)


def config(picture: "Compare", result: "CompareResult", out: Outputs) -> dict[str, Any]:
    """Return what made the numbers, as JSON values."""
    told = {"command": "compare", **picture.settings(), "xlim": list(result.xlim)}
    return told | {"style": out.style, "width": out.width} | versions()


def document(picture: "Compare", result: "CompareResult", out: Outputs) -> dict[str, Any]:
    """Return one document of JSON values; averages that do not exist are null and counted in ``masked``."""
    from noisyviz.pictures.compare.comparison import Comparison

    found, masked = masked_document(Comparison(settings=picture, found=result).plain())
    return {"config": config(picture, result, out), **found, "masked": masked}


def show_table(picture: "Compare", result: "CompareResult") -> None:
    """Print every column for programs, or for a person what differs and the averages."""
    from noisyviz.pictures.compare.comparison import Comparison, plain_text
    from noisyviz.pictures.compare.picture import settings_of, summary

    if terminal.on_terminal():
        table = Comparison(settings=picture, found=result).summary()
        terminal.print_table(table.title, table.header, table.rows)
        return
    rows = (
        # an average that does not exist is empty: "nan" is a kind of unit here
        [
            plain_text(None if value != value else value)
            for value in (*settings_of(cell).values(), *summary(cell).values())
        ]
        for cell in result.cells
    )
    terminal.print_tsv(columns(), rows)
