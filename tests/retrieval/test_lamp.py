"""Which records LaMP shows: the published order with its oddities, against rank_bm25 itself, and the sound one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from idiolect.data.lamp import form
from idiolect.errors import MethodError, RequestError
from idiolect.retrieval.lamp import nearest
from idiolect.types import History, Record

TWEETS = form("LaMP-7")


def tweets(*texts):
    return History(Record("", text, float(i)) for i, text in enumerate(texts))


def shown(texts, query, by="bm25", k=9, strict=True, task=TWEETS):
    return [record.answer for record in nearest(task, tweets(*texts), task.ask(query), by, k, strict)]


def test_the_golden_case_is_ranked_as_published():
    assert shown(["a b", "a c", "d d e"], "a d") == ["d d e", "a c", "a b"]


def test_where_nothing_is_shared_the_last_records_come_first():
    assert shown(["one", "two", "three"], "zebra") == ["three", "two", "one"]


def test_in_a_repetitive_profile_what_matches_comes_last_only_as_published():
    assert shown(["a b", "a c", "b c"], "a") == ["b c", "a c", "a b"]
    assert shown(["a b", "a c", "b c"], "a", strict=False) == ["a c", "a b", "b c"]


def test_capitals_and_commas_part_words_only_as_published():
    texts = ["Foxes, they said", "dogs", "cats", "birds"]
    assert shown(texts, "foxes", k=1) == ["birds"] and shown(texts, "foxes", k=1, strict=False) == [texts[0]]


@given(
    st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=8).map(" ".join), min_size=1, max_size=15),
    st.text("abcde ", max_size=9),
)
def test_the_order_is_that_of_rank_bm25(texts, query):
    scores = BM25Okapi([text.split() for text in texts]).get_scores(query.split())
    ours = [texts.index(text) for text in shown(texts, query, k=20)]
    theirs = [texts.index(texts[i]) for i in np.argsort(scores)[::-1]]
    assert np.allclose(scores[ours], scores[theirs])
    distinct = len(set(np.round(scores, 9))) == len(scores)
    assert not distinct or ours == theirs


def test_recency_takes_the_last_first():
    assert shown(["one", "two", "three"], "x", by="recency", k=2) == ["three", "two"]
    assert shown(["one", "two", "three"], "x", by="recency", k=2, strict=False) == ["three", "two"]
    assert shown(["one"], "x", by="recency", k=2) == ["one"]


def test_chance_draws_the_same_again_and_only_as_published_one_record_twice():
    texts = ["one", "two"]
    assert shown(texts, "x", by="random", k=5) == shown(texts, "x", by="random", k=5) and len(shown(texts, "x", by="random", k=5)) == 5
    assert sorted(shown(texts, "x", by="random", k=5, strict=False)) == ["one", "two"]


@pytest.mark.parametrize("by", ["bm25", "recency", "random"])
@pytest.mark.parametrize("strict", [True, False])
def test_an_empty_history_and_k_0_show_nothing(by, strict):
    assert shown([], "a", by=by, strict=strict) == [] == shown(["a"], "a", by=by, k=0, strict=strict)


def test_what_is_asked_wrongly_is_refused():
    with pytest.raises(MethodError, match="no ranker"):
        shown(["a"], "a", by="best")
    with pytest.raises(RequestError, match="0 or more"):
        shown(["a"], "a", k=-1, strict=False)
