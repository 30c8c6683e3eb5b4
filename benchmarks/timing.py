"""Times that are compared only with times of the same run: alternating, with medians."""

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

Work = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    what
        What was measured, against what.
    value
        The ratio, share, exponent or amount.
    unit
        Text behind the number.
    target
        The most it may be (the least, where `at_least`); None where nothing was promised.
    at_least
        Whether more is better.
    note
        What else was seen.
    """

    what: str
    value: float
    unit: str = "×"
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say whether the target is reached."""
        if self.target is None:
            return ""
        reached = self.value >= self.target if self.at_least else self.value <= self.target
        return "pass" if reached else "fall short"

    def cells(self) -> list[str]:
        """Return the cells of the line."""
        sign = "≥" if self.at_least else "≤"
        target = "" if self.target is None else f"{sign} {self.target:g} {self.unit}"
        return [self.what, f"{self.value:.3g} {self.unit}", target, self.verdict, self.note]


def seconds(work: Work) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def medians(works: Sequence[Work], *, repeats: int, warm: bool = True) -> list[float]:
    """Return the median time of each piece of work, the pieces taken in turn."""
    if warm:
        for work in works:
            work()
    times: list[list[float]] = [[] for _ in works]
    gc.collect()
    for _ in range(repeats):
        for taken, work in zip(times, works, strict=True):
            taken.append(seconds(work))
    return [statistics.median(taken) for taken in times]


def exponent(sizes: Sequence[float], times: Sequence[float]) -> tuple[float, float]:
    """Return slope and constant of log(time) = log(constant) + slope·log(size) by least squares."""
    slope, intercept = np.polyfit(np.log(sizes), np.log(times), 1)
    return float(slope), float(np.exp(intercept))


def program(*words: str, folder: str) -> Work:
    """Return the work of running a program; modules are compiled once, as an installed package's are."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(words, cwd=folder, check=True, capture_output=True, env=environment)


_PEAK: Final = """
import pathlib, re, resource
status = pathlib.Path("/proc/self/status")  # what getrusage tells includes the process that started this one
found = re.search(r"VmHWM:\\s+(\\d+) kB", status.read_text()) if status.exists() else None
print((int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)
"""


def peak_mib(code: str) -> float:
    """Return the peak memory in MiB of running Python code in a process of its own."""
    done = subprocess.run([sys.executable, "-c", f"{code}\n{_PEAK}"], check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])
