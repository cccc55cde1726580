"""PostgreSQL: writers of different people do not wait, what is stopped begins again, a lost connection is told, erasure is honest."""

import threading

import psycopg
import pytest
from sqlalchemy import make_url, text

from idiolect.errors import StoreError
from idiolect.store import Store, postgres, rows
from idiolect.store.postgres import Postgres
from idiolect.types import Record, State
from tests.store.places import raw_database
from tests.store.test_spaces import a_space
from tests.store.test_vectors import WIDTH, fill

CANARY = "the heron of quixotic Vauxhall ate nineteen saffron buns"


@pytest.fixture
def place(on_postgres):
    return on_postgres()


@pytest.fixture
def store(place):
    with Store(place) as opened:
        for who in ("ann", "bob"):
            opened.add(who, [Record("p", f"said by {who}", 1)])
        yield opened


def end_connections(place, but=0):
    with psycopg.connect(place, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            (but,),
        )


def test_a_commit_is_on_the_disk_whatever_the_database_says(place):
    with psycopg.connect(place, autocommit=True) as db:
        db.execute(f'ALTER DATABASE "{make_url(place).database}" SET synchronous_commit = off')
    with Store(place) as store:
        assert store._database.fetch("SHOW synchronous_commit", ()) == [("on",)]


def test_a_password_is_shown_to_nobody(place):
    with Store(place.replace("postgres@", "postgres:geheim@")) as store:
        assert "geheim" not in store.place and "***" in store.place
        with pytest.raises(StoreError, match="is no file; ask for the store's `place`"):
            _ = store.path
    with pytest.raises(StoreError) as told:
        Store("postgresql://ann:geheim@127.0.0.1:9/none")
    assert "geheim" not in str(told.value) and "see that the server runs" in str(told.value)


def test_tables_of_something_else_are_refused_and_untouched(place):
    with psycopg.connect(place, autocommit=True) as db:
        db.execute("CREATE TABLE users (a int)")
    with pytest.raises(StoreError, match=r"has tables users of something else; give another database or schema"):
        Store(place)
    with psycopg.connect(place) as db:
        assert db.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)


def test_a_schema_of_its_own_leaves_what_else_is_there_alone(place):
    with psycopg.connect(place, autocommit=True) as db:
        db.execute("CREATE TABLE users (a int)")
        db.execute("CREATE SCHEMA idiolect")
    with Store(f"{place}&options=-csearch_path%3Didiolect") as store:
        store.add("ann", [Record("p", CANARY, 1)])
        assert store.users() == ["ann"] and store.erase("ann").clean


def test_an_id_that_no_index_takes_is_refused_with_its_limit(store):
    long = "".join(chr(0x4E00 + number % 20_000) for number in range(2000))
    with pytest.raises(StoreError, match="6000 bytes is longer than PostgreSQL can look up; give one of 2600 bytes"):
        store.add(long, [])
    assert store.add(long[:866], [Record("p", "a", 1, long)]) == 1 and store.user(long[:866]).records[0].id == long


def test_who_writes_of_one_person_keeps_nobody_from_writing_of_another(store):
    with store._writing() as db:
        rows.key_of(db, "ann", hold=True)
        done = threading.Thread(target=lambda: store.add("bob", [Record("p", "meanwhile", 2)]))
        done.start()
        done.join(10)
        assert not done.is_alive()
        waiting = threading.Thread(target=lambda: store.add("ann", [Record("p", "afterwards", 2)]))
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(10)
    assert len(store.user("ann").records) == len(store.user("bob").records) == 2


def test_two_that_wait_for_each_other_both_come_to_an_end(store):
    together, tries = threading.Barrier(2), []

    def work(order):
        first = [True]

        def steps(db):
            tries.append(order)
            rows.key_of(db, order[0], hold=True)
            if first.pop() if first else False:
                together.wait(10)
            key = rows.key_of(db, order[1], hold=True)
            rows.touch(db, key)

        store._database.write(steps)

    threads = [threading.Thread(target=work, args=(order,)) for order in (("ann", "bob"), ("bob", "ann"))]
    before = store.version("ann")[1] + store.version("bob")[1]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(tries) >= 3 and store.version("ann")[1] + store.version("bob")[1] == before + 2


def test_connections_that_were_lost_while_nobody_asked_are_replaced(store, place):
    for ask in (
        store.users,
        lambda: store.version("ann"),
        lambda: store.add("ann", [Record("p", "later", 2)]),
        lambda: store.usage.spent("ann"),
    ):
        end_connections(place)
        assert ask()
    assert len(store.user("ann").records) == 2


def test_a_connection_lost_while_reading_is_asked_again(store, place):
    asked = []

    def work(db):
        asked.append(db.exec_driver_sql("SELECT pg_backend_pid()").scalar())
        if len(asked) == 1:
            end_connections(place)
        return list(db.execute(text("SELECT 1")).scalars())

    assert store._database.read(work) == [1] and len(set(asked)) == 2


def test_a_connection_lost_while_writing_is_told_with_the_way_out_and_nothing_is_half_kept(store, place):
    asked = []

    def work(db):
        asked.append(1)
        rows.add(db, "cyd", [rows.record_row(Record("p", "half", 1))])
        end_connections(place)
        rows.touch(db, 1)

    with pytest.raises(StoreError, match=r"was lost .*call again: what was under way is kept whole or not at all"):
        store._database.write(work)
    assert asked == [1] and store.users() == ["ann", "bob"]


def test_a_failure_does_not_repeat_what_somebody_wrote(store):
    def work(db):
        db.execute(text("INSERT INTO users (id, created) VALUES ('ann', 1)"))

    with pytest.raises(StoreError) as told:
        store._database.write(work)
    assert "unique constraint" in str(told.value) and "\\x616e6e" not in str(told.value)


def test_statistics_hold_nothing_of_people(store, place):
    store.add("ann", [Record(f"{CANARY} {number % 3}", CANARY, number, f"r{number}") for number in range(300)])
    with psycopg.connect(place, autocommit=True) as db:
        db.execute("ANALYZE")
        kept = db.execute("SELECT attname FROM pg_stats WHERE schemaname = 'public' AND tablename = 'records'").fetchall()
    assert ("time",) in kept and not {("prompt",), ("answer",), ("id",)} & set(kept)
    receipt = store.erase("ann")
    assert receipt.clean and CANARY.encode() not in raw_database(place)


def test_what_compression_would_hide_is_kept_as_it_is(store, place):
    long = CANARY * 200
    store.add("ann", [Record("p", long, 2)])
    store.save("ann", "M", {}, State(long))
    store._database.compact()
    assert raw_database(place).count(CANARY.encode()) >= 300


def test_bytes_that_a_large_table_still_has_are_named(store, monkeypatch):
    store.add("ann", [Record("p", CANARY, 2)])
    with monkeypatch.context() as patch:
        patch.setattr(postgres, "SMALL", 0)
        assert "file of records" in store.erase("ann").found
    assert store.erase("ann").clean


def test_an_erasure_waits_for_those_who_still_see_what_was_deleted(store):
    store.add("ann", [Record("p", CANARY, 2)])
    seen, go_on, found = threading.Event(), threading.Event(), []

    def read():
        with store._reading() as db:
            rows.key_of(db, "ann")
            seen.set()
            go_on.wait(1.0)
            found.extend(rows.records_of(db, rows.key_of(db, "ann")))

    reader = threading.Thread(target=read)
    reader.start()
    seen.wait(10)
    receipt = store.erase("ann")
    reader.join(10)
    assert receipt.clean and len(found) == 2


def test_a_table_that_is_always_in_use_is_named_and_nobody_waits_long_for_it(store, monkeypatch):
    store.add("ann", [Record("p", CANARY, 2)])
    for name, value in (("AT_MOST", 0.05), ("ASKED", 3), ("PATIENCE", 0.1)):
        monkeypatch.setattr(postgres, name, value)
    with store._reading() as db:
        rows.key_of(db, "bob")
        list(rows.records_of(db, 2))
        receipt = store.erase("ann")
        assert "file of records" in receipt.found and "table records" not in receipt.found
    assert store.erase("ann").records == 0 and store._database.fetch("SHOW lock_timeout", ()) == [("30s",)]


def test_a_role_that_may_not_read_files_says_what_was_not_searched(place, postgres):
    name = "idiolect_small"
    with psycopg.connect(place, autocommit=True) as db:
        if not db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone():
            db.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        db.execute(f"GRANT ALL ON SCHEMA public TO {name}")
    with Store(place.replace("postgres@", f"{name}:x@")) as store:
        store.add("ann", [Record("p", CANARY, 2)])
        receipt = store.erase("ann")
        assert receipt.clean and receipt.beyond == ("the tables' files", "the write-ahead log", "the server's log", "backups and replicas")
    assert CANARY.encode() not in raw_database(place)


def test_a_record_that_comes_while_a_space_is_made_is_not_forgotten(store):
    stop, count = threading.Event(), [0]

    def add():
        while not stop.is_set() and count[0] < 300:  # as long as others come as fast as they are filled in, there is no end
            store.add("ann", [Record("", f"ann said {count[0]}", count[0], f"new{count[0]}")])
            count[0] += 1

    writers = [threading.Thread(target=add) for _ in range(1)]
    for writer in writers:
        writer.start()
    for seed in range(4):
        into = store.vectors.begin(a_space(seed, WIDTH))
        fill(store, into)
    stop.set()
    for writer in writers:
        writer.join()
    fill(store, into)
    assert store.vectors.complete(into, "ann")
    every = {key for keys in store._database.snapshot(lambda fetch: _known(fetch, into.key)) for key in keys}
    assert len(every) == len(store.user("ann").records) > 1


def _known(fetch, space):
    from idiolect.store import chunks

    return chunks.known(fetch, space, 1)


def test_the_two_spellings_of_a_url_are_one_store(place):
    with Store(place) as store:
        store.add("ann", [])
    for scheme in ("postgresql+psycopg:", "postgres:"):
        with Store(place.replace("postgresql:", scheme)) as store:
            assert store.users() == ["ann"] and isinstance(store._database, Postgres)
