"""Styles, widths and colours as plain data: nothing here changes a global setting.

The colours are those of Okabe and Ito, "Color Universal Design" (2008), which stay apart under the common
forms of colour blindness. Curves that share a panel also differ in line style or clearly in luminance, so
that a picture survives a grey printer.

References
----------
Column widths: ICML example paper (two columns of 3.25 in, 0.25 in apart, hence a page of 6.75 in); NeurIPS
formatting instructions (text 5.5 in wide); ICLR formatting instructions (text 5.5 in wide). ``a4`` is
ISO 216 A4 paper, 210 mm wide, with margins of 25 mm. ``slide`` is the width of a slide of 10 by 5.625 in (16:9).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from noisyviz.errors import InputError, check_name, suggestion

CM_PER_INCH: Final = 2.54
PER_INCH: Final = {"cm": CM_PER_INCH, "mm": 10.0 * CM_PER_INCH, "in": 1.0, "pt": 72.27}
"""Units of lengths in an inch; the point is TeX's."""
NARROWEST_CM: Final = 3.0
WIDEST_CM: Final = 100.0

WIDTHS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "icml": 3.25,
        "icml-page": 6.75,
        "neurips": 5.5,
        "iclr": 5.5,
        "a4": 16.0 / CM_PER_INCH,
        "slide": 10.0,
    }
)

HEIGHTS: Final[Mapping[str, float]] = MappingProxyType({"slide": 5.625})
"""Heights in inches to which pictures of such a width are brought where their panels allow it."""

OKABE_ITO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "black": "#000000",
        "orange": "#E69F00",
        "sky": "#56B4E9",
        "green": "#009E73",
        "blue": "#0072B2",
        "vermillion": "#D55E00",
        "purple": "#CC79A7",
    }
)

# The same hues, lifted until each has a contrast of at least 4.5 to 1 on the dark background.
ON_DARK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "black": "#F2F2F2",
        "orange": "#F2B632",
        "sky": "#2F86BD",
        "green": "#1FC294",
        "blue": "#56B4E9",
        "vermillion": "#FF8A3D",
        "purple": "#E3A0C6",
    }
)

DARK_BACKGROUND: Final = "#14171C"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """How one quantity looks and is called in every picture."""

    label: str  # Legend text; mathematics between dollar signs
    hue: str  # Key of ``OKABE_ITO`` and ``ON_DARK``
    # Matplotlib line style; dashes are in units of the line width
    linestyle: str | tuple[float, tuple[float, ...]] = "-"
    linewidth: float = 1.1  # In points
    zorder: float = 3.0  # Higher is drawn later


FILL_ALPHA: Final = 0.6  # of densities: darker than the shade of saturated regions in grey as well
DASHED: Final = (0.0, (4.5, 2.0))
DASH_DOT: Final = (0.0, (5.0, 1.5, 1.0, 1.5))
DOTTED: Final = (0.0, (1.0, 1.4))

QUANTITIES: Final[Mapping[str, Quantity]] = MappingProxyType(
    {
        "h": Quantity(label="$h$", hue="black", linewidth=1.0, zorder=3.2),
        "u": Quantity(label="$u$", hue="vermillion", linestyle=DASHED, zorder=3.3),
        "hard": Quantity(label="hard", hue="green", linestyle=DASH_DOT, linewidth=1.2, zorder=3.4),
        "mean": Quantity(label="mean", hue="blue", linewidth=1.8, zorder=3.1),
        "inner": Quantity(label="25–75 %", hue="blue", zorder=1.5),
        "outer": Quantity(label="5–95 %", hue="blue", zorder=1.5),
        "cloud": Quantity(label="draws", hue="sky", zorder=2.0),
        "delta": Quantity(label=r"$\Delta=h-u$", hue="purple", linewidth=1.8, zorder=3.1),
        "sigma": Quantity(label=r"noise scale $\sigma(x)$", hue="orange", linewidth=1.6),
        "spread": Quantity(label="std of noise $s$", hue="orange", linewidth=1.6),
        "derivative": Quantity(label="$h$′", hue="black", linewidth=1.0, zorder=3.2),
        "gradient": Quantity(label="mean", hue="blue", linewidth=1.8, zorder=3.1),
        "wrong": Quantity(label="P(wrong) > ½", hue="vermillion", linewidth=3.0),
        "saturated": Quantity(label="saturated", hue="black", zorder=0.0),
        "threshold": Quantity(label="$x_t$", hue="black", linestyle=DOTTED, linewidth=0.7, zorder=0.6),
        "data": Quantity(label="data", hue="green", zorder=1.0),
    }
)

# Several functions in one picture: one hue and one marker each, the quantity then sits in the line style.
SERIES: Final[tuple[tuple[str, str], ...]] = (
    ("blue", "o"),
    ("vermillion", "s"),
    ("green", "^"),
    ("purple", "D"),
    ("orange", "v"),
    ("black", "P"),
    ("sky", "X"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KindLook:
    """How the curve of a kind of unit looks in every picture that has one for each kind."""

    hue: str  # Key of ``OKABE_ITO`` and ``ON_DARK``
    linestyle: str | tuple[float, tuple[float, ...]]
    marker: str


LONG_DASHED: Final = (0.0, (8.0, 1.5))
DASH_DOT_DOT: Final = (0.0, (3.0, 1.0, 1.0, 1.0, 1.0, 1.0))

KIND_LOOKS: Final[Mapping[str, KindLook]] = MappingProxyType(
    {
        "none": KindLook(hue="black", linestyle="-", marker="p"),
        "nan": KindLook(hue="blue", linestyle="-", marker="o"),
        "nah": KindLook(hue="vermillion", linestyle=DASHED, marker="s"),
        "nani": KindLook(hue="green", linestyle=DASH_DOT, marker="^"),
        "nanil": KindLook(hue="purple", linestyle=LONG_DASHED, marker="D"),
        "nanis": KindLook(hue="orange", linestyle=DASH_DOT_DOT, marker="v"),
        "nanil-softplus": KindLook(hue="black", linestyle=DOTTED, marker="P"),
        "add": KindLook(hue="sky", linestyle="-", marker="X"),
        "mult": KindLook(hue="sky", linestyle=DASHED, marker="h"),
    }
)
"""Colour, line style and marker of every kind: no two share both colour and line style, and markers differ."""


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0 for black and 1 for white (WCAG 2.1, sRGB).

    Parameters
    ----------
    colour
        ``#rrggbb``.

    Examples
    --------
    >>> luminance("#000000"), round(luminance("#FFFFFF"), 6)
    (0.0, 1.0)
    """
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def colours(*, background: str) -> Mapping[str, str]:
    """Return the hues that suit a background.

    Parameters
    ----------
    background
        ``#rrggbb``, usually the face colour of the figure.

    Examples
    --------
    >>> colours(background="#ffffff")["blue"]
    '#0072B2'
    """
    return ON_DARK if luminance(background) < 0.2 else OKABE_ITO


def width_in(name: str) -> float:
    """Return the width of a picture in inches.

    Parameters
    ----------
    name
        A venue of ``WIDTHS``, a part of one such as ``icml/2``, or a length such as ``8.5cm``, ``85mm``, ``3.25in``
        or ``240pt`` (of TeX, 72.27 to the inch), from 3 to 100 cm. Not every picture fits less than 6 cm.

    Raises
    ------
    InputError
        When the name is neither.

    Examples
    --------
    >>> width_in("icml")
    3.25
    >>> width_in("12.7cm"), width_in("neurips/2")
    (5.0, 2.75)
    """
    if name in WIDTHS:
        return WIDTHS[name]
    allowed = (
        f"{', '.join(WIDTHS)}, a part of one such as icml/2, "
        f"or a length in cm, mm, in or pt from {NARROWEST_CM:g}cm to {WIDEST_CM:g}cm"
    )
    length = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(cm|mm|in|pt)", name.strip())
    inches = float(length[1]) / PER_INCH[length[2]] if length else 0.0
    part = re.fullmatch(r"([a-z0-9-]+)\s*/\s*([1-9][0-9]?(?:\.[0-9]+)?)", name.strip())
    if part and part[1] in WIDTHS:
        inches = WIDTHS[part[1]] / float(part[2])
    if not NARROWEST_CM * (1.0 - 1e-12) <= inches * CM_PER_INCH <= WIDEST_CM * (1.0 + 1e-12):
        in_cm = f"{inches * CM_PER_INCH:.3g}cm"
        hint = suggestion(name, WIDTHS) if not inches else "" if name.strip() == in_cm else f" ({in_cm})"
        raise InputError(f"width must be {allowed}, got {name!r}{hint}", parameter="width")
    return inches


def _base(*, size: float) -> dict[str, Any]:
    return {
        "font.size": size,
        "axes.labelsize": size,
        "axes.titlesize": size,
        "xtick.labelsize": size,
        "ytick.labelsize": size,
        "legend.fontsize": size,
        "figure.titlesize": size,
        "axes.linewidth": 0.6,
        "axes.labelpad": 2.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "axes.xmargin": 0.0,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.pad": 2.0,
        "ytick.major.pad": 2.0,
        "xtick.minor.size": 1.5,
        "ytick.minor.size": 1.5,
        "lines.linewidth": 1.1,
        "lines.solid_capstyle": "butt",
        "lines.solid_joinstyle": "round",
        "lines.dash_joinstyle": "round",
        "legend.frameon": False,
        "legend.borderpad": 0.0,
        "legend.borderaxespad": 0.0,
        "legend.handlelength": 1.9,
        "legend.handletextpad": 0.45,
        "legend.columnspacing": 1.1,
        "legend.labelspacing": 0.3,
        "figure.dpi": 100.0,
        "path.simplify": True,
        # Unhinted letters are as wide at every resolution as in a PDF, so that one layout fits all.
        "text.hinting": "no_hinting",
        # TrueType outlines: venues refuse the Type 3 fonts that are matplotlib's default.
        "pdf.fonttype": 42,
        # Outlines instead of <text>: the reader of an SVG seldom has the fonts that it was laid out with.
        "svg.fonttype": "path",
        "svg.hashsalt": "noisyviz",
    }


def _inked(*, background: str, ink: str) -> dict[str, Any]:
    faces = ("figure.facecolor", "axes.facecolor", "savefig.facecolor")
    lines = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    return dict.fromkeys(faces, background) | dict.fromkeys(lines, ink)


def paper() -> dict[str, Any]:
    """Return settings for print: 8 pt STIX text and mathematics without LaTeX, 300 dots per inch.

    Examples
    --------
    >>> paper()["font.size"], paper()["pdf.fonttype"]
    (8.0, 42)
    """
    return {
        **_base(size=8.0),
        **_inked(background="#FFFFFF", ink="#000000"),
        "font.family": ["STIXGeneral", "DejaVu Serif"],
        "mathtext.fontset": "stix",
        "savefig.dpi": 300.0,
    }


def screen() -> dict[str, Any]:
    """Return settings for slides and web pages: 9 pt sans-serif on white, 200 dots per inch.

    Examples
    --------
    >>> screen()["font.family"]
    ['DejaVu Sans']
    """
    return {
        **_base(size=9.0),
        **_inked(background="#FFFFFF", ink="#1A1A1A"),
        "font.family": ["DejaVu Sans"],
        "mathtext.fontset": "dejavusans",
        "savefig.dpi": 200.0,
    }


def dark() -> dict[str, Any]:
    """Return the settings of ``screen`` on a dark background.

    Examples
    --------
    >>> dark()["figure.facecolor"]
    '#14171C'
    """
    return {**screen(), **_inked(background=DARK_BACKGROUND, ink="#E6E6E6")}


def slide() -> dict[str, Any]:
    """Return the settings of ``screen`` for a slide: 14 pt, and lines to be seen from afar.

    Examples
    --------
    >>> slide()["font.size"]
    14.0
    """
    thick = dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width"), 1.0)
    return {**screen(), **{key: 14.0 for key, value in screen().items() if value == 9.0}, **thick}


STYLES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "paper": MappingProxyType(paper()),
        "screen": MappingProxyType(screen()),
        "dark": MappingProxyType(dark()),
        "slide": MappingProxyType(slide()),
    }
)


def style(name: str) -> dict[Any, Any]:
    """Return the settings of a style as a new dictionary.

    Raises
    ------
    InputError
        When there is no such style.

    Examples
    --------
    >>> style("paper")["font.size"]
    8.0
    """
    check_name("style", name, STYLES)
    return dict(STYLES[name])
