"""Many small dots in a picture, as one path: a third of the size of as many markers in an SVG."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.artist import allow_rasterization
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.transforms import IdentityTransform

from noisyviz.units.activation import Array

STEP: Final = 0.01  # of the positions in a vector format, in points; also the length of a dot without its round caps


class Dots(Line2D):
    """Points that are drawn as very short strokes with round caps, `diameter` points wide.

    Parameters
    ----------
    x, y
        Shape (n,).
    diameter
        In points.
    style
        Further properties of a line, such as its colour.
    """

    def __init__(self, x: Array | Sequence[float], y: Array | Sequence[float], *, diameter: float, **style: Any):
        super().__init__(x, y, linewidth=diameter, **style)

    @allow_rasterization  # type: ignore[untyped-decorator]  # no hints there
    def draw(self, renderer: RendererBase) -> None:
        """Draw the dots that lie inside the axes."""
        if not self.get_visible():
            return
        points = self.get_transform().transform(self.get_xydata())
        points = points[np.isfinite(points).all(axis=1)]
        top = renderer.get_canvas_width_height()[1] if renderer.flipy() else 0.0  # an SVG counts from the top
        offset = np.array([0.0, top])
        points = offset + np.round((points - offset) / STEP) * STEP
        ends = points + np.array([STEP, 0.0])
        path = Path(
            np.stack([points, ends], axis=1).reshape(-1, 2),
            np.tile([Path.MOVETO, Path.LINETO], len(points)),
        )
        path.should_simplify = False
        context = renderer.new_gc()
        self._set_gc_clip(context)  # type: ignore[attr-defined]  # not in the hints, but what every artist does
        context.set_foreground(self.get_color())
        alpha = self.get_alpha()
        context.set_alpha(1.0 if alpha is None else alpha)
        context.set_linewidth(self.get_linewidth())
        context.set_capstyle("round")
        context.set_snap(False)  # else upright and level strokes move to whole pixels
        renderer.open_group("dots")
        renderer.draw_path(context, path, IdentityTransform())
        renderer.close_group("dots")
        context.restore()
        self.stale = False


def dots(axes: Axes, x: Array, y: Array, *, diameter: float, **style: Any) -> Dots:
    """Add dots to axes without changing their limits."""
    artist = Dots(x, y, diameter=diameter, **style)
    axes.add_line(artist)
    return artist
