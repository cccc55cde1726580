"""Where a store lies: the database that a path or a URL names, and what lies beside it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from idiolect.errors import StoreError
from idiolect.store import schema
from idiolect.store.adapter_table import AdapterTable
from idiolect.store.adapters import AdapterFiles, known
from idiolect.store.database import Database
from idiolect.store.files import NoFiles, StateFiles
from idiolect.store.keys import Keys
from idiolect.store.sqlite import SQLite

WAYS = "give a path, sqlite:///path/to/people.db, or postgresql://user@host/database"


def open_place(
    place: Path | str, precision: str, cached: int, keys: Keys | None = None
) -> tuple[Database, StateFiles, AdapterFiles | AdapterTable]:
    """The database at `place`, its big states and its adapters; `keys` open what is sealed.

    Raises StoreError if it is none, or cannot be opened.
    """
    known(precision)
    if isinstance(place, str) and "://" in place:
        try:
            url = make_url(place)
        except ArgumentError:
            raise StoreError(f"{place!r} is not a URL; {WAYS}") from None
        if url.get_backend_name() in (schema.POSTGRES, "postgres"):
            from idiolect.store.postgres import Postgres  # imported late: a file needs no driver

            database = Postgres(url)
            return _with(keys, database), NoFiles(keys), AdapterTable(database, precision, cached, keys)
        if url.get_backend_name() != schema.SQLITE:
            raise StoreError(f"a store in {url.get_backend_name()} is not supported; {WAYS}")
        place = url.database or ""
    if str(place) in ("", ":memory:"):
        raise StoreError(f"a store needs a file, since its big states lie beside it; {WAYS}")
    path = Path(place).absolute()
    beside = AdapterFiles(path.with_name(path.name + ".adapters"), precision, cached, keys)
    return _with(keys, SQLite(path)), StateFiles(path.with_name(path.name + ".states"), keys), beside


def _with(keys: Keys | None, database: Database) -> Database:
    """The database, whose texts are opened with `keys`."""
    vars(database.engine.dialect)["idiolect_keys"] = keys
    return database
