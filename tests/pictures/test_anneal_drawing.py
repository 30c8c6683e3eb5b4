"""The picture of annealed descent: what its artists show, where they stand, and the moving picture."""

import re
from functools import cache
from io import BytesIO
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from conftest import computed
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from noisyviz.errors import InputError
from noisyviz.export.film import film_bytes, film_format
from noisyviz.export.render import picture_bytes
from noisyviz.pictures.anneal import drawing as picture
from noisyviz.pictures.anneal.animation import Layers, frame_steps, stage
from noisyviz.pictures.anneal.film import film
from noisyviz.pictures.anneal.panels import RUNS, equals, level_names, positions
from noisyviz.pictures.anneal.picture import Anneal, AnnealResult, noise_levels, series, series_names
from noisyviz.pictures.shared.style import OKABE_ITO, luminance, style
from noisyviz.pictures.stored import stored_picture
from noisyviz.units.unit import NoisyUnit

SMALL: dict[str, Any] = {"steps": 60, "trajectories": 30}
VARIANTS: dict[str, dict[str, Any]] = {
    "default": SMALL,
    "landscape": {**SMALL, "objective": "funnel"},
    "compare": {**SMALL, "schedule": ("exponential", "linear", "paper", "step"), "alpha": 1.0},
    "input": {**SMALL, "unit": "nanil", "fn": "tanh"},
    "none": {"steps": 0, "trajectories": 3},
    "one": {"steps": 1, "trajectories": 3},
    "relu": {**SMALL, "fn": "relu", "lr": 1e120},
}


def result(name: str) -> AnnealResult:
    found: AnnealResult = computed(Anneal(**VARIANTS[name]))
    return found


@cache
def drawn(name: str, width: float, look: str = "paper") -> tuple[Figure, dict[str, Axes]]:
    with mpl.rc_context(style(look)):
        figure = Figure(figsize=picture.size(result(name), width))
        axes = picture.draw(result(name), figure)
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
    return figure, axes


def titles_of(axes: dict[str, Axes]) -> dict[str, str]:
    return {
        key: one.get_text().replace("\n", " ")
        for key, panel in axes.items()
        for one in panel.texts
        if one.get_label() == "title"
    }


def test_titles_tell_what_the_panels_show() -> None:
    """Without noise a saturated hard-tanh has no drift; of several schedules the best and the first are named."""
    _, axes = drawn("default", 6.75)
    assert ", 0 without noise" in titles_of(axes)["field"]
    found = result("compare")
    shares = [one.noisy.share_success for one in found.runs]
    best = [name for name, share in zip(found.schedules, shares, strict=True) if share == max(shares)]
    _, axes = drawn("compare", 6.75)
    shown = titles_of(axes)
    assert all(name in shown["outcomes"] for name in best) or "every schedule" in shown["outcomes"]
    passages = {name: one.noisy.median_first_passage for name, one in zip(found.schedules, found.runs, strict=True)}
    first = min(passages, key=lambda name: passages[name])
    assert first in shown["arrivals"] if np.isfinite(passages[first]) else "Fewer than half" in shown["arrivals"]


def curve(axes: Axes, name: str) -> tuple[np.ndarray, np.ndarray]:
    (found,) = [one for one in axes.get_lines() if one.get_label() == name]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def texts(figure: Figure) -> list[Text]:
    found: list[Any] = figure.findobj(Text)
    return [one for one in found if one.get_visible() and one.get_text().strip()]


def test_curves_hold_the_numbers_of_the_run() -> None:
    _, axes = drawn("default", 6.75)
    found = result("default").runs[0]
    np.testing.assert_array_equal(curve(axes["schedule"], "c")[1], found.noisy.c)
    np.testing.assert_array_equal(curve(axes["paths"], "median")[1], found.noisy.quantiles[:, 2])
    np.testing.assert_array_equal(curve(axes["paths"], "constant")[1], found.constant.quantiles[:, 0])
    assert found.leak is not None
    np.testing.assert_array_equal(curve(axes["paths"], "leak")[1], found.leak.x)
    np.testing.assert_array_equal(curve(axes["paths"], "noiseless")[1], found.noiseless.x)
    single = [one for one in axes["paths"].get_lines() if one.get_label() == "path"]
    np.testing.assert_array_equal(single[3].get_ydata(), found.noisy.paths[3])
    steps, shares = curve(axes["arrivals"], "arrivals exponential")
    for t in (5, 20, 59):
        assert shares[np.searchsorted(steps, t, side="right") - 1] == np.mean(found.noisy.first_passage <= t)
    bars = [one for one in axes["final"].patches if one.get_label() == "final noisy"]
    assert sum(bar.get_width() for bar in bars) == pytest.approx(1.0)  # type: ignore[attr-defined]


def test_the_field_holds_drift_and_landscapes() -> None:
    _, axes = drawn("default", 6.75)
    levels = [one for one in axes["field"].get_lines() if one.get_label() == "field"]
    assert len(levels) == 5
    drift = np.asarray(levels[-1].get_ydata())
    x = np.asarray(levels[-1].get_xdata())
    assert np.interp(4.0, x, drift) == pytest.approx(-0.08, abs=1e-4)  # the leak: −(1.3 − 0.5)·0.1
    assert axes["field"].get_yscale() == "symlog"
    _, axes = drawn("landscape", 6.75)
    curves = [np.asarray(one.get_ydata()) for one in axes["field"].get_lines() if one.get_label() == "field"]
    bare = curve(axes["field"], "bare")[1]
    for above, below in zip(curves, [*curves[1:], bare], strict=True):
        assert np.all(above > below)
    bowl = np.diff(curves[0], 2)
    assert np.all(bowl > 0)  # smoothed at c = 30 no ripple is left
    assert np.sum(np.diff(np.sign(np.diff(bare))) > 0) == 17


def test_the_comparison_shows_shares_with_their_intervals() -> None:
    _, axes = drawn("compare", 6.75)
    shown = [one for one in axes["outcomes"].get_lines() if one.get_label() == "interval"]
    runs = [one.noisy for one in result("compare").runs] + [result("compare").runs[0].constant]
    assert [tuple(np.asarray(one.get_xdata())) for one in shown] == [run.share_success_ci for run in runs]
    names = [label.get_text() for label in axes["outcomes"].get_yticklabels()]
    assert names == ["exponential", "linear", "paper", "step", "$c=0.5$"]
    assert "field" not in axes


# each at its narrowest and in one other way; tests/pictures/test_text_boxes.py has two widths more
LOOKS = ((3.25, "screen"), (5.5, "paper"), (6.75, "dark"))


@pytest.mark.parametrize(
    ("name", "width", "look"),
    [
        *((name, 3.25, "paper") for name in VARIANTS),
        *(pytest.param(name, *LOOKS[k % 3], marks=[pytest.mark.sweep] * (k > 2)) for k, name in enumerate(VARIANTS)),
    ],
)
def test_nothing_is_clipped_and_no_text_covers_another(name: str, width: float, look: str) -> None:
    figure, axes = drawn(name, width, look)
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    frame = figure.bbox
    boxes = []
    for text in texts(figure):
        box = text.get_window_extent(renderer)
        if box.width == 0 or not text.get_text():
            continue
        axis_text = text.axes is not None and text in [*text.axes.get_xticklabels(), *text.axes.get_yticklabels()]
        if axis_text and not _in_view(text):
            continue
        assert frame.x0 - 1 <= box.x0 <= box.x1 <= frame.x1 + 1, text.get_text()
        assert frame.y0 - 1 <= box.y0 <= box.y1 <= frame.y1 + 1, text.get_text()
        boxes.append((text.get_text(), box.shrunk(0.94, 0.75)))
    for index, (one, box) in enumerate(boxes):
        for other, against in boxes[index + 1 :]:
            assert not box.overlaps(against), (one, other)
    for panel in axes.values():
        legend = panel.get_legend()
        if legend is not None:
            assert legend.get_window_extent(renderer).y0 >= panel.get_window_extent(renderer).y1 - 1


def _in_view(text: Text) -> bool:
    assert text.axes is not None
    box, place = text.axes.bbox.padded(1.0), text.get_transform().transform(text.get_position())
    horizontal = text in text.axes.get_xticklabels()
    return bool(box.x0 <= place[0] <= box.x1) if horizontal else bool(box.y0 <= place[1] <= box.y1)


def test_the_four_runs_differ_without_colour() -> None:
    styles = {str(run.linestyle) for run in RUNS.values()}
    assert len(styles) == len(RUNS)
    greys = sorted(luminance(OKABE_ITO[run.hue]) for run in RUNS.values())
    assert greys[-1] < 0.35  # every one is dark enough on white


def test_what_diverges_leaves_the_axes() -> None:
    _, axes = drawn("relu", 6.75)
    found = result("relu").runs[0]
    assert found.noisy.diverged > 0
    bottom, top = positions(result("relu"))
    gone = int(np.flatnonzero(np.isinf(found.noisy.paths[:12, -1]))[0])
    lines = [one for one in axes["paths"].get_lines() if one.get_label() == "path"]
    y = np.asarray(lines[gone].get_ydata())
    assert np.isfinite(y).all()
    assert abs(y[-1] - 0.5 * (bottom + top)) > top - bottom  # well outside, not along the edge
    assert any("diverged." in text.get_text() for text in texts(axes["paths"].get_figure(root=True)))  # type: ignore[arg-type]


def test_the_same_settings_give_the_same_bytes() -> None:
    recipe = Anneal(**SMALL)  # of the other formats tests/export holds the same
    once = picture_bytes(recipe, result("default"), fmt="svg")
    assert picture_bytes(recipe, recipe.compute(), fmt="svg") == once


def test_settings_make_the_recipe_again() -> None:

    recipe = Anneal(schedule=("paper", "linear"), alpha=1.1, c_end=0.25, seed=4)
    assert stored_picture(Anneal.name, recipe.settings()) == recipe


def test_series_have_the_documented_columns() -> None:
    one = series(result("default"))
    assert list(one) == ["step", "c", "q05", "q25", "q50", "q75", "q95", "noiseless", "leak", "constant_q50"]
    assert {len(column) for column in one.values()} == {61}
    several = series(result("compare"))
    assert list(several) == series_names(("exponential", "linear", "paper", "step"))
    assert "paper.q50" in several
    assert np.isnan(series(result("landscape"))["leak"]).all()
    tables = Anneal(**SMALL).tables(result("default"))
    assert set(tables) == {"", "-field", "-final"}
    assert len(tables["-final"]["x_final"]) == 30


def test_noise_levels_of_the_field() -> None:
    assert noise_levels(np.array([30.0, 0.5])) == (30.0, 7.7, 2.0, 0.5)
    assert noise_levels(np.array([0.5, 3.0])) == (3.0, 1.7, 0.91, 0.5)


@pytest.mark.parametrize(
    ("name", "ends"), [("none", ["$c=0$ (leak)", "noiseless"]), ("landscape", ["$c=0.5$", "$f(x)$"])]
)
def test_the_legend_of_the_field_names_the_leak_and_what_has_no_noise(name: str, ends: list[str]) -> None:
    assert level_names(result(name))[-2:] == ends


def test_numbers_as_mathematics() -> None:
    assert equals("c", 1e9) == r"$c=1\times10^{9}$"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"schedule": ()}, "schedule takes 1 to 7 names, got 0"),
        ({"schedule": ("linear", "linear")}, "schedule must name each once"),
        ({"objective": "funnel", "alpha": 0.9}, "alpha belongs to the objective desaturate"),
        ({"objective": "plateau", "target": 0.9}, "target belongs to the objective desaturate"),
        ({"c_end": 0.0}, "its end must be above 0, got 0; use cosine or linear"),
        ({"c_start": 1e10}, "c_start must lie within"),
        ({"alpha": float("nan")}, "alpha must lie within"),
    ],
)
def test_what_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Anneal(**{**SMALL, **options}).compute()


def test_frames_run_from_the_first_step_to_the_last() -> None:
    steps = frame_steps(2000)
    assert (steps[0], steps[-1]) == (0.0, 2000.0)
    assert np.all(np.diff(steps) > 0)
    assert 60 <= steps.size <= 72
    assert frame_steps(0).tolist() == [0.0]


def test_the_film_shows_the_noise_collapse_on_h() -> None:
    recipe = Anneal(alpha=1.0, steps=300, trajectories=20)
    found = recipe.compute()
    shown = film(found, recipe.noisy_unit(), seed=0)
    at = int(np.argmin(np.abs(shown.x - 3.0)))
    spread = shown.high[:, at] - shown.low[:, at]
    # φ − h = σξ with σ = (c/4)·tanh²(Δ/2): between the 5 and 95 % quantiles lie 2·1.645σ
    sigma = found.runs[0].noisy.c[shown.steps.astype(int)] / 4 * np.tanh((shown.x[at] - 1) / 2) ** 2
    np.testing.assert_allclose(spread, 2 * 1.645 * sigma, rtol=0.02)
    np.testing.assert_array_equal(shown.balls[-1], found.runs[0].noisy.paths[:16, -1])


@pytest.mark.parametrize(("fmt", "objective"), [("gif", "double-well"), ("webp", "desaturate")])
def test_moving_pictures_are_whole_small_and_the_same_every_time(fmt: str, objective: str) -> None:
    recipe = Anneal(objective=objective, steps=4, trajectories=5)
    found = recipe.compute()
    once, again = (film_bytes(recipe, found, fmt=fmt) for _ in range(2))
    assert once == again
    image = Image.open(BytesIO(once))
    assert image.format == fmt.upper()
    assert getattr(image, "n_frames", 1) == 5
    assert image.size[0] >= 600
    first = np.asarray(image.convert("RGB")).copy()
    image.seek(4)
    assert np.any(first != np.asarray(image.convert("RGB")))


def test_the_default_moving_picture_fits_a_readme() -> None:
    recipe = Anneal()
    payload = film_bytes(recipe, recipe.compute(), fmt="gif")
    assert len(payload) <= 3_000_000
    image = Image.open(BytesIO(payload))
    assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    assert image.info["loop"] == 0


def test_other_suffixes_are_refused() -> None:
    with pytest.raises(InputError, match=r"end in \.gif or \.webp, got 'a\.mp4'"):
        film_format("a.mp4")


def test_no_id_stands_twice_in_an_svg() -> None:
    recipe = Anneal(**VARIANTS["compare"])
    text = picture_bytes(recipe, result("compare"), fmt="svg").decode()
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names)) > 20


def test_no_panel_of_arrivals_where_none_arrives() -> None:
    unitless: dict[str, Any] = dict.fromkeys(("fn", "unit", "alpha", "p", "scale"))
    found = computed(Anneal(objective="funnel", steps=5, trajectories=4, **unitless))
    runs = (found.runs[0].noisy, found.runs[0].constant, found.runs[0].noiseless)
    assert np.isinf([np.min(run.first_passage) for run in runs]).all()
    for width in (3.25, 6.75):
        figure = Figure(figsize=picture.size(found, width))
        axes = picture.draw(found, figure)
        assert "arrivals" not in axes
        boxes = [axes[name].get_position() for name in ("paths", "field")]
        assert boxes[1].x0 == pytest.approx(boxes[0].x0)
    assert "arrivals" in drawn("default", 3.25)[1]


def test_few_arrivals_fill_their_axis() -> None:
    found = computed(Anneal(steps=20, trajectories=32))
    share = float(np.isfinite(found.runs[0].noisy.first_passage).mean())
    assert 0.0 < share < 0.5
    figure = Figure(figsize=picture.size(found, 3.25))
    axes = picture.draw(found, figure)
    assert axes["arrivals"].get_ylim()[0] <= 0.0
    assert share < axes["arrivals"].get_ylim()[1] < 2.0 * share
    assert f"{100.0 * share:.1f}\N{NO-BREAK SPACE}%" in titles_of(axes)["arrivals"].replace(" %", "\N{NO-BREAK SPACE}%")


def test_a_frame_in_two_layers_is_the_whole_drawing() -> None:
    found = result("default")
    shown = film(found, NoisyUnit("hard-tanh"), seed=0)
    canvas: Any
    with mpl.rc_context(style("dark")):
        canvas, moving = stage(shown, found, width=3.5)
        layers = Layers(canvas)
        frames = []
        for index in (0, shown.steps.size - 1):
            moving.show(shown, found, index)
            layers.draw()
            frames.append(np.asarray(canvas.buffer_rgba()).copy())
        for artist in canvas.figure.findobj():
            artist.set_animated(False)
        canvas.draw()
    np.testing.assert_array_equal(frames[1], np.asarray(canvas.buffer_rgba()))
    assert not np.array_equal(frames[0], frames[1])
