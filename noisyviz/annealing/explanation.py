"""One sentence on a run of annealed descent: which term of the gradient carries the motion, from the numbers."""

from collections.abc import Mapping
from math import isfinite
from types import MappingProxyType
from typing import Final

import numpy as np

from noisyviz.annealing.objectives import Landscape
from noisyviz.annealing.results import Annealing, NoisyRun

TERMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "leak": "the leak",
        "noise_gradient": "the slope of the noise (σ′ε)",
        "noise_error": "the noise (σε) on the slope of the leak",
        "product": "the pull of the noise (σσ′)",
        "sampled_slope": "the slope h′ at the noisy input",
    }
)
INPUT_TERMS: Final[Mapping[str, str]] = MappingProxyType({"noise_gradient": "the slope of the noise (σ′ξ)"})
SMALL: Final = 5e-3  # of the distance to the threshold: less is no motion


def verdict(found: Annealing) -> str:
    """Return one sentence that says what moved the trajectories, or why they stayed.

    Examples
    --------
    >>> from noisyviz.annealing.anneal import anneal
    >>> from noisyviz.annealing.schedules import exponential
    >>> from noisyviz.units.unit import NoisyUnit
    >>> fall = exponential(start=30.0, end=0.5, steps=500)
    >>> found = anneal(NoisyUnit("hard-tanh"), schedule=fall, steps=500, rng=np.random.default_rng(0))
    >>> verdict(found).partition(":")[0]
    'The annealed runs are moved by the pull of the noise (σσ′)'
    """
    if found.steps == 0:
        return "No step was taken, so nothing moved."
    if isinstance(found.objective, Landscape):
        return _of_landscape(found, found.objective)
    low, high = found.region
    if low < found.x0 < high:
        return f"The start x = {found.x0:g} lies inside the thresholds already, so there is nothing to escape from."
    away = found.x0 - high if found.x0 >= high else low - found.x0
    annealed = _said(found, found.noisy, "the annealed runs", away)
    constant = _said(found, found.constant, f"the runs with c = {found.c_constant:g} throughout", away)
    return f"{annealed[0].upper()}{annealed[1:]}; {constant}{_leak(found)}."


def _said(found: Annealing, run: NoisyRun, whom: str, away: float) -> str:
    moved = {name: distance for name, distance in run.inward.items() if isfinite(distance)}
    if not moved:
        return f"{whom} left the finite numbers"
    carrier = max(moved, key=lambda name: moved[name])
    if moved[carrier] < SMALL * away:
        pushing = min(moved, key=lambda name: moved[name])
        if moved[pushing] < -SMALL * away:
            outward = f"{_name(found, pushing)} pushed them {-moved[pushing]:.3g} outward"
            return f"no term moved {whom} towards the threshold, {away:.3g} away: {outward}"
        return f"no term moved {whom}, {away:.3g} away from the threshold"
    others = [name for name in moved if name != carrier and (abs(moved[name]) >= SMALL * away or name == "leak")]
    aside = ", ".join(_aside(found, name, moved[name]) for name in sorted(others, key=lambda name: -abs(moved[name])))
    aside = f"; beside it {aside}" if aside else ""
    if run.share_success > 0 or isfinite(run.median_first_passage):
        return (
            f"{whom} are moved by {_name(found, carrier)}: {moved[carrier]:.3g} inward, "
            f"with the threshold {away:.3g} away{aside}"
        )
    if moved[carrier] < away:
        return (
            f"{whom} are moved only {moved[carrier]:.3g} of the {away:.3g} to the threshold, "
            f"by {_name(found, carrier)}{aside}"
        )
    return f"{whom} are moved {moved[carrier]:.3g} inward by {_name(found, carrier)}, yet none arrived{aside}"


def _name(found: Annealing, term: str) -> str:
    is_input = "sampled_slope" in found.noisy.inward
    return INPUT_TERMS[term] if is_input and term in INPUT_TERMS else TERMS[term]


def _aside(found: Annealing, name: str, distance: float) -> str:
    if distance == 0.0:
        return f"{_name(found, name)} 0"
    return f"{_name(found, name)} {abs(distance):.2g}{' outward' if distance < 0 else ''}"


def _leak(found: Annealing) -> str:
    if found.leak is None or found.unit is None or found.unit.kind not in ("nan", "nah"):
        return ""
    if isfinite(found.leak.first_passage):
        return f"; alone the leak needs {_steps(found.leak.first_passage)}"
    alpha = float(np.asarray(found.unit.alpha))
    if alpha == 1.0:
        return "; at alpha = 1 there is no leak"
    if alpha > 1.0 and abs(found.leak.x[-1]) > abs(found.x0):
        return f"; alone the leak drifts outward, to x = {found.leak.x[-1]:.3g}"
    return f"; alone the leak does not arrive in {_steps(found.steps)}"


def _steps(count: float) -> str:
    return f"{count:,.0f} step{'s' * (count != 1)}"


def _of_landscape(found: Annealing, landscape: Landscape) -> str:
    low, high = landscape.limits
    x = np.linspace(low, high, 2001)
    levels = (float(found.noisy.c[0]), float(found.noisy.c[-1]))
    counts, slopes = [], []
    for c in levels:
        slope = landscape.smoothed(np.append(x, found.x0), c=c, noise=found.noise)[1]
        counts.append(int(np.count_nonzero((slope[:-2] < 0) & (slope[1:-1] >= 0))))
        slopes.append(float(slope[-1]))
    steep = f"its slope at the start x = {found.x0:g} is {slopes[0]:.2g}"
    return (
        f"Smoothed at c = {levels[0]:g} the landscape has {_minima(counts[0])} and {steep}; "
        f"at c = {levels[1]:g} it has {_minima(counts[1])} and slope {slopes[1]:.2g} there."
    )


def _minima(count: int) -> str:
    return "1 minimum" if count == 1 else f"{count} minima"
