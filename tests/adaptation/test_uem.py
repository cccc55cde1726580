"""UEM: one vector for each record, each in sight of the others."""

import numpy as np
import pytest
import torch

from idiolect.adaptation.uem import UEM, UserEmbedding
from idiolect.training.encoder import drawn
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation

LEARNT = {"inner": 16, "epochs": 20, "lr": 1e-2}


def network(layers=1, norm=1.0):
    return drawn(lambda: UserEmbedding(32, 16, layers, 8, norm), 0).requires_grad_(False)


def some(records, seed=0):
    history = torch.randn(1, records, 2, 32, generator=torch.Generator().manual_seed(seed))
    return history, torch.ones(1, records, dtype=torch.bool), torch.zeros(1, 32)


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = UEM(**LEARNT)
    method.fit([ANN, BOB], shared_llama.lm)
    return method


def test_each_record_is_one_vector_and_only_the_last_are_taken(llama, fitted):
    ann, bob, nobody = fitted.enroll([ANN, BOB, NOBODY], llama.lm)
    assert [len(state.arrays["prefix"]) for state in (ann, bob, nobody)] == [6, 5, 0]
    short = UEM(**LEARNT, items=3)
    short.shared = fitted.shared
    assert len(short.enroll([ANN], llama.lm)[0].arrays["prefix"]) == 3


def test_vectors_stand_in_the_order_of_the_records():
    net, (history, there, asked) = network(), some(4)
    assert torch.allclose(net(history.flip(1), there, asked)[0].flip(0), net(history, there, asked)[0], atol=1e-5)


def test_a_records_vector_depends_on_the_others_and_with_no_layer_it_does_not():
    for layers, sees in ((1, True), (0, False)):
        net, (history, there, asked) = network(layers), some(4)
        other = history.clone()
        other[0, 3] += 1
        same = torch.allclose(net(history, there, asked)[0][0], net(other, there, asked)[0][0], atol=1e-6)
        assert same is not sees


def test_padding_is_not_seen_and_gives_no_vector():
    net, (history, there, asked) = network(2), some(5)
    there[0, 3:] = False
    made = net(history, there, asked)[0]
    assert made.shape == (3, 32) and torch.allclose(made, net(history[:, :3], there[:, :3], asked)[0], atol=1e-5)
    assert net(history, torch.zeros_like(there), asked)[0].shape == (0, 32)


def test_vectors_are_on_the_scale_of_the_models_own_embeddings():
    told = some(8)
    assert torch.allclose(5 * network(norm=1.0)(*told)[0], network(norm=5.0)(*told)[0], atol=1e-5)
    assert 0.2 < network(norm=1.0)(*told)[0].norm(dim=1).mean() < 2


def test_what_a_person_wrote_is_likelier_with_their_own_records_than_with_anothers(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    nats = {}
    for name, first, second in (("own", ann, bob), ("other", bob, ann)):
        asked = [(fitted.personalize(s, ask(r.prompt), llama.lm), r.answer) for s, u in ((first, ANN), (second, BOB)) for r in u.records]
        nats[name] = sum(score.nats for score in llama.lm.score(*zip(*asked, strict=True)))
    assert nats["own"] > nats["other"] + 1


def test_vectors_and_no_text_are_kept_and_told(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    bent = fitted.personalize(state, conversation(), llama.lm)
    assert not state.records and bent.messages == conversation().messages and not bent.because
    assert np.array_equal(bent.prefix.vectors, state.arrays["prefix"])


def test_nobody_and_whoever_comes_before_it_is_taught_change_nothing(llama, fitted):
    assert fitted.personalize(fitted.enroll([NOBODY], llama.lm)[0], ask("Of foxes?"), llama.lm) == ask("Of foxes?")
    fresh = UEM(**LEARNT)
    assert fresh.personalize(fresh.enroll([ANN], llama.lm)[0], ask("Of foxes?"), llama.lm) == ask("Of foxes?")
