"""Draws of ξ (mean 0, variance 1) as tensors, from a `torch.Generator` that is passed in."""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor

import noisyviz
from noisyviz.errors import InputError


def abs_mean(noise: str) -> float:
    """Return E|ξ|, which stands in for |ξ| when half-normal units are evaluated (Eq 13)."""
    return float(noisyviz.noise(noise).abs_mean)


def draw(
    noise: str,
    shape: Sequence[int],
    *,
    generator: torch.Generator | None,
    device: torch.device,
    dtype: torch.dtype,
) -> Tensor:
    """Return independent draws of a distribution of `noisyviz.NOISES`, a tensor of this shape."""
    options: dict[str, Any] = {"device": device, "dtype": dtype}
    size = tuple(shape)
    if noise == "normal":
        # normal_ would be faster, but vmap cannot make it differ between the mapped calls
        return torch.randn(size, **options) if generator is None else torch.randn(size, generator=generator, **options)
    name, _, parameter = noise.partition(":")
    if name == "uniform":
        return (2.0 * torch.rand(size, generator=generator, **options) - 1.0) * sqrt(3.0)
    if name == "laplace":
        u = torch.rand(size, generator=generator, **options) - 0.5
        return -torch.sign(u) * torch.log1p(-2.0 * u.abs()) / sqrt(2.0)
    if name == "student-t":
        nu = float(parameter)
        half = torch.full(size, 0.5 * nu, **options)
        gamma = torch._standard_gamma(half, generator=generator)
        normal = torch.randn(size, generator=generator, **options)
        return normal * torch.sqrt(0.5 * (nu - 2.0) / gamma)
    raise InputError(f"noise must be normal, laplace, uniform or student-t:NU, got '{noise}'", parameter="noise")
