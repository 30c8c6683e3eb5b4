"""The page of ``explore`` in headless Chromium: from a move of a slider to the second frame after it."""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

import noisyviz as nv
from benchmarks.timing import Row

UNITS: Final = ("nan", "nah", "nani", "nanil", "nanis", "nanil-softplus")
MOVES: Final = """
const [moves, done] = arguments, slider = document.getElementById("c-slider"), found = [];
function move() {
    if (found.length === moves) return done(found);
    slider.value = 1 + 0.03 * found.length;
    const from = performance.now();
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    requestAnimationFrame(() => requestAnimationFrame(() => {
        found.push(performance.now() - from);
        setTimeout(move, 30);
    }));
}
move();
"""


def frames(*, quick: bool) -> list[Row]:
    """Return the median times for every kind, with tanh and normal noise; nothing without a browser."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from browser import MISSING, browser, look

    if MISSING:
        print(f"left out: {MISSING}")
        return []
    rows = []
    with tempfile.TemporaryDirectory() as folder, browser(Path(folder) / "profile") as driver:
        page = Path(folder) / "unit.html"
        nv.explore(nv.NoisyUnit("tanh")).save(page)
        look(driver, width=1400)
        driver.set_script_timeout(120)
        for unit in UNITS:
            driver.get("about:blank")
            driver.get(f"{page.as_uri()}#unit={unit}&c=1")
            taken = driver.execute_async_script(MOVES, 11 if quick else 41)
            rows.append(
                Row(
                    what=f"second frame after a slider of {unit} moves",
                    value=statistics.median(taken),
                    unit="ms",
                    target=50.0,
                    note=f"slowest {max(taken):.0f} ms",
                )
            )
    return rows
