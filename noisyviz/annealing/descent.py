"""One step of noisy descent for many trajectories at once, x ← x − η·∂ℓ/∂x, in place.

A `Descent` keeps its own work space, so that the hot loop allocates nothing for the units that most people anneal:
output noise with the scale of Eq 9, above all on a clipped line (hard-tanh, hard-sigmoid, relu, relu6). Every other
unit goes through `NoisyUnit.at`, with c = 1 and the noise scaled afterwards, since every σ is proportional to c.
"""

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from noisyviz.annealing.objectives import Landscape
from noisyviz.units.activation import Activation, Array
from noisyviz.units.kinds import KINDS
from noisyviz.units.unit import InputNoise, NoisyUnit, OutputNoise

Inside = npt.NDArray[np.bool_]

OUTPUT_TERMS: Final = ("leak", "noise_gradient", "noise_error", "product")
"""The parts of a step under output noise, with b = αh + (1−α)u.

−η(b − target)b′, −η(b − target)dσ′ε, −ηdσε·b′ and −ησσ′ε²: their sum is the step.
"""
INPUT_TERMS: Final = ("sampled_slope", "noise_gradient")
"""The parts of a step under input noise: −η(φ − target)h′(x + s) and −η(φ − target)h′(x + s)σ′ξ."""


class Descent(Protocol):
    """The rule by which trajectories move."""

    terms: tuple[str, ...]

    def move(self, x: Array, inside: Inside, xi: Array, c: float, parts: Array | None = None) -> None:
        """Move trajectories by one step, in place.

        Parameters
        ----------
        x
            Positions, shape (n,), finite or the result is not.
        inside
            Whether each lies strictly between the thresholds, shape (n,).
        xi
            Raw signed draws, shape (n,).
        c
            Noise level of this step.
        parts
            Filled with how far each term moves the first m trajectories, shape (terms, m).
        """
        ...


def descent(unit: NoisyUnit, *, lr: float, target: float, size: int) -> Descent:
    """Return the rule x ← x − lr·(φ − target)·∂φ/∂x for up to `size` trajectories at once."""
    if unit.kind in ("nan", "nah") and unit.scale == "eq9":
        learned = ClippedLine if is_clipped_line(unit.activation) else LearnedScale
        return learned(unit, lr=lr, target=target, size=size)
    if KINDS[unit.kind].output_noise:
        return OutputDescent(unit, lr=lr, target=target)
    return InputDescent(unit, lr=lr, target=target)


def is_clipped_line(h: Activation) -> bool:
    """Return whether h is clip(u, L, R) with an increasing u and thresholds on either side of 0.

    Examples
    --------
    >>> from noisyviz.units.activations import ACTIVATIONS
    >>> [name for name, h in ACTIVATIONS.items() if is_clipped_line(h)]
    ['hard-tanh', 'hard-sigmoid', 'relu', 'relu6', 'hard-sigmoid-6', 'sparse-sigmoid']
    """
    if h.pieces is None or h.slope <= 0 or not h.thresholds[0] <= 0.0 <= h.thresholds[1]:
        return False
    saturating = {z for z in h.thresholds if np.isfinite(z)}
    return (
        bool(saturating) and not h.jumps and set(h.breaks) == saturating and {b for _, b in h.pieces} == {0.0, h.slope}
    )


class LearnedScale:
    """Output noise of Eq 9 on any activation, in its own work space.

    With t = tanh(pΔ/2), σ = (c/4)t² and σ′ = (c/4)·t·(1−t²)·pΔ′.
    """

    terms: tuple[str, ...] = OUTPUT_TERMS

    def __init__(self, unit: NoisyUnit, *, lr: float, target: float, size: int) -> None:
        self.activation = unit.activation
        self.alpha, self.p = float(unit.alpha), float(unit.p)
        self.inward = 1.0 if self.alpha <= 1.0 else -1.0
        self.half = unit.kind == "nah"
        self.lr, self.target = lr, target
        self.space = np.empty((7, size))

    def move(self, x: Array, inside: Inside, xi: Array, c: float, parts: Array | None = None) -> None:  # noqa: ARG002
        """Move trajectories by one step, in place."""
        space, epsilon = self._space_for(x, xi)
        gap, leak, push, tilt = self._terms(x, epsilon, c, space)
        if parts is not None:
            _fill(parts, gap, leak, push, tilt)
        gap += push
        tilt += leak
        tilt *= gap
        x -= tilt

    def _space_for(self, x: Array, xi: Array) -> tuple[tuple[Array, ...], Array]:
        """Return room for the terms, and ε, which may lie in the last part of it."""
        space = tuple(row[: x.size] for row in self.space)
        return space, np.abs(xi, out=space[-1]) if self.half else xi

    def _terms(
        self, x: Array, epsilon: Array, c: float, space: tuple[Array, ...]
    ) -> tuple[Array, Array | float, Array, Array]:
        """Return b − target, lr·b′, dσε and lr·dσ′ε."""
        gap, leak, push, tilt, t, w, work = space
        h = self.activation
        np.multiply(x, h.slope, out=gap)
        gap += h.intercept - self.target
        t[:] = h.finite_delta(x)
        np.multiply(t, self.alpha, out=w)
        gap += w
        w[:] = h.slope_function(x)
        w -= h.slope  # Δ′
        np.multiply(w, self.alpha * self.lr, out=leak)
        leak += h.slope * self.lr
        t *= 0.5 * self.p
        np.tanh(t, out=t)
        np.add(x, 0.0, out=push)  # −0 becomes 0: sgn(0) = +1
        np.copysign(0.25 * c, push, out=push)
        push *= -self.inward  # d·c/4 with d = −sgn(x)·sgn(1−α)
        np.multiply(epsilon, push, out=work)
        work *= t
        np.multiply(work, t, out=push)
        t *= t
        np.subtract(1.0, t, out=t)
        w *= t
        w *= self.p * self.lr
        np.multiply(work, w, out=tilt)
        return gap, leak, push, tilt


class ClippedLine(LearnedScale):
    """Output noise of Eq 9 on a clipped line.

    Inside the thresholds u alone moves a trajectory. Outside, Δ′ = −u′ and the sign of x is the opposite of that of Δ.
    With T = g(abs p·Δ) − ½, half of tanh(abs p·Δ/2), that makes d·σ·ε = k·c·T·abs T·ε and
    d·σ′·ε = −2k·c·abs p·u′·abs T·(¼ − T²)·ε with k = sgn(1−α): one exponential, half the time of tanh, and off by no
    more than the rounding of x, from which Δ comes.
    """

    def move(self, x: Array, inside: Inside, xi: Array, c: float, parts: Array | None = None) -> None:
        """Move trajectories by one step, in place."""
        many = x.size - np.count_nonzero(inside)
        if many == x.size:
            super().move(x, inside, xi, c, parts)
            return
        outside = np.flatnonzero(~inside) if many else np.zeros(0, dtype=np.intp)
        moved = x[outside]
        asked = None if parts is None else outside[: np.searchsorted(outside, parts.shape[1])]
        told = None if parts is None or asked is None else np.empty((len(self.terms), asked.size))
        if many:
            super().move(moved, inside, xi[outside], c, told)
        h, step = self.activation, self.space[0, : x.size]
        np.subtract(self._line(x, out=step), self.target, out=step)
        step *= self.alpha * h.slope * self.lr + (1.0 - self.alpha) * h.slope * self.lr
        if parts is not None:
            parts[0] = -step[: parts.shape[1]]
            parts[1:] = 0.0
            parts[:, asked] = told
        x -= step
        x[outside] = moved

    def _line(self, x: Array, *, out: Array) -> Array:
        """Return u, which may be x itself."""
        h = self.activation
        if h.slope == 1.0 and h.intercept == 0.0:
            return x
        np.multiply(x, h.slope, out=out)
        out += h.intercept
        return out

    def _terms(
        self, x: Array, epsilon: Array, c: float, space: tuple[Array, ...]
    ) -> tuple[Array, Array | float, Array, Array]:
        gap, _, push, tilt, t, *_ = space
        h = self.activation
        u = self._line(x, out=push)
        np.clip(u, h.left, h.right, out=gap)
        np.subtract(u, gap, out=t)  # −Δ
        t *= abs(self.p)
        np.exp(t, out=t)
        t += 1.0
        np.divide(1.0, t, out=t)
        t -= 0.5  # T
        if self.alpha != 1.0:
            gap *= self.alpha
            np.multiply(u, 1.0 - self.alpha, out=tilt)
            gap += tilt
        gap -= self.target
        np.abs(t, out=tilt)
        tilt *= epsilon
        tilt *= c * self.inward
        np.multiply(tilt, t, out=push)
        t *= t
        t -= 0.25
        t *= 2.0 * abs(self.p) * h.slope * self.lr
        tilt *= t
        return gap, (1.0 - self.alpha) * h.slope * self.lr, push, tilt


class OutputDescent:
    """Output noise of any form, by `NoisyUnit.at`."""

    terms: tuple[str, ...] = OUTPUT_TERMS

    def __init__(self, unit: NoisyUnit, *, lr: float, target: float) -> None:
        self.unit = unit.replace(c=1.0)
        self.lr, self.target = lr, target

    def move(self, x: Array, inside: Inside, xi: Array, c: float, parts: Array | None = None) -> None:  # noqa: ARG002
        """Move trajectories by one step, in place; the unit knows its kinks."""
        gap, leak, push, tilt = self._terms(x, xi, c)
        if parts is not None:
            _fill(parts, gap, self.lr * leak, push, self.lr * tilt)
        x -= self.lr * ((gap + push) * (leak + tilt))

    def _terms(self, x: Array, xi: Array, c: float) -> tuple[Array, Array, Array, Array]:
        at = self.unit.at(x)
        assert isinstance(at, OutputNoise)
        epsilon = c * at.epsilon(xi)
        return at.base - self.target, at.base_slope, at.amplitude * epsilon, at.amplitude_slope * epsilon


class InputDescent:
    """Input noise of any form, by `NoisyUnit.at`."""

    terms: tuple[str, ...] = INPUT_TERMS

    def __init__(self, unit: NoisyUnit, *, lr: float, target: float) -> None:
        self.unit = unit.replace(c=1.0)
        self.lr, self.target = lr, target

    def move(self, x: Array, inside: Inside, xi: Array, c: float, parts: Array | None = None) -> None:  # noqa: ARG002
        """Move trajectories by one step, in place; the unit knows its kinks."""
        pull, tilt = self._terms(x, xi, c)
        if parts is not None:
            few = parts.shape[1]
            parts[0] = -self.lr * pull[:few]
            parts[1] = parts[0] * tilt[:few]
        x -= self.lr * (pull * (1.0 + tilt))

    def _terms(self, x: Array, xi: Array, c: float) -> tuple[Array, Array]:
        at = self.unit.at(x)
        assert isinstance(at, InputNoise)
        h = self.unit.activation
        z = x + c * at.shift(xi)
        return (h.function(z) - self.target) * h.slope_function(z), c * (at.factor(xi) - 1.0)


class LandscapeDescent:
    """Descent of a landscape with noisy input, x ← x − lr·f′(x + cξ)."""

    terms: tuple[str, ...] = ()

    def __init__(self, landscape: Landscape, *, lr: float) -> None:
        self.landscape, self.lr = landscape, lr

    def move(self, x: Array, inside: Inside, xi: Array, c: float, parts: Array | None = None) -> None:  # noqa: ARG002
        """Move trajectories by one step, in place; a landscape has no kinks, and its step no terms to tell apart."""
        x -= self.lr * self.landscape.slope(x + c * xi)


def _fill(parts: Array, gap: Array, leak: Array | float, push: Array, tilt: Array) -> None:
    """Write `OUTPUT_TERMS` of the first trajectories; leak and tilt hold the learning rate."""
    few = parts.shape[1]
    back, error, tilt = -gap[:few], -push[:few], tilt[:few]
    leak = leak[:few] if isinstance(leak, np.ndarray) and leak.ndim else leak
    np.multiply(back, leak, out=parts[0])
    np.multiply(back, tilt, out=parts[1])
    np.multiply(error, leak, out=parts[2])
    np.multiply(error, tilt, out=parts[3])
