"""Who plays the roles: rules by themselves, and a scripted model that the rules check."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.training.roles import (
    EXAMPLES,
    FACTS,
    FIELDS,
    QUESTION,
    THANKS,
    Asking,
    Chosen,
    Flow,
    OwnWords,
    Plain,
    Worded,
    asks_for,
    next_action,
    opens,
)
from idiolect.training.simulation import ANSWER, CLOSE, Action, Cast, Dialogue, Scene, Turn, simulate
from idiolect.wording import clip

LONG = "Write a title for this abstract:\n\nA study of foxes, of herons and of the quay on which both of them sleep in winter"
FIELD_TEXTS = {QUESTION: LONG, FACTS: "I live in Ghent", EXAMPLES: "Wrote: the dogs of the quay"}


def scene(opening="short", on_record=()):
    return Scene(LONG, "the foxes of the quay", FIELD_TEXTS, frozenset(on_record), "Starts in lower case.", {"opening": opening})


def by_rules(one, most=4):
    return simulate([one], Cast(OwnWords(), Flow(most), Plain()), most)[0]


def test_who_says_little_is_asked_for_everything_that_is_missing_in_order_and_then_answered():
    dialogue = by_rules(scene())
    asked = [Action("ask", name) for name in (QUESTION, FACTS, EXAMPLES)]
    assert dialogue.closed and dialogue.done == (*asked, ANSWER) and not dialogue.vetoed
    person = [turn.text for turn in dialogue.turns if turn.role == "person"]
    assert person == [clip(LONG, 12), LONG, "I live in Ghent", "Wrote: the dogs of the quay", THANKS]
    assert dialogue.turns[-2].text == "the foxes of the quay"


def test_who_says_all_with_all_on_record_is_answered_at_once():
    dialogue = by_rules(scene("whole", (FACTS, EXAMPLES)))
    assert dialogue.done == (ANSWER,) and dialogue.turns[0].text == LONG


@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_last_turn_there_is_goes_to_the_answer(most):
    done = by_rules(scene(), most).done
    assert len(done) == most and done[-1] == ANSWER and ANSWER not in done[:-1]


def test_no_answer_is_permitted_before_the_question_is_known_and_nothing_after_it():
    flow, short = Flow(), Dialogue(scene(on_record=(EXAMPLES,))).plus(Turn("person", "A title"))
    assert flow.options(short) == [Action("ask", QUESTION), Action("ask", FACTS)]
    asked = short.plus(Turn("server", "All?", Action("ask", QUESTION))).plus(Turn("person", LONG))
    assert flow.options(asked) == [Action("ask", FACTS), ANSWER]
    assert flow.options(asked.plus(Turn("server", "the foxes", ANSWER))) == [CLOSE]


def test_an_opening_worded_by_the_model_is_believed_only_where_the_question_bears_it_out():
    lm = ScriptedLM(["a title on foxes and herons", "I want a recipe for soup", ""])
    first, second, third, whole = [Dialogue(scene(opening)) for opening in ("short", "short", "short", "whole")]
    assert Worded(lm).says([first, second, whole, third]) == ["a title on foxes and herons", clip(LONG, 12), LONG, clip(LONG, 12)]
    assert all("Starts in lower case." in asked.question and "foxes of the quay" not in asked.question for asked in lm.requests)


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("foxes and herons", True),
        ("herons", True),
        ("the quay of the quay of", False),
        ("herons " + "foxes quay winter " * 9, False),
        ("", False),
    ],
)
def test_an_opening_that_stammers_is_not_the_persons(text, fit):
    assert opens(text, LONG) == fit


def test_what_a_person_is_asked_for_they_say_in_their_own_words_and_no_model_is_asked():
    asked = Dialogue(scene()).plus(Turn("person", "A title")).plus(Turn("server", "You?", Action("ask", FACTS)))
    assert Worded(ScriptedLM([])).says([asked]) == ["I live in Ghent"]


def test_the_server_is_not_shown_the_answer_and_gives_it_unchanged():
    lm = ScriptedLM(["What should I know of what you like?"])
    dialogue = Dialogue(scene()).plus(Turn("person", "A title of mine"))
    said = Asking(lm=lm).acts([dialogue, dialogue], [Action("ask", FACTS), ANSWER])
    assert said == ["What should I know of what you like?", "the foxes of the quay"] and len(lm.requests) == 1
    assert "A title of mine" in lm.requests[0].question and "foxes" not in lm.requests[0].question


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("Can I see the whole text?", True),
        ("Whole text", False),
        ("The whole?", False),
        ("What is the weather today?", False),
        ("Is that all? Is there more?", False),
        ("The title:\nis that all?", False),
        ("Is that all " + "of it " * 20 + "?", False),
    ],
)
def test_a_question_is_let_through_if_it_is_one_and_for_the_field(text, fit):
    assert asks_for(QUESTION, text) == fit == Flow().allows(Dialogue(scene()), Action("ask", QUESTION), text)


def test_the_plain_questions_would_be_let_through_themselves():
    assert all(asks_for(name, field.plainly) for name, field in FIELDS.items())


def test_what_was_said_already_is_vetoed_when_it_is_asked_again():
    asked = Dialogue(scene()).plus(Turn("person", "A title")).plus(Turn("server", "Is that all there is?", Action("ask", QUESTION)))
    assert not Flow().allows(asked, Action("ask", QUESTION), "Is that all there is?")


def test_a_model_that_drivels_leaves_the_flow_as_the_rules_have_it_and_is_counted():
    lm = ScriptedLM(lambda asked: "la la", can=())
    dialogue = simulate([scene()], Cast(Worded(lm), Chosen(4, lm), Asking(lm=lm)), 4)[0]
    assert dialogue.vetoed == 3 and dialogue.turns == by_rules(scene()).turns


@pytest.mark.parametrize(
    ("reply", "wanted"), [("2", ANSWER), ("2. Answer.", ANSWER), ("1", Action("ask", FACTS)), ("7", Action("ask", FACTS))]
)
def test_a_model_supervises_among_what_the_rules_permit(reply, wanted):
    lm = ScriptedLM(lambda asked: reply, can=())
    dialogue = Dialogue(scene("whole", (EXAMPLES,))).plus(Turn("person", LONG))
    assert Chosen(4, lm).chooses([dialogue]) == [wanted]
    assert f"2. {next_action(ANSWER)}" in lm.requests[0].question


def test_a_model_is_not_asked_where_the_rules_leave_no_choice():
    lm = ScriptedLM([])
    answered = Dialogue(scene()).plus(Turn("person", LONG)).plus(Turn("server", "the foxes", ANSWER))
    assert Chosen(4, lm).chooses([answered]) == [CLOSE] and not lm.requests
