"""Questions about a conversation: what they ask, what they answer, and from whose words they are made."""

from collections import Counter

from idiolect.models.scripted import ScriptedLM
from idiolect.training.augment import NO, YES, remembered, taught
from idiolect.types import History, Record
from tests.conformance.people import ANN

LAST = ANN.records[-1]


def test_a_conversation_is_recalled_confirmed_and_told_from_what_was_not_said():
    recall, yes, no = remembered(LAST, ANN.records.before(LAST))
    assert recall[1] == LAST.answer and LAST.answer not in recall[0].question
    assert yes[1] == YES and LAST.answer in yes[0].question
    assert no[1] == NO and LAST.answer not in no[0].question
    assert sum(record.answer in no[0].question for record in ANN.records.before(LAST)) == 1
    assert all("Abstract 5 by ann" in request.question for request, _ in (recall, yes, no))


def test_always_saying_yes_is_right_half_of_the_time():
    answers = Counter(answer for record in ANN.records for _, answer in remembered(record, ANN.records.before(record)))
    assert answers[YES] == answers[NO] == len(ANN.records) - 1


def test_without_another_answer_there_is_nothing_to_deny_and_nothing_is_confirmed():
    same = Record("Other question", LAST.answer, 0.0)
    assert [answer for _, answer in remembered(LAST, History())] == [LAST.answer]
    assert [answer for _, answer in remembered(LAST, History([same]))] == [LAST.answer]


def test_a_text_without_a_question_has_nothing_to_be_asked_by():
    assert remembered(Record("", "written", 1.0), ANN.records) == []


def test_the_same_seed_denies_the_same():
    made = [[request.question for request, _ in remembered(LAST, ANN.records.before(LAST), seed)] for seed in (1, 1, 2, 3, 4)]
    assert made[0] == made[1] and any(other != made[0] for other in made[2:])


def test_what_the_model_writes_is_read_and_what_keeps_no_form_left_out():
    said = "Sure!\nQ: Which animal?\nA: A fox.\n\nQ: half a question\nQ: Where?\nA: In Lund.\nQ: When?\nA: Now."
    lm = ScriptedLM(lambda request: said if "fox" in request.question else "no idea")
    found = taught(lm, [Record("On a fox", "the fox"), Record("On a dog", "the dog")], 2)
    assert [[(request.question, answer) for request, answer in pairs] for pairs in found] == [
        [("Which animal?", "A fox."), ("Where?", "In Lund.")],
        [],
    ]


def test_asked_for_none_the_model_is_not_asked():
    lm = ScriptedLM(lambda request: 1 / 0)
    assert taught(lm, [LAST], 0) == [[]] and taught(lm, [], 3) == []
