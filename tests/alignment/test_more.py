"""MORE: which answer everybody's reward gives, and what a person's own comparisons change in it."""

import numpy as np

from idiolect.alignment.more import MORE
from idiolect.types import Record, Reply, State, User
from tests.alignment.tastes import ASKED, BRIEF, CANDIDATES, PEOPLE, THOROUGH, candidates
from tests.conformance.people import NOBODY


def fitted(people=PEOPLE, **options):
    method = MORE(drawn=2, sets=2, steps=80, hold=0.3, **options)
    method.fit(people, candidates())
    return method


def said(method, user):
    lm = candidates()
    reply = method.personalize(method.enroll([user], lm)[0], ASKED, lm)
    assert isinstance(reply, Reply)
    return reply


def test_each_persons_own_head_prefers_the_answer_of_their_taste():
    method = fitted()
    brief, thorough = (method.worth(state, "q", CANDIDATES[1:]) for state in method.enroll([BRIEF, THOROUGH], candidates()))
    assert brief.argmax() == 0 and thorough.argmax() == 1


def test_as_in_the_paper_everybody_gets_the_answer_of_one_reward():
    method = fitted([user for user in PEOPLE if user.records[0].answer == BRIEF.records[0].answer], own=False)
    assert said(method, BRIEF).text == said(method, THOROUGH).text == said(method, NOBODY).text == CANDIDATES[1]
    assert not method.enroll([BRIEF], candidates())[0].arrays


def test_people_who_disagree_weigh_alike_however_many_they_are():
    many = [user for user in PEOPLE if user.records[0].answer == BRIEF.records[0].answer] * 3
    named = [User(f"{user.id}{place}", user.records) for place, user in enumerate(many)]
    weights = fitted([*named, THOROUGH]).shared.arrays["weights"]
    assert len(weights) == 2 and np.abs(weights - 0.5).max() < 0.2


def test_a_choice_counts_at_once_and_as_if_enrolled_afresh():
    method, lm = fitted(), candidates()
    state = method.observe(State(), BRIEF, list(BRIEF.records), lm)
    assert np.array_equal(state.arrays["head"], method.enroll([BRIEF], lm)[0].arrays["head"]) and not lm.requests
    plain = User("m", [Record("q", "a text", 0.0)])
    assert method.observe(state, plain, list(plain.records), lm) is state


def test_of_the_person_only_a_head_is_kept_and_all_candidates_are_paid_for():
    method = fitted()
    state = method.enroll([BRIEF], candidates())[0]
    assert not state.records and set(state.arrays) == {"head"} and said(method, BRIEF).calls == 3


def test_untaught_it_changes_nothing():
    assert MORE().personalize(State(), ASKED, candidates()) == ASKED
    method = MORE()
    method.fit([NOBODY], candidates())
    assert method.personalize(method.enroll([NOBODY], candidates())[0], ASKED, candidates()) == ASKED
