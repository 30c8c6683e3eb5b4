"""Activation functions as tensor operations: h, h′ and Δ = h − u of every registered function (Eqs 1 to 4 and 8).

Thresholds, limits, slopes at kinks and the line u are those of `noisyviz.units`; only the arithmetic is repeated
here, in operations that run on every device and can be differentiated again. A function of a user's own is evaluated
by NumPy on the CPU, with the derivative that was found for it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf, pi, sqrt
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

import noisyviz
from noisyviz.units.activation import Activation
from noisyviz.units.families import parameters_of
from noisyviz.units.names import FAMILIES
from noisyviz.units.scales import named_scale

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TorchFunction:
    """An activation function for tensors of any shape and floating dtype."""

    facts: Activation
    h: Map
    slope: Map
    delta: Map
    numpy: bool = False  # evaluated by NumPy: cannot be differentiated twice
    masked: tuple[float, float, float] | None = None  # h′ is a slope strictly between two ends, else 0

    @property
    def name(self) -> str:
        """The name it was asked for by."""
        return self.facts.name

    def backward(self, grad: Tensor, x: Tensor) -> Tensor:
        """Return grad·h′(x)."""
        if self.masked is None:
            return grad * self.slope(x)
        slope, low, high = self.masked
        inside = torch.ops.aten.hardtanh_backward(grad, x, low, high)
        return inside if slope == 1.0 else inside.mul_(slope)

    def saturated(self, x: Tensor) -> Tensor:
        """Return x <= x_t⁻ or x >= x_t⁺ as booleans of x's shape."""
        low, high = self.facts.thresholds
        return ((x <= low) if low > -inf else torch.zeros_like(x, dtype=torch.bool)) | (
            (x >= high) if high < inf else torch.zeros_like(x, dtype=torch.bool)
        )


def torch_function(fn: str) -> TorchFunction:
    """Return an activation function by name, as `noisyviz.activation` takes it.

    Raises
    ------
    InputError
        For an unknown name.
    """
    facts = noisyviz.activation(fn)
    formulas = _formulas(facts)
    if formulas is not None:
        h, slope, delta = formulas
        mask = _MASKS.get(facts.name)
        return TorchFunction(facts=facts, h=h, slope=slope, delta=delta or _difference(facts, h), masked=mask)
    if facts.pieces is not None:
        h, slope = _pieces(facts)
        return TorchFunction(facts=facts, h=h, slope=slope, delta=_piece_delta(facts))
    return _own(facts)


@lru_cache(maxsize=16)
def torch_scale(scale: str) -> TorchFunction | None:
    """Return the function of a user's own that a noise scale names, None for a scale of `noisyviz.SCALES`."""
    facts = named_scale(scale)
    return None if facts is None else _own(facts)


def _own(facts: Activation) -> TorchFunction:
    return TorchFunction(
        facts=facts,
        h=_by_numpy(facts.function),
        slope=_by_numpy(facts.slope_function),
        delta=_by_numpy(facts.finite_delta),
        numpy=True,
    )


def _formulas(facts: Activation) -> "Formulas | None":
    """Return h, h′ and Δ as tensor operations; None for a piecewise-linear function and a user's own."""
    family = facts.name.partition(":")[0]
    if facts.name in _FORMULAS:
        return _FORMULAS[facts.name]
    if family not in _FAMILIES or (facts.name != family and family not in FAMILIES):
        return None
    return _FAMILIES[family](*parameters_of(facts.name)[1])


def _difference(facts: Activation, h: Map) -> Map:
    return lambda x: h(x) - (facts.intercept + facts.slope * x)


def _by_numpy(function: Callable[[Any], Any]) -> Map:
    def evaluated(x: Tensor) -> Tensor:
        values = function(x.detach().to("cpu", torch.float64).numpy())
        return torch.as_tensor(values).to(x.device, x.dtype)

    return evaluated


def _pieces(facts: Activation) -> tuple[Map, Map]:
    """Return h and h′ of a piecewise-linear function; at a break h′ is that of the registry."""
    assert facts.pieces is not None
    breaks, pieces = facts.breaks, facts.pieces
    at_breaks = [float(facts.slope_function(_point(z))) for z in breaks]

    def h(x: Tensor) -> Tensor:
        y = pieces[0][0] + pieces[0][1] * x if pieces[0][1] else torch.full_like(x, pieces[0][0]) + 0.0 * x
        for z, (intercept, slope) in zip(breaks, pieces[1:], strict=True):
            y = torch.where(x > z, intercept + slope * x if slope else torch.full_like(x, intercept), y)
        return y

    def slope(x: Tensor) -> Tensor:
        y = torch.where(x.isnan(), x, pieces[0][1])
        for z, (_, after), at in zip(breaks, pieces[1:], at_breaks, strict=True):
            y = torch.where(x > z, after, torch.where(x == z, at, y))
        return y

    return h, slope


def _piece_delta(facts: Activation) -> Map:
    """Return Δ of a piecewise-linear function, whose pieces are those of h less u."""
    assert facts.pieces is not None
    if facts.saturates == ("hard", "hard"):
        slope, (low, high) = facts.slope, facts.thresholds
        return lambda x: slope * ((low - x).clamp(min=0.0) + (high - x).clamp(max=0.0))
    lines = tuple((intercept - facts.intercept, slope - facts.slope) for intercept, slope in facts.pieces)
    return _pieces(replace(facts, pieces=lines))[0]


def _point(z: float) -> Any:
    import numpy as np

    return np.array(z)


def _sech2(x: Tensor) -> Tensor:
    e = torch.exp(-2.0 * x.abs())
    return 4.0 * e / (1.0 + e) ** 2


def _logistic_slope(x: Tensor) -> Tensor:
    e = torch.exp(-x.abs())
    return e / (1.0 + e) ** 2


def _negative(x: Tensor) -> Tensor:
    return x.clamp(max=0.0)


def _normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * torch.erfc(-x / sqrt(2.0))


def _normal_density(x: Tensor) -> Tensor:
    return torch.exp(-0.5 * x * x) / sqrt(2.0 * pi)


_SELU: Final = 1.0507009873554805, 1.6732632423543772  # λ and α of Klambauer et al. 2017
_LECUN: Final = 1.7159


def _mish_shares(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return tanh(softplus x) and 1 less it, each with its digits."""
    w = torch.exp(-x.abs())
    below = x < 0
    share = torch.where(below, w * (w + 2.0), 1.0 + 2.0 * w)
    rest = torch.where(below, 2.0, 2.0 * w * w)
    return share / (share + rest), rest / (share + rest)


def _mish_slope(x: Tensor) -> Tensor:
    tanh, rest = _mish_shares(x)
    return tanh + x * rest * (1.0 + tanh) * torch.sigmoid(x)


_GELU_RATE: Final = 2.0 * sqrt(2.0 / pi)
_GELU_CUBE: Final = 0.044715


def _gelu_tanh_inner(x: Tensor) -> Tensor:
    """Return y with gelu-tanh = x·g(y)."""
    x = x.clamp(-100.0, 100.0)
    return _GELU_RATE * x * (1.0 + _GELU_CUBE * x * x)


def _gelu_tanh_slope(x: Tensor) -> Tensor:
    y, near = _gelu_tanh_inner(x), x.clamp(-100.0, 100.0)
    slope = _GELU_RATE * (1.0 + 3.0 * _GELU_CUBE * near * near)
    return torch.sigmoid(y) * (1.0 + near * slope * torch.sigmoid(-y))


def _squareplus(x: Tensor) -> Tensor:
    r = torch.sqrt(x * x + 4.0)
    return torch.where(x < 0.0, 2.0 / (r - _negative(x)), 0.5 * (x + r))


Formulas = tuple[Map, Map, Map | None]


def _elu(a: float) -> Formulas:
    return (
        lambda x: torch.where(x > 0.0, x, a * torch.expm1(_negative(x))),
        lambda x: torch.where(x >= 0.0, torch.ones_like(x), a * torch.exp(_negative(x))),
        lambda x: a * torch.expm1(_negative(x)) - _negative(x),
    )


_SOFTPLUS: Final[Formulas] = (lambda x: -logsigmoid(-x), torch.sigmoid, lambda x: -logsigmoid(x))
_SQUAREPLUS: Final[Formulas] = (
    _squareplus,
    lambda x: _squareplus(x) / torch.sqrt(x * x + 4.0),
    lambda x: _squareplus(-x),
)


def _stretched(formulas: Formulas, by: float) -> Formulas:
    """Return h(by·x)/by with its derivative and its Δ."""
    h, slope, delta = formulas
    assert delta is not None
    return lambda x: h(by * x) / by, lambda x: slope(by * x), lambda x: delta(by * x) / by


def _hard_shrink(a: float) -> Formulas:
    def h(x: Tensor) -> Tensor:
        return torch.where(x.abs() <= a, 0.0 * x, x)

    return h, lambda x: torch.where(x.abs() <= a, 0.0 * x, 1.0 + 0.0 * x.clamp(-1.0, 1.0)), h


_FAMILIES: Final[Mapping[str, Callable[..., Formulas]]] = MappingProxyType(
    {
        "elu": _elu,
        "celu": lambda a: _stretched(_elu(1.0), 1.0 / a),
        "softplus": lambda b: _stretched(_SOFTPLUS, b),
        "squareplus": lambda b: _stretched(_SQUAREPLUS, 2.0 / sqrt(b)),
        "hard-shrink": _hard_shrink,
    }
)

_FORMULAS: Final[Mapping[str, Formulas]] = MappingProxyType(
    {
        "tanh": (torch.tanh, _sech2, None),
        "sigmoid": (torch.sigmoid, _logistic_slope, None),
        "hard-tanh": (
            lambda x: x.clamp(-1.0, 1.0),
            lambda x: torch.where(x.isnan(), x, ((x > -1.0) & (x < 1.0)).to(x.dtype)),
            lambda x: x.clamp(-1.0, 1.0) - x,
        ),
        "hard-sigmoid": (
            lambda x: (0.25 * x + 0.5).clamp(0.0, 1.0),
            lambda x: torch.where(x.isnan(), x, 0.25 * ((x > -2.0) & (x < 2.0)).to(x.dtype)),
            lambda x: (x.clamp(-2.0, 2.0) - x).mul(0.25),
        ),
        "hard-swish": (
            lambda x: torch.where(x <= -3.0, 0.0 * x, torch.where(x >= 3.0, x, x * (x + 3.0) / 6.0)),
            lambda x: torch.where(x <= -3.0, 0.0 * x, torch.where(x >= 3.0, 1.0, (2.0 * x + 3.0) / 6.0)),
            lambda x: torch.where(x <= -3.0, -x, torch.where(x >= 3.0, 0.0 * x, x * (x - 3.0) / 6.0)),
        ),
        "elu": _elu(1.0),
        "celu": _elu(1.0),
        "selu": (
            lambda x: _SELU[0] * torch.where(x > 0.0, x, _SELU[1] * torch.expm1(_negative(x))),
            lambda x: _SELU[0] * torch.where(x >= 0.0, torch.ones_like(x), _SELU[1] * torch.exp(_negative(x))),
            lambda x: _SELU[0] * (_SELU[1] * torch.expm1(_negative(x)) - _negative(x)),
        ),
        "softplus": _SOFTPLUS,
        "log-sigmoid": (logsigmoid, lambda x: torch.sigmoid(-x), lambda x: logsigmoid(-x)),
        "squareplus": _SQUAREPLUS,
        "sparse-plus": (
            lambda x: 0.25 * (x.clamp(-1.0, 1.0) + 1.0) ** 2 + (x - 1.0).clamp(min=0.0),
            lambda x: (0.5 * (x + 1.0)).clamp(0.0, 1.0),
            lambda x: 0.25 * (x.clamp(-1.0, 1.0) - 1.0) ** 2 + (-1.0 - x).clamp(min=0.0),
        ),
        "softsign": (lambda x: x / (1.0 + x.abs()), lambda x: 1.0 / (1.0 + x.abs()) ** 2, None),
        "arctan": (torch.atan, lambda x: 1.0 / (1.0 + x * x), None),
        "erf": (torch.erf, lambda x: torch.exp(-x * x) * (2.0 / sqrt(pi)), None),
        "gelu": (
            lambda x: x * _normal_cdf(x),
            lambda x: _normal_cdf(x) + x * _normal_density(x),
            lambda x: -x * _normal_cdf(-x),
        ),
        "gelu-tanh": (
            lambda x: x * torch.sigmoid(_gelu_tanh_inner(x)),
            _gelu_tanh_slope,
            lambda x: -x * torch.sigmoid(-_gelu_tanh_inner(x)),
        ),
        "mish": (lambda x: x * _mish_shares(x)[0], _mish_slope, lambda x: -x * _mish_shares(x)[1]),
        "tanh-shrink": (lambda x: x - torch.tanh(x), lambda x: torch.tanh(x) ** 2, lambda x: x - torch.tanh(x)),
        "silu": (
            lambda x: x * torch.sigmoid(x),
            lambda x: torch.sigmoid(x) * (1.0 + x * torch.sigmoid(-x)),
            lambda x: -x * torch.sigmoid(-x),
        ),
        "lecun-tanh": (
            lambda x: _LECUN * torch.tanh(x * (2.0 / 3.0)),
            lambda x: _LECUN * (2.0 / 3.0) * _sech2(x * (2.0 / 3.0)),
            None,
        ),
    }
)

_MASKS: Final = MappingProxyType({"hard-tanh": (1.0, -1.0, 1.0), "hard-sigmoid": (0.25, -2.0, 2.0)})
