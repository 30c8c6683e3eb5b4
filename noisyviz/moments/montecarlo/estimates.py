"""Moments and their standard errors from sums over the draws.

Every estimate is a mean over draws or a smooth function of such means, and its standard error follows from the spread
of what is averaged: over the draws for iid, over the replicates otherwise. Even draws count almost the same number of
hits in every replicate, so that the errors of their shares have a floor: a part of one draw.
"""

from collections.abc import Callable
from math import inf
from typing import Final

import numpy as np

from noisyviz.moments.montecarlo.power_sums import PRODUCTS
from noisyviz.moments.quantities import MOMENTS
from noisyviz.moments.samplers import Draws
from noisyviz.units.activation import LARGE, Array
from noisyviz.units.unit import InputNoise, NoisyUnit, OutputNoise

EVEN: Final = ("stratified", "sobol")  # samplers that put about one draw into each of equally likely strata
ESTIMATES: Final = tuple(name for name in MOMENTS if name != "grad_leak")


def estimates(unit: NoisyUnit, at: OutputNoise | InputNoise, sums: Array, draws: Draws) -> dict[str, Array]:
    """Return every estimate (mean and bias still without the noiseless value) with its standard error."""
    h = unit.activation
    means = sums / draws.each  # of each replicate
    columns: dict[str, Array] = {}

    def put(name: str, value: Array, error: Array) -> None:
        columns[name], columns[f"{name}_se"] = value, error

    def error(of_replicates: Array, variance: Array, terms: Array | float = 0.0) -> Array:
        """Return the standard error of the mean of Y from the replicates' means, or for iid from the variance of Y.

        `terms` is the size of what was subtracted to get the means, whose rounding they hold.
        """
        if draws.replicates > 1:
            largest = np.abs(of_replicates).max(axis=0)
            size = np.where(largest > LARGE, largest, 1.0)  # squares must not overflow
            spread: Array = (of_replicates / size).std(axis=0, ddof=1) * size / np.sqrt(draws.replicates)
            scale = np.maximum(np.sqrt(np.maximum(variance, 0.0)), np.maximum(largest, terms))
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
        if first < 8:
            columns[f"{mean_name}_hits"] = _hits(variance, fourth, draws.samples)
        put(std_name, std, _halved(error(squares, fourth - variance**2), std))
        if first == 4:
            leak = at.grad_x(np.zeros(()))
            square = m2 + 2.0 * leak * m1 + leak**2
            spread = m4 + 4.0 * leak * m3 + 4.0 * leak**2 * m2 - (m2 + 2.0 * leak * m1) ** 2
            rms = np.where(np.isinf(m2), inf, np.sqrt(np.maximum(square, 0.0)))
            put("grad_rms", rms, _halved(error(raw[:, 1] + 2.0 * leak * raw[:, 0], spread), rms))
            columns["grad_mean"] = columns["grad_mean"] + leak
    put("bias", columns["mean"], columns["mean_se"])
    put("grad_cov", *_covariance(means, error))
    if not unit.noise.fourth_moment:
        for name in ("std", "grad_std", "grad_rms", "grad_cov", "grad_p_std"):
            columns[f"{name}_se"] = np.full(at.base.shape, np.nan)
    known = {12: True, 13: h.slope != 0, 14: h.bounds[0] > -inf and h.bounds[1] < inf}
    if draws.samples == 2 and draws.replicates == 1:  # two draws are equally far from their mean
        for name in ("std", "grad_std", "grad_cov", "grad_p_std"):
            columns[f"{name}_se"] = np.full(at.base.shape, np.nan)
    even = draws.sampler in EVEN
    for row, name in ((12, "p_zero"), (13, "p_wrong"), (14, "p_outside")):
        share = means[:, row].mean(axis=0) if known[row] else np.full(at.base.shape, np.nan)
        found = error(means[:, row], share * (1.0 - share)) + 0.0 * share
        put(name, share, np.maximum(found, _floor(means[:, row], draws.each)) if even else found)
    return columns


def _covariance(means: Array, error: Callable[[Array, Array, Array], Array]) -> tuple[Array, Array]:
    """Return Cov(φ, ∂φ/∂x) and its standard error, that of the mean of (D − E D)(G − E G) (delta method)."""
    m, d2, g, g2 = (means[:, row].mean(axis=0) for row in (0, 1, 4, 5))
    dg, d2g, dg2, d2g2 = means[:, PRODUCTS:].mean(axis=0)
    value = dg - m * g
    square = d2g2 - 2.0 * g * d2g - 2.0 * m * dg2 + g**2 * d2 + m**2 * g2 + 4.0 * m * g * dg - 3.0 * m**2 * g**2
    of_replicates = means[:, PRODUCTS] - m * means[:, 4] - g * means[:, 0]
    terms = np.abs(means[:, PRODUCTS]) + np.abs(m * means[:, 4]) + np.abs(g * means[:, 0])
    return value, error(of_replicates, square - value**2, terms.max(axis=0))


def _floor(shares: Array, each: int) -> Array:
    """Return the least standard error of a share that is not 0 or 1 from the shares of replicates of even draws.

    A count is its whole part plus one in a share θ of the replicates. As Agresti and Coull's does for a proportion, the
    floor takes two more of each kind: (nθ + 2)(n(1 − θ) + 2)/(n + 4)² for θ(1 − θ), the variance of the counts.
    """
    n = shares.shape[0]
    variance = np.var(shares * each, axis=0)
    least = np.sqrt((n * n * variance + 2.0 * n + 4.0) / n) / ((n + 4.0) * each)
    mean = shares.mean(axis=0)
    return np.asarray(np.where((mean > 0.0) & (mean < 1.0), least, 0.0 * mean), dtype=np.float64)


def _hits(variance: Array, fourth: Array, samples: int) -> Array:
    """Return about how many of the draws carry a variance: for an event that k of many draws reach, about k."""
    spread = np.where(variance > 0.0, variance * variance / np.where(fourth > 0.0, fourth, np.inf), 0.0)
    return np.asarray(samples * spread, dtype=np.float64)


def _halved(error_of_square: Array, root: Array) -> Array:
    """Return the standard error of a root from that of its square (delta method); 0 where both vanish."""
    return np.where(root == 0, 0.0 * error_of_square, 0.5 * error_of_square / np.where(root == 0, 1.0, root))
