"""``noisyviz calibrate``: the smallest noise level that restores the gradient of saturated units."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import Table, outputs
from noisyviz.cli.parsing import member, number
from noisyviz.cli.settings import idle_notes, versions
from noisyviz.errors import InputError, NotReachedError, printable
from noisyviz.export.formats import PICTURE_FORMATS, TABLE_FORMATS

if TYPE_CHECKING:
    from noisyviz.networks.array_sources import Found
    from noisyviz.networks.calibration import Calibration, Calibrations, Setting
    from noisyviz.networks.weighted_sample import Sample
    from noisyviz.pictures.calibrate.picture import CalibratePicture
    from noisyviz.units.activation import Activation
    from noisyviz.units.unit import NoisyUnit

SUMMARY: Final = "Find the smallest noise level that restores a gradient without exceeding a bias limit."
HELP: Final = """\
\b
noisyviz calibrate --input normal:0,3 --target-grad 0.3
noisyviz calibrate gates.npz:input_gate --fn sigmoid --by pull --target-grad 0.02 --max-bias 0.2
noisyviz calibrate gates.npz --fn sigmoid --array cell_candidate=tanh --by pull --target-grad 0.02

Find the smallest noise level c at which the gradient on saturated samples
reaches a target, in units of the slope u' of u, within bounds on bias, wrong
signs and spread. --by says what is to be reached: 'response', the mean
gradient, which noise on the output of nan does not change; 'pull', the
covariance of output and gradient, by which noise moves a unit towards the
linear regime; 'rms', the root mean square of the gradient, in which noise
counts as gradient. Every combination of --unit and --alpha is tried; that which
changes the output least (the root mean square of phi - h) comes first, since the
c of different kinds mean different things. The input comes from files, as in
'profile', or from a normal distribution. -o writes the whole trade-off as a
picture or a table. If no setting reaches the target, the exit code is 3.
"""
LARGEST: Final = 1e9  # of a normal input
ROUNDING: Final = 1e-9  # where something meets its bound


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
    Option(
        "array",
        "NAME=FN",
        "Activation of one array, if not --fn; there is an answer for each array then, and not one for all numbers.",
        type=list[str],
    ),
    Option("input", "normal:MEAN,STD", "Normal distribution of the input, instead of files.", read=normal_numbers),
    Option(
        "by",
        "NAME",
        "What to reach on saturated samples: response, pull or rms.",
        default="response",
        read=partial(member, registry="noisyviz.networks.calibration:TARGETS"),
    ),
    Option("target_grad", "NUMBER", "How much of it, in units of u', above 0.", default="0.25", read=number),
    Option("max_bias", "NUMBER", "Bias limit, at least 0.", told="none", read=partial(number, at_least=0.0)),
    Option(
        "max_wrong",
        "NUMBER",
        "Limit of the mean P(wrong sign) over saturated samples, at least 0.",
        told="none",
        read=partial(number, at_least=0.0),
    ),
    Option("max_std", "NUMBER", "Limit of the rms std, at least 0.", told="none", read=partial(number, at_least=0.0)),
    Option(
        "start_factor",
        "NUMBER",
        "Start the schedule where this multiple of the target is reached, at least 1.",
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
    from noisyviz.networks.calibration import ASKED, COLUMNS, Calibrations

    units = units_on_offer(given)
    asked = {name: given.value(name) for name in ASKED}
    if asked["target_grad"] <= 0:
        raise InputError(f"--target-grad must be a finite number above 0, got '{given['target_grad']}'")
    if bool(given["files"]) == (given["input"] is not None):
        raise InputError("calibrate needs either FILE... or --input normal:MEAN,STD")
    functions = own_functions(given)
    columns = ("array", *COLUMNS) if functions else COLUMNS
    out = outputs(given, formats=(*TABLE_FORMATS, *PICTURE_FORMATS), header=",".join(columns))
    normal = given.value("input")
    recorded = given["json"] or bool(out.targets)
    notes: list[str] = []
    samples, read = inputs(given["files"], normal, units[0].activation, functions, recorded=recorded, notes=notes)
    for note in () if out.quiet else (*notes, *idle_notes(given, [unit.kind for unit in units])):
        terminal.say(note)
    answers = {
        name: search(one.sample, units=[unit.replace(fn=one.activation) for unit in units], **asked)
        for name, one in samples.items()
    }
    found: Calibration | Calibrations = Calibrations(by_array=answers) if functions else answers[""]
    config = _config(read, given["input"], units) | ({"array": functions} if functions else {}) | asked | versions()
    table = Table(document=lambda: document(found, config) | {"notes": notes}, columns=found.columns, config=config)
    if out.pictures:
        picture = calibrate_picture(units, asked, normal, read, functions)
        out.save(picture, picture.of(found), table=table)
    else:
        out.save(table=table)
    if given["json"]:
        terminal.print_json(table.document())
    elif not out.targets and any(one.best is not None for one in answers.values()):
        show_table(found)
    out.open_viewer()
    advise(answers, samples, asked["start_factor"], quiet=out.quiet)


def advise(answers: "Mapping[str, Calibration]", samples: "Mapping[str, Input]", factor: float, *, quiet: bool) -> None:
    """Say on standard error what to do with the answers; raise where one is missing."""
    missing = []
    for name, found in answers.items():
        begin = f"{name}: " if name else ""
        if found.best is None:
            missing.append(begin + verdict(found))
        elif not quiet:
            if found.best.c == 0:
                terminal.say(begin + without_noise(found.best))
            if spread := spread_sentence(found, samples[name]):
                terminal.say(begin + spread)
            terminal.say(f"{begin}draw it with: {found.best.command()}")
            terminal.say(begin + schedule_sentence(found, factor))
    if missing:
        raise NotReachedError("; ".join(missing))


def spread_sentence(found: "Calibration", given: "Input") -> str:
    """Say that the chosen unit spreads more than h varies, and what would not; nothing where it does not."""
    import numpy as np

    from noisyviz.networks.calibration import TARGETS

    best, h = found.best, given.activation.h(given.sample.x)
    mean = np.average(h, weights=given.sample.weights)
    own = float(np.sqrt(np.average((h - mean) ** 2, weights=given.sample.weights)))
    if best is None or found.max_std is not None or not best.std_rms > own > 0.0:
        return ""
    less = max((one for one in found.curve if one.std_rms <= own), key=lambda one: one.of(found.by), default=None)
    offer = ""
    if less is not None and less.of(found.by) > 0.0:
        alpha = less.plain()["alpha"]
        unit = less.unit.kind if alpha is None else f"{less.unit.kind} with alpha {alpha:g}"
        offer = f", within which the most {TARGETS[found.by]} is {less.of(found.by):.3g}, of {unit} at c = {less.c:.3g}"
    return (
        f"the noise is larger than the signal: phi has a std of {best.std_rms:.3g}, h varies over these samples by "
        f"{own:.3g} only; bound it with --max-std {own:.2g}{offer}"
    )


def calibrate_picture(
    units: "Sequence[NoisyUnit]",
    asked: Mapping[str, Any],
    normal: tuple[float, float] | None,
    files: Sequence[Mapping[str, str]],
    functions: Mapping[str, str],
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
        functions=tuple(functions.items()),
        **asked,
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


def own_functions(given: Given) -> dict[str, str]:
    """Return the functions that ``--array`` gives to arrays."""
    from noisyviz.cli.profile import array_options

    functions, axes = array_options(given["array"])
    if axes:
        name, axis = next(iter(axes.items()))
        raise InputError(
            f"--array is written NAME=FN here, got '{name}@{axis}'; @{axis} would be an axis of units, and calibrate "
            "takes all numbers of an array alike"
        )
    if functions and not given["files"]:
        raise InputError("--array needs FILE..., whose arrays it names")
    return functions


@dataclass(frozen=True, slots=True)
class Input:
    """Pre-activations, and the activation that follows."""

    sample: "Sample"
    activation: "Activation"


def inputs(
    files: Sequence[str] | None,
    normal: tuple[float, float] | None,
    h: "Activation",
    functions: Mapping[str, str],
    *,
    recorded: bool,
    notes: list[str],
) -> tuple[dict[str, Input], list[dict[str, str]]]:
    """Return the pre-activations, those of every array by name where some have functions of their own.

    Return also which files were read, if recorded. Arrays that give no answer are left out and noted.
    """
    from noisyviz.networks.digests import Digests
    from noisyviz.networks.weighted_sample import gather, normal_input

    if normal is not None:
        return {"": Input(normal_input(*normal, h), h)}, []
    from noisyviz.networks.array_sources import arrays_of

    names = ", ".join(files or [])
    with Digests() as digests:
        read = arrays_of(
            files or [], stdin=terminal.standard_input(), digests=digests if recorded else None, notes=notes
        )
        if functions:
            found = _by_array(read, h, functions, notes)
            if not found:
                raise InputError(f"no array of '{names}' saturates")
        else:
            found = {"": Input(gather((one.array for one in read), h), h)}
            if not found[""].sample.weights.sum() > 0:
                raise InputError(f"'{names}' holds no finite number")
        return found, digests.records()


def _by_array(
    read: "Iterator[Found]", h: "Activation", functions: Mapping[str, str], notes: list[str]
) -> dict[str, Input]:
    from noisyviz.cli.profile import activations_of
    from noisyviz.networks.hints import why_none
    from noisyviz.networks.weighted_sample import gather

    own = activations_of(functions)
    found, seen, used = {}, [], set()
    for one in read:
        called = {one.name, one.alias, printable(one.alias)}
        used |= called
        seen.append(one.name)
        mine = next((own[key] for key in own if key in called), h)
        sample = gather([one.array], mine)
        if sample.weights[sample.saturated].sum() > 0:
            found[one.name] = Input(sample, mine)
        else:
            notes.append(f"left out '{one.name}': no sample saturates: {why_none(mine)}")
    missing = [name for name in own if name not in used]
    if missing:
        raise InputError(f"there is no array '{missing[0]}'; the arrays are {', '.join(seen)}", parameter="array")
    return found


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
        wrong = ", with a gradient of the wrong sign" if best.response < 0.0 else ""
        return f"the leak alone reaches the target{wrong}: no noise is needed"
    return f"{best.unit.activation.name} itself reaches the target on saturated samples: no noise is needed"


def schedule_sentence(found: "Calibration", factor: float) -> str:
    """Say from where to where c may fall, and that bounds are for the end alone."""
    from noisyviz.networks.calibration import TARGETS, anneal_command

    start, end, what = found.start, found.best, TARGETS[found.by]
    if end is None:
        return "no schedule: no setting reaches the target"
    if start is None:
        return f"no schedule: no c up to 100 gives {factor:g} times the target {what}"
    if start.c == end.c:
        return f"no schedule: the {what} is already {factor:g} times the target at this c"
    given = [name for name in ("bias", "wrong", "std") if getattr(found, f"max_{name}") is not None]
    loose = f" (--max-{' and --max-'.join(given)} does not apply there)" if given else ""
    loose = loose.replace("does not", "do not") if len(given) > 1 else loose
    return (
        f"anneal c from {start.c:.4g}, where the {what} is {factor:g} times the target and the bias is "
        f"{start.bias_rms:.4g}{loose}, to {end.c:.4g}: {anneal_command(start, end)}"
    )


def document(found: "Calibration | Calibrations", config: Mapping[str, object]) -> dict[str, object]:
    """Return one document of JSON values."""
    return {"config": config, **found.to_dict()}


def show_table(found: "Calibration | Calibrations") -> None:
    """Print what every unit needs, the best first; of several arrays, for a person, the best of each."""
    from noisyviz.networks.calibration import COLUMNS, Calibrations

    if terminal.on_terminal():
        table = found.summary()
        terminal.print_table(table.title, table.header, table.rows)
        return
    several = isinstance(found, Calibrations)
    answers = found.by_array if isinstance(found, Calibrations) else {"": found}
    rows = [([name] if several else [], one) for name, answer in answers.items() for one in answer.ranked()]
    terminal.print_tsv(
        ["array", *COLUMNS] if several else COLUMNS,
        ([*name, *("" if value is None else str(value) for value in one.plain().values())] for name, one in rows),
    )


def verdict(found: "Calibration") -> str:
    """Say how near the levels that were tried came, and why noise does not help where it does not."""
    from noisyviz.networks.calibration import TARGETS

    what = TARGETS[found.by]
    bounds = [
        (name, told, bound)
        for name, told, bound in (
            ("bias_rms", "a bias", found.max_bias),
            ("p_wrong", "P(wrong sign)", found.max_wrong),
            ("std_rms", "a std", found.max_std),
        )
        if bound is not None
    ]
    limits = " and ".join(f"{told} of at most {bound:g}" for _, told, bound in bounds)
    wanted = f"a {what} of {found.target_grad:g}" + (f" with {limits}" if limits else "")
    kept = [
        one for one in found.curve if all(getattr(one, name) <= bound * (1.0 + ROUNDING) for name, _, bound in bounds)
    ]
    if kept:
        best = max(kept, key=lambda one: one.of(found.by))
        near = f"the largest {what} {'within these limits' if bounds else 'found'} is"
    else:
        name, told, _ = bounds[0]
        best = min(found.curve, key=lambda one: getattr(one, name))
        near = f"no setting tried keeps within the limits, and at the smallest {told.removeprefix('a ')} the {what} is"
    reasons = "; ".join(_reasons(found))
    return (
        f"no setting reaches {wanted}; {near} {best.of(found.by):.6g}, "
        f"for {best.unit.kind} at c = {best.c:.4g} with a bias of {best.bias_rms:.4g}"
        + (f"; {reasons}" if reasons else "")
    )


def _reasons(found: "Calibration") -> Iterator[str]:
    """Say for which kinds noise cannot bring what is asked for, if no level reaches it."""
    from noisyviz.networks.calibration import TARGETS

    if max(one.of(found.by) for one in found.curve) >= found.target_grad:
        return
    what = TARGETS[found.by]
    kinds: dict[tuple[str, float], list[float]] = {}
    for one in found.curve:
        kinds.setdefault((one.unit.kind, float(one.unit.alpha)), []).append(one.of(found.by))
    told: dict[str, list[str]] = {}
    for (kind, _), values in kinds.items():
        spread = max(values) - min(values)
        if len(values) == 1:
            why = "no noise changes"
        elif spread <= ROUNDING * max(map(abs, values)):
            why = "does not depend on c"
        elif max(values[1:]) < 0.0 or (max(values) <= 0.0 and min(values) < 0.0):
            why = "is negative at every c" if values[0] else "is negative at every c above 0"
        elif values[0] == max(values):
            why = "is largest without noise"
        else:
            continue
        told.setdefault(why, []).append(kind)
    for why, names in told.items():
        listed = " and ".join(dict.fromkeys(names))
        yield f"{why} the {what} of {listed}" if why.startswith("no") else f"the {what} of {listed} {why}"
