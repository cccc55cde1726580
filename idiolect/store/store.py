"""The store: people, their records, and what each taught a method, in SQLite with files beside it or in PostgreSQL."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from idiolect.errors import StoreError
from idiolect.store import erasure, lookup, people, portable, rows, schema, sealing, states
from idiolect.store.adapters import Packed, Ref, release, settle
from idiolect.store.database import READING, WRITING
from idiolect.store.erasure import Forgotten, Receipt
from idiolect.store.keys import Keys
from idiolect.store.lookup import CHANGES, Adapters
from idiolect.store.people import Page
from idiolect.store.place import open_place
from idiolect.store.rows import Provenance
from idiolect.store.sqlite import SQLite
from idiolect.store.usage import Usage
from idiolect.store.vectors import Vectors
from idiolect.types import Adapter, History, Record, State, User

COPIES = "backups of the keys"
CACHED = 256 << 20  # bytes of adapters that were read and stay in memory
Version = tuple[float, int]
VERSION = "SELECT created, version FROM users WHERE id = ?"


class Changed(StoreError):
    """What was learnt of somebody is out of date: they changed meanwhile."""


class Gone(NamedTuple):
    """What a state leaves behind that was replaced."""

    files: list[str]
    refs: list[Ref]


class Store:
    """People and what is kept of them, at a path (or a "sqlite:///" URL), or in the database of a "postgresql://" URL.

    At a path: a SQLite database, PATH.states for big states, PATH.adapters. In PostgreSQL everything lies in the database, and
    several machines may share it. Adapters are kept in the `precision` of the store that saved them: "fp32" to the bit, "fp16"
    a half and "int8" a quarter of the bytes. The last `cached` bytes of those that were read stay in memory.
    Ids and texts may be any Python text: 300 characters, "../", NUL, emoji, lone surrogates; none becomes part of a path.
    With `keys` all that people said, and what was learnt of it, is sealed, each with a key of their own that `erase` destroys: what it
    was is then lost in every copy of the store. Ids, times, kinds, counts and the names of methods and models stay as they are.
    (In PostgreSQL a user's id has 2,600 bytes at most, and a state or an adapter 1 GB.) What a call wrote is on the disk when it
    returns. Threads and processes may share a store (open it after a fork, not before); who writes what another one is writing
    waits, 30 seconds at most. Every failure is a StoreError, and what was there before is whole. A context manager.
    """

    def __init__(self, place: Path | str, precision: str = "fp32", cached: int = CACHED, keys: Keys | None = None) -> None:
        self._database, self._files, self._adapters = open_place(place, precision, cached, keys)
        self._keys = keys
        sealing.agree(self._database, keys)
        self.place = self._database.place  # as it is told: without a password
        self.vectors = Vectors(self._database)
        self.usage = Usage(self._database)
        self._clean()

    @property
    def path(self) -> Path:
        """The file of a store in SQLite. Raises StoreError for one in PostgreSQL, which has a `place` alone."""
        if isinstance(self._database, SQLite):
            return self._database.path
        raise StoreError(f"{self.place} is no file; ask for the store's `place`")

    def add(self, user_id: str, records: Iterable[Record]) -> int:
        """Keep `records` of a user, who becomes known if new; how many were added. A record whose id is known stays as it is.

        Raises DataError, before anything is written, for a record whose time is no number.
        """
        checked = [rows.record_row(record) for record in records]
        return self._database.write(lambda db: rows.add(db, user_id, checked))

    def users(self, after: str | None = None, limit: int | None = None, prefix: str = "") -> list[str]:
        """The ids of everyone known, in the order they came.

        With any of these, in the order of their bytes: up to `limit` ids that begin with `prefix` and come behind the id `after`.
        """
        if after is None and limit is None and not prefix:
            return self._database.read(people.in_order)
        return self._database.read(lambda db: people.ids(db, after, limit, prefix))

    def count(self, prefix: str = "") -> int:
        """How many people are known whose ids begin with `prefix`."""
        return self._database.read(lambda db: people.count(db, prefix))

    def user(self, user_id: str) -> User:
        """A user with all their records. Raises StoreError for an unknown one."""
        return self._database.read(lambda db: User(user_id, History(rows.records_of(db, rows.key_of(db, user_id)))))

    def records(self, user_id: str, after: str | None = None, limit: int = 100) -> Page:
        """Up to `limit` of a user's records in the order they came, behind the page that ended with `after`.

        Raises StoreError for an unknown user, and DataError for an `after` that no page gave.
        """
        return self._database.read(lambda db: people.page(db, rows.key_of(db, user_id), after, limit))

    def version(self, user_id: str) -> tuple[float, int] | None:
        """Changes with whatever is kept of a user, whoever wrote it; None for an unknown one. Cheap: to see whether to read again."""
        found = self._database.fetch(VERSION, (self._database.text(user_id),))
        return (found[0][0], found[0][1]) if found else None

    def save(
        self, user_id: str, method: str, config: Mapping[str, Any], state: State, history: str = "", version: Version | None = None
    ) -> None:
        """Keep what a user taught a method, in place of what they taught the same method and configuration before.

        With `version`, only as long as that is what `version` says of them: raises Changed, and keeps nothing, where it is not.

        `history` is the digest of the records the state was made of. A state is whole or not there, whatever fails.
        Raises StoreError for an unknown user: who was erased does not come back by a save that was under way.
        """
        self._save(method, config, [(user_id, state, history)], version)

    def save_all(self, method: str, config: Mapping[str, Any], taught: Iterable[tuple[str, State, str]]) -> None:
        """Keep what many users taught, each as (user id, state, history): all of them or, whatever fails, none."""
        self._save(method, config, taught)

    def _save(
        self, method: str, config: Mapping[str, Any], taught: Iterable[tuple[str, State, str]], version: Version | None = None
    ) -> None:
        packed = [(user_id, self._packed(state), rows.state_row(method, config, history)) for user_id, state, history in taught]

        def work(db: Connection) -> list[Gone]:
            rows.hold(db, [user_id for user_id, _, _ in packed])
            gone = []
            for user_id, pack, row in packed:
                key = rows.key_of(db, user_id)
                if version is not None and rows.version_of(db, key) != version:
                    raise Changed(f"what is kept of {user_id!r} has changed since this was learnt of them: learn them again")
                gone.append(self._put(db, schema.states, {**row, "user": key}, *pack))
                rows.touch(db, key)
            self._adapters.sync(db)
            return gone

        self._let_go(self._database.write(work))

    def load(self, user_id: str, method: str, config: Mapping[str, Any]) -> State:
        """What a user taught a method of this configuration; its arrays are read-only. Raises StoreError if there is none."""
        for _ in range(CHANGES):
            found = lookup.find(self._database, user_id, method, config)
            with contextlib.suppress(FileNotFoundError):  # replaced since it was found: find it again
                adapters = [self._adapters.read(ref) for ref in found.refs]
                return self._state(found, adapters)
        raise StoreError(f"the file of a state is gone from {self._files.folder} or {self._adapters.folder}; enroll the user again")

    def adapters(self, method: str, config: Mapping[str, Any]) -> Adapters:
        """Everybody's adapter of a method of this configuration, each read when it is asked for: `adapters(...).load("ann")`.

        To write one as a folder that others load: `models.peft_files.write_peft(adapters(...).load("ann"), folder, base_model_name)`.
        """
        return Adapters(self._database, self._adapters, method, config)

    def save_shared(self, method: str, config: Mapping[str, Any], state: State, history: str = "") -> None:
        """Keep what users taught a method together (`Method.shared`), in place of the same method and configuration's."""
        raw, row = states.dump(state, keys=self._keys), rows.state_row(method, config, history)

        def work(db: Connection) -> Gone:
            schema.lock(db, schema.shared)
            return self._put(db, schema.shared, row, raw)

        self._let_go([self._database.write(work)])

    def load_shared(self, method: str, config: Mapping[str, Any]) -> State:
        """What users taught a method together. Raises StoreError if nothing is kept."""
        missing = f"nothing shared of {method} with {rows.canonical(config)} is kept; fit it first"
        return self._open(schema.shared, rows.same(schema.shared, method, config), missing)

    def provenance(self, user_id: str) -> list[Provenance]:
        """Where each of a user's states comes from, oldest first. Raises StoreError for an unknown user."""
        return self._database.read(lambda db: [rows.provenance_of(row) for row in rows.states_of(db, rows.key_of(db, user_id))])

    def taught(self) -> list[Provenance]:
        """Where what people taught methods together comes from, oldest first: every method that was fitted has one."""
        everything = select(schema.shared).order_by(schema.shared.c.created)
        return self._database.read(lambda db: [rows.provenance_of(row) for row in db.execute(everything)])

    def unlearn(self, user_id: str) -> int:
        """Let every state of a user go, and what is theirs of what people taught together, and keep their records; how many states.

        Their bytes go when their place is used again, or at the next `forget` or `erase`. Raises StoreError for an unknown user.
        """

        def work(db: Connection) -> tuple[int, list[Gone]]:
            key = rows.key_of(db, user_id, hold=True)
            there = rows.states_of(db, key)
            gone = Gone([row.file for row in there if row.file], erasure.unlearn(db, [row.key for row in there]))
            shared = [self._put_again(db, row, state) for row, state in erasure.parts_of(db, self._files, user_id)]
            rows.touch(db, key)
            settle(db)
            return len(there), [gone, *shared]

        count, gone = self._database.write(work)
        self._let_go(gone)
        return count

    def erase(self, user_id: str) -> Receipt:
        """Remove everything of a user, compact the database, and search every byte of the store for what may be left.

        Records, states and the id go in one transaction; then their files and rows are overwritten, the files unlinked, the
        database vacuumed and every byte read back: some 20 seconds a gigabyte. Nobody known is no error, so that an erasure
        that was cut short can be asked for again. Arrays of a loaded state that is still mapped turn to zeros; an adapter
        that somebody loaded is a copy of its row, and theirs to let go of. PostgreSQL writes tables up to 256 MB anew; in larger
        ones bytes stay until their place is used again or somebody runs VACUUM FULL, and `Receipt.found` names them.
        """
        return self._forget(user_id)

    def forget(self, user_id: str, record_ids: Collection[str]) -> Receipt:
        """Remove records of a user and everything that was learnt of them, as `erase` does: their states are to be enrolled again."""
        return self._forget(user_id, record_ids)

    def edit(self, user_id: str, record: Record) -> Receipt:
        """Put `record` in place of the one with its id, which is forgotten, as `forget` does. Raises StoreError if there is none."""
        row = rows.record_row(record)
        if record.id not in {known.id for known in self.user(user_id).records}:
            raise StoreError(f"{user_id!r} has no record {record.id!r}; `export` lists the ids there are")
        return self._forget(user_id, [record.id], [row])

    def _forget(self, user_id: str, ids: Collection[str] | None = None, instead: Sequence[dict[str, Any]] = ()) -> Receipt:
        def work(db: Connection) -> tuple[Forgotten, list[Gone]]:
            gone = erasure.forget(db, self._files, user_id, ids)
            if instead:
                rows.add(db, user_id, instead)
            shared = [self._put_again(db, row, state) for row, state in erasure.parts_of(db, self._files, user_id)]
            if self._keys is not None and ids is None:
                self._keys.destroy(user_id)  # while nobody else writes of them: who comes again gets a new one
            return gone, shared

        gone, shared = self._database.write(work)
        self._files.destroy([*gone.files, *(name for one in shared for name in one.files)])
        self._clean(thorough=True)
        self._adapters.recent.drop([ref.token for ref in gone.rows])
        self.vectors.recent.drop([user_id])
        self._compact(user_id)
        size, found = self._database.read(lambda db: erasure.search(db, self._database, self._files, self._adapters, gone.traces))
        taught = tuple(dict.fromkeys(sorted(one.method for one in self.taught())))
        counts = (gone.records, gone.states, len(gone.files), len(gone.rows))
        beyond = self._database.beyond() if self._keys is None or ids is not None else (COPIES,)  # nothing else can be read
        return Receipt(user_id, *counts, size, gone.traces.unsearched, found, taught, beyond)

    def _put_again(self, db: Connection, row: Any, state: State) -> Gone:
        about = {name: row._mapping[name] for name in ("method", "config", "history", "created")}
        return self._put(db, schema.shared, about, states.dump(state, keys=self._keys))

    def export(self, user_id: str) -> dict[str, Any]:
        """Everything kept of a user as JSON takes it (`json.dumps` it): see `portable.pack`. Raises StoreError for an unknown one."""

        def work(db: Connection) -> tuple[User, list[Provenance]]:
            key = rows.key_of(db, user_id)
            return User(user_id, History(rows.records_of(db, key))), [rows.provenance_of(row) for row in rows.states_of(db, key)]

        user, known = self._database.read(work)
        about = [{name: getattr(one, name) for name in portable.ABOUT} for one in known]
        return portable.pack(user, ((one, self.load(user_id, one["method"], one["config"])) for one in about))

    def import_(self, exported: dict[str, Any]) -> int:
        """Bring in what `export` gave, beside what is there; how many records were added. States replace their like.

        Raises DataError, before anything is written, if something is missing or damaged.
        """
        user_id, records, kept = portable.unpack(exported)
        checked, packed = [rows.record_row(record) for record in records], [(about, self._packed(state)) for about, state in kept]

        def work(db: Connection) -> tuple[int, list[Gone]]:
            added = rows.add(db, user_id, checked)
            key, gone = rows.key_of(db, user_id), []
            for about, pack in packed:
                row = {**rows.state_row(about["method"], about["config"], about["history"]), "created": about["created"]}
                gone.append(self._put(db, schema.states, {**row, "user": key}, *pack))
            if gone:
                rows.touch(db, key)
            self._adapters.sync(db)
            return added, gone

        added, gone = self._database.write(work)
        self._let_go(gone)
        return added

    def close(self) -> None:
        """Let go of the database. Using the store afterwards raises StoreError."""
        self._database.close()
        self._adapters.close()
        self.vectors.recent.clear()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def _engine(self) -> Engine:
        return self._database.engine

    def _reading(self) -> contextlib.AbstractContextManager[Connection]:
        return self._database.session(READING)

    def _writing(self) -> contextlib.AbstractContextManager[Connection]:
        return self._database.session(WRITING)

    def _session(self, begin: str) -> contextlib.AbstractContextManager[Connection]:
        return self._database.session(begin)

    def _packed(self, state: State) -> tuple[bytes, list[Packed]]:
        """A person's state as bytes, and its adapters as rows."""
        adapters: list[Adapter] = []
        raw = states.dump(state, adapters)
        return raw, [self._adapters.pack(adapter) for adapter in adapters]

    def _put(self, db: Connection, table: Table, row: dict[str, Any], raw: bytes, packed: Sequence[Packed] = ()) -> Gone:
        """Put a state in its row, or in a file that the row names, and its adapters in theirs. What to let go of once this is committed.

        The write lock is held: whoever cleans the folders has it too, so no file is taken for an orphan before its row is there.
        """
        like = and_(*(table.c[name] == row[name] for name in ("user", "method", "config") if name in table.c))
        replaced = list(db.scalars(select(table.c.file).where(like, table.c.file.is_not(None))))
        freed = release(db, select(table.c.key).where(like)) if table is schema.states else []
        key = sealing.key_of(db, row.get("user"))
        raw = key.seal(raw) if key else raw
        name = self._files.write(raw) if len(raw) >= self._files.take_from else None
        size = len(raw) + sum(len(one.body) for one in packed)
        try:
            db.execute(delete(table).where(like))
            made = db.execute(insert(table).values(**row, bytes=size, blob=None if name else raw, file=name)).inserted_primary_key
            self._adapters.put(db, made[0] if made else 0, packed, key)
        except (SQLAlchemyError, StoreError):
            self._files.drop([name] if name else [])
            raise
        return Gone([name for name in replaced if name], freed)

    def _let_go(self, gone: Sequence[Gone]) -> None:
        """Unlink files and mark rows that were replaced. What cannot be now is done at the next opening."""
        self._files.drop([name for one in gone for name in one.files])
        freed = [ref for one in gone for ref in one.refs]
        self._adapters.recent.drop([ref.token for ref in freed])
        if freed:
            with contextlib.suppress(StoreError):
                self._database.write(lambda db: self._adapters.void(db, [(ref.file, ref.row) for ref in freed]))

    def _open(self, table: Table, where: ColumnElement[bool], missing: str) -> State:
        for _ in range(CHANGES):
            row = self._database.read(lambda db: db.execute(select(table.c.blob, table.c.file).where(where)).one_or_none())
            if row is None:
                raise StoreError(missing)
            with contextlib.suppress(FileNotFoundError):  # replaced since its row was read: read the row again
                return self._state(row)
        raise StoreError(f"the file of a state is gone from {self._files.folder}; enroll the user again")

    def _state(self, row: Any, adapters: Sequence[Adapter] = ()) -> State:
        return states.load(self._files.raw(row), adapters, self._keys)

    def _compact(self, user_id: str) -> None:
        try:
            self._database.compact()
        except StoreError as error:
            raise StoreError(f"{user_id!r} is out of the tables, but bytes may be left: erase them again ({error})") from error

    def _clean(self, thorough: bool = False) -> None:
        """Unlink files that no row names, and wipe rows that are free, under the write lock; `thorough`: look at their every byte."""
        if any(True for folder in (self._files, self._adapters) for _ in folder):
            clean = self._database.write if thorough else self._database.attempt  # to open a store nobody waits
            clean(lambda db: self._tidy(db, thorough))

    def _tidy(self, db: Connection, thorough: bool) -> None:
        self._files.clean({name for table in (schema.states, schema.shared) for name in db.scalars(select(table.c.file))})
        self._adapters.clean(db, thorough)
