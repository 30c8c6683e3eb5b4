"""Rendering pictures: the same bytes on every run, with the settings inside."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from noisyviz.export import pgf, provenance
from noisyviz.export.formats import format_of
from noisyviz.export.integrity import sealed
from noisyviz.export.styled import styled
from noisyviz.pictures.picture import Picture, Result
from noisyviz.pictures.shared.style import style as style_settings
from noisyviz.pictures.shared.style import width_in

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Settings that a picture depends on: a user's own matplotlibrc must not change what we export.
_OWN_GROUPS: Final = (
    *("agg.", "axes.", "figure.", "font.", "grid.", "hatch.", "hist.", "image.", "legend.", "lines."),
    *("markers.", "mathtext.", "patch.", "path.", "pdf.", "pgf.", "savefig.", "scatter.", "svg.", "text."),
    *("xaxis.", "xtick.", "yaxis.", "ytick."),
)
_DATE: Final = "SOURCE_DATE_EPOCH"
_NOT_OURS: Final = ("figure.max_open_warning", "figure.raise_window", "savefig.directory")


def picture_bytes(
    picture: Picture[Result], result: Result, *, fmt: str, style: str = "paper", width: str = "icml-page"
) -> bytes:
    """Render a picture.

    Parameters
    ----------
    picture, result
        What to draw: ``result = picture.compute()``.
    fmt
        ``png``, ``svg``, ``pdf`` or ``pgf``; the last one needs a TeX installation.
    style
        A key of ``noisyviz.pictures.shared.style.STYLES``.
    width
        A venue or length, see ``noisyviz.pictures.shared.style.width_in``.

    Returns
    -------
    bytes
        The same for the same settings under the same versions, with the settings in the metadata.

    Raises
    ------
    InputError
        For an unknown format, style or width, and for names that TeX would take for commands.
    MissingExtraError
        For PGF without TeX.
    """
    from matplotlib.figure import Figure

    fmt = format_of("", given=fmt)
    width_inches, rc = width_in(width), rc_settings(style)
    made = provenance.record(
        recipe=picture.name,
        settings=picture.settings(),
        style=style,
        width=width,
        seed=getattr(picture, "seed", None),
    )
    if fmt == "pgf":
        pgf.check_texts(made["settings"])
        rc |= pgf.rc_settings(rc)
        made["versions"] |= pgf.versions()
    stream = BytesIO()
    with styled(rc):
        figure = Figure(figsize=picture.size(result, width_inches))
        if fmt == "png":
            _prepare_png(figure)
        picture.draw(result, figure)
        if fmt == "pgf":
            stream.write(provenance.comment(made))
            pgf.save(figure, stream)
        else:
            with _no_date():
                figure.savefig(stream, format=fmt, metadata=provenance.embedded(made, fmt=fmt))
    return sealed(stream.getvalue())


@contextmanager
def _no_date() -> Iterator[None]:
    """Hide SOURCE_DATE_EPOCH: our files carry no date, and Matplotlib fails where it is no number."""
    held = os.environ.pop(_DATE, None)
    try:
        yield
    finally:
        if held is not None:
            os.environ[_DATE] = held


def _prepare_png(figure: "Figure") -> None:
    """Give a figure a canvas that writes small PNG files quickly.

    It uses the formulas that the layout has parsed, a tenth of the time of a picture, and leaves out the channel of
    opacity, a tenth of the file, because the background of every style is opaque.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    from noisyviz.pictures.shared.layout import MATH

    class Canvas(FigureCanvasAgg):
        def get_renderer(self) -> RendererAgg:
            renderer: RendererAgg = super().get_renderer()  # type: ignore[no-untyped-call]  # no hints there
            renderer.mathtext_parser = MATH
            return renderer

        def print_png(self, filename_or_obj: BytesIO, *, metadata: Mapping[str, str], **_: Any) -> None:  # type: ignore[override]
            self.draw()  # type: ignore[no-untyped-call]  # no hints there
            pixels = np.asarray(self.buffer_rgba())  # type: ignore[no-untyped-call]  # no hints there
            told = PngInfo()
            for key, text in metadata.items():
                told.add_text(key, text)
            image = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
            image.save(filename_or_obj, format="PNG", pnginfo=told, dpi=(self.figure.dpi, self.figure.dpi))

    Canvas(figure)


def rc_settings(style: str) -> dict[Any, Any]:
    """Return all rcParams of a style over Matplotlib's defaults, so that a user's own settings change no picture."""
    import matplotlib as mpl

    plain = mpl.rcParamsDefault.items()
    return {
        **{key: value for key, value in plain if key.startswith(_OWN_GROUPS) and key not in _NOT_OURS},
        **style_settings(style),
    }
