"""Revision 8: what opens the adapters and vectors of a sealed store, and whose keys it was made with."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """A seal beside each adapter and each chunk of vectors, and which keys the store wants."""
    postgres = op.get_bind().dialect.name == "postgresql"
    for table in ("adapters", "vectors"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN seal {'BYTEA' if postgres else 'BLOB'}")
        if postgres:  # as all that is kept of people there: not compressed, not in statistics
            op.execute(f"ALTER TABLE {table} ALTER seal SET STORAGE EXTERNAL, ALTER seal SET STATISTICS 0")
    op.execute('CREATE TABLE IF NOT EXISTS sealing ("check" VARCHAR NOT NULL, PRIMARY KEY ("check"))')
