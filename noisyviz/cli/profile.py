"""``noisyviz profile``: saturation of real pre-activations, and how noise changes their gradients."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal, text_charts
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import Table, outputs
from noisyviz.cli.parsing import split_list, whole
from noisyviz.cli.settings import build, idle_notes, unit_config, unit_settings, versions
from noisyviz.errors import InputError
from noisyviz.export.formats import PICTURE_FORMATS, TABLE_FORMATS
from noisyviz.results import masked_document

if TYPE_CHECKING:
    from noisyviz.networks.profile import Profiler
    from noisyviz.networks.results import Profile
    from noisyviz.pictures.profile.picture import ProfilePicture, ProfileResult
    from noisyviz.units.activation import Activation


def axis_number(text: str, flag: str) -> int:
    """Read the number of an axis, which counts from the end where it is negative."""
    return whole(text, flag, low=-MAX_AXES, high=MAX_AXES - 1)


SUMMARY: Final = "Measure which units of a network saturate, and how noise changes their gradients."
HELP: Final = """\
\b
noisyviz profile gates.npz:cell_candidate --fn tanh
noisyviz profile gates.npz --fn sigmoid --array cell_candidate=tanh -o gates.png -o units.csv

Read pre-activations ('noisyviz sample' writes gates.npz) and measure how much they saturate and how a noisy unit
changes the gradients of the saturated ones. Files are .npy, .npz, .safetensors,
tables of text (.csv, .tsv, .txt, .dat, .gz) or, with the extras 'files' and
'torch', .parquet, .h5 and .pt; also folders of these, or - for standard input.
One axis of an array, by default the last, counts units; all other axes are
samples. FILE:bfloat16 (float8_e4m3, float8_e5m2) reads numbers that NumPy saved
as raw bytes. Prints a table, or one JSON document with --json; -o writes a
picture, or a table with one row per unit.
"""
MAX_AXES: Final = 32
USUAL_ERROR: Final = 1 / 32  # of the quantiles of units, in 1 + |x|
SOURCES: Final = Option(
    "files",
    "FILE...",
    "Files, FILE:ARRAY, folders, or - for standard input.",
    argument=True,
    type=list[str],
    required=True,
)
ARRAY: Final = Option(
    "array", "NAME[=FN][@N]", "Activation and axis of units of one array, if not --fn and --axis.", type=list[str]
)
AXIS: Final = Option("axis", "N", "Axis of units of arrays of two axes or more.", default="-1", read=axis_number)
SHARES_ONLY: Final = Option(
    "shares_only", "", "Compute only shares, dead units and extremes; several times faster.", type=bool
)
OPTIONS: Final = (
    SOURCES,
    opt.FN,
    ARRAY,
    AXIS,
    *opt.NOISE,
    SHARES_ONLY,
    *opt.FILES,
    *opt.PICTURE,
    opt.TERMINAL,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Profile the arrays and print or write what was found."""
    from noisyviz.networks.results import UNIT_COLUMNS

    given.value("fn")  # one function only
    settings, (functions, axes) = unit_settings(given), array_options(given["array"])
    axis = given.value("axis")
    shares_only = given["shares_only"]
    out = outputs(given, formats=(*TABLE_FORMATS, *PICTURE_FORMATS), header=",".join(UNIT_COLUMNS))
    in_text = text_charts.wanted(given)
    if shares_only and in_text:
        raise InputError("--shares-only omits the numbers that --terminal shows; drop one of them")
    if shares_only and out.pictures:
        raise InputError("--shares-only omits the numbers that a picture shows; drop it, or write a table instead")
    recorded = given["json"] or bool(out.targets)
    profiler = new_profiler(settings, functions, axis=axis, axes=axes, shares_only=shares_only)
    found, read = compute(given["files"], profiler, recorded=recorded)
    config = {"command": "profile", "files": read, **unit_config(settings), "array": functions}
    config |= {"axis": axis, "axes": axes, "shares_only": shares_only, **versions()}
    table = Table(document=lambda: document(found, config), columns=found.columns, config=config)
    if not out.quiet:
        for note in found.notes:
            terminal.say(note)
    if out.pictures or in_text:
        picture = profile_picture(settings, functions, read, axis=axis, axes=axes)
        result = picture.of(found)
        out.save(picture, result, table=table)
        if out.pictures and not out.quiet:
            tell_layout(result)
        if in_text:
            text_charts.show(text_charts.of_profile(picture, picture.of(found, apart=True)))
    else:
        out.save(table=table)
    for note in () if out.quiet else idle(given, settings["unit"]):
        terminal.say(note)
    if not out.quiet and not shares_only and any(target.format in ("csv", "npz") for target in out.targets):
        tell_limits(found)
    if given["json"]:
        terminal.print_json(table.document())
    elif not out.targets:
        show_table(found, settings)
    out.open_viewer()


def idle(given: Given, kind: str) -> Iterator[str]:
    """Say which options change nothing."""
    if not given["shares_only"]:
        yield from idle_notes(given, [kind])
        return
    for option in opt.NOISE:
        if given[option.name] is not None:
            yield f"{option.flag} has no effect: --shares-only computes no noise"


def profile_picture(
    settings: dict[str, Any],
    functions: Mapping[str, str],
    files: Sequence[Mapping[str, str]],
    *,
    axis: int = -1,
    axes: Mapping[str, int] = MappingProxyType({}),
) -> "ProfilePicture":
    """Return the picture of a profile."""
    from noisyviz.pictures.picture import DataSource
    from noisyviz.pictures.profile.picture import ProfilePicture

    return ProfilePicture(
        **unit_config(settings),
        functions=tuple(functions.items()),
        axis=axis,
        axes=tuple(axes.items()),
        files=tuple(DataSource(**source) for source in files),
    )


def tell_layout(result: "ProfileResult") -> None:
    """Say on standard error what a picture took for time, and what it has no room for."""
    if result.moments is not None:
        terminal.say(result.moments.told())
    if result.left_out:
        terminal.say(f"the picture shows {len(result.rows)} arrays and leaves out {result.left_out}; the table has all")


def tell_limits(found: "Profile") -> None:
    """Say on standard error what the table of units lacks, or gives more coarsely than usual, for wide arrays."""
    for array in found.arrays:
        rows = array.per_unit
        if rows is None or (rows.noise is not None and rows.quantile_error and rows.quantile_error <= USUAL_ERROR):
            continue
        if rows.quantile_error is None:
            quantiles = "have no quantiles"
        else:
            quantiles = f"have quantiles within (1 + |x|)*{rows.quantile_error:g}"
        noise = " and no noise columns" if rows.noise is None else ""
        terminal.say(f"'{array.name}' has many units ({array.units:,}): they {quantiles}{noise}")


def array_options(texts: Sequence[str] | None) -> tuple[dict[str, str], dict[str, int]]:
    """Read ``NAME[=FN][@N]``; return the functions and the axes of units by the names of arrays.

    Examples
    --------
    >>> array_options(["cell_candidate=tanh@1", "conv1@1"])
    ({'cell_candidate': 'tanh'}, {'cell_candidate': 1, 'conv1': 1})
    """
    functions: dict[str, str] = {}
    axes: dict[str, int] = {}
    begun = ""
    for part in split_list(texts, "--array") if texts else []:
        item, begun = begun + part, ""
        name, equals, fn = item.rpartition("=")
        if not equals:
            name, fn = item, ""
        before, at, axis = (fn if equals else name).rpartition("@")
        if at and re.fullmatch(r"-?\d{1,4}", axis):
            name, fn = (name, before) if equals else (before, fn)
        else:
            axis = ""
        if not (equals or axis):
            begun = f"{item},"  # a comma in the name of an array
            continue
        if not name or (equals and not fn):
            raise InputError(f"--array is written NAME=FN, NAME@N or NAME=FN@N, got '{item}'")
        if name in functions or name in axes:
            raise InputError(f"--array names '{name}' twice")
        functions |= {name: fn} if equals else {}
        axes |= {name: int(axis)} if axis else {}
    if begun:
        raise InputError(f"--array is written NAME=FN, NAME@N or NAME=FN@N, got '{begun[:-1]}'")
    return functions, axes


def activations_of(functions: Mapping[str, str]) -> "dict[str, Activation]":
    """Return the functions of ``--array`` by the names of arrays."""
    from noisyviz.units.activations import activation

    try:
        return {name: activation(fn) for name, fn in functions.items()}
    except InputError as error:
        raise InputError(str(error), parameter="array") from None


def new_profiler(
    settings: dict[str, Any], functions: Mapping[str, str], *, axis: int, axes: Mapping[str, int], shares_only: bool
) -> "Profiler":
    """Return a profiler with the unit and the functions that were asked for."""
    from noisyviz.networks.profile import Profiler

    (unit,) = build(settings)
    return Profiler(
        fn=unit.activation,
        functions=activations_of(functions),
        unit=unit,
        axis=axis,
        axes=axes,
        shares_only=shares_only,
    )


def compute(files: Sequence[str], profiler: "Profiler", *, recorded: bool) -> tuple["Profile", list[dict[str, str]]]:
    """Stream every array through the engine; return also which files were read, if that is recorded."""
    from noisyviz.networks.array_sources import arrays_of
    from noisyviz.networks.digests import Digests

    notes: list[str] = []
    with Digests() as digests:
        for found in arrays_of(
            files, stdin=terminal.standard_input(), digests=digests if recorded else None, notes=notes
        ):
            profiler.add(found.name, found.array, alias=found.alias, columns=found.columns, file=found.file)
        return profiler.finish(notes), digests.records()


def document(found: "Profile", config: Mapping[str, object]) -> dict[str, object]:
    """Return one document of JSON values; what is not finite is null and counted in ``masked``."""
    told, masked = masked_document(found.plain())
    return {"config": config, **told, "masked": masked}


def show_table(found: "Profile", settings: dict[str, Any]) -> None:
    """Print every column for programs, or the main ones for a person."""
    from noisyviz.networks.results import ARRAY_FIELDS, fact

    if terminal.on_terminal():
        table = found.summary()
        title = "Saturation, and {unit} with alpha {alpha:g}, c {c:g}, p {p:g}, {noise} noise".format_map(settings)
        terminal.print_table("Saturation" if found.unit is None else title, table.header, table.rows)
        return
    noise = found.total.noise
    names = [*ARRAY_FIELDS, *([] if noise is None else (f"noise.{field.name}" for field in fields(noise)))]
    names.remove("shape")
    rows = [*found.arrays, *([found.total] if len(found.arrays) > 1 else [])]
    values = ([fact(row, name) for name in names] for row in rows)
    terminal.print_tsv(names, (["" if value != value else str(value) for value in row] for row in values))
