"""Everything that is derived of a record goes with it: profiles, facts, segments, trees, adapters, vectors, and what is in memory."""

import pytest

from idiolect import catalogue
from idiolect.assistant import Assistant, Kept
from idiolect.errors import StoreError
from idiolect.retrieval.encoding import HashedWords
from idiolect.retrieval.index import Index
from idiolect.store import Store
from idiolect.types import Record, User, ask
from tests.conformance.subjects import SMALL

CANARY = "xylophagous wombats of Quetzaltenango"
QUESTION = "What do you keep at home?"
SECRET = Record(QUESTION, f"I keep {CANARY} at home, and I live in Ghent.", 1.0, "r-of-wombats")
OTHERS = [Record(f"What of day {day}?", f"On day {day} I walked to the harbour and back.", day, f"day{day}") for day in range(2, 7)]
DERIVED = (
    "rag",
    "pag",
    "stats_profile",
    "long_term",
    "malp",
    "memo_rag",
    "secom",
    "taci_tree",
    "persona_db",
    "gpg",
    "step_back",
    "cfrag",
    "oppu",
    "cache_lm",
)


@pytest.mark.parametrize("how", ["forget", "erase"])
def test_nothing_that_was_derived_of_a_record_survives_it(llama, places, how):
    with Store(places()) as store:
        index, people = Index(store, HashedWords()), [User("ann", [SECRET, *OTHERS]), User("bob", OTHERS)]
        for user in people:
            index.add(user.id, user.records)
        index.complete()
        store.usage.add("ann", "tiny", 1, 2, 3, 4)
        assistants = [_learnt(store, name, people, llama.lm) for name in DERIVED]
        assert CANARY.encode() in places.raw() and index.search("ann", QUESTION, 1) == [SECRET]
        receipt = store.forget("ann", ["r-of-wombats"]) if how == "forget" else store.erase("ann")
        assert receipt.clean
        left = places.raw()
        assert CANARY.encode() not in left and b"wombats" not in left
        for searched in (index, Index(store, HashedWords())):
            assert SECRET not in _found(searched)
        for name, assistant in zip(DERIVED, assistants, strict=True):
            bent = assistant.personalize(["ann"], [ask(QUESTION)])[0]
            assert "wombats" not in repr(bent) and "record:r-of-wombats" not in bent.because, name
            assert "wombats" not in repr(assistant.states), name
    assert b"harbour" in left


def _found(index):
    try:
        return index.search("ann", QUESTION, 9)
    except StoreError as error:
        assert "'ann' is not in the store" in str(error)
        return []


def _learnt(store, name, people, lm):
    """An assistant that has learnt everybody by this method, kept it, and answered once."""
    method = catalogue.load(name, **SMALL.get(name, {}))
    made = Assistant(lm, method, Kept(store, name, {"model": "tiny", **method.config}))
    made.fit(people)
    store.save_shared(name, {"model": "tiny", **method.config}, method.shared)
    for user in people:
        made.personalize([user.id], [ask(QUESTION)])
        made.update(user.id)
    made.personalize(["ann"], [ask(QUESTION)])
    return made
