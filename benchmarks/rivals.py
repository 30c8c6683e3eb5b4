"""The same estimates as anyone would write them: a plain NumPy broadcast, and PyTorch with automatic derivatives.

Both return mean and standard deviation of φ and of ∂φ/∂x and the shares of zero and of wrong-sign gradients at every
x, from the same number of draws, in blocks of draws that fit in memory.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rival = Callable[[Array, int, np.random.Generator], Array]
BLOCK = 200  # draws at once; 1,001 points × 200 doubles stay in the cache, which was the fastest of 50 to 5,000


def numpy_output_noise(x: Array, samples: int, rng: np.random.Generator) -> Array:
    """Hard-tanh with normal output noise, α = 0.9, c = 0.5, p = 1 (Eqs 9 and 12)."""
    alpha, c = 0.9, 0.5
    h, slope, delta = np.clip(x, -1, 1), (np.abs(x) < 1) * 1.0, np.clip(x, -1, 1) - x
    g = 1 / (1 + np.exp(-delta))
    sigma, sigma_slope = c * (g - 0.5) ** 2, 2 * c * (g - 0.5) * g * (1 - g) * (slope - 1)
    d = -np.where(x < 0, -1, 1)

    def both(xi: Array) -> tuple[Array, Array]:
        return alpha * h + (1 - alpha) * x + d * sigma * xi, alpha * slope + 1 - alpha + d * sigma_slope * xi

    return _numpy_sums(both, x, samples, rng)


def numpy_input_noise(x: Array, samples: int, rng: np.random.Generator) -> Array:
    """Tanh with normal input noise, c = 0.5 (Eq 14)."""

    def both(xi: Array) -> tuple[Array, Array]:
        h = np.tanh(x + 0.5 * xi)
        return h, 1 - h * h

    return _numpy_sums(both, x, samples, rng)


def _numpy_sums(
    both: Callable[[Array], tuple[Array, Array]], x: Array, samples: int, rng: np.random.Generator
) -> Array:
    sums = np.zeros((6, x.size))
    for _ in range(samples // BLOCK):
        phi, grad = both(rng.standard_normal((BLOCK, 1)))
        sums += [v.sum(axis=0) for v in (phi, phi * phi, grad, grad * grad, grad == 0, grad < 0)]
    return sums / samples


def torch_output_noise(x: Array, samples: int) -> object:
    """Hard-tanh with normal output noise, α = 0.9, c = 0.5, p = 1."""
    import torch

    def phi(x: "torch.Tensor", xi: "torch.Tensor") -> "torch.Tensor":
        h = torch.clamp(x, -1, 1)
        sigma = 0.5 * (torch.sigmoid(h - x) - 0.5) ** 2
        d = -torch.where(x < 0, -1.0, 1.0)
        return 0.9 * h + 0.1 * x + d * sigma * xi

    return _torch_sums(phi, x, samples)


def torch_input_noise(x: Array, samples: int) -> object:
    """Tanh with normal input noise, c = 0.5."""
    import torch

    return _torch_sums(lambda x, xi: torch.tanh(x + 0.5 * xi), x, samples)


def _torch_sums(phi: Callable[..., "object"], x: Array, samples: int) -> object:
    import torch

    sums = torch.zeros((6, x.size), dtype=torch.float64)
    points = torch.from_numpy(x)
    for _ in range(samples // BLOCK):
        xi = torch.randn((BLOCK, 1), dtype=torch.float64)
        spread = points.expand(BLOCK, -1).clone().requires_grad_()
        value = phi(spread, xi)
        assert isinstance(value, torch.Tensor)
        (grad,) = torch.autograd.grad(value.sum(), spread)
        value = value.detach()
        for row, part in enumerate((value, value**2, grad, grad**2, grad == 0, grad < 0)):
            sums[row] += part.sum(dim=0)
    return sums / samples


Means = Callable[[Array, int], Array]


def _torch_block(compiled: bool) -> Means:
    import torch

    def sums(x: "torch.Tensor", xi: "torch.Tensor") -> "torch.Tensor":
        h = torch.tanh(x + 0.5 * xi)
        slope = 1.0 - h * h
        return torch.stack([part.sum(dim=0) for part in (h, h * h, slope, slope * slope)])

    block = torch.compile(sums) if compiled else sums

    def estimate(x: Array, samples: int) -> Array:
        torch.manual_seed(0)
        total = torch.zeros((4, x.size), dtype=torch.float64)
        points = torch.from_numpy(x)
        for _ in range(samples // BLOCK):
            total += block(points, torch.randn((BLOCK, 1), dtype=torch.float64))
        return np.asarray(total[0] / samples)

    return estimate


def torch_eager() -> Means:
    """Return the estimate of E φ by PyTorch with the derivative written out: tanh, input noise, c = 0.5."""
    return _torch_block(compiled=False)


def torch_compiled() -> Means:
    """Return the same through torch.compile."""
    return _torch_block(compiled=True)


def jax_compiled() -> Means:
    """Return the same by JAX, compiled, in double precision on the CPU."""
    import jax

    config: Any = jax.config
    config.update("jax_enable_x64", True)
    config.update("jax_platforms", "cpu")
    from jax import numpy as jnp

    def block(key: Any, x: Any) -> Any:
        h = jnp.tanh(x + 0.5 * jax.random.normal(key, (BLOCK, 1), dtype=jnp.float64))
        slope = 1.0 - h * h
        return jnp.stack([part.sum(axis=0) for part in (h, h * h, slope, slope * slope)])

    def whole(key: Any, x: Any, blocks: int) -> Any:
        keys = jax.random.split(key, blocks)
        return jax.lax.fori_loop(0, blocks, lambda k, total: total + block(keys[k], x), jnp.zeros((4, x.shape[0])))

    compiled = jax.jit(whole, static_argnums=2)

    def estimate(x: Array, samples: int) -> Array:
        found = compiled(jax.random.PRNGKey(0), jnp.asarray(x), samples // BLOCK)
        means: Array = np.asarray(found)[0] / (samples // BLOCK * BLOCK)
        return means

    return estimate


def numba_loop() -> Means:
    """Return the same by a loop over draws and points that numba compiles."""
    import numba

    def add(total: Array, x: Array, xi: Array) -> None:
        for j in range(xi.size):
            for i in range(x.size):
                h = np.tanh(x[i] + 0.5 * xi[j])
                slope = 1.0 - h * h
                total[0, i] += h
                total[1, i] += h * h
                total[2, i] += slope
                total[3, i] += slope * slope

    compiled: Any = numba.njit(add, fastmath=True)

    def estimate(x: Array, samples: int) -> Array:
        rng, total = np.random.default_rng(0), np.zeros((4, x.size))
        for _ in range(samples // BLOCK):
            compiled(total, x, rng.standard_normal(BLOCK))
        return np.asarray(total[0] / samples)

    return estimate
