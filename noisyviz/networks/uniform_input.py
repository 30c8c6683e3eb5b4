"""What a noisy unit does to an input that is uniform over a range: averages over x of its exact moments.

Averages are integrals by Gauss-Legendre panels that are halved until both halves agree with the whole. At the start
panels grow geometrically from the thresholds and kinks of the activation, so that neither a little noise, which acts
close to a kink alone, nor a wide range, most of which is far from everything, hides anything between two nodes. Steps
elsewhere, such as that of P(wrong sign) where a noiseless gradient changes its sign, are closed in upon by the halving.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.moments.exact import exact
from noisyviz.networks.moment_table import effects
from noisyviz.networks.noise_effect import NoiseProfile, effect_terms
from noisyviz.units.activation import Array
from noisyviz.units.unit import NoisyUnit

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
_FROM_KINK: Final = 2.0 ** np.arange(-20.0, 24.0)  # edges of the first panels, as distances
_FROM_THRESHOLD: Final = 2.0 ** np.arange(-2.0, 24.0)
_ROUNDS: Final = 40  # a step is closed in upon to a width of 2^-40
_MOST: Final = 1024  # panels halved in one round
_RELATIVE: Final = 1e-9  # to which whole and halves agree, as shares of each integral
_ABSOLUTE: Final = 1e-20  # below the square of what the moments are exact to


def uniform_effect(unit: NoisyUnit, low: float, high: float) -> NoiseProfile:
    """Return the averages of a unit over x uniform from `low` to `high`, computed exactly.

    Parameters
    ----------
    unit
        The unit.
    low, high
        Finite, low < high.

    Returns
    -------
    NoiseProfile
        Averages over x in place of samples. Each number with a relative error of about 1e-8, but for those below 1e-10;
        infinite where its square is.

    Raises
    ------
    InputError
        When the range is empty or infinite.

    Examples
    --------
    Beyond the thresholds of hard-tanh the mean leaks by (1 − α)(abs x − 1), whose root mean square up to x = 4 is
    √3·(1 − α).

    >>> found = uniform_effect(NoisyUnit("hard-tanh", kind="nan", alpha=0.9), -4.0, 4.0)
    >>> round(found.bias_rms_saturated / 3.0**0.5, 9)
    0.1
    """
    if not (np.isfinite([low, high]).all() and low < high):
        raise InputError(f"low and high must be finite and increasing, got {low:g} and {high:g}", parameter="xlim")
    return NoiseProfile.of(integrals(lambda x: _terms(unit, x), _edges(unit, low, high)))


def _edges(unit: NoisyUnit, low: float, high: float) -> Array:
    """Return the edges of the first panels, increasing from `low` to `high`."""
    h = unit.activation
    starts = [(0.0, _FROM_THRESHOLD), *((x, _FROM_THRESHOLD) for x in h.thresholds if np.isfinite(x))]
    starts += [(x, _FROM_KINK) for x in h.kinks]
    edges = np.concatenate([[low, high], *([x, *(x - away), *(x + away)] for x, away in starts)])
    return np.unique(edges[(edges >= low) & (edges <= high)])


def _terms(unit: NoisyUnit, x: Array) -> Array:
    """Return what is integrated, shape (n, 14), see `NoiseProfile.of`."""
    h = unit.activation
    with np.errstate(over="ignore", invalid="ignore"):
        found = effects(h, x, exact(unit, x))
        return np.column_stack(effect_terms(unit, x, np.ones(x.size), h.saturated(x), found))


def integrals(integrand: Callable[[Array], Array], edges: Array) -> Array:
    """Return integrals over the whole range of edges.

    Parameters
    ----------
    integrand
        From points of shape (n,) to values of shape (n, terms).
    edges
        Increasing, shape (panels + 1,).

    Returns
    -------
    ndarray
        Shape (terms,).

    Examples
    --------
    >>> found = integrals(lambda x: np.column_stack([x**2, np.where(x > 0.3, 1.0, 0.0)]), np.array([0.0, 1.0]))
    >>> found.round(9).tolist()
    [0.333333333, 0.7]
    """
    low, high = edges[:-1], edges[1:]
    whole = _panels(integrand, low, high)
    settled = total = settled_size = np.zeros(whole.shape[1])
    for _ in range(_ROUNDS):
        middle = 0.5 * (low + high)
        left, right = _panels(integrand, low, middle), _panels(integrand, middle, high)
        halves = left + right
        with np.errstate(over="ignore", invalid="ignore"):
            total = settled + halves.sum(axis=0)
            size = settled_size + np.abs(halves).sum(axis=0)  # terms of both signs may cancel in the total
            open_ = (np.abs(halves - whole) > np.maximum(_RELATIVE * size, _ABSOLUTE)).any(axis=1)
            settled_size = settled_size + np.abs(halves[~open_]).sum(axis=0)
        settled = settled + halves[~open_].sum(axis=0)
        if not 0 < np.count_nonzero(open_) <= _MOST:
            break
        low, middle, high = low[open_], middle[open_], high[open_]
        low, high = np.concatenate([low, middle]), np.concatenate([middle, high])
        whole = np.concatenate([left[open_], right[open_]])
    return np.asarray(total, dtype=np.float64)


def _panels(integrand: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return the integrals over panels, shape (panels, terms)."""
    half = 0.5 * (high - low)[:, None]
    x = 0.5 * (high + low)[:, None] + half * _NODES
    values = integrand(x.ravel()).reshape(low.size, _NODES.size, -1)
    with np.errstate(over="ignore", invalid="ignore"):
        found: Array = np.einsum("pn,pnt->pt", half * _WEIGHTS, values)
    return found
