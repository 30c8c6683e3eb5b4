"""Curves as text, for ``--terminal``: the tables of a picture, drawn by uniplot (extra ``terminal``)."""

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import terminal
from noisyviz.cli.options import Given
from noisyviz.errors import InputError, MissingExtraError
from noisyviz.pictures.overview import PANELS

if TYPE_CHECKING:
    from noisyviz.pictures.anneal.picture import Anneal, AnnealResult
    from noisyviz.pictures.compare.picture import Compare, CompareResult
    from noisyviz.pictures.overview.picture import Overview, OverviewResult
    from noisyviz.pictures.profile.picture import ProfilePicture, ProfileResult
    from noisyviz.units.activation import Array

HEIGHT: Final = 13
"""Rows of a chart; with title, frame, numbers and legend it fits a terminal of 24 rows."""
MOST_CURVES: Final = 6
_WIDEST: Final = 120  # letters
_MARKS: Final = ("o", "+", "x", "*", "#", "@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart: its title, by label the finite x and the y of every curve, and the y that the axis must hold."""

    title: str
    curves: "Mapping[str, tuple[Array, Array]]"
    within: "tuple[Array, ...]" = ()


def wanted(given: Given) -> bool:
    """Tell whether curves are to be printed.

    Raises
    ------
    InputError
        When something else goes to standard output.
    MissingExtraError
        Without uniplot.
    """
    if not given.has("terminal"):
        return False
    if given["json"] or "-" in (given["output"] or ()):
        other = "--json" if given["json"] else "-o -"
        raise InputError(f"{other} and --terminal both write to standard output; use only one of them")
    if find_spec("uniplot") is None:
        raise MissingExtraError("--terminal needs uniplot; install it with pip install 'noisyviz[terminal]'")
    return True


def of_overview(picture: "Overview", result: "OverviewResult") -> Iterator[Chart]:
    """Yield the panels of ``plot``: of one function with what it comes from and its quantiles, of several the means."""
    from noisyviz.pictures.overview.picture import quantity

    table, names = picture.tables(result)[""], [one.name for one in result.series]
    for panel in result.panels:
        column, title = PANELS[panel]
        if len(names) > 1 or panel not in ("activation", "gradient"):
            label = title.split(" ", 1)[1].partition(" = ")[0] if len(names) == 1 else ""
            short = label.split(" ")[-1]
            curves = {short or one.name: (one.curves.x, quantity(one, column)) for one in result.series}
            yield Chart(title=title, curves=curves)
            continue
        bare = {"u": "u", "h": "h"} if panel == "activation" else {"h′": "derivative"}
        x, one = table["x"], result.series[0]
        lines = {label: (x, table[name]) for label, name in bare.items()}
        if panel == "gradient" or one.noisy:
            ends = one.bands.phi if panel == "activation" else one.bands.grad
            lines |= {"5 %": (one.band_x, ends[0]), "95 %": (one.band_x, ends[-1])}
        lines[title.split(" ", 2)[2]] = (x, quantity(one, column))  # the last one lies on top
        held = tuple(y for label, (_, y) in lines.items() if label != "u")
        what = "Output φ" if panel == "activation" else "Gradient ∂φ/∂x"
        yield Chart(
            title=f"{what} of {names[0]}, {result.kind}",
            curves=lines,
            within=held,
        )


def of_comparison(picture: "Compare", result: "CompareResult") -> Iterator[Chart]:
    """Yield a chart for every panel, and more where there are more units than one holds."""
    from noisyviz.pictures.compare.picture import settings_of
    from noisyviz.pictures.overview.picture import quantity

    options = picture.span() or ["fn", "unit"]
    for panel in result.panels:
        column, title = PANELS[panel]
        curves = {}
        for cell in result.cells:
            told = settings_of(cell)
            label = ", ".join(
                f"{key} {told[key]}" if isinstance(told[key], float) else str(told[key])
                for key in options
                if told[key] is not None
            )
            curves[label] = (cell.series.curves.x, quantity(cell.series, column))
        yield from _in_parts(title, curves)


def of_annealing(picture: "Anneal", result: "AnnealResult") -> Iterator[Chart]:
    """Yield the trajectories, the schedules and the expected drift."""
    from noisyviz.pictures.anneal.picture import series

    found, field = series(result), picture.tables(result)["-field"]
    names = [f"{name}." if result.among else "" for name in result.schedules]
    step = found["step"]
    medians = {f"{name.rstrip('.') or 'annealed'}": found[f"{name}q50"] for name in names}
    medians |= {"constant c": found["constant_q50"], "no noise": found["noiseless"], "leak alone": found["leak"]}
    yield from _in_parts("Median x after each step", {label: (step, y) for label, y in medians.items()})
    levels = {name.rstrip(".") or "c": (step, found[f"{name}c"]) for name in names}
    yield from _in_parts("Noise level c at each step", levels)
    drift = {label.replace("noiseless", "no noise"): (field["x"], y) for label, y in field.items() if label != "x"}
    landscape = result.runs[0].unit is None
    title = "Mean landscape E f(x + cξ) over x" if landscape else "Expected drift of x, positive to the right, over x"
    yield from _in_parts(title, drift)


def of_profile(picture: "ProfilePicture", result: "ProfileResult") -> Iterator[Chart]:
    """Yield the densities of the pre-activations."""
    table = picture.tables(result)["-density"]
    names = [array.name for array in result.arrays]
    middle = 0.5 * (table["low"] + table["high"])
    curves = {name: (middle[table["array"] == name], table["density"][table["array"] == name]) for name in names}
    yield from _in_parts("Density of the pre-activations over x", curves)


def _in_parts(title: str, curves: "Mapping[str, tuple[Array, Array]]") -> Iterator[Chart]:
    labels = list(curves)
    parts = [labels[start : start + MOST_CURVES] for start in range(0, len(labels), MOST_CURVES)]
    for k, part in enumerate(parts, 1):
        number = f" ({k} of {len(parts)})" if len(parts) > 1 else ""
        yield Chart(title=title + number, curves={label: curves[label] for label in part})


def show(charts: Iterator[Chart]) -> None:
    """Print charts, each as wide as the terminal."""
    for chart in charts:
        terminal.write(f"{text(chart, width=min(shutil.get_terminal_size((80, 24)).columns, _WIDEST))}\n")


def text(chart: Chart, *, width: int) -> str:
    """Return a chart as lines of at most `width` letters, or a sentence where there is no number to draw."""
    import numpy as np
    import uniplot

    masked = {label: (x, np.where(np.isfinite(y), y, np.nan)) for label, (x, y) in chart.curves.items()}
    curves = {label: (x, y) for label, (x, y) in masked.items() if np.isfinite(y).any()}
    if not curves:
        return f"{chart.title}: no finite number"
    held = [y[np.isfinite(y)] for y in chart.within or [y for _, y in curves.values()]]
    low, high = float(min(y.min() for y in held)), float(max(y.max() for y in held))
    room = 0.05 * (high - low) or 0.5 * abs(high) or 0.5
    options: dict[str, Any] = {
        "legend_labels": [_short(label, width) for label in curves],
        "title": _short(chart.title, width),
        "lines": True,
        "color": terminal.coloured(),
        "character_set": "ascii",  # a mark for every curve, with colours too: nobody has to tell colours apart
        "force_ascii_characters": list(_MARKS[: len(curves)]),
        "height": HEIGHT,
        "y_min": low - room,
        "y_max": high + room,
    }
    xs, ys = zip(*curves.values(), strict=True)
    drawn, inner = "", width - 2
    while inner > 20:
        drawn = uniplot.plot_to_string(ys=list(ys), xs=list(xs), width=inner, **options)
        over = max(len(line.rstrip()) for line in terminal.uncoloured(drawn).split("\n")) - width
        if over <= 0:
            break
        inner -= over
    return "\n".join(re.sub(r" -0(\.0+)?$", " 0", line.rstrip()) for line in drawn.split("\n"))


def _short(label: str, width: int) -> str:
    most = width - 12
    return label if len(label) <= most else f"{label[: most - 1]}…"
