"""The recipe of `compare`: which options span rows and columns, what each cell holds, and what is refused."""

import json
from typing import Any

import numpy as np
import pytest

from noisyviz.errors import InputError
from noisyviz.moments.exact import exact
from noisyviz.pictures.compare.picture import OPTIONS, SUMMARY, Compare, CompareResult, settings_of, summary
from noisyviz.pictures.stored import stored_picture
from noisyviz.units.unit import NoisyUnit

KINDS = ("nan", "nah", "nani", "nanil", "nanis")


def made(**given: Any) -> tuple[Compare, CompareResult]:
    recipe = Compare(**{"points": 9, "samples": 20} | given)
    return recipe, recipe.compute()


def grid(result: CompareResult, *options: str) -> list[list[tuple[object, ...]]]:
    return [[tuple(cell.value(option) for option in options) for cell in row] for row in result.grid]


def test_settings_survive_json_and_make_the_recipe_again() -> None:
    recipe = Compare(fn=("relu",), unit=("nan", "nani"), c=(0.25, 1.0), xlim=(-2.0, 3.5), panels=("sigma",), seed=9)
    stored = json.loads(json.dumps(recipe.settings(), allow_nan=False))
    assert stored_picture(Compare.name, stored) == recipe
    assert set(stored) == set(Compare.__dataclass_fields__) - {"name", "earlier"}


def test_kinds_span_rows_and_alpha_columns_and_a_kind_without_alpha_has_one_cell() -> None:
    _, result = made(fn=("hard-tanh",), unit=KINDS, alpha=(0.9, 1.0, 1.15))
    with_alpha = [[(kind, alpha) for alpha in (0.9, 1.0, 1.15)] for kind in ("nan", "nah")]
    assert grid(result, "unit", "alpha") == [*with_alpha, [("nani", None)], [("nanil", None)], [("nanis", None)]]
    assert (result.row_option, result.column_option) == ("unit", "alpha")


@pytest.mark.parametrize(
    ("given", "span"),
    [
        ({}, ("", "")),
        ({"alpha": (0.9, 1.0)}, ("alpha", "")),
        ({"c": (0.1, 0.5), "alpha": (0.9, 1.0)}, ("alpha", "c")),
        ({"unit": ("nan", "nani"), "fn": ("tanh", "relu")}, ("fn", "unit")),
        ({"noise": ("normal", "laplace"), "scale": ("eq9", "figure")}, ("scale", "noise")),
        ({"p": (0.5, 1.0), "noise": ("normal", "uniform")}, ("p", "noise")),
        # what no kind uses spans nothing
        ({"unit": ("nani",), "alpha": (0.9, 1.0), "c": (0.1, 0.5)}, ("c", "")),
        ({"unit": ("nani", "nanis"), "alpha": (0.9, 1.0), "c": (0.1, 0.5)}, ("unit", "c")),
        ({"unit": ("none",), "noise": ("normal", "laplace")}, ("", "")),
        ({"unit": ("none", "nani"), "noise": ("normal", "laplace")}, ("unit", "noise")),
    ],
)
def test_the_first_two_options_with_several_values_span_the_grid(given: dict[str, Any], span: tuple[str, str]) -> None:
    recipe, result = made(**given)
    assert (result.row_option, result.column_option) == span
    several = [key for key in span if key]
    rows = len(getattr(recipe, span[0])) if span[0] else 1
    assert len(result.grid) == rows
    assert {cell.value(key) for cell in result.cells for key in several} - {None} == {
        value for key in several for value in getattr(recipe, key)
    }


def test_what_a_kind_ignores_is_none() -> None:
    _, result = made(unit=("none", "nani", "nanil-softplus", "nan"))
    expected: list[dict[str, object]] = [
        {"alpha": None, "c": None, "p": None, "scale": None, "noise": None},
        {"alpha": None, "c": 0.5, "p": None, "scale": None, "noise": "normal"},
        {"alpha": None, "c": 0.5, "p": 1.0, "scale": None, "noise": "normal"},
        {"alpha": 0.9, "c": 0.5, "p": 1.0, "scale": "eq9", "noise": "normal"},
    ]
    for cell, rest in zip(result.cells, expected, strict=True):
        assert settings_of(cell) == {"fn": "tanh", "unit": cell.unit, **rest}


def test_every_cell_is_the_unit_that_its_settings_name() -> None:
    recipe, result = made(unit=("nan", "nani"), c=(0.25, 1.0), p=(2.0,), noise=("laplace",), xlim=(-2.0, 3.0))
    for cell in result.cells:
        given = {key: value for key, value in settings_of(cell).items() if value is not None}
        unit = NoisyUnit(given.pop("fn"), kind=given.pop("unit"), **given)  # type: ignore[arg-type]  # as named
        series = cell.series
        np.testing.assert_array_equal(series.moments.mean, exact(unit, series.curves.x).mean)
        np.testing.assert_array_equal(series.cloud_phi, unit(series.cloud_x, series.cloud_xi))
        assert set(np.linspace(-2.0, 3.0, recipe.points)) <= set(series.curves.x)


def test_all_cells_share_the_draws_that_the_seed_decides() -> None:
    _, result = made(alpha=(0.9, 1.0, 1.1), seed=3)
    first, *others = (cell.series.cloud_xi for cell in result.cells)
    for xi in others:
        np.testing.assert_array_equal(xi, first)
    np.testing.assert_array_equal(made(seed=3, unit=("nah",))[1].cells[0].series.cloud_xi, first)
    assert not np.array_equal(made(seed=4)[1].cells[0].series.cloud_xi, first)


def test_the_range_holds_the_thresholds_of_all_functions() -> None:
    assert made(fn=("tanh", "sigmoid"))[1].xlim == (-5.0, 5.0)
    assert made(fn=("tanh", "sigmoid"), xlim=(0.0, 1.0))[1].xlim == (0.0, 1.0)


def test_tables_hold_the_settings_in_front_and_one_row_per_unit_or_per_unit_and_x() -> None:
    recipe, result = made(unit=("nan", "nani", "none"), alpha=(0.9, 1.1))
    tables = recipe.tables(result)
    assert list(tables) == ["", "-curves", "-draws"]
    for table in tables.values():
        assert tuple(table)[: len(OPTIONS)] == OPTIONS
        assert len({column.size for column in table.values()}) == 1
    averages = tables[""]
    assert tuple(averages)[len(OPTIONS) :] == SUMMARY
    assert averages["unit"].tolist() == ["nan", "nan", "nani", "none"]
    np.testing.assert_array_equal(averages["alpha"], [0.9, 1.1, np.nan, np.nan])
    assert averages["scale"].tolist() == ["eq9", "eq9", "", ""]
    assert averages["noise"].tolist() == ["normal", "normal", "normal", ""]
    for row, cell in enumerate(result.cells):
        assert {key: averages[key][row] for key in SUMMARY} == summary(cell)
    curves, draws = tables["-curves"], tables["-draws"]
    rows = (curves["unit"] == "nan") & (curves["alpha"] == 1.1)
    np.testing.assert_array_equal(
        curves["grad_mean"][rows], exact(NoisyUnit("tanh", alpha=1.1), curves["x"][rows]).grad_mean
    )
    assert draws["phi"].size == 4 * 20


def test_panels_stand_in_the_order_of_the_settings() -> None:
    assert made(panels=("gradient", "sigma", "activation"))[1].panels == ("gradient", "sigma", "activation")


@pytest.mark.parametrize(
    ("given", "parameter", "part"),
    [
        ({"unit": ("nan", "nah"), "alpha": (0.9, 1.0), "c": (0.1, 0.2)}, "c", "unit and alpha span"),
        ({"fn": ("tanh", "relu"), "alpha": (0.9, 1.0), "noise": ("normal", "laplace")}, "noise", "fn and alpha span"),
        ({"alpha": tuple(range(13)), "c": tuple(range(5))}, "c", "up to 64 units, got 65: 13 of alpha and 5 of c"),
        ({"alpha": (1.0, 1.0)}, "alpha", "twice"),
        ({"panels": ("sigma", "sigma")}, "panels", "twice"),
        ({"fn": ()}, "fn", "none"),
        ({"panels": ()}, "panels", "none"),
        ({"unit": ("nan", "nann")}, "unit", "'nann'"),
        ({"scale": ("eq8",)}, "scale", "'eq8'"),
        ({"panels": ("sigmaa",)}, "panels", "'sigmaa'"),
        ({"points": 1}, "points", "from 2"),
        ({"samples": 0}, "samples", "from 1"),
        ({"xlim": (1.0, 1.0)}, "xlim", "increasing"),
        ({"xlim": (0.0, 1e7)}, "xlim", "within"),
    ],
)
def test_settings_outside_their_domain_are_refused(given: dict[str, Any], parameter: str, part: str) -> None:
    with pytest.raises(InputError, match=part) as caught:
        Compare(**given)
    assert caught.value.parameter == parameter
    assert "\n" not in str(caught.value)


def test_64_units_are_not_too_many() -> None:
    assert Compare(alpha=tuple(range(8)), c=tuple(range(8))).span() == ["alpha", "c"]


@pytest.mark.parametrize(
    ("given", "parameter"), [({"fn": ("tahn",)}, "fn"), ({"c": (-1.0,)}, "c"), ({"noise": ("norml",)}, "noise")]
)
def test_what_the_units_refuse_is_refused_when_they_are_computed(given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(InputError) as caught:
        Compare(**given).compute()
    assert caught.value.parameter == parameter
    with pytest.raises(InputError, match="no data"):
        Compare().compute(np.zeros(3))
