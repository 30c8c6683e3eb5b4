"""Rendering moving pictures: the counterpart of `noisyviz.export.render.picture_bytes` for GIF and WebP."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from noisyviz.errors import InputError
from noisyviz.export import provenance
from noisyviz.export.formats import FILM_FORMATS
from noisyviz.export.integrity import sealed
from noisyviz.export.render import rc_settings
from noisyviz.export.styled import styled
from noisyviz.pictures.shared.style import width_in

if TYPE_CHECKING:
    from noisyviz.pictures.anneal.picture import Anneal, AnnealResult


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmLook:
    """What an author decides about a moving picture.

    Parameters
    ----------
    width
        A venue or length as of pictures, from 8 to 40 cm; empty for 6.4 in.
    fps
        Frames in a second, from 1 to 50.
    loop
        How often it runs, from 1 to 1,000; 0 is for ever.

    Raises
    ------
    InputError
        For a value outside its domain.
    """

    width: str = ""
    fps: float = 12.5
    loop: int = 0

    def __post_init__(self) -> None:
        if self.width and not 8.0 - 1e-9 <= 2.54 * width_in(self.width) <= 40.0 + 1e-9:
            raise InputError(f"width of an animation must be from 8cm to 40cm, got '{self.width}'", parameter="width")
        if not 1.0 <= self.fps <= 50.0:
            raise InputError(f"fps must be from 1 to 50, got {self.fps:g}", parameter="fps")
        if not 0 <= self.loop <= 1000:
            raise InputError(f"loop must be from 0, for ever, to 1,000, got {self.loop}", parameter="loop")

    @property
    def inches(self) -> float:
        """The width in inches."""
        return width_in(self.width) if self.width else 6.4

    def stored(self) -> dict[str, Any]:
        """Return what differs from the usual, as JSON values."""
        return {key: value for key, value in asdict(self).items() if value != getattr(USUAL, key)}

    @classmethod
    def from_stored(cls, stored: object) -> "FilmLook":
        """Return the look that a file names; every value is checked.

        Raises
        ------
        InputError
            For anything that `stored` does not return.
        """
        kinds: dict[str, tuple[type, ...]] = {"width": (str,), "fps": (int, float), "loop": (int,)}
        if not isinstance(stored, Mapping):
            raise InputError("its film is no list of names and values")
        for key, value in stored.items():
            if key not in kinds or isinstance(value, bool) or not isinstance(value, kinds[key]):
                raise InputError("its film holds what this version does not know")
        return cls(**stored)


USUAL: Final = FilmLook()


def film_format(path: str | os.PathLike[str]) -> str:
    """Return the format that the suffix of a moving picture names.

    Raises
    ------
    InputError
        For any other suffix.

    Examples
    --------
    >>> film_format("a.GIF")
    'gif'
    """
    suffix = Path(path).suffix.lower()
    if suffix.removeprefix(".") not in FILM_FORMATS:
        shown = f"the suffix '{suffix}'" if suffix else "no suffix"
        raise InputError(
            f"animate writes moving pictures that end in .gif or .webp, got '{os.fspath(path)}' with {shown}",
            parameter="animate",
        )
    return suffix.removeprefix(".")


def film_bytes(
    picture: "Anneal", result: "AnnealResult", *, fmt: str, style: str = "screen", look: FilmLook = USUAL
) -> bytes:
    """Render annealed descent as a moving picture.

    Parameters
    ----------
    picture, result
        What to show: ``result = picture.compute()``.
    fmt
        ``gif`` or ``webp``.
    style
        A key of `noisyviz.pictures.shared.style.STYLES`.
    look
        What else an author decides.

    Returns
    -------
    bytes
        The same for the same settings under the same versions, with the settings inside.
    """
    from noisyviz.pictures.anneal.animation import animation_bytes
    from noisyviz.pictures.anneal.film import film

    made = provenance.record(
        recipe=picture.name, settings=picture.settings(), style=style, width="animation", seed=picture.seed
    )
    if look.stored():
        made["film"] = look.stored()
    shown = film(result, picture.noisy_unit(), seed=picture.seed)
    with styled(rc_settings(style)):
        return sealed(
            animation_bytes(
                shown, result, fmt=fmt, text=provenance.as_text(made), width=look.inches, fps=look.fps, loop=look.loop
            )
        )
