"""Figure 3: h, u, Δ and the density of the noise at a saturated point, by hand; names that touch nothing."""

import itertools
from math import exp, pi, sqrt
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from noisyviz.errors import InputError
from noisyviz.export.render import rc_settings
from noisyviz.pictures.saturated_noise import drawing as saturated_noise
from noisyviz.pictures.saturated_noise.drawing import caption_words
from noisyviz.pictures.saturated_noise.picture import SaturatedNoise
from noisyviz.pictures.stored import stored_picture

SIGMA = 2.5 * (1.0 / (1.0 + exp(1.5)) - 0.5) ** 2  # Eq 9 at c = 2.5, p = 1, Δ = −1.5


def drawn(width: float = 3.25, look: str = "paper", **given: Any) -> tuple[Figure, Axes]:
    recipe = SaturatedNoise(**given)
    result = recipe.compute()
    with mpl.rc_context(rc_settings(look)):
        figure = Figure(figsize=recipe.size(result, width))
        axes = saturated_noise.draw(result, figure)
        figure.draw_without_rendering()
    return figure, axes


def line(axes: Axes, label: str) -> tuple[Any, Any]:
    found = [one for one in axes.lines if one.get_label() == label]
    x, y = np.asarray(found[0].get_xydata()).T
    return x, y


def named(axes: Axes, label: str) -> list[Annotation]:
    return [text for text in axes.texts if isinstance(text, Annotation) and text.get_label() == label]


def test_what_holds_at_the_point() -> None:
    recipe = SaturatedNoise()
    point = {key: float(value[0]) for key, value in recipe.tables(recipe.compute())["-point"].items()}
    expected = {"x": 2.5, "h": 1.0, "u": 2.5, "delta": -1.5, "sigma": SIGMA, "derivative": 0.0}
    assert point == pytest.approx(expected, rel=1e-14)


def test_h_and_u_are_drawn_as_they_are() -> None:
    _, axes = drawn()
    x, h = line(axes, "h")
    np.testing.assert_allclose(h, [max(min(value, 1.0), -1.0) for value in x])
    x, u = line(axes, "u")
    np.testing.assert_allclose(u, x)
    assert {-1.0, 1.0} <= set(x)
    widths = {str(one.get_label()): one.get_linewidth() for one in axes.lines}
    assert widths["h"] > 1.5 * widths["u"]
    assert next(one for one in axes.lines if one.get_label() == "u").is_dashed()


def test_the_density_is_that_of_a_normal_around_h_in_proportion() -> None:
    recipe = SaturatedNoise()
    table = recipe.tables(recipe.compute())["-density"]
    expected = [exp(-0.5 * ((phi - 1.0) / SIGMA) ** 2) / (SIGMA * sqrt(2.0 * pi)) for phi in table["phi"]]
    np.testing.assert_allclose(table["density"], expected, rtol=1e-12)
    _, axes = drawn()
    x, phi = line(axes, "density")
    np.testing.assert_allclose((x - 2.5) / (x - 2.5).max(), np.array(expected) / max(expected), atol=1e-12)
    np.testing.assert_array_equal(phi, table["phi"])


def test_on_the_left_the_range_of_x_is_that_on_the_right_mirrored() -> None:
    right, left = (SaturatedNoise(fn="relu6", x=x).compute().x for x in (9.0, -3.0))  # thresholds 0 and 6
    np.testing.assert_allclose([left[0], left[-1]], [6.0 - right[-1], 6.0 - right[0]], rtol=1e-12)


def test_delta_is_an_arrow_from_u_to_h() -> None:
    _, axes = drawn()
    (arrow,) = named(axes, "delta")
    assert arrow.get_position() == (2.5, 2.5)
    assert arrow.xy == (2.5, 1.0)
    assert arrow.arrow_patch is not None
    assert "-|>" in str(arrow.arrowprops)


@pytest.mark.parametrize("look", ["paper", pytest.param("dark", marks=pytest.mark.sweep)])
@pytest.mark.parametrize(
    "given",
    [{}, {"x": -2.5}, {"fn": "hard-sigmoid", "x": 5.0, "c": 1.5}, {"fn": "sigmoid", "x": -5.0, "noise": "laplace"}],
)
def test_names_touch_neither_each_other_nor_h_nor_the_density_nor_the_edge(given: dict[str, Any], look: str) -> None:
    for width in (3.25, 6.75):
        _, axes = drawn(width, look, **given)
        names = named(axes, "name")
        noise = "density" if "noise" in given else r"$N(h,\sigma^2)$"
        assert [text.get_text() for text in names] == [r"$\Delta$", "$u$", "$h$", noise]
        boxes = [text.get_window_extent() for text in names]
        for a, b in itertools.combinations(boxes, 2):
            assert Bbox.intersection(a, b) is None
        for text, box in zip(names, boxes, strict=True):
            frame = axes.get_window_extent()
            assert frame.x0 <= box.x0 <= box.x1 <= frame.x1, text.get_text()
            assert frame.y0 <= box.y0 <= box.y1 <= frame.y1, text.get_text()
            for label in ("h", "u", "density", "point"):
                shown = axes.transData.transform(np.transpose(line(axes, label)))
                inside = (shown > box.min).all(axis=1) & (shown < box.max).all(axis=1)
                assert not inside.any(), (text.get_text(), label)


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_nothing_leaves_the_page(width: float) -> None:
    figure, axes = drawn(width)
    wide, high = figure.get_size_inches() * figure.dpi
    for box in (axes.get_tightbbox(), *(text.get_window_extent() for text in figure.texts)):
        assert box is not None
        assert box.x0 >= -0.5
        assert box.y0 >= -0.5
        assert box.x1 <= wide + 0.5
        assert box.y1 <= high + 0.5


def test_thresholds_and_the_point_are_named_below_the_axis_where_there_is_room() -> None:
    def ticks(**given: Any) -> dict[float, str]:
        _, axes = drawn(**given)
        names = [text.get_text() for text in axes.get_xticklabels()]
        return dict(zip(axes.get_xticks().tolist(), names, strict=True))

    assert ticks() == {-1.0: "$-x_t$", 1.0: "$x_t$", 2.5: "$x$"}
    assert ticks(x=1.1, c=500.0) == {-1.0: "$-x_t$", 1.1: "$x$"}
    assert ticks(fn="relu6", x=-3.0) == {0.0: "$x_t^-$", 6.0: "$x_t^+$", -3.0: "$x$"}


def test_the_caption_gives_the_values() -> None:
    caption = " ".join(caption_words(SaturatedNoise().compute()))
    for text in ("$x_t=1$", "$c=2.5$", "$p=1$", "$x=2.5$", "$h=1$", "$u=2.5$", r"$\Delta=−1.5$", r"$\sigma=0.252$"):
        assert text in caption
    assert "$x_t=1$" in " ".join(caption_words(SaturatedNoise(x=-2.5).compute()))
    assert "$x_t=0$" in " ".join(caption_words(SaturatedNoise(fn="relu6", x=-3.0).compute()))


def test_settings_make_the_recipe_again() -> None:
    recipe = SaturatedNoise(fn="sigmoid", x=-4.0, c=2.0, p=0.5, scale="figure", noise="laplace")
    assert stored_picture(SaturatedNoise.name, recipe.settings()) == recipe


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"fn": "relu"}, "fn"),
        ({"fn": "gelu"}, "fn"),
        ({"x": 0.5}, "x"),
        ({"x": 1.0}, "x"),
        ({"x": float("nan")}, "x"),
        ({"x": float("inf")}, "x"),
        ({"c": 0.0}, "c"),
        ({"c": -1.0}, "c"),
        ({"p": 0.0}, "c"),
        ({"noise": "none"}, "noise"),
    ],
)
def test_settings_outside_their_domain_are_refused(given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InputError) as caught:
        SaturatedNoise(**given).compute()
    assert caught.value.parameter == parameter
    assert "\n" not in str(caught.value)


def test_data_are_refused() -> None:
    with pytest.raises(InputError, match="no data"):
        SaturatedNoise().compute(np.ones(3))
