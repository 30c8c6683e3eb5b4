"""Annealing the noise of a whole model, and the models to compare it with."""

import copy
from typing import Any

import numpy as np
from torch import nn

import noisyviz
from noisyviz.annealing.schedules import Schedule
from noisyviz.errors import InputError
from noisyviz.torch.activation import NoisyActivation
from noisyviz.torch.recurrent import _Units


def noisy_modules(model: nn.Module) -> list[nn.Module]:
    """Return every noisy activation, layer and cell in a model, each once."""
    return [module for module in model.modules() if isinstance(module, NoisyActivation | _Units)]


def set_c(model: nn.Module, c: float) -> None:
    """Set the noise level of every noisy module in place."""
    for module in noisy_modules(model):
        level: Any = module.c
        level.fill_(c)


class NoiseAnnealing:
    """Lower the noise level of a model by a schedule, as `torch.optim.lr_scheduler` lowers a learning rate.

    Parameters
    ----------
    model
        Its noisy modules are found anew at every step.
    schedule
        A name of `noisyviz.SCHEDULES`, or a function of the step.
    start, end, steps, options
        As in `noisyviz.schedule`, for a name.

    Raises
    ------
    InputError
        For a schedule outside its domain, and a model without noisy modules.

    References
    ----------
    Gulcehre et al. 2016, section 3.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), NoisyActivation("hard-tanh", units=3))
    >>> annealing = NoiseAnnealing(model, schedule="linear", start=1.0, end=0.0, steps=4)
    >>> annealing.step()
    >>> float(model[1].c)
    0.75
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        schedule: str | Schedule = "paper",
        start: float = 30.0,
        end: float = 0.5,
        steps: int | None = None,
        **options: Any,
    ) -> None:
        if not noisy_modules(model):
            raise InputError("model has no noisy modules to anneal", parameter="model")
        if isinstance(schedule, str):
            if steps is None:
                raise InputError("steps must be given: the number of updates until c reaches end", parameter="steps")
            schedule = noisyviz.schedule(schedule, start=start, end=end, steps=steps, **options)
        self.model, self.schedule = model, schedule
        self.last_step = 0
        set_c(model, self.c)

    @property
    def c(self) -> float:
        """The noise level in force."""
        return float(np.asarray(self.schedule(self.last_step)))

    def step(self) -> None:
        """Count one update and set the noise level that follows it."""
        self.last_step += 1
        set_c(self.model, self.c)

    def state_dict(self) -> dict[str, int]:
        """Return what `load_state_dict` needs."""
        return {"last_step": self.last_step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from a step."""
        self.last_step = int(state["last_step"])
        set_c(self.model, self.c)


def controls(model: nn.Module) -> dict[str, nn.Module]:
    """Return copies to compare a noisy model with, so that a gain of the leak is not taken for one of the noise.

    Parameters
    ----------
    model
        Left as it is.

    Returns
    -------
    dict of str to nn.Module
        ``"leak"``: c = 0 and the same α, so that φ = αh + (1 − α)u; ``"hard"``: h alone, ``kind="none"``.
    """
    leak, hard = copy.deepcopy(model), copy.deepcopy(model)
    set_c(leak, 0.0)
    for module in noisy_modules(hard):
        noiseless: Any = module
        noiseless.kind = "none"
    return {"leak": leak, "hard": hard}
