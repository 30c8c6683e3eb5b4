"""Learning to execute: read a program character by character, then print its output (paper, section 6.1)."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from noisyviz.experiments.machine import part, place
from noisyviz.experiments.programs import CHARACTERS, matrix, strategy
from noisyviz.experiments.reader import Reader, State
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import EVALUATE, TRAIN, Task, digest, paired, stream

WINDOW: Final = 50
"""Steps of back-propagation through time."""
TESTED_ROWS: Final = 501
GOOD: Final = 0.95
PATIENCE: Final = 5
STOP_BELOW: Final = 0.001
"""Learning rate at which training ends."""

Data = tuple[Any, Any]


class Execute(Task):
    """Programs of growing difficulty; the state runs through the windows of a matrix, and each matrix is read once."""

    metric, lower, clip, label = "test_accuracy", False, 5.0, "test accuracy"
    paper = (
        "test accuracy 0.4645 (reference) and 0.4809 (nah) at 6 digits and 3 operations, with two layers of 400 units "
        "(preset paper)"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.options
        self.target = (size["length"], size["nesting"])
        sizes, start = (len(CHARACTERS), size["hidden"], size["layers"]), size["embedding"]
        self.model = paired(settings, lambda unit: Reader(*sizes, unit, bound=0.08, embedding=start), self.noise)
        kind = torch.optim.Adam if size["optimizer"] == "adam" else torch.optim.SGD
        self.optimizer = kind(self.model.parameters(), lr=size["lr"])
        self.current, self.seen, self.accuracies = (1, 1), [0, 0], []
        self.state: State | None = None
        self.weight = 1.0
        self.drawn: tuple[int, int, int] | None = None  # the matrix in use: its number and difficulty
        self.text, self.answer = np.zeros((0, 0), dtype=np.int64), np.zeros((0, 0), dtype=bool)
        self.test = self._tested(2, "baseline")
        self.valid = self._tested(1, "naive")
        self.facts = {
            "source": "generated",
            "characters": len(CHARACTERS),
            "test_answers": int(self.test[1].sum()),
            "sha256": digest(*self.test),
        }

    accuracies: list[float]
    """Training accuracy at the evaluations since the difficulty last changed."""

    def _tested(self, number: int, name: str) -> Data:
        """Return the data of an evaluation, the same for every seed."""
        rng = stream(0, EVALUATE, number, *self.current)
        draw = strategy(name, rng, self.current, self.target)
        split = ("train", "valid", "test")[number]
        return matrix(rng, draw, split=split, rows=TESTED_ROWS, columns=self.settings.options["batch"])

    def _draw_matrix(self, number: int, length: int, nesting: int) -> None:
        size = self.settings.options
        rng = stream(self.settings.seed, TRAIN, number)
        draw = strategy(size["strategy"], rng, (length, nesting), self.target)
        text, answer = matrix(rng, draw, split="train", rows=size["rows"], columns=size["batch"])
        (self.text, self.weight), (self.answer, _) = part(text, 1), part(answer, 1)
        self.drawn = (number, length, nesting)

    def loss(self, step: int) -> Tensor:
        """Return the NLL of the answers in one window, summed and divided by the number of columns."""
        number, window = divmod(step, (self.settings.options["rows"] - 1) // WINDOW)
        if window == 0:
            self._draw_matrix(number, *self.current)
            self.state = None
        start = window * WINDOW
        logits, state = self.model(torch.as_tensor(self.text[start : start + WINDOW]), self.state)
        self.state = (state[0].detach(), state[1].detach())
        wanted, target = (torch.as_tensor(x[start + 1 : start + WINDOW + 1]) for x in (self.answer, self.text))
        self.seen[0] += int((logits.detach().argmax(-1) == target)[wanted].sum())
        self.seen[1] += int(wanted.sum())
        total: Tensor = cross_entropy(logits[wanted], target[wanted], reduction="sum") / wanted.shape[1]
        return self.weight * total

    def _accuracy(self, data: Data) -> float:
        """Return the share of answer characters that are right when all before them are given."""
        text, answer = (torch.as_tensor(x) for x in data)
        with torch.no_grad():
            logits, _ = self.model.eval()(text[:-1], None)
        return float((logits.argmax(-1) == text[1:])[answer[1:]].double().mean())

    def measure(self) -> dict[str, float]:
        """Return accuracies, the difficulty and the learning rate."""
        right, answers = place().mean(self.seen)
        return {
            "train_accuracy": right / max(answers, 1.0),
            "valid_accuracy": self._accuracy(self.valid),
            "test_accuracy": self._accuracy(self.test),
            "length": float(self.current[0]),
            "nesting": float(self.current[1]),
            "lr": float(self.optimizer.param_groups[0]["lr"]),
        }

    def observe(self, metrics: dict[str, float]) -> None:
        """Make the programs harder, or at the target the learning rate smaller, once nothing is gained any more."""
        self.seen = [0, 0]
        self.accuracies.append(metrics["train_accuracy"])
        stuck = len(self.accuracies) > PATIENCE and self.accuracies[-1] < self.accuracies[-1 - PATIENCE]
        if metrics["valid_accuracy"] <= GOOD and not stuck:
            return
        length, nesting = self.current
        self.accuracies = []
        if self.current == self.target:
            self.optimizer.param_groups[0]["lr"] *= 0.8
        else:
            self.current = (length + 1, nesting) if length < self.target[0] else (1, nesting + 1)
            self.valid = self._tested(1, "naive")

    @property
    def finished(self) -> bool:
        """Whether the learning rate has become too small to gain anything."""
        return float(self.optimizer.param_groups[0]["lr"]) < STOP_BELOW

    def state_dict(self) -> dict[str, Any]:
        """Return the difficulty, what was seen since the last evaluation, the matrix in use and the state in it."""
        return {
            "current": list(self.current),
            "seen": list(self.seen),
            "accuracies": list(self.accuracies),
            "drawn": None if self.drawn is None else list(self.drawn),
            "state": None if self.state is None else list(self.state),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state, and draw the matrix in use again."""
        length, nesting = state["current"]
        self.current, self.seen, self.accuracies = (length, nesting), list(state["seen"]), list(state["accuracies"])
        self.valid = self._tested(1, "naive")
        self.state = None if state["state"] is None else (state["state"][0], state["state"][1])
        if state["drawn"] is not None:
            self._draw_matrix(*state["drawn"])
