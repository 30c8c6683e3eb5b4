"""Noise scales by name: those of `SCALES`, and σ(x) = c·function(x) of a user's own."""

import numpy as np

from noisyviz.errors import InputError, check_name
from noisyviz.units.activation import Activation
from noisyviz.units.kinds import SCALES
from noisyviz.units.names import FAMILIES
from noisyviz.units.own_function import load_activation

_SLACK = 1e-9  # of the largest value: rounding, where σ comes down to 0


def named_scale(name: str) -> Activation | None:
    """Return the function of a user's own that a scale names, with its derivative; None for a key of `SCALES`.

    Parameters
    ----------
    name
        A key of `SCALES`, or ``package.module:function``, looked up in the current folder first.

    Raises
    ------
    InputError
        For another name, a function that cannot be analysed, and one that is negative somewhere.

    Examples
    --------
    >>> named_scale("eq9") is None
    True
    """
    if ":" not in name or name.partition(":")[0] in FAMILIES:
        check_name("scale", name, [*SCALES, "module:function"])
        return None
    try:
        found = load_activation(name)
    except InputError as error:
        raise InputError(str(error), parameter="scale") from error
    x = np.concatenate([np.linspace(-50.0, 50.0, 2001), -np.geomspace(50.0, 1e6, 60), np.geomspace(50.0, 1e6, 60)])
    value = found.h(x)
    worst = int(np.argmin(value))
    if value[worst] < -_SLACK * float(np.abs(value).max()):
        raise InputError(
            f"function '{name}' must be at least 0 everywhere, got {value[worst]:.3g} at x = {x[worst]:.4g}",
            parameter="scale",
        )
    return found


def scale_formula(name: str) -> str:
    """Return a noise scale as plain text.

    Examples
    --------
    >>> scale_formula("mine:sigma")
    'sigma = c*f(x), f = mine:sigma'
    """
    return SCALES.get(name, f"sigma = c*f(x), f = {name}")
