"""Rows of JSONL, CSV and Parquet files: what was in each line, or why it cannot be used."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from idiolect.errors import DataError
from idiolect.extras import need

PEEK = 100  # rows of a JSONL file in which its columns are looked for
FORMATS = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")

Row = tuple[int, Mapping[str, Any] | str]  # the line it began on, from 1; its values by column, or the reason there are none


@dataclass(frozen=True)
class Table:
    """A file's columns (nested ones dotted: "metadata.user_id") and its rows."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


def read_table(path: Path, encoding: str = "utf-8") -> Table:
    """The table in a file; the format is told by the suffix, and text may be gzipped (".csv.gz").

    Raises DataError for a file that is not there, has another suffix, is damaged, or is not in `encoding`
    (naming the line). A single bad line raises nothing: its row holds the reason.
    """
    if not path.is_file():
        raise DataError(f"{path} is not there, or is not a file; give a file ending in {', '.join(FORMATS)}")
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".parquet" and path.suffix != ".gz":
        return _parquet(path)
    if suffix in (".csv", ".tsv"):
        return _csv(_text(path, encoding), "\t" if suffix == ".tsv" else None)
    if suffix in (".jsonl", ".ndjson"):
        return _jsonl(_text(path, encoding))
    raise DataError(f"{path} does not end in one of {', '.join(FORMATS)} (text may also be gzipped): its format is not known")


def _text(path: Path, encoding: str) -> str:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as opened:
            raw = opened.read().removeprefix(codecs.BOM_UTF8)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    try:
        return raw.decode(encoding)
    except LookupError:
        raise DataError(f"there is no encoding {encoding!r}; try 'utf-8' or 'latin-1'") from None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: the byte 0x{raw[error.start]:02x} is not {encoding}; "
            f"nothing was read: give the file's encoding, such as encoding='latin-1' or 'utf-16'"
        ) from None


def _jsonl(text: str) -> Table:
    rows = _json_rows(text)
    head = list(islice(rows, PEEK))
    columns: dict[str, None] = {}
    for _, values in head:
        if not isinstance(values, str):
            columns |= dict.fromkeys(values)
            columns |= {f"{name}.{inner}": None for name, value in values.items() if isinstance(value, dict) for inner in value}
    return Table(tuple(columns), (row for part in (head, rows) for row in part))


def _json_rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"not JSON: {error}"
            continue
        yield number, values if isinstance(values, dict) else f"not a JSON object but {type(values).__name__}"


def _csv(text: str, delimiter: str | None) -> Table:
    lines = list(io.StringIO(text, newline=""))
    first = lines[0] if lines else ""
    delimiter = delimiter or (";" if first.count(";") > first.count(",") else ",")
    rows = _csv_rows(lines, delimiter)
    _, header = next(rows, (0, []))
    if isinstance(header, str):
        raise DataError(f"line 1: the header with the names of the columns cannot be read: {header}")
    names = [name.strip() for name in header]
    return Table(tuple(names), _named(rows, names))


def _named(rows: Iterator[tuple[int, list[str] | str]], names: Sequence[str]) -> Iterator[Row]:
    for line, cells in rows:
        if isinstance(cells, str):
            yield line, cells
        elif len(cells) != len(names):
            yield line, f"{len(cells)} cells where the header has {len(names)}"
        else:
            yield line, dict(zip(names, cells, strict=True))


def _csv_rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    start = 0
    while start < len(lines):
        reader = csv.reader(iter(lines[start:]), delimiter=delimiter, strict=True)
        try:
            done = 0
            while (cells := _next(reader)) is not None:
                if cells:  # an empty list is an empty line
                    yield start + done + 1, cells
                done = reader.line_num
            return
        except csv.Error as error:
            yield start + done + 1, f"not CSV: {error}"
            start += done + 1  # an open quote may have swallowed good lines: go on right behind the line that opened it


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    with _long_cells():
        return next(reader, None)


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(sys.maxsize)  # one setting for the whole process, so it is put back
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parquet(path: Path) -> Table:
    parquet = need("pyarrow.parquet", "reading Parquet files")
    try:
        table = parquet.read_table(path)
    except (ValueError, OSError) as error:  # pyarrow's own errors are kinds of these
        raise DataError(f"{path} is not a Parquet file that can be read: {error}") from error
    return Table(tuple(table.column_names), iter(list(enumerate(table.to_pylist(), start=1))))
