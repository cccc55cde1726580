"""What a model is asked as a reader's reviewer, and what is read of its answer: too little is None and never a number."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.training.reviews import choosing, read_choice, read_score, scoring
from idiolect.types import Record

LM = ScriptedLM(can=())
SCALE = (1.0, 10.0)
HISTORY = [Record("Of foxes?", "9", 0.0, "one", "rating", "They sleep."), Record("Of dogs?", "2", 1.0, "two", "rating", "They run.")]
CHOICES = [Record("Of foxes?", "They sleep.", 0.0, f"c{n}", "choice", "They run.") for n in range(8)]


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ('{"review": "Dull, 3 scenes too many", "score": 7}', 7.0),
        ('Sure: {"score": "4.5", "review": "well"} and that is it', 4.5),
        ("Score: 8", 8.0),
        ("I would give it score 3,5", 3.5),
        ("6", 6.0),
        ('{"review": "cut off", "score": 7', 7.0),
    ],
)
def test_a_score_is_read_of_json_or_after_the_word_or_alone(said, score):
    assert read_score(said, SCALE) == score


@pytest.mark.parametrize(
    "said",
    ["", "good", "between 3 and 5", '{"score": 11}', '{"score": true}', '{"score": null}', '{"score": "nan"}', "Score: -2", "[1, 2]"],
)
def test_what_is_no_score_or_off_the_scale_is_none(said):
    assert read_score(said, SCALE) is None


@pytest.mark.parametrize(
    ("said", "letter"), [("A", "A"), (" B.", "B"), ("I choose B", "B"), ("A or B", None), ("", None), ("Apple", None), ("a", None)]
)
def test_a_choice_is_one_letter_and_not_both(said, letter):
    assert read_choice(said) == letter


def test_without_a_history_the_question_is_put_as_of_anybody():
    asked = scoring("Of foxes?", "They sleep.", [], SCALE, LM)
    assert len(asked.messages) == 1 and "from 1 to 10" in asked.question and "Reply: They sleep." in asked.question
    assert len(choosing("q", "one", "two", [], LM).messages) == 1


def test_earlier_scores_are_told_and_named_and_never_the_one_that_is_asked_for():
    asked = scoring("Of foxes?", "They sleep.", HISTORY, SCALE, LM)
    told = asked.messages[0].content
    assert "They run.\nScore: 2" in told and "Score: 9" not in told and asked.because == ("record:two",)
    other = scoring("Of foxes?", "Other words.", HISTORY, SCALE, LM)
    assert set(other.because) == {"record:one", "record:two"}


def test_earlier_choices_are_told_both_ways_round_and_never_the_pair_that_is_asked_for():
    told = choosing("Of cats?", "one", "two", CHOICES, LM).messages[0].content
    assert "Chose: A" in told and "Chose: B" in told
    for block in told.split("\n\n")[1:]:
        letter = block[-1]
        assert f"{letter}: They sleep." in block
    for pair in (("They sleep.", "They run."), ("They run.", "They sleep.")):
        assert len(choosing("Of foxes?", *pair, CHOICES, LM).messages) == 1
