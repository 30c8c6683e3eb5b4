"""A bar on standard error for work that takes long, and for a person only."""

import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S: Final = 1.0


class Bar:
    """A bar that appears once the work has taken a second; into a file or a plain terminal it never does."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.began = time.monotonic()
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") in ("dumb", "unknown")
        self.wanted = sys.stderr.isatty() and not plain
        self.progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.progress is not None:
            self.progress.stop()

    def show(self, share: float) -> None:
        """Show that this share of the work is done."""
        if not self.wanted:
            return
        if self.progress is None:
            if time.monotonic() - self.began < PATIENCE_S:
                return
            from rich.console import Console
            from rich.progress import Progress

            self.progress = Progress(console=Console(stderr=True), transient=True)
            self.progress.add_task(self.what, total=1.0)
            self.progress.start()
        self.progress.update(self.progress.task_ids[0], completed=share)
