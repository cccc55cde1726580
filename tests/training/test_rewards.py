"""Counted rewards, one scale for all of them, and the weights that people and requests give them."""

import numpy as np
import pytest

from idiolect.errors import MethodError, RequestError
from idiolect.training.rewards import (
    NOTHING,
    REWARDS,
    Scale,
    active,
    asked_for,
    counted,
    known,
    leaning,
    simplex,
    weighed,
    weights_of,
)
from idiolect.types import Record, State, User, ask

BOTH = ("brief", "thorough")
FLAT = Scale(np.zeros(2), np.ones(2))


def test_rewards_count_what_they_say():
    asked = "Describe the red fox and the blue whale"
    made = counted(tuple(REWARDS), [asked, asked], ["red fox", "Whale whale 7"])
    assert made[0].tolist() == pytest.approx([-np.log(3), np.sqrt(2), -3.0, 1.0, 0.0])
    assert made[1].tolist() == pytest.approx([-np.log(4), 1.0, -11 / 3, 2 / 3, 0.5])


def test_who_says_nothing_is_not_brief():
    nothing, word, many = (counted(("brief",), ["q"], [answer])[0, 0] for answer in ("", "one", "w " * NOTHING))
    assert word > nothing == many


def test_an_objective_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(MethodError, match="did you mean 'brief'"):
        known(["breif"])
    for wrong in ([], ["brief", "brief"]):
        with pytest.raises(MethodError, match="one or more, each named once"):
            known(wrong)


def test_z_scores_have_mean_0_and_spread_1_and_do_not_stretch_agreement():
    rewards = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert Scale.of(rewards).z(rewards).tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert Scale.of(np.zeros((0, 2))).z(np.ones((1, 2))).tolist() == [[1.0, 1.0]]


def test_a_scale_is_read_back_from_a_state_and_is_flat_where_there_is_none():
    scale = Scale.of(np.array([[1.0, 2.0], [3.0, 8.0]]))
    again = Scale.kept(State(arrays=scale.arrays), 2)
    assert again.mean.tolist() == [2.0, 5.0] and again.spread.tolist() == [1.0, 3.0]
    assert Scale.kept(State(), 2).z(np.ones(2)).tolist() == [1.0, 1.0]


def test_each_kind_of_record_leans_by_what_it_prefers():
    short, long = "fox", "the fox sleeps under the old tree by the river"
    chosen = Record("On a fox", short, 0.0, kind="choice", other=long)
    turned = Record("On a fox", long, 0.0, kind="edit", other=short)
    rated = [Record("On a fox", "5", 0.0, kind="rating", other=short), Record("On a fox", "1", 1.0, kind="rating", other=long)]
    assert leaning(User("u", [chosen]), BOTH, FLAT)[0] > 0 > leaning(User("u", [turned]), BOTH, FLAT)[0]
    assert leaning(User("u", rated), BOTH, FLAT)[0] > 0
    assert leaning(User("u", [Record("On a fox", short, 0.0)]), BOTH, FLAT)[0] == pytest.approx(-np.log(2))
    assert leaning(User("u"), BOTH, FLAT).tolist() == [0.0, 0.0]


def test_ratings_that_are_no_numbers_or_all_alike_teach_nothing():
    same = [Record("q", "4", float(n), kind="rating", other="x") for n in range(3)]
    odd = [Record("q", text, float(n), kind="rating", other="x y") for n, text in enumerate(("great", "nan", "inf"))]
    assert not leaning(User("u", same), BOTH, FLAT).any() and not leaning(User("u", odd), BOTH, FLAT).any()


def test_weights_on_the_simplex_follow_the_leaning():
    made = simplex(np.array([2.0, 0.0, -1.0]))
    assert made.sum() == pytest.approx(1) and list(made) == sorted(made, reverse=True) and made.min() > 0
    assert simplex(np.array([2.0, 0.0]), sharpness=0.0).tolist() == [0.5, 0.5]


def test_a_person_without_records_weighs_all_alike_and_company_changes_nothing():
    one = User("u", [Record("On foxes", "fox", 0.0)])
    both = weights_of([one, User("v")], BOTH, FLAT)
    assert both[1].numbers == {"brief": 0.5, "thorough": 0.5}
    assert both[0].numbers == weights_of([one], BOTH, State(arrays=FLAT.arrays))[0].numbers != both[1].numbers


def test_the_requests_own_weights_win_over_the_persons():
    state, request = State(numbers={"brief": 0.9, "thorough": 0.1}), ask("q")
    assert asked_for(request, state, BOTH).tolist() == [0.9, 0.1]
    assert asked_for(request.weighing({"thorough": 3.0, "brief": 1.0}), state, BOTH).tolist() == [0.25, 0.75]
    assert asked_for(request, State(), BOTH).tolist() == [0.5, 0.5]


def test_wrong_weights_are_refused():
    for wrong in ({"funny": 1.0}, {"brief": -1.0}, {"brief": float("nan")}, {"brief": 0.0}):
        with pytest.raises(RequestError):
            weighed(BOTH, wrong, {})


def test_active_are_those_that_weigh_no_less_than_an_equal_share():
    assert active(np.array([0.5, 0.5])) == [0, 1]
    assert active(np.array([0.3, 0.7])) == [1]
    assert active(np.full(3, 1 / 3)) == [0, 1, 2]
