"""The numbers of the moving picture of annealed descent, and its file."""

from typing import Final

import numpy as np

from noisyviz.annealing.objectives import Landscape
from noisyviz.pictures.anneal.animation import Film, frame_steps
from noisyviz.pictures.anneal.picture import AnnealResult
from noisyviz.units.activation import Array
from noisyviz.units.unit import NoisyUnit

POINTS: Final = 161
NODES: Final = 199  # equally likely draws, of which the quantiles of φ are taken
CLOUD: Final = 320
BALLS: Final = 16
ROOM: Final = 0.9  # of h's height, above and below it


def film(result: AnnealResult, unit: NoisyUnit | None, *, seed: int) -> Film:
    """Return the frames of a run: the noise at their steps over x, and where the trajectories are.

    Parameters
    ----------
    result
        Of one schedule, or the first one is shown.
    unit
        The unit of the run, None for landscapes.
    seed
        Of the draws in the cloud.
    """
    found = result.runs[0]
    steps = frame_steps(found.steps)
    at = steps.astype(np.intp)
    c, x = found.noisy.c[at], np.linspace(*result.xlim, POINTS)
    balls = found.noisy.paths[:BALLS, at].T
    if isinstance(found.objective, Landscape):
        bare = found.objective.value(x)
        smooth = np.array([found.objective.smoothed(x, c=float(level), noise=found.noise)[0] for level in c])
        low, high = float(min(bare.min(), smooth.min())), float(max(bare.max(), smooth.max()))
        return Film(
            steps=steps,
            x=x,
            bare=bare,
            low=smooth,
            middle=smooth,
            high=smooth,
            cloud_x=np.zeros(0),
            cloud=np.zeros((steps.size, 0)),
            balls=balls,
            heights=found.objective.value(balls),
            ylabel=r"$\ell$",
            ylim=(low - 0.06 * (high - low), high + 0.06 * (high - low)),
        )
    assert unit is not None
    h = unit.activation
    quantiles = np.array([_quantiles(unit.replace(c=float(level)), x) for level in c])
    cloud_x = np.linspace(*result.xlim, CLOUD)
    xi = unit.noise.draw(np.random.default_rng(seed).spawn(1)[0], CLOUD)
    bare = h.h(x)
    room = ROOM * float(np.ptp(bare)) or 1.0
    return Film(
        steps=steps,
        x=x,
        bare=bare,
        low=quantiles[:, 0],
        middle=quantiles[:, 1],
        high=quantiles[:, 2],
        cloud_x=cloud_x,
        cloud=np.array([unit.replace(c=float(level))(cloud_x, xi) for level in c]),
        balls=balls,
        heights=h.h(balls),
        ylabel=r"$\varphi(x,\xi)$",
        ylim=(float(bare.min()) - room, float(bare.max()) + room),
    )


def _quantiles(unit: NoisyUnit, x: Array) -> Array:
    """Return the 5 % quantile, the median and the 95 % quantile of φ at x, shape (3, n)."""
    xi = unit.noise.quantile((np.arange(NODES) + 0.5) / NODES)
    return np.asarray(np.quantile(unit(x[:, None], xi), (0.05, 0.5, 0.95), axis=1))
