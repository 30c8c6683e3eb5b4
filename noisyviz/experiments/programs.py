"""Random Python programs with their output (Zaremba and Sutskever, "Learning to Execute", 2014).

A program is one text: its lines, each closed by ``#``, a last line that prints, ``@``, the printed number, and ``.``.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

CHARACTERS: Final = "0123456789abcdefghijlnoprstx()+-*=;:<> #@."
"""Every character that a program can hold, in the order of their numbers."""
NUMBER: Final = {character: number for number, character in enumerate(CHARACTERS)}
SPLITS: Final = ("train", "valid", "test")

Term = tuple[str, int]
"""An expression and its value."""
Difficulty = Callable[[], int]


@dataclass(slots=True)
class Writer:
    """A program in the making: its lines, and the letters for variables that are still free."""

    rng: np.random.Generator
    length: Difficulty
    lines: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=lambda: list("abcdefghij"))

    def below(self, high: int) -> int:
        """Return 1, 2, … or `high`."""
        return int(self.rng.integers(1, high + 1))

    def coin(self) -> bool:
        """Toss a fair coin."""
        return bool(self.rng.integers(2))

    def constant(self) -> Term:
        """Return a number from 1 to 10^L."""
        value = self.below(10 ** self.length())
        return str(value), value

    def few(self) -> int:
        """Return a multiplier or a number of rounds, from 1 to 4L."""
        return self.below(4 * self.length())

    def variable(self) -> str:
        """Return a letter that the program has not used."""
        return self.free.pop(int(self.rng.integers(len(self.free))))

    def operands(self, top: Term | None, count: int) -> list[Term]:
        """Return what is on the stack and as many constants as are missing, in random order."""
        found = [self.constant() if top is None else top, *(self.constant() for _ in range(count - 1))]
        return [found[k] for k in self.rng.permutation(count)]


def _signed(out: Writer, a: int, b: int) -> tuple[str, int]:
    return ("+", a + b) if out.coin() else ("-", a - b)


def pair(out: Writer, top: Term | None) -> Term:
    """Return a sum or a difference."""
    (a, x), (b, y) = out.operands(top, 2)
    sign, value = _signed(out, x, y)
    return f"({a}{sign}{b})", value


def small_multiplication(out: Writer, top: Term | None) -> Term:
    """Return a product with a number from 1 to 4L."""
    ((a, x),) = out.operands(top, 1)
    k = out.few()
    return (f"({a}*{k})" if out.coin() else f"({k}*{a})"), x * k


def equality(out: Writer, top: Term | None) -> Term:
    """Return the operand itself."""
    return out.operands(top, 1)[0]


def variable(out: Writer, top: Term | None) -> Term:
    """Keep one operand in a variable, and return its sum or difference with the other."""
    (a, x), (b, y) = out.operands(top, 2)
    name = out.variable()
    out.lines.append(f"{name}={a};")
    sign, value = _signed(out, x, y)
    return f"({name}{sign}{b})", value


def small_loop(out: Writer, top: Term | None) -> Term:
    """Add an operand to a variable, or take it away, 1 to 4L times."""
    (a, x), (b, y) = out.operands(top, 2)
    name, k = out.variable(), out.few()
    sign, value = _signed(out, x, k * y)
    out.lines += [f"{name}={a}", f"for x in range({k}):{name}{sign}={b}"]
    return name, value


def conditional(out: Writer, top: Term | None) -> Term:
    """Return one of two operands by a comparison of two others."""
    (a, x), (b, y), (c, first), (d, second) = out.operands(top, 4)
    sign, holds = (">", x > y) if out.coin() else ("<", x < y)
    return f"({c} if {a}{sign}{b} else {d})", first if holds else second


OPERATIONS: Final = (pair, small_multiplication, equality, variable, small_loop, conditional)


def program(rng: np.random.Generator, length: Difficulty, nesting: int) -> str:
    """Return one program with its output.

    Parameters
    ----------
    rng
        Source of every choice.
    length
        Called for each constant, multiplier and number of rounds: L, the decimal digits of a constant.
    nesting
        Number of operations.

    Examples
    --------
    >>> program(np.random.default_rng(4), lambda: 2, 2)
    'j=89#for x in range(8):j+=95#print((j-46))@803.'
    """
    out, top = Writer(rng, length), None
    for _ in range(nesting):
        top = OPERATIONS[int(rng.integers(len(OPERATIONS)))](out, top)
    assert top is not None
    return "".join(f"{line}#" for line in out.lines) + f"print({top[0]})@{top[1]}."


def split_of(text: str) -> str:
    """Return the set that a program belongs to, by a hash of its text: the three never share one."""
    return SPLITS[zlib.crc32(text.encode()) % 3]


def strategy(name: str, rng: np.random.Generator, current: tuple[int, int], target: tuple[int, int]) -> Difficulty:
    """Return a function that draws a difficulty axis: called with 0 for L, with 1 for N.

    ``baseline`` is the target; ``naive`` the current difficulty; ``mix`` uniform up to the target; ``blend`` the mix in
    one of five draws and else the current difficulty.
    """

    def draw(axis: int = 0) -> int:
        mixed = name == "mix" or (name == "blend" and rng.integers(5) == 0)
        if mixed:
            return int(rng.integers(1, target[axis] + 1))
        return (target if name == "baseline" else current)[axis]

    return draw


def matrix(
    rng: np.random.Generator, draw: Any, *, split: str, rows: int, columns: int
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return characters by number and whether each belongs to an answer, both of shape (rows, columns).

    Each column holds whole programs one after the other; one that no longer fits begins the next column. What is left
    of a column is filled with blanks.

    Parameters
    ----------
    draw
        From `strategy`.
    split
        Programs of the other two sets are drawn again.
    """
    text = np.full((rows, columns), NUMBER[" "])
    answer = np.zeros((rows, columns), dtype=bool)
    column = row = 0
    while column < columns:
        one = program(rng, draw, draw(1))
        if split_of(one) != split:
            continue
        if row + len(one) > rows:
            column, row = column + 1, 0
        if column < columns and len(one) <= rows:
            text[row : row + len(one), column] = [NUMBER[character] for character in one]
            answer[row + one.index("@") + 1 : row + len(one), column] = True
            row += len(one)
    return text, answer
