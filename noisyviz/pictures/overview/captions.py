"""What stands under the overview: function, formula, parameters, and what gradient and data do."""

from noisyviz.pictures.overview.picture import OverviewResult
from noisyviz.pictures.shared import labels
from noisyviz.pictures.shared.layout import literal
from noisyviz.units.kinds import KINDS


def caption_words(result: OverviewResult) -> list[str]:
    """Return the caption in pieces: function, formula, parameters, and what the gradient and the data do."""
    names = [labels.name(one.name) for one in result.series]
    words = [f"{name}," for name in names[:-1]] + [f"{names[-1]},", "unit", *labels.kind_words(result.kind, ":")]
    formula = KINDS[result.kind].drawn
    used = [labels.parameter(key, value) for key, value in result.parameters]
    if "scale" in KINDS[result.kind].uses:
        formula = (*formula[:-1], f"{formula[-1]},", *labels.scale_formula(result.scale))
    words += [*formula[:-1], formula[-1] + (";" if result.kind != "none" else ".")]
    if result.kind != "none":
        words += [f"{text}," for text in used] + [f"{result.noise}", r"$\xi$."]
    return words + _wrong_words(result) + _density_words(result)


def _wrong_words(result: OverviewResult) -> list[str]:
    where = [(one, labels.where_wrong(one.wrong, xlim=result.xlim)) for one in result.series if one.wrong]
    if not where:
        return []
    words = ["The", "gradient", "points", "the", "wrong", "way", "more", "often", "than", "not"]
    for position, (one, text) in enumerate(where):
        end = "." if position == len(where) - 1 else ";"
        words += [*(["for", labels.name(one.name)] if result.among else []), *f"{text}{end}".split(" ")]
    return words


def _density_words(result: OverviewResult) -> list[str]:
    density = result.density
    if density is None:
        return []
    words = ["Data:", *literal(density.label).split(" "), "with", f"{density.values:,}", "values;"]
    alike = len(set(density.saturated)) == 1
    for one, (left, right) in zip(result.series, density.saturated, strict=True):
        words += [] if alike else ["for", labels.name(one.name)]
        words += [_share(left + right), "saturated", f"({_share(left)}", "left,", f"{_share(right)}", "right),"]
        if alike:
            break
    if density.beyond > 0:
        words += [_share(density.beyond), "beyond", "this", "range,"]
    words[-1] = words[-1].removesuffix(",") + "."
    return words


def _share(value: float) -> str:
    return labels.percent(value).replace(" ", "\N{NO-BREAK SPACE}")
