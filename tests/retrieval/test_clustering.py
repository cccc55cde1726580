"""Average linkage beside scipy's."""

import numpy as np
import pytest

from idiolect.errors import RequestError
from idiolect.retrieval.clustering import agglomerate, tree, under
from idiolect.retrieval.embedders import unit


def test_the_clusters_are_scipys_of_the_same_distances():
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    chance = np.random.default_rng(0)
    for size in (2, 7, 30):
        vectors = unit(chance.normal(size=(size, 5)))
        apart = (1 - vectors @ vectors.T)[np.triu_indices(size, 1)]
        for count in range(1, size + 1):
            theirs = hierarchy.fcluster(hierarchy.linkage(apart, "average"), count, "maxclust")
            ours = agglomerate(vectors, count)
            assert len({(a, b) for a, b in zip(ours, theirs, strict=True)}) == len(set(ours)) == len(set(theirs)) == count


def test_clusters_are_numbered_by_their_first_rows_and_no_rows_give_none():
    vectors = np.array([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert agglomerate(vectors, 2) == [0, 1, 0, 1] and agglomerate(vectors, 9) == [0, 1, 2, 3]
    assert agglomerate(np.zeros((0, 3)), 2) == []


def test_no_clusters_at_all_are_refused():
    with pytest.raises(RequestError, match="0 clusters"):
        agglomerate(np.ones((2, 2)), 0)


def test_the_leaves_below_the_top_of_a_tree_are_all_rows_once():
    vectors = unit(np.random.default_rng(1).normal(size=(100, 8)))
    parents = tree(vectors, top=15, fan=6)
    assert [parents.count(-1), len(parents)] == [len([p for p in parents if p == -1]), 100 + 100 // 6 + (100 // 6) // 6]
    below = under(parents, 100)
    top = [below[node] for node, parent in enumerate(parents) if parent == -1]
    assert len(top) <= 15 and sorted(leaf for leaves in top for leaf in leaves) == list(range(100))
    for node, parent in enumerate(parents):
        assert parent == -1 or (parent > node and set(below[node]) <= set(below[parent]))


def test_few_rows_are_one_level_and_a_tree_that_cannot_end_is_refused():
    assert tree(np.eye(5)) == [-1] * 5 and tree(np.zeros((0, 3))) == []
    with pytest.raises(RequestError, match="not 1 and 15"):
        tree(np.eye(5), fan=1)
