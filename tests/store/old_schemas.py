"""The schemas as earlier versions made them, in their own words: 1 and 2 as they stood, 3 and 4 on the way to 5."""

import sqlite3
from pathlib import Path

V1 = """
CREATE TABLE users (
    "key" INTEGER NOT NULL,
    id TEXT NOT NULL,
    created FLOAT NOT NULL,
    PRIMARY KEY ("key"),
    UNIQUE (id)
);
CREATE TABLE shared (
    "key" INTEGER NOT NULL,
    method TEXT NOT NULL,
    config TEXT NOT NULL,
    history TEXT NOT NULL,
    created FLOAT NOT NULL,
    bytes INTEGER NOT NULL,
    blob BLOB,
    file VARCHAR,
    PRIMARY KEY ("key"),
    UNIQUE (method, config)
);
CREATE TABLE records (
    "key" INTEGER NOT NULL,
    user INTEGER NOT NULL,
    time FLOAT NOT NULL,
    id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY ("key"),
    UNIQUE (user, id),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
);
CREATE TABLE states (
    "key" INTEGER NOT NULL,
    user INTEGER NOT NULL,
    method TEXT NOT NULL,
    config TEXT NOT NULL,
    history TEXT NOT NULL,
    created FLOAT NOT NULL,
    bytes INTEGER NOT NULL,
    blob BLOB,
    file VARCHAR,
    PRIMARY KEY ("key"),
    UNIQUE (user, method, config),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
);
"""
ROWS = """
CREATE TABLE free_rows (
    file VARCHAR NOT NULL,
    "row" INTEGER NOT NULL,
    pending BOOLEAN NOT NULL,
    PRIMARY KEY (file, "row")
);
CREATE TABLE adapters (
    "key" INTEGER NOT NULL,
    state INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    scale FLOAT NOT NULL,
    digest VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    "row" INTEGER NOT NULL,
    token BLOB NOT NULL,
    PRIMARY KEY ("key"),
    UNIQUE (state, place),
    UNIQUE (file, "row"),
    FOREIGN KEY(state) REFERENCES states ("key") ON DELETE CASCADE
);;
"""
KINDS = """
ALTER TABLE users ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE records ADD COLUMN kind TEXT NOT NULL DEFAULT 'message';
ALTER TABLE records ADD COLUMN other TEXT NOT NULL DEFAULT '';
"""
VECTORS = """
CREATE TABLE spaces (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    width INTEGER NOT NULL,
    probe BLOB NOT NULL,
    role VARCHAR NOT NULL
);
CREATE TABLE stale (
    space INTEGER NOT NULL,
    user INTEGER NOT NULL,
    PRIMARY KEY (space, user)
) WITHOUT ROWID;
CREATE TABLE vectors (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL,
    space INTEGER NOT NULL,
    edition INTEGER DEFAULT '0' NOT NULL,
    members TEXT NOT NULL,
    data BLOB NOT NULL,
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
);
CREATE INDEX vectors_of ON vectors (user, space);
CREATE TRIGGER record_came AFTER INSERT ON records BEGIN INSERT INTO stale SELECT key, NEW.user FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING; END;
CREATE TRIGGER record_went AFTER DELETE ON records BEGIN UPDATE vectors SET edition = edition + 1, members = replace(members, printf(',%011d', OLD.key), ',00000000000'), data = CAST(
substr(data, 1, ((instr(members, printf(',%011d', OLD.key)) - 1) / 12) * (12 * length(data) / length(members))) || zeroblob((12 * length(data) / length(members))) || substr(data, (((instr(members, printf(',%011d', OLD.key)) - 1) / 12) + 1) * (12 * length(data) / length(members)) + 1) AS BLOB)
WHERE user = OLD.user AND instr(members, printf(',%011d', OLD.key)); END;
CREATE TRIGGER record_changed AFTER UPDATE OF user, prompt, answer ON records BEGIN UPDATE vectors SET edition = edition + 1, members = replace(members, printf(',%011d', OLD.key), ',00000000000'), data = CAST(
substr(data, 1, ((instr(members, printf(',%011d', OLD.key)) - 1) / 12) * (12 * length(data) / length(members))) || zeroblob((12 * length(data) / length(members))) || substr(data, (((instr(members, printf(',%011d', OLD.key)) - 1) / 12) + 1) * (12 * length(data) / length(members)) + 1) AS BLOB)
WHERE user = OLD.user AND instr(members, printf(',%011d', OLD.key)); INSERT INTO stale SELECT key, NEW.user FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING; END;
"""
USAGE = """
CREATE TABLE usage (
    user INTEGER NOT NULL,
    day INTEGER NOT NULL,
    model TEXT NOT NULL,
    calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (user, day, model),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
) WITHOUT ROWID;
"""
V5 = """
CREATE TABLE users (
    "key" INTEGER NOT NULL,
    id TEXT NOT NULL,
    created FLOAT NOT NULL,
    version INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY ("key"),
    UNIQUE (id)
);
CREATE TABLE shared (
    "key" INTEGER NOT NULL,
    method TEXT NOT NULL,
    config TEXT NOT NULL,
    history TEXT NOT NULL,
    created FLOAT NOT NULL,
    bytes INTEGER NOT NULL,
    blob BLOB,
    file VARCHAR,
    PRIMARY KEY ("key"),
    UNIQUE (method, config)
);
CREATE TABLE free_rows (
    file VARCHAR NOT NULL,
    "row" INTEGER NOT NULL,
    pending BOOLEAN NOT NULL,
    PRIMARY KEY (file, "row")
);
CREATE TABLE spaces (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    width INTEGER NOT NULL,
    probe BLOB NOT NULL,
    role VARCHAR NOT NULL
);
CREATE TABLE stale (
    space INTEGER NOT NULL,
    user INTEGER NOT NULL,
    PRIMARY KEY (space, user)
) WITHOUT ROWID;
CREATE TABLE records (
    "key" INTEGER NOT NULL,
    user INTEGER NOT NULL,
    time FLOAT NOT NULL,
    id TEXT NOT NULL,
    prompt TEXT NOT NULL,
    answer TEXT NOT NULL,
    kind VARCHAR DEFAULT 'message' NOT NULL,
    other TEXT DEFAULT '' NOT NULL,
    PRIMARY KEY ("key"),
    UNIQUE (user, id),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
);
CREATE TABLE states (
    "key" INTEGER NOT NULL,
    user INTEGER NOT NULL,
    method TEXT NOT NULL,
    config TEXT NOT NULL,
    history TEXT NOT NULL,
    created FLOAT NOT NULL,
    bytes INTEGER NOT NULL,
    blob BLOB,
    file VARCHAR,
    PRIMARY KEY ("key"),
    UNIQUE (user, method, config),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
);
CREATE TABLE usage (
    user INTEGER NOT NULL,
    day INTEGER NOT NULL,
    model TEXT NOT NULL,
    calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    tokens INTEGER NOT NULL,
    PRIMARY KEY (user, day, model),
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE vectors (
    "key" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user INTEGER NOT NULL,
    space INTEGER NOT NULL,
    edition INTEGER DEFAULT '0' NOT NULL,
    members TEXT NOT NULL,
    data BLOB NOT NULL,
    FOREIGN KEY(user) REFERENCES users ("key") ON DELETE CASCADE
);
CREATE INDEX vectors_of ON vectors (user, space);
CREATE TRIGGER record_came AFTER INSERT ON records BEGIN INSERT INTO stale SELECT key, NEW.user FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING; END;
CREATE TRIGGER record_went AFTER DELETE ON records BEGIN UPDATE vectors SET edition = edition + 1, members = replace(members, printf(',%011d', OLD.key), ',00000000000'), data = CAST(
substr(data, 1, ((instr(members, printf(',%011d', OLD.key)) - 1) / 12) * (12 * length(data) / length(members))) || zeroblob((12 * length(data) / length(members))) || substr(data, (((instr(members, printf(',%011d', OLD.key)) - 1) / 12) + 1) * (12 * length(data) / length(members)) + 1) AS BLOB)
WHERE user = OLD.user AND instr(members, printf(',%011d', OLD.key)); END;
CREATE TRIGGER record_changed AFTER UPDATE OF user, prompt, answer ON records BEGIN UPDATE vectors SET edition = edition + 1, members = replace(members, printf(',%011d', OLD.key), ',00000000000'), data = CAST(
substr(data, 1, ((instr(members, printf(',%011d', OLD.key)) - 1) / 12) * (12 * length(data) / length(members))) || zeroblob((12 * length(data) / length(members))) || substr(data, (((instr(members, printf(',%011d', OLD.key)) - 1) / 12) + 1) * (12 * length(data) / length(members)) + 1) AS BLOB)
WHERE user = OLD.user AND instr(members, printf(',%011d', OLD.key)); INSERT INTO stale SELECT key, NEW.user FROM spaces WHERE role <> 'leaving' ON CONFLICT DO NOTHING; END;
CREATE TABLE adapters (
    "key" INTEGER NOT NULL,
    state INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    scale FLOAT NOT NULL,
    digest VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    "row" INTEGER NOT NULL,
    token BLOB NOT NULL,
    PRIMARY KEY ("key"),
    UNIQUE (state, place),
    UNIQUE (file, "row"),
    FOREIGN KEY(state) REFERENCES states ("key") ON DELETE CASCADE
);
"""
MADE = {  # version -> how a new store was made, or how an older one was brought there
    "1": V1,
    "2": V1 + ROWS,
    "3": V1 + ROWS + KINDS,
    "4": V1 + ROWS + KINDS + VECTORS,
    "5, brought up": V1 + ROWS + KINDS + VECTORS + USAGE,
    "5": V5,
}


def make_old(path: Path, version: str) -> None:
    """Put in place of the store at `path` one of an earlier version, with whatever of its rows that one could hold."""
    latest = path.rename(path.with_name("latest.db"))
    with sqlite3.connect(path) as db:
        db.executescript(f"PRAGMA application_id={0x49444C54}; PRAGMA user_version={version[0]};" + MADE[version])
        db.execute("ATTACH ? AS latest", (str(latest),))
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
            columns = ", ".join(f'"{row[1]}"' for row in db.execute(f"PRAGMA table_info({table})"))
            db.execute(f"INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM latest.{table}")
    db.close()
    latest.unlink()
