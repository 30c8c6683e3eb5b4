"""Rendering moving pictures: the counterpart of `noisyviz.export.render.picture_bytes` for GIF and WebP."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from noisyviz.errors import InputError
from noisyviz.export import provenance
from noisyviz.export.formats import FILM_FORMATS
from noisyviz.export.integrity import sealed
from noisyviz.export.render import rc_settings
from noisyviz.export.styled import styled

if TYPE_CHECKING:
    from noisyviz.pictures.anneal.picture import Anneal, AnnealResult


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


def film_bytes(picture: "Anneal", result: "AnnealResult", *, fmt: str, style: str = "screen") -> bytes:
    """Render annealed descent as a moving picture.

    Parameters
    ----------
    picture, result
        What to show: ``result = picture.compute()``.
    fmt
        ``gif`` or ``webp``.
    style
        A key of `noisyviz.pictures.shared.style.STYLES`.

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
    shown = film(result, picture.noisy_unit(), seed=picture.seed)
    with styled(rc_settings(style)):
        return sealed(animation_bytes(shown, result, fmt=fmt, text=provenance.as_text(made)))
