"""The audit log: who did what to whose data and when; only ever added to, and each entry holds the digest of the one before."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Column, Connection, Float, Index, LargeBinary, Row, String, Table, Text, event, insert, select

from idiolect.errors import DataError
from idiolect.store import schema
from idiolect.store.schema import Key, Sessions

WORD = re.compile(r"[a-z][a-z0-9._-]{0,39}")  # an action, or the name of a count
BATCH = 1000  # entries read at once
FIRST = "0" * 64  # what stands before the first entry

audit = Table(
    "audit",
    schema.metadata,
    Column("number", Key, primary_key=True, autoincrement=False),  # 1, 2, 3 without a gap
    Column("at", Float, nullable=False),  # POSIX seconds
    Column("key", String, nullable=False),  # the id of the key or token; "open" without keys, "cli" on the machine itself
    Column("application", String, nullable=False),
    Column("role", String, nullable=False),
    Column("action", String, nullable=False),
    Column("person", String),  # of whom: see `Audit.pseudonym`
    Column("counts", Text, nullable=False),  # numbers alone, as JSON
    Column("digest", String, nullable=False),  # of all this and of the digest before
    Index("audit_of", "person", "number"),
)
seal = Table(
    "audit_seal",
    schema.metadata,
    Column("number", Key, primary_key=True, autoincrement=False),
    Column("secret", LargeBinary, nullable=False),
)

REFUSED = "the audit log is only added to"
_ABORT = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"


def triggers(table: str, dialect: str) -> tuple[str, ...]:
    """The statements that have a database itself refuse to change what stands in `table`, whoever asks."""
    if dialect == "postgresql":
        raises = f"BEGIN RAISE EXCEPTION '{REFUSED}'; END"
        return (
            f"CREATE OR REPLACE FUNCTION audit_refused() RETURNS trigger LANGUAGE plpgsql AS $$ {raises} $$",
            f"CREATE TRIGGER {table}_changed BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refused()",
            f"CREATE TRIGGER {table}_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refused()",
        )
    skips = f"NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM {table})"  # INSERT OR REPLACE deletes without the trigger
    return (
        f"CREATE TRIGGER {table}_changed BEFORE UPDATE ON {table} {_ABORT}",
        f"CREATE TRIGGER {table}_deleted BEFORE DELETE ON {table} {_ABORT}",
        f"CREATE TRIGGER {table}_skipped BEFORE INSERT ON {table} WHEN {skips} {_ABORT}",
    )


@event.listens_for(audit, "after_create")
@event.listens_for(seal, "after_create")
def _protect(table: Table, db: Connection, **_: Any) -> None:
    for trigger in triggers(table.name, db.dialect.name):
        db.exec_driver_sql(trigger)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: the id of a key, its application and its role."""

    key: str
    application: str
    role: str


CLI = Actor("cli", "", "operator")  # whoever can write to the store itself


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the log."""

    number: int
    at: float
    key: str
    application: str
    role: str
    action: str
    person: str | None
    counts: dict[str, int]
    digest: str

    def follows(self, before: str) -> bool:
        """Whether it is as it was written, after an entry of the digest `before`."""
        return hmac.compare_digest(self.digest, _digest(self, before))


@dataclass(frozen=True, slots=True)
class Verified:
    """What reading the whole log says: how many entries are as they were written, the last one's digest, and the first that is not.

    The entries alone cannot tell that the last ones were cut off, or that somebody with the database wrote all of it anew: keep
    `entries` and `head` elsewhere, and give them the next time.
    """

    entries: int
    head: str
    broken: int | None

    @property
    def whole(self) -> bool:
        """Whether nothing is missing or changed."""
        return self.broken is None


class Audit:
    """The log of a store. Threads and processes add to the same chain, one after another."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def append(self, actor: Actor, action: str, user_id: str | None = None, counts: Mapping[str, int] | None = None) -> Entry:
        """Add an entry, of a person (their key in the store) or of nobody; it is on the disk when this returns.

        Raises DataError for an action or a count that could hold text.
        """
        odd = [name for name, value in (counts or {}).items() if not WORD.fullmatch(name) or not isinstance(value, int)]
        if odd or not WORD.fullmatch(action):
            raise DataError("an entry of the audit log has a word for what was done, and whole numbers by name; never a text")
        with self._sessions("BEGIN IMMEDIATE") as db:
            _alone(db)
            last = db.execute(select(audit.c.number, audit.c.digest).order_by(audit.c.number.desc()).limit(1)).one_or_none()
            number, before = (last.number + 1, last.digest) if last else (1, FIRST)
            person = None if user_id is None else _pseudonym(_secret(db, made=True), user_id)
            told = {name: int(value) for name, value in sorted((counts or {}).items())}
            made = Entry(number, time.time(), actor.key, actor.application, actor.role, action, person, told, "")
            made = replace(made, digest=_digest(made, before))
            db.execute(insert(audit).values({**asdict(made), "counts": json.dumps(told)}))
        return made

    def entries(self, limit: int, before: int | None = None, user_id: str | None = None) -> list[Entry]:
        """Entries, the last first: those with a number under `before`, and of a person, erased or not."""
        with self._sessions("BEGIN") as db:
            asked = select(audit).order_by(audit.c.number.desc()).limit(limit)
            if before is not None:
                asked = asked.where(audit.c.number < before)
            if user_id is not None:
                asked = asked.where(audit.c.person == _pseudonym(_secret(db), user_id))
            return [_entry(row) for row in db.execute(asked)]

    def pseudonym(self, user_id: str) -> str:
        """What stands for a person: their id under a secret of this store. Who knows an id can find its entries; no entry says an id."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            return _pseudonym(_secret(db, made=True), user_id)

    def verify(self, known: tuple[int, str] | None = None) -> Verified:
        """Read the log from its first entry; `known`: how many entries there were at least, and the digest of the last of them."""
        number, head = 0, FIRST
        for entry in self._all():
            if entry.number != number + 1 or not entry.follows(head) or _differs(entry, known):
                return Verified(number, head, number + 1)
            number, head = entry.number, entry.digest
        return Verified(number, head, number + 1 if known and known[0] > number else None)

    def _all(self) -> Iterator[Entry]:
        last = 0
        while True:
            with self._sessions("BEGIN") as db:
                some = db.execute(select(audit).where(audit.c.number > last).order_by(audit.c.number).limit(BATCH)).all()
            yield from map(_entry, some)
            if len(some) < BATCH:
                return
            last = some[-1].number


def _digest(entry: Entry, before: str) -> str:
    said = json.dumps([before, {**asdict(entry), "digest": ""}], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def _differs(entry: Entry, known: tuple[int, str] | None) -> bool:
    return known is not None and known[0] == entry.number and known[1] != entry.digest


def _entry(row: Row[Any]) -> Entry:
    try:
        counts = json.loads(row.counts)
    except ValueError:
        counts = {}  # somebody wrote over it: its digest says so
    return Entry(**{**row._mapping, "counts": counts})


def _alone(db: Connection) -> None:
    """Nobody else adds an entry until this transaction ends; in SQLite whoever writes is alone already."""
    if db.dialect.name == "postgresql":
        db.exec_driver_sql("LOCK TABLE audit IN SHARE ROW EXCLUSIVE MODE")


def _secret(db: Connection, made: bool = False) -> bytes:
    if made:
        _alone(db)
    found = db.scalar(select(seal.c.secret).where(seal.c.number == 1))
    if found is None and made:
        found = secrets.token_bytes(32)
        db.execute(insert(seal).values(number=1, secret=found))
    return bytes(found or b"")


def _pseudonym(secret: bytes, user_id: str) -> str:
    return hmac.new(secret, user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
