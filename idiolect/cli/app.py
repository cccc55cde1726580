"""The command `idiolect`: its jobs in groups, and errors as one sentence."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.text import Text

from idiolect import __version__
from idiolect.cli import bench, events, histories, keys, people, show
from idiolect.cli.agents import agents
from idiolect.cli.compare import compare
from idiolect.cli.fit import fit
from idiolect.cli.index import reindex
from idiolect.cli.methods import methods
from idiolect.cli.serve import serve
from idiolect.errors import IdiolectError

ABOUT = """Any language model, answering each of its users in that person's own way.

\b
compare                            which method helps? on invented people
import git PATH --out mine.jsonl   histories of your own: a repository's authors
compare mine.jsonl                 which method helps these people?
fit mine.jsonl --method rag        learn them, and keep what was learnt
ask USER 'QUESTION' --store FILE   answer one of them
serve                              answer everybody, behind OpenAI's API
"""

FIND, HISTORIES, USE, KEPT = "Find what helps", "Bring histories in", "Use it", "What is kept of a person"

app = typer.Typer(
    help=ABOUT,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Version = Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)]
COMMANDS: tuple[tuple[str, Callable[..., Any]], ...] = (
    (FIND, compare),
    (FIND, methods),
    (USE, fit),
    (USE, people.ask),
    (USE, serve),
    (USE, agents),
    (USE, events.observe),
    (KEPT, reindex),
    (KEPT, people.export),
    (KEPT, events.edit),
    (KEPT, events.forget),
    (KEPT, people.erase),
)


@app.callback(invoke_without_command=True)
def start(version: Version = False) -> None:
    """What stands before any command."""
    if version:
        show.say(__version__)
        raise typer.Exit


for panel, command in COMMANDS:
    app.command(rich_help_panel=panel)(command)
app.add_typer(histories.app, name="import", rich_help_panel=HISTORIES)
app.add_typer(keys.app, name="keys", rich_help_panel=USE)
app.add_typer(bench.app, name="bench", rich_help_panel=FIND)


def main() -> None:
    """Run the command line. What the project raises on purpose is one red sentence and exit code 1; wrong usage exits with 2."""
    try:
        app()
    except IdiolectError as error:
        show.err().print(Text(str(error), "red"), soft_wrap=True)
        sys.exit(1)
