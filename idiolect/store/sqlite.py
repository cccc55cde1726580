"""A store in one SQLite file: opened in WAL, foreign keys on, every commit on the disk before it is acknowledged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, SQLAlchemyError

from idiolect.errors import StoreError
from idiolect.store import revisions
from idiolect.store.database import ALONE, READING, WRITING, Database, Fetch
from idiolect.store.scan import blocks_of, blocks_of_database

APPLICATION = 0x49444C54  # "IDLT", in SQLite's application_id: tells a store from any other database
WAIT = 30.0  # seconds that a writer waits for another
PATIENT = f"busy_timeout={int(WAIT * 1000)}"
SETTINGS = ("foreign_keys=ON", "synchronous=FULL", "secure_delete=ON", PATIENT, "cache_size=-8000")
ENDINGS = ("", "-wal", "-shm", "-journal")


class SQLite(Database):
    """The database at `path`, made (readable by its owner alone) if it is not there, and brought up to date if it is older.

    Raises StoreError if it is not a store, or one of a newer version, or cannot be opened; a file that is refused is not changed.
    """

    failures = (SQLAlchemyError, sqlite3.Error)

    def __init__(self, path: Path) -> None:
        self.path = path
        engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True, connect_args={"timeout": WAIT})
        super().__init__(str(path), engine)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            event.listen(engine, "connect", _set_up)
            event.listen(engine, "begin", _begin)
            self._prepare()
        except StoreError:
            engine.dispose()
            raise
        except (OSError, DatabaseError) as error:
            raise StoreError(f"{path} cannot be opened as a store ({getattr(error, 'orig', error)}); give another path") from error

    def fetching(self, db: Connection) -> Fetch:
        """`fetch` in the open transaction."""
        cursor = db.connection.cursor()
        return lambda sql, values: list(cursor.execute(sql, values).fetchall())

    def attempt(self, work: Callable[[Connection], None]) -> None:
        """Let `work` write, if nobody else is writing at this moment."""
        with self.session(ALONE) as db:
            db.exec_driver_sql("PRAGMA busy_timeout=0")
            try:
                db.exec_driver_sql(WRITING)
            except OperationalError as error:
                if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                return
            finally:
                db.exec_driver_sql(f"PRAGMA {PATIENT}")
            work(db)

    def said(self, error: Exception) -> str:
        """What to tell of a failure, and the way out."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        return f"the store {self.place} failed ({cause}); what was kept before is whole: see to its disk"

    def passing(self, error: Exception) -> bool:
        """Never: whoever writes is alone, and waits for that before anything else."""
        return False

    def lost(self, error: Exception) -> bool:
        """Never: there is no server."""
        return False

    def compact(self) -> None:
        """Vacuum: the file is written anew without what was deleted, and the log beside it emptied."""
        with self.session(ALONE) as db:
            db.exec_driver_sql("VACUUM")
            db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def kept(self, db: Connection, files: Iterable[Path]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every file of the store, by its name."""
        for ending in ENDINGS:
            place = self.path.with_name(self.path.name + ending)
            if place.exists():
                yield place.name, blocks_of_database(place)
        for place in files:
            yield place.name, blocks_of(place)

    def beyond(self) -> tuple[str, ...]:
        """Only copies that somebody else made of the files."""
        return ("backups",)

    def names(self, db: Connection) -> list[str]:
        """The statements that made the tables."""
        return [str(sql) for sql in db.exec_driver_sql("SELECT sql FROM sqlite_master").scalars()]

    def _fetched(self, sql: str, values: Sequence[Any]) -> list[Any]:
        connection = self.engine.raw_connection()
        try:
            rows: list[Any] = connection.cursor().execute(sql, values).fetchall()
            return rows
        finally:
            connection.close()

    def _prepare(self) -> None:
        with self._begun(READING) as db:
            there = self._revision(db)
        self._write_ahead()
        if there == revisions.HEAD:
            return
        with self._begun(WRITING) as db:
            revisions.bring_up(db, self._revision(db))
            db.exec_driver_sql(f"PRAGMA application_id={APPLICATION}")
            db.exec_driver_sql(f"PRAGMA user_version={revisions.HEAD}")

    def _revision(self, db: Connection) -> int:
        """Of the schema that is there; 0 of an empty file. Raises StoreError if this is something else, or newer."""
        found, tables = _pragma(db, "user_version"), db.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
        if (found or tables) and _pragma(db, "application_id") != APPLICATION:
            raise StoreError(f"{self.path} is a database of something else; give the path of a store, or of a new file")
        revisions.refuse_newer(found, self.place)
        return found

    def _write_ahead(self) -> None:
        """Switch to WAL. SQLite does not wait by itself for another process that is switching too."""
        until = time.monotonic() + WAIT
        while True:
            try:
                with self.engine.connect().execution_options(begin=ALONE) as db:
                    db.exec_driver_sql("PRAGMA journal_mode=WAL")
                return
            except OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)


def _set_up(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, not by the driver
    for setting in SETTINGS:
        connection.execute(f"PRAGMA {setting}").close()


def _begin(connection: Connection) -> None:
    """What a session is for, because a deferred transaction that writes late may find the database locked."""
    statement = connection.get_execution_options().get("begin", READING)
    if statement:
        connection.exec_driver_sql(statement)


def _pragma(db: Connection, name: str) -> int:
    return int(db.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
