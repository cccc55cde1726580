"""What each person used of which model on which day: counts alone, kept under their own key and gone when they are erased."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from idiolect.store import schema
from idiolect.store.database import Database


class Day(NamedTuple):
    """One person's use of one model on one day."""

    day: int  # since 1970, UTC
    model: str
    calls: int
    prompt_tokens: int
    tokens: int


class Usage:
    """The counts of a store. Threads and processes add to the same rows; what was added is on the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user_id: str, model: str, day: int, calls: int, prompt_tokens: int, tokens: int) -> bool:
        """Count for a person; False, and nothing is kept, for one who is not in the store. Raises StoreError."""
        put = {"user": None, "day": day, "model": model, "calls": calls, "prompt_tokens": prompt_tokens, "tokens": tokens}

        def work(db: Connection) -> bool:
            key = db.scalar(select(schema.users.c.key).where(schema.users.c.id == user_id).with_for_update(read=True, key_share=True))
            if key is not None:
                _count(db, {**put, "user": key})
            return key is not None

        return self._database.write(work)

    def spent(self, user_id: str, since: int = 0) -> tuple[int, int, int]:
        """A person's calls, tokens of prompts and tokens of replies from day `since` on; 0 of somebody unknown."""
        c = schema.usage.c
        sums = select(*(func.coalesce(func.sum(c[name]), 0) for name in ("calls", "prompt_tokens", "tokens")))
        mine = sums.join(schema.users).where(schema.users.c.id == user_id, c.day >= since)
        row = self._database.read(lambda db: db.execute(mine).one())
        return int(row[0]), int(row[1]), int(row[2])

    def days(self, user_id: str) -> list[Day]:
        """A person's use, day by day and model by model, oldest first."""
        c = schema.usage.c
        rows = select(c.day, c.model, c.calls, c.prompt_tokens, c.tokens).join(schema.users).where(schema.users.c.id == user_id)
        return self._database.read(lambda db: [Day(*row) for row in db.execute(rows.order_by(c.day, c.model))])


def _count(db: Connection, row: dict[str, Any]) -> None:
    """Put a row in, or add its counts to those of the same person, day and model."""
    table = schema.usage
    insert = postgresql.insert if db.dialect.name == schema.POSTGRES else sqlite.insert
    more = {name: table.c[name] + row[name] for name in ("calls", "prompt_tokens", "tokens")}
    db.execute(insert(table).values(row).on_conflict_do_update(index_elements=["user", "day", "model"], set_=more))
