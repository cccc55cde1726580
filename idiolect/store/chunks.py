"""Chunks of vectors: some records' keys and their vectors in one row, put in behind a person's others, and merged as they grow many."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from idiolect.errors import StoreError
from idiolect.store import schema
from idiolect.store.database import Fetch
from idiolect.store.sealing import PLAIN, Bodies
from idiolect.types import Floats

MOST = 512  # vectors of a chunk
DIGITS = 11  # of a record's key in `members`, after a comma
F2, F4 = np.dtype("<f2"), np.dtype("<f4")  # on the disk, in memory

MEMBERS = 'SELECT members FROM vectors WHERE "user" = ? AND space = ? ORDER BY key DESC'
LAST = 'SELECT key, members, data, seal FROM vectors WHERE "user" = ? AND space = ? ORDER BY key DESC LIMIT 1'
PUT = 'INSERT INTO vectors ("user", space, members, data, seal) VALUES (?, ?, ?, ?, ?)'

Members = NDArray[np.int64]


class Chunk(NamedTuple):
    """Records' keys (vectors,) and their vectors (vectors, width), float32."""

    keys: Members
    vectors: Floats


def read(members: str, data: bytes) -> Chunk:
    """The chunk in a row, without those that were taken out. Raises StoreError if it is damaged."""
    keys = keys_in(members)
    if not len(keys) or len(data) % (F2.itemsize * len(keys)):
        raise StoreError(f"a chunk of {len(keys)} vectors has {len(data)} bytes: it is damaged; make it anew with `idiolect reindex`")
    vectors = np.frombuffer(data, F2).reshape(len(keys), -1)
    held = keys > 0
    return Chunk(keys, vectors.astype(F4)) if held.all() else Chunk(keys[held], vectors[held].astype(F4))


def keys_in(members: str) -> Members:
    """The keys in a row's `members`; 0 where one was taken out."""
    return np.array([int(key) for key in members.split(",")[1:]], np.int64)


def known(fetch: Fetch, space: int, user: int) -> list[list[int]]:
    """The keys of a person's records that have a vector in a space, chunk by chunk, the last first; 0 where one was taken out."""
    return [[int(key) for key in row[0].split(",")[1:]] for row in fetch(MEMBERS, (user, space))]


def append(fetch: Fetch, space: int, user: int, keys: Sequence[int], vectors: Floats, sizes: Iterable[int], bodies: Bodies = PLAIN) -> None:
    """Put vectors (keys, width) of a person's records behind those there are, whose `sizes` are given, the last first; while writing.

    The last chunk is taken into the new one as long as it is not the larger of the two: so a person who comes with one record
    at a time has a number of chunks that grows as the logarithm of the records, and each vector is written as often.
    """
    all_keys, all_vectors = np.array(keys, np.int64), np.asarray(vectors, F4)
    for size in sizes:
        if size > min(len(all_keys), MOST - len(all_keys)):
            break
        ((key, members, data, seal),) = fetch(LAST, (user, space))
        taken = read(members, bodies.open(data, seal))
        all_keys, all_vectors = (
            np.concatenate([taken.keys, all_keys]),
            np.concatenate([taken.vectors.reshape(-1, vectors.shape[1]), all_vectors]),
        )
        fetch("DELETE FROM vectors WHERE key = ?", (key,))
    for at in range(0, len(all_keys), MOST):
        members = "".join(f",{key:0{DIGITS}d}" for key in all_keys[at : at + MOST].tolist())
        fetch(PUT, (user, space, members, *bodies.seal(np.ascontiguousarray(all_vectors[at : at + MOST], F2).tobytes())))


def bytes_of(db: Connection, user: int | None, ids: Collection[str] | None = None) -> Iterator[bytes]:
    """Each vector of a person, or of their records of these ids, as it lies on the disk: what an erasure must look for."""
    record = schema.records.c
    mine = db.execute(select(record.key, record.id).where(record.user == user))
    wanted = {key for key, name in mine if ids is None or name in ids}
    column = schema.vectors.c
    for members, data in db.execute(select(column.members, column.data).where(column.user == user)):
        keys = keys_in(members)
        size = len(data) // max(1, len(keys))
        yield from (data[at * size : (at + 1) * size] for at, key in enumerate(keys) if int(key) in wanted)
