"""TeachMe: the general statements by which a person corrected answers are found again by what is asked, and told before the question.

Dalvi Mishra, Tafjord, Clark. Towards Teachable Reasoning Systems: Using a Dynamic Memory of User Feedback for Continual System
Improvement. EMNLP 2022, arXiv:2204.13074.

Unlike a clarification of one question, a statement is told wherever it bears on the question. A correction of no reply is
a lesson and counts too. Departs from the paper: any model answers, and shows no chain of entailments in which the person would look
for the wrong belief: what they say of the answer is the statement. Where two disagree the later holds, by the rules of
`facts.feedback` and by the order in which they are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.facts.feedback import taught
from idiolect.facts.keep import current
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build
from idiolect.retrieval import Ranker, rank
from idiolect.retrieval.content import content
from idiolect.types import Fact, History, Record, Request, State, User
from idiolect.wording import about

HEADING = "What this person has taught, the later where two disagree:"


@dataclass
class TeachMe(Method):
    """Tells at most `k` statements that share a word with the question, found by `ranker`, of the `newest` corrections."""

    reads: ClassVar[frozenset[str]] = frozenset({"correction"})
    k: int = 5
    ranker: str = "bm25"
    newest: int = 1000

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        histories = [user.records.of(self.reads) for user in users]
        return [State(records=own, facts=taught(own.newest(self.newest))) for own in histories]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        lessons = state.records.made(("lessons", self.ranker, state.facts), lambda own: self._lessons(state.facts, own))
        asked, by_id = set(content(request.question)), {fact.id: fact for fact in current(state.facts)}
        near = [one for one in lessons.search(request.question, len(by_id)) if not asked.isdisjoint(content(one.answer))][: self.k]
        pieces = tuple(_piece(by_id[one.id]) for one in near)
        return build(request, [Section(pieces, HEADING, join="\n")], lm)

    def _lessons(self, facts: Sequence[Fact], corrections: History) -> Ranker:
        """The statements that hold, each with the questions after which it was made, for the ranker."""
        asked = {record.id: about(record.prompt) for record in corrections}
        texts = {fact: "\n".join([fact.text, *(asked.get(source, "") for source in fact.sources)]) for fact in current(facts)}
        return rank([Record("", text, fact.since, fact.id) for fact, text in texts.items()], self.ranker)


def _piece(fact: Fact) -> Piece:
    return Piece(f"- {fact.text}", (f"fact:{fact.id}", *(f"record:{source}" for source in fact.sources)), fact.since)
