"""Router: a question whose answer stands in a record is told the record, one that many records answer a profile, a new one what there is.

The kinds of questions are those of Liu, Qiu, Li, Dai et al. A Survey of Personalized Large Language Models. 2025, arXiv:2502.11528:
extraction (it is stated), abstraction (many records imply it), generalization (it must be inferred). No router is published: the rule
is ours. It asks nothing of the model, counts words alone, is the same with records added that share no word with the question, and
stands in the reasons: "route:extraction, 75% of its words in one record and 20% in the next".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from idiolect.errors import MethodError
from idiolect.method import Chain, Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.retrieval import rank
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.content import content
from idiolect.retrieval.ranker import indexed
from idiolect.types import WRITTEN, History, Record, Reply, Request, State, User
from idiolect.wording import about, describe

ROUTES = ("extraction", "abstraction", "generalization")
OWN = frozenset("my mine our mein meine meinen meinem meiner unser mon ma mes notre mi mis nuestro nuestra".split())
HABIT = frozenset(  # what a person is asked about who is to be imitated or pleased
    "style tone voice usual usually typically generally prefer prefers preference preferences favourite favorite taste tastes recommend "
    "suggest stil ton stimme normalerweise meistens gewöhnlich bevorzuge vorliebe lieblings geschmack empfiehl habituellement préfère "
    "préférence favori goût recommande estilo tono voz normalmente suelo prefiero preferencia favorito gusto recomienda".split()
)
ASKING = frozenset("please tell write give say know bitte sag dis dime".split())
DATED = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./]\d{1,2}[./]")
FEWEST = 3  # words: in a shorter text one shared word is not all of it


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a person's records have of a question's words."""

    best: float  # the greatest share of the question's words, or the record's where it is shorter, that both have
    second: float
    records: int  # that share a word with it; all of them, where it has no words of its own
    own: bool  # it speaks of what is the person's, or names a day or a thing that the best record names too
    habit: bool  # it asks for a manner or a preference


@dataclass
class Router(Chain):
    """Routes to `links`: methods for extraction, abstraction and generalization, in this order; each is taught everything.

    Without links: the `k` nearest records; a profile counted from all and the `k` nearest; the profile and the `k` newest. A record
    states the answer from a share `near` on, if it is `margin` ahead of the next, or if the question is of the person's own things.
    Many records are `enough` or more.
    """

    links: tuple[Method, ...] = ()
    k: int = 2
    ranker: str = "bm25"
    near: float = 0.3
    margin: float = 0.2
    enough: int = 4

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]  # what it counts words in, and what the links read
        return WRITTEN | super().reads

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if len(self.links) not in (0, len(ROUTES)):
            raise MethodError(f"a router has a link for each of {', '.join(ROUTES)}, or none at all, not {len(self.links)}")
        return [self._with(user, state) for user, state in zip(users, super().enroll(users, lm), strict=True)]

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self._with(user, super().update(state, user, new, lm))

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self._with(user, super().observe(state, user, new, lm))

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if not len(state.records):
            return request
        route, why = self.route(state.records, request.question)
        asked = replace(request, because=(*request.because, f"route:{ROUTES[route]}, {why}"))
        if self.links:
            parts = state.parts or (State(),) * len(self.links)
            return self.links[route].personalize(parts[route], asked, lm)
        by = "recency" if ROUTES[route] == "generalization" else self.ranker
        near = rank(state.records, by).search(request.question, self.k)
        text = state.records.made("described", describe) if route else ""
        return build(asked, [profile(text), quoted(near)], lm)

    def route(self, records: History, question: str) -> tuple[int, str]:
        """The place in ROUTES, and why."""
        seen = evidence(records, question)
        shares = f"{seen.best:.0%} of its words in one record and {seen.second:.0%} in the next"
        if seen.best >= self.near and seen.best - seen.second >= self.margin:
            return 0, shares
        if seen.best >= self.near and seen.own and not seen.habit:
            return 0, f"{shares}, and it asks for something of the person's own"
        if seen.records < self.enough:
            return 2, f"{seen.records} records bear on it, fewer than {self.enough}"
        if seen.best < self.near and not seen.habit:
            return 2, f"new: {shares}"
        return 1, f"{seen.records} records bear on it: {shares}"

    def _with(self, user: User, state: State) -> State:
        return State(records=user.records.of(WRITTEN), parts=state.parts)


def evidence(records: History, question: str) -> Evidence:
    """Counted from words alone: a record without a word of the question changes nothing."""
    said = set(words(question))
    asked = _content(about(question))
    shared = [(len(asked & own) / max(min(len(asked), len(own)), FEWEST), place) for place, own in enumerate(records.made("words", _words))]
    hits = sorted((one for one in shared if one[0]), reverse=True)[:2]
    best, second = (*(share for share, _ in hits), 0.0, 0.0)[:2]
    named = DATED.search(question) is not None or (bool(hits) and bool(_names(question) & _names(indexed(records[hits[0][1]]))))
    support = sum(share > 0 for share, _ in shared) if asked else len(records)
    return Evidence(min(best, 1.0), min(second, 1.0), support, bool(said & OWN) or named, bool(said & HABIT))


def _words(records: History) -> list[frozenset[str]]:
    return [_content(indexed(record)) for record in records]


def _content(text: str) -> frozenset[str]:
    return frozenset(content(text)) - OWN - HABIT - ASKING


def _names(text: str) -> frozenset[str]:
    """Words with a capital that do not open a sentence."""
    return frozenset(re.findall(r"(?<![.!?:\n])(?<!^) ([A-Z]\w+)", text))
