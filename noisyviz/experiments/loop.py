"""Training, once for all tasks: updates, evaluations, annealing, checkpoints, and the ways in which a run ends."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from math import isfinite
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
import torch
from torch.nn.utils import clip_grad_norm_

import noisyviz
from noisyviz.errors import InputError, NoisyvizError
from noisyviz.experiments import make_task
from noisyviz.experiments.checkpoint import (
    BEST,
    CHECKPOINT,
    Held,
    does_not_fit,
    read_checkpoint,
    write_checkpoint,
    write_curve,
    write_record,
    write_units,
)
from noisyviz.experiments.machine import ALONE, Place
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import Task
from noisyviz.experiments.unit_profiles import Row, looked_at, profiled
from noisyviz.torch import NoiseAnnealing, capture

SAVE_EVERY_S: Final = 30.0
SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
LONG_S: Final = 120.0
"""Runs that take longer are announced."""
TRIAL: Final = 20
"""Updates after which the time of a run is estimated."""

Tell = Callable[[str], None]
Show = Callable[[float], None]


def quiet(_: Any) -> None:
    """Say nothing."""


class Run:
    """One task, trained with one seed, and the folder that keeps it.

    Attributes
    ----------
    step
        Updates done.
    rows
        One row for each evaluation.
    profiles
        A row for each array of units at each moment they were looked at.
    place
        Where it computes; only the first of several processes writes.
    state
        ``running``, ``done``, ``stopped`` (by time or by a signal) or ``diverged``.
    seconds
        Time spent on training and evaluation, earlier parts of a resumed run included.
    """

    def __init__(self, task: Task, folder: Path, place: Place = ALONE) -> None:
        self.task, self.folder, self.settings, self.place = task, folder, task.settings, place
        self.step, self.rows, self.profiles, self.state, self.seconds = 0, [], [], "running", 0.0
        self.final: dict[str, float] = {}
        self._losses = [0.0, 0.0]  # sum and number since the last evaluation
        schedule = self.settings.schedule()
        self.annealing = None if schedule is None else NoiseAnnealing(task.model, schedule=schedule)
        self._saved = time.monotonic()
        self._new_best: dict[str, Any] | None = None  # not yet written
        self.held: Held | None = None  # the folder, until the end of `go`
        self._measuring = 0.0  # seconds of the last evaluation, which --minutes keeps for the one at the end

    rows: list[dict[str, float]]
    profiles: list[Row]

    @property
    def c(self) -> float:
        """The noise level in force; 0 without noise."""
        return self.settings.level if self.annealing is None else self.annealing.c

    @property
    def updates(self) -> int:
        """Updates in all."""
        return int(self.settings.options["updates"])

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.step >= self.updates or self.task.finished

    def update(self, *, looks: bool = True) -> bool:
        """Do one update; False, with the weights as they were, where loss or gradient are not finite."""
        task, place = self.task, self.place
        task.model.train()
        looks = looks and not place.rank and self.step in looked_at(self.updates)
        with place.here(), place.autocast(), capture(task.model) if looks else nullcontext() as seen:
            loss = task.loss(self.step)
        value = place.mean([float(loss.detach())])[0]
        if not isfinite(value):
            return False
        if seen is not None:
            self.profiles += profiled(self.step, task.model, seen)
        task.optimizer.zero_grad()
        loss.backward()
        place.average([one.grad for one in task.model.parameters() if one.grad is not None])
        norm = clip_grad_norm_(task.model.parameters(), task.clip)
        if not isfinite(float(norm)):
            return False
        task.optimizer.step()
        if self.annealing is not None:
            self.annealing.step()
        self.step += 1
        self._losses = [self._losses[0] + value, self._losses[1] + 1.0]
        return True

    def evaluate(self) -> dict[str, float]:
        """Measure, and write the row of an evaluation."""
        began = time.monotonic()
        metrics = self._measure()
        self._measuring = time.monotonic() - began
        mean = self._losses[0] / self._losses[1] if self._losses[1] else float("nan")
        row = {"step": float(self.step), "seconds": self.seconds, "c": self.c, "loss": mean} | metrics
        self.rows.append(row)
        self._losses = [0.0, 0.0]
        if self.best is row:
            weights = {name: value.clone() for name, value in self.task.model.state_dict().items()}
            self._new_best = self._origin() | {"row": row, "model": weights}
        self.task.observe(metrics)
        return row

    def _measure(self) -> dict[str, float]:
        with self.place.here():
            metrics = self.task.measure()
        return dict(zip(metrics, self.place.mean(list(metrics.values())), strict=True))

    def _agreed(self, *wishes: bool) -> list[bool]:
        """Return which of some wishes any of the processes has."""
        return [share > 0.0 for share in self.place.mean([float(wish) for wish in wishes])]

    def go(self, *, limit_s: float | None = None, tell: Tell = quiet, show: Show = quiet) -> str:
        """Train to the end, for so many seconds at most, or until a signal; return the state.

        A signal that asks the process to end is answered as before, once everything is saved: by KeyboardInterrupt
        after Ctrl-C.

        Raises
        ------
        DivergedError
            When a loss, a gradient or a weight is not finite.
        OSError
            When nothing can be written at the end of the run; before, training goes on.
        """
        try:
            return self._go(limit_s, tell, show)
        finally:
            if self.held is not None:
                self.held.close()

    def _go(self, limit_s: float | None, tell: Tell, show: Show) -> str:
        began, before, first = time.monotonic(), self.seconds, self.step
        self.state, self.final = "running", {}
        with signals() as caught:
            while not self.ended:
                late = limit_s is not None and time.monotonic() - began + self._measuring >= limit_s
                stop, save = self._agreed(bool(caught) or late, time.monotonic() - self._saved > SAVE_EVERY_S)
                if stop:
                    break
                if not self.update():
                    self._diverge(f"loss or gradient of update {self.step + 1}")
                self.seconds = before + time.monotonic() - began
                if self.step - first == TRIAL:
                    announce((time.monotonic() - began) / TRIAL * (self.updates - self.step), tell)
                evaluated = self.step % self.settings.options["every"] == 0 or self.ended
                if evaluated or save:
                    if not all(bool(weight.isfinite().all()) for weight in self.task.model.parameters()):
                        self._diverge(f"a weight after update {self.step}")
                    if evaluated:
                        tell(line(self, self.evaluate()))
                    self._try_to_save(tell)
                show(self.step / self.updates)
            self.state = "done" if self.ended else "stopped"
            if self.ended and self.rows:
                self.final = self.rows[-1]
            self.save()
            if not self.final:  # after the checkpoint, for who sends a signal may not wait
                self.final = self._measure()
                if not self.place.rank:
                    write_record(self.folder, self.record())
        if caught:
            signal.raise_signal(caught[0])
        return self.state

    def _diverge(self, what: str) -> None:
        """End a run whose numbers are not finite; the checkpoint on disk is of finite weights."""
        self.state = "diverged"
        if not self.place.rank:
            with suppress(OSError):
                write_record(self.folder, self.record())
        raise DivergedError(f"{self.folder}: {what} is not finite; the run ends, and its last checkpoint is kept")

    def _try_to_save(self, tell: Tell) -> None:
        """Save, or say why not and train on: on a full disk room may come, and what was saved before stays."""
        try:
            self.save()
        except OSError as error:
            tell(f"{self.folder} cannot be saved now ({error.strerror}); training goes on and tries again")

    def save(self) -> None:
        """Write the best model if it is new, then the checkpoint, from which curve and record can be made again.

        A run that ends in between finds the best model again.
        """
        content = self.content()  # by all processes
        self._saved = time.monotonic()
        if self.place.rank:
            return
        if self._new_best is not None:
            write_checkpoint(self.folder / BEST, self._new_best)
            self._new_best = None
        write_checkpoint(self.folder / CHECKPOINT, content)
        write_curve(self.folder, self.rows)
        write_units(self.folder, self.profiles)
        write_record(self.folder, self.record())

    @property
    def best(self) -> dict[str, float] | None:
        """The row of the best evaluation so far by the task's metric, the first of equals."""
        scored = [row for row in self.rows if isfinite(row[self.task.metric])]
        return (min if self.task.lower else max)(scored, key=lambda row: row[self.task.metric], default=None)

    def _origin(self) -> dict[str, Any]:
        """Return what weights come from."""
        return {
            "settings": self.settings.plain(),
            "sha256": self.task.facts["sha256"],
            "versions": versions(),
            "threads": torch.get_num_threads(),
        }

    def content(self) -> dict[str, Any]:
        """Return all that decides how the run goes on."""
        task = self.task
        first, *others = self.place.gather({"noise": task.noise.get_state(), "task": task.state_dict()})
        return {
            **self._origin(),
            "step": self.step,
            "state": self.state,
            "seconds": self.seconds,
            "losses": self._losses,
            "rows": self.rows,
            "final": self.final,
            "model": task.model.state_dict(),
            "optimizer": task.optimizer.state_dict(),
            "annealing": None if self.annealing is None else self.annealing.state_dict(),
            "profiles": self.profiles,
            "machine": self.place.machine.told(),
            **first,
            "others": others,
        }

    def restore(self, content: dict[str, Any]) -> None:
        """Take what `content` gave."""
        task = self.task
        task.model.load_state_dict(content["model"])
        task.optimizer.load_state_dict(content["optimizer"])
        own = content["others"][self.place.rank - 1] if self.place.rank else content
        task.noise.set_state(own["noise"])
        with self.place.here():
            task.load_state_dict(self.place.moved(own["task"]))
        self.profiles = list(content["profiles"])
        if self.annealing is not None:
            self.annealing.load_state_dict(content["annealing"])
        self.step, self.seconds, self._losses = content["step"], content["seconds"], list(content["losses"])
        self.rows, self.final, self.state = list(content["rows"]), dict(content["final"]), content["state"]

    def record(self) -> dict[str, Any]:
        """Return the document of the run, which is its ``run.json``; what is not finite is left out of the metrics."""
        task, plain = self.task, self.settings.plain()
        final = self.final or (self.rows[-1] if self.rows else {})
        best = self.best
        return {
            "task": plain["task"],
            "activation": plain["activation"],
            "label": self.settings.label,
            "seed": plain["seed"],
            "state": self.state,
            "updates": self.step,
            "metric": task.metric,
            "metric_label": task.label or task.metric.replace("_", " "),
            "lower_is_better": task.lower,
            "metrics": {
                name: final[name] for name in final if name not in ("step", "seconds") and isfinite(final[name])
            },
            "best": None if best is None else {"updates": int(best["step"]), task.metric: best[task.metric]},
            "seconds": round(self.seconds, 3),
            "paper": task.paper,
            "data": dict(task.facts),
            "settings": plain,
            "threads": torch.get_num_threads(),
            "machine": self.place.machine.told(),
            "versions": versions(),
        }


class DivergedError(NoisyvizError):
    """A loss or a gradient became infinite or NaN."""


def begin(settings: Settings, folder: Path, *, place: Place = ALONE) -> Run:
    """Return a run that has not begun, with its first checkpoint in a new or an old folder."""
    with place.here():
        run = Run(make_task(settings), folder, place)
    folder.mkdir(parents=True, exist_ok=True)
    run.held = None if place.rank else Held(folder)
    (folder / BEST).unlink(missing_ok=True)
    run.save()
    return run


def resume(folder: Path, *, tell: Tell = quiet, place: Place = ALONE) -> Run:
    """Return a run as its checkpoint left it.

    Raises
    ------
    InputError
        For a damaged checkpoint or one of another version, for other data or another number of processes, where
        nothing is left to do, and while another process trains there.
    """
    held = None if place.rank else Held(folder)
    try:
        run = _restored(folder, tell, place)
        run.held = held
    except BaseException:
        if held is not None:
            held.close()
        raise
    return run


def _restored(folder: Path, tell: Tell, place: Place) -> Run:
    content = read_checkpoint(folder)
    try:
        if len(content["others"]) + 1 != place.size:
            raise InputError(
                f"{folder} was trained on {len(content['others']) + 1} devices, and only so many can continue it, "
                f"got {place.size}"
            )
        with place.here():
            run = Run(make_task(Settings.read(content["settings"])), folder, place)
        if run.task.facts["sha256"] != content["sha256"]:
            raise InputError(f"{folder} was trained on other data than are there now (their SHA-256 differs)")
        run.restore(content)
        before = {"threads": content["threads"], **content["versions"]}
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise does_not_fit(folder, error) from error
    if run.state == "done":
        raise InputError(f"{folder} is finished after {run.step} updates; nothing is left to resume")
    for name, now in {"threads": torch.get_num_threads(), **versions()}.items():
        if before.get(name) != now:
            tell(f"{folder} began with {name} {before.get(name)}, now {now}: its numbers may differ in the last digits")
    return run


def versions() -> dict[str, str]:
    """Return the versions of what decides the numbers of a run."""
    return {"noisyviz": noisyviz.__version__, "torch": str(torch.__version__), "numpy": np.__version__}


def line(run: Run, row: dict[str, float]) -> str:
    """Return one evaluation in words."""
    shown = {name: row[name] for name in ("loss", *[key for key in row if key not in ("step", "seconds", "c", "loss")])}
    told = ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
    where = f"{run.settings.task} {run.settings.label} seed {run.settings.seed}"
    return f"{where}: update {run.step} of {run.updates}, {run.seconds:.0f} s, {told}"


def announce(seconds: float, tell: Tell) -> None:
    """Say how long a run will take, where that is long."""
    if seconds > LONG_S:
        took = f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.1f} hours"
        tell(f"this run takes about {took} more")


@contextmanager
def signals() -> Iterator[list[int]]:
    """Note the first signal that asks the process to end, so that a run can end between two updates.

    A second one is answered as it was before, at once. What is ignored stays ignored, as under ``nohup``.
    """
    caught: list[int] = []
    before: dict[int, Any] = {}

    def give_back() -> None:
        while before:
            number, answer = before.popitem()
            signal.signal(number, answer)

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        give_back()

    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, note)
    try:
        yield caught
    finally:
        give_back()
