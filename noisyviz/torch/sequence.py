"""LSTM and GRU over a whole window as one autograd function each, with the gradients written by hand (Eqs 9, 12, 14).

Gates are worked on in the coordinates u = slope·pre + intercept of their linearisation, with slope and intercept
folded into the weights, so that sigmoid and tanh gates of either form (hard or soft) are one block of h = clip(u) or
h = centre + half·tanh(rate·(u − centre)). With Δ = h − u and t = tanh(|p|Δ/2), d(x)·σ·ε is t·|t|·e, where e =
±(c/4)·ε carries the sign of 1 − α: Δ has the sign of −x wherever it is not 0. A step computes φ, and the factor that
slopes and ∂φ/∂p have in common in the memory of e; the rest follows in the backward pass, for some steps at once.

What a step computes behind its matrix product is a function that torch.compile can turn into one kernel; so is what it
computes backward, `lstm_back` and `gru_back`. Not compiled, a step writes into arrays made beforehand (`out`, `work`),
and slopes are worked out for some steps at once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from noisyviz.errors import MissingExtraError
from noisyviz.torch.functional import refuse_second_derivative

CHUNK: Final = 1 << 17  # numbers whose slopes are worked out at once in the backward pass: they stay in the cache

Room: TypeAlias = "tuple[Tensor, ...] | None"
"""Arrays to write into, or None for new ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """The functions of a block of gates, one entry for each of its columns, shape (columns,)."""

    slope: Tensor  # u = slope·pre + intercept
    intercept: Tensor
    low: Tensor  # limits of h
    high: Tensor
    centre: Tensor  # (low + high)/2
    half: Tensor  # (high − low)/2
    keep: Tensor  # α − 1
    leaks: bool  # whether any of `keep` is not 0
    soft: bool  # h = tanh or the logistic function; else clip(u, low, high)
    spans: tuple[tuple[int, int, float, float], ...]  # columns from, to, with the same low and high

    def h(self, u: Tensor, out: Tensor | None = None) -> Tensor:
        """Return h, in `out` if given."""
        if not self.soft:
            return torch.clamp(u, self.low, self.high, out=out)
        return torch.sub(u, self.centre, out=out).div_(self.half).tanh_().mul_(self.half).add_(self.centre)

    def slope_of(self, u: Tensor) -> Tensor:
        """Return dh/du; at the ends of a clipped line it is 0."""
        if not self.soft and torch.compiler.is_compiling():
            return ((u > self.low) & (u < self.high)).to(u.dtype)
        if not self.soft:
            inside, one = torch.empty_like(u), torch.ones((), dtype=u.dtype, device=u.device)
            for start, stop, low, high in self.spans:
                part, out = u[..., start:stop], inside[..., start:stop]
                torch.ops.aten.hardtanh_backward.grad_input(one.expand(part.shape), part, low, high, grad_input=out)
            return inside
        e = torch.sub(u, self.centre).div_(self.half).abs_().mul_(-2.0).exp_()
        return (4.0 * e).div_(e.add_(1.0)).div_(e)

    def value(
        self, u: Tensor, p: Tensor, e: Tensor | None, work: Room = None, out: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return φ, in `out` if given, and −|t|/(4 cosh²(pΔ/2))·e, in the place of `e` if `work` is given.

        `p` is −|p|, `work` five arrays of u's shape. With q = exp(−|pΔ|) and E = q − 1, −|t| is E/(2 + E) and 1/cosh²
        is 4q/(2 + E)²; both keep their digits in the tails.
        """
        value = self.h(u, out)
        if e is None and not self.leaks:
            return value, None
        room = (None,) * 5 if work is None else work
        delta = torch.sub(value, u, out=room[0])
        value.addcmul_(delta, self.keep)
        if e is None:
            return value, None
        t = torch.abs(delta, out=room[1]).mul_(p)
        q = torch.exp(t, out=room[2])
        t.expm1_()
        base = torch.add(t, 2.0, out=room[3])
        t.div_(base)
        value.addcmul_(torch.mul(t, t, out=room[4]).copysign_(delta), e)
        k = torch.mul(e, t, out=None if work is None else e)
        return value, k.mul_(q).div_(base).div_(base)

    def slopes(self, u: Tensor, p: Tensor, k: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return ∂φ/∂u and ∂φ/∂|p|; `p` is −|p|, `k` what `value` returned."""
        by_u = self.slope_of(u)
        if k is None and not self.leaks:
            return by_u, None
        excess = by_u - 1.0
        if k is None:
            return by_u.addcmul_(excess, self.keep), None
        by_u.addcmul_(excess, torch.addcmul(self.keep, k, 4.0 * p))
        return by_u, self.h(u).sub_(u).mul_(k).mul_(-4.0)


def _chunks(steps: int, numbers: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of steps from the last to the first, of about CHUNK numbers each."""
    length = max(1, CHUNK // max(numbers, 1))
    for stop in range(steps, 0, -length):
        yield max(0, stop - length), stop


def _columns(rows: Tensor, parts: int) -> Iterator[tuple[Tensor, ...]]:
    """Yield the columns of each step, shape (T, B, columns), in so many parts; views that cost less than `chunk`."""
    return zip(*(one.unbind(0) for one in rows.unflatten(2, (parts, -1)).unbind(2)), strict=True)


def _add_p(total: Tensor, products: Tensor | None, p: Tensor) -> None:
    """Add the gradient of p, a number or an entry for each column, from those of |p| at some steps, (T, B, columns)."""
    if products is not None:
        total += (products.sum((0, 1)) if p.dim() else products.sum()) * torch.sign(p)


def lstm_step(
    u: Tensor,
    c: Tensor,
    shift: Tensor | None,
    p: tuple[Tensor, Tensor],
    e: tuple[Tensor | None, Tensor | None],
    blocks: tuple[Block, Block],
    work: tuple[Room, Room] = (None, None),
    out: tuple[Tensor | None, ...] = (None,) * 4,
    parts: tuple[Tensor, ...] | None = None,
) -> tuple[Tensor | None, ...]:
    """Return φ of the gates, the cell's state, φ of it, h_t, and the `k` of both.

    What belongs to gates and cell stands in pairs; see `Block.value`. `parts` are the columns of `out[0]`, if at hand.
    """
    gates, cell = blocks
    phi, k = gates.value(u, p[0], e[0], work[0], out[0])
    i, f, g, o = parts or phi.chunk(4, 1)
    c_next = torch.mul(f, c, out=out[1]).addcmul_(i, g)
    seen = c_next if shift is None else c_next + shift
    top, k_cell = cell.value(seen, p[1], e[1], work[1], out[2])
    return phi, c_next, top, torch.mul(o, top, out=out[3]), k, k_cell


def gru_step(
    u: Tensor,
    pre: Tensor,
    h: Tensor,
    p: tuple[Tensor, Tensor],
    e: tuple[Tensor | None, Tensor | None],
    blocks: tuple[Block, Block],
    work: tuple[Room, Room] = (None, None),
    out: tuple[Tensor | None, ...] = (None,) * 4,
    parts: tuple[Tensor, ...] | None = None,
) -> tuple[Tensor | None, ...]:
    """Return φ of the gates, what the candidate sees, its φ, h_t, and the `k` of both, as `lstm_step` does.

    `pre` are the columns of the candidate.
    """
    gates, cell = blocks
    n = h.shape[1]
    phi, k = gates.value(u[:, : 2 * n], p[0], e[0], work[0], out[0])
    r, z = parts or phi.chunk(2, 1)
    a = torch.addcmul(pre, r, u[:, 2 * n :], out=out[1])
    new, k_cell = cell.value(a, p[1], e[1], work[1], out[2])
    return phi, a, new, torch.sub(h, new, out=out[3]).mul_(z).add_(new), k, k_cell


def _write(room: tuple[Tensor | None, ...], values: tuple[Tensor | None, ...]) -> None:
    for to, value in zip(room, values, strict=True):
        if to is not None and value is not None:
            to.copy_(value)


def lstm_next(
    u: Tensor, c: Tensor, shift: Tensor | None, p: Any, e: Any, blocks: tuple[Block, Block], out: tuple[Tensor, ...]
) -> None:
    """Write what `lstm_step` returns into `out` and `e`."""
    _write((*out, *e), lstm_step(u, c, shift, p, e, blocks))


def gru_next(
    u: Tensor, pre: Tensor, h: Tensor, p: Any, e: Any, blocks: tuple[Block, Block], out: tuple[Tensor, ...]
) -> None:
    """Write what `gru_step` returns into `out` and `e`."""
    _write((*out, *e), gru_step(u, pre, h, p, e, blocks))


def lstm_back(
    at: tuple[Tensor, Tensor],
    before: Tensor,
    phi: Tensor,
    top: Tensor,
    grad_hidden: Tensor,
    gh: Tensor,
    gc: Tensor,
    p: tuple[Tensor, Tensor],
    k: tuple[Tensor | None, Tensor | None],
    blocks: tuple[Block, Block],
    grad_u: Tensor,
) -> None:
    """Work out a step backward: write `grad_u`, the gradients of |p| into `k`, and that of c_{t−1} into `gc`.

    `at` is what gates and cell see, `before` c_{t−1}, `gh` and `gc` the gradients that come from the step behind it.
    """
    (by_u, by_p), (by_c, by_p_cell) = _slopes(at, p, k, blocks)
    i, f, g, o = phi.chunk(4, 1)
    to_hidden = gh + grad_hidden
    to_top = to_hidden * o
    to_c = gc + to_top * by_c
    to_phi = torch.cat([to_c * g, to_c * before, to_c * i, to_hidden * top], 1)
    by_p, by_p_cell = (None if a is None else a * b for a, b in ((by_p, to_phi), (by_p_cell, to_top)))
    _write((grad_u, gc, *k), (by_u * to_phi, to_c * f, by_p, by_p_cell))


def gru_back(
    at: tuple[Tensor, Tensor],
    rec: Tensor,
    before: Tensor,
    phi: Tensor,
    new: Tensor,
    grad_hidden: Tensor,
    gh: Tensor,
    p: tuple[Tensor, Tensor],
    k: tuple[Tensor | None, Tensor | None],
    blocks: tuple[Block, Block],
    out: tuple[Tensor, Tensor],
) -> None:
    """Work out a step backward: write the gradients of u and of the candidate into `out`, those of |p| into `k`.

    `rec` is what the reset gate multiplies, `before` h_{t−1}; `gh` becomes what reaches h_{t−1} past the products.
    """
    (by_u, by_p), (by_a, by_p_cell) = _slopes(at, p, k, blocks)
    r, z = phi.chunk(2, 1)
    to_hidden = gh + grad_hidden
    to_new = to_hidden - to_hidden * z
    to_a = by_a * to_new
    to_phi = torch.cat([to_a * rec, (before - new) * to_hidden], 1)
    by_p, by_p_cell = (None if a is None else a * b for a, b in ((by_p, to_phi), (by_p_cell, to_new)))
    _write((*out, gh, *k), (torch.cat([by_u * to_phi, to_a * r], 1), to_a, to_hidden * z, by_p, by_p_cell))


@cache
def kernel(function: Callable[..., Any], key: Any) -> Callable[..., Any]:  # noqa: ARG001
    """Return the kernel of a function for one sort of window.

    `key` holds all on which the kernel depends (`_sort`), so that nothing is left for PyTorch to check at each call;
    it keeps kernels by code object, of which each kernel gets one of its own.

    Raises
    ------
    MissingExtraError
        When called where there is no C++ compiler.
    """
    own = FunctionType(function.__code__.replace(), function.__globals__)
    compiled = torch.compile(own, dynamic=False, options={"guard_filter_fn": torch.compiler.skip_all_guards_unsafe})

    def run(*given: Any) -> None:
        try:
            compiled(*given)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            raise MissingExtraError(
                f"compile=True needs a C++ compiler that PyTorch can use: {str(error).splitlines()[0]}"
            ) from error

    return run


def _sort(
    window: Tensor, p: tuple[Tensor, Tensor], noisy: bool, shifted: bool, blocks: tuple[Block, Block]
) -> tuple[Any, ...]:
    """Return on what kernels for a window of shape (T, B, ·) depend."""
    units = tuple((one.soft, one.leaks, one.spans) for one in blocks)
    place = window.shape[1:], window.dtype, window.device, torch.is_inference_mode_enabled()
    return *place, p[0].dim(), noisy, shifted, units


def _slopes(
    at: tuple[Tensor, Tensor],
    p: tuple[Tensor, Tensor],
    k: tuple[Tensor | None, Tensor | None],
    blocks: tuple[Block, Block],
) -> list[tuple[Tensor, Tensor | None]]:
    """Return ∂φ/∂u and ∂φ/∂|p| of gates and cell."""
    return [block.slopes(u, minus_p, one) for block, u, minus_p, one in zip(blocks, at, p, k, strict=True)]


def _pairs(like: Tensor, batch: int, *widths: int) -> tuple[Room, Room]:
    gates, cell = (tuple(like.new_empty(batch, width) for _ in range(5)) for width in widths)
    return gates, cell


def _noise(e: Tensor | None, width: int) -> Callable[[Any], tuple[Tensor | None, Tensor | None]]:
    """Return what gives the noise of a step, or of a range of steps, for gates (`width` columns) and cell."""
    if e is None:
        return lambda _: (None, None)
    gates, cell = e[..., :width], e[..., width:]
    return lambda t: (gates[t], cell[t])


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
        lengths: Tensor | None,
        blocks: tuple[Block, Block],
        compiled: bool,
    ) -> tuple[Tensor, Tensor]:
        """Run the window.

        `pre` is W·x + b, shape (T, B, 4n); `e` is ±(c/4)·ε, shape (T, B, 5n), and is overwritten; `shift` is added to
        what the cell's function sees, shape (T, B, n); the last c of a sequence is that after its number of steps in
        `lengths`, or after all; `blocks` are the gates and the cell; `compiled` takes kernels for the steps.
        """
        gates = blocks[0]
        steps, batch, width = pre.shape
        n = width // 4
        folded = (weight * gates.slope[:, None]).t().contiguous()
        u = torch.addcmul(gates.intercept, pre, gates.slope)
        phi, hidden, cells, tops = (pre.new_empty(steps, batch, k) for k in (width, n, n, n))
        minus_p = -p_gates.abs(), -p_cell.abs()
        work = _pairs(pre, batch, width, n)
        noise = _noise(e, width)
        sort = _sort(u, minus_p, e is not None, shift is not None, blocks) if compiled else None
        h, c = h0.detach(), c0.detach().contiguous()
        rows = zip(*(one.unbind(0) for one in (u, phi, hidden, cells, tops)), _columns(phi, 4), strict=True)
        for t, (at, gate, h_next, c_next, top, parts) in enumerate(rows):
            at.addmm_(h, folded)
            now = None if shift is None else shift[t]
            given, out = (at, c, now, minus_p, noise(t), blocks), (gate, c_next, top, h_next)
            if sort is None:
                lstm_step(*given, work, out, parts)
            else:
                kernel(lstm_next, sort)(*given, out)
            h, c = h_next, c_next
        ctx.save_for_backward(u, phi, hidden, cells, tops, weight, h0, c0, p_gates, p_cell, e, shift)
        ctx.blocks, ctx.sort, ctx.lengths = blocks, sort, lengths
        last = cells[-1].clone() if lengths is None else cells[lengths - 1, torch.arange(batch, device=cells.device)]
        return hidden, last

    @staticmethod
    def backward(ctx: Any, grad_hidden: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of what `forward` took."""
        refuse_second_derivative()
        u, phi, hidden, cells, tops, weight, h0, c0, p_gates, p_cell, e, shift = ctx.saved_tensors
        gates, sort = ctx.blocks[0], ctx.sort
        steps, _, width = u.shape
        n = width // 4
        minus_p = -p_gates.abs(), -p_cell.abs()
        noise = _noise(e, width)
        grad_p, grad_p_cell = torch.zeros_like(p_gates), torch.zeros_like(p_cell)
        folded = weight * gates.slope[:, None]
        grad_u = torch.empty_like(u)
        lengths, c0 = ctx.lengths, c0.detach().contiguous()
        gc, gh = torch.zeros_like(c0), torch.zeros_like(c0)
        if lengths is None:
            gc += grad_c
        grad_hidden = grad_hidden.contiguous()
        for t in range(steps - 1, -1, -1) if sort else ():
            if lengths is not None:
                gc.addcmul_(grad_c, (lengths == t + 1).to(gc.dtype)[:, None])
            both = u[t], cells[t] if shift is None else cells[t] + shift[t]
            given = both, cells[t - 1] if t else c0, phi[t], tops[t], grad_hidden[t]
            kernel(lstm_back, sort)(*given, gh, gc, minus_p, noise(t), ctx.blocks, grad_u[t])
            torch.mm(grad_u[t], folded, out=gh)
        if sort:
            by_p, by_p_cell = noise(slice(None))
            _add_p(grad_p, by_p, p_gates)
            _add_p(grad_p_cell, by_p_cell, p_cell)
        for start, stop in () if sort else _chunks(steps, u[0].numel()):
            own = slice(start, stop)
            seen = cells[own] if shift is None else cells[own] + shift[own]
            (by_u, by_p), (by_c, by_p_cell) = _slopes((u[own], seen), minus_p, noise(own), ctx.blocks)
            grad_phi, grad_top = torch.empty_like(by_u), torch.empty_like(by_c)
            rows = zip(
                *(one.unbind(0) for one in (grad_hidden[own], tops[own], grad_u[own], by_u, by_c, grad_phi, grad_top)),
                *(_columns(one, 4) for one in (phi[own], grad_phi)),
                strict=True,
            )
            for t, row in zip(range(stop - 1, start - 1, -1), reversed(list(rows)), strict=True):
                to_hidden, top, to_u, u_slope, c_slope, to_phi, to_top, (i, f, g, o), (to_i, to_f, to_g, to_o) = row
                gh.add_(to_hidden)
                if lengths is not None:
                    gc.addcmul_(grad_c, (lengths == t + 1).to(gc.dtype)[:, None])
                gc.addcmul_(torch.mul(gh, o, out=to_top), c_slope)
                torch.mul(gc, g, out=to_i)
                torch.mul(gc, cells[t - 1] if t else c0, out=to_f)
                torch.mul(gc, i, out=to_g)
                torch.mul(gh, top, out=to_o)
                torch.mul(u_slope, to_phi, out=to_u)
                torch.mm(to_u, folded, out=gh)
                gc.mul_(f)
            _add_p(grad_p, None if by_p is None else by_p.mul_(grad_phi), p_gates)
            _add_p(grad_p_cell, None if by_p_cell is None else by_p_cell.mul_(grad_top), p_cell)
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
            *(None,) * 5,
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
        blocks: tuple[Block, Block],
        compiled: bool,
    ) -> Tensor:
        """Run the window; `pre` is W·x + b without the recurrent bias of n, which is `bias`; `e` is (T, B, 3n).

        It is overwritten.
        """
        gates = blocks[0]
        steps, batch, width = pre.shape
        n = width // 3
        m = 2 * n
        fold = torch.cat([gates.slope, torch.ones_like(bias)])
        folded = (weight * fold[:, None]).t().contiguous()
        u = pre * fold  # the columns of n become U·h + bias, what the reset multiplies
        u[..., :m] += gates.intercept
        u[..., m:] = bias
        a, phi, hidden, news = (pre.new_empty(steps, batch, k) for k in (n, m, n, n))
        minus_p = -p_gates.abs(), -p_cell.abs()
        work = _pairs(pre, batch, m, n)
        noise = _noise(e, m)
        h, pre = h0.detach(), pre.detach()
        sort = _sort(u, minus_p, e is not None, False, blocks) if compiled else None
        h, pre = h.contiguous(), pre.contiguous()
        rows = zip(*(one.unbind(0) for one in (u, pre[..., m:], phi, a, news, hidden)), _columns(phi, 2), strict=True)
        for t, (at, candidate, *out, parts) in enumerate(rows):
            at.addmm_(h, folded)
            given = at, candidate, h, minus_p, noise(t), blocks
            if sort is None:
                gru_step(*given, work, tuple(out), parts)
            else:
                kernel(gru_next, sort)(*given, tuple(out))
            h = out[-1]
        ctx.save_for_backward(u, a, phi, hidden, news, weight, fold, h0, p_gates, p_cell, e)
        ctx.blocks, ctx.sort = blocks, sort
        return hidden

    @staticmethod
    def backward(ctx: Any, grad_hidden: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of what `forward` took."""
        refuse_second_derivative()
        u, a, phi, hidden, news, weight, fold, h0, p_gates, p_cell, e = ctx.saved_tensors
        sort = ctx.sort
        steps, _, width = u.shape
        n = width // 3
        m = 2 * n
        minus_p = -p_gates.abs(), -p_cell.abs()
        noise = _noise(e, m)
        grad_p, grad_p_cell = torch.zeros_like(p_gates), torch.zeros_like(p_cell)
        folded = weight * fold[:, None]
        grad_a, grad_u = torch.empty_like(a), torch.empty_like(u)
        h0, hidden, grad_hidden = h0.detach().contiguous(), hidden.detach(), grad_hidden.contiguous()
        gh = torch.zeros_like(h0)
        for t in range(steps - 1, -1, -1) if sort else ():
            given = (u[t, :, :m], a[t]), u[t, :, m:], hidden[t - 1] if t else h0, phi[t], news[t], grad_hidden[t]
            kernel(gru_back, sort)(*given, gh, minus_p, noise(t), ctx.blocks, (grad_u[t], grad_a[t]))
            gh.addmm_(grad_u[t], folded)
        if sort:
            by_p, by_p_cell = noise(slice(None))
            _add_p(grad_p, by_p, p_gates)
            _add_p(grad_p_cell, by_p_cell, p_cell)
        for start, stop in () if sort else _chunks(steps, u[0].numel()):
            own = slice(start, stop)
            (by_u, by_p), (by_a, by_p_cell) = _slopes((u[own, :, :m], a[own]), minus_p, noise(own), ctx.blocks)
            grad_phi, grad_new = torch.empty_like(by_u), torch.empty_like(by_a)
            to_candidate = grad_u[own, :, m:]
            of_steps = (
                grad_hidden[own],
                news[own],
                u[own, :, m:],
                grad_u[own],
                grad_u[own, :, :m],
                to_candidate,
                grad_a[own],
            )
            rows = zip(
                *(one.unbind(0) for one in (*of_steps, by_u, by_a, grad_phi, grad_new)),
                *(_columns(one, 2) for one in (phi[own], grad_phi)),
                strict=True,
            )
            for t, row in zip(range(stop - 1, start - 1, -1), reversed(list(rows)), strict=True):
                to_hidden, new, rec, to_u, to_gates, to_rec, to_a, u_slope, a_slope, to_phi, to_new, (r, z), two = row
                gh.add_(to_hidden)
                to_r, to_z = two
                torch.sub(hidden[t - 1] if t else h0, new, out=to_z).mul_(gh)
                torch.addcmul(gh, gh, z, value=-1.0, out=to_new)
                torch.mul(a_slope, to_new, out=to_a)
                torch.mul(to_a, rec, out=to_r)
                torch.mul(u_slope, to_phi, out=to_gates)
                torch.mul(to_a, r, out=to_rec)
                gh.mul_(z).addmm_(to_u, folded)
            _add_p(grad_p, None if by_p is None else by_p.mul_(grad_phi), p_gates)
            _add_p(grad_p_cell, None if by_p_cell is None else by_p_cell.mul_(grad_new), p_cell)
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
            *(None,) * 3,
        )
