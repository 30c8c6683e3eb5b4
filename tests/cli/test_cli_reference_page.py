"""The pages docs/cli.md and docs/functions.md are made from commands and registry and must not fall behind them."""

from pathlib import Path

from noisyviz.cli import functions_page
from noisyviz.cli.reference_page import page

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_command_line_page_is_up_to_date() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), "run: python -m noisyviz.cli.reference_page > docs/cli.md"


def test_the_page_of_functions_is_up_to_date() -> None:
    written = DOCS.with_name("functions.md").read_text(encoding="utf-8")
    assert written == functions_page.page(), "run: python -m noisyviz.cli.functions_page > docs/functions.md"


def test_the_page_tells_every_command_and_option() -> None:
    text = page()
    for part in (
        "## noisyviz list",
        "## noisyviz estimate",
        "## noisyviz plot",
        "`--xlim LO HI`",
        "`-o, --output PATH`",
    ):
        assert part in text
