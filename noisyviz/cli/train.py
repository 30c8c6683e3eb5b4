"""``noisyviz train``: the paper's experiments in small, with any unit beside soft, hard and the leak alone."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.parsing import choice, number, split_list, whole
from noisyviz.cli.progress import Bar
from noisyviz.errors import InputError, NoisyvizError
from noisyviz.experiments.settings import (
    ACTIVATIONS,
    ALPHA,
    ATTENTION,
    DEVICES,
    LEVELS,
    NOISY,
    PRECISIONS,
    PRESETS,
    STRATEGIES,
    USES_ALPHA,
    USES_P,
    Settings,
)
from noisyviz.results import masked_document

if TYPE_CHECKING:
    from noisyviz.experiments.loop import Run
    from noisyviz.experiments.machine import Machine, Place

SUMMARY: Final = "Train one of the paper's experiments with noisy units."
HELP: Final = """\
\b
noisyviz train unique --activation nan --updates 20
noisyviz train execute --activation soft,hard,leak,nan --updates 10 -o trial
noisyviz train unique --activation nan --anneal 30:0.5:paper --updates 10 -o annealed

Train a small version of an experiment: unique (count the distinct integers of a
sequence), execute (read a program, print its output), recall (a Neural Turing
Machine that tells which item followed another), words and characters (what
comes next in Python's help texts, or in --data), translate (English numbers
into French), captions (describe drawn scenes) or digits (classify images;
needs scikit-learn, or MNIST's files in --data).
Activations are soft (tanh, sigmoid), hard (hard-tanh, hard-sigmoid), leak (the
linear part at the same alpha, c = 0) and the noisy units. Runs of one seed
start from the same weights and see the same data.

Every run has a folder RUNS/TASK/UNIT/seed-N with run.json, curve.csv, units.csv,
checkpoint.pt, and best.pt with the best model. Ctrl-C saves and exits 130,
SIGTERM 143. --resume RUN continues a run; on a CPU its numbers are those of a
run without a break. Needs PyTorch.
"""
MOST_SEEDS: Final = 1000
FOLDER: Final = "runs"
Plan = tuple[Settings, Path] | Path
"""A run to begin, or the folder of one to continue."""
UNIT: Final = ("activation", "alpha", "alpha_sigmoid", "c", "p", "anneal")
SIZES: Final = ("updates", "strategy", "curriculum", "attention", "data")
PUBLISHED: Final = tuple(name for name, presets in PRESETS.items() if "paper" in presets)
USED_BY: Final = {"alpha": USES_ALPHA, "alpha_sigmoid": USES_ALPHA, "c": NOISY, "anneal": NOISY, "p": USES_P}


def read_task(text: str, _flag: str) -> str:
    """Read the name of a task."""
    return choice(text, "TASK", PRESETS)


def read_seeds(text: str, flag: str = "--seeds") -> tuple[int, ...]:
    """Read seeds and ranges of seeds.

    Examples
    --------
    >>> read_seeds("1-3,7")
    (1, 2, 3, 7)
    """
    found: list[int] = []
    for item in split_list([text], flag):
        low, _, high = item.partition("-")
        first = whole(low, flag, low=0)
        last = whole(high, flag, low=0) if high else first
        if last < first:
            raise InputError(f"{flag} takes ranges from the lower seed to the higher, such as 1-3, got '{item}'")
        if last - first >= MOST_SEEDS:
            raise InputError(f"{flag} takes at most {MOST_SEEDS} seeds, got '{text}'")
        found += range(first, last + 1)
    if len(set(found)) < len(found):
        raise InputError(f"{flag} names a seed twice in '{text}'")
    return tuple(found)


def read_p(text: str, flag: str) -> str | float:
    """Read ``unit``, ``scalar`` or a number."""
    return text if text in ("unit", "scalar") else number(text, flag)


def read_anneal(text: str, flag: str) -> tuple[float, float, str]:
    """Read ``START:END`` or ``START:END:SCHEDULE``.

    Examples
    --------
    >>> read_anneal("30:0.5", "--anneal")
    (30.0, 0.5, 'paper')
    """
    from noisyviz.annealing.schedules import SCHEDULES

    start, _, rest = text.partition(":")
    end, _, name = rest.partition(":")
    if not end:
        raise InputError(f"{flag} is written START:END:SCHEDULE, such as 30:0.5:paper, got '{text}'")
    level = partial(number, at_least=0.0)
    return level(start, flag), level(end, flag), choice(name or "paper", flag, SCHEDULES)


def read_minutes(text: str, flag: str) -> float:
    """Read a number above 0."""
    minutes = number(text, flag, at_least=0.0)
    if minutes == 0.0:
        raise InputError(f"{flag} must be above 0, got '{text}'")
    return minutes


OPTIONS: Final = (
    Option("task", "TASK", f"One of: {', '.join(PRESETS)}.", argument=True, read=read_task),
    Option(
        "activation",
        "LIST",
        f"Units: {', '.join(ACTIVATIONS)}.",
        default="soft",
        read=partial(choice, allowed=ACTIVATIONS),
        type=list[str],
    ),
    Option("alpha", "NUMBER", "alpha of tanh.", told=f"{ALPHA[0]:g}, the authors'", read=number),
    Option("alpha_sigmoid", "NUMBER", "alpha of sigmoid.", told=f"{ALPHA[1]:g}, the authors'", read=number),
    Option(
        "c",
        "NUMBER",
        "Noise level.",
        told="; ".join(
            (f"{LEVELS['nan']:g}", ", ".join(f"{k} {c:g}" for k, c in LEVELS.items() if c != LEVELS["nan"]))
        ),
        read=partial(number, at_least=0.0),
    ),
    Option(
        "p", "P", "'unit' learns one p per unit, 'scalar' one per layer; a number fixes p.", told="unit", read=read_p
    ),
    Option("anneal", "START:END:NAME", "Lower c by a schedule, one step per update.", read=read_anneal),
    Option("seeds", "LIST", "Seeds, such as 1-5 or 1,4.", default="1", read=read_seeds),
    Option("preset", "NAME", f"Sizes: small, or paper ({', '.join(PUBLISHED)}).", default="small"),
    Option("updates", "N", "Number of updates.", told="that of the preset", read=partial(whole, low=1, high=10**9)),
    Option(
        "strategy",
        "NAME",
        f"Curriculum of execute: {', '.join(STRATEGIES)}.",
        told="baseline; blend for --preset paper",
        read=partial(choice, allowed=STRATEGIES),
    ),
    Option("curriculum", "", "Begin unique with short sequences.", type=bool),
    Option(
        "attention",
        "NAME",
        "Attention of captions: soft or hard.",
        told="soft",
        read=partial(choice, allowed=ATTENTION),
    ),
    Option(
        "data",
        "PATH",
        "words, characters: a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt, a text file or a folder of "
        "them; digits: a folder with MNIST's four IDX files, or a table of images, plain or .gz; translate: parallel "
        "text, or .mo files; captions: Flickr8k's files.",
    ),
    Option("minutes", "M", "Stop after this time and report; --resume continues.", read=read_minutes),
    Option("threads", "N", "Threads of PyTorch.", default="1", read=partial(whole, low=1, high=1024)),
    Option(
        "device",
        "NAME",
        "Compute on cpu, cuda, mps, or auto: CUDA where there is one (extra 'train-multi').",
        told="cpu",
        read=partial(choice, allowed=DEVICES),
    ),
    Option(
        "devices",
        "N",
        "Processes that share each batch, one on each device.",
        told="1",
        read=partial(whole, low=1, high=1024),
    ),
    Option(
        "precision",
        "NAME",
        "32, or bf16: products of matrices in bfloat16.",
        told="32",
        read=partial(choice, allowed=PRECISIONS),
    ),
    Option("resume", "RUN", "Continue the run in this folder; takes no settings."),
    Option("output", "RUNS", "Folder of all runs.", also=("-o",), default=FOLDER),
    opt.JSON,
    opt.QUIET,
    Option("force", "", "Start runs again whose folders exist.", type=bool),
)


def run(given: Given) -> None:
    """Train, or continue, one run after the other."""
    from noisyviz.experiments import require_torch

    plans: list[Plan] = []
    if given["resume"] is None:
        plans += planned(given)
    else:
        refuse_settings(given)
        plans.append(Path(given["resume"]))
    require_torch()
    import torch

    from noisyviz.experiments.machine import launch

    torch.set_num_threads(given.value("threads"))
    minutes = given.value("minutes")
    limit = None if minutes is None else 60.0 * minutes
    records, diverged = launch(machine(given, plans), train_all, plans, limit, given["quiet"])
    report(records, given)
    if diverged:
        raise NoisyvizError(f"{diverged} of {len(plans)} runs ended at a loss or a gradient that is not finite")


def machine(given: Given, plans: Sequence[Plan]) -> "Machine":
    """Return what to compute on: what is given, for a run that is continued else what it was begun on."""
    from noisyviz.experiments.checkpoint import does_not_fit, read_checkpoint
    from noisyviz.experiments.machine import Machine

    folder = plans[0] if isinstance(plans[0], Path) else None
    stored: Any = {} if folder is None else read_checkpoint(folder).get("machine", {})
    asked = {name: given.value(name) for name in ("device", "devices", "precision") if given[name] is not None}
    try:
        return Machine(**{**stored, **asked}).found()
    except TypeError as error:
        if folder is None:
            raise
        raise does_not_fit(folder, error) from error


def train_all(
    place: "Place", plans: Sequence[Plan], limit_s: float | None, quiet: bool
) -> tuple[list[dict[str, Any]], int]:
    """Train in one process of a machine; return the records of all runs and how many diverged."""
    from noisyviz.experiments import loop

    tell = loop.quiet if quiet or place.rank else terminal.say
    until = None if limit_s is None else time.monotonic() + limit_s
    done, diverged = [], 0
    for index, plan in enumerate(plans):
        one = (
            loop.resume(plan, tell=tell, place=place)
            if isinstance(plan, Path)
            else loop.begin(plan[0], plan[1], place=place)
        )
        share = None if until is None else time.monotonic() + (until - time.monotonic()) / (len(plans) - index)
        try:
            train(one, share, tell=tell)
        except loop.DivergedError as error:
            if len(plans) == 1:
                raise
            tell(f"noisyviz: {error}")
            diverged += 1
        done.append(one.record())
    return done, diverged


def planned(given: Given) -> list[tuple[Settings, Path]]:
    """Return the settings and the folder of every run, all checked before the first begins."""
    from noisyviz.export.saving import explained

    task = given.value("task")
    if task is None:
        raise InputError(f"TASK must be one of {', '.join(PRESETS)}, or --resume name a run")
    sizes = {name: given.value(name) for name in SIZES if given[name]}
    activations = given.values("activation")
    unit = {name: given.value(name) for name in USED_BY if given[name] is not None}
    for name in unit:
        if not any(one in USED_BY[name] for one in activations):
            raise InputError(f"{name} has no effect on the activation {', '.join(activations)}", parameter=name)
    found = []
    for activation in activations:
        own = {name: value for name, value in unit.items() if activation in USED_BY[name]}
        for seed in given.value("seeds"):
            settings = Settings(
                task=task, activation=activation, seed=seed, preset=given.value("preset"), options=sizes, **own
            )
            folder = Path(given.value("output")) / task / settings.label / f"seed-{seed}"
            with explained(given.value("output")):
                there = any((folder / name).exists() for name in ("run.json", "checkpoint.pt"))
            if there and not given["force"]:
                raise InputError(
                    f"{folder} holds a run; continue it with --resume, start it again with --force, or name another "
                    "folder with -o"
                )
            found.append((settings, folder))
    return found


def refuse_settings(given: Given) -> None:
    """Raise where settings stand beside ``--resume``: those of the run hold."""
    named = ("task", *UNIT, "seeds", "preset", *SIZES, "output", "force")
    for option in OPTIONS:
        if option.name in named and given[option.name]:
            word = "TASK" if option.argument else option.flag
            raise InputError(f"--resume continues a run with its own settings and takes no {word}")


def train(one: "Run", until: float | None, *, tell: Any) -> None:
    """Train a run under a bar."""
    limit = None if until is None else max(until - time.monotonic(), 0.0)
    settings = one.settings
    try:
        with Bar(f"{settings.task} {settings.label} seed {settings.seed}") as bar:
            one.go(limit_s=limit, tell=tell, **({} if one.place.rank else {"show": bar.show}))
    finally:
        if one.state == "stopped":
            tell(f"stopped at update {one.step} of {one.updates}; noisyviz train --resume {one.folder} continues")


def report(records: Sequence[dict[str, Any]], given: Given) -> None:
    """Print what came out: a row for each run, and what the paper found."""
    if given["json"]:
        document, masked = masked_document({"config": {"command": "train"}, "runs": records})
        terminal.print_json({**document, "masked": masked})
        return
    metric = records[0]["metric"]
    header = ["task", "unit", "seed", "state", "updates", metric, "seconds"]
    rows = [
        [
            *(str(record[name]) for name in ("task", "label", "seed", "state", "updates")),
            f"{record['metrics'][metric]:.4g}" if metric in record["metrics"] else "",
            f"{record['seconds']:.0f}",
        ]
        for record in records
    ]
    if terminal.on_terminal():
        terminal.print_table("", header, rows)
    else:
        terminal.print_tsv(header, rows)
    if not given["quiet"]:
        terminal.say(f"paper: {records[0]['paper']}; other data and sizes, so the numbers are not comparable")
