"""Many pictures at once: computed and drawn by several processes, then written into one folder."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context, parent_process, resource_tracker
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Final, TypeVar

from noisyviz.errors import InputError, NoisyvizError
from noisyviz.export import manifest, provenance
from noisyviz.export.render import caption_of, picture_bytes
from noisyviz.export.saving import check_target, explained, write_bytes
from noisyviz.export.write import write_table
from noisyviz.pictures.picture import Columns, Picture
from noisyviz.pictures.shared.finish import USUAL, Finish

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_SIGNALS: Final = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One picture in several formats.

    Attributes
    ----------
    stem
        Of its files, such as ``figure-4``.
    picture
        What it shows.
    formats
        Members of `noisyviz.export.formats.PICTURE_FORMATS`; may be empty.
    style, width, finish
        As in `noisyviz.export.render.picture_bytes`.
    """

    stem: str
    picture: Picture[Any]
    formats: tuple[str, ...]
    style: str
    width: str
    finish: Finish = USUAL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Done:
    """What became of a job: files by name, and its tables by the suffix of their file's stem."""

    job: Job
    pictures: Mapping[str, bytes]
    tables: Mapping[str, Columns]
    caption: str = ""  # Where the pictures have none

    @property
    def data(self) -> dict[str, Columns]:
        """The tables by the name of their file."""
        return {f"{self.job.stem}{suffix}.csv": columns for suffix, columns in self.tables.items()}


def perform(job: Job) -> Done:
    """Compute and draw one picture; the same bytes wherever it is done."""
    result = job.picture.compute()
    pictures = {
        f"{job.stem}.{fmt}": picture_bytes(
            job.picture, result, fmt=fmt, style=job.style, width=job.width, finish=job.finish
        )
        for fmt in job.formats
    }
    told = job.formats and not job.finish.caption
    caption = caption_of(job.picture, result, style=job.style, width=job.width) if told else ""
    return Done(job=job, pictures=pictures, tables=job.picture.tables(result), caption=caption)


def perform_all(
    jobs: Sequence[Job], *, workers: int = 1, progress: Callable[[float], None] | None = None
) -> list[Done]:
    """Perform jobs, several at a time, and return what became of them in their order.

    Parameters
    ----------
    jobs
        The pictures.
    workers
        Processes; 1 uses no other than this one. More need a main module that can be imported, as for any use
        of `multiprocessing`.
    progress
        Called with the share of the jobs that are done.

    Raises
    ------
    InputError, MissingExtraError
        Of the first job that fails.
    NoisyvizError
        When a process is killed, for instance for want of memory.
    """
    show = progress or (lambda _: None)
    done: list[int] = []

    def count(_: Done) -> None:
        done.append(1)
        show(len(done) / len(jobs))

    return spread(perform, jobs, workers=workers, each=count)


def spread(
    work: Callable[[Item], Answer], items: Sequence[Item], *, workers: int, each: Callable[[Answer], None]
) -> list[Answer]:
    """Return ``work(item)`` of every item, several at a time in processes that end with this one.

    Parameters
    ----------
    work
        A function of a module.
    items
        What it takes, in the order in which they are begun.
    workers
        Processes; 1 uses no other than this one.
    each
        Called with every answer when it is there.

    Raises
    ------
    NoisyvizError
        When a process is killed. What `work` raises first is raised here, and the other processes are ended.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        done = []
        for item in items:
            done.append(work(item))
            each(done[-1])
        return done
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    others = set(active_children())
    try:
        with _deferred():  # a process that hears a signal while it starts would print where it stood
            futures = [pool.submit(work, item) for item in items]
        for future in as_completed(futures):
            each(future.result())
        return [future.result() for future in futures]
    except BrokenProcessPool as error:
        raise NoisyvizError("a process at work was killed, perhaps for want of memory") from error
    except BaseException:
        for child in set(active_children()) - others:
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def processors() -> int:
    """Return how many processes can work at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _begin() -> None:
    """Prepare a process that draws: signals end it without a word, and so does the end of its parent."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


@contextlib.contextmanager
def _deferred() -> Iterator[None]:
    """Put signals off; processes started meanwhile put them off until they say otherwise."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first process would start it, and end the delay on the way
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def check_folder(folder: Path, jobs: Sequence[Job], *, force: bool = False) -> None:
    """Raise now what writing pictures and manifest would raise after the work; data are checked by `write_all`.

    Raises
    ------
    InputError
        When the folder cannot be made or written to, or a file in it is another's.
    """
    with explained(str(folder)):
        there = folder.exists()
    if there and not folder.is_dir():
        raise InputError(f"output '{folder}' is not a folder", parameter="output")
    if not there:
        check_target(folder)  # as if it were a file: its own folder must be there and writable
        return
    for job in jobs:
        for fmt in job.formats:
            check_target(folder / f"{job.stem}.{fmt}", force=force)
    check_target(folder / manifest.NAME, force=force)


def write_all(folder: Path, done: Sequence[Done], *, force: bool = False) -> Iterator[Path]:
    """Write pictures and data into a folder, then its manifest, and yield the paths.

    Every file is whole or not there, and the manifest is the last; the folder is made when it is missing.

    Raises
    ------
    InputError
        As `check_folder`, and when a data file is another's: before anything is written.
    """
    check_folder(folder, [one.job for one in done], force=force)
    tables = {name: columns for one in done for name, columns in one.data.items()}
    if folder.exists():
        for name, columns in tables.items():
            check_target(folder / name, force=force, header=provenance.header_line(columns))
    with explained(os.fspath(folder)):
        folder.mkdir(exist_ok=True)
    for one in done:
        for name, payload in one.pictures.items():
            yield write_bytes(folder / name, payload, force=force)
        for name, columns in one.data.items():
            yield write_table(folder / name, columns, {}, force=force)
    made = {name: _made(one.job.picture) for one in done for name in one.data}
    yield write_bytes(folder / manifest.NAME, manifest.manifest_bytes(folder, made), force=force)


def _made(picture: Picture[Any]) -> dict[str, Any]:
    made = picture.settings()
    return {"recipe": picture.name, "settings": made, "seed": getattr(picture, "seed", None)}


def of_other_settings(folder: Path, done: Sequence[Done]) -> list[str]:
    """Return the pictures in a folder that stand beside new data of their name and were made by other settings."""
    made = {one.job.stem: _made(one.job.picture)["settings"] for one in done}
    entries = json.loads((folder / manifest.NAME).read_bytes())["figures"]
    return [one["file"] for one in entries if one["settings"] != made.get(Path(one["file"]).stem, one["settings"])]
