"""The command line: a thin layer that parses, calls the library and renders what comes back."""

import gc
import os
import sys

# Loading the libraries makes objects that all stay: looking for garbage among them at the usual rate takes a tenth of
# the time of a small picture, and finds none.
gc.set_threshold(100_000, 20, 20)


def main() -> None:
    """Run the command line, or answer a shell that completes one."""
    # First of all, for Python would answer an interrupt with a traceback until then; the module signal, in Python
    # itself, would take its time.
    import _signal  # type: ignore[import-not-found,unused-ignore]

    if _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, end_at_once)
    if "_NOISYVIZ_COMPLETE" in os.environ:
        from noisyviz.cli.completion import answer

        found = answer(os.environ)
        if found is not None:
            sys.stdout.write(found[0] + "\n" * bool(found[0]))
            sys.exit(found[1])
    from noisyviz.cli.process import run

    run()


def end_at_once(number: int, _frame: object) -> None:
    """Answer a signal while there is nothing to clear up."""
    os._exit(128 + number)
