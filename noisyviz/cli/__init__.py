"""The command line: a thin layer that parses, calls the library and renders what comes back."""

from noisyviz.cli.app import main

__all__ = ["main"]
