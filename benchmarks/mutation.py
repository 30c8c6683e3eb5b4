"""Which mutants of a room its tests notice, by a seeded sample: ``python -m benchmarks.mutation units --count 20``.

Needs ``pip install cosmic-ray`` and a clean checkout installed with ``pip install -e ".[test]"``: the sources are
changed in place, one mutant at a time, and put back. It takes minutes and is not part of CI.
"""

import argparse
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

ROOMS = ("units", "moments", "annealing", "networks", "torch", "pictures", "export", "cli")
OF_TRAINING = ("tests/experiments/test_train_command.py", "tests/experiments/test_reproduce.py")
SHARED = ("tests/test_properties.py", "tests/test_paper_facts.py")
CONFIG = """
[cosmic-ray]
module-path = "noisyviz/{room}"
timeout = {timeout}
excluded-modules = []
test-command = "{python} -m benchmarks.mutation {room} --test{near}"
[cosmic-ray.distributor]
name = "local"
"""


def main() -> None:
    """Mutate, test and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room", choices=ROOMS)
    parser.add_argument("--count", type=int, default=20, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=None, help="end after this time and report what is done")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds for one mutant")
    parser.add_argument(
        "--near", action="store_true", help="only the tests that name the changed module, and notice less"
    )
    parser.add_argument("--test", action="store_true", help="run the room's tests once, as for every mutant")
    asked = parser.parse_args()
    if asked.test:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
        sys.exit(subprocess.call([*command, *files(asked.room, near=asked.near)]))
    with tempfile.TemporaryDirectory() as folder:
        config, session = Path(folder) / "config.toml", Path(folder) / "session.sqlite"
        text = CONFIG.format(
            room=asked.room, timeout=asked.timeout, python=sys.executable, near=" --near" if asked.near else ""
        )
        config.write_text(text, encoding="utf-8")
        command = [str(Path(sys.executable).with_name("cosmic-ray"))]
        subprocess.run([*command, "init", str(config), str(session)], check=True)
        total = sample(session, asked.count, asked.seed)
        work([*command, "exec", str(config), str(session)], asked.minutes)
        report(session, asked.room, total)


def files(room: str, *, near: bool) -> list[str]:
    """Return the files with the tests of a room, those first that name a changed module: one failure ends the run.

    `near` leaves out the others, where there is such a file.
    """
    changed = subprocess.run(["git", "diff", "--name-only", "noisyviz"], check=True, capture_output=True, text=True)
    paths = [Path(line).with_suffix("") for line in changed.stdout.splitlines()]
    names = [path.parent if path.name == "__init__" else path for path in paths]
    own = Path("tests", "pytorch" if room == "torch" else room)
    beside = (
        []
        if room == "torch"
        else [Path("noisyviz", room), *map(Path, SHARED), *(map(Path, OF_TRAINING) if room == "cli" else ())]
    )

    def far(file: Path) -> int:
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
        return min(
            (0 if one.name in file.name else 1 if ".".join(one.parts) in text else 2 for one in names), default=2
        )

    every = [*sorted(Path("tests").rglob("test_*.py")), *beside]
    ranks = {file: far(file) for file in every}
    near = near and min(ranks.values()) < 2
    kept = [file for file in every if ranks[file] < 2 or (not near and (own in file.parents or file in beside))]
    kept.sort(key=lambda file: (ranks[file], own not in file.parents))
    return [*map(str, kept), *changed.stdout.splitlines()]


def work(command: list[str], minutes: float | None) -> None:
    """Run until the end or the time is up; an interrupt lets the mutated source be put back."""
    process = subprocess.Popen(command)
    try:
        code = process.wait(None if minutes is None else 60.0 * minutes)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
        return
    if code:
        raise subprocess.CalledProcessError(code, command)


def sample(session: Path, count: int, seed: int) -> int:
    """Keep a seeded sample of the mutants, and return how many there were."""
    with sqlite3.connect(session) as database:
        rows = list(
            database.execute(
                "SELECT job_id FROM mutation_specs ORDER BY module_path, start_pos_row, start_pos_col, operator_name, "
                "occurrence"
            )
        )
        jobs = [row[0] for row in rows]
        kept = set(random.Random(seed).sample(jobs, min(count, len(jobs))))
        for job in jobs:
            if job not in kept:
                database.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
                database.execute("DELETE FROM work_items WHERE job_id = ?", (job,))
    return len(jobs)


def report(session: Path, room: str, total: int) -> None:
    """Print the share that was noticed and by which tests, and the mutants that were not.

    One whose tests did not end in time is no mutant that was noticed, unless it cannot end: judge it by hand.
    """
    with sqlite3.connect(session) as database:
        rows = list(
            database.execute(
                "SELECT m.module_path, m.start_pos_row, m.operator_name, r.test_outcome, r.diff, r.output "
                "FROM mutation_specs m JOIN work_results r ON m.job_id = r.job_id"
            )
        )
    noticed = [row for row in rows if "KILLED" in str(row[3]).upper() and row[5] != "timeout"]
    print(f"{room}: {len(noticed)} of {len(rows)} mutants noticed, sampled from {total:,}")
    for path, line, operator, _outcome, _diff, output in noticed:
        tests_failed = [text for text in output.splitlines() if text.startswith(("FAILED", "ERROR"))]
        print(f"{path}:{line} {operator}: {(tests_failed or [output[-200:]])[0]}")
    for path, line, operator, _outcome, diff, output in (row for row in rows if row not in noticed):
        print(f"-- {path}:{line} {operator}{' (out of time)' if output == 'timeout' else ''}\n{diff}")


if __name__ == "__main__":
    main()
