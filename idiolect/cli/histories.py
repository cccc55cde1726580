"""`idiolect import`: histories from elsewhere, checked and written as JSONL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from idiolect.cli import options, show
from idiolect.cli.opening import LINE, writing
from idiolect.data import files
from idiolect.data.git import read_git
from idiolect.errors import DataError
from idiolect.types import User

app = typer.Typer(no_args_is_help=True, help="Bring histories in: from a git repository, a table, or exported chats.")
Out = Annotated[Path | None, typer.Option("--out", help="The JSONL file to write. Left out: check and count only.")]


class By(StrEnum):
    """What tells the authors of commits apart."""

    name = "name"
    email = "email"


class Speaker(StrEnum):
    """Whose messages in a chat are records."""

    user = "user"
    assistant = "assistant"


@app.command("git")
def from_git(
    path: Annotated[Path, typer.Argument(help="The directory of the repository.")],
    out: Out = None,
    by: Annotated[By, typer.Option(help="What tells people apart.")] = By.name,
    least: Annotated[int, typer.Option(help="Leave out people with fewer commits.")] = 8,
) -> None:
    """The authors of a git repository; a record is a commit: files and body asked, the subject line answered.

    Example: idiolect import git ~/src/project --out history.jsonl
    """
    everyone = read_git(path, by.value)
    users = [user for user in everyone if len(user.records) >= least]
    if not users:
        raise DataError(f"none of the {len(everyone)} authors of {path} has {least} commits or more; give a smaller --least")
    if len(users) < len(everyone):
        show.note(f"{show.count(len(everyone) - len(users), 'author')} with fewer than {least} commits left out.")
    _finish(users, out)


@app.command("file")
def from_file(
    path: Annotated[Path, typer.Argument(help="JSONL (also chats with `messages`), CSV, TSV or Parquet; text may be gzipped.")],
    out: Out = None,
    speaker: Annotated[Speaker, typer.Option(help="In chats: whose messages are the records.")] = Speaker.user,
    encoding: Annotated[str, typer.Option(help="Of a text file.")] = "utf-8",
    user: options.UserColumn = None,
    prompt: options.PromptColumn = None,
    answer: options.AnswerColumn = None,
    time: options.TimeColumn = None,
) -> None:
    """A table or exported chats. A line that cannot be used is named with its reason, and the rest is kept.

    Example: idiolect import file reviews.csv --user customer --answer review --time posted --out history.jsonl
    """
    loaded = files.read(path, options.columns(user, prompt, answer, time), encoding=encoding, speaker=speaker.value)
    show.problems(loaded.problems)
    if not loaded.users:
        raise DataError(f"{path} holds no record that can be used; a line is such as {LINE}")
    _finish(loaded.users, out)


def write(users: Sequence[User], path: Path) -> None:
    """Histories as JSONL, a person after another, each in time order. Raises DataError if the file cannot be written."""
    with writing(path) as opened:
        for user in users:
            for record in user.records:
                row = {"user": user.id, "time": record.time, "prompt": record.prompt, "answer": record.answer, "id": record.id}
                opened.write(json.dumps(row, ensure_ascii=False) + "\n")


def _finish(users: Sequence[User], out: Path | None) -> None:
    lengths = sorted(len(user.records) for user in users)
    people = f"{len(users):,} people" if len(users) != 1 else "1 person"
    show.say(
        f"{people}, {show.count(sum(lengths), 'record')}: {lengths[0]} to {lengths[-1]} each, {lengths[len(lengths) // 2]} in the middle."
    )
    if out is None:
        show.note("Nothing was written: give --out FILE to keep them.")
        return
    write(users, out)
    show.say(f"Written to {out}.")
    show.next_step("Which method helps these people?", f"idiolect compare {out}")
