"""What every result does in a notebook: print as a short table, become plain values, and draw itself.

This module stands beside the rooms and imports none of them. Drawing lives above the numerical rooms: `drawing`
loads it by name when something is drawn, the one place where a lower room reaches a higher one.
"""

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import import_module
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Final

from noisyviz.errors import MissingExtraError

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.figure import Figure

DRAWING: Final = "noisyviz.export.plotting"
ROWS: Final = 7  # of a long table that are shown
WIDEST: Final = 60  # letters of one cell
BLOCK: Final = 1 << 15  # rows of a table that become Python values at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A short table: a line that says what it is of, a header, and rows of texts."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def text(self) -> str:
        """Return it as aligned plain text.

        Examples
        --------
        >>> print(Summary(title="Shares", header=("unit", "share"), rows=[("a", "0.25"), ("bcd", "1")]).text())
        Shares
        unit  share
        a     0.25
        bcd   1
        """
        lines = [self.header, *([_short(cell) for cell in row] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        told = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
        return "\n".join([self.title, *(line.rstrip() for line in told)])

    def html(self) -> str:
        """Return it as an HTML table."""
        from html import escape

        head = "".join(f"<th>{escape(name)}</th>" for name in self.header)
        body = "".join(f"<tr>{''.join(f'<td>{escape(_short(cell))}</td>' for cell in row)}</tr>" for row in self.rows)
        caption = f"<caption>{escape(self.title)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Result:
    """What every result can do; a class of results says how with `summary`, `plain` and `columns`."""

    __slots__ = ()

    def summary(self) -> Summary:
        """Return the short table by which the result prints."""
        values = [(field.name, getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]  # every result is a dataclass
        rows = [(name, told(value)) for name, value in values if not (isinstance(value, str) and not value)]
        return Summary(title=type(self).__name__, header=("field", "value"), rows=rows)

    def plain(self) -> dict[str, Any]:
        """Return the values as numbers, texts, lists and dictionaries, before what is not finite is replaced."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # every result is a dataclass
        return {name: _plain(value) for name, value in values.items()}

    def columns(self) -> dict[str, Any]:
        """Return the result as columns of one length, here one row of its numbers."""
        return {name: [value] for name, value in self.plain().items() if isinstance(value, int | float | str)}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the keys of the command's JSON document.

        Returns
        -------
        dict
            Ready for `json.dumps`: numbers, texts, lists and dictionaries; what is not finite is None.
        """
        found: dict[str, Any] = masked_document(self.plain())[0]
        return found

    def to_dataframe(self) -> "pd.DataFrame":
        """Return a pandas DataFrame.

        Raises
        ------
        MissingExtraError
            Where pandas is not installed.
        """
        return dataframe(self.columns())

    def __repr__(self) -> str:
        return self.summary().text()

    def _repr_html_(self) -> str:
        return self.summary().html()


class Drawable(Result):
    """A result with a picture of its own."""

    __slots__ = ()
    picture: ClassVar[str]  # its key in `noisyviz.export.plotting.DRAWERS`

    def plot(self, *, style: str = "screen", width: str = "13.6cm") -> "Figure":
        """Draw the result, as the command does.

        Parameters
        ----------
        style
            ``paper``, ``screen`` or ``dark``.
        width
            ``icml``, ``icml-page``, ``neurips``, ``iclr``, ``a4`` or a length such as ``8.5cm``.

        Returns
        -------
        matplotlib.figure.Figure
            Pyplot does not know it, so a notebook shows it once; ``savefig`` writes it in the same style.

        Raises
        ------
        InputError
            For an unknown style or width, and for a result that lacks what its picture shows.
        """
        drawn: Figure = drawing().draw(self, style=style, width=width)
        return drawn


def drawing() -> Any:
    """Return the module that draws, which lives above the rooms whose results it draws, hence by name."""
    return import_module(DRAWING)


def dataframe(columns: Mapping[str, Any]) -> "pd.DataFrame":
    """Return columns of one length as a pandas DataFrame.

    Raises
    ------
    MissingExtraError
        Where pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtraError("to_dataframe needs pandas, which is not installed: pip install pandas") from None
    return pd.DataFrame(dict(columns))


def sampled(size: int) -> list[int]:
    """Return the rows of a table that are shown: all of a short one, evenly spaced ones of a long one.

    Examples
    --------
    >>> sampled(3), sampled(401)
    ([0, 1, 2], [0, 67, 133, 200, 267, 333, 400])
    """
    if size <= ROWS:
        return list(range(size))
    return [round(k * (size - 1) / (ROWS - 1)) for k in range(ROWS)]


def told(value: object) -> str:
    """Return a value as a short text, ``-`` for NaN; of an array its type and shape, of many things their number.

    Examples
    --------
    >>> told(0.123456), told((0.25, 1.0)), told(None), told(float("nan"))
    ('0.1235', '(0.25, 1)', 'none', '-')
    """
    if value is None:
        return "none"
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, float):
        return "-" if value != value else f"{value:.4g}"
    if isinstance(value, tuple):
        return f"({', '.join(told(one) for one in value)})" if len(value) < 5 else f"{len(value)} values"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {told(one)}" for key, one in value.items())
    if isinstance(value, Result):
        return f"a {type(value).__name__}"
    if getattr(value, "shape", ()):
        return f"{value.dtype} array, shape {tuple(value.shape)}"  # type: ignore[attr-defined]  # a NumPy array
    return told(value.item()) if hasattr(value, "item") else repr(value)


def rows_of(columns: "Mapping[str, npt.NDArray[Any]]") -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table as Python values, made block by block so that a long table takes no more memory.

    NaN is an empty text, because nan is the name of a kind of unit.

    Raises
    ------
    ValueError
        When the columns are not of one length.

    Examples
    --------
    >>> import numpy as np
    >>> list(rows_of({"x": np.array([1.0, np.nan]), "n": np.array([3, 4])}))
    [(1.0, 3), ('', 4)]
    """
    arrays = list(columns.values())
    for start in range(0, max((len(values) for values in arrays), default=0), BLOCK):
        yield from zip(*(_cells(values[start : start + BLOCK]) for values in arrays), strict=True)


def _cells(values: "npt.NDArray[Any]") -> list[Any]:
    """Return the values of a column, an empty text for NaN."""
    cells: list[Any] = values.tolist()
    if values.dtype.kind == "f" and (values != values).any():
        return ["" if value != value else value for value in cells]
    return cells


def json_parts(value: Any) -> Iterator[str]:
    """Yield a JSON document piece by piece; of an array, a list with null for what is not finite.

    Raises
    ------
    ValueError
        When a number outside of the arrays is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> "".join(json_parts({"a": {"x": np.array([0.5, np.inf])}, "n": 2}))
    '{"a": {"x": [0.5, null]}, "n": 2}'
    """
    if isinstance(value, Mapping):
        yield "{"
        for number, (key, item) in enumerate(value.items()):
            yield f"{', ' if number else ''}{json.dumps(key)}: "
            yield from json_parts(item)
        yield "}"
    elif hasattr(value, "dtype") and value.ndim == 1:
        yield "["
        for start in range(0, len(value), BLOCK):
            part = value[start : start + BLOCK].tolist()
            text = json.dumps(masked(part)[0] if value.dtype.kind == "f" else part)
            yield (", " if start else "") + text[1:-1]
        yield "]"
    else:
        yield json.dumps(value, allow_nan=False)


def masked(values: Iterable[float]) -> tuple[list[float | None], int]:
    """Replace what is not finite by None and count it.

    Examples
    --------
    >>> masked([1.0, float("nan"), float("inf")])
    ([1.0, None, None], 2)
    """
    column = [value if isfinite(value) else None for value in values]
    return column, column.count(None)


def masked_document(value: Any, *, by_design: Container[str] = ()) -> tuple[Any, int]:
    """Replace what is not finite in a tree of JSON values by None and count it, but under the keys named.

    Examples
    --------
    >>> masked_document({"first": float("inf"), "x": [1.0, float("nan")]}, by_design=("first",))
    ({'first': None, 'x': [1.0, None]}, 1)
    """
    if isinstance(value, float) and not isfinite(value):
        return None, 1
    if isinstance(value, Mapping):
        items = {key: masked_document(item, by_design=by_design) for key, item in value.items()}
        found = {key: item for key, (item, _) in items.items()}
        silent = {key for key in items if key in by_design and isinstance(value[key], float)}
        return found, sum(count for key, (_, count) in items.items() if key not in silent)
    if isinstance(value, list | tuple):
        parts = [masked_document(item, by_design=by_design) for item in value]
        return [item for item, _ in parts], sum(count for _, count in parts)
    return value, 0


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.plain()
    return value.tolist() if hasattr(value, "tolist") else value


def _short(text: str) -> str:
    """Return a text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"
