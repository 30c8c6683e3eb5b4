"""Styles are data, widths are those of the venues, and curves stay apart in grey and for the colour-blind."""

from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from noisyviz.errors import InputError
from noisyviz.pictures.shared.style import (
    DARK_BACKGROUND,
    KIND_LOOKS,
    OKABE_ITO,
    QUANTITIES,
    SERIES,
    STYLES,
    WIDTHS,
    colours,
    luminance,
    style,
    width_in,
)
from noisyviz.units.kinds import KINDS

TOGETHER = (
    ("h", "u", "hard", "mean"),
    ("derivative", "gradient"),
)
BACKGROUNDS = ("#FFFFFF", DARK_BACKGROUND)

# Simulation of the colour-blind at full severity: Machado, Oliveira and Fernandes (2009), linear sRGB.
DICHROMATS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def seen(colour: str, kind: str) -> NDArray[np.float64]:
    """A colour as a dichromat sees it, linear sRGB."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    mixed: NDArray[np.float64] = np.array(DICHROMATS[kind]) @ linear
    return np.clip(mixed, 0.0, 1.0)


def test_a_style_is_a_new_dictionary_that_matplotlib_accepts_and_changes_nothing_global() -> None:
    before = dict(mpl.rcParams)
    for name in STYLES:
        style(name)["font.size"] = -1.0
        assert style(name)["font.size"] > 0
        with mpl.rc_context(style(name)):
            assert mpl.rcParams["pdf.fonttype"] == 42
    assert dict(mpl.rcParams) == before


def test_paper_sets_every_text_in_8_points() -> None:
    sizes = [value for key, value in style("paper").items() if key.endswith(("labelsize", "titlesize", "fontsize"))]
    assert sizes
    assert {*sizes, style("paper")["font.size"]} == {8.0}


def test_widths_are_those_that_the_venues_print() -> None:
    expected = {
        "icml": 3.25,
        "icml-page": 6.75,
        "neurips": 5.5,
        "iclr": 5.5,
        "a4": pytest.approx((210 - 2 * 25) / 25.4),
        "slide": 10.0,
    }
    assert expected == WIDTHS
    assert width_in("neurips") == 5.5
    assert width_in("8.5cm") == pytest.approx(8.5 / 2.54)
    assert width_in("12 cm") == pytest.approx(12 / 2.54)
    assert width_in("icml/2") == 1.625
    assert width_in("icml-page/1.5") == pytest.approx(4.5)


@pytest.mark.parametrize(
    "name",
    [
        "icmll",
        "",
        "3ft",
        "1in",
        "cm",
        "2.9cm",
        "icml/0",
        "icml/3",
        "icm/2",
        "101cm",
        "nancm",
        "infcm",
        "-8cm",
        "8e1cm",
        "1_0cm",
    ],
)
def test_a_width_that_is_none_names_the_venues_and_the_range(name: str) -> None:
    with pytest.raises(InputError, match=r"icml/2, or a length in cm, mm, in or pt from 3cm to 100cm") as caught:
        width_in(name)
    assert caught.value.parameter == "width"
    assert repr(name) in str(caught.value)


def test_an_unknown_style_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'paper'"):
        style("papr")


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("keys", TOGETHER)
def test_curves_of_one_panel_differ_in_line_style_or_in_grey(keys: tuple[str, ...], background: str) -> None:
    hues = colours(background=background)
    for one, other in combinations((QUANTITIES[key] for key in keys), 2):
        apart = contrast(hues[one.hue], hues[other.hue])
        assert one.linestyle != other.linestyle or apart >= 1.5, (one.label, other.label, apart)


@pytest.mark.parametrize("background", BACKGROUNDS)
@pytest.mark.parametrize("kind", DICHROMATS)
def test_curves_of_one_style_differ_for_the_colour_blind(kind: str, background: str) -> None:
    hues = colours(background=background)
    for keys in TOGETHER:
        for one, other in combinations((QUANTITIES[key] for key in keys), 2):
            if one.linestyle == other.linestyle:
                distance = np.linalg.norm(seen(hues[one.hue], kind) - seen(hues[other.hue], kind))
                assert distance > 0.2, (one.label, other.label, distance)


def test_several_functions_differ_in_colour_and_in_marker() -> None:
    assert len({hue for hue, _ in SERIES}) == len({marker for _, marker in SERIES}) == len(SERIES)
    assert {hue for hue, _ in SERIES} <= set(OKABE_ITO)


def test_colours_suit_their_background() -> None:
    assert colours(background="#FFFFFF") is OKABE_ITO
    dark = colours(background=DARK_BACKGROUND)
    assert set(dark) == set(OKABE_ITO)
    for hue, colour in dark.items():
        assert contrast(colour, DARK_BACKGROUND) >= 4.5, hue


@pytest.mark.parametrize("name", STYLES)
def test_text_has_the_contrast_that_readers_need(name: str) -> None:
    rc: dict[str, Any] = style(name)
    background = rc["figure.facecolor"]
    assert rc["savefig.facecolor"] == rc["axes.facecolor"] == background
    for key in ("text.color", "axes.labelcolor", "xtick.color", "ytick.color"):
        assert contrast(rc[key], background) >= 7.0


def test_every_kind_has_a_look_of_its_own() -> None:
    """No two share colour and line style, nor the marker; on paper no two that share a line style are equally grey."""
    looks = list(KIND_LOOKS.values())
    assert set(KIND_LOOKS) >= set(KINDS)
    assert len({(one.hue, one.linestyle) for one in looks}) == len({one.marker for one in looks}) == len(looks)
    for one, other in combinations(looks, 2):
        if one.linestyle == other.linestyle:
            assert abs(luminance(OKABE_ITO[one.hue]) - luminance(OKABE_ITO[other.hue])) > 0.1
