"""Preferences as pairs: which side was taken, what may be told beside them, and drafts where nothing was chosen."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.training.choices import Taking, drafted, preferences, preferences_of, preferences_together
from idiolect.training.pairs import pairs
from idiolect.types import Record, User, ask


def choice(number, time, kind="choice"):
    return Record(f"Question {number} on foxes", f"taken {number}", time, "", kind, f"left {number}")


def message(number, time):
    return Record(f"Question {number} on foxes", f"written {number}", time)


def told(preference):
    return {reason.removeprefix("record:") for reason in preference[0].because}


CHOOSER = User("ann", [message(0, 0), choice(1, 1), message(2, 2), choice(3, 3, "edit"), choice(4, 4)])
WRITER = User("bob", [message(5, 0), message(6, 1), message(7, 2)])


@pytest.fixture
def lm():
    return ScriptedLM(lambda request: f"draft of {request.question}")


def test_a_choice_and_an_edit_give_what_was_taken_and_what_was_left():
    made = preferences(CHOOSER)
    assert [(request.question, taken, left) for request, taken, left in made] == [
        (f"Question {n} on foxes", f"taken {n}", f"left {n}") for n in (1, 3, 4)
    ]


def test_only_the_newest_are_taken_and_nothing_is_told_without_k():
    made = preferences(CHOOSER, newest=2)
    assert [taken for _, taken, _ in made] == ["taken 3", "taken 4"] and not any(map(told, made))


def test_strictly_earlier_records_are_told_and_only_what_the_person_wrote():
    ids = {record.answer: record.id for record in CHOOSER.records}
    made = preferences(CHOOSER, k=5)
    assert [told(one) for one in made] == [
        {ids["written 0"]},
        {ids["written 0"], ids["written 2"]},
        {ids["written 0"], ids["written 2"], ids["taken 3"]},
    ]
    assert ids["taken 1"] not in told(made[2])  # a reply that was chosen is not the person's own text


@pytest.mark.parametrize(("taken", "left"), [("same", "same "), ("", "left"), ("taken", " "), ("taken", "")])
def test_where_nothing_is_preferred_there_is_no_pair(taken, left):
    assert preferences(User("ann", [Record("q", taken, 0.0, "", "choice", left)])) == []


def test_a_draft_is_the_models_own_answer_to_what_is_asked_and_told(lm):
    [made] = drafted(lm, [pairs(WRITER, k=1)], tokens=7)
    assert [(answer, draft) for _, answer, draft in made] == [(f"written {n}", f"draft of Question {n} on foxes") for n in (5, 6, 7)]
    assert [request.messages for request in lm.requests] == [request.messages for request, *_ in made]
    assert {request.sampling.max_tokens for request in lm.requests} == {7}


def test_equal_requests_are_put_once_and_an_answer_in_the_persons_words_is_no_pair():
    lm = ScriptedLM(lambda request: "as I say ")
    made = drafted(lm, [[(ask("q"), "as I say"), (ask("q"), "otherwise")], [(ask("q"), "mine")]])
    assert [[answer for _, answer, _ in own] for own in made] == [["otherwise"], ["mine"]] and len(lm.requests) == 1


def test_who_stated_preferences_has_no_drafts_and_who_stated_none_has_drafts_alone(lm):
    chooser, writer, nobody = preferences_of(lm, [CHOOSER, WRITER, User("nobody")], Taking())
    assert chooser == preferences(CHOOSER) and nobody == []
    assert [answer for _, answer, _ in writer] == ["written 5", "written 6", "written 7"]
    assert len(lm.requests) == 3


def test_everyone_together_are_all_of_each_with_their_owners_and_a_draw_drafts_only_what_it_took(lm):
    made, owners = preferences_together(lm, [WRITER, CHOOSER], Taking(k=1))
    assert owners == [0, 0, 0, 1, 1, 1]
    assert made == [one for own in preferences_of(lm, [WRITER, CHOOSER], Taking(k=1)) for one in own]
    lm.requests.clear()
    few, owners = preferences_together(lm, [WRITER, CHOOSER], Taking(at_most=2, seed=1))
    assert len(few) == len(owners) == 2 and len(lm.requests) == owners.count(0)
    assert few == preferences_together(lm, [WRITER, CHOOSER], Taking(at_most=2, seed=1))[0]
