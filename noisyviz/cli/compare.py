"""``noisyviz compare``: small multiples of noisy units, and a table of what they do on average."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.output_files import targets
from noisyviz.cli.parsing import choice, distinct, number, seed_from, whole
from noisyviz.cli.picture_output import Look, WithData, file_stem, launch, look_settings, refuse_contradictions, save
from noisyviz.cli.settings import point_settings, versions

if TYPE_CHECKING:
    from noisyviz.pictures.compare.picture import Compare, CompareCell, CompareResult

SUMMARY: Final = "Units side by side: kinds and parameters as rows and columns, with a table."
HELP: Final = """\
\b
noisyviz compare --fn hard-tanh --unit nan,nah,nani,nanil,nanis --alpha 0.9,1.0,1.15
noisyviz compare --unit nan --alpha 1.15 --c 0.25,0.5,1 --p 1,2 -o levels.pdf -o levels.csv

Draw noisy units side by side on the same axes. Every unit option takes a list:
in the order --fn --unit --alpha --c --p --scale --noise, the first with several
values spans the rows, the second one the columns; a third is refused. A kind
that ignores what spans the columns has one cell in its row.

The table holds averages over x, uniform in --xlim, by the exact road: the root
mean squares of the bias E[phi] - h and of the spread of phi; the same where h
saturates, and there the root mean square of the gradient over the draws, that
of h', and the wrong-sign share, the mean probability that the gradient opposes
u'. docs/theory.md has the formulas.

Without -o the picture is compare-<fn>.png in the current folder; with --json
and no -o nothing is written. -o also takes csv, npz and json for the table.
"""
TABLES: Final = ("csv", "npz", "json")
DEFAULT_CLOUD: Final = "400"
DEFAULT_PANELS: Final = ("activation", "gradient")
SHOWN: Final = {
    "bias_rms": "bias",
    "std_rms": "std",
    "bias_rms_saturated": "bias sat.",
    "std_rms_saturated": "std sat.",
    "grad_rms_saturated": "grad sat.",
    "grad_rms_noiseless_saturated": "without",
    "p_wrong_saturated": "wrong sat.",
}

Panels = Annotated[
    list[str] | None,
    opt.option(
        "--panels",
        metavar="LIST",
        help="Panels of each unit: activation, delta, sigma, gradient.",
        default=",".join(DEFAULT_PANELS),
    ),
]
Samples = Annotated[
    str | None,
    opt.option("--samples", metavar="N", help="Number of draws in the cloud of each unit.", default=DEFAULT_CLOUD),
]


def compare(
    fn: opt.Fn = None,
    unit: opt.Unit = None,
    alpha: opt.Alpha = None,
    c: opt.C = None,
    p: opt.P = None,
    scale: opt.Scale = None,
    noise: opt.Noise = None,
    at: opt.At = None,
    xlim: opt.Xlim = None,
    points: opt.Points = None,
    panels: Panels = None,
    samples: Samples = None,
    seed: opt.Seed = None,
    out: opt.Output = None,
    format_name: opt.Format = None,
    style: opt.Style = None,
    width: opt.Width = None,
    with_data: WithData = False,
    show: opt.Show = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    force: opt.Force = False,
) -> None:
    """Draw units side by side, and print what they do on average."""
    from noisyviz.export.formats import PICTURE_FORMATS

    where = point_settings(at=at, xlim=xlim, points=points)
    picture = compare_picture(
        unit_lists(fn=fn, unit=unit, alpha=alpha, c=c, p=p, scale=scale, noise=noise),
        where=where.even(),
        panels=panels,
        samples=samples,
        seed=seed,
    )
    look = look_settings(style=style, width=width)
    stem = file_stem("compare", picture.fn)
    files = targets(out, format_name=format_name, allowed=(*PICTURE_FORMATS, *TABLES), json=json, default_stem=stem)
    refuse_contradictions(files, with_data=with_data, show=show)
    header = ",".join(columns())
    for target in files:
        target.check(force=force, header=header)
    result = picture.compute()
    if seed == "random":
        output.say(f"seed {picture.seed}")
    for note in () if quiet else notes(picture):
        output.say(note)
    save(
        files,
        picture,
        result,
        look=look,
        with_data=with_data,
        quiet=quiet,
        force=force,
        table=lambda fmt: payload(picture, result, look, fmt),
        header=header,
    )
    if json:
        output.print_json(document(picture, result, look))
    elif all(target.path for target in files):
        show_table(result)
    if show:
        launch(files)


def unit_lists(
    *,
    fn: Sequence[str] | None,
    unit: Sequence[str] | None,
    alpha: Sequence[str] | None,
    c: Sequence[str] | None,
    p: Sequence[str] | None,
    scale: Sequence[str] | None,
    noise: Sequence[str] | None,
) -> dict[str, Any]:
    """Check the unit options, each of them a list of distinct values."""
    from noisyviz.units.unit import KINDS, SCALES

    def numbers(texts: Sequence[str] | None, flag: str, default: str, at_least: float | None = None) -> Iterator[float]:
        return (number(text, flag, at_least=at_least) for text in distinct(texts, flag, [default]))

    return {
        "fn": tuple(distinct(fn, "--fn", [opt.DEFAULT_FN])),
        "unit": tuple(choice(kind, "--unit", KINDS) for kind in distinct(unit, "--unit", [opt.DEFAULT_UNIT])),
        "alpha": tuple(numbers(alpha, "--alpha", opt.DEFAULT_ALPHA)),
        "c": tuple(numbers(c, "--c", opt.DEFAULT_C, 0.0)),
        "p": tuple(numbers(p, "--p", opt.DEFAULT_P)),
        "scale": tuple(choice(name, "--scale", SCALES) for name in distinct(scale, "--scale", [opt.DEFAULT_SCALE])),
        "noise": tuple(distinct(noise, "--noise", [opt.DEFAULT_NOISE])),
    }


def compare_picture(
    units: Mapping[str, Any],
    *,
    where: tuple[tuple[float, float] | None, int],
    panels: Sequence[str] | None,
    samples: str | None,
    seed: str | None,
) -> "Compare":
    """Return the recipe of the picture."""
    from noisyviz.pictures.compare.picture import Compare
    from noisyviz.pictures.overview.picture import MOST_DRAWS, PANELS

    xlim, points = where
    names = distinct(panels, "--panels", DEFAULT_PANELS)
    return Compare(
        **units,
        panels=tuple(choice(name, "--panels", PANELS) for name in names),
        xlim=xlim,
        points=points,
        samples=whole(samples or DEFAULT_CLOUD, "--samples", low=1, high=MOST_DRAWS),
        seed=seed_from(seed or opt.DEFAULT_SEED),
    )


def notes(picture: "Compare") -> Iterator[str]:
    """Say which lists change nothing."""
    from noisyviz.pictures.compare.picture import OPTIONS

    kinds = picture.unit[0] if len(picture.unit) == 1 else "these kinds"
    for key in OPTIONS:
        if len(getattr(picture, key)) > 1 and key not in picture.span():
            yield f"--{key} changes nothing: {kinds} {'ignores' if len(picture.unit) == 1 else 'ignore'} it"


def columns() -> tuple[str, ...]:
    """Return the names of the columns of the table."""
    from noisyviz.pictures.compare.picture import OPTIONS
    from noisyviz.pictures.compare.picture import SUMMARY as AVERAGES

    return (*OPTIONS, *AVERAGES)


def config(picture: "Compare", result: "CompareResult", look: Look) -> dict[str, Any]:
    """Return what made the numbers, as JSON values."""
    told = {"command": "compare", **picture.settings(), "xlim": list(result.xlim)}
    return told | {"style": look.style, "width": look.width} | versions()


def document(picture: "Compare", result: "CompareResult", look: Look) -> dict[str, Any]:
    """Return one document of JSON values; averages that do not exist are null and counted in ``masked``."""
    from noisyviz.pictures.compare.picture import settings_of, summary

    def entry(cell: "CompareCell") -> dict[str, Any]:
        wrong = [list(interval) for interval in cell.series.wrong]
        return {**settings_of(cell), **summary(cell), "wrong_sign": wrong}

    cells, masked = output.masked_document([entry(cell) for cell in result.cells])
    told = {"rows": result.row_option or None, "columns": result.column_option or None}
    return {"config": config(picture, result, look), **told, "cells": cells, "masked": masked}


def payload(picture: "Compare", result: "CompareResult", look: Look, fmt: str) -> bytes:
    """Return the bytes of a table: the document as JSON, else one row for each unit."""
    from noisyviz.export.tables import json_bytes, table_bytes

    if fmt == "json":
        return json_bytes(document(picture, result, look))
    return table_bytes(picture.tables(result)[""], config(picture, result, look), fmt=fmt)


def show_table(result: "CompareResult") -> None:
    """Print every column for programs, or for a person what differs and the averages."""
    from noisyviz.pictures.compare.picture import OPTIONS, settings_of, summary

    if not output.on_terminal():
        rows = ([*map(_plain, settings_of(cell).values()), *map(str, summary(cell).values())] for cell in result.cells)
        output.print_tsv(columns(), rows)
        return
    named = [key for key in OPTIONS if key in (result.row_option, result.column_option)] or ["fn", "unit"]
    cells = [
        [*(_plain(cell.value(key)) or "any" for key in named), *(_short(value) for value in summary(cell).values())]
        for cell in result.cells
    ]
    low, high = result.xlim
    output.print_table(f"Averages over x from {low:g} to {high:g}", [*named, *SHOWN.values()], cells)


def _plain(value: object) -> str:
    return "" if value is None else str(value)


def _short(value: float) -> str:
    return "-" if value != value else f"{value:.3g}"  # NaN: no x saturates
