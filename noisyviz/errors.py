"""Every failure that noisyviz reports, with the exit code of the command line."""

import errno
from collections.abc import Iterable
from typing import Final

MENDABLE: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS}
)
"""What the system refuses because of the name or place that was given, which the user can correct."""


class NoisyvizError(Exception):
    """A failure that noisyviz expects and explains in one sentence."""

    exit_code = 1


class InputError(NoisyvizError, ValueError):
    """An invalid option, value or input file, which the user can correct.

    Parameters
    ----------
    message
        One sentence that names the parameter, its value and what is allowed.
    parameter
        The invalid parameter as the Python API spells it; the command line names its flag instead.

    Examples
    --------
    >>> str(InputError("c must be finite and at least 0, got -1", parameter="c"))
    'c must be finite and at least 0, got -1'
    """

    exit_code = 2

    def __init__(self, message: str, *, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class MissingExtraError(NoisyvizError):
    """A feature needs an optional package that is not installed."""

    exit_code = 1


class NotReachedError(NoisyvizError):
    """A search finished without finding a setting that reaches the target."""

    exit_code = 3


class Ended(BaseException):
    """A signal asked the process to end; no `Exception`, so that nothing on the way takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


def printable(text: str) -> str:
    r"""Return a text on one line without control characters and halves of surrogate pairs, which are spelled out.

    Examples
    --------
    >>> printable("a\nb\x1b\udcff")
    'a\\nb\\x1b\\udcff'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(message: str, most: int = 1000) -> str:
    """Return a message of at most about so many letters, whatever long value was put into it.

    Examples
    --------
    >>> shortened("short"), len(shortened("9" * 5000))
    ('short', 1003)
    """
    return message if len(message) <= most else f"{message[: 7 * most // 10]} … {message[-3 * most // 10 :]}"


def suggestion(word: str, allowed: Iterable[str]) -> str:
    """Return a hint at the nearest allowed word, or nothing when none is near.

    Parameters
    ----------
    word
        What was given.
    allowed
        The words that would have been accepted.

    Returns
    -------
    str
        ``"; did you mean 'tanh'?"`` or ``""``, to be put at the end of a message.

    Examples
    --------
    >>> suggestion("tahn", ["tanh", "sigmoid"])
    "; did you mean 'tanh'?"
    >>> suggestion("quadratic", ["tanh", "sigmoid"])
    ''
    """
    import difflib  # which a shell that waits for completion need not load

    near = difflib.get_close_matches(word.lower(), list(allowed), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def check_name(parameter: str, name: str, allowed: Iterable[str]) -> None:
    """Refuse a name that a registry does not hold.

    Raises
    ------
    InputError
        With the names that are allowed, and the nearest of them.
    """
    names = list(allowed)
    if name not in names:
        raise InputError(
            f"{parameter} must be one of {', '.join(names)}, got '{name}'{suggestion(str(name), names)}",
            parameter=parameter,
        )
