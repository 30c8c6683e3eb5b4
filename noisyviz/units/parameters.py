"""The parameters of a noisy unit, once: names, defaults, domains and help, for Python, pictures and commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter.

    Attributes
    ----------
    name
        As options and pictures spell it; `noisyviz.NoisyUnit` calls ``unit`` its `kind`.
    default
        Its value when it is not given.
    help
        What it does, in one sentence without a full stop.
    at_least
        The least value of a number, None where every finite number is allowed.
    members
        ``module:REGISTRY``, whose keys are the values allowed; empty for numbers and for names that take parameters
        or are a user's own.
    """

    name: str
    default: Any
    help: str
    at_least: float | None = None
    members: str = ""


PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Parameter(
                name="fn",
                default="tanh",
                help="Activation function h, or your own: an expression of x, such as 'tanh(2*x)', module:function or "
                "path/file.py:function",
            ),
            Parameter(name="unit", default="nan", help="Kind of noisy unit", members="noisyviz.units.kinds:KINDS"),
            Parameter(name="alpha", default=0.9, help="Weight of h; its linearisation u has weight 1 - alpha"),
            Parameter(name="c", default=0.5, help="Noise level, at least 0", at_least=0.0),
            Parameter(name="p", default=1.0, help="Sharpness of the noise scale, learned in training"),
            Parameter(
                name="scale",
                default="eq9",
                help="How sigma grows with saturation: eq9 or figure",
                members="noisyviz.units.kinds:SCALES",
            ),
            Parameter(
                name="noise",
                default="normal",
                help="Noise distribution: normal, laplace, uniform or student-t:NU",
            ),
        )
    }
)
"""Every parameter by name, in the order of options, documents and files."""


def default(name: str) -> Any:
    """Return the default of a parameter.

    Examples
    --------
    >>> default("alpha")
    0.9
    """
    return PARAMETERS[name].default
