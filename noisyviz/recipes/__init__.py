"""Recipes: one module per picture, each with settings, computation and drawing."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from noisyviz.errors import InputError, suggestion

if TYPE_CHECKING:
    from noisyviz.recipes.base import Recipe

RECIPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "plot": "noisyviz.recipes.overview:Overview",
        "anneal": "noisyviz.recipes.anneal:Anneal",
        "compare": "noisyviz.recipes.compare:Compare",
        "derivatives": "noisyviz.recipes.derivatives:Derivatives",
        "saturated-noise": "noisyviz.recipes.saturated_noise:SaturatedNoise",
        "draws": "noisyviz.recipes.draws:Draws",
        "network-gradients": "noisyviz.recipes.network_gradients:NetworkGradients",
        "network-activations": "noisyviz.recipes.network_activations:NetworkActivations",
        "annealed-objective": "noisyviz.recipes.annealed_objective:AnnealedObjective",
        "wrong-sign": "noisyviz.recipes.wrong_sign:WrongSign",
        "budget": "noisyviz.recipes.budget:Budget",
        "learning-curves": "noisyviz.recipes.learning_curves:LearningCurves",
        "profile": "noisyviz.recipes.profile:ProfilePicture",
        "calibrate": "noisyviz.recipes.calibrate:CalibratePicture",
    }
)
"""Every recipe by name, with the place of its class; modules are loaded on use."""


def recipe_class(name: str) -> "type[Recipe[Any]]":
    """Return the class of a recipe.

    Raises
    ------
    InputError
        When there is no such recipe.
    """
    if name not in RECIPES:
        allowed = ", ".join(RECIPES)
        hint = suggestion(name, RECIPES)
        raise InputError(f"figure must be one of {allowed}, got {name!r}{hint}", parameter="figure")
    module, _, attribute = RECIPES[name].partition(":")
    found: type[Recipe[Any]] = getattr(import_module(module), attribute)
    return found
