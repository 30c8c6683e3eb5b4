"""Noisy units in the place of a model's own activations and recurrent layers."""

import warnings
from typing import Any, Final

from torch import nn

from noisyviz.torch.activation import NoisyActivation
from noisyviz.torch.modules import HARD, RECURRENT, SATURATING, function_of, reason_to_leave, recurrent_like
from noisyviz.units.parameters import default

_HOOKS: Final = [name for name in vars(nn.Module()) if "_hooks" in name or name == "_is_full_backward_hook"]


def convert(
    model: nn.Module,
    *,
    kind: str = default("unit"),
    alpha: float | None = None,
    alpha_sigmoid: float | None = None,
    c: float = default("c"),
    p: str | float | None = None,
    scale: str = default("scale"),
    noise: str = default("noise"),
    hard: bool = False,
    generator: Any = None,
) -> nn.Module:
    """Replace every Tanh, Sigmoid, Hardtanh, Hardsigmoid, LSTM, GRU and cell of a model by noisy ones.

    The model is changed in place. Parameters stay the same objects, so that an optimizer keeps working on them; a
    module that is used in several places stays one; hooks move along. Everything else, subclasses included, is left
    alone. The p of the new units are new parameters: make the optimizer afterwards, or add them to it.

    Parameters
    ----------
    model
        Changed in place; a model that is itself one of these modules is returned as a new one.
    kind, c, scale, noise, generator
        As in `NoisyActivation`.
    alpha, alpha_sigmoid
        α of functions with limits −1 and 1, and 0 and 1; None takes the authors' 1.15 and 1.1.
    p
        None learns one p for each unit of a recurrent layer and one for each activation, whose number of units its
        module does not tell; ``"scalar"`` learns one for each module, a number fixes it.
    hard
        Use hard-tanh and hard-sigmoid (Eqs 3 and 4) in the place of tanh and sigmoid, as the paper does. Without it
        ``kind="none"`` leaves what the model computes as it is.

    Returns
    -------
    nn.Module
        The model. Its attribute ``converted`` lists what was replaced, as ``"name: LSTM"``.

    Warns
    -----
    UserWarning
        When a module of these classes had to be left alone, with the reason.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Sequential(nn.GRU(3, 4)))
    >>> convert(model, kind="nah", c=1.0).converted
    ('1: Tanh', '2.0: GRU')
    """
    first = next((one for one in model.parameters() if one.is_floating_point()), None)
    place: dict[str, Any] = {} if first is None else {"device": first.device, "dtype": first.dtype}
    common: dict[str, Any] = {"kind": kind, "c": c, "scale": scale, "noise": noise, "generator": generator}

    def noisy(module: nn.Module) -> nn.Module:
        if type(module) in RECURRENT:
            pair = {name: HARD[name] if hard else name for name in HARD}
            alphas = {"alpha": alpha, "alpha_sigmoid": alpha_sigmoid}
            return recurrent_like(module, p="unit" if p is None else p, **pair, **alphas, **common)
        fn = str(function_of(module))
        fn = HARD.get(fn, fn) if hard else fn
        own = alpha if fn in ("tanh", "hard-tanh") else alpha_sigmoid
        return NoisyActivation(fn, alpha=own, p="scalar" if p in (None, "unit") else p, **place, **common)

    made: dict[nn.Module, nn.Module] = {}
    converted: list[str] = []
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if type(module) not in (*SATURATING, *RECURRENT):
            continue
        reason = reason_to_leave(module)
        if reason is not None:
            label = f"'{name}'" if name else "the model"
            warnings.warn(f"{label} ({type(module).__name__}) is left alone: it has {reason}", stacklevel=2)
            continue
        if module not in made:
            made[module] = noisy(module).train(module.training)
            for hooks in _HOOKS:
                setattr(made[module], hooks, getattr(module, hooks))
        converted.append(f"{name}: {type(module).__name__}" if name else type(module).__name__)
        if name:
            parent, _, child = name.rpartition(".")
            model.get_submodule(parent)._modules[child] = made[module]
    result: Any = made.get(model, model)
    result.converted = tuple(converted)
    return result
