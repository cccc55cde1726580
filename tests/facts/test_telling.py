"""Facts are told with a mark and a reason, and what may not be told is not."""

import pytest

from idiolect.errors import MethodError
from idiolect.facts.extract import by_rules, own_words
from idiolect.facts.keep import remember
from idiolect.facts.telling import forbidden, told
from idiolect.models.scripted import ScriptedLM
from idiolect.prompt import build
from idiolect.types import Fact, Record, ask


def facts(*answers):
    return remember((), [fact for time, answer in enumerate(answers) for fact in by_rules(Record("", answer, float(time), f"r{time}"))])


def test_a_fact_is_told_with_its_id_and_its_records_and_is_not_read_again():
    own = facts("I live in Ghent")
    bent = build(ask("q"), [told(own)], ScriptedLM())
    assert bent.because == (f"fact:{own[0].id}", "record:r0")
    assert "I live in Ghent" in bent.messages[0].content and "Ghent" not in own_words(bent.messages[0].content)


def test_an_order_holds_for_every_form_of_its_words_and_all_of_them():
    may_not = forbidden(facts("Never mention my divorce from Tom."))
    assert may_not("Tom and I were divorced in May") and not may_not("Tom came by") and not may_not("a divorce is sad")


@pytest.mark.parametrize("order", ["Vergiss bitte alles über meine Scheidung", "Oublie tout sur ma Scheidung", "No menciones mi Scheidung"])
def test_an_order_may_be_given_in_several_languages(order):
    assert forbidden(facts(order))("nach der Scheidung zog ich um")


def test_a_pattern_is_looked_for_without_case_and_a_broken_one_is_refused():
    assert forbidden((), (r"\b\d{16}\b",))("card 1234567812345678") and not forbidden((), ("visa",))("a card")
    with pytest.raises(MethodError, match=r"no regular expression .*'\('"):
        forbidden((), ("(",))


def test_without_orders_everything_may_be_told():
    assert not forbidden([Fact("x", ("r",), kind="forbidden", key="forbid:")])("anything")
