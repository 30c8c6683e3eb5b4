"""Every option of the command line, once: its flags, its default, how it is read, and what its help says.

A command names the options it takes; `command` makes the function that Typer calls. Values arrive as text, so that
`noisyviz.cli.parsing` can answer a bad one by its flag, its value and what is allowed.
"""

import contextlib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Final

import typer

from noisyviz.cli.parsing import (
    MAX_POINTS,
    MAX_SAMPLES,
    distinct,
    interval,
    member,
    number,
    seed_from,
    single,
    split_list,
    whole,
)
from noisyviz.errors import InputError
from noisyviz.pictures.overview import DRAWN
from noisyviz.units.parameters import PARAMETERS, Parameter


def as_given(text: str, _flag: str) -> str:
    """Return the text itself, where the numerical rooms check it."""
    return text


@dataclass(frozen=True, slots=True)
class Option:
    """One option, or one argument.

    Attributes
    ----------
    name
        The key under which a command finds it; ``c_start`` is ``--c-start``.
    metavar, help
        What its help says.
    also
        Further flags, such as ``-o``.
    argument
        Whether it is an argument, without a flag; `required` then says whether it must be given.
    default
        Read as if it had been given; None where there is no such text.
    told
        What the help says of the default, where that is not `default`.
    read
        From the text and the flag to the value.
    type
        What Typer collects: ``list[str]`` for an option that takes several values.
    refused
        Why a command does not take the option: the rest of a sentence that begins with its flag.
    """

    name: str
    metavar: str
    help: str
    also: tuple[str, ...] = ()
    argument: bool = False
    required: bool = False
    default: str | None = None
    told: str | None = None
    read: Callable[..., Any] = as_given
    type: Any = str
    refused: str = ""

    @property
    def flag(self) -> str:
        """The long flag."""
        return f"--{self.name.replace('_', '-')}"

    def parameter(self) -> inspect.Parameter:
        """Return the parameter that Typer makes the option from."""
        told, metavar = self.told or self.default, self.metavar or None
        if self.argument:
            info: Any = typer.Argument(metavar=metavar, help=self.help, show_default=told or False)
        else:
            text = f"{self.help}  [default: {told}]" if told else self.help
            info = typer.Option(
                self.flag, *self.also, metavar=metavar, help=text, show_default=False, hidden=bool(self.refused)
            )
        empty: Any = inspect.Parameter.empty if self.required else False if self.type is bool else None
        kind = self.type if self.required or self.type is bool else self.type | None
        return inspect.Parameter(
            self.name, inspect.Parameter.KEYWORD_ONLY, default=empty, annotation=Annotated[kind, info]
        )


class Given:
    """What a user gave on the command line, by option."""

    def __init__(self, options: Sequence[Option], texts: Mapping[str, Any]) -> None:
        self._options = {option.name: option for option in options}
        self._texts = texts
        for option in options:
            if option.refused and texts[option.name] is not None:
                raise InputError(f"{option.flag} {option.refused}")

    def __getitem__(self, name: str) -> Any:
        """Return what was given, as Typer collected it: text, texts, a truth value, or None."""
        return self._texts[name]

    def takes(self, name: str) -> bool:
        """Whether the command takes this option."""
        return name in self._options

    def has(self, name: str) -> bool:
        """Whether the command takes this switch and it is on."""
        return bool(self._texts.get(name))

    def value(self, name: str) -> Any:
        """Return the one value of an option, or that of its default; None where it has none."""
        option, text = self._options[name], self._texts[name]
        if option.type == list[str]:
            text = single(text, option.flag, option.default)
        text = option.default if text is None else text
        return None if text is None else option.read(text, option.flag)

    def values(self, name: str, *, default: Sequence[str] | None = None) -> tuple[Any, ...]:
        """Return the distinct values of an option that takes several; `default` stands in for that of the table."""
        option = self._options[name]
        usual = default if default is not None else (option.default or "").split(",")
        flag = option.flag
        return tuple(option.read(text, flag) for text in distinct(self._texts[name], flag, usual))


def command(options: Sequence[Option], run: Callable[[Given], None]) -> Callable[..., None]:
    """Return the function that Typer makes a command from: it takes the options and calls ``run(given)``."""

    def call(**texts: Any) -> None:
        from noisyviz.cli import terminal

        given = Given(options, texts)
        with terminal.prints_apart():
            run(given)
            if not given.has("quiet"):
                tell_own_functions(given)

    parameters = [option.parameter() for option in options]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    return call


def tell_own_functions(given: Given) -> None:
    """Say on standard error what was not found of functions of the user's own."""
    texts = [text for name in ("fn", "array") if given.takes(name) for text in given[name] or ()]
    parts = split_list(texts, "--fn") if texts else []
    for name in dict.fromkeys(part.rpartition("=")[2].strip() for part in parts if re.search(r"[:(x]", part)):
        from noisyviz.cli import terminal
        from noisyviz.units.activations import activation

        with contextlib.suppress(InputError):  # part of something else
            for note in activation(name).notes:
                terminal.say(f"note: function '{name}': {note}")


def _of_unit(parameter: Parameter) -> Option:
    read: Callable[..., Any] = as_given
    if parameter.members:
        read = partial(member, registry=parameter.members)
    elif not isinstance(parameter.default, str):
        read = partial(number, at_least=parameter.at_least)
    told = parameter.default if isinstance(parameter.default, str) else f"{parameter.default:g}"
    metavar = {"unit": "KIND"}.get(parameter.name, "NAME" if isinstance(parameter.default, str) else "NUMBER")
    return Option(parameter.name, metavar, f"{parameter.help}.", default=told, read=read, type=list[str])


UNIT: Final = tuple(_of_unit(parameter) for parameter in PARAMETERS.values())
"""The activation and every parameter of the noisy unit."""
FN: Final = UNIT[0]
NOISE: Final = UNIT[1:]
"""The parameters alone, for a command that takes the activation apart."""

AT: Final = Option(
    "at", "LIST", "Points x, such as -3,0,2.5 or -4:4:0.1 (end included); inf is allowed.", type=list[str]
)
XLIM: Final = Option(
    "xlim",
    "LO HI",
    "Range of x; --xlim=LO,HI is the same.",
    told="from 3 below the lower threshold to 3 above the upper",
    read=interval,
    type=tuple[str, str],
)
POINTS: Final = Option(
    "points",
    "N",
    "Number of points in the range, 2 to 1e6.",
    default="401",
    read=partial(whole, low=2, high=MAX_POINTS),
)
PLACES: Final = (AT, XLIM, POINTS)
"""Where to evaluate."""

SAMPLES: Final = Option(
    "samples", "N", "Number of draws, 1 to 1e10.", default="100000", read=partial(whole, low=1, high=MAX_SAMPLES)
)
CLOUD: Final = partial(whole, low=1, high=1_000_000)
"""Reads the number of draws that a picture shows one by one."""
SEED: Final = Option("seed", "N", "Random seed; 'random' picks one and reports it.", default="0", read=seed_from)
PANELS: Final = Option("panels", "LIST", "Panels to draw, in this order.", default=",".join(DRAWN), type=list[str])

OUTPUT: Final = Option(
    "output", "PATH", "File to write (may be repeated); '-' is standard output.", also=("-o",), type=list[str]
)
FORMAT: Final = Option("format", "NAME", "File format; overrides the suffix.")
STYLE: Final = Option(
    "style",
    "NAME",
    "Style: paper, screen, dark or slide.",
    default="paper",
    read=partial(member, registry="noisyviz.pictures.shared.style:STYLES"),
)
WIDTH: Final = Option(
    "width",
    "WIDTH",
    "Width: icml, icml-page, neurips, iclr, a4, slide, a part such as icml/2, or a length such as 8.5cm, 85mm, 3.25in "
    "or 240pt.",
    default="icml-page",
)
NO_CAPTION: Final = Option("no_caption", "", "Leave out the caption and print its text instead.", type=bool)
LEGEND: Final = Option(
    "legend",
    "NAME",
    "Legends: above (the panels) or none.",
    default="above",
    read=partial(member, registry="noisyviz.pictures.shared.finish:LEGENDS"),
)
LETTERS: Final = Option("letters", "", "Letter the panels a, b, ...", type=bool)
FONT_SIZE: Final = Option("font_size", "PT", "Size of all text, 4 to 40 points.", told="that of the style", read=number)
DPI: Final = Option(
    "dpi",
    "N",
    "Dots per inch of a png, and of pixels in other formats, 30 to 2400.",
    told="that of the style",
    read=partial(whole, low=30, high=2400),
)
TRANSPARENT: Final = Option("transparent", "", "Leave out the background.", type=bool)
SVG_TEXT: Final = Option(
    "svg_text", "", "Text in an svg as text, for editing; its fonts must be installed where it is opened.", type=bool
)
FINISH: Final = (NO_CAPTION, LEGEND, LETTERS, FONT_SIZE, DPI, TRANSPARENT, SVG_TEXT)
"""What an author decides about a picture beside style and width."""
WITH_DATA: Final = Option("with_data", "", "Also write the data of each picture as CSV.", type=bool)
SHOW: Final = Option("show", "", "Open the picture in the system's viewer.", type=bool)
TERMINAL: Final = Option(
    "terminal", "", "Print the curves as text (extra 'terminal'); without -o nothing is written.", type=bool
)
JSON: Final = Option("json", "", "Print one JSON document.", type=bool)
QUIET: Final = Option("quiet", "", "Suppress notes and the names of written files.", also=("-q",), type=bool)
FORCE: Final = Option("force", "", "Overwrite files that noisyviz did not make.", type=bool)
FILES: Final = (OUTPUT, FORMAT)
PICTURE: Final = (STYLE, WIDTH, *FINISH, WITH_DATA, SHOW)
"""How a picture looks and what goes with it."""
PRINTING: Final = (JSON, QUIET, FORCE)


def changed(options: Sequence[Option], **changes: Mapping[str, Any]) -> tuple[Option, ...]:
    """Return options with those of these names changed, for a command that means something else by them.

    Examples
    --------
    >>> [option.default for option in changed((STYLE, WIDTH), width={"default": "icml"})]
    ['paper', 'icml']
    """
    return tuple(replace(option, **changes.get(option.name, {})) for option in options)
