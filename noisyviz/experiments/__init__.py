"""The paper's experiments in small: tasks, models, and the training that they share (extra ``train``).

This module and `noisyviz.experiments.settings` load without PyTorch, so that help and checks of options do.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from noisyviz.errors import MissingExtraError

if TYPE_CHECKING:
    from noisyviz.experiments.settings import Settings
    from noisyviz.experiments.task import Task

TASKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "unique": "noisyviz.experiments.unique:Unique",
        "execute": "noisyviz.experiments.execute:Execute",
        "words": "noisyviz.experiments.language:Words",
        "characters": "noisyviz.experiments.language:Characters",
        "recall": "noisyviz.experiments.recall:Recall",
        "digits": "noisyviz.experiments.digits:Digits",
        "translate": "noisyviz.experiments.translate:Translate",
        "captions": "noisyviz.experiments.captions:Captions",
    }
)
"""The class of each task."""


def make_task(settings: "Settings") -> "Task":
    """Return a task with its data and its untrained model.

    Raises
    ------
    MissingExtraError
        Without PyTorch, or without what the task's data need.
    InputError
        For data that do not fit the task.
    """
    module, _, name = TASKS[settings.task].partition(":")
    require_torch()
    made: Any = getattr(import_module(module), name)(settings)
    task: Task = made
    return task


def require_torch() -> None:
    """Raise where PyTorch is not installed.

    Raises
    ------
    MissingExtraError
        In that case.
    FileNotFoundError
        In a folder that was removed, where PyTorch's libraries would end the process.
    """
    os.getcwd()
    try:
        import_module("torch")
    except ImportError as error:
        raise MissingExtraError(
            "noisyviz train needs PyTorch; install it with pip install 'noisyviz[train]'"
        ) from error
