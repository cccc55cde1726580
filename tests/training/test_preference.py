"""DPO: its closed form, where it starts, which way it goes, against PEFT, and people together against each alone."""

import math

import numpy as np
import peft
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training import wave
from idiolect.training.loop import Plan
from idiolect.training.objective import Example, encoded
from idiolect.training.preference import DPO, KTO, Anchored, MultiReference, PlackettLuce, Precomputed, Traded, prefer
from idiolect.training.references import noted, references
from idiolect.training.sft import LoRA
from idiolect.types import ask
from tests.tiny_models import make_model
from tests.training.conftest import arrays, near


def preferences(person, count):
    """Chosen and rejected answers of unlike lengths."""
    return [
        (ask(f"Question {i} " + "of the fox " * (i % 3)), f"{person} sleeps {'on ' * (i % 4)}{i}", "a dog " * (1 + i % 3))
        for i in range(count)
    ]


def nats(lm, requests, answers):
    return np.array([score.nats for score in lm.score(requests, answers)])


def margin(lm, pairs, adapter):
    """How much more likely the chosen answers have become than the rejected ones, in nats, on average."""
    bent = [request.bent(adapters={adapter: 1.0}) for request, *_ in pairs]
    return float(np.mean(nats(lm, bent, [p[1] for p in pairs]) - nats(lm, bent, [p[2] for p in pairs])))


@pytest.fixture
def losses(monkeypatch):
    """The mean loss of each forward pass, as they come."""
    seen, real = [], wave.loss_of
    monkeypatch.setattr(wave, "loss_of", lambda *given: [seen.append(float((made := real(*given)).detach().mean())), made][1])
    return seen


def test_the_loss_is_that_of_the_paper():
    logp, reference = torch.tensor([[-3.0, -5.0], [-9.0, -1.0]]), torch.tensor([[-4.0, -4.0], [-9.0, -2.0]])
    made = DPO(beta=0.5).loss(logp, reference, torch.ones(2, 2))
    expected = [-math.log(1 / (1 + math.exp(-0.5 * gained))) for gained in ((1.0) - (-1.0), 0.0 - 1.0)]
    assert made.tolist() == pytest.approx(expected)


def test_its_gradient_makes_the_chosen_likelier_and_the_rejected_less_by_beta_halves_at_the_start():
    logp = torch.tensor([[-3.0, -5.0]], requires_grad=True)
    DPO(beta=0.4).loss(logp, logp.detach().clone(), torch.ones(1, 2)).sum().backward()
    assert logp.grad.tolist()[0] == pytest.approx([-0.2, 0.2])


def test_it_starts_at_the_logarithm_of_2_and_falls(llama, losses):
    prefer(llama.lm, [preferences("ann", 4)], DPO(beta=0.5), plan=Plan(lr=1e-2, epochs=6, warmup=0.0))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)
    assert losses[-1] < 0.9 * losses[0]


def test_what_was_chosen_becomes_likelier_than_what_was_rejected_and_turned_round_less(llama):
    pairs, plan = preferences("ann", 4), Plan(lr=1e-2, epochs=4)
    turned = [(request, rejected, chosen) for request, chosen, rejected in pairs]
    none, own, other = prefer(llama.lm, [[], pairs, turned], plan=plan)
    assert margin(llama.lm, pairs, own) > margin(llama.lm, pairs, none) + 1 > margin(llama.lm, pairs, other) + 2


def test_people_together_are_what_each_is_alone(llama):
    jobs, plan = [preferences("ann", 5), [], preferences("bob", 2)], Plan(lr=1e-3, epochs=10, batch=2)
    together = prefer(llama.lm, jobs, rank=4, plan=plan)
    assert all(near(one, prefer(llama.lm, [pairs], rank=4, plan=plan)[0]) for one, pairs in zip(together, jobs, strict=True))
    assert not near(together[0], together[2])


def test_reading_the_prompt_once_or_for_each_answer_gives_the_same(llama, monkeypatch):
    pairs, plan = [preferences("ann", 5)], Plan(lr=1e-3, epochs=10)
    once = prefer(llama.lm, pairs, rank=4, plan=plan)[0]
    monkeypatch.setattr(wave, "branches", lambda engine: False)
    assert near(once, prefer(llama.lm, pairs, rank=4, plan=plan)[0])


def test_an_adapter_that_a_request_carries_is_part_of_what_it_is_compared_with(llama, losses):
    task = llama.adapter(1)
    prefer(llama.lm, [[(r.bent(adapters={task: 1.0}), c, w) for r, c, w in preferences("ann", 3)]], plan=Plan(epochs=1))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)


def peft_logp(model, tokenizer, request, answer):
    text = tokenizer.apply_chat_template([{"role": "user", "content": request.question}], add_generation_prompt=True, tokenize=False)
    prompt, said = (tokenizer(part, add_special_tokens=False)["input_ids"] for part in (text, answer))
    ids = torch.tensor([[*prompt, *said, tokenizer.eos_token_id]])
    logp = model(input_ids=ids).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    return logp.gather(-1, ids[0, len(prompt) :, None]).sum()


def test_the_adapter_is_what_a_plain_peft_loop_learns(llama):
    pairs, plan, beta = preferences("ann", 3), Plan(lr=1e-3, epochs=12, batch=4, warmup=0.0), 0.2
    ours = prefer(llama.lm, [pairs], DPO(beta), rank=4, alpha=8.0, plan=plan)[0]
    wrapped = peft.get_peft_model(
        make_model("llama", len(llama.tokenizer)), peft.LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj"])
    )
    layers = {name.removeprefix("base_model.model."): m for name, m in wrapped.named_modules() if isinstance(m, peft.tuners.lora.Linear)}
    begun = LoRA(llama.lm, list(layers), 4, 2.0, plan.seed).start(1)
    for path, layer in layers.items():
        layer.lora_A["default"].weight.data.copy_(begun[f"{path}|A"][0])
    trained = [p for p in wrapped.parameters() if p.requires_grad]
    adamw = torch.optim.AdamW(trained, lr=plan.lr, weight_decay=plan.weight_decay)
    for step in range(plan.epochs):
        adamw.param_groups[0]["lr"] = plan.lr * (1 - step / plan.epochs)
        adamw.zero_grad()
        for request, chosen, rejected in pairs:
            gained = [peft_logp(wrapped, llama.tokenizer, request, answer) for answer in (chosen, rejected)]
            with wrapped.disable_adapter(), torch.no_grad():
                before = [peft_logp(wrapped, llama.tokenizer, request, answer) for answer in (chosen, rejected)]
            loss = -torch.nn.functional.logsigmoid(beta * ((gained[0] - before[0]) - (gained[1] - before[1]))) / len(pairs)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, plan.clip)
        adamw.step()
    for path, layer in layers.items():
        for mine, other in zip(ours.modules[path], (layer.lora_A, layer.lora_B), strict=True):
            assert np.abs(mine - other["default"].weight.detach().numpy()).max() < 1e-4, path
    assert np.abs(arrays(ours)).max() > 1e-3


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan")])
def test_a_beta_that_prefers_nothing_is_refused(beta):
    with pytest.raises(RequestError, match="prefers nothing"):
        DPO(beta)


STARTS_AT_LN_2 = {
    "forward": DPO(divergence="forward_kl"),
    "alpha": DPO(divergence="alpha", alpha=0.3),
    "js": DPO(divergence="js"),
    "smoothed": DPO(smoothing=0.2),
    "turned": DPO(signs=(-1.0,)),
    "traded": Traded(weight=0.5),
    "ranked": PlackettLuce(),
}


@pytest.mark.parametrize("name", STARTS_AT_LN_2)
def test_the_whole_family_starts_at_the_logarithm_of_2(llama, losses, name):
    prefer(llama.lm, [preferences("ann", 3)], STARTS_AT_LN_2[name], plan=Plan(epochs=1))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize("how", ["hinge", "abs", "square", "forward_kl"])
def test_an_anchored_loss_starts_at_the_logarithm_of_2_whatever_its_anchor(llama, losses, how):
    prefer(llama.lm, [based(preferences("ann", 3))], Anchored(how=how, strength=9.0), plan=Plan(epochs=1))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-4)


def based(pairs):
    """The pairs with an answer that the model might have given by itself."""
    return [(request, chosen, rejected, "the fox sleeps on") for request, chosen, rejected in pairs]


PLAN = Plan(lr=5e-3, epochs=6)


@pytest.mark.parametrize("objective", [Traded(), Anchored(strength=0.0), PlackettLuce(), DPO(divergence="alpha", alpha=0.0)])
def test_each_is_dpo_where_what_it_adds_is_nothing(llama, objective):
    pairs = preferences("ann", 4)
    items = based(pairs) if isinstance(objective, Anchored) else pairs
    assert near(prefer(llama.lm, [items], objective, rank=2, plan=PLAN)[0], prefer(llama.lm, [pairs], rank=2, plan=PLAN)[0])


def test_a_sign_turned_is_the_pair_turned(llama):
    pairs = preferences("ann", 4)
    turned = [(request, rejected, chosen) for request, chosen, rejected in pairs]
    made = prefer(llama.lm, [pairs], DPO(signs=(-1.0,)), rank=2, plan=PLAN)[0]
    assert near(made, prefer(llama.lm, [turned], rank=2, plan=PLAN)[0]) and not near(made, prefer(llama.lm, [pairs], rank=2, plan=PLAN)[0])


def examples_of(lm, items):
    return [Example(request, encoded(lm, request, answers, 0), place) for place, (request, *answers) in enumerate(items)]


def test_weights_go_by_the_places_of_a_jobs_pairs_or_by_what_they_are(llama):
    pairs = preferences("ann", 3)
    examples, logp = examples_of(llama.lm, pairs), torch.zeros(3, 2)
    for example in examples:
        example.reference = torch.zeros(2)
    assert (DPO(weights=(1.0, 0.0)).losses(examples, logp) / math.log(2)).tolist() == pytest.approx([1.0, 0.0, 1.0])
    known = noted(llama.lm, [pairs], [[0.5, 2.0, 0.0]])
    assert (DPO(weights=known).losses(examples[::-1], logp) / math.log(2)).tolist() == pytest.approx([0.0, 2.0, 0.5])
    [stranger] = examples_of(llama.lm, preferences("bob", 1))
    stranger.reference = torch.zeros(2)
    with pytest.raises(RequestError, match="has none"):
        DPO(weights=known).losses([stranger], logp[:1])


def test_rewards_beside_a_margin_make_the_loss_of_modpo(llama):
    pairs = preferences("ann", 2)
    examples, logp = examples_of(llama.lm, pairs), torch.tensor([[-1.0, -3.0], [-2.0, -2.0]])
    for example in examples:
        example.reference = torch.tensor([-2.0, -2.0])
    made = Traded(beta=0.5, rewards=noted(llama.lm, [pairs], [[0.2, -0.4]]), weight=0.25).losses(examples, logp)
    margins = [(0.5 * 2.0 - 0.2) / 0.25, (0.0 + 0.4) / 0.25]
    assert made.tolist() == pytest.approx([math.log(1 + math.exp(-margin)) for margin in margins])


def test_over_two_references_that_agree_it_is_dpo_and_over_others_it_starts_elsewhere(llama, losses):
    pairs = preferences("ann", 3)
    own, other = references(llama.lm, [pairs]), references(llama.lm, [pairs], llama.adapter(1))
    assert near(prefer(llama.lm, [pairs], MultiReference(extra=own), rank=2, plan=PLAN)[0], prefer(llama.lm, [pairs], rank=2, plan=PLAN)[0])
    assert near(
        prefer(llama.lm, [pairs], MultiReference(extra=other, trust=0.0), rank=2, plan=PLAN)[0],
        prefer(llama.lm, [pairs], rank=2, plan=PLAN)[0],
    )
    losses.clear()
    prefer(llama.lm, [pairs], MultiReference(extra=other, trust=0.5), plan=Plan(epochs=1))
    assert abs(losses[0] - math.log(2)) > 1e-3


def test_a_reference_computed_before_is_that_of_the_model_or_of_an_adapter_on_it(llama, losses):
    pairs, task = preferences("ann", 3), llama.adapter(1)
    own, other = references(llama.lm, [pairs]), references(llama.lm, [pairs], task)
    assert near(prefer(llama.lm, [pairs], Precomputed(before=own), rank=2, plan=PLAN)[0], prefer(llama.lm, [pairs], rank=2, plan=PLAN)[0])
    losses.clear()
    prefer(
        llama.lm,
        [[(r.bent(adapters={task: 1.0}), c, w) for r, c, w in pairs]],
        Precomputed(before=rekeyed(other, task)),
        plan=Plan(epochs=1),
    )
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)


def rekeyed(numbers, adapter):
    return {(request.bent(adapters={adapter: 1.0}), ids): own for (request, ids), own in numbers.items()}


def test_an_anchor_keeps_the_models_own_answer_likelier_the_stronger_it_is(llama):
    pairs = preferences("ann", 4)
    said = llama.lm.generate([request.sampled(max_tokens=6) for request, *_ in pairs])
    items = [(*pair, reply.text) for pair, reply in zip(pairs, said, strict=True)]
    plan = Plan(lr=1e-2, epochs=8)
    fallen = []
    for strength in (0.0, 0.1, 1.0):
        adapter = prefer(llama.lm, [items], Anchored(beta=0.5, strength=strength), rank=4, plan=plan)[0]
        bent = [request.bent(adapters={adapter: 1.0}) for request, *_ in items]
        before, after = (nats(llama.lm, asked, [item[3] for item in items]) for asked in ([item[0] for item in items], bent))
        fallen.append(float((before - after).mean()))
    assert fallen[0] > fallen[1] > fallen[2] and fallen[0] > 1 and fallen[2] < 0.5 * fallen[0]


def test_answers_called_wanted_become_likelier_and_others_less_without_pairs(llama, losses):
    pairs = preferences("ann", 4)
    items = [(request, answer, "a cat") for request, *both in pairs for answer in both]
    wanted = noted(llama.lm, [items], [[1.0, 0.0] * len(pairs)])
    plan = Plan(lr=1e-2, epochs=6, warmup=0.0, batch=8)
    none, adapter = prefer(llama.lm, [[], items], KTO(wanted, beta=0.5), plan=plan)
    assert losses[0] == pytest.approx(0.5, abs=1e-5) and losses[-1] < 0.45
    assert margin(llama.lm, pairs, adapter) > margin(llama.lm, pairs, none) + 1


def test_a_ranking_of_three_orders_the_answers(llama):
    items = [(request, f"{chosen} indeed", chosen, rejected) for request, chosen, rejected in preferences("ann", 3)]
    none, adapter = prefer(llama.lm, [[], items], PlackettLuce(beta=0.5), plan=Plan(lr=1e-2, epochs=8))
    bent = [request.bent(adapters={adapter: 1.0}) for request, *_ in items]
    plain = [request.bent(adapters={none: 1.0}) for request, *_ in items]
    gained = [np.mean(nats(llama.lm, bent, [i[n] for i in items]) - nats(llama.lm, plain, [i[n] for i in items])) for n in (1, 2, 3)]
    assert gained[0] > gained[1] > gained[2]


def test_items_of_different_numbers_of_answers_are_refused_before_anything_is_trained(llama):
    with pytest.raises(RequestError, match=r"\[2, 3\] answers"):
        prefer(llama.lm, [preferences("ann", 1), based(preferences("bob", 1))])


@pytest.mark.parametrize("smoothing", [-0.1, 0.5, float("nan")])
def test_a_smoothing_after_which_nothing_is_preferred_is_refused(smoothing):
    with pytest.raises(RequestError, match="mistaken"):
        DPO(smoothing=smoothing)
