"""CIPHER: what a person prefers is read off the edits they make, kept with what was being written, and told when the like is written again.

Gao, Taymanov, Salinas, Mineiro, Misra. Aligning LLM Agents by Learning Latent Preference from User Edits. NeurIPS 2024,
arXiv:2404.15269.

An edit in which nothing was changed keeps the preferences that were used. Departs from the paper: preferences are read by rules
(`facts.edits`), at once and without a model, unless `infer` asks the model for one phrase an edit, which it gives at `update`; what rules
read is added to what was used and left as it was, where the paper's model words it all anew; those of the `k` nearest
contexts are told as a list, the newest of each aspect, in place of a summary; contexts are compared by BM25.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from idiolect.facts.edits import WORDS, differences, still_shown
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build
from idiolect.retrieval import Ranker, rank
from idiolect.types import Fact, History, Record, Request, State, User, ask
from idiolect.wording import about, clip

HEADING = "What this person prefers, as their edits show:"
INFER = (
    "A draft, and the text as its author left it.\n\nDraft:\n{draft}\n\nAs they left it:\n{final}\n\n"
    "In at most 15 words: how does the author prefer such texts to be written?"
)
CONTEXT = 60  # words by which a context is found again
SHOWN = 200  # words of a draft and of a text that the model is asked about


@dataclass
class CIPHER(Method):
    """Tells what the edits of the `k` nearest contexts among the `newest` show, and words that were changed in `least` edits."""

    reads: ClassVar[frozenset[str]] = frozenset({"edit"})
    k: int = 3
    ranker: str = "bm25"
    newest: int = 200
    least: int = 2
    infer: bool = False
    phrase_tokens: int = 40

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        histories = [user.records.of(self.reads) for user in users]
        phrases = self._inferred([edit for own in histories for edit in own.newest(self.newest)], lm) if self.infer else {}
        states = [State(records=own) for own in histories]
        return [replace(state, facts=self._learnt((), state.records, state.records.newest(self.newest), phrases)) for state in states]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        edits, fresh = user.records.of(self.reads), set(new)
        later = [edit for edit in edits if edit in fresh][-self.newest :]
        return State(records=edits, facts=self._learnt(state.facts, edits, later, {}))

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = self._preferred(state.facts, state.records, request.question)
        pieces = [Piece(f"- {fact.text}", (f"fact:{fact.id}", *(f"record:{source}" for source in fact.sources))) for fact in told]
        return build(request, [Section(tuple(pieces), HEADING, join="\n")], lm)

    def _learnt(self, facts: tuple[Fact, ...], edits: History, new: Sequence[Record], phrases: dict[Record, str]) -> tuple[Fact, ...]:
        """`facts` and what each new edit shows, in the order of time: what was used when it was drafted, and what it changed."""
        drafts = {edit.id: edit.other for edit in edits}
        for edit in new:
            used = self._used(facts, edits.before(edit), edit.prompt)
            shown = {"": phrases[edit]} if edit in phrases else differences(edit.other, edit.answer)
            kept = [fact for fact in used if fact.key not in shown and _held(fact, drafts, edit)]
            made = [Fact(said, (edit.id,), edit.time, kind="preference", key=aspect) for aspect, said in shown.items()]
            facts = (*facts, *(replace(fact, sources=(fact.sources[0], edit.id), since=edit.time) for fact in kept), *made)
        recent = {edit.id for edit in edits.newest(self.newest)}
        return tuple(fact for fact in facts if fact.sources[-1] in recent)

    def _used(self, facts: Sequence[Fact], edits: History, context: str) -> list[Fact]:
        """The newest of each aspect among those of the nearest contexts."""
        near = {record.id for record in edits.made(("contexts", self.ranker, self.newest), self._contexts).search(context, self.k)}
        told = {fact.key or fact.text: fact for fact in facts if fact.sources[-1] in near and not fact.key.startswith(WORDS)}
        return list(told.values())

    def _contexts(self, edits: History) -> Ranker:
        """What was being written at each of the newest edits."""
        return rank([Record(clip(about(edit.prompt), CONTEXT), "", edit.time, edit.id) for edit in edits.newest(self.newest)], self.ranker)

    def _preferred(self, facts: Sequence[Fact], edits: History, context: str) -> list[Fact]:
        words: dict[str, list[Fact]] = {}
        for fact in facts:
            if fact.key.startswith(WORDS):
                words.setdefault(fact.key, []).append(fact)
        recurring = [replace(own[-1], sources=tuple(fact.sources[-1] for fact in own)) for own in words.values() if len(own) >= self.least]
        return [*self._used(facts, edits, context), *recurring]

    def _inferred(self, edits: Sequence[Record], lm: LM) -> dict[Record, str]:
        """For each edit that changed something: what the model reads off it."""
        changed = [edit for edit in dict.fromkeys(edits) if edit.other.strip() and edit.other != edit.answer]
        asked = [INFER.format(draft=clip(edit.other, SHOWN), final=clip(edit.answer, SHOWN)) for edit in changed]
        replies = lm.generate([ask(text, max_tokens=self.phrase_tokens) for text in asked])
        return {edit: " ".join(reply.text.split()) for edit, reply in zip(changed, replies, strict=True) if reply.text.strip()}


def _held(fact: Fact, drafts: Mapping[str, str], edit: Record) -> bool:
    """Whether what was used when `edit` was drafted was left in it; a model's phrase is, where nothing was changed."""
    if not fact.key:
        return edit.other == edit.answer
    return still_shown(fact.key, fact.text, drafts.get(fact.sources[0], ""), edit.answer)
