"""UniMS-RAG: which sources a question needs is chosen, what they give is weighed, and the answer is refined where the weights say so.

Wang, Huang, Deng, Wang, Wang, Wang, Mi, Pan, Wong. UniMS-RAG: A Unified Multi-source Retrieval-Augmented Generation for Personalized
Dialogue Systems. 2024, arXiv:2401.13256.

Sources are a profile, the person's records, or none (null). Each piece of evidence is worth 0 to 1, in tenths. An answer's objective is
how like its evidence it is, times what the evidence is worth on average; in each round the weakest record is replaced by the next, or
dropped, and the new answer is kept only if its objective is greater. Departs from the paper: the model is not taught to write acting and
evaluation tokens: a linear scorer picks the sequence of sources and another the tenth, both learnt from what sources and records were
worth to the model on past questions; before `fit` both sources are used, and a record is worth its cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.retrieval.embedders import embed
from idiolect.retrieval.ranker import later_first
from idiolect.retrieval.reweighted import Reweighting
from idiolect.retrieval.sources import Plan, decoded, plans, relevance, tenths, whole
from idiolect.training.choosing import chooser
from idiolect.training.evaluating import COSINE, evaluator, signs
from idiolect.training.feedback import Asking, By, lessons, questions, untrained, worths
from idiolect.types import Floats, History, Record, Reply, Request, State, User
from idiolect.wording import describe

Weighed = list[tuple[Record, float]]  # records and what each is worth, best first


@dataclass
class UniMSRAG(Method):
    """Tells a profile of the `described` newest records, or `k` of the `pool` nearest, or both, or neither; refines `rounds` times.

    With no rounds the request is bent and the model asked once: then likelihoods can be measured.
    """

    k: int = 4
    pool: int = 10
    rounds: int = 2
    described: int = 100
    embedder: str = "hash"
    feedback: By = "any"
    newest: int = 4
    candidates: int = 6
    questions: int = 64
    answer_tokens: int = 32
    temperature: float = 0.05
    steps: int = 120
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        start = untrained(users, self.embedder, 1, self.seed)
        asking = Asking(self.newest, self.candidates, self.questions, self.answer_tokens, self.feedback, self.seed)
        weights = evaluator(lessons(users, lm, start, self.embedder, asking))
        self.shared = State(arrays={"rarity": start.rarity, "evaluator": weights})
        asked, seen = [], []
        for who, record in questions(users, asking):
            earlier, request = users[who].records.before(record), asking.question(record)
            near = self._weighed(request.question, earlier)
            about = describe(earlier.newest(self.described))
            asked.append((record, [self._told(request, plan, about, near[: self.k], lm) for plan in plans()]))
            seen.append(_situation(request.question, near))
        learnt = chooser(seen, worths(lm, asked, self.feedback) if asked else [], self.temperature, self.steps)
        self.shared = State(arrays={**self.shared.arrays, "acting": learnt})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(text=describe(user.records.newest(self.described)), records=self.quotable(user)) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        near = self._weighed(request.question, state.records)
        plan = self._plan(request.question, near)
        chosen, spare = (near[: self.k], near[self.k :]) if "records" in plan else ([], [])
        told = self._told(request, plan, state.text, chosen, lm)
        if not self.rounds or not chosen:
            return told
        return self._refined(request, plan, state.text, chosen, spare, lm)

    def _plan(self, question: str, near: Weighed) -> Plan:
        """The sequence of sources that the acting scorer decodes, one token after another, within the grammar."""
        weights = self.shared.arrays.get("acting", np.zeros(0))
        if not len(weights):
            return plans()[-1]
        return decoded(whole(dict(zip(plans(), (_situation(question, near) @ weights).tolist(), strict=True))))

    def _weighed(self, question: str, records: History) -> Weighed:
        """The `pool` nearest records with what the evaluation scorer says each is worth, in tenths."""
        if not len(records):
            return []
        arrays = self.shared.arrays
        ranker = Reweighting.untrained(embed([""], self.embedder), self.embedder)
        ranker = replace(ranker, rarity=arrays["rarity"]) if arrays else ranker
        documents, asked = ranker.documents(records, self.embedder), ranker.question(question, self.embedder)
        first = later_first(np.asarray(ranker.scores(asked, documents), np.float64))[: self.pool]
        worth = signs(asked, documents[first]) @ arrays.get("evaluator", COSINE)
        weighed = [(records[place], relevance(tenths(float(one)))) for place, one in zip(first, worth, strict=True)]
        return sorted(weighed, key=lambda pair: -pair[1])

    def _told(self, request: Request, plan: Plan, about: str, near: Weighed, lm: LM) -> Request:
        """The question with what the sources of the plan give."""
        sections = {"profile": profile(about), "records": quoted([record for record, _ in near])}
        return build(request, [sections[source] for source in plan], lm)

    def _refined(self, request: Request, plan: Plan, about: str, now: Weighed, spare: Weighed, lm: LM) -> Reply:
        """The answer whose objective is greatest, over evidence from which the weakest is taken round by round."""
        replies = [lm.generate([self._told(request, plan, about, now, lm)])[0]]
        best, reached, spare = replies[0], self._objective(replies[0].text, now), list(spare)
        for _ in range(self.rounds):
            weakest = min(now, key=lambda pair: (pair[1], -now.index(pair)))
            more = spare.pop(0) if spare else None
            changed = [pair for pair in now if pair is not weakest] + ([more] if more else [])
            if not changed:
                break
            replies.append(lm.generate([self._told(request, plan, about, changed, lm)])[0])
            objective = self._objective(replies[-1].text, changed)
            if objective > reached:
                best, reached, now = replies[-1], objective, changed
            elif not more:
                break
        return best.chosen_of(replies)

    def _objective(self, answer: str, evidence: Weighed) -> float:
        """How like its evidence an answer is (mean cosine, 0 to 1), times what the evidence is worth (mean)."""
        said, *told = embed([answer, *(record.answer for record, _ in evidence)], self.embedder)
        return float(np.mean([max(0.0, float(said @ one)) for one in told]) * np.mean([worth for _, worth in evidence]))


def _situation(question: str, near: Weighed) -> Floats:
    """(plans, features): each plan beside how long the question is and how much the best and the average record are worth."""
    worth = [one for _, one in near] or [0.0]
    seen = [1.0, max(worth), sum(worth) / len(worth), np.log1p(len(question)) / 10]
    return np.kron(np.eye(len(plans())), seen)
