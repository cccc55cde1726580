"""BiPO for people with choices, and for people who only wrote."""

import numpy as np
import pytest

from idiolect.steering.bipo import BiPO
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation

SMALL = {"newest": 4, "answer_tokens": 4, "epochs": 10, "lr": 0.02, "beta": 0.5}
CHOICES = [Record(f"Which {i}?", "the fox", i, kind="choice", other="a dog and a dog") for i in range(4)]


def test_who_chose_is_answered_nearer_to_their_choices(llama):
    state = BiPO(**SMALL).enroll([User("ann", CHOICES)], llama.lm)[0]
    bent, plain = BiPO(**SMALL).personalize(state, ask("Which 9?"), llama.lm), ask("Which 9?")
    assert [(s.layer, s.scope, s.site) for s in bent.steering] == [(0, "all", "residual")]
    ahead = [llama.lm.score([r], ["the fox"])[0].nats - llama.lm.score([r], ["a dog and a dog"])[0].nats for r in (bent, plain)]
    assert ahead[0] > ahead[1] + 1


def test_the_strength_multiplies_the_vector_and_at_0_nothing_is_bent(llama):
    state = State(numbers={"layer": 1}, arrays={"vector": np.arange(32, dtype="f4")})
    assert np.allclose(BiPO(strength=-2.0).personalize(state, conversation(), llama.lm).steering[0].vector, -2.0 * np.arange(32))
    assert BiPO(strength=0.0).personalize(state, conversation(), llama.lm) == conversation()


def test_without_choices_own_texts_are_preferred_to_drafts_and_without_texts_nothing_is_learnt(llama):
    ann, nobody = BiPO(**SMALL).enroll([ANN, NOBODY], llama.lm)
    assert ann.arrays["vector"].any() and not nobody.arrays
    assert BiPO().personalize(nobody, conversation(), llama.lm) == conversation()


def test_a_message_teaches_nothing_beside_choices(llama):
    both = User("ann", [*CHOICES, *BOB.records])
    one, other = BiPO(**SMALL).enroll([User("ann", CHOICES), both], llama.lm)
    assert one.arrays["vector"] == pytest.approx(other.arrays["vector"], abs=1e-5)
