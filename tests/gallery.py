"""The pictures in figures/ and their manifest: ``python tests/gallery.py [STEM...]`` makes them, or some, again."""

import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from noisyviz.cli.sample import FILE
from noisyviz.export.figures import Job, perform_all, processors
from noisyviz.export.manifest import NAME, manifest_bytes
from noisyviz.export.render import picture_bytes
from noisyviz.networks.profile import profile
from noisyviz.networks.values import read_values
from noisyviz.pictures import PICTURES
from noisyviz.pictures.calibrate.picture import CalibratePicture
from noisyviz.pictures.compare.picture import Compare
from noisyviz.pictures.overview.picture import Overview
from noisyviz.pictures.paper import EDITIONS, paper_figures
from noisyviz.pictures.picture import Columns, DataSource
from noisyviz.pictures.profile.picture import ProfilePicture
from noisyviz.pictures.shared.finish import USUAL, Finish

FOLDER: Final = Path(__file__).parents[1] / "figures"
LIMIT: Final = 150_000  # bytes of one file
GOLDEN: Final = 0.5 * (5.0**0.5 - 1.0)
COLUMN: Final = ("screen", "icml")
PAGE: Final = ("screen", "13.6cm")
GATES: Final = DataSource(file=FILE.name, array="input_gate", sha256=hashlib.sha256(FILE.read_bytes()).hexdigest())
DATA: Final = Path(__file__).parents[1] / "docs" / "data"
STUCK: Final = "stuck.npz"  # a hidden layer of the network of docs/torch.md, before training and after it
WITH_DATA: Final = ("gates", "gates-profile", "stuck-before", "stuck-after")
DENSE: Final = ("figure-5", "figure-budget", "calibrate", "compare", "gates-profile", "stuck-before", "stuck-after")
COARSE: Final = Finish(dpi=145)  # for these, to stay within the limit


def jobs() -> dict[str, Job]:
    """Every picture of the gallery by the stem of its files."""
    figures = {label: (recipe, COLUMN) for label, recipe in paper_figures("icml", only=ready("icml")).items()}
    scaled = [label for label in ready("icml") if EDITIONS["icml"][label].scaled]
    figures |= {f"{label}-eq9": (recipe, COLUMN) for label, recipe in paper_figures("icml", "eq9", only=scaled).items()}
    v3 = [label for label in ready("v3") if label in ("4", "5", "8")]
    figures |= {f"{label}-v3": (recipe, COLUMN) for label, recipe in paper_figures("v3", only=v3).items()}
    found: dict[str, tuple[Any, tuple[str, str]]] = {f"figure-{label}": both for label, both in figures.items()}
    found["tanh"] = (Overview(samples=600), PAGE)
    panels = ("activation", "gradient")
    found["gates"] = (Overview(fn=("sigmoid",), panels=panels, samples=600, data=GATES), PAGE)
    profiled = ProfilePicture(fn="sigmoid", files=(GATES,))
    found["gates-profile"] = (profiled, PAGE)
    digest = hashlib.sha256((DATA / STUCK).read_bytes()).hexdigest()
    for array in ("before", "after"):
        source = DataSource(file=STUCK, array=array, sha256=digest)
        found[f"stuck-{array}"] = (ProfilePicture(fn="hard-tanh", alpha=0.9, files=(source,)), PAGE)
    kinds = ("nan", "nah", "nani", "nanil")
    found["calibrate"] = (
        CalibratePicture(unit=kinds, alpha=(0.9, 1.0), by="pull", target_grad=0.02, max_bias=0.3, normal=(0.0, 2.0)),
        PAGE,
    )
    found["compare"] = (Compare(fn=("hard-tanh",), unit=("nan", "nah"), alpha=(0.9, 1.0, 1.15)), PAGE)
    return {
        stem: Job(
            stem=stem,
            picture=recipe,
            formats=("png", "svg"),
            style=style,
            width=width,
            finish=COARSE if stem in DENSE else USUAL,
        )
        for stem, (recipe, (style, width)) in found.items()
    }


def ready(edition: str) -> list[str]:
    """The figures whose recipe is there."""
    return [label for label, figure in EDITIONS[edition].items() if figure.picture in PICTURES]


def sums(columns: Columns) -> dict[str, Any]:
    """Sum up a table: of each column of numbers the weighted sum of its finite values, and how many they are.

    The weights, between 1 and 2, differ from row to row, so that a shift shows as well as an exchange of rows.
    """
    found: dict[str, Any] = {}
    for name, column in columns.items():
        values = np.asarray(column)
        if values.dtype.kind not in "fiub":
            continue
        weights = 1.0 + np.arange(values.size) * GOLDEN % 1.0
        finite = np.isfinite(values.astype(np.float64))
        found[name] = [float(np.sum((weights * values)[finite])), int(finite.sum())]
    return found


def tables(found: Mapping[str, Columns]) -> dict[str, Any]:
    """Sum up all tables of a picture."""
    return {suffix: sums(columns) for suffix, columns in found.items()}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Files of one picture, and its tables summed up."""

    files: Mapping[str, bytes]
    tables: Mapping[str, Any]


def pictures(stems: Sequence[str] = ()) -> dict[str, Picture]:
    """Compute and draw everything, or the pictures of these stems."""
    wanted = {stem: job for stem, job in jobs().items() if not stems or stem in stems}
    data = {stem: wanted.pop(stem) for stem in list(wanted) if stem in WITH_DATA}
    done = perform_all(list(wanted.values()), workers=processors()) if wanted else []
    found = {one.job.stem: Picture(files=one.pictures, tables=tables(one.tables)) for one in done}
    return found | {stem: drawn(job, result_with_data(job.picture)) for stem, job in data.items()}


def result_with_data(recipe: Any) -> Any:
    """Compute a picture that shows data, from the file that it names."""
    if recipe.name == "plot":
        return recipe.compute(read_values(f"{FILE}:{GATES.array}").finite)
    with np.load(FILE if recipe.files[0].file == FILE.name else DATA / STUCK) as archive:
        arrays = {source.array: archive[source.array] for source in recipe.files}
    return recipe.of(profile(arrays, fn=recipe.fn, functions=dict(recipe.functions), unit=recipe.noisy_unit()))


def drawn(job: Job, result: Any) -> Picture:
    """Draw what needs data."""
    files = {
        f"{job.stem}.{fmt}": picture_bytes(
            job.picture, result, fmt=fmt, style=job.style, width=job.width, finish=job.finish
        )
        for fmt in job.formats
    }
    return Picture(files=files, tables=tables(job.picture.tables(result)))


def machine() -> dict[str, Any]:
    """What, beside the versions, decides the last bit of a number: vector instructions and the C library."""
    config: Any = np.show_config(mode="dicts")
    return {"simd": sorted(config["SIMD Extensions"]["found"]), "libc": " ".join(platform.libc_ver())}


def write(stems: Sequence[str] = (), folder: Path = FOLDER) -> None:
    """Make the gallery: PNG of every picture, SVG where it is small, and the manifest with the sums of the data."""
    data = json.loads((folder / NAME).read_bytes())["data"] if (folder / NAME).exists() else {}
    for stem, picture in pictures(stems).items():
        for name, payload in picture.files.items():
            (folder / name).unlink(missing_ok=True)
            if len(payload) <= LIMIT:
                (folder / name).write_bytes(payload)
            else:
                sys.stderr.write(f"{name} has {len(payload):,} bytes and is left out\n")
        data[stem] = picture.tables
    document = json.loads(manifest_bytes(folder, {}))
    stems = sorted({Path(one["file"]).stem for one in document["figures"]})
    document["machine"] = machine()
    document["data"] = {stem: data[stem] for stem in stems if stem in data}
    (folder / NAME).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    write(sys.argv[1:])
