"""Revision 3: records have kinds, and a person has a version that grows with each change."""

from alembic import op

revision = "0003"
down_revision = "0002"

COLUMNS = (
    ("users", "version", "INTEGER DEFAULT '0' NOT NULL"),
    ("records", "kind", "VARCHAR DEFAULT 'message' NOT NULL"),
    ("records", "other", "TEXT DEFAULT '' NOT NULL"),
)


def upgrade() -> None:
    """SQLite's alone: stores in PostgreSQL begin with revision 6."""
    db = op.get_bind()
    for table, column, kind in COLUMNS if db.dialect.name == "sqlite" else ():
        if column not in {row[1] for row in db.exec_driver_sql(f"PRAGMA table_info({table})")}:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
