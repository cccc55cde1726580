"""Ask 3: stale and contradicting facts come back together."""

import itertools

from idiolect.facts.keep import current, history
from tests.asks.lives import assistant, facts, said, told

OLD, NEW = said("I live in Ghent.", 1), said("I moved to Oslo.", 5)
OTHER = said("The heron stood by the river.", 3)


def test_ask_3_only_what_holds_now_is_told_and_the_old_record_is_not_quoted_either():
    who = assistant()
    who.observe("ann", OLD, OTHER, NEW)
    heard = told(who, "Do I live in Ghent or in Oslo?")
    assert "Oslo" in heard and "Ghent" not in heard


def test_ask_3_the_history_of_a_fact_is_there_on_request():
    who = assistant()
    who.observe("ann", OLD, NEW)
    assert [(fact.text, fact.since, fact.until) for fact in history(facts(who), "home")] == [
        ("I live in Ghent", OLD.time, NEW.time),
        ("I moved to Oslo", NEW.time, float("inf")),
    ]
    assert [fact.text for fact in current(facts(who), OLD.time + 1)] == ["I live in Ghent"]


def test_ask_3_in_whatever_order_they_arrive():
    for order in itertools.permutations((OLD, OTHER, NEW)):
        who = assistant()
        for record in order:
            who.observe("ann", record)
        assert [fact.text for fact in current(facts(who))] == ["I moved to Oslo"]


def test_ask_3_a_change_of_taste_and_a_plain_end_replace_what_was_said():
    who = assistant()
    who.observe(
        "ann", said("I like coffee.", 1), said("I'm vegan.", 2), said("I don't like coffee anymore.", 3), said("I'm no longer vegan.", 4)
    )
    heard = told(who, "coffee and vegan food?")
    assert "I don't like coffee anymore" in heard and "I'm no longer vegan" in heard
    assert "I like coffee" not in heard and "I'm vegan" not in heard
