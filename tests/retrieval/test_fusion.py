"""Reciprocal-rank fusion on rankings whose sum is known."""

import pytest

from idiolect.errors import RequestError
from idiolect.retrieval import BM25, Fusion, Random, Recency, fuse
from idiolect.types import Record

A, B, C, D = (Record("", name, float(i)) for i, name in enumerate("abcd"))


def test_ranks_add_up_as_reciprocals():
    # with c=1: a = 1/2 + 1/4, b = 1/3 + 1/2, c = 1/4, d = 1/3
    assert fuse([[A, B, C], [B, D, A]], c=1) == [B, A, D, C]


def test_equal_sums_put_the_later_record_first():
    assert fuse([[A, B], [B, A]]) == [B, A]
    assert fuse([[A], [C], [B]]) == [C, B, A]


def test_nothing_to_fuse_gives_nothing():
    assert fuse([]) == [] and fuse([[], []]) == []


def test_one_ranking_stays_as_it_is_and_repeats_count_once():
    assert fuse([[C, A, C, B]]) == [C, A, B]


def test_a_fusion_of_rankers_ranks_as_their_fused_rankings():
    records = [Record("", text, float(i)) for i, text in enumerate(("red cat", "red dog", "blue cat", "old fish", "new fish"))]
    rankers = [BM25(records), Random(records, seed=4), Recency(records)]
    assert Fusion(rankers).search("red cat", 5) == fuse([ranker.search("red cat", 5) for ranker in rankers])


def test_a_fusion_uses_the_sane_ranking_of_a_tiny_history():
    records = [Record("", text, float(i)) for i, text in enumerate(("a b", "a c", "b c"))]
    assert Fusion([BM25(records)]).search("a", 3) == BM25(records).search("a", 3)


def test_rankers_of_different_records_cannot_be_fused():
    with pytest.raises(RequestError, match="the same records"):
        Fusion([BM25([A, B]), BM25([A, C])])
    with pytest.raises(RequestError, match="one or more rankers"):
        Fusion([])
