"""What may be loaded when, each seen in a fresh interpreter: rooms import one way, and nothing heavy comes early."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import noisyviz

ROOMS = ("units", "moments", "annealing", "networks", "torch", "experiments", "pictures", "export", "cli")
"""From the bottom up: a room imports the rooms named before it, and itself."""
NUMERICAL = ROOMS[: ROOMS.index("torch")]
PACKAGE = Path(noisyviz.__file__).parent


def modules_of(room: str) -> list[str]:
    """Every module of a room, as it is imported."""
    paths = sorted((PACKAGE / room).rglob("*.py"))
    return [".".join(("noisyviz", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in paths]


def loaded_by(code: str) -> set[str]:
    """Top-level packages that are loaded after running code in a fresh interpreter, where it may exit."""
    return {name.partition(".")[0] for name in modules_after(code)}


def modules_after(code: str) -> set[str]:
    """Modules that are loaded after running code in a fresh interpreter."""
    report = (
        "import atexit, json, sys\natexit.register(lambda: sys.stderr.write('\\n' + json.dumps(sorted(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", f"{report}\n{code}"], capture_output=True, text=True, check=False)
    return set(json.loads(done.stderr.splitlines()[-1]))


def command(*words: str) -> str:
    return f"from noisyviz.cli import main\nsys.argv = {['noisyviz', *words]!r}\nmain()"


@pytest.mark.parametrize("room", ROOMS)
def test_no_import_runs_upward(room: str) -> None:
    above = ROOMS[ROOMS.index(room) + 1 :]
    for path in (PACKAGE / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                used = name.partition("noisyviz.")[2].partition(".")[0]
                assert used not in above, f"{path}: {name}"
                # extras: nothing else needs them
                assert used != "torch" or room in ("torch", "experiments"), f"{path}: {name}"
                assert used != "experiments" or room in ("experiments", "cli"), f"{path}: {name}"


def test_next_to_nothing_loads_before_a_signal_is_answered() -> None:
    """Until then Python answers an interrupt with a traceback."""
    bare = modules_after("")
    assert modules_after("import noisyviz.cli") - bare <= {"noisyviz", "noisyviz.cli", "gc", "__future__"}


@pytest.mark.parametrize("room", NUMERICAL)
def test_numerical_rooms_load_no_drawing_and_no_command_line(room: str) -> None:
    loaded = loaded_by(f"import {', '.join(modules_of(room))}")
    assert "numpy" in loaded
    assert loaded & {"matplotlib", "typer", "rich"} == set()


def test_rooms_below_the_command_line_do_not_load_it() -> None:
    modules = [name for room in ("pictures", "export") for name in modules_of(room)]
    assert loaded_by(f"import {', '.join(modules)}") & {"typer", "rich"} == set()


def test_importing_noisyviz_loads_neither_numpy_nor_matplotlib() -> None:
    assert (
        loaded_by("import noisyviz\nnoisyviz.__version__") & {"numpy", "scipy", "matplotlib", "typer", "torch"} == set()
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["--help"],
        *(
            [name, "-h"]
            for name in ("list", "estimate", "plot", "explore", "figures", "replay", "train", "runs", "reproduce")
        ),
    ],
)
def test_help_and_version_load_neither_numpy_nor_matplotlib(words: list[str]) -> None:
    loaded = loaded_by(command(*words))
    assert "typer" in loaded
    assert loaded & {"numpy", "scipy", "matplotlib", "rich", "torch"} == set()


def test_estimate_never_loads_matplotlib() -> None:
    loaded = loaded_by(command("estimate", "--at", "0,1", "--samples", "100", "-o", "-", "--format", "csv"))
    assert "numpy" in loaded
    assert "matplotlib" not in loaded


def test_explore_never_loads_matplotlib() -> None:
    loaded = loaded_by(command("explore", "-o", "-", "--format", "html"))
    assert "numpy" in loaded
    assert loaded & {"matplotlib", "rich"} == set()


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (["plot", "--fn", "tanh", "-o", "-", "--format", "svg"], ["scipy.special", "scipy.optimize"]),
        (["estimate", "--at", "0,3", "--samples", "100", "--json"], ["scipy.optimize"]),
    ],
)
def test_a_command_loads_only_what_it_needs(words: list[str], idle: list[str]) -> None:
    modules = modules_after(command(*words))
    assert "noisyviz.moments.exact" in modules
    assert modules & {"scipy.stats", "matplotlib.pyplot", "noisyviz.annealing.anneal", *idle} == set()


def test_every_public_name_is_there_and_listed() -> None:
    assert sorted(noisyviz.__all__) == sorted({*noisyviz._HOMES, "__version__"})
    for name in noisyviz.__all__:
        assert getattr(noisyviz, name) is not None
        assert name in dir(noisyviz)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = noisyviz.nothing
