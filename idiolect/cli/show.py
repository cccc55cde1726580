"""What is put on the screen: results on standard output; progress, problems and hints on standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from idiolect.data.files import Problem

PROBLEMS = 10  # so many broken lines are shown, the rest counted


def out() -> Console:
    """Where results go. Made anew, so that it follows a redirected standard output."""
    return Console(highlight=False)


def err() -> Console:
    """Where everything else goes."""
    return Console(stderr=True, highlight=False)


def say(text: str, style: str = "") -> None:
    """A line of text on standard output, with nothing in it read as markup."""
    out().print(Text(text, style), soft_wrap=True)


def note(text: str, style: str = "dim") -> None:
    """A line of text on standard error."""
    err().print(Text(text, style), soft_wrap=True)


def next_step(what: str, command: str) -> None:
    """What one may want to do next, and the command that does it, `idiolect ...`, as it can be typed here."""
    typed = sys.argv[0] if Path(sys.argv[0]).name == "idiolect" and shutil.which("idiolect") is None else "idiolect"
    err().print(Text.assemble((f"\n{what}\n", "dim"), (f"  {typed} {command.removeprefix('idiolect ')}", "bold")), soft_wrap=True)


def as_json(value: Any) -> None:
    """`value` as JSON on standard output, without colours or folded lines."""
    out().out(json.dumps(value, ensure_ascii=False, indent=2), highlight=False)


def problems(found: Sequence[Problem]) -> None:
    """The lines that were left out, each with its file, number and reason."""
    for problem in found[:PROBLEMS]:
        note(str(problem), "yellow")
    if found:
        more = f" ({PROBLEMS} shown)" if len(found) > PROBLEMS else ""
        note(f"{count(len(found), 'line')} left out{more}; the rest was kept.", "yellow")


def count(number: int, thing: str) -> str:
    """ "1 record", "2 records"; a "y" at the end becomes "ies"."""
    many = thing[:-1] + "ies" if thing.endswith("y") else thing + "s"
    return f"{number:,} {thing if number == 1 else many}"


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars on standard error, one for each phase; nothing where that is no terminal."""
    console = err()
    shape = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*shape, console=console, disable=not console.is_terminal) as bars:
        yield bars
