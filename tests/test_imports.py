"""What may be loaded when, each seen in a fresh interpreter: rooms import one way, and nothing heavy comes early."""

import json
import pkgutil
import subprocess
import sys

import pytest

import noisyviz
import noisyviz.engine

ENGINE = [module.name for module in pkgutil.iter_modules(noisyviz.engine.__path__, "noisyviz.engine.")]


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


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_loads_no_drawing_and_no_command_line(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert "numpy" in loaded
    assert loaded & {"matplotlib", "typer", "rich"} == set()


@pytest.mark.parametrize("room", ["plots", "recipes"])
def test_rooms_below_the_command_line_do_not_load_it(room: str) -> None:
    package = __import__(f"noisyviz.{room}", fromlist=["__path__"])
    modules = [module.name for module in pkgutil.iter_modules(package.__path__, f"noisyviz.{room}.")]
    assert loaded_by(f"import {', '.join(modules)}, noisyviz.export, noisyviz.files") & {"typer", "rich"} == set()


def test_importing_noisyviz_loads_neither_numpy_nor_matplotlib() -> None:
    assert loaded_by("import noisyviz\nnoisyviz.__version__") & {"numpy", "scipy", "matplotlib", "typer"} == set()


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], *([name, "-h"] for name in ("list", "estimate", "plot", "figures", "replay"))],
)
def test_help_and_version_load_neither_numpy_nor_matplotlib(words: list[str]) -> None:
    loaded = loaded_by(command(*words))
    assert "typer" in loaded
    assert loaded & {"numpy", "scipy", "matplotlib", "rich"} == set()


def test_estimate_never_loads_matplotlib() -> None:
    loaded = loaded_by(command("estimate", "--at", "0,1", "--samples", "100", "-o", "-", "--format", "csv"))
    assert "numpy" in loaded
    assert "matplotlib" not in loaded


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (["plot", "--fn", "tanh", "-o", "-", "--format", "svg"], ["scipy.special", "scipy.optimize"]),
        (["estimate", "--at", "0,3", "--samples", "100", "--json"], ["scipy.optimize"]),
    ],
)
def test_a_command_loads_only_what_it_needs(words: list[str], idle: list[str]) -> None:
    modules = modules_after(command(*words))
    assert "noisyviz.engine.exact" in modules
    assert modules & {"scipy.stats", "matplotlib.pyplot", "noisyviz.engine.anneal", *idle} == set()


def test_every_public_name_is_there_and_listed() -> None:
    assert sorted(noisyviz.__all__) == sorted({*noisyviz._HOMES, "__version__"})
    for name in noisyviz.__all__:
        assert getattr(noisyviz, name) is not None
        assert name in dir(noisyviz)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = noisyviz.nothing
