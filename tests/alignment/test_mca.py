"""MCA: its rule by hand, where it is level, one pair alone, and whose weights count."""

import numpy as np
import pytest
import torch

from idiolect.alignment.mca import MCA
from idiolect.types import State, User, ask
from tests.conformance.people import ANN, BOB
from tests.models.test_local_bends import last_logits

SMALL = {"drawn": 2, "asked": 3, "answer_tokens": 6}
QUESTION = ask("Write a title on foxes:", max_tokens=8)
MINE = State(numbers={"brief": 0.7, "thorough": 0.3})


def prompts(*texts):
    """What `fit` keeps: for each objective what serves it, and what defies it."""
    pairs = zip(texts[::2], texts[1::2], strict=True)
    return State(parts=tuple(State(parts=(State(text=one), State(text=other))) for one, other in pairs))


@pytest.fixture
def method():
    made = MCA(**SMALL)
    made.shared = prompts("Be brief.", "Ramble on and on.", "Take up all.", "Say nothing at all.")
    return made


def distributions(llama, bent, answer):
    """Probabilities (voices, answer tokens, vocabulary)."""
    return torch.stack([last_logits(llama, one, answer).softmax(-1) for one in (bent, *bent.guide.companions)])


def test_a_token_is_drawn_by_the_weighted_mean_of_ratios_among_what_the_weighted_experts_find_plausible(llama, method):
    bent = method.personalize(MINE, QUESTION, llama.lm)
    answer = llama.lm.generate([bent])[0].text
    first, second, against, other = distributions(llama, bent, answer)
    mixture = 0.7 * first + 0.3 * second
    ratios = torch.where(mixture >= 0.1 * mixture.amax(-1, keepdim=True), 0.7 * first / against + 0.3 * second / other, 0.0)
    chance = ratios / ratios.sum(-1, keepdim=True)
    tokens = llama.lm.encode(QUESTION, answer).ids[-len(chance) :]
    found = [float(chance[i, token].log()) for i, token in enumerate(tokens)]
    assert llama.lm.score([bent], [answer])[0].logprobs == pytest.approx(found, abs=1e-3)
    assert found[0] == pytest.approx(float(chance[0].max().log()))


def test_prompts_that_differ_in_nothing_leave_all_candidates_equally_likely(llama, method):
    method.shared = prompts("Be brief.", "Be brief.", "Take up all.", "Take up all.")
    bent = method.personalize(MINE, QUESTION, llama.lm)
    first, second, *_ = distributions(llama, bent, "a")
    mixture = (0.7 * first + 0.3 * second)[0]
    kept = mixture >= 0.1 * mixture.max()
    likeliest = llama.tokenizer.decode([int(mixture.argmax())])
    assert llama.lm.score([bent], [likeliest])[0].logprobs[0] == pytest.approx(-float(kept.sum().float().log()), abs=1e-4)


def test_all_weight_on_one_objective_is_one_pair_contrasted(llama, method):
    bent = method.personalize(MINE, QUESTION.weighing({"thorough": 1.0}), llama.lm)
    assert len(bent.guide.companions) == 1 and "Take up all." in bent.messages[0].content
    expert, adversary = (one.log() for one in distributions(llama, bent, "a")[:, 0])
    kept = expert >= expert.max() + np.log(0.1)
    expected = torch.where(kept, expert - adversary, -torch.inf).log_softmax(-1)
    token = llama.lm.encode(QUESTION, "a").ids[-1]
    assert llama.lm.score([bent], ["a"])[0].logprobs[0] == pytest.approx(float(expected[token]), abs=1e-4)


def test_with_all_but_the_likeliest_implausible_it_is_the_expert(llama, method):
    method.plausible = 1.0
    asked = QUESTION.weighing({"brief": 1.0})
    expert = asked.told("Be brief.")
    assert llama.lm.generate([method.personalize(MINE, asked, llama.lm)])[0].text == llama.lm.generate([expert])[0].text


def test_weights_are_the_persons_own_or_those_asked_for_and_unknown_people_are_asked_for_plainly(llama):
    method = MCA(**SMALL)
    assert method.personalize(MINE, QUESTION, llama.lm) == QUESTION
    method.fit([ANN, BOB], llama.lm)
    ann, nobody = method.enroll([ANN, User("nobody")], llama.lm)
    assert sum(ann.numbers.values()) == pytest.approx(1) and not nobody.numbers
    assert method.personalize(nobody, QUESTION, llama.lm) == QUESTION
    own, asked = (method.personalize(ann, request, llama.lm) for request in (QUESTION, QUESTION.weighing({"brief": 1, "thorough": 3})))
    assert own.guide.weights[:2] == pytest.approx(tuple(ann.numbers.values())) and asked.guide.weights == (0.25, 0.75, 0.0, 0.0)
    assert own.guide.against == (2, 3, 2, 3) and own.because == ("condition:brief",)
