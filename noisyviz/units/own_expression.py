"""Activations written as an expression of x, such as ``tanh(2*x)``: read by a grammar of our own, never executed.

Python's parser makes a tree of the text; the tree may hold x, numbers, π, e, arithmetic and the functions listed here,
and nothing else. h′ follows by the chain rule. All else about the function is found as for one written in Python.
"""

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError, printable, suggestion
from noisyviz.units.activation import Activation, Array

LONGEST: Final = 500  # letters
MOST_NODES: Final = 200
DEEPEST: Final = 40
_LETTERS: Final = re.compile(r"[A-Za-z0-9_.,+\-*/^() \t]*")
_X: Final = re.compile(r"(?<![\w.])[\d.]*x(?![\w.])")  # 2x too, which is then refused with a hint

_ALLOWED: Final = "only x, numbers, pi, e, + - * / ** and functions such as tanh are read"

CONSTANTS: Final[Mapping[str, float]] = MappingProxyType({"pi": float(np.pi), "e": float(np.e)})


@dataclass(frozen=True, slots=True)
class _Rule:
    """A function of one or more arguments, and its partial derivative by each of them."""

    value: Callable[..., Array]
    partials: tuple[float | Callable[..., Array], ...]


def _by_base(u: Array, v: Array) -> Array:
    return np.where(v == 0.0, 0.0, v * np.power(u, v - 1.0))


_RULES: Final[Mapping[str, _Rule]] = MappingProxyType(
    {
        "exp": _Rule(np.exp, (np.exp,)),
        "expm1": _Rule(np.expm1, (np.exp,)),
        "log": _Rule(np.log, (np.reciprocal,)),
        "log1p": _Rule(np.log1p, (lambda u: 1.0 / (1.0 + u),)),
        "sqrt": _Rule(np.sqrt, (lambda u: 0.5 / np.sqrt(u),)),
        "abs": _Rule(np.abs, (np.sign,)),
        "sin": _Rule(np.sin, (np.cos,)),
        "cos": _Rule(np.cos, (lambda u: -np.sin(u),)),
        "sinh": _Rule(np.sinh, (np.cosh,)),
        "cosh": _Rule(np.cosh, (np.sinh,)),
        "arcsinh": _Rule(np.arcsinh, (lambda u: 1.0 / np.hypot(1.0, u),)),
        "min": _Rule(np.minimum, (lambda u, v: u <= v, lambda u, v: u > v)),
        "max": _Rule(np.maximum, (lambda u, v: u >= v, lambda u, v: u < v)),
        "clip": _Rule(
            lambda u, low, high: np.minimum(np.maximum(u, low), high),
            (
                lambda u, a, b: (a <= u) & (u <= b),
                lambda u, a, b: (u < a) & (a <= b),
                lambda u, a, b: np.maximum(u, a) > b,
            ),
        ),
        "+": _Rule(np.add, (1.0, 1.0)),
        "-": _Rule(np.subtract, (1.0, -1.0)),
        "*": _Rule(np.multiply, (lambda *uv: uv[1], lambda *uv: uv[0])),
        "/": _Rule(np.divide, (lambda *uv: 1.0 / uv[1], lambda u, v: -u / (v * v))),
        "**": _Rule(np.power, (_by_base, lambda u, v: np.power(u, v) * np.log(u))),
        "negative": _Rule(np.negative, (-1.0,)),
    }
)
_FUNCTIONS: Final = tuple(name for name in _RULES if name.isalnum() and name != "negative")
_ALSO: Final[Mapping[str, str]] = MappingProxyType(
    {
        "minimum": "min",
        "maximum": "max",
        "atan": "arctan",
        "asinh": "arcsinh",
        "swish": "silu",
        "logistic": "sigmoid",
    }
)
_OPERATORS: Final[Mapping[type[ast.operator], str]] = MappingProxyType(
    {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
)


@dataclass(frozen=True, slots=True)
class _Node:
    """Part of an expression: a number, x where neither number nor rule is given, or a rule on further parts."""

    number: float | None = None
    rule: _Rule | None = None
    parts: "tuple[_Node, ...]" = ()

    def value(self, x: Array) -> Array:
        """Return the value at x."""
        if self.rule is None:
            return x if self.number is None else np.float64(self.number)  # type: ignore[return-value]  # broadcasts
        return self.rule.value(*(part.value(x) for part in self.parts))

    def with_slope(self, x: Array) -> tuple[Array, Array | None]:
        """Return the value at x and the derivative by x; None for a number."""
        if self.rule is None:
            return self.value(x), np.ones_like(x) if self.number is None else None
        found = [part.with_slope(x) for part in self.parts]
        values = [value for value, _ in found]
        total: Any = 0.0
        for one, (_, slope) in zip(self.rule.partials, found, strict=True):
            if slope is not None:
                factor = one(*values) if callable(one) else one
                total = total + np.where(factor == 0.0, 0.0, factor * slope)  # 0·∞: an inner part may overflow
        return self.rule.value(*values), total


@dataclass(frozen=True, slots=True)
class Expression:
    """A function of x given as text; equal where the text is.

    Parameters
    ----------
    text
        Without spaces.
    root
        What it says.
    """

    text: str
    root: _Node = field(compare=False, repr=False)

    def __call__(self, x: Array) -> Array:
        """Return the values at float64 x, of its shape."""
        with np.errstate(all="ignore"):
            return self.root.value(x)

    def derivative(self, x: Array) -> Array:
        """Return the derivative at float64 x, of its shape; not finite where the chain rule gives no number."""
        return self.with_derivative(x)[1]

    def with_derivative(self, x: Array) -> tuple[Array, Array]:
        """Return values, in a new array, and the derivative at float64 x, of its shape."""
        with np.errstate(all="ignore"):
            value, slope = self.root.with_slope(x)
        return np.array(np.broadcast_to(value, x.shape)), np.zeros_like(x) if slope is None else slope


def is_expression(name: str) -> bool:
    """Tell an expression from the name of a function: it has no colon, and parentheses or an x that stands alone.

    Examples
    --------
    >>> [is_expression(name) for name in ("tanh(2*x)", "x/2", "hard-tanh", "mine:f(x)", "leaky-relu:0.1")]
    [True, True, False, False, False]
    """
    return ":" not in name and ("(" in name or _X.search(name) is not None)


def read_expression(text: str, activations: Mapping[str, Activation]) -> Expression:
    """Return the function that a text describes.

    Parameters
    ----------
    text
        An expression of x as Python writes it: numbers, ``pi``, ``e``, ``+ - * / **`` (or ``^``), the functions of this
        module and those in `activations`, with or without their dashes.
    activations
        Functions by name.

    Raises
    ------
    InputError
        For anything else, a part that is no finite number, and a text that is too long or too deep.

    Examples
    --------
    >>> from noisyviz.units.activations import ACTIVATIONS
    >>> h = read_expression("hard-tanh(2*x)", ACTIVATIONS)
    >>> h(np.array([-1.0, 0.25])).tolist(), h.derivative(np.array([-1.0, 0.25])).tolist()
    ([-1.0, 0.5], [0.0, 2.0])
    """
    return Expression("".join(text.split()), _Reader(text, activations).read())


class _Reader:
    """Turns one text into a tree of `_Node`, or refuses it."""

    def __init__(self, text: str, activations: Mapping[str, Activation]) -> None:
        self.text, self.activations, self.nodes = text, activations, 0
        self.plain = {_joined(name): name for name in (*_FUNCTIONS, *activations)}

    def refused(self, why: str) -> InputError:
        shown = printable(self.text if len(self.text) <= 60 else f"{self.text[:60]}…")
        return InputError(f"expression '{shown}' {why}", parameter="fn")

    def read(self) -> _Node:
        """Return the root of the tree."""
        if len(self.text) > LONGEST:
            raise self.refused(f"has {len(self.text):,} letters; at most {LONGEST} are read")
        if not _LETTERS.fullmatch(self.text):
            strange = next(letter for letter in self.text if not _LETTERS.fullmatch(letter))
            hint = "; max, min and clip make pieces" if strange in "<>" else ""
            raise self.refused(f"holds {strange!r}; {_ALLOWED}{hint}")
        text = self.text.replace("^", "**").strip()
        for name in sorted((name for name in self.activations if "-" in name), key=len, reverse=True):
            text = re.sub(rf"(?<![\w.]){re.escape(name)}(?=\s*\()", _joined(name), text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            hint = "; a product needs its *" if re.search(r"\d\s*[A-Za-z(]|\)\s*[\w(]|\bx\s*\(", text) else ""
            raise self.refused(f"cannot be read; an expression looks like 0.5*tanh(2*x) + 1{hint}") from None
        root = self.node(tree, 0)
        if isinstance(root.number, float):
            raise self.refused("does not depend on x")
        return root

    def node(self, tree: ast.expr, depth: int) -> _Node:
        """Return a part; one without x as a number."""
        self.nodes += 1
        if self.nodes > MOST_NODES or depth > DEEPEST:
            raise self.refused(f"is too long: at most {MOST_NODES} parts, nested at most {DEEPEST} deep, are read")
        inner = partial(self.node, depth=depth + 1)
        match tree:
            case ast.Name(id="x"):
                return _Node()
            case ast.Name(id=name) if name in CONSTANTS:
                return _Node(number=CONSTANTS[name])
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self.finite(value)
            case ast.UnaryOp(op=ast.USub(), operand=one):
                return self.folded(_RULES["negative"], inner(one))
            case ast.UnaryOp(op=ast.UAdd(), operand=one):
                return inner(one)
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in _OPERATORS:
                return self.folded(_RULES[_OPERATORS[type(operator)]], inner(left), inner(right))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, [inner(one) for one in arguments])
            case ast.Name(id=name):
                raise self.refused(f"names '{name}'; {_ALLOWED}")
        raise self.refused(f"holds more than a formula; {_ALLOWED}")

    def call(self, name: str, parts: list[_Node]) -> _Node:
        """Return a function of some parts."""
        known = self.plain.get(_joined(_ALSO.get(name.lower(), name)))
        if known is None:
            near = (
                suggestion(name, [*self.plain.values(), *_ALSO]) or "; 'noisyviz list activations' shows what there is"
            )
            raise self.refused(f"calls '{name}', which is no function known here{near}")
        h = self.activations.get(known)
        rule = _RULES[known] if h is None else _Rule(h.function, (h.slope_function,))
        wanted = len(rule.partials)
        if wanted == 2 and len(parts) > 2:  # min and max
            return reduce(partial(self.folded, rule), parts)
        if len(parts) != wanted:
            raise self.refused(f"gives {known} {len(parts)} arguments; it takes {wanted}")
        return self.folded(rule, *parts)

    def folded(self, rule: _Rule, *parts: _Node) -> _Node:
        """Return a rule on some parts, worked out where all are numbers."""
        if any(part.number is None for part in parts):
            return _Node(rule=rule, parts=parts)
        with np.errstate(all="ignore"):
            return self.finite(rule.value(*(np.float64(part.number) for part in parts if part.number is not None)))

    def finite(self, value: Any) -> _Node:
        """Return a number that a computer holds."""
        try:
            number = float(value)
        except OverflowError:
            number = np.inf
        if not np.isfinite(number):
            raise self.refused("holds a part that is no finite number")
        return _Node(number=number)


def _joined(name: str) -> str:
    """Return a name without what frameworks spell differently.

    Examples
    --------
    >>> {_joined(name) for name in ("hard-tanh", "hard_tanh", "Hardtanh")}
    {'hardtanh'}
    """
    return re.sub("[-_]", "", name.lower())
