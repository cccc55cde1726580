"""ProfileToAdapter: whose adapter it writes, from what, and what is kept."""

import numpy as np
import pytest
import torch

from idiolect.adaptation.profile_to_adapter import Hypernetwork, ProfileToAdapter
from idiolect.store.states import dump
from idiolect.training import encoder
from idiolect.training.encoder import drawn
from idiolect.training.lessons import last_vectors
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY

SMALL = {"rank": 2, "traits": 3, "epochs": 2, "shared_pairs": 8}
LEARNT = {"rank": 4, "traits": 4, "epochs": 30, "lr": 1e-2, "k": 0}
PATHS = {"one": (32, 16), "two": (8, 32)}


def network():
    """Random throughout, where a fresh one has zeros in every B."""
    made = drawn(lambda: Hypernetwork(32, PATHS, 2, 3), 0).requires_grad_(False)
    for up in made.up:
        up.copy_(torch.randn(up.shape, generator=torch.Generator().manual_seed(1)))
    return made


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = ProfileToAdapter(**LEARNT)
    method.fit([ANN, BOB], shared_llama.lm)
    return method


def factors(adapter):
    return [factor for pair in adapter.modules.values() for factor in pair]


def test_the_adapter_of_some_traits_is_everybodys_and_as_much_of_each_traits_own():
    made, z = network(), torch.tensor([[0.5, -1.0, 0.25]])
    for (a, b), down, up in zip(made.factors(z).values(), made.down, made.up, strict=True):
        assert torch.equal(a[0], down)
        assert torch.allclose(b[0], up[0] + 0.5 * up[1] - up[2] + 0.25 * up[3], atol=1e-6)


def test_a_person_of_whom_nothing_is_known_has_everybodys_adapter_to_the_bit(llama, fitted):
    nobody, ann = fitted.enroll([NOBODY, ANN], llama.lm)
    assert not nobody.arrays["traits"].any() and ann.arrays["traits"].any()
    adapter = fitted.personalize(nobody, ask("Of foxes?"), llama.lm).adapters[0][0]
    for number, (a, b) in enumerate(adapter.modules.values()):
        assert np.array_equal(a, fitted.shared.arrays[f"down.{number}"])
        assert np.array_equal(b, fitted.shared.arrays[f"up.{number}"][0].T)


def test_a_persons_traits_do_not_hang_on_the_order_or_the_number_of_their_records():
    made, history = network(), torch.randn(1, 6, 2, 32, generator=torch.Generator().manual_seed(2))
    there = torch.ones(1, 6, dtype=torch.bool)
    one = made.traits(history, there)
    assert torch.allclose(one, made.traits(history.flip(1), there), atol=1e-6)
    assert torch.allclose(one, made.traits(torch.cat([history, history], dim=1), torch.cat([there, there], dim=1)), atol=1e-6)
    padded = torch.cat([history, torch.full((1, 2, 2, 32), 9.0)], dim=1), torch.cat([there, ~there[:, :2]], dim=1)
    assert torch.allclose(one, made.traits(*padded), atol=1e-6)


def test_the_adapter_at_use_is_the_one_that_the_network_was_trained_with(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    net = encoder.restored(fitted._network(llama.lm), fitted.shared.arrays)
    trained = net(*net.told(last_vectors(llama.lm, [ANN], fitted.items, fitted.depth)))
    adapter, share = fitted.personalize(state, ask("Of foxes?"), llama.lm).adapters[0]
    assert share == adapter.scale == 1.0 and adapter.modules.keys() == trained.keys()
    for path, (a, b) in trained.items():
        assert np.allclose(adapter.modules[path][0], a[0], atol=1e-6) and np.allclose(adapter.modules[path][1], b[0].T, atol=1e-5)


def test_what_a_person_wrote_is_likelier_with_their_own_adapter_than_with_anothers(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    nats = {}
    for name, first, second in (("own", ann, bob), ("other", bob, ann)):
        asked = [(fitted.personalize(s, ask(r.prompt), llama.lm), r.answer) for s, u in ((first, ANN), (second, BOB)) for r in u.records]
        nats[name] = sum(score.nats for score in llama.lm.score(*zip(*asked, strict=True)))
    assert nats["own"] > nats["other"] + 1


def test_a_newcomer_is_learnt_without_training(llama, fitted, monkeypatch):
    monkeypatch.setattr(encoder, "teach", None)
    monkeypatch.setattr(llama.lm, "answer_logprobs", None)
    state = fitted.enroll([CYD], llama.lm)[0]
    own = fitted.personalize(state, ask("Of dogs?"), llama.lm).adapters[0][0]
    other = fitted.personalize(fitted.enroll([ANN], llama.lm)[0], ask("Of dogs?"), llama.lm).adapters[0][0]
    assert any(not np.array_equal(one, two) for one, two in zip(factors(own), factors(other), strict=True))


def test_a_few_numbers_are_all_that_is_kept_of_a_persons_weights(llama, fitted):
    state, nobody = fitted.enroll([ANN, NOBODY], llama.lm)
    assert state.arrays["traits"].shape == (4,) and state.adapter is None and len(dump(nobody)) < 400


def test_quoted_records_are_the_persons_nearest(llama):
    method = ProfileToAdapter(**SMALL, k=1)
    state = method.enroll([ANN], llama.lm)[0]
    target = ANN.records[2]
    assert method.personalize(state, ask(target.prompt), llama.lm).because == (f"record:{target.id}",)


def test_before_everybody_has_taught_it_no_weights_are_bent(llama):
    method = ProfileToAdapter(**SMALL)
    assert not method.personalize(method.enroll([ANN], llama.lm)[0], ask("Of foxes?"), llama.lm).adapters
