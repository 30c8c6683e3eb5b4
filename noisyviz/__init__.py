"""See what a noisy activation function does: its expected output, its spread and its gradient.

Names are loaded on first use, so that ``import noisyviz`` costs nothing.

Examples
--------
>>> import noisyviz as nv
>>> unit = nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15, c=0.5, p=1.0)
>>> float(unit.sigma(0.5))  # no noise in the linear regime
0.0
"""

from __future__ import annotations

TYPE_CHECKING = False  # of type checkers alone; the module typing takes longer than all of this one
if TYPE_CHECKING:
    from typing import Final

    from noisyviz.annealing.anneal import anneal
    from noisyviz.annealing.drift import expected_drift
    from noisyviz.annealing.objectives import OBJECTIVES
    from noisyviz.annealing.results import Annealing
    from noisyviz.annealing.schedules import SCHEDULES, schedule
    from noisyviz.errors import InputError, MissingExtraError, NoisyvizError, NotReachedError
    from noisyviz.export.explore import Page, explore
    from noisyviz.export.plotting import plot
    from noisyviz.moments.exact import exact
    from noisyviz.moments.montecarlo import monte_carlo
    from noisyviz.moments.quantities import Curves, Moments, MonteCarloMoments, curves
    from noisyviz.moments.samplers import SAMPLERS
    from noisyviz.networks.calibrate import calibrate
    from noisyviz.networks.calibration import Calibration
    from noisyviz.networks.profile import profile
    from noisyviz.networks.results import Profile
    from noisyviz.pictures.compare.comparison import Comparison, compare
    from noisyviz.units.activations import ACTIVATIONS, Activation, activation
    from noisyviz.units.kinds import KINDS, SCALES
    from noisyviz.units.noise import NOISES, Noise, noise
    from noisyviz.units.unit import NoisyUnit

__version__ = "0.2.0"

__all__ = [
    "ACTIVATIONS",
    "KINDS",
    "NOISES",
    "OBJECTIVES",
    "SAMPLERS",
    "SCALES",
    "SCHEDULES",
    "Activation",
    "Annealing",
    "Calibration",
    "Comparison",
    "Curves",
    "InputError",
    "MissingExtraError",
    "Moments",
    "MonteCarloMoments",
    "Noise",
    "NoisyUnit",
    "NoisyvizError",
    "NotReachedError",
    "Page",
    "Profile",
    "__version__",
    "activation",
    "anneal",
    "calibrate",
    "compare",
    "curves",
    "exact",
    "expected_drift",
    "explore",
    "monte_carlo",
    "noise",
    "plot",
    "profile",
    "schedule",
]

_HOMES: Final = {
    "Annealing": "noisyviz.annealing.results",
    "OBJECTIVES": "noisyviz.annealing.objectives",
    "anneal": "noisyviz.annealing.anneal",
    "expected_drift": "noisyviz.annealing.drift",
    "SCHEDULES": "noisyviz.annealing.schedules",
    "schedule": "noisyviz.annealing.schedules",
    "ACTIVATIONS": "noisyviz.units.activations",
    "Activation": "noisyviz.units.activations",
    "activation": "noisyviz.units.activations",
    "Calibration": "noisyviz.networks.calibration",
    "calibrate": "noisyviz.networks.calibrate",
    "Comparison": "noisyviz.pictures.compare.comparison",
    "compare": "noisyviz.pictures.compare.comparison",
    "plot": "noisyviz.export.plotting",
    "Page": "noisyviz.export.explore",
    "explore": "noisyviz.export.explore",
    "exact": "noisyviz.moments.exact",
    "Curves": "noisyviz.moments.quantities",
    "Moments": "noisyviz.moments.quantities",
    "MonteCarloMoments": "noisyviz.moments.quantities",
    "curves": "noisyviz.moments.quantities",
    "monte_carlo": "noisyviz.moments.montecarlo",
    "Profile": "noisyviz.networks.results",
    "profile": "noisyviz.networks.profile",
    "NOISES": "noisyviz.units.noise",
    "SAMPLERS": "noisyviz.moments.samplers",
    "Noise": "noisyviz.units.noise",
    "noise": "noisyviz.units.noise",
    "KINDS": "noisyviz.units.kinds",
    "SCALES": "noisyviz.units.kinds",
    "NoisyUnit": "noisyviz.units.unit",
    "InputError": "noisyviz.errors",
    "MissingExtraError": "noisyviz.errors",
    "NotReachedError": "noisyviz.errors",
    "NoisyvizError": "noisyviz.errors",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'noisyviz' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
