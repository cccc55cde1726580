"""Requests that may be sent again: which were begun, and how those that are done were answered, for a day."""

from __future__ import annotations

import time
from typing import NamedTuple

from sqlalchemy import Column, Connection, Float, ForeignKey, Integer, String, Table, Text, delete, insert, select, update

from idiolect.store import schema
from idiolect.store.schema import Sessions

KEPT = 86_400.0  # seconds
SWEEP = 60.0  # seconds between two looks for what is older

repeats = Table(
    "repeats",
    schema.metadata,
    Column("id", String, primary_key=True),  # a digest of whose request it is and of the key that it came with
    Column("request", String, nullable=False),  # a digest of the rest of it
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), index=True),  # once it is done: whom it was about
    Column("begun", Float, nullable=False, index=True),  # POSIX seconds
    Column("owner", String, nullable=False),  # who is at it
    Column("until", Float, nullable=False),  # and has to say so again before this, or is taken for dead
    Column("status", Integer),  # none: under way
    Column("answer", Text),  # ASCII JSON without a person's text; none: it is not kept
)


class Begun(NamedTuple):
    """Nobody did this before, or whoever did died of it."""

    owner: str


class Before(NamedTuple):
    """It was done before."""

    status: int
    answer: str | None


class Underway(NamedTuple):
    """Somebody is at it, and will be for so many seconds at least, or is dead by then."""

    seconds: float


class Another(NamedTuple):
    """The key came with another request."""


class Repeats:
    """The repeatable requests of a store. Threads and processes share them; what a call wrote is on the disk."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._swept = 0.0

    def begin(self, name: str, request: str, owner: str, lease: float) -> Begun | Before | Underway | Another:
        """Begin a request as `owner`, who has `lease` seconds until `extend`, or say why not."""
        now = time.time()
        with self._sessions("BEGIN IMMEDIATE") as db:
            _alone(db)
            if now - self._swept > SWEEP:
                db.execute(delete(repeats).where(repeats.c.begun < now - KEPT))
                self._swept = now
            row = db.execute(select(repeats).where(repeats.c.id == name, repeats.c.begun >= now - KEPT)).one_or_none()
            if row is not None and row.request != request:
                return Another()
            if row is not None and row.status is not None:
                return Before(row.status, row.answer)
            if row is not None and now < row.until:
                return Underway(row.until - now)
            db.execute(delete(repeats).where(repeats.c.id == name))
            db.execute(insert(repeats).values(id=name, request=request, begun=now, owner=owner, until=now + lease))
        return Begun(owner)

    def extend(self, name: str, owner: str, lease: float) -> bool:
        """Say that `owner` is still at it; False if it is somebody else's by now."""
        mine = (repeats.c.id == name, repeats.c.owner == owner)
        with self._sessions("BEGIN IMMEDIATE") as db:
            return bool(db.execute(update(repeats).where(*mine).values(until=time.time() + lease)).rowcount)

    def finish(self, name: str, owner: str, status: int, answer: str | None, user_id: str | None = None) -> None:
        """It is done. An answer about a person (their key in the store) goes with them: of one who is not there none is kept."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            user = None if user_id is None else db.scalar(select(schema.users.c.key).where(schema.users.c.id == user_id))
            kept = answer if user_id is None or user is not None else None
            mine = (repeats.c.id == name, repeats.c.owner == owner)
            db.execute(update(repeats).where(*mine).values(status=status, answer=kept, user=user))

    def drop(self, name: str, owner: str) -> None:
        """It was not done: it may be sent again."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            db.execute(delete(repeats).where(repeats.c.id == name, repeats.c.owner == owner))

    def forget(self, user_id: str) -> None:
        """Forget how requests about a person (their key in the store) were answered."""
        user = select(schema.users.c.key).where(schema.users.c.id == user_id).scalar_subquery()
        with self._sessions("BEGIN IMMEDIATE") as db:
            db.execute(update(repeats).where(repeats.c.user == user).values(answer=None))


def _alone(db: Connection) -> None:
    """Nobody else begins a request until this transaction ends; in SQLite whoever writes is alone already."""
    if db.dialect.name == "postgresql":
        db.exec_driver_sql("LOCK TABLE repeats IN SHARE ROW EXCLUSIVE MODE")
