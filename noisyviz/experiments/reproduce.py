"""Many small runs within a time: which, how long they will take, and one of them in a process of its own."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from noisyviz.errors import InputError, MissingExtraError
from noisyviz.experiments.settings import CONTROLS, Settings

UNITS: Final[tuple[Mapping[str, Any], ...]] = (
    *({"activation": name} for name in CONTROLS),
    {"activation": "nan"},
    {"activation": "nan", "anneal": (30.0, 0.5, "paper")},
)
"""The units that are compared: the controls, constant noise and annealed noise."""
SEEDS: Final[tuple[int, ...]] = (1, 2, 3)
MORE_SEEDS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType({"unique": (1, 2, 3, 4, 5)})
"""Tasks whose seeds differ so much that three do not tell."""
TRIAL_UPDATES: Final = 20
TRIAL_S: Final = 8.0
"""Length of the trial by which the time of a run is estimated: so many updates or seconds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run.

    Attributes
    ----------
    settings
        Of the run.
    folder
        Where it is kept.
    seconds
        How long it is expected to take.
    until
        The time, as `time.time` tells it, at which it stops.
    """

    settings: Settings
    folder: Path
    seconds: float
    until: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What fits into a time.

    Attributes
    ----------
    jobs
        In the order in which they are begun: seed by seed, so that every unit has as many seeds when time runs out.
    seconds
        How long all of them are expected to take together.
    left_out
        Tasks that do not fit, with the seconds that they would take.
    """

    jobs: tuple[Job, ...]
    seconds: float
    left_out: Mapping[str, float]


def runs_of(
    task: str, folder: Path, seconds: Mapping[str, float], *, seeds: Sequence[int] | None, options: Mapping[str, Any]
) -> list[Job]:
    """Return all runs of a task; `seconds` holds the time of a soft and of any other one."""
    jobs = []
    for seed in seeds or MORE_SEEDS.get(task, SEEDS):
        for unit in UNITS:
            settings = Settings(task=task, seed=seed, options=options, **unit)
            expected = seconds["soft" if unit["activation"] == "soft" else "noisy"]
            jobs.append(
                Job(settings=settings, folder=folder / task / settings.label / f"seed-{seed}", seconds=expected)
            )
    return jobs


def fitted(tasks: Mapping[str, Sequence[Job]], *, limit_s: float, workers: int) -> Budget:
    """Return what fits: whole tasks, of which the longest are left out first."""
    seconds = {task: sum(job.seconds for job in jobs if not is_finished(job.folder)) for task, jobs in tasks.items()}
    kept, left_out = list(tasks), {}
    while kept and sum(seconds[task] for task in kept) / workers > limit_s:
        longest = max(kept, key=lambda task: seconds[task])
        kept.remove(longest)
        left_out[longest] = seconds[longest]
    jobs = [job for task in kept for job in tasks[task] if not is_finished(job.folder)]
    jobs.sort(key=lambda job: (job.settings.seed, -job.seconds))
    return Budget(jobs=tuple(jobs), seconds=sum(job.seconds for job in jobs) / workers, left_out=left_out)


def is_finished(folder: Path) -> bool:
    """Whether nothing is left to do for a run: it is done, or its loss is no number."""
    import json

    try:
        return json.loads((folder / "run.json").read_text("utf-8"))["state"] in ("done", "diverged")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def trial(settings: Settings) -> float | str:
    """Return how many seconds a run will take, judged by its first updates, or why it cannot be made."""
    import torch

    from noisyviz.experiments import make_task
    from noisyviz.experiments.loop import Run

    torch.set_num_threads(1)
    try:
        make_task(settings)  # imports and reads, once in each process
    except MissingExtraError as error:
        return str(error)
    began = time.perf_counter()
    run = Run(make_task(settings), Path())
    made = time.perf_counter()
    run.task.model.eval()
    run.task.measure()
    measured = time.perf_counter()
    run.update(looks=False)
    begun = time.perf_counter()
    count = 0
    while count < min(TRIAL_UPDATES, run.updates) and time.perf_counter() - begun < TRIAL_S:
        run.update(looks=False)
        count += 1
    each = (time.perf_counter() - begun) / max(count, 1)
    evaluations = ceil(run.updates / settings.options["every"])
    return (made - began) + evaluations * (measured - made) + run.updates * each


def train_one(job: Job) -> str:
    """Begin a run, or continue it, and return how it ended in a sentence."""
    import torch

    from noisyviz.experiments import loop

    what = f"{job.settings.task} {job.settings.label} seed {job.settings.seed}"
    if time.time() >= job.until:
        return f"{what}: not begun, the time is up"
    torch.set_num_threads(1)
    begun = (job.folder / "checkpoint.pt").is_file()
    try:
        run = loop.resume(job.folder) if begun else loop.begin(job.settings, job.folder)
        if run.settings != job.settings:
            raise InputError(f"{job.folder} is a run of other settings; name another folder with -o")
        run.go(limit_s=max(job.until - time.time(), 0.0))
    except loop.DivergedError as error:
        return str(error)
    metric = run.task.metric
    found = f"{metric} {run.final[metric]:.4g}, " if metric in run.final else ""
    return f"{what}: {run.state} after {run.step} of {run.updates} updates, {found}{run.seconds:.0f} s"


def told(jobs: Iterable[Job], workers: int) -> list[str]:
    """Return, for each task, how many runs there are and how long they will take."""
    by_task: dict[str, list[Job]] = {}
    for job in jobs:
        by_task.setdefault(job.settings.task, []).append(job)
    return [
        f"{task}: {len(own)} runs, {in_minutes(sum(job.seconds for job in own) / workers)}"
        for task, own in by_task.items()
    ]


def in_minutes(seconds: float) -> str:
    """Return a time in words.

    Examples
    --------
    >>> in_minutes(20.0), in_minutes(150.0)
    ('20 seconds', '2.5 minutes')
    """
    return f"{seconds:.0f} seconds" if seconds < 90.0 else f"{seconds / 60.0:.3g} minutes"
