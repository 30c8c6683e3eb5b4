"""From the folders of runs to their pictures."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from noisyviz.errors import InputError
from noisyviz.experiments.comparison import Group, compared, in_order, read_table, run_folders, shown
from noisyviz.experiments.settings import ALPHA, CONTROLS
from noisyviz.pictures.learning_curves.picture import EXPERIMENTS, LearningCurves
from noisyviz.pictures.picture import Picture
from noisyviz.pictures.run_differences.picture import Difference, RunDifferences
from noisyviz.pictures.runs.lines import RunPanel, line
from noisyviz.pictures.runs.picture import TrainingRuns

Run = tuple[Path, Mapping[str, Any]]
OF_THE_PAPER: Final[Mapping[str, tuple[str, str]]] = {
    "ptb-words": ("words", "valid_perplexity"),
    "learning-to-execute": ("execute", "train_accuracy"),
    "associative-recall": ("recall", "valid_nll"),
    "mnist": ("digits", "train_nll"),
    "ptb-characters": ("characters", "train_bpc"),
}
"""For each experiment whose curves the paper shows, the task and what the paper plots; else the task's metric."""
MEASURES: Final[Mapping[str, str]] = {
    "share_saturated": "saturated (share)",
    "share_flat": "flat units (share)",
    "response_saturated": "response, sat. (u′)",
    "pull_saturated": "pull, sat.",
    "noise_rms_saturated": "noise, sat. (u′)",
}
"""What is drawn of the units, by its column in ``units.csv``; columns without a number are left out."""
SIGMOIDS: Final = ("sigmoid", "hard-sigmoid")
SEEDS_TOLD: Final = "Thin: single seeds; thick: their mean."
ALPHA_TOLD: Final = f"α = {ALPHA[0]:g}, in sigmoids {ALPHA[1]:g}, where not named."


def tasks_of(runs: Sequence[Run]) -> list[str]:
    """Return the tasks in the order in which they come."""
    return list(dict.fromkeys(record["task"] for _, record in runs))


def same_sizes(runs: Sequence[Run], task: str) -> list[Run]:
    """Return the runs of a task, those of other presets left out where there are several: the most frequent stay."""
    own = [one for one in runs if one[1]["task"] == task]
    sizes = [str((one[1]["settings"]["preset"], one[1]["settings"]["options"])) for one in own]
    most = max(sizes, key=sizes.count)
    return sorted(
        (one for one, size in zip(own, sizes, strict=True) if size == most),
        key=lambda one: (in_order([record for _, record in own]).index(one[1]["label"]), one[1]["seed"]),
    )


def comparable(runs: Sequence[Run]) -> list[Mapping[str, Any]]:
    """Return the records of all tasks, of one size each."""
    return [record for task in tasks_of(runs) for _, record in same_sizes(runs, task)]


def panel(runs: Sequence[Run], column: str, *, title: str, label: str) -> RunPanel | None:
    """Return a panel of one column of ``curve.csv``, None where no run has it."""
    lines = []
    for folder, record in runs:
        rows = read_table(folder / "curve.csv")
        points = [(float(row["step"]), float(row[column])) for row in rows if row.get(column)]
        lines.append(line(shown(record), record["seed"], points))
    kept = tuple(one for one in lines if one is not None)
    return RunPanel(title=title, y=label, lines=kept) if kept else None


def metric_label(record: Mapping[str, Any]) -> str:
    """Return what stands beside the axis of a task's metric."""
    return str(record.get("metric_label") or record["metric"].replace("_", " "))


def curves(runs: Sequence[Run]) -> TrainingRuns:
    """Return loss and metric of every task over the updates."""
    panels: list[RunPanel] = []
    for task in tasks_of(runs):
        own = same_sizes(runs, task)
        record = own[0][1]
        for column, label in (("loss", "training loss"), (record["metric"], metric_label(record))):
            found = panel(own, column, title=task, label=label)
            if found is None:
                break
            panels.append(found)
    if not panels or len(panels) % 2:
        raise InputError("RUNS must hold at least one run with an evaluation")
    return TrainingRuns(panels=tuple(panels), caption=f"{SEEDS_TOLD} {ALPHA_TOLD}")


def units(runs: Sequence[Run], task: str) -> TrainingRuns | None:
    """Return what the units of a task do over the updates, above it the loss; sigmoids and tanhs apart.

    None where nothing was logged.
    """
    own = same_sizes(runs, task)
    tables = [(record, read_table(folder / "units.csv")) for folder, record in own]
    groups = {
        name: arrays
        for name, wanted in (("tanh", False), ("sigmoid", True))
        if (arrays := {row["array"] for _, rows in tables for row in rows if (row["fn"] in SIGMOIDS) is wanted})
    }
    rows: list[list[RunPanel]] = []
    zero: list[str] = []
    loss = panel(own, "loss", title="", label="training loss")
    if loss is not None and groups:
        rows.append([RunPanel(title=f"{task}: {name}", y=loss.y, lines=loss.lines) for name in groups])
    for column, label in MEASURES.items():
        found = [_over_arrays(tables, arrays, column, label) for arrays in groups.values()]
        whole = [one for one in found if one is not None]
        if not any(value for panel in whole for one in panel.lines for value in one.y):
            zero.append(label)
        elif len(whole) == len(found):
            rows.append(whole)
    if len(rows) < 2:
        return None
    caption = f"{SEEDS_TOLD} Means over all arrays of units; sat.: over saturated samples, in units of the slope u′. "
    caption += f"{ALPHA_TOLD}" + (" No flat units." if MEASURES["share_flat"] in zero else "")
    panels = tuple(one for row in rows for one in row)
    return TrainingRuns(panels=panels, across=len(groups), same_x=True, caption=caption)


def _over_arrays(
    tables: Sequence[tuple[Mapping[str, Any], list[dict[str, str]]]], arrays: set[str], column: str, label: str
) -> RunPanel | None:
    """Return the mean over arrays, weighted by what it is a mean of: saturated samples, or all."""
    lines = []
    for record, rows in tables:
        sums: dict[float, list[float]] = {}
        for row in rows:
            if row["array"] not in arrays or row.get(column, "nan") == "nan":
                continue
            weight = float(row["samples"]) * float(row["units"])
            weight *= float(row["share_saturated"]) if column.endswith("_saturated") and column[0] != "s" else 1.0
            total = sums.setdefault(float(row["step"]), [0.0, 0.0])
            value = float(row[column])
            total[0] += weight * (value * value if "_rms_" in column else value)
            total[1] += weight
        means = [(x, total / weight) for x, (total, weight) in sums.items() if weight]
        points = [(x, y**0.5 if "_rms_" in column else y) for x, y in means]
        lines.append(line(shown(record), record["seed"], points))
    kept = tuple(one for one in lines if one is not None)
    return RunPanel(title="", y=label, lines=kept) if kept else None


def differences(groups: Sequence[Group]) -> RunDifferences | None:
    """Return the picture of differences to the controls, None where there is none."""
    rows = []
    for group, found in compared(groups):
        for control in CONTROLS:
            difference = found[control]
            if difference is not None:
                pairs, (mean, half) = difference
                named: dict[str, Any] = {
                    "task": group.task,
                    "metric": group.metric_label,
                    "lower": group.lower,
                    "unit": group.shown,
                }
                rows.append(Difference(**named, control=control, seeds=pairs, mean=mean, half=half))
    if not rows:
        return None
    seeds = sorted({one.seeds for one in rows})
    told = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    caption = (
        f"{ALPHA_TOLD} Means over {told} seeds with 95 % intervals, in pairs of one seed; right of the line is better. "
        "Hollow: no difference seen."
    )
    return RunDifferences(rows=tuple(rows), caption=caption)


def beside_the_paper(picture: LearningCurves, runs: Sequence[Run]) -> Picture[Any]:
    """Return a picture of the paper's curves with those of runs of its task, where there are any."""
    task, column = OF_THE_PAPER[picture.experiment]
    if task not in tasks_of(runs):
        return picture
    own = same_sizes(runs, task)
    record = own[0][1]
    label = metric_label(record) if column == record["metric"] else column.replace("_", " ")
    found = panel(own, column, title="own runs", label=label)
    found = found or panel(own, record["metric"], title="own runs", label=metric_label(record))
    if found is not None and EXPERIMENTS[picture.experiment].y.log:
        values = [value for one in found.lines for value in one.y]
        found = dataclasses.replace(found, log=0.0 < 10.0 * min(values) <= max(values))
    return dataclasses.replace(picture, runs=found)


def read(folder: Path) -> list[Run]:
    """Return folder and record of all runs; see `noisyviz.experiments.comparison.read_runs`."""
    return [(path, record) for path, record in run_folders(folder)]
