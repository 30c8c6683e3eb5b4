"""The picture of a profile: its numbers against plain counts, its artists, and a page on which nothing collides."""

import csv
import itertools
import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from conftest import Run
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from matplotlib.transforms import Bbox

import noisyviz as nv
from noisyviz.export.render import picture_bytes, rc_settings
from noisyviz.networks.profile import Profiler
from noisyviz.pictures.profile import drawing as plot
from noisyviz.pictures.profile import page as profile_page
from noisyviz.pictures.profile import rows as rows_page
from noisyviz.pictures.profile.picture import MOST_ARRAYS, MOST_BARS, MOST_ROWS, ProfilePicture, ProfileResult

RNG = np.random.default_rng(5)
ARRAYS = {
    "wide": RNG.normal(size=(400, 6)) * np.array([0.1, 0.5, 1.0, 2.0, 4.0, 8.0]),
    "dead": np.concatenate([RNG.normal(size=(300, 3)), np.full((300, 2), -7.0)], axis=1),
}


def made(fn: str = "hard-tanh", **settings: object) -> tuple[ProfilePicture, ProfileResult]:
    recipe = ProfilePicture(fn=fn, **settings)  # type: ignore[arg-type] # a mixed dictionary
    found = nv.profile(ARRAYS, fn=fn, functions=dict(recipe.functions), unit=recipe.noisy_unit())
    return recipe, recipe.of(found)


def drawn(result: ProfileResult, *, width: float = 6.75, style: str = "paper") -> tuple[Figure, dict[str, Axes]]:
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=plot.size(result, width))
        axes = plot.draw(result, figure)
        figure.draw_without_rendering()
    return figure, axes


def stairs(axes: Axes, label: str) -> Any:
    """Return the heights of stairs."""
    (found,) = [patch for patch in axes.patches if isinstance(patch, StepPatch) and patch.get_label() == label]
    return np.asarray(found.get_data()[0])


def test_units_are_sorted_by_saturation_with_their_own_shares() -> None:
    _, result = made()
    for array in result.arrays:
        x = ARRAYS[array.name]
        left, right = (x <= -1).mean(axis=0), (x >= 1).mean(axis=0)
        np.testing.assert_allclose(array.left, left[array.order])
        np.testing.assert_allclose(array.right, right[array.order])
        assert np.all(np.diff(array.left + array.right) <= 0.0)
        assert (array.share_left, array.share_right) == pytest.approx((left.mean(), right.mean()))
    assert [array.dead for array in result.arrays] == [0, 2]


def test_the_density_is_that_of_the_samples() -> None:
    _, result = made()
    for array in result.arrays:
        x = ARRAYS[array.name].ravel()
        counts, _ = np.histogram(x, bins=result.edges)
        width = result.edges[1] - result.edges[0]
        cell = (1.0 + np.abs(result.edges).max()) / 512.0
        near = [np.count_nonzero(np.abs(x - edge) <= cell) for edge in result.edges]  # may fall on either side
        off = np.abs(array.density * x.size * width - counts)
        assert np.all(off <= np.maximum(near[:-1], near[1:]) + 1e-9)
        assert array.beyond == pytest.approx(np.mean((x < result.edges[0]) | (x > result.edges[-1])), abs=0.01)
        np.testing.assert_allclose(array.h, np.clip(result.x, -1, 1))


def test_gradients_before_and_after_noise_are_shares_of_the_samples() -> None:
    """By hand: h' of a hard-tanh is 0 or 1; with alpha = 0.9 the response is 0.1 beyond x_t, the noise abs sigma'."""
    _, result = made(c=2.0)
    for array in result.arrays:
        x = ARRAYS[array.name].ravel()
        share = np.mean(np.abs(x) >= 1)
        assert array.before.sum() == pytest.approx(1.0)
        assert array.after.sum() == pytest.approx(1.0)
        assert array.before[0] == pytest.approx(share)
        assert array.before[1] == array.after[0] == array.after[1] == array.backward == 0.0
        tenth = 1 + int(np.searchsorted(result.levels, 0.1, side="right"))
        assert array.after[tenth - 1 : tenth + 1].sum() == pytest.approx(share)  # 0.1 is an edge, which 1 - 0.9 misses
        assert array.after[tenth + 1 :].sum() == pytest.approx(1.0 - share)
        assert array.noise.sum() == pytest.approx(1.0)
        assert array.noise[0] == pytest.approx(1.0 - share)
        delta = np.clip(x, -1, 1) - x
        g = 1.0 / (1.0 + np.exp(-delta))
        slope = 2.0 * 2.0 * (g - 0.5) * g * (1.0 - g)
        noise = np.where(np.abs(x) < 1, 0.0, np.abs(slope))
        for level in (0.05, 0.1, 0.15):
            above = result.levels >= level
            place = int(np.argmax(above))
            got = array.noise[place + 2 :].sum()
            nearby = np.mean(np.abs(noise - result.levels[place]) < 0.05 * result.levels[place])
            assert got == pytest.approx(np.mean(noise >= result.levels[place]), abs=nearby + 1e-9)


def test_a_mean_response_of_the_wrong_sign_is_told() -> None:
    """By hand: beyond x_t the response of nan on hard-tanh is 1 − alpha."""
    recipe = ProfilePicture(fn="hard-tanh", alpha=1.25)
    x = np.array([[-3.0], [0.5], [2.0], [0.0]])
    result = recipe.of(nv.profile(x, fn="hard-tanh", unit=recipe.noisy_unit()))
    assert result.arrays[0].backward == 0.5
    assert "50 % of samples respond the wrong way on average." in " ".join(profile_page.caption_words(result)).replace(
        "\xa0", " "
    )


def test_artists_show_these_numbers() -> None:
    _, result = made()
    _, axes = drawn(result)
    for index, array in enumerate(result.arrays):
        units = axes[f"units{index}"]
        np.testing.assert_allclose(stairs(units, "left"), array.left)
        np.testing.assert_allclose(stairs(units, "right"), array.left + array.right)
        assert units.get_ylim() == (0.0, 1.0)
        gradients = axes[f"gradients{index}"]
        for where, part in (("", slice(1, None)), (" at zero", slice(0, 1))):
            np.testing.assert_allclose(stairs(gradients, f"with noise{where}"), array.after[part])
            np.testing.assert_allclose(stairs(gradients, f"without noise{where}"), array.before[part])
            np.testing.assert_allclose(stairs(gradients, f"noise{where}"), array.noise[part])
        density = axes[f"density{index}"]
        (h,) = [line for line in density.lines if line.get_label() == "h"]
        np.testing.assert_allclose(np.asarray(h.get_ydata()), array.h)
        spans = [patch for patch in density.patches if patch.get_label() == "saturated"]
        assert sorted(round(span.get_window_extent().x0) for span in spans) == sorted(
            round(density.transData.transform((x, 0.0))[0]) for x in (result.x[0], 1.0)
        )
        texts = [text.get_text() for text in units.texts]
        assert texts[0].replace("\N{NO-BREAK SPACE}", " ").endswith(f"saturated, {array.dead} dead")
        x = ARRAYS[array.name]
        written = {str(text.get_label()): text.get_text() for text in density.texts}
        assert written["share left"] == f"{100 * np.mean(x <= -1):.0f} %"
        assert written["share right"] == f"{100 * np.mean(x >= 1):.0f} %"
    assert [list(np.asarray(line.get_xdata())) for line in axes["units1"].lines if line.get_label() == "dead"] == [
        [0, 2]
    ]
    assert not [line for line in axes["units0"].lines if line.get_label() == "dead"]


def test_small_gradients_and_exact_zeros_stand_apart() -> None:
    """By hand: h' of tanh at 12 is 4 e^-24, which is not 0; that of hard-tanh is. At 3 the first is 0.00987."""
    x = {"x": np.repeat([0.0, 3.0, 12.0], [5, 3, 2])[:, None]}
    for fn, want in (
        ("tanh", {"0": 0.0, "below": 0.2, "at 3": 0.3}),
        ("hard-tanh", {"0": 0.5, "below": 0.0, "at 3": 0.0}),
    ):
        recipe = ProfilePicture(fn=fn, unit="none")
        result = recipe.of(nv.profile(x, fn=fn, unit=recipe.noisy_unit()))
        (array,) = result.arrays
        place = 1 + int(np.searchsorted(result.levels, 4.0 / (math.exp(3.0) + math.exp(-3.0)) ** 2, side="right"))
        for shares in (array.before, array.after):  # without noise both are the same
            got = {"0": shares[0], "below": shares[1], "at 3": shares[place]}
            assert got == pytest.approx(want)
        _, axes = drawn(result)
        zero, small = (
            next(patch for patch in axes["gradients0"].patches if patch.get_label() == f"without noise{where}")
            for where in (" at zero", "")
        )
        assert isinstance(zero, StepPatch)
        assert isinstance(small, StepPatch)
        _, zero_edges, _ = zero.get_data()
        _, small_edges, _ = small.get_data()
        assert zero_edges[-1] < small_edges[0]
        assert axes["gradients0"].get_xticks()[0] == pytest.approx(np.mean(zero_edges))


def test_many_units_share_bars_whose_means_they_are() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(50, 1000)) * rng.gamma(2.0, 1.0, size=1000)
    recipe = ProfilePicture(fn="tanh")
    result = recipe.of(nv.profile(x, fn="tanh", unit=recipe.noisy_unit()))
    (array,) = result.arrays
    assert array.left.size == 1000
    assert array.bar_left.size == MOST_BARS
    left, right = np.sort((x <= -1).mean(axis=0)), np.sort((x >= 1).mean(axis=0))
    widths = np.diff(array.bars)
    assert set(widths) == {5.0, 6.0}
    assert np.sum(array.bar_left * widths) == pytest.approx(left.sum())
    assert np.sum(array.bar_right * widths) == pytest.approx(right.sum())
    most = np.sort((np.abs(x) >= 1).mean(axis=0))[::-1][: int(widths[0])].mean()
    assert array.bar_left[0] + array.bar_right[0] == pytest.approx(most)
    assert "A bar is the mean of up to 6 units." in " ".join(profile_page.caption_words(result))


def test_what_is_not_finite_is_counted_in_the_caption() -> None:
    x = np.array([[0.5, math.nan], [-3.0, math.inf], [2.0, math.nan]])
    recipe = ProfilePicture(fn="tanh")
    result = recipe.of(nv.profile(x, fn="tanh", unit=recipe.noisy_unit()))
    assert "3 numbers that are not finite are left out." in " ".join(profile_page.caption_words(result))
    assert result.arrays[0].left.tolist() == pytest.approx([1 / 3, 0.0])


@pytest.mark.parametrize(("unit", "width"), [("none", "icml-page"), ("nan", "icml")])
def test_an_array_without_any_number_is_drawn_empty(unit: str, width: str) -> None:
    recipe = ProfilePicture(fn="tanh", unit=unit)
    result = recipe.of(nv.profile(np.full((5, 3), math.nan), fn="tanh", unit=recipe.noisy_unit()))
    (array,) = result.arrays
    assert array.before.sum() == array.after.sum() == array.density.sum() == array.beyond == 0.0
    assert picture_bytes(recipe, result, fmt="png", width=width).startswith(b"\x89PNG")
    _, axes = drawn(result)
    assert [text.get_text() for text in axes["density0"].texts] == ["x: no finite sample"]
    assert set(axes) == {"density0", "gradients0"}


@pytest.mark.parametrize(("width", "count", "style"), [(3.25, 2, "paper"), (6.75, 4, "dark")])
def test_long_names_that_differ_in_one_place_stay_apart(width: float, count: int, style: str) -> None:
    x = np.array([[0.0, 2.0], [3.0, -4.0]])
    arrays = {f"encoder.layers.{k}.self_attention.pre_activation_values": x for k in range(count)}
    recipe = ProfilePicture(fn="tanh")
    result = recipe.of(nv.profile(arrays, fn="tanh", unit=recipe.noisy_unit()))
    _, axes = drawn(result, width=width, style=style)
    titles = [next(t.get_text() for t in axes[f"density{k}"].texts if t.get_label() == "title") for k in range(count)]
    assert len(set(titles)) == count


@pytest.mark.parametrize(("width", "style"), [(6.75, "paper"), (3.25, "dark")])
@pytest.mark.parametrize("case", ["two", "one", "names"])
def test_nothing_overlaps_or_leaves_the_page(width: float, style: str, case: str) -> None:
    if case == "two":
        _, result = made("sigmoid", functions=(("dead", "hard-sigmoid"),))
    else:
        recipe = ProfilePicture(fn="sigmoid", unit="nani")
        name, count = ("x", 1) if case == "one" else ("encoder.self_attention.gate{}", 3)
        arrays = {name.format(k): ARRAYS["wide"] / 10.0**k for k in range(count)}
        result = recipe.of(nv.profile(arrays, fn="sigmoid", unit=recipe.noisy_unit()))
    figure, axes = drawn(result, width=width, style=style)
    page = figure.bbox
    with mpl.rc_context(rc_settings(style)):  # widths of letters follow it
        boxes = {key: one.get_tightbbox(for_layout_only=True) for key, one in axes.items()}
        boxes |= {f"line {k}": text.get_window_extent() for k, text in enumerate(figure.texts)}
        boxes |= {"legend": figure.legends[0].get_window_extent()}
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
        assert shared is None or min(shared.width, shared.height) < 1.5, (one, other)


def test_three_arrays_have_a_row_each_in_a_narrow_picture_alone() -> None:
    recipe = ProfilePicture(fn="tanh")
    arrays = {f"layer{k}": np.array([[0.0, 2.0], [3.0, -4.0 - k]]) for k in range(3)}
    result = recipe.of(nv.profile(arrays, fn="tanh", unit=recipe.noisy_unit()))
    assert set(drawn(result, width=3.25)[1]) == {"x", "shares", "gradients"}
    assert {f"density{k}" for k in range(3)} <= set(drawn(result, width=6.75)[1])
    assert set(recipe.tables(result)) == {"-density", "-units", "-gradients"}


def test_many_arrays_have_a_row_each_and_empty_ones_are_named() -> None:
    """By hand, of relu, whose only threshold is at 0: the response is h' = 0, with noise 1 − alpha = 0.1."""
    recipe = ProfilePicture(fn="relu")
    arrays = {f"layer{k}": np.full((4, 2), math.nan if k == 0 else k - 3.0) for k in range(MOST_ARRAYS + 3)}
    found = nv.profile(arrays, fn="relu", unit=recipe.noisy_unit())
    result = recipe.of(found)
    assert result.arrays == ()
    assert [row.name for row in result.rows] == [name for name in arrays if name != "layer0"]
    assert [row.share_left for row in result.rows] == [1.0] * 3 + [0.0] * 7
    assert "Without a finite number: layer0." in " ".join(rows_page.caption_words(result))
    _, axes = drawn(result)
    heights = list(range(9, -1, -1))
    assert axes["x"].get_yticks().tolist() == heights
    (medians,) = [line for line in axes["x"].lines if line.get_label() == "median"]
    assert np.asarray(medians.get_ydata()).tolist() == heights
    np.testing.assert_allclose(np.asarray(medians.get_xdata()), np.arange(1, 11) - 3.0, atol=0.02)
    (response,) = [line for line in axes["gradients"].lines if line.get_label() == "after"]
    np.testing.assert_allclose(np.asarray(response.get_xdata())[:3], 0.1)
    assert np.isnan(np.asarray(response.get_xdata(), dtype=float)[3:]).all()
    assert len(recipe.of(found, apart=True).arrays) == 10
    many = {f"a{k}": np.ones((2, 1)) for k in range(MOST_ROWS + 2)}
    cut = recipe.of(nv.profile(many, fn="relu", unit=recipe.noisy_unit()))
    assert (len(cut.rows), cut.left_out) == (MOST_ROWS, 2)
    assert "2 more arrays are left out." in " ".join(rows_page.caption_words(cut))


@pytest.mark.parametrize("many", [False, True])
def test_panels_without_content_are_left_out(many: bool) -> None:
    recipe = ProfilePicture(fn="identity")
    arrays = {f"a{k}": np.arange(4.0)[:, None] for k in range(9 if many else 2)}
    result = recipe.of(nv.profile(arrays, fn="identity", unit=recipe.noisy_unit()))
    figure, axes = drawn(result)
    assert {key.rstrip("01") for key in axes} == ({"x"} if many else {"density", "gradients"})
    assert not [text for text in figure.legends[0].get_texts() if "beyond" in text.get_text()]
    assert "No unit saturates." in " ".join((rows_page if many else profile_page).caption_words(result))


STEPS = {f"steps-{k}": {"gate": [[k / 4.0, -k]], "cell": [[0.0, k / 2.0]]} for k in (2, 10, 4)}


def test_files_of_the_same_arrays_are_moments_in_time(run: Run) -> None:
    for name, arrays in STEPS.items():
        np.savez(f"{name}.npz", **arrays)  # type: ignore[arg-type]  # of arrays alone
    files = [f"{name}.npz" for name in STEPS]
    told = "taken for time: N of steps-N.npz, 3 files from 'steps-2.npz' to 'steps-10.npz'\n"
    result = run("profile", *files, "--fn", "hard-tanh", "-o", "p.svg", "--with-data")
    assert result.exit_code == 0
    assert result.stderr.endswith(f"wrote p.csv\nwrote p.svg\n{told}")
    with open("p.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["name"] for row in table] == [f"steps-{k}.npz:{name}" for name in ("gate", "cell") for k in (2, 4, 10)]
    assert [float(row["time"]) for row in table] == [2.0, 4.0, 10.0] * 2
    assert [float(row["share_left"]) for row in table] == [0.5] * 3 + [0.0] * 3
    assert [float(row["share_right"]) for row in table] == [0.0, 0.5, 0.5] + [0.5] * 3
    again = run("replay", "p.svg", *(word for name in files for word in ("--data", name)))
    assert again.stderr.endswith("the bytes are identical to p.svg\n")
    assert "taken for time" not in run("profile", *files[:2], "--fn", "hard-tanh", "-o", "q.png").stderr


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (["run-1:a", "run-2:a", "run-3:a"], "N of run-N"),
        (["epoch2-1:a", "epoch1-1:a", "epoch1-2:a"], "files in natural order"),
        (["step1", "step2", "step30"], "N of stepN"),
        (["layer1", "layer2", "layer3"], None),  # arrays of their own, one in each file
        (["x:a", "y:a", "z:a"], None),
        (["run-1:a", "run-2:a", "run-3:b"], None),
    ],
)
def test_only_what_is_numbered_is_taken_for_time(names: list[str], label: str | None) -> None:
    recipe = ProfilePicture()
    profiler = Profiler(unit=recipe.noisy_unit())
    for name in names:
        profiler.add(name, [[1.0], [2.0]], file=name.partition(":")[0])
    moments = recipe.of(profiler.finish()).moments
    assert (moments and moments.label) == label
    if label == "files in natural order":
        assert moments is not None
        assert moments.files == ("epoch1-1", "epoch1-2", "epoch2-1")


def test_the_command_writes_picture_table_and_data(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **ARRAYS)
    result = run("profile", "a.npz", "--fn", "hard-tanh", "-o", "p.png", "-o", "u.csv", "-o", "p.svg", "--with-data")
    assert result.exit_code == 0, result.stderr
    names = {"p.png", "p.svg", "u.csv", "p-density.csv", "p-units.csv", "p-gradients.csv"}
    assert names | {"a.npz"} == {path.name for path in tmp_path.iterdir()}
    first = (tmp_path / "p.svg").read_bytes()
    assert run("profile", "a.npz", "--fn", "hard-tanh", "-o", "p.svg").exit_code == 0
    assert (tmp_path / "p.svg").read_bytes() == first
    rows = (tmp_path / "p-units.csv").read_text().splitlines()
    assert rows[0] == "array,unit,share_left,share_right"
    assert len(rows) == 1 + 6 + 5
    again = run("replay", "p.png")
    assert again.exit_code == 2
    assert "give 'a.npz' again" in again.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--shares-only", "-o", "a.png"], "--shares-only omits the numbers that a picture shows"),
        (["--with-data"], "--with-data needs a picture"),
        (["-o", "a.gif"], ".png"),
        (["-o", "a.png", "--width", "1cm"], "--width must be"),
    ],
)
def test_pictures_that_cannot_be_are_refused_before_anything_is_read(
    words: list[str], told: str, run: Run, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", ARRAYS["wide"])
    result = run("profile", "a.npy", *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]
