"""The kinds of noisy unit and the noise scales, as tables (Eqs 9, 12, 14 and 15).

This module needs nothing but the standard library, because a shell that asks for a name waits for the answer.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Kind(NamedTuple):
    """A row of the table of noisy units.

    Parameters
    ----------
    formula
        φ(x, ξ) as plain text.
    drawn
        φ(x, ξ) as mathtext, in pieces between which a line may break.
    words
        What the abbreviation stands for.
    source
        Where it comes from.
    uses
        The parameters that change the result, among alpha, c, p and scale.
    output_noise
        Whether φ is affine in ε; otherwise the noise is added to the input.
    """

    formula: str
    drawn: tuple[str, ...]
    words: str
    source: str
    uses: tuple[str, ...]
    output_noise: bool


_MEAN: Final = (r"$\varphi=\alpha h+(1-\alpha)u$",)

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "none": Kind(
            formula="h(x)",
            drawn=(r"$\varphi=h(x)$",),
            words="no noise",
            source="noiseless",
            uses=(),
            output_noise=True,
        ),
        "nan": Kind(
            formula="alpha*h + (1 - alpha)*u + d*sigma*xi",
            drawn=(*_MEAN, r"$+\,d\,\sigma(x)\,\xi$"),
            words="normal noise on the output",
            source="Eq 12 with epsilon = xi",
            uses=("alpha", "c", "p", "scale"),
            output_noise=True,
        ),
        "nah": Kind(
            formula="alpha*h + (1 - alpha)*u + d*sigma*|xi|",
            drawn=(*_MEAN, r"$+\,d\,\sigma(x)\,|\xi|$"),
            words="half-normal noise on the output",
            source="Eq 12 with epsilon = |xi|, Algorithm 1",
            uses=("alpha", "c", "p", "scale"),
            output_noise=True,
        ),
        "nani": Kind(
            formula="h(x + c*xi)",
            drawn=(r"$\varphi=h(x+c\,\xi)$",),
            words="noise on the input",
            source="Eq 14, fixed sigma = c",
            uses=("c",),
            output_noise=False,
        ),
        "nanil": Kind(
            formula="h(x + sigma*xi)",
            drawn=(r"$\varphi=h(x+\sigma(x)\,\xi)$",),
            words="learned noise on the input",
            source="Eq 14, sigma of Eq 9",
            uses=("c", "p", "scale"),
            output_noise=False,
        ),
        "nanis": Kind(
            formula="h(x + c*1[saturated]*xi)",
            drawn=(r"$\varphi=h(x+c\,\mathbf{1}[\mathrm{saturated}]\,\xi)$",),
            words="noise on the input where saturated",
            source="Eq 15",
            uses=("c",),
            output_noise=False,
        ),
        "nanil-softplus": Kind(
            formula="h(x + c*softplus(p*|Delta|/|xi|)*xi)",
            drawn=(r"$\varphi=h(x+s)$,", r"$s=c\;\mathrm{softplus}(p\,|\Delta|/|\xi|)\,\xi$"),
            words="learned noise on the input, by softplus",
            source="the authors' code, not the paper",
            uses=("c", "p"),
            output_noise=False,
        ),
        "add": Kind(
            formula="h(x) + c*xi",
            drawn=(r"$\varphi=h(x)+c\,\xi$",),
            words="noise added to h",
            source="a Gaussian noise layer behind h, not the paper",
            uses=("c",),
            output_noise=True,
        ),
        "mult": Kind(
            formula="h(x)*(1 + c*xi)",
            drawn=(r"$\varphi=h(x)\,(1+c\,\xi)$",),
            words="noise times h",
            source="Gaussian dropout of rate q with c = sqrt(q/(1 - q)), not the paper",
            uses=("c",),
            output_noise=True,
        ),
    }
)
"""Every kind of unit, in the order in which they are listed."""

SCALES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "eq9": "sigma = c*(g(p*Delta) - 1/2)^2",
        "figure": "sigma = c*(g(p*delta^2) - 1/2)^2, delta = max(x - x_t+, x_t- - x, 0)",
    }
)
"""The noise scales: Eq 9 as printed, and the form that the paper's own drawings follow; beside them
``module:function``, which is sigma = c*function(x)."""
