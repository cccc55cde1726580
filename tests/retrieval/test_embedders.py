"""Texts as vectors: shared words are near, rare places count, and a history is embedded once."""

import numpy as np
import pytest

from idiolect.errors import MethodError
from idiolect.extras import have
from idiolect.retrieval import embedders
from idiolect.retrieval.dense import PACKAGED
from idiolect.retrieval.embedders import SLOTS, embed, embedded, rarity, unit
from idiolect.types import History, Record

packaged = pytest.mark.skipif(not (have("sentence_transformers") and have(PACKAGED)), reason="no packaged MiniLM")
RECORDS = History(Record("", text, float(i)) for i, text in enumerate(("the cat sleeps", "the stock fell", "the bread rose")))


def test_texts_that_share_words_are_near_and_others_are_not():
    cat, other, none = embed(["A cat!", "the cat sleeps", "stock"])
    assert cat @ other > 0.3 and abs(cat @ none) < 0.1
    assert embed(["cat the SLEEPS"])[0] @ other == pytest.approx(1)


def test_vectors_have_length_1_and_a_text_without_words_has_none():
    made = embed(["one two two", "", "\ud83d", "!"])
    assert made.shape == (4, SLOTS) and made.dtype == np.float32
    assert np.linalg.norm(made, axis=1) == pytest.approx([1, 0, 0, 0])
    assert embed([]).shape == (0, SLOTS)


def test_a_place_that_few_texts_fill_counts_more():
    weights = rarity(embedded(RECORDS))
    the, cat = (np.abs(embed([word])[0]).argmax() for word in ("the", "cat"))
    assert weights[the] == pytest.approx(np.log1p(0.5 / 3.5)) and weights[cat] == pytest.approx(np.log1p(2.5 / 1.5))


def test_a_history_is_embedded_once(monkeypatch):
    records = History(RECORDS)
    first = embedded(records)
    monkeypatch.setattr(embedders, "embed", None)
    assert embedded(records) is first


def test_zeros_stay_zeros_when_lengths_are_made_1():
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[0.6, 0.8], [0.0, 0.0]]


def test_an_embedder_that_does_not_exist_is_named():
    with pytest.raises(MethodError, match="'bag'; there are hash, dense"):
        embed(["x"], "bag")


@packaged
def test_sentence_embeddings_find_meaning_and_no_place_of_theirs_is_rare():
    kitten, *others = embed(["kitten napping", *(record.answer for record in RECORDS)], "dense")
    assert int(np.argmax([kitten @ other for other in others])) == 0
    assert embed([], "dense").shape == (0, len(kitten)) and (rarity(embed(["x"], "dense"), "dense") == 1).all()
