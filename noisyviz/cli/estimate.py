"""``noisyviz estimate``: the numbers, exactly and by Monte Carlo."""

import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.estimate_columns import FEW_HITS
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import Table, outputs
from noisyviz.cli.parsing import member, whole
from noisyviz.cli.progress import Bar
from noisyviz.cli.settings import PointSettings, build, idle_notes, point_settings, unit_config, unit_settings, versions
from noisyviz.export.formats import TABLE_FORMATS
from noisyviz.results import rows_of
from noisyviz.units.kinds import KINDS

if TYPE_CHECKING:
    from noisyviz.cli.estimate_columns import Estimate

SUMMARY: Final = "Compute mean, spread and gradient at given points, exactly and by Monte Carlo."
HELP: Final = """\
\b
noisyviz estimate --fn tanh --unit nan --at -3:3:0.5
noisyviz estimate --fn hard-tanh --unit nah --alpha 1.15 --samples 1e6 -o hard-tanh.csv

Compute the mean, bias, spread and gradient of a noisy unit at given points x,
exactly and by Monte Carlo with standard errors; and, in units of the slope u' of
u, what it gives to training: response, the mean gradient; pull, the covariance
of output and gradient at saturated x, positive towards the linear regime; noise,
the spread of the gradient. Prints a table, or one JSON document with --json; -o
writes csv, npz or json instead.
"""
EVEN_IN_XI: Final = {"nah": "the mean and the gradient", "nani": "the gradient near 0"}
MAX_JOBS: Final = 1024
ROWS_SHOWN: Final = 21
ROUNDING: Final = 1e-15  # relative
# heading on a terminal: column, digits
SHOWN: Final = {
    "x": ("x", 4),
    "mean": ("exact.mean", 4),
    "MC mean": ("monte_carlo.mean", 4),
    "+/- se": ("monte_carlo.mean_se", 2),
    "std": ("exact.std", 2),
    "response": ("training.response", 4),
    "pull": ("training.pull", 2),
    "noise": ("training.noise", 2),
    "p wrong": ("exact.p_wrong", 2),
}

SAMPLER: Final = Option(
    "sampler",
    "NAME",
    "Sampling method: iid, antithetic, stratified or sobol.",
    default="iid",
    read=partial(member, registry="noisyviz.moments.samplers:SAMPLERS"),
)
JOBS: Final = Option(
    "jobs",
    "N",
    "Number of threads; the results do not depend on it.",
    told="one per core",
    read=partial(whole, low=1, high=MAX_JOBS),
)
OPTIONS: Final = (
    *opt.UNIT,
    *opt.PLACES,
    opt.SAMPLES,
    SAMPLER,
    opt.SEED,
    JOBS,
    *opt.FILES,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Compute the moments both ways and print or write them."""
    given.value("fn")  # one function only
    settings = unit_settings(given)
    draws = {name: given.value(name) for name in ("samples", "sampler", "seed")}
    jobs = given.value("jobs") or cores()
    where = point_settings(given)
    out = outputs(given, formats=TABLE_FORMATS, header=csv_header())
    result = compute(settings, where, draws, jobs=jobs)
    if given["seed"] == "random":
        terminal.say(f"seed {draws['seed']}")
    if not out.quiet:
        for note in (*idle_notes(given, [settings["unit"]]), *notes(settings["unit"], draws["samples"], result)):
            terminal.say(note)
    out.save(table=Table(document=result.document, columns=lambda: result.columns, config=result.config))
    if given["json"]:
        terminal.print_json(result.document())
    elif not out.targets:
        show(result)


def cores() -> int:
    """Return how many threads can work at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compute(settings: dict[str, Any], where: PointSettings, draws: dict[str, Any], *, jobs: int) -> "Estimate":
    """Compute the moments exactly and by Monte Carlo."""
    import numpy as np

    from noisyviz.cli.estimate_columns import Estimate, estimate_columns, rare_events
    from noisyviz.moments.montecarlo import monte_carlo

    (unit,) = build(settings)
    x = where.x([unit.activation])
    rng = np.random.default_rng(draws["seed"])
    with Bar("estimating") as bar:
        simulated = monte_carlo(
            unit, x, samples=draws["samples"], rng=rng, sampler=draws["sampler"], jobs=jobs, progress=bar.show
        )
    config = {"command": "estimate", **unit_config(settings), **where.config([unit.activation]), **draws}
    return Estimate(
        config=config | versions(),
        columns=estimate_columns(unit, x, simulated),
        samples=simulated.samples,
        sampler=simulated.sampler,
        degrees_of_freedom=simulated.degrees_of_freedom,
        rare=rare_events(simulated),
    )


def notes(kind: str, asked: int, result: "Estimate") -> Iterator[str]:
    """Say what the user should know about the draws."""
    if result.sampler == "antithetic" and kind in EVEN_IN_XI:
        yield (
            f"note: antithetic pairs double the variance of {EVEN_IN_XI[kind]} of {kind}, "
            "which are even in the draw; use --sampler stratified instead"
        )
    if result.samples != asked:
        yield f"note: rounded up to {result.samples:,} samples, as the {result.sampler} sampler requires"
    if result.rare:
        most, points = max(result.rare.values()), len(result.columns["x"])
        yield (
            f"note: at {most} of {points} points fewer than {FEW_HITS} draws decide {' and '.join(result.rare)}; "
            "the standard error there may be many times too small, so use the exact value or more --samples"
        )


def csv_header() -> str:
    """Return the first line of every CSV file that `estimate` writes, by which it knows its own."""
    from noisyviz.cli.estimate_columns import column_names
    from noisyviz.export.provenance import header_line

    return header_line(column_names())


def show(result: "Estimate") -> None:
    """Print every column for programs, or the main ones for a person."""
    found = result.columns
    if not terminal.on_terminal():
        terminal.print_tsv(list(found), ([str(cell) for cell in row] for row in rows_of(found)))
        return
    stride = -(-len(found["x"]) // ROWS_SHOWN)
    shown = {name: found[name][::stride].tolist() for name, _ in SHOWN.values()}
    # what is smaller than the rounding of its terms is 0 for a reader
    pairs = zip(shown["exact.mean"], shown["exact.std"], strict=True)
    shown["exact.mean"] = [0.0 if abs(mean) < ROUNDING * std else mean for mean, std in pairs]
    cells = [[_short(cell, digits) for cell in shown[name]] for name, digits in SHOWN.values()]
    kind = str(result.config["unit"])
    uses = KINDS[kind].uses
    used = [f"{key} {result.config[key]:g}" for key in ("alpha", "c", "p") if key in uses]
    noise = [f"{result.config['noise']} noise"] if uses else []
    title = ", ".join([f"{kind} of {result.config['fn']}", *used, *noise])
    terminal.print_table(title, list(SHOWN), list(zip(*cells, strict=True)))
    if stride > 1:
        terminal.say(f"{len(cells[0])} of {len(found['x'])} points shown; use --json, -o or a pipe for all of them")


def _short(cell: float | str, digits: int) -> str:
    return cell if isinstance(cell, str) else ("-" if cell != cell else f"{cell + 0.0:.{digits}g}")  # no -0
