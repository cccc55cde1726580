"""Histories from files: JSONL, CSV and Parquet with a named field map, and chat exports."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from idiolect.data.chats import Speaker, check_speaker, turns
from idiolect.data.corpora import stamp
from idiolect.data.rows import read_table
from idiolect.errors import DataError
from idiolect.types import History, Record, User

ALIASES = {  # field -> the columns tried, in this order and whatever their capitals, where the field map does not name one
    "user": ("user", "user_id", "userid", "author", "person", "safety_identifier", "metadata.user_id", "metadata.user"),
    "prompt": ("prompt", "input", "question"),
    "answer": ("answer", "output", "response", "rating", "text"),
    "time": ("time", "timestamp", "date", "datetime", "created_at", "created"),
    "id": ("id", "record_id"),
}
CHAT = "messages"
Columns = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that was left out, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Loaded:
    """What a file held: its users in the order in which they first appear, and the lines that could not be used."""

    users: tuple[User, ...]
    problems: tuple[Problem, ...] = ()


def read(path: Path | str, fields: Mapping[str, str] | None = None, *, encoding: str = "utf-8", speaker: Speaker = "user") -> Loaded:
    """The users in a JSONL, CSV, TSV or Parquet file, by its suffix; JSONL and CSV may be gzipped.

    `fields` maps "user", "prompt", "answer", "time", "id" to the file's columns (in JSONL also dotted, "metadata.user_id");
    what it leaves out is looked for under the names in ALIASES. User and answer must be there. Without a prompt a record is
    plain text; without a time, records are numbered in the order of the file; without an id, it is made from the content.
    A number becomes text: 4.0 answers "4". Times are ISO 8601 (UTC unless they say otherwise) or numbers that grow.

    A JSONL file of conversations (`messages`) gives one record for each message of `speaker`; see `chats.turns`.

    A line that cannot be used becomes a Problem and the rest is kept. Raises DataError, before any record is read,
    for a field map that names a column the file does not have, and for a file that cannot be read at all.
    """
    check_speaker(speaker)
    file = Path(path)
    table = read_table(file, encoding)
    chat = CHAT in table.columns and "answer" not in (fields or {})
    columns = choose(table.columns, fields or {}, file, chat)
    owned: dict[str, list[Record]] = defaultdict(list)
    problems: list[Problem] = []
    empty = True
    for line, row in table.rows:
        empty = False
        try:
            if isinstance(row, str):
                raise DataError(row)
            own = owned[_text(_value(row, columns["user"]), "user")]
            own.extend(_said(row, columns, speaker, len(own)) if chat else [_record(row, columns, len(own))])
        except DataError as error:
            problems.append(Problem(str(file), line, str(error)))
    if empty:
        problems.append(Problem(str(file), 1, "the file holds no records"))
    return Loaded(tuple(User(name, History(records)) for name, records in owned.items() if records), tuple(problems))


def choose(columns: tuple[str, ...], fields: Mapping[str, str], file: Path, chat: bool) -> dict[str, str | None]:
    """The column of each field, None for one the file does not have. Raises DataError listing the columns that are there."""
    there = f"it has {', '.join(columns) or 'no columns'}"
    for field, column in fields.items():
        if field not in ALIASES:
            raise DataError(f"the field map names {field!r}, which is no field; the fields are {', '.join(ALIASES)}")
        if columns and column not in columns:
            raise DataError(f"{file} has no column {column!r} for {field!r}; {there}")
    folded = {column.casefold(): column for column in reversed(columns)}
    found = {field: next((folded[name] for name in names if name in folded), None) for field, names in ALIASES.items()}
    found |= fields
    for field in ("user",) if chat else ("user", "answer"):
        if columns and found[field] is None:
            raise DataError(f"{file} has no column for {field!r}; {there}: name one with fields={{{field!r}: ...}}")
    return found


def _record(row: Mapping[str, Any], columns: Columns, number: int) -> Record:
    time = _time(_value(row, columns["time"])) if columns["time"] else float(number)
    prompt = _text(_value(row, columns["prompt"]), "prompt", may_miss=True)
    answer = _text(_value(row, columns["answer"]), "answer")
    return Record(prompt, answer, time, _text(_value(row, columns["id"]), "id", may_miss=True))


def _said(row: Mapping[str, Any], columns: Columns, speaker: Speaker, number: int) -> list[Record]:
    """One conversation's records. Where only the conversation is dated, its messages follow one another by a millisecond."""
    chat = _text(_value(row, columns["id"]), "id", may_miss=True)
    made = []
    for i, turn in enumerate(turns(row.get(CHAT), speaker)):
        if turn.time is not None:
            time = _time(turn.time)
        else:
            time = _time(_value(row, columns["time"])) + i / 1000 if columns["time"] else float(number + i)
        prompt, answer = _text(turn.prompt, "prompt", may_miss=True), _text(turn.answer, "answer")
        made.append(Record(prompt, answer, time, f"{chat}#{i}" if chat else ""))
    return made


def _value(row: Mapping[str, Any], column: str | None) -> Any:
    if column is None or column in row:
        return row.get(column) if column else None
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any, field: str, may_miss: bool = False) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise DataError(f"the {field} is not text or a number but {type(value).__name__}")
    if isinstance(value, float):
        value = None if math.isnan(value) else int(value) if value.is_integer() else value
    made = "" if value is None else str(value)
    if not made.strip() and not may_miss:
        raise DataError(f"no {field}")
    if any("\ud800" <= letter <= "\udfff" for letter in made):
        raise DataError(f"the {field} holds half of a surrogate pair, which no encoding can write")
    return made


def _time(value: Any) -> float:
    """POSIX seconds, or the number given."""
    if isinstance(value, datetime | date):
        value = value.isoformat()
    if value is None or value == "":
        raise DataError("no time, where other lines have one")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return stamp(value) if isinstance(value, str) else _no_time(value)
    return number if math.isfinite(number) and not isinstance(value, bool) else _no_time(value)


def _no_time(value: Any) -> float:
    raise DataError(f"the time {value!r} is not an ISO 8601 date or a number")
