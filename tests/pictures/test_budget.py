"""Bias against gradient: root mean squares by hand and by plain draws, and what the picture shows of them."""

import re
from math import pi, sqrt
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.integrate import quad
from scipy.special import ndtr

from noisyviz.errors import InputError
from noisyviz.export.render import rc_settings
from noisyviz.networks.calibrate import effect, for_noise, normal_input
from noisyviz.networks.moment_table import gradient_ends
from noisyviz.pictures.budget.drawing import MOST_GRADIENT, caption_words
from noisyviz.pictures.budget.picture import Budget, BudgetCurve, BudgetResult
from noisyviz.pictures.stored import stored_picture
from noisyviz.units.unit import NoisyUnit

RECIPE = Budget(levels=7, marks=(0.5, 5.0))
STD = 2.0


@pytest.fixture(scope="module")
def result() -> BudgetResult:
    return RECIPE.compute()


def curve(result: BudgetResult, kind: str, *, alpha: float = 1.0) -> BudgetCurve:
    panel = next(one for one in result.panels if one.alpha == alpha)
    return next(one for one in panel.curves if one.kind == kind)


def density(x: float) -> float:
    return float(np.exp(-0.5 * (x / STD) ** 2) / (STD * sqrt(2.0 * pi)))


def average(values: Any) -> float:
    """E over N(0, 2²) of an even function of x, split at the threshold of hard-tanh."""
    parts = [quad(lambda x: values(x) * density(x), a, b, epsabs=1e-13)[0] for a, b in ((0.0, 1.0), (1.0, 20.0))]
    return float(2.0 * sum(parts))


SATURATED = 2.0 * (1.0 - float(ndtr(1.0 / STD)))


def sigma(depth: float, c: float) -> float:
    return float(c * (1.0 / (1.0 + np.exp(depth)) - 0.5) ** 2)


def steepness(depth: float, c: float) -> float:
    g = 1.0 / (1.0 + np.exp(depth))
    return float(2.0 * c * abs(g - 0.5) * g * (1.0 - g))


def test_the_leak_costs_the_same_bias_at_every_noise_level(result: BudgetResult) -> None:
    found = curve(result, "nan", alpha=0.9)
    tail = 1.0 - float(ndtr(1.0 / STD))
    second = 2.0 * ((STD**2 + 1.0) * tail - STD**2 * density(1.0))  # E (|x| − 1)₊²
    np.testing.assert_allclose(found.bias_rms, 0.1 * sqrt(second), rtol=1e-6)
    assert found.grad_rms[0] == pytest.approx(0.1, rel=1e-9)
    np.testing.assert_allclose(curve(result, "nan").bias_rms, 0.0, atol=1e-12)


def test_normal_output_noise_gives_a_gradient_in_proportion_to_c(result: BudgetResult) -> None:
    found = curve(result, "nan")
    inside = average(lambda x: steepness(x - 1.0, 1.0) ** 2 if x > 1.0 else 0.0) / SATURATED
    np.testing.assert_allclose(found.grad_rms, found.c * sqrt(inside), rtol=1e-6)


def test_half_normal_noise_costs_its_mean(result: BudgetResult) -> None:
    found = curve(result, "nah")
    square = average(lambda x: sigma(x - 1.0, 1.0) ** 2 if x > 1.0 else 0.0)
    np.testing.assert_allclose(found.bias_rms, found.c * sqrt(2.0 / pi) * sqrt(square), rtol=1e-6)


def clipped_mean(x: float, c: float) -> float:
    """E clip(x + cξ, −1, 1) for normal ξ."""
    low, high = (-1.0 - x) / c, (1.0 - x) / c
    inside = x * (ndtr(high) - ndtr(low)) + c * (np.exp(-0.5 * low**2) - np.exp(-0.5 * high**2)) / sqrt(2.0 * pi)
    return float(inside - ndtr(low) + ndtr(-high))


def clipped_inside(x: float, c: float) -> float:
    return float(ndtr((1.0 - x) / c) - ndtr((-1.0 - x) / c))


def test_input_noise_is_that_of_a_clipped_normal(result: BudgetResult) -> None:
    for c in (0.5, 5.0):
        bias = {"nani": 0.0, "nanis": 1.0}
        for kind, start in bias.items():
            found = curve(result, kind)
            at = int(np.flatnonzero(found.c == c)[0])
            square = average(lambda x, c=c, s=start: (clipped_mean(x, c) - min(x, 1.0)) ** 2 if x >= s else 0.0)
            inside = average(lambda x, c=c: clipped_inside(x, c) if x > 1.0 else 0.0) / SATURATED
            assert found.bias_rms[at] == pytest.approx(sqrt(square), rel=1e-4)
            assert found.grad_rms[at] == pytest.approx(sqrt(inside), rel=1e-4)


@pytest.mark.parametrize("c", [0.5, 2.0, 5.0])
def test_softplus_noise_against_plain_draws(c: float) -> None:
    rng = np.random.default_rng(11)
    n = 1_000_000
    x = STD * rng.standard_normal(n)
    h = np.clip(x, -1.0, 1.0)
    depth = np.abs(h - x)

    def draw() -> tuple[Any, Any]:
        xi = rng.standard_normal(n)
        t = depth / np.abs(xi)
        z = x + c * np.logaddexp(0.0, t) * xi
        pull = c / (1.0 + np.exp(-np.minimum(t, 700.0)))  # Δ′ = −1 in saturation, against sgn Δ
        factor = 1.0 + pull * np.sign(x) * np.sign(xi)
        return np.clip(z, -1.0, 1.0) - h, np.where(np.abs(z) < 1.0, factor, 0.0)

    (one, grad), (two, _) = draw(), draw()
    squares = grad[depth > 0] ** 2
    product = one * two  # of independent draws: its mean is that of the squared bias
    unit = NoisyUnit("hard-tanh", kind="nanil-softplus", c=c, p=1.0)
    found = effect(unit, for_noise(unit, normal_input(0.0, STD, unit.activation)))
    assert abs(found.grad_rms_saturated**2 - squares.mean()) < 5.0 * squares.std() / sqrt(squares.size)
    assert abs(found.bias_rms**2 - product.mean()) < 5.0 * product.std() / sqrt(n)


def test_beyond_the_end_of_the_gradient_no_draw_comes_back() -> None:
    xi = np.concatenate([-np.geomspace(1e-12, 10.0, 4001), np.geomspace(1e-12, 10.0, 4001)])
    for c, p in ((3.0, 1.0), (5.0, 0.5), (30.0, 1.0)):
        unit = NoisyUnit("hard-tanh", kind="nanil-softplus", c=c, p=p)
        ends = gradient_ends(unit, -12.0, 12.0)
        np.testing.assert_allclose(ends, [-1.0 - 2.0 / (c * p - 1.0), 1.0 + 2.0 / (c * p - 1.0)], rtol=1e-9)
        for x, some in ((ends[1] + 1e-6, False), (ends[1] - 1e-3, True)):
            z = x + c * np.logaddexp(0.0, p * (x - 1.0) / np.abs(xi)) * xi
            assert bool(np.any(np.abs(z) < 1.0)) == some
    assert gradient_ends(NoisyUnit("hard-tanh", kind="nanil-softplus", c=0.9), -12.0, 12.0).size == 0


def test_gradients_are_in_units_of_the_slope() -> None:
    found = Budget(fn="hard-sigmoid", unit=("nan",), alpha=(0.9,), levels=2, marks=(1.0,), std=4.0).compute()
    assert found.panels[0].curves[0].grad_rms[0] == pytest.approx(0.1, rel=1e-9)


def test_kinds_that_ignore_alpha_are_the_same_in_every_panel(result: BudgetResult) -> None:
    for kind in ("nani", "nanil", "nanis", "nanil-softplus"):
        assert curve(result, kind, alpha=0.9) is curve(result, kind, alpha=1.0)
    assert "Input noise does not depend on" in " ".join(caption_words(result))
    assert result.share_saturated == pytest.approx(SATURATED, rel=1e-9)


def test_the_prices_in_the_docs_are_paid() -> None:
    text = (Path(__file__).parents[2] / "docs" / "figures.md").read_text()
    rows = re.findall(r"^\| (na[a-z-]+) \| (any|[0-9.]+) \| ([0-9.]+) \| ([0-9.]+)", text, flags=re.MULTILINE)
    assert len(rows) == 8
    for kind, alpha, c, bias in rows:
        unit = NoisyUnit("hard-tanh", kind=kind, alpha=1.0 if alpha == "any" else float(alpha), c=float(c))
        found = effect(unit, for_noise(unit, normal_input(0.0, STD, unit.activation)))
        assert found.grad_rms_saturated == pytest.approx(0.25, abs=0.007), kind
        assert found.bias_rms == pytest.approx(float(bias), abs=0.0101), kind


def drawn(result: BudgetResult, *, width: float = 3.25, style: str = "paper") -> tuple[Figure, list[Axes]]:
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=RECIPE.size(result, width))
        RECIPE.draw(result, figure)
        figure.draw_without_rendering()
    return figure, figure.axes


def test_the_picture_shows_the_curves_and_their_marks(result: BudgetResult) -> None:
    _, axes = drawn(result)
    assert len(axes) == 2
    for ax, panel in zip(axes, result.panels, strict=True):
        lines = {str(line.get_label()): line for line in ax.lines}
        for one in panel.curves:
            np.testing.assert_array_equal(np.asarray(lines[one.kind].get_xdata()), one.grad_rms)
            np.testing.assert_array_equal(np.asarray(lines[one.kind].get_ydata()), one.bias_rms)
            extents = []
            for mark in (0.5, 5.0):
                at = int(np.flatnonzero(one.c == mark)[0])
                dot = lines[f"{one.kind} c={mark:g}"]
                assert np.asarray(dot.get_xydata()).tolist() == [[one.grad_rms[at], one.bias_rms[at]]]
                extents.append(dot.get_markersize())
            assert extents[0] < extents[1]
        assert ax.get_xlim()[1] == pytest.approx(MOST_GRADIENT)
    looks = {(line.get_linestyle(), line.get_color()) for line in axes[0].lines if line.get_label() in ("nan", "nah")}
    assert len(looks) == 2


def test_kinds_are_told_apart_without_colour(result: BudgetResult) -> None:
    _, axes = drawn(result)
    markers = [str(line.get_marker()) for line in axes[0].lines if str(line.get_label()).endswith(" c=5")]
    assert len(markers) == len(set(markers)) == 6


@pytest.mark.parametrize(("style", "width"), [("paper", 3.25), ("paper", 6.75), ("dark", 3.25)])
def test_nothing_leaves_the_page(style: str, width: float, result: BudgetResult) -> None:
    figure, axes = drawn(result, style=style, width=width)
    wide, high = figure.get_size_inches() * figure.dpi
    assert figure.get_size_inches()[0] == pytest.approx(width)
    with mpl.rc_context(rc_settings(style)):  # formulas are measured in its letters
        boxes = [ax.get_tightbbox(for_layout_only=True) for ax in axes]
        boxes += [one.get_window_extent() for one in (*figure.texts, *figure.legends)]
    for box in boxes:
        assert box is not None
        assert box.x0 >= -0.5
        assert box.x1 <= wide + 0.5
        assert box.y0 >= -0.5
        assert box.y1 <= high + 0.5


def test_the_table_is_long(result: BudgetResult) -> None:
    (columns,) = RECIPE.tables(result).values()
    assert list(columns) == ["alpha", "unit", "c", "grad_rms_saturated", "bias_rms", "response", "pull", "noise"]
    assert {len(values) for values in columns.values()} == {2 * 6 * curve(result, "nan").c.size}
    rows = (columns["unit"] == "nan") & (columns["alpha"] == 1.0)
    np.testing.assert_array_equal(columns["grad_rms_saturated"][rows], curve(result, "nan").grad_rms)
    np.testing.assert_allclose(columns["response"][rows], 0.0, atol=1e-15)  # at alpha = 1 on a hard function
    np.testing.assert_allclose(columns["noise"][rows], columns["grad_rms_saturated"][rows], rtol=1e-12)


def test_settings_make_it_again() -> None:
    assert stored_picture(Budget.name, RECIPE.settings()) == RECIPE


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"unit": ("none",)}, "unit must be one of nan, nah, nani, nanil, nanis, nanil-softplus, got 'none'"),
        ({"unit": ()}, "unit must be 1 to 6 distinct values, got none"),
        ({"alpha": (1.0, 1.0)}, "alpha must be 1 to 4 distinct values, got 1.0, 1.0"),
        ({"scale": "eq10"}, "scale must be one of eq9, figure, module:function, got 'eq10'"),
        ({"std": 0.0}, "std must be above 0, at most 1e6, and mean finite, got 0 and 0"),
        ({"mean": float("nan")}, "std must be above 0, at most 1e6, and mean finite, got 2 and nan"),
        ({"c_min": 50.0}, "c_min must be above 0 and below c_max, at most 1e6, got 50 and 30"),
        ({"levels": 1}, "levels must be from 2 to 1,000, got 1"),
        ({"marks": (0.001,)}, "marks must lie from c_min to c_max, got 0.001"),
    ],
)
def test_what_it_cannot_show_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Budget(**given)


def test_data_and_functions_that_never_saturate_are_refused() -> None:
    with pytest.raises(InputError, match="takes no data"):
        RECIPE.compute(np.zeros(3))
    with pytest.raises(InputError, match="none lies at or beyond a threshold of identity"):
        Budget(fn="identity").compute()
