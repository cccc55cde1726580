"""People's vectors: each person's under their own key, of one embedder's space, searched by one matrix product over theirs alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import Dialect

from idiolect.errors import StoreError
from idiolect.store import chunks, rows, schema, sealing, spaces
from idiolect.store.chunks import Chunk, Members
from idiolect.store.database import Database, Fetch
from idiolect.store.keys import Keys
from idiolect.store.recent import Recent
from idiolect.store.schema import text_of
from idiolect.store.sealing import Bodies
from idiolect.store.spaces import Kept, Space
from idiolect.types import Floats, Record

CACHED = 256 << 20  # bytes of vectors that were read and stay in memory
WHOSE = """SELECT s.role, u.key, EXISTS (SELECT 1 FROM stale t WHERE t.space = q.space AND t."user" = u.key), v.key, v.edition
FROM (SELECT ? AS space, ? AS id) q LEFT JOIN spaces s ON s.key = q.space LEFT JOIN users u ON u.id = q.id
LEFT JOIN vectors v ON v."user" = u.key AND v.space = q.space ORDER BY v.key"""
CHUNKS = "SELECT key, members, data, seal FROM vectors WHERE key IN "
RECORDS = 'SELECT key, prompt, answer, time, id, kind, other FROM records WHERE "user" = ? AND key IN '
KEYS_OF = 'SELECT key FROM records WHERE "user" = ?'
WAITING = 'SELECT "user" FROM stale WHERE space = ? ORDER BY "user" LIMIT ?'
DONE = 'DELETE FROM stale WHERE space = ? AND "user" = ?'
AT_ONCE = 500  # keys in one statement

Stamp = tuple[int, int]  # a chunk's key and its edition: the same stamp is the same content


class Waiting(NamedTuple):
    """Records of a person that have no vector yet, as the rows of their keys; none where all have one by now."""

    user: int
    rows: dict[int, Any]
    dialect: Dialect | None = None  # which opens what is sealed

    @property
    def records(self) -> list[Record]:
        """The records in these rows."""
        return [_record(row, self.dialect) for row in self.rows.values()]


class Found(NamedTuple):
    """The nearest records of a person, best first, how near each is, and the records that have no vector yet."""

    records: list[Record]
    scores: list[float]
    pending: list[Record]


class Vectors:
    """The vectors of a store. One space is current; while another is coming, both are kept, and each person may be asked in either.

    The last people asked for, up to `cached` bytes of their vectors, stay in memory; that what is held is still what is kept
    is looked up each time, so other processes may add, reindex and erase meanwhile. Vectors lie in two bytes a number.
    """

    def __init__(self, database: Database, cached: int = CACHED) -> None:
        self.place, self._database = database.place, database
        self.recent: Recent[str, dict[Stamp, Chunk]] = Recent(cached)

    def current(self) -> Space | None:
        """The space that the store's vectors lie in; None as long as it has none."""
        found = self._of(spaces.CURRENT)
        return found.space if found else None

    def open(self, space: Space) -> Kept:
        """The current space, which must be `space`; a store that has none takes it. Raises StoreError if it has another."""
        found = self._of(spaces.CURRENT) or self._database.write(lambda db: spaces.first(db, space))
        if not found.space.same(space):
            raise self._other(found.space, space)
        return found

    def begin(self, space: Space) -> Kept:
        """The space to fill so that it takes the current one's place: what was filled before is still there."""
        return self._database.write(lambda db: spaces.begin(db, space))

    def finish(self, into: Kept) -> bool:
        """Make a space that is filled the current one, and delete those that leave; False if somebody is still waiting in it."""
        done = self._database.write(lambda db: spaces.finish(db, into.key))
        while done and (leaving := self._of(spaces.LEAVING)) is not None:
            after = self._sweep(leaving.key, 0)
            while after:
                after = self._sweep(leaving.key, after)
        return done

    def people(self, into: Kept) -> tuple[int, int]:
        """How many people may have records without a vector in a space, and how many people there are."""
        everybody = select(func.count()).select_from(schema.users)
        return self._database.read(lambda db: (spaces.waiting(db, into.key), int(db.scalar(everybody) or 0)))

    def complete(self, into: Kept, user_id: str) -> bool:
        """Whether every record of a person has a vector in a space."""
        return not any(row[2] for row in self._database.fetch(WHOSE, (into.key, self._database.text(user_id))))

    def missing(self, into: Kept, most: int) -> list[Waiting]:
        """People with records without a vector in a space, and those records, up to `most` of them; [] when all is done."""
        dialect = self._database.engine.dialect
        return [one._replace(dialect=dialect) for one in self._database.snapshot(lambda fetch: _missing(fetch, into.key, most))]

    def put(self, into: Kept, made: Iterable[tuple[Waiting, Floats]]) -> int:
        """Keep vectors, (records, width), of what was `missing`: how many. On the disk when this returns, all of them or none.

        What was changed or erased since, or has a vector by now, is left out. Raises StoreError if the space has left.
        """
        ready = list(made)

        def work(db: Connection) -> int:
            if not spaces.stays(db, into.key):
                raise self._left(into)
            rows.hold(db, keys=[waiting.user for waiting, _ in ready])
            fetch = self._database.fetching(db)
            own = (Bodies(self._keys, sealing.key_of(db, waiting.user)) for waiting, _ in ready)
            return sum(_put(fetch, into.key, waiting, vectors, one) for (waiting, vectors), one in zip(ready, own, strict=True))

        return self._database.write(work)

    def search(self, into: Kept, user_id: str, query: Floats, k: int) -> Found:
        """The `k` records of a person nearest to `query` (width,) by inner product; of equal ones the later comes first.

        Raises StoreError for an unknown person, and if the space `into` has left.
        """
        return self._database.snapshot(lambda fetch: self._found(fetch, into, user_id, query, k))

    def _found(self, fetch: Fetch, into: Kept, user_id: str, query: Floats, k: int) -> Found:
        whose = fetch(WHOSE, (into.key, self._database.text(user_id)))
        role, user, stale = whose[0][:3]
        if role in (None, spaces.LEAVING):
            raise self._left(into)
        if user is None:
            self.recent.drop([user_id])
            raise StoreError(f"user {user_id!r} is not in the store; add their records first, or see `users()` for who is")
        held = self._held(fetch, user_id, [(row[3], row[4]) for row in whose if row[3] is not None])
        near = _nearest(held, query, k)
        found, pending = _rows(fetch, user, [key for key, _ in near]), []
        if stale:
            there = {int(key) for one in held for key in one.keys}
            pending = sorted({row[0] for row in fetch(KEYS_OF, (user,))} - there)
        dialect = self._database.engine.dialect
        left = [_record(row, dialect) for row in _rows(fetch, user, pending).values()]
        return Found([_record(found[key], dialect) for key, _ in near], [score for _, score in near], left)

    def _held(self, fetch: Fetch, user_id: str, stamps: list[Stamp]) -> list[Chunk]:
        """A person's chunks, those that are new read."""
        before = self.recent.get(user_id) or {}
        lacking = {stamp[0]: stamp for stamp in stamps if stamp not in before}
        if not lacking and len(before) == len(stamps):
            return list(before.values())
        found, bodies = _in_slices(fetch, CHUNKS, (), list(lacking)), Bodies(self._keys)
        read = {lacking[row[0]]: chunks.read(row[1], bodies.open(row[2], row[3])) for row in found}
        held = {stamp: before.get(stamp) or read[stamp] for stamp in stamps}
        self.recent.put(user_id, held, sum(one.vectors.nbytes + one.keys.nbytes for one in held.values()))
        return list(held.values())

    @property
    def _keys(self) -> Keys | None:
        return schema.keys_of(self._database.engine.dialect)

    def _of(self, role: str) -> Kept | None:
        return self._database.read(lambda db: spaces.of(db, role))

    def _sweep(self, leaving: int, after: int) -> int:
        return self._database.write(lambda db: spaces.sweep(db, leaving, after))

    def _left(self, gone: Kept) -> StoreError:
        now = self.current()
        return self._other(now, gone.space) if now else StoreError(f"{self.place} has no vectors any more; run `idiolect reindex`")

    def _other(self, kept: Space, given: Space) -> StoreError:
        return StoreError(
            f"the vectors in {self.place} were made by {kept}, not by {given}: they cannot be compared. Go on with that embedder, "
            f"or make everybody's vectors anew: idiolect reindex --store {self.place} --embedder ..."
        )


def _nearest(held: Sequence[Chunk], query: Floats, k: int) -> list[tuple[int, float]]:
    """Keys and scores of the `k` best, best first."""
    if not held or k < 1:
        return []
    scores = np.concatenate([one.vectors @ query for one in held])
    keys: Members = np.concatenate([one.keys for one in held])
    if len(scores) > k:
        best = np.flatnonzero(scores >= np.partition(scores, -k)[-k])
        scores, keys = scores[best], keys[best]
    order = np.lexsort((-keys, -scores))[:k]
    return [(int(keys[at]), float(scores[at])) for at in order]


def _missing(fetch: Fetch, space: int, most: int) -> list[Waiting]:
    found: list[Waiting] = []
    for (user,) in fetch(WAITING, (space, most)):
        if most <= 0:
            break
        there = {key for keys in chunks.known(fetch, space, user) for key in keys}
        keys = sorted({row[0] for row in fetch(KEYS_OF, (user,))} - there)[:most]
        found.append(Waiting(user, _rows(fetch, user, keys)))
        most -= max(1, len(keys))
    return found


def _in_slices(fetch: Fetch, sql: str, values: Sequence[Any], keys: Sequence[int]) -> Iterable[Any]:
    for at in range(0, len(keys), AT_ONCE):
        some = keys[at : at + AT_ONCE]
        yield from fetch(f"{sql}({', '.join('?' * len(some))})", (*values, *some))


def _rows(fetch: Fetch, user: int, keys: Sequence[int]) -> dict[int, Any]:
    """The rows of a person's records, by their keys."""
    return {row[0]: row for row in _in_slices(fetch, RECORDS, (user,), keys)}


def _record(row: Any, dialect: Dialect | None) -> Record:
    _, prompt, answer, time, name, kind, other = row
    return Record(text_of(prompt, dialect), text_of(answer, dialect), time, text_of(name), kind, text_of(other, dialect))


def _put(fetch: Fetch, space: int, waiting: Waiting, vectors: Floats, bodies: Bodies) -> int:
    """Keep the vectors of those records that are as they were, and have none; how many. While writing."""
    user, still = waiting.user, _rows(fetch, waiting.user, list(waiting.rows))
    chunked = chunks.known(fetch, space, user)
    there = {key for keys in chunked for key in keys}
    places = [at for at, (key, row) in enumerate(waiting.rows.items()) if still.get(key) == row and key not in there]
    new = list(waiting.rows)
    new = [new[at] for at in places]
    if new:
        chunks.append(fetch, space, user, new, vectors[places], map(len, chunked), bodies)
    if not {row[0] for row in fetch(KEYS_OF, (user,))} - there - set(new):
        fetch(DONE, (space, user))
    return len(new)
