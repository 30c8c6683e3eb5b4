"""Runs that are killed at random moments, writing included, and go on: weights and metrics must be those of one run.

``python -m benchmarks.resume [KILLS] [UPDATES]`` needs PyTorch; the defaults, ten kills in each of two tasks, take some
minutes.
"""

import hashlib
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

CHILD = """
import os, signal, sys, threading
from pathlib import Path
import torch
torch.set_num_threads(1)
from noisyviz.experiments import execute, loop, unique
from noisyviz.experiments.settings import Settings

task, folder, updates, delay = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
loop.SAVE_EVERY_S, unique.TESTED, execute.TESTED_ROWS = 0.05, 300, 151
sizes = {"unique": {"hidden": 32}, "execute": {"hidden": 32, "batch": 8, "rows": 251}}[task]
settings = Settings(
    task=task, activation="nan", seed=5, anneal=(30.0, 0.5, "paper"), options={**sizes, "updates": updates, "every": 25}
)
run = loop.resume(folder) if (folder / "checkpoint.pt").is_file() else loop.begin(settings, folder)
if delay:
    threading.Timer(delay, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
run.go()
"""
LONGEST_S = 1.0


def outcome(folder: Path) -> tuple[str, dict[str, float]]:
    """Return the digest of all weights of a finished run, and its metrics."""
    from noisyviz.experiments.checkpoint import read_checkpoint

    found = read_checkpoint(folder)
    weights = hashlib.sha256()
    for name, value in found["model"].items():
        weights.update(name.encode() + value.numpy().tobytes())
    return weights.hexdigest(), {key: value for key, value in found["final"].items() if key != "seconds"}


def child(task: str, folder: Path, updates: int, delay: float) -> int:
    """Train in a process that is killed after a delay, 0 for never; return its exit code."""
    words = [sys.executable, "-c", CHILD, task, str(folder), str(updates), str(delay)]
    return subprocess.run(words, check=False).returncode


def main(kills: int, updates: int) -> int:
    """Compare, and return the exit code."""
    rng, wrong = random.Random(0), 0
    for task in ("unique", "execute"):
        with tempfile.TemporaryDirectory() as place:
            whole, killed = Path(place, "whole"), Path(place, "killed")
            if child(task, whole, updates, 0.0):
                return 1
            hit, code = 0, -signal.SIGKILL
            for _ in range(kills):
                code = child(task, killed, updates, rng.uniform(0.0, LONGEST_S) or LONGEST_S)
                if code >= 0:
                    break  # it came to its end, or was killed between that and its exit
                hit += code == -signal.SIGKILL
            if code < 0:
                child(task, killed, updates, 0.0)
            same = outcome(whole) == outcome(killed)
            print(f"{task}: {hit} kills, weights and metrics {'equal' if same else 'DIFFERENT'}", flush=True)
            wrong += not same
    return min(wrong, 1)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*numbers, *(10, 1500)[len(numbers) :]))
