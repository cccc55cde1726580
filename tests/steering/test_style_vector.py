"""StyleVector on people whose vector is known: their own words are the model's, or a planted direction."""

import numpy as np
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.steering import style_vector
from idiolect.steering.style_vector import StyleVector
from idiolect.training.vectors import last_states
from idiolect.types import Record, Score, State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation

PROMPTS = ["Write of foxes.", "Write of dogs and of dates.", "A title for models", "Of people", "Why?"]
PLANTED = np.linspace(-1.0, 1.0, 8)


def planted(monkeypatch, offsets=(PLANTED,) * 8, best=0.5):
    """A model of width 8 and 5 blocks whose state is the question's own, plus `offsets[i]` where record i's writer wrote the answer.

    It likes steering the better, the nearer it is to `best` times what it is tried with. Returns the vectors that were tried.
    """
    tried, lm = [], ScriptedLM(lambda request: "what anybody writes", can=["steering", "logprobs"])

    def states(lm, requests, answers, layer):
        assert layer == 2
        own = [np.random.default_rng(len(request.question)).normal(size=8) for request in requests]
        return [
            state + (offsets[int(answer.split()[-1])] if answer.startswith("mine") else 0.0)
            for state, answer in zip(own, answers, strict=True)
        ]

    def score(requests, answers):
        vectors = [request.steering[0].vector if request.steering else np.zeros(8) for request in requests]
        tried.extend((request.question, vector) for request, vector in zip(requests, vectors, strict=True))
        return [Score((-float(np.abs(vector - best * PLANTED).sum()),), 1) for vector in vectors]

    monkeypatch.setattr(style_vector, "last_states", states)
    monkeypatch.setattr(style_vector, "height", lambda lm: 5)
    monkeypatch.setattr(lm, "score", score)
    return lm, tried


def writer(count=8):
    return User("ann", [Record(f"Question {'?' * i}", f"mine {i}", i) for i in range(count)])


def test_a_planted_direction_is_found_and_so_is_its_best_strength(monkeypatch):
    lm, _ = planted(monkeypatch, best=0.5)
    method = StyleVector(depth=0.5)
    state = method.enroll([writer()], lm)[0]
    assert np.allclose(state.arrays["vector"], PLANTED) and state.numbers == {"strength": 0.5, "layer": 2}
    bent = method.personalize(state, ask("Of foxes?"), lm)
    assert [(s.layer, s.scope) for s in bent.steering] == [(2, "decode")]
    assert np.allclose(bent.steering[0].vector, 0.5 * PLANTED)


def test_a_direction_that_helps_nobody_is_not_used(monkeypatch):
    lm, _ = planted(monkeypatch, best=-1.0)
    state = StyleVector(depth=0.5).enroll([writer()], lm)[0]
    assert state.numbers["strength"] == 0.0
    assert StyleVector().personalize(state, conversation(), lm) == conversation()


def test_the_strength_is_judged_on_the_newest_records_by_a_vector_that_has_not_seen_them(monkeypatch):
    lm, tried = planted(monkeypatch, offsets=(PLANTED,) * 6 + (PLANTED + 100.0,) * 2)
    state = StyleVector(depth=0.5, strengths=(0.0, 1.0)).enroll([writer()], lm)[0]
    assert {question for question, _ in tried} == {record.prompt for record in writer().records[-2:]}
    assert all(np.allclose(vector, 0.0) or np.allclose(vector, PLANTED) for _, vector in tried) and len(tried) == 4
    assert np.allclose(state.arrays["vector"], PLANTED + 25.0)  # what is kept has seen them all


def test_only_the_newest_records_are_read(monkeypatch):
    lm, _ = planted(monkeypatch, offsets=(np.full(8, 9.0),) * 4 + (PLANTED,) * 4)
    assert np.allclose(StyleVector(depth=0.5, newest=4).enroll([writer()], lm)[0].arrays["vector"], PLANTED)


def test_who_writes_as_the_model_writes_has_a_vector_of_zeros_and_is_not_steered(llama):
    answers = [reply.text for reply in llama.lm.generate([ask(prompt, max_tokens=6) for prompt in PROMPTS])]
    assert any(answers)
    same = User("same", [Record(prompt, answer, i) for i, (prompt, answer) in enumerate(zip(PROMPTS, answers, strict=True))])
    state, other = StyleVector(answer_tokens=6).enroll([same, ANN], llama.lm)
    assert np.abs(state.arrays["vector"]).max() < 1e-5 and np.abs(other.arrays["vector"]).max() > 1e-1
    assert state.numbers["strength"] == 0.0
    assert StyleVector().personalize(state, conversation(), llama.lm) == conversation()


def test_the_vector_is_the_mean_difference_of_states_at_the_last_token(llama):
    state = StyleVector(depth=1.0, answer_tokens=4).enroll([BOB], llama.lm)[0]
    asked = [ask(record.prompt, max_tokens=4) for record in BOB.records]
    plain = [reply.text for reply in llama.lm.generate(asked)]
    own, theirs = (last_states(llama.lm, asked, answers, 1) for answers in ([r.answer for r in BOB.records], plain))
    assert state.numbers["layer"] == 1 and np.allclose(state.arrays["vector"], np.mean(own, axis=0) - np.mean(theirs, axis=0), atol=1e-5)


def test_the_prompt_is_read_unsteered_and_the_answer_is_not(llama):
    state = State(numbers={"strength": 2.0, "layer": 1}, arrays={"vector": llama.steering(1).vector})
    bent = StyleVector().personalize(state, ask("Of foxes?"), llama.lm)
    with_, without = (llama.lm.score([request], ["the fox sleeps"])[0].logprobs for request in (bent, ask("Of foxes?")))
    assert with_[0] == without[0]  # the first token follows from the prompt alone
    assert all(abs(one - other) > 1e-3 for one, other in zip(with_[1:], without[1:], strict=True))


def test_of_strengths_that_only_rounding_tells_apart_the_weakest_is_taken(monkeypatch):
    lm, _ = planted(monkeypatch)
    monkeypatch.setattr(lm, "score", lambda requests, answers: [Score((-50.0 + 1e-5 * i,), 1) for i in range(len(requests))])
    assert StyleVector(depth=0.5, strengths=(1.0, 0.25, 2.0)).enroll([writer()], lm)[0].numbers["strength"] == 0.25


@pytest.mark.parametrize("user", [NOBODY, User("one", ANN.records[:1])])
def test_with_fewer_than_two_records_nothing_is_learnt_and_nothing_steered(llama, user):
    state = StyleVector(answer_tokens=2).enroll([user, ANN], llama.lm)[0]
    assert not state.arrays and StyleVector().personalize(state, conversation(), llama.lm) == conversation()


def test_strength_0_is_no_steering(llama):
    state = State(numbers={"strength": 0.0, "layer": 1}, arrays={"vector": np.ones(32)})
    assert StyleVector().personalize(state, conversation(), llama.lm) == conversation()
