"""Figures 5 and 6: draws by hand from the p of every unit, and what the pictures show of them."""

import matplotlib as mpl
import numpy as np
import pytest
from conftest import computed
from matplotlib.figure import Figure

from noisyviz.errors import InputError
from noisyviz.export.render import picture_bytes, rc_settings
from noisyviz.pictures.network import drawing as plot
from noisyviz.pictures.network.picture import NetworkActivations, NetworkGradients

GRADIENTS, ACTIVATIONS = NetworkGradients(), NetworkActivations()


def by_hand(x: np.ndarray, xi: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """phi and its gradient: alpha = 1.01, so noise points outward, sigma = c(g(p delta^2) - 1/2)^2."""
    alpha, c = 1.01, 0.5
    delta = np.maximum(np.abs(x) - 1.0, 0.0)
    g = 1.0 / (1.0 + np.exp(-p * delta**2))
    h, slope = np.clip(x, -1, 1), (np.abs(x) < 1) * 1.0
    sign = np.where(x < 0, -1.0, 1.0)
    sigma = c * (g - 0.5) ** 2
    sigma_slope = 2 * c * (g - 0.5) * g * (1 - g) * p * 2 * delta * sign
    phi = alpha * h + (1 - alpha) * x + sign * sigma * xi
    return phi, alpha * slope + (1 - alpha) + sign * sigma_slope * xi


@pytest.mark.parametrize("recipe", [GRADIENTS, ACTIVATIONS])
def test_tables_hold_every_draw_of_every_unit(recipe: NetworkGradients | NetworkActivations) -> None:
    result = computed(recipe)
    shown = "grad" if recipe is GRADIENTS else "phi"
    points, reach = (200, 4.0) if recipe is GRADIENTS else (600, 3.0)
    table = recipe.tables(result)[""]
    assert list(table) == ["layer", "unit", "p", "x", "xi", shown]
    assert {len(column) for column in table.values()} == {3 * 8 * points}
    np.testing.assert_allclose(table["x"][:points], np.linspace(-reach, reach, points))
    assert sorted(set(zip(table["layer"].tolist(), table["unit"].tolist(), strict=True))) == [
        (layer, unit) for layer in (1, 2, 3) for unit in range(1, 9)
    ]
    phi, grad = by_hand(table["x"], table["xi"], table["p"])
    np.testing.assert_allclose(table[shown], grad if shown == "grad" else phi, rtol=0.0, atol=1e-12)


def test_both_figures_show_one_network_and_two_sided_noise() -> None:
    gradients, activations = computed(GRADIENTS), computed(ACTIVATIONS)
    for one, other in zip(gradients.layers, activations.layers, strict=True):
        np.testing.assert_array_equal(one.p, other.p)
    assert gradients.accuracy == activations.accuracy
    xi = np.concatenate([layer.xi.ravel() for layer in activations.layers])
    assert abs(np.mean(xi > 0) - 0.5) < 5.0 * 0.5 / np.sqrt(xi.size)
    reseeded = NetworkActivations(seed=1).compute()
    assert not np.array_equal(reseeded.layers[0].p, activations.layers[0].p)


@pytest.mark.parametrize("recipe", [GRADIENTS, ACTIVATIONS])
def test_every_dot_that_is_drawn_is_a_draw_beyond_the_thresholds(
    recipe: NetworkGradients | NetworkActivations,
) -> None:
    result = computed(recipe)
    with mpl.rc_context(rc_settings("paper")):
        figure = Figure(figsize=plot.size(result, 3.25))
        plot.draw(result, figure)
        figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_ylabel() and len(axes.lines) > 1]
    assert len(panels) == 3
    for axes, layer in zip(panels, result.layers, strict=True):
        (centre,) = [line for line in axes.lines if line.get_label() == "centre"]
        np.testing.assert_allclose(np.asarray(centre.get_ydata()), result.centre)
        assert f"{layer.p.size} units" in axes.texts[0].get_text()
        assert axes.get_ylim() == pytest.approx(result.ylim)
    assert 0.9 < result.accuracy < 0.97


@pytest.mark.parametrize("width", [3.25, 5.5])
def test_the_bar_of_p_runs_to_the_right_below_all_panels(width: float) -> None:
    result = computed(GRADIENTS)
    with mpl.rc_context(rc_settings("paper")):
        figure = Figure(figsize=plot.size(result, width))
        axes = plot.draw(result, figure)
    boxes = [axes[key].get_position() for key in ("1", "2", "3")]
    bar = axes["bar"].get_position()
    assert (bar.x0, bar.x1) == pytest.approx((min(box.x0 for box in boxes), max(box.x1 for box in boxes)))
    assert axes["bar"].get_xlim()[0] < axes["bar"].get_xlim()[1]


def test_size_and_bytes() -> None:
    for recipe in (GRADIENTS, ACTIVATIONS):
        result = computed(recipe)
        first = picture_bytes(recipe, result, fmt="svg", width="icml")
        assert first == picture_bytes(recipe, recipe.compute(), fmt="svg", width="icml")
        assert len(first) < 250_000


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"alpha": 2.5}, "alpha must be from 0 to 2"),
        ({"points": 1}, "points must be from 2"),
        ({"scale": "x"}, "scale"),
    ],
)
def test_settings_outside_their_domain_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        NetworkGradients(**settings)  # type: ignore[arg-type] # a mixed dictionary
