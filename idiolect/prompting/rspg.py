"""RSPG: for each question a way to find records is chosen, or none, by what the ways were worth on everybody's past questions.

Salemi, Kallumadi, Zamani. Optimization Methods for Personalizing Large Language Models through Retrieval Augmentation. SIGIR 2024,
arXiv:2404.05970.

`when` "pre" reads what would be told and chooses before the model answers; "post" lets it answer each way and reads the answers too.
Departs from the paper: prompts are read as hashed words, as the name of the way, and by how near what it quotes is, in place of a
Longformer's states; one ranker taught by feedback (ROPG-KD's) in place of two. Half of the people teach that ranker and the other half
the choice, or it would seem better than it is. Departs from the released code: the temperature divides what a way was worth before
the softmax; theirs divides log-probabilities after it, which changes the size of the loss and not what is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval import rank
from idiolect.retrieval.measures import alike
from idiolect.retrieval.reweighted import Reweighted, Reweighting
from idiolect.training.choosing import chooser, chosen
from idiolect.training.feedback import Asking, By, lessons, questions, untrained, worths
from idiolect.training.heads import features
from idiolect.training.reranking import distilling, taught
from idiolect.types import Floats, History, Record, Reply, Request, State, User


@dataclass
class RSPG(Method):
    """Of `ways` ("none", "recency", "bm25", "dense" by the `embedder`, "ropg" as taught) one finds the `k` records that are quoted.

    "post" answers a question as often as there are ways, and learns by the text of answers whatever `feedback` says.
    """

    k: int = 4
    when: Literal["pre", "post"] = "pre"
    ways: tuple[str, ...] = ("none", "recency", "bm25", "dense", "ropg")
    embedder: str = "hash"
    feedback: By = "any"
    newest: int = 4
    candidates: int = 6
    questions: int = 96
    answer_tokens: int = 32
    rank: int = 8
    temperature: float = 0.05
    steps: int = 60
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        start, asking = untrained(users, self.embedder, self.rank, self.seed), self._asking
        told = lessons(users[::2], lm, start, self.embedder, asking) if "ropg" in self.ways else []
        ranker = taught(start, told, distilling(self.temperature), self.steps)
        others = users[1::2] or users
        asked = [
            (record, self._told(asking.question(record), others[who].records.before(record), ranker, lm))
            for who, record in questions(others, asking)
        ]
        seen, worth = self._post(asked, lm) if self.when == "post" else self._pre(asked, lm)
        self.shared = State(arrays={**ranker.arrays, "chooser": chooser(seen, worth, self.temperature)})

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if not state.records or not self.shared.arrays:
            return build(request, [quoted(rank(state.records, "bm25").search(request.question, self.k))], lm)
        told, weights = self._told(request, state.records, Reweighting.of(self.shared.arrays), lm), self.shared.arrays["chooser"]
        if self.when != "post":
            return told[chosen(weights, self._seen(told))] if len(weights) else told[0]
        replies = lm.generate(told)
        best = chosen(weights, self._seen(told, [reply.text for reply in replies])) if len(weights) else 0
        return replies[best].chosen_of(replies)

    @property
    def _asking(self) -> Asking:
        return Asking(self.newest, self.candidates, self.questions, self.answer_tokens, self.feedback, self.seed)

    def _told(self, request: Request, records: History, ranker: Reweighting, lm: LM) -> list[Request]:
        """The question as each way would have it told."""
        untaught = replace(ranker, right=np.zeros_like(ranker.right), own=np.zeros_like(ranker.own))
        made = []
        for way in self.ways:
            if way == "none":
                made.append(request)
                continue
            taught_by = {"dense": untaught, "ropg": ranker}.get(way)
            found = Reweighted(records, taught_by, self.embedder) if taught_by else rank(records, way)
            made.append(build(request, [quoted(found.search(request.question, self.k))], lm))
        return made

    def _pre(self, asked: Sequence[tuple[Record, list[Request]]], lm: LM) -> tuple[list[Floats], list[Floats]]:
        """What is seen of each way before anything is answered, and what each was worth."""
        return [self._seen(told) for _, told in asked], worths(lm, asked, self.feedback) if asked else []

    def _post(self, asked: Sequence[tuple[Record, list[Request]]], lm: LM) -> tuple[list[Floats], list[Floats]]:
        """The same with the answers."""
        texts = iter([reply.text for reply in lm.generate([request for _, told in asked for request in told])])
        said = [[next(texts) for _ in told] for _, told in asked]
        worth = [np.array([alike(text, record.answer) for text in texts]) for (record, _), texts in zip(asked, said, strict=True)]
        return [self._seen(told, texts) for (_, told), texts in zip(asked, said, strict=True)], worth

    def _seen(self, told: Sequence[Request], said: Sequence[str] = ()) -> Floats:
        """(ways, features): which way it is, what it tells under this question, and what was answered so, beside the other answers."""
        rows = []
        for place, request in enumerate(told):
            text = "\n".join(message.content for message in request.messages[:-1])
            own = [*np.eye(len(told))[place], len(request.because) / max(self.k, 1)]
            if said:
                others = [alike(said[place], other) for i, other in enumerate(said) if i != place]
                own += [alike(said[place], text), sum(others) / max(len(others), 1), alike(said[place], request.question)]
                text = f"{text}\n{said[place]}"
            rows.append(np.concatenate([own, features(request.question, text)]))
        return np.stack(rows)
