"""Placing things by measure: text widths, line breaks, ticks and legends that stay clear of the curves.

Pictures are laid out in inches, so that a column width is met exactly and text keeps its size; sizes of text
follow the settings in force.
"""

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.mathtext import MathTextParser
from matplotlib.textpath import text_to_path
from matplotlib.ticker import FixedFormatter, FixedLocator

from noisyviz.errors import InputError, printable, shortened
from noisyviz.pictures.shared import finish

POINTS_PER_INCH: Final = 72.0
LEGEND_ROW_EM: Final = 1.35  # height of one legend row, the gap to the next one included
LINE_EM: Final = 1.35  # distance of the lines of a caption
TITLE_EM: Final = 1.35  # height of a line of a title
LINE_SPACING: Final = 1.1  # of several lines in one text, in heights of a line of letters


NARROWEST_EM: Final = 3.0  # of axes
LETTER_EM: Final = 0.1  # of the letter of a panel above axes with nothing else above them: the next ones are near
CLEAR_EM: Final = 0.6  # between the letter of a panel and what stands beside it, where there is room
CLOSE_EM: Final = 0.3  # the same where there is little
LEGEND_GAP_EM: Final = 0.7  # between a legend and a title below it, which is no row of it
BALANCED: Final = 24  # words of a text that is broken into even lines


LEAST_STRETCH: Final = 0.3
MOST_STRETCH: Final = 3.5
CLOSE_IN: Final = 1e-3  # to the height that is wanted

_STRETCH: ContextVar[float] = ContextVar("stretch", default=1.0)
_LOW: ContextVar[bool] = ContextVar("low", default=False)


def tall(height: float, *, least: float = 5.0) -> float:
    """Return the height of axes in inches by the stretch in force: if lower than `height`, not under `least` em."""
    factor = _STRETCH.get()
    return height * factor if factor >= 1.0 else max(height * factor, min(height, least * em()))


def lowered() -> bool:
    """Tell whether a picture should stand lower than it usually does, for a slide: with more panels side by side."""
    return _LOW.get()


@contextmanager
def stretched(height: float | None, of: Callable[[], float]) -> Iterator[None]:
    """Stretch all axes so that a picture, of which `of` tells the height in inches, is this high.

    One that is higher may first arrange its panels otherwise, see `lowered`. Nothing is stretched where no height is
    given and where the picture cannot be so low or so high.
    """
    tokens = _STRETCH.set(1.0), _LOW.set(False)
    try:
        if height is not None and abs(of() - height) > CLOSE_IN:
            _LOW.set(of() > height)
            _STRETCH.set(_stretch(height, of))
        yield
    finally:
        _STRETCH.reset(tokens[0])
        _LOW.reset(tokens[1])


def _stretch(height: float, of: Callable[[], float]) -> float:
    """Return the stretch by bisection, 1 for none; heights grow with it."""

    def height_at(factor: float) -> float:
        token = _STRETCH.set(factor)
        try:
            return of()
        finally:
            _STRETCH.reset(token)

    least, most = LEAST_STRETCH, MOST_STRETCH
    if not height_at(least) <= height <= height_at(most):
        return 1.0
    while most - least > 1e-4:
        middle = 0.5 * (least + most)
        least, most = (middle, most) if height_at(middle) <= height else (least, middle)
    return least


class TooNarrowError(InputError):
    """A picture does not fit its width."""


def too_narrow(width: float, *, least: float | None = None) -> TooNarrowError:
    """Return what to raise where a picture does not fit a width in inches; `least` is one that it does fit."""
    size = FontProperties().get_size_in_points()
    wanted = "larger" if least is None else f"at least {2.54 * least:.4g}cm"
    return TooNarrowError(
        f"width must be {wanted} for this picture with text of {size:g} points, or the font size smaller; "
        f"got {2.54 * width:.3g}cm",
        parameter="width",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in inches from the lower left corner of the figure."""

    left: float
    bottom: float
    width: float
    height: float

    def add(self, figure: Figure, *, sharex: Axes | None = None) -> Axes:
        """Return new axes that fill the box."""
        width, height = figure.get_size_inches()
        if self.width < NARROWEST_EM * em():
            raise too_narrow(width)
        bounds = (self.left / width, self.bottom / height, self.width / width, self.height / height)
        return figure.add_axes(bounds, sharex=sharex)


def em() -> float:
    """Return the text size in force, in inches."""
    return FontProperties().get_size_in_points() / POINTS_PER_INCH


LONGEST: Final = 120
"""Letters of a word; no picture has room for more, and measuring takes time."""
MATH: Final = MathTextParser("path")
"""Keeps formulas once parsed; a renderer that uses it too, at the resolution in force, need not parse them again."""


@functools.lru_cache(512)
def _width(text: str, font: FontProperties, dpi: float) -> float:
    if is_math_text(text):
        return float(MATH.parse(text, dpi, font).width) / dpi
    width, _, _ = text_to_path.get_text_width_height_descent(text.replace(r"\$", "$"), font, ismath=False)
    return float(width) / POINTS_PER_INCH


def text_width(text: str) -> float:
    """Return the width of one line of text at the size in force, in inches.

    Examples
    --------
    >>> text_width("") == 0.0, text_width("ab") > text_width("a") > 0.0
    (True, True)
    """
    dpi = mpl.rcParams["savefig.dpi"]
    return _width(text, FontProperties(), mpl.rcParams["figure.dpi"] if dpi == "figure" else dpi) if text else 0.0


def literal(text: str) -> str:
    r"""Return text in which no sign starts mathematics or a new line.

    Examples
    --------
    >>> literal("a$b$")
    'a\\$b\\$'
    """
    short = re.sub(rf"\S{{{LONGEST},}}", lambda word: f"{word[0][: LONGEST // 2]}…{word[0][-LONGEST // 2 :]}", text)
    plain = shortened(printable(re.sub(r"\s+", " ", short))).replace("$", r"\$")
    return rf"$\_${plain[1:]}" if plain.startswith("_") else plain  # matplotlib leaves _names out of legends


def wrap(words: Sequence[str], *, width: float) -> list[str]:
    """Join words into lines that are no wider than `width` inches.

    Parameters
    ----------
    words
        Pieces that must not be broken; only a plain piece that is wider than a line is.

    Returns
    -------
    list of str
        The lines, none for no words.
    """
    whole = " ".join(words)
    plain = (word for word in words if not is_math_text(word))
    if words and sum(map(text_width, plain)) <= width and text_width(whole) <= width:
        return [whole]  # its formulas need not be parsed a second time, one by one
    lines: list[str] = []
    space = text_width("a b") - text_width("ab")
    used = math.inf
    for word in words:
        for piece in _broken(word, width=width):
            needed = text_width(piece)
            if used + space + needed <= width:
                lines[-1] += f" {piece}"
                used += space + needed
            else:
                lines.append(piece)
                used = needed
    return lines


def balanced(text: str, *, width: float) -> list[str]:
    """Return a title or label in as few lines as `width` inches allow, as even as can be.

    Examples
    --------
    >>> line = text_width("one two three f")
    >>> balanced("one two three four", width=line), wrap("one two three four".split(), width=line)
    (['one two', 'three four'], ['one two three', 'four'])
    """
    words = pieces(text)
    lines = wrap(words, width=width)
    widths = list(map(text_width, words))
    if len(lines) < 2 or len(words) > BALANCED or max(widths) > width:
        return lines
    space = text_width("a b") - text_width("ab")
    best, least = lines, math.inf
    for cuts in itertools.combinations(range(1, len(words)), len(lines) - 1):
        spans = list(itertools.pairwise((0, *cuts, len(words))))
        used = [sum(widths[a:b]) + space * (b - a - 1) for a, b in spans]
        uneven = sum((width - one) ** 2 for one in used)
        if max(used) <= width and uneven < least:
            best, least = [" ".join(words[a:b]) for a, b in spans], uneven
    return best


def pieces(text: str) -> list[str]:
    r"""Return the words of a text as `wrap` takes them: formulas and percentages stay whole.

    Examples
    --------
    >>> pieces(r"rms of $\alpha h + u$, in $u$′")
    ['rms', 'of', '$\\alpha h + u$,', 'in', '$u$′']
    """
    whole = text.replace(" %", "\N{NO-BREAK SPACE}%")
    return re.findall(r"(?:(?<!\\)\$(?:\\.|[^$\\])*\$|[^\s]|\N{NO-BREAK SPACE})+", whole)


def caption_lines(words: Sequence[str], *, width: float) -> list[str]:
    """Return the lines of a caption, none where the finish leaves it out; what it says is kept either way."""
    return wrap(finish.told(words), width=width)


_PLAIN: Final = (
    (r"\\(?:mathrm|mathbf|mathit)\{([^{}]*)\}", r"\1"),
    (r"\\varphi", "φ"),
    (r"\\alpha", "α"),
    (r"\\sigma", "σ"),
    (r"\\Delta", "Δ"),
    (r"\\delta", "δ"),
    (r"\\xi", "ξ"),
    (r"\\eta", "η"),
    (r"\\ell", "ℓ"),
    (r"\\varepsilon", "ε"),
    (r"\\partial", "∂"),
    (r"\\times", "×"),
    (r"\\infty", "∞"),
    (r"\\to\b|\\rightarrow", "→"),
    (r"\\pm", "±"),
    (r"\\[,;! ]", " "),
    (r"[{}$\\]", ""),
    (r" +", " "),
)


def plain(text: str) -> str:
    r"""Return a text without the commands of mathematics, for readers who see no picture.

    Examples
    --------
    >>> plain(r"$\varphi=\alpha h+(1-\alpha)u$, at \$5")
    'φ=α h+(1-α)u, at $5'
    """
    kept = text.replace(r"\$", "\0")
    for pattern, sign in _PLAIN:
        kept = re.sub(pattern, sign, kept)
    return kept.replace("\0", "$").strip()


def _broken(word: str, *, width: float) -> list[str]:
    if is_math_text(word) or text_width(word) <= width:
        return [word]
    pieces = [""]
    for letter in re.findall(r"\\\$|.", word):
        if pieces[-1] and text_width(pieces[-1] + letter) > width:
            pieces.append("")
        pieces[-1] += letter
    return pieces


def ticks(low: float, high: float, *, most: int) -> tuple[list[float], list[str]]:
    """Return round values inside a range and their labels.

    Parameters
    ----------
    low, high
        The range, low < high.
    most
        The largest number of intervals.

    Examples
    --------
    >>> ticks(-1.2, 1.2, most=4)
    ([-1.0, -0.5, 0.0, 0.5, 1.0], ['−1.0', '−0.5', '0', '0.5', '1.0'])
    >>> ticks(0.0, 0.11, most=4)[1]
    ['0', '0.05', '0.10']
    >>> ticks(-4.1, 4.1, most=2)[1]  # a step of 5 would leave the 0 alone
    ['−3', '0', '3']
    """
    unit = 10.0 ** math.floor(math.log10((high - low) / most))
    found: list[float] = []
    for mantissas in ((1.0, 2.0, 5.0, 10.0, 20.0), (1.5, 3.0, 4.0, 6.0, 8.0, 15.0)):
        for step in (unit * mantissa for mantissa in mantissas):
            first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
            if last - first <= most:
                values = [step * index for index in range(first, last + 1)]
                if len(values) > 1:
                    return values, tick_labels(values)
                found = found or values
    return found, tick_labels(found)


def ticks_across(low: float, high: float, *, most: int, width: float) -> tuple[list[float], list[str]]:
    """Return the ticks of a horizontal axis, two or more, so few that their labels stay apart on `width` inches."""
    for count in range(most, 1, -1):
        values, names = ticks(low, high, most=count)
        widest = max(map(text_width, names), default=0.0)
        if len(names) > 1 and widest + 0.6 * em() <= width * (values[1] - values[0]) / (high - low):
            return values, names
    decimals = -math.floor(math.log10(high - low))
    values = [round(low + share * (high - low), decimals) + 0.0 for share in (0.2, 0.8)]
    return values, tick_labels(values)


def set_ticks(axis: Axis, values: Sequence[float], names: Sequence[str]) -> None:
    """Fix the ticks of an axis and their labels."""
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(FixedFormatter(names))


def tick_labels(values: Sequence[float]) -> list[str]:
    r"""Return labels of equally spaced ticks with one number of decimals, or powers of ten.

    Examples
    --------
    >>> tick_labels([0.0, 50000.0, 100000.0])
    ['0', '$5\\times10^{4}$', '$1\\times10^{5}$']
    """
    largest = max((abs(value) for value in values), default=0.0)
    if largest and not 1e-3 < largest < 1e5:
        return [_power(value) if abs(value) > 1e-9 * largest else "0" for value in values]
    step = min((abs(b - a) for a, b in itertools.pairwise(values)), default=largest) or 1.0
    decimals = next((d for d in range(12) if abs(round(step, d) - step) < 1e-3 * step), 12)
    return [_signed(f"{value:.{decimals}f}") if abs(value) > 1e-9 * step else "0" for value in values]


def number(value: float, *, digits: int = 4) -> str:
    r"""Return a number for running text, with a true minus sign.

    Examples
    --------
    >>> number(-0.9), number(30.0), number(2.5e-7)
    ('−0.9', '30', '$2.5\\times10^{−7}$')
    """
    text = f"{value:.{digits}g}"
    if "e" not in text:
        return _signed(text)
    mantissa, exponent = text.split("e")
    return rf"${_signed(mantissa)}\times10^{{{_signed(str(int(exponent)))}}}$"


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _power(value: float) -> str:
    mantissa, exponent = f"{value:.2e}".split("e")
    return rf"${_signed(f'{float(mantissa):g}')}\times10^{{{_signed(str(int(exponent)))}}}$"


def legend_width(labels: Sequence[str]) -> float:
    """Return the width of a legend in one column, in inches."""
    handle = float(mpl.rcParams["legend.handlelength"] + mpl.rcParams["legend.handletextpad"]) * em()
    return handle + max(map(text_width, labels), default=0.0)


def legend_columns(labels: Sequence[str], *, width: float) -> int:
    """Return into how many columns a legend of this width can go: the fewest of those with the fewest rows."""
    rc, size = mpl.rcParams, em()
    handle = (rc["legend.handlelength"] + rc["legend.handletextpad"]) * size
    between = rc["legend.columnspacing"] * size
    widths = [handle + text_width(label) for label in labels]
    best = 1
    for count in range(len(widths), 1, -1):
        total = sum(max(column) for column in _columns(widths, count)) + between * (count - 1)
        if total + 0.3 * size <= width and (
            best == 1 or math.ceil(len(widths) / count) == math.ceil(len(widths) / best)
        ):
            best = count
    return best


def _columns(widths: Sequence[float], count: int) -> list[Sequence[float]]:
    """Split as matplotlib does: column by column, the longer columns first."""
    short, longer = divmod(len(widths), count)
    columns, start = [], 0
    for index in range(count):
        stop = start + short + (index < longer)
        columns.append(widths[start:stop])
        start = stop
    return columns


def legend_height(labels: Sequence[str], *, width: float) -> float:
    """Return the height in inches of a legend in as many columns as fit the width."""
    if not labels or finish.in_force().legend == "none":
        return 0.0
    return math.ceil(len(labels) / legend_columns(labels, width=width)) * LEGEND_ROW_EM * em()


def legend_start(labels: Sequence[str], *, width: float, margin: float, edge: float) -> float:
    """Return where a legend of a picture begins: at the margin of its axes, or at the edge if that saves rows."""
    inside, across = (legend_height(labels, width=width - start - edge) for start in (margin, edge))
    return edge if across < inside or legend_width(labels) > width - margin - edge else margin


def legend_above(
    axes: Axes,
    handles: Sequence[Artist | tuple[Artist, ...]],
    labels: Sequence[str],
    *,
    width: float,
    lift: float,
    indent: float = 0.0,
) -> Legend | None:
    """Put a legend above axes, `lift` inches clear of them, where it covers no curve.

    Parameters
    ----------
    axes
        Its lower left corner stands over their left edge, or `indent` inches right of it.
    handles, labels
        As for matplotlib's legend; a tuple of handles is drawn as one.
    width
        The room in inches.
    lift
        Distance from the axes in inches.

    Returns
    -------
    Legend or None
        None where the finish leaves legends out.
    """
    if finish.in_force().legend == "none":
        return None
    figure = axes.get_figure(root=True)
    assert figure is not None
    place, (across, down) = axes.get_position(), figure.get_size_inches()
    return axes.legend(
        handles,
        labels,
        ncols=legend_columns(labels, width=width),
        loc="lower left",
        bbox_to_anchor=(indent / (place.width * across), 1.0 + lift / (place.height * down)),
    )


def letter(figure: Figure, panels: Sequence[Axes]) -> None:
    """Write a, b and so on at the upper left of each panel, in the order of reading; one panel needs none.

    A letter stands on the first line of the title, or of the legend where there is no title; as far left as the
    labels of the axis reach, where that keeps it clear of that line.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    if len(panels) < 2:
        return
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]  # no hints there
    figure.draw_without_rendering()
    width, height = figure.bbox.width, figure.bbox.height
    size = em() * figure.dpi
    order = sorted(panels, key=lambda axes: (-round(axes.bbox.y1 / figure.dpi, 1), axes.bbox.x0))
    for index, axes in enumerate(order):
        name = chr(ord("a") + index % 26) * (1 + index // 26)
        heads = [text for text in axes.texts if text.get_label() == "title" and text.get_text()]
        legend = axes.get_legend()
        head = heads[0] if heads else legend
        box = axes.bbox if head is None else head.get_window_extent(renderer)
        y, at = (box.y1, "top") if head is not None else (box.y1 + LETTER_EM * size, "baseline")
        y = min(y, height - (0.0 if at == "top" else size))  # not over the edge of the page
        text = figure.text(0.0, y / height, name, ha="left", va=at, weight="bold", label="letter")
        wide = text.get_window_extent(renderer).width
        labels = axes.yaxis.get_tightbbox(renderer)
        outer = min(axes.bbox.x0, labels.x0 if labels is not None else axes.bbox.x0)
        clear = outer + wide + CLEAR_EM * size <= box.x0
        text.set_x(max(outer if clear else box.x0 - CLOSE_EM * size - wide, 0.0) / width)
