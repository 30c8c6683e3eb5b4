"""Mutated files of every format that is read, made again or checked, and random command lines.

``python -m benchmarks.mutated_files``; about one input in seven is a command line.

Each input has to end in an answer (exit code 0, 2 or 3 and at most one sentence) within 10 s of the processor and
500 MB: no internal error, no other exception, no hang. It takes some minutes and is not part of CI; what it found is
kept, small, in `tests/networks/test_hostile_arrays.py`, `tests/export/test_hostile_records.py` and `tests/experiments`.
Needs a POSIX system; files of h5py, pyarrow and torch are tried where these are installed.
"""

import argparse
import contextlib
import faulthandler
import gzip
import io
import json
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

SECONDS: Final = 10.0
MEGABYTES: Final = 500
CHUNK: Final = 1000  # inputs of one process
ANSWERS: Final = (0, 2, 3)
COMMAND: Final = "command line"
TOKENS: Final = (
    *(b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff", b"\0", b"-1", b"1e999", b"nan", b"NaN", b"null"),
    *(
        b"9" * 30,
        b"9" * 4500,
        b"0.5",
        b'"',
        b"{",
        b"[" * 300,
        b"}",
        b",",
        b"\n",
        b"(",
        b")",
        b"\\",
        b"\\ud800",
        b"true",
    ),
    *(b"'descr': '|O'", b"<f8", b"<f2", b"|S9", b"(1000000000000,)", b"PK\x05\x06", b"PK\x01\x02", b"IDAT", b"tEXt"),
    *(
        b"<dc:description>",
        b"</dc:description>",
        b"/Keywords (",
        b'{"noisyviz":"1","sha256":"',
        b"1000000",
        b"\xe2\x80\xae",
    ),
)
TRAINED: Final = ("checkpoint.pt", "a.mo", "images", "images.gz", "dict.pkl", "dict2.pkl", "dict.json", "text.txt")
Recipe = dict[str, bytes]


def seeds(folder: Path) -> Recipe:
    """Return one small whole file of each format, by name."""
    import numpy as np

    values = np.random.default_rng(0).normal(0.0, 2.0, (12, 3)).astype(np.float32)
    found: Recipe = {}
    stream = io.BytesIO()
    np.save(stream, values)
    found["a.npy"] = stream.getvalue()
    for name, save in (("stored.npz", np.savez), ("packed.npz", np.savez_compressed)):
        stream = io.BytesIO()
        save(stream, x=values, y=values[:2].astype(np.int16))
        found[name] = stream.getvalue()
    rows = "\n".join(",".join(f"{cell:.3g}" for cell in row) for row in values)
    found["a.csv"] = f"one,two,three\n{rows}\n".encode()
    header = json.dumps({"x": {"dtype": "BF16", "shape": [6, 12], "data_offsets": [0, 144]}}).encode()
    found["a.safetensors"] = struct.pack("<Q", len(header)) + header + values.tobytes()
    calls = [
        ["plot", "--points", "9", "--samples", "5", "--panels", "sigma", *(w for s in _PICTURES for w in ("-o", s))],
        ["anneal", "--steps", "3", "--trajectories", "4", "--animate", "made.gif", "--json"],
        ["anneal", "--steps", "3", "--trajectories", "4", "--animate", "made.webp", "--json"],
        ["estimate", "--at", "0,1", "--samples", "8", *(w for s in _TABLES for w in ("-o", s))],
        ["figures", "--only", "1", "--format", "png", "-o", "."],
    ]
    for words in calls:
        code, told = answer([*words, "-q"])
        assert code == 0, told
    names = (*_PICTURES, *_TABLES, "made.gif", "made.webp", "manifest.json")
    code, told = answer(["explore", "-o", "made.html", "-q"])
    assert code == 0, told
    return found | libraries(values) | {name: (folder / name).read_bytes() for name in (*names, "made.html")}


def libraries(values: Any) -> Recipe:
    """Return one small file of each format that another library reads, where that is installed."""
    from importlib.util import find_spec

    import numpy as np

    found: Recipe = {"a.csv.gz": gzip.compress(b"one;two\n" + b"0,5;-1,25\n" * 40, mtime=0)}
    stream = io.BytesIO()
    np.save(stream, np.zeros(9, [("one", "<f4"), ("two", "<f4")]))
    found["record.npy"] = stream.getvalue()
    if find_spec("h5py"):
        import h5py

        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            file.create_dataset("group/x", data=values, compression="gzip")
            file["y"] = values
        found["a.h5"] = stream.getvalue()
    if find_spec("pyarrow"):
        import pyarrow
        from pyarrow import parquet

        stream = io.BytesIO()
        parquet.write_table(pyarrow.table({"one": values[:, 0], "word": ["a"] * len(values)}), stream)
        found["a.parquet"] = stream.getvalue()
    return found


def torch_seeds() -> Recipe:
    """Return files that PyTorch or a training run reads; its import alone takes a good part of the memory allowed."""
    import pickle

    import torch

    found = {}
    for name, held in (
        ("a.pt", {"x": torch.ones(12, 3), "inside": [torch.zeros(4, dtype=torch.bfloat16), 1.5]}),
        (
            "checkpoint.pt",
            {"format": 2, "model": {"weight": torch.ones(3, 2)}, "step": 7, "rng": [1, "a", (2.0, None)]},
        ),
    ):
        stream = io.BytesIO()
        torch.save(held, stream)
        found[name] = stream.getvalue()
    words = {"eos": 0, "UNK": 1} | {f"word{k}": k for k in range(2, 20)}
    texts = [b"", b"Open the file", b"Close it now"], [b"charset=UTF-8\n", b"Ouvrir le fichier", b"Fermez donc"]
    spans, at = [], 28 + 48
    for text in (*texts[0], *texts[1]):
        spans.append(struct.pack("<2I", len(text), at))
        at += len(text)
    found["a.mo"] = struct.pack("<7I", 0x950412DE, 0, 3, 28, 52, 0, 0) + b"".join((*spans, *texts[0], *texts[1]))
    images = struct.pack(">4i", 2051, 5, 4, 3) + bytes(range(60))
    return found | {
        "images": images,
        "images.gz": gzip.compress(images, mtime=0),
        "dict.pkl": pickle.dumps(words, 0),
        "dict2.pkl": pickle.dumps(words, 4),
        "dict.json": json.dumps(words).encode(),
        "text.txt": b"one two three\n" * 9,
    }


def trained(name: str) -> tuple[int, str]:
    """Read a file as a training run does."""
    from noisyviz.cli.app import explain
    from noisyviz.experiments import checkpoint, digits, parallel, text

    read: Any = {
        "checkpoint.pt": lambda path: checkpoint.read_checkpoint(path.parent),
        "a.mo": parallel.catalogue,
        "images": lambda path: digits._idx(path, 2051),
        "images.gz": lambda path: digits._idx(path, 2051),
        "dict.pkl": lambda path: parallel.checked(path, parallel.from_pickle(path)),
        "dict2.pkl": lambda path: parallel.checked(path, parallel.from_pickle(path)),
        "dict.json": lambda path: parallel.checked(path, parallel.from_json(path)),
        "text.txt": text.read_lines,
    }
    try:
        read[name](Path(name))
    except Exception as error:
        said, code = explain(error)
        return code, f"noisyviz: {said}"
    return 0, ""


_PICTURES: Final = ("made.png", "made.svg", "made.pdf")
_TABLES: Final = ("table.csv", "table.json", "table.npz")


def mutated(payload: bytes, rng: random.Random) -> bytes:
    """Return a file with one to six random changes."""
    changed = bytearray(payload)
    for _ in range(rng.randint(1, 6)):
        place = rng.randrange(len(changed) + 1)
        length = rng.choice((1, 1, 2, 4, 8, 40, 400))
        part = bytes(changed[place : place + length])
        match rng.randrange(7):
            case 0:
                changed[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = rng.choice(TOKENS)
            case 3:
                changed[place : place + length] = rng.choice(TOKENS)
            case 4:
                changed[place:place] = part * rng.choice((1, 3, 50))
            case 5:
                del changed[place:]
            case _:
                other = rng.randrange(len(changed) + 1)
                changed[other : other + len(part)] = part
    return bytes(changed)


def changed_record(payload: bytes, rng: random.Random) -> bytes:
    """Return an SVG with a mutated record and the digest that belongs to it, so that the record is believed."""
    from noisyviz.errors import InputError
    from noisyviz.export.integrity import UNSEALED, sealed

    start, end = payload.index(b"<dc:description>") + 16, payload.index(b"</dc:description>")
    record = json.loads(payload[start:end]) | {"sha256": UNSEALED}
    settings = record["settings"]
    for _ in range(rng.randint(1, 3)):
        key = rng.choice(list(settings))
        odd: list[Any] = [0, -1, 1e300, 10**6, 10**30, "", "x" * 200, [], [[]], {}, None, True, "os:system", [1.5] * 50]
        settings[key] = rng.choice([*odd, ["tanh"] * 9, "none", "nanil", "student-t:1", [-1e6, 1e6]])
    text = json.dumps(record, separators=(",", ":")).encode()
    if rng.random() < 0.3:
        text = text[:90] + mutated(text[90:], rng)
    with contextlib.suppress(InputError):
        return sealed(payload[:start] + text + payload[end:])
    return payload[:start] + text + payload[end:]


VALUES: Final = (
    *(
        "0",
        "1",
        "-1",
        "0.5",
        "2,3",
        "-2:2:1",
        "nan",
        "inf",
        "-inf",
        "1e309",
        "1e-320",
        "",
        " ",
        ",",
        ":",
        "=",
        "-",
        "--",
    ),
    *("tanh", "hard-tanh,relu", "os:system", "missing.py:f", "student-t:2", "student-t:3", "nah", "nani,nan", "all"),
    *(
        "a.npy",
        "a.csv:one",
        "a.csv:0",
        "packed.npz:x",
        "packed.npz:z",
        "normal:0,2",
        "uniform",
        "x=tanh",
        "icml",
        "7cm",
    ),
    *(
        "9" * 4500,
        "x" * 300,
        "\x1b[31mred",
        "naïve\u202e",
        "..",
        "/",
        "nowhere/out.png",
        "out.png",
        "out.csv",
        "0x10",
        "١",
    ),
)
SMALL: Final = {"points": "9", "samples": "5", "steps": "3", "trajectories": "4"}


def command_line(rng: random.Random) -> list[str]:
    """Return a command with some of its options, each with a value from `VALUES` or its default."""
    from importlib import import_module

    name = rng.choice(
        ("plot", "estimate", "compare", "calibrate", "profile", "anneal", "explore", "list", "replay", "runs")
    )
    options = {option.name: option for option in import_module(f"noisyviz.cli.{name}").OPTIONS}
    given = {key: value for key, value in SMALL.items() if key in options}
    words = [name]
    for option in rng.sample(list(options.values()), min(len(options), rng.randint(1, 5))):
        value = rng.choice(VALUES) if option.default is None or rng.random() < 0.8 else option.default
        given.pop(option.name, None)
        if option.name in ("open", "show", "terminal"):
            continue  # open a window, or need an extra
        words += [value] if option.argument else [option.flag] if option.type is bool else [option.flag, value]
    if rng.random() < 0.5:
        words += ["a.npy"] * (name in ("profile", "calibrate")) + ["--json"] * ("json" in options)
    return [*words, *(word for key, value in given.items() for word in (f"--{key}", value))]


def answer(words: list[str]) -> tuple[int, str]:
    """Run a command line in this process and return its exit code and what it said."""
    from noisyviz.cli.app import app

    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            app(words)
        except SystemExit as end:
            code = end.code or 0
    return code, err.getvalue()


def uses(name: str) -> Callable[[], tuple[int, str]]:
    """Return what is done with a file of this name, but for the work that is the same for every file."""
    if name == "manifest.json":
        return lambda: max(checked(name), listed())
    if name in TRAINED:
        return lambda: trained(name)
    if name.startswith("table"):
        return lambda: max(checked(name), answer(["profile", name, "--shares-only", "--json"]))
    if name == "made.html":
        return lambda: checked(name)
    if name.startswith("made"):
        return lambda: max(answer(["replay", name, "--json"]), checked(name))
    return lambda: answer(["profile", name, "--shares-only", "--json"])


def checked(name: str) -> tuple[int, str]:
    """Return the answer of the check before overwriting, for every kind of file that could take the place."""
    from noisyviz.cli.app import explain
    from noisyviz.export.marks import JSON_BEGINNING
    from noisyviz.export.saving import check_target

    told = (0, "")
    for header in (None, "x,h,derivative", JSON_BEGINNING):
        try:
            check_target(name, header=header)
        except Exception as error:
            said, code = explain(error)
            told = max(told, (code, f"noisyviz: {said}"))
    return told


def listed() -> tuple[int, str]:
    """Read an earlier manifest, as a later run of `figures` does."""
    from noisyviz.export.manifest import manifest_bytes

    manifest_bytes(Path(), {})
    return 0, ""


def of_torch(number: int) -> bool:
    """Tell whether an input is one of `torch_seeds`: those of every eighth process."""
    from importlib.util import find_spec

    return number // CHUNK % 8 == 7 and find_spec("torch") is not None


def chunk(first: int, count: int, keep: Path | None) -> None:
    """Try some inputs in this process, and print one JSON line of what came out."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    codes: Counter[str] = Counter()
    found: list[str] = []
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        whole = torch_seeds() if of_torch(first) else seeds(Path(folder))
        actions = {name: uses(name) for name in whole}
        for name, payload in whole.items():
            Path(name).write_bytes(payload)
        often = ["made.svg", *["a.csv", "a.npy", "a.safetensors", "packed.npz"] * 3]  # the quick ones
        names = [*whole] if of_torch(first) else [*whole, *often, *[COMMAND] * 5]
        for number in range(first, first + count):
            rng = random.Random(number)
            name = rng.choice(names)
            if name == COMMAND:
                words = command_line(rng)
                began = time.process_time()
                told = tried(partial(answer, words))
                slowest = max(slowest, time.process_time() - began)
                codes[name] += 1
                if told:
                    found.append(f"{number} {words}: {told}")
                for made in {path.name for path in Path().iterdir()} - set(whole):
                    Path(made).unlink()
                for one, payload in whole.items():
                    if not Path(one).exists() or Path(one).read_bytes() != payload:
                        found.append(f"{number} {words}: {one} was changed")
                        Path(one).write_bytes(payload)
                continue
            deep = name == "made.svg" and rng.random() < 0.5
            payload = changed_record(whole[name], rng) if deep else mutated(whole[name], rng)
            Path(name).write_bytes(payload)
            began = time.process_time()
            told = tried(actions[name])
            slowest = max(slowest, time.process_time() - began)
            Path(name).write_bytes(whole[name])
            if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MEGABYTES << 10 and not told:
                told = f"more than {MEGABYTES} MB"
            codes[f"{name}{' record' if deep else ''}"] += 1
            if told:
                found.append(f"{number} {name}: {told}")
                if keep is not None:
                    (keep / f"{number}-{name}").write_bytes(payload)
            if told.startswith("more than"):
                break  # the largest size of a process never falls again
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps({"inputs": codes, "found": found, "slowest": slowest, "peak": peak}))


def tried(action: Callable[[], tuple[int, str]]) -> str:
    """Return what is wrong with the answer to one input, empty for nothing."""

    def late(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of the processor: what else runs does not count
    faulthandler.dump_traceback_later(6 * SECONDS, exit=True)  # stands still, or does not return from C
    try:
        code, said = action()
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
    if code == 130:
        return f"longer than {SECONDS:g} s"
    if code not in ANSWERS or "internal error" in said or "Traceback" in said:
        return f"exit code {code}: {said[:300]}"
    errors = [line for line in said.splitlines() if line.startswith("noisyviz:")]
    return "" if len(errors) <= 1 and len(said) < 2000 else f"more than one sentence: {said[:300]}"


def main() -> None:
    """Try all inputs, in processes of their own, and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutated_files", description=__doc__)
    parser.add_argument("--count", type=int, default=26_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first input, which is its seed")
    parser.add_argument("--keep", type=Path, help="folder for the files that were answered badly")
    parser.add_argument("--chunk", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.chunk:
        chunk(asked.first, asked.count, asked.keep)
        return
    inputs: Counter[str] = Counter()
    found: list[str] = []
    slowest, peak = 0.0, 0
    for first in range(asked.first, asked.first + asked.count, CHUNK):
        count = min(CHUNK, asked.first + asked.count - first)
        words = [sys.executable, "-m", "benchmarks.mutated_files", "--chunk", "--first", str(first)]
        keep = ["--keep", str(asked.keep.resolve())] if asked.keep else []
        done = subprocess.run([*words, "--count", str(count), *keep], capture_output=True, text=True, check=False)
        if done.returncode:
            found.append(f"{first} and on: ended with {done.returncode}: {done.stderr[-1500:]}")
            continue
        told = json.loads(done.stdout.splitlines()[-1])
        inputs.update(told["inputs"])
        found += told["found"]
        slowest, peak = max(slowest, told["slowest"]), max(peak, told["peak"])
        print(f"{inputs.total():,} inputs, {len(found)} badly answered, slowest {slowest:.1f} s, {peak} MB", flush=True)
    print(f"\n{inputs.total():,} inputs: " + ", ".join(f"{number:,} {name}" for name, number in sorted(inputs.items())))
    print("\n".join(found) or "all answered in one sentence")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
