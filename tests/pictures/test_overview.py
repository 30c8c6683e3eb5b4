"""The overview's recipe: complete settings, seeded draws, one stream per function, and what it refuses."""

import json
from typing import Any

import numpy as np
import pytest

from noisyviz.errors import InputError
from noisyviz.moments.exact import exact
from noisyviz.pictures import PICTURES, picture_class
from noisyviz.pictures.overview import PANELS
from noisyviz.pictures.overview.picture import Overview, default_xlim, wrong_intervals
from noisyviz.pictures.picture import DataSource
from noisyviz.pictures.shared.panels import PANELS as DRAWN
from noisyviz.pictures.stored import stored_picture
from noisyviz.units.activations import ACTIVATIONS, activation
from noisyviz.units.unit import NoisyUnit

SOURCE = DataSource(file="gates.npz", array="input_gate", sha256="0" * 64)


@pytest.mark.parametrize("name", PICTURES)
def test_every_recipe_is_found_under_its_name(name: str) -> None:
    assert picture_class(name).name == name


def test_an_unknown_recipe_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'plot'"):
        picture_class("plott")


def test_settings_survive_json_and_make_the_recipe_again() -> None:
    recipe = Overview(
        fn=("relu", "tanh"), unit="nah", alpha=1.1, xlim=(-2.0, 3.5), panels=("sigma",), seed=9, data=SOURCE
    )
    stored = json.loads(json.dumps(recipe.settings(), allow_nan=False))
    assert stored_picture(Overview.name, stored) == recipe
    assert set(stored) == set(Overview.__dataclass_fields__) - {"name", "earlier"}
    with pytest.raises(InputError, match="hold 'output', which this version does not know"):
        stored_picture(Overview.name, stored | {"output": "a.png"})


def test_the_panels_are_those_that_can_be_drawn() -> None:
    assert tuple(DRAWN) == tuple(PANELS)


def test_the_seed_decides_the_draws_and_every_function_has_its_own_stream() -> None:
    def draws(**given: Any) -> list[np.ndarray[Any, Any]]:
        return [one.cloud_xi for one in Overview(**{"points": 5, "samples": 50} | given).compute().series]

    one = draws(fn=("tanh",), seed=1)
    two = draws(fn=("tanh", "relu"), seed=1)
    np.testing.assert_array_equal(one[0], two[0])
    assert not np.array_equal(two[0], two[1])
    np.testing.assert_array_equal(draws(fn=("tanh", "relu"), seed=1, samples=80)[1][:50], two[1])
    assert not np.array_equal(one[0], draws(fn=("tanh",), seed=2)[0])


def test_x_is_the_grid_asked_for_with_both_sides_of_every_jump() -> None:
    x = Overview(fn=("hard-tanh",), xlim=(-4.0, 4.0), points=4).compute().series[0].curves.x
    assert set(np.linspace(-4.0, 4.0, 4)) <= set(x)
    for jump in (-1.0, 1.0):
        near = x[np.abs(x - jump) < 1e-6]
        assert near.size == 3
        slopes = activation("hard-tanh").derivative(near)
        assert {slopes[0], slopes[-1]} == {0.0, 1.0}


@pytest.mark.parametrize("fn", ACTIVATIONS)
def test_the_default_range_goes_3_beyond_the_thresholds(fn: str) -> None:
    left, right = activation(fn).thresholds
    low, high = default_xlim([activation(fn)])
    assert low < high
    if np.isfinite(left):
        assert low == left - 3.0
    if np.isfinite(right):
        assert high == right + 3.0


def test_the_default_range_holds_those_of_all_functions() -> None:
    assert default_xlim([activation("tanh"), activation("relu"), activation("sigmoid")]) == (-5.0, 5.0)
    assert default_xlim([activation("identity")]) == (-3.0, 3.0)


def test_wrong_intervals_end_where_the_probability_crosses_one_half() -> None:
    x = np.linspace(-2.0, 2.0, 5)
    assert wrong_intervals(x, np.array([1.0, 0.6, 0.2, 0.5, 0.5])) == ((-2.0, -0.75),)
    assert wrong_intervals(x, np.full(5, 0.5)) == ()
    assert wrong_intervals(x, np.full(5, np.nan)) == ()
    assert wrong_intervals(x, np.ones(5)) == ((-2.0, 2.0),)
    assert wrong_intervals(x, np.array([0.0, 1.0, 0.0, np.nan, 1.0])) == ((-1.5, -0.5), (1.5, 2.0))


@pytest.mark.parametrize("unit", ["nan", "nah", "nanil-softplus"])
def test_tables_hold_the_numbers_of_every_function(unit: str) -> None:
    recipe = Overview(fn=("tanh", "relu"), unit=unit, points=11, samples=7, xlim=(-2.0, 2.0))
    tables = recipe.tables(recipe.compute())
    assert set(tables) == {"", "-bands", "-draws"}
    for table in tables.values():
        assert len({column.size for column in table.values()}) == 1
    curves, draws = tables[""], tables["-draws"]
    for fn in ("tanh", "relu"):
        rows = curves["fn"] == fn
        expected = exact(NoisyUnit(fn, kind=unit), curves["x"][rows])
        np.testing.assert_array_equal(curves["mean"][rows], expected.mean)
        np.testing.assert_array_equal(curves["p_wrong"][rows], expected.p_wrong)
        rows = draws["fn"] == fn
        assert rows.sum() == 7
        np.testing.assert_array_equal(draws["phi"][rows], NoisyUnit(fn, kind=unit)(draws["x"][rows], draws["xi"][rows]))


def test_the_density_counts_shares_at_and_beyond_the_thresholds() -> None:
    recipe = Overview(fn=("tanh", "relu"), points=5, samples=3, xlim=(-2.0, 2.0), data=SOURCE)
    density = recipe.compute(np.array([[-1.0, -3.0], [0.5, 1.0], [np.nan, 0.0]])).density
    assert density is not None
    assert density.values == 5
    assert density.saturated == ((0.4, 0.2), (0.6, 0.0))
    assert density.beyond == 0.2
    assert float(np.sum(density.height * np.diff(density.edges))) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"fn": ()}, "fn"),
        ({"fn": ("tanh",) * 8}, "fn"),
        ({"panels": ()}, "panels"),
        ({"panels": ("sigmaa",)}, "panels"),
        ({"panels": ("sigma", "sigma")}, "panels"),
        ({"points": 1}, "points"),
        ({"points": 1_000_001}, "points"),
        ({"samples": 0}, "samples"),
        ({"samples": 1_000_001}, "samples"),
        ({"xlim": (1.0, 1.0)}, "xlim"),
        ({"xlim": (2.0, 1.0)}, "xlim"),
        ({"xlim": (float("nan"), 1.0)}, "xlim"),
        ({"xlim": (0.0, float("inf"))}, "xlim"),
        ({"xlim": (0.0, 1e7)}, "xlim"),
    ],
)
def test_settings_outside_their_domain_are_refused(given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InputError, match=parameter) as caught:
        Overview(**given)
    assert caught.value.parameter == parameter
    assert "\n" not in str(caught.value)


def test_data_and_their_source_come_together_and_hold_numbers() -> None:
    with pytest.raises(InputError, match="together"):
        Overview(points=5, data=SOURCE).compute()
    with pytest.raises(InputError, match="together"):
        Overview(points=5).compute(np.ones(3))
    with pytest.raises(InputError, match="no finite number"):
        Overview(points=5, data=SOURCE).compute(np.full(3, np.nan))
