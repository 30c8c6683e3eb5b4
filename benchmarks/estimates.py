"""Monte-Carlo estimates and annealing against the random numbers they use, and against how anyone would write them."""

import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

import noisyviz as nv
from benchmarks import floors, rivals
from benchmarks.timing import Row, medians, peak_mib, seconds

POINTS: Final = 1001
SAMPLES: Final = 10**6

CASES: Final[tuple[tuple[str, dict[str, Any], str, float], ...]] = (
    ("no threshold inside the draws", {"fn": "hard-tanh", "kind": "nan", "c": 0.05, "p": 0.2}, "iid", 1.5),
    ("thresholds inside the draws", {"fn": "hard-tanh", "kind": "nan", "c": 0.5}, "iid", 3.0),
    ("thresholds inside the draws", {"fn": "hard-tanh", "kind": "nah", "c": 4.0}, "iid", 3.0),
    ("thresholds inside the draws", {"fn": "tanh", "kind": "nan", "c": 4.0}, "iid", 3.0),
    ("piecewise linear", {"fn": "hard-tanh", "kind": "nani", "c": 0.5}, "iid", 5.0),
    ("piecewise linear", {"fn": "hard-tanh", "kind": "nani", "c": 0.5}, "stratified", 5.0),
    ("piecewise linear", {"fn": "hard-tanh", "kind": "nanis", "c": 0.5}, "iid", 5.0),
    ("piecewise linear", {"fn": "hard-tanh", "kind": "nanil", "c": 4.0}, "iid", 5.0),
    ("smooth", {"fn": "tanh", "kind": "nani", "c": 0.5}, "iid", 5.0),
    ("smooth", {"fn": "tanh", "kind": "nani", "c": 4.0}, "iid", 5.0),
    ("smooth", {"fn": "tanh", "kind": "nanil", "c": 4.0}, "stratified", 5.0),
)


def unit_of(settings: dict[str, Any]) -> nv.NoisyUnit:
    """Return the unit of a case."""
    rest = {key: value for key, value in settings.items() if key != "fn"}
    return nv.NoisyUnit(settings["fn"], **rest)


def normals(count: int) -> Callable[[], object]:
    """Return the work of drawing normals, in blocks that stay in the cache."""

    def draw() -> None:
        rng = np.random.default_rng(0)
        block = np.empty(2**14)
        for _ in range(count // block.size):
            rng.standard_normal(out=block)
        rng.standard_normal(count % block.size)

    return draw


def estimate(settings: dict[str, Any], *, samples: int = SAMPLES, sampler: str = "iid", **how: Any) -> object:
    """Return the estimate of a curve."""
    x = np.linspace(-4, 4, POINTS)
    return nv.monte_carlo(unit_of(settings), x, samples=samples, rng=np.random.default_rng(0), sampler=sampler, **how)


def against_normals(*, quick: bool) -> list[Row]:
    """Return the lines about the cost over that of the draws."""
    repeats = 3 if quick else 9
    found = []
    for what, settings, sampler, target in CASES:
        ours, draws = medians([partial(estimate, settings, sampler=sampler, jobs=1), normals(SAMPLES)], repeats=repeats)
        name = f"{settings['fn']}, {settings['kind']}, c = {settings['c']:g}, {sampler} ({what})"
        note = f"{1e3 * ours:.0f} ms"
        found.append(Row(what=name, value=ours / draws, target=target, note=note))
    both, one = medians(
        [partial(estimate, CASES[4][1], samples=10 * SAMPLES, jobs=jobs) for jobs in (2, 1)], repeats=repeats
    )
    found.append(Row(what="hard-tanh, nani, 10⁷ draws: two workers against one", value=both / one))
    return found


def against_rivals(*, quick: bool) -> list[Row]:
    """Return the lines about plain NumPy and PyTorch."""
    samples = SAMPLES // 10 if quick else SAMPLES
    x = np.linspace(-4, 4, POINTS)
    found = []
    for name, settings, plain, torch in (
        ("hard-tanh, nan", CASES[1][1], rivals.numpy_output_noise, rivals.torch_output_noise),
        ("tanh, nani", CASES[8][1], rivals.numpy_input_noise, rivals.torch_input_noise),
    ):
        ours, _ = medians([partial(estimate, settings, samples=samples, jobs=1), normals(1)], repeats=3)
        other = seconds(lambda plain=plain: plain(x, samples, np.random.default_rng(0)))  # type: ignore[misc]
        found.append(
            Row(what=f"{name}: plain NumPy broadcast against noisyviz", value=other / ours, target=50, at_least=True)
        )
        own = seconds(partial(estimate, settings, samples=samples // 10, method="plain", jobs=1)) * 10
        found.append(Row(what=f"{name}: the plain evaluation kept in noisyviz, all twelve moments", value=own / ours))
        if importlib.util.find_spec("torch") is not None:
            other = seconds(lambda torch=torch: torch(x, samples))  # type: ignore[misc]
            found.append(Row(what=f"{name}: PyTorch against noisyviz", value=other / ours, target=50, at_least=True))
    return found


def memory() -> list[Row]:
    """Return the lines about peak memory."""
    found = []
    for _, settings, sampler, _ in (CASES[1], CASES[5], CASES[9]):
        code = (
            "import numpy as np, noisyviz as nv; "
            f"unit = nv.NoisyUnit(**{ {'fn': settings['fn']} | {k: v for k, v in settings.items() if k != 'fn'}!r}); "
            f"nv.monte_carlo(unit, np.linspace(-4, 4, {POINTS}), samples={SAMPLES}, "
            f"rng=np.random.default_rng(0), sampler={sampler!r})"
        )
        name = f"Peak memory: {settings['fn']}, {settings['kind']}, {sampler}, 10⁶ draws"
        found.append(Row(what=name, value=peak_mib(code), unit="MiB", target=190.0))
    return found


def annealing(*, quick: bool) -> list[Row]:
    """Return the lines about annealing."""
    trajectories, steps = 10_000, 2000
    schedule = nv.schedule("exponential", start=30.0, end=0.5, steps=steps)

    def run(alpha: float) -> object:
        unit, rng = nv.NoisyUnit("hard-tanh", kind="nan", alpha=alpha), np.random.default_rng(0)
        return nv.anneal(unit, schedule=schedule, steps=steps, trajectories=trajectories, rng=rng)

    bare = partial(floors.descent, trajectories, steps)
    ours, outside, least, draws = medians(
        [partial(run, 0.9), partial(run, 1.0), bare, normals(trajectories * steps)], repeats=3 if quick else 7
    )
    what = "annealing at the defaults, 10⁴ trajectories × 2,000 steps, against its normals"
    return [
        Row(what=what, value=ours / draws, target=3.0, note=f"{ours:.2f} s"),
        Row(what="the same at α = 1, where most stay outside", value=outside / draws, note=f"{outside:.2f} s"),
        Row(what="its floor: the arithmetic alone in NumPy, against the normals", value=least / draws),
    ]


def profiling(*, quick: bool) -> list[Row]:
    """Return the lines about the profile of saturation."""
    import tempfile
    from pathlib import Path

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        np.save(path, rng.standard_normal((50_000 if quick else 400_000, 256), dtype=np.float32) * 2)

        def profile(shares_only: bool) -> None:
            nv.profile(np.load(path, mmap_mode="r"), fn="tanh", shares_only=shares_only)

        def read(dtype: type) -> None:
            values = np.load(path, mmap_mode="r")
            for start in range(0, values.shape[0], 256):
                np.tanh(values[start : start + 256].astype(dtype, copy=False))

        works = [partial(profile, True), partial(profile, False), partial(read, np.float32), partial(read, np.float64)]
        shares, whole, single, double, least = medians(
            [*works, partial(floors.profile, path)], repeats=3 if quick else 7
        )
        size = path.stat().st_size / 1e6
    file = f"a float32 file of {size:.0f} MB"
    return [
        Row(
            what=f"shares of {file} against reading it and one tanh",
            value=shares / single,
            target=3.0,
            note=f"{size / shares:.0f} MB/s",
        ),
        Row(
            what=f"whole profile of {file} against reading it and one tanh in float64",
            value=whole / double,
            note=f"{size / whole:.0f} MB/s",
        ),
        Row(what="the same against one tanh in float32", value=whole / single),
        Row(what="its floor: the arithmetic alone in NumPy, against one tanh in float32", value=least / single),
    ]
