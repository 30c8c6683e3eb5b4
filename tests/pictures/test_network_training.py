"""The small network: gradients against differences, and a training that comes near Bayes' rule."""

import numpy as np
import pytest

import noisyviz as nv
from noisyviz.pictures.network.training import (
    LAYERS,
    MEANS,
    SPREAD,
    UNITS,
    Network,
    classify,
    initial,
    loss_and_gradient,
    mixture,
    train,
)

UNIT = nv.NoisyUnit("hard-tanh", kind="nan", alpha=1.01, c=0.5, scale="figure")


@pytest.mark.parametrize(
    "unit", [UNIT, nv.NoisyUnit("tanh", kind="nah", alpha=0.9, c=2.0), UNIT.replace(scale="eq9", c=4.0)]
)
def test_back_propagation_gives_the_differences_of_the_loss(unit: nv.NoisyUnit) -> None:
    rng = np.random.default_rng(3)
    points, labels = mixture(20, rng)
    points = 2.0 * points  # so that many units saturate, where p has an effect
    xi = rng.standard_normal((LAYERS, 20, UNITS))
    network = initial(rng)
    _, gradient = loss_and_gradient(network, points, labels, xi=xi, unit=unit)
    arrays, step = network.arrays(), 1e-6
    assert [one.shape for one in gradient.arrays()] == [one.shape for one in arrays]
    for k, (array, slope) in enumerate(zip(arrays, gradient.arrays(), strict=True)):
        for place in np.ndindex(array.shape):
            losses = []
            for side in (-step, step):
                moved = [one.copy() for one in arrays]
                moved[k][place] += side
                losses.append(loss_and_gradient(Network.of(moved), points, labels, xi=xi, unit=unit)[0])
            assert (losses[1] - losses[0]) / (2.0 * step) == pytest.approx(slope[place], abs=2e-7, rel=2e-5), (k, place)
    assert max(float(np.abs(one).max()) for one in gradient.p) > 1e-4


def test_the_loss_is_the_mean_cross_entropy() -> None:
    """With all weights 0 every class has a third."""
    zero = Network.of([np.zeros_like(one) for one in initial(np.random.default_rng(0)).arrays()])
    points, labels = mixture(7, np.random.default_rng(1))
    loss, _ = loss_and_gradient(zero, points, labels, xi=np.zeros((LAYERS, 7, UNITS)), unit=UNIT)
    assert loss == pytest.approx(np.log(3.0))


def test_the_mixture_has_three_equal_gaussians() -> None:
    points, labels = mixture(60_000, np.random.default_rng(2))
    for k, mean in enumerate(MEANS):
        own = points[labels == k]
        assert len(own) == pytest.approx(20_000, abs=5 * np.sqrt(60_000 * 2 / 9))
        np.testing.assert_allclose(own.mean(axis=0), mean, atol=5 * SPREAD / np.sqrt(20_000) * 1.1)
        np.testing.assert_allclose(np.cov(own.T), np.eye(2) * SPREAD**2, atol=0.06)


def test_training_comes_near_the_rule_of_bayes() -> None:
    """With equal shares and spreads the best rule takes the nearest mean; no network can beat it but by chance."""
    trained = train(400, rng=np.random.default_rng(0), unit=UNIT)
    assert trained.losses[:10].mean() > 3.0 * trained.losses[-50:].mean()
    points, labels = mixture(20_000, np.random.default_rng(9))
    nearest = np.argmin(((points[:, None] - np.asarray(MEANS)) ** 2).sum(axis=2), axis=1)
    best = np.mean(nearest == labels)
    got = np.mean(classify(trained.network, points, unit=UNIT) == labels)
    assert best - 0.02 <= got <= best + 5.0 * np.sqrt(best * (1.0 - best) / 20_000)
    start = np.mean(classify(initial(np.random.default_rng(0)), points, unit=UNIT) == labels)
    assert got > start + 0.2


def test_p_is_learned_from_where_the_paper_starts_it() -> None:
    start = initial(np.random.default_rng(4))
    trained = train(50, rng=np.random.default_rng(4), unit=UNIT).network
    for before, after in zip(start.p, trained.p, strict=True):
        assert before.shape == (UNITS,)
        assert np.all(np.abs(before) <= 1.0)
        assert not np.array_equal(before, after)
    again = train(50, rng=np.random.default_rng(4), unit=UNIT).network
    for one, other in zip(trained.arrays(), again.arrays(), strict=True):
        np.testing.assert_array_equal(one, other)
