"""Tables as data frames, spreadsheets and R write them: rows, names of columns, and what is said about the rest."""

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from noisyviz.errors import InputError
from noisyviz.networks.text_tables import Table, read_table

NAN = math.nan


def table(folder: Path, content: str | bytes) -> Table:
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, folder)


# content, rows, names of columns, words of the notes
TABLES: dict[str, tuple[str, list[list[float]], tuple[str, ...], list[str]]] = {
    "names": ("u0,u1\n0.5,1\n2,3\n", [[0.5, 1], [2, 3]], ("u0", "u1"), []),
    "names in capitals with spaces": ("my unit,b\n1,2\n3,5\n", [[1, 2], [3, 5]], ("my unit", "b"), []),
    "index of a data frame": (",u0,u1\n0,0.5,1\n1,2,3\n", [[0.5, 1], [2, 3]], ("u0", "u1"), ["index column"]),
    "named index": ("id,a,b\n1,.5,2\n2,.7,3\n3,.1,9\n", [[0.5, 2], [0.7, 3], [0.1, 9]], ("a", "b"), ["'id'"]),
    "index written back": ("Unnamed: 0,a\nx,1.5\ny,2\n", [[1.5], [2]], ("a",), ["'Unnamed: 0'"]),
    "two indices": (",,a\n0,x,1.5\n1,y,2\n", [[1.5], [2]], ("a",), ["index column"]),
    "index without names": ("0,.5\n1,.7\n2,.1\n", [[0.5], [0.7], [0.1]], (), ["its first column, which counts"]),
    "numerals as names": ("50%,2\n0.5,1\n2,3\n", [[0.5, 1], [2, 3]], ("50%", "2"), ["first line 50%,2 that was taken"]),
    "years above columns": ("2020,2021\n0.5,1\n2,3\n", [[2020, 2021], [0.5, 1], [2, 3]], (), ["though it may name"]),
    "rising whole numbers": ("2020,2021\n5,1\n2,3\n", [[2020, 2021], [5, 1], [2, 3]], (), []),
    "numbers above columns": ("0,1\n0.5,1\n2,3\n", [[0.5, 1], [2, 3]], ("0", "1"), ["first line 0,1"]),
    "numbers from 1": ("1,2,3\n0.5,1,7\n", [[0.5, 1, 7]], ("1", "2", "3"), ["column numbers and left out"]),
    "numbers above whole numbers": ("0,1\n5,1\n2,3\n", [[0, 1], [5, 1], [2, 3]], (), ["taken for numbers"]),
    "numbers and index": (",0,1\n0,0.5,1\n1,2,3\n", [[0.5, 1], [2, 3]], ("0", "1"), ["index column"]),
    "missing": ("a,b\n1,\nNA,N/A\nnull,None\n#N/A,2\n", [[1, NAN], [NAN, NAN], [NAN, NAN], [NAN, 2]], ("a", "b"), []),
    "quotes": ('"a","b"\n"0.5","1"\n"2","3"\n', [[0.5, 1], [2, 3]], ("a", "b"), []),
    "comma in a quoted name": ('"a,1";b\n0.5;1\n', [[0.5, 1]], ("a,1", "b"), []),
    "line break in a quoted name": ('"a\nb",c\n0.5,1\n2,3\n', [[0.5, 1], [2, 3]], ("a\nb", "c"), []),
    "comment": ("# saved by a script\n0.5,1\n\n% more\n2,3\n", [[0.5, 1], [2, 3]], (), []),
    "names in a comment": ("# a b\n0.5 1\n2 3\n", [[0.5, 1], [2, 3]], ("a", "b"), []),
    "tabs": ("a\tb\n0.5\t1\n2\t3\n", [[0.5, 1], [2, 3]], ("a", "b"), []),
    "spaces": ("  0.5   1\n 2.0   3\n", [[0.5, 1], [2, 3]], (), []),
    "decimal commas": ("sep=;\na;b\n0,5;1\n-2,25;3\n", [[0.5, 1], [-2.25, 3]], ("a", "b"), []),
    "R's write.table": ('"V1" "V2"\n"1" 0.5 1\n"2" 2 NA\n', [[0.5, 1], [2, NAN]], ("V1", "V2"), ["index column"]),
    "R's write.csv": ('"","V1"\n"a",0.5\n"b",2\n', [[0.5], [2]], ("V1",), ["index column"]),
    "text beside numbers": (
        "x,kind\n.5,cat\n2,dog\n",
        [[0.5], [2]],
        ("x",),
        ["1 of 2 columns without numbers, which were left out: 'kind'"],
    ),
    "comma at the end": ("a,b,\n0.5,1,\n2,3,\n", [[0.5, 1], [2, 3]], ("a", "b"), []),
    "one name": ("some unit\n0.5\n2\n", [[0.5], [2]], ("some unit",), []),
    "Fortran": ("1.5D-01 2.0d+00\n", [[0.15, 2.0]], (), []),
    "Windows": ("a;b\r\n0.5;1\r\n", [[0.5, 1]], ("a", "b"), []),
}


@pytest.mark.parametrize("name", TABLES)
def test_numbers_names_and_notes(tmp_path: Path, name: str) -> None:
    content, rows, columns, words = TABLES[name]
    found = table(tmp_path, content)
    np.testing.assert_array_equal(found.values, rows)
    assert found.columns == columns
    assert len(found.notes) == len(words)
    for note, word in zip(found.notes, words, strict=True):
        assert word in note


def test_encodings_and_packing(tmp_path: Path) -> None:
    content = "Größe,b\n0.5,1\n"
    raw = [content.encode(code) for code in ("utf-8", "utf-8-sig", "utf-16", "cp1252")]
    for one in [*raw, gzip.compress(raw[0])]:
        found = table(tmp_path, one)
        assert found.columns == ("Größe", "b")
        assert found.values.tolist() == [[0.5, 1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no numbers"),
        ("a,b\n", "holds no numbers"),
        ("1,2\n3,three\n", "'three' in line 2, column 2"),
        ("# first\na,b\n\n1,2\n3,4\n5,x\n", "'x' in line 6, column 2"),
        ("1,2\n3\n", "columns changed from 2 to 1 in line 2"),
        ("1 2\n3 4 5\n", "columns changed from 2 to 3 in line 2"),
        ('"1,234","2"\n"2,345","3"\n', "may separate decimals, thousands or cells"),
        ("1 2\n1,5 2\n1 3\n1 4\n", "may separate decimals, thousands or cells"),
        (b"1,2\n\x00\x01", "not a text file"),
        (gzip.compress(b"0.25,0.5\n" * 5000, mtime=0)[:-20], r"damaged or truncated \.gz"),
        (gzip.compress(b"\x93NUMPY", mtime=0), "unpack it first"),
    ],
)
def test_what_is_no_table_of_numbers_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        table(tmp_path, content)


def test_long_tables_are_read_in_blocks_of_either_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noisyviz.networks.text_tables._BLOCK", 7)
    x = np.random.default_rng(1).normal(size=(300, 3))
    lines = [",".join(["", "a", "b", "c"])]
    lines += [",".join([str(k + 1), *map(repr, row)]) for k, row in enumerate(x.tolist())]
    np.testing.assert_array_equal(table(tmp_path, "\n".join(lines)).values, x)
    counted = "\n".join(line.removeprefix(",") if k == 0 else line for k, line in enumerate(lines))
    np.testing.assert_array_equal(table(tmp_path, "n," + counted).values, x)
    lines[200] = "200,,NA,-"
    found = table(tmp_path, "\n".join(lines)).values
    assert np.isnan(found[199]).all()
    np.testing.assert_array_equal(np.delete(found, 199, axis=0), np.delete(x, 199, axis=0))
