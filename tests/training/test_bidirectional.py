"""Bidirectional preference optimization: what the loss is at 0, that both signs agree, and that people are learnt together as alone."""

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError
from idiolect.models.encode import Encoded
from idiolect.models.scripted import ScriptedLM
from idiolect.training.bidirectional import BothWays, Direction, bidirectional
from idiolect.training.branches import logprobs
from idiolect.training.objective import Example, encoded, loss_of
from idiolect.training.preference import DPO
from idiolect.types import ask
from tests.tiny_models import Bench

PLAN = BothWays(lr=2e-2, epochs=6, batch=2, weight_decay=0.0)
WORDS = ("the fox sleeps", "dogs", "a café on the street", "of models", "dates and people")


def preferred(person, count):
    """Questions, each with an answer of the person's own and another one."""
    return [
        (ask(f"Question {i} {'of the fox ' * (i % 2)}"), f"{person} {WORDS[i % 5]}", f"anybody {WORDS[(i + 1) % 5]}") for i in range(count)
    ]


def loss(lm, examples, learner, vector, turned):
    """The mean loss of examples under a vector, as they are or turned round, as training takes it."""
    half = len(examples)
    rows = [(i + half * turned, example) for i, example in enumerate(examples)]
    if turned:
        rows = [(place, Example(e.request, e.rows[::-1], place, e.reference.flip(0))) for place, e in rows]
    places = torch.tensor([place for place, _ in rows])
    bends = learner.bend(lm.bends([e.request for _, e in rows]), {"vector": vector[None]}, torch.zeros_like(places), places)
    kept = [example for _, example in rows]
    two = [i for i in range(half) for _ in range(2)]
    return loss_of(DPO(0.1), kept, logprobs(lm.engine, kept, bends.rows(torch.tensor(two)), False)).mean()


def with_references(lm, examples):
    with torch.no_grad():
        for example in examples:
            example.reference = logprobs(lm.engine, [example], lm.bends([example.request] * 2), False)[0]
    return examples


def test_at_zero_the_loss_is_log_2_and_both_signs_have_the_same_gradient(llama):
    lm, own = llama.lm, preferred("ann", 3)
    examples = with_references(lm, [Example(r, encoded(lm, r, both, 0), i) for i, (r, *both) in enumerate(own)])
    learner, slopes = Direction(lm, 0, [3]), []
    for turned in (False, True):
        vector = torch.zeros(32, requires_grad=True)
        made = loss(lm, examples, learner, vector, turned)
        made.backward()
        assert made.item() == pytest.approx(np.log(2), abs=1e-5)
        slopes.append(vector.grad)
    assert torch.allclose(*slopes, atol=1e-6) and slopes[0].norm() > 1e-3
    assert all(parameter.grad is None for parameter in lm.model.parameters())


def test_where_logits_are_linear_in_the_vector_both_signs_have_the_same_loss_at_any_vector():
    lm = Bench("llama").lm
    lm.model.model.norm = torch.nn.Identity()  # behind the last block nothing but the head: answers of one token, logits W (h + v)
    prompt = lm.encode(ask("Who?")).ids
    examples = [Example(ask("Who?"), tuple(Encoded((*prompt, token), 1) for token in two), i) for i, two in enumerate(((7, 90), (30, 12)))]
    examples, learner = with_references(lm, examples), Direction(lm, 1, [2])
    for seed in range(3):
        vector = torch.randn(32, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            as_is, turned = (loss(lm, examples, learner, vector, way).item() for way in (False, True))
        assert as_is == pytest.approx(turned, abs=1e-5) and abs(as_is - np.log(2)) > 1e-3


def test_a_step_takes_all_of_its_examples_from_one_half_and_an_epoch_each_example_once():
    plan = BothWays(epochs=8, batch=2, seed=3)
    schedule = plan.schedule(10)
    assert len(schedule) == plan.steps(10) == 8 * 3
    assert all(len({place >= 5 for place in step}) == 1 for step in schedule)
    assert {place >= 5 for step in schedule for place in step} == {True, False}
    for epoch in range(8):
        assert sorted(place % 5 for step in schedule[3 * epoch : 3 * epoch + 3] for place in step) == list(range(5))
    assert schedule == plan.schedule(10) != BothWays(epochs=8, batch=2, seed=4).schedule(10)


def test_what_is_held_out_is_held_out_both_ways_round():
    trained, held = BothWays(held=0.4).split(10)
    assert len(trained) == 3 and len(held) == 4 and {place % 5 for place in held} == set(range(5)) - set(trained)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_adding_the_vector_prefers_the_chosen_answers_and_subtracting_it_the_rejected(kind, request):
    from idiolect.types import Steering

    lm, own = request.getfixturevalue(kind).lm, preferred("ann", 4)
    vector = bidirectional(lm, [own], 0, 0.5, BothWays(lr=5e-2, epochs=20, weight_decay=0.0))[0]
    ahead = []
    for strength in (-1.0, 0.0, 1.0):
        asked = [question.bent(steering=[Steering(0, strength * vector, "all")]) for question, *_ in own]
        mine, other = (lm.score(asked, [both[side] for _, *both in own]) for side in (0, 1))
        ahead.append(sum(one.nats - two.nats for one, two in zip(mine, other, strict=True)))
    assert ahead[0] < ahead[1] - 1 and ahead[1] + 1 < ahead[2]


def test_people_learnt_together_are_what_each_is_alone_and_who_prefers_nothing_keeps_zero(llama):
    jobs = [preferred(f"person {i}", count) for i, count in enumerate((5, 0, 2))]
    together = bidirectional(llama.lm, jobs, 1, 0.1, PLAN)
    for own, vector in zip(jobs, together, strict=True):
        alone = bidirectional(llama.lm, [own], 1, 0.1, PLAN)[0]
        assert np.quantile(np.abs(vector - alone), 0.95) < 1e-4 and np.abs(vector - alone).max() < 2e-2
    assert not together[1].any() and together[0].any() and not np.allclose(together[0], together[2], atol=1e-2)


def test_a_model_without_weights_is_refused():
    with pytest.raises(ModelError, match=r"direction.*scripted"):
        bidirectional(ScriptedLM(can=["steering", "train"]), [preferred("ann", 2)], 0, 0.1, PLAN)
