"""Pages made when the site is built: one for every public name, and the page of ``explore``.

In a list of pages a name with a question mark, such as ``?torch``, is left out while that page does not exist.
"""

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import numpy as np
import numpy.typing as npt
from sphinx.pycode import ModuleAnalyzer

import noisyviz
import noisyviz.torch as nvt

GROUPS = {
    "units": "Units, activations and noise",
    "moments": "Moments",
    "annealing": "Annealing",
    "networks": "Networks",
    "pictures": "Pictures",
    "export": "Pictures",
    "errors": "Errors",
    "cli": "Pages",
}
"""The titles of the groups, by the room in which a name lives; other rooms go by their own name."""
UNIT_PICTURE = "_static/explore.html"


def public_names() -> dict[str, str]:
    """Return every public name with the module in which it lives."""
    return {name: noisyviz._HOMES[name] for name in noisyviz.__all__ if name in noisyviz._HOMES}


def page_of(name: str, home: str) -> str:
    """Return the page of a public name."""
    value = getattr(noisyviz, name)
    if inspect.isclass(value):
        options = "" if issubclass(value, Exception) else "   :inherited-members:\n   :special-members: __call__\n"
        body = f".. autoclass:: noisyviz.{name}\n   :members:\n{options}"
    elif callable(value):
        body = f".. autofunction:: noisyviz.{name}\n"
    else:
        return f"# {name}\n\n{registry(name, home, value)}"
    return f"# {name}\n\n```{{eval-rst}}\n{body}```\n"


def torch_page() -> str:
    """Return the page of all names of `noisyviz.torch`."""
    parts = []
    for name in sorted(nvt.__all__):
        value = getattr(nvt, name)
        if inspect.isclass(value):
            parts.append(f".. autoclass:: noisyviz.torch.{name}\n   :members:\n")
        elif callable(value):
            parts.append(f".. autofunction:: noisyviz.torch.{name}\n")
        else:
            parts.append(f".. py:data:: noisyviz.torch.{name}\n\n   {', '.join(f'``{one}``' for one in value)}\n")
    told = "See [Noisy units in PyTorch](../torch.md) for how they work together."
    return "# noisyviz.torch\n\n" + told + "\n\n```{eval-rst}\n" + "\n".join(parts) + "```\n"


def registry(name: str, home: str, members: Mapping[str, Any]) -> str:
    """Return the description of a table of names, and the table."""
    told = ModuleAnalyzer.for_module(home).find_attr_docs()[("", name)]
    rows = [f"| `{key}` | {cell(getattr(value, 'formula', value))} |" for key, value in members.items()]
    head = f"```{{eval-rst}}\n.. py:data:: noisyviz.{name}\n\n   {' '.join(told).strip()}\n```\n\n"
    return head + "| name | |\n| --- | --- |\n" + "\n".join(rows) + "\n"


def cell(text: object) -> str:
    """Return a text as code that may stand in a table."""
    return f"`{text}`".replace("|", "\\|")


def write(path: Path, text: str) -> None:
    """Write a page if it has changed, so that it is not built again for nothing."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


class ArrayLike:
    """Stands for NumPy's union of this name, which is a line long when spelled out."""

    __module__ = "numpy.typing"


def readable(annotation: Any) -> Any:
    """Return an annotation as a reader wants it: arrays without their parameters."""
    if annotation == npt.ArrayLike:
        return ArrayLike
    if get_origin(annotation) is np.ndarray:
        return np.ndarray
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(readable(one) for one in get_args(annotation))]  # noqa: UP007  # from a tuple
    return annotation


def make_readable(value: Any) -> None:
    """Rewrite the annotations of a function, or of a class with its methods."""
    methods = [one for _, one in inspect.getmembers(value, inspect.isfunction)] if inspect.isclass(value) else []
    for one in (value, *methods):
        for name, annotation in list(getattr(one, "__annotations__", {}).items()):
            one.__annotations__[name] = readable(annotation)
    if inspect.isclass(value):  # what a constructor takes is more than what the field then holds
        taken = getattr(value.__init__, "__annotations__", {})
        value.__annotations__ |= {name: taken[name] for name in value.__annotations__ if name in taken}


def write_pages(app: Any) -> None:
    """Write the pages of the API and their list."""
    folder = Path(app.srcdir) / "api"
    for name in public_names():
        if callable(getattr(noisyviz, name)):
            make_readable(getattr(noisyviz, name))
    groups: dict[str, list[str]] = {}
    for name, home in public_names().items():
        write(folder / f"{name}.md", page_of(name, home))
        room = home.split(".")[1]
        groups.setdefault(GROUPS.get(room, room), []).append(name)
    lists = "\n".join(
        f"## {title}\n\n{summaries(names)}\n\n```{{toctree}}\n:hidden:\n\n" + "\n".join(names) + "\n```\n"
        for title, names in groups.items()
    )
    write(folder / "torch.md", torch_page())
    lists += "\n## PyTorch\n\n[`import noisyviz.torch as nvt`](torch.md)\n\n```{toctree}\n:hidden:\n\ntorch\n```\n"
    write(folder / "index.md", f"# Python\n\n`import noisyviz as nv`; names load on first use.\n\n{lists}")
    write_live(app)


def summaries(names: list[str]) -> str:
    """Return a table of names with the first line of their docstrings."""
    rows = []
    for name in names:
        value = getattr(noisyviz, name)
        told = inspect.getdoc(value) if callable(value) else " ".join(attribute_doc(name))
        rows.append(f"| [{name}]({name}.md) | {(told or '').strip().splitlines()[0]} |")
    return "| name | |\n| --- | --- |\n" + "\n".join(rows)


def attribute_doc(name: str) -> list[str]:
    """Return the lines that describe a table of names."""
    found: list[str] = ModuleAnalyzer.for_module(noisyviz._HOMES[name]).find_attr_docs()[("", name)]
    return found


def write_live(app: Any) -> None:
    """Make the page with sliders that docs/explore.md holds."""
    unit = noisyviz.NoisyUnit("hard-tanh", kind="nah", alpha=1.15)
    write(Path(app.srcdir) / UNIT_PICTURE, noisyviz.explore(unit).html)


def drop_missing(app: Any, docname: str, source: list[str]) -> None:  # noqa: ARG001  # Sphinx passes it
    """Leave pages with a question mark out of lists while they do not exist."""
    folder = Path(app.srcdir)

    def kept(line: re.Match[str]) -> str:
        there = any((folder / f"{line[1]}{suffix}").exists() for suffix in (".md", ".ipynb", ".rst"))
        return f"{line[1]}\n" if there else ""

    source[0] = re.sub(r"^\?(\S+)\n", kept, source[0], flags=re.MULTILINE)


def setup(app: Any) -> dict[str, bool]:
    """Write the pages before any is read."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", drop_missing)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
