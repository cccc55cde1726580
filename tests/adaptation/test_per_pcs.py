"""Per-Pcs: who shares, what is shared, and that a person's adapter is put together of the shared pieces alone."""

import numpy as np
import pytest

from idiolect.adaptation import per_pcs
from idiolect.adaptation.per_pcs import PerPcs
from idiolect.errors import DataError
from idiolect.store.states import dump
from idiolect.training.gates import Pool
from idiolect.types import User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, person

SMALL = {"rank": 2, "epochs": 2, "newest": 4, "shared_pairs": 6, "least": 3}


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = PerPcs(**SMALL)
    method.fit([ANN, BOB, CYD], shared_llama.lm)
    return method


def products(adapter):
    return {path: adapter.scale * b @ a for path, (a, b) in adapter.modules.items()}


def test_the_most_active_of_each_cluster_share_and_those_with_too_few_records_do_not(llama, monkeypatch):
    eve, few = person("dee", 9), person("cyd", 2)
    people = [few, ANN, BOB, User("eve", eve.records)]
    monkeypatch.setattr(per_pcs, "kmeans", lambda points, k, seed: {3: [0, 1, 0]}[len(points)])
    assert [user.id for user in PerPcs(**SMALL)._sharers(people, llama.lm)] == ["eve", "bob"]
    with pytest.raises(DataError, match="lower `least`"):
        PerPcs(least=10).fit([ANN, BOB], llama.lm)


def test_what_is_shared_is_weights_and_no_text_and_no_name(fitted):
    raw = dump(fitted.shared)
    assert not fitted.shared.records and not fitted.shared.text and fitted.shared.arrays
    assert not any(word in raw for word in (b"zq0", b"ann", b"bob", b"cyd", b"fox"))


def test_of_one_sharer_everybodys_own_adapter_is_that_sharers(llama):
    method = PerPcs(**SMALL | {"sharers": 1})
    method.fit([ANN], llama.lm)
    own = {path: held[0] for path, held in Pool.read(method.shared.arrays).b.items()}
    state = method.enroll([BOB], llama.lm)[0]
    (task, one), (pieces, share) = method.personalize(state, ask("Of foxes?"), llama.lm).adapters
    assert task is method.shared.adapter and one == share == 1.0
    assert all(np.allclose(b, own[path], atol=1e-6) for path, (_, b) in pieces.modules.items())


def test_the_adapter_in_use_is_the_exact_mixture_of_three_pieces_and_of_triple_rank(llama, fitted):
    state = fitted.enroll([ANN], llama.lm)[0]
    pool, shares = Pool.read(fitted.shared.arrays), state.arrays["shares"]
    pieces = fitted.personalize(state, ask("Of foxes?"), llama.lm).adapters[1][0]
    for path, row in zip(pool.paths, shares, strict=True):
        wanted = sum(row[i] * pool.b[path][i] @ pool.a[path][i] for i in range(3))
        assert len(pieces.modules[path][0]) == 6 and np.allclose(products(pieces)[path], wanted, atol=1e-6)
    strict = PerPcs(**SMALL | {"strict": True})
    strict.shared = fitted.shared
    assert len(strict.personalize(state, ask("Of foxes?"), llama.lm).adapters[1][0].modules[pool.paths[0]][0]) == 2


def test_nothing_is_trained_for_a_target(llama, fitted, monkeypatch):
    def trains(*args, **options):
        raise AssertionError("trained")

    monkeypatch.setattr("idiolect.training.adam.Adam.step", trains)
    assert fitted.enroll([ANN, BOB], llama.lm)[1].arrays["shares"].any()


def test_of_nobody_only_what_all_share_is_used_and_a_state_is_a_few_numbers(llama, fitted):
    nobody, ann = fitted.enroll([NOBODY, ANN], llama.lm)
    assert fitted.personalize(nobody, ask("Of foxes?"), llama.lm).adapters == ((fitted.shared.adapter, 1.0),)
    assert ann.adapter is None and ann.arrays["shares"].shape == (4, 3)
