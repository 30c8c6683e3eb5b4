"""The seal of a picture: a digest of the whole file inside its own record, so that any later change shows.

The record begins ``{"noisyviz":"…","sha256":"…"``, as one run of bytes in every format. The digest is that of the file
with 64 zeros in its place (and, in a PNG, the checksum that belongs to them). It is no signature: it finds accidents
and careless edits, not a forger, which is why replaying trusts nothing in a record either.
"""

import hashlib
import re
import zlib
from typing import Final

UNSEALED: Final = "0" * 64
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PNG_KEY: Final = "noisyviz"

_SEAL: Final = re.compile(rb'\{"noisyviz":"[^"\\]{1,40}","sha256":"([0-9a-f]{64})"')


def sealed(payload: bytes) -> bytes:
    """Return a file with its digest in its record, which must hold `UNSEALED` once.

    Examples
    --------
    >>> done = sealed(b'% noisyviz {"noisyviz":"1","sha256":"' + UNSEALED.encode() + b'"} rest')
    >>> intact(done), intact(done + b"more"), intact(done.replace(b"rest", b"test"))
    (True, False, False)
    """
    place = _place(payload)
    assert place is not None
    return _filled(payload, place, hashlib.sha256(payload).hexdigest())


def intact(payload: bytes) -> bool:
    """Tell whether a file is as it was when it was sealed."""
    place = _place(payload)
    if place is None:
        return False
    found = payload[place : place + 64].decode("ascii")
    blank = _filled(payload, place, UNSEALED)
    # Filling in again what was found must give the file back: otherwise a checksum of a PNG is wrong.
    return hashlib.sha256(blank).hexdigest() == found and _filled(blank, place, found) == payload


def _place(payload: bytes) -> int | None:
    found = list(_SEAL.finditer(payload))
    return found[0].start(1) if len(found) == 1 else None


def _filled(payload: bytes, place: int, text: str) -> bytes:
    payload = payload[:place] + text.encode("ascii") + payload[place + 64 :]
    return _recounted(payload, place) if payload.startswith(PNG_SIGNATURE) else payload


def _recounted(payload: bytes, place: int) -> bytes:
    """Return a PNG with the right checksum of the text chunk around a place."""
    key = payload.rfind(PNG_KEY.encode() + b"\0", 0, place)
    length = int.from_bytes(payload[key - 8 : key - 4])
    end = key + length
    if key < 8 or not place < end <= len(payload) - 4:
        return payload
    return payload[:end] + zlib.crc32(payload[key - 4 : end]).to_bytes(4) + payload[end + 4 :]
