"""`Moments` by Monte Carlo: seeded draws, estimates and their standard errors.

It shares with the exact computation the formulas of the unit and nothing else. Sums are kept per replicate and
`estimates` makes moments and standard errors of them. The sums of one and the same draws come the plain way, or faster
by regrouping: `affine_sums` for output noise, `piecewise_sums` for input noise on piecewise-linear h, `smooth_sums` on
analytic h, `compressed_sums` on any other h and for the softplus form.
"""

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, check_name
from noisyviz.moments.montecarlo.analytic import pays, smooth_sums
from noisyviz.moments.montecarlo.compressed import compressed_sums
from noisyviz.moments.montecarlo.estimates import ESTIMATES, estimates
from noisyviz.moments.montecarlo.output_noise import affine_sums
from noisyviz.moments.montecarlo.piecewise_linear import piecewise_sums
from noisyviz.moments.montecarlo.plain import PLAIN_CHUNK, plain_sums
from noisyviz.moments.montecarlo.power_sums import ROWS
from noisyviz.moments.quantities import MOMENTS, MonteCarloMoments, pointwise
from noisyviz.moments.samplers import Draws
from noisyviz.units.activation import Array
from noisyviz.units.noise import RandomSource
from noisyviz.units.unit import InputNoise, NoisyUnit, OutputNoise, SoftplusNoise

METHODS: Final = MappingProxyType(
    {
        "auto": "the draws regrouped, wherever that gives the same sums",
        "plain": "every draw evaluated at every x",
    }
)
"""How the sums over the draws are made."""

_FEW: Final = 2**16  # draws × points that are evaluated as fast as draws are put into cells
_ELEMENTS: Final = 2**17  # points × draws evaluated at once
_SUMS: Final = 2**20  # points × replicates × rows in memory at once

_Way = Callable[..., Array]


def monte_carlo(
    unit: NoisyUnit,
    x: npt.ArrayLike,
    *,
    samples: int = 100_000,
    rng: RandomSource,
    sampler: str = "iid",
    method: str = "auto",
    chunk: int | None = None,
    jobs: int = 1,
    progress: Callable[[float], None] | None = None,
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
        A seed or a Generator; the same seed, or the same state, gives the same result.
    sampler
        A key of `SAMPLERS`.
    method
        A key of `METHODS`: the same draws either way, and the same estimates to rounding (1e-9 of their size where
        draws are compressed).
    chunk
        Draws worked on at once, by default what suits the method; changes speed and memory, not the result (beyond
        rounding).
    jobs
        Threads; changes no bit of the result.
    progress
        Called now and then with the share of the work that is done, from 0 to 1.

    Returns
    -------
    MonteCarloMoments
        Spreads are of one draw, without Bessel's correction; ``*_se`` are standard errors of the estimates.

    Raises
    ------
    InputError
        For an unknown sampler or method, and a number outside its domain.

    Examples
    --------
    >>> unit = NoisyUnit("tanh", kind="nani", c=0.5)
    >>> moments = monte_carlo(unit, [0.0, 2.0], samples=4000, rng=1)
    >>> moments.samples, bool(abs(moments.mean[0]) < 5 * moments.mean_se[0])
    (4000, True)
    """
    check_name("method", method, METHODS)
    if jobs < 1 or jobs != int(jobs):
        raise InputError(f"jobs must be a whole number of at least 1, got {jobs}", parameter="jobs")
    draws = Draws(unit.noise, samples=samples, sampler=sampler, rng=rng)
    if progress is not None:
        draws.progress = _Progress(progress, np.broadcast(x, unit.alpha, unit.c, unit.p).size)

    def compute(part: NoisyUnit, points: Array) -> dict[str, Array]:
        at = part.at(points)
        if isinstance(draws.progress, _Progress):
            draws.progress.points = points.size
        way = _fast_way(part, at, draws) if method == "auto" else None
        if way is None:
            sums = _plain(part, at, draws, chunk=max(int(chunk or PLAIN_CHUNK), 2), jobs=int(jobs))
        else:
            sums = way(**({} if chunk is None else {"chunk": max(int(chunk), 2)}), jobs=int(jobs))
        columns = estimates(part, at, sums, draws)
        columns["mean"] = columns["mean"] + at.base
        columns["bias"] = columns["bias"] + (at.leak if isinstance(at, OutputNoise) else 0.0)
        columns["grad_leak"] = at.grad_x(np.zeros(()))
        return columns

    names = (*MOMENTS, *(f"{name}_se" for name in ESTIMATES), "mean_hits", "grad_mean_hits")
    block = max(_SUMS // (ROWS * draws.replicates), 1)
    columns = pointwise(unit, x, names=names, block=block, compute=compute)
    degrees = (draws.samples if draws.replicates == 1 else draws.replicates) - 1
    return MonteCarloMoments(**columns, samples=draws.samples, sampler=sampler, degrees_of_freedom=degrees)


class _Progress:
    """Turns shares of the draws, at some of the points, into the share of all."""

    def __init__(self, tell: Callable[[float], None], size: int) -> None:
        self.tell, self.size, self.points, self.done = tell, max(size, 1), 0, 0.0

    def __call__(self, share: float) -> None:
        """Take up that this share of the draws is done at `points`."""
        self.done += share * self.points / self.size
        self.tell(min(self.done, 1.0))


def _fast_way(unit: NoisyUnit, at: OutputNoise | InputNoise, draws: Draws) -> _Way | None:
    """Return how the draws are regrouped, None where every draw must be evaluated."""
    h = unit.activation
    if isinstance(at, OutputNoise):
        return partial(affine_sums, unit, at, draws)
    soft = isinstance(at, SoftplusNoise)
    if h.excursions or (soft and h.own):  # where an own function bends is not known well
        return None
    if not soft:
        if h.pieces is not None:
            return partial(piecewise_sums, at, draws)
        if h.strip > 0.0 and pays(at, draws):
            return partial(smooth_sums, unit, at, draws)
    return partial(compressed_sums, unit, at, draws) if draws.samples * at.x.size > _FEW else None


def _plain(unit: NoisyUnit, at: OutputNoise | InputNoise, draws: Draws, *, chunk: int, jobs: int) -> Array:
    """Return the plain sums, over few enough points at a time that draws × points stay in the cache."""
    step = max(_ELEMENTS // chunk, 1)
    size = at.base.size
    parts = []
    for start in range(0, size, step):
        if isinstance(draws.progress, _Progress):
            draws.progress.points = min(step, size - start)
        parts.append(plain_sums(unit, at.part(slice(start, start + step)), draws, chunk=chunk, jobs=jobs))
    return np.concatenate(parts, axis=2) if parts else np.zeros((draws.replicates, ROWS, 0))
