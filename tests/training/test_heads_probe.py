"""Probes of attention heads on planted directions, against scikit-learn's, and moves against what was read."""

import numpy as np
import pytest

from idiolect.models.activations import activations
from idiolect.training.heads_probe import accuracies, best_heads, last_heads, logistic, moved, shifts
from idiolect.types import Steering, ask
from tests.models.conftest import KINDS

REQUESTS, ANSWERS = [ask("Who?"), ask("Tell me of the fox")], ["the dog", "me and the café on the street"]


def planted(records=40, heads=((1, 2), (2, 0)), strength=3.0, seed=0):
    """Random states of 3 blocks of 4 heads, 8 wide, two texts a record, the person's first; some heads carry which is which."""
    random = np.random.default_rng(seed)
    seen, own = random.normal(size=(2 * records, 3, 4, 8)), np.array([1, 0] * records)
    along = random.normal(size=(len(heads), 8))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    for (layer, head), way in zip(heads, along, strict=True):
        seen[:, layer, head] += strength * np.where(own, 1, -1)[:, None] * way
    return seen.astype("f4"), own, [i // 2 for i in range(2 * records)], along


def test_heads_that_carry_the_label_come_first_and_their_direction_is_found():
    seen, own, records, along = planted()
    places = best_heads(accuracies(seen, own, records), 2)
    assert places.tolist() == [[1, 2], [2, 0]]
    for shift, way, (layer, head) in zip(shifts(seen, own, places), along, places, strict=True):
        unit = shift / np.linalg.norm(shift)
        assert unit @ way > 0.99
        assert np.linalg.norm(shift) == pytest.approx((seen[:, layer, head] @ unit).std(), rel=1e-4)


def test_the_direction_does_not_hang_on_the_scale_and_its_length_grows_with_it():
    seen, own, records, _ = planted(strength=0.7)
    assert np.allclose(accuracies(seen, own, records), accuracies(1000 * seen, own, records))
    places = np.array([[1, 2], [0, 1]])
    assert np.allclose(5 * shifts(seen, own, places), shifts(5 * seen, own, places), rtol=1e-4)


def test_an_accuracy_is_the_mean_of_what_was_learnt_from_and_of_what_was_not():
    seen, own = np.random.default_rng(1).normal(size=(60, 3, 4, 200)), np.array([1, 0] * 30)  # learnt by heart, and nothing to learn
    assert 0.7 < accuracies(seen, own, [i // 2 for i in range(60)]).mean() < 0.8


def test_the_probe_is_the_logistic_regression_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    seen, own, _, _ = planted(strength=0.8)
    states = seen[:, 1, 2].astype(float)
    made = logistic(np.concatenate([states, np.ones((len(states), 1))], axis=1)[None], own)[0]
    theirs = linear_model.LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(states, own)
    assert np.allclose(made, [*theirs.coef_[0], *theirs.intercept_], atol=1e-3)


def test_texts_that_lie_at_one_place_have_no_direction():
    assert not shifts(np.ones((4, 1, 1, 3)), np.array([1, 0, 1, 0]), np.array([[0, 0]])).any()


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_heads_give_at_the_last_token_is_read(kind, request):
    lm = request.getfixturevalue(kind).lm
    made = last_heads(lm, [*REQUESTS, ask("Who?")], [*ANSWERS, ""])
    assert made.shape == (3, 2, 4, 8) and not made[2].any()
    for place, heard in activations(lm, REQUESTS, ANSWERS, "heads"):
        assert np.allclose(made[place].reshape(2, 32), heard[:, -1].numpy(), atol=1e-6)


def test_there_are_as_many_heads_as_queries_where_they_share_keys(llama):
    config = llama.model.config
    assert config.num_key_value_heads == 2 and last_heads(llama.lm, REQUESTS, ANSWERS).shape[2] == config.num_attention_heads == 4


def test_a_move_changes_its_own_heads_by_so_many_deviations_and_no_other_of_that_block(llama):
    arrays = {"places": np.array([[1, 3], [1, 0]], "f4"), "shift": np.arange(16, dtype="f4").reshape(2, 8) / 8}
    (steering,) = moved(llama.lm, arrays, 2.0, "x")
    assert (steering.layer, steering.site, steering.scope) == (1, "heads", "all") and isinstance(steering, Steering)
    apart = last_heads(llama.lm, [REQUESTS[0].bent(steering=[steering])], ANSWERS[:1]) - last_heads(llama.lm, REQUESTS[:1], ANSWERS[:1])
    assert np.allclose(apart[0, 1, [3, 0]], 2 * arrays["shift"], atol=1e-5) and np.abs(apart[0, :, 1:3]).max() < 1e-5
    assert np.abs(apart[0, 0]).max() < 1e-5
