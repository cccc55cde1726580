"""Steering at each site, and what is read there, against the same thing done by hand."""

import copy

import numpy as np
import pytest
import torch
from transformers.pytorch_utils import Conv1D

from idiolect.errors import ModelError, RequestError
from idiolect.models.activations import activations
from idiolect.models.decode import decode
from idiolect.models.local import load
from idiolect.models.places import at_site, widths
from idiolect.types import Guide, Steering, ask
from tests.models.test_local_lean import counted, slow, steps

QUESTION, ANSWER = ask("Tell me of the fox", max_tokens=8), "the dog sleeps on"
SITES = ("residual", "heads", "gate")
SIZE = {"residual": 32, "heads": 32, "gate": 64}


def size(bench, site):
    return 128 if (bench.kind, site) == ("gpt2", "gate") else SIZE[site]


def vector(bench, site, seed=1, spread=0.5):
    return np.random.default_rng(seed).normal(0, spread, size(bench, site)).astype("f4")


def steered(bench, site, scope="all", layer=0, seed=1, capped=None):
    return QUESTION.bent(steering=[Steering(layer, vector(bench, site, seed), scope, site=site, capped=capped)])


def logits(bench, request, answer=ANSWER, model=None):
    """Logits of the prompt's last token and of each of the answer's: (tokens, vocabulary)."""
    row = bench.lm.encode(request, answer)
    if model is not None:
        with torch.no_grad():
            return model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 :]
    with torch.no_grad():
        return bench.lm.engine.logits(bench.lm.engine.padded([row], b := bench.lm.bends([request])), b, row.answer + 1)[0]


def read(lm, requests, answers, site):
    """What `activations` gives, in order."""
    return [made.numpy() for _, made in sorted(activations(lm, requests, answers, site), key=lambda one: one[0])]


def test_the_sites_of_three_architectures_are_as_wide_as_their_configurations_say(bench):
    assert widths(bench.model) == {site: [size(bench, site)] * 2 for site in SITES}
    names = {"gpt2": ("Conv1D", "NewGELUActivation")}.get(bench.kind, ("Linear", "SiLUActivation"))
    assert tuple(type(at_site(bench.model, site, 1)).__name__ for site in ("heads", "gate")) == names


@pytest.mark.parametrize("site", SITES)
def test_a_vector_of_zeros_gives_the_plain_logits_to_the_bit(bench, site):
    for scope in ("all", "decode"):
        zeros = np.zeros(size(bench, site), "f4")
        nothing = Steering(1, zeros, scope, site=site, capped=zeros if site == "gate" else None)
        assert torch.equal(logits(bench, QUESTION.bent(steering=[nothing])), logits(bench, QUESTION))


def test_a_move_of_the_heads_is_a_bias_of_their_projection(bench):
    model = copy.deepcopy(bench.model)
    projection, move = at_site(model, "heads", 1), torch.tensor(vector(bench, "heads"))
    with torch.no_grad():
        fold = move @ projection.weight if isinstance(projection, Conv1D) else projection.weight @ move  # W d
        had = torch.zeros(32) if projection.bias is None else projection.bias
        projection.bias = torch.nn.Parameter(had + fold)
    made = logits(bench, steered(bench, "heads", layer=1))
    assert torch.allclose(made, logits(bench, QUESTION, model=model), atol=1e-5)
    assert (made - logits(bench, QUESTION)).abs().max() > 0.1


@pytest.mark.parametrize("site", SITES)
def test_in_scope_all_what_stands_at_the_site_is_moved_by_the_vector(bench, site):
    plain, moved = (read(bench.lm, [request], [ANSWER], site)[0] for request in (QUESTION, steered(bench, site)))
    assert plain.shape == (2, bench.lm.encode(QUESTION, ANSWER).answer, size(bench, site))
    assert np.allclose(moved[0], plain[0] + vector(bench, site), atol=1e-5) and not np.allclose(moved[1], plain[1], atol=1e-2)


def test_a_gate_is_the_nonlinearity_of_its_projection_and_capped_neurons_are_never_above_zero(llama):
    capped = (np.arange(64) % 3 == 0).astype("f4")
    plain, made = (
        read(llama.lm, [request], [ANSWER], "gate")[0] for request in (QUESTION, steered(llama, "gate", "decode", capped=capped))
    )
    free, held = np.flatnonzero(capped == 0), np.flatnonzero(capped)
    moved = plain[0] + vector(llama, "gate")
    assert plain[0][:, held].max() > 0.1 and made[0][:, held].max() <= 0
    assert np.allclose(made[0][:, free], moved[:, free], atol=1e-6)
    assert np.allclose(made[0][:, held], np.minimum(moved[:, held], 0), atol=1e-6)
    module, block = llama.model.model.layers[0].mlp, llama.model.model.layers[0]
    row = llama.lm.encode(QUESTION, ANSWER)
    heard = []
    handle = block.post_attention_layernorm.register_forward_hook(lambda m, a, out: heard.append(out))
    logits(llama, QUESTION)
    handle.remove()
    by_hand = torch.nn.functional.silu(module.gate_proj(heard[0]))[0, row.prompt :].detach().numpy()
    assert np.allclose(plain[0], by_hand, atol=1e-5)


@pytest.mark.parametrize("site", SITES)
def test_in_scope_decode_the_prompt_is_read_as_it_is(bench, site):
    request = steered(bench, site, "decode", capped=np.ones(size(bench, site), "f4") if site == "gate" else None)
    plain, moved = logits(bench, QUESTION), logits(bench, request)
    assert torch.equal(plain[0], moved[0]) and (plain[1:] - moved[1:]).abs().amax(dim=1).min() > 1e-3
    everywhere = logits(bench, steered(bench, site))
    assert (everywhere[0] - plain[0]).abs().max() > 1e-3


@pytest.mark.parametrize("site", SITES)
def test_what_is_generated_is_what_is_scored(bench, site):
    request = steered(bench, site, "decode", layer=1, seed=5)
    group = bench.lm._group(request)
    for _ in decode(bench.lm.engine, [group]):
        pass
    tokens = tuple(group.writing.tokens)
    row = bench.lm.encode(request).answered(tokens, 0)
    with torch.no_grad():
        said = bench.lm.engine.answer_logits([row], bench.lm.bends([request]))[0].argmax(dim=-1)
    assert tuple(said.tolist())[: len(tokens)] == tokens


def everybody(bench):
    """People bent at different sites, in different scopes and blocks, some at several, one not at all; an adapter on the projections."""
    adapter = bench.adapter(1, targets={"gpt2": ("c_proj",)}.get(bench.kind, ("o_proj", "gate_proj")))
    alone = [steered(bench, site, scope, i % 2, seed=i) for i, site in enumerate(SITES) for scope in ("all", "decode")]
    capped = steered(bench, "gate", "decode", 1, 7, capped=(np.arange(size(bench, "gate")) % 2).astype("f4"))
    several = alone[3].bent(steering=[*alone[4].steering, *capped.steering, *alone[0].steering])
    return [*alone, capped, several, several.bent(adapters={adapter: 1.0}), QUESTION]


def test_people_bent_differently_in_one_batch_get_what_each_gets_alone(bench):
    requests = [request.told("The fox. " * (i % 4)) for i, request in enumerate(everybody(bench))]
    together, alone = bench.lm.score(requests, [ANSWER] * len(requests)), [bench.lm.score([one], [ANSWER])[0] for one in requests]
    for one, other in zip(together, alone, strict=True):
        assert np.allclose(one.logprobs, other.logprobs, atol=1e-4)
    assert len({round(score.nats, 2) for score in alone}) == len(requests)
    for site in SITES:
        own = read(bench.lm, requests, [ANSWER] * len(requests), site)
        assert all(np.allclose(read(bench.lm, [r], [ANSWER], site)[0], o, atol=1e-4) for r, o in zip(requests, own, strict=True))
    assert bench.lm.generate(requests) == [bench.lm.generate([one])[0] for one in requests]


def test_the_lean_way_steers_inside_blocks_as_the_models_own_way_does(bench, monkeypatch):
    requests, taken = everybody(bench), counted(bench.lm, monkeypatch)
    made = steps(bench.lm, requests)
    assert len(taken) == (0 if bench.kind == "gpt2" else 4)
    assert torch.allclose(made, steps(slow(bench.lm), requests), atol=1e-4)
    assert not torch.allclose(made[:, :1].expand_as(made), made, atol=1e-2)


def test_people_who_join_and_leave_are_steered_as_each_is_alone(bench, opened):
    requests = [request.told("The fox. " * (i % 3)).sampled(max_tokens=3 + i % 7) for i, request in enumerate(everybody(bench) * 3)]
    continuous = opened(bench.lm, most_rows=5, prefill=40)
    tickets = [continuous.submit(request) for request in requests]
    assert [ticket.reply(60) for ticket in tickets] == [bench.lm.generate([request])[0] for request in requests]


def test_the_bundled_model_is_as_it_was_after_steering_everywhere(llama):
    lm = load("tiny")
    wide = lm.widths
    before = lm.score([QUESTION], [ANSWER])[0]
    bends = [Steering(1, np.full(wide[site][1], 0.3, "f4"), "all", site=site) for site in SITES]
    assert lm.score([QUESTION.bent(steering=bends)], [ANSWER])[0].logprobs != before.logprobs
    lm.generate([QUESTION.bent(steering=bends)])
    assert lm.score([QUESTION], [ANSWER])[0] == before
    assert not any(module._forward_hooks or "forward" in module.__dict__ for module in lm.model.modules())


def test_reading_leaves_nothing_behind_where_the_model_breaks_down(llama, monkeypatch):
    def breaks(*args, **given):
        raise ZeroDivisionError

    monkeypatch.setattr(llama.model.model.norm, "forward", breaks)
    for site in SITES:
        with pytest.raises(ZeroDivisionError):
            list(activations(llama.lm, [steered(llama, site)], [ANSWER], site))
    left = [module for module in llama.model.modules() if module._forward_hooks or "forward" in module.__dict__]
    assert left == [llama.model.model.norm]  # where this test put one


@pytest.mark.parametrize("site", ["heads", "gate"])
def test_gradients_reach_a_vector_inside_a_block(llama, site):
    from idiolect.models.bends import Bends

    move = torch.zeros(1, SIZE[site], requires_grad=True)
    rows = [llama.lm.encode(QUESTION, ANSWER)]
    llama.lm.answer_logprobs(rows, Bends(inner={(site, 0, "all"): move}))[0].sum().backward()
    assert move.grad.abs().sum() > 0 and all(parameter.grad is None for parameter in llama.model.parameters())


def test_the_gate_of_the_last_block_is_moved_where_only_its_last_positions_go_on(llama):
    request = steered(llama, "gate", "decode", layer=1, capped=np.ones(64, "f4"))
    row, bends = llama.lm.encode(request, ANSWER), llama.lm.bends([request])
    with torch.no_grad():
        short = llama.lm.answer_logprobs([row], bends)[0][0].numpy()
    assert np.allclose(short, llama.lm.score([request], [ANSWER])[0].logprobs, atol=1e-5)


@pytest.mark.parametrize("layer, site, length", [(2, "heads", 32), (0, "heads", 31), (0, "gate", 32), (-1, "gate", 64)])
def test_steering_for_another_model_is_refused_with_its_place(llama, layer, site, length):
    with pytest.raises(ModelError, match=rf"at the {site} of block {layer} with {length} numbers.*0 to 1, {SIZE[site]} wide"):
        llama.lm.generate([QUESTION.bent(steering=[Steering(layer, np.zeros(length, "f4"), site=site)])])


def test_a_model_without_a_known_gate_is_refused_by_name(new_bench):
    bench = new_bench("llama")
    for block in bench.model.model.layers:
        block.mlp.nonlinearity = block.mlp._modules.pop("act_fn")
    with pytest.raises(ModelError, match="no gate that is known"):
        bench.lm.generate([QUESTION.bent(steering=[Steering(0, np.zeros(64, "f4"), site="gate")])])
    with pytest.raises(ModelError, match="no gate that is known"):
        activations(bench.lm, [QUESTION], [ANSWER], "gate")


def test_a_guide_has_no_activations(llama):
    with pytest.raises(RequestError, match="guide"):
        activations(llama.lm, [QUESTION.bent(guide=Guide((QUESTION,), (1.0, 0.5)))], [ANSWER], "heads")


def test_steering_says_what_it_may_not_be():
    with pytest.raises(RequestError, match="'nowhere'"):
        Steering(0, np.zeros(4), site="nowhere")
    with pytest.raises(RequestError, match="only a gate is capped"):
        Steering(0, np.zeros(4), site="heads", capped=np.zeros(4))
    with pytest.raises(RequestError, match="only a gate is capped"):
        Steering(0, np.zeros(4), site="gate", capped=np.zeros(3))
    made = [Steering(0, np.zeros(4), site=site) for site in SITES] + [Steering(0, np.zeros(4), site="gate", capped=np.ones(4))]
    assert len(set(made)) == 4 and made[3] == Steering(0, np.zeros(4), site="gate", capped=np.ones(4), name="another name")
