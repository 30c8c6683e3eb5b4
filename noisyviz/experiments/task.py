"""What a task is to the training loop, and models that start from the same weights whatever their units."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import numpy as np
import torch
from torch import Tensor, nn

from noisyviz.experiments.machine import place
from noisyviz.experiments.settings import Settings

TRAIN: Final = 1
EVALUATE: Final = 2
"""Streams of random numbers below one seed."""
NEXT_RANK: Final = 1 << 32
"""Between the seeds of the noise in two processes of one run."""


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one batch or one set of data: a pure function of the seed and a key."""
    return np.random.default_rng([seed, *key])


def digest(*arrays: np.ndarray[Any, Any]) -> str:
    """Return the SHA-256 of arrays: shapes, types and values."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype.str}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


class Task(ABC):
    """Data, model and metric of one experiment; `loss` and `measure` are all that the loop needs to know of them.

    Attributes
    ----------
    metric, lower
        The number by which runs are compared, and whether less of it is better.
    label
        What stands beside its axis; empty for its name in words.
    paper
        What the paper found, and why it is not to be compared with a small run.
    model, optimizer, clip
        Clip is the bound on the norm of all gradients together.
    noise
        The generator of every draw of noise.
    facts
        About the data, their SHA-256 among them.
    """

    metric: ClassVar[str]
    lower: ClassVar[bool]
    label: ClassVar[str] = ""
    paper: ClassVar[str]
    clip: ClassVar[float]
    model: nn.Module
    optimizer: Any
    facts: Mapping[str, Any]
    stop: "EarlyStop | None" = None
    """Ends training by the validation loss, `valid_nll`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        here = place()
        self.noise = torch.Generator(device=here.device).manual_seed(settings.seed + here.rank * NEXT_RANK)

    @abstractmethod
    def loss(self, step: int) -> Tensor:
        """Return the loss of an update; its batch depends on the seed, on `step` and on what `state_dict` holds."""

    @abstractmethod
    def measure(self) -> dict[str, float]:
        """Return metrics of the present model, `metric` among them; draws nothing and changes nothing."""

    def observe(self, metrics: dict[str, float]) -> None:
        """React to metrics at an evaluation, such as by harder data; by default `stop` alone takes them."""
        if self.stop is not None:
            self.stop.observe(metrics["valid_nll"])

    @property
    def finished(self) -> bool:
        """Whether training ends before its last update."""
        return self.stop is not None and self.stop.finished

    def state_dict(self) -> dict[str, Any]:
        """Return what the rest of the run depends on besides the seed: tensors and plain values."""
        return {} if self.stop is None else self.stop.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        if self.stop is not None:
            self.stop.load_state_dict(state)


def paired(settings: Settings, make: Callable[[dict[str, Any]], nn.Module], noise: torch.Generator) -> nn.Module:
    """Return the model that `make` builds from the options of its units.

    Its weights are those of the soft model of the same seed, so that runs of one seed can be compared in pairs; p alone
    is its own. They are drawn on the CPU, so that they are the same on every device. PyTorch's global generator is left
    as it was.
    """

    def built(one: Settings) -> nn.Module:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.manual_seed(one.seed)
            return make({**one.unit(), "generator": noise})

    model = built(settings)
    soft = built(Settings(task=settings.task, seed=settings.seed, preset=settings.preset, options=settings.options))
    with torch.no_grad():
        for name, value in soft.named_parameters():
            model.get_parameter(name).copy_(value)
    return model.to(place().device)


class EarlyStop:
    """The authors' rule for translation and captions.

    Once there are more than `patience` evaluations, one that is no better than the best of all but the last `patience`
    is bad; training ends after more than `patience` bad ones, and a new best starts the count again.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.history: list[float] = []
        self.bad = 0

    def observe(self, value: float) -> None:
        """Take the validation loss of an evaluation."""
        self.history.append(value)
        if value <= min(self.history):
            self.bad = 0
        if len(self.history) > self.patience and value >= min(self.history[: -self.patience]):
            self.bad += 1

    @property
    def finished(self) -> bool:
        """Whether training ends."""
        return self.bad > self.patience

    def state_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"history": list(self.history), "bad": self.bad}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what `state_dict` gave."""
        self.history, self.bad = list(state["history"]), int(state["bad"])
