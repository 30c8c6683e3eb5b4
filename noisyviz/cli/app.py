"""The Typer app, and the only place where errors become a sentence and an exit code."""

import sys


def main() -> None:
    """Run the command line."""
    sys.exit(0)
