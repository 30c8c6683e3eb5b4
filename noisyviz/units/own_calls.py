"""Calling a function of a user's own as one of float64 arrays, and finding out whether it is elementwise.

NumPy functions are called as they are, on a copy; PyTorch and JAX functions on tensors, with the derivative that the
library works out; functions of one number once for each.
"""

import sys
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from noisyviz.errors import Ended, InputError, shortened
from noisyviz.units.activation import Array
from noisyviz.units.own_expression import Expression

Library = Literal["numpy", "scalar", "torch", "jax"]
DOUBLE: Final = 2.0**-52
SINGLE: Final = 2.0**-23
HALF: Final = 2.0**-10
_PROBE: Final = np.concatenate([np.linspace(-6.0, 6.0, 97) + 0.0031, np.arange(-3.0, 4.0)])
_ORDER: Final = np.random.default_rng(20160519).permutation(_PROBE.size)
_SAME: Final = 1e-6  # relative: array and single evaluation may take other instructions
_HALF_SAME: Final = 4e-3


class UnfitError(Exception):
    """Why a function cannot be an activation: the rest of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Call:
    """A user's function as one of float64 arrays of any shape; equal where it is the same function.

    Parameters
    ----------
    function
        As given.
    library
        What it takes.
    """

    function: Any
    library: Library = "numpy"

    def __call__(self, x: Array) -> Array:
        """Return h(x); a writing function works on a copy."""
        x = np.array(x, dtype=np.float64)
        if x.size == 0:
            return x
        try:
            with own_code():
                y = self.raw(x)
        except OwnCodeError as error:
            name = getattr(self.function, "__name__", type(self.function).__name__)
            raise InputError(f"function '{name}' failed on an array of shape {x.shape} ({error})") from error.__cause__
        return y if y.dtype == np.float64 else y.astype(np.float64)

    def raw(self, x: Array) -> "np.ndarray[Any, np.dtype[Any]]":
        """Return what the function answers, as an array."""
        if self.library == "scalar":
            found = [_one(self.function, value) for value in x.ravel().tolist()]
            return np.array(found, dtype=np.float64).reshape(x.shape)
        if self.library == "torch":
            torch = sys.modules["torch"]
            with torch.no_grad():
                held = self.function(torch.from_numpy(x))
            return np.asarray(held.detach().double().numpy())
        if self.library == "jax":
            with _double_jax():
                return np.asarray(self.function(sys.modules["jax"].numpy.asarray(x)))
        return np.asarray(self.function(x))

    def derivative(self, x: Array) -> Array | None:
        """Return h′(x) by the library's automatic differentiation or the chain rule; None where there is none."""
        x = np.array(x, dtype=np.float64)
        if isinstance(self.function, Expression):
            return self.function.derivative(x)
        try:
            with own_code():
                if self.library == "torch":
                    torch = sys.modules["torch"]
                    leaf = torch.from_numpy(x).requires_grad_()
                    y = self.function(leaf.clone())
                    if not y.requires_grad:
                        return None
                    found = torch.autograd.grad(y.sum(), leaf, allow_unused=True)[0]
                    return None if found is None else np.asarray(found.double().numpy())
                if self.library == "jax":
                    jax = sys.modules["jax"]
                    with _double_jax():
                        at = jax.numpy.asarray(x)
                        return np.asarray(jax.jvp(self.function, (at,), (jax.numpy.ones_like(at),))[1], np.float64)
        except Exception:  # without a derivative of its own, the numerical one serves
            return None
        return None


def _one(function: Callable[[float], Any], x: float) -> float:
    try:
        return float(function(x))
    except (OverflowError, ZeroDivisionError, ValueError):
        return np.nan


@contextmanager
def _double_jax() -> Any:
    jax = sys.modules["jax"]
    if hasattr(jax, "enable_x64"):
        with jax.enable_x64(True):
            yield
    else:  # older versions
        from importlib import import_module

        with import_module("jax.experimental").enable_x64():
            yield


class OwnCodeError(Exception):
    """What a user's own code raised, in words."""


@contextmanager
def own_code() -> Any:
    """Run a user's own code without warnings; what it raises, but for the end of the process, is an `OwnCodeError`."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (KeyboardInterrupt, Ended):
        raise
    except BaseException as error:  # also those that are no Exception: this code is not ours
        name = type(error).__name__
        try:
            text = str(error)
        except (KeyboardInterrupt, Ended):
            raise
        except BaseException as second:
            text = f"its text fails with {type(second).__name__}"
        raise OwnCodeError(f"{name}: {shortened(text, 300)}" if text else name) from error


def adapted(function: Any) -> tuple[Call, list[str]]:
    """Return a function as one of arrays, and notes on how it is called.

    Raises
    ------
    UnfitError
        When it fails, changes the shape, is random, is not elementwise, or gives no finite real numbers.
    """
    notes: list[str] = []
    function = _instance(function)
    call = _callable_as(function)
    if call.library == "scalar":
        notes.append("it takes one number at a time, so it is called for each, which is slow")
    y = _checked(call, _PROBE)
    if not np.array_equal(y, call(_PROBE), equal_nan=True):
        raise UnfitError("is random: two calls at the same x differ")
    precision = precision_of(call)
    _check_elementwise(call, y, _HALF_SAME if precision == HALF else _SAME)
    bad = np.flatnonzero(~np.isfinite(y) & (np.abs(_PROBE) < 5.0))
    if bad.size:
        raise UnfitError(f"is not finite at x = {_PROBE[bad[-1]]:.6g}")
    if precision > DOUBLE:
        name = "single" if precision == SINGLE else "half"
        notes.append(f"it computes in {name} precision, so h' is known to about {100 * precision:.0e} only")
    return call, notes


def _instance(function: Any) -> Any:
    """Return a module of PyTorch ready to be called: made where only its class is given, in double precision."""
    torch = sys.modules.get("torch")
    if torch is None:
        return function
    module = torch.nn.Module
    if isinstance(function, type) and issubclass(function, module):
        try:
            with own_code():
                function = function()
        except OwnCodeError as error:
            raise UnfitError(f"is a class that needs arguments ({error})") from error.__cause__
    if isinstance(function, module):
        import copy

        return copy.deepcopy(function).double().eval()
    return function


def _callable_as(function: Any) -> Call:
    """Return how the function can be called: on arrays, on tensors, or on single numbers."""
    first: OwnCodeError | None = None
    ways: list[Library] = ["numpy"]
    ways += ["torch"] if "torch" in sys.modules else []
    ways += ["jax"] if "jax" in sys.modules else []
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(function, torch.nn.Module):
        ways = ["torch"]
    for library in ways:
        try:
            with own_code():
                if library == "numpy":
                    held = function(_PROBE.copy())
                    kind = type(held).__module__.partition(".")[0]
                    if kind in ("torch", "jax", "jaxlib"):
                        library = "torch" if kind == "torch" else "jax"
                call = Call(function, library)
                call.raw(_PROBE.copy())
                return call
        except OwnCodeError as error:
            first = first or error
    try:
        with own_code():
            found = [function(value) for value in (-1.3, 0.4, 2.0)]
            if all(np.ndim(value) == 0 for value in found) and np.isfinite(np.asarray(found, np.float64)).all():
                return Call(function, "scalar")
    except OwnCodeError:
        pass
    if first is None:
        raise UnfitError("does not return an array")
    raise UnfitError(f"failed on an array of shape {_PROBE.shape} ({first})") from first.__cause__


def _checked(call: Call, x: Array) -> Array:
    """Return the values at x, or refuse what a function of arrays must not do."""
    try:
        with own_code():
            y = call.raw(x.copy())
    except OwnCodeError as error:
        raise UnfitError(f"failed on an array of shape {x.shape} ({error})") from error.__cause__
    if y.shape != x.shape:
        raise UnfitError(f"turned shape {x.shape} into {y.shape}; it must map an array to one of the same shape")
    if y.dtype.kind not in "fiub":
        raise UnfitError(f"returned {y.dtype} values, not real numbers")
    return y.astype(np.float64)


def _check_elementwise(call: Call, y: Array, tolerance: float) -> None:
    """Refuse a function whose value at one x depends on the others, or on the shape."""
    parts = [_ORDER, _ORDER[:6], _ORDER[6:7], np.sort(_ORDER[:40])]
    shaped = [(part, _PROBE[part]) for part in parts]
    shaped.append((_ORDER[:6].reshape(2, 3), _PROBE[_ORDER[:6]].reshape(2, 3)))
    for part, x in shaped:
        again, before = _checked(call, x), y[part]
        far = ~np.isclose(again, before, rtol=tolerance, atol=tolerance, equal_nan=True)
        if far.any():
            place = x[far].flat[0]
            raise UnfitError(f"is not elementwise: its value at x = {place:.4g} depends on the rest of the array")


FEW: Final = 6


def precision_of(call: Call) -> float:
    """Return the relative rounding inside a function, told from how little x may change without any effect."""
    away = np.concatenate([-np.geomspace(1e-3, 4.0, 60), np.geomspace(1e-3, 4.0, 60)]) * 1.0137
    y = call(away)
    with np.errstate(invalid="ignore"):  # of what overflows, which is refused elsewhere
        active = np.abs(call(away * 1.01) - y) > 0.0
    if np.count_nonzero(active) < FEW:  # a step or so: its few values tell nothing of rounding
        return DOUBLE
    for precision, share in ((DOUBLE, 2e-11), (SINGLE, 2e-5)):
        if np.mean(call(away[active] * (1.0 + share)) != y[active]) > 0.2:
            return precision
    return HALF
