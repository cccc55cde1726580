"""The tables, and how the database is opened: WAL, foreign keys, every commit on the disk before it is acknowledged."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError
from sqlalchemy.types import TypeDecorator

from idiolect.errors import StoreError

VERSION = 2  # 2 added `adapters` and `free_rows`, which an older store gets when it is opened
APPLICATION = 0x49444C54  # "IDLT", in SQLite's application_id: tells a store from any other database
WAIT = 30.0  # seconds that a writer waits for another
SETTINGS = ("foreign_keys=ON", "synchronous=FULL", "secure_delete=ON", f"busy_timeout={int(WAIT * 1000)}")


class AnyText(TypeDecorator[str]):
    """Any Python text without loss: UTF-8 where it can be, and bytes where it has lone surrogates, which UTF-8 cannot."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect | None) -> Any:
        if value is None:
            return None
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
        return value

    def process_result_value(self, value: Any, dialect: Dialect | None) -> str | None:
        return value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value


def _state_columns() -> list[Column[Any]]:
    return [
        Column("method", AnyText, nullable=False),
        Column("config", Text, nullable=False),  # canonical JSON
        Column("history", AnyText, nullable=False),  # digest of the records that the state was made from
        Column("created", Float, nullable=False),  # POSIX seconds
        Column("bytes", Integer, nullable=False),
        Column("blob", LargeBinary),  # the state, or
        Column("file", String),  # the name of the file that holds it
    ]


metadata = MetaData()
users = Table(
    "users",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("created", Float, nullable=False),
)
records = Table(
    "records",
    metadata,
    Column("key", Integer, primary_key=True),  # grows: the order in which records came
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("time", Float, nullable=False),
    Column("id", AnyText, nullable=False),
    Column("prompt", AnyText, nullable=False),
    Column("answer", AnyText, nullable=False),
    UniqueConstraint("user", "id"),
)
states = Table(
    "states",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    *_state_columns(),
    UniqueConstraint("user", "method", "config"),
)
shared = Table("shared", metadata, Column("key", Integer, primary_key=True), *_state_columns(), UniqueConstraint("method", "config"))
adapters = Table(
    "adapters",
    metadata,
    Column("key", Integer, primary_key=True),
    Column("state", ForeignKey("states.key", ondelete="CASCADE"), nullable=False),
    Column("place", Integer, nullable=False),  # which of the state's adapters: a chain's state may have several
    Column("name", AnyText, nullable=False),
    Column("scale", Float, nullable=False),
    Column("digest", String, nullable=False),
    Column("file", String, nullable=False),  # its name, without the folder
    Column("row", Integer, nullable=False),
    Column("token", LargeBinary, nullable=False),  # stands in the row's header as long as the row is this adapter's
    UniqueConstraint("state", "place"),
    UniqueConstraint("file", "row"),
)
free_rows = Table(
    "free_rows",
    metadata,
    Column("file", String, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("pending", Boolean, nullable=False),  # freed by the open transaction: committed, it is never true
)


def database_path(place: Path | str) -> Path:
    """The file that a path or a "sqlite:///" URL names. Raises StoreError for other databases, and for one in memory."""
    if isinstance(place, str) and "://" in place:
        try:
            url = make_url(place)
        except ArgumentError:
            raise StoreError(f"{place!r} is not a URL; give a path, or sqlite:///path/to/people.db") from None
        if url.get_backend_name() != "sqlite":
            raise StoreError(f"a store in {url.get_backend_name()} is not supported; give a path, or sqlite:///path/to/people.db")
        place = url.database or ""
    if str(place) in ("", ":memory:"):
        raise StoreError("a store needs a file, since its big states lie beside it; give a path")
    return Path(place).absolute()


def open_engine(path: Path) -> Engine:
    """The database at `path`, made (readable by its owner alone) if it is not there.

    Raises StoreError if it is not a store, or one of a newer version, or cannot be opened; a file that is refused is not changed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True, connect_args={"timeout": WAIT})
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        _prepare(engine, path)
    except StoreError:
        engine.dispose()
        raise
    except (OSError, DatabaseError) as error:
        raise StoreError(f"{path} cannot be opened as a store ({getattr(error, 'orig', error)}); give another path") from error
    return engine


def _set_up(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, not by the driver
    for setting in SETTINGS:
        connection.execute(f"PRAGMA {setting}").close()


def _begin(connection: Connection) -> None:
    """What the execution option "begin" says, because a deferred transaction that writes late may find the database locked."""
    statement = connection.get_execution_options().get("begin", "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)


def _prepare(engine: Engine, path: Path) -> None:
    with engine.connect() as db:
        _refuse(db, path)
    _write_ahead(engine)
    with engine.connect().execution_options(begin="BEGIN IMMEDIATE") as db, db.begin():
        if _pragma(db, "user_version") < VERSION:
            metadata.create_all(db)  # what is not there yet
            db.exec_driver_sql(f"PRAGMA application_id={APPLICATION}")
            db.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def _refuse(db: Connection, path: Path) -> None:
    version, tables = _pragma(db, "user_version"), db.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    if (version or tables) and _pragma(db, "application_id") != APPLICATION:
        raise StoreError(f"{path} is a database of something else; give the path of a store, or of a new file")
    if version > VERSION:
        raise StoreError(f"{path} was written by a newer idiolect (schema {version}; this one knows {VERSION}): upgrade idiolect")


def _write_ahead(engine: Engine) -> None:
    """Switch to WAL. SQLite does not wait by itself for another process that is switching too."""
    until = time.monotonic() + WAIT
    while True:
        try:
            with engine.connect().execution_options(begin="") as db:
                db.exec_driver_sql("PRAGMA journal_mode=WAL")
            return
        except OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _pragma(db: Connection, name: str) -> int:
    return int(db.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
