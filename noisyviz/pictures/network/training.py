"""A small network of noisy units that learn their p, trained on a mixture of three Gaussians (Eqs 9 and 12).

Three layers of noisy units and a softmax; each unit has its own p. Gradients by the weights, the biases and p go back
through ∂φ/∂x and ∂φ/∂p of `NoisyUnit`. The paper gives neither the mixture nor how the network was trained: the
constants here are choices of this program.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.units.activation import Array
from noisyviz.units.unit import NoisyUnit

Labels = npt.NDArray[np.int64]

MEANS: Final = ((0.0, 2.0), (-(3.0**0.5), -1.0), (3.0**0.5, -1.0))
"""Of the three Gaussians: corners of an equilateral triangle at distance 2 from 0."""
SPREAD: Final = 1.0  # standard deviation of each Gaussian along either axis
LAYERS: Final = 3
UNITS: Final = 8
BATCH: Final = 64
RATE: Final = 0.02
DECAY: Final = (0.9, 0.999)  # of the two moments, as Kingma and Ba (2015) advise
EPSILON: Final = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """The parameters of a network."""

    weights: tuple[Array, ...]  # One matrix for each layer and one for the output, shape (inputs, outputs)
    biases: tuple[Array, ...]  # As many vectors
    p: tuple[Array, ...]  # One vector for each layer, the p of its units

    def arrays(self) -> list[Array]:
        """Return all parameters: weights, biases, p."""
        return [*self.weights, *self.biases, *self.p]

    @classmethod
    def of(cls, arrays: list[Array]) -> "Network":
        """Return the network whose `arrays` these are."""
        layers = len(arrays) // 3
        return cls(
            weights=tuple(arrays[: layers + 1]),
            biases=tuple(arrays[layers + 1 : 2 * layers + 2]),
            p=tuple(arrays[2 * layers + 2 :]),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What came out of a training."""

    network: Network  # After the last step
    losses: Array  # Mean cross-entropy of each step's points, in nats, shape (steps,)


def mixture(count: int, rng: np.random.Generator) -> tuple[Array, Labels]:
    """Draw points, shape (count, 2), and which of the three Gaussians each is from, all three equally likely."""
    labels = rng.integers(len(MEANS), size=count)
    return np.asarray(MEANS)[labels] + SPREAD * rng.standard_normal((count, 2)), labels


def initial(rng: np.random.Generator) -> Network:
    """Return a network to start from: weights N(0, 1/inputs), biases 0, p uniform in [−1, 1] as in the paper."""
    sizes = [2, *[UNITS] * LAYERS, len(MEANS)]
    weights = tuple(rng.standard_normal((here, there)) / np.sqrt(here) for here, there in pairwise(sizes))
    return Network(
        weights=weights,
        biases=tuple(np.zeros(size) for size in sizes[1:]),
        p=tuple(rng.uniform(-1.0, 1.0, UNITS) for _ in range(LAYERS)),
    )


def loss_and_gradient(
    network: Network, points: Array, labels: Labels, *, xi: Array, unit: NoisyUnit
) -> tuple[float, Network]:
    """Return the mean cross-entropy in nats and its derivatives, by back-propagation.

    Parameters
    ----------
    network
        Where.
    points, labels
        Shape (n, 2) and (n,).
    xi
        The draws, shape (layers, n, units).
    unit
        Of which every unit has its own p.
    """
    inputs, states = [points], []
    *hidden, last = zip(network.weights, network.biases, strict=True)
    for (weight, bias), p, draws in zip(hidden, network.p, xi, strict=True):
        at = unit.replace(p=p).at(inputs[-1] @ weight + bias)
        states.append(at)
        inputs.append(at.phi(draws))
    scores = inputs[-1] @ last[0] + last[1]
    scores = scores - scores.max(axis=1, keepdims=True)
    log_shares = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    rows = np.arange(len(points))
    error = np.exp(log_shares)
    error[rows, labels] -= 1.0
    error /= len(points)
    weights, biases, by_p = [inputs[-1].T @ error], [error.sum(axis=0)], []
    for layer in reversed(range(len(states))):
        above = error @ network.weights[layer + 1].T
        by_p.append((above * states[layer].grad_p(xi[layer])).sum(axis=0))
        error = above * states[layer].grad_x(xi[layer])
        weights.append(inputs[layer].T @ error)
        biases.append(error.sum(axis=0))
    gradient = Network(weights=tuple(weights[::-1]), biases=tuple(biases[::-1]), p=tuple(by_p[::-1]))
    return float(-log_shares[rows, labels].mean()), gradient


def train(steps: int, *, rng: np.random.Generator, unit: NoisyUnit) -> Training:
    """Train a network by Adam, each step on 64 new points with new draws ξ.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1; learning rate 0.02.

    Examples
    --------
    >>> unit = NoisyUnit("hard-tanh", kind="nan", alpha=1.01, scale="figure")
    >>> losses = train(300, rng=np.random.default_rng(0), unit=unit).losses
    >>> bool(losses[:20].mean() > 2.0 * losses[-20:].mean())
    True
    """
    arrays = initial(rng).arrays()
    first, second = [np.zeros_like(one) for one in arrays], [np.zeros_like(one) for one in arrays]
    losses = np.empty(steps)
    for step in range(steps):
        points, labels = mixture(BATCH, rng)
        xi = rng.standard_normal((LAYERS, BATCH, UNITS))
        losses[step], gradient = loss_and_gradient(Network.of(arrays), points, labels, xi=xi, unit=unit)
        rates = [1.0 - decay ** (step + 1) for decay in DECAY]
        for k, slope in enumerate(gradient.arrays()):
            first[k] = DECAY[0] * first[k] + (1.0 - DECAY[0]) * slope
            second[k] = DECAY[1] * second[k] + (1.0 - DECAY[1]) * slope**2
            arrays[k] = arrays[k] - RATE * (first[k] / rates[0]) / (np.sqrt(second[k] / rates[1]) + EPSILON)
    return Training(network=Network.of(arrays), losses=losses)


def classify(network: Network, points: Array, *, unit: NoisyUnit) -> Labels:
    """Return the likeliest class of each point, shape (n,), with ξ replaced by its expectation 0 (Eq 13)."""
    values = points
    *hidden, last = zip(network.weights, network.biases, strict=True)
    for (weight, bias), p in zip(hidden, network.p, strict=True):
        values = unit.replace(p=p).test_time(values @ weight + bias)
    return np.asarray(np.argmax(values @ last[0] + last[1], axis=1), dtype=np.int64)
