"""Drawing in a style of ours and leaving Matplotlib's settings as they were, from any thread."""

import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

_ONE_AT_A_TIME: Final = threading.RLock()
"""`rcParams` belong to the whole process: two threads that set and restored them at once would mix them up."""

_MISSING: Final[dict[str, None]] = {}
"""Characters that no font had, in the order in which they came."""


@contextmanager
def styled(rc: Mapping[Any, Any]) -> Iterator[None]:
    """Draw with these settings and restore those in force afterwards, one thread at a time.

    Parameters
    ----------
    rc
        Matplotlib's settings by name.
    """
    import matplotlib as mpl

    with _ONE_AT_A_TIME, mpl.rc_context(dict(rc)), warnings.catch_warnings():
        # A letter that no shipped font has becomes a box: that is no reason to refuse the picture.
        warnings.filterwarnings("always", message="Glyph .* missing from font")
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            glyph = re.match(r"Glyph (\d+) .*missing from font", str(message))
            if glyph is None:
                usual(message, category, *place, **more)
            else:
                _MISSING[chr(int(glyph[1]))] = None

        warnings.showwarning = show
        yield


def take_missing() -> list[str]:
    """Return the characters that were drawn as boxes since the last call."""
    with _ONE_AT_A_TIME:
        found = list(_MISSING)
        _MISSING.clear()
    return found
