"""CacheLM on people whose next word is known: what they always write becomes likelier, and what they never wrote does not."""

import numpy as np
import pytest

from idiolect.errors import ModelError
from idiolect.models.scripted import ScriptedLM
from idiolect.steering.cache_lm import CacheLM, contexts, spread
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation

ALWAYS = User("ann", [Record("fox " * (i + 1), "dogs sleep on", i) for i in range(6)])


def test_what_a_person_always_writes_becomes_likelier_and_another_text_less_likely(llama):
    method = CacheLM()
    bent = method.personalize(method.enroll([ALWAYS], llama.lm)[0], ask("fox"), llama.lm)
    own, other = llama.lm.score([bent] * 2, ["dogs sleep on", "7 ships"])
    own_plain, other_plain = llama.lm.score([ask("fox")] * 2, ["dogs sleep on", "7 ships"])
    assert own.nats > own_plain.nats + 3.0
    assert other_plain.nats > other.nats >= other_plain.nats + len(other.logprobs) * np.log(0.85) - 1e-3  # the model keeps 0.85 at least


def test_with_nearly_the_whole_share_the_person_is_repeated(llama):
    method = CacheLM(near=0.99, same=0.0)
    bent = method.personalize(method.enroll([ALWAYS], llama.lm)[0], ask("fox fox", max_tokens=12), llama.lm)
    assert llama.lm.generate([bent])[0].text == "dogs sleep on"


def test_the_memory_is_the_newest_records_states_contexts_and_tokens(llama):
    state, *_ = CacheLM(newest=2, order=2).enroll([ANN, BOB], llama.lm)
    traces = llama.lm.traces([ask(r.prompt) for r in ANN.records[-2:]], [r.answer for r in ANN.records[-2:]])
    assert np.allclose(state.arrays["keys"], np.concatenate([states for states, _ in traces]), atol=1e-5)
    assert state.arrays["values"].tolist() == [token for _, tokens in traces for token in tokens]
    first = traces[0][1].tolist()
    assert state.arrays["contexts"][:3].tolist() == [[-1, -1], [-1, first[0]], first[:2]]
    assert not state.records and not state.text


def test_contexts_begin_before_the_answer_and_never_hold_the_token_itself():
    assert contexts(np.array([7, 8, 9]), 2).tolist() == [[-1, -1], [-1, 7], [7, 8]]
    assert contexts(np.array([], dtype=int), 2).shape == (0, 2)


def test_the_temperature_is_a_share_of_how_far_the_states_lie_apart(llama):
    state = CacheLM().enroll([ANN], llama.lm)[0]
    far = State(arrays={**state.arrays, "keys": state.arrays["keys"] * 10})
    near_, far_ = (CacheLM(temperature=0.5).personalize(one, ask("fox"), llama.lm).memory for one in (state, far))
    assert near_.temperature == pytest.approx(0.5 * spread(state.arrays["keys"])) and far_.temperature == pytest.approx(
        100 * near_.temperature, rel=1e-4
    )
    assert spread(np.array([[0.0, 0.0], [2.0, 0.0]])) == 1.0
    alike = State(arrays={**state.arrays, "keys": np.ones_like(state.arrays["keys"])})
    assert CacheLM().personalize(alike, ask("fox"), llama.lm).memory.temperature == 1.0


def test_the_shares_are_the_settings(llama):
    memory = CacheLM(near=0.2, same=0.3).personalize(CacheLM().enroll([ANN], llama.lm)[0], ask("fox"), llama.lm).memory
    assert (memory.near, memory.same, memory.name) == (0.2, 0.3, "cache_lm")


def test_without_records_nothing_is_remembered_and_nothing_changes(llama):
    state, _ = CacheLM().enroll([NOBODY, ANN], llama.lm)
    assert not state.arrays and CacheLM().personalize(state, conversation(), llama.lm) == conversation()


def test_a_model_whose_states_are_out_of_reach_is_refused():
    with pytest.raises(ModelError, match="CacheLM"):
        CacheLM().enroll([ANN], ScriptedLM(can=["memory"]))
