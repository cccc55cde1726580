"""Profilers on people whose habits are known."""

from idiolect.facts.profile import counted, joined, keywords, profiled, summary
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Fact, History, Record, State

NOTES = History([Record("", f"the parser of day {n} reads {'commas' if n < 3 else 'tabs'}", float(n)) for n in range(6)])


def test_a_summary_is_one_call_over_the_newest_records_and_none_over_none():
    lm = ScriptedLM([" likes parsers "])
    assert summary(NOTES, lm, newest=2) == "likes parsers" and summary((), lm) == ""
    assert "day 5" in lm.requests[0].question and "day 3" not in lm.requests[0].question


def test_an_instruction_may_hold_braces_of_its_own():
    lm = ScriptedLM(lambda request: request.question)
    assert summary(NOTES[:1], lm, instruction='As {"json"}: {history}').startswith('As {"json"}: ')


def test_keywords_are_what_several_answers_share_but_not_nearly_all():
    assert keywords(NOTES) == "Often writes about: commas, tabs." and keywords(NOTES, most=1) == "Often writes about: commas."
    assert keywords(()) == "" == keywords(NOTES[:1])


def test_counting_asks_no_model_and_profiles_join():
    assert counted(NOTES).startswith("How this person writes:")
    assert joined(lambda records: "one two three", lambda records: "", lambda records: "four", words=2)(NOTES) == "one two ... four"


def test_a_profile_is_made_again_only_when_the_records_change():
    made = []

    def profiler(records):
        made.append(len(records))
        return f"{len(records)} notes"

    facts = (Fact("x", ("r",)),)
    first = profiled(State(facts=facts), NOTES[:5], profiler)
    assert profiled(first, NOTES[:5], profiler) is first and first.text == "5 notes" and first.facts == facts
    assert profiled(first, NOTES, profiler).text == "6 notes" and made == [5, 6]
