"""The learning curves: the paper's numbers as tabulated by hand, and how their pictures show them."""

from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from noisyviz.errors import InputError
from noisyviz.export.render import rc_settings
from noisyviz.pictures.learning_curves import drawing as learning_curves
from noisyviz.pictures.learning_curves.picture import EXPERIMENTS, LearningCurves
from noisyviz.pictures.stored import stored_picture

UPDATES = [400.0 * k for k in (0, 1, 2, 5, 10, 20, 40, 60, 80, 100)]
EPOCHS = [0.0, 10.0, 20.0, 40.0, 60.0, 80.0, 99.0]
THOUSANDS = [10_000.0 * k for k in range(11)]

# Tabulated by hand: x, and y with as many digits as are known. Those of characters are log10 of BPC.
READ: list[tuple[str, str, list[float], str]] = [
    (
        "ptb-words",
        "reference",
        [*range(1, 14)],
        "180.8 145.3 132.6 128.4 127.7 119.9 119.1 120.2 120.7 120.7 120.2 119.7 119.4",
    ),
    (
        "ptb-words",
        "nah",
        [*range(1, 14)],
        "191.5 158.2 146.7 144.4 141.7 122.8 116.4 114.4 113.5 113.2 113.0 112.8 112.6",
    ),
    (
        "ptb-words",
        "nan",
        [*range(1, 14)],
        "194.4 159.0 150.7 145.1 142.9 122.1 115.5 113.6 113.1 112.8 112.4 112.0 111.6",
    ),
    ("associative-recall", "reference", THOUSANDS, "2.079 2.060 1.998 1.975 1.956 1.997 1.979 1.745 1.724 1.644 1.550"),
    ("associative-recall", "noisy", [8e3, 9e3, 18e3, 19e3, 20e3, 100e3], "0.337 0.003 0.019 1.845 0.000 0.000"),
    ("mnist", "normal", EPOCHS, ".378 .140 .058 .0149 .0104 .0091 .0085"),
    ("mnist", "half-normal", EPOCHS, ".378 .142 .060 .0154 .0105 .0092 .0086"),
    ("mnist", "normal without p", EPOCHS, ".378 .145 .062 .0162 .0107 .0094 .0088"),
    ("mnist", "Laplace", EPOCHS, ".379 .152 .065 .0179 .0114 .0097 .0090"),
    ("mnist", "hard-tanh", EPOCHS, ".379 .164 .077 .0217 .0125 .0105 .0097"),
    ("mnist", "tanh", EPOCHS, ".377 .164 .084 .0279 .0163 .0134 .0122"),
    ("ptb-characters", "nan", UPDATES, ".751 .435 .351 .229 .172 .142 .108 .100 .082 .082"),
    ("ptb-characters", "nani", UPDATES, ".751 .439 .360 .233 .175 .144 .107 .096 .084 .087"),
    ("ptb-characters", "nanis", UPDATES, ".751 .414 .291 .299 .335 .321 .366 .340 .356 .333"),
]


def drawn(experiment: str, width: float = 3.25, style: str = "paper") -> tuple[Figure, Axes]:
    recipe = LearningCurves(experiment=experiment)
    result = recipe.compute()
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=recipe.size(result, width))
        axes = learning_curves.draw(result, figure)
        figure.draw_without_rendering()
    return figure, axes


def lines(axes: Axes) -> dict[str, Any]:
    """Curves by name, without the lines through means."""
    return {str(line.get_label()): line for line in axes.lines if not str(line.get_label()).endswith(" mean")}


def table(experiment: str) -> dict[str, Any]:
    recipe = LearningCurves(experiment=experiment)
    return dict(recipe.tables(recipe.compute())[""])


@pytest.mark.parametrize(("experiment", "curve", "x", "y"), READ)
def test_the_picture_and_the_table_show_the_papers_numbers(experiment: str, curve: str, x: list[float], y: str) -> None:
    unit = {"associative-recall": 1000.0, "ptb-characters": 400.0}.get(experiment, 1.0)
    _, axes = drawn(experiment)
    line = lines(axes)[curve]
    seen = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
    columns = table(experiment)
    names, rows, values = columns.values()
    held = {a: b for name, a, b in zip(names, rows, values, strict=True) if name == curve}
    for position, text in zip(x, y.split(), strict=True):
        for value in (seen[position / unit], held[position]):
            shown = np.log10(value) if experiment == "ptb-characters" else value
            assert abs(shown - float(text)) <= 0.51 * 10.0 ** -len(text.partition(".")[2])


def test_no_curve_is_left_out() -> None:
    for experiment in EXPERIMENTS:
        wanted = {curve for one, curve, *_ in READ if one == experiment} or {"reference", "nah"}
        figure, axes = drawn(experiment)
        assert set(lines(axes)) == wanted == set(table(experiment)["curve"])
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()] == list(lines(axes))
        assert figure.axes == [axes]


def test_learning_to_execute_has_the_papers_means_and_maxima() -> None:
    means = {
        "nah": [47.7, 48.7, 49.2, 49.5, 49.7, 49.7, 49.9, 50.1, 49.8],
        "reference": [47.5, 48.2, 48.5, 48.9, 48.9, 49.0, 49.2, 49.1, 49.0],
    }
    peaks = {"nah": (158.0, 50.65), "reference": (149.0, 49.73)}
    names, x, y = table("learning-to-execute").values()
    for curve, wanted in means.items():
        here = names == curve
        found = [y[here & (x >= first) & (x < first + 10)].mean() for first in range(80, 170, 10)]
        np.testing.assert_allclose(found, wanted, atol=0.11)  # by rows, where the paper's were taken by epochs
        best = int(np.argmax(np.where(here, y, 0.0)))
        assert (x[best], y[best]) == peaks[curve]


def test_lines_break_where_they_leave_the_papers_drawing_and_tables_leave_those_points_out() -> None:
    _, axes = drawn("learning-to-execute")
    x, y = lines(axes)["nah"].get_data()
    edge = np.flatnonzero(y == 46.299)
    assert x[edge].tolist() == [69.99, 70.0, 73.0, 74.0, 75.0, 79.8]
    assert np.isnan(y[edge + 1]).all()
    assert int(np.isnan(y).sum()) == edge.size
    assert table("learning-to-execute")["training_accuracy_percent"].min() > 46.3
    assert axes.get_ylim()[0] == 46.299


def test_a_stray_point_of_the_papers_key_is_no_point_of_the_curve() -> None:
    for line in lines(drawn("associative-recall")[1]).values():
        np.testing.assert_array_equal(line.get_xdata(), np.arange(101.0))
        assert max(line.get_ydata()) < 2.1


def test_bits_start_at_those_of_the_alphabet_on_a_logarithmic_axis() -> None:
    names, _, bpc = table("ptb-characters").values()
    for curve, last in (("nan", 1.21), ("nani", 1.22), ("nanis", 2.15)):
        one = bpc[names == curve]
        assert one[0] == pytest.approx(np.log2(50.0), rel=1e-3)  # 50 symbols at chance
        assert one[-1] == pytest.approx(last, abs=0.006)
    assert drawn("ptb-characters")[1].get_yscale() == "log"
    assert r"$\log_{10}$" in LearningCurves(experiment="ptb-characters").compute().caption


def test_axes_are_the_papers() -> None:
    assert drawn("mnist")[1].get_yscale() == "log"
    _, axes = drawn("learning-to-execute")
    assert axes.get_xlim() == (60.0, 180.0)
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["47.0", "47.5", "48.0", "48.5", "49.0", "49.5", "50.0", "50.5", "51.0"]
    for experiment in EXPERIMENTS:
        _, axes = drawn(experiment)
        (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
        for line in axes.lines:
            x, y = (np.asarray(values, dtype=np.float64) for values in line.get_data())
            assert left <= np.nanmin(x) <= np.nanmax(x) <= right
            assert low <= np.nanmin(y) <= np.nanmax(y) <= high


@pytest.mark.parametrize(
    ("experiment", "figure", "edition"),
    [
        ("ptb-words", "7", "ICML"),
        ("learning-to-execute", "8", "ICML"),
        ("associative-recall", "9", "ICML"),
        ("mnist", "5", "arXiv:1603.00391v3"),
        ("ptb-characters", "8", "arXiv:1603.00391v3"),
    ],
)
def test_the_caption_says_whose_numbers_these_are(experiment: str, figure: str, edition: str) -> None:
    picture, _ = drawn(experiment, 6.75)
    caption = " ".join(text.get_text() for text in reversed(picture.texts)).replace("\N{NO-BREAK SPACE}", " ")
    assert f"Data: decoded from the vector drawing of Figure {figure}, Gulcehre et al. 2016, {edition}" in caption


def test_two_points_of_an_epoch_are_dots_and_the_line_joins_their_means() -> None:
    (one, _), axes = LearningCurves(experiment="learning-to-execute").compute().curves, drawn("learning-to-execute")[1]
    (line,) = [line for line in axes.lines if line.get_label() == f"{one.label} mean"]
    epochs = sorted({float(x) for x, leaves in zip(one.x, one.leaves, strict=True) if not leaves})
    means = [
        np.mean([y for x, y, leaves in zip(one.x, one.y, one.leaves, strict=True) if x == at and not leaves])
        for at in epochs
    ]
    np.testing.assert_allclose(np.asarray(line.get_xdata()), epochs)
    np.testing.assert_allclose(np.asarray(line.get_ydata()), means)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_curves_differ_in_grey(experiment: str) -> None:
    joined = [line for line in drawn(experiment)[1].lines if line.get_linestyle() != "None"]
    assert len(joined) == len(LearningCurves(experiment=experiment).compute().curves)
    for one, other in combinations(joined, 2):
        greys = [sum(np.multiply((0.299, 0.587, 0.114), to_rgb(line.get_color()))) for line in (one, other)]
        dashes = [line._dash_pattern for line in (one, other)]  # type: ignore[attr-defined]  # dashes as drawn
        assert dashes[0] != dashes[1] or abs(greys[0] - greys[1]) > 0.2


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize(("width", "style"), [(3.25, "paper"), (6.75, "paper"), (3.25, "dark")])
def test_nothing_leaves_the_page_and_the_legend_stands_clear(experiment: str, width: float, style: str) -> None:
    figure, axes = drawn(experiment, width, style)
    wide, high = figure.get_size_inches() * figure.dpi
    assert figure.get_size_inches()[0] == width
    legend = axes.get_legend()
    assert legend is not None
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1
    for box in (legend.get_window_extent(), axes.get_tightbbox(), *(text.get_window_extent() for text in figure.texts)):
        assert box is not None
        assert box.x0 >= -0.5
        assert box.y0 >= -0.5
        assert box.x1 <= wide + 0.5
        assert box.y1 <= high + 0.5
    labels = [label.get_window_extent() for label in axes.get_yticklabels() if label.get_text()]
    assert not any(one.overlaps(other) for k, one in enumerate(labels) for other in labels[:k])


def test_settings_make_the_recipe_again() -> None:
    recipe = LearningCurves(experiment="mnist")
    assert stored_picture(LearningCurves.name, recipe.settings()) == recipe


def test_an_unknown_experiment_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"ptb-words, learning-to-execute.*did you mean 'mnist'") as caught:
        LearningCurves(experiment="mnits")
    assert caught.value.parameter == "experiment"


def test_data_are_refused() -> None:
    with pytest.raises(InputError, match="no data"):
        LearningCurves(experiment="mnist").compute(np.ones(3))
