"""BM25: rank_bm25's scores, and a ranking that stays sane where those do not."""

import random
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idiolect.retrieval import BM25
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.ranker import later_first
from idiolect.types import History, Record


def plain(*texts):
    return [Record("", text, float(i)) for i, text in enumerate(texts)]


def found(texts, query, k=99, **keywords):
    return [record.answer for record in BM25(plain(*texts), **keywords).search(query, k)]


def test_the_golden_case():
    ranker = BM25(plain("a b", "a c", "d d e"), tokenize=str.split)
    assert ranker.scores("a d") == pytest.approx([0.081888, 0.081888, 0.668370], abs=1e-6)
    assert list(ranker.order("a d")) == [2, 1, 0]


texts = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=9).map(" ".join), min_size=1, max_size=12)


@given(texts, st.lists(st.sampled_from("abcdefghz"), max_size=6).map(" ".join))
def test_scores_are_those_of_rank_bm25(corpus, query):
    okapi = pytest.importorskip("rank_bm25").BM25Okapi([text.split() for text in corpus])
    ours = BM25(plain(*corpus), tokenize=str.split).scores(query)
    np.testing.assert_allclose(ours, okapi.get_scores(query.split()), rtol=0, atol=1e-9)


def test_scores_are_those_of_rank_bm25_with_other_constants_and_empty_records():
    okapi = pytest.importorskip("rank_bm25").BM25Okapi([["x", "y"], [], ["x"], ["z", "z"]], k1=0.9, b=0.4, epsilon=0.1)
    ours = BM25(plain("x y", "", "x", "z z"), tokenize=str.split, k1=0.9, b=0.4, epsilon=0.1)
    np.testing.assert_allclose(ours.scores("x z x"), okapi.get_scores(["x", "z", "x"]), rtol=0, atol=1e-9)


def test_equal_scores_put_the_later_record_first():
    assert found(["cat one", "dog", "cat two", "bird", "fish"], "cat") == ["cat two", "cat one", "fish", "bird", "dog"]


def test_a_query_that_matches_nothing_finds_the_latest():
    assert found(["one", "two", "three"], "zebra", 2) == ["three", "two"]
    assert found(["one", "two", "three"], "", 2) == ["three", "two"]


def test_in_a_tiny_history_what_matches_still_comes_first():
    ranker = BM25(plain("a b", "a c", "b c"), tokenize=str.split)
    assert ranker.scores("a")[0] < ranker.scores("a")[2], "the known oddity, kept in the scores"
    assert [record.answer for record in ranker.search("a", 3)] == ["a c", "a b", "b c"]
    assert BM25(plain("a b"), tokenize=str.split).scores("a") == pytest.approx([-0.274653], abs=1e-6)
    assert found(["cat", "dog"], "cat", 1) == ["cat"]


@given(texts, st.sampled_from("abcdefgh"))
def test_for_one_word_no_record_without_it_stands_before_one_with_it(corpus, word):
    ranker = BM25(plain(*corpus), tokenize=str.split)
    held = [word in record.answer.split() for record in ranker.search(word, len(corpus))]
    assert held == sorted(held, reverse=True)


@given(texts, st.lists(st.sampled_from("abcdefghz"), max_size=6).map(" ".join))
def test_where_no_idf_is_out_of_order_the_ranking_is_that_of_the_scores(corpus, query):
    ranker = BM25(plain(*corpus), tokenize=str.split)
    half = any(2 * sum(word in text.split() for text in corpus) == len(corpus) for word in query.split())
    raw = [
        np.log((len(corpus) - n + 0.5) / (n + 0.5)) for n in (sum(w in t.split() for t in corpus) for w in set(" ".join(corpus).split()))
    ]
    if not half and np.mean(raw) > 0:
        assert list(ranker.order(query)) == list(later_first(ranker.scores(query)))


@pytest.mark.parametrize("records", [[], History(), ()])
def test_an_empty_history_finds_nothing(records):
    ranker = BM25(records)
    assert ranker.search("a", 3) == [] and ranker.scores("a").shape == (0,)


def test_records_without_a_single_word_are_found_all_the_same():
    assert found(["!!", "\0", "🙂"], "anything", 2) == ["🙂", "\0"]


def test_words_are_folded_parted_and_read_in_any_script():
    assert words("M larder/Parser_v2.PY, (don't)") == ["m", "larder", "parser", "v2", "py", "don", "t"]
    assert words("שלום עולם") == ["שלום", "עולם"]
    assert words("東京へ go") == ["東", "京", "へ", "go"]


def test_the_instruction_that_all_prompts_share_is_not_searched():
    ask = "Write the subject line of this commit."
    records = [
        Record(f"{ask}\n\nfix the lexer", "lexer: tabs", 1.0),
        Record(f"{ask}\n\nsoup", "new write subject", 2.0),
        Record("", "x", 3.0),
    ]
    assert BM25(records).search(f"{ask}\n\nlexer again", 1) == [records[0]]
    assert BM25(records).scores(f"{ask}\n\nnothing in common") == pytest.approx([0, 0, 0])


def test_prompt_and_answer_are_searched_or_the_answer_only():
    records = [Record("apple", "pear", 1.0), Record("pear", "plum", 2.0), Record("fig", "kiwi", 3.0), Record("nut", "date", 4.0)]
    assert set(BM25(records).search("pear", 2)) == set(records[:2])
    assert BM25(records, answers_only=True).search("pear", 1) == [records[0]]
    assert BM25(records, answers_only=True).scores("fig").max() == 0


def test_ten_thousand_records_are_indexed_in_seconds_and_searched_in_milliseconds():
    draw = random.Random(0)
    vocabulary = [f"word{i}" for i in range(3000)]
    records = plain(*(" ".join(draw.choices(vocabulary, k=40)) for _ in range(10_000)))
    start = time.perf_counter()
    ranker = BM25(records)
    built = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(20):
        ranker.search(" ".join(draw.choices(vocabulary, k=60)), 4)
    assert built < 5 and (time.perf_counter() - start) / 20 < 0.05
