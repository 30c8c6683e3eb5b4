"""The figures of the paper: which number is which picture, in the proceedings and on arXiv.

References
----------
Gulcehre, Moczulski, Denil and Bengio, "Noisy Activation Functions", ICML 2016 (``icml``, Figures 1 to 9), and
arXiv:1603.00391v3 (``v3``, Figures 1 to 11: the same, and learning curves on MNIST as 5 and of a character model as 8).
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from noisyviz.errors import check_name
from noisyviz.pictures import picture_class
from noisyviz.pictures.picture import Picture

SCALES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "figure": "σ(x) as the paper's figures are drawn",
        "eq9": "σ(x) as its Eq 9 says",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure before its picture is loaded.

    Attributes
    ----------
    shows
        What is seen in it.
    picture
        A key of `noisyviz.pictures.PICTURES`.
    settings
        Those that are not the picture's defaults.
    scaled
        Whether it shows σ(x), so that it has a setting ``scale``.
    """

    shows: str
    picture: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    scaled: bool = False


def _curves(experiment: str, shows: str) -> Figure:
    return Figure(shows=shows, picture="learning-curves", settings={"experiment": experiment})


def _draws(edition: str) -> Figure:
    shows = "draws of the noisy hard-tanh for α = 0.9, 1, 1.1 and 1.2"
    return Figure(shows=shows, picture="draws", settings={"edition": edition}, scaled=True)


_FIRST: Final = {
    "1": Figure(shows="derivatives of sigmoid and tanh and of their hard versions", picture="derivatives"),
    "2": Figure(shows="annealed noise on a non-convex objective", picture="annealed-objective"),
    "3": Figure(shows="h, u, Δ and the density of the noise at a saturated point", picture="saturated-noise"),
}
_GRADIENTS: Final = Figure(shows="∂φ/∂x of every unit of a network", picture="network-gradients", scaled=True)
_ACTIVATIONS: Final = Figure(shows="φ of every unit of a network", picture="network-activations", scaled=True)
_WORDS: Final = _curves("ptb-words", "the paper's curves: perplexity of a word model on Penn Treebank")
_EXECUTE: Final = _curves("learning-to-execute", "the paper's curves: accuracy of Learning to Execute")
_RECALL: Final = _curves("associative-recall", "the paper's curves: likelihood in associative recall")
_BEYOND: Final = {
    "wrong-sign": Figure(shows="P(∂φ/∂x points the wrong way) over x and α; not in the paper", picture="wrong-sign"),
    "budget": Figure(shows="bias against strength of the gradient for every kind; not in the paper", picture="budget"),
}

EDITIONS: Final[Mapping[str, Mapping[str, Figure]]] = MappingProxyType(
    {
        "icml": MappingProxyType(
            {
                **_FIRST,
                "4": _draws("icml"),
                "5": _GRADIENTS,
                "6": _ACTIVATIONS,
                "7": _WORDS,
                "8": _EXECUTE,
                "9": _RECALL,
                **_BEYOND,
            }
        ),
        "v3": MappingProxyType(
            {
                **_FIRST,
                "4": _draws("v3"),
                "5": _curves("mnist", "the paper's curves: likelihood of a network on MNIST"),
                "6": _GRADIENTS,
                "7": _ACTIVATIONS,
                "8": _curves("ptb-characters", "the paper's curves: bits of a character model on Penn Treebank"),
                "9": _WORDS,
                "10": _EXECUTE,
                "11": _RECALL,
                **_BEYOND,
            }
        ),
    }
)
"""Figures by label, for each edition of the paper; ``wrong-sign`` and ``budget`` are not in the paper."""

FIGURES: Final[Mapping[str, str]] = MappingProxyType(
    {f"{edition} {label}": figure.shows for edition in EDITIONS for label, figure in EDITIONS[edition].items()}
)
"""What every figure shows, by edition and label."""


def paper_figures(
    edition: str = "icml", scale: str = "figure", *, only: Iterable[str] | None = None, seed: int | None = None
) -> dict[str, Picture[Any]]:
    """Return the pictures of the paper's figures by their labels.

    Parameters
    ----------
    edition
        A key of `EDITIONS`.
    scale
        A key of `SCALES`, for the figures that show σ(x).
    only
        Labels, or None for all.
    seed
        Of the figures with random draws, or None for each one's own.

    Raises
    ------
    InputError
        For an unknown edition, scale or label.
    """
    check_name("edition", edition, EDITIONS)
    check_name("scale", scale, SCALES)
    figures = EDITIONS[edition]
    wanted = list(figures) if only is None else list(only)
    for label in wanted:
        check_name("only", label, figures)
    return {label: _picture(figures[label], scale, seed) for label in wanted}


def _picture(figure: Figure, scale: str, seed: int | None) -> Picture[Any]:
    chosen = dict(figure.settings) | ({"scale": scale} if figure.scaled else {})
    kind = picture_class(figure.picture)
    if seed is not None and "seed" in {one.name for one in dataclasses.fields(kind)}:  # type: ignore[arg-type]
        chosen["seed"] = seed
    return kind(**chosen)
