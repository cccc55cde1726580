"""Chunks of vectors: merged as they grow many, and rid of a vector by the database itself when its record goes."""

import numpy as np
import pytest

from idiolect.errors import StoreError
from idiolect.store import Store, chunks
from idiolect.types import Record

WIDTH = 4


@pytest.fixture
def store(places):
    with Store(places()) as opened:
        opened.add("ann", [Record("", f"text {number}", number, f"r{number}") for number in range(40)])
        yield opened


def vector(key):
    return np.array([key, 1, 0, -key], np.float32)


def put(store, keys, user=1):
    with store._writing() as db:
        fetch = store._database.fetching(db)
        sizes = [len(known) for known in chunks.known(fetch, 1, user)]
        chunks.append(fetch, 1, user, list(keys), np.stack([vector(key) for key in keys]), sizes)


def there(store):
    return [chunks.read(*row) for row in store._database.fetch("SELECT members, data FROM vectors ORDER BY key", ())]


def test_one_at_a_time_makes_few_chunks_and_keeps_order_and_values(store):
    for key in range(1, 41):
        put(store, [key])
        assert len(there(store)) <= 6  # 40 in binary has six digits
    held = there(store)
    assert np.concatenate([one.keys for one in held]).tolist() == list(range(1, 41))
    assert np.array_equal(np.concatenate([one.vectors for one in held]), np.stack([vector(key) for key in range(1, 41)]))
    assert held[0].vectors.dtype == np.float32


def test_no_chunk_is_larger_than_the_most(store, monkeypatch):
    monkeypatch.setattr(chunks, "MOST", 8)
    put(store, range(1, 21))
    put(store, range(21, 26))
    put(store, range(26, 34))
    assert [len(one.keys) for one in there(store)] == [8, 8, 4, 5, 8]
    assert np.concatenate([one.keys for one in there(store)]).tolist() == list(range(1, 34))


def test_a_vector_goes_when_its_record_goes_or_changes_and_the_others_stay(store):
    put(store, range(1, 41))
    with store._writing() as db:
        db.exec_driver_sql("DELETE FROM records WHERE key IN (1, 7, 40)")
        db.exec_driver_sql("UPDATE records SET answer = 'another' WHERE key = 20")
        db.exec_driver_sql("UPDATE records SET time = 99 WHERE key = 21")
    (held,) = there(store)
    left = [key for key in range(1, 41) if key not in (1, 7, 20, 40)]
    assert held.keys.tolist() == left and np.array_equal(held.vectors, np.stack([vector(key) for key in left]))
    assert store._database.fetch("SELECT edition FROM vectors", ()) == [(4,)]
    raw = np.float16(7).tobytes() + np.float16(1).tobytes() + np.float16(0).tobytes() + np.float16(-7).tobytes()
    assert raw not in store._database.fetch("SELECT data FROM vectors", ())[0][0]


def test_what_was_taken_out_is_dropped_for_good_when_chunks_merge(store):
    put(store, [1, 2])
    with store._writing() as db:
        db.exec_driver_sql("DELETE FROM records WHERE key = 1")
    put(store, [3, 4, 5])
    (held,) = there(store)
    assert held.keys.tolist() == [2, 3, 4, 5]
    assert len(store._database.fetch("SELECT data FROM vectors", ())[0][0]) == 4 * WIDTH * 2


def test_a_damaged_chunk_is_told_with_the_way_out():
    with pytest.raises(StoreError, match="damaged; make it anew with `idiolect reindex`"):
        chunks.read(",00000000001,00000000002", bytes(7))
