"""Files of published benchmarks: read whole, and where to get them when they are not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from idiolect.errors import DataError


def read_json(path: Path, kind: type, source: str) -> Any:
    """What a JSON file holds, a `kind`. Raises DataError, with the `source` to get it from, where it is not there or is something else."""
    text = read_text(path, source)
    try:
        made = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}); get it again from {source}") from error
    if not isinstance(made, kind):
        raise DataError(f"{path} holds a {type(made).__name__} where a {kind.__name__} is expected; get it again from {source}")
    return made


def read_lines(path: Path, source: str) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines. Raises DataError as `read_json` does, with the line's number."""
    made = []
    for number, line in enumerate(read_text(path, source).splitlines(), start=1):
        if line.strip():
            try:
                made.append(json.loads(line))
            except ValueError as error:
                raise DataError(f"{path}, line {number} is not JSON ({error}); get it again from {source}") from error
    return made


def read_text(path: Path, source: str) -> str:
    """The text of a file. Raises DataError, with the `source` to get it from, where it is not there or cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); give the folder that holds the data, which are at {source}") from error
