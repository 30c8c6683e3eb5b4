"""Figure 2: landscapes by their formula, trajectories by a plain loop, and what the picture shows of them."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from noisyviz.errors import InputError
from noisyviz.export.render import rc_settings
from noisyviz.pictures.annealed_objective.drawing import caption_words
from noisyviz.pictures.annealed_objective.picture import AnnealedObjective, AnnealedObjectiveResult
from noisyviz.pictures.stored import stored_picture

Floats = np.ndarray[Any, np.dtype[np.float64]]
SMALL = AnnealedObjective(steps=120, trajectories=40, shown=2, seed=3)


def funnel(x: Floats, c: Any) -> Floats:
    """E f(x + cξ) of the funnel for normal ξ, by hand."""
    kept = np.exp(-0.5 * (np.pi * np.asarray(c) / 5.0) ** 2)
    return np.asarray(0.005 * (x**2 + np.asarray(c) ** 2) + 1.5 * (1.0 - kept * np.cos(np.pi * x / 5.0)))


def funnel_slope(x: Floats) -> Floats:
    return np.asarray(0.01 * x + 0.3 * np.pi * np.sin(np.pi * x / 5.0))


@pytest.fixture(scope="module")
def result() -> AnnealedObjectiveResult:
    return SMALL.compute()


def drawn(
    recipe: AnnealedObjective, result: AnnealedObjectiveResult, *, width: float = 3.25, style: str = "paper"
) -> tuple[Figure, Axes]:
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=recipe.size(result, width))
        recipe.draw(result, figure)
        figure.draw_without_rendering()
    return figure, figure.axes[0]


def test_the_landscapes_are_the_formula(result: AnnealedObjectiveResult) -> None:
    np.testing.assert_allclose(result.value, funnel(result.x, 0.0), atol=1e-12)
    assert result.levels == (30.0, 3.0)
    for level, curve in zip(result.levels, result.smoothed, strict=True):
        np.testing.assert_allclose(curve, funnel(result.x, level), atol=1e-12)


def test_trajectories_are_those_of_a_plain_loop(result: AnnealedObjectiveResult) -> None:
    c = 30.0 * (0.5 / 30.0) ** (np.arange(121) / 120)
    for one, rng, start in zip(result.descents, np.random.default_rng(3).spawn(2), (75.0, -75.0), strict=True):
        x = np.full((121, 40), start)
        for t in range(120):
            x[t + 1] = x[t] - 0.5 * funnel_slope(x[t] + c[t] * rng.standard_normal(40))
        np.testing.assert_allclose(one.x, x[one.steps, :2].T, atol=1e-9)
        np.testing.assert_allclose(one.c, c[one.steps], rtol=1e-12)
        np.testing.assert_allclose(one.height, funnel(one.x, one.c), atol=1e-12)
        np.testing.assert_allclose(one.found.noisy.x_final, x[-1], atol=1e-9)


@pytest.mark.parametrize("name", ["funnel", "double-well", "plateau"])
def test_the_minimum_is_the_lowest_point_and_flat(name: str) -> None:
    found = AnnealedObjective(objective=name, steps=2, trajectories=1).compute()
    expected = {"funnel": 0.0, "plateau": 0.0, "double-well": -20.0 + 0.02 * 64.0 / 1.5}[name]  # to first order
    assert found.minimum == pytest.approx(expected, abs=0.05)
    assert float(np.interp(found.minimum, found.x, found.value)) <= found.value.min() + 1e-3
    if name == "double-well":
        x = found.minimum
        wells = [(1.5, -20.0), (1.0, 20.0)]
        slope = 0.001 * x + sum(d * (x - z) / 64.0 * np.exp(-((x - z) ** 2) / 128.0) for d, z in wells)
        assert slope == pytest.approx(0.0, abs=1e-7)


def test_noise_that_falls_finds_the_basin_that_steady_noise_and_none_miss() -> None:
    found = AnnealedObjective().compute()
    inside = np.concatenate([np.abs(one.found.noisy.x_final) < 5.0859 for one in found.descents])
    steady = np.concatenate([np.abs(one.found.constant.x_final) < 5.0859 for one in found.descents])
    assert inside.size == 512
    assert inside.mean() > 0.85
    assert not steady.any()
    text = " ".join(caption_words(found)).replace("\N{NO-BREAK SPACE}", " ")
    assert f"Of 512 trajectories {100 * inside.mean():.0f} % end in the basin of $x^{{*}}$" in text
    assert "with $c=0.5$ throughout 0 %, without noise 0 %." in text
    assert all(abs(one.x[0, -1]) < 5.0859 for one in found.descents), "the trajectories drawn are of those"


def test_the_picture_shows_landscapes_balls_and_the_minimum(result: AnnealedObjectiveResult) -> None:
    _, axes = drawn(SMALL, result)
    lines = {str(one.get_label()): one for one in axes.lines}
    np.testing.assert_array_equal(np.asarray(lines["f"].get_ydata()), result.value)
    np.testing.assert_array_equal(np.asarray(lines["smoothed 30"].get_ydata()), result.smoothed[0])
    np.testing.assert_array_equal(np.asarray(lines["smoothed 3"].get_ydata()), result.smoothed[1])
    assert np.asarray(lines["x*"].get_xdata()).tolist() == [0.0, 0.0]
    groups = [one for one in axes.collections if str(one.get_label()).endswith("balls")]
    assert len(groups) == 4
    balls = np.asarray(groups[0].get_offsets())
    shown = result.descents[0].steps % 3 == 0  # 120 steps, 40 balls
    np.testing.assert_allclose(balls, np.stack([result.descents[0].x[0], result.descents[0].height[0]], 1)[shown])
    stuck = [one for one in axes.lines if one.get_label() == "noiseless"]
    assert [float(np.asarray(one.get_xdata())[0]) for one in stuck] == [
        one.found.noiseless.x[-1] for one in result.descents
    ]
    texts = [text.get_text() for text in axes.texts]
    assert texts.count(r"$|\xi|\to\infty$") == 2
    assert texts.count(r"$|\xi|\to 0$") == 1
    assert "$x^{*}$" in texts


def test_balls_darken_with_the_noise_on_white_and_lighten_on_dark(result: AnnealedObjectiveResult) -> None:
    for style, sign in (("paper", 1.0), ("dark", -1.0)):
        _, axes = drawn(SMALL, result, style=style)
        balls = next(one for one in axes.collections if str(one.get_label()).endswith("balls"))
        grey = np.asarray(balls.get_facecolor())[:, :3] @ np.array([0.2126, 0.7152, 0.0722])
        assert np.all(sign * np.diff(grey) >= -1e-3), style
        assert sign * (grey[-1] - grey[0]) > 0.2, style


@pytest.mark.parametrize(("style", "width"), [("paper", 3.25), ("paper", 6.75), ("dark", 3.25), ("screen", 6.75)])
def test_words_stay_on_the_page_and_off_each_other(style: str, width: float, result: AnnealedObjectiveResult) -> None:
    figure, axes = drawn(SMALL, result, style=style, width=width)
    assert figure.get_size_inches()[0] == pytest.approx(width)
    wide, high = figure.get_size_inches() * figure.dpi
    boxes = [text.get_window_extent() for text in (*axes.texts, *figure.texts)]
    legend = axes.get_legend()
    assert legend is not None
    boxes.append(legend.get_window_extent())
    for box in boxes:
        assert box.x0 >= -0.5
        assert box.x1 <= wide + 0.5
        assert box.y0 >= -0.5
        assert box.y1 <= high + 0.5
    for index, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:index])


def test_tables_hold_what_is_drawn_and_every_end(result: AnnealedObjectiveResult) -> None:
    tables = SMALL.tables(result)
    assert list(tables) == ["", "-landscape", "-final"]
    for columns in tables.values():
        assert len({len(values) for values in columns.values()}) == 1
    drawn_rows, landscape, final = tables.values()
    assert list(drawn_rows) == ["trajectory", "step", "c", "x", "expected"]
    np.testing.assert_array_equal(np.unique(drawn_rows["trajectory"]), np.arange(4))
    np.testing.assert_allclose(drawn_rows["expected"], funnel(drawn_rows["x"], drawn_rows["c"]), atol=1e-12)
    np.testing.assert_allclose(landscape["expected"], funnel(landscape["x"], landscape["c"]), atol=1e-12)
    assert sorted(set(landscape["c"])) == [0.0, 3.0, 30.0]
    assert len(final["x_final"]) == 80
    assert sorted(set(final["x0"])) == [-75.0, 75.0]


def test_the_seed_decides_and_settings_make_it_again(result: AnnealedObjectiveResult) -> None:
    again = stored_picture(AnnealedObjective.name, SMALL.settings()).compute()
    np.testing.assert_array_equal(again.descents[1].x, result.descents[1].x)
    other = AnnealedObjective(steps=120, trajectories=40, shown=2, seed=4).compute()
    assert not np.array_equal(other.descents[0].x, result.descents[0].x)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"objective": "desaturate"}, "objective must be one of funnel, double-well, plateau"),
        ({"levels": ()}, "levels must be 1 to 4 noise levels, got 0"),
        ({"levels": (3.0, 30.0)}, "levels must be finite, above 0 and falling, got 3, 30"),
        ({"shown": 0}, "shown must be from 1 to 20, got 0"),
        ({"shown": 5, "trajectories": 4}, "shown must be from 1 to 4, got 5"),
        ({"x0": (900.0,)}, "x0 must be starts from -85 to 85, got 900.0"),
        ({"x0": ()}, "x0 must be starts from -85 to 85, got none"),
    ],
)
def test_what_it_cannot_show_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        AnnealedObjective(**given)


def test_data_are_refused() -> None:
    with pytest.raises(InputError, match="takes no data"):
        SMALL.compute(np.zeros(3))
