"""Revision 4: people's vectors, which the database itself rids of what is not kept."""

from alembic import op

revision = "0004"
down_revision = "0003"

KEY = "printf(',%011d', OLD.key)"
AT, SIZE = f"((instr(members, {KEY}) - 1) / 12)", "(12 * length(data) / length(members))"
TAKE_OUT = f"""UPDATE vectors SET edition = edition + 1, members = replace(members, {KEY}, ',00000000000'), data = CAST(
substr(data, 1, {AT} * {SIZE}) || zeroblob({SIZE}) || substr(data, ({AT} + 1) * {SIZE} + 1) AS BLOB)
WHERE user = OLD.user AND instr(members, {KEY});"""
MARK = "INSERT INTO stale SELECT key, NEW.user FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING;"
STATEMENTS = (
    """CREATE TABLE IF NOT EXISTS spaces (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, width INTEGER NOT NULL, probe BLOB NOT NULL,
    role VARCHAR NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS vectors (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, user INTEGER NOT NULL, space INTEGER NOT NULL,
    edition INTEGER DEFAULT '0' NOT NULL, members TEXT NOT NULL, data BLOB NOT NULL,
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE)""",
    "CREATE INDEX IF NOT EXISTS vectors_of ON vectors (user, space)",
    "CREATE TABLE IF NOT EXISTS stale (space INTEGER NOT NULL, user INTEGER NOT NULL, PRIMARY KEY (space, user)) WITHOUT ROWID",
    f"CREATE TRIGGER IF NOT EXISTS record_came AFTER INSERT ON records BEGIN {MARK} END",
    f"CREATE TRIGGER IF NOT EXISTS record_went AFTER DELETE ON records BEGIN {TAKE_OUT} END",
    f"CREATE TRIGGER IF NOT EXISTS record_changed AFTER UPDATE OF user, prompt, answer ON records BEGIN {TAKE_OUT} {MARK} END",
)


def upgrade() -> None:
    """SQLite's alone: stores in PostgreSQL begin with revision 6."""
    db = op.get_bind()
    for statement in STATEMENTS if db.dialect.name == "sqlite" else ():
        db.exec_driver_sql(statement)
