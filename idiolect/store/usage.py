"""What each person used of which model on which day: counts alone, kept under their own key and gone when they are erased."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.sqlite import insert

from idiolect.store import schema

Sessions = Callable[[str], contextlib.AbstractContextManager[Connection]]


class Day(NamedTuple):
    """One person's use of one model on one day."""

    day: int  # since 1970, UTC
    model: str
    calls: int
    prompt_tokens: int
    tokens: int


class Usage:
    """The counts of a store. Threads and processes add to the same rows; what was added is on the disk."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, user_id: str, model: str, day: int, calls: int, prompt_tokens: int, tokens: int) -> bool:
        """Count for a person; False, and nothing is kept, for one who is not in the store. Raises StoreError."""
        table = schema.usage
        counts = {"calls": calls, "prompt_tokens": prompt_tokens, "tokens": tokens}
        with self._sessions("BEGIN IMMEDIATE") as db:
            user = db.scalar(select(schema.users.c.key).where(schema.users.c.id == user_id))
            if user is not None:
                put = insert(table).values(user=user, day=day, model=model, **counts)
                more = {name: table.c[name] + count for name, count in counts.items()}
                db.execute(put.on_conflict_do_update(index_elements=["user", "day", "model"], set_=more))
        return user is not None

    def spent(self, user_id: str, since: int = 0) -> tuple[int, int, int]:
        """A person's calls, tokens of prompts and tokens of replies from day `since` on; 0 of somebody unknown."""
        c = schema.usage.c
        sums = select(*(func.coalesce(func.sum(c[name]), 0) for name in ("calls", "prompt_tokens", "tokens")))
        with self._sessions("BEGIN") as db:
            row = db.execute(sums.join(schema.users).where(schema.users.c.id == user_id, c.day >= since)).one()
        return int(row[0]), int(row[1]), int(row[2])

    def days(self, user_id: str) -> list[Day]:
        """A person's use, day by day and model by model, oldest first."""
        c = schema.usage.c
        rows = select(c.day, c.model, c.calls, c.prompt_tokens, c.tokens).join(schema.users).where(schema.users.c.id == user_id)
        with self._sessions("BEGIN") as db:
            return [Day(*row) for row in db.execute(rows.order_by(c.day, c.model))]
