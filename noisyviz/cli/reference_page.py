"""The page docs/cli.md, made from the commands: ``python -m noisyviz.cli.reference_page > docs/cli.md``."""

import textwrap
from collections.abc import Iterator

import typer

from noisyviz.cli import terminal
from noisyviz.cli.app import app

INTRODUCTION = """\
# Command line

This page is generated from the commands by `python -m noisyviz.cli.reference_page > docs/cli.md`.

- Results go to standard output, messages to standard error. `-o -` writes a file to standard output and needs
  `--format`. In a pipe, tables are complete and tab-separated. Colours are disabled in a pipe, unless
  `FORCE_COLOR` is set, and by `TERM=dumb`, `NO_COLOR` or `--no-color`.
- Give several values with commas or by repeating the option: `--fn tanh,relu` or `--fn tanh --fn relu`. A range of
  points is `LO:HI:STEP`; it includes its end if a step lands on it.
- An existing file is overwritten if noisyviz made it and nobody has changed it since, otherwise only with `--force`.
  Files are written whole or not at all. A CSV or JSON file that was copied counts as changed: only the file that
  noisyviz wrote keeps its mark.
- The same seed gives the same numbers. `--seed random` picks a seed and reports it.
- Exit codes: 0 success; 1 failure; 2 invalid option or input file; 3 calibrate found no setting; 130 interrupted; 143
  terminated. An error is one sentence; `--debug` adds the traceback. A pipe that is closed early, as by `| head`, and a
  standard stream that is closed from the start are no failure.
"""


def page() -> str:
    """Return the page as Markdown."""
    group = typer.main.get_command(app)
    context = group.make_context("noisyviz", ["--help"], resilient_parsing=True)
    sections = [INTRODUCTION, _section("noisyviz", group.help or "", group, context)]
    for name, command in getattr(group, "commands", {}).items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        sections.append(_section(f"noisyviz {name}", command.help or "", command, inner))
    return "\n".join(sections)


def _section(title: str, told: str, command: object, context: object) -> str:
    examples, _, description = told.removeprefix("\b\n").partition("\n\n")
    paragraphs = (" ".join(paragraph.split()) for paragraph in description.split("\n\n"))
    text = "\n\n".join(textwrap.fill(paragraph, 118) for paragraph in paragraphs)
    rows = "\n".join(_rows(command, context))
    return f"## {title}\n\n```sh\n{examples}\n```\n\n{text}\n\n| option | meaning |\n| --- | --- |\n{rows}\n"


def _rows(command: object, context: object) -> Iterator[str]:
    for parameter in command.get_params(context):  # type: ignore[attr-defined]  # Typer keeps its commands private
        record = parameter.get_help_record(context)
        if record is not None:
            option, meaning = record
            told = " ".join(meaning.split()).replace("|", "\\|")
            yield f"| `{option}` | {told} |"


if __name__ == "__main__":
    terminal.write(page())
