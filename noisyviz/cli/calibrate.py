"""``noisyviz calibrate``: the smallest noise level that restores the gradient of saturated units."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import Table, outputs
from noisyviz.cli.parsing import number
from noisyviz.cli.settings import idle_notes, versions
from noisyviz.errors import InputError, NotReachedError
from noisyviz.export.formats import PICTURE_FORMATS, TABLE_FORMATS

if TYPE_CHECKING:
    from noisyviz.networks.calibration import Calibration, Setting
    from noisyviz.networks.weighted_sample import Sample
    from noisyviz.pictures.calibrate.picture import CalibratePicture
    from noisyviz.units.activation import Activation
    from noisyviz.units.unit import NoisyUnit

SUMMARY: Final = "Find the smallest noise level that restores a gradient without exceeding a bias limit."
HELP: Final = """\
\b
noisyviz calibrate --input normal:0,3 --target-grad 0.3
noisyviz calibrate gates.npz:input_gate --fn sigmoid --target-grad 0.3 --max-bias 0.2

Find the smallest noise level c at which the root mean square of the gradient over
saturated samples reaches a target, in units of the slope of u, while the bias
stays within a limit. Every combination of --unit and --alpha is tried; that which
changes the output least (the root mean square of phi - h) comes first, since the c
of different kinds mean different things. The input comes from files, as in
'profile', or from a normal distribution. -o writes the whole trade-off as a
picture or a table. If no setting reaches the target, the exit code is 3.
"""
LARGEST: Final = 1e9  # of a normal input
ROUNDING: Final = 1e-9  # where a bias meets its bound


def normal_numbers(text: str, flag: str = "--input") -> tuple[float, float]:
    """Return mean and standard deviation of ``normal:MEAN,STD``.

    Examples
    --------
    >>> normal_numbers("normal:0,2")
    (0.0, 2.0)
    """
    name, _, numbers = text.partition(":")
    parts = numbers.split(",")
    if name != "normal" or len(parts) != 2:
        raise InputError(f"{flag} is written normal:MEAN,STD, got '{text}'")
    mean, std = number(parts[0], flag), number(parts[1], flag)
    if max(abs(mean), abs(std)) > LARGEST:
        raise InputError(f"{flag} needs MEAN and STD of at most {LARGEST:g}, got '{text}'")
    if std <= 0:
        raise InputError(f"{flag} needs a STD above 0, got '{text}'")
    return mean, std


SEARCH: Final = (
    Option("files", "[FILE...]", "Files, FILE:ARRAY, folders, or - for standard input.", argument=True, type=list[str]),
    Option("input", "normal:MEAN,STD", "Normal distribution of the input, instead of files.", read=normal_numbers),
    Option("target_grad", "NUMBER", "Gradient to reach on saturated samples, above 0.", default="0.25", read=number),
    Option("max_bias", "NUMBER", "Bias limit, at least 0.", told="none", read=partial(number, at_least=0.0)),
    Option(
        "start_factor",
        "NUMBER",
        "Start the schedule where the gradient is this multiple of the target, at least 1.",
        default="4",
        read=partial(number, at_least=1.0),
    ),
)
OPTIONS: Final = (
    *SEARCH,
    *opt.changed(
        opt.UNIT,
        unit={"default": "nan,nah,nani"},
        alpha={"default": "0.9,1,1.15"},
        c={"refused": "is the quantity that calibrate searches for; use --target-grad and --max-bias"},
    ),
    *opt.FILES,
    *opt.PICTURE,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Search, print or write what was found, and end with 3 when there is nothing."""
    from noisyviz.networks.calibrate import calibrate as search
    from noisyviz.networks.calibration import COLUMNS

    units = units_on_offer(given)
    asked = {name: given.value(name) for name in ("target_grad", "max_bias", "start_factor")}
    if asked["target_grad"] <= 0:
        raise InputError(f"--target-grad must be a finite number above 0, got '{given['target_grad']}'")
    if bool(given["files"]) == (given["input"] is not None):
        raise InputError("calibrate needs either FILE... or --input normal:MEAN,STD")
    out = outputs(given, formats=(*TABLE_FORMATS, *PICTURE_FORMATS), header=",".join(COLUMNS))
    normal = given.value("input")
    recorded = given["json"] or bool(out.targets)
    notes: list[str] = []
    data, read = sample(given["files"], normal, units[0].activation, recorded=recorded, notes=notes)
    for note in () if out.quiet else (*notes, *idle_notes(given, [unit.kind for unit in units])):
        terminal.say(note)
    found = search(data, units=units, **asked)
    config = _config(read, given["input"], units) | asked | versions()
    table = Table(document=lambda: document(found, config) | {"notes": notes}, columns=found.columns, config=config)
    if out.pictures:
        picture = calibrate_picture(units, asked, normal, read)
        out.save(picture, picture.of(found), table=table)
    else:
        out.save(table=table)
    if given["json"]:
        terminal.print_json(table.document())
    elif not out.targets and found.best is not None:
        show_table(found)
    out.open_viewer()
    if found.best is None:
        raise NotReachedError(verdict(found, asked["target_grad"], asked["max_bias"]))
    if not out.quiet:
        if found.best.c == 0:
            terminal.say(without_noise(found.best))
        terminal.say(f"draw it with: {found.best.command()}")
        terminal.say(schedule_sentence(found, asked["start_factor"]))


def calibrate_picture(
    units: "Sequence[NoisyUnit]",
    asked: Mapping[str, float | None],
    normal: tuple[float, float] | None,
    files: Sequence[Mapping[str, str]],
) -> "CalibratePicture":
    """Return the picture of a calibration."""
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


def units_on_offer(given: Given) -> "list[NoisyUnit]":
    """Return a unit for every kind and α; a kind without α once."""
    from noisyviz.units.activations import activation
    from noisyviz.units.kinds import KINDS
    from noisyviz.units.unit import NoisyUnit

    h = activation(given.value("fn"))
    kinds, alphas = given.values("unit"), given.values("alpha")
    shared = {name: given.value(name) for name in ("p", "scale", "noise")}
    return [
        NoisyUnit(h, kind=kind, alpha=value, c=0.0, **shared)
        for kind in kinds
        for value in (alphas if "alpha" in KINDS[kind].uses else alphas[:1])
    ]


def sample(
    files: Sequence[str] | None,
    normal: tuple[float, float] | None,
    h: "Activation",
    *,
    recorded: bool,
    notes: list[str],
) -> tuple["Sample", list[dict[str, str]]]:
    """Return the pre-activations of the files, or the normal input; and which files were read, if recorded."""
    from noisyviz.networks.digests import Digests
    from noisyviz.networks.weighted_sample import gather, normal_input

    if normal is not None:
        return normal_input(*normal, h), []
    from noisyviz.networks.array_sources import arrays_of

    with Digests() as digests:
        read = arrays_of(
            files or [], stdin=terminal.standard_input(), digests=digests if recorded else None, notes=notes
        )
        gathered = gather((found.array for found in read), h)
        if not gathered.weights.sum() > 0:
            raise InputError(f"'{', '.join(files or [])}' holds no finite number")
        return gathered, digests.records()


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


def without_noise(best: "Setting") -> str:
    """Say what reaches the target at c = 0."""
    from noisyviz.units.kinds import KINDS

    if "alpha" in KINDS[best.unit.kind].uses and float(best.unit.alpha) != 1.0:
        return "the leak alone reaches the target: no noise is needed"
    return f"{best.unit.activation.name} itself reaches the target on saturated samples: no noise is needed"


def schedule_sentence(found: "Calibration", factor: float) -> str:
    """Say from where to where c may fall, and that the bound on the bias is for the end alone."""
    from noisyviz.networks.calibration import anneal_command

    start, end = found.start, found.best
    if end is None:
        return "no schedule: no setting reaches the target"
    if start is None:
        return f"no schedule: no c up to 100 gives {factor:g} times the target gradient"
    if start.c == end.c:
        return f"no schedule: the gradient is already {factor:g} times the target at this c"
    return (
        f"anneal c from {start.c:.4g}, where the gradient is {factor:g} times the target and the bias is "
        f"{start.bias_rms:.4g} (the bias limit does not apply there), to {end.c:.4g}: {anneal_command(start, end)}"
    )


def document(found: "Calibration", config: Mapping[str, object]) -> dict[str, object]:
    """Return one document of JSON values."""
    return {"config": config, **found.to_dict()}


def show_table(found: "Calibration") -> None:
    """Print what every unit needs, the best first."""
    from noisyviz.networks.calibration import COLUMNS

    if terminal.on_terminal():
        table = found.summary()
        terminal.print_table(table.title, table.header, table.rows)
        return
    terminal.print_tsv(
        COLUMNS, (["" if value is None else str(value) for value in one.plain().values()] for one in found.ranked())
    )


def verdict(found: "Calibration", target: float, bound: float | None) -> str:
    """Say how near the levels that were tried came."""
    slope = abs(found.curve[0].unit.activation.slope) or 1.0
    kept = [one for one in found.curve if bound is None or one.bias_rms <= bound * (1.0 + ROUNDING)]
    wanted = f"a gradient of {target:g}" + ("" if bound is None else f" with a bias of at most {bound:g}")
    if kept:
        best = max(kept, key=lambda one: one.grad_rms_saturated)
        near = "the largest gradient found is" if bound is None else "the largest gradient within that limit is"
    else:
        best = min(found.curve, key=lambda one: one.bias_rms)
        near = "at the smallest bias found, the gradient is"
    return (
        f"no setting reaches {wanted}; {near} {best.grad_rms_saturated / slope:.6g}, "
        f"for {best.unit.kind} at c = {best.c:.4g} with a bias of {best.bias_rms:.4g}"
    )
