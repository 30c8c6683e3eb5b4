"""φ(x, ξ) of a noisy unit as tensor operations (Eqs 9, 11, 12, 14 and 15).

`phi` is the reference: plain operations that autograd differentiates, any number of times. `value_and_slopes` gives φ,
∂φ/∂x and ∂φ/∂p at once by the formulas of `noisyviz.NoisyUnit`; `fast_phi` wraps it in one autograd function.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor

from noisyviz.torch.functions import TorchFunction, torch_scale
from noisyviz.units.kinds import KINDS, SCALES

USES_P: Final = tuple(name for name, kind in KINDS.items() if "p" in kind.uses)
USES_ALPHA: Final = tuple(name for name, kind in KINDS.items() if "alpha" in kind.uses)
BLOCK: Final = 1 << 17  # numbers worked on at once, so that intermediate results stay in the cache

Number: TypeAlias = "float | Tensor"


class _OfFunction(torch.autograd.Function):
    """What h and Δ keep for their derivatives."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, TorchFunction], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(inputs[0])
        ctx.function = inputs[1]


class _H(_OfFunction):
    """h with the derivative that is stated at its kinks."""

    @staticmethod
    def forward(x: Tensor, function: TorchFunction) -> Tensor:
        return function.h(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        _refuse_twice(ctx.function)
        return grad * ctx.function.slope(x), None


class _Delta(_OfFunction):
    """Δ with Δ′ = h′ − u′."""

    @staticmethod
    def forward(x: Tensor, function: TorchFunction) -> Tensor:
        return function.delta(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        _refuse_twice(ctx.function)
        return grad * (ctx.function.slope(x) - ctx.function.facts.slope), None


def _refuse_twice(function: TorchFunction) -> None:
    if function.numpy and torch.is_grad_enabled():
        raise RuntimeError(f"'{function.name}' is evaluated by NumPy and cannot be differentiated twice")


class _HalfSquare(torch.autograd.Function):
    """(g(v) − ½)² = ¼ tanh²(v/2); its derivative tanh(v/2)·e/(1 + e)², e = exp(−|v|), keeps its digits in the tails."""

    generate_vmap_rule = True

    @staticmethod
    def forward(v: Tensor) -> Tensor:
        return 0.25 * torch.tanh(0.5 * v) ** 2

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (v,) = ctx.saved_tensors
        return grad * _half_square_slope(v)


def _half_square_slope(v: Tensor) -> Tensor:
    e = torch.exp(-v.abs())
    return torch.tanh(0.5 * v) * e / (1.0 + e) ** 2


class _SoftplusReach(torch.autograd.Function):
    """r·softplus(reach/r) for r = |ξ| >= 0, with the derivative g(reach/r) by reach."""

    generate_vmap_rule = True

    @staticmethod
    def forward(reach: Tensor, r: Tensor) -> Tensor:
        excess = torch.where(r == 0, 0.0, r * torch.log1p(torch.exp(-reach.abs() / r)))
        return reach.clamp(min=0.0) + excess

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG004
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad * _gate(*ctx.saved_tensors), None


def _gate(reach: Tensor, r: Tensor) -> Tensor:
    return torch.where(reach == 0, 0.5, torch.sigmoid(reach / r))


def side(x: Tensor) -> Tensor:
    """Return the sign with sgn(0) = +1; NaN stays NaN."""
    return torch.where(x.isnan(), x, torch.where(x < 0, -1.0, 1.0))


def direction(x: Tensor, alpha: float) -> Tensor:
    """Return d(x) = −sgn(x)·sgn(1−α), so that half-normal noise points inward at α <= 1 and outward above."""
    return side(x) * (1.0 if alpha > 1.0 else -1.0)


def phi(
    function: TorchFunction,
    x: Tensor,
    xi: Tensor,
    *,
    kind: str,
    alpha: float,
    c: Number,
    p: Number,
    scale: str = "eq9",
) -> Tensor:
    """Return φ(x, ξ) by plain operations.

    Parameters
    ----------
    function
        h.
    x, xi
        Pre-activations and raw signed draws, broadcast against each other.
    kind, alpha, c, p, scale
        As in `noisyviz.NoisyUnit`; c and p may be tensors that broadcast against x.

    Returns
    -------
    Tensor
        Of the broadcast shape.
    """

    def h(z: Tensor) -> Tensor:
        value: Tensor = _H.apply(z, function)
        return value

    if kind == "none":
        return h(x)
    if kind == "add":
        return h(x) + c * xi
    if kind == "mult":
        return h(x) * (1.0 + c * xi)
    if kind == "nani":
        return h(x + c * xi)
    if kind == "nanis":
        return h(x + c * function.saturated(x).to(x.dtype) * xi)
    delta: Tensor = _Delta.apply(x, function)
    if kind == "nanil-softplus":
        size = delta * torch.sign(delta).detach()
        shift: Tensor = _SoftplusReach.apply(p * size, xi.abs())
        return h(x + c * side(xi) * shift)
    own = None if scale in SCALES else torch_scale(scale)
    level: Tensor
    if own is not None:
        level = _H.apply(x, own)
    else:
        level = _HalfSquare.apply(p * (delta if scale == "eq9" else _distance_squared(function, x)))
    sigma = c * level
    if kind == "nanil":
        return h(x + sigma * xi)
    epsilon = xi.abs() if kind == "nah" else xi
    return h(x) + (alpha - 1.0) * delta + direction(x, alpha).detach() * sigma * epsilon


def _distance(function: TorchFunction, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance beyond the thresholds, 0 between them, and its derivative's sign."""
    low, high = function.facts.thresholds
    right, left = x - high, low - x
    return torch.maximum(right, left).clamp(min=0.0), torch.where(right > 0, 1.0, -1.0)


def _distance_squared(function: TorchFunction, x: Tensor) -> Tensor:
    return _distance(function, x)[0] ** 2


def value_and_slopes(
    function: TorchFunction, x: Tensor, xi: Tensor, *, kind: str, alpha: float, c: Number, p: Number, scale: str
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return φ, ∂φ/∂x and ∂φ/∂p (None for a kind without p), of the broadcast shape; autograd records nothing."""
    if kind in ("none", "add", "mult", "nani", "nanis"):
        return (*_without_p(function, x, xi, kind, c), None)
    line = function.facts.slope
    if kind == "nanil-softplus":
        delta = function.delta(x)
        size, r, sign = delta.abs(), xi.abs(), side(xi)
        reach = p * size
        z = x + c * sign * _SoftplusReach.forward(reach, r)
        gate, slope = c * _gate(reach, r) * sign, function.slope(z)
        return (
            function.h(z),
            slope * (1.0 + gate * p * torch.sign(delta) * (function.slope(x) - line)),
            slope * gate * size,
        )
    own = None if scale in SCALES else torch_scale(scale)
    if own is not None:
        return _by_own_scale(function, own, x, xi, kind=kind, alpha=alpha, c=c)
    if scale == "eq9":
        inner = function.delta(x)
        inner_slope = function.slope(x) - line
    else:
        distance, way = _distance(function, x)
        inner, inner_slope = distance**2, 2.0 * distance * way
    v = p * inner
    half_tanh = torch.tanh(0.5 * v)
    e = torch.exp(-v.abs())
    k = half_tanh.mul(e).div_((1.0 + e) ** 2).mul_(c)  # K of Eq 9's derivative
    sigma = half_tanh.square_().mul_(0.25).mul_(c)
    if kind == "nanil":
        z = x + sigma * xi
        slope = function.slope(z)
        return function.h(z), slope * (1.0 + k * p * inner_slope * xi), slope * k * inner * xi
    epsilon = direction(x, alpha) * (xi.abs() if kind == "nah" else xi)
    k.mul_(epsilon)
    slope = function.slope(x)
    delta = inner if scale == "eq9" else function.delta(x)
    value = function.h(x).add_(delta, alpha=alpha - 1.0).addcmul_(sigma, epsilon)
    grad_x = slope + (alpha - 1.0) * (slope - line) + k * p * inner_slope
    return value, grad_x, k.mul_(inner)


def _by_own_scale(
    function: TorchFunction, own: TorchFunction, x: Tensor, xi: Tensor, *, kind: str, alpha: float, c: Number
) -> tuple[Tensor, Tensor, Tensor]:
    """Return φ, ∂φ/∂x and ∂φ/∂p = 0 for σ = c·f(x), f of a user's own."""
    sigma, by_x = c * own.h(x), c * own.slope(x)
    if kind == "nanil":
        z = x + sigma * xi
        value, grad_x = function.h(z), function.slope(z) * (1.0 + by_x * xi)
    else:
        epsilon = direction(x, alpha) * (xi.abs() if kind == "nah" else xi)
        slope = function.slope(x)
        value = function.h(x) + (alpha - 1.0) * function.delta(x) + sigma * epsilon
        grad_x = slope + (alpha - 1.0) * (slope - function.facts.slope) + by_x * epsilon
    return value, grad_x, torch.zeros_like(grad_x)


def _without_p(function: TorchFunction, x: Tensor, xi: Tensor, kind: str, c: Number) -> tuple[Tensor, Tensor]:
    if kind == "none":
        return function.h(x), function.slope(x)
    if kind == "add":
        return function.h(x) + c * xi, function.slope(x) + 0.0 * xi
    if kind == "mult":
        return function.h(x) * (1.0 + c * xi), function.slope(x) * (1.0 + c * xi)
    z = x + (c * xi if kind == "nani" else c * function.saturated(x).to(x.dtype) * xi)
    return function.h(z), function.slope(z)


def refuse_second_derivative() -> None:
    """Refuse a backward pass that is to be differentiated: its graph would silently lack φ″."""
    if torch.is_grad_enabled():
        raise RuntimeError("the fast method has no second derivative; make the module with reference=True")


class _Blocks:
    """Rows of x and ξ, a block at a time, with what p, c and the kind need; numbers of a block stay in the cache."""

    def __init__(self, x: Tensor, xi: Tensor, p: Tensor, c: Tensor) -> None:
        self.units = (-1, x.shape[-1]) if p.dim() else (-1,)
        self.x, self.xi, self.p, self.c = x.reshape(self.units), xi.expand(x.shape).reshape(self.units), p, c
        self.step = max(1, BLOCK // (x.shape[-1] if p.dim() else 1)) if x.device.type == "cpu" else self.x.shape[0]

    def __iter__(self) -> Iterator[slice]:
        return (slice(start, start + self.step) for start in range(0, self.x.shape[0], self.step))

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over all but the last axis for one p per unit, over everything for one p."""
        return values.sum(0) if self.p.dim() else values.sum()


class _Fast(torch.autograd.Function):
    """φ with gradients worked out beside it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, xi: Tensor, p: Tensor, c: Tensor, options: dict[str, Any]) -> Tensor:
        rows = _Blocks(x, xi, p, c)
        value, grad_x = torch.empty_like(rows.x), torch.empty_like(rows.x)
        grad_p = torch.empty_like(rows.x) if options["kind"] in USES_P and ctx.needs_input_grad[2] else None
        for part in rows:
            found, by_x, by_p = value_and_slopes(x=rows.x[part], xi=rows.xi[part], p=p, c=c, **options)
            value[part], grad_x[part] = found, by_x
            if grad_p is not None and by_p is not None:
                grad_p[part] = by_p
        ctx.save_for_backward(grad_x, grad_p)
        ctx.rows, ctx.shape = rows.sum, x.shape
        return value.view(x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        grad_x, grad_p = ctx.saved_tensors
        rows = grad.reshape(grad_x.shape)
        by_p = None if grad_p is None else ctx.rows(rows * grad_p)
        return (rows * grad_x).view(ctx.shape), None, by_p, None, None


class _OutputNoise(torch.autograd.Function):
    """φ of Eqs 11 and 12 with σ of Eq 9; keeps x, and K·d(x)·ε in the memory of draws that nobody else needs.

    With q = exp(−|pΔ|) and E = q − 1, tanh(|pΔ|/2) is −E/(2 + E) and 1/cosh² is 4q/(2 + E)²: both keep their digits,
    near 0 and in the tails, and cost less than tanh and cosh.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, xi: Tensor, p: Tensor, c: Tensor, own: bool, options: dict[str, Any]) -> Tensor:
        rows = _Blocks(x, xi, p, c)
        function, keep, sign = options["function"], options["alpha"] - 1.0, 1.0 if options["alpha"] > 1.0 else -1.0
        value, ks = torch.empty_like(rows.x), rows.xi if own else torch.empty_like(rows.x)
        quarter = 0.25 * sign * c
        for part in rows:
            at, out = rows.x[part], value[part]
            epsilon = _signed(rows.xi[part], at, options["kind"]).mul_(quarter)
            h, v = function.h(at), function.delta(at)
            torch.add(h, v, alpha=keep, out=out)
            v.mul_(p)
            e = v.abs().neg_()
            q = torch.exp(e)
            e.expm1_()
            base = e + 2.0
            t = e.div_(base)  # −tanh(|pΔ|/2)
            torch.mul(t, t, out=h)
            out.addcmul_(h, epsilon)
            torch.mul(torch.copysign(t, v, out=t), q.mul_(4.0), out=ks[part]).div_(base).div_(base).mul_(epsilon)
        ctx.save_for_backward(x, p)
        ctx.ks = ks.view(x.shape)  # neither an input nor a result
        ctx.function, ctx.keep = function, keep
        return value.view(x.shape)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivative()
        x, p = ctx.saved_tensors
        rows = _Blocks(x, ctx.ks, p, p)
        function, line = ctx.function, ctx.function.facts.slope
        grads, grad_x = grad.reshape(rows.units), torch.empty_like(rows.x)
        grad_p = torch.zeros_like(p)
        for part in rows:
            at, g, k = rows.x[part], grads[part], rows.xi[part]
            if ctx.needs_input_grad[2]:
                grad_p += rows.sum(function.delta(at).mul_(g).mul_(k))
            by_h = function.backward(g, at)
            torch.addcmul(by_h, torch.sub(by_h, g, alpha=line), (k * p).add_(ctx.keep), out=grad_x[part])
        return grad_x.view(x.shape), None, grad_p, None, None, None


def _signed(xi: Tensor, x: Tensor, kind: str) -> Tensor:
    """Return sgn(x)·ε with sgn(0) = 1, where ε = |ξ| for half-normal noise."""
    positive_zero = x + 0.0
    if kind == "nah":
        return torch.copysign(xi, positive_zero)
    return torch.copysign(torch.ones((), dtype=x.dtype, device=x.device), positive_zero).mul_(xi)


def fast_phi(
    function: TorchFunction, x: Tensor, xi: Tensor, *, p: Tensor, c: Tensor, own: bool = False, **options: Any
) -> Tensor:
    """Return φ(x, ξ) as `phi` does, in less time; it can be differentiated once.

    Parameters
    ----------
    p
        Scalar, or of shape (units,) for the last axis of x.
    c
        Scalar.
    own
        Whether `xi` has x's shape and may be overwritten.
    """
    given = {"function": function, **options}
    if options["kind"] in USES_ALPHA and options["scale"] == "eq9" and not function.numpy:
        lean: Tensor = _OutputNoise.apply(x, xi, p, c, own and x.is_contiguous(), given)
        return lean
    value: Tensor = _Fast.apply(x, xi, p, c, given)
    return value
