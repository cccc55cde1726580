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
    Index,
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

VERSION = 5  # 2 added `adapters` and `free_rows`, 3 kinds of records, 4 vectors, 5 usage: an older store gets them when it is opened
APPLICATION = 0x49444C54  # "IDLT", in SQLite's application_id: tells a store from any other database
WAIT = 30.0  # seconds that a writer waits for another
SETTINGS = ("foreign_keys=ON", "synchronous=FULL", "secure_delete=ON", f"busy_timeout={int(WAIT * 1000)}", "cache_size=-8000")


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


_ANY = AnyText()


def bound(text: str) -> Any:
    """`text` as a statement that goes past SQLAlchemy's own layers takes it."""
    return _ANY.process_bind_param(text, None)


def text_of(value: Any) -> str:
    """The text in a row that such a statement gave."""
    return _ANY.process_result_value(value, None) or ""


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
    Column("version", Integer, nullable=False, server_default="0"),  # grows with each change of what is kept of them
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
    Column("kind", String, nullable=False, server_default="message"),
    Column("other", AnyText, nullable=False, server_default=""),
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
usage = Table(
    "usage",
    metadata,
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), primary_key=True),
    Column("day", Integer, primary_key=True),  # since 1970, UTC
    Column("model", AnyText, primary_key=True),
    Column("calls", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),  # of replies
    sqlite_with_rowid=False,
)
spaces = Table(
    "spaces",
    metadata,
    Column("key", Integer, primary_key=True),  # never used twice
    Column("name", AnyText, nullable=False),
    Column("width", Integer, nullable=False),
    Column("probe", LargeBinary, nullable=False),  # what its embedder makes of texts that never change
    Column("role", String, nullable=False),
    sqlite_autoincrement=True,
)
vectors = Table(
    "vectors",
    metadata,
    Column("key", Integer, primary_key=True),  # never used twice
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("space", Integer, nullable=False),
    Column("edition", Integer, nullable=False, server_default="0"),  # grows when a vector is taken out
    Column("members", Text, nullable=False),  # the keys of the records, "," and 11 digits each; 0 where one is gone
    Column("data", LargeBinary, nullable=False),  # (members, width) of two bytes each
    Index("vectors_of", "user", "space"),
    sqlite_autoincrement=True,
)
stale = Table(  # people with records that may have no vector yet
    "stale",
    metadata,
    Column("space", Integer, primary_key=True),
    Column("user", Integer, primary_key=True),
    sqlite_with_rowid=False,
)
KEY = "printf(',%011d', OLD.key)"
AT, SIZE = f"((instr(members, {KEY}) - 1) / 12)", "(12 * length(data) / length(members))"  # which vector it is; bytes of each
TAKE_OUT = f"""UPDATE vectors SET edition = edition + 1, members = replace(members, {KEY}, ',00000000000'), data = CAST(
substr(data, 1, {AT} * {SIZE}) || zeroblob({SIZE}) || substr(data, ({AT} + 1) * {SIZE} + 1) AS BLOB)
WHERE user = OLD.user AND instr(members, {KEY});"""
MARK = "INSERT INTO stale SELECT key, NEW.user FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING;"
TRIGGERS = (  # whoever writes records, and however: no vector is of a text that is not kept, and what has none yet is known
    f"CREATE TRIGGER record_came AFTER INSERT ON records BEGIN {MARK} END",
    f"CREATE TRIGGER record_went AFTER DELETE ON records BEGIN {TAKE_OUT} END",
    f"CREATE TRIGGER record_changed AFTER UPDATE OF user, prompt, answer ON records BEGIN {TAKE_OUT} {MARK} END",
)


@event.listens_for(vectors, "after_create")
def _add_triggers(_: Table, db: Connection, **__: Any) -> None:
    for trigger in TRIGGERS:
        db.exec_driver_sql(trigger)


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
        if (before := _pragma(db, "user_version")) < VERSION:
            metadata.create_all(db)  # what is not there yet
            if before:
                _add_columns(db, "users", {"version": "INTEGER NOT NULL DEFAULT 0"})
                _add_columns(db, "records", {"kind": "TEXT NOT NULL DEFAULT 'message'", "other": "TEXT NOT NULL DEFAULT ''"})
            db.exec_driver_sql(f"PRAGMA application_id={APPLICATION}")
            db.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def _add_columns(db: Connection, table: str, columns: dict[str, str]) -> None:
    """What a table of an older version lacks."""
    there = {row[1] for row in db.exec_driver_sql(f"PRAGMA table_info({table})")}
    for name, kind in columns.items():
        if name not in there:
            db.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")


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
