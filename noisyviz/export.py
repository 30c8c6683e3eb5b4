"""Rendering and saving: whole files or none, the same bytes on every run, never over a stranger's file."""

import contextlib
import csv
import json
import os
import secrets
import stat
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz import __version__, provenance
from noisyviz.errors import InputError, NoisyvizError, suggestion
from noisyviz.plots.style import style as style_settings
from noisyviz.plots.style import width_in
from noisyviz.recipes.base import Columns, Recipe, Result, settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE_FORMATS: Final = ("png", "svg", "pdf")
TABLE_FORMATS: Final = ("csv", "npz", "json")

_PathLike = str | os.PathLike[str]
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip archive can hold

# Settings that a picture depends on: a user's own matplotlibrc must not change what we export.
_OWN_GROUPS: Final = (
    *("agg.", "axes.", "figure.", "font.", "grid.", "hatch.", "hist.", "image.", "legend.", "lines."),
    *("markers.", "mathtext.", "patch.", "path.", "pdf.", "savefig.", "scatter.", "svg.", "text."),
    *("xaxis.", "xtick.", "yaxis.", "ytick."),
)
_NOT_OURS: Final = ("figure.max_open_warning", "figure.raise_window", "savefig.directory")


def format_of(path: _PathLike, *, given: str | None = None, allowed: Sequence[str] = PICTURE_FORMATS) -> str:
    """Return the format of an output: the one given, else the one its suffix names.

    Raises
    ------
    InputError
        When neither names a format of `allowed`.

    Examples
    --------
    >>> format_of("a.PDF"), format_of("a.dat", given="svg")
    ('pdf', 'svg')
    """
    if given is not None:
        if given not in allowed:
            hint = suggestion(given, allowed)
            raise InputError(f"format must be one of {', '.join(allowed)}, got {given!r}{hint}", parameter="format")
        return given
    suffix = Path(path).suffix
    if suffix.lower().removeprefix(".") not in allowed:
        wanted = ", ".join(f".{name}" for name in allowed)
        shown = f"suffix {suffix!r}" if suffix else "no suffix"
        raise InputError(f"output {os.fspath(path)!r} has {shown}; it must end in {wanted}", parameter="output")
    return suffix.lower().removeprefix(".")


def check_target(path: _PathLike, *, force: bool = False, header: str | None = None) -> Path:
    """Return where a file would be written, links resolved, or raise when that would fail or do harm.

    Parameters
    ----------
    path
        The file to be written.
    force
        Replace a file that noisyviz did not make.
    header
        First line of a CSV file to be written, by which an earlier one is recognised.

    Raises
    ------
    InputError
        When the folder is missing or not writable, or the path is a folder, a device or another's file.
    """
    shown = os.fspath(path)
    if not shown:
        raise InputError("output must be the name of a file, got ''", parameter="output")
    target = Path(os.path.realpath(shown))
    folder = target.parent
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(
            f"output {shown!r} cannot be written: its folder {str(Path(shown).parent)!r} {state}",
            parameter="output",
        )
    with _explained(shown):
        if target.is_dir():
            raise InputError(f"output {shown!r} is a folder; name a file in it", parameter="output")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "its folder is not writable")
        if not target.exists():
            return target
        if not stat.S_ISREG(target.stat().st_mode):
            raise InputError(f"output {shown!r} is not a regular file", parameter="output")
        if not (force or provenance.made_by_noisyviz(target, header=header)):
            raise InputError(
                f"output {shown!r} exists and was not made by noisyviz; use force to replace it",
                parameter="output",
            )
    return target


def write_bytes(path: _PathLike, payload: bytes, *, force: bool = False, header: str | None = None) -> Path:
    """Write a whole file or nothing, see `check_target` for what is refused.

    The bytes go to a new file in the same folder, which then takes the name: nobody ever sees half a file.

    Returns
    -------
    Path
        The path as given.

    Raises
    ------
    InputError
        As `check_target`.
    NoisyvizError
        When writing fails, for instance on a full disk.
    """
    target = check_target(path, force=force, header=header)
    partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    with _explained(os.fspath(path)):
        try:
            with partial.open("xb") as file:
                file.write(payload)
            os.replace(partial, target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    return Path(path)


@contextlib.contextmanager
def _explained(shown: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        message = f"output {shown!r} cannot be written: {reason}"
        if isinstance(error, PermissionError):
            raise InputError(message, parameter="output") from error
        raise NoisyvizError(message) from error


def picture_bytes(
    recipe: Recipe[Result], result: Result, *, fmt: str, style: str = "paper", width: str = "icml-page"
) -> bytes:
    """Render a picture.

    Parameters
    ----------
    recipe, result
        What to draw: ``result = recipe.compute()``.
    fmt
        ``png``, ``svg`` or ``pdf``.
    style
        A key of ``noisyviz.plots.style.STYLES``.
    width
        A venue or length, see ``noisyviz.plots.style.width_in``.

    Returns
    -------
    bytes
        The same for the same settings under the same versions, with the settings in the metadata.

    Raises
    ------
    InputError
        For an unknown format, style or width.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    fmt = format_of("", given=fmt)
    width_inches, rc = width_in(width), rc_settings(style)
    made = provenance.record(
        recipe=recipe.name,
        settings=settings(recipe),  # type: ignore[arg-type]  # a protocol cannot say "dataclass"
        style=style,
        width=width,
        seed=getattr(recipe, "seed", None),
    )
    stream = BytesIO()
    with mpl.rc_context(rc), warnings.catch_warnings():
        # A letter that no shipped font has becomes a box: that is no reason to refuse the picture.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=recipe.size(result, width_inches))
        if fmt == "png":
            _share_formulas(figure)
        recipe.draw(result, figure)
        figure.savefig(stream, format=fmt, metadata=provenance.embedded(made, fmt=fmt))
    return stream.getvalue()


def write_picture(
    recipe: Recipe[Result],
    result: Result,
    path: _PathLike,
    *,
    fmt: str | None = None,
    style: str = "paper",
    width: str = "icml-page",
    force: bool = False,
) -> Path:
    """Render a picture and write it, see `picture_bytes` and `write_bytes`."""
    fmt = format_of(path, given=fmt)
    check_target(path, force=force)
    return write_bytes(path, picture_bytes(recipe, result, fmt=fmt, style=style, width=width), force=force)


def data_paths(recipe: Recipe[Result], result: Result, picture: _PathLike) -> dict[Path, Columns]:
    """Return the CSV files that go beside a picture, ``a.csv`` beside ``a.png``, and their columns."""
    stem = Path(picture).with_suffix("")
    return {stem.with_name(f"{stem.name}{suffix}.csv"): columns for suffix, columns in recipe.tables(result).items()}


def write_data(recipe: Recipe[Result], result: Result, picture: _PathLike, *, force: bool = False) -> list[Path]:
    """Write the data behind a picture as CSV beside it, and return the paths."""
    files = data_paths(recipe, result, picture)
    for path, columns in files.items():
        check_target(path, force=force, header=provenance.header_line(columns))
    return [write_table(path, columns, {}, force=force) for path, columns in files.items()]


def table_bytes(columns: Columns, config: Mapping[str, Any], *, fmt: str) -> bytes:
    r"""Return a table as CSV, NPZ or JSON.

    Parameters
    ----------
    columns
        Name to array of shape (rows,), all of one length.
    config
        What made the numbers, JSON values; kept by NPZ (member ``config``, a JSON text) and JSON.
    fmt
        ``csv``, ``npz`` or ``json``.

    Returns
    -------
    bytes
        In JSON what is not finite is null, and counted in ``masked``; in CSV it is nan or inf.

    Examples
    --------
    >>> table_bytes({"x": np.array([0.0, 0.1])}, {}, fmt="csv")
    b'x\n0.0\n0.1\n'
    """
    fmt = format_of("", given=fmt, allowed=TABLE_FORMATS)
    config = {"noisyviz": __version__, **config}
    match fmt:
        case "csv":
            return _csv(columns)
        case "npz":
            return _npz({"config": np.array(json.dumps(config, allow_nan=False)), **columns})
        case _:
            lists = {name: _nulled(np.asarray(values)) for name, values in columns.items()}
            masked = sum(values.count(None) for values in lists.values())
            return json_bytes({"config": config, **lists, "masked": masked})


def write_table(
    path: _PathLike,
    columns: Columns,
    config: Mapping[str, Any],
    *,
    fmt: str | None = None,
    force: bool = False,
) -> Path:
    """Write a table, see `table_bytes` and `write_bytes`."""
    fmt = format_of(path, given=fmt, allowed=TABLE_FORMATS)
    header = provenance.header_line(columns) if fmt == "csv" else None
    return write_bytes(path, table_bytes(columns, config, fmt=fmt), force=force, header=header)


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as one line of JSON; with ``config`` first it is recognised as ours.

    Raises
    ------
    ValueError
        When a number in it is not finite.
    """
    return (json.dumps(document, allow_nan=False) + "\n").encode()


def _share_formulas(figure: "Figure") -> None:
    """Let the PNG renderer use the formulas that the layout has parsed: a tenth of the time of a picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg

    from noisyviz.plots.layout import MATH

    class Canvas(FigureCanvasAgg):
        def get_renderer(self) -> RendererAgg:
            renderer: RendererAgg = super().get_renderer()  # type: ignore[no-untyped-call]  # no hints there
            renderer.mathtext_parser = MATH
            return renderer

    Canvas(figure)


def rc_settings(style: str) -> dict[Any, Any]:
    """Return all rcParams of a style over Matplotlib's defaults, so that a user's own settings change no picture."""
    import matplotlib as mpl

    plain = mpl.rcParamsDefault.items()
    return {
        **{key: value for key, value in plain if key.startswith(_OWN_GROUPS) and key not in _NOT_OURS},
        **style_settings(style),
    }


def _csv(columns: Columns) -> bytes:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    text.write(provenance.header_line(columns) + "\n")
    writer.writerows(zip(*(np.asarray(values).tolist() for values in columns.values()), strict=True))
    return text.getvalue().encode()


def _npz(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Return an NPZ archive; np.savez would stamp it with the time."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            member = BytesIO()
            np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, member.getvalue())
    return stream.getvalue()


def _nulled(values: npt.NDArray[Any]) -> list[Any]:
    if values.dtype.kind != "f":
        return list(values.tolist())
    return [value if np.isfinite(value) else None for value in values.tolist()]
