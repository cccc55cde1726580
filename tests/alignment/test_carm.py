"""CARM: the context decides between answers that without it are worth the same to everybody."""

import numpy as np
import pytest

from idiolect.alignment.carm import CARM
from idiolect.evaluation.preferences import accuracy
from idiolect.models.scripted import ScriptedLM
from idiolect.training.comparisons import compared, sides
from idiolect.training.reward_models import bradley_terry
from idiolect.types import Record, Reply, State, User
from tests.alignment.tastes import ASKED, BRIEF, CANDIDATES, LONG, PEOPLE, SHORT, THOROUGH, candidates, person


def wished(name, wish, likes_short):
    """Somebody who said how they want to be answered, and then chose so."""
    return User(name, [Record("q", wish, -1.0, f"{name}w", "correction", "a reply"), *person(name, likes_short).records])


TAUGHT = [wished(f"b{n}", "Too long, be brief.", True) for n in range(4)] + [
    wished(f"t{n}", "Tell me everything in detail.", False) for n in range(4)
]


def fitted(people=TAUGHT, **options):
    method = CARM(drawn=2, **{"k": 0, "hold": 0.3, **options})
    method.fit(people, candidates())
    return method


@pytest.mark.parametrize(("wish", "best"), [("Too long, be brief.", 1), ("Tell me everything in detail.", 2)])
def test_the_answer_is_the_one_that_the_persons_wish_asks_for(wish, best):
    method, lm = fitted(), candidates()
    user = User("new", [Record("q", wish, 0.0, "w", "correction", "a reply")])
    state = State(records=user.records)
    reply = method.personalize(state, ASKED, lm)
    assert isinstance(reply, Reply) and reply.text == CANDIDATES[best] and reply.calls == 3 and "record:w" in reply.because


def both_ways(method, context):
    """Margins of each short answer before the long one, and of the same pair turned round."""
    worth = [(method.worth("Of foxes?", [one, other], context)) for one, other in zip(SHORT, LONG, strict=True)]
    ahead = np.array([one - other for one, other in worth])
    return np.concatenate([ahead, -ahead])


def test_without_context_exactly_half_of_reversed_pairs_are_told_right_and_with_it_all():
    method = fitted(dropped=0.0)
    nothing = both_ways(method, "")
    assert accuracy(nothing) == 0.5
    short, long = both_ways(method, "Too long, be brief.")[:6], both_ways(method, "Tell me everything in detail.")[:6]
    assert accuracy(np.concatenate([short, -long])) == 1.0


def test_turning_a_pair_round_turns_its_margin_round():
    method = fitted()
    one, other = method.worth("q", [SHORT[0], LONG[0]], "be brief")
    assert method.worth("q", [LONG[0], SHORT[0]], "be brief").tolist() == [other, one]


def test_where_no_context_is_left_it_is_the_plain_reward_of_everybody():
    method = fitted(PEOPLE, k=0, dropped=0.0)
    better, worse = sides([one for user in PEOPLE for one in compared(user.records)], "hash")
    learnt = method.shared.arrays["weights"][:, 0]
    assert learnt[: better.shape[1]] == pytest.approx(bradley_terry(better, worse, method.hold)) and not learnt[better.shape[1] :].any()


def test_what_a_choice_is_learnt_beside_is_strictly_earlier():
    method = CARM(k=3)
    user = BRIEF
    for one in user.records:
        context, near = method._context(user.records.before(one), one.prompt)
        assert all(record.time < one.time for record in near) and (one.answer not in context or one.time > 0)


def test_a_stranger_is_answered_by_what_everybody_prefers_and_before_it_is_taught_nothing_is_done():
    method = fitted([BRIEF])
    assert method.personalize(State(), ASKED, candidates()).text == CANDIDATES[1]
    assert CARM().personalize(State(), ASKED, candidates()) == ASKED
    empty = CARM()
    empty.fit([User("a", [])], ScriptedLM([], can=()))
    assert empty.personalize(State(records=THOROUGH.records), ASKED, candidates()) == ASKED
