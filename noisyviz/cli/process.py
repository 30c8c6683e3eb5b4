"""What the process owes to where it runs: a signal ends it in order, and no standard stream is missing."""

import os
import signal
import sys
from types import FrameType
from typing import Any, Final, NoReturn

from noisyviz.cli import end_at_once
from noisyviz.errors import Ended

SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def run() -> NoReturn:
    """Run the command line, and end with its exit code or with 128 plus the number of the signal that ended it.

    While modules load and while the interpreter closes, there is nothing to clear up and a signal ends the process at
    once; in between it is an exception, on whose way temporary files, unfinished files and other processes go. What the
    parent has told us to ignore, as ``nohup`` does, stays ignored.
    """
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    _answer(heard, end_at_once)
    open_streams()
    from noisyviz.cli.app import app

    sys.unraisablehook = _unraisable
    code: Any
    try:
        _answer(heard, _raise)
        code = app()
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except Ended as end:
        code = end.exit_code
    _answer(heard, end_at_once)
    sys.exit(code)


def open_streams() -> None:
    """Put the null device in the place of standard streams that are closed, as ``2>&-`` does.

    Else the next file that is opened would take the number of the stream, and get what is meant for it. Standard input
    stays None, for nothing can be read there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number, which is this one
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # for as long as the process lives
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _answer(numbers: list[int], handler: Any) -> None:
    for number in numbers:
        ours = handler is _raise and number == signal.SIGINT
        signal.signal(number, signal.default_int_handler if ours else handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    raise Ended(number)


def _unraisable(unraisable: Any) -> None:
    """End also where the interpreter cannot let an exception through, as in a callback of the garbage collector."""
    if isinstance(unraisable.exc_value, KeyboardInterrupt | Ended):
        os._exit(getattr(unraisable.exc_value, "exit_code", 128 + signal.SIGINT))
    sys.__unraisablehook__(unraisable)
