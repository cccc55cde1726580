"""Ask 2: duplicates: a fact added twice is there twice, or the second deletes the first."""

from idiolect.facts.keep import current
from idiolect.store import Store
from tests.asks.lives import assistant, database, facts, said, told

HOME = said("I live in Ghent.", 1)


def test_ask_2_the_same_record_twice_changes_nothing(tmp_path):
    with Store(database(tmp_path)) as store:
        who = assistant(store)
        first, second = who.observe("ann", HOME), who.observe("ann", HOME)
        assert first.records == (HOME.id,) and second.records == () and second.changed == ()
        assert len(store.user("ann").records) == 1 and len(current(facts(who))) == 1


def test_ask_2_the_same_fact_in_other_words_is_one_with_all_its_sources():
    who = assistant()
    again = [said("i live in GHENT", 2), said("I live in Ghent!!", 3), said("I live in  Ghent", 4)]
    who.observe("ann", HOME)
    for record in again:
        who.observe("ann", record)
    (fact,) = current(facts(who))
    assert fact.text == "I live in Ghent" and set(fact.sources) == {HOME.id, *(record.id for record in again)}
    assert told(who, "Where do I live?").count("Ghent") == 1


def test_ask_2_importing_again_or_by_another_process_adds_nothing(tmp_path):
    for _ in range(2):
        with Store(database(tmp_path)) as store:
            store.add("ann", [HOME])
            who = assistant(store)
            who.observe("ann", HOME)
            who.update("ann")
            assert len(facts(who)) == 1
            store.import_(store.export("ann"))
            assert len(facts(who)) == 1
