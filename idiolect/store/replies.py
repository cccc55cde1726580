"""Replies that were given: what was asked and answered, and what it was made of; under the person's own key, and gone when they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Float, ForeignKey, Index, String, Table, delete, insert, select

from idiolect.store import rows, schema, sealing
from idiolect.store.schema import AnyText, Key, Sessions

MOST_COUNTED = 10_000  # people

replies = Table(
    "replies",
    schema.metadata,
    Column("key", Key, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("created", Float, nullable=False),  # POSIX seconds
    Column("model", AnyText, nullable=False),
    Column("method", AnyText, nullable=False),
    Column("question", AnyText, nullable=False),
    Column("text", AnyText, nullable=False),
    Column("because", AnyText, nullable=False),  # a list, as JSON
    Index("replies_of", "user", "created"),
)


@dataclass(frozen=True, slots=True)
class Given:
    """A reply as it was given to a person (their key in the store), and what bent it: "record:<id>", "fact:<id>", "adapter:..."."""

    id: str
    user: str
    created: float
    model: str
    method: str
    question: str
    text: str
    because: tuple[str, ...]


class Replies:
    """The replies of a store: each person's last ones."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._since: dict[str, int] = {}  # replies of a person since theirs were last cut to the number wanted

    def add(self, given: Sequence[Given], most: int, newcomers: Collection[str] = ()) -> None:
        """Keep replies, and of each of their people the last `most`, or up to a quarter more. Raises StoreError.

        `newcomers` become known by this; anybody else who is not in the store was erased meanwhile, and is left out.
        """
        with self._sessions("BEGIN IMMEDIATE") as db:
            for name in newcomers:
                rows.add(db, name, [])
            keys = {name: rows.held(db, name) for name in sorted({one.user for one in given})}
            kept = {name: sealing.texts(db, key) for name, key in keys.items() if key is not None}
            made = [_row(one, keys[one.user], kept[one.user]) for one in given if one.user in kept]
            if made:
                db.execute(insert(replies), made)
            for name, key in keys.items():
                if key is not None and self._due(name, sum(one.user == name for one in given), most):
                    mine = select(replies.c.key).where(replies.c.user == key).order_by(replies.c.created.desc(), replies.c.key.desc())
                    old = db.scalars(mine.offset(most)).all()
                    if old:
                        db.execute(delete(replies).where(replies.c.key.in_(old)))

    def _due(self, name: str, more: int, most: int) -> bool:
        """Whether it is time to look for replies that are too many: at first, and then after a quarter of `most` each time."""
        if len(self._since) > MOST_COUNTED:
            self._since.clear()
        self._since[name] = self._since.get(name, most) + more
        due = self._since[name] > most // 4
        if due:
            self._since[name] = 0
        return due

    def get(self, reply_id: str) -> Given | None:
        """A reply by its id; None where there is none any more."""
        c = replies.c
        with self._sessions("BEGIN") as db:
            asked = select(c.id, schema.users.c.id, c.created, c.model, c.method, c.question, c.text, c.because).join(schema.users)
            row = db.execute(asked.where(c.id == reply_id)).one_or_none()
        return Given(*row[:7], tuple(json.loads(row[7]))) if row else None

    def of(self, user_id: str, limit: int = 50, before: float | None = None) -> list[Given]:
        """A person's replies, the last first; those given before a time."""
        c = replies.c
        asked = select(c.id, schema.users.c.id, c.created, c.model, c.method, c.question, c.text, c.because).join(schema.users)
        asked = asked.where(schema.users.c.id == user_id, *([c.created < before] if before is not None else []))
        with self._sessions("BEGIN") as db:
            found = db.execute(asked.order_by(c.created.desc(), c.key.desc()).limit(limit)).all()
        return [Given(*row[:7], tuple(json.loads(row[7]))) for row in found]


def _row(given: Given, user: int | None, kept: Callable[[str], Any]) -> dict[str, object]:
    return {
        "id": given.id, "user": user, "created": given.created, "model": given.model, "method": given.method,
        "question": kept(given.question), "text": kept(given.text), "because": kept(json.dumps(given.because)),
    }  # fmt: skip


def texts(db: Connection, user: int | None, ids: Sequence[str] | None = None) -> set[str]:
    """What is kept of a person's replies, or of those made of some of their records: what an erasure must look for."""
    found = db.execute(select(replies.c.question, replies.c.text, replies.c.because).where(replies.c.user == user)).all()
    return {text for row in found if ids is None or _uses(row.because, ids) for text in (row.question, row.text)}


def forget(db: Connection, user: int | None, ids: Sequence[str]) -> None:
    """Delete a person's replies that were made of these records: they may repeat them. In a writing transaction."""
    found = db.execute(select(replies.c.key, replies.c.because).where(replies.c.user == user)).all()
    gone = [row.key for row in found if _uses(row.because, ids)]
    db.execute(delete(replies).where(replies.c.key.in_(gone)))


def _uses(because: str, ids: Sequence[str]) -> bool:
    """Whether one of the records stands in the reasons; a reply with a reason that names none may be made of any."""
    reasons = json.loads(because)
    named = {f"record:{one}" for one in ids}
    return any(reason in named or not reason.startswith(("record:", "left out:")) for reason in reasons)
