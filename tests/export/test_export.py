"""Files are whole or not there, the same on every run, and never a stranger's."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from noisyviz import __version__
from noisyviz.errors import InputError, NoisyvizError
from noisyviz.export import formats, marks, pgf, provenance, render, saving, tables, write
from noisyviz.pictures.overview.picture import Overview
from noisyviz.pictures.picture import DataSource
from noisyviz.pictures.shared.style import style, width_in
from noisyviz.pictures.stored import stored_picture

NO_TEX = not any(shutil.which(name) for name in pgf.TEX_SYSTEMS)
FORMATS = [
    pytest.param(fmt, marks=pytest.mark.skipif(fmt == "pgf" and NO_TEX, reason="no TeX is installed"))
    for fmt in formats.PICTURE_FORMATS
]
RECIPE = Overview(points=41, samples=60, panels=("activation", "sigma"))
RESULT = RECIPE.compute()
COLUMNS = {"x": np.array([0.0, 0.1, np.inf]), "mean": np.array([np.nan, -1.5, 1e-300]), "n": np.array([1, 2, 3])}


def picture(fmt: str, style: str = "paper", width: str = "icml-page") -> bytes:
    return render.picture_bytes(RECIPE, RESULT, fmt=fmt, style=style, width=width)


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    return {fmt: picture(fmt) for fmt in formats.PICTURE_FORMATS if fmt != "pgf" or not NO_TEX}


def test_the_suffix_decides_and_a_given_format_overrides() -> None:
    assert formats.format_of("a/b.SVG") == "svg"
    assert formats.format_of("b.txt", given="pdf") == "pdf"
    assert formats.format_of("b.npz", allowed=formats.TABLE_FORMATS) == "npz"


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("a.jpg", None, r"suffix '.jpg'; it must end in .png, .svg, .pdf, .pgf"),
        ("a", None, r"has no suffix"),
        ("a.png", "pgn", r"'pgn'.*did you mean 'png'"),
    ],
)
def test_an_unknown_format_is_refused_with_the_list(name: str, given: str | None, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        formats.format_of(name, given=given)
    assert caught.value.parameter == ("output" if given is None else "format")


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_picture_is_the_same_on_every_run_and_under_any_user_setting(
    fmt: str, pictures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    with mpl.rc_context({"lines.linewidth": 9.0, "font.size": 3.0, "savefig.dpi": 30.0, "axes.grid": True}):
        assert picture(fmt) == pictures[fmt]


def test_pictures_are_the_same_in_another_process_with_a_gui_backend(
    pictures: dict[str, bytes], tmp_path: Path
) -> None:
    code = """
import sys
from pathlib import Path
from noisyviz.export import render
from noisyviz.pictures.overview.picture import Overview
recipe = Overview(points=41, samples=60, panels=("activation", "sigma"))
result = recipe.compute()
for fmt in sys.argv[1:]:
    Path(fmt).write_bytes(render.picture_bytes(recipe, result, fmt=fmt))
assert "matplotlib.pyplot" not in sys.modules
"""
    env = os.environ | {"MPLBACKEND": "TkAgg", "PYTHONHASHSEED": "5"}
    env.pop("DISPLAY", None)
    subprocess.run([sys.executable, "-c", code, *reversed(pictures)], check=True, cwd=tmp_path, env=env)
    assert {fmt: (tmp_path / fmt).read_bytes() for fmt in pictures} == pictures


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_picture_carries_what_makes_it_again_and_nothing_of_the_user(
    fmt: str, pictures: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(pictures[fmt])
    record = provenance.read_record(path)
    assert record is not None
    assert (record["noisyviz"], record["recipe"]) == (__version__, "plot")
    assert (record["style"], record["width"], record["seed"]) == ("paper", "icml-page", 0)
    assert stored_picture(Overview.name, record["settings"]) == RECIPE
    assert set(record["versions"]) == {"matplotlib", "numpy", "pillow", "scipy"} | ({"tex"} if fmt == "pgf" else set())
    head = pictures[fmt] if fmt != "png" else pictures[fmt][:5000]
    for private in (str(tmp_path), str(Path.home()), os.getcwd(), "CreationDate", "<dc:date>", "tIME"):
        assert private.encode() not in head


@pytest.mark.parametrize("fmt", ["png", "svg", "pdf"])
def test_odd_signs_in_a_file_name_survive_in_the_record(fmt: str, tmp_path: Path) -> None:
    source = DataSource(file=r"o(d)d\)<&>\"é漢$_{.npz", array="a]]>", sha256="ab")
    recipe = Overview(points=5, samples=3, panels=("activation",), data=source)
    path = write.write_picture(recipe, recipe.compute(np.array([0.0, 2.0])), tmp_path / f"a.{fmt}")
    record = provenance.read_record(path)
    assert record is not None
    assert record["settings"] == recipe.settings()


@pytest.mark.parametrize("look", ["paper", "screen", "dark"])
def test_a_png_has_the_size_of_its_width_and_the_background_of_its_style(look: str) -> None:
    image = Image.open(io.BytesIO(picture("png", style=look, width="icml")))
    dpi = style(look)["savefig.dpi"]
    assert image.width == round(width_in("icml") * dpi)
    assert image.info["dpi"] == pytest.approx((dpi, dpi), rel=1e-3)
    assert image.mode == "RGB"
    corner = image.getpixel((0, 0))
    assert isinstance(corner, tuple)
    assert "#{:02X}{:02X}{:02X}".format(*map(int, corner)) == style(look)["figure.facecolor"]


def test_a_pdf_has_the_width_in_points_and_truetype_fonts_only(pictures: dict[str, bytes]) -> None:
    found = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+)", pictures["pdf"])
    assert found is not None
    assert float(found[1]) == pytest.approx(6.75 * 72)
    assert b"/Type3" not in pictures["pdf"]
    assert b"/TrueType" in pictures["pdf"] or b"/CIDFontType2" in pictures["pdf"]


def test_an_svg_needs_no_fonts_and_has_its_own_background_for_dark_pages(pictures: dict[str, bytes]) -> None:
    text = pictures["svg"].decode()
    assert "<text" not in text
    first = re.search(r'<g id="patch_1">\s*<path d="M 0 [^"]*" style="fill: (#[0-9a-f]{6})', text)
    assert first is not None
    assert first[1] == "#ffffff"
    names = re.findall(r'\bid="([^"]*)"', text)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("fmt", ["svg", "pdf"])
def test_a_large_cloud_keeps_a_vector_file_small(fmt: str) -> None:
    recipe = Overview(points=101, samples=100_000, unit="nani", panels=("activation",))
    assert len(render.picture_bytes(recipe, recipe.compute(), fmt=fmt, width="icml")) < 250_000


def test_writing_names_the_file_and_replaces_only_what_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    assert write.write_picture(RECIPE, RESULT, path, width="icml") == path
    write.write_picture(RECIPE, RESULT, path, width="neurips")
    with Image.open(path) as image:
        assert image.width == round(5.5 * 300)
    Image.new("RGB", (2, 2)).save(path)
    theirs = path.read_bytes()
    with pytest.raises(InputError, match="was not made by noisyviz") as caught:
        write.write_picture(RECIPE, RESULT, path)
    assert caught.value.parameter == "output"
    assert path.read_bytes() == theirs
    write.write_picture(RECIPE, RESULT, path, force=True)
    assert marks.made_by_noisyviz(path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_breaks_off_leaves_the_old_file_and_nothing_else(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    saving.write_bytes(path, tables.json_bytes({"config": {"noisyviz": "1"}}))
    before = path.read_bytes()

    def breaks(*_: Any) -> None:
        assert len(list(tmp_path.iterdir())) == 2
        raise error

    monkeypatch.setattr(os, "replace", breaks)
    with pytest.raises((NoisyvizError, KeyboardInterrupt)) as caught:
        saving.write_bytes(path, b"{}", force=True)
    if isinstance(error, OSError):
        assert "no space left" in str(caught.value)
        assert not isinstance(caught.value, InputError)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before


def test_a_target_that_cannot_be_written_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    cases = {
        tmp_path / "missing" / "a.png": "does not exist",
        tmp_path / "file" / "a.png": "is not a folder",
        tmp_path: "is a folder",
        Path("/dev/null"): "is not a regular file",
    }
    for path, said in cases.items():
        with pytest.raises(InputError, match=said) as caught:
            saving.write_bytes(path, b"")
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="its folder is not writable"):
        saving.check_target(tmp_path / "a.png")


def test_a_link_is_followed_so_that_it_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "a.csv"
    link.symlink_to(tmp_path / "real" / "b.csv")
    write.write_table(link, COLUMNS, {})
    assert link.is_symlink()
    assert (tmp_path / "real" / "b.csv").exists()


def test_new_files_get_the_permissions_of_the_user(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        path = saving.write_bytes(tmp_path / "a.bin", b"1")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


def test_tables_keep_every_digit_and_say_what_is_not_finite(tmp_path: Path) -> None:
    config = {"seed": 3}
    csv, npz, js = (write.write_table(tmp_path / f"t.{fmt}", COLUMNS, config) for fmt in formats.TABLE_FORMATS)
    assert csv.read_text() == "x,mean,n\n0.0,,1\n0.1,-1.5,2\ninf,1e-300,3\n"
    with np.load(npz, allow_pickle=False) as found:
        for name, values in COLUMNS.items():
            np.testing.assert_array_equal(found[name], values)
        assert json.loads(found["config"].item()) == {"noisyviz": __version__, "seed": 3}
    document = json.loads(js.read_text())
    assert document["config"] == {"noisyviz": __version__, "seed": 3}
    assert document["x"] == [0.0, 0.1, None]
    assert document["mean"] == [None, -1.5, 1e-300]
    assert document["n"] == [1, 2, 3]
    assert document["masked"] == 2


@pytest.mark.parametrize("fmt", formats.TABLE_FORMATS)
def test_tables_are_the_same_on_every_run_and_replace_only_their_own(
    fmt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write.write_table(tmp_path / f"t.{fmt}", COLUMNS, {"seed": 3})
    first = path.read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    write.write_table(path, COLUMNS, {"seed": 3})
    assert path.read_bytes() == first
    path.write_bytes(b"x,mean\n1,2\n")
    with pytest.raises(InputError, match="not made by noisyviz"):
        write.write_table(path, COLUMNS, {})


def test_columns_of_unequal_length_are_no_table() -> None:
    with pytest.raises(ValueError, match="zip"):
        tables.table_bytes({"a": np.zeros(2), "b": np.zeros(3)}, {}, fmt="csv")


def test_the_data_stand_beside_the_picture(tmp_path: Path) -> None:
    paths = write.write_data(RECIPE, RESULT, tmp_path / "unit.v2.png")
    assert [path.name for path in paths] == ["unit.v2.csv", "unit.v2-bands.csv", "unit.v2-draws.csv"]
    table = np.genfromtxt(paths[0], delimiter=",", names=True, dtype=None, encoding="utf-8")
    np.testing.assert_array_equal(table["x"], RESULT.series[0].curves.x)
    np.testing.assert_array_equal(table["grad_mean"], RESULT.series[0].moments.grad_mean)
    draws = np.genfromtxt(paths[2], delimiter=",", names=True, dtype=None, encoding="utf-8")
    np.testing.assert_array_equal(draws["phi"], RESULT.series[0].cloud_phi)
    paths[2].write_text("mine\n")
    paths[0].unlink()
    with pytest.raises(InputError, match=r"unit\.v2-draws\.csv"):
        write.write_data(RECIPE, RESULT, tmp_path / "unit.v2.png")
    assert not paths[0].exists()


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_truncated_file_is_not_ours_or_still_tells_the_truth(
    fmt: str, pictures: dict[str, bytes], tmp_path: Path
) -> None:
    path, whole = tmp_path / "a", pictures[fmt]
    for size in {0, 1, 7, 8, 20, 60, 200, 900, len(whole) // 2, len(whole) - 1}:
        path.write_bytes(whole[:size])
        record = provenance.read_record(path)
        assert record is None or record["settings"] == RECIPE.settings(), size


def test_damaged_and_hostile_files_are_read_in_bounds(pictures: dict[str, bytes], tmp_path: Path) -> None:
    png = pictures["png"]
    start = png.index(b"tEXt")
    hostile = {
        "changed text": png.replace(b'"alpha":0.9', b'"alpha":0.8'),
        "giant chunk": png[: start - 4] + b"\x7f\xff\xff\xff" + png[start:],
        "negative chunk": png[: start - 4] + b"\xff\xff\xff\xff" + png[start:],
        "not json": b'%PDF-1.4\n/Keywords ({"noisyviz":)',
        "deep json": b'{"config": ' + b"[" * 100_000,
        "a list": b'{"config": [1]}',
        "a number": b'{"config": {"noisyviz": 1}}',
        "empty zip": b"PK\x03\x04" + b"\0" * 40,
        "svg of another": b"<svg xmlns='http://www.w3.org/2000/svg'><dc:description>fine</dc:description></svg>",
        "text": b"x,y\n1,2\n",
    }
    for name, payload in hostile.items():
        (tmp_path / "a").write_bytes(payload)
        assert provenance.read_record(tmp_path / "a") is None, name


def test_an_archive_that_would_unpack_to_much_is_not_unpacked(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", config=np.zeros(40_000_000, dtype=np.uint8))
    assert provenance.read_record(tmp_path / "bomb.npz") is None
    np.savez(tmp_path / "pickled.npz", config=np.array({"noisyviz": "1"}, dtype=object))
    assert provenance.read_record(tmp_path / "pickled.npz") is None


@pytest.mark.skipif(NO_TEX, reason="no TeX is installed")
def test_a_pgf_file_has_texts_of_the_size_asked_for_and_names_no_font_or_folder(pictures: dict[str, bytes]) -> None:
    text = pictures["pgf"].decode()
    sizes = {float(size) for size in re.findall(r"\\fontsize\{([0-9.]+)\}", text)}
    assert sizes == {8.0}
    assert not re.search(r"\.ttf|fontspec|\\includegraphics|\\pgfimage", text)
    width = re.search(r"\\pgfpathrectangle\{\\pgfpointorigin\}\{\\pgfqpoint\{([0-9.]+)in\}", text)
    assert width is not None
    assert float(width[1]) == pytest.approx(6.75)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex is installed")
def test_a_document_that_takes_the_pgf_file_in_compiles(pictures: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "a.pgf").write_bytes(pictures["pgf"])
    head = r"\documentclass{article}\usepackage{pgf}\def\mathdefault#1{#1}\begin{document}"
    (tmp_path / "doc.tex").write_text(head + r"\input{a.pgf}\end{document}")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "doc.tex"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert b"Missing character" not in (tmp_path / "doc.log").read_bytes()
