"""A prompt for each user: who is generic, who moves whom, what it is compared with, and where it is plain DPO."""

import math

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError, RequestError
from idiolect.training import wave
from idiolect.training.loop import Plan, as_completed
from idiolect.training.preference import DPO, prefer
from idiolect.training.sft import lora
from idiolect.training.user_prompts import Everybody, Table, everybody, own, prompt
from idiolect.types import Prefix, ask
from tests.training.conftest import near

PLAN = Plan(lr=1e-2, epochs=3, batch=4, weight_decay=0.0, warmup=0.0)
FOX, DOG = "the fox sleeps", "a dog runs on"
KINDS = (Table(3), Table(3, clusters=2))


def preferring(taken, left, count=3):
    return [(ask(f"Question {i}?"), f"{taken} {i}", f"{left} {i}") for i in range(count)]


ANN, BOB = preferring(FOX, DOG), preferring(DOG, FOX)


def learner_of(llama, owners, table=KINDS[0]):
    return Everybody(llama.lm, lora(llama.lm, 1, 2, 4.0, ("q_proj", "v_proj"), PLAN), owners, table, 0)


def gradients(llama, learner, items, rows):
    """Of one step's loss on these rows of a job, by the users' own numbers."""
    parameters = learner.start(1)
    bends = learner.bend(llama.lm.bends([items[row][0] for row in rows]), parameters, torch.zeros(len(rows)), torch.tensor(rows))
    encoded = [llama.lm.encode(items[row][0], items[row][1], end=True) for row in rows]
    llama.lm.answer_logprobs(encoded, bends)[0].sum().backward()
    return parameters["own"].grad[0]


@pytest.fixture
def losses(monkeypatch):
    seen, real = [], wave.loss_of
    monkeypatch.setattr(wave, "loss_of", lambda *given: [seen.append(float((made := real(*given)).detach().mean())), made][1])
    return seen


@pytest.mark.parametrize("table", KINDS)
def test_whoever_is_in_no_row_is_moved_by_none_and_generic_rows_move_nobody(llama, table):
    learner = learner_of(llama, [0, -1, 2, -1], table)
    moved = gradients(llama, learner, [*ANN, *BOB], [0, 1])
    assert moved[0].abs().max() > 0 and not moved[1].any() and not moved[2].any()
    assert not gradients(llama, learner, [*ANN, *BOB], [1, 3]).any()


@pytest.mark.parametrize("table", KINDS)
def test_without_numbers_of_their_own_everybody_is_the_generic_user(llama, table):
    learner = learner_of(llama, [0, -1], table)
    bends = learner.bend(llama.lm.bends([ask("q"), ask("q")]), learner.start(1), torch.zeros(2), torch.tensor([0, 1]))
    assert torch.equal(*bends.prefixes) and bends.prefixes[0].shape == (3, 32)


def test_prompts_start_at_tokens_of_the_vocabulary(llama):
    words = llama.lm.engine.embedding.weight
    assert all((words == vector).all(dim=1).any() for vector in learner_of(llama, [0]).begun[0])


def test_with_one_cluster_all_users_are_identical_whatever_their_numbers(llama):
    arrays = {"generic": np.zeros(1, np.float32), "clusters": np.ones((1, 3, 32), np.float32)}
    assert (prompt(arrays, np.array([5.0], np.float32)) == prompt(arrays, None)).all()


def test_clusters_are_mixed_by_the_softmax_of_the_weights(llama):
    clusters = np.stack([np.full((1, 2), one, np.float32) for one in (0.0, 4.0)])
    arrays = {"generic": np.array([0.0, math.log(3)], np.float32), "clusters": clusters}
    assert prompt(arrays, None) == pytest.approx(np.full((1, 2), 3.0))
    assert prompt(arrays, np.array([math.log(3), 0.0], np.float32)) == pytest.approx(np.full((1, 2), 2.0))


def test_without_vectors_it_is_plain_dpo_on_each_preference_twice(llama):
    made, _ = everybody(llama.lm, ANN, [0] * 3, Table(0), DPO(0.5), 2, PLAN)
    plain = prefer(llama.lm, [[one for one in ANN for _ in range(2)]], DPO(0.5), rank=2, alpha=4.0, plan=PLAN)[0]
    assert near(made, plain)


def test_where_only_the_generic_user_counts_nobodys_own_numbers_move(llama):
    learner = learner_of(llama, [0, -1] * 3)
    twice = [one for one in ANN for _ in range(2)]
    [(_, trained)] = as_completed(llama.lm, [twice], learner, PLAN, None, DPO(weights=(0.0, 2.0)))
    assert not trained["own"].any() and (trained["generic"] != learner.begun[0]).any()


@pytest.mark.parametrize("clusters", [0, 2])
def test_as_anybodys_it_does_not_matter_whose_a_preference_is_and_as_its_users_it_does(llama, clusters):
    whose = ([0, 0, 0], [0, 1, 2])
    anybodys = [everybody(llama.lm, ANN, owners, Table(3, clusters, share=0.0), DPO(0.5), 2, PLAN) for owners in whose]
    assert near(anybodys[0][0], anybodys[1][0]) and np.allclose(anybodys[0][1]["generic"], anybodys[1][1]["generic"], atol=1e-5)
    users = [everybody(llama.lm, ANN, owners, Table(3, clusters, share=1.0), DPO(0.5), 2, PLAN) for owners in whose]
    assert not near(users[0][0], users[1][0]) and not near(users[0][0], anybodys[0][0])


@pytest.mark.parametrize("table", KINDS)
def test_the_reference_sees_neither_prompt_nor_adapter(llama, losses, table):
    """So that training does not start at the logarithm of 2, the prompt being there, and starts there for an empty one."""
    everybody(llama.lm, ANN, [0] * 3, table, DPO(0.5), 2, Plan(epochs=1))
    assert abs(losses[0] - math.log(2)) > 1e-4
    losses.clear()
    everybody(llama.lm, ANN, [0] * 3, Table(0), DPO(0.5), 2, Plan(epochs=1))
    assert losses[0] == pytest.approx(math.log(2), abs=1e-5)


def nats(lm, pairs, adapter, vectors):
    requests = [request.bent(adapters={adapter: 1.0}, prefix=Prefix(vectors)) for request, *_ in pairs]
    return np.array([score.nats for score in lm.score(requests, [chosen for _, chosen, _ in pairs])])


def margin(lm, pairs, adapter, vectors):
    turned = [(request, left, taken) for request, taken, left in pairs]
    return float(np.mean(nats(lm, pairs, adapter, vectors) - nats(lm, turned, adapter, vectors)))


@pytest.mark.parametrize("table", [Table(4), Table(4, clusters=3)])
def test_two_people_of_opposite_tastes_are_told_apart_and_swapped_they_swap(llama, table):
    adapter, arrays = everybody(llama.lm, [*ANN, *BOB], [0] * 3 + [1] * 3, table, DPO(0.5), 4, Plan(lr=2e-2, epochs=20, weight_decay=0.0))
    plan = Plan(lr=5e-2, epochs=15, weight_decay=0.0)
    ann, bob = own(llama.lm, [ANN, BOB], adapter, arrays, DPO(0.5), plan)
    here, there = (margin(llama.lm, ANN, adapter, prompt(arrays, one)) for one in (ann, bob))
    assert here > there + 1
    swapped = own(llama.lm, [BOB, ANN], adapter, arrays, DPO(0.5), plan)
    assert np.allclose(swapped[1], ann, atol=1e-4) and np.allclose(swapped[0], bob, atol=1e-4)


def test_each_person_alone_is_what_they_are_among_others_and_nobody_stays_generic(llama):
    adapter, arrays = everybody(llama.lm, ANN, [0] * 3, Table(3), DPO(), 2, PLAN)
    ann, nobody, bob = own(llama.lm, [ANN, [], BOB], adapter, arrays, DPO(), PLAN)
    assert not nobody.any() and (prompt(arrays, nobody) == prompt(arrays, None)).all()
    assert np.allclose(own(llama.lm, [BOB], adapter, arrays, DPO(), PLAN)[0], bob, atol=1e-5) and np.abs(ann - bob).max() > 1e-3


@pytest.mark.parametrize("wrong", [{"length": -1}, {"clusters": -1}, {"share": 1.5}])
def test_a_table_out_of_range_is_refused_with_its_values(wrong):
    with pytest.raises(RequestError, match="out of range"):
        Table(**wrong)


def test_a_prompt_that_does_not_fit_the_window_is_refused(llama):
    with pytest.raises(ModelError, match="does not fit a window of 256"):
        everybody(llama.lm, ANN, [0] * 3, Table(128), DPO(), 2, PLAN)
