"""Defaults in the help of a command are those of the picture that it makes: help must not load the pictures to ask."""

import dataclasses
from typing import Any

import pytest

from noisyviz.cli import anneal, calibrate, compare, plot
from noisyviz.cli.options import Option
from noisyviz.pictures import picture_class

CASES = [
    pytest.param(module, option, id=f"{name} {option.flag}")
    for name, module in (("plot", plot), ("compare", compare), ("anneal", anneal), ("calibrate", calibrate))
    for option in module.OPTIONS
    if not option.argument
]


def picture_default(command: str, name: str) -> Any:
    fields = {field.name: field for field in dataclasses.fields(picture_class(command))}  # type: ignore[arg-type]
    return fields[name].default if name in fields else dataclasses.MISSING


@pytest.mark.parametrize(("module", "option"), CASES)
def test_the_default_in_the_help_is_that_of_the_picture(module: Any, option: Option) -> None:
    command = module.__name__.rpartition(".")[2]
    expected = picture_default(command, option.name)
    told = option.default or option.told
    if expected is dataclasses.MISSING or expected is None:  # no setting of the picture, or worked out by it
        return
    assert told is not None, "the help is silent about a default"
    read = tuple(option.read(text, option.flag) for text in told.split(","))
    assert read == (expected if isinstance(expected, tuple) else (expected,))
