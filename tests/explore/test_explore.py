"""The page as a file, as the value of a cell, and as a command, without a browser."""

import html
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run, listing

import noisyviz as nv
from noisyviz.errors import InputError
from noisyviz.export.integrity import intact
from noisyviz.export.provenance import read_record

LIMIT = 60_000


def table(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="table">(.*?)</script>', page, flags=re.DOTALL)
    assert found is not None
    read: dict[str, Any] = json.loads(found[1])
    return read


def test_a_page_stays_small_also_with_data() -> None:
    data = np.random.default_rng(0).normal(0.0, 3.0, 1_000_000)
    page = nv.explore(nv.NoisyUnit("hard-tanh", kind="nah", noise="student-t:4.25"), data=data)
    assert len(page.html.encode()) <= LIMIT


def test_a_page_asks_nothing_of_elsewhere() -> None:
    page = nv.explore(nv.NoisyUnit("tanh")).html
    assert re.findall(r"""(?:src|href|action)\s*=\s*["']?\w""", page) == []
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page) == []
    assert "default-src 'none'" in page


def test_the_page_knows_every_function_and_kind() -> None:
    found = table(nv.explore(nv.NoisyUnit("tanh")).html)
    assert [one["name"] for one in found["functions"]] == list(nv.ACTIVATIONS)
    assert list(found["kinds"]) == list(nv.KINDS)
    formulas = Path(nv.__file__).parent.joinpath("export", "page", "moments.js").read_text(encoding="utf-8")
    for one in nv.ACTIVATIONS.values():
        assert one.pieces is not None or f'"{one.name}": ' in formulas, one.name


def test_a_page_begins_where_the_unit_is() -> None:
    unit = nv.NoisyUnit("sigmoid", kind="nanil", alpha=1.0, c=2.5, p=-0.75, scale="figure", noise="student-t:5")
    assert table(nv.explore(unit).html)["start"] == unit.to_dict()


def test_density_and_shares_are_those_of_the_data() -> None:
    values = np.array([-5.0, -1.0, -0.5, 0.0, 0.25, 1.0, 2.0, 7.0, np.nan, np.inf])
    found = table(nv.explore(nv.NoisyUnit("tanh"), data=values.reshape(2, 5)).html)["data"]
    assert found["size"] == 8
    assert found["saturated"]["tanh"] == [2 / 8, 3 / 8]
    assert found["saturated"]["sigmoid"] == [1 / 8, 2 / 8]
    assert found["saturated"]["gelu"] == [0.0, 0.0]
    many = np.random.default_rng(0).uniform(0.0, 2.0, 100_000)
    found = table(nv.explore(nv.NoisyUnit("tanh"), data=many).html)["data"]
    assert found["low"] == pytest.approx(0.0, abs=0.01)
    assert found["high"] == pytest.approx(2.0, abs=0.01)
    assert np.mean(found["heights"]) == pytest.approx(0.5, abs=0.01)


def test_data_of_one_value_have_a_density() -> None:
    found = table(nv.explore(nv.NoisyUnit("tanh"), data=np.full(5, 3.0)).html)["data"]
    assert found["low"] < 3.0 < found["high"]
    assert sum(height > 0 for height in found["heights"]) == 1


@pytest.mark.parametrize(
    ("unit", "data", "told"),
    [
        (nv.NoisyUnit("tanh", c=np.array([1.0, 2.0])), None, "c must be one number"),
        (nv.NoisyUnit("tanh", alpha=-2000), None, "alpha must be within ±1,000"),
        (nv.NoisyUnit("tanh"), [np.nan, np.inf], "data hold no finite number"),
        ("tanh", None, "unit must be a NoisyUnit, got str"),
        (nv.NoisyUnit("tanh", scale=nv.activation("sigmoid")), None, "scale must be one of eq9, figure in a page"),
    ],
)
def test_what_a_page_cannot_show_is_refused(unit: Any, data: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        nv.explore(unit, data=data)


def test_functions_of_ones_own_are_refused(run: Run) -> None:
    Path("mine.py").write_text("import numpy as np\n\n\ndef bent(x):\n    return np.tanh(2 * x)\n")
    result = run("explore", "--fn", "mine:bent")
    assert result.exit_code == 2
    assert "--fn must be one of tanh" in result.stderr
    assert "got 'mine:bent'" in result.stderr
    assert listing() == ["mine.py"] or listing() == ["__pycache__", "mine.py"]


def test_a_cell_shows_the_page_and_prints_one_line() -> None:
    page = nv.explore(nv.NoisyUnit("tanh"))
    cell = page._repr_html_()
    found = re.match(r'<iframe srcdoc="([^"]*)"', cell)
    assert found is not None
    assert html.unescape(found[1]) == page.html
    assert "\n" not in repr(page)
    assert len(repr(page)) < 100


def test_a_saved_page_is_recognised_and_no_other_file_is_replaced(folder: Path) -> None:
    first, second = (nv.explore(nv.NoisyUnit("tanh", c=c)) for c in (0.5, 1.0))
    first.save("a.html")
    assert Path("a.html").read_bytes() == first.html.encode()
    assert intact(Path("a.html").read_bytes())
    record = read_record("a.html")
    assert record is not None
    assert record["settings"]["c"] == 0.5
    second.save("a.html")
    other = folder / "b.html"
    other.write_text("<!doctype html><title>mine</title>" + " " * 20_000 + first.html)
    before = other.read_bytes()
    with pytest.raises(InputError, match="was not made by noisyviz"):
        second.save(other)
    assert other.read_bytes() == before
    second.save(other, force=True)
    assert listing() == ["a.html", "b.html"]


def test_the_command_writes_the_page_of_python(run: Run) -> None:
    result = run("explore", "--fn", "hard-tanh", "--unit", "nah", "--alpha", "1.15")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "wrote explore-hard-tanh-nah-a1.15.html\n")
    made = nv.explore(nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15))
    assert Path("explore-hard-tanh-nah-a1.15.html").read_text(encoding="utf-8") == made.html


def test_data_are_named_so_that_the_copied_command_reads_them(run: Run) -> None:
    Path("in").mkdir()
    np.savez("in/gates.npz", g=np.linspace(-3, 3, 7), other=np.array([np.nan, 1.0]))
    assert run("explore", "--data", "in/gates.npz:g", "-o", "a.html", "-q").exit_code == 0
    found = table(Path("a.html").read_text(encoding="utf-8"))["data"]
    assert (found["label"], found["option"], found["size"]) == ("gates.npz:g", "gates.npz:g", 7)
    assert found["saturated"]["tanh"] == [3 / 7, 3 / 7]
    assert "1 of 2 values left out: not finite" in run("explore", "--data", "in/gates.npz:other", "-o", "a.html").stderr


def test_names_in_data_stay_text(run: Run) -> None:
    names = {"</script ><script >alert(1)": np.arange(3.0)}
    np.savez("a.npz", **names)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    assert run("explore", "--data", "a.npz", "-o", "a.html", "-q").exit_code == 0
    text = Path("a.html").read_text(encoding="utf-8")
    assert "alert(1)" in text
    assert len(re.findall("</script", text)) == 3
    assert table(text)["data"]["label"] == "a.npz:</script ><script >alert(1)"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--fn", "tanh,relu"), "--fn takes one value here, got the 2 values 'tanh,relu'"),
        (("--c", "-1"), "--c must be a finite number of at least 0, got '-1'"),
        (("-o", "a.png"), "it must end in .html"),
        (("-o", "-"), "-o - needs --format, one of html"),
        (("--data", "gone.npy"), "--data 'gone.npy'"),
        (("-o", "-", "--format", "html", "--show"), "--show needs a"),
    ],
)
def test_a_bad_option_gets_one_sentence_and_nothing_is_written(run: Run, words: tuple[str, ...], told: str) -> None:
    result = run("explore", *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert listing() == []
