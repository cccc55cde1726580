"""Texts as vectors of one width: words hashed into slots, which needs nothing, or sentence embeddings by MiniLM.

Hashing with signs: Weinberger, Dasgupta, Langford, Smola, Attenberg. Feature Hashing for Large Scale Multitask Learning. ICML 2009.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from idiolect.errors import MethodError
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.dense import MINILM, encoder
from idiolect.retrieval.ranker import indexed
from idiolect.types import Floats, History

EMBEDDERS = ("hash", "dense")
SLOTS = 1024


def embed(texts: Sequence[str], by: str = "hash") -> Floats:
    """(texts, width) float32, each of length 1 (a text without words: zeros). "dense" needs sentence-transformers.

    "hash": 1 + ln(count) of each word, with a sign, in one of SLOTS places. Raises MethodError for another name, MissingExtra.
    """
    if by not in EMBEDDERS:
        raise MethodError(f"no embedder is called {by!r}; there are {', '.join(EMBEDDERS)}")
    if by == "hash":
        return unit(_hashed(texts))
    if not texts:
        return np.zeros((0, embed([""], by).shape[1]), np.float32)
    return np.asarray(encoder(MINILM).encode(list(texts), normalize_embeddings=True, show_progress_bar=False), np.float32)


def embedded(records: History, by: str = "hash") -> Floats:
    """(records, width): the text that each record is found by, embedded once for a history."""
    return records.made(("embedded", by), lambda own: embed([indexed(record) for record in own], by))


def rarity(vectors: Floats, by: str = "hash") -> Floats:
    """(width,): how much each place of a vector counts. A slot that few of `vectors` fill counts more, as in BM25; for "dense", all 1."""
    if by != "hash":
        return np.ones(vectors.shape[1], np.float32)
    held = (vectors != 0).sum(axis=0)
    made: Floats = np.log1p((len(vectors) - held + 0.5) / (held + 0.5)).astype(np.float32)
    return made


def unit(vectors: Floats) -> Floats:
    """Each row scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    made: Floats = vectors / np.where(lengths > 0, lengths, 1)
    return made


def _hashed(texts: Sequence[str]) -> Floats:
    made: Floats = np.zeros((len(texts), SLOTS), np.float32)
    for row, text in enumerate(texts):
        for word, count in Counter(words(text)).items():
            place, sign = _place(word)
            made[row, place] += sign * (1 + math.log(count))
    return made


@lru_cache(maxsize=1 << 16)
def _place(word: str) -> tuple[int, float]:
    code = zlib.crc32(word.encode("utf-8", "surrogatepass"))
    return code % SLOTS, 1.0 if code >> 31 else -1.0
