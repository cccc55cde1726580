"""Ask 13: small and local models break extraction."""

import pytest

from idiolect.facts.keep import current
from idiolect.memory.long_term import LongTerm
from idiolect.models.scripted import ScriptedLM
from tests.asks.lives import assistant, facts, said

LIFE = (said("I live in Ghent.", 1), said("We went down to the river with the children.", 2))
BROKEN = (
    "",
    "Sure! Here are the facts you asked for.",
    '[{"text": "I live in Ghent", "source": 1}, {"text": "went down to the riv',
    "{'text': 'single quotes', 'source': 1}",
    '[{"fact": "I live in Ghent"}]',
    '{"facts": "I live in Ghent"}',
    "[[[[[[",
    '[{"text": 5, "source": [1]}]',
    "<think>They live in Ghent.</think> []",
    '[{"text": "I live in Paris", "source": 1}]',
    "\ud83d",
)


@pytest.mark.parametrize("reply", BROKEN)
def test_ask_13_whatever_the_model_replies_the_rules_facts_are_there_and_nothing_false(reply):
    who = assistant(method=LongTerm(reader="model"), lm=ScriptedLM([reply]))
    who.observe("ann", *LIFE)
    who.update("ann")
    assert [fact.text for fact in current(facts(who))] == ["I live in Ghent"]


def test_ask_13_json_with_a_fence_a_comma_too_many_and_talk_around_it_is_read():
    reply = 'Of course:\n```json\n[{"text": "went down to the river with the children", "source": 2,},]\n```\nAnything else?'
    who = assistant(method=LongTerm(reader="model"), lm=ScriptedLM([reply]))
    who.observe("ann", *LIFE)
    who.update("ann")
    assert "went down to the river with the children" in {fact.text for fact in facts(who)}


def test_ask_13_a_model_that_is_never_there_is_never_needed():
    who = assistant(lm=ScriptedLM([]))
    who.observe("ann", *LIFE)
    who.update("ann")
    assert [fact.text for fact in current(facts(who))] == ["I live in Ghent"]
