"""NPTI: neurons are found without the records that choose gamma, answers are steered where they are generated, and little teaches nothing."""

import numpy as np
import pytest

from idiolect.steering import npti
from idiolect.steering.npti import NPTI
from idiolect.types import State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation

SMALL = {"answer_tokens": 4, "share": 0.1}
STATE = State(numbers={"gamma": 1.0}, arrays={"targets": np.arange(40), "added": np.full(40, 2.0, "f4"), "capped": np.arange(64, 100)})


def test_a_person_is_steered_at_their_own_neurons(llama):
    ann, bob = NPTI(gammas=(1.4,), **SMALL).enroll([ANN, BOB], llama.lm)
    assert ann.arrays["targets"].tolist() != bob.arrays["targets"].tolist() and not set(ann.arrays["targets"]) & set(ann.arrays["capped"])
    bent = NPTI(**SMALL).personalize(ann, ask("Of foxes?"), llama.lm)
    assert {(s.site, s.scope) for s in bent.steering} == {("gate", "decode")} and bent.messages == ask("Of foxes?").messages


def test_gamma_is_judged_on_the_newest_records_by_neurons_that_have_not_seen_them(llama, monkeypatch):
    read, tried = [], []
    real, judge = npti.activity, npti.strongest
    monkeypatch.setattr(npti, "activity", lambda lm, asked, answers: read.append([r.question for r in asked]) or real(lm, asked, answers))
    monkeypatch.setattr(npti, "strongest", lambda lm, pairs, *rest: tried.append([r.question for r, _ in pairs]) or judge(lm, pairs, *rest))
    NPTI(**SMALL).enroll([ANN], llama.lm)
    prompts = [record.prompt for record in ANN.records]
    assert read == [prompts[1:5]] * 2 and tried == [prompts[5:]]  # the first has nothing earlier to be told


def test_the_prompt_is_read_as_it_is_and_the_answer_is_steered(llama):
    bent, plain = NPTI().personalize(STATE, ask("Of foxes?"), llama.lm), ask("Of foxes?")
    with_, without = (llama.lm.score([request], ["the fox sleeps"])[0].logprobs for request in (bent, plain))
    assert with_[0] == without[0] and all(abs(one - other) > 1e-4 for one, other in zip(with_[1:], without[1:], strict=True))


def test_a_greedy_answer_is_repeatable_and_a_share_of_neurons_is_drawn_once_for_an_answer(llama):
    whole, part = NPTI(), NPTI(keep=0.9)
    one, again = (whole.personalize(STATE, ask("Of foxes?", seed=seed), llama.lm) for seed in (0, 1))
    assert one.steering == again.steering
    drawn = [part.personalize(STATE, ask("Of foxes?", seed=seed), llama.lm).steering for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and drawn[0] != one.steering


@pytest.mark.parametrize("user", [NOBODY, User("two", ANN.records[:2])])
def test_with_nothing_to_tell_beforehand_nothing_is_learnt(llama, user):
    state = NPTI(**SMALL).enroll([user], llama.lm)[0]
    assert not state.arrays and NPTI().personalize(state, conversation(), llama.lm) == conversation()


def test_gamma_0_bends_nothing(llama):
    state = State(numbers={"gamma": 0.0}, arrays=STATE.arrays)
    assert NPTI().personalize(state, conversation(), llama.lm) == conversation()
