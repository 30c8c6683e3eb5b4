"""Pictures as Matplotlib figures, for notebooks: pyplot is never loaded, and `rcParams` stay as they are."""

from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from noisyviz.annealing.results import Annealing
from noisyviz.annealing.schedules import NamedSchedule
from noisyviz.errors import InputError
from noisyviz.export.render import drawn, rc_settings
from noisyviz.export.styled import styled
from noisyviz.networks.calibration import Calibration
from noisyviz.networks.results import Profile
from noisyviz.pictures.anneal.picture import Anneal, AnnealResult, result_of
from noisyviz.pictures.calibrate.picture import CalibratePicture
from noisyviz.pictures.compare.comparison import Comparison, several
from noisyviz.pictures.compare.picture import CompareResult
from noisyviz.pictures.overview import DRAWN
from noisyviz.pictures.overview.picture import Overview, OverviewResult
from noisyviz.pictures.picture import DataSource, Picture
from noisyviz.pictures.profile.picture import ProfilePicture, ProfileResult
from noisyviz.pictures.shared import panels as shared_panels
from noisyviz.pictures.shared.panels import Look
from noisyviz.pictures.shared.style import HEIGHTS, QUANTITIES, colours, width_in
from noisyviz.results import Drawable
from noisyviz.units.noise import RandomSource, seed_of
from noisyviz.units.unit import NoisyUnit

Drawn = tuple[Picture[Any], Any]


class StyledFigure(Figure):
    """A figure that is saved and shown in the style in which it was drawn.

    Pyplot does not know it, so nothing but the value of a cell shows it in a notebook, and it needs not be closed.
    """

    def __init__(self, *args: Any, rc: Mapping[Any, Any], **options: Any) -> None:
        super().__init__(*args, **options)
        self.rc = dict(rc)

    def savefig(self, *args: Any, **options: Any) -> None:
        """Save as Matplotlib does, in the style of the figure: TrueType fonts, and its resolution."""
        with styled(self.rc):
            super().savefig(*args, **options)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        stream = BytesIO()
        self.savefig(stream, format="png")
        width, height = self.get_size_inches()
        return stream.getvalue(), {"width": round(96 * width), "height": round(96 * height)}


def figure_of(picture: Picture[Any], result: Any, *, style: str = "screen", width: str = "13.6cm") -> StyledFigure:
    """Draw a picture into a new figure.

    Parameters
    ----------
    picture, result
        What to draw.
    style
        A key of `noisyviz.pictures.shared.style.STYLES`.
    width
        A venue or length, see `noisyviz.pictures.shared.style.width_in`.

    Raises
    ------
    InputError
        For an unknown style or width.
    """
    width_inches, rc = width_in(width), rc_settings(style)
    with styled(rc):
        figure: StyledFigure = drawn(
            picture, result, width_inches, height=HEIGHTS.get(width), make=partial(StyledFigure, rc=rc)
        )
    return figure


def draw(found: Drawable, *, style: str, width: str) -> StyledFigure:
    """Draw a result; `Drawable.plot` calls this by name."""
    drawer = next(make for kind, make in DRAWERS.items() if isinstance(found, kind))
    picture, result = drawer(found)
    return figure_of(picture, result, style=style, width=width)


def _annealing(found: Annealing) -> Drawn:
    schedule = found.schedule
    name = schedule.name if isinstance(schedule, NamedSchedule) else "schedule"
    result: AnnealResult = result_of((name,), [found])
    return Anneal(), result


def _profile(found: Profile) -> Drawn:
    picture = ProfilePicture.showing(found)
    result: ProfileResult = picture.of(found)
    return picture, result


def _calibration(found: Calibration) -> Drawn:
    picture = CalibratePicture.showing(found)
    result = picture.of(found)
    return picture, result


def _comparison(found: Comparison) -> Drawn:
    result: CompareResult = found.found
    return found.settings, result


DRAWERS: Final[Mapping[type[Any], Callable[[Any], Drawn]]] = MappingProxyType(
    {Annealing: _annealing, Profile: _profile, Calibration: _calibration, Comparison: _comparison}
)
"""How each kind of result becomes a picture and its numbers."""


def plot(
    unit: NoisyUnit,
    ax: Axes | None = None,
    *,
    panels: str | tuple[str, ...] | list[str] | None = None,
    xlim: tuple[float, float] | None = None,
    points: int = 401,
    samples: int = 600,
    rng: RandomSource = 0,
    data: npt.ArrayLike | None = None,
    style: str = "screen",
    width: str = "13.6cm",
) -> Figure:
    """Draw a unit: its function, noise, saturation and gradient.

    Parameters
    ----------
    unit
        The unit, with one number for each of α, c and p.
    ax
        Axes of yours that take one panel, drawn with the text sizes in force; None for a new figure of all panels.
    panels
        Some of ``activation``, ``delta``, ``sigma`` and ``gradient``; by default all of them, or ``activation`` for
        `ax`.
    xlim
        The range of x; None is 3 beyond the outer thresholds.
    points
        How many equally spaced x, from 2 to 1,000,000.
    samples
        Draws of φ that are shown, from 1 to 1,000,000.
    rng
        A seed or a Generator, for these draws.
    data
        Real pre-activations of any shape, whose density lies under the curves; not with `ax`.
    style
        ``paper``, ``screen`` or ``dark``; not with `ax`.
    width
        ``icml``, ``icml-page``, ``neurips``, ``iclr``, ``a4`` or a length such as ``8.5cm``; not with `ax`.

    Returns
    -------
    matplotlib.figure.Figure
        A new figure, which pyplot does not know, so that a notebook shows it once; with `ax` the figure of these axes,
        which pyplot shows at the end of the cell if it made it: end the line with a semicolon there.

    Raises
    ------
    InputError
        For a value outside its domain, and for an array in place of α, c or p.

    Examples
    --------
    >>> from noisyviz import NoisyUnit
    >>> figure = plot(NoisyUnit("hard-tanh", kind="nah"), panels="gradient", width="icml")
    >>> round(float(figure.get_size_inches()[0]), 2), len(figure.axes)
    (3.25, 1)
    """
    if not isinstance(unit, NoisyUnit):
        raise InputError(f"unit must be a NoisyUnit, got {type(unit).__name__}", parameter="unit")
    for name in ("alpha", "c", "p"):
        if np.ndim(getattr(unit, name)):
            raise InputError(f"{name} must be one number in a picture, got an array", parameter=name)
    chosen = several(panels) if panels is not None else DRAWN if ax is None else DRAWN[:1]
    if ax is not None and len(chosen) != 1:
        raise InputError(f"panels must name one panel for ax, got {len(chosen)}", parameter="panels")
    if ax is not None and data is not None:
        raise InputError("data are drawn below all panels and not into ax", parameter="data")
    picture = Overview(
        panels=chosen,
        xlim=xlim,
        points=points,
        samples=samples,
        seed=seed_of(rng),
        data=None if data is None else DataSource(file="data", array="", sha256=""),
    )
    result = picture.of([unit], None if data is None else np.asarray(data, dtype=np.float64))
    if ax is None:
        return figure_of(picture, result, style=style, width=width)
    return _into(ax, result)


def _into(ax: Axes, result: OverviewResult) -> Figure:
    """Draw one panel into axes of the caller's, by the settings in force."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise InputError("ax must be axes of a figure", parameter="ax")
    (key,) = result.panels
    panel = shared_panels.PANELS[key]
    look = Look(hues=colours(background=to_hex(figure.get_facecolor())), ink=to_hex(rcParams["text.color"]))
    shared_panels.shade(ax, result.series, look, xlim=result.xlim)
    panel.draw(ax, result.series[0], look)
    ax.set(xlim=result.xlim, ylim=panel.limits(result.series), xlabel="$x$", ylabel=panel.ylabel)
    entries = panel.entries(result.series)
    handles = [shared_panels.handle(entry, look, among=False) for entry in entries]
    ax.legend(handles, [QUANTITIES[entry].label for entry in entries])
    return figure
