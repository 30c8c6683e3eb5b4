"""``noisyviz sample``: a file of real pre-activations to try the other commands on."""

from pathlib import Path
from typing import Final

from noisyviz.cli import options as opt
from noisyviz.cli.options import Given
from noisyviz.cli.outputs import outputs

SUMMARY: Final = "Write a small file of real pre-activations to try other commands on."
HELP: Final = """\
\b
noisyviz sample
noisyviz plot --fn sigmoid --data gates.npz:input_gate
noisyviz profile gates.npz --fn sigmoid --array cell_candidate=tanh

Write gates.npz into the current folder, or to -o PATH: the pre-activations of
the four gates of a trained character LSTM, arrays of 128 samples x 96 units named
input_gate, forget_gate, output_gate and cell_candidate. The first three go into a
sigmoid, cell_candidate into tanh.
"""
FILE: Final = Path(__file__).parents[1] / "networks" / "data" / "gates.npz"
OPTIONS: Final = (*opt.FILES, opt.QUIET, opt.FORCE)


def run(given: Given) -> None:
    """Copy the file."""
    out = outputs(given, formats=("npz",), stem=FILE.stem)
    for target in out.targets:
        target.write(FILE.read_bytes(), force=out.force, quiet=out.quiet)
