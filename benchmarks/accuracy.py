"""How often standard errors hold the truth, and how near profile, calibrate and budget come to every sample."""

from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

import noisyviz as nv
from benchmarks.timing import Row
from noisyviz.moments.montecarlo.estimates import ESTIMATES
from noisyviz.moments.samplers import SAMPLERS
from noisyviz.networks.calibrate import effect, for_noise, gather, normal_input
from noisyviz.networks.moment_table import corners

Array = npt.NDArray[np.float64]

SEEDS: Final = 1000
SAMPLES: Final = 2048
X: Final = np.array([-2.3, -0.4, 0.6, 1.3, 1.9])
UNITS: Final = {
    "nan": nv.NoisyUnit("tanh", kind="nan", alpha=0.9, c=2.0, p=1.3),
    "nah": nv.NoisyUnit("tanh", kind="nah", alpha=1.15, c=2.0, p=1.3),
    "nani": nv.NoisyUnit("hard-tanh", kind="nani", c=0.9),
    "nanil": nv.NoisyUnit("sigmoid", kind="nanil", c=20.0, p=2.0),
    "nanis": nv.NoisyUnit("tanh", kind="nanis", c=0.9),
}
NOISES: Final = ("normal", "student-t:5", "student-t:8", "student-t:12")
RARE: Final = 20  # draws that carry an estimate, below which the command warns

KINDS: Final = ("nani", "nanis", "nanil", "nanil-softplus", "nah")
LEVELS: Final = (1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
FUNCTIONS: Final = ("hard-tanh", "tanh", "selu")
LEAST: Final = 1e-4  # root mean squares below it are left out


def coverage(*, quick: bool, noises: tuple[str, ...] = NOISES) -> list[Row]:
    """Return the least and the largest coverage of 95 % intervals over the points, by sampler, kind and quantity."""
    seeds = 100 if quick else SEEDS
    rows = []
    for noise, sampler, kind in product(noises, SAMPLERS, UNITS):
        unit = UNITS[kind].replace(noise=noise)
        if noise != "normal" and kind != "nan":
            continue  # heavy tails matter to spreads that are not bounded
        found = covered(unit, sampler, seeds=seeds)
        for name, shares in found.items():
            if noise == "normal" or name.endswith("std"):
                what = f"{noise}, {sampler}, {kind}: {name}"
                note = f"{shares.min():.3f} to {shares.max():.3f} over {shares.size} points, {seeds:,} seeds"
                rows.append(Row(what=what, value=100.0 * float(shares.min()), unit="%", note=note))
    return rows


def covered(unit: nv.NoisyUnit, sampler: str, *, seeds: int, samples: int = SAMPLES) -> dict[str, Array]:
    """Return how often intervals hold the exact value, at every point where the estimate varies and is not rare."""
    exact = nv.exact(unit, X)
    inside = {name: np.zeros(X.size) for name in ESTIMATES}
    hits = {"mean": np.zeros(X.size), "grad_mean": np.zeros(X.size)}
    varies = {name: np.zeros(X.size, dtype=np.bool_) for name in ESTIMATES}
    for seed in range(seeds):
        found = nv.monte_carlo(unit, X, samples=samples, rng=seed, sampler=sampler)
        for name in ESTIMATES:
            low, high = found.interval(name)
            truth = getattr(exact, name)
            rounding = 1e-13 * (1.0 + np.abs(truth))
            inside[name] += (low - rounding <= truth) & (truth <= high + rounding)
            varies[name] |= getattr(found, f"{name}_se") > 1e-13
        for name, total in hits.items():
            total += getattr(found, f"{name}_hits") / seeds
    kept = {}
    for name in ESTIMATES:
        truth = getattr(exact, name)
        if name.startswith("p_"):
            enough = samples * np.minimum(truth, 1.0 - truth) >= RARE
        else:
            enough = hits["grad_mean" if name.startswith("grad") else "mean"] >= RARE
        at = varies[name] & enough
        if at.any():
            kept[name] = inside[name][at] / seeds
    return kept


def small_noise(*, quick: bool) -> list[Row]:
    """Return the largest relative errors of profile, calibrate and budget over c from 1e-3 to 10, by kind and h."""
    x = np.random.default_rng(0).normal(0.0, 2.0, 2000 if quick else 20_000)
    rows = []
    for fn, kind in product(FUNCTIONS, KINDS):
        profiled, curve, normal = [], [], []
        for c in LEVELS[::4] if quick else LEVELS:
            unit = nv.NoisyUnit(fn, kind=kind, alpha=1.0, c=c)
            direct = root_mean_squares(unit, x, np.ones(x.size))
            noise = nv.profile(x, fn=fn, unit=unit).total.noise
            assert noise is not None
            profiled.append(off(direct, (noise.bias_rms, noise.grad_rms_saturated)))
            found = effect(unit, for_noise(unit, gather([x], unit.activation)))
            curve.append(off(direct, (found.bias_rms, found.grad_rms_saturated)))
            nodes, weights = dense(unit)
            direct = root_mean_squares(unit, nodes, weights)
            found = effect(unit, for_noise(unit, normal_input(0.0, 2.0, unit.activation), bits=3))
            normal.append(off(direct, (found.bias_rms, found.grad_rms_saturated)))
        steep = kind == "nanil-softplus"
        for what, errors, bound in (
            ("profile", profiled, 1e-5),
            ("calibrate", curve, 5e-3 if steep else 1e-4),
            ("budget", normal, 5e-3 if steep else 1e-3),
        ):
            name = f"{what}, {fn}, {kind}: largest relative error of bias and gradient, c from 1e-3 to 10"
            rows.append(Row(what=name, value=max(errors), unit="", target=bound))
    return rows


def dense(unit: nv.NoisyUnit) -> tuple[Array, Array]:
    """Return many nodes of a normal input of standard deviation 2, by panels of eight that narrow towards kinks."""
    nodes, weights = np.polynomial.legendre.leggauss(8)
    away = 2.0 ** np.arange(-24.0, 5.0, 0.25)
    near = np.concatenate([np.r_[t - away, t, t + away] for t in (*corners(unit), 0.0)])
    edges = np.unique(np.concatenate([np.linspace(-18.0, 18.0, 181), near[np.abs(near) < 18.0]]))
    half = 0.5 * np.diff(edges)[:, None]
    x = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * nodes).ravel()
    return x, (half * weights).ravel() * np.exp(-(x**2) / 8.0)


def root_mean_squares(unit: nv.NoisyUnit, x: Array, weights: Array) -> tuple[float, float]:
    """Return those of bias over all samples and of the gradient over saturated ones, from the exact moments at each."""
    found, saturated = nv.exact(unit, x), unit.activation.saturated(x)
    bias = np.sum(weights * found.bias**2) / np.sum(weights)
    grad = np.sum((weights * found.grad_rms**2)[saturated]) / np.sum(weights[saturated])
    return float(np.sqrt(bias)), float(np.sqrt(grad))


def off(direct: tuple[float, float], found: tuple[float, float]) -> float:
    """Return the larger relative error, of what is not below `LEAST`."""
    return max((abs(b / a - 1.0) for a, b in zip(direct, found, strict=True) if a >= LEAST), default=0.0)
