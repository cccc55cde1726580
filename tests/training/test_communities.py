"""Communities: who is in which, that none is one person, and what each is taught."""

import numpy as np
import pytest

from idiolect.training import communities as module
from idiolect.training.communities import Gathering, communities, gathered
from idiolect.training.loop import Plan
from idiolect.types import Record, User
from tests.conformance.people import ANN, BOB, CYD, NOBODY

NEAR = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1]]
FAR = [[9.0, 9.0], [9.1, 9.0]]


def test_people_alike_are_together_and_the_largest_community_comes_first():
    assert gathered(np.array([*FAR, *NEAR]), 2, 2) == [[2, 3, 4], [0, 1]]


def test_who_would_be_alone_joins_the_nearest_community():
    alone = [5.0, 6.0]
    assert gathered(np.array([*NEAR, alone, *FAR]), 3, 2) == [[0, 1, 2], [3, 4, 5]]


def test_where_everybody_would_be_alone_all_are_one_and_too_few_are_none():
    points = np.array([[0.0], [5.0], [9.0]])
    assert gathered(points, 5, 2) == [[0, 1, 2]]
    assert gathered(points[:1], 5, 2) == [] and gathered(points[:0], 5, 0) == []


@pytest.mark.parametrize("least", [1, 2, 3, 5])
def test_nobody_is_in_two_and_no_community_is_smaller_than_the_least(least):
    for seed in range(20):
        points = np.random.default_rng(seed).normal(size=(12, 3))
        made = gathered(points, 5, least, seed)
        assert sorted(place for group in made for place in group) == list(range(12))
        assert all(len(group) >= least for group in made)


def test_a_community_is_taught_by_what_its_people_wrote_and_who_wrote_nothing_is_in_none(llama, monkeypatch):
    seen, real = [], module.sft
    monkeypatch.setattr(module, "sft", lambda lm, jobs, **options: seen.extend(jobs) or real(lm, jobs, **options))
    blank = User("blank", [Record("q", " ", 0.0)])
    made = communities(llama.lm, [ANN, NOBODY, BOB, blank, CYD], Gathering(count=1, newest=3), rank=2, training=Plan(epochs=1))
    ((adapter, people),) = made
    assert people == 3 and adapter.name == "community 1"
    assert {answer for _, answer in seen[0]} == {r.answer for user in (ANN, BOB, CYD) for r in user.records.newest(3)}
    assert communities(llama.lm, [ANN, NOBODY], rank=2) == []
