"""The same estimates as anyone would write them: a plain NumPy broadcast, and PyTorch with automatic derivatives.

Both return mean and standard deviation of φ and of ∂φ/∂x and the shares of zero and of wrong-sign gradients at every
x, from the same number of draws, in blocks of draws that fit in memory.
"""

from collections.abc import Callable

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
