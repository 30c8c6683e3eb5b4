"""Rendering pictures: the same bytes on every run, with the settings inside."""

import html
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from noisyviz.errors import InputError
from noisyviz.export import pgf, provenance
from noisyviz.export.formats import format_of
from noisyviz.export.integrity import sealed
from noisyviz.export.styled import styled
from noisyviz.pictures.picture import Picture, Result
from noisyviz.pictures.shared.finish import USUAL, Finish, finished, in_force
from noisyviz.pictures.shared.style import HEIGHTS, WIDEST_CM, width_in
from noisyviz.pictures.shared.style import style as style_settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Settings that a picture depends on: a user's own matplotlibrc must not change what we export.
_OWN_GROUPS: Final = (
    *("agg.", "axes.", "figure.", "font.", "grid.", "hatch.", "hist.", "image.", "legend.", "lines."),
    *("markers.", "mathtext.", "patch.", "path.", "pdf.", "pgf.", "savefig.", "scatter.", "svg.", "text."),
    *("xaxis.", "xtick.", "yaxis.", "ytick."),
)
SURE_IN: Final = 6.0 / 2.54  # of a width that every picture fits in every style
THIN_PT: Final = 0.6  # lines of axes in every style but that for slides
QUARTER_IN: Final = 0.25 / 2.54
EDGE_PX: Final = 1.0  # by which the box of a text may leave the picture
MOST_PIXELS: Final = 200_000_000
_DATE: Final = "SOURCE_DATE_EPOCH"
_NOT_OURS: Final = ("figure.max_open_warning", "figure.raise_window", "savefig.directory")


def picture_bytes(
    picture: Picture[Result],
    result: Result,
    *,
    fmt: str,
    style: str = "paper",
    width: str = "icml-page",
    finish: Finish = USUAL,
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
    finish
        What else an author decides.

    Returns
    -------
    bytes
        The same for the same settings under the same versions, with the settings in the metadata.

    Raises
    ------
    InputError
        For an unknown format, style or width, for a width that the picture does not fit, and for names that TeX would
        take for commands.
    MissingExtraError
        For PGF without TeX.
    """
    fmt = format_of("", given=fmt)
    from noisyviz.pictures.shared.layout import plain

    width_inches, rc = width_in(width), rc_settings(style) | finish.rc()
    made = provenance.record(
        recipe=picture.name,
        settings=picture.settings(),
        style=style,
        width=width,
        seed=getattr(picture, "seed", None),
        finish=finish.stored(),
    )
    if fmt == "pgf":
        pgf.check_texts(made["settings"])
        rc |= pgf.rc_settings(rc)
        made["versions"] |= pgf.versions()
    stream = BytesIO()
    with styled(rc), finished(finish) as words:
        figure = drawn(picture, result, width_inches, height=HEIGHTS.get(width))
        if fmt == "png":
            _check_pixels(figure)
            _prepare_png(figure, transparent=finish.transparent)
        told = plain(" ".join(words))
        if fmt == "pgf":
            stream.write(provenance.comment(made))
            pgf.save(figure, stream)
        else:
            with _no_date():
                metadata = provenance.embedded(made, fmt=fmt, told=told)
                figure.savefig(stream, format=fmt, metadata=metadata, transparent=finish.transparent)
    payload = stream.getvalue()
    return sealed(described(payload, text=told) if fmt == "svg" else payload)


def drawn(
    picture: Picture[Result],
    result: Result,
    width: float,
    *,
    height: float | None = None,
    make: "Callable[..., Any] | None" = None,
) -> Any:
    """Return a picture drawn by the settings and the finish in force, this many inches wide.

    Parameters
    ----------
    picture, result
        What to draw.
    width
        In inches.
    height
        In inches, to which the panels are stretched if they can be; None for that of the picture.
    make
        Makes a figure of a size; by default Matplotlib's own.

    Raises
    ------
    InputError
        When it does not fit; names the least width that does.
    """
    from noisyviz.pictures.shared.layout import TooNarrowError, too_narrow

    def at(width: float) -> Any:
        return _drawn(picture, result, width, height=height, make=make)

    try:
        return at(width)
    except TooNarrowError:
        raise too_narrow(width, least=_least(at, width)) from None


def _least(at: Callable[[float], Any], width: float) -> float | None:
    """Return the least width in inches, in quarters of a centimetre, that a picture fits; None above 100 cm."""
    from noisyviz.pictures.shared.layout import TooNarrowError

    def fit(quarters: int) -> bool:
        try:
            at(quarters * QUARTER_IN)
        except TooNarrowError:
            return False
        return True

    low, step = int(width / QUARTER_IN), 4
    while not fit(low + step):
        low, step = low + step, 2 * step
        if (low + step) * QUARTER_IN > WIDEST_CM / 2.54:
            return None
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fit(middle) else (middle, high)
    return high * QUARTER_IN


def _drawn(
    picture: Picture[Result],
    result: Result,
    width: float,
    *,
    height: float | None,
    make: "Callable[..., Any] | None",
) -> Any:
    from matplotlib.figure import Figure

    from noisyviz.pictures.shared.layout import letter, stretched, too_narrow

    finish = in_force()
    new: Callable[..., Any] = make or Figure
    tight = width < SURE_IN or finish.font_size is not None
    try:
        with stretched(height, lambda: picture.size(result, width)[1]):
            figure = new(figsize=picture.size(result, width))
            panels = picture.draw(result, figure)
    except (ArithmeticError, LookupError, ValueError) as error:
        if not tight or isinstance(error, InputError):
            raise
        raise too_narrow(width) from error  # no room for a tick or a name
    if tight and not fits(figure):
        raise too_narrow(width)
    if finish.letters:
        letter(figure, panels)
    _thicken(figure)
    return figure


def _thicken(figure: "Figure") -> None:
    """Make lines and marks of the panels as much thicker as the style makes their axes: for a slide."""
    import matplotlib as mpl
    from matplotlib.lines import Line2D

    factor = mpl.rcParams["axes.linewidth"] / THIN_PT
    if factor <= 1.0:
        return
    legends = [one for one in (*(axes.get_legend() for axes in figure.axes), *figure.legends) if one is not None]
    lines: list[Line2D] = [line for axes in figure.axes for line in axes.lines]
    for line in [*lines, *(one for legend in legends for one in legend.findobj(Line2D))]:
        assert isinstance(line, Line2D)
        line.set_linewidth(factor * line.get_linewidth())
        if line.get_label() != "tick marks":
            line.set_markersize(factor * line.get_markersize())
    for axes in figure.axes:
        for one in axes.collections:
            one.set_linewidth([factor * float(width) for width in np.atleast_1d(one.get_linewidth())])


def fits(figure: "Figure") -> bool:
    """Tell whether all texts of a figure lie inside it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]  # no hints there
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    texts: list[Any] = figure.findobj(Text)
    shown = [one for one in texts if one.get_visible() and one.get_text().strip()]
    boxes = [one.get_window_extent(renderer) for one in shown]
    return all(
        box.x0 >= -EDGE_PX and box.y0 >= -EDGE_PX and box.x1 <= width + EDGE_PX and box.y1 <= height + EDGE_PX
        for box in boxes
    )


def caption_of(picture: Picture[Result], result: Result, *, style: str, width: str) -> str:
    """Return the caption of a picture as plain text."""
    from noisyviz.pictures.shared.layout import plain

    with styled(rc_settings(style)), finished(USUAL) as words:
        picture.size(result, width_in(width))
        return plain(" ".join(words))


def described(payload: bytes, *, text: str) -> bytes:
    """Return an SVG, which has its title, with a description for those who do not see it."""
    place = payload.index(b"</title>") + len(b"</title>")
    root = payload[:place].replace(b"<svg ", b'<svg role="img" ', 1)
    return root + f"\n <desc>{html.escape(text, quote=False)}</desc>".encode() + payload[place:]


def _check_pixels(figure: "Figure") -> None:
    """Refuse an image that would take gigabytes."""
    import matplotlib as mpl

    dpi = float(mpl.rcParams["savefig.dpi"])
    across, down = (round(dpi * inches) for inches in figure.get_size_inches())
    if across * down > MOST_PIXELS:
        raise InputError(
            f"dpi must be smaller for this width: {dpi:g} make {across:,} by {down:,} pixels, more than the "
            f"{MOST_PIXELS:,} of a png here",
            parameter="dpi",
        )


@contextmanager
def _no_date() -> Iterator[None]:
    """Hide SOURCE_DATE_EPOCH: our files carry no date, and Matplotlib fails where it is no number."""
    held = os.environ.pop(_DATE, None)
    try:
        yield
    finally:
        if held is not None:
            os.environ[_DATE] = held


def _prepare_png(figure: "Figure", *, transparent: bool) -> None:
    """Give a figure a canvas that writes small PNG files quickly.

    It uses the formulas that the layout has parsed, a tenth of the time of a picture, and leaves out the channel of
    opacity, a tenth of the file, unless the background is left out.
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
            image = Image.fromarray(np.ascontiguousarray(pixels if transparent else pixels[..., :3]))
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
