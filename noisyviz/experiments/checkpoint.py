"""Files of a run, each written whole or not at all, and checkpoints that can be read safely."""

import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from noisyviz.errors import InputError

FORMAT: Final = 2
CHECKPOINT: Final = "checkpoint.pt"
BEST: Final = "best.pt"
RECORD: Final = "run.json"
CURVE: Final = "curve.csv"
UNITS: Final = "units.csv"


def does_not_fit(folder: Path, error: Exception) -> InputError:
    """Return what to raise where a checkpoint holds other things than this version stores."""
    return InputError(f"the checkpoint in {folder} does not fit this version of noisyviz ({error})")


class Held:
    """A folder that this process alone writes into, until it is closed or ends.

    On Windows, and where a file system cannot lock, others are not kept out.

    Raises
    ------
    InputError
        When another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = -1
        if sys.platform == "win32":
            return
        import fcntl

        try:
            self._descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise InputError(
                f"{folder} is being written by another process; wait for its end, or name another folder with -o"
            ) from None
        except OSError:
            self.close()

    def close(self) -> None:
        """Let others in."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    __del__ = close


def write_whole(path: Path, payload: bytes) -> None:
    """Replace a file at once: after a crash or on a full disk the old one is still there, never half a new one."""
    partial = path.with_name(f".{path.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain values."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    write_whole(path, buffer.getvalue())


def read_checkpoint(folder: Path) -> dict[str, Any]:
    """Return the content of a run's checkpoint; only tensors and plain values are ever made, no code is run.

    Raises
    ------
    InputError
        When there is none, or it is damaged, of another version or no checkpoint of a run.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise InputError(f"--resume must be the folder of one run, but {folder} holds no {CHECKPOINT}")
    try:
        found = torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # what torch.load makes of a damaged file depends on its bytes
        raise InputError(f"{path} is damaged or no checkpoint of noisyviz; start the run again with --force") from error
    if not isinstance(found, dict) or "format" not in found:
        raise InputError(f"{path} is no checkpoint of noisyviz")
    if found["format"] != FORMAT:
        raise InputError(
            f"{path} is of format {found['format']}, and this version of noisyviz reads {FORMAT}; "
            "resume it with the version that wrote it"
        )
    checked: dict[str, Any] = found
    return checked


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write ``run.json``."""
    write_whole(folder / RECORD, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())


def write_curve(folder: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Write ``curve.csv``, a row for each evaluation."""
    write_whole(folder / CURVE, _table(rows))


def write_units(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write ``units.csv``, a row for each array of units at each moment they were looked at."""
    write_whole(folder / UNITS, _table(rows))


def _table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    def cell(value: Any) -> str:
        return value if isinstance(value, str) else f"{value:.9g}"

    header = list(rows[0]) if rows else []
    lines = [",".join(header), *(",".join(cell(row[name]) for name in header) for row in rows)]
    return ("\n".join(lines) + "\n").encode()
