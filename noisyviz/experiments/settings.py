"""What decides a run: task, unit, seed and sizes, checked without PyTorch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Final

import noisyviz
from noisyviz.errors import InputError, check_name

CONTROLS: Final = ("soft", "hard", "leak")
"""What every comparison needs: tanh and sigmoid; hard-tanh and hard-sigmoid; the same with the leak (c = 0)."""
NOISY: Final = ("nan", "nah", "nani", "nanil", "nanis")
ACTIVATIONS: Final = (*CONTROLS, *NOISY)
USES_ALPHA: Final = ("leak", "nan", "nah")
USES_P: Final = ("nan", "nah", "nanil")
LEVELS: Final[Mapping[str, float]] = MappingProxyType(
    {"nan": 0.5, "nah": 0.5, "nani": 0.05, "nanil": 0.5, "nanis": 0.25}
)
"""c of the paper's captions (section 6.4); for nanis, of the authors' code."""
ALPHA: Final = (1.15, 1.1)
"""The authors' α of tanh and of sigmoid."""

PRESETS: Final[Mapping[str, Mapping[str, Mapping[str, Any]]]] = MappingProxyType(
    {
        "unique": {"small": {"updates": 3500, "curriculum": False, "hidden": 64, "batch": 64, "every": 250}},
        "execute": {
            "small": {
                **{"updates": 600, "strategy": "baseline", "length": 2, "nesting": 1, "layers": 1, "hidden": 128},
                **{"batch": 50, "rows": 1001, "optimizer": "adam", "lr": 0.005, "every": 100, "anneal_every": 1},
                "embedding": "normal",
            },
            "paper": {
                **{"updates": 32_000, "strategy": "blend", "length": 6, "nesting": 3, "layers": 2, "hidden": 400},
                **{"batch": 100, "rows": 10_001, "optimizer": "sgd", "lr": 0.5, "every": 100, "anneal_every": 200},
                "embedding": "uniform",
            },
        },
        "words": {
            "small": {
                **{"updates": 892, "hidden": 128, "layers": 2, "batch": 20, "window": 20, "lr": 1.0},
                **{"full_epochs": 3, "every": 223, "anneal_every": 1, "data": None},
            },
            "paper": {
                **{"updates": 30_199, "hidden": 200, "layers": 2, "batch": 20, "window": 20, "lr": 1.0},
                **{"full_epochs": 5, "every": 2323, "anneal_every": 200, "data": None},
            },
        },
        "characters": {
            "small": {
                **{"updates": 600, "hidden": 128, "batch": 20, "window": 100, "lr": 0.002, "every": 100},
                "data": None,
            }
        },
        "recall": {
            "small": {
                **{"updates": 2000, "bits": 6, "vectors": 1, "most": 4, "hidden": 64, "rows": 16, "width": 12},
                **{"batch": 32, "optimizer": "adam", "lr": 0.006, "every": 500, "anneal_every": 1},
            },
            "paper": {
                **{"updates": 100_000, "bits": 6, "vectors": 3, "most": 16, "hidden": 100, "rows": 128, "width": 20},
                **{"batch": 32, "optimizer": "rmsprop", "lr": 0.0001, "every": 1000, "anneal_every": 200},
            },
        },
        "digits": {"small": {"updates": 2700, "hidden": 64, "batch": 32, "every": 135, "data": None}},
        "translate": {
            "small": {
                **{"updates": 600, "embedding": 32, "hidden": 64, "words": 5000, "longest": 50, "batch": 32},
                **{"optimizer": "adam", "lr": 0.002, "ortho": None, "patience": 10, "beam": 5, "written": 50},
                **{"every": 150, "data": None},
            },
            "paper": {
                **{
                    "updates": 10_000_000,
                    "embedding": 500,
                    "hidden": 1024,
                    "words": 30_000,
                    "longest": 50,
                    "batch": 32,
                },
                **{"optimizer": "adadelta", "lr": 1.0, "ortho": 0.01, "patience": 10, "beam": 5, "written": 200},
                **{"every": 5000, "data": None, "anneal_every": 200},
            },
        },
        "captions": {
            "small": {
                **{"updates": 1000, "embedding": 48, "hidden": 96, "width": 64, "words": 10_000, "longest": 100},
                **{"batch": 32, "lr": 0.003, "ortho": None, "dropout": 0.0, "penalty": 0.005, "attention": "soft"},
                **{"attention_layers": 1, "first_layers": 1, "patience": 10, "beam": 1, "written": 30},
                **{"every": 250, "data": None},
            },
            "paper": {
                **{"updates": 10_000_000, "embedding": 512, "hidden": 1800, "width": 512, "words": 10_000},
                **{"longest": 100, "batch": 64, "lr": 0.0002, "ortho": 0.01, "dropout": 0.5, "penalty": 1.0},
                **{"attention": "soft", "attention_layers": 2, "first_layers": 2, "patience": 10, "beam": 1},
                **{"written": 200, "every": 2000, "data": None, "anneal_every": 200},
            },
        },
    }
)
"""Sizes of each task by preset; a task without ``paper`` is one whose sizes the paper does not state."""
STRATEGIES: Final = ("baseline", "naive", "mix", "blend")
ATTENTION: Final = ("soft", "hard")
DEVICES: Final = ("cpu", "cuda", "mps", "auto")
"""What a run may compute on; ``auto`` is CUDA where there is one."""
PRECISIONS: Final = ("32", "bf16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that decides the numbers of a run.

    Attributes
    ----------
    task, activation, seed
        One of `PRESETS`, one of `ACTIVATIONS`, and a seed ≥ 0.
    alpha, alpha_sigmoid
        α of tanh and sigmoid; None takes the authors' 1.15 and 1.1.
    c
        Noise level; None takes `LEVELS`. 0 for the leak.
    p
        ``"unit"``, ``"scalar"`` or a number, see `noisyviz.torch.NoisyActivation`.
    anneal
        Start and end of c and the name of the schedule, or None for a constant c.
    preset, options
        Of `PRESETS`; `options` holds all sizes, with what the user changed.
    """

    task: str
    activation: str = "soft"
    seed: int = 0
    alpha: float | None = None
    alpha_sigmoid: float | None = None
    c: float | None = None
    p: str | float = "unit"
    anneal: tuple[float, float, str] | None = None
    preset: str = "small"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("task", self.task, PRESETS)
        check_name("activation", self.activation, ACTIVATIONS)
        if self.preset not in PRESETS[self.task]:
            raise InputError(
                f"preset must be small for {self.task}, got '{self.preset}': the paper does not state its sizes",
                parameter="preset",
            )
        usual = PRESETS[self.task][self.preset]
        for name in self.options:
            if name not in usual:
                raise InputError(f"{name} is no option of the task {self.task}", parameter=name)
        object.__setattr__(self, "options", {**usual, **self.options})
        for name, used in (("alpha", USES_ALPHA), ("alpha_sigmoid", USES_ALPHA), ("c", NOISY), ("anneal", NOISY)):
            if getattr(self, name) is not None and self.activation not in used:
                raise InputError(f"{name} has no effect on the activation {self.activation}", parameter=name)
        if self.anneal is not None:
            if self.c is not None:
                raise InputError("c follows the schedule when anneal is given; leave one of them out", parameter="c")
            self.schedule()

    def schedule(self) -> Any:
        """Return c as a function of the update, or None where it is constant."""
        if self.anneal is None:
            return None
        start, end, name = self.anneal
        every = self.options.get("anneal_every", 1)
        return noisyviz.schedule(name, start=start, end=end, steps=self.options["updates"], every=every)

    @property
    def label(self) -> str:
        """The unit in one word, which is also the name of its folder.

        Examples
        --------
        >>> Settings(task="unique", activation="nan", anneal=(30.0, 0.5, "paper")).label
        'nan-a1.15-c30-0.5-paper'
        >>> Settings(task="unique", activation="leak", alpha_sigmoid=1.0).label
        'leak-a1.15-s1'
        """
        words = [self.activation]
        if self.activation in USES_ALPHA:
            words.append(f"a{ALPHA[0] if self.alpha is None else self.alpha:g}")
            words += [] if self.alpha_sigmoid is None else [f"s{self.alpha_sigmoid:g}"]
        if self.anneal is not None:
            words.append("c{:g}-{:g}-{}".format(*self.anneal))
        elif self.activation in NOISY:
            words.append(f"c{self.level:g}")
        if self.activation in USES_P and self.p != "unit":
            words.append(f"p{self.p}")
        return "-".join(words)

    @property
    def level(self) -> float:
        """The noise level at the start."""
        if self.anneal is not None:
            return self.anneal[0]
        return LEVELS.get(self.activation, 0.0) if self.c is None else self.c

    def unit(self) -> dict[str, Any]:
        """Return what recurrent layers of `noisyviz.torch` take."""
        hard = {"tanh": "hard-tanh", "sigmoid": "hard-sigmoid"}
        if self.activation == "soft":
            return {"kind": "none", "tanh": "tanh", "sigmoid": "sigmoid"}
        if self.activation == "hard":
            return {"kind": "none", **hard}
        kind = "nan" if self.activation == "leak" else self.activation
        alphas = {"alpha": self.alpha, "alpha_sigmoid": self.alpha_sigmoid}
        return {"kind": kind, **hard, **alphas, "c": self.level, "p": self.p}

    def plain(self) -> dict[str, Any]:
        """Return JSON values."""
        found = asdict(self)
        return found | {"anneal": None if self.anneal is None else list(self.anneal), "options": dict(self.options)}

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> "Settings":
        """Return what `plain` came from."""
        anneal = plain["anneal"]
        return cls(**{**plain, "anneal": None if anneal is None else tuple(anneal)})
