"""Erasing a person: their rows out, the database compacted, and every byte of the store searched for what may be left."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from idiolect.errors import StoreError
from idiolect.store import chunks, lessons, replies, rows, schema, states, tables, wishes
from idiolect.store.adapter_table import AdapterTable
from idiolect.store.adapters import AdapterFiles, Ref, release, settle
from idiolect.store.database import Database
from idiolect.store.files import StateFiles
from idiolect.store.keys import KeyGone
from idiolect.store.scan import Traces, blocks_of
from idiolect.types import State


@dataclass(frozen=True, slots=True)
class Receipt:
    """What erasing a person removed, and what a search of all the store's bytes for their id and texts found afterwards."""

    user_id: str
    records: int
    states: int
    files: int
    adapters: int
    searched_bytes: int
    unsearched: int  # texts under 16 bytes (an id: under 6), which a search of bytes cannot tell from chance
    found: tuple[str, ...]  # names of files and tables that still hold something only this person had
    shared: tuple[str, ...]  # methods whose `fit` is kept: what people taught together stays; fit again without this person
    beyond: tuple[str, ...] = ()  # where copies may lie that no search from here can read

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.found


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` took out of the tables, and what is still to be done."""

    records: int
    states: int
    files: tuple[str, ...]  # to destroy
    rows: tuple[Ref, ...]  # of adapters, free now: to wipe
    traces: Traces  # to search for


def forget(db: Connection, files: StateFiles, user_id: str, ids: Collection[str] | None = None) -> Forgotten:
    """Delete every row of a user, known or not, in the open transaction; with `ids`, those records and every state.

    Whatever a person taught a method may hold something of each of their records, so none of their states stays; nor do replies
    that were made of a record.
    """
    key = rows.held(db, user_id)
    held = _ids(db, key, ids)
    kept = rows.states_of(db, key) if ids is None or held else []
    texts = set(held)
    with contextlib.suppress(KeyGone):  # an erasure that was cut short: nobody can read them
        found = [record for record in rows.records_of(db, key) if ids is None or record.id in ids]
        texts |= {text for record in found for text in (record.prompt, record.answer, record.other)}
        texts |= _own(db, key) if ids is None else replies.texts(db, key, list(ids))
    for row in kept:
        with contextlib.suppress(StoreError, FileNotFoundError):  # a damaged state can be erased too
            texts.update(states.texts(files.raw(row)))
    traces = Traces(user_id if ids is None else "", texts, chunks.bytes_of(db, key, ids))
    freed = unlearn(db, [row.key for row in kept])
    if ids is None:
        db.execute(delete(schema.vectors).where(schema.vectors.c.user == key))  # first: each record takes its vector out of what is left
        db.execute(delete(schema.records).where(schema.records.c.user == key))
        db.execute(delete(schema.users).where(schema.users.c.key == key))
    else:
        replies.forget(db, key, list(ids))
        for name in held:
            db.execute(delete(schema.records).where(schema.records.c.user == key, schema.records.c.id == name))
    rows.touch(db, key)
    settle(db)
    return Forgotten(len(held), len(kept), tuple(row.file for row in kept if row.file), tuple(freed), traces)


def unlearn(db: Connection, keys: Sequence[int]) -> list[Ref]:
    """Delete the states of these keys and release their adapters, in the open transaction; which those were."""
    freed = release(db, select(schema.states.c.key).where(schema.states.c.key.in_(keys)))
    db.execute(delete(schema.states).where(schema.states.c.key.in_(keys)))
    return freed


def parts_of(db: Connection, files: StateFiles, user_id: str) -> Iterator[tuple[Row[Any], State]]:
    """The rows of `shared` in which something is this person's own, each with the state that stays without it.

    Nobody else writes to `shared` until the transaction ends.
    """
    schema.lock(db, schema.shared)
    for row in db.execute(select(schema.shared)).all():
        with contextlib.suppress(StoreError, FileNotFoundError):  # of one that is damaged nobody can tell
            raw = files.raw(row)
            if user_id in states.own_texts(raw, files.keys):
                yield row, states.without(states.load(raw, keys=files.keys), user_id)


def search(
    db: Connection, database: Database, files: StateFiles, adapters: AdapterFiles | AdapterTable, traces: Traces
) -> tuple[int, tuple[str, ...]]:
    """Bytes searched, and the names of the files and tables that hold a trace which nothing kept of other people explains."""
    read: list[int] = []
    hits = {name: traces.within(_counted(blocks, read)) for name, blocks in database.kept(db, [*files, *adapters])}
    left = {trace for seen in hits.values() for trace in seen}
    if left:
        left -= traces.within(_of_others(db, database.names(db), files))
    return sum(read), tuple(name for name, seen in hits.items() if seen & left)


def _of_others(db: Connection, names: Iterable[str], files: StateFiles) -> Iterator[bytes]:
    """All that is kept of other people, and the names of things: where these say what the erased person said, it is theirs.

    Of shared states only what is another person's own: what the rest holds of the erased person alone is a trace.
    """
    db = db.execution_options(stream_results=True)  # all that everybody wrote does not fit into memory
    yield from map(_bytes, names)
    for columns in tables.texts():
        yield from (_bytes("\n".join(filter(None, row))) for row in db.execute(select(*columns)))
    state = schema.states.c
    for row in db.execute(select(state.blob, state.file)):
        yield from blocks_of(files.path(row.file)) if row.file else [row.blob]
    for kept in db.execute(select(schema.shared.c.blob, schema.shared.c.file)):
        with contextlib.suppress(StoreError, FileNotFoundError):
            yield from (_bytes(text) for own in states.own_texts(files.raw(kept), files.keys).values() for text in own)
    yield from db.scalars(select(schema.vectors.c.data))


def _own(db: Connection, key: int | None) -> set[str]:
    """What else is kept of a person in words."""
    why = db.scalars(select(lessons.lessons.c.why).where(lessons.lessons.c.user == key))
    return {*replies.texts(db, key), *wishes.texts(db, key), *why}


def _ids(db: Connection, key: int | None, ids: Collection[str] | None) -> list[str]:
    """The ids of a user's records, or those of them that are among `ids`."""
    c = schema.records.c
    return [one for one in db.scalars(select(c.id).where(c.user == key).order_by(c.key)) if ids is None or one in ids]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass") + b"\n"


def _counted(blocks: Iterable[bytes], lengths: list[int]) -> Iterator[bytes]:
    for block in blocks:
        lengths.append(len(block))
        yield block
