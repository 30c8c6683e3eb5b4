"""The page docs/functions.md, made from the registry: ``python -m noisyviz.cli.functions_page > docs/functions.md``."""

from collections.abc import Iterator
from math import isfinite

from noisyviz.cli import terminal
from noisyviz.units.activation import Activation
from noisyviz.units.activations import ACTIVATIONS
from noisyviz.units.names import ALIASES, FAMILIES, pattern

INTRODUCTION = """\
# Activation functions

This page is generated from the registry by `python -m noisyviz.cli.functions_page > docs/functions.md`.

Known are the elementwise activation functions of torch.nn, jax.nn and keras.activations that need no second input, by
the name that the field uses; the hard sigmoid of these libraries is `hard-sigmoid-6`, that of the paper
`hard-sigmoid`. [Theory](theory.md) says what the columns mean. The thresholds are where u meets a limit;
u is the tangent at 0, or the line of the active side of a function that saturates on one side only. Where u is 0 (the
shrinkage functions, which saturate on neither side), quantities in units of u′ and the wrong sign are undefined.

"""
PARAMETERS = """
## Parameters behind a colon

`--fn elu:0.5` sets the parameter of a formula; `hard-tanh` and `threshold` take two, as in `hard-tanh:-2:2`.
Parameters that must be above 0 go from 1e-6 to 1e6, the others lie within 1e6 of 0; `hard-tanh` needs L ≤ 0 ≤ R.
`softplus:B` is PyTorch's `Softplus(beta=B)` without its change to a straight line where B·x > 20. `hard-shrink` jumps,
and `threshold` where V ≠ T: gradients leave the jump out, as that of nanis leaves out its own.

| name | h(x) | for example |
| --- | --- | --- |
"""
ALSO = """
## Other names

| name | stands for |
| --- | --- |
"""
REST = """
`rrelu` is what it computes outside of training. Not here are functions of several elements at once (softmax, softmin,
sparsemax, GLU, maxout), Keras's `exponential`, whose moments need not exist under noise, and Keras's
`relu(x, negative_slope, max_value, threshold)` with several of these at once.
"""


def page() -> str:
    """Return the page as Markdown."""
    head = f"| name | h(x) | limits | thresholds | saturates | u | h′ at kinks |\n{'| --- ' * 7}|\n"
    rows = "".join(f"| {' | '.join(cells)} |\n" for cells in _rows())
    families = "".join(
        f"| `{pattern(name)}` | {_code(family.formula)} | `{family.example}` |\n" for name, family in FAMILIES.items()
    )
    others = "".join(f"| `{name}` | `{meant}` |\n" for name, meant in ALIASES.items())
    return f"{INTRODUCTION}{head}{rows}{PARAMETERS}{families}{ALSO}{others}{REST}"


def _rows() -> Iterator[list[str]]:
    for name, one in ACTIVATIONS.items():
        limits = f"{_number(one.left, '−∞')}, {_number(one.right, '∞')}"
        low, high = one.thresholds
        thresholds = f"{_number(low, 'none')}, {_number(high, 'none')}" if isfinite(low) or isfinite(high) else "none"
        sides = one.saturates[0] if one.saturates[0] == one.saturates[1] else ", ".join(one.saturates)
        kinks = one.kink_note.removeprefix("h' = ").replace("h'", "h′").replace("-", "−")
        yield [f"`{name}`", _code(one.formula), limits, thresholds, sides, _line(one), kinks]


def _code(formula: str) -> str:
    return f"`{formula}`".replace("|", "\\|")


def _number(value: float, infinite: str) -> str:
    return f"{value:.5g}".replace("-", "−") if isfinite(value) else infinite


def _line(one: Activation) -> str:
    slope = "" if one.slope == 1.0 else f"{one.slope:.5g}"
    words = [f"{slope}x"] if one.slope else []
    words += [f"{one.intercept:.5g}"] if one.intercept or not words else []
    return " + ".join(words)


if __name__ == "__main__":
    terminal.write(page())
