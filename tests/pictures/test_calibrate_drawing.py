"""The picture of a calibration: curves that are the search's, marks where the answer is, and replay."""

import itertools
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from conftest import Run, computed
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

import noisyviz as nv
from noisyviz.export.render import rc_settings
from noisyviz.networks.weighted_sample import normal_input
from noisyviz.pictures.calibrate import drawing as plot
from noisyviz.pictures.calibrate.picture import CalibratePicture, CalibrateResult
from noisyviz.pictures.stored import stored_picture

MANY = CalibratePicture(
    fn="hard-sigmoid",
    unit=("nan", "nah", "nani"),
    alpha=(0.9, 1.0),
    by="rms",
    target_grad=0.3,
    max_bias=0.1,
    normal=(0.0, 6.0),
)


def drawn(result: CalibrateResult, *, width: float = 3.25, style: str = "paper") -> tuple[Figure, Axes]:
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=plot.size(result, width))
        axes = plot.draw(result, figure)["trade-off"]
        figure.draw_without_rendering()
    return figure, axes


def test_curves_are_in_units_of_the_slope_and_the_answer_lies_on_its_curve() -> None:
    result = computed(MANY)
    assert [(curve.kind, curve.alpha) for curve in result.curves] == [
        ("nan", 0.9),
        ("nan", 1.0),
        ("nah", 0.9),
        ("nah", 1.0),
        ("nani", None),
    ]
    # by hand: without noise the gradient of nan is (1 - alpha)·u' beyond x_t, and its bias (1 - alpha)·(u - h)
    first = result.curves[0]
    assert first.c[0] == 0.0
    assert first.gradient[0] == pytest.approx(0.1)
    x = np.linspace(-60.0, 60.0, 240_001)
    weights = np.exp(-0.5 * (x / 6.0) ** 2)
    beyond = 0.25 * x + 0.5 - np.clip(0.25 * x + 0.5, 0.0, 1.0)
    assert first.bias[0] == pytest.approx(0.1 * np.sqrt(np.average(beyond**2, weights=weights)), rel=1e-5)
    best = result.best
    assert best is not None
    assert best.gradient == pytest.approx(0.3, rel=1e-6)
    assert best.bias <= 0.1
    chosen = result.curves[result.best_curve]
    unit = nv.NoisyUnit("hard-sigmoid", kind=chosen.kind, alpha=chosen.alpha or 0.9)
    alone = nv.calibrate(
        normal_input(0.0, 6.0, unit.activation), units=[unit], by="rms", target_grad=0.3, max_bias=0.1
    ).best
    assert alone is not None
    assert alone.c == pytest.approx(best.c)


def test_artists_show_curves_marks_and_what_is_wanted() -> None:
    result = computed(MANY)
    _, axes = drawn(result)
    low, high = axes.get_xlim()
    lines = [line for line in axes.lines if line.get_label() in nv.KINDS]
    for curve, line in zip(result.curves, lines, strict=True):
        np.testing.assert_allclose(np.asarray(line.get_xdata()), curve.gradient)
        np.testing.assert_allclose(np.asarray(line.get_ydata()), curve.bias)
        for level in (0.0, 0.1, 1.0, 10.0, 100.0):
            (at,) = [k for k, c in enumerate(curve.c) if abs(c - level) < 1e-9]
            dots = [dot for dot in axes.lines if dot.get_label() == f"{curve.kind} c={level:g}"]
            shown = [np.ravel(dot.get_xydata()).tolist() for dot in dots if dot.get_color() == line.get_color()]
            assert [curve.gradient[at], curve.bias[at]] in shown
    marks = {str(line.get_label()): line for line in axes.lines}
    assert result.best is not None
    assert marks["best"].get_xydata().tolist() == [[result.best.gradient, result.best.bias]]  # type: ignore[union-attr] # an array
    (wanted,) = [patch for patch in axes.patches if patch.get_label() == "wanted"]
    box = wanted.get_bbox()  # type: ignore[attr-defined] # a rectangle
    assert (box.x0, box.x1) == (0.3, high)
    assert box.y1 == pytest.approx(0.1)
    assert low < 0.0
    texts = [text.get_text() for text in axes.texts]
    assert any(text.startswith("$c=") for text in texts)


@pytest.mark.parametrize("alphas", [3, 9])
def test_no_two_curves_look_alike(alphas: int) -> None:
    kinds = tuple(kind for kind in nv.KINDS if kind != "none")
    many = tuple(0.8 + 0.05 * k for k in range(alphas))
    units = CalibratePicture(unit=kinds, alpha=many, normal=(0.0, 2.0)).units()
    alone = computed(
        CalibratePicture(unit=("nan",), alpha=(0.9,), normal=(0.0, 2.0))
    )  # a look hangs on the unit, not on the numbers
    (numbers,) = alone.curves
    curves = [
        replace(numbers, kind=unit.kind, alpha=float(unit.alpha) if "alpha" in nv.KINDS[unit.kind].uses else None)
        for unit in units
    ]
    result = replace(alone, curves=tuple(curves))
    _, axes = drawn(result)
    looks = {
        (str(line.get_color()), str(getattr(line, "_unscaled_dash_pattern", None)), line.get_linewidth())
        for line in axes.lines
        if line.get_label() in nv.KINDS
    }
    assert len(looks) == len(result.curves) == 2 * alphas + 6


@pytest.mark.parametrize(("target", "far"), [(0.8, False), (3.0, True)])
def test_where_nothing_reaches_the_target_the_picture_says_so(target: float, far: bool) -> None:
    """A target near the curve is shown; one far away would press the curve against the axis."""
    result = computed(CalibratePicture(fn="hard-tanh", unit=("nani",), by="rms", target_grad=target, normal=(0.0, 3.0)))
    assert result.best is None
    assert "Nothing reaches it." in " ".join(plot.caption_words([result]))
    _, axes = drawn(result)
    reached = max(float(curve.gradient.max()) for curve in result.curves)
    assert (axes.get_xlim()[1] < target) == far
    assert reached < axes.get_xlim()[1] < 2.5 * reached
    assert "best" not in {line.get_label() for line in axes.lines}


def test_what_breaks_a_bound_that_no_axis_shows_is_faint() -> None:
    recipe = CalibratePicture(unit=("nan",), alpha=(1.0,), by="pull", target_grad=0.02, max_std=0.6, normal=(0.0, 2.0))
    found = nv.calibrate(
        normal_input(0.0, 2.0, nv.activation("tanh")), units=recipe.units(), by="pull", target_grad=0.02, max_std=0.6
    )
    shown = recipe.of(found)
    assert isinstance(shown, CalibrateResult)
    _, axes = drawn(shown)
    (solid,) = (line for line in axes.lines if line.get_label() == "nan")
    (faint,) = (line for line in axes.lines if line.get_label() == "nan faint")
    kept = np.isfinite(np.asarray(solid.get_ydata(), dtype=float))
    assert kept.tolist() == [setting.std_rms <= 0.6 for setting in found.curve]
    assert 1 < kept.sum() < kept.size
    assert (faint.get_alpha() or 1.0) < 0.5
    assert "std over 0.6" in plot.page(shown, 3.25).legend_texts
    assert not any("over" in text for text in plot.page(computed(MANY), 3.25).legend_texts)


@pytest.mark.parametrize(("width", "style"), [(3.25, "paper"), pytest.param(6.75, "dark", marks=pytest.mark.sweep)])
@pytest.mark.parametrize(
    "recipe",
    [
        MANY,
        CalibratePicture(by="pull", target_grad=0.02, max_std=0.6, normal=(0.0, 2.0)),
        CalibratePicture(normal=(0.0, 2.0)),
        CalibratePicture(unit=("nan",), alpha=(0.9,), by="rms", normal=(0.0, 2.0)),
        CalibratePicture(unit=("nan",), alpha=(0.9,), fn="sigmoid", by="rms", target_grad=0.1, normal=(1.0, 4.0)),
        CalibratePicture(unit=("nan",), by="rms", alpha=(1.0,), normal=(0.0, 2.0)),
        CalibratePicture(unit=("nan",), by="rms", alpha=(1.0,), start_factor=1.02, normal=(0.0, 2.0)),
    ],
    ids=["many", "pull", "as usual", "one", "leak", "no bias", "near start"],
)
def test_nothing_overlaps_or_leaves_the_page(recipe: CalibratePicture, width: float, style: str) -> None:
    figure, axes = drawn(computed(recipe), width=width, style=style)
    page = figure.bbox
    boxes = {"axes": axes.get_tightbbox(for_layout_only=True), "legend": figure.legends[0].get_window_extent()}
    boxes |= {f"line {k}": text.get_window_extent() for k, text in enumerate(figure.texts)}
    for name, box in boxes.items():
        assert box is not None, name
        assert box.x0 >= -0.5, name
        assert box.y0 >= -0.5, name
        assert box.x1 <= page.x1 + 0.5, name
        assert box.y1 <= page.y1 + 0.5, name
    for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
        assert a is not None
        assert b is not None
        shared = Bbox.intersection(a, b)
        assert shared is None or min(shared.width, shared.height) < 1.0, (one, other)
    inside = axes.get_window_extent()
    names = [text.get_window_extent() for text in axes.texts if text.get_label() != "title"]
    assert names
    for box in names:
        assert inside.x0 - 1 <= box.x0
        assert box.x1 <= inside.x1 + 1
        assert inside.y0 - 1 <= box.y0
        assert box.y1 <= inside.y1 + 1
    for a, b in itertools.combinations(names, 2):
        assert not a.overlaps(b)


@pytest.mark.parametrize("width", [3.25, 6.75])
@pytest.mark.parametrize("recipe", [MANY, CalibratePicture(by="rms", unit=("nan", "nani", "nanil"), normal=(0.0, 2.0))])
def test_the_name_of_a_mark_stands_where_no_curve_runs(recipe: CalibratePicture, width: float) -> None:
    result = computed(recipe)
    _, axes = drawn(result, width=width)
    names = [text.get_window_extent() for text in axes.texts if text.get_label() != "title"]
    assert names
    for curve in result.curves:
        corners = axes.transData.transform(np.column_stack([curve.gradient, curve.bias]))
        at = np.linspace(0, len(corners) - 1, 100 * len(corners))
        x, y = (np.interp(at, np.arange(len(corners)), corners[:, k]) for k in (0, 1))
        for box in names:
            assert not ((x > box.x0) & (x < box.x1) & (y > box.y0) & (y < box.y1)).any(), curve.kind


def test_a_normal_input_is_replayed_to_the_byte_and_files_are_asked_for(run: Run, tmp_path: Path) -> None:
    made = run("calibrate", "--input", "normal:0,2", "--unit", "nan,nah", "--by", "rms", "-o", "c.svg", "-o", "c.csv")
    assert made.exit_code == 0, made.stderr
    again = run("replay", "c.svg", "-o", "d.svg")
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "d.svg").read_bytes() == (tmp_path / "c.svg").read_bytes()
    np.save(tmp_path / "x.npy", np.linspace(-4.0, 4.0, 101)[:, None])
    assert run("calibrate", "x.npy", "--target-grad", "0.1", "-o", "f.pdf").exit_code == 0
    refused = run("replay", "f.pdf")
    assert refused.exit_code == 2
    assert "run 'noisyviz calibrate' on 'x.npy'" in refused.stderr


def test_the_front_is_under_what_no_setting_of_the_curves_beats() -> None:
    result = computed(replace(MANY, by="pull", target_grad=0.01))
    _, axes = drawn(result)
    pale = [np.asarray(line.get_xydata()) for line in axes.lines if line.get_label() == "front"]
    on = [np.column_stack([curve.gradient, curve.bias])[curve.front] for curve in result.curves]
    assert np.concatenate(pale).tolist() == np.concatenate(on).tolist()
    assert 0 < len(np.concatenate(on)) < sum(curve.c.size for curve in result.curves)


def test_settings_of_earlier_versions_meant_the_rms() -> None:
    stored = {key: value for key, value in MANY.settings().items() if key not in ("by", "max_wrong", "max_std")}
    assert stored_picture("calibrate", stored) == MANY


def test_a_picture_is_written_even_when_nothing_reaches_the_target(run: Run, tmp_path: Path) -> None:
    result = run("calibrate", "--input", "normal:0,3", "--unit", "nani", "--target-grad", "3", "-o", "c.png")
    assert result.exit_code == 3
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
