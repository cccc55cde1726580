"""What comes in from elsewhere: our own exports, tables, chats, mem0's and Letta's memories; one person's, and nobody else's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idiolect.data import files, rivals
from idiolect.data.rivals import SQLITE, Whose
from idiolect.data.rows import FORMATS, read_table
from idiolect.errors import DataError, IdiolectError
from idiolect.facts.extract import fit
from idiolect.serve import keeping, knowing, packing
from idiolect.serve.desk import Desk
from idiolect.store import portable
from idiolect.store.states import record_from_tree
from idiolect.store.wishes import Noted
from idiolect.types import Record

ZIP = b"PK\x03\x04"
TABLES = (*FORMATS, *(f"{suffix}.gz" for suffix in (".jsonl", ".ndjson", ".csv", ".tsv")))


@dataclass
class Found:
    """What a file holds of a person, before any of it is kept."""

    records: list[Record] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)


def bring(desk: Desk, key: str, file: Path, whose: Whose, states: bool) -> dict[str, Any]:
    """Keep what a file holds of a person: how many records, facts and the rest, what was left out and why. Twice adds nothing.

    What a person wrote becomes records; what a model noted of them becomes facts that stand by themselves, never their words.
    Raises DataError for a file that cannot be read or is of others, Conflict for kinds the person did not consent to.
    """
    with file.open("rb") as opened:
        head = opened.read(len(SQLITE))
        if head.startswith(ZIP):
            opened.seek(0)
            return {**packing.read(desk, key, opened, states), "skipped": {}, "problems": []}
    found = _read(file, head, whose)
    for kind in sorted({record.kind for record in found.records}):
        keeping.refuse(desk, key, kind)
    facts = knowing.bring(desk, key, found.notes) if found.notes else 0
    added = desk.store.add(key, found.records)
    if states and found.states:
        desk.store.import_({"format": portable.FORMAT, "user": key, "records": [], "states": found.states})
    told = {"records": added, "facts": facts, "states": len(found.states) if states else 0, "replies": 0}
    return {**told, "skipped": found.skipped, "problems": found.problems[:20]}


def _read(file: Path, head: bytes, whose: Whose) -> Found:
    if head == SQLITE:
        return _brought(rivals.history(file, whose))
    if file.name.endswith(TABLES) and not file.name.endswith((".jsonl", ".ndjson")):
        return _table(file, whose)
    tree = _tree(file)
    if isinstance(tree, Mapping) and tree.get("format") == portable.FORMAT:
        _, records, _ = portable.unpack(dict(tree))
        return Found(records, states=list(tree["states"]))
    if (brought := rivals.memories(tree, whose)) is not None:
        return _brought(brought)
    rows = tree["records"] if isinstance(tree, Mapping) and isinstance(tree.get("records"), list) else tree
    return _table(_lines(file, rows if isinstance(rows, list) else None), whose)


def _tree(file: Path) -> Any:
    """The one JSON value of a file; None for lines of JSON."""
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return None


def _brought(brought: rivals.Brought) -> Found:
    """Of what a model noted, what can be a fact at all."""
    notes = [Noted(one.id, one.text, one.time, one.source) for one in brought.notes if fit(one.text)]
    skipped = dict(brought.skipped)
    if unfit := len(brought.notes) - len(notes):
        skipped["is no fact"] = unfit
    return Found(brought.records, notes, skipped)


def _lines(file: Path, rows: Sequence[Any] | None) -> Path:
    """A file of lines of JSON: this one, or these rows in one beside it."""
    made = file.with_name("rows.jsonl")
    if rows is None:
        return file if file.name.endswith((".jsonl", ".ndjson")) else file.rename(made)
    made.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return made


def _table(file: Path, whose: Whose) -> Found:
    """The records in a table: those of the person, or all where it does not say whose they are."""
    columns = {column.casefold() for column in read_table(file).columns}
    if {"answer", "kind"} <= columns:
        return _kinds(file)
    if not columns & set(files.ALIASES["user"]):
        file = _owned(file, whose.person)
    loaded = files.read(file)
    named = {user.id: user for user in loaded.users}
    own = named.get(whose.person)
    if own is None and named:
        some = ", ".join(repr(name) for name in list(named)[:3])
        raise DataError(f"this file is of {len(named)} other people ({some}), and nothing of {whose.person!r}: say whose it is with `of`")
    problems = [f"line {one.line}: {one.reason}" for one in loaded.problems]
    skipped = {"is somebody else's": sum(len(user.records) for name, user in named.items() if name != whose.person)}
    return Found(list(own.records) if own else [], skipped={why: n for why, n in skipped.items() if n}, problems=problems)


def _owned(file: Path, person: str) -> Path:
    """The same rows, with whose they are."""
    made = file.with_name("owned.jsonl")
    with made.open("w", encoding="utf-8") as into:
        for _, row in read_table(file).rows:
            into.write(json.dumps({**row, "user": person} if isinstance(row, Mapping) else row, default=str) + "\n")
    return made


def _kinds(file: Path) -> Found:
    """Lines as `records.jsonl` has them, each with its kind."""
    made = Found()
    for line, row in read_table(file).rows:
        try:
            if isinstance(row, str):
                raise DataError(row)
            made.records.append(record_from_tree({"prompt": "", "time": float(line), "id": "", **row}))
        except (IdiolectError, KeyError, TypeError, ValueError) as error:
            made.problems.append(f"line {line}: {error}")
    return made


def place() -> tempfile.TemporaryDirectory[str]:
    """A folder for one file that comes in, gone with all in it afterwards."""
    return tempfile.TemporaryDirectory(prefix="idiolect-import-")
