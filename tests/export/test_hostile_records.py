"""Found cases: files that made a check hang, take gigabytes or end as an internal error, as small as they can be."""

import io
import json
import lzma
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

from noisyviz.errors import InputError
from noisyviz.export import provenance, render, replay
from noisyviz.export.integrity import UNSEALED, sealed
from noisyviz.export.marks import made_by_noisyviz
from noisyviz.pictures.anneal.picture import Anneal
from noisyviz.pictures.compare.picture import Compare
from noisyviz.pictures.overview.picture import MOST_DRAWN, Overview

MIB = 1 << 20


def odd_archive(method: int, *, broken: bool = False) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("config.npy", b"x" * 400)
    payload = bytearray(stream.getvalue())
    if broken:
        payload[60:80] = b"\xff" * 20
    return bytes(payload)


def encrypted() -> bytes:
    payload = bytearray(odd_archive(zipfile.ZIP_STORED))
    payload[6] |= 1
    payload[payload.rfind(b"PK\x01\x02") + 8] |= 1
    return bytes(payload)


# What took time in the square of the length is as long as is looked at.
FOUND = {
    "openings.svg": b"<svg " + b"<dc:description>" * (MIB // 16),
    "records.webp": b"RIFF\0\0\0\0WEBPEXIF" + (MIB - 1).to_bytes(4, "little") + b'{"noisyviz"' * (MIB // 11),
    "blocks.gif": b"GIF89a" + b"\0" * 7 + b"!\xfe" + b"\x01a" * (MIB // 2 - 10),
    "keywords.pdf": b"%PDF-1.4\n" + b"/Keywords (" * (MIB // 11),
    "parentheses.pdf": b"%PDF-1.4\n/Keywords (" + b"\\" * (MIB - 100),
    "seals.json": b'{"noisyviz":"1","sha256":"' * (MIB // 26),
    "braces.json": b"{        " * (MIB // 9),
    "deep.json": b'{"config": ' + b"[" * MIB,
    "digits.json": b'{"config": {"noisyviz": "1", "x": ' + b"9" * 5000 + b"}}",
    "chunks.png": b"\x89PNG\r\n\x1a\n" + b"\0\0\0\0tEXt\0\0\0\0" * (MIB // 12),
    "encrypted.npz": encrypted(),
    "lzma.npz": odd_archive(zipfile.ZIP_LZMA, broken=True),
    "bzip2.npz": odd_archive(zipfile.ZIP_BZIP2, broken=True),
    "cut.npz": odd_archive(zipfile.ZIP_DEFLATED)[:-30],
    "empty.npz": b"PK\x05\x06" + b"\0" * 18,
    "xz.npz": lzma.compress(b"x"),
    "nothing.csv": b"",
    "zeros.pgf": b"% noisyviz " + b"\0" * MIB,
}


@pytest.mark.parametrize("name", FOUND)
def test_a_found_file_is_no_work_of_ours_and_no_picture(name: str, run: Run) -> None:
    path = Path(name)
    path.write_bytes(FOUND[name])
    assert not made_by_noisyviz(path)
    result = run("replay", name)
    assert result.exit_code == 2
    assert "holds no picture of noisyviz" in result.stderr
    for fmt in ("png", "npz"):
        words = ("plot", "--points", "5") if fmt == "png" else ("estimate", "--at", "0", "--samples", "10")
        result = run(*words, "-o", name, "--format", fmt)
        assert result.exit_code == 2
        assert "use --force to replace it" in result.stderr
        assert path.read_bytes() == FOUND[name]


def recorded(picture: Anneal) -> bytes:
    made = provenance.record(recipe="anneal", settings=picture.settings(), style="paper", width="icml", seed=0)
    return sealed(f"<?xml <svg <dc:description>{provenance.as_text(made)}</dc:description>".encode())


def test_a_file_that_asks_for_hours_of_work_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_bytes(recorded(Anneal(steps=1_000_000, trajectories=1_000_000)))
    with pytest.raises(InputError, match="1,000,000,000,000 steps of single trajectories, more than the 200,000,000"):
        replay.read_picture(str(path))
    path.write_bytes(recorded(Anneal(steps=1_000_000, trajectories=150, schedule=("exponential", "linear"))))
    with pytest.raises(InputError, match="300,000,000 steps"):
        replay.read_picture(str(path))
    path.write_bytes(recorded(Anneal(steps=2000, trajectories=100_000)))
    assert replay.read_picture(str(path)).picture.name == "anneal"


def test_points_and_draws_of_all_units_together_are_limited() -> None:
    with pytest.raises(InputError, match="points must be at most 500,000 for each of 2 units"):
        Overview(fn=("tanh", "relu"), points=600_000)
    with pytest.raises(InputError, match="samples must be at most 250,000 for each of 4 units"):
        Compare(unit=("nan", "nah"), alpha=(0.9, 1.0), samples=300_000)
    assert Overview(points=1_000_000).points == 1_000_000


def test_a_curve_of_many_points_is_drawn_by_as_many_as_a_page_shows() -> None:
    picture = Overview(fn=("hard-tanh",), points=200_001, samples=3, panels=("gradient",))
    found = picture.compute()
    (whole,), (shown,) = found.series, found.drawn().series
    x = shown.curves.x
    assert MOST_DRAWN <= x.size < MOST_DRAWN + 20
    assert set(x) <= set(whole.curves.x)
    assert (x[0], x[-1]) == (whole.curves.x[0], whole.curves.x[-1])
    for jump in (-1.0, 1.0):
        assert np.any((x > jump) & (x < jump + 1e-6))
        assert np.any((x < jump) & (x > jump - 1e-6))
        assert np.any(x == jump)
    np.testing.assert_array_equal(shown.moments.mean, whole.moments.mean[np.isin(whole.curves.x, x)])
    few = Overview(points=9, samples=3).compute()
    assert few.drawn().series[0] is few.series[0]


@pytest.mark.parametrize("date", ["abc", "", "99999999999999999999"])
def test_a_date_in_the_environment_does_not_matter(date: str, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Overview(points=9, samples=3, panels=("sigma",))
    result = picture.compute()
    plain = render.picture_bytes(picture, result, fmt="pdf")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", date)
    assert render.picture_bytes(picture, result, fmt="pdf") == plain
    assert os.environ["SOURCE_DATE_EPOCH"] == date


@pytest.mark.skipif(os.name != "posix", reason="names are bytes only there")
@pytest.mark.parametrize("suffix", ["csv", "npz", "json", "svg", "png", "pdf"])
def test_a_name_that_is_no_text_goes_into_every_file(suffix: str, run: Run) -> None:
    name = os.fsdecode(b"\xff\x01.npy")
    np.save("a.npy", np.linspace(-3.0, 3.0, 40).reshape(10, 4))
    Path("a.npy").rename(name)
    result = run("profile", name, "-o", f"units.{suffix}")
    assert result.exit_code == 0, result.stderr
    if suffix == "csv":
        assert "\\udcff" in Path("units.csv").read_text(encoding="utf-8")
    if suffix in ("svg", "png", "pdf"):
        result = run("plot", "--points", "9", "--panels", "sigma", "--data", name, "-o", f"data.{suffix}")
        assert result.exit_code == 0, result.stderr
        record = provenance.read_record(f"data.{suffix}")
        assert record is not None
        assert record["settings"]["data"]["file"] == name


def test_a_name_that_reads_like_a_record_is_refused_and_not_written(run: Run) -> None:
    name = json.dumps({"noisyviz": "1", "sha256": UNSEALED}, separators=(",", ":"))
    arrays: dict[str, Any] = {name: np.linspace(-3.0, 3.0, 40).reshape(10, 4)}
    np.savez("a.npz", **arrays)
    for suffix in ("csv", "json", "npz", "png", "svg"):
        result = run("profile", "a.npz", "-o", f"units.{suffix}")
        assert result.exit_code in (0, 2), result.stderr
        assert Path(f"units.{suffix}").exists() is (result.exit_code == 0)
        if result.exit_code == 0 and suffix != "svg":
            assert run("profile", "a.npz", "-o", f"units.{suffix}").exit_code == 0
