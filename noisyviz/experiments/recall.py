"""Associative recall by a Neural Turing Machine (paper, section 6.6): tell the item that followed one shown again.

Graves, Wayne and Danihelka, "Neural Turing Machines", 2014; the noisy units stand in the controller.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from noisyviz.errors import InputError
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import EVALUATE, TRAIN, Task, digest, paired, stream
from noisyviz.torch.recurrent import NoisyLSTM

FEWEST: Final = 2
TESTED: Final = 500
START: Final = 1e-6
"""What the memory holds at first."""
NOUGHT: Final = 1e-6
"""Keeps the size of an empty row, and the logarithm of a weight of 0, finite."""
FOCUS: Final = 5.0
"""By how much the first row is preferred at the start, before the softmax."""
LIMIT: Final = 20.0
"""Largest size of what the controller tells the heads, before it is squashed."""

Memory = tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]
"""Memory (B, N, W), weightings of the reading and the writing head (B, 2, N), what was read (B, W), and the LSTM."""


def episodes(rng: np.random.Generator, count: int, *, items: int, vectors: int, bits: int) -> tuple[Any, Any]:
    """Return inputs, float32 of shape (T, count, bits + 2), and answers, shape (vectors, count, bits).

    Every item is a mark in the next to last channel and `vectors` rows of random bits; the items of an episode differ.
    Then one that is not the last comes again between two marks in the last channel, and rows of zeros for the answer,
    which is the item after it: T = items·(1 + vectors) + 2·vectors + 2.
    """
    code = rng.integers(0, 1 << (bits * vectors), (count, items))
    while True:
        ordered = np.sort(code, axis=1)
        double = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
        if not double.any():
            break
        code[double] = rng.integers(0, 1 << (bits * vectors), (int(double.sum()), items))
    shown = (code[..., None] >> np.arange(bits * vectors) & 1).reshape(count, items, vectors, bits)
    asked = rng.integers(0, items - 1, count)
    x = np.zeros((items * (1 + vectors) + 2 * vectors + 2, count, bits + 2), dtype=np.float32)
    for item in range(items):
        at = item * (1 + vectors)
        x[at, :, bits] = 1.0
        x[at + 1 : at + 1 + vectors, :, :bits] = shown[:, item].swapaxes(0, 1)
    at = items * (1 + vectors)
    x[[at, at + vectors + 1], :, bits + 1] = 1.0
    every = np.arange(count)
    x[at + 1 : at + 1 + vectors, :, :bits] = shown[every, asked].swapaxes(0, 1)
    return x, shown[every, asked + 1].swapaxes(0, 1).astype(np.float32)


class Machine(nn.Module):
    """A noisy LSTM as controller, one reading and one writing head, and a memory of `rows` vectors of `width`."""

    def __init__(self, inputs: int, outputs: int, hidden: int, rows: int, width: int, unit: Mapping[str, Any]) -> None:
        super().__init__()
        self.rows, self.width = rows, width
        self.controller = NoisyLSTM(inputs + width, hidden, **unit)
        self.heads = nn.Linear(hidden, 2 * (width + 6) + 2 * width)  # where both heads go, what to erase, what to add
        self.out = nn.Linear(hidden + width, outputs)
        self.first_read = nn.Parameter(torch.zeros(width))
        self.first_state = nn.Parameter(torch.zeros(2, hidden))
        first = torch.zeros(2, rows)
        first[:, 0] = FOCUS  # from equal weights on equal rows, all rows would stay equal for ever
        self.first_weights = nn.Parameter(first)

    def start(self, batch: int) -> Memory:
        """Return the state before the first step; all but the memory's content is learned."""
        h, c = (one.expand(1, batch, -1).contiguous() for one in self.first_state)
        weights = self.first_weights.softmax(-1).expand(batch, -1, -1)
        memory = self.first_read.new_full((batch, self.rows, self.width), START)
        return memory, weights, self.first_read.expand(batch, -1), (h, c)

    def address(self, told: Tensor, memory: Tensor, before: Tensor) -> Tensor:
        """Return the weightings of both heads, shape (B, 2, N): by content, mixed with the last, shifted, sharpened."""
        n = self.width
        key = told[..., :n].tanh()
        strength, sharp = softplus(told[..., n : n + 2]).split(1, -1)
        sizes = [((one * one).sum(-1, keepdim=True) + NOUGHT).rsqrt() for one in (key, memory)]
        near = (key @ memory.transpose(1, 2)) * sizes[0] * sizes[1].transpose(1, 2)
        gate = told[..., n + 2 : n + 3].sigmoid()
        mixed = before + gate * ((strength * near).softmax(-1) - before)
        back, stay, on = told[..., n + 3 :].softmax(-1).split(1, -1)
        moved = stay * mixed + back * mixed.roll(-1, -1) + on * mixed.roll(1, -1)
        return ((1.0 + sharp) * (moved + NOUGHT).log()).softmax(-1)  # moved to the power of 1 + sharp, summing to 1

    def step(self, x: Tensor, state: Memory) -> tuple[Tensor, Memory]:
        """Return what the controller and the read vector hold after one input, shape (B, hidden + W): write, then read.

        Both heads are addressed by the memory before the write.
        """
        memory, weights, read, last = state
        hidden, last = self.controller(torch.cat([x, read], -1).unsqueeze(0), last)
        h = hidden[0]
        n = self.width
        told, erase, add = self.heads(h).clamp(-LIMIT, LIMIT).split((2 * (n + 6), n, n), -1)
        weights = self.address(told.view(-1, 2, n + 6), memory, weights)
        writing = weights[:, 1, :, None]
        memory = memory + writing * (add.tanh().unsqueeze(1) - memory * erase.sigmoid().unsqueeze(1))
        read = (weights[:, :1] @ memory).squeeze(1)
        return torch.cat([h, read], -1), (memory, weights, read, last)

    def forward(self, x: Tensor, answers: int) -> Tensor:
        """Return logits of the last `answers` steps, shape (answers, B, outputs), of inputs of shape (T, B, inputs)."""
        state, seen = self.start(x.shape[1]), []
        for t, row in enumerate(x):
            out, state = self.step(row, state)
            if t >= len(x) - answers:
                seen.append(out)
        return self.out(torch.stack(seen))


class Recall(Task):
    """Episodes are drawn anew for every update, from two items to as many as the preset says."""

    metric, lower, clip, label = "bit_errors", True, 10.0, "wrong bits"
    paper = (
        "validation NLL 0.003 after 9,000 updates and about 0 later, but for a spike at 19,000 (annealed noise); 1.55 "
        "after 100,000 (regular), with 2 to 16 items"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.options
        self.item = {"vectors": size["vectors"], "bits": size["bits"]}
        if not FEWEST <= 2 * size["most"] <= 1 << (size["bits"] * size["vectors"]):
            raise InputError(f"most must leave {2 * size['most']} items that differ, which {self.item} does not")
        sizes = size["bits"] + 2, size["bits"], size["hidden"], size["rows"], size["width"]
        self.model = paired(settings, lambda unit: Machine(*sizes, unit), self.noise)
        if size["optimizer"] == "adam":
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=size["lr"])
        else:
            self.optimizer = torch.optim.RMSprop(self.model.parameters(), lr=size["lr"], momentum=0.9)
        tests = {items: episodes(stream(0, EVALUATE, items), TESTED, items=items, **self.item) for items in self.counts}
        self.tests = {items: tuple(torch.as_tensor(one) for one in test) for items, test in tests.items()}
        self.facts = {
            "source": "generated",
            "test_episodes": TESTED,
            "sha256": digest(*(one for test in tests.values() for one in test)),
        }

    @property
    def counts(self) -> dict[int, str]:
        """The numbers of items that are tested: the fewest, the most of training, and twice as many."""
        most = self.settings.options["most"]
        return {FEWEST: "bit_errors_of_2", 2 * most: "bit_errors_of_twice", most: "bit_errors"}

    def loss(self, step: int) -> Tensor:
        """Return the NLL of an item: mean over bits and episodes, sum over its vectors."""
        size, rng = self.settings.options, stream(self.settings.seed, TRAIN, step)
        items = int(rng.integers(FEWEST, size["most"] + 1))
        x, answer = episodes(rng, size["batch"], items=items, **self.item)
        logits = self.model(torch.as_tensor(x), size["vectors"])
        return size["vectors"] * binary_cross_entropy_with_logits(logits, torch.as_tensor(answer))

    def measure(self) -> dict[str, float]:
        """Return wrong bits per episode at several numbers of items, and the NLL at the most of training."""
        found, nll = {}, 0.0
        self.model.eval()
        for items, name in self.counts.items():
            x, answer = self.tests[items]
            with torch.no_grad():
                logits = self.model(x, self.item["vectors"])
            found[name] = float(((logits > 0) != (answer > 0.5)).double().sum((0, 2)).mean())
            nll = self.item["vectors"] * float(binary_cross_entropy_with_logits(logits, answer))
        return found | {"test_nll": nll}
