"""``noisyviz plot``: one picture of all that a noisy unit does."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal as output
from noisyviz.cli.output_files import targets
from noisyviz.cli.parsing import distinct, seed_from, whole
from noisyviz.cli.picture_output import Look, WithData, file_stem, launch, look_settings, refuse_contradictions, save
from noisyviz.cli.settings import PointSettings, UnitSettings, point_settings, unit_settings, versions

if TYPE_CHECKING:
    from noisyviz.networks.array_files import Values
    from noisyviz.pictures.overview.picture import Overview, OverviewResult

SUMMARY: Final = "One picture: function, noise, saturation and gradient."
HELP: Final = """\
\b
noisyviz plot --fn tanh
noisyviz plot --fn hard-tanh --unit nah --alpha 1.15 --width icml -o unit.pdf

Draw h, its linearisation u and the hard version with the saturated regions
shaded, E[phi] with its spread and a cloud of draws; the saturation Delta; the
noise scale sigma; and h' with the expected gradient and its spread.

Several --fn share the picture; --data lays the density of real
pre-activations under the curves. Without -o the picture is plot-<fn>.png in
the current folder; with --json and no -o nothing is written.
"""


def plot(
    fn: opt.Fn = None,
    unit: opt.Unit = None,
    alpha: opt.Alpha = None,
    c: opt.C = None,
    p: opt.P = None,
    scale: opt.Scale = None,
    noise: opt.Noise = None,
    at: opt.At = None,
    xlim: opt.Xlim = None,
    points: opt.Points = None,
    panels: opt.Panels = None,
    data: opt.Data = None,
    samples: opt.CloudSamples = None,
    seed: opt.Seed = None,
    out: opt.Output = None,
    format_name: opt.Format = None,
    style: opt.Style = None,
    width: opt.Width = None,
    with_data: WithData = False,
    show: opt.Show = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    force: opt.Force = False,
) -> None:
    """Draw one picture and write it."""
    from noisyviz.export.formats import PICTURE_FORMATS

    settings = unit_settings(fn=fn, unit=unit, alpha=alpha, c=c, p=p, scale=scale, noise=noise)
    where = point_settings(at=at, xlim=xlim, points=points)
    look = look_settings(style=style, width=width)
    stem = file_stem("plot", settings.fn)
    files = targets(out, format_name=format_name, allowed=PICTURE_FORMATS, json=json, default_stem=stem)
    refuse_contradictions(files, with_data=with_data, show=show)
    for target in files:
        target.check(force=force)
    values = read_data(data)
    picture = overview(settings, where, panels=panels, samples=samples, seed=seed, values=values)
    result = picture.compute(values.finite if values else None)
    if seed == "random":
        output.say(f"seed {picture.seed}")
    if values and not quiet:
        for note in data_notes(values, result):
            output.say(note)
    save(files, picture, result, look=look, with_data=with_data, quiet=quiet, force=force)
    if json:
        output.print_json(document(picture, result, look))
    if show:
        launch(files)


def read_data(source: str | None) -> "Values | None":
    """Read the array that ``--data`` names."""
    from noisyviz.networks.array_files import read_values

    return None if source is None else read_values(source)


def overview(
    settings: UnitSettings,
    where: PointSettings,
    *,
    panels: Sequence[str] | None,
    samples: str | None,
    seed: str | None,
    values: "Values | None",
) -> "Overview":
    """Return the recipe of the picture."""
    from noisyviz.pictures.overview.picture import MOST_DRAWS, PANELS, Overview
    from noisyviz.pictures.picture import DataSource

    xlim, points = where.even()
    return Overview(
        **settings.config() | {"fn": settings.fn},  # type: ignore[arg-type]  # the keys are the fields
        panels=tuple(distinct(panels, "--panels", PANELS)),
        xlim=xlim,
        points=points,
        samples=whole(samples or opt.DEFAULT_CLOUD, "--samples", low=1, high=MOST_DRAWS),
        seed=seed_from(seed or opt.DEFAULT_SEED),
        data=DataSource(file=values.path.name, array=values.array, sha256=values.sha256) if values else None,
    )


def data_notes(values: "Values", result: "OverviewResult") -> Iterator[str]:
    """Say what share of the data is saturated, and what was left out."""
    if result.density is not None:
        for one, (left, right) in zip(result.series, result.density.saturated, strict=True):
            sides = f"left {left:.1%}, right {right:.1%}"
            yield f"{left + right:.1%} of {result.density.label} saturated for {one.name} ({sides})"
    if values.non_finite:
        yield f"{values.non_finite:,} of {values.finite.size + values.non_finite:,} values left out: not finite"


def document(picture: "Overview", result: "OverviewResult", look: Look) -> dict[str, object]:
    """Return the numbers behind the picture as JSON values; what is not finite is null and counted."""
    from noisyviz.cli.estimate_columns import json_column

    asked = {key: value for key, value in picture.settings().items() if value is not None}
    config = {"command": "plot", **asked, "xlim": list(result.xlim), "style": look.style, "width": look.width}
    found: dict[str, Any] = {"config": config | versions()}
    masked = 0
    for suffix, columns in picture.tables(result).items():
        table = found.setdefault(suffix.lstrip("-") or "curves", {})
        for name, values in columns.items():
            table[name], missing = json_column(values)
            masked += missing
    found["wrong_sign"] = {one.name: one.wrong for one in result.series}
    if result.density is not None:
        shares = zip(result.series, result.density.saturated, strict=True)
        found["saturated"] = {one.name: {"left": left, "right": right} for one, (left, right) in shares}
    return found | {"masked": masked}
