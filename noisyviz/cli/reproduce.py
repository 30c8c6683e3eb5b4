"""``noisyviz reproduce``: the small experiments of the paper within a time, and where the noise helped."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import look
from noisyviz.cli.parsing import choice, whole
from noisyviz.cli.progress import Bar
from noisyviz.cli.train import read_minutes, read_seeds
from noisyviz.errors import InputError, NoisyvizError
from noisyviz.experiments.settings import PRESETS, Settings
from noisyviz.export.formats import PICTURE_FORMATS
from noisyviz.results import masked_document

if TYPE_CHECKING:
    from noisyviz.experiments.comparison import Group
    from noisyviz.experiments.reproduce import Budget
    from noisyviz.pictures.picture import Picture

SUMMARY: Final = "Run the paper's experiments in small, and tell where the noise helped."
HELP: Final = """\
\b
noisyviz reproduce --plan
noisyviz reproduce
noisyviz reproduce --tasks unique,digits --minutes 20 -o trial

Train the small preset of every task with soft, hard, leak (the linear part at the
same alpha, c = 0), constant noise and annealed noise, three seeds each and five of
unique, one thread a run, several runs at a time. A short trial of each task tells
how long it will take; tasks that do not fit into --minutes are left out, the
longest first, and named. --plan stops there.

The folder gets the runs, one table (differences.csv) and one picture of the
differences with 95 % intervals, curves, the units over training for each task, and
manifest.json. The same command again goes on where it was stopped. Needs PyTorch.
"""
FOLDER: Final = "reproduce"
PLAN: Final = "plan.json"
OPTIONS: Final = (
    Option("minutes", "M", "Time for all runs together.", default="90", read=read_minutes),
    Option(
        "tasks",
        "LIST",
        f"Of {', '.join(PRESETS)}.",
        told="all",
        read=partial(choice, allowed=PRESETS),
        type=list[str],
    ),
    Option("seeds", "LIST", "Seeds, such as 1-5 or 1,4.", told="1-3; 1-5 for unique", read=read_seeds),
    Option(
        "updates", "N", "Updates of every run.", told="those of the presets", read=partial(whole, low=1, high=10**9)
    ),
    Option("workers", "N", "Runs at a time.", told="one for each processor", read=partial(whole, low=1, high=1024)),
    Option("plan", "", "Tell what would be run and how long it would take, and stop.", type=bool),
    Option("output", "FOLDER", "Folder to write into, or to go on with.", also=("-o",), default=FOLDER),
    Option(
        "format",
        "LIST",
        "Formats of the pictures: pdf, svg, png, pgf.",
        default="pdf,png",
        read=partial(choice, allowed=PICTURE_FORMATS),
        type=list[str],
    ),
    opt.STYLE,
    opt.WIDTH,
    *opt.FINISH,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Train what fits into the time, then compare and draw."""
    from noisyviz.experiments import require_torch
    from noisyviz.experiments.reproduce import in_minutes, told, train_one
    from noisyviz.export.figures import processors, spread
    from noisyviz.export.pgf import tex_system

    began = time.time()
    folder, quiet = Path(given.value("output")), given["quiet"]
    tell = (lambda _: None) if quiet else terminal.say
    shown = look(given)  # checked before anything is trained
    formats = given.values("format")
    if "pgf" in formats:
        tex_system()
    require_torch()
    from noisyviz.experiments.checkpoint import Held

    workers = given.value("workers") or processors()
    if folder.exists() and not folder.is_dir():
        raise InputError(f"output '{folder}' is not a folder", parameter="output")
    held = Held(folder) if folder.is_dir() else None
    limit_s = 60.0 * given.value("minutes")
    budget = planned(given, folder, limit_s, workers, began)
    held = held or Held(folder)
    minutes = in_minutes(budget.seconds)
    tell(f"{len(budget.jobs)} runs to train, about {minutes} with {workers} at a time; {in_minutes(limit_s)} are given")
    for one in told(budget.jobs, workers):
        tell(f"  {one}")
    if given["plan"]:
        return
    until = began + limit_s
    jobs = [replace(job, until=until) for job in budget.jobs]
    with Bar("training") as bar:
        ended: list[str] = []

        def each(sentence: str) -> None:
            ended.append(sentence)
            tell(f"{len(ended)}/{len(jobs)} {sentence}")
            bar.show(len(ended) / len(jobs))

        spread(train_one, jobs, workers=workers, each=each)
    conclude(given, folder, formats, shown)
    held.close()


def planned(given: Given, folder: Path, limit_s: float, workers: int, began: float) -> "Budget":
    """Return what is to be run; the times of the trials are kept in the folder for the next call."""
    from noisyviz.experiments.checkpoint import write_whole
    from noisyviz.experiments.reproduce import fitted, in_minutes, runs_of, trial
    from noisyviz.export.figures import spread

    tasks = given.values("tasks", default=tuple(PRESETS))
    options = {} if given["updates"] is None else {"updates": given.value("updates")}
    path = folder / PLAN
    seconds = known_times(path, options, workers)
    asked = [(task, name) for task in tasks for name in ("soft", "nan") if name not in seconds.get(task, {})]
    if asked and not given["quiet"]:
        terminal.say("trying each task for some seconds")
    trials = [Settings(task=task, activation=name, seed=1, options=options) for task, name in asked]
    for (task, name), found in zip(asked, spread(trial, trials, workers=workers, each=lambda _: None), strict=True):
        if isinstance(found, str):
            terminal.say(f"{task} is left out: {found}")
            tasks = tuple(one for one in tasks if one != task)
        else:
            seconds.setdefault(task, {})[name] = found
    if not tasks:
        raise NoisyvizError("no task can be run here")
    folder.mkdir(parents=True, exist_ok=True)
    plan = {"workers": workers, "options": options, "seconds": seconds}
    write_whole(path, (json.dumps(plan, indent=1) + "\n").encode())
    runs = {
        task: runs_of(
            task,
            folder / "runs",
            {"soft": seconds[task]["soft"], "noisy": seconds[task]["nan"]},
            seeds=None if given["seeds"] is None else given.value("seeds"),
            options=options,
        )
        for task in tasks
    }
    budget = fitted(runs, limit_s=max(limit_s - (time.time() - began), 0.0), workers=workers)
    for task, needed in budget.left_out.items():
        told = in_minutes(needed / workers)
        terminal.say(f"{task} is left out: it would take {told} more; give more with --minutes")
    if budget.left_out and len(budget.left_out) == len(runs):
        least = in_minutes(min(budget.left_out.values()) / workers)
        raise InputError(f"--minutes must be more for any task to fit: the shortest takes about {least}")
    return budget


def known_times(path: Path, options: Mapping[str, Any], workers: int) -> dict[str, dict[str, float]]:
    """Return the times of earlier trials for so many workers, by task and unit."""
    try:
        plan = json.loads(path.read_text("utf-8"))
        if plan["options"] != options:
            before = plan["options"].get("updates", "those of the presets")
            raise InputError(f"{path.parent} was begun with other --updates ({before}); name another folder with -o")
        kept = plan["seconds"] if plan["workers"] == workers else {}
        return {task: {name: float(value) for name, value in own.items()} for task, own in kept.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is no plan of noisyviz reproduce; name another folder with -o") from error


def conclude(given: Given, folder: Path, formats: tuple[str, ...], shown: Mapping[str, Any]) -> None:
    """Write pictures, tables and manifest, and print the table with what it says."""
    from noisyviz.cli import run_pictures
    from noisyviz.cli.runs import entry
    from noisyviz.experiments.comparison import compared, grouped
    from noisyviz.export.figures import Job, perform, write_all

    runs = run_pictures.read(folder / "runs")
    groups = grouped(run_pictures.comparable(runs))
    pictures: dict[str, Picture[Any] | None] = {"differences": run_pictures.differences(groups)}
    pictures["curves"] = run_pictures.curves(runs) if any(record["updates"] for _, record in runs) else None
    pictures |= {f"units-{task}": run_pictures.units(runs, task) for task in run_pictures.tasks_of(runs)}
    done = [
        perform(Job(stem=stem, picture=picture, formats=formats, **shown))
        for stem, picture in pictures.items()
        if picture is not None
    ]
    for path in write_all(folder, done, force=given["force"]):
        if not given["quiet"]:
            terminal.say(f"wrote {path}")
    unfinished = sum(record["state"] != "done" for _, record in runs)
    found = list(compared(groups))
    if given["json"]:
        entries = [entry(group, gaps) for group, gaps in found]
        document, masked = masked_document({"groups": entries, "unfinished": unfinished})
        terminal.print_json({**document, "masked": masked})
    else:
        table(groups)
    if not given["quiet"]:
        verdict(groups, unfinished)


def table(groups: "Sequence[Group]") -> None:
    """Print every unit with its differences, and what that to the leak says."""
    from noisyviz.cli.run_pictures import differences
    from noisyviz.cli.runs import cells
    from noisyviz.experiments.comparison import compared
    from noisyviz.experiments.settings import CONTROLS

    picture = differences(groups)
    said = {(one.task, one.unit): one.verdict for one in (picture.rows if picture else ()) if one.control == "leak"}
    header = ["unit", "task", "metric", "better", "seeds", "mean", *(f"minus {name}" for name in CONTROLS), "seconds"]
    rows = [[*cells(group, gaps), said.get((group.task, group.shown), "")] for group, gaps in compared(groups)]
    if terminal.on_terminal():
        terminal.print_table("", [*header, "noise"], rows)
    else:
        terminal.print_tsv([*header, "noise"], rows)


def verdict(groups: "Sequence[Group]", unfinished: int) -> None:
    """Say where the noise helped: noisy units against the leak alone."""
    from noisyviz.cli.run_pictures import differences

    picture = differences(groups)
    noisy = [one for one in (picture.rows if picture else ()) if one.control == "leak" and one.half is not None]
    for name in ("better", "worse", "no difference seen"):
        where = [f"{one.task} {one.unit}" for one in noisy if one.verdict == name]
        if where:
            terminal.say(f"noise against the leak alone, {name}: {', '.join(where)}")
    if noisy:
        terminal.say(f"of {len(noisy)} intervals of 95 %, {0.05 * len(noisy):.1f} leave out 0 by chance")
    if unfinished:
        terminal.say(f"{unfinished} runs are not finished; the same command goes on")
