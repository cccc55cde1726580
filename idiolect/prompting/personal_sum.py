"""PersonalSum: the reader's own summaries of earlier articles stand before the article, with what they show of how this reader sums up.

Zhang, Liu, Henriksboe, Lauvrak, Gulla, Ramampiaro. PersonalSum: A User-Subjective Guided Personalized Summarization Dataset for Large
Language Models. NeurIPS 2024, arXiv:2410.03905.

A record is an article, its prompt, and the person's summary, its answer. What the paper found: entities and topics are only one of several
factors, and personal summaries stay hard, so one signal or another may help one reader and not the next.
Departs from the paper: signals are counted from all of the reader's earlier pairs in place of annotated for each; the pairs are those
nearest to the article.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.errors import MethodError
from idiolect.facts.outlines import near, recurring
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build, profile
from idiolect.retrieval.bm25 import words
from idiolect.types import History, Record, Request, State, User
from idiolect.wording import about, clip

SHOTS = "Summaries that this reader wrote before, each after its article, oldest first:"
SUMMARY_WORDS = 120
PLACES = ("beginning", "middle", "end")


@dataclass
class PersonalSum(Method):
    """Shows `k` pairs, articles clipped to `article_words`, and `signals` counted from the `newest`: "topics", "plot", "structure"."""

    k: int = 3
    ranker: str = "bm25"
    signals: tuple[str, ...] = ("topics",)
    article_words: int = 100
    newest: int = 50

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        wrong = [name for name in self.signals if name not in SIGNALS]
        if wrong:
            raise MethodError(f"no signal of a reader is called {wrong[0]!r}; there are {', '.join(SIGNALS)}")
        latest = [_pairs(user.records).newest(self.newest) for user in users]
        told = ["\n".join(filter(None, [SIGNALS[name](own) for name in self.signals])) for own in latest]
        return [State(text=text, records=user.records) for text, user in zip(told, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        article = about(request.question).strip()
        others = state.records.made("pairs", _pairs)
        found = [record for record in near(others, request.question, self.k + 1, self.ranker) if about(record.prompt).strip() != article]
        shots = tuple(Piece(self._shot(record), (f"record:{record.id}",), record.time) for record in found[: self.k])
        return build(request, [profile(state.text), Section(shots, SHOTS)], lm)

    def _shot(self, record: Record) -> str:
        return f"Article: {clip(about(record.prompt), self.article_words)}\nSummary: {clip(record.answer, SUMMARY_WORDS)}"


def topics(records: Sequence[Record]) -> str:
    """The words that recur where this reader took them over from the article: names and subjects they keep."""
    kept = recurring([" ".join(w for w in words(r.answer) if w in _article(r)) for r in records])
    return f"This reader's summaries keep: {', '.join(kept)}." if kept else ""


def plot(records: Sequence[Record]) -> str:
    """From which third of the article the words of the summaries come, where they first stand there."""
    places = [place for record in records for place in _places(record)]
    if not places:
        return ""
    shares = np.bincount(places, minlength=3) / len(places)
    return (
        "This reader tells of the article's " + ", ".join(f"{name} {share:.0%}" for name, share in zip(PLACES, shares, strict=True)) + "."
    )


def structure(records: Sequence[Record]) -> str:
    """How long summaries are, in words and sentences, as the middle one of all."""
    lengths = sorted(len(record.answer.split()) for record in records if record.answer.strip())
    if not lengths:
        return ""
    sentences = sorted(len(re.findall(r"[.!?\u3002]+(?:\s|$)", record.answer.strip())) or 1 for record in records if record.answer.strip())
    return f"This reader's summaries have about {lengths[len(lengths) // 2]} words in {sentences[len(sentences) // 2]} sentences."


SIGNALS: Mapping[str, Callable[[Sequence[Record]], str]] = {"topics": topics, "plot": plot, "structure": structure}


def _pairs(records: History) -> History:
    """The records that have an article."""
    return History(record for record in records if about(record.prompt).strip())


def _article(record: Record) -> frozenset[str]:
    return frozenset(words(about(record.prompt)))


def _places(record: Record) -> list[int]:
    """0, 1 or 2, the third of the article, for each longer word of its summary that stands there."""
    article = words(about(record.prompt))
    first = {word: place for place, word in reversed(list(enumerate(article)))}
    return [3 * first[word] // len(article) for word in dict.fromkeys(words(record.answer)) if word in first and len(word) > 3]
