"""People and records some at a time: in one order, each once, by opaque ids that are never patterns."""

import pytest

from idiolect.errors import DataError, StoreError
from idiolect.store import Store
from idiolect.types import Record, State
from tests.store.test_layouts import an_adapter

IDS = [
    "b",
    "a%",
    "a_",
    "a",
    "*",
    "ab",
    "a\x00",
    "aé",
    "a\uffff",
    "a\ud800",
    "\U0001f600",
    "B",
    "a\U0001f600",
    "\ud800",
    "a\x7f",
    "A",
    "\uffff",
]


@pytest.fixture
def store(places):
    with Store(places()) as opened:
        for who in IDS:
            opened.add(who, [])
        yield opened


def in_order(ids):
    return sorted(ids, key=lambda one: one.encode("utf-8", "surrogatepass"))


def paged(store, size, prefix=""):
    found, page = [], store.users(limit=size, prefix=prefix)
    while page:
        found += page
        page = store.users(after=page[-1], limit=size, prefix=prefix)
    return found


def test_without_anything_asked_for_people_stand_in_the_order_they_came(store):
    assert store.users() == IDS


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_pages_give_everybody_once_in_the_order_of_their_bytes(store, size):
    assert paged(store, size) == in_order(IDS)


@pytest.mark.parametrize("prefix", ["", "a", "a%", "a_", "*", "a\x00", "é", "\ud800", "a\ud800", "\U0001f600", "\uffff", "a\U0001f600"])
def test_a_prefix_is_no_pattern_and_finds_all_that_begin_with_it(store, prefix):
    those = [one for one in IDS if one.startswith(prefix)]
    assert paged(store, 2, prefix) == in_order(those) and store.count(prefix) == len(those)
    assert store.users(prefix=prefix) == (in_order(those) if prefix else IDS)


def test_who_comes_or_goes_between_two_pages_disturbs_nobody_else(store):
    first = store.users(limit=4)
    store.erase(first[-1])
    store.add("a!", [])
    rest = paged(store, 3)
    assert store.users(after=first[-1], limit=100) == [one for one in rest if one.encode("utf-8", "surrogatepass") > first[-1].encode()]


def test_after_one_that_does_not_begin_with_the_prefix_is_a_place_too(store):
    assert store.users(after="A", prefix="b") == ["b"] and store.users(after="c", prefix="b") == [] == store.users(limit=0)
    with pytest.raises(DataError, match="limit is how many to give, 0 or more, not -1"):
        store.users(limit=-1)


def test_the_search_is_a_range_of_the_index_and_no_scan(store, places):
    from idiolect.store import people

    with store._reading() as db:
        for where, values in people._ranges(db, "a", "a"):
            explain = "EXPLAIN QUERY PLAN" if places.in_files else "EXPLAIN"
            if not places.in_files:
                db.exec_driver_sql("SET LOCAL enable_seqscan = off")
            said = store._database.fetching(db)(f"{explain} SELECT id FROM users WHERE {where} ORDER BY id LIMIT 3", values)
            assert ("USING COVERING INDEX" if places.in_files else "Index Only Scan") in str(said) and "Filter" not in str(said)


def test_records_come_page_by_page_in_the_order_they_came(store):
    given = [Record("p", f"said {number}", 100.0 - number, f"r{number}") for number in range(7)]
    store.add("ann", given[:3])
    store.add("bob", [Record("p", "of bob", 1)])
    store.add("ann", given[3:])
    page, found = store.records("ann", limit=3), []
    while page.after is not None:
        found += page.records
        page = store.records("ann", page.after, 3)
    assert [*found, *page.records] == given and store.records("ann").after is None and store.records("ann", limit=7).after is None


def test_a_record_that_comes_or_goes_between_two_pages_disturbs_no_other(store):
    store.add("ann", [Record("p", f"said {number}", number, f"r{number}") for number in range(6)])
    page = store.records("ann", limit=3)
    store.forget("ann", ["r2", "r4"])
    store.add("ann", [Record("p", "new", 0, "new")])
    assert [record.id for record in store.records("ann", page.after).records] == ["r3", "r5", "new"]


def test_a_place_in_anothers_records_gives_none_of_theirs(store):
    store.add("ann", [Record("p", f"of ann {number}", number) for number in range(4)])
    store.add("bob", [Record("p", f"of bob {number}", number) for number in range(4)])
    page = store.records("ann", store.records("bob", limit=1).after)
    assert not any("bob" in record.answer for record in page.records)


def test_what_is_no_place_or_nobody_is_told(store):
    with pytest.raises(DataError, match="'here' is nowhere to go on"):
        store.records("a", "here")
    with pytest.raises(DataError, match="limit is how many records to give, 1 or more, not 0"):
        store.records("a", limit=0)
    with pytest.raises(StoreError, match="'nobody' is not in the store"):
        store.records("nobody")


def test_unlearning_takes_every_state_of_one_person_and_nothing_else(store, places, tmp_path):
    for who in ("ann", "bob"):
        store.add(who, [Record("p", f"said by {who}", 1)])
        store.save(who, "PAG", {}, State(f"of {who}" * 20_000))
        store.save(who, "OPPU", {}, State("with", adapter=an_adapter(1)))
    store.save_shared("CFRAG", {}, State("of all", people={"ann": State("ann's"), "bob": State("bob's")}))
    before = store.version("ann"), store.version("bob")
    assert store.unlearn("ann") == 2 and store.unlearn("ann") == 0
    assert store.provenance("ann") == [] and len(store.provenance("bob")) == 2 and len(store.user("ann").records) == 1
    assert store.version("ann")[1] > before[0][1] and store.version("bob") == before[1]
    assert store.load("bob", "OPPU", {}).adapter == an_adapter(1) and list(store.adapters("OPPU", {})) == ["bob"]
    assert set(store.load_shared("CFRAG", {}).people) == {"bob"} and len(list(tmp_path.rglob("*.safetensors"))) == places.in_files
    with pytest.raises(StoreError, match="'nobody' is not in the store"):
        store.unlearn("nobody")
    assert store.erase("ann").clean
