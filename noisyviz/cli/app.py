"""The Typer app, and the only place where errors become a sentence and an exit code."""

import errno
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from noisyviz import __version__
from noisyviz.cli import (
    anneal,
    calibrate,
    compare,
    estimate,
    explore,
    figures,
    plot,
    profile,
    replay,
    reproduce,
    runs,
    sample,
    terminal,
    train,
)
from noisyviz.cli import list as listing
from noisyviz.cli.environment import prepare_matplotlib
from noisyviz.cli.options import command
from noisyviz.errors import MENDABLE, InputError, NoisyvizError, printable, shortened, suggestion

USAGE: Final = InputError.exit_code
_COMPLETION: Final = {"--show-completion", "--install-completion"}
EPILOG: Final = "Documentation: README.md and docs/ in the source tree. Bugs and ideas: the project's issue tracker."

HELP: Final = """\
\b
noisyviz plot --fn tanh
noisyviz estimate --fn hard-tanh --unit nah --alpha 1.15 --at -3:3:0.5
noisyviz anneal --steps 500

Analyse and draw noisy activation functions: expected output, spread and gradient,
computed exactly and by Monte Carlo, before you pay for training runs.

Exit codes: 0 success; 1 failure; 2 invalid option or input file;
3 calibrate found no setting; 130 interrupted; 143 terminated.
"""

# Accepted anywhere on the command line, so that they can be added to the end of a command that failed.
_ANYWHERE: Final = ("--debug", "--no-color")
_RANGES: Final = ("--xlim",)
_LITTLE: Final = 1 << 20  # bytes, which a folder that is full may still have
_FLAGS: Final = {"kind": "--unit", "x": "--at"}


class Program(TyperGroup):
    """The group of all commands; it ends every run, whatever happened."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command whose options hand on what was typed."""
        found = super().get_command(ctx, cmd_name)
        _hand_on(found.get_params(ctx) if found is not None else ())
        return found

    def get_params(self, ctx: Any) -> Any:
        """Return the options of the program itself, which are handed on likewise."""
        return _hand_on(super().get_params(ctx))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = "noisyviz",
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002  # every error is answered here, not by Typer
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line given by ``args`` and leave with its exit code."""
        # Plug-ins of pydantic, by which Typer checks options, have no say here; looking for them takes a twentieth of
        # the time of a picture.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        terminal.prepare_streams()
        prepare_matplotlib()
        words = list(sys.argv[1:] if args is None else args)
        code: Any
        try:
            code = super().main(
                args=_globals_first(_ranges_apart(words)),
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except SystemExit as end:  # Typer's answer to a pipe that nobody reads any more, or a function of a user's own
            if isinstance(end.__context__, BrokenPipeError):
                code = 0
                terminal.forget_stdout()
            elif _completes(words):  # how Typer ends an answer to a shell
                code = end.code
            else:
                code = _report(end, words)
        except Exception as error:
            code = _report(error, words)
        try:
            with terminal.to_stdout():
                sys.stdout.flush()
        except BrokenPipeError:
            terminal.forget_stdout()
        except NoisyvizError as error:
            terminal.forget_stdout()
            code = code or _report(error, words)
        sys.exit(code)


class _AsTyped:
    """What Typer asks to check an option."""

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:  # noqa: ARG002
        """Return the text, texts or truth value as they are."""
        return () if value is None and (param.multiple or param.nargs == -1) else value


def _hand_on(options: Sequence[Any]) -> Sequence[Any]:
    """Let Typer check nothing: commands take text and read it themselves.

    pydantic, which would say that text is text, takes as long to load as all commands together.
    """
    for option in options:
        if hasattr(option, "get_runtime_param"):  # --help has none
            option.get_runtime_param = _AsTyped
    return options


def _report(error: BaseException, words: Sequence[str]) -> int:
    """Say what went wrong and return the exit code."""
    if "--debug" in words:
        traceback.print_exception(error)
    message, code = explain(error)
    terminal.say(f"noisyviz: {shortened(printable(message))}")
    return code


def _completes(words: list[str]) -> bool:
    return "_NOISYVIZ_COMPLETE" in os.environ or bool(_COMPLETION & {word.partition("=")[0] for word in words})


def explain(error: BaseException) -> tuple[str, int]:
    """Turn an exception into one sentence and the exit code that goes with it.

    Examples
    --------
    >>> explain(InputError("c must be at least 0, got -1", parameter="c"))
    ('--c must be at least 0, got -1', 2)
    """
    if isinstance(error, NoisyvizError):
        return _with_flag(str(error), getattr(error, "parameter", None)), error.exit_code
    if isinstance(error, TyperException):
        return _usage_message(error), error.exit_code
    if isinstance(error, MemoryError):
        return "out of memory; try fewer points or samples", 1
    if isinstance(error, OSError) and error.strerror:
        code = InputError.exit_code if error.errno in MENDABLE else NoisyvizError.exit_code
        if error.errno == errno.ENOENT and not error.filename:
            return "the current folder does not exist any more; go to one that does", code
        if error.errno == errno.ENOSPC and not error.filename:
            folder = tempfile.gettempdir()
            if shutil.disk_usage(folder).free < _LITTLE:
                return f"no space left in the folder of temporary files, '{folder}'", code
            return "standard output cannot be written: no space left on device", code
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror, code
    if isinstance(error, SystemExit):
        return f"code of your own called sys.exit({error.code!r}), so that nothing was finished", InputError.exit_code
    return f"internal error ({type(error).__name__}: {error}); run again with --debug for the traceback", 1


def _with_flag(message: str, parameter: str | None) -> str:
    """Name the flag where the Python API names its parameter."""
    if parameter is None:
        return message
    message = message.replace("use force to", "use --force to")
    flag = _FLAGS.get(parameter, f"--{parameter.replace('_', '-')}")
    first, _, rest = message.partition(" ")
    if first == parameter:
        return f"{flag} {rest}"
    return message if flag in message else f"{flag}: {message}"


def _usage_message(error: TyperException) -> str:
    command = getattr(getattr(error, "ctx", None), "command_path", "noisyviz")
    message = error.format_message()
    option = getattr(error, "option_name", None)
    if option is not None and message.startswith("No such option"):
        near = getattr(error, "possibilities", None) or ()
        hint = _where_instead(command.rpartition(" ")[2], option) or suggestion(option, near)
        message = f"'{command}' has no option {option}{hint}"
    elif option is not None and "requires an argument" in message:
        message = f"{option} needs a value"
    elif option is not None and "requires 2 arguments" in message:
        message = f"{option} needs two values, as in {option} -3 3"
    elif extra := re.match(r"Got unexpected extra arguments? \((.*)\)$", message.rstrip(".").replace("(s)", "s")):
        example = "--only 4" if command.endswith("figures") else "--fn tanh or --at 0,1"
        message = f"'{command}' takes no argument '{extra[1]}'; values follow an option, as in {example}"
    if getattr(error, "ctx", None) is None:
        return message.rstrip(".")
    return f"{message.rstrip('.')} (see '{command} --help')"


def _where_instead(name: str, flag: str) -> str:
    """Return which commands have an option that this one lacks, or how it takes files, or nothing."""
    offered = {module.__name__.rpartition(".")[2]: module.OPTIONS for module in COMMANDS}
    if flag == "--data" and any(option.argument and option.name == "files" for option in offered.get(name, ())):
        return f"; files need none: 'noisyviz {name} FILE'"
    others = [other for other, options in offered.items() if any(option.flag == flag for option in options)]
    return f"; it belongs to {', '.join(others[:4])}{' and more' * (len(others) > 4)}" if others else ""


def _ranges_apart(words: list[str]) -> list[str]:
    """Take ``--xlim=-3,3`` for ``--xlim -3 3``.

    Examples
    --------
    >>> _ranges_apart(["plot", "--xlim=-3,3", "--xlim", "0,1"])
    ['plot', '--xlim', '-3', '3', '--xlim', '0', '1']
    """
    apart: list[str] = []
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in _RANGES and equals:
            apart += [flag, *re.split(r"[,\s]+", value.strip(), maxsplit=1)]
        elif apart and apart[-1] in _RANGES and "," in word:
            apart += re.split(r",\s*", word, maxsplit=1)
        else:
            apart.append(word)
    return apart


def _globals_first(words: list[str]) -> list[str]:
    end = words.index("--") if "--" in words else len(words)
    moved = [word for word in words[:end] if word in _ANYWHERE]
    return moved + [word for word in words[:end] if word not in _ANYWHERE] + words[end:]


def _show_version(wanted: bool) -> None:
    if wanted:
        terminal.write(f"noisyviz {__version__}\n")
        raise typer.Exit


app = typer.Typer(
    name="noisyviz",
    cls=Program,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=HELP,
    epilog=EPILOG,
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; accepted anywhere on the command line.")
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="Disable colours; accepted anywhere on the command line.")
    ] = False,
) -> None:
    """Handle the options that belong to no command."""
    if no_color:
        terminal.forbid_color()
    if context.invoked_subcommand is None:
        terminal.write(context.get_help() + "\n")
        raise typer.Exit(USAGE)


COMMANDS: Final = (
    listing,
    estimate,
    plot,
    explore,
    compare,
    anneal,
    profile,
    calibrate,
    sample,
    figures,
    replay,
    train,
    runs,
    reproduce,
)
"""The modules of the commands, named like them, in the order of the help."""

for _module in COMMANDS:
    _name = _module.__name__.rpartition(".")[2]
    app.command(_name, help=_module.HELP, short_help=_module.SUMMARY, epilog=EPILOG)(
        command(_module.OPTIONS, _module.run)
    )
