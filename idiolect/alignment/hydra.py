"""HYDRA: what is quoted and which answer is given are chosen by two scorers, each with a base for all and a head for the person.

Zhuang, Sun, Yu, Kang, Wang, Zhang, Dai. HYDRA: Model Factorization Framework for Black-Box LLM Personalization. NeurIPS 2024,
arXiv:2406.02888.

The model is only asked for answers. A record is good to quote for a question if the answer given with it alone is nearer to the
person's own than such answers are on average; a good answer is the person's own, a bad one the model's.
Departs from the paper: scorers see hashed words and parts of words in place of a Longformer's states, so that neither another
model nor torch is needed; nearness is the F1 of words; questions are put with strictly earlier records only. Departs from the
released code: one measure of a right answer serves both scorers, where theirs swap its arguments in one; heads are kept too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.retrieval import BM25
from idiolect.retrieval.measures import alike
from idiolect.training.heads import SLOTS, Examples, features, head, scores, shared
from idiolect.types import Floats, History, Record, Reply, Request, State, User, ask
from idiolect.wording import quote


@dataclass
class HYDRA(Method):
    """Of `pool` records that BM25 finds the `k` best are quoted; of the greedy answer and `drawn` others the best is given.

    Scorers of `hidden` units learn from each person's `newest` records. Drawing none only reranks: then likelihoods can be measured.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    k: int = 2
    pool: int = 5
    drawn: int = 3
    temperature: float = 1.0
    newest: int = 6
    answer_tokens: int = 32
    hidden: int = 16
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        reranks = shared(self._quotings(users, lm), self.hidden, self.seed)
        self.shared = State(arrays={f"rerank {name}": value for name, value in reranks.items()})
        chooses = shared(self._answerings(users, [reranks["head"]] * len(users), lm), self.hidden, self.seed)
        self.shared = State(arrays={**self.shared.arrays, **{f"choose {name}": value for name, value in chooses.items()}})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.shared.arrays:
            return super().enroll(users, lm)
        reranks = [head(self._learnt("rerank"), own) for own in self._quotings(users, lm)]
        chooses = [head(self._learnt("choose"), own) for own in self._answerings(users, reranks, lm)]
        heads = zip(users, reranks, chooses, strict=True)
        return [State(records=user.records, arrays={"rerank": one, "choose": other}) for user, one, other in heads]

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        told = self._told(request, state.records, state.arrays.get("rerank"))
        if not state.arrays or not state.records or not self.drawn:
            return told
        replies = lm.generate(self._several(told))
        seen = np.stack([features(request.question, reply.text) for reply in replies])
        best = replies[int(scores(self._learnt("choose")["base"], state.arrays["choose"], seen).argmax())]
        return best.chosen_of(replies)

    def _several(self, told: Request) -> list[Request]:
        seeds = range(told.sampling.seed, told.sampling.seed + self.drawn)
        return [told.sampled(temperature=0.0), *(told.sampled(temperature=self.temperature, seed=seed) for seed in seeds)]

    def _told(self, request: Request, earlier: History, own: Floats | None) -> Request:
        """The question with the records that the person's head ranks first, or BM25 where there is no head."""
        near = BM25(earlier).search(request.question, self.pool)
        if own is not None and near:
            seen = np.stack([_seen(request.question, record) for record in near])
            near = [near[place] for place in np.argsort(-scores(self._learnt("rerank")["base"], own, seen), kind="stable")]
        return request.told(quote(near[: self.k]), because=near[: self.k])

    def _quotings(self, users: Sequence[User], lm: LM) -> list[Examples]:
        """For each person: which of some earlier records were good to quote for their newest questions."""
        asked = [(who, r, n) for who, user, r in self._latest(users) for n in BM25(user.records.before(r)).search(r.prompt, self.pool)]
        replies = lm.generate([self._ask(r).told(quote([near]), because=[near]) for _, r, near in asked])
        rows: list[dict[Record, list[tuple[Floats, float]]]] = [{} for _ in users]
        for (who, record, near), reply in zip(asked, replies, strict=True):
            rows[who].setdefault(record, []).append((_seen(record.prompt, near), alike(reply.text, record.answer)))
        return [_examples([(f, worth > float(np.mean([w for _, w in one]))) for one in own.values() for f, worth in one]) for own in rows]

    def _answerings(self, users: Sequence[User], reranks: Sequence[Floats], lm: LM) -> list[Examples]:
        """For each person: their own answers to their newest questions, and the model's."""
        told = [(who, r, self._told(self._ask(r), user.records.before(r), reranks[who])) for who, user, r in self._latest(users)]
        asked = [(who, record, one) for who, record, request in told for one in self._several(request)]
        rows: list[list[tuple[Floats, bool]]] = [[] for _ in users]
        for who, record, _ in told:
            rows[who].append((features(record.prompt, record.answer), True))
        for (who, record, _), reply in zip(asked, lm.generate([request for *_, request in asked]), strict=True):
            rows[who].append((features(record.prompt, reply.text), reply.text == record.answer))
        return [_examples(own) for own in rows]

    def _latest(self, users: Sequence[User]) -> list[tuple[int, User, Record]]:
        return [(who, user, record) for who, user in enumerate(users) for record in user.records.newest(self.newest)]

    def _ask(self, record: Record) -> Request:
        return ask(record.prompt, max_tokens=self.answer_tokens, seed=self.seed)

    def _learnt(self, scorer: str) -> dict[str, Floats]:
        return {name: self.shared.arrays[f"{scorer} {name}"] for name in ("base", "head")}


def _seen(question: str, record: Record) -> Floats:
    return features(question, f"{record.prompt}\n{record.answer}")


def _examples(rows: Sequence[tuple[Floats, bool]]) -> Examples:
    seen = np.stack([one for one, _ in rows]) if rows else np.zeros((0, 2 * SLOTS + 2))
    return Examples(seen, np.array([float(good) for _, good in rows]))
