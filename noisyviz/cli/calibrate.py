"""``noisyviz calibrate``: the least noise that gives saturated units their gradient back."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.output_files import targets
from noisyviz.cli.parsing import choice, distinct, number, single
from noisyviz.cli.picture_output import WithData, launch, look_settings, pictures, refuse_contradictions, save
from noisyviz.cli.settings import versions
from noisyviz.errors import InputError, NotReachedError
from noisyviz.export.formats import PICTURE_FORMATS

if TYPE_CHECKING:
    from noisyviz.networks.calibrate import Calibration, Setting
    from noisyviz.networks.weighted_sample import Sample
    from noisyviz.pictures.calibrate.picture import CalibratePicture
    from noisyviz.units.activation import Activation
    from noisyviz.units.unit import NoisyUnit

SUMMARY: Final = "The least noise that gives saturated units a gradient at an acceptable bias."
HELP: Final = """\
\b
noisyviz calibrate --input normal:0,2 --target-grad 0.2
noisyviz calibrate activations.npz --unit nan,nah --alpha 0.9,1 --target-grad 0.3 --max-bias 0.4

Find the smallest c with which the root mean square of the gradient on saturated
samples reaches a target, in units of the slope of u, while the bias stays within
a bound. Every kind and alpha on offer is tried, from files as in 'profile' or for
a normal input. -o writes the whole trade-off, as a picture or a table.
Exit code 3: nothing reaches it.
"""
FORMATS: Final = ("csv", "npz", "json")
DEFAULT_TARGET: Final = "0.25"
DEFAULT_FACTOR: Final = "4"
COLUMNS: Final = ("fn", "unit", "alpha", "c", "p", "grad_rms_saturated", "bias_rms")
LARGEST: Final = 1e9  # of a normal input
ROUNDING: Final = 1e-9  # where a bias meets its bound

Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE...]", help="Files, FILE:ARRAY, folders, or - for standard input."),
]
Input = Annotated[
    str | None,
    typer.Option("--input", metavar="normal:MEAN,STD", help="A normal input in place of files.", show_default=False),
]
TargetGrad = Annotated[
    str | None,
    typer.Option(
        "--target-grad",
        metavar="NUMBER",
        help=f"Least gradient on saturated samples, above 0.  [default: {DEFAULT_TARGET}]",
        show_default=False,
    ),
]
MaxBias = Annotated[
    str | None,
    typer.Option("--max-bias", metavar="NUMBER", help="Largest bias, at least 0.  [default: none]", show_default=False),
]
StartFactor = Annotated[
    str | None,
    typer.Option(
        "--start-factor",
        metavar="NUMBER",
        help="A schedule starts where the gradient is this many times the target, at least 1."
        f"  [default: {DEFAULT_FACTOR}]",
        show_default=False,
    ),
]


def calibrate(
    files: Files = None,
    input_text: Input = None,
    target_grad: TargetGrad = None,
    max_bias: MaxBias = None,
    start_factor: StartFactor = None,
    fn: opt.Fn = None,
    unit: opt.Unit = None,
    alpha: opt.Alpha = None,
    c: opt.NoC = None,
    p: opt.P = None,
    scale: opt.Scale = None,
    noise: opt.Noise = None,
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
    """Search, print or write what was found, and end with 3 when there is nothing."""
    if c is not None:
        raise InputError("--c is what calibrate searches for; use --target-grad and --max-bias")
    units = units_on_offer(fn=fn, unit=unit, alpha=alpha, p=p, scale=scale, noise=noise)
    target = number(target_grad or DEFAULT_TARGET, "--target-grad")
    bound = number(max_bias, "--max-bias", at_least=0.0) if max_bias is not None else None
    factor = number(start_factor or DEFAULT_FACTOR, "--start-factor", at_least=1.0)
    if target <= 0:
        raise InputError(f"--target-grad must be a finite number above 0, got '{target_grad}'")
    if bool(files) == (input_text is not None):
        raise InputError("calibrate needs either FILE... or --input normal:MEAN,STD")
    look = look_settings(style=style, width=width)
    wanted = targets(out, format_name=format_name, allowed=(*FORMATS, *PICTURE_FORMATS), json=json)
    refuse_contradictions(wanted, with_data=with_data, show=show)
    header = ",".join(COLUMNS)
    for place in wanted:
        place.check(force=force, header=header)
    from noisyviz.networks.calibrate import calibrate as search

    asked = {"target_grad": target, "max_bias": bound, "start_factor": factor}
    normal = None if input_text is None else normal_numbers(input_text)
    data, read = sample(files, normal, units[0].activation, recorded=json or bool(wanted))
    found = search(data, units=units, **asked)  # type: ignore[arg-type]  # the keys are the parameters
    config = _config(read, input_text, units) | asked | versions()
    if pictures(wanted):
        recipe = picture(units, asked, normal, read)
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
        for place in wanted:
            place.write(payload(found, config, place.format), force=force, quiet=quiet, header=header)
    if json:
        output.print_json(document(found, config))
    elif not wanted and found.best is not None:
        show_table(found)
    if show:
        launch(wanted)
    if found.best is None:
        raise NotReachedError(verdict(found, target, bound))
    if not quiet:
        if found.best.c == 0:
            output.say("the leak suffices: no noise is needed")
        output.say(f"see it with: {command(found.best)}")
        output.say(schedule_sentence(found, factor))


def picture(
    units: "Sequence[NoisyUnit]",
    asked: Mapping[str, float | None],
    normal: tuple[float, float] | None,
    files: Sequence[Mapping[str, str]],
) -> "CalibratePicture":
    """Return the recipe of the picture."""
    from noisyviz.pictures.calibrate.picture import CalibratePicture
    from noisyviz.pictures.picture import DataSource

    return CalibratePicture(
        fn=units[0].activation.name,
        unit=tuple(dict.fromkeys(unit.kind for unit in units)),
        alpha=tuple(dict.fromkeys(float(unit.alpha) for unit in units)),
        p=float(units[0].p),
        scale=units[0].scale,
        noise=units[0].noise.name,
        normal=normal,
        files=tuple(DataSource(**source) for source in files),
        **asked,  # type: ignore[arg-type]  # the keys are the fields
    )


def units_on_offer(
    *,
    fn: Sequence[str] | None,
    unit: Sequence[str] | None,
    alpha: Sequence[str] | None,
    p: Sequence[str] | None,
    scale: Sequence[str] | None,
    noise: Sequence[str] | None,
) -> "list[NoisyUnit]":
    """Return a unit for every kind and α; a kind without α once."""
    from noisyviz.units.activations import activation
    from noisyviz.units.unit import KINDS, SCALES, NoisyUnit

    h = activation(single(fn, "--fn", opt.DEFAULT_FN))
    kinds = [choice(kind, "--unit", KINDS) for kind in distinct(unit, "--unit", [opt.DEFAULT_UNIT])]
    alphas = [number(text, "--alpha") for text in distinct(alpha, "--alpha", [opt.DEFAULT_ALPHA])]
    sharpness = number(single(p, "--p", opt.DEFAULT_P), "--p")
    form = choice(single(scale, "--scale", opt.DEFAULT_SCALE), "--scale", SCALES)
    law = single(noise, "--noise", opt.DEFAULT_NOISE)
    return [
        NoisyUnit(h, kind=kind, alpha=value, c=0.0, p=sharpness, scale=form, noise=law)
        for kind in kinds
        for value in (alphas if "alpha" in KINDS[kind].uses else alphas[:1])
    ]


def normal_numbers(text: str) -> tuple[float, float]:
    """Return mean and standard deviation of ``normal:MEAN,STD``.

    Examples
    --------
    >>> normal_numbers("normal:0,2")
    (0.0, 2.0)
    """
    name, _, numbers = text.partition(":")
    parts = numbers.split(",")
    if name != "normal" or len(parts) != 2:
        raise InputError(f"--input is written normal:MEAN,STD, got '{text}'")
    mean, std = number(parts[0], "--input"), number(parts[1], "--input")
    if max(abs(mean), abs(std)) > LARGEST:
        raise InputError(f"--input needs MEAN and STD of at most {LARGEST:g}, got '{text}'")
    if std <= 0:
        raise InputError(f"--input needs a STD above 0, got '{text}'")
    return mean, std


def sample(
    files: Sequence[str] | None, normal: tuple[float, float] | None, h: "Activation", *, recorded: bool
) -> tuple["Sample", list[dict[str, str]]]:
    """Return the pre-activations of the files, or the normal input; and which files were read, if that is recorded."""
    from noisyviz.networks.digests import Digests
    from noisyviz.networks.weighted_sample import gather, normal_input

    if normal is not None:
        return normal_input(*normal, h), []
    from noisyviz.networks.array_sources import arrays_of

    with Digests() as digests:
        read = arrays_of(files or [], stdin=sys.stdin.buffer, digests=digests if recorded else None)
        return gather((found.array for found in read), h), digests.records()


def _config(files: Sequence[Mapping[str, str]], input_text: str | None, units: "Sequence[NoisyUnit]") -> dict[str, Any]:
    return {
        "command": "calibrate",
        "files": list(files),
        "input": input_text,
        "fn": units[0].activation.name,
        "unit": list(dict.fromkeys(unit.kind for unit in units)),
        "alpha": list(dict.fromkeys(float(unit.alpha) for unit in units)),
        "p": float(units[0].p),
        "scale": units[0].scale,
        "noise": units[0].noise.name,
    }


def row(setting: "Setting") -> dict[str, Any]:
    """Return a setting as JSON values."""
    unit = setting.unit
    return {
        "fn": unit.activation.name,
        "unit": unit.kind,
        "alpha": float(unit.alpha),
        "c": setting.c,
        "p": float(unit.p),
        "grad_rms_saturated": setting.grad_rms_saturated,
        "bias_rms": setting.bias_rms,
    }


def command(setting: "Setting") -> str:
    """Return the command that draws a setting."""
    return _words("plot", setting.unit, f"--c {setting.c!r}")


def anneal_command(start: "Setting", end: "Setting") -> str:
    """Return the command that anneals from one setting to another; the usual schedule cannot end at 0."""
    form = "" if end.c > 0 else " --schedule cosine"
    return _words("anneal", end.unit, f"--c-start {start.c!r} --c-end {end.c!r}{form}")


def _words(name: str, unit: "NoisyUnit", level: str) -> str:
    words = f"noisyviz {name} --fn {unit.activation.name} --unit {unit.kind} --alpha {float(unit.alpha)!r}"
    words += f" {level} --p {float(unit.p)!r}"
    if unit.scale != opt.DEFAULT_SCALE:
        words += f" --scale {unit.scale}"
    return words if unit.noise.name == opt.DEFAULT_NOISE else f"{words} --noise {unit.noise.name}"


def schedule_entry(found: "Calibration") -> dict[str, Any] | None:
    """Return the end points of a schedule as JSON values, None without a best setting."""
    if found.best is None:
        return None
    start = found.start
    return {
        "c_start": None if start is None else start.c,
        "c_end": found.best.c,
        "grad_rms_saturated_start": None if start is None else start.grad_rms_saturated,
        "bias_rms_start": None if start is None else start.bias_rms,
        "command": None if start is None else anneal_command(start, found.best),
    }


def schedule_sentence(found: "Calibration", factor: float) -> str:
    """Say from where to where c may fall, and that the bound on the bias is for the end alone."""
    start, end = found.start, found.best
    if end is None:
        return "there is no schedule without a setting to end at"
    if start is None:
        return f"no c up to 100 gives {factor:g} times the target gradient: there is no schedule that starts there"
    if start.c == end.c:
        return f"the gradient is {factor:g} times the target there already: there is nothing to anneal"
    return (
        f"anneal c from {start.c:.4g}, where the gradient is {factor:g} times the target and the bias "
        f"{start.bias_rms:.4g} (no bound holds there), to {end.c:.4g}: {anneal_command(start, end)}"
    )


def document(found: "Calibration", config: Mapping[str, object]) -> dict[str, object]:
    """Return one document of JSON values."""
    best = None if found.best is None else {**row(found.best), "command": command(found.best)}
    return {
        "config": config,
        "reached": found.best is not None,
        "best": best,
        "schedule": schedule_entry(found),
        "curve": output.masked_document([row(setting) for setting in found.curve])[0],
    }


def payload(found: "Calibration", config: Mapping[str, object], fmt: str) -> bytes:
    """Return the bytes of a file: the document as JSON, else the trade-off as a table."""
    import numpy as np

    from noisyviz.export.tables import json_bytes, table_bytes

    if fmt == "json":
        return json_bytes(document(found, config))
    rows = [row(setting) for setting in found.curve]
    return table_bytes({name: np.array([one[name] for one in rows]) for name in COLUMNS}, config, fmt=fmt)


def show_table(found: "Calibration") -> None:
    """Print what every unit needs, the best first."""
    ranked = sorted(found.found, key=lambda setting: (setting.c, setting.bias_rms))
    if not output.on_terminal():
        output.print_tsv(COLUMNS, ([str(value) for value in row(setting).values()] for setting in ranked))
        return
    cells = [[v if isinstance(v, str) else f"{v:.4g}" for v in row(setting).values()] for setting in ranked]
    output.print_table("The smallest c that reaches the target", list(COLUMNS), cells)


def verdict(found: "Calibration", target: float, bound: float | None) -> str:
    """Say how near the levels that were tried came."""
    slope = abs(found.curve[0].unit.activation.slope) or 1.0
    kept = [one for one in found.curve if bound is None or one.bias_rms <= bound * (1.0 + ROUNDING)]
    wanted = f"a gradient of {target:g}" + ("" if bound is None else f" with a bias of at most {bound:g}")
    if kept:
        best = max(kept, key=lambda one: one.grad_rms_saturated)
        near = "the largest tried is" if bound is None else "the largest tried with such a bias is"
    else:
        best = min(found.curve, key=lambda one: one.bias_rms)
        near = "where the bias is least, the gradient is"
    return (
        f"no setting reaches {wanted}; {near} {best.grad_rms_saturated / slope:.6g}, "
        f"of {best.unit.kind} at c = {best.c:.4g} with a bias of {best.bias_rms:.4g}"
    )
