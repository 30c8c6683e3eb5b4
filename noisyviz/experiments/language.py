"""Language models on Penn Treebank or another text: words (paper, section 6.2) and characters (v3, Figure 8)."""

from collections.abc import Mapping
from math import log
from typing import Any, ClassVar, Final

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from noisyviz.experiments.reader import Reader, State
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import Task, digest, paired
from noisyviz.experiments.text import check_lengths, columns, numbered, read_text, words_of

CHUNK: Final = 500
"""Steps that are measured at once."""


class _Language(Task):
    """A stream in columns, read window by window; the state runs through them and is zero at the start of an epoch."""

    lower, clip = True, 5.0
    measured: ClassVar[int]
    """Columns in which a stream is measured, whatever the batch."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.options
        source, parts, by_blanks = read_text(size["data"])
        vocabulary, streams = numbered(parts, self.split(by_blanks=by_blanks))
        check_lengths(source, streams, size["batch"] * (size["window"] + 1))
        train = columns(streams[0], size["batch"])
        self.windows = (len(train) - 1) // size["window"]
        self.train = torch.as_tensor(train)
        self.tests = [torch.as_tensor(columns(one, min(self.measured, len(one) // 2))) for one in streams[1:]]
        self.model = paired(settings, lambda unit: self.network(len(vocabulary), unit), self.noise)
        self.state: State | None = None
        self.vocabulary = vocabulary
        self.facts = {
            "source": source,
            "vocabulary": len(vocabulary),
            **{f"{name}_symbols": len(one) for name, one in zip(("train", "valid", "test"), streams, strict=True)},
            "sha256": digest(*streams),
        }

    def split(self, *, by_blanks: bool) -> Any:
        """Return what divides a line into symbols."""
        raise NotImplementedError

    def network(self, symbols: int, unit: Mapping[str, Any]) -> Reader:
        """Return the untrained model."""
        raise NotImplementedError

    def _mean_nll(self, step: int) -> Tensor:
        """Return the mean NLL of one window."""
        width = self.settings.options["window"]
        window = step % self.windows
        if window == 0:
            self.state = None
        rows = self.train[window * width : (window + 1) * width + 1]
        logits, state = self.model(rows[:-1], self.state)
        self.state = tuple(one.detach() for one in state)
        return cross_entropy(logits.flatten(0, 1), rows[1:].flatten())

    def nll(self, stream: Tensor) -> float:
        """Return the mean NLL of all symbols but the first of each column, the state carried through."""
        total, state = 0.0, None
        self.model.eval()
        with torch.no_grad():
            for first in range(0, len(stream) - 1, CHUNK):
                rows = stream[first : first + CHUNK + 1]
                logits, state = self.model(rows[:-1], state)
                total += float(cross_entropy(logits.flatten(0, 1), rows[1:].flatten(), reduction="sum").double())
        return total / stream[1:].numel()

    def state_dict(self) -> dict[str, Any]:
        """Return the state between two windows."""
        return {"state": None if self.state is None else list(self.state)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state."""
        self.state = None if state["state"] is None else tuple(state["state"])


class Words(_Language):
    """Perplexity of the next word, measured in one column; the learning rate is halved after each later epoch."""

    metric, measured, label = "valid_perplexity", 1, "validation perplexity"
    paper = (
        "validation and test perplexity on Penn Treebank 119.4 and 115.6 (reference), 111.7 and 108.0 (nan), 112.6 and "
        "108.7 (nah)"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=settings.options["lr"])

    def split(self, *, by_blanks: bool) -> Any:
        """Return what divides a line into words."""
        return str.split if by_blanks else words_of

    def network(self, symbols: int, unit: Mapping[str, Any]) -> Reader:
        """Return an LSTM with weights from U[−0.1, 0.1]."""
        size = self.settings.options
        return Reader(symbols, size["hidden"], size["layers"], unit, bound=0.1)

    def loss(self, step: int) -> Tensor:
        """Return the NLL of one window, summed over its steps and averaged over the batch."""
        size = self.settings.options
        halvings = max(0, step // self.windows - size["full_epochs"] + 1)
        self.optimizer.param_groups[0]["lr"] = size["lr"] * 0.5**halvings
        return self._mean_nll(step) * size["window"]

    def measure(self) -> dict[str, float]:
        """Return perplexities, infinite where they exceed every number, and the learning rate."""
        valid, test = (float(torch.tensor(self.nll(one), dtype=torch.float64).exp()) for one in self.tests)
        return {
            "valid_perplexity": valid,
            "test_perplexity": test,
            "lr": float(self.optimizer.param_groups[0]["lr"]),
        }


class Characters(_Language):
    """Bits per character (BPC); a GRU, as in the paper's arXiv v3."""

    metric, measured, label = "valid_bpc", 20, "validation BPC"
    paper = (
        "training BPC on Penn Treebank after 40,000 updates about 1.21 (nan), 1.22 (nani), 2.15 (nanis), from the "
        "logarithms in arXiv v3, Figure 8; sizes are not published"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=settings.options["lr"])

    def split(self, *, by_blanks: bool) -> Any:  # noqa: ARG002  # a blank is a character too
        """Return what divides a line into characters."""
        return lambda line: list(line.strip())

    def network(self, symbols: int, unit: Mapping[str, Any]) -> Reader:
        """Return a GRU with PyTorch's own start."""
        return Reader(symbols, self.settings.options["hidden"], 1, unit, bound=None, embedding="normal", cell="gru")

    def loss(self, step: int) -> Tensor:
        """Return the mean NLL of one window."""
        return self._mean_nll(step)

    def measure(self) -> dict[str, float]:
        """Return BPC of validation and test."""
        valid, test = (self.nll(one) / log(2.0) for one in self.tests)
        return {"valid_bpc": valid, "test_bpc": test}
