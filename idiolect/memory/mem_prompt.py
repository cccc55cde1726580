"""MemPrompt: what the person said when they were misunderstood is told when the same kind of question comes again.

Madaan, Tandon, Clark, Yang. Memory-assisted Prompt Editing to Improve GPT-3 After Deployment. EMNLP 2022, arXiv:2201.06009.

A memory cell is a question in its normal form; what it holds is the latest clarification. `lookup="all"` is the paper's baseline that
has no cells: every prompt grows by all the feedback there is, the newest first, as far as the model's window goes.
Departs from the paper: the clarification stands in the system message, so that the question stays as it was asked; what follows an
instruction and a blank line is left out of a question's normal form, like the text in angle brackets; of short questions fewer edits
are forgiven, so that two of five letters are not one; without a trained encoder the cosine is of hashed words ("hash") or of MiniLM
("dense").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build
from idiolect.retrieval.questions import COSINE, EDITS, asked_before, normal
from idiolect.types import History, Record, Request, State, User

HEADING = "What this person meant when they were misunderstood before:"


@dataclass
class MemPrompt(Method):
    """Finds a question again by `lookup`: fewer than `edits` edits ("edits"), a cosine above `near` ("hash", "dense"), or never ("all")."""

    reads: ClassVar[frozenset[str]] = frozenset({"correction"})
    lookup: str = "edits"
    edits: int = EDITS
    near: float = COSINE

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(records=user.records.of(self.reads)) for user in users]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        told = self._recalled(state.records, request.question)
        pieces = tuple(Piece(record.answer, (f"record:{record.id}",), record.time, open=True) for record in told)
        return build(request, [Section(pieces, HEADING, join="\n")], lm)

    def _recalled(self, feedback: History, question: str) -> list[Record]:
        """What is to be told, the best first."""
        if self.lookup == "all":
            return [record for record in reversed(feedback) if record.answer.strip()]
        cells = feedback.made("cells", _cells)
        found = asked_before(question, list(cells), self.lookup, self.edits, self.near)
        return [] if found is None else [list(cells.values())[found]]


def _cells(feedback: History) -> dict[str, Record]:
    """Each kind of question with the latest clarification of it, in the order in which they were last clarified."""
    cells: dict[str, Record] = {}
    for record in feedback:
        if record.answer.strip() and (key := normal(record.prompt)):
            cells.pop(key, None)
            cells[key] = record
    return cells
