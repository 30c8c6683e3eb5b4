"""A noisy activation function as a module."""

from typing import Any, Final

import torch
from torch import Tensor, nn

import noisyviz
from noisyviz.errors import InputError, check_name
from noisyviz.torch.functional import KINDS, USES_ALPHA, USES_P, fast_phi, phi
from noisyviz.torch.functions import torch_function
from noisyviz.torch.noise import abs_mean, draw
from noisyviz.units.parameters import default

ALPHA_TANH: Final = 1.15
ALPHA_SIGMOID: Final = 1.1
"""The defaults of the paper's authors, in their code."""


def default_alpha(fn: str) -> float:
    """Return the authors' α: 1.1 for a function with limits 0 and 1, 1.15 for any other."""
    return ALPHA_SIGMOID if noisyviz.activation(fn).bounds == (0.0, 1.0) else ALPHA_TANH


def check_unit(fn: str, *, kind: str, alpha: float | None, c: float, scale: str, noise: str) -> float:
    """Check the parameters of a unit as `noisyviz.NoisyUnit` does, and return its α."""
    check_name("kind", kind, KINDS)
    known = alpha if alpha is not None else default_alpha(fn)
    noisyviz.NoisyUnit(fn, kind=kind if kind in noisyviz.KINDS else "nani", alpha=known, c=c, scale=scale, noise=noise)
    return float(known)


def make_p(owner: nn.Module, name: str, p: str | float, units: int | None, *, kind: str, **factory: Any) -> None:
    """Give a module its p: a parameter for each unit or for all, U[−1, 1] at the start, or a fixed number.

    Raises
    ------
    InputError
        For a p that is neither, and for one p for each unit without their number.
    """
    if p not in ("unit", "scalar") and (isinstance(p, str) or not torch.isfinite(torch.tensor(float(p)))):
        raise InputError(f"p must be 'unit', 'scalar' or a finite number, got {p!r}", parameter="p")
    if kind not in USES_P or not isinstance(p, str):
        fixed = 1.0 if isinstance(p, str) else float(p)
        owner.register_buffer(name, torch.tensor(fixed, **factory), persistent=False)
        return
    if p == "unit" and units is None:
        raise InputError("units must be given for one p per unit; p='scalar' needs none", parameter="units")
    shape = (units,) if p == "unit" and units is not None else ()
    owner.register_parameter(name, nn.Parameter(torch.empty(shape, **factory).uniform_(-1.0, 1.0)))


class NoisyActivation(nn.Module):
    """φ(x, ξ) of a noisy unit, with one fresh draw ξ for each element while training.

    In evaluation mode ξ is replaced by its expectation (Eq 13): 0, or E|ξ| for half-normal noise; noise on the input
    then leaves h(x).

    Parameters
    ----------
    fn
        A name of `noisyviz.ACTIVATIONS`, or a function of your own as ``module:function``.
    kind
        One of `KINDS`.
    units
        Size of the last axis of the input; needed for ``p="unit"`` alone.
    alpha
        α, fixed; None takes the authors' 1.1 for functions from 0 to 1 and 1.15 for others.
    c
        Noise level, ≥ 0: a buffer, kept in the state dict and set by `NoiseAnnealing`.
    p
        ``"unit"`` learns one p for each unit, ``"scalar"`` one for all, both from U[−1, 1]; a number fixes it.
    scale, noise
        As in `noisyviz.NoisyUnit`.
    generator
        Source of the draws; None is PyTorch's own.
    reference
        Use plain autograd operations, which can be differentiated twice, in place of the faster function.

    Raises
    ------
    InputError
        For a value outside its domain.

    References
    ----------
    Gulcehre et al. 2016, Eqs 9 to 15.

    Examples
    --------
    >>> act = NoisyActivation("hard-tanh", kind="nah", units=3, alpha=1.0).eval()
    >>> act(torch.tensor([[0.5, -0.2, 0.0]])).tolist()  # no noise between the thresholds
    [[0.5, -0.20000000298023224, 0.0]]
    """

    c: Tensor
    p: Tensor

    def __init__(
        self,
        fn: str = "hard-tanh",
        *,
        kind: str = default("unit"),
        units: int | None = None,
        alpha: float | None = None,
        c: float = default("c"),
        p: str | float = "unit",
        scale: str = default("scale"),
        noise: str = default("noise"),
        generator: torch.Generator | None = None,
        reference: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.alpha = check_unit(fn, kind=kind, alpha=alpha, c=c, scale=scale, noise=noise)
        self.fn, self.kind, self.scale, self.noise, self.units = fn, kind, scale, noise, units
        self.generator, self.reference = generator, reference
        self._function = torch_function(fn)
        self._mean = abs_mean(noise) if kind == "nah" else 0.0
        self.register_buffer("c", torch.tensor(float(c), device=device, dtype=dtype))
        make_p(self, "p", p, units, kind=kind, device=device, dtype=dtype)

    def forward(self, x: Tensor, xi: Tensor | None = None) -> Tensor:
        """Return φ.

        Parameters
        ----------
        x
            Pre-activations, any shape whose last axis counts units, any floating dtype.
        xi
            Raw signed draws of x's shape, in place of fresh ones.

        Returns
        -------
        Tensor
            Of x's shape and dtype; float16 and bfloat16 are worked on in float32.
        """
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        kind, own = self.kind, xi is None
        if xi is None and self.training and kind != "none":
            xi = draw(self.noise, wide.shape, generator=self.generator, device=wide.device, dtype=wide.dtype)
        if xi is None:
            xi = wide.new_full((), self._mean)
            kind, own = kind if kind in USES_ALPHA else "none", False  # the mean of every other noise leaves h
        options: dict[str, Any] = {"kind": kind, "alpha": self.alpha, "scale": self.scale}
        c, p = self.c.to(wide.dtype), self.p.to(wide.dtype)
        if self.reference or torch.compiler.is_compiling() or _transformed(x) or not wide.numel():
            value = phi(self._function, wide, xi.to(wide.dtype), c=c, p=p, **options)
        else:
            value = fast_phi(self._function, wide, xi.to(wide.dtype), c=c, p=p, own=own, **options)
        return value.to(x.dtype)

    def extra_repr(self) -> str:
        """Name the unit."""
        return f"{self.fn}, kind={self.kind}, alpha={self.alpha:g}, c={float(self.c):g}, p={tuple(self.p.shape)}"

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what cannot be pickled: the operations of h, which its name gives back, and the generator."""
        return {**self.__dict__, "_function": None, "generator": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._function = torch_function(self.fn)


def _transformed(x: Tensor) -> bool:
    """Whether a function transform such as vmap is at work."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(x))
