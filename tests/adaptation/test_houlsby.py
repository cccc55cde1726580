"""Houlsby: a network of the person's own behind each sub-layer, over an adapter that everybody taught, kept and loaded as it is."""

import pytest

from idiolect.adaptation.houlsby import Houlsby
from idiolect.store.states import dump, load
from idiolect.types import ask
from tests.conformance.people import ANN, BOB, NOBODY

SMALL = {"k": 0, "size": 4, "task_rank": 2, "lr": 1e-2, "epochs": 6, "shared_pairs": 6}


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = Houlsby(**SMALL)
    method.fit([ANN, BOB], shared_llama.lm)
    return method


def nats(lm, request, user):
    return sum(score.nats for score in lm.score([request] * len(user.records), [record.answer for record in user.records]))


def test_the_request_carries_the_task_and_bottlenecks_behind_both_sub_layers(llama, fitted):
    request = fitted.personalize(fitted.enroll([ANN], llama.lm)[0], ask("Of foxes?"), llama.lm)
    (task, _), (own, share) = request.adapters
    assert (task.name, task.activation, own.name, own.activation, share) == ("task", "none", "own", "relu", 1.0)
    assert {path.rpartition(".")[2] for path in own.modules} == {"o_proj", "down_proj"}
    assert all(len(a) == 4 + 1 for a, _ in own.modules.values())


def test_what_a_person_wrote_becomes_likelier_under_their_own_than_under_anothers(llama, fitted):
    ann, bob = fitted.enroll([ANN, BOB], llama.lm)
    asked = ask(ANN.records[2].prompt)
    own, other = (nats(llama.lm, fitted.personalize(state, asked, llama.lm), ANN) for state in (ann, bob))
    assert own > other


def test_somebody_without_records_is_answered_as_by_the_task_alone(llama, fitted):
    asked = ask("Of foxes?", max_tokens=6)
    bent = fitted.personalize(fitted.enroll([NOBODY], llama.lm)[0], asked, llama.lm)
    task = asked.bent(adapters={fitted.shared.adapter: 1.0})
    assert nats(llama.lm, bent, ANN) == nats(llama.lm, task, ANN)


def test_the_lighter_adapter_stands_behind_the_feed_forward_alone(llama):
    state = Houlsby(**SMALL, modules=("down_proj",)).enroll([ANN], llama.lm)[0]
    assert {path.rpartition(".")[2] for path in state.adapter.modules} == {"down_proj"}


def test_what_is_kept_comes_back_with_its_activation_and_lies_in_no_row_of_loras(llama, fitted):
    state, rows = fitted.enroll([ANN], llama.lm)[0], []
    back = load(dump(state, rows), rows)
    assert back.adapter == state.adapter and back.adapter.activation == "relu" and not rows
    asked = ask("Of foxes?", max_tokens=6)
    one, other = (llama.lm.generate([fitted.personalize(kept, asked, llama.lm)]) for kept in (state, back))
    assert one == other
