"""The pictures in figures/ are those that the recipes make now; else: python tests/gallery.py."""

import hashlib
import json
import math
import re
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gallery import FOLDER, LIMIT, WITH_DATA, jobs, machine, result_with_data, tables
from PIL import Image

from noisyviz.export import manifest, provenance
from noisyviz.export.figures import perform
from noisyviz.export.integrity import intact

JOBS = jobs()
STALE = "is stale; run: python tests/gallery.py"
DOCS = FOLDER.parent / "docs"


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / manifest.NAME).read_bytes())
    return found


def entries(stem: str) -> list[dict[str, Any]]:
    return [one for one in document()["figures"] if Path(one["file"]).stem == stem]


def test_the_folder_holds_the_gallery_and_no_more() -> None:
    assert {Path(one["file"]).stem for one in document()["figures"]} == set(JOBS)
    names = {path.name for path in FOLDER.iterdir() if path.is_file()}
    assert names == {one["file"] for one in document()["figures"]} | {manifest.NAME}
    assert all({f"{stem}.png", f"{stem}.svg"} & names for stem in JOBS)


def test_every_file_is_small_whole_and_the_one_in_the_manifest() -> None:
    for one in document()["figures"]:
        payload = (FOLDER / one["file"]).read_bytes()
        assert len(payload) <= LIMIT, one["file"]
        assert intact(payload), one["file"]
        assert hashlib.sha256(payload).hexdigest() == one["sha256"], one["file"]


def test_the_run_of_reproduce_is_whole() -> None:
    folder = FOLDER / "reproduce"
    told = json.loads((folder / manifest.NAME).read_bytes())
    digests = {one["file"]: one["sha256"] for one in (*told["figures"], *told["data"])}
    assert digests.keys() == {path.name for path in folder.iterdir()} - {manifest.NAME}
    for name, digest in digests.items():
        payload = (folder / name).read_bytes()
        assert len(payload) <= LIMIT
        assert hashlib.sha256(payload).hexdigest() == digest, name


@pytest.mark.parametrize("stem", JOBS)
def test_no_picture_is_stale(stem: str) -> None:
    job = JOBS[stem]
    for one in entries(stem):
        asked: Any = job.picture
        assert one["settings"] == asked.settings(), f"{one['file']} {STALE}"
        assert (one["recipe"], one["style"], one["width"]) == (asked.name, job.style, job.width), STALE
    if stem in WITH_DATA:
        found = tables(job.picture.tables(result_with_data(job.picture)))
        assert differing(found, document()["data"][stem]) == [], f"{stem} {STALE}"
        return
    versions = document()["versions"]
    same = versions == provenance.versions() and all(one["versions"] == versions for one in entries(stem))
    done = perform(job if same else replace(job, formats=()))
    assert differing(tables(done.tables), document()["data"][stem]) == [], f"{stem} {STALE}"
    for one in entries(stem) if same else ():
        now, then = done.pictures[one["file"]], (FOLDER / one["file"]).read_bytes()
        if document()["machine"] == machine():
            assert now == then, f"{one['file']} {STALE}"
        elif one["file"].endswith(".png"):
            assert unlike(now, then) <= 1e-4, f"{one['file']} {STALE}"


def unlike(now: bytes, then: bytes) -> float:
    """The share of pixels that differ by more than rounding of numbers on another machine explains."""
    a, b = (np.asarray(Image.open(BytesIO(payload)).convert("RGB"), dtype=np.int16) for payload in (now, then))
    return float((np.abs(a - b).max(axis=-1) > 16).mean()) if a.shape == b.shape else 1.0


def test_pictures_that_differ_by_more_than_rounding_are_told_apart() -> None:
    names = ("figure-4.png", "figure-4-eq9.png", "figure-1.png")
    drawn, other, third = ((FOLDER / name).read_bytes() for name in names)
    assert unlike(drawn, drawn) == 0.0
    assert unlike(drawn, third) == 1.0  # of another size
    assert unlike(drawn, other) > 1e-3
    levels = np.asarray(Image.open(BytesIO(drawn)).convert("RGB")).copy()
    for step, seen in ((9, 0.0), (40, 2e-4)):
        levels[100, 100 : 100 + round(2e-4 * levels[..., 0].size)] ^= step
        saved = BytesIO()
        Image.fromarray(levels).save(saved, format="png")
        assert unlike(drawn, saved.getvalue()) == pytest.approx(seen, rel=0.01), step


def differing(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    """The columns that differ by more than 1e-6."""
    found = [suffix for suffix in {*now, *then} if set(now.get(suffix, ())) != set(then.get(suffix, ()))]
    for suffix in now.keys() & then.keys():
        for name in now[suffix].keys() & then[suffix].keys():
            (total, count), (old, counted) = now[suffix][name], then[suffix][name]
            if count != counted or not math.isclose(total, old, rel_tol=1e-12, abs_tol=1e-6):
                found.append(f"{suffix}/{name}")
    return found


def test_a_change_of_any_number_or_column_shows_in_the_sums() -> None:
    x = np.linspace(-4.0, 4.0, 1000)
    before = tables({"": {"x": x, "y": np.full(1000, 3.0), "name": np.full(1000, "a")}})
    assert differing(before, before) == []
    for place in (0, 17, 999):
        moved = x.copy()
        moved[place] += 1.1e-6
        assert differing(before, tables({"": {"x": moved, "y": np.full(1000, 3.0)}})) == ["/x"]
    for other in (x[::-1], x + 1e-8, 1.00001 * x):
        assert differing(before, tables({"": {"x": other, "y": np.full(1000, 3.0)}})) == ["/x"]
    assert differing(before, tables({"": {"x": x}})) == [""]
    assert differing(before, tables({})) == [""]
    assert differing(before, tables({"": {"x": x, "y": np.full(1000, np.nan)}})) == ["/y"]


def test_readme_and_gallery_page_show_only_what_is_there_and_the_page_shows_all() -> None:
    shown = {}
    for page in (FOLDER.parent / "README.md", *DOCS.glob("*.md")):
        links = re.findall(r"(?:\]\(|src=\")([^)\"]*figures/[^)\"]+)", page.read_text(encoding="utf-8"))
        shown[page.name] = {(page.parent / link).resolve() for link in links}
        assert [path for path in shown[page.name] if not path.exists()] == [], page.name
    assert {(FOLDER / f"{stem}.png").resolve() for stem in JOBS} <= shown["gallery.md"]
    assert shown["README.md"]
