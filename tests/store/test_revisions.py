"""Stores of earlier versions are brought up to date with all that is in them, and the tables are what the migrations make."""

import os
import sqlite3
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text

from idiolect.errors import StoreError
from idiolect.store import Store, revisions, schema, triggers
from idiolect.types import Record, State
from tests.store.old_schemas import MADE, make_old
from tests.store.places import PROGRAMS
from tests.store.test_layouts import an_adapter
from tests.store.test_spaces import a_space
from tests.store.test_states import a_state, same
from tests.store.test_vectors import WIDTH, fill, found

ROOT = Path(__file__).parents[2]
BIG = State("big", arrays={"v": np.arange(40_000.0)})
RECORDS = [Record("p", "a first answer", 1, "r1"), Record("\ud800", "nul \x00, and a second", 2, "r2")]


def filled(path):
    with Store(path) as store:
        for who in ("ann", "bob\ud800"):
            store.add(who, RECORDS)
            store.save(who, "PAG", {"k": 1}, a_state(), "h")
            store.save(who, "Big", {}, BIG, "h")
        store.save_shared("PAG", {}, State("of all"))


@pytest.mark.parametrize("version", MADE)
def test_a_store_of_an_earlier_version_is_brought_up_with_all_that_is_in_it(tmp_path, version):
    path = tmp_path / "p.db"
    filled(path)
    with Store(path) as store:
        if version == "1":  # which had no rows for adapters: they lay with the rest of a state
            for who in store.users():
                store.save(who, "PAG", {"k": 1}, replace(a_state(), adapter=None), "h")
        else:
            store.save("ann", "OPPU", {}, State("with", adapter=an_adapter(3)))
        if version >= "4":
            fill(store, store.vectors.open(a_space(width=WIDTH)))
        if version >= "5":
            store.usage.add("ann", "m", 7, 1, 2, 3)
    make_old(path, version)
    with Store(path) as store:
        assert store.users() == ["ann", "bob\ud800"]
        for who in store.users():
            assert list(store.user(who).records) == RECORDS and store.version(who)[1] >= 0
            assert same(store.load(who, "Big", {}), BIG) and store.provenance(who)[0].history == "h"
            assert same(store.load(who, "PAG", {"k": 1}), replace(a_state(), adapter=None) if version == "1" else a_state())
        assert store.load_shared("PAG", {}).text == "of all"
        assert version == "1" or store.load("ann", "OPPU", {}).adapter == an_adapter(3)
        assert store.usage.spent("ann") == ((1, 2, 3) if version >= "5" else (0, 0, 0))
        into = store.vectors.open(a_space(width=WIDTH))
        assert fill(store, into) == (0 if version >= "4" else 4) and found(store, into, "ann", "a first answer", 1) == ["a first answer"]
        store.forget("ann", ["r1"])
        assert "a first answer" not in found(store, into, "ann", "a first answer", 2)
        store.add("ann", [Record("q", "4", 3, kind="rating", other="a reply")])
        assert store.user("ann").records[-1].kind == "rating" and store.unlearn("bob\ud800") == 2
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (revisions.HEAD,)
        assert db.execute("SELECT version_num FROM idiolect_revision").fetchall() == [(f"{revisions.HEAD:04d}",)]
    db.close()
    assert differences(f"sqlite:///{path}") == []


def differences(url):
    """Where a database is not what the tables say."""
    engine = create_engine(str(url).replace("postgresql:", "postgresql+psycopg:"))
    made = [schema.metadata, schema.beside] if engine.dialect.name == "postgresql" else schema.metadata

    def concerns(thing, name, kind, reflected, other):
        only = getattr(thing, "_ddl_if", None)
        return name != revisions.TABLE and (only is None or only.dialect == engine.dialect.name)

    with engine.connect() as db:
        # SQLite's versions 3 to 5 wrote TEXT where a new store has VARCHAR: the same to SQLite
        strictly = engine.dialect.name == "postgresql"
        context = MigrationContext.configure(db, opts={"compare_type": strictly, "include_object": concerns})
        with warnings.catch_warnings():  # that SQLite does not say what PostgreSQL's own indexes are: it has none of them
            warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based index")
            found = compare_metadata(context, made)
    engine.dispose()
    return found


def test_what_the_migrations_make_is_what_the_tables_say(places):
    Store(places("made at once")).close()
    migrated = places("migrated")
    url = f"sqlite:///{migrated}" if places.in_files else str(migrated).replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url)
    with engine.begin() as db:
        revisions.upgrade(db)
    engine.dispose()
    at_once = f"sqlite:///{places('made at once')}" if places.in_files else places("made at once")
    assert differences(at_once) == [] and differences(url) == []
    if places.in_files:
        assert names_in(places("made at once")) == names_in(migrated)
    else:
        assert dumped(at_once) == dumped(migrated)


def names_in(path):
    """All tables with their columns, types and defaults, indexes and triggers of a file."""
    with sqlite3.connect(path) as db:
        found = db.execute("SELECT type, name, tbl_name FROM sqlite_master ORDER BY 1, 2").fetchall()
        found += [sorted(db.execute(f"PRAGMA table_info({name})")) for kind, name, _ in list(found) if kind == "table"]
        found += [
            list(db.execute(f"PRAGMA index_info({name})"))
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'index' ORDER BY 1")
        ]
        found += db.execute(
            "SELECT name, replace(replace(sql, 'IF NOT EXISTS ', ''), char(10), ' ') FROM sqlite_master WHERE type = 'trigger' ORDER BY 1"
        ).fetchall()
    db.close()
    return found


def dumped(url):
    """All that makes the tables, the triggers and the storage of each column, as PostgreSQL's own program writes it."""
    program = sorted(Path("/").glob(PROGRAMS[1:] + "/pg_dump"))[-1]
    said = subprocess.run([program, "--schema-only", url], capture_output=True, text=True, check=True).stdout
    return [line for line in said.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]  # a key that is new each time


def test_the_triggers_of_a_new_store_are_those_of_the_tables(tmp_path):
    Store(tmp_path / "p.db").close()
    with sqlite3.connect(tmp_path / "p.db") as db:
        made = {sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'records'")}
        assert made == set(triggers.SQLITE)
    db.close()


def test_a_newer_store_is_refused_and_untouched(places):
    with Store(places()) as store:
        store.add("ann", RECORDS)
        with store._writing() as db:
            db.execute(text("UPDATE idiolect_revision SET version_num = '0099'"))
            if places.in_files:
                db.exec_driver_sql("PRAGMA user_version=99")
    with pytest.raises(StoreError, match=r"newer idiolect \(schema 99; this one knows \d+\): upgrade idiolect"):
        Store(places())


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "p.db"
    filled(path)
    make_old(path, "2")

    def failing(db, found):
        revisions.stamp(db, found)
        revisions.upgrade(db)
        raise OSError("cut short")

    with monkeypatch.context() as patch:
        patch.setattr(revisions, "bring_up", failing)
        with pytest.raises(StoreError, match="cut short"):
            Store(path)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name IN ('idiolect_revision', 'vectors')").fetchall()
    db.close()
    with Store(path) as store:
        assert list(store.user("ann").records) == RECORDS


def test_several_at_once_make_one_store(places):
    place, failed = places(), []

    def work(who):
        try:
            with Store(place) as store:
                store.add(who, RECORDS)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"user {number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(place) as store:
        assert not failed and len(store.users()) == 6


def test_alembic_is_imported_for_an_upgrade_alone(tmp_path):
    code = "import sys; from idiolect.store import Store; Store(sys.argv[1]).close(); Store(sys.argv[1]).close(); print('alembic' in sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path / "p.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.strip() == "False"
