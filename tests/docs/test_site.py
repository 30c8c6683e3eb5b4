"""The site builds without a warning, needs nothing from elsewhere, and no link inside it leads nowhere."""

import os
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import noisyviz as nv
from noisyviz.cli.app import COMMANDS

DOCS = Path(__file__).parents[2] / "docs"
LOADS = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src", "object": "data"}
"""What a browser fetches by itself."""

if "NOISYVIZ_SITE" not in os.environ and find_spec("pydata_sphinx_theme") is None:
    pytest.skip("the extra 'docs' holds what builds the site", allow_module_level=True)


class Page(HTMLParser):
    """The links, the ids and the words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: set[str] = set()
        self.words: list[str] = []
        self.formulas = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        self.formulas += tag == "math"
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADS and LOADS[tag] in given and given.get("rel") not in ("canonical", "search", "index", "author"):
            self.loads.append(given[LOADS[tag]])

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site: one that is built already, or a new one."""
    if "NOISYVIZ_SITE" in os.environ:
        return Path(os.environ["NOISYVIZ_SITE"])
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    found = (path for path in sorted(site.rglob("*.html")) if path.name != "webpack-macros.html")  # the theme's own
    return {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in found}


def targets(path: Path, links: list[str]) -> Iterator[tuple[str, Path, str]]:
    """Links inside the site with the file and the place that they lead to."""
    for link in links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        yield link, (path.parent / unquote(parts.path)).resolve() if parts.path else path, unquote(parts.fragment)


def test_no_link_inside_leads_nowhere(pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link, file, place in targets(path, page.links):
            there = pages.get(file)
            if not file.exists() or (place and there is not None and place not in there.ids):
                lost.append(f"{path.name}: {link}")
    assert lost == []


def test_nothing_is_fetched_from_elsewhere(pages: dict[Path, Page], site: Path) -> None:
    for path, page in pages.items():
        assert [load for load in page.loads if urlsplit(load).netloc] == [], path
        assert [load for load, file, _ in targets(path, page.loads) if not file.exists()] == [], path
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert "url(http" not in text.replace("'", "").replace('"', ""), sheet
        assert "@import url(http" not in text.replace("'", "").replace('"', ""), sheet


def test_every_public_name_has_a_page_that_lists_its_methods(pages: dict[Path, Page], site: Path) -> None:
    for name in set(nv.__all__) - {"__version__"}:
        page = pages[(site / "api" / f"{name}.html").resolve()]
        value = getattr(nv, name)
        assert f"noisyviz.{name}" in page.ids, name
        if not isinstance(value, type) or issubclass(value, Exception):
            continue
        for method in (key for key in dir(value) if not key.startswith("_") and callable(getattr(value, key))):
            if getattr(value, method).__doc__:
                assert f"noisyviz.{name}.{method}" in page.ids, f"{name}.{method}"
    assert any("noisyviz.Annealing.plot" in page.ids for page in pages.values())


def test_registries_list_their_members(pages: dict[Path, Page], site: Path) -> None:
    for name in ("KINDS", "NOISES", "SCHEDULES", "SAMPLERS", "OBJECTIVES", "ACTIVATIONS", "SCALES"):
        words = {word.strip() for word in pages[(site / "api" / f"{name}.html").resolve()].words}
        assert set(getattr(nv, name)) <= words, name


def test_every_command_has_its_section(pages: dict[Path, Page], site: Path) -> None:
    ids = pages[(site / "cli.html").resolve()].ids
    names = [module.__name__.rpartition(".")[2] for module in COMMANDS]
    assert len(names) >= 9
    assert {f"noisyviz-{name}" for name in names} <= ids


def test_formulas_are_mathml_and_no_source_of_them_is_left(pages: dict[Path, Page], site: Path) -> None:
    page = pages[(site / "choose.html").resolve()]
    assert page.formulas > 10
    assert not any("\\alpha" in word for word in page.words)


def test_search_has_an_index_that_needs_no_server(site: Path) -> None:
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    assert index.startswith("Search.setIndex(")
    assert "pathwis" in index  # stemmed


def test_the_tutorial_stands_there_with_its_pictures(pages: dict[Path, Page], site: Path) -> None:
    page = pages[(site / "tutorial.html").resolve()]
    assert sum("_images" in load for load in page.loads) >= 5
    assert any("Annealing of hard-tanh" in word for word in page.words)


def test_the_front_page_leads_everywhere(pages: dict[Path, Page], site: Path) -> None:
    """From the front page every other one is reached; search and index have their own way in."""
    front = (site / "index.html").resolve()
    reached, todo = {front}, [front]
    while todo:
        path = todo.pop()
        for _, file, _ in targets(path, pages[path].links):
            if file in pages and file not in reached:
                reached.add(file)
                todo.append(file)
    assert {path.name for path in pages if path not in reached} <= {"search.html", "genindex.html"}
