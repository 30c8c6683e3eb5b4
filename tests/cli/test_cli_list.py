"""`list` shows every member of every registry, for people and for programs."""

import json

import pytest
from conftest import Run

from noisyviz import ACTIVATIONS, KINDS, NOISES, SAMPLERS, SCALES
from noisyviz.annealing.objectives import OBJECTIVES
from noisyviz.annealing.schedules import SCHEDULES
from noisyviz.cli import terminal as output
from noisyviz.pictures.paper import FIGURES
from noisyviz.pictures.shared.style import STYLES
from noisyviz.units.names import ALIASES, FAMILIES, pattern

REGISTRIES = {
    "activations": ACTIVATIONS,
    "families": [pattern(name) for name in FAMILIES],
    "aliases": ALIASES,
    "units": KINDS,
    "noises": NOISES,
    "samplers": SAMPLERS,
    "scales": SCALES,
    "schedules": SCHEDULES,
    "objectives": OBJECTIVES,
    "figures": FIGURES,
    "styles": STYLES,
}


def test_a_piped_list_is_complete_and_tab_separated(run: Run) -> None:
    lines = [line.split("\t") for line in run("list").stdout.splitlines()]
    assert lines[0] == ["group", "name", "formula"]
    assert [(group, name) for group, name, _ in lines[1:]] == [(g, n) for g in REGISTRIES for n in REGISTRIES[g]]
    assert all(formula and "…" not in formula for _, _, formula in lines)


def test_a_group_can_be_asked_for_alone(run: Run) -> None:
    lines = run("list", "scales").stdout.splitlines()
    assert [line.split("\t")[1] for line in lines[1:]] == list(SCALES)


def test_json_holds_every_member_with_its_formula(run: Run) -> None:
    document = json.loads(run("list", "--json").stdout)
    assert {group: [row["name"] for row in rows] for group, rows in document.items()} == {
        group: list(registry) for group, registry in REGISTRIES.items()
    }
    assert all(row["formula"] for rows in document.values() for row in rows)


def test_json_gives_limits_and_thresholds_with_null_for_infinity(run: Run) -> None:
    rows = {row["name"]: row for row in json.loads(run("list", "activations", "--json").stdout)["activations"]}
    assert rows["sigmoid"]["limits"] == [0.0, 1.0]
    assert rows["sigmoid"]["thresholds"] == [-2.0, 2.0]
    assert rows["relu"]["limits"] == [0.0, None]
    assert rows["relu"]["thresholds"] == [0.0, None]


def test_a_person_sees_a_table_for_each_group(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    text = run("list").stdout
    for group, registry in REGISTRIES.items():
        assert group in text
        for name in registry:
            assert name in text
