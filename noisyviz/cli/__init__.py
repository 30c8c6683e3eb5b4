"""The command line: a thin layer that parses, calls the library and renders what comes back."""

import gc

# Loading the libraries makes objects that all stay: looking for garbage among them at the usual rate takes a tenth of
# the time of a small picture, and finds none.
gc.set_threshold(100_000, 20, 20)


def main() -> None:
    """Run the command line."""
    from noisyviz.cli.process import run  # here, and the rest later still: until then a signal finds no handler of ours

    run()
