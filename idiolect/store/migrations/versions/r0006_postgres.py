"""Revision 6: replies, pages of records, and stores in PostgreSQL, whose tables all begin here."""

from alembic import op

revision = "0006"
down_revision = "0005"

SQLITE = (
    """CREATE TABLE IF NOT EXISTS replies (
    "key" INTEGER NOT NULL, id VARCHAR NOT NULL, user INTEGER NOT NULL, created FLOAT NOT NULL, model TEXT NOT NULL,
    method TEXT NOT NULL, question TEXT NOT NULL, text TEXT NOT NULL, because TEXT NOT NULL, PRIMARY KEY ("key"), UNIQUE (id),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE)""",
    "CREATE INDEX IF NOT EXISTS replies_of ON replies (user, created)",
    'CREATE INDEX IF NOT EXISTS records_of ON records (user, "key")',
)
STATE = """method BYTEA NOT NULL, config BYTEA NOT NULL, history BYTEA NOT NULL,
    created FLOAT NOT NULL, bytes BIGINT NOT NULL, blob BYTEA, file VARCHAR"""
MINE = 'FOREIGN KEY ("user") REFERENCES users (key) ON DELETE CASCADE'
POSTGRES = (
    """CREATE TABLE users (
    key BIGSERIAL PRIMARY KEY, id BYTEA NOT NULL, created FLOAT NOT NULL, version BIGINT DEFAULT '0' NOT NULL, UNIQUE (id))""",
    f"CREATE TABLE shared (key BIGSERIAL PRIMARY KEY, {STATE})",
    "CREATE UNIQUE INDEX shared_of ON shared (sha256(method), sha256(config))",
    "CREATE TABLE free_rows (file VARCHAR NOT NULL, row INTEGER NOT NULL, pending BOOLEAN NOT NULL, PRIMARY KEY (file, row))",
    """CREATE TABLE spaces (
    key BIGSERIAL PRIMARY KEY, name BYTEA NOT NULL, width INTEGER NOT NULL, probe BYTEA NOT NULL, role VARCHAR NOT NULL)""",
    'CREATE TABLE stale (space BIGINT NOT NULL, "user" BIGINT NOT NULL, PRIMARY KEY (space, "user"))',
    f"""CREATE TABLE records (
    key BIGSERIAL PRIMARY KEY, "user" BIGINT NOT NULL, time FLOAT NOT NULL, id BYTEA NOT NULL, prompt BYTEA NOT NULL,
    answer BYTEA NOT NULL, kind VARCHAR DEFAULT 'message' NOT NULL, other BYTEA DEFAULT '' NOT NULL, {MINE})""",
    'CREATE INDEX records_of ON records ("user", key)',
    'CREATE UNIQUE INDEX record_ids ON records ("user", sha256(id))',
    f'CREATE TABLE states (key BIGSERIAL PRIMARY KEY, "user" BIGINT NOT NULL, {STATE}, {MINE})',
    'CREATE UNIQUE INDEX states_of ON states ("user", sha256(method), sha256(config))',
    f"""CREATE TABLE usage (
    "user" BIGINT NOT NULL, day INTEGER NOT NULL, model BYTEA NOT NULL, calls BIGINT NOT NULL, prompt_tokens BIGINT NOT NULL,
    tokens BIGINT NOT NULL, PRIMARY KEY ("user", day, model), {MINE})""",
    f"""CREATE TABLE vectors (
    key BIGSERIAL PRIMARY KEY, "user" BIGINT NOT NULL, space BIGINT NOT NULL, edition BIGINT DEFAULT '0' NOT NULL,
    members TEXT NOT NULL, data BYTEA NOT NULL, {MINE})""",
    'CREATE INDEX vectors_of ON vectors ("user", space)',
    f"""CREATE TABLE replies (
    key BIGSERIAL PRIMARY KEY, id VARCHAR NOT NULL, "user" BIGINT NOT NULL, created FLOAT NOT NULL, model BYTEA NOT NULL,
    method BYTEA NOT NULL, question BYTEA NOT NULL, text BYTEA NOT NULL, because BYTEA NOT NULL, UNIQUE (id), {MINE})""",
    'CREATE INDEX replies_of ON replies ("user", created)',
    """CREATE TABLE adapters (
    key BIGSERIAL PRIMARY KEY, state BIGINT NOT NULL, place INTEGER NOT NULL, name BYTEA NOT NULL, scale FLOAT NOT NULL,
    digest VARCHAR NOT NULL, file VARCHAR NOT NULL, row BIGINT NOT NULL, token BYTEA NOT NULL, UNIQUE (state, place),
    UNIQUE (file, row), FOREIGN KEY (state) REFERENCES states (key) ON DELETE CASCADE)""",
    "CREATE TABLE adapter_layouts (name VARCHAR PRIMARY KEY, text TEXT NOT NULL)",
    "CREATE TABLE adapter_bodies (key BIGSERIAL PRIMARY KEY, token BYTEA NOT NULL, body BYTEA NOT NULL)",
    """CREATE FUNCTION take_out_vector() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  mine text := ',' || lpad(OLD.key::text, 11, '0');
BEGIN
  UPDATE vectors SET edition = edition + 1, members = replace(members, mine, ',00000000000'),
    data = overlay(data PLACING decode(repeat('00', 12 * length(data) / length(members)), 'hex')
                   FROM (strpos(members, mine) - 1) / 12 * (12 * length(data) / length(members)) + 1)
    WHERE "user" = OLD."user" AND strpos(members, mine) > 0;
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO stale SELECT key, NEW."user" FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$""",
    """CREATE FUNCTION mark_stale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale SELECT DISTINCT spaces.key, came."user" FROM spaces CROSS JOIN came WHERE spaces.role <> 'leaving'
    ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$""",
    "CREATE TRIGGER record_came AFTER INSERT ON records REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION mark_stale()",
    "CREATE TRIGGER record_went AFTER DELETE ON records FOR EACH ROW EXECUTE FUNCTION take_out_vector()",
    'CREATE TRIGGER record_changed AFTER UPDATE OF "user", prompt, answer ON records FOR EACH ROW EXECUTE FUNCTION take_out_vector()',
)
PLAIN = {  # what is kept as it is, so that a search of bytes finds it, and not copied into statistics
    "users": ("id",),
    "shared": ("method", "config", "history", "blob"),
    "spaces": ("name", "probe"),
    "records": ("id", "prompt", "answer", "other"),
    "states": ("method", "config", "history", "blob"),
    "usage": ("model",),
    "vectors": ("data",),
    "replies": ("model", "method", "question", "text", "because"),
    "adapters": ("name", "token"),
    "adapter_bodies": ("token", "body"),
}


def upgrade() -> None:
    """Either database's."""
    db = op.get_bind()
    if db.dialect.name == "sqlite":
        for statement in SQLITE:
            db.exec_driver_sql(statement)
        return
    for statement in POSTGRES:
        db.exec_driver_sql(statement)
    for table, columns in PLAIN.items():
        for one in columns:
            db.exec_driver_sql(f"ALTER TABLE {table} ALTER {one} SET STORAGE EXTERNAL, ALTER {one} SET STATISTICS 0")
