"""``noisyviz runs``: all runs of ``noisyviz train`` in one table, with differences to the controls."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.parsing import choice
from noisyviz.cli.train import FOLDER
from noisyviz.errors import InputError
from noisyviz.experiments.settings import CONTROLS
from noisyviz.results import masked_document

if TYPE_CHECKING:
    from noisyviz.cli.run_pictures import Run
    from noisyviz.experiments.comparison import Estimate, Group
    from noisyviz.pictures.picture import Picture

SUMMARY: Final = "Compare trained runs with soft, hard and the leak."
HELP: Final = """\
\b
noisyviz runs trial
noisyviz runs trial -o curves.pdf
noisyviz runs trial --draw units -o units.png

Read every finished run below a folder and print, for each unit, the mean of its
metric over seeds with a 95 % interval (Student's t), and its differences to
soft, hard and leak, taken in pairs of one seed. An interval that includes 0
shows no difference. A single seed has no interval. Runs of other sizes or other
data are not compared.

-o draws the runs, unfinished ones included. --draw curves: loss and metric over
the updates. --draw differences: those of the table. --draw units: how the units
of one task saturate, and what becomes of their gradients (response, pull, noise).
"""
DRAWN: Final = ("curves", "differences", "units")
OPTIONS: Final = (
    Option("folder", "RUNS", "Folder of the runs.", argument=True, default=FOLDER),
    Option(
        "draw",
        "NAME",
        f"What -o draws: {', '.join(DRAWN)}.",
        default="curves",
        read=partial(choice, allowed=DRAWN),
    ),
    Option("task", "NAME", "Draw one task alone.", told="all; for units the first"),
    *opt.FILES,
    *opt.PICTURE,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Print the table, and draw."""
    from noisyviz.cli.outputs import outputs
    from noisyviz.experiments.comparison import run_folders
    from noisyviz.export.formats import PICTURE_FORMATS

    files = outputs(given, formats=PICTURE_FORMATS)
    found_runs = run_folders(Path(given.value("folder")))
    records = [record for _, record in found_runs]
    if files.targets:
        picture = drawn(given, found_runs)
        files.save(picture, picture.compute())
    report(given, records)
    files.open_viewer()


def report(given: Given, records: Sequence[dict[str, Any]]) -> None:
    """Print the table of all finished runs."""
    from noisyviz.experiments.comparison import compared, grouped

    found = list(compared(grouped(records)))
    unfinished = sum(record["state"] != "done" for record in records)
    if given["json"]:
        entries = [entry(group, differences) for group, differences in found]
        document, masked = masked_document({"groups": entries, "unfinished": unfinished})
        terminal.print_json({**document, "masked": masked})
        return
    header = ["unit", "task", "metric", "better", "seeds", "mean", *(f"minus {name}" for name in CONTROLS), "seconds"]
    rows = [cells(group, differences) for group, differences in found]
    if terminal.on_terminal():
        terminal.print_table("", header, rows)
    else:
        terminal.print_tsv(header, rows)
    if unfinished and not given["quiet"]:
        terminal.say(f"{unfinished} unfinished runs are left out")


def drawn(given: Given, runs: "Sequence[Run]") -> "Picture[Any]":
    """Return the picture that was asked for."""
    from noisyviz.cli import run_pictures
    from noisyviz.experiments.comparison import grouped

    tasks = run_pictures.tasks_of(runs)
    if given["task"] is not None:
        task = choice(given["task"], "--task", tasks)
        runs = [one for one in runs if one[1]["task"] == task]
    found: Picture[Any] | None
    if given.value("draw") == "differences":
        found = run_pictures.differences(grouped(run_pictures.comparable(runs)))
        missing = "two units with a finished run of one seed"
    elif given.value("draw") == "units":
        found, missing = run_pictures.units(runs, runs[0][1]["task"]), "a run that logged its units"
    else:
        return run_pictures.curves(runs)
    if found is None:
        raise InputError(f"--draw {given.value('draw')} needs {missing}, and {given.value('folder')} holds none")
    return found


def cells(group: "Group", differences: dict[str, Any]) -> list[str]:
    """Return one row of the table."""
    from noisyviz.experiments.comparison import estimate

    mean = shown(estimate(list(group.values.values())))
    gaps = [shown(found[1], sign="+") if (found := differences[name]) else "" for name in CONTROLS]
    better = "lower" if group.lower else "higher"
    return [group.label, group.task, group.metric, better, str(len(group.values)), mean, *gaps, f"{group.seconds:.0f}"]


def shown(value: "Estimate", *, sign: str = "") -> str:
    """Return a mean and its interval.

    Examples
    --------
    >>> shown((1.5, 0.25), sign="+")
    '+1.5 ± 0.25'
    """
    mean, half = value
    return f"{mean:{sign}.4g}" + ("" if half is None else f" ± {half:.2g}")


def entry(group: "Group", differences: dict[str, Any]) -> dict[str, Any]:
    """Return one group as JSON values; intervals are [low, high], and null for a single seed."""
    from noisyviz.experiments.comparison import estimate

    def plain(value: "Estimate", pairs: int) -> dict[str, Any]:
        mean, half = value
        return {"seeds": pairs, "mean": mean, "interval": None if half is None else [mean - half, mean + half]}

    return {
        "task": group.task,
        "label": group.label,
        "activation": group.activation,
        "metric": group.metric,
        "lower_is_better": group.lower,
        "values": {str(seed): value for seed, value in sorted(group.values.items())},
        **plain(estimate(list(group.values.values())), len(group.values)),
        "minus": {name: None if found is None else plain(found[1], found[0]) for name, found in differences.items()},
        "seconds": group.seconds,
    }
