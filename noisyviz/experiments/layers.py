"""What the decoders with attention share: cells that take one step, attention, and the start of their weights.

A cell here calls one noisy activation for all gates; `noisyviz.torch.NoisyGRUCell` calls one for each.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from noisyviz.torch.activation import NoisyActivation


def activation(unit: dict[str, Any], slot: str, units: int) -> NoisyActivation:
    """Return the noisy unit for the slot ``tanh`` or ``sigmoid`` from the options of recurrent layers."""
    options = {name: unit[name] for name in ("kind", "c", "p", "generator") if name in unit}
    alpha = unit.get("alpha" if slot == "tanh" else "alpha_sigmoid")
    return NoisyActivation(unit[slot], units=units, alpha=alpha, **options)


class GRUCell(nn.Module):
    """One step of a GRU with the equations of `torch.nn.GRUCell`; gates in the order r, z, candidate."""

    def __init__(self, inputs: int, hidden: int, unit: dict[str, Any]) -> None:
        super().__init__()
        self.inputs, self.recurrent = nn.Linear(inputs, 3 * hidden), nn.Linear(hidden, 3 * hidden)
        self.gates, self.candidate = activation(unit, "sigmoid", 2 * hidden), activation(unit, "tanh", hidden)

    def forward(self, pre: Tensor, h: Tensor) -> Tensor:
        """Return the next state, shape (B, n), from `inputs` of x, shape (B, 3n)."""
        gates = 2 * h.shape[-1]
        rec = self.recurrent(h)
        r, z = self.gates(pre[:, :gates] + rec[:, :gates]).chunk(2, -1)
        new = self.candidate(torch.addcmul(pre[:, gates:], r, rec[:, gates:]))
        return torch.lerp(new, h, z)


class LSTMCell(nn.Module):
    """One step of an LSTM; gates in the order input, forget, output, candidate."""

    def __init__(self, hidden: int, unit: dict[str, Any]) -> None:
        super().__init__()
        self.recurrent = nn.Linear(hidden, 4 * hidden)
        self.gates = activation(unit, "sigmoid", 3 * hidden)
        self.candidate, self.cell = activation(unit, "tanh", hidden), activation(unit, "tanh", hidden)

    def forward(self, pre: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return h and c, shape (B, n), from the products of the inputs, shape (B, 4n)."""
        h, c = state
        gates = 3 * h.shape[-1]
        u = pre + self.recurrent(h)
        i, f, o = self.gates(u[:, :gates]).chunk(3, -1)
        c = f * c + i * self.candidate(u[:, gates:])
        return o * self.cell(c), c


class Attention(nn.Module):
    """Weights over places: softmax of v·tanh(W·a + b + U·h), where a may first pass one more layer of tanh."""

    def __init__(self, places: int, hidden: int, width: int, unit: dict[str, Any], layers: int = 1) -> None:
        super().__init__()
        sizes = [places] + [width] * layers
        self.project = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.deep = nn.ModuleList(activation(unit, "tanh", width) for _ in range(layers - 1))
        self.state = nn.Linear(hidden, width, bias=False)
        self.tanh = activation(unit, "tanh", width)
        self.energy = nn.Linear(width, 1)

    def prepare(self, places: Tensor) -> Tensor:
        """Return what stays the same for all steps, shape (B, L, width), of annotations, shape (B, L, ·)."""
        x = self.project[0](places)
        for act, layer in zip(self.deep, self.project[1:], strict=True):
            x = layer(act(x))
        return x

    def forward(self, prepared: Tensor, h: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return weights, shape (B, L), which are 0 where the mask, shape (B, L), is False."""
        energy = self.energy(self.tanh(prepared + self.state(h)[:, None])).squeeze(-1)
        return (energy if mask is None else energy.masked_fill(~mask, float("-inf"))).softmax(-1)


def shifted(embedding: nn.Embedding, tokens: Tensor) -> Tensor:
    """Return the embeddings of the words before, of which the first is all zeros; tokens are of shape (T, B)."""
    before = embedding(tokens[:-1])
    return torch.cat([before.new_zeros(1, *before.shape[1:]), before])


def previous(embedding: nn.Embedding, tokens: Tensor) -> Tensor:
    """Return the embedding of one word each, all zeros for −1."""
    return embedding(tokens.clamp(min=0)) * (tokens >= 0)[:, None]


def initialise(model: nn.Module, scale: float | None, plain: tuple[str, ...]) -> None:
    """Start weights as the authors do: square matrices orthogonal, others 0.01·N(0, 1), biases 0.

    Parameters
    ----------
    scale
        Factor of the orthogonal matrices; the paper takes 0.01. None leaves PyTorch's start, by which a short training
        comes further.
    plain
        Beginnings of names whose matrices are never orthogonal.
    """
    if scale is None:
        return
    for name, weight in model.named_parameters():
        last = name.rpartition(".")[2]
        if last == "p" or last.startswith("p_"):
            continue
        if weight.dim() < 2:
            nn.init.zeros_(weight)
        elif name.startswith(plain) or not (
            weight.shape[0] == weight.shape[1] or ".recurrent." in name or "weight_hh" in name
        ):
            nn.init.normal_(weight, std=0.01)
        else:
            with torch.no_grad():
                for block in weight.split(weight.shape[1]):
                    block.copy_(scale * nn.init.orthogonal_(torch.empty_like(block)))
