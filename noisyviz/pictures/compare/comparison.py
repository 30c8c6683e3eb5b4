"""Units side by side, from Python: what ``noisyviz compare`` computes, as a value that prints and draws."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from noisyviz.errors import InputError, check_name
from noisyviz.pictures.compare.picture import (
    OPTIONS,
    Compare,
    CompareCell,
    CompareResult,
    settings_of,
    summary,
)
from noisyviz.results import Drawable, Summary
from noisyviz.units.kinds import KINDS
from noisyviz.units.noise import RandomSource, seed_of
from noisyviz.units.parameters import default

Strings = str | Iterable[str]
Numbers = float | Iterable[float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Comparison(Drawable):
    """Units side by side, with averages over x, uniform in the range.

    Parameters
    ----------
    settings
        The lists that span rows and columns, and the range of x.
    found
        Curves, exact moments, draws and averages of every unit.
    """

    settings: Compare
    found: CompareResult

    def summary(self) -> Summary:
        """Return what differs and the averages, one row per unit."""
        named = named_options(self.found)
        rows = [
            [*(plain_text(cell.value(key)) or "any" for key in named), *(short(summary(cell)[key]) for key in HEADINGS)]
            for cell in self.found.cells
        ]
        low, high = self.found.xlim
        return Summary(
            title=f"Averages over x from {low:g} to {high:g}", header=[*named, *HEADINGS.values()], rows=rows
        )

    def plain(self) -> dict[str, Any]:
        """Return which options span rows and columns, and settings and averages of every unit."""
        spans = {"rows": self.found.row_option or None, "columns": self.found.column_option or None}
        return {**spans, "cells": [entry(cell) for cell in self.found.cells]}

    def columns(self) -> dict[str, Any]:
        """Return settings and averages, one row per unit."""
        return dict(self.settings.tables(self.found)[""])


HEADINGS = {
    "bias_rms": "bias",
    "std_rms": "std",
    "response_saturated": "response",
    "response_noiseless_saturated": "without",
    "pull_saturated": "pull",
    "noise_rms_saturated": "noise",
    "p_wrong_saturated": "wrong",
}
"""Headings of the averages that a short table tells: bias and std over all x, the others where x saturates."""


def compare(
    fn: Strings = default("fn"),
    *,
    kind: Strings = default("unit"),
    alpha: Numbers = default("alpha"),
    c: Numbers = default("c"),
    p: Numbers = default("p"),
    scale: Strings = default("scale"),
    noise: Strings = default("noise"),
    panels: Strings = ("activation", "gradient"),
    xlim: tuple[float, float] | None = None,
    points: int = 401,
    samples: int = 400,
    rng: RandomSource = 0,
) -> Comparison:
    """Put units side by side; every parameter of a unit is one value or several.

    In the order of the signature, the first parameter with several values that change a unit spans the rows and the
    second one the columns; a third is refused.

    Parameters
    ----------
    fn, kind, alpha, c, p, scale, noise
        As in `NoisyUnit`, one value or several distinct ones; functions by name.
    panels
        Some of ``activation``, ``delta``, ``sigma`` and ``gradient``, drawn for every unit.
    xlim
        The range of x; None is 3 beyond the outer thresholds of all functions.
    points
        How many equally spaced x, from 2 to 1,000,000.
    samples
        Draws in the cloud of each unit, from 1 to 1,000,000; all units get the same ones.
    rng
        A seed or a Generator, for the draws.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        For a value outside its domain, and for more than two parameters with several values.

    Examples
    --------
    >>> found = compare("hard-tanh", kind=["nan", "nani"], alpha=[0.9, 1.0])
    >>> [(one["unit"], one["alpha"]) for one in found.to_dict()["cells"]]
    [('nan', 0.9), ('nan', 1.0), ('nani', None)]
    """
    lists: dict[str, Any] = {"fn": fn, "unit": kind, "alpha": alpha, "c": c, "p": p, "scale": scale, "noise": noise}
    lists = {name: several(values) for name, values in lists.items()}
    for name, told in (("fn", "fn"), ("unit", "kind"), ("scale", "scale")):
        for value in lists[name]:
            if not isinstance(value, str):
                raise InputError(f"{told} must be a name, got {type(value).__name__}", parameter=told)
    for name in lists["unit"]:
        check_name("kind", name, KINDS)
    settings = Compare(**lists, panels=several(panels), xlim=xlim, points=points, samples=samples, seed=seed_of(rng))
    return Comparison(settings=settings, found=settings.compute())


def several(values: Any) -> tuple[Any, ...]:
    """Return one value or several as a tuple.

    Examples
    --------
    >>> several("tanh"), several([1.0, 2.0])
    (('tanh',), (1.0, 2.0))
    """
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str) else (values,)


def named_options(found: CompareResult) -> list[str]:
    """Return the options by which the units of a short table are told apart."""
    return [key for key in OPTIONS if key in (found.row_option, found.column_option)] or ["fn", "unit"]


def entry(cell: CompareCell) -> dict[str, Any]:
    """Return settings and averages of a unit, and where its gradient points the wrong way."""
    return {**settings_of(cell), **summary(cell), "wrong_sign": [list(interval) for interval in cell.series.wrong]}


def plain_text(value: object) -> str:
    """Return a setting as text, nothing for one that the kind ignores."""
    return "" if value is None else str(value)


def short(value: float) -> str:
    """Return an average with three digits, ``-`` where no x saturates."""
    return "-" if value != value else f"{value:.3g}"
