"""Figure 4: where the draws lie, on which side and how far; what editions and scales change; dots in every format."""

import io
import re
from math import exp
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from noisyviz.errors import InputError
from noisyviz.export.render import picture_bytes, rc_settings
from noisyviz.export.tables import table_bytes
from noisyviz.pictures.draws import drawing as draws
from noisyviz.pictures.draws.drawing import caption_words
from noisyviz.pictures.draws.picture import Draws
from noisyviz.pictures.shared.dots import Dots
from noisyviz.pictures.stored import stored_picture

ALPHAS = (0.9, 1.0, 1.1, 1.2)


def clip(x: float) -> float:
    return max(min(x, 1.0), -1.0)


def g(v: float) -> float:
    return 1.0 / (1.0 + exp(-v))


def drawn(width: float = 3.25, look: str = "paper", **given: Any) -> tuple[Figure, dict[str, Axes]]:
    recipe = Draws(**given)
    result = recipe.compute()
    with mpl.rc_context(rc_settings(look)):
        figure = Figure(figsize=recipe.size(result, width))
        axes = draws.draw(result, figure)
        figure.draw_without_rendering()
    return figure, axes


def rows(**given: Any) -> Any:
    """The CSV that is exported, as a structured array."""
    recipe = Draws(**given)
    payload = table_bytes(recipe.tables(recipe.compute())[""], {}, fmt="csv")
    return np.genfromtxt(io.BytesIO(payload), delimiter=",", names=True)


def test_the_csv_has_alpha_x_xi_and_phi_for_1000_points_each() -> None:
    recipe = Draws()
    payload = table_bytes(recipe.tables(recipe.compute())[""], {}, fmt="csv")
    assert payload.splitlines()[0] == b"alpha,x,xi,phi"
    table = rows()
    assert table.size == 4000
    for alpha in ALPHAS:
        np.testing.assert_array_equal(table["x"][table["alpha"] == alpha], np.linspace(-4.0, 4.0, 1000))


@pytest.mark.parametrize(
    ("given", "c", "p"),
    [
        ({"edition": "v3"}, lambda alpha: 0.5 * alpha, 1.0),
        ({"edition": "icml"}, lambda alpha: 0.5, 0.835),  # noqa: ARG005
        ({"edition": "icml", "c": 2.0, "p": 3.0}, lambda alpha: 2.0, 3.0),  # noqa: ARG005
    ],
)
def test_the_draws_are_those_of_the_papers_drawing(given: dict[str, Any], c: Any, p: float) -> None:
    """φ = αh + (1−α)u ± c(g(pδ²) − ½)²·abs ξ with δ = abs x − 1; inward up to α = 1, outward above; none inside."""
    for row in rows(**given):
        alpha, x = float(row["alpha"]), float(row["x"])
        base = alpha * clip(x) + (1.0 - alpha) * x
        delta = max(abs(x) - 1.0, 0.0)
        sigma = c(alpha) * (g(p * delta**2) - 0.5) ** 2
        inward = -1.0 if x > 0 else 1.0
        sign = inward if alpha <= 1.0 else -inward
        assert row["phi"] == pytest.approx(base + sign * sigma * abs(float(row["xi"])), abs=1e-14)


@pytest.mark.parametrize("edition", ["icml", "v3"])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_noise_lies_on_the_side_the_paper_draws_and_never_inside(alpha: float, edition: str) -> None:
    table = rows(edition=edition)
    table = table[table["alpha"] == alpha]
    x, noise = table["x"], table["phi"] - (alpha * np.clip(table["x"], -1.0, 1.0) + (1.0 - alpha) * table["x"])
    np.testing.assert_allclose(noise[np.abs(x) < 1.0], 0.0, atol=1e-15)
    far = np.abs(x) > 2.0
    outward = noise[far] * np.sign(x[far])
    assert np.all(outward > 0.0 if alpha > 1.0 else outward < 0.0)
    assert np.abs(outward).max() > 0.1


@pytest.mark.parametrize("edition", ["icml", "v3"])
def test_eq9_is_the_same_in_both_editions(edition: str) -> None:
    """σ = c(g(pΔ) − ½)² with c = 0.5, p = 1 and Δ = h − u, without the factor α."""
    for row in rows(edition=edition, scale="eq9", points=101):
        alpha, x = float(row["alpha"]), float(row["x"])
        sigma = 0.5 * (g(clip(x) - x) - 0.5) ** 2
        noise = float(row["phi"]) - (alpha * clip(x) + (1.0 - alpha) * x)
        assert abs(noise) == pytest.approx(sigma * abs(float(row["xi"])), abs=1e-14)


def test_all_panels_share_their_draws_which_the_seed_decides() -> None:
    table = rows(points=50)
    xi = table["xi"].reshape(4, 50)
    assert np.ptp(xi, axis=0).max() == 0.0
    assert xi.min() < 0.0 < xi.max()
    np.testing.assert_array_equal(rows(points=50, edition="v3", scale="eq9")["xi"], table["xi"])
    assert not np.array_equal(rows(points=50, seed=1)["xi"], table["xi"])


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_panels_show_draws_mean_and_h_on_the_papers_axes(width: float) -> None:
    figure, panels = drawn(width)
    assert len(panels) == 4
    x = np.linspace(-4.0, 4.0, 1000)
    h = np.clip(x, -1.0, 1.0)
    table = rows()
    for index, alpha in enumerate(ALPHAS):
        axes = panels[str(index)]
        shown = {str(line.get_label()): line for line in axes.lines}
        np.testing.assert_allclose(np.asarray(shown["h"].get_ydata()), h)
        np.testing.assert_allclose(np.asarray(shown["base"].get_ydata()), alpha * h + (1.0 - alpha) * x, atol=1e-15)
        np.testing.assert_array_equal(np.asarray(shown["phi"].get_ydata()), table["phi"][table["alpha"] == alpha])
        assert isinstance(shown["phi"], Dots)
        assert axes.get_xlim() == (-4.0, 4.0)
        assert axes.get_ylim() == (-1.5, 1.5)
        (title,) = [text.get_text() for text in axes.texts]
        assert title == rf"$\alpha={alpha:g}$: {'outward' if alpha > 1 else 'inward'}"
    assert len({round(axes.get_position().y0, 6) for axes in panels.values()}) == (2 if width < 4.5 else 1)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["$h$", r"$\alpha h+(1-\alpha)u$", "draws"]


def test_the_range_of_phi_follows_h() -> None:
    low, high = Draws(fn="hard-sigmoid", xlim=(-3.0, 3.0)).compute().ylim
    assert (low, high) == (-0.25, 1.25)
    low, high = Draws(fn="relu", points=50).compute().ylim
    assert low < 0.0
    assert high > 4.0


def test_the_caption_tells_scale_and_parameters() -> None:
    def caption(**given: Any) -> str:
        return " ".join(caption_words(Draws(points=9, **given).compute()))

    assert r"$c=0.5\,\alpha$, $p=1$;" in caption(edition="v3")
    assert r"$c=0.5$, $p=0.835$;" in caption()
    assert r"g(p\Delta)" in caption(scale="eq9")
    assert r"g(p\delta^2)" in caption()


def test_dots_are_drawn_where_the_data_are_in_every_format() -> None:
    x, y = np.array([0.123456, 0.5, 0.9, np.nan]), np.array([0.25, 0.654321, 0.9, 0.5])
    with mpl.rc_context(rc_settings("paper")):
        figure = Figure(figsize=(2.0, 1.0))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.add_line(Dots(x, y, diameter=6.0, color="#FF0000"))
        axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
        svg, png = io.BytesIO(), io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=200)
    path = re.search(r'id="dots.*?<path d="(.*?)"', svg.getvalue().decode(), re.DOTALL)
    assert path is not None
    found = np.array(re.findall(r"M ([\d.]+) ([\d.]+) ", path[1]), dtype=float)
    expected = [[a * 144.0, (1.0 - b) * 72.0] for a, b in zip(x[:3], y[:3], strict=True)]
    np.testing.assert_allclose(found, expected, atol=0.0051)  # rounded to 0.01 pt
    image = mpl.image.imread(io.BytesIO(png.getvalue()))
    red = (image[..., 0] > 0.9) & (image[..., 1] < 0.1)
    for a, b in zip(x[:3], y[:3], strict=True):
        assert red[int((1.0 - b) * 200.0), int(a * 400.0)]
    area = np.pi * (3.0 * 200.0 / 72.0) ** 2
    assert red.sum() == pytest.approx(3 * area, rel=0.1)


def test_dots_keep_to_the_axes_and_their_colour_and_may_be_hidden() -> None:
    with mpl.rc_context(rc_settings("paper")):
        figure = Figure(figsize=(1.0, 1.0))
        axes = figure.add_axes((0.25, 0.25, 0.5, 0.5))
        axes.set_axis_off()
        artist = Dots([0.0], [0.5], diameter=20.0, color="#0072B2", alpha=0.5)
        axes.add_line(artist)
        axes.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
        image = saved(figure)
        assert np.all(image[:, :24, :3] == 1.0)
        np.testing.assert_allclose(image[50, 28, :3], 0.5 + 0.5 * np.array(to_rgb("#0072B2")), atol=0.01)
        artist.set_visible(False)
        assert np.all(saved(figure)[..., :3] == 1.0)


def saved(figure: Figure) -> Any:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=100)
    stream.seek(0)
    return mpl.image.imread(stream)


def test_the_files_stay_small() -> None:
    recipe = Draws(edition="v3")
    result = recipe.compute()
    sizes = {fmt: len(picture_bytes(recipe, result, fmt=fmt, width="icml")) for fmt in ("png", "svg", "pdf")}
    assert sizes["png"] < 150_000
    assert sizes["svg"] < 210_000
    assert sizes["pdf"] < 100_000


def test_settings_make_the_recipe_again() -> None:
    recipe = Draws(fn="tanh", alpha=(0.5, 1.5), edition="v3", scale="eq9", c=1.0, p=2.0, points=5, seed=3)
    assert stored_picture(Draws.name, recipe.settings()) == recipe
    assert stored_picture(Draws.name, Draws().settings()) == Draws()


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"alpha": ()}, "alpha"),
        ({"alpha": (1.0,) * 13}, "alpha"),
        ({"alpha": (-0.5,), "edition": "v3"}, "alpha"),
        ({"scale": "fig"}, "scale"),
        ({"edition": "v2"}, "edition"),
        ({"points": 1}, "points"),
        ({"points": 100_001}, "points"),
        ({"xlim": (4.0, -4.0)}, "xlim"),
        ({"c": -1.0}, "c"),
        ({"p": float("nan")}, "p"),
        ({"fn": "tahn"}, "fn"),
    ],
)
def test_settings_outside_their_domain_are_refused(given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InputError) as caught:
        Draws(**given).compute()
    assert caught.value.parameter == parameter
    assert "\n" not in str(caught.value)


def test_data_are_refused() -> None:
    with pytest.raises(InputError, match="no data"):
        Draws().compute(np.ones(3))
