"""The page of ``noisyviz explore``: one HTML file with sliders, which needs no server, no network and no extra.

`noisyviz/export/page/moments.js` works the numbers out in the browser, by the formulas of `noisyviz.moments.exact`;
`page.js` draws them. What is known of functions, kinds and noises goes into the page from the registries.
"""

import base64
import hashlib
import html
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from noisyviz import __version__
from noisyviz.errors import InputError
from noisyviz.export.integrity import UNSEALED, sealed
from noisyviz.export.saving import PathLike, write_bytes
from noisyviz.units.activation import Activation, Array
from noisyviz.units.activations import ACTIVATIONS, rebuilt_by_name
from noisyviz.units.kinds import KINDS, SCALES
from noisyviz.units.names import FAMILIES
from noisyviz.units.noise import NOISES, Noise, noise
from noisyviz.units.parameters import PARAMETERS
from noisyviz.units.unit import NoisyUnit

FRAME_HEIGHT: Final = 1000
"""How high the page stands in a notebook, in CSS pixels; it scrolls inside."""
LARGEST: Final = 1000.0
"""The largest abs α, c and p that the page takes."""
BINS: Final = 160
FARTHEST: Final = 30.0
"""The largest abs x that the page shows."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page with sliders, as text; the last value of a notebook cell is shown in the cell.

    Parameters
    ----------
    html
        The whole page.
    """

    html: str

    def __repr__(self) -> str:
        return f"Page({len(self.html):,} characters of HTML; save(path) writes it)"

    def _repr_html_(self) -> str:
        frame = f'width="100%" height="{FRAME_HEIGHT}" style="border:0" title="A noisy unit with sliders"'
        return f'<iframe srcdoc="{html.escape(self.html)}" {frame}></iframe>'

    def save(self, path: PathLike, *, force: bool = False) -> None:
        """Write the page to a file.

        Parameters
        ----------
        path
            The file.
        force
            Replace a file that noisyviz did not make.

        Raises
        ------
        InputError
            When there is another's file, or no place to write to.
        """
        write_bytes(path, self.html.encode(), force=force)


def explore(unit: NoisyUnit, *, data: npt.ArrayLike | None = None) -> Page:
    """Return a page on which function, kind, α, c, p, noise scale and noise can be changed.

    The page shows φ, Δ, σ(x) and ∂φ/∂x with their exact means and spreads, response, pull and noise of the gradient,
    and the probabilities that it points the wrong way or is 0, all worked out in the browser.

    Parameters
    ----------
    unit
        Where the page starts: a function of `ACTIVATIONS` and one number for each of α, c and p.
    data
        Real pre-activations of any shape, whose density lies under the output and the gradient.

    Returns
    -------
    Page

    Raises
    ------
    InputError
        For a function of your own, an array in place of α, c or p, a number beyond ±1,000, and data without a finite
        number.

    Examples
    --------
    >>> page = explore(NoisyUnit("hard-tanh", kind="nah", alpha=1.15))
    >>> page.html.startswith("<!doctype html>")
    True
    """
    if not isinstance(unit, NoisyUnit):
        raise InputError(f"unit must be a NoisyUnit, got {type(unit).__name__}", parameter="unit")
    for name in ("alpha", "c", "p"):
        value = getattr(unit, name)
        if np.ndim(value):
            raise InputError(f"{name} must be one number in a page, got an array", parameter=name)
        if abs(value) > LARGEST:
            raise InputError(f"{name} must be within ±{LARGEST:,.0f} in a page, got {value:g}", parameter=name)
    if unit.own_scale is not None:
        raise InputError(
            f"scale must be one of {', '.join(SCALES)} in a page, which works out sigma in the browser, "
            f"got '{unit.scale}'; plot draws a scale of your own",
            parameter="scale",
        )
    if unit.noise is not _named_noise(unit.noise.name):
        raise InputError(
            f"noise must be one of {', '.join(NOISES)} in a page, got a noise of your own", parameter="noise"
        )
    if not _known(unit.activation):
        raise InputError(
            f"fn must be one of {', '.join(ACTIVATIONS)} or one of them with parameters, such as elu:0.5, in a page, "
            "which works out h in the browser, "
            f"got '{unit.activation.name}'; plot draws a function of your own",
            parameter="fn",
        )
    return Page(page_text(unit, None if data is None else np.asarray(data, dtype=np.float64), label="data"))


def page_text(unit: NoisyUnit, data: Array | None, *, label: str, option: str = "") -> str:
    """Return the page.

    Parameters
    ----------
    unit
        Where it starts.
    data
        Pre-activations of any shape, or None.
    label
        What the page calls them.
    option
        What ``--data`` of the equal command names; empty where no command reads them.
    """
    settings = unit.to_dict()
    record = {"noisyviz": __version__, "sha256": UNSEALED, "recipe": "explore", "settings": settings}
    table = {
        "start": settings,
        "absent": _ABSENT,
        "functions": [_entry(one) for one in _offered(unit.activation)],
        "kinds": {
            name: {"formula": one.formula, "uses": one.uses, "output_noise": one.output_noise}
            for name, one in KINDS.items()
        },
        "scales": list(SCALES),
        "noises": [name.partition(":")[0] for name in NOISES],
        "least": {name: one.at_least for name, one in PARAMETERS.items() if one.at_least is not None},
        "largest": LARGEST,
        "data": None if data is None else _density(data, label, _offered(unit.activation)) | {"option": option},
    }
    style, script = _part("page.css"), f"{_part('moments.js')}\n{_part('page.js')}"
    page = (
        _part("page.html")
        .replace("{{style hash}}", _hash(style))
        .replace("{{script hash}}", _hash(script))
        .replace("{{record}}", _inside(record))
        .replace("{{table}}", _inside(table))
        .replace("{{style}}", style)
        .replace("{{script}}", script)
    )
    return sealed(page.encode()).decode()


def _entry(one: Activation) -> dict[str, Any]:
    """Return what the page needs to know of a function; None stands for an infinite number."""
    facts = {
        "name": one.name,
        "formula": one.formula,
        "slope": one.slope,
        "intercept": one.intercept,
        "limits": _finite(one.left, one.right),
        "thresholds": _finite(*one.thresholds),
        "breaks": one.breaks,
        "kinks": one.kinks,
        "pieces": one.pieces,
        "kink_slopes": one.derivative(one.breaks).tolist(),
        "flat": [_finite(*ends) for ends in one.flat],
        "turns": one.turns,
        "panels": _panels(one.panels),
        "strip": one.strip,
        "lines": one.lines,
    }
    return {key: value for key, value in facts.items() if _ABSENT.get(key, ...) != value}


_ABSENT: Final[dict[str, Any]] = {
    "intercept": 0.0,
    "slope": 1.0,
    "breaks": (),
    "kinks": (),
    "pieces": None,
    "kink_slopes": [],
    "flat": [],
    "turns": (),
    "panels": [],
    "strip": 0.0,
    "lines": None,
}
"""What a function has that the table does not say."""


def _offered(start: Activation) -> list[Activation]:
    """Return the functions to choose from: those with plain names, and the one that the page starts with."""
    return list(dict.fromkeys([*ACTIVATIONS.values(), start]))


def _panels(edges: tuple[float, ...]) -> Any:
    """Return the edges of panels, in short where they are equally spaced, or 0 and a geometric net around it."""
    if len(edges) > 3 and np.ptp(np.diff(edges)) < 1e-9:
        return {"even": [edges[0], edges[-1], len(edges)]}
    positive = [edge for edge in edges if edge > 0.0]
    if len(positive) < 16:
        return [float(f"{edge:.4g}") for edge in edges]
    ratio = (positive[-1] / positive[0]) ** (1.0 / (len(positive) - 1))
    return {"geometric": [positive[0], float(f"{ratio:.6g}"), len(positive)]}


def _finite(*values: float) -> list[float | None]:
    return [value if isfinite(value) else None for value in values]


def _density(data: Array, label: str, functions: list[Activation]) -> dict[str, Any]:
    """Return the density of the data over a range that holds nearly all, and per function the saturated shares."""
    values = np.ravel(data)
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise InputError("data hold no finite number", parameter="data")
    low, high = np.clip(np.quantile(values, (0.0005, 0.9995)), -FARTHEST, FARTHEST).tolist()
    if not low < high:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    return {
        "label": label,
        "size": values.size,
        "low": low,
        "high": high,
        "heights": [float(f"{height:.4g}") for height in counts / (values.size * (edges[1] - edges[0]))],
        "saturated": {
            one.name: [float(np.mean(values <= one.thresholds[0])), float(np.mean(values >= one.thresholds[1]))]
            for one in functions
        },
    }


def _known(one: Activation) -> bool:
    """Tell whether the page has the formula of a function."""
    known = one.name in ACTIVATIONS or one.name.partition(":")[0] in FAMILIES
    return known and rebuilt_by_name(one)


def _named_noise(name: str) -> Noise | None:
    try:
        return noise(name)
    except InputError:
        return None


@cache
def _part(name: str) -> str:
    """Return a part of the page without its comments and the indentation of its lines."""
    text = files("noisyviz.export").joinpath("page", name).read_text(encoding="utf-8")
    bare = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return "\n".join(line.strip() for line in bare.splitlines() if line.strip())


def _hash(text: str) -> str:
    """Return what a content security policy calls a script or a style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _inside(value: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
