"""People as points, and clusters whose answer is known."""

import numpy as np
import pytest

from idiolect.errors import ModelError, RequestError
from idiolect.models.scripted import ScriptedLM
from idiolect.training.clusters import kmeans, portraits
from idiolect.training.vectors import last_states
from idiolect.types import Record, ask


def groups(*centres, each=6, spread=0.1, seed=0):
    chance = np.random.default_rng(seed)
    return np.concatenate([chance.normal(centre, spread, (each, 2)) for centre in centres])


@pytest.mark.parametrize("seed", range(5))
def test_three_groups_far_apart_are_found_whatever_the_seed(seed):
    labels = kmeans(groups((0, 0), (10, 0), (0, 10)), 3, seed)
    found = [set(labels[at : at + 6]) for at in (0, 6, 12)]
    assert all(len(one) == 1 for one in found) and len(set.union(*found)) == 3


def test_everyone_ends_nearest_to_the_mean_of_their_own_cluster():
    points = groups((0, 0), (1, 1), (2, 0), spread=0.6)
    labels = np.array(kmeans(points, 4, 1))
    means = np.stack([points[labels == label].mean(axis=0) for label in sorted(set(labels))])
    nearest = ((points[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (np.array(sorted(set(labels)))[nearest] == labels).all()


def test_with_no_more_people_than_clusters_each_is_their_own():
    assert kmeans(groups((0, 0), each=3), 5) == [0, 1, 2]
    assert kmeans(np.zeros((0, 2)), 3) == []


def test_points_that_coincide_are_clustered_too():
    assert set(kmeans(np.ones((7, 2)), 3)) <= {0, 1, 2}


def test_no_clusters_at_all_are_refused():
    with pytest.raises(RequestError, match="0 clusters"):
        kmeans(np.ones((3, 2)), 0)


def test_a_portrait_is_the_mean_over_records_and_does_not_depend_on_company(llama):
    one, two, nothing = Record("Who?", "me"), Record("What is it?", "a"), Record("And?", "")
    states = last_states(llama.lm, [ask("What is it?")], ["a"], 0)  # the answer is one token: its last state is its mean
    made = portraits(llama.lm, [[one, two, nothing], [], [two]], depth=0.0)
    alone = portraits(llama.lm, [[one]], depth=0.0)[0]
    assert np.allclose(made[2], states[0], atol=1e-5) and not made[1].any()
    assert np.allclose(made[0], (alone + made[2]) / 2, atol=1e-5)


def test_a_model_out_of_reach_has_no_portraits():
    with pytest.raises(ModelError, match="scripted"):
        portraits(ScriptedLM(), [[]])
