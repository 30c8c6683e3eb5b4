"""What every picture is: settings that can be stored, the numbers they lead to, and a drawing of these."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Columns = Mapping[str, npt.NDArray[Any]]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """Where real pre-activations came from, without a folder.

    Attributes
    ----------
    file
        Base name.
    array
        Name of the array inside the file, empty for a file that holds just one.
    sha256
        Hexadecimal digest of the file's bytes.
    """

    file: str
    array: str
    sha256: str


LONGEST_CAPTION: Final = 5000
ASIDE: Final = ("bar", "data", "final")
"""Axes that belong to the panel beside them."""


class Picture(Generic[Result]):
    """A picture: a frozen dataclass whose fields are the settings that make it again.

    Fields hold JSON values only (numbers, texts, tuples of them, a `DataSource` or None). A picture with random
    numbers has a field ``seed``. The module ``drawing`` beside a picture's own has ``size(result, width)`` and
    ``draw(result, figure)``; it is loaded when something is drawn, and Matplotlib with it.
    """

    __slots__ = ()
    name: ClassVar[str]
    earlier: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What settings of an earlier version lack, with the values that were meant."""

    def compute(
        self,
        data: npt.NDArray[np.float64] | None = None,
        *,
        progress: Callable[[float], None] | None = None,  # noqa: ARG002  # for pictures that take long
    ) -> Result:
        """Return every number in the picture, draws included.

        Parameters
        ----------
        data
            The values of its data source; None for a picture without one.
        progress
            Called with the share of the work that is done.

        Raises
        ------
        InputError
            For an unknown name, a parameter outside its domain, and data without a source or the reverse.
        """
        if data is not None:
            raise InputError("this picture takes no data", parameter="data")
        return self.numbers()

    def numbers(self) -> Result:
        """Return every number in a picture that shows no data."""
        raise NotImplementedError

    def size(self, result: Result, width_in: float) -> tuple[float, float]:
        """Return width and height in inches; the height depends on the text, hence on the style in force."""
        width, height = self._drawing().size(result, width_in)
        return width, height

    def draw(self, result: Result, figure: "Figure") -> "list[Axes]":
        """Draw into a figure of that size; return the panels in their order, without bars of colours."""
        drawn: Any = self._drawing().draw(result, figure)
        panels: Mapping[str, Axes] = drawn if isinstance(drawn, Mapping) else {"": drawn}
        return [axes for key, axes in panels.items() if key not in ASIDE]

    def tables(self, result: Result) -> Mapping[str, Columns]:
        """Return the data behind the picture: suffix of the file's stem (first one empty) to columns."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self), allow_nan=False))  # type: ignore[call-overload]  # every picture is a dataclass
        return values

    @classmethod
    def from_settings(cls, stored: Mapping[str, Any]) -> Self:
        """Return the picture with these settings; unknown or missing names raise TypeError."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        source = values.get("data")
        if isinstance(source, dict):
            values["data"] = DataSource(**source)
        return cls(**values)

    @classmethod
    def _drawing(cls) -> Any:
        return import_module(f"{cls.__module__.rpartition('.')[0]}.drawing")


def check_caption(text: str) -> None:
    """Refuse a stored caption that nobody would print."""
    if len(text) > LONGEST_CAPTION:
        raise InputError(f"caption must be at most {LONGEST_CAPTION:,} letters, got {len(text):,}", parameter="caption")
