"""Pictures with captions in Flickr8k's format, and their features as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from noisyviz.errors import InputError, printable
from noisyviz.experiments.parallel import SPLITS, Sentence, text_lines
from noisyviz.experiments.scenes import features, scene
from noisyviz.experiments.task import EVALUATE, stream

COUNTS: Final = {"train": 1500, "valid": 200, "test": 200}
"""Drawn scenes."""
TOKENS: Final = "Flickr8k.token.txt"
PLAIN: Final = "captions.tsv"
LISTS: Final = {
    "train": "Flickr_8k.trainImages.txt",
    "valid": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
ORDER: Final = "images.txt"
FEATURES: Final = ("features.npy", "features.npz")
PLACES: Final = 196
"""Places of the authors' features where an array has one row for each picture."""

ROWS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Features, shape (N, L, D), of any floating type; the pictures of each split; the captions of every picture."""

    source: str
    features: Any
    rows: dict[str, list[int]]
    captions: dict[int, list[Sentence]]


def drawn_scenes() -> Pictures:
    """Return drawn scenes, the same for every seed."""
    rng = stream(0, EVALUATE)
    made = [scene(rng) for _ in range(sum(COUNTS.values()))]
    rows, start = {}, 0
    for split, count in COUNTS.items():
        rows[split] = list(range(start, start + count))
        start += count
    return Pictures(
        source="generated",
        features=features(np.stack([picture for picture, _ in made])),
        rows=rows,
        captions={k: [text.split() for text in texts] for k, (_, texts) in enumerate(made)},
    )


def read_pictures(folder: str) -> Pictures:
    """Return what a folder holds: captions, one list of pictures for each split, features and the order of their rows.

    Raises
    ------
    InputError
        For a file that is missing or does not fit; it names file and line.
    """
    place = Path(folder)
    names = _listed(place / ORDER)
    values = _features(place, len(names))
    captions: dict[str, list[Sentence]] = {}
    source = place / TOKENS if (place / TOKENS).is_file() else place / PLAIN
    if not source.is_file():
        raise InputError(f"--data must be a folder with {TOKENS} or {PLAIN}, but {folder} holds neither")
    for number, line in enumerate(text_lines(source), 1):
        picture, tab, text = line.partition("\t")
        name, mark, caption = picture.partition("#") if source.name == TOKENS else (picture, "#", "0")
        if not tab or not name or not mark or not caption.isdecimal() or not text.split():
            form = "NAME#NUMBER, a tab and" if source.name == TOKENS else "NAME, a tab and"
            raise InputError(f"{source}, line {number}: must be {form} a caption, got '{printable(line):.80}'")
        captions.setdefault(name, []).append(text.split())
    rows: dict[str, list[int]] = {}
    known = {name: row for row, name in enumerate(names)}
    taken: dict[str, str] = {}
    for split in SPLITS:
        listed = _listed(place / LISTS[split])
        for number, name in enumerate(listed, 1):
            where = f"{place / LISTS[split]}, line {number}"
            if name not in known:
                raise InputError(f"{where}: must name a picture of {ORDER}, got '{printable(name)}'")
            if name not in captions:
                raise InputError(
                    f"{where}: must name a picture with a caption in {source.name}, got '{printable(name)}'"
                )
            if name in taken:
                raise InputError(
                    f"{where}: must name a picture of one split, but '{printable(name)}' is in {taken[name]}"
                )
            taken[name] = LISTS[split]
        rows[split] = [known[name] for name in listed]
    return Pictures(
        source=folder,
        features=values,
        rows=rows,
        captions={known[name]: texts for name, texts in captions.items() if name in known},
    )


def _listed(path: Path) -> list[str]:
    """Return the names in a file, one a line, each once."""
    if not path.is_file():
        raise InputError(f"--data must be a folder with {path.name}, but {path.parent} holds none")
    seen: dict[str, int] = {}
    for number, line in enumerate(text_lines(path), 1):
        name = line.strip()
        if not name or name in seen:
            raise InputError(
                f"{path}, line {number}: must name one picture that is not there yet, got '{printable(name)}'"
            )
        seen[name] = number
    if not seen:
        raise InputError(f"{path} must name at least one picture, got none")
    return list(seen)


def _features(folder: Path, count: int) -> Any:
    """Return features, shape (N, L, D); those of an ``.npy`` file stay on the disk."""
    found = [folder / name for name in FEATURES if (folder / name).is_file()]
    if len(found) != 1:
        raise InputError(
            f"--data must be a folder with one of {' and '.join(FEATURES)}, but {folder} holds {len(found)}"
        )
    path = found[0]
    try:
        opened: Any = np.load(path, allow_pickle=False, mmap_mode="r" if path.suffix == ".npy" else None)
        if path.suffix == ".npz":
            with opened:
                if len(opened.files) != 1:
                    raise InputError(f"{path} must hold one array, got {len(opened.files)}")
                opened = opened[opened.files[0]]
    except InputError:
        raise
    except (ValueError, OSError, EOFError, KeyError, SyntaxError) as error:
        raise InputError(f"{path} is no array of numbers, or is damaged") from error
    except Exception as error:  # zipfile and zlib have errors of their own
        raise InputError(f"{path} is damaged") from error
    if opened.dtype.kind != "f" or opened.ndim not in (2, 3) or not opened.size:
        raise InputError(
            f"{path} must hold floating-point numbers with the axes (picture, place, feature), got "
            f"{opened.dtype} with shape {opened.shape}"
        )
    if opened.ndim == 2:
        if opened.shape[1] % PLACES:
            raise InputError(f"{path} must have rows of a multiple of {PLACES} numbers, got {opened.shape[1]}")
        opened = opened.reshape(len(opened), PLACES, -1)
    if len(opened) != count:
        raise InputError(f"{path} must have a row for each of the {count} pictures of {ORDER}, got {len(opened)}")
    for start, block in blocks(opened):
        bad = ~np.isfinite(block).all(axis=(1, 2))
        if bad.any():
            raise InputError(f"{path} must hold finite numbers, which row {start + int(bad.argmax())} does not")
    return opened


def blocks(values: Any) -> Iterator[tuple[int, Any]]:
    """Yield parts of an array that fit the memory, each with its first row."""
    for start in range(0, len(values), ROWS):
        yield start, values[start : start + ROWS]
