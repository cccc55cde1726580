"""What is to be learnt of people by training or by asking a model: wanted, under way, done, or failed and why; nothing wanted is lost."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Float, ForeignKey, String, Table, delete, func, insert, select, update

from idiolect.store import rows, schema, sealing
from idiolect.store.schema import AnyText, Key, Sessions

LEASE = 60.0  # seconds for which whoever learns has a lesson; who is killed loses it to another
WANTED, RUNNING, DONE, FAILED = "wanted", "running", "done", "failed"

lessons = Table(
    "lessons",
    schema.metadata,
    Column("key", Key, primary_key=True),
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False, index=True),
    Column("model", AnyText, nullable=False),
    Column("method", AnyText, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("why", AnyText, nullable=False, server_default=""),  # what went wrong
    Column("created", Float, nullable=False),
    Column("until", Float, nullable=False),  # of the lease
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """One person to be learnt by one method on one model, and how far that is. `user` is their key in the store."""

    key: int
    user: str
    model: str
    method: str
    status: str
    why: str
    created: float


class Lessons:
    """The lessons of a store. Several processes may take from it: each lesson is one's at a time."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def want(self, user_id: str, model: str, method: str) -> Lesson | None:
        """Ask for a lesson; one that waits already is given again. None for somebody unknown. On the disk when this returns."""
        c = lessons.c
        with self._sessions("BEGIN IMMEDIATE") as db:
            user = rows.held(db, user_id)
            if user is None:
                return None
            same = (c.user == user, c.model == model, c.method == method)
            waiting = db.scalar(select(c.key).where(*same, c.status == WANTED))
            if waiting is None:
                db.execute(delete(lessons).where(*same, c.status.in_((DONE, FAILED))))
                row = {"user": user, "model": model, "method": method, "status": WANTED, "created": time.time(), "until": 0.0}
                made = db.execute(insert(lessons).values(**row)).inserted_primary_key
                waiting = made[0] if made else 0
            return _read(db, c.key == waiting)[0]

    def take(self) -> Lesson | None:
        """The lesson that has waited longest, or whose learner went away: it is the caller's for `LEASE` seconds."""
        c, now = lessons.c, time.time()
        with self._sessions("BEGIN IMMEDIATE") as db:
            schema.lock(db, lessons)
            free = (c.status == WANTED) | ((c.status == RUNNING) & (c.until < now))
            key = db.scalar(select(func.min(c.key)).where(free))
            if key is None:
                return None
            db.execute(update(lessons).where(c.key == key).values(status=RUNNING, until=now + LEASE))
            return _read(db, c.key == key)[0]

    def hold(self, lesson: Lesson) -> None:
        """Go on having a lesson for `LEASE` seconds from now."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            db.execute(update(lessons).where(lessons.c.key == lesson.key).values(until=time.time() + LEASE))

    def finish(self, lesson: Lesson, why: str = "") -> None:
        """Say that a lesson is done, or with a reason that it failed."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            user = db.scalar(select(lessons.c.user).where(lessons.c.key == lesson.key))
            if user is not None:  # or else erased since
                kept = sealing.texts(db, user)(why)
                db.execute(update(lessons).where(lessons.c.key == lesson.key).values(status=FAILED if why else DONE, why=kept))

    def of(self, user_id: str) -> list[Lesson]:
        """A person's lessons, the last first."""
        with self._sessions("BEGIN") as db:
            return _read(db, schema.users.c.id == user_id)

    def counts(self) -> dict[str, int]:
        """How many lessons are in which status."""
        with self._sessions("BEGIN") as db:
            return {status: int(count) for status, count in db.execute(select(lessons.c.status, func.count()).group_by(lessons.c.status))}


def _read(db: Connection, where: object) -> list[Lesson]:
    c = lessons.c
    asked = select(c.key, schema.users.c.id, c.model, c.method, c.status, c.why, c.created).join(schema.users)
    return [Lesson(*row) for row in db.execute(asked.where(where).order_by(c.key.desc()))]  # type: ignore[arg-type]  # a clause
