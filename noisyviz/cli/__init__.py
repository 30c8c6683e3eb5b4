"""The command line: a thin layer that parses, calls the library and renders what comes back."""

import gc

# Loading the libraries makes objects that all stay: looking for garbage among them at the usual rate takes a tenth of
# the time of a small picture, and finds none.
gc.set_threshold(100_000, 20, 20)

from noisyviz.cli.app import main  # noqa: E402

__all__ = ["main"]
