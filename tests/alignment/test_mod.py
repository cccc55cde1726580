"""MOD: the closed form of the reverse divergence, experts alone and alike, and what a wrong rule would choose."""

import numpy as np
import pytest
import torch

from idiolect.alignment.mod import MOD
from idiolect.errors import RequestError
from idiolect.models.join import Blend, join
from idiolect.training.rewards import Scale
from idiolect.training.specialized import kept
from idiolect.types import Adapter, State, ask
from tests.models.test_local_bends import last_logits

QUESTION = ask("Write a title on foxes:", max_tokens=8)
ANSWER = "the dog sleeps"
ONE, OTHER = (0.7, 0.2, 0.1), (0.1, 0.3, 0.6)


def experts(parts, **settings):
    made = MOD(objectives=("brief", "thorough", "simple")[: len(parts)], **settings)
    made.shared = kept(Scale(np.zeros(len(parts)), np.ones(len(parts))), parts)
    return made


def nats(lm, request):
    return np.array(lm.score([request], [ANSWER])[0].logprobs)


@pytest.mark.parametrize(
    ("rule", "wanted"), [("geometric", (0.3507, 0.3247, 0.3247)), ("harmonic", (0.2984, 0.4093, 0.2923)), ("arithmetic", (0.4, 0.25, 0.35))]
)
def test_the_rules_join_two_experts_as_published(rule, wanted):
    made = join(torch.tensor([ONE, OTHER]).log(), [Blend((0.5, 0.5), rule)]).exp()[0]
    assert made.tolist() == pytest.approx(wanted, abs=1e-4)


def test_the_geometric_mean_is_the_best_there_is_by_the_weighted_reverse_divergence():
    chance, weights, parts = np.random.default_rng(0), np.array([0.3, 0.7]), np.array([ONE, OTHER])

    def divergence(policy):
        return sum(w * (policy * np.log(policy / own)).sum() for w, own in zip(weights, parts, strict=True))

    best = join(torch.tensor(parts).log(), [Blend((0.3, 0.7))]).exp()[0].numpy()
    for _ in range(300):
        other = best * np.exp(0.3 * chance.normal(size=3))
        assert divergence(other / other.sum()) >= divergence(best) - 1e-7


def test_every_next_token_is_the_normalized_product_of_the_experts_powers(llama):
    parts = [llama.adapter(1), llama.adapter(2)]
    bent = experts(parts).personalize(State(), QUESTION.weighing({"brief": 0.3, "thorough": 0.7}), llama.lm)
    said = [last_logits(llama, QUESTION.bent(adapters={one: 1.0}), ANSWER).log_softmax(-1) for one in parts]
    joined = (0.3 * said[0] + 0.7 * said[1]).log_softmax(-1)
    tokens = llama.lm.encode(QUESTION, ANSWER).ids[-len(joined) :]
    assert nats(llama.lm, bent) == pytest.approx([float(line[token]) for line, token in zip(joined, tokens, strict=True)], abs=1e-4)


def test_a_weight_of_one_is_the_expert_itself_without_a_guide(llama):
    parts = [llama.adapter(1), llama.adapter(2)]
    made = experts(parts).personalize(State(), QUESTION.weighing({"brief": 0.0, "thorough": 1.0}), llama.lm)
    assert made.guide is None and made.adapters == ((parts[1], 1.0),)


def test_an_expert_of_weight_0_is_not_asked(llama):
    parts = [llama.adapter(seed) for seed in (1, 2, 3)]
    made = experts(parts).personalize(State(), QUESTION.weighing({"brief": 0.0, "thorough": 1.0, "simple": 3.0}), llama.lm)
    assert made.adapters == ((parts[1], 1.0),) and len(made.guide.companions) == 1 and made.guide.weights == (0.25, 0.75)


def test_experts_that_are_alike_answer_as_one(llama):
    parts = [llama.adapter(1), Adapter(llama.adapter(1).modules, 0.5, "again")]
    made = experts(parts).personalize(State(), QUESTION.weighing({"brief": 0.3, "thorough": 0.7}), llama.lm)
    assert nats(llama.lm, made) == pytest.approx(nats(llama.lm, QUESTION.bent(adapters={parts[0]: 1.0})), abs=1e-4)


def test_a_rule_is_a_setting_and_a_wrong_one_is_refused(llama):
    parts = [llama.adapter(1), llama.adapter(2)]
    made = [nats(llama.lm, experts(parts, rule=rule).personalize(State(), QUESTION, llama.lm)) for rule in ("geometric", "arithmetic")]
    assert not np.allclose(*made, atol=1e-3)
    with pytest.raises(RequestError, match="rule"):
        llama.lm.generate([experts(parts, rule="mean").personalize(State(), QUESTION, llama.lm)])
