"""CFRAG: a person's records are ranked with the help of people alike, whose records nobody else is shown.

Shi, Xu, Zhang, Zang, Zheng, Song, Li. Retrieval Augmented Generation with Collaborative Filtering for Personalized Text Generation. SIGIR
2025, arXiv:2504.05731.

People become vectors, learnt so that two parts of one history are alike. Records are found by the question and by where the person's
vector points among records, then reranked by a form that sees both; both are taught by what records were worth to the model.
Departs from the paper: neighbours' records are never quoted. People alike are put in groups of `least` or more; the mean vector of the
nearest group is mixed with the person's, and words that `least` of its people use widen the question. A person's vector is a linear
image of the mean of frozen embeddings in place of a Transformer's, so views are cropped and masked and not reordered; the reranker is
a bilinear form over embeddings and the person's vector. What groups hold is made without the records that training asks for.
The reranker is distilled at temperature 0.05 in place of 0.1, and knows how recent a record is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval.embedders import embed, embedded, unit
from idiolect.retrieval.ranker import later_first
from idiolect.retrieval.reweighted import Reweighted, Reweighting
from idiolect.training.feedback import Asking, By, Lesson, lessons, sample, untrained
from idiolect.training.kindred import common_words, encoder_of, groups, person_of, persona_map
from idiolect.training.reranking import distilling, taught
from idiolect.types import Floats, History, Record, Request, State, User


@dataclass
class CFRAG(Method):
    """Quotes the `k` best of `pool` records. Groups are of `neighbours` people, `least` at least; with 1, a person is ranked for alone.

    The person counts `persona` beside the question in finding, the group's words `widened`; a person is their `items` newest records,
    and at most `people` of them make the groups.
    """

    k: int = 4
    pool: int = 20
    neighbours: int = 6
    least: int = 3
    persona: float = 0.1
    widened: float = 0.1
    rerank: bool = True
    embedder: str = "hash"
    feedback: By = "any"
    items: int = 100
    people: int = 500
    width: int = 32
    newest: int = 4
    candidates: int = 8
    questions: int = 96
    answer_tokens: int = 32
    rank: int = 8
    steps: int = 60
    temperature: float = 0.05
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        start = untrained(users, self.embedder, self.rank, self.seed, context=self.width)
        past = [
            user.records[: max(0, len(user.records) - self.newest)].newest(self.items) for user in sample(users, self.people, self.seed)
        ]
        past = [records for records in past if len(records)]
        own = [start.weighted(embedded(records, self.embedder)) for records in past]
        encoder = encoder_of(own, len(start.rarity), self.width, seed=self.seed)
        kin = self._groups(past, own, encoder, start)
        self.shared = State(arrays={**start.arrays, **kin, "encoder": encoder, "map": encoder.T.copy()})
        asking = Asking(self.newest, self.candidates, self.questions, self.answer_tokens, self.feedback, self.seed)
        told = lessons(users, lm, start, self.embedder, asking)
        who = [self._kin(self._person(users[one.who].records[: one.earlier]))[0] for one in told]
        if told:
            pointed = persona_map(self.shared.arrays["map"], told, np.stack(who), self.persona, self.steps)
            learnt = taught(start, _with(told, who), distilling(self.temperature), self.steps)
            self.shared = State(arrays={**self.shared.arrays, **learnt.arrays, "map": pointed})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not self.shared.arrays:
            return super().enroll(users, lm)
        return [State(records=self.quotable(user), arrays={"person": self._person(user.records)}) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if "person" not in state.arrays or not self.shared.arrays:
            return build(request, [quoted(Reweighted(state.records, None, self.embedder).search(request.question, self.k))], lm)
        return build(request, [quoted(self._near(state, request.question))], lm)

    def _near(self, state: State, question: str) -> list[Record]:
        """The records to quote, best first."""
        ranker = Reweighting.of(self.shared.arrays)
        asked, documents = ranker.question(question, self.embedder), ranker.documents(state.records, self.embedder)
        person, words = self._kin(state.arrays["person"])
        texts = documents[:, : len(asked)]
        toward = unit(person @ self.shared.arrays["map"])
        found = (1 - self.persona) * texts @ unit(asked + self.widened * words) + self.persona * texts @ toward
        first = later_first(np.asarray(found, np.float64))[: self.pool if self.rerank else self.k]
        if self.rerank:
            again = ranker.scores(np.concatenate([asked, person]), documents[first])
            first = first[np.argsort(-again, kind="stable")][: self.k]
        return [state.records[place] for place in first]

    def _person(self, records: History) -> Floats:
        """(width,): the person by their newest records."""
        newest = embedded(records.newest(self.items), self.embedder)
        return person_of(Reweighting.of(self.shared.arrays).weighted(newest), self.shared.arrays["encoder"])

    def _kin(self, person: Floats) -> tuple[Floats, Floats]:
        """The person with the nearest group mixed in, and the direction of that group's words; without a group, the person and nothing."""
        means, words = self.shared.arrays["means"], self.shared.arrays["words"]
        if not len(means) or not person.any():
            return person, np.zeros(words.shape[1], np.float32)
        nearest = int(np.argmax(means @ person))
        return unit(person + means[nearest]), words[nearest]

    def _groups(self, past: Sequence[History], own: Sequence[Floats], encoder: Floats, start: Reweighting) -> dict[str, Floats]:
        """What groups hold: the mean of their people's vectors, and the words they have in common as one direction."""
        vectors = np.stack([person_of(one, encoder) for one in own]) if own else np.zeros((0, self.width))
        made = groups(vectors, self.neighbours, self.least) if self.neighbours > 1 else []
        said = [[record.answer for record in records] for records in past]
        words = [" ".join(common_words([said[place] for place in group], said, self.least)) for group in made]
        means = [unit(vectors[group].mean(axis=0)) for group in made]
        directions = start.weighted(embed(words, self.embedder)) if made else np.zeros((0, len(encoder)))
        return {"means": np.array(means, np.float32).reshape(len(made), self.width), "words": np.asarray(directions, np.float32)}


def _with(told: Sequence[Lesson], who: Sequence[Floats]) -> list[Lesson]:
    """Lessons in which the person's vector stands behind the question."""
    return [replace(one, asked=np.concatenate([one.asked, person])) for one, person in zip(told, who, strict=True)]
