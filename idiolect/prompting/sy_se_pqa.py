"""SySEPQA: which records are quoted is decided by BM25, by the person's subjects, and by a ranker taught on answers that a model made up.

Braga, Kasela, Raganato, Pasi. Synthetic Data Generation with Large Language Models for Personalized Community Question Answering.
WI-IAT 2024, arXiv:2410.22182. Scores and their fusion: Kasela, Pasi, Perego. SE-PQA. 2023, arXiv:2306.16261.

People's past questions are answered by the model, told of five of their earlier subjects ("personalized") or of nothing ("basic"); a
ranker learns to find each such answer among those of its batch. What is found is what a community's answer is there: a text to put before
the question, here one of the person's own.
Departs from the paper: the documents are the person's own records, never another's; tags are the words that recur in what was written
earlier; a bilinear form over frozen embeddings in place of a DistilBERT. Departs from the released code, whose hard negative never
enters the loss: there is none. `source="own"` trains on people's own answers, the paper's human texts, without asking the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from idiolect.errors import MethodError
from idiolect.facts.outlines import asked_of, recurring, said, written
from idiolect.facts.trials import EARLIER
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.retrieval import BM25
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.embedders import embed
from idiolect.retrieval.measures import alike, ndcg
from idiolect.retrieval.ranker import Scores, indexed, later_first
from idiolect.retrieval.reweighted import Reweighting
from idiolect.training.feedback import Asking, questions, untrained
from idiolect.training.margins import ageless, hinging, in_batches
from idiolect.training.reranking import taught
from idiolect.types import Floats, History, Record, Request, State, User
from idiolect.wording import about

SOURCES = ("personalized", "basic", "own")
SUBJECTS = "The person who asks has been concerned with: {subjects}."
GRID = [np.array(w) / 4 for w in product(range(5), repeat=3) if sum(w) == 4][::-1]  # BM25 alone first: of equally good ones it stays
DEPTH = 10  # of the nDCG that weights are chosen by


@dataclass
class SySEPQA(Method):
    """Of `pool` records that BM25 finds the `k` best by a weighted sum of three scores are quoted; ranker and weights are everybody's."""

    k: int = 4
    pool: int = 50
    source: str = "personalized"
    embedder: str = "hash"
    tags: int = 10
    newest: int = 6
    at_most: int = 96
    answer_tokens: int = 48
    batch: int = 16
    margin: float = 0.5
    rank: int = 8
    steps: int = 60
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        if self.source not in SOURCES:
            raise MethodError(f"answers to train on are {', '.join(SOURCES)}, not {self.source!r}")
        asked = questions(users, Asking(self.newest, self.pool, self.at_most, self.answer_tokens, seed=self.seed))
        answers = (
            [r.answer for _, r in asked] if self.source == "own" else written(lm, [self._made_up(users[who], r, lm) for who, r in asked])
        )
        pairs = [(who, about(r.prompt), answer) for (who, r), answer in zip(asked, answers, strict=True) if answer.strip()]
        start = untrained(users, self.embedder, self.rank, self.seed)
        learnt = taught(start, in_batches(start, pairs, self.embedder, self.batch), hinging(self.margin), self.steps)
        self.shared = State(arrays={**learnt.arrays, "weights": self._weights(users, asked, learnt)})

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        pool, scores = self._scored(state.records, request.question, self._learnt())
        weights = self.shared.arrays.get("weights", GRID[0])
        best = [pool[place] for place in later_first(blended(scores, weights))[: self.k]]
        return build(request, [quoted(best)], lm)

    def _learnt(self) -> Reweighting | None:
        return Reweighting.of(self.shared.arrays) if self.shared.arrays else None

    def _made_up(self, user: User, record: Record, lm: LM) -> Request:
        """The question as the model is to answer it, told at most five subjects of what was written strictly earlier."""
        asked = Asking(answer_tokens=self.answer_tokens).question(record)
        subjects = _tags(user.records.before(record), 5) if self.source == "personalized" else ()
        return build(asked, [profile(SUBJECTS.format(subjects=", ".join(subjects)) if subjects else "")], lm)

    def _scored(self, records: History, question: str, learnt: Reweighting | None) -> tuple[list[Record], list[Floats]]:
        """The records that BM25 finds, in time order, and their scores by BM25, by the ranker and by the person's tags."""
        ranker = records.made(("rank", "bm25"), BM25)
        by_words = ranker.scores(question)
        places = sorted(ranker.order(question)[: self.pool])
        pool, texts = [records[place] for place in places], [indexed(records[place]) for place in places]
        near: Floats = np.zeros(len(pool))
        if learnt is not None and pool:
            near = learnt.scores(learnt.question(question, self.embedder), ageless(learnt, embed(texts, self.embedder)))
        own = records.made(("tags", self.tags), lambda all_: _tags(all_, self.tags))
        return pool, [by_words[places], near, np.array([tagged(own, frozenset(words(text))) for text in texts])]

    def _weights(self, users: Sequence[User], asked: Sequence[tuple[int, Record]], learnt: Reweighting) -> Floats:
        """The weights of GRID under which the records most like the person's answers come first."""
        tests = []
        for who, record in asked:
            pool, scores = self._scored(users[who].records.before(record).newest(EARLIER), record.prompt, learnt)
            tests.append((scores, [alike(one.answer, record.answer) for one in pool]))
        worth = [float(np.mean([ndcg(blended(scores, w), gains, DEPTH) for scores, gains in tests] or [0.0])) for w in GRID]
        return GRID[int(np.argmax(worth))]


def tagged(tags: Sequence[str], text: frozenset[str]) -> float:
    """The share of the person's tags that a text has: |tags & text| / (|tags| + 1)."""
    return len(text & set(tags)) / (len(tags) + 1)


def blended(scores: Sequence[Floats], weights: Floats) -> Scores:
    """The weighted sum of scores, each brought to 0..1 by its least and its greatest; where all are equal, to 0."""
    spans = [(one - one.min(), np.ptp(one)) if len(one) else (one, 0.0) for one in scores]
    parts = [w * (above / span if span else 0 * above) for (above, span), w in zip(spans, weights, strict=True)]
    return np.asarray(np.sum(parts, axis=0), np.float64)


def _tags(records: History, most: int) -> list[str]:
    return recurring([f"{one} {other}" for one, other in zip(asked_of(records), said(records), strict=True)], most)
