"""The overview shows the engine's numbers, and no text touches another text, a curve or the edge."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from math import acosh, sqrt
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray
from scipy.integrate import quad

from noisyviz.moments.exact import exact
from noisyviz.pictures.overview import drawing as overview
from noisyviz.pictures.overview.picture import Overview, OverviewResult
from noisyviz.pictures.picture import DataSource
from noisyviz.pictures.shared.labels import SCALE_FORMULAS
from noisyviz.pictures.shared.style import OKABE_ITO, QUANTITIES, SERIES, style, width_in
from noisyviz.units.kinds import KINDS
from noisyviz.units.unit import NoisyUnit

SOURCE = DataSource(file="gates.npz", array="input_gate", sha256="0" * 64)
QUICK: dict[str, Any] = {"points": 101, "samples": 200}


class Drawn:
    """A picture and what is in it."""

    def __init__(self, figure: Figure, axes: dict[str, Axes], result: OverviewResult) -> None:
        self.figure, self.axes, self.result = figure, axes, result

    def line(self, panel: str, label: str) -> Line2D:
        return self.lines(panel, label)[0]

    def lines(self, panel: str, label: str) -> list[Line2D]:
        return [line for line in self.axes[panel].lines if line.get_label() == label]

    def legend(self, panel: str) -> Legend:
        legend = self.axes[panel].get_legend()
        assert legend is not None
        return legend

    def entries(self, panel: str) -> list[str]:
        return [text.get_text() for text in self.legend(panel).get_texts()]

    def caption(self) -> str:
        return " ".join(text.get_text() for text in reversed(self.figure.texts))


@contextmanager
def drawing(
    width: str = "icml-page", look: str = "paper", data: NDArray[np.float64] | None = None, **settings: Any
) -> Iterator[Drawn]:
    recipe = Overview(**QUICK | settings, data=None if data is None else SOURCE)
    result = recipe.compute(data)
    with mpl.rc_context(style(look)):
        figure = Figure(figsize=recipe.size(result, width_in(width)))
        FigureCanvasAgg(figure)
        yield Drawn(figure, overview.draw(result, figure), result)


def y(line: Line2D) -> NDArray[np.float64]:
    return np.asarray(line.get_ydata(), dtype=np.float64)


def test_every_kind_and_scale_has_its_formula() -> None:
    assert set(SCALE_FORMULAS) == {"eq9", "figure"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_curves_are_those_of_the_engine(kind: str) -> None:
    with drawing(fn=("sigmoid",), unit=kind, alpha=1.15, c=0.4, p=-1.5, noise="laplace") as drawn:
        x = np.asarray(drawn.line("activation", "h").get_xdata(), dtype=np.float64)
        unit = NoisyUnit("sigmoid", kind=kind, alpha=1.15, c=0.4, p=-1.5, noise="laplace")
        found, h = exact(unit, x), unit.activation
        expected = {
            ("activation", "h"): h.h(x),
            ("activation", "u"): 0.25 * x + 0.5,
            ("activation", "hard"): np.clip(0.25 * x + 0.5, 0.0, 1.0),
            ("activation", "mean"): found.mean,
            ("delta", "delta"): h.h(x) - (0.25 * x + 0.5),
            ("gradient", "derivative"): h.h(x) * (1.0 - h.h(x)),
            ("gradient", "gradient"): found.grad_mean,
        }
        for (panel, label), values in expected.items():
            np.testing.assert_allclose(y(drawn.line(panel, label)), values, atol=1e-12, err_msg=label)
        assert ("sigma" in drawn.axes) is (kind != "none")
        if kind not in ("none", "nanil-softplus"):
            np.testing.assert_allclose(y(drawn.line("sigma", "sigma")), unit.sigma(x), atol=1e-12)


def test_bands_lie_between_quantiles_of_one_draw() -> None:
    """By the draw that stands at each level: half-normal noise at α = 1 lies inward, d = −sgn x."""
    with drawing(unit="nah", alpha=1.0) as drawn:
        x = drawn.result.series[0].band_x
        unit = NoisyUnit("tanh", kind="nah", alpha=1.0)
        levels = [0.06270677794321385, 0.31863936396437514, 1.1503493803760079, 1.959963984540054]  # of |ξ|
        for panel, of in (("activation", unit), ("gradient", unit.grad_x)):
            ends = np.sort([of(x, level) for level in levels], axis=0)
            low, high = drawn.lines(panel, "band")
            np.testing.assert_allclose(y(low), ends[0], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(y(high), ends[3], rtol=1e-9, atol=1e-12)
            filled = [c for c in drawn.axes[panel].collections if isinstance(c, PolyCollection)]
            for one, outer, inner in zip(filled, (0, 1), (3, 2), strict=True):
                corners = np.asarray(one.get_paths()[0].vertices)[:, 1]
                assert (corners.min(), corners.max()) == pytest.approx((ends[outer].min(), ends[inner].max()))


def test_the_cloud_is_the_unit_at_seeded_draws() -> None:
    with drawing(unit="nah", noise="uniform", samples=300, seed=7) as drawn:
        cloud = drawn.line("activation", "cloud")
        x = np.asarray(cloud.get_xdata(), dtype=np.float64)
        unit = NoisyUnit("tanh", kind="nah", noise="uniform")
        xi = unit.noise.draw(np.random.default_rng(7).spawn(1)[0], 300)
        np.testing.assert_array_equal(x, np.linspace(-4.0, 4.0, 300))
        np.testing.assert_array_equal(y(cloud), unit(x, xi))
        assert cloud.get_rasterized()


def test_the_noiseless_unit_shows_no_draws() -> None:
    with drawing(unit="none") as drawn:
        assert not drawn.lines("activation", "cloud")
        assert not any("draws" in text for text in drawn.entries("activation"))


@pytest.mark.parametrize(
    ("fn", "xlim", "expected"),
    [
        ("tanh", None, [(-4.0, -1.0), (1.0, 4.0)]),
        ("sigmoid", (-3.0, 9.0), [(-3.0, -2.0), (2.0, 9.0)]),
        ("relu", None, [(-3.0, 0.0)]),
        ("tanh", (2.0, 3.0), [(2.0, 3.0)]),
        ("tanh", (-0.5, 0.5), []),
        ("gelu", None, []),
        ("identity", None, []),
    ],
)
def test_saturated_sides_are_shaded_in_every_panel(
    fn: str, xlim: tuple[float, float] | None, expected: list[tuple[float, float]]
) -> None:
    with drawing(fn=(fn,), xlim=xlim) as drawn:
        for axes in drawn.axes.values():
            spans = [p for p in axes.patches if isinstance(p, Rectangle) and p.get_label() == "saturated"]
            assert [(span.get_x(), span.get_x() + span.get_width()) for span in spans] == expected
        assert ("saturated" in drawn.entries("activation")) == bool(expected)


def test_thresholds_are_named_with_their_values_or_without_where_these_collide() -> None:
    def named(**settings: Any) -> list[str]:
        with drawing(**settings) as drawn:
            return [text.get_text() for text in drawn.axes["activation"].texts]

    assert named(fn=("sigmoid",)) == ["$x_t^{-}=−2$", "$x_t^{+}=2$"]
    assert named(fn=("relu",)) == ["$x_t^{-}=0$"]
    assert named(fn=("identity",)) == []
    assert named(fn=("tanh",), xlim=(-20.0, 20.0), width="icml") == ["$x_t^{-}$", "$x_t^{+}$"]


@pytest.mark.parametrize(
    ("fn", "kind"),
    [
        (fn, kind)
        for k, kind in enumerate(KINDS)
        for fn in ("hard-swish", ("tanh", "sigmoid", "relu", "identity")[k % 4])
    ],
)
def test_the_axes_hold_what_matters_and_let_u_run_out(fn: str, kind: str) -> None:
    with drawing(fn=(fn,), unit=kind, alpha=0.9, c=2.0) as drawn:
        for panel in drawn.axes:
            low, high = drawn.axes[panel].get_ylim()
            assert np.isfinite([low, high]).all()
            for line in drawn.axes[panel].lines:
                if line.get_label() in ("h", "mean", "band", "delta", "sigma", "gradient", "derivative"):
                    assert low < np.min(y(line)), (panel, line.get_label())
                    assert np.max(y(line)) < high, (panel, line.get_label())


def test_a_unit_without_sigma_shows_the_spread_of_its_input_noise() -> None:
    with drawing(unit="nanil-softplus", c=0.5, p=1.0, points=5) as drawn:
        assert drawn.entries("sigma") == ["std of noise $s$"]
        assert drawn.axes["sigma"].get_ylabel() == "std of $s$"
        line = drawn.line("sigma", "sigma")

        def square(xi: float, delta: float) -> float:
            s = 0.5 * np.log1p(np.exp(-abs(delta) / xi)) * xi + 0.5 * abs(delta)
            return float(s * s * np.exp(-0.5 * xi * xi) * sqrt(2.0 / np.pi))

        for x, spread in zip(np.asarray(line.get_xdata(), dtype=np.float64), y(line), strict=True):
            expected = sqrt(quad(square, 0.0, 9.0, args=(np.tanh(x) - x,))[0])
            assert spread == pytest.approx(expected, rel=5e-3)


def test_the_caption_says_where_the_gradient_points_the_wrong_way() -> None:
    turn = acosh(sqrt(1.15 / 0.15))  # 1.15·sech² − 0.15 = 0, and the noise is symmetric
    with drawing(alpha=1.15, points=401) as drawn:
        assert f"more often than not from $|x|={turn:.2f}$ on." in drawn.caption()
        bars = drawn.lines("gradient", "wrong")
        ends = [tuple(np.asarray(bar.get_xdata(), dtype=np.float64)) for bar in bars]
        assert np.ravel(ends) == pytest.approx([-4.0, -turn, turn, 4.0], abs=1e-3)
        assert any("wrong" in text for text in drawn.entries("gradient"))
    with drawing(alpha=0.9) as drawn:
        assert "wrong" not in drawn.caption()
        assert not drawn.lines("gradient", "wrong")


def test_the_caption_gives_formula_and_only_the_parameters_in_use() -> None:
    with drawing(unit="nani", fn=("hard-tanh",), c=0.25, noise="student-t:5", width="icml") as drawn:
        caption = drawn.caption()
        for part in (r"$\mathbf{hard}$-$\mathbf{tanh}$", "nani", r"$\varphi=h(x+c\,\xi)$", "$c=0.25$", "student-t:5"):
            assert part in caption
        assert "alpha" not in caption
        assert "$p=" not in caption
    with drawing(scale="figure", p=-2.0) as drawn:
        assert r"p\delta^2" in drawn.caption()
        assert "$p=−2$" in drawn.caption()


def test_two_functions_keep_one_colour_and_marker_each() -> None:
    names = ("tanh", "relu")
    with drawing(fn=names, unit="nah", alpha=1.0) as drawn:
        (legend,) = drawn.figure.legends
        assert [text.get_text() for text in legend.get_texts()] == list(names)
        for panel, key in (("activation", "mean"), ("delta", "delta"), ("sigma", "sigma"), ("gradient", "gradient")):
            lines = drawn.lines(panel, key)
            assert [to_hex(line.get_color()).upper() for line in lines] == [OKABE_ITO[hue] for hue, _ in SERIES[:2]]
            assert [line.get_marker() for line in lines] == [marker for _, marker in SERIES[:2]]
        for index, one in enumerate(drawn.result.series):
            np.testing.assert_array_equal(y(drawn.lines("activation", "mean")[index]), one.moments.mean)
            np.testing.assert_array_equal(y(drawn.lines("gradient", "derivative")[index]), one.curves.derivative)
        marks = [
            (float(np.asarray(line.get_xdata())[0]), to_hex(line.get_color()).upper())
            for line in drawn.lines("activation", "threshold")
        ]
        blue, vermillion = (OKABE_ITO[hue] for hue, _ in SERIES[:2])
        assert marks == [(-1.0, blue), (1.0, blue), (0.0, vermillion)]
        assert "$x_t$" in drawn.entries("activation")


def test_three_functions_have_a_row_of_their_own_each() -> None:
    names = ("tanh", "sigmoid", "relu")
    with drawing(fn=names, unit="nah", alpha=1.0, at=(-1.5, 2.0)) as drawn:
        rows = {}
        for index, one in enumerate(drawn.result.series):
            axes = drawn.axes[f"{index}.activation"]
            rows[axes.get_position().y0] = one.name
            (mean,) = [line for line in axes.lines if line.get_label() == "mean"]
            np.testing.assert_array_equal(y(mean), one.moments.mean)
            (marked,) = [line for line in axes.lines if line.get_label() == "marked"]
            unit = NoisyUnit(one.name, kind="nah", alpha=1.0)
            np.testing.assert_array_equal(y(marked), exact(unit, [-1.5, 2.0]).mean)
        assert [rows[place] for place in sorted(rows, reverse=True)] == list(names)


def test_points_are_marked_on_the_curves() -> None:
    with drawing(at=(-3.0, 0.5, 9.0), unit="nani") as drawn:
        found = exact(NoisyUnit("tanh", kind="nani"), [-3.0, 0.5, 9.0])
        for panel, values in (("activation", found.mean), ("gradient", found.grad_mean)):
            mark = drawn.line(panel, "marked")
            assert np.asarray(mark.get_xdata()).tolist() == [-3.0, 0.5, 9.0]
            np.testing.assert_array_equal(y(mark), values)
        assert drawn.result.xlim[0] == -4.0
        assert drawn.result.xlim[1] > 9.0


def test_functions_with_the_same_thresholds_share_the_shading() -> None:
    with drawing(fn=("tanh", "hard-tanh")) as drawn:
        assert "saturated" in drawn.entries("activation")
        assert len([p for p in drawn.axes["delta"].patches if p.get_label() == "saturated"]) == 2


def test_data_lie_under_the_curves_with_their_saturated_share_in_words() -> None:
    data = np.concatenate([np.full(30, -5.0), np.linspace(-0.9, 0.9, 50), np.full(15, 1.0), np.full(5, 90.0)])
    with drawing(data=data) as drawn:
        strip, above = drawn.axes["data"].get_position(), drawn.axes["activation"].get_position()
        assert strip.y1 < above.y0
        assert (strip.x0, strip.x1) == (above.x0, above.x1)
        assert drawn.axes["data"].get_xlim() == drawn.axes["activation"].get_xlim()
        density = drawn.result.density
        assert density is not None
        assert np.sum(density.height * np.diff(density.edges)) == pytest.approx(0.65)
        text = drawn.caption().replace("\N{NO-BREAK SPACE}", " ")
        assert "Data: input_gate of gates.npz with 100 values; 50 % saturated (30 % left, 20 % right)" in text
        assert "35 % beyond this range" in text


def test_data_under_several_functions_state_a_share_for_each() -> None:
    data = np.array([-3.0, -1.5, 0.0, 1.5])
    with drawing(fn=("tanh", "sigmoid"), data=data) as drawn:
        text = drawn.caption().replace("\N{NO-BREAK SPACE}", " ")
        assert r"for $\mathbf{tanh}$ 75 % saturated (50 % left, 25 % right)" in text
        assert r"for $\mathbf{sigmoid}$ 25 % saturated (25 % left, 0 % right)" in text


def test_panels_can_be_chosen_and_stand_in_one_or_two_columns() -> None:
    with drawing(panels=("gradient", "activation"), width="icml") as drawn:
        assert list(drawn.axes) == ["gradient", "activation"]
        first, second = (axes.get_position() for axes in drawn.axes.values())
        assert first.x0 == second.x0
        assert first.y0 > second.y1
    with drawing(width="neurips") as drawn:
        places = [axes.get_position() for axes in drawn.axes.values()]
        assert places[0].y0 == places[1].y0 > places[2].y1
        assert places[2].y0 == places[3].y0
        assert places[0].x0 == places[2].x0 < places[1].x0 == places[3].x0


@pytest.mark.parametrize("width", ["icml", "icml-page", "neurips", "a4", "8cm", "30cm"])
def test_the_picture_has_exactly_the_width_asked_for(width: str) -> None:
    with drawing(width=width) as drawn:
        assert drawn.figure.get_size_inches()[0] == width_in(width)


CROWDED: tuple[dict[str, Any], ...] = (
    {},
    {"width": "icml", "unit": "nah", "alpha": 1.15},
    {"width": "6cm", "unit": "nanil-softplus", "look": "screen"},
    {"width": "6cm", "unit": "nah", "alpha": 1.123456, "c": 0.123456, "p": -0.987654, "scale": "figure"},
    {"width": "8cm", "unit": "nanis", "fn": ("sigmoid",), "look": "dark", "noise": "student-t:4.5"},
    {"width": "icml", "xlim": (-1e6, 1e6)},
    {"width": "icml", "xlim": (0.99999, 1.00001), "fn": ("hard-tanh",)},
    {"width": "6cm", "xlim": (-1000.0, 2000.0)},
    {"width": "icml", "c": 30.0, "unit": "nah"},
    {"width": "icml", "alpha": -5e5, "look": "screen"},
    {"width": "icml", "c": 1e-7, "unit": "nani"},
    {"width": "icml", "fn": ("tanh", "sigmoid", "relu", "gelu", "selu", "hard-tanh", "softsign"), "look": "screen"},
    {"width": "a4", "fn": ("tanh", "hard-sigmoid-6"), "unit": "nah", "alpha": 1.0},
    {"width": "neurips", "panels": ("activation", "sigma", "gradient")},
    {"width": "icml", "panels": ("gradient",), "unit": "nah", "alpha": 1.0},
    {"width": "icml", "data": np.linspace(-9.0, 9.0, 50)},
    {"width": "icml-page", "data": np.linspace(-9.0, 9.0, 50), "fn": ("tanh", "sigmoid"), "look": "dark"},
    {"width": "icml", "fn": ("identity",), "unit": "none"},
)


def boxes(drawn: Drawn) -> list[tuple[str, Bbox]]:
    """Where all visible texts, legends and axes lie, in pixels."""
    canvas = drawn.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    drawn.figure.draw_without_rendering()
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]  # nor there
    found: list[tuple[str, Bbox]] = []
    texts: list[Text] = list(drawn.figure.texts)
    for name, axes in drawn.axes.items():
        found.append((f"axes {name}", axes.get_window_extent(renderer)))
        texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()]
        legend = axes.get_legend()
        found += [(f"legend {name}", legend.get_window_extent(renderer))] if legend is not None else []
    found += [("legend of functions", legend.get_window_extent(renderer)) for legend in drawn.figure.legends]
    found += [(repr(text.get_text()), text.get_window_extent(renderer)) for text in texts if text.get_text()]
    return found


@pytest.mark.parametrize("case", CROWDED, ids=lambda case: "-".join(map(str, case.values()))[:60])
def test_no_text_or_legend_touches_another_or_covers_a_curve_or_is_cut_off(case: dict[str, Any]) -> None:
    with drawing(**case) as drawn:
        found = boxes(drawn)
        page = drawn.figure.bbox
        for name, box in found:
            assert page.x0 <= box.x0 <= box.x1 <= page.x1, (name, "leaves the page sideways")
            assert page.y0 <= box.y0 <= box.y1 <= page.y1, (name, "leaves the page up or down")
        for (name, one), (other_name, other) in combinations(found, 2):
            overlap = Bbox.intersection(one, other)
            assert overlap is None or min(overlap.width, overlap.height) <= 0.5, (name, other_name)


@pytest.mark.parametrize("case", CROWDED[:4], ids=str)
def test_no_text_is_smaller_than_8_points(case: dict[str, Any]) -> None:
    with drawing(**case) as drawn:
        drawn.figure.draw_without_rendering()
        sizes = [float(text.get_fontsize()) for text in drawn.figure.findobj(Text)]
        assert min(sizes) >= 8.0


def test_a_dark_page_gets_its_own_colours() -> None:
    with drawing(look="dark") as drawn:
        line = drawn.line("activation", "h")
        assert to_rgba(line.get_color()) == to_rgba("#F2F2F2")
        assert QUANTITIES["h"].hue == "black"


def test_signs_in_a_name_start_neither_mathematics_nor_silence() -> None:
    data = np.array([0.0, 1.0])
    recipe = Overview(**QUICK, data=DataSource(file="a$b$_{.npy", array="", sha256=""))
    result = recipe.compute(data)
    with mpl.rc_context(style("paper")):
        figure = Figure(figsize=recipe.size(result, 3.25))
        FigureCanvasAgg(figure)
        recipe.draw(result, figure)
        figure.draw_without_rendering()
        assert r"a\$b\$_{.npy" in " ".join(text.get_text() for text in figure.texts)


def test_drawing_needs_no_pyplot_and_changes_no_setting() -> None:
    code = """
import sys, matplotlib
from matplotlib.figure import Figure
from noisyviz.pictures.overview.picture import Overview
before = dict(matplotlib.rcParams)
recipe = Overview(points=11, samples=5)
result = recipe.compute()
recipe.draw(result, Figure(figsize=recipe.size(result, 6.0)))
assert dict(matplotlib.rcParams) == before, "rcParams"
assert "matplotlib.pyplot" not in sys.modules, "pyplot"
assert "scipy.stats" not in sys.modules, "stats"
"""
    subprocess.run([sys.executable, "-c", code], check=True)
