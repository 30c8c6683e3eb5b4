"""Making a picture again from the record inside it, without trusting the record.

Nothing in a file is executed or imported: pictures come from our own registry, settings are checked value by value, and
what is not stored (data, functions of a user's own) has to be given again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from noisyviz import __version__
from noisyviz.errors import InputError, NoisyvizError
from noisyviz.export import provenance
from noisyviz.export.film import FilmLook
from noisyviz.export.formats import FILM_FORMATS, PICTURE_FORMATS
from noisyviz.export.integrity import intact
from noisyviz.networks.array_files import check_regular, naming, split_source
from noisyviz.networks.values import Values, read_values
from noisyviz.pictures.picture import DataSource, Picture
from noisyviz.pictures.shared.finish import Finish
from noisyviz.pictures.stored import own_functions, stored_picture

LARGEST: Final = 1 << 28  # bytes of a picture; ours have less than a tenth
MOST_STEPS: Final = 200_000_000  # of single trajectories; a minute or less
FILM_WIDTH: Final = "animation"
_BEGINNINGS: Final = {
    "png": b"\x89PNG\r\n\x1a\n",
    "pdf": b"%PDF-",
    "pgf": provenance.COMMENT,
    "gif": b"GIF8",
    "webp": b"RIFF",
    "svg": b"<?xml",
}
_UNFIT: Final = (ArithmeticError, AssertionError, LookupError, MemoryError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PictureFile:
    """A picture that was found whole.

    Attributes
    ----------
    name
        What messages call it.
    payload
        Its bytes.
    format
        A member of `PICTURE_FORMATS` or `FILM_FORMATS`, told from its first bytes.
    picture
        What it shows, checked.
    style, width
        How, not checked yet.
    finish, film
        How else, a film only by the latter; checked.
    versions
        What made it: name of a package, noisyviz among them, to version.
    """

    name: str
    payload: bytes
    format: str
    picture: Picture[Any]
    style: str
    width: str
    finish: Finish
    film: FilmLook
    versions: Mapping[str, str]

    @property
    def formats(self) -> tuple[str, ...]:
        """What it can be made again as, its own format first."""
        kin = FILM_FORMATS if self.format in FILM_FORMATS else PICTURE_FORMATS
        return (self.format, *(name for name in kin if name != self.format))

    @property
    def source(self) -> DataSource | None:
        """Where its data came from, None without data."""
        source: DataSource | None = getattr(self.picture, "data", None)
        return source


def read_picture(path: str, *, functions: Sequence[str] = ()) -> PictureFile:
    """Read a picture that noisyviz made.

    Parameters
    ----------
    path
        The file.
    functions
        The functions of the user's own, ``module:function``, that the picture shows. Nothing else is ever imported.

    Raises
    ------
    InputError
        When it is missing, from elsewhere, changed, cut short, or holds what this version does not store; and when
        it shows other functions of a user's own than those given.
    """
    with naming(path):
        check_regular(Path(path))
        if Path(path).stat().st_size > LARGEST:
            raise InputError(f"is larger than {LARGEST >> 20} MiB, as no picture of noisyviz is")
        payload = Path(path).read_bytes()
        record = provenance.read_record(path)
        fmt = next((name for name, start in _BEGINNINGS.items() if payload.startswith(start)), None)
        if record is None or fmt is None:
            raise InputError(
                "holds no picture of noisyviz, or is cut short: replay reads the png, svg, pdf, pgf, gif and webp "
                "files that noisyviz writes, as 'noisyviz plot -o unit.png' does"
            )
        if not intact(payload):
            raise InputError("is not as noisyviz wrote it: it was changed or cut short")
        _check_functions(record.get("settings"), functions)
        try:
            picture = stored_picture(record.get("recipe"), record.get("settings"))
            style, width = _text(record, "style"), _text(record, "width")
            versions = _versions(record)
            finish, film = Finish.from_stored(record.get("finish", {})), FilmLook.from_stored(record.get("film", {}))
        except InputError as error:
            raise InputError(f"cannot be made again: {error}") from error
        _check_work(picture)
        if (width == FILM_WIDTH) is not (fmt in FILM_FORMATS) or (width == FILM_WIDTH and picture.name != "anneal"):
            raise InputError(f"cannot be made again: no '{picture.name}' of width '{width}' is a {fmt} file")
    return PictureFile(
        name=path,
        payload=payload,
        format=fmt,
        picture=picture,
        style=style,
        width=width,
        finish=finish,
        film=film,
        versions=versions,
    )


def _check_work(picture: Picture[Any]) -> None:
    """Refuse settings of a file that ask for hours of work; who wants that can ask the command itself."""
    settings = picture.settings()
    if "trajectories" in settings:
        schedules = settings["schedule"]
        number = len(schedules) if isinstance(schedules, list) else 1
        steps = number * settings["steps"] * settings["trajectories"]
        if steps > MOST_STEPS:
            raise InputError(
                f"cannot be made again: its settings ask for {steps:,} steps of single trajectories, more than the "
                f"{MOST_STEPS:,} that are done on behalf of a file; give them to the command '{picture.name}' instead"
            )


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str) or len(value) > 100:
        raise InputError(f"its {key} is no short text")
    return value


def _versions(record: Mapping[str, Any]) -> dict[str, str]:
    found = record.get("versions")
    if not isinstance(found, dict) or len(found) > 20:
        raise InputError("its versions are no list of names and texts")
    for word in (*found, *found.values(), record["noisyviz"]):
        if not isinstance(word, str) or not word.isprintable() or len(word) > 200:
            raise InputError("its versions are no list of names and texts")
    return {"noisyviz": record["noisyviz"], **found}


def changes(stored: PictureFile, fmt: str | None = None) -> dict[str, tuple[str | None, str | None]]:
    """Return the versions that differ between a picture and this installation: name to (there, here).

    Parameters
    ----------
    picture
        The picture.
    fmt
        The format that is written, None for its own; only PGF depends on TeX.
    """
    now = {"noisyviz": __version__, **provenance.versions()}
    then = dict(stored.versions)
    if (fmt or stored.format) == stored.format == "pgf":
        from noisyviz.export import pgf

        now |= pgf.versions()
    elif stored.format == "pgf":
        then.pop("tex", None)
    names = dict.fromkeys([*then, *now])
    return {name: (then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)}


def _check_functions(stored: Any, given: Sequence[str]) -> None:
    """Refuse to go on unless exactly the functions of the user's own in stored settings are given again."""
    found = own_functions(stored) if isinstance(stored, dict) else []
    for name in given:
        if name not in found:
            held = f"it holds {', '.join(found)}" if found else "it holds none of a user's own"
            raise InputError(f"has no function '{name}' in it; {held}")
    for name in found:
        if name not in given:
            raise InputError(
                f"shows '{name}', code of a user's own, which is imported only when you name it again with --fn"
            )


def given_data(found: PictureFile, text: str | None) -> Values | None:
    """Read the data of a picture from where the user says they are.

    Parameters
    ----------
    found
        The picture.
    text
        ``FILE[:ARRAY]``, by default the array that the picture names; None for a picture without data.

    Raises
    ------
    InputError
        When the data are missing, or not those that the picture was made from.
    """
    stored = found.source
    if stored is None:
        if text is not None:
            raise InputError(f"data are not part of picture '{found.name}'; leave them out", parameter="data")
        return None
    label = f"{stored.file}:{stored.array}" if stored.array else stored.file
    if text is None:
        raise InputError(
            f"data of picture '{found.name}' are not stored in it; give '{label}' again as FILE[:ARRAY]",
            parameter="data",
        )
    source = split_source(text)
    if not source.array and stored.array and source.path.suffix.lower() != ".npy":
        text = f"{text}:{stored.array}"
    values = read_values(text)
    if values.array != stored.array or values.sha256 != stored.sha256:
        same = values.sha256 == stored.sha256  # another array of the same file
        given, shown = ("", "") if same else (f" (sha256 {one.sha256[:12]}…)" for one in (values, stored))
        raise InputError(
            f"data '{text}'{given} are not those of picture '{found.name}', which shows '{label}'{shown}",
            parameter="data",
        )
    return values


def profiled(stored: PictureFile, texts: Sequence[str]) -> Any:
    """Return the numbers in the picture of a profile, from files that are read again.

    Parameters
    ----------
    stored
        The picture.
    texts
        The files, as ``noisyviz profile`` took them.

    Raises
    ------
    InputError
        When files are missing, or not those that the picture was made from.
    """
    from noisyviz.networks.array_sources import arrays_of
    from noisyviz.networks.digests import Digests
    from noisyviz.networks.profile import Profiler

    picture: Any = stored.picture
    labels = ", ".join(f"'{one.file}:{one.array}'" if one.array else f"'{one.file}'" for one in picture.files)
    if not texts:
        raise InputError(f"data of picture '{stored.name}' are not stored in it; give {labels} again", parameter="data")
    settings = {"functions": dict(picture.functions), "axis": picture.axis, "axes": dict(picture.axes)}
    profiler = Profiler(fn=picture.fn, unit=picture.noisy_unit(), **settings)
    with Digests() as digests:
        for found in arrays_of(texts, digests=digests):
            profiler.add(found.name, found.array, alias=found.alias, columns=found.columns, file=found.file)
        read = digests.records()
    if [(one["array"], one["sha256"]) for one in read] != [(one.array, one.sha256) for one in picture.files]:
        raise InputError(
            f"data '{', '.join(texts)}' are not those of picture '{stored.name}', which shows {labels}",
            parameter="data",
        )
    try:
        with np.errstate(all="ignore"):
            return picture.of(profiler.finish())
    except _UNFIT as error:
        raise _unfit(stored, error) from error


def computed(stored: PictureFile, values: Values | None, *, progress: Callable[[float], None] | None = None) -> Any:
    """Return the numbers in a picture; functions of the user's own in it are imported here.

    Raises
    ------
    InputError
        When the settings lead to no picture.
    """
    extra: dict[str, Any] = {"progress": progress} if stored.picture.name == "anneal" else {}
    try:
        with np.errstate(all="ignore"):  # settings may be extreme
            return stored.picture.compute(None if values is None else values.finite, **extra)
    except _UNFIT as error:
        raise _unfit(stored, error) from error


def drawn(stored: PictureFile, result: Any, fmt: str) -> bytes:
    """Return the bytes of a picture made again, as one of its `PictureFile.formats`.

    Raises
    ------
    InputError
        When the settings lead to no picture.
    """
    from noisyviz.export.film import film_bytes
    from noisyviz.export.render import picture_bytes

    try:
        with np.errstate(all="ignore"):
            if fmt in FILM_FORMATS:
                return film_bytes(stored.picture, result, fmt=fmt, style=stored.style, look=stored.film)  # type: ignore[arg-type]
            return picture_bytes(
                stored.picture, result, fmt=fmt, style=stored.style, width=stored.width, finish=stored.finish
            )
    except _UNFIT as error:
        raise _unfit(stored, error) from error


def _unfit(stored: PictureFile, error: BaseException) -> InputError:
    reason = str(error) if isinstance(error, NoisyvizError) else f"its settings lead to none ({type(error).__name__})"
    return InputError(f"picture '{stored.name}' cannot be made again: {reason}")
