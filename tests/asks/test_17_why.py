"""Ask 17: why did it say that, and where is it from?"""

from idiolect.facts.keep import current
from idiolect.memory.long_term import LongTerm
from idiolect.store import Store
from idiolect.types import ask
from tests.asks.lives import assistant, database, echoing, facts, said


def test_ask_17_every_answer_names_the_facts_and_records_it_is_made_of_and_each_leads_to_its_message(tmp_path):
    with Store(database(tmp_path)) as store:
        who = assistant(store, lm=echoing())
        message = said("I'm allergic to peanuts. The heron was there.", prompt="Anything I should know?")
        who.observe("ann", message, *(said(f"The train of hour {n} was late.", n) for n in range(1, 4)))
        reply = who.replies(["ann"], [ask("A cake with peanuts?", max_tokens=400)])[0]
        known = {f"fact:{fact.id}": fact for fact in facts(who)}
        named = [known[reason] for reason in reply.because if reason.startswith("fact:")]
        assert [fact.text for fact in named] == ["I'm allergic to peanuts"]
        by_id = {record.id: record for record in store.user("ann").records}
        assert [by_id[source] for source in named[0].sources] == [message]
        records = {reason.removeprefix("record:") for reason in reply.because if reason.startswith("record:")}
        assert records <= set(by_id) and all(by_id[one].answer in reply.text for one in records)


def test_ask_17_a_fact_names_its_messages_also_where_none_of_them_is_quoted():
    who = assistant(method=LongTerm(k=0, recent=0))
    messages = [said("I live in Ghent.", 1), said("i live in ghent", 2)]
    who.observe("ann", *messages)
    because = who.personalize(["ann"], [ask("Where do I live?")])[0].because
    assert because == (f"fact:{current(facts(who))[0].id}", *(f"record:{message.id}" for message in messages))


def test_ask_17_what_was_left_out_for_want_of_room_is_named_with_the_figures():
    who = assistant()
    who.observe("ann", said("I live in Ghent."), said("a very long story " * 400, 1))
    who.lm.window, who.lm.tokens = 150, lambda text: len(text.split())
    because = who.personalize(["ann"], [ask("A story?")])[0].because
    assert any(reason.startswith("left out:record:") and "tokens, of" in reason for reason in because)
    assert any(reason.startswith("fact:") for reason in because)


def test_ask_17_an_answer_that_used_nothing_of_a_person_names_nothing():
    assert assistant(lm=echoing()).replies(["nobody"], [ask("Hello?")])[0].because == ()
