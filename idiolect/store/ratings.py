"""A rating changed: the new one in its place, without a search of all bytes, as there are no words of the person's in it."""

from __future__ import annotations

from sqlalchemy import update

from idiolect.errors import DataError
from idiolect.store import rows, schema
from idiolect.store.schema import Sessions
from idiolect.types import Record


def replace(sessions: Sessions, user_id: str, rating: Record) -> bool:
    """Put a rating in place of the one with its id; False where there is none. What was learnt of the old one is to be let go of then.

    Raises DataError for a record of another kind, which `Store.edit` is for, and StoreError.
    """
    if rating.kind != "rating":
        raise DataError(f"a {rating.kind} holds a person's words: put it right with Store.edit, which searches for the old ones")
    c = schema.records.c
    with sessions("BEGIN IMMEDIATE") as db:
        key = rows.held(db, user_id)
        own = (c.user == key, c.id == rating.id, c.kind == "rating")
        found = db.execute(update(schema.records).where(*own).values(**rows.record_row(rating))).rowcount
        rows.touch(db, key)
    return bool(found)
