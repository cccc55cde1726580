"""What all rankers promise: how many are found, in which order, and that the tie rule holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idiolect.errors import RequestError
from idiolect.retrieval import BM25, RANKERS, Fusion, Random, Recency
from idiolect.retrieval.ranker import first_of, later_first
from idiolect.types import Record

RECORDS = [Record("", f"text {i}", float(i // 2)) for i in range(6)]
QUICK = {
    **{name: made for name, made in RANKERS.items() if name != "dense"},
    "fusion": lambda records: Fusion([BM25(records), Recency(records)]),
}


@pytest.mark.parametrize("name", QUICK)
def test_k_larger_than_the_history_finds_all_of_it_once(name):
    assert sorted(QUICK[name](RECORDS).search("text 3", 100), key=RECORDS.index) == RECORDS


@pytest.mark.parametrize("name", QUICK)
def test_the_first_k_are_the_beginning_of_the_whole_ranking(name):
    ranker = QUICK[name](RECORDS)
    assert ranker.search("text 3", 0) == []
    assert ranker.search("text 3", 2) == ranker.search("text 3", 6)[:2]


@pytest.mark.parametrize("name", QUICK)
def test_an_empty_history_and_an_empty_query_are_no_trouble(name):
    assert QUICK[name]([]).search("", 3) == []
    assert len(QUICK[name](RECORDS).search("", 3)) == 3
    assert QUICK[name](RECORDS).scores("\0 🙂").shape == (6,)


def test_a_negative_k_is_refused():
    with pytest.raises(RequestError, match="not -1"):
        Recency(RECORDS).search("", -1)


def test_equal_scores_fall_to_the_later_record():
    assert list(later_first(np.array([1.0, 2.0, 1.0, 2.0, 0.0]))) == [3, 1, 2, 0, 4]


def test_recency_puts_the_latest_first():
    assert Recency(RECORDS).search("whatever", 6) == RECORDS[::-1]


def test_random_is_repeatable_by_seed_and_query_and_draws_nothing_twice():
    many = [Record("", str(i), float(i)) for i in range(50)]
    drawn = Random(many, seed=1).search("q", 10)
    assert drawn == Random(many, seed=1).search("q", 10) and len(set(drawn)) == 10
    assert drawn != Random(many, seed=2).search("q", 10) and drawn != Random(many, seed=1).search("r", 10)


def test_random_draws_every_record_about_equally_often():
    ranker = Random(RECORDS)
    firsts = [ranker.search(f"query {i}", 1)[0] for i in range(1200)]
    assert all(120 < firsts.count(record) < 280 for record in RECORDS)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.integers(1, 45))
def test_the_first_few_are_those_of_the_whole_order(values, k):
    scores = np.array(values, dtype=np.float64)
    assert first_of(scores, k).tolist() == later_first(scores)[:k].tolist()
