"""The Monte-Carlo road to `Moments`: plain evaluation of φ and its gradients at every draw, in bounded memory.

It shares with the exact road the formulas of the unit and nothing else. Sums of the first four powers about the
noiseless value are kept per replicate; every estimate is a mean over draws or a smooth function of such means, and its
standard error follows from the spread of what is averaged: over the draws for iid, over the replicates otherwise.
"""

from math import inf
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.engine.activation import Array
from noisyviz.engine.moments import MOMENTS, MonteCarloMoments, pointwise
from noisyviz.engine.samplers import Draws
from noisyviz.engine.units import InputNoise, NoisyUnit, OutputNoise

_ELEMENTS: Final = 2**17  # points × draws evaluated at once

_ESTIMATES: Final = tuple(name for name in MOMENTS if name != "grad_leak")


def monte_carlo(
    unit: NoisyUnit,
    x: npt.ArrayLike,
    *,
    samples: int = 100_000,
    rng: np.random.Generator,
    sampler: str = "iid",
    chunk: int = 2048,
) -> MonteCarloMoments:
    """Estimate the moments of a unit by simulation; the same draws serve every x.

    Parameters
    ----------
    unit
        The unit.
    x
        Any shape that broadcasts with the unit's parameters; NaN gives NaN, ±inf the limits.
    samples
        Draws, 1 … 1e10; rounded up to what the sampler needs and reported as used.
    rng
        Seeds the draws; the same state gives the same result.
    sampler
        A key of `SAMPLERS`.
    chunk
        Draws evaluated at once; changes speed and memory, not the result (beyond rounding).

    Returns
    -------
    MonteCarloMoments
        Spreads are of one draw, without Bessel's correction; ``*_se`` are standard errors of the estimates.

    Raises
    ------
    InputError
        For an unknown sampler or a number of samples outside its domain.

    Examples
    --------
    >>> unit = NoisyUnit("tanh", kind="nani", c=0.5)
    >>> moments = monte_carlo(unit, [0.0, 2.0], samples=4000, rng=np.random.default_rng(1))
    >>> moments.samples, bool(abs(moments.mean[0]) < 5 * moments.mean_se[0])
    (4000, True)
    """
    draws = Draws(unit.noise, samples=samples, sampler=sampler, rng=rng)
    chunk = max(int(chunk), 2)

    def compute(part: NoisyUnit, points: Array) -> dict[str, Array]:
        at = part.at(points)
        sums = _power_sums(part, at, draws, chunk)
        columns = _estimates(part, at, sums, draws)
        columns["mean"] = columns["mean"] + at.base
        columns["bias"] = columns["bias"] + (at.leak if isinstance(at, OutputNoise) else 0.0)
        columns["grad_leak"] = at.grad_x(np.zeros(()))
        return columns

    names = (*MOMENTS, *(f"{name}_se" for name in _ESTIMATES))
    columns = pointwise(unit, x, names=names, block=max(_ELEMENTS // chunk, 1), compute=compute)
    return MonteCarloMoments(**columns, samples=draws.samples, sampler=sampler)


def _power_sums(unit: NoisyUnit, at: OutputNoise | InputNoise, draws: Draws, chunk: int) -> Array:
    """Return sums over the draws, shape (replicates, 15, n).

    Rows: the powers 1 to 4 of φ − φ₀, of ∂φ/∂x − its value at ε = 0 and of ∂φ/∂p; the counts of zero gradients, of
    wrong signs and of φ outside [L, R].
    """
    h = unit.activation
    low, high = h.bounds
    leak = at.grad_x(np.zeros(()))
    sums = np.zeros((draws.replicates, 15, at.base.size))
    for replicate, xi in draws.read(chunk):
        xi = xi[:, None]
        row = 0
        for value in (at.deviation(xi), at.grad_x(xi) - leak, at.grad_p(xi)):
            power = value
            for _ in range(4):
                sums[replicate, row] += power.sum(axis=0)
                power = power * value
                row += 1
        sign = at.grad_sign(xi)
        phi = at.phi(xi)
        sums[replicate, 12] += (sign == 0).sum(axis=0)
        sums[replicate, 13] += (sign * np.sign(h.slope) < 0).sum(axis=0)
        sums[replicate, 14] += ((phi < low) | (phi > high)).sum(axis=0)
    return sums


def _estimates(unit: NoisyUnit, at: OutputNoise | InputNoise, sums: Array, draws: Draws) -> dict[str, Array]:
    """Return every estimate (mean and bias still without the noiseless value) with its standard error."""
    h = unit.activation
    means = sums / draws.each  # of each replicate
    columns: dict[str, Array] = {}

    def put(name: str, value: Array, error: Array) -> None:
        columns[name], columns[f"{name}_se"] = value, error

    def error(of_replicates: Array, variance: Array) -> Array:
        """Return the standard error of the mean of Y from the replicates' means, or for iid from the variance of Y."""
        if draws.replicates > 1:
            spread: Array = of_replicates.std(axis=0, ddof=1) / np.sqrt(draws.replicates)
            scale = np.maximum(np.sqrt(np.maximum(variance, 0.0)), np.abs(of_replicates).max(axis=0))
            return np.where(spread <= 1e-14 * scale, 0.0, spread)  # equal but for rounding
        if draws.samples == 1:
            return np.full(variance.shape, np.nan)
        return np.sqrt(np.maximum(variance, 0.0) / (draws.samples - 1))

    for first, mean_name, std_name in (
        (0, "mean", "std"),
        (4, "grad_mean", "grad_std"),
        (8, "grad_p_mean", "grad_p_std"),
    ):
        raw = means[:, first : first + 4]
        m1, m2, m3, m4 = raw.mean(axis=0)
        variance = np.where(np.isinf(m2), inf, np.maximum(m2 - m1**2, 0.0))  # squares overflow beyond 1e154
        fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4
        put(mean_name, m1, error(raw[:, 0], variance))
        squares = raw[:, 1] - 2.0 * m1 * raw[:, 0]  # mean of (value − m1)² within a replicate, up to a constant
        std = np.sqrt(variance)
        put(std_name, std, _halved(error(squares, fourth - variance**2), std))
        if first == 4:
            leak = at.grad_x(np.zeros(()))
            square = m2 + 2.0 * leak * m1 + leak**2
            spread = m4 + 4.0 * leak * m3 + 4.0 * leak**2 * m2 - (m2 + 2.0 * leak * m1) ** 2
            rms = np.where(np.isinf(m2), inf, np.sqrt(np.maximum(square, 0.0)))
            put("grad_rms", rms, _halved(error(raw[:, 1] + 2.0 * leak * raw[:, 0], spread), rms))
            columns["grad_mean"] = columns["grad_mean"] + leak
    put("bias", columns["mean"], columns["mean_se"])
    if not unit.noise.fourth_moment:
        for name in ("std", "grad_std", "grad_rms", "grad_p_std"):
            columns[f"{name}_se"] = np.full(at.base.shape, np.nan)
    known = {12: True, 13: h.slope != 0, 14: h.bounds[0] > -inf and h.bounds[1] < inf}
    for row, name in ((12, "p_zero"), (13, "p_wrong"), (14, "p_outside")):
        share = means[:, row].mean(axis=0) if known[row] else np.full(at.base.shape, np.nan)
        put(name, share, error(means[:, row], share * (1.0 - share)) + 0.0 * share)
    return columns


def _halved(error_of_square: Array, root: Array) -> Array:
    """Return the standard error of a root from that of its square (delta method); 0 where both vanish."""
    return np.where(root == 0, 0.0 * error_of_square, 0.5 * error_of_square / np.where(root == 0, 1.0, root))
