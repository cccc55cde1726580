"""Notes: a record's facts, or the record itself."""

from idiolect.facts.extract import recalled
from idiolect.facts.keep import FORBIDDEN
from idiolect.facts.notes import NOTE, notes, sections
from idiolect.models.scripted import ScriptedLM
from idiolect.prompt import build
from idiolect.types import History, Record, ask

HOME, FOX = Record("And you?", "I live in Ghent.", 1.0), Record("Title?", "foxes of the quay", 2.0)


def test_a_record_that_states_a_fact_gives_the_fact_and_any_other_itself():
    assert [(one.kind == NOTE, one.text) for record in (HOME, FOX) for one in notes(record)] == [
        (False, "I live in Ghent"),
        (True, FOX.answer),
    ]
    assert notes(Record("Title?", " \n", 3.0)) == []


def test_facts_are_told_as_they_read_and_notes_as_records_each_with_its_record():
    facts = [fact for record in (FOX, HOME) for fact in notes(record)]
    bent = build(ask("What now?"), sections(facts, History([HOME, FOX])), ScriptedLM())
    told = bent.messages[0].content
    assert recalled("I live in Ghent") in told and "Wrote: foxes of the quay" in told and "Wrote: I live" not in told
    assert {f"record:{HOME.id}", f"record:{FOX.id}"} <= set(bent.because)


def test_an_order_never_to_mention_something_is_obeyed_and_not_told_itself():
    order, secret = Record("", "Never mention my divorce.", 3.0), Record("", "My divorce was in May.", 4.0)
    known = [fact for record in (order, secret, HOME) for fact in notes(record)]
    assert any(fact.kind == FORBIDDEN for fact in known)
    bent = build(ask("What now?"), sections(known, History([order, secret, HOME]), known), ScriptedLM())
    assert "divorce" not in bent.messages[0].content and "Ghent" in bent.messages[0].content
