"""The options that several commands share, each with its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

COLUMNS = "Columns of your file"
STORE = ".idiolect/people.db"

HistoryFile = Annotated[
    Path | None,
    Argument(metavar="FILE", help="Histories: JSONL, CSV, TSV or Parquet. Left out: the bundled sample of fourteen invented people."),
]
Model = Annotated[str, Option(help="'tiny' (bundled), a Hugging Face name, a folder, or an endpoint: http://HOST:PORT/v1#NAME")]
MethodName = Annotated[str, Option("--method", help="A method of `idiolect methods`.")]
StorePath = Annotated[str, Option("--store", help="Where people are kept: a file, or postgresql://USER@HOST/DATABASE.")]
Seed = Annotated[int, Option(help="Everything drawn hangs on it.")]
Json = Annotated[bool, Option("--json", help="Print JSON and nothing else to standard output.")]
UserColumn = Annotated[str | None, Option("--user", help="Who wrote it.", rich_help_panel=COLUMNS)]
PromptColumn = Annotated[str | None, Option("--prompt", help="What it answers.", rich_help_panel=COLUMNS)]
AnswerColumn = Annotated[str | None, Option("--answer", help="What they wrote, said or rated.", rich_help_panel=COLUMNS)]
TimeColumn = Annotated[str | None, Option("--time", help="When: ISO 8601, or a number that grows.", rich_help_panel=COLUMNS)]


def columns(user: str | None, prompt: str | None, answer: str | None, time: str | None) -> dict[str, str]:
    """The field map of the columns that were named."""
    named = {"user": user, "prompt": prompt, "answer": answer, "time": time}
    return {field: column for field, column in named.items() if column is not None}
