"""A person's records page by page, by their ids, and in numbers; nobody else's."""

import pytest

from idiolect.store import Store
from idiolect.store.paging import Pages
from idiolect.types import Record


@pytest.fixture
def store(places):
    with Store(places()) as store:
        store.add("ann", [Record("Q", f"a{n}", float(-n), f"r{n}", "rating" if n % 2 else "message") for n in range(7)])
        store.add("bob", [Record("", "b", 99.0, "r0")])
        yield store


def test_records_come_the_last_first_by_the_order_they_came_in(store):
    pages = Pages(store._session)
    first = pages.records("ann", None, 3)
    assert [one.record.id for one in first] == ["r6", "r5", "r4"]
    assert [one.record.id for one in pages.records("ann", first[-1].place, 9)] == ["r3", "r2", "r1", "r0"]
    assert [one.record.id for one in pages.records("ann", None, 9, ["rating"])] == ["r5", "r3", "r1"]
    assert pages.records("an%", None, 9) == pages.records("*", None, 9) == []


def test_records_by_their_ids_are_only_that_persons(store):
    pages = Pages(store._session)
    assert {name: record.answer for name, record in pages.named("ann", ["r0", "r2", "no such"]).items()} == {"r0": "a0", "r2": "a2"}
    assert pages.named("bob", ["r0"])["r0"].answer == "b" and pages.named("bob", ["r2"]) == {} and pages.named("bob", []) == {}
    store.add("ann", [Record("", "x", float(n), f"many{n}") for n in range(1200)])
    assert len(pages.named("ann", [f"many{n}" for n in range(1200)])) == 1200


def test_a_record_that_says_exactly_this_is_found_whenever_it_was(store):
    pages = Pages(store._session)
    assert pages.same("ann", Record("Q", "a3", 5e9, kind="rating")) == "r3"
    assert pages.same("ann", Record("Q", "a3", 5e9)) is pages.same("ann", Record("", "a3", 5e9, kind="rating")) is None
    assert pages.same("bob", Record("Q", "a3", 5e9, kind="rating")) is None


def test_what_is_kept_of_a_person_is_told_in_numbers(store):
    about = Pages(store._session).about("ann")
    assert about["kinds"] == {"message": 4, "rating": 3} and about["last"] == 0.0
    assert about["kept"] == {"records": 7, "states": 0, "vectors": 0, "replies": 0, "wishes": 0}
    assert Pages(store._session).about("nobody") is None
