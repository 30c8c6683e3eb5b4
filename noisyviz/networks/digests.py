"""Which bytes an answer was computed from: SHA-256 of data files, worked out in a thread of its own beside the reading.

Hashing gives the interpreter's lock back, so that a second processor core does it while the first one reads.
"""

import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PART: Final = 1 << 20


class Digests:
    """Digests of files, in the order in which they are begun; a context that ends what is not finished.

    Examples
    --------
    >>> with Digests() as digests:
    ...     digests.told("-", "", hashlib.sha256(b"abc").hexdigest())
    ...     [record] = digests.records()
    >>> record["file"], record["sha256"][:8]
    ('-', 'ba7816bf')
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._stopped = threading.Event()
        self._found: list[tuple[str, str, Path | str]] = []
        self._begun: dict[Path, Future[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._pool.shutdown(cancel_futures=True)

    def begin(self, path: Path, array: str) -> None:
        """Begin to read a regular file from which an array was asked; an empty name means all of them."""
        self._found.append((path.name, array, path))
        if path not in self._begun:
            self._begun[path] = self._pool.submit(self._digest, path)

    def told(self, file: str, array: str, sha256: str) -> None:
        """Take up a digest that is known already."""
        self._found.append((file, array, sha256))

    def records(self) -> list[dict[str, str]]:
        """Wait for the digests and return base name, array and digest of each source.

        Raises
        ------
        OSError
            When a file cannot be read any more.
        """
        return [
            {"file": file, "array": array, "sha256": where if isinstance(where, str) else self._begun[where].result()}
            for file, array, where in self._found
        ]

    def _digest(self, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while not self._stopped.is_set() and (part := file.read(_PART)):
                digest.update(part)
        return digest.hexdigest()
