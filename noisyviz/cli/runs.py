"""``noisyviz runs``: all runs of ``noisyviz train`` in one table, with differences to the controls."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.train import FOLDER
from noisyviz.experiments.settings import CONTROLS
from noisyviz.results import masked_document

if TYPE_CHECKING:
    from noisyviz.experiments.comparison import Estimate, Group

SUMMARY: Final = "Compare trained runs with soft, hard and the leak."
HELP: Final = """\
\b
noisyviz runs trial

Read every finished run below a folder and print, for each unit, the mean of its
metric over seeds with a 95 % interval (Student's t), and its differences to
soft, hard and leak, taken in pairs of one seed. An interval that includes 0
shows no difference. A single seed has no interval. Runs of other sizes or other
data are not compared.
"""
OPTIONS: Final = (
    Option("folder", "RUNS", "Folder of the runs.", argument=True, default=FOLDER),
    opt.JSON,
    opt.QUIET,
)


def run(given: Given) -> None:
    """Print the table."""
    from noisyviz.experiments.comparison import compared, grouped, read_runs

    records = read_runs(Path(given.value("folder")))
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
