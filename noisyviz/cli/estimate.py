"""``noisyviz estimate``: the numbers, by the exact road and by Monte Carlo."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.output_files import targets
from noisyviz.cli.parsing import MAX_SAMPLES, choice, seed_from, single, whole
from noisyviz.cli.settings import PointSettings, UnitSettings, point_settings, unit_settings, versions

if TYPE_CHECKING:
    from noisyviz.cli.estimate_columns import Estimate

SUMMARY: Final = "Mean, spread and gradient at given points, exactly and by Monte Carlo."
HELP: Final = """\
\b
noisyviz estimate --fn tanh --unit nan --at -3:3:0.5
noisyviz estimate --fn hard-tanh --unit nah --alpha 1.15 --samples 1e6 -o hard-tanh.csv

Compute mean, bias, spread and gradient of a noisy unit at given points x:
exactly, and by Monte Carlo with a standard error. Prints a table, or one
document with --json; -o writes csv, npz or json instead.
"""
FORMATS: Final = ("csv", "npz", "json")
EVEN_IN_XI: Final = {"nah": "the mean and the gradient", "nani": "the gradient near 0"}
MAX_JOBS: Final = 1024
ROWS_SHOWN: Final = 21
# heading on a terminal: column, digits
SHOWN: Final = {
    "x": ("x", 4),
    "region": ("region", 0),
    "mean": ("exact.mean", 4),
    "MC mean": ("monte_carlo.mean", 4),
    "+/- se": ("monte_carlo.mean_se", 2),
    "std": ("exact.std", 3),
    "grad mean": ("exact.grad_mean", 4),
    "grad std": ("exact.grad_std", 3),
    "p wrong": ("exact.p_wrong", 2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawSettings:
    """The Monte Carlo options, checked."""

    samples: int
    sampler: str
    seed: int
    jobs: int

    def config(self) -> dict[str, object]:
        """Return the options that change the result, as JSON values."""
        return {"samples": self.samples, "sampler": self.sampler, "seed": self.seed}


def estimate(
    fn: opt.Fn = None,
    unit: opt.Unit = None,
    alpha: opt.Alpha = None,
    c: opt.C = None,
    p: opt.P = None,
    scale: opt.Scale = None,
    noise: opt.Noise = None,
    at: opt.At = None,
    xlim: opt.Xlim = None,
    points: opt.Points = None,
    samples: opt.Samples = None,
    sampler: opt.Sampler = None,
    seed: opt.Seed = None,
    jobs: opt.Jobs = None,
    out: opt.Output = None,
    format_name: opt.Format = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    force: opt.Force = False,
) -> None:
    """Compute the moments by both roads and print or write them."""
    single(fn, "--fn", opt.DEFAULT_FN)
    settings = unit_settings(fn=fn, unit=unit, alpha=alpha, c=c, p=p, scale=scale, noise=noise)
    where = point_settings(at=at, xlim=xlim, points=points)
    draws = draw_settings(samples=samples, sampler=sampler, seed=seed, jobs=jobs)
    files = targets(out, format_name=format_name, allowed=FORMATS, json=json)
    header = csv_header()
    for target in files:
        target.check(force=force, header=header)
    result = compute(settings, where, draws)
    if seed == "random":
        output.say(f"seed {draws.seed}")
    if not quiet:
        for note in notes(settings, draws, result):
            output.say(note)
    for target in files:
        target.write(payload(result, target.format), force=force, quiet=quiet, header=header)
    if json:
        output.print_json(result.document())
    elif not files:
        show(result)


def draw_settings(*, samples: str | None, sampler: str | None, seed: str | None, jobs: str | None) -> DrawSettings:
    """Check the Monte Carlo options."""
    from noisyviz.moments.samplers import SAMPLERS

    return DrawSettings(
        samples=whole(samples or opt.DEFAULT_SAMPLES, "--samples", low=1, high=MAX_SAMPLES),
        sampler=choice(sampler or opt.DEFAULT_SAMPLER, "--sampler", SAMPLERS),
        seed=seed_from(seed or opt.DEFAULT_SEED),
        jobs=cores() if jobs is None else whole(jobs, "--jobs", low=1, high=MAX_JOBS),
    )


def cores() -> int:
    """Return how many threads can work at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compute(settings: UnitSettings, where: PointSettings, draws: DrawSettings) -> "Estimate":
    """Run both roads."""
    import numpy as np

    from noisyviz.cli.estimate_columns import Estimate, estimate_columns
    from noisyviz.moments.montecarlo import monte_carlo

    (unit,) = settings.build()
    x = where.x([unit.activation])
    rng = np.random.default_rng(draws.seed)
    simulated = monte_carlo(unit, x, samples=draws.samples, rng=rng, sampler=draws.sampler, jobs=draws.jobs)
    config = {"command": "estimate", **settings.config(), **where.config([unit.activation]), **draws.config()}
    return Estimate(
        config=config | versions(),
        columns=estimate_columns(unit, x, simulated),
        samples=simulated.samples,
        sampler=simulated.sampler,
    )


def notes(settings: UnitSettings, draws: DrawSettings, result: "Estimate") -> Iterator[str]:
    """Say what the user should know about the draws."""
    if draws.sampler == "antithetic" and settings.unit in EVEN_IN_XI:
        yield (
            f"note: antithetic pairs double the variance of {EVEN_IN_XI[settings.unit]} of {settings.unit}, "
            "which are even in the draw; --sampler stratified is better"
        )
    if result.samples != draws.samples:
        yield f"note: used {result.samples:,} samples, a number that the {draws.sampler} sampler needs"


def csv_header() -> str:
    """Return the first line of every CSV file that `estimate` writes, by which it knows its own."""
    from noisyviz.cli.estimate_columns import column_names
    from noisyviz.export.provenance import header_line

    return header_line(column_names())


def payload(result: "Estimate", fmt: str) -> bytes:
    """Return the estimate as the bytes of a file: one nested document as JSON, else flattened columns."""
    from noisyviz.export.tables import json_bytes, table_bytes

    if fmt == "json":
        return json_bytes(result.document())
    return table_bytes(result.columns, result.config, fmt=fmt)


def show(result: "Estimate") -> None:
    """Print every column for programs, or the main ones for a person."""
    columns = [values.tolist() for values in result.columns.values()]
    if not output.on_terminal():
        output.print_tsv(list(result.columns), ([str(cell) for cell in row] for row in zip(*columns, strict=True)))
        return
    found = dict(zip(result.columns, columns, strict=True))
    stride = -(-len(found["x"]) // ROWS_SHOWN)
    cells = [[_short(cell, digits) for cell in found[name][::stride]] for name, digits in SHOWN.values()]
    title = "{unit} of {fn}, alpha {alpha:g}, c {c:g}, p {p:g}, {noise} noise".format_map(result.config)
    output.print_table(title, list(SHOWN), list(zip(*cells, strict=True)))
    if stride > 1:
        output.say(f"{len(cells[0])} of {len(found['x'])} points shown; --at, --json, -o or a pipe give all")


def _short(cell: float | str, digits: int) -> str:
    return cell if isinstance(cell, str) else f"{cell:.{digits}g}"
