"""One step of noisy descent for many trajectories at once, x ← x − η·∂ℓ/∂x, in place.

A `Descent` keeps its own work space, so that the hot loop allocates nothing for the units that most people anneal:
output noise with the scale of Eq 9, above all on a clipped line (hard-tanh, hard-sigmoid, relu, relu6). Every other
unit goes through `NoisyUnit.at`, with c = 1 and the noise scaled afterwards, since every σ is proportional to c.
"""

from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Activation, Array
from noisyviz.engine.objectives import Landscape
from noisyviz.engine.units import KINDS, InputNoise, NoisyUnit, OutputNoise

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

    def move(self, x: Array, inside: Inside, xi: Array, c: float) -> None:
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
        """
        ...

    def parts(self, count: int) -> Array:
        """Return how far each term moved the first `count` trajectories in the last step, shape (terms, count)."""
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
    >>> from noisyviz.engine.activations import ACTIVATIONS
    >>> [name for name, h in ACTIVATIONS.items() if is_clipped_line(h)]
    ['hard-tanh', 'hard-sigmoid', 'relu', 'relu6', 'hard-sigmoid-6']
    """
    if h.pieces is None or h.slope <= 0 or not h.thresholds[0] <= 0.0 <= h.thresholds[1]:
        return False
    saturating = {z for z in h.thresholds if np.isfinite(z)}
    return bool(saturating) and set(h.breaks) == saturating and {b for _, b in h.pieces} == {0.0, h.slope}


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
        self.views: tuple[Array, ...] = ()

    def move(self, x: Array, inside: Inside, xi: Array, c: float) -> None:
        """Move trajectories by one step, in place."""
        if not self.views or self.views[0].size != x.size:
            self.views = tuple(row[: x.size] for row in self.space)
        gap, leak, push, tilt, t, w, work = self.views
        epsilon = np.abs(xi, out=work) if self.half else xi
        self._terms(x, inside, epsilon, c)
        np.add(gap, push, out=t)
        np.add(leak, tilt, out=w)
        t *= w
        x -= t

    def _terms(self, x: Array, inside: Inside, epsilon: Array, c: float) -> None:  # noqa: ARG002
        """Fill b − target, lr·b′, dσε and lr·dσ′ε."""
        gap, leak, push, tilt, t, w, work = self.views
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

    def parts(self, count: int) -> Array:
        """Return how far each term moved the first trajectories in the last step."""
        gap, leak, push, tilt = (view[:count] for view in self.views[:4])
        parts = np.empty((4, count))
        np.multiply(gap, leak, out=parts[0])
        np.multiply(gap, tilt, out=parts[1])
        np.multiply(push, leak, out=parts[2])
        np.multiply(push, tilt, out=parts[3])
        return np.negative(parts, out=parts)


class ClippedLine(LearnedScale):
    """Output noise of Eq 9 on a clipped line.

    Where there is noise, Δ′ = −u′ and the sign of x is the opposite of that of Δ, so that d·σ·ε = k·(c/4)·t·abs t·ε and
    d·σ′·ε = −k·(c/4)·abs t·(1−t²)·p·u′·ε with k = sgn(1−α)·sgn p.
    """

    def _terms(self, x: Array, inside: Inside, epsilon: Array, c: float) -> None:
        gap, leak, push, tilt, t, w, work = self.views
        h = self.activation
        if h.slope == 1.0 and h.intercept == 0.0:
            u = x
        else:
            u = np.multiply(x, h.slope, out=push)
            u += h.intercept
        np.clip(u, h.left, h.right, out=t)
        t -= u  # Δ
        np.multiply(t, self.alpha, out=gap)
        gap += u
        gap -= self.target
        np.multiply(inside, self.alpha * h.slope * self.lr, out=leak)
        leak += (1.0 - self.alpha) * h.slope * self.lr
        t *= 0.5 * self.p
        np.tanh(t, out=t)
        np.abs(t, out=w)
        np.multiply(epsilon, w, out=work)
        work *= 0.25 * c * self.inward * (1.0 if self.p >= 0.0 else -1.0)
        np.multiply(work, t, out=push)
        t *= t
        np.subtract(1.0, t, out=t)
        t *= -self.p * h.slope * self.lr
        np.multiply(work, t, out=tilt)


class OutputDescent:
    """Output noise of any form, by `NoisyUnit.at`."""

    terms: tuple[str, ...] = OUTPUT_TERMS

    def __init__(self, unit: NoisyUnit, *, lr: float, target: float) -> None:
        self.unit = unit.replace(c=1.0)
        self.lr, self.target = lr, target
        self.last: tuple[Array, ...] = ()

    def move(self, x: Array, inside: Inside, xi: Array, c: float) -> None:  # noqa: ARG002  # the unit knows its kinks
        """Move trajectories by one step, in place."""
        at = self.unit.at(x)
        assert isinstance(at, OutputNoise)
        epsilon = c * at.epsilon(xi)
        gap, leak = at.base - self.target, at.base_slope
        push, tilt = at.amplitude * epsilon, at.amplitude_slope * epsilon
        self.last = (gap, leak, push, tilt)
        x -= self.lr * ((gap + push) * (leak + tilt))

    def parts(self, count: int) -> Array:
        """Return how far each term moved the first trajectories in the last step."""
        gap, leak, push, tilt = (np.broadcast_to(v, self.last[0].shape)[:count] for v in self.last)
        return -self.lr * np.stack([gap * leak, gap * tilt, push * leak, push * tilt])


class InputDescent:
    """Input noise of any form, by `NoisyUnit.at`."""

    terms: tuple[str, ...] = INPUT_TERMS

    def __init__(self, unit: NoisyUnit, *, lr: float, target: float) -> None:
        self.unit = unit.replace(c=1.0)
        self.lr, self.target = lr, target
        self.last: tuple[Array, ...] = ()

    def move(self, x: Array, inside: Inside, xi: Array, c: float) -> None:  # noqa: ARG002  # the unit knows its kinks
        """Move trajectories by one step, in place."""
        at = self.unit.at(x)
        assert isinstance(at, InputNoise)
        h = self.unit.activation
        z = x + c * at.shift(xi)
        pull = (h.function(z) - self.target) * h.slope_function(z)
        tilt = c * (at.factor(xi) - 1.0)
        self.last = (pull, tilt)
        x -= self.lr * (pull * (1.0 + tilt))

    def parts(self, count: int) -> Array:
        """Return how far each term moved the first trajectories in the last step."""
        pull, tilt = (np.broadcast_to(v, self.last[0].shape)[:count] for v in self.last)
        return -self.lr * np.stack([pull, pull * tilt])


class LandscapeDescent:
    """Descent of a landscape with noisy input, x ← x − lr·f′(x + cξ)."""

    terms: tuple[str, ...] = ()

    def __init__(self, landscape: Landscape, *, lr: float) -> None:
        self.landscape, self.lr = landscape, lr

    def move(self, x: Array, inside: Inside, xi: Array, c: float) -> None:  # noqa: ARG002  # a landscape has no kinks
        """Move trajectories by one step, in place."""
        x -= self.lr * self.landscape.slope(x + c * xi)

    def parts(self, count: int) -> Array:
        """Return nothing: a landscape's step has no terms to tell apart."""
        return np.zeros((0, count))
