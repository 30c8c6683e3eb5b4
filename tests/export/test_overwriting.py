"""Only what noisyviz wrote and nobody has changed since is replaced without being asked."""

import io
import json
import os
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from noisyviz.errors import InputError
from noisyviz.export import marks, saving, write
from noisyviz.export.integrity import PNG_SIGNATURE, UNSEALED, intact, seal_file, sealed

KEPT = hasattr(os, "setxattr")
COLUMNS = {"x": np.array([0.0, 0.5]), "mean": np.array([-1.5, 2.0]), "n": np.array([1, 2])}
HAND_WRITTEN = b"x,mean,n\n0.5,0.25,3\n"

DRAWING = ("plot", "--points", "9", "--samples", "5", "--panels", "sigma", "-q")


def text_added(path: Path) -> None:
    path.write_text(path.read_text().replace("</svg>", "<text>mine</text></svg>"))


def cropped(path: Path) -> None:
    with Image.open(path) as image:
        told = PngInfo()
        for key, value in image.info.items():
            if key != "dpi":
                told.add_text(str(key), str(value))
        image.crop((0, 0, 90, 90)).save(path, pnginfo=told)


def chunk_added(path: Path) -> None:
    payload = path.read_bytes()
    body = b"tEXtComment\0mine"
    chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
    path.write_bytes(payload[:-12] + chunk + payload[-12:])


def note_appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\n% a note\n")


@pytest.mark.parametrize(
    ("name", "edit"),
    [("a.svg", text_added), ("a.png", cropped), ("a.png", chunk_added), ("a.pdf", note_appended)],
)
def test_a_picture_somebody_worked_on_is_kept(name: str, edit: Callable[[Path], None], run: Run) -> None:
    path = Path(name)
    assert run(*DRAWING, "-o", name).exit_code == 0
    assert run(*DRAWING, "-o", name).exit_code == 0
    edit(path)
    before = path.read_bytes()
    result = run(*DRAWING, "-o", name)
    assert result.exit_code == 2
    assert "was changed since; use --force to replace it" in result.stderr
    assert path.read_bytes() == before
    assert run(*DRAWING, "-o", name, "--force").exit_code == 0


def member_added(path: Path) -> None:
    with np.load(path) as found:
        arrays = dict(found)
    np.savez(path, **arrays, mine=np.ones(3))


def entry_appended(path: Path) -> None:
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("mine.txt", "mine")


def number_changed(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"-1.5", b"-2.5"))


def line_added(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"9.0,1.0,7\n")


@pytest.mark.parametrize(
    ("fmt", "edit"),
    [
        ("npz", member_added),
        ("npz", entry_appended),
        ("csv", number_changed),
        ("csv", line_added),
        ("json", number_changed),
    ],
)
@pytest.mark.skipif(not KEPT, reason="no extended attributes")
def test_a_table_somebody_worked_on_is_kept(fmt: str, edit: Callable[[Path], None], tmp_path: Path) -> None:
    path = write.write_table(tmp_path / f"t.{fmt}", COLUMNS, {"seed": 3})
    first = path.read_bytes()
    write.write_table(path, COLUMNS, {"seed": 3})
    assert path.read_bytes() == first
    edit(path)
    before = path.read_bytes()
    assert before != first
    with pytest.raises(InputError, match="changed since"):
        write.write_table(path, COLUMNS, {})
    assert path.read_bytes() == before


@pytest.mark.skipif(not KEPT, reason="no extended attributes")
@pytest.mark.parametrize(
    ("name", "content"),
    [("t.csv", HAND_WRITTEN), ("t.json", b'{"config": {"noisyviz": "0.1.0"}, "x": [0.5], "masked": 0}\n')],
)
def test_a_table_written_by_hand_is_kept(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match="not made by noisyviz"):
        write.write_table(path, COLUMNS, {})
    assert path.read_bytes() == content


def test_without_attributes_a_table_is_known_by_its_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "_attribute", lambda _: ("", False))
    path = write.write_table(tmp_path / "t.csv", COLUMNS, {})
    write.write_table(path, COLUMNS, {})
    document = write.write_table(tmp_path / "t.json", COLUMNS, {})
    write.write_table(document, COLUMNS, {})
    for other in (
        b"x,mean,n\n0.50,0.25,3\n",
        b"x,mean,n\n0.5,0.25\n",
        b"x,mean,n\n0.5,0.25,3",
        b"x,mean\n0.5,0.25\n",
        b"x,mean,n\n0.5, 0.25,3\n",
        b"x,mean,n\n0.5,0.25,3,4\n",
        b"",
    ):
        path.write_bytes(other)
        with pytest.raises(InputError, match="not made by noisyviz"):
            write.write_table(path, COLUMNS, {})
    document.write_text(json.dumps({"config": {}, "x": 1}, indent=1) + "\n")
    with pytest.raises(InputError, match="not made by noisyviz"):
        write.write_table(document, COLUMNS, {})


@pytest.mark.parametrize("name", ["a.png", "a.csv"])
def test_a_file_that_is_replaced_leaves_its_permissions(name: str, run: Run) -> None:
    words = (*DRAWING, "-o", "a.png", "--with-data")
    assert run(*words).exit_code == 0
    Path(name).chmod(0o600)
    assert run(*words).exit_code == 0
    assert stat.S_IMODE(Path(name).stat().st_mode) == 0o600


def test_the_bytes_are_on_the_disk_before_the_file_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synchronised(number: int) -> None:
        done.append("fsync")
        fsync(number)

    def replaced(*names: Path) -> None:
        done.append("replace")
        replace(*names)

    monkeypatch.setattr(os, "fsync", synchronised)
    monkeypatch.setattr(os, "replace", replaced)
    saving.write_bytes(tmp_path / "a.bin", b"1")
    assert done[:2] == ["fsync", "replace"]


def test_a_seal_that_stands_twice_is_refused_and_none_is_found_in_the_middle() -> None:
    twice = b'{"noisyviz":"1","sha256":"' + UNSEALED.encode() + b'"}'
    with pytest.raises(InputError, match="rename it"):
        sealed(twice + twice)
    for content in (twice + b" " * 2000 + twice, b" " * 2000, b" " * 2000 + twice + b" " * 2000):
        with pytest.raises(InputError, match="rename it"):
            seal_file(io.BytesIO(content))
    for content in (twice + b" " * 2000, b" " * 2000 + twice, twice):
        file = io.BytesIO(content)
        seal_file(file)
        assert file.getvalue() == sealed(content)
        assert intact(file.getvalue())


def test_the_checksum_of_a_png_is_renewed_where_its_chunk_ends_the_file_and_not_beyond() -> None:
    chunk = b'tEXtnoisyviz\0{"noisyviz":"1","sha256":"' + UNSEALED.encode() + b'"}'
    png = PNG_SIGNATURE + (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4)
    for rest in (b"", b"more"):
        done = sealed(png + rest)
        changed = done[12 : 12 + len(chunk)]
        assert done == png[:12] + changed + zlib.crc32(changed).to_bytes(4) + rest
        assert intact(done)
    assert len(sealed(png[:-1])) == len(png) - 1  # a file that was cut has no checksum to renew


@pytest.mark.parametrize("words", ["-o a.csv", "-o ./a.csv --force", "-o b.csv --force"])
def test_an_output_is_no_input(words: str, run: Run) -> None:
    Path("a.csv").write_text("1,2\n3,4\n")
    Path("b.csv").symlink_to("a.csv")
    result = run("profile", "a.csv", *words.split())
    assert (result.exit_code, Path("a.csv").read_text()) == (2, "1,2\n3,4\n")
    assert "is a file that is read" in result.stderr


def test_a_picture_in_a_folder_that_is_read_can_be_drawn_again(run: Run) -> None:
    Path("a.csv").write_text("1,2\n3,4\n")
    for _ in range(2):
        assert run("profile", ".", "-o", "a.png").exit_code == 0
    assert run("profile", ".", "-o", "a.csv", "--force").exit_code == 2


def test_two_outputs_are_two_files(run: Run) -> None:
    Path("b.json").symlink_to("a.csv")
    for other in ("./a.csv", "b.json"):
        result = run("estimate", "--at", "1", "--samples", "9", "-o", "a.csv", "-o", other)
        assert (result.exit_code, Path("a.csv").exists()) == (2, False)
        assert "twice" in result.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs modes of files")
def test_a_file_without_writers_is_kept(run: Run) -> None:
    words = ("estimate", "--at", "1", "--samples", "9", "-o", "a.csv")
    run(*words)
    before = Path("a.csv").read_bytes()
    Path("a.csv").chmod(0o400)
    result = run(*words, "--c", "0.7")
    assert (result.exit_code, Path("a.csv").read_bytes()) == (2, before)
    assert "write-protected" in result.stderr


def test_a_link_to_itself_is_refused(run: Run) -> None:
    Path("a.csv").symlink_to("a.csv")
    result = run("estimate", "--at", "1", "--samples", "9", "-o", "a.csv")
    assert result.exit_code == 2
    assert Path("a.csv").is_symlink()
