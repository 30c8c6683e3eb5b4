"""The path of a newcomer, from nothing: ``python3 benchmarks/newcomer.py [REPOSITORY]`` prints the time of each step.

Needs only Python, git and the network for pip. Every command stands in README.md or docs/start.md just so; the script
stops where one does not, or where one fails.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

KEPT: Final = ("PATH", "LANG", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")

# what a newcomer wants, the page that says how, its command, and what must be there afterwards
STEPS: Final = (
    (
        "first picture",
        "README.md",
        "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/noisyviz plot --fn tanh",
        "plot-tanh.png",
    ),
    (
        "first page",
        "docs/start.md",
        ".venv/bin/noisyviz explore --fn hard-tanh --unit nah --alpha 1.15",
        "explore-hard-tanh-nah-a1.15.html",
    ),
    (
        "own function",
        "docs/start.md",
        '.venv/bin/noisyviz plot --fn "x*tanh(softplus(x))"',
        "plot-x-times-tanh-softplus-x.png",
    ),
    ("data to try", "docs/start.md", ".venv/bin/noisyviz sample", "gates.npz"),
    (
        "their profile",
        "docs/start.md",
        ".venv/bin/noisyviz profile gates.npz --fn sigmoid --array cell_candidate=tanh -o gates.png",
        "gates.png",
    ),
    ("own data", "docs/start.md", ".venv/bin/noisyviz profile mine.csv --fn tanh -o mine.png", "mine.png"),
    ("a noise level for them", "docs/start.md", ".venv/bin/noisyviz calibrate mine.csv --fn tanh", None),
)


def main(repository: str) -> None:
    """Go the whole path in a folder that is deleted at the end."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        environment = {key: text for key, text in os.environ.items() if key in KEPT or key.startswith("PIP_")}
        environment |= {"HOME": name}
        checkout = home / "noisyviz"
        began = time.monotonic()
        timed("clone", ["git", "clone", "-q", repository, str(checkout)], home, environment)
        for what, page, command, made in STEPS:
            if command not in (checkout / page).read_text(encoding="utf-8").splitlines():
                sys.exit(f"{page} does not name: {command}")
            if "mine.csv" in command and not (checkout / "mine.csv").exists():
                (checkout / "mine.csv").write_text(own_data())
            timed(what, ["bash", "-c", command], checkout, environment)
            if made and not (checkout / made).stat().st_size:
                sys.exit(f"{made} is empty")
        print(f"{time.monotonic() - began:7.1f} s  all of it")


def timed(what: str, words: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a command, and print how long it took."""
    began = time.monotonic()
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{what}: exit code {done.returncode}\n{done.stderr}")
    print(f"{time.monotonic() - began:7.1f} s  {what}: {' '.join(words[-1:])}", flush=True)


def own_data() -> str:
    """Return 200 samples of three units as a table of text, as a spreadsheet writes it."""
    rng = random.Random(1)
    rows = [[f"{rng.gauss(0.0, 1.0 + 2.0 * unit):.4f}" for unit in range(3)] for _ in range(200)]
    return "\n".join(["a,b,c", *(",".join(row) for row in rows)]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).parents[1]))
