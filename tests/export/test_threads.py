"""Pictures drawn in several threads are those that one thread draws, and Matplotlib's settings stay as they were."""

import threading
from concurrent.futures import ThreadPoolExecutor

import matplotlib as mpl

from noisyviz.export.render import picture_bytes
from noisyviz.pictures.overview.picture import Overview

LOOKS = [(style, fmt) for style in ("paper", "screen", "dark") for fmt in ("png", "svg")]


def drawn(look: tuple[str, str]) -> bytes:
    style, fmt = look
    picture = Overview(points=41, samples=20, panels=("activation", "sigma"))
    return picture_bytes(picture, picture.compute(), fmt=fmt, style=style, width="icml")


def test_six_threads_draw_what_one_does_and_leave_the_settings_alone() -> None:
    before = dict(mpl.rcParams)
    alone = [drawn(look) for look in LOOKS]
    assert dict(mpl.rcParams) == before
    together = threading.Barrier(len(LOOKS))

    def at_once(look: tuple[str, str]) -> bytes:
        together.wait(timeout=60)
        return drawn(look)

    with ThreadPoolExecutor(len(LOOKS)) as pool:
        for _ in range(2):
            assert list(pool.map(at_once, LOOKS)) == alone
    assert dict(mpl.rcParams) == before
