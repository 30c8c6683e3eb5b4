"""Pictures as PGF, for LaTeX documents to take in: their text is set in the document's own font.

Matplotlib asks a running TeX for the size of every text, so that this format needs a TeX installation. Texts from
outside would be TeX commands there; only names of plain letters are let through.
"""

import functools
import re
import shutil
import subprocess
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from noisyviz.errors import InputError, MissingExtraError, NoisyvizError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

TEX_SYSTEMS: Final = ("xelatex", "lualatex", "pdflatex")
"""The programs looked for, in this order; the first one found is used."""

LEVELS: Final = 32  # colours of a map
WIDER: Final = 1.1  # Latin Modern at 8 pt, against the scaled 10 pt letters that the layout measures
_SIZES: Final = (
    *("font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize"),
    *("legend.fontsize", "figure.titlesize"),
)

_COMMANDS: Final = re.compile(r"[\\{}#&~^$%]")  # signs that TeX takes for more than themselves
_SPELLED: Final = str.maketrans({"′": "$'$", "–": "--", "σ": r"$\sigma$", "α": r"$\alpha$", "∞": r"$\infty$"})
_PATIENCE_S: Final = 60.0


def tex_system() -> str:
    """Return the TeX program that measures texts.

    Raises
    ------
    MissingExtraError
        When none is installed.
    """
    for name in TEX_SYSTEMS:
        if shutil.which(name) is not None:
            return name
    raise MissingExtraError(
        f"format pgf needs a TeX installation: none of {', '.join(TEX_SYSTEMS)} was found on the search path; "
        "other formats do without"
    )


def rc_settings(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rcParams of the PGF backend: fonts are the document's, and no folder of this machine is named.

    Lines are broken as for Computer Modern, LaTeX's own font, which is wider than most others, and wider still where
    it is small: texts are laid out larger than they are drawn.

    Parameters
    ----------
    look
        The rcParams of the style.
    """
    return {
        **{name: WIDER * look[name] for name in _SIZES},
        "pgf.texsystem": tex_system(),
        "pgf.rcfonts": False,
        "pgf.preamble": "",
        "font.family": ["cmr10", "DejaVu Serif"],
        "mathtext.fontset": "cm",
        "axes.formatter.use_mathtext": True,  # matplotlib's wish for this font; our ticks are texts of our own
    }


def versions() -> dict[str, str]:
    """Return the version of the TeX program, which decides the sizes of texts."""
    return {"tex": _tex_version(tex_system())}


@functools.cache
def _tex_version(name: str) -> str:
    try:
        done = subprocess.run([name, "--version"], capture_output=True, text=True, check=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.SubprocessError):
        raise NoisyvizError(f"format pgf needs {name}, which is installed but does not start") from None
    return done.stdout.partition("\n")[0].strip()[:200]


def check_texts(settings: Mapping[str, Any]) -> None:
    """Refuse settings with a text that TeX would take for commands.

    Raises
    ------
    InputError
        Naming the text.

    Examples
    --------
    >>> check_texts({"fn": ["tanh"], "data": {"file": "gates_2.npz"}})
    """
    pending: list[Any] = [settings]
    while pending:
        value = pending.pop()
        if isinstance(value, str) and _COMMANDS.search(value):
            raise InputError(
                f"format pgf takes no name with any of \\ {{ }} # & ~ ^ $ %, got {value!r}; use pdf", parameter="format"
            )
        if isinstance(value, Mapping):
            pending += value.values()
        elif isinstance(value, list | tuple):
            pending += value


def save(figure: "Figure", stream: BytesIO) -> None:
    """Write a drawn figure as PGF, by the rcParams in force.

    Pixels have no place in such a file: dots are drawn one by one, and a map of colours as filled contours.

    Raises
    ------
    NoisyvizError
        When TeX fails.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_pgf import LatexError
    from matplotlib.image import AxesImage
    from matplotlib.text import Text

    for artist in figure.findobj():
        artist.set_rasterized(False)
        if isinstance(artist, AxesImage):
            _contour(artist)
        if isinstance(artist, Text):
            artist.set_text(spelled(artist.get_text()))
            artist.set_fontsize(float(artist.get_fontsize()) / WIDER)
    try:
        with mpl.rc_context({"font.size": float(mpl.rcParams["font.size"]) / WIDER}):
            figure.savefig(stream, format="pgf")
    except (LatexError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise NoisyvizError(f"format pgf: TeX could not set the texts of this picture ({reason})") from error


def _contour(image: "AxesImage") -> None:
    """Put filled contours in the place of an image of one number per pixel."""
    values = np.ma.filled(np.ma.asarray(image.get_array(), dtype=np.float64), np.nan)
    left, right, bottom, top = image.get_extent()
    if image.origin == "upper":
        bottom, top = top, bottom
    values = np.repeat(values, 2 if values.shape[0] == 1 else 1, axis=0)
    axes = image.axes
    assert axes is not None
    axes.contourf(
        np.linspace(left, right, values.shape[1]),
        np.linspace(bottom, top, values.shape[0]),
        values,
        np.linspace(*image.get_clim(), LEVELS + 1),
        cmap=image.get_cmap(),
        norm=image.norm,
        zorder=image.get_zorder(),
    )
    image.remove()


def spelled(text: str) -> str:
    r"""Return text with letters that TeX's fonts lack as mathematics, outside of mathematics.

    Examples
    --------
    >>> spelled("$h$′, 5–95")
    "$h$$'$, 5--95"
    """
    parts = re.split(r"((?<!\\)\$(?:[^$\\]|\\.)*\$)", text)
    return "".join(part if index % 2 else part.translate(_SPELLED) for index, part in enumerate(parts))
