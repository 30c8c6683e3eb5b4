"""Writing files: whole or not at all, and never over a stranger's."""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from noisyviz.errors import MENDABLE, InputError, NoisyvizError
from noisyviz.export import marks
from noisyviz.export.integrity import seal_file

_WRITERS: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH

PathLike = str | os.PathLike[str]


def check_target(path: PathLike, *, force: bool = False, header: str | None = None) -> Path:
    """Return where a file would be written, links resolved, or raise when that would fail or do harm.

    Parameters
    ----------
    path
        The file to be written.
    force
        Replace a file that noisyviz did not make, or that was changed since.
    header
        How a CSV or JSON table to be written begins.

    Raises
    ------
    InputError
        When the folder is missing or not writable, or the path is a folder, a device or another's work.
    """
    shown = os.fspath(path)
    if not shown:
        raise InputError("output must be the name of a file, got ''", parameter="output")
    target = Path(os.path.realpath(shown))
    if os.path.exists(shown) and not (os.path.isfile(shown) or os.path.isdir(shown)):
        raise InputError(f"output {shown!r} is not a regular file; '-' is standard output", parameter="output")
    if target.is_symlink():
        raise InputError(f"output {shown!r} is a link that leads to itself", parameter="output")
    folder = target.parent
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        if os.path.islink(shown):
            raise InputError(
                f"output {shown!r} cannot be written: it is a link to {os.readlink(shown)!r}, whose folder {state}",
                parameter="output",
            )
        raise InputError(
            f"output {shown!r} cannot be written: its folder {str(Path(shown).parent)!r} {state}",
            parameter="output",
        )
    with explained(shown):
        if target.is_dir():
            raise InputError(f"output {shown!r} is a folder; name a file in it", parameter="output")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(13, "its folder is not writable")
        _try_to_write(folder)
        if not target.exists():
            return target
        if not (force or marks.made_by_noisyviz(target, header=header)):
            raise InputError(
                f"output {shown!r} exists and was not made by noisyviz, or was changed since; use force to replace it",
                parameter="output",
            )
        if not force and not (target.stat().st_mode & _WRITERS and os.access(target, os.W_OK)):
            raise InputError(f"output {shown!r} is write-protected; use force to replace it", parameter="output")
    return target


def write_bytes(path: PathLike, payload: bytes, *, force: bool = False, header: str | None = None) -> Path:
    """Write a whole file or nothing, see `write_file`."""
    return write_file(path, lambda file: file.write(payload), force=force, header=header)


def write_file(
    path: PathLike,
    fill: Callable[[IO[bytes]], object],
    *,
    force: bool = False,
    header: str | None = None,
    seal: bool = False,
) -> Path:
    """Write a whole file or nothing, see `check_target` for what is refused.

    The bytes go to a new file in the same folder, which takes the name once they are on the disk: nobody ever sees half
    a file. A file that is replaced leaves its permissions to the new one.

    Parameters
    ----------
    path, force, header
        As in `check_target`; a file with a `header` is marked as ours.
    fill
        Writes the content into an open file.
    seal
        Put the digest into its place near either end of the content.

    Returns
    -------
    Path
        The path as given.

    Raises
    ------
    InputError
        As `check_target`.
    NoisyvizError
        When writing fails, for instance on a full disk.
    """
    shown = os.fspath(path)
    target = check_target(path, force=force, header=header)
    partial = target.with_name(f".{target.name[:40]}.{secrets.token_hex(4)}.part")

    def finish(file: IO[bytes]) -> None:
        fill(file)
        file.flush()
        if seal:
            seal_file(file)
        if header is not None:
            marks.mark(file)
        if target.exists() and hasattr(os, "fchmod"):
            os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
        os.fsync(file.fileno())

    with explained(shown):
        try:
            _write_new(partial, finish)
            os.replace(partial, target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)
    return Path(path)


def _try_to_write(folder: Path) -> None:
    """Raise what creating a file in a folder would raise: some file systems refuse what their permissions allow."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o600))
    except (AttributeError, OSError):
        path = folder / f".noisyviz.{secrets.token_hex(4)}.part"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        path.unlink()


def _write_new(path: Path, finish: Callable[[IO[bytes]], None]) -> None:
    """Write a new file that has no name before it is whole, where the system can do that (Linux, most file systems)."""
    try:
        number = os.open(path.parent, os.O_TMPFILE | os.O_RDWR, 0o666)
    except (AttributeError, OSError):
        with path.open("x+b") as file:
            finish(file)
        return
    with os.fdopen(number, "w+b") as file:
        finish(file)
        try:
            # With a folder's descriptor, though none is needed, Python calls linkat, which follows the link in /proc.
            os.link(f"/proc/self/fd/{number}", path, src_dir_fd=number, follow_symlinks=True)
        except OSError:
            with path.open("x+b") as named:
                finish(named)


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, where folders can be synchronised."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


@contextlib.contextmanager
def explained(shown: str) -> Iterator[None]:
    """Turn the system's refusals into sentences about the output that is called `shown`."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        message = f"output {shown!r} cannot be written: {reason}"
        if error.errno in MENDABLE:
            raise InputError(message, parameter="output") from error
        raise NoisyvizError(message) from error
