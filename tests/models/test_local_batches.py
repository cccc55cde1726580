"""Rows of many people in one batch: what each gets does not depend on who shares it."""

from dataclasses import replace

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from idiolect.models.decode import decode
from idiolect.models.local import LocalLM
from idiolect.models.sample import generator, pick
from idiolect.types import Sampling, ask


def test_a_row_alone_and_among_31_differently_bent_rows_gets_the_same_text(bench):
    requests = bench.assorted(32)
    together = bench.lm.generate(requests)
    assert together == [bench.lm.generate([request])[0] for request in requests]
    assert len({reply.text for reply in together}) > 16  # the bends do bend


def test_a_row_alone_and_among_31_differently_bent_rows_gets_the_same_scores(bench):
    requests = bench.assorted(32)
    answers = [f"fox {i} sleeps on the dog" * (1 + i % 3) for i in range(32)]
    together = bench.lm.score(requests, answers)
    for request, answer, score in zip(requests, answers, together, strict=True):
        alone = bench.lm.score([request], [answer])[0]
        assert score.logprobs == pytest.approx(alone.logprobs, abs=1e-4)
        assert (score.chars, score.prompt_tokens) == (len(answer), alone.prompt_tokens)


def test_first_logits_of_a_row_agree_alone_and_in_a_batch(bench):
    requests = [replace(request, guide=None) for request in bench.assorted(32)]
    rows = [bench.lm.encode(request) for request in requests]

    def logits(places):
        bends = bench.lm.bends([requests[place] for place in places])
        batch = bench.lm.engine.padded([rows[place] for place in places], bends)
        with torch.no_grad():
            return bench.lm.engine.logits(batch, bends, 1)[:, -1]

    together = logits(range(32))
    for place in range(32):
        assert torch.allclose(together[place], logits([place])[0], atol=1e-4)


def test_small_batches_change_nothing_and_keep_the_order(bench):
    requests = bench.assorted(16)
    small = LocalLM(bench.model, bench.tokenizer, "small", token_budget=200)
    assert small.generate(requests) == bench.lm.generate(requests)
    answers = [f"answer {i}" for i in range(16)]
    for one, other in zip(small.score(requests, answers), bench.lm.score(requests, answers), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_a_plain_row_is_what_transformers_generates(bench):
    request = ask("Tell me of the fox", max_tokens=12)
    ids = torch.tensor([bench.lm.encode(request).ids])
    made = bench.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False, pad_token_id=0, eos_token_id=0
    )
    text = bench.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
    assert bench.lm.generate([request])[0].text == text


def test_layers_with_a_sliding_window_batch_too(llama):
    sizes = {"vocab_size": len(llama.tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.25, "sliding_window": 8}
    torch.manual_seed(0)
    lm = LocalLM(MistralForCausalLM(MistralConfig(**sizes, **heads, max_position_embeddings=256)), llama.tokenizer, "sliding")
    lm.ends = frozenset()
    requests = [ask("fox " * (1 + 3 * i), max_tokens=6 + i) for i in range(6)]
    together = lm.generate(requests)
    for request, reply in zip(requests, together, strict=True):
        ids = torch.tensor([lm.encode(request).ids])
        mask, limit = torch.ones_like(ids), request.sampling.max_tokens
        made = lm.model.generate(ids, attention_mask=mask, max_new_tokens=limit, do_sample=False, pad_token_id=0, eos_token_id=-1)
        assert reply.text == llama.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)


def test_a_draw_depends_on_its_seed_and_not_on_the_batch(bench):
    asked = [ask("Tell me of the fox", max_tokens=12, temperature=1.0, top_p=0.95, seed=seed) for seed in range(8)]
    together = bench.lm.generate(asked + bench.assorted(8))[:8]
    assert together == [bench.lm.generate([request])[0] for request in asked]
    assert len({reply.text for reply in together}) > 4


def test_top_p_near_zero_and_temperature_near_zero_are_greedy(llama):
    greedy = llama.lm.generate([ask("Tell me", max_tokens=10)])[0].text
    for sampling in ({"temperature": 5.0, "top_p": 1e-9}, {"temperature": 1e-6}):
        assert llama.lm.generate([ask("Tell me", max_tokens=10, seed=7, **sampling)])[0].text == greedy


def test_draws_of_neighbouring_seeds_follow_the_distribution_and_its_nucleus():
    chance = torch.tensor([0.05, 0.4, 0.1, 0.15, 0.3])
    for top_p, expected in ((1.0, chance), (0.8, torch.tensor([0.0, 0.4, 0.0, 0.15, 0.3]) / 0.85)):
        samplings = [Sampling(temperature=1.0, top_p=top_p)] * 4000
        drawn = pick(chance.log().expand(4000, 5), samplings, [generator(seed) for seed in range(4000)])
        assert torch.allclose(torch.bincount(torch.tensor(drawn), minlength=5) / 4000, expected, atol=0.03)


def test_a_nucleus_wider_than_the_head_is_the_same_nucleus(monkeypatch):
    chance = torch.softmax(torch.randn(50, generator=torch.Generator().manual_seed(0)), dim=0)
    samplings, seeds = [Sampling(temperature=1.0, top_p=0.7)] * 500, range(500)
    drawn = [pick(chance.log().expand(500, 50), samplings, [generator(seed) for seed in seeds])]
    monkeypatch.setattr("idiolect.models.sample.HEAD", 2)
    drawn.append(pick(chance.log().expand(500, 50), samplings, [generator(seed) for seed in seeds]))
    ordered = chance.sort(descending=True)
    nucleus = ordered.indices[: int((ordered.values.cumsum(0) < 0.7).sum()) + 1]
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == set(nucleus.tolist())


def test_rows_that_finish_leave_the_batch(llama, monkeypatch):
    sizes = []
    forward = llama.lm.engine.logits
    monkeypatch.setattr(llama.lm.engine, "logits", lambda batch, *rest: sizes.append(len(batch.ids)) or forward(batch, *rest))
    llama.lm.generate([ask(f"Tell me {i}", max_tokens=limit) for i, limit in enumerate([1, 3, 3, 6])])
    assert sizes == [4, 3, 3, 1, 1, 1]


def test_an_end_token_ends_a_row_and_is_not_told(new_bench):
    own, request = new_bench("llama"), ask("Tell me of the fox", max_tokens=9)
    free = own.lm.generate([request])[0]
    group = own.lm._group(request)
    list(decode(own.lm.engine, [group]))
    tokens = group.writing.tokens
    own.lm.ends = frozenset({tokens[3]})
    cut, before = own.lm.generate([request])[0], tokens.index(tokens[3])
    assert (cut.text, cut.finish, cut.tokens) == (own.tokenizer.decode(tokens[:before]), "stop", before)
    assert (free.finish, free.tokens) == ("length", 9)


def test_nothing_asked_is_nothing_answered(llama):
    assert llama.lm.generate([]) == []
    assert llama.lm.score([], []) == []
    assert llama.lm.hidden([], [], 0) == []


def test_threads_share_one_model_without_bending_each_other(llama):
    from concurrent.futures import ThreadPoolExecutor

    requests = llama.assorted(8)
    alone = [llama.lm.generate([request])[0] for request in requests]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda request: llama.lm.generate([request])[0], requests)) == alone
