"""A memory joined at every step: against distributions made by hand, and beside rows that have none."""

import math

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError, RequestError
from idiolect.models.decode import decode
from idiolect.models.recall import Recall
from idiolect.models.scoring import _answer_logp
from idiolect.types import Guide, Memory, ask

QUESTION = ask("Tell me of the fox", max_tokens=8)
ANSWER = "the dog sleeps"
KEYS = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]], dtype=np.float32)


def remembered(near=0.0, same=0.0, temperature=1.0, keys=KEYS, contexts=((-1, -1), (-1, 5), (5, 6)), values=(5, 6, 5)):
    return Memory(keys, np.array(contexts), np.array(values), near, same, temperature)


def joined(memory, states, answers, vocabulary=8):
    """Probabilities of the next token where the model calls all tokens alike: (n, vocabulary)."""
    logp = torch.full((len(answers), vocabulary), 1 / vocabulary).log()
    return Recall(memory, torch.device("cpu"))(logp, torch.tensor(states, dtype=torch.float32), answers).exp()


def of(lm, answers=(ANSWER,), **shares):
    """A memory of answers to QUESTION."""
    traces = lm.traces([QUESTION] * len(answers), list(answers))
    keys, values = (np.concatenate(parts) for parts in zip(*traces, strict=True))
    before = [[token] for _, tokens in traces for token in (-1, *tokens[:-1])]
    return Memory(keys, np.array(before), values, **shares)


def generated(lm, request):
    group = lm._group(request)
    for _ in decode(lm.engine, [group]):
        pass
    return group.writing.tokens


def test_the_nearest_neighbours_vote_as_the_softmax_of_negative_squared_distances():
    made = joined(remembered(near=0.5, temperature=2.0), [[0.0, 0.0]], [[]])[0]
    weights = [math.exp(0), math.exp(-25 / 2), math.exp(-1 / 2)]  # squared distances 0, 25, 1
    five, six = (weights[0] + weights[2]) / sum(weights), weights[1] / sum(weights)
    assert made[5] == pytest.approx(0.5 / 8 + 0.5 * five) and made[6] == pytest.approx(0.5 / 8 + 0.5 * six)
    assert made[0] == pytest.approx(0.5 / 8) and float(made.sum()) == pytest.approx(1.0)


def test_the_entries_whose_context_agrees_longest_vote_alike_and_without_one_the_model_keeps_its_share():
    memory = remembered(same=0.4, keys=np.zeros((4, 2), np.float32), contexts=[[1, 2], [3, 2], [3, 2], [-1, -1]], values=[4, 5, 6, 7])
    two, one, none, first = joined(memory, np.zeros((4, 2)), [[9, 3, 2], [9, 2], [2, 9], []])
    rest = 0.6 / 8
    assert two[[4, 5, 6]].tolist() == pytest.approx([rest, rest + 0.2, rest + 0.2])
    assert one[[4, 5, 6]].tolist() == pytest.approx([rest + 0.4 / 3] * 3)
    assert none.tolist() == pytest.approx([1 / 8] * 8)
    assert first[7] == pytest.approx(rest + 0.4)  # an answer's first token is after nothing, as the entry is


def test_both_parts_add_up():
    both, near, same = (joined(remembered(n, s), [[0.0, 0.5]], [[1, 5, 6]])[0] for n, s in ((0.3, 0.2), (0.3, 0.0), (0.0, 0.2)))
    assert torch.allclose(both, (near - 0.7 / 8) + (same - 0.8 / 8) + 0.5 / 8)


def test_shares_of_zero_are_the_plain_model_to_the_bit(bench):
    empty = QUESTION.bent(memory=of(bench.lm))
    assert bench.lm.score([empty], [ANSWER])[0].logprobs == bench.lm.score([QUESTION], [ANSWER])[0].logprobs
    assert generated(bench.lm, empty) == generated(bench.lm, QUESTION)


def test_one_key_that_is_the_state_asked_and_the_whole_share_gives_its_token_for_certain(bench):
    (states, tokens), *_ = bench.lm.traces([QUESTION], [ANSWER])
    sure = Memory(states[:1], np.full((1, 1), -1), tokens[:1], near=1.0)
    asked = QUESTION.bent(memory=sure)
    assert bench.lm.score([asked], [ANSWER])[0].logprobs[0] == 0.0
    assert generated(bench.lm, asked)[0] == tokens[0]


def test_an_answer_that_is_remembered_whole_is_written_again_and_ended(bench):
    lm = bench.lm
    reply = lm.generate([QUESTION.bent(memory=of(lm, near=0.99, temperature=0.01))])[0]
    assert (reply.text, reply.finish) == (ANSWER, "stop")
    assert reply.because[0].startswith("memory:")


def test_traces_are_what_the_head_makes_the_next_token_of(bench):
    requests, answers = [QUESTION, ask("fox")], [ANSWER, "on the dog and on the fox"]
    for request, answer, (states, tokens) in zip(requests, answers, bench.lm.traces(requests, answers), strict=True):
        row = bench.lm.encode(request, answer, end=True)
        assert tuple(tokens) == row.ids[row.prompt :] and tokens[-1] == bench.tokenizer.eos_token_id
        with torch.no_grad():
            made = bench.model.get_output_embeddings()(torch.tensor(states))
            expected = bench.model(torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1]
        assert torch.allclose(made, expected, atol=1e-4)


def test_writing_and_scoring_give_a_memory_the_same_meaning(bench):
    asked = QUESTION.bent(memory=of(bench.lm, ("the lazy fox", "the dog"), near=0.1, same=0.8, temperature=4.0))
    tokens = tuple(generated(bench.lm, asked))
    row = bench.lm.encode(asked).answered(tokens, 0)
    with torch.no_grad():
        logp, _ = _answer_logp(bench.lm.engine, [(asked, row)])[0]
    assert tuple(logp.argmax(dim=-1).tolist()) == tokens != tuple(generated(bench.lm, QUESTION))


def test_rows_with_and_without_a_memory_get_alone_what_they_get_together(bench):
    plain = bench.assorted(12)
    told = [request.bent(memory=of(bench.lm, (ANSWER, f"fox {i}"), near=0.3, same=0.3)) for i, request in enumerate(plain)]
    requests = [request for pair in zip(plain, told, strict=True) for request in pair]
    together = bench.lm.generate(requests)
    assert together[::2] == bench.lm.generate(plain)
    assert together == [bench.lm.generate([request])[0] for request in requests]
    answers = [f"the fox {i}" for i in range(len(requests))]
    for request, answer, score in zip(requests, answers, bench.lm.score(requests, answers), strict=True):
        assert score.logprobs == pytest.approx(bench.lm.score([request], [answer])[0].logprobs, abs=1e-4)


def test_a_memory_speaks_for_its_own_voice_before_a_guide_joins_the_voices(llama):
    lm = llama.lm
    told = QUESTION.bent(memory=of(lm, near=0.4, temperature=5.0))
    guided = told.bent(guide=Guide((QUESTION,), (3.0, 1.0), "arithmetic"))
    own, other, both = (np.exp(lm.score([request], [ANSWER])[0].logprobs) for request in (told, QUESTION, guided))
    assert both == pytest.approx(0.75 * own + 0.25 * other, rel=1e-4)


def test_a_memory_that_makes_no_distribution_or_fits_no_model_is_refused(llama):
    for shares in ({"near": 0.6, "same": 0.6}, {"near": -0.1}, {"near": float("nan")}, {"temperature": 0.0}):
        with pytest.raises(RequestError, match="memory's shares"):
            remembered(**shares)
    with pytest.raises(RequestError, match="entries"):
        remembered(values=(1, 2))
    with pytest.raises(ModelError, match="2 wide, the model 32"):
        llama.lm.generate([QUESTION.bent(memory=remembered(near=0.5))])
    with pytest.raises(RequestError, match="already has a memory"):
        QUESTION.bent(memory=remembered()).bent(memory=remembered())


def test_memories_of_one_content_are_one_value_and_need_one_capability():
    assert remembered(near=0.1) == remembered(near=0.1) and hash(remembered()) == hash(remembered())
    different = [remembered(), remembered(near=0.1), remembered(same=0.1), remembered(temperature=2.0), remembered(values=(5, 6, 7))]
    assert len(set(different)) == 5
    assert QUESTION.bent(memory=remembered()).needs == {"memory"}
