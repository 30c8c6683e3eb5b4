"""What a shell offers for the value of an option: names, and the arrays inside a file that was named before.

A shell waits for the answer, so it is found before Typer is loaded, with the standard library alone and with the names
as plain text: reading the command line as Typer does would take ten times as long. `tests/cli/test_cli_completion.py`
compares the names with the registries. Commands and the names of options are left to Typer.
"""

import json
import re
import shlex
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from noisyviz.pictures.overview import PANELS
from noisyviz.units.kinds import KINDS, SCALES
from noisyviz.units.names import FAMILIES, FORMULAS

NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fn": (*FORMULAS, *(family.example for name, family in FAMILIES.items() if name not in FORMULAS)),
        "unit": tuple(KINDS),
        "scale": tuple(SCALES),
        "noise": ("normal", "laplace", "uniform", "student-t:3", "student-t:5"),
        "sampler": ("iid", "antithetic", "stratified", "sobol"),
        "by": ("response", "pull", "rms"),
        "schedule": ("constant", "linear", "exponential", "cosine", "polynomial", "step", "inverse-time", "paper"),
        "objective": ("desaturate", "funnel", "double-well", "plateau"),
        "style": ("paper", "screen", "dark", "slide"),
        "width": ("icml", "icml-page", "neurips", "iclr", "a4", "slide"),
        "panels": tuple(PANELS),
        "edition": ("icml", "v3"),
        "group": (
            "activations",
            "families",
            "aliases",
            "units",
            "noises",
            "samplers",
            "scales",
            "schedules",
            "objectives",
            "figures",
            "styles",
        ),
    }
)
"""The values of options, by the name of the option."""
MOST_ARRAYS: Final = 200
MOST_HEADER: Final = 1 << 20
FILES: Final = ("--data",)
"""Options that take FILE:ARRAY."""
READERS: Final = ("profile", "calibrate")
"""Commands whose arguments are FILE:ARRAY."""
_WORD: Final = re.compile(r"[\w./+-]+", flags=re.ASCII)
_BREAKS: Final = ":="  # where bash breaks words
_INSTRUCTION: Final = "_NOISYVIZ_COMPLETE"


def answer(environ: Mapping[str, str]) -> tuple[str, int] | None:
    r"""Return what to print for a shell that asks for the value of an option, and the exit code; None for all else.

    Parameters
    ----------
    environ
        The environment, in which the scripts of ``noisyviz --show-completion`` ask.

    Examples
    --------
    >>> asked = {"_NOISYVIZ_COMPLETE": "complete_bash", "COMP_WORDS": "noisyviz\nplot\n--fn\nsig", "COMP_CWORD": "3"}
    >>> answer(asked)
    ('sigmoid', 0)
    """
    instruction = environ.get(_INSTRUCTION, "")
    if instruction == "complete_bash":
        words = joined(environ.get("COMP_WORDS", "").split("\n"), int(environ.get("COMP_CWORD", "0")))
    elif instruction in ("complete_zsh", "complete_fish"):
        words = _split(environ.get("_TYPER_COMPLETE_ARGS", ""))
    else:
        return None
    typed, found = words[-1], offers(words)
    if found is None:
        return None
    found = [word for word in found if word.startswith(typed)]
    if instruction == "complete_bash":  # which takes what follows the last break for the word
        known = max(typed.rfind(mark) for mark in _BREAKS) + 1
        return "\n".join(word[known:] for word in found), 0
    if instruction == "complete_fish":
        asked = environ.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args"
        return ("", 0 if found else 1) if asked else ("\n".join(found), 0)
    quoted = "\n".join('"{}"'.format(word.replace(":", "\\\\:")) for word in found)
    return (f"_arguments '*: :(({quoted}))'" if found else "_files"), 0


def offers(words: list[str]) -> list[str] | None:
    """Return the words that may stand in place of the last one; None where it is no value, or an unknown one.

    Examples
    --------
    >>> offers(["noisyviz", "plot", "--fn", "tanh,"])[:2]
    ['tanh,sigmoid', 'tanh,hard-tanh']
    """
    command, before, typed = words[1] if len(words) > 2 else "", words[-2] if len(words) > 1 else "", words[-1]
    flag, given, value = typed.partition("=")
    if typed.startswith("--") and given:
        found = offers([*words[:-1], flag, value])
        return None if found is None else [f"{flag}={word}" for word in found]
    if typed.startswith("-"):
        return None
    name = before.removeprefix("--")
    if before.startswith("--") and name in NAMES:
        return _listed(typed, _functions(typed.rpartition(",")[2]) if name == "fn" else NAMES[name])
    if before == "--array":
        names = [array for word in words[2:-2] for array in arrays(word) if array.startswith(flag)]
        if given or len(names) == 1:  # a shell would put a space behind a lone name
            return [f"{flag if given else names[0]}={fn}" for fn in _functions(value)]
        return [f"{array}=" for array in names]
    if command == "list" and len(words) == 3:
        return list(NAMES["group"])
    if before in FILES or (command in READERS and not before.startswith("-")):
        path = typed.rpartition(":")[0] if ":" in typed else typed
        return [f"{path}:{array}" for array in arrays(path)]
    return None


def _functions(typed: str) -> tuple[str, ...]:
    """Return the names of functions; behind a colon an example for each that takes parameters.

    Examples
    --------
    >>> _functions("elu:")[:2]
    ('leaky-relu:0.2', 'elu:0.5')
    """
    return tuple(family.example for family in FAMILIES.values()) if ":" in typed else NAMES["fn"]


def _listed(typed: str, names: Iterable[str]) -> list[str]:
    """Return the names that may follow those before the last comma.

    Examples
    --------
    >>> _listed("tanh,re", ["tanh", "relu"])
    ['tanh,relu']
    """
    before, comma, _ = typed.rpartition(",")
    return [f"{before}{comma}{name}" for name in names if name not in before.split(",")]


def arrays(file: str) -> list[str]:
    """Return the names of the arrays in an NPZ or safetensors file, none where it is no such file.

    Nothing but the list of names is read, and names that a shell might take for more than a word are left out.
    """
    try:
        path = Path(file).expanduser()
        if not path.is_file():
            return []
        with path.open("rb") as stream:
            if path.suffix.lower() == ".safetensors":
                length = int.from_bytes(stream.read(8), "little")
                found = list(json.loads(stream.read(length))) if length <= MOST_HEADER else []
            else:
                with zipfile.ZipFile(stream) as archive:
                    found = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, RuntimeError, TypeError, ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError):
        return []
    return [name for name in found[:MOST_ARRAYS] if name != "__metadata__" and _WORD.fullmatch(name)]


def _split(line: str) -> list[str]:
    """Return the words of a line up to the cursor; the last one is empty behind a space."""
    try:
        words = shlex.split(line)
    except ValueError:  # an open quote
        words = line.split()
    return [*words, ""] if line[-1:] in ("", " ") else words


def joined(words: list[str], current: int) -> list[str]:
    """Return the words up to the current one, with those that bash breaks at colons and equals signs joined again.

    Examples
    --------
    >>> joined(["noisyviz", "plot", "--data", "a.npz", ":", "ga", "-q"], 5)
    ['noisyviz', 'plot', '--data', 'a.npz:ga']
    """
    found: list[str] = []
    broken = True
    for word in words[: current + 1]:
        mark = word != "" and word in _BREAKS
        if found and (mark or not broken):
            found[-1] += word
        else:
            found.append(word)
        broken = not mark
    return found or [""]
