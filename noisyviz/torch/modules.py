"""Which of PyTorch's own modules are which activation functions, and recurrent layers with the weights of PyTorch's."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import nn

import noisyviz
from noisyviz.errors import InputError
from noisyviz.torch.activation import NoisyActivation
from noisyviz.torch.recurrent import NoisyGRU, NoisyGRUCell, NoisyLSTM, NoisyLSTMCell, _NoisyCell

Named = Callable[[Any], str | None]


def _plain(name: str) -> Named:
    return lambda module: name  # noqa: ARG005


def _with_parameters(family: str, *attributes: str, **wanted: Any) -> Named:
    """Return a name with the module's parameters, None where there is no such function."""

    def named(module: Any) -> str | None:
        if any(getattr(module, key) != value for key, value in wanted.items()):
            return None
        values = [repr(float(getattr(module, attribute))) for attribute in attributes]
        try:
            return noisyviz.activation(":".join([family, *values])).name
        except InputError:
            return None

    return named


FUNCTIONS: Final[Mapping[type[nn.Module], Named]] = MappingProxyType(
    {
        nn.Tanh: _plain("tanh"),
        nn.Sigmoid: _plain("sigmoid"),
        nn.Hardtanh: _with_parameters("hard-tanh", "min_val", "max_val"),
        nn.Hardsigmoid: _plain("hard-sigmoid-6"),
        nn.ReLU: _plain("relu"),
        nn.ReLU6: _plain("relu6"),
        nn.LeakyReLU: _with_parameters("leaky-relu", "negative_slope"),
        nn.ELU: _with_parameters("elu", "alpha"),
        nn.CELU: _with_parameters("celu", "alpha"),
        nn.SELU: _plain("selu"),
        nn.GELU: lambda module: "gelu" if module.approximate == "none" else "gelu-tanh",
        nn.SiLU: _plain("silu"),
        nn.Mish: _plain("mish"),
        nn.Hardswish: _plain("hard-swish"),
        nn.Softplus: _with_parameters("softplus", "beta", threshold=20.0),
        nn.LogSigmoid: _plain("log-sigmoid"),
        nn.Softsign: _plain("softsign"),
        nn.Tanhshrink: _plain("tanh-shrink"),
        nn.Softshrink: _with_parameters("soft-shrink", "lambd"),
        nn.Hardshrink: _with_parameters("hard-shrink", "lambd"),
        nn.Threshold: _with_parameters("threshold", "threshold", "value"),
    }
)
"""Modules of PyTorch that are an activation function by name; subclasses may do something else."""

_CALLS: Final[Mapping[type[nn.Module], str]] = MappingProxyType(
    {
        nn.Tanh: "tanh tanh_",
        nn.Sigmoid: "sigmoid sigmoid_ expit",
        nn.Hardtanh: "hardtanh hardtanh_",
        nn.Hardsigmoid: "hardsigmoid",
        nn.ReLU: "relu relu_",
        nn.ReLU6: "relu6",
        nn.LeakyReLU: "leaky_relu leaky_relu_",
        nn.ELU: "elu elu_",
        nn.CELU: "celu celu_",
        nn.SELU: "selu selu_",
        nn.GELU: "gelu",
        nn.SiLU: "silu",
        nn.Mish: "mish",
        nn.Hardswish: "hardswish",
        nn.Softplus: "softplus",
        nn.LogSigmoid: "logsigmoid",
        nn.Softsign: "softsign",
        nn.Tanhshrink: "tanhshrink",
        nn.Softshrink: "softshrink",
        nn.Hardshrink: "hardshrink",
        nn.Threshold: "threshold threshold_",
    }
)
CALLED: Final[Mapping[Any, type[nn.Module]]] = MappingProxyType(
    {
        getattr(place, name): module
        for module, names in _CALLS.items()
        for name in names.split()
        for place in (torch, torch.Tensor, torch.special, nn.functional)
        if callable(getattr(place, name, None))
    }
)
"""Functions of PyTorch, such as `torch.tanh` and `torch.Tensor.tanh_`, and the module that does the same."""

SATURATING: Final = (nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Hardsigmoid)
RECURRENT: Final[Mapping[type[nn.Module], type[Any]]] = MappingProxyType(
    {nn.LSTM: NoisyLSTM, nn.GRU: NoisyGRU, nn.LSTMCell: NoisyLSTMCell, nn.GRUCell: NoisyGRUCell}
)
HARD: Final[Mapping[str, str]] = MappingProxyType({"tanh": "hard-tanh", "sigmoid": "hard-sigmoid"})
"""The piecewise-linear forms that the paper puts in the place of soft functions (Eqs 3 and 4)."""


def function_of(module: nn.Module) -> str | None:
    """Return the name of the activation function that a module is, None for any other module."""
    if isinstance(module, NoisyActivation):
        return module.fn
    named = FUNCTIONS.get(type(module))
    return None if named is None else named(module)


def function_called(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """Return the name of the activation function that a call computes, None for any other call."""
    module = CALLED.get(function)
    if module is None:
        return None
    given = {key: value for key, value in kwargs.items() if key not in ("input", "out", "inplace")}
    return function_of(module(*args[1:], **given))


def reason_to_leave(module: nn.Module) -> str | None:
    """Return why a module of a kind that is converted cannot be, None where it can be."""
    if type(module) in SATURATING and function_of(module) is None:
        return "limits that are not on either side of 0"
    if type(module) in RECURRENT:
        if getattr(module, "proj_size", 0):
            return "a projection"
        if any(name.startswith("weight_") and name not in module._parameters for name, _ in _weights(module)):
            return "weights that another module computes"
    return None


def _weights(module: Any) -> list[tuple[str, Any]]:
    names = [name for group in module._all_weights for name in group] if hasattr(module, "_all_weights") else []
    names = names or ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if module.bias else [])]
    return [(name, getattr(module, name)) for name in names]


def recurrent_like(module: Any, **options: Any) -> Any:
    """Return a noisy layer or cell with the settings of PyTorch's own, which shares its parameters."""
    made_of = RECURRENT[type(module)]
    weight = _weights(module)[0][1]
    settings: dict[str, Any] = {"bias": bool(module.bias), "device": weight.device, "dtype": weight.dtype}
    if not issubclass(made_of, _NoisyCell):
        settings |= {name: getattr(module, name) for name in ("num_layers", "batch_first", "dropout", "bidirectional")}
    made = made_of(module.input_size, module.hidden_size, **settings, **options)
    for name, value in _weights(module):
        made._parameters[name] = value
    return made.train(module.training)
