"""The ranker that feedback trains: untrained it is the cosine, and what is learnt moves it as the form says."""

import numpy as np
import pytest

from idiolect.retrieval.embedders import embed, embedded, unit
from idiolect.retrieval.reweighted import AGES, Reweighted, Reweighting
from idiolect.types import History, Record

RECORDS = History(Record("", text, float(i)) for i, text in enumerate(("the cat sleeps", "the stock fell", "the bread rose")))


def test_untrained_it_ranks_by_the_cosine_of_embeddings_weighted_by_rarity():
    start = Reweighting.untrained(embedded(RECORDS), "hash", rank=3)
    weighted = unit(embedded(RECORDS) * start.rarity)
    asked = unit(embed(["the cat"])[0] * start.rarity)
    assert Reweighted(RECORDS, start).scores("the cat") == pytest.approx(weighted @ asked, abs=1e-6)
    assert Reweighted(RECORDS).scores("the cat") == pytest.approx(embedded(RECORDS) @ embed(["the cat"])[0], abs=1e-6)
    assert Reweighted(RECORDS, start).search("a cat", 1) == [RECORDS[0]]


def test_what_is_learnt_adds_a_bilinear_form_and_what_stands_behind_the_embedding_is_seen_by_it_alone():
    chance = np.random.default_rng(0)
    learnt = Reweighting(np.ones(4), chance.normal(size=(6, 2)), chance.normal(size=(4, 2)), chance.normal(size=AGES))
    asked, texts, ages = chance.normal(size=6), chance.normal(size=(3, 4)), chance.normal(size=(3, AGES))
    expected = [d @ asked[:4] + asked @ learnt.left @ learnt.right.T @ d + age @ learnt.own for d, age in zip(texts, ages)]
    assert learnt.scores(asked, np.hstack([texts, ages])) == pytest.approx(expected)


def test_how_many_records_came_after_each_stands_behind_its_embedding_and_can_be_learnt():
    start = Reweighting.untrained(embedded(RECORDS), "hash")
    assert start.documents(RECORDS)[:, -AGES] == pytest.approx([1 / 3, 1 / 2, 1])
    assert start.documents(RECORDS)[:, -1] == pytest.approx([np.log(3) / 5, np.log(2) / 5, 0])
    oldest_first = Reweighting(start.rarity, start.left, start.right, np.array([0.0, 99.0]))
    assert Reweighted(RECORDS, oldest_first).search("the bread rose", 3) == list(RECORDS)


def test_arrays_give_the_same_form_back():
    start = Reweighting.untrained(embedded(RECORDS), "hash", rank=2, context=3, seed=1)
    again = Reweighting.of(start.arrays)
    assert start.left.shape == (1024 + 3, 2) and not start.right.any()
    assert all(np.array_equal(start.arrays[name], again.arrays[name]) for name in start.arrays)


def test_no_records_no_words_and_the_tie_rule_are_as_with_every_ranker():
    assert Reweighted(History()).scores("x").shape == (0,)
    assert Reweighted(RECORDS).search("zebra", 2) == [RECORDS[2], RECORDS[1]]
    assert Reweighted(RECORDS).search("", 9) == list(RECORDS)[::-1]
