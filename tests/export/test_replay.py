"""A picture made again from its record: the same bytes, and nothing that a hostile record asks for."""

import json
import re
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from conftest import Run

from noisyviz.cli import replay as command
from noisyviz.errors import InputError
from noisyviz.export import formats, pgf, provenance, render, replay, tables
from noisyviz.export.integrity import UNSEALED, intact, sealed
from noisyviz.pictures import PICTURES, picture_class
from noisyviz.pictures.overview.picture import Overview
from noisyviz.pictures.picture import DataSource
from noisyviz.pictures.run_differences.picture import Difference
from noisyviz.pictures.runs.lines import RunLine, RunPanel
from noisyviz.pictures.stored import stored_picture

RECIPE = Overview(points=21, samples=30, panels=("sigma",))
NO_TEX = not any(shutil.which(name) for name in pgf.TEX_SYSTEMS)
OLD: Final = json.loads((Path(__file__).parents[1] / "data/settings-0.2.0.json").read_text())  # stored by that version
FORMATS = [
    pytest.param(fmt, marks=pytest.mark.skipif(fmt == "pgf" and NO_TEX, reason="no TeX"))
    for fmt in formats.PICTURE_FORMATS
]
Change = Callable[[dict[str, Any]], object]


def picture(fmt: str, recipe: Overview = RECIPE) -> bytes:
    return render.picture_bytes(recipe, recipe.compute(), fmt=fmt, width="icml")


@pytest.fixture(scope="module")
def svg() -> str:
    return picture("svg").decode()


def record_of(svg: str) -> dict[str, Any]:
    found = re.search(r"<dc:description>(.*?)</dc:description>", svg)
    assert found is not None
    record: dict[str, Any] = json.loads(found[1])
    return record | {"sha256": UNSEALED}


def forged(svg: str, text: str) -> bytes:
    """The picture with another text for a record, and with the digest that belongs to it."""
    start, end = svg.index("<dc:description>") + 16, svg.index("</dc:description>")
    changed = (svg[:start] + text + svg[end:]).encode()
    return sealed(changed) if UNSEALED in text else changed


def hostile(svg: str, change: Change) -> bytes:
    record = record_of(svg)
    change(record)
    return forged(svg, json.dumps(record, separators=(",", ":")))


def put(**values: Any) -> Change:
    return lambda record: record["settings"].update(values)


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_picture_is_made_again_to_the_byte_and_left_as_it_is(fmt: str, run: Run) -> None:
    Path(f"a.{fmt}").write_bytes(picture(fmt))
    result = run("replay", f"a.{fmt}")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"wrote a-replay.{fmt}\nthe bytes are identical to a.{fmt}\n"
    assert Path(f"a-replay.{fmt}").read_bytes() == Path(f"a.{fmt}").read_bytes()


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_a_film_is_made_again_to_the_byte(suffix: str, run: Run) -> None:
    assert run("anneal", "--steps", "3", "--trajectories", "4", "--animate", f"a.{suffix}").exit_code == 0
    assert run("replay", f"a.{suffix}", "-q").stderr == ""
    assert Path(f"a-replay.{suffix}").read_bytes() == Path(f"a.{suffix}").read_bytes()
    assert run("replay", f"a.{suffix}", "-o", "a.png").exit_code == 2


def test_another_format_and_place_can_be_asked_for(run: Run) -> None:
    Path("a.png").write_bytes(picture("png"))
    result = run("replay", "a.png", "-o", "b.svg", "-o", "c.pdf")
    assert (result.exit_code, result.stderr) == (0, "wrote b.svg\nwrote c.pdf\n")
    assert Path("b.svg").read_bytes() == picture("svg")
    Path("mine.svg").write_text("<svg/>")
    assert "not made by noisyviz" in run("replay", "a.png", "-o", "mine.svg").stderr
    assert run("replay", "a.png", "-o", "mine.svg", "--force").exit_code == 0


def test_json_only_compares(run: Run) -> None:
    Path("a.png").write_bytes(picture("png"))
    document = json.loads(run("replay", "a.png", "--json").stdout)
    assert document["identical"] is True
    assert document["differing"] == {}
    assert document["config"]["settings"] == RECIPE.settings()
    assert document["config"]["picture"] == "a.png"
    assert [path.name for path in Path().iterdir()] == ["a.png"]


def test_the_version_that_differs_is_named_and_the_picture_still_made(svg: str, run: Run) -> None:
    Path("a.svg").write_bytes(hostile(svg, lambda record: record["versions"].update(numpy="1.0")))
    result = run("replay", "a.svg", "-q")
    assert result.exit_code == 0
    assert "numpy 1.0 (here " in result.stderr
    assert "matplotlib" not in result.stderr
    assert Path("a-replay.svg").read_bytes() == svg.encode()
    assert json.loads(run("replay", "a.svg", "--json").stdout)["differing"]["numpy"]["picture"] == "1.0"
    Path("b.svg").write_bytes(hostile(svg, lambda record: record.update(noisyviz="0.0.1")))
    assert "noisyviz 0.0.1 (here " in run("replay", "b.svg").stderr


@pytest.mark.parametrize("name", OLD)
def test_settings_of_0_2_0_make_the_same_picture(name: str) -> None:
    made = stored_picture(name, OLD[name])
    assert made.settings() == {**made.settings(), **OLD[name]}
    asked: dict[str, Any] = {
        "at": None,
        "heat": "",
        "axis": -1,
        "axes": [],
        "functions": [],
        "runs": None,
        "by": "rms",
        "max_wrong": None,
        "max_std": None,
    }
    added = {key: value for key, value in made.settings().items() if key not in OLD[name]}
    assert added == {key: asked[key] for key in added}


def test_bytes_that_differ_under_the_same_versions_are_told(svg: str, run: Run) -> None:
    changed = svg.replace("</svg>", "<g/></svg>")
    Path("a.svg").write_bytes(hostile(changed, lambda _: None))
    assert "the bytes differ from a.svg: all versions are the same" in run("replay", "a.svg").stderr


@pytest.mark.parametrize("fmt", FORMATS)
def test_any_changed_or_missing_byte_shows(fmt: str, tmp_path: Path) -> None:
    whole = picture(fmt)
    assert intact(whole)
    for place in np.linspace(0, len(whole) - 1, 60).astype(int):
        assert not intact(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]), place
        assert not intact(whole[:place]), place
    path = tmp_path / "a"
    for payload in (whole[:-1], whole + b"\n", whole[: len(whole) // 2], whole[:700], whole[:7], b""):
        path.write_bytes(payload)
        with pytest.raises(InputError, match=r"replay reads the png|changed or cut short"):
            replay.read_picture(str(path))


def test_a_png_whose_text_was_changed_with_its_checksum_is_refused(tmp_path: Path) -> None:
    whole = picture("png")
    start = whole.index(b"tEXtnoisyviz")
    end = start + 4 + int.from_bytes(whole[start - 4 : start])
    body = whole[start:end].replace(b'"alpha":0.9', b'"alpha":0.8')
    path = tmp_path / "a.png"
    path.write_bytes(whole[:start] + body + zlib.crc32(body).to_bytes(4) + whole[end + 4 :])
    assert provenance.read_record(path) is not None
    with pytest.raises(InputError, match="changed or cut short"):
        replay.read_picture(str(path))


def test_a_checksum_that_does_not_fit_the_record_of_a_png_shows() -> None:
    whole = picture("png")
    start = whole.index(b"tEXtnoisyviz")
    end = start + 4 + int.from_bytes(whole[start - 4 : start])
    assert not intact(whole[:end] + bytes([whole[end] ^ 1]) + whole[end + 1 :])


def test_files_from_elsewhere_are_refused_in_one_sentence(run: Run) -> None:
    Path("folder").mkdir()
    Path("a.txt").write_text("x")
    Path("t.json").write_bytes(tables.json_bytes({"config": {"noisyviz": "1"}}))
    np.savez("a.npz", x=np.zeros(3))
    for name in ("a.txt", "t.json", "a.npz", "folder", "missing.png", "/dev/zero"):
        result = run("replay", name)
        assert result.exit_code == 2, name
        assert result.stderr.count("\n") == 1
        assert f"'{name}'" in result.stderr


HOSTILE: dict[str, Change] = {
    "unknown recipe": lambda record: record.update(recipe="os:system"),
    "recipe of another kind": lambda record: record.update(recipe=["plot"]),
    "no settings": lambda record: record.pop("settings"),
    "settings as a list": lambda record: record.update(settings=[1]),
    "missing setting": lambda record: record["settings"].pop("alpha"),
    "unknown setting": put(evil=1),
    "a thousand million points": put(points=10**9),
    "a million million points as a float": put(points=1e12),
    "many draws": put(samples=10**15),
    "a very long number": put(seed=10**4000),
    "negative seed": put(seed=-1),
    "nan": put(alpha=float("nan")),
    "infinity": put(c=float("inf")),
    "text for a number": put(alpha="0.9"),
    "truth for a number": put(alpha=True),
    "number for a text": put(unit=3),
    "unknown activation": put(fn=["evil"]),
    "many functions": put(fn=["tanh"] * 1000),
    "text for a list": put(fn="tanh"),
    "object for a list": put(fn={"a": 1}),
    "a list too long": put(xlim=[0.0, 1.0, 2.0]),
    "wide range": put(xlim=[-1e300, 1e300]),
    "data without a digest": put(data={"file": "a.npz"}),
    "data of another kind": put(data={"file": 1, "array": "", "sha256": ""}),
    "deep": put(fn=json.loads("[" * 500 + "]" * 500)),
    "unknown style": lambda record: record.update(style="/etc/passwd"),
    "style of another kind": lambda record: record.update(style={}),
    "huge width": lambda record: record.update(width="1e9cm"),
    "width without end": lambda record: record.update(width="9" * 5000 + "cm"),
    "width of a film": lambda record: record.update(width="animation"),
    "no versions": lambda record: record.pop("versions"),
    "terminal codes": lambda record: record["versions"].update({"\x1b[2J": "1"}),
    "versions of another kind": lambda record: record["versions"].update(numpy=["1"]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_record_is_one_sentence_and_no_file(case: str, svg: str, run: Run) -> None:
    Path("a.svg").write_bytes(hostile(svg, HOSTILE[case]))
    result = run("replay", "a.svg")
    assert result.exit_code == 2, result.stderr
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 800
    assert "a.svg" in result.stderr
    assert "\x1b" not in result.stderr
    assert [path.name for path in Path().iterdir()] == ["a.svg"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        '{"noisyviz":"1","sha256":"' + UNSEALED + '","settings":' + '{"a":' * 100_000,
        '{"noisyviz":"1","sha256":"' + UNSEALED + '"}' * 2,
        '{"noisyviz":"1","sha256":"' + UNSEALED + '","sha256":"' + "1" * 64 + '"}',
        "",
    ],
    ids=["deep list", "deep object", "twice closed", "two digests", "empty"],
)
def test_a_record_that_is_no_json_object_is_refused(text: str, svg: str, run: Run) -> None:
    Path("a.svg").write_bytes(forged(svg, text))
    result = run("replay", "a.svg")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_two_records_are_not_trusted(svg: str, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_bytes(svg.encode() + json.dumps(record_of(svg), separators=(",", ":")).encode())
    with pytest.raises(InputError, match="changed or cut short"):
        replay.read_picture(str(path))


def test_extreme_settings_are_answered_in_one_sentence_too(run: Run) -> None:
    recipe = picture_class("draws")(alpha=(1e308,), points=9)  # type: ignore[call-arg]  # of that recipe
    stored = recipe.settings()
    made = provenance.record(recipe="draws", settings=stored, style="paper", width="icml", seed=0)
    Path("a.svg").write_bytes(
        sealed(f"<?xml <svg <dc:description>{provenance.as_text(made)}</dc:description>".encode())
    )
    result = run("replay", "a.svg")
    assert result.exit_code == 2
    assert (
        result.stderr == "noisyviz: picture 'a.svg' cannot be made again: its settings lead to none (OverflowError)\n"
    )


def test_stored_code_is_never_imported_unless_it_is_named_again(svg: str, run: Run) -> None:
    Path("trap.py").write_text("open('sprung', 'w').close()\n\n\ndef bent(x):\n    return x / (1 + abs(x))\n")
    Path("a.svg").write_bytes(hostile(svg, put(fn=["trap:bent"])))
    for words in ((), ("--fn", "tanh"), ("--fn", "other:bent")):
        result = run("replay", "a.svg", *words)
        assert result.exit_code == 2
        assert "trap:bent" in result.stderr
        assert not Path("sprung").exists()
    assert "--fn" in run("replay", "a.svg").stderr
    for key in ("unit", "scale", "noise"):
        Path("b.svg").write_bytes(hostile(svg, put(**{key: "trap:bent"})))
        assert run("replay", "b.svg").exit_code == 2
        assert not Path("sprung").exists()
    assert run("replay", "a.svg", "--fn", "trap:bent").exit_code == 0
    assert Path("sprung").exists()
    sys.modules.pop("trap")
    Path("c.svg").write_bytes(hostile(svg, put(fn=["os:system"])))
    assert "'os:system'" in run("replay", "c.svg").stderr


def test_data_must_be_given_again_and_be_the_same(run: Run) -> None:
    np.savez("gates.npz", gate=np.array([-3.0, 0.5, 3.0]), other=np.zeros(3))
    np.savez("changed.npz", gate=np.array([-3.0, 0.6, 3.0]))
    assert run("plot", "--points", "21", "--data", "gates.npz:gate", "-o", "a.png").exit_code == 0
    shutil.copy("gates.npz", "renamed.npz")
    assert "'gates.npz:gate'" in run("replay", "a.png").stderr
    for text in ("gates.npz:gate", "gates.npz", "renamed.npz"):
        result = run("replay", "a.png", "--data", text)
        assert (result.exit_code, result.stderr.splitlines()[-1]) == (0, "the bytes are identical to a.png"), text
    for text in ("gates.npz:other", "changed.npz", "missing.npz"):
        result = run("replay", "a.png", "--data", text)
        assert result.exit_code == 2
        assert text in result.stderr
        assert "--data" in result.stderr
        assert ("(sha256 " in result.stderr) == (text == "changed.npz")  # equal digests would explain nothing
    Path("b.png").write_bytes(picture("png"))
    assert "leave them out" in run("replay", "b.png", "--data", "gates.npz:gate").stderr


def test_names_in_a_picture_are_no_tex_commands() -> None:
    source = DataSource(file=r"\input{secret}.npz", array="a", sha256="00")
    recipe = Overview(points=5, samples=3, data=source)
    result = recipe.compute(np.array([0.0, 2.0]))
    with pytest.raises(InputError, match=r"format pgf takes no name with any of"):
        render.picture_bytes(recipe, result, fmt="pgf")


def test_the_sentence_about_versions_names_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    path.write_bytes(picture("svg"))
    found = replay.read_picture(str(path))
    assert replay.changes(found) == {}
    text = command.verdict(found, None, {"tex": ("3", None)})
    assert text == f"{path} was made with tex 3 (here none)"


WANTED: Final[dict[str, dict[str, Any]]] = {
    "learning-curves": {"experiment": "ptb-words"},
    "runs": {"panels": (RunPanel(title="a", y="b", lines=(RunLine(label="c", seed=1, x=(1.0, 2.0), y=(3.0, 4.0)),)),)},
    "run-differences": {
        "rows": (Difference(task="a", metric="b", lower=True, unit="c", control="d", seeds=1, mean=1.0, half=None),)
    },
}
"""What pictures without defaults for everything need."""


@pytest.mark.parametrize("name", PICTURES)
def test_every_recipe_comes_back_from_its_settings_and_refuses_huge_ones(name: str) -> None:
    recipe = picture_class(name)(**WANTED.get(name, {}))
    stored = recipe.settings()
    assert stored_picture(name, stored) == recipe
    for key, value in stored.items():
        odd: list[object] = [{"x": [1]}, float("nan"), [[[[]]]], [1e300] * 10_000, "x" * 100_000]
        if type(value) is int and key not in ("seed", "every"):  # these two cost nothing
            odd += [10**12, -(10**12)]
        for bad in odd:
            with pytest.raises(InputError):
                stored_picture(name, stored | {key: bad}).compute()


def test_a_profile_is_replayed_from_its_files_with_every_option(run: Run) -> None:
    rng = np.random.default_rng(5)
    np.savez("a.npz", one=rng.normal(0.0, 2.0, (4, 30)), two=rng.normal(0.0, 2.0, (30, 4)))
    np.save("b.npy", rng.normal(0.0, 2.0, (30, 3)))
    words = ("--fn", "tanh(2*x)", "--array", "one=hard-tanh@0", "--unit", "nah", "--c", "0.8", "--width", "icml")
    assert run("profile", "a.npz", "b.npy", *words, "-o", "p.png").exit_code == 0
    done = run("replay", "p.png", "--data", "a.npz", "--data", "b.npy")
    assert (done.exit_code, done.stderr) == (0, "wrote p-replay.png\nthe bytes are identical to p.png\n")
    assert Path("p-replay.png").read_bytes() == Path("p.png").read_bytes()
    refused = {
        (): "give 'a.npz', 'b.npy' again",
        ("--data", "a.npz"): "are not those of picture 'p.png', which shows 'a.npz', 'b.npy'",
        ("--data", "a.npz:one", "--data", "b.npy"): "are not those of picture 'p.png'",
        ("--data", "a.npz", "--data", "none.npy"): "'none.npy' cannot be read",
    }
    for given, why in refused.items():
        done = run("replay", "p.png", *given, "-o", "q.png")
        assert (done.exit_code, why in done.stderr, Path("q.png").exists()) == (2, True, False), done.stderr
    assert run("plot", "--points", "9", "-o", "c.png").exit_code == 0
    assert "--data takes one value here" in run("replay", "c.png", "--data", "a", "--data", "b").stderr
