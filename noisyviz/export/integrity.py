"""The seal of a picture: a digest of the whole file inside its own record, so that any later change shows.

The record begins ``{"noisyviz":"…","sha256":"…"``, as one run of bytes in every format. The digest is that of the file
with 64 zeros in its place (and, in a PNG, the checksum that belongs to them). It is no signature: it finds accidents
and careless edits, not a forger, which is why replaying trusts nothing in a record either.
"""

import hashlib
import re
import zlib
from itertools import islice
from typing import IO, Final

from noisyviz.errors import InputError

UNSEALED: Final = "0" * 64
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PNG_KEY: Final = "noisyviz"

_SEAL: Final = re.compile(rb'\{\s{0,8}"noisyviz":\s?"[^"\\]{1,40}",\s{0,8}"sha256":\s?"([0-9a-f]{64})"')
_CRC: Final = 4  # bytes of a checksum
_NEAR: Final = 512  # bytes at either end of a table within which the record stands
_TWO_PLACES: Final = InputError("a name in the file reads like the record of a noisyviz file; rename it")


def sealed(payload: bytes) -> bytes:
    """Return a file with its digest in its record, which must hold `UNSEALED` once.

    Raises
    ------
    InputError
        When a name or text in the file looks like a record, so that the digest would have two places.

    Examples
    --------
    >>> done = sealed(b'% noisyviz {"noisyviz":"1","sha256":"' + UNSEALED.encode() + b'"} rest')
    >>> intact(done), intact(done + b"more"), intact(done.replace(b"rest", b"test"))
    (True, False, False)
    """
    place = _place(payload)
    if place is None:
        raise _TWO_PLACES
    parts = _parts(payload, place, hashlib.sha256(payload).hexdigest().encode("ascii"))
    return b"".join(parts)


def seal_file(file: IO[bytes]) -> None:
    """Put the digest of an open file into its record, which stands near the beginning or the end; not for PNG.

    Raises
    ------
    InputError
        As `sealed`.
    """
    size = file.seek(0, 2)
    places = []
    for start in sorted({0, max(0, size - _NEAR)}):
        file.seek(start)
        place = _place(file.read(_NEAR))
        if place is not None:
            places.append(start + place)
    if len(set(places)) != 1:
        raise _TWO_PLACES
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any file that can be read
    file.seek(places[0])
    file.write(digest.encode("ascii"))
    file.flush()


def intact(payload: bytes) -> bool:
    """Tell whether a file is as it was when it was sealed; in linear time, without a copy of it."""
    place = _place(payload)
    if place is None:
        return False
    digest = hashlib.sha256()
    for part in _parts(payload, place, UNSEALED.encode("ascii")):
        digest.update(part)
    found = payload[place : place + 64]
    if digest.hexdigest().encode("ascii") != found:
        return False
    # Filling in again what was found must give the file back: otherwise a checksum of a PNG is wrong.
    checksum = _checksum_place(payload, place)
    return checksum is None or payload[checksum : checksum + _CRC] == _checksum(payload, place, checksum, found)


def _place(payload: bytes) -> int | None:
    found = list(islice(_SEAL.finditer(payload), 2))
    return found[0].start(1) if len(found) == 1 else None


def _parts(payload: bytes, place: int, digest: bytes) -> list[bytes | memoryview]:
    """Return the pieces of a file with another digest, and with the checksum of a PNG that belongs to it."""
    view = memoryview(payload)
    checksum = _checksum_place(payload, place)
    if checksum is None:
        return [view[:place], digest, view[place + 64 :]]
    told = _checksum(payload, place, checksum, digest)
    return [view[:place], digest, view[place + 64 : checksum], told, view[checksum + _CRC :]]


def _checksum_place(payload: bytes, place: int) -> int | None:
    """Return where the checksum of the text chunk around a place in a PNG stands; None in any other file."""
    if not payload.startswith(PNG_SIGNATURE):
        return None
    key = payload.rfind(PNG_KEY.encode() + b"\0", 0, place)
    if key < 8:
        return None
    end = key + int.from_bytes(payload[key - 8 : key - 4])
    return end if place + 64 <= end <= len(payload) - _CRC else None


def _checksum(payload: bytes, place: int, end: int, digest: bytes) -> bytes:
    view = memoryview(payload)
    start = payload.rfind(PNG_KEY.encode() + b"\0", 0, place) - 4
    found = zlib.crc32(view[start:place])
    return zlib.crc32(view[place + 64 : end], zlib.crc32(digest, found)).to_bytes(_CRC)
