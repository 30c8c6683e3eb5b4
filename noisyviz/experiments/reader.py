"""A network that reads symbols and says what comes next: embedding, noisy recurrent layers, one logit per symbol."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from noisyviz.torch.recurrent import NoisyGRU, NoisyLSTM

State = tuple[Tensor, ...]


class Reader(nn.Module):
    """Weights are drawn from U[−bound, bound], or as PyTorch does without a bound; p keeps its own start.

    With ``embedding="normal"`` the embedding starts from N(0, 1), by which a short training comes further.
    """

    def __init__(
        self,
        symbols: int,
        hidden: int,
        layers: int,
        unit: Mapping[str, Any],
        *,
        bound: float | None,
        embedding: str = "uniform",
        cell: str = "lstm",
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, hidden)
        if cell == "lstm":
            self.lstm = NoisyLSTM(hidden, hidden, layers, **unit)
        else:
            self.gru = NoisyGRU(hidden, hidden, layers, **unit)
        self.out = nn.Linear(hidden, symbols)
        self.layer = "lstm" if cell == "lstm" else "gru"
        for name, weight in self.named_parameters():
            kept = ".p_" in name or (name == "embedding.weight" and embedding == "normal")
            if bound is not None and not kept:
                nn.init.uniform_(weight, -bound, bound)

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return logits, shape (T, B, symbols), and the state after symbols of shape (T, B)."""
        if self.layer == "lstm":
            out, last = self.lstm(self.embedding(x), state)
            return self.out(out), last
        out, hidden = self.gru(self.embedding(x), None if state is None else state[0])
        return self.out(out), (hidden,)
