"""docs/tutorial.ipynb runs from its first cell to its last, and a notebook shows every figure once."""

from pathlib import Path
from typing import Any

import pytest

nbclient = pytest.importorskip("nbclient", reason="the extra 'docs' holds what runs notebooks")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def run(book: Any, folder: Path) -> Any:
    return nbclient.NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


def images(cell: Any) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.outputs)


def test_the_tutorial_is_stored_without_outputs() -> None:
    book = nbformat.read(DOCS / "tutorial.ipynb", 4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert len(code) > 10
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def test_the_tutorial_runs_and_shows_every_figure_once() -> None:
    book = run(nbformat.read(DOCS / "tutorial.ipynb", 4), DOCS)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    drawn = [cell for cell in code if "plot(" in cell.source.splitlines()[-1]]
    assert len(drawn) >= 5
    assert [images(cell) for cell in drawn] == [1] * len(drawn)
    assert [images(cell) for cell in code if cell not in drawn] == [0] * (len(code) - len(drawn))
    assert all(output.output_type != "error" for cell in code for output in cell.outputs)


CELLS = {
    "import noisyviz as nv\nunit = nv.NoisyUnit('hard-tanh')": 0,
    "nv.plot(unit)": 1,
    "figure = nv.plot(unit)": 0,
    "figure": 1,
    "%matplotlib inline\nimport matplotlib.pyplot as plt\nnv.plot(unit)": 1,
    "shown = nv.plot(unit, ax=plt.subplots()[1])": 1,
    "plt.get_fignums()": 0,
    "unit.plot()": 1,
    "unit": 0,
}


def test_a_figure_is_shown_once_with_pyplot_and_without(tmp_path: Path) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    done = run(book, tmp_path)
    assert [images(cell) for cell in done.cells] == list(CELLS.values())
    assert done.cells[6].outputs[0]["data"]["text/plain"] == "[]"
    assert "text/html" in done.cells[8].outputs[0]["data"]
