"""LSTM and GRU over a whole window as one autograd function each, with the gradients written by hand (Eqs 9, 12, 14).

Gates are worked on in the coordinates u = slope·pre + intercept of their linearisation, with slope and intercept
folded into the weights, so that sigmoid and tanh gates of either form (hard or soft) are one block of h = clip(u) or
h = centre + half·tanh(rate·(u − centre)). With Δ = h − u and t = tanh(|p|Δ/2), d(x)·σ·ε is t·|t|·e, where e =
±(c/4)·ε carries the sign of 1 − α: Δ has the sign of −x wherever it is not 0. A step computes φ alone; slopes and
∂φ/∂p follow in the backward pass, for some steps at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

from noisyviz.torch.functional import refuse_second_derivative

CHUNK: Final = (
    1 << 17
)  # numbers whose slopes are worked out at once in the backward pass, so that they stay in the cache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The functions of a block of gates, one entry for each of its columns, shape (columns,)."""

    slope: Tensor  # u = slope·pre + intercept
    intercept: Tensor
    low: Tensor  # limits of h
    high: Tensor
    keep: Tensor  # α − 1
    leaks: bool  # whether any of `keep` is not 0
    soft: bool  # h = tanh or the logistic function; else clip(u, low, high)
    spans: tuple[tuple[int, int, float, float], ...]  # columns from, to, with the same low and high

    def h(self, u: Tensor, out: Tensor) -> Tensor:
        """Write h into `out`."""
        if not self.soft:
            return torch.clamp(u, self.low, self.high, out=out)
        centre, half = 0.5 * (self.high + self.low), 0.5 * (self.high - self.low)
        torch.sub(u, centre, out=out).div_(half).tanh_()
        return out.mul_(half).add_(centre)

    def slope_of(self, u: Tensor) -> Tensor:
        """Return dh/du; at the ends of a clipped line it is 0."""
        if not self.soft:
            inside, one = torch.empty_like(u), torch.ones((), dtype=u.dtype, device=u.device)
            for start, stop, low, high in self.spans:
                part, out = u[..., start:stop], inside[..., start:stop]
                torch.ops.aten.hardtanh_backward.grad_input(one.expand(part.shape), part, low, high, grad_input=out)
            return inside
        centre, half = 0.5 * (self.high + self.low), 0.5 * (self.high - self.low)
        e = torch.sub(u, centre).div_(half).abs_().mul_(-2.0).exp_()
        return (4.0 * e).div_(e.add_(1.0)).div_(e)

    def value(self, u: Tensor, p: Tensor, e: Tensor | None, work: tuple[Tensor, ...], out: Tensor) -> None:
        """Write φ into `out`; `p` is |p|/2, `work` two arrays of u's shape."""
        self.h(u, out)
        if e is None and not self.leaks:
            return
        t, size = work
        torch.sub(out, u, out=t)
        out.addcmul_(t, self.keep)
        if e is not None:
            torch.abs(t.mul_(p).tanh_(), out=size)
            out.addcmul_(t.mul_(size), e)

    def slopes(self, u: Tensor, p: Tensor, e: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return ∂φ/∂u and ∂φ/∂|p|; `p` is |p|/2."""
        by_u = self.slope_of(u)
        if e is None and not self.leaks:
            return by_u, None
        excess = by_u - 1.0
        if e is None:
            return by_u.addcmul_(excess, self.keep), None
        delta = self.h(u, torch.empty_like(u)).sub_(u)
        k = delta * p
        cosh = torch.cosh(k)  # |t|/cosh² keeps its digits in the tails, |t|·(1 − t²) does not
        k.tanh_().abs_().div_(cosh).div_(cosh).mul_(e)
        by_u.addcmul_(excess, torch.addcmul(self.keep, k, 2.0 * p, out=cosh))
        return by_u, k.mul_(delta)


def _chunks(steps: int, numbers: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of steps from the last to the first, of about CHUNK numbers each."""
    length = max(1, CHUNK // max(numbers, 1))
    for stop in range(steps, 0, -length):
        yield max(0, stop - length), stop


def _add_p(total: Tensor, grad: Tensor, by_p: Tensor | None, p: Tensor) -> None:
    """Add to the gradient of p, which is a number or has an entry for each column, what a chunk of steps gives."""
    if by_p is not None:
        product = by_p.mul_(grad)
        total += (product.sum((0, 1)) if p.dim() else product.sum()) * torch.sign(p)


class LSTMWindow(torch.autograd.Function):
    """h_t for t = 1 … T, and the last c, of an LSTM; gates in PyTorch's order i, f, g, o."""

    @staticmethod
    def forward(
        ctx: Any,
        pre: Tensor,
        weight: Tensor,
        h0: Tensor,
        c0: Tensor,
        p_gates: Tensor,
        p_cell: Tensor,
        e: Tensor | None,
        shift: Tensor | None,
        gates: Block,
        cell: Block,
    ) -> tuple[Tensor, Tensor]:
        """Run the window.

        `pre` is W·x + b, shape (T, B, 4n); `e` is ±(c/4)·ε, shape (T, B, 5n); `shift` is added to what the cell's
        function sees, shape (T, B, n).
        """
        steps, batch, width = pre.shape
        n = width // 4
        folded = (weight * gates.slope[:, None]).t().contiguous()
        u = torch.addcmul(gates.intercept, pre, gates.slope)
        phi, hidden, cells, tops = (pre.new_empty(steps, batch, k) for k in (width, n, n, n))
        half_gates, half_cell = 0.5 * p_gates.abs(), 0.5 * p_cell.abs()
        work = tuple(pre.new_empty(batch, width) for _ in range(2))
        small = tuple(pre.new_empty(batch, n) for _ in range(2))
        e_gates, e_cell = (None, None) if e is None else (e[..., :width].unbind(0), e[..., width:].unbind(0))
        h, c = h0, c0
        rows = zip(u.unbind(0), phi.unbind(0), hidden.unbind(0), cells.unbind(0), tops.unbind(0), strict=True)
        for t, (at, gate, h_next, c_next, top) in enumerate(rows):
            at.addmm_(h, folded)
            gates.value(at, half_gates, None if e_gates is None else e_gates[t], work, gate)
            i, f, g, o = gate.split(n, 1)
            torch.mul(f, c, out=c_next).addcmul_(i, g)
            seen = c_next if shift is None else c_next + shift[t]
            cell.value(seen, half_cell, None if e_cell is None else e_cell[t], small, top)
            torch.mul(o, top, out=h_next)
            h, c = h_next, c_next
        ctx.save_for_backward(u, phi, hidden, cells, tops, weight, h0, c0, p_gates, p_cell, e, shift)
        ctx.blocks = gates, cell
        return hidden, cells[-1].clone()

    @staticmethod
    def backward(ctx: Any, grad_hidden: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of what `forward` took."""
        refuse_second_derivative()
        u, phi, hidden, cells, tops, weight, h0, c0, p_gates, p_cell, e, shift = ctx.saved_tensors
        gates, cell = ctx.blocks
        steps, _, width = u.shape
        n = width // 4
        e_gates, e_cell = (None, None) if e is None else (e[..., :width], e[..., width:])
        half_gates, half_cell = 0.5 * p_gates.abs(), 0.5 * p_cell.abs()
        grad_p, grad_p_cell = torch.zeros_like(p_gates), torch.zeros_like(p_cell)
        folded = weight * gates.slope[:, None]
        grad_u = torch.empty_like(u)
        gc, gh = grad_c.clone(), torch.zeros_like(h0)
        for start, stop in _chunks(steps, u[0].numel()):
            own = slice(start, stop)
            by_u, by_p = gates.slopes(u[own], half_gates, None if e_gates is None else e_gates[own])
            seen = cells[own] if shift is None else cells[own] + shift[own]
            by_c, by_p_cell = cell.slopes(seen, half_cell, None if e_cell is None else e_cell[own])
            grad_phi, grad_top = torch.empty_like(by_u), torch.empty_like(by_c)
            for t in range(stop - 1, start - 1, -1):
                at = t - start
                i, f, g, o = phi[t].split(n, 1)
                gh.add_(grad_hidden[t])
                gc.addcmul_(torch.mul(gh, o, out=grad_top[at]), by_c[at])
                by_i, by_f, by_g, by_o = grad_phi[at].split(n, 1)
                torch.mul(gc, g, out=by_i)
                torch.mul(gc, cells[t - 1] if t else c0, out=by_f)
                torch.mul(gc, i, out=by_g)
                torch.mul(gh, tops[t], out=by_o)
                torch.mul(by_u[at], grad_phi[at], out=grad_u[t])
                torch.mm(grad_u[t], folded, out=gh)
                gc.mul_(f)
            _add_p(grad_p, grad_phi, by_p, p_gates)
            _add_p(grad_p_cell, grad_top, by_p_cell, p_cell)
        grad_pre = grad_u.mul_(gates.slope)
        before = torch.cat([h0[None], hidden[:-1]]).reshape(-1, n)
        grad_weight = grad_pre.reshape(-1, width).t() @ before
        return (
            grad_pre,
            grad_weight,
            gh,
            gc,
            grad_p,
            grad_p_cell,
            None,
            None,
            None,
            None,
        )


class GRUWindow(torch.autograd.Function):
    """h_t for t = 1 … T of a GRU; gates in PyTorch's order r, z, n, the reset applied behind the product."""

    @staticmethod
    def forward(
        ctx: Any,
        pre: Tensor,
        weight: Tensor,
        bias: Tensor,
        h0: Tensor,
        p_gates: Tensor,
        p_cell: Tensor,
        e: Tensor | None,
        gates: Block,
        cell: Block,
    ) -> Tensor:
        """Run the window; `pre` is W·x + b without the recurrent bias of n, which is `bias`; `e` is (T, B, 3n)."""
        steps, batch, width = pre.shape
        n = width // 3
        m = 2 * n
        fold = torch.cat([gates.slope, torch.ones_like(bias)])
        folded = (weight * fold[:, None]).t().contiguous()
        u = pre * fold  # the columns of n become U·h + bias, what the reset multiplies
        u[..., :m] += gates.intercept
        u[..., m:] = bias
        a, phi, hidden, news = (pre.new_empty(steps, batch, k) for k in (n, m, n, n))
        half_gates, half_cell = 0.5 * p_gates.abs(), 0.5 * p_cell.abs()
        work = tuple(pre.new_empty(batch, m) for _ in range(2))
        small = tuple(pre.new_empty(batch, n) for _ in range(2))
        e_gates, e_cell = (None, None) if e is None else (e[..., :m].unbind(0), e[..., m:].unbind(0))
        h = h0
        for t in range(steps):
            at, gate, new = u[t], phi[t], news[t]
            at.addmm_(h, folded)
            gates.value(at[:, :m], half_gates, None if e_gates is None else e_gates[t], work, gate)
            r, z = gate.split(n, 1)
            torch.addcmul(pre[t, :, m:], r, at[:, m:], out=a[t])
            cell.value(a[t], half_cell, None if e_cell is None else e_cell[t], small, new)
            torch.sub(h, new, out=hidden[t]).mul_(z).add_(new)
            h = hidden[t]
        ctx.save_for_backward(u, a, phi, hidden, news, weight, fold, h0, p_gates, p_cell, e)
        ctx.blocks = gates, cell
        return hidden

    @staticmethod
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of what `forward` took."""
        refuse_second_derivative()
        u, a, phi, hidden, news, weight, fold, h0, p_gates, p_cell, e = ctx.saved_tensors
        gates, cell = ctx.blocks
        steps, _, width = u.shape
        n = width // 3
        m = 2 * n
        e_gates, e_cell = (None, None) if e is None else (e[..., :m], e[..., m:])
        half_gates, half_cell = 0.5 * p_gates.abs(), 0.5 * p_cell.abs()
        grad_p, grad_p_cell = torch.zeros_like(p_gates), torch.zeros_like(p_cell)
        folded = weight * fold[:, None]
        grad_a, grad_u = torch.empty_like(a), torch.empty_like(u)
        gh = torch.zeros_like(h0)
        for start, stop in _chunks(steps, u[0].numel()):
            own = slice(start, stop)
            by_u, by_p = gates.slopes(u[own, :, :m], half_gates, None if e_gates is None else e_gates[own])
            by_a, by_p_cell = cell.slopes(a[own], half_cell, None if e_cell is None else e_cell[own])
            grad_phi, grad_new = torch.empty_like(by_u), torch.empty_like(by_a)
            for t in range(stop - 1, start - 1, -1):
                at = t - start
                r, z = phi[t].split(n, 1)
                gh.add_(grad_hidden[t])
                by_r, by_z = grad_phi[at].split(n, 1)
                torch.sub(hidden[t - 1] if t else h0, news[t], out=by_z).mul_(gh)
                torch.addcmul(gh, gh, z, value=-1.0, out=grad_new[at])
                torch.mul(by_a[at], grad_new[at], out=grad_a[t])
                torch.mul(grad_a[t], u[t, :, m:], out=by_r)
                torch.mul(by_u[at], grad_phi[at], out=grad_u[t, :, :m])
                torch.mul(grad_a[t], r, out=grad_u[t, :, m:])
                gh.mul_(z).addmm_(grad_u[t], folded)
            _add_p(grad_p, grad_phi, by_p, p_gates)
            _add_p(grad_p_cell, grad_new, by_p_cell, p_cell)
        grad_rec = grad_u * fold
        grad_pre = torch.cat([grad_rec[..., :m], grad_a], dim=-1)
        before = torch.cat([h0[None], hidden[:-1]]).reshape(-1, n)
        return (
            grad_pre,
            grad_rec.reshape(-1, width).t() @ before,
            grad_u[..., m:].sum((0, 1)),
            gh,
            grad_p,
            grad_p_cell,
            None,
            None,
            None,
        )
