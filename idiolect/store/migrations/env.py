"""Alembic's way in: runs the revisions in the transaction that the store has opened, or, from its command line, on a given database."""

from alembic import context
from sqlalchemy import Connection, create_engine

from idiolect.store import revisions, schema


def run() -> None:
    """On the store's connection, or on the database that `-x url=...` names."""
    opened = context.config.attributes.get("connection")
    if opened is None:
        with create_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as db:
            _on(db)
    else:
        _on(opened)


def _on(db: Connection) -> None:
    context.configure(connection=db, target_metadata=schema.metadata, version_table=revisions.TABLE)
    with context.begin_transaction():
        context.run_migrations()


run()
