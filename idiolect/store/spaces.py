"""The spaces that vectors lie in, one for each embedder: whose is current, whose is coming, and how one takes the other's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection, delete, exists, func, insert, literal, select, update

from idiolect.store import schema
from idiolect.types import Floats, digest

CURRENT, COMING, LEAVING = "current", "coming", "leaving"
SAME = 0.999  # cosine of each probe: the same model in another precision, batch or processor comes nearer, another model does not
SWEPT = 1000  # chunks looked at in one transaction
F4 = np.dtype("<f4")


@dataclass(frozen=True, eq=False, slots=True)
class Space:
    """An embedder as its vectors show it: `name` is for people, `probe` (probes, width) what it makes of texts that never change.

    Rows of `probe` have length 1. Two are the same space if they have one width and their probes point the same way: a model
    that changed under its name is noticed, one that moved or was renamed is known again, and so is one whose last bits vary.
    """

    name: str
    probe: Floats

    @property
    def width(self) -> int:
        """How many numbers a vector has."""
        return int(self.probe.shape[1])

    @property
    def fingerprint(self) -> str:
        """16 hex digits that name what it made of the probes, for people to tell models apart: `same` bears with last bits."""
        return digest(self.probe.astype(F4).tobytes())

    def same(self, other: Space) -> bool:
        """Whether vectors of one may be compared with vectors of the other."""
        return self.probe.shape == other.probe.shape and bool(((self.probe * other.probe).sum(axis=1) >= SAME).all())

    def __str__(self) -> str:
        return f"{self.name!r} ({self.width} wide, fingerprint {self.fingerprint[:8]})"


class Kept(NamedTuple):
    """A space that the store has, its key, and its role."""

    key: int
    role: str
    space: Space


def kept(db: Connection) -> list[Kept]:
    """Every space there is, in the order they came."""
    rows = db.execute(select(schema.spaces).order_by(schema.spaces.c.key)).all()
    return [Kept(row.key, row.role, Space(row.name, np.frombuffer(row.probe, F4).reshape(-1, row.width))) for row in rows]


def of(db: Connection, role: str) -> Kept | None:
    """The space of that role; of several that leave, the first."""
    return next((one for one in kept(db) if one.role == role), None)


def make(db: Connection, space: Space, role: str) -> Kept:
    """A new space, in which everybody's vectors are still to be made. In a writing transaction."""
    schema.lock(db, schema.records)  # a record that comes meanwhile would see no space, and the space not the record
    row = {"name": space.name, "width": space.width, "probe": space.probe.astype(F4).tobytes(), "role": role}
    made = db.execute(insert(schema.spaces).values(**row)).inserted_primary_key
    key = int(made[0]) if made else 0
    everybody = select(literal(key), schema.users.c.key).where(exists().where(schema.records.c.user == schema.users.c.key))
    db.execute(insert(schema.stale).from_select(["space", "user"], everybody))
    return Kept(key, role, space)


def first(db: Connection, space: Space) -> Kept:
    """The current space; `space`, if there is none. In a writing transaction."""
    schema.lock(db, schema.spaces)
    return of(db, CURRENT) or make(db, space, CURRENT)


def stays(db: Connection, key: int) -> bool:
    """Whether a space is there, and does not leave before the transaction ends. In a writing transaction."""
    role = db.scalar(select(schema.spaces.c.role).where(schema.spaces.c.key == key).with_for_update(read=True))
    return role not in (None, LEAVING)


def begin(db: Connection, space: Space) -> Kept:
    """The space that is to be filled with `space`'s vectors: the current one, the coming one, or a new one. In a writing transaction.

    Another one that was coming leaves.
    """
    schema.lock(db, schema.spaces)
    there = kept(db)
    found = next((one for one in there if one.role != LEAVING and one.space.same(space)), None)
    for one in there:
        if one.role == COMING and one is not found:
            _turn(db, one.key, LEAVING)
    return found or make(db, space, COMING if any(one.role == CURRENT for one in there) else CURRENT)


def finish(db: Connection, key: int) -> bool:
    """Put the space `key` in the place of the current one, if nobody is stale in it; whether it is. In a writing transaction."""
    schema.lock(db, schema.spaces)
    if waiting(db, key):
        return False
    for one in kept(db):
        if one.role == CURRENT and one.key != key:
            _turn(db, one.key, LEAVING)
    _turn(db, key, CURRENT)
    return True


def waiting(db: Connection, key: int) -> int:
    """How many people may have records without a vector in a space."""
    return int(db.scalar(select(func.count()).where(schema.stale.c.space == key)) or 0)


def sweep(db: Connection, key: int, after: int) -> int:
    """Delete the chunks of a space that leaves among the `SWEPT` after chunk `after`; where to go on, 0 at the end, when the space is gone.

    In a writing transaction: a few at a time, so that others get a turn.
    """
    c = schema.vectors.c
    keys = db.scalars(select(c.key).where(c.key > after).order_by(c.key).limit(SWEPT)).all()
    if keys:
        db.execute(delete(schema.vectors).where(c.key > after, c.key <= keys[-1], c.space == key))
        return int(keys[-1])
    db.execute(delete(schema.stale).where(schema.stale.c.space == key))
    db.execute(delete(schema.spaces).where(schema.spaces.c.key == key))
    return 0


def _turn(db: Connection, key: int, role: str) -> None:
    db.execute(update(schema.spaces).where(schema.spaces.c.key == key).values(role=role))
