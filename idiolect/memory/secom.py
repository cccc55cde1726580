"""SeCom: what a person wrote is cut where the matter changes; whole segments are found by a text with fewer words, and told as written.

Pan, Wu, Jiang, Luo, Cheng, Li, Yang, Lin, Zhao, Qiu, Gao. On Memory Construction and Retrieval for Personalized Conversational
Agents. ICLR 2025, arXiv:2502.05589.

Departs from the paper: words are dropped by rules (function words, then words said before) in place of LLMLingua-2; without
`cutter="model"` segments are cut by pauses and by words in common, and what is new by words alone until the next `update`; a model's
cuts are repaired until they hold every record once, where the released code trusts its counts; what is new is compressed too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.errors import MethodError
from idiolect.facts.compress import compressed
from idiolect.facts.segments import LONGEST, Segment, continues, segments
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval import Ranker, rank
from idiolect.retrieval.ranker import indexed
from idiolect.types import Fact, History, Record, Request, State, User

CUTTERS = ("rules", "model")
SEGMENT = "segment"  # the kind of facts that are segments: their text is what they are found by, their sources are what is told


@dataclass
class SeCom(Method):
    """Tells the `k` segments nearest to the question; of each text the share `rate` is kept to find it by.

    Segments are cut by "rules", at most `longest` records each, or by the "model".
    """

    k: int = 3
    ranker: str = "bm25"
    rate: float = 0.9
    cutter: str = "rules"
    longest: int = LONGEST

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if self.cutter not in CUTTERS:
            raise MethodError(f"segments are cut by {' or '.join(map(repr, CUTTERS))}, not by {self.cutter!r}")
        cutter = lm if self.cutter == "model" else None
        return [self._kept(user.records, segments(user.records, cutter, self.longest)) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        fresh = set(new)
        later = [record for record in user.records if record in fresh]
        if state.records and later and later[0].time < state.records[-1].time:
            return self._kept(user.records, segments(user.records, None, self.longest))
        facts = list(state.facts)
        last = segmented(state)[-1:]
        for record in later:
            goes_on = bool(last) and len(last[0]) < self.longest and continues(last[0], record)
            last = [(*last[0], record) if goes_on else (record,)]
            facts[len(facts) - goes_on :] = [self._fact(last[0])]
        return State(records=user.records, facts=tuple(facts))

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        ranker = state.records.made(("segments", self.ranker, state.facts), lambda own: self._ranker(state.facts))
        by_id = {record.id: record for record in state.records}
        near = [by_id[source] for one in ranker.search(request.question, self.k) for source in state.facts[int(one.id)].sources]
        return build(request, [quoted(near)], lm)

    def _kept(self, records: History, own: Sequence[Segment]) -> State:
        return State(records=records, facts=tuple(self._fact(segment) for segment in own))

    def _fact(self, segment: Segment) -> Fact:
        text = compressed("\n".join(indexed(record) for record in segment), self.rate)
        return Fact(text, tuple(record.id for record in segment), segment[0].time, kind=SEGMENT)

    def _ranker(self, facts: Sequence[Fact]) -> Ranker:
        return rank([Record("", fact.text, fact.since, str(place)) for place, fact in enumerate(facts)], self.ranker)


def segmented(state: State) -> list[Segment]:
    """The segments of a state, put one after another its records."""
    by_id = {record.id: record for record in state.records}
    return [tuple(by_id[source] for source in fact.sources) for fact in state.facts]
