"""The command ``python -m benchmarks``."""

import argparse
import datetime
import os
import platform
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from benchmarks import accuracy, estimates, laws, page, start, worst_case
from benchmarks.timing import Row

HEAD: Final = ["what", "measured", "target", "", "seen"]
RESULTS: Final = Path(__file__).with_name("results.md")
PACKAGES: Final = ("noisyviz", "numpy", "scipy", "matplotlib", "typer", "torch", "jax", "numba")


def main() -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats and smaller sizes; writes nothing")
    parser.add_argument("--only", metavar="WORD", default="", help="sections whose title holds this")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table here as well")
    asked = parser.parse_args()
    sections: dict[str, Callable[[], list[Row]]] = {
        "Curves of 1,001 points × 10⁶ draws against drawing 10⁶ normals": partial(
            estimates.against_normals, quick=asked.quick
        ),
        "Against the same estimate written plainly": partial(estimates.against_rivals, quick=asked.quick),
        "Worst case over all functions, kinds, noises and samplers": partial(worst_case.rows, quick=asked.quick),
        "Memory": estimates.memory,
        "Annealing": partial(estimates.annealing, quick=asked.quick),
        "Saturation of real pre-activations": partial(estimates.profiling, quick=asked.quick),
        "Page of explore": partial(page.frames, quick=asked.quick),
        "Start-up": partial(start.rows, quick=asked.quick),
        "Error of the samplers": partial(laws.errors, quick=asked.quick),
        "Coverage of 95 % intervals": partial(accuracy.coverage, quick=asked.quick),
        "Small noise against every sample": partial(accuracy.small_noise, quick=asked.quick),
        "Growth": partial(laws.growth, quick=asked.quick),
    }
    lines = ["# Benchmarks", "", conditions(), ""]
    print("\n".join(lines))
    for title, measure in sections.items():
        if asked.only.lower() not in title.lower():
            continue
        part = [f"## {title}", "", *table(measure()), ""]
        print("\n".join(part), flush=True)
        lines += part
    if asked.write:
        asked.write.write_text("\n".join(lines))
    if not (asked.quick or asked.only):
        RESULTS.write_text("\n".join(lines))
        print(f"wrote {RESULTS.name}")


def conditions() -> str:
    """Say when, on what and with which versions."""
    held = []
    for name in PACKAGES:
        try:
            held.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            held.append(f"{name} not installed")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{datetime.date.today()}, {worst_case.processor()}, {cores} cores, {platform.machine()}, "
        f"Python {platform.python_version()}, "
        f"{', '.join(held)}. Every ratio is of medians of alternating runs within this one run, on one core unless it "
        "says otherwise. Made by `python -m benchmarks`."
    )


def table(rows: list[Row]) -> list[str]:
    """Return lines of a Markdown table."""
    body = [HEAD, ["---"] * len(HEAD), *(row.cells() for row in rows)]
    return ["| " + " | ".join(cells) + " |" for cells in body]


if __name__ == "__main__":
    main()
