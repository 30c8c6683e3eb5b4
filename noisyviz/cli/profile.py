"""``noisyviz profile``: saturation of real pre-activations, and what noise does to their gradients."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.output_files import targets
from noisyviz.cli.parsing import single, split_list
from noisyviz.cli.picture_output import WithData, launch, look_settings, pictures, refuse_contradictions, save
from noisyviz.cli.settings import UnitSettings, unit_settings, versions
from noisyviz.errors import InputError
from noisyviz.export.formats import PICTURE_FORMATS

if TYPE_CHECKING:
    from noisyviz.networks.profile import ArrayProfile, Profile
    from noisyviz.pictures.profile.picture import ProfilePicture

SUMMARY: Final = "Which units of a network saturate, and what noise does to their gradients."
HELP: Final = """\
\b
noisyviz profile activations.npz --fn tanh
noisyviz profile gates.npz --fn sigmoid --array cell_candidate=tanh -o gates.png -o units.csv

Read pre-activations (.npy, .npz, .csv, .safetensors, a folder of them, or - for
standard input; the last axis counts units, all others samples) and tell how far
they saturate, and what the noisy unit does to the saturated ones. Prints a table,
or one document with --json; -o writes a picture, or a table of all units.
"""
FORMATS: Final = ("csv", "npz", "json")
USUAL_ERROR: Final = 1 / 32  # of the quantiles of units, in 1 + |x|
ARRAY_FIELDS: Final = (
    *("name", "fn", "shape", "units", "samples", "non_finite", "share_left", "share_right", "share_saturated"),
    *("mean_abs_delta", "mean_derivative", "dead_units"),
)
UNIT_COLUMNS: Final = (
    *("array", "fn", "unit", "samples", "share_left", "share_right", "share_saturated", "mean_abs_delta"),
    *("mean_derivative", "dead", "low", "q05", "q50", "q95", "high"),
    *("noise.bias_rms", "noise.std_rms", "noise.bias_rms_saturated", "noise.std_rms_saturated"),
    *("noise.grad_rms_saturated", "noise.grad_rms_noiseless_saturated"),
)
SHOWN: Final = {
    "array": "name",
    "fn": "fn",
    "units": "units",
    "left": "share_left",
    "right": "share_right",
    "dead": "dead_units",
    "mean h'": "mean_derivative",
    "bias": "noise.bias_rms",
    "std": "noise.std_rms",
    "grad sat.": "noise.grad_rms_saturated",
    "without": "noise.grad_rms_noiseless_saturated",
}
SHARES: Final = ("name", "fn", "units", "share_left", "share_right", "dead_units")

Files = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Files, FILE:ARRAY, folders, or - for standard input.", show_default=False),
]
ArrayFn = Annotated[
    list[str] | None,
    typer.Option("--array", metavar="NAME=FN", help="Another activation for one array.", show_default=False),
]
SharesOnly = Annotated[
    bool,
    typer.Option("--shares-only", help="Shares, dead units and extremes alone, several times as fast."),
]


def profile(
    files: Files,
    fn: opt.Fn = None,
    array: ArrayFn = None,
    unit: opt.Unit = None,
    alpha: opt.Alpha = None,
    c: opt.C = None,
    p: opt.P = None,
    scale: opt.Scale = None,
    noise: opt.Noise = None,
    shares_only: SharesOnly = False,
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
    """Profile the arrays and print or write what was found."""
    single(fn, "--fn", opt.DEFAULT_FN)
    settings = unit_settings(fn=fn, unit=unit, alpha=alpha, c=c, p=p, scale=scale, noise=noise)
    functions = array_functions(array)
    look = look_settings(style=style, width=width)
    wanted = targets(out, format_name=format_name, allowed=(*FORMATS, *PICTURE_FORMATS), json=json)
    refuse_contradictions(wanted, with_data=with_data, show=show)
    if shares_only and pictures(wanted):
        raise InputError("--shares-only leaves out what a picture shows; leave it or the picture out")
    header = ",".join(UNIT_COLUMNS)
    for target in wanted:
        target.check(force=force, header=header)
    found, read = compute(files, settings, functions, shares_only=shares_only, recorded=json or bool(wanted))
    config = {"command": "profile", "files": read, **settings.config(), "array": functions}
    config |= {"shares_only": shares_only, **versions()}
    if pictures(wanted):
        recipe = picture(settings, functions, read)
        save(
            wanted,
            recipe,
            recipe.of(found),
            look=look,
            with_data=with_data,
            quiet=quiet,
            force=force,
            table=lambda fmt: payload(found, config, fmt),
            header=header,
        )
    else:
        for target in wanted:
            target.write(payload(found, config, target.format), force=force, quiet=quiet, header=header)
    if not quiet and not shares_only and any(target.format in ("csv", "npz") for target in wanted):
        tell_limits(found)
    if json:
        output.print_json(document(found, config))
    elif not wanted:
        show_table(found, settings)
    if show:
        launch(wanted)


def picture(
    settings: UnitSettings, functions: Mapping[str, str], files: Sequence[Mapping[str, str]]
) -> "ProfilePicture":
    """Return the recipe of the picture."""
    from noisyviz.pictures.picture import DataSource
    from noisyviz.pictures.profile.picture import ProfilePicture

    return ProfilePicture(
        **settings.config(),  # type: ignore[arg-type]  # the keys are the fields
        functions=tuple(functions.items()),
        files=tuple(DataSource(**source) for source in files),
    )


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
        output.say(f"'{array.name}' has many units ({array.units:,}): they {quantiles}{noise}")


def array_functions(texts: Sequence[str] | None) -> dict[str, str]:
    """Read ``NAME=FN``.

    Examples
    --------
    >>> array_functions(["cell_candidate=tanh"])
    {'cell_candidate': 'tanh'}
    """
    functions: dict[str, str] = {}
    for item in split_list(texts, "--array") if texts else []:
        name, equals, fn = item.rpartition("=")
        if not equals or not name or not fn:
            raise InputError(f"--array is written NAME=FN, got '{item}'")
        if name in functions:
            raise InputError(f"--array names '{name}' twice")
        functions[name] = fn
    return functions


def compute(
    files: Sequence[str], settings: UnitSettings, functions: Mapping[str, str], *, shares_only: bool, recorded: bool
) -> tuple["Profile", list[dict[str, str]]]:
    """Stream every array through the engine; return also which files were read, if that is recorded."""
    from noisyviz.networks.array_sources import arrays_of
    from noisyviz.networks.digests import Digests
    from noisyviz.networks.profile import Profiler
    from noisyviz.units.activations import activation

    (unit,) = settings.build()
    try:
        own = {name: activation(fn) for name, fn in functions.items()}
    except InputError as error:
        raise InputError(str(error), parameter="array") from None
    profiler = Profiler(fn=unit.activation, functions=own, unit=unit, shares_only=shares_only)
    with Digests() as digests:
        for found in arrays_of(files, stdin=sys.stdin.buffer, digests=digests if recorded else None):
            profiler.add(found.name, found.array, alias=found.alias)
        return profiler.finish(), digests.records()


def document(found: "Profile", config: Mapping[str, object]) -> dict[str, object]:
    """Return one document of JSON values; what is not finite is null and counted in ``masked``."""

    def entry(array: "ArrayProfile") -> dict[str, object]:
        from noisyviz.networks.profile import QUANTILES

        told: dict[str, object] = {name: getattr(array, name) for name in ARRAY_FIELDS}
        told["quantiles"] = {f"{q:g}": v for q, v in zip(QUANTILES, array.quantiles.tolist(), strict=True)}
        if array.per_unit is not None:
            told["unit_quantile_error"] = array.per_unit.quantile_error
        if array.noise is not None:
            told["noise"] = {field.name: getattr(array.noise, field.name) for field in fields(array.noise)}
        return told

    total = entry(found.total)
    del total["name"], total["shape"]
    told, masked = output.masked_document({"arrays": [entry(array) for array in found.arrays], "total": total})
    return {"config": config, **told, "masked": masked}


def unit_columns(found: "Profile") -> dict[str, Any]:
    """Return one row for every unit of every array."""
    import numpy as np

    parts: dict[str, list[Any]] = {name: [] for name in UNIT_COLUMNS}
    for array in found.arrays:
        rows = array.per_unit
        if rows is None:  # only the total has none
            continue
        parts["array"].append(np.full(array.units, array.name))
        parts["fn"].append(np.full(array.units, array.fn))
        parts["unit"].append(np.arange(array.units))
        for position, name in enumerate(("q05", "q50", "q95")):
            parts[name].append(rows.quantiles[:, position])
        for name in UNIT_COLUMNS:
            group, dot, key = name.partition(".")
            if dot:
                parts[name].append(np.full(array.units, np.nan) if rows.noise is None else getattr(rows.noise, key))
            elif hasattr(rows, group):
                parts[name].append(getattr(rows, group))
    return {name: np.concatenate(columns) for name, columns in parts.items()}


def payload(found: "Profile", config: Mapping[str, object], fmt: str) -> bytes:
    """Return the profile as the bytes of a file: the whole document as JSON, else the table of units."""
    from noisyviz.export.tables import json_bytes, table_bytes

    return json_bytes(document(found, config)) if fmt == "json" else table_bytes(unit_columns(found), config, fmt=fmt)


def show_table(found: "Profile", settings: UnitSettings) -> None:
    """Print every column for programs, or the main ones for a person."""
    rows = [*found.arrays, *([found.total] if len(found.arrays) > 1 else [])]
    if not output.on_terminal():
        names = [name for name in _names(found) if name != "shape"]
        output.print_tsv(names, ([str(_value(row, name)) for name in names] for row in rows))
        return
    if found.total.noise is None:
        shown = {label: name for label, name in SHOWN.items() if name in SHARES}
        cells = [[_short(_value(row, name)) for name in shown.values()] for row in rows]
        output.print_table("Saturation", list(shown), cells)
        return
    cells = [[_short(_value(row, name)) for name in SHOWN.values()] for row in rows]
    title = "Saturation, and {unit} with alpha {alpha:g}, c {c:g}, p {p:g}, {noise} noise".format_map(settings.config())
    output.print_table(title, list(SHOWN), cells)


def _names(found: "Profile") -> Iterator[str]:
    yield from ARRAY_FIELDS
    if found.total.noise is not None:
        yield from (f"noise.{field.name}" for field in fields(found.total.noise))


def _value(row: "ArrayProfile", name: str) -> Any:
    group, dot, key = name.partition(".")
    return getattr(row.noise, key) if dot else getattr(row, group)


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
