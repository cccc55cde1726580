"""Wishes of people: kept under their own key, in place of what was said before, gone with what they were made of, and with the person."""

import math

import pytest

from idiolect.store import Store
from idiolect.store.wishes import PLAIN, Gone, Handling, Noted, Wished, Wishes, changes, gone, handled, noted
from idiolect.types import Record

TEA = Noted("n1", "Likes \ud800 tea", 1.5, "mem0", ("r1",), "preference", "likes:tea", Handling("local", pinned=True))
NEVER = Gone("the divorce", ("r1", "r2"))


@pytest.fixture
def store(places):
    with Store(places()) as store:
        yield store


@pytest.fixture
def wishes(store):
    return Wishes(store._session)


def test_what_is_wished_is_read_as_it_was_said_and_said_again_takes_its_place(wishes, store):
    said = [("consent", "rating", False), ("method", "oppu", False), ("slider", "length", -0.5), handled("r1", Handling("never"))]
    wishes.put("ann", [*said, noted(TEA), gone(NEVER), gone(Gone("old", ("r3",), 5.0, "n1"))])
    read = wishes.of("ann")
    assert (read.consent, read.methods, read.sliders) == ({"rating": False}, {"oppu": False}, {"length": -0.5})
    assert read.records == {"r1": Handling("never")} and read.facts == (TEA,) and read.gone == (NEVER, Gone("old", ("r3",), 5.0, "n1"))
    wishes.put("bob", changes(read))
    assert wishes.of("bob") == read
    wishes.put("ann", [("consent", "rating", True), handled("r1", PLAIN), ("fact", "n1", None), ("slider", "length", None)])
    assert wishes.of("ann") == Wished({"rating": True}, {"oppu": False}, gone=read.gone) and wishes.of("bob") == read


def test_each_change_grows_the_version_and_makes_a_person_known(wishes, store):
    assert store.version("ann") is None and wishes.of("ann") == Wished()
    wishes.put("ann", [("slider", "length", 1.0)])
    first = store.version("ann")
    wishes.put("ann", [("slider", "length", 1.0)])
    assert first is not None and store.version("ann") > first


def test_where_nothing_was_said_all_but_conversations_is_allowed():
    assert (
        Wished().allows("message") and Wished().allows("rating") and not Wished().allows("conversation") and Wished().allows_method("oppu")
    )
    assert [Handling(how).reaches(local) for how in ("allowed", "local", "never") for local in (True, False)] == [True, True, True] + [
        False
    ] * 3
    assert NEVER.never and not Gone("x", until=3.0).never and not Gone("x", instead="n").never and math.isinf(NEVER.until)


def test_what_was_made_of_a_record_goes_with_it_and_what_stands_on_others_stays(wishes):
    edited = Noted("n2", "I live in Bruges", 1.0, "edited", ("r1",))
    by_hand, two = Noted("n3", "My key is blue", 1.0, "added"), Noted("n4", "Rows", 1.0, "kept", ("r1", "r2"))
    wishes.put(
        "ann",
        [
            *(noted(one) for one in (TEA, edited, by_hand, two)),
            gone(NEVER),
            gone(Gone("only r1", ("r1",))),
            handled("r1", Handling("local")),
        ],
    )
    wishes.forget("ann", ["r1"], edited=True)  # put right: what was put right by hand stays
    read = wishes.of("ann")
    assert [one.id for one in read.facts] == ["n2", "n3", "n4"] and read.gone == (NEVER,) and "r1" in read.records
    wishes.forget("ann", ["r1"])
    read = wishes.of("ann")
    assert [(one.id, one.sources) for one in read.facts] == [("n3", ()), ("n4", ("r2",))] and read.gone == (NEVER,) and read.records == {}
    wishes.forget("ann", ["r1", "r2"])
    assert [one.id for one in wishes.of("ann").facts] == ["n3"] and wishes.of("ann").gone == ()
    wishes.forget("nobody", ["r1"])


def test_no_id_is_a_pattern_and_nobody_reads_anothers_wishes(wishes, store):
    for user in ("ann", "*", "%", "a_n", "an"):
        wishes.put(user, [("slider", "length", float(len(user)) / 4)])
    assert [wishes.of(user).sliders["length"] for user in ("ann", "*", "%", "a_n", "an")] == [0.75, 0.25, 0.25, 0.75, 0.5]
    assert wishes.of("").sliders == {} and wishes.of("_").sliders == {}


def test_an_erased_persons_wishes_are_gone_with_their_bytes_and_nobody_elses(wishes, store, places):
    store.add("ann", [Record("", "x", 1.0)])
    wishes.put("ann", [noted(Noted("n", "keeps nineteen quixotic herons", 1.0, "added")), gone(Gone("the affair of the saffron buns"))])
    wishes.put("bob", [("slider", "length", 1.0)])
    store.erase("ann")
    assert wishes.of("ann") == Wished() and wishes.of("bob").sliders == {"length": 1.0}
    left = places.raw()
    assert b"quixotic" not in left and b"saffron" not in left


def test_a_thousand_marks_are_put_in_one_go(wishes):
    wishes.put("ann", [handled(f"r{n}", Handling("local")) for n in range(1000)])
    wishes.put("ann", [handled(f"r{n}", Handling("never")) for n in range(1000)])
    assert set(wishes.of("ann").records.values()) == {Handling("never")} and len(wishes.of("ann").records) == 1000
