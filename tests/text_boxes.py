"""Whether texts stand inside a picture and clear of each other, by their boxes: ``python tests/text_boxes.py``.

The script draws every picture at every width in every style, in one style also with letters on its panels, prints what
is wrong and how much, and with a folder puts the pictures there; `tests/pictures/test_text_boxes.py` takes a part of
the product.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from noisyviz.export import render
from noisyviz.export.render import rc_settings
from noisyviz.networks.calibrate import calibrate
from noisyviz.networks.calibration import ASKED, Calibrations
from noisyviz.networks.profile import Profiler
from noisyviz.pictures.anneal.picture import Anneal
from noisyviz.pictures.calibrate.picture import CalibratePicture
from noisyviz.pictures.compare.picture import Compare
from noisyviz.pictures.overview.picture import Overview
from noisyviz.pictures.paper import paper_figures
from noisyviz.pictures.picture import DataSource, Picture
from noisyviz.pictures.profile.picture import ProfilePicture
from noisyviz.pictures.shared.finish import Finish, finished
from noisyviz.pictures.shared.layout import pieces, plain
from noisyviz.pictures.shared.style import width_in

WIDTHS: Final = ("6cm", "icml", "neurips", "iclr", "12cm", "15cm")
STYLES: Final = ("paper", "screen", "dark")
LETTERED: Final = "screen"
FILMED: Final = ("anneal", "anneal-funnel")
SLACK: Final = 0.012  # inches, under a point, by which boxes may overlap: they hold the room of descenders
SHORT: Final = 0.4  # of the longest line of a text, for a last one of a single word
BESIDE: Final = 0.02  # inches between the letter of a panel and a legend on its right
EDGE: Final = 0.006  # inches that a letter may stand out of the picture by: half a pixel on a screen
NORMAL: Final = (0.0, 2.0)
SOME: Final = (("encoder.layer1.gate", "sigmoid"),)


def _layers(count: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(5)
    return {f"encoder.layer{k}.gate": rng.normal(0.0, 1.0 + k, size=(60, 12)) for k in range(count)}


def _moments(count: int) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays of several files."""
    rng = np.random.default_rng(6)
    return {
        f"steps-{10**k}.npz:{name}": rng.normal(0.2 * k, 0.5 + k, size=(60, 12))
        for k in range(count)
        for name in ("input_gate", "cell_candidate")
    }


def pictures() -> dict[str, Any]:
    """Return what makes each picture and its numbers."""
    source = DataSource(file="gates.npz", array="input_gate", sha256="0" * 64)
    data = np.random.default_rng(0).normal(-1.0, 2.0, 4000)
    found: dict[str, Any] = {
        "plot": Overview(samples=200),
        "plot-three": Overview(fn=("tanh", "hard-tanh", "sigmoid"), unit="nanil", samples=50),
        "plot-softplus": Overview(fn=("hard-sigmoid",), unit="nanil-softplus", points=101, samples=50),
        "plot-relu": Overview(fn=("relu",), unit="nani", panels=("gradient",), points=101, samples=50),
        "plot-outward": Overview(fn=("hard-tanh",), unit="nah", alpha=1.15, samples=200),
        "plot-data": (Overview(fn=("sigmoid",), samples=50, data=source), data),
        "anneal": Anneal(steps=300, trajectories=32),
        "anneal-schedules": Anneal(schedule=("exponential", "paper", "inverse-time"), steps=300, trajectories=32),
        "anneal-short": Anneal(steps=20, trajectories=32),
        "anneal-funnel": Anneal(
            objective="funnel", fn=None, unit=None, alpha=None, p=None, scale=None, steps=300, trajectories=16
        ),
        "compare": Compare(fn=("hard-tanh",), unit=("nan", "nah"), alpha=(0.9, 1.0, 1.15), points=101, samples=50),
        "compare-mixed": Compare(unit=("nan", "nani", "nanil-softplus"), c=(0.25, 0.5), points=101, samples=50),
        "compare-one": Compare(points=101, samples=50),
        "compare-wide": Compare(unit=("nah",), alpha=(0.9, 1.15), c=(0.1, 0.25, 0.5, 1.0, 2.0), points=101, samples=50),
        "calibrate": CalibratePicture(
            unit=("nan", "nah", "nani", "nanil"), alpha=(0.9, 1.0), target_grad=0.3, max_bias=0.3, normal=NORMAL
        ),
        "calibrate-nothing": CalibratePicture(unit=("nanis",), target_grad=3.0, max_bias=0.01, normal=NORMAL),
    }
    found["calibrate-arrays"] = (
        CalibratePicture(by="pull", target_grad=0.02, functions=SOME, files=(source,)),
        _layers(3),
    )
    found |= {f"figure-{label}": one for label, one in paper_figures("icml").items()}
    found |= {f"v3-{label}": one for label, one in paper_figures("v3", only=("4", "5", "8")).items()}
    found |= {f"profile-{count}": (ProfilePicture(fn="hard-tanh", c=2.0), _layers(count)) for count in (1, 4, 6, 12)}
    found["profile-time"] = (ProfilePicture(fn="hard-tanh", c=2.0), _moments(5))
    return found


@cache
def computed(name: str) -> tuple[Picture[Any], Any]:
    """Return a picture and its numbers, computed once."""
    made = pictures()[name]
    if isinstance(made, ProfilePicture | Picture):
        return made, made.compute()
    picture, data = made
    if isinstance(picture, ProfilePicture | CalibratePicture):
        if isinstance(picture, CalibratePicture):
            functions = dict(picture.functions)
            answers = {}
            for array, values in data.items():
                units = [unit.replace(fn=functions.get(array, picture.fn)) for unit in picture.units()]
                answers[array] = calibrate(values, units=units, **{name: getattr(picture, name) for name in ASKED})
            return picture, picture.of(Calibrations(by_array=answers))
        profiler = Profiler(fn=picture.fn, functions=dict(picture.functions), unit=picture.noisy_unit())
        for array, values in data.items():
            profiler.add(array, values, file=array.rpartition(":")[0])
        return picture, picture.of(profiler.finish())
    return picture, picture.compute(data)


def texts(figure: Figure) -> list[tuple[str, Bbox]]:
    """Return every text that is seen, with its box in inches; the figure must have been drawn."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # of Agg
    found = []
    for artist in figure.findobj(Text):
        assert isinstance(artist, Text)
        if artist.get_visible() and artist.get_text().strip():
            box = artist.get_window_extent(renderer)
            found.append((artist.get_text(), Bbox(box.get_points() / figure.dpi)))
    return [(text, box) for text, box in found if box.width > 0.0 and box.height > 0.0]


def ragged(text: str) -> bool:
    """Tell whether the last of several lines is a single short word."""
    lines = text.split("\n")
    longest = max(len(plain(line)) for line in lines)
    return len(lines) > 1 and len(pieces(lines[-1])) == 1 and len(plain(lines[-1])) < SHORT * longest


def crowded_letters(figure: Figure) -> list[str]:
    """Return which letters of panels read like an entry of a legend, or stand beside a later line of a title."""
    renderer, dpi = figure.canvas.get_renderer(), figure.dpi  # type: ignore[attr-defined]  # of Agg
    wrong = []
    for letter in (text for text in figure.texts if text.get_label() == "letter"):
        box, name = letter.get_window_extent(renderer), letter.get_text()
        for axes in figure.axes:
            heads = [text for text in axes.texts if text.get_label() == "title"]
            for head in heads:
                other = head.get_window_extent(renderer)
                near = 0.0 <= other.x0 - box.x1 < 0.8 * dpi and box.y0 < other.y1 and other.y0 < box.y1
                if near and abs(box.y1 - other.y1) > 0.06 * dpi:
                    wrong.append(f"letter {name!r} beside a later line of {head.get_text()!r}")
            legend = axes.get_legend()
            other = legend.get_window_extent(renderer) if legend is not None else Bbox.null()
            if -box.width < other.x0 - box.x1 < BESIDE * dpi and box.y0 < other.y1 and other.y0 < box.y1:
                wrong.append(f"letter {name!r} beside a legend")
    return wrong


def faults(figure: Figure) -> list[str]:
    """Return what is wrong: texts that leave the picture, overlap or end raggedly, and crowded letters."""
    width, height = figure.get_size_inches()
    seen = texts(figure)
    wrong = [
        f"outside: {text!r} at {np.round(box.extents, 2)} of {width:.2f} x {height:.2f}"
        for text, box in seen
        if box.x0 < -EDGE or box.y0 < -EDGE or box.x1 > width + EDGE or box.y1 > height + EDGE
    ]
    for (one, a), (two, b) in combinations(seen, 2):
        wide, tall = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > SLACK and tall > SLACK:
            wrong.append(f"overlap: {one!r} and {two!r} by {wide:.3f} x {tall:.3f}")
    wrong += [f"ragged: {text!r}" for text, _ in seen if ragged(text)]
    return wrong + crowded_letters(figure)


def drawn(name: str, *, width: str, style: str) -> Figure:
    """Draw a picture for Agg, so that its texts have their places."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture, result = computed(name)
    with mpl.rc_context(rc_settings(style)):
        figure = Figure(figsize=picture.size(result, width_in(width)))
        FigureCanvasAgg(figure)
        picture.draw(result, figure)
        figure.draw_without_rendering()
    return figure


def lettered(name: str, *, width: str, style: str) -> Figure:
    """Draw a picture with letters on its panels, for Agg."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture, result = computed(name)
    with mpl.rc_context(rc_settings(style)), finished(Finish(letters=True)):
        figure: Figure = render.drawn(picture, result, width_in(width))
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
    return figure


def frames(name: str, *, width: str, style: str) -> Iterator[Figure]:
    """Draw the first frame of the film of an annealing, one in the middle and the last, for Agg."""
    from noisyviz.pictures.anneal.animation import stage
    from noisyviz.pictures.anneal.film import film

    picture, result = computed(name)
    assert isinstance(picture, Anneal)
    shown = film(result, picture.noisy_unit(), seed=0)
    with mpl.rc_context(rc_settings(style)):
        canvas, moving = stage(shown, result, width=width_in(width))
        for index in (0, shown.steps.size // 2, shown.steps.size - 1):
            moving.show(shown, result, index)
            canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib does not say
            yield canvas.figure


def every_fault(names: list[str], folder: Path | None) -> Iterator[str]:
    """Yield what is wrong in the whole product; with a folder, save the pictures there."""
    for name in names:
        for style in STYLES:
            for width in WIDTHS:
                with mpl.rc_context(rc_settings(style)):
                    figure = drawn(name, width=width, style=style)
                    if folder is not None:
                        figure.savefig(folder / f"{name}.{style}.{width}.png", dpi=100)
                    for fault in faults(figure):
                        yield f"{name} {style} {width}: {fault}"
                    if style == LETTERED:
                        figure = lettered(name, width=width, style=style)
                        for fault in faults(figure):
                            yield f"{name} with letters {style} {width}: {fault}"
                    if name in FILMED and width != "6cm":  # films begin at 8 cm
                        for figure in frames(name, width=width, style=style):
                            for fault in faults(figure):
                                yield f"film of {name} {style} {width}: {fault}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pictures; all by default")
    parser.add_argument("--folder", type=Path, help="where to save the pictures")
    asked = parser.parse_args()
    count = 0
    for line in every_fault(asked.names or list(pictures()), asked.folder):
        count += 1
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{count} faults\n")
