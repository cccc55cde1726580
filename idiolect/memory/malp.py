"""MaLP: what a person said enters a short-term memory; what is asked for often enough moves to a long-term one and stays.

Zhang, Kang, Zhao, Liu. LLM-based Medical Assistant Personalization with Short- and Long-Term Memory Coordination. NAACL 2024,
arXiv:2309.11696.

An entry is accessed when a new record's question finds it. It is in the short-term memory while it was accessed fewer than `threshold`
times, and from exactly the `threshold`-th access on in the long-term one. The short-term memory finds entries by the Levenshtein
distance of the questions they came from, the long-term one by words in common with the question. The released code has no such rule:
there, what moves entries is left empty.
Departs from the paper: facts are read by rules, or with `infer` by the model at `update`, where the paper's coordinator writes notes; a
record without any is an entry itself; the distance counts words, at most `apart` of the longer question; the likeness of meaning is the
cosine of content words; no adapter is trained beside the memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from idiolect.facts.extract import by_model
from idiolect.facts.keep import current, remember, used
from idiolect.facts.notes import notes, sections
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.content import content
from idiolect.retrieval.questions import distance
from idiolect.types import Fact, History, Record, Request, State, User
from idiolect.wording import GIST_WORDS, about, clip

Facts = tuple[Fact, ...]


@dataclass
class MaLP(Method):
    """Tells at most `k` entries; keeps `short` and `long` entries of the two memories, the latest said or accessed; reads `newest`."""

    k: int = 4
    threshold: int = 2
    short: int = 60
    long: int = 200
    apart: float = 0.5
    floor: float = 0.15
    newest: int = 300
    infer: bool = False

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [self._remembered(user.records, user.records.newest(self.newest), (), lm if self.infer else None) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        fresh = set(new)
        later = [record for record in user.records if record in fresh][-self.newest :]
        return self._remembered(user.records, later, state.facts, None)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        found = self.found(state.facts, state.records, request.question)[: self.k]
        return build(request, sections(found, state.records, state.facts), lm)

    def tier(self, entry: Fact) -> str:
        """Which memory an entry is in: "short" or "long"."""
        return "long" if entry.uses >= self.threshold else "short"

    def found(self, facts: Sequence[Fact], records: History, question: str) -> list[Fact]:
        """The entries that a question accesses, the nearest first."""
        prompts = records.made("prompts", lambda own: {record.id: record.prompt for record in own})
        gists: dict[str, list[str]] = records.made("gists", lambda own: {})  # filled as entries are looked at
        asked, meant, near = _gist(question), set(content(about(question))), []
        for fact in facts:
            source = fact.sources[-1]
            if self.tier(fact) == "short":
                gist = gists.get(source) or gists.setdefault(source, _gist(prompts.get(source, "")))
                worth = _likeness(asked, gist, self.apart)
            else:
                worth = _cosine(meant, set(content(f"{about(prompts.get(source, ''))} {fact.text}")))
                worth = worth if worth > self.floor else 0.0
            near += [(worth, fact)] if worth else []
        return [fact for _, fact in sorted(near, key=lambda pair: (-pair[0], -pair[1].since, pair[1].text))]

    def _remembered(self, records: History, new: Sequence[Record], facts: Facts, lm: LM | None) -> State:
        """The entries after `new` records, one after another: what each asks is accessed, then what it says is entered."""
        read: dict[str, list[Fact]] = {}
        for fact in by_model(new, lm).facts if lm is not None else ():
            read.setdefault(fact.sources[0], []).append(fact)
        for record in new:
            accessed = self.found(facts, records, record.prompt)
            others = set(facts).difference(accessed)  # in any order: what is remembered does not depend on it
            told = used(accessed, {fact.id for fact in accessed}, record.time)
            facts = self._within(current(remember([*others, *told], read.get(record.id) or notes(record))))
        return State(records=records, facts=facts)

    def _within(self, facts: Facts) -> Facts:
        """The facts without the stalest of a memory that holds too many."""
        stays: set[Fact] = set()
        for tier, most in (("short", self.short), ("long", self.long)):
            own = sorted((fact for fact in facts if self.tier(fact) == tier), key=lambda fact: (-max(fact.since, fact.last), fact.text))
            stays.update(own[:most])
        return tuple(fact for fact in facts if fact in stays)


def _gist(question: str) -> list[str]:
    return words(clip(about(question), GIST_WORDS))


def _likeness(one: Sequence[str], other: Sequence[str], apart: float) -> float:
    """1 for the same words, less for each edit, 0 beyond the share `apart` of the longer."""
    longer, there = max(len(one), len(other)), set(other)
    most = int(apart * longer)
    if not longer or longer - sum(word in there for word in one) > most:  # each word that is not there costs an edit
        return 0.0
    edits = distance(one, other, most)
    return 1 - edits / longer if edits <= most else 0.0


def _cosine(one: Collection[str], other: Collection[str]) -> float:
    return len(set(one) & set(other)) / math.sqrt(len(one) * len(other)) if one and other else 0.0
