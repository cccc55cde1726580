"""One record forgotten or edited takes everything with it that was learnt of it, and nothing else."""

import pytest

from idiolect.errors import StoreError
from idiolect.store import Store
from idiolect.store.states import dump, load, own_texts
from idiolect.types import Fact, Record, State

CANARY = "the heron of quixotic Vauxhall ate nineteen saffron buns"
SUMMARY = "a person who watches birds that eat pastry in the south of London"
KEPT = Record("And then?", "Rain, and a slow train home.", 2, "rain")


def filled(place):
    store = Store(place)
    store.add("ann", [Record("What did you see?", CANARY, 1, "bird"), KEPT])
    store.add("bob", [Record("What did you see?", "A gull.", 1, "gull")])
    store.save("ann", "PAG", {}, State(SUMMARY, [KEPT], facts=(Fact("saw a heron eat nineteen saffron buns", ("bird",)),)), "h")
    store.save("bob", "PAG", {}, State("of bob"), "h")
    store.save_shared("CFRAG", {}, State("of all", people={"ann": State(SUMMARY), "bob": State("bob's part")}))
    return store


def test_a_forgotten_record_is_gone_with_every_state_that_may_hold_it(places):
    with filled(places()) as store:
        receipt = store.forget("ann", ["bird"])
        assert receipt.clean and (receipt.records, receipt.states) == (1, 1)
        assert list(store.user("ann").records) == [KEPT] and store.provenance("ann") == []
        assert store.load("bob", "PAG", {}).text == "of bob"
        assert set(store.load_shared("CFRAG", {}).people) == {"bob"}
    left = places.raw()
    assert CANARY.encode() not in left and SUMMARY.encode() not in left and b"saffron" not in left
    assert KEPT.answer.encode() in left and b"bob's part" in left


def test_an_edit_puts_the_new_text_in_the_old_ones_place(places):
    with filled(places()) as store:
        edited = Record("What did you see?", "Nothing worth a word.", 1, "bird")
        assert store.edit("ann", edited).clean
        assert list(store.user("ann").records) == [edited, KEPT]
        with pytest.raises(StoreError, match="'ann' has no record 'no such'"):
            store.edit("ann", Record("", "text", 1, "no such"))
    assert CANARY.encode() not in places.raw()


def test_forgetting_what_is_not_there_takes_nothing_away(places):
    with filled(places()) as store:
        receipt = store.forget("ann", ["no such"])
        assert (receipt.records, receipt.states) == (0, 0) and store.load("ann", "PAG", {}).text == SUMMARY


def test_erasing_a_person_takes_their_part_out_of_what_people_taught_together(places):
    with filled(places()) as store:
        assert store.erase("ann").clean
        shared = store.load_shared("CFRAG", {})
        assert shared.text == "of all" and set(shared.people) == {"bob"}
    assert SUMMARY.encode() not in places.raw()


def test_what_another_person_has_in_common_with_the_erased_is_theirs_and_stays(places):
    common = "writes in lower case and without a mark at the end"
    with filled(places()) as store:
        store.save("ann", "PersonaDB", {}, State(facts=(Fact(common, ("bird",)),)), "h")
        store.save_shared("PersonaDB", {}, State(people={"ann": State(common), "bob": State(facts=(Fact(common, ("gull",)),))}))
        assert store.erase("ann").clean
        assert set(store.load_shared("PersonaDB", {}).people) == {"bob"}
    with filled(places("other")) as store:
        store.save("ann", "PersonaDB", {}, State(common), "h")
        store.save_shared("PersonaDB", {}, State(common))
        assert not store.erase("ann").clean, "what nobody else has as their own is a trace"


def test_kinds_and_facts_and_parts_survive_the_store(places):
    records = [Record("q", "final", 1, "e", "edit", "draft"), Record("q", "No, the other one.", 2, "c", "correction", "this one")]
    state = State(
        facts=(Fact("likes tea", ("e", "c"), 1.0, 9.0, "preference", "likes", 3, 5.0), Fact("x", ("e",))), people={"ann": State("p")}
    )
    with Store(places()) as store:
        store.add("ann", records)
        store.save("ann", "M", {}, state)
        assert list(store.user("ann").records) == records
        assert store.load("ann", "M", {}).facts == state.facts
        exported = store.export("ann")
    with Store(places("other")) as other:
        other.import_(exported)
        assert list(other.user("ann").records) == records and other.load("ann", "M", {}).facts == state.facts
    assert own_texts(dump(State(parts=(state,)))) == {"ann": ["p"]} and load(dump(state)).people["ann"].text == "p"
