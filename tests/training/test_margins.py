"""Margins: the loss by hand, its gradient by differences, and a ranker that learns which answers go with which questions."""

import numpy as np
import pytest

from idiolect.retrieval.embedders import embed
from idiolect.retrieval.reweighted import Reweighting
from idiolect.training.margins import ageless, hinged, hinging, in_batches
from idiolect.training.reranking import taught

ALL = np.ones((1, 3), dtype=bool)


def test_the_loss_is_what_negatives_lack_of_the_margin():
    scores, worth = np.array([[2.0, 1.8, 0.5]]), np.array([[1.0, 0.0, 0.0]])
    loss, slope = hinged(scores, worth, ALL, margin=0.5)
    assert loss == pytest.approx([(0.5 - 2.0 + 1.8) / 2])  # the last lacks nothing
    assert slope.tolist() == [[-0.5, 0.5, 0.0]]


def test_the_gradient_is_that_of_the_loss_and_padding_has_none():
    chance = np.random.default_rng(1)
    scores, worth = chance.normal(size=(4, 5)), np.eye(5)[[0, 1, 2, 0]]
    shown = np.ones((4, 5), dtype=bool)
    shown[3, 1:] = False
    slope = hinged(scores, worth, shown, 0.7)[1]
    for place in np.ndindex(scores.shape):
        moved = scores.copy()
        moved[place] += 1e-6
        change = (hinged(moved, worth, shown, 0.7)[0] - hinged(scores, worth, shown, 0.7)[0]).sum() / 1e-6
        assert slope[place] == pytest.approx(change, abs=1e-4)
    assert not slope[3].any()


def test_a_lesson_has_the_different_answers_of_its_batch_and_one_right_one():
    start = Reweighting.untrained(embed(["one two", "three"]), "hash")
    pairs = [(0, "one", "first answer"), (1, "two", "second"), (1, "three", "first answer"), (0, "four", "alone")]
    lessons = in_batches(start, pairs, "hash", size=3)
    assert [lesson.worth.tolist() for lesson in lessons] == [[1, 0], [0, 1], [1, 0], [1]]
    assert [lesson.who for lesson in lessons] == [0, 1, 1, 0]


def test_what_no_word_says_is_learnt():
    pairs = [(0, "cats", "meow purr"), (0, "dogs", "bark growl"), (0, "cows", "moo low")] * 4
    start = Reweighting.untrained(embed([text for _, *two in pairs for text in two]), "hash", rank=4)
    learnt = taught(start, in_batches(start, pairs, "hash", 12), hinging(0.5), steps=200)

    def first(by, question):
        return int(by.scores(by.question(question), ageless(by, embed(["meow purr", "bark growl", "moo low"]))).argmax())

    assert [first(learnt, question) for question in ("cats", "dogs", "cows")] == [0, 1, 2]
    assert [first(start, question) for question in ("cats", "dogs", "cows")] != [0, 1, 2]
