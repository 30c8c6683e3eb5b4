"""Drawn scenes with captions: one or two shapes on a noisy ground, five captions each, the small data of `captions`."""

from typing import Any, Final

import numpy as np

SIDE: Final = 32
CELL: Final = 8
"""Pixels of a picture and of a cell; each cell is a place that attention can look at."""
SHAPES: Final = ("circle", "square", "triangle", "cross")
COLOURS: Final = {
    "red": (0.9, 0.1, 0.1),
    "green": (0.1, 0.8, 0.1),
    "blue": (0.2, 0.2, 0.9),
    "yellow": (0.9, 0.9, 0.1),
    "white": (0.9, 0.9, 0.9),
}
RADII: Final = {"small": 3.5, "large": 6.5}
CORNERS: Final = ("top left", "top right", "bottom left", "bottom right")

ONE: Final = (
    "a {size} {colour} {shape} in the {corner} .",
    "there is a {size} {colour} {shape} at the {corner} .",
    "a {colour} {shape} in the {corner} corner .",
    "the {corner} corner shows a {size} {colour} {shape} .",
    "one {colour} {shape} that is {size} .",
)
TWO: Final = (
    "a {size} {colour} {shape} in the {corner} and a {size2} {colour2} {shape2} in the {corner2} .",
    "there is a {colour} {shape} at the {corner} and a {colour2} {shape2} at the {corner2} .",
    "a {size} {colour} {shape} and a {size2} {colour2} {shape2} .",
    "the {corner} corner shows a {shape} and the {corner2} corner a {shape2} .",
    "one {colour} {shape} and one {colour2} {shape2} .",
)


def inside(shape: str, x: Any, y: Any, radius: float) -> Any:
    """Return which points, relative to the centre with y downward, lie in a shape."""
    if shape == "circle":
        return x**2 + y**2 <= radius**2
    if shape == "square":
        return np.maximum(abs(x), abs(y)) <= 0.85 * radius
    if shape == "triangle":
        return (y <= radius) & (abs(x) <= 0.5 * (y + radius))
    return (np.maximum(abs(x), abs(y)) <= radius) & (np.minimum(abs(x), abs(y)) <= 0.3 * radius)


def scene(rng: np.random.Generator) -> tuple[Any, list[str]]:
    """Return a picture, shape (32, 32, 3) from 0 to 1, and its captions."""
    picture = 0.2 + 0.08 * rng.standard_normal((SIDE, SIDE, 3))
    corners = sorted(rng.permutation(4)[: rng.integers(1, 3)].tolist())
    words: dict[str, str] = {}
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    for place, corner in enumerate(corners):
        names = {"size": tuple(RADII), "colour": tuple(COLOURS), "shape": SHAPES}
        one = {name: allowed[int(rng.integers(len(allowed)))] for name, allowed in names.items()}
        centre = np.array([corner % 2, corner // 2]) * SIDE / 2 + SIDE / 4 + rng.uniform(-1.0, 1.0, 2)
        filled = inside(one["shape"], x - centre[0], y - centre[1], RADII[one["size"]])
        picture[filled] = np.array(COLOURS[one["colour"]]) + 0.04 * rng.standard_normal((int(filled.sum()), 3))
        words |= {f"{name}{2 if place else ''}": word for name, word in {**one, "corner": CORNERS[corner]}.items()}
    templates = ONE if len(corners) == 1 else TWO
    return picture.clip(0.0, 1.0).astype(np.float32), [text.format(**words) for text in templates]


def features(pictures: Any) -> Any:
    """Return what attention sees, shape (N, 16, 208): the pixels of each cell, centred, and which cell it is.

    Examples
    --------
    >>> features(np.zeros((2, 32, 32, 3))).shape
    (2, 16, 208)
    """
    count, cells = len(pictures), SIDE // CELL
    centred = 3.0 * (np.asarray(pictures) - 0.25)
    split = centred.reshape(count, cells, CELL, cells, CELL, 3).transpose(0, 1, 3, 2, 4, 5)
    where = np.broadcast_to(np.eye(cells**2, dtype=np.float32), (count, cells**2, cells**2))
    return np.concatenate([split.reshape(count, cells**2, -1), where], axis=2).astype(np.float32)
