"""`idiolect methods`: the catalogue, or one method with its settings."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from idiolect import catalogue
from idiolect.cli import options, show

WIDE = 130  # columns of a terminal in which the papers have room


def methods(
    name: Annotated[str | None, typer.Argument(help="One method, with its paper, where it departs from it, and its settings.")] = None,
    json: options.Json = False,
) -> None:
    """What there is to choose from.

    Examples: idiolect methods · idiolect methods oppu
    """
    if name is not None:
        _one(catalogue.row(name), json)
    elif json:
        show.as_json([_told(row) for row in catalogue.ROWS])
    else:
        _all()


def _all() -> None:
    wide = show.out().width >= WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("method", "what it does", "needs a model with", *(["paper"] if wide else [])):
        table.add_column(heading, no_wrap=heading == "method")
    for level, meaning in catalogue.LEVELS.items():
        table.add_row(Text(level, "cyan"), Text(f"{meaning}:", "cyan"))
        for row in (row for row in catalogue.ROWS if row.level == level):
            cells = (f"  {row.name}", row.what, ", ".join(sorted(row.needs)) or "text", Text(row.paper, "dim"))
            table.add_row(*cells[: len(table.columns)])
    show.out().print(table)
    show.say(f"\nusual, what `compare` takes if it is not told: {', '.join(catalogue.USUAL)}.")
    show.next_step("More on one of them, with its paper and its settings:", "idiolect methods oppu")


def _one(row: catalogue.Row, as_json: bool) -> None:
    method = catalogue.load(row.name)
    about = inspect.getdoc(inspect.getmodule(type(method))) or ""
    if as_json:
        show.as_json({**_told(row), "settings": method.config, "about": about})
        return
    show.say(f"{row.cls}  ({row.module})", "bold")
    show.say(about + "\n")
    show.say(inspect.getdoc(type(method)) or "")
    for setting, value in method.config.items():
        show.say(f"  {setting} = {value!r}")
    show.say(f"Needs a model with: {', '.join(sorted(row.needs)) or 'text'}.")


def _told(row: catalogue.Row) -> dict[str, Any]:
    named = {"name": row.name, "class": f"{row.module}:{row.cls}", "level": row.level}
    return {**named, "what": row.what, "paper": row.paper, "needs": sorted(row.needs)}
