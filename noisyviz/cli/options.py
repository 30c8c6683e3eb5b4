"""Every option of the command line, written once: one flag has one meaning in all commands.

Values arrive as text, so that `noisyviz.cli.parsing` can answer a bad one by its flag, its value and what is
allowed.
"""

from typing import Annotated, Any, Final

from typer import Option

DEFAULT_FN: Final = "tanh"
DEFAULT_UNIT: Final = "nan"
DEFAULT_ALPHA: Final = "0.9"
DEFAULT_C: Final = "0.5"
DEFAULT_P: Final = "1"
DEFAULT_SCALE: Final = "eq9"
DEFAULT_NOISE: Final = "normal"
DEFAULT_POINTS: Final = "401"
DEFAULT_SAMPLES: Final = "100000"
DEFAULT_CLOUD: Final = "2000"
DEFAULT_SAMPLER: Final = "iid"
DEFAULT_SEED: Final = "0"
DEFAULT_STYLE: Final = "paper"
DEFAULT_WIDTH: Final = "icml-page"


def option(*flags: str, help: str, default: str | None = None, metavar: str | None = None) -> Any:
    """Return an option whose default is told in its help, since None stands for "not given"."""
    told = f"{help}  [default: {default}]" if default else help
    return Option(*flags, metavar=metavar, help=told, show_default=False)


Fn = Annotated[
    list[str] | None,
    option(
        "--fn",
        metavar="NAME",
        help="Activation function h, or a function of your own as module:function.",
        default=DEFAULT_FN,
    ),
]
Unit = Annotated[
    list[str] | None,
    option("--unit", metavar="KIND", help="Kind of noisy unit.", default=DEFAULT_UNIT),
]
Alpha = Annotated[
    list[str] | None,
    option(
        "--alpha",
        metavar="NUMBER",
        help="Weight of h against its linearisation u.",
        default=DEFAULT_ALPHA,
    ),
]
C = Annotated[
    list[str] | None,
    option("--c", metavar="NUMBER", help="Size of the noise, at least 0.", default=DEFAULT_C),
]
NoC = Annotated[list[str] | None, Option("--c", hidden=True)]
"""Where a command finds c itself, and says so when it is given."""
P = Annotated[
    list[str] | None,
    option("--p", metavar="NUMBER", help="Learned sharpness of the noise scale.", default=DEFAULT_P),
]
Scale = Annotated[
    list[str] | None,
    option("--scale", metavar="NAME", help="How sigma grows with saturation.", default=DEFAULT_SCALE),
]
Noise = Annotated[
    list[str] | None,
    option(
        "--noise",
        metavar="NAME",
        help="Distribution of the draw: normal, laplace, uniform or student-t:NU.",
        default=DEFAULT_NOISE,
    ),
]
At = Annotated[
    list[str] | None,
    option("--at", metavar="LIST", help="Points x: -3,0,2.5 or -4:4:0.1 (end included), inf too."),
]
Xlim = Annotated[
    tuple[str, str] | None,
    option("--xlim", metavar="LO HI", help="Range of x.", default="3 beyond the thresholds"),
]
Points = Annotated[
    str | None,
    option("--points", metavar="N", help="Number of x in the range, 2 to 1e6.", default=DEFAULT_POINTS),
]
Samples = Annotated[
    str | None,
    option("--samples", metavar="N", help="Number of draws, 1 to 1e10.", default=DEFAULT_SAMPLES),
]
CloudSamples = Annotated[
    str | None,
    option("--samples", metavar="N", help="Number of draws in the cloud.", default=DEFAULT_CLOUD),
]
Sampler = Annotated[
    str | None,
    option("--sampler", metavar="NAME", help="How the draws are made.", default=DEFAULT_SAMPLER),
]
Seed = Annotated[
    str | None,
    option(
        "--seed",
        metavar="N",
        help="Seed of the draws; 'random' draws one and reports it.",
        default=DEFAULT_SEED,
    ),
]
Jobs = Annotated[
    str | None,
    option("--jobs", metavar="N", help="Threads that draw; changes no digit.", default="one per core"),
]
Output = Annotated[
    list[str] | None,
    option("--output", "-o", metavar="PATH", help="File to write, repeatable; '-' is standard output."),
]
Format = Annotated[
    str | None,
    option("--format", metavar="NAME", help="File format, whatever the suffix says."),
]
Json = Annotated[
    bool,
    option("--json", help="Print one JSON document."),
]
Force = Annotated[
    bool,
    option("--force", help="Replace files that noisyviz did not make."),
]
Quiet = Annotated[
    bool,
    option("--quiet", "-q", help="Do not name the files written."),
]
Style = Annotated[
    str | None,
    option("--style", metavar="NAME", help="paper, screen or dark.", default=DEFAULT_STYLE),
]
Width = Annotated[
    str | None,
    option(
        "--width",
        metavar="WIDTH",
        help="icml, icml-page, neurips, iclr, a4, or a length such as 8.5cm.",
        default=DEFAULT_WIDTH,
    ),
]
Show = Annotated[
    bool,
    option("--show", help="Open the written picture in the system's viewer."),
]
Panels = Annotated[
    list[str] | None,
    option("--panels", metavar="LIST", help="Panels to draw.", default="activation,delta,sigma,gradient"),
]
Data = Annotated[
    str | None,
    option("--data", metavar="FILE[:ARRAY]", help="Real pre-activations (.npy, .npz) to lay under the curves."),
]
