"""Prompts that serve an objective and that defy it: which answers they quote, and that nobody's words are among them."""

import numpy as np

from idiolect.models.scripted import ScriptedLM
from idiolect.training.contrasts import QUESTIONS, contrasts, widest
from idiolect.training.specialized import Draws

ANSWERS = {  # three drawn answers to each of three questions
    QUESTIONS[0]: ["boil it", "boil an egg in water for many minutes and then let it rest", "egg in water"],
    QUESTIONS[1]: ["read", "read books", "read a"],
    QUESTIONS[2]: ["the light of the sun is scattered by the air over and over again on its way", "no", "light scatters"],
}


def scripted(request):
    return ANSWERS[request.question][request.sampling.seed % 3]


DRAWS = Draws(questions=3, each=3, tokens=64, seed=0)


def test_the_best_and_worst_answers_to_the_questions_that_differ_most_are_quoted():
    (brief, thorough), scale = contrasts(ScriptedLM(scripted), ("brief", "thorough"), DRAWS, shown=2)
    assert "Answered: no" in brief.expert and "Answered: boil it" in brief.expert and "Answered: read" not in brief.expert
    assert "scattered by the air" in brief.adversary and "let it rest" in brief.adversary
    assert brief.expert.startswith("Keep it short.") and brief.adversary.startswith("Take the room that it needs.")
    assert thorough.expert != brief.expert and scale.mean.shape == (2,)


def test_rows_that_span_most_come_first_and_rows_that_span_nothing_not_at_all():
    assert widest(np.array([[1.0, 1.0], [0.0, 2.0], [5.0, 4.0], [0.0, 2.0]]), 3) == [1, 3, 2]
    assert widest(np.ones((3, 2)), 2) == []


def test_where_all_answers_are_one_the_objectives_own_words_stand_alone():
    (brief,), _ = contrasts(ScriptedLM(lambda request: "the same"), ("brief",), DRAWS)
    assert (brief.expert, brief.adversary) == ("Keep it short.", "Take the room that it needs.")


def test_only_fixed_questions_are_asked():
    lm = ScriptedLM(lambda request: "an answer of some words")
    contrasts(lm, ("brief",), Draws(questions=99, each=2))
    assert [request.question for request in lm.requests] == [question for question in QUESTIONS for _ in range(2)]
