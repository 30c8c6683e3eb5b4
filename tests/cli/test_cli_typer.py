"""What the command line needs of Typer, which may change it in any release before version 1."""

import os
import subprocess
import sys
from typing import Annotated, Any

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException


def app_of(action: Any) -> typer.Typer:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

    @app.callback()
    def root() -> None: ...

    @app.command("act")
    def act(number: Annotated[int, typer.Option("--number")] = 0) -> None:
        action(number)

    return app


def ended(action: Any, *words: str) -> Any:
    """Run as `noisyviz.cli.app.Program` does."""
    group = typer.main.get_command(app_of(action))
    assert isinstance(group, TyperGroup)
    return group.main(args=list(words), prog_name="p", complete_var=None, standalone_mode=False)


def test_a_command_returns_and_an_exit_gives_its_code() -> None:
    def leaves(number: int) -> None:
        raise typer.Exit(number)

    assert ended(lambda _: None, "act") is None
    assert ended(leaves, "act", "--number", "7") == 7


def test_errors_of_usage_come_as_exceptions_with_a_message_and_a_code() -> None:
    for words in (["act", "--numbr", "1"], ["act", "--number", "x"], ["atc"]):
        with pytest.raises(TyperException) as caught:
            ended(lambda _: None, *words)
        assert caught.value.exit_code == 2
        assert caught.value.format_message()
    with pytest.raises(TyperException) as caught:
        ended(lambda _: None, "act", "--numbr", "1")
    assert caught.value.option_name == "--numbr"  # type: ignore[attr-defined]  # of this error
    assert "--number" in caught.value.possibilities  # type: ignore[attr-defined]


def test_other_errors_pass_and_an_interrupt_is_130() -> None:
    def fails(_: int) -> None:
        raise ZeroDivisionError

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(ZeroDivisionError):
        ended(fails, "act")
    assert ended(interrupted, "act") == 130


def test_a_closed_pipe_ends_it_in_a_way_that_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):  # Typer puts others in their place
        monkeypatch.setattr(sys, name, getattr(sys, name))

    def writes(_: int) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        try:
            os.write(writing, b"x")
        finally:
            os.close(writing)

    with pytest.raises(SystemExit) as caught:
        ended(writes, "act")
    assert isinstance(caught.value.__context__, BrokenPipeError)


def test_options_are_not_checked_twice_and_matplotlib_stays_as_it_was() -> None:
    code = """
import sys
from noisyviz.cli.app import app
from noisyviz.cli.environment import load_matplotlib
try:
    app(["list"])
except SystemExit as end:
    assert not end.code
print("pydantic" in sys.modules)
from matplotlib.artist import Artist
kept = vars(Artist)["_update_set_signature_and_docstring"]
load_matplotlib()
from matplotlib.lines import Line2D
print("matplotlib.axes" in sys.modules, vars(Artist)["_update_set_signature_and_docstring"] is kept)
print(bool(Line2D.set.__doc__), Line2D([0, 1], [0, 1]).set(color="red", lw=3))
class Later(Artist):
    '''Made by a user.'''
print(bool(Later.set.__doc__))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[-4:] == ["False", "True True", "False [None, None]", "True"]
