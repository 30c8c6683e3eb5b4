"""What the surroundings of a run may do to it: settings of Matplotlib, its messages, displays."""

import logging
import os
import sys
from typing import Final

from noisyviz.cli import terminal

# what a message of Matplotlib begins with, and what is said in its place; other messages are left out
_SAID: Final = {
    "Matplotlib created a temporary cache directory": (
        "note: Matplotlib cannot write its cache, so every start takes longer; "
        "set MPLCONFIGDIR to a folder that can be written"
    ),
    "Failed to extract font properties": "note: a font of this machine is damaged and left out",
}
_GRAPHICAL: Final = ("DISPLAY", "WAYLAND_DISPLAY")


class _InOurWords(logging.Handler):
    """Says once, in a sentence, what Matplotlib would say in its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Say what the message means to the user."""
        message = record.getMessage()
        for begin, sentence in _SAID.items():
            if message.startswith(begin) and sentence not in self.said:
                self.said.add(sentence)
                terminal.say(sentence)


def prepare_matplotlib() -> None:
    """Draw without a window, whatever a notebook or a shell asks for, and keep Matplotlib's log off standard error."""
    os.environ["MPLBACKEND"] = "agg"
    log = logging.getLogger("matplotlib")
    if not any(isinstance(handler, _InOurWords) for handler in log.handlers):
        log.addHandler(_InOurWords())
    log.propagate = False


def has_display() -> bool:
    """Whether a window could be opened."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in _GRAPHICAL)
