"""Companions that other models speak for: joined by hand, in one pass a step for each model, alone and among others."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError, RequestError
from idiolect.models.local import LocalLM
from idiolect.types import Gate, Guide, Memory, Prefix, ask
from tests.models.test_local_bends import generated
from tests.tiny_models import make_model, make_tokenizer

QUESTION = ask("Tell me of the fox", max_tokens=10)
ANSWER = "the dog sleeps on"
SMALL_WINDOW = 64


class Others:
    """Models of the tests' tokenizer: another Llama, a GPT-2, and a Llama whose embedding is padded."""

    def __init__(self):
        tokenizer = make_tokenizer()
        sizes = {"other": ("llama", 0, 256), "gpt2": ("gpt2", 0, 256), "padded": ("llama", 8, 256), "short": ("llama", 0, SMALL_WINDOW)}
        for name, (kind, more, window) in sizes.items():
            setattr(self, name, LocalLM(make_model(kind, len(tokenizer) + more, window, seed=5), tokenizer, name))


@pytest.fixture(scope="module")
def others():
    return Others()


@pytest.fixture
def lm(llama, others):
    """The tests' Llama with all of them beside it."""
    made = LocalLM(llama.model, llama.tokenizer, "llama")
    for name, other in vars(others).items():
        made.beside(name, other)
    return made


def logp(model, request, answer=ANSWER):
    with torch.no_grad():
        return model.engine.answer_logits([model.encode(request, answer)], model.bends([request]))[0].log_softmax(-1)


def guided(*models, rule="geometric", weights=None, request=QUESTION, **more):
    """The question, and as many companions who are told otherwise."""
    companions = tuple(QUESTION.told(f"You are fox {i}.") for i in range(len(models)))
    return request.bent(guide=Guide(companions, weights or (1.0, *[0.5] * len(models)), rule, models=models, **more))


@pytest.mark.parametrize("rule", ["geometric", "arithmetic", "harmonic"])
@pytest.mark.parametrize("name", ["other", "gpt2"])
def test_scores_join_what_each_model_says_of_its_own_companion(lm, others, rule, name):
    request = guided(name, rule=rule)
    own, its = logp(lm, QUESTION), logp(getattr(others, name), request.guide.companions[0])
    joined = {
        "geometric": own + 0.5 * its,
        "arithmetic": (own.exp() + 0.5 * its.exp()).log(),
        "harmonic": -(own.neg().exp() + 0.5 * its.neg().exp()).log(),
    }[rule].log_softmax(-1)
    tokens = lm.encode(QUESTION, ANSWER).ids[-len(own) :]
    expected = [float(joined[i, token]) for i, token in enumerate(tokens)]
    assert lm.score([request], [ANSWER])[0].logprobs == pytest.approx(expected, abs=1e-4)
    reply = lm.generate([request])[0]
    assert reply.calls == 2 and reply.prompt_tokens == sum(len(lm.encode(one).ids) for one in (QUESTION, *request.guide.companions))


def test_all_weight_on_another_models_companion_is_that_model(lm, others):
    for name in ("other", "gpt2"):
        request = guided(name, weights=(0.0, 1.0))
        assert lm.generate([request])[0].text == getattr(others, name).generate([request.guide.companions[0]])[0].text
    assert lm.generate([guided("other", weights=(1.0, 0.0))])[0].text == lm.generate([QUESTION])[0].text


def test_greedy_tokens_are_the_likeliest_of_the_joined_distribution_whatever_the_order_of_models(lm, others):
    request = guided("other", "", "gpt2", "other", weights=(0.4, 0.3, 0.2, 0.6, 0.5))
    tokens = tuple(generated(lm, request))
    models = [lm, others.other, lm, others.gpt2, others.other]
    lines = []
    for model, voice in zip(models, (QUESTION, *request.guide.companions), strict=True):
        with torch.no_grad():
            lines.append(model.engine.answer_logits([model.encode(voice).answered(tokens, 0)], model.bends([voice]))[0].log_softmax(-1))
    joined = sum(weight * line for weight, line in zip(request.guide.weights, lines, strict=True))
    assert tuple(joined.argmax(-1).tolist()) == tokens


def test_judges_divisors_and_gates_are_found_wherever_their_model_is(lm, others):
    ratio = guided("other", "", rule="ratios", weights=(1.0, 0.0, 0.0), against=(1, 1, 1), judge=2, plausible=0.05)
    own, its, judge = logp(lm, QUESTION), logp(others.other, ratio.guide.companions[0]), logp(lm, ratio.guide.companions[1])
    kept = judge >= judge.amax(-1, keepdim=True) + np.log(0.05)
    expected = torch.where(kept, own - its, -torch.inf).log_softmax(-1)
    tokens = lm.encode(QUESTION, ANSWER).ids[-len(own) :]
    found = [float(expected[i, token]) for i, token in enumerate(tokens)]
    assert lm.score([ratio], [ANSWER])[0].logprobs == pytest.approx(found, abs=1e-4)
    vectors = np.random.default_rng(0).normal(0, 0.2, (3, 33)).astype(np.float32)
    gated = guided("other", "", rule="arithmetic", weights=(0.2, 0.4, 0.4), gate=Gate(vectors))
    states = torch.tensor(lm.traces([QUESTION], [ANSWER])[0][0][:-1])
    gate = torch.from_numpy(vectors)
    shares = (states @ gate[:, :-1].T + gate[:, -1] + torch.tensor([0.2, 0.4, 0.4]).log()).softmax(-1)
    mean = sum(shares[:, i, None] * line.exp() for i, line in enumerate((own, its, judge))).log()
    found = [float(mean[i, token]) for i, token in enumerate(tokens)]
    assert lm.score([gated], [ANSWER])[0].logprobs == pytest.approx(found, abs=1e-4)
    assert lm.generate([gated])[0].text


def requests_of(llama, lm):
    """Requests of all kinds, every third with companions of other models, bent in ways of their own."""
    ((keys, values),) = lm._named("other").traces([ask("Remember")], ["the lazy dog sleeps on"])
    memory = Memory(keys, np.zeros((len(values), 1), dtype=np.int32), values, near=0.4, temperature=5.0)
    companions = [
        QUESTION.bent(adapters={llama.adapter(3): 1.0}),
        QUESTION.bent(prefix=Prefix(np.full((2, 32), 0.1, np.float32))),
        QUESTION.bent(memory=memory),
        QUESTION.told("You are a fox."),
    ]
    names = ("other", "", "other", "gpt2", "padded")
    made = []
    for i, request in enumerate(llama.assorted(24)):
        if i % 3 == 0 and not request.guide:
            companion, name = companions[i % 4], names[i % 5] if i % 4 in (1, 3) else "other"
            guide = Guide((companion, QUESTION), (0.6, 0.5, 0.3), models=(name, "gpt2" if i % 2 else ""))
            request = request.bent(guide=guide)
        made.append(request)
    return made


def test_in_one_batch_each_gets_what_it_gets_alone(llama, lm):
    requests = requests_of(llama, lm)
    assert lm.generate(requests) == [lm.generate([request])[0] for request in requests]
    answers = [f"the fox {i}" for i in range(len(requests))]
    for request, answer, score in zip(requests, answers, lm.score(requests, answers), strict=True):
        assert score.logprobs == pytest.approx(lm.score([request], [answer])[0].logprobs, abs=1e-4)


@pytest.mark.parametrize("limits", [{}, {"most_rows": 6, "prefill": 40}])
def test_whoever_joins_and_leaves_gets_what_it_gets_alone(llama, lm, opened, limits):
    requests = requests_of(llama, lm)
    continuous = opened(lm, **limits)
    tickets = [continuous.submit(request) for request in requests]
    gone = continuous.submit(requests[3])
    gone.cancel()
    assert [ticket.reply(60) for ticket in tickets] == [lm.generate([request])[0] for request in requests]
    assert not any(flight.beside for flight in continuous._flights)


def test_a_step_is_one_pass_of_each_model_however_many_rows_it_has(lm, others, monkeypatch):
    passes = {}
    for model in (lm, others.other):
        real = model.engine.logits
        monkeypatch.setattr(
            model.engine, "logits", lambda *given, name=model.name, real=real: passes.setdefault(name, []).append(1) or real(*given)
        )
    requests = [guided("other", "", "other", request=QUESTION.sampled(max_tokens=6, seed=i)) for i in range(4)]
    replies = lm.generate(requests)
    assert {reply.tokens for reply in replies} == {6}
    read = 2  # prompts of two lengths at most
    assert all(6 <= len(count) <= 5 + read for count in passes.values()) and set(passes) == {"llama", "other"}


def test_a_vocabulary_that_is_padded_is_cut_to_the_one_they_share(lm, others):
    request = guided("padded", rule="arithmetic", weights=(0.5, 0.5))
    its = logp(others.padded, request.guide.companions[0])[:, : len(lm.tokenizer)].log_softmax(-1)
    mean = (0.5 * logp(lm, QUESTION).exp() + 0.5 * its.exp()).log()
    tokens = lm.encode(QUESTION, ANSWER).ids[-len(mean) :]
    found = [float(mean[i, token]) for i, token in enumerate(tokens)]
    assert lm.score([request], [ANSWER])[0].logprobs == pytest.approx(found, abs=1e-4)
    assert lm.generate([request])[0].text


def test_the_shortest_window_bounds_the_answer(lm):
    request = guided("short", request=QUESTION.sampled(max_tokens=200))
    reply = lm.generate([request])[0]
    assert 0 < reply.tokens < SMALL_WINDOW or reply.finish == "stop"


def test_another_vocabulary_is_refused_with_what_differs(llama):
    lm, tokenizer = LocalLM(llama.model, llama.tokenizer, "llama"), make_tokenizer()
    tokenizer.add_tokens(["foxily"])
    with pytest.raises(ModelError, match="'stranger' and 'llama' differ in 1 entries"):
        lm.beside("stranger", LocalLM(make_model("llama", len(tokenizer)), tokenizer, "stranger"))
    with pytest.raises(ModelError, match="needs a name"):
        lm.beside("", lm)


def test_a_name_that_is_not_held_and_names_that_are_too_few_are_refused_before_any_work(lm, monkeypatch):
    monkeypatch.setattr(lm.engine, "logits", lambda *args: pytest.fail("the model ran"))
    with pytest.raises(ModelError, match="no model is held as 'nobody' beside 'llama'"):
        lm.generate([guided("nobody")])
    wrong = guided("other", "other")
    with pytest.raises(RequestError, match="1 models for 2 companions"):
        lm.generate([replace(wrong, guide=replace(wrong.guide, models=("other",)))])


def test_bends_are_checked_against_the_model_that_they_bend(llama, lm):
    own = QUESTION.bent(adapters={llama.adapter(1): 1.0})
    for name, fits in (("other", True), ("gpt2", False)):
        request = QUESTION.bent(guide=Guide((own,), (1.0, 1.0), models=(name,)))
        if fits:
            assert lm.generate([request])[0].text
        else:
            with pytest.raises(ModelError, match="made for another model"):
                lm.generate([request])
