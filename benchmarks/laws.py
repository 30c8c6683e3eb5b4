"""How errors fall with time, and how times grow with sizes."""

import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

import noisyviz as nv
from benchmarks.timing import Row, exponent, medians
from noisyviz.moments.samplers import SAMPLERS

Array = npt.NDArray[np.float64]
SEEDS: Final = 50
GROWN: Final = 2.0  # times the smallest run; shorter runs measure the call itself and are left out of a fit
AWAY: Final = np.array([0.3, 1.0, 1.5, 2.0, 3.0])
SMOOTH: Final = (("tanh", "nani", 0.5), ("sigmoid", "nani", 1.0), ("tanh", "nah", 0.5))


def errors(*, quick: bool) -> list[Row]:
    """Return error against draws and against time for every sampler: root mean squares over 50 seeds."""
    x = np.array([-2.0, -0.5, 0.3, 1.0, 3.0])
    sizes = [2**k for k in range(10, 15 if quick else 22)]
    found = _against_a_million()
    for fn, kind in (("tanh", "nani"), ("hard-tanh", "nani"), ("hard-tanh", "nan")):
        unit = nv.NoisyUnit(fn, kind=kind, alpha=0.9, c=0.5)
        expected = nv.exact(unit, x).mean
        for sampler in SAMPLERS:
            runs = [_error_and_time(unit, x, expected, samples=samples, sampler=sampler) for samples in sizes]
            name = f"{fn}, {kind}, mean, {sampler}: slope of error in draws"
            if not any(error > 0.0 for error, _ in runs):
                found.append(Row(what=f"{fn}, {kind}, mean, {sampler}: error", value=0.0, unit="", note="pairs cancel"))
                continue
            slope, constant = exponent(sizes, [error for error, _ in runs])
            note = f"error {constant:.2g}·n^{slope:.2f}"
            long = [run for run in runs if run[1] >= GROWN * min(time for _, time in runs)]
            if len(long) > 2:
                in_time, at_second = exponent([time for _, time in long], [error for error, _ in long])
                note += f", {at_second:.1e}·t^{in_time:.2f} (t in s)"
            error, time = runs[-1]
            note += f"; {error:.1e} at {sizes[-1]:,} draws in {1e3 * time:.2g} ms"
            found.append(Row(what=name, value=slope, unit="", note=note))
    return found


def _against_a_million() -> list[Row]:
    """Return the errors of few even draws over that of 10⁶ independent ones, and of pairs over that of as many."""
    found = []
    for (fn, kind, c), (sampler, samples) in product(SMOOTH, (("stratified", 10_000), ("sobol", 8192))):
        unit = nv.NoisyUnit(fn, kind=kind, alpha=1.0, c=c)
        for name in ("mean", "std"):
            ratio = over_a_million(unit, AWAY, samples=samples, sampler=sampler, name=name)
            what = f"{fn}, {kind}, c = {c:g}: error of the {name} of {samples:,} {sampler} draws over that of 10⁶ iid"
            told = ", ".join(f"{one:.2g} at {at:g}" for one, at in zip(ratio, AWAY, strict=True))
            found.append(Row(what=what, value=float(ratio.max()), note=told))
    x = np.array([-2.0, -0.4, 0.0, 0.9, 3.0])
    for kind in ("nan", "nani"):
        unit = nv.NoisyUnit("tanh", kind=kind, alpha=0.9, c=3.0)
        exact = nv.exact(unit, x)
        error, _ = _error_and_time(unit, x, exact.mean, samples=2016, sampler="antithetic")
        what = f"tanh, {kind}, c = 3, an odd unit: error of the mean of antithetic draws over that of as many iid"
        found.append(Row(what=what, value=error / float(np.sqrt(np.mean(exact.std**2) / 2016)), target=1.0))
    return found


def over_a_million(unit: nv.NoisyUnit, x: Array, *, samples: int, sampler: str, name: str, seeds: int = SEEDS) -> Array:
    """Return the root-mean-square error of an estimate over the standard error of 10⁶ independent draws, at each x."""
    exact = getattr(nv.exact(unit, x), name)
    runs = [nv.monte_carlo(unit, x, samples=samples, rng=seed, sampler=sampler) for seed in range(seeds)]
    error = np.sqrt(np.mean([(getattr(run, name) - exact) ** 2 for run in runs], axis=0))
    million: Array = getattr(nv.monte_carlo(unit, x, samples=10**6, rng=seeds), f"{name}_se")
    return np.asarray(error / million, dtype=np.float64)


def _error_and_time(
    unit: nv.NoisyUnit, x: Array, expected: Array, *, samples: int, sampler: str
) -> tuple[float, float]:
    """Return the root-mean-square error over points and seeds, and the median time of a run."""
    off, times = [], []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        begin = time.perf_counter()
        mean = nv.monte_carlo(unit, x, samples=samples, rng=rng, sampler=sampler).mean
        times.append(time.perf_counter() - begin)
        off.append(mean - expected)
    return float(np.sqrt(np.mean(np.square(off)))), float(np.median(times))


def growth(*, quick: bool) -> list[Row]:
    """Return the exponents of time in points, samples and trajectories."""
    top = 6 if quick else 7
    return [
        _growth("points, 1,000 draws, hard-tanh nan", range(3, top + 1), _points("hard-tanh", "nan")),
        _growth("points, 1,000 draws, hard-tanh nani", range(3, top + 1), _points("hard-tanh", "nani")),
        _growth("points, exact, hard-tanh nan", range(3, top + 1), _exact),
        _growth("samples, 1,001 points, hard-tanh nan", range(3, top + 2), _samples("hard-tanh", "nan")),
        _growth("samples, 1,001 points, hard-tanh nani", range(3, top + 2), _samples("hard-tanh", "nani")),
        _growth("samples, 1,001 points, tanh nani", range(3, top + 2), _samples("tanh", "nani")),
        _growth("trajectories, 20 steps, hard-tanh nan", range(3, 7), _trajectories),
    ]


def _growth(what: str, powers: range, work: Callable[[int], object]) -> Row:
    sizes = [10**k for k in powers]
    times = [medians([partial(work, size)], repeats=3 if size < 10**6 else 1, warm=size < 10**6)[0] for size in sizes]
    kept = [(size, time) for size, time in zip(sizes, times, strict=True) if time >= GROWN * min(times)]
    slope, _ = exponent(*zip(*kept, strict=True))
    told = ", ".join(f"{time:.2g}" for time in times)
    last = "³⁴⁵⁶⁷⁸"[powers[-1] - 3]
    return Row(what=f"time in {what}, 10³ … 10{last}: exponent", value=slope, unit="", note=f"{told} s")


def _points(fn: str, kind: str) -> Callable[[int], object]:
    unit = nv.NoisyUnit(fn, kind=kind, alpha=0.9, c=0.5)
    return lambda n: nv.monte_carlo(unit, np.linspace(-4, 4, n), samples=1000, rng=np.random.default_rng(0))


def _samples(fn: str, kind: str) -> Callable[[int], object]:
    unit = nv.NoisyUnit(fn, kind=kind, alpha=0.9, c=0.5)
    return lambda n: nv.monte_carlo(unit, np.linspace(-4, 4, 1001), samples=n, rng=np.random.default_rng(0))


def _exact(n: int) -> object:
    return nv.exact(nv.NoisyUnit("hard-tanh", kind="nan", alpha=0.9, c=0.5), np.linspace(-4, 4, n))


def _trajectories(n: int) -> object:
    schedule = nv.schedule("exponential", start=30.0, end=0.5, steps=20)
    unit = nv.NoisyUnit("hard-tanh", kind="nan", alpha=0.9)
    return nv.anneal(unit, schedule=schedule, steps=20, trajectories=n, rng=np.random.default_rng(0))
