"""Drawing in a style of ours and leaving Matplotlib's settings as they were, from any thread."""

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

_ONE_AT_A_TIME: Final = threading.RLock()
"""`rcParams` belong to the whole process: two threads that set and restored them at once would mix them up."""


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
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield
