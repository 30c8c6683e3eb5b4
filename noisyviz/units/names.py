"""The activation functions by name, as plain text: `activations` builds them, `list`, completion and docs tell them.

This module needs nothing but the standard library, because a shell that asks for a name waits for the answer.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

FORMULAS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tanh": "tanh(x)",
        "sigmoid": "1/(1 + exp(-x))",
        "hard-tanh": "max(min(x, 1), -1)",
        "hard-sigmoid": "max(min(0.25*x + 0.5, 1), 0)",
        "relu": "max(x, 0)",
        "relu6": "max(min(x, 6), 0)",
        "hard-sigmoid-6": "max(min(x/6 + 0.5, 1), 0)",
        "hard-swish": "x*max(min(x/6 + 0.5, 1), 0)",
        "leaky-relu": "max(x, 0.01*x)",
        "elu": "x if x > 0 else exp(x) - 1",
        "selu": "1.0507*(x if x > 0 else 1.6733*(exp(x) - 1))",
        "celu": "x if x > 0 else exp(x) - 1",
        "softplus": "log(1 + exp(x))",
        "log-sigmoid": "-log(1 + exp(-x))",
        "squareplus": "(x + sqrt(x^2 + 4))/2",
        "sparse-plus": "0 if x < -1 else (x + 1)^2/4 if x < 1 else x",
        "sparse-sigmoid": "max(min(0.5*x + 0.5, 1), 0)",
        "softsign": "x/(1 + |x|)",
        "arctan": "arctan(x)",
        "erf": "erf(x)",
        "gelu": "x*Phi(x)",
        "gelu-tanh": "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))/2",
        "silu": "x/(1 + exp(-x))",
        "mish": "x*tanh(log(1 + exp(x)))",
        "tanh-shrink": "x - tanh(x)",
        "soft-shrink": "x - max(min(x, 0.5), -0.5)",
        "hard-shrink": "x if |x| > 0.5 else 0",
        "lecun-tanh": "1.7159*tanh(2*x/3)",
        "identity": "x",
    }
)
"""Every named activation with h as plain text, in the order in which they are listed."""


class Letter(NamedTuple):
    """A parameter in a formula: what it is called, and what it must be above."""

    name: str
    above: float | None = None


class Family(NamedTuple):
    """Functions of one formula, whose parameters stand behind colons in the name.

    Attributes
    ----------
    letters
        The parameters in order.
    formula
        h as plain text.
    example
        A name.
    """

    letters: tuple[Letter, ...]
    formula: str
    example: str


FAMILIES: Final[Mapping[str, Family]] = MappingProxyType(
    {
        "leaky-relu": Family((Letter("A", 0.0),), "x if x > 0 else A*x", "leaky-relu:0.2"),
        "elu": Family((Letter("A", 0.0),), "x if x > 0 else A*(exp(x) - 1)", "elu:0.5"),
        "celu": Family((Letter("A", 0.0),), "x if x > 0 else A*(exp(x/A) - 1)", "celu:2"),
        "softplus": Family((Letter("B", 0.0),), "log(1 + exp(B*x))/B", "softplus:2"),
        "squareplus": Family((Letter("B", 0.0),), "(x + sqrt(x^2 + B))/2", "squareplus:1"),
        "hard-sigmoid": Family((Letter("A", 0.0),), "max(min(A*x + 0.5, 1), 0)", "hard-sigmoid:0.2"),
        "hard-tanh": Family((Letter("L"), Letter("R")), "max(min(x, R), L)", "hard-tanh:-2:2"),
        "soft-shrink": Family((Letter("A", 0.0),), "x - max(min(x, A), -A)", "soft-shrink:1"),
        "hard-shrink": Family((Letter("A", 0.0),), "x if |x| > A else 0", "hard-shrink:1"),
        "threshold": Family((Letter("T"), Letter("V")), "x if x > T else V", "threshold:0.1:0"),
    }
)
"""The functions with parameters, ``NAME:VALUE`` or ``NAME:VALUE:VALUE``; all but threshold have a plain name too."""

ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "swish": "silu",
        "hard-silu": "hard-swish",
        "soft-sign": "softsign",
        "linear": "identity",
        "prelu": "leaky-relu:0.25",
        "rrelu": "leaky-relu:0.22916666666666666",
    }
)
"""Other names that frameworks use; rrelu is what it computes outside of training."""


def pattern(family: str) -> str:
    """Return how a function with parameters is written.

    Examples
    --------
    >>> pattern("hard-tanh")
    'hard-tanh:L:R'
    """
    return ":".join([family, *(letter.name for letter in FAMILIES[family].letters)])
