"""A store in PostgreSQL (13 or newer), which several servers on several machines share: everything in the database, nothing beside it."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from idiolect.errors import StoreError
from idiolect.extras import need
from idiolect.store import revisions, schema
from idiolect.store.database import ALONE, READING, WRITING, Database, Fetch
from idiolect.store.scan import BLOCK

BEGIN = {READING: "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", WRITING: "BEGIN ISOLATION LEVEL READ COMMITTED"}
SETTINGS = "SELECT set_config('lock_timeout', '30s', false), set_config('synchronous_commit', 'on', false)"
LOCK = 0x49444C54  # "IDLT": whoever makes or upgrades the tables is alone
CONNECTIONS, MORE = 8, 32  # kept open, and opened for a while when more threads ask at once
ANSWER = 10  # seconds that a server may take to answer at all
STOPPED = ("40001", "40P01")  # SQLSTATEs: a serialization failure, a deadlock
LOCKED = "55P03"  # of a lock that was not to be had in time
GONE = ("08", "57P0")  # what SQLSTATEs of lost connections begin with
SMALL = 256 << 20  # bytes of a table that is written anew to be rid of what was deleted
AT_MOST, ASKED = 1.0, 10  # seconds that it keeps others waiting for that at once, and how often it tries
PATIENCE = 10.0  # seconds that a compaction waits for those who may still see what was deleted

TABLES = "SELECT name, to_regclass(name)::oid, pg_total_relation_size(to_regclass(name)) FROM unnest(%s::text[]) name ORDER BY 1"
SEEN = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND age(backend_xmin) >= age(%s::text::xid)"""
MAY_READ = """SELECT has_function_privilege('pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')
AND (rolsuper OR coalesce(pg_has_role(to_regrole('pg_checkpoint')::oid, 'USAGE'), false)) FROM pg_roles WHERE rolname = current_user"""
RELATIONS = """WITH mine AS (SELECT oid, reltoastrelid FROM pg_class WHERE oid = ANY(%s) OR oid = 'pg_statistic'::regclass),
every AS (SELECT oid FROM mine UNION SELECT reltoastrelid FROM mine WHERE reltoastrelid <> 0)
SELECT oid::regclass::text, pg_relation_filepath(oid) FROM every UNION
SELECT indexrelid::regclass::text, pg_relation_filepath(indexrelid) FROM pg_index WHERE indrelid IN (SELECT oid FROM every) ORDER BY 1"""
READ = "SELECT pg_read_binary_file(%s, %s, %s, true)"


class Postgres(Database):
    """The store in the database, and the first schema of the search path, that `url` names; its tables are made if they are not there.

    Raises StoreError if they are something else's, or of a newer version, or if the server cannot be reached.
    """

    def __init__(self, url: URL) -> None:
        self._psycopg = need("psycopg", "a store in PostgreSQL")
        self.failures = (SQLAlchemyError, self._psycopg.Error)
        waits = {} if "connect_timeout" in url.query else {"connect_timeout": ANSWER}
        pool = {"pool_size": CONNECTIONS, "max_overflow": MORE, "pool_use_lifo": True}
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"), hide_parameters=True, use_native_hstore=False, connect_args=waits, **pool
        )
        super().__init__(url.render_as_string(hide_password=True), engine)
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        try:
            self._prepare()
        except StoreError:
            engine.dispose()
            raise
        except self.failures as error:
            engine.dispose()
            said = f"{self.place} cannot be opened as a store ({_cause(error)})"
            raise StoreError(f"{said}; see that the server runs, and that this user may make tables in the database") from error

    def fetching(self, db: Connection) -> Fetch:
        """`fetch` in the open transaction."""
        cursor = _driver(db).cursor(binary=True)
        return lambda sql, values: _rows(cursor, sql, values)

    def said(self, error: Exception) -> str:
        """What to tell of a failure, and the way out."""
        if self.lost(error):
            told = f"the connection to the store {self.place} was lost ({_cause(error)}); what was acknowledged is kept"
            return f"{told}. See to the server and call again: what was under way is kept whole or not at all, and is not kept twice"
        return f"the store {self.place} failed ({_cause(error)}); what was kept before is whole: see to the server"

    def passing(self, error: Exception) -> bool:
        """Whether it is a serialization failure or a deadlock."""
        return getattr(_original(error), "sqlstate", None) in STOPPED

    def lost(self, error: Exception) -> bool:
        """Whether the connection is gone."""
        said = _original(error)
        state = getattr(said, "sqlstate", None)
        return isinstance(said, self._psycopg.OperationalError | self._psycopg.InterfaceError) and (state is None or state.startswith(GONE))

    def compact(self) -> None:
        """Vacuum each table, once nobody can see what was deleted: small ones are written anew, others let go of it as they are used."""
        with self.session(ALONE) as db:
            mark = db.exec_driver_sql("SELECT pg_current_xact_id()::xid::text").scalar()
            until = time.monotonic() + PATIENCE
            while db.exec_driver_sql(SEEN, (mark,)).scalar() and time.monotonic() < until:
                time.sleep(0.01)
            for name, _, size in self._tables(db):
                if size > SMALL or not self._anew(db, name):
                    db.exec_driver_sql(f"VACUUM {name}")
            if db.exec_driver_sql(MAY_READ).scalar():
                db.exec_driver_sql("CHECKPOINT")

    def kept(self, db: Connection, files: Iterable[Path]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every table as it is read, and, where this role may, the files of tables, indexes and statistics as they lie on the disk."""
        tables = self._tables(db)
        for name, _, _ in tables:
            yield f"table {name}", self._copied(name)
        if db.exec_driver_sql(MAY_READ).scalar():
            for name, path in db.exec_driver_sql(RELATIONS, ([oid for _, oid, _ in tables],)).all():
                yield f"file of {name}", _read(db, path)

    def beyond(self) -> tuple[str, ...]:
        """The server's logs, and whatever copies it makes."""
        with self.session(READING) as db:
            files = () if db.exec_driver_sql(MAY_READ).scalar() else ("the tables' files",)
        return (*files, "the write-ahead log", "the server's log", "backups and replicas")

    def names(self, db: Connection) -> list[str]:
        """None: what is searched names none but its own things."""
        return []

    def _fetched(self, sql: str, values: Sequence[Any]) -> list[Any]:
        connection = self.engine.raw_connection()
        try:
            return _rows(connection.cursor(binary=True), sql, values)
        except self._psycopg.OperationalError:
            if connection.driver_connection is None or connection.driver_connection.closed:
                connection.invalidate()
            raise
        finally:
            connection.close()

    def _tables(self, db: Connection) -> list[Any]:
        names = sorted({*schema.metadata.tables, *schema.beside.tables, revisions.TABLE})
        return list(db.exec_driver_sql(TABLES, (names,)).all())

    def _anew(self, db: Connection, name: str) -> bool:
        """Write a table anew; False where it is in use all the time. Whoever comes meanwhile has to wait, so it waits for a moment only."""
        with self._waiting(db, AT_MOST):
            for _ in range(ASKED):
                try:
                    db.exec_driver_sql(f"VACUUM (FULL) {name}")
                    return True
                except DBAPIError as error:
                    if getattr(error.orig, "sqlstate", None) != LOCKED:
                        raise
                time.sleep(AT_MOST * random.random())
        return False

    @contextlib.contextmanager
    def _waiting(self, db: Connection, seconds: float) -> Iterator[None]:
        """Wait for others' locks for so long; afterwards as ever."""
        db.exec_driver_sql("SELECT set_config('lock_timeout', %s, false)", (f"{int(1000 * seconds)}ms",))
        try:
            yield
        finally:
            db.exec_driver_sql(SETTINGS)

    def _copied(self, name: str) -> Iterator[bytes]:
        """A table as it is read; in a transaction of its own, which ends with it: nobody is to wait for a search of everything."""
        with self.session(READING) as db, _driver(db).cursor().copy(f"COPY {name} TO STDOUT (FORMAT binary)") as rows:
            for row in rows:
                yield bytes(row)

    def _prepare(self) -> None:
        with self._begun(READING) as db:
            if revisions.latest(db):
                return
        with self._begun(WRITING) as db:
            db.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")  # before anything is judged: another one may be at it
            revisions.bring_up(db, self._revision(db))

    def _revision(self, db: Connection) -> int:
        """Of the schema that is there; 0 of none. Raises StoreError if this is something else's, or newer."""
        there = [name for name, oid, _ in self._tables(db) if oid is not None]
        try:
            found = revisions.stored(db) if revisions.TABLE in there else 0
        except ValueError:
            found = 0
        if there and not found:
            raise StoreError(f"{self.place} has tables {', '.join(there)} of something else; give another database or schema")
        revisions.refuse_newer(found, self.place)
        return found


def _set_up(connection: Any, _: Any) -> None:
    connection.autocommit = True  # transactions are begun by _begin, not by the driver
    connection.execute(SETTINGS)


def _begin(connection: Connection) -> None:
    """What a session is for."""
    kind = connection.get_execution_options().get("begin", WRITING)
    if kind != ALONE:
        connection.exec_driver_sql(BEGIN[kind])


def _rows(cursor: Any, sql: str, values: Sequence[Any]) -> list[Any]:
    cursor.execute(schema.spelt(sql, "format"), values)
    return list(cursor.fetchall()) if cursor.description else []


def _driver(db: Connection) -> Any:
    return db.connection.driver_connection


def _read(db: Connection, path: str) -> Iterator[bytes]:
    """The bytes of a relation: a file, and further ones where it is larger than a gigabyte."""
    cursor = _driver(db).cursor(binary=True)
    for segment in itertools.count():
        name, at = f"{path}.{segment}" if segment else path, 0
        while block := cursor.execute(READ, (name, at, BLOCK)).fetchone()[0]:
            yield block
            at += len(block)
        if not at:
            return


def _original(error: Exception) -> Any:
    return error.orig if isinstance(error, DBAPIError) else error


def _cause(error: Exception) -> str:
    """What the server said, without the detail, which may quote what somebody wrote."""
    said = _original(error)
    lines = (getattr(getattr(said, "diag", None), "message_primary", None) or str(said)).strip().splitlines()
    return lines[0] if lines else type(said).__name__
