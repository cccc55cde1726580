"""Which of a person's records would be used for a question: rankers and methods asked alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import fields, replace
from functools import partial
from types import MappingProxyType

import numpy as np

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM, check
from idiolect.models.scripted import ScriptedLM
from idiolect.retrieval import BM25, RANKERS, Dense, Fusion, Ranker
from idiolect.retrieval.bm25 import words
from idiolect.types import Fact, Floats, Message, Record, Reply, Request, State, User, ask
from idiolect.wording import quote

Groups = list[tuple[str, ...]]  # ids of records, best first; within a group there is no order
Make = Callable[[Sequence[Record]], Ranker]

FINDERS = (*RANKERS, "fusion")
GROWS = "k"  # the setting of methods that says how many of the person's records are told
STEPS = (1, 2, 3, 5, 10, 20, 40)


class Embedded(Dense):
    """Dense, with each text embedded once, whoever's it is: benchmarks put the same texts into many histories."""

    def __init__(self, records: Sequence[Record], known: dict[str, Floats]) -> None:
        self._known = known
        super().__init__(records)

    def _embed(self, texts: list[str]) -> Floats:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, super()._embed(new), strict=True))
        return np.array([self._known[text] for text in texts])


class Finder(ABC):
    """Says which of a person's records it would use for a question, and tells them."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def know(self, users: Sequence[User]) -> None:
        """Learn these people, in place of any before."""

    @abstractmethod
    def find(self, user_id: str, question: str, k: int) -> Groups:
        """The records it would use, best first, until they are `k` or it has no more."""

    @abstractmethod
    def tell(self, user_id: str, request: Request) -> Request | Reply:
        """The request with what it tells as it is configured."""

    @abstractmethod
    def told(self, user_id: str, bent: Request | Reply) -> tuple[str, ...]:
        """The ids of the person's records among the reasons of what `tell` gave, each once."""


class ByRanker(Finder):
    """A ranker; what is told is the first `k`, quoted."""

    def __init__(self, name: str, make: Make, k: int = 10) -> None:
        super().__init__(name)
        self.make, self.k = make, k
        self._rankers: dict[str, Ranker] = {}

    def know(self, users: Sequence[User]) -> None:
        self._rankers = {user.id: self.make(user.records) for user in users}

    def find(self, user_id: str, question: str, k: int) -> Groups:
        return [(record.id,) for record in self._rankers[user_id].search(question, k)]

    def tell(self, user_id: str, request: Request) -> Request:
        near = self._rankers[user_id].search(request.question, self.k)
        return request.told(quote(near), because=near)

    def told(self, user_id: str, bent: Request | Reply) -> tuple[str, ...]:
        return named(bent.because)


class ByMethod(Finder):
    """A method: what it uses are the records that the request it bends, or its reply, names as reasons.

    A fact that is told counts for the records that it quotes word by word, and for no others that it was drawn from.
    A request names them in no order of rank, so the method is asked with a growing number of records to tell (its setting GROWS):
    those that come in first are the best, and those that come in together are a group.
    """

    def __init__(self, name: str, method: Method, lm: LM) -> None:
        super().__init__(name)
        check(lm, method.needs, name)
        self.method, self.lm = method, lm
        self._states: dict[str, State] = {}
        self._own: dict[str, dict[str, Record]] = {}
        self.grows = any(field.name == GROWS for field in fields(method))  # type: ignore[arg-type]  # every method is a dataclass

    def know(self, users: Sequence[User]) -> None:
        readable = [self.method.readable(user) for user in users]
        self.method.fit(readable, self.lm)
        self._own = {user.id: {record.id: record for record in user.records} for user in users}
        self._states = {user.id: state for user, state in zip(users, self.method.enroll(readable, self.lm), strict=True)}

    def find(self, user_id: str, question: str, k: int) -> Groups:
        found: Groups = []
        seen: set[str] = set()
        for method in self._growing():
            bent = method.personalize(self._states[user_id], ask(question), self.lm)
            if new := tuple(one for one in self.told(user_id, bent) if one not in seen):
                found.append(new)
                seen.update(new)
            if len(seen) >= k:
                break
        return found

    def tell(self, user_id: str, request: Request) -> Request | Reply:
        return self.method.personalize(self._states[user_id], request, self.lm)

    def told(self, user_id: str, bent: Request | Reply) -> tuple[str, ...]:
        own, facts = self._own[user_id], [fact for fact in _facts(self._states[user_id]) if f"fact:{fact.id}" in bent.because]
        quoted = {f"fact:{fact.id}": [one for one in fact.sources if one in own and quotes(fact, own[one])] for fact in facts}
        return tuple(one for one in named(bent.because, quoted) if one in own)

    def _growing(self) -> Iterable[Method]:
        if not self.grows:
            yield self.method
            return
        for count in STEPS:
            grown = copy(self.method)
            setattr(grown, GROWS, count)
            yield grown


def named(because: Iterable[str], quoted: Mapping[str, Sequence[str]] = MappingProxyType({})) -> tuple[str, ...]:
    """The ids of the records among reasons, "record:<id>", and of the records that other reasons quote; each once."""
    ids: list[str] = []
    for reason in because:
        ids += [reason.removeprefix("record:")] if reason.startswith("record:") else quoted.get(reason, ())
    return tuple(dict.fromkeys(ids))


def quotes(fact: Fact, record: Record) -> bool:
    """Whether a fact is a piece of what the person wrote, word by word: only then does it stand for the record."""
    return bool(words(fact.text)) and f" {' '.join(words(fact.text))} " in f" {' '.join(words(record.answer))} "


def reworded(request: Request, question: str) -> Request:
    """The request with another question, once the records were found by the first."""
    return replace(request, messages=(*request.messages[:-1], Message("user", question)))


def silent() -> ScriptedLM:
    """A model that says nothing, for finders that need none: a method that asks it falls back on what it does without."""
    return ScriptedLM(lambda _: "", can=(), name="silent")


def finder(name: str, method: Method | None, lm: LM, k: int = 10, known: dict[str, Floats] | None = None) -> Finder:
    """The ranker of that name, telling `k` records, or the method; `known` are texts embedded before, to which it adds.

    Raises MethodError where it is neither.
    """
    if method is not None:
        return ByMethod(name, method, lm)
    if name not in FINDERS:
        raise MethodError(f"no ranker is called {name!r}; there are {', '.join(FINDERS)}, and the methods of `idiolect methods`")
    return ByRanker(name, _make(name, {} if known is None else known), k)


def _make(name: str, known: dict[str, Floats]) -> Make:
    if name in ("dense", "fusion"):
        dense = partial(Embedded, known=known)
        return dense if name == "dense" else lambda records: Fusion([BM25(records), dense(records)])
    return RANKERS[name]


def _facts(state: State) -> Iterable[Fact]:
    yield from state.facts
    for part in state.parts:
        yield from _facts(part)
