"""The map of wrong signs against the normal distribution function, and what the picture shows of it."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtr, ndtri

from noisyviz.errors import InputError
from noisyviz.export.render import picture_bytes, rc_settings
from noisyviz.pictures.stored import stored_picture
from noisyviz.pictures.wrong_sign.drawing import caption_words, draw, scale
from noisyviz.pictures.wrong_sign.picture import SignMap, WrongSign, WrongSignResult

Floats = np.ndarray[Any, np.dtype[np.float64]]
SMALL = WrongSign(columns=32, rows=24)


def slope(x: Floats, *, c: float = 0.5, p: float = 1.0, form: str = "eq9") -> Floats:
    """σ′(x) of hard-tanh by hand, 0 between the thresholds."""
    delta = np.clip(x, -1.0, 1.0) - x
    depth = np.abs(delta)
    v = p * (delta if form == "eq9" else depth**2)
    g = 1.0 / (1.0 + np.exp(-v))
    inner = -np.ones_like(x) if form == "eq9" else 2.0 * depth * np.sign(x)
    return np.where(np.abs(x) > 1.0, 2.0 * c * (g - 0.5) * g * (1.0 - g) * p * inner, 0.0)


def expected(kind: str, x: Floats, alpha: Floats, **given: Any) -> Floats:
    """P(αh′ + (1−α)u′ + dσ′ε < 0) for normal ξ; σ′ has the sign of x, and d that of −x for α ≤ 1, else of x."""
    saturated = np.abs(x) > 1.0
    steep = np.abs(slope(x, **given))
    leak = 1.0 - alpha
    with np.errstate(divide="ignore", invalid="ignore"):
        z = leak / steep
    if kind == "nan":
        share = ndtr(-z)
    else:  # inward noise lowers the gradient, outward noise raises it
        share = np.where(alpha <= 1.0, 2.0 * ndtr(-np.maximum(z, 0.0)), 2.0 * ndtr(np.maximum(-z, 0.0)) - 1.0)
    return np.where(saturated, share, 0.0)


@pytest.fixture(scope="module")
def result() -> WrongSignResult:
    return SMALL.compute()


def drawn(
    recipe: WrongSign, result: WrongSignResult, *, width: float = 3.25, style: str = "paper"
) -> tuple[Figure, list[Axes]]:
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=recipe.size(result, width))
        axes = draw(result, figure)
        figure.draw_without_rendering()
    return figure, [axes[key] for key in (*(one.kind for one in result.maps), "bar")]


@pytest.mark.parametrize("form", ["eq9", "figure"])
@pytest.mark.parametrize(("c", "p"), [(0.5, 1.0), (3.0, 0.7)])
def test_every_cell_is_the_closed_form(form: str, c: float, p: float) -> None:
    found = WrongSign(columns=32, rows=24, c=c, p=p, scale=form).compute()
    x, alpha = np.meshgrid(found.x, found.alpha)
    for one in found.maps:
        np.testing.assert_allclose(one.share, expected(one.kind, x, alpha, c=c, p=p, form=form), atol=1e-12)


def test_what_happens_where_d_flips(result: WrongSignResult) -> None:
    nan, nah = result.maps
    assert nan.flip == pytest.approx((0.5, 0.5), abs=1e-9)
    assert nah.flip == pytest.approx((1.0, 0.0), abs=1e-9)
    text = " ".join(caption_words(result)).replace("\N{NO-BREAK SPACE}", " ")
    assert "P is at most: nan 0.5, nah 1; just above, where $d$ has flipped: nan 0.5, nah 0." in text
    assert "flipped" not in " ".join(caption_words(WrongSign(columns=4, rows=4, alpha_lim=(1.1, 1.3)).compute()))


def test_thresholds_and_the_flip_lie_on_edges_of_cells() -> None:
    found = WrongSign().compute()
    width, height = 8.0 / found.x.size, 0.3 / found.alpha.size
    for centres, low, step, edge in (
        (found.x, -4.0, width, 1.0),
        (found.x, -4.0, width, -1.0),
        (found.alpha, 0.85, height, 1.0),
    ):
        np.testing.assert_allclose(centres, low + step * (np.arange(centres.size) + 0.5), rtol=1e-12)
        assert (edge - low) / step == pytest.approx(round((edge - low) / step), abs=1e-9)


def test_the_picture_shows_the_shares_in_place(result: WrongSignResult) -> None:
    _, axes = drawn(SMALL, result)
    assert len(axes) == 3
    for ax, one in zip(axes, result.maps, strict=False):
        (image,) = ax.images
        np.testing.assert_array_equal(np.ma.getdata(np.ma.asarray(image.get_array())), one.share)
        assert tuple(image.get_extent()) == (-4.0, 4.0, 0.85, 1.15)
        assert image.get_clim() == (0.0, 1.0)
        assert image.origin == "lower"
        lines = [line for line in ax.lines if line.get_label() == "threshold"]
        assert [float(np.asarray(line.get_xdata())[0]) for line in lines] == [-1.0, 1.0]
    (bar,) = axes[-1].images
    colours = np.asarray(bar.get_array()).ravel()
    np.testing.assert_allclose(colours, np.linspace(0.0, 1.0, colours.size))
    assert "points the wrong way" in axes[-1].get_xlabel()
    ends = axes[-1].get_position()
    assert ends.x0 == pytest.approx(axes[0].get_position().x0)
    assert ends.x1 == pytest.approx(axes[1].get_position().x1)


def test_the_contour_is_where_the_share_is_a_half() -> None:
    recipe = WrongSign(unit=("nah",))
    found = recipe.compute()
    _, axes = drawn(recipe, found)
    points = np.concatenate([path.vertices for one in axes[0].collections for path in one.get_paths()])
    inner = points[(np.abs(points[:, 0]) > 1.2) & (np.abs(points[:, 1] - 1.0) > 0.004)]
    assert len(inner) > 100
    half = ndtri(0.75) * np.abs(slope(inner[:, 0]))  # P(|ξ| > z) = ½ at z = 0.6745
    np.testing.assert_allclose(np.abs(inner[:, 1] - 1.0), half, atol=4e-4)


@pytest.mark.parametrize(("style", "sign"), [("paper", -1.0), ("dark", 1.0)])
def test_colours_go_one_way_in_grey(style: str, sign: float) -> None:
    with mpl.rc_context(rc_settings(style)):
        grey = scale()(np.linspace(0.0, 1.0, 256))[:, :3] @ np.array([0.2126, 0.7152, 0.0722])
    assert np.all(sign * np.diff(grey) > 0)


def test_what_is_undefined_is_left_blank_and_said(result: WrongSignResult) -> None:
    share = result.maps[0].share.copy()
    share[:, :4] = np.nan
    blank = SignMap(kind="nan", share=share, flip=(0.5, 0.5))
    with_blank = WrongSignResult(
        **{name: getattr(result, name) for name in WrongSignResult.__slots__ if name != "maps"}, maps=(blank,)
    )
    assert " ".join(caption_words(with_blank)).endswith("Blank: undefined, for $u$′ is 0.")
    _, axes = drawn(SMALL, with_blank)
    assert np.ma.getmaskarray(np.ma.asarray(axes[0].images[0].get_array()))[:, :4].all()


@pytest.mark.parametrize(("style", "width"), [("paper", 3.25), ("paper", 6.75), ("dark", 3.25)])
def test_nothing_leaves_the_page(style: str, width: float, result: WrongSignResult) -> None:
    figure, axes = drawn(SMALL, result, style=style, width=width)
    wide, high = figure.get_size_inches() * figure.dpi
    assert figure.get_size_inches()[0] == pytest.approx(width)
    boxes = [ax.get_tightbbox(for_layout_only=True) for ax in axes]
    boxes += [one.get_window_extent() for one in (*figure.texts, *figure.legends)]
    for box in boxes:
        assert box is not None
        assert box.x0 >= -0.5
        assert box.x1 <= wide + 0.5
        assert box.y0 >= -0.5
        assert box.y1 <= high + 0.5


@pytest.mark.parametrize("fmt", ["png", "pdf", "svg"])
def test_files_are_small(fmt: str) -> None:
    recipe = WrongSign()
    assert len(picture_bytes(recipe, recipe.compute(), fmt=fmt, width="icml")) <= 150_000


def test_a_map_that_is_a_half_nowhere_and_functions_with_one_threshold_are_drawn() -> None:
    for recipe in (WrongSign(columns=8, rows=4, alpha_lim=(0.2, 0.5)), WrongSign(fn="relu", columns=8, rows=4)):
        found = recipe.compute()
        _, axes = drawn(recipe, found)
        assert len(axes[0].images) == 1


def test_the_table_is_the_map_in_long_form(result: WrongSignResult) -> None:
    (columns,) = SMALL.tables(result).values()
    assert list(columns) == ["unit", "alpha", "x", "p_wrong"]
    assert {len(values) for values in columns.values()} == {2 * 24 * 32}
    for kind in ("nan", "nah"):
        rows = columns["unit"] == kind
        by_hand = expected(kind, columns["x"][rows], columns["alpha"][rows])
        np.testing.assert_allclose(columns["p_wrong"][rows], by_hand, atol=1e-12)


def test_settings_make_it_again() -> None:
    assert stored_picture(WrongSign.name, SMALL.settings()) == SMALL


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"unit": ("nani",)}, "unit must be one of nan, nah, got 'nani'"),
        ({"unit": ()}, "unit must be distinct kinds, at least one, got none"),
        ({"unit": ("nan", "nan")}, "unit must be distinct kinds, at least one, got nan, nan"),
        ({"scale": "eq10"}, "scale must be one of eq9, figure, module:function, got 'eq10'"),
        ({"rows": 1}, "rows must be from 2 to 1,000, got 1"),
        ({"columns": 2000}, "columns must be from 2 to 1,000, got 2000"),
        ({"alpha_lim": (1.2, 0.8)}, "alpha_lim must be two increasing numbers"),
        ({"xlim": (0.0, float("inf"))}, "xlim must be two increasing numbers"),
    ],
)
def test_what_it_cannot_show_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        WrongSign(**given)


def test_data_are_refused() -> None:
    with pytest.raises(InputError, match="takes no data"):
        SMALL.compute(np.zeros(3))
