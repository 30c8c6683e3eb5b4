"""A normal input at few nodes for units of the kind nanil-softplus, whose moments take quadrature at every node.

Their noise s = c·softplus(p·abs Δ/abs ξ)·ξ is never smaller than c·p·abs Δ. So there is an x on each side beyond which
no draw brings x + s back between the thresholds and a hard unit has no gradient at all. Panels end there, for close to
it the gradient changes faster than any power.
"""

from typing import Final

import numpy as np

from noisyviz.networks.calibrate import Sample
from noisyviz.units.activation import Array
from noisyviz.units.unit import NoisyUnit

REACH: Final = 6.0  # standard deviations of the input
SEARCHED: Final = 4001  # points between which the ends of the gradient are looked for
_GRADED: Final = np.geomspace(0.01, 0.5, 4)  # edges of panels at both ends of a stretch, in shares of it
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


def softplus_sample(unit: NoisyUnit, *, mean: float, std: float) -> Sample:
    """Return nodes and weights of a normal input; root mean squares over them are right to about 1e-3 of their value.

    Parameters
    ----------
    unit
        Of the kind nanil-softplus, with scalar parameters.
    mean, std
        Of the input, std > 0; what lies beyond six standard deviations is left out.
    """
    low, high = mean - REACH * std, mean + REACH * std
    inner = [t for t in (*unit.activation.thresholds, *gradient_ends(unit, low, high)) if low < t < high]
    ends = np.unique([low, mean, *inner, high])
    stretch = np.diff(ends)[:, None] * _GRADED
    edges = np.unique(np.concatenate([ends, (ends[:-1, None] + stretch).ravel(), (ends[1:, None] - stretch).ravel()]))
    half = 0.5 * np.diff(edges)[:, None]
    x = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * _NODES).ravel()
    weights = (half * _WEIGHTS).ravel() * np.exp(-0.5 * ((x - mean) / std) ** 2) / (std * np.sqrt(2.0 * np.pi))
    if mean == 0.0 and _odd(unit, x):  # squares of bias and gradient are the same on both sides
        x, weights = x[x > 0], 2.0 * weights[x > 0]
    return Sample(x=x, weights=weights, saturated=unit.activation.saturated(x))


def _odd(unit: NoisyUnit, x: Array) -> bool:
    h = unit.activation
    left, right = h.thresholds
    return left == -right and bool(
        np.allclose(h.function(x) + h.function(-x), 2.0 * h.function(np.zeros(1)), rtol=0.0, atol=1e-12)
    )


def gradient_ends(unit: NoisyUnit, low: float, high: float) -> Array:
    """Return the saturated x, between two ends, at which the least noise reaches just across to the other threshold.

    For hard-tanh they lie 2/(cp − 1) beyond the thresholds, where cp > 1.

    Examples
    --------
    >>> unit = NoisyUnit("hard-tanh", kind="nanil-softplus", c=3.0, p=1.0)
    >>> gradient_ends(unit, -12.0, 12.0).round(9).tolist()
    [-2.0, 2.0]
    """
    h = unit.activation
    left, right = h.thresholds
    x = np.linspace(low, high, SEARCHED)
    least = float(unit.c) * np.maximum(float(unit.p) * np.abs(h.finite_delta(x)), 0.0)
    found = []
    for gap, saturated in ((x - least - left, x >= right), (x + least - right, x <= left)):
        at = np.flatnonzero(((gap[1:] > 0) != (gap[:-1] > 0)) & saturated[1:] & saturated[:-1])
        found.append(x[at] - gap[at] * (x[at + 1] - x[at]) / (gap[at + 1] - gap[at]))
    return np.sort(np.concatenate(found))
