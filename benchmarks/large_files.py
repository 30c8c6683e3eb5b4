"""Files and requests of gigabytes, or that unpack to them: ``python -m benchmarks.large_files [PART OF A NAME ...]``.

Each is made, given to a command, and measured in a process of its own: a refusal may take 10 s of the processor and
500 MB, the largest request that is allowed 1 GB. It takes minutes and some GB of the folder for temporary files, and is
not part of CI. The small siblings of these files are in `tests/networks/test_hostile_arrays.py` and
`tests/export/test_hostile_records.py`. Needs a POSIX system, and h5py and torch for their files.
"""

import argparse
import contextlib
import gzip
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

SECONDS: Final = 10.0
REFUSED_MB: Final = 500
ALLOWED_MB: Final = 1000
REFUSED: Final = 2
ANY: Final = -1  # answers
MIB: Final = 1 << 20
LONGEST_S: Final = 600.0  # by the clock, for what does not end
Case = tuple[str, Callable[[], object], tuple[str, ...], int]


def written(name: str, *parts: bytes, times: int = 1) -> Callable[[], None]:
    """Return what writes a file: a beginning, and the rest so many times."""

    def write() -> None:
        first, *rest = parts
        with gzip.open(name, "wb", 6) if name.endswith(".gz") else Path(name).open("wb") as file:
            file.write(first)
            for _ in range(times):
                file.writelines(rest)

    return write


def headed(start: bytes, part: bytes, *, times: int = 1, end: bytes = b"") -> Callable[[], None]:
    """Return what writes a safetensors file of such a header, and 4 bytes of numbers where `end` has them."""
    length = len(start) + times * len(part) + len(end.removesuffix(bytes(4)))

    def write() -> None:
        with Path("a.safetensors").open("wb") as file:
            file.writelines((struct.pack("<Q", length), start, *[part] * times, end))

    return write


def sparse_npy(name: str, shape: tuple[int, ...]) -> None:
    """Write an array of zeros that takes no place."""
    with Path(name).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
        file.truncate(file.tell() + 8 * int(np.prod(shape)))


def archive(name: str, blocks: Iterator[bytes], shape: tuple[int, ...], *, fortran: bool = False) -> None:
    """Write an archive of one float32 array, block by block."""
    header = {"descr": "<f4", "fortran_order": fortran, "shape": shape}
    with (
        zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file,
        file.open("x.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        member.writelines(blocks)


def repeating(seed: int, noisy: int) -> Iterator[bytes]:
    """Yield 1.6 GB of numbers, in blocks of 1 MB of which a part is random."""
    rng = np.random.default_rng(seed)
    for _ in range(1600):
        block = np.full(250_000, -1.0, "f4")
        block[:noisy] = rng.normal(size=noisy)
        yield block.tobytes()


def many_names(copies: int) -> None:
    """Write an archive of so many names for the bytes of one member of 1 MB."""
    with zipfile.ZipFile("names.npz", "w", zipfile.ZIP_DEFLATED) as file:
        with file.open("a.npy", "w") as member:
            np.lib.format.write_array(member, np.zeros(MIB // 8))
        (first,) = file.infolist()
        for number in range(copies):
            other = zipfile.ZipInfo(f"{number}.npy")
            for key in ("CRC", "compress_size", "file_size", "header_offset", "flag_bits", "compress_type"):
                setattr(other, key, getattr(first, key))
            file.filelist.append(other)
        file._didModify = True  # type: ignore[attr-defined]  # writes the list


def unwritten_h5() -> None:
    """Write an HDF5 file that declares numbers and holds none."""
    import h5py

    with h5py.File("a.h5", "w") as file:
        file.create_dataset("x", shape=(10**9, 10**6), dtype="f8", chunks=(1024, 1024))


def expanded_pt() -> None:
    """Write a tensor of one number, repeated."""
    import torch

    torch.save(torch.zeros(1).expand(10**6, 10**5), "a.pt")


def folder_of_files() -> None:
    """Write 20,000 tables of one line."""
    Path("many").mkdir()
    for number in range(20_000):
        Path("many", f"{number}.csv").write_text("1,2.5\n")


def text_chunk() -> None:
    """Write a PNG whose text unpacks to 900 MB."""
    import zlib

    body = b"zTXtnoisyviz\0\0" + zlib.compress(b" " * (900 * MIB), 9)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)


def idx() -> None:
    """Write packed pictures of 2 GB."""
    header = struct.pack(">4i", 2051, 2_000_000, 32, 32)
    written("train-images-idx3-ubyte.gz", header, b"\0" * MIB, times=2000)()
    for name in ("train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        Path(name).write_bytes(b"")


def catalogue() -> None:
    """Write a catalogue of 100,000 messages, each of them the whole file."""
    count = 100_000
    spans = np.full((2 * count, 2), [16 * count, 28], "<u4")
    Path("a.mo").write_bytes(struct.pack("<7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + spans.tobytes())


def npz_of(**arrays: Any) -> None:
    """Write an archive."""
    np.savez("a.npz", **arrays)


PROFILE: Final = ("profile", "--shares-only")
CASES: Final[tuple[Case, ...]] = (
    ("CSV of one row of 60 million columns", written("a.csv", b"1", b",1" * MIB, times=58), ("a.csv",), REFUSED),
    ("the same, packed", written("a.csv.gz", b"1", b",1" * MIB, times=58), ("a.csv.gz",), REFUSED),
    ("CSV of one line without an end", written("a.csv", b"1", b"1" * MIB, times=1000), ("a.csv",), REFUSED),
    ("600 MB of packed comments", written("a.csv.gz", b"1\n", b"#\n" * MIB, times=300), ("a.csv.gz",), REFUSED),
    ("600 MB of comments", written("a.csv", b"", b"#\n" * MIB, times=300), ("a.csv",), ANY),
    ("CSV of 500 MB", written("a.csv", b"", b"0.25,-1.5,2\n" * 80_000, times=520), ("a.csv",), 0),
    (
        "safetensors with a header of 99 MB",
        headed(b"{", b'"xyz":1,' * (MIB // 8), times=99),
        ("a.safetensors",),
        REFUSED,
    ),
    ("safetensors with 8 MB of brackets", headed(b'{"x":', b"[" * (8 * MIB - 5)), ("a.safetensors",), REFUSED),
    (
        "safetensors of thousands of long lengths",
        headed(
            b'{"x":{"dtype":"F32","data_offsets":[0,4],"shape":[9', (b"," + b"9" * 4000) * 1799, end=b"]}}" + bytes(4)
        ),
        ("a.safetensors",),
        REFUSED,
    ),
    ("npz of 12 MB for 1.6 GB", lambda: archive("a.npz", repeating(0, 2000), (100_000, 4000)), ("a.npz",), 0),
    ("npz of 1.5 MB for 1.6 GB", lambda: archive("a.npz", repeating(0, 0), (100_000, 4000)), ("a.npz",), 0),
    (
        "the same, by columns",
        lambda: archive("a.npz", repeating(0, 0), (100_000, 4000), fortran=True),
        ("a.npz",),
        REFUSED,
    ),
    ("npz of 20,000 names for one member", lambda: many_names(20_000), ("names.npz",), REFUSED),
    ("npz of 9,000 names for one member", lambda: many_names(9_000), ("names.npz",), REFUSED),
    ("npy of 20 million units", lambda: sparse_npy("a.npy", (1, 20_000_000)), ("a.npy",), REFUSED),
    ("npy of a million units", lambda: sparse_npy("a.npy", (2, 1 << 20)), ("a.npy",), 0),
    ("npy of 8 GB", lambda: sparse_npy("a.npy", (1_000_000, 1000)), ("a.npy",), 0),
    ("h5 of 8 PB, unwritten", unwritten_h5, ("a.h5",), REFUSED),
    ("pt of one number, 10¹¹ times", expanded_pt, ("a.pt",), REFUSED),
    ("folder of 20,000 files", folder_of_files, ("many",), REFUSED),
    ("standard input without an end", lambda: Path("zero").symlink_to("/dev/zero"), ("-",), REFUSED),
)
OTHERS: Final[tuple[Case, ...]] = (
    ("npy of a million units, with noise", lambda: sparse_npy("a.npy", (2, 1 << 20)), ("profile", "a.npy"), 0),
    (
        "a name of 60,000 letters, drawn",
        lambda: npz_of(**{"n" * 60_000: np.arange(6.0).reshape(2, 3)}),
        ("profile", "a.npz", "-o", "a.svg"),
        0,
    ),
    (
        "svg of 960 kB of one tag",
        written("a.svg", b"<svg>", b"<dc:description>" * 60_000),
        ("plot", "-o", "a.svg"),
        REFUSED,
    ),
    ("svg of 1 GB", written("a.svg", b"<svg>", b"<dc:description>" * 65536, times=1000), ("replay", "a.svg"), REFUSED),
    ("png whose text unpacks to 900 MB", text_chunk, ("plot", "-o", "a.png"), REFUSED),
    ("the same, replayed", text_chunk, ("replay", "a.png"), REFUSED),
    (
        "calibrate on 1.6 GB",
        lambda: archive("a.npz", repeating(0, 2000), (100_000, 4000)),
        ("calibrate", "a.npz", "--target-grad", "0.1"),
        ANY,
    ),
    ("packed pictures of 2 GB", idx, ("train", "digits", "--data", ".", "--updates", "1"), REFUSED),
    ("catalogue of one text, often", catalogue, ("train", "translate", "--data", ".", "--updates", "1"), REFUSED),
    ("estimate of a million points", list, ("estimate", "--points", "1e6", "--samples", "100", "--json"), 0),
    ("the same as CSV", list, ("estimate", "--points", "1e6", "--samples", "100", "-o", "a.csv"), 0),
    ("plot of a million points as SVG", list, ("plot", "--points", "1e6", "-o", "a.svg"), 0),
    ("plot of a million points with its data", list, ("plot", "--points", "1e6", "-o", "a.png", "--with-data"), 0),
    ("plot of a million draws", list, ("plot", "--samples", "1e6", "-o", "a.png"), 0),
    ("plot of more", list, ("plot", "--points", "1e7", "-o", "a.png"), REFUSED),
    (
        "the largest anneal",
        list,
        ("anneal", "--trajectories", "1e6", "--steps", "200", "--schedule", "paper", "-o", "a.png"),
        0,
    ),
)


def made_apart(make: Callable[[], object]) -> None:
    """Make a file in a process of its own, for what this one has ever held would count as the command's memory."""
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            make()
            os._exit(0)
        os._exit(1)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the file could not be made")


def measured(words: tuple[str, ...]) -> tuple[int, float, int, str]:
    """Run a command, and return its exit code, seconds of the processor, the most MB of memory and what it said."""
    source = Path("zero") if Path("zero").exists() else Path(os.devnull)
    with source.open("rb") as stdin, Path("said").open("wb") as said, Path("shown").open("wb") as shown:
        words = (sys.executable, "-m", "noisyviz", *words, *(() if words[0] == "replay" else ("-q",)))
        limited = ("timeout", "-k", "5", str(LONGEST_S), *words)
        process = subprocess.Popen(limited, stdin=stdin, stdout=shown, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    mb = used.ru_maxrss // (1024 if sys.platform == "linux" else MIB)  # of timeout's child too, which it waited for
    return process.returncode, used.ru_utime + used.ru_stime, mb, Path("said").read_text(errors="replace")


def main() -> None:
    """Make, measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_files", description=__doc__)
    parser.add_argument("only", nargs="*", default=[""], help="parts of the names of those that are tried")
    asked = parser.parse_args()
    cases = [*((name, make, (*PROFILE, *words), code) for name, make, words, code in CASES), *OTHERS]
    failed = 0
    for name, make, words, code in cases:
        if not any(part in name for part in asked.only):
            continue
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            made_apart(make)
            found, seconds, mb, said = measured(words)
        slow = found == REFUSED and (seconds > SECONDS or mb > REFUSED_MB)
        wrong = (
            slow or mb > ALLOWED_MB or found not in ((0, REFUSED, 3) if code == ANY else (code,)) or "Traceback" in said
        )
        failed += wrong
        last = said.strip().splitlines()[-1][:160] if said.strip() else ""
        mark = "WRONG " if wrong else ""
        print(f"{mark}{name}: exit code {found}, {seconds:.1f} s, {mb:,} MB: {last}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
