"""Settings that come from a file: every value is checked against the type of its field before a picture sees it."""

import dataclasses
import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from noisyviz.errors import InputError
from noisyviz.pictures import picture_class
from noisyviz.pictures.picture import Picture
from noisyviz.units.names import FAMILIES

_LONGEST_BITS: Final = 1000  # of a whole number; any of them is a float too
_SHOWN: Final = 60
_NO_FUNCTIONS: Final = ("noise", "data", "caption", "panels", "rows", "runs")
"""Settings whose texts name no function."""


def stored_picture(name: object, stored: object) -> Picture[Any]:
    """Return the picture of this name with these settings.

    Parameters
    ----------
    name, stored
        As found in a file: a key of `noisyviz.pictures.PICTURES`, and all fields of that picture as JSON values.

    Raises
    ------
    InputError
        For anything else: another name, a setting too many or too few, a wrong type, a number that is not finite,
        and a value that the picture refuses.

    Examples
    --------
    >>> stored_picture("plot", {"fn": ["tanh"]})
    Traceback (most recent call last):
    noisyviz.errors.InputError: settings of 'plot' lack unit
    """
    if not isinstance(name, str):
        raise InputError(f"the name of its picture is {_shown(name)}, which is no text")
    picture = picture_class(name)
    if not isinstance(stored, dict):
        raise InputError(f"settings of '{name}' are {_shown(stored)}, not a list of names and values")
    hints = get_type_hints(picture)
    fields = {field.name: hints[field.name] for field in dataclasses.fields(picture)}  # type: ignore[arg-type]
    stored = {**picture.earlier, **stored}
    for key in fields:
        if key not in stored:
            raise InputError(f"settings of '{name}' lack {key}")
    for key in stored:
        if key not in fields:
            raise InputError(f"settings of '{name}' hold {_shown(key)}, which this version does not know")
    try:
        return picture(**{key: _converted(key, stored[key], hint) for key, hint in fields.items()})
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"settings of '{name}' do not fit together ({type(error).__name__})") from error


def own_functions(settings: Mapping[str, Any]) -> list[str]:
    """Return the functions of a user's own that settings name as ``module:function``.

    Any text with a colon counts, but for distributions (``student-t:5``), functions with parameters (``elu:0.5``), the
    names of data files, and what pictures of training runs hold.

    Examples
    --------
    >>> own_functions({"fn": ["tanh", "os:system"], "noise": "student-t:5"})
    ['os:system']
    """
    pending: list[Any] = [value for key, value in settings.items() if key not in _NO_FUNCTIONS]
    found = []
    while pending:
        value = pending.pop()
        if isinstance(value, str) and ":" in value:
            if value.partition(":")[0] not in FAMILIES:
                found.append(value)
        elif isinstance(value, Mapping):
            pending += value.values()
        elif isinstance(value, list | tuple):
            pending += value
    return sorted(set(found))


def _converted(key: str, value: Any, hint: Any) -> Any:
    """Return a JSON value as the field takes it: lists become tuples, objects dataclasses."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _first_fit(key, value, get_args(hint))
    if hint in (NoneType, None) and value is None:
        return None
    if hint in (bool, str) and isinstance(value, hint):
        return value
    if hint in (int, float) and _is_number(value, whole=hint is int):
        return value
    if origin is tuple and isinstance(value, list):
        return _tuple(key, value, get_args(hint))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        hints = get_type_hints(hint)
        if set(value) == set(hints):
            return hint(**{name: _converted(f"{key}.{name}", value[name], hints[name]) for name in hints})
    raise InputError(f"setting {key} is {_shown(value)}, which is not of its kind")


def _first_fit(key: str, value: Any, hints: tuple[Any, ...]) -> Any:
    for hint in hints:
        try:
            return _converted(key, value, hint)
        except InputError:
            continue
    raise InputError(f"setting {key} is {_shown(value)}, which is not of its kind")


def _tuple(key: str, value: list[Any], hints: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(hints) == 2 and hints[1] is Ellipsis:
        hints = hints[:1] * len(value)
    if len(hints) != len(value):
        raise InputError(f"setting {key} holds {len(value)} values; {len(hints)} are needed")
    return tuple(_converted(key, item, hint) for item, hint in zip(value, hints, strict=True))


def _is_number(value: Any, *, whole: bool) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return value.bit_length() <= _LONGEST_BITS
    return not whole and isinstance(value, float) and math.isfinite(value)


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a list of names and values" if isinstance(value, dict) else f"a list of {len(value)} values"
    text = repr(value) if not isinstance(value, int) or value.bit_length() <= _LONGEST_BITS else "a very long number"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
