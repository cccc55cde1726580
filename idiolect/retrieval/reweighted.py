"""Nearest records by embeddings that stay as they are under a bilinear form that is learnt: the ranker that feedback trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from idiolect.retrieval.embedders import embed, embedded, rarity, unit
from idiolect.retrieval.ranker import Ranker, Scores
from idiolect.types import Floats, History
from idiolect.wording import about

AGES = 2  # numbers that say how old a record is


@dataclass(frozen=True)
class Reweighting:
    """score(q, d) = q . d + (q left) . (d right) + ages(d) . own, for embeddings q and d weighted by `rarity` and made of length 1.

    `rarity` (width,), `left` (inputs, rank), `right` (width, rank), `own` (AGES,). Where `right` and `own` are 0, as training begins,
    it is the cosine alone. Where inputs > width, what stands in q behind the embedding (a vector of the person, say) is seen by the
    learnt part only; where it is left out, it counts as 0.
    """

    rarity: Floats
    left: Floats
    right: Floats
    own: Floats

    @classmethod
    def of(cls, arrays: Mapping[str, Floats]) -> Reweighting:
        """What `arrays` gave."""
        return cls(**{name: arrays[name] for name in ("rarity", "left", "right", "own")})

    @classmethod
    def untrained(cls, vectors: Floats, by: str, rank: int = 1, context: int = 0, seed: int = 0) -> Reweighting:
        """Where training begins: the cosine, with places weighted as they are rare among `vectors` (texts, width)."""
        width = vectors.shape[1]
        left = np.random.default_rng(seed).normal(0, 1 / np.sqrt(width), (width + context, rank))
        right, own = np.zeros((width, rank), np.float32), np.zeros(AGES, np.float32)
        return cls(rarity(vectors, by), left.astype(np.float32), right, own)

    @property
    def arrays(self) -> dict[str, Floats]:
        """What is learnt, by name, to be kept in a State."""
        return {"rarity": self.rarity, "left": self.left, "right": self.right, "own": self.own}

    def question(self, text: str, by: str = "hash") -> Floats:
        """(width,): a question as records are compared with it."""
        made: Floats = self.weighted(embed([about(text)], by)[0])
        return made

    def documents(self, records: History, by: str = "hash") -> Floats:
        """(records, width + AGES): a history as questions are compared with it."""
        return self.aged(embedded(records, by))

    def aged(self, vectors: Floats) -> Floats:
        """(records, width + AGES): embeddings in time order, weighted, and behind each how many records came after it."""
        after = np.arange(len(vectors))[::-1]
        return np.column_stack([self.weighted(vectors), 1 / (1 + after), np.log1p(after) / 5]).astype(np.float32)

    def weighted(self, vectors: Floats) -> Floats:
        """Embeddings (..., width) weighted by rarity, of length 1."""
        return unit(vectors * self.rarity)

    def scores(self, asked: Floats, documents: Floats) -> Floats:
        """(records,): how near each of `documents` (records, width + AGES) is to `asked` (inputs,)."""
        texts, ages = documents[:, : len(self.rarity)], documents[:, len(self.rarity) :]
        made: Floats = texts @ asked[: len(self.rarity)] + (texts @ self.right) @ (asked @ self.left[: len(asked)]) + ages @ self.own
        return made


class Reweighted(Ranker):
    """Ranks by a Reweighting over the embedder `by`; None: by the cosine of embeddings as they come."""

    def __init__(self, records: History, learnt: Reweighting | None = None, by: str = "hash") -> None:
        super().__init__(records)
        self.history, self.learnt, self.by = records, learnt, by

    def scores(self, query: str) -> Scores:
        if not len(self.history):
            return np.zeros(0)
        if self.learnt is None:
            return np.asarray(embedded(self.history, self.by) @ embed([about(query)], self.by)[0], np.float64)
        learnt = self.learnt
        return np.asarray(learnt.scores(learnt.question(query, self.by), learnt.documents(self.history, self.by)), np.float64)
