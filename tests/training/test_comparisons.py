"""Pairs out of choices, edits and ratings, drafts where there are none, and the best of several replies."""

import numpy as np
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.training.comparisons import best, compared, preferences, several, sides, written
from idiolect.types import Record, Reply, User, ask
from tests.conformance.people import ANN, BOB, NOBODY


def choice(prompt="Of foxes?", taken="short", left="long and dull", time=0.0, kind="choice"):
    return Record(prompt, taken, time, "", kind, left)


def test_choices_and_edits_are_pairs_and_messages_are_not():
    made = compared([choice(), choice(kind="edit", time=1.0), Record("p", "a", 2.0)])
    assert [(one.better, one.worse) for one in made] == [("short", "long and dull")] * 2 and made[1].record.kind == "edit"


def test_of_two_rated_replies_to_one_question_the_higher_is_preferred():
    ratings = [Record(q, score, at, "", "rating", reply) for at, (q, score, reply) in enumerate(
        [("q", "2", "poor"), ("q", "5", "fine"), ("other", "1", "bad"), ("q", "2", "poor too"), ("q", "many", "odd"), ("q", "nan", "odder")]
    )]  # fmt: skip
    assert [(one.question, one.better, one.worse) for one in compared(ratings)] == [("q", "fine", "poor"), ("q", "fine", "poor too")]


@pytest.mark.parametrize(("taken", "left"), [("same", " same "), ("", "left"), ("taken", " \n")])
def test_what_is_compared_with_itself_or_with_nothing_says_nothing(taken, left):
    assert compared([choice(taken=taken, left=left)]) == []


def test_who_compared_nothing_is_compared_with_the_models_draft_of_their_newest_questions():
    lm = ScriptedLM(lambda request: "a draft", can=())
    own, other, nobody = preferences([ANN, User("cyd", [choice()]), NOBODY], lm, 2, 4)
    assert [(one.better, one.worse) for one in own] == [(record.answer, "a draft") for record in ANN.records[-2:]]
    assert [one.better for one in other] == ["short"] and nobody == []
    assert [request.question for request in lm.requests] == [record.prompt for record in ANN.records[-2:]]
    assert all(request.sampling.max_tokens == 4 and len(request.messages) == 1 for request in lm.requests)


def test_whoever_made_comparisons_asks_no_draft_and_none_newest_asks_nothing():
    lm = ScriptedLM([], can=())
    assert len(preferences([User("a", [choice(time=at) for at in range(5)])], lm, 3, 4)[0]) == 3
    assert preferences([ANN, BOB], lm, 0, 4) == [[], []] and not lm.requests


def test_texts_that_answer_nothing_are_not_asked_for():
    assert [
        record.time for record in written(User("a", [Record("", "text", 0.0), Record("q", " ", 1.0), Record("q", "text", 2.0)]), 5)
    ] == [2.0]


def test_the_greedy_answer_comes_first_and_each_draw_has_its_seed():
    asked = several(ask("q", seed=7, temperature=0.3), 2, 0.9)
    assert [(one.sampling.temperature, one.sampling.seed) for one in asked] == [(0.0, 7), (0.9, 7), (0.9, 8)]


def test_the_best_is_given_at_the_cost_of_all_and_an_empty_answer_loses():
    replies = [Reply("a", prompt_tokens=2, tokens=1), Reply(" ", prompt_tokens=2, tokens=0), Reply("c", prompt_tokens=2, tokens=3)]
    chosen = best(replies, np.array([1.0, 9.0, 1.0]), ["reason"])
    assert (chosen.text, chosen.calls, chosen.tokens, chosen.prompt_tokens, chosen.because) == ("a", 3, 4, 6, ("reason",))
    assert best(replies, np.array([1.0, 9.0, 2.0])).text == "c" and best([Reply(""), Reply(" ")], np.zeros(2)).text == ""


def test_both_sides_of_no_comparisons_have_the_features_of_some():
    some, none = sides(compared([choice()]), "hash"), sides([], "hash")
    assert some[0].shape == (1, none[0].shape[1]) and none[1].shape[0] == 0
