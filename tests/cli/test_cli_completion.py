"""Values are completed: by the function that answers, and by real shells through a pseudo-terminal."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_imports import loaded_by

import noisyviz as nv
from noisyviz.cli.completion import NAMES, answer, arrays, joined
from noisyviz.cli.list import _GROUPS
from noisyviz.networks.calibration import TARGETS
from noisyviz.pictures.overview import PANELS
from noisyviz.pictures.paper import EDITIONS
from noisyviz.pictures.shared.style import STYLES, WIDTHS
from noisyviz.units.names import FAMILIES

REGISTRIES = {
    "fn": [*nv.ACTIVATIONS, "threshold:0.1:0"],
    "unit": nv.KINDS,
    "scale": nv.SCALES,
    "sampler": nv.SAMPLERS,
    "by": TARGETS,
    "schedule": nv.SCHEDULES,
    "objective": nv.OBJECTIVES,
    "style": STYLES,
    "width": WIDTHS,
    "panels": PANELS,
    "edition": EDITIONS,
    "group": _GROUPS,
}
PATIENCE_S = 120.0
PROGRAM = Path(sys.executable).parent / "noisyviz"


def of(shell: str, line: str, **more: str) -> tuple[str, int] | None:
    """What a shell is told when the cursor stands behind a line; in bash as bash breaks it."""
    if shell == "bash":
        words = [word for part in line.split(" ") for word in (re.findall(r"[:=]|[^:=]+", part) or [""])]
        return answer(
            {"_NOISYVIZ_COMPLETE": "complete_bash", "COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
        )
    return answer({"_NOISYVIZ_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line} | more)


@pytest.fixture
def files(folder: Path) -> Path:
    np.savez("gates.npz", input_gate=np.zeros(2), cell_candidate=np.zeros(2))
    header = json.dumps({"__metadata__": {}, "layer.0": {}, "layer.1": {}}).encode()
    Path("a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return folder


def test_parameters_are_shown_behind_a_colon() -> None:
    assert {name: of("fish", f"noisyviz plot --fn {name}:") for name in FAMILIES} == {
        name: (family.example, 0) for name, family in FAMILIES.items()
    }
    assert of("bash", "noisyviz plot --fn tanh,elu:") == ("0.5", 0)
    for family in FAMILIES.values():
        assert nv.activation(family.example).name == family.example


def test_names_are_those_of_the_registries() -> None:
    assert {name: tuple(registry) for name, registry in REGISTRIES.items()} == {
        name: names for name, names in NAMES.items() if name != "noise"
    }
    assert {name.partition(":")[0] for name in NAMES["noise"]} == {name.partition(":")[0] for name in nv.NOISES}
    for name in NAMES["noise"]:
        assert nv.noise(name).name == name


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("noisyviz plot --fn hard-ta", ["hard-tanh"]),
        ("noisyviz plot --unit nani", ["nani", "nanil", "nanis", "nanil-softplus"]),
        ("noisyviz plot --fn tanh,relu,re", ["tanh,relu,relu6"]),
        ("noisyviz compare --unit nan,nah --fn=si", ["--fn=sigmoid", "--fn=silu"]),
        ("noisyviz plot --data gates.npz:in", ["gates.npz:input_gate"]),
        ("noisyviz plot --data gates.npz", ["gates.npz:input_gate", "gates.npz:cell_candidate"]),
        ("noisyviz plot --data gone.npz:in", []),
        ("noisyviz plot --data ga", []),
        ("noisyviz profile a.safetensors:", ["a.safetensors:layer.0", "a.safetensors:layer.1"]),
        ("noisyviz profile gates.npz a.safetensors --array l", ["layer.0=", "layer.1="]),
        ("noisyviz profile gates.npz --array input_gate=sig", ["input_gate=sigmoid"]),
        ("noisyviz profile gates.npz --array input_gate=id", ["input_gate=identity"]),
        ("noisyviz list sc", ["scales", "schedules"]),
    ],
)
def test_every_shell_is_told_the_values(files: Path, line: str, found: list[str]) -> None:  # noqa: ARG001  # entered
    typed = line.rpartition(" ")[2]
    cut = max(typed.rfind(":"), typed.rfind("=")) + 1
    assert of("bash", line) == ("\n".join(word[cut:] for word in found), 0)
    assert of("fish", line, _TYPER_COMPLETE_FISH_ACTION="get-args") == ("\n".join(found), 0)
    assert of("fish", line, _TYPER_COMPLETE_FISH_ACTION="is-args") == ("", 0 if found else 1)
    in_zsh = of("zsh", line)
    assert in_zsh is not None
    shown = [word.replace("\\\\:", ":") for word in re.findall(r'"([^"]*)"', in_zsh[0])]
    assert shown == found
    assert found or in_zsh[0] == "_files"


def test_a_lone_array_is_offered_with_every_function(files: Path) -> None:  # noqa: ARG001  # entered
    """So that a shell goes to the equals sign and puts no space behind it."""
    found = of("fish", "noisyviz profile gates.npz --array ce", _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert found == ("\n".join(f"cell_candidate={fn}" for fn in NAMES["fn"]), 0)


@pytest.mark.parametrize("line", ["noisyviz pl", "noisyviz plot --f", "noisyviz plot --alpha ", "noisyviz ", ""])
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_all_else_is_left_to_typer(shell: str, line: str) -> None:
    assert of(shell, line) is None


def test_words_of_bash_are_joined() -> None:
    assert joined(["n", "--fn", "=", "ta"], 3) == ["n", "--fn=ta"]
    assert joined(["n", "--data", "a.npz", ":"], 3) == ["n", "--data", "a.npz:"]
    assert joined(["n", "--fn", "", "-q"], 2) == ["n", "--fn", ""]
    assert joined([""], 0) == [""]


def test_names_that_a_shell_could_run_are_not_offered(folder: Path) -> None:
    arrays_by_name = {name: np.zeros(1) for name in ("ok-1.x", "$(touch x)", "`x`", "a b", "a'b", 'a"b', "a\nb", "a;b")}
    np.savez("a.npz", **arrays_by_name)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    assert arrays("a.npz") == ["ok-1.x"]
    assert folder.is_dir()


def test_files_that_are_none_offer_nothing(folder: Path) -> None:
    Path("bad.npz").write_bytes(b"PK\x03\x04" + b"\0" * 50)
    Path("bad.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{")
    Path("deep.safetensors").write_bytes((200_000).to_bytes(8, "little") + b"[" * 200_000)
    Path("number.safetensors").write_bytes((1).to_bytes(8, "little") + b"1")
    os.mkfifo("pipe.npz")
    for name in ("bad.npz", "bad.safetensors", "deep.safetensors", "number.safetensors", "pipe.npz", ".", "", "\0"):
        assert arrays(name) == [], name
    assert folder.is_dir()


def test_an_answer_needs_the_standard_library_alone() -> None:
    code = (
        "import os\nos.environ |= {'_NOISYVIZ_COMPLETE': 'complete_bash', "
        "'COMP_WORDS': 'noisyviz\\nplot\\n--fn\\nta', 'COMP_CWORD': '3'}\nfrom noisyviz.cli import main\nmain()"
    )
    assert loaded_by(code) & {"typer", "rich", "pydantic", "numpy", "matplotlib"} == set()


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source ./completion"),
    "zsh": (["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -d ./dump; source ./completion"),
    "fish": (["fish", "--no-config", "-i"], "source ./completion"),
}


class Session:
    """A shell at a pseudo-terminal."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, environment)
        self.seen = ""

    def type(self, text: str) -> None:
        self.seen = ""
        os.write(self.terminal, text.encode())

    def wait_for(self, text: str) -> None:
        """Return once a text stands on the screen, escape sequences left out."""
        raw, deadline = b"", time.monotonic() + PATIENCE_S
        while text not in self.seen:
            if time.monotonic() > deadline:
                pytest.fail(f"{text!r} did not come within {PATIENCE_S} s, but {self.seen!r}")
            if select.select([self.terminal], [], [], 0.1)[0]:
                try:
                    raw += os.read(self.terminal, 1 << 16)
                except OSError:
                    pytest.fail(f"the shell ended after {self.seen!r}")
            self.seen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\x07]", "", raw.decode(errors="replace"))

    def end(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


@pytest.fixture(params=sorted(SHELLS))
def session(request: pytest.FixtureRequest, files: Path) -> Iterator[Session]:
    words, load = SHELLS[request.param]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    if not PROGRAM.exists():
        pytest.skip("noisyviz is not installed beside the interpreter")
    environment = {
        "HOME": str(files),
        "PATH": f"{PROGRAM.parent}:/usr/local/bin:/usr/bin:/bin",
        "TERM": "xterm" if request.param == "fish" else "dumb",
        "LC_ALL": "C.UTF-8",
    }
    asked = [str(PROGRAM), "--show-completion", request.param]
    chosen = environment | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = subprocess.run(asked, env=chosen, capture_output=True, text=True, check=True).stdout
    Path("completion").write_text(script)
    started = Session(words, environment)
    started.type(f"{load}\necho loa''ded\n")
    started.wait_for("loaded")
    yield started
    started.end()


def test_real_shells_complete_values(session: Session) -> None:
    for typed, found in (
        ("noisyviz plot --fn hard-ta", "noisyviz plot --fn hard-tanh "),
        ("noisyviz plot --fn tanh,er", "noisyviz plot --fn tanh,erf "),
        ("noisyviz plot --unit nanil-", "noisyviz plot --unit nanil-softplus "),
        ("noisyviz plot --fn=id", "noisyviz plot --fn=identity "),
        ("noisyviz plot --data gates.npz:in", "noisyviz plot --data gates.npz:input_gate "),
        ("noisyviz profile gates.npz --array input_gate=sig", "noisyviz profile gates.npz --array input_gate=sigmoid "),
        ("noisyviz plot --data gat", "noisyviz plot --data gates.npz"),
        ("noisyviz expl", "noisyviz explore "),
    ):
        session.type(f"{typed}\t")
        session.wait_for(found)
        session.type("\x15\n")  # the line is dropped
