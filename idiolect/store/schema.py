"""The tables: what is kept of people, the same in SQLite and in PostgreSQL. Whoever changes one adds a revision in `migrations`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
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
    event,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from idiolect.store import triggers
from idiolect.store.keys import MARK, Keys

SQLITE, POSTGRES = "sqlite", "postgresql"  # the names of SQLAlchemy's dialects
Key = BigInteger().with_variant(Integer(), SQLITE)
Sessions = Callable[[str], AbstractContextManager[Connection]]  # what a session is for -> one transaction
TRIGGERS = triggers.SQLITE


class AnyText(TypeDecorator[str]):
    """Any Python text without loss: UTF-8 where it can be, and bytes where it has lone surrogates, which UTF-8 cannot.

    In PostgreSQL, whose texts do not take NUL either, always bytes. What was sealed is given as bytes, and is opened when it is read.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(LargeBinary() if dialect.name == POSTGRES else Text())

    def process_bind_param(self, value: str | bytes | None, dialect: Dialect) -> Any:
        if value is None or isinstance(value, bytes):
            return value
        try:
            raw = value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
        return raw if dialect.name == POSTGRES else value

    def process_result_value(self, value: Any, dialect: Dialect | None) -> str | None:
        if isinstance(value, bytes):
            keys = keys_of(dialect)
            return (keys.open(value) if keys and value.startswith(MARK) else value).decode("utf-8", "surrogatepass")
        return None if value is None else str(value)


def keys_of(dialect: Dialect | None) -> Keys | None:
    """The keys that a store was opened with: they hang on its database's dialect, which is where values are read."""
    return getattr(dialect, "idiolect_keys", None)


_ANY = AnyText()


def bound(text: str | bytes, dialect: Dialect) -> Any:
    """`text`, sealed or not, as a statement that goes past SQLAlchemy's own layers takes it."""
    return _ANY.process_bind_param(text, dialect)


def text_of(value: Any, dialect: Dialect | None = None) -> str:
    """The text in a row that such a statement gave; what may be sealed is opened with the dialect's keys."""
    return _ANY.process_result_value(value, dialect) or ""


@lru_cache(maxsize=256)
def spelt(sql: str, paramstyle: str) -> str:
    """Such a statement, written with "?" for each value and no "%", as a driver wants it."""
    return sql if paramstyle == "qmark" else sql.replace("?", "%s")


def lock(db: Connection, *tables: Table) -> None:
    """Let nobody else write to these until the transaction ends; in SQLite whoever writes is alone already."""
    if db.dialect.name == POSTGRES:
        db.exec_driver_sql(f"LOCK TABLE {', '.join(table.name for table in tables)} IN SHARE ROW EXCLUSIVE MODE")


def _unique(name: str, *columns: str, texts: tuple[str, ...]) -> list[Any]:
    """Columns and texts that are unique together; in PostgreSQL, whose index takes 2,700 bytes at most, the texts' digests are."""
    own = Index(name, *columns, *(text(f"sha256({one})") for one in texts), unique=True)
    return [UniqueConstraint(*columns, *texts).ddl_if(dialect=SQLITE), own.ddl_if(dialect=POSTGRES)]


def _state_columns() -> list[Column[Any]]:
    return [
        Column("method", AnyText, nullable=False),
        Column("config", AnyText, nullable=False),  # canonical JSON
        Column("history", AnyText, nullable=False),  # digest of the records that the state was made from
        Column("created", Float, nullable=False),  # POSIX seconds
        Column("bytes", Key, nullable=False),
        Column("blob", LargeBinary),  # the state, or
        Column("file", String),  # the name of the file that holds it
    ]


metadata = MetaData()
users = Table(
    "users",
    metadata,
    Column("key", Key, primary_key=True),
    Column("id", AnyText, nullable=False, unique=True),
    Column("created", Float, nullable=False),
    Column("version", Key, nullable=False, server_default="0"),  # grows with each change of what is kept of them
)
records = Table(
    "records",
    metadata,
    Column("key", Key, primary_key=True),  # grows: the order in which a person's records came
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("time", Float, nullable=False),
    Column("id", AnyText, nullable=False),
    Column("prompt", AnyText, nullable=False),
    Column("answer", AnyText, nullable=False),
    Column("kind", String, nullable=False, server_default="message"),
    Column("other", AnyText, nullable=False, server_default=""),
    *_unique("record_ids", "user", texts=("id",)),
    Index("records_of", "user", "key"),
)
states = Table(
    "states",
    metadata,
    Column("key", Key, primary_key=True),
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    *_state_columns(),
    *_unique("states_of", "user", texts=("method", "config")),
)
shared = Table(
    "shared",
    metadata,
    Column("key", Key, primary_key=True),
    *_state_columns(),
    *_unique("shared_of", texts=("method", "config")),
)
adapters = Table(
    "adapters",
    metadata,
    Column("key", Key, primary_key=True),
    Column("state", ForeignKey("states.key", ondelete="CASCADE"), nullable=False),
    Column("place", Integer, nullable=False),  # which of the state's adapters: a chain's state may have several
    Column("name", AnyText, nullable=False),
    Column("scale", Float, nullable=False),
    Column("digest", String, nullable=False),
    Column("file", String, nullable=False),  # its name, without the folder; in PostgreSQL, that of the layout
    Column("row", Key, nullable=False),
    Column("token", LargeBinary, nullable=False),  # stands in the row's header as long as the row is this adapter's
    Column("seal", LargeBinary),  # what opens the row, where it is sealed
    UniqueConstraint("state", "place"),
    UniqueConstraint("file", "row"),
)
free_rows = Table(  # of files; PostgreSQL has none
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
    Column("calls", Key, nullable=False),
    Column("prompt_tokens", Key, nullable=False),
    Column("tokens", Key, nullable=False),  # of replies
    sqlite_with_rowid=False,
)
spaces = Table(
    "spaces",
    metadata,
    Column("key", Key, primary_key=True),  # never used twice
    Column("name", AnyText, nullable=False),
    Column("width", Integer, nullable=False),
    Column("probe", LargeBinary, nullable=False),  # what its embedder makes of texts that never change
    Column("role", String, nullable=False),
    sqlite_autoincrement=True,
)
vectors = Table(
    "vectors",
    metadata,
    Column("key", Key, primary_key=True),  # never used twice
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("space", Key, nullable=False),
    Column("edition", Key, nullable=False, server_default="0"),  # grows when a vector is taken out
    Column("members", Text, nullable=False),  # the keys of the records, "," and 11 digits each; 0 where one is gone
    Column("data", LargeBinary, nullable=False),  # (members, width) of two bytes each
    Column("seal", LargeBinary),  # what opens them, where they are sealed: byte by byte, since the triggers overwrite some
    Index("vectors_of", "user", "space"),
    sqlite_autoincrement=True,
)
stale = Table(  # people with records that may have no vector yet
    "stale",
    metadata,
    Column("space", Key, primary_key=True, autoincrement=False),
    Column("user", Key, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
beside = MetaData()  # of PostgreSQL alone: what lies in files beside SQLite
layouts = Table("adapter_layouts", beside, Column("name", String, primary_key=True), Column("text", Text, nullable=False))
bodies = Table(
    "adapter_bodies",
    beside,
    Column("key", Key, primary_key=True),  # the `row` of `adapters`; never used twice
    Column("token", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),  # a row as it lies in a file: its header, all zeros here, and its content
)


def plain(table: str, *columns: str) -> str:
    """The statement for PostgreSQL that keeps these columns as they are, and copies nothing of them into its statistics."""
    return f"ALTER TABLE {table} " + ", ".join(f"ALTER {one} SET STORAGE EXTERNAL, ALTER {one} SET STATISTICS 0" for one in columns)


@event.listens_for(vectors, "after_create")
def _add_triggers(_: Table, db: Connection, **__: Any) -> None:
    for trigger in triggers.POSTGRES if db.dialect.name == POSTGRES else triggers.SQLITE:
        db.exec_driver_sql(trigger)


@event.listens_for(metadata, "after_create")
@event.listens_for(beside, "after_create")
def _keep_plain(_: MetaData, db: Connection, tables: list[Table], **__: Any) -> None:
    """Let PostgreSQL compress nothing of people, which would hide it from a search of bytes, nor copy it into its statistics."""
    for table in tables if db.dialect.name == POSTGRES else ():
        names = [column.name for column in table.columns if isinstance(column.type, AnyText | LargeBinary)]
        if names:
            db.exec_driver_sql(plain(table.name, *names))


def create(db: Connection, tables: Sequence[Table]) -> None:
    """Make `tables`, and in PostgreSQL what lies in files elsewhere, in the open transaction."""
    metadata.create_all(db, tables)
    if db.dialect.name == POSTGRES:
        beside.create_all(db)
