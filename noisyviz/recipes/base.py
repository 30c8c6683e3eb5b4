"""What every picture recipe offers: settings that can be stored, numbers, and a drawing."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
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


class Recipe(Protocol[Result]):
    """A picture: a frozen dataclass whose fields are the settings that make it again.

    Fields hold JSON values only (numbers, texts, tuples of them, a `DataSource` or None). A recipe with
    random numbers has a field ``seed``.
    """

    name: ClassVar[str]

    def compute(self, data: npt.NDArray[np.float64] | None = None) -> Result:
        """Return every number in the picture, draws included; `data` are the values of its data source."""
        ...

    def size(self, result: Result, width_in: float) -> tuple[float, float]:
        """Return width and height in inches; the height depends on the text, hence on the style in force."""
        ...

    def draw(self, result: Result, figure: "Figure") -> None:
        """Draw into a figure of that size."""
        ...

    def tables(self, result: Result) -> Mapping[str, Columns]:
        """Return the data behind the picture: suffix of the file's stem (first one empty) to columns."""
        ...


class Dataclass(Protocol):
    """Any instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


def settings(recipe: Dataclass) -> dict[str, Any]:
    """Return the settings of a recipe as JSON values.

    Examples
    --------
    >>> settings(DataSource(file="a.npz", array="layer1", sha256="00"))
    {'file': 'a.npz', 'array': 'layer1', 'sha256': '00'}
    """
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe), allow_nan=False))
    return values


class Stored:
    """Mix-in that makes a recipe again from its stored settings."""

    __slots__ = ()

    @classmethod
    def from_settings(cls, stored: Mapping[str, Any]) -> Self:
        """Return the recipe with these settings; unknown or missing names raise TypeError."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        source = values.get("data")
        if isinstance(source, dict):
            values["data"] = DataSource(**source)
        return cls(**values)
