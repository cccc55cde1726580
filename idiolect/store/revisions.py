"""Which revision of the schema a database has, and how it gets the latest: a new one at once, an older one by Alembic."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, delete, insert, inspect, select

from idiolect.errors import StoreError
from idiolect.extras import need
from idiolect.store import schema, tables

HEAD = 8  # 2 added rows of adapters, 3 kinds of records, 4 vectors, 5 usage, 6 replies and PostgreSQL, 7 what a server keeps, 8 seals
TABLE = "idiolect_revision"  # Alembic's own, under a name that leaves room for an application's in the same database
MIGRATIONS = Path(__file__).with_name("migrations")

_number = Column("version_num", String(32), nullable=False)
_revision = Table(TABLE, MetaData(), _number, PrimaryKeyConstraint(_number, name=f"{TABLE}_pkc"))


def stored(db: Connection) -> int:
    """The revision that a database says it has; 0 if it says none. Raises ValueError for one that is not this project's."""
    said = db.scalar(select(_revision.c.version_num)) if inspect(db).has_table(TABLE) else None
    return int(said or 0)


def latest(db: Connection) -> bool:
    """Whether a database says that it has the latest revision."""
    return inspect(db).has_table(TABLE) and db.scalar(select(_revision.c.version_num)) == f"{HEAD:04d}"


def refuse_newer(found: int, place: str) -> None:
    """Raises StoreError for a revision that this version does not know."""
    if found > HEAD:
        raise StoreError(f"{place} was written by a newer idiolect (schema {found}; this one knows {HEAD}): upgrade idiolect")


def bring_up(db: Connection, found: int) -> None:
    """Make every table in an empty database (`found` is 0), or bring those of an older revision up to date, in the open transaction."""
    if found == 0:
        schema.create(db, tables.EVERY)
        stamp(db, HEAD)
    elif found < HEAD:
        stamp(db, found)
        upgrade(db)


def stamp(db: Connection, revision: int) -> None:
    """Say which revision a database has, as Alembic says it."""
    _revision.create(db, checkfirst=True)
    db.execute(delete(_revision))
    db.execute(insert(_revision).values(version_num=f"{revision:04d}"))


def upgrade(db: Connection) -> None:
    """Run the migrations that are lacking, in the open transaction. Raises MissingExtra without Alembic, which nothing else needs."""
    command = need("alembic.command", "a store of an earlier version")
    config = need("alembic.config", "a store of an earlier version").Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = db
    command.upgrade(config, "head")
