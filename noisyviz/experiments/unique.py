"""Counting the distinct integers of a sequence (Gulcehre et al. 2016, section 6.5); the authors released no code."""

from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from noisyviz.experiments.machine import part
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import EVALUATE, TRAIN, Task, digest, paired, stream
from noisyviz.torch.recurrent import NoisyLSTM

VALUES: Final = 11
"""Integers from 0 to 10."""
LENGTH: Final = 26
TESTED: Final = 10_000
EVALUATED: Final = 250
"""Sequences evaluated at once: what they need stays in the cache."""


def sequences(rng: np.random.Generator, count: int, length: int = LENGTH) -> tuple[Any, Any]:
    """Return sequences, shape (count, length), and how many distinct integers each holds, shape (count,).

    Examples
    --------
    >>> x, distinct = sequences(np.random.default_rng(0), 2, 4)
    >>> x.tolist(), distinct.tolist()
    ([[9, 7, 5, 2], [3, 0, 0, 0]], [4, 2])
    """
    x = rng.integers(0, VALUES, (count, length))
    ordered = np.sort(x, axis=1)
    return x, 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)


class Counter(nn.Module):
    """Embedding, noisy LSTM, mean over time, one hidden layer of ReLU, one class for each count."""

    def __init__(self, hidden: int, unit: dict[str, Any]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VALUES, 16)
        self.lstm = NoisyLSTM(16, hidden, batch_first=True, **unit)
        self.head = nn.Sequential(nn.Linear(hidden, 64), nn.ReLU(), nn.Linear(64, VALUES))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, shape (B, 11), of sequences, shape (B, T)."""
        logits: Tensor = self.head(self.lstm(self.embedding(x))[0].mean(1))
        return logits


class Unique(Task):
    """Batches are drawn anew for every update; the test set is the same for every seed."""

    metric, lower, clip, label = "test_error", True, 5.0, "test error (%)"
    paper = (
        "test error 33.28 % (reference), 31.12 % (nan), 9.53 % (nan annealed), 20.94 % (nanil annealed), 14.83 % "
        "(curriculum); sizes and number of updates are not published"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        hidden = settings.options["hidden"]
        self.model = paired(settings, lambda unit: Counter(hidden, unit), self.noise)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.003)
        x, distinct = sequences(stream(0, EVALUATE), TESTED)
        self.test = torch.as_tensor(x), torch.as_tensor(distinct - 1)
        self.facts = {"source": "generated", "test_sequences": TESTED, "sha256": digest(x, distinct)}

    def length(self, step: int) -> int:
        """Return the length of the sequences of an update: with the curriculum 2, and one more every 60 updates."""
        return min(LENGTH, 2 + step // 60) if self.settings.options["curriculum"] else LENGTH

    def loss(self, step: int) -> Tensor:
        """Return the mean NLL of one batch."""
        rng = stream(self.settings.seed, TRAIN, step)
        x, distinct = sequences(rng, self.settings.options["batch"], self.length(step))
        (x, weight), (distinct, _) = part(x), part(distinct)
        return weight * cross_entropy(self.model(torch.as_tensor(x)), torch.as_tensor(distinct - 1))

    def measure(self) -> dict[str, float]:
        """Return test error in per cent and test NLL."""
        x, target = self.test
        with torch.no_grad():
            logits = torch.cat([self.model.eval()(some) for some in x.split(EVALUATED)])
        wrong = (logits.argmax(1) != target).double().mean()
        return {"test_error": 100.0 * float(wrong), "test_nll": float(cross_entropy(logits, target))}
