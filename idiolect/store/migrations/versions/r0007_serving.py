"""Revision 7: what a server keeps: lessons, keys and tokens, the audit log, repeatable requests, people's wishes."""

from alembic import op

revision = "0007"
down_revision = "0006"

MINE = 'FOREIGN KEY ("user") REFERENCES users ("key") ON DELETE CASCADE'
LESSONS = """CREATE TABLE IF NOT EXISTS lessons (
    "key" {key} NOT NULL, "user" {number} NOT NULL, model {text} NOT NULL, method {text} NOT NULL, status VARCHAR NOT NULL,
    why {text} DEFAULT '' NOT NULL, created FLOAT NOT NULL, until FLOAT NOT NULL, PRIMARY KEY ("key"), {mine})"""
KEYS = """CREATE TABLE IF NOT EXISTS keys (
    "key" {key} NOT NULL, id VARCHAR NOT NULL, digest {raw} NOT NULL, application VARCHAR NOT NULL, role VARCHAR NOT NULL,
    label {text} NOT NULL, created FLOAT NOT NULL, used INTEGER, expires FLOAT, revoked FLOAT, PRIMARY KEY ("key"), UNIQUE (id))"""
TOKENS = """CREATE TABLE IF NOT EXISTS tokens (
    "key" {key} NOT NULL, id VARCHAR NOT NULL, digest {raw} NOT NULL, "user" {number} NOT NULL, maker {number},
    created FLOAT NOT NULL, expires FLOAT, PRIMARY KEY ("key"), UNIQUE (id), {mine},
    FOREIGN KEY (maker) REFERENCES keys ("key") ON DELETE CASCADE)"""
AUDIT = """CREATE TABLE IF NOT EXISTS audit (
    number {number} NOT NULL, at FLOAT NOT NULL, "key" VARCHAR NOT NULL, application VARCHAR NOT NULL, role VARCHAR NOT NULL,
    action VARCHAR NOT NULL, person VARCHAR, counts TEXT NOT NULL, digest VARCHAR NOT NULL, PRIMARY KEY (number))"""
SEAL = "CREATE TABLE IF NOT EXISTS audit_seal (number {number} NOT NULL, secret {raw} NOT NULL, PRIMARY KEY (number))"
REPEATS = """CREATE TABLE IF NOT EXISTS repeats (
    id VARCHAR NOT NULL, request VARCHAR NOT NULL, "user" {number}, begun FLOAT NOT NULL, owner VARCHAR NOT NULL,
    until FLOAT NOT NULL, status INTEGER, answer TEXT, PRIMARY KEY (id), {mine})"""
WISHES = """CREATE TABLE IF NOT EXISTS wishes (
    "key" {key} NOT NULL, "user" {number} NOT NULL, about VARCHAR NOT NULL, name {text} NOT NULL, value {text} NOT NULL,
    PRIMARY KEY ("key"), {mine})"""
INDEXES = (
    'CREATE INDEX IF NOT EXISTS ix_lessons_user ON lessons ("user")',
    "CREATE INDEX IF NOT EXISTS ix_lessons_status ON lessons (status)",
    'CREATE INDEX IF NOT EXISTS tokens_of ON tokens ("user")',
    "CREATE INDEX IF NOT EXISTS audit_of ON audit (person, number)",
    'CREATE INDEX IF NOT EXISTS ix_repeats_user ON repeats ("user")',
    "CREATE INDEX IF NOT EXISTS ix_repeats_begun ON repeats (begun)",
    'CREATE INDEX IF NOT EXISTS wishes_of ON wishes ("user")',
)
ABORT = "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
SQLITE = {"key": "INTEGER", "number": "INTEGER", "text": "TEXT", "raw": "BLOB", "mine": MINE}
SQLITE_TRIGGERS = (
    "CREATE TRIGGER IF NOT EXISTS {table}_changed BEFORE UPDATE ON {table} {abort}",
    "CREATE TRIGGER IF NOT EXISTS {table}_deleted BEFORE DELETE ON {table} {abort}",
    """CREATE TRIGGER IF NOT EXISTS {table}_skipped BEFORE INSERT ON {table}
WHEN NEW.number IS NOT (SELECT coalesce(max(number), 0) + 1 FROM {table}) {abort}""",
)
POSTGRES = {"key": "BIGSERIAL", "number": "BIGINT", "text": "BYTEA", "raw": "BYTEA", "mine": MINE}
RAISE = "BEGIN RAISE EXCEPTION 'the audit log is only added to'; END"
REFUSED = f"CREATE OR REPLACE FUNCTION audit_refused() RETURNS trigger LANGUAGE plpgsql AS $$ {RAISE} $$"
POSTGRES_TRIGGERS = (
    "CREATE TRIGGER {table}_changed BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refused()",
    "CREATE TRIGGER {table}_emptied BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION audit_refused()",
)
PLAIN = {
    "lessons": ("model", "method", "why"),
    "keys": ("digest", "label"),
    "tokens": ("digest",),
    "audit_seal": ("secret",),
    "wishes": ("name", "value"),
}


def upgrade() -> None:
    """Either database's."""
    db = op.get_bind()
    sqlite = db.dialect.name == "sqlite"
    for table in (LESSONS, KEYS, TOKENS, AUDIT, SEAL, REPEATS, WISHES):
        db.exec_driver_sql(table.format(**(SQLITE if sqlite else POSTGRES)))
    for index in INDEXES:
        db.exec_driver_sql(index)
    if not sqlite:
        db.exec_driver_sql(REFUSED)
    for table in ("audit", "audit_seal"):
        for trigger in SQLITE_TRIGGERS if sqlite else POSTGRES_TRIGGERS:
            db.exec_driver_sql(trigger.format(table=table, abort=ABORT))
    for table, columns in () if sqlite else PLAIN.items():
        for one in columns:
            db.exec_driver_sql(f"ALTER TABLE {table} ALTER {one} SET STORAGE EXTERNAL, ALTER {one} SET STATISTICS 0")
