"""Texts put to the test: told strictly earlier records of the same person, each different request once."""

from idiolect.facts.trials import Asking, tried
from idiolect.models.scripted import ScriptedLM
from idiolect.types import History, Record
from tests.conformance.people import ANN, BOB, marks, text_of

HOW = Asking(k=3)


def test_an_answer_is_worth_the_words_that_it_shares_with_the_persons():
    target = ANN.records[5]
    lm = ScriptedLM(lambda asked: target.answer if "say it right" in text_of(asked) else "quite other words")
    right, wrong = tried(lm, [("say it right", target, ANN.records), ("say it wrong", target, ANN.records)], HOW)
    assert (right.text, right.worth, wrong.worth) == (target.answer, 1.0, 0.0)


def test_only_strictly_earlier_records_are_told():
    lm = ScriptedLM()
    tried(lm, [("text", record, ANN.records) for record in ANN.records], HOW)
    for number, asked in enumerate(lm.requests):
        assert asked.question == ANN.records[number].prompt
        assert len(marks(text_of(asked))) == min(number, 3) and all(other < number for _, other in marks(text_of(asked)))


def test_two_people_who_wrote_the_same_record_are_each_told_their_own():
    same = Record("What of foxes?", "they sleep", 99.0)
    lm = ScriptedLM()
    tried(lm, [("", same, History([*user.records, same])) for user in (ANN, BOB)], HOW)
    assert [{name for name, _ in marks(text_of(asked))} for asked in lm.requests] == [{"ann"}, {"bob"}]


def test_requests_that_are_equal_are_put_once():
    lm = ScriptedLM(lambda asked: "foxes")
    made = tried(lm, [("text", ANN.records[1], ANN.records)] * 3, HOW)
    assert len(lm.requests) == 1 and len(made) == 3
