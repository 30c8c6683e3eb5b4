"""A headless Chromium for tests of the page; no test of it runs where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DRIVER = shutil.which("chromedriver")
MISSING = next(
    (
        reason
        for there, reason in (
            (find_spec("selenium"), "selenium is not installed; the extra 'test' holds it"),
            (CHROMIUM, "there is no Chromium; Debian's package is chromium"),
            (DRIVER, "there is no chromedriver; Debian's package is chromium-driver"),
        )
        if not there
    ),
    "",
)
"""Why no browser can be started; empty where one can."""


@contextmanager
def browser(folder: Path) -> Iterator[Any]:
    """Start a Chromium whose profile lies in a folder, and which finds no host but this machine."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    words = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars")
    for word in (*words, f"--user-data-dir={folder}", "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def look(driver: Any, *, width: int, height: int = 900, dark: bool = False) -> None:
    """Set the size of the window in CSS pixels, and the colours that the system prefers."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
