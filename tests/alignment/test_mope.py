"""MoPE: mixtures that are known, weights that silence an expert, and experts that stand for their objectives."""

import numpy as np
import pytest

from idiolect.alignment.mope import MoPE
from idiolect.types import State, User, ask
from tests.conformance.people import ANN, BOB, CYD
from tests.models.test_local_bends import last_logits

SMALL = {"rank": 2, "epochs": 2, "newest": 4, "drawn": 3, "asked": 4, "answer_tokens": 6, "steps": 10}
QUESTION = ask("Write a title on foxes:", max_tokens=8)
MINE = State(numbers={"brief": 0.7, "thorough": 0.3})


@pytest.fixture
def method(llama):
    made = MoPE(**SMALL)
    gate = np.random.default_rng(0).normal(0, 0.3, (2, 33)).astype(np.float32)
    made.shared = State(parts=(State(adapter=llama.adapter(1)), State(adapter=llama.adapter(2))), arrays={"gate": gate})
    return made


def test_a_tokens_probability_lies_between_those_of_the_experts_and_is_their_mean_in_the_gates_shares(llama, method):
    bent = method.personalize(MINE, QUESTION, llama.lm)
    answer = "the dog sleeps"
    tokens = llama.lm.encode(QUESTION, answer).ids[-len(last_logits(llama, QUESTION, answer)) :]
    said = np.stack(
        [[float(line.softmax(-1)[t]) for line, t in zip(last_logits(llama, r, answer), tokens, strict=True)] for r in bent.guide.companions]
    )
    states = llama.lm.traces([QUESTION], [answer])[0][0][:-1]
    gate = method.shared.arrays["gate"]
    scores = states @ gate[:, :-1].T + gate[:, -1] + np.log([0.7, 0.3])
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    made = np.exp(llama.lm.score([bent], [answer])[0].logprobs)
    assert made == pytest.approx((shares.T * said).sum(axis=0), rel=1e-3)
    assert ((made >= said.min(axis=0) - 1e-9) & (made <= said.max(axis=0) + 1e-9)).all()
    assert np.ptp(shares[:, 0]) > 0.05  # the shares do change by token


def test_weights_of_one_objective_are_its_expert_whatever_the_gate_says(llama, method):
    for name, expert in (("brief", 0), ("thorough", 1)):
        bent = method.personalize(MINE, QUESTION.weighing({name: 1.0}), llama.lm)
        alone = QUESTION.bent(adapters={method.shared.parts[expert].adapter: 1.0})
        assert llama.lm.generate([bent])[0].text == llama.lm.generate([alone])[0].text


def test_without_weights_that_are_known_or_experts_the_request_goes_as_it_came(llama, method):
    assert method.personalize(State(), QUESTION, llama.lm) == QUESTION
    assert MoPE(**SMALL).personalize(MINE, QUESTION, llama.lm) == QUESTION
    assert not method.enroll([User("nobody")], llama.lm)[0].numbers


def test_experts_are_named_and_taught_apart_and_a_gate_is_there_only_after_a_round(llama):
    method, plain = MoPE(**SMALL), MoPE(**SMALL, rounds=0)
    for one in (method, plain):
        one.fit([ANN, BOB, CYD], llama.lm)
    brief, thorough = (part.adapter for part in method.shared.parts)
    assert (brief.name, thorough.name) == ("brief", "thorough") and brief != thorough
    assert method.shared.arrays["gate"].shape == (2, 33) and "gate" not in plain.shared.arrays
    ann = method.enroll([ANN], llama.lm)[0]
    assert method.personalize(ann, QUESTION, llama.lm).guide.gate and not plain.personalize(ann, QUESTION, llama.lm).guide.gate
