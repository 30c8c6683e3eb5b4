"""Signals at random moments of all commands that write: ``python -m benchmarks.signals --count 100``.

After each one there must be no process of the run, no temporary file, and nothing but whole files, new or as before;
what is said on standard error is at most the names of files that were written, or a traceback of Python's own start in
which none of our code stands. Not part of CI: it takes minutes. POSIX.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

COMMANDS: Final = (
    "plot -o a.png -o a.svg -o a.pdf --with-data",
    "estimate --at -3:3:0.1 -o a.csv -o a.npz -o a.json",
    "compare --alpha 0.9,1.1 -o a.png -o a.csv",
    "anneal --steps 50 -o a.png -o a.csv --animate a.gif",
    "profile in.npy -o a.png -o a.csv",
    "profile - -o a.npz",
    "calibrate in.npy -o a.png -o a.csv",
    "figures --only 1,4,5 --format png,svg -o .",
    "replay b.png -o a.png -o a.pdf",
)
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
PATIENCE_S: Final = 60.0


def trial(words: list[str], number: int, delay_s: float, *, prepared: Path) -> list[str]:
    """Run a command, send it a signal after a while, and return what is wrong afterwards."""
    with tempfile.TemporaryDirectory() as place, tempfile.TemporaryDirectory() as scratch:
        folder = Path(place)
        inputs = {name: (prepared / name).read_bytes() for name in ("in.npy", "b.png")}
        for name, payload in inputs.items():
            (folder / name).write_bytes(payload)
        with (prepared / "in.npy").open("rb") as stdin:
            process = subprocess.Popen(
                [sys.executable, "-m", "noisyviz", *words],
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=folder,
                env=os.environ | {"TMPDIR": scratch},
                start_new_session=True,
                text=True,
            )
            time.sleep(delay_s)
            process.send_signal(number)
            try:
                _, said = process.communicate(timeout=PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return [f"still at work {PATIENCE_S:g} s later"]
        found = []
        if not gone(process.pid):
            found.append("a process is left")
        expected = (0, -signal.SIGKILL) if number == signal.SIGKILL else (0, 128 + number)
        early = process.returncode == -number and (not said or "wrote" in said)  # the interpreter begins or closes
        early = early or (process.returncode in (1, -number) and "Traceback" in said and "noisyviz" not in said)
        if process.returncode not in expected and not early:
            found.append(f"exit code {process.returncode}")
        if not early and number != signal.SIGKILL and ("Traceback" in said or "Exception" in said):
            found.append(f"said {said[-300:]!r}")
        left = [path.name for path in Path(scratch).iterdir() if number != signal.SIGKILL]
        found += [f"left {name} among the temporary files" for name in left]
        return found + [f"{path.name} is not whole" for path in sorted(folder.iterdir()) if not whole(path, inputs)]


def gone(group: int) -> bool:
    """Wait for the end of all processes of a group, and tell whether it came."""
    deadline = time.monotonic() + PATIENCE_S
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)
        os.killpg(group, signal.SIGKILL)
        return False
    return True


def whole(path: Path, inputs: dict[str, bytes]) -> bool:
    """Tell whether a file is an input as it was, or one of ours as it was written."""
    from noisyviz.export.marks import made_by_noisyviz

    return path.read_bytes() == inputs.get(path.name) or (path.suffix != ".part" and made_by_noisyviz(path))


def main() -> None:
    """Send the signals and report."""
    import numpy as np

    parser = argparse.ArgumentParser(prog="python -m benchmarks.signals", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--within", type=float, help="seconds, by default half as long again as a plot takes")
    asked = parser.parse_args()
    for heard in SIGNALS[:-1]:  # a parent such as nohup may have told us to ignore some, which would be inherited
        if signal.getsignal(heard) == signal.SIG_IGN:
            signal.signal(heard, lambda *_: None)
    rng, codes, found = random.Random(asked.seed), Counter[str](), []
    with tempfile.TemporaryDirectory() as place:
        prepared = Path(place)
        np.save(prepared / "in.npy", np.random.default_rng(0).normal(size=(20_000, 30)).astype(np.float32))
        plot = [sys.executable, "-m", "noisyviz", "plot", "-q", "-o", "b.png"]
        began = time.monotonic()
        subprocess.run(plot, cwd=prepared, check=True)
        longest = asked.within or 1.5 * (time.monotonic() - began)
        for trial_number in range(asked.count):
            words = COMMANDS[trial_number % len(COMMANDS)].split()
            number = rng.choice(SIGNALS)
            delay = rng.uniform(0.0, longest) if rng.random() < 0.8 else rng.uniform(0.0, 0.3)
            wrong = trial(words, number, delay, prepared=prepared)
            codes[number.name] += 1
            found += [f"{' '.join(words)}, {number.name} after {delay:.3f} s: {one}" for one in wrong]
            told = f": {found[-1]}" if wrong else ""
            print(f"{trial_number + 1} {' '.join(words)}, {number.name} after {delay:.2f} s{told}", flush=True)
    print(f"{codes.total()} signals ({', '.join(f'{n} {name}' for name, n in codes.items())}): {len(found)} wrong")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
