"""What each bend means, against the same thing done by hand."""

import copy

import numpy as np
import pytest
import torch
from transformers.pytorch_utils import Conv1D

from idiolect.errors import ModelError, RequestError
from idiolect.models.bends import Bends, bent
from idiolect.models.decode import decode
from idiolect.models.stack import stacked
from idiolect.types import Adapter, Guide, Prefix, Steering, ask

QUESTION = ask("Tell me of the fox", max_tokens=10)


def last_logits(bench, request, answer="the dog sleeps"):
    """Logits the answer's tokens are predicted from: (tokens, vocabulary)."""
    with torch.no_grad():
        return bench.lm.engine.answer_logits([bench.lm.encode(request, answer)], bench.lm.bends([request]))[0]


def generated(lm, request):
    """The tokens of the reply: its text may tokenize otherwise."""
    group = lm._group(request)
    for _ in decode(lm.engine, [group]):
        pass
    return group.writing.tokens


def merged(bench, mixture):
    """A copy of the model with the adapters added to its weights."""
    model = copy.deepcopy(bench.model)
    for adapter, share in mixture.items():
        for path, (a, b) in adapter.modules.items():
            module, delta = model.get_submodule(path), torch.tensor(b @ a) * adapter.scale * share
            module.weight.data += delta.T if isinstance(module, Conv1D) else delta
    return model


def plain_logits(bench, model, request, answer="the dog sleeps"):
    row = bench.lm.encode(request, answer)
    with torch.no_grad():
        return model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1]


def test_a_mixture_is_the_sum_of_its_adapters_merged_by_hand(bench):
    mixture = {bench.adapter(1, rank=2, scale=0.5): 0.7, bench.adapter(2, rank=5, scale=1.5): -0.4}
    by_hand = plain_logits(bench, merged(bench, mixture), QUESTION)
    assert torch.allclose(last_logits(bench, QUESTION.bent(adapters=mixture)), by_hand, atol=1e-4)
    assert not torch.allclose(by_hand, plain_logits(bench, bench.model, QUESTION), atol=1e-1)


def test_a_mixture_with_one_share_of_one_is_that_adapter_alone(bench):
    first, second = bench.adapter(1), bench.adapter(2)
    alone = last_logits(bench, QUESTION.bent(adapters={first: 1.0}))
    mixed = last_logits(bench, QUESTION.bent(adapters={first: 1.0, second: 0.0}))
    assert torch.allclose(alone, mixed, atol=1e-5)
    both = [QUESTION.bent(adapters={first: 1.0}), QUESTION.bent(adapters={first: 1.0, second: 0.0})]
    assert len({reply.text for reply in bench.lm.generate(both)}) == 1


def test_an_adapter_on_some_modules_bends_only_those(bench):
    targets = {"gpt2": ("c_attn",)}.get(bench.kind, ("q_proj",))
    mixture = {bench.adapter(1, targets=targets): 1.0, bench.adapter(2): 1.0}
    assert torch.allclose(
        last_logits(bench, QUESTION.bent(adapters=mixture)), plain_logits(bench, merged(bench, mixture), QUESTION), atol=1e-4
    )


def test_a_zero_b_gives_the_base_logits_exactly(bench):
    made = bench.adapter(1)
    zero = Adapter({path: (a, np.zeros_like(b)) for path, (a, b) in made.modules.items()})
    assert torch.equal(last_logits(bench, QUESTION.bent(adapters={zero: 1.0})), last_logits(bench, QUESTION))


def test_a_prefix_of_real_embeddings_is_those_tokens(bench):
    row = bench.lm.encode(QUESTION, "the dog sleeps")
    head, tail = row.ids[:4], row.ids[4:]
    vectors = bench.model.get_input_embeddings()(torch.tensor(head)).detach()
    whole = bench.model(input_ids=torch.tensor([row.ids])).logits[0, -4:]
    rest = type(row)(tail, row.answer)
    bends = Bends(prefixes=[vectors])
    made = bench.lm.engine.logits(bench.lm.engine.padded([rest], bends), bends, 4)[0]
    assert torch.allclose(made, whole, atol=1e-5)


def test_generation_after_a_prefix_of_real_embeddings_is_generation_after_those_tokens(bench):
    from dataclasses import replace

    own = replace(QUESTION, prefix=Prefix(bench.lm.embedded("hello")))
    bench.tokenizer.chat_template, kept = None, bench.tokenizer.chat_template
    try:
        assert bench.lm.generate([own])[0].text == bench.lm.generate([ask("hello" + QUESTION.question, max_tokens=10)])[0].text
    finally:
        bench.tokenizer.chat_template = kept


def test_steering_in_scope_all_moves_the_stream_by_the_vector(bench):
    vector = bench.steering(1, "all", layer=0)
    answers = ["the dog sleeps"]
    moved = bench.lm.hidden([QUESTION.bent(steering=[vector])], answers, layer=0)[0]
    assert np.allclose(moved, bench.lm.hidden([QUESTION], answers, layer=0)[0] + vector.vector, atol=1e-5)


def test_steering_in_scope_decode_leaves_the_prompt_alone_and_moves_the_answer(bench):
    steered = QUESTION.bent(steering=[bench.steering(1, "decode", layer=0)])
    plain, moved = (bench.lm.score([request], ["the dog sleeps on"])[0].logprobs for request in (QUESTION, steered))
    assert plain[0] == moved[0]  # predicted from the last token of the prompt
    assert not np.allclose(plain[1:], moved[1:], atol=1e-2)


def test_steering_in_scope_decode_means_the_same_when_generating_and_when_scoring(bench):
    steered = QUESTION.bent(steering=[bench.steering(2, "decode", layer=0), bench.steering(3, "decode", layer=1)])
    tokens = tuple(generated(bench.lm, steered))
    row = bench.lm.encode(steered).answered(tokens, 0)
    with torch.no_grad():
        logits = bench.lm.engine.answer_logits([row], bench.lm.bends([steered]))[0]
    assert tuple(logits.argmax(dim=-1).tolist()) == tokens
    assert tokens != tuple(generated(bench.lm, QUESTION))


def test_an_own_vector_twice_is_twice_the_vector(bench):
    once = bench.steering(1, "all", layer=1)
    twice = Steering(1, once.vector * 2, "all")
    assert torch.allclose(
        last_logits(bench, QUESTION.bent(steering=[once, once])), last_logits(bench, QUESTION.bent(steering=[twice])), atol=1e-5
    )


def test_a_guide_at_strength_zero_is_the_plain_model(bench):
    told = QUESTION.told("You are a fox.")
    guided = told.bent(guide=Guide((QUESTION,), (1.0, 0.0)))
    assert bench.lm.generate([guided])[0].text == bench.lm.generate([told])[0].text
    assert bench.lm.score([guided], ["the dog"])[0].logprobs == bench.lm.score([told], ["the dog"])[0].logprobs


@pytest.mark.parametrize("strength", [0.5, 2.0, -0.5])
def test_a_guide_is_the_guidance_scale_of_transformers_token_for_token(bench, strength):
    told = QUESTION.told("You are a fox who writes of dogs.").sampled(max_tokens=16)
    guided = told.bent(guide=Guide((QUESTION,), (1 + strength, -strength)))
    ids, without = (torch.tensor([bench.lm.encode(request).ids]) for request in (told, QUESTION))
    made = bench.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        guidance_scale=1 + strength,
        negative_prompt_ids=without,
        max_new_tokens=16,
        do_sample=False,
        pad_token_id=0,
        eos_token_id=0,
    )
    text = bench.tokenizer.decode(made[0, ids.shape[1] :], skip_special_tokens=True)
    reply = bench.lm.generate([guided])[0]
    assert reply.text == text
    assert reply.calls == 2


def test_scores_under_a_guide_are_the_joined_distributions(bench):
    voices = [QUESTION, QUESTION.told("You are a fox."), QUESTION.bent(adapters={bench.adapter(1): 1.0})]
    logp = torch.stack([torch.log_softmax(last_logits(bench, voice), dim=-1) for voice in voices])
    ids = bench.lm.encode(QUESTION, "the dog sleeps").ids[-logp.shape[1] :]
    for rule, weights in (("geometric", (1.0, 2.0, -1.0)), ("arithmetic", (2.0, 1.0, 1.0))):
        w = torch.tensor(weights)[:, None, None]
        joined = torch.log_softmax((w * logp).sum(0), -1) if rule == "geometric" else ((w * logp.exp()).sum(0) / w.sum()).log()
        guided = voices[0].bent(guide=Guide(tuple(voices[1:]), weights, rule))
        expected = [float(joined[i, token]) for i, token in enumerate(ids)]
        assert bench.lm.score([guided], ["the dog sleeps"])[0].logprobs == pytest.approx(expected, abs=1e-4)


def test_an_arithmetic_guide_with_a_negative_weight_is_refused(llama):
    with pytest.raises(RequestError, match="arithmetic"):
        llama.lm.generate([QUESTION.bent(guide=Guide((QUESTION,), (2.0, -1.0), "arithmetic"))])


def test_hidden_is_the_residual_stream_of_transformers(bench):
    requests, answers = [QUESTION, ask("Why?").told("fox " * 9)], ["the dog sleeps", "on"]
    untouched = copy.deepcopy(bench.model)  # asked for hidden states, transformers leaves hooks of its own
    for layer in range(bench.lm.layers - 1):  # transformers normalizes the last one
        streams = bench.lm.hidden(requests, answers, layer)
        for request, answer, stream in zip(requests, answers, streams, strict=True):
            row = bench.lm.encode(request, answer)
            with torch.no_grad():
                states = untouched(torch.tensor([row.ids]), output_hidden_states=True).hidden_states
            assert stream.shape == (row.answer, bench.lm.width)
            assert np.allclose(stream, states[layer + 1][0, row.prompt :].numpy(), atol=1e-4)


@pytest.mark.parametrize("where", ["first token", "later token", "score"])
def test_an_exception_leaves_nothing_bent(bench, monkeypatch, where):
    request, left = bench.assorted(32)[3].sampled(max_tokens=6), [1 if where == "later token" else 0]
    block = bench.model.get_submodule({"gpt2": "transformer.h.1"}.get(bench.kind, "model.layers.1"))
    forward = block.forward

    def breaks(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            raise ZeroDivisionError
        return forward(*args, **kwargs)

    monkeypatch.setattr(block, "forward", breaks)
    with pytest.raises(ZeroDivisionError):
        bench.lm.score([request], ["dog"]) if where == "score" else bench.lm.generate([request])
    assert not any(module._forward_hooks for module in bench.model.modules())
    assert [module for module in bench.model.modules() if "forward" in module.__dict__] == [block]  # where this test put one


def test_a_stream_left_in_the_middle_leaves_nothing_bent(bench):
    stream = bench.lm.stream(QUESTION.bent(adapters={bench.adapter(1): 1.0}))
    next(stream)
    assert not any(module._forward_hooks or "forward" in module.__dict__ for module in bench.model.modules())
    assert bench.lm.generate([QUESTION])[0].text  # the lock is free


def test_a_module_with_a_forward_of_its_own_is_bent_and_keeps_it(llama, monkeypatch):
    module, request = llama.model.model.layers[0].self_attn.q_proj, QUESTION.bent(adapters={llama.adapter(1): 1.0})
    expected = last_logits(llama, request)

    def own(x, forward=module.forward):
        return forward(x)

    monkeypatch.setattr(module, "forward", own)
    assert torch.allclose(last_logits(llama, request), expected, atol=1e-5)
    assert module.forward is own


def test_what_does_not_fit_the_model_is_refused_before_any_work(llama, monkeypatch):
    monkeypatch.setattr(llama.lm.engine, "logits", lambda *args: pytest.fail("the model ran"))
    narrow = {"model.layers.0.self_attn.q_proj": (np.zeros((2, 7), np.float32), np.zeros((32, 2), np.float32))}
    lost = {"model.layers.9.self_attn.q_proj": (np.zeros((2, 32), np.float32), np.zeros((32, 2), np.float32))}
    wrong = [
        QUESTION.bent(adapters={Adapter(narrow): 1.0}),
        QUESTION.bent(adapters={Adapter(lost): 1.0}),
        QUESTION.bent(prefix=Prefix(np.zeros((2, 31), np.float32))),
        QUESTION.bent(steering=[Steering(2, np.zeros(32, np.float32))]),
        QUESTION.bent(guide=Guide((QUESTION.bent(prefix=Prefix(np.zeros((2, 31), np.float32))),), (1.0, 1.0))),
    ]
    for request in wrong:
        with pytest.raises(ModelError, match="another model|blocks"):
            llama.lm.generate([QUESTION, request])
    with pytest.raises(ModelError, match="no linear module named"):
        llama.lm.linear_paths(["q_prj"])


def test_gradients_reach_adapters_prefixes_and_vectors_and_nothing_else(bench):
    requests = [QUESTION, ask("Why does the dog sleep all day?"), ask("fox")]
    rows = [bench.lm.encode(request, answer, end=True) for request, answer in zip(requests, ["yes", "on the dog", "a"], strict=True)]
    adapter = bench.adapter(1)
    lora = {path: (torch.tensor(a).repeat(2, 1, 1), torch.tensor(b.T).repeat(2, 1, 1)) for path, (a, b) in adapter.modules.items()}
    prefix, vector = torch.randn(2, 32) * 0.1, torch.zeros(3, 32)
    leaves = [tensor.requires_grad_() for pair in lora.values() for tensor in pair] + [prefix.requires_grad_(), vector.requires_grad_()]
    bends = Bends(lora, torch.tensor([0, 1, 1]), decoding={0: vector}, prefixes=[prefix, None, prefix])
    logp, mask = bench.lm.answer_logprobs(rows, bends)
    assert mask.sum(1).tolist() == [row.answer for row in rows]
    (logp.sum()).backward()
    assert all(leaf.grad is not None and leaf.grad.isfinite().all() and leaf.grad.abs().sum() > 0 for leaf in leaves)
    assert all(parameter.grad is None for parameter in bench.model.parameters())


def test_gradients_of_a_job_do_not_depend_on_the_other_jobs(bench):
    answers = ["yes", "on the dog and on the fox"]
    rows = [bench.lm.encode(request, answer) for request, answer in zip([QUESTION, ask("fox")], answers, strict=True)]
    pairs = bench.adapter(3).modules.items()

    def gradient(places):
        lora = {p: (torch.tensor(a).repeat(len(places), 1, 1), torch.tensor(b.T).repeat(len(places), 1, 1)) for p, (a, b) in pairs}
        for a, b in lora.values():
            a.requires_grad_(), b.requires_grad_()
        bench.lm.answer_logprobs([rows[place] for place in places], Bends(lora))[0].sum().backward()
        return [tensor.grad[places.index(0)] for pair in lora.values() for tensor in pair]

    for alone, together in zip(gradient([0]), gradient([1, 0]), strict=True):
        assert torch.allclose(alone, together, atol=1e-3, rtol=1e-4)


def test_adapters_side_by_side_add_up(bench):
    first, second = bench.adapter(1, rank=2), bench.adapter(2, rank=3, targets={"gpt2": ("c_attn",)}.get(bench.kind, ("q_proj",)))
    lm, row = bench.lm, bench.lm.encode(QUESTION, "the dog")
    both = lm.bends([QUESTION.bent(adapters={first: 1.0})]).beside(lm.bends([QUESTION.bent(adapters={second: 1.0})]).lora)
    expected = lm.answer_logprobs([row], lm.bends([QUESTION.bent(adapters={first: 1.0, second: 1.0})]))[0]
    assert torch.allclose(lm.answer_logprobs([row], both)[0], expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_scale_and_share_are_multiplied_out_in_single_precision(kind):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(3, 5)).astype(kind), random.normal(size=(7, 3)).astype(kind)
    made = stacked([((Adapter({"m": (a, b)}, 0.3), 0.7),)], device=torch.device("cpu"), dtype=torch.float32)["m"]
    assert torch.equal(made[0][0], torch.tensor(a.astype("f4")))
    assert torch.equal(made[1][0], torch.tensor(b.astype("f4")).T * (0.3 * 0.7))


def test_an_adapter_where_rows_cannot_be_told_apart_is_refused():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3))
    with (
        pytest.raises(ModelError, match="rows cannot be told apart"),
        bent(model, Bends({"0": (torch.ones(2, 1, 3), torch.ones(2, 1, 3))})),
    ):
        model(torch.ones(6, 3))
    assert not model[0]._forward_hooks
