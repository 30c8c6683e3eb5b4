"""``noisyviz plot``: one picture of a noisy unit."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal, text_charts
from noisyviz.cli.options import Given, Option
from noisyviz.cli.outputs import Outputs, file_stem, outputs
from noisyviz.cli.settings import idle_draws, idle_notes, point_settings, unit_settings, versions
from noisyviz.export.formats import PICTURE_FORMATS

if TYPE_CHECKING:
    from noisyviz.networks.values import Values
    from noisyviz.pictures.overview.picture import Overview, OverviewResult

SUMMARY: Final = "Draw a noisy unit: function, saturation, noise and gradient."
HELP: Final = """\
\b
noisyviz plot --fn tanh
noisyviz plot --fn hard-tanh --unit nah --alpha 1.15 --width icml -o unit.pdf

Draw four panels: h with its linearisation u, its hard version, E[phi], the
spread of phi and a cloud of draws, with the saturated regions shaded; the
saturation Delta; the noise scale sigma; and h' with the expected gradient and
its spread.

Several --fn are drawn in one picture. --data adds the density of real
pre-activations below the curves. Without -o the picture is saved as
plot-<fn>.png in the current folder, with the unit options and data given in its
name; with --json and no -o nothing is written.
Where --c is not given and its default leaves the noise invisible, the smallest of
1, 2, 5, 10, 20, 50 and 100 that shows it is taken, and said. --at marks points.
"""
VISIBLE: Final = 0.03  # spread of phi, as a share of the height of h, from which on noise is seen
LEVELS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""Noise levels that are tried for a unit whose noise is too small to be seen, where none is asked for."""
DATA: Final = Option(
    "data", "FILE[:ARRAY]", "Real pre-activations to show below the curves, from a file as in 'profile'."
)
OPTIONS: Final = (
    *opt.UNIT,
    *opt.PLACES,
    opt.PANELS,
    DATA,
    *opt.changed(
        (opt.SAMPLES,), samples={"help": "Number of draws in the cloud.", "default": "2000", "read": opt.CLOUD}
    ),
    opt.SEED,
    *opt.FILES,
    *opt.PICTURE,
    opt.TERMINAL,
    *opt.PRINTING,
)


def run(given: Given) -> None:
    """Draw one picture and write it."""
    settings, where, in_text = unit_settings(given), point_settings(given, drawn=True), text_charts.wanted(given)
    stem = None if in_text else file_stem("plot", given, settings["fn"])
    out = outputs(given, formats=PICTURE_FORMATS, stem=stem)
    values = None if given["data"] is None else _read(given["data"])
    picture = overview(given, settings | where.curve(), values)
    if given["c"] is None:
        picture = with_visible_noise(picture)
    result = picture.compute(values.finite if values else None)
    if given["seed"] == "random":
        terminal.say(f"seed {picture.seed}")
    if picture.c != settings["c"] and not out.quiet:
        terminal.say(f"c = {picture.c:g} is drawn: at {settings['c']:g} the noise could not be seen; --c sets it")
    for note in (
        () if out.quiet else (*idle_notes(given, [settings["unit"]]), *no_cloud(given), *data_notes(values, result))
    ):
        terminal.say(note)
    out.save(picture, result)
    if in_text:
        text_charts.show(text_charts.of_overview(picture, result))
    if given["json"]:
        terminal.print_json(document(picture, result, out))
    out.open_viewer()


def _read(text: str) -> "Values":
    from noisyviz.networks.values import read_values

    return read_values(text)


def no_cloud(given: Given) -> Iterator[str]:
    """Say which options of the cloud of draws have no effect."""
    if "activation" not in given.values("panels") and not given.has("json"):
        yield from idle_draws(given, "only the panel 'activation' shows draws")


def overview(given: Given, settings: dict[str, Any], values: "Values | None") -> "Overview":
    """Return the picture with these settings and the options that remain."""
    from noisyviz.pictures.overview.picture import Overview
    from noisyviz.pictures.picture import DataSource

    return Overview(
        **settings,
        panels=given.values("panels"),
        samples=given.value("samples"),
        seed=given.value("seed"),
        data=DataSource(file=values.path.name, array=values.array, sha256=values.sha256) if values else None,
    )


def with_visible_noise(picture: "Overview") -> "Overview":
    """Return a picture with the smallest c of `LEVELS` at which its noise can be seen, if there is one."""
    from dataclasses import replace

    import numpy as np

    from noisyviz.moments.exact import exact
    from noisyviz.pictures.overview.picture import default_xlim
    from noisyviz.units.unit import NoisyUnit

    if picture.unit == "none":
        return picture
    unit = NoisyUnit(
        picture.fn[0],
        kind=picture.unit,
        alpha=picture.alpha,
        c=picture.c,
        p=picture.p,
        scale=picture.scale,
        noise=picture.noise,
    )
    x = np.linspace(*(picture.xlim or default_xlim([unit.activation])), 41)
    h = unit.activation.h(x)
    wanted = VISIBLE * float(np.ptp(h[np.isfinite(h)]))
    for c in (picture.c, *LEVELS):
        if c >= picture.c and float(np.nanmax(exact(unit.replace(c=c), x).std)) >= wanted:
            return replace(picture, c=c)
    return picture


def data_notes(values: "Values | None", result: "OverviewResult") -> Iterator[str]:
    """Say what share of the data is saturated, and what was left out; nothing without data."""
    if values is None:
        return
    yield from values.notes
    if result.density is not None:
        for one, (left, right) in zip(result.series, result.density.saturated, strict=True):
            sides = f"left {left:.1%}, right {right:.1%}"
            yield f"{left + right:.1%} of {result.density.label} saturated for {one.name} ({sides})"
    if values.non_finite:
        yield f"{values.non_finite:,} of {values.finite.size + values.non_finite:,} values left out: not finite"


def document(picture: "Overview", result: "OverviewResult", out: Outputs) -> dict[str, object]:
    """Return the numbers behind the picture as JSON values; what is not finite is null and counted."""
    from noisyviz.cli.estimate_columns import not_finite

    asked = {key: value for key, value in picture.settings().items() if value is not None}
    config = {"command": "plot", **asked, "xlim": list(result.xlim), "style": out.style, "width": out.width}
    found: dict[str, Any] = {"config": config | versions()}
    masked = 0
    for suffix, columns in picture.tables(result).items():
        table = found.setdefault(suffix.lstrip("-") or "curves", {})
        for name, values in columns.items():
            table[name] = values
            masked += not_finite(values)
    found["wrong_sign"] = {one.name: one.wrong for one in result.series}
    if result.density is not None:
        shares = zip(result.series, result.density.saturated, strict=True)
        found["saturated"] = {one.name: {"left": left, "right": right} for one, (left, right) in shares}
    return found | {"masked": masked}
