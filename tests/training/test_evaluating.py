"""What a record is worth by its signs: what the regression finds, and what it says before there is anything to learn from."""

import numpy as np
import pytest

from idiolect.training.evaluating import COSINE, evaluator, signs
from idiolect.training.feedback import Lesson

CHANCE = np.random.default_rng(0)


def lesson(worth_of, scale, documents=None):
    documents = CHANCE.normal(size=(30, 4 + 2)) if documents is None else documents
    return Lesson(0, 30, np.eye(4)[0], documents, 7 + scale * worth_of(documents))


def test_the_sign_that_tells_worth_gets_the_weight():
    made = evaluator([lesson(lambda shown: shown[:, 4], 1.0) for _ in range(8)], hold=1e-6)
    assert made[1] > 10 * max(abs(made[0]), abs(made[2]))
    one = lesson(lambda shown: shown[:, 4], 3.0)
    assert np.corrcoef(signs(one.asked, one.documents) @ made, one.worth)[0, 1] > 0.99


def test_worth_is_read_on_the_scale_of_each_question():
    shown = [CHANCE.normal(size=(5, 6)) for _ in range(4)]
    small, large = ([lesson(lambda one: one[:, 4], scale, documents) for documents in shown] for scale in (0.01, 100.0))
    assert evaluator(small) == pytest.approx(evaluator(large))


def test_the_signs_are_the_cosine_the_ages_and_a_constant():
    asked, documents = np.array([1.0, 0.0]), np.array([[0.6, 0.8, 0.5, 0.2]])
    assert signs(asked, documents).tolist() == [[0.6, 0.5, 0.2, 1.0]]


def test_before_anything_is_learnt_a_record_is_worth_its_cosine():
    assert evaluator([]) is COSINE
    one = lesson(lambda shown: shown[:, 0], 1.0)
    assert signs(one.asked, one.documents) @ COSINE == pytest.approx(one.documents[:, 0])
