"""Who is in the store, some at a time: by ranges of the index of ids, which are opaque texts and never patterns."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from idiolect.errors import DataError
from idiolect.store import schema
from idiolect.store.schema import spelt, text_of
from idiolect.types import Record

TEXT = "CAST(? AS TEXT)"  # of bytes, in SQLite
AFTER_TEXTS = "x''"  # in SQLite bytes come behind all texts


class Page(NamedTuple):
    """Some of a person's records in the order they came, and where to go on: None at the end."""

    records: list[Record]
    after: str | None


def in_order(db: Connection) -> list[str]:
    """Everybody's id, in the order they came."""
    return list(db.scalars(select(schema.users.c.id).order_by(schema.users.c.key)))


def ids(db: Connection, after: str | None, limit: int | None, prefix: str) -> list[str]:
    """Up to `limit` ids that begin with `prefix` and come after the id `after`, in the order of their bytes as UTF-8."""
    if limit is not None and limit < 0:
        raise DataError(f"limit is how many to give, 0 or more, not {limit}")
    found = []
    for where, values in _ranges(db, after, prefix):
        sql = f"SELECT id FROM users WHERE {where} ORDER BY id" + ("" if limit is None else f" LIMIT {int(limit)}")
        rows = db.exec_driver_sql(spelt(sql, db.dialect.paramstyle), values)
        found.append([text_of(row[0]) for row in rows])
    return list(heapq.merge(*found, key=_bytes))[:limit]


def count(db: Connection, prefix: str) -> int:
    """How many ids begin with `prefix`."""
    paramstyle, total = db.dialect.paramstyle, 0
    for where, values in _ranges(db, None, prefix):
        total += int(db.exec_driver_sql(spelt(f"SELECT count(*) FROM users WHERE {where}", paramstyle), values).scalar() or 0)
    return total


def page(db: Connection, key: int, after: str | None, limit: int) -> Page:
    """Up to `limit` records of a user behind those that ended with `after`. Raises DataError for an `after` that no page gave."""
    if limit < 1:
        raise DataError(f"limit is how many records to give, 1 or more, not {limit}")
    try:
        last = int(after, 16) if after is not None else 0
    except ValueError:
        raise DataError(f"{after!r} is nowhere to go on; give the `after` of the page before") from None
    c = schema.records.c
    asked = select(c.key, c.prompt, c.answer, c.time, c.id, c.kind, c.other).where(c.user == key, c.key > last)
    rows = db.execute(asked.order_by(c.key).limit(limit + 1)).all()
    return Page([Record(*row[1:]) for row in rows[:limit]], f"{rows[limit - 1].key:x}" if len(rows) > limit else None)


def _ranges(db: Connection, after: str | None, prefix: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Where such ids are: in SQLite those with lone surrogates, which are kept as bytes, lie apart from all others."""
    begin, end = _bytes(prefix), _behind(_bytes(prefix))
    beyond = after is not None and _bytes(after) >= begin
    lower, first = (">", _bytes(after or "")) if beyond else (">=", begin)
    if db.dialect.name == schema.SQLITE:
        upper, last = (TEXT, (end,)) if end else (AFTER_TEXTS, ())
        yield f"id {lower} {TEXT} AND id < {upper}", (first, *last)
    yield f"id {lower} ?" + (" AND id < ?" if end else ""), (first, end) if end else (first,)


def _behind(prefix: bytes) -> bytes:
    """The first bytes behind all that begin with `prefix`; none for the empty one. UTF-8 has no byte 255."""
    return prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
