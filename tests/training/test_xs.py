"""LoRA-XS: its fixed factors are the weight's largest directions, its matrix is all that learns, and joined it is a plain adapter."""

import numpy as np
import pytest
import torch

from idiolect.errors import RequestError
from idiolect.training.loop import Plan
from idiolect.training.xs import between, factors, joined
from tests.tiny_models import tiny_llama
from tests.training.conftest import pairs_of

PLAN = Plan(lr=1e-2, epochs=4, batch=2, weight_decay=0.0)


@pytest.fixture(scope="module")
def lm():
    return tiny_llama().lm


def test_with_all_directions_the_factors_are_the_weight(lm):
    fixed = factors(lm, ["v_proj"], min(_weight(lm, "v_proj").shape))
    path = lm.linear_paths(["v_proj"])[0]
    assert np.allclose(fixed[f"{path}|B"] @ fixed[f"{path}|A"], _weight(lm, "v_proj"), atol=1e-5)


def test_with_fewer_they_are_the_best_of_that_rank(lm):
    fixed, path = factors(lm, ["v_proj"], 2), lm.linear_paths(["v_proj"])[0]
    left = np.linalg.norm(_weight(lm, "v_proj") - fixed[f"{path}|B"] @ fixed[f"{path}|A"])
    assert left == pytest.approx(np.sqrt((np.linalg.svd(_weight(lm, "v_proj"))[1][2:] ** 2).sum()), rel=1e-4)


def test_weights_stored_the_other_way_round_give_factors_that_fit(gpt2):
    fixed = factors(gpt2.lm, ["q_proj", "v_proj"], 3)
    path = gpt2.lm.linear_paths(["c_attn"])[0]
    inputs, outputs = gpt2.lm.model.get_submodule(path).weight.shape
    assert fixed[f"{path}|A"].shape == (3, inputs) and fixed[f"{path}|B"].shape == (outputs, 3)


def test_joined_it_adds_what_the_matrix_says_between_the_factors(lm):
    fixed, path = factors(lm, ["v_proj"], 2), lm.linear_paths(["v_proj"])[0]
    middle = np.array([[0.0, 2.0], [0.0, 0.0]], np.float32)
    a, b = joined(fixed, {path: middle}).modules[path]
    expected = 2.0 * np.outer(fixed[f"{path}|B"][:, 0], fixed[f"{path}|A"][1])
    assert np.allclose(b @ a, expected, atol=1e-6)


def test_what_it_scored_in_training_is_what_the_joined_adapter_scores(lm):
    job, fixed = pairs_of("person", 4), factors(lm, ["q_proj", "v_proj"], 4)
    own = joined(fixed, between(lm, [job], fixed, PLAN)[0])
    before = sum(score.nats for score in lm.score([request for request, _ in job], [answer for _, answer in job]))
    bent = [request.bent(adapters={own: 1.0}) for request, _ in job]
    assert sum(score.nats for score in lm.score(bent, [answer for _, answer in job])) > before + 1.0


def test_nothing_to_learn_leaves_zeros_and_company_changes_nothing(lm):
    job, fixed = pairs_of("person", 4), factors(lm, ["v_proj"], 2)
    alone, together = between(lm, [job], fixed, PLAN)[0], between(lm, [[], job, pairs_of("other", 3)], fixed, PLAN)
    assert all(not r.any() and r.shape == (2, 2) for r in together[0].values())
    assert all(np.allclose(alone[path], together[1][path], atol=1e-5) for path in alone)
    assert all(r.any() for r in alone.values())


def test_a_rank_that_a_module_does_not_have_is_refused(lm):
    with pytest.raises(RequestError, match="has no 1000 directions"):
        factors(lm, ["v_proj"], 1000)


def _weight(lm, name):
    return lm.model.get_submodule(lm.linear_paths([name])[0]).weight.detach().to(torch.float64).numpy()
