"""LoCoMo: how many of the turns that answer a question are found, and, by a capable model, how good its answers are.

Maharana, Lee, Tulyakov, Bansal, Barbieri, Fang. Evaluating Very Long-Term Conversational Memory of LLM Agents. ACL 2024,
arXiv:2402.17753. Recall is a question's share of evidence turns among the first k; questions without evidence are left out and counted.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idiolect.data.locomo import ADVERSARIAL, CATEGORIES, Conversation, Question
from idiolect.evaluation.intervals import Draws, Interval
from idiolect.evaluation.recalled import Finder, Groups, reworded
from idiolect.extras import need
from idiolect.models.lm import LM
from idiolect.types import Floats, Ints, Request, ask

KS = (5, 10)
ANSWERABLE = "answerable"
INSTRUCTION = (
    "Answer with a short phrase, in the words of the conversation where they serve; a question for a time with a date. "
    'If the conversation does not say, answer "not mentioned".\n\n'
)
ANSWER_TOKENS = 32
UNSAID = ("no information available", "not mentioned")
Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Found:
    """What a finder found: one row a question, in the order of `asked`."""

    name: str
    values: Floats  # (questions, ks): recall at each k; or (questions, 1): the F1 of answers
    used: Floats  # (questions,) records that it tells as it is configured
    all_used: Floats  # (questions,) recall of all those
    matched: Floats  # (questions,) recall of the first finder at as many


@dataclass(frozen=True)
class Row:
    """A finder's figures on a kind of questions, with intervals over questions and conversations, and the change to the first finder."""

    name: str
    kind: str
    questions: int
    by_question: tuple[Interval, ...]
    by_conversation: tuple[Interval, ...]
    change: tuple[Interval, ...]  # over conversations
    used: float
    all_used: float
    matched: float
    beside: Interval  # what is told, against as many of the first finder's, over conversations


def asked(conversations: Sequence[Conversation]) -> list[tuple[int, Question]]:
    """The questions with evidence, each with the place of its conversation."""
    return [(place, question) for place, one in enumerate(conversations) for question in one.questions if question.evidence]


def find(
    conversations: Sequence[Conversation], finder: Finder, ks: Sequence[int] = KS, tick: Tick | None = None, first: Finder | None = None
) -> Found:
    """Ask a finder for every question. A group without an order counts as the mean over its orders.

    `first`, which has been asked before, says what is found at as many records as this one tells.
    """
    finder.know([one.user for one in conversations])
    questions = asked(conversations)
    values, used = np.zeros((len(questions), len(ks))), np.zeros((len(questions), 3))
    for row, (place, question) in enumerate(questions):
        user = conversations[place].user.id
        groups = finder.find(user, question.text, max(ks))
        values[row] = [_recall(groups, question.evidence, k) for k in ks]
        whole = finder.told(user, finder.tell(user, ask(question.text)))
        beside = (first or finder).find(user, question.text, len(whole)) if whole else []
        used[row] = (
            len(whole),
            _recall([whole] if whole else [], question.evidence, len(whole)),
            _recall(beside, question.evidence, len(whole)),
        )
        if tick:
            tick(finder.name, row + 1, len(questions))
    return Found(finder.name, values, *used.T)


def _recall(groups: Groups, evidence: Sequence[str], k: int) -> float:
    hits, left = 0.0, k
    for group in groups:
        taken = min(left, len(group))
        hits += len(set(group) & set(evidence)) * taken / len(group)
        left -= taken
    return hits / len(evidence)


def answer(conversations: Sequence[Conversation], finder: Finder, lm: LM, tick: Tick | None = None) -> Found:
    """The F1 of a model's answers, told what the finder tells, as the benchmark scores them. A conversation's are generated together."""
    finder.know([one.user for one in conversations])
    scores: list[float] = []
    for place, talk in enumerate(conversations):
        questions = [question for _, question in asked([talk])]
        bent = [finder.tell(talk.user.id, ask(question.text, max_tokens=ANSWER_TOKENS)) for question in questions]
        open_ = [reworded(b, INSTRUCTION + question.text) for b, question in zip(bent, questions, strict=True) if isinstance(b, Request)]
        made = iter(lm.generate(open_) if open_ else [])
        scores += [score((next(made) if isinstance(b, Request) else b).text, question) for b, question in zip(bent, questions, strict=True)]
        if tick:
            tick(finder.name, place + 1, len(conversations))
    nothing = np.zeros(len(scores))
    return Found(finder.name, np.array(scores)[:, None], nothing, nothing, nothing)


def score(reply: str, question: Question) -> float:
    """Of several answers the mean of each one's best match, of an open-domain answer what stands before ";", of an adversarial question
    whether the reply refuses; else the F1 of stemmed words."""
    if question.category == ADVERSARIAL:
        return float(any(words in reply.lower() for words in UNSAID))
    if CATEGORIES[question.category] == "multi-hop":
        given = [part.strip() for part in reply.split(",")]
        return float(np.mean([max(f1(one, true.strip()) for one in given) for true in question.answer.split(",")]))
    return f1(reply, question.answer.split(";")[0].strip() if CATEGORIES[question.category] == "open-domain" else question.answer)


def f1(reply: str, truth: str) -> float:
    """Of words in lower case, without articles, "and" and punctuation, stemmed by Porter's rules. Raises MissingExtra without nltk."""
    said, true = Counter(_stems(reply)), Counter(_stems(truth))
    return 2 * (said & true).total() / max(said.total() + true.total(), 1)


def _stems(text: str) -> list[str]:
    plain = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return [_stemmer().stem(word) for word in re.sub(r"\b(a|an|the|and)\b", " ", plain).split()]


@cache
def _stemmer() -> Any:
    return need("nltk.stem.porter", "LoCoMo's F1").PorterStemmer()


def rows(conversations: Sequence[Conversation], found: Sequence[Found], seed: int = 0) -> list[Row]:
    """Every finder's figures: on all questions with an answer, on each category."""
    questions = asked(conversations)
    place = np.array([at for at, _ in questions], dtype=np.intp)
    category = np.array([question.category for _, question in questions])
    kinds = {ANSWERABLE: category != ADVERSARIAL, **{name: category == number for number, name in CATEGORIES.items()}}
    chosen = {kind: mask for kind, mask in kinds.items() if mask.any()}
    return [_row(one, found[0], kind, mask, place, seed) for one in found for kind, mask in chosen.items()]


def _row(one: Found, first: Found, kind: str, mask: NDArray[np.bool_], place: Ints, seed: int) -> Row:
    values, change = one.values[mask], one.values[mask] - first.values[mask]
    by_question = Draws(len(values), seed)
    at = np.unique(place[mask], return_inverse=True)[1]
    by_conversation = Draws(int(at.max()) + 1, seed)
    columns = range(values.shape[1])
    return Row(
        one.name,
        kind,
        len(values),
        tuple(by_question.interval(values[:, [k]], lambda mean: mean[..., 0]) for k in columns),
        tuple(_pooled(by_conversation, values[:, k], at) for k in columns),
        tuple(_pooled(by_conversation, change[:, k], at) for k in columns) if one is not first else (),
        float(one.used[mask].mean()),
        float(one.all_used[mask].mean()),
        float(one.matched[mask].mean()),
        _pooled(by_conversation, (one.all_used - one.matched)[mask], at),
    )


def _pooled(draws: Draws, values: Floats, at: Ints) -> Interval:
    """The mean over questions, its interval over the conversations that they are asked of."""
    parts = np.stack([np.bincount(at, values), np.bincount(at).astype(np.float64)], axis=1)
    return draws.interval(parts, lambda mean: mean[..., 0] / mean[..., 1])
