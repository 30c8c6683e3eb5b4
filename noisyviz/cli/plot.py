"""``noisyviz plot``: one picture of all that a noisy unit does."""

SUMMARY = HELP = "Draw."


def plot() -> None:
    """Draw."""
