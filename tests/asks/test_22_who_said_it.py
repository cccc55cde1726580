"""Ask 22: who said it? The assistant's words become the person's own."""

from idiolect.memory.long_term import LongTerm
from idiolect.models.scripted import ScriptedLM
from tests.asks.lives import assistant, facts, said

CLAIM = "I live in Rome and I like rum."


def test_ask_22_what_the_assistant_asked_drafted_or_answered_is_no_fact():
    for record in (
        said("Yes.", prompt=CLAIM),
        said("5", kind="rating", other=CLAIM),
        said(CLAIM, kind="choice", other="I live in Bonn."),
        said(CLAIM, kind="edit", other=CLAIM),
        said("Too long.", kind="correction", other=CLAIM),
        said(CLAIM, prompt=f"Shall I write this for you: {CLAIM}"),
    ):
        who = assistant()
        who.observe("ann", record)
        assert not any("Rome" in fact.text or "rum" in fact.text for fact in facts(who))


def test_ask_22_neither_is_it_shown_to_a_model_that_extracts():
    lm = ScriptedLM(lambda request: "[]")
    who = assistant(method=LongTerm(reader="model"), lm=lm)
    who.observe("ann", said("I bake bread.", prompt=CLAIM), said("No.", 1, kind="correction", other=CLAIM))
    who.update("ann")
    assert "bake bread" in lm.requests[0].question and "Rome" not in lm.requests[0].question


def test_ask_22_what_another_person_said_is_no_fact_of_this_one():
    who = assistant()
    who.observe("ann", said('My brother says: "I live in Rome."\n> I like rum'))
    who.observe("bob", said("I live in Rome."))
    assert facts(who) == () and [fact.text for fact in facts(who, "bob")] == ["I live in Rome"]
