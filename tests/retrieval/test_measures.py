"""Measures of a ranking by their closed forms, under ties by every order there is, and where there is nothing to find."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.errors import DataError
from idiolect.retrieval.measures import alike, average_precision, averaged, ndcg, recall, reciprocal_rank

MEASURES = {
    "reciprocal_rank": reciprocal_rank,
    "average_precision": average_precision,
    "ndcg": ndcg,
    "ndcg at 2": lambda scores, gains: ndcg(scores, gains, k=2),
    "recall at 2": lambda scores, relevant: recall(scores, relevant, k=2),
}
each = pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)


def test_measures_of_one_ranking_are_those_counted_by_hand():
    scores, relevant = [5, 4, 3, 2, 1], [0, 1, 0, 1, 0]
    assert reciprocal_rank(scores, relevant) == 1 / 2
    assert average_precision(scores, relevant) == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert [recall(scores, relevant, k) for k in (0, 1, 2, 3, 4, 9)] == [0, 0, 0.5, 0.5, 1, 1]
    found, best = 1 / np.log2(3) + 1 / np.log2(5), 1 + 1 / np.log2(3)
    assert ndcg(scores, relevant) == pytest.approx(found / best)
    assert ndcg(scores, relevant, k=2) == pytest.approx(1 / np.log2(3) / best)


def test_gains_count_by_their_size():
    assert ndcg([3, 2, 1], [1, 3, 2]) == pytest.approx((1 + 3 / np.log2(3) + 2 / 2) / (3 + 2 / np.log2(3) + 1 / 2))


@each
def test_the_best_order_gives_one_and_items_may_come_in_any_order(measure):
    assert measure([0.9, 0.8, 0.1], [1, 1, 0]) == pytest.approx(1)
    assert measure([0.1, 0.9, 0.8], [0, 1, 1]) == pytest.approx(1)


@each
def test_where_nothing_is_relevant_or_nothing_is_ranked_it_is_0(measure):
    assert measure([3, 2, 1], [0, 0, 0]) == 0
    assert measure([], []) == 0


small = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=6)


@each
@settings(deadline=None)
@given(items=small)
def test_under_ties_it_is_the_mean_over_all_orders_of_what_is_tied(measure, items):
    orders = []
    for order in permutations(items):
        falling = sorted(order, key=lambda item: -item[0])
        orders.append(measure(list(range(len(items), 0, -1)), [worth for _, worth in falling]))
    scores, worth = zip(*items)
    assert measure(scores, worth) == pytest.approx(np.mean(orders))


def test_a_ranker_that_cannot_tell_gains_nothing_by_the_order_of_the_list():
    assert recall([1, 1, 1, 1], [1, 0, 0, 0], k=1) == 1 / 4
    assert reciprocal_rank([1, 1], [1, 0]) == reciprocal_rank([1, 1], [0, 1]) == 3 / 4


@settings(deadline=None)  # scikit-learn is imported in the first
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=9))
def test_ndcg_is_that_of_scikit_learn(items):
    theirs = pytest.importorskip("sklearn.metrics").ndcg_score
    scores, gains = zip(*items)
    for k in (1, 3, None):
        assert ndcg(scores, gains, k) == pytest.approx(theirs([gains], [scores], k=k))


def test_a_measure_over_queries_is_their_mean_and_over_none_is_refused():
    queries = [([2, 1], [1, 0]), ([2, 1], [0, 1]), ([2, 1], [0, 0])]
    assert averaged(reciprocal_rank, queries) == pytest.approx((1 + 1 / 2 + 0) / 3)
    with pytest.raises(DataError, match="no queries"):
        averaged(reciprocal_rank, [])


def test_scores_and_worths_of_different_items_are_refused():
    with pytest.raises(DataError, match=r"\(2,\) and \(3,\)"):
        recall([1, 2], [1, 0, 0], k=1)


def test_texts_are_alike_as_far_as_they_share_words():
    assert alike("the lazy fox", "Fox, the lazy!") == 1
    assert alike("a b", "c d") == alike("", "c") == alike("", "") == 0
    assert alike("fox fox dog", "fox cat") == pytest.approx(2 * 1 / 5)
    assert alike("fox", "fox dog cat") == pytest.approx(2 * (1 * 1 / 3) / (1 + 1 / 3)), "the harmonic mean of precision and recall"
