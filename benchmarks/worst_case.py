"""Every function with every kind, noise and sampler against drawing that noise, the worst of them, and rivals.

``python -m benchmarks.worst_case`` measures the ratios that matter in a minute, with NumPy and SciPy alone, and prints
them with the processor's name.
"""

import importlib.util
import platform
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from pathlib import Path

import numpy as np

import noisyviz as nv
from benchmarks import rivals
from benchmarks.timing import Row, seconds
from noisyviz.moments.montecarlo import _fast_way
from noisyviz.moments.montecarlo.buckets import Buckets
from noisyviz.moments.samplers import SAMPLERS, Draws
from noisyviz.units.kinds import KINDS
from noisyviz.units.noise import noise

POINTS = 1001
SAMPLES = 10**6
NOISES = ("normal", "laplace", "uniform", "student-t:5")
FEW = 2**14  # draws that are measured where they are evaluated one by one
BLOCK = 2**14
Case = tuple[str, str, str, str]
Work = Callable[[], object]


def processor() -> str:
    """Return the processor's name, and whether it has AVX-512."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    family = f"family {facts.get('cpu family', '?')} model {facts.get('model', '?')}"
    name = facts.get("model name") or platform.processor() or platform.machine()
    return f"{name} ({family}), {'with' if 'avx512f' in facts.get('flags', '').split() else 'without'} AVX-512"


def draws_of(name: str, samples: int) -> Work:
    """Return the work of drawing a noise, in blocks that stay in the cache, from the generator that noisyviz uses."""

    def draw() -> None:
        rng = np.random.Generator(np.random.SFC64(0))
        law = noise(name)
        for _ in range(-(-samples // BLOCK)):
            law.draw(rng, BLOCK)

    return draw


def estimate(case: Case, samples: int, x: np.ndarray | None = None) -> partial[nv.MonteCarloMoments]:
    """Return the work of an estimate, by default at equally spaced x."""
    fn, kind, law, sampler = case
    unit = nv.NoisyUnit(named(fn), kind=kind, noise=law)
    x = np.linspace(-4, 4, POINTS) if x is None else x
    return partial(nv.monte_carlo, unit, x, samples=samples, rng=0, sampler=sampler)


def evaluated_plainly(unit: nv.NoisyUnit, samples: int) -> bool:
    """Tell whether no fast way serves a unit."""
    draws = Draws(unit.noise, samples=samples, sampler="iid", rng=0)
    return _fast_way(unit, unit.at(np.linspace(-4, 4, 5)), draws) is None


def spent(work: Work) -> float:
    """Return the processor's time that a call takes: other programs lengthen it little."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


@cache
def named(fn: str) -> nv.Activation:
    """Return an activation; an own function is analysed once."""
    return nv.activation(fn)


def ratio(case: Case, *, samples: int, repeats: int, x: np.ndarray | None = None) -> tuple[float, float]:
    """Return the least time of an estimate over the least of its draws, taken in turn, and the seconds it took.

    Where draws are evaluated one by one, which takes long and is proportional to their number, fewer are measured.
    """
    work = estimate(case, samples, x)
    if evaluated_plainly(work.args[0], samples):
        samples, repeats = FEW, 1
        work = estimate(case, samples, x)
    draw = draws_of(case[2], samples)
    times = [(spent(work), spent(draw)) for _ in range(repeats)]
    ours, drawn = (min(column) for column in zip(*times, strict=True))
    return ours / drawn, ours


def cases() -> Iterator[Case]:
    """Yield every pair with normal noise and iid draws, and every noise and sampler with a few functions."""
    few = ("tanh", "hard-tanh", "elu")
    for fn, kind, law, sampler in product(nv.ACTIVATIONS, KINDS, NOISES, SAMPLERS):
        if (law == "normal" and sampler == "iid") or fn in few:
            yield fn, kind, law, sampler


IMPORTANT: tuple[tuple[str, Case, float], ...] = (
    ("output noise", ("tanh", "nan", "normal", "iid"), 2.5),
    ("output noise", ("hard-tanh", "nah", "normal", "iid"), 2.5),
    ("output noise", ("elu", "mult", "student-t:5", "iid"), 2.5),
    ("input noise, piecewise linear", ("hard-tanh", "nani", "normal", "iid"), 3.0),
    ("input noise, piecewise linear", ("hard-tanh", "nanil", "normal", "iid"), 4.0),
    ("input noise, analytic", ("tanh", "nani", "normal", "iid"), 2.5),
    ("input noise, analytic", ("tanh", "nanil", "normal", "iid"), 4.0),
    ("input noise, analytic", ("gelu", "nani", "normal", "iid"), 2.5),
    ("input noise, kinked", ("elu", "nani", "normal", "iid"), 6.0),
    ("input noise, kinked", ("softsign", "nani", "normal", "iid"), 6.0),
    ("input noise, kinked", ("hard-swish", "nani", "normal", "iid"), 6.0),
    ("input noise, own function, smooth", ("x/sqrt(1 + x**2)", "nani", "normal", "iid"), 4.0),
    ("input noise, own function, with kinks", ("min(x, tanh(x) + 0.1)", "nani", "normal", "iid"), 6.0),
    ("softplus form", ("tanh", "nanil-softplus", "normal", "iid"), 12.0),
    ("softplus form", ("hard-tanh", "nanil-softplus", "normal", "iid"), 12.0),
    ("softplus form", ("gelu", "nanil-softplus", "normal", "iid"), 12.0),
    ("stratified", ("tanh", "nani", "normal", "stratified"), 6.0),
    ("sobol", ("tanh", "nani", "normal", "sobol"), 6.0),
    ("sobol", ("hard-tanh", "nani", "normal", "sobol"), 6.0),
)
"""What is measured, the pair, and how many times its draws it may cost."""


def important() -> list[Row]:
    """Return the ratios that matter, exact moments in milliseconds, and what sorting and counting cost here."""
    found = []
    for what, case, target in IMPORTANT:
        value, took = ratio(case, samples=SAMPLES, repeats=3)
        name = f"{what}: {', '.join(case)}"
        found.append(Row(what=name, value=value, target=target, note=f"{1e3 * took:.0f} ms"))
    uneven = np.sort(np.random.default_rng(0).uniform(-4, 4, POINTS))
    for fn in ("hard-tanh", "tanh"):
        value, took = ratio((fn, "nani", "normal", "iid"), samples=SAMPLES, repeats=3, x=uneven)
        name = f"input noise, uneven x: {fn}, nani, normal, iid"
        found.append(Row(what=name, value=value, target=4.0, note=f"{1e3 * took:.0f} ms"))
    for fn, kind in (("tanh", "nani"), ("elu", "nani"), ("tanh", "nanil-softplus"), ("hard-tanh", "nanil-softplus")):
        work = partial(nv.exact, nv.NoisyUnit(fn, kind=kind), np.linspace(-4, 4, POINTS))
        least = min(spent(work) for _ in range(7))
        found.append(Row(what=f"exact: {fn}, {kind}, 1,001 points", value=1e3 * least, unit="ms", target=10.0))
    return [*found, *floor(), *sorting()]


def _counted(buckets: Buckets, xi: np.ndarray) -> np.ndarray:
    found = np.zeros(buckets.shape)
    buckets.add(found, xi)
    return found


def sorting() -> list[Row]:
    """Return what the two ways of counting draws between 4,000 walls cost for each draw."""
    xi = np.random.default_rng(0).standard_normal(2**17)
    buckets = Buckets(np.linspace(-4, 4, 4000))
    found = []
    for size in (2**16, 2**12):
        works = {
            "sorted": lambda size=size: [np.sort(part) for part in xi.reshape(-1, size)],
            "put into buckets": lambda size=size: [_counted(buckets, part) for part in xi.reshape(-1, size)],
        }
        for name, work in works.items():
            least = min(spent(work) for _ in range(9))
            found.append(Row(what=f"a draw {name} in pieces of {size:,}", value=1e9 * least / xi.size, unit="ns"))
    return found


def rows(*, quick: bool) -> list[Row]:
    """Return for each kind and sampler the worst ratio and its pair: of one estimate of each, then measured again."""
    samples, repeats = (SAMPLES // 10, 1) if quick else (SAMPLES, 1)
    worst: dict[tuple[str, str], tuple[float, float, Case]] = {}
    for case in cases():
        if quick and case[2] not in ("normal", "student-t:5"):
            continue
        value, took = ratio(case, samples=samples, repeats=repeats)
        key = case[1], case[3]
        worst[key] = max(worst.get(key, (0.0, 0.0, case)), (value, took, case))
    found = []
    for (kind, sampler), (_, _, case) in worst.items():
        value, took = ratio(case, samples=samples, repeats=1 if quick else 3)
        name = f"worst case of {kind}, {sampler}: {case[0]} with {case[2]} noise, against drawing it"
        found.append(Row(what=name, value=value, target=_target(case), note=f"{1e3 * took:.0f} ms"))
    found.sort(key=lambda row: -row.value)
    return [*found, *floor(), *against_rivals(quick=quick)]


def _target(case: Case) -> float:
    fn, kind, _, sampler = case
    if kind == "nanil-softplus":
        return 12.0
    if KINDS[kind].output_noise:
        return 2.5 if sampler in ("iid", "antithetic") else 6.0
    return 6.0 if sampler != "iid" or (nv.activation(fn).breaks and nv.activation(fn).pieces is None) else 4.0


def floor() -> list[Row]:
    """Return what a normal costs: NumPy's, in double and single precision."""
    found = []
    for dtype in (np.float64, np.float32):
        rng = np.random.Generator(np.random.SFC64(0))
        draw = partial(rng.standard_normal, dtype=dtype, out=np.empty(BLOCK, dtype=dtype))
        least = min(spent(draw) for _ in range(50))
        name = f"the floor: a normal by NumPy's SFC64, {np.dtype(dtype).name}"
        found.append(Row(what=name, value=1e9 * least / BLOCK, unit="ns"))
    return found


def against_rivals(*, quick: bool) -> list[Row]:
    """Return what others take for mean and spread of φ and ∂φ/∂x, tanh with input noise, over what noisyviz takes."""
    samples = 20_000 if quick else 100_000
    x = np.linspace(-4, 4, POINTS)
    ours = min(
        seconds(partial(nv.monte_carlo, nv.NoisyUnit("tanh", kind="nani"), x, samples=SAMPLES, rng=0)) for _ in range(3)
    )
    exact, found = nv.exact(nv.NoisyUnit("tanh", kind="nani"), x), []
    for name, rival in _rivals().items():
        if rival is None:
            found.append(Row(what=f"rival left out, not installed: {name}", value=float("nan")))
            continue
        rival(x, 2000)  # compiled at the first call
        start = time.perf_counter()
        mean = rival(x, samples)
        took = (time.perf_counter() - start) * SAMPLES / samples
        off = np.max(np.abs(mean - exact.mean) / exact.std) * np.sqrt(samples)
        error = f"its error at equal time {np.sqrt(took / ours):.0f} times as large; {off:.1f} standard errors off"
        found.append(Row(what=f"rival, tanh nani, 10⁶ draws: {name} against noisyviz", value=took / ours, note=error))
    return found


def _rivals() -> dict[str, Callable[[np.ndarray, int], np.ndarray] | None]:
    def plain(x: np.ndarray, samples: int) -> np.ndarray:
        return np.asarray(rivals.numpy_input_noise(x, samples, np.random.default_rng(0))[0])

    held: dict[str, Callable[[np.ndarray, int], np.ndarray] | None] = {"plain NumPy": plain}
    makers = (
        ("PyTorch, eager", "torch", rivals.torch_eager),
        ("PyTorch, compiled", "torch", rivals.torch_compiled),
        ("JAX", "jax", rivals.jax_compiled),
        ("brute-force loop by numba, one core", "numba", rivals.numba_loop),
    )
    for name, package, make in makers:
        if importlib.util.find_spec(package) is None:
            held[f"{name} ({package})"] = None
            continue
        try:
            rival = make()
            rival(np.zeros(3), 2000)
        except Exception as error:  # a compiler that is not there, for instance
            held[f"{name} (failed: {type(error).__name__})"] = None
        else:
            held[name] = rival
    return held


def main() -> None:
    """Print the ratios that matter as a Markdown table."""
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}"
    print(f"{processor()}, {versions}\n\n| what | measured | target |  | seen |\n| --- | --- | --- | --- | --- |")
    for row in important():
        print("| " + " | ".join(row.cells()) + " |", flush=True)


if __name__ == "__main__":
    main()
