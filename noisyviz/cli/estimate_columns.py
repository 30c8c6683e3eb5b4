"""An estimate as named columns, and as one JSON document."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from noisyviz.moments.quantities import MonteCarloMoments
    from noisyviz.units.unit import NoisyUnit

    Column = npt.NDArray[np.float64] | npt.NDArray[np.str_]

CURVES: Final = ("x", "h", "derivative", "u", "hard", "delta", "sigma", "d", "region", "relative_slope")
WITHOUT_ERROR: Final = ("grad_leak",)  # the value at no noise: not an estimate
Z_SCORES: Final = ("mean", "grad_mean")
HITS: Final = ("mean", "grad_mean")
FEW_HITS: Final = 20  # draws that decide an estimate, below which its standard error may be many times too small


def column_names() -> list[str]:
    """Return the names of all columns of an estimate, in the order of files."""
    from noisyviz.moments.quantities import MOMENTS, TRAINING

    simulated = [(name,) if name in WITHOUT_ERROR else (name, f"{name}_se") for name in MOMENTS]
    return [
        *CURVES,
        *(f"exact.{name}" for name in MOMENTS),
        *(f"monte_carlo.{name}" for names in simulated for name in names),
        *(f"z.{name}" for name in Z_SCORES),
        *(f"monte_carlo.{name}_hits" for name in HITS),
        *(f"training.{name}" for name in TRAINING),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What `estimate` found: columns as long as x under flattened names, such as ``exact.mean``."""

    config: dict[str, object]
    columns: "dict[str, Column]"
    samples: int
    sampler: str
    degrees_of_freedom: int
    rare: "dict[str, int]"  # at how many points the estimate of a column rests on few draws

    def document(self) -> dict[str, object]:
        """Return one nested document of JSON values and arrays; what is not finite is counted in ``masked``."""
        document: dict[str, Any] = {"config": self.config}
        masked = 0
        for name, values in self.columns.items():
            masked += not_finite(values)
            group, dot, key = name.partition(".")
            if dot:
                document.setdefault(group, {})[key] = values
            else:
                document[name] = values
        document["monte_carlo"] |= {
            "samples": self.samples,
            "sampler": self.sampler,
            "degrees_of_freedom": self.degrees_of_freedom,
        }
        return document | {"masked": masked}


def estimate_columns(
    unit: "NoisyUnit", x: "npt.NDArray[np.float64]", simulated: "MonteCarloMoments"
) -> "dict[str, Column]":
    """Return the curves, both computations of the moments, and the z-scores between them.

    Parameters
    ----------
    unit
        The unit.
    x
        Points, shape (n,).
    simulated
        The Monte Carlo estimates at the same points.

    Returns
    -------
    dict
        Arrays of shape (n,) under the names that files and documents use.
    """
    from noisyviz.moments.exact import exact
    from noisyviz.moments.quantities import curves, training, z_score

    plain, known = curves(unit, x), exact(unit, x)
    in_slopes = training(unit.activation, x, known)
    columns: dict[str, Column] = {}
    for full_name in column_names():
        group, _, name = full_name.rpartition(".")
        if group == "z":
            found, error = getattr(simulated, name), getattr(simulated, f"{name}_se")
            columns[full_name] = z_score(found, error, getattr(known, name))
        elif group == "training":
            columns[full_name] = in_slopes[name]
        else:
            columns[full_name] = getattr({"": plain, "exact": known, "monte_carlo": simulated}[group], name)
    return columns


def rare_events(simulated: "MonteCarloMoments") -> "dict[str, int]":
    """Return at how many points fewer than `FEW_HITS` draws, but some, decide an estimate, by the estimate's name."""
    import numpy as np

    hits = {"mean": simulated.mean_hits, "grad_mean": simulated.grad_mean_hits}
    for name in ("p_outside", "p_zero", "p_wrong"):
        share = getattr(simulated, name)
        hits[name] = simulated.samples * np.minimum(share, 1.0 - share)
    found = {}
    for name, count in hits.items():
        few = (count < FEW_HITS) & (getattr(simulated, f"{name}_se") > 0.0)
        found[name] = int(np.count_nonzero(few))
    return {name: points for name, points in found.items() if points}


def not_finite(values: "Column") -> int:
    """Return how many numbers of a column are not finite, and null in JSON."""
    import numpy as np

    return int(np.sum(~np.isfinite(values))) if values.dtype.kind == "f" else 0
