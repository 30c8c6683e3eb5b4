"""Pictures: one folder per picture, each with settings, computation and drawing."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from noisyviz.errors import InputError, suggestion

if TYPE_CHECKING:
    from noisyviz.pictures.picture import Picture

PICTURES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "plot": "noisyviz.pictures.overview.picture:Overview",
        "anneal": "noisyviz.pictures.anneal.picture:Anneal",
        "compare": "noisyviz.pictures.compare.picture:Compare",
        "derivatives": "noisyviz.pictures.derivatives.picture:Derivatives",
        "saturated-noise": "noisyviz.pictures.saturated_noise.picture:SaturatedNoise",
        "draws": "noisyviz.pictures.draws.picture:Draws",
        "network-gradients": "noisyviz.pictures.network.picture:NetworkGradients",
        "network-activations": "noisyviz.pictures.network.picture:NetworkActivations",
        "annealed-objective": "noisyviz.pictures.annealed_objective.picture:AnnealedObjective",
        "wrong-sign": "noisyviz.pictures.wrong_sign.picture:WrongSign",
        "budget": "noisyviz.pictures.budget.picture:Budget",
        "learning-curves": "noisyviz.pictures.learning_curves.picture:LearningCurves",
        "profile": "noisyviz.pictures.profile.picture:ProfilePicture",
        "runs": "noisyviz.pictures.runs.picture:TrainingRuns",
        "run-differences": "noisyviz.pictures.run_differences.picture:RunDifferences",
        "calibrate": "noisyviz.pictures.calibrate.picture:CalibratePicture",
    }
)
"""Every picture by name, with the place of its class; modules are loaded on use."""


def picture_class(name: str) -> "type[Picture[Any]]":
    """Return the class of a picture.

    Raises
    ------
    InputError
        When there is no such picture.
    """
    if name not in PICTURES:
        allowed = ", ".join(PICTURES)
        hint = suggestion(name, PICTURES)
        raise InputError(f"figure must be one of {allowed}, got {name!r}{hint}", parameter="figure")
    module, _, attribute = PICTURES[name].partition(":")
    found: type[Picture[Any]] = getattr(import_module(module), attribute)
    return found
