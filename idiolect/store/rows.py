"""What goes into the tables and what comes out: records, states, and a configuration as a key."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Row, Table, and_, select, update

from idiolect.errors import DataError, StoreError
from idiolect.store import schema, sealing
from idiolect.types import Record

TEXTS = ("id", "prompt", "answer", "other", "kind")  # of a record
LONGEST = 2600  # bytes of a user's id in PostgreSQL: what an index takes
HOLD = "SELECT key FROM users WHERE id = ANY(%s::bytea[]) OR key = ANY(%s::bigint[]) ORDER BY key FOR NO KEY UPDATE"
USER = "INSERT INTO users (id, created) VALUES (?, ?) ON CONFLICT DO NOTHING"
RECORDS = f'INSERT INTO records ("user", time, {", ".join(TEXTS)}) VALUES (?, ?, {", ".join("?" * len(TEXTS))}) ON CONFLICT DO NOTHING'


@dataclasses.dataclass(frozen=True, slots=True)
class Provenance:
    """Where a state comes from: the method and its configuration, the digest of the records it was made of, and when."""

    method: str
    config: dict[str, Any]
    history: str
    created: float  # POSIX seconds
    bytes: int


def canonical(config: Mapping[str, Any]) -> str:
    """A configuration as JSON that is the same for equal configurations; a method in it becomes its class and its keywords.

    Raises StoreError for a value that has no JSON.
    """
    try:
        return json.dumps(dict(config), sort_keys=True, default=_plain)
    except (TypeError, ValueError) as error:
        raise StoreError(f"the configuration {config!r} cannot be kept ({error}); use texts, numbers, lists or dataclasses") from error


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"class": type(value).__name__, **{field.name: getattr(value, field.name) for field in dataclasses.fields(value)}}
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return f"{value.__module__}.{value.__qualname__}"
    raise StoreError(f"the configuration holds {value!r}, which cannot be kept; use texts, numbers, lists or dataclasses")


def same(table: Table, method: str, config: Mapping[str, Any]) -> ColumnElement[bool]:
    """The rows of a method and a configuration."""
    return and_(table.c.method == method, table.c.config == canonical(config))


def add(db: Connection, user_id: str, rows: Sequence[dict[str, Any]]) -> int:
    """Make a user known, and put in what they do not have yet; how many rows that were. Nobody else writes of them until this is committed.

    Raises StoreError for an id that the database cannot keep.
    """
    key, style = make(db, user_id), db.dialect.paramstyle
    kept = sealing.texts(db, key)
    texts = ((row["id"], *(kept(row[name]) for name in TEXTS[1:-1])) for row in rows)
    own = [(key, row["time"], *(schema.bound(text, db.dialect) for text in own), row["kind"]) for row, own in zip(rows, texts, strict=True)]
    added = db.exec_driver_sql(schema.spelt(RECORDS, style), own).rowcount if own else 0
    if added:
        touch(db, key)
    return added


def make(db: Connection, user_id: str) -> int:
    """The key of a user, who becomes known if new; nobody else writes of them until the transaction ends."""
    raw = schema.bound(user_id, db.dialect)
    if db.dialect.name == schema.POSTGRES and len(raw) > LONGEST:
        raise StoreError(f"a user's id of {len(raw)} bytes is longer than PostgreSQL can look up; give one of {LONGEST} bytes at most")
    while True:
        made = db.exec_driver_sql(schema.spelt(USER, db.dialect.paramstyle), (raw, time.time())).rowcount
        key = held(db, user_id)
        if key is not None:  # or else erased in between
            if made:
                sealing.key_of(db, key, make=True)
            return key


def touch(db: Connection, key: int | None) -> None:
    """Say that something kept of a user has changed."""
    db.execute(update(schema.users).where(schema.users.c.key == key).values(version=schema.users.c.version + 1))


def version_of(db: Connection, key: int) -> tuple[float, int]:
    """What `Store.version` says of a known user."""
    row = db.execute(select(schema.users.c.created, schema.users.c.version).where(schema.users.c.key == key)).one()
    return row[0], row[1]


def record_row(record: Record) -> dict[str, Any]:
    """A record as a row, but for its user. Raises DataError for a time that is no number."""
    try:
        stamp = float(record.time)
    except (TypeError, ValueError, OverflowError):
        stamp = math.nan
    if math.isnan(stamp):
        raise DataError(f"record {record.id!r} has the time {record.time!r}; give POSIX seconds, or any number that grows")
    own = {"prompt": record.prompt, "answer": record.answer, "kind": record.kind, "other": record.other}
    return {"id": record.id, "time": stamp, **own}


def state_row(method: str, config: Mapping[str, Any], history: str) -> dict[str, Any]:
    """What is known about a state made now, as a row, but for its user and content."""
    return {"method": method, "config": canonical(config), "history": history, "created": time.time()}


def key_of(db: Connection, user_id: str, hold: bool = False) -> int:
    """The key of a known user; `hold`: nobody else writes of them until the transaction ends. Raises StoreError for an unknown one."""
    key = held(db, user_id) if hold else db.scalar(select(schema.users.c.key).where(schema.users.c.id == user_id))
    if key is None:
        raise StoreError(f"user {user_id!r} is not in the store; add their records first, or see `users()` for who is")
    return int(key)


def hold(db: Connection, user_ids: Iterable[str] = (), keys: Iterable[int] = ()) -> None:
    """Let nobody else write of these users, by their ids or keys, until the transaction ends; in one order, so that no two wait
    for each other. Who is not there is left out.
    """
    if db.dialect.name == schema.POSTGRES:
        ids = [schema.bound(user_id, db.dialect) for user_id in user_ids]
        db.exec_driver_sql(HOLD, (ids, list(keys)))


def held(db: Connection, user_id: str) -> int | None:
    """The key of a user, of whom nobody else writes until the transaction ends; None for an unknown one."""
    mine = select(schema.users.c.key).where(schema.users.c.id == user_id)
    return db.scalar(mine.with_for_update(key_share=True))  # for PostgreSQL: SQLite has no such clause, and leaves it out


def records_of(db: Connection, key: int | None) -> Iterator[Record]:
    """A user's records in the order they came."""
    c = schema.records.c
    for row in db.execute(select(c.prompt, c.answer, c.time, c.id, c.kind, c.other).where(c.user == key).order_by(c.key)):
        yield Record(*row)


def states_of(db: Connection, key: int | None) -> Sequence[Row[Any]]:
    """A user's rows of `states`, oldest first."""
    return db.execute(select(schema.states).where(schema.states.c.user == key).order_by(schema.states.c.created)).all()


def provenance_of(row: Row[Any]) -> Provenance:
    """Where the state in a row comes from."""
    return Provenance(row.method, json.loads(row.config), row.history, row.created, row.bytes)
