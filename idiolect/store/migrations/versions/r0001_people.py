"""Revision 1: people, their records, and what each taught and all taught together."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """CREATE TABLE users ("key" INTEGER NOT NULL, id TEXT NOT NULL, created FLOAT NOT NULL, PRIMARY KEY ("key"), UNIQUE (id))""",
    """CREATE TABLE records (
    "key" INTEGER NOT NULL, user INTEGER NOT NULL, time FLOAT NOT NULL, id TEXT NOT NULL, prompt TEXT NOT NULL, answer TEXT NOT NULL,
    PRIMARY KEY ("key"), UNIQUE (user, id), FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE)""",
    """CREATE TABLE states (
    "key" INTEGER NOT NULL, user INTEGER NOT NULL, method TEXT NOT NULL, config TEXT NOT NULL, history TEXT NOT NULL,
    created FLOAT NOT NULL, bytes INTEGER NOT NULL, blob BLOB, file VARCHAR,
    PRIMARY KEY ("key"), UNIQUE (user, method, config), FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE)""",
    """CREATE TABLE shared (
    "key" INTEGER NOT NULL, method TEXT NOT NULL, config TEXT NOT NULL, history TEXT NOT NULL,
    created FLOAT NOT NULL, bytes INTEGER NOT NULL, blob BLOB, file VARCHAR, PRIMARY KEY ("key"), UNIQUE (method, config))""",
)


def upgrade() -> None:
    """SQLite's alone: stores in PostgreSQL begin with revision 6."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in STATEMENTS:
            op.execute(statement)
