"""Annealed descent as a moving picture: the step runs through the schedule while the noise collapses.

On the left the distribution of φ over x collapses on h, or the smoothed landscape on f, with the trajectories on it;
on the right their paths, above the schedule. The frames are drawn by matplotlib and joined by Pillow with one palette,
so that the same numbers give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from noisyviz.pictures.anneal import panels
from noisyviz.pictures.anneal.picture import AnnealResult, shown_steps
from noisyviz.pictures.shared.layout import Box, em, legend_columns, legend_height, legend_width, ticks, ticks_across
from noisyviz.pictures.shared.panels import SHADE_ALPHA, Look
from noisyviz.pictures.shared.style import DOTTED, QUANTITIES, colours
from noisyviz.units.activation import Array

FRAMES: Final = 72
FPS: Final = 12.5
LAST_MS: Final = 1600
WIDTH_IN: Final = 6.4
LEAST_IN: Final = 2.8  # of the height
DPI: Final = 110.0
COLOURS: Final = 64
LOWEST: Final = 1.5  # in the order of drawing, of what moves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Film:
    """What the moving picture shows beside the result of the run."""

    steps: Array  # The steps at which the frames stand, shape (frames,)
    x: Array  # Points, shape (n,)
    bare: Array  # h or f at x, shape (n,)
    # low, middle, high: Per frame the 5 % quantile, the median and the 95 % quantile of φ at x, shape (frames,
    # n); for landscapes all three are the smoothed landscape
    low: Array
    middle: Array
    high: Array
    # cloud_x, cloud: Points and per frame draws of φ there, shapes (m,) and (frames, m); none for landscapes
    cloud_x: Array
    cloud: Array
    balls: Array  # x of single trajectories, shape (frames, k)
    heights: Array  # Their φ without noise, h(x), or f(x), shape (frames, k)
    ylabel: str  # Of the left panel
    ylim: tuple[float, float]  # Of the left panel


def frame_steps(steps: int, *, frames: int = FRAMES) -> Array:
    """Return the steps of the frames: evenly spaced on the logarithmic axis that the trajectories are drawn over.

    Examples
    --------
    >>> frame_steps(4).tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    if steps < frames:
        return np.arange(steps + 1, dtype=np.float64)
    early = np.geomspace(1.0, steps, frames // 2)
    even = np.linspace(0.0, steps, frames - frames // 2)
    return np.unique(np.concatenate([even, early]).round())


def animation_bytes(
    film: Film, result: AnnealResult, *, fmt: str, text: str, width: float = WIDTH_IN, fps: float = FPS, loop: int = 0
) -> bytes:
    """Return the moving picture as GIF or WebP, by the settings of matplotlib in force.

    Parameters
    ----------
    film, result
        What it shows.
    fmt
        ``gif`` or ``webp``.
    text
        How it was made, in ASCII; kept in the file's comment (GIF) or EXIF description (WebP).
    width
        In inches.
    fps
        Frames in a second; a GIF counts in hundredths of one.
    loop
        How often it runs, 0 for ever.
    """
    canvas, moving = stage(film, result, width=width)
    layers = Layers(canvas)
    images: list[Image.Image] = []
    for index in range(film.steps.size):
        moving.show(film, result, index)
        layers.draw()
        pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]  # matplotlib does not say
        images.append(Image.fromarray(pixels[..., :3].copy()))
    durations = [round(1000.0 / fps)] * (len(images) - 1) + [LAST_MS]
    return (_gif if fmt == "gif" else _webp)(images, durations, text, loop=loop)


def _gif(images: Sequence[Image.Image], durations: list[int], text: str, *, loop: int) -> bytes:
    """Join frames under the palette of a middle one; frames that Pillow finds equal lend each other their time."""
    sample = Image.new("RGB", (images[0].width, 3 * images[0].height))
    for row, index in enumerate((0, len(images) // 2, len(images) - 1)):
        sample.paste(images[index], (0, row * images[0].height))
    palette = sample.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    frames = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    _keep(frames, images[0].getpixel((0, 0)))
    stream = BytesIO()
    frames[0].save(
        stream,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        **({} if loop == 1 else {"loop": max(loop - 1, 0)}),  # a GIF counts the repetitions
        optimize=False,
        comment=text.encode("ascii"),
    )
    return stream.getvalue()


def _keep(frames: Sequence[Image.Image], background: Any) -> None:
    """Give the background, which fills the corner, its exact colour in the palette of every frame."""
    colours_of = np.array(frames[0].getpalette()).reshape(-1, 3)
    colours_of[int(np.asarray(frames[0])[0, 0])] = background
    for frame in frames:
        frame.putpalette(colours_of.ravel().tolist())


def _webp(images: Sequence[Image.Image], durations: list[int], text: str, *, loop: int) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = text  # ImageDescription
    stream = BytesIO()
    images[0].save(
        stream,
        format="WEBP",
        save_all=True,
        append_images=list(images[1:]),
        duration=durations,
        loop=loop,
        quality=75,
        method=4,
        exif=exif.tobytes(),
    )
    return stream.getvalue()


class Layers:
    """A canvas on which what lies below all that moves, as the ticks with their numbers, is drawn only once."""

    def __init__(self, canvas: Any) -> None:
        self.canvas = canvas
        for artist in self._above():
            artist.set_animated(True)  # matplotlib then leaves it out
        canvas.draw()
        self.below = canvas.copy_from_bbox(canvas.figure.bbox)

    def draw(self) -> None:
        """Draw the rest anew, in matplotlib's order."""
        self.canvas.restore_region(self.below)
        renderer = self.canvas.get_renderer()
        for artist in self._above():
            artist.draw(renderer)

    def _above(self) -> list[Artist]:
        found: list[Artist] = []
        for parent in (*self.canvas.figure.axes, self.canvas.figure):
            own = [one for one in parent.get_children() if not isinstance(one, Axes) and one is not parent.patch]
            found += sorted((one for one in own if one.get_zorder() >= LOWEST), key=Artist.get_zorder)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moving:
    """The artists that change from frame to frame."""

    left: Axes
    look: Look
    band: list[Artist]
    middle: Any
    cloud: Any
    balls: Any
    heads: Any
    tails: list[Any]
    cursor: Any
    level: Any
    title: Any

    def show(self, film: Film, result: AnnealResult, index: int) -> None:
        """Set the stage for one frame."""
        found = result.runs[0]
        step = int(film.steps[index])
        for old in self.band:
            old.remove()
        hue = self.look.hues["blue"]
        self.band[:] = [
            self.left.fill_between(
                film.x, film.low[index], film.high[index], color=hue, alpha=0.2, linewidth=0.0, zorder=LOWEST
            )
        ]
        self.middle.set_data(film.x, film.middle[index])
        if self.cloud is not None:
            self.cloud.set_data(film.cloud_x, film.cloud[index])
        self.balls.set_data(film.balls[index], film.heights[index])
        shown = shown_steps(found.steps)
        shown = shown[shown <= step]
        bottom, top = panels.positions(result)
        for path, tail in zip(found.noisy.paths, self.tails, strict=False):
            tail.set_data(shown, np.clip(path[shown], 2.0 * bottom - top, 2.0 * top - bottom))
        self.heads.set_data(np.full(film.balls.shape[1], step), film.balls[index])
        self.cursor.set_xdata([step, step])
        self.level.set_data([step], [found.noisy.c[step]])
        self.title.set_text(
            f"{panels.equals('t', step, digits=7)},  {panels.equals('c_t', float(found.noisy.c[step]), digits=3)}"
        )


def stage(film: Film, result: AnnealResult, *, width: float = WIDTH_IN) -> tuple[FigureCanvasAgg, Moving]:
    """Draw what stands still, this many inches wide; return the canvas and what moves."""
    figure = Figure(figsize=(width, max(0.5 * width, LEAST_IN)), dpi=DPI)
    canvas = FigureCanvasAgg(figure)
    return canvas, _furnished(figure, film, result)


def _furnished(figure: Figure, film: Film, result: AnnealResult) -> Moving:
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(mpl.rcParams["text.color"]))
    found, size = result.runs[0], em()
    width, height = (float(one) for one in figure.get_size_inches())
    margin, foot, half = 4.0 * size, 3.2 * size, 0.44 * width
    rows = legend_height(_names(result), width=half - margin) + 0.9 * size
    left = Box(left=margin, bottom=foot, width=half - margin, height=height - foot - rows).add(figure)
    start = half + margin
    strip = 4.2 * size
    paths_height = height - foot - 2.2 * size - strip - 0.9 * size
    right = Box(left=start, bottom=foot, width=width - start - size, height=paths_height).add(figure)
    above = Box(left=start, bottom=foot + paths_height + 0.9 * size, width=width - start - size, height=strip).add(
        figure
    )
    moving = _left_panel(left, film, result, look)
    panels.draw_schedule(above, result, look)
    panels.step_axis(above, found.steps, labelled=False)
    bottom, top = panels.positions(result)
    right.set_ylim(bottom, top)
    right.set_yticks(*ticks(bottom, top, most=6))
    right.set_ylabel("$x_t$")
    panels.mark_region(right, found, look, vertical=True)
    panels.step_axis(right, found.steps, labelled=True)
    hue = look.hues["blue"]
    tails = [right.plot([], [], color=hue, linewidth=0.7, alpha=0.7)[0] for _ in found.noisy.paths]
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.6, "markeredgewidth": 0.0, "zorder": 5}
    return Moving(
        left=left,
        look=look,
        band=[],
        tails=tails,
        heads=right.plot([], [], color=look.hues["vermillion"], **dots)[0],
        balls=left.plot([], [], color=look.hues["vermillion"], clip_on=False, **dots)[0],
        cursor=above.axvline(0.0, color=look.ink, linewidth=0.7, linestyle=DOTTED),
        level=above.plot([], [], color=look.hues["vermillion"], clip_on=False, **dots)[0],
        title=figure.text(start / width, 1.0 - 0.5 * size / height, "", ha="left", va="top"),
        **moving,
    )


def _names(result: AnnealResult) -> list[str]:
    """Return the texts of the legend."""
    if result.landscape:
        return ["$f$", r"$\mathrm{E}\,f(x+c_t\,\xi)$"]
    return ["$h$", r"$\varphi$: median, 5–95 %"]


def _left_panel(axes: Axes, film: Film, result: AnnealResult, look: Look) -> dict[str, Any]:
    """Draw h or f with its axes, and return the curve and the cloud that move."""
    axes.set_xlim(film.x[0], film.x[-1])
    axes.set_ylim(*film.ylim)
    figure = axes.get_figure(root=True)
    room = axes.get_position().width * figure.get_size_inches()[0] if figure is not None else 0.0
    axes.set_xticks(*ticks_across(film.x[0], film.x[-1], most=6, width=room))
    axes.set_yticks(*ticks(*film.ylim, most=6))
    axes.set_xlabel("$x$")
    axes.set_ylabel(film.ylabel)
    panels.mark_region(axes, result.runs[0], look, vertical=False)
    bare = axes.plot(film.x, film.bare, color=look.ink, linewidth=1.3, zorder=4.0)[0]
    middle = axes.plot([], [], color=look.hues["blue"], linewidth=1.5, zorder=3.0)[0]
    cloud = None
    if film.cloud.size:
        sky = look.hues[QUANTITIES["cloud"].hue]
        dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 1.8, "markeredgewidth": 0.0}
        cloud = axes.plot([], [], color=sky, zorder=2.0, **dots)[0]
    axes.legend(
        [bare, middle],
        _names(result),
        ncols=legend_columns(_names(result), width=room),
        loc="lower left",
        bbox_to_anchor=(-max(0.0, legend_width(_names(result)) - room) / room, 1.01),  # over the y axis, not beyond
    )
    axes.axhline(0.0, color=look.ink, alpha=2.0 * SHADE_ALPHA, linewidth=0.5, zorder=0.5)
    return {"middle": middle, "cloud": cloud}
