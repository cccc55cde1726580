"""What a store asks of its database, whichever it is: transactions, quick statements, and everything kept read back."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from idiolect.errors import StoreError
from idiolect.store import schema

READING, WRITING, ALONE = "BEGIN", "BEGIN IMMEDIATE", ""  # what a session is for; ALONE: no transaction, which VACUUM wants
PAUSE = 0.02  # seconds
TRIES = 8  # times that a writing transaction is begun that another one stops

Fetch = Callable[[str, Sequence[Any]], list[Any]]
Result = TypeVar("Result")


class Database:
    """A store's database. `SQLite` and `Postgres` say what differs; a store, its vectors and its counts know neither.

    Whoever writes holds what they change until they are done: in SQLite the one write lock, in PostgreSQL the row of each person
    whose records or states they write, or a table that belongs to nobody. Failures are StoreErrors.
    """

    failures: tuple[type[Exception], ...] = (SQLAlchemyError,)  # and the driver's own

    def __init__(self, place: str, engine: Engine) -> None:
        self.place, self.engine, self.closed = place, engine, False

    def text(self, text: str) -> Any:
        """`text` as a value of `fetch`."""
        return schema.bound(text, self.engine.dialect)

    def fetch(self, sql: str, values: Sequence[Any]) -> list[Any]:
        """The rows of one reading statement, past SQLAlchemy's own layers, which take ten times as long."""
        with self.told():
            try:
                return self._fetched(sql, values)
            except self.failures as error:
                self._forget_if_lost(error)
            return self._fetched(sql, values)

    def snapshot(self, work: Callable[[Fetch], Result]) -> Result:
        """What `work` makes of several reading statements, which all see the store as it is at the first."""
        return self.read(lambda db: work(self.fetching(db)))

    def fetching(self, db: Connection) -> Fetch:
        """`fetch` in the open transaction."""
        raise NotImplementedError

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` reads in one transaction; again from its beginning if the connection is lost."""
        with self.told():
            try:
                return self._done(READING, work)
            except self.failures as error:
                self._forget_if_lost(error)
            return self._done(READING, work)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """What `work` returns, and what it wrote: on the disk when this returns. Again from its beginning if another one stopped it."""
        with self.told():
            for tried in range(1, TRIES):
                try:
                    return self._done(WRITING, work)
                except self.failures as error:
                    if not self.passing(error):
                        raise
                time.sleep(random.uniform(0, PAUSE * tried))  # so that two do not stop each other again
            return self._done(WRITING, work)

    def attempt(self, work: Callable[[Connection], None]) -> None:
        """Let `work` write, if nobody else is writing at this moment; otherwise nothing happens, and somebody will do it later."""
        self.write(work)

    @contextlib.contextmanager
    def session(self, begin: str) -> Iterator[Connection]:
        """One transaction, for READING or for WRITING, or none (ALONE)."""
        with self.told(), self._begun(begin) as db:
            yield db

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What goes wrong in the database, as a StoreError."""
        if self.closed:
            raise StoreError(f"the store {self.place} is closed; open it again with Store(...)")
        try:
            yield
        except self.failures as error:
            raise StoreError(self.said(error)) from error

    def close(self) -> None:
        """Let go of the database. Using it afterwards raises StoreError."""
        self.closed = True
        self.engine.dispose()

    def said(self, error: Exception) -> str:
        """What to tell of a failure, and the way out."""
        raise NotImplementedError

    def passing(self, error: Exception) -> bool:
        """Whether a transaction was stopped by another one and may be begun again."""
        raise NotImplementedError

    def lost(self, error: Exception) -> bool:
        """Whether the connection is gone."""
        raise NotImplementedError

    def compact(self) -> None:
        """Leave as little as can be of what was deleted, while nothing is open."""
        raise NotImplementedError

    def kept(self, db: Connection, files: Iterable[Path]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """All the bytes that are kept, each place with its name; `files` lie beside the database. `db` reads."""
        raise NotImplementedError

    def beyond(self) -> tuple[str, ...]:
        """Where something of people may lie that `kept` cannot read."""
        raise NotImplementedError

    def names(self, db: Connection) -> list[str]:
        """Names of things in the database itself, which say nothing of people."""
        raise NotImplementedError

    def _fetched(self, sql: str, values: Sequence[Any]) -> list[Any]:
        raise NotImplementedError

    def _done(self, begin: str, work: Callable[[Connection], Result]) -> Result:
        with self._begun(begin) as db:
            return work(db)

    @contextlib.contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        """A connection in its transaction: another one where the first was lost while it lay in the pool."""
        try:
            db, transaction = self._begin(begin)
        except DBAPIError as error:
            self._forget_if_lost(error)
            db, transaction = self._begin(begin)
        with db, transaction:
            yield db

    def _begin(self, begin: str) -> tuple[Connection, Any]:
        db = self.engine.connect().execution_options(begin=begin)
        try:
            return db, db.begin()
        except SQLAlchemyError:
            db.close()
            raise

    def _forget_if_lost(self, error: Exception) -> None:
        """Let go of connections that may be lost too. Raises `error` if it is of another kind."""
        if not self.lost(error):
            raise error
        self.engine.dispose()
