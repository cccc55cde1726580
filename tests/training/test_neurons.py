"""Neurons: golden gains, quantiles against numpy's, and a planted neuron in a gate built by hand."""

import numpy as np
import pytest
import torch

from idiolect.models.activations import activations
from idiolect.training.neurons import Activity, activity, found, gain, induced
from idiolect.types import ask
from tests.tiny_models import Bench


def seen(values):
    made = Activity(values.shape[1])
    for part in np.array_split(values, 7):
        made.add(part)
    return made


def test_gains_are_the_published_ones():
    assert gain(np.array([0.1, 0.15, 0.3, 0.5])) == pytest.approx([0.3775, 0.5, 0.8176, 0.9707], abs=5e-5)


@pytest.mark.parametrize("scale", [0.5, 1.0, 40.0])
def test_a_quantile_is_within_a_bin_of_numpys(scale):
    values = scale * np.random.default_rng(0).gamma(2.0, size=(4000, 6)) - 0.2
    made = seen(values)
    assert made.width * 302 > values.max() and (made.width == 0.01) == (values.max() < 3.02)
    for q in (0.5, 0.95):
        assert np.abs(made.quantile(q) - np.quantile(values, q, axis=0)).max() <= made.width + scale * 0.02


def test_a_neuron_that_is_hardly_ever_active_has_a_quantile_of_0():
    values = np.full((100, 2), -1.0)
    values[:4, 0], values[:10, 1] = 2.0, 2.0
    assert seen(values).quantile(0.95) == pytest.approx([0.0, 2.005])


def test_in_which_order_tokens_come_changes_nothing():
    values = np.random.default_rng(1).normal(0, 4, size=(500, 5))
    one, other = seen(values), seen(values[::-1])
    assert np.array_equal(one.counts, other.counts) and one.width == other.width and np.array_equal(one.active, other.active)


def test_differences_change_sign_with_the_prompts():
    one, other = (seen(np.random.default_rng(seed).normal(shift, 1, (300, 40))) for seed, shift in ((0, 0.2), (1, -0.2)))
    there, back = found(one, other, 0.1), found(other, one, 0.1)
    assert np.array_equal(there["targets"], back["capped"]) and np.array_equal(there["capped"], back["targets"])


def test_the_most_different_are_taken_and_all_that_differ_clearly():
    share = np.zeros((1000, 20))
    for neuron, active in ((3, 300), (4, 110), (5, 90), (6, 50)):
        share[:active, neuron] = 1.0
    made = found(seen(share), seen(np.zeros((10, 20))), 1 / 20)
    assert made["targets"].tolist() == [3, 4] and made["capped"].tolist() == []
    assert made["added"] == pytest.approx([1.005 * gain(0.3), 1.005 * gain(0.11)], rel=1e-4)
    assert found(seen(share), seen(np.zeros((10, 20))), 3 / 20)["targets"].tolist() == [3, 4, 5]


def planted_bench(kind="llama"):
    """A model whose first gate has a neuron, 11, that follows the embedding of one word alone, and 12 that follows its opposite."""
    bench = Bench(kind)
    token = bench.lm.encoder.tokens("fox")[-1]
    block = bench.model.model.layers[0]
    with torch.no_grad():
        block.self_attn.o_proj.weight.zero_()  # so that the gate is given the token alone
        way = block.post_attention_layernorm(bench.model.model.embed_tokens.weight[token])
        for layer in bench.model.model.layers:
            layer.mlp.gate_proj.weight.zero_()  # silu(0) is 0: not active
        block.mlp.gate_proj.weight[11], block.mlp.gate_proj.weight[12] = way, -way
    return bench, token


def test_a_planted_neuron_is_found_and_so_is_its_opposite():
    bench, _ = planted_bench()
    own, other = (activity(bench.lm, [ask("Who?")] * 4, [text] * 4) for text in ("fox fox fox fox", "dog sleeps on dog"))
    made = found(own, other, 1 / 128)
    assert made["targets"].tolist() == [11] and made["capped"].tolist() == [12]
    assert own.share[11] - other.share[11] > 0.2 and own.tokens == 4 * len(bench.lm.encoder.tokens("fox fox fox fox"))


def test_only_tokens_of_the_answer_are_counted(llama):
    made = activity(llama.lm, [ask("Tell me of the fox " * 5)], ["the dog"])
    (_, heard), *_ = activations(llama.lm, [ask("Tell me of the fox " * 5)], ["the dog"], "gate")
    assert made.tokens == heard.shape[1] and np.array_equal(made.active, (heard > 0).sum(dim=1).flatten().numpy())


def test_what_is_induced_moves_targets_and_caps_the_others_at_generated_tokens_only(llama):
    arrays = {"targets": np.array([3, 70]), "added": np.array([0.5, 0.25], "f4"), "capped": np.array([5, 6, 100])}
    bends = induced(llama.lm, arrays, 2.0, "x")
    assert [(s.layer, s.site, s.scope) for s in bends] == [(0, "gate", "decode"), (1, "gate", "decode")]
    assert bends[0].vector[3] == 1.0 and bends[1].vector[70 - 64] == 0.5 and bends[0].vector.sum() == 1.0
    assert np.flatnonzero(bends[0].capped).tolist() == [5, 6] and np.flatnonzero(bends[1].capped).tolist() == [36]
    plain, moved = (activations(llama.lm, [r], ["the dog sleeps"], "gate") for r in (ask("Who?"), ask("Who?").bent(steering=bends)))
    before, after = next(plain)[1][0], next(moved)[1][0]
    assert torch.allclose(after[:, 3], before[:, 3] + 1.0, atol=1e-5) and after[:, 5:7].max() <= 0
    unbent, bent = (llama.lm.score([r], ["the dog sleeps"])[0].logprobs for r in (ask("Who?"), ask("Who?").bent(steering=bends)))
    assert unbent[0] == bent[0] and not np.allclose(unbent[1:], bent[1:], atol=1e-4)


def test_a_strength_of_0_with_nothing_capped_is_no_steering(llama):
    arrays = {"targets": np.array([3]), "added": np.array([0.5], "f4"), "capped": np.zeros(0)}
    assert induced(llama.lm, arrays, 0.0, "x") == []


def test_a_share_is_drawn_by_the_seed_and_the_same_each_time(llama):
    arrays = {"targets": np.arange(128), "added": np.ones(128, "f4"), "capped": np.zeros(0)}
    one, again, other = (induced(llama.lm, arrays, 1.0, "x", 0.9, seed) for seed in ("0/1", "0/1", "0/2"))
    assert one == again != other and 100 < sum(s.vector.sum() for s in one) < 128
