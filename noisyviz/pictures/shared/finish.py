"""How a picture is finished for print, apart from style and width: caption, legends, letters, sizes and pixels.

A finish is in force while a picture is laid out and drawn, as Matplotlib's settings are; `shared.layout` asks for it.
No Matplotlib here.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from noisyviz.errors import InputError

LEGENDS: Final = ("above", "none")
"""Where legends stand."""
FONT_SIZES: Final = (4.0, 40.0)
DPIS: Final = (30, 2400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What an author decides about a picture beside style and width.

    Parameters
    ----------
    caption
        Whether the caption stands below the picture.
    legend
        A member of `LEGENDS`.
    letters
        Whether the panels are lettered, (a), (b) and so on.
    font_size
        Of all texts in points, from 4 to 40; None for that of the style.
    dpi
        Dots per inch of pixels, from 30 to 2,400; None for those of the style.
    transparent
        Whether the background is left out.
    svg_text
        Whether texts in an SVG are texts, in fonts that its reader must have, instead of outlines.

    Raises
    ------
    InputError
        For a value outside its domain.
    """

    caption: bool = True
    legend: str = "above"
    letters: bool = False
    font_size: float | None = None
    dpi: int | None = None
    transparent: bool = False
    svg_text: bool = False

    def __post_init__(self) -> None:
        if self.legend not in LEGENDS:
            raise InputError(f"legend must be one of {', '.join(LEGENDS)}, got {self.legend!r}", parameter="legend")
        for key, (low, high) in (("font_size", FONT_SIZES), ("dpi", DPIS)):
            value = getattr(self, key)
            if value is not None and not low <= value <= high:
                raise InputError(f"{key} must be from {low:g} to {high:g}, got {value:g}", parameter=key)

    def rc(self) -> dict[str, Any]:
        """Return Matplotlib's settings that differ from those of the style."""
        names = ("font.size", "axes.labelsize", "axes.titlesize", "xtick.labelsize", "ytick.labelsize")
        sizes = dict.fromkeys((*names, "legend.fontsize", "figure.titlesize"), self.font_size)
        found: dict[str, Any] = {} if self.font_size is None else dict(sizes)
        found |= {} if self.dpi is None else {"savefig.dpi": float(self.dpi)}
        return found | ({"svg.fonttype": "none"} if self.svg_text else {})

    def stored(self) -> dict[str, Any]:
        """Return what differs from the usual, as JSON values."""
        usual = Finish()
        return {
            one.name: getattr(self, one.name)
            for one in dataclasses.fields(self)
            if getattr(self, one.name) != getattr(usual, one.name)
        }

    @classmethod
    def from_stored(cls, stored: object) -> "Finish":
        """Return the finish that a file names; every value is checked.

        Raises
        ------
        InputError
            For anything that `stored` does not return.
        """
        kinds: dict[str, tuple[type, ...]] = {
            **dict.fromkeys(("caption", "letters", "transparent", "svg_text"), (bool,)),
            "legend": (str,),
            "font_size": (int, float),
            "dpi": (int,),
        }
        if not isinstance(stored, Mapping):
            raise InputError("its finish is no list of names and values")
        for key, value in stored.items():
            if (
                key not in kinds
                or not isinstance(value, kinds[key])
                or isinstance(value, bool) != (kinds[key] == (bool,))
            ):
                raise InputError("its finish holds what this version does not know")
        return cls(**stored)


USUAL: Final = Finish()


@dataclass(slots=True)
class _Work:
    finish: Finish = USUAL
    caption: list[str] = field(default_factory=list)


_IN_FORCE: ContextVar[_Work] = ContextVar("finish")


def in_force() -> Finish:
    """Return the finish in force."""
    return _IN_FORCE.get(_Work()).finish


@contextmanager
def finished(finish: Finish) -> Iterator[list[str]]:
    """Lay out and draw with a finish; what is yielded holds the words of the caption once that is done."""
    work = _Work(finish)
    token = _IN_FORCE.set(work)
    try:
        yield work.caption
    finally:
        _IN_FORCE.reset(token)


def told(words: Sequence[str]) -> Sequence[str]:
    """Take note of the words of a caption, and return those to be written: none where the caption is left out."""
    work = _IN_FORCE.get(_Work())
    work.caption[:] = words
    return words if work.finish.caption else ()
