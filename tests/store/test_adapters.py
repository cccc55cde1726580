"""People's adapters in rows of one file: given back whole, replaced, used again, and wiped when their person is erased."""

import threading

import numpy as np
import pytest

from idiolect.errors import StoreError
from idiolect.store import Store
from idiolect.types import Adapter, Record, State
from tests.store.test_layouts import an_adapter
from tests.store.test_states import same


@pytest.fixture
def store(places):
    with Store(places()) as opened:
        yield opened


@pytest.fixture
def in_files(tmp_path):
    with Store(tmp_path / "p.db") as opened:
        yield opened


def enrolled(store, *people, method="OPPU"):
    for who in people:
        store.add(who, [Record("p", f"said by {who}", 1)])
        store.save(who, method, {"k": 1}, State(f"of {who}", adapter=an_adapter(sum(who.encode()), name=who)))


def row_files(store):
    return sorted(store.path.with_name(store.path.name + ".adapters").iterdir())


def factors(adapter):
    return b"".join(factor.tobytes() for pair in adapter.modules.values() for factor in pair)


def test_an_adapter_comes_back_to_the_bit_with_everything_beside_it(store, places):
    inner, odd = State("inner", adapter=an_adapter(2, rank=4)), State(adapter=Adapter({"q": (np.ones((1, 2)), np.ones((2, 1)))}))
    state = State("t", [Record("p", "a", 1)], {"n": 2}, {"v": np.arange(40_000.0)}, an_adapter(1, scale=-2, name="\ud800 x"), (inner, odd))
    store.add("ann\ud800", [])
    store.save("ann\ud800", "Chain", {}, state, "h")
    store.close()
    with Store(places()) as again:
        back = again.load("ann\ud800", "Chain", {})
        assert same(back, state) and back.adapter.scale == -2 and back.parts[1].adapter.modules["q"][0].dtype == np.float64
        assert factors(back.adapter) == factors(state.adapter) and factors(back.parts[0].adapter) == factors(inner.adapter)
        assert again.provenance("ann\ud800")[0].bytes > 40_000 * 8 + len(factors(state.adapter))
        assert not places.in_files or len(row_files(again)) == 2  # of rank 8, and of rank 4


def test_a_digest_that_was_kept_is_that_of_the_content(places):
    for precision in ("fp32", "fp16", "int8"):
        with Store(places(precision), precision) as store:
            enrolled(store, "ann")
            store._adapters.recent.clear()
            kept = store.load("ann", "OPPU", {"k": 1}).adapter
            assert kept.digest == Adapter(dict(kept.modules), kept.scale).digest
            assert (kept == an_adapter(sum(b"ann"))) is (precision == "fp32")


def test_the_digest_of_a_new_adapter_waits_until_it_is_asked_for_and_equality_and_hash_are_by_content():
    one, same_, other = an_adapter(1), an_adapter(1, name="of another name"), an_adapter(2)
    assert "digest" not in vars(one)
    assert one == same_ and hash(one) == hash(same_) and one != other and {one: 1, same_: 2} == {one: 2}
    assert vars(one)["digest"] == one.digest == Adapter.checked(one.modules, one.scale, "", one.digest).digest
    assert Adapter(one.modules, 2 * one.scale) != one != "something else"


def test_a_store_reads_what_was_saved_in_another_precision(places):
    with Store(places(), "int8") as store:
        enrolled(store, "ann")
    with Store(places()) as store:
        enrolled(store, "bob")
        near = store.load("ann", "OPPU", {"k": 1}).adapter.modules["l.0.q"][0]
        assert 0 < np.abs(near - an_adapter(sum(b"ann")).modules["l.0.q"][0]).max() < 0.02
        assert store.load("bob", "OPPU", {"k": 1}).adapter == an_adapter(sum(b"bob"))
        assert not places.in_files or len(row_files(store)) == 2
    with pytest.raises(StoreError, match="no precision 'fp8'"):
        Store(places(), "fp8")


def test_people_of_one_shape_share_a_file_a_row_each(in_files):
    store = in_files
    enrolled(store, "ann", "bob", "cyd")
    (path,) = row_files(store)
    row = len(factors(an_adapter()))
    assert 3 * row < path.stat().st_size < 3 * row + 4096 + 3 * 256
    raw = path.read_bytes()
    places = [raw.index(factors(an_adapter(sum(who.encode())))[:1000]) for who in ("ann", "bob", "cyd")]
    assert places[1] - places[0] == places[2] - places[1] > row - 64  # contiguous rows
    assert not any(who.encode() in raw + path.name.encode() for who in ("ann", "bob", "cyd"))


def test_an_erased_row_is_wiped_and_no_other_byte_of_the_file_moves(in_files):
    store = in_files
    enrolled(store, "ann", "bob", "cyd")
    (path,) = row_files(store)
    before = path.read_bytes()
    mine = factors(an_adapter(sum(b"bob")))
    start = before.index(mine[:64])
    receipt = store.erase("bob")
    after = path.read_bytes()
    assert receipt.clean and receipt.adapters == 1 and receipt.searched_bytes > len(after)
    changed = np.flatnonzero(np.frombuffer(before, "u1") != np.frombuffer(after, "u1"))
    assert len(before) == len(after) and start - 64 <= changed[0] and changed[-1] < start + len(mine) + 256
    pieces = [mine[at : at + 16] for at in range(0, len(mine) - 16, 16)]
    assert not any(piece in after for piece in pieces if len(set(piece)) > 4)
    for who in ("ann", "cyd"):
        assert factors(store.load(who, "OPPU", {"k": 1}).adapter) == factors(an_adapter(sum(who.encode())))


def test_a_row_of_the_erased_is_used_again(in_files):
    store = in_files
    enrolled(store, "ann", "bob", "cyd")
    size = row_files(store)[0].stat().st_size
    store.erase("bob")
    enrolled(store, "dan")
    assert row_files(store)[0].stat().st_size == size
    for who in ("ann", "cyd", "dan"):
        assert store.load(who, "OPPU", {"k": 1}).adapter == an_adapter(sum(who.encode()))


def test_saving_again_and_again_takes_one_row_more_and_no_further(in_files):
    store = in_files
    for seed in range(6):
        store.add("ann", [])
        store.save("ann", "OPPU", {}, State(adapter=an_adapter(seed)))
        assert store.load("ann", "OPPU", {}).adapter == an_adapter(seed)
    (path,) = row_files(store)
    assert path.stat().st_size < 2 * len(factors(an_adapter())) + 4096 + 512
    store.save("ann", "OPPU", {}, State("no adapter any more"))
    assert store.load("ann", "OPPU", {}).adapter is None
    assert store.erase("ann").clean and not path.read_bytes()[4096:].strip(b"\0")


def test_an_adapter_that_is_in_use_outlives_its_replacement_and_the_next_owner_of_its_row(store):
    enrolled(store, "ann")
    mine = store.load("ann", "OPPU", {"k": 1}).adapter
    store.erase("ann")
    enrolled(store, "bob")  # in the same row
    assert factors(mine) == factors(an_adapter(sum(b"ann")))
    assert store.load("bob", "OPPU", {"k": 1}).adapter == an_adapter(sum(b"bob"))


def test_everybodys_adapters_are_found_once_and_read_when_asked_for(store):
    enrolled(store, "ann", "bob")
    enrolled(store, "ann", method="other")
    everybody = store.adapters("OPPU", {"k": 1})
    assert sorted(everybody) == ["ann", "bob"] and len(everybody) == 2 and "cyd" not in everybody
    first = everybody.load("ann")
    assert first == an_adapter(sum(b"ann")) and first.name == "ann" and everybody.load("ann") is first
    enrolled(store, "cyd")
    assert everybody.load("cyd") == an_adapter(sum(b"cyd")) and "cyd" in everybody
    with pytest.raises(StoreError, match="'dan' is not in the store"):
        everybody.load("dan")
    store.add("dan", [])
    store.save("dan", "OPPU", {"k": 1}, State("without"))
    with pytest.raises(StoreError, match="has no adapter in a row"):
        everybody.load("dan")
    assert len(store.adapters("OPPU", {"k": 2})) == 0


def test_who_looked_before_sees_what_another_process_replaced_or_erased(store, places):
    enrolled(store, "ann", "bob")
    everybody = store.adapters("OPPU", {"k": 1})
    old = everybody.load("ann"), everybody.load("bob")
    with Store(places()) as other:
        other.save("ann", "OPPU", {"k": 1}, State(adapter=an_adapter(77)))
        assert everybody.load("ann") == an_adapter(77) == store.load("ann", "OPPU", {"k": 1}).adapter
        other.erase("bob")
        for asked in (everybody.load, lambda who: store.load(who, "OPPU", {"k": 1})):
            with pytest.raises(StoreError, match="'bob' is not in the store"):
                asked("bob")
        enrolled(other, "cyd")  # in bob's row
        with pytest.raises(StoreError, match="'bob' is not in the store"):
            everybody.load("bob")
        assert everybody.load("cyd") == an_adapter(sum(b"cyd"))
    assert old[1] == an_adapter(sum(b"bob"))


def test_everybodys_adapters_of_a_closed_store_say_so(store):
    enrolled(store, "ann")
    everybody = store.adapters("OPPU", {"k": 1})
    everybody.load("ann")
    store.close()
    with pytest.raises(StoreError, match="closed"):
        everybody.load("ann")


def test_memory_holds_the_latest_and_no_more_than_it_may(places):
    row = 4 * (2 * 8 * 256 + 4 * 256 + 32)
    with Store(places(), cached=2 * row) as store:
        enrolled(store, "ann", "bob", "cyd")
        everybody = store.adapters("OPPU", {"k": 1})
        ann, bob = everybody.load("ann"), everybody.load("bob")
        assert everybody.load("ann") is ann
        everybody.load("cyd")
        assert len(store._adapters.recent) == 2
        assert everybody.load("ann") is ann and everybody.load("bob") is not bob
        store.erase("ann")
        assert len(store._adapters.recent) == 1
    with Store(places(), cached=0) as store:
        store.adapters("OPPU", {"k": 1}).load("bob")
        assert len(store._adapters.recent) == 0


def test_many_are_saved_in_one_transaction_or_none(store):
    people = [f"person {i}" for i in range(5)]
    for who in people:
        store.add(who, [])
    store.save_all("OPPU", {}, [(who, State(adapter=an_adapter(i)), "h") for i, who in enumerate(people)])
    with pytest.raises(StoreError, match="'nobody' is not in the store"):
        store.save_all("OPPU", {}, [(who, State(adapter=an_adapter(50 + i)), "h") for i, who in enumerate([*people, "nobody"])])
    assert [store.load(who, "OPPU", {}).adapter for who in people] == [an_adapter(i) for i in range(5)]
    store.save_all("OPPU", {}, [(who, State(adapter=an_adapter(60 + i)), "h") for i, who in enumerate(people)])
    everybody = store.adapters("OPPU", {})
    assert [everybody.load(who) for who in people] == [an_adapter(60 + i) for i in range(5)]


def test_a_damaged_or_missing_file_of_rows_is_told_and_the_rest_is_whole(tmp_path):
    with Store(tmp_path / "p.db") as store:
        enrolled(store, "ann", "bob")
        store.save("bob", "PAG", {}, State("of bob"))
        (path,) = row_files(store)
    whole = path.read_bytes()
    for damaged, said in (
        (whole[: len(whole) // 2], "is gone from"),
        (b"x" + whole[1:], "does not begin"),
        (whole[:30] + b"?" * 20 + whole[50:], "no head|damaged"),
    ):
        path.write_bytes(damaged)
        with Store(tmp_path / "p.db") as store:
            assert store.load("bob", "PAG", {}).text == "of bob"
            with pytest.raises(StoreError, match=said):
                store.load("bob", "OPPU", {"k": 1})
    path.unlink()
    with Store(tmp_path / "p.db") as store:
        with pytest.raises(StoreError, match="is gone; restore"):
            store.load("bob", "OPPU", {"k": 1})
        assert store.erase("bob").clean


def test_an_erasure_says_so_where_a_damaged_file_hides_the_row(tmp_path):
    with Store(tmp_path / "p.db") as store:
        enrolled(store, "ann")
        (path,) = row_files(store)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with Store(tmp_path / "p.db") as store:
        store.add("bob", [])
        assert store.erase("bob").clean  # nothing of bob's is in that file
        with pytest.raises(StoreError, match="does not begin"):
            store.erase("ann")


def test_an_export_carries_the_adapter_and_brings_it_back(store, places):
    enrolled(store, "ann")
    exported = store.export("ann")
    with Store(places("other")) as other:
        other.import_(exported)
        assert other.load("ann", "OPPU", {"k": 1}).adapter == an_adapter(sum(b"ann"))
        assert other.export("ann") == exported and (not places.in_files or len(row_files(other)) == 1)


def test_readers_never_see_a_row_half_written(store, places):
    """One writer replaces two people's adapters as fast as it can; readers get one of those saved, whole, and of the person asked for."""
    values, stop, seen, failed = {"ann": (1, 2), "bob": (3, 4)}, threading.Event(), set(), []

    def full(value):
        return Adapter({"q": (np.full((8, 4096), value, np.float32), np.full((4096, 8), value, np.float32))})

    def save(i):
        for who, pair in values.items():
            store.save(who, "M", {}, State(adapter=full(pair[i % 2])))

    def read():
        try:
            with Store(places(), cached=0) as other:
                everybody = other.adapters("M", {})
                while not stop.is_set():
                    for who, pair in values.items():
                        got = set(np.unique(np.concatenate([f.reshape(-1) for f in everybody.load(who).modules["q"]])))
                        assert len(got) == 1 and got < set(pair), (who, got)
                        seen.update(got)
        except Exception as error:
            failed.append(error)

    for who in values:
        store.add(who, [])
    save(0)
    reader = threading.Thread(target=read)
    reader.start()
    for i in range(400):  # until the reader has seen all four, or failed
        save(i)
        if i > 10 and (len(seen) == 4 or failed):
            break
    stop.set()
    reader.join()
    assert not failed and len(seen) == 4
