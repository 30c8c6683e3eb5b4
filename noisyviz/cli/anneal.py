"""``noisyviz anneal``: noisy descent under a schedule, beside constant noise, the leak alone and no noise."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.options import option
from noisyviz.cli.output_files import Target, targets
from noisyviz.cli.parsing import choice, distinct, number, seed_from, single, whole
from noisyviz.cli.picture_output import WithData, launch, look_settings, refuse_contradictions, save
from noisyviz.cli.progress import Bar
from noisyviz.cli.settings import versions
from noisyviz.errors import InputError

if TYPE_CHECKING:
    from noisyviz.annealing.results import Annealing, LoneRun, NoisyRun
    from noisyviz.pictures.anneal.picture import Anneal, AnnealResult

SUMMARY: Final = "Annealed noise: trajectories under a schedule, and what moves them."
HELP: Final = """\
\b
noisyviz anneal --steps 500
noisyviz anneal --fn tanh --unit nah --schedule cosine,linear,paper -o schedules.pdf
noisyviz anneal --objective funnel --trajectories 1000 --animate funnel.gif

Let many trajectories descend the loss of a saturated noisy unit while the
noise level c falls from --c-start to --c-end, beside the same descent with c
held at --c-end, with the leak alone (c = 0) and without noise. Draws the
schedule, the trajectories, the expected drift, the final positions and the
arrivals; prints the share of success with its 95 % interval, the median first
passage, the final loss, and which term of the gradient carries the motion.

The objectives funnel, double-well and plateau are landscapes f whose input is
noisy; they take no unit. Several --schedule are compared on the same draws.
Without -o the picture is anneal.png in the current folder; with --json and no
-o nothing is written. -o writes csv, npz and json as well.
"""
DEFAULT_FN: Final = "hard-tanh"
TABLES: Final = ("csv", "npz", "json")
BY_DESIGN: Final = ("median_first_passage", "first_passage")  # null means never
HEADER: Final = ("run", "c", "share inside", "95 % interval", "first passage", "final loss", "diverged")


Fn = Annotated[
    list[str] | None,
    option("--fn", metavar="NAME", help="Activation function h, or your own as module:function.", default=DEFAULT_FN),
]
Steps = Annotated[str | None, option("--steps", metavar="T", help="Number of steps, 0 to 1e6.", default="2000")]
Trajectories = Annotated[
    str | None, option("--trajectories", metavar="N", help="Number of trajectories, 1 to 1e6.", default="256")
]
Rate = Annotated[
    str | None, option("--lr", metavar="NUMBER", help="Learning rate.", default="0.1; landscapes have their own")
]
Start = Annotated[str | None, option("--x0", metavar="NUMBER", help="Start.", default="3 beyond the threshold")]
Goal = Annotated[str | None, option("--target", metavar="NUMBER", help="Target of the unit's output.", default="0.5")]
Aim = Annotated[
    str | None,
    option("--objective", metavar="NAME", help="desaturate, funnel, double-well or plateau.", default="desaturate"),
]
Schedules = Annotated[
    list[str] | None,
    option("--schedule", metavar="LIST", help="How c falls; several are compared.", default="exponential"),
]
CStart = Annotated[str | None, option("--c-start", metavar="NUMBER", help="c at step 0.", default="30")]
CEnd = Annotated[
    str | None, option("--c-end", metavar="NUMBER", help="c at step T, and of the constant noise.", default="0.5")
]
Every = Annotated[str | None, option("--every", metavar="N", help="Steps between two falls of 'paper'.", default="200")]
Animate = Annotated[str | None, option("--animate", metavar="FILE", help="Write a moving picture, .gif or .webp.")]


def anneal(
    fn: Fn = None,
    unit: opt.Unit = None,
    alpha: opt.Alpha = None,
    c: opt.NoC = None,
    p: opt.P = None,
    scale: opt.Scale = None,
    noise: opt.Noise = None,
    objective: Aim = None,
    schedule: Schedules = None,
    c_start: CStart = None,
    c_end: CEnd = None,
    every: Every = None,
    steps: Steps = None,
    trajectories: Trajectories = None,
    lr: Rate = None,
    x0: Start = None,
    target: Goal = None,
    seed: opt.Seed = None,
    out: opt.Output = None,
    format_name: opt.Format = None,
    animate: Animate = None,
    style: opt.Style = None,
    width: opt.Width = None,
    with_data: WithData = False,
    show: opt.Show = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    force: opt.Force = False,
) -> None:
    """Run annealed descent, draw it, and sum it up."""
    if c is not None:
        raise InputError("--c follows a schedule here; use --c-start and --c-end")
    options = {"fn": fn, "unit": unit, "alpha": alpha, "p": p, "scale": scale, "noise": noise}
    numbers = {"c_start": c_start, "c_end": c_end, "lr": lr, "x0": x0, "target": target}
    counts = {"steps": steps, "trajectories": trajectories, "every": every}
    picture = anneal_recipe(objective, schedule, unit=options, numbers=numbers, counts=counts, seed=seed)
    look = look_settings(style=style, width=width)
    files = output_files(out, format_name, json=json, picture_wanted=animate is None)
    if with_data or show:
        refuse_contradictions(files, with_data=with_data, show=show)
    check(files, picture, animate, force=force)
    with Bar("annealing") as bar:
        result = picture.compute(progress=bar.show)
    if seed == "random":
        output.say(f"seed {picture.seed}")
    save(
        files,
        picture,
        result,
        look=look,
        with_data=with_data,
        quiet=quiet,
        force=force,
        table=lambda fmt: payload(picture, result, fmt),
        header=csv_header(picture),
    )
    if animate is not None:
        write_film(Path(animate), picture, result, style=style, quiet=quiet, force=force)
    if json:
        output.print_json(document(picture, result))
    elif all(one.path for one in files):
        show_summary(result)
    if show:
        launch(files)


def anneal_recipe(
    objective: str | None,
    schedule: Sequence[str] | None,
    *,
    unit: Mapping[str, Sequence[str] | None],
    numbers: Mapping[str, str | None],
    counts: Mapping[str, str | None],
    seed: str | None,
) -> "Anneal":
    """Check every option and return the recipe."""
    from noisyviz.annealing.anneal import MAX_STEPS, MAX_TRAJECTORIES
    from noisyviz.annealing.objectives import LANDSCAPES, OBJECTIVES
    from noisyviz.annealing.schedules import SCHEDULES
    from noisyviz.pictures.anneal.picture import Anneal

    aim = choice(objective or "desaturate", "--objective", OBJECTIVES)
    names = [choice(name, "--schedule", SCHEDULES) for name in distinct(schedule, "--schedule", ["exponential"])]
    settings: dict[str, Any] = {"objective": aim, "schedule": tuple(names)}
    settings["noise"] = single(unit["noise"], "--noise", opt.DEFAULT_NOISE)
    if aim in LANDSCAPES:
        given = [f"--{name}" for name, value in unit.items() if value is not None and name != "noise"]
        given += ["--target"] if numbers["target"] is not None else []
        if given:
            raise InputError(f"{given[0]} belongs to the objective desaturate; {aim} is a landscape without a unit")
    else:
        settings |= unit_options(unit) | {"target": 0.5}
    settings |= {
        name: number(text, f"--{name.replace('_', '-')}", at_least=0.0 if name in ("c_start", "c_end", "lr") else None)
        for name, text in numbers.items()
        if text is not None
    }
    limits = {"steps": (0, MAX_STEPS), "trajectories": (1, MAX_TRAJECTORIES), "every": (1, MAX_STEPS)}
    settings |= {
        name: whole(text, f"--{name}", low=limits[name][0], high=limits[name][1])
        for name, text in counts.items()
        if text is not None
    }
    return Anneal(**settings, seed=seed_from(seed or opt.DEFAULT_SEED))


def unit_options(unit: Mapping[str, Sequence[str] | None]) -> dict[str, Any]:
    """Return the options of the unit, checked."""
    from noisyviz.units.unit import KINDS, SCALES

    return {
        "fn": single(unit["fn"], "--fn", DEFAULT_FN),
        "unit": choice(single(unit["unit"], "--unit", opt.DEFAULT_UNIT), "--unit", KINDS),
        "alpha": number(single(unit["alpha"], "--alpha", opt.DEFAULT_ALPHA), "--alpha"),
        "p": number(single(unit["p"], "--p", opt.DEFAULT_P), "--p"),
        "scale": choice(single(unit["scale"], "--scale", opt.DEFAULT_SCALE), "--scale", SCALES),
    }


def output_files(
    out: Sequence[str] | None, format_name: str | None, *, json: bool, picture_wanted: bool
) -> list[Target]:
    """Return what is written beside a moving picture: without -o anneal.png, unless that or --json is all."""
    from noisyviz.export.formats import PICTURE_FORMATS

    stem = "anneal" if picture_wanted or format_name is not None else None
    return targets(out, format_name=format_name, allowed=(*PICTURE_FORMATS, *TABLES), json=json, default_stem=stem)


def check(files: Sequence[Target], picture: "Anneal", animate: str | None, *, force: bool) -> None:
    """Raise now what writing would raise after the work."""
    from noisyviz.export.saving import check_target

    for one in files:
        one.check(force=force, header=csv_header(picture))
    if animate is not None:
        from noisyviz.export.film import film_format

        film_format(animate)
        check_target(animate, force=force)


def csv_header(picture: "Anneal") -> str:
    """Return the first line of every CSV file of these schedules, by which it is recognised."""
    from noisyviz.export.provenance import header_line
    from noisyviz.pictures.anneal.picture import series_names

    return header_line(series_names(picture.schedule))


def payload(picture: "Anneal", result: "AnnealResult", fmt: str) -> bytes:
    """Return the document, or the course of the runs as a table."""
    from noisyviz.export.tables import json_bytes, table_bytes
    from noisyviz.pictures.anneal.picture import series

    if fmt == "json":
        return json_bytes(document(picture, result))
    return table_bytes(series(result), {"command": "anneal", **picture.settings()}, fmt=fmt)


def write_film(
    path: Path, picture: "Anneal", result: "AnnealResult", *, style: str | None, quiet: bool, force: bool
) -> None:
    """Write the moving picture, whole or not at all."""
    from noisyviz.export.film import film_bytes, film_format
    from noisyviz.export.saving import write_bytes

    write_bytes(path, film_bytes(picture, result, fmt=film_format(path), style=style or "screen"), force=force)
    if not quiet:
        output.say(f"wrote {path}")


def document(picture: "Anneal", result: "AnnealResult") -> dict[str, Any]:
    """Return the summary as JSON values; what is not finite is null and counted, but for passages that never come."""
    first = result.runs[0]
    asked = picture.settings() | {"lr": first.lr, "x0": first.x0, "target": first.target}
    asked["schedule"] = list(result.schedules) if result.among else result.schedules[0]
    config = {"command": "anneal", **asked, "interval": "Wilson, 95 %"}
    found: dict[str, Any] = {"config": config | versions(), "steps": first.steps}
    if result.among:
        found["schedules"] = {
            name: {"schedule": one.noisy.c.tolist(), "noisy": noisy_summary(one.noisy), "verdict": sentence}
            for name, one, sentence in zip(result.schedules, result.runs, result.sentences, strict=True)
        }
    else:
        found |= {"schedule": first.noisy.c.tolist(), "noisy": noisy_summary(first.noisy)}
    found["constant"] = noisy_summary(first.constant)
    found["leak"] = None if first.leak is None else lone_summary(first.leak)
    found["noiseless"] = lone_summary(first.noiseless)
    if not result.among:
        found["verdict"] = result.sentences[0]
    masked, count = output.masked_document(found, by_design=BY_DESIGN)
    return {**masked, "masked": count}


def noisy_summary(run: "NoisyRun") -> dict[str, Any]:
    """Return what became of many trajectories."""
    import numpy as np

    ends = np.sort(run.x_final)
    places = {level: (ends.size - 1) * level for level in (0.05, 0.5, 0.95)}
    return {
        "share_success": run.share_success,
        "share_success_ci": list(run.share_success_ci),
        "share_within_5_percent": run.share_within_5_percent,
        "median_first_passage": run.median_first_passage,
        "loss_mean_final": run.loss_mean_final,
        "diverged": run.diverged,
        "x_quantiles_final": {f"{level:g}": _between(ends, place) for level, place in places.items()},
        "inward": run.inward,
    }


def _between(ordered: Any, place: float) -> float:
    low, high = float(ordered[math.floor(place)]), float(ordered[math.ceil(place)])
    share = place - math.floor(place)
    return low + share * (high - low) if math.isfinite(high - low) else (low if share < 0.5 else high)


def lone_summary(run: "LoneRun") -> dict[str, Any]:
    """Return what became of a run without random numbers."""
    return {
        "share_success": run.share_success,
        "first_passage": run.first_passage,
        "x_final": float(run.x[-1]),
        "loss_final": run.loss_final,
    }


def show_summary(result: "AnnealResult") -> None:
    """Print the table of the runs and the sentence: below the table for a person, beside it for a pipe."""
    table = list(summary_rows(result))
    if output.on_terminal():
        output.print_table("", HEADER, table)
        for sentence in sentences(result):
            output.write(f"\n{sentence}\n")
    else:
        output.print_tsv(HEADER, table)
        for sentence in sentences(result):
            output.say(sentence)


def sentences(result: "AnnealResult") -> list[str]:
    """Return what carries the motion, with the schedule's name where there are several."""
    if not result.among:
        return [result.sentences[0]]
    return [f"{name}: {sentence}" for name, sentence in zip(result.schedules, result.sentences, strict=True)]


def summary_rows(result: "AnnealResult") -> list[list[str]]:
    """Return one row per run."""
    first = result.runs[0]
    rows = [
        _noisy_row(name if result.among else "annealed", _course(one), one.noisy)
        for name, one in zip(result.schedules, result.runs, strict=True)
    ]
    rows.append(_noisy_row("constant", f"{first.c_constant:g}", first.constant))
    if first.leak is not None:
        rows.append(_lone_row("leak", "0", first.leak))
    return [*rows, _lone_row("noiseless", "none", first.noiseless)]


def _course(found: "Annealing") -> str:
    return f"{found.noisy.c[0]:.4g} to {found.noisy.c[-1]:.4g}"


def _noisy_row(name: str, c: str, run: "NoisyRun") -> list[str]:
    low, high = run.share_success_ci
    passage = _passage(run.median_first_passage)
    ends = f"{low:.3f} to {high:.3f}"
    return [name, c, f"{run.share_success:.4g}", ends, passage, f"{run.loss_mean_final:.3g}", str(run.diverged)]


def _lone_row(name: str, c: str, run: "LoneRun") -> list[str]:
    gone = "0" if math.isfinite(float(run.x[-1])) else "1"
    return [name, c, f"{run.share_success:g}", "", _passage(run.first_passage), f"{run.loss_final:.3g}", gone]


def _passage(step: float) -> str:
    return f"{step:g}" if math.isfinite(step) else "never"
