"""PERSOMA: any number of records becomes the same few vectors."""

import numpy as np
import pytest
import torch

from idiolect.adaptation.persoma import PERSOMA, Resampler
from idiolect.training.encoder import drawn
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, conversation

LEARNT = {"inner": 16, "epochs": 20, "lr": 1e-2, "length": 2}


def network(norm=1.0):
    return drawn(lambda: Resampler(32, 16, 4, norm), 0).requires_grad_(False)


def some(records, seed=0):
    history = torch.randn(1, records, 2, 32, generator=torch.Generator().manual_seed(seed))
    return history, torch.ones(1, records, dtype=torch.bool), torch.zeros(1, 32)


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = PERSOMA(**LEARNT)
    method.fit([ANN, BOB], shared_llama.lm)
    return method


def test_however_many_records_there_are_the_vectors_are_as_many_as_asked_for(llama, fitted):
    for state in fitted.enroll([ANN, BOB, CYD, NOBODY], llama.lm):
        assert state.arrays["prefix"].shape == (2, 32)


def test_the_order_of_the_records_says_nothing_and_each_of_them_counts():
    net, (history, there, asked) = network(), some(5)
    made = net(history, there, asked)[0]
    assert torch.allclose(made, net(history.flip(1), there, asked)[0], atol=1e-5)
    for record in range(5):
        other = history.clone()
        other[0, record] += 1
        assert not torch.allclose(made, net(other, there, asked)[0], atol=1e-4)


def test_padding_is_not_looked_at():
    net, (history, there, asked) = network(), some(5)
    there[0, 3:] = False
    assert torch.allclose(net(history, there, asked)[0], net(history[:, :3], there[:, :3], asked)[0], atol=1e-5)


def test_without_records_everybodys_queries_speak_alike_for_all(llama, fitted):
    nobody, again = fitted.enroll([NOBODY, NOBODY], llama.lm)
    assert np.array_equal(nobody.arrays["prefix"], again.arrays["prefix"]) and nobody.arrays["prefix"].any()
    assert not np.allclose(nobody.arrays["prefix"], fitted.enroll([ANN], llama.lm)[0].arrays["prefix"])


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


def test_before_everybody_has_taught_it_nothing_is_bent(llama):
    fresh = PERSOMA(**LEARNT)
    assert fresh.personalize(fresh.enroll([ANN], llama.lm)[0], ask("Of foxes?"), llama.lm) == ask("Of foxes?")
