"""PPlug: what the person's vector is made of, and how it follows what is asked."""

import numpy as np
import pytest
import torch

from idiolect.adaptation.pplug import Plug, PPlug
from idiolect.training.encoder import drawn
from idiolect.types import Record, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, conversation, marks, text_of

SMALL = {"hidden": 16, "epochs": 2, "shared_pairs": 8}
LEARNT = {"hidden": 16, "epochs": 30, "lr": 1e-2}


def plug(sharpness=4.0, norm=1.0):
    return drawn(lambda: Plug(32, 16, 1, sharpness, norm), 0).requires_grad_(False)


def some(records, seed=0):
    """history, there, asked: random and standardized already."""
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(1, records, 2, 32, generator=chance), torch.ones(1, records, dtype=torch.bool), torch.randn(1, 32, generator=chance)


def persona(network, *told):
    return network(*told)[0][-1]


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = PPlug(**LEARNT)
    method.fit([ANN, BOB], shared_llama.lm)
    return method


def test_where_all_records_are_alike_to_what_is_asked_the_vector_is_the_mean_of_the_projected_records():
    network, (history, there, asked) = plug(sharpness=0.0), some(5)
    assert torch.allclose(persona(network, history, there, asked), network.project(history.flatten(2))[0].mean(dim=0), atol=1e-6)


def test_the_order_of_the_records_says_nothing():
    network, (history, there, asked) = plug(), some(6)
    assert torch.allclose(persona(network, history, there, asked), persona(network, history.flip(1), there, asked), atol=1e-6)


def test_a_single_record_is_projected_whatever_is_asked():
    network, (history, there, asked) = plug(), some(1)
    assert torch.allclose(persona(network, history, there, asked), persona(network, history, there, -3 * asked), atol=1e-6)
    assert torch.allclose(persona(network, history, there, asked), network.project(history.flatten(2))[0, 0], atol=1e-6)


def test_the_record_that_was_asked_alike_counts_most():
    network, (history, there, _) = plug(), some(5)
    weights = network.weights(history, there, history[:, 3, 0])
    assert weights.argmax() == 3 and weights.sum() == pytest.approx(1)


def test_padding_counts_for_nothing_and_nobodys_vector_is_zero():
    network, (history, there, asked) = plug(), some(4)
    there[0, 2:] = False
    assert torch.allclose(persona(network, history, there, asked), persona(network, history[:, :2], there[:, :2], asked), atol=1e-6)
    assert not persona(network, history, torch.zeros_like(there), asked).any()


def test_vectors_are_on_the_scale_of_the_models_own_embeddings():
    told = some(4)
    once, large = plug(norm=1.0)(*told)[0], plug(norm=7.0)(*told)[0]
    assert torch.allclose(7 * once, large, atol=1e-5)
    assert large[0].norm() == pytest.approx(7.0, rel=1e-5)


def test_what_a_person_wrote_is_likelier_with_their_own_records_than_with_anothers(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    nats = {}
    for name, first, second in (("own", ann, bob), ("other", bob, ann)):
        asked = [(fitted.personalize(s, ask(r.prompt), llama.lm), r.answer) for s, u in ((first, ANN), (second, BOB)) for r in u.records]
        nats[name] = sum(score.nats for score in llama.lm.score(*zip(*asked, strict=True)))
    assert nats["own"] > nats["other"] + 1


def test_another_question_gives_another_vector_and_the_same_words(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    one, other = (fitted.personalize(state, ask(text), llama.lm) for text in ("Of foxes and of their sleep?", "Write the subject line"))
    assert one.prefix.vectors.shape == (2, 32) and not np.array_equal(one.prefix.vectors[1], other.prefix.vectors[1])
    assert np.array_equal(one.prefix.vectors[0], other.prefix.vectors[0])
    assert fitted.personalize(state, conversation(), llama.lm).messages == conversation().messages


def test_numbers_are_kept_of_a_person_and_no_text_unless_records_are_quoted(llama):
    plain, quoting = PPlug(**SMALL, items=4), PPlug(**SMALL, k=2)
    kept, with_text = plain.enroll([ANN], llama.lm)[0], quoting.enroll([ANN], llama.lm)[0]
    assert kept.arrays["history"].shape == (4, 2, 32) and not kept.records
    quoting.fit([ANN, BOB], llama.lm)
    assert len(marks(text_of(quoting.personalize(with_text, ask("Of foxes?"), llama.lm)))) == 2


def test_before_everybody_has_taught_it_nothing_is_bent(llama):
    method = PPlug(**SMALL)
    assert method.personalize(method.enroll([ANN], llama.lm)[0], conversation(), llama.lm) == conversation()


def test_nobody_and_a_newcomer_with_one_record_differ_in_the_persons_vector_only(llama, fitted):
    nobody, one = fitted.enroll([NOBODY, User("new", [Record("Of foxes?", "the fox")])], llama.lm)
    plain, told = (fitted.personalize(state, ask("Of dogs?"), llama.lm).prefix.vectors for state in (nobody, one))
    assert np.array_equal(plain[0], told[0]) and not plain[1].any() and told[1].any()
