"""Pre-activations of a running model, kept on disk: those of activations, and of the gates inside recurrent layers."""

import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from noisyviz.errors import InputError
from noisyviz.networks.profile import profile
from noisyviz.networks.results import Profile
from noisyviz.torch.modules import RECURRENT, function_called, function_of, reason_to_leave, recurrent_like
from noisyviz.torch.recurrent import _Units
from noisyviz.units.unit import NoisyUnit

_SAME: Final = 1e-4  # how far gates that are computed again may be off, relative to the largest output


@dataclass(slots=True, eq=False)
class _Column:
    """An array that grows on disk, one row per sample."""

    path: Path
    fn: str
    units: int
    dtype: np.dtype[Any]
    rows: int = 0

    def array(self) -> npt.NDArray[Any]:
        return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(self.rows, self.units))


class Captured:
    """What `capture` saw: arrays of shape (samples, units) by name, in files of a temporary folder.

    Names are those of modules; the gates of a recurrent layer are ``layer.input_gate_l0`` and so on. The folder is gone
    when this object is.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="noisyviz-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._columns: dict[str, _Column] = {}

    def _take(self, name: str, fn: str, x: Tensor) -> None:
        values = x.detach()
        kept = torch.float64 if values.dtype == torch.float64 else torch.float32
        units = values.shape[-1] if values.dim() else 1
        rows = values.to("cpu", kept).reshape(-1, units).numpy()
        label = name
        while label in self._columns and (self._columns[label].units, self._columns[label].dtype) != (
            units,
            rows.dtype,
        ):
            label += f" ({units} units)" if label == name else "'"
        if label not in self._columns:
            path = self._folder / str(len(self._columns))
            self._columns[label] = _Column(path=path, fn=fn, units=units, dtype=rows.dtype)
        column = self._columns[label]
        with column.path.open("ab") as file:
            rows.tofile(file)
        column.rows += rows.shape[0]

    @property
    def functions(self) -> dict[str, str]:
        """The activation function that follows each array."""
        return {name: column.fn for name, column in self._columns.items() if column.rows}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays, mapped from their files."""
        return {name: column.array() for name, column in self._columns.items() if column.rows}

    def profile(self, unit: NoisyUnit | None = None, *, shares_only: bool = False) -> Profile:
        """Return what `noisyviz.profile` finds, each array with its own function.

        Raises
        ------
        InputError
            When nothing was seen.
        """
        return profile(self._some(), functions=self.functions, unit=unit, shares_only=shares_only)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the arrays as an .npz file for ``noisyviz profile`` and ``calibrate``; it is whole or not there.

        Raises
        ------
        InputError
            When nothing was seen, and for a name that does not end in .npz.
        """
        target = Path(path)
        if target.suffix != ".npz":
            raise InputError(f"path must end in .npz, got '{target}'", parameter="path")
        arrays: dict[str, Any] = self._some()
        with tempfile.NamedTemporaryFile(dir=target.parent, suffix=".npz", delete=False) as file:
            try:
                np.savez(file, **arrays)
            except BaseException:
                os.unlink(file.name)
                raise
        os.replace(file.name, target)

    def _some(self) -> dict[str, npt.NDArray[Any]]:
        found = self.arrays()
        if not found:
            raise InputError("nothing was captured: the model was not run, or has no activation that is known")
        return found


@contextmanager
def capture(model: nn.Module, *, axis: int = -1) -> Iterator[Captured]:
    """Record the pre-activations of a model while it runs.

    Every call of every activation module is recorded (noisy ones, and PyTorch's own that are in
    `noisyviz.ACTIVATIONS`), and every step of every gate of LSTM and GRU layers and cells, noisy ones and PyTorch's
    own, whose gates are computed a second time. Padding of packed sequences is left out. Activations that a module
    calls as functions, such as ``torch.tanh(x)`` or ``x.sigmoid()``, have its name and theirs, ``encoder.tanh``, and a
    number from the second call in one pass on. Code that `torch.compile` or `torch.jit` has compiled hides its calls.

    Parameters
    ----------
    model
        Left as it is.
    axis
        The axis of activations' inputs that counts units: −1, or 1 for the channels of convolutions.

    Yields
    ------
    Captured

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.LSTM(3, 4))
    >>> with capture(model) as seen:
    ...     _ = model(torch.zeros(5, 7, 2))
    >>> list(seen.functions)[:2], seen.arrays()["1"].shape
    (['1', '2.forget_gate_l0'], (35, 3))
    """
    seen = Captured()
    calls = _Calls(seen, axis)
    with ExitStack() as stack:
        for name, module in model.named_modules():
            fn = function_of(module)
            known = fn is not None or isinstance(module, _Units) or type(module) in RECURRENT
            stack.callback(module.register_forward_pre_hook(calls.enter(None if known else name)).remove)
            if fn is not None:
                stack.callback(module.register_forward_hook(_of_input(seen, name or "x", fn, axis)).remove)
            elif isinstance(module, _Units):
                watch = _of_gates(seen, name)
                module._watchers.append(watch)
                stack.callback(module._watchers.remove, watch)
            elif type(module) in RECURRENT:
                reason = reason_to_leave(module)
                if reason is not None:
                    warnings.warn(f"the gates of '{name}' are not seen: it has {reason}", stacklevel=3)
                    continue
                for handle in _again(seen, name, module):
                    stack.callback(handle.remove)
            stack.callback(module.register_forward_hook(calls.leave, always_call=True).remove)
        stack.enter_context(calls)
        yield seen


class _Calls(TorchFunctionMode):
    """Records activations that the modules of a model call as functions."""

    def __init__(self, seen: Captured, axis: int) -> None:
        super().__init__()
        self.seen, self.axis = seen, axis
        self.running: list[tuple[str | None, dict[str, int]]] = []
        """Names of the modules that run, from the outside in, None where all is known, and how often each called."""

    def enter(self, name: str | None) -> Callable[..., None]:
        """Return a hook that tells that a module begins."""

        def hook(*_: Any) -> None:
            self.running.append((name, {}))

        return hook

    def leave(self, *_: Any) -> None:
        """Tell that a module has ended."""
        self.running.pop()

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name, counts = self.running[-1] if self.running else (None, {})
        fn = None if name is None else function_called(function, args, kwargs)
        if fn is not None:
            own = fn.partition(":")[0]
            counts[own] = counts.get(own, 0) + 1
            own += f".{counts[own]}" if counts[own] > 1 else ""
            x = args[0] if args else kwargs["input"]
            self.seen._take(f"{name}.{own}" if name else own, fn, _last(x, self.axis))
        return function(*args, **kwargs)


def _last(x: Tensor, axis: int) -> Tensor:
    """Return x with the axis of units at the end."""
    return x.movedim(axis, -1) if x.dim() else x


def _of_input(seen: Captured, name: str, fn: str, axis: int) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:  # noqa: ARG001
        seen._take(name, fn, _last(args[0], axis))

    return hook


def _of_gates(seen: Captured, name: str) -> Callable[[str, str, Tensor], None]:
    def watch(slot: str, fn: str, pre: Tensor) -> None:
        seen._take(f"{name}.{slot}" if name else slot, fn, pre)

    return watch


def _again(seen: Captured, name: str, module: nn.Module) -> list[Any]:
    """Compute the gates of PyTorch's own layer a second time, with the same dropout between layers."""
    states: list[Tensor] = []

    def before(module: nn.Module, args: Any, kwargs: Mapping[str, Any]) -> None:  # noqa: ARG001
        states.append(torch.get_rng_state())

    def after(module: nn.Module, args: Any, kwargs: Mapping[str, Any], output: Any) -> None:
        twin = recurrent_like(module, kind="none", tanh="tanh", sigmoid="sigmoid", p=1.0)
        twin._watchers.append(_of_gates(seen, name))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.set_rng_state(states.pop())
            found = twin(*args, **kwargs)
        _compare(name, _output(found), _output(output))

    options: dict[str, Any] = {"with_kwargs": True}
    return [
        module.register_forward_pre_hook(before, **options),
        module.register_forward_hook(after, **options),
    ]


def _output(result: Any) -> Tensor:
    value = result[0] if isinstance(result, tuple) and not isinstance(result, PackedSequence) else result
    return (value.data if isinstance(value, PackedSequence) else value).detach()


def _compare(name: str, found: Tensor, wanted: Tensor) -> None:
    off = float((found.double() - wanted.double()).abs().max()) if wanted.numel() else 0.0
    if not off <= _SAME * max(1.0, float(wanted.double().abs().max()) if wanted.numel() else 1.0):
        warnings.warn(
            f"the gates of '{name}' behind its dropout are those of other draws: its output could not be repeated; "
            "use model.eval()",
            stacklevel=2,
        )
