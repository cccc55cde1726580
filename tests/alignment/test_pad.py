"""PAD: its score by hand, where it is one of its two models, what the reward model is told, and what it learns."""

import pytest
import torch

from idiolect.alignment import pad
from idiolect.alignment.pad import PAD
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, BOB, CYD
from tests.models.test_local_bends import generated, last_logits

SMALL = {"rank": 2, "newest": 4, "shared_pairs": 6, "drawn": 3, "asked": 4, "answer_tokens": 6}
QUESTION = ask("Write a title on foxes:", max_tokens=8)
TERSE = State(numbers={"brief": 0.9, "thorough": 0.1})


@pytest.fixture
def fitted(llama):
    """A method whose reward model is far from the base."""
    method = PAD(**SMALL)
    method.shared = State(adapter=llama.adapter(1))
    return method


def test_a_token_is_scored_by_the_base_and_what_the_reward_model_adds_among_the_bases_likeliest(llama, fitted):
    bent = fitted.personalize(TERSE, QUESTION, llama.lm)
    answer = llama.lm.generate([bent])[0].text
    base, liked = (last_logits(llama, one, answer) for one in (QUESTION, bent.guide.companions[0]))
    tokens = llama.lm.encode(QUESTION, answer).ids[-len(base) :]
    for line, other, token, nats in zip(base, liked, tokens, llama.lm.score([bent], [answer])[0].logprobs, strict=True):
        candidates = line.topk(10).indices
        reward = other[candidates].log_softmax(-1) - line[candidates].log_softmax(-1)
        score = dict(zip(candidates.tolist(), (line[candidates] + 0.8 * reward).log_softmax(-1).tolist(), strict=True))
        assert nats == pytest.approx(score.get(token, -torch.inf), abs=1e-4)  # the text's tokens may be others than were written


def test_at_0_it_is_the_base_model_and_at_1_with_all_candidates_the_reward_model(llama, fitted):
    fitted.strength = 0.0
    assert generated(llama.lm, fitted.personalize(TERSE, QUESTION, llama.lm)) == generated(llama.lm, QUESTION)
    fitted.strength, fitted.top = 1.0, len(llama.tokenizer)
    bent = fitted.personalize(TERSE, QUESTION, llama.lm)
    assert generated(llama.lm, bent) == generated(llama.lm, bent.guide.companions[0]) != generated(llama.lm, QUESTION)
    fitted.top = 1
    assert generated(llama.lm, fitted.personalize(TERSE, QUESTION, llama.lm)) == generated(llama.lm, QUESTION)


def test_at_1_each_token_is_the_one_of_the_bases_candidates_that_the_reward_model_calls_likeliest(llama, fitted):
    fitted.strength, fitted.top = 1.0, 4
    bent = fitted.personalize(TERSE, QUESTION, llama.lm)
    tokens = tuple(generated(llama.lm, bent))
    with torch.no_grad():
        lines = [llama.lm.engine.answer_logits([llama.lm.encode(r).answered(tokens, 0)], llama.lm.bends([r]))[0] for r in voices(bent)]
    for base, liked, token in zip(*lines, tokens, strict=True):
        candidates = base.topk(4).indices
        assert token == int(candidates[liked[candidates].argmax()])


def voices(bent):
    return [QUESTION, bent.guide.companions[0]]


def test_the_reward_model_alone_is_told_what_is_wanted_and_the_request_goes_before_the_person(llama, fitted):
    bent = fitted.personalize(TERSE, QUESTION, llama.lm)
    assert bent.messages == QUESTION.messages and not bent.adapters
    told = bent.guide.companions[0].messages[0].content
    assert "Keep it short." in told and "Leave aside what does not matter." in told
    other = fitted.personalize(TERSE, QUESTION.weighing({"thorough": 1.0}), llama.lm).guide.companions[0].messages[0].content
    assert "Take the room that it needs." in other and "Take up every point" in other
    even = fitted.personalize(State(numbers={"brief": 0.5, "thorough": 0.5}), QUESTION, llama.lm)
    assert even.guide.companions[0].messages == QUESTION.messages


def test_who_wants_nothing_that_is_known_is_asked_for_plainly(llama, fitted):
    assert not fitted.enroll([User("nobody")], llama.lm)[0].numbers
    assert fitted.personalize(State(), QUESTION, llama.lm) == QUESTION
    assert PAD(**SMALL).personalize(TERSE, QUESTION, llama.lm) == QUESTION


def test_it_is_taught_by_what_people_took_told_their_words_and_by_each_objectives_ranking_told_its_words(llama, monkeypatch):
    seen, real = [], pad.prefer
    monkeypatch.setattr(pad, "prefer", lambda lm, jobs, *rest, **more: seen.extend(jobs) or real(lm, jobs, *rest, **more))
    choices = [Record(f"Question {i}", "yes", float(i), "", "choice", "a long answer that goes on and on") for i in range(3)]
    method = PAD(**SMALL)
    method.fit([ANN, BOB, CYD, User("eve", choices)], llama.lm)
    (job,) = seen
    taken = [(request, chosen) for request, chosen, rejected in job if rejected == "a long answer that goes on and on"]
    assert taken and all(chosen == "yes" and "Keep it short." in request.messages[0].content for request, chosen in taken)
    ranked = [(request.messages[0].content, chosen, rejected) for request, chosen, rejected in job if "Keep it short." in str(request)]
    assert all(len(chosen.split()) <= len(rejected.split()) or not rejected.split() for _, chosen, rejected in ranked)
    assert any("Take up every point" in request.messages[0].content for request, _, _ in job if len(request.messages) > 1)


def test_what_was_preferred_becomes_likelier_to_the_reward_model(llama, monkeypatch):
    seen, real = [], pad.prefer
    monkeypatch.setattr(pad, "prefer", lambda lm, jobs, *rest, **more: seen.extend(jobs) or real(lm, jobs, *rest, **more))
    method = PAD(**{**SMALL, "epochs": 6})
    method.fit([ANN, BOB, CYD], llama.lm)

    def margin(adapters):
        requests = [request.bent(adapters=adapters) for request, _, _ in seen[0]]
        taken, left = (llama.lm.score(requests, [pair[place] for pair in seen[0]]) for place in (1, 2))
        return sum(a.nats - b.nats for a, b in zip(taken, left, strict=True)) / len(requests)

    assert margin({method.shared.adapter: 1.0}) > margin({}) + 1
