"""Writes docs/methods.md from the catalogue and the methods' docstrings; run as: python scripts/methods_page.py"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from idiolect import catalogue

PAGE = Path(__file__).parents[1] / "docs" / "methods.md"
HEAD = """# Methods

Made from the catalogue and the methods' own docstrings by `make docs`: change those, not this page.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_level(level, meaning) for level, meaning in catalogue.LEVELS.items())])


def _level(level: str, meaning: str) -> str:
    return "\n".join([f"## {level.capitalize()}: {meaning}\n", *(_method(row) for row in catalogue.ROWS if row.level == level)])


def _method(row: catalogue.Row) -> str:
    method = catalogue.load(row.name)
    first, *rest = re.split(r"\n\s*\n", inspect.getdoc(inspect.getmodule(type(method))) or "")
    settings = ", ".join(f"`{name}={value!r}`" for name, value in method.config.items()) or "none"
    needs = ", ".join(sorted(row.needs)) or "text only"
    facts = f"- Needs of the model: {needs}\n- Settings: {settings}\n- File: `{row.module.replace('.', '/')}.py`\n"
    return "\n\n".join([f"### `{row.name}`", *(_line(part) for part in (first, *rest)), facts])


def _line(paragraph: str) -> str:
    return " ".join(paragraph.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
