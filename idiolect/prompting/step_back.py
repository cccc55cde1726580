"""StepBack: a step back from single records: their keywords and topics stand before the question, and quoted records carry style notes.

Tang, Zhang, Shao, Wu, Zhao, Cohan, Gong, Zhang, Gerstein. Step-Back Profiling: Distilling User History for Personalized Scientific
Writing. 2024, arXiv:2406.14275.

Departs from the paper: style notes are written once, of the `noted` newest records, which are those quoted, in place of at each question;
one role for all tasks. Departs from the released code, whose loop overwrites what it gathers, so that only the last record is
profiled, and which may draw the question itself: all that is drawn is read, and nothing but what was written earlier is drawn.
`writer="counted"` counts keywords, topics and notes without a model, and may quote any record.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.facts.outlines import asked_of, asking, by_model, is_scored, near, recurring, said, written
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build, profile
from idiolect.types import Fact, History, Record, Request, State, User
from idiolect.wording import QUOTED, describe, quote_one

GIST = "List the keywords and the topics of what this person wrote, on two lines: 'Keywords: ...' and 'Topics: ...'."
NOTE = "Note in at most 15 words the tone, the length and the style of what was written."
ROLE = "You write for the person of whom this is known."
HEAD = len("How this person writes: ")  # of a description: a note on one record does without


@dataclass
class StepBack(Method):
    """Keywords and topics of `sampled` records, drawn by `seed`, and `k` records found by `ranker` with a note on the style of each."""

    k: int = 2
    ranker: str = "bm25"
    sampled: int = 20
    noted: int = 8
    gist_tokens: int = 60
    note_tokens: int = 24
    seed: int = 0
    writer: str = "model"

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        drawn = [self._drawn(user.records) for user in users]
        if not by_model(self.writer):
            return [State(text=_counted(own), records=user.records) for own, user in zip(drawn, users, strict=True)]
        latest = [user.records.newest(self.noted) for user in users]
        gists = [asking(GIST, own, lm, self.gist_tokens) for own in drawn]
        notes = [asking(NOTE, [record], lm, self.note_tokens) for own in latest for record in own]
        made = iter(written(lm, [*gists, *notes]))
        texts = [next(made) for _ in users]
        facts = [tuple(Fact(next(made), (r.id,), r.time, kind="style") for r in own) for own in latest]
        return [State(text=text, records=user.records, facts=own) for text, user, own in zip(texts, users, facts, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        notes = {fact.sources[0]: fact.text for fact in state.facts}
        pool = History(record for record in state.records if record.id in notes) if notes else state.records
        found = near(pool, request.question, self.k, self.ranker)
        shown = Section(tuple(Piece(_with_note(record, notes), (f"record:{record.id}",), record.time) for record in found), QUOTED)
        return build(request, [profile(f"{ROLE}\n{state.text}" if state.text else ""), shown], lm)

    def _drawn(self, records: History) -> list[Record]:
        """At most `sampled` of the records there are, in time order."""
        places = random.Random(self.seed).sample(range(len(records)), min(self.sampled, len(records)))
        return [records[place] for place in sorted(places)]


def _with_note(record: Record, notes: dict[str, str]) -> str:
    note = notes.get(record.id, "") if notes or is_scored([record]) else describe([record])[HEAD:]
    return "\n".join(filter(None, [quote_one(record), note and f"Style: {note}"]))


def _counted(records: Sequence[Record]) -> str:
    listed = {"Keywords": recurring(said(records)), "Topics": recurring(asked_of(records))}
    return "\n".join(f"{name}: {', '.join(found)}" for name, found in listed.items() if found)
