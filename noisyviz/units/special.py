"""Special functions: SciPy's, imported when first called, since that import takes as long as a small picture.

The normal distribution function, which every output noise needs, comes from the C library instead.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def _late(name: str) -> Callable[..., Array]:
    def function(*arguments: Any) -> Array:
        import scipy.special

        found: Array = getattr(scipy.special, name)(*arguments)
        return found

    return function


betainc: Final = _late("betainc")
erf: Final = _late("erf")
erfcx: Final = _late("erfcx")
expit: Final = _late("expit")
ndtr: Final = _late("ndtr")
ndtri: Final = _late("ndtri")
stdtrit: Final = _late("stdtrit")

_erfc = np.frompyfunc(math.erfc, 1, 1)


def normal_cdf(x: npt.ArrayLike) -> Array:
    """Return the normal distribution function, of x's shape; its relative error is at most 1e-15·(1 + x²).

    Examples
    --------
    >>> normal_cdf([-np.inf, 0.0, np.inf]).tolist()
    [0.0, 0.5, 1.0]
    """
    return 0.5 * np.asarray(_erfc(-math.sqrt(0.5) * np.asarray(x, dtype=np.float64)), dtype=np.float64)


def few_ndtri(p: npt.ArrayLike) -> Array:
    """Return the inverse of the normal distribution function at a few p from 0 to 1, without SciPy; of p's shape.

    The last bit may differ from that of `ndtri`.

    Examples
    --------
    >>> few_ndtri([0.0, 0.5, 0.975]).round(6).tolist()
    [-inf, 0.0, 1.959964]
    """
    from statistics import NormalDist

    p = np.asarray(p, dtype=np.float64)
    inverse = NormalDist().inv_cdf
    ends = {0.0: -math.inf, 1.0: math.inf}
    return np.array([ends[one] if one in ends else inverse(one) for one in p.ravel().tolist()]).reshape(p.shape)


_SMALL: Final = 0.125  # below it a difference loses more digits than a series needs terms
# of x³, x⁵, … in tanh x − x, arctan x − x and erf x − 2x/√π, and of x², x³, … in exp x − 1 − x
_TANH: Final = (
    *(-1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155_925, 21_844 / 6_081_075, -929_569 / 638_512_875),
    6_404_582 / 10_854_718_875,
)
_ARCTAN: Final = tuple((-1) ** k / (2 * k + 1) for k in range(1, 10))
_ERF: Final = tuple(2 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(1, 9))
_EXP: Final = tuple(1 / math.factorial(k) for k in range(2, 14))


def _small(x: Array, direct: Array, first: int, step: int, coefficients: tuple[float, ...]) -> Array:
    """Put a power series in place of what was computed directly, where x is small."""
    x = np.asarray(x, dtype=np.float64)
    near = np.abs(x) < _SMALL
    if near.any():
        z = x[near]
        power = z**step
        total = np.zeros(z.shape)
        for coefficient in reversed(coefficients):
            total = total * power + coefficient
        direct = np.array(direct)
        direct[near] = total * z**first
    return direct


def tanh_less_line(x: Array) -> Array:
    """Return tanh x − x without cancellation.

    Examples
    --------
    >>> round(float(tanh_less_line(np.array(1e-6))), 28)
    -3.333333333e-19
    """
    return _small(x, np.tanh(x) - x, 3, 2, _TANH)


def arctan_less_line(x: Array) -> Array:
    """Return arctan x − x without cancellation."""
    return _small(x, np.arctan(x) - x, 3, 2, _ARCTAN)


def erf_less_line(x: Array) -> Array:
    """Return erf x − 2x/√π without cancellation."""
    return _small(x, erf(x) - 2.0 / math.sqrt(math.pi) * x, 3, 2, _ERF)


def expm1_less_line(x: Array) -> Array:
    """Return exp x − 1 − x without cancellation."""
    return _small(x, np.expm1(x) - x, 2, 1, _EXP)


def correct_small_tanh(y: Array, gap: Array) -> None:
    """Put y − tanh y right, in place, where y ≥ 0 is small."""
    near = y < _SMALL
    if near.any():
        gap[near] = -tanh_less_line(y[near])
