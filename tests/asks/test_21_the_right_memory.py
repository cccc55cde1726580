"""Ask 21: the wrong memory, or only the newest one, is told: it must be the one for this question."""

from idiolect.memory.long_term import LongTerm
from tests.asks.lives import assistant, said, told

THINGS = ("tea", "jazz", "chess", "rowing", "opera", "herons")


def knowing(method=None):
    who = assistant(method=method or LongTerm(facts=1, k=0, recent=0))
    who.observe("ann", *(said(f"I like {thing}.", hour) for hour, thing in enumerate(THINGS)))
    return who


def test_ask_21_each_question_gets_its_own_memory_and_not_the_previous_questions():
    who = knowing()
    for thing in (*THINGS, *THINGS[::-1]):
        heard = told(who, f"What of {thing}?")
        assert f"I like {thing}" in heard and sum(other in heard for other in THINGS) == 1


def test_ask_21_more_than_one_memory_is_told_where_more_than_one_is_asked_for():
    heard = told(knowing(LongTerm(facts=2, k=0, recent=0)), "Is tea good with jazz?")
    assert "I like tea" in heard and "I like jazz" in heard


def test_ask_21_what_was_said_a_moment_ago_is_told_for_the_very_next_question():
    who = knowing()
    who.observe("ann", said("I'm allergic to peanuts.", 50))
    assert "peanuts" in told(who, "A cake without peanuts?")
