"""How many functions of a PyPI package are read rightly as own functions: `python -m benchmarks.own_functions`.

Needs the packages torch, torch-activation and plotly. Every class that can be made without arguments is taken as an own
function with input noise of c = 0.5; E φ must be within 1e-5 and E ∂φ/∂x within 1e-3 of a sum over 400,001 nodes, the
latter by Stein's identity, which needs no derivative.
"""

import inspect
import sys
import time
import warnings
from collections import Counter
from typing import Any, Final

import numpy as np

import noisyviz as nv
from noisyviz.units.own_calls import Call
from noisyviz.units.own_function import from_function

C: Final = 0.5
X: Final = np.array([-2.7, -1.1, -0.3, 0.0, 0.4, 1.3, 2.9])
_XI: Final = np.linspace(-9.0, 9.0, 400_001)
_WEIGHT: Final = np.exp(-0.5 * _XI**2) * (_XI[1] - _XI[0]) / np.sqrt(2.0 * np.pi)


def functions() -> dict[str, Any]:
    """Return the package's classes by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        import torch_activation
    found: dict[str, Any] = {}
    for module in [m for name, m in sys.modules.items() if name.startswith(torch_activation.__name__)]:
        for name, value in inspect.getmembers(module, inspect.isclass):
            own = value.__module__.startswith("torch_activation") and issubclass(value, torch.nn.Module)
            if own and not name.startswith(("Base", "_")):
                found[name] = value
    return found


def judged(name: str, value: Any) -> tuple[str, str]:
    """Return "right", "wrong", or why the function was refused, and details."""
    import torch

    torch.manual_seed(0)
    try:
        made = value()
    except Exception as error:
        return "needs arguments", str(error)
    try:
        h = from_function(name, made)
    except nv.InputError as error:
        return "refused", str(error)
    function = h.function.function  # type: ignore[attr-defined]
    assert isinstance(function, Call)
    found = nv.exact(nv.NoisyUnit(h, kind="nani", c=C), X)
    mean, slope = [], []
    for x in X.tolist():
        y = function(x + C * _XI)
        mean.append(_WEIGHT @ y)
        slope.append(_WEIGHT @ ((y - function(np.array([x]))) * _XI) / C)
    off = np.abs(found.mean - mean).max(), np.abs(found.grad_mean - slope).max()
    details = f"off by {off[0]:.1e} and {off[1]:.1e}; {'; '.join(h.notes)}"
    return ("right" if off[0] <= 1e-5 and off[1] <= 1e-3 else "wrong"), details


def main() -> None:
    """Print what was found of each function that was not right, and the counts."""
    begun, counts = time.perf_counter(), Counter[str]()
    for name, value in sorted(functions().items()):
        verdict, details = judged(name, value)
        counts[verdict] += 1
        if verdict != "right":
            print(f"{name}: {verdict}: {details[:300]}", flush=True)
    print(dict(counts), f"{time.perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
