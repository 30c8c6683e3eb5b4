"""See what a noisy activation function does: its expected output, its spread and its gradient.

Names are loaded on first use, so that ``import noisyviz`` costs nothing.

Examples
--------
>>> import noisyviz as nv
>>> unit = nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15, c=0.5, p=1.0)
>>> float(unit.sigma(0.5))  # no noise in the linear regime
0.0
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from noisyviz.engine.activations import ACTIVATIONS, Activation, activation
    from noisyviz.engine.anneal import anneal
    from noisyviz.engine.calibrate import Calibration, calibrate
    from noisyviz.engine.drift import expected_drift
    from noisyviz.engine.exact import exact
    from noisyviz.engine.moments import Curves, Moments, MonteCarloMoments, curves
    from noisyviz.engine.montecarlo import monte_carlo
    from noisyviz.engine.noise import NOISES, Noise, noise
    from noisyviz.engine.objectives import OBJECTIVES
    from noisyviz.engine.profile import Profile, profile
    from noisyviz.engine.runs import Annealing
    from noisyviz.engine.samplers import SAMPLERS
    from noisyviz.engine.schedules import SCHEDULES, schedule
    from noisyviz.engine.units import KINDS, SCALES, NoisyUnit
    from noisyviz.errors import InputError, MissingExtraError, NoisyvizError, NotReachedError

__version__ = "0.1.0"

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
    "Curves",
    "InputError",
    "MissingExtraError",
    "Moments",
    "MonteCarloMoments",
    "Noise",
    "NoisyUnit",
    "NoisyvizError",
    "NotReachedError",
    "Profile",
    "__version__",
    "activation",
    "anneal",
    "calibrate",
    "curves",
    "exact",
    "expected_drift",
    "monte_carlo",
    "noise",
    "profile",
    "schedule",
]

_HOMES: Final = {
    "Annealing": "noisyviz.engine.runs",
    "OBJECTIVES": "noisyviz.engine.objectives",
    "anneal": "noisyviz.engine.anneal",
    "expected_drift": "noisyviz.engine.drift",
    "SCHEDULES": "noisyviz.engine.schedules",
    "schedule": "noisyviz.engine.schedules",
    "ACTIVATIONS": "noisyviz.engine.activations",
    "Activation": "noisyviz.engine.activations",
    "activation": "noisyviz.engine.activations",
    "Calibration": "noisyviz.engine.calibrate",
    "calibrate": "noisyviz.engine.calibrate",
    "exact": "noisyviz.engine.exact",
    "Curves": "noisyviz.engine.moments",
    "Moments": "noisyviz.engine.moments",
    "MonteCarloMoments": "noisyviz.engine.moments",
    "curves": "noisyviz.engine.moments",
    "monte_carlo": "noisyviz.engine.montecarlo",
    "Profile": "noisyviz.engine.profile",
    "profile": "noisyviz.engine.profile",
    "NOISES": "noisyviz.engine.noise",
    "SAMPLERS": "noisyviz.engine.samplers",
    "Noise": "noisyviz.engine.noise",
    "noise": "noisyviz.engine.noise",
    "KINDS": "noisyviz.engine.units",
    "SCALES": "noisyviz.engine.units",
    "NoisyUnit": "noisyviz.engine.units",
    "InputError": "noisyviz.errors",
    "MissingExtraError": "noisyviz.errors",
    "NotReachedError": "noisyviz.errors",
    "NoisyvizError": "noisyviz.errors",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'noisyviz' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
