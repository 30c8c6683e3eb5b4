"""``noisyviz list``: the values that options accept, read from the registries."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given, Option
from noisyviz.cli.parsing import choice
from noisyviz.results import masked

SUMMARY: Final = "List activations, units, noises, schedules and figures with their formulas."
HELP: Final = """\
\b
noisyviz list
noisyviz list units --json

List the values that the options accept: activations, families of activations
with parameters behind a colon and other names of activations, units, noises,
samplers, scales, schedules, objectives, figures and styles, each with its formula
or a short description.
"""

Row = dict[str, object]


def _activation(name: str, member: Any) -> Row:
    return {
        "name": name,
        "formula": member.formula,
        "limits": [float(member.left), float(member.right)],
        "thresholds": [float(threshold) for threshold in member.thresholds],
        "saturates": list(member.saturates),
    }


def _family(name: str, member: Any) -> Row:
    from noisyviz.units.names import pattern

    return {
        "name": pattern(name),
        "formula": f"{member.formula}; as in {member.example}",
        "parameters": [letter.name for letter in member.letters],
        "example": member.example,
    }


def _alias(name: str, member: Any) -> Row:
    return {"name": name, "formula": f"the same as {member}", "means": member}


def _kind(name: str, member: Any) -> Row:
    return {
        "name": name,
        "formula": member.formula,
        "source": member.source,
        "uses": list(member.uses),
    }


def _formula(name: str, member: Any) -> Row:
    return {"name": name, "formula": member.formula}


def _text(name: str, member: Any) -> Row:
    return {"name": name, "formula": str(member)}


def _style(name: str, member: Any) -> Row:
    look = f"{member['font.size']:g} pt {member['font.family'][0]} on {member['figure.facecolor']}"
    return {"name": name, "formula": look}


# group: (module, registry, what to tell of a member)
_GROUPS: Final[Mapping[str, tuple[str, str, Callable[[str, Any], Row]]]] = {
    "activations": ("noisyviz.units.activations", "ACTIVATIONS", _activation),
    "families": ("noisyviz.units.names", "FAMILIES", _family),
    "aliases": ("noisyviz.units.names", "ALIASES", _alias),
    "units": ("noisyviz.units.kinds", "KINDS", _kind),
    "noises": ("noisyviz.units.noise", "NOISES", _text),
    "samplers": ("noisyviz.moments.samplers", "SAMPLERS", _text),
    "scales": ("noisyviz.units.kinds", "SCALES", _text),
    "schedules": ("noisyviz.annealing.schedules", "SCHEDULES", _text),
    "objectives": ("noisyviz.annealing.objectives", "OBJECTIVES", _formula),
    "figures": ("noisyviz.pictures.paper", "FIGURES", _text),
    "styles": ("noisyviz.pictures.shared.style", "STYLES", _style),
}


OPTIONS: Final = (
    Option("group", "GROUP", f"Only one of: {', '.join(_GROUPS)}.", argument=True, told="all"),
    opt.JSON,
)


def run(given: Given) -> None:
    """Print the members of the registries."""
    group = given["group"]
    groups = list(_GROUPS) if group is None else [choice(group, "GROUP", _GROUPS)]
    members = {name: rows(name) for name in groups}
    if given["json"]:
        terminal.print_json(_json_ready(members))
    elif terminal.on_terminal():
        for name in groups:
            terminal.print_table(name, ["name", "formula"], [_cells(row) for row in members[name]])
            terminal.write("\n")
    else:
        terminal.print_tsv(["group", "name", "formula"], [(g, *_cells(row)) for g in groups for row in members[g]])


def rows(group: str) -> list[Row]:
    """Read the members of a group from its registry."""
    module, registry, describe = _GROUPS[group]
    return [describe(name, member) for name, member in getattr(import_module(module), registry).items()]


def _cells(row: Row) -> tuple[str, str]:
    return str(row["name"]), str(row["formula"])


def _json_ready(members: Mapping[str, list[Row]]) -> dict[str, object]:
    """Write infinite limits and thresholds as null."""
    ready: dict[str, object] = {}
    for group, group_rows in members.items():
        ready[group] = [
            {
                key: masked(value)[0] if key in ("limits", "thresholds") and isinstance(value, list) else value
                for key, value in row.items()
            }
            for row in group_rows
        ]
    return ready
