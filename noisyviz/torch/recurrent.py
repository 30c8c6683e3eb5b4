"""LSTM and GRU layers and cells whose gates are noisy units; arguments, shapes and weight names are PyTorch's."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop
from torch.nn.functional import linear
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from noisyviz.errors import InputError, check_name
from noisyviz.torch.activation import ALPHA_SIGMOID, ALPHA_TANH, check_unit, make_p
from noisyviz.torch.functional import USES_ALPHA, phi
from noisyviz.torch.functions import TorchFunction, torch_function
from noisyviz.torch.noise import abs_mean, draw
from noisyviz.torch.sequence import Block, GRUWindow, LSTMWindow
from noisyviz.units.parameters import default

PAIRS: Final = {("hard-tanh", "hard-sigmoid"): False, ("tanh", "sigmoid"): True}
"""The functions that the fast method knows: whether they are soft."""
SLOTS: Final = ("all", "gates", "cell")
HALF: Final = (torch.float16, torch.bfloat16)
FAST_KINDS: Final = ("none", "nan", "nah", "nani")

Weights = tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor]
"""Weights and biases of the input and of the state, (w, u, b, d), and p."""

Seen = Callable[[str, str, Tensor], None]
"""Called with the name of a gate and of its layer, its function, and its pre-activations of one step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slot:
    """One noisy activation inside a cell: which columns of p and of the draws it takes."""

    name: str
    sigmoid: bool
    gate: bool  # multiplies a state, or lets something into it


LSTM_SLOTS: Final = (
    Slot(name="input_gate", sigmoid=True, gate=True),
    Slot(name="forget_gate", sigmoid=True, gate=True),
    Slot(name="cell_candidate", sigmoid=False, gate=False),
    Slot(name="output_gate", sigmoid=True, gate=True),
    Slot(name="cell_output", sigmoid=False, gate=False),
)
GRU_SLOTS: Final = (
    Slot(name="reset_gate", sigmoid=True, gate=True),
    Slot(name="update_gate", sigmoid=True, gate=True),
    Slot(name="candidate", sigmoid=False, gate=False),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Constants:
    """What the fast method needs of the units, with a column for each unit of each slot."""

    blocks: tuple[Block, Block]
    noisy: Tensor  # 1, or 0 for a slot without noise
    signs: Tensor  # ±¼ for noise inward or outward, 0 for none


class _Units(nn.Module):
    """What layers and cells share: the unit in every slot, its p and c, the draws, and a window of steps."""

    SLOTS: ClassVar[tuple[Slot, ...]]
    GATES: ClassVar[int]
    """Blocks of rows of the weights."""
    HEAD: ClassVar[int]
    """How many slots come before that of the cell's function or the candidate."""
    compile_steps = False
    c: Tensor
    _rows: Tensor | None
    _kept: tuple[Any, Constants] | None

    def _set_units(
        self,
        *,
        kind: str,
        tanh: str,
        sigmoid: str,
        alpha: float | None,
        alpha_sigmoid: float | None,
        c: float,
        p: str | float,
        scale: str,
        noise: str,
        slots: str,
        share: str | None,
        generator: torch.Generator | None,
        reference: bool,
        factory: dict[str, Any],
    ) -> None:
        check_name("slots", slots, SLOTS)
        if share not in (None, "time"):
            raise InputError(f"share must be None or 'time', got {share!r}", parameter="share")
        self.kind, self.tanh, self.sigmoid, self.scale, self.noise = kind, tanh, sigmoid, scale, noise
        self.alpha = check_unit(
            tanh, kind=kind, alpha=ALPHA_TANH if alpha is None else alpha, c=c, scale=scale, noise=noise
        )
        self.alpha_sigmoid = check_unit(
            sigmoid,
            kind=kind,
            alpha=ALPHA_SIGMOID if alpha_sigmoid is None else alpha_sigmoid,
            c=c,
            scale=scale,
            noise=noise,
        )
        self.slots, self.share, self.generator, self.reference, self.p = slots, share, generator, reference, p
        self._functions = torch_function(tanh), torch_function(sigmoid)
        self._mean = abs_mean(noise) if kind == "nah" else 0.0
        self._watchers: list[Seen] = []
        self._kept = None
        self._layer, self._rows = "", None  # what a watcher is told: suffix of the layer, rows that are no padding
        self.register_buffer("c", torch.tensor(float(c), **factory))
        if kind in USES_ALPHA and self.alpha_sigmoid < 1.0 and slots != "cell":
            warnings.warn(
                f"alpha_sigmoid = {self.alpha_sigmoid:g} lets gates exceed 1, so that a state they multiply can grow "
                "without bound; the paper's authors use 1.1",
                stacklevel=4,
            )

    def _noisy(self, slot: Slot) -> bool:
        return self.slots == "all" or (self.slots == "gates") is slot.gate

    def _function(self, slot: Slot) -> TorchFunction:
        return self._functions[slot.sigmoid]

    def _draws(self, steps: int, batch: int, like: Tensor) -> Tensor | None:
        """Return ξ of every slot, shape (T or 1, B, slots·n), or None where the expectation takes its place."""
        if not self.training or self.kind == "none":
            return None
        shape = (1 if self.share else steps, batch, len(self.SLOTS) * self.hidden_size)
        return draw(self.noise, shape, generator=self.generator, device=like.device, dtype=like.dtype)

    hidden_size: int

    def _apply_slot(self, index: int, pre: Tensor, xi: Tensor | None, p: Tensor) -> Tensor:
        """Return φ of a slot by plain operations; `xi` and `p` have the columns of all slots."""
        slot, n = self.SLOTS[index], self.hidden_size
        for watch in self._watchers:
            seen = pre.detach()
            watch(slot.name + self._layer, self._function(slot).name, seen if self._rows is None else seen[self._rows])
        own = slice(index * n, (index + 1) * n)
        kind = self.kind if self._noisy(slot) else "none"
        if xi is None:
            kind, draws = kind if kind in USES_ALPHA else "none", pre.new_full((), self._mean)
        else:
            draws = xi[..., own]
        return phi(
            self._function(slot),
            pre,
            draws,
            kind=kind,
            alpha=self.alpha_sigmoid if slot.sigmoid else self.alpha,
            c=self.c.to(pre.dtype),
            p=p[own] if p.dim() else p,
            scale=self.scale,
        )

    def _constants(self, like: Tensor) -> "Constants":
        """Return what the fast method needs of the units, made once for each setting, device and precision."""
        key = (self.kind, self.slots, self.tanh, self.sigmoid, self.alpha, self.alpha_sigmoid, like.device, like.dtype)
        kept = self._kept
        if kept is None or kept[0] != key:
            noisy = [float(self._noisy(one)) for one in self.SLOTS]
            signs = [-1.0 if (self.alpha_sigmoid if one.sigmoid else self.alpha) > 1.0 else 1.0 for one in self.SLOTS]
            columns = torch.tensor([noisy, signs], device=like.device, dtype=like.dtype)
            shift, sign = columns.repeat_interleave(self.hidden_size, 1)
            kept = self._kept = (
                key,
                Constants(
                    blocks=(self._block(self.SLOTS[: self.HEAD], like), self._block(self.SLOTS[self.HEAD :], like)),
                    noisy=shift,
                    signs=0.25 * shift * sign,
                ),
            )
        return kept[1]

    def _block(self, slots: tuple[Slot, ...], like: Tensor) -> Block:
        def column(value: Callable[[Slot], float]) -> Tensor:
            return torch.tensor([value(one) for one in slots], device=like.device, dtype=like.dtype).repeat_interleave(
                self.hidden_size
            )

        used, n = self.kind in USES_ALPHA, self.hidden_size
        limits = [(0.0 if one.sigmoid else -1.0, 1.0) for one in slots]
        edges = [k for k in range(len(slots)) if not k or limits[k] != limits[k - 1]]
        keep = [
            (self.alpha_sigmoid if one.sigmoid else self.alpha) - 1.0 if used and self._noisy(one) else 0.0
            for one in slots
        ]
        return Block(
            slope=column(lambda one: 0.25 if one.sigmoid else 1.0),
            intercept=column(lambda one: 0.5 if one.sigmoid else 0.0),
            low=column(lambda one: 0.0 if one.sigmoid else -1.0),
            high=column(lambda _: 1.0),
            centre=column(lambda one: 0.5 if one.sigmoid else 0.0),
            half=column(lambda one: 0.5 if one.sigmoid else 1.0),
            keep=torch.tensor(keep, device=like.device, dtype=like.dtype).repeat_interleave(n),
            leaks=any(keep),
            spans=tuple(
                (start * n, stop * n, *limits[start])
                for start, stop in zip(edges, [*edges[1:], len(slots)], strict=True)
            ),
            soft=PAIRS[self.tanh, self.sigmoid],
        )

    def _signed(self, xi: Tensor | None, batch: int, like: Tensor) -> Tensor | None:
        """Return ±(c/4)·ε of every slot, or None where there is no noise on an output."""
        if self.kind not in USES_ALPHA or (xi is None and self.kind == "nan"):
            return None
        if xi is None:
            xi = like.new_full((1, batch, len(self.SLOTS) * self.hidden_size), self._mean)
        factor = (self._constants(like).signs * self.c).to(like.dtype)
        return (xi.abs() if self.kind == "nah" else xi) * factor

    def _input_noise(self, xi: Tensor | None, like: Tensor) -> Tensor | None:
        """Return c·ξ of every slot (Eq 15), or None where there is no noise on an input."""
        if self.kind != "nani" or xi is None:
            return None
        return xi * (self._constants(like).noisy * self.c).to(like.dtype)

    def _is_fast(self, pre: Tensor) -> bool:
        return (
            not self.reference
            and (self.tanh, self.sigmoid) in PAIRS
            and self.kind in FAST_KINDS
            and (self.scale == "eq9" or self.kind not in USES_ALPHA)
            and not self._watchers
            and pre.numel() > 0
            and not torch.compiler.is_compiling()
            and not torch._C._functorch.is_functorch_wrapped_tensor(pre)
        )

    def _run(
        self, x: Tensor, state: list[Tensor], weights: "Weights", layer: str, lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Return h_t for all steps, shape (T, B, n), and the state after the last one, or that after `lengths` steps.

        What lies behind the products with the input is worked out in single precision at least.
        """
        w, u, b, d, p = weights
        bias, rest = (None, None) if b is None or d is None else self._biases(b, d)
        pre = linear(x, w, bias)
        narrow, wide = pre.dtype, torch.float32 if pre.dtype in HALF else pre.dtype
        own = [None if one is None else one.to(wide) for one in (u, rest, p)]
        self._layer = layer
        with torch.autocast(x.device.type, enabled=False):
            pre = pre.to(wide)
            start = [value.to(wide) for value in state]
            out, last = self._window(pre, start, own, self._draws(pre.shape[0], pre.shape[1], pre), lengths)
        self._rows = None
        return out.to(narrow), [value.to(narrow) for value in last]

    def _biases(self, b: Tensor, d: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the bias of the products with the input, and what must be added to those with the state."""
        raise NotImplementedError

    def _window(
        self, pre: Tensor, state: list[Tensor], weights: list[Any], xi: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        """Run a window in one direction; `weights` are those of the state, the rest of its bias, and p."""
        raise NotImplementedError

    def _each(self, xi: Tensor | None, steps: int, lengths: Tensor | None) -> Iterator[tuple[int, Tensor | None]]:
        """Yield every step with its draws, and tell watchers which rows are not over."""
        for t in range(steps):
            self._rows = None if lengths is None else t < lengths
            yield t, None if xi is None else xi[min(t, xi.shape[0] - 1)]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what cannot be pickled; names give the functions back."""
        return {**self.__dict__, "_functions": None, "generator": None, "_watchers": [], "_kept": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._functions = torch_function(self.tanh), torch_function(self.sigmoid)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take the weights of PyTorch's own layer too: p and c then keep their values."""
        for name, value in {**dict(self.named_parameters(recurse=False)), "c": self.c}.items():
            if name == "c" or name.startswith("p_"):
                state_dict.setdefault(prefix + name, value)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def plain_state_dict(self) -> dict[str, Tensor]:
        """Return the weights under the names of PyTorch's own layer, without p and c."""
        return {name: value for name, value in self.state_dict().items() if not name.startswith("p_") and name != "c"}

    def extra_repr(self) -> str:
        """Name the units."""
        return (
            f"hidden_size={self.hidden_size}, kind={self.kind}, {self.tanh} with alpha {self.alpha:g}, "
            f"{self.sigmoid} with alpha {self.alpha_sigmoid:g}, c={float(self.c):g}"
        )


class _LSTM(_Units):
    SLOTS, GATES, HEAD = LSTM_SLOTS, 4, 4

    def _biases(self, b: Tensor, d: Tensor) -> tuple[Tensor, Tensor | None]:
        return b + d, None

    def _window(
        self, pre: Tensor, state: list[Tensor], weights: list[Any], xi: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        u, _, p = weights
        h, c = state
        if self._is_fast(pre):
            e = self._signed(xi, pre.shape[1], pre)
            e = None if e is None else e.expand(pre.shape[0], -1, -1).contiguous()
            n = 4 * self.hidden_size
            p_gates, p_cell = (p[:n], p[n:]) if p.dim() else (p, p)
            shift = self._input_noise(xi, pre)
            if shift is not None:
                pre, shift = pre + shift[..., :n], shift[..., n:].expand(pre.shape[0], -1, -1)
            blocks = self._constants(pre).blocks
            hidden, last = LSTMWindow.apply(
                pre, u, h, c, p_gates, p_cell, e, shift, lengths, blocks, self.compile_steps
            )
            return hidden, [_at(hidden, lengths), last]
        states = []
        for t, draws in self._each(xi, pre.shape[0], lengths):
            h, c = self._step(pre[t] + linear(h, u), c, draws, p)
            states.append((h, c))
        hidden, cells = (torch.stack(one) for one in zip(*states, strict=True))
        return hidden, [_at(hidden, lengths), _at(cells, lengths)]

    def _step(self, pre: Tensor, c: Tensor, xi: Tensor | None, p: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = pre.chunk(4, -1)
        gate = self._apply_slot
        c = gate(1, f, xi, p) * c + gate(0, i, xi, p) * gate(2, g, xi, p)
        return gate(3, o, xi, p) * gate(4, c, xi, p), c


class _GRU(_Units):
    SLOTS, GATES, HEAD = GRU_SLOTS, 3, 2

    def _biases(self, b: Tensor, d: Tensor) -> tuple[Tensor, Tensor | None]:
        m = 2 * self.hidden_size
        return b + torch.cat([d[:m], torch.zeros_like(d[m:])]), d[m:]

    def _window(
        self, pre: Tensor, state: list[Tensor], weights: list[Any], xi: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, list[Tensor]]:
        u, bias, p = weights
        n, m = self.hidden_size, 2 * self.hidden_size
        bias = pre.new_zeros(n) if bias is None else bias
        (h,) = state
        if self._is_fast(pre):
            e = self._signed(xi, pre.shape[1], pre)
            e = None if e is None else e.expand(pre.shape[0], -1, -1).contiguous()
            p_gates, p_cell = (p[:m], p[m:]) if p.dim() else (p, p)
            shift = self._input_noise(xi, pre)
            pre = pre if shift is None else pre + shift
            blocks = self._constants(pre).blocks
            hidden = GRUWindow.apply(pre, u, bias, h, p_gates, p_cell, e, blocks, self.compile_steps)
            return hidden, [_at(hidden, lengths)]
        rec_bias, states = torch.cat([pre.new_zeros(m), bias]), []
        for t, draws in self._each(xi, pre.shape[0], lengths):
            h = self._step(pre[t], linear(h, u, rec_bias), h, draws, p)
            states.append(h)
        hidden = torch.stack(states)
        return hidden, [_at(hidden, lengths)]

    def _step(self, pre: Tensor, rec: Tensor, h: Tensor, xi: Tensor | None, p: Tensor) -> Tensor:
        (pr, pz, pn), (hr, hz, hn) = pre.chunk(3, -1), rec.chunk(3, -1)
        gate = self._apply_slot
        r, z = gate(0, pr + hr, xi, p), gate(1, pz + hz, xi, p)
        new = gate(2, pn + r * hn, xi, p)
        return new + z * (h - new)


def _at(values: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the last step of each sequence, shape (B, n), of values of shape (T, B, n)."""
    return values[-1] if lengths is None else values[lengths - 1, torch.arange(len(lengths), device=values.device)]


def _flipped(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the steps of each sequence in the opposite order; what is behind its end stays there."""
    if lengths is None:
        return x.flip(0)
    t = torch.arange(x.shape[0], device=x.device)[:, None]
    return x[torch.where(t < lengths, lengths - 1 - t, t), torch.arange(x.shape[1], device=x.device)]


class _NoisyRNN(_Units):
    """Layers and directions of a recurrent network."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        kind: str = default("unit"),
        tanh: str = "hard-tanh",
        sigmoid: str = "hard-sigmoid",
        alpha: float | None = None,
        alpha_sigmoid: float | None = None,
        c: float = default("c"),
        p: str | float = "unit",
        scale: str = default("scale"),
        noise: str = default("noise"),
        slots: str = "all",
        share: str | None = None,
        generator: torch.Generator | None = None,
        reference: bool = False,
        compile: bool = False,
    ) -> None:
        super().__init__()
        self.compile_steps = compile
        if proj_size:
            raise InputError(
                f"proj_size must be 0: projections are not supported, got {proj_size}", parameter="proj_size"
            )
        for name, value in (("hidden_size", hidden_size), ("num_layers", num_layers)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, got {value}", parameter=name)
        if not 0.0 <= dropout <= 1.0:
            raise InputError(f"dropout must be from 0 to 1, got {dropout}", parameter="dropout")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, float(dropout), bidirectional
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self._set_units(
            kind=kind,
            tanh=tanh,
            sigmoid=sigmoid,
            alpha=alpha,
            alpha_sigmoid=alpha_sigmoid,
            c=c,
            p=p,
            scale=scale,
            noise=noise,
            slots=slots,
            share=share,
            generator=generator,
            reference=reference,
            factory=factory,
        )
        directions = 2 if bidirectional else 1
        for layer, suffix in self._suffixes():
            inputs = input_size if layer == 0 else hidden_size * directions
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (self.GATES * hidden_size, inputs),
                "weight_hh": (self.GATES * hidden_size, hidden_size),
            }
            if bias:
                shapes |= {"bias_ih": (self.GATES * hidden_size,), "bias_hh": (self.GATES * hidden_size,)}
            for name, shape in shapes.items():
                self.register_parameter(f"{name}{suffix}", nn.Parameter(torch.empty(shape, **factory)))
            make_p(self, f"p{suffix}", p, len(self.SLOTS) * hidden_size, kind=kind, **factory)
        self.reset_parameters()

    def _suffixes(self) -> Iterator[tuple[int, str]]:
        for layer in range(self.num_layers):
            for reverse in ("", "_reverse")[: 2 if self.bidirectional else 1]:
                yield layer, f"_l{layer}{reverse}"

    def reset_parameters(self) -> None:
        """Draw weights and biases from U[−1/√n, 1/√n] as PyTorch does; p keeps its own start."""
        bound = 1.0 / sqrt(self.hidden_size)
        for name, weight in self.named_parameters(recurse=False):
            if not name.startswith("p_"):
                nn.init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing; there for code written for PyTorch's own layers."""

    @torch.compiler.disable  # a compiled model calls the layer as it is: unrolled loops take minutes to compile
    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """Run the layers; shapes, packing and results are those of PyTorch's own layer.

        Raises
        ------
        InputError
            For an input of another shape.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        if input.dim() not in (2, 3) or input.shape[-1] != self.input_size:
            raise InputError(
                f"input must be of shape (…, {self.input_size}) with two or three axes, got {tuple(input.shape)}",
                parameter="input",
            )
        single = input.dim() == 2
        x = input.unsqueeze(1) if single else input.transpose(0, 1) if self.batch_first else input
        state = self._start(x, hx, single=single)
        x, last = self._layers(x, state, None)
        if single:
            return x.squeeze(1), self._end([value.squeeze(1) for value in last])
        return (x.transpose(0, 1) if self.batch_first else x), self._end(last)

    def _packed(self, packed: PackedSequence, hx: Any) -> tuple[PackedSequence, Any]:
        x, lengths = pad_packed_sequence(packed)
        x, last = self._layers(x, self._start(x, hx, single=False), lengths.to(x.device))
        repacked = pack_padded_sequence(x, lengths, enforce_sorted=False)
        out = PackedSequence(repacked.data, repacked.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        if packed.sorted_indices is None:
            ordered = pack_padded_sequence(x, lengths, enforce_sorted=True)
            out = PackedSequence(ordered.data, ordered.batch_sizes, None, None)
        return out, self._end(last)

    def _start(self, x: Tensor, hx: Any, *, single: bool) -> list[Tensor]:
        layers = self.num_layers * (2 if self.bidirectional else 1)
        count = 2 if isinstance(self, NoisyLSTM) else 1
        given = [None] * count if hx is None else list(hx) if count == 2 else [hx]
        shape = (layers, x.shape[1], self.hidden_size)
        found = []
        for value in given:
            state = x.new_zeros(shape) if value is None else value.unsqueeze(1) if single else value
            if tuple(state.shape) != shape:
                raise InputError(f"hx must be of shape {shape}, got {tuple(state.shape)}", parameter="hx")
            found.append(state)
        return found

    def _end(self, last: list[Tensor]) -> Any:
        return tuple(last) if isinstance(self, NoisyLSTM) else last[0]

    def _layers(self, x: Tensor, start: list[Tensor], lengths: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        lasts: list[list[Tensor]] = [[] for _ in start]
        outputs: list[Tensor] = []
        for row, (layer, suffix) in enumerate(self._suffixes()):
            reverse = suffix.endswith("_reverse")
            if not reverse:
                x = torch.cat(outputs, -1) if outputs else x
                x = drop(x, self.dropout, self.training) if layer and self.dropout else x
                outputs = []
            out, last = self._direction(x, [value[row] for value in start], suffix, lengths, reverse=reverse)
            outputs.append(out)
            for stack, value in zip(lasts, last, strict=True):
                stack.append(value)
        return torch.cat(outputs, -1), [torch.stack(stack) for stack in lasts]

    def _weights(self, suffix: str) -> Weights:
        def get(name: str) -> Any:
            return getattr(self, f"{name}{suffix}") if self.bias or not name.startswith("bias") else None

        return get("weight_ih"), get("weight_hh"), get("bias_ih"), get("bias_hh"), get("p")

    def _direction(
        self, x: Tensor, state: list[Tensor], suffix: str, lengths: Tensor | None, *, reverse: bool
    ) -> tuple[Tensor, list[Tensor]]:
        if not x.shape[0]:
            return x.new_zeros(0, x.shape[1], self.hidden_size), state
        x = _flipped(x, lengths) if reverse else x
        out, last = self._run(x, state, self._weights(suffix), suffix, lengths)
        return _flipped(out, lengths) if reverse else out, last


class NoisyLSTM(_LSTM, _NoisyRNN):
    """An LSTM whose gates are noisy units; a drop-in for `torch.nn.LSTM`.

    Arguments, shapes and weight names are those of `torch.nn.LSTM`, whose state dict it takes; ``plain_state_dict``
    gives one back. Five slots for each unit: input, forget and output gate, candidate, and the function of the cell.

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        As in `torch.nn.LSTM`; `proj_size` must be 0.
    kind
        One of `noisyviz.torch.KINDS`.
    tanh, sigmoid
        Names of the functions in the slots: ``hard-tanh`` and ``hard-sigmoid``, or ``tanh`` and ``sigmoid``, which
        have a fast method for none, nan, nah and nani; any other by plain operations.
    alpha, alpha_sigmoid
        α of the two, by default the authors' 1.15 and 1.1. Below 1 a gate exceeds 1 and the state can grow without
        bound.
    c
        Noise level: a buffer, set by `NoiseAnnealing`.
    p
        ``"unit"``, ``"scalar"`` or a number, see `NoisyActivation`; entries in the order of the slots.
    scale, noise
        As in `noisyviz.NoisyUnit`.
    slots
        ``"all"``, ``"gates"`` or ``"cell"`` (candidate and cell function); the others are without noise.
    share
        ``"time"`` draws once for a window, as dropout over time does; None for every step.
    generator
        Source of the draws.
    reference
        Use plain operations throughout; they can be differentiated twice.
    compile
        Compile what lies between two matrix products into one kernel (torch.compile, which needs a C++ compiler).
        The first window of each shape waits for it, some 20 seconds; pays in long training.

    Raises
    ------
    InputError
        For a value outside its domain.

    References
    ----------
    Gulcehre et al. 2016, section 5.

    Examples
    --------
    >>> lstm = NoisyLSTM(3, 4, num_layers=2, kind="nan", batch_first=True)
    >>> out, (h, c) = lstm(torch.zeros(5, 7, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 7, 4]), torch.Size([2, 5, 4]))
    """


class NoisyGRU(_GRU, _NoisyRNN):
    """A GRU whose gates are noisy units; a drop-in for `torch.nn.GRU`.

    Three slots for each unit: reset gate, update gate and candidate. See `NoisyLSTM` for the parameters.

    Examples
    --------
    >>> out, h = NoisyGRU(3, 4, bidirectional=True)(torch.zeros(7, 5, 3))
    >>> out.shape, h.shape
    (torch.Size([7, 5, 8]), torch.Size([2, 5, 4]))
    """


class _NoisyCell(_Units):
    """One step, for decoders."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    p_l0: Tensor

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        kind: str = default("unit"),
        tanh: str = "hard-tanh",
        sigmoid: str = "hard-sigmoid",
        alpha: float | None = None,
        alpha_sigmoid: float | None = None,
        c: float = default("c"),
        p: str | float = "unit",
        scale: str = default("scale"),
        noise: str = default("noise"),
        slots: str = "all",
        generator: torch.Generator | None = None,
        reference: bool = False,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        factory: dict[str, Any] = {"device": device, "dtype": dtype}
        self._set_units(
            kind=kind,
            tanh=tanh,
            sigmoid=sigmoid,
            alpha=alpha,
            alpha_sigmoid=alpha_sigmoid,
            c=c,
            p=p,
            scale=scale,
            noise=noise,
            slots=slots,
            share=None,
            generator=generator,
            reference=reference,
            factory=factory,
        )
        bound, rows = 1.0 / sqrt(hidden_size), self.GATES * hidden_size
        for name, shape in (("weight_ih", (rows, input_size)), ("weight_hh", (rows, hidden_size))):
            self.register_parameter(name, nn.Parameter(torch.empty(shape, **factory).uniform_(-bound, bound)))
        for name in ("bias_ih", "bias_hh"):
            made = nn.Parameter(torch.empty(rows, **factory).uniform_(-bound, bound)) if bias else None
            self.register_parameter(name, made)
        make_p(self, "p_l0", p, len(self.SLOTS) * hidden_size, kind=kind, **factory)

    def _next(self, x: Tensor, hx: tuple[Tensor, ...] | None, count: int) -> list[Tensor]:
        """Return the state, `count` tensors, after a step from `hx`, or from zeros."""
        rows, n = x.reshape(-1, x.shape[-1]), self.hidden_size
        state = [rows.new_zeros(len(rows), n)] * count if hx is None else [one.reshape(-1, n) for one in hx]
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, self.p_l0
        _, last = self._run(rows.unsqueeze(0), state, weights, "", None)
        return [one.reshape(*x.shape[:-1], n) for one in last]


class NoisyLSTMCell(_LSTM, _NoisyCell):
    """One step of an LSTM with noisy units; a drop-in for `torch.nn.LSTMCell`, see `NoisyLSTM`."""

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Return h and c of the next step, of shape (B, n) or (n,)."""
        h, c = self._next(input, hx, 2)
        return h, c


class NoisyGRUCell(_GRU, _NoisyCell):
    """One step of a GRU with noisy units; a drop-in for `torch.nn.GRUCell`, see `NoisyGRU`."""

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return h of the next step, of shape (B, n) or (n,)."""
        (h,) = self._next(input, None if hx is None else (hx,), 1)
        return h
