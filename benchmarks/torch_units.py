"""Noisy layers against an LSTM written by hand with autograd, and noisy activations against hard-tanh and its draws.

``python -m benchmarks.torch_units`` (needs the extra ``torch``): forward and backward in float32, two threads, a draw
of its own for every slot and step; medians of ratios of runs that take turns. "products and draws" is the floor of any
noisy LSTM: its matrix products, and its noise.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh, linear

import noisyviz.torch as nvt

SHAPES = ((50, 50, 128, 1.45, 1.1), (20, 20, 200, 1.35, 1.1), (100, 50, 400, 1.0, 0.85))
ELEMENTS = 10_000_000


class HandLSTM(nn.Module):
    """An LSTM as one writes it: plain operations, the products with the input hoisted out of the loop."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.of = nn.LSTM(n, n)

    def forward(self, x: Tensor) -> Tensor:
        """Return h_t for every step, shape (T, B, n)."""
        of: Any = self.of
        pre = linear(x, of.weight_ih_l0, of.bias_ih_l0 + of.bias_hh_l0)
        h = c = x.new_zeros(x.shape[1], x.shape[2])
        rows = []
        for at in pre.unbind(0):
            i, f, g, o = (at + linear(h, of.weight_hh_l0)).chunk(4, -1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            rows.append(h)
        return torch.stack(rows)


def both_ways(model: nn.Module, x: Tensor) -> Callable[[], None]:
    """Return forward and backward as a function to time."""

    def run() -> None:
        model.zero_grad()
        out = model(x)
        (out[0] if isinstance(out, tuple) else out).sum().backward()

    return run


def floor(x: Tensor, n: int) -> Callable[[], None]:
    """Return the matrix products of an LSTM forward and backward, and the draws of its five slots."""
    weight = torch.randn(4 * n, n)
    steps, batch, _ = x.shape
    rows = x.reshape(-1, n)
    grad, pre = torch.randn(steps * batch, 4 * n), torch.empty(batch, 4 * n)

    def run() -> None:
        torch.mm(rows, weight.t())
        for at in x:
            torch.mm(at, weight.t(), out=pre)
        torch.randn(steps, batch, 5 * n)
        for part in grad.chunk(steps):
            torch.mm(part, weight)
        torch.mm(grad.t(), rows)
        torch.mm(grad.t(), rows)

    return run


def ratios(rivals: dict[str, Callable[[], None]], base: str, *, rounds: int) -> dict[str, float]:
    """Return the median over rounds of each rival's time over that of `base`, all run in turn."""
    times: dict[str, list[float]] = {name: [] for name in rivals}
    for run in rivals.values():
        run()
    for _ in range(rounds):
        for name, run in rivals.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(a / b for a, b in zip(times[name], times[base], strict=True)) for name in rivals}


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(2)
    for batch, steps, n, target, compiled in SHAPES:
        x = torch.randn(steps, batch, n)
        rivals = {
            "by hand": both_ways(HandLSTM(n), x),
            "torch.nn.LSTM": both_ways(nn.LSTM(n, n), x),
            "NoisyLSTM nan": both_ways(nvt.NoisyLSTM(n, n, kind="nan"), x),
            "NoisyLSTM nah": both_ways(nvt.NoisyLSTM(n, n, kind="nah"), x),
            "NoisyLSTM nani": both_ways(nvt.NoisyLSTM(n, n, kind="nani"), x),
            "NoisyLSTM nan, compiled": both_ways(nvt.NoisyLSTM(n, n, kind="nan", compile=True), x),
            "products and draws": floor(x, n),
            "NoisyLSTM nan, plain operations": both_ways(nvt.NoisyLSTM(n, n, kind="nan", reference=True), x),
            "torch.nn.GRU": both_ways(nn.GRU(n, n), x),
            "NoisyGRU nan": both_ways(nvt.NoisyGRU(n, n, kind="nan"), x),
            "NoisyGRU nan, compiled": both_ways(nvt.NoisyGRU(n, n, kind="nan", compile=True), x),
        }
        print(f"(B, T, n) = ({batch}, {steps}, {n}), over an LSTM by hand; NoisyLSTM ≤ {target}, compiled ≤ {compiled}")
        for name, ratio in ratios(rivals, "by hand", rounds=15).items():
            print(f"  {name:34} {ratio:.2f}")
    x = torch.randn(ELEMENTS // 1000, 1000, requires_grad=True)

    def rival() -> None:
        x.grad = None
        torch.randn(x.shape)
        hardtanh(x).sum().backward()

    runs = {
        f"NoisyActivation {kind}": both_ways(nvt.NoisyActivation("hard-tanh", kind=kind, units=1000), x)
        for kind in ("nan", "nah", "nani")
    }
    print(f"{ELEMENTS:,} elements, over torch.randn and hardtanh; at most 1.6")
    for name, ratio in ratios({"randn + hardtanh": rival, **runs}, "randn + hardtanh", rounds=7).items():
        print(f"  {name:34} {ratio:.2f}")


if __name__ == "__main__":
    main()
