"""People's vectors: found in their own space alone, kept whatever fails, gone with their person and their record."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert

from idiolect.errors import StoreError
from idiolect.store import Store, schema
from idiolect.store.vectors import Waiting
from idiolect.types import Record
from tests.store.test_spaces import a_space

ROOT = Path(__file__).parents[2]
WIDTH = 64


def vector(text):
    made = np.random.default_rng(list(text.encode())).normal(size=WIDTH).astype(np.float32)
    return made / np.linalg.norm(made)


def fill(store, into):
    """Give everybody the vectors they lack."""
    count = 0
    while waiting := store.vectors.missing(into, 10):
        count += store.vectors.put(into, [(one, np.array([vector(r.answer) for r in one.records]).reshape(-1, WIDTH)) for one in waiting])
    return count


def found(store, into, user_id, text, k=3):
    return [record.answer for record in store.vectors.search(into, user_id, vector(text), k).records]


@pytest.fixture
def store(places):
    with Store(places()) as opened:
        for who in ("ann", "bob"):
            opened.add(who, [Record("", f"{who} said {number}", number, f"r{number}") for number in range(25)])
        yield opened


@pytest.fixture
def into(store):
    opened = store.vectors.open(a_space(width=WIDTH))
    fill(store, opened)
    return opened


def test_the_nearest_are_found_best_first_among_ones_own(store, into):
    hit = store.vectors.search(into, "ann", vector("ann said 7"), 4)
    every = {f"ann said {n}": float(vector(f"ann said {n}") @ vector("ann said 7")) for n in range(25)}
    assert [record.answer for record in hit.records] == sorted(every, key=every.get, reverse=True)[:4]
    assert hit.scores == pytest.approx(sorted(every.values(), reverse=True)[:4], abs=2e-3) and hit.pending == []
    assert found(store, into, "ann", "bob said 7")[0].startswith("ann")
    assert found(store, into, "ann", "x", 0) == [] and len(found(store, into, "ann", "x", 99)) == 25


def test_of_equal_vectors_the_later_record_comes_first(store, into):
    store.add("cyd", [Record("", "same", number, f"s{number}") for number in range(5)])
    fill(store, into)
    assert [record.id for record in store.vectors.search(into, "cyd", vector("same"), 3).records] == ["s4", "s3", "s2"]


def test_a_record_without_a_vector_is_told_as_pending(store, into):
    store.add("ann", [Record("", "new", 99)])
    assert [record.answer for record in store.vectors.search(into, "ann", vector("new"), 1).pending] == ["new"]
    assert not store.vectors.complete(into, "ann") and store.vectors.complete(into, "bob") and store.vectors.people(into) == (1, 2)
    assert fill(store, into) == 1 and store.vectors.complete(into, "ann")
    hit = store.vectors.search(into, "ann", vector("new"), 1)
    assert hit.records[0].answer == "new" and hit.pending == []


def test_spaces_never_mix_and_the_refusal_names_both_and_the_way_out(store, into):
    with pytest.raises(StoreError, match=r"made by 'm' \(64 wide.*not by 'other' \(32 wide.*idiolect reindex --store"):
        store.vectors.open(a_space(width=32, name="other"))
    with pytest.raises(StoreError, match=r"made by 'm' .*not by 'm' "):
        store.vectors.open(a_space(5, WIDTH))  # the same name, another model
    assert store.vectors.current().same(a_space(width=WIDTH))


def test_the_old_space_answers_until_the_new_one_is_whole_and_then_refuses(store, into):
    coming = store.vectors.begin(a_space(2, WIDTH))
    assert coming.key != into.key and not store.vectors.finish(coming)
    waiting = store.vectors.missing(coming, 10)
    store.vectors.put(coming, [(one, np.array([vector(r.answer) for r in one.records])) for one in waiting])
    assert found(store, into, "ann", "ann said 3", 1) == ["ann said 3"]
    again = store.vectors.begin(a_space(2, WIDTH))
    assert again.key == coming.key and fill(store, again) == 40, "ten were there"
    store.add("bob", [Record("", "while it lasted", 99)])
    assert not store.vectors.finish(coming) and fill(store, coming) == 1 and store.vectors.finish(coming)
    assert found(store, coming, "bob", "while it lasted", 1) == ["while it lasted"]
    for refused in (lambda: found(store, into, "ann", "x"), lambda: store.vectors.put(into, [])):
        with pytest.raises(StoreError, match="made by 'm' .*not by 'm' .*idiolect reindex"):
            refused()
    with store._reading() as db:
        assert db.exec_driver_sql("SELECT DISTINCT space FROM vectors").all() == [(coming.key,)]


def test_what_changed_while_it_was_embedded_is_left_out(store, into):
    store.add("ann", [Record("", "before", 50, "e"), Record("", "gone", 51, "g"), Record("", "stays", 52, "s")])
    waiting = store.vectors.missing(into, 10)
    made = np.array([vector(record.answer) for record in waiting[0].records])
    store.edit("ann", Record("", "after", 50, "e"))
    store.forget("ann", ["g"])
    assert store.vectors.put(into, [(waiting[0], made)]) == 1
    assert store.vectors.put(into, [(waiting[0], made)]) == 0, "it has one by now"
    assert [record.answer for record in store.vectors.search(into, "ann", vector("x"), 1).pending] == ["after"]
    store.erase("ann")
    assert store.vectors.put(into, [(waiting[0], made)]) == 0
    assert store.vectors.put(into, [(Waiting(77, {}), np.zeros((0, WIDTH)))]) == 0


def test_what_another_process_did_is_seen_although_vectors_are_held_in_memory(store, into, places):
    assert found(store, into, "ann", "ann said 3", 1) == ["ann said 3"] and len(store.vectors.recent) == 1
    with Store(places()) as other:
        other.add("ann", [Record("", "from elsewhere", 99)])
        fill(other, into)
        assert found(store, into, "ann", "from elsewhere", 1) == ["from elsewhere"]
        other.forget("ann", ["r3"])
        assert "ann said 3" not in found(store, into, "ann", "ann said 3", 30)
        other.erase("ann")
        other.add("ann", [Record("", "another ann", 1)])
        fill(other, into)
    assert found(store, into, "ann", "ann said 3", 30) == ["another ann"]


def test_an_unknown_person_is_an_error_and_memory_lets_go_of_the_erased(store, into):
    found(store, into, "ann", "x")
    store.erase("ann")
    assert store.vectors.recent.get("ann") is None
    with pytest.raises(StoreError, match="'ann' is not in the store"):
        found(store, into, "ann", "x")


def test_no_byte_of_a_vector_is_left_of_the_erased(store, into, places):
    raws = {who: vector(f"{who} said 3").astype("<f2").tobytes() for who in ("ann", "bob")}
    store._database.compact()
    there = places.raw()
    assert all(raw in there for raw in raws.values())
    assert store.erase("ann").clean
    store.close()
    left = places.raw()
    pieces = [raws["ann"][at : at + 8] for at in range(0, len(raws["ann"]) - 8, 8)]
    assert not [piece for piece in pieces if piece in left] and raws["bob"] in left


def test_a_vector_left_behind_would_be_found_by_the_search_of_bytes(store, into, places):
    store.add("dan", [Record("", "a secret of dan's", 1)])
    fill(store, into)
    copied = vector("a secret of dan's").astype("<f2").tobytes()
    with store._writing() as db:
        db.execute(insert(schema.spaces).values(name="elsewhere", width=1, probe=copied, role="leaving"))
    left = store.erase("dan").found
    assert left == (("p.db",) if places.in_files else ("table spaces", "file of spaces"))


def test_a_forgotten_records_vector_is_gone_and_an_equal_one_of_another_stays(store, into, places):
    for who in ("ann", "bob"):
        store.add(who, [Record("", "said by both", 99, "both")])
    fill(store, into)
    assert store.forget("ann", ["both"]).clean
    assert found(store, into, "bob", "said by both", 1) == ["said by both"]
    assert found(store, into, "ann", "said by both", 1) != ["said by both"]


WRITER = """
import sys
import numpy as np
from idiolect.store import Store, schema
from idiolect.types import Record
from tests.store.test_spaces import a_space
from tests.store.test_vectors import WIDTH, fill
store, who = Store(sys.argv[1]), sys.argv[2]
into = store.vectors.open(a_space(width=WIDTH))
for i in range(int(sys.argv[3])):
    store.add(who, [Record("", f"{who} {i}", i)])
    fill(store, into)
    print(i, flush=True)
"""


def start(path, who, many):
    command = [sys.executable, "-c", WRITER, str(path), who, str(many)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_killed_process_loses_no_acknowledged_vector(places):
    for kill, acks in enumerate((1, 6, 17)):
        writer = start(places(), f"writer {kill}", 100_000)
        for _ in range(acks):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = acks + len(writer.stdout.read().split("\n")[:-1])
        writer.wait()
        with Store(places()) as store:
            into = store.vectors.open(a_space(width=WIDTH))
            hit = store.vectors.search(into, f"writer {kill}", vector(f"writer {kill} 0"), 100_000)
            assert len(hit.records) >= acknowledged and hit.records[0].answer == f"writer {kill} 0"
            assert len(hit.records) + len(hit.pending) == len(store.user(f"writer {kill}").records)
            fill(store, into)
            assert store.vectors.complete(into, f"writer {kill}")


def test_two_processes_and_threads_at_once_make_each_vector_once(places):
    writers = [start(places(), who, 15) for who in ("ann", "both", "both")]
    assert [writer.communicate()[0].split()[-1] for writer in writers] == ["14"] * 3
    with Store(places()) as store:
        into = store.vectors.open(a_space(width=WIDTH))
        store.add("cyd", [Record("", f"cyd {n}", n) for n in range(60)])
        threads = [threading.Thread(target=fill, args=(store, into)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for who, count in (("ann", 15), ("both", 15), ("cyd", 60)):
            hit = store.vectors.search(into, who, vector(f"{who} 3"), 1000)
            assert len(hit.records) == len({record.id for record in hit.records}) == count and not hit.pending
            assert hit.records[0].answer == f"{who} 3"
