"""``noisyviz explore``: a page with sliders, in one file."""

from typing import Final

from noisyviz.cli import options as opt
from noisyviz.cli import terminal
from noisyviz.cli.options import Given
from noisyviz.cli.outputs import file_stem, outputs
from noisyviz.cli.plot import DATA
from noisyviz.cli.settings import build, unit_settings
from noisyviz.errors import InputError
from noisyviz.export.formats import PAGE_FORMATS

SUMMARY: Final = "Write a page with sliders, in one file that needs no server and no network."
HELP: Final = """\
\b
noisyviz explore --fn hard-tanh --unit nah --alpha 1.15 -o unit.html --show
noisyviz explore --fn sigmoid --data gates.npz:input_gate

Write one HTML file with sliders for alpha, c and p and choices of function,
unit, noise scale and noise. It shows phi, the saturation Delta, the noise scale
sigma, the gradient with its spread, response, pull and noise, and the
probability that the gradient points the wrong way; the numbers are exact, worked
out in the browser. The address holds the settings, and a button copies the equal
plot command.

--data puts the density of real pre-activations under the curves, and their
saturated share. Without -o the page is saved as explore-<fn>.html in the current
folder.
"""
OPTIONS: Final = (
    *opt.UNIT,
    *opt.changed((DATA,), data={"help": "Real pre-activations (.npy, .npz) to show below the curves."}),
    *opt.FILES,
    *opt.changed((opt.SHOW,), show={"help": "Open the page in the system's browser."}),
    opt.QUIET,
    opt.FORCE,
)


def run(given: Given) -> None:
    """Make one page and write it."""
    from noisyviz.export.explore import explore, page_text
    from noisyviz.networks.values import read_values

    settings = unit_settings(given)
    functions = settings["fn"]
    if len(functions) > 1:
        raise InputError(f"--fn takes one value here, got the {len(functions)} values '{','.join(functions)}'")
    out = outputs(given, formats=PAGE_FORMATS, stem=file_stem("explore", given, functions))
    (unit,) = build(settings)
    page = explore(unit).html
    if given["data"] is not None:
        values = read_values(given["data"])
        named = f"{values.path.name}:{values.array}" if values.array else values.path.name
        page = page_text(unit, values.finite, label=named, option=named)
        if values.non_finite and not out.quiet:
            terminal.say(
                f"{values.non_finite:,} of {values.non_finite + values.finite.size:,} values left out: not finite"
            )
    for target in out.targets:
        target.write(page.encode(), force=out.force, quiet=out.quiet)
    out.open_viewer()
