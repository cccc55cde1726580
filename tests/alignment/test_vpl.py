"""VPL: a newcomer's vector comes from what they compared, without training, and decides which answer they get."""

import numpy as np

from idiolect.alignment.vpl import VPL
from idiolect.types import Reply, State
from tests.alignment.tastes import ASKED, BRIEF, CANDIDATES, PEOPLE, THOROUGH, candidates
from tests.conformance.people import ANN, NOBODY


def fitted(**options):
    method = VPL(drawn=2, size=4, hidden=16, weight=0.0, rate=5e-3, **{"steps": 150, **options})
    method.fit(PEOPLE, candidates())
    return method


def said(method, state):
    reply = method.personalize(state, ASKED, candidates())
    assert isinstance(reply, Reply)
    return reply


def test_newcomers_get_the_answer_of_their_own_taste_and_with_anothers_choices_the_others():
    method = fitted()
    brief, thorough = method.enroll([BRIEF, THOROUGH], candidates())
    assert said(method, brief).text == CANDIDATES[1] and said(method, thorough).text == CANDIDATES[2]
    assert method.worth(brief, "q", CANDIDATES[1:]).argmax() != method.worth(thorough, "q", CANDIDATES[1:]).argmax()


def test_the_order_in_which_things_were_chosen_changes_nothing():
    method = fitted(steps=5)
    turned = type(BRIEF)("turned", [type(r)(r.prompt, r.answer, -r.time, r.id, r.kind, r.other) for r in BRIEF.records])
    one, other = method.enroll([BRIEF, turned], candidates())
    assert np.allclose(one.arrays["vector"], other.arrays["vector"], atol=1e-6)


def test_somebody_without_records_is_in_the_middle_of_all_people():
    method = fitted(steps=5)
    nobody = method.enroll([NOBODY], candidates())[0]
    assert not nobody.arrays["vector"].any()
    assert np.array_equal(method.worth(nobody, "q", CANDIDATES), method.worth(State(), "q", CANDIDATES))
    assert said(method, nobody).calls == 3


def test_a_choice_counts_at_once_and_a_text_of_ones_own_waits_for_a_draft():
    method, lm = fitted(steps=5), candidates()
    state = method.observe(State(), BRIEF, list(BRIEF.records), lm)
    assert np.array_equal(state.arrays["vector"], method.enroll([BRIEF], lm)[0].arrays["vector"])
    assert method.observe(State(), ANN, list(ANN.records), lm) == State() or not lm.requests
    assert method.enroll([ANN], lm)[0].arrays["vector"].any() and lm.requests


def test_untaught_it_changes_nothing():
    assert VPL().personalize(State(), ASKED, candidates()) == ASKED
    method = VPL()
    method.fit([NOBODY], candidates())
    assert method.shared.arrays == {} and method.enroll([NOBODY], candidates())[0].arrays == {}
