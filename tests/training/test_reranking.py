"""Losses of a ranker taught by feedback: gradients, known values, padding; and that training brings what was worth most to the top."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.retrieval.embedders import embed
from idiolect.retrieval.reweighted import AGES, Reweighting
from idiolect.training.feedback import Lesson
from idiolect.training.reranking import distilled, distilling, log_softmax, reinforced, reinforcing, taught

ALL = np.ones((1, 3), dtype=bool)
numbers = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(lambda row: np.array([row]))


def slopes(loss, scores, small=1e-6):
    """The gradient of `loss` by differences."""
    steps = small * np.eye(scores.shape[1])
    return np.array([(loss(scores + step)[0] - loss(scores - step)[0]) / (2 * small) for step in steps])


def test_the_distillation_of_the_toy_is_the_intended_one_and_not_that_of_two_soft_maxes():
    scores, worth = np.array([[2.0, 1.0, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    target = np.exp(log_softmax(worth, ALL))
    entropy = -(target * np.log(target)).sum()
    assert distilled(scores, worth, ALL)[0][0] + entropy == pytest.approx(1.043431, abs=1e-6)
    twice = np.exp(log_softmax(scores, ALL))  # probabilities, put in where scores belong
    assert distilled(twice, worth, ALL)[0][0] + entropy == pytest.approx(1.008225, abs=1e-6)


@settings(deadline=None)
@given(numbers, numbers, st.floats(0.1, 3))
def test_the_gradient_of_the_distillation_is_what_is_said_less_what_is_meant(scores, worth, temperature):
    loss, gradient = distilled(scores, worth, ALL, temperature)
    expected = np.exp(log_softmax(scores, ALL)) - np.exp(log_softmax(worth / temperature, ALL))
    assert gradient == pytest.approx(expected, abs=1e-8) and loss[0] >= -1e-12
    by_differences = slopes(lambda moved: distilled(moved, worth, ALL, temperature)[0], scores)
    assert gradient[0] == pytest.approx(by_differences, abs=1e-6)


def test_the_distillation_is_zero_only_where_both_say_the_same():
    worth = np.array([[0.3, 0.1, 0.9]])
    assert distilled(worth / 0.5 + 7, worth, ALL, 0.5)[0][0] == pytest.approx(0, abs=1e-12)
    assert distilled(worth, worth, ALL, 0.5)[0][0] > 1e-3


@settings(deadline=None)
@given(numbers, st.integers(0, 2), st.floats(-2, 2))
def test_the_gradient_of_reinforce_is_the_textbooks(scores, taken, advantage):
    drawn, gained = np.array([taken]), np.array([advantage])
    policy = np.exp(log_softmax(scores, ALL))[0]
    gradient = reinforced(scores, drawn, gained, ALL)[1][0]
    assert gradient == pytest.approx([-((i == taken) - policy[i]) * advantage for i in range(3)])
    assert gradient == pytest.approx(slopes(lambda moved: reinforced(moved, drawn, gained, ALL)[0], scores), abs=1e-6)


def test_on_average_over_draws_reinforce_climbs_what_is_worth_more_than_the_untrained_rankers_first():
    scores, worth = np.array([[0.5, 0.0, -0.5]]), np.array([[0.2, 0.9, 0.0]])
    slope = reinforcing(seed=0)
    mean = np.mean([slope(scores, worth, ALL) for _ in range(20_000)], axis=0)[0]
    policy, gained = np.exp(log_softmax(scores, ALL))[0], worth[0] - worth[0, 0]
    exact = -policy * (gained - policy @ gained)  # of -E[gained], the baseline being fixed
    assert mean == pytest.approx(exact, abs=0.01)


def test_padding_has_no_probability_is_never_drawn_and_gets_no_gradient():
    scores, worth = np.array([[0.0, 1.0, 99.0]]), np.array([[0.1, 0.6, 99.0]])
    shown = np.array([[True, True, False]])
    whole = distilled(scores[:, :2], worth[:, :2], shown[:, :2])
    loss, gradient = distilled(scores, worth, shown)
    assert loss == pytest.approx(whole[0]) and gradient[0].tolist() == [*whole[1][0].tolist(), 0.0]
    slope = reinforcing(seed=1)
    assert all(slope(scores, worth, shown)[0, 2] == 0 for _ in range(200))


TEXTS = ("red fox", "red dog", "blue fox", "blue dog")
SHOWN = np.hstack([embed(TEXTS), np.zeros((4, AGES))])


def lessons(count, good):
    """Questions in which every text ties at first; one word of a text makes it worth telling."""
    made = [(embed([f"colour question {i}"])[0], np.array([float(good in text) for text in TEXTS])) for i in range(count)]
    return [Lesson(0, 4, asked, SHOWN, worth) for asked, worth in made]


@pytest.mark.parametrize("slope", [distilling(0.1), partial(reinforcing, 0)], ids=["distilled", "reinforced"])
def test_training_brings_what_was_worth_telling_to_the_top_for_new_questions(slope):
    slope = slope() if isinstance(slope, partial) else slope
    start = Reweighting.untrained(embed(TEXTS), "hash", rank=4)
    new = embed(["colour question 99"])[0]
    assert np.ptp(start.scores(new, SHOWN)) < 0.1
    for good in ("fox", "blue"):
        learnt = taught(start, lessons(8, good), slope, steps=200, rate=0.05)
        order = np.argsort(-learnt.scores(new, SHOWN))
        assert {TEXTS[place] for place in order[:2]} == {text for text in TEXTS if good in text}


def test_the_trainers_gradient_is_that_of_the_mean_loss(monkeypatch):
    from idiolect.training import reranking

    chance = np.random.default_rng(0)
    uneven = [
        Lesson(0, 4, chance.normal(size=5), chance.normal(size=(count, 4 + AGES)), chance.normal(size=count)) for count in (3, 2)
    ]  # one input more than the width
    start = Reweighting(np.ones(4), *(chance.normal(size=size) for size in ((5, 2), (4, 2), AGES)))
    seen = []
    monkeypatch.setattr(reranking, "descended", lambda start, slope, steps, rate: seen.append(slope(start)) or start)
    taught(start, uneven, distilling(0.5), hold=0.0)

    def loss(**moved):
        each = []
        for lesson in uneven:
            scores = reranking.SHARPNESS * replace(start, **moved).scores(lesson.asked, lesson.documents)[None]
            each.append(distilled(scores, lesson.worth[None], np.ones(scores.shape, bool), 0.5)[0][0])
        return np.mean(each)

    small = 1e-6
    for name, slope, places in zip(("left", "right", "own"), seen[0], ([(0, 0), (4, 1)], [(0, 1), (3, 0)], [(0,), (1,)])):
        for place in places:
            step = np.zeros_like(slope)
            step[place] = small
            ahead, behind = (loss(**{name: getattr(start, name) + way * step}) for way in (1, -1))
            assert slope[place] == pytest.approx((ahead - behind) / (2 * small), abs=1e-4)


def test_that_recent_records_are_worth_more_is_learnt_from_records_that_embeddings_cannot_tell_apart():
    start = Reweighting.untrained(embed(TEXTS), "hash", rank=4)
    same = start.aged(embed(["fox"] * 4))
    made = [Lesson(0, 4, embed([f"question {i}"])[0], same[::-1], np.array([1.0, 0.5, 0.2, 0.0])) for i in range(3)]
    learnt = taught(start, made, distilling(0.1))
    assert np.ptp(start.scores(made[0].asked, same)) < 1e-6
    assert list(np.argsort(learnt.scores(made[0].asked, same))) == [0, 1, 2, 3]


def test_without_lessons_the_ranker_stays_as_it_is():
    start = Reweighting.untrained(embed(TEXTS), "hash")
    assert taught(start, [], distilling(1.0)) is start
