"""LongTerm: the default memory: facts with sources and time, wishes that always hold, the last records, and the nearest ones.

After Rasmussen, Paliychuk, Beauvais, Ryan, Chalef. Zep: A Temporal Knowledge Graph Architecture for Agent Memory. 2025,
arXiv:2501.13956 (facts that are ended, not overwritten), and Zhong, Guo, Gao, Ye, Wang. MemoryBank: Enhancing Large Language
Models with Long-Term Memory. AAAI 2024, arXiv:2305.10250 (decay, which use slows down).

Departs from the papers: facts are read by rules from the person's own words, so that what is observed is known at once and no
model is asked (with `reader="model"` one is, when a person is enrolled or updated, and believed where it can be checked); they lie
in one list with keys in place of a graph; what a person orders not to be told is not; a record all of whose facts are over is
not quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal

from idiolect.facts.extract import by_model, by_rules
from idiolect.facts.keep import FORBIDDEN, PINNED, Policy, current, folded, forget_sources, kept, remember
from idiolect.facts.telling import forbidden, told
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval import BM25, rank
from idiolect.types import KINDS, WRITTEN, Fact, History, Record, Request, State, User

WISHES = "How this person wants to be answered, in their words:"
RECENT = "What this person wrote last, oldest first:"
DAY = 86400.0


@dataclass
class LongTerm(Method):
    """Tells all wishes and pinned facts, the `facts` nearest to the question, the last `recent` records and the `k` nearest.

    Recent are records at most `window` seconds older than the last. Of facts `most` are kept; their weight halves every
    `half_life` days since they were said or heard again (None: never). Nothing that matches one of `forbid`, regular
    expressions, becomes a fact or is quoted. All of it takes at most `budget` tokens (None: what the model's window leaves).
    """

    k: int = 4
    facts: int = 8
    recent: int = 2
    window: float = 6 * 3600.0
    ranker: str = "bm25"
    reader: Literal["rules", "model"] = "rules"
    most: int = 500
    half_life: float | None = None
    forbid: tuple[str, ...] = ()
    budget: int | None = None

    reads: ClassVar[frozenset[str]] = frozenset(KINDS)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [self._enrolled(user.records, lm) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        known = {record.id for record in user.records}
        gone = {source for fact in state.facts for source in fact.sources} - known
        facts = forget_sources(state.facts, gone) if gone else state.facts
        return self._kept(user.records, remember(facts, _read(new)), state.numbers.get("bad", 0))

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        may_not = forbidden(state.facts, self.forbid)
        holding = [fact for fact in current(state.facts) if fact.kind != FORBIDDEN and not may_not(fact.text)]
        always = [fact for fact in holding if _always(fact)][::-1]
        near = _nearest([fact for fact in holding if not _always(fact)], request.question, self.facts)
        said = {folded(fact.text) for fact in (*always, *near)}
        last, others = self._quotable(state, request.question, may_not, said)
        return build(request, [told(always, WISHES), told(near), quoted(others), quoted(last, RECENT)], lm, self.budget)

    def _enrolled(self, records: History, lm: LM) -> State:
        found = by_model(records, lm) if self.reader == "model" else None
        facts = remember((), [*_read(records), *(found.facts if found else ())])
        return self._kept(records, facts, found.bad if found else 0)

    def _kept(self, records: History, facts: Sequence[Fact], bad: float) -> State:
        may_not = forbidden((), self.forbid)
        allowed = [fact for fact in facts if fact.kind == FORBIDDEN or not may_not(fact.text)]
        policy = Policy(self.most, self.half_life and self.half_life * DAY, pinned=(PINNED, FORBIDDEN))
        left = kept(allowed, policy, records[-1].time) if len(records) else ()
        return State(records=records, facts=tuple(left), numbers={"bad": bad} if bad else {})

    def _quotable(self, state: State, question: str, may_not: Callable[[str], bool], said: set[str]) -> tuple[list[Record], list[Record]]:
        """The last records, newest first, and the nearest others: none that is told as a fact, is over, or may not be told."""
        over = _over(state.facts)

        def quotable(record: Record) -> bool:
            text = f"{record.prompt}\n{record.answer}"
            return record.id not in over and folded(record.answer) not in said and not may_not(text)

        written = state.records.made("written", lambda own: own.of(WRITTEN))
        fresh = [record for record in written.newest(self.recent)[::-1] if record.time >= written[-1].time - self.window]
        last = [record for record in fresh if quotable(record)]
        ranked = (written[place] for place in rank(written, self.ranker).order(question)) if self.k else ()
        return last, list(islice((record for record in ranked if record not in last and quotable(record)), self.k))


def _read(records: Iterable[Record]) -> list[Fact]:
    return [fact for record in records for fact in by_rules(record)]


def _always(fact: Fact) -> bool:
    return fact.kind in (PINNED, "correction") or fact.key.startswith("wish:")


def _nearest(facts: Sequence[Fact], question: str, most: int) -> list[Fact]:
    """The facts that share words with the question, best first; then what the person prefers, the latest first; then the latest.

    What somebody cannot stand seldom shares a word with the question that it should decide.
    """
    tried = sorted(facts, key=lambda fact: fact.kind == "preference")  # of equal scores the last comes first
    texts = [Record("", fact.text, fact.since, str(place)) for place, fact in enumerate(tried)]
    return [tried[int(one.id)] for one in BM25(texts).search(question, most)]


def _over(facts: Iterable[Fact]) -> set[str]:
    """The ids of records that gave facts of which none holds any more."""
    ended = {source for fact in facts for source in fact.sources}
    return ended - {source for fact in current(facts) for source in fact.sources}
