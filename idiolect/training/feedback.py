"""What a model's answers say of what it was told: questions with known answers, asked with each candidate record alone before them.

Feedback of a language model for a ranker of records, after Salemi, Kallumadi, Zamani. Optimization Methods for Personalizing Large
Language Models through Retrieval Augmentation. SIGIR 2024, arXiv:2404.05970. A candidate is strictly earlier than what is asked for.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from idiolect.errors import MethodError
from idiolect.models.lm import LM, check
from idiolect.prompt import build, quoted
from idiolect.retrieval.embedders import embed, embedded
from idiolect.retrieval.measures import alike
from idiolect.retrieval.ranker import indexed, later_first
from idiolect.retrieval.reweighted import Reweighting
from idiolect.types import WRITTEN, Floats, Record, Request, User, ask

By = Literal["any", "text", "likelihood"]
Drawn = TypeVar("Drawn")
PEOPLE, LATEST = 200, 50  # whose words, and how many records each, say which words are rare


@dataclass(frozen=True)
class Asking:
    """How many questions are asked: everybody's `newest` records, `questions` of them at most, each with `candidates` records in turn.

    `by` "text": how alike the answer's words and the person's are, 0 to 1. "likelihood": nats a token of the person's answer; cheaper
    and finer, but the model must give "logprobs". "any": by likelihood where the model can, or else by text.
    """

    newest: int = 4
    candidates: int = 6
    questions: int = 96
    answer_tokens: int = 32
    by: By = "any"
    seed: int = 0

    def question(self, record: Record) -> Request:
        """The question that `record` answers, with nothing told."""
        return ask(record.prompt, max_tokens=self.answer_tokens)


@dataclass(frozen=True)
class Lesson:
    """A question, its candidates in the order in which an untrained ranker finds them, and what each was worth."""

    who: int  # the person's place among the users
    earlier: int  # how many of the person's records are earlier than what is asked for
    asked: Floats  # (inputs,)
    documents: Floats  # (candidates, width + AGES)
    worth: Floats  # (candidates,)


def questions(users: Sequence[User], asking: Asking) -> list[tuple[int, Record]]:
    """Whose and which records are asked for: what people wrote themselves, in answer to something, with earlier records to tell."""
    found = [(who, record) for who, user in enumerate(users) for record in user.records.of(WRITTEN).newest(asking.newest)]
    found = [(who, record) for who, record in found if record.prompt.strip() and len(users[who].records.before(record))]
    return list(sample(found, asking.questions, asking.seed))


def worths(lm: LM, asked: Sequence[tuple[Record, Sequence[Request]]], by: By) -> list[Floats]:
    """For each record, for each request that asks for it: what the request was worth. Requests that are equal are put once.

    Raises MethodError for another `by`, ModelError where likelihoods are asked of a model that has none.
    """
    put = list(dict.fromkeys((request, record.answer) for record, requests in asked for request in requests))
    if by == "text" or (by == "any" and "logprobs" not in lm.can):
        replies = lm.generate([request for request, _ in put])
        made = [alike(reply.text, answer) for reply, (_, answer) in zip(replies, put, strict=True)]
    elif by in ("any", "likelihood"):
        check(lm, frozenset({"logprobs"}), "feedback by likelihood")
        scores = lm.score([request for request, _ in put], [answer for _, answer in put])
        made = [score.nats / max(len(score.logprobs), 1) for score in scores]
    else:
        raise MethodError(f"feedback is by 'text', by 'likelihood', or by 'any' of them, not by {by!r}")
    worth = dict(zip(put, made, strict=True))
    return [np.array([worth[request, record.answer] for request in requests]) for record, requests in asked]


def lessons(users: Sequence[User], lm: LM, start: Reweighting, embedder: str, asking: Asking) -> list[Lesson]:
    """The questions with the first of their earlier records by the untrained ranker `start`, and what each record was worth quoted alone.

    Where all candidates were worth the same nothing is to be learnt: such questions are left out.
    """
    found = []
    for who, record in questions(users, asking):
        earlier = users[who].records.before(record)
        documents = start.aged(embedded(users[who].records, embedder)[: len(earlier)])
        question = start.question(record.prompt, embedder)
        first = later_first(np.asarray(start.scores(question, documents), np.float64))[: asking.candidates]
        found.append((who, record, question, documents[first], [earlier[place] for place in first], len(earlier)))
    told = [(record, [build(asking.question(record), [quoted([one])], lm) for one in near]) for _, record, _, _, near, _ in found]
    worth = worths(lm, told, asking.by) if told else []
    made = [Lesson(who, count, question, shown, own) for (who, _, question, shown, _, count), own in zip(found, worth, strict=True)]
    return [lesson for lesson in made if np.ptp(lesson.worth) > 0]


def untrained(users: Sequence[User], embedder: str, rank: int, seed: int, context: int = 0) -> Reweighting:
    """The ranker that training starts from: places weighted as they are rare in the latest records of PEOPLE people at most."""
    seen = [record for user in sample(users, PEOPLE, seed) for record in user.records.newest(LATEST)]
    vectors = embed([indexed(record) for record in seen] or [""], embedder)
    return Reweighting.untrained(vectors, embedder, rank, context, seed)


def sample(all_: Sequence[Drawn], most: int, seed: int) -> Sequence[Drawn]:
    """All there are, or `most` of them, drawn by `seed` and in their order: so that what is learnt together has a bound."""
    if len(all_) <= most:
        return all_
    return [all_[place] for place in sorted(random.Random(seed).sample(range(len(all_)), most))]
