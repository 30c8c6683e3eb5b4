"""Runs of one task side by side: means over seeds, and differences to the controls in pairs of one seed."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisyviz.errors import InputError
from noisyviz.experiments.settings import CONTROLS, LEVELS, USES_ALPHA

Estimate = tuple[float, float | None]
"""A mean and half the width of its 95 % interval (Student's t); None for a single value."""


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean with its interval.

    Examples
    --------
    >>> mean, half = estimate([1.0, 2.0, 3.0])
    >>> mean, round(half, 3)
    (2.0, 2.484)
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return float(x.mean()), None
    from scipy.special import stdtrit

    return float(x.mean()), float(stdtrit(len(x) - 1, 0.975) * x.std(ddof=1) / np.sqrt(len(x)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Finished runs that differ in their seed alone.

    Attributes
    ----------
    shown
        The unit in a picture.
    metric_label
        The metric in a picture.
    values
        The metric of each seed.
    alphas
        α of tanh and of sigmoid, by which a noisy group finds its leak.
    options
        Sizes of the task, its preset included; groups of other sizes are not compared.
    """

    task: str
    label: str
    shown: str
    activation: str
    metric: str
    metric_label: str
    lower: bool
    alphas: tuple[float | None, float | None]
    options: str
    values: Mapping[int, float]
    seconds: float

    def difference(self, other: "Group") -> tuple[int, Estimate] | None:
        """Return the number of common seeds and this group minus the other over them, None without such a seed."""
        common = sorted(self.values.keys() & other.values.keys())
        if not common:
            return None
        return len(common), estimate([self.values[seed] - other.values[seed] for seed in common])

    def control(self, name: str, groups: "Sequence[Group]") -> "Group | None":
        """Return the group of a control with the same task and sizes, and for the leak with the same α."""
        for one in groups:
            same = (one.task, one.options, one.activation) == (self.task, self.options, name)
            if same and one is not self and (name != "leak" or one.alphas == self.alphas):
                return one
        return None


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """Return the record of every run below a folder, in the order of their paths.

    Raises
    ------
    InputError
        For a folder without runs, and for a record that is none.
    """
    return [record for _, record in run_folders(folder)]


def run_folders(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Return the folder and the record of every run below a folder; see `read_runs`."""
    found = []
    for path in sorted(folder.rglob("run.json")):
        try:
            record = json.loads(path.read_text("utf-8"))
            _key(record), record["metrics"], record["metric"], record["state"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is no record of a run of noisyviz") from error
        found.append((path.parent, record))
    if not found:
        raise InputError(f"RUNS must be a folder with runs of noisyviz train, but {folder} holds none")
    return found


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a run's ``curve.csv`` or ``units.csv``, none where it has none."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def shown(record: Mapping[str, Any]) -> str:
    """Return the unit of a run as it stands in a picture: what is not the authors' α, and c.

    Examples
    --------
    >>> shown({"settings": {"activation": "nan", "alpha": None, "alpha_sigmoid": 1.0, "anneal": None, "c": 0.25,
    ...        "p": "unit"}})
    'nan, α(sigmoid) = 1, c = 0.25'
    """
    settings = record["settings"]
    words = [settings["activation"]]
    for key, name in (("alpha", "α"), ("alpha_sigmoid", "α(sigmoid)")):
        words += [] if settings[key] is None else [f"{name} = {settings[key]:g}"]
    if settings["anneal"] is not None:
        start, end, schedule = settings["anneal"]
        words.append(f"c = {start:g} to {end:g}" + ("" if schedule == "paper" else f", {schedule}"))
    elif settings["activation"] in LEVELS:
        words.append(f"c = {LEVELS[settings['activation']] if settings['c'] is None else settings['c']:g}")
    words += [] if settings["p"] == "unit" else [f"p = {settings['p']}"]
    return ", ".join(words)


def in_order(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the labels of all units, controls first."""
    order = {name: place for place, name in enumerate(CONTROLS)}
    pairs = {(order.get(record["activation"], len(order)), record["label"]) for record in records}
    return [label for _, label in sorted(pairs)]


def grouped(records: Sequence[Mapping[str, Any]]) -> list[Group]:
    """Return the finished runs in groups of equal settings, by task, controls first."""
    kept: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for record in records:
        if record["state"] == "done" and record["metric"] in record["metrics"]:
            kept.setdefault(_key(record), []).append(record)
    groups = [_group(key, runs) for key, runs in kept.items()]
    order = {name: place for place, name in enumerate(CONTROLS)}
    return sorted(groups, key=lambda one: (one.task, one.options, order.get(one.activation, len(order)), one.label))


def _key(record: Mapping[str, Any]) -> tuple[str, ...]:
    settings = record["settings"]
    sizes = {"preset": settings["preset"], **settings["options"], "data": record["data"]["sha256"]}
    return record["task"], record["label"], json.dumps(sizes, sort_keys=True)


def _group(key: tuple[str, ...], runs: Sequence[Mapping[str, Any]]) -> Group:
    first, settings = runs[0], runs[0]["settings"]
    return Group(
        task=key[0],
        label=key[1],
        shown=shown(first),
        activation=first["activation"],
        metric=first["metric"],
        metric_label=first.get("metric_label", first["metric"]),
        lower=first["lower_is_better"],
        alphas=(settings["alpha"], settings["alpha_sigmoid"]),
        options=key[2],
        values={run["seed"]: run["metrics"][run["metric"]] for run in runs},
        seconds=float(np.mean([run["seconds"] for run in runs])),
    )


def compared(groups: Sequence[Group]) -> Iterator[tuple[Group, dict[str, tuple[int, Estimate] | None]]]:
    """Yield each group with its differences to soft, hard and, where it has an α, the leak."""
    for one in groups:
        found: dict[str, tuple[int, Estimate] | None] = {}
        for name in CONTROLS:
            other = one.control(name, groups) if name != "leak" or one.activation in USES_ALPHA else None
            found[name] = None if other is None or one.activation == name else one.difference(other)
        yield one, found
