"""A person's records as lists show them, the last first, page by page; some of them by their ids; and all that is kept, in numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from idiolect.store import replies, schema, sealing, wishes
from idiolect.store.schema import Sessions
from idiolect.types import Kind, Record

AT_ONCE = 500  # ids in one statement
MEMBER = 12  # characters that name a vector in its chunk
TABLES = {
    "records": schema.records, "states": schema.states, "vectors": schema.vectors, "replies": replies.replies, "wishes": wishes.wishes,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placed:
    """A record, and its place among all records: later ones have greater numbers."""

    place: int
    record: Record


class Pages:
    """What is kept of a store's people."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def records(self, user_id: str, before: int | None = None, limit: int = 50, kinds: Collection[str] = ()) -> list[Placed]:
        """A person's records, the last that came first, from before a place; none of somebody unknown. Raises StoreError."""
        c = schema.records.c
        where = [*([c.key < before] if before is not None else []), *([c.kind.in_(kinds)] if kinds else [])]
        with self._sessions("BEGIN") as db:
            found = db.execute(_asked(user_id).where(*where).order_by(c.key.desc()).limit(limit)).all()
        return [_placed(row) for row in found]

    def named(self, user_id: str, ids: Sequence[str]) -> dict[str, Record]:
        """Those of a person's records that have these ids. Raises StoreError."""
        made: dict[str, Record] = {}
        with self._sessions("BEGIN") as db:
            for at in range(0, len(ids), AT_ONCE):
                some = _asked(user_id).where(schema.records.c.id.in_(ids[at : at + AT_ONCE]))
                made |= {row.id: _placed(row).record for row in db.execute(some)}
        return made

    def same(self, user_id: str, record: Record) -> str | None:
        """The id of a record of a person that says exactly this, whenever it was; None where there is none. Raises StoreError."""
        c = schema.records.c
        with self._sessions("BEGIN") as db:
            user = db.scalar(select(schema.users.c.key).where(schema.users.c.id == user_id))
            if user is None:
                return None
            kept = sealing.texts(db, user)  # equal texts of one person are equal when they are sealed
            where = [c.kind == record.kind, *(c[name] == kept(getattr(record, name)) for name in ("prompt", "answer", "other"))]
            found = db.execute(_asked(user_id).where(*where).order_by(c.key).limit(1)).one_or_none()
        return None if found is None else str(found.id)

    def all_adapters(self) -> set[str]:
        """The digests of everybody's adapters."""
        with self._sessions("BEGIN") as db:
            return set(db.scalars(select(schema.adapters.c.digest)))

    def adapters(self, key: str) -> list[str]:
        """The digests of a person's adapters: under which an engine elsewhere may have them loaded."""
        asked = select(schema.adapters.c.digest).join(schema.states, schema.adapters.c.state == schema.states.c.key)
        asked = asked.join(schema.users, schema.states.c.user == schema.users.c.key).where(schema.users.c.id == key)
        with self._sessions("BEGIN") as db:
            return list(db.scalars(asked))

    def about(self, user_id: str) -> Mapping[str, Any] | None:
        """When a person became known, how many records there are of each kind and when the last is of, and how much else is kept.

        None for somebody unknown. Raises StoreError.
        """
        c = schema.records.c
        with self._sessions("BEGIN") as db:
            row = db.execute(select(schema.users.c.key, schema.users.c.created).where(schema.users.c.id == user_id)).one_or_none()
            if row is None:
                return None
            counts = db.execute(select(c.kind, func.count(), func.max(c.time)).where(c.user == row.key).group_by(c.kind)).all()
            others = {name: _count(db, name, row.key) for name in TABLES}
        last = max((latest for *_, latest in counts), default=None)
        return {"created": row.created, "kinds": {kind: count for kind, count, _ in counts}, "last": last, "kept": others}


def _asked(user_id: str) -> Any:
    c = schema.records.c
    asked = select(c.key, c.prompt, c.answer, c.time, c.id, c.kind, c.other).join(schema.users, c.user == schema.users.c.key)
    return asked.where(schema.users.c.id == user_id)


def _placed(row: Any) -> Placed:
    kind: Kind = row.kind
    return Placed(row.key, Record(row.prompt, row.answer, row.time, row.id, kind, row.other))


def _count(db: Connection, name: str, user: int) -> int:
    table = TABLES[name]
    each = func.sum(func.length(table.c.members) / MEMBER) if name == "vectors" else func.count()
    return int(db.scalar(select(each).select_from(table).where(table.c.user == user)) or 0)
