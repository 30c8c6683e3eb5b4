"""Every function with every kind, noise and sampler against drawing that noise, the worst of them, and rivals."""

import importlib.util
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

import noisyviz as nv
from benchmarks import rivals
from benchmarks.timing import Row, seconds
from noisyviz.moments.samplers import SAMPLERS
from noisyviz.units.kinds import KINDS
from noisyviz.units.noise import noise

POINTS = 1001
SAMPLES = 10**6
NOISES = ("normal", "laplace", "uniform", "student-t:5")
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


def ratio(case: Case, *, samples: int, repeats: int) -> tuple[float, float]:
    """Return the least time of an estimate over the least of its draws, taken in turn, and the seconds it took."""
    fn, kind, law, sampler = case
    unit, x = nv.NoisyUnit(fn, kind=kind, noise=law), np.linspace(-4, 4, POINTS)
    estimate = partial(nv.monte_carlo, unit, x, samples=samples, rng=0, sampler=sampler)
    draw = draws_of(law, samples)
    times = [(seconds(estimate), seconds(draw)) for _ in range(repeats)]
    ours, drawn = (min(column) for column in zip(*times, strict=True))
    return ours / drawn, ours


def cases() -> Iterator[Case]:
    """Yield every pair with normal noise and iid draws, and every noise and sampler with a few functions."""
    few = ("tanh", "hard-tanh", "elu", "softsign")
    for fn, kind, law, sampler in product(nv.ACTIVATIONS, KINDS, NOISES, SAMPLERS):
        if (law == "normal" and sampler == "iid") or fn in few:
            yield fn, kind, law, sampler


def rows(*, quick: bool) -> list[Row]:
    """Return for each kind and sampler the worst ratio and its pair."""
    samples, repeats = (SAMPLES // 10, 1) if quick else (SAMPLES, 2)
    worst: dict[tuple[str, str], tuple[float, float, Case]] = {}
    for case in cases():
        if quick and case[2] not in ("normal", "student-t:5"):
            continue
        value, took = ratio(case, samples=samples, repeats=repeats)
        key = case[1], case[3]
        worst[key] = max(worst.get(key, (0.0, 0.0, case)), (value, took, case))
    found = []
    for (kind, sampler), (_, _, case) in worst.items():
        value, took = ratio(case, samples=samples, repeats=1 if quick else 5)
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
        least = min(seconds(draw) for _ in range(50))
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
