"""(IA)3: what is learnt is a vector a module, as an adapter it is exact, and it is what PEFT's IA3 computes."""

import numpy as np
import peft
import pytest
import torch

from idiolect.training.gains import gains, scaled
from idiolect.training.loop import Plan
from idiolect.types import ask
from tests.tiny_models import tiny_llama
from tests.training.conftest import pairs_of

PLAN = Plan(lr=3e-2, epochs=6, batch=2, weight_decay=0.0)
GIVEN, TAKEN = ("k_proj", "v_proj"), ("down_proj",)


@pytest.fixture(scope="module")
def lm():
    return tiny_llama().lm


def vectors_of(lm, seed=0):
    chance = np.random.default_rng(seed)
    out = {f"{path}|out": lm.model.get_submodule(path).weight.shape[0] for path in lm.linear_paths(GIVEN)}
    taken = {f"{path}|in": lm.model.get_submodule(path).weight.shape[1] for path in lm.linear_paths(TAKEN)}
    return {place: chance.normal(0, 0.3, size).astype("f4") for place, size in {**out, **taken}.items()}


def test_as_an_adapter_the_vectors_are_what_pefts_ia3_computes():
    bench = tiny_llama()
    lm, vectors = bench.lm, vectors_of(bench.lm)
    asked = ask("Of foxes, and of dates?", max_tokens=4).bent(adapters={scaled(lm, vectors): 1.0})
    row = lm.encode(asked, "the answer")
    ours = lm.score([asked], ["the answer"])[0].logprobs
    config = peft.IA3Config(target_modules=[*GIVEN, *TAKEN], feedforward_modules=list(TAKEN))
    theirs = peft.get_peft_model(lm.model, config)
    with torch.no_grad():
        for place, vector in vectors.items():
            path, _, side = place.rpartition("|")
            held = theirs.base_model.model.get_submodule(path).ia3_l["default"]
            held.copy_(torch.tensor(1 + vector).reshape(held.shape))
        logits = theirs(torch.tensor([row.ids])).logits[0].log_softmax(-1)
    wanted = [float(logits[place - 1, row.ids[place]]) for place in range(row.prompt, len(row.ids))]
    assert np.allclose(ours, wanted, atol=1e-4)


def test_what_was_learnt_makes_the_job_likelier(lm):
    job = pairs_of("person", 4)
    own = scaled(lm, gains(lm, [job], GIVEN, TAKEN, PLAN)[0])
    plain, bent = ([r if own is None else r.bent(adapters={own: 1.0}) for r, _ in job] for own in (None, own))
    before, after = (sum(score.nats for score in lm.score(asked, [answer for _, answer in job])) for asked in (plain, bent))
    assert after > before + 1.0


def test_nothing_to_learn_leaves_zeros_and_company_changes_nothing(lm):
    job = pairs_of("person", 4)
    alone, together = gains(lm, [job], GIVEN, TAKEN, PLAN)[0], gains(lm, [[], job, pairs_of("other", 3)], GIVEN, TAKEN, PLAN)
    assert all(not vector.any() for vector in together[0].values()) and any(vector.any() for vector in alone.values())
    assert all(np.allclose(alone[place], together[1][place], atol=1e-5) for place in alone)


def test_weights_stored_the_other_way_round_are_scaled_alike(gpt2):
    path = gpt2.lm.linear_paths(["c_fc"])[0]
    inputs, outputs = gpt2.lm.model.get_submodule(path).weight.shape
    a, b = scaled(gpt2.lm, {f"{path}|out": np.ones(outputs, "f4")}).modules[path]
    assert a.shape == (outputs, inputs) and np.allclose(b @ a, gpt2.lm.model.get_submodule(path).weight.T.numpy())
