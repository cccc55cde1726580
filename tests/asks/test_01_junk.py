"""Ask 1: junk gets remembered: restated boot files, invented profiles, and recalled memories extracted again."""

import json

from idiolect.facts.extract import by_model, by_rules
from idiolect.facts.keep import current
from idiolect.memory.long_term import LongTerm
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record
from tests.asks.lives import assistant, echoing, facts, request, said, told

JUNK = """\
# SOUL.md: I am a helpful assistant and I live in the terminal
You are ClaudeBot. I like concise code.
I am an AI assistant and I like helping people
My name is John Doe
My name is {{user_name}}
I live in <city>, I work at <company>
def main(): return "I live in Ghent"
`I like tea` is the default
> I live in Rome
She said: "I live in Rome and I like rum."
Known: I live in Ghent
About: where I live
Do I live in Rome?
If I live in Rome, what then?
I hope this email finds you well
I love it
Thanks, that works!
[2026-01-01 12:00] INFO I use cache /var/tmp
import os; I = 5
https://example.com/i-live-in-rome
The service layer talks to the cache, which talks to the queue
OK
I like that
I am writing to you""".splitlines()
REAL = """\
I live in Ghent
I'm a baker
I like green tea
I'm allergic to peanuts
My name is Ann
I don't eat meat
Please keep your answers short
Ich wohne in Gent
J'habite à Gand
Vivo en Gante""".splitlines()


def test_ask_1_nothing_that_is_junk_becomes_a_fact_and_everything_real_does():
    assert [text for text in JUNK if by_rules(Record("", text))] == []
    assert [text for text in REAL if not by_rules(Record("", text))] == []


def test_ask_1_what_was_recalled_is_not_extracted_again_however_often_it_goes_round():
    who = assistant(lm=echoing())
    who.observe("ann", said("I live in Ghent and I like green tea.", 0))
    before = current(facts(who))
    for turn in range(1, 6):
        reply = who.answered([request(who, "What do you know of me?")])[0].text
        assert "Ghent" in reply
        who.observe("ann", said("Thanks.", turn, prompt=reply), said(f"You wrote:\n{reply}", turn + 0.5))
    assert current(facts(who)) == before


def test_ask_1_a_model_that_invents_a_profile_adds_nothing_and_is_counted():
    invented = [{"text": "John Doe is a Google engineer", "kind": "fact", "key": "work", "source": 1}] * 3
    who = assistant(method=LongTerm(reader="model"), lm=ScriptedLM([json.dumps(invented)]))
    who.observe("ann", said("I bake bread."))
    state = who.update("ann")
    assert state.facts == () and state.numbers == {"bad": 3}
    assert by_model([said("I bake bread.")], ScriptedLM([json.dumps(invented)])).bad == 3


def test_ask_1_what_is_told_is_told_as_data_of_this_person():
    who = assistant()
    who.observe("ann", said("I live in Ghent."))
    assert "Known: I live in Ghent" in told(who, "Where?")
