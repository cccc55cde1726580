"""Revision 2: adapters lie in rows of files."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS adapters (
    "key" INTEGER NOT NULL, state INTEGER NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, scale FLOAT NOT NULL,
    digest VARCHAR NOT NULL, file VARCHAR NOT NULL, "row" INTEGER NOT NULL, token BLOB NOT NULL, PRIMARY KEY ("key"),
    UNIQUE (state, place), UNIQUE (file, "row"), FOREIGN KEY(state) REFERENCES states ("key") ON DELETE CASCADE)""",
    """CREATE TABLE IF NOT EXISTS free_rows (
    file VARCHAR NOT NULL, "row" INTEGER NOT NULL, pending BOOLEAN NOT NULL, PRIMARY KEY (file, "row"))""",
)


def upgrade() -> None:
    """SQLite's alone: stores in PostgreSQL begin with revision 6."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in STATEMENTS:
            op.execute(statement)
