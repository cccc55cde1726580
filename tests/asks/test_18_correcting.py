"""Ask 18: let me correct it: edit, pin, forbid, and forget in plain words."""

from dataclasses import replace

from idiolect.facts.keep import current
from idiolect.memory.long_term import LongTerm
from idiolect.store import Store
from tests.asks.lives import assistant, database, facts, said, told

HOME = said("I live in Ghent.", 1)


def test_ask_18_an_edited_message_changes_the_fact_in_place_without_adding_anything_again(tmp_path):
    with Store(database(tmp_path)) as store:
        who = assistant(store)
        who.observe("ann", HOME, said("The heron stood there.", 2))
        assert "Ghent" in told(who, "Where do I live?")
        assert store.edit("ann", replace(HOME, answer="I live in Antwerp.")).clean
        heard = told(who, "Where do I live?")
        assert "Antwerp" in heard and "Ghent" not in heard and len(store.user("ann").records) == 2


def test_ask_18_a_forgotten_message_takes_its_facts_along_and_what_it_ended_holds_again(tmp_path):
    with Store(database(tmp_path)) as store:
        who = assistant(store)
        moved = said("I moved to Oslo.", 5)
        who.observe("ann", HOME, moved)
        who.update("ann")
        assert store.forget("ann", [moved.id]).clean
        assert "Ghent" in told(who, "Where do I live?") and "Oslo" not in told(who, "Oslo?")
        assert [fact.text for fact in current(facts(who))] == ["I live in Ghent"]


def test_ask_18_a_correction_in_words_is_known_to_the_next_request():
    who = assistant()
    who.observe("ann", HOME)
    who.observe(
        "ann", said("No, I live in Antwerp. And that was far too long.", 2, other="You live in Ghent, which ...", kind="correction")
    )
    heard = told(who, "Where do I live?")
    assert "I live in Antwerp" in heard and "that was far too long" in heard and "Ghent" not in heard


def test_ask_18_never_remember_this_holds_for_what_was_said_before_and_after():
    who = assistant()
    who.observe("ann", said("My divorce was in May.", 1), said("I like tea.", 2))
    assert "divorce" in told(who, "my divorce?")
    who.observe("ann", said("Never mention my divorce.", 3), said("I got divorced in Ghent.", 4))
    heard = told(who, "my divorce?")
    assert "divorc" not in heard.lower() and "I like tea" in heard


def test_ask_18_the_operator_can_forbid_words_and_patterns_for_everybody():
    who = assistant(method=LongTerm(forbid=(r"\b\d{4}[ -]?\d{4}\b", "password")))
    who.observe("ann", said("I use the PIN 1234 5678 and I like tea.", 1), said("My password is heron.", 2))
    heard = told(who, "tea? password? PIN?")
    assert "I like tea" in heard and "1234" not in heard and "heron" not in heard
    assert not any("1234" in fact.text for fact in facts(who))


def test_ask_18_what_is_pinned_stays_however_much_comes_after():
    who = assistant(method=LongTerm(most=3, k=0, recent=0))
    who.observe("ann", said("Remember that my key is under the blue pot.", 0))
    who.observe("ann", *(said(f"I like kind {n} of tea.", n) for n in range(1, 30)))
    assert "my key is under the blue pot" in told(who, "Which tea?") and len(facts(who)) == 3
