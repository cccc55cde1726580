"""Revision 5: what each person used of which model on which day."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS usage (
    user INTEGER NOT NULL, day INTEGER NOT NULL, model TEXT NOT NULL, calls INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,
    tokens INTEGER NOT NULL, PRIMARY KEY (user, day, model),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE) WITHOUT ROWID""",
)


def upgrade() -> None:
    """SQLite's alone: stores in PostgreSQL begin with revision 6."""
    if op.get_bind().dialect.name == "sqlite":
        for statement in STATEMENTS:
            op.execute(statement)
