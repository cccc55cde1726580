"""People as vectors: the contrast's closed forms, groups nobody stands alone in, words that enough people share, and where people point."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.errors import RequestError
from idiolect.retrieval.embedders import embed, unit
from idiolect.training import kindred
from idiolect.training.feedback import Lesson
from idiolect.training.kindred import common_words, encoder_of, groups, info_nce, person_of, persona_map
from idiolect.training.reranking import SHARPNESS, distilled


def views(people, size=4, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(2 * people, size)))


@pytest.mark.parametrize("people", [1, 2, 5, 16])
def test_where_all_views_are_equal_the_contrast_is_the_log_of_how_many_others_there_are(people):
    loss, gradient = info_nce(np.tile([[0.6, 0.8]], (2 * people, 1)), temperature=0.1)
    assert loss == pytest.approx(np.log(2 * people - 1), abs=1e-12)
    assert np.isfinite(gradient).all()


def test_the_gradient_of_the_contrast_is_that_by_differences():
    seen, small = views(3), 1e-6
    gradient = info_nce(seen, 0.3)[1]
    for place in np.ndindex(seen.shape):
        step = np.zeros_like(seen)
        step[place] = small
        slope = (info_nce(seen + step, 0.3)[0] - info_nce(seen - step, 0.3)[0]) / (2 * small)
        assert gradient[place] == pytest.approx(slope, abs=1e-6)


def test_a_persons_other_view_is_never_among_the_negatives():
    apart = np.vstack([np.eye(3), np.eye(3)])  # each person's views are equal, and different people's at right angles
    temperature = 0.5
    own, other = np.exp(1 / temperature), np.exp(0)
    assert info_nce(apart, temperature)[0] == pytest.approx(-np.log(own / (own + 4 * other)))
    assert info_nce(apart, 0.01)[0] == pytest.approx(0, abs=1e-12), "a negative of one's own would leave ln 2"
    assert info_nce(views(1), 0.1)[0] == pytest.approx(0, abs=1e-12), "alone there is nobody to be told from"


THINGS = ("fox", "car", "sea", "tax", "bun", "owl", "pot", "kiln", "loom", "reed", "moss", "tide")


def taste(word, count, seed):
    """A history of texts that each hold `word` among words of everybody's."""
    chance = np.random.default_rng(seed)
    return embed([f"{word} {' '.join(f'w{i}' for i in chance.integers(0, 30, 6))}" for _ in range(count)])


def test_what_is_learnt_tells_a_persons_two_halves_from_other_peoples():
    people = [taste(word, 12, seed) for seed, word in enumerate(THINGS)]

    def contrast(encoder):
        halves = [person_of(own[part], encoder) for part in (slice(6), slice(6, 12)) for own in people]
        return info_nce(np.stack(halves), 0.1)[0]

    start, learnt = (encoder_of(people, 1024, 3, steps=steps, seed=1) for steps in (0, 200))
    assert contrast(learnt) < 0.5 * contrast(start)


def test_alone_nothing_is_learnt_and_a_person_without_records_has_no_direction():
    start = encoder_of([], 1024, 8, seed=3)
    assert np.array_equal(start, encoder_of([taste("fox", 5, 0), np.zeros((0, 1024))], 1024, 8, seed=3))
    assert not person_of(np.zeros((0, 1024)), start).any()
    assert np.linalg.norm(person_of(taste("fox", 5, 0), start)) == pytest.approx(1)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(1, 8), st.integers(1, 5))
def test_everybody_is_in_one_group_and_no_group_is_smaller_than_allowed(people, size, least):
    made = groups(views(15)[:people], size, least)
    placed = [place for group in made for place in group]
    assert sorted(placed) == (list(range(people)) if people >= least else [])
    assert all(least <= len(group) < max(size, least) + least for group in made)


def test_people_alike_are_in_one_group():
    points = np.array([[0.0], [10.0], [0.1], [10.1], [0.2], [10.2]])
    assert sorted(groups(points, 3, 2)) == [[0, 2, 4], [1, 3, 5]]
    with pytest.raises(RequestError, match="not 0"):
        groups(points, 3, 0)


def test_only_words_that_enough_members_use_are_common_and_what_everybody_uses_as_much_is_not():
    members = [["the fox ran", "the secret den"], ["a fox, the den end"], ["the fox den"]]
    everybody = [*members, ["the car"], ["the sea", "fox"], ["the bun"]]
    assert common_words(members, everybody, least=3) == ["den", "fox"]
    assert common_words(members, everybody, least=3, most=1) == ["den"]
    assert common_words(members, everybody, least=4) == common_words(members, members, least=3) == []


def test_the_gradient_of_where_a_person_points_is_that_of_the_distillation(monkeypatch):
    chance = np.random.default_rng(0)
    told = [Lesson(0, 4, unit(chance.normal(size=4)), unit(chance.normal(size=(3, 4))), chance.normal(size=3)) for _ in range(3)]
    people, start, share = unit(chance.normal(size=(3, 2))), chance.normal(size=(2, 4)), 0.4
    seen = []
    monkeypatch.setattr(kindred, "descended", lambda start, slope, steps, rate: seen.append(slope(start)[0]) or start)
    persona_map(start, told, people, share)

    def loss(now):
        made = [(1 - share) * one.documents @ one.asked + share * one.documents @ unit(person @ now) for one, person in zip(told, people)]
        shown = np.ones((1, 3), bool)
        return np.mean([distilled(SHARPNESS * scores[None], one.worth[None], shown)[0][0] for scores, one in zip(made, told)])

    for place in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[place] = 1e-6
        assert seen[0][place] == pytest.approx((loss(start + step) - loss(start - step)) / 2e-6, abs=1e-6)


def test_a_person_who_counts_for_nothing_teaches_nothing():
    start = np.eye(2, 4)
    assert persona_map(start, [], np.zeros((0, 2)), 0.5) is start
